/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* MACs that move to and fro: where there is a loop, or one address twice.
 *
 * A MAC that has moved too often within some time is frozen for a while: it
 * stays where it is, whoever else says so (RFC 7432, section 15.1, where
 * "duplicate MAC addresses" are those that move five times in 180 s).  As it
 * is the last of these moves that is not made, a MAC that goes between two
 * places is left at the one where it was before, if that number is odd.
 *
 * The place to which a frozen MAC would have gone is its rival.  A segment
 * with several such MACs has a loop: see agent_close.c.
 *
 * Only MACs that move take memory for that, and are forgotten with it. */

#include <config.h>
#include "flows/fdb_private.h"

#include "hash.h"
#include "util.h"

static uint32_t
fdb_flap_hash(const struct fdb_mac *e)
{
    return hash_pointer(e, 0);
}

static struct fdb_flap *
fdb_flap_find(const struct fdb *fdb, const struct fdb_mac *e)
{
    struct fdb_flap *flap;

    if (!e->moving) {
        return NULL;
    }
    HMAP_FOR_EACH_WITH_HASH (flap, node, fdb_flap_hash(e), &fdb->flaps) {
        if (flap->mac == e) {
            return flap;
        }
    }
    OVS_NOT_REACHED();
}

static struct fdb_flap *
fdb_flap_create(struct fdb *fdb, struct fdb_mac *e, long long now)
{
    struct fdb_flap *flap = xzalloc(sizeof *flap);

    flap->mac = e;
    flap->since = now;
    e->moving = true;
    hmap_insert(&fdb->flaps, &flap->node, fdb_flap_hash(e));
    ovs_list_push_back(&fdb->moving, &flap->age_node);
    ovs_list_init(&flap->rival_node);
    return flap;
}

static void
fdb_flap_set_rival(struct fdb_flap *flap, struct topo_place *place)
{
    if (flap->rival) {
        flap->rival->n_rivals--;
    }
    ovs_list_remove(&flap->rival_node);
    ovs_list_init(&flap->rival_node);
    flap->rival = place;
    if (place) {
        ovs_list_push_back(&place->rivals, &flap->rival_node);
        place->n_rivals++;
    }
}

static void
fdb_flap_destroy(struct fdb *fdb, struct fdb_flap *flap)
{
    fdb_flap_set_rival(flap, NULL);
    flap->mac->place->n_frozen -= flap->frozen;
    flap->mac->moving = false;
    hmap_remove(&fdb->flaps, &flap->node);
    ovs_list_remove(&flap->age_node);
    free(flap);
}

/* 'e' goes. */
void
fdb_flap_forget(struct fdb *fdb, const struct fdb_mac *e)
{
    struct fdb_flap *flap = fdb_flap_find(fdb, e);

    if (flap) {
        fdb_flap_destroy(fdb, flap);
    }
}

/* 'place' is nobody's rival any more. */
void
fdb_flap_clear(struct topo_place *place)
{
    struct fdb_flap *flap;

    LIST_FOR_EACH_SAFE (flap, rival_node, &place->rivals) {
        fdb_flap_set_rival(flap, NULL);
    }
}

/* Returns true if 'e' is frozen. */
bool
fdb_is_frozen(const struct fdb *fdb, const struct fdb_mac *e)
{
    const struct fdb_flap *flap = fdb_flap_find(fdb, e);

    return flap && flap->frozen;
}

/* Returns what is known of the moves of 'e', or NULL if it has not moved
 * lately. */
const struct fdb_flap *
fdb_find_flap(const struct fdb *fdb, const struct fdb_mac *e)
{
    return fdb_flap_find(fdb, e);
}

/* 'e' was seen at 'place', where it is not.  Returns FDB_MOVED if it may move
 * there, otherwise why it does not. */
enum fdb_verdict
fdb_flap_judge(struct fdb *fdb, struct fdb_mac *e, struct topo_place *place,
               long long now)
{
    struct fdb_flap *flap = fdb_flap_find(fdb, e);

    if (!fdb->flap_moves) {
        return FDB_MOVED;
    }
    if (flap && flap->frozen) {
        fdb_flap_set_rival(flap, place);
        return FDB_FROZEN;
    }
    if (flap && now - flap->since > fdb->flap_window) {
        fdb_flap_destroy(fdb, flap);
        flap = NULL;
    }
    if (!flap) {
        flap = fdb_flap_create(fdb, e, now);
    }
    if (++flap->n < fdb->flap_moves) {
        return FDB_MOVED;
    }
    flap->frozen = true;
    e->place->n_frozen++;
    flap->since = now;
    ovs_list_remove(&flap->age_node);
    ovs_list_push_back(&fdb->frozen, &flap->age_node);
    fdb_flap_set_rival(flap, place);
    fdb->n_frozen++;
    fdb_tell(fdb, FDB_EV_FROZEN, e, place);
    return FDB_FROZE;
}

static void
fdb_flap_expire(struct fdb *fdb, struct ovs_list *list, long long before)
{
    struct fdb_flap *flap;

    LIST_FOR_EACH_SAFE (flap, age_node, list) {
        if (flap->since >= before) {
            break;
        }
        fdb_flap_destroy(fdb, flap);
    }
}

/* Lets MACs move again whose time is over. */
void
fdb_flap_run(struct fdb *fdb, long long now)
{
    fdb_flap_expire(fdb, &fdb->moving, now - fdb->flap_window);
    fdb_flap_expire(fdb, &fdb->frozen, now - fdb->flap_hold);
}

/* Forgets the MACs of 'segment' that have moved lately, frozen or not: it has
 * changed how they are reached, and they will be seen where they are. */
void
fdb_thaw(struct fdb *fdb, const struct topo_segment *segment,
         struct fdb_ops *ops)
{
    struct fdb_flap *flap;

    HMAP_FOR_EACH_SAFE (flap, node, &fdb->flaps) {
        if (flap->mac->segment == segment) {
            fdb_remove(fdb, flap->mac, FDB_EV_FORGOTTEN, ops);
        }
    }
}
