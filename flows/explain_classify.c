/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "flows/explain_private.h"

#include "flows/layout.h"
#include "flows/topo.h"
#include "util.h"

/* Where the frame comes in. */

static ofp_port_t
explain_in_port(const struct explain_walk *w)
{
    return w->tunnel ? topo_node_tunnel(w->node) : w->frame->port->ofport;
}

/* The flow of CLASSIFY for the port, of 'priority', that matches 'more'
 * too. */
static struct explain_counter
explain_port_flow(const struct explain_walk *w, int priority,
                  const char *more)
{
    ofp_port_t port = explain_in_port(w);

    return explain_by_flow(LAYOUT_CLASSIFY, priority,
                           layout_cookie(LAYOUT_K_PORT, ofp_to_u16(port)),
                           xasprintf("in_port=%"PRIu32"%s", port, more));
}

static void
explain_taken(struct explain_walk *w, enum layout_table table,
              const char *reason)
{
    explain_say(w, table, "%s", reason);
    explain_end(w, EXPLAIN_TAKEN)->reason = xstrdup(reason);
}

/* Frames that are for bridges and the controller, by any port in use.  Returns
 * true if the walk ends there. */
static bool
explain_reserved(struct explain_walk *w)
{
    static const struct eth_addr addr = LAYOUT_BPDU_IEEE;
    static const struct eth_addr mask = ETH_ADDR_C(ff,ff,ff,ff,ff,f0);
    static const struct eth_addr loop = LAYOUT_PROBE_LOOP;
    struct eth_addr dst = w->frame->dst;

    if (w->bpdu) {
        return false;
    }
    if (eth_addr_equal_except(dst, addr, mask)) {
        explain_drop(w, explain_port_flow(w, LAYOUT_PRIO_REFUSE, ",dl_dst="
                                          "01:80:c2:00:00:00/"
                                          "ff:ff:ff:ff:ff:f0"),
                     ETH_ADDR_FMT" is one of the addresses that no bridge "
                     "forwards (IEEE 802.1Q, table 8-1)", ETH_ADDR_ARGS(dst));
        return true;
    }
    if (layout_is_bpdu(dst)) {
        char *more = xasprintf(",dl_dst="ETH_ADDR_FMT, ETH_ADDR_ARGS(dst));

        explain_drop(w, explain_port_flow(w, LAYOUT_PRIO_REFUSE, more),
                     ETH_ADDR_FMT" is for bridges (PVST+)",
                     ETH_ADDR_ARGS(dst));
        free(more);
        return true;
    }
    if (w->frame->type == LAYOUT_PROBE_TYPE && eth_addr_equals(dst, loop)) {
        explain_taken(w, LAYOUT_CLASSIFY,
                      "a probe for loops, which is for the controller");
        return true;
    }
    return false;
}

/* A BPDU comes in by 'plug'.  Returns true, and drops it, if a binding there
 * guards against it. */
static bool
explain_is_guarded(struct explain_walk *w, const struct topo_plug *plug)
{
    struct eth_addr dst = w->frame->dst;
    const struct topo_claim *claim;
    int vlan = MAX(w->frame->vlan, 0);

    LIST_FOR_EACH (claim, plug_node, &plug->claims) {
        const struct topo_attach *attach = claim->attach;

        if (attach->bpdu == TOPO_BPDU_GUARD && !attach->closure
            && (!vlan || vlan == attach->vlan)) {
            char *more = (vlan ? xasprintf(",dl_vlan=%d,dl_dst="ETH_ADDR_FMT,
                                           vlan, ETH_ADDR_ARGS(dst))
                          : xasprintf(",vlan_tci=0/0xfff,dl_dst="ETH_ADDR_FMT,
                                      ETH_ADDR_ARGS(dst)));
            struct explain_counter counter
                = explain_port_flow(w, LAYOUT_PRIO_REPORT, more);

            if (vlan) {
                counter.cookie = layout_cookie(LAYOUT_K_SEGMENT,
                                               attach->place.segment->vni);
            }
            explain_drop(w, counter, "a BPDU; the controller is told, and "
                         "closes the bindings with bpdu=guard that it "
                         "concerns");
            free(more);
            return true;
        }
    }
    return false;
}

/* Returns whether 'attach' takes part in what becomes of the frame. */
bool
explain_takes(const struct explain_walk *w, const struct topo_attach *attach)
{
    return !w->bpdu || attach->bpdu == TOPO_BPDU_FORWARD;
}

static bool
explain_closed(struct explain_walk *w, const struct topo_claim *claim)
{
    const struct topo_attach *attach = claim->attach;
    uint16_t vlan = attach->vlan;
    char *match, *name;

    if (!attach->closure) {
        return false;
    }
    match = (vlan || w->frame->vlan != EXPLAIN_NO_TAG
             ? xasprintf("in_port=%"PRIu32",dl_vlan=%"PRIu16,
                         claim->slot >> 16, vlan)
             : xasprintf("in_port=%"PRIu32",vlan_tci=0/0x1fff",
                         claim->slot >> 16));
    if (w->bpdu) {
        char *all = xasprintf("%s,dl_dst="ETH_ADDR_FMT, match,
                              ETH_ADDR_ARGS(w->frame->dst));

        free(match);
        match = all;
    }
    name = explain_place_name(&attach->place);
    explain_drop(w, explain_by_flow(LAYOUT_CLASSIFY,
                                    w->bpdu ? LAYOUT_PRIO_ADMIT
                                    : LAYOUT_PRIO_MAIN,
                                    layout_cookie(LAYOUT_K_SEGMENT,
                                                  w->segment->vni), match),
                 "binding %s is closed: %s", name, attach->closure->reason);
    free(name);
    return true;
}

/* CLASSIFY for a port that is none of the overlay.  Returns true if the frame
 * goes on. */
static bool
explain_classify_local(struct explain_walk *w)
{
    const struct topo_port *port = w->frame->port;
    int vlan = MAX(w->frame->vlan, 0);
    static const struct eth_addr marker = LAYOUT_PROBE_MARKER;
    const struct topo_plug *plug = topo_node_plug(w->node, port->name);

    if (!plug) {
        explain_drop(w, explain_by_table(LAYOUT_CLASSIFY),
                     "nothing is bound to port %s%s", port->name,
                     topo_node_sees_by(w->node, port->name)
                     ? "; by it edges see each other" : "");
        return false;
    }
    w->in = topo_node_claim(w->node, layout_slot(port->ofport, vlan));
    if (layout_is_bpdu(w->frame->dst)) {
        if (explain_is_guarded(w, plug)) {
            return false;
        }
        w->bpdu = w->in && w->in->attach->bpdu == TOPO_BPDU_FORWARD;
    }
    if (explain_reserved(w)) {
        return false;
    }
    if (w->frame->type == LAYOUT_PROBE_TYPE
        && eth_addr_equals(w->frame->dst, marker)) {
        explain_taken(w, LAYOUT_CLASSIFY,
                      "a marker, which is for the controller");
        return false;
    }
    if (!w->in) {
        char *what = (vlan ? xasprintf("VLAN %d of port %s is", vlan,
                                       port->name)
                      : xasprintf("frames without a tag at port %s are",
                                  port->name));

        explain_drop(w, explain_port_flow(w, LAYOUT_PRIO_LAST, ""),
                     "%s bound to no segment", what);
        free(what);
        return false;
    }
    w->place = &w->in->attach->place;
    w->segment = w->place->segment;
    w->own_tag = (w->frame->vlan == EXPLAIN_NO_TAG ? EXPLAIN_NO_TAG
                  : w->second_tag);
    if (explain_closed(w, w->in)) {
        return false;
    }

    char *name = explain_place_name(w->place);
    explain_say(w, LAYOUT_CLASSIFY, "%s %s of segment %s, VNI %"PRIu32,
                w->in->attach->cluster ? "binding" : "host port", name,
                w->segment->name, w->segment->vni);
    free(name);
    return true;
}

/* CLASSIFY for the tunnel port. */

/* Returns the node that is in the segment at the address where the frame comes
 * from, or NULL.  '*any' tells whether anybody may send here.  The edges of
 * one cluster have nothing to say to each other. */
static const struct topo_node *
explain_from_node(const struct explain_walk *w,
                  const struct topo_cluster *only, bool *any)
{
    const struct topo_node *found = NULL;
    const struct topo_attach *attach;

    *any = !ovs_list_is_empty(&w->segment->vteps);
    LIST_FOR_EACH (attach, segment_node, &w->segment->attaches) {
        for (size_t i = 0; i < attach->n_claims; i++) {
            const struct topo_node *node = attach->claims[i].node;

            if (node == w->node || (only && attach->cluster == only)
                || !explain_takes(w, attach)) {
                continue;
            }
            *any = true;
            if (IN6_ARE_ADDR_EQUAL(&node->ip, &w->from)) {
                found = node;
            }
        }
    }
    return found;
}

/* Returns the counter of frames from VTEPs that have no business in the
 * segment.  Where any other VTEP is let in, that is a flow of its own. */
static struct explain_counter
explain_vtep_counter(const struct explain_walk *w, const char *ip, bool any)
{
    struct explain_counter counter;
    char *more;

    if (topo_segment_learns_vteps(w->segment)) {
        more = xasprintf(",tun_id=%"PRIu32",%s=%s", w->vni,
                         IN6_IS_ADDR_V4MAPPED(&w->from) ? "tun_src"
                         : "tun_ipv6_src", ip);
        counter = explain_port_flow(w, LAYOUT_PRIO_MAIN, more);
    } else if (any) {
        more = xasprintf(",tun_id=%"PRIu32, w->vni);
        counter = explain_port_flow(w, LAYOUT_PRIO_ELSE, more);
    } else {
        return explain_port_flow(w, LAYOUT_PRIO_LAST, "");
    }
    free(more);
    counter.cookie = layout_cookie(LAYOUT_K_SEGMENT, w->vni);
    return counter;
}

/* The VTEP from which the frame comes has no business in the segment. */
static void
explain_refuse_vtep(struct explain_walk *w, const struct topo_cluster *only,
                    bool any)
{
    const struct topo_node *node = topo_node_by_ip(w->topo, &w->from);
    char *ip = explain_ip_name(&w->from);
    struct explain_counter counter = explain_vtep_counter(w, ip, any);

    if (node == w->node) {
        explain_drop(w, counter, "%s is edge %s itself", ip, node->name);
    } else if (node && only && topo_cluster_has_node(only, node)) {
        explain_drop(w, counter, "%s is edge %s, which is in segment %s for "
                     "the same cluster, %s: these two have nothing to say to "
                     "each other", ip, node->name, w->segment->name,
                     only->name);
    } else {
        explain_drop(w, counter, "VTEP %s is not in segment %s%s", ip,
                     w->segment->name, w->segment->vtep_limit
                     ? ", which has learned as many as it may" : "");
    }
    free(ip);
}

/* Whether the frame, from a VTEP that is not in the segment, is let in to have
 * that learned. */
static bool
explain_is_stranger(const struct explain_walk *w,
                    const struct topo_cluster *only)
{
    const struct topo_node *node = topo_node_by_ip(w->topo, &w->from);

    return (topo_segment_learns_vteps(w->segment)
            && !(node && (node == w->node
                          || (only && topo_cluster_has_node(only, node)))));
}

/* A BPDU comes by the overlay.  Returns whether it goes on, because it is from
 * a node with a binding that forwards them to one with another. */
static bool
explain_admits(struct explain_walk *w)
{
    const struct topo_attach *attach;
    bool any;

    w->segment = topo_segment_by_vni(w->topo, w->vni);
    if (!w->segment || !topo_segment_has_node(w->segment, w->node)) {
        return false;
    }
    LIST_FOR_EACH (attach, segment_node, &w->segment->attaches) {
        const struct topo_claim *claim = topo_attach_claim(attach, w->node);

        if (claim && claim->slot && attach->bpdu == TOPO_BPDU_FORWARD) {
            w->bpdu = true;
        }
    }
    return (w->bpdu
            && explain_from_node(w, topo_segment_only_cluster(w->segment,
                                                              w->node), &any));
}

/* The frame is from a VTEP.  Returns true if that is in the segment. */
static bool
explain_vtep(struct explain_walk *w, const struct topo_cluster *only)
{
    bool any;
    const struct topo_node *node = explain_from_node(w, only, &any);
    const struct topo_vtep *vtep = topo_vtep_find(w->topo, w->segment,
                                                  &w->from);
    char *ip;

    w->stranger = !node && !vtep && explain_is_stranger(w, only);
    if (!node && !vtep && !w->stranger) {
        explain_refuse_vtep(w, only, any);
        return false;
    }
    ip = explain_ip_name(&w->from);
    if (w->stranger) {
        explain_say(w, LAYOUT_CLASSIFY, "from %s, which is no VTEP of segment "
                    "%s yet, VNI %"PRIu32, ip, w->segment->name, w->vni);
    } else if (node) {
        explain_say(w, LAYOUT_CLASSIFY, "from edge %s (%s): segment %s, "
                    "VNI %"PRIu32, node->name, ip, w->segment->name, w->vni);
    } else {
        explain_say(w, LAYOUT_CLASSIFY, "from VTEP %s: segment %s, "
                    "VNI %"PRIu32, ip, w->segment->name, w->vni);
        w->place = &vtep->place;
    }
    free(ip);
    return true;
}

/* CLASSIFY for the tunnel port.  Stores into '*only' the cluster whose gate is
 * asked next, or NULL.  Returns true if the frame goes on. */
static bool
explain_classify_tunnel(struct explain_walk *w,
                        const struct topo_cluster **only)
{
    if (topo_node_tunnel(w->node) == OFPP_NONE) {
        struct explain_counter nobody = { .type = EXPLAIN_BY_NOTHING };

        explain_drop(w, nobody, "edge %s has no port %s, so what is sent to "
                     "it through the overlay does not get into its switch",
                     w->node->name, w->node->tunnel_port);
        return false;
    }
    w->bpdu = layout_is_bpdu(w->frame->dst) && explain_admits(w);
    if (explain_reserved(w)) {
        return false;
    }
    if (w->oam && !w->bpdu) {
        explain_drop(w, explain_port_flow(w, LAYOUT_PRIO_REFUSE,
                                          ",tun_flags=+oam"),
                     "a control packet is for tunnel endpoints alone "
                     "(RFC 8926, section 3.4)");
        return false;
    }
    if (w->vni == LAYOUT_PROBE_VNI && w->frame->type == LAYOUT_PROBE_TYPE) {
        explain_taken(w, LAYOUT_CLASSIFY,
                      "a probe, which is for edges and the controller");
        return false;
    }
    w->segment = topo_segment_by_vni(w->topo, w->vni);
    if (!w->segment || !topo_segment_has_node(w->segment, w->node)) {
        explain_drop(w, explain_port_flow(w, LAYOUT_PRIO_LAST, ""),
                     "edge %s is in no segment with VNI %"PRIu32,
                     w->node->name, w->vni);
        return false;
    }
    *only = topo_segment_only_cluster(w->segment, w->node);
    return explain_vtep(w, *only);
}

/* CLASSIFY.  Returns true if the frame goes on: to the gate of '*gate', unless
 * that is NULL. */
bool
explain_classify(struct explain_walk *w, const struct topo_cluster **gate)
{
    *gate = NULL;
    if (w->tunnel) {
        return explain_classify_tunnel(w, gate);
    }
    if (!explain_classify_local(w)) {
        return false;
    }
    *gate = w->in->attach->cluster;
    return true;
}
