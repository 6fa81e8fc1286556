/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "controller/admin_private.h"

#include <limits.h>
#include <string.h>

#include "controller/agent.h"
#include "controller/edge.h"
#include "flows/layout.h"
#include "flows/macmsg.h"
#include "flows/sighting.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "openvswitch/shash.h"
#include "timeval.h"
#include "util.h"

/* mac/show [--max=N] [SEGMENT]: which MACs are where, of no more than N.
 *
 * Of edges that are led from here the fdb tells.  Others are asked: a follower
 * keeps no copy, for it would be the leader's work once more, and to read the
 * MACs of a switch is a matter of less than a second. */

/* A command that waits for some edges. */
struct admin_read {
    struct unixctl_conn *conn;
    struct agent *agent;
    struct uuid segment;        /* All zeros: of all segments. */
    bool json;
    unsigned int max;           /* MACs. */
    size_t n_waiting;           /* Edges. */
    struct shash macs;          /* JSON objects, by VNI and MAC. */
};

static bool
admin_read_wants(const struct admin_read *read,
                 const struct topo_segment *segment)
{
    return (uuid_is_zero(&read->segment)
            || uuid_equals(&read->segment, &segment->row.uuid));
}

static bool
admin_read_is_full(const struct admin_read *read)
{
    return shash_count(&read->macs) >= read->max;
}

/* Adds that 'node', unless it is NULL, has seen 'mac' at 'place'.  Returns
 * NULL if there is no room. */
static struct json *
admin_read_add(struct admin_read *read, const struct topo_place *place,
               struct eth_addr mac, const struct topo_node *node)
{
    const struct topo_segment *segment = place->segment;
    char *key = xasprintf("%08"PRIx32" "ETH_ADDR_FMT, segment->vni,
                          ETH_ADDR_ARGS(mac));
    struct json *json = shash_find_data(&read->macs, key);

    if (!json && !admin_read_is_full(read)) {
        struct ds location = DS_EMPTY_INITIALIZER;

        topo_place_format(place, &location);
        json = json_object_create();
        json_object_put_string(json, "segment", segment->name);
        json_object_put(json, "vni", json_integer_create(segment->vni));
        json_object_put_format(json, "mac", ETH_ADDR_FMT, ETH_ADDR_ARGS(mac));
        json_object_put_string(json, "location", ds_cstr(&location));
        json_object_put_string(json, "type", "dynamic");
        json_object_put(json, "edges", json_array_create_empty());
        json_object_put(json, "moves", json_null_create());
        json_object_put(json, "age", json_null_create());
        shash_add(&read->macs, key, json);
        ds_destroy(&location);
    }
    if (json && node) {
        json_array_add(shash_find_data(json_object(json), "edges"),
                       json_string_create(node->name));
    }
    free(key);
    return json;
}

/* Adds what the fdb knows of 'e', if that is to be relied on. */
static void
admin_read_add_entry(struct admin_read *read, const struct fdb_mac *e)
{
    bool ours = e->is_static || !e->n_seen;
    struct json *json;

    for (size_t i = 0; i < e->n_seen; i++) {
        ours |= e->seen[i].node->led;
    }
    if (!ours || !admin_read_wants(read, e->segment)) {
        return;
    }
    json = admin_read_add(read, e->place, e->mac, NULL);
    if (!json) {
        return;
    }
    for (size_t i = 0; i < e->n_seen; i++) {
        const struct topo_node *node = e->seen[i].node;

        if (fdb_has_source(e, node) && (node->led || e->is_static)) {
            json_array_add(shash_find_data(json_object(json), "edges"),
                           json_string_create(node->name));
        }
    }
    if (e->is_static) {
        json_object_put_string(json, "type", "static");
    } else if (fdb_is_frozen(&read->agent->fdb, e)) {
        json_object_put_string(json, "type", "frozen");
    }
    json_object_put(json, "moves", json_integer_create(e->n_moves));
    json_object_put(json, "age", json_integer_create(
                        (time_msec() - e->learned_at) / 1000));
}

static void
admin_read_add_fdb(struct admin_read *read)
{
    const struct fdb_mac *e;
    struct fdb_walk walk;

    FDB_TABLE_FOR_EACH (e, &walk, &read->agent->fdb.macs) {
        if (admin_read_is_full(read)) {
            break;
        }
        admin_read_add_entry(read, e);
    }
}

/* Adds 's', unless 'why' is wrong with it.  A VTEP that is not known may be
 * one that the leader has learned. */
static void
admin_read_add_sighting(struct admin_read *read, const struct edge *edge,
                        const struct sighting *s, const char *why)
{
    const struct topo_vtep vtep = {
        .place = { .type = TOPO_PLACE_VTEP, .segment = s->lacking },
        .ip = s->vtep,
    };
    const struct topo_place *place = why ? &vtep.place : s->place;

    if ((!why || (s->lacking && s->lacking->vtep_limit))
        && admin_read_wants(read, place->segment)) {
        admin_read_add(read, place, s->mac, edge->tnode);
    }
}

/* Adds what 'edge' has reported. */
static void
admin_read_add_dump(struct admin_read *read, const struct edge *edge)
{
    const struct topo *topo = &read->agent->topo;
    const struct macdump *dump = &edge->dump.macs;
    const struct flowset_flow *flow;
    struct sighting s;

    for (size_t i = 0; i < dump->n; i++) {
        const struct macmsg_id *id = &dump->flows[i].id;

        if (macmsg_is_source(id)) {
            const char *why = sighting_from_macmsg(topo, edge->tnode, id, &s);

            admin_read_add_sighting(read, edge, &s, why);
        }
    }
    HMAP_FOR_EACH (flow, node, &edge->dump.other_macs.flows) {
        struct match match;

        minimatch_expand(&flow->match, &match);
        if (flow->table == LAYOUT_SOURCE
            && layout_cookie_kind(flow->cookie) == LAYOUT_K_LEARNED) {
            const char *why = sighting_from_source(topo, edge->tnode, &match,
                                                   &s);

            admin_read_add_sighting(read, edge, &s, why);
        }
    }
}

static void
admin_mac_to_text(const struct json *json, struct ds *s)
{
    const struct shash *mac = json_object(json);
    const struct json *age = shash_find_data(mac, "age");
    const struct json *moves = shash_find_data(mac, "moves");
    const struct json *edges = shash_find_data(mac, "edges");

    ds_put_format(s, "%-16s %8lld  %s  %-28s %-7s ",
                  json_string(shash_find_data(mac, "segment")),
                  (long long) json_integer(shash_find_data(mac, "vni")),
                  json_string(shash_find_data(mac, "mac")),
                  json_string(shash_find_data(mac, "location")),
                  json_string(shash_find_data(mac, "type")));
    if (age->type == JSON_INTEGER) {
        ds_put_format(s, "%6lld %5lld  ", (long long) json_integer(age),
                      (long long) json_integer(moves));
    } else {
        ds_put_format(s, "%6s %5s  ", "-", "-");
    }
    for (size_t i = 0; i < json_array(edges)->n; i++) {
        ds_put_format(s, "%s%s", i ? "," : "",
                      json_string(json_array(edges)->elems[i]));
    }
    ds_chomp(s, ' ');
    ds_put_char(s, '\n');
}

/* Replies with what there is. */
static void
admin_read_reply(struct admin_read *read)
{
    char *header = xasprintf("%-16s %8s  %-17s  %-28s %-7s %6s %5s  %s\n",
                             "SEGMENT", "VNI", "MAC", "LOCATION", "TYPE",
                             "AGE", "MOVES", "SEEN BY");

    admin_reply_rows(read->conn, &read->macs, read->json, header,
                     admin_mac_to_text);
    free(header);
    free(read);
}

/* 'edge' has reported its flows, or will not, if it is not followed any
 * more. */
void
admin_read_done(struct edge *edge, bool reported)
{
    struct admin_read *read = edge->read;

    if (!read) {
        return;
    }
    edge->read = NULL;
    if (reported) {
        admin_read_add_dump(read, edge);
        macdump_clear(&edge->dump.macs);
        flowset_clear(&edge->dump.other_macs);
        flowset_clear(&edge->dump.config);
        flowset_clear(&edge->dump.taken);
    }
    if (!--read->n_waiting) {
        admin_read_add_fdb(read);
        admin_read_reply(read);
    }
}

/* Takes --max out of the arguments. */
static bool
admin_mac_max(struct unixctl_conn *conn, int *argc, const char *argv[],
              unsigned int *max)
{
    static const char prefix[] = "--max=";

    *max = UINT_MAX;
    for (int i = 1; i < *argc; i++) {
        const char *option = argv[i];

        if (strncmp(option, prefix, strlen(prefix))) {
            continue;
        }
        if (!str_to_uint(option + strlen(prefix), 10, max)) {
            char *error = xasprintf("%s: not a number", option);
            unixctl_command_reply_error(conn, error);
            free(error);
            return false;
        }
        admin_take_arg(argc, argv, i--);
    }
    return true;
}

void
admin_mac_show(struct unixctl_conn *conn, int argc, const char *argv[],
               void *agent_)
{
    struct agent *agent = agent_;
    struct topo_segment *segment;
    struct admin_read *read;
    struct edge *edge;
    unsigned int max;
    bool json;

    if (!admin_mac_max(conn, &argc, argv, &max)
        || !admin_format(conn, &argc, argv, 1, &json)
        || !admin_segment(conn, agent, argc, argv, &segment)) {
        return;
    }
    read = xzalloc(sizeof *read);
    read->conn = conn;
    read->agent = agent;
    read->segment = segment ? segment->row.uuid : UUID_ZERO;
    read->json = json;
    read->max = max;
    shash_init(&read->macs);
    LIST_FOR_EACH (edge, node, &agent->edges) {
        /* Who asks while another is asking gets what is known without. */
        if (edge->state == EDGE_FOLLOW && !edge->read
            && (!segment || topo_segment_has_node(segment, edge->tnode))) {
            edge->read = read;
            read->n_waiting++;
            edge_ask_flows(edge);
            agent_busy(agent, edge);
        }
    }
    if (!read->n_waiting) {
        admin_read_add_fdb(read);
        admin_read_reply(read);
    }
}
