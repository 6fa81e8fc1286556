/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* One attempt at the transaction of a request. */

#include <config.h>

#include "controller/kctl_request.h"

#include <stdlib.h>
#include <string.h>

#include "controller/kctl.h"
#include "controller/kctl_flows.h"
#include "controller/kctl_history.h"
#include "controller/kctl_index.h"
#include "controller/kctl_log.h"
#include "controller/kctl_row.h"
#include "controller/kctl_tree.h"
#include "hash.h"
#include "openvswitch/json.h"
#include "ovsdb-data.h"
#include "util.h"

/* ---- Running the commands. ---------------------------------------------- */

char *
kctl_one_line(const char *error)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    for (const char *p = error; *p; p++) {
        if (*p == '\n') {
            ds_put_cstr(&s, "\\n");
        } else {
            ds_put_char(&s, *p);
        }
    }
    return ds_steal_cstr(&s);
}

static void
init_context(struct kctl_context *ctx, struct kctl_request *r,
             struct kctl_db *db)
{
    *ctx = (struct kctl_context) {
        .index = db->index,
        .options = &r->options,
    };
    ctl_context_init(&ctx->up, NULL, db->idl, r->txn, r->symtab, NULL);
}

static enum kctl_outcome
run_commands(struct kctl_request *r, struct kctl_db *db, char **errorp)
{
    enum kctl_outcome outcome = KCTL_OK;
    struct kctl_context ctx;

    init_context(&ctx, r, db);
    for (size_t i = 0; i < r->n_commands && outcome == KCTL_OK; i++) {
        /* That one is the last is not told to the generic commands, which then
         * change sets in a way that nobody would see before the server. */
        struct ctl_command *c = &r->commands[i];

        ctl_context_init_command(&ctx.up, c, false);
        if (c->syntax->run) {
            kctl_run_command(&ctx.up, c->syntax->run);
        }
        if (ctx.up.error) {
            *errorp = kctl_guess(db->idl, kctl_one_line(ctx.up.error));
            outcome = KCTL_ERROR;
        } else if (ctx.up.try_again) {
            outcome = KCTL_NOT_YET;
        }
        ctl_context_done_command(&ctx.up, c);
    }
    ctl_context_done(&ctx.up, NULL);
    return outcome;
}

/* Only "create" has such a step, and that does not fail. */
static void
run_postprocess(struct kctl_request *r, struct kctl_db *db)
{
    for (size_t i = 0; i < r->n_commands; i++) {
        struct ctl_command *c = &r->commands[i];

        if (c->syntax->postprocess) {
            struct kctl_context ctx;

            init_context(&ctx, r, db);
            ctl_context_init_command(&ctx.up, c, false);
            c->syntax->postprocess(&ctx.up);
            ctl_context_done(&ctx.up, c);
        }
    }
}

char *
kctl_check_symbols(const struct ovsdb_symbol_table *symtab)
{
    const struct shash_node *node;

    SHASH_FOR_EACH (node, &symtab->sh) {
        const struct ovsdb_symbol *symbol = node->data;

        if (!symbol->created) {
            return xasprintf("row id \"%s\" is referenced but never created "
                             "(e.g. with \"-- --id=%s create ...\")",
                             node->name, node->name);
        }
    }
    return NULL;
}

/* ---- The transaction. --------------------------------------------------- */

static void
begin(struct kctl_request *r, struct kctl_db *db)
{
    r->txn = ovsdb_idl_txn_create(db->idl);
    r->global = kkrec_kakehashi_global_first(db->idl);
    if (!r->global) {
        r->global = kkrec_kakehashi_global_insert(r->txn);
    }
}

static void
begin_commands(struct kctl_request *r, struct kctl_db *db)
{
    begin(r, db);
    r->symtab = ovsdb_symbol_table_create();
    r->seq = r->global->cfg_seq;
    if (r->options.dry_run) {
        ovsdb_idl_txn_set_dry_run(r->txn);
    }
    ovsdb_idl_txn_add_comment(r->txn, "kakehashi-ctl: %s", r->args);
    if (r->may_write) {
        kkrec_kakehashi_global_verify_cfg_seq(r->global);
        ovsdb_idl_txn_increment(r->txn, &r->global->header_,
                                &kkrec_kakehashi_global_col_cfg_seq, r->sync);
    }
    for (size_t i = 0; i < r->n_commands; i++) {
        ds_init(&r->commands[i].output);
        r->commands[i].table = NULL;
    }
}

/* Puts what the commands have changed into words.  Returns false if the user
 * was told something else. */
static bool
tell_difference(struct kctl_request *r, const struct kctl_log *log,
                const struct json *items)
{
    const struct kctl_tree t = {
        .s = &r->difference,
        .color = r->options.color,
        .width = r->options.width,
    };

    ds_clear(&r->difference);
    if (!r->options.dry_run && !r->compares) {
        return true;
    }
    kctl_items_format(&t, 0, items, SIZE_MAX);
    if (r->flows && items->array.n) {
        kctl_flows_format(r->flows, log, r->options.flows, &r->difference);
    }
    if (!r->options.expected) {
        return true;
    }

    char *hash = kctl_difference_hash(ds_cstr(&r->difference));
    bool same = !strcmp(hash, r->options.expected);
    free(hash);
    ds_clear(&r->difference);
    return same;
}

static char *
check_unique(struct kctl_request *r, struct kctl_db *db,
             const struct kctl_log *log)
{
    struct kctl_context ctx;

    init_context(&ctx, r, db);
    char *error = kctl_check_unique(&ctx.up, log);
    ctl_context_done(&ctx.up, NULL);
    return error;
}

/* Runs the commands, and what is to be done for all that they change. */
static enum kctl_outcome
run_and_record(struct kctl_request *r, struct kctl_db *db, char **errorp)
{
    struct kctl_log log;

    if (r->options.dry_run && r->may_write) {
        r->flows = kctl_flows_create(db->idl, r->options.ports,
                                     r->options.macs);
    }
    kctl_log_begin(&log, db->idl);
    enum kctl_outcome outcome = run_commands(r, db, errorp);
    kctl_log_end(&log);
    if (outcome == KCTL_OK) {
        *errorp = kctl_check_symbols(r->symtab);
    }
    if (outcome == KCTL_OK && !*errorp) {
        *errorp = check_unique(r, db, &log);
    }
    if (outcome == KCTL_OK && !*errorp) {
        struct json *items = kctl_items_of_log(db->idl, &log);

        if (tell_difference(r, &log, items)) {
            kctl_history_add(r, db->idl, items);
        } else {
            *errorp = xstrdup("the database has changed meanwhile, and "
                              "something else would have to be done: nothing "
                              "is changed");
        }
        json_destroy(items);
    }
    kctl_log_destroy(&log);
    kctl_flows_destroy(r->flows);
    r->flows = NULL;
    return *errorp ? KCTL_ERROR : outcome;
}

char *
kctl_difference_hash(const char *difference)
{
    static const char flows[] = "\n"KCTL_FLOWS_PREFIX;
    const char *end = strstr(difference, flows);
    size_t n = end ? end + 1 - difference : strlen(difference);

    return xasprintf("%08"PRIx32"%08"PRIx32, hash_bytes(difference, n, 0),
                     hash_bytes(difference, n, 1));
}

enum kctl_outcome
kctl_txn_try(struct kctl_request *r, struct kctl_db *db, char **errorp)
{
    *errorp = NULL;
    begin_commands(r, db);

    enum kctl_outcome outcome = run_and_record(r, db, errorp);
    if (outcome == KCTL_OK) {
        kctl_mark_write(r);
    }
    if (outcome != KCTL_OK) {
        kctl_txn_roll_back(r);
    }
    return outcome;
}

void
kctl_txn_ask(struct kctl_request *r, struct kctl_db *db)
{
    begin(r, db);
    ovsdb_idl_txn_set_dry_run(r->txn);
    ovsdb_idl_txn_increment(r->txn, &r->global->header_,
                            &kkrec_kakehashi_global_col_cfg_seq, true);
}

static void
free_outputs(struct kctl_request *r)
{
    for (size_t i = 0; i < r->n_commands; i++) {
        struct ctl_command *c = &r->commands[i];

        ds_destroy(&c->output);
        table_destroy(c->table);
        free(c->table);
    }
}

void
kctl_txn_roll_back(struct kctl_request *r)
{
    if (r->txn) {
        /* Not ovsdb_idl_txn_abort(): then the IDL would not forget one that is
         * on its way. */
        ovsdb_idl_txn_destroy(r->txn);
        r->txn = NULL;
    }
    if (r->symtab) {
        ovsdb_symbol_table_destroy(r->symtab);
        r->symtab = NULL;
        free_outputs(r);
    }
    r->global = NULL;
}

void
kctl_txn_finish(struct kctl_request *r, struct kctl_db *db)
{
    run_postprocess(r, db);
    kctl_format_output(r, &r->output);
    kctl_txn_roll_back(r);
}
