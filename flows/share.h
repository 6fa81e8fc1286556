/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef FLOWS_SHARE_H
#define FLOWS_SHARE_H 1

/* Fair shares: which segments of a node have so many new MACs that others
 * would not be heard.
 *
 * All packet-ins of LEARN pass one meter, 'rate' a second.  When a quarter of
 * that is used up in a second, the segments that have most of it are held:
 * they get a meter of their own, which all that are held share, with a quarter
 * of the rate, and no entries that stand in for MACs that have yet to be
 * learned (see pipeline_hold()).  What is left of the first meter is for the
 * others.  Held are those with most packet-ins, as few as will do, and none
 * that has less than a 64th of the rate: where many have a little each, what a
 * meter lets pass is shared fairly already.
 *
 * A segment is let go at the end of a window in which it had less than half
 * of its part of what all that are held have had, or may have.
 *
 * Invariants:
 *
 *   - As long as a node has less than a 16th of the rate, all of this costs
 *     a counter.
 *   - There are no more segments in here than have sent packet-ins in a
 *     window.
 *
 * The time is monotonic, in milliseconds, and is the caller's.  So is the
 * rate: packet-ins a second, at least 1. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "openvswitch/hmap.h"

#define SHARE_WINDOW 1000       /* Milliseconds. */

/* Parts of the rate, see above. */
#define SHARE_SMALL 16
#define SHARE_MUCH 4
#define SHARE_HELD 4
#define SHARE_LEAST 64

struct share {
    struct hmap segments;       /* Of struct share_segment. */
    long long since;            /* Beginning of the window. */
    uint32_t total;             /* Of those not held, since then or since
                                 * some have been held. */
    size_t n_held;
};

struct share_segment {
    struct hmap_node node;      /* In 'segments', by VNI. */
    uint32_t vni;
    uint32_t n;                 /* In this window. */
    bool held;
};

/* The segment 'vni' is held from now on, or is not any more. */
typedef void share_changed_func(uint32_t vni, bool held, void *aux);

void share_init(struct share *);
void share_destroy(struct share *);

bool share_count(struct share *, uint32_t vni, uint32_t rate, long long now);
void share_hold(struct share *, uint32_t rate, share_changed_func *,
                void *aux);
bool share_turn(struct share *, uint32_t rate, long long now,
                share_changed_func *, void *aux);
long long share_wake(const struct share *);
bool share_is_held(const struct share *, uint32_t vni);
uint32_t share_held_rate(uint32_t rate);

#endif /* flows/share.h */
