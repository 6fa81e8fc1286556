/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef FLOWS_SIGHTING_H
#define FLOWS_SIGHTING_H 1

/* A sighting: this MAC, in this segment, came in here.
 *
 * The same three things are read from a packet-in of LEARN, from the match of
 * a SOURCE flow that has gone, and from that of one that a switch still had
 * when it connected.  A DEST flow tells them too, by its actions.
 *
 * All of these come from the network.  A sighting that makes no sense (a
 * segment that is not there, a slot that is not bound to it, a source that is
 * a group address) is no sighting; why is said in words, for a log. */

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include "openvswitch/types.h"

struct flowset_flow;
struct macmsg_id;
struct match;
struct packetin;
struct topo;
struct topo_node;
struct topo_place;
struct topo_segment;

struct sighting {
    struct topo_place *place;
    uint32_t slot;              /* 0 if from a VTEP or a DEST flow. */
    struct eth_addr mac;

    /* If all that is wrong with it is that the VTEP 'vtep' is not in
     * 'lacking', which is NULL otherwise.  (Not from a DEST flow.) */
    struct topo_segment *lacking;
    struct in6_addr vtep;
};

const char *sighting_from_packet_in(const struct topo *,
                                    const struct topo_node *,
                                    const struct packetin *,
                                    struct sighting *);
const char *sighting_from_source(const struct topo *,
                                 const struct topo_node *,
                                 const struct match *, struct sighting *);
const char *sighting_from_dest(const struct topo *, const struct topo_node *,
                               const struct flowset_flow *,
                               struct sighting *);
const char *sighting_from_macmsg(const struct topo *,
                                 const struct topo_node *,
                                 const struct macmsg_id *, struct sighting *);

#endif /* flows/sighting.h */
