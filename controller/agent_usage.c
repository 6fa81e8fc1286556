/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "controller/agent.h"

#include "controller/edge.h"
#include "controller/ofconn.h"
#include "controller/usage.h"
#include "simap.h"

/* Adds to 'usage' how many there are of what takes memory. */
void
agent_memory_usage(const struct agent *agent, struct simap *usage)
{
    const struct edge *edge;

    LIST_FOR_EACH (edge, node, &agent->edges) {
        edge_memory_usage(edge, usage);
    }
    edge_memory_bounds(&agent->topo, usage);
    agent_announcements_usage(agent, usage);
    usage_add(usage, "probe-rounds", ovs_list_size(&agent->rounds));
    usage_add(usage, "history", ovs_list_size(&agent->history));
    usage_add(usage, "history-max", AGENT_MAX_HISTORY);
    agent_events_usage(agent, usage);
    usage_add(usage, "paths", hmap_count(&agent->paths));
    usage_add(usage, "paths-max", AGENT_MAX_PATHS);
    ofconn_memory_usage(usage);
    usage_add(usage, "macs", agent->fdb.macs.n);
    usage_add(usage, "sessions", ovs_list_size(&agent->edges));
    usage_add(usage, "segments",
              hmap_count(&agent->topo.rows[TOPO_SEGMENT]));
    usage_add(usage, "bindings",
              hmap_count(&agent->topo.rows[TOPO_BINDING]));
}
