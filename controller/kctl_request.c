/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* A request: one command line, from its words to what it prints. */

#include <config.h>

#include "controller/kctl_request.h"

#include <stdlib.h>
#include <string.h>

#include "controller/kctl.h"
#include "controller/kctl_history.h"
#include "controller/kctl_index.h"
#include "openvswitch/poll-loop.h"
#include "timeval.h"
#include "util.h"

/* After how long to say that the request is still waiting. */
#define PATIENCE_MSEC 5000

/* How much of a command line is logged. */
#define MAX_ARGS 2000

/* From how many commands on it pays to make indexes first. */
#define MANY_COMMANDS 32

/* ---- Life. -------------------------------------------------------------- */

struct kctl_request *
kctl_request_create(const struct kctl_options *options, struct svec *words,
                    const char *args, struct shash *local_options,
                    char **errorp)
{
    struct kctl_request *r = xmalloc(sizeof *r);

    *r = (struct kctl_request) {
        .options = *options,
        .words = SVEC_EMPTY_INITIALIZER,
        .args = xasprintf("%.*s", MAX_ARGS, args),
        .awaited = "the contents of the database",
        .patience = time_msec() + PATIENCE_MSEC,
        .held = DS_EMPTY_INITIALIZER,
        .difference = DS_EMPTY_INITIALIZER,
        .output = DS_EMPTY_INITIALIZER,
        .errors = SVEC_EMPTY_INITIALIZER,
    };
    r->options.counts = nullable_xstrdup(options->counts);
    r->options.ports = nullable_xstrdup(options->ports);
    r->options.macs = nullable_xstrdup(options->macs);
    r->options.who = nullable_xstrdup(options->who);
    r->options.expected = nullable_xstrdup(options->expected);
    svec_swap(&r->words, words);
    svec_terminate(&r->words);
    *errorp = ctl_parse_commands(r->words.n, r->words.names, local_options,
                                 &r->commands, &r->n_commands);
    if (*errorp) {
        *errorp = kctl_guess(NULL, *errorp);
        kctl_request_destroy(r, NULL);
        return NULL;
    }
    r->may_write = ctl_might_write_to_db(r->commands, r->n_commands);
    kctl_mark_init(r);
    r->needs_index = r->n_commands >= MANY_COMMANDS;
    for (size_t i = 0; i < r->n_commands; i++) {
        const char *name = r->commands[i].syntax->name;

        r->sync = r->sync || !strcmp(name, "sync");
        r->compares = (r->compares || !strcmp(name, "apply")
                       || !strcmp(name, "rollback"));
        r->needs_index = (r->needs_index || r->compares
                          || !strcmp(name, "show")
                          || !strcmp(name, "export"));
    }
    return r;
}

/* Lets others have their turn. */
static void
release(struct kctl_request *r, struct kctl_db *db)
{
    if (db && db->turn == r) {
        db->turn = NULL;
        poll_immediate_wake();
    }
}

void
kctl_request_destroy(struct kctl_request *r, struct kctl_db *db)
{
    if (r) {
        kctl_txn_roll_back(r);
        release(r, db);
        for (size_t i = 0; i < r->n_commands; i++) {
            shash_destroy_free_data(&r->commands[i].options);
        }
        free(r->commands);
        svec_destroy(&r->words);
        svec_destroy(&r->errors);
        ds_destroy(&r->held);
        ds_destroy(&r->output);
        free(CONST_CAST(char *, r->options.counts));
        free(CONST_CAST(char *, r->options.ports));
        free(CONST_CAST(char *, r->options.macs));
        free(CONST_CAST(char *, r->options.who));
        free(CONST_CAST(char *, r->options.expected));
        ds_destroy(&r->difference);
        free(r->args);
        free(r);
    }
}

char *
kctl_request_prepare(struct kctl_request *r, struct ovsdb_idl *idl)
{
    char *error = NULL;

    kctl_history_prepare(r, idl);
    for (size_t i = 0; i < r->n_commands && !error; i++) {
        struct ctl_command *c = &r->commands[i];

        if (c->syntax->prerequisites) {
            struct kctl_context ctx = { .index = NULL };

            ds_init(&c->output);
            c->table = NULL;
            ctl_context_init(&ctx.up, c, idl, NULL, NULL, NULL);
            c->syntax->prerequisites(&ctx.up);
            error = (ctx.up.error
                     ? kctl_guess(NULL, kctl_one_line(ctx.up.error)) : NULL);
            ctl_context_done(&ctx.up, c);
        }
    }
    return error;
}

/* ---- The end. ----------------------------------------------------------- */

static void
finish(struct kctl_request *r, struct kctl_db *db)
{
    kctl_txn_roll_back(r);
    release(r, db);
    r->state = KCTL_DONE;
}

void
kctl_request_fail(struct kctl_request *r, struct kctl_db *db, char *error)
{
    svec_add_nocopy(&r->errors, error);
    r->failed = true;
    finish(r, db);
}

/* May the change be made, or still come? */
static bool
is_unknown(const struct kctl_request *r)
{
    return r->may_write && !r->options.dry_run
           && (r->state == KCTL_COMMIT || r->doubt == KCTL_BROKEN);
}

void
kctl_request_interrupt(struct kctl_request *r, struct kctl_db *db,
                       const char *why)
{
    const char *change
        = (r->state == KCTL_WAIT ? "the change is made"
           : is_unknown(r) ? "whether the change is made is not known"
           : "nothing is changed");

    kctl_request_fail(r, db, xasprintf("%s: %s", why, change));
}

/* ---- Steps. ------------------------------------------------------------- */

/* Each step returns false if it has to wait.  Otherwise it has changed the
 * state. */

static bool
step_start(struct kctl_request *r, struct kctl_db *db, bool may_try)
{
    if (!ovsdb_idl_has_ever_connected(db->idl)) {
        r->awaited = (ovsdb_idl_is_connected(db->idl)
                      ? "the contents of the database"
                      : "the database server");
        return false;
    }
    if (ovsdb_idl_get_seqno(db->idl) == r->tried || !may_try) {
        return false;
    }
    if (r->may_write && db->turn) {
        r->awaited = "the requests before it";
        return false;
    }
    if (r->may_write) {
        db->turn = r;
    }
    r->current = r->current || !db->lags;
    r->state = r->current || r->may_write ? KCTL_TRY : KCTL_ASK;
    return true;
}

/* The change is made, or there was none to make. */
static void
succeed(struct kctl_request *r, struct kctl_db *db)
{
    release(r, db);
    if (r->options.wait == KCTL_WAIT_NONE || r->options.dry_run) {
        r->state = KCTL_DONE;
        return;
    }
    r->state = KCTL_WAIT;
    r->awaited = (r->options.wait == KCTL_WAIT_EDGES
                  ? "the edges to confirm the change (is kakehashi running?)"
                  : "kakehashi to read the change (is it running?)");
}

/* The mark of the attempt in doubt has been found. */
static void
succeed_late(struct kctl_request *r, struct kctl_db *db)
{
    for (size_t i = 0; i < r->n_commands; i++) {
        if (r->commands[i].syntax->postprocess) {
            kctl_request_fail(r, db, xstrdup(
                "the change is made, but the answer of the database server is "
                "lost, and with it the UUIDs of the new rows"));
            return;
        }
    }
    ds_put_cstr(&r->output, ds_cstr(&r->held));
    r->doubt = KCTL_NO_DOUBT;
    r->seq++;
    succeed(r, db);
}

/* Says whether the request, the last attempt of which is in doubt, may try
 * again.  Otherwise it has gone on, or has failed. */
static bool
resolve_doubt(struct kctl_request *r, struct kctl_db *db)
{
    const struct kkrec_kakehashi_global *global
        = kkrec_kakehashi_global_first(db->idl);
    int64_t seq = global ? global->cfg_seq : 0;

    if (kctl_mark_is_there(r, global)) {
        succeed_late(r, db);
        return false;
    }
    if (r->doubt == KCTL_BROKEN && seq == r->seq) {
        return true;            /* It may come yet, and so remains in doubt. */
    }
    if (r->doubt == KCTL_BROKEN
        && (!r->mark[0] || seq < r->seq || seq - r->seq > KCTL_N_MARKS)) {
        kctl_request_fail(r, db, xstrdup(
            "the connection to the database broke during the change, and "
            "there was a change meanwhile: whether it is this one is not "
            "known"));
        return false;
    }
    r->doubt = KCTL_NO_DOUBT;
    return true;
}

static bool
step_ask(struct kctl_request *r, struct kctl_db *db)
{
    if (!r->txn) {
        kctl_txn_ask(r, db);
    }

    enum ovsdb_idl_txn_status status = ovsdb_idl_txn_commit(r->txn);
    if (status == TXN_INCOMPLETE || status == TXN_TRY_AGAIN) {
        if (status == TXN_TRY_AGAIN) {
            /* There is no connection.  Try when something happens. */
            kctl_txn_roll_back(r);
        }
        r->awaited = "the database server";
        return false;
    }
    kctl_txn_roll_back(r);
    r->current = true;
    r->state = KCTL_TRY;
    return true;
}

/* What has been found may be due to the replica being old.  If so, has the
 * server asked, for the next attempt. */
static bool
ask_again(struct kctl_request *r)
{
    if (!r->current) {
        kctl_txn_roll_back(r);
        r->state = KCTL_ASK;
        return true;
    }
    return false;
}

static bool
step_try(struct kctl_request *r, struct kctl_db *db, bool may_try)
{
    char *error;

    if (!may_try) {
        release(r, db);
        r->state = KCTL_START;
        return false;
    }
    if (r->doubt && !resolve_doubt(r, db)) {
        return true;
    }
    switch (kctl_txn_try(r, db, &error)) {
    case KCTL_OK:
        if (ovsdb_idl_txn_commit(r->txn) == TXN_TRY_AGAIN) {
            /* Not sent at all. */
            kctl_txn_roll_back(r);
            r->state = KCTL_ASK;
        } else {
            r->state = KCTL_COMMIT;
        }
        break;

    case KCTL_NOT_YET:
        r->awaited = "the condition of wait-until";
        r->tried = ovsdb_idl_get_seqno(db->idl);
        r->state = KCTL_START;
        release(r, db);
        break;

    case KCTL_ERROR:
        if (ask_again(r)) {
            free(error);
        } else {
            kctl_request_fail(r, db, error);
        }
        break;
    }
    return true;
}

/* There is no telling what has become of the attempt: the question that is to
 * be answered first is sent, or it cannot be sent either. */
static void
fall_into_doubt(struct kctl_request *r, struct kctl_db *db)
{
    ds_clear(&r->held);
    kctl_format_output(r, &r->held);
    kctl_txn_roll_back(r);
    kctl_txn_ask(r, db);
    r->state = KCTL_ASK;

    bool broken = ovsdb_idl_txn_commit(r->txn) == TXN_TRY_AGAIN;
    if (r->may_write && !r->options.dry_run && r->doubt != KCTL_BROKEN) {
        r->doubt = broken ? KCTL_BROKEN : KCTL_REFUSED;
    }
}

static bool
step_commit(struct kctl_request *r, struct kctl_db *db)
{
    switch (ovsdb_idl_txn_commit(r->txn)) {
    case TXN_INCOMPLETE:
        r->awaited = "the database server to commit";
        return false;

    case TXN_SUCCESS:
        if (r->may_write) {
            r->seq = ovsdb_idl_txn_get_increment_new_value(r->txn);
        }
        kctl_txn_finish(r, db);
        succeed(r, db);
        return true;

    case TXN_UNCHANGED:
        if (!ask_again(r)) {
            kctl_txn_finish(r, db);
            succeed(r, db);
        }
        return true;

    case TXN_TRY_AGAIN:
        /* Either the server has refused, because somebody else has changed
         * something, or the connection is lost. */
        fall_into_doubt(r, db);
        return true;

    case TXN_ERROR:
        if (!ask_again(r)) {
            kctl_request_fail(r, db, xasprintf(
                "transaction error: %s", ovsdb_idl_txn_get_error(r->txn)));
        }
        return true;

    case TXN_UNCOMMITTED:
    case TXN_ABORTED:
    case TXN_NOT_LOCKED:
    default:
        OVS_NOT_REACHED();
    }
}

static bool
step_wait(struct kctl_request *r, struct kctl_db *db)
{
    const struct kkrec_kakehashi_global *global
        = kkrec_kakehashi_global_first(db->idl);
    bool edges = r->options.wait == KCTL_WAIT_EDGES;

    if (!global || (edges ? global->edges_seq : global->ctl_seq) < r->seq) {
        return false;
    }
    r->state = KCTL_DONE;
    return true;
}

static bool
step(struct kctl_request *r, struct kctl_db *db, bool may_try)
{
    switch (r->state) {
    case KCTL_START:
        return step_start(r, db, may_try);

    case KCTL_ASK:
        return step_ask(r, db);

    case KCTL_TRY:
        return step_try(r, db, may_try);

    case KCTL_COMMIT:
        return step_commit(r, db);

    case KCTL_WAIT:
        return step_wait(r, db);

    case KCTL_DONE:
        return false;
    }
    OVS_NOT_REACHED();
}

void
kctl_request_run(struct kctl_request *r, struct kctl_db *db, bool may_try)
{
    bool moved;

    do {
        moved = step(r, db, may_try);
    } while (moved);
    if (r->state == KCTL_DONE) {
        return;
    }

    long long int now = time_msec();
    if (now >= r->options.deadline) {
        kctl_request_fail(r, db, xasprintf(
            "timed out waiting for %s%s", r->awaited, is_unknown(r)
            ? ": whether the change is made is not known" : ""));
    } else if (now >= r->patience) {
        svec_add_nocopy(&r->errors,
                        xasprintf("still waiting for %s", r->awaited));
        r->patience = LLONG_MAX;
    }
}

/* The IDL wakes up by itself for all else that moves a request. */
void
kctl_request_wait(const struct kctl_request *r)
{
    if (r->state == KCTL_DONE) {
        poll_immediate_wake();
    } else {
        poll_timer_wait_until(MIN(r->patience, r->options.deadline));
    }
}
