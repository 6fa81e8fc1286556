/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "flows/pipeline_private.h"

#include "flows/layout.h"
#include "flows/topo.h"
#include "util.h"

/* BPDUs, by which bridges build a spanning tree among themselves.
 *
 * Each port drops them, as all that 802.1D says no bridge forwards, and as
 * those that Cisco's bridges send for each VLAN, to an address of their own.
 * Where a binding has 'guard', flows stand in front of these that tell the
 * controller, which closes the binding; then there is nothing more to be told,
 * so they go.  Where a binding has 'forward', flows in front of them take
 * BPDUs into the segment (pipeline_segment.c).
 *
 * A BPDU without a tag speaks for the port as a whole.  So it concerns all
 * bindings of the port that have a guard, and is told first. */

const struct eth_addr pipeline_bpdu_addrs[PIPELINE_N_BPDU_ADDRS] = {
    LAYOUT_BPDU_IEEE, LAYOUT_BPDU_PVST,
};

static bool
pipeline_is_guarded(const struct topo_attach *attach)
{
    return attach->bpdu == TOPO_BPDU_GUARD && !attach->closure;
}

/* CLASSIFY: shows to the controller what comes in by 'port' for 'match', which
 * says which VLAN, and is a BPDU. */
static void
pipeline_report_bpdus(struct flowset *set, uint64_t cookie, uint16_t port,
                      const char *match)
{
    for (size_t i = 0; i < PIPELINE_N_BPDU_ADDRS; i++) {
        pipeline_add_str(set, cookie, "table=%d,priority=%d,in_port=%"PRIu16
                         ",%s,dl_dst="ETH_ADDR_FMT
                         ",actions=controller(meter_id=%d)",
                         LAYOUT_CLASSIFY, LAYOUT_PRIO_REPORT, port, match,
                         ETH_ADDR_ARGS(pipeline_bpdu_addrs[i]),
                         LAYOUT_METER_BPDU);
    }
}

/* Appends what becomes of BPDUs that come in by 'ofport', whatever their
 * VLAN, and of those without one. */
void
pipeline_bpdu_port(const struct topo_node *node, ofp_port_t ofport,
                   struct flowset *set)
{
    static const struct eth_addr pvst = LAYOUT_BPDU_PVST;
    uint64_t cookie = layout_cookie(LAYOUT_K_PORT, ofp_to_u16(ofport));
    const struct topo_port *port = topo_node_ofport(node, ofport);
    const struct topo_plug *plug = topo_node_plug(node, port->name);
    const struct topo_claim *claim;

    /* IEEE 802.1Q, table 8-1: addresses that no bridge forwards. */
    pipeline_add_str(set, cookie, "table=%d,priority=%d,in_port=%"PRIu32","
                     "dl_dst=01:80:c2:00:00:00/ff:ff:ff:ff:ff:f0,"
                     "actions=drop",
                     LAYOUT_CLASSIFY, LAYOUT_PRIO_REFUSE, ofport);
    pipeline_add_str(set, cookie, "table=%d,priority=%d,in_port=%"PRIu32","
                     "dl_dst="ETH_ADDR_FMT",actions=drop",
                     LAYOUT_CLASSIFY, LAYOUT_PRIO_REFUSE, ofport,
                     ETH_ADDR_ARGS(pvst));
    if (!plug) {
        return;
    }
    LIST_FOR_EACH (claim, plug_node, &plug->claims) {
        if (pipeline_is_guarded(claim->attach)) {
            pipeline_report_bpdus(set, cookie, ofp_to_u16(ofport),
                                  "vlan_tci=0/0xfff");
            break;
        }
    }
}

/* Appends what tells of BPDUs in the VLAN of 'claim', if it guards against
 * them. */
void
pipeline_bpdu_guard(const struct topo_claim *claim, struct flowset *set)
{
    const struct topo_attach *attach = claim->attach;

    if (pipeline_is_guarded(attach) && attach->vlan) {
        char *match = xasprintf("dl_vlan=%"PRIu16, attach->vlan);

        pipeline_report_bpdus(set, layout_cookie(LAYOUT_K_SEGMENT,
                                                 attach->place.segment->vni),
                              claim->slot >> 16, match);
        free(match);
    }
}

/* Returns whether a binding of 'segment' on 'node' forwards BPDUs. */
bool
pipeline_bpdu_forwards(const struct topo_node *node,
                       const struct topo_segment *segment)
{
    const struct topo_attach *attach;

    LIST_FOR_EACH (attach, segment_node, &segment->attaches) {
        const struct topo_claim *claim = topo_attach_claim(attach, node);

        if (claim && claim->slot && attach->bpdu == TOPO_BPDU_FORWARD) {
            return true;
        }
    }
    return false;
}
