/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "tests/unit/walk.h"

#include <stdlib.h>

#include "flows/addr.h"
#include "util.h"

/* A station speaks from a VTEP that may not be known, or not be one.  Returns
 * true if one more is learned. */
bool
walk_stranger(struct walk *walk)
{
    static const char *const ips[] = {
        "198.51.100.1", "198.51.100.2", "198.51.100.3", "2001:db8::2",
        "192.0.2.1", "2001:db8::1", "10.0.0.2", "10.0.0.9",
    };
    struct net *net = &walk->net;
    struct uuid uuid = net_uuid(TOPO_SEGMENT,
                                1 + walk_random(walk, WALK_SEGMENTS));
    struct topo_row *row = topo_row(&net->topo, TOPO_SEGMENT, &uuid);
    struct topo_node *node = walk_pick_node(walk);
    struct eth_addr mac = net_mac(1 + walk_random(walk, 12));
    struct topo_segment *segment;
    struct topo_vtep *vtep;
    struct in6_addr ip;
    bool learned;
    char *error;

    ovs_assert(addr_parse_vtep(WALK_PICK(walk, ips), &ip, &error));
    if (!row || !node) {
        return false;
    }
    segment = CONTAINER_OF(row, struct topo_segment, row);
    if (!topo_segment_has_node(segment, node)
        || topo_node_tunnel(node) == OFPP_NONE) {
        return false;
    }
    error = topo_vtep_learn(&net->topo, segment, &ip, net->now);
    learned = !error;
    walk->n_strangers += learned;
    free(error);
    vtep = topo_vtep_find(&net->topo, segment, &ip);
    if (vtep) {
        fdb_sight(&net->fdb, node, &vtep->place, mac, net->now, &net->ops);
    }
    return learned;
}

/* Whether any node of 'segment' has a tunnel. */
static bool
walk_has_tunnel(const struct topo_segment *segment)
{
    for (size_t i = 0; i < segment->n_sites; i++) {
        if (topo_node_tunnel(segment->sites[i].node) != OFPP_NONE) {
            return true;
        }
    }
    return false;
}

/* VTEPs that were learned age, all of those that nobody can hear. */
void
walk_age_vteps(struct walk *walk)
{
    struct topo_vtep *vtep;

    net_settle(&walk->net);
    LIST_FOR_EACH_SAFE (vtep, learned_node, &walk->net.topo.learned_vteps) {
        if (!walk_has_tunnel(vtep->place.segment)
            || !walk_random(walk, 10)) {
            topo_vtep_forget(&walk->net.topo, vtep);
        }
    }
}
