/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "flows/packetin.h"

#include "flow.h"
#include "openflow/nicira-ext.h"
#include "openflow/openflow.h"
#include "openvswitch/ofp-packet.h"
#include "openvswitch/ofpbuf.h"
#include "packets.h"
#include "unaligned.h"
#include "util.h"

/* The only message of this kind (OpenFlow 1.3 to 1.5, 7.5.4 of the latter). */
#define PACKETIN_TYPE 4         /* OFPT_EXPERIMENTER */
#define PACKETIN_SUBTYPE 30     /* NXT_PACKET_IN2 */
#define PACKETIN_HEADER 16

/* Properties; enum nx_packet_in2_prop_type.  Those that are not here are for
 * packetin_decode(). */
enum packetin_property {
    PACKETIN_PACKET = 0,
    PACKETIN_FULL_LEN = 1,
    PACKETIN_TABLE_ID = 3,
    PACKETIN_COOKIE = 4,
    PACKETIN_REASON = 5,
    PACKETIN_METADATA = 6,
};

/* OXM headers: class (16 bits), field (7), mask (1), length (8). */
#define PACKETIN_OXM(CLASS, FIELD, LENGTH) \
    ((uint32_t) (CLASS) << 16 | (FIELD) << 9 | (LENGTH))
#define PACKETIN_OXM_MASKED (1u << 8)
#define PACKETIN_IN_PORT    PACKETIN_OXM(0x8000, 0, 4)
#define PACKETIN_NXM_PORT   PACKETIN_OXM(0x0000, 0, 2)
#define PACKETIN_OF_META    PACKETIN_OXM(0x8000, 2, 8)
#define PACKETIN_REG0       PACKETIN_OXM(0x0001, 0, 4)
#define PACKETIN_XXREG0     PACKETIN_OXM(0x0001, 111, 16)
#define PACKETIN_TUN_SRC    PACKETIN_OXM(0x0001, 31, 4)
#define PACKETIN_TUN6_SRC   PACKETIN_OXM(0x0001, 109, 16)

/* In OpenFlow 1.5 registers come in pairs (7.2.3.10), perhaps with a mask that
 * leaves out one of them. */
#define PACKETIN_CLASS_PAIR 0x8001
#define PACKETIN_PAIR0        PACKETIN_OXM(PACKETIN_CLASS_PAIR, 0, 8)
#define PACKETIN_PAIR0_MASKED (PACKETIN_OXM(PACKETIN_CLASS_PAIR, 0, 16) \
                               | PACKETIN_OXM_MASKED)

static uint32_t
packetin_u32(const uint8_t *p)
{
    return ntohl(get_unaligned_be32((const ovs_be32 *) p));
}

static bool
packetin_read_port(const uint8_t *value, struct packetin *pin)
{
    uint32_t port = packetin_u32(value);

    if (port >= ofp_to_u16(OFPP_MAX)) {
        return false;           /* Reserved, or none at all. */
    }
    pin->in_port = u16_to_ofp(port);
    return true;
}

/* Takes in where a tunnel came from, which is said once, and is not zero. */
static bool
packetin_read_tunnel(const struct in6_addr *src, struct packetin *pin)
{
    if (ipv6_addr_is_set(&pin->tun_src)
        || !ipv6_addr_is_set(src)
        || (IN6_IS_ADDR_V4MAPPED(src) && !in6_addr_get_mapped_ipv4(src))) {
        return false;
    }
    pin->tun_src = *src;
    return true;
}

/* Takes in the fields in the 'size' bytes at 'p'. */
static bool
packetin_read_fields(const uint8_t *p, size_t size, struct packetin *pin)
{
    while (size) {
        struct in6_addr src;
        uint32_t header;

        if (size < sizeof header) {
            return false;
        }
        header = packetin_u32(p);
        size_t length = sizeof header + (header & 0xff);
        const uint8_t *value = p + sizeof header;

        if (length > size) {
            return false;
        }
        switch (header) {
        case PACKETIN_IN_PORT:
            if (!packetin_read_port(value, pin)) {
                return false;
            }
            break;
        case PACKETIN_OF_META:
            memcpy(&pin->metadata, value, sizeof pin->metadata);
            break;
        case PACKETIN_REG0:
        case PACKETIN_PAIR0:
            pin->reg0 = packetin_u32(value);
            break;
        case PACKETIN_PAIR0_MASKED:
            pin->reg0 = packetin_u32(value) & packetin_u32(value + 8);
            break;
        case PACKETIN_TUN_SRC:
            in6_addr_set_mapped_ipv4(
                &src, get_unaligned_be32((const ovs_be32 *) value));
            if (!packetin_read_tunnel(&src, pin)) {
                return false;
            }
            break;
        case PACKETIN_TUN6_SRC:
            memcpy(&src, value, sizeof src);
            if (!packetin_read_tunnel(&src, pin)) {
                return false;
            }
            break;
        case PACKETIN_XXREG0:
        case PACKETIN_NXM_PORT:
            return false;       /* Another name of one of these. */
        default:
            /* A mask is for others to make sense of. */
            if (header & PACKETIN_OXM_MASKED
                && header >> 16 != PACKETIN_CLASS_PAIR) {
                return false;
            }
            break;
        }
        p += length;
        size -= length;
    }
    return true;
}

/* Takes in the property of 'type', 'length' bytes at 'p' with its header.
 * Returns false if it is not one that is always there, or as it always is. */
static bool
packetin_read_property(unsigned int type, const uint8_t *p, size_t length,
                       struct packetin *pin)
{
    /* Of those that are nothing else than a number. */
    static const uint8_t lengths[] = {
        [PACKETIN_FULL_LEN] = 8, [PACKETIN_TABLE_ID] = 5,
        [PACKETIN_COOKIE] = 16, [PACKETIN_REASON] = 5,
    };

    switch (type) {
    case PACKETIN_PACKET:
        pin->frame = p + 4;
        pin->frame_len = length - 4;
        return true;
    case PACKETIN_METADATA:
        return packetin_read_fields(p + 4, length - 4, pin);
    default:
        if (type >= ARRAY_SIZE(lengths) || length != lengths[type]) {
            return false;
        }
        if (type == PACKETIN_TABLE_ID) {
            pin->table_id = p[4];
        }
        return true;
    }
}

/* Reads 'oh', whose length is true, into '*pin'.  Returns false if it is no
 * NXT_PACKET_IN2, or not an ordinary one. */
bool
packetin_read(const struct ofp_header *oh, struct packetin *pin)
{
    const uint8_t *p = (const uint8_t *) oh;
    size_t size = ntohs(oh->length);
    unsigned int seen = 0;

    if (oh->type != PACKETIN_TYPE || size < PACKETIN_HEADER
        || packetin_u32(p + 8) != NX_VENDOR_ID
        || packetin_u32(p + 12) != PACKETIN_SUBTYPE) {
        return false;
    }
    memset(pin, 0, sizeof *pin);
    for (p += PACKETIN_HEADER, size -= PACKETIN_HEADER; size; ) {
        if (size < 4) {
            return false;
        }
        unsigned int type = p[0] << 8 | p[1];
        size_t length = p[2] << 8 | p[3];
        size_t padded = ROUND_UP(length, 8);

        if (length < 4 || padded > size || type > PACKETIN_METADATA
            || seen & 1u << type
            || !packetin_read_property(type, p, length, pin)) {
            return false;
        }
        seen |= 1u << type;
        p += padded;
        size -= padded;
    }
    return pin->frame_len > 0;
}

/* Does the same with any packet-in.  Returns 0 or what is wrong with it. */
enum ofperr
packetin_decode(const struct ofp_header *oh, struct packetin *pin)
{
    struct ofputil_packet_in ofpin;
    enum ofperr error = ofputil_decode_packet_in(oh, true, NULL, NULL, &ofpin,
                                                 NULL, NULL, NULL);

    if (error) {
        return error;
    }
    *pin = (struct packetin) {
        .frame = ofpin.packet,
        .frame_len = ofpin.packet_len,
        .table_id = ofpin.table_id,
        .in_port = ofpin.flow_metadata.flow.in_port.ofp_port,
        .metadata = ofpin.flow_metadata.flow.metadata,
        .reg0 = ofpin.flow_metadata.flow.regs[0],
        .tun_src = flow_tnl_src(&ofpin.flow_metadata.flow.tunnel),
    };
    return 0;
}

/* Reads the head of the frame of 'pin', which anybody may have sent.  Returns
 * false if it has none. */
bool
packetin_read_head(const struct packetin *pin, struct packetin_head *head)
{
    struct ofpbuf b = ofpbuf_const_initializer(pin->frame, pin->frame_len);
    const struct eth_header *eth = ofpbuf_try_pull(&b, sizeof *eth);
    const struct vlan_header *vlan;

    if (!eth) {
        return false;
    }
    vlan = eth_type_vlan(eth->eth_type) ? ofpbuf_try_pull(&b, sizeof *vlan)
           : NULL;
    head->dst = eth->eth_dst;
    head->src = eth->eth_src;
    head->vlan = vlan ? vlan_tci_to_vid(vlan->vlan_tci) : 0;
    return true;
}
