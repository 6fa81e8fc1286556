/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef TESTS_FUZZ_ROWS_H
#define TESTS_FUZZ_ROWS_H 1

/* The rows of a database, made of any bytes.
 *
 * A row has the shape that its replica has in the controller
 * (build/gen/conf-idl.h), and is given to it as such by rows_read().  Texts
 * are mostly of a few that make sense or clash; some are any bytes.
 * References may be to rows that do not exist.  Texts live as long as the
 * struct, so rows can be copied. */

#include "conf-idl.h"
#include "controller/conf_private.h"
#include "flows/topo.h"

#define ROWS_N 6                /* Of each table. */
#define ROWS_MAX_TEXTS 1024

struct bytes;

struct row {
    bool exists, changed;
    bool in_error;              /* Says the database. */
    int64_t optional[2], closed_until;
    bool flag;
    struct uuid place[2];
    int64_t ranks[TOPO_MAX_EDGES];
    struct confrec_edge *edges[TOPO_MAX_EDGES];
    const char *options[4];     /* Keys and values, NULL at the end. */
    union {
        struct ovsdb_idl_row header;
        struct confrec_segment segment;
        struct confrec_edge edge;
        struct confrec_cluster cluster;
        struct confrec_binding binding;
        struct confrec_host_port host_port;
        struct confrec_vtep vtep;
        struct confrec_static_mac static_mac;
    };
};

struct rows {
    struct bytes *in;
    struct row rows[TOPO_N_TABLES][ROWS_N];
    struct confrec_edge refs[ROWS_N];   /* What clusters refer to. */
    char *texts[ROWS_MAX_TEXTS];
    size_t n_texts;
};

void rows_init(struct rows *, struct bytes *);
void rows_destroy(struct rows *);
void rows_change(struct rows *);
bool rows_keep_indexes(const struct rows *);
void rows_read(struct conf *, enum topo_table, struct row *, unsigned int n);
struct uuid rows_ref(struct rows *, enum topo_table);

#endif /* tests/fuzz/rows.h */
