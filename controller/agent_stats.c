/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* Statistics: when which edge is asked what it has counted.
 *
 * Each one that is led here has a round every options:stats_interval seconds,
 * which begins when its lease is renewed: what is asked of it first goes out
 * with that, and most edges need not be asked more.  Of those that are,
 * AGENT_STATS_MOST are at once, in the order in which they began. */

#include <config.h>
#include "controller/agent.h"

#include "controller/conf.h"
#include "controller/edge.h"
#include "openvswitch/poll-loop.h"
#include "util.h"

/* With what edge_stats.c asks of each for, that bounds what all of it may cost
 * the controller. */
#define AGENT_STATS_MOST 3

/* An edge has its first round so long after it has come, milliseconds: then it
 * has enough to do. */
#define AGENT_STATS_FIRST 1000

/* Leases are about to be renewed: decides how many rounds may begin with
 * that, so that in 'interval' each edge can have one and they keep apart. */
void
agent_stats_tick(struct agent *agent)
{
    long long interval = conf_stats_interval(agent->conf);

    agent->stats_room = (interval
                         ? DIV_ROUND_UP(ovs_list_size(&agent->edges)
                                        * AGENT_LEASE_INTERVAL, interval)
                         : 0);
}

/* Returns when 'edge' is due, or somewhat earlier: there is a tick each
 * AGENT_LEASE_INTERVAL, more or less. */
static long long
agent_stats_due(const struct agent *agent, const struct edge *edge)
{
    long long interval = conf_stats_interval(agent->conf);

    return (edge->polling.began
            ? edge->polling.began + interval - AGENT_LEASE_INTERVAL / 2
            : edge->created + MIN(interval, AGENT_STATS_FIRST));
}

/* The lease of 'edge' is being renewed: a round begins if it is time to.  Who
 * has had to wait for a whole interval, behind others, waits no longer. */
void
agent_stats_begin(struct agent *agent, struct edge *edge, long long now)
{
    long long interval = conf_stats_interval(agent->conf);
    long long late = now - agent_stats_due(agent, edge);

    if (interval && edge->state == EDGE_SYNCED && !edge_is_polled(edge)
        && late >= (agent->stats_room ? 0 : interval)) {
        agent->stats_room -= agent->stats_room > 0;
        agent->stats_on = true;
        edge_stats_begin(edge, now);
        ovs_list_push_back(&agent->polls, &edge->polling.node);
        agent_busy(agent, edge);
        edge_stats_step(edge, now);
    }
}

/* Nobody asks any more: forgets what was counted. */
static void
agent_stats_forget(struct agent *agent)
{
    struct topo_node *node;
    struct edge *edge;

    LIST_FOR_EACH_SAFE (edge, polling.node, &agent->polls) {
        edge_stats_stop(edge);
    }
    HMAP_FOR_EACH (node, row.node, &agent->topo.rows[TOPO_EDGE]) {
        stats_destroy(node->stats);
        node->stats = NULL;
    }
}

/* Goes on with those that are being asked. */
static void
agent_stats_step(struct agent *agent, long long now)
{
    struct edge *edge;
    int n = 0;

    LIST_FOR_EACH_SAFE (edge, polling.node, &agent->polls) {
        struct edge_polling *p = &edge->polling;

        if (edge->state != EDGE_SYNCED) {
            edge_stats_stop(edge);
        } else if (edge_stats_asks_more(edge) && ++n > AGENT_STATS_MOST) {
            continue;
        } else if (edge_stats_step(edge, now)) {
            agent->polled.took += p->cost.took;
            agent->polled.messages += p->cost.messages;
            agent->polled.flows += p->cost.flows;
            agent->polled.cpu += p->cost.cpu;
        }
    }
}

void
agent_stats_run(struct agent *agent, long long now)
{
    if (conf_stats_interval(agent->conf)) {
        agent_stats_step(agent, now);
    } else if (agent->stats_on) {
        agent->stats_on = false;
        agent_stats_forget(agent);
    }
}

void
agent_stats_wait(const struct agent *agent)
{
    const struct edge *edge;
    int n = 0;

    LIST_FOR_EACH (edge, polling.node, &agent->polls) {
        bool waits = (edge_stats_asks_more(edge)
                      && ++n > AGENT_STATS_MOST);

        if (!waits && !edge->polling.waiting) {
            poll_timer_wait_until(edge->polling.resume_at);
        }
    }
}
