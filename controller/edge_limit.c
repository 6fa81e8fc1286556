/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* What a switch may take from us: time to answer, and memory for what it
 * reports.  The memory follows from the configuration: a switch has no reason
 * to report many more flows of ours than we would give it. */

#include <config.h>
#include "controller/edge_private.h"

#include <limits.h>
#include "controller/ofconn.h"
#include "controller/usage.h"
#include "flows/topo.h"
#include "unicode.h"
#include "util.h"

/* In which a switch has to answer, in milliseconds.  Open vSwitch answers all
 * in one thread, and if it took a sixth of this for one answer, the connection
 * would end for lack of an echo. */
#define EDGE_PATIENCE 60000

/* Bytes of a dump that are kept in any case, per segment, and for each VTEP
 * that may be learned: the flows of a segment take 3.5 KiB on an edge with one
 * remote VTEP.  MACs that nobody has
 * taken away since the limit was higher are among the former. */
#define EDGE_DUMP_BASE (64 * 1024 * 1024)
#define EDGE_DUMP_PER_SEGMENT (16 * 1024)
#define EDGE_DUMP_PER_VTEP 1024

/* More MACs are not looked for in limits of segments. */
#define EDGE_DUMP_MAX_MACS 4000000

/* Answers that are late. */

/* Returns when the oldest question was asked that the switch has not answered,
 * or LLONG_MAX. */
static long long
edge_asked_since(const struct edge *edge)
{
    long long since = LLONG_MAX;

    if (edge->state == EDGE_PORTS || edge->state == EDGE_ROLE
        || edge->state == EDGE_METER) {
        since = edge->since;
    }
    if (edge->txn) {
        since = MIN(since, edge->txn->since);
    }
    if (edge->ageing.waiting) {
        since = MIN(since, edge->ageing.since);
    }
    if (edge->counts_xid) {
        since = MIN(since, edge->counts_since);
    }
    if (edge->n_unanswered) {
        since = MIN(since, edge->questions_since);
    }
    if (edge->polling.waiting) {
        since = MIN(since, edge->polling.since);
    }
    for (size_t i = 0; i < edge->dump.n_asked; i++) {
        since = MIN(since, edge->dump.asked[i].since);
    }
    return since;
}

/* Returns whether the switch should have answered by now.  As long as it has
 * not read all that it was sent, it may not know. */
bool
edge_is_overdue(const struct edge *edge, long long now)
{
    long long since = edge_asked_since(edge);

    return (since != LLONG_MAX && now - since >= EDGE_PATIENCE
            && !ofconn_backlog(edge->conn));
}

/* Reports that are too large. */

/* Returns how many bytes may be kept of what an edge of 'topo' reports. */
static uint64_t
edge_dump_max(const struct topo *topo)
{
    const struct topo_segment *segment;
    uint64_t n_macs = 0, n_vteps = 0;

    HMAP_FOR_EACH (segment, row.node, &topo->rows[TOPO_SEGMENT]) {
        n_macs += segment->mac_limit;
        n_vteps += segment->vtep_limit;
    }
    n_macs = MIN(n_macs, EDGE_DUMP_MAX_MACS);
    return (EDGE_DUMP_BASE
            + hmap_count(&topo->rows[TOPO_SEGMENT])
              * EDGE_DUMP_PER_SEGMENT
            + n_vteps * EDGE_DUMP_PER_VTEP
            + 2 * n_macs * sizeof(struct macdump_flow));
}

/* A dump begins. */
void
edge_limit_dump(struct edge *edge)
{
    edge->dump.size = 0;
    edge->dump.max_size = edge_dump_max(edge->topo);
}

/* 'size' more bytes of a dump are kept.  Returns false if that is too much. */
bool
edge_limit_grow(struct edge *edge, size_t size)
{
    edge->dump.size += size;
    if (edge->dump.size <= edge->dump.max_size) {
        return true;
    }
    edge->offence = "reports more flows of ours than it can have";
    return false;
}

/* Names that cannot be printed. */

/* Makes 'name', that of a port, something to print and to put into JSON. */
void
edge_limit_name(char *name)
{
    char *error = utf8_validate(name, NULL);

    for (char *p = name; *p; p++) {
        unsigned char c = *p;

        if (c < ' ' || c == 0x7f || (c > 0x7f && error)) {
            *p = '?';
        }
    }
    free(error);
}

/* What memory/show says. */

/* Adds to 'usage' what 'edge' takes. */
void
edge_memory_usage(const struct edge *edge, struct simap *usage)
{
    usage_add(usage, "flows", flowset_count(&edge->installed));
    usage_add(usage, "transactions", edge->txn != NULL);
    usage_add(usage, "questions", edge->dump.n_asked);
    usage_add(usage, "reported-kB",
              edge_is_asked(edge) ? edge->dump.size / 1024 : 0);
    usage_add(usage, "stats-questions", edge->polling.n);
    usage_add(usage, "meters", hmap_count(&edge->meters));
    usage_add(usage, "idle-macs", edge->ageing.n);
    usage_add(usage, "ageing-turns", hmap_count(&edge->ageing.turns_by_vni));
    usage_add(usage, "commands", ((edge->diff != NULL) + (edge->read != NULL)
                                  + (edge->limits != NULL)
                                  + (edge->explain != NULL)));
    if (edge->tnode) {
        usage_add(usage, "changes", hmap_count(&edge->tnode->dirty));
        usage_add(usage, "ports", hmap_count(&edge->tnode->ports_by_name));
        usage_add(usage, "stats", (edge->tnode->stats ? hmap_count(
                                       &edge->tnode->stats->entries) : 0));
    }
}

/* Adds to 'usage' how much each edge of 'topo' may take. */
void
edge_memory_bounds(const struct topo *topo, struct simap *usage)
{
    usage_add(usage, "transactions-max-per-edge", 1);
    usage_add(usage, "questions-max-per-edge", INQUIRY_WINDOW);
    usage_add(usage, "reported-kB-max-per-edge", edge_dump_max(topo) / 1024);
    usage_add(usage, "meters-max-per-edge", EDGE_MAX_METERS);
    usage_add(usage, "idle-macs-max-per-edge", EDGE_MAX_IDLE);
    usage_add(usage, "ageing-turns-max-per-edge",
              hmap_count(&topo->rows[TOPO_SEGMENT]));
    usage_add(usage, "commands-max-per-edge", 4);
    edge_stats_bounds(topo, usage);
    usage_add(usage, "ports-max-per-edge", TOPO_MAX_PORTS);
}
