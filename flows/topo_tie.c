/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* Ties: what has a segment in common.
 *
 * The MACs of a segment are one controller's to learn, for each of them makes
 * flows on all nodes of the segment.  So what has a segment in common is led
 * as a whole (topo_shard.c).
 *
 * That all controllers find the same, whatever came first, a tie is by what
 * rows say, not by which of them are in force.
 *
 * Most segments are those of one cluster, and tie nothing.  To find shards
 * anew is to walk through the others. */

#include <config.h>
#include "flows/topo_place.h"

#include "util.h"

static struct topo_attach *
topo_tie_first(const struct topo_tie *tie)
{
    return CONTAINER_OF(ovs_list_front(&tie->attaches), struct topo_attach,
                        tie_node);
}

static struct topo_tie *
topo_tie_find(const struct topo *topo, const struct uuid *segment)
{
    struct topo_tie *tie;

    HMAP_FOR_EACH_WITH_HASH (tie, node, uuid_hash(segment), &topo->ties) {
        if (uuid_equals(&topo_tie_first(tie)->segment_uuid, segment)) {
            return tie;
        }
    }
    return NULL;
}

/* Returns a node of what 'attach' belongs to, or NULL if that has none. */
struct topo_node *
topo_attach_owner_node(const struct topo *topo,
                       const struct topo_attach *attach)
{
    struct topo_row *row = topo_attach_owner(topo, attach);

    if (row && row->table == TOPO_CLUSTER) {
        struct topo_cluster *cluster = CONTAINER_OF(row, struct topo_cluster,
                                                    row);

        return cluster->n_members ? cluster->members[0] : NULL;
    }
    return row ? CONTAINER_OF(row, struct topo_node, row) : NULL;
}

/* Returns whether a tie between 'a' and 'b' makes no difference, because they
 * are in the same shard already. */
static bool
topo_tie_is_idle(const struct topo *topo, const struct topo_attach *a,
                 const struct topo_attach *b)
{
    const struct topo_node *nodes[] = {
        topo_attach_owner_node(topo, a), topo_attach_owner_node(topo, b),
    };

    return (nodes[0] && nodes[1]
            && uuid_equals(&nodes[0]->shard, &nodes[1]->shard));
}

/* Returns whether the tie has an attachment of another owner than 'owner',
 * or of that one if 'same'. */
static bool
topo_tie_has(const struct topo_tie *tie, const struct uuid *owner, bool same)
{
    const struct topo_attach *attach;

    LIST_FOR_EACH (attach, tie_node, &tie->attaches) {
        if (uuid_equals(&attach->owner_uuid, owner) == same) {
            return true;
        }
    }
    return false;
}

/* Finds out whether the tie has more than one owner. */
static void
topo_tie_settle(struct topo *topo, struct topo_tie *tie)
{
    ovs_list_remove(&tie->mixed_node);
    ovs_list_init(&tie->mixed_node);
    if (topo_tie_has(tie, &topo_tie_first(tie)->owner_uuid, false)) {
        ovs_list_push_back(&topo->mixed_ties, &tie->mixed_node);
    }
}

/* 'attach' is new. */
void
topo_tie_add(struct topo *topo, struct topo_attach *attach)
{
    struct topo_tie *tie = topo_tie_find(topo, &attach->segment_uuid);

    if (!tie) {
        tie = xmalloc(sizeof *tie);
        ovs_list_init(&tie->mixed_node);
        ovs_list_init(&tie->attaches);
        hmap_insert(&topo->ties, &tie->node,
                    uuid_hash(&attach->segment_uuid));
    } else if (!topo_tie_has(tie, &attach->owner_uuid, true)
               && !topo_tie_is_idle(topo, topo_tie_first(tie), attach)) {
        topo->ties_changed = true;
    }
    ovs_list_push_back(&tie->attaches, &attach->tie_node);
    topo_tie_settle(topo, tie);
}

/* 'attach' goes. */
void
topo_tie_del(struct topo *topo, struct topo_attach *attach)
{
    struct topo_tie *tie = topo_tie_find(topo, &attach->segment_uuid);

    ovs_list_remove(&attach->tie_node);
    if (ovs_list_is_empty(&tie->attaches)) {
        ovs_list_remove(&tie->mixed_node);
        hmap_remove(&topo->ties, &tie->node);
        free(tie);
        return;
    }
    topo->ties_changed |= !topo_tie_has(tie, &attach->owner_uuid, true);
    topo_tie_settle(topo, tie);
}
