/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "controller/admin_private.h"

#include "controller/agent.h"
#include "controller/conf.h"
#include "controller/edge.h"
#include "flow.h"
#include "flows/stats.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "openvswitch/shash.h"
#include "timeval.h"
#include "util.h"

/* stats/show [SEGMENT]: what the edges that are led here have counted, and how
 * long things took with them. */

static void
admin_put_number(struct json *json, const char *name, long long number)
{
    json_object_put(json, name, json_integer_create(number));
}

static struct json *
admin_count_to_json(const struct stats_count *count)
{
    struct json *json = json_object_create();

    admin_put_number(json, "frames", count->frames);
    admin_put_number(json, "bytes", count->bytes);
    return json;
}

/* Adds to 'dropped' what 'entry', which may be NULL, says was dropped, by
 * reason; of several that have a reason in common there is one. */
static void
admin_put_dropped(struct json *dropped, const struct stats_entry *entry)
{
    for (int i = 0; entry && i < STATS_MAX_TOTALS; i++) {
        const char *reason = stats_reason(entry->scope, i);
        struct stats_count count = entry->total[i];
        struct json *other;

        if (!reason || !count.frames) {
            continue;
        }
        other = shash_find_data(json_object(dropped), reason);
        if (other) {
            const struct shash *o = json_object(other);

            count.frames += json_integer(shash_find_data(o, "frames"));
            count.bytes += json_integer(shash_find_data(o, "bytes"));
        }
        json_object_put(dropped, reason, admin_count_to_json(&count));
    }
}

/* Edges. */

static struct json *
admin_cost_to_json(const struct edge_polling *p)
{
    struct json *json;

    if (!p->ended) {
        return json_null_create();
    }
    json = json_object_create();
    admin_put_number(json, "ago_ms", time_msec() - p->ended);
    admin_put_number(json, "took_ms", p->last_cost.took);
    admin_put_number(json, "messages", p->last_cost.messages);
    admin_put_number(json, "flows", p->last_cost.flows);
    admin_put_number(json, "cpu_us", p->last_cost.cpu);
    return json;
}

static void
admin_put_time(struct json *json, const char *name, long long msec)
{
    json_object_put(json, name, msec >= 0 ? json_integer_create(msec)
                    : json_null_create());
}

/* Adds to 'json' what there is to say of the session 'edge', NULL: there is
 * none. */
static void
admin_put_session(struct json *json, const struct edge *edge)
{
    json_object_put_string(json, "state", edge
                           ? edge_state_to_string(edge->state)
                           : "disconnected");
    admin_put_time(json, "session_ms", edge ? time_msec() - edge->created
                   : -1);
    admin_put_time(json, "reconcile_ms", edge ? edge->times.reconcile : -1);
    admin_put_time(json, "bundle_ms", edge ? edge->times.bundle : -1);
    json_object_put(json, "bundles", edge
                    ? json_integer_create(edge->times.n_bundles)
                    : json_null_create());
    json_object_put(json, "poll", edge ? admin_cost_to_json(&edge->polling)
                    : json_null_create());
}

static struct json *
admin_edge_stats_to_json(const struct topo_node *node)
{
    const struct stats_entry *entry = stats_find(node->stats, STATS_NODE, 0,
                                                 0);
    struct json *json = json_object_create();
    struct json *dropped = json_object_create();
    const struct topo_port *port;

    json_object_put_string(json, "edge", node->name);
    admin_put_session(json, agent_session(node));
    json_object_put(json, "flooded_group", entry
                    ? admin_count_to_json(&entry->total[STATS_GROUP])
                    : json_null_create());
    json_object_put(json, "flooded_unknown", entry
                    ? admin_count_to_json(&entry->total[STATS_UNICAST])
                    : json_null_create());
    admin_put_dropped(dropped, entry);
    HMAP_FOR_EACH (port, ofport_node, &node->ports_by_ofport) {
        admin_put_dropped(dropped, stats_find(node->stats, STATS_PORT,
                                              ofp_to_u16(port->ofport), 0));
    }
    json_object_put(json, "dropped", dropped);
    return json;
}

/* Bindings. */

/* Nothing is known of the present rates while the edge is away. */
static struct json *
admin_rated_to_json(const struct stats_entry *entry,
                    enum stats_of_binding total, bool away)
{
    struct json *json;

    if (!entry) {
        return json_null_create();
    }
    json = admin_count_to_json(&entry->total[total]);
    json_object_put(json, "frames_per_s",
                    json_real_create(away ? 0 : entry->rate[total].frames));
    json_object_put(json, "bytes_per_s",
                    json_real_create(away ? 0 : entry->rate[total].bytes));
    return json;
}

static void
admin_put_flooded(struct json *json, const char *name,
                  const struct stats_entry *entry, enum stats_of_binding total)
{
    json_object_put(json, name, entry && stats_knows_flooded(entry)
                    ? admin_count_to_json(&entry->total[total])
                    : json_null_create());
}

static struct json *
admin_claim_stats_to_json(const struct topo_claim *claim)
{
    const struct topo_attach *attach = claim->attach;
    const struct topo_segment *segment = attach->place.segment;
    const struct stats_entry *entry = stats_find_claim(claim);
    struct json *json = json_object_create();
    struct json *dropped = json_object_create();
    struct ds location = DS_EMPTY_INITIALIZER;
    bool away = !agent_session(claim->node);
    bool active = !attach->cluster || attach->cluster->active == claim->node;

    topo_place_format(&attach->place, &location);
    json_object_put_string(json, "segment", segment->name);
    admin_put_number(json, "vni", segment->vni);
    json_object_put_string(json, "binding", ds_cstr(&location));
    json_object_put_string(json, "edge", claim->node->name);
    json_object_put(json, "active", json_boolean_create(active));
    json_object_put(json, "closed",
                    json_boolean_create(attach->closure != NULL));
    json_object_put(json, "in", admin_rated_to_json(entry, STATS_IN,
                                                     away));
    json_object_put(json, "out", admin_rated_to_json(entry, STATS_OUT,
                                                      away));
    admin_put_flooded(json, "flooded_in", entry, STATS_FLOODED_IN);
    admin_put_flooded(json, "flooded_out", entry, STATS_FLOODED_OUT);
    admin_put_time(json, "period_ms", entry && entry->period ? entry->period
                   : -1);
    admin_put_dropped(dropped, entry);
    json_object_put(json, "dropped", dropped);
    ds_destroy(&location);
    return json;
}

/* Segments. */

static struct json *
admin_segment_stats_to_json(const struct agent *agent,
                            const struct topo_segment *segment)
{
    struct json *json = json_object_create();
    struct json *dropped = json_object_create();

    json_object_put_string(json, "segment", segment->name);
    admin_put_number(json, "vni", segment->vni);
    admin_put_leader(json, agent, segment);
    json_object_put(json, "macs",
                    admin_known_to_json(segment->n_macs,
                                        admin_is_elsewhere(segment)));
    admin_put_number(json, "mac_limit", segment->mac_limit);
    for (size_t i = 0; i < segment->n_sites; i++) {
        const struct topo_node *node = segment->sites[i].node;

        if (node->led) {
            admin_put_dropped(dropped, stats_find(node->stats, STATS_SEGMENT,
                                                  segment->vni, 0));
        }
    }
    json_object_put(json, "dropped", dropped);
    return json;
}

/* Adds 'segment' to 'segments', and its bindings on edges that are led here to
 * 'bindings'. */
static void
admin_stats_add(const struct agent *agent, const struct topo_segment *segment,
                struct json *segments, struct json *bindings)
{
    const struct topo_attach *attach;

    json_array_add(segments, admin_segment_stats_to_json(agent,
                                                         segment));
    LIST_FOR_EACH (attach, segment_node, &segment->attaches) {
        for (size_t i = 0; i < attach->n_claims; i++) {
            if (attach->claims[i].node->led) {
                json_array_add(bindings, admin_claim_stats_to_json(
                                   &attach->claims[i]));
            }
        }
    }
}

static struct json *
admin_stats_to_json(const struct agent *agent,
                    const struct topo_segment *only)
{
    struct json *json = json_object_create();
    struct json *edges = json_array_create_empty();
    struct json *segments = json_array_create_empty();
    struct json *bindings = json_array_create_empty();
    size_t n;
    struct topo_node **nodes = topo_sorted_nodes(&agent->topo, &n);
    const struct topo_segment **all = topo_sorted_segments(&agent->topo);

    for (size_t i = 0; i < n; i++) {
        if (nodes[i]->led) {
            json_array_add(edges, admin_edge_stats_to_json(nodes[i]));
        }
    }
    for (size_t i = 0; all[i]; i++) {
        if (!only || all[i] == only) {
            admin_stats_add(agent, all[i], segments, bindings);
        }
    }
    free(nodes);
    free(all);
    admin_put_number(json, "interval_ms", conf_stats_interval(agent->conf));
    json_object_put(json, "edges", edges);
    json_object_put(json, "segments", segments);
    json_object_put(json, "bindings", bindings);
    return json;
}

/* As text. */

static const struct json *
admin_member(const struct json *json, const char *name)
{
    return shash_find_data(json_object(json), name);
}

static long long
admin_number(const struct json *json, const char *name)
{
    const struct json *value = admin_member(json, name);

    return value->type == JSON_INTEGER ? json_integer(value) : -1;
}

/* Appends "a 1, b 2", of 'dropped', or "-". */
static void
admin_dropped_to_text(const struct json *dropped, struct ds *s)
{
    const struct shash_node **nodes = shash_sort(json_object(dropped));
    size_t n = shash_count(json_object(dropped));

    for (size_t i = 0; i < n; i++) {
        ds_put_format(s, "%s%s %lld", i ? ", " : "", nodes[i]->name,
                      admin_number(nodes[i]->data, "frames"));
    }
    if (!n) {
        ds_put_char(s, '-');
    }
    ds_put_char(s, '\n');
    free(nodes);
}

static void
admin_msec_to_text(const struct json *json, const char *name,
                   const char *what, struct ds *s)
{
    if (admin_number(json, name) >= 0) {
        ds_put_format(s, ", %s %lld ms", what, admin_number(json, name));
    }
}

static void
admin_edge_stats_to_text(const struct json *json, struct ds *s)
{
    const struct json *poll = admin_member(json, "poll");
    const struct json *group = admin_member(json, "flooded_group");

    ds_put_format(s, "edge %s: %s", json_string(admin_member(json, "edge")),
                  json_string(admin_member(json, "state")));
    if (admin_member(json, "session_ms")->type == JSON_INTEGER) {
        ds_put_format(s, ", connected for %lld s",
                      admin_number(json, "session_ms") / 1000);
    }
    admin_msec_to_text(json, "reconcile_ms", "reconciled in", s);
    admin_msec_to_text(json, "bundle_ms", "last bundle confirmed after", s);
    ds_put_char(s, '\n');
    if (poll->type == JSON_OBJECT) {
        ds_put_format(s, "    asked %lld ms ago: %lld flows, %lld messages, "
                      "%lld ms, of which %lld us are ours\n",
                      admin_number(poll, "ago_ms"),
                      admin_number(poll, "flows"),
                      admin_number(poll, "messages"),
                      admin_number(poll, "took_ms"),
                      admin_number(poll, "cpu_us"));
    }
    if (group->type == JSON_OBJECT) {
        ds_put_format(s, "    flooded: group %lld, unknown %lld\n",
                      admin_number(group, "frames"),
                      admin_number(admin_member(json, "flooded_unknown"),
                                   "frames"));
    }
    ds_put_cstr(s, "    dropped: ");
    admin_dropped_to_text(admin_member(json, "dropped"), s);
}

static void
admin_segment_stats_to_text(const struct json *json, struct ds *s)
{
    bool led = json_boolean(admin_member(json, "led"));
    const struct json *leader = admin_member(json, "leader");

    ds_put_format(s, "%-16s %8lld ",
                  json_string(admin_member(json, "segment")),
                  admin_number(json, "vni"));
    if (led) {
        ds_put_format(s, "%8lld", admin_number(json, "macs"));
    } else {
        ds_put_format(s, "%8s", "-");
    }
    ds_put_format(s, " %8lld  ", admin_number(json, "mac_limit"));
    if (led) {
        admin_dropped_to_text(admin_member(json, "dropped"), s);
    } else {
        ds_put_format(s, "led by %s\n", leader->type == JSON_STRING
                      ? json_string(leader) : "no controller");
    }
}

static void
admin_rated_to_text(const struct json *json, const struct json *flooded,
                    struct ds *s)
{
    if (json->type == JSON_OBJECT) {
        ds_put_format(s, " %12lld %14lld %9.0f",
                      admin_number(json, "frames"),
                      admin_number(json, "bytes"),
                      json_real(admin_member(json, "frames_per_s")));
    } else {
        ds_put_format(s, " %12s %14s %9s", "-", "-", "-");
    }
    if (flooded->type == JSON_OBJECT) {
        ds_put_format(s, " %9lld", admin_number(flooded, "frames"));
    } else {
        ds_put_format(s, " %9s", "-");
    }
}

static void
admin_binding_stats_to_text(const struct json *json, struct ds *s)
{
    ds_put_format(s, "%-16s %-24s %-12s %-7s",
                  json_string(admin_member(json, "segment")),
                  json_string(admin_member(json, "binding")),
                  json_string(admin_member(json, "edge")),
                  (json_boolean(admin_member(json, "closed")) ? "closed"
                   : json_boolean(admin_member(json, "active")) ? "active"
                   : "standby"));
    admin_rated_to_text(admin_member(json, "in"),
                        admin_member(json, "flooded_in"), s);
    admin_rated_to_text(admin_member(json, "out"),
                        admin_member(json, "flooded_out"), s);
    ds_put_cstr(s, "  ");
    admin_dropped_to_text(admin_member(json, "dropped"), s);
}

static void
admin_stats_to_text(const struct json *json, struct ds *s)
{
    const struct json_array *edges = json_array(admin_member(json, "edges"));
    const struct json_array *segments = json_array(admin_member(json,
                                                                "segments"));
    const struct json_array *bindings = json_array(admin_member(json,
                                                                "bindings"));

    if (!admin_number(json, "interval_ms")) {
        ds_put_cstr(s, "edges are not asked: options:stats_interval is 0\n");
    }
    for (size_t i = 0; i < edges->n; i++) {
        admin_edge_stats_to_text(edges->elems[i], s);
    }
    ds_put_format(s, "\n%-16s %8s %8s %8s  %s\n", "SEGMENT", "VNI", "MACS",
                  "LIMIT", "DROPPED");
    for (size_t i = 0; i < segments->n; i++) {
        admin_segment_stats_to_text(segments->elems[i], s);
    }
    ds_put_format(s, "\n%-16s %-24s %-12s %-7s %12s %14s %9s %9s %12s %14s "
                  "%9s %9s  %s\n", "SEGMENT", "BINDING", "EDGE", "ROLE",
                  "IN FRAMES", "BYTES", "PER S", "FLOODED", "OUT FRAMES",
                  "BYTES", "PER S", "FLOODED", "DROPPED");
    for (size_t i = 0; i < bindings->n; i++) {
        admin_binding_stats_to_text(bindings->elems[i], s);
    }
}

void
admin_stats_show(struct unixctl_conn *conn, int argc, const char *argv[],
                 void *agent_)
{
    struct agent *agent = agent_;
    struct topo_segment *segment;
    struct json *json;
    bool as_json;

    if (!admin_format(conn, &argc, argv, 1, &as_json)
        || !admin_segment(conn, agent, argc, argv, &segment)) {
        return;
    }
    json = admin_stats_to_json(agent, segment);
    if (as_json) {
        admin_reply_json(conn, json);
        return;
    }

    struct ds s = DS_EMPTY_INITIALIZER;
    admin_stats_to_text(json, &s);
    unixctl_command_reply(conn, ds_cstr(&s));
    ds_destroy(&s);
    json_destroy(json);
}
