/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* Which flow counts what. */

#include <config.h>
#include "flows/stats.h"

#include "flows/layout.h"
#include "flows/topo.h"
#include "openvswitch/match.h"
#include "util.h"

/* What flows of LAYOUT_K_NODE count. */
static const struct stats_node_flow {
    enum layout_table table;
    uint16_t priority;
    int source;
} stats_node_flows[] = {
    { LAYOUT_DEST, LAYOUT_PRIO_ELSE, STATS_GROUP },
    { LAYOUT_DEST, LAYOUT_PRIO_LAST, STATS_UNICAST },
    { LAYOUT_PASS, LAYOUT_PRIO_REFUSE, STATS_SOURCE },
    { LAYOUT_EMIT, LAYOUT_PRIO_REFUSE, STATS_TAGGED },
    { LAYOUT_EMIT, LAYOUT_PRIO_MAIN, STATS_S_TAGGED_ELSE },
};

static const struct stats_node_flow *
stats_node_flow(uint8_t table, uint16_t priority)
{
    for (size_t i = 0; i < ARRAY_SIZE(stats_node_flows); i++) {
        if (table == stats_node_flows[i].table
            && priority == stats_node_flows[i].priority) {
            return &stats_node_flows[i];
        }
    }
    return NULL;
}

/* Returns false if no flow like that counts anything that is kept, for
 * stats_of_flow() to be asked only about others. */
bool
stats_may_count(uint64_t cookie, uint8_t table, uint16_t priority, bool drops)
{
    switch ((int) layout_cookie_kind(cookie)) {
    case LAYOUT_K_SEGMENT:
        return (table == LAYOUT_DEST
                ? priority != LAYOUT_PRIO_LAST && priority != LAYOUT_PRIO_ELSE
                : table == LAYOUT_CLASSIFY || table == LAYOUT_OUTPUT
                  || table == LAYOUT_FLOOD);
    case LAYOUT_K_PORT:
        return table == LAYOUT_CLASSIFY && drops;
    case LAYOUT_K_NODE:
        return stats_node_flow(table, priority) != NULL;
    case LAYOUT_K_ADDRS:
        return table == LAYOUT_PASS;
    case LAYOUT_K_STATIC:
        return table == LAYOUT_LEARN;
    default:
        return false;
    }
}

/* Fills in '*where' for something of the binding that has 'slot', if it is
 * one of the segment 'vni'. */
static bool
stats_of_slot(const struct topo_node *node, uint32_t slot, uint32_t vni,
              int source, struct stats_where *where)
{
    const struct topo_claim *claim = slot ? topo_node_claim(node, slot) : NULL;

    *where = (struct stats_where) {
        .scope = STATS_BINDING, .owner = slot, .vni = vni, .source = source,
    };
    return (claim && claim->attach->place.segment
            && claim->attach->place.segment->vni == vni);
}

static bool
stats_of_classify(const struct topo_node *node, const struct stats_flow *flow,
                  uint32_t vni, struct stats_where *where)
{
    const struct match *match = flow->match;
    ovs_be16 tci = match->flow.vlans[0].tci;

    if (match->wc.masks.tunnel.tun_id) {
        *where = (struct stats_where) {
            .scope = STATS_SEGMENT, .owner = vni, .source = STATS_VTEP,
        };
        return (flow->priority == LAYOUT_PRIO_ELSE && flow->drops
                && topo_segment_by_vni(node->topo, vni));
    }

    /* BPDUs have flows of their own, in front of these. */
    return (flow->priority == LAYOUT_PRIO_MAIN
            && stats_of_slot(node, layout_slot(match->flow.in_port.ofp_port,
                                               vlan_tci_to_vid(tci)), vni,
                             (tci & htons(VLAN_CFI) ? STATS_S_IN
                              : STATS_S_IN_UNTAGGED), where));
}

/* Of BPDUs that are forwarded nothing is told. */
static bool
stats_of_flood(const struct topo_node *node, const struct stats_flow *flow,
               uint32_t vni, struct stats_where *where)
{
    const struct topo_segment *segment = topo_segment_by_vni(node->topo, vni);
    const struct topo_claim *only;
    const uint32_t *regs = flow->match->flow.regs;

    if (!segment || (flow->priority != LAYOUT_PRIO_COUNT
                     && flow->priority != LAYOUT_PRIO_MAIN)) {
        return false;
    }
    if (flow->priority == LAYOUT_PRIO_COUNT) {
        /* Which is there only if others are. */
        bool known = stats_of_slot(node, regs[0], vni, STATS_S_FLOODED_IN,
                                   where);

        where->alone = STATS_AMONG;
        return known;
    }
    only = topo_segment_only_claim(segment, node);
    if (only) {
        bool known = stats_of_slot(node, only->slot, vni,
                                   (regs[3] & LAYOUT_F_TUNNEL
                                    ? STATS_S_FLOODED_OUT
                                    : STATS_S_FLOODED_IN), where);

        where->alone = STATS_ALONE;
        return known;
    }
    *where = (struct stats_where) {
        .scope = STATS_SEGMENT, .owner = vni, .source = STATS_S_FLOODED,
        .summed = true,
    };
    return true;
}

static bool
stats_of_segment(const struct topo_node *node, const struct stats_flow *flow,
                 uint32_t vni, struct stats_where *where)
{
    const uint32_t *regs = flow->match->flow.regs;

    if (flow->table == LAYOUT_CLASSIFY) {
        return stats_of_classify(node, flow, vni, where);
    } else if (flow->table == LAYOUT_OUTPUT) {
        return (flow->priority == LAYOUT_PRIO_MAIN
                && stats_of_slot(node, regs[1], vni, STATS_S_OUT, where));
    } else if (flow->table == LAYOUT_FLOOD) {
        return stats_of_flood(node, flow, vni, where);
    } else if (flow->table != LAYOUT_DEST) {
        return false;
    } else if (flow->priority == LAYOUT_PRIO_LAST_REFUSE) {
        *where = (struct stats_where) {
            .scope = STATS_SEGMENT, .owner = vni, .source = STATS_UNKNOWN,
        };
        return topo_segment_by_vni(node->topo, vni);
    }
    return ((flow->priority == LAYOUT_PRIO_ELSE_LIMIT
             || flow->priority == LAYOUT_PRIO_LAST_LIMIT)
            && stats_of_slot(node, regs[0], vni,
                             (flow->priority == LAYOUT_PRIO_ELSE_LIMIT
                              ? STATS_S_GROUP : STATS_S_UNICAST), where));
}

static bool
stats_of_port(const struct topo_node *node, const struct stats_flow *flow,
              uint32_t port, struct stats_where *where)
{
    *where = (struct stats_where) {
        .scope = STATS_PORT, .owner = port,
        .source = (flow->priority == LAYOUT_PRIO_LAST ? STATS_UNBOUND
                   : flow->match->wc.masks.tunnel.flags ? STATS_CONTROL
                   : STATS_RESERVED),
    };
    where->summed = where->source == STATS_RESERVED;
    return (flow->table == LAYOUT_CLASSIFY && flow->drops
            && port <= UINT16_MAX
            && topo_node_ofport(node, u16_to_ofp(port)));
}

static bool
stats_of_node(const struct stats_flow *flow, struct stats_where *where)
{
    const struct stats_node_flow *node_flow = stats_node_flow(flow->table,
                                                              flow->priority);
    const struct match *match = flow->match;

    if (!node_flow) {
        return false;
    }
    *where = (struct stats_where) {
        .scope = STATS_NODE, .source = node_flow->source,
    };
    if (where->source == STATS_SOURCE
        && eth_addr_is_broadcast(match->wc.masks.dl_src)) {
        where->source = STATS_S_ZERO_SOURCE;
    } else if (where->source == STATS_TAGGED
               && match->flow.dl_type != htons(ETH_TYPE_VLAN_8021Q)) {
        where->source = STATS_S_TAGGED_TWICE;
    }
    return true;
}

/* Fills in '*where' with what 'flow' of 'node' counts.  Returns false if it
 * counts nothing that is kept. */
bool
stats_of_flow(const struct topo_node *node, const struct stats_flow *flow,
              struct stats_where *where)
{
    uint32_t owner = layout_cookie_owner(flow->cookie);

    if ((flow->cookie & LAYOUT_COOKIE_MASK) != LAYOUT_COOKIE_OURS) {
        return false;
    }
    switch ((int) layout_cookie_kind(flow->cookie)) {
    case LAYOUT_K_SEGMENT:
        return stats_of_segment(node, flow, owner, where);
    case LAYOUT_K_PORT:
        return stats_of_port(node, flow, owner, where);
    case LAYOUT_K_NODE:
        return stats_of_node(flow, where);
    case LAYOUT_K_ADDRS:
        *where = (struct stats_where) {
            .scope = STATS_NODE, .source = STATS_OWN, .summed = true,
        };
        return flow->table == LAYOUT_PASS;
    case LAYOUT_K_STATIC:
        *where = (struct stats_where) {
            .scope = STATS_SEGMENT, .owner = owner, .source = STATS_STATIC,
            .summed = true,
        };
        return (flow->table == LAYOUT_LEARN
                && topo_segment_by_vni(node->topo, owner));
    default:
        return false;
    }
}

/* The same for what the meter 'id' of 'node' has dropped. */
bool
stats_of_meter(const struct topo_node *node, uint32_t id,
               struct stats_where *where)
{
    bool out;
    uint32_t slot = layout_limit_slot(id, &out);
    const struct topo_claim *claim = slot ? topo_node_claim(node, slot) : NULL;

    return (claim && claim->attach->place.segment
            && stats_of_slot(node, slot, claim->attach->place.segment->vni,
                             out ? STATS_S_LIMIT_OUT : STATS_S_LIMIT_IN,
                             where));
}
