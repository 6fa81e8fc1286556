/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "controller/agent.h"

#include "controller/admin.h"
#include "controller/conf.h"
#include "controller/edge.h"
#include "flows/layout.h"
#include "flows/sighting.h"
#include "openvswitch/dynamic-string.h"
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
            enum layout_kind kind = layout_cookie_kind(o->cookie);

            topo_node_mark(edge->tnode,
                           layout_kind_is_mac(kind)
                           ? layout_cookie(LAYOUT_K_LEARNED,
                                           layout_cookie_owner(o->cookie))
                           : o->cookie);
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

/* Whether 'edge' lacks flows without which it cannot be active for
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
        delta_leave_out(config, agent_waits, edge);
        delta_leave_out(macs, agent_waits, edge);
        refused_left_out(&edge->refused);
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

/* What rows say of it. */

/* Appends to 's' what the switch of 'node' has answered to the flows of the
 * owner 'cookie', if it has refused any. */
static bool
agent_put_refused(const struct topo_node *node, uint64_t cookie, struct ds *s)
{
    const struct edge *edge = agent_session(node);
    const struct refused_owner *o
        = edge ? refused_find(&edge->refused, cookie) : NULL;

    if (!o || !o->error) {
        return false;
    }
    ds_put_format(s, "%s refuses flows: %s", node->name,
                  ofperr_to_string(o->error));
    if (o->table != OFPTT_ALL) {
        ds_put_format(s, " (table %"PRIu8")", o->table);
    }
    return true;
}

/* The same for what 'node' has of 'segment'. */
static bool
agent_put_segment_refused(const struct topo_node *node,
                          const struct topo_segment *segment, struct ds *s)
{
    return (agent_put_refused(node, layout_cookie(LAYOUT_K_SEGMENT,
                                                  segment->vni), s)
            || agent_put_refused(node, layout_cookie(LAYOUT_K_LEARNED,
                                                     segment->vni), s));
}

static bool
agent_put_sites_refused(const struct topo_segment *segment, struct ds *s)
{
    for (size_t i = 0; i < segment->n_sites; i++) {
        if (agent_put_segment_refused(segment->sites[i].node, segment, s)) {
            return true;
        }
    }
    return false;
}

static bool
agent_put_attach_refused(const struct topo_attach *attach, struct ds *s)
{
    for (size_t i = 0; i < attach->n_claims; i++) {
        const struct topo_claim *claim = &attach->claims[i];
        uint64_t port = layout_cookie(LAYOUT_K_PORT, claim->slot >> 16);

        if (agent_put_segment_refused(claim->node, attach->place.segment, s)
            || (claim->slot && agent_put_refused(claim->node, port, s))) {
            return true;
        }
    }
    return false;
}

static bool
agent_put_static_refused(const struct topo_static_mac *sm, struct ds *s)
{
    const struct topo_segment *segment = sm->place ? sm->place->segment : NULL;

    for (size_t i = 0; segment && i < segment->n_sites; i++) {
        if (agent_put_refused(segment->sites[i].node,
                              layout_cookie(LAYOUT_K_STATIC, segment->vni),
                              s)) {
            return true;
        }
    }
    return false;
}

static bool
agent_put_cluster_refused(const struct topo_cluster *cluster, struct ds *s)
{
    const struct topo_user *user;

    HMAP_FOR_EACH (user, node, &cluster->users) {
        if (agent_put_refused(user->tnode, layout_cookie(LAYOUT_K_CLUSTER,
                                                         cluster->id), s)) {
            return true;
        }
    }
    return false;
}

static bool
agent_put_row_refused(const struct topo_row *row, struct ds *s)
{
    const struct topo_place *place;

    switch (row->table) {
    case TOPO_SEGMENT:
        return agent_put_sites_refused(
            CONTAINER_OF(row, struct topo_segment, row), s);
    case TOPO_CLUSTER:
        return agent_put_cluster_refused(
            CONTAINER_OF(row, struct topo_cluster, row), s);
    case TOPO_BINDING:
    case TOPO_HOST_PORT:
        return agent_put_attach_refused(
            CONTAINER_OF(row, struct topo_attach, place.row), s);
    case TOPO_VTEP:
        place = CONTAINER_OF(row, struct topo_place, row);
        return place->segment && agent_put_sites_refused(place->segment, s);
    case TOPO_STATIC_MAC:
        return agent_put_static_refused(
            CONTAINER_OF(row, struct topo_static_mac, row), s);
    case TOPO_EDGE:             /* agent_complaint(). */
    case TOPO_N_TABLES:
    default:
        return false;
    }
}

/* Returns what switches have answered to flows that 'row' is the reason for,
 * to be freed, or NULL if they took them. */
char *
agent_row_error(const struct topo_row *row)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    if (!agent_put_row_refused(row, &s)) {
        ds_destroy(&s);
        return NULL;
    }
    return ds_steal_cstr(&s);
}

/* Returns what there is to complain about 'edge', until the next call, or
 * NULL. */
const char *
agent_complaint(struct edge *edge)
{
    const struct refused_owner *o;
    struct ds s = DS_EMPTY_INITIALIZER;

    if (edge->state == EDGE_BACKOFF && edge->last_error) {
        ds_put_cstr(&s, edge->last_error);
    }
    if (edge_is_full(edge, true)) {
        ds_put_format(&s, "%stable %d (SOURCE) is full: no MAC is learned "
                      "here", s.length ? "; " : "", LAYOUT_SOURCE);
    }
    if (edge_is_full(edge, false)) {
        ds_put_format(&s, "%stable %d (DEST) is full: what is for new MACs is "
                      "flooded here", s.length ? "; " : "", LAYOUT_DEST);
    }
    HMAP_FOR_EACH (o, node, &edge->refused.owners) {
        if (o->error) {
            char *name = refused_owner_name(o->cookie);

            ds_put_format(&s, "%srefuses flows of %s%s: %s",
                          s.length ? "; " : "", name,
                          hmap_count(&edge->refused.owners) > 1
                          ? " and others" : "", ofperr_to_string(o->error));
            free(name);
            break;
        }
    }
    free(edge->complaint);
    edge->complaint = s.length ? ds_steal_cstr(&s) : NULL;
    ds_destroy(&s);
    return edge->complaint;
}
