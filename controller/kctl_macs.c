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
#include "svec.h"
#include "util.h"

/* So many words of the commands may be names of segments. */
#define MAX_WORDS 32

/* Where a MAC is, by names. */
struct finder {
    struct topo *topo;
    struct fdb *fdb;
    struct fdb_ops ops;         /* For nobody: what is, is. */
    struct shash nodes;         /* Of struct topo_node. */
    struct topo_segment *segment;
    struct shash places;        /* Of struct topo_place, those of 'segment'. */
};

/* Asks for at most 'max' MACs, of all segments if 'segment' is NULL.  Returns
 * an array, or NULL. */
static struct json *
ask(size_t max, const char *segment)
{
    struct svec words = SVEC_EMPTY_INITIALIZER;
    struct json *macs;

    svec_add_nocopy(&words, xasprintf("--max=%"PRIuSIZE, max));
    if (segment) {
        svec_add(&words, segment);
    }
    macs = kctl_rpc_ask_controller("mac/show", &words);
    svec_destroy(&words);
    if (macs && macs->type != JSON_ARRAY) {
        json_destroy(macs);
        macs = NULL;
    }
    return macs;
}

/* Asks for the MACs of those segments that are among 'words', and adds them to
 * 'macs', and the segments to 'segments'. */
static void
ask_by_name(const struct svec *words, struct json *macs,
            struct json *segments)
{
    struct svec names = SVEC_EMPTY_INITIALIZER;
    const char *name;
    size_t i;

    for (i = 0; i < MIN(words->n, MAX_WORDS); i++) {
        if (words->names[i][0] != '-') {
            svec_add(&names, words->names[i]);
        }
    }
    svec_sort_unique(&names);
    SVEC_FOR_EACH (i, name, &names) {
        size_t room = KCTL_MACS_MAX - macs->array.n;
        struct json *some = ask(room + 1, name);

        if (some && some->array.n <= room) {
            for (size_t j = 0; j < some->array.n; j++) {
                json_array_add(macs, json_clone(some->array.elems[j]));
            }
            json_array_add(segments, json_string_create(name));
        }
        json_destroy(some);
    }
    svec_destroy(&names);
}

char *
kctl_macs_ask(const struct svec *words)
{
    struct json *macs = ask(KCTL_MACS_MAX + 1, NULL);
    struct json *object;
    char *s;

    if (!macs) {
        return NULL;
    }
    object = json_object_create();
    if (macs->array.n > KCTL_MACS_MAX) {
        struct json *segments = json_array_create_empty();

        json_destroy(macs);
        macs = json_array_create_empty();
        ask_by_name(words, macs, segments);
        json_object_put(object, "segments", segments);
    }
    json_object_put(object, "macs", macs);
    s = json_to_string(object, 0);
    json_destroy(object);
    return s;
}

struct json *
kctl_macs_parse(const char *s)
{
    struct json *macs = s ? json_from_string(s) : NULL;

    if (!kctl_member(macs, "macs", JSON_ARRAY)) {
        json_destroy(macs);
        return NULL;
    }
    return macs;
}

bool
kctl_macs_has(const struct json *macs, const char *segment)
{
    const struct json *segments = kctl_member(macs, "segments", JSON_ARRAY);

    for (size_t i = 0; segments && i < segments->array.n; i++) {
        const struct json *name = segments->array.elems[i];

        if (name->type == JSON_STRING && !strcmp(json_string(name), segment)) {
            return true;
        }
    }
    return macs && !segments;
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
    const struct json *array = kctl_member(macs, "macs", JSON_ARRAY);
    struct finder f = { .topo = topo, .fdb = fdb };
    struct topo_node *node;

    if (!array) {
        return;
    }
    shash_init(&f.nodes);
    shash_init(&f.places);
    HMAP_FOR_EACH (node, row.node, &topo->rows[TOPO_EDGE]) {
        shash_replace(&f.nodes, node->name, node);
    }
    for (size_t i = 0; i < array->array.n; i++) {
        read_mac(&f, array->array.elems[i]);
    }
    shash_destroy(&f.nodes);
    shash_destroy(&f.places);
    fdb_ops_uninit(&f.ops);
}
