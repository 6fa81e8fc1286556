/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_KCTL_INDEX_H
#define CONTROLLER_KCTL_INDEX_H 1

/* Which rows to look at.
 *
 * A command asks for rows that match a condition.  With indexes a scan visits
 * just these; without, every row of the table, as is right for a program that
 * runs one command and ends.  Either way the caller states the condition once:
 *
 *     kctl_scan_segment_name(&scan, ctx, name);
 *     KCTL_SCAN (segment, &scan, !strcmp(segment->name, name)) {
 *         ...
 *     }
 *
 * The condition must be the one that the function's comment names, for a scan
 * with an index ends at the first row that does not meet it.  A scan sees rows
 * as the transaction has changed them so far.  The transaction must not be
 * changed during a scan.
 *
 * References are compared as such: a row whose reference leads nowhere, which
 * is for a moment at most, is not found. */

#include <stdbool.h>
#include <stdint.h>

#include "db-ctl-base.h"
#include "kakehashi-idl.h"
#include "ovsdb-idl.h"

struct kctl_index;
struct kctl_options;

/* The context of every command.  'index' is NULL if there are no indexes, and
 * 'options' are those of the request. */
struct kctl_context {
    struct ctl_context up;
    const struct kctl_index *index;
    const struct kctl_options *options;
};

/* Adds indexes to 'idl', which must not have been run yet and to which they
 * belong.  The caller frees what is returned, after 'idl'. */
struct kctl_index *kctl_index_create(struct ovsdb_idl *);

static inline const struct kctl_index *
kctl_index(const struct ctl_context *ctx)
{
    return CONTAINER_OF(ctx, struct kctl_context, up)->index;
}

static inline const struct kctl_options *
kctl_options(const struct ctl_context *ctx)
{
    return CONTAINER_OF(ctx, struct kctl_context, up)->options;
}

struct kctl_scan {
    bool indexed;
    struct ovsdb_idl_cursor cursor;     /* If 'indexed'. */
    const struct ovsdb_idl_row *row;
};

/* Each begins a scan for rows with: */

/* the name; */
void kctl_scan_segment_name(struct kctl_scan *, struct ctl_context *,
                            const char *name);
void kctl_scan_edge_name(struct kctl_scan *, struct ctl_context *,
                         const char *name);
void kctl_scan_cluster_name(struct kctl_scan *, struct ctl_context *,
                            const char *name);

/* the VNI; the datapath ID, by kctl_is_dpid(); the IP, by kctl_is_ip(); */
void kctl_scan_segment_vni(struct kctl_scan *, struct ctl_context *,
                           int64_t vni);
void kctl_scan_edge_dpid(struct kctl_scan *, struct ctl_context *,
                         const char *dpid);
void kctl_scan_edge_ip(struct kctl_scan *, struct ctl_context *,
                       const char *ip);
void kctl_scan_vtep_ip(struct kctl_scan *, struct ctl_context *,
                       const char *ip);

/* the cluster, 'port' too if it is not NULL, and then 'vlan' too if it is not
 * negative; */
void kctl_scan_binding(struct kctl_scan *, struct ctl_context *,
                       const struct kkrec_cluster *, const char *port,
                       int64_t vlan);

/* the edge, and 'port' if it is not NULL; */
void kctl_scan_host_port(struct kctl_scan *, struct ctl_context *,
                         const struct kkrec_edge *, const char *port);

/* the segment; */
void kctl_scan_segment_bindings(struct kctl_scan *, struct ctl_context *,
                                const struct kkrec_segment *);
void kctl_scan_segment_host_ports(struct kctl_scan *, struct ctl_context *,
                                  const struct kkrec_segment *);

/* the segment, and 'ip' by kctl_is_ip(), or 'mac' by kctl_is_mac(), if it is
 * not NULL; */
void kctl_scan_segment_vteps(struct kctl_scan *, struct ctl_context *,
                             const struct kkrec_segment *, const char *ip);
void kctl_scan_segment_macs(struct kctl_scan *, struct ctl_context *,
                            const struct kkrec_segment *, const char *mac);

/* the location. */
void kctl_scan_binding_macs(struct kctl_scan *, struct ctl_context *,
                            const struct kkrec_binding *);
void kctl_scan_host_port_macs(struct kctl_scan *, struct ctl_context *,
                              const struct kkrec_host_port *);
void kctl_scan_vtep_macs(struct kctl_scan *, struct ctl_context *,
                         const struct kkrec_vtep *);

/* The indexes of the schema that let no two rows have the same values.  Puts
 * the columns of the 'i'-th one of 'table' into 'result', as many as there
 * are, and returns how many, 0 if there is no such index.  The first one of
 * each table is what the keys of its rows consist of, see kctl_row.h. */
#define KCTL_UNIQUE_COLUMNS 3
size_t kctl_unique(const struct ovsdb_idl_table_class *table, size_t i,
                   const struct ovsdb_idl_column
                       *result[KCTL_UNIQUE_COLUMNS]);

/* Returns another row that has in these columns just what 'row' has, or
 * NULL. */
const struct ovsdb_idl_row *kctl_unique_twin(struct ctl_context *,
                                             const struct ovsdb_idl_row *row,
                                             size_t i);

/* For KCTL_SCAN.  kctl_scan_row() returns the row at which the scan is, or
 * NULL; kctl_scan_miss() says whether no row after it can match, given that
 * this one does not. */
const void *kctl_scan_row(const struct kctl_scan *);
void kctl_scan_next(struct kctl_scan *);
bool kctl_scan_miss(const struct kctl_scan *);

#define KCTL_SCAN(ROW, SCAN, CONDITION)                                 \
    for (; ((ROW) = kctl_scan_row(SCAN)); kctl_scan_next(SCAN))         \
        if (!(CONDITION)) {                                             \
            if (kctl_scan_miss(SCAN)) {                                 \
                break;                                                  \
            }                                                           \
        } else

#endif /* controller/kctl_index.h */
