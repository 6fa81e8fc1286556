/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "flows/pipeline.h"

#include "flows/acts.h"
#include "flows/flowset.h"
#include "flows/layout.h"
#include "flows/topo.h"
#include "openvswitch/ofp-flow.h"
#include "openvswitch/ofpbuf.h"
#include "util.h"

/* Returns the slot by which frames from 'place' come in on 'node': that of an
 * attachment, or 0 for a VTEP and for a place that 'node' has not. */
uint32_t
pipeline_place_slot(const struct topo_node *node,
                    const struct topo_place *place)
{
    const struct topo_claim *claim;

    if (place->type == TOPO_PLACE_VTEP) {
        return 0;
    }
    claim = topo_attach_claim(CONTAINER_OF(place, struct topo_attach, place),
                              node);
    return claim ? claim->slot : 0;
}

/* Returns whether 'place' is at a port that 'node' should have and has not. */
bool
pipeline_place_missing(const struct topo_node *node,
                       const struct topo_place *place)
{
    const struct topo_claim *claim;

    if (place->type == TOPO_PLACE_VTEP) {
        return false;
    }
    claim = topo_attach_claim(CONTAINER_OF(place, struct topo_attach, place),
                              node);
    return claim && !claim->slot;
}

/* Returns what names 'place' among those of its segment. */
uint32_t
pipeline_place_tag(const struct topo_place *place)
{
    return place->row.uuid.parts[0];
}

static void
pipeline_mac_begin(const struct pipeline_mac *m, enum layout_table table,
                   struct flowset_spec *spec, struct match *match,
                   struct ofpbuf *acts)
{
    match_init_catchall(match);
    match_set_default_packet_type(match);
    match_set_metadata(match, htonll(m->segment->vni));
    ofpbuf_clear(acts);
    *spec = (struct flowset_spec) {
        .table = table,
        .priority = LAYOUT_PRIO_MAIN,
        .cookie = layout_cookie(m->is_static ? LAYOUT_K_STATIC
                                : LAYOUT_K_LEARNED, m->segment->vni),
        .match = match,
        .ofpacts = acts,
    };
}

/* For how long, in seconds, the SOURCE flow of a learned MAC of 'segment' may
 * be idle on 'node' before the switch deletes it by itself: 0, for ever, on
 * one that can be asked for how long it has been. */
uint16_t
pipeline_source_timeout(const struct topo_node *node,
                        const struct topo_segment *segment)
{
    return node->tells_idle ? 0 : segment->mac_aging;
}

/* The flow that tells 'node' that 'm' is known where it comes in: by 'slot',
 * or if that is 0 from the VTEP that is its place. */
void
pipeline_source(const struct topo_node *node, const struct pipeline_mac *m,
                uint32_t slot, struct flowset_spec *spec,
                struct match *match, struct ofpbuf *acts)
{
    pipeline_mac_begin(m, LAYOUT_SOURCE, spec, match, acts);
    match_set_dl_src(match, m->mac);
    if (slot) {
        match_set_reg(match, 0, slot);
    } else {
        const struct topo_vtep *vtep = CONTAINER_OF(m->place,
                                                    struct topo_vtep, place);

        if (IN6_IS_ADDR_V4MAPPED(&vtep->ip)) {
            match_set_tun_src(match, in6_addr_get_mapped_ipv4(&vtep->ip));
        } else {
            match_set_tun_ipv6_src(match, &vtep->ip);
        }
    }
    if (!m->is_static) {
        spec->idle_timeout = pipeline_source_timeout(node, m->segment);
        spec->flags = OFPUTIL_FF_SEND_FLOW_REM;
    }
    acts_set_known(acts);
}

/* The flow by which a node drops, and counts, frames from 'm', which is
 * static, that come in where SOURCE does not know it.  Frames from nodes that
 * the controller programs have passed the guard of that node. */
void
pipeline_guard(const struct pipeline_mac *m, struct flowset_spec *spec,
               struct match *match, struct ofpbuf *acts)
{
    pipeline_mac_begin(m, LAYOUT_LEARN, spec, match, acts);
    spec->priority = LAYOUT_PRIO_GUARD;
    match_set_dl_src(match, m->mac);
}

/* The flow by which a node sends frames to 'm', without its actions: enough
 * to delete it. */
void
pipeline_dest_key(const struct pipeline_mac *m, struct flowset_spec *spec,
                  struct match *match, struct ofpbuf *acts)
{
    pipeline_mac_begin(m, LAYOUT_DEST, spec, match, acts);
    match_set_dl_dst(match, m->mac);
}

/* The flow by which 'node' sends frames to 'm'.  Returns false if it has none,
 * because 'm' is at a port that 'node' should have and has not, or at a place
 * that is not in force any more.
 *
 * Where the place is on another node, reg1 names it, for no table but for a
 * controller that has to adopt the MAC from this flow. */
bool
pipeline_dest(const struct topo_node *node, const struct pipeline_mac *m,
              struct flowset_spec *spec, struct match *match,
              struct ofpbuf *acts)
{
    pipeline_dest_key(m, spec, match, acts);
    if (!m->place->segment) {
        return false;
    }
    if (m->place->type == TOPO_PLACE_VTEP) {
        acts_tunnel_dst(acts, &CONTAINER_OF(m->place, struct topo_vtep,
                                            place)->ip);
        acts_goto(acts, LAYOUT_TUNNEL);
        return true;
    }

    const struct topo_attach *attach = CONTAINER_OF(m->place,
                                                    struct topo_attach, place);
    const struct topo_claim *claim = topo_attach_claim(attach, node);
    if (claim && !claim->slot) {
        return false;
    } else if (claim) {
        acts_set_reg(acts, 1, claim->slot);
        acts_resubmit(acts, LAYOUT_OUTPUT);

        /* If another edge of the cluster is active, the gate is closed here
         * and REMOTE leads there; never both. */
        if (attach->cluster) {
            acts_resubmit(acts, LAYOUT_REMOTE);
        }
    } else if (attach->cluster) {
        acts_set_reg(acts, 1, pipeline_place_tag(m->place));
        acts_set_reg(acts, 2, attach->cluster->id);
        acts_goto(acts, LAYOUT_REMOTE);
    } else {
        acts_set_reg(acts, 1, pipeline_place_tag(m->place));
        acts_tunnel_dst(acts, &attach->claims[0].node->ip);
        acts_goto(acts, LAYOUT_TUNNEL);
    }
    return true;
}
