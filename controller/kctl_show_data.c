/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "controller/kctl_show.h"

#include <inttypes.h>
#include <stdlib.h>

#include "controller/kctl.h"
#include "controller/kctl_counts.h"
#include "controller/kctl_index.h"
#include "controller/kctl_options.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "smap.h"
#include "table.h"
#include "timeval.h"
#include "util.h"

char *
kctl_format_time(int64_t msec)
{
    return xastrftime_msec("%Y-%m-%d %H:%M:%S UTC", msec, true);
}

/* ---- JSON. -------------------------------------------------------------- */

static void
put_string(struct json *object, const char *name, const char *value)
{
    json_object_put(object, name, value ? json_string_create(value)
                                        : json_null_create());
}

static void
put_integer(struct json *object, const char *name, const int64_t *value)
{
    json_object_put(object, name, value ? json_integer_create(*value)
                                        : json_null_create());
}

static void
put_ds(struct json *object, const char *name, struct ds *s)
{
    json_object_put_string(object, name, ds_cstr(s));
    ds_destroy(s);
}

static void
put_count(struct json *object, const struct json *counts,
          const struct kkrec_segment *segment, const char *location)
{
    int64_t n = kctl_counts_get(counts, kctl_segment_name(segment), location);

    put_integer(object, "macs", n < 0 ? NULL : &n);
}

/* In bits a second, or null. */
static void
put_rates(struct json *object, const struct json *counts,
          const struct kkrec_segment *segment, const char *location)
{
    const char *name = kctl_segment_name(segment);
    int64_t in = kctl_counts_rate(counts, name, location, false);
    int64_t out = kctl_counts_rate(counts, name, location, true);

    put_integer(object, "in_bps", in < 0 ? NULL : &in);
    put_integer(object, "out_bps", out < 0 ? NULL : &out);
}

static struct json *
cluster_to_json(const struct kkrec_cluster *cluster)
{
    struct json *json = json_object_create();
    struct json *edges = json_array_create_empty();

    for (size_t i = 0; i < cluster->n_edges; i++) {
        if (cluster->value_edges[i]) {
            json_array_add(edges, json_string_create(
                               cluster->value_edges[i]->name));
        }
    }
    put_string(json, "name", cluster->name);
    json_object_put(json, "edges", edges);
    put_string(json, "active",
               cluster->active_edge ? cluster->active_edge->name : NULL);
    put_integer(json, "active_since", cluster->active_since);
    put_string(json, "reason", cluster->reason);
    put_string(json, "failover", cluster->failover);
    put_string(json, "isolation", cluster->isolation);
    json_object_put(json, "edge_status",
                    smap_to_json(&cluster->edge_status));
    put_string(json, "error", cluster->error);
    return json;
}

static struct json *
binding_to_json(const struct kkrec_binding *b, const struct json *counts)
{
    const struct kkrec_edge *active
        = b->cluster ? b->cluster->active_edge : NULL;
    struct json *json = json_object_create();
    struct ds location = DS_EMPTY_INITIALIZER;

    kctl_format_binding(b, &location);
    put_count(json, counts, b->segment, ds_cstr(&location));
    put_rates(json, counts, b->segment, ds_cstr(&location));
    put_ds(json, "location", &location);
    put_string(json, "cluster", b->cluster ? b->cluster->name : NULL);
    put_string(json, "port", b->port);
    put_integer(json, "vlan", &b->vlan);
    put_string(json, "active", active ? active->name : NULL);
    json_object_put(json, "options", smap_to_json(&b->options));
    put_string(json, "error", b->error);
    return json;
}

static struct json *
host_port_to_json(const struct kkrec_host_port *hp, const struct json *counts)
{
    struct json *json = json_object_create();
    struct ds location = DS_EMPTY_INITIALIZER;

    kctl_format_host_port(hp, &location);
    put_count(json, counts, hp->segment, ds_cstr(&location));
    put_rates(json, counts, hp->segment, ds_cstr(&location));
    put_ds(json, "location", &location);
    put_string(json, "error", hp->error);
    return json;
}

static struct json *
vtep_to_json(const struct kkrec_vtep *vtep, const struct json *counts)
{
    struct json *json = json_object_create();

    put_count(json, counts, vtep->segment, vtep->ip);
    put_string(json, "location", vtep->ip);
    put_string(json, "error", vtep->error);
    return json;
}

static struct json *
mac_to_json(const struct kkrec_static_mac *mac)
{
    struct json *json = json_object_create();
    struct ds location = DS_EMPTY_INITIALIZER;

    kctl_format_location(mac, &location);
    put_string(json, "mac", mac->mac);
    put_ds(json, "location", &location);
    put_string(json, "error", mac->error);
    return json;
}

/* The rows of 'class' that belong to 'segment'. */
static struct json *
rows_to_json(struct ctl_context *ctx, const struct kkrec_segment *segment,
             const struct ovsdb_idl_table_class *class,
             const struct json *counts)
{
    struct json *array = json_array_create_empty();
    size_t n;
    const void **rows = kctl_sorted(ctx, class, segment, &n);

    for (size_t i = 0; i < n; i++) {
        json_array_add(array, class == &kkrec_table_binding
                       ? binding_to_json(rows[i], counts)
                       : class == &kkrec_table_host_port
                       ? host_port_to_json(rows[i], counts)
                       : class == &kkrec_table_vtep
                       ? vtep_to_json(rows[i], counts)
                       : mac_to_json(rows[i]));
    }
    free(rows);
    return array;
}

static struct json *
segment_to_json(struct ctl_context *ctx, const struct kkrec_segment *segment,
                const struct json *counts)
{
    struct json *json = json_object_create();

    put_string(json, "name", segment->name);
    put_integer(json, "vni", &segment->vni);
    put_integer(json, "mac_limit", segment->mac_limit);
    put_integer(json, "mac_aging", segment->mac_aging);
    json_object_put(json, "options", smap_to_json(&segment->options));
    put_count(json, counts, segment, NULL);
    put_string(json, "error", segment->error);
    json_object_put(json, "bindings", rows_to_json(
                        ctx, segment, &kkrec_table_binding, counts));
    json_object_put(json, "host_ports", rows_to_json(
                        ctx, segment, &kkrec_table_host_port, counts));
    json_object_put(json, "vteps", rows_to_json(
                        ctx, segment, &kkrec_table_vtep, counts));
    json_object_put(json, "static_macs", rows_to_json(
                        ctx, segment, &kkrec_table_static_mac, counts));
    return json;
}

static struct json *
edge_to_json(const struct kkrec_edge *edge)
{
    struct json *json = json_object_create();

    put_string(json, "name", edge->name);
    put_string(json, "datapath_id", edge->datapath_id);
    put_string(json, "tunnel_ip", edge->tunnel_ip);
    put_string(json, "tunnel_port", kctl_tunnel_port(edge));
    put_string(json, "peer_port", edge->peer_port);
    json_object_put(json, "bfd_ports", smap_to_json(&edge->bfd_ports));
    json_object_put(json, "drained", json_boolean_create(
                        edge->n_drained && edge->drained[0]));
    json_object_put(json, "connected", json_boolean_create(edge->connected));
    put_string(json, "leader", edge->leader);
    json_object_put(json, "status", smap_to_json(&edge->status));
    put_string(json, "error", edge->error);
    return json;
}

/* All rows of 'class' in one array. */
static struct json *
table_to_json(struct ctl_context *ctx,
              const struct ovsdb_idl_table_class *class,
              const struct json *counts)
{
    struct json *array = json_array_create_empty();
    size_t n;
    const void **rows = kctl_sorted(ctx, class, NULL, &n);

    for (size_t i = 0; i < n; i++) {
        json_array_add(array, class == &kkrec_table_cluster
                       ? cluster_to_json(rows[i])
                       : class == &kkrec_table_segment
                       ? segment_to_json(ctx, rows[i], counts)
                       : edge_to_json(rows[i]));
    }
    free(rows);
    return array;
}

void
kctl_show_json(struct ctl_context *ctx, const struct json *counts)
{
    const struct kkrec_kakehashi_global *global
        = kkrec_kakehashi_global_first(ctx->idl);
    struct json *json = json_object_create();

    put_string(json, "error", global ? global->error : NULL);
    json_object_put(json, "clusters", table_to_json(
                        ctx, &kkrec_table_cluster, counts));
    json_object_put(json, "segments", table_to_json(
                        ctx, &kkrec_table_segment, counts));
    json_object_put(json, "edges", table_to_json(
                        ctx, &kkrec_table_edge, counts));
    json_to_ds(json, kctl_options(ctx)->style.json_flags | JSSF_SORT,
               &ctx->output);
    ds_put_char(&ctx->output, '\n');
    json_destroy(json);
}

/* ---- Table. ------------------------------------------------------------- */

static void
add_text(struct table *table, const char *text)
{
    table_add_cell(table)->text = nullable_xstrdup(text);
}

static void
add_integer(struct table *table, int64_t n)
{
    table_add_cell(table)->text = xasprintf("%"PRId64, n);
}

/* Adds 'n', or nothing if that is negative, which is not known. */
static void
add_known(struct table *table, int64_t n)
{
    if (n >= 0) {
        add_integer(table, n);
    } else {
        add_text(table, NULL);
    }
}

/* Adds what a controller knows of 'b'. */
static void
add_counts(struct table *table, const struct kkrec_binding *b,
           const struct json *counts)
{
    const char *segment = kctl_segment_name(b->segment);
    struct ds location = DS_EMPTY_INITIALIZER;

    kctl_format_binding(b, &location);
    add_known(table, kctl_counts_get(counts, segment, ds_cstr(&location)));
    for (int out = 0; out < 2; out++) {
        add_known(table, kctl_counts_rate(counts, segment, ds_cstr(&location),
                                          out));
    }
    ds_destroy(&location);
}

static void
add_binding(struct table *table, const struct kkrec_binding *b,
            const struct json *counts)
{
    const struct kkrec_cluster *cluster = b->cluster;

    table_add_row(table);
    add_text(table, kctl_segment_name(b->segment));
    add_integer(table, b->segment ? b->segment->vni : 0);
    add_text(table, cluster ? cluster->name : NULL);
    add_text(table, b->port);
    add_integer(table, b->vlan);
    add_text(table, cluster && cluster->active_edge
                    ? cluster->active_edge->name : NULL);
    if (counts) {
        add_counts(table, b, counts);
    }
    add_text(table, b->error);
}

void
kctl_show_table(struct ctl_context *ctx, const struct json *counts)
{
    size_t n;
    const void **rows = kctl_sorted(ctx, &kkrec_table_binding, NULL, &n);

    kctl_start_table(ctx, counts
                     ? "segment vni cluster port vlan active macs in_bps "
                       "out_bps error"
                     : "segment vni cluster port vlan active error");
    for (size_t i = 0; i < n; i++) {
        add_binding(ctx->table, rows[i], counts);
    }
    free(rows);
}
