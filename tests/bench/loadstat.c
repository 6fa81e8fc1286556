/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "tests/bench/loadstat.h"

#include <stdio.h>
#include <stdlib.h>

#include "flows/layout.h"
#include "util.h"

/* The controllers. */

/* What is counted of one controller, over all switches. */
struct loadstat_sum {
    struct ofswitch_counts n;
    size_t connected, master, slave;
};

static struct loadstat_sum
loadstat_sum(const struct loadstat *stat, size_t target)
{
    struct loadstat_sum sum = { .connected = 0 };

    for (size_t i = 0; i < stat->args->n_switches; i++) {
        const struct ofswitch *sw = &stat->switches[i];
        const struct ofswitch_conn *conn = &sw->conns[target];

        sum.n.flow_mods += conn->n.flow_mods;
        sum.n.changes += conn->n.changes;
        sum.n.meter_mods += conn->n.meter_mods;
        sum.n.packet_outs += conn->n.packet_outs;
        sum.n.refused += conn->n.refused;
        sum.n.roles += conn->n.roles;
        sum.connected += conn->met && !conn->closed;
        sum.master += ofswitch_master(sw) == conn;
        sum.slave += conn->role == OFPCR12_ROLE_SECONDARY;
    }
    return sum;
}

/* Prints an array of what there is to say of each controller, with what it
 * cost if 'run' is nonnull. */
static void
loadstat_print_controllers(const struct loadstat *stat,
                           const struct loadstat_run *run)
{
    printf("\"controllers\": [");
    for (size_t i = 0; i < stat->args->n_targets; i++) {
        struct loadstat_sum sum = loadstat_sum(stat, i);

        printf("%s{\"connected\": %"PRIuSIZE", \"master\": %"PRIuSIZE
               ", \"slave\": %"PRIuSIZE", \"flow_mods\": %"PRIu64
               ", \"changes\": %"PRIu64", \"meter_mods\": %"PRIu64
               ", \"packet_outs\": %"PRIu64
               ", \"refused\": %"PRIu64", \"roles\": %"PRIu64,
               i ? ", " : "", sum.connected, sum.master, sum.slave,
               sum.n.flow_mods, sum.n.changes, sum.n.meter_mods,
               sum.n.packet_outs, sum.n.refused, sum.n.roles);
        if (run) {
            printf(", \"cpu\": %.6f", run->theirs[i] / 1e9);
        }
        printf("}");
    }
    printf("]");
}

/* Prints what is now: when a switch last got or lost a master, and the
 * position of each one's master among the controllers, or -1. */
void
loadstat_print_status(const struct loadstat *stat)
{
    int64_t mastered = 0;

    for (size_t i = 0; i < stat->args->n_switches; i++) {
        mastered = MAX(mastered, stat->switches[i].mastered);
    }
    printf("{\"now\": %.6f, \"mastered\": %.6f, ", bio_now() / 1e9,
           mastered / 1e9);
    loadstat_print_controllers(stat, NULL);
    printf(", \"masters\": [");
    for (size_t i = 0; i < stat->args->n_switches; i++) {
        const struct ofswitch *sw = &stat->switches[i];
        const struct ofswitch_conn *master = ofswitch_master(sw);

        printf("%s%d", i ? ", " : "",
               master ? (int) (master - sw->conns) : -1);
    }
    printf("]}\n");
    fflush(stdout);
}

/* Prints how many flows of learned MACs all switches have together: where
 * they were seen, and where they lead to them. */
void
loadstat_print_macs(const struct loadstat *stat)
{
    size_t n_source = 0, n_dest = 0;

    for (size_t i = 0; i < stat->args->n_switches; i++) {
        const struct flowset_flow *flow;

        HMAP_FOR_EACH (flow, node, &stat->switches[i].flows.flows) {
            if (layout_cookie_kind(flow->cookie) == LAYOUT_K_LEARNED) {
                n_source += flow->table == LAYOUT_SOURCE;
                n_dest += flow->table == LAYOUT_DEST;
            }
        }
    }
    printf("{\"source\": %"PRIuSIZE", \"dest\": %"PRIuSIZE"}\n", n_source,
           n_dest);
    fflush(stdout);
}

/* Results. */

static int
loadstat_compare(const void *a_, const void *b_)
{
    const int64_t *a = a_;
    const int64_t *b = b_;

    return (*a > *b) - (*a < *b);
}

static void
loadstat_print_latencies(int64_t *times, uint64_t n)
{
    uint64_t middle = n / 2, nearly_all = n * 99 / 100;

    qsort(times, n, sizeof *times, loadstat_compare);
    printf(", \"p50\": %.3f, \"p99\": %.3f, \"max\": %.3f",
           times[middle] / 1e3, times[nearly_all] / 1e3,
           times[n - 1] / 1e3);
}

void
loadstat_print_run(const struct loadstat *stat, struct loadstat_run *run)
{
    uint64_t flow_mods = 0, packet_outs = 0, theirs = 0;

    for (size_t i = 0; i < stat->args->n_targets; i++) {
        struct loadstat_sum sum = loadstat_sum(stat, i);

        flow_mods += sum.n.flow_mods;
        packet_outs += sum.n.packet_outs;
        theirs += run->theirs[i];
    }
    printf("{\"switches\": %"PRIuSIZE", \"packet_ins\": %"PRIu64
           ", \"flow_mods\": %"PRIu64", \"packet_outs\": %"PRIu64
           ", \"seconds\": %.6f, \"load_cpu\": %.6f, \"cpu\": %.6f"
           ", \"connect\": %.6f",
           stat->args->n_switches, run->packet_ins, flow_mods, packet_outs,
           run->took / 1e9, run->own / 1e9, theirs / 1e9,
           run->connect / 1e9);
    if (run->times) {
        loadstat_print_latencies(run->times, run->packet_ins);
    }
    if (stat->args->n_targets > 1) {
        printf(", ");
        loadstat_print_controllers(stat, run);
    }
    printf("}\n");
    fflush(stdout);
}
