/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef TESTS_UNIT_LEADLAB_H
#define TESTS_UNIT_LEADLAB_H 1

/* A controller called "c1" that leads, or not, at one fake server
 * (tests/unit/ovsdbd.h), whose locks the test gives away.
 *
 * Shards go by numbers from 1 to 9, which are the first part of their UUIDs.
 * What is there is written as "1m 2o 3mo 4": shard 1 has an edge that is met,
 * 2 one that others meet, 3 both, and 4 one that nobody meets. */

#include <stdbool.h>
#include <stdint.h>
#include "ovsdbd.h"

struct json;
struct uuid;

#define LEADLAB_CHIEF "kakehashi_chief"
#define LEADLAB_C1 "kakehashi_controller_c1"
#define LEADLAB_C2 "kakehashi_controller_c2"

struct uuid leadlab_uuid(int shard);
const char *leadlab_lock(int shard);    /* Until the next call. */

/* What is first in all transactions. */
#define LEADLAB_WAIT                                                        \
    "{'columns':['_uuid'],'op':'wait','rows':[{'_uuid':['uuid','"           \
    OVSDBD_GLOBAL "']}],'table':'Kakehashi_Global','timeout':0,"            \
    "'until':'==','where':[]}"

/* The configuration is from the database with this row, or without if "". */
void leadlab_database(struct ovsdbd_world *, const char *global);

/* Connected; with the name; leading 'shards', as in "1 2", of 'edges' with
 * 'generation'. */
void leadlab_start(struct ovsdbd_world *);
void leadlab_start_named(struct ovsdbd_world *);
void leadlab_start_leading(struct ovsdbd_world *, const char *edges,
                           const char *shards, int generation);

void leadlab_edges(struct ovsdbd_world *, const char *edges);
void leadlab_others(struct ovsdbd_world *, const char *names);

/* Waits for "lock" or "unlock" of 'lock', the next request. */
struct json *leadlab_asked(struct ovsdbd_world *, const char *lock);
void leadlab_granted(struct ovsdbd_world *, const char *lock);
void leadlab_refused(struct ovsdbd_world *, const char *lock);
void leadlab_dropped(struct ovsdbd_world *, const char *lock);

/* Ends the connection, and has another one; there, waits for 'n' requests for
 * locks, in whatever order, and grants all but those named in 'refused'. */
void leadlab_cut(struct ovsdbd_world *);
void leadlab_reconnect(struct ovsdbd_world *, int n, const char *refused);

/* Waits for 'n' requests to unlock, of one of 'locks' each. */
void leadlab_dropped_all(struct ovsdbd_world *, int n, const char *locks);

/* Waits for the one transaction that claims 'shards', with a generation that
 * is larger than 'above'; or that adds the row to count in.  The other answers
 * with one result for each operation, of which there are 'n', 'last' being
 * that of the last one. */
struct json *leadlab_claimed(struct ovsdbd_world *, const char *shards,
                             int64_t above);
struct json *leadlab_inserted(struct ovsdbd_world *, const char *shards);
void leadlab_answer(struct ovsdbd_world *, struct json *id, int n,
                    const char *last);

/* The same for one shard, which has 'generation' then. */
void leadlab_claim(struct ovsdbd_world *, int shard, int64_t above,
                   int generation);

/* Fails unless the client has taken in everything and asks for nothing. */
void leadlab_quiet(struct ovsdbd_world *);

/* Fails unless the main loop would sleep now until something happens; or would
 * not; or would for a second at most, until something is tried again, which
 * it is from here on, for the time is over. */
void leadlab_asleep(struct ovsdbd_world *);
void leadlab_awake(struct ovsdbd_world *);
void leadlab_second_passes(struct ovsdbd_world *);

/* The same for the time '*at' of 'lead', at which something is to happen. */
void leadlab_time_passes(struct ovsdbd_world *, long long *at);

/* The generation with which 'shard' is led, or 0. */
uint64_t leadlab_leads(const struct ovsdbd_world *, int shard);
bool leadlab_has(const struct ovsdbd_world *, int shard);
bool leadlab_pending(const struct ovsdbd_world *, int shard);

/* Fails unless exactly this was told, each once: "+1 -2" is that 1 is led now,
 * and 2 no more. */
void leadlab_told(struct ovsdbd_world *, const char *expected);

#endif /* tests/unit/leadlab.h */
