/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "controller/agent.h"

#include <limits.h>
#include "controller/conf.h"
#include "controller/edge.h"
#include "controller/usage.h"
#include "dp-packet.h"
#include "flows/announce.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/poll-loop.h"
#include "packets.h"
#include "timeval.h"
#include "util.h"

/* How often each MAC is told. */
#define AGENT_ANNOUNCE_ROUNDS 3
#define AGENT_ANNOUNCE_ROUND 500    /* Milliseconds, at least. */

/* The announcements of one take-over. */
struct agent_announcement {
    struct ovs_list node;
    struct uuid cluster;        /* A row may go, and come again. */
    const struct topo_node *edge;   /* Compared, never followed. */
    bool collected;             /* Not before the gate is open. */
    struct announce_mac *macs;
    size_t n, next;
    int rounds_left;
    long long since;            /* When it was decided. */
    long long at, round_started;
};

static void
agent_announcement_free(struct agent_announcement *a)
{
    ovs_list_remove(&a->node);
    free(a->macs);
    free(a);
}

/* 'cluster' has a new active edge: its neighbours are to be told.  What was
 * still to be told of the one before is of no use any more. */
void
agent_announce(struct agent *agent, const struct topo_cluster *cluster)
{
    struct agent_announcement *a;

    LIST_FOR_EACH_SAFE (a, node, &agent->announcements) {
        if (uuid_equals(&a->cluster, &cluster->row.uuid)) {
            agent_announcement_free(a);
        }
    }
    a = xzalloc(sizeof *a);
    a->cluster = cluster->row.uuid;
    a->edge = cluster->active;
    a->rounds_left = AGENT_ANNOUNCE_ROUNDS;
    a->since = a->at = a->round_started = time_msec();
    ovs_list_push_back(&agent->announcements, &a->node);
}

/* Lets 'edge' speak for 'm'.  Returns true if there was something to say. */
static bool
agent_announce_one(struct agent *agent, struct edge *edge,
                   const struct topo_cluster *cluster,
                   const struct announce_mac *m, long long since)
{
    uint64_t stub[512 / 8];
    struct ofpbuf acts = OFPBUF_STUB_INITIALIZER(stub);
    bool said = announce_actions(&agent->topo, &agent->fdb, cluster,
                                 edge->tnode, m, since, &acts);

    if (said) {
        uint64_t packet_stub[128 / 8];
        struct dp_packet packet;

        dp_packet_use_stub(&packet, packet_stub, sizeof packet_stub);
        compose_rarp(&packet, m->mac);
        edge_send_packet(edge, dp_packet_data(&packet),
                         dp_packet_size(&packet), &acts);
        dp_packet_uninit(&packet);
    }
    ofpbuf_uninit(&acts);
    return said;
}

/* Sends what is due.  Returns false when all has been said, or there is nobody
 * any more to say it. */
static bool
agent_announcement_run(struct agent *agent, struct agent_announcement *a,
                       long long now)
{
    struct topo_row *row = topo_row(&agent->topo, TOPO_CLUSTER, &a->cluster);
    struct topo_cluster *cluster
        = row ? CONTAINER_OF(row, struct topo_cluster, row) : NULL;

    if (!cluster || !cluster->active || cluster->active != a->edge) {
        return false;
    }
    struct edge *edge = agent_session(cluster->active);
    if (!edge || edge->state != EDGE_SYNCED) {
        return edge != NULL;
    }
    if (edge->txn || !hmap_is_empty(&edge->tnode->dirty)) {
        return true;            /* The gate is not confirmed to be open. */
    }
    if (!a->collected) {
        a->macs = announce_collect(cluster, &a->n);
        a->collected = true;
    }

    /* As many as the time since the last turn allows. */
    size_t budget = MAX(1, MIN(now - a->at + 10, 100)
                           * conf_announce_rate(agent->conf) / 1000);
    while (budget && a->next < a->n) {
        if (agent_announce_one(agent, edge, cluster, &a->macs[a->next++],
                               a->since)) {
            budget--;
            if (a->rounds_left == AGENT_ANNOUNCE_ROUNDS) {
                agent_count_announced(agent, cluster);
            }
        }
    }
    a->at = now + 10;
    if (a->next == a->n) {
        a->next = 0;
        a->rounds_left--;
        a->at = MAX(now + 10, a->round_started + AGENT_ANNOUNCE_ROUND);
        a->round_started = a->at;
    }
    return a->rounds_left > 0 && a->n;
}

void
agent_announcements_run(struct agent *agent)
{
    long long now = time_msec();
    struct agent_announcement *a;

    LIST_FOR_EACH_SAFE (a, node, &agent->announcements) {
        if (now >= a->at && !agent_announcement_run(agent, a, now)) {
            agent_announcement_free(a);
        }
    }
}

void
agent_announcements_wait(struct agent *agent)
{
    const struct agent_announcement *a;

    LIST_FOR_EACH (a, node, &agent->announcements) {
        poll_timer_wait_until(MAX(a->at, time_msec() + 1));
    }
}

/* Adds to 'usage' how many MACs wait to be told: at most all, for each cluster
 * that has changed its mind. */
void
agent_announcements_usage(const struct agent *agent, struct simap *usage)
{
    const struct agent_announcement *a;

    usage_add(usage, "announcing-macs", 0);
    LIST_FOR_EACH (a, node, &agent->announcements) {
        usage_add(usage, "announcing-macs", a->n);
    }
}

void
agent_announcements_clear(struct agent *agent)
{
    struct agent_announcement *a;

    LIST_FOR_EACH_SAFE (a, node, &agent->announcements) {
        agent_announcement_free(a);
    }
}
