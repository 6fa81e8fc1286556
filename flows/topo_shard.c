/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* Shards: what one controller leads, as a whole.
 *
 * The flows of an edge are one controller's work, and so are the decision
 * which edge of a cluster is active, and the MACs of a segment.  So clusters
 * that share an edge are in one shard, with all of their edges, and so are
 * clusters and edges that have a segment in common (topo_tie.c); an edge that
 * shares nothing is a shard of its own.  A shard goes by the smallest UUID of
 * its clusters, or if it has none of its edges, so that all controllers call
 * it the same. */

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
topo_shard_join(struct topo_node *a, struct topo_node *b)
{
    if (a && b) {
        topo_shard_root(b)->shard_parent = topo_shard_root(a);
    }
}

static void
topo_shard_join_tie(const struct topo *topo, const struct topo_tie *tie)
{
    const struct topo_attach *attach;
    struct topo_node *first = NULL;

    LIST_FOR_EACH (attach, tie_node, &tie->attaches) {
        struct topo_node *node = topo_attach_owner_node(topo, attach);

        topo_shard_join(first, node);
        first = first ? first : node;
    }
}

/* The shard of 'node' goes by 'uuid', that of a cluster if 'is_cluster',
 * unless it has a better name. */
static void
topo_shard_name(struct topo_node *node, const struct uuid *uuid,
                bool is_cluster)
{
    struct topo_node *root = topo_shard_root(node);

    if (is_cluster > root->shard_by_cluster
        || (is_cluster == root->shard_by_cluster
            && uuid_compare_3way(uuid, &root->shard_name) < 0)) {
        root->shard_by_cluster = is_cluster;
        root->shard_name = *uuid;
    }
}

static void
topo_shards_join(struct topo *topo)
{
    const struct topo_cluster *cluster;
    const struct topo_tie *tie;
    struct topo_node *node;

    HMAP_FOR_EACH (node, row.node, &topo->rows[TOPO_EDGE]) {
        node->shard_parent = node;
        node->shard_name = node->row.uuid;
        node->shard_by_cluster = false;
    }
    HMAP_FOR_EACH (cluster, row.node, &topo->rows[TOPO_CLUSTER]) {
        for (size_t i = 1; i < cluster->n_members; i++) {
            topo_shard_join(cluster->members[0], cluster->members[i]);
        }
    }
    LIST_FOR_EACH (tie, mixed_node, &topo->mixed_ties) {
        topo_shard_join_tie(topo, tie);
    }
}

static void
topo_shard_set(struct topo *topo, struct uuid *shard, const struct uuid *uuid)
{
    if (!uuid_equals(shard, uuid)) {
        *shard = *uuid;
        topo->shards_changed = true;
    }
}

/* Finds the shards of 'topo': sets 'shard' of all edges and clusters. */
void
topo_shards_settle(struct topo *topo)
{
    struct topo_cluster *cluster;
    struct topo_node *node;

    topo->ties_changed = false;
    topo_shards_join(topo);
    HMAP_FOR_EACH (node, row.node, &topo->rows[TOPO_EDGE]) {
        topo_shard_name(node, &node->row.uuid, false);
    }
    HMAP_FOR_EACH (cluster, row.node, &topo->rows[TOPO_CLUSTER]) {
        if (cluster->n_members) {
            topo_shard_name(cluster->members[0], &cluster->row.uuid, true);
        }
    }
    HMAP_FOR_EACH (node, row.node, &topo->rows[TOPO_EDGE]) {
        topo_shard_set(topo, &node->shard,
                       &topo_shard_root(node)->shard_name);
    }
    HMAP_FOR_EACH (cluster, row.node, &topo->rows[TOPO_CLUSTER]) {
        topo_shard_set(topo, &cluster->shard,
                       cluster->n_members ? &cluster->members[0]->shard
                       : &cluster->row.uuid);
    }
}
