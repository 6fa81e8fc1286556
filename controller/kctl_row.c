/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "controller/kctl_row.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "controller/kctl.h"
#include "controller/kctl_index.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "openvswitch/shash.h"
#include "ovsdb-data.h"
#include "ovsdb-error.h"
#include "ovsdb-idl-provider.h"
#include "util.h"

const struct kctl_table kctl_tables[KCTL_N_CONFIG_TABLES] = {
    { &kkrec_table_kakehashi_global, "global" },
    { &kkrec_table_segment, "segment" },
    { &kkrec_table_edge, "edge" },
    { &kkrec_table_cluster, "cluster" },
    { &kkrec_table_binding, "binding" },
    { &kkrec_table_host_port, "host port" },
    { &kkrec_table_vtep, "vtep" },
    { &kkrec_table_static_mac, "mac" },
};

const struct kctl_table *
kctl_table_by_name(const char *name)
{
    for (size_t i = 0; i < KCTL_N_CONFIG_TABLES; i++) {
        if (!strcmp(kctl_tables[i].class->name, name)) {
            return &kctl_tables[i];
        }
    }
    return NULL;
}

bool
kctl_is_config_column(const struct ovsdb_idl_table_class *class,
                      const struct ovsdb_idl_column *column)
{
    if (class == &kkrec_table_kakehashi_global) {
        return !strcmp(column->name, "options");
    }
    /* An operator may drain an edge by way of a controller. */
    return (column == &kkrec_edge_col_drained
            || !kctl_role_writes(class->name, column->name));
}

/* ---- Keys. -------------------------------------------------------------- */

/* Returns the value of 'column' as it is, or was before the transaction, NULL
 * if there is none. */
static const struct ovsdb_datum *
read_datum(const struct ovsdb_idl_row *row,
           const struct ovsdb_idl_column *column, bool old)
{
    size_t i = column - row->table->class_->columns;

    return (!old ? (row->new_datum ? ovsdb_idl_read(row, column) : NULL)
            : row->old_datum ? &row->old_datum[i] : NULL);
}

static const char *
read_string(const struct ovsdb_idl_row *row,
            const struct ovsdb_idl_column *column, bool old)
{
    const struct ovsdb_datum *datum = read_datum(row, column, old);

    return datum && datum->n ? json_string(datum->keys[0].s) : "";
}

/* Appends the key of the row with 'uuid'. */
static void
put_key_of(const struct ovsdb_idl *idl,
           const struct ovsdb_idl_table_class *class, const struct uuid *uuid,
           bool old, struct ds *s)
{
    const struct ovsdb_idl_row *row = ovsdb_idl_get_row_for_uuid(idl, class,
                                                                 uuid);

    if (row && (old ? row->old_datum : row->new_datum)) {
        kctl_row_key(idl, row, old, s);
    } else {
        ds_put_cstr(s, "?");
    }
}

/* Appends the key of the row that 'column' refers to. */
static void
put_reference(const struct ovsdb_idl *idl, const struct ovsdb_idl_row *row,
              const struct ovsdb_idl_column *column,
              const struct ovsdb_idl_table_class *class, bool old,
              struct ds *s)
{
    const struct ovsdb_datum *datum = read_datum(row, column, old);

    if (datum && datum->n) {
        put_key_of(idl, class, &datum->keys[0].uuid, old, s);
    }
    ds_put_char(s, '/');
}

static void
put_address(const struct ovsdb_idl_row *row,
            const struct ovsdb_idl_column *column, bool old, struct ds *s)
{
    char *address = kctl_canonical(read_string(row, column, old),
                                   column == &kkrec_vtep_col_ip);

    ds_put_cstr(s, address);
    free(address);
}

void
kctl_row_key(const struct ovsdb_idl *idl, const struct ovsdb_idl_row *row,
             bool old, struct ds *s)
{
    const struct ovsdb_idl_table_class *class = row->table->class_;

    if (class == &kkrec_table_segment) {
        ds_put_cstr(s, read_string(row, &kkrec_segment_col_name, old));
    } else if (class == &kkrec_table_edge) {
        ds_put_cstr(s, read_string(row, &kkrec_edge_col_name, old));
    } else if (class == &kkrec_table_cluster) {
        ds_put_cstr(s, read_string(row, &kkrec_cluster_col_name, old));
    } else if (class == &kkrec_table_binding) {
        const struct ovsdb_datum *vlan = read_datum(
            row, &kkrec_binding_col_vlan, old);

        put_reference(idl, row, &kkrec_binding_col_cluster,
                      &kkrec_table_cluster, old, s);
        ds_put_format(s, "%s/%"PRId64,
                      read_string(row, &kkrec_binding_col_port, old),
                      vlan && vlan->n ? vlan->keys[0].integer : 0);
    } else if (class == &kkrec_table_host_port) {
        put_reference(idl, row, &kkrec_host_port_col_edge, &kkrec_table_edge,
                      old, s);
        ds_put_cstr(s, read_string(row, &kkrec_host_port_col_port, old));
    } else if (class == &kkrec_table_vtep) {
        put_reference(idl, row, &kkrec_vtep_col_segment, &kkrec_table_segment,
                      old, s);
        put_address(row, &kkrec_vtep_col_ip, old, s);
    } else if (class == &kkrec_table_static_mac) {
        put_reference(idl, row, &kkrec_static_mac_col_segment,
                      &kkrec_table_segment, old, s);
        put_address(row, &kkrec_static_mac_col_mac, old, s);
    } else {
        ds_put_char(s, '.');
    }
}

static const struct ovsdb_idl_row *
find_binding(struct ctl_context *ctx, char *words[3])
{
    const struct kkrec_cluster *cluster = kctl_find_cluster(ctx, words[0]);
    const struct kkrec_binding *b = NULL;
    int vlan;

    if (cluster && words[1] && words[2] && str_to_int(words[2], 10, &vlan)) {
        b = kctl_find_binding(ctx, cluster, words[1], vlan);
    }
    return b ? &b->header_ : NULL;
}

static const struct ovsdb_idl_row *
find_host_port(struct ctl_context *ctx, char *words[3])
{
    const struct kkrec_edge *edge = kctl_find_edge(ctx, words[0]);
    const struct kkrec_host_port *hp
        = edge && words[1] ? kctl_find_host_port(ctx, edge, words[1]) : NULL;

    return hp ? &hp->header_ : NULL;
}

static const struct ovsdb_idl_row *
find_of_segment(struct ctl_context *ctx,
                const struct ovsdb_idl_table_class *class, char *words[3])
{
    const struct kkrec_segment *segment = kctl_find_segment(ctx, words[0]);
    const struct ovsdb_idl_row *found = NULL;

    if (segment && words[1]) {
        char *address = kctl_canonical(words[1], class == &kkrec_table_vtep);

        if (class == &kkrec_table_vtep) {
            const struct kkrec_vtep *vtep = kctl_find_vtep(ctx, segment,
                                                           address);
            found = vtep ? &vtep->header_ : NULL;
        } else {
            const struct kkrec_static_mac *mac = kctl_find_mac(ctx, segment,
                                                               address);
            found = mac ? &mac->header_ : NULL;
        }
        free(address);
    }
    return found;
}

/* Rows whose keys consist of several words. */
static const struct ovsdb_idl_row *
find_by_words(struct ctl_context *ctx,
              const struct ovsdb_idl_table_class *class, const char *key)
{
    char *copy = xstrdup(key);
    char *words[3] = { NULL };
    char *p = copy;

    for (size_t i = 0; i < ARRAY_SIZE(words) && p; i++) {
        words[i] = strsep(&p, "/");
    }

    const struct ovsdb_idl_row *row
        = (p ? NULL
           : class == &kkrec_table_binding ? find_binding(ctx, words)
           : words[2] ? NULL
           : class == &kkrec_table_host_port ? find_host_port(ctx, words)
           : find_of_segment(ctx, class, words));
    free(copy);
    return row;
}

#define HEADER(ROW) ((ROW) ? &(ROW)->header_ : NULL)

const struct ovsdb_idl_row *
kctl_row_find(struct ctl_context *ctx,
              const struct ovsdb_idl_table_class *class, const char *key)
{
    if (class == &kkrec_table_segment) {
        const struct kkrec_segment *segment = kctl_find_segment(ctx, key);
        return HEADER(segment);
    } else if (class == &kkrec_table_edge) {
        const struct kkrec_edge *edge = kctl_find_edge(ctx, key);
        return HEADER(edge);
    } else if (class == &kkrec_table_cluster) {
        const struct kkrec_cluster *cluster = kctl_find_cluster(ctx, key);
        return HEADER(cluster);
    } else if (class == &kkrec_table_kakehashi_global) {
        const struct kkrec_kakehashi_global *global
            = kkrec_kakehashi_global_first(ctx->idl);
        return HEADER(global);
    } else {
        return find_by_words(ctx, class, key);
    }
}

/* ---- Values. ------------------------------------------------------------ */

/* The table that references of 'base' lead to, or NULL if it is no
 * reference. */
static const struct ovsdb_idl_table_class *
referred(const struct ovsdb_base_type *base)
{
    const struct kctl_table *table
        = (base->type == OVSDB_TYPE_UUID && base->uuid.refTableName
           ? kctl_table_by_name(base->uuid.refTableName) : NULL);

    return table ? table->class : NULL;
}

static struct json *
reference_to_json(const struct ovsdb_idl *idl,
                  const struct ovsdb_idl_table_class *class,
                  const struct uuid *uuid, bool old)
{
    struct ds key = DS_EMPTY_INITIALIZER;

    put_key_of(idl, class, uuid, old, &key);
    return json_string_create_nocopy(ds_steal_cstr(&key));
}

struct json *
kctl_row_value(const struct ovsdb_idl *idl, const struct ovsdb_idl_row *row,
               const struct ovsdb_idl_column *column, bool old, bool all)
{
    const struct ovsdb_datum *datum = read_datum(row, column, old);
    const struct ovsdb_idl_table_class *key = referred(&column->type.key);
    const struct ovsdb_idl_table_class *value = referred(&column->type.value);

    if (!datum || (!all && ovsdb_datum_is_default(datum, &column->type))) {
        return NULL;
    }
    if (!key && !value) {
        return ovsdb_datum_to_json(datum, &column->type);
    }

    struct json *array = json_array_create_empty();
    for (size_t i = 0; i < datum->n; i++) {
        json_array_add(array, key
                       ? reference_to_json(idl, key, &datum->keys[i].uuid,
                                           old)
                       : json_array_create_2(
                           json_integer_create(datum->keys[i].integer),
                           reference_to_json(idl, value,
                                             &datum->values[i].uuid, old)));
    }
    return array;
}

struct json *
kctl_row_values(const struct ovsdb_idl *idl, const struct ovsdb_idl_row *row,
                bool old)
{
    const struct ovsdb_idl_table_class *class = row->table->class_;
    struct json *object = json_object_create();

    for (size_t i = 0; i < class->n_columns; i++) {
        const struct ovsdb_idl_column *column = &class->columns[i];

        if (kctl_is_config_column(class, column)) {
            struct json *value = kctl_row_value(idl, row, column, old, false);

            if (value) {
                json_object_put(object, column->name, value);
            }
        }
    }
    return object;
}

/* Puts the row that 'json', a string, is the key of into '*uuid'. */
static bool
reference_from_json(struct ctl_context *ctx,
                    const struct ovsdb_idl_table_class *class,
                    const struct json *json, struct uuid *uuid)
{
    const struct ovsdb_idl_row *row
        = (json->type == JSON_STRING
           ? kctl_row_find(ctx, class, json_string(json)) : NULL);

    if (!row) {
        ctl_error(ctx, "there is no %s %s",
                  kctl_table_by_name(class->name)->noun,
                  json->type == JSON_STRING ? json_string(json) : "");
        return false;
    }
    *uuid = row->uuid;
    return true;
}

/* Of a column with references. */
static bool
references_from_json(struct ctl_context *ctx,
                     const struct ovsdb_idl_column *column,
                     const struct json *json, struct ovsdb_datum *datum)
{
    const struct ovsdb_idl_table_class *key = referred(&column->type.key);
    const struct ovsdb_idl_table_class *value = referred(&column->type.value);

    ovsdb_datum_init_empty(datum);
    for (size_t i = 0; json->type == JSON_ARRAY && i < json->array.n; i++) {
        const struct json *elem = json->array.elems[i];
        union ovsdb_atom k, v;
        bool ok;

        memset(&k, 0, sizeof k);
        memset(&v, 0, sizeof v);
        if (key) {
            ok = reference_from_json(ctx, key, elem, &k.uuid);
        } else {
            ok = (value && elem->type == JSON_ARRAY && elem->array.n == 2
                  && elem->array.elems[0]->type == JSON_INTEGER
                  && reference_from_json(ctx, value, elem->array.elems[1],
                                         &v.uuid));
            k.integer = ok ? json_integer(elem->array.elems[0]) : 0;
        }
        if (!ok) {
            ovsdb_datum_destroy(datum, &column->type);
            return false;
        }
        ovsdb_datum_add_unsafe(datum, &k, value ? &v : NULL, &column->type,
                               NULL);
    }
    return true;
}

bool
kctl_row_write(struct ctl_context *ctx, const struct ovsdb_idl_row *row,
               const struct ovsdb_idl_column *column,
               const struct json *value)
{
    struct ovsdb_datum datum;

    if (!value) {
        ovsdb_datum_init_default(&datum, &column->type);
    } else if (referred(&column->type.key) || referred(&column->type.value)) {
        if (!references_from_json(ctx, column, value, &datum)) {
            return false;
        }
    } else {
        struct ovsdb_error *error = ovsdb_datum_from_json(
            &datum, &column->type, value, NULL);

        if (error) {
            char *s = ovsdb_error_to_string_free(error);
            ctl_error(ctx, "%s: %s", column->name, s);
            free(s);
            return false;
        }
    }
    ovsdb_idl_txn_write(row, column, &datum);
    return true;
}

/* ---- Meaning. ----------------------------------------------------------- */

/* The order of the edges of a cluster is what their ranks mean. */
static bool
same_order(const struct json *a, const struct json *b)
{
    if (a->type != JSON_ARRAY || b->type != JSON_ARRAY
        || a->array.n != b->array.n) {
        return false;
    }
    for (size_t i = 0; i < a->array.n; i++) {
        const struct json *x = a->array.elems[i];
        const struct json *y = b->array.elems[i];

        if (x->type != JSON_ARRAY || y->type != JSON_ARRAY
            || x->array.n != 2 || y->array.n != 2
            || !json_equal(x->array.elems[1], y->array.elems[1])) {
            return false;
        }
    }
    return true;
}

static const char *
string_or_empty(const struct json *json)
{
    return json && json->type == JSON_STRING ? json_string(json) : "";
}

bool
kctl_same_value(const struct ovsdb_idl_column *column, const struct json *a,
                const struct json *b)
{
    const char *x = string_or_empty(a);
    const char *y = string_or_empty(b);

    if ((!a && !b) || (a && b && json_equal(a, b))) {
        return true;
    } else if (column == &kkrec_edge_col_tunnel_port) {
        return !strcmp(x[0] ? x : KCTL_TUNNEL_PORT,
                       y[0] ? y : KCTL_TUNNEL_PORT);
    } else if (!a || !b) {
        return false;
    } else if (column == &kkrec_cluster_col_edges) {
        return same_order(a, b);
    } else if (column == &kkrec_edge_col_datapath_id) {
        return !kctl_compare_dpids(x, y);
    } else if (column == &kkrec_edge_col_tunnel_ip
               || column == &kkrec_vtep_col_ip) {
        return !kctl_compare_ips(x, y);
    } else if (column == &kkrec_static_mac_col_mac) {
        return !kctl_compare_macs(x, y);
    }
    return false;
}
