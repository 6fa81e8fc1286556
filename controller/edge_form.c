/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* Messages that each switch is sent over and over, and that are the same but
 * for some numbers: made once for each version, by libopenvswitch. */

#include <config.h>
#include "controller/edge_private.h"

#include "controller/ofconn.h"
#include "flows/layout.h"
#include "flows/packetout.h"
#include "openflow/openflow-1.1.h"
#include "openvswitch/ofp-flow.h"
#include "openvswitch/ofp-meter.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofp-packet.h"
#include "openvswitch/ofp-util.h"
#include "openvswitch/ofpbuf.h"
#include "util.h"

static struct ofpbuf *
edge_form_lease(enum ofputil_protocol protocol)
{
    uint64_t stub[512 / 8];
    struct ofpbuf acts = OFPBUF_STUB_INITIALIZER(stub);
    struct ofputil_packet_out po = {
        .packet = packetout_blank,
        .packet_len = ETH_TOTAL_MIN,
        .buffer_id = UINT32_MAX,
    };
    struct ofpbuf *msg;

    packetout_lease(&acts);
    po.ofpacts = acts.data;
    po.ofpacts_len = acts.size;
    match_init_catchall(&po.flow_metadata);
    match_set_in_port(&po.flow_metadata, OFPP_CONTROLLER);
    msg = ofputil_encode_packet_out(&po, protocol);
    ofpbuf_uninit(&acts);
    return msg;
}

static struct ofpbuf *
edge_form_flows(enum ofputil_protocol protocol, bool aggregate)
{
    struct ofputil_flow_stats_request fsr = {
        .aggregate = aggregate,
        .cookie_mask = OVS_BE64_MAX,
        .out_port = OFPP_ANY,
        .out_group = OFPG_ANY,
        .table_id = OFPTT_ALL,
    };

    if (aggregate) {
        fsr.cookie = htonll(layout_cookie(LAYOUT_K_SEGMENT, 0));
        fsr.cookie_mask = htonll(LAYOUT_COOKIE_KIND);
        fsr.table_id = LAYOUT_CLASSIFY;
    }
    match_init_catchall(&fsr.match);
    return ofputil_encode_flow_stats_request(&fsr, protocol);
}

static struct ofpbuf *
edge_form_make(enum edge_form form, enum ofp_version version)
{
    enum ofputil_protocol protocol
        = ofputil_protocol_from_ofp_version(version);

    switch (form) {
    case EDGE_FORM_LEASE:
        return edge_form_lease(protocol);
    case EDGE_FORM_METERS:
        return ofputil_encode_meter_request(version, OFPUTIL_METER_CONFIG,
                                            OFPM13_ALL);
    case EDGE_FORM_FLOWS:
        return edge_form_flows(protocol, false);
    case EDGE_FORM_SUM:
        return edge_form_flows(protocol, true);
    case EDGE_N_FORMS:
    default:
        OVS_NOT_REACHED();
    }
    return NULL;
}

/* Returns 'form', for 'edge'. */
static struct ofpbuf *
edge_form(const struct edge *edge, enum edge_form form)
{
    static struct ofpbuf *forms[OFP15_VERSION + 1][EDGE_N_FORMS];
    enum ofp_version version = ofconn_version(edge->conn);
    struct ofpbuf **p = &forms[version][form];

    if (!*p) {
        *p = edge_form_make(form, version);
        ofpmsg_update_length(*p);
    }
    return *p;
}

/* Sends 'form', and returns its transaction ID. */
ovs_be32
edge_send_form(struct edge *edge, enum edge_form form)
{
    struct ofpbuf *msg = edge_form(edge, form);
    ovs_be32 xid = htonl(edge->next_xid++);

    ((struct ofp_header *) msg->data)->xid = xid;
    ofconn_put(edge->conn, msg->data, msg->size);
    return xid;
}

/* Asks for the flows with exactly that 'cookie' in 'table', or OFPTT_ALL, and
 * returns the transaction ID. */
ovs_be32
edge_send_flow_request(struct edge *edge, uint64_t cookie, uint8_t table)
{
    struct ofpbuf *msg = edge_form(edge, EDGE_FORM_FLOWS);
    struct ofp11_flow_stats_request *fsr = msg->msg;

    fsr->cookie = htonll(cookie);
    fsr->table_id = table;
    return edge_send_form(edge, EDGE_FORM_FLOWS);
}
