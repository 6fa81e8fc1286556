/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef FLOWS_PACKETOUT_H
#define FLOWS_PACKETOUT_H 1

/* Frames by which the controller makes a switch do something at once, without
 * a change of its flows.
 *
 *   - The lease: a flow in table LEASE that says that the controller was here
 *     a moment ago.  It is written, and renewed, by a learn() action.  A
 *     flow-mod would make the switch look at all cached flows again, each
 *     time; to renew what was learned only moves its end.
 *   - Probes of the overlay.  A node that gets one sends it back (see
 *     flows/layout.h), without a controller; the answer comes as a packet-in
 *     of the node that asked.  What a probe says of itself is checked by a
 *     number that only the controller, and the nodes that it asks, know.
 *   - Probes of ports by which edges see each other, which show where such a
 *     port leads: they come as a packet-in of who is at the other end.
 *   - Markers, which an edge sends into the VLANs of a trunk behind what it
 *     has sent before.  When another edge gets one, it has got all of that.
 *   - Probes for loops, which an edge sends out of a binding.  Stations see
 *     them, so they have a number of their own, and one that comes in tells
 *     of a loop only if that, or the binding that it names, is known.
 *   - What tells an edge with which there is no connection, by way of one with
 *     which there is, that it is not active any more (DEPOSE).  One that was
 *     under way for too long may come to an edge that is active again, or that
 *     another controller has made active.  So who has a connection with that
 *     edge is shown it, and ends what it has done if it is of old; the
 *     generation tells (controller/lead.h).
 *   - Frames that use up what a meter allows.
 *
 * Each function appends the actions to 'acts'; the frame is 'packetout_blank',
 * unless the function makes one. */

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include "openvswitch/types.h"
#include "uuid.h"

struct dp_packet;
struct match;
struct ofpbuf;
struct ofputil_packet_in;

#define PACKETOUT_DRAIN_SIZE 124        /* Bytes; a kbit holds one. */
extern const uint8_t packetout_blank[PACKETOUT_DRAIN_SIZE];

void packetout_lease(struct ofpbuf *acts);
void packetout_drain(struct ofpbuf *acts, uint32_t meter);

enum packetout_type {
    PACKETOUT_ASK, PACKETOUT_ANSWER, PACKETOUT_MARKER, PACKETOUT_DEPOSE,
    PACKETOUT_LOOP
};

struct packetout_probe {
    enum packetout_type type;
    uint64_t secret;
    uint64_t dpid;              /* Who sent it. */
    uint32_t cluster;           /* Of a marker, of DEPOSE and of LOOP. */
    uint32_t port;              /* By which it was sent, or, of a marker, a
                                 * number for that. */
    union {
        struct uuid binding;    /* Of LOOP: out of which it was sent. */
        uint64_t generation;    /* Of DEPOSE: by which its sender leads. */
    };
    uint32_t key;               /* Of ASK through the overlay: by which its
                                 * sender knows answers.  Is not read. */
};

void packetout_ask(struct dp_packet *, struct ofpbuf *acts,
                   const struct packetout_probe *, ofp_port_t tunnel,
                   const struct in6_addr *dst);
void packetout_ask_by(struct dp_packet *, struct ofpbuf *acts,
                      const struct packetout_probe *, ofp_port_t port);
void packetout_emit(struct dp_packet *, struct ofpbuf *acts,
                    const struct packetout_probe *, uint32_t slot);
bool packetout_read(const void *packet, size_t size,
                    struct packetout_probe *);

#endif /* flows/packetout.h */
