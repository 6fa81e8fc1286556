/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* What "show" prints: the whole configuration as a tree, with the state that
 * the controller reports in the database. */

#include <config.h>

#include "controller/kctl.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "controller/kctl_counts.h"
#include "controller/kctl_index.h"
#include "controller/kctl_options.h"
#include "controller/kctl_show.h"
#include "controller/kctl_tree.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
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
    const struct json *counts;  /* See kctl_counts.h. */
};

static void
put_error(const struct kctl_tree *t, int level, const char *error)
{
    if (error && error[0]) {
        kctl_tree_line(t, level, KCTL_BAD, "error: %s", error);
    }
}

/* Times since when something is so are in milliseconds. */
static char *
entry_value(const struct smap_node *node)
{
    size_t len = strlen(node->key);
    long long int msec;

    return (len >= 6 && !strcmp(node->key + len - 6, "_since")
            && str_to_llong(node->value, 10, &msec)
            ? kctl_format_time(msec) : xstrdup(node->value));
}

/* Prints a line for each entry. */
static void
put_entries(const struct kctl_tree *t, int level, const struct smap *smap)
{
    const struct smap_node **nodes = smap_sort(smap);

    for (size_t i = 0; i < smap_count(smap); i++) {
        char *value = entry_value(nodes[i]);

        kctl_tree_line(t, level, KCTL_PLAIN, "%s: %s", nodes[i]->key, value);
        free(value);
    }
    free(nodes);
}

static void
put_smap(const struct kctl_tree *t, const char *heading,
         const struct smap *smap)
{
    if (!smap_is_empty(smap)) {
        kctl_tree_line(t, 1, KCTL_PLAIN, "%s:", heading);
        put_entries(t, 2, smap);
    }
}

/* Appends how many MACs there are at 'location' of 'segment', or in all of it
 * if that is NULL, if it is known. */
static void
add_count(struct ds *s, const struct json *counts,
          const struct kkrec_segment *segment, const char *location)
{
    int64_t n = kctl_counts_get(counts, kctl_segment_name(segment), location);

    if (n >= 0) {
        ds_put_format(s, ", %"PRId64" MAC%s", n, n == 1 ? "" : "s");
    }
}

/* Appends 'bps' bits a second with three digits or so, and a unit. */
static void
put_rate(struct ds *s, const char *way, int64_t bps)
{
    static const char *const units[] = { "bit/s", "kbit/s", "Mbit/s",
                                         "Gbit/s", "Tbit/s" };
    double rate = bps;
    size_t unit = 0;

    while (rate >= 999.5 && unit + 1 < ARRAY_SIZE(units)) {
        rate /= 1000;
        unit++;
    }
    ds_put_format(s, ", %s %.*f %s", way, unit && rate < 9.95 ? 1 : 0, rate,
                  units[unit]);
}

/* Appends how much traffic there is at 'location' of 'segment', if it is
 * known. */
static void
add_rates(struct ds *s, const struct json *counts,
          const struct kkrec_segment *segment, const char *location)
{
    for (int out = 0; out < 2; out++) {
        int64_t bps = kctl_counts_rate(counts, kctl_segment_name(segment),
                                       location, out);

        if (bps >= 0) {
            put_rate(s, out ? "out" : "in", bps);
        }
    }
}

/* ---- Clusters. ---------------------------------------------------------- */

static void
put_active(const struct kctl_tree *t, const struct kkrec_cluster *cluster)
{
    struct ds line = DS_EMPTY_INITIALIZER;

    if (!cluster->active_edge) {
        kctl_tree_line(t, 1, KCTL_BAD, "active: none");
        return;
    }

    bool connected = cluster->active_edge->connected;
    ds_put_format(&line, "active: %s", cluster->active_edge->name);
    if (cluster->active_since) {
        char *since = kctl_format_time(*cluster->active_since);
        ds_put_format(&line, ", since %s", since);
        free(since);
    }
    if (cluster->reason) {
        ds_put_format(&line, " (%s)", cluster->reason);
    }
    if (!connected) {
        ds_put_cstr(&line, ", not connected");
    }
    kctl_tree_line(t, 1, connected ? KCTL_GOOD : KCTL_BAD, "%s",
                   ds_cstr(&line));
    ds_destroy(&line);
}

static void
put_cluster(const struct kctl_tree *t, const struct kkrec_cluster *cluster)
{
    struct ds edges = DS_EMPTY_INITIALIZER;

    kctl_format_edges(cluster, &edges);
    kctl_tree_line(t, 0, KCTL_BOLD, "cluster %s", cluster->name);
    kctl_tree_line(t, 1, KCTL_PLAIN, "edges: %s", ds_cstr(&edges));
    put_active(t, cluster);
    if (cluster->failover) {
        kctl_tree_line(t, 1, KCTL_PLAIN, "failover: %s", cluster->failover);
    }
    if (cluster->isolation) {
        kctl_tree_line(t, 1, KCTL_PLAIN, "isolation: %s", cluster->isolation);
    }
    put_smap(t, "edge_status", &cluster->edge_status);
    put_error(t, 1, cluster->error);
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
put_bindings(const struct kctl_tree *t, const struct kkrec_segment *segment,
             struct listings *all)
{
    const struct kkrec_binding *b;

    while ((b = take(&all->bindings, segment))) {
        const struct kkrec_edge *active
            = b->cluster ? b->cluster->active_edge : NULL;
        struct ds line = DS_EMPTY_INITIALIZER;
        struct ds name = DS_EMPTY_INITIALIZER;

        kctl_format_binding(b, &name);
        ds_put_format(&line, "binding %s: ", ds_cstr(&name));
        if (b->vlan) {
            ds_put_format(&line, "VLAN %"PRId64, b->vlan);
        } else {
            ds_put_cstr(&line, "untagged");
        }
        ds_put_format(&line, ", VNI %"PRId64", active on %s", segment->vni,
                      active ? active->name : "none");
        add_count(&line, all->counts, segment, ds_cstr(&name));
        add_rates(&line, all->counts, segment, ds_cstr(&name));
        kctl_tree_line(t, 1, KCTL_PLAIN, "%s", ds_cstr(&line));
        put_entries(t, 2, &b->options);
        put_error(t, 2, b->error);
        ds_destroy(&name);
        ds_destroy(&line);
    }
}

static void
put_host_ports(const struct kctl_tree *t, const struct kkrec_segment *segment,
               struct listings *all)
{
    const struct kkrec_host_port *hp;

    while ((hp = take(&all->host_ports, segment))) {
        struct ds line = DS_EMPTY_INITIALIZER;
        struct ds name = DS_EMPTY_INITIALIZER;

        kctl_format_host_port(hp, &name);
        add_count(&line, all->counts, segment, ds_cstr(&name));
        add_rates(&line, all->counts, segment, ds_cstr(&name));
        kctl_tree_line(t, 1, KCTL_PLAIN, "host port %s%s", ds_cstr(&name),
                       ds_cstr(&line));
        put_error(t, 2, hp->error);
        ds_destroy(&name);
        ds_destroy(&line);
    }
}

static void
put_vteps(const struct kctl_tree *t, const struct kkrec_segment *segment,
          struct listings *all)
{
    const struct kkrec_vtep *vtep;

    while ((vtep = take(&all->vteps, segment))) {
        struct ds line = DS_EMPTY_INITIALIZER;

        add_count(&line, all->counts, segment, vtep->ip);
        kctl_tree_line(t, 1, KCTL_PLAIN, "vtep %s%s", vtep->ip,
                       ds_cstr(&line));
        put_error(t, 2, vtep->error);
        ds_destroy(&line);
    }
}

static void
put_macs(const struct kctl_tree *t, const struct kkrec_segment *segment,
         struct listing *listing)
{
    const struct kkrec_static_mac *mac;

    while ((mac = take(listing, segment))) {
        struct ds location = DS_EMPTY_INITIALIZER;

        kctl_format_location(mac, &location);
        kctl_tree_line(t, 1, KCTL_PLAIN, "mac %s at %s", mac->mac,
                       ds_cstr(&location));
        put_error(t, 2, mac->error);
        ds_destroy(&location);
    }
}

static void
put_segment(const struct kctl_tree *t, const struct kkrec_segment *segment,
            struct listings *all)
{
    struct ds count = DS_EMPTY_INITIALIZER;

    add_count(&count, all->counts, segment, NULL);
    kctl_tree_line(t, 0, KCTL_BOLD, "segment %s", segment->name);
    kctl_tree_line(t, 1, KCTL_PLAIN, "vni: %"PRId64"%s", segment->vni,
                   ds_cstr(&count));
    ds_destroy(&count);
    if (segment->mac_limit) {
        kctl_tree_line(t, 1, KCTL_PLAIN, "mac_limit: %"PRId64,
                       *segment->mac_limit);
    }
    if (segment->mac_aging) {
        kctl_tree_line(t, 1, KCTL_PLAIN, "mac_aging: %"PRId64" s",
                       *segment->mac_aging);
    }
    put_entries(t, 1, &segment->options);
    put_error(t, 1, segment->error);
    put_bindings(t, segment, all);
    put_host_ports(t, segment, all);
    put_vteps(t, segment, all);
    put_macs(t, segment, &all->macs);
}

/* ---- Edges. ------------------------------------------------------------- */

/* The MTU is trouble rather than state. */
static void
put_status(const struct kctl_tree *t, const struct kkrec_edge *edge)
{
    const char *narrow = smap_get(&edge->status, "narrow");
    struct smap rest;

    smap_clone(&rest, &edge->status);
    smap_remove(&rest, "narrow");
    put_smap(t, "status", &rest);
    smap_destroy(&rest);
    if (narrow) {
        kctl_tree_line(t, 1, KCTL_BAD, "warning: MTU: frames of full size do "
                       "not get to %s", narrow);
    }
}

static void
put_edge(const struct kctl_tree *t, const struct kkrec_edge *edge)
{
    kctl_tree_line(t, 0, KCTL_BOLD, "edge %s", edge->name);
    kctl_tree_line(t, 1, KCTL_PLAIN, "datapath_id: %s", edge->datapath_id);
    kctl_tree_line(t, 1, KCTL_PLAIN, "tunnel_ip: %s", edge->tunnel_ip);
    kctl_tree_line(t, 1, KCTL_PLAIN, "tunnel_port: %s",
                   kctl_tunnel_port(edge));
    if (edge->peer_port) {
        kctl_tree_line(t, 1, KCTL_PLAIN, "peer_port: %s", edge->peer_port);
    }
    put_smap(t, "bfd_ports", &edge->bfd_ports);
    if (edge->n_drained && edge->drained[0]) {
        kctl_tree_line(t, 1, KCTL_CHANGED, "drained: true");
    }
    kctl_tree_line(t, 1, edge->connected ? KCTL_GOOD : KCTL_BAD,
                   "connected: %s", edge->connected ? "true" : "false");
    if (edge->leader) {
        kctl_tree_line(t, 1, KCTL_PLAIN, "leader: %s", edge->leader);
    }
    put_status(t, edge);
    put_error(t, 1, edge->error);
}

/* ---- All. --------------------------------------------------------------- */

static void
put_clusters(struct ctl_context *ctx, const struct kctl_tree *t)
{
    size_t n;
    const void **rows = kctl_sorted(ctx, &kkrec_table_cluster, NULL, &n);

    for (size_t i = 0; i < n; i++) {
        put_cluster(t, rows[i]);
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
put_segments(struct ctl_context *ctx, const struct kctl_tree *t,
             const struct json *counts)
{
    struct listings all = {
        .bindings = list_table(ctx, &kkrec_table_binding),
        .host_ports = list_table(ctx, &kkrec_table_host_port),
        .vteps = list_table(ctx, &kkrec_table_vtep),
        .macs = list_table(ctx, &kkrec_table_static_mac),
        .counts = counts,
    };
    size_t n;
    const void **rows = kctl_sorted(ctx, &kkrec_table_segment, NULL, &n);

    for (size_t i = 0; i < n; i++) {
        put_segment(t, rows[i], &all);
    }

    free(all.bindings.rows);
    free(all.host_ports.rows);
    free(all.vteps.rows);
    free(all.macs.rows);
    free(rows);
}

static void
put_edges(struct ctl_context *ctx, const struct kctl_tree *t)
{
    size_t n;
    const void **rows = kctl_sorted(ctx, &kkrec_table_edge, NULL, &n);

    for (size_t i = 0; i < n; i++) {
        put_edge(t, rows[i]);
    }
    free(rows);
}

static void
put_tree(struct ctl_context *ctx, const struct json *counts)
{
    const struct kkrec_kakehashi_global *global
        = kkrec_kakehashi_global_first(ctx->idl);
    const struct kctl_tree t = {
        .s = &ctx->output,
        .color = kctl_options(ctx)->color,
        .width = kctl_options(ctx)->width,
    };

    put_error(&t, 0, global ? global->error : NULL);
    put_clusters(ctx, &t);
    put_segments(ctx, &t, counts);
    put_edges(ctx, &t);
}

void
kctl_show(struct ctl_context *ctx)
{
    const struct kctl_options *options = kctl_options(ctx);
    struct json *counts = kctl_counts_parse(options->counts);

    if (!options->format_given) {
        put_tree(ctx, counts);
    } else if (options->style.format == TF_JSON) {
        kctl_show_json(ctx, counts);
    } else {
        kctl_show_table(ctx, counts);
    }
    json_destroy(counts);
}
