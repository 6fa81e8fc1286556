/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* Fair shares in learning: a storm of new MACs in one segment is not to keep
 * others from being learned.  flows/share.h decides; this counts for it, and
 * has the flows and the meters follow. */

#include <config.h>
#include "controller/agent.h"

#include "controller/conf.h"
#include "controller/edge.h"
#include "controller/loop.h"
#include "flows/layout.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(agent_share);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

/* Gives 'edge' the meters that bound learning. */
void
agent_set_learn_rate(const struct agent *agent, struct edge *edge)
{
    uint32_t rate = conf_learn_rate(agent->conf);

    edge_set_rate(edge, LAYOUT_METER_LEARN, rate);
    edge_set_rate(edge, LAYOUT_METER_HELD, share_held_rate(rate));
}

static void
agent_share_changed(uint32_t vni, bool held, void *node_)
{
    struct topo_node *node = node_;
    const struct topo_segment *segment = topo_segment_by_vni(node->topo, vni);

    topo_node_mark(node, layout_cookie(LAYOUT_K_SEGMENT, vni));
    if (segment) {
        agent_event_share(CONTAINER_OF(node->topo, struct agent, topo),
                          held ? EVENT_HELD : EVENT_RELEASED, segment, node);
    }
    if (segment && held) {
        VLOG_WARN_RL(&rl, "%s: segment %s has more new MACs than its share: "
                     "they are learned apart from those of others",
                     node->name, segment->name);
    } else if (segment) {
        VLOG_INFO_RL(&rl, "%s: segment %s has no more new MACs than its share "
                     "any more", node->name, segment->name);
    }
}

/* A packet-in of LEARN has come from 'node', of the segment 'vni'. */
void
agent_share_count(struct agent *agent, struct topo_node *node, uint32_t vni,
                  long long now)
{
    uint32_t rate = conf_learn_rate(agent->conf);

    if (share_count(&node->share, vni, rate, now)) {
        share_hold(&node->share, rate, agent_share_changed, node);
        agent->shares_at = MIN(agent->shares_at, share_wake(&node->share));
        loop_wake();
    }
}

void
agent_shares_run(struct agent *agent, long long now)
{
    struct topo_node *node;

    if (now < agent->shares_at) {
        return;
    }
    agent->shares_at = LLONG_MAX;
    HMAP_FOR_EACH (node, row.node, &agent->topo.rows[TOPO_EDGE]) {
        share_turn(&node->share, conf_learn_rate(agent->conf), now,
                   agent_share_changed, node);
        agent->shares_at = MIN(agent->shares_at, share_wake(&node->share));
    }
}

void
agent_shares_wait(const struct agent *agent)
{
    if (agent->shares_at != LLONG_MAX) {
        poll_timer_wait_until(agent->shares_at);
    }
}
