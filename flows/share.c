/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "flows/share.h"

#include <limits.h>
#include <stdlib.h>
#include "hash.h"
#include "util.h"

void
share_init(struct share *share)
{
    *share = (struct share) {
        .segments = HMAP_INITIALIZER(&share->segments),
    };
}

void
share_destroy(struct share *share)
{
    struct share_segment *segment;

    HMAP_FOR_EACH_POP (segment, node, &share->segments) {
        free(segment);
    }
    hmap_destroy(&share->segments);
}

static struct share_segment *
share_find(const struct share *share, uint32_t vni)
{
    struct share_segment *segment;

    HMAP_FOR_EACH_WITH_HASH (segment, node, hash_int(vni, 0),
                             &share->segments) {
        if (segment->vni == vni) {
            return segment;
        }
    }
    return NULL;
}

/* Begins a window at 'now', with nothing but those that are held. */
static void
share_begin(struct share *share, long long now)
{
    struct share_segment *segment;

    HMAP_FOR_EACH_SAFE (segment, node, &share->segments) {
        if (segment->held) {
            segment->n = 0;
        } else {
            hmap_remove(&share->segments, &segment->node);
            free(segment);
        }
    }
    share->since = now;
    share->total = 0;
}

/* Counts a packet-in of the segment 'vni'.  Returns true if it is time for
 * share_hold(). */
bool
share_count(struct share *share, uint32_t vni, uint32_t rate, long long now)
{
    struct share_segment *segment;

    if (!share->n_held) {
        if (now >= share->since + SHARE_WINDOW) {
            share_begin(share, now);
        }
        if (share->total < rate / SHARE_SMALL) {
            share->total++;
            return false;
        }
    }
    segment = share_find(share, vni);
    if (!segment) {
        segment = xmalloc(sizeof *segment);
        *segment = (struct share_segment) { .vni = vni };
        hmap_insert(&share->segments, &segment->node, hash_int(vni, 0));
    }
    segment->n++;
    return !segment->held && ++share->total >= rate / SHARE_MUCH;
}

/* Most packet-ins first, and of those with equally many the smallest VNI. */
static int
share_compare(const void *a_, const void *b_)
{
    const struct share_segment *const *a = a_, *const *b = b_;

    return ((*a)->n != (*b)->n ? ((*a)->n < (*b)->n) - ((*a)->n > (*b)->n)
            : ((*a)->vni > (*b)->vni) - ((*a)->vni < (*b)->vni));
}

/* Holds as few segments as leave the others little of what has been counted,
 * or all that have more than the least.  Calls 'changed' for each. */
void
share_hold(struct share *share, uint32_t rate, share_changed_func *changed,
           void *aux)
{
    struct share_segment **most, *segment;
    uint64_t rest = 0;
    size_t n = 0;

    most = xmalloc(hmap_count(&share->segments) * sizeof *most);
    HMAP_FOR_EACH (segment, node, &share->segments) {
        if (!segment->held) {
            rest += segment->n;
            if (segment->n > rate / SHARE_LEAST) {
                most[n++] = segment;
            }
        }
    }
    if (n) {
        qsort(most, n, sizeof *most, share_compare);
    }
    for (size_t i = 0; i < n && rest > rate / SHARE_SMALL; i++) {
        rest -= most[i]->n;
        most[i]->held = true;
        share->n_held++;
        changed(most[i]->vni, true, aux);
    }
    free(most);
    share->total = 0;
}

/* Returns when share_turn() is due, or LLONG_MAX. */
long long
share_wake(const struct share *share)
{
    return share->n_held ? share->since + SHARE_WINDOW : LLONG_MAX;
}

/* If it is due, ends the window, and lets those go that have kept quiet.
 * Calls 'changed' for each.  Returns whether it was due. */
bool
share_turn(struct share *share, uint32_t rate, long long now,
           share_changed_func *changed, void *aux)
{
    size_t n_held = share->n_held;
    struct share_segment *segment;
    uint64_t part = 0;

    if (now < share_wake(share)) {
        return false;
    }
    HMAP_FOR_EACH (segment, node, &share->segments) {
        part += segment->held ? segment->n : 0;
    }
    part = MAX(part, MAX(share_held_rate(rate) / 2, 1));
    HMAP_FOR_EACH (segment, node, &share->segments) {
        if (segment->held && 2 * n_held * segment->n < part) {
            segment->held = false;
            share->n_held--;
            changed(segment->vni, false, aux);
        }
    }
    share_begin(share, now);
    return true;
}

bool
share_is_held(const struct share *share, uint32_t vni)
{
    const struct share_segment *segment
        = share->n_held ? share_find(share, vni) : NULL;

    return segment && segment->held;
}

/* Returns how many packet-ins a second those that are held may send. */
uint32_t
share_held_rate(uint32_t rate)
{
    return MAX(rate / SHARE_HELD, 1);
}
