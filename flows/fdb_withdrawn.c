/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "flows/fdb_private.h"

#include "util.h"

/* MACs at places that are not where they were: in force again in another way,
 * under another row, or gone. */

/* The place of 'e' is in force again, perhaps on other nodes or by other
 * slots than before. */
static void
fdb_reinstate(struct fdb *fdb, struct fdb_mac *e, struct fdb_ops *ops)
{
    const struct topo_attach *attach;
    size_t n = e->n_seen;

    if (e->place->type != TOPO_PLACE_ATTACH) {
        return;
    }
    attach = CONTAINER_OF(e->place, struct topo_attach, place);
    for (size_t i = n; i-- > 0; ) {
        struct fdb_seen *seen = &e->seen[i];
        uint32_t slot = pipeline_place_slot(seen->node, e->place);

        if (slot != seen->slot) {
            fdb_push_source(ops, e, seen, false);
            seen->slot = slot;
            fdb_push_source(ops, e, seen, true);
        }
        if (!e->is_static && !topo_attach_claim(attach, seen->node)) {
            fdb_seen_del(e, seen);
        }
    }
    if (n && !e->n_seen && !e->is_static) {
        fdb_remove(fdb, e, FDB_EV_FORGOTTEN, ops);
    } else {
        fdb_push_dest(ops, e, true, NULL);
    }
}

/* Returns the place that is where 'place' was, which has gone: the same VTEP
 * with another row, or with one where it was learned; or NULL. */
static struct topo_place *
fdb_heir(const struct topo *topo, const struct topo_place *place)
{
    const struct topo_vtep *vtep;
    const struct fdb_mac *e;
    struct topo_vtep *heir;

    if (place->type != TOPO_PLACE_VTEP || place->segment
        || ovs_list_is_empty(&place->macs)) {
        return NULL;
    }
    e = CONTAINER_OF(ovs_list_front(&place->macs), struct fdb_mac, place_node);
    vtep = CONTAINER_OF(place, struct topo_vtep, place);
    heir = topo_vtep_find(topo, e->segment, &vtep->ip);
    return heir ? &heir->place : NULL;
}

/* The learned MACs at 'place' are at 'heir' now, by the same flows. */
static void
fdb_hand_over(struct fdb *fdb, struct topo_place *place,
              struct topo_place *heir, struct fdb_ops *ops)
{
    struct fdb_mac *e;

    LIST_FOR_EACH_SAFE (e, place_node, &place->macs) {
        if (!e->is_static) {
            fdb_flap_forget(fdb, e);
            fdb_place_out(e);
            fdb_place_in(e, heir);
        }
    }
    for (size_t i = 0; i < ops->n; i++) {
        if (ops->ops[i].m.place == place) {
            ops->ops[i].m.place = heir;
        }
    }
}

/* Forgets the MACs, static ones too, at places that have gone. */
void
fdb_flush_withdrawn(struct fdb *fdb, struct topo *topo, struct fdb_ops *ops)
{
    struct topo_place *place;

    LIST_FOR_EACH_POP (place, withdrawn_node, &topo->withdrawn) {
        struct topo_place *heir = fdb_heir(topo, place);
        struct fdb_mac *e;

        ovs_list_init(&place->withdrawn_node);
        fdb_flap_clear(place);
        if (heir) {
            fdb_hand_over(fdb, place, heir, ops);
        }
        LIST_FOR_EACH_SAFE (e, place_node, &place->macs) {
            if (place->segment != e->segment) {
                fdb_remove(fdb, e, FDB_EV_FORGOTTEN, ops);
            } else {
                fdb_reinstate(fdb, e, ops);
            }
        }
    }
}
