/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "controller/kctl_macs.h"

#include <stdlib.h>
#include <string.h>

#include "controller/kctl_rpc.h"
#include "flows/addr.h"
#include "flows/fdb.h"
#include "flows/pipeline.h"
#include "flows/topo.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "openvswitch/shash.h"
#include "util.h"

/* Where a MAC is, by names. */
struct finder {
    struct topo *topo;
    struct fdb *fdb;
    struct fdb_ops ops;         /* For nobody: what is, is. */
    struct shash nodes;         /* Of struct topo_node. */
    struct topo_segment *segment;
    struct shash places;        /* Of struct topo_place, those of 'segment'. */
};

char *
kctl_macs_ask(void)
{
    char *most = xasprintf("--max=%d", KCTL_MACS_MAX + 1);
    struct json *macs = kctl_rpc_ask_controller("mac/show", most);
    char *s = macs && macs->type == JSON_ARRAY ? json_to_string(macs, 0)
                                               : NULL;

    json_destroy(macs);
    free(most);
    return s;
}

struct json *
kctl_macs_parse(const char *s, bool *too_many)
{
    struct json *macs = s ? json_from_string(s) : NULL;
    bool good = macs && macs->type == JSON_ARRAY;

    *too_many = good && macs->array.n > KCTL_MACS_MAX;
    if (!good || *too_many) {
        json_destroy(macs);
        return NULL;
    }
    return macs;
}

static void
add_place(struct finder *f, struct topo_place *place)
{
    struct ds location = DS_EMPTY_INITIALIZER;

    topo_place_format(place, &location);
    shash_replace(&f->places, ds_cstr(&location), place);
    ds_destroy(&location);
}

static void
read_segment(struct finder *f, struct topo_segment *segment)
{
    struct topo_attach *attach;
    struct topo_vtep *vtep;

    shash_clear(&f->places);
    f->segment = segment;
    if (segment) {
        LIST_FOR_EACH (attach, segment_node, &segment->attaches) {
            add_place(f, &attach->place);
        }
        LIST_FOR_EACH (vtep, segment_node, &segment->vteps) {
            add_place(f, &vtep->place);
        }
    }
}

/* Makes 'location' a VTEP that was learned, if it can be one. */
static struct topo_place *
learn_vtep(struct finder *f, const char *location)
{
    struct topo_place *place = NULL;
    struct in6_addr ip;
    char *error;

    if (addr_parse_vtep(location, &ip, &error)) {
        error = topo_vtep_learn(f->topo, f->segment, &ip, 0);
        if (!error) {
            place = &topo_vtep_find(f->topo, f->segment, &ip)->place;
            add_place(f, place);
        }
    }
    free(error);
    return place;
}

/* 'mac' is at 'place', where the nodes in 'edges' have seen it. */
static void
set_mac(struct finder *f, struct topo_place *place, struct eth_addr mac,
        const struct json *edges)
{
    for (size_t i = 0; i < edges->array.n; i++) {
        const struct json *name = edges->array.elems[i];
        struct topo_node *node
            = (name->type == JSON_STRING
               ? shash_find_data(&f->nodes, json_string(name)) : NULL);

        if (node) {
            fdb_adopt_source(f->fdb, node, place,
                             pipeline_place_slot(node, place), mac, 0, 0,
                             &f->ops);
        }
    }
    /* One that nobody has seen (yet, or any more) is only known. */
    fdb_adopt_dest(f->fdb, NULL, place, mac, 0, 0, &f->ops);
    f->ops.n = 0;
}

/* Static ones follow from rows. */
static void
read_mac(struct finder *f, const struct json *json)
{
    const struct json *type = kctl_member(json, "type", JSON_STRING);
    const struct json *vni = kctl_member(json, "vni", JSON_INTEGER);
    const struct json *mac = kctl_member(json, "mac", JSON_STRING);
    const struct json *location = kctl_member(json, "location", JSON_STRING);
    const struct json *edges = kctl_member(json, "edges", JSON_ARRAY);
    struct topo_place *place;
    struct eth_addr ea;
    char *error;

    if (!type || !strcmp(json_string(type), "static") || !vni || !mac
        || !location || !edges) {
        return;
    }
    if (!f->segment || f->segment->vni != json_integer(vni)) {
        read_segment(f, topo_segment_by_vni(f->topo, json_integer(vni)));
    }
    place = shash_find_data(&f->places, json_string(location));
    if (!place && f->segment) {
        place = learn_vtep(f, json_string(location));
    }
    if (!addr_parse_mac(json_string(mac), &ea, &error)) {
        free(error);
    } else if (place) {
        set_mac(f, place, ea, edges);
    }
}

void
kctl_macs_set(const struct json *macs, struct topo *topo, struct fdb *fdb)
{
    struct finder f = { .topo = topo, .fdb = fdb };
    struct topo_node *node;

    if (!macs) {
        return;
    }
    shash_init(&f.nodes);
    shash_init(&f.places);
    HMAP_FOR_EACH (node, row.node, &topo->rows[TOPO_EDGE]) {
        shash_replace(&f.nodes, node->name, node);
    }
    for (size_t i = 0; i < macs->array.n; i++) {
        read_mac(&f, macs->array.elems[i]);
    }
    shash_destroy(&f.nodes);
    shash_destroy(&f.places);
    fdb_ops_uninit(&f.ops);
}
