/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "controller/agent.h"

#include "controller/admin.h"
#include "controller/conf.h"
#include "controller/edge.h"
#include "controller/lead.h"
#include "controller/ofconn.h"
#include "flows/layout.h"
#include "openvswitch/vlog.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(agent_conf);

/* Finds out whose switch this is, by its datapath ID. */
void
agent_identify(struct agent *agent, struct edge *edge)
{
    struct topo_node *node = topo_node_by_dpid(&agent->topo, edge->dpid);

    if (!node) {
        if (edge->state != EDGE_UNKNOWN && conf_is_ready(agent->conf)) {
            VLOG_INFO("%s: connected, but no edge has its datapath ID "
                      "%016"PRIx64, ofconn_name(edge->conn), edge->dpid);
        }
        edge_set_unknown(edge);
        return;
    }

    struct edge *old = agent_session(node);
    if (old) {
        VLOG_WARN("%s: second connection, from %s; the one from %s ends",
                  node->name, ofconn_name(edge->conn),
                  ofconn_name(old->conn));
        struct ofconn *conn = old->conn;

        agent_drop(agent, old);
        ofconn_close(conn, "replaced by a newer one");
    }
    VLOG_INFO("%s: connected (%s, OpenFlow 1.%d)", node->name,
              ofconn_name(edge->conn), ofconn_version(edge->conn) - 1);
    node->aux = edge;
    node->closed = false;
    agent->n_met++;
    lead_meet(agent->lead, &node->shard);
    topo_node_new_session(node);
    edge_ask_ports(edge, node);
    agent_busy(agent, edge);
    conf_status_changed(agent->conf);
}

/* Lets go the sessions whose rows have gone or have another datapath ID, and
 * takes up those that have a row now. */
static void
agent_match_sessions(struct agent *agent)
{
    struct edge *edge;

    LIST_FOR_EACH (edge, node, &agent->edges) {
        struct topo_node *node = edge->tnode;

        if (!node || (node->valid && node->dpid == edge->dpid)) {
            continue;
        }
        if (!topo_row(&agent->topo, TOPO_EDGE, &node->row.uuid)) {
            VLOG_INFO("%s: no edge any more; our flows are deleted",
                      node->name);
            edge_delete_flows(edge);
        }
        node->aux = NULL;
        node->away = true;
        agent->n_met--;
        fdb_lose_node(&agent->fdb, node, time_msec());
        admin_diff_failed(edge);
        admin_read_done(edge, false);
        edge_set_unknown(edge);
    }
    LIST_FOR_EACH (edge, node, &agent->edges) {
        if (edge->state == EDGE_UNKNOWN) {
            agent_identify(agent, edge);
        }
    }
}

/* Changes. */

/* Brings in force what has changed in the topology, whatever it came from. */
static void
agent_settle(struct agent *agent)
{
    struct topo *topo = &agent->topo;

    topo_settle(topo);
    fdb_flush_withdrawn(&agent->fdb, topo, &agent->ops);
    if (topo->statics_changed) {
        fdb_sync_statics(&agent->fdb, topo, time_msec(), &agent->ops);
        topo->statics_changed = false;
    }
}

/* The switch of 'node' has reported ports. */
void
agent_ports_changed(struct agent *agent, const struct topo_node *node)
{
    agent_settle(agent);
    agent_send_ops(agent);
    agent_elect_node(agent, node);
}

static void
agent_rows_changed(struct agent *agent)
{
    struct topo_row *row;

    agent_settle(agent);
    agent_match_sessions(agent);
    LIST_FOR_EACH (row, dead_node, &agent->topo.dead) {
        if (row->table == TOPO_EDGE) {
            fdb_forget_node(&agent->fdb, CONTAINER_OF(row, struct topo_node,
                                                      row), &agent->ops);
        }
    }
    agent_send_ops(agent);
    topo_reap(&agent->topo);
    agent_elect(agent);
}

/* The second walk: rows of the database have changed.  It ends in agent_sync()
 * for each node that has dirt then. */
void
agent_conf_changed(struct agent *agent)
{
    struct edge *edge;

    agent_rows_changed(agent);
    conf_get_flap(agent->conf, &agent->fdb);
    LIST_FOR_EACH (edge, node, &agent->edges) {
        if (edge->state > EDGE_METER) {
            edge_set_rate(edge, LAYOUT_METER_LEARN,
                          conf_learn_rate(agent->conf));
        }
    }
    conf_status_changed(agent->conf);
    conf_set_ctl_seq(agent->conf, conf_cfg_seq(agent->conf));
}
