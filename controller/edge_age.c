/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "controller/edge_private.h"

#include "controller/ofconn.h"
#include "flows/layout.h"
#include "flows/sighting.h"
#include "flows/topo.h"
#include "hash.h"
#include "openvswitch/ofp-flow.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofp-util.h"
#include "openvswitch/ofpbuf.h"
#include "timeval.h"
#include "util.h"

/* A segment whose turn has come. */
struct edge_turn {
    struct hmap_node hmap_node; /* In 'turns_by_vni'. */
    struct ovs_list list_node;  /* In 'turns'. */
    uint32_t vni;
};

void
edge_age_init(struct edge *edge)
{
    memset(&edge->ageing, 0, sizeof edge->ageing);
    hmap_init(&edge->ageing.turns_by_vni);
    ovs_list_init(&edge->ageing.turns);
}

/* Forgets what was to be asked, and what was answered. */
void
edge_age_clear(struct edge *edge)
{
    uint32_t vni;
    bool more;

    do {
        more = edge_age_next(edge, &vni);
    } while (more);
    hmap_destroy(&edge->ageing.turns_by_vni);
    free(edge->ageing.idle);
    edge_age_init(edge);
}

/* The switch is to be asked, when its turn has come, for how long the MACs of
 * the segment 'vni' have been idle. */
void
edge_age_add(struct edge *edge, uint32_t vni)
{
    struct edge_ageing *ageing = &edge->ageing;
    struct edge_turn *turn;

    HMAP_FOR_EACH_WITH_HASH (turn, hmap_node, hash_int(vni, 0),
                             &ageing->turns_by_vni) {
        if (turn->vni == vni) {
            return;
        }
    }
    turn = xmalloc(sizeof *turn);
    turn->vni = vni;
    hmap_insert(&ageing->turns_by_vni, &turn->hmap_node, hash_int(vni, 0));
    ovs_list_push_back(&ageing->turns, &turn->list_node);
}

/* Takes the segment whose turn it is.  Returns false if there is none. */
bool
edge_age_next(struct edge *edge, uint32_t *vni)
{
    struct edge_ageing *ageing = &edge->ageing;

    if (ovs_list_is_empty(&ageing->turns)) {
        return false;
    }

    struct edge_turn *turn = CONTAINER_OF(ovs_list_pop_front(&ageing->turns),
                                          struct edge_turn, list_node);
    *vni = turn->vni;
    hmap_remove(&ageing->turns_by_vni, &turn->hmap_node);
    free(turn);
    return true;
}

static void
edge_age_wait(struct edge *edge, struct ofpbuf *msg)
{
    edge->ageing.since = time_msec();
    edge->ageing.xid = edge_send(edge, msg);
    edge->ageing.waiting = true;
}

/* Asks for how long the MACs of the segment 'vni' have been idle, or one of
 * 'n_parts' parts of them; those that have been for 'limit' seconds will be in
 * 'edge->ageing.idle'.
 *
 * With all bits of the cookie given, Open vSwitch looks at the flows of this
 * segment and at no others. */
void
edge_age_ask(struct edge *edge, uint32_t vni, uint16_t part, uint16_t n_parts,
             unsigned int limit)
{
    struct ofputil_flow_stats_request fsr = {
        .cookie = htonll(layout_cookie(LAYOUT_K_LEARNED, vni)),
        .cookie_mask = OVS_BE64_MAX,
        .out_port = OFPP_ANY,
        .out_group = OFPG_ANY,
        .table_id = LAYOUT_SOURCE,
    };
    struct edge_ageing *ageing = &edge->ageing;

    match_init_catchall(&fsr.match);
    edge_match_mac(&fsr.match, LAYOUT_SOURCE, part, n_parts - 1);
    ageing->vni = vni;
    ageing->part = part;
    ageing->n_parts = n_parts;
    ageing->limit = limit;
    ageing->oldest = 0;
    ageing->n = 0;
    ageing->asked = time_msec();
    edge_age_wait(edge, ofputil_encode_flow_stats_request(
                            &fsr, ofconn_protocol(edge->conn)));
}

/* Asks the switch to say when it has done all that it was sent. */
void
edge_age_barrier(struct edge *edge)
{
    edge_age_wait(edge, ofputil_encode_barrier_request(
                            ofconn_version(edge->conn)));
}

static void
edge_age_take(struct edge *edge, const struct ofputil_flow_stats *fs)
{
    struct edge_ageing *ageing = &edge->ageing;
    struct sighting s;

    if (fs->table_id != LAYOUT_SOURCE || fs->idle_age < 0
        || ntohll(fs->cookie) != layout_cookie(LAYOUT_K_LEARNED,
                                               ageing->vni)) {
        return;
    }
    if (fs->idle_age < ageing->limit) {
        ageing->oldest = MAX(ageing->oldest, fs->idle_age);
    } else if (ageing->n < EDGE_MAX_IDLE
               && !sighting_from_source(edge->topo, edge->tnode, &fs->match,
                                        &s)) {
        if (ageing->n == ageing->allocated) {
            ageing->idle = x2nrealloc(ageing->idle, &ageing->allocated,
                                      sizeof *ageing->idle);
        }
        ageing->idle[ageing->n++] = (struct fdb_idle_mac) {
            .mac = s.mac, .slot = s.slot, .tag = pipeline_place_tag(s.place),
        };
    }
}

/* Takes what 'oh', a flow stats reply, answers to edge_age_ask(). */
enum edge_event
edge_age_receive(struct edge *edge, const struct ofp_header *oh)
{
    struct ofpbuf b = ofpbuf_const_initializer(oh, ntohs(oh->length));
    struct ofputil_flow_stats fs;
    uint64_t stub[256 / 8];
    struct ofpbuf acts = OFPBUF_STUB_INITIALIZER(stub);
    int retval;

    ofpraw_pull_assert(&b);
    while (!(retval = ofputil_decode_flow_stats_reply(&fs, &b, false,
                                                      &acts))) {
        edge_age_take(edge, &fs);
    }
    ofpbuf_uninit(&acts);
    if (retval != EOF) {
        return EDGE_EV_NONSENSE;
    }
    return ofpmp_more(oh) ? EDGE_EV_NONE : edge_age_answered(edge);
}

/* Returns whether the message 'oh' answers what is asked for ageing. */
bool
edge_age_is_answer(const struct edge *edge, const struct ofp_header *oh)
{
    return edge->ageing.waiting && oh->xid == edge->ageing.xid;
}

enum edge_event
edge_age_answered(struct edge *edge)
{
    edge->ageing.waiting = false;
    return EDGE_EV_AGEING;
}
