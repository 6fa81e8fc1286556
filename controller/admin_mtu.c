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

struct admin_mtu_pair {
    struct uuid from, to;
};

struct admin_mtu {
    struct ovs_list node;       /* In 'mtu_probes' of struct agent. */
    struct unixctl_conn *conn;
    bool json;
    struct admin_mtu_pair *pairs;
    size_t n, allocated;
};

static void
admin_mtu_add(struct agent *agent, struct admin_mtu *mtu,
              const struct topo_node *from, const struct topo_node *to)
{
    if (from == to || !to->valid || !edge_is_ready(agent_session(from))
        || !agent_path_search(agent, from, to, true, time_msec())) {
        return;
    }
    if (mtu->n == mtu->allocated) {
        mtu->pairs = x2nrealloc(mtu->pairs, &mtu->allocated,
                                sizeof *mtu->pairs);
    }
    mtu->pairs[mtu->n++] = (struct admin_mtu_pair) {
        .from = from->row.uuid, .to = to->row.uuid,
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
admin_mtu_add_row(const struct agent *agent, const struct admin_mtu_pair *pair,
                  struct shash *rows)
{
    const struct topo_node *from = agent_path_node(agent, &pair->from);
    const struct topo_node *to = agent_path_node(agent, &pair->to);
    const struct agent_path *path = from && to ? agent_path(agent, from, to)
                                    : NULL;
    struct json *json;
    char *key;

    if (!path) {
        return;                 /* A row has gone. */
    }
    json = json_object_create();
    json_object_put_string(json, "from", from->name);
    json_object_put_string(json, "to", to->name);
    json_object_put(json, "mtu", path->last.low
                    ? json_integer_create(path->last.low)
                    : json_null_create());
    json_object_put(json, "full",
                    json_boolean_create(path->last.low >= MTU_FULL));
    key = xasprintf("%s %s", from->name, to->name);
    if (!shash_add_once(rows, key, json)) {
        json_destroy(json);
    }
    free(key);
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
admin_mtu_reply(const struct agent *agent, struct admin_mtu *mtu)
{
    struct shash rows = SHASH_INITIALIZER(&rows);
    char *header = xasprintf("%-16s %-16s %5s\n", "FROM", "TO", "BYTES");

    for (size_t i = 0; i < mtu->n; i++) {
        admin_mtu_add_row(agent, &mtu->pairs[i], &rows);
    }
    admin_reply_rows(mtu->conn, &rows, mtu->json, header, admin_mtu_to_text);
    free(header);
    free(mtu->pairs);
    free(mtu);
}

static bool
admin_mtu_is_over(const struct agent *agent, const struct admin_mtu *mtu)
{
    for (size_t i = 0; i < mtu->n; i++) {
        const struct topo_node *from = agent_path_node(agent,
                                                       &mtu->pairs[i].from);
        const struct topo_node *to = agent_path_node(agent,
                                                     &mtu->pairs[i].to);
        const struct agent_path *path = from && to
                                        ? agent_path(agent, from, to) : NULL;

        if (path && !ovs_list_is_empty(&path->search_node)) {
            return false;
        }
    }
    return true;
}

/* Answers commands whose searches are over. */
void
admin_mtu_run(struct agent *agent)
{
    struct admin_mtu *mtu;

    LIST_FOR_EACH_SAFE (mtu, node, &agent->mtu_probes) {
        if (admin_mtu_is_over(agent, mtu)) {
            ovs_list_remove(&mtu->node);
            admin_mtu_reply(agent, mtu);
        }
    }
}

/* The agent ends, and nobody is answered. */
void
admin_mtu_clear(struct agent *agent)
{
    struct admin_mtu *mtu;

    LIST_FOR_EACH_POP (mtu, node, &agent->mtu_probes) {
        free(mtu->pairs);
        free(mtu);
    }
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
    if (nodes[0] && !edge_is_ready(agent_session(nodes[0]))) {
        char *error = xasprintf("edge %s is not connected, or not led from "
                                "here", nodes[0]->name);

        unixctl_command_reply_error(conn, error);
        free(error);
        return;
    }
    if (ovs_list_size(&agent->mtu_probes) >= ADMIN_MAX_MTU_PROBES) {
        unixctl_command_reply_error(conn, "too many are being answered");
        return;
    }
    mtu = xzalloc(sizeof *mtu);
    mtu->conn = conn;
    mtu->json = json;
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
