/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "flows/delta.h"

#include "flows/layout.h"
#include "byte-order.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/ofp-flow.h"
#include "util.h"

void
delta_init(struct delta *delta, struct flowset *have)
{
    memset(delta, 0, sizeof *delta);
    delta->have = have;
    flowset_init(&delta->adds);
}

void
delta_destroy(struct delta *delta)
{
    flowset_destroy(&delta->adds);
    free(delta->changes);
    free(delta->wipes);
}

static void
delta_push(struct delta *delta, uint16_t command, struct flowset_flow *flow)
{
    if (delta->n == delta->allocated) {
        delta->changes = x2nrealloc(delta->changes, &delta->allocated,
                                    sizeof *delta->changes);
    }
    delta->changes[delta->n++] = (struct delta_change) { command, flow };
}

static void
delta_push_delete(struct delta *delta, struct flowset_flow *flow)
{
    delta_push(delta, OFPFC_DELETE_STRICT, flow);
    delta->n_deleted++;
}

/* Compares 'flow', of 'want', with its like in 'delta->have'; if they differ,
 * takes it from 'want'. */
static void
delta_want(struct delta *delta, struct flowset *want,
           struct flowset_flow *flow)
{
    const struct flowset_flow *old = flowset_find(delta->have, flow);

    if (old && flowset_flow_same(old, flow)) {
        return;
    }

    bool modify = (old && old->cookie == flow->cookie
                   && old->idle_timeout == flow->idle_timeout
                   && old->hard_timeout == flow->hard_timeout
                   && old->flags == flow->flags);
    flowset_move(&delta->adds, want, flow);
    delta_push(delta, modify ? OFPFC_MODIFY_STRICT : OFPFC_ADD, flow);
    if (modify) {
        delta->n_modified++;
    } else {
        delta->n_added++;
    }
}

static void
delta_want_all(struct delta *delta, struct flowset *want)
{
    struct flowset_flow *flow;

    HMAP_FOR_EACH_SAFE (flow, node, &want->flows) {
        delta_want(delta, want, flow);
    }
}

/* Adds to 'delta' what turns the flows in 'delta->have' that have 'cookie'
 * into 'want', whose flows all have it, looking at no others.  Takes the flows
 * that it needs from 'want'. */
void
delta_owner(struct delta *delta, struct flowset *want, uint64_t cookie)
{
    const struct flowset_owner *owner = flowset_owner(delta->have, cookie);
    struct flowset_flow *flow;

    if (owner) {
        LIST_FOR_EACH (flow, owner_node, &owner->flows) {
            if (!flowset_find(want, flow)) {
                delta_push_delete(delta, flow);
            }
        }
    }
    delta_want_all(delta, want);
}

/* Adds to 'delta' what turns the whole of 'delta->have' into 'want'.  Takes
 * the flows that it needs from 'want'. */
void
delta_all(struct delta *delta, struct flowset *want)
{
    struct flowset_flow *flow;

    HMAP_FOR_EACH (flow, node, &delta->have->flows) {
        if (!flowset_find(want, flow)) {
            delta_push_delete(delta, flow);
        }
    }
    delta_want_all(delta, want);
}

/* Adds to 'delta' the deletion of whatever flows have 'cookie', before all
 * else.  This is for flows of which we keep no list: MACs. */
void
delta_wipe(struct delta *delta, uint64_t cookie)
{
    if (delta->n_wipes == delta->allocated_wipes) {
        delta->wipes = x2nrealloc(delta->wipes, &delta->allocated_wipes,
                                  sizeof *delta->wipes);
    }
    delta->wipes[delta->n_wipes++] = cookie;
}

/* Whether 'delta' deletes 'flow', of 'delta->have'. */
static bool
delta_deletes(const struct delta *delta, const struct flowset_flow *flow)
{
    for (size_t i = 0; i < delta->n; i++) {
        if (delta->changes[i].flow == flow) {
            return true;
        }
    }
    return false;
}

/* Takes out of 'delta' the additions and modifications of flows for which
 * 'func' returns true.  A flow of another owner that one of them would have
 * replaced goes all the same. */
void
delta_leave_out(struct delta *delta, delta_func *func, void *aux)
{
    size_t n = delta->n;
    size_t n_out = 0;
    struct flowset_flow **out = xmalloc(MAX(1, n) * sizeof *out);

    delta->n = 0;
    for (size_t i = 0; i < n; i++) {
        const struct delta_change change = delta->changes[i];

        if (change.command == OFPFC_DELETE_STRICT || !func(change.flow, aux)) {
            delta->changes[delta->n++] = change;
            continue;
        }
        out[n_out++] = change.flow;
        *(change.command == OFPFC_ADD ? &delta->n_added
          : &delta->n_modified) -= 1;
    }
    for (size_t i = 0; i < n_out; i++) {
        struct flowset_flow *old = flowset_find(delta->have, out[i]);

        if (old && old->cookie != out[i]->cookie
            && !delta_deletes(delta, old)) {
            delta_push_delete(delta, old);
        }
        flowset_remove(&delta->adds, out[i]);
    }
    free(out);
}

static int
delta_change_compare(const void *a_, const void *b_)
{
    const struct delta_change *a = a_;
    const struct delta_change *b = b_;

    return ((b->command == OFPFC_DELETE_STRICT)
            - (a->command == OFPFC_DELETE_STRICT));
}

/* Puts the changes into the order in which they are to be sent. */
void
delta_finish(struct delta *delta)
{
    if (delta->n_deleted && delta->n_deleted < delta->n) {
        qsort(delta->changes, delta->n, sizeof *delta->changes,
              delta_change_compare);
    }
}

/* Makes 'delta->have' what the switch has after all changes, and 'delta'
 * empty. */
void
delta_apply(struct delta *delta)
{
    for (size_t i = 0; i < delta->n; i++) {
        const struct delta_change *change = &delta->changes[i];

        if (change->command == OFPFC_DELETE_STRICT) {
            flowset_remove(delta->have, change->flow);
        } else {
            flowset_move(delta->have, &delta->adds, change->flow);
        }
    }
    delta->n = delta->n_added = delta->n_modified = delta->n_deleted = 0;
    delta->n_wipes = 0;
}

/* Fills in 'fm' for 'change'.  'fm' borrows from 'change', so it must not be
 * destroyed. */
void
delta_change_to_flow_mod(const struct delta_change *change,
                         struct ofputil_flow_mod *fm)
{
    const struct flowset_flow *flow = change->flow;
    bool delete = change->command == OFPFC_DELETE_STRICT;

    *fm = (struct ofputil_flow_mod) {
        .match = flow->match,
        .priority = flow->priority,
        .table_id = flow->table,
        .command = change->command,
        .buffer_id = UINT32_MAX,
        .out_port = OFPP_ANY,
        .out_group = OFPG_ANY,
    };
    if (delete) {
        fm->cookie = htonll(flow->cookie);
        fm->cookie_mask = OVS_BE64_MAX;
        fm->new_cookie = OVS_BE64_MAX;
    } else {
        fm->new_cookie = htonll(flow->cookie);
        fm->idle_timeout = flow->idle_timeout;
        fm->hard_timeout = flow->hard_timeout;
        fm->flags = flow->flags;
        fm->ofpacts = flow->ofpacts;
        fm->ofpacts_len = flow->ofpacts_len;
    }
}

/* Fills in 'fm' for the deletion of all flows that have 'cookie'.  Its match
 * is to be destroyed. */
void
delta_wipe_to_flow_mod(uint64_t cookie, struct ofputil_flow_mod *fm)
{
    *fm = (struct ofputil_flow_mod) {
        .cookie = htonll(cookie),
        .cookie_mask = OVS_BE64_MAX,
        .new_cookie = OVS_BE64_MAX,
        .table_id = OFPTT_ALL,
        .command = OFPFC_DELETE,
        .buffer_id = UINT32_MAX,
        .out_port = OFPP_ANY,
        .out_group = OFPG_ANY,
    };
    minimatch_init_catchall(&fm->match);
}

/* Appends to 's' a line for each change: '-' deleted, '+' added, '!' changed
 * in its actions alone. */
void
delta_format(const struct delta *delta, struct ds *s)
{
    for (size_t i = 0; i < delta->n; i++) {
        const struct delta_change *change = &delta->changes[i];

        ds_put_format(s, "%c ",
                      change->command == OFPFC_DELETE_STRICT ? '-'
                      : change->command == OFPFC_ADD ? '+' : '!');
        flowset_flow_format(change->flow, s);
        ds_put_char(s, '\n');
    }
}
