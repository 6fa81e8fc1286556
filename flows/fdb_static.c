/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "flows/fdb_private.h"

#include "util.h"

static void
fdb_sync_static(struct fdb *fdb, struct topo_static_mac *sm, long long now,
                struct fdb_ops *ops)
{
    struct fdb_mac *e = fdb_find(fdb, sm->place->segment, sm->mac);

    if (e && (!e->is_static || e->place != sm->place)) {
        fdb_remove(fdb, e, FDB_EV_FORGOTTEN, ops);
        e = NULL;
    }
    if (!e) {
        e = fdb_create(fdb, sm->place, sm->mac, true, now);
        fdb_push_dest(ops, e, true, NULL);

        /* Every node knows it, those at which it cannot come in as well: that
         * may change. */
        for (size_t i = 0; i < e->segment->n_sites; i++) {
            struct topo_node *node = e->segment->sites[i].node;
            uint32_t slot = pipeline_place_slot(node, e->place);

            fdb_push_source(ops, e, fdb_seen_add(e, node, slot), true);
        }
        fdb_push_guard(ops, e, true);
    }
    e->synced = true;
}

/* Makes the static MACs those that 'topo' has. */
void
fdb_sync_statics(struct fdb *fdb, const struct topo *topo, long long now,
                 struct fdb_ops *ops)
{
    struct fdb_walk walk;
    struct topo_static_mac *sm;
    struct fdb_mac *e;

    HMAP_FOR_EACH (sm, row.node, &topo->rows[TOPO_STATIC_MAC]) {
        if (sm->place) {
            fdb_sync_static(fdb, sm, now, ops);
        }
    }
    FDB_TABLE_FOR_EACH (e, &walk, &fdb->macs) {
        if (e->is_static && !e->synced) {
            fdb_remove(fdb, e, FDB_EV_FORGOTTEN, ops);
        } else {
            e->synced = false;
        }
    }
}
