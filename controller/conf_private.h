/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_CONF_PRIVATE_H
#define CONTROLLER_CONF_PRIVATE_H 1

/* What the files of controller/conf.h share among themselves.
 *
 *   conf.c        the connection, and what comes from the database
 *   conf_global.c what is there once: options of all
 *   conf_options.c  what is in other columns 'options'
 *   conf_write.c  what goes there
 *   conf_peers.c  the other controllers, as the database knows them
 *   conf_schema.c whether the database is one that we can read
 *
 * One transaction is in progress at most; conf_run_txn() ends it. */

#include "controller/conf.h"

#include "controller/conf_options.h"
#include "flows/topo.h"
#include "ovsdb-idl.h"

struct conf {
    struct ovsdb_idl *idl;
    char *remote;
    unsigned int seqno;         /* Of what is in the topology. */
    unsigned int seen;          /* Of what has been looked at... */
    bool reread;                /* ...and rows were read anew by then. */
    struct topo *topo;
    conf_edge_status_func *edge_status;
    conf_member_status_func *member_status;
    conf_row_error_func *row_error;
    bool was_connected;
    bool was_up;                /* There was a connection, of use or not. */

    char *name;                 /* Ours, or NULL. */
    bool chief, certain, others_changed;
    size_t n_led, n_led_met, n_connected;

    struct uuid global;         /* The row that is there once, or zero. */
    int64_t cfg_seq, ctl_seq, edges_seq;
    unsigned int learn_rate, announce_rate;
    unsigned int flap_moves, flap_window, flap_hold;    /* Seconds. */
    unsigned int close_macs, close_time;                /* Likewise. */
    unsigned int stats_interval;                        /* Likewise. */

    struct ovsdb_idl_txn *txn;  /* In progress, or NULL. */
    bool status_pending, errors_pending, closures_pending;
    long long write_at;         /* After an error, when to try again. */
    char *write_error;          /* The last one, NULL once it works again. */

    /* The question for the schema. */
    struct jsonrpc_session *schema_rpc; /* NULL if there is none. */
    bool schema_asking;         /* And the answer has yet to come. */
    unsigned int schema_seqno;
    unsigned int schema_turn;   /* Which server is asked first. */
    struct json *schema_id;
    long long schema_at;        /* When it is asked anew. */
    char *misfit;               /* Why the schema is of no use, or NULL. */
};

/* A table that both sides know. */
struct conf_table {
    enum topo_table table;
    const struct ovsdb_idl_table_class *class;
    const struct ovsdb_idl_column *error;
    void (*read)(struct conf *, const struct ovsdb_idl_row *);
};

#define CONF_N_TABLES TOPO_N_TABLES
extern const struct conf_table conf_tables[CONF_N_TABLES];

void conf_schema_ask(struct conf *);
void conf_schema_stop(struct conf *);
void conf_schema_run(struct conf *);
bool conf_schema_fits(const struct conf *);
void conf_schema_wait(struct conf *);
void conf_read_global(struct conf *);
void conf_run_txn(struct conf *);
bool conf_is_buried(const struct conf *);
void conf_write_self(struct conf *);
void conf_write_global(struct conf *);
bool conf_owns(const struct conf *, const struct topo_row *);

#endif /* controller/conf_private.h */
