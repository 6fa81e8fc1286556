/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef FLOWS_PACKETIN_H
#define FLOWS_PACKETIN_H 1

/* What a packet-in says, as far as learning and probes ask.
 *
 * Open vSwitch sends NXT_PACKET_IN2 (openflow/nicira-ext.h), a list of
 * properties, one of which is a list of OXM fields.  Decoding all of it into
 * a struct match costs more than all that learning does with it, so
 * packetin_read() takes out by hand what is asked for, and only where it
 * finds nothing that surprises it.  Whatever does, is for packetin_decode(),
 * which leaves it to libopenvswitch; what the first one reads is what the
 * second one does (tests/unit/test_packetin.c, tests/fuzz/fuzz_sighting.c).
 *
 * The frame belongs to the message. */

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "openvswitch/ofp-errors.h"
#include "openvswitch/types.h"
#include "packets.h"

struct ofp_header;

struct packetin {
    const void *frame;
    size_t frame_len;
    uint8_t table_id;
    ofp_port_t in_port;
    ovs_be64 metadata;
    uint32_t reg0;
    struct in6_addr tun_src;    /* IPv4 as IPv4-mapped; all zeros if none. */
};

/* Whose frame it is, and which tag it has. */
struct packetin_head {
    struct eth_addr dst, src;
    uint16_t vlan;              /* 0 if there is none. */
};

bool packetin_read(const struct ofp_header *, struct packetin *);
enum ofperr packetin_decode(const struct ofp_header *, struct packetin *);
bool packetin_read_head(const struct packetin *, struct packetin_head *);

#endif /* flows/packetin.h */
