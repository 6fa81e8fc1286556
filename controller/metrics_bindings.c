/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "controller/metrics_private.h"

#include <stdlib.h>
#include "controller/agent.h"
#include "flows/stats.h"
#include "openvswitch/dynamic-string.h"
#include "util.h"

/* The segments that have series of their own are those with the lowest VNIs,
 * whole ones, as far as their bindings are not more than the bound: which
 * these are changes with the configuration alone. */

/* Of one thing: the labels of its series, and what they are about.  'segment'
 * is NULL in what sums up those beyond the bound. */
struct metrics_row {
    const struct topo_segment *segment;
    char *binding;              /* Location. */
    const char *edge;
    struct stats_count total[STATS_MAX_TOTALS];
};

/* Rows of something, and after them one that sums up the rest. */
struct metrics_table {
    enum stats_scope scope;
    bool full;                  /* The others are beyond the bound. */
    struct metrics_row *rows;
    size_t n, allocated;
    size_t n_others;
    struct metrics_row other;
};

static void
metrics_sum(struct metrics_row *row, const struct stats_entry *entry)
{
    for (int i = 0; entry && i < STATS_MAX_TOTALS; i++) {
        row->total[i].frames += entry->total[i].frames;
        row->total[i].bytes += entry->total[i].bytes;
    }
}

/* Returns the row for one more, or NULL if that is beyond the bound. */
static struct metrics_row *
metrics_row(struct metrics_table *t)
{
    if (t->full) {
        t->n_others++;
        return NULL;
    }
    if (t->n == t->allocated) {
        t->rows = x2nrealloc(t->rows, &t->allocated, sizeof *t->rows);
    }
    memset(&t->rows[t->n], 0, sizeof *t->rows);
    return &t->rows[t->n++];
}

static void
metrics_add_claim(struct metrics_table *t, const struct topo_claim *claim)
{
    const struct topo_place *place = &claim->attach->place;
    const struct stats_entry *entry = stats_find_claim(claim);
    struct metrics_row *row;

    if (!entry) {
        return;
    }
    row = metrics_row(t);
    if (row) {
        struct ds location = DS_EMPTY_INITIALIZER;

        topo_place_format(place, &location);
        row->segment = place->segment;
        row->binding = ds_steal_cstr(&location);
        row->edge = claim->node->name;
    }
    metrics_sum(row ? row : &t->other, entry);
}

static void
metrics_add_site(struct metrics_table *t, const struct topo_segment *segment,
                 const struct topo_node *node)
{
    const struct stats_entry *entry = stats_find(node->stats, STATS_SEGMENT,
                                                 segment->vni, 0);
    struct metrics_row *row;

    if (!entry) {
        return;
    }
    row = metrics_row(t);
    if (row) {
        row->segment = segment;
        row->edge = node->name;
    }
    metrics_sum(row ? row : &t->other, entry);
}

static void
metrics_add_segment(struct metrics_table *bindings,
                    struct metrics_table *sites,
                    const struct topo_segment *segment)
{
    const struct topo_attach *attach;

    LIST_FOR_EACH (attach, segment_node, &segment->attaches) {
        for (size_t i = 0; i < attach->n_claims; i++) {
            if (attach->claims[i].node->led) {
                metrics_add_claim(bindings, &attach->claims[i]);
            }
        }
    }
    for (size_t i = 0; i < segment->n_sites; i++) {
        if (segment->sites[i].node->led) {
            metrics_add_site(sites, segment, segment->sites[i].node);
        }
    }
}

/* Returns how many series of each kind there would be for the bindings of
 * 'segment'. */
static size_t
metrics_n_claims(const struct topo_segment *segment)
{
    const struct topo_attach *attach;
    size_t n = 0;

    LIST_FOR_EACH (attach, segment_node, &segment->attaches) {
        for (size_t i = 0; i < attach->n_claims; i++) {
            n += attach->claims[i].node->led;
        }
    }
    return n;
}

/* Returns how many of 'segments' have series of their own. */
static size_t
metrics_n_own(const struct topo_segment **segments, size_t max)
{
    size_t n_claims = 0, n;

    for (n = 0; n < max && segments[n]; n++) {
        n_claims += metrics_n_claims(segments[n]);
        if (n_claims > max) {
            break;
        }
    }
    return n;
}

static void
metrics_table_destroy(struct metrics_table *t)
{
    for (size_t i = 0; i < t->n; i++) {
        free(t->rows[i].binding);
    }
    free(t->rows);
}

/* Series. */

/* Appends 'value' of a row of 't', with another label unless that is NULL. */
static void
metrics_add_row(const struct metrics_table *t, const struct metrics_row *row,
                const char *label, const char *of, double value,
                struct exposition *e)
{
    const char *segment = row->segment ? row->segment->name : METRICS_OTHER;
    const char *edge = row->segment ? row->edge : METRICS_OTHER;

    if (t->scope == STATS_BINDING) {
        exposition_add(e, value, "segment", segment,
                       "binding", row->segment ? row->binding
                       : METRICS_OTHER, "edge", edge, label, of, NULL);
    } else {
        exposition_add(e, value, "segment", segment, "edge", edge,
                       label, of, NULL);
    }
}

typedef void metrics_row_func(const struct metrics_table *,
                              const struct metrics_row *,
                              struct exposition *);

static void
metrics_each_row(const struct metrics_table *t, metrics_row_func *func,
                 struct exposition *e)
{
    for (size_t i = 0; i < t->n; i++) {
        func(t, &t->rows[i], e);
    }
    if (t->n_others) {
        func(t, &t->other, e);
    }
}

static void
metrics_row_frames(const struct metrics_table *t,
                   const struct metrics_row *row, struct exposition *e)
{
    metrics_add_row(t, row, "direction", "in", row->total[STATS_IN].frames,
                    e);
    metrics_add_row(t, row, "direction", "out", row->total[STATS_OUT].frames,
                    e);
}

static void
metrics_row_bytes(const struct metrics_table *t,
                  const struct metrics_row *row, struct exposition *e)
{
    metrics_add_row(t, row, "direction", "in", row->total[STATS_IN].bytes, e);
    metrics_add_row(t, row, "direction", "out", row->total[STATS_OUT].bytes,
                    e);
}

/* Most drop nothing, so there is a series only where there was something. */
static void
metrics_row_dropped(const struct metrics_table *t,
                    const struct metrics_row *row, struct exposition *e)
{
    for (int i = 0; i < STATS_MAX_TOTALS; i++) {
        if (stats_reason(t->scope, i) && row->total[i].frames) {
            metrics_add_row(t, row, "reason", stats_reason(t->scope, i),
                            row->total[i].frames, e);
        }
    }
}

static void
metrics_row_flooded(const struct metrics_table *t,
                    const struct metrics_row *row, struct exposition *e)
{
    static const char *const directions[] = { "in", "out" };

    for (int i = 0; i < 2; i++) {
        uint64_t frames = row->total[STATS_FLOODED_IN + i].frames;

        if (frames) {
            metrics_add_row(t, row, "direction", directions[i], frames, e);
        }
    }
}

static void
metrics_bindings(const struct metrics_table *t, struct exposition *e)
{
    exposition_family(e, EXPOSITION_COUNTER, "kakehashi_binding_frames", NULL,
                      "Frames that came in by a binding or port of an active "
                      "edge, or were to leave by it.");
    metrics_each_row(t, metrics_row_frames, e);
    exposition_family(e, EXPOSITION_COUNTER, "kakehashi_binding_bytes",
                      "bytes", "The same in bytes.");
    metrics_each_row(t, metrics_row_bytes, e);
    exposition_family(e, EXPOSITION_COUNTER,
                      "kakehashi_binding_flooded_frames", NULL,
                      "Of these, those that were flooded.");
    metrics_each_row(t, metrics_row_flooded, e);
    exposition_family(e, EXPOSITION_COUNTER,
                      "kakehashi_binding_dropped_frames", NULL,
                      "Frames dropped at a binding, by reason.");
    metrics_each_row(t, metrics_row_dropped, e);
    exposition_family(e, EXPOSITION_GAUGE, "kakehashi_bindings_summed_up",
                      NULL, "Bindings by edge beyond --metrics-max-bindings, "
                      "which have one series for all of them.");
    exposition_add(e, t->n_others, NULL);
}

static void
metrics_segment_macs(const struct topo_segment **segments, size_t n_own,
                     struct exposition *e)
{
    uint64_t others = 0;
    size_t i;

    exposition_family(e, EXPOSITION_GAUGE, "kakehashi_segment_macs", NULL,
                      "MACs of a segment.");
    for (i = 0; segments[i]; i++) {
        if (i < n_own) {
            exposition_add(e, segments[i]->n_macs,
                           "segment", segments[i]->name, NULL);
        } else {
            others += segments[i]->n_macs;
        }
    }
    if (i > n_own) {
        exposition_add(e, others, "segment", METRICS_OTHER, NULL);
    }
    exposition_family(e, EXPOSITION_GAUGE, "kakehashi_segment_macs_learned",
                      NULL, "Of these, those that are not static.");
    for (i = 0; i < n_own && segments[i]; i++) {
        exposition_add(e, segments[i]->n_learned,
                       "segment", segments[i]->name, NULL);
    }
    exposition_family(e, EXPOSITION_GAUGE, "kakehashi_segment_mac_limit",
                      NULL, "How many may be learned.");
    for (i = 0; i < n_own && segments[i]; i++) {
        exposition_add(e, segments[i]->mac_limit,
                       "segment", segments[i]->name, NULL);
    }
}

/* What is told of all segments and bindings, however many there are. */
static void
metrics_all(const struct agent *agent, struct exposition *e)
{
    const struct topo *topo = &agent->topo;
    const struct topo_segment *segment;
    size_t full = 0;

    HMAP_FOR_EACH (segment, row.node, &topo->rows[TOPO_SEGMENT]) {
        full += segment->n_learned >= segment->mac_limit;
    }
    exposition_family(e, EXPOSITION_GAUGE, "kakehashi_segments", NULL,
                      "Segments in the database.");
    exposition_add(e, hmap_count(&topo->rows[TOPO_SEGMENT]), NULL);
    exposition_family(e, EXPOSITION_GAUGE, "kakehashi_segments_full", NULL,
                      "Segments with as many MACs as they may learn.");
    exposition_add(e, full, NULL);
    exposition_family(e, EXPOSITION_GAUGE, "kakehashi_bindings", NULL,
                      "Bindings in the database.");
    exposition_add(e, hmap_count(&topo->rows[TOPO_BINDING]), NULL);
    exposition_family(e, EXPOSITION_GAUGE, "kakehashi_bindings_closed", NULL,
                      "Bindings that are closed.");
    exposition_add(e, ovs_list_size(&topo->closures), NULL);
}

/* Appends what there is of segments and bindings.  Of 'max' bindings there are
 * series at most. */
void
metrics_write_bindings(const struct agent *agent, size_t max,
                       struct exposition *e)
{
    const struct topo_segment **segments = topo_sorted_segments(&agent->topo);
    struct metrics_table bindings = { .scope = STATS_BINDING };
    struct metrics_table sites = { .scope = STATS_SEGMENT };
    size_t n_own = metrics_n_own(segments, max);

    for (size_t i = 0; segments[i]; i++) {
        bindings.full = sites.full = i >= n_own;
        metrics_add_segment(&bindings, &sites, segments[i]);
    }
    metrics_all(agent, e);
    metrics_segment_macs(segments, n_own, e);
    metrics_bindings(&bindings, e);
    exposition_family(e, EXPOSITION_COUNTER,
                      "kakehashi_segment_dropped_frames", NULL,
                      "Frames of a segment dropped by an edge, by reason.");
    metrics_each_row(&sites, metrics_row_dropped, e);
    metrics_table_destroy(&bindings);
    metrics_table_destroy(&sites);
    free(segments);
}
