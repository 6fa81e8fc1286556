/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "flows/topo_place.h"

#include "flows/layout.h"
#include "util.h"

/* Returns whether 'node' has all ports that it needs to be active for
 * 'cluster', and their links are up. */
bool
topo_cluster_is_fit(const struct topo_cluster *cluster,
                    const struct topo_node *node)
{
    const struct topo_attach *attach;

    LIST_FOR_EACH (attach, cluster_node, &cluster->attaches) {
        const struct topo_claim *claim = topo_attach_claim(attach, node);
        const struct topo_port *port;

        if (!claim || !claim->slot) {
            return false;
        }
        port = topo_node_ofport(node, u16_to_ofp(claim->slot >> 16));
        if (!port || !port->link_up) {
            return false;
        }
    }
    return topo_node_tunnel(node) != OFPP_NONE;
}

/* Returns whether a segment that is on 'node' is bound to 'cluster'. */
bool
topo_cluster_used_by(const struct topo_cluster *cluster,
                     const struct topo_node *node)
{
    const struct topo_attach *attach;

    LIST_FOR_EACH (attach, cluster_node, &cluster->attaches) {
        if (topo_segment_has_node(attach->place.segment, node)) {
            return true;
        }
    }
    return false;
}

/* Makes 'active', which may be NULL, the edge that forwards for 'cluster'. */
void
topo_cluster_set_active(struct topo_cluster *cluster,
                        struct topo_node *active)
{
    struct topo_attach *attach;

    if (cluster->active == active) {
        return;
    }
    if (cluster->active) {
        /* It may have ceased to be a member. */
        topo_node_mark(cluster->active,
                       layout_cookie(LAYOUT_K_CLUSTER, cluster->id));
    }
    cluster->active = active;
    if (active) {
        cluster->via = active;
    }
    LIST_FOR_EACH (attach, cluster_node, &cluster->attaches) {
        topo_segment_mark_cluster(attach->place.segment, cluster);
    }
    topo_cluster_mark_members(cluster);
}

/* No edge forwards for 'cluster', which had one, until 'to' does: others send
 * there from now on, since nothing that they send elsewhere passes. */
void
topo_cluster_give_way(struct topo_cluster *cluster, struct topo_node *to)
{
    topo_cluster_set_active(cluster, NULL);
    cluster->via = to;
}

/* Finds the ports by which 'node', a member of 'cluster', has to see every
 * edge dead that comes before it, if it is to open its gate by itself: the
 * one that is active, or was it last, and those that are preferred.  Returns
 * their number, or 0 if it is not to, because one of them cannot be seen. */
size_t
topo_cluster_watched(const struct topo_cluster *cluster,
                     const struct topo_node *node,
                     const struct topo_port *ports[TOPO_MAX_EDGES])
{
    const struct topo_node *first = cluster->via;
    size_t n = 0;

    if (!first || first == node || cluster->fence) {
        return 0;
    }
    ports[n++] = topo_node_port_to(node, cluster, first);
    for (size_t i = 0; i < cluster->n_members
                       && cluster->members[i] != node; i++) {
        if (cluster->members[i] != first) {
            ports[n++] = topo_node_port_to(node, cluster,
                                           cluster->members[i]);
        }
    }
    for (size_t i = 0; i < n; i++) {
        if (!ports[i]) {
            return 0;
        }
    }
    return n;
}
