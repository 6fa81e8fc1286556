/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* Statistics: when which edge is asked what it has counted.
 *
 * Each one that is led here has a round every options:stats_interval seconds,
 * or as often as there is time for: AGENT_STATS_MOST at once have theirs, of
 * those that wait the one first that has waited for longest. */

#include <config.h>
#include "controller/agent.h"

#include <limits.h>
#include "controller/conf.h"
#include "controller/edge.h"
#include "openvswitch/poll-loop.h"
#include "util.h"

/* With what edge_stats.c asks of each for, that bounds what all of it may cost
 * the controller. */
#define AGENT_STATS_MOST 3

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
agent_stats_step(struct agent *agent, long long interval, long long now)
{
    struct edge *edge;

    LIST_FOR_EACH_SAFE (edge, polling.node, &agent->polls) {
        struct edge_polling *p = &edge->polling;

        if (edge->state != EDGE_SYNCED) {
            edge_stats_stop(edge);
        } else if (edge_stats_step(edge, now)) {
            p->due_at = MAX(p->began + interval, now);
            agent->polled.took += p->cost.took;
            agent->polled.messages += p->cost.messages;
            agent->polled.flows += p->cost.flows;
            agent->polled.cpu += p->cost.cpu;
            agent->stats_at = MIN(agent->stats_at, p->due_at);
        }
    }
}

/* Returns when 'edge' is due.  The first time that is some time after it has
 * come: it has enough to do then. */
static long long
agent_stats_due(const struct edge *edge, long long interval)
{
    return (edge->polling.due_at
            ? MIN(edge->polling.due_at, edge->polling.began + interval)
            : edge->created + MIN(interval, 1000));
}

/* Returns the edge that is due for longest, or NULL, after which 'stats_at' is
 * when one will be. */
static struct edge *
agent_stats_next(struct agent *agent, long long interval, long long now)
{
    struct edge *edge, *first = NULL;
    long long due_at = LLONG_MAX;

    LIST_FOR_EACH (edge, node, &agent->edges) {
        if (edge->state == EDGE_SYNCED && !edge_is_polled(edge)
            && agent_stats_due(edge, interval) < due_at) {
            due_at = agent_stats_due(edge, interval);
            first = edge;
        }
    }
    agent->stats_at = MIN(due_at, now + interval);
    return first && due_at <= now ? first : NULL;
}

void
agent_stats_run(struct agent *agent, long long now)
{
    long long interval = conf_stats_interval(agent->conf);
    struct edge *edge;

    if (!interval) {
        if (agent->stats_at != LLONG_MAX) {
            agent_stats_forget(agent);
            agent->stats_at = LLONG_MAX;
        }
        return;
    }
    agent->stats_at = MIN(agent->stats_at, now + interval);
    agent_stats_step(agent, interval, now);
    while (now >= agent->stats_at
           && ovs_list_size(&agent->polls) < AGENT_STATS_MOST
           && (edge = agent_stats_next(agent, interval, now))) {
        edge_stats_begin(edge, now);
        ovs_list_push_back(&agent->polls, &edge->polling.node);
        agent_busy(agent, edge);
        edge_stats_step(edge, now);
    }
}

void
agent_stats_wait(const struct agent *agent)
{
    const struct edge *edge;

    if (agent->stats_at != LLONG_MAX
        && ovs_list_size(&agent->polls) < AGENT_STATS_MOST) {
        poll_timer_wait_until(agent->stats_at);
    }
    LIST_FOR_EACH (edge, polling.node, &agent->polls) {
        if (!edge->polling.waiting) {
            poll_timer_wait_until(edge->polling.resume_at);
        }
    }
}
