/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* What "show" prints: the whole configuration as a tree, with the state that
 * the controller reports in the database. */

#include <config.h>

#include "controller/kctl.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "smap.h"
#include "timeval.h"
#include "util.h"

/* Rows of a table whose rows belong to segments, in the order of these. */
struct listing {
    const void **rows;
    size_t n;
    size_t next;                /* The first one that is not printed yet. */
};

/* The rows of every such table. */
struct listings {
    struct listing bindings, host_ports, vteps, macs;
};

/* Prints a line 'level' steps to the right. */
static void OVS_PRINTF_FORMAT(3, 4)
put_line(struct ds *s, int level, const char *format, ...)
{
    va_list args;

    ds_put_char_multiple(s, ' ', 4 * level);
    va_start(args, format);
    ds_put_format_valist(s, format, args);
    va_end(args);
    ds_put_char(s, '\n');
}

static void
put_error(struct ds *s, int level, const char *error)
{
    if (error && error[0]) {
        put_line(s, level, "error: %s", error);
    }
}

/* Prints a line for each entry. */
static void
put_entries(struct ds *s, int level, const struct smap *smap)
{
    const struct smap_node **nodes = smap_sort(smap);

    for (size_t i = 0; i < smap_count(smap); i++) {
        put_line(s, level, "%s: %s", nodes[i]->key, nodes[i]->value);
    }
    free(nodes);
}

static void
put_smap(struct ds *s, const char *heading, const struct smap *smap)
{
    if (!smap_is_empty(smap)) {
        put_line(s, 1, "%s:", heading);
        put_entries(s, 2, smap);
    }
}

/* ---- Clusters. ---------------------------------------------------------- */

static void
put_cluster(struct ds *s, const struct kkrec_cluster *cluster)
{
    struct ds edges = DS_EMPTY_INITIALIZER;

    kctl_format_edges(cluster, &edges);
    put_line(s, 0, "cluster %s", cluster->name);
    put_line(s, 1, "edges: %s", ds_cstr(&edges));
    put_line(s, 1, "active: %s",
             cluster->active_edge ? cluster->active_edge->name : "none");
    if (cluster->active_since) {
        char *since = xastrftime_msec("%Y-%m-%d %H:%M:%S UTC",
                                      *cluster->active_since, true);
        put_line(s, 1, "since: %s", since);
        free(since);
    }
    if (cluster->reason) {
        put_line(s, 1, "reason: %s", cluster->reason);
    }
    if (cluster->failover) {
        put_line(s, 1, "failover: %s", cluster->failover);
    }
    if (cluster->isolation) {
        put_line(s, 1, "isolation: %s", cluster->isolation);
    }
    put_smap(s, "edge_status", &cluster->edge_status);
    put_error(s, 1, cluster->error);
    ds_destroy(&edges);
}

/* ---- Segments. ---------------------------------------------------------- */

/* Returns the next row of 'listing' if it is one of 'segment', else NULL. */
static const void *
take(struct listing *listing, const struct kkrec_segment *segment)
{
    while (listing->next < listing->n) {
        const void *row = listing->rows[listing->next];
        const struct kkrec_segment *owner = kctl_segment_of(row);

        if (owner && owner != segment) {
            return NULL;
        }
        listing->next++;
        if (owner) {
            return row;
        }
    }
    return NULL;
}

static void
put_bindings(struct ds *s, const struct kkrec_segment *segment,
             struct listing *listing)
{
    const struct kkrec_binding *b;

    while ((b = take(listing, segment))) {
        struct ds name = DS_EMPTY_INITIALIZER;

        kctl_format_binding(b, &name);
        put_line(s, 1, "binding %s", ds_cstr(&name));
        put_entries(s, 2, &b->options);
        put_error(s, 2, b->error);
        ds_destroy(&name);
    }
}

static void
put_host_ports(struct ds *s, const struct kkrec_segment *segment,
               struct listing *listing)
{
    const struct kkrec_host_port *hp;

    while ((hp = take(listing, segment))) {
        struct ds name = DS_EMPTY_INITIALIZER;

        kctl_format_host_port(hp, &name);
        put_line(s, 1, "host port %s", ds_cstr(&name));
        put_error(s, 2, hp->error);
        ds_destroy(&name);
    }
}

static void
put_vteps(struct ds *s, const struct kkrec_segment *segment,
          struct listing *listing)
{
    const struct kkrec_vtep *vtep;

    while ((vtep = take(listing, segment))) {
        put_line(s, 1, "vtep %s", vtep->ip);
        put_error(s, 2, vtep->error);
    }
}

static void
put_macs(struct ds *s, const struct kkrec_segment *segment,
         struct listing *listing)
{
    const struct kkrec_static_mac *mac;

    while ((mac = take(listing, segment))) {
        struct ds location = DS_EMPTY_INITIALIZER;

        kctl_format_location(mac, &location);
        put_line(s, 1, "mac %s at %s", mac->mac, ds_cstr(&location));
        put_error(s, 2, mac->error);
        ds_destroy(&location);
    }
}

static void
put_segment(struct ds *s, const struct kkrec_segment *segment,
            struct listings *all)
{
    put_line(s, 0, "segment %s", segment->name);
    put_line(s, 1, "vni: %"PRId64, segment->vni);
    if (segment->mac_limit) {
        put_line(s, 1, "mac_limit: %"PRId64, *segment->mac_limit);
    }
    if (segment->mac_aging) {
        put_line(s, 1, "mac_aging: %"PRId64" s", *segment->mac_aging);
    }
    put_entries(s, 1, &segment->options);
    put_error(s, 1, segment->error);
    put_bindings(s, segment, &all->bindings);
    put_host_ports(s, segment, &all->host_ports);
    put_vteps(s, segment, &all->vteps);
    put_macs(s, segment, &all->macs);
}

/* ---- Edges. ------------------------------------------------------------- */

static void
put_edge(struct ds *s, const struct kkrec_edge *edge)
{
    put_line(s, 0, "edge %s", edge->name);
    put_line(s, 1, "datapath_id: %s", edge->datapath_id);
    put_line(s, 1, "tunnel_ip: %s", edge->tunnel_ip);
    put_line(s, 1, "tunnel_port: %s", kctl_tunnel_port(edge));
    if (edge->peer_port) {
        put_line(s, 1, "peer_port: %s", edge->peer_port);
    }
    put_smap(s, "bfd_ports", &edge->bfd_ports);
    if (edge->n_drained && edge->drained[0]) {
        put_line(s, 1, "drained: true");
    }
    put_line(s, 1, "connected: %s", edge->connected ? "true" : "false");
    if (edge->leader) {
        put_line(s, 1, "leader: %s", edge->leader);
    }
    put_smap(s, "status", &edge->status);
    put_error(s, 1, edge->error);
}

/* ---- All. --------------------------------------------------------------- */

static void
put_clusters(struct ctl_context *ctx)
{
    size_t n;
    const void **rows = kctl_sorted(ctx, &kkrec_table_cluster, NULL, &n);

    for (size_t i = 0; i < n; i++) {
        put_cluster(&ctx->output, rows[i]);
    }
    free(rows);
}

static struct listing
list_table(struct ctl_context *ctx, const struct ovsdb_idl_table_class *class)
{
    struct listing listing = { .next = 0 };

    listing.rows = kctl_sorted(ctx, class, NULL, &listing.n);
    return listing;
}

static void
put_segments(struct ctl_context *ctx)
{
    struct listings all = {
        .bindings = list_table(ctx, &kkrec_table_binding),
        .host_ports = list_table(ctx, &kkrec_table_host_port),
        .vteps = list_table(ctx, &kkrec_table_vtep),
        .macs = list_table(ctx, &kkrec_table_static_mac),
    };
    size_t n;
    const void **rows = kctl_sorted(ctx, &kkrec_table_segment, NULL, &n);

    for (size_t i = 0; i < n; i++) {
        put_segment(&ctx->output, rows[i], &all);
    }

    free(all.bindings.rows);
    free(all.host_ports.rows);
    free(all.vteps.rows);
    free(all.macs.rows);
    free(rows);
}

static void
put_edges(struct ctl_context *ctx)
{
    size_t n;
    const void **rows = kctl_sorted(ctx, &kkrec_table_edge, NULL, &n);

    for (size_t i = 0; i < n; i++) {
        put_edge(&ctx->output, rows[i]);
    }
    free(rows);
}

void
kctl_show(struct ctl_context *ctx)
{
    const struct kkrec_kakehashi_global *global
        = kkrec_kakehashi_global_first(ctx->idl);

    put_error(&ctx->output, 0, global ? global->error : NULL);
    put_clusters(ctx);
    put_segments(ctx);
    put_edges(ctx);
}
