/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef FLOWS_PIPELINE_H
#define FLOWS_PIPELINE_H 1

/* The flows that a node should have, given the topology.
 *
 * Each owner (flows/layout.h: the node itself, its addresses, a port, a
 * cluster, a segment)
 * has a function that derives its flows and those of no other.  What one
 * function emits depends only on 'topo', so deriving an owner anew after a
 * change gives what deriving everything would, and the sum over all owners
 * is what the node should have, but for its MACs:
 *
 * The flows of a MAC are two.  SOURCE says that the MAC is known at the
 * place where it was seen; only nodes that saw it have that flow, and its
 * idleness is how the MAC ages.  DEST says where frames to the MAC go; every
 * node of the segment has it.  A static MAC has a third on every node of the
 * segment, a guard in LEARN, which drops what SOURCE does not know, before
 * anybody is told.
 *
 * Nothing here reads a clock or talks to anyone. */

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include "openvswitch/types.h"
#include "packets.h"

struct flowset;
struct flowset_flow;
struct flowset_spec;
struct match;
struct ofpbuf;
struct topo;
struct topo_cluster;
struct topo_limit;
struct topo_node;
struct topo_place;
struct topo_segment;

/* Owners. */
void pipeline_node(const struct topo_node *, struct flowset *);
void pipeline_addrs(const struct topo_node *, struct flowset *);
void pipeline_port(const struct topo_node *, ofp_port_t, struct flowset *);
void pipeline_cluster(const struct topo_node *, const struct topo_cluster *,
                      struct flowset *);
void pipeline_segment(const struct topo_node *, const struct topo_segment *,
                      struct flowset *);

void pipeline_owner(const struct topo *, const struct topo_node *,
                    uint64_t cookie, struct flowset *);
void pipeline_all(const struct topo_node *, struct flowset *);
typedef void pipeline_func(struct flowset *, void *aux);
void pipeline_each(const struct topo_node *, struct flowset *,
                   pipeline_func *, void *aux);

uint32_t pipeline_flow_slot(const struct flowset_flow *);
bool pipeline_flow_learned_vtep(const struct flowset_flow *,
                                struct in6_addr *ip);

/* Meters of storm control: those of a segment on a node, all of a node, and
 * whether a node has one. */
typedef void pipeline_meter_func(uint32_t id, const struct topo_limit *,
                                 void *aux);
void pipeline_meters(const struct topo_node *, const struct topo_segment *,
                     pipeline_meter_func *, void *aux);
void pipeline_all_meters(const struct topo_node *, pipeline_meter_func *,
                         void *aux);
bool pipeline_has_meter(const struct topo_node *, uint32_t id);

/* MACs.  Each fills in 'spec', which borrows 'match' and 'acts' from the
 * caller, 'acts' having been initialized. */
struct pipeline_mac {
    const struct topo_segment *segment;
    struct eth_addr mac;
    const struct topo_place *place;
    bool is_static;
};

uint32_t pipeline_place_slot(const struct topo_node *,
                             const struct topo_place *);
bool pipeline_place_missing(const struct topo_node *,
                            const struct topo_place *);
uint32_t pipeline_place_tag(const struct topo_place *);
uint16_t pipeline_source_timeout(const struct topo_node *,
                                 const struct topo_segment *);
void pipeline_source(const struct topo_node *, const struct pipeline_mac *,
                     uint32_t slot, struct flowset_spec *spec,
                     struct match *match, struct ofpbuf *acts);
void pipeline_guard(const struct pipeline_mac *, struct flowset_spec *spec,
                    struct match *match, struct ofpbuf *acts);
void pipeline_dest_key(const struct pipeline_mac *, struct flowset_spec *spec,
                       struct match *match, struct ofpbuf *acts);
bool pipeline_dest(const struct topo_node *, const struct pipeline_mac *,
                   struct flowset_spec *spec, struct match *match,
                   struct ofpbuf *acts);

#endif /* flows/pipeline.h */
