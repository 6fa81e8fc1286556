/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "tests/bench/ofswitch_private.h"

#include "flow.h"
#include "openflow/openflow.h"
#include "openvswitch/ofp-bundle.h"
#include "openvswitch/ofp-packet.h"
#include "openvswitch/ofp-port.h"
#include "openvswitch/ofp-switch.h"
#include "openvswitch/ofp-util.h"
#include "util.h"

enum ofputil_protocol
ofswitch_protocol(const struct ofswitch *sw)
{
    return ofputil_protocol_from_ofp_version(sw->version);
}

/* Connects 'sw', of which the caller has set what is to be known, to all of
 * 'targets'. */
void
ofswitch_connect(struct ofswitch *sw, int epoll_fd,
                 const char *const *targets, size_t n_targets)
{
    flowset_init(&sw->flows);
    hmap_init(&sw->meters);
    sw->conns = xcalloc(n_targets, sizeof *sw->conns);
    sw->n_conns = n_targets;
    for (size_t i = 0; i < n_targets; i++) {
        struct ofswitch_conn *conn = &sw->conns[i];

        conn->sw = sw;
        conn->role = OFPCR12_ROLE_EQUAL;
        conn->async = ofputil_async_cfg_default(sw->version);
        ofpbuf_init(&conn->bundle, 0);
        bio_connect(&conn->bio, epoll_fd, targets[i]);
        conn->bio.aux = conn;
        bio_send(&conn->bio, ofputil_encode_hello(1u << sw->version));
    }
}

/* Sends what is queued to any controller: what comes from one may be answered
 * to another. */
void
ofswitch_flush(struct ofswitch *sw)
{
    for (size_t i = 0; i < sw->n_conns; i++) {
        if (!sw->conns[i].closed) {
            bio_flush(&sw->conns[i].bio);
        }
    }
}

/* Queues 'pin', an encoded packet-in, for all that want to hear of packets for
 * 'reason'. */
void
ofswitch_packet_in(struct ofswitch *sw, unsigned int reason, const void *pin,
                   size_t size)
{
    for (size_t i = 0; i < sw->n_conns; i++) {
        if (ofswitch_hears(&sw->conns[i], OAM_PACKET_IN, reason)) {
            bio_put(&sw->conns[i].bio, pin, size);
        }
    }
}

void
ofswitch_send_all(struct ofswitch_conn *conn, struct ovs_list *replies)
{
    struct ofpbuf *reply;

    LIST_FOR_EACH_POP (reply, list_node, replies) {
        bio_send(&conn->bio, reply);
    }
}

static void
ofswitch_send_features(struct ofswitch_conn *conn, const struct ofp_header *oh)
{
    const struct ofputil_switch_features features = {
        .datapath_id = conn->sw->dpid,
        .n_tables = 254,
        .capabilities = OFPUTIL_C_FLOW_STATS | OFPUTIL_C_TABLE_STATS
                        | OFPUTIL_C_PORT_STATS,
    };

    bio_send(&conn->bio, ofputil_encode_switch_features(
                 &features, ofswitch_protocol(conn->sw), oh->xid));
    conn->met = true;
}

static void
ofswitch_send_ports(struct ofswitch_conn *conn, const struct ofp_header *oh)
{
    struct ofputil_phy_port ports[] = {
        { .port_no = u16_to_ofp(OFSWITCH_TUNNEL), .name = "genev0",
          .hw_addr = ETH_ADDR_C(0a,00,00,00,00,01),
          .state = OFPUTIL_PS_LIVE },
        { .port_no = u16_to_ofp(OFSWITCH_TRUNK), .name = "trunk0",
          .hw_addr = ETH_ADDR_C(0a,00,00,00,00,02),
          .state = OFPUTIL_PS_LIVE },
        { .port_no = u16_to_ofp(OFSWITCH_PEER), .name = "peer0",
          .hw_addr = ETH_ADDR_C(0a,00,00,00,00,03),
          .state = OFPUTIL_PS_LIVE },
    };
    struct ovs_list replies;

    ofpmp_init(&replies, oh);
    for (size_t i = 0; i < ARRAY_SIZE(ports); i++) {
        ofputil_append_port_desc_stats_reply(&ports[i], &replies);
    }
    for (unsigned int i = 1; i < conn->sw->n_trunks; i++) {
        struct ofputil_phy_port *trunk = &ports[1];

        trunk->port_no = u16_to_ofp(OFSWITCH_TRUNK1 + i - 1);
        snprintf(trunk->name, sizeof trunk->name, "trunk%u", i);
        ofputil_append_port_desc_stats_reply(trunk, &replies);
    }
    ofswitch_send_all(conn, &replies);
}

static void
ofswitch_flow_mod(struct ofswitch_conn *conn, const struct ofp_header *oh)
{
    const struct ofp11_flow_mod *ofm = (const void *) (oh + 1);

    conn->n.flow_mods++;
    conn->n.answers += (ofm->table_id == conn->sw->answer_table
                        && ofm->command == OFPFC_ADD);
    if (conn->sw->keeps_flows) {
        ofswitch_apply(conn, oh);
    }
}

static void
ofswitch_bundle_add(struct ofswitch_conn *conn, const struct ofp_header *oh)
{
    struct ofputil_bundle_add_msg add;
    enum ofptype type;

    if (ofputil_decode_bundle_add(oh, &add, &type)) {
        ovs_fatal(0, "cannot decode what is added to a bundle");
    }
    conn->n.flow_mods++;
    if (conn->sw->keeps_flows) {
        ofpbuf_put(&conn->bundle, add.msg, ntohs(add.msg->length));
    }
}

static void
ofswitch_bundle_control(struct ofswitch_conn *conn,
                        const struct ofp_header *oh)
{
    struct ofputil_bundle_ctrl_msg bc;

    if (ofputil_decode_bundle_ctrl(oh, &bc)) {
        ovs_fatal(0, "cannot decode what is to be done with a bundle");
    }
    if (bc.type == OFPBCT_COMMIT_REQUEST) {
        while (conn->bundle.size) {
            const struct ofp_header *mod = conn->bundle.data;

            ofswitch_apply(conn, mod);
            ofpbuf_pull(&conn->bundle, ntohs(mod->length));
        }
    }
    ofpbuf_clear(&conn->bundle);
    bc.type++;                  /* Each request is followed by its reply. */
    bio_send(&conn->bio, ofputil_encode_bundle_ctrl_reply(oh, &bc));
}

/* Messages. */

/* What comes now and then. */
static enum ofperr
ofswitch_handle_other(struct ofswitch_conn *conn, const struct ofp_header *oh)
{
    enum ofptype type;
    enum ofperr error = ofptype_decode(&type, oh);

    if (error) {
        return error;
    }
    if (ofswitch_refuses(conn, type)) {
        conn->n.refused++;
        return OFPERR_OFPBRC_IS_SECONDARY;
    }
    switch ((int) type) {
    case OFPTYPE_FLOW_MOD:
        ofswitch_flow_mod(conn, oh);
        break;
    case OFPTYPE_PACKET_OUT:
        conn->n.packet_outs++;
        break;
    case OFPTYPE_ECHO_REQUEST:
        bio_send(&conn->bio, ofputil_encode_echo_reply(oh));
        break;
    case OFPTYPE_FEATURES_REQUEST:
        ofswitch_send_features(conn, oh);
        break;
    case OFPTYPE_PORT_DESC_STATS_REQUEST:
        ofswitch_send_ports(conn, oh);
        break;
    case OFPTYPE_METER_MOD:
        return ofswitch_meter_mod(conn, oh);
    case OFPTYPE_METER_CONFIG_STATS_REQUEST:
        ofswitch_send_meters(conn, oh);
        break;
    case OFPTYPE_FLOW_STATS_REQUEST:
        ofswitch_dump(conn, oh);
        break;
    case OFPTYPE_AGGREGATE_STATS_REQUEST:
        ofswitch_count(conn, oh);
        break;
    case OFPTYPE_TABLE_STATS_REQUEST:
        ofswitch_tables(conn, oh);
        break;
    case OFPTYPE_ROLE_REQUEST:
        return ofswitch_role_request(conn, oh);
    case OFPTYPE_SET_ASYNC_CONFIG:
        return ofswitch_set_async(conn, oh);
    case OFPTYPE_GET_ASYNC_REQUEST:
        bio_send(&conn->bio, ofputil_encode_get_async_reply(oh,
                                                            &conn->async));
        break;
    case OFPTYPE_BUNDLE_CONTROL:
        ofswitch_bundle_control(conn, oh);
        break;
    case OFPTYPE_BUNDLE_ADD_MESSAGE:
        ofswitch_bundle_add(conn, oh);
        break;
    case OFPTYPE_BARRIER_REQUEST:
        bio_send(&conn->bio, ofpraw_alloc_reply(OFPRAW_OFPT11_BARRIER_REPLY,
                                                oh, 0));
        conn->n.barriers++;
        break;
    default:
        break;
    }
    return 0;
}

/* What comes often, and needs no copy.  Returns false if 'oh' is something
 * else. */
static bool
ofswitch_handle_quickly(struct ofswitch_conn *conn,
                        const struct ofp_header *oh)
{
    if (conn->role == OFPCR12_ROLE_SECONDARY) {
        return false;
    }
    if (oh->type == 13) {       /* OFPT_PACKET_OUT */
        conn->n.packet_outs++;
        return true;
    }
    if (oh->type == 14 && !conn->sw->keeps_flows) {     /* OFPT_FLOW_MOD */
        ofswitch_flow_mod(conn, oh);
        return true;
    }
    return false;
}

static void
ofswitch_handle(struct bio *bio, const struct ofp_header *oh)
{
    static uint64_t aligned[UINT16_MAX / 8 + 1];
    struct ofswitch_conn *conn = bio->aux;
    enum ofperr error;

    if (ofswitch_handle_quickly(conn, oh)) {
        return;
    }
    memcpy(aligned, oh, ntohs(oh->length));
    oh = (const struct ofp_header *) aligned;
    error = ofswitch_handle_other(conn, oh);
    if (error) {
        bio_send(bio, ofperr_encode_reply(error, oh));
    }
}

/* Handles what has come, and queues the answers.  Returns false when the
 * controller is gone, for good. */
bool
ofswitch_run(struct ofswitch_conn *conn)
{
    if (bio_read(&conn->bio, ofswitch_handle)) {
        return true;
    }
    bio_close(&conn->bio);
    ofpbuf_clear(&conn->bundle);
    conn->closed = true;
    ofswitch_drop_role(conn);
    return false;
}
