/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "flows/pipeline_private.h"

#include "flows/layout.h"
#include "flows/topo.h"
#include "util.h"

/* Storm control: how much of what has to be flooded passes by a place.
 *
 * On the way in a meter stands between DEST, where a frame turns out to have
 * no known destination, and FLOOD.  On the way out it stands in EMIT, behind
 * the gate, so that a standby counts nothing; what says there that the frame
 * is one copy of a flood is LAYOUT_F_LIMIT (acts_flood_limited()).  What has
 * no limit has no flow and no meter. */

/* DEST: what came in by 'slot' and is to be flooded.  As without a limit, one
 * flow counts frames to group addresses, and one the others. */
static void
pipeline_limit_in(uint32_t slot, uint64_t cookie, struct flowset *set)
{
    uint32_t meter = layout_limit_meter(slot, false);

    pipeline_add_str(set, cookie, "table=%d,priority=%d,reg0=%#"PRIx32","
                     "dl_dst=01:00:00:00:00:00/01:00:00:00:00:00,"
                     "actions=meter:%"PRIu32",goto_table:%d",
                     LAYOUT_DEST, LAYOUT_PRIO_ELSE_LIMIT, slot, meter,
                     LAYOUT_FLOOD);
    pipeline_add_str(set, cookie, "table=%d,priority=%d,reg0=%#"PRIx32","
                     "actions=meter:%"PRIu32",goto_table:%d",
                     LAYOUT_DEST, LAYOUT_PRIO_LAST_LIMIT, slot, meter,
                     LAYOUT_FLOOD);
}

/* EMIT: what leaves by 'slot' because it is flooded. */
static void
pipeline_limit_out(uint32_t slot, uint64_t cookie, struct flowset *set)
{
    pipeline_add_str(set, cookie, "table=%d,priority=%d,reg1=%#"PRIx32","
                     "reg3=%d/%d,actions=meter:%"PRIu32","
                     "set_field:0/%d->reg3,resubmit(,%d)",
                     LAYOUT_EMIT, LAYOUT_PRIO_LIMIT, slot,
                     LAYOUT_F_LIMIT, LAYOUT_F_LIMIT,
                     layout_limit_meter(slot, true),
                     LAYOUT_F_LIMIT, LAYOUT_EMIT);
}

/* Appends the flows that keep to the limits of 'claim', which has a slot. */
void
pipeline_limits(const struct topo_claim *claim, struct flowset *set)
{
    const struct topo_attach *attach = claim->attach;
    uint64_t cookie = layout_cookie(LAYOUT_K_SEGMENT,
                                    attach->place.segment->vni);

    if (attach->limits[TOPO_IN].rate) {
        pipeline_limit_in(claim->slot, cookie, set);
    }
    if (attach->limits[TOPO_OUT].rate) {
        pipeline_limit_out(claim->slot, cookie, set);
    }
}

/* Appends the flow that drops, and counts, frames to unicast addresses that
 * are not known in 'segment'. */
void
pipeline_drop_unknown(const struct topo_segment *segment, struct flowset *set)
{
    pipeline_add_str(set, layout_cookie(LAYOUT_K_SEGMENT, segment->vni),
                     "table=%d,priority=%d,metadata=%#"PRIx32",actions=drop",
                     LAYOUT_DEST, LAYOUT_PRIO_LAST_REFUSE, segment->vni);
}

/* LEARN: 'segment' has so many new MACs that others would not be heard.  No
 * entries stand in for them: they would be more than what is learned, and each
 * is as much work for the switch. */
void
pipeline_hold(const struct topo_segment *segment, struct flowset *set)
{
    pipeline_add_str(set, layout_cookie(LAYOUT_K_SEGMENT, segment->vni),
                     "table=%d,priority=%d,metadata=%#"PRIx32","
                     "actions=controller(max_len=64,meter_id=%d),"
                     "goto_table:%d",
                     LAYOUT_LEARN, LAYOUT_PRIO_HOLD, segment->vni,
                     LAYOUT_METER_HELD, LAYOUT_POLICY);
}

static void
pipeline_claim_meters(const struct topo_claim *claim,
                      pipeline_meter_func *func, void *aux)
{
    for (int i = 0; claim->slot && i < TOPO_N_DIRECTIONS; i++) {
        const struct topo_limit *limit = &claim->attach->limits[i];

        if (limit->rate) {
            func(layout_limit_meter(claim->slot, i == TOPO_OUT), limit, aux);
        }
    }
}

/* Calls 'func' for each meter to which the flows of 'segment' on 'node'
 * lead. */
void
pipeline_meters(const struct topo_node *node,
                const struct topo_segment *segment,
                pipeline_meter_func *func, void *aux)
{
    const struct topo_attach *attach;

    LIST_FOR_EACH (attach, segment_node, &segment->attaches) {
        const struct topo_claim *claim = topo_attach_claim(attach, node);

        if (claim) {
            pipeline_claim_meters(claim, func, aux);
        }
    }
}

/* The same for those of all segments. */
void
pipeline_all_meters(const struct topo_node *node, pipeline_meter_func *func,
                    void *aux)
{
    const struct topo_claim *claim;

    HMAP_FOR_EACH (claim, port_node, &node->claims) {
        pipeline_claim_meters(claim, func, aux);
    }
}

/* Returns whether a flow of the configuration of 'node' leads to 'id', a meter
 * of storm control. */
bool
pipeline_has_meter(const struct topo_node *node, uint32_t id)
{
    bool out;
    uint32_t slot = layout_limit_slot(id, &out);
    const struct topo_claim *claim = slot ? topo_node_claim(node, slot) : NULL;

    return (claim && claim->attach->place.segment
            && claim->attach->limits[out ? TOPO_OUT : TOPO_IN].rate);
}
