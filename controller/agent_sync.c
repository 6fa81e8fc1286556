/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "controller/agent.h"

#include "controller/edge.h"
#include "controller/ofconn.h"
#include "flows/delta.h"
#include "flows/layout.h"
#include "flows/sighting.h"
#include "openvswitch/vlog.h"
#include "timeval.h"

VLOG_DEFINE_THIS_MODULE(agent_sync);

/* Takes back the MAC that a flow of 'table' tells. */
static void
agent_adopt_flow(struct agent *agent, struct edge *edge, uint8_t table,
                 const struct sighting *s, long long now)
{
    if (table == LAYOUT_SOURCE) {
        fdb_adopt_source(&agent->fdb, edge->tnode, s->place, s->slot, s->mac,
                         edge->epoch, now, &agent->ops);
    } else {
        fdb_adopt_dest(&agent->fdb, edge->tnode, s->place, s->mac,
                       edge->epoch, now, &agent->ops);
    }
}

/* Reads 's' from 'flow'.  Returns NULL, or what is wrong with it. */
static const char *
agent_sighting(const struct agent *agent, const struct edge *edge,
               const struct flowset_flow *flow, struct sighting *s)
{
    struct match match;

    if (flow->table == LAYOUT_DEST) {
        return sighting_from_dest(&agent->topo, edge->tnode, flow, s);
    }
    minimatch_expand(&flow->match, &match);
    return sighting_from_source(&agent->topo, edge->tnode, &match, s);
}

/* Takes back the MACs that are in the flows of 'table' that the switch
 * reported, and returns how many these are. */
static size_t
agent_adopt_table(struct agent *agent, struct edge *edge, uint8_t table)
{
    const struct macdump *dump = &edge->dump.macs;
    const struct flowset_flow *flow;
    long long now = time_msec();
    struct sighting s;
    size_t n = 0;

    for (size_t i = 0; i < dump->n; i++) {
        const struct macmsg_id *id = &dump->flows[i].id;

        if (macmsg_is_source(id) == (table == LAYOUT_SOURCE)
            && !sighting_from_macmsg(&agent->topo, edge->tnode, id, &s)) {
            agent_adopt_flow(agent, edge, table, &s, now);
            n++;
        }
    }

    HMAP_FOR_EACH (flow, node, &edge->dump.other_macs.flows) {
        if (flow->table == table
            && layout_cookie_kind(flow->cookie) == LAYOUT_K_LEARNED
            && !agent_sighting(agent, edge, flow, &s)) {
            agent_adopt_flow(agent, edge, table, &s, now);
            n++;
        }
    }
    return n;
}

/* Takes back the MACs that are in the flows that the switch reported.  Those
 * of SOURCE come first, for they were seen, where DEST is hearsay. */
static size_t
agent_adopt(struct agent *agent, struct edge *edge)
{
    size_t n;

    agent_adopt_table(agent, edge, LAYOUT_SOURCE);
    n = agent_adopt_table(agent, edge, LAYOUT_DEST);
    agent_send_ops(agent);
    return n;
}

/* Computes into 'macs' what separates the flows in it and in
 * 'edge->dump.macs', which is empty afterwards, from those that the switch of
 * 'edge' should have. */
static void
agent_compare_macs(struct edge *edge, struct delta *macs)
{
    struct flowset want;

    flowset_init(&want);
    macdump_compare(&edge->dump.macs, edge->macmsg,
                    ofconn_version(edge->conn), edge->tnode, macs->have,
                    &want);
    macdump_clear(&edge->dump.macs);
    delta_all(macs, &want);
    flowset_destroy(&want);
}

/* As long as a peer of 'node' has never connected, its addresses are not
 * known: adds to 'want' the flows for addresses that are in 'have'. */
static void
agent_keep_addrs(const struct topo_node *node, const struct flowset *have,
                 struct flowset *want)
{
    const struct flowset_owner *owner
        = flowset_owner(have, layout_cookie(LAYOUT_K_ADDRS, 0));
    const struct flowset_flow *flow;

    if (!owner || !topo_node_has_unmet_peer(node)) {
        return;
    }
    LIST_FOR_EACH (flow, owner_node, &owner->flows) {
        struct ofpbuf acts
            = ofpbuf_const_initializer(flow->ofpacts, flow->ofpacts_len);
        struct match match;

        minimatch_expand(&flow->match, &match);
        flowset_add(want, &(struct flowset_spec) {
            .table = flow->table, .priority = flow->priority,
            .cookie = flow->cookie, .match = &match, .ofpacts = &acts,
        });
    }
}

/* Computes into 'config' what separates the flows of the configuration that
 * the switch of 'edge' has from those that it should have. */
static void
agent_compare_config(const struct edge *edge, struct delta *config)
{
    struct flowset want;

    flowset_init(&want);
    pipeline_all(edge->tnode, &want);
    agent_keep_addrs(edge->tnode, config->have, &want);
    delta_all(config, &want);
    flowset_destroy(&want);
}

struct agent_filling {
    struct edge *edge;
    struct edge_txn *txn;
};

static void
agent_fill_in(struct flowset *want, void *filling_)
{
    struct agent_filling *filling = filling_;

    delta_all(&filling->txn->config, want);
    edge_send_ahead(filling->edge, filling->txn);
}

/* Does what agent_compare_config() would, for a switch that has nothing to
 * compare with: so it can begin while there is more to come. */
static void
agent_fill(struct edge *edge, struct edge_txn *txn)
{
    struct agent_filling filling = { .edge = edge, .txn = txn };
    struct flowset want;

    flowset_init(&want);
    pipeline_each(edge->tnode, &want, agent_fill_in, &filling);
    flowset_destroy(&want);
}

/* Flows that lead to a meter are refused where there is none, and meters are
 * not part of bundles: they come first, and those that are left over go when
 * the bundle is in force. */
static void
agent_set_limit(uint32_t id, const struct topo_limit *limit, void *edge)
{
    edge_set_limit(edge, id, limit);
}

/* Sends 'txn'.  All that is dirty on the node must be in it. */
static void
agent_commit(struct agent *agent, struct edge *edge, struct edge_txn *txn)
{
    bool first = edge->state == EDGE_SYNC;

    agent_leave_out(agent, edge, &txn->config, &txn->macs);
    topo_node_clean(edge->tnode);
    edge_find_stale_meters(edge);
    if (first) {
        edge->n_added = txn->config.n_added + txn->macs.n_added;
        edge->n_modified = txn->config.n_modified + txn->macs.n_modified;
        edge->n_deleted = txn->config.n_deleted + txn->macs.n_deleted;
        edge->n_reconciles++;
    }
    if (!edge_commit(edge, txn)) {
        if (first) {
            agent_confirmed(agent, edge);
        } else {
            edge_confirm(edge);
        }
    }
}

/* What has been refused is tried again if it is not what it was. */
static void
agent_try_marked(struct edge *edge)
{
    const struct topo_dirty *dirty;

    if (refused_is_empty(&edge->refused)) {
        return;
    }
    HMAP_FOR_EACH (dirty, node, &edge->tnode->dirty) {
        refused_marked(&edge->refused, dirty->cookie);
        if (layout_cookie_kind(dirty->cookie) == LAYOUT_K_LEARNED) {
            refused_marked(&edge->refused,
                           layout_cookie(LAYOUT_K_STATIC,
                                         layout_cookie_owner(dirty->cookie)));
        }
    }
}

/* The third walk: 'edge->dump' has all flows of ours that the switch has. */
void
agent_reconcile(struct agent *agent, struct edge *edge)
{
    struct edge_txn *txn;

    edge_begin_sync(edge);
    agent_adopt_vteps(agent, edge);
    edge->n_adopted = agent_adopt(agent, edge);
    agent_elect_node(agent, edge->tnode);
    agent_set_gate_meters(edge);
    pipeline_all_meters(edge->tnode, agent_set_limit, edge);
    agent_lease(edge);

    txn = edge_txn_create(edge);
    flowset_swap(&txn->macs_have, &edge->dump.other_macs);
    agent_try_marked(edge);
    refused_try_due(&edge->refused, time_msec());
    if (flowset_count(&edge->installed)
        || !refused_is_empty(&edge->refused)) {
        agent_compare_config(edge, &txn->config);
    } else {
        agent_fill(edge, txn);
    }
    agent_compare_macs(edge, &txn->macs);
    agent_commit(agent, edge, txn);
}

/* Adds to 'txn' the flows of all MACs of a segment, anew. */
static void
agent_sync_macs(struct agent *agent, const struct topo_node *node,
                uint32_t vni, struct edge_txn *txn)
{
    struct topo_segment *segment = topo_segment_by_vni(&agent->topo, vni);
    struct flowset want;

    delta_wipe(&txn->macs, layout_cookie(LAYOUT_K_LEARNED, vni));
    delta_wipe(&txn->macs, layout_cookie(LAYOUT_K_STATIC, vni));
    if (segment) {
        fdb_age_anew(&agent->fdb, segment, time_msec());
        flowset_init(&want);
        fdb_node_flows(node, segment, &want);
        delta_all(&txn->macs, &want);
        flowset_destroy(&want);
    }
}

/* Sees to it that the meters are there to which the flows of the owner that
 * 'cookie' names lead. */
static void
agent_sync_meters(const struct agent *agent, struct edge *edge,
                  uint64_t cookie)
{
    const struct topo_segment *segment
        = (layout_cookie_kind(cookie) == LAYOUT_K_SEGMENT
           ? topo_segment_by_vni(&agent->topo, layout_cookie_owner(cookie))
           : NULL);

    if (segment) {
        pipeline_meters(edge->tnode, segment, agent_set_limit, edge);
    }
}

/* The end of the second walk: brings what is dirty on a node that is in sync
 * up to date, and looks at nothing else. */
void
agent_sync(struct agent *agent, struct edge *edge)
{
    struct topo_node *node = edge->tnode;
    const struct topo_dirty *dirty;
    struct edge_txn *txn;

    if (hmap_is_empty(&node->dirty)) {
        return;
    }
    txn = edge_txn_create(edge);
    agent_try_marked(edge);
    HMAP_FOR_EACH (dirty, node, &node->dirty) {
        if (layout_cookie_kind(dirty->cookie) == LAYOUT_K_LEARNED) {
            agent_sync_macs(agent, node, layout_cookie_owner(dirty->cookie),
                            txn);
        } else {
            struct flowset want;

            agent_sync_meters(agent, edge, dirty->cookie);
            flowset_init(&want);
            pipeline_owner(&agent->topo, node, dirty->cookie, &want);
            if (layout_cookie_kind(dirty->cookie) == LAYOUT_K_ADDRS) {
                agent_keep_addrs(node, txn->config.have, &want);
            }
            delta_owner(&txn->config, &want, dirty->cookie);
            flowset_destroy(&want);
        }
    }
    agent_commit(agent, edge, txn);
}

/* Computes what separates the flows in 'edge->dump' from those that the switch
 * should have and has not refused.  'config' and 'macs' must have been
 * initialized with the two sets of the dump. */
void
agent_diff(struct edge *edge, struct delta *config, struct delta *macs)
{
    agent_compare_config(edge, config);
    agent_compare_macs(edge, macs);
    agent_ignore_left_out(edge, config, macs);
    delta_finish(config);
    delta_finish(macs);
}
