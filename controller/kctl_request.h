/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_KCTL_REQUEST_H
#define CONTROLLER_KCTL_REQUEST_H 1

/* A request: one command line, from its words to what it prints.
 *
 * Nothing here blocks, exits or prints, so that a daemon can have many of
 * them, each at its own step:
 *
 *     START ──► ASK ──► TRY ──► COMMIT ──► WAIT ──► DONE
 *       └────────────────┘▲        │
 *                         └─ ASK ◄─┘
 *
 *     START    until the database is there, and it is the request's turn:
 *              of two transactions that are on their way at once, the server
 *              would refuse the second because of cfg_seq
 *     ASK      until the replica is known to be as new as the request
 *     TRY      run the commands
 *     COMMIT   until the server has the transaction, or refuses it
 *     WAIT     until the controller or the edges have the change
 *
 * A replica lags behind the database by the time that a message takes.  What
 * was in the database when a request came must be seen by it, so before
 * anything is told from the replica, the server is asked to do nothing: its
 * answer comes after all that it had to tell before.  A change need not ask
 * first: if it gets through, then nobody has changed anything meanwhile; if
 * not, the request asks and tries again.
 *
 * A transaction may be made although its answer does not say so: the
 * connection breaks, or a cluster of servers gets a new leader, which has part
 * of what the old one had to do, and refuses the rest.  So a request that may
 * not be run twice leaves a mark in the database (kctl_mark.c), and before it
 * tries again it looks for that.  If it is there, the change is made.  If
 * cfg_seq is what it was, then of the old transaction and the next one at most
 * one gets through.  Otherwise, if there were only as many changes since as
 * there are marks, the change is not made; else, or if the request has no
 * mark, it ends with an error. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controller/kctl_options.h"
#include "openvswitch/dynamic-string.h"
#include "ovsdb-idl.h"
#include "svec.h"

struct ctl_command;
struct ctl_context;
struct kctl_flows;
struct kctl_index;
struct kctl_request;
struct kkrec_kakehashi_global;
struct ovsdb_symbol_table;

/* A connection to the database, for any number of requests. */
struct kctl_db {
    struct ovsdb_idl *idl;
    struct kctl_index *index;   /* NULL: tables are walked. */
    bool lags;                  /* Was it there before the requests? */
    struct kctl_request *turn;  /* The one that may send a change, or NULL. */
};

/* Whether the last attempt may be made although its answer does not say so. */
enum kctl_doubt {
    KCTL_NO_DOUBT,
    KCTL_REFUSED,               /* It was refused, by whatever server. */
    KCTL_BROKEN                 /* There was no answer. */
};

/* How many marks the database has, and the size of one, with its end. */
#define KCTL_N_MARKS 16
#define KCTL_MARK_SIZE 9

enum kctl_state {
    KCTL_START,
    KCTL_ASK,
    KCTL_TRY,
    KCTL_COMMIT,
    KCTL_WAIT,
    KCTL_DONE
};

struct kctl_request {
    /* Does not change. */
    struct kctl_options options;
    struct svec words;          /* The command line without the options. */
    char *args;                 /* All of it, for the log. */
    struct ctl_command *commands;
    size_t n_commands;
    bool may_write;
    bool sync;                  /* Is one of the commands "sync"? */
    bool compares;              /* Is the difference what it is about? */
    bool needs_index;           /* Would walks over tables take long? */
    char mark[KCTL_MARK_SIZE];  /* Empty if it needs none. */

    enum kctl_state state;
    bool current;               /* Is the replica as new as the request? */
    enum kctl_doubt doubt;
    struct ds held;             /* Output of the attempt in doubt. */
    unsigned int tried;         /* Seqno of the IDL at the last attempt. */
    const char *awaited;        /* For messages to the user. */
    long long int patience;     /* When to tell that it still waits. */
    int64_t seq;                /* cfg_seq as read; in WAIT, as written. */

    /* Of the transaction that is being made or on its way. */
    struct ovsdb_idl_txn *txn;
    struct ovsdb_symbol_table *symtab;
    const struct kkrec_kakehashi_global *global;
    struct ds difference;       /* What it changes, in words. */
    struct kctl_flows *flows;   /* Of a dry run, while commands run. */

    /* The result, to be taken at any time.  'errors' are lines without the
     * name of the program; 'failed' is final in DONE. */
    struct ds output;
    struct svec errors;
    bool failed;
};

/* Makes a request of 'words', from the first command on, which it takes, as
 * well as what is in 'local_options'.  Returns NULL and puts what is wrong
 * into '*errorp' if they make no sense. */
struct kctl_request *kctl_request_create(const struct kctl_options *,
                                         struct svec *words, const char *args,
                                         struct shash *local_options,
                                         char **errorp);

/* A request that is not done may have changed the database, and may not. */
void kctl_request_destroy(struct kctl_request *, struct kctl_db *);

/* Adds to an IDL that has not been run yet what the commands read, and warns
 * of what looks like a mistake.  Returns what is wrong with them, or NULL. */
char *kctl_request_prepare(struct kctl_request *, struct ovsdb_idl *);

/* Does what can be done now.  Commands are run only if 'may_try'. */
void kctl_request_run(struct kctl_request *, struct kctl_db *, bool may_try);
void kctl_request_wait(const struct kctl_request *);

/* Ends the request with an error, which it takes.  kctl_request_interrupt()
 * adds to 'why', such as "timed out", what is known of the change. */
void kctl_request_fail(struct kctl_request *, struct kctl_db *, char *error);
void kctl_request_interrupt(struct kctl_request *, struct kctl_db *,
                            const char *why);

/* ---- kctl_alone.c. ------------------------------------------------------ */

struct kctl_config;

/* Runs a request, which it takes, with a connection of its own, and prints
 * what comes of it; exits if it fails.  Appends the output to '*copy' too, if
 * that is not NULL. */
void kctl_alone(const struct kctl_config *, struct kctl_request *,
                struct ds *copy);

/* ---- kctl_txn.c: one attempt. ------------------------------------------- */

enum kctl_outcome {
    KCTL_OK,                    /* Run, and ready to be committed. */
    KCTL_NOT_YET,               /* "wait-until" has to wait. */
    KCTL_ERROR                  /* A command has failed. */
};

/* Begins a transaction and runs the commands of 'r'.  With KCTL_ERROR puts the
 * error into '*errorp'.  Unless the outcome is KCTL_OK, the transaction is
 * rolled back. */
enum kctl_outcome kctl_txn_try(struct kctl_request *r, struct kctl_db *,
                               char **errorp);

/* Of the generic command "create --id".  Returns what is wrong, or NULL. */
char *kctl_check_symbols(const struct ovsdb_symbol_table *);

/* A copy of 'error', which is one line even if a word in it is not. */
char *kctl_one_line(const char *error);

/* By which a difference that was shown is known again, whatever flows it has;
 * for the caller to free. */
char *kctl_difference_hash(const char *);

/* Begins a transaction that changes nothing and that the server answers. */
void kctl_txn_ask(struct kctl_request *r, struct kctl_db *);

/* Ends the transaction: forgets it and what the commands have done, or takes
 * their output to 'r'. */
void kctl_txn_roll_back(struct kctl_request *r);
void kctl_txn_finish(struct kctl_request *r, struct kctl_db *);

/* ---- kctl_mark.c: finding one's own change. ----------------------------- */

/* Gives 'r' a mark if it needs one; leaves it with the change that is being
 * made; looks for it. */
void kctl_mark_init(struct kctl_request *r);
void kctl_mark_write(const struct kctl_request *r);
bool kctl_mark_is_there(const struct kctl_request *r,
                        const struct kkrec_kakehashi_global *);

/* ---- kctl_generic.c. ---------------------------------------------------- */

/* Calls 'run' for the command of 'ctx', unless that would end the program. */
void kctl_run_command(struct ctl_context *ctx,
                      void (*run)(struct ctl_context *));

/* ---- kctl_output.c. ----------------------------------------------------- */

/* Appends the output of the commands to 's'. */
void kctl_format_output(struct kctl_request *r, struct ds *s);

#endif /* controller/kctl_request.h */
