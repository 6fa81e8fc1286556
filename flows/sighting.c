/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "flows/sighting.h"

#include "flows/flowset.h"
#include "flows/layout.h"
#include "flows/macmsg.h"
#include "flows/packetin.h"
#include "flows/pipeline.h"
#include "flows/topo.h"
#include "openvswitch/ofp-actions.h"
#include "util.h"

/* Returns the segment that METADATA = 'metadata' names, or NULL. */
static struct topo_segment *
sighting_segment(const struct topo *topo, ovs_be64 metadata)
{
    uint64_t vni = ntohll(metadata);

    return vni <= UINT32_MAX ? topo_segment_by_vni(topo, vni) : NULL;
}

/* Begins 's', of 'mac'.  Returns why that is no station's, or NULL. */
static const char *
sighting_begin(struct sighting *s, struct eth_addr mac)
{
    *s = (struct sighting) { .mac = mac };
    return (eth_addr_is_multicast(mac) || eth_addr_is_zero(mac)
            ? "source is no station" : NULL);
}

/* Fills in 's' but for the MAC: a frame with 'metadata' came in by 'slot' or,
 * if that is 0, from 'tun_src'.  If 'strict', it must have passed a gate
 * that is to be open. */
static const char *
sighting_place(const struct topo *topo, const struct topo_node *node,
               ovs_be64 metadata, uint32_t slot,
               const struct in6_addr *tun_src, bool strict,
               struct sighting *s)
{
    struct topo_segment *segment = sighting_segment(topo, metadata);

    if (!segment) {
        return "unknown segment";
    }
    s->slot = slot;
    if (slot) {
        const struct topo_claim *claim = topo_node_claim(node, slot);

        if (!claim || claim->attach->place.segment != segment) {
            return "port and VLAN not in this segment";
        }
        /* What an edge says that has not heard yet that it is not active any
         * more: it may have got frames that the active one sent. */
        const struct topo_cluster *cluster = claim->attach->cluster;
        if (strict && cluster && cluster->active && cluster->active != node) {
            return "edge is not active";
        }
        s->place = &claim->attach->place;
    } else {
        struct topo_vtep *vtep = topo_vtep_find(topo, segment, tun_src);

        if (!vtep) {
            s->lacking = segment;
            s->vtep = *tun_src;
            return "VTEP not in this segment";
        }
        s->place = &vtep->place;
    }
    return NULL;
}

/* Reads 's' from a packet-in from 'node'.  Returns NULL, or what is wrong with
 * it. */
const char *
sighting_from_packet_in(const struct topo *topo, const struct topo_node *node,
                        const struct packetin *pin, struct sighting *s)
{
    const struct eth_header *eth = pin->frame;

    if (pin->frame_len < sizeof *eth) {
        *s = (struct sighting) { .slot = 0 };
        return "frame too short";
    }

    const char *error = sighting_begin(s, eth->eth_src);
    if (error) {
        return error;
    }
    if (topo_node_owns_mac(node, s->mac)) {
        return "source is the switch itself";
    }
    return sighting_place(topo, node, pin->metadata, pin->reg0,
                          &pin->tun_src, true, s);
}

/* Reads 's' from the match of a SOURCE flow of 'node'.  Returns NULL, or what
 * is wrong with it. */
const char *
sighting_from_source(const struct topo *topo, const struct topo_node *node,
                     const struct match *match, struct sighting *s)
{
    struct in6_addr tun_src = flow_tnl_src(&match->flow.tunnel);

    const char *error = sighting_begin(s, match->flow.dl_src);
    return error ? error : sighting_place(topo, node, match->flow.metadata,
                                          match->flow.regs[0], &tun_src,
                                          false, s);
}

/* The values that the actions of a DEST flow set. */
struct sighting_dest {
    uint32_t reg1, reg2;
    struct in6_addr ip;
    bool has_ip;
};

static void
sighting_read_actions(const struct flowset_flow *flow,
                      struct sighting_dest *d)
{
    const struct ofpact *a;

    memset(d, 0, sizeof *d);
    OFPACT_FOR_EACH (a, flow->ofpacts, flow->ofpacts_len) {
        if (a->type != OFPACT_SET_FIELD) {
            continue;
        }

        const struct ofpact_set_field *sf = ofpact_get_SET_FIELD(a);
        enum mf_field_id id = sf->field->id;
        if (id == MFF_REG1) {
            d->reg1 = ntohl(sf->value->be32);
        } else if (id == MFF_REG2) {
            d->reg2 = ntohl(sf->value->be32);
        } else if (id == MFF_TUN_DST && sf->value->be32) {
            in6_addr_set_mapped_ipv4(&d->ip, sf->value->be32);
            d->has_ip = true;
        } else if (id == MFF_TUN_IPV6_DST) {
            d->ip = sf->value->ipv6;
            d->has_ip = true;
        }
    }
}

/* Fills in 's' but for the MAC from what a DEST flow of 'node' matches and
 * sets.  Returns NULL, or what is wrong with it. */
static const char *
sighting_dest_place(const struct topo *topo, const struct topo_node *node,
                    ovs_be64 metadata, const struct sighting_dest *d,
                    struct sighting *s)
{
    const struct topo_segment *segment = sighting_segment(topo, metadata);

    if (!segment) {
        return "unknown segment";
    }

    /* Here, by its slot. */
    const struct topo_claim *claim = topo_node_claim(node, d->reg1);
    if (claim && !d->has_ip && !d->reg2) {
        s->place = &claim->attach->place;
        return s->place->segment == segment ? NULL : "not in this segment";
    }

    /* On another node, by its tag. */
    struct topo_attach *attach;
    LIST_FOR_EACH (attach, segment_node, &segment->attaches) {
        if (d->reg1 && pipeline_place_tag(&attach->place) == d->reg1) {
            s->place = &attach->place;
            return NULL;
        }
    }

    /* On a VTEP, by its address. */
    struct topo_vtep *vtep = (d->has_ip ? topo_vtep_find(topo, segment, &d->ip)
                              : NULL);
    if (!vtep) {
        return "place not in this segment";
    }
    s->place = &vtep->place;
    return NULL;
}

/* Reads 's' from 'flow', a DEST flow of 'node'.  Returns NULL, or what is
 * wrong with it. */
const char *
sighting_from_dest(const struct topo *topo, const struct topo_node *node,
                   const struct flowset_flow *flow, struct sighting *s)
{
    struct sighting_dest d;
    struct match match;

    minimatch_expand(&flow->match, &match);
    sighting_read_actions(flow, &d);

    const char *error = sighting_begin(s, match.flow.dl_dst);
    return error ? error : sighting_dest_place(topo, node, match.flow.metadata,
                                               &d, s);
}

/* The same for a flow of SOURCE or DEST, by its numbers. */
const char *
sighting_from_macmsg(const struct topo *topo, const struct topo_node *node,
                     const struct macmsg_id *id, struct sighting *s)
{
    ovs_be64 metadata = htonll(ntohl(id->vni));
    struct in6_addr ip = in6_addr_mapped_ipv4(id->ip);

    const char *error = sighting_begin(s, id->mac);
    if (error) {
        return error;
    } else if (macmsg_is_source(id)) {
        return sighting_place(topo, node, metadata, ntohl(id->slot), &ip,
                              false, s);
    }
    return sighting_dest_place(topo, node, metadata, &(struct sighting_dest) {
        .reg1 = ntohl(id->slot ? id->slot : id->tag),
        .reg2 = ntohl(id->cluster), .ip = ip, .has_ip = id->ip != 0,
    }, s);
}
