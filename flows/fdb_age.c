/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "flows/fdb_private.h"

#include "util.h"

/* A segment is asked about at most this often in its ageing time, but for the
 * shortest: that is how late a MAC may age. */
#define FDB_AGE_PARTS 8
#define FDB_AGE_SHORTEST 1000LL     /* Milliseconds. */

/* The heap has the largest priority at its top. */
static uint64_t
fdb_age_priority(long long due)
{
    return UINT64_MAX - due;
}

static long long
fdb_age_when(const struct topo_segment *segment)
{
    return UINT64_MAX - segment->ageing_node.priority;
}

static long long
fdb_age_shortest(const struct topo_segment *segment)
{
    return MAX(segment->mac_aging * 1000LL / FDB_AGE_PARTS, FDB_AGE_SHORTEST);
}

/* 'segment' has its first learned MAC. */
void
fdb_age_begin(struct fdb *fdb, struct topo_segment *segment, long long now)
{
    heap_insert(&fdb->ageing, &segment->ageing_node,
                fdb_age_priority(now + fdb_age_shortest(segment)));
}

static void
fdb_age_by(struct fdb *fdb, struct topo_segment *segment, long long due)
{
    if (segment->n_learned && due < fdb_age_when(segment)) {
        heap_change(&fdb->ageing, &segment->ageing_node,
                    fdb_age_priority(due));
    }
}

/* It is not known any more how old the MACs of 'segment' may be. */
void
fdb_age_anew(struct fdb *fdb, struct topo_segment *segment, long long now)
{
    fdb_age_by(fdb, segment, now + fdb_age_shortest(segment));
}

/* Returns a segment whose nodes should be asked now for how long its MACs
 * have been idle, or NULL if there is none.  It is not returned again for its
 * ageing time, but for what fdb_age_anew() and fdb_age_heard() say. */
struct topo_segment *
fdb_age_due(struct fdb *fdb, long long now)
{
    struct topo_segment *segment;

    if (fdb_age_wake(fdb) > now) {
        return NULL;
    }
    segment = CONTAINER_OF(heap_max(&fdb->ageing), struct topo_segment,
                           ageing_node);
    heap_change(&fdb->ageing, &segment->ageing_node,
                fdb_age_priority(now + segment->mac_aging * 1000LL));
    return segment;
}

/* When fdb_age_due() will return a segment, LLONG_MAX if there is none with
 * learned MACs. */
long long
fdb_age_wake(const struct fdb *fdb)
{
    return (heap_is_empty(&fdb->ageing) ? LLONG_MAX
            : (long long) (UINT64_MAX - heap_max(&fdb->ageing)->priority));
}

/* A node of 'segment' has answered: of the MACs that it keeps, the one that
 * has been idle for longest has been so for 'oldest' seconds. */
void
fdb_age_heard(struct fdb *fdb, struct topo_segment *segment,
              unsigned int oldest, long long now)
{
    long long left = (segment->mac_aging - (long long) oldest) * 1000;

    fdb_age_by(fdb, segment, now + MAX(left, fdb_age_shortest(segment)));
}

/* 'node' has answered what it was asked at 'asked': it had not used the flow
 * of 'idle', a MAC of 'segment', for the ageing time.  Returns true if with it
 * the MAC is forgotten. */
bool
fdb_age_out(struct fdb *fdb, const struct topo_node *node,
            const struct topo_segment *segment,
            const struct fdb_idle_mac *idle, long long asked,
            struct fdb_ops *ops)
{
    struct fdb_mac *e = fdb_find(fdb, segment, idle->mac);
    const struct fdb_seen *seen = e && !e->is_static ? fdb_seen(e, node)
                                  : NULL;

    /* It may have spoken, or gone elsewhere, in the meantime. */
    if (!seen || seen->at >= asked || seen->slot != idle->slot
        || pipeline_place_tag(e->place) != idle->tag) {
        return false;
    }
    fdb_push_source(ops, e, seen, false);
    return fdb_idle(fdb, node, e->place, idle->slot, idle->mac, ops);
}
