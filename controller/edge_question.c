/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* What a switch has counted, asked flow by flow for somebody who wants to know
 * it: a flow, what no flow of a table matched, a meter.  That goes beside
 * everything else. */

#include <config.h>
#include "controller/edge_private.h"

#include "controller/ofconn.h"
#include "flows/layout.h"
#include "openvswitch/ofp-flow.h"
#include "openvswitch/ofp-meter.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofp-table.h"
#include "openvswitch/ofpbuf.h"
#include "timeval.h"
#include "util.h"

/* Adds a question, which is about 'like', and sends 'msg', which asks it. */
static void
edge_question_add(struct edge *edge, struct edge_question q,
                  struct ofpbuf *msg)
{
    if (edge->n_questions == edge->allocated_questions) {
        edge->questions = x2nrealloc(edge->questions,
                                     &edge->allocated_questions,
                                     sizeof *edge->questions);
    }
    q.xid = edge_send(edge, msg);
    edge->questions[edge->n_questions++] = q;
    edge->n_unanswered++;
    edge->questions_since = time_msec();
}

/* Returns false if the switch is not to be asked for more at once. */
static bool
edge_question_fits(const struct edge *edge)
{
    return edge->n_questions < EDGE_MAX_QUESTIONS;
}

/* Asks for the one flow in 'like', which is taken if the switch is asked.
 * Returns false if it is not. */
bool
edge_ask_flow(struct edge *edge, struct flowset *like, void *aux)
{
    struct edge_question q = { .reply = OFPTYPE_FLOW_STATS_REPLY, .aux = aux };
    struct ofputil_flow_stats_request fsr = {
        .cookie_mask = htonll(LAYOUT_COOKIE_EXACT),
        .out_port = OFPP_ANY,
        .out_group = OFPG_ANY,
    };
    struct flowset_flow *flow;

    if (!edge_question_fits(edge)) {
        return false;
    }
    HMAP_FOR_EACH (flow, node, &like->flows) {
        fsr.cookie = htonll(flow->cookie);
        fsr.table_id = flow->table;
        minimatch_expand(&flow->match, &fsr.match);
    }
    q.like = xmalloc(sizeof *q.like);
    flowset_init(q.like);
    flowset_swap(q.like, like);
    edge_question_add(edge, q, ofputil_encode_flow_stats_request(
                                   &fsr, ofconn_protocol(edge->conn)));
    return true;
}

/* Asks how many frames no flow of 'table' matched.  Returns false if the
 * switch is not asked. */
bool
edge_ask_misses(struct edge *edge, enum layout_table table, void *aux)
{
    struct edge_question q = {
        .reply = OFPTYPE_TABLE_STATS_REPLY, .table = table, .aux = aux,
    };

    if (!edge_question_fits(edge)) {
        return false;
    }
    edge_question_add(edge, q, ofpraw_alloc(OFPRAW_OFPST_TABLE_REQUEST,
                                            ofconn_version(edge->conn), 0));
    return true;
}

/* Asks how many frames 'meter' has dropped.  Returns false if the switch is
 * not asked. */
bool
edge_ask_dropped(struct edge *edge, uint32_t meter, void *aux)
{
    struct edge_question q = {
        .reply = OFPTYPE_METER_STATS_REPLY, .meter = meter, .aux = aux,
    };

    if (!edge_question_fits(edge)) {
        return false;
    }
    edge_question_add(edge, q, ofputil_encode_meter_request(
                                   ofconn_version(edge->conn),
                                   OFPUTIL_METER_STATS, meter));
    return true;
}

void
edge_forget_questions(struct edge *edge)
{
    for (size_t i = 0; i < edge->n_questions; i++) {
        if (edge->questions[i].like) {
            flowset_destroy(edge->questions[i].like);
            free(edge->questions[i].like);
        }
    }
    free(edge->questions);
    edge->questions = NULL;
    edge->n_questions = edge->allocated_questions = edge->n_unanswered = 0;
}

/* Returns the question that 'oh', which is of 'type', answers, or NULL. */
struct edge_question *
edge_question_find(struct edge *edge, const struct ofp_header *oh,
                   enum ofptype type)
{
    for (size_t i = 0; edge->n_unanswered && i < edge->n_questions; i++) {
        struct edge_question *q = &edge->questions[i];

        if (oh->xid && q->xid == oh->xid
            && (type == q->reply || type == OFPTYPE_ERROR)) {
            return q;
        }
    }
    return NULL;
}

/* 'q' is answered, or will not be. */
enum edge_event
edge_question_answered(struct edge *edge, struct edge_question *q)
{
    q->xid = 0;
    return --edge->n_unanswered ? EDGE_EV_NONE : EDGE_EV_ANSWERED;
}

/* A flow that matches what was asked: is it the one? */
static void
edge_question_flow(struct edge_question *q,
                   const struct ofputil_flow_stats *fs)
{
    struct flowset one;
    const struct flowset_flow *flow, *like;

    flowset_init(&one);
    flowset_add_stats(&one, fs);
    HMAP_FOR_EACH (flow, node, &one.flows) {
        like = flowset_find(q->like, flow);
        if (like && like->cookie == flow->cookie) {
            q->found = true;
            q->same = flowset_flow_same(like, flow);
            q->n_packets = fs->packet_count;
            q->age = fs->duration_sec;
            q->idle = fs->idle_age;
        }
    }
    flowset_destroy(&one);
}

/* Returns EOF when all of 'b' has been read. */
static int
edge_question_read(struct edge_question *q, struct ofpbuf *b,
                   struct ofpbuf *stub)
{
    struct ofputil_table_features features;
    struct ofputil_flow_stats fs;
    struct ofputil_table_stats ts;
    struct ofputil_meter_stats ms;
    int retval;

    if (q->reply == OFPTYPE_FLOW_STATS_REPLY) {
        while (!(retval = ofputil_decode_flow_stats_reply(&fs, b, false,
                                                          stub))) {
            edge_question_flow(q, &fs);
        }
    } else if (q->reply == OFPTYPE_METER_STATS_REPLY) {
        while (!(retval = ofputil_decode_meter_stats(b, &ms, stub))) {
            q->found = q->same = ms.meter_id == q->meter;
            q->n_packets = ms.n_bands ? ms.bands[0].packet_count : 0;
        }
    } else {
        while (!(retval = ofputil_decode_table_stats_reply(b, &ts,
                                                           &features))) {
            if (ts.table_id == q->table) {
                q->found = q->same = true;
                q->n_packets = ts.lookup_count - ts.matched_count;
            }
        }
    }
    return retval;
}

/* Takes in 'oh', which answers 'q' or a part of it. */
enum edge_event
edge_question_take(struct edge *edge, struct edge_question *q,
                   const struct ofp_header *oh)
{
    struct ofpbuf b = ofpbuf_const_initializer(oh, ntohs(oh->length));
    uint64_t stub[1024 / 8];
    struct ofpbuf scratch = OFPBUF_STUB_INITIALIZER(stub);
    int retval = edge_question_read(q, &b, &scratch);

    ofpbuf_uninit(&scratch);
    return (retval != EOF ? EDGE_EV_NONSENSE
            : ofpmp_more(oh) ? EDGE_EV_NONE
            : edge_question_answered(edge, q));
}
