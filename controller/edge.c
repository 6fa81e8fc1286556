/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "controller/edge_private.h"

#include "controller/ofconn.h"
#include "flows/layout.h"
#include "flows/topo.h"
#include "openvswitch/ofp-bundle.h"
#include "openvswitch/ofp-connection.h"
#include "openvswitch/ofp-errors.h"
#include "openvswitch/ofp-flow.h"
#include "openvswitch/ofp-meter.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofp-port.h"
#include "openvswitch/ofp-switch.h"
#include "openvswitch/ofp-util.h"
#include "openvswitch/vlog.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(edge);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

const char *
edge_state_to_string(enum edge_state state)
{
    switch (state) {
#define EDGE_STATE(ENUM, NAME) case EDGE_##ENUM: return NAME;
        EDGE_STATES
#undef EDGE_STATE
    default:
        OVS_NOT_REACHED();
    }
    return NULL;
}

const char *
edge_name(const struct edge *edge)
{
    return edge->tnode ? edge->tnode->name : ofconn_name(edge->conn);
}

void
edge_set_state(struct edge *edge, enum edge_state state)
{
    VLOG_DBG("%s: %s -> %s", edge_name(edge),
             edge_state_to_string(edge->state), edge_state_to_string(state));
    edge->state = state;
    edge->since = time_msec();
}

ovs_be32
edge_send(struct edge *edge, struct ofpbuf *msg)
{
    ovs_be32 xid = htonl(edge->next_xid++);

    ((struct ofp_header *) msg->data)->xid = xid;
    ofconn_send(edge->conn, msg);
    return xid;
}

static void
edge_note_error(struct edge *edge, const char *what, enum ofperr error)
{
    free(edge->last_error);
    edge->last_error = xasprintf("%s: %s", what, ofperr_to_string(error));
    VLOG_WARN_RL(&rl, "%s: %s", edge_name(edge), edge->last_error);
}

/* Starts a session over 'conn', which has agreed on a version. */
struct edge *
edge_create(struct ofconn *conn, struct topo *topo,
            const struct macmsg *macmsg, uint32_t epoch)
{
    struct edge *edge = xzalloc(sizeof *edge);

    edge->conn = conn;
    edge->topo = topo;
    edge->macmsg = macmsg;
    edge->epoch = epoch;
    edge->created = time_msec();
    edge->state = EDGE_FEATURES;
    ovs_list_init(&edge->busy_node);
    ovs_list_init(&edge->claim_node);
    edge->next_xid = 1;
    edge->next_bundle = 1;
    edge->backoff = EDGE_BACKOFF_MIN;
    hmap_init(&edge->meters);
    flowset_init(&edge->installed);
    refused_init(&edge->refused);
    edge_dump_init(edge);
    edge_age_init(edge);
    edge_stats_init(edge);
    edge_send(edge, ofpraw_alloc(OFPRAW_OFPT_FEATURES_REQUEST,
                                 ofconn_version(conn), 0));
    return edge;
}

void
edge_destroy(struct edge *edge)
{
    edge_txn_destroy(edge->txn);
    edge_stats_stop(edge);
    free(edge->polling.memos);
    edge_age_clear(edge);
    hmap_destroy(&edge->ageing.turns_by_vni);
    flowset_destroy(&edge->installed);
    refused_destroy(&edge->refused);
    free(edge->complaint);
    edge_dump_destroy(edge);
    edge_forget_meters(edge);
    edge_forget_counts(edge);
    edge_forget_questions(edge);
    hmap_destroy(&edge->meters);
    free(edge->last_error);
    free(edge);
}

/* What to ask. */

/* No row has the switch's datapath ID (any more). */
void
edge_set_unknown(struct edge *edge)
{
    edge_txn_destroy(edge->txn);
    edge->txn = NULL;
    edge_stats_stop(edge);
    edge->tnode = NULL;
    ofconn_set_known(edge->conn, false);
    edge_dump_stop(edge);
    edge_age_clear(edge);
    flowset_clear(&edge->installed);
    edge_forget_refused(edge);
    edge_set_state(edge, EDGE_UNKNOWN);
}

/* Another session has the switch's datapath ID. */
void
edge_set_rival(struct edge *edge)
{
    if (edge->state != EDGE_RIVAL) {
        edge_set_state(edge, EDGE_RIVAL);
    }
}

/* Tells the switch how we like its messages. */
static void
edge_send_config(struct edge *edge)
{
    enum ofp_version version = ofconn_version(edge->conn);
    struct ofputil_async_cfg async = OFPUTIL_ASYNC_CFG_INIT;

    edge_send(edge, ofputil_encode_set_packet_in_format(
                        version, OFPUTIL_PACKET_IN_NXT2));

    /* LEARN's packet-ins, ports, and flows that have gone by themselves: of
     * those that somebody deletes, which is mostly us, we need not hear. */
    async.primary[OAM_PACKET_IN] = 1u << OFPR_ACTION;
    async.primary[OAM_PORT_STATUS] = (1u << OFPPR_ADD | 1u << OFPPR_DELETE
                                      | 1u << OFPPR_MODIFY);
    async.primary[OAM_FLOW_REMOVED] = (1u << OFPRR_IDLE_TIMEOUT
                                       | 1u << OFPRR_HARD_TIMEOUT);
    async.secondary[OAM_PORT_STATUS] = async.primary[OAM_PORT_STATUS];
    async.secondary[OAM_ROLE_STATUS] = 1u << OFPCRR_PRIMARY_REQUEST;
    edge_send(edge, ofputil_encode_set_async_config(
                        &async, (1u << OAM_PACKET_IN | 1u << OAM_PORT_STATUS
                                 | 1u << OAM_FLOW_REMOVED
                                 | (version >= OFP14_VERSION
                                    ? 1u << OAM_ROLE_STATUS : 0)), version));
}

/* The switch is 'tnode': asks for its ports. */
void
edge_ask_ports(struct edge *edge, struct topo_node *tnode)
{
    edge->tnode = tnode;
    ofconn_set_known(edge->conn, true);
    tnode->tells_idle = ofconn_version(edge->conn) >= OFP15_VERSION;
    edge_set_state(edge, EDGE_PORTS);
    edge_send_config(edge);
    edge->ports_xid = edge_send(edge, ofputil_encode_port_desc_stats_request(
                                          ofconn_version(edge->conn),
                                          OFPP_ANY));
}

void
edge_ask_meter(struct edge *edge)
{
    edge_set_state(edge, EDGE_METER);
    edge_forget_meters(edge);
    edge->meter_xid = edge_send_form(edge, EDGE_FORM_METERS);
}

/* Deletes all that we ever put into the switch. */
void
edge_delete_flows(struct edge *edge)
{
    struct ofputil_flow_mod fm;

    delta_wipe_to_flow_mod(LAYOUT_COOKIE_OURS, &fm);
    fm.cookie_mask = htonll(LAYOUT_COOKIE_MASK);
    edge_send(edge, ofputil_encode_flow_mod(&fm,
                                            ofconn_protocol(edge->conn)));
    minimatch_destroy(&fm.match);
    edge->n_flow_mods++;
    edge_delete_limits(edge);
}

/* What is answered. */

static enum edge_event
edge_receive_features(struct edge *edge, const struct ofp_header *oh)
{
    struct ofpbuf b = ofpbuf_const_initializer(oh, ntohs(oh->length));
    struct ofputil_switch_features features;

    if (ofputil_pull_switch_features(&b, &features)) {
        return EDGE_EV_NONSENSE;
    }
    if (edge->state != EDGE_FEATURES) {
        return EDGE_EV_NONE;
    }
    edge->dpid = features.datapath_id;
    return EDGE_EV_FEATURES;
}

/* Whether a port can have the number 'port' (OpenFlow 1.5.1, section 7.2.1):
 * they begin with 1, and some mean something else. */
static bool
edge_is_port(ofp_port_t port)
{
    return (port == OFPP_LOCAL
            || (port && ofp_to_u16(port) < ofp_to_u16(OFPP_MAX)));
}

static void
edge_take_port(struct edge *edge, struct ofputil_phy_port *pp)
{
    if (!edge_is_port(pp->port_no)) {
        VLOG_WARN_RL(&rl, "%s: ignoring a port with the number %"PRIu32,
                     edge_name(edge), pp->port_no);
        return;
    }
    edge_limit_name(pp->name);
    topo_node_set_port(edge->topo, edge->tnode, pp->name, pp->port_no,
                       pp->hw_addr,
                       !(pp->config & OFPUTIL_PC_PORT_DOWN)
                       && !(pp->state & OFPUTIL_PS_LINK_DOWN),
                       pp->state & OFPUTIL_PS_LIVE);
}

static enum edge_event
edge_receive_ports(struct edge *edge, const struct ofp_header *oh)
{
    struct ofpbuf b = ofpbuf_const_initializer(oh, ntohs(oh->length));
    struct ofputil_phy_port pp;
    int retval;

    if (edge->state != EDGE_PORTS || oh->xid != edge->ports_xid) {
        return EDGE_EV_NONE;
    }
    ofpraw_pull_assert(&b);
    while (!(retval = ofputil_pull_phy_port(oh->version, &b, &pp))) {
        edge_take_port(edge, &pp);
    }
    if (retval != EOF) {
        return EDGE_EV_NONSENSE;
    }
    if (ofpmp_more(oh)) {
        return EDGE_EV_NONE;
    }
    topo_node_del_stale_ports(edge->topo, edge->tnode);
    topo_node_set_ports_known(edge->topo, edge->tnode, true);
    return EDGE_EV_PORTS;
}

static enum edge_event
edge_receive_port_status(struct edge *edge, const struct ofp_header *oh)
{
    struct ofputil_port_status ps;

    if (ofputil_decode_port_status(oh, &ps)) {
        return EDGE_EV_NONSENSE;
    }
    if (!edge->tnode) {
        return EDGE_EV_NONE;
    }
    if (ps.reason == OFPPR_DELETE) {
        topo_node_del_port(edge->topo, edge->tnode, ps.desc.port_no);
    } else {
        edge_take_port(edge, &ps.desc);
    }
    return EDGE_EV_PORT_CHANGED;
}

static enum edge_event
edge_receive_meters(struct edge *edge, const struct ofp_header *oh)
{
    if (edge_watch_is_answer(edge, oh)) {
        return edge_watch_receive(edge, oh);
    }
    if (edge->state != EDGE_METER || oh->xid != edge->meter_xid) {
        return EDGE_EV_NONE;
    }
    if (!edge_take_meters(edge, oh)) {
        return EDGE_EV_NONSENSE;
    }
    return ofpmp_more(oh) ? EDGE_EV_NONE : EDGE_EV_METER;
}

static enum edge_event
edge_receive_barrier(struct edge *edge, const struct ofp_header *oh)
{
    struct edge_txn *txn = edge->txn;

    if (edge_age_is_answer(edge, oh)) {
        return edge_age_answered(edge);
    }
    if (edge_full_answered(edge, oh)
        || !txn || oh->xid != txn->barrier_xid) {
        return EDGE_EV_NONE;
    }
    txn->answered = true;
    return (txn->committed && !txn->error ? EDGE_EV_CONFIRMED
            : EDGE_EV_REFUSED);
}

static enum edge_event
edge_receive_error(struct edge *edge, const struct ofp_header *oh)
{
    enum ofperr error = ofperr_decode_msg(oh, NULL);
    struct edge_question *q = edge_question_find(edge, oh, OFPTYPE_ERROR);
    struct edge_txn *txn = edge->txn;

    if (!error) {
        return EDGE_EV_NONSENSE;
    }
    if (edge->state == EDGE_METER && oh->xid == edge->meter_xid) {
        return EDGE_EV_METER;   /* The switch has no meters. */
    }
    if (edge_counts_is_answer(edge, oh)) {
        return EDGE_EV_COUNTS;
    }
    if (edge_watch_is_answer(edge, oh)) {
        edge_watch_refused(edge);
        return EDGE_EV_NONE;
    }
    if (q) {
        return edge_question_answered(edge, q);
    }
    if (edge_stats_is_answer(edge, oh)) {
        edge_stats_refused(edge, oh);
        return EDGE_EV_NONE;
    }
    if (error == OFPERR_OFPBRC_IS_SECONDARY || oh->xid == edge->role_xid) {
        return edge_role_refused(edge, oh, error);
    }
    if (edge_full_refused(edge, oh, error)) {
        return EDGE_EV_NONE;
    }
    if (txn && ntohl(oh->xid) - txn->bundle.xid
               < txn->bundle.next - txn->bundle.xid) {
        if (!txn->error) {
            txn->error = error;
            edge_note_error(edge, "switch refused a flow", error);
        }
        edge_refuse(edge, ntohl(oh->xid), error);
    } else if (!edge_refuse_op(edge, oh)) {
        edge_refuse_meter(edge, oh);
        edge_note_error(edge, "switch reported an error", error);
    }
    if (edge_age_is_answer(edge, oh)) {
        return edge_age_answered(edge);
    }
    return edge_dump_refused(edge, oh);
}

static enum edge_event
edge_receive_flow_removed(struct edge *edge, const struct ofp_header *oh,
                          struct edge_input *in)
{
    if (ofputil_decode_flow_removed(&in->removed, oh)) {
        return EDGE_EV_NONSENSE;
    }
    if (ntohll(in->removed.cookie) != layout_cookie(LAYOUT_K_LEASE, 0)) {
        edge_dump_changed(edge);
        return EDGE_EV_FLOW_REMOVED;
    }
    edge->leased = edge->dump.lease = false;
    return edge->tnode ? EDGE_EV_LEASE_ENDED : EDGE_EV_NONE;
}

/* Takes 'oh' and returns what it means; for some events '*in' has more. */
enum edge_event
edge_receive(struct edge *edge, const struct ofp_header *oh,
             struct edge_input *in)
{
    struct edge_question *q;
    enum ofptype type;

    if (packetin_read(oh, &in->pin)) {
        edge->n_packet_ins++;
        return EDGE_EV_PACKET_IN;
    }
    if (ofptype_decode(&type, oh)) {
        return EDGE_EV_NONSENSE;
    }
    q = type == OFPTYPE_ERROR ? NULL : edge_question_find(edge, oh, type);
    if (q) {
        return edge_question_take(edge, q, oh);
    }
    switch ((int) type) {
    case OFPTYPE_PACKET_IN:
        edge->n_packet_ins++;
        return (packetin_decode(oh, &in->pin) ? EDGE_EV_NONSENSE
                : EDGE_EV_PACKET_IN);
    case OFPTYPE_FLOW_REMOVED:
        return edge_receive_flow_removed(edge, oh, in);
    case OFPTYPE_FEATURES_REPLY:
        return edge_receive_features(edge, oh);
    case OFPTYPE_PORT_DESC_STATS_REPLY:
        return edge_receive_ports(edge, oh);
    case OFPTYPE_PORT_STATUS:
        return edge_receive_port_status(edge, oh);
    case OFPTYPE_ROLE_REPLY:
        return edge_role_reply(edge, oh, in);
    case OFPTYPE_ROLE_STATUS:
        return edge_role_status(edge, oh);
    case OFPTYPE_METER_CONFIG_STATS_REPLY:
        return edge_receive_meters(edge, oh);
    case OFPTYPE_METER_STATS_REPLY:
        return (edge_stats_is_answer(edge, oh) ? edge_stats_meter(edge, oh)
                : edge_take_counts(edge, oh));
    case OFPTYPE_FLOW_STATS_REPLY:
        return (edge_stats_is_answer(edge, oh) ? edge_stats_flows(edge, oh)
                : edge_age_is_answer(edge, oh) ? edge_age_receive(edge, oh)
                : edge_dump_flows(edge, oh));
    case OFPTYPE_TABLE_STATS_REPLY:
        return edge_dump_tables(edge, oh);
    case OFPTYPE_AGGREGATE_STATS_REPLY:
        return (edge_stats_is_answer(edge, oh)
                ? edge_stats_aggregate(edge, oh)
                : edge_dump_count(edge, oh));
    case OFPTYPE_BUNDLE_CONTROL:
        if (edge->txn && ntohl(oh->xid) == edge->txn->bundle.xid) {
            struct ofputil_bundle_ctrl_msg bc;

            ofputil_decode_bundle_ctrl(oh, &bc);
            edge->txn->committed |= bc.type == OFPBCT_COMMIT_REPLY;
        }
        return EDGE_EV_NONE;
    case OFPTYPE_BARRIER_REPLY:
        return edge_receive_barrier(edge, oh);
    case OFPTYPE_ERROR:
        return edge_receive_error(edge, oh);
    default:
        /* Nothing that we asked for. */
        return EDGE_EV_NONE;
    }
}
