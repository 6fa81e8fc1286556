/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "controller/metrics_private.h"

#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>
#include "controller/agent.h"
#include "controller/conf.h"
#include "controller/edge.h"
#include "controller/lead.h"
#include "flow.h"
#include "flows/stats.h"
#include "timeval.h"
#include "util.h"

static void
metrics_one(struct exposition *e, enum exposition_type type,
            const char *name, const char *unit, const char *help,
            double value)
{
    exposition_family(e, type, name, unit, help);
    exposition_add(e, value, NULL);
}

static void
metrics_gauge(struct exposition *e, const char *name, const char *help,
              double value)
{
    metrics_one(e, EXPOSITION_GAUGE, name, NULL, help, value);
}

static void
metrics_counter(struct exposition *e, const char *name, const char *help,
                double value)
{
    metrics_one(e, EXPOSITION_COUNTER, name, NULL, help, value);
}

/* The process, and what there is once. */

/* By the names that all client libraries of Prometheus use. */
static void
metrics_process(struct exposition *e)
{
    long pages = 0;
    struct rusage usage;
    FILE *stream = fopen("/proc/self/statm", "r");

    if (stream) {
        if (fscanf(stream, "%*d %ld", &pages) != 1) {
            pages = 0;
        }
        fclose(stream);
    }
    if (!getrusage(RUSAGE_SELF, &usage)) {
        metrics_one(e, EXPOSITION_COUNTER, "process_cpu_seconds", "seconds",
                    "User and system CPU time.",
                    usage.ru_utime.tv_sec + usage.ru_stime.tv_sec
                    + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec)
                      / 1e6);
    }
    metrics_one(e, EXPOSITION_GAUGE, "process_resident_memory_bytes", "bytes",
                "Resident memory.", (double) pages * sysconf(_SC_PAGESIZE));
    metrics_one(e, EXPOSITION_GAUGE, "process_start_time_seconds", "seconds",
                "When the daemon began, since 1970.",
                (time_wall_msec() - (time_msec() - time_boot_msec())) / 1e3);
}

static size_t
metrics_rows_in_error(const struct topo *topo)
{
    const struct topo_row *row;
    size_t n = 0;

    for (int i = 0; i < TOPO_N_TABLES; i++) {
        HMAP_FOR_EACH (row, node, &topo->rows[i]) {
            n += row->error != NULL;
        }
    }
    return n;
}

static void
metrics_controller(const struct agent *agent, struct exposition *e)
{
    exposition_family(e, EXPOSITION_GAUGE, "kakehashi_build_info", NULL,
                      "The version of the controller; always 1.");
    exposition_add(e, 1, "version", KAKEHASHI_VERSION, NULL);
    metrics_gauge(e, "kakehashi_database_connected",
                  "Whether the database can be reached.",
                  conf_is_connected(agent->conf));
    metrics_gauge(e, "kakehashi_chief",
                  "Whether this controller is the chief of all.",
                  lead_is_chief(agent->lead));
    metrics_gauge(e, "kakehashi_leads",
                  "Shards that this controller leads.",
                  lead_count(agent->lead));
    metrics_gauge(e, "kakehashi_rows_in_error",
                  "Rows of the database that have no effect.",
                  metrics_rows_in_error(&agent->topo));
}

static void
metrics_macs(const struct fdb *fdb, struct exposition *e)
{
    metrics_gauge(e, "kakehashi_macs", "MACs that are known.", fdb->macs.n);
    metrics_gauge(e, "kakehashi_macs_frozen",
                  "MACs that have moved too often.",
                  ovs_list_size(&fdb->frozen));
    metrics_counter(e, "kakehashi_macs_learned", "MACs learned.",
                    fdb->n_learned);
    metrics_counter(e, "kakehashi_macs_moved", "Moves of MACs.",
                    fdb->n_moved);
    metrics_counter(e, "kakehashi_macs_aged", "MACs aged out.", fdb->n_aged);
    metrics_counter(e, "kakehashi_macs_evicted",
                    "MACs pushed out of a segment that was full.",
                    fdb->n_evicted);
    metrics_counter(e, "kakehashi_macs_froze",
                    "Times that a MAC had moved too often.", fdb->n_frozen);
}

/* What it costs to ask the edges. */
static void
metrics_cost(const struct agent *agent, struct exposition *e)
{
    metrics_one(e, EXPOSITION_GAUGE, "kakehashi_poll_interval_seconds",
                "seconds", "How often edges are asked what they have "
                "counted; 0: never.",
                conf_stats_interval(agent->conf) / 1e3);
    metrics_one(e, EXPOSITION_COUNTER, "kakehashi_poll_cpu_seconds",
                "seconds", "Time that the controller has worked on it.",
                agent->polled.cpu / 1e6);
    metrics_counter(e, "kakehashi_poll_messages",
                    "Messages sent and received for it.",
                    agent->polled.messages);
    metrics_counter(e, "kakehashi_poll_flows",
                    "Flows and meters reported for it.", agent->polled.flows);
}

/* Edges. */

/* A number of an edge that has a session and is known by its row. */
struct metrics_edge_family {
    enum exposition_type type;
    const char *name, *unit, *help;
    double (*value)(const struct agent *, const struct edge *);
};

static double
metrics_edge_in_sync(const struct agent *agent, const struct edge *edge)
{
    return agent_edge_in_sync(agent, edge);
}

static double
metrics_edge_start(const struct agent *agent OVS_UNUSED,
                   const struct edge *edge)
{
    return (time_wall_msec() - (time_msec() - edge->created)) / 1e3;
}

static double
metrics_edge_flows(const struct agent *agent OVS_UNUSED,
                   const struct edge *edge)
{
    return flowset_count(&edge->installed);
}

static double
metrics_edge_refused(const struct agent *agent OVS_UNUSED,
                     const struct edge *edge)
{
    return hmap_count(&edge->refused.owners);
}

static double
metrics_edge_full(const struct agent *agent OVS_UNUSED,
                  const struct edge *edge)
{
    return edge_is_full(edge, true) + edge_is_full(edge, false);
}

static double
metrics_edge_held(const struct agent *agent OVS_UNUSED,
                  const struct edge *edge)
{
    return edge->tnode->share.n_held;
}

static double
metrics_edge_packet_ins(const struct agent *agent OVS_UNUSED,
                        const struct edge *edge)
{
    return edge->n_packet_ins;
}

static double
metrics_edge_flow_mods(const struct agent *agent OVS_UNUSED,
                       const struct edge *edge)
{
    return edge->n_flow_mods;
}

static double
metrics_edge_reconciles(const struct agent *agent OVS_UNUSED,
                        const struct edge *edge)
{
    return edge->n_reconciles;
}

static double
metrics_edge_reconcile(const struct agent *agent OVS_UNUSED,
                       const struct edge *edge)
{
    return MAX(0, edge->times.reconcile) / 1e3;
}

static double
metrics_edge_poll(const struct agent *agent OVS_UNUSED,
                  const struct edge *edge)
{
    return edge->polling.last_cost.took / 1e3;
}

static const struct metrics_edge_family metrics_edge_families[] = {
    { EXPOSITION_GAUGE, "kakehashi_edge_in_sync", NULL,
      "Whether an edge that is led here has what it should have.",
      metrics_edge_in_sync },
    { EXPOSITION_GAUGE, "kakehashi_edge_session_start_time_seconds",
      "seconds", "When the session with an edge began, since 1970.",
      metrics_edge_start },
    { EXPOSITION_GAUGE, "kakehashi_edge_flows", NULL,
      "Flows of an edge, without those of MACs.", metrics_edge_flows },
    { EXPOSITION_GAUGE, "kakehashi_edge_refused_owners", NULL,
      "Segments, ports and so on whose flows an edge does not take.",
      metrics_edge_refused },
    { EXPOSITION_GAUGE, "kakehashi_edge_full_tables", NULL,
      "Tables of MACs of an edge that are full.", metrics_edge_full },
    { EXPOSITION_GAUGE, "kakehashi_edge_held_segments", NULL,
      "Segments with more new MACs than their share.", metrics_edge_held },
    { EXPOSITION_COUNTER, "kakehashi_edge_packet_ins", NULL,
      "Packet-ins of an edge, in this session.", metrics_edge_packet_ins },
    { EXPOSITION_COUNTER, "kakehashi_edge_flow_mods", NULL,
      "Flow-mods sent to an edge, in this session.",
      metrics_edge_flow_mods },
    { EXPOSITION_COUNTER, "kakehashi_edge_reconciles", NULL,
      "Reconciliations of an edge, in this session.",
      metrics_edge_reconciles },
    { EXPOSITION_GAUGE, "kakehashi_edge_reconcile_duration_seconds",
      "seconds", "How long the last reconciliation took.",
      metrics_edge_reconcile },
    { EXPOSITION_GAUGE, "kakehashi_edge_poll_duration_seconds", "seconds",
      "How long it took to ask an edge for all that it has counted.",
      metrics_edge_poll },
};

/* Edges of which this controller knows how they are. */
struct metrics_edges {
    struct topo_node **nodes;   /* All of them by name... */
    size_t n;
};

/* Returns the session with the 'i'th of 'edges' if it is led here. */
static const struct edge *
metrics_led(const struct metrics_edges *edges, size_t i)
{
    return edges->nodes[i]->led ? agent_session(edges->nodes[i]) : NULL;
}

static void
metrics_edge_state(const struct metrics_edges *edges, struct exposition *e)
{
    exposition_family(e, EXPOSITION_GAUGE, "kakehashi_edge_connected", NULL,
                      "Whether an edge is connected to this controller.");
    for (size_t i = 0; i < edges->n; i++) {
        exposition_add(e, agent_session(edges->nodes[i]) != NULL,
                       "edge", edges->nodes[i]->name, NULL);
    }
    exposition_family(e, EXPOSITION_GAUGE, "kakehashi_edge_led", NULL,
                      "Whether an edge is led by this controller.");
    for (size_t i = 0; i < edges->n; i++) {
        exposition_add(e, edges->nodes[i]->led,
                       "edge", edges->nodes[i]->name, NULL);
    }
    exposition_family(e, EXPOSITION_GAUGE, "kakehashi_edge_drained", NULL,
                      "Whether an edge is drained.");
    for (size_t i = 0; i < edges->n; i++) {
        exposition_add(e, edges->nodes[i]->drained,
                       "edge", edges->nodes[i]->name, NULL);
    }
}

static void
metrics_edge_sessions(const struct agent *agent,
                      const struct metrics_edges *edges, struct exposition *e)
{
    for (size_t j = 0; j < ARRAY_SIZE(metrics_edge_families); j++) {
        const struct metrics_edge_family *f = &metrics_edge_families[j];

        exposition_family(e, f->type, f->name, f->unit, f->help);
        for (size_t i = 0; i < edges->n; i++) {
            const struct edge *edge = metrics_led(edges, i);

            if (edge) {
                exposition_add(e, f->value(agent, edge),
                               "edge", edge->tnode->name, NULL);
            }
        }
    }
    exposition_family(e, EXPOSITION_SUMMARY, "kakehashi_edge_bundle_seconds",
                      "seconds", "From a bundle to the answer of the barrier "
                      "behind it, in this session.");
    for (size_t i = 0; i < edges->n; i++) {
        const struct edge *edge = metrics_led(edges, i);

        if (edge) {
            exposition_add_summary(e, edge->times.all_bundles / 1e3,
                                   edge->times.n_bundles,
                                   "edge", edge->tnode->name, NULL);
        }
    }
}

static void
metrics_add_flooded(const struct topo_node *node, bool bytes,
                    struct exposition *e)
{
    static const struct {
        enum stats_of_node total;
        const char *kind;
    } kinds[] = { { STATS_GROUP, "group" }, { STATS_UNICAST, "unknown" } };
    const struct stats_entry *entry = stats_find(node->stats, STATS_NODE, 0,
                                                 0);

    for (size_t i = 0; entry && i < ARRAY_SIZE(kinds); i++) {
        const struct stats_count *count = &entry->total[kinds[i].total];

        exposition_add(e, bytes ? count->bytes : count->frames,
                       "edge", node->name, "kind", kinds[i].kind, NULL);
    }
}

/* Appends what 'node' has dropped that belongs to no segment, by reason. */
static void
metrics_add_dropped(const struct topo_node *node, struct exposition *e)
{
    static const enum stats_scope scopes[] = { STATS_PORT, STATS_NODE };
    const struct topo_port *port;

    for (size_t i = 0; node->stats && i < ARRAY_SIZE(scopes); i++) {
        uint64_t frames[STATS_MAX_TOTALS] = { 0 };

        HMAP_FOR_EACH (port, ofport_node, &node->ports_by_ofport) {
            const struct stats_entry *entry
                = stats_find(node->stats, scopes[i],
                             (scopes[i] == STATS_PORT
                              ? ofp_to_u16(port->ofport) : 0), 0);

            for (int j = 0; entry && j < STATS_MAX_TOTALS; j++) {
                frames[j] = (scopes[i] == STATS_PORT ? frames[j] : 0)
                            + entry->total[j].frames;
            }
        }
        for (int j = 0; j < STATS_MAX_TOTALS; j++) {
            if (stats_reason(scopes[i], j)) {
                exposition_add(e, frames[j], "edge", node->name,
                               "reason", stats_reason(scopes[i], j), NULL);
            }
        }
    }
}

static void
metrics_edge_counts(const struct metrics_edges *edges, struct exposition *e)
{
    for (int bytes = 0; bytes < 2; bytes++) {
        exposition_family(e, EXPOSITION_COUNTER,
                          (bytes ? "kakehashi_edge_flooded_bytes"
                           : "kakehashi_edge_flooded_frames"),
                          bytes ? "bytes" : NULL,
                          "What was flooded, to group addresses and to "
                          "unknown ones, whichever way it came.");
        for (size_t i = 0; i < edges->n; i++) {
            if (edges->nodes[i]->led) {
                metrics_add_flooded(edges->nodes[i], bytes, e);
            }
        }
    }
    exposition_family(e, EXPOSITION_COUNTER,
                      "kakehashi_edge_dropped_frames", NULL,
                      "Frames dropped that belong to no segment, or whatever "
                      "their segment is, by reason.");
    for (size_t i = 0; i < edges->n; i++) {
        if (edges->nodes[i]->led) {
            metrics_add_dropped(edges->nodes[i], e);
        }
    }
}

/* Clusters. */

static void
metrics_members(const struct agent *agent, const char *name,
                const char *help, bool active, struct exposition *e)
{
    const struct topo_cluster *cluster;
    const char *why;

    exposition_family(e, EXPOSITION_GAUGE, name, NULL, help);
    HMAP_FOR_EACH (cluster, row.node, &agent->topo.rows[TOPO_CLUSTER]) {
        for (size_t i = 0; cluster->led && i < cluster->n_members; i++) {
            const struct topo_node *node = cluster->members[i];

            agent_role(cluster, node, &why);
            exposition_add(e, active ? cluster->active == node : !why,
                           "cluster", cluster->name, "edge", node->name,
                           NULL);
        }
    }
}

static void
metrics_clusters(const struct agent *agent, struct exposition *e)
{
    const struct hmap *rows = &agent->topo.rows[TOPO_CLUSTER];
    const struct topo_cluster *cluster;

    exposition_family(e, EXPOSITION_GAUGE, "kakehashi_cluster_led", NULL,
                      "Whether a cluster is led by this controller.");
    HMAP_FOR_EACH (cluster, row.node, rows) {
        exposition_add(e, cluster->led, "cluster", cluster->name, NULL);
    }
    metrics_members(agent, "kakehashi_cluster_edge_active",
                    "Whether an edge is the active one of its cluster.",
                    true, e);
    metrics_members(agent, "kakehashi_cluster_edge_ready",
                    "Whether an edge is, or could at once be, the active "
                    "one.", false, e);
    exposition_family(e, EXPOSITION_COUNTER, "kakehashi_cluster_takeovers",
                      NULL, "Times that an edge became active.");
    HMAP_FOR_EACH (cluster, row.node, rows) {
        if (cluster->led) {
            exposition_add(e, cluster->n_takeovers, "cluster", cluster->name,
                           NULL);
        }
    }
    exposition_family(e, EXPOSITION_GAUGE,
                      "kakehashi_cluster_active_since_seconds", "seconds",
                      "When the active edge became it, since 1970.");
    HMAP_FOR_EACH (cluster, row.node, rows) {
        if (cluster->led && cluster->active) {
            exposition_add(e, cluster->active_since / 1e3,
                           "cluster", cluster->name, NULL);
        }
    }
}

/* Appends all metrics; of bindings, and of segments, those of 'max_bindings'
 * have series of their own. */
void
metrics_write(const struct agent *agent, size_t max_bindings,
              struct exposition *e)
{
    struct metrics_edges edges;

    edges.nodes = topo_sorted_nodes(&agent->topo, &edges.n);
    metrics_process(e);
    metrics_controller(agent, e);
    metrics_macs(&agent->fdb, e);
    metrics_cost(agent, e);
    metrics_edge_state(&edges, e);
    metrics_edge_sessions(agent, &edges, e);
    metrics_edge_counts(&edges, e);
    metrics_clusters(agent, e);
    metrics_write_bindings(agent, max_bindings, e);
    free(edges.nodes);
}
