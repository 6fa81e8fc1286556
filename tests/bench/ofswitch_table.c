/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "tests/bench/ofswitch_private.h"

#include "byte-order.h"
#include "flow.h"
#include "hash.h"
#include "openvswitch/ofp-flow.h"
#include "openvswitch/ofp-meter.h"
#include "openvswitch/ofp-monitor.h"
#include "openvswitch/ofp-port.h"
#include "openvswitch/ofp-table.h"
#include "openvswitch/ofp-util.h"
#include "packets.h"
#include "timeval.h"
#include "util.h"

struct ofswitch_meter {
    struct hmap_node node;
    struct ofputil_meter_config config;         /* Owns its bands. */
};

/* Dumps. */

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

/* What is to be told about flows. */
struct ofswitch_dump {
    struct ovs_list replies;
    uint64_t n_frames;          /* Of each. */
};

static uint64_t
ofswitch_frames(const struct ofswitch *sw)
{
    return sw->has_traffic ? time_msec() / 1000 : 0;
}

static void
ofswitch_append(const struct flowset_flow *flow, void *dump_)
{
    struct ofswitch_dump *dump = dump_;
    struct ofputil_flow_stats fs = {
        .cookie = htonll(flow->cookie),
        .table_id = flow->table,
        .priority = flow->priority,
        .idle_timeout = flow->idle_timeout,
        .hard_timeout = flow->hard_timeout,
        .flags = flow->flags,
        .packet_count = dump->n_frames,
        .byte_count = dump->n_frames * ETH_TOTAL_MIN,
        .idle_age = -1,
        .hard_age = -1,
        .ofpacts = flow->ofpacts,
        .ofpacts_len = flow->ofpacts_len,
    };

    minimatch_expand(&flow->match, &fs.match);
    ofputil_append_flow_stats_reply(&fs, &dump->replies, NULL);
}

void
ofswitch_dump(struct ofswitch_conn *conn, const struct ofp_header *oh)
{
    struct ofputil_flow_stats_request fsr = ofswitch_asked(oh);
    struct ofswitch_dump dump = { .n_frames = ofswitch_frames(conn->sw) };

    ofpmp_init(&dump.replies, oh);
    ofswitch_ask(conn->sw, &fsr, ofswitch_append, &dump);
    ofswitch_send_all(conn, &dump.replies);
}

static void
ofswitch_increment(const struct flowset_flow *flow OVS_UNUSED, void *stats_)
{
    struct ofputil_aggregate_stats *stats = stats_;

    stats->flow_count++;
}

void
ofswitch_count(struct ofswitch_conn *conn, const struct ofp_header *oh)
{
    struct ofputil_flow_stats_request fsr = ofswitch_asked(oh);
    struct ofputil_aggregate_stats stats = { .flow_count = 0 };

    ofswitch_ask(conn->sw, &fsr, ofswitch_increment, &stats);
    stats.packet_count = stats.flow_count * ofswitch_frames(conn->sw);
    stats.byte_count = stats.packet_count * ETH_TOTAL_MIN;
    bio_send(&conn->bio, ofputil_encode_aggregate_stats_reply(&stats, oh));
}

void
ofswitch_tables(struct ofswitch_conn *conn, const struct ofp_header *oh)
{
    struct ofpbuf *reply = ofputil_encode_table_stats_reply(oh);
    struct ofputil_table_features features = { .table_id = 0 };
    struct ofputil_table_stats stats[OFPTT_MAX + 1];
    const struct flowset_flow *flow;

    memset(stats, 0, sizeof stats);
    HMAP_FOR_EACH (flow, node, &conn->sw->flows.flows) {
        stats[flow->table].active_count++;
    }
    for (size_t i = 0; i < ARRAY_SIZE(stats); i++) {
        features.table_id = stats[i].table_id = i;
        ofputil_append_table_stats_reply(reply, &stats[i], &features);
    }
    bio_send(&conn->bio, reply);
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

/* Tells whoever wants to hear it that 'flow' was deleted. */
static void
ofswitch_tell_removed(struct ofswitch *sw, const struct flowset_flow *flow)
{
    struct ofputil_flow_removed fr = {
        .priority = flow->priority,
        .cookie = htonll(flow->cookie),
        .reason = OFPRR_DELETE,
        .table_id = flow->table,
        .idle_timeout = flow->idle_timeout,
        .hard_timeout = flow->hard_timeout,
    };

    minimatch_expand(&flow->match, &fr.match);
    for (size_t i = 0; i < sw->n_conns; i++) {
        struct ofswitch_conn *conn = &sw->conns[i];

        if (ofswitch_hears(conn, OAM_FLOW_REMOVED, fr.reason)) {
            bio_send(&conn->bio, ofputil_encode_flow_removed(
                         &fr, ofswitch_protocol(sw)));
        }
    }
}

/* Returns how many flows that were. */
static size_t
ofswitch_delete(struct ofswitch *sw, const struct ofputil_flow_mod *fm)
{
    size_t before = flowset_count(&sw->flows);
    bool strict = fm->command == OFPFC_DELETE_STRICT;
    struct flowset_flow *flow;

    HMAP_FOR_EACH_SAFE (flow, node, &sw->flows.flows) {
        if (!((htonll(flow->cookie) ^ fm->cookie) & fm->cookie_mask)
            && (fm->table_id == OFPTT_ALL || fm->table_id == flow->table)
            && (!strict
                || (flow->priority == fm->priority
                    && minimatch_equal(&flow->match, &fm->match)))) {
            if (flow->flags & OFPUTIL_FF_SEND_FLOW_REM) {
                ofswitch_tell_removed(sw, flow);
            }
            flowset_remove(&sw->flows, flow);
        }
    }
    return before - flowset_count(&sw->flows);
}

/* Brings the flow-mod 'oh' in force. */
void
ofswitch_apply(struct ofswitch_conn *conn, const struct ofp_header *oh)
{
    struct ofswitch *sw = conn->sw;
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
        conn->n.changes++;
    } else {
        conn->n.changes += ofswitch_delete(sw, &fm);
    }
    minimatch_destroy(&fm.match);
    ofpbuf_uninit(&acts);
}

/* Meters. */

static struct ofswitch_meter *
ofswitch_meter(const struct ofswitch *sw, uint32_t id)
{
    struct ofswitch_meter *meter;

    HMAP_FOR_EACH_WITH_HASH (meter, node, hash_int(id, 0), &sw->meters) {
        if (meter->config.meter_id == id) {
            return meter;
        }
    }
    return NULL;
}

static void
ofswitch_delete_meters(struct ofswitch *sw, uint32_t id)
{
    struct ofswitch_meter *meter;

    HMAP_FOR_EACH_SAFE (meter, node, &sw->meters) {
        if (id == OFPM13_ALL || id == meter->config.meter_id) {
            hmap_remove(&sw->meters, &meter->node);
            free(meter->config.bands);
            free(meter);
        }
    }
}

/* Makes the meter what 'config' says. */
static void
ofswitch_put_meter(struct ofswitch *sw,
                   const struct ofputil_meter_config *config)
{
    struct ofswitch_meter *meter = xmalloc(sizeof *meter);

    ofswitch_delete_meters(sw, config->meter_id);
    meter->config = *config;
    meter->config.bands = xmemdup(config->bands,
                                  config->n_bands * sizeof *config->bands);
    hmap_insert(&sw->meters, &meter->node, hash_int(config->meter_id, 0));
}

static enum ofperr
ofswitch_change_meter(struct ofswitch *sw, const struct ofputil_meter_mod *mm)
{
    bool exists = ofswitch_meter(sw, mm->meter.meter_id);

    if (mm->command == OFPMC13_DELETE) {
        ofswitch_delete_meters(sw, mm->meter.meter_id);
    } else if (mm->command == OFPMC13_ADD && exists) {
        return OFPERR_OFPMMFC_METER_EXISTS;
    } else if (mm->command == OFPMC13_MODIFY && !exists) {
        return OFPERR_OFPMMFC_UNKNOWN_METER;
    } else {
        ofswitch_put_meter(sw, &mm->meter);
    }
    return 0;
}

enum ofperr
ofswitch_meter_mod(struct ofswitch_conn *conn, const struct ofp_header *oh)
{
    uint64_t stub[256 / 8];
    struct ofpbuf bands = OFPBUF_STUB_INITIALIZER(stub);
    struct ofputil_meter_mod mm;
    enum ofperr error = ofputil_decode_meter_mod(oh, &mm, &bands);

    conn->n.meter_mods++;
    if (!error && conn->sw->keeps_flows) {
        error = ofswitch_change_meter(conn->sw, &mm);
    }
    ofpbuf_uninit(&bands);
    return error;
}

void
ofswitch_send_meters(struct ofswitch_conn *conn, const struct ofp_header *oh)
{
    const struct ofswitch_meter *meter;
    struct ovs_list replies;
    uint32_t id;

    ofputil_decode_meter_request(oh, &id);
    ofpmp_init(&replies, oh);
    HMAP_FOR_EACH (meter, node, &conn->sw->meters) {
        if (id == OFPM13_ALL || id == meter->config.meter_id) {
            ofputil_append_meter_config(&replies, &meter->config);
        }
    }
    ofswitch_send_all(conn, &replies);
}
