/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* The transaction: run each command, commit, wait. */

#include <config.h>

#include "controller/kctl.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "ovsdb-data.h"
#include "ovsdb-idl.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(kctl_txn);

/* After how long to say that the program is still waiting. */
#define PATIENCE_MSEC 5000

/* One command line. */
struct run {
    const struct kctl_config *config;
    struct ctl_command *commands;
    size_t n_commands;
    struct ovsdb_idl *idl;
    bool may_write;
    bool sync;                  /* Is one of the commands "sync"? */
    const char *awaited;        /* Until the next version of the database. */

    /* Of the current attempt. */
    struct ovsdb_idl_txn *txn;
    struct ovsdb_symbol_table *symtab;
    const struct kkrec_kakehashi_global *global;
};

void
kctl_block(const struct kctl_config *config, const char *what)
{
    static long long int patience;

    if (!patience) {
        patience = time_msec() + PATIENCE_MSEC;
    }
    poll_timer_wait_until(MIN(patience, config->deadline));
    poll_block();
    if (time_msec() >= config->deadline) {
        ctl_fatal("timed out waiting for %s", what);
    }
    if (time_msec() >= patience) {
        ovs_error(0, "still waiting for %s", what);
        patience = LLONG_MAX;
    }
}

static const char *
awaited(const struct run *run)
{
    return (run->config->wait == KCTL_WAIT_EDGES
            ? "the edges to confirm the change (is kakehashi running?)"
            : "kakehashi to read the change (is it running?)");
}

/* ---- Running the commands. ---------------------------------------------- */

/* Error messages are one line each, even if an argument is not. */
static void
report_command_error(const char *error)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    for (const char *p = error; *p; p++) {
        if (*p == '\n') {
            ds_put_cstr(&s, "\\n");
        } else {
            ds_put_char(&s, *p);
        }
    }
    ctl_fatal("%s", ds_cstr(&s));
}

static void
run_prerequisites(struct run *run)
{
    for (size_t i = 0; i < run->n_commands; i++) {
        struct ctl_command *c = &run->commands[i];

        if (c->syntax->prerequisites) {
            struct ctl_context ctx;

            ds_init(&c->output);
            c->table = NULL;
            ctl_context_init(&ctx, c, run->idl, NULL, NULL, NULL);
            c->syntax->prerequisites(&ctx);
            if (ctx.error) {
                report_command_error(ctx.error);
            }
            ctl_context_done(&ctx, c);
        }
    }
}

/* Returns false if a command is "wait-until" and has to wait. */
static bool
run_commands(struct run *run)
{
    struct ctl_context ctx = { .try_again = false };

    ctl_context_init(&ctx, NULL, run->idl, run->txn, run->symtab, NULL);
    for (size_t i = 0; i < run->n_commands && !ctx.try_again; i++) {
        struct ctl_command *c = &run->commands[i];

        ctl_context_init_command(&ctx, c, i == run->n_commands - 1);
        if (c->syntax->run) {
            c->syntax->run(&ctx);
        }
        if (ctx.error) {
            report_command_error(ctx.error);
        }
        ctl_context_done_command(&ctx, c);
    }
    ctl_context_done(&ctx, NULL);
    return !ctx.try_again;
}

static void
run_postprocess(struct run *run)
{
    for (size_t i = 0; i < run->n_commands; i++) {
        struct ctl_command *c = &run->commands[i];

        if (c->syntax->postprocess) {
            struct ctl_context ctx = { .try_again = false };

            ctl_context_init(&ctx, c, run->idl, run->txn, run->symtab, NULL);
            c->syntax->postprocess(&ctx);
            if (ctx.error) {
                report_command_error(ctx.error);
            }
            ctl_context_done(&ctx, c);
        }
    }
}

/* Of the generic command "create --id". */
static void
check_symbols(const struct ovsdb_symbol_table *symtab)
{
    const struct shash_node *node;

    SHASH_FOR_EACH (node, &symtab->sh) {
        const struct ovsdb_symbol *symbol = node->data;

        if (!symbol->created) {
            ctl_fatal("row id \"%s\" is referenced but never created (e.g. "
                      "with \"-- --id=%s create ...\")",
                      node->name, node->name);
        }
    }
}

/* ---- The transaction. --------------------------------------------------- */

static void
begin(struct run *run)
{
    run->txn = ovsdb_idl_txn_create(run->idl);
    run->symtab = ovsdb_symbol_table_create();
    if (run->config->dry_run) {
        ovsdb_idl_txn_set_dry_run(run->txn);
    }
    ovsdb_idl_txn_add_comment(run->txn, "kakehashi-ctl: %s",
                              run->config->args);

    run->global = kkrec_kakehashi_global_first(run->idl);
    if (!run->global) {
        run->global = kkrec_kakehashi_global_insert(run->txn);
    }
    if (run->may_write) {
        kkrec_kakehashi_global_verify_cfg_seq(run->global);
        ovsdb_idl_txn_increment(run->txn, &run->global->header_,
                                &kkrec_kakehashi_global_col_cfg_seq,
                                run->sync);
    }
    for (size_t i = 0; i < run->n_commands; i++) {
        ds_init(&run->commands[i].output);
        run->commands[i].table = NULL;
    }
}

/* Ends an attempt that did not succeed. */
static void
roll_back(struct run *run)
{
    ovsdb_idl_txn_abort(run->txn);
    ovsdb_idl_txn_destroy(run->txn);
    ovsdb_symbol_table_destroy(run->symtab);
    for (size_t i = 0; i < run->n_commands; i++) {
        struct ctl_command *c = &run->commands[i];

        ds_destroy(&c->output);
        table_destroy(c->table);
        free(c->table);
    }
}

static enum ovsdb_idl_txn_status
commit(struct run *run)
{
    enum ovsdb_idl_txn_status status;

    while ((status = ovsdb_idl_txn_commit(run->txn)) == TXN_INCOMPLETE) {
        ovsdb_idl_run(run->idl);
        ovsdb_idl_wait(run->idl);
        ovsdb_idl_txn_wait(run->txn);
        kctl_block(run->config, "the database server to commit");
    }
    return status;
}

/* Tries the transaction once.  If it is in the database, returns true and puts
 * into '*seq' the value of cfg_seq with which it is.  Returns false if the
 * caller should wait for another version of the database and try again. */
static bool
attempt(struct run *run, int64_t *seq)
{
    begin(run);
    if (!run_commands(run)) {
        run->awaited = "the condition of wait-until";
        roll_back(run);
        return false;
    }
    check_symbols(run->symtab);

    *seq = run->global->cfg_seq;
    switch (commit(run)) {
    case TXN_SUCCESS:
        if (run->may_write) {
            *seq = ovsdb_idl_txn_get_increment_new_value(run->txn);
        }
        break;

    case TXN_UNCHANGED:
        break;

    case TXN_TRY_AGAIN:
        roll_back(run);
        return false;

    case TXN_ERROR:
        ctl_fatal("transaction error: %s", ovsdb_idl_txn_get_error(run->txn));

    case TXN_UNCOMMITTED:
    case TXN_INCOMPLETE:
    case TXN_ABORTED:
    case TXN_NOT_LOCKED:
    default:
        OVS_NOT_REACHED();
    }

    run_postprocess(run);
    ovsdb_idl_txn_destroy(run->txn);
    ovsdb_symbol_table_destroy(run->symtab);
    return true;
}

/* ---- All. --------------------------------------------------------------- */

/* Waits until the controller, or the edges, have 'seq'. */
static void
wait_for_seq(struct run *run, int64_t seq)
{
    bool edges = run->config->wait == KCTL_WAIT_EDGES;

    /* The change is made: it is worth to outlive a restart of the server. */
    ovsdb_idl_enable_reconnect(run->idl);
    for (;;) {
        ovsdb_idl_run(run->idl);

        const struct kkrec_kakehashi_global *global
            = kkrec_kakehashi_global_first(run->idl);
        if (global && (edges ? global->edges_seq : global->ctl_seq) >= seq) {
            return;
        }
        ovsdb_idl_wait(run->idl);
        kctl_block(run->config, awaited(run));
    }
}

static struct ovsdb_idl *
connect_idl(const struct kctl_config *config)
{
    struct ovsdb_idl *idl = ovsdb_idl_create_unconnected(&kkrec_idl_class,
                                                         true);

    ovsdb_idl_set_remote(idl, config->db, config->retry);
    ovsdb_idl_set_leader_only(idl, config->leader_only);
    ovsdb_idl_set_db_change_aware(idl, false);
    return idl;
}

/* There is no point in trying a transaction twice on the same version of the
 * database: that it failed means that the database has changed. */
static int64_t
run_transaction(struct run *run)
{
    unsigned int seqno = ovsdb_idl_get_seqno(run->idl);
    int64_t seq;

    for (;;) {
        ovsdb_idl_run(run->idl);
        if (!ovsdb_idl_is_alive(run->idl)) {
            int error = ovsdb_idl_get_last_error(run->idl);
            kctl_unreachable(run->config, ovs_retval_to_string(error));
        }
        if (seqno != ovsdb_idl_get_seqno(run->idl)) {
            seqno = ovsdb_idl_get_seqno(run->idl);
            if (attempt(run, &seq)) {
                return seq;
            }
        }
        if (seqno == ovsdb_idl_get_seqno(run->idl)) {
            ovsdb_idl_wait(run->idl);
            kctl_block(run->config, run->awaited);
        }
    }
}

void
kctl_run(const struct kctl_config *config, struct ctl_command *commands,
         size_t n_commands)
{
    struct run run = {
        .config = config,
        .commands = commands,
        .n_commands = n_commands,
        .may_write = ctl_might_write_to_db(commands, n_commands),
        .awaited = "the contents of the database",
    };

    for (size_t i = 0; i < n_commands; i++) {
        run.sync = run.sync || !strcmp(commands[i].syntax->name, "sync");
    }
    VLOG(run.may_write ? VLL_INFO : VLL_DBG, "Called as %s", config->args);
    kctl_probe(config);
    run.idl = connect_idl(config);
    run_prerequisites(&run);

    int64_t seq = run_transaction(&run);
    kctl_print(config, commands, n_commands);
    if (config->wait != KCTL_WAIT_NONE && !config->dry_run) {
        wait_for_seq(&run, seq);
    }
    ovsdb_idl_destroy(run.idl);
}
