/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef FLOWS_FLOWSET_H
#define FLOWS_FLOWSET_H 1

/* A set of OpenFlow flows.
 *
 * What identifies a flow is (table, priority, match), as in OpenFlow (1.5.1,
 * section 5.2); adding one that exists replaces it.  Beside that index the
 * set keeps its flows by cookie, because a cookie names an owner (see
 * flows/layout.h) and a change of one owner must not look at the flows of
 * the others.
 *
 * A set owns its flows, a flow owns its match and actions, which are in one
 * piece of memory with it: of all that the controller keeps, there is most of
 * flows.  Two flows are the same if the switch could not tell them apart:
 * identity, actions, cookie, timeouts and flags. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "openvswitch/hmap.h"
#include "openvswitch/list.h"
#include "openvswitch/match.h"

struct ds;
struct ofpbuf;
struct ofputil_flow_mod;
struct ofputil_flow_stats;

struct flowset {
    struct hmap flows;          /* Of struct flowset_flow, by identity. */
    struct hmap owners;         /* Of struct flowset_owner, by cookie. */
};

struct flowset_flow {
    struct hmap_node node;      /* Its hash is set before it is in a set. */
    struct ovs_list owner_node;
    uint64_t cookie;
    uint16_t priority;
    uint16_t idle_timeout;      /* Seconds, 0 for none. */
    uint16_t hard_timeout;      /* Seconds, 0 for none. */
    uint16_t flags;             /* Of OFPUTIL_FF_STATE. */
    uint8_t table;
    uint32_t ofpacts_len;
    struct ofpact *ofpacts;     /* In 'data', as what 'match' points to. */
    struct minimatch match;
    uint64_t data[];
};

/* What to make a flow of.  'ofpacts' stays the caller's. */
struct flowset_spec {
    uint8_t table;
    uint16_t priority;
    uint64_t cookie;
    uint16_t idle_timeout;
    uint16_t hard_timeout;
    uint16_t flags;
    const struct match *match;
    const struct ofpbuf *ofpacts;
};

struct flowset_owner {
    struct hmap_node node;
    uint64_t cookie;
    struct ovs_list flows;      /* Of struct flowset_flow. */
};

void flowset_init(struct flowset *);
void flowset_destroy(struct flowset *);
void flowset_clear(struct flowset *);
void flowset_swap(struct flowset *, struct flowset *);

void flowset_add(struct flowset *, const struct flowset_spec *);
void flowset_add_flow_mod(struct flowset *, uint64_t cookie,
                          const struct ofputil_flow_mod *);
char *flowset_add_str(struct flowset *, uint64_t cookie, const char *text)
    OVS_WARN_UNUSED_RESULT;
void flowset_add_stats(struct flowset *, const struct ofputil_flow_stats *);
void flowset_move(struct flowset *to, struct flowset *from,
                  struct flowset_flow *);
void flowset_remove(struct flowset *, struct flowset_flow *);

struct flowset_flow *flowset_find(const struct flowset *,
                                  const struct flowset_flow *like);
const struct flowset_owner *flowset_owner(const struct flowset *,
                                          uint64_t cookie);

static inline size_t
flowset_count(const struct flowset *set)
{
    return hmap_count(&set->flows);
}

bool flowset_flow_same_actions(const struct flowset_flow *,
                               const struct flowset_flow *);
bool flowset_flow_same(const struct flowset_flow *,
                       const struct flowset_flow *);
void flowset_flow_format(const struct flowset_flow *, struct ds *);

#endif /* flows/flowset.h */
