/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* "export": the configuration as commands, a line each.
 *
 * A row is made by its verb, with what that cannot do without, and whatever
 * else is not as by default is set by a generic command, so that a column that
 * is added to the schema one day is not forgotten here. */

#include <config.h>

#include "controller/kctl.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "controller/kctl_index.h"
#include "controller/kctl_row.h"
#include "controller/kctl_split.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "ovsdb-idl-provider.h"
#include "smap.h"
#include "util.h"

/* Appends a word to the line. */
static void
put(struct ds *s, const char *word)
{
    ds_put_cstr(s, ds_last(s) == '\n' || !s->length ? "" : " ");
    kctl_quote(word, s);
}

static void
put_number(struct ds *s, int64_t n)
{
    ds_put_format(s, " %"PRId64, n);
}

#define NAME_OF(ROW) ((ROW) ? (ROW)->name : "?")

/* ---- What verbs do without being told. ---------------------------------- */

/* Is 'cluster' one that "bind" makes by itself, if the file has a binding of
 * it? */
static bool
is_made_by_bind(struct ctl_context *ctx, const struct kkrec_cluster *cluster)
{
    const struct kkrec_binding *b;
    struct kctl_scan scan;

    if (cluster->n_edges != 1 || smap_count(&cluster->other_config) != 1
        || !smap_get_bool(&cluster->other_config, KCTL_IMPLICIT, false)
        || cluster->failover || cluster->isolation
        || !smap_is_empty(&cluster->external_ids)
        || strcmp(NAME_OF(cluster->value_edges[0]), cluster->name)) {
        return false;
    }
    kctl_scan_binding(&scan, ctx, cluster, NULL, -1);
    KCTL_SCAN (b, &scan, b->cluster == cluster) {
        return true;
    }
    return false;
}

/* Columns that the line with the verb has. */
static bool
is_said(const struct ovsdb_idl_table_class *class, const char *column)
{
    static const struct {
        const struct ovsdb_idl_table_class *class;
        const char *columns[5];
    } said[] = {
        { &kkrec_table_segment, { "name", "vni" } },
        { &kkrec_table_edge, { "name", "datapath_id", "tunnel_ip" } },
        { &kkrec_table_cluster, { "name", "edges" } },
        { &kkrec_table_binding, { "segment", "cluster", "port", "vlan" } },
        { &kkrec_table_host_port, { "segment", "edge", "port" } },
        { &kkrec_table_vtep, { "segment", "ip" } },
        { &kkrec_table_static_mac, { "segment", "mac", "binding",
                                     "host_port", "vtep" } },
    };

    for (size_t i = 0; i < ARRAY_SIZE(said); i++) {
        for (size_t j = 0; j < ARRAY_SIZE(said[i].columns); j++) {
            if (said[i].class == class && said[i].columns[j]
                && !strcmp(said[i].columns[j], column)) {
                return true;
            }
        }
    }
    return false;
}

/* Prints the line that sets the other columns, if there are any. */
static void
put_columns(struct ctl_context *ctx, const struct ovsdb_idl_row *row)
{
    const struct ovsdb_idl_table_class *class = row->table->class_;
    struct ds line = DS_EMPTY_INITIALIZER;

    for (size_t i = 0; i < class->n_columns; i++) {
        const struct ovsdb_idl_column *column = &class->columns[i];
        struct json *value
            = (kctl_is_config_column(class, column)
               && !is_said(class, column->name)
               ? kctl_row_value(ctx->idl, row, column, false, false) : NULL);

        if (value && column == &kkrec_edge_col_tunnel_port
            && !strcmp(json_string(value), KCTL_TUNNEL_PORT)) {
            json_destroy(value);
        } else if (value) {
            struct ds word = DS_EMPTY_INITIALIZER;

            ds_put_format(&word, "%s=", column->name);
            kctl_value_format(column, value, &word);
            put(&line, ds_cstr(&word));
            ds_destroy(&word);
            json_destroy(value);
        }
    }
    if (line.length) {
        struct ds key = DS_EMPTY_INITIALIZER;

        kctl_row_key(ctx->idl, row, false, &key);
        ds_put_format(&ctx->output, "set %s", class->name);
        put(&ctx->output, ds_cstr(&key));
        ds_put_format(&ctx->output, " %s\n", ds_cstr(&line));
        ds_destroy(&key);
    }
    ds_destroy(&line);
}

/* ---- Verbs. ------------------------------------------------------------- */

static void
put_segment(struct ctl_context *ctx, const void *row)
{
    const struct kkrec_segment *segment = row;

    put(&ctx->output, "segment-add");
    put(&ctx->output, segment->name);
    put_number(&ctx->output, segment->vni);
}

static void
put_edge(struct ctl_context *ctx, const void *row)
{
    const struct kkrec_edge *edge = row;

    put(&ctx->output, "edge-add");
    put(&ctx->output, edge->name);
    put(&ctx->output, edge->datapath_id);
    put(&ctx->output, edge->tunnel_ip);
}

static void
put_cluster(struct ctl_context *ctx, const void *row)
{
    const struct kkrec_cluster *cluster = row;

    put(&ctx->output, "cluster-add");
    put(&ctx->output, cluster->name);
    for (size_t i = 0; i < cluster->n_edges; i++) {
        put(&ctx->output, NAME_OF(cluster->value_edges[i]));
    }
}

static void
put_binding(struct ctl_context *ctx, const void *row)
{
    const struct kkrec_binding *b = row;

    put(&ctx->output, "bind");
    put(&ctx->output, kctl_segment_name(b->segment));
    put(&ctx->output, NAME_OF(b->cluster));
    put(&ctx->output, b->port);
    put_number(&ctx->output, b->vlan);
}

static void
put_host_port(struct ctl_context *ctx, const void *row)
{
    const struct kkrec_host_port *hp = row;

    put(&ctx->output, "host-port-add");
    put(&ctx->output, kctl_segment_name(hp->segment));
    put(&ctx->output, NAME_OF(hp->edge));
    put(&ctx->output, hp->port);
}

static void
put_vtep(struct ctl_context *ctx, const void *row)
{
    const struct kkrec_vtep *vtep = row;

    put(&ctx->output, "vtep-add");
    put(&ctx->output, kctl_segment_name(vtep->segment));
    put(&ctx->output, vtep->ip);
}

static void
put_mac(struct ctl_context *ctx, const void *row)
{
    const struct kkrec_static_mac *mac = row;
    struct ds location = DS_EMPTY_INITIALIZER;

    kctl_format_location(mac, &location);
    put(&ctx->output, "mac-add");
    put(&ctx->output, kctl_segment_name(mac->segment));
    put(&ctx->output, mac->mac);
    put(&ctx->output, ds_cstr(&location));
    ds_destroy(&location);
}

/* ---- All. --------------------------------------------------------------- */

/* In an order in which each line needs only those before it. */
static const struct {
    const struct ovsdb_idl_table_class *class;
    void (*put_verb)(struct ctl_context *, const void *row);
} kinds[] = {
    { &kkrec_table_edge, put_edge },
    { &kkrec_table_cluster, put_cluster },
    { &kkrec_table_segment, put_segment },
    { &kkrec_table_binding, put_binding },
    { &kkrec_table_host_port, put_host_port },
    { &kkrec_table_vtep, put_vtep },
    { &kkrec_table_static_mac, put_mac },
};

void
kctl_export(struct ctl_context *ctx)
{
    const struct kkrec_kakehashi_global *global
        = kkrec_kakehashi_global_first(ctx->idl);

    if (global) {
        put_columns(ctx, &global->header_);
    }
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        size_t n;
        const void **rows = kctl_sorted(ctx, kinds[i].class, NULL, &n);

        for (size_t j = 0; j < n; j++) {
            if (kinds[i].class == &kkrec_table_cluster
                && is_made_by_bind(ctx, rows[j])) {
                continue;
            }
            kinds[i].put_verb(ctx, rows[j]);
            ds_put_char(&ctx->output, '\n');
            put_columns(ctx, rows[j]);
        }
        free(rows);
    }
}
