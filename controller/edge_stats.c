/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* Asking a switch what its flows have counted.
 *
 * Open vSwitch does nothing else while it answers, and with the userspace
 * datapath, unless ports have threads of their own, that includes to forward.
 * So it is asked about one owner of flows at a time, by its cookie, by which
 * it finds them without looking at others; about as many at once as have
 * EDGE_STATS_FLOWS flows, which takes it a millisecond or so; and not for more
 * than EDGE_STATS_RATE flows a second.
 *
 * What no frame has come for has counted nothing.  So first it is asked for a
 * sum of what has come in for all segments, by the flows of CLASSIFY that say
 * which segment a frame is of; and if that is what it was, and was when all of
 * them were asked about, none is.  In the round after the one that found
 * another sum they are asked about again: a switch counts for one flow after
 * the other, and may have been in the middle of it. */

#include <config.h>
#include "controller/edge_private.h"

#include "controller/ofconn.h"
#include "controller/usage.h"
#include "flows/layout.h"
#include "flows/topo.h"
#include "openvswitch/ofp-meter.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofp-util.h"
#include "openvswitch/ofpbuf.h"
#include "timeval.h"
#include "util.h"

#define EDGE_STATS_FLOWS 256
#define EDGE_STATS_RATE 16000

/* With more bindings and host ports there is no sum: Open vSwitch looks at all
 * flows of CLASSIFY for it. */
#define EDGE_STATS_MAX_SUM 1024

/* Flows of an owner, as long as none has told. */
#define EDGE_STATS_MEAN 8

/* An answer that takes so many milliseconds is followed by a break of as
 * long. */
#define EDGE_STATS_LONG 30

BUILD_ASSERT_DECL(EDGE_STATS_BATCH <= 32);

void
edge_stats_init(struct edge *edge)
{
    ovs_list_init(&edge->polling.node);
    edge->times.reconcile = edge->times.bundle = -1;
}

/* Ends a round, complete or not. */
void
edge_stats_stop(struct edge *edge)
{
    struct edge_polling *p = &edge->polling;

    ovs_list_remove(&p->node);
    ovs_list_init(&p->node);
    free(p->about);
    p->about = NULL;
    p->n = p->allocated = p->next = p->n_batch = 0;
    p->waiting = 0;
}

/* What is asked. */

static void
edge_stats_add(struct edge_polling *p, uint64_t about)
{
    if (p->n == p->allocated) {
        p->about = x2nrealloc(p->about, &p->allocated, sizeof *p->about);
    }
    p->about[p->n++] = about;
}

static void
edge_stats_add_claim(struct edge_polling *p, const struct topo_claim *claim)
{
    const struct topo_segment *segment = claim->attach->place.segment;

    if (topo_claim_is_first(claim)) {
        edge_stats_add(p, layout_cookie(LAYOUT_K_SEGMENT, segment->vni));
        if (segment->n_macs > segment->n_learned) {
            edge_stats_add(p, layout_cookie(LAYOUT_K_STATIC, segment->vni));
        }
    }
    for (int i = 0; claim->slot && i < TOPO_N_DIRECTIONS; i++) {
        if (claim->attach->limits[i].rate) {
            edge_stats_add(p, layout_limit_meter(claim->slot,
                                                 i == TOPO_OUT));
        }
    }
}

/* What the switch has told is worth nothing any more: other flows than before
 * are to count, or what it told is forgotten. */
void
edge_stats_changed(struct edge *edge)
{
    edge->polling.n_full = 0;
    edge->polling.n_memos = 0;
}

/* Begins a round: 'edge', which is in no round, is to be asked about all that
 * its node has.  The caller puts it into a list. */
void
edge_stats_begin(struct edge *edge, long long now)
{
    const struct topo_node *node = edge->tnode;
    struct edge_polling *p = &edge->polling;
    const struct topo_plug *plug;
    ofp_port_t tunnel = topo_node_tunnel(node);

    if (!edge->tnode->stats) {
        edge->tnode->stats = stats_create(now);
        edge_stats_changed(edge);
    }
    stats_begin(edge->tnode->stats);
    memset(&p->cost, 0, sizeof p->cost);
    p->n_answered = 0;
    p->calm = p->deep = false;
    p->began = p->resume_at = now;
    if (!p->no_sum && hmap_count(&node->claims) <= EDGE_STATS_MAX_SUM) {
        edge_stats_add(p, EDGE_STATS_SUM);
    }
    edge_stats_add(p, layout_cookie(LAYOUT_K_NODE, 0));
    edge_stats_add(p, layout_cookie(LAYOUT_K_ADDRS, 0));
    if (tunnel != OFPP_NONE) {
        edge_stats_add(p, layout_cookie(LAYOUT_K_PORT, ofp_to_u16(tunnel)));
    }
    HMAP_FOR_EACH (plug, node, &node->plugs) {
        const struct topo_port *port = topo_node_port(node, plug->port);

        if (port) {
            edge_stats_add(p, layout_cookie(LAYOUT_K_PORT,
                                            ofp_to_u16(port->ofport)));
        }
    }
}

/* The round is to be about segments, too. */
static void
edge_stats_add_claims(struct edge *edge)
{
    const struct topo_claim *claim;

    edge->polling.deep = true;
    HMAP_FOR_EACH (claim, port_node, &edge->tnode->claims) {
        edge_stats_add_claim(&edge->polling, claim);
    }
}

static bool
edge_stats_is_meter(uint64_t about)
{
    return (about & LAYOUT_COOKIE_MASK) != LAYOUT_COOKIE_OURS;
}

static void
edge_stats_send_one(struct edge *edge, uint64_t about)
{
    if (about == EDGE_STATS_SUM) {
        edge_send_form(edge, EDGE_FORM_SUM);
    } else if (edge_stats_is_meter(about)) {
        edge_send(edge, ofputil_encode_meter_request(
                            ofconn_version(edge->conn), OFPUTIL_METER_STATS,
                            about));
    } else {
        edge_send_flow_request(edge, about,
                               (layout_cookie_kind(about) == LAYOUT_K_STATIC
                                ? LAYOUT_LEARN : OFPTT_ALL));
    }
}

/* Returns how many questions are to be asked at once. */
static size_t
edge_stats_batch(const struct edge_polling *p)
{
    size_t mean = (p->n_answered ? p->cost.flows / p->n_answered + 1
                   : EDGE_STATS_MEAN);
    size_t n = MIN(MAX(EDGE_STATS_FLOWS / mean, 1), EDGE_STATS_BATCH);

    return MIN(n, p->n - p->next);
}

static void
edge_stats_send(struct edge *edge, long long now)
{
    struct edge_polling *p = &edge->polling;
    long long began = time_usec();

    p->n_batch = edge_stats_batch(p);
    p->n_batch_flows = 0;
    p->since = now;
    p->xid = edge->next_xid;
    for (size_t i = 0; i < p->n_batch; i++) {
        uint64_t about = p->about[p->next++];

        p->batch[i] = (struct edge_stats_ask) {
            .about = about, .index = p->next - 1,
        };
        edge_stats_send_one(edge, about);
        p->waiting |= 1u << i;
    }
    p->cost.messages += p->n_batch;
    p->cost.cpu += time_usec() - began;
}

/* Returns true if the round goes on beyond what is asked first. */
bool
edge_stats_asks_more(const struct edge *edge)
{
    const struct edge_polling *p = &edge->polling;

    return p->deep || (!p->waiting && p->next == p->n && !p->calm);
}

/* Goes on with the round.  Returns true if it is complete. */
bool
edge_stats_step(struct edge *edge, long long now)
{
    struct edge_polling *p = &edge->polling;

    if (p->waiting) {
        return false;
    }
    if (p->next == p->n && !p->calm && !p->deep) {
        edge_stats_add_claims(edge);
    }
    if (p->next < p->n) {
        if (now >= p->resume_at) {
            edge_stats_send(edge, now);
        }
        return false;
    }
    if (p->deep) {
        p->n_full = MIN(p->n_full + 1, EDGE_STATS_N_FULL);
    }
    stats_end(edge->tnode->stats);
    p->cost.took = now - p->began;
    p->last_cost = p->cost;
    p->ended = now;
    edge_stats_stop(edge);
    return true;
}

/* Question 'i' of the batch is answered. */
void
edge_stats_done(struct edge *edge, uint32_t i)
{
    struct edge_polling *p = &edge->polling;
    long long now = time_msec(), took = now - p->since;

    p->n_answered++;
    p->waiting &= ~(1u << i);
    if (!p->waiting) {
        p->resume_at = p->since + p->n_batch_flows * 1000 / EDGE_STATS_RATE;
        if (took >= EDGE_STATS_LONG) {
            p->resume_at = MAX(p->resume_at, now + took);
        }
    }
}

/* Adds to 'usage' how much each edge of 'topo' may take: questions of a round,
 * and what is kept of the answers. */
void
edge_stats_bounds(const struct topo *topo, struct simap *usage)
{
    size_t n_segments = hmap_count(&topo->rows[TOPO_SEGMENT]);
    size_t n_places = (hmap_count(&topo->rows[TOPO_BINDING])
                       + hmap_count(&topo->rows[TOPO_HOST_PORT]));

    usage_add(usage, "stats-questions-max-per-edge",
              3 + TOPO_MAX_PORTS + 2 * n_segments + 2 * n_places);
    usage_add(usage, "stats-max-per-edge",
              1 + TOPO_MAX_PORTS + n_segments + n_places);
}
