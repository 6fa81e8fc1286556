/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* The tables that the "-list" verbs print.
 *
 * Headings are the names of the columns in the database where there are such,
 * so that --format=json and --format=csv read like it. */

#include <config.h>

#include "controller/kctl.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "table.h"
#include "util.h"

void
kctl_start_table(struct ctl_context *ctx, const char *headings)
{
    char *copy = xstrdup(headings);
    char *save_ptr = NULL;

    ctx->table = xmalloc(sizeof *ctx->table);
    table_init(ctx->table);
    for (char *heading = strtok_r(copy, " ", &save_ptr); heading;
         heading = strtok_r(NULL, " ", &save_ptr)) {
        table_add_column(ctx->table, "%s", heading);
    }
    free(copy);
}

/* A null pointer leaves the cell empty; in JSON it is null. */
static void
add_text(struct ctl_context *ctx, const char *text)
{
    table_add_cell(ctx->table)->text = nullable_xstrdup(text);
}

static void
add_ds(struct ctl_context *ctx, struct ds *s)
{
    table_add_cell(ctx->table)->text = ds_steal_cstr(s);
}

static void
add_integer(struct ctl_context *ctx, int64_t integer)
{
    table_add_cell(ctx->table)->json = json_integer_create(integer);
}

static void
add_optional_integer(struct ctl_context *ctx, const int64_t *integer)
{
    if (integer) {
        add_integer(ctx, *integer);
    } else {
        add_text(ctx, NULL);
    }
}

void
kctl_edge_list(struct ctl_context *ctx)
{
    size_t n;
    const void **rows = kctl_sorted(ctx, &kkrec_table_edge, NULL, &n);

    kctl_start_table(ctx, "name datapath_id tunnel_ip tunnel_port peer_port "
                "connected error");
    for (size_t i = 0; i < n; i++) {
        const struct kkrec_edge *edge = rows[i];

        table_add_row(ctx->table);
        add_text(ctx, edge->name);
        add_text(ctx, edge->datapath_id);
        add_text(ctx, edge->tunnel_ip);
        add_text(ctx, kctl_tunnel_port(edge));
        add_text(ctx, edge->peer_port);
        table_add_cell(ctx->table)->json = json_boolean_create(
            edge->connected);
        add_text(ctx, edge->error);
    }
    free(rows);
}

void
kctl_cluster_list(struct ctl_context *ctx)
{
    size_t n;
    const void **rows = kctl_sorted(ctx, &kkrec_table_cluster, NULL, &n);

    kctl_start_table(ctx, "name edges failover active_edge error");
    for (size_t i = 0; i < n; i++) {
        const struct kkrec_cluster *cluster = rows[i];
        struct ds edges = DS_EMPTY_INITIALIZER;

        kctl_format_edges(cluster, &edges);
        table_add_row(ctx->table);
        add_text(ctx, cluster->name);
        add_ds(ctx, &edges);
        add_text(ctx, cluster->failover);
        add_text(ctx, cluster->active_edge ? cluster->active_edge->name
                                           : NULL);
        add_text(ctx, cluster->error);
    }
    free(rows);
}

void
kctl_segment_list(struct ctl_context *ctx)
{
    size_t n;
    const void **rows = kctl_sorted(ctx, &kkrec_table_segment, NULL, &n);

    kctl_start_table(ctx, "name vni mac_limit mac_aging error");
    for (size_t i = 0; i < n; i++) {
        const struct kkrec_segment *segment = rows[i];

        table_add_row(ctx->table);
        add_text(ctx, segment->name);
        add_integer(ctx, segment->vni);
        add_optional_integer(ctx, segment->mac_limit);
        add_optional_integer(ctx, segment->mac_aging);
        add_text(ctx, segment->error);
    }
    free(rows);
}

/* ---- Of one segment, or of all. ----------------------------------------- */

/* Finds the segment that the optional argument names; NULL means all.
 * Returns false, and reports it, if there is no such segment. */
static bool
get_filter(struct ctl_context *ctx, const struct kkrec_segment **segment)
{
    *segment = ctx->argc > 1 ? kctl_get_segment(ctx, ctx->argv[1]) : NULL;
    return !ctx->error;
}

static void
add_binding(struct ctl_context *ctx, const struct kkrec_binding *b)
{
    table_add_row(ctx->table);
    add_text(ctx, kctl_segment_name(b->segment));
    add_text(ctx, b->cluster ? b->cluster->name : NULL);
    add_text(ctx, b->port);
    add_integer(ctx, b->vlan);
    add_text(ctx, b->error);
}

void
kctl_binding_list(struct ctl_context *ctx)
{
    const struct kkrec_segment *filter;

    if (get_filter(ctx, &filter)) {
        size_t n;
        const void **rows = kctl_sorted(ctx, &kkrec_table_binding,
                                        filter, &n);

        kctl_start_table(ctx, "segment cluster port vlan error");
        for (size_t i = 0; i < n; i++) {
            add_binding(ctx, rows[i]);
        }
        free(rows);
    }
}

static void
add_vtep(struct ctl_context *ctx, const struct kkrec_vtep *vtep)
{
    table_add_row(ctx->table);
    add_text(ctx, kctl_segment_name(vtep->segment));
    add_text(ctx, vtep->ip);
    add_text(ctx, vtep->error);
}

void
kctl_vtep_list(struct ctl_context *ctx)
{
    const struct kkrec_segment *filter;

    if (get_filter(ctx, &filter)) {
        size_t n;
        const void **rows = kctl_sorted(ctx, &kkrec_table_vtep,
                                        filter, &n);

        kctl_start_table(ctx, "segment ip error");
        for (size_t i = 0; i < n; i++) {
            add_vtep(ctx, rows[i]);
        }
        free(rows);
    }
}

static void
add_host_port(struct ctl_context *ctx, const struct kkrec_host_port *hp)
{
    table_add_row(ctx->table);
    add_text(ctx, kctl_segment_name(hp->segment));
    add_text(ctx, hp->edge ? hp->edge->name : NULL);
    add_text(ctx, hp->port);
    add_text(ctx, hp->error);
}

void
kctl_host_port_list(struct ctl_context *ctx)
{
    const struct kkrec_segment *filter;

    if (get_filter(ctx, &filter)) {
        size_t n;
        const void **rows = kctl_sorted(ctx, &kkrec_table_host_port,
                                        filter, &n);

        kctl_start_table(ctx, "segment edge port error");
        for (size_t i = 0; i < n; i++) {
            add_host_port(ctx, rows[i]);
        }
        free(rows);
    }
}

static void
add_mac(struct ctl_context *ctx, const struct kkrec_static_mac *mac)
{
    struct ds location = DS_EMPTY_INITIALIZER;

    kctl_format_location(mac, &location);
    table_add_row(ctx->table);
    add_text(ctx, kctl_segment_name(mac->segment));
    add_text(ctx, mac->mac);
    add_ds(ctx, &location);
    add_text(ctx, mac->error);
}

void
kctl_mac_list(struct ctl_context *ctx)
{
    const struct kkrec_segment *filter;

    if (get_filter(ctx, &filter)) {
        size_t n;
        const void **rows = kctl_sorted(ctx, &kkrec_table_static_mac,
                                        filter, &n);

        kctl_start_table(ctx, "segment mac location error");
        for (size_t i = 0; i < n; i++) {
            add_mac(ctx, rows[i]);
        }
        free(rows);
    }
}
