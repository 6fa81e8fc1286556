/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "controller/agent.h"

#include "controller/admin.h"
#include "controller/conf.h"
#include "controller/edge.h"
#include "controller/lead.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "sset.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(agent_shard);

/* What this controller leads, and what it leaves to others.
 *
 * A session with a switch that somebody else leads knows the switch's ports,
 * and waits (EDGE_FOLLOW).  To lead begins as to start does: with the flows
 * that the switch has, and the edge that the database remembers as active.
 *
 * How the others do is looked at now and then, not at each change of theirs:
 * it is for who should lead what, and no frame waits for that. */

/* How often, in milliseconds, where there are others. */
#define AGENT_SHARD_INTERVAL 500

/* After a switch was found to have another master, in milliseconds: not to
 * quarrel with somebody who means it. */
#define AGENT_SHARD_TRUCE 1000

/* The edge of 'cluster' that the database says is active, or NULL. */
static struct topo_node *
agent_told_active(const struct topo_cluster *cluster)
{
    for (size_t i = 0; i < cluster->n_members; i++) {
        if (uuid_equals(&cluster->members[i]->row.uuid, &cluster->told)) {
            return cluster->members[i];
        }
    }
    return NULL;
}

/* Goes by what the leader of 'cluster', somebody else, has decided. */
void
agent_follow_cluster(struct topo_cluster *cluster)
{
    struct topo_node *active = agent_told_active(cluster);

    if (cluster->active != active) {
        topo_cluster_set_active(cluster, active);
        cluster->remembered = cluster->told;
        cluster->reason = "says its leader";
    }
    cluster->active_since = cluster->told_since;
}

/* From now on it is decided here which edge of 'cluster' is active, or no
 * more. */
static void
agent_lead_cluster(struct topo_cluster *cluster, bool led)
{
    struct topo_node *told = agent_told_active(cluster);

    cluster->led = led;
    memset(&cluster->failover, 0, sizeof cluster->failover);
    memset(cluster->well, 0, sizeof cluster->well);
    memset(cluster->reached, 0, sizeof cluster->reached);
    cluster->first_seen = 0;
    cluster->markers = UINT64_MAX;
    if (led) {
        cluster->reason = NULL;
        topo_cluster_give_way(cluster, told ? told : cluster->via);
        cluster->remembered = cluster->told;
        free(cluster->last_active);
        cluster->last_active = told ? xstrdup(told->name) : NULL;
    } else {
        if (!uuid_equals(&cluster->wanted, &cluster->wanted_row)) {
            VLOG_WARN("cluster %s: which edge was to be active here is of no "
                      "account any more", cluster->name);
            cluster->wanted = cluster->wanted_row;
        }
        agent_follow_cluster(cluster);
    }
}

/* 'edge', whose ports are known, is to follow or to lead. */
void
agent_begin(struct agent *agent, struct edge *edge)
{
    struct topo_node *node = edge->tnode;
    uint64_t generation;

    admin_read_done(edge, false);
    if (lead_leads(agent->lead, &node->shard, &generation)) {
        edge_claim(edge, generation);
    } else {
        node->away = true;
        edge_follow(edge, conf_generation(agent->conf));
    }
    agent_busy(agent, edge);
}

/* Remembers who leads 'node', says the database: it forgets that with the one
 * who does. */
static void
agent_note_leader(const struct agent *agent, struct topo_node *node)
{
    const char *leader = conf_leader(agent->conf, node);

    if (leader && !nullable_string_is_equal(node->last_leader, leader)) {
        free(node->last_leader);
        node->last_leader = xstrdup(leader);
    }
}

/* Returns why this controller leads 'node' from now on, as text that the
 * caller frees: what has become of the one that did. */
static char *
agent_lead_reason(const struct agent *agent, struct topo_node *node)
{
    const char *before;

    agent_note_leader(agent, node);
    before = node->last_leader;

    return (!before ? xstrdup("the first to ask for it")
            : !strcmp(before, lead_name(agent->lead))
            ? xstrdup("led it before")
            : lead_what_became(agent->lead, before));
}

static void
agent_lead_node(struct agent *agent, struct topo_node *node, bool led)
{
    struct edge *edge = agent_session(node);

    if (led && !node->led) {
        free(node->led_reason);
        node->led_reason = agent_lead_reason(agent, node);
        node->led_since = time_wall_msec();
    }
    node->led = led;
    if (!led) {
        if (node->drained != node->drained_row) {
            VLOG_WARN("%s: that it was %s here is of no account any more",
                      node->name, node->drained ? "drained" : "undrained");
            node->drained = node->drained_row;
        }
        node->away = true;
        fdb_lose_node(&agent->fdb, node, time_msec());
        if (edge) {
            admin_diff_failed(edge);
        }
    }
    if (edge && edge->state > EDGE_PORTS) {
        agent_begin(agent, edge);
    }
}

/* Forgets the MACs of segments that others lead.  What was known of them here
 * would count for more than what their switches have, when they are led from
 * here again. */
static void
agent_abandon_segments(struct agent *agent)
{
    struct topo_segment *segment;

    HMAP_FOR_EACH (segment, row.node, &agent->topo.rows[TOPO_SEGMENT]) {
        if (segment->n_learned && !agent_leads_segment(segment)) {
            fdb_abandon(&agent->fdb, segment);
        }
    }
}

/* What is led from here has changed. */
static void
agent_leads_changed(struct agent *agent)
{
    agent_abandon_segments(agent);
    agent_vteps_led(agent);
    agent->elect_at = 0;
    conf_errors_changed(agent->conf);
}

/* The shard 'uuid' is led from now on, or no more. */
static void
agent_lead(struct agent *agent, const struct uuid *uuid, bool led)
{
    struct topo_cluster *cluster;
    struct topo_node *node;

    HMAP_FOR_EACH (cluster, row.node, &agent->topo.rows[TOPO_CLUSTER]) {
        if (uuid_equals(&cluster->shard, uuid) && cluster->led != led) {
            VLOG_INFO("cluster %s: %s", cluster->name,
                      led ? "led from here" : "led from here no more");
            agent_lead_cluster(cluster, led);
        }
    }
    HMAP_FOR_EACH (node, row.node, &agent->topo.rows[TOPO_EDGE]) {
        if (uuid_equals(&node->shard, uuid)) {
            agent_lead_node(agent, node, led);
        }
    }
}

/* The switch of 'edge' has another master. */
void
agent_deposed(struct agent *agent, struct edge *edge)
{
    struct topo_node *node = edge->tnode;

    VLOG_INFO("%s: another controller is master", node->name);
    admin_diff_failed(edge);
    node->away = true;
    fdb_lose_node(&agent->fdb, node, time_msec());
    edge_follow(edge, conf_generation(agent->conf));
    edge->retry_at = time_msec() + AGENT_SHARD_TRUCE;
    agent_busy(agent, edge);
    conf_status_changed(agent->conf);
    agent_elect_node(agent, node);
}

/* The switch of 'edge' has seen 'generation', which is larger than ours: one
 * that is larger still is claimed, but not again and again. */
void
agent_stale(struct agent *agent, struct edge *edge, uint64_t generation)
{
    long long now = time_msec();

    if (now >= edge->retry_at) {
        edge->retry_at = now + AGENT_SHARD_TRUCE;
        lead_claim_again(agent->lead, &edge->tnode->shard, generation);
    } else {
        edge_follow(edge, generation);
    }
}

/* If 'edge' follows a master that has no right to be it, claims the right. */
void
agent_quarrel(struct agent *agent, struct edge *edge, long long now)
{
    if (edge->state == EDGE_FOLLOW && edge->tnode->led
        && now >= edge->retry_at) {
        edge->retry_at = now + AGENT_SHARD_TRUCE;
        lead_claim_again(agent->lead, &edge->tnode->shard, 0);
    }
}

/* Tells the leading of shards who has met which edges. */
static void
agent_shards_look(struct agent *agent)
{
    struct topo_node *node;

    lead_edges_begin(agent->lead);
    HMAP_FOR_EACH (node, row.node, &agent->topo.rows[TOPO_EDGE]) {
        lead_edge(agent->lead, &node->shard, agent_session(node) != NULL,
                  conf_is_met_by_others(agent->conf, node));
        agent_note_leader(agent, node);
    }
    lead_edges_end(agent->lead);
}

/* 'node' is in another shard, perhaps. */
static void
agent_shard_node(struct agent *agent, struct topo_node *node)
{
    uint64_t generation;

    if (node->led) {
        lead_inherit(agent->lead, &node->shard);
        if (!lead_leads(agent->lead, &node->shard, &generation)) {
            agent_lead_node(agent, node, false);
        }
    } else if (lead_has(agent->lead, &node->shard)) {
        agent_lead_node(agent, node, true);
    }
}

static void
agent_shard_cluster(struct agent *agent, struct topo_cluster *cluster)
{
    uint64_t generation;
    bool led = (cluster->led ? lead_leads(agent->lead, &cluster->shard,
                                          &generation)
                : lead_has(agent->lead, &cluster->shard));

    if (cluster->led != led) {
        agent_lead_cluster(cluster, led);
    }
}

/* Shards are others than they were.  What was led goes on to be led until it
 * is known who leads it by its new name. */
static void
agent_shards_changed(struct agent *agent)
{
    struct topo_cluster *cluster;
    struct topo_node *node;

    agent->topo.shards_changed = false;
    agent_shards_look(agent);
    HMAP_FOR_EACH (node, row.node, &agent->topo.rows[TOPO_EDGE]) {
        agent_shard_node(agent, node);
    }
    HMAP_FOR_EACH (cluster, row.node, &agent->topo.rows[TOPO_CLUSTER]) {
        agent_shard_cluster(agent, cluster);
    }
    agent_leads_changed(agent);
}

/* Whether the database has what was decided about the clusters of 'node'.  Who
 * leads them next goes by that, and might decide otherwise without it. */
static bool
agent_is_told(const struct topo_node *node)
{
    const struct topo_user *user;

    LIST_FOR_EACH (user, tnode_node, &node->uses) {
        const struct topo_cluster *cluster = user->cluster;

        if (cluster->active
            && agent_told_active(cluster) != cluster->active) {
            return false;
        }
    }
    return true;
}

/* Yields shards if others lead fewer. */
static void
agent_shards_spread(struct agent *agent)
{
    size_t n_controllers, least, excess;
    struct topo_node *node;

    least = conf_least_led(agent->conf, &n_controllers);
    excess = lead_excess(agent->lead, n_controllers, least);
    if (!excess || least == SIZE_MAX) {
        return;
    }
    HMAP_FOR_EACH (node, row.node, &agent->topo.rows[TOPO_EDGE]) {
        struct edge *edge = agent_session(node);

        if (node->led && edge_is_ready(edge) && agent_is_told(node)) {
            if (conf_least_led_by(agent->conf, node) + 2
                > lead_count_met(agent->lead)) {
                continue;       /* It would only come back. */
            }
            /* Its switch has time until the next leader is ready. */
            agent_lease(edge);
            if (lead_yield(agent->lead, &node->shard) && !--excess) {
                break;
            }
        }
    }
}

static void
agent_shards_see_others(struct agent *agent, long long now)
{
    struct sset names = SSET_INITIALIZER(&names);
    size_t before = agent->n_controllers;

    if (conf_others_changed(agent->conf)) {
        conf_controllers(agent->conf, &names);
        lead_others(agent->lead, &names);
        agent->n_controllers = sset_count(&names);
    }
    sset_destroy(&names);
    if (before > 1 && agent->n_controllers <= 1) {
        agent_shards_look(agent);   /* What they have met is for this one. */
    } else if (agent->n_controllers > 1 && now >= agent->shards_at) {
        agent->shards_at = now + AGENT_SHARD_INTERVAL;
        agent_shards_look(agent);
        agent_shards_spread(agent);
    }
}

void
agent_shards_run(struct agent *agent)
{
    struct uuid uuid;
    bool gained, changed = false;

    if (conf_is_ready(agent->conf)) {
        if (agent->topo.shards_changed) {
            agent_shards_changed(agent);
        }
        agent_shards_see_others(agent, time_msec());
    }
    lead_database(agent->lead, conf_global(agent->conf));
    lead_run(agent->lead);
    if (lead_has_server(agent->lead) != agent->lead_had_server) {
        agent->lead_had_server = !agent->lead_had_server;
        if (agent->lead_had_server) {
            conf_reconnect(agent->conf);
        }
    }
    while (lead_next(agent->lead, &uuid, &gained)) {
        agent_lead(agent, &uuid, gained);
        changed = true;
    }
    if (changed) {
        agent_leads_changed(agent);
    }
    conf_set_self(agent->conf, &(struct conf_self) {
        .name = lead_is_named(agent->lead) ? lead_name(agent->lead) : NULL,
        .chief = lead_is_chief(agent->lead),
        .certain = lead_is_certain(agent->lead),
        .n_led = lead_count(agent->lead),
        .n_led_met = lead_count_met(agent->lead),
        .n_connected = agent->n_met,
    });
}

void
agent_shards_wait(const struct agent *agent)
{
    lead_wait(agent->lead);
    if (agent->n_controllers > 1) {
        poll_timer_wait_until(agent->shards_at);
    }
}
