/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "controller/edge_private.h"

#include "controller/ofconn.h"
#include "flows/layout.h"
#include "flows/packetout.h"
#include "flows/pipeline.h"
#include "flows/topo.h"
#include "hash.h"
#include "openflow/openflow-1.3.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/ofp-errors.h"
#include "openvswitch/ofp-flow.h"
#include "openvswitch/ofp-meter.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofpbuf.h"
#include "timeval.h"

/* What a gate lets pass, in kbit/s: a terabit a second when it is open, when
 * it is closed less than a frame while it matters.  (No limit, and none at
 * all, cannot be said: a switch refuses a meter without bands, and a rate of
 * 0.) */
#define EDGE_OPEN_RATE (1u << 30)
#define EDGE_CLOSED_RATE 1

#define EDGE_METER_MOD 29       /* OFPT_METER_MOD, from OpenFlow 1.3 on. */

/* What a limit lets pass at once after a while without frames: as much as in a
 * second, and of a limit in kbit/s the largest frame at least. */
#define EDGE_LIMIT_BURST 128    /* kbit. */

/* Whether 'id' is a meter of storm control. */
static bool
edge_is_limit(uint32_t id)
{
    bool out;

    return layout_limit_slot(id, &out) != 0;
}

struct edge_meter *
edge_meter(const struct edge *edge, uint32_t id)
{
    struct edge_meter *meter;

    HMAP_FOR_EACH_WITH_HASH (meter, node, hash_int(id, 0), &edge->meters) {
        if (meter->id == id) {
            return meter;
        }
    }
    return NULL;
}

static struct edge_meter *
edge_note_meter(struct edge *edge, uint32_t id, uint32_t rate, uint16_t flags)
{
    struct edge_meter *meter = edge_meter(edge, id);

    if (!meter) {
        meter = xzalloc(sizeof *meter);
        meter->id = id;
        hmap_insert(&edge->meters, &meter->node, hash_int(id, 0));
        edge->n_limits += edge_is_limit(id);
    }
    meter->rate = rate;
    meter->units = flags & EDGE_METER_UNITS;
    meter->stale = meter->missed = false;
    return meter;
}

void
edge_forget_meters(struct edge *edge)
{
    struct edge_meter *meter;

    HMAP_FOR_EACH_POP (meter, node, &edge->meters) {
        free(meter);
    }
    edge->n_limits = 0;
}

/* Calls 'take' for each meter of 'edge' that 'oh' reports and that limits
 * anything.  Returns false if 'oh' makes no sense. */
bool
edge_read_meters(struct edge *edge, const struct ofp_header *oh,
                 edge_take_meter_func *take)
{
    struct ofpbuf b = ofpbuf_const_initializer(oh, ntohs(oh->length));
    uint64_t stub[256 / 8];
    struct ofpbuf bands = OFPBUF_STUB_INITIALIZER(stub);
    struct ofputil_meter_config mc;
    int retval;

    while (!(retval = ofputil_decode_meter_config(&b, &mc, &bands))) {
        if (mc.n_bands) {
            take(edge, mc.meter_id, mc.bands[0].rate, mc.flags);
        }
    }
    ofpbuf_uninit(&bands);
    return retval == EOF;
}

static void
edge_take_meter(struct edge *edge, uint32_t id, uint32_t rate, uint16_t flags)
{
    if (hmap_count(&edge->meters) < EDGE_MAX_METERS) {
        edge_note_meter(edge, id, rate, flags);
    }
}

/* Takes in the meters that 'oh' reports.  Returns false if it makes no
 * sense. */
bool
edge_take_meters(struct edge *edge, const struct ofp_header *oh)
{
    return edge_read_meters(edge, oh, edge_take_meter);
}

/* Makes meter 'id' let 'rate' pass, in the unit that 'flags' says, and 'burst'
 * at once, unless it does. */
static void
edge_set_meter(struct edge *edge, uint32_t id, uint32_t rate, uint32_t burst,
               uint16_t flags)
{
    struct ofputil_meter_band band = {
        .type = OFPMBT13_DROP, .rate = rate, .burst_size = burst,
    };
    struct ofputil_meter_mod mm = {
        .command = OFPMC13_ADD,
        .meter = {
            .meter_id = id,
            .flags = flags | OFPMF13_BURST,
            .n_bands = 1,
            .bands = &band,
        },
    };
    struct edge_meter *old = edge_meter(edge, id);

    if (old && old->rate == rate && old->units == flags) {
        old->stale = false;
        return;
    }
    if (old) {
        mm.command = OFPMC13_MODIFY;
    }
    edge_send(edge, ofputil_encode_meter_mod(ofconn_version(edge->conn),
                                             &mm));
    edge_note_meter(edge, id, rate, flags)->made |= !old;
}

/* Takes the error 'oh', if it is about a meter that the switch was to make: it
 * has none.  (Somebody else may have made or deleted it.  Which that is, it
 * says when it is next asked.) */
void
edge_refuse_meter(struct edge *edge, const struct ofp_header *oh)
{
    struct ofpbuf payload;
    enum ofperr error = ofperr_decode_msg(oh, &payload);
    const struct ofp_header *request = payload.data;
    struct ofp13_meter_mod mod;

    if (payload.size >= sizeof *request + sizeof mod
        && request->type == EDGE_METER_MOD
        && error != OFPERR_OFPMMFC_UNKNOWN_METER
        && error != OFPERR_OFPMMFC_METER_EXISTS) {
        struct edge_meter *meter;

        memcpy(&mod, request + 1, sizeof mod);
        meter = edge_meter(edge, ntohl(mod.meter_id));
        if (meter) {
            hmap_remove(&edge->meters, &meter->node);
            edge->n_limits -= edge_is_limit(meter->id);
            free(meter);
        }
    }
    ofpbuf_uninit(&payload);
}

/* Whether 'ofpacts' bound what goes to the controller by a meter that has been
 * made anew.  Open vSwitch looks up such a meter when it gets the flow, and
 * keeps the flow when the meter is deleted: it would ask none, or another one
 * that has come in its place. */
bool
edge_has_made_meter(const struct edge *edge, const struct ofpact *ofpacts,
                    size_t ofpacts_len)
{
    const struct ofpact *a;

    OFPACT_FOR_EACH (a, ofpacts, ofpacts_len) {
        if (a->type == OFPACT_CONTROLLER) {
            const struct edge_meter *meter
                = edge_meter(edge, ofpact_get_CONTROLLER(a)->meter_id);

            if (meter && meter->made) {
                return true;
            }
        }
    }
    return false;
}

/* Makes meter 'id' let 'rate' packets a second pass. */
void
edge_set_rate(struct edge *edge, uint32_t id, uint32_t rate)
{
    edge_set_meter(edge, id, rate, rate, OFPMF13_PKTPS);
}

/* Lets all frames pass that meter 'id', that of a gate, is asked about. */
void
edge_open_meter(struct edge *edge, uint32_t id)
{
    edge_set_meter(edge, id, EDGE_OPEN_RATE, EDGE_OPEN_RATE, OFPMF13_KBPS);
}

/* Lets none pass any more.  The allowance that a new meter starts with is used
 * up at once (in OpenFlow before 1.5, where a packet-out can ask no meter, one
 * short frame can pass). */
void
edge_close_meter(struct edge *edge, uint32_t id)
{
    uint64_t stub[64 / 8];
    struct ofpbuf acts = OFPBUF_STUB_INITIALIZER(stub);

    edge_set_meter(edge, id, EDGE_CLOSED_RATE, EDGE_CLOSED_RATE,
                   OFPMF13_KBPS);
    packetout_drain(&acts, id);
    for (int i = 0; i < 2 && ofconn_version(edge->conn) >= OFP15_VERSION;
         i++) {
        edge_send_packet(edge, packetout_blank, PACKETOUT_DRAIN_SIZE, &acts);
    }
    ofpbuf_uninit(&acts);
}

/* Makes 'id' a meter of storm control with 'limit'.  Flows that lead to it may
 * follow. */
void
edge_set_limit(struct edge *edge, uint32_t id, const struct topo_limit *limit)
{
    edge_set_meter(edge, id, limit->rate,
                   (limit->packets ? limit->rate
                    : MAX(limit->rate, EDGE_LIMIT_BURST)),
                   limit->packets ? OFPMF13_PKTPS : OFPMF13_KBPS);
}

/* Finds the meters of storm control to which no flow of the configuration
 * leads.  A switch deletes with a meter what leads to it, so they stay until
 * it has confirmed that it has these flows, and no others. */
void
edge_find_stale_meters(struct edge *edge)
{
    struct edge_meter *meter;

    if (!edge->n_limits) {
        return;
    }
    HMAP_FOR_EACH (meter, node, &edge->meters) {
        meter->stale = (edge_is_limit(meter->id)
                        && !pipeline_has_meter(edge->tnode, meter->id));
        edge->has_stale_meters |= meter->stale;
    }
}

/* Deletes the meters that have been found so. */
void
edge_delete_stale_meters(struct edge *edge)
{
    struct edge_meter *meter;

    if (!edge->has_stale_meters) {
        return;
    }
    HMAP_FOR_EACH_SAFE (meter, node, &edge->meters) {
        if (meter->stale) {
            struct ofputil_meter_mod mm = {
                .command = OFPMC13_DELETE, .meter = { .meter_id = meter->id },
            };

            edge_send(edge, ofputil_encode_meter_mod(
                                ofconn_version(edge->conn), &mm));
            hmap_remove(&edge->meters, &meter->node);
            free(meter);
            edge->n_limits--;
        }
    }
    edge->has_stale_meters = false;
}

/* Deletes all meters of storm control, and with them what leads to them. */
void
edge_delete_limits(struct edge *edge)
{
    struct edge_meter *meter;

    HMAP_FOR_EACH (meter, node, &edge->meters) {
        meter->stale = edge_is_limit(meter->id);
        edge->has_stale_meters |= meter->stale;
    }
    edge_delete_stale_meters(edge);
}

/* Asks what the meters of storm control have counted. */
void
edge_ask_counts(struct edge *edge)
{
    edge_forget_counts(edge);
    edge->counts_since = time_msec();
    edge->counts_xid = edge_send(edge, ofputil_encode_meter_request(
                                           ofconn_version(edge->conn),
                                           OFPUTIL_METER_STATS, OFPM13_ALL));
}

void
edge_forget_counts(struct edge *edge)
{
    free(edge->counts);
    edge->counts = NULL;
    edge->n_counts = edge->allocated_counts = 0;
    edge->counts_xid = 0;
}

bool
edge_counts_is_answer(const struct edge *edge, const struct ofp_header *oh)
{
    return edge->counts_xid && oh->xid == edge->counts_xid;
}

static void
edge_add_count(struct edge *edge, const struct ofputil_meter_stats *stats)
{
    /* As many as it can have, whatever it reports. */
    if (!pipeline_has_meter(edge->tnode, stats->meter_id)
        || edge->n_counts >= 2 * hmap_count(&edge->tnode->slots)) {
        return;
    }
    if (edge->n_counts == edge->allocated_counts) {
        edge->counts = x2nrealloc(edge->counts, &edge->allocated_counts,
                                  sizeof *edge->counts);
    }
    edge->counts[edge->n_counts++] = (struct edge_count) {
        .meter = stats->meter_id,
        .n_asked = stats->packet_in_count,
        .n_dropped = stats->n_bands ? stats->bands[0].packet_count : 0,
    };
}

/* Takes in what 'oh' reports, in answer to that question. */
enum edge_event
edge_take_counts(struct edge *edge, const struct ofp_header *oh)
{
    struct ofpbuf b = ofpbuf_const_initializer(oh, ntohs(oh->length));
    uint64_t stub[256 / 8];
    struct ofpbuf bands = OFPBUF_STUB_INITIALIZER(stub);
    struct ofputil_meter_stats stats;
    int retval;

    if (!edge_counts_is_answer(edge, oh)) {
        return EDGE_EV_NONE;
    }
    while (!(retval = ofputil_decode_meter_stats(&b, &stats, &bands))) {
        edge_add_count(edge, &stats);
    }
    ofpbuf_uninit(&bands);
    return (retval != EOF ? EDGE_EV_NONSENSE
            : ofpmp_more(oh) ? EDGE_EV_NONE : EDGE_EV_COUNTS);
}

/* What the switch has taken over by itself it has not any more; nor has it
 * been told that it is not active. */
void
edge_forget_taken(struct edge *edge)
{
    struct ofputil_flow_mod fm;

    delta_wipe_to_flow_mod(layout_cookie(LAYOUT_K_TAKEN, 0), &fm);
    edge_send(edge, ofputil_encode_flow_mod(&fm,
                                            ofconn_protocol(edge->conn)));
    minimatch_destroy(&fm.match);
    flowset_clear(&edge->dump.taken);
}

/* Lets the switch know, for another LAYOUT_LEASE_TIME, that we are here.
 *
 * A new lease ends what the switch has taken over by itself.  The flow-mod
 * that says so is sent even where it has taken nothing: a flow that learn()
 * adds for a packet-out does not make Open vSwitch look at what its datapath
 * has cached, and frames would go on as if there were no lease. */
void
edge_lease(struct edge *edge)
{
    edge_send_form(edge, EDGE_FORM_LEASE);
    if (!edge->leased) {
        edge_forget_taken(edge);
    }
    edge->leased = true;
}
