/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "tests/bench/ofswitch.h"

#include "byte-order.h"
#include "flow.h"
#include "openflow/openflow.h"
#include "openvswitch/ofp-bundle.h"
#include "openvswitch/ofp-connection.h"
#include "openvswitch/ofp-errors.h"
#include "openvswitch/ofp-flow.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofp-port.h"
#include "openvswitch/ofp-switch.h"
#include "openvswitch/ofp-table.h"
#include "openvswitch/ofp-util.h"
#include "util.h"

static enum ofputil_protocol
ofswitch_protocol(const struct ofswitch *sw)
{
    return ofputil_protocol_from_ofp_version(sw->version);
}

/* Connects 'sw', of which the caller has set what is to be known. */
void
ofswitch_connect(struct ofswitch *sw, int epoll_fd, const char *target)
{
    flowset_init(&sw->flows);
    ofpbuf_init(&sw->bundle, 0);
    bio_connect(&sw->bio, epoll_fd, target);
    sw->bio.aux = sw;
    bio_send(&sw->bio, ofputil_encode_hello(1u << sw->version));
}

static void
ofswitch_send_all(struct ofswitch *sw, struct ovs_list *replies)
{
    struct ofpbuf *reply;

    LIST_FOR_EACH_POP (reply, list_node, replies) {
        bio_send(&sw->bio, reply);
    }
}

static void
ofswitch_send_features(struct ofswitch *sw, const struct ofp_header *oh)
{
    const struct ofputil_switch_features features = {
        .datapath_id = sw->dpid,
        .n_tables = 254,
        .capabilities = OFPUTIL_C_FLOW_STATS | OFPUTIL_C_TABLE_STATS
                        | OFPUTIL_C_PORT_STATS,
    };

    bio_send(&sw->bio, ofputil_encode_switch_features(
                 &features, ofswitch_protocol(sw), oh->xid));
    sw->met = true;
}

static void
ofswitch_send_ports(struct ofswitch *sw, const struct ofp_header *oh)
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
    for (unsigned int i = 1; i < sw->n_trunks; i++) {
        struct ofputil_phy_port *trunk = &ports[1];

        trunk->port_no = u16_to_ofp(OFSWITCH_TRUNK1 + i - 1);
        snprintf(trunk->name, sizeof trunk->name, "trunk%u", i);
        ofputil_append_port_desc_stats_reply(trunk, &replies);
    }
    ofswitch_send_all(sw, &replies);
}

static void
ofswitch_send_nothing(struct ofswitch *sw, const struct ofp_header *oh)
{
    struct ovs_list replies;

    ofpmp_init(&replies, oh);
    ofswitch_send_all(sw, &replies);
}

/* Decodes 'oh', which asks for flows. */
static struct ofputil_flow_stats_request
ofswitch_asked(const struct ofp_header *oh)
{
    struct ofputil_flow_stats_request fsr;

    if (ofputil_decode_flow_stats_request(&fsr, oh, NULL, NULL)) {
        ovs_fatal(0, "cannot decode what flows are asked for");
    }
    if (!flow_wildcards_is_catchall(&fsr.match.wc)) {
        ovs_fatal(0, "asked for flows by their match");
    }
    return fsr;
}

static bool
ofswitch_is_asked_for(const struct flowset_flow *flow,
                      const struct ofputil_flow_stats_request *fsr)
{
    return (!((htonll(flow->cookie) ^ fsr->cookie) & fsr->cookie_mask)
            && (fsr->table_id == OFPTT_ALL || fsr->table_id == flow->table));
}

/* Calls 'cb' for each flow that 'fsr' asks for. */
static void
ofswitch_ask(const struct ofswitch *sw,
             const struct ofputil_flow_stats_request *fsr,
             void (*cb)(const struct flowset_flow *, void *aux), void *aux)
{
    const struct flowset_owner *owner;
    const struct flowset_flow *flow;

    if (fsr->cookie_mask != OVS_BE64_MAX) {
        HMAP_FOR_EACH (flow, node, &sw->flows.flows) {
            if (ofswitch_is_asked_for(flow, fsr)) {
                cb(flow, aux);
            }
        }
        return;
    }
    owner = flowset_owner(&sw->flows, ntohll(fsr->cookie));
    if (owner) {
        LIST_FOR_EACH (flow, owner_node, &owner->flows) {
            if (ofswitch_is_asked_for(flow, fsr)) {
                cb(flow, aux);
            }
        }
    }
}

static void
ofswitch_append(const struct flowset_flow *flow, void *replies)
{
    struct ofputil_flow_stats fs = {
        .cookie = htonll(flow->cookie),
        .table_id = flow->table,
        .priority = flow->priority,
        .idle_timeout = flow->idle_timeout,
        .hard_timeout = flow->hard_timeout,
        .flags = flow->flags,
        .idle_age = -1,
        .hard_age = -1,
        .ofpacts = flow->ofpacts,
        .ofpacts_len = flow->ofpacts_len,
    };

    minimatch_expand(&flow->match, &fs.match);
    ofputil_append_flow_stats_reply(&fs, replies, NULL);
}

static void
ofswitch_dump(struct ofswitch *sw, const struct ofp_header *oh)
{
    struct ofputil_flow_stats_request fsr = ofswitch_asked(oh);
    struct ovs_list replies;

    ofpmp_init(&replies, oh);
    ofswitch_ask(sw, &fsr, ofswitch_append, &replies);
    ofswitch_send_all(sw, &replies);
}

static void
ofswitch_increment(const struct flowset_flow *flow OVS_UNUSED, void *stats_)
{
    struct ofputil_aggregate_stats *stats = stats_;

    stats->flow_count++;
}

static void
ofswitch_count(struct ofswitch *sw, const struct ofp_header *oh)
{
    struct ofputil_flow_stats_request fsr = ofswitch_asked(oh);
    struct ofputil_aggregate_stats stats = { .flow_count = 0 };

    ofswitch_ask(sw, &fsr, ofswitch_increment, &stats);
    bio_send(&sw->bio, ofputil_encode_aggregate_stats_reply(&stats, oh));
}

static void
ofswitch_tables(struct ofswitch *sw, const struct ofp_header *oh)
{
    struct ofpbuf *reply = ofputil_encode_table_stats_reply(oh);
    struct ofputil_table_features features = { .table_id = 0 };
    struct ofputil_table_stats stats[OFPTT_MAX + 1];
    const struct flowset_flow *flow;

    memset(stats, 0, sizeof stats);
    HMAP_FOR_EACH (flow, node, &sw->flows.flows) {
        stats[flow->table].active_count++;
    }
    for (size_t i = 0; i < ARRAY_SIZE(stats); i++) {
        features.table_id = stats[i].table_id = i;
        ofputil_append_table_stats_reply(reply, &stats[i], &features);
    }
    bio_send(&sw->bio, reply);
}

/* Flow-mods. */

static void
ofswitch_add(struct ofswitch *sw, const struct ofputil_flow_mod *fm)
{
    struct ofpbuf acts = ofpbuf_const_initializer(fm->ofpacts,
                                                  fm->ofpacts_len);
    struct match match;

    minimatch_expand(&fm->match, &match);
    flowset_add(&sw->flows, &(struct flowset_spec) {
        .table = fm->table_id, .priority = fm->priority,
        .cookie = ntohll(fm->new_cookie), .idle_timeout = fm->idle_timeout,
        .hard_timeout = fm->hard_timeout,
        .flags = fm->flags & OFPUTIL_FF_STATE, .match = &match,
        .ofpacts = &acts,
    });
}

static void
ofswitch_delete(struct ofswitch *sw, const struct ofputil_flow_mod *fm)
{
    bool strict = fm->command == OFPFC_DELETE_STRICT;
    struct flowset_flow *flow;

    HMAP_FOR_EACH_SAFE (flow, node, &sw->flows.flows) {
        if (!((htonll(flow->cookie) ^ fm->cookie) & fm->cookie_mask)
            && (fm->table_id == OFPTT_ALL || fm->table_id == flow->table)
            && (!strict
                || (flow->priority == fm->priority
                    && minimatch_equal(&flow->match, &fm->match)))) {
            flowset_remove(&sw->flows, flow);
        }
    }
}

/* Brings the flow-mod 'oh' in force. */
static void
ofswitch_apply(struct ofswitch *sw, const struct ofp_header *oh)
{
    struct ofputil_flow_mod fm;
    uint64_t stub[1024 / 8];
    struct ofpbuf acts = OFPBUF_STUB_INITIALIZER(stub);
    enum ofperr error = ofputil_decode_flow_mod(
        &fm, oh, ofswitch_protocol(sw), NULL, NULL, &acts,
        u16_to_ofp(OFPP_MAX), 255);

    if (error) {
        ovs_fatal(0, "cannot decode a flow-mod (%s)",
                  ofperr_to_string(error));
    }
    if (fm.command == OFPFC_ADD) {
        ofswitch_add(sw, &fm);
    } else {
        ofswitch_delete(sw, &fm);
    }
    minimatch_destroy(&fm.match);
    ofpbuf_uninit(&acts);
}

static void
ofswitch_flow_mod(struct ofswitch *sw, const struct ofp_header *oh)
{
    const struct ofp11_flow_mod *ofm = (const void *) (oh + 1);

    sw->n_flow_mods++;
    sw->n_answers += (ofm->table_id == sw->answer_table
                      && ofm->command == OFPFC_ADD);
    if (sw->keeps_flows) {
        ofswitch_apply(sw, oh);
    }
}

static void
ofswitch_bundle_add(struct ofswitch *sw, const struct ofp_header *oh)
{
    struct ofputil_bundle_add_msg add;
    enum ofptype type;

    if (ofputil_decode_bundle_add(oh, &add, &type)) {
        ovs_fatal(0, "cannot decode what is added to a bundle");
    }
    sw->n_flow_mods++;
    if (sw->keeps_flows) {
        ofpbuf_put(&sw->bundle, add.msg, ntohs(add.msg->length));
    }
}

static void
ofswitch_bundle_control(struct ofswitch *sw, const struct ofp_header *oh)
{
    struct ofputil_bundle_ctrl_msg bc;

    if (ofputil_decode_bundle_ctrl(oh, &bc)) {
        ovs_fatal(0, "cannot decode what is to be done with a bundle");
    }
    if (bc.type == OFPBCT_COMMIT_REQUEST) {
        while (sw->bundle.size) {
            const struct ofp_header *mod = sw->bundle.data;

            ofswitch_apply(sw, mod);
            ofpbuf_pull(&sw->bundle, ntohs(mod->length));
        }
    }
    ofpbuf_clear(&sw->bundle);
    bc.type++;                  /* Each request is followed by its reply. */
    bio_send(&sw->bio, ofputil_encode_bundle_ctrl_reply(oh, &bc));
}

/* Messages. */

static void
ofswitch_role(struct ofswitch *sw, const struct ofp_header *oh)
{
    struct ofputil_role_request rr;

    if (!ofputil_decode_role_message(oh, &rr)) {
        bio_send(&sw->bio, ofputil_encode_role_reply(oh, &rr));
    }
}

/* What comes now and then. */
static void
ofswitch_handle_other(struct ofswitch *sw, const struct ofp_header *oh)
{
    enum ofptype type;

    if (ofptype_decode(&type, oh)) {
        return;
    }
    switch ((int) type) {
    case OFPTYPE_ECHO_REQUEST:
        bio_send(&sw->bio, ofputil_encode_echo_reply(oh));
        break;
    case OFPTYPE_FEATURES_REQUEST:
        ofswitch_send_features(sw, oh);
        break;
    case OFPTYPE_PORT_DESC_STATS_REQUEST:
        ofswitch_send_ports(sw, oh);
        break;
    case OFPTYPE_METER_CONFIG_STATS_REQUEST:
        ofswitch_send_nothing(sw, oh);
        break;
    case OFPTYPE_FLOW_STATS_REQUEST:
        ofswitch_dump(sw, oh);
        break;
    case OFPTYPE_AGGREGATE_STATS_REQUEST:
        ofswitch_count(sw, oh);
        break;
    case OFPTYPE_TABLE_STATS_REQUEST:
        ofswitch_tables(sw, oh);
        break;
    case OFPTYPE_ROLE_REQUEST:
        ofswitch_role(sw, oh);
        break;
    case OFPTYPE_BUNDLE_CONTROL:
        ofswitch_bundle_control(sw, oh);
        break;
    case OFPTYPE_BUNDLE_ADD_MESSAGE:
        ofswitch_bundle_add(sw, oh);
        break;
    case OFPTYPE_BARRIER_REQUEST:
        bio_send(&sw->bio, ofpraw_alloc_reply(OFPRAW_OFPT11_BARRIER_REPLY,
                                              oh, 0));
        sw->n_barriers++;
        break;
    default:
        break;
    }
}

static void
ofswitch_handle(struct bio *bio, const struct ofp_header *oh)
{
    static uint64_t aligned[UINT16_MAX / 8 + 1];
    struct ofswitch *sw = bio->aux;

    switch (oh->type) {
    case 13:                    /* OFPT_PACKET_OUT */
        sw->n_packet_outs++;
        break;
    case 14:                    /* OFPT_FLOW_MOD */
        if (!sw->keeps_flows) {
            ofswitch_flow_mod(sw, oh);
            break;
        }
        /* fall through */
    default:
        memcpy(aligned, oh, ntohs(oh->length));
        oh = (const struct ofp_header *) aligned;
        if (oh->type == 14) {
            ofswitch_flow_mod(sw, oh);
        } else {
            ofswitch_handle_other(sw, oh);
        }
        break;
    }
}

/* Handles what has come.  Returns false when the controller is gone. */
bool
ofswitch_run(struct ofswitch *sw)
{
    return bio_read(&sw->bio, ofswitch_handle);
}
