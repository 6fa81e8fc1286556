/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef FLOWS_DELTA_H
#define FLOWS_DELTA_H 1

/* The least change that turns the flows that a switch has into those that it
 * should have.
 *
 * Computing it changes neither the switch nor our idea of the switch: that
 * waits for the switch's confirmation, when delta_apply() brings 'have' up to
 * date.  A delta that is never confirmed is thrown away.
 *
 * Law: apply(delta(want, have), have) = want, and so delta(want, want) is
 * empty.
 *
 * Deletions come first and name the cookie of the flow that they mean.  So a
 * match that passes from one owner to another (a VLAN bound to another
 * segment) survives in whatever order the two owners are looked at.
 *
 * A change of actions alone is a modification, which keeps the counters of
 * the flow; any other change is an addition, which replaces it.
 *
 * What is not to be added or changed can be left out of a delta.  Then the law
 * holds for the rest, and a second delta that leaves out the same is empty.
 *
 * A delta owns the flows that are to be added.  Those to be deleted belong
 * to 'have', which must not be changed while the delta lives except by
 * delta_apply(). */

#include "flows/flowset.h"

struct ofputil_flow_mod;

struct delta_change {
    uint16_t command;           /* Of enum ofp_flow_mod_command. */
    struct flowset_flow *flow;
};

struct delta {
    struct flowset *have;       /* Not owned. */
    struct flowset adds;        /* What ADD and MODIFY point to. */

    struct delta_change *changes;   /* Deletions first once finished. */
    size_t n, allocated;
    size_t n_added, n_modified, n_deleted;

    uint64_t *wipes;                /* delta_wipe(). */
    size_t n_wipes, allocated_wipes;
};

void delta_init(struct delta *, struct flowset *have);
void delta_destroy(struct delta *);

void delta_owner(struct delta *, struct flowset *want, uint64_t cookie);
void delta_all(struct delta *, struct flowset *want);
void delta_wipe(struct delta *, uint64_t cookie);
typedef bool delta_func(const struct flowset_flow *, void *aux);
void delta_leave_out(struct delta *, delta_func *, void *aux);
void delta_finish(struct delta *);
void delta_apply(struct delta *);

static inline bool
delta_is_empty(const struct delta *delta)
{
    return !delta->n && !delta->n_wipes;
}

void delta_change_to_flow_mod(const struct delta_change *,
                              struct ofputil_flow_mod *);
void delta_wipe_to_flow_mod(uint64_t cookie, struct ofputil_flow_mod *);
void delta_format(const struct delta *, struct ds *);

#endif /* flows/delta.h */
