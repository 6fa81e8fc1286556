/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "flows/stats.h"

#include <stdlib.h>
#include "flows/layout.h"
#include "flows/topo.h"
#include "hash.h"
#include "openvswitch/match.h"
#include "util.h"

/* Returns in a word why the frames were dropped that are counted in 'total' of
 * an entry with 'scope', or NULL if they were not, or if there is no such
 * total. */
const char *
stats_reason(enum stats_scope scope, int total)
{
    static const char *const reasons[][STATS_MAX_TOTALS] = {
        [STATS_BINDING] = {
            [STATS_CLOSED] = "closed",
            [STATS_STANDBY] = "standby",
            [STATS_LIMIT_IN] = "limit_in",
            [STATS_LIMIT_OUT] = "limit_out",
        },
        [STATS_SEGMENT] = {
            [STATS_VTEP] = "unknown_vtep",
            [STATS_UNKNOWN] = "unknown_unicast",
            [STATS_STATIC] = "static_guard",
        },
        [STATS_PORT] = {
            [STATS_UNBOUND] = "unbound",
            [STATS_RESERVED] = "reserved",
            [STATS_CONTROL] = "control",
        },
        [STATS_NODE] = {
            [STATS_SOURCE] = "bad_source",
            [STATS_OWN] = "own_address",
            [STATS_TAGGED] = "tagged",
        },
    };

    return reasons[scope][total];
}

/* Which flow counts what. */

/* Returns whether any flow of 'table' counts something: others need not be
 * looked at. */
bool
stats_table_counts(uint8_t table)
{
    return (table == LAYOUT_CLASSIFY || table == LAYOUT_OUTPUT
            || table == LAYOUT_DEST || table == LAYOUT_PASS
            || table == LAYOUT_LEARN || table == LAYOUT_EMIT);
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
    static const struct {
        enum layout_table table;
        uint16_t priority;
        int source;
    } sources[] = {
        { LAYOUT_DEST, LAYOUT_PRIO_ELSE, STATS_GROUP },
        { LAYOUT_DEST, LAYOUT_PRIO_LAST, STATS_UNICAST },
        { LAYOUT_PASS, LAYOUT_PRIO_REFUSE, STATS_SOURCE },
        { LAYOUT_EMIT, LAYOUT_PRIO_REFUSE, STATS_TAGGED },
        { LAYOUT_EMIT, LAYOUT_PRIO_MAIN, STATS_S_TAGGED_ELSE },
    };
    const struct match *match = flow->match;

    *where = (struct stats_where) { .scope = STATS_NODE };
    for (size_t i = 0; i < ARRAY_SIZE(sources); i++) {
        if (flow->table != sources[i].table
            || flow->priority != sources[i].priority) {
            continue;
        }
        where->source = sources[i].source;
        if (where->source == STATS_SOURCE
            && eth_addr_is_broadcast(match->wc.masks.dl_src)) {
            where->source = STATS_S_ZERO_SOURCE;
        } else if (where->source == STATS_TAGGED
                   && match->flow.dl_type != htons(ETH_TYPE_VLAN_8021Q)) {
            where->source = STATS_S_TAGGED_TWICE;
        }
        return true;
    }
    return false;
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

/* Entries. */

struct stats *
stats_create(long long now)
{
    struct stats *stats = xzalloc(sizeof *stats);

    hmap_init(&stats->entries);
    stats->since = now;
    return stats;
}

void
stats_destroy(struct stats *stats)
{
    struct stats_entry *entry;

    if (!stats) {
        return;
    }
    HMAP_FOR_EACH_POP (entry, node, &stats->entries) {
        free(entry);
    }
    hmap_destroy(&stats->entries);
    free(stats);
}

static uint32_t
stats_hash(enum stats_scope scope, uint32_t owner)
{
    return hash_2words(scope, owner);
}

static struct stats_entry *
stats_entry(const struct stats *stats, enum stats_scope scope, uint32_t owner)
{
    struct stats_entry *entry;

    HMAP_FOR_EACH_WITH_HASH (entry, node, stats_hash(scope, owner),
                             &stats->entries) {
        if (entry->scope == scope && entry->owner == owner) {
            return entry;
        }
    }
    return NULL;
}

/* Returns what is known of 'owner', which if it is the slot of a binding is of
 * the segment 'vni'; or NULL. */
const struct stats_entry *
stats_find(const struct stats *stats, enum stats_scope scope, uint32_t owner,
           uint32_t vni)
{
    const struct stats_entry *entry = (stats ? stats_entry(stats, scope, owner)
                                       : NULL);

    return (entry && (scope != STATS_BINDING || entry->vni == vni)
            ? entry : NULL);
}

/* Returns the entry of 'claim', or NULL. */
const struct stats_entry *
stats_find_claim(const struct topo_claim *claim)
{
    return (claim->slot
            ? stats_find(claim->node->stats, STATS_BINDING, claim->slot,
                         claim->attach->place.segment->vni) : NULL);
}

/* All is about to be reported. */
void
stats_begin(struct stats *stats)
{
    stats->round++;
}

/* All has been reported.  What has not is not there any more. */
void
stats_end(struct stats *stats)
{
    struct stats_entry *entry;

    HMAP_FOR_EACH_SAFE (entry, node, &stats->entries) {
        if (entry->round != stats->round) {
            hmap_remove(&stats->entries, &entry->node);
            free(entry);
        }
    }
    hmap_shrink(&stats->entries);
}

/* Returns the entry for 'where', made if need be. */
static struct stats_entry *
stats_get(struct stats *stats, const struct stats_where *where)
{
    struct stats_entry *entry = stats_entry(stats, where->scope,
                                            where->owner);

    if (entry && entry->vni != where->vni) {
        hmap_remove(&stats->entries, &entry->node);
        free(entry);
        entry = NULL;
    }
    if (!entry) {
        entry = xzalloc(sizeof *entry);
        entry->scope = where->scope;
        entry->owner = where->owner;
        entry->vni = where->vni;
        hmap_insert(&stats->entries, &entry->node,
                    stats_hash(where->scope, where->owner));
    }
    return entry;
}

/* Whether what comes in by the slot 'slot' of 'node' is forwarded by it. */
static bool
stats_is_active(const struct topo_node *node, uint32_t slot)
{
    const struct topo_claim *claim = topo_node_claim(node, slot);
    const struct topo_cluster *cluster = (claim ? claim->attach->cluster
                                          : NULL);

    return !cluster || cluster->active == node;
}

/* Returns the total to which belongs what has been counted for 'where', or -1
 * if it belongs to none. */
static int
stats_total(const struct topo_node *node, const struct stats_where *where,
            bool drops)
{
    bool active;

    if (where->scope == STATS_NODE && where->source > STATS_TAGGED) {
        return (where->source == STATS_S_ZERO_SOURCE ? STATS_SOURCE
                : STATS_TAGGED);
    } else if (where->scope != STATS_BINDING) {
        return where->source;
    }
    active = stats_is_active(node, where->owner);
    switch (where->source) {
    case STATS_S_IN:
    case STATS_S_IN_UNTAGGED:
        return drops ? STATS_CLOSED : active ? STATS_IN : STATS_STANDBY;
    case STATS_S_OUT:
        /* On a standby it may go on by the way to the active edge. */
        return drops ? STATS_CLOSED : active ? STATS_OUT : -1;
    case STATS_S_GROUP:
    case STATS_S_UNICAST:
        return STATS_FLOODED;
    case STATS_S_LIMIT_IN:
        return STATS_LIMIT_IN;
    default:
        return STATS_LIMIT_OUT;
    }
}

static uint64_t
stats_since(uint64_t last, uint64_t now, bool summed)
{
    return now >= last ? now - last : summed ? 0 : now;
}

/* Returns how much of 'reading' is new, which counts for 'total'. */
static struct stats_count
stats_delta(const struct stats *stats, const struct stats_entry *entry,
            const struct stats_where *where,
            const struct stats_reading *reading, int total, long long now)
{
    const struct stats_count *last = &entry->last[where->source];
    bool ours = reading->age >= 0 && reading->age <= now - stats->since;
    struct stats_count none = { 0, 0 };

    if (!(entry->known & 1u << where->source)) {
        return (!ours && where->scope == STATS_BINDING
                && (total == STATS_CLOSED || total == STATS_STANDBY)
                ? none : reading->count);
    }
    return (struct stats_count) {
        stats_since(last->frames, reading->count.frames, where->summed),
        stats_since(last->bytes, reading->count.bytes, where->summed),
    };
}

static void
stats_add(struct stats_entry *entry, int total, struct stats_count delta)
{
    entry->total[total].frames += delta.frames;
    entry->total[total].bytes += delta.bytes;
    if (entry->scope == STATS_BINDING && total <= STATS_OUT
        && entry->period > 0) {
        entry->rate[total].frames += delta.frames * 1000.0 / entry->period;
        entry->rate[total].bytes += delta.bytes * 1000.0 / entry->period;
    }
}

/* What is flooded within a limit is not counted by the flows that count it for
 * the node. */
static void
stats_add_flooded(struct stats *stats, int source,
                  struct stats_count delta)
{
    struct stats_where where = { .scope = STATS_NODE };

    stats_add(stats_get(stats, &where), (source == STATS_S_GROUP ? STATS_GROUP
                                         : STATS_UNICAST), delta);
}

/* The switch of 'node' reports 'reading' about 'where'. */
void
stats_take(struct stats *stats, const struct topo_node *node,
           const struct stats_where *where,
           const struct stats_reading *reading, long long now)
{
    int total = stats_total(node, where, reading->drops);
    struct stats_entry *entry;
    struct stats_count delta;

    /* Hardly any segment or port drops anything. */
    if ((where->scope == STATS_SEGMENT || where->scope == STATS_PORT)
        && !reading->count.frames
        && !stats_entry(stats, where->scope, where->owner)) {
        return;
    }
    entry = stats_get(stats, where);
    if (entry->round != stats->round) {
        entry->period = entry->at ? now - entry->at : 0;
        entry->round = stats->round;
        entry->at = now;
        memset(entry->rate, 0, sizeof entry->rate);
    }
    delta = stats_delta(stats, entry, where, reading, total, now);
    entry->last[where->source] = reading->count;
    entry->known |= 1u << where->source;
    if (total >= 0) {
        stats_add(entry, total, delta);
        if (total == STATS_FLOODED && where->scope == STATS_BINDING) {
            stats_add_flooded(stats, where->source, delta);
        }
    }
}
