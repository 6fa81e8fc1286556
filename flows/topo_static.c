/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "flows/topo_place.h"

#include "flows/addr.h"
#include "hash.h"
#include "util.h"

void
topo_static_set(struct topo *topo, const struct topo_static_row *row)
{
    struct topo_row *old = topo_row(topo, TOPO_STATIC_MAC, &row->uuid);
    struct topo_static_mac *sm;

    if (old) {
        sm = CONTAINER_OF(old, struct topo_static_mac, row);
        free(sm->mac_string);
    } else {
        sm = xzalloc(sizeof *sm);
        topo_row_add(topo, TOPO_STATIC_MAC, &row->uuid, &sm->row);
    }
    sm->segment_uuid = row->segment;
    sm->n_places = row->n_places;
    sm->place_table = row->place_table;
    sm->place_uuid = row->place;
    sm->mac_string = xstrdup(row->mac);
    topo->statics_changed = true;
}

static char *
topo_static_settle__(struct topo *topo, struct topo_static_mac *sm)
{
    char *error;

    sm->place = NULL;
    if (!addr_parse_mac(sm->mac_string, &sm->mac, &error)) {
        return error;
    }
    if (sm->n_places != 1) {
        return xasprintf("static MAC has %"PRIuSIZE" locations, not one",
                         sm->n_places);
    }

    struct topo_row *row = topo_row(topo, sm->place_table, &sm->place_uuid);
    struct topo_place *place = row ? CONTAINER_OF(row, struct topo_place, row)
                               : NULL;
    if (!place || !place->segment) {
        return xstrdup("location of static MAC is not in force");
    }
    if (!uuid_equals(&place->segment->row.uuid, &sm->segment_uuid)) {
        return xasprintf("location of static MAC is in segment %s",
                         place->segment->name);
    }
    sm->place = place;
    return NULL;
}

/* Resolves 'sm', unless one of 'taken' has its MAC already. */
static void
topo_static_settle_one(struct topo *topo, struct topo_static_mac *sm,
                       struct hmap *taken)
{
    char *error = topo_static_settle__(topo, sm);

    if (!error) {
        uint32_t hash = hash_mac(sm->mac, 0, sm->place->segment->vni);
        const struct topo_static_mac *other;

        HMAP_FOR_EACH_WITH_HASH (other, mac_node, hash, taken) {
            if (eth_addr_equals(other->mac, sm->mac)
                && other->place->segment == sm->place->segment) {
                error = xasprintf("MAC "ETH_ADDR_FMT" of segment %s has "
                                  "another row", ETH_ADDR_ARGS(sm->mac),
                                  sm->place->segment->name);
                sm->place = NULL;
                break;
            }
        }
        if (!error) {
            hmap_insert(taken, &sm->mac_node, hash);
        }
    }
    topo_set_error(topo, &sm->row, error);
}

/* Finds the places of all static MACs.  Of two rows for one MAC, spelt in two
 * ways, the one that is in force stays. */
void
topo_static_settle(struct topo *topo)
{
    struct topo_static_mac *sm;
    struct hmap taken;

    hmap_init(&taken);
    for (int in_error = 0; in_error <= 1; in_error++) {
        HMAP_FOR_EACH (sm, row.node, &topo->rows[TOPO_STATIC_MAC]) {
            if (sm->was_in_force == !in_error) {
                topo_static_settle_one(topo, sm, &taken);
            }
        }
    }
    HMAP_FOR_EACH (sm, row.node, &topo->rows[TOPO_STATIC_MAC]) {
        sm->was_in_force = sm->place != NULL;
    }
    hmap_destroy(&taken);
}
