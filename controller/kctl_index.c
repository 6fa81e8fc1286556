/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* Which rows to look at. */

#include <config.h>

#include "controller/kctl_index.h"

#include <stdlib.h>

#include "controller/kctl.h"
#include "ovsdb-data.h"
#include "ovsdb-idl-provider.h"
#include "util.h"

enum key {
    SEGMENT_NAME,
    SEGMENT_VNI,
    EDGE_NAME,
    EDGE_DPID,
    EDGE_IP,
    CLUSTER_NAME,
    BINDING_PLACE,
    BINDING_SEGMENT,
    HOST_PORT_PLACE,
    HOST_PORT_SEGMENT,
    VTEP_SEGMENT,
    VTEP_IP,
    MAC_SEGMENT,
    MAC_BINDING,
    MAC_HOST_PORT,
    MAC_VTEP,
    N_KEYS
};

struct kctl_index {
    struct ovsdb_idl_index *by[N_KEYS];
};

/* ---- Order. ------------------------------------------------------------- */

/* Rows that were written by hand may spell an address in another way, so these
 * columns are ordered by what they mean.  A row that the transaction has just
 * made has no value yet. */

static int
compare_edge_dpids(const void *a_, const void *b_)
{
    const struct kkrec_edge *a = a_;
    const struct kkrec_edge *b = b_;
    return kctl_compare_dpids(a->datapath_id, b->datapath_id);
}

static int
compare_edge_ips(const void *a_, const void *b_)
{
    const struct kkrec_edge *a = a_;
    const struct kkrec_edge *b = b_;
    return kctl_compare_ips(a->tunnel_ip, b->tunnel_ip);
}

static int
compare_vtep_ips(const void *a_, const void *b_)
{
    const struct kkrec_vtep *a = a_;
    const struct kkrec_vtep *b = b_;
    return kctl_compare_ips(a->ip, b->ip);
}

static int
compare_macs(const void *a_, const void *b_)
{
    const struct kkrec_static_mac *a = a_;
    const struct kkrec_static_mac *b = b_;
    return kctl_compare_macs(a->mac, b->mac);
}

/* The columns of an index, the most significant one first. */
static const struct ovsdb_idl_index_column columns[N_KEYS][3] = {
    [SEGMENT_NAME] = {{ &kkrec_segment_col_name, NULL, 0 }},
    [SEGMENT_VNI] = {{ &kkrec_segment_col_vni, NULL, 0 }},
    [EDGE_NAME] = {{ &kkrec_edge_col_name, NULL, 0 }},
    [EDGE_DPID] = {{ &kkrec_edge_col_datapath_id, compare_edge_dpids, 0 }},
    [EDGE_IP] = {{ &kkrec_edge_col_tunnel_ip, compare_edge_ips, 0 }},
    [CLUSTER_NAME] = {{ &kkrec_cluster_col_name, NULL, 0 }},
    [BINDING_PLACE] = {{ &kkrec_binding_col_cluster, NULL, 0 },
                       { &kkrec_binding_col_port, NULL, 0 },
                       { &kkrec_binding_col_vlan, NULL, 0 }},
    [BINDING_SEGMENT] = {{ &kkrec_binding_col_segment, NULL, 0 }},
    [HOST_PORT_PLACE] = {{ &kkrec_host_port_col_edge, NULL, 0 },
                         { &kkrec_host_port_col_port, NULL, 0 }},
    [HOST_PORT_SEGMENT] = {{ &kkrec_host_port_col_segment, NULL, 0 }},
    [VTEP_SEGMENT] = {{ &kkrec_vtep_col_segment, NULL, 0 },
                      { &kkrec_vtep_col_ip, compare_vtep_ips, 0 }},
    [VTEP_IP] = {{ &kkrec_vtep_col_ip, compare_vtep_ips, 0 }},
    [MAC_SEGMENT] = {{ &kkrec_static_mac_col_segment, NULL, 0 },
                     { &kkrec_static_mac_col_mac, compare_macs, 0 }},
    [MAC_BINDING] = {{ &kkrec_static_mac_col_binding, NULL, 0 }},
    [MAC_HOST_PORT] = {{ &kkrec_static_mac_col_host_port, NULL, 0 }},
    [MAC_VTEP] = {{ &kkrec_static_mac_col_vtep, NULL, 0 }},
};

struct kctl_index *
kctl_index_create(struct ovsdb_idl *idl)
{
    struct kctl_index *index = xmalloc(sizeof *index);

    for (enum key key = 0; key < N_KEYS; key++) {
        size_t n = 0;

        while (n < ARRAY_SIZE(columns[key]) && columns[key][n].column) {
            n++;
        }
        index->by[key] = ovsdb_idl_index_create(idl, columns[key], n);
    }
    return index;
}

/* ---- Scans. ------------------------------------------------------------- */

/* Begins a scan of 'table'.  Returns the index for 'key' if there is one; the
 * caller then calls seek(). */
static struct ovsdb_idl_index *
begin(struct kctl_scan *scan, struct ctl_context *ctx, enum key key,
      const struct ovsdb_idl_table_class *table)
{
    const struct kctl_index *index = kctl_index(ctx);

    scan->indexed = index != NULL;
    if (!index) {
        scan->row = ovsdb_idl_first_row(ctx->idl, table);
        return NULL;
    }
    return index->by[key];
}

/* Moves 'scan' to the first row that is not before 'key', and frees that.
 * Columns that have not been set in 'key' are before any value. */
static void
seek(struct kctl_scan *scan, struct ovsdb_idl_index *index,
     const struct ovsdb_idl_row *key)
{
    scan->cursor = ovsdb_idl_cursor_first_ge(index,
                                             CONST_CAST(void *,
                                                        (const void *) key));
    scan->row = ovsdb_idl_cursor_data(&scan->cursor);
    ovsdb_idl_index_destroy_row(key);
}

const void *
kctl_scan_row(const struct kctl_scan *scan)
{
    return scan->row;
}

void
kctl_scan_next(struct kctl_scan *scan)
{
    if (scan->indexed) {
        ovsdb_idl_cursor_next(&scan->cursor);
        scan->row = ovsdb_idl_cursor_data(&scan->cursor);
    } else {
        scan->row = ovsdb_idl_next_row(scan->row);
    }
}

bool
kctl_scan_miss(const struct kctl_scan *scan)
{
    return scan->indexed;
}

/* ---- Kinds of scans. ---------------------------------------------------- */

/* Begins a scan for rows of table TYPE, with an index of which the statements
 * that follow set columns in 'key'. */
#define SCAN(SCAN_, CTX, KEY, TYPE, ...)                                \
    do {                                                                \
        struct ovsdb_idl_index *index = begin(SCAN_, CTX, KEY,          \
                                              &kkrec_table_##TYPE);     \
        if (index) {                                                    \
            struct kkrec_##TYPE *key                                    \
                = kkrec_##TYPE##_index_init_row(index);                 \
            __VA_ARGS__                                                 \
            seek(SCAN_, index, &key->header_);                          \
        }                                                               \
    } while (0)

/* Whose COLUMN is VALUE. */
#define SCAN_COLUMN(SCAN_, CTX, KEY, TYPE, COLUMN, VALUE)               \
    SCAN(SCAN_, CTX, KEY, TYPE,                                         \
         kkrec_##TYPE##_index_set_##COLUMN(key, VALUE);)

/* And whose COLUMN2 is VALUE2, if that is not NULL. */
#define SCAN_COLUMNS(SCAN_, CTX, KEY, TYPE, COLUMN, VALUE, COLUMN2, VALUE2) \
    SCAN(SCAN_, CTX, KEY, TYPE,                                         \
         kkrec_##TYPE##_index_set_##COLUMN(key, VALUE);                 \
         if (VALUE2) {                                                  \
             kkrec_##TYPE##_index_set_##COLUMN2(key, VALUE2);           \
         })

void
kctl_scan_segment_name(struct kctl_scan *scan, struct ctl_context *ctx,
                       const char *name)
{
    SCAN_COLUMN(scan, ctx, SEGMENT_NAME, segment, name, name);
}

void
kctl_scan_segment_vni(struct kctl_scan *scan, struct ctl_context *ctx,
                      int64_t vni)
{
    SCAN_COLUMN(scan, ctx, SEGMENT_VNI, segment, vni, vni);
}

void
kctl_scan_edge_name(struct kctl_scan *scan, struct ctl_context *ctx,
                    const char *name)
{
    SCAN_COLUMN(scan, ctx, EDGE_NAME, edge, name, name);
}

void
kctl_scan_edge_dpid(struct kctl_scan *scan, struct ctl_context *ctx,
                    const char *dpid)
{
    SCAN_COLUMN(scan, ctx, EDGE_DPID, edge, datapath_id, dpid);
}

void
kctl_scan_edge_ip(struct kctl_scan *scan, struct ctl_context *ctx,
                  const char *ip)
{
    SCAN_COLUMN(scan, ctx, EDGE_IP, edge, tunnel_ip, ip);
}

void
kctl_scan_cluster_name(struct kctl_scan *scan, struct ctl_context *ctx,
                       const char *name)
{
    SCAN_COLUMN(scan, ctx, CLUSTER_NAME, cluster, name, name);
}

void
kctl_scan_binding(struct kctl_scan *scan, struct ctl_context *ctx,
                  const struct kkrec_cluster *cluster, const char *port,
                  int64_t vlan)
{
    SCAN(scan, ctx, BINDING_PLACE, binding,
         kkrec_binding_index_set_cluster(key, cluster);
         if (port) {
             kkrec_binding_index_set_port(key, port);
         }
         if (port && vlan >= 0) {
             kkrec_binding_index_set_vlan(key, vlan);
         });
}

void
kctl_scan_host_port(struct kctl_scan *scan, struct ctl_context *ctx,
                    const struct kkrec_edge *edge, const char *port)
{
    SCAN_COLUMNS(scan, ctx, HOST_PORT_PLACE, host_port, edge, edge, port,
                 port);
}

void
kctl_scan_segment_bindings(struct kctl_scan *scan, struct ctl_context *ctx,
                           const struct kkrec_segment *segment)
{
    SCAN_COLUMN(scan, ctx, BINDING_SEGMENT, binding, segment, segment);
}

void
kctl_scan_segment_host_ports(struct kctl_scan *scan, struct ctl_context *ctx,
                             const struct kkrec_segment *segment)
{
    SCAN_COLUMN(scan, ctx, HOST_PORT_SEGMENT, host_port, segment, segment);
}

void
kctl_scan_segment_vteps(struct kctl_scan *scan, struct ctl_context *ctx,
                        const struct kkrec_segment *segment, const char *ip)
{
    SCAN_COLUMNS(scan, ctx, VTEP_SEGMENT, vtep, segment, segment, ip, ip);
}

void
kctl_scan_vtep_ip(struct kctl_scan *scan, struct ctl_context *ctx,
                  const char *ip)
{
    SCAN_COLUMN(scan, ctx, VTEP_IP, vtep, ip, ip);
}

void
kctl_scan_segment_macs(struct kctl_scan *scan, struct ctl_context *ctx,
                       const struct kkrec_segment *segment, const char *mac)
{
    SCAN_COLUMNS(scan, ctx, MAC_SEGMENT, static_mac, segment, segment, mac,
                 mac);
}

void
kctl_scan_binding_macs(struct kctl_scan *scan, struct ctl_context *ctx,
                       const struct kkrec_binding *b)
{
    SCAN_COLUMN(scan, ctx, MAC_BINDING, static_mac, binding, b);
}

void
kctl_scan_host_port_macs(struct kctl_scan *scan, struct ctl_context *ctx,
                         const struct kkrec_host_port *hp)
{
    SCAN_COLUMN(scan, ctx, MAC_HOST_PORT, static_mac, host_port, hp);
}

void
kctl_scan_vtep_macs(struct kctl_scan *scan, struct ctl_context *ctx,
                    const struct kkrec_vtep *vtep)
{
    SCAN_COLUMN(scan, ctx, MAC_VTEP, static_mac, vtep, vtep);
}

/* ---- Indexes of the schema. --------------------------------------------- */

static const struct {
    const struct ovsdb_idl_table_class *table;
    enum key key;
} unique[] = {
    { &kkrec_table_segment, SEGMENT_NAME },
    { &kkrec_table_segment, SEGMENT_VNI },
    { &kkrec_table_edge, EDGE_NAME },
    { &kkrec_table_edge, EDGE_DPID },
    { &kkrec_table_cluster, CLUSTER_NAME },
    { &kkrec_table_binding, BINDING_PLACE },
    { &kkrec_table_host_port, HOST_PORT_PLACE },
    { &kkrec_table_vtep, VTEP_SEGMENT },
    { &kkrec_table_static_mac, MAC_SEGMENT },
};

/* Returns the key of the 'i'-th index of 'table', or N_KEYS. */
static enum key
unique_key(const struct ovsdb_idl_table_class *table, size_t i)
{
    for (size_t j = 0; j < ARRAY_SIZE(unique); j++) {
        if (unique[j].table == table && !i--) {
            return unique[j].key;
        }
    }
    return N_KEYS;
}

size_t
kctl_unique(const struct ovsdb_idl_table_class *table, size_t i,
            const struct ovsdb_idl_column *result[KCTL_UNIQUE_COLUMNS])
{
    enum key key = unique_key(table, i);
    size_t n = 0;

    while (key < N_KEYS && n < KCTL_UNIQUE_COLUMNS && columns[key][n].column) {
        result[n] = columns[key][n].column;
        n++;
    }
    return n;
}

/* Do 'a' and 'b' have the same values, or, unless 'exact', values that mean
 * the same? */
static bool
is_same(enum key key, const struct ovsdb_idl_row *a,
        const struct ovsdb_idl_row *b, bool exact)
{
    for (size_t i = 0; i < ARRAY_SIZE(columns[key]); i++) {
        const struct ovsdb_idl_index_column *c = &columns[key][i];

        if (c->column && (c->comparer && !exact
                          ? c->comparer(a, b)
                          : !ovsdb_datum_equals(ovsdb_idl_read(a, c->column),
                                                ovsdb_idl_read(b, c->column),
                                                &c->column->type))) {
            return false;
        }
    }
    return true;
}

/* Begins a scan for rows that have what 'row' has. */
static void
scan_like(struct kctl_scan *scan, struct ctl_context *ctx, enum key key,
          const struct ovsdb_idl_row *row)
{
    const struct ovsdb_idl_table_class *class = row->table->class_;
    struct ovsdb_idl_index *index = begin(scan, ctx, key, class);

    if (!scan->indexed) {
        return;
    }

    struct ovsdb_idl_row *target = ovsdb_idl_index_init_row(index);
    for (size_t i = 0; i < ARRAY_SIZE(columns[key]); i++) {
        const struct ovsdb_idl_column *column = columns[key][i].column;

        if (column) {
            struct ovsdb_datum datum;

            ovsdb_datum_clone(&datum, ovsdb_idl_read(row, column));
            ovsdb_idl_index_write(target, column, &datum, class);
        }
    }
    seek(scan, index, target);
}

const struct ovsdb_idl_row *
kctl_unique_twin(struct ctl_context *ctx, const struct ovsdb_idl_row *row,
                 size_t i)
{
    enum key key = unique_key(row->table->class_, i);
    const struct ovsdb_idl_row *other;
    struct kctl_scan scan;

    scan_like(&scan, ctx, key, row);
    KCTL_SCAN (other, &scan, is_same(key, row, other, false)) {
        if (other != row && is_same(key, row, other, true)) {
            return other;
        }
    }
    return NULL;
}
