/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "flows/packetout.h"

#include "dp-packet.h"
#include "flows/acts.h"
#include "flows/layout.h"
#include "openvswitch/meta-flow.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/ofpbuf.h"
#include "packets.h"
#include "unaligned.h"
#include "util.h"

/* From and to nobody, with an EtherType of ours: should it get anywhere, it is
 * ignored. */
const uint8_t packetout_blank[PACKETOUT_DRAIN_SIZE] = {
    0x02, 0x4b, 0x48, 0x00, 0x00, 0x00, 0x02, 0x4b, 0x48, 0x00, 0x00, 0x00,
    LAYOUT_PROBE_TYPE >> 8, LAYOUT_PROBE_TYPE & 0xff,
};

/* Renews the lease. */
void
packetout_lease(struct ofpbuf *acts)
{
    struct ofpact_learn *learn = ofpact_put_LEARN(acts);
    struct ofpact_learn_spec *spec;
    ovs_be32 flag = htonl(LAYOUT_F_LEASE);

    learn->hard_timeout = LAYOUT_LEASE_TIME;
    learn->priority = LAYOUT_PRIO_MAIN;
    learn->table_id = LAYOUT_LEASE;
    learn->cookie = htonll(layout_cookie(LAYOUT_K_LEASE, 0));
    learn->flags = NX_LEARN_F_SEND_FLOW_REM;

    /* One bit of reg3.  The value follows the spec, padded to 8 bytes. */
    spec = ofpbuf_put_zeros(acts, sizeof *spec);
    spec->n_bits = 1;
    spec->src_type = NX_LEARN_SRC_IMMEDIATE;
    spec->dst_type = NX_LEARN_DST_LOAD;
    spec->dst.field = mf_from_id(MFF_REG3);
    spec->dst.ofs = ctz32(ntohl(flag));
    spec->dst.n_bits = 1;
    uint8_t *value = ofpbuf_put_zeros(acts, OFPACT_ALIGN(1));
    *value = 1;
    learn = acts->header;
    ofpact_finish_LEARN(acts, &learn);
}

/* Asks 'meter' about the frame, which goes nowhere. */
void
packetout_drain(struct ofpbuf *acts, uint32_t meter)
{
    ofpact_put_METER(acts)->meter_id = meter;
}

/* What follows the Ethernet header of a probe.  All in network byte order. */
struct packetout_body {
    ovs_16aligned_be32 secret[2];
    ovs_16aligned_be32 dpid[2];
    ovs_16aligned_be32 cluster, port;
    union {
        ovs_16aligned_be32 binding[4];
        ovs_16aligned_be32 generation[2];
    };
};
BUILD_ASSERT_DECL(ETH_HEADER_LEN + sizeof(struct packetout_body)
                  <= ETH_TOTAL_MIN);

static const struct eth_addr packetout_addrs[] = {
    [PACKETOUT_ASK] = LAYOUT_PROBE_ASK,
    [PACKETOUT_ANSWER] = LAYOUT_PROBE_ANSWER,
    [PACKETOUT_MARKER] = LAYOUT_PROBE_MARKER,
    [PACKETOUT_DEPOSE] = LAYOUT_PROBE_DEPOSE,
    [PACKETOUT_LOOP] = LAYOUT_PROBE_LOOP,
};

/* Behind an Ethernet header there is alignment for 16 bits only. */
static void
packetout_put64(ovs_16aligned_be32 p[2], uint64_t value)
{
    put_16aligned_be32(&p[0], htonl(value >> 32));
    put_16aligned_be32(&p[1], htonl(value));
}

static uint64_t
packetout_get64(const ovs_16aligned_be32 p[2])
{
    return ((uint64_t) ntohl(get_16aligned_be32(&p[0])) << 32
            | ntohl(get_16aligned_be32(&p[1])));
}

static void
packetout_set_src(struct eth_addr *src, uint32_t tail)
{
    src->be16[1] = htons(tail >> 16);
    src->be16[2] = htons(tail);
}

static void
packetout_compose(struct dp_packet *packet,
                  const struct packetout_probe *probe)
{
    struct eth_addr src = packetout_addrs[PACKETOUT_ANSWER];

    /* To the bridges of a VLAN, too, that is an address with one place. */
    if (probe->type == PACKETOUT_DEPOSE || probe->type == PACKETOUT_LOOP) {
        packetout_set_src(&src, probe->cluster);
    } else if (probe->type == PACKETOUT_ASK) {
        packetout_set_src(&src, probe->key);
    }

    struct packetout_body *body
        = eth_compose(packet, packetout_addrs[probe->type], src,
                      LAYOUT_PROBE_TYPE, sizeof *body);

    packetout_put64(body->secret, probe->secret);
    packetout_put64(body->dpid, probe->dpid);
    put_16aligned_be32(&body->cluster, htonl(probe->cluster));
    put_16aligned_be32(&body->port, htonl(probe->port));
    if (probe->type == PACKETOUT_DEPOSE) {
        packetout_put64(body->generation, probe->generation);
    } else {
        for (size_t i = 0; i < ARRAY_SIZE(body->binding); i++) {
            put_16aligned_be32(&body->binding[i],
                               htonl(probe->binding.parts[i]));
        }
    }
    dp_packet_put_zeros(packet, ETH_TOTAL_MIN - dp_packet_size(packet));
}

static void
packetout_output(struct ofpbuf *acts, ofp_port_t port)
{
    struct ofpact_output *output = ofpact_put_OUTPUT(acts);

    output->port = port;
    output->max_len = 0;
}

/* Makes 'packet', which must have been initialized, a probe that asks (or
 * deposes) the node whose tunnel endpoint is 'dst', by 'tunnel'. */
void
packetout_ask(struct dp_packet *packet, struct ofpbuf *acts,
              const struct packetout_probe *probe, ofp_port_t tunnel,
              const struct in6_addr *dst)
{
    ovs_be64 vni = htonll(LAYOUT_PROBE_VNI);

    packetout_compose(packet, probe);
    acts_tunnel_dst(acts, dst);
    ofpact_put_set_field(acts, mf_from_id(MFF_TUN_ID), &vni, NULL);
    packetout_output(acts, tunnel);
}

/* Makes 'packet' a probe that shows where 'port' leads. */
void
packetout_ask_by(struct dp_packet *packet, struct ofpbuf *acts,
                 const struct packetout_probe *probe, ofp_port_t port)
{
    packetout_compose(packet, probe);
    packetout_output(acts, port);
}

/* Makes 'packet' a marker, or a probe for loops, that goes out by 'slot'
 * (flows/layout.h). */
void
packetout_emit(struct dp_packet *packet, struct ofpbuf *acts,
               const struct packetout_probe *probe, uint32_t slot)
{
    packetout_compose(packet, probe);
    acts_set_reg(acts, 1, slot);
    acts_resubmit(acts, LAYOUT_EMIT);
}

static void
packetout_read_body(const struct packetout_body *body,
                    struct packetout_probe *probe)
{
    probe->secret = packetout_get64(body->secret);
    probe->dpid = packetout_get64(body->dpid);
    probe->cluster = ntohl(get_16aligned_be32(&body->cluster));
    probe->port = ntohl(get_16aligned_be32(&body->port));
    if (probe->type == PACKETOUT_DEPOSE) {
        probe->generation = packetout_get64(body->generation);
        return;
    }
    for (size_t i = 0; i < ARRAY_SIZE(body->binding); i++) {
        probe->binding.parts[i]
            = ntohl(get_16aligned_be32(&body->binding[i]));
    }
}

/* Reads the 'size' bytes at 'packet', which anybody may have sent, with a tag
 * or without.  Returns false if that is no probe. */
bool
packetout_read(const void *packet, size_t size,
               struct packetout_probe *probe)
{
    struct ofpbuf b = ofpbuf_const_initializer(packet, size);
    const struct eth_header *eth = ofpbuf_try_pull(&b, sizeof *eth);
    ovs_be16 type = eth ? eth->eth_type : 0;

    if (eth_type_vlan(type)) {
        const struct vlan_header *vlan = ofpbuf_try_pull(&b, sizeof *vlan);

        type = vlan ? vlan->vlan_next_type : 0;
    }

    const struct packetout_body *body = ofpbuf_try_pull(&b, sizeof *body);
    if (!body || type != htons(LAYOUT_PROBE_TYPE)) {
        return false;
    }
    for (size_t i = 0; i < ARRAY_SIZE(packetout_addrs); i++) {
        if (eth_addr_equals(eth->eth_dst, packetout_addrs[i])) {
            probe->type = i;
            packetout_read_body(body, probe);
            return true;
        }
    }
    return false;
}
