/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "controller/lead_private.h"

#include <ctype.h>
#include <stdlib.h>
#include "controller/locks.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(lead);

#define LEAD_CHIEF "kakehashi_chief"

/* After a reconnection, or a row that could not be deleted, until others'
 * names are asked for, in milliseconds.  They have to come back, too. */
#define LEAD_OTHERS_AFTER 5000

/* For how long another may have our name's lock before the name is taken for
 * lost, in milliseconds: who takes our row out of the database has it
 * meanwhile. */
#define LEAD_NAME_PATIENCE 2000

/* Returns the lock called 'prefix' for 'name', which may be any string: RFC
 * 7047 wants an identifier. */
char *
lead_lock(const char *prefix, const char *name)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    ds_put_format(&s, "kakehashi_%s_", prefix);
    for (; *name; name++) {
        if (isalnum((unsigned char) *name)) {
            ds_put_char(&s, *name);
        } else {
            ds_put_format(&s, "_%02x", (unsigned char) *name);
        }
    }
    return ds_steal_cstr(&s);
}

/* Begins to take part, as 'name', in the leading of what is in the database at
 * 'db'. */
struct lead *
lead_create(const char *db, const char *name)
{
    struct lead *lead = xzalloc(sizeof *lead);

    lead->locks = locks_create(db);
    lead->name = xstrdup(name);
    lead->name_lock = lead_lock("controller", name);
    hmap_init(&lead->shards);
    hmap_init(&lead->by_lock);
    sset_init(&lead->others);
    ovs_list_init(&lead->events);
    locks_set_database(lead->locks, NULL);
    locks_want(lead->locks, lead->name_lock);
    return lead;
}

void
lead_destroy(struct lead *lead)
{
    lead_shards_destroy(lead);
    sset_destroy(&lead->others);
    locks_destroy(lead->locks);
    free(lead->burying);
    free(lead->name_lock);
    free(lead->name);
    free(lead);
}

/* The row of Kakehashi_Global in the database that the configuration is from
 * is 'global', or there is none if that is zero, or it is not known yet if
 * NULL. */
void
lead_database(struct lead *lead, const struct uuid *global)
{
    if (global && !uuid_equals(global, &lead->global)) {
        lead->global = *global;
        lead->retry_at = 0;
    }
    lead->knows_global = global != NULL;
    locks_set_database(lead->locks, global);
}

const char *
lead_name(const struct lead *lead)
{
    return lead->name;
}

/* Returns whether the name is this controller's. */
bool
lead_is_named(const struct lead *lead)
{
    return locks_has(lead->locks, lead->name_lock);
}

bool
lead_is_chief(const struct lead *lead)
{
    return lead_is_named(lead) && locks_has(lead->locks, LEAD_CHIEF);
}

/* Returns whether there is a server to ask, for whichever database. */
bool
lead_has_server(const struct lead *lead)
{
    return locks_has_server(lead->locks);
}

bool
lead_is_connected(const struct lead *lead)
{
    return locks_is_connected(lead->locks);
}

/* Returns what keeps this controller from leading anything, or more than it
 * does, to be freed; empty if nothing does. */
char *
lead_trouble(const struct lead *lead)
{
    if (lead_has_server(lead) && !lead->knows_global) {
        return xstrdup("frozen: waiting for the configuration");
    } else if (!lead_is_connected(lead)) {
        bool standby;
        char *why = locks_complaints(lead->locks, &standby);
        char *text = xasprintf(
            "frozen: no database to ask for locks: %s%s", why, standby
            ? "; --db should name all members of the cluster" : "");

        free(why);
        return text;
    }
    return xstrdup(lead->named ? ""
                   : locks_is_refused(lead->locks, lead->name_lock)
                   ? "another controller has this name"
                   : "waiting for the lock of its name");
}

/* Returns whether nobody else can lead what this controller does. */
bool
lead_is_certain(const struct lead *lead)
{
    return !lead->n_frozen;
}

/* Other controllers. */

/* Waits for the end of the controller 'name', if this one has its own. */
static void
lead_want_other(struct lead *lead, const char *name, bool want)
{
    char *lock = lead_lock("controller", name);

    if (want && lead->named && !lead->others_at) {
        locks_want(lead->locks, lock);
    } else {
        locks_drop(lead->locks, lock);
    }
    free(lock);
}

static void
lead_want_others(struct lead *lead, bool want)
{
    const char *name;

    SSET_FOR_EACH (name, &lead->others) {
        lead_want_other(lead, name, want);
    }
}

/* Waits for a while with others' names. */
void
lead_spare_others(struct lead *lead)
{
    lead->others_at = time_msec() + LEAD_OTHERS_AFTER;
}

/* Returns what has become of the other controller 'name', from which this one
 * has taken over, as text that the caller frees. */
char *
lead_what_became(const struct lead *lead, const char *name)
{
    char *lock = lead_lock("controller", name);
    bool gone = (!sset_contains(&lead->others, name)
                 || locks_has(lead->locks, lock));
    bool there = locks_is_refused(lead->locks, lock);

    free(lock);
    return xasprintf(gone ? "%s, which led it, is gone"
                     : there ? "%s, which led it, let it go"
                     : "%s led it before", name);
}

/* The database has rows of controllers with 'names', this one's among them:
 * waits for the end of the others. */
void
lead_others(struct lead *lead, const struct sset *names)
{
    const char *name;

    SSET_FOR_EACH_SAFE (name, &lead->others) {
        if (!sset_contains(names, name)) {
            lead_want_other(lead, name, false);
            sset_find_and_delete(&lead->others, name);
        }
    }
    SSET_FOR_EACH (name, names) {
        if (strcmp(name, lead->name) && sset_add(&lead->others, name)) {
            lead_want_other(lead, name, true);
        }
    }
}

static void
lead_take_events(struct lead *lead)
{
    struct locks_event event;

    while (locks_next(lead->locks, &event)) {
        struct lead_shard *shard = lead_shard_by_lock(lead, event.id);

        if (shard) {
            /* It may have been another's in the meantime.  Who led goes on
             * until it is known. */
            lead_set(lead, shard, event.held, false, shard->generation);
            shard->claiming = 0;
        }
        free(event.id);
    }
}

/* Whoever is back first must not take the others for gone. */
static void
lead_see_connection(struct lead *lead)
{
    if (lead_is_connected(lead) != lead->connected) {
        lead->connected = !lead->connected;
        if (!lead->connected) {
            lead_want_others(lead, false);
            lead->others_at = LLONG_MAX;
        } else if (lead->others_at) {
            lead_spare_others(lead);
        }
    }
    if (lead->others_at && time_msec() >= lead->others_at) {
        lead->others_at = 0;
        lead_want_others(lead, true);
    }
}

/* Returns true if the name is not ours any more. */
static bool
lead_has_lost_name(struct lead *lead)
{
    if (!lead->named || !locks_is_refused(lead->locks, lead->name_lock)) {
        lead->name_lost_at = 0;
    } else if (!lead->name_lost_at) {
        lead->name_lost_at = time_msec() + LEAD_NAME_PATIENCE;
    }
    return lead->name_lost_at && time_msec() >= lead->name_lost_at;
}

/* A name that was ours when the connection was lost goes on to be ours, unless
 * another has its lock now, and keeps it. */
static void
lead_see_name(struct lead *lead)
{
    bool lost = lead_has_lost_name(lead);
    bool named = lead_is_named(lead) || (lead->named && !lost);

    if (named == lead->named) {
        return;
    }
    lead->named = named;
    if (named) {
        VLOG_INFO("this is controller %s", lead->name);
        locks_want(lead->locks, LEAD_CHIEF);
    } else {
        VLOG_WARN("another controller is called %s: leading nothing",
                  lead->name);
        locks_drop(lead->locks, LEAD_CHIEF);
    }
    lead->name_lost_at = 0;
    lead_want_others(lead, true);
    lead_decide_all(lead);
}

/* Shards that were led when the connection was lost, and whose locks are
 * others' now. */
static void
lead_see_others_lead(struct lead *lead)
{
    struct lead_shard *shard;

    HMAP_FOR_EACH (shard, node, &lead->shards) {
        if (shard->generation
            && locks_is_refused(lead->locks, shard->lock)) {
            lead_lose(lead, shard);
        }
    }
}

void
lead_run(struct lead *lead)
{
    lead->hurry = false;
    locks_run(lead->locks);
    lead_take_events(lead);
    lead_see_connection(lead);
    lead_see_name(lead);
    if (lead->n_frozen && lead_is_connected(lead)) {
        lead_see_others_lead(lead);
    }
    if (lead->in_txn) {
        lead_transacted(lead);
    }
    if (time_msec() >= lead->retry_at) {
        lead->retry_at = 0;
    }
    if (!lead->in_txn && !lead->retry_at && lead_is_named(lead)
        && locks_may_transact(lead->locks)) {
        lead_claim(lead);
        if (!lead->in_txn) {
            lead_bury_others(lead);
        }
    }
}

void
lead_wait(struct lead *lead)
{
    locks_wait(lead->locks);
    if (lead->retry_at) {
        poll_timer_wait_until(lead->retry_at);
    }
    if (lead->others_at) {
        poll_timer_wait_until(lead->others_at);
    }
    if (lead->name_lost_at) {
        poll_timer_wait_until(lead->name_lost_at);
    }
    if (lead->hurry || !ovs_list_is_empty(&lead->events)) {
        poll_immediate_wake();
    }
}
