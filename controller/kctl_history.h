/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_KCTL_HISTORY_H
#define CONTROLLER_KCTL_HISTORY_H 1

/* What kakehashi-ctl has changed, in the database itself.
 *
 * A transaction that changes the configuration leaves a row with the changes
 * (see kctl_row.h), by which they can be taken back, and with who has made
 * them.  It is a part of the transaction: there is no change without, and none
 * of one that was not made.
 *
 * It must not grow for ever: there are at most KCTL_HISTORY_MAX rows, and all
 * changes in them together take at most KCTL_HISTORY_SIZE bytes, so that who
 * makes huge ones remembers fewer.  The oldest rows go first.  A change that
 * is larger than that by itself is remembered without what it has changed, and
 * cannot be taken back.
 *
 * A database with an older schema has no such table, and no history. */

#include "db-ctl-base.h"

struct json;
struct kctl_request;
struct svec;

#define KCTL_HISTORY_MAX 100
#define KCTL_HISTORY_SIZE (4 * 1024 * 1024)

/* "history" and "rollback". */
extern const struct ctl_command_syntax kctl_history_commands[];

/* Returns what is wrong with the argument of "rollback", or NULL, also if
 * 'words' are another command. */
char *kctl_rollback_check(const struct svec *words);

/* Adds the row for 'items', unless there are none, to the transaction of
 * 'r'. */
void kctl_history_add(const struct kctl_request *r, struct ovsdb_idl *,
                      const struct json *items);

/* Spares 'r' the history if it has no use for it. */
void kctl_history_prepare(const struct kctl_request *r, struct ovsdb_idl *);

#endif /* controller/kctl_history.h */
