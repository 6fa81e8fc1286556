/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "controller/agent.h"

#include "controller/admin.h"
#include "controller/conf.h"
#include "controller/edge.h"
#include "flows/layout.h"
#include "flows/pipeline.h"
#include "flows/sighting.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(agent_refused);

/* How many transactions in a row may be refused, each followed by the rest of
 * it, before an edge is given a rest.  Finding one owner of a million takes
 * twenty. */
#define AGENT_MAX_ROUNDS 32

/* 'edge' has refused its transaction, or a question about its flows.  Where a
 * meter is missing, all are sent again. */
void
agent_refused(struct agent *agent, struct edge *edge)
{
    const struct edge_txn *txn = edge->txn;
    long long now = time_msec();

    admin_diff_failed(edge);
    admin_read_done(edge, false);
    if (edge->state == EDGE_FOLLOW) {
        return;
    }
    if (!txn || !txn->answered || ++edge->n_rounds > AGENT_MAX_ROUNDS
        || !(txn->named || edge_suspect(edge, now))) {
        edge_back_off(edge, now);
    } else if (edge->state == EDGE_SYNCED && !txn->committed
               && strncmp(ofperr_get_name(txn->error), "OFPMMFC_", 8)) {
        edge_undo(edge);
    } else {
        edge_ask_anew(edge);
    }
    conf_status_changed(agent->conf);
    agent_elect_node(agent, edge->tnode);
}

/* Tries again what 'edge', which is in sync and idle, has refused, if it is
 * time to. */
void
agent_retry(struct agent *agent, struct edge *edge, long long now)
{
    const struct refused_owner *o;

    if (edge->resync && !edge_is_asked(edge)) {
        edge_ask_anew(edge);
        return;
    }
    edge_try_full(edge, now);
    if (!refused_try_due(&edge->refused, now)) {
        return;
    }
    HMAP_FOR_EACH (o, node, &edge->refused.owners) {
        if (o->state == REFUSED_TRIED) {
            topo_node_mark(edge->tnode, layout_mark(o->cookie));
        }
    }
    agent_sync(agent, edge);
}

/* Whether 'edge' has refused something that it is to be asked for again. */
bool
agent_is_retrying(const struct edge *edge)
{
    return (!refused_is_empty(&edge->refused) || edge->resync
            || edge_is_full(edge, true) || edge_is_full(edge, false));
}

void
agent_retry_wait(const struct edge *edge)
{
    long long wake = MIN(refused_wake(&edge->refused), edge_full_wake(edge));

    if (edge->state == EDGE_SYNCED && !edge->txn && wake != LLONG_MAX) {
        poll_timer_wait_until(wake);
    }
}

/* Whether 'edge' may lack flows without which it cannot become active for
 * 'cluster'. */
bool
agent_is_left_out(const struct edge *edge, const struct topo_cluster *cluster)
{
    return (edge
            && (refused_is_out(&edge->refused,
                               layout_cookie(LAYOUT_K_NODE, 0))
                || refused_is_out(&edge->refused,
                                  layout_cookie(LAYOUT_K_CLUSTER,
                                                cluster->id))));
}

/* What is left out of a transaction. */

/* Whether 'flow', that is to be added or changed, has to wait. */
static bool
agent_waits(const struct flowset_flow *flow, void *edge_)
{
    const struct edge *edge = edge_;

    return refused_is_out(&edge->refused, flow->cookie);
}

/* The same, noting whose it is. */
static bool
agent_has_to_wait(const struct flowset_flow *flow, void *edge_)
{
    struct edge *edge = edge_;
    bool waits = agent_waits(flow, edge);

    if (waits && layout_cookie_kind(flow->cookie) == LAYOUT_K_SEGMENT) {
        uint32_t slot = pipeline_flow_slot(flow);

        if (slot) {
            refused_note(&edge->refused, flow->cookie, slot);
        }
    }
    return waits;
}

/* Whether a MAC's flow is not to be sent to 'edge'. */
bool
agent_has_no_room(const struct edge *edge, bool source, bool is_static,
                  uint32_t vni)
{
    return (edge_is_full(edge, source)
            || (!refused_is_empty(&edge->refused)
                && refused_is_out(&edge->refused,
                                  layout_cookie(is_static ? LAYOUT_K_STATIC
                                                : LAYOUT_K_LEARNED, vni))));
}

struct agent_crowd {
    struct agent *agent;
    struct edge *edge;
    const struct delta *macs;
};

/* Whether there is no room for 'flow', of a MAC.  One that the switch does not
 * know as a source is not known at all: so it is flooded, everywhere, and
 * learned when there is room. */
static bool
agent_finds_no_room(const struct flowset_flow *flow, void *crowd_)
{
    const struct agent_crowd *crowd = crowd_;
    struct agent *agent = crowd->agent;
    bool source = flow->table == LAYOUT_SOURCE;
    struct edge_full *f = &crowd->edge->full[source ? EDGE_FULL_SOURCE
                                             : EDGE_FULL_DEST];
    struct sighting s;
    struct match match;

    if (!f->full || flowset_find(crowd->macs->have, flow)) {
        return false;
    }
    if (!f->counted && crowd->macs->n_wipes) {
        return false;           /* There is room for as many as are wiped. */
    }
    if (f->counted && f->room) {
        f->room--;
        return false;
    }
    minimatch_expand(&flow->match, &match);
    if (source && !sighting_from_source(&agent->topo, crowd->edge->tnode,
                                        &match, &s)) {
        fdb_idle(&agent->fdb, crowd->edge->tnode, s.place, s.slot, s.mac,
                 &agent->ops);
    }
    return true;
}

/* Whether 'flow' leads to a MAC that is not known any more. */
static bool
agent_is_forgotten(const struct flowset_flow *flow, void *crowd_)
{
    const struct agent_crowd *crowd = crowd_;
    const struct agent *agent = crowd->agent;
    struct sighting s;

    return (flow->table == LAYOUT_DEST
            && layout_cookie_kind(flow->cookie) == LAYOUT_K_LEARNED
            && !sighting_from_dest(&agent->topo, crowd->edge->tnode, flow, &s)
            && !fdb_find(&agent->fdb, s.place->segment, s.mac));
}

/* Takes out of a transaction what 'edge' would refuse. */
void
agent_leave_out(struct agent *agent, struct edge *edge, struct delta *config,
                struct delta *macs)
{
    struct agent_crowd crowd = { agent, edge, macs };

    if (!refused_is_empty(&edge->refused)) {
        refused_leave_out(&edge->refused);
        delta_leave_out(config, agent_has_to_wait, edge);
        delta_leave_out(macs, agent_waits, edge);
        edge->refusals_changed |= refused_left_out(&edge->refused);
    }
    if (edge_is_full(edge, true) || edge_is_full(edge, false)) {
        delta_leave_out(macs, agent_finds_no_room, &crowd);
        if (agent->ops.n) {
            delta_leave_out(macs, agent_is_forgotten, &crowd);
            agent_send_ops(agent);
        }
        for (int i = 0; i < EDGE_N_FULL; i++) {
            edge->full[i].counted = false;
        }
    }
}

/* Whether 'flow', of a MAC, is missing because there is no room for it. */
static bool
agent_is_crowded_out(const struct flowset_flow *flow, void *edge)
{
    return edge_is_full(edge, flow->table == LAYOUT_SOURCE);
}

/* Takes out of what separates 'edge' from what it should have, what it has
 * refused. */
void
agent_ignore_left_out(struct edge *edge, struct delta *config,
                      struct delta *macs)
{
    delta_leave_out(config, agent_waits, edge);
    delta_leave_out(macs, agent_waits, edge);
    delta_leave_out(macs, agent_is_crowded_out, edge);
}
