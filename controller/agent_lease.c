/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* Letting the switches know that we are here, so that none decides by itself.
 *
 * An edge whose lease has ended goes by what it sees: as a standby it opens
 * its gate when nobody that comes before it is there.  If it did so, a new
 * lease calls it back.  That has to wait until we have made up our mind: while
 * its cluster has no active edge, or the one that it has is in doubt; and if
 * it is to go on, until it has the open gate of an active edge.
 *
 * A host whose lease has ended follows what it sees, too, and a new lease
 * makes it go by what we say.  That is no good either while we have yet to
 * meet the edges, but they may all be gone: it does not wait for long. */

#include <config.h>
#include "controller/agent.h"

#include "controller/edge.h"
#include "flows/failover.h"
#include "openvswitch/poll-loop.h"
#include "timeval.h"
#include "util.h"

/* At every how many-th time ports show where they lead. */
#define AGENT_LEASES_A_PROBE 10

/* So many edges are asked for their meters a second, at most. */
#define AGENT_WATCH_RATE 200

/* Whether a host knows better than we where the active edge of one of its
 * clusters is. */
static bool
agent_is_ahead(const struct edge *edge, long long now)
{
    const struct topo_user *user;

    if (now >= edge->created + FAILOVER_GRACE) {
        return false;
    }
    LIST_FOR_EACH (user, tnode_node, &edge->tnode->uses) {
        if (!user->member
            && !failover_is_decided(&user->cluster->failover, now)) {
            return true;
        }
    }
    return false;
}

/* Whether all clusters of 'node' know their active edge. */
static bool
agent_is_decided(const struct topo_node *node, long long now)
{
    const struct topo_user *user;

    LIST_FOR_EACH (user, tnode_node, &node->uses) {
        if (user->member
            && user->cluster->n_members > 1
            && !failover_is_decided(&user->cluster->failover, now)) {
            return false;
        }
    }
    return true;
}

/* Leases the switch of 'edge', which is in sync or about to be, unless that
 * would be too early. */
void
agent_lease(struct edge *edge)
{
    long long now = time_msec();

    if (edge->leased
        || (!agent_is_adopted(edge)
            && !agent_is_ahead(edge, now)
            && (!agent_is_alone(edge)
                || agent_is_decided(edge->tnode, now)))) {
        edge_lease(edge);
    }
}

/* It may be time to lease 'edge', which may be NULL, if it had to wait. */
void
agent_lease_soon(struct agent *agent, const struct edge *edge)
{
    if (edge_is_ready(edge) && !edge->leased) {
        agent->lease_at = 0;
    }
}

/* Renews the leases if it is time to. */
void
agent_leases_run(struct agent *agent)
{
    long long now = time_msec(), pause;
    struct edge *edge;

    if (now < agent->lease_at) {
        return;
    }
    agent->lease_at = now + AGENT_LEASE_INTERVAL;
    agent->n_leases++;
    agent_stats_tick(agent);
    pause = ovs_list_size(&agent->edges) * 1000 / AGENT_WATCH_RATE;
    LIST_FOR_EACH (edge, node, &agent->edges) {
        if (edge_is_ready(edge)) {
            agent_lease(edge);
            edge_watch_run(edge, pause, now);
            agent_stats_begin(agent, edge, now);
            if (!(agent->n_leases % AGENT_LEASES_A_PROBE)) {
                agent_probe_ports(agent, edge);
            }
        }
    }
}

void
agent_leases_wait(const struct agent *agent)
{
    if (!ovs_list_is_empty(&agent->edges)) {
        poll_timer_wait_until(agent->lease_at);
    }
}
