/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* One attempt at the transaction of a request. */

#include <config.h>

#include "controller/kctl_request.h"

#include <stdlib.h>

#include "controller/kctl.h"
#include "controller/kctl_index.h"
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
        struct ctl_command *c = &r->commands[i];

        ctl_context_init_command(&ctx.up, c, i == r->n_commands - 1);
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

/* Of the generic command "create --id".  Returns what is wrong, or NULL. */
static char *
check_symbols(const struct ovsdb_symbol_table *symtab)
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

enum kctl_outcome
kctl_txn_try(struct kctl_request *r, struct kctl_db *db, char **errorp)
{
    *errorp = NULL;
    begin_commands(r, db);

    enum kctl_outcome outcome = run_commands(r, db, errorp);
    if (outcome == KCTL_OK) {
        *errorp = check_symbols(r->symtab);
        outcome = *errorp ? KCTL_ERROR : KCTL_OK;
    }
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
