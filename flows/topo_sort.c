/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* Rows in an order that people, and those who compare, can rely on. */

#include <config.h>
#include "flows/topo.h"

#include <stdlib.h>
#include "util.h"

static int
topo_compare_nodes(const void *a_, const void *b_)
{
    const struct topo_node *const *a = a_;
    const struct topo_node *const *b = b_;

    return strcmp((*a)->name, (*b)->name);
}

/* Returns all nodes by name, and their number in '*n'.  The caller frees the
 * array. */
struct topo_node **
topo_sorted_nodes(const struct topo *topo, size_t *n)
{
    const struct hmap *rows = &topo->rows[TOPO_EDGE];
    struct topo_node **nodes = xmalloc(MAX(1, hmap_count(rows))
                                       * sizeof *nodes);
    struct topo_node *node;

    *n = 0;
    HMAP_FOR_EACH (node, row.node, rows) {
        nodes[(*n)++] = node;
    }
    qsort(nodes, *n, sizeof *nodes, topo_compare_nodes);
    return nodes;
}

static int
topo_compare_segments(const void *a_, const void *b_)
{
    const struct topo_segment *const *a = a_;
    const struct topo_segment *const *b = b_;

    return (*a)->vni < (*b)->vni ? -1 : (*a)->vni > (*b)->vni;
}

/* Returns all segments by VNI, and then NULL.  The caller frees the array. */
const struct topo_segment **
topo_sorted_segments(const struct topo *topo)
{
    const struct hmap *rows = &topo->rows[TOPO_SEGMENT];
    const struct topo_segment **segments
        = xmalloc((hmap_count(rows) + 1) * sizeof *segments);
    const struct topo_segment *segment;
    size_t n = 0;

    HMAP_FOR_EACH (segment, row.node, rows) {
        segments[n++] = segment;
    }
    segments[n] = NULL;
    qsort(segments, n, sizeof *segments, topo_compare_segments);
    return segments;
}
