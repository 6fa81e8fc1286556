/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "controller/agent.h"

#include "controller/admin.h"
#include "controller/conf.h"
#include "controller/edge.h"
#include "controller/ofconn.h"
#include "openvswitch/vlog.h"
#include "timeval.h"

VLOG_DEFINE_THIS_MODULE(agent_conf);

/* Lets go the sessions whose rows have gone, or have another datapath ID or
 * another certificate, and takes up those that have a row now. */
static void
agent_match_sessions(struct agent *agent)
{
    struct edge *edge;

    LIST_FOR_EACH_SAFE (edge, node, &agent->edges) {
        struct topo_node *node = edge->tnode;

        if (!node) {
            continue;
        }
        if (node->valid && node->dpid == edge->dpid) {
            char *why = agent_pin_error(node, ofconn_cn(edge->conn));

            if (why) {
                agent_refuse(agent, node, edge, why);
            }
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
        admin_limits_done(edge);
        admin_explain_done(edge);
        edge_set_unknown(edge);
    }
    LIST_FOR_EACH (edge, node, &agent->edges) {
        if (edge->state == EDGE_UNKNOWN) {
            agent_claim(agent, edge);
        }
    }
    agent_claims_run(agent);
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
            struct topo_node *node = CONTAINER_OF(row, struct topo_node, row);

            topo_vtep_bar(&agent->topo, &node->ip, time_msec());
            fdb_forget_node(&agent->fdb, node, &agent->ops);
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
            agent_set_learn_rate(agent, edge);
        }
    }
    conf_status_changed(agent->conf);
    conf_set_ctl_seq(agent->conf, conf_cfg_seq(agent->conf));
}
