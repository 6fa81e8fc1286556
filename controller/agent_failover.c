/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "controller/agent.h"

#include <limits.h>
#include "controller/conf.h"
#include "controller/edge.h"
#include "controller/ofconn.h"
#include "flows/failover.h"
#include "flows/layout.h"
#include "openvswitch/vlog.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(agent_failover);

/* Take-overs that are remembered, of all clusters. */
#define AGENT_MAX_HISTORY 256

static bool
agent_is_ready(const struct edge *edge)
{
    return edge && (edge->state == EDGE_SYNC || edge->state == EDGE_SYNCED);
}

static bool
agent_gate_is_open(const struct edge *edge,
                   const struct topo_cluster *cluster)
{
    const struct flowset_owner *owner = flowset_owner(
        &edge->installed, layout_cookie(LAYOUT_K_CLUSTER, cluster->id));
    const struct flowset_flow *flow;

    if (owner) {
        LIST_FOR_EACH (flow, owner_node, &owner->flows) {
            if (flow->table == LAYOUT_GATE) {
                return true;
            }
        }
    }
    return false;
}

/* What the peer port of 'node' says of the other edge of 'cluster'.  In a
 * cluster of more than two it does not say of which.
 *
 * A switch that has just come has not met its peer yet.  That is no word of
 * the peer's death until it has had the time to. */
static enum failover_bfd
agent_bfd(struct agent *agent, const struct topo_cluster *cluster,
          struct topo_node *node, long long now)
{
    const struct edge *edge = agent_session(node);
    const struct topo_port *port = topo_node_peer(node);

    if (!port || !edge || cluster->n_members != 2) {
        return FAILOVER_BFD_NONE;
    }
    node->peer_was_up |= port->live;
    if (!node->peer_was_up && now < edge->created + FAILOVER_GRACE) {
        agent->elect_at = MIN(agent->elect_at,
                              edge->created + FAILOVER_GRACE);
        return FAILOVER_BFD_UP;
    }
    return port->live ? FAILOVER_BFD_UP : FAILOVER_BFD_DOWN;
}

/* Since when the member with 'index' has been well, which it is now. */
static long long
agent_well_since(struct topo_cluster *cluster, size_t index, bool well,
                 long long now)
{
    struct topo_wellness *w = &cluster->well[index];

    if (!well) {
        w->node = NULL;
    } else if (w->node != cluster->members[index]) {
        w->node = cluster->members[index];
        w->since = now;
    }
    return well ? w->since : LLONG_MAX;
}

/* Fills in what is known of the edges of 'cluster'. */
static void
agent_view(struct agent *agent, struct topo_cluster *cluster,
           struct failover_edge *edges, struct failover_view *view,
           long long now)
{
    if (!cluster->first_seen) {
        cluster->first_seen = now;
    }
    *view = (struct failover_view) {
        .edges = edges,
        .n = cluster->n_members,
        .wanted = cluster->wanted,
        .preemptive = cluster->preemptive,
        .holddown = cluster->holddown,
        .since = cluster->first_seen,
    };
    for (size_t i = 0; i < cluster->n_members; i++) {
        struct topo_node *node = cluster->members[i];
        const struct edge *edge = agent_session(node);
        bool ready = agent_is_ready(edge);
        bool fit = topo_cluster_is_fit(cluster, node);

        edges[i] = (struct failover_edge) {
            .id = node,
            .ready = ready,
            .gate_open = ready && agent_gate_is_open(edge, cluster),
            .closed = !edge && node->closed,
            .fit = fit,
            .drained = node->drained,
            .bfd = agent_bfd(agent, cluster, node, now),
            .well_since = agent_well_since(cluster, i, ready && fit, now),
            .heard = edge ? ofconn_last_rx(edge->conn) : 0,
        };
        if (uuid_equals(&cluster->remembered, &node->row.uuid)) {
            view->remembered = node;
        }
    }
}

static void
agent_remember(struct agent *agent, const struct topo_cluster *cluster,
               const char *from, const char *to, const char *reason)
{
    struct agent_takeover *t = xzalloc(sizeof *t);

    t->cluster = xstrdup(cluster->name);
    t->from = xstrdup(from ? from : "");
    t->to = xstrdup(to);
    t->reason = reason;
    t->decided = time_wall_msec();
    ovs_list_push_back(&agent->history, &t->node);
    if (ovs_list_size(&agent->history) > AGENT_MAX_HISTORY) {
        agent_takeover_free(CONTAINER_OF(ovs_list_front(&agent->history),
                                         struct agent_takeover, node));
    }
}

void
agent_takeover_free(struct agent_takeover *t)
{
    ovs_list_remove(&t->node);
    free(t->cluster);
    free(t->from);
    free(t->to);
    free(t);
}

/* One more frame told the neighbours of the latest take-over in 'cluster'. */
void
agent_count_announced(struct agent *agent, const struct topo_cluster *cluster)
{
    struct agent_takeover *t;

    LIST_FOR_EACH_REVERSE (t, node, &agent->history) {
        if (!strcmp(t->cluster, cluster->name)) {
            t->announced++;
            break;
        }
    }
}

/* 'edge' has confirmed all that it was sent: its gates are open. */
void
agent_takeovers_confirmed(struct agent *agent, const struct edge *edge)
{
    struct agent_takeover *t;

    LIST_FOR_EACH_REVERSE (t, node, &agent->history) {
        if (t->confirmed) {
            break;
        }
        if (!strcmp(t->to, edge->tnode->name)) {
            t->confirmed = time_wall_msec();
        }
    }
}

static void
agent_open(struct agent *agent, struct topo_cluster *cluster,
           struct topo_node *node, const char *reason)
{
    if (cluster->active == node && cluster->reason) {
        return;
    }
    if (cluster->wanted != node) {
        cluster->wanted = NULL;
    }
    bool edge_is_adopted = agent_gate_is_open(agent_session(node), cluster);
    agent_remember(agent, cluster, cluster->last_active, node->name, reason);
    free(cluster->last_active);
    cluster->last_active = xstrdup(node->name);
    cluster->reason = reason;
    cluster->active_since = time_wall_msec();
    topo_cluster_set_active(cluster, node);
    VLOG_INFO("cluster %s: %s is active (%s)", cluster->name, node->name,
              reason);
    conf_status_changed(agent->conf);

    /* An edge that forwarded all along has nothing new to tell. */
    if (!edge_is_adopted) {
        agent_announce(agent, cluster);
    }
}

/* Does what failover_run() says, until it says that all is well. */
static void
agent_elect_one(struct agent *agent, struct topo_cluster *cluster,
                long long now)
{
    struct failover_edge edges[TOPO_MAX_EDGES];
    struct failover_action action;
    struct failover_view view;

    agent_view(agent, cluster, edges, &view, now);
    do {
        failover_run(&cluster->failover, &view, now, &action);
        struct topo_node *node = CONST_CAST(struct topo_node *, action.edge);

        switch (action.verb) {
        case FAILOVER_NOTHING:
            break;
        case FAILOVER_PROBE_EDGE:
            edge_probe(agent_session(node));
            break;
        case FAILOVER_CLOSE:
            VLOG_INFO("cluster %s: %s gives way (%s)", cluster->name,
                      node->name, action.reason);
            topo_cluster_set_active(cluster, NULL);
            break;
        case FAILOVER_OPEN:
            agent_open(agent, cluster, node, action.reason);
            break;
        default:
            OVS_NOT_REACHED();
        }
        agent->elect_at = MIN(agent->elect_at, action.wake);
    } while (action.verb != FAILOVER_NOTHING);
}

/* Sees for each cluster whether the right edge is active. */
void
agent_elect(struct agent *agent)
{
    long long now = time_msec();
    struct topo_cluster *cluster;

    agent->elect_at = LLONG_MAX;
    HMAP_FOR_EACH (cluster, row.node, &agent->topo.rows[TOPO_CLUSTER]) {
        agent_elect_one(agent, cluster, now);
    }
}
