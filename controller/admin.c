/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "controller/admin_private.h"

#include "controller/agent.h"
#include "controller/conf.h"
#include "controller/edge.h"
#include "controller/ofconn.h"
#include "flow.h"
#include "flows/addr.h"
#include "flows/near.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "openvswitch/shash.h"
#include "timeval.h"
#include "unixctl.h"
#include "util.h"

/* Of a command that takes many: a frame has no more. */
#define ADMIN_MAX_WORDS 16

/* Arguments. */

/* Takes argument 'i' out of the '*argc' in 'argv', and returns it.  It is at
 * the end of 'argv' then, behind those that are left: the caller owns the
 * strings, so none may get lost. */
const char *
admin_take_arg(int *argc, const char *argv[], int i)
{
    const char *arg = argv[i];

    --*argc;
    memmove(&argv[i], &argv[i + 1], (*argc - i) * sizeof *argv);
    argv[*argc] = arg;
    return arg;
}

/* Moves "--format=json|text" behind the arguments, which become fewer.
 * Returns false, after an error reply, if it says anything else or there are
 * more than 'most' other arguments. */
bool
admin_format(struct unixctl_conn *conn, int *argc, const char *argv[],
             int most, bool *json)
{
    *json = false;
    for (int i = 1; i < *argc; i++) {
        if (strncmp(argv[i], "--", 2)) {
            continue;
        }
        if (!strcmp(argv[i], "--format=json")) {
            *json = true;
        } else if (strcmp(argv[i], "--format=text")) {
            char *error = xasprintf("%s: unknown option; there is "
                                    "--format=json and --format=text",
                                    argv[i]);
            unixctl_command_reply_error(conn, error);
            free(error);
            return false;
        }
        admin_take_arg(argc, argv, i--);
    }
    if (*argc - 1 > most) {
        char *error = xasprintf("\"%s\": one argument too many",
                                argv[most + 1]);
        unixctl_command_reply_error(conn, error);
        free(error);
        return false;
    }
    return true;
}

void
admin_reply_json(struct unixctl_conn *conn, struct json *json)
{
    char *s = json_to_string(json, JSSF_PRETTY | JSSF_SORT);

    unixctl_command_reply(conn, s);
    free(s);
    json_destroy(json);
}

static const char *
admin_row_name(const struct topo_row *row)
{
    return (row->table == TOPO_SEGMENT
            ? CONTAINER_OF(row, struct topo_segment, row)->name
            : row->table == TOPO_EDGE
            ? CONTAINER_OF(row, struct topo_node, row)->name
            : CONTAINER_OF(row, struct topo_cluster, row)->name);
}

/* Replies that nothing in 'table', that of segments, edges or clusters, is
 * called 'name', and what may be meant. */
void
admin_no_such(struct unixctl_conn *conn, const struct agent *agent,
              enum topo_table table, const char *name)
{
    const char *what = (table == TOPO_SEGMENT ? "segment"
                        : table == TOPO_EDGE ? "edge" : "cluster");
    const struct topo_row *row;
    struct near near;

    near_init(&near, name);
    HMAP_FOR_EACH (row, node, &agent->topo.rows[table]) {
        near_offer(&near, admin_row_name(row));
    }

    char *error = near_complain(&near, "no %s \"%s\"", what, name);
    unixctl_command_reply_error(conn, error);
    free(error);
}

/* Stores into '*segment' the one that 'argv[1]' names, or NULL if no argument
 * is given.  Replies and returns false if there is no such segment. */
bool
admin_segment(struct unixctl_conn *conn, const struct agent *agent, int argc,
              const char *argv[], struct topo_segment **segment)
{
    *segment = argc > 1 ? topo_segment_by_name(&agent->topo, argv[1]) : NULL;
    if (argc > 1 && !*segment) {
        admin_no_such(conn, agent, TOPO_SEGMENT, argv[1]);
        return false;
    }
    return true;
}

/* Replies with 'rows', JSON objects that it takes, in the order of their
 * names: as JSON, or as text below 'header', a line of 'to_text' each. */
void
admin_reply_rows(struct unixctl_conn *conn, struct shash *rows, bool as_json,
                 const char *header,
                 void (*to_text)(const struct json *, struct ds *))
{
    const struct shash_node **nodes = shash_sort(rows);
    struct json *array = json_array_create_empty();
    struct ds s = DS_EMPTY_INITIALIZER;

    ds_put_cstr(&s, header);
    for (size_t i = 0; i < shash_count(rows); i++) {
        if (!as_json) {
            to_text(nodes[i]->data, &s);
        }
        json_array_add(array, nodes[i]->data);
    }
    if (as_json) {
        admin_reply_json(conn, array);
    } else {
        unixctl_command_reply(conn, ds_cstr(&s));
        json_destroy(array);
    }
    ds_destroy(&s);
    free(nodes);
    shash_destroy(rows);
}

struct json *
admin_json_string(const char *s)
{
    return s ? json_string_create(s) : json_null_create();
}

/* MACs. */

static void
admin_mac_flush(struct unixctl_conn *conn, int argc, const char *argv[],
                void *agent_)
{
    struct agent *agent = agent_;
    struct topo_segment *segment;
    struct eth_addr mac;
    char *error;

    if (!admin_segment(conn, agent, argc, argv, &segment)
        || (segment && !admin_leads_segment(conn, agent, segment))) {
        return;
    }
    if (argc > 2 && !addr_parse_mac(argv[2], &mac, &error)) {
        unixctl_command_reply_error(conn, error);
        free(error);
        return;
    }

    size_t n = agent_flush_macs(agent, segment, argc > 2 ? &mac : NULL);
    admin_flushed(conn, agent, n, "MAC", segment != NULL);
}

/* Edges. */

static size_t
admin_count_macs(const struct topo_node *node)
{
    const struct topo_claim *claim;
    size_t n = 0;

    HMAP_FOR_EACH (claim, port_node, &node->claims) {
        n += claim->attach->place.n_macs;
    }
    return n;
}

static struct json *
admin_ports_to_json(const struct topo_node *node)
{
    struct json *ports = json_array_create_empty();
    const struct topo_port *port;

    HMAP_FOR_EACH (port, ofport_node, &node->ports_by_ofport) {
        struct json *p = json_object_create();

        json_object_put_string(p, "name", port->name);
        json_object_put(p, "ofport",
                        json_integer_create(ofp_to_u16(port->ofport)));
        json_object_put_format(p, "mac", ETH_ADDR_FMT,
                               ETH_ADDR_ARGS(port->mac));
        json_object_put(p, "live", json_boolean_create(port->link_up
                                                       && port->live));
        json_array_add(ports, p);
    }
    return ports;
}

/* The segments that have more new MACs than their share. */
static struct json *
admin_held_to_json(const struct topo_node *node)
{
    struct json *array = json_array_create_empty();
    const struct share_segment *held;

    HMAP_FOR_EACH (held, node, &node->share.segments) {
        const struct topo_segment *segment
            = topo_segment_by_vni(node->topo, held->vni);

        if (segment && held->held) {
            json_array_add(array, json_string_create(segment->name));
        }
    }
    return array;
}

/* The tables of MACs that are full. */
static struct json *
admin_full_to_json(const struct edge *edge)
{
    struct json *array = json_array_create_empty();

    if (edge_is_full(edge, true)) {
        json_array_add(array, json_string_create("SOURCE"));
    }
    if (edge_is_full(edge, false)) {
        json_array_add(array, json_string_create("DEST"));
    }
    return array;
}

/* Whose flows are left out. */
static struct json *
admin_refused_to_json(const struct edge *edge)
{
    struct json *array = json_array_create_empty();
    const struct refused_owner *o;

    HMAP_FOR_EACH (o, node, &edge->refused.owners) {
        struct json *json = json_object_create();
        char *name = refused_owner_name(o->cookie);

        json_object_put_string(json, "owner", name);
        json_object_put_string(json, "error", o->error
                               ? ofperr_to_string(o->error) : "suspected");
        json_object_put(json, "next_try", json_integer_create(
                            MAX(0, o->retry_at - time_msec())));
        json_array_add(array, json);
        free(name);
    }
    return array;
}

static void
admin_session_to_json(const struct edge *edge, struct json *json)
{
    json_object_put_string(json, "address", ofconn_name(edge->conn));
    json_object_put_format(json, "version", "1.%d",
                           ofconn_version(edge->conn) - 1);
    json_object_put(json, "certificate",
                    admin_json_string(ofconn_cn(edge->conn)));
    json_object_put_string(json, "state", edge_state_to_string(edge->state));
    json_object_put(json, "connected", json_boolean_create(true));
    json_object_put(json, "connected_for", json_integer_create(
                        (time_msec() - edge->created) / 1000));
    json_object_put(json, "flows", admin_known_to_json(
                        flowset_count(&edge->installed),
                        edge->tnode && !edge->tnode->led));
    json_object_put(json, "flow_mods",
                    json_integer_create(edge->n_flow_mods));
    json_object_put(json, "packet_ins",
                    json_integer_create(edge->n_packet_ins));
    json_object_put(json, "reconciles",
                    json_integer_create(edge->n_reconciles));
    json_object_put(json, "added", json_integer_create(edge->n_added));
    json_object_put(json, "changed", json_integer_create(edge->n_modified));
    json_object_put(json, "deleted", json_integer_create(edge->n_deleted));
    json_object_put(json, "adopted", json_integer_create(edge->n_adopted));
    json_object_put(json, "last_error",
                    json_string_create(edge->last_error
                                       ? edge->last_error : ""));
    json_object_put(json, "full", admin_full_to_json(edge));
    json_object_put(json, "refuses", admin_refused_to_json(edge));
}

static struct json *
admin_node_to_json(const struct agent *agent, const struct topo_node *node)
{
    struct edge *edge = agent_session(node);
    const char *error = (node->row.error ? node->row.error
                         : edge ? agent_complaint(edge) : node->refused);
    struct json *json = json_object_create();

    json_object_put_string(json, "name", node->name);
    json_object_put_string(json, "datapath_id", node->dpid_string);
    json_object_put_string(json, "tunnel_ip", node->ip_string);
    json_object_put_string(json, "tunnel_port", node->tunnel_port);
    json_object_put(json, "leader",
                    admin_json_string(conf_leader(agent->conf, node)));
    json_object_put(json, "led", json_boolean_create(node->led));
    json_object_put(json, "leader_reason",
                    admin_json_string(conf_leader_reason(agent->conf, node)));
    json_object_put(json, "error", admin_json_string(error));
    json_object_put(json, "refused", admin_json_string(node->refused));
    json_object_put(json, "ports", admin_ports_to_json(node));
    json_object_put(json, "macs",
                    admin_known_to_json(admin_count_macs(node), !node->led));
    json_object_put(json, "held", admin_held_to_json(node));

    char *narrow = agent_narrow(agent, node);
    json_object_put(json, "narrow", admin_json_string(narrow));
    free(narrow);
    if (edge) {
        admin_session_to_json(edge, json);
    } else {
        json_object_put_string(json, "state", "disconnected");
        json_object_put(json, "connected", json_boolean_create(false));
    }
    return json;
}

/* Returns the edges, all or the one with 'name', and then, among all, the
 * switches that no row knows. */
struct json *
admin_edges_to_json(const struct agent *agent, const char *name)
{
    struct json *array = json_array_create_empty();
    const struct edge *edge;
    size_t n;
    struct topo_node **nodes = topo_sorted_nodes(&agent->topo, &n);

    for (size_t i = 0; i < n; i++) {
        if (!name || !strcmp(name, nodes[i]->name)) {
            json_array_add(array, admin_node_to_json(agent, nodes[i]));
        }
    }
    free(nodes);
    LIST_FOR_EACH (edge, node, &agent->edges) {
        if (!name && edge->state == EDGE_UNKNOWN) {
            struct json *json = json_object_create();

            json_object_put(json, "name", json_null_create());
            json_object_put_format(json, "datapath_id", ADDR_DPID_FMT,
                                   edge->dpid);
            admin_session_to_json(edge, json);
            json_array_add(array, json);
        }
    }
    return array;
}

/* Appends 'json' to 's' as lines of "key: value", in a fixed order that puts
 * what matters first. */
static void
admin_edge_to_text(const struct json *json, struct ds *s)
{
    static const char *const keys[] = {
        "datapath_id", "address", "certificate", "version", "connected_for",
        "leader", "leader_reason", "tunnel_ip", "tunnel_port", "flows",
        "macs", "packet_ins", "flow_mods", "reconciles", "added", "changed",
        "deleted", "adopted", "last_error", "refused", "narrow", "error",
    };
    const struct shash *object = json_object(json);
    const struct json *name = shash_find_data(object, "name");

    ds_put_format(s, "%s: %s\n", name->type == JSON_STRING
                  ? json_string(name) : "(no edge)",
                  json_string(shash_find_data(object, "state")));
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        const struct json *value = shash_find_data(object, keys[i]);

        if (value && value->type == JSON_STRING && *json_string(value)) {
            ds_put_format(s, "    %s: %s\n", keys[i], json_string(value));
        } else if (value && value->type == JSON_INTEGER) {
            ds_put_format(s, "    %s: %lld\n", keys[i],
                          (long long) json_integer(value));
        }
    }

    const struct json *refused = shash_find_data(object, "refuses");
    for (size_t i = 0; refused && i < json_array(refused)->n; i++) {
        const struct shash *o = json_object(json_array(refused)->elems[i]);

        ds_put_format(s, "    refuses: %s: %s, next try in %lld ms\n",
                      json_string(shash_find_data(o, "owner")),
                      json_string(shash_find_data(o, "error")),
                      (long long) json_integer(shash_find_data(o,
                                                               "next_try")));
    }

    const struct json *held = shash_find_data(object, "held");
    for (size_t i = 0; held && i < json_array(held)->n; i++) {
        ds_put_format(s, "    more new MACs than its share: %s\n",
                      json_string(json_array(held)->elems[i]));
    }

    const struct json *ports = shash_find_data(object, "ports");
    for (size_t i = 0; ports && i < json_array(ports)->n; i++) {
        const struct shash *port = json_object(json_array(ports)->elems[i]);

        ds_put_format(s, "    port %s: %lld%s\n",
                      json_string(shash_find_data(port, "name")),
                      (long long) json_integer(shash_find_data(port,
                                                               "ofport")),
                      json_boolean(shash_find_data(port, "live"))
                      ? "" : " (down)");
    }
}

static void
admin_edge_show(struct unixctl_conn *conn, int argc, const char *argv[],
                void *agent_)
{
    struct agent *agent = agent_;
    bool as_json;

    if (!admin_format(conn, &argc, argv, 1, &as_json)) {
        return;
    }
    if (argc > 1 && !topo_node_by_name(&agent->topo, argv[1])) {
        admin_no_such(conn, agent, TOPO_EDGE, argv[1]);
        return;
    }

    struct json *edges = admin_edges_to_json(agent, argc > 1 ? argv[1]
                                             : NULL);
    if (as_json) {
        admin_reply_json(conn, edges);
        return;
    }

    struct ds s = DS_EMPTY_INITIALIZER;
    for (size_t i = 0; i < json_array(edges)->n; i++) {
        admin_edge_to_text(json_array(edges)->elems[i], &s);
    }
    unixctl_command_reply(conn, ds_cstr(&s));
    ds_destroy(&s);
    json_destroy(edges);
}

/* Registers all commands. */
void
admin_init(struct agent *agent)
{
    unixctl_command_register("show", "[--format=json]", 0, 1,
                             admin_show, agent);
    unixctl_command_register("mac/show", "[--format=json] [--max=N] [SEGMENT]",
                             0, 3, admin_mac_show, agent);
    unixctl_command_register("mac/flush", "[SEGMENT [MAC]]", 0, 2,
                             admin_mac_flush, agent);
    unixctl_command_register("vtep/show", "[--format=json] [SEGMENT]", 0, 2,
                             admin_vtep_show, agent);
    unixctl_command_register("vtep/flush", "[SEGMENT [IP]]", 0, 2,
                             admin_vtep_flush, agent);
    unixctl_command_register("binding/limits", "[--format=json] [SEGMENT]", 0,
                             2, admin_binding_limits, agent);
    unixctl_command_register("explain", "[--format=json] mac SEGMENT MAC | "
                             "frame EDGE PORT KEY=VALUE...", 0,
                             ADMIN_MAX_WORDS, admin_explain, agent);
    unixctl_command_register("explain/mac", "[--format=json] SEGMENT MAC", 0,
                             3, admin_explain_mac_cmd, agent);
    unixctl_command_register("explain/frame",
                             "[--format=json] EDGE PORT KEY=VALUE...", 0,
                             ADMIN_MAX_WORDS, admin_explain_frame_cmd, agent);
    unixctl_command_register("stats/show", "[--format=json] [SEGMENT]", 0, 2,
                             admin_stats_show, agent);
    unixctl_command_register("edge/show", "[--format=json] [EDGE]", 0, 2,
                             admin_edge_show, agent);
    unixctl_command_register("cluster/show", "[--format=json] [CLUSTER]", 0, 2,
                             admin_cluster_show, agent);
    unixctl_command_register("cluster/history", "[--format=json] [CLUSTER]",
                             0, 2, admin_cluster_history, agent);
    unixctl_command_register("events/show", "[--format=json] [--since=SEQ] "
                             "[--wait=MS] [SEGMENT]", 0, 4,
                             admin_events_show, agent);
    unixctl_command_register("flows/dump", "EDGE", 1, 1,
                             admin_flows_dump, agent);
    unixctl_command_register("cluster/failover", "CLUSTER [EDGE]", 1, 2,
                             admin_cluster_failover, agent);
    unixctl_command_register("edge/drain", "EDGE", 1, 1, admin_edge_drain,
                             agent);
    unixctl_command_register("edge/undrain", "EDGE", 1, 1,
                             admin_edge_undrain, agent);
    unixctl_command_register("edge/mtu-probe", "[--format=json] [EDGE [EDGE]]",
                             0, 3, admin_edge_mtu_probe, agent);
    unixctl_command_register("flows/diff", "[--format=json] EDGE", 1, 2,
                             admin_diff, agent);
}
