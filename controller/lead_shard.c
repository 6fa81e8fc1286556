/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "controller/lead_private.h"

#include <inttypes.h>
#include <stdlib.h>
#include "controller/locks.h"
#include "hash.h"
#include "openvswitch/vlog.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(lead_shard);

/* Generations that switches say they have seen count up to here, half of what
 * the database's integers take.  Otherwise one switch could see to it that
 * none can be made larger any more. */
#define LEAD_GENERATION_MAX (UINT64_C(1) << 62)

/* Counts 'shard', or takes it out of what was counted, if 'n' is -1: nobody
 * has to walk them all where there are many, to find that nothing is to be
 * done. */
static void
lead_count_shard(struct lead *lead, const struct lead_shard *shard, int n)
{
    bool met = shard->met || shard->met_by_others;

    lead->n_met += met ? n : 0;
    lead->n_led_met += met && shard->generation ? n : 0;
    lead->n_led += shard->generation ? n : 0;
    lead->n_frozen += shard->generation && !shard->held ? n : 0;
    lead->n_unclaimed += shard->held && !shard->sure ? n : 0;
}

static void
lead_shard_free(struct lead *lead, struct lead_shard *shard)
{
    lead_count_shard(lead, shard, -1);
    hmap_remove(&lead->shards, &shard->node);
    hmap_remove(&lead->by_lock, &shard->lock_node);
    ovs_list_remove(&shard->event_node);
    free(shard->lock);
    free(shard);
}

void
lead_shards_destroy(struct lead *lead)
{
    struct lead_shard *shard;

    HMAP_FOR_EACH_SAFE (shard, node, &lead->shards) {
        lead_shard_free(lead, shard);
    }
    hmap_destroy(&lead->shards);
    hmap_destroy(&lead->by_lock);
}

static struct lead_shard *
lead_shard(const struct lead *lead, const struct uuid *uuid)
{
    struct lead_shard *shard;

    HMAP_FOR_EACH_WITH_HASH (shard, node, uuid_hash(uuid), &lead->shards) {
        if (uuid_equals(&shard->uuid, uuid)) {
            return shard;
        }
    }
    return NULL;
}

struct lead_shard *
lead_shard_by_lock(const struct lead *lead, const char *lock)
{
    struct lead_shard *shard;

    HMAP_FOR_EACH_WITH_HASH (shard, lock_node, hash_string(lock, 0),
                             &lead->by_lock) {
        if (!strcmp(shard->lock, lock)) {
            return shard;
        }
    }
    return NULL;
}

void
lead_set(struct lead *lead, struct lead_shard *shard, bool held, bool sure,
         uint64_t generation)
{
    lead_count_shard(lead, shard, -1);
    shard->held = held;
    shard->sure = sure;
    shard->generation = generation;
    lead_count_shard(lead, shard, 1);
}

static void
lead_set_met(struct lead *lead, struct lead_shard *shard, bool met,
             bool met_by_others)
{
    lead_count_shard(lead, shard, -1);
    shard->met = met;
    shard->met_by_others = met_by_others;
    lead_count_shard(lead, shard, 1);
}

void
lead_tell(struct lead *lead, struct lead_shard *shard)
{
    if (ovs_list_is_empty(&shard->event_node)) {
        ovs_list_push_back(&lead->events, &shard->event_node);
    }
}

/* 'shard' is led no more. */
void
lead_lose(struct lead *lead, struct lead_shard *shard)
{
    if (shard->generation) {
        lead_set(lead, shard, shard->held, shard->sure, 0);
        lead_tell(lead, shard);
    }
}

static void
lead_drop(struct lead *lead, struct lead_shard *shard)
{
    if (shard->wanted) {
        shard->wanted = false;
        lead_set(lead, shard, false, false, shard->generation);
        locks_drop(lead->locks, shard->lock);
    }
    lead_lose(lead, shard);
}

/* Whether 'shard' is for this controller to lead, if it may. */
static bool
lead_is_ours(const struct lead_shard *shard)
{
    return shard->met || !shard->met_by_others;
}

/* Asks for the lock of 'shard', or lets it go. */
static void
lead_decide(struct lead *lead, struct lead_shard *shard)
{
    if (!lead->named || !lead_is_ours(shard)) {
        lead_drop(lead, shard);
    } else if (!shard->wanted) {
        shard->wanted = true;
        locks_want(lead->locks, shard->lock);
    }
}

/* The same for all shards. */
void
lead_decide_all(struct lead *lead)
{
    struct lead_shard *shard;

    HMAP_FOR_EACH (shard, node, &lead->shards) {
        lead_decide(lead, shard);
    }
}

/* Between lead_edges_begin() and lead_edges_end(), all edges that there are
 * are named to lead_edge(). */
void
lead_edges_begin(struct lead *lead)
{
    struct lead_shard *shard;

    HMAP_FOR_EACH (shard, node, &lead->shards) {
        shard->named = false;
        lead_set_met(lead, shard, false, false);
    }
}

/* There is an edge in 'uuid', with which this controller, or another one, has
 * a connection. */
void
lead_edge(struct lead *lead, const struct uuid *uuid, bool met,
          bool met_by_others)
{
    struct lead_shard *shard = lead_shard(lead, uuid);

    if (!shard) {
        char text[UUID_LEN + 1];

        snprintf(text, sizeof text, UUID_FMT, UUID_ARGS(uuid));
        shard = xzalloc(sizeof *shard);
        shard->uuid = *uuid;
        shard->lock = lead_lock("shard", text);
        ovs_list_init(&shard->event_node);
        hmap_insert(&lead->shards, &shard->node, uuid_hash(uuid));
        hmap_insert(&lead->by_lock, &shard->lock_node,
                    hash_string(shard->lock, 0));
    }
    shard->named = true;
    lead_set_met(lead, shard, shard->met || met,
                 shard->met_by_others || met_by_others);
}

void
lead_edges_end(struct lead *lead)
{
    struct lead_shard *shard;

    HMAP_FOR_EACH_SAFE (shard, node, &lead->shards) {
        if (shard->named) {
            lead_decide(lead, shard);
        } else {
            lead_drop(lead, shard);
            lead_shard_free(lead, shard);
        }
    }
}

/* An edge of 'uuid' has connected. */
void
lead_meet(struct lead *lead, const struct uuid *uuid)
{
    struct lead_shard *shard = lead_shard(lead, uuid);

    if (shard) {
        lead_set_met(lead, shard, true, shard->met_by_others);
        lead_decide(lead, shard);
    }
}

/* 'uuid' is a new shard of edges that were led from here, in another one: that
 * goes on until it is known whose the new one is. */
void
lead_inherit(struct lead *lead, const struct uuid *uuid)
{
    struct lead_shard *shard = lead_shard(lead, uuid);

    if (shard && shard->wanted && !shard->generation) {
        lead_set(lead, shard, shard->held, shard->sure, lead->latest);
    }
}

/* Returns true if it may be known soon that 'uuid' is led from here. */
bool
lead_is_pending(const struct lead *lead, const struct uuid *uuid)
{
    const struct lead_shard *shard = lead_shard(lead, uuid);

    return (shard && lead_is_ours(shard) && !shard->generation
            && !locks_is_refused(lead->locks, lead->name_lock)
            && (shard->held || !locks_is_refused(lead->locks, shard->lock)));
}

size_t
lead_n_shards(const struct lead *lead)
{
    return hmap_count(&lead->shards);
}

/* Returns whether 'uuid' is led from here, and if so puts into '*generation'
 * the one to become master with. */
bool
lead_leads(const struct lead *lead, const struct uuid *uuid,
           uint64_t *generation)
{
    const struct lead_shard *shard = lead_shard(lead, uuid);

    *generation = shard ? shard->generation : 0;
    return *generation != 0;
}

/* Returns true if 'uuid' is led from here, and that is in no doubt. */
bool
lead_has(const struct lead *lead, const struct uuid *uuid)
{
    const struct lead_shard *shard = lead_shard(lead, uuid);

    return shard && shard->sure;
}

/* Returns how many shards are led from here. */
size_t
lead_count(const struct lead *lead)
{
    return lead->n_led;
}

/* Returns how many of those have an edge with which somebody has a
 * connection.  The others are no work, and nobody could take them over. */
size_t
lead_count_met(const struct lead *lead)
{
    return lead->n_led_met;
}

/* Returns how many shards should be yielded so that 'n_controllers', the
 * least burdened of which leads 'least', lead as many, as far as that goes.
 * All are meant as lead_count_met() counts. */
size_t
lead_excess(const struct lead *lead, size_t n_controllers, size_t least)
{
    size_t n = lead->n_met, mine = lead_count_met(lead);
    size_t share = n_controllers ? n / n_controllers : n;
    size_t most = n_controllers ? DIV_ROUND_UP(n, n_controllers) : n;

    return (mine > most ? mine - most : mine > share && least < share);
}

/* Lets another lead 'uuid'.  Returns false if nobody can. */
bool
lead_yield(struct lead *lead, const struct uuid *uuid)
{
    struct lead_shard *shard = lead_shard(lead, uuid);

    if (!shard || !shard->held || !shard->met_by_others) {
        return false;
    }
    lead_drop(lead, shard);
    shard->wanted = true;
    locks_want(lead->locks, shard->lock);
    return true;
}

/* A switch of 'uuid' has another master, or has seen the generation 'above':
 * if the shard's lock is still ours, there will be a larger one. */
void
lead_claim_again(struct lead *lead, const struct uuid *uuid, uint64_t above)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);
    struct lead_shard *shard = lead_shard(lead, uuid);

    if (above > LEAD_GENERATION_MAX) {
        VLOG_WARN_RL(&rl, "shard "UUID_FMT": a switch has seen generation"
                     " %"PRIu64", which is too large to make a larger one",
                     UUID_ARGS(uuid), above);
        return;
    }
    lead->above = MAX(lead->above, above);
    if (shard && shard->held) {
        lead_set(lead, shard, true, false, shard->generation);
        shard->claiming = 0;
        lead->hurry = true;
    }
}

/* Takes a shard that is led from now on, or no more, and says which it is.
 * Returns false if there is none. */
bool
lead_next(struct lead *lead, struct uuid *uuid, bool *gained)
{
    struct lead_shard *shard;

    if (ovs_list_is_empty(&lead->events)) {
        return false;
    }
    shard = CONTAINER_OF(ovs_list_pop_front(&lead->events),
                         struct lead_shard, event_node);
    ovs_list_init(&shard->event_node);
    *uuid = shard->uuid;
    *gained = shard->generation != 0;
    return true;
}
