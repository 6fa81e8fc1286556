/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "controller/admin_private.h"

#include "controller/agent.h"
#include "controller/conf.h"
#include "controller/lead.h"
#include "flows/near.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "openvswitch/shash.h"
#include "util.h"

/* Looks up the cluster called 'name'.  Returns NULL, after an error reply, if
 * there is none. */
static struct topo_cluster *
admin_find_cluster(struct unixctl_conn *conn, const struct agent *agent,
                   const char *name)
{
    struct topo_cluster *cluster;

    HMAP_FOR_EACH (cluster, row.node, &agent->topo.rows[TOPO_CLUSTER]) {
        if (!strcmp(cluster->name, name)) {
            return cluster;
        }
    }
    admin_no_such(conn, agent, TOPO_CLUSTER, name);
    return NULL;
}

/* cluster/show. */

/* Returns in a word what 'node' sees of the other edges of 'cluster': the
 * worst of it. */
static const char *
admin_peers(const struct topo_cluster *cluster, const struct topo_node *node)
{
    static const char *const words[] = { "alone", "up", "down", "looped",
                                         "missing", "not configured" };
    size_t worst = 0;

    for (size_t i = 0; i < cluster->n_members; i++) {
        const struct topo_node *other = cluster->members[i];
        const char *name = topo_node_port_name_to(node, cluster, other);
        const struct topo_port *port = name ? topo_node_port(node, name)
                                       : NULL;

        if (other != node) {
            worst = MAX(worst, !name ? 5 : !port ? 4 : port->looped ? 3
                               : !port->live ? 2 : 1);
        }
    }
    return words[worst];
}

static struct json *
admin_member_to_json(const struct topo_cluster *cluster,
                     const struct topo_node *node)
{
    struct json *json = json_object_create();
    const char *why;

    json_object_put_string(json, "name", node->name);
    json_object_put_string(json, "role", agent_role(cluster, node, &why));
    json_object_put(json, "why", admin_json_string(why));
    json_object_put(json, "ready", json_boolean_create(!why));
    json_object_put(json, "drained", json_boolean_create(node->drained));
    json_object_put_string(json, "peer", admin_peers(cluster, node));
    return json;
}

struct json *
admin_cluster_to_json(const struct agent *agent,
                      const struct topo_cluster *cluster)
{
    struct json *json = json_object_create();
    struct json *edges = json_array_create_empty();

    for (size_t i = 0; i < cluster->n_members; i++) {
        json_array_add(edges, admin_member_to_json(cluster,
                                                   cluster->members[i]));
    }
    json_object_put_string(json, "name", cluster->name);
    json_object_put_format(json, "id", "%#"PRIx32, cluster->id);
    json_object_put(json, "preemptive",
                    json_boolean_create(cluster->preemptive));
    json_object_put_string(json, "isolation",
                           cluster->fence ? "fence" : "forward");
    json_object_put(json, "holddown",
                    json_integer_create(cluster->holddown));
    json_object_put(json, "edges", edges);
    json_object_put(json, "active",
                    admin_json_string(cluster->active ? cluster->active->name
                                      : NULL));
    const struct topo_node *wanted = agent_wanted(cluster);
    json_object_put(json, "wanted",
                    admin_json_string(wanted ? wanted->name : NULL));
    if (cluster->active) {
        json_object_put(json, "since",
                        json_integer_create(cluster->active_since));
        json_object_put_string(json, "reason", cluster->reason);
    }
    json_object_put(json, "leader", admin_json_string(
                        admin_cluster_leader(agent, cluster)));
    json_object_put(json, "led", json_boolean_create(cluster->led));
    json_object_put(json, "error", admin_json_string(cluster->row.error));
    return json;
}

/* Appends one cluster, as admin_cluster_to_json() tells it. */
void
admin_cluster_to_text(const struct json *json, struct ds *s)
{
    const struct shash *c = json_object(json);
    const struct json *active = shash_find_data(c, "active");
    const struct json *edges = shash_find_data(c, "edges");
    const struct json *error = shash_find_data(c, "error");

    ds_put_format(s, "cluster %s: ", json_string(shash_find_data(c, "name")));
    if (active->type == JSON_STRING) {
        ds_put_format(s, "%s is active since ", json_string(active));
        ds_put_strftime_msec(s, "%Y-%m-%d %H:%M:%S.###",
                             json_integer(shash_find_data(c, "since")), true);
        ds_put_format(s, " UTC (%s)\n",
                      json_string(shash_find_data(c, "reason")));
    } else {
        ds_put_cstr(s, "no active edge\n");
    }
    if (!json_boolean(shash_find_data(c, "led"))) {
        const struct json *leader = shash_find_data(c, "leader");

        ds_put_format(s, "    led by %s\n", leader->type == JSON_STRING
                      ? json_string(leader) : "no controller");
    }
    for (size_t i = 0; i < json_array(edges)->n; i++) {
        const struct shash *e = json_object(json_array(edges)->elems[i]);
        const struct json *why = shash_find_data(e, "why");

        ds_put_format(s, "    %s: %s", json_string(shash_find_data(e, "name")),
                      json_string(shash_find_data(e, "role")));
        if (why->type == JSON_STRING) {
            ds_put_format(s, " (%s)", json_string(why));
        }
        if (json_array(edges)->n > 1) {
            ds_put_format(s, ", peer %s",
                          json_string(shash_find_data(e, "peer")));
        }
        ds_put_char(s, '\n');
    }
    if (error->type == JSON_STRING) {
        ds_put_format(s, "    error: %s\n", json_string(error));
    }
}

void
admin_cluster_show(struct unixctl_conn *conn, int argc, const char *argv[],
                   void *agent_)
{
    struct agent *agent = agent_;
    const struct topo_cluster *cluster, *only = NULL;
    struct json *array;
    bool as_json;

    if (!admin_format(conn, &argc, argv, 1, &as_json)) {
        return;
    }
    if (argc > 1) {
        only = admin_find_cluster(conn, agent, argv[1]);
        if (!only) {
            return;
        }
    }
    array = json_array_create_empty();
    HMAP_FOR_EACH (cluster, row.node, &agent->topo.rows[TOPO_CLUSTER]) {
        if (!only || cluster == only) {
            json_array_add(array, admin_cluster_to_json(agent, cluster));
        }
    }
    if (as_json) {
        admin_reply_json(conn, array);
        return;
    }

    struct ds s = DS_EMPTY_INITIALIZER;
    for (size_t i = 0; i < json_array(array)->n; i++) {
        admin_cluster_to_text(json_array(array)->elems[i], &s);
    }
    unixctl_command_reply(conn, ds_cstr(&s));
    ds_destroy(&s);
    json_destroy(array);
}

/* cluster/history. */

static struct json *
admin_takeover_to_json(const struct agent_takeover *t)
{
    struct json *json = json_object_create();

    json_object_put_string(json, "cluster", t->cluster);
    json_object_put_string(json, "from", t->from);
    json_object_put_string(json, "to", t->to);
    json_object_put_string(json, "reason", t->reason);
    json_object_put(json, "decided", json_integer_create(t->decided));
    json_object_put(json, "confirmed", json_integer_create(
                        t->took < 0 ? 0 : t->decided + t->took));
    json_object_put(json, "announced", json_integer_create(t->announced));
    return json;
}

static void
admin_takeover_to_text(const struct agent_takeover *t, struct ds *s)
{
    ds_put_strftime_msec(s, "%Y-%m-%d %H:%M:%S.### UTC", t->decided, true);
    ds_put_format(s, "  %s: %s%s%s (%s)", t->cluster, t->from,
                  *t->from ? " -> " : "", t->to, t->reason);
    if (t->took >= 0) {
        ds_put_format(s, ", confirmed after %lld ms, %llu MACs announced\n",
                      t->took, t->announced);
    } else {
        ds_put_cstr(s, ", not confirmed\n");
    }
}

void
admin_cluster_history(struct unixctl_conn *conn, int argc, const char *argv[],
                      void *agent_)
{
    struct agent *agent = agent_;
    struct json *array = json_array_create_empty();
    struct ds s = DS_EMPTY_INITIALIZER;
    const struct agent_takeover *t;
    bool as_json;

    if (admin_format(conn, &argc, argv, 1, &as_json)
        && (argc < 2 || admin_find_cluster(conn, agent, argv[1]))) {
        LIST_FOR_EACH (t, node, &agent->history) {
            if (argc > 1 && strcmp(t->cluster, argv[1])) {
                continue;
            }
            json_array_add(array, admin_takeover_to_json(t));
            admin_takeover_to_text(t, &s);
        }
        if (as_json) {
            admin_reply_json(conn, json_clone(array));
        } else {
            unixctl_command_reply(conn, ds_cstr(&s));
        }
    }
    json_destroy(array);
    ds_destroy(&s);
}

/* Operators. */

static char *
admin_no_member(const struct topo_cluster *cluster, const char *name)
{
    struct near near;

    near_init(&near, name);
    for (size_t i = 0; i < cluster->n_members; i++) {
        near_offer(&near, cluster->members[i]->name);
    }
    return near_complain(&near, "cluster %s has no edge \"%s\"",
                         cluster->name, name);
}

/* Replies to an order of an operator that is carried out. */
static void
admin_ordered(struct unixctl_conn *conn, const struct agent *agent)
{
    unixctl_command_reply(conn, lead_is_certain(agent->lead) ? NULL
                          : "done; but the database is out of reach: another "
                          "controller that leads later will not know of "
                          "it\n");
}

/* cluster/failover CLUSTER [EDGE]: makes EDGE active, or if none is named the
 * most preferred one that is ready and not active now.  It stays so until
 * another fault, or another word. */
void
admin_cluster_failover(struct unixctl_conn *conn, int argc,
                       const char *argv[], void *agent_)
{
    struct agent *agent = agent_;
    struct topo_cluster *cluster = admin_find_cluster(conn, agent, argv[1]);
    struct topo_node *wanted = NULL;
    const char *why = "";

    if (!cluster) {
        return;
    }
    if (!cluster->led) {
        admin_not_led(conn, "cluster", argv[1],
                      admin_cluster_leader(agent, cluster), "");
        return;
    }
    for (size_t i = 0; i < cluster->n_members && !wanted; i++) {
        struct topo_node *node = cluster->members[i];

        if (argc > 2 ? !strcmp(node->name, argv[2])
            : node != cluster->active) {
            agent_role(cluster, node, &why);
            wanted = argc > 2 || !why ? node : NULL;
        }
    }
    if (!wanted || why) {
        char *error = (argc > 2 && !wanted
                       ? admin_no_member(cluster, argv[2])
                       : wanted
                       ? xasprintf("edge %s is not ready: %s", wanted->name,
                                   why)
                       : xasprintf("cluster %s has no standby that is ready",
                                   argv[1]));
        unixctl_command_reply_error(conn, error);
        free(error);
        return;
    }
    cluster->wanted = wanted->row.uuid;
    conf_status_changed(agent->conf);
    agent_elect(agent);
    admin_ordered(conn, agent);
}

static void
admin_set_drained(struct unixctl_conn *conn, struct agent *agent,
                  const char *name, bool drained)
{
    struct topo_node *node = topo_node_by_name(&agent->topo, name);

    if (!node) {
        admin_no_such(conn, agent, TOPO_EDGE, name);
        return;
    }
    if (!node->led) {
        admin_not_led(conn, "edge", name, conf_leader(agent->conf, node),
                      ", or set column drained with kakehashi-ctl");
        return;
    }
    node->drained = drained;
    conf_status_changed(agent->conf);
    agent_elect(agent);
    admin_ordered(conn, agent);
}

/* edge/drain EDGE: every cluster that has another edge moves there, and none
 * comes back before edge/undrain. */
void
admin_edge_drain(struct unixctl_conn *conn, int argc OVS_UNUSED,
                 const char *argv[], void *agent)
{
    admin_set_drained(conn, agent, argv[1], true);
}

void
admin_edge_undrain(struct unixctl_conn *conn, int argc OVS_UNUSED,
                   const char *argv[], void *agent)
{
    admin_set_drained(conn, agent, argv[1], false);
}
