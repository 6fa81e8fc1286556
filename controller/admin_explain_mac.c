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
#include "timeval.h"
#include "util.h"

/* explain mac: where it is, how it got there, and which flows say so. */

static void
admin_put_place(struct json *json, const char *key,
                const struct topo_place *place)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    topo_place_format(place, &s);
    json_object_put_string(json, key, ds_cstr(&s));
    ds_destroy(&s);
}

/* Adds a sentence to 'array'. */
static void OVS_PRINTF_FORMAT(2, 3)
admin_add_sentence(struct json *array, const char *format, ...)
{
    va_list args;
    char *text;

    va_start(args, format);
    text = xvasprintf(format, args);
    va_end(args);
    json_array_add(array, json_string_create(text));
    free(text);
}

static long long
admin_seconds_since(long long at)
{
    return (time_msec() - at) / 1000;
}

/* What is known of a MAC. */

/* Returns how 'e' got where it is. */
static struct json *
admin_how_to_json(const struct fdb_mac *e)
{
    struct json *how = json_array_create_empty();

    if (e->is_static) {
        admin_add_sentence(how, "a row of Static_Mac says so");
        return how;
    }
    if (e->n_moves) {
        admin_add_sentence(how, "it moved there from another place");
    }
    for (size_t i = 0; i < e->n_seen; i++) {
        const struct fdb_seen *seen = &e->seen[i];

        admin_add_sentence(how, seen->epoch
                           ? "edge %s had the flow of it when it connected, "
                           "%lld s ago" : "edge %s saw it come in, %lld s ago",
                           seen->node->name, admin_seconds_since(seen->at));
    }
    if (!e->n_seen) {
        admin_add_sentence(how, "an edge had a flow that leads there when it "
                           "connected; none has seen it come in yet");
    }
    if (!ovs_list_is_empty(&e->probation_node)) {
        admin_add_sentence(how, "no edge that is connected knows whether it "
                           "is used: it goes in %lld s unless it is seen",
                           MAX(0, e->segment->mac_aging
                               - admin_seconds_since(e->learned_at)));
    }
    return how;
}

/* Adds to 'json' how 'e' has moved. */
static void
admin_moves_to_json(const struct fdb *fdb, const struct fdb_mac *e,
                    struct json *json)
{
    const struct fdb_flap *flap = fdb_find_flap(fdb, e);
    bool frozen = flap && flap->frozen;

    json_object_put(json, "moves", json_integer_create(e->n_moves));
    json_object_put(json, "moves_lately", json_integer_create(
                        flap && !frozen ? flap->n : 0));
    json_object_put(json, "moves_since", flap && !frozen
                    ? json_integer_create(admin_seconds_since(flap->since))
                    : json_null_create());
    json_object_put(json, "frozen_for", frozen ? json_integer_create(
                        MAX(0, fdb->flap_hold / 1000
                            - admin_seconds_since(flap->since)))
                    : json_null_create());
    if (flap && flap->rival) {
        admin_put_place(json, "seen_at", flap->rival);
    } else {
        json_object_put(json, "seen_at", json_null_create());
    }
}

static void
admin_entry_to_json(const struct fdb *fdb, const struct fdb_mac *e,
                    struct json *json)
{
    long long age = time_msec() - e->learned_at;
    char *since = xastrftime_msec("%Y-%m-%dT%H:%M:%S.###Z",
                                  time_wall_msec() - age, true);

    admin_put_place(json, "location", e->place);
    json_object_put_string(json, "type", e->is_static ? "static"
                           : fdb_is_frozen(fdb, e) ? "frozen" : "dynamic");
    json_object_put_string(json, "since", since);
    json_object_put(json, "age", json_integer_create(age / 1000));
    json_object_put(json, "how", admin_how_to_json(e));
    admin_moves_to_json(fdb, e, json);
    free(since);
}

/* Returns what there is to say of 'mac', which 'segment' does not know. */
static struct json *
admin_stranger_to_json(const struct agent *agent,
                       const struct topo_segment *segment,
                       struct eth_addr mac)
{
    struct json *how = json_array_create_empty();
    const struct topo_segment *other;
    const struct topo_node *node;

    admin_add_sentence(how, segment->drop_unknown
                       ? "frames to it are dropped: no edge of segment %s has "
                       "seen it (options:unknown_unicast)"
                       : "frames to it are flooded: no edge of segment %s has "
                       "seen it", segment->name);
    if (segment->n_learned >= segment->mac_limit) {
        admin_add_sentence(how, "the segment has %"PRIu32" learned MACs, and "
                           "may have %"PRIu32, segment->n_learned,
                           segment->mac_limit);
    }
    HMAP_FOR_EACH (node, row.node, &agent->topo.rows[TOPO_EDGE]) {
        if (topo_node_owns_mac(node, mac)) {
            admin_add_sentence(how, "it is the address of a port of edge %s",
                               node->name);
        }
    }
    HMAP_FOR_EACH (other, row.node, &agent->topo.rows[TOPO_SEGMENT]) {
        const struct fdb_mac *e = fdb_find(&agent->fdb, other, mac);

        if (e) {
            struct ds s = DS_EMPTY_INITIALIZER;

            topo_place_format(e->place, &s);
            admin_add_sentence(how, "segment %s has it at %s", other->name,
                               ds_cstr(&s));
            ds_destroy(&s);
        }
    }
    return how;
}

/* Its flows. */

struct admin_mac_flows {
    struct admin_explain *x;
    struct json *array;
    struct eth_addr mac;
};

/* Adds the flow that 'op' is about, and asks for it. */
static void
admin_add_flow(const struct fdb_op *op, void *flows_)
{
    struct admin_mac_flows *flows = flows_;
    struct json *json = json_object_create();
    struct ds s = DS_EMPTY_INITIALIZER;
    const struct flowset_flow *flow;
    struct flowset like;

    flowset_init(&like);
    fdb_op_add_flow(op, &like);
    HMAP_FOR_EACH (flow, node, &like.flows) {
        flowset_flow_format(flow, &s);
        json_object_put_string(json, "edge", op->node->name);
        json_object_put_string(json, "table",
                               explain_table_name(flow->table));
        json_object_put_string(json, "of", ds_cstr(&s));
        json_object_put_format(json, "command", "ovs-ofctl dump-flows %s "
                               "cookie=%#"PRIx64"/-1,table=%"PRIu8",%s="
                               ETH_ADDR_FMT, admin_bridge(op->node),
                               flow->cookie, flow->table,
                               flow->table == LAYOUT_DEST ? "dl_dst"
                               : "dl_src", ETH_ADDR_ARGS(flows->mac));
    }
    ds_destroy(&s);
    if (flowset_count(&like)) {
        json_array_add(flows->array, json);
        admin_explain_flow(flows->x, op->node, &like, json);
    } else {
        json_destroy(json);
    }
    flowset_destroy(&like);
}

/* As text. */

static void
admin_flow_to_text(const struct json *flow, struct ds *s)
{
    const struct shash *object = json_object(flow);
    const struct json *installed = shash_find_data(object, "installed");
    const struct json *frames = shash_find_data(object, "frames");
    const struct json *meant = shash_find_data(object, "as_meant");
    const struct json *age = shash_find_data(object, "age");
    const struct json *idle = shash_find_data(object, "idle");

    ds_put_format(s, "    %s %s: ", admin_get_string(flow, "edge"),
                  admin_get_string(flow, "table"));
    if (installed->type == JSON_NULL) {
        ds_put_cstr(s, "the switch was not asked");
    } else if (installed->type == JSON_FALSE) {
        ds_put_cstr(s, "MISSING");
    } else {
        ds_put_format(s, "%s, for %lld s",
                      json_boolean(meant) ? "installed" : "DIFFERENT",
                      (long long) json_integer(age));
        if (idle->type == JSON_INTEGER) {
            ds_put_format(s, ", idle for %lld s",
                          (long long) json_integer(idle));
        }
        if (frames->type == JSON_INTEGER) {
            ds_put_format(s, ", %lld frames",
                          (long long) json_integer(frames));
        }
    }
    ds_put_format(s, "\n        %s\n", admin_get_string(flow, "of"));
}

static void
admin_moves_to_text(const struct json *answer, struct ds *s)
{
    const struct shash *object = json_object(answer);
    const struct json *lately = shash_find_data(object, "moves_lately");
    const struct json *frozen = shash_find_data(object, "frozen_for");
    const struct json *seen_at = shash_find_data(object, "seen_at");

    ds_put_format(s, "moves: %lld",
                  (long long) json_integer(shash_find_data(object, "moves")));
    if (json_integer(lately)) {
        ds_put_format(s, ", of which %lld in the last %lld s",
                      (long long) json_integer(lately),
                      (long long) json_integer(shash_find_data(
                                                   object, "moves_since")));
    }
    if (frozen->type == JSON_INTEGER) {
        ds_put_format(s, "; frozen for another %lld s",
                      (long long) json_integer(frozen));
    }
    if (seen_at->type == JSON_STRING) {
        ds_put_format(s, ", seen at %s too", json_string(seen_at));
    }
    ds_put_char(s, '\n');
}

static void
admin_mac_answer_to_text(const struct json *answer, struct ds *s)
{
    const struct shash *object = json_object(answer);
    const struct json_array *how = json_array(shash_find_data(object, "how"));
    const struct json_array *flows
        = json_array(shash_find_data(object, "flows"));
    const struct json_array *notes
        = json_array(shash_find_data(object, "notes"));
    const struct json *location = shash_find_data(object, "location");
    bool known = location->type == JSON_STRING;

    ds_put_format(s, "%s in segment %s, VNI %lld: ",
                  admin_get_string(answer, "mac"),
                  admin_get_string(answer, "segment"),
                  (long long) json_integer(shash_find_data(object, "vni")));
    if (known) {
        ds_put_format(s, "at %s, %s\nknown since: %s, %lld s ago\n",
                      admin_get_string(answer, "location"),
                      admin_get_string(answer, "type"),
                      admin_get_string(answer, "since"),
                      (long long) json_integer(shash_find_data(object,
                                                               "age")));
    } else {
        ds_put_cstr(s, "not known\n");
    }
    for (size_t i = 0; i < how->n; i++) {
        ds_put_format(s, "%s%s\n", known ? "how: " : "",
                      json_string(how->elems[i]));
    }
    if (known) {
        admin_moves_to_text(answer, s);
        ds_put_cstr(s, "flows:\n");
    }
    for (size_t i = 0; i < flows->n; i++) {
        admin_flow_to_text(flows->elems[i], s);
    }
    for (size_t i = 0; i < notes->n; i++) {
        ds_put_format(s, "note: %s\n", json_string(notes->elems[i]));
    }
}

/* The command. */

/* Replies and returns false unless 'args', "SEGMENT MAC", name something that
 * this controller can know. */
static bool
admin_mac_args(const struct admin_explain *x, int n, const char *const args[],
               const struct topo_segment **segment, struct eth_addr *mac)
{
    char *error;

    if (n != 2) {
        unixctl_command_reply_error(x->conn, "name a segment and a MAC");
        return false;
    }
    *segment = topo_segment_by_name(&x->agent->topo, args[0]);
    if (!*segment) {
        admin_no_such(x->conn, x->agent, TOPO_SEGMENT, args[0]);
        return false;
    }
    if (!addr_parse_mac(args[1], mac, &error)) {
        unixctl_command_reply_error(x->conn, error);
        free(error);
        return false;
    }
    return (!(*segment)->n_sites
            || admin_leads_node(x->conn, x->agent,
                                (*segment)->sites[0].node));
}

/* Explains the MAC in 'args', "SEGMENT MAC".  Returns false after a reply that
 * says why not. */
bool
admin_explain_mac(struct admin_explain *x, int n, const char *const args[])
{
    struct json *notes = json_array_create_empty();
    struct admin_mac_flows flows = { .x = x };
    const struct topo_segment *segment;
    const struct fdb_mac *e;

    if (!admin_mac_args(x, n, args, &segment, &flows.mac)) {
        json_destroy(notes);
        return false;
    }
    e = fdb_find(&x->agent->fdb, segment, flows.mac);
    flows.array = json_array_create_empty();
    x->exact = true;
    x->to_text = admin_mac_answer_to_text;
    x->answer = json_object_create();
    json_object_put_string(x->answer, "segment", segment->name);
    json_object_put(x->answer, "vni", json_integer_create(segment->vni));
    json_object_put_format(x->answer, "mac", ETH_ADDR_FMT,
                           ETH_ADDR_ARGS(flows.mac));
    json_object_put(x->answer, "flows", flows.array);
    json_object_put(x->answer, "notes", notes);
    if (!e) {
        json_object_put(x->answer, "location", json_null_create());
        json_object_put(x->answer, "how",
                        admin_stranger_to_json(x->agent, segment, flows.mac));
        return true;
    }
    admin_entry_to_json(&x->agent->fdb, e, x->answer);
    for (size_t i = 0; i < segment->n_sites; i++) {
        fdb_mac_ops(e, segment->sites[i].node, admin_add_flow, &flows);
        admin_explain_notes(segment->sites[i].node, notes);
        if (topo_node_owns_mac(segment->sites[i].node, flows.mac)) {
            admin_add_sentence(notes, "it is the address of a port of edge "
                               "%s, which drops all frames from it",
                               segment->sites[i].node->name);
        }
    }
    return true;
}
