/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "flows/refused.h"

#include <limits.h>
#include <stdlib.h>
#include "flows/layout.h"
#include "hash.h"
#include "util.h"

void
refused_init(struct refused *refused)
{
    hmap_init(&refused->owners);
}

void
refused_destroy(struct refused *refused)
{
    refused_clear(refused);
    hmap_destroy(&refused->owners);
}

void
refused_clear(struct refused *refused)
{
    struct refused_owner *o;

    HMAP_FOR_EACH_POP (o, node, &refused->owners) {
        free(o->slots);
        free(o);
    }
}

struct refused_owner *
refused_find(const struct refused *refused, uint64_t cookie)
{
    struct refused_owner *o;

    HMAP_FOR_EACH_WITH_HASH (o, node, hash_uint64(cookie), &refused->owners) {
        if (o->cookie == cookie) {
            return o;
        }
    }
    return NULL;
}

/* Returns true if what the owner 'cookie' should have is to wait. */
bool
refused_is_out(const struct refused *refused, uint64_t cookie)
{
    const struct refused_owner *o = refused_find(refused, cookie);

    return o && o->state != REFUSED_TRIED;
}

static struct refused_owner *
refused_make(struct refused *refused, uint64_t cookie)
{
    struct refused_owner *o = refused_find(refused, cookie);

    if (!o) {
        o = xzalloc(sizeof *o);
        o->cookie = cookie;
        o->state = REFUSED_TRIED;
        o->backoff = REFUSED_BACKOFF_MIN;
        hmap_insert(&refused->owners, &o->node, hash_uint64(cookie));
    }
    return o;
}

/* The switch has refused, with 'error', a flow of 'table' that belongs to the
 * owner 'cookie'.  Returns false if it has been left out already, which makes
 * nothing worse: several flows of one transaction may be refused. */
bool
refused_add(struct refused *refused, uint64_t cookie, enum ofperr error,
            uint8_t table, long long now)
{
    struct refused_owner *o = refused_make(refused, cookie);

    if (o->state != REFUSED_TRIED && o->error) {
        return false;
    }
    o->state = REFUSED_NEW;
    o->error = error;
    o->table = table;
    o->retry_at = now + o->backoff;
    o->backoff = MIN(2 * o->backoff, REFUSED_BACKOFF_MAX);
    return true;
}

/* The switch has refused a transaction in which the owner 'cookie' was, among
 * others. */
void
refused_suspect(struct refused *refused, uint64_t cookie, long long now)
{
    struct refused_owner *o = refused_make(refused, cookie);

    o->state = REFUSED_NEW;
    o->retry_at = now;
}

/* The owner 'cookie' is to be looked at.  If it was left out already, what it
 * should have is not what it was when it was refused. */
void
refused_marked(struct refused *refused, uint64_t cookie)
{
    struct refused_owner *o = refused_find(refused, cookie);

    if (o && o->state == REFUSED_OUT) {
        o->state = REFUSED_TRIED;
    }
}

/* A transaction is made, out of which is left what has been refused: which
 * places wait for that is noted anew. */
void
refused_leave_out(struct refused *refused)
{
    struct refused_owner *o;

    HMAP_FOR_EACH (o, node, &refused->owners) {
        if (o->state == REFUSED_NEW) {
            o->n_slots = 0;
        }
    }
}

/* The transaction is made, and has the deletions of all that is left out.
 * Returns true if that is more than before, and so there is news of which
 * places wait. */
bool
refused_left_out(struct refused *refused)
{
    struct refused_owner *o;
    bool any = false;

    HMAP_FOR_EACH (o, node, &refused->owners) {
        if (o->state == REFUSED_NEW) {
            o->state = REFUSED_OUT;
            any = true;
        }
    }
    return any;
}

static bool
refused_has_slot(const struct refused_owner *o, uint32_t slot)
{
    for (size_t i = 0; i < o->n_slots; i++) {
        if (o->slots[i] == slot) {
            return true;
        }
    }
    return false;
}

/* Among the flows of the owner 'cookie' that wait is one for the place with
 * 'slot'. */
void
refused_note(struct refused *refused, uint64_t cookie, uint32_t slot)
{
    struct refused_owner *o = refused_find(refused, cookie);

    if (o && !refused_has_slot(o, slot)) {
        if (o->n_slots == o->allocated_slots) {
            o->slots = x2nrealloc(o->slots, &o->allocated_slots,
                                  sizeof *o->slots);
        }
        o->slots[o->n_slots++] = slot;
    }
}

/* Whether the place with 'slot', or if that is 0 the whole of it, lacks what
 * 'o' has been refused.  For as long as that is not known, which is until the
 * next transaction is made, it lacks what it lacked before. */
bool
refused_is_about(const struct refused_owner *o, uint32_t slot)
{
    return (o->n_slots ? refused_has_slot(o, slot)
            : o->state != REFUSED_NEW || !slot);
}

/* Marks as tried those whose time has come.  Returns true if there are any. */
bool
refused_try_due(struct refused *refused, long long now)
{
    struct refused_owner *o;
    bool any = false;

    HMAP_FOR_EACH (o, node, &refused->owners) {
        if (o->state == REFUSED_OUT && now >= o->retry_at) {
            o->state = REFUSED_TRIED;
            any = true;
        }
    }
    return any;
}

/* The transaction is in force.  Returns true if an error is none any more. */
bool
refused_confirm(struct refused *refused)
{
    struct refused_owner *o;
    bool any = false;

    HMAP_FOR_EACH_SAFE (o, node, &refused->owners) {
        if (o->state == REFUSED_TRIED) {
            any |= o->error != 0;
            hmap_remove(&refused->owners, &o->node);
            free(o->slots);
            free(o);
        }
    }
    return any;
}

/* Returns when the next is due, or LLONG_MAX. */
long long
refused_wake(const struct refused *refused)
{
    const struct refused_owner *o;
    long long wake = LLONG_MAX;

    HMAP_FOR_EACH (o, node, &refused->owners) {
        if (o->state != REFUSED_TRIED) {
            wake = MIN(wake, o->retry_at);
        }
    }
    return wake;
}

/* Returns in words who the owner 'cookie' is, to be freed. */
char *
refused_owner_name(uint64_t cookie)
{
    uint32_t owner = layout_cookie_owner(cookie);

    switch (layout_cookie_kind(cookie)) {
    case LAYOUT_K_NODE:
        return xstrdup("the edge itself");
    case LAYOUT_K_PORT:
        return xasprintf("port %"PRIu32, owner);
    case LAYOUT_K_CLUSTER:
        return xasprintf("cluster %#"PRIx32, owner);
    case LAYOUT_K_SEGMENT:
        return xasprintf("VNI %"PRIu32, owner);
    case LAYOUT_K_STATIC:
        return xasprintf("static MACs of VNI %"PRIu32, owner);
    case LAYOUT_K_LEARNED:
        return xasprintf("MACs of VNI %"PRIu32, owner);
    case LAYOUT_K_PENDING:
    case LAYOUT_K_LEASE:
    case LAYOUT_K_TAKEN:
    default:
        return xasprintf("cookie %#"PRIx64, cookie);
    }
}

static int
refused_compare(const void *a_, const void *b_)
{
    const uint64_t *a = a_;
    const uint64_t *b = b_;

    return *a < *b ? -1 : *a > *b;
}

/* Of the '*n' owners in 'cookies', some of which may be there more than once,
 * returns those that are to be suspects, and their number in '*n'.  If that is
 * one, it must have been it. */
uint64_t *
refused_half(uint64_t *cookies, size_t *n)
{
    size_t unique = 0;

    if (*n) {
        qsort(cookies, *n, sizeof *cookies, refused_compare);
    }
    for (size_t i = 0; i < *n; i++) {
        if (!i || cookies[i] != cookies[i - 1]) {
            cookies[unique++] = cookies[i];
        }
    }
    *n = unique <= 1 ? unique : unique / 2;
    return cookies + (unique - *n);
}
