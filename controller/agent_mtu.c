/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* How much the overlay carries between an edge and the nodes with which it has
 * segments in common.  Neither OpenFlow nor the database of the controller
 * tells the MTU of an underlay, so probes of full size do that ask to be sent
 * back (flows/mtu.h).  Open vSwitch sets "do not fragment" in what it sends by
 * a tunnel, so each comes back whole, or not at all.
 *
 * One probe to each node every AGENT_MTU_INTERVAL is all that it costs while
 * all is well.  It is sent from one side, for it goes both ways. */

#include <config.h>
#include "controller/agent.h"

#include <limits.h>
#include "controller/conf.h"
#include "controller/edge.h"
#include "hash.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "svec.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(agent_mtu);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

#define AGENT_MTU_INTERVAL 60000    /* Milliseconds between rounds... */
#define AGENT_MTU_SOON 1000         /* ...the first after a session began... */
#define AGENT_MTU_SPACING 5         /* ...and between two paths of one... */
#define AGENT_MTU_GRAIN 25          /* ...but some begin together. */

void
agent_mtu_init(struct agent *agent)
{
    hmap_init(&agent->paths);
    ovs_list_init(&agent->searches);
    agent->searches_at = LLONG_MAX;
    agent->paths_at = LLONG_MAX;
}

static void
agent_path_free(struct agent *agent, struct agent_path *path)
{
    if (mtu_is_narrow(&path->last)) {
        agent->n_narrow--;
    }
    ovs_list_remove(&path->search_node);
    hmap_remove(&agent->paths, &path->node);
    free(path);
}

void
agent_mtu_destroy(struct agent *agent)
{
    struct agent_path *path;

    HMAP_FOR_EACH_SAFE (path, node, &agent->paths) {
        agent_path_free(agent, path);
    }
    hmap_destroy(&agent->paths);
}

static uint32_t
agent_path_hash(const struct topo_node *from, const struct topo_node *to)
{
    return hash_2words(uuid_hash(&from->row.uuid), uuid_hash(&to->row.uuid));
}

/* Returns the path from 'from' to 'to', or NULL if it is not known. */
struct agent_path *
agent_path(const struct agent *agent, const struct topo_node *from,
           const struct topo_node *to)
{
    struct agent_path *path;

    HMAP_FOR_EACH_WITH_HASH (path, node, agent_path_hash(from, to),
                             &agent->paths) {
        if (uuid_equals(&path->from, &from->row.uuid)
            && uuid_equals(&path->to, &to->row.uuid)) {
            return path;
        }
    }
    return NULL;
}

/* Returns the node with 'uuid', or NULL if its row is gone. */
struct topo_node *
agent_path_node(const struct agent *agent, const struct uuid *uuid)
{
    struct topo_row *row = topo_row(&agent->topo, TOPO_EDGE, uuid);

    return row ? CONTAINER_OF(row, struct topo_node, row) : NULL;
}

/* Begins to search at 'at' how much gets from 'from', whose switch is
 * connected, to 'to'.  Returns the path, or NULL if there are too many. */
struct agent_path *
agent_path_search(struct agent *agent, const struct topo_node *from,
                  const struct topo_node *to, bool exact, long long at)
{
    struct agent_path *path = agent_path(agent, from, to);

    if (!path) {
        if (hmap_count(&agent->paths) >= AGENT_MAX_PATHS) {
            return NULL;
        }
        path = xzalloc(sizeof *path);
        path->from = from->row.uuid;
        path->to = to->row.uuid;
        ovs_list_init(&path->search_node);
        hmap_insert(&agent->paths, &path->node, agent_path_hash(from, to));

        /* A round has to come that forgets it. */
        agent->paths_at = MIN(agent->paths_at, at + AGENT_MTU_INTERVAL);
    }
    path->round = agent->paths_round;
    if (ovs_list_is_empty(&path->search_node)
        || (exact && !path->search.exact)) {
        mtu_begin(&path->search, exact, at);
        ovs_list_remove(&path->search_node);
        ovs_list_push_back(&agent->searches, &path->search_node);
        agent->searches_at = MIN(agent->searches_at, at);
    }
    return path;
}

/* Whether 'from' is to find out about 'to': one of two edges does. */
static bool
agent_path_is_wanted(const struct topo_cluster *cluster,
                     const struct topo_node *from, const struct topo_node *to)
{
    return (from != to && to->valid
            && (!topo_cluster_has_node(cluster, to)
                || !edge_is_ready(agent_session(to))
                || uuid_compare_3way(&from->row.uuid, &to->row.uuid) < 0));
}

/* Begins a search on each path from an edge that we lead. */
static void
agent_mtu_round(struct agent *agent, long long now)
{
    const struct topo_cluster *cluster;
    struct agent_path *path;
    long long at = now;

    agent->paths_round++;
    HMAP_FOR_EACH (cluster, row.node, &agent->topo.rows[TOPO_CLUSTER]) {
        const struct topo_user *user;

        for (size_t i = 0; i < cluster->n_members; i++) {
            const struct topo_node *from = cluster->members[i];

            if (!edge_is_ready(agent_session(from))) {
                continue;
            }
            HMAP_FOR_EACH (user, node, &cluster->users) {
                if (agent_path_is_wanted(cluster, from, user->tnode)
                    && agent_path_search(agent, from, user->tnode, false,
                                         ROUND_UP(at, AGENT_MTU_GRAIN))) {
                    at += AGENT_MTU_SPACING;
                }
            }
        }
    }
    HMAP_FOR_EACH_SAFE (path, node, &agent->paths) {
        if (path->round != agent->paths_round
            && ovs_list_is_empty(&path->search_node)) {
            if (mtu_is_narrow(&path->last)) {
                conf_status_changed(agent->conf);
            }
            agent_path_free(agent, path);
        }
    }
    agent->paths_at = (hmap_is_empty(&agent->paths) ? LLONG_MAX
                       : MAX(at, now + AGENT_MTU_INTERVAL));
}

/* An edge has come into sync: what is on the other side of it? */
void
agent_mtu_soon(struct agent *agent)
{
    agent->paths_at = MIN(agent->paths_at, time_msec() + AGENT_MTU_SOON);
}

/* Returns which nodes get no frames of full size from 'node', and how much
 * they get, or NULL if there are none.  The caller frees it. */
char *
agent_narrow(const struct agent *agent, const struct topo_node *node)
{
    struct svec names = SVEC_EMPTY_INITIALIZER;
    const struct agent_path *path;
    char *text = NULL;

    if (!agent->n_narrow) {
        return NULL;
    }
    HMAP_FOR_EACH (path, node, &agent->paths) {
        const struct topo_node *to = agent_path_node(agent, &path->to);

        if (to && mtu_is_narrow(&path->last)
            && uuid_equals(&path->from, &node->row.uuid)) {
            svec_add_nocopy(&names, xasprintf("%s: %d bytes", to->name,
                                              path->last.low));
        }
    }
    if (names.n) {
        svec_sort(&names);
        text = svec_join(&names, ", ", "");
    }
    svec_destroy(&names);
    return text;
}

/* The search on 'path' is over. */
static void
agent_path_found(struct agent *agent, struct agent_path *path)
{
    const struct topo_node *from = agent_path_node(agent, &path->from);
    const struct topo_node *to = agent_path_node(agent, &path->to);
    bool was_narrow = path->known && mtu_is_narrow(&path->last);
    bool is_narrow = mtu_is_narrow(&path->search);

    ovs_list_remove(&path->search_node);
    ovs_list_init(&path->search_node);
    agent->n_narrow += is_narrow - was_narrow;
    if (from && to && is_narrow && !(was_narrow
                                     && path->last.low == path->search.low)) {
        VLOG_WARN_RL(&rl, "%s: only %d bytes get through to %s; frames of a "
                     "VLAN carry %d", from->name, path->search.low, to->name,
                     MTU_FULL);
    } else if (from && to && was_narrow && path->search.low >= MTU_FULL) {
        VLOG_INFO_RL(&rl, "%s: frames of full size get through to %s now",
                     from->name, to->name);
    }
    if (is_narrow != was_narrow
        || (is_narrow && path->last.low != path->search.low)) {
        conf_status_changed(agent->conf);
    }
    path->last = path->search;
    path->known = true;
}

/* Sends what is due on 'path'. */
static void
agent_path_run(struct agent *agent, struct agent_path *path, long long now)
{
    const struct topo_node *from = agent_path_node(agent, &path->from);
    const struct topo_node *to = agent_path_node(agent, &path->to);
    struct edge *edge = from ? agent_session(from) : NULL;
    uint16_t size;

    if (!to || !edge_is_ready(edge)) {
        path->search.low = path->search.size = 0;
    }
    size = mtu_due(&path->search, now);
    if (size) {
        agent_probe_size(agent, edge, to, ETH_HEADER_LEN + size);
    }
    if (!path->search.size) {
        agent_path_found(agent, path);
    }
}

void
agent_mtu_run(struct agent *agent, long long now)
{
    struct agent_path *path;

    if (now >= agent->paths_at) {
        agent_mtu_round(agent, now);
    }
    if (now < agent->searches_at) {
        return;
    }
    agent->searches_at = LLONG_MAX;
    LIST_FOR_EACH_SAFE (path, search_node, &agent->searches) {
        if (now >= path->search.at) {
            agent_path_run(agent, path, now);
        }
        if (!ovs_list_is_empty(&path->search_node)) {
            agent->searches_at = MIN(agent->searches_at, path->search.at);
        }
    }
}

void
agent_mtu_wait(const struct agent *agent)
{
    long long at = MIN(agent->paths_at, agent->searches_at);

    if (at != LLONG_MAX) {
        poll_timer_wait_until(at);
    }
}

/* A frame of 'size' bytes, sent by 'from', has come back from 'to'. */
void
agent_mtu_answered(struct agent *agent, const struct topo_node *from,
                   const struct topo_node *to, size_t size)
{
    struct agent_path *path = agent_path(agent, from, to);

    if (path && !ovs_list_is_empty(&path->search_node)
        && size >= ETH_HEADER_LEN + MTU_LEAST
        && size <= ETH_HEADER_LEN + MTU_MOST) {
        mtu_answered(&path->search, size - ETH_HEADER_LEN, time_msec());
        agent->searches_at = 0;
    }
}
