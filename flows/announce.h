/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef FLOWS_ANNOUNCE_H
#define FLOWS_ANNOUNCE_H 1

/* Telling the neighbours that a cluster's MACs are behind another edge now.
 *
 * Who has no controller learns from frames: the switches on the VLAN side
 * where the overlay's MACs are, foreign VTEPs where those of the VLANs are.
 * So the new active edge speaks for each of them, by RARP (RFC 903), which
 * every switch learns from and no host answers.  Nodes that the controller
 * programs need no telling: one flow of theirs has changed (table REMOTE).
 *
 * A list of MACs is collected once, the most recently seen first; frame by
 * frame it is asked whether there is still something to say.  A MAC that has
 * been seen on the new edge since it took over has spoken for itself. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "openvswitch/types.h"

struct fdb;
struct ofpbuf;
struct topo;
struct topo_cluster;
struct topo_node;

struct announce_mac {
    uint32_t vni;
    struct eth_addr mac;
    long long seen_at;
};

struct announce_mac *announce_collect(const struct topo_cluster *, size_t *n);
bool announce_actions(const struct topo *, const struct fdb *,
                      const struct topo_cluster *, const struct topo_node *,
                      const struct announce_mac *, long long since,
                      struct ofpbuf *acts);

#endif /* flows/announce.h */
