/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_LEAD_PRIVATE_H
#define CONTROLLER_LEAD_PRIVATE_H 1

/* What the files of controller/lead.h share among themselves.
 *
 *   lead.c        names, and what has become of locks
 *   lead_shard.c  shards: which should be led, and which are
 *   lead_txn.c    what is written under locks */

#include "controller/lead.h"
#include "openvswitch/hmap.h"
#include "openvswitch/list.h"
#include "sset.h"
#include "uuid.h"

struct lead_shard {
    struct hmap_node node;      /* In 'shards'. */
    struct hmap_node lock_node; /* In 'by_lock'. */
    struct ovs_list event_node; /* In 'events', or empty. */
    struct uuid uuid;
    char *lock;
    bool named;                 /* Between lead_edges_begin() and _end(). */
    bool met, met_by_others;    /* One of its edges. */
    bool wanted;
    bool held;                  /* The lock. */
    uint64_t generation;        /* As leader, or 0 if it is not. */
    bool sure;                  /* Claimed since the lock was got. */
    uint64_t claiming;          /* In transaction number. */
};

struct lead {
    struct locks *locks;
    char *name, *name_lock;
    bool named;                 /* It is ours, as far as is known... */
    long long name_lost_at;     /* ...until then; 0 if it is in no doubt. */
    bool knows_global;
    struct uuid global;         /* Row of the database, zero if none. */
    bool connected;             /* When last looked at. */
    struct hmap shards;         /* Of struct lead_shard, by UUID. */
    struct hmap by_lock;        /* The same. */
    size_t n_met;               /* With an edge that somebody has met... */
    size_t n_led_met;           /* ...and those of them with a generation. */
    size_t n_led;               /* That have a generation... */
    size_t n_frozen;            /* ...and of those, whose lock is not held. */
    size_t n_unclaimed;         /* Whose lock is held, and no more. */
    struct sset others;         /* Names. */
    long long others_at;        /* When their locks are asked for again, or
                                 * 0. */
    struct ovs_list events;     /* Of struct lead_shard. */
    uint64_t latest;            /* Generation of ours. */
    uint64_t above;             /* Generations that switches have seen. */
    bool hurry;                 /* lead_run() has something to do. */

    uint64_t n_txns;            /* Started. */
    bool in_txn;
    long long retry_at;         /* After a transaction that has failed. */
    char *burying;              /* Whose row it deletes, or NULL: it makes the
                                 * generation larger. */
};

/* lead.c. */
char *lead_lock(const char *prefix, const char *name);
void lead_spare_others(struct lead *);

/* lead_shard.c. */
struct lead_shard *lead_shard_by_lock(const struct lead *, const char *lock);
void lead_set(struct lead *, struct lead_shard *, bool held, bool sure,
              uint64_t generation);
void lead_decide_all(struct lead *);
void lead_tell(struct lead *, struct lead_shard *);
void lead_lose(struct lead *, struct lead_shard *);
void lead_shards_destroy(struct lead *);

/* lead_txn.c. */
void lead_claim(struct lead *);
void lead_bury_others(struct lead *);
void lead_transacted(struct lead *);

#endif /* controller/lead_private.h */
