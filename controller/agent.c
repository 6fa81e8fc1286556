/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "controller/agent.h"

#include <limits.h>
#include <malloc.h>
#include "controller/admin.h"
#include "controller/conf.h"
#include "controller/edge.h"
#include "controller/lead.h"
#include "controller/loop.h"
#include "controller/ofconn.h"
#include "flows/layout.h"
#include "flows/macmsg.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(agent);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

/* How many probes, and how many markers, an edge may send us per second. */
#define AGENT_PROBE_RATE 1000

/* How many BPDUs, of bindings that are closed for the first of them. */
#define AGENT_BPDU_RATE 100

/* How often MACs on probation are looked at, in milliseconds. */
#define AGENT_PROBATION_INTERVAL 1000

/* How long after the last reconciliation its memory goes back to the system,
 * in milliseconds: once, after as many as come in a row. */
#define AGENT_TRIM_DELAY 1000

/* Returns the session with 'node', or NULL. */
struct edge *
agent_session(const struct topo_node *node)
{
    return node->aux;
}

/* What conf writes into the row of 'node'. */
static void
agent_edge_status(const struct topo_node *node,
                  struct conf_edge_status *status)
{
    struct edge *edge = agent_session(node);

    status->connected = edge != NULL;
    status->state = edge ? edge_state_to_string(edge->state) : "disconnected";
    if (edge) {
        enum ofp_version version = ofconn_version(edge->conn);

        status->address = ofconn_name(edge->conn);
        status->openflow = (version == OFP13_VERSION ? "1.3"
                            : version == OFP14_VERSION ? "1.4" : "1.5");
        status->certificate = ofconn_cn(edge->conn);
        status->error = agent_complaint(edge);
    } else {
        status->error = node->refused;
    }
    status->narrow = agent_narrow(CONTAINER_OF(node->topo, struct agent, topo),
                                  node);
}

/* What conf writes into the row of 'cluster' about 'node'. */
static char *
agent_member_status(const struct topo_cluster *cluster,
                    const struct topo_node *node)
{
    const char *why;
    const char *role = agent_role(cluster, node, &why);

    return why ? xasprintf("%s: %s", role, why) : xstrdup(role);
}

/* Sends the flow-mods that are in 'agent->ops'.  A node that is not in sync
 * will be compared with the whole fdb before it is. */
void
agent_send_ops(struct agent *agent)
{
    for (size_t i = 0; i < agent->ops.n; i++) {
        const struct fdb_op *op = &agent->ops.ops[i];
        struct edge *edge = agent_session(op->node);

        if (edge_is_ready(edge)
            && !(op->add && agent_has_no_room(edge, op->source,
                                              op->m.is_static,
                                              op->m.segment->vni))) {
            edge_send_op(edge, op);
        }
    }
    agent->ops.n = 0;
}

/* Sessions. */

/* agent_run() is to have a look at 'edge', and to go on with it until there is
 * nothing more to be done. */
void
agent_busy(struct agent *agent, struct edge *edge)
{
    if (ovs_list_is_empty(&edge->busy_node)) {
        ovs_list_push_back(&agent->busy, &edge->busy_node);
    }
}

static void
agent_opened(struct ofconn *conn, void *agent_)
{
    struct agent *agent = agent_;
    const struct macmsg *macmsg
        = agent->macmsgs[ofconn_version(conn) - OFP13_VERSION];
    struct edge *edge = edge_create(conn, &agent->topo, macmsg,
                                    ++agent->epoch);

    ofconn_set_aux(conn, edge);
    ovs_list_push_back(&agent->edges, &edge->node);
}

/* Ends the session, for 'reason'.  Its connection is closed already, or the
 * caller does that. */
void
agent_drop(struct agent *agent, struct edge *edge, const char *reason)
{
    if (edge->tnode) {
        VLOG_INFO("%s: disconnected", edge->tnode->name);
        agent_event_edge(agent, EVENT_DISCONNECTED, edge->tnode, reason);
        edge->tnode->aux = NULL;
        edge->tnode->away = true;
        agent->n_met--;
        fdb_lose_node(&agent->fdb, edge->tnode, time_msec());
        edge->tnode->closed = ofconn_closed_by_peer(edge->conn);
        conf_status_changed(agent->conf);
        conf_errors_changed(agent->conf);
    }
    admin_diff_failed(edge);
    admin_read_done(edge, false);
    admin_limits_done(edge);
    admin_explain_done(edge);
    ovs_list_remove(&edge->node);
    ovs_list_remove(&edge->busy_node);
    ovs_list_remove(&edge->claim_node);
    ofconn_set_aux(edge->conn, NULL);
    edge_destroy(edge);
}

/* Ends the session and its connection, for 'reason'. */
void
agent_expel(struct agent *agent, struct edge *edge, const char *reason)
{
    const struct topo_node *node = edge->tnode;
    struct ofconn *conn = edge->conn;

    agent_drop(agent, edge, reason);
    ofconn_close(conn, reason);
    if (node) {
        agent_elect_node(agent, node);
    }
}

static void
agent_closed(struct ofconn *conn, void *agent)
{
    struct edge *edge = ofconn_aux(conn);

    loop_wake();
    if (edge) {
        const struct topo_node *node = edge->tnode;

        agent_drop(agent, edge, "the connection has ended");
        if (node) {
            agent_elect_node(agent, node);
        }
    }
}

/* The switch has what was sent: now, and for the first time if it was not in
 * sync. */
void
agent_confirmed(struct agent *agent, struct edge *edge)
{
    if (edge->state != EDGE_SYNCED) {
        VLOG_INFO("%s: reconciled: %"PRIuSIZE" flows added, %"PRIuSIZE
                  " changed, %"PRIuSIZE" deleted, %"PRIuSIZE" MACs adopted",
                  edge->tnode->name, edge->n_added, edge->n_modified,
                  edge->n_deleted, edge->n_adopted);
        agent_event_edge(agent, EVENT_IN_SYNC, edge->tnode, NULL);
        conf_status_changed(agent->conf);
        agent_probe_ports(agent, edge);
        agent_mtu_soon(agent);
        agent->trim_at = time_msec() + AGENT_TRIM_DELAY;
    }
    edge_confirm(edge);
    agent_takeovers_confirmed(agent, edge);
    agent_elect_node(agent, edge->tnode);
}

/* 'edge' has reported all of its flows. */
static void
agent_flows(struct agent *agent, struct edge *edge)
{
    if (edge->state == EDGE_DUMP) {
        agent_reconcile(agent, edge);
    } else {
        admin_diff_done(edge);
        admin_read_done(edge, true);
    }
}

/* 'edge' sent 'oh', which makes no sense. */
static void
agent_nonsense(struct agent *agent, struct edge *edge,
               const struct ofp_header *oh)
{
    VLOG_WARN_RL(&rl, "%s: a message of type %"PRIu8" ends the session",
                 ofconn_name(edge->conn), oh->type);
    agent_expel(agent, edge, edge->offence ? edge->offence
                : "malformed message");
}

static void
agent_message(struct ofconn *conn, const struct ofp_header *oh, void *agent_)
{
    struct agent *agent = agent_;
    struct edge *edge = ofconn_aux(conn);
    struct edge_input in;

    enum edge_event event = edge_receive(edge, oh, &in);

    if (event == EDGE_EV_PACKET_IN
        && !agent_probe_in(agent, edge, &in.pin)
        && !agent_bpdu_in(agent, edge, &in.pin)) {
        agent_packet_in(agent, edge, &in.pin);
        loop_stay();
        return;
    }
    loop_wake();
    agent_busy(agent, edge);
    switch (event) {
    case EDGE_EV_NONE:
    case EDGE_EV_PACKET_IN:
        break;
    case EDGE_EV_FEATURES:
        agent_identify(agent, edge);
        break;
    case EDGE_EV_PORTS:
        agent_begin(agent, edge);
        agent_ports_changed(agent, edge->tnode);
        break;
    case EDGE_EV_MASTER:
        edge->tnode->away = false;
        edge_ask_meter(edge);
        break;
    case EDGE_EV_STALE:
        agent_stale(agent, edge, in.generation);
        break;
    case EDGE_EV_DEPOSED:
        agent_deposed(agent, edge);
        break;
    case EDGE_EV_PORT_CHANGED:
        conf_status_changed(agent->conf);
        agent_ports_changed(agent, edge->tnode);
        break;
    case EDGE_EV_METER:
        agent_set_learn_rate(agent, edge);
        edge_set_rate(edge, LAYOUT_METER_PROBE, AGENT_PROBE_RATE);
        edge_set_rate(edge, LAYOUT_METER_MARKER, AGENT_PROBE_RATE);
        edge_set_rate(edge, LAYOUT_METER_BPDU, AGENT_BPDU_RATE);
        edge_set_rate(edge, LAYOUT_METER_LOOP, AGENT_PROBE_RATE);
        edge_ask_flows(edge);
        break;
    case EDGE_EV_FLOWS:
        agent_flows(agent, edge);
        break;
    case EDGE_EV_COUNTS:
        admin_limits_done(edge);
        break;
    case EDGE_EV_ANSWERED:
        admin_explain_done(edge);
        break;
    case EDGE_EV_CONFIRMED:
        agent_confirmed(agent, edge);
        break;
    case EDGE_EV_REFUSED:
        agent_refused(agent, edge);
        break;
    case EDGE_EV_FLOW_REMOVED:
        agent_flow_removed(agent, edge, &in.removed);
        break;
    case EDGE_EV_AGEING:
        agent_age_answered(agent, edge);
        break;
    case EDGE_EV_LEASE_ENDED:
        agent_elect_node(agent, edge->tnode);
        break;
    case EDGE_EV_NONSENSE:
        agent_nonsense(agent, edge, oh);
        break;
    default:
        OVS_NOT_REACHED();
    }
}

/* The agent. */

/* Makes the agent, with its configuration from the database at 'db', where it
 * is known by 'name'. */
struct agent *
agent_create(const char *db, const char *name)
{
    struct agent *agent = xzalloc(sizeof *agent);

    topo_init(&agent->topo);
    fdb_init(&agent->fdb);
    ovs_list_init(&agent->edges);
    ovs_list_init(&agent->busy);
    ovs_list_init(&agent->claims);
    ovs_list_init(&agent->history);
    ovs_list_init(&agent->polls);
    ovs_list_init(&agent->announcements);
    for (int i = 0; i < AGENT_N_VERSIONS; i++) {
        agent->macmsgs[i] = macmsg_create(
            ofputil_protocol_from_ofp_version(OFP13_VERSION + i));
    }
    agent_probe_init(agent);
    agent_mtu_init(agent);
    ovs_list_init(&agent->mtu_probes);
    agent_events_init(agent);
    agent->elect_at = LLONG_MAX;
    agent->trim_at = LLONG_MAX;
    agent->shares_at = LLONG_MAX;
    agent->conf = conf_create(db, &agent->topo, agent_edge_status,
                              agent_member_status, agent_row_error);
    agent->lead = lead_create(db, name);
    return agent;
}

void
agent_destroy(struct agent *agent)
{
    struct edge *edge;

    LIST_FOR_EACH_SAFE (edge, node, &agent->edges) {
        struct ofconn *conn = edge->conn;

        agent_drop(agent, edge, "controller exits");
        ofconn_close(conn, "controller exits");
    }
    lead_destroy(agent->lead);
    conf_destroy(agent->conf);
    fdb_destroy(&agent->fdb);
    topo_destroy(&agent->topo);
    fdb_ops_uninit(&agent->ops);
    for (int i = 0; i < AGENT_N_VERSIONS; i++) {
        macmsg_destroy(agent->macmsgs[i]);
    }

    agent_announcements_clear(agent);
    agent_rounds_clear(agent);
    admin_mtu_clear(agent);
    agent_events_destroy(agent);
    agent_mtu_destroy(agent);

    struct agent_takeover *t;
    LIST_FOR_EACH_SAFE (t, node, &agent->history) {
        agent_takeover_free(t);
    }
    free(agent);
}

/* Lets switches connect to 'target'.  Returns NULL, or an error that the
 * caller frees. */
char *
agent_listen(struct agent *agent, const char *target)
{
    static struct ofconn_user user = {
        .opened = agent_opened,
        .message = agent_message,
        .closed = agent_closed,
    };
    struct ofconn_listener *listener;

    user.aux = agent;
    return ofconn_listen(target, &user, &listener);
}

/* Whether 'edge' has what it should have. */
bool
agent_edge_in_sync(const struct agent *agent, const struct edge *edge)
{
    return (!edge->tnode
            || (edge->state == EDGE_FOLLOW && !edge->tnode->led
                && !lead_is_pending(agent->lead, &edge->tnode->shard))
            || (edge->state == EDGE_SYNCED && !edge->txn
                && hmap_is_empty(&edge->tnode->dirty)));
}

/* Whether every edge that is connected has: those that are not busy have. */
static bool
agent_in_sync(const struct agent *agent)
{
    const struct edge *edge;

    LIST_FOR_EACH (edge, busy_node, &agent->busy) {
        if (!agent_edge_in_sync(agent, edge)) {
            return false;
        }
    }
    return ovs_list_is_empty(&agent->topo.dirty_nodes);
}

/* Does what there is to be done for sessions. */
static void
agent_run_edges(struct agent *agent, long long now)
{
    struct topo_node *node;
    struct edge *edge;

    LIST_FOR_EACH_POP (node, dirty_node, &agent->topo.dirty_nodes) {
        ovs_list_init(&node->dirty_node);
        if (agent_session(node)) {
            agent_busy(agent, agent_session(node));
        }
    }
    LIST_FOR_EACH_SAFE (edge, busy_node, &agent->busy) {
        if (edge_is_overdue(edge, now)) {
            agent_expel(agent, edge, "does not answer what it was asked");
            continue;
        }
        if (edge->state == EDGE_BACKOFF && now >= edge->retry_at) {
            edge_ask_meter(edge);
        }
        agent_quarrel(agent, edge, now);
        if (edge_resume(edge, now) == EDGE_EV_FLOWS) {
            agent_flows(agent, edge);
        }
        if (edge->state == EDGE_SYNCED && !edge->txn) {
            agent_sync(agent, edge);
        }
        if (edge->state == EDGE_SYNCED && !edge->txn) {
            agent_retry(agent, edge, now);
        }
        if (edge->refusals_changed) {
            edge->refusals_changed = false;
            conf_errors_changed(agent->conf);
            conf_status_changed(agent->conf);
        }
        agent_age_step(agent, edge, now);
        if (agent_edge_in_sync(agent, edge)
            && !edge_is_ageing(edge) && !edge_is_asked(edge)
            && !edge->counts_xid && !edge->n_unanswered
            && !edge_is_polled(edge)
            && !agent_is_retrying(edge)) {
            ovs_list_remove(&edge->busy_node);
            ovs_list_init(&edge->busy_node);
        }
    }
}

void
agent_run(struct agent *agent)
{
    long long now = time_msec();

    if (conf_run(agent->conf)) {
        agent_conf_changed(agent);
    }
    agent_shards_run(agent);
    if (now >= agent->elect_at) {
        agent_elect(agent);
    }
    if (now >= agent->probation_at) {
        fdb_run(&agent->fdb, now, &agent->ops);
        agent_send_ops(agent);
        agent->probation_at = now + AGENT_PROBATION_INTERVAL;
    }
    if (now >= agent->trim_at) {
        malloc_trim(0);
        agent->trim_at = LLONG_MAX;
    }
    agent_age_run(agent);
    agent_vteps_run(agent, now);
    agent_closures_run(agent, now);
    agent_shares_run(agent, now);
    agent_mtu_run(agent, now);
    admin_mtu_run(agent);
    agent_loops_run(agent, now);
    agent_claims_run(agent);
    agent_run_edges(agent, now);
    agent_rounds_run(agent);
    agent_depose_run(agent);
    agent_leases_run(agent);
    agent_stats_run(agent, now);

    /* What switches wait for goes first. */
    ofconn_flush();
    if (conf_is_ready(agent->conf) && agent_in_sync(agent)) {
        conf_set_edges_seq(agent->conf, conf_cfg_seq(agent->conf));
    }
    agent_announcements_run(agent);
    agent_events_run(agent, now);
    conf_write(agent->conf);
    ofconn_flush();
}

void
agent_wait(struct agent *agent)
{
    const struct edge *edge;

    conf_wait(agent->conf);
    agent_shards_wait(agent);
    agent_announcements_wait(agent);
    agent_rounds_wait(agent);
    agent_leases_wait(agent);
    agent_age_wait(agent);
    agent_vteps_wait(agent);
    agent_closures_wait(agent);
    agent_shares_wait(agent);
    agent_mtu_wait(agent);
    agent_loops_wait(agent);
    agent_claims_wait(agent);
    agent_stats_wait(agent);
    agent_events_wait(agent);
    if (agent->elect_at != LLONG_MAX) {
        poll_timer_wait_until(agent->elect_at);
    }
    if (agent->trim_at != LLONG_MAX) {
        poll_timer_wait_until(agent->trim_at);
    }
    if (!ovs_list_is_empty(&agent->topo.dirty_nodes)) {
        poll_immediate_wake();
    }
    if (!ovs_list_is_empty(&agent->fdb.probation)
        || !ovs_list_is_empty(&agent->fdb.frozen)) {
        poll_timer_wait_until(agent->probation_at);
    }
    LIST_FOR_EACH (edge, busy_node, &agent->busy) {
        if (edge->state == EDGE_BACKOFF
            || (edge->state == EDGE_FOLLOW && edge->tnode->led)) {
            poll_timer_wait_until(edge->retry_at);
        }
        if (edge->dump.resume_at != LLONG_MAX) {
            poll_timer_wait_until(edge->dump.resume_at);
        }
        agent_retry_wait(edge);
    }
}
