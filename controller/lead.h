/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_LEAD_H
#define CONTROLLER_LEAD_H 1

/* Which controller leads what.
 *
 * Any number of controllers run over one database.  Each has a name, and each
 * shard (flows/topo_shard.c) has one leader: the one that has the shard's lock
 * in the database and has made the database's generation larger under that
 * lock.  With that number it becomes OpenFlow master of the shard's edges, and
 * theirs is the last word: a switch refuses a master with a smaller one, and
 * writes of a master that there was before.  So two may for a moment believe
 * to lead, but switches obey the later one.
 *
 * A controller that is cut off from the database leads on what it led.  Nobody
 * else gets the lock unless the database has given up on it, and nothing can
 * be configured but in the database.  Who comes back and finds that another
 * has the lock, follows.  Until then it is not certain that it leads, and
 * nothing that an operator has told it meanwhile is told the others.
 *
 * Locks and generations are only worth something if they are of the database
 * that the configuration is from.  The owner tells which that is, by its row
 * of table Kakehashi_Global; a server that has another one is not asked, and
 * every transaction is held to that row.
 *
 * Names are under locks, too.  Who has not its own asks for no other lock: it
 * would keep it from those that may lead.  Who gets the lock of another's name
 * knows that that one is gone, and takes its row out of the database; but not
 * in the first seconds after a reconnection, when that one may be late.  One
 * of all, the "chief", speaks for all of them where the database has but one
 * row to speak in.
 *
 * A controller wants to lead a shard if it has a connection with one of its
 * edges, or if nobody has.
 *
 * The owner tells which shards there are and who has met their edges, and
 * learns by lead_next() what has come of it; nothing here calls back.  The
 * struct owns its connection to the database, beside the one that has the
 * replica (controller/conf.h). */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lead;
struct sset;
struct uuid;

struct lead *lead_create(const char *db, const char *name);
void lead_destroy(struct lead *);
void lead_database(struct lead *, const struct uuid *global);
void lead_run(struct lead *);
void lead_wait(struct lead *);

const char *lead_name(const struct lead *);
bool lead_is_named(const struct lead *);
bool lead_is_chief(const struct lead *);
bool lead_has_server(const struct lead *);
bool lead_is_connected(const struct lead *);
bool lead_is_certain(const struct lead *);
char *lead_trouble(const struct lead *);
char *lead_what_became(const struct lead *, const char *name);
size_t lead_count(const struct lead *);
size_t lead_count_met(const struct lead *);

void lead_others(struct lead *, const struct sset *names);
void lead_edges_begin(struct lead *);
void lead_edge(struct lead *, const struct uuid *uuid, bool met,
               bool met_by_others);
void lead_edges_end(struct lead *);
void lead_meet(struct lead *, const struct uuid *uuid);
void lead_inherit(struct lead *, const struct uuid *uuid);
bool lead_is_pending(const struct lead *, const struct uuid *uuid);
size_t lead_n_shards(const struct lead *);
size_t lead_excess(const struct lead *, size_t n_controllers, size_t least);
bool lead_leads(const struct lead *, const struct uuid *uuid,
                uint64_t *generation);
bool lead_has(const struct lead *, const struct uuid *uuid);
bool lead_yield(struct lead *, const struct uuid *uuid);
void lead_claim_again(struct lead *, const struct uuid *uuid,
                      uint64_t above);

bool lead_next(struct lead *, struct uuid *uuid, bool *gained);

#endif /* controller/lead.h */
