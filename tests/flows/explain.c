/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* explain
 *
 * Reads lines "NETWORK EDGE PORT KEY=VALUE...", of a network of
 * tests/unit/golden.h and a frame as in flows/explain.h, and answers each by a
 * line of JSON: where copies of it go from that edge, as Switch.outputs() of
 * dummy.py has it ("outputs"), and the cookies, tables and priorities of the
 * flows that count those that are dropped there ("drops", null where the
 * frame matches no flow of the table), and whether it ends there because the
 * switch or its controller takes it ("taken"). */

#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flows/addr.h"
#include "flows/explain.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "svec.h"
#include "tests/unit/golden.h"
#include "util.h"

static void
put_output(const struct explain_end *end, struct json *outputs)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    if (end->verdict == EXPLAIN_SENT) {
        ds_put_cstr(&s, end->port);
        if (end->own_tag != EXPLAIN_NO_TAG) {
            ds_put_format(&s, "/%d", end->own_tag);
        }
        if (end->vlan) {
            ds_put_format(&s, "/%"PRIu16, end->vlan);
        }
    } else {
        addr_format_vtep(&end->ip, &s);
        ds_put_format(&s, " %"PRIu32, end->vni);
    }
    json_array_add(outputs, json_string_create(ds_cstr(&s)));
    ds_destroy(&s);
}

static void
put_drop(const struct explain_end *end, struct json *drops)
{
    const struct explain_counter *counter = &end->counter;
    struct json *json = json_object_create();

    json_object_put_string(json, "reason", end->reason);
    json_object_put(json, "table", json_integer_create(counter->table));
    if (counter->type == EXPLAIN_BY_FLOW) {
        json_object_put(json, "priority",
                        json_integer_create(counter->priority));
        json_object_put_format(json, "cookie", "%#"PRIx64, counter->cookie);
        json_object_put_string(json, "match", counter->match);
    }
    json_array_add(drops, json);
}

static void
answer(const struct explain_frame *frame, const struct explain *out)
{
    struct json *json = json_object_create();
    struct json *outputs = json_array_create_empty();
    struct json *drops = json_array_create_empty();
    bool taken = false;

    for (size_t i = 0; i < out->n_ends; i++) {
        const struct explain_end *end = &out->ends[i];

        if (strcmp(end->node, frame->node->name)
            || end->verdict == EXPLAIN_LIMITED) {
            continue;
        } else if (end->verdict == EXPLAIN_DROPPED) {
            put_drop(end, drops);
        } else if (end->verdict == EXPLAIN_TAKEN) {
            taken = true;
        } else {
            put_output(end, outputs);
        }
    }
    json_object_put(json, "outputs", outputs);
    json_object_put(json, "drops", drops);
    json_object_put(json, "taken", json_boolean_create(taken));

    char *text = json_to_string(json, JSSF_SORT);
    printf("%s\n", text);
    free(text);
    json_destroy(json);
}

/* Answers one line. */
static void
explain(const struct svec *words)
{
    const struct golden *golden = (words->n > 1 ? golden_find(words->names[0])
                                   : NULL);
    struct explain_frame frame;
    struct explain out;
    struct net net;
    char *error;

    if (!golden) {
        ovs_fatal(0, "no network and no edge, or no such network");
    }
    net_init(&net);
    golden->make(&net);
    error = explain_parse(&net.topo, words->n - 1,
                          (const char *const *) words->names + 1, &frame);
    if (error) {
        ovs_fatal(0, "%s", error);
    }
    explain_frame(&net.topo, &net.fdb, &frame, &out);
    answer(&frame, &out);
    explain_destroy(&out);
    net_destroy(&net);
}

int
main(void)
{
    struct ds line = DS_EMPTY_INITIALIZER;

    while (!ds_get_line(&line, stdin)) {
        struct svec words = SVEC_EMPTY_INITIALIZER;

        svec_parse_words(&words, ds_cstr(&line));
        explain(&words);
        svec_destroy(&words);
    }
    ds_destroy(&line);
    return 0;
}
