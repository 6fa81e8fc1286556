/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "controller/admin_private.h"

#include "controller/agent.h"
#include "controller/edge.h"
#include "flows/delta.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "openvswitch/ofp-flow.h"
#include "util.h"

#define ADMIN_DIFF_MISSING "missing or different"

/* Returns the edge called 'name'.  If there is none, or it is led elsewhere,
 * returns NULL after an error reply. */
static const struct topo_node *
admin_diff_node(struct unixctl_conn *conn, const struct agent *agent,
                const char *name)
{
    const struct topo_node *node = topo_node_by_name(&agent->topo, name);

    if (!node) {
        admin_no_such(conn, agent, TOPO_EDGE, name);
    }
    return node && admin_leads_node(conn, agent, node) ? node : NULL;
}

/* flows/diff: what separates the flows of an edge from those that it should
 * have.  The edge is asked for them. */
void
admin_diff(struct unixctl_conn *conn, int argc, const char *argv[],
           void *agent_)
{
    struct agent *agent = agent_;
    const struct topo_node *node;
    struct edge *edge;
    bool json;

    if (!admin_format(conn, &argc, argv, 1, &json)) {
        return;
    }
    if (argc != 2) {
        unixctl_command_reply_error(conn, "name one edge");
        return;
    }
    node = admin_diff_node(conn, agent, argv[1]);
    if (!node) {
        return;
    }
    edge = agent_session(node);
    if (!edge || edge->state != EDGE_SYNCED) {
        char *error = xasprintf("edge %s is not in sync: %s", argv[1], edge
                                ? edge_state_to_string(edge->state)
                                : "disconnected");
        unixctl_command_reply_error(conn, error);
        free(error);
    } else if (edge->diff) {
        unixctl_command_reply_error(conn, "somebody else is asking the same");
    } else {
        edge->diff = conn;
        edge->diff_json = json;
        edge_watch_ask(edge);   /* Is answered first. */
        edge_ask_flows(edge);
        agent_busy(agent, edge);
    }
}

/* flows/dump: the flows of an edge, but for those of MACs, as this controller
 * knows them, which is without asking. */
void
admin_flows_dump(struct unixctl_conn *conn, int argc OVS_UNUSED,
                 const char *argv[], void *agent_)
{
    struct agent *agent = agent_;
    const struct topo_node *node = admin_diff_node(conn, agent, argv[1]);
    const struct flowset_flow *flow;
    const struct edge *edge;
    struct ds s = DS_EMPTY_INITIALIZER;

    if (!node) {
        return;
    }
    edge = agent_session(node);
    if (!edge) {
        char *error = xasprintf("edge %s is not connected", argv[1]);

        unixctl_command_reply_error(conn, error);
        free(error);
        return;
    }
    HMAP_FOR_EACH (flow, node, &edge->installed.flows) {
        flowset_flow_format(flow, &s);
        ds_put_char(&s, '\n');
    }
    unixctl_command_reply(conn, ds_cstr(&s));
    ds_destroy(&s);
}

static void
admin_diff_put(struct json *array, const char *flow, const char *problem)
{
    struct json *json = json_object_create();

    json_object_put_string(json, "flow", flow);
    json_object_put_string(json, "problem", problem);
    json_array_add(array, json);
}

static void
admin_diff_to_json(const struct delta *delta, struct json *array)
{
    for (size_t i = 0; i < delta->n; i++) {
        const struct delta_change *change = &delta->changes[i];
        struct ds s = DS_EMPTY_INITIALIZER;

        flowset_flow_format(change->flow, &s);
        admin_diff_put(array, ds_cstr(&s),
                       change->command == OFPFC_DELETE_STRICT
                       ? "should not be there"
                       : change->command == OFPFC_ADD ? ADMIN_DIFF_MISSING
                       : "has other actions");
        ds_destroy(&s);
    }
}

/* Adds each meter that the switch has lost to 'array', or if that is NULL to
 * 's'. */
static void
admin_diff_meters(const struct edge *edge, struct json *array, struct ds *s)
{
    const struct edge_meter *meter;

    HMAP_FOR_EACH (meter, node, &edge->meters) {
        if (meter->missed && !edge->watch.xid) {
            char *name = xasprintf("meter=%"PRIu32, meter->id);

            if (array) {
                admin_diff_put(array, name, ADMIN_DIFF_MISSING);
            } else {
                ds_put_format(s, "+ %s\n", name);
            }
            free(name);
        }
    }
}

/* The extra dump that flows/diff asked for is complete. */
void
admin_diff_done(struct edge *edge)
{
    struct unixctl_conn *conn = edge->diff;
    struct delta config, macs;

    if (!conn) {
        return;
    }
    edge->diff = NULL;
    delta_init(&config, &edge->dump.config);
    delta_init(&macs, &edge->dump.other_macs);
    agent_diff(edge, &config, &macs);
    if (edge->diff_json) {
        struct json *array = json_array_create_empty();

        admin_diff_meters(edge, array, NULL);
        admin_diff_to_json(&config, array);
        admin_diff_to_json(&macs, array);
        admin_reply_json(conn, array);
    } else {
        struct ds s = DS_EMPTY_INITIALIZER;

        admin_diff_meters(edge, NULL, &s);
        delta_format(&config, &s);
        delta_format(&macs, &s);
        unixctl_command_reply(conn, ds_cstr(&s));
        ds_destroy(&s);
    }
    delta_destroy(&config);
    delta_destroy(&macs);
    flowset_clear(&edge->dump.config);
    flowset_clear(&edge->dump.other_macs);
}

/* The session ends, or begins anew, before its extra dump is complete. */
void
admin_diff_failed(struct edge *edge)
{
    if (edge->diff) {
        unixctl_command_reply_error(edge->diff,
                                    "the edge has gone out of sync");
        edge->diff = NULL;
    }
}
