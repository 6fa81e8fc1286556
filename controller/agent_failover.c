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

/* Whether the switch of 'edge' has a flow of 'priority' in GATE for
 * 'cluster': that of an active edge, or that of a standby. */
static bool
agent_has_gate(const struct edge *edge, const struct topo_cluster *cluster,
               uint16_t priority)
{
    const struct flowset_owner *owner = flowset_owner(
        &edge->installed, layout_cookie(LAYOUT_K_CLUSTER, cluster->id));
    const struct flowset_flow *flow;

    if (owner) {
        LIST_FOR_EACH (flow, owner_node, &owner->flows) {
            if (flow->table == LAYOUT_GATE && flow->priority == priority) {
                return true;
            }
        }
    }
    return false;
}

/* Whether the switch of 'edge', when it connected, had noted that it has taken
 * over for 'cluster'. */
static bool
agent_has_taken(const struct edge *edge, const struct topo_cluster *cluster)
{
    const struct flowset_flow *flow;
    bool taken = false;

    HMAP_FOR_EACH (flow, node, &edge->dump.taken.flows) {
        struct match match;

        minimatch_expand(&flow->match, &match);
        if (match.flow.regs[2] == cluster->id) {
            if (flow->priority != LAYOUT_PRIO_ELSE) {
                return false;   /* Another edge has shown up. */
            }
            taken = true;
        }
    }
    return taken;
}

/* Whether the switch of 'edge' has opened its gate for 'cluster' by itself,
 * as its table ALONE decides. */
static bool
agent_is_alone_for(const struct edge *edge,
                   const struct topo_cluster *cluster)
{
    const struct topo_port *ports[TOPO_MAX_EDGES];
    size_t n = topo_cluster_watched(cluster, edge->tnode, ports);
    bool live = false;

    for (size_t i = 0; i < n; i++) {
        live |= ports[i]->live;
    }
    return n && !edge->leased
           && (!live || agent_has_taken(edge, cluster))
           && agent_has_gate(edge, cluster, LAYOUT_PRIO_ELSE);
}

/* The same for any cluster. */
bool
agent_is_alone(const struct edge *edge)
{
    const struct topo_user *user;

    LIST_FOR_EACH (user, tnode_node, &edge->tnode->uses) {
        if (user->member && agent_is_alone_for(edge, user->cluster)) {
            return true;
        }
    }
    return false;
}

/* Whether 'edge', which has opened a gate by itself, is active now, and has
 * yet to get the flow that says so. */
bool
agent_is_adopted(const struct edge *edge)
{
    const struct topo_user *user;

    LIST_FOR_EACH (user, tnode_node, &edge->tnode->uses) {
        const struct topo_cluster *cluster = user->cluster;

        if (cluster->active == edge->tnode
            && !agent_has_gate(edge, cluster, LAYOUT_PRIO_MAIN)
            && agent_has_gate(edge, cluster, LAYOUT_PRIO_ELSE)) {
            return true;
        }
    }
    return false;
}

/* What 'node' sees by BFD of 'other', an edge of the same cluster.
 *
 * A switch that has just come has not met the other yet.  That is no word of
 * the other's death until it has had the time to. */
static enum failover_bfd
agent_bfd(struct agent *agent, const struct topo_cluster *cluster,
          const struct topo_node *node, const struct topo_node *other,
          long long now)
{
    const struct edge *edge = agent_session(node);
    const struct topo_port *port
        = other ? topo_node_port_to(node, cluster, other) : NULL;

    if (!port || !edge) {
        return FAILOVER_BFD_NONE;
    }
    if (!port->was_live && now < edge->created + FAILOVER_GRACE) {
        agent->elect_at = MIN(agent->elect_at,
                              edge->created + FAILOVER_GRACE);
        return FAILOVER_BFD_UP;
    }
    return port->live ? FAILOVER_BFD_UP : FAILOVER_BFD_DOWN;
}

/* Whom 'node' is to watch: the active edge of 'cluster', or, if it is that
 * itself, the first of the others. */
static const struct topo_node *
agent_watched(const struct topo_cluster *cluster,
              const struct topo_node *node)
{
    const struct topo_node *active = cluster->failover.active;

    for (size_t i = 0; i < cluster->n_members; i++) {
        const struct topo_node *other = cluster->members[i];

        if (other != node && (other == active || !active
                              || active == node)) {
            return other;
        }
    }
    return NULL;
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

/* Returns the edge that the operator wants to be active, or NULL. */
const struct topo_node *
agent_wanted(const struct topo_cluster *cluster)
{
    for (size_t i = 0; i < cluster->n_members; i++) {
        if (uuid_equals(&cluster->members[i]->row.uuid, &cluster->wanted)) {
            return cluster->members[i];
        }
    }
    return NULL;
}

/* Returns in a word what 'node' is to 'cluster', and in '*why' what keeps it
 * from being more, or NULL. */
const char *
agent_role(const struct topo_cluster *cluster, const struct topo_node *node,
           const char **why)
{
    const struct edge *edge = agent_session(node);

    *why = (!edge ? "disconnected"
            /* The rest its leader knows. */
            : !cluster->led ? (node->drained ? "drained" : NULL)
            : edge->state != EDGE_SYNCED ? edge_state_to_string(edge->state)
            : !topo_cluster_is_fit(cluster, node) ? "a port is missing or down"
            : agent_is_left_out(edge, cluster) ? "refuses flows"
            : node->drained ? "drained"
            : cluster->failover.doubted == node
              && cluster->failover.cut && cluster->active != node
            ? "lost the overlay"
            : NULL);
    return (cluster->active == node ? "active" : *why ? "not ready"
            : "standby");
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
        .wanted = agent_wanted(cluster),
        .flushed = !cluster->markers,
        .preemptive = cluster->preemptive,
        .holddown = cluster->holddown,
        .since = cluster->first_seen,
    };
    for (size_t i = 0; i < cluster->n_members; i++) {
        struct topo_node *node = cluster->members[i];
        const struct edge *edge = agent_session(node);
        bool ready = edge_is_ready(edge);
        bool alone = ready && agent_is_alone_for(edge, cluster);
        bool open = alone || (ready && agent_has_gate(edge, cluster,
                                                      LAYOUT_PRIO_MAIN));
        bool fit = topo_cluster_is_fit(cluster, node)
                   && (open || !agent_is_left_out(edge, cluster));

        edges[i] = (struct failover_edge) {
            .id = node,
            .ready = ready,
            .gate_open = open,
            .alone = alone,
            .closed = !edge && node->closed,
            .fit = fit,
            .drained = node->drained,
            .bfd = agent_bfd(agent, cluster, node,
                             agent_watched(cluster, node), now),
            .heard = edge ? ofconn_last_rx(edge->conn) : 0,
            .answered = edge ? ofconn_answered(edge->conn) : 0,
            .met = node->met,
            .reached = cluster->reached[i],
        };
        edges[i].well_since = agent_well_since(
            cluster, i, ready && fit
                        && !failover_is_doubted(&cluster->failover,
                                                &edges[i]), now);
        if (uuid_equals(&cluster->remembered, &node->row.uuid)) {
            view->remembered = node;
        }
    }
}

static void
agent_remember(struct agent *agent, struct topo_cluster *cluster,
               const char *from, const char *to, const char *reason)
{
    struct agent_takeover *t = xzalloc(sizeof *t);

    t->cluster = xstrdup(cluster->name);
    t->from = xstrdup(from ? from : "");
    t->to = xstrdup(to);
    t->reason = reason;
    t->decided = time_wall_msec();
    t->decided_at = time_msec();
    t->took = -1;
    cluster->n_takeovers += from && strcmp(from, to);
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

/* One more MAC was told of for the latest take-over in 'cluster'. */
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
        if (t->took < 0 && !strcmp(t->to, edge->tnode->name)) {
            t->took = time_msec() - t->decided_at;
        }
    }
}

/* Ends at once what the datapath of 'edge' has cached for 'cluster', by the
 * meter of its gate.  Returns false if an open gate has the same. */
static bool
agent_close_meter(const struct topo_cluster *cluster, struct edge *edge)
{
    uint32_t meter = layout_gate_meter(cluster->id);
    const struct topo_user *user;

    LIST_FOR_EACH (user, tnode_node, &edge->tnode->uses) {
        if (user->cluster->active == edge->tnode
            && layout_gate_meter(user->cluster->id) == meter) {
            return false;
        }
    }
    edge_close_meter(edge, meter);
    return true;
}

static void
agent_open(struct agent *agent, struct topo_cluster *cluster,
           struct topo_node *node, const char *reason)
{
    if (cluster->active == node && cluster->reason) {
        return;
    }
    if (!uuid_equals(&cluster->wanted, &node->row.uuid)) {
        cluster->wanted = UUID_ZERO;
    }
    struct edge *edge = agent_session(node);

    /* The neighbours know of an edge that is active for as long as anybody
     * remembers.  One that took over by itself had no way to tell them. */
    bool is_known = (agent_has_gate(edge, cluster, LAYOUT_PRIO_MAIN)
                     && (cluster->via == node || !cluster->via));
    bool is_other = (cluster->last_active
                     && strcmp(cluster->last_active, node->name));
    agent_remember(agent, cluster, cluster->last_active, node->name, reason);
    agent_event_cluster(agent,
                        is_other ? EVENT_FAILED_OVER : EVENT_ACTIVATED,
                        cluster, cluster->last_active, node->name, reason);
    free(cluster->last_active);
    cluster->last_active = xstrdup(node->name);
    cluster->remembered = node->row.uuid;
    cluster->reason = reason;
    /* One that is found again where it was has been there all the time. */
    if (!is_other && cluster->told_since
        && uuid_equals(&cluster->told, &node->row.uuid)) {
        cluster->active_since = cluster->told_since;
    } else {
        cluster->active_since = time_wall_msec();
    }
    topo_cluster_set_active(cluster, node);
    if (edge->leased) {
        /* It may have been told a moment ago that it is not active. */
        edge_forget_taken(edge);
    }
    edge_open_meter(edge, layout_gate_meter(cluster->id));
    for (size_t i = 0; i < cluster->n_members; i++) {
        struct edge *other = agent_session(cluster->members[i]);

        if (other && other != edge
            && agent_has_gate(other, cluster, LAYOUT_PRIO_MAIN)) {
            agent_close_meter(cluster, other);
        }
    }
    VLOG_INFO("cluster %s: %s is active (%s)", cluster->name, node->name,
              reason);
    conf_status_changed(agent->conf);

    if (!is_known) {
        agent_announce(agent, cluster);
    }
}

/* 'node' is to close its gate for 'cluster'. */
static void
agent_close(struct agent *agent, struct topo_cluster *cluster,
            struct topo_node *node, const char *reason)
{
    VLOG_INFO("cluster %s: %s gives way (%s)", cluster->name, node->name,
              reason);
    agent_event_cluster(agent, EVENT_GAVE_WAY, cluster, node->name, NULL,
                        reason);
    topo_cluster_give_way(cluster, CONST_CAST(struct topo_node *,
                                              cluster->failover.target));
    cluster->markers = UINT64_MAX;
    if (agent_close_meter(cluster, agent_session(node))) {
        agent_mark(agent, cluster, agent_session(node));
    }
}

/* 'edge' has connected: gives it the meters of its open gates, and closes at
 * once those that it has open and should not. */
void
agent_set_gate_meters(struct edge *edge)
{
    const struct topo_user *user;

    LIST_FOR_EACH (user, tnode_node, &edge->tnode->uses) {
        const struct topo_cluster *cluster = user->cluster;

        if (cluster->active == edge->tnode) {
            edge_open_meter(edge, layout_gate_meter(cluster->id));
        } else if (cluster->active
                   && agent_has_gate(edge, cluster, LAYOUT_PRIO_MAIN)) {
            agent_close_meter(cluster, edge);
        }
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

    bool was_cut = cluster->failover.cut;
    if (!cluster->led) {
        agent_follow_cluster(cluster);
        return;
    }
    do {
        agent_view(agent, cluster, edges, &view, now);
        failover_run(&cluster->failover, &view, now, &action);
        struct topo_node *node = CONST_CAST(struct topo_node *, action.edge);

        switch (action.verb) {
        case FAILOVER_NOTHING:
            break;
        case FAILOVER_PROBE_EDGE:
            agent_round(agent, cluster, node);
            break;
        case FAILOVER_CLOSE:
            agent_close(agent, cluster, node, action.reason);
            break;
        case FAILOVER_OPEN:
            agent_open(agent, cluster, node, action.reason);
            break;
        default:
            OVS_NOT_REACHED();
        }
        agent->elect_at = MIN(agent->elect_at, action.wake);
    } while (action.verb != FAILOVER_NOTHING);
    if (cluster->failover.cut != was_cut) {
        conf_status_changed(agent->conf);
    }
}

/* Sees for each cluster whether the right edge is active. */
void
agent_elect(struct agent *agent)
{
    long long now = time_msec();
    struct topo_cluster *cluster;
    const struct edge *edge;

    agent->elect_at = LLONG_MAX;
    agent->depose_at = MIN(agent->depose_at, now);
    HMAP_FOR_EACH (cluster, row.node, &agent->topo.rows[TOPO_CLUSTER]) {
        agent_elect_one(agent, cluster, now);
    }
    LIST_FOR_EACH (edge, node, &agent->edges) {
        agent_lease_soon(agent, edge);
    }
}

/* The same for the clusters of 'node', of which something has changed. */
void
agent_elect_node(struct agent *agent, const struct topo_node *node)
{
    long long now = time_msec();
    const struct topo_user *use, *user;

    agent_lease_soon(agent, agent_session(node));
    LIST_FOR_EACH (use, tnode_node, &node->uses) {
        if (use->member) {
            agent_elect_one(agent, use->cluster, now);
            agent_depose(agent, use->cluster);
            HMAP_FOR_EACH (user, node, &use->cluster->users) {
                agent_lease_soon(agent, agent_session(user->tnode));
            }
        }
    }
}
