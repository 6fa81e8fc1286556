/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "controller/kctl_history.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "controller/kctl.h"
#include "controller/kctl_index.h"
#include "controller/kctl_request.h"
#include "controller/kctl_row.h"
#include "controller/kctl_show.h"
#include "controller/kctl_split.h"
#include "controller/kctl_tree.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "openvswitch/shash.h"
#include "svec.h"
#include "table.h"
#include "timeval.h"
#include "util.h"

/* Of a command line, and of the lines about what a change has changed, no more
 * than this is told to people. */
#define MAX_COMMAND 500
#define MAX_LINES 10

/* ---- Rows. -------------------------------------------------------------- */

/* For qsort(): the newest first. */
static int
compare_rows(const void *a_, const void *b_)
{
    const struct kkrec_history *const *a = a_;
    const struct kkrec_history *const *b = b_;

    return ((*a)->number < (*b)->number) - ((*a)->number > (*b)->number);
}

/* All rows, the newest first.  The caller frees the array. */
static const struct kkrec_history **
sorted(const struct ovsdb_idl *idl, size_t *n)
{
    const struct kkrec_history **rows = NULL;
    const struct kkrec_history *row;
    size_t allocated = 0;

    *n = 0;
    KKREC_HISTORY_FOR_EACH (row, idl) {
        if (*n >= allocated) {
            rows = x2nrealloc(rows, &allocated, sizeof *rows);
        }
        rows[(*n)++] = row;
    }
    if (*n) {
        qsort(rows, *n, sizeof *rows, compare_rows);
    }
    return rows;
}

/* ---- Remembering. ------------------------------------------------------- */

/* The commands of 'r' with their options, in a line.  What the program has
 * added to them, the contents of a file, is left out. */
static char *
command_line(const struct kctl_request *r)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    for (size_t i = 0; i < r->n_commands && s.length < MAX_COMMAND; i++) {
        const struct ctl_command *c = &r->commands[i];
        const struct shash_node *node;
        int argc = strcmp(c->syntax->name, "apply") ? c->argc : 2;

        ds_put_cstr(&s, i ? " -- " : "");
        SHASH_FOR_EACH (node, &c->options) {
            const char *value = node->data;
            ds_put_format(&s, "%s%s%s ", node->name, value ? "=" : "",
                          value ? value : "");
        }
        for (int j = 0; j < argc && j < c->argc; j++) {
            ds_put_cstr(&s, j ? " " : "");
            kctl_quote(c->argv[j], &s);
        }
    }
    if (s.length > MAX_COMMAND) {
        ds_truncate(&s, MAX_COMMAND);
        while (s.length && (s.string[s.length - 1] & 0x80)) {
            ds_truncate(&s, s.length - 1);      /* Half a letter, or one. */
        }
        ds_put_cstr(&s, "...");
    }
    return ds_steal_cstr(&s);
}

/* Deletes the oldest rows, so that there is room for one with 'size' bytes.
 * Returns the number of the next one. */
static int64_t
make_room(const struct ovsdb_idl *idl, int64_t size)
{
    size_t n;
    const struct kkrec_history **rows = sorted(idl, &n);
    int64_t next = n ? rows[0]->number + 1 : 1;

    for (size_t i = 0; i < n; i++) {
        size += MAX(0, rows[i]->size);
        if (i + 1 >= KCTL_HISTORY_MAX || size > KCTL_HISTORY_SIZE) {
            kkrec_history_delete(rows[i]);
        }
    }
    free(rows);
    return next;
}

void
kctl_history_add(const struct kctl_request *r, struct ovsdb_idl *idl,
                 const struct json *items)
{
    if (!items->array.n || !kkrec_server_has_history_table(idl)) {
        return;
    }

    char *changes = json_to_string(items, 0);
    size_t size = strlen(changes);
    if (size > KCTL_HISTORY_SIZE) {
        size = 0;
        changes[0] = '\0';
    }

    int64_t number = make_room(idl, size);
    const struct kkrec_history *row = kkrec_history_insert(r->txn);
    char *command = command_line(r);
    kkrec_history_set_number(row, number);
    kkrec_history_set_time(row, time_wall_msec());
    kkrec_history_set_who(row, r->options.who ? r->options.who : "?");
    kkrec_history_set_command(row, command);
    kkrec_history_set_rows(row, items->array.n);
    kkrec_history_set_size(row, size);
    kkrec_history_set_changes(row, changes);
    free(command);
    free(changes);
}

void
kctl_history_prepare(const struct kctl_request *r, struct ovsdb_idl *idl)
{
    for (size_t i = 0; i < r->n_commands; i++) {
        const struct ctl_command_syntax *syntax = r->commands[i].syntax;

        /* Generic commands may be about any table. */
        if (!strcmp(syntax->name, "history")
            || !strcmp(syntax->name, "rollback") || syntax->prerequisites) {
            return;
        }
    }
    ovsdb_idl_omit(idl, &kkrec_history_col_changes);
}

/* ---- history. ----------------------------------------------------------- */

/* What 'row' says has changed, or NULL if that is not known. */
static struct json *
parse_changes(const struct kkrec_history *row)
{
    struct json *json = row->changes[0] ? json_from_string(row->changes)
                                        : NULL;

    if (json && json->type != JSON_ARRAY) {
        json_destroy(json);
        json = NULL;
    }
    return json;
}

/* What is read from the database may be anything.  Are these items? */
static bool
are_items(const struct json *items)
{
    for (size_t i = 0; items && i < items->array.n; i++) {
        if (!kctl_item_is_good(items->array.elems[i])) {
            return false;
        }
    }
    return items != NULL;
}

static void
put_change(const struct kctl_tree *t, size_t back,
           const struct kkrec_history *row)
{
    struct json *items = parse_changes(row);
    char *time = kctl_format_time(row->time);

    kctl_tree_line(t, 0, KCTL_BOLD, "%"PRIuSIZE": %s, %s: %s", back, time,
                   row->who, row->command);
    if (are_items(items)) {
        kctl_items_format(t, 1, items, MAX_LINES);
    } else {
        kctl_tree_line(t, 1, KCTL_PLAIN, "%"PRId64" rows, which are too much "
                       "to be remembered", row->rows);
    }
    free(time);
    json_destroy(items);
}

static struct json *
change_to_json(size_t back, const struct kkrec_history *row)
{
    struct json *json = json_object_create();
    struct json *items = parse_changes(row);

    json_object_put(json, "back", json_integer_create(back));
    json_object_put(json, "number", json_integer_create(row->number));
    json_object_put(json, "time", json_integer_create(row->time));
    json_object_put_string(json, "who", row->who);
    json_object_put_string(json, "command", row->command);
    json_object_put(json, "rows", json_integer_create(row->rows));
    json_object_put(json, "changes", items ? items : json_null_create());
    return json;
}

static void
put_cells(struct table *table, size_t back, const struct kkrec_history *row)
{
    table_add_row(table);
    table_add_cell(table)->json = json_integer_create(back);
    table_add_cell(table)->text = kctl_format_time(row->time);
    table_add_cell(table)->text = xstrdup(row->who);
    table_add_cell(table)->text = xstrdup(row->command);
    table_add_cell(table)->json = json_integer_create(row->rows);
}

static void
kctl_history(struct ctl_context *ctx)
{
    const struct kctl_options *options = kctl_options(ctx);
    const struct kctl_tree t = {
        .s = &ctx->output,
        .color = options->color,
        .width = options->width,
    };
    bool as_json = options->format_given && options->style.format == TF_JSON;
    struct json *array = json_array_create_empty();
    size_t n;
    const struct kkrec_history **rows = sorted(ctx->idl, &n);

    if (options->format_given && !as_json) {
        kctl_start_table(ctx, "back time who command rows");
    }
    for (size_t i = 0; i < n; i++) {
        if (as_json) {
            json_array_add(array, change_to_json(i + 1, rows[i]));
        } else if (ctx->table) {
            put_cells(ctx->table, i + 1, rows[i]);
        } else {
            put_change(&t, i + 1, rows[i]);
        }
    }
    if (as_json) {
        json_to_ds(array, options->style.json_flags | JSSF_SORT,
                   &ctx->output);
        ds_put_char(&ctx->output, '\n');
    }
    json_destroy(array);
    free(rows);
}

/* ---- rollback. ---------------------------------------------------------- */

static bool
undo(struct ctl_context *ctx, size_t back, const struct kkrec_history *row)
{
    struct json *items = parse_changes(row);
    bool ok = items && kctl_items_perform(ctx, items, true);

    if (!ok) {
        char *why = ctx->error ? ctx->error : xstrdup(
            "it was too large to be remembered");

        ctx->error = NULL;
        ctl_error(ctx, "cannot undo change %"PRIuSIZE" (%s): %s", back,
                  row->command, why);
        free(why);
    }
    json_destroy(items);
    return ok;
}

static char *
parse_rollback(const char *s, int64_t *n)
{
    return kctl_read_number("rollback", s, 1, KCTL_HISTORY_MAX, n);
}

char *
kctl_rollback_check(const struct svec *words)
{
    int64_t n;

    return (words->n > 1 && !strcmp(words->names[0], "rollback")
            ? parse_rollback(words->names[1], &n) : NULL);
}

static void
kctl_rollback(struct ctl_context *ctx)
{
    int64_t want = 1;
    char *error = (ctx->argc > 1 ? parse_rollback(ctx->argv[1], &want)
                   : NULL);

    if (error) {
        ctl_error(ctx, "%s", error);
        free(error);
        return;
    }

    size_t n;
    const struct kkrec_history **rows = sorted(ctx->idl, &n);
    if (want > n) {
        ctl_error(ctx, "rollback %"PRId64": %s", want,
                  n == 0 ? "no change is remembered"
                  : n == 1 ? "only one change is remembered"
                  : "there are not that many changes in the history");
    }
    for (size_t i = 0; i < want && !ctx->error; i++) {
        undo(ctx, i + 1, rows[i]);
    }
    free(rows);
}

const struct ctl_command_syntax kctl_history_commands[] = {
    {"history", 0, 0, "", NULL, kctl_history, NULL, "", RO},
    {"rollback", 0, 1, "[N]", NULL, kctl_rollback, NULL, "", RW},
    {NULL, 0, 0, NULL, NULL, NULL, NULL, NULL, RO},
};
