/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* "edge/mtu-probe", which is answered when all searches are over. */

#include <config.h>
#include "controller/admin_private.h"

#include "controller/agent.h"
#include "controller/edge.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "openvswitch/shash.h"
#include "timeval.h"
#include "util.h"

#define ADMIN_MAX_MTU_PROBES 8  /* Commands at a time. */

/* A search that is not over.  Its path may go as soon as it is. */
struct admin_mtu_pair {
    struct uuid from, to;
    struct json *row;           /* In 'rows' of struct admin_mtu. */
};

struct admin_mtu {
    struct ovs_list node;       /* In 'mtu_probes' of struct agent. */
    struct unixctl_conn *conn;
    bool json;
    struct shash rows;          /* Of struct json, by both names. */
    struct admin_mtu_pair *pairs;
    size_t n, allocated;
};

/* Takes down that the path of 'row' carries 'mtu', 0: nothing. */
static void
admin_mtu_put(struct json *row, uint16_t mtu)
{
    json_object_put(row, "mtu", mtu ? json_integer_create(mtu)
                    : json_null_create());
    json_object_put(row, "full", json_boolean_create(mtu >= MTU_FULL));
}

static void
admin_mtu_add(struct agent *agent, struct admin_mtu *mtu,
              const struct topo_node *from, const struct topo_node *to)
{
    struct json *row;
    char *key;

    if (from == to || !to->valid || !edge_is_ready(agent_session(from))
        || !agent_path_search(agent, from, to, true, time_msec())) {
        return;
    }
    row = json_object_create();
    key = xasprintf("%s %s", from->name, to->name);
    if (!shash_add_once(&mtu->rows, key, row)) {
        json_destroy(row);
        free(key);
        return;
    }
    free(key);
    json_object_put_string(row, "from", from->name);
    json_object_put_string(row, "to", to->name);
    admin_mtu_put(row, 0);
    if (mtu->n == mtu->allocated) {
        mtu->pairs = x2nrealloc(mtu->pairs, &mtu->allocated,
                                sizeof *mtu->pairs);
    }
    mtu->pairs[mtu->n++] = (struct admin_mtu_pair) {
        .from = from->row.uuid, .to = to->row.uuid, .row = row,
    };
}

/* Adds the paths from 'from' to all nodes to which it may send. */
static void
admin_mtu_add_all(struct agent *agent, struct admin_mtu *mtu,
                  const struct topo_node *from)
{
    const struct topo_user *use, *user;

    LIST_FOR_EACH (use, tnode_node, &from->uses) {
        const struct topo_cluster *cluster = use->cluster;

        for (size_t i = 0; i < cluster->n_members; i++) {
            admin_mtu_add(agent, mtu, from, cluster->members[i]);
        }
        if (!use->member) {
            continue;
        }
        HMAP_FOR_EACH (user, node, &cluster->users) {
            if (!user->member) {
                admin_mtu_add(agent, mtu, from, user->tnode);
            }
        }
    }
}

static void
admin_mtu_to_text(const struct json *json, struct ds *s)
{
    const struct shash *row = json_object(json);
    const struct json *mtu = shash_find_data(row, "mtu");

    ds_put_format(s, "%-16s %-16s ", json_string(shash_find_data(row, "from")),
                  json_string(shash_find_data(row, "to")));
    if (mtu->type != JSON_INTEGER) {
        ds_put_cstr(s, "    -  no answer\n");
    } else {
        ds_put_format(s, "%5lld  %s\n", (long long) json_integer(mtu),
                      json_boolean(shash_find_data(row, "full"))
                      ? "frames of full size get through"
                      : "too little for frames of full size");
    }
}

static void
admin_mtu_reply(struct admin_mtu *mtu)
{
    char *header = xasprintf("%-16s %-16s %5s\n", "FROM", "TO", "BYTES");

    admin_reply_rows(mtu->conn, &mtu->rows, mtu->json, header,
                     admin_mtu_to_text);
    free(header);
    free(mtu->pairs);
    free(mtu);
}

/* Returns true if the search of 'pair' is over, and its result in the row. */
static bool
admin_mtu_is_over(const struct agent *agent, const struct admin_mtu_pair *pair)
{
    const struct topo_node *from = agent_path_node(agent, &pair->from);
    const struct topo_node *to = agent_path_node(agent, &pair->to);
    const struct agent_path *path = from && to ? agent_path(agent, from, to)
                                    : NULL;

    if (path && !ovs_list_is_empty(&path->search_node)) {
        return false;
    }
    admin_mtu_put(pair->row, path ? path->last.low : 0);
    return true;
}

/* Takes down what was found since the last call, and answers commands whose
 * searches are all over.  Must be called before the next round. */
void
admin_mtu_run(struct agent *agent)
{
    struct admin_mtu *mtu;

    LIST_FOR_EACH_SAFE (mtu, node, &agent->mtu_probes) {
        for (size_t i = 0; i < mtu->n; ) {
            if (admin_mtu_is_over(agent, &mtu->pairs[i])) {
                mtu->pairs[i] = mtu->pairs[--mtu->n];
            } else {
                i++;
            }
        }
        if (!mtu->n) {
            ovs_list_remove(&mtu->node);
            admin_mtu_reply(mtu);
        }
    }
}

/* The agent ends, and nobody is answered. */
void
admin_mtu_clear(struct agent *agent)
{
    struct admin_mtu *mtu;

    LIST_FOR_EACH_POP (mtu, node, &agent->mtu_probes) {
        struct shash_node *row;

        SHASH_FOR_EACH (row, &mtu->rows) {
            json_destroy(row->data);
        }
        shash_destroy(&mtu->rows);
        free(mtu->pairs);
        free(mtu);
    }
}

/* Replies and returns false if 'node' cannot probe. */
static bool
admin_mtu_is_able(struct unixctl_conn *conn, const struct agent *agent,
                  const struct topo_node *node)
{
    const struct edge *edge = agent_session(node);
    char *error;

    if (!admin_leads_node(conn, agent, node)) {
        return false;
    }
    if (edge_is_ready(edge)) {
        return true;
    }
    error = xasprintf("edge %s is not in sync: %s", node->name,
                      edge ? edge_state_to_string(edge->state)
                      : "disconnected");
    unixctl_command_reply_error(conn, error);
    free(error);
    return false;
}

/* Replies and returns false if all edges are led elsewhere. */
static bool
admin_mtu_leads_any(struct unixctl_conn *conn, const struct agent *agent)
{
    const struct topo_node *node;
    char *others, *error;

    HMAP_FOR_EACH (node, row.node, &agent->topo.rows[TOPO_EDGE]) {
        if (node->led) {
            return true;
        }
    }
    others = admin_led_by(agent);
    if (!others) {
        return true;            /* There are none. */
    }
    error = xasprintf("no edge is led from here; they are led by %s", others);
    unixctl_command_reply_error(conn, error);
    free(error);
    free(others);
    return false;
}

void
admin_edge_mtu_probe(struct unixctl_conn *conn, int argc, const char *argv[],
                     void *agent_)
{
    struct agent *agent = agent_;
    const struct topo_node *nodes[2] = { NULL, NULL };
    const struct topo_node *node;
    struct admin_mtu *mtu;
    bool json;

    if (!admin_format(conn, &argc, argv, 2, &json)) {
        return;
    }
    for (int i = 1; i < argc; i++) {
        nodes[i - 1] = topo_node_by_name(&agent->topo, argv[i]);
        if (!nodes[i - 1]) {
            admin_no_such(conn, agent, TOPO_EDGE, argv[i]);
            return;
        }
    }
    if (nodes[0] && nodes[0] == nodes[1]) {
        unixctl_command_reply_error(conn, "an edge is not probed from itself: "
                                    "name two");
        return;
    }
    if (!(nodes[0] ? admin_mtu_is_able(conn, agent, nodes[0])
          : admin_mtu_leads_any(conn, agent))) {
        return;
    }
    if (ovs_list_size(&agent->mtu_probes) >= ADMIN_MAX_MTU_PROBES) {
        unixctl_command_reply_error(conn, "too many are being answered");
        return;
    }
    mtu = xzalloc(sizeof *mtu);
    mtu->conn = conn;
    mtu->json = json;
    shash_init(&mtu->rows);
    ovs_list_push_back(&agent->mtu_probes, &mtu->node);
    if (nodes[1]) {
        admin_mtu_add(agent, mtu, nodes[0], nodes[1]);
    } else if (nodes[0]) {
        admin_mtu_add_all(agent, mtu, nodes[0]);
    } else {
        HMAP_FOR_EACH (node, row.node, &agent->topo.rows[TOPO_EDGE]) {
            admin_mtu_add_all(agent, mtu, node);
        }
    }
}
