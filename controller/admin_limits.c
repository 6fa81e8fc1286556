/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "controller/admin_private.h"

#include "controller/agent.h"
#include "controller/edge.h"
#include "flows/layout.h"
#include "flows/pipeline.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "openvswitch/shash.h"
#include "util.h"

/* binding/limits [SEGMENT]: what is flooded, and what is dropped of it.  The
 * edges are asked, whoever leads them. */

/* A command that waits for some edges. */
struct admin_limits {
    struct unixctl_conn *conn;
    struct uuid segment;        /* All zeros: of all segments. */
    bool json;
    size_t n_waiting;           /* Edges. */
    struct shash rows;          /* JSON objects, by what they are about. */
};

static bool
admin_limits_wants(const struct admin_limits *limits,
                   const struct topo_claim *claim)
{
    const struct topo_attach *attach = claim->attach;

    return ((attach->limits[TOPO_IN].rate || attach->limits[TOPO_OUT].rate)
            && (uuid_is_zero(&limits->segment)
                || uuid_equals(&limits->segment,
                               &attach->place.segment->row.uuid)));
}

static const struct edge_count *
admin_find_count(const struct edge *edge, uint32_t meter)
{
    for (size_t i = 0; edge && i < edge->n_counts; i++) {
        if (edge->counts[i].meter == meter) {
            return &edge->counts[i];
        }
    }
    return NULL;
}

/* Adds what 'edge', which may be NULL, has counted for one limit of
 * 'claim'. */
static void
admin_limits_add(struct admin_limits *limits, const struct topo_claim *claim,
                 enum topo_direction way, const struct edge *edge)
{
    const struct topo_attach *attach = claim->attach;
    const struct topo_segment *segment = attach->place.segment;
    uint32_t meter = (claim->slot
                      ? layout_limit_meter(claim->slot, way == TOPO_OUT) : 0);
    const struct edge_count *count = admin_find_count(edge, meter);
    struct json *json = json_object_create();
    struct ds location = DS_EMPTY_INITIALIZER;

    topo_place_format(&attach->place, &location);
    json_object_put_string(json, "segment", segment->name);
    json_object_put_string(json, "binding", ds_cstr(&location));
    json_object_put_string(json, "edge", claim->node->name);
    json_object_put_string(json, "way", way == TOPO_OUT ? "out" : "in");
    json_object_put(json, "limit",
                    json_integer_create(attach->limits[way].rate));
    json_object_put_string(json, "unit", attach->limits[way].packets
                           ? "packets/s" : "kbit/s");
    json_object_put(json, "passed", count
                    ? json_integer_create(count->n_asked - count->n_dropped)
                    : json_null_create());
    json_object_put(json, "dropped", count
                    ? json_integer_create(count->n_dropped)
                    : json_null_create());
    shash_add_nocopy(&limits->rows,
                     xasprintf("%08"PRIx32" %s %s %d", segment->vni,
                               ds_cstr(&location), claim->node->name, way),
                     json);
    ds_destroy(&location);
}

/* Adds what 'edge', which may be NULL, has counted for 'node'. */
static void
admin_limits_add_node(struct admin_limits *limits,
                      const struct topo_node *node, const struct edge *edge)
{
    const struct topo_claim *claim;

    HMAP_FOR_EACH (claim, port_node, &node->claims) {
        for (int i = 0; admin_limits_wants(limits, claim)
                        && i < TOPO_N_DIRECTIONS; i++) {
            if (claim->attach->limits[i].rate) {
                admin_limits_add(limits, claim, i, edge);
            }
        }
    }
}

static bool
admin_limits_wants_node(const struct admin_limits *limits,
                        const struct topo_node *node)
{
    const struct topo_claim *claim;

    HMAP_FOR_EACH (claim, port_node, &node->claims) {
        if (admin_limits_wants(limits, claim)) {
            return true;
        }
    }
    return false;
}

static void
admin_limits_put_count(const struct json *count, struct ds *s)
{
    if (count->type == JSON_INTEGER) {
        ds_put_format(s, " %12lld", (long long) json_integer(count));
    } else {
        ds_put_format(s, " %12s", "-");
    }
}

static void
admin_limits_to_text(const struct json *json, struct ds *s)
{
    const struct shash *row = json_object(json);

    ds_put_format(s, "%-16s %-28s %-12s %-3s %9lld %-9s",
                  json_string(shash_find_data(row, "segment")),
                  json_string(shash_find_data(row, "binding")),
                  json_string(shash_find_data(row, "edge")),
                  json_string(shash_find_data(row, "way")),
                  (long long) json_integer(shash_find_data(row, "limit")),
                  json_string(shash_find_data(row, "unit")));
    admin_limits_put_count(shash_find_data(row, "passed"), s);
    admin_limits_put_count(shash_find_data(row, "dropped"), s);
    ds_put_char(s, '\n');
}

/* Replies with what there is. */
static void
admin_limits_reply(struct admin_limits *limits)
{
    char *header = xasprintf("%-16s %-28s %-12s %-3s %9s %-9s %12s %12s\n",
                             "SEGMENT", "BINDING", "EDGE", "WAY", "LIMIT",
                             "UNIT", "PASSED", "DROPPED");

    admin_reply_rows(limits->conn, &limits->rows, limits->json, header,
                     admin_limits_to_text);
    free(header);
    free(limits);
}

/* 'edge' has reported what it has counted, or will not any more. */
void
admin_limits_done(struct edge *edge)
{
    struct admin_limits *limits = edge->limits;

    if (!limits) {
        return;
    }
    edge->limits = NULL;
    admin_limits_add_node(limits, edge->tnode, edge);
    edge_forget_counts(edge);
    if (!--limits->n_waiting) {
        admin_limits_reply(limits);
    }
}

void
admin_binding_limits(struct unixctl_conn *conn, int argc, const char *argv[],
                     void *agent_)
{
    struct agent *agent = agent_;
    struct topo_segment *segment;
    struct admin_limits *limits;
    struct topo_node *node;
    bool json;

    if (!admin_format(conn, &argc, argv, 1, &json)
        || !admin_segment(conn, agent, argc, argv, &segment)) {
        return;
    }
    limits = xzalloc(sizeof *limits);
    limits->conn = conn;
    limits->segment = segment ? segment->row.uuid : UUID_ZERO;
    limits->json = json;
    shash_init(&limits->rows);
    HMAP_FOR_EACH (node, row.node, &agent->topo.rows[TOPO_EDGE]) {
        struct edge *edge = agent_session(node);

        /* Who asks while another is asking gets what is known without. */
        if (edge && !edge->limits && admin_limits_wants_node(limits, node)) {
            edge->limits = limits;
            limits->n_waiting++;
            edge_ask_counts(edge);
            agent_busy(agent, edge);
        } else {
            admin_limits_add_node(limits, node, NULL);
        }
    }
    if (!limits->n_waiting) {
        admin_limits_reply(limits);
    }
}
