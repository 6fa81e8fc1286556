/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "controller/admin_private.h"

#include "controller/agent.h"
#include "flows/addr.h"
#include "flows/explain.h"
#include "flows/flowset.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "openvswitch/shash.h"
#include "sset.h"
#include "util.h"

/* explain frame: flows/explain.h says what becomes of it. */

/* Steps. */

static struct json *
admin_steps_to_json(const struct explain *out)
{
    struct json *steps = json_array_create_empty();

    for (size_t i = 0; i < out->n_steps; i++) {
        struct json *json = json_object_create();

        json_object_put_string(json, "edge", out->steps[i].node);
        json_object_put_string(json, "table",
                               explain_table_name(out->steps[i].table));
        json_object_put_string(json, "says", out->steps[i].text);
        json_array_add(steps, json);
    }
    return steps;
}

/* Ends. */

/* Returns what counts frames that end so, and asks the edge for its number. */
static struct json *
admin_counter_to_json(struct admin_explain *x, const struct explain_end *end)
{
    const struct explain_counter *counter = &end->counter;
    struct topo_node *node = topo_node_by_name(&x->agent->topo, end->node);
    struct json *json = json_object_create();
    struct ds s = DS_EMPTY_INITIALIZER;
    struct flowset like;

    explain_counter_format(counter, &s);
    json_object_put_string(json, "of", ds_cstr(&s));
    ds_clear(&s);
    explain_counter_command(counter, admin_bridge(node), &s);
    json_object_put_string(json, "command", ds_cstr(&s));
    ds_destroy(&s);

    switch (counter->type) {
    case EXPLAIN_BY_FLOW:
        flowset_init(&like);
        explain_counter_add_flow(counter, &like);
        admin_explain_flow(x, node, &like, json);
        flowset_destroy(&like);
        break;
    case EXPLAIN_BY_TABLE:
        admin_explain_misses(x, node, counter->table, json);
        break;
    case EXPLAIN_BY_METER:
        admin_explain_dropped(x, node, counter->meter, json);
        break;
    case EXPLAIN_BY_NOTHING:
    default:
        OVS_NOT_REACHED();
    }
    return json;
}

/* Adds to 'json' where a frame goes. */
static void
admin_way_to_json(const struct explain_end *end, struct json *json)
{
    if (end->port) {
        json_object_put_string(json, "port", end->port);
        json_object_put(json, "vlan", end->vlan
                        ? json_integer_create(end->vlan)
                        : json_null_create());
        json_object_put(json, "link", json_boolean_create(!end->down));
        json_object_put(json, "own_tag", end->own_tag != EXPLAIN_NO_TAG
                        ? json_integer_create(end->own_tag)
                        : json_null_create());
    } else if (end->verdict == EXPLAIN_ON || end->verdict == EXPLAIN_LEFT) {
        struct ds s = DS_EMPTY_INITIALIZER;

        addr_format_vtep(&end->ip, &s);
        json_object_put_string(json, "vtep", ds_cstr(&s));
        json_object_put(json, "vni", json_integer_create(end->vni));
        json_object_put(json, "to", admin_json_string(end->to));
        ds_destroy(&s);
    }
}

static struct json *
admin_ends_to_json(struct admin_explain *x, const struct explain *out)
{
    struct json *ends = json_array_create_empty();

    for (size_t i = 0; i < out->n_ends; i++) {
        const struct explain_end *end = &out->ends[i];
        struct json *json = json_object_create();
        struct ds s = DS_EMPTY_INITIALIZER;

        explain_end_format(end, &s);
        json_object_put_string(json, "edge", end->node);
        json_object_put_string(json, "verdict",
                               explain_verdict_name(end->verdict));
        json_object_put_string(json, "says", ds_cstr(&s));
        ds_destroy(&s);
        admin_way_to_json(end, json);
        if (end->reason) {
            json_object_put_string(json, "reason", end->reason);
        }
        json_object_put(json, "counter", end->counter.type
                        ? admin_counter_to_json(x, end)
                        : json_null_create());
        json_array_add(ends, json);
    }
    return ends;
}

/* What there is to say of the edges that the frame reaches. */
static struct json *
admin_frame_notes(const struct admin_explain *x, const struct explain *out)
{
    struct json *notes = json_array_create_empty();
    struct sset seen = SSET_INITIALIZER(&seen);

    for (size_t i = 0; i < out->n_ends; i++) {
        const char *name = out->ends[i].node;

        if (sset_add(&seen, name)) {
            admin_explain_notes(topo_node_by_name(&x->agent->topo, name),
                                notes);
        }
    }
    sset_destroy(&seen);
    return notes;
}

/* As text. */

static void
admin_counter_to_text(const struct json *counter, struct ds *s)
{
    const struct shash *object = json_object(counter);
    const struct json *frames = shash_find_data(object, "frames");
    const struct json *installed = shash_find_data(object, "installed");

    ds_put_format(s, "    counted by %s: ", admin_get_string(counter, "of"));
    if (frames->type == JSON_INTEGER) {
        ds_put_format(s, "%lld so far\n", (long long) json_integer(frames));
        return;
    }
    ds_put_format(s, "%s\n    %s\n", installed->type == JSON_FALSE
                  ? "the switch does not have that"
                  : "the switch did not say how many",
                  admin_get_string(counter, "command"));
}

static void
admin_frame_to_text(const struct json *answer, struct ds *s)
{
    const struct shash *object = json_object(answer);
    const struct json_array *steps
        = json_array(shash_find_data(object, "steps"));
    const struct json_array *ends
        = json_array(shash_find_data(object, "ends"));
    const struct json_array *notes
        = json_array(shash_find_data(object, "notes"));

    for (size_t i = 0; i < steps->n; i++) {
        ds_put_format(s, "%-12s %-8s  %s\n",
                      admin_get_string(steps->elems[i], "edge"),
                      admin_get_string(steps->elems[i], "table"),
                      admin_get_string(steps->elems[i], "says"));
    }
    ds_put_char(s, '\n');
    for (size_t i = 0; i < ends->n; i++) {
        const struct json *end = ends->elems[i];
        const struct json *counter = shash_find_data(json_object(end),
                                                     "counter");

        ds_put_format(s, "%s: %s\n", admin_get_string(end, "edge"),
                      admin_get_string(end, "says"));
        if (counter->type == JSON_OBJECT) {
            admin_counter_to_text(counter, s);
        }
    }
    for (size_t i = 0; i < notes->n; i++) {
        ds_put_format(s, "note: %s\n", json_string(notes->elems[i]));
    }
}

/* Explains the frame in 'args', "EDGE PORT KEY=VALUE...".  Returns false after
 * a reply that says why not. */
bool
admin_explain_frame(struct admin_explain *x, int n, const char *const args[])
{
    const struct agent *agent = x->agent;
    struct explain_frame frame;
    struct explain out;
    char *error;

    error = explain_parse(&agent->topo, n, args, &frame);
    if (error) {
        unixctl_command_reply_error(x->conn, error);
        free(error);
        return false;
    }
    if (!admin_leads_node(x->conn, x->agent, frame.node)) {
        return false;
    }
    explain_frame(&agent->topo, &agent->fdb, &frame, &out);
    x->to_text = admin_frame_to_text;
    x->answer = json_object_create();
    json_object_put(x->answer, "steps", admin_steps_to_json(&out));
    json_object_put(x->answer, "ends", admin_ends_to_json(x, &out));
    json_object_put(x->answer, "notes", admin_frame_notes(x, &out));
    explain_destroy(&out);
    return true;
}
