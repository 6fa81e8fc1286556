/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* Asking a switch what its flows have counted.
 *
 * Open vSwitch does nothing else while it answers, and with the userspace
 * datapath, unless ports have threads of their own, that includes to forward.
 * So it is asked about one owner of flows at a time, by its cookie, by which
 * it finds them without looking at others; about as many at once as have
 * EDGE_STATS_FLOWS flows, which takes it a millisecond or so; and not for more
 * than EDGE_STATS_RATE flows a second. */

#include <config.h>
#include "controller/edge_private.h"

#include <time.h>
#include "controller/ofconn.h"
#include "controller/usage.h"
#include "flows/layout.h"
#include "flows/topo.h"
#include "openflow/openflow-1.1.h"
#include "openflow/openflow-1.5.h"
#include "openvswitch/ofp-flow.h"
#include "openvswitch/ofp-meter.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofp-util.h"
#include "openvswitch/ofpbuf.h"
#include "timeval.h"
#include "util.h"

#define EDGE_STATS_FLOWS 256
#define EDGE_STATS_RATE 16000

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

/* The processor time of this thread, in microseconds. */
static unsigned long long
edge_stats_cpu(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return ts.tv_sec * 1000000ULL + ts.tv_nsec / 1000;
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

/* Begins a round: 'edge', which is in no round, is to be asked about all that
 * its node has.  The caller puts it into a list. */
void
edge_stats_begin(struct edge *edge, long long now)
{
    const struct topo_node *node = edge->tnode;
    struct edge_polling *p = &edge->polling;
    const struct topo_claim *claim;
    const struct topo_plug *plug;
    ofp_port_t tunnel = topo_node_tunnel(node);

    if (!edge->tnode->stats) {
        edge->tnode->stats = stats_create(now);
    }
    stats_begin(edge->tnode->stats);
    memset(&p->cost, 0, sizeof p->cost);
    p->n_answered = 0;
    p->began = p->resume_at = now;
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
    HMAP_FOR_EACH (claim, port_node, &node->claims) {
        edge_stats_add_claim(p, claim);
    }
}

static bool
edge_stats_is_meter(uint64_t about)
{
    return (about & LAYOUT_COOKIE_MASK) != LAYOUT_COOKIE_OURS;
}

static struct ofpbuf *
edge_stats_encode(const struct edge *edge, uint64_t about)
{
    struct ofputil_flow_stats_request fsr = {
        .cookie = htonll(about),
        .cookie_mask = OVS_BE64_MAX,
        .out_port = OFPP_ANY,
        .out_group = OFPG_ANY,
        .table_id = OFPTT_ALL,
    };

    if (edge_stats_is_meter(about)) {
        return ofputil_encode_meter_request(ofconn_version(edge->conn),
                                            OFPUTIL_METER_STATS, about);
    }
    if (layout_cookie_kind(about) == LAYOUT_K_STATIC) {
        fsr.table_id = LAYOUT_LEARN;
    }
    match_init_catchall(&fsr.match);
    return ofputil_encode_flow_stats_request(&fsr,
                                             ofconn_protocol(edge->conn));
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
    unsigned long long cpu = edge_stats_cpu();

    p->n_batch = edge_stats_batch(p);
    p->n_batch_flows = 0;
    p->since = now;
    p->xid = edge->next_xid;
    for (size_t i = 0; i < p->n_batch; i++) {
        uint64_t about = p->about[p->next++];

        p->batch[i] = (struct edge_stats_ask) { .about = about };
        edge_send(edge, edge_stats_encode(edge, about));
        p->waiting |= 1u << i;
    }
    p->cost.messages += p->n_batch;
    p->cost.cpu += edge_stats_cpu() - cpu;
}

/* Goes on with the round.  Returns true if it is complete. */
bool
edge_stats_step(struct edge *edge, long long now)
{
    struct edge_polling *p = &edge->polling;

    if (p->waiting || now < p->resume_at) {
        return false;
    }
    if (p->next < p->n) {
        edge_stats_send(edge, now);
        return false;
    }
    stats_end(edge->tnode->stats);
    p->cost.took = now - p->began;
    p->last_cost = p->cost;
    p->ended = now;
    edge_stats_stop(edge);
    return true;
}

/* What is answered. */

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

/* The question to which 'oh' belongs is answered. */
static void
edge_stats_answered(struct edge *edge, const struct ofp_header *oh)
{
    struct edge_stats_ask *ask = edge_stats_ask(edge, oh);
    struct edge_polling *p = &edge->polling;
    long long now = time_msec(), took = now - p->since;

    if (ask->summed) {
        struct stats_reading reading = { .count = ask->sum, .age = -1 };

        stats_take(edge->tnode->stats, edge->tnode, &ask->where, &reading,
                   now);
    }
    p->n_answered++;
    p->waiting &= ~(1u << (ntohl(oh->xid) - p->xid));
    if (!p->waiting) {
        p->resume_at = p->since + p->n_batch_flows * 1000 / EDGE_STATS_RATE;
        if (took >= EDGE_STATS_LONG) {
            p->resume_at = MAX(p->resume_at, now + took);
        }
    }
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

/* Pulls the next flow off 'b', a reply of 'version', if it is one that counts
 * nothing: most have long actions, and to decode these takes time. */
static bool
edge_stats_skip(struct ofpbuf *b, uint8_t version)
{
    const uint8_t *data = b->data;
    size_t offset = (version >= OFP15_VERSION
                     ? offsetof(struct ofp15_flow_desc, table_id)
                     : offsetof(struct ofp11_flow_stats, table_id));
    size_t length;

    if (b->size < sizeof(struct ofp15_flow_desc)
        || stats_table_counts(data[offset])) {
        return false;
    }
    length = data[0] << 8 | data[1];
    return (length >= sizeof(struct ofp15_flow_desc) && length <= b->size
            && ofpbuf_try_pull(b, length));
}

enum edge_event
edge_stats_flows(struct edge *edge, const struct ofp_header *oh)
{
    struct ofpbuf b = ofpbuf_const_initializer(oh, ntohs(oh->length));
    struct edge_stats_ask *ask = edge_stats_ask(edge, oh);
    struct edge_polling *p = &edge->polling;
    unsigned long long cpu = edge_stats_cpu();
    struct ofputil_flow_stats fs;
    uint64_t stub[1024 / 8];
    struct ofpbuf acts = OFPBUF_STUB_INITIALIZER(stub);
    long long now = time_msec();
    size_t n = 0;
    int retval;

    ofpraw_pull_assert(&b);
    do {
        while (edge_stats_skip(&b, oh->version)) {
            n++;
        }
        retval = ofputil_decode_flow_stats_reply(&fs, &b, false, &acts);
        if (!retval) {
            edge_stats_take(edge, ask, &fs, now);
            n++;
        }
    } while (!retval);
    ofpbuf_uninit(&acts);
    p->n_batch_flows += n;
    p->cost.flows += n;
    p->cost.messages++;
    if (retval == EOF && !ofpmp_more(oh)) {
        edge_stats_answered(edge, oh);
    }
    p->cost.cpu += edge_stats_cpu() - cpu;
    return retval == EOF ? EDGE_EV_NONE : EDGE_EV_NONSENSE;
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
    edge->polling.cost.messages++;
    edge_stats_answered(edge, oh);
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
              2 + TOPO_MAX_PORTS + 2 * n_segments + 2 * n_places);
    usage_add(usage, "stats-max-per-edge",
              1 + TOPO_MAX_PORTS + n_segments + n_places);
}
