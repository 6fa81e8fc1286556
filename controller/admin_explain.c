/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "controller/admin_private.h"

#include <limits.h>
#include "controller/agent.h"
#include "controller/edge.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "openvswitch/shash.h"
#include "util.h"

/* explain: what becomes of a frame, and what is known of a MAC.
 *
 * What the model says is at hand; edges are asked for what their flows have
 * counted, whoever leads them, and the answer waits for that.  One command at
 * a time asks an edge; who comes meanwhile gets no numbers. */

static void
admin_explain_reply(struct admin_explain *x)
{
    if (x->json) {
        admin_reply_json(x->conn, x->answer);
    } else {
        struct ds s = DS_EMPTY_INITIALIZER;

        x->to_text(x->answer, &s);
        unixctl_command_reply(x->conn, ds_cstr(&s));
        ds_destroy(&s);
        json_destroy(x->answer);
    }
    free(x);
}

/* Returns the string 'key' of 'object', which has it. */
const char *
admin_get_string(const struct json *object, const char *key)
{
    return json_string(shash_find_data(json_object(object), key));
}

/* What edges are asked. */

/* Returns the session of 'node', for which the answer waits from now on, or
 * NULL if nobody can be asked. */
static struct edge *
admin_explain_session(struct admin_explain *x, struct topo_node *node,
                      struct json *object)
{
    struct edge *edge = agent_session(node);

    json_object_put(object, "frames", json_null_create());
    json_object_put(object, "installed", json_null_create());
    if (!edge || (edge->explain && edge->explain != x)) {
        return NULL;
    }
    if (!edge->explain) {
        edge->explain = x;
        x->n_waiting++;
        agent_busy(x->agent, edge);
    }
    return edge;
}

/* What 'node' has counted by the flow in 'like', which may be taken, goes into
 * 'object'. */
void
admin_explain_flow(struct admin_explain *x, struct topo_node *node,
                   struct flowset *like, struct json *object)
{
    struct edge *edge = admin_explain_session(x, node, object);

    if (edge) {
        edge_ask_flow(edge, like, object);
    }
}

/* The same for the frames that no flow of 'table' matched. */
void
admin_explain_misses(struct admin_explain *x, struct topo_node *node,
                     enum layout_table table, struct json *object)
{
    struct edge *edge = admin_explain_session(x, node, object);

    if (edge) {
        edge_ask_misses(edge, table, object);
    }
}

/* The same for the frames that 'meter' has dropped. */
void
admin_explain_dropped(struct admin_explain *x, struct topo_node *node,
                      uint32_t meter, struct json *object)
{
    struct edge *edge = admin_explain_session(x, node, object);

    if (edge) {
        edge_ask_dropped(edge, meter, object);
    }
}

/* Puts the answer to 'q' into its object. */
static void
admin_explain_take(const struct admin_explain *x,
                   const struct edge_question *q)
{
    struct json *object = q->aux;

    if (q->xid) {
        return;                 /* There is none. */
    }
    json_object_put(object, "installed", json_boolean_create(q->found));
    if (!q->found) {
        return;
    }
    if (q->n_packets != UINT64_MAX) {
        json_object_put(object, "frames", json_integer_create(q->n_packets));
    }
    if (x->exact) {
        json_object_put(object, "as_meant", json_boolean_create(q->same));
        json_object_put(object, "age", json_integer_create(q->age));
        json_object_put(object, "idle", q->idle < 0 ? json_null_create()
                        : json_integer_create(q->idle));
    }
}

/* 'edge' has answered, or will not any more. */
void
admin_explain_done(struct edge *edge)
{
    struct admin_explain *x = edge->explain;

    if (!x) {
        return;
    }
    edge->explain = NULL;
    for (size_t i = 0; i < edge->n_questions; i++) {
        admin_explain_take(x, &edge->questions[i]);
    }
    edge_forget_questions(edge);
    if (!--x->n_waiting) {
        admin_explain_reply(x);
    }
}

/* What there is to say of an edge. */

/* Returns the name of the bridge of 'node', as far as that is known. */
const char *
admin_bridge(const struct topo_node *node)
{
    const struct topo_port *port = topo_node_ofport(node, OFPP_LOCAL);

    return port ? port->name : "BRIDGE";
}

/* Adds to 'notes' why the switch of 'node' may do otherwise. */
void
admin_explain_notes(const struct topo_node *node, struct json *notes)
{
    const struct edge *edge = agent_session(node);
    char *note = NULL;

    if (!edge) {
        note = xasprintf("the switch of edge %s is not connected: this is "
                         "what it should do", node->name);
    } else if (edge->state != EDGE_SYNCED) {
        note = xasprintf("the switch of edge %s is not in sync (%s): this is "
                         "what it should do", node->name,
                         edge_state_to_string(edge->state));
    } else if (!refused_is_empty(&edge->refused)
               || edge_is_full(edge, true) || edge_is_full(edge, false)) {
        note = xasprintf("the switch of edge %s does not take all flows, see "
                         "edge/show: it may do otherwise", node->name);
    }
    if (note) {
        json_array_add(notes, json_string_create(note));
        free(note);
    }
}

/* The commands. */

typedef bool admin_explain_func(struct admin_explain *, int n,
                                const char *const args[]);

/* Explains by 'func', which has replied if it returns false. */
static void
admin_explain_run(struct unixctl_conn *conn, struct agent *agent, bool json,
                  admin_explain_func *func, int n, const char *const args[])
{
    struct admin_explain *x = xzalloc(sizeof *x);

    x->conn = conn;
    x->agent = agent;
    x->json = json;
    if (!func(x, n, args)) {
        free(x);
    } else if (!x->n_waiting) {
        admin_explain_reply(x);
    }
}

void
admin_explain_mac_cmd(struct unixctl_conn *conn, int argc, const char *argv[],
                      void *agent)
{
    bool json;

    if (admin_format(conn, &argc, argv, 2, &json)) {
        admin_explain_run(conn, agent, json, admin_explain_mac, argc - 1,
                          argv + 1);
    }
}

void
admin_explain_frame_cmd(struct unixctl_conn *conn, int argc,
                        const char *argv[], void *agent)
{
    bool json;

    if (admin_format(conn, &argc, argv, INT_MAX - 1, &json)) {
        admin_explain_run(conn, agent, json, admin_explain_frame, argc - 1,
                          argv + 1);
    }
}

/* "explain mac" and "explain frame", as two words. */
void
admin_explain(struct unixctl_conn *conn, int argc, const char *argv[],
              void *agent)
{
    bool json;

    if (!admin_format(conn, &argc, argv, INT_MAX - 1, &json)) {
        return;
    }
    if (argc > 1 && !strcmp(argv[1], "mac")) {
        admin_explain_run(conn, agent, json, admin_explain_mac, argc - 2,
                          argv + 2);
    } else if (argc > 1 && !strcmp(argv[1], "frame")) {
        admin_explain_run(conn, agent, json, admin_explain_frame, argc - 2,
                          argv + 2);
    } else {
        unixctl_command_reply_error(conn, "what is to be explained: "
                                    "\"mac SEGMENT MAC\" or "
                                    "\"frame EDGE PORT KEY=VALUE...\"");
    }
}
