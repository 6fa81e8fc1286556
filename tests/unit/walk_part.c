/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "tests/unit/walk.h"

#include "flows/delta.h"
#include "flows/layout.h"
#include "flows/pipeline.h"
#include "hash.h"

/* How long a step takes, in milliseconds: what was refused comes due after
 * some of them. */
#define WALK_STEP 400

static bool
walk_is_out(const struct flowset_flow *flow, void *refused)
{
    return refused_is_out(refused, flow->cookie);
}

/* Adds to 'delta' what the owner 'cookie' should have, and by 'chance' has
 * the switch refuse it. */
static void
walk_part_owner(struct walk_switch *sw, const struct topo_node *node,
                uint64_t cookie, uint32_t chance, struct delta *delta)
{
    struct flowset want;

    if (layout_kind_is_mac(layout_cookie_kind(cookie))) {
        return;
    }
    flowset_init(&want);
    pipeline_owner(node->topo, node, cookie, &want);
    delta_owner(delta, &want, cookie);
    flowset_destroy(&want);
    if (!(hash_uint64(cookie ^ (uint64_t) chance << 32) % 4)) {
        refused_add(&sw->refused, cookie, OFPERR_OFPFMFC_TABLE_FULL, 0,
                    sw->now);
    }
}

/* Brings into the part of a switch that it takes what is dirty, and what is
 * to be tried again, and looks at nothing else. */
void
walk_apply_part(struct walk_switch *sw, const struct topo_node *node)
{
    const struct refused_owner *o;
    const struct topo_dirty *dirty;
    struct delta delta;
    uint64_t tried[64];
    size_t n = 0;

    sw->now += WALK_STEP;
    refused_try_due(&sw->refused, sw->now);
    HMAP_FOR_EACH (o, node, &sw->refused.owners) {
        if (o->state == REFUSED_TRIED && n < ARRAY_SIZE(tried)
            && !topo_node_is_marked(node, o->cookie)) {
            tried[n++] = o->cookie;
        }
    }

    delta_init(&delta, &sw->part);
    HMAP_FOR_EACH (dirty, node, &node->dirty) {
        refused_marked(&sw->refused, dirty->cookie);
        walk_part_owner(sw, node, dirty->cookie, sw->now, &delta);
    }
    for (size_t i = 0; i < n; i++) {
        walk_part_owner(sw, node, tried[i], sw->now, &delta);
    }
    delta_leave_out(&delta, walk_is_out, &sw->refused);
    refused_left_out(&sw->refused);
    delta_finish(&delta);
    delta_apply(&delta);
    delta_destroy(&delta);
    refused_confirm(&sw->refused);
}

/* Computes into 'delta', of 'sw->part', what a rebuild would change. */
void
walk_rebuild_part(struct walk_switch *sw, const struct topo_node *node,
                  struct delta *delta)
{
    struct flowset want;

    flowset_init(&want);
    pipeline_all(node, &want);
    delta_all(delta, &want);
    delta_leave_out(delta, walk_is_out, &sw->refused);
    delta_finish(delta);
    flowset_destroy(&want);
}
