/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* Finding, ordering and naming rows. */

#include <config.h>

#include "controller/kctl.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "controller/kctl_index.h"
#include "flows/addr.h"
#include "openvswitch/dynamic-string.h"
#include "util.h"

const struct kkrec_segment *
kctl_find_segment(struct ctl_context *ctx, const char *name)
{
    const struct kkrec_segment *segment;
    struct kctl_scan scan;

    kctl_scan_segment_name(&scan, ctx, name);
    KCTL_SCAN (segment, &scan, !strcmp(segment->name, name)) {
        return segment;
    }
    return NULL;
}

const struct kkrec_segment *
kctl_get_segment(struct ctl_context *ctx, const char *name)
{
    const struct kkrec_segment *segment = kctl_find_segment(ctx, name);

    if (!segment) {
        kctl_no_such(ctx, KCTL_SEGMENTS, name);
    }
    return segment;
}

const struct kkrec_edge *
kctl_find_edge(struct ctl_context *ctx, const char *name)
{
    const struct kkrec_edge *edge;
    struct kctl_scan scan;

    kctl_scan_edge_name(&scan, ctx, name);
    KCTL_SCAN (edge, &scan, !strcmp(edge->name, name)) {
        return edge;
    }
    return NULL;
}

const struct kkrec_edge *
kctl_get_edge(struct ctl_context *ctx, const char *name)
{
    const struct kkrec_edge *edge = kctl_find_edge(ctx, name);

    if (!edge) {
        kctl_no_such(ctx, KCTL_EDGES, name);
    }
    return edge;
}

const struct kkrec_cluster *
kctl_find_cluster(struct ctl_context *ctx, const char *name)
{
    const struct kkrec_cluster *cluster;
    struct kctl_scan scan;

    kctl_scan_cluster_name(&scan, ctx, name);
    KCTL_SCAN (cluster, &scan, !strcmp(cluster->name, name)) {
        return cluster;
    }
    return NULL;
}

const struct kkrec_binding *
kctl_find_binding(struct ctl_context *ctx, const struct kkrec_cluster *cluster,
                  const char *port, int64_t vlan)
{
    const struct kkrec_binding *b;
    struct kctl_scan scan;

    kctl_scan_binding(&scan, ctx, cluster, port, vlan);
    KCTL_SCAN (b, &scan, b->vlan == vlan && b->cluster == cluster
                         && !strcmp(b->port, port)) {
        return b;
    }
    return NULL;
}

const struct kkrec_host_port *
kctl_find_host_port(struct ctl_context *ctx, const struct kkrec_edge *edge,
                    const char *port)
{
    const struct kkrec_host_port *hp;
    struct kctl_scan scan;

    kctl_scan_host_port(&scan, ctx, edge, port);
    KCTL_SCAN (hp, &scan, hp->edge == edge && !strcmp(hp->port, port)) {
        return hp;
    }
    return NULL;
}

const struct kkrec_vtep *
kctl_find_vtep(struct ctl_context *ctx, const struct kkrec_segment *segment,
               const char *ip)
{
    const struct kkrec_vtep *vtep;
    struct kctl_scan scan;

    kctl_scan_segment_vteps(&scan, ctx, segment, ip);
    KCTL_SCAN (vtep, &scan, vtep->segment == segment
                            && kctl_is_ip(vtep->ip, ip)) {
        return vtep;
    }
    return NULL;
}

const struct kkrec_static_mac *
kctl_find_mac(struct ctl_context *ctx, const struct kkrec_segment *segment,
              const char *mac)
{
    const struct kkrec_static_mac *sm;
    struct kctl_scan scan;

    kctl_scan_segment_macs(&scan, ctx, segment, mac);
    KCTL_SCAN (sm, &scan, sm->segment == segment
                          && kctl_is_mac(sm->mac, mac)) {
        return sm;
    }
    return NULL;
}

bool
kctl_cluster_has(const struct kkrec_cluster *cluster,
                 const struct kkrec_edge *edge)
{
    for (size_t i = 0; i < cluster->n_edges; i++) {
        if (cluster->value_edges[i] == edge) {
            return true;
        }
    }
    return false;
}

const char *
kctl_tunnel_port(const struct kkrec_edge *edge)
{
    return edge->tunnel_port[0] ? edge->tunnel_port : KCTL_TUNNEL_PORT;
}

/* A reference is null while the row that it leads to is not there, which is
 * for a moment at most: the references that are named here are strong. */
#define NAME_OF(ROW) ((ROW) ? (ROW)->name : "?")

const char *
kctl_segment_name(const struct kkrec_segment *segment)
{
    return NAME_OF(segment);
}

void
kctl_format_edges(const struct kkrec_cluster *cluster, struct ds *s)
{
    for (size_t i = 0; i < cluster->n_edges; i++) {
        ds_put_format(s, "%s%s", i ? ", " : "",
                      NAME_OF(cluster->value_edges[i]));
    }
}

void
kctl_format_binding(const struct kkrec_binding *b, struct ds *s)
{
    ds_put_format(s, "%s/%s/%"PRId64, NAME_OF(b->cluster), b->port, b->vlan);
}

void
kctl_format_host_port(const struct kkrec_host_port *hp, struct ds *s)
{
    ds_put_format(s, "%s/%s", NAME_OF(hp->edge), hp->port);
}

void
kctl_format_location(const struct kkrec_static_mac *mac, struct ds *s)
{
    if (mac->binding) {
        kctl_format_binding(mac->binding, s);
    } else if (mac->host_port) {
        kctl_format_host_port(mac->host_port, s);
    } else {
        ds_put_cstr(s, mac->vtep ? mac->vtep->ip : "nowhere");
    }
}

/* ---- Order. ------------------------------------------------------------- */

static int
compare_ips(const char *a, const char *b)
{
    struct in6_addr a_ip = IN6ADDR_ANY_INIT;
    struct in6_addr b_ip = IN6ADDR_ANY_INIT;
    char *error;

    if (!addr_parse_vtep(a, &a_ip, &error)) {
        free(error);
    }
    if (!addr_parse_vtep(b, &b_ip, &error)) {
        free(error);
    }

    int cmp = memcmp(&a_ip, &b_ip, sizeof a_ip);
    return cmp ? cmp : strcmp(a, b);
}

static int
compare_bindings(const struct kkrec_binding *a, const struct kkrec_binding *b)
{
    int cmp = strcmp(NAME_OF(a->segment), NAME_OF(b->segment));
    cmp = cmp ? cmp : strcmp(NAME_OF(a->cluster), NAME_OF(b->cluster));
    cmp = cmp ? cmp : strcmp(a->port, b->port);
    return cmp ? cmp : (a->vlan > b->vlan) - (a->vlan < b->vlan);
}

static int
compare_host_ports(const struct kkrec_host_port *a,
                   const struct kkrec_host_port *b)
{
    int cmp = strcmp(NAME_OF(a->segment), NAME_OF(b->segment));
    cmp = cmp ? cmp : strcmp(NAME_OF(a->edge), NAME_OF(b->edge));
    return cmp ? cmp : strcmp(a->port, b->port);
}

static int
compare_vteps(const struct kkrec_vtep *a, const struct kkrec_vtep *b)
{
    int cmp = strcmp(NAME_OF(a->segment), NAME_OF(b->segment));
    return cmp ? cmp : compare_ips(a->ip, b->ip);
}

static int
compare_macs(const struct kkrec_static_mac *a,
             const struct kkrec_static_mac *b)
{
    int cmp = strcmp(NAME_OF(a->segment), NAME_OF(b->segment));
    return cmp ? cmp : strcmp(a->mac, b->mac);
}

#define AS(TYPE, ROW) CONTAINER_OF(ROW, const struct TYPE, header_)

/* For qsort(): compares two rows of the same table. */
static int
compare_rows(const void *a_, const void *b_)
{
    const struct ovsdb_idl_row *a = *(const struct ovsdb_idl_row *const *) a_;
    const struct ovsdb_idl_row *b = *(const struct ovsdb_idl_row *const *) b_;
    const struct ovsdb_idl_table_class *class = a->table->class_;

#define COMPARE_NAMES(TYPE) strcmp(AS(TYPE, a)->name, AS(TYPE, b)->name)
    return (class == &kkrec_table_segment ? COMPARE_NAMES(kkrec_segment)
            : class == &kkrec_table_edge ? COMPARE_NAMES(kkrec_edge)
            : class == &kkrec_table_cluster ? COMPARE_NAMES(kkrec_cluster)
            : class == &kkrec_table_binding
            ? compare_bindings(AS(kkrec_binding, a), AS(kkrec_binding, b))
            : class == &kkrec_table_host_port
            ? compare_host_ports(AS(kkrec_host_port, a),
                                 AS(kkrec_host_port, b))
            : class == &kkrec_table_vtep
            ? compare_vteps(AS(kkrec_vtep, a), AS(kkrec_vtep, b))
            : compare_macs(AS(kkrec_static_mac, a), AS(kkrec_static_mac, b)));
}

const struct kkrec_segment *
kctl_segment_of(const void *row_)
{
    const struct ovsdb_idl_row *row = row_;
    const struct ovsdb_idl_table_class *class = row->table->class_;

    return (class == &kkrec_table_binding ? AS(kkrec_binding, row)->segment
            : class == &kkrec_table_host_port
            ? AS(kkrec_host_port, row)->segment
            : class == &kkrec_table_vtep ? AS(kkrec_vtep, row)->segment
            : AS(kkrec_static_mac, row)->segment);
}

static void
scan_of_segment(struct kctl_scan *scan, struct ctl_context *ctx,
                const struct ovsdb_idl_table_class *class,
                const struct kkrec_segment *segment)
{
    if (class == &kkrec_table_binding) {
        kctl_scan_segment_bindings(scan, ctx, segment);
    } else if (class == &kkrec_table_host_port) {
        kctl_scan_segment_host_ports(scan, ctx, segment);
    } else if (class == &kkrec_table_vtep) {
        kctl_scan_segment_vteps(scan, ctx, segment, NULL);
    } else {
        kctl_scan_segment_macs(scan, ctx, segment, NULL);
    }
}

struct rows {
    const void **rows;
    size_t n, allocated;
};

static void
add_row(struct rows *rows, const void *row)
{
    if (rows->n >= rows->allocated) {
        rows->rows = x2nrealloc(rows->rows, &rows->allocated,
                                sizeof *rows->rows);
    }
    rows->rows[rows->n++] = row;
}

const void **
kctl_sorted(struct ctl_context *ctx, const struct ovsdb_idl_table_class *class,
            const struct kkrec_segment *segment, size_t *n)
{
    struct rows rows = { .rows = NULL };
    const struct ovsdb_idl_row *row;

    if (segment) {
        struct kctl_scan scan;

        scan_of_segment(&scan, ctx, class, segment);
        KCTL_SCAN (row, &scan, kctl_segment_of(row) == segment) {
            add_row(&rows, row);
        }
    } else {
        for (row = ovsdb_idl_first_row(ctx->idl, class); row;
             row = ovsdb_idl_next_row(row)) {
            add_row(&rows, row);
        }
    }
    if (rows.n) {
        qsort(rows.rows, rows.n, sizeof *rows.rows, compare_rows);
    }
    *n = rows.n;
    return rows.rows;
}
