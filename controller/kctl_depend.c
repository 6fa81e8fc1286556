/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* What goes away with a row.
 *
 * References between rows are strong, so the database would refuse to delete
 * a row that another one needs, but only say so by UUID and at the end of the
 * transaction.  Here the dependants are collected first. */

#include <config.h>

#include "controller/kctl.h"

#include <stdlib.h>

#include "controller/kctl_index.h"
#include "hmapx.h"
#include "openvswitch/dynamic-string.h"
#include "smap.h"
#include "svec.h"
#include "util.h"

/* Names that an error message lists of one kind. */
#define MAX_NAMES 3

/* Rows that cannot be without a row that is to be deleted. */
struct dependants {
    struct hmapx clusters;      /* Of const struct kkrec_cluster. */
    struct hmapx bindings;      /* Of const struct kkrec_binding. */
    struct hmapx host_ports;    /* Of const struct kkrec_host_port. */
    struct hmapx vteps;         /* Of const struct kkrec_vtep. */
    struct hmapx macs;          /* Of const struct kkrec_static_mac. */

    /* Clusters that lose an edge and keep others. */
    struct hmapx reduced;       /* Of const struct kkrec_cluster. */
};

static void
dependants_init(struct dependants *d)
{
    hmapx_init(&d->clusters);
    hmapx_init(&d->bindings);
    hmapx_init(&d->host_ports);
    hmapx_init(&d->vteps);
    hmapx_init(&d->macs);
    hmapx_init(&d->reduced);
}

static void
dependants_destroy(struct dependants *d)
{
    hmapx_destroy(&d->clusters);
    hmapx_destroy(&d->bindings);
    hmapx_destroy(&d->host_ports);
    hmapx_destroy(&d->vteps);
    hmapx_destroy(&d->macs);
    hmapx_destroy(&d->reduced);
}

/* ---- Collecting. -------------------------------------------------------- */

static void
insert(struct hmapx *set, const void *row)
{
    hmapx_add(set, CONST_CAST(void *, row));
}

/* Adds the static MACs at one of the locations that are in 'd', found by
 * index. */
static void
scan_macs_of_locations(struct ctl_context *ctx, struct dependants *d)
{
    const struct kkrec_static_mac *mac;
    const struct hmapx_node *node;
    struct kctl_scan scan;

    HMAPX_FOR_EACH (node, &d->bindings) {
        kctl_scan_binding_macs(&scan, ctx, node->data);
        KCTL_SCAN (mac, &scan, mac->binding == node->data) {
            insert(&d->macs, mac);
        }
    }
    HMAPX_FOR_EACH (node, &d->host_ports) {
        kctl_scan_host_port_macs(&scan, ctx, node->data);
        KCTL_SCAN (mac, &scan, mac->host_port == node->data) {
            insert(&d->macs, mac);
        }
    }
    HMAPX_FOR_EACH (node, &d->vteps) {
        kctl_scan_vtep_macs(&scan, ctx, node->data);
        KCTL_SCAN (mac, &scan, mac->vtep == node->data) {
            insert(&d->macs, mac);
        }
    }
}

/* Adds the static MACs at one of the locations that are in 'd'.  These may be
 * many: without an index the table is walked once and not for each. */
static void
add_macs_of_locations(struct ctl_context *ctx, struct dependants *d)
{
    const struct kkrec_static_mac *mac;

    if (kctl_index(ctx)) {
        scan_macs_of_locations(ctx, d);
        return;
    }
    KKREC_STATIC_MAC_FOR_EACH (mac, ctx->idl) {
        if (hmapx_contains(&d->bindings, mac->binding)
            || hmapx_contains(&d->host_ports, mac->host_port)
            || hmapx_contains(&d->vteps, mac->vtep)) {
            insert(&d->macs, mac);
        }
    }
}

/* Adds the bindings of the clusters that are in 'd'. */
static void
add_bindings_of_clusters(struct ctl_context *ctx, struct dependants *d)
{
    const struct hmapx_node *node;

    HMAPX_FOR_EACH (node, &d->clusters) {
        const struct kkrec_binding *b;
        struct kctl_scan scan;

        kctl_scan_binding(&scan, ctx, node->data, NULL, -1);
        KCTL_SCAN (b, &scan, b->cluster == node->data) {
            insert(&d->bindings, b);
        }
    }
}

static void
add_of_edge(struct ctl_context *ctx, const struct kkrec_edge *edge,
            struct dependants *d)
{
    const struct kkrec_cluster *cluster;
    const struct kkrec_host_port *hp;
    struct kctl_scan scan;

    KKREC_CLUSTER_FOR_EACH (cluster, ctx->idl) {
        if (kctl_cluster_has(cluster, edge)) {
            insert(cluster->n_edges > 1 ? &d->reduced : &d->clusters, cluster);
        }
    }
    kctl_scan_host_port(&scan, ctx, edge, NULL);
    KCTL_SCAN (hp, &scan, hp->edge == edge) {
        insert(&d->host_ports, hp);
    }
}

static void
add_of_segment(struct ctl_context *ctx, const struct kkrec_segment *segment,
               struct dependants *d)
{
    const struct kkrec_static_mac *mac;
    const struct kkrec_host_port *hp;
    const struct kkrec_binding *b;
    const struct kkrec_vtep *vtep;
    struct kctl_scan scan;

    kctl_scan_segment_bindings(&scan, ctx, segment);
    KCTL_SCAN (b, &scan, b->segment == segment) {
        insert(&d->bindings, b);
    }
    kctl_scan_segment_host_ports(&scan, ctx, segment);
    KCTL_SCAN (hp, &scan, hp->segment == segment) {
        insert(&d->host_ports, hp);
    }
    kctl_scan_segment_vteps(&scan, ctx, segment, NULL);
    KCTL_SCAN (vtep, &scan, vtep->segment == segment) {
        insert(&d->vteps, vtep);
    }
    kctl_scan_segment_macs(&scan, ctx, segment, NULL);
    KCTL_SCAN (mac, &scan, mac->segment == segment) {
        insert(&d->macs, mac);
    }
}

/* ---- Describing. -------------------------------------------------------- */

static void
name_cluster(const void *row, struct ds *s)
{
    const struct kkrec_cluster *cluster = row;
    ds_put_cstr(s, cluster->name);
}

static void
name_binding(const void *row, struct ds *s)
{
    kctl_format_binding(row, s);
}

static void
name_host_port(const void *row, struct ds *s)
{
    kctl_format_host_port(row, s);
}

static void
name_vtep(const void *row, struct ds *s)
{
    const struct kkrec_vtep *vtep = row;
    ds_put_cstr(s, vtep->ip);
}

static void
name_mac(const void *row, struct ds *s)
{
    const struct kkrec_static_mac *mac = row;
    ds_put_cstr(s, mac->mac);
}

/* Appends to 'phrases', for example, "2 bindings (c/p/1, c/p/2)". */
static void
describe(const struct hmapx *rows, const char *kind,
         void (*name)(const void *row, struct ds *), struct svec *phrases)
{
    struct svec names = SVEC_EMPTY_INITIALIZER;
    const struct hmapx_node *node;

    HMAPX_FOR_EACH (node, rows) {
        struct ds s = DS_EMPTY_INITIALIZER;

        name(node->data, &s);
        svec_add_nocopy(&names, ds_steal_cstr(&s));
    }
    if (!names.n) {
        return;
    }
    svec_sort(&names);

    struct ds phrase = DS_EMPTY_INITIALIZER;
    ds_put_format(&phrase, "%"PRIuSIZE" %s%s (", names.n, kind,
                  names.n > 1 ? "s" : "");
    for (size_t i = 0; i < names.n && i < MAX_NAMES; i++) {
        ds_put_format(&phrase, "%s%s", i ? ", " : "", names.names[i]);
    }
    ds_put_cstr(&phrase, names.n > MAX_NAMES ? ", ...)" : ")");
    svec_add_nocopy(phrases, ds_steal_cstr(&phrase));
    svec_destroy(&names);
}

/* Reports that 'what' is needed by 'd'. */
static void
refuse(struct ctl_context *ctx, const char *what, const struct dependants *d)
{
    struct svec phrases = SVEC_EMPTY_INITIALIZER;
    const struct hmapx_node *node;
    struct hmapx clusters;

    hmapx_clone(&clusters, &d->clusters);
    HMAPX_FOR_EACH (node, &d->reduced) {
        hmapx_add(&clusters, node->data);
    }
    describe(&clusters, "cluster", name_cluster, &phrases);
    hmapx_destroy(&clusters);

    describe(&d->bindings, "binding", name_binding, &phrases);
    describe(&d->host_ports, "host port", name_host_port, &phrases);
    describe(&d->vteps, "VTEP", name_vtep, &phrases);
    describe(&d->macs, "static MAC", name_mac, &phrases);
    if (phrases.n) {
        char *list = svec_join(&phrases, ", ", "");
        ctl_error(ctx, "%s is needed by %s: remove these first, or use "
                  "--cascade to remove them too", what, list);
        free(list);
    }
    svec_destroy(&phrases);
}

/* ---- Deleting. ---------------------------------------------------------- */

/* Takes 'edge' out of 'cluster', which keeps its other edges and their
 * ranks. */
static void
reduce_cluster(const struct kkrec_cluster *cluster,
               const struct kkrec_edge *edge)
{
    int64_t *ranks = xmalloc(cluster->n_edges * sizeof *ranks);
    struct kkrec_edge **edges = xmalloc(cluster->n_edges * sizeof *edges);
    size_t n = 0;

    for (size_t i = 0; i < cluster->n_edges; i++) {
        if (cluster->value_edges[i] != edge) {
            ranks[n] = cluster->key_edges[i];
            edges[n++] = cluster->value_edges[i];
        }
    }
    kkrec_cluster_set_edges(cluster, ranks, edges, n);
    free(ranks);
    free(edges);
}

/* Deletes the rows in 'd', dependants before what they depend on. */
static void
delete_rows(struct dependants *d)
{
    const struct hmapx_node *node;

    HMAPX_FOR_EACH (node, &d->macs) {
        kkrec_static_mac_delete(node->data);
    }
    HMAPX_FOR_EACH (node, &d->vteps) {
        kkrec_vtep_delete(node->data);
    }
    HMAPX_FOR_EACH (node, &d->host_ports) {
        kkrec_host_port_delete(node->data);
    }
    HMAPX_FOR_EACH (node, &d->bindings) {
        kkrec_binding_delete(node->data);
    }
    HMAPX_FOR_EACH (node, &d->clusters) {
        kkrec_cluster_delete(node->data);
    }
}

/* Deletes 'cluster' if "bind" made it and it has no binding any more.  The
 * generic "destroy" may have deleted it before its bindings. */
static void
delete_if_unused(struct ctl_context *ctx, const struct kkrec_cluster *cluster)
{
    const struct kkrec_binding *b;
    struct kctl_scan scan;

    if (!cluster || !cluster->header_.new_datum
        || !smap_get_bool(&cluster->other_config, KCTL_IMPLICIT, false)) {
        return;
    }
    kctl_scan_binding(&scan, ctx, cluster, NULL, -1);
    KCTL_SCAN (b, &scan, b->cluster == cluster) {
        return;
    }
    kkrec_cluster_delete(cluster);
}

/* Completes 'd', which has the rows that refer to 'what' themselves, by those
 * that refer to these.  If there are any and --cascade was not given, reports
 * that; otherwise deletes them.  Destroys 'd'.  Takes 'what'.  Returns true if
 * nothing hinders the deletion of 'what' any more. */
static bool
resolve(struct ctl_context *ctx, char *what, struct dependants *d,
        const struct kkrec_edge *edge)
{
    add_bindings_of_clusters(ctx, d);
    add_macs_of_locations(ctx, d);

    if (!shash_find(&ctx->options, "--cascade")) {
        refuse(ctx, what, d);
    }
    if (!ctx->error) {
        const struct hmapx_node *node;

        HMAPX_FOR_EACH (node, &d->reduced) {
            reduce_cluster(node->data, edge);
        }
        delete_rows(d);
    }
    dependants_destroy(d);
    free(what);
    return !ctx->error;
}

void
kctl_delete_edge(struct ctl_context *ctx, const struct kkrec_edge *edge)
{
    struct dependants d;

    dependants_init(&d);
    add_of_edge(ctx, edge, &d);
    if (resolve(ctx, xasprintf("edge \"%s\"", edge->name), &d, edge)) {
        kkrec_edge_delete(edge);
    }
}

void
kctl_delete_cluster(struct ctl_context *ctx,
                    const struct kkrec_cluster *cluster)
{
    struct dependants d;

    dependants_init(&d);
    insert(&d.clusters, cluster);
    add_bindings_of_clusters(ctx, &d);
    hmapx_clear(&d.clusters);
    if (resolve(ctx, xasprintf("cluster \"%s\"", cluster->name), &d, NULL)) {
        kkrec_cluster_delete(cluster);
    }
}

void
kctl_delete_segment(struct ctl_context *ctx,
                    const struct kkrec_segment *segment)
{
    struct hmapx clusters = HMAPX_INITIALIZER(&clusters);
    const struct hmapx_node *node;
    struct dependants d;

    dependants_init(&d);
    add_of_segment(ctx, segment, &d);
    HMAPX_FOR_EACH (node, &d.bindings) {
        const struct kkrec_binding *b = node->data;
        insert(&clusters, b->cluster);
    }
    if (resolve(ctx, xasprintf("segment \"%s\"", segment->name), &d, NULL)) {
        kkrec_segment_delete(segment);
        HMAPX_FOR_EACH (node, &clusters) {
            delete_if_unused(ctx, node->data);
        }
    }
    hmapx_destroy(&clusters);
}

/* Fills 'd' with what depends on the location that the caller puts into
 * 'set', one of the sets of 'd', and leaves 'set' empty. */
static void
add_of_location(struct ctl_context *ctx, struct dependants *d,
                struct hmapx *set, const void *location)
{
    insert(set, location);
    add_macs_of_locations(ctx, d);
    hmapx_clear(set);
}

void
kctl_delete_binding(struct ctl_context *ctx, const struct kkrec_binding *b)
{
    const struct kkrec_cluster *cluster = b->cluster;
    struct ds name = DS_EMPTY_INITIALIZER;
    struct dependants d;

    dependants_init(&d);
    add_of_location(ctx, &d, &d.bindings, b);
    ds_put_cstr(&name, "binding ");
    kctl_format_binding(b, &name);
    if (resolve(ctx, ds_steal_cstr(&name), &d, NULL)) {
        kkrec_binding_delete(b);
        delete_if_unused(ctx, cluster);
    }
}

void
kctl_delete_host_port(struct ctl_context *ctx,
                      const struct kkrec_host_port *hp)
{
    struct ds name = DS_EMPTY_INITIALIZER;
    struct dependants d;

    dependants_init(&d);
    add_of_location(ctx, &d, &d.host_ports, hp);
    ds_put_cstr(&name, "host port ");
    kctl_format_host_port(hp, &name);
    if (resolve(ctx, ds_steal_cstr(&name), &d, NULL)) {
        kkrec_host_port_delete(hp);
    }
}

void
kctl_delete_vtep(struct ctl_context *ctx, const struct kkrec_vtep *vtep)
{
    struct dependants d;

    dependants_init(&d);
    add_of_location(ctx, &d, &d.vteps, vtep);
    if (resolve(ctx, xasprintf("VTEP %s", vtep->ip), &d, NULL)) {
        kkrec_vtep_delete(vtep);
    }
}
