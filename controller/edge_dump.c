/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "controller/edge_private.h"

#include <limits.h>
#include "controller/ofconn.h"
#include "flows/inquiry.h"
#include "flows/layout.h"
#include "flows/topo.h"
#include "openvswitch/ofp-flow.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofp-table.h"
#include "openvswitch/ofp-util.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/vlog.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(edge_dump);

/* An answer that takes so many milliseconds is followed by a break of as
 * long: whatever keeps the switch so busy, it gets to the rest of its work. */
#define EDGE_DUMP_LONG 30

void
edge_dump_init(struct edge *edge)
{
    flowset_init(&edge->dump.config);
    macdump_init(&edge->dump.macs);
    flowset_init(&edge->dump.other_macs);
    flowset_init(&edge->dump.taken);
    inquiry_init(&edge->dump.inquiry);
    edge->dump.resume_at = LLONG_MAX;
}

void
edge_dump_destroy(struct edge *edge)
{
    flowset_destroy(&edge->dump.config);
    macdump_clear(&edge->dump.macs);
    flowset_destroy(&edge->dump.other_macs);
    flowset_destroy(&edge->dump.taken);
    inquiry_destroy(&edge->dump.inquiry);
}

/* Forgets what the switch has reported. */
static void
edge_dump_clear(struct edge *edge)
{
    flowset_clear(&edge->dump.config);
    macdump_clear(&edge->dump.macs);
    flowset_clear(&edge->dump.other_macs);
    flowset_clear(&edge->dump.taken);
    edge->dump.lease = false;
    edge_limit_dump(edge);
}

/* What the switch has been asked does not matter any more. */
void
edge_dump_stop(struct edge *edge)
{
    inquiry_end(&edge->dump.inquiry);
    edge->dump.n_asked = 0;
    edge->dump.resume_at = LLONG_MAX;
}

/* What is asked. */

static bool
edge_dump_counts(const struct inquiry_ask *ask)
{
    return ask->stage == INQUIRY_COUNT || ask->stage == INQUIRY_CHECK;
}

/* Adds to 'match' that the MAC by which 'table' looks flows up ends in 'bits',
 * as far as 'mask' says. */
void
edge_match_mac(struct match *match, uint8_t table, uint16_t bits,
               uint16_t mask)
{
    struct eth_addr mac = { .be16[2] = htons(bits) };
    struct eth_addr mac_mask = { .be16[2] = htons(mask) };

    if (mask && table == LAYOUT_SOURCE) {
        match_set_dl_src_masked(match, mac, mac_mask);
    } else if (mask) {
        match_set_dl_dst_masked(match, mac, mac_mask);
    }
}

static struct ofpbuf *
edge_dump_encode(const struct edge *edge, const struct inquiry_ask *ask)
{
    struct ofputil_flow_stats_request fsr = {
        .aggregate = edge_dump_counts(ask),
        .cookie = htonll(ask->cookie),
        .cookie_mask = htonll(ask->cookie_mask),
        .out_port = OFPP_ANY,
        .out_group = OFPG_ANY,
        .table_id = ask->table,
    };

    if (ask->stage == INQUIRY_TABLES) {
        return ofpraw_alloc(OFPRAW_OFPST_TABLE_REQUEST,
                            ofconn_version(edge->conn), 0);
    }
    match_init_catchall(&fsr.match);
    edge_match_mac(&fsr.match, ask->table, ask->mac, ask->mac_mask);
    return ofputil_encode_flow_stats_request(&fsr,
                                             ofconn_protocol(edge->conn));
}

/* Asks what is to be asked now. */
static void
edge_dump_ask(struct edge *edge)
{
    struct edge_dump *dump = &edge->dump;
    struct inquiry_ask ask;

    while (inquiry_next(&dump->inquiry, &ask)) {
        if (ask.anew) {
            edge_dump_clear(edge);
        }
        dump->asked[dump->n_asked++] = (struct edge_asked) {
            .xid = edge_send(edge, edge_dump_encode(edge, &ask)),
            .ask = ask,
            .since = time_msec(),
        };
    }
}

/* Goes on asking if the break is over, and returns what edge_receive() would
 * have without the break. */
enum edge_event
edge_resume(struct edge *edge, long long now)
{
    if (now < edge->dump.resume_at) {
        return EDGE_EV_NONE;
    }
    edge->dump.resume_at = LLONG_MAX;
    edge_dump_ask(edge);
    return (inquiry_is_done(&edge->dump.inquiry) ? EDGE_EV_FLOWS
            : EDGE_EV_NONE);
}

/* Asks for all flows at once.  What was asked before does not matter. */
static void
edge_dump_whole(struct edge *edge)
{
    edge_dump_stop(edge);
    inquiry_begin_whole(&edge->dump.inquiry);
    edge_dump_ask(edge);
}

/* Asks for all flows that have our cookie.  In states SYNCED and FOLLOW that
 * goes beside everything else.
 *
 * It may be asked for parts if nothing changes meanwhile: nothing is learned,
 * and no timeout ends.  While another controller leads, for a look, it may in
 * any case. */
void
edge_ask_flows(struct edge *edge)
{
    bool beside = edge->state == EDGE_SYNCED || edge->state == EDGE_FOLLOW;

    edge_dump_stop(edge);
    if (edge->state != EDGE_SYNCED && edge->tnode->tells_idle) {
        inquiry_begin(&edge->dump.inquiry, edge->state == EDGE_FOLLOW);
    } else {
        inquiry_begin_whole(&edge->dump.inquiry);
    }
    if (!beside) {
        edge_set_state(edge, EDGE_DUMP);
        edge->times.asked_at = time_msec();
    }
    edge_dump_ask(edge);
}

/* A timeout has ended that an earlier session has set. */
void
edge_dump_changed(struct edge *edge)
{
    if (edge->dump.inquiry.stage < INQUIRY_DONE) {
        VLOG_INFO("%s: flows change while it is asked for them",
                  edge_name(edge));
        edge_dump_whole(edge);
    }
}

/* What is answered. */

/* Returns the question that 'oh' is about, or NULL. */
static struct edge_asked *
edge_dump_find(struct edge *edge, const struct ofp_header *oh)
{
    for (size_t i = 0; i < edge->dump.n_asked; i++) {
        if (edge->dump.asked[i].xid == oh->xid) {
            return &edge->dump.asked[i];
        }
    }
    return NULL;
}

/* 'asked' is answered. */
static enum edge_event
edge_dump_answered(struct edge *edge, struct edge_asked *asked)
{
    struct edge_dump *dump = &edge->dump;
    struct edge_asked answered = *asked;
    long long now = time_msec();

    *asked = dump->asked[--dump->n_asked];
    inquiry_answered(&dump->inquiry, &answered.ask, answered.n);
    if (now - answered.since >= EDGE_DUMP_LONG
        && answered.ask.stage != INQUIRY_WHOLE) {
        dump->resume_at = now + (now - answered.since);
    }
    if (dump->resume_at == LLONG_MAX) {
        edge_dump_ask(edge);
    }
    return (inquiry_is_done(&dump->inquiry) ? EDGE_EV_FLOWS : EDGE_EV_NONE);
}

enum edge_event
edge_dump_tables(struct edge *edge, const struct ofp_header *oh)
{
    struct ofpbuf b = ofpbuf_const_initializer(oh, ntohs(oh->length));
    struct edge_asked *asked = edge_dump_find(edge, oh);
    struct ofputil_table_features features;
    struct ofputil_table_stats stats;
    int retval;

    if (!asked || asked->ask.stage != INQUIRY_TABLES) {
        return EDGE_EV_NONE;
    }
    while (!(retval = ofputil_decode_table_stats_reply(&b, &stats,
                                                       &features))) {
        inquiry_table(&edge->dump.inquiry, stats.table_id,
                      stats.active_count);
    }
    if (retval != EOF) {
        return EDGE_EV_NONSENSE;
    }
    return ofpmp_more(oh) ? EDGE_EV_NONE : edge_dump_answered(edge, asked);
}

enum edge_event
edge_dump_count(struct edge *edge, const struct ofp_header *oh)
{
    struct edge_asked *asked = edge_dump_find(edge, oh);
    struct ofputil_aggregate_stats stats;

    if (!asked || !edge_dump_counts(&asked->ask)) {
        return EDGE_EV_NONE;
    }
    if (ofputil_decode_aggregate_stats_reply(&stats, oh)) {
        return EDGE_EV_NONSENSE;
    }
    asked->n = stats.flow_count;
    return edge_dump_answered(edge, asked);
}

static void
edge_dump_flow(struct edge *edge, const struct ofputil_flow_stats *fs)
{
    uint64_t cookie = ntohll(fs->cookie);
    enum layout_kind kind = layout_cookie_kind(cookie);

    if (layout_kind_is_mac(kind)) {
        flowset_add_stats(&edge->dump.other_macs, fs);
    } else if (kind == LAYOUT_K_LEASE) {
        edge->dump.lease = true;
    } else if (kind == LAYOUT_K_TAKEN) {
        flowset_add_stats(&edge->dump.taken, fs);
    } else if (kind != LAYOUT_K_PENDING) {
        /* What leads to a meter that is not the one it was is sent again. */
        if (edge->state != EDGE_DUMP
            || !edge_has_made_meter(edge, fs->ofpacts, fs->ofpacts_len)) {
            flowset_add_stats(&edge->dump.config, fs);
        }
        inquiry_flow(&edge->dump.inquiry, edge->topo, cookie);
    }
}

enum edge_event
edge_dump_flows(struct edge *edge, const struct ofp_header *oh)
{
    struct ofpbuf b = ofpbuf_const_initializer(oh, ntohs(oh->length));
    struct edge_asked *asked = edge_dump_find(edge, oh);
    struct ofputil_flow_stats fs;
    uint64_t stub[1024 / 8];
    struct ofpbuf acts = OFPBUF_STUB_INITIALIZER(stub);
    bool fits = true;
    int retval;

    if (!asked || asked->ask.stage == INQUIRY_TABLES
        || edge_dump_counts(&asked->ask)) {
        return EDGE_EV_NONE;
    }
    ofpraw_pull_assert(&b);
    do {
        while (macdump_take(&edge->dump.macs, edge->macmsg, oh->version,
                            &b)) {
            asked->n++;
            fits = edge_limit_grow(edge, sizeof(struct macdump_flow));
        }
        size_t before = b.size;
        retval = ofputil_decode_flow_stats_reply(&fs, &b, false, &acts);
        if (!retval) {
            edge_dump_flow(edge, &fs);
            asked->n++;
            /* Decoded it takes at least that. */
            fits = edge_limit_grow(edge, 2 * (before - b.size));
        }
    } while (!retval && fits);
    ofpbuf_uninit(&acts);
    if (!fits || retval != EOF) {
        return EDGE_EV_NONSENSE;
    }
    return ofpmp_more(oh) ? EDGE_EV_NONE : edge_dump_answered(edge, asked);
}

/* The error 'oh' may be the answer to a question about flows.  Asks for all,
 * if it was not for all that was asked. */
enum edge_event
edge_dump_refused(struct edge *edge, const struct ofp_header *oh)
{
    const struct edge_asked *asked = edge_dump_find(edge, oh);

    if (!asked) {
        return EDGE_EV_NONE;
    }
    if (asked->ask.stage == INQUIRY_WHOLE) {
        edge_dump_stop(edge);
        return EDGE_EV_REFUSED;
    }
    edge_dump_whole(edge);
    return EDGE_EV_NONE;
}
