/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* Making changes that are given as items, see kctl_row.h.
 *
 * First all rows are looked for, and must be what they were; only then is
 * anything written.  New and changed rows come in the order of tables, so that
 * those they refer to are there and called what they are to be called; last go
 * the ones that are deleted, those first that refer to others. */

#include <config.h>

#include "controller/kctl_row.h"

#include <stdlib.h>
#include <string.h>

#include "controller/kctl.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "openvswitch/shash.h"
#include "ovsdb-idl-provider.h"
#include "util.h"

/* 'row' as what it is. */
#define AS(TYPE) CONTAINER_OF(row, const struct TYPE, header_)

/* What is to be done with a row. */
struct step {
    const struct kctl_table *table;
    const char *have;           /* Its key now, or NULL. */
    const char *want;           /* Its key then, or NULL. */
    const struct json *from, *to;
    const struct ovsdb_idl_row *row;
};

static const struct json *
member(const struct json *item, const char *name)
{
    return shash_find_data(json_object(item), name);
}

static const char *
get_string(const struct json *item, const char *name)
{
    const struct json *json = member(item, name);
    return json && json->type == JSON_STRING ? json_string(json) : NULL;
}

/* Items may come out of the database, where anybody may have written. */
static bool
parse_step(struct ctl_context *ctx, const struct json *item, bool undo,
           struct step *step)
{
    if (!kctl_item_is_good(item)) {
        ctl_error(ctx, "what has changed is not to be read in the database");
        return false;
    }
    *step = (struct step) {
        .table = kctl_table_by_name(get_string(item, "table")),
        .have = get_string(item, undo ? "new" : "old"),
        .want = get_string(item, undo ? "old" : "new"),
    };
    step->from = step->have ? member(item, undo ? "to" : "from") : NULL;
    step->to = step->want ? member(item, undo ? "from" : "to") : NULL;
    return true;
}

/* Is 'row' what it was when the change was made? */
static bool
check_values(struct ctl_context *ctx, const struct step *step)
{
    const struct ovsdb_idl_table_class *class = step->table->class;

    for (size_t i = 0; i < class->n_columns; i++) {
        const struct ovsdb_idl_column *column = &class->columns[i];
        const struct json *was = member(step->from, column->name);

        if (!kctl_is_config_column(class, column) || (step->want && !was)) {
            continue;
        }
        was = was && was->type == JSON_NULL ? NULL : was;

        struct json *is = kctl_row_value(ctx->idl, step->row, column, false,
                                         false);
        bool same = kctl_same_value(column, was, is);
        json_destroy(is);
        if (!same) {
            ctl_error(ctx, "%s %s has changed since: %s is another",
                      step->table->noun, step->have, column->name);
            return false;
        }
    }
    return true;
}

static bool
find_row(struct ctl_context *ctx, struct step *step)
{
    if (!step->have) {
        return true;
    }
    step->row = kctl_row_find(ctx, step->table->class, step->have);
    if (!step->row) {
        ctl_error(ctx, "%s %s is there no more", step->table->noun,
                  step->have);
        return false;
    }
    return check_values(ctx, step);
}

/* Would the row that 'step' is to make take the place of another? */
static bool
check_place(struct ctl_context *ctx, const struct step *steps, size_t n,
            const struct step *step)
{
    const struct ovsdb_idl_row *row
        = kctl_row_find(ctx, step->table->class, step->want);

    for (size_t i = 0; row && i < n; i++) {
        if (steps[i].row == row && !steps[i].want) {
            return true;        /* It is going to be deleted. */
        }
    }
    if (row) {
        ctl_error(ctx, "%s %s exists again", step->table->noun, step->want);
    }
    return !row;
}

static bool
write_row(struct ctl_context *ctx, struct step *step)
{
    const struct ovsdb_idl_table_class *class = step->table->class;

    if (!step->row) {
        step->row = ovsdb_idl_txn_insert(ctx->txn, class, NULL);
    }
    for (size_t i = 0; i < class->n_columns; i++) {
        const struct ovsdb_idl_column *column = &class->columns[i];
        const struct json *value = member(step->to, column->name);

        if (value && kctl_is_config_column(class, column)
            && !kctl_row_write(ctx, step->row, column,
                               value->type == JSON_NULL ? NULL : value)) {
            return false;
        }
    }
    return true;
}

/* Deletes the row, unless it has gone with another. */
static void
delete_row(struct ctl_context *ctx, const struct step *step)
{
    const struct ovsdb_idl_table_class *class = step->table->class;
    const struct ovsdb_idl_row *row = step->row;

    if (class == &kkrec_table_segment) {
        kctl_delete_segment(ctx, AS(kkrec_segment));
    } else if (class == &kkrec_table_edge) {
        kctl_delete_edge(ctx, AS(kkrec_edge));
    } else if (class == &kkrec_table_cluster) {
        if (kctl_find_cluster(ctx, step->have) == AS(kkrec_cluster)) {
            kctl_delete_cluster(ctx, AS(kkrec_cluster));
        }
    } else if (class == &kkrec_table_binding) {
        kctl_delete_binding(ctx, AS(kkrec_binding));
    } else if (class == &kkrec_table_host_port) {
        kctl_delete_host_port(ctx, AS(kkrec_host_port));
    } else if (class == &kkrec_table_vtep) {
        kctl_delete_vtep(ctx, AS(kkrec_vtep));
    } else if (class == &kkrec_table_static_mac) {
        kkrec_static_mac_delete(AS(kkrec_static_mac));
    }
}

static bool
check_loops(struct ctl_context *ctx, const struct step *steps, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct ovsdb_idl_row *row = steps[i].row;

        if (steps[i].want && steps[i].table->class == &kkrec_table_binding
            && !kctl_check_bound(ctx, AS(kkrec_binding))) {
            return false;
        }
    }
    return true;
}

static bool
perform(struct ctl_context *ctx, struct step *steps, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!find_row(ctx, &steps[i])) {
            return false;
        }
    }
    for (size_t i = 0; i < n; i++) {
        struct step *step = &steps[i];

        if (step->want && ((!step->row && !check_place(ctx, steps, n, step))
                           || !write_row(ctx, step))) {
            return false;
        }
    }
    for (size_t i = n; i-- > 0 && !ctx->error; ) {
        if (!steps[i].want) {
            delete_row(ctx, &steps[i]);
        }
    }
    return !ctx->error && check_loops(ctx, steps, n);
}

bool
kctl_items_perform(struct ctl_context *ctx, const struct json *items,
                   bool undo)
{
    size_t n = items->type == JSON_ARRAY ? items->array.n : 0;
    struct step *steps = xmalloc(MAX(1, n) * sizeof *steps);
    bool ok = true;

    for (size_t i = 0; i < n && ok; i++) {
        ok = parse_step(ctx, items->array.elems[i], undo, &steps[i]);
    }
    ok = ok && perform(ctx, steps, n);
    free(steps);
    return ok;
}
