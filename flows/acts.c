/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "flows/acts.h"

#include "openvswitch/meta-flow.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/ofpbuf.h"
#include "packets.h"

/* METADATA = 'vni'. */
void
acts_set_vni(struct ofpbuf *acts, uint32_t vni)
{
    ovs_be64 value = htonll(vni);

    ofpact_put_set_field(acts, mf_from_id(MFF_METADATA), &value, NULL);
}

/* Register number 'reg' = 'value'. */
void
acts_set_reg(struct ofpbuf *acts, int reg, uint32_t value)
{
    ovs_be32 be_value = htonl(value);

    ofpact_put_set_field(acts, mf_from_id(MFF_REG0 + reg), &be_value, NULL);
}

/* Sets LAYOUT_F_KNOWN, leaving the other flags. */
void
acts_set_known(struct ofpbuf *acts)
{
    ovs_be32 bit = htonl(LAYOUT_F_KNOWN);

    ofpact_put_set_field(acts, mf_from_id(MFF_REG3), &bit, &bit);
}

/* Sends the frame to 'slot' by table OUTPUT, where a limit of that slot may
 * drop it: this copy, and nothing else of the frame.
 *
 * A meter drops the frame with all that is left to be done, unless the
 * datapath makes a copy for it.  Open vSwitch has it make one where clone()
 * holds something that cannot be taken back, but does not look into the tables
 * to which clone() leads, and OpenFlow before 1.5 has no meter within
 * clone().  So a truncated output stands there: to the port where the frame
 * came in, of which nothing comes in the datapath. */
void
acts_flood_limited(struct ofpbuf *acts, uint32_t slot)
{
    ovs_be32 bit = htonl(LAYOUT_F_LIMIT);
    ovs_be16 local = htons(ofp_to_u16(OFPP_LOCAL));
    struct ofpact_output_trunc *trunc;
    struct ofpact_nest *clone;
    uint32_t ofs = acts->size;

    ofpact_put_CLONE(acts);
    acts_set_reg(acts, 1, slot);
    ofpact_put_set_field(acts, mf_from_id(MFF_REG3), &bit, &bit);
    acts_resubmit(acts, LAYOUT_OUTPUT);
    ofpact_put_set_field(acts, mf_from_id(MFF_IN_PORT), &local, NULL);
    trunc = ofpact_put_OUTPUT_TRUNC(acts);
    trunc->port = OFPP_LOCAL;
    trunc->max_len = ETH_TOTAL_MIN;
    clone = ofpbuf_at_assert(acts, ofs, sizeof *clone);
    acts->header = clone;
    ofpact_finish_CLONE(acts, &clone);
}

/* The tunnel's far end = 'ip'.  An IPv4 destination that is set wins over one
 * for IPv6, so it has to be cleared where a frame may have gone to another
 * VTEP before. */
void
acts_tunnel_dst(struct ofpbuf *acts, const struct in6_addr *ip)
{
    ovs_be32 ip4 = in6_addr_get_mapped_ipv4(ip);

    ofpact_put_set_field(acts, mf_from_id(MFF_TUN_DST), &ip4, NULL);
    if (!IN6_IS_ADDR_V4MAPPED(ip)) {
        ofpact_put_set_field(acts, mf_from_id(MFF_TUN_IPV6_DST), ip, NULL);
    }
}

/* Does what 'table' says, then comes back. */
void
acts_resubmit(struct ofpbuf *acts, enum layout_table table)
{
    struct ofpact_resubmit *resubmit = ofpact_put_RESUBMIT(acts);

    resubmit->in_port = OFPP_IN_PORT;
    resubmit->table_id = table;
}

/* Goes on to 'table', which must be a later one. */
void
acts_goto(struct ofpbuf *acts, enum layout_table table)
{
    ofpact_put_GOTO_TABLE(acts)->table_id = table;
}

void
acts_pop_vlan(struct ofpbuf *acts)
{
    ofpact_put_STRIP_VLAN(acts);
}
