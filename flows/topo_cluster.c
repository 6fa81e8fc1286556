/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "flows/topo_place.h"

#include "flows/layout.h"
#include "hash.h"
#include "util.h"

/* How 'node' reaches 'cluster' is to be derived anew. */
static void
topo_cluster_mark_on(const struct topo_cluster *cluster,
                     struct topo_node *node)
{
    topo_node_mark(node, layout_cookie(LAYOUT_K_CLUSTER, cluster->id));
}

void
topo_cluster_mark_members(const struct topo_cluster *cluster)
{
    for (size_t i = 0; i < cluster->n_members; i++) {
        topo_cluster_mark_on(cluster, cluster->members[i]);
    }
}

/* Bindings. */

static struct topo_user *
topo_cluster_user(const struct topo_cluster *cluster,
                  const struct topo_node *node)
{
    struct topo_user *user;

    HMAP_FOR_EACH_WITH_HASH (user, node, hash_pointer(node, 0),
                             &cluster->users) {
        if (user->tnode == node) {
            return user;
        }
    }
    return NULL;
}

/* Returns whether 'node' is in a segment that is bound to 'cluster'. */
bool
topo_cluster_has_user(const struct topo_cluster *cluster,
                      const struct topo_node *node)
{
    const struct topo_user *user = topo_cluster_user(cluster, node);

    return user && user->n;
}

static struct topo_user *
topo_cluster_make_user(struct topo_cluster *cluster, struct topo_node *node)
{
    struct topo_user *user = topo_cluster_user(cluster, node);

    if (!user) {
        user = xzalloc(sizeof *user);
        user->cluster = cluster;
        user->tnode = node;
        hmap_insert(&cluster->users, &user->node, hash_pointer(node, 0));
        ovs_list_push_back(&node->uses, &user->tnode_node);
    }
    return user;
}

static void
topo_cluster_drop_user(struct topo_user *user)
{
    if (!user->n && !user->member) {
        hmap_remove(&user->cluster->users, &user->node);
        ovs_list_remove(&user->tnode_node);
        free(user);
    }
}

/* 'node' is in one more segment, by one more binding of it to 'cluster'. */
void
topo_cluster_add_user(struct topo_cluster *cluster, struct topo_node *node)
{
    struct topo_user *user = topo_cluster_make_user(cluster, node);

    if (!user->n++) {
        topo_cluster_mark_on(cluster, node);
    }
}

/* And one less. */
void
topo_cluster_del_user(struct topo_cluster *cluster, struct topo_node *node)
{
    struct topo_user *user = topo_cluster_user(cluster, node);

    if (!--user->n) {
        topo_cluster_mark_on(cluster, node);
        topo_cluster_drop_user(user);
    }
}

/* Makes the 'n' nodes in 'members' those of 'cluster'. */
void
topo_cluster_set_members(struct topo_cluster *cluster,
                         struct topo_node *const members[], size_t n)
{
    for (size_t i = 0; i < cluster->n_members; i++) {
        topo_node_mark_addrs(cluster->members[i]);
        topo_cluster_user(cluster, cluster->members[i])->member = false;
    }
    for (size_t i = 0; i < n; i++) {
        topo_cluster_make_user(cluster, members[i])->member = true;
    }
    for (size_t i = 0; i < cluster->n_members; i++) {
        topo_cluster_drop_user(topo_cluster_user(cluster,
                                                 cluster->members[i]));
    }
    for (size_t i = 0; i < n; i++) {
        cluster->members[i] = members[i];
    }
    cluster->n_members = n;
    if (n) {
        topo_node_mark_addrs(members[0]);
    }
}

static struct topo_trunk *
topo_cluster_trunk(struct topo_cluster *cluster, const char *port)
{
    struct topo_trunk *trunk;

    LIST_FOR_EACH (trunk, node, &cluster->trunks) {
        if (!strcmp(trunk->port, port)) {
            return trunk;
        }
    }
    trunk = xmalloc(sizeof *trunk);
    trunk->port = xstrdup(port);
    ovs_list_init(&trunk->attaches);
    ovs_list_push_back(&cluster->trunks, &trunk->node);
    return trunk;
}

/* 'attach', in force but for that, is a binding to 'cluster'. */
void
topo_cluster_bind(struct topo_cluster *cluster, struct topo_attach *attach)
{
    const struct topo_segment *segment = attach->place.segment;

    attach->cluster = cluster;
    ovs_list_push_back(&cluster->attaches, &attach->cluster_node);
    attach->trunk = topo_cluster_trunk(cluster, attach->port);
    ovs_list_push_back(&attach->trunk->attaches, &attach->trunk_node);
    for (size_t i = 0; i < segment->n_sites; i++) {
        topo_cluster_add_user(cluster, segment->sites[i].node);
    }
}

/* The binding 'attach' goes out of force. */
void
topo_cluster_unbind(struct topo_attach *attach)
{
    const struct topo_segment *segment = attach->place.segment;
    struct topo_trunk *trunk = attach->trunk;

    for (size_t i = 0; i < segment->n_sites; i++) {
        topo_cluster_del_user(attach->cluster, segment->sites[i].node);
    }
    ovs_list_remove(&attach->overlap_node);
    ovs_list_init(&attach->overlap_node);
    ovs_list_remove(&attach->trunk_node);
    if (ovs_list_is_empty(&trunk->attaches)) {
        ovs_list_remove(&trunk->node);
        free(trunk->port);
        free(trunk);
    }
    ovs_list_remove(&attach->cluster_node);
    attach->cluster = NULL;
    attach->trunk = NULL;
}

/* What a cluster is to its edges. */

/* Returns whether 'node' has all ports that it needs to be active for
 * 'cluster', and their links are up. */
bool
topo_cluster_is_fit(const struct topo_cluster *cluster,
                    const struct topo_node *node)
{
    const struct topo_trunk *trunk;

    LIST_FOR_EACH (trunk, node, &cluster->trunks) {
        const struct topo_port *port = topo_node_port(node, trunk->port);

        if (!port || !port->link_up) {
            return false;
        }
    }
    return topo_node_tunnel(node) != OFPP_NONE;
}

/* Where the frames for 'cluster' go is to be derived anew, everywhere. */
static void
topo_cluster_mark_ways(const struct topo_cluster *cluster)
{
    const struct topo_attach *attach;
    struct topo_user *user;

    HMAP_FOR_EACH (user, node, &cluster->users) {
        topo_cluster_mark_on(cluster, user->tnode);
    }
    /* A flood that must not reach a node twice names the edge itself (see
     * flows/pipeline_segment.c). */
    LIST_FOR_EACH (attach, overlap_node, &cluster->overlaps) {
        topo_segment_mark(attach->place.segment);
    }
    topo_cluster_mark_members(cluster);
}

/* Makes 'active', which may be NULL, the edge that forwards for 'cluster'. */
void
topo_cluster_set_active(struct topo_cluster *cluster,
                        struct topo_node *active)
{
    if (cluster->active == active) {
        return;
    }
    if (cluster->active) {
        /* It may have ceased to be a member. */
        topo_cluster_mark_on(cluster, cluster->active);
    }
    cluster->active = active;
    if (active) {
        cluster->via = active;
    }
    topo_cluster_mark_ways(cluster);
}

/* No edge forwards for 'cluster' until 'to' does: others send there from now
 * on, since nothing that they send elsewhere passes. */
void
topo_cluster_give_way(struct topo_cluster *cluster, struct topo_node *to)
{
    topo_cluster_set_active(cluster, NULL);
    if (cluster->via != to) {
        cluster->via = to;
        topo_cluster_mark_ways(cluster);
    }
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
