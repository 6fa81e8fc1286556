/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "flows/flowmsg.h"

#include <string.h>
#include "byte-order.h"
#include "openvswitch/ofp-errors.h"
#include "openvswitch/ofpbuf.h"
#include "ox-stat.h"
#include "util.h"

/* Reads the 16-bit number at 'p'. */
static size_t
flowmsg_u16(const uint8_t *p)
{
    return p[0] << 8 | p[1];
}

static uint64_t
flowmsg_u64(const uint8_t *p)
{
    ovs_be64 x;

    memcpy(&x, p, sizeof x);
    return ntohll(x);
}

static bool
flowmsg_cut_head(const uint8_t *p, size_t size, enum ofp_version version,
                 struct flowmsg *m)
{
    size_t head = (version >= OFP15_VERSION ? sizeof(struct ofp15_flow_desc)
                   : sizeof(struct ofp11_flow_stats));

    if (size < head || (m->size = flowmsg_u16(p)) > size || m->size < head) {
        return false;
    }
    m->fm = (struct ofp11_flow_mod) {
        .command = OFPFC_ADD, .buffer_id = OVS_BE32_MAX,
        .out_port = OVS_BE32_MAX, .out_group = OVS_BE32_MAX,
    };
#define FLOWMSG_COPY(STRUCT, MEMBER)                        \
    memcpy(&m->fm.MEMBER, p + offsetof(STRUCT, MEMBER),     \
           sizeof m->fm.MEMBER)
#define FLOWMSG_COPY_ALL(STRUCT)                                            \
    (FLOWMSG_COPY(STRUCT, cookie), FLOWMSG_COPY(STRUCT, table_id),          \
     FLOWMSG_COPY(STRUCT, idle_timeout), FLOWMSG_COPY(STRUCT, hard_timeout),\
     FLOWMSG_COPY(STRUCT, priority), FLOWMSG_COPY(STRUCT, flags),           \
     FLOWMSG_COPY(STRUCT, importance))
    if (version >= OFP15_VERSION) {
        FLOWMSG_COPY_ALL(struct ofp15_flow_desc);
    } else {
        FLOWMSG_COPY_ALL(struct ofp11_flow_stats);
    }
    m->match = p + head;
    return true;
}

/* Cuts a match, or statistics, off the '*left' bytes at 'p'.  Both begin with
 * a kind and their length, without padding. */
static bool
flowmsg_cut_piece(const uint8_t *p, size_t *left, size_t *size)
{
    if (*left < 4) {
        return false;
    }
    *size = ROUND_UP(flowmsg_u16(p + 2), 8);
    if (*size > *left) {
        return false;
    }
    *left -= *size;
    return true;
}

/* Cuts the flow at the beginning of the 'size' bytes at 'data', from the body
 * of a flow stats reply of OpenFlow 'version', into pieces.  Returns false if
 * it does not look as it should. */
bool
flowmsg_cut(const void *data, size_t size, enum ofp_version version,
            struct flowmsg *m)
{
    const uint8_t *p = data;
    size_t left;

    if (!flowmsg_cut_head(p, size, version, m)) {
        return false;
    }
    left = p + m->size - m->match;
    if (!flowmsg_cut_piece(m->match, &left, &m->match_size)) {
        return false;
    }
    m->instructions = m->match + m->match_size;
    if (version >= OFP15_VERSION) {
        m->stats = m->instructions;
        if (!flowmsg_cut_piece(m->stats, &left, &m->stats_size)) {
            return false;
        }
        m->instructions += m->stats_size;
    } else {
        m->stats = p + offsetof(struct ofp11_flow_stats, packet_count);
        m->stats_size = 2 * sizeof(ovs_be64);
    }
    m->instructions_size = left;
    return true;
}

/* Fills in what the flow has counted.  Returns false if it does not say. */
bool
flowmsg_count(const struct flowmsg *m, enum ofp_version version,
              uint64_t *frames, uint64_t *bytes)
{
    if (version >= OFP15_VERSION) {
        struct ofpbuf b = ofpbuf_const_initializer(m->stats, m->stats_size);
        struct oxs_stats oxs;
        uint8_t fields;
        uint16_t length;

        if (oxs_pull_stat(&b, &oxs, &length, &fields)) {
            return false;
        }
        *frames = oxs.packet_count;
        *bytes = oxs.byte_count;
    } else {
        *frames = flowmsg_u64(m->stats);
        *bytes = flowmsg_u64(m->stats + sizeof(ovs_be64));
    }
    return *frames != UINT64_MAX && *bytes != UINT64_MAX;
}
