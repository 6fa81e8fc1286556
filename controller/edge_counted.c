/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* What a switch says that its flows have counted.
 *
 * To decode a flow takes libopenvswitch a microsecond, and to find what it has
 * counted a tenth of that.  So the numbers of what answers a question are
 * added up first; if there are as many flows as in the round before, which
 * have counted as much, there is nothing new in it. */

#include <config.h>
#include "controller/edge_private.h"

#include "flows/flowmsg.h"
#include "flows/layout.h"
#include "flows/topo.h"
#include "openvswitch/ofp-flow.h"
#include "openvswitch/ofp-meter.h"
#include "openvswitch/ofp-monitor.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofpbuf.h"
#include "timeval.h"
#include "util.h"

bool
edge_stats_is_answer(const struct edge *edge, const struct ofp_header *oh)
{
    uint32_t i = ntohl(oh->xid) - edge->polling.xid;

    return i < edge->polling.n_batch && edge->polling.waiting & 1u << i;
}

static struct edge_stats_ask *
edge_stats_ask(struct edge *edge, const struct ofp_header *oh)
{
    struct edge_polling *p = &edge->polling;

    return &p->batch[ntohl(oh->xid) - p->xid];
}

/* Returns what was answered last to what is asked by 'ask'. */
static struct edge_memo *
edge_stats_memo(struct edge *edge, const struct edge_stats_ask *ask)
{
    struct edge_polling *p = &edge->polling;

    while (ask->index >= p->n_memos) {
        if (p->n_memos == p->allocated_memos) {
            p->memos = x2nrealloc(p->memos, &p->allocated_memos,
                                  sizeof *p->memos);
        }
        p->memos[p->n_memos++].about = 0;
    }
    return &p->memos[ask->index];
}

static bool
edge_sum_equals(const struct edge_sum *a, const struct edge_sum *b)
{
    return (a->n_frames == b->n_frames && a->n_bytes == b->n_bytes
            && a->n_flows == b->n_flows);
}

static bool
edge_stats_may_count(const struct flowmsg *m)
{
    return stats_may_count(ntohll(m->fm.cookie), m->fm.table_id,
                           ntohs(m->fm.priority), !m->instructions_size);
}

/* The question to which 'oh' belongs is answered. */
static void
edge_stats_answered(struct edge *edge, const struct ofp_header *oh)
{
    struct edge_stats_ask *ask = edge_stats_ask(edge, oh);

    if (ask->summed) {
        struct stats_reading reading = { .count = ask->sum, .age = -1 };

        stats_take(edge->tnode->stats, edge->tnode, &ask->where, &reading,
                   time_msec());
    }
    edge_stats_done(edge, ntohl(oh->xid) - edge->polling.xid);
}

/* Adds one flow to what is asked for. */
static void
edge_stats_take(struct edge *edge, struct edge_stats_ask *ask,
                const struct ofputil_flow_stats *fs, long long now)
{
    struct stats_flow flow = {
        .table = fs->table_id,
        .priority = fs->priority,
        .cookie = ntohll(fs->cookie),
        .match = &fs->match,
        .drops = !fs->ofpacts_len,
    };
    struct stats_reading reading = {
        .count = { fs->packet_count, fs->byte_count },
        .age = fs->duration_sec * 1000LL + fs->duration_nsec / 1000000,
        .drops = flow.drops,
    };
    struct stats_where where;

    if (flow.cookie != ask->about || fs->packet_count == UINT64_MAX
        || fs->byte_count == UINT64_MAX
        || !stats_of_flow(edge->tnode, &flow, &where)) {
        return;
    }
    if (where.summed) {
        ask->where = where;
        ask->summed = true;
        ask->sum.frames += fs->packet_count;
        ask->sum.bytes += fs->byte_count;
    } else {
        stats_take(edge->tnode->stats, edge->tnode, &where, &reading, now);
    }
}

/* What has been counted by the flows that a reply of 'version' has in 'b':
 * none of them is decoded.  Returns false if they do not tell. */
static bool
edge_stats_sum(struct ofpbuf b, uint8_t version, struct edge_sum *sum)
{
    struct flowmsg m;

    memset(sum, 0, sizeof *sum);
    while (b.size) {
        uint64_t n_frames, n_bytes;

        if (!flowmsg_cut(b.data, b.size, version, &m)) {
            return false;
        }
        if (edge_stats_may_count(&m)) {
            if (!flowmsg_count(&m, version, &n_frames, &n_bytes)) {
                return false;
            }
            sum->n_frames += n_frames;
            sum->n_bytes += n_bytes;
        }
        sum->n_flows++;
        ofpbuf_pull(&b, m.size);
    }
    return true;
}

/* Whether 'oh', whose flows are in 'b', tells all that is asked by 'ask', and
 * nothing that it did not tell in the last round. */
static bool
edge_stats_is_known(struct edge *edge, const struct edge_stats_ask *ask,
                    const struct ofp_header *oh, const struct ofpbuf *b,
                    size_t *n)
{
    struct edge_memo *memo = edge_stats_memo(edge, ask);
    struct edge_sum sum;

    if (ask->in_parts || ofpmp_more(oh)
        || !edge_stats_sum(*b, oh->version, &sum)) {
        memo->about = 0;
        return false;
    }
    *n = sum.n_flows;
    if (memo->about == ask->about && edge_sum_equals(&memo->sum, &sum)) {
        return true;
    }
    memo->about = ask->about;
    memo->sum = sum;
    return false;
}

/* Pulls the next flow off 'b', a reply of 'version', if it is one that counts
 * nothing: most have long actions, and to decode these takes time. */
static bool
edge_stats_skip(struct ofpbuf *b, uint8_t version)
{
    struct flowmsg m;

    if (!flowmsg_cut(b->data, b->size, version, &m)
        || edge_stats_may_count(&m)) {
        return false;
    }
    ofpbuf_pull(b, m.size);
    return true;
}

/* Takes the flows in 'b', from 'oh'.  Returns 0, or EOF or an error as
 * ofputil_decode_flow_stats_reply() does, and adds their number to '*n'. */
static int
edge_stats_decode(struct edge *edge, struct edge_stats_ask *ask,
                  const struct ofp_header *oh, struct ofpbuf *b, size_t *n)
{
    struct ofputil_flow_stats fs;
    uint64_t stub[1024 / 8];
    struct ofpbuf acts = OFPBUF_STUB_INITIALIZER(stub);
    long long now = time_msec();
    int retval;

    do {
        while (edge_stats_skip(b, oh->version)) {
            ++*n;
        }
        retval = ofputil_decode_flow_stats_reply(&fs, b, false, &acts);
        if (!retval) {
            edge_stats_take(edge, ask, &fs, now);
            ++*n;
        }
    } while (!retval);
    ofpbuf_uninit(&acts);
    return retval;
}

enum edge_event
edge_stats_flows(struct edge *edge, const struct ofp_header *oh)
{
    struct ofpbuf b = ofpbuf_const_initializer(oh, ntohs(oh->length));
    struct edge_stats_ask *ask = edge_stats_ask(edge, oh);
    struct edge_polling *p = &edge->polling;
    long long began = time_usec();
    int retval = EOF;
    size_t n = 0;

    ofpraw_pull_assert(&b);
    if (edge_stats_is_known(edge, ask, oh, &b, &n)) {
        stats_keep(edge->tnode->stats, edge->tnode, ask->about, time_msec());
    } else {
        n = 0;
        retval = edge_stats_decode(edge, ask, oh, &b, &n);
        ask->in_parts = true;
    }
    p->n_batch_flows += n;
    p->cost.flows += n;
    p->cost.messages++;
    if (retval == EOF && !ofpmp_more(oh)) {
        edge_stats_answered(edge, oh);
    }
    p->cost.cpu += time_usec() - began;
    return retval == EOF ? EDGE_EV_NONE : EDGE_EV_NONSENSE;
}

/* Takes the sum. */
enum edge_event
edge_stats_aggregate(struct edge *edge, const struct ofp_header *oh)
{
    struct edge_polling *p = &edge->polling;
    struct ofputil_aggregate_stats stats;

    if (ofputil_decode_aggregate_stats_reply(&stats, oh)) {
        return EDGE_EV_NONSENSE;
    } else if (edge_stats_ask(edge, oh)->about != EDGE_STATS_SUM) {
        return EDGE_EV_NONE;
    }

    struct edge_sum sum = {
        .n_frames = stats.packet_count,
        .n_bytes = stats.byte_count,
        .n_flows = stats.flow_count,
    };

    if (sum.n_frames == UINT64_MAX || !edge_sum_equals(&sum, &p->sum)) {
        p->sum = sum;
        p->n_full = 0;
    } else if (p->n_full >= EDGE_STATS_N_FULL) {
        p->calm = true;
        stats_keep_segments(edge->tnode->stats, time_msec());
    }
    p->cost.messages++;
    edge_stats_answered(edge, oh);
    return EDGE_EV_NONE;
}

enum edge_event
edge_stats_meter(struct edge *edge, const struct ofp_header *oh)
{
    struct ofpbuf b = ofpbuf_const_initializer(oh, ntohs(oh->length));
    struct edge_stats_ask *ask = edge_stats_ask(edge, oh);
    struct edge_polling *p = &edge->polling;
    uint64_t stub[256 / 8];
    struct ofpbuf bands = OFPBUF_STUB_INITIALIZER(stub);
    struct ofputil_meter_stats stats;
    struct stats_where where;
    int retval;

    while (!(retval = ofputil_decode_meter_stats(&b, &stats, &bands))) {
        if (stats.meter_id == ask->about && stats.n_bands
            && stats_of_meter(edge->tnode, stats.meter_id, &where)) {
            struct stats_reading reading = {
                .count = { stats.bands[0].packet_count,
                           stats.bands[0].byte_count },
                .age = -1,
            };

            stats_take(edge->tnode->stats, edge->tnode, &where, &reading,
                       time_msec());
        }
        p->n_batch_flows++;
        p->cost.flows++;
    }
    ofpbuf_uninit(&bands);
    p->cost.messages++;
    if (retval == EOF && !ofpmp_more(oh)) {
        edge_stats_answered(edge, oh);
    }
    return retval == EOF ? EDGE_EV_NONE : EDGE_EV_NONSENSE;
}

/* The switch does not answer a question: there is no such meter, say. */
void
edge_stats_refused(struct edge *edge, const struct ofp_header *oh)
{
    if (edge_stats_ask(edge, oh)->about == EDGE_STATS_SUM) {
        edge->polling.no_sum = true;
    }
    edge->polling.cost.messages++;
    edge_stats_answered(edge, oh);
}
