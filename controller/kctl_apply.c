/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* "apply": makes the configuration equal to a file of commands.
 *
 * The commands are run, each as always, in a replica that belongs to no
 * database and is empty.  What is there then is what is wanted, and has been
 * checked; rows are compared by their keys, and only those are written that
 * are different.  So those that are equal keep their UUIDs, and the edges
 * their flows and MACs. */

#include <config.h>

#include "controller/kctl.h"

#include <stdlib.h>
#include <string.h>

#include "controller/kctl_index.h"
#include "controller/kctl_log.h"
#include "controller/kctl_request.h"
#include "controller/kctl_row.h"
#include "controller/kctl_split.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "openvswitch/shash.h"
#include "ovsdb-data.h"
#include "ovsdb-idl-provider.h"
#include "svec.h"
#include "util.h"

/* A database of its own. */
struct scratch {
    struct ovsdb_idl *idl;
    struct kctl_index *index;
    struct ovsdb_idl_txn *txn;
    struct ovsdb_symbol_table *symtab;
};

static void
scratch_init(struct scratch *scratch)
{
    scratch->idl = ovsdb_idl_create_unconnected(&kkrec_idl_class, true);
    scratch->index = kctl_index_create(scratch->idl);
    scratch->txn = ovsdb_idl_txn_create(scratch->idl);
    scratch->symtab = ovsdb_symbol_table_create();
    kkrec_kakehashi_global_insert(scratch->txn);
}

static void
scratch_destroy(struct scratch *scratch)
{
    ovsdb_symbol_table_destroy(scratch->symtab);
    ovsdb_idl_txn_destroy(scratch->txn);
    ovsdb_idl_destroy(scratch->idl);
    free(scratch->index);
}

/* ---- From the file to rows. --------------------------------------------- */

static bool
is_allowed(const struct ctl_command *c)
{
    static const char *const not[] = { "init", "sync", "apply", "rollback" };

    for (size_t i = 0; i < ARRAY_SIZE(not); i++) {
        if (!strcmp(c->syntax->name, not[i])) {
            return false;
        }
    }
    return c->syntax->mode == RW;
}

/* Runs a command of the file.  Returns what is wrong, or NULL. */
static char *
run_command(struct ctl_context *real, struct scratch *scratch,
            struct ctl_command *c)
{
    struct kctl_context ctx = {
        .index = scratch->index,
        .options = kctl_options(real),
    };
    char *error = NULL;

    if (!is_allowed(c)) {
        return xasprintf("\"%s\" is no command that configures something",
                         c->syntax->name);
    }
    ds_init(&c->output);
    c->table = NULL;
    ctl_context_init(&ctx.up, NULL, scratch->idl, scratch->txn,
                     scratch->symtab, NULL);
    ctl_context_init_command(&ctx.up, c, false);
    kctl_run_command(&ctx.up, c->syntax->run);
    if (ctx.up.error) {
        error = kctl_guess(scratch->idl, kctl_one_line(ctx.up.error));
    }
    ctl_context_done(&ctx.up, c);
    ds_destroy(&c->output);
    table_destroy(c->table);
    free(c->table);
    return error;
}

/* Runs the words of a line, which may be several commands. */
static char *
run_words(struct ctl_context *real, struct scratch *scratch,
          struct svec *words)
{
    struct shash no_options = SHASH_INITIALIZER(&no_options);
    struct ctl_command *commands;
    size_t n;

    svec_terminate(words);
    char *error = ctl_parse_commands(words->n, words->names, &no_options,
                                     &commands, &n);
    if (error) {
        return kctl_guess(NULL, error);
    }
    for (size_t i = 0; i < n; i++) {
        if (!error) {
            error = run_command(real, scratch, &commands[i]);
        }
        shash_destroy_free_data(&commands[i].options);
    }
    free(commands);
    return error;
}

/* The program's name may stand before the command, as in a script. */
static char *
run_line(struct ctl_context *real, struct scratch *scratch, const char *line)
{
    struct svec words = SVEC_EMPTY_INITIALIZER;
    char *error = kctl_split(line, &words);

    if (!error && words.n && !strcmp(words.names[0], "kakehashi-ctl")) {
        struct svec rest = SVEC_EMPTY_INITIALIZER;

        for (size_t i = 1; i < words.n; i++) {
            svec_add(&rest, words.names[i]);
        }
        svec_swap(&rest, &words);
        svec_destroy(&rest);
    }
    if (!error && words.n) {
        error = run_words(real, scratch, &words);
    }
    svec_destroy(&words);
    return error;
}

/* Returns what is wrong with rows that are equal where none may be. */
static char *
check_unique(struct ctl_context *real, struct scratch *scratch)
{
    struct kctl_context ctx = {
        .index = scratch->index,
        .options = kctl_options(real),
    };
    struct kctl_log all = { .idl = scratch->idl };

    for (size_t i = 0; i < KCTL_N_CONFIG_TABLES; i++) {
        const struct ovsdb_idl_row *row
            = ovsdb_idl_first_row(scratch->idl, kctl_tables[i].class);

        for (; row; row = ovsdb_idl_next_row(row)) {
            if (all.n == all.allocated) {
                all.rows = x2nrealloc(all.rows, &all.allocated,
                                      sizeof *all.rows);
            }
            all.rows[all.n++] = row;
        }
    }
    ctl_context_init(&ctx.up, NULL, scratch->idl, scratch->txn,
                     scratch->symtab, NULL);
    char *error = kctl_check_unique(&ctx.up, &all);
    ctl_context_done(&ctx.up, NULL);
    kctl_log_destroy(&all);
    return error;
}

/* Runs 'text'.  Reports an error with the number of the line. */
static bool
run_text(struct ctl_context *ctx, struct scratch *scratch, const char *name,
         const char *text)
{
    char *copy = xstrdup(text);
    char *p = copy;
    char *error = NULL;

    for (int n = 1; p && !error; n++) {
        error = run_line(ctx, scratch, strsep(&p, "\n"));
        if (error) {
            ctl_error(ctx, "%s:%d: %s", name, n, error);
        }
    }
    if (!error) {
        error = kctl_check_symbols(scratch->symtab);
        if (!error) {
            error = check_unique(ctx, scratch);
        }
        if (error) {
            ctl_error(ctx, "%s: %s", name, error);
        }
    }
    free(copy);

    bool ok = !error;
    free(error);
    return ok;
}

/* ---- What is different. ------------------------------------------------- */

static void
index_table(const struct ovsdb_idl *idl,
            const struct ovsdb_idl_table_class *class, struct shash *rows)
{
    const struct ovsdb_idl_row *row;

    shash_init(rows);
    for (row = ovsdb_idl_first_row(idl, class); row;
         row = ovsdb_idl_next_row(row)) {
        struct ds key = DS_EMPTY_INITIALIZER;

        kctl_row_key(idl, row, false, &key);
        shash_add_nocopy(rows, ds_steal_cstr(&key), row);
    }
}

static struct json *
compare_rows(const struct kctl_table *table, const char *key,
             const struct ovsdb_idl *a_idl, const struct ovsdb_idl_row *a,
             const struct ovsdb_idl *b_idl, const struct ovsdb_idl_row *b)
{
    return kctl_item_create(
        table, key, a ? kctl_row_values(a_idl, a, false) : NULL,
        key, b ? kctl_row_values(b_idl, b, false) : NULL);
}

static void
add_item(struct json *items, struct json *item)
{
    if (item) {
        json_array_add(items, item);
    }
}

/* Adds to 'items' what makes a table of 'a' equal to that of 'b'. */
static void
compare_tables(const struct kctl_table *table, const struct ovsdb_idl *a,
               const struct ovsdb_idl *b, struct json *items)
{
    const struct shash_node *node;
    struct shash a_rows, b_rows;

    index_table(a, table->class, &a_rows);
    index_table(b, table->class, &b_rows);
    SHASH_FOR_EACH (node, &b_rows) {
        add_item(items, compare_rows(table, node->name, a,
                                     shash_find_data(&a_rows, node->name),
                                     b, node->data));
    }
    SHASH_FOR_EACH (node, &a_rows) {
        if (!shash_find(&b_rows, node->name)) {
            add_item(items, compare_rows(table, node->name, a, node->data,
                                         b, NULL));
        }
    }
    shash_destroy(&a_rows);
    shash_destroy(&b_rows);
}

/* ---- All. --------------------------------------------------------------- */

void
kctl_apply(struct ctl_context *ctx)
{
    struct scratch scratch;

    if (ctx->argc < 3) {
        ctl_error(ctx, "apply: a file is read by kakehashi-ctl itself, and "
                  "not by its daemon");
        return;
    }
    scratch_init(&scratch);
    if (run_text(ctx, &scratch, ctx->argv[1], ctx->argv[2])) {
        struct json *items = json_array_create_empty();

        for (size_t i = 0; i < KCTL_N_CONFIG_TABLES; i++) {
            compare_tables(&kctl_tables[i], ctx->idl, scratch.idl, items);
        }
        kctl_items_sort(items);
        kctl_items_perform(ctx, items, false);
        json_destroy(items);
    }
    scratch_destroy(&scratch);
}
