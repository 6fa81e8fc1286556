/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* Changes of rows, see kctl_row.h. */

#include <config.h>

#include "controller/kctl_row.h"

#include <stdlib.h>
#include <string.h>

#include "controller/kctl_log.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "openvswitch/shash.h"
#include "ovsdb-idl-provider.h"
#include "util.h"

/* Takes from both objects the columns that are the same, and puts null where
 * one of them has the default. */
static void
keep_difference(const struct kctl_table *table, struct json *from,
                struct json *to)
{
    const struct ovsdb_idl_table_class *class = table->class;

    for (size_t i = 0; i < class->n_columns; i++) {
        const struct ovsdb_idl_column *column = &class->columns[i];
        const struct json *a = shash_find_data(json_object(from),
                                               column->name);
        const struct json *b = shash_find_data(json_object(to), column->name);

        if (a && b && kctl_same_value(column, a, b)) {
            json_destroy(shash_find_and_delete(json_object(from),
                                               column->name));
            json_destroy(shash_find_and_delete(json_object(to),
                                               column->name));
        } else if (a && !b) {
            if (kctl_same_value(column, a, NULL)) {
                json_destroy(shash_find_and_delete(json_object(from),
                                                   column->name));
            } else {
                json_object_put(to, column->name, json_null_create());
            }
        } else if (b && !a) {
            if (kctl_same_value(column, NULL, b)) {
                json_destroy(shash_find_and_delete(json_object(to),
                                                   column->name));
            } else {
                json_object_put(from, column->name, json_null_create());
            }
        }
    }
}

struct json *
kctl_item_create(const struct kctl_table *table, const char *old,
                 struct json *from, const char *new, struct json *to)
{
    if (from && to) {
        keep_difference(table, from, to);
        if (shash_is_empty(json_object(from))) {
            json_destroy(from);
            json_destroy(to);
            return NULL;
        }
    } else if (!from && !to) {
        return NULL;
    }

    struct json *item = json_object_create();
    json_object_put_string(item, "table", table->class->name);
    if (from) {
        json_object_put_string(item, "old", old);
        json_object_put(item, "from", from);
    }
    if (to) {
        json_object_put_string(item, "new", new);
        json_object_put(item, "to", to);
    }
    return item;
}

/* Is the member 'name' of type 'type', or, unless it 'must' be, not there? */
static bool
has_member(const struct json *item, const char *name, enum json_type type,
           bool must)
{
    const struct json *json = shash_find_data(json_object(item), name);

    return json ? json->type == type : !must;
}

bool
kctl_item_is_good(const struct json *item)
{
    if (item->type != JSON_OBJECT
        || !has_member(item, "table", JSON_STRING, true)
        || !has_member(item, "old", JSON_STRING, false)
        || !has_member(item, "new", JSON_STRING, false)) {
        return false;
    }

    bool old = has_member(item, "old", JSON_STRING, true);
    bool new = has_member(item, "new", JSON_STRING, true);
    const struct json *table = shash_find_data(json_object(item), "table");

    return ((old || new) && kctl_table_by_name(json_string(table))
            && has_member(item, "from", JSON_OBJECT, old)
            && has_member(item, "to", JSON_OBJECT, new));
}

/* ---- Order. ------------------------------------------------------------- */

static const char *
get_string(const struct json *item, const char *name)
{
    const struct json *json = shash_find_data(json_object(item), name);

    return json ? json_string(json) : NULL;
}

static int
compare_items(const void *a_, const void *b_)
{
    const struct json *a = *(const struct json *const *) a_;
    const struct json *b = *(const struct json *const *) b_;
    const struct kctl_table *a_table = kctl_table_by_name(
        get_string(a, "table"));
    const struct kctl_table *b_table = kctl_table_by_name(
        get_string(b, "table"));

    if (a_table != b_table) {
        return a_table < b_table ? -1 : 1;
    }

    const char *a_key = get_string(a, "new");
    const char *b_key = get_string(b, "new");
    int cmp = strcmp(a_key ? a_key : get_string(a, "old"),
                     b_key ? b_key : get_string(b, "old"));
    return cmp ? cmp : !!a_key - !!b_key;
}

void
kctl_items_sort(struct json *items)
{
    if (items->array.n) {
        qsort(items->array.elems, items->array.n,
              sizeof *items->array.elems, compare_items);
    }
}

/* ---- From a transaction. ------------------------------------------------ */

static char *
key_of(const struct ovsdb_idl *idl, const struct ovsdb_idl_row *row, bool old)
{
    struct ds key = DS_EMPTY_INITIALIZER;

    kctl_row_key(idl, row, old, &key);
    return ds_steal_cstr(&key);
}

static struct json *
item_of_row(const struct ovsdb_idl *idl, const struct ovsdb_idl_row *row)
{
    const struct kctl_table *table = kctl_table_by_name(
        row->table->class_->name);

    if (!table) {
        return NULL;
    }

    /* The row of general things is as good as there before it is made. */
    bool old = row->old_datum || table == kctl_tables;
    bool new = row->new_datum != NULL;
    char *old_key = old ? key_of(idl, row, true) : NULL;
    char *new_key = new ? key_of(idl, row, false) : NULL;
    struct json *item = kctl_item_create(
        table, old_key, old ? kctl_row_values(idl, row, true) : NULL,
        new_key, new ? kctl_row_values(idl, row, false) : NULL);

    free(old_key);
    free(new_key);
    return item;
}

/* A row that was deleted and made again, both with the same key, is one that
 * has changed, or has not. */
static struct json *
join(const struct json *deleted, const struct json *made)
{
    const char *key = get_string(deleted, "old");

    return kctl_item_create(
        kctl_table_by_name(get_string(deleted, "table")), key,
        json_deep_clone(shash_find_data(json_object(deleted), "from")),
        key, json_deep_clone(shash_find_data(json_object(made), "to")));
}

static bool
is_pair(const struct json *deleted, const struct json *made)
{
    return (!get_string(deleted, "new") && !get_string(made, "old")
            && !strcmp(get_string(deleted, "table"), get_string(made, "table"))
            && !strcmp(get_string(deleted, "old"), get_string(made, "new")));
}

struct json *
kctl_items_of_log(const struct ovsdb_idl *idl, const struct kctl_log *log)
{
    struct json *all = json_array_create_empty();

    for (size_t i = 0; i < log->n; i++) {
        struct json *item = item_of_row(idl, log->rows[i]);

        if (item) {
            json_array_add(all, item);
        }
    }
    kctl_items_sort(all);

    struct json *items = json_array_create_empty();
    for (size_t i = 0; i < all->array.n; i++) {
        struct json **elems = &all->array.elems[i];

        if (i + 1 < all->array.n && is_pair(elems[0], elems[1])) {
            struct json *item = join(elems[0], elems[1]);

            if (item) {
                json_array_add(items, item);
            }
            i++;
        } else {
            json_array_add(items, json_clone(elems[0]));
        }
    }
    json_destroy(all);
    return items;
}
