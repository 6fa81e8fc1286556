/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* What a controller on this machine counts.
 *
 * How many MACs are where, and how much traffic there is, changes all the
 * time, and so is not in the database.
 * If there is a controller here, it is asked; if there is none, or it does not
 * answer at once, "show" does without. */

#include <config.h>

#include "controller/kctl_counts.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "controller/kctl_rpc.h"
#include "openvswitch/json.h"
#include "sset.h"
#include "util.h"

static void
add_count(struct json *counts, const char *segment, const char *location,
          const struct json *json)
{
    const struct json *macs = kctl_member(json, "macs", JSON_INTEGER);

    if (macs) {
        char *key = xasprintf("%s%s%s", segment, location ? " " : "",
                              location ? location : "");
        json_object_put(counts, key, json_clone(macs));
        free(key);
    }
}

/* Adds what goes through the place 'json', if it is known: "KEY in" and "KEY
 * out". */
static void
add_rate(struct json *counts, const char *segment, const char *location,
         const struct json *json, bool out)
{
    const struct json *rate = kctl_member(json, out ? "out_bps" : "in_bps",
                                          JSON_INTEGER);

    if (rate) {
        char *key = xasprintf("%s %s %s", segment, location,
                              out ? "out" : "in");
        json_object_put(counts, key, json_clone(rate));
        free(key);
    }
}

static void
add_segment(struct json *counts, const struct json *segment)
{
    const struct json *name = kctl_member(segment, "name", JSON_STRING);
    const struct json *places = kctl_member(segment, "places", JSON_ARRAY);

    if (!name) {
        return;
    }
    add_count(counts, json_string(name), NULL, segment);
    for (size_t i = 0; places && i < places->array.n; i++) {
        const struct json *place = places->array.elems[i];
        const struct json *location = kctl_member(place, "location",
                                                  JSON_STRING);

        if (location) {
            add_count(counts, json_string(name), json_string(location),
                      place);
            add_rate(counts, json_string(name), json_string(location), place,
                     false);
            add_rate(counts, json_string(name), json_string(location), place,
                     true);
        }
    }
}

/* Whether 'a' and 'b' name the same servers: a controller takes them in an
 * order of its own. */
static bool
is_same_database(const char *a, const char *b)
{
    struct sset x, y;

    sset_from_delimited_string(&x, a, ", ");
    sset_from_delimited_string(&y, b, ", ");
    bool same = sset_equals(&x, &y);
    sset_destroy(&x);
    sset_destroy(&y);
    return same;
}

char *
kctl_counts_ask(const char *db)
{
    struct json *answer = kctl_rpc_ask_controller("show", NULL);
    const struct json *remote = kctl_member(kctl_member(answer, "database",
                                                        JSON_OBJECT),
                                            "remote", JSON_STRING);
    const struct json *segments = kctl_member(answer, "segments", JSON_ARRAY);
    char *s = NULL;

    if (segments && remote
        && (!db || is_same_database(json_string(remote), db))) {
        struct json *counts = json_object_create();

        for (size_t i = 0; i < segments->array.n; i++) {
            add_segment(counts, segments->array.elems[i]);
        }
        s = json_to_string(counts, 0);
        json_destroy(counts);
    }
    json_destroy(answer);
    return s;
}

struct json *
kctl_counts_parse(const char *s)
{
    struct json *json = s ? json_from_string(s) : NULL;

    if (json && json->type != JSON_OBJECT) {
        json_destroy(json);
        json = NULL;
    }
    return json;
}

int64_t
kctl_counts_get(const struct json *counts, const char *segment,
                const char *location)
{
    char *key = xasprintf("%s%s%s", segment, location ? " " : "",
                          location ? location : "");
    const struct json *macs = kctl_member(counts, key, JSON_INTEGER);

    free(key);
    return macs ? json_integer(macs) : -1;
}

int64_t
kctl_counts_rate(const struct json *counts, const char *segment,
                 const char *location, bool out)
{
    char *key = xasprintf("%s %s %s", segment, location, out ? "out" : "in");
    const struct json *rate = kctl_member(counts, key, JSON_INTEGER);

    free(key);
    return rate ? json_integer(rate) : -1;
}
