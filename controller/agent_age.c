/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "controller/agent.h"

#include <limits.h>
#include "controller/edge.h"
#include "openvswitch/poll-loop.h"
#include "timeval.h"
#include "util.h"

/* Ageing, of MACs on switches that tell for how long flows have been idle.
 *
 * A switch is asked about one segment at a time, or a part of one that is very
 * large, and flows are deleted some at a time; after each it is left alone for
 * AGENT_AGE_PAUSE times as long as it took.  So however many MACs age at once,
 * nobody else waits for long. */

/* How often segments that are due are looked for, in milliseconds. */
#define AGENT_AGE_INTERVAL 250

/* How many MACs a switch is asked about at once, in about. */
#define AGENT_AGE_MOST 4096

#define AGENT_AGE_PORTION 32        /* MACs. */
#define AGENT_AGE_PAUSE 3
#define AGENT_AGE_LONGEST_PAUSE 1000    /* Milliseconds. */

/* Gives the segments that are due to the sessions with their nodes. */
static void
agent_age_due(struct agent *agent, long long now)
{
    const struct topo_segment *segment;

    while ((segment = fdb_age_due(&agent->fdb, now))) {
        for (size_t i = 0; i < segment->n_sites; i++) {
            struct edge *edge = agent_session(segment->sites[i].node);

            if (edge_is_ready(edge) && edge->tnode->tells_idle) {
                edge_age_add(edge, segment->vni);
                agent_busy(agent, edge);
            }
        }
    }
}

/* Lets some of the MACs go that the switch of 'edge' has found idle. */
static void
agent_age_portion(struct agent *agent, struct edge *edge)
{
    struct edge_ageing *ageing = &edge->ageing;
    const struct topo_segment *segment = topo_segment_by_vni(&agent->topo,
                                                             ageing->vni);

    for (int i = 0; ageing->n && i < AGENT_AGE_PORTION; i++) {
        ageing->n--;
        if (segment) {
            fdb_age_out(&agent->fdb, edge->tnode, segment,
                        &ageing->idle[ageing->n], ageing->asked,
                        &agent->ops);
        }
    }
    agent_send_ops(agent);
    edge_age_barrier(edge);
}

/* Returns in how many parts a switch is asked about 'segment'. */
static uint16_t
agent_age_parts(const struct topo_segment *segment)
{
    uint16_t n = 1;

    while (segment->n_learned / n > AGENT_AGE_MOST) {
        n *= 2;
    }
    return n;
}

/* Asks the switch of 'edge' about the next segment, if there is one, or the
 * next part of the last. */
static void
agent_age_ask(struct agent *agent, struct edge *edge)
{
    const struct edge_ageing *ageing = &edge->ageing;
    uint16_t part = ageing->part + 1, n_parts = ageing->n_parts;
    uint32_t vni = ageing->vni;

    while (part < n_parts || edge_age_next(edge, &vni)) {
        const struct topo_segment *segment
            = topo_segment_by_vni(&agent->topo, vni);

        if (segment && segment->n_learned) {
            if (part >= n_parts) {
                part = 0;
                n_parts = agent_age_parts(segment);
            }
            edge_age_ask(edge, vni, part, n_parts, segment->mac_aging);
            return;
        }
        n_parts = 0;
    }
}

void
agent_age_run(struct agent *agent)
{
    long long now = time_msec();

    if (now >= agent->age_at) {
        agent_age_due(agent, now);
        agent->age_at = now + AGENT_AGE_INTERVAL;
    }
}

/* Goes on with 'edge', if there is anything to be asked or to be let go. */
void
agent_age_step(struct agent *agent, struct edge *edge, long long now)
{
    const struct edge_ageing *ageing = &edge->ageing;

    if (edge->state == EDGE_SYNCED && !ageing->waiting
        && now >= ageing->resume_at) {
        if (ageing->n) {
            agent_age_portion(agent, edge);
        } else {
            agent_age_ask(agent, edge);
        }
    }
}

/* The switch of 'edge' has answered, or done what it was sent. */
void
agent_age_answered(struct agent *agent, struct edge *edge)
{
    struct edge_ageing *ageing = &edge->ageing;
    struct topo_segment *segment = topo_segment_by_vni(&agent->topo,
                                                       ageing->vni);
    long long now = time_msec();
    long long pause = (now - ageing->since) * AGENT_AGE_PAUSE;

    ageing->resume_at = now + MIN(pause, AGENT_AGE_LONGEST_PAUSE);
    if (segment) {
        fdb_age_heard(&agent->fdb, segment, ageing->oldest, now);
    }
}

void
agent_age_wait(const struct agent *agent)
{
    long long wake = fdb_age_wake(&agent->fdb);
    const struct edge *edge;

    if (wake != LLONG_MAX) {
        poll_timer_wait_until(MAX(wake, agent->age_at));
    }
    LIST_FOR_EACH (edge, busy_node, &agent->busy) {
        if (edge->state == EDGE_SYNCED && !edge->ageing.waiting
            && edge_is_ageing(edge)) {
            poll_timer_wait_until(edge->ageing.resume_at);
        }
    }
}
