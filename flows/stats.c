/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "flows/stats.h"

#include <stdlib.h>
#include "flows/layout.h"
#include "flows/topo.h"
#include "hash.h"
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

/* Returns whether 'entry', of a binding, has totals of what is flooded. */
bool
stats_knows_flooded(const struct stats_entry *entry)
{
    return (entry->known & (1u << STATS_S_FLOODED_IN)
            && entry->known & (1u << STATS_S_FLOODED_OUT));
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

/* Begins to take what is reported of 'entry' in this round. */
static void
stats_renew(struct stats *stats, struct stats_entry *entry, long long now)
{
    entry->period = entry->at ? now - entry->at : 0;
    entry->round = stats->round;
    entry->at = now;
    memset(entry->rate, 0, sizeof entry->rate);
}

static void
stats_keep_entry(struct stats *stats, struct stats_entry *entry, long long now)
{
    if (entry && entry->round != stats->round) {
        stats_renew(stats, entry, now);
    }
}

/* What all bindings and segments count is as it was, and is not reported. */
void
stats_keep_segments(struct stats *stats, long long now)
{
    struct stats_entry *entry;

    HMAP_FOR_EACH (entry, node, &stats->entries) {
        if (entry->scope == STATS_BINDING || entry->scope == STATS_SEGMENT) {
            stats_keep_entry(stats, entry, now);
        }
    }
}

static void
stats_keep_segment(struct stats *stats, const struct topo_node *node,
                   uint32_t vni, long long now)
{
    const struct topo_segment *segment = topo_segment_by_vni(node->topo, vni);
    const struct topo_attach *attach;

    stats_keep_entry(stats, stats_entry(stats, STATS_SEGMENT, vni), now);
    if (!segment) {
        return;
    }
    LIST_FOR_EACH (attach, segment_node, &segment->attaches) {
        const struct topo_claim *claim = topo_attach_claim(attach, node);

        if (claim && claim->slot) {
            stats_keep_entry(stats, stats_entry(stats, STATS_BINDING,
                                                claim->slot), now);
        }
    }
}

/* What the flows with 'cookie' count is as it was, and is not reported. */
void
stats_keep(struct stats *stats, const struct topo_node *node, uint64_t cookie,
           long long now)
{
    uint32_t owner = layout_cookie_owner(cookie);

    switch ((int) layout_cookie_kind(cookie)) {
    case LAYOUT_K_SEGMENT:
    case LAYOUT_K_STATIC:
        stats_keep_segment(stats, node, owner, now);
        break;
    case LAYOUT_K_PORT:
        stats_keep_entry(stats, stats_entry(stats, STATS_PORT, owner), now);
        break;
    default:
        stats_keep_entry(stats, stats_entry(stats, STATS_NODE, 0), now);
        break;
    }
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

/* Whether 'node' forwards what comes in by 'claim', which may be NULL. */
static bool
stats_is_active(const struct topo_node *node, const struct topo_claim *claim)
{
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
    const struct topo_claim *claim;
    bool active;

    if (where->scope == STATS_NODE && where->source > STATS_TAGGED) {
        return (where->source == STATS_S_ZERO_SOURCE ? STATS_SOURCE
                : STATS_TAGGED);
    } else if (where->scope != STATS_BINDING) {
        return where->source;
    }
    claim = topo_node_claim(node, where->owner);
    active = stats_is_active(node, claim);
    switch (where->source) {
    case STATS_S_IN:
    case STATS_S_IN_UNTAGGED:
        return drops ? STATS_CLOSED : active ? STATS_IN : STATS_STANDBY;
    case STATS_S_OUT:
        /* On a standby it may go on by the way to the active edge. */
        return drops ? STATS_CLOSED : active ? STATS_OUT : -1;
    case STATS_S_FLOODED_IN:
        return active ? STATS_FLOODED_IN : -1;
    case STATS_S_FLOODED_OUT:
        return (active && claim && !claim->attach->closure
                ? STATS_FLOODED_OUT : -1);
    case STATS_S_GROUP:
    case STATS_S_UNICAST:
        return -1;              /* See stats_add_flooded(). */
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

    if (entry->anew & 1u << where->source) {
        return none;
    } else if (!(entry->known & 1u << where->source)) {
        return (!ours && where->scope == STATS_BINDING
                && (total == STATS_CLOSED || total == STATS_STANDBY
                    || total == STATS_FLOODED_IN
                    || total == STATS_FLOODED_OUT)
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

/* What comes in by a limit and is flooded is not counted by the flows that
 * count it for the node. */
static void
stats_add_flooded(struct stats *stats, int source,
                  struct stats_count delta)
{
    struct stats_where where = { .scope = STATS_NODE };

    stats_add(stats_get(stats, &where), (source == STATS_S_GROUP ? STATS_GROUP
                                         : STATS_UNICAST), delta);
}

/* If a binding has become the only place of its segment, or is it no more,
 * other flows tell what is flooded, which have counted other things as
 * well. */
static void
stats_set_alone(struct stats_entry *entry, enum stats_alone alone)
{
    uint16_t flooded = 1u << STATS_S_FLOODED_IN | 1u << STATS_S_FLOODED_OUT;

    if (entry->alone != STATS_UNTOLD && entry->alone != alone) {
        entry->known &= ~flooded;
        entry->anew |= flooded;
    }
    entry->alone = alone;
}

/* What FLOOD counts for a segment of several places has left 'node' by each of
 * them, unless it came in there. */
static void
stats_take_flooded(struct stats *stats, const struct topo_node *node,
                   const struct stats_where *where,
                   const struct stats_reading *reading, long long now)
{
    const struct topo_segment *segment = topo_segment_by_vni(node->topo,
                                                             where->owner);
    const struct topo_attach *attach;

    LIST_FOR_EACH (attach, segment_node, &segment->attaches) {
        const struct topo_claim *claim = topo_attach_claim(attach, node);
        struct stats_where out = {
            .scope = STATS_BINDING, .owner = claim ? claim->slot : 0,
            .vni = segment->vni, .source = STATS_S_FLOODED_OUT,
            .summed = true, .alone = STATS_AMONG,
        };
        struct stats_reading rest = *reading;

        if (!out.owner) {
            continue;
        }

        struct stats_entry *entry = stats_get(stats, &out);
        const struct stats_count *in = &entry->last[STATS_S_FLOODED_IN];

        stats_set_alone(entry, STATS_AMONG);
        if (entry->known & 1u << STATS_S_FLOODED_IN) {
            rest.count.frames -= MIN(in->frames, rest.count.frames);
            rest.count.bytes -= MIN(in->bytes, rest.count.bytes);
            stats_take(stats, node, &out, &rest, now);
        }
    }
}

/* The switch of 'node' reports 'reading' about 'where'. */
void
stats_take(struct stats *stats, const struct topo_node *node,
           const struct stats_where *where,
           const struct stats_reading *reading, long long now)
{
    int total = stats_total(node, where, reading->drops);
    uint16_t source = 1u << where->source;
    struct stats_entry *entry;
    struct stats_count delta;

    if (where->scope == STATS_SEGMENT && where->source == STATS_S_FLOODED) {
        stats_take_flooded(stats, node, where, reading, now);
        return;
    }

    /* Hardly any segment or port drops anything. */
    if ((where->scope == STATS_SEGMENT || where->scope == STATS_PORT)
        && !reading->count.frames
        && !stats_entry(stats, where->scope, where->owner)) {
        return;
    }
    entry = stats_get(stats, where);
    if (entry->round != stats->round) {
        stats_renew(stats, entry, now);
    }
    if (where->alone != STATS_UNTOLD) {
        stats_set_alone(entry, where->alone);
    }
    delta = stats_delta(stats, entry, where, reading, total, now);
    entry->last[where->source] = reading->count;
    entry->known |= source;
    entry->anew &= ~source;
    if (total >= 0) {
        stats_add(entry, total, delta);
    } else if (where->scope == STATS_BINDING
               && (where->source == STATS_S_GROUP
                   || where->source == STATS_S_UNICAST)) {
        stats_add_flooded(stats, where->source, delta);
    }
}
