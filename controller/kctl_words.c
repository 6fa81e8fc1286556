/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* Changes in words, see kctl_row.h:
 *
 *     + segment red: vni 200, mac_limit 10
 *     ~ segment blue: vni 100 -> 101
 *     - binding west/eth1/10: segment blue */

#include <config.h>

#include "controller/kctl_row.h"

#include <stdlib.h>
#include <string.h>

#include "controller/kctl_tree.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "openvswitch/shash.h"
#include "ovsdb-data.h"
#include "ovsdb-error.h"
#include "ovsdb-idl-provider.h"
#include "util.h"

/* The value of a column that refers to rows. */
static void
format_references(const struct json *value, struct ds *s)
{
    for (size_t i = 0; value->type == JSON_ARRAY && i < value->array.n; i++) {
        const struct json *elem = value->array.elems[i];

        if (elem->type == JSON_ARRAY && elem->array.n == 2) {
            elem = elem->array.elems[1];
        }
        ds_put_format(s, "%s%s", i ? " " : "", elem->type == JSON_STRING
                                               ? json_string(elem) : "?");
    }
}

void
kctl_value_format(const struct ovsdb_idl_column *column,
                  const struct json *value, struct ds *s)
{
    struct ovsdb_datum datum;

    if (column->type.key.type == OVSDB_TYPE_UUID
        || column->type.value.type == OVSDB_TYPE_UUID) {
        format_references(value, s);
        return;
    }

    struct ovsdb_error *error = ovsdb_datum_from_json(&datum, &column->type,
                                                      value, NULL);
    if (error) {
        ovsdb_error_destroy(error);
        ds_put_char(s, '?');
    } else {
        ovsdb_datum_to_string(&datum, &column->type, s);
        ovsdb_datum_destroy(&datum, &column->type);
    }
}

static void
format_value(const struct ovsdb_idl_column *column, const struct json *value,
             struct ds *s)
{
    if (!value || value->type == JSON_NULL) {
        ds_put_cstr(s, "none");
    } else {
        kctl_value_format(column, value, s);
    }
}

/* What the key says, which need not be said again. */
static bool
is_in_key(const struct kctl_table *table, const char *column)
{
    static const struct {
        const char *table, *columns[3];
    } keys[] = {
        { "Segment", { "name" } },
        { "Edge", { "name" } },
        { "Cluster", { "name" } },
        { "Binding", { "cluster", "port", "vlan" } },
        { "Host_Port", { "edge", "port" } },
        { "Vtep", { "segment", "ip" } },
        { "Static_Mac", { "segment", "mac" } },
    };

    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        for (size_t j = 0; j < 3 && keys[i].columns[j]; j++) {
            if (!strcmp(keys[i].table, table->class->name)
                && !strcmp(keys[i].columns[j], column)) {
                return true;
            }
        }
    }
    return false;
}

static void
format_columns(const struct kctl_table *table, const struct json *from,
               const struct json *to, struct ds *s)
{
    const struct ovsdb_idl_table_class *class = table->class;
    const char *separator = ": ";

    for (size_t i = 0; i < class->n_columns; i++) {
        const struct ovsdb_idl_column *column = &class->columns[i];
        const struct json *a
            = from ? shash_find_data(json_object(from), column->name) : NULL;
        const struct json *b
            = to ? shash_find_data(json_object(to), column->name) : NULL;

        if ((!a && !b) || (!(from && to) && is_in_key(table, column->name))) {
            continue;
        }
        ds_put_format(s, "%s%s ", separator, column->name);
        separator = ", ";
        if (from) {
            format_value(column, a, s);
        }
        ds_put_cstr(s, from && to ? " -> " : "");
        if (to) {
            format_value(column, b, s);
        }
    }
}

static void
format_item(const struct kctl_tree *tree, int level, const struct json *item)
{
    const struct json *name = shash_find_data(json_object(item), "table");
    const struct json *old = shash_find_data(json_object(item), "old");
    const struct json *new = shash_find_data(json_object(item), "new");
    const struct kctl_table *table = kctl_table_by_name(json_string(name));
    struct ds line = DS_EMPTY_INITIALIZER;

    ds_put_format(&line, "%c %s %s", old && new ? '~' : old ? '-' : '+',
                  table->noun, json_string(old ? old : new));
    format_columns(table, shash_find_data(json_object(item), "from"),
                   shash_find_data(json_object(item), "to"), &line);
    kctl_tree_line(tree, level, old && new ? KCTL_CHANGED
                                : old ? KCTL_BAD : KCTL_GOOD,
                   "%s", ds_cstr(&line));
    ds_destroy(&line);
}

void
kctl_items_format(const struct kctl_tree *tree, int level,
                  const struct json *items, size_t max)
{
    for (size_t i = 0; i < MIN(max, items->array.n); i++) {
        format_item(tree, level, items->array.elems[i]);
    }
    if (items->array.n > max) {
        kctl_tree_line(tree, level, KCTL_PLAIN, "and %"PRIuSIZE" more",
                       items->array.n - max);
    }
}
