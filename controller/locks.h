/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_LOCKS_H
#define CONTROLLER_LOCKS_H 1

/* Many locks of an OVSDB server over one session.
 *
 * The OVSDB IDL offers one lock per connection.  A controller that leads many
 * clusters, each under a lock of its own, has one connection for all of them
 * here, beside that of its IDL.  The requests are those of RFC 7047, sections
 * 4.1.8 to 4.1.11.
 *
 * Only a server whose locks count (controller/locks_server.h) is asked for
 * any: a standalone one, or the leader of a cluster.  Any other is left for
 * the next remote, at most once a second when all have been tried; so is one
 * that ceases to lead, or that talks nonsense.  Every lock that is wanted is
 * asked for once on each such connection, and again when it was stolen.
 *
 * There may be servers among the remotes that have another database of the
 * same name: whoever would go by their locks would go alone.  If the caller
 * tells which database it means, by a row that no other has, then only a
 * server that has it is asked.  For a moment the two may differ because one
 * has not heard yet what the other has: a server is left for that only after
 * LOCKS_PATIENCE.  (A copy of a database's file is not told from it.)
 *
 * What is held is lost as soon as the connection is, for whatever reason: the
 * server gives it to the next in line.  So every loss is followed by another
 * grant, or by none, and an event tells of either.  What has happened waits in
 * a queue for locks_next(); locks_has() and locks_is_connected() say what is
 * true now, events that wait included.  Dropping a lock is no event, and
 * removes those that wait.  Whatever waits keeps the main loop awake.
 *
 * A lock is not proof.  Who loses one because of the network learns it when
 * the server has been silent for twice the interval of probes.  The default is
 * chosen so that this is before ovsdb-server, with its own default of 5 s over
 * TCP, gives the lock to somebody else.  A process that was stopped may still
 * be late; it should call locks_run() before it acts.  And a leader that is
 * cut off from its cluster notices it only after a while.
 *
 * A transaction that begins with an "assert" of a lock (section 5.2.10) is not
 * carried out by a server at which the lock is not held.  In a cluster that
 * is not all: a server that has just ceased to lead passes the transaction on
 * to the new leader, which does not know its locks.  To be sure, who gets a
 * lock writes so in the database, and all its transactions "wait" for that
 * (section 5.2.6) too.  Nor is it certain then that what was refused has
 * changed nothing: the server may have tried twice. */

#include <stdbool.h>

struct json;
struct locks;
struct uuid;

#define LOCKS_PROBE 2000        /* Default, in milliseconds. */
#define LOCKS_PATIENCE 1000     /* Likewise. */

struct locks_event {
    char *id;                   /* The caller's to free. */
    bool held;                  /* Got it, or lost it. */
};

/* 'remotes' as for the IDL: one, or more with commas between, and perhaps
 * cid:UUID. */
struct locks *locks_create(const char *remotes);
void locks_destroy(struct locks *);
void locks_set_probe(struct locks *, int msec);

/* Only the database with this row of table Kakehashi_Global is meant, or one
 * without any if it is zero; or it is not known yet which, if NULL.  Before it
 * is told any of this, any database is. */
void locks_set_database(struct locks *, const struct uuid *global);
void locks_run(struct locks *);
void locks_wait(struct locks *);

/* Connected to a server whose locks count; and that has the database that is
 * meant. */
bool locks_has_server(const struct locks *);
bool locks_is_connected(const struct locks *);

/* Returns what is wrong with each of the remotes, to be freed, for who asks
 * why it is not connected, and sets '*standby' if some do not lead their
 * cluster. */
char *locks_complaints(const struct locks *, bool *standby);

/* 'id' is an <id> of RFC 7047: letters, digits and underscores, no digit
 * first. */
void locks_want(struct locks *, const char *id);
void locks_drop(struct locks *, const char *id);
bool locks_has(const struct locks *, const char *id);
bool locks_is_refused(const struct locks *, const char *id);
bool locks_next(struct locks *, struct locks_event *);

/* One transaction at a time. */
enum locks_outcome {
    LOCKS_NONE,                 /* There is none, or it is on its way. */
    LOCKS_DONE,                 /* It was carried out. */
    LOCKS_REFUSED,              /* An operation failed, so none was. */
    LOCKS_UNKNOWN               /* One or the other; read the database. */
};
bool locks_may_transact(const struct locks *);
bool locks_transact(struct locks *, struct json *ops);
enum locks_outcome locks_transacted(struct locks *, struct json **result);

#endif /* controller/locks.h */
