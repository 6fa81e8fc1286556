/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "controller/edge_private.h"

#include "controller/ofconn.h"
#include "flows/layout.h"
#include "flows/packetout.h"
#include "hash.h"
#include "openvswitch/ofp-flow.h"
#include "openvswitch/ofp-meter.h"
#include "openvswitch/ofpbuf.h"

/* What a gate lets pass, in kbit/s: a terabit a second when it is open, when
 * it is closed less than a frame while it matters.  (No limit, and none at
 * all, cannot be said: a switch refuses a meter without bands, and a rate of
 * 0.) */
#define EDGE_OPEN_RATE (1u << 30)
#define EDGE_CLOSED_RATE 1

static struct edge_meter *
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

static void
edge_note_meter(struct edge *edge, uint32_t id, uint32_t rate)
{
    struct edge_meter *meter = edge_meter(edge, id);

    if (!meter) {
        meter = xmalloc(sizeof *meter);
        meter->id = id;
        hmap_insert(&edge->meters, &meter->node, hash_int(id, 0));
    }
    meter->rate = rate;
}

void
edge_forget_meters(struct edge *edge)
{
    struct edge_meter *meter;

    HMAP_FOR_EACH_POP (meter, node, &edge->meters) {
        free(meter);
    }
}

/* Takes in the meters that 'oh' reports.  Returns false if it makes no
 * sense. */
bool
edge_take_meters(struct edge *edge, const struct ofp_header *oh)
{
    struct ofpbuf b = ofpbuf_const_initializer(oh, ntohs(oh->length));
    uint64_t stub[256 / 8];
    struct ofpbuf bands = OFPBUF_STUB_INITIALIZER(stub);
    struct ofputil_meter_config mc;
    int retval;

    while (!(retval = ofputil_decode_meter_config(&b, &mc, &bands))) {
        if (mc.n_bands && hmap_count(&edge->meters) < EDGE_MAX_METERS) {
            edge_note_meter(edge, mc.meter_id, mc.bands[0].rate);
        }
    }
    ofpbuf_uninit(&bands);
    return retval == EOF;
}

/* Makes meter 'id' let 'rate' pass, in the unit that 'flags' says, unless it
 * does. */
static void
edge_set_meter(struct edge *edge, uint32_t id, uint32_t rate, uint16_t flags)
{
    struct ofputil_meter_band band = {
        .type = OFPMBT13_DROP, .rate = rate, .burst_size = rate,
    };
    struct ofputil_meter_mod mm = {
        .command = OFPMC13_ADD,
        .meter = {
            .meter_id = id,
            .flags = flags,
            .n_bands = 1,
            .bands = &band,
        },
    };
    const struct edge_meter *old = edge_meter(edge, id);

    if (old && old->rate == rate) {
        return;
    }
    if (old) {
        mm.command = OFPMC13_MODIFY;
    }
    edge_send(edge, ofputil_encode_meter_mod(ofconn_version(edge->conn),
                                             &mm));
    edge_note_meter(edge, id, rate);
}

/* Makes meter 'id' let 'rate' packets a second pass. */
void
edge_set_rate(struct edge *edge, uint32_t id, uint32_t rate)
{
    edge_set_meter(edge, id, rate, OFPMF13_PKTPS | OFPMF13_BURST);
}

/* Lets all frames pass that meter 'id', that of a gate, is asked about. */
void
edge_open_meter(struct edge *edge, uint32_t id)
{
    edge_set_meter(edge, id, EDGE_OPEN_RATE, OFPMF13_KBPS | OFPMF13_BURST);
}

/* Lets none pass any more.  The allowance that a new meter starts with is used
 * up at once (in OpenFlow before 1.5, where a packet-out can ask no meter, one
 * short frame can pass). */
void
edge_close_meter(struct edge *edge, uint32_t id)
{
    uint64_t stub[64 / 8];
    struct ofpbuf acts = OFPBUF_STUB_INITIALIZER(stub);

    edge_set_meter(edge, id, EDGE_CLOSED_RATE, OFPMF13_KBPS | OFPMF13_BURST);
    packetout_drain(&acts, id);
    for (int i = 0; i < 2 && ofconn_version(edge->conn) >= OFP15_VERSION;
         i++) {
        edge_send_packet(edge, packetout_blank, PACKETOUT_DRAIN_SIZE, &acts);
    }
    ofpbuf_uninit(&acts);
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
    uint64_t stub[512 / 8];
    struct ofpbuf acts = OFPBUF_STUB_INITIALIZER(stub);

    packetout_lease(&acts);
    edge_send_packet(edge, packetout_blank, ETH_TOTAL_MIN, &acts);
    if (!edge->leased) {
        edge_forget_taken(edge);
    }
    edge->leased = true;
    ofpbuf_uninit(&acts);
}
