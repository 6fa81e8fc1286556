/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* Shards: what one controller leads, as a whole.
 *
 * The flows of an edge are one controller's work, and so is the decision which
 * edge of a cluster is active.  So clusters that share an edge are in one
 * shard, with all of their edges; an edge in no cluster is a shard of its own.
 * A shard goes by the smallest UUID of its clusters, or by that of its only
 * edge, so that all controllers call it the same. */

#include <config.h>
#include "flows/topo_place.h"

/* Returns the edge by which the shard of 'node' is known while shards are
 * being found. */
static struct topo_node *
topo_shard_root(struct topo_node *node)
{
    while (node->shard_parent != node) {
        node->shard_parent = node->shard_parent->shard_parent;
        node = node->shard_parent;
    }
    return node;
}

static void
topo_shard_join(const struct topo_cluster *cluster)
{
    for (size_t i = 1; i < cluster->n_members; i++) {
        topo_shard_root(cluster->members[i])->shard_parent
            = topo_shard_root(cluster->members[0]);
    }
}

/* The shard of 'cluster' goes by its UUID, unless there is a smaller one. */
static void
topo_shard_name(const struct topo_cluster *cluster)
{
    struct topo_node *root;

    if (!cluster->n_members) {
        return;
    }
    root = topo_shard_root(cluster->members[0]);
    if (uuid_equals(&root->shard, &root->row.uuid)
        || uuid_compare_3way(&cluster->row.uuid, &root->shard) < 0) {
        root->shard = cluster->row.uuid;
    }
}

/* Finds the shards of 'topo': sets 'shard' of all edges and clusters. */
void
topo_shards_settle(struct topo *topo)
{
    struct topo_cluster *cluster;
    struct topo_node *node;

    HMAP_FOR_EACH (node, row.node, &topo->rows[TOPO_EDGE]) {
        node->shard_parent = node;
        node->shard = node->row.uuid;
    }
    HMAP_FOR_EACH (cluster, row.node, &topo->rows[TOPO_CLUSTER]) {
        topo_shard_join(cluster);
    }
    HMAP_FOR_EACH (cluster, row.node, &topo->rows[TOPO_CLUSTER]) {
        topo_shard_name(cluster);
    }
    HMAP_FOR_EACH (node, row.node, &topo->rows[TOPO_EDGE]) {
        node->shard = topo_shard_root(node)->shard;
    }
    HMAP_FOR_EACH (cluster, row.node, &topo->rows[TOPO_CLUSTER]) {
        cluster->shard = (cluster->n_members ? cluster->members[0]->shard
                          : cluster->row.uuid);
    }
}
