/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef FLOWS_STATS_H
#define FLOWS_STATS_H 1

/* What a node has counted: frames and bytes by binding, segment and port, and
 * those that were dropped, by reason.
 *
 * The flows of the pipeline count anyway.  stats_of_flow() says what a flow
 * counts, stats_take() adds what it has counted since the last time.  A switch
 * that begins to count anew, because it or a flow of it is new, goes on from
 * where the sum was; a controller that begins takes over what the switch has
 * counted.
 *
 * What is flooded is counted by FLOOD, by segment, for both directions.  If a
 * binding is the only place of the segment on the node, it is about that one;
 * otherwise a binding has a flow that counts what came in by it, and what left
 * by it is all but that.
 *
 * What comes in by a binding counts as IN if the node was active for it when
 * the switch was asked, and as STANDBY otherwise; CLOSED is what comes in or
 * would leave while the binding is closed.  How much of what was counted
 * before the controller began belongs to these two nobody knows, so they begin
 * with 0; and so does what is flooded, which other bindings may have had a
 * part in.
 *
 * Invariants:
 *
 *   - Totals only grow, as long as the owner is the same.
 *   - There are entries for what the topology has a claim, a segment or a port
 *     for, and after stats_end() for what was reported since stats_begin().
 *
 * Each node has a struct stats of its own, or none while nobody asks.  The
 * time is monotonic, in milliseconds, and is the caller's. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "openvswitch/hmap.h"

struct match;
struct topo_claim;
struct topo_node;

/* What is counted about what.  The owner of an entry is a slot, a VNI, an
 * OpenFlow port, or 0. */
enum stats_scope {
    STATS_BINDING,              /* Host ports as well. */
    STATS_SEGMENT,
    STATS_PORT,
    STATS_NODE
};

enum stats_of_binding {
    STATS_IN,
    STATS_OUT,
    STATS_FLOODED_IN,           /* Of IN. */
    STATS_FLOODED_OUT,          /* Of OUT. */
    STATS_CLOSED,               /* Dropped, as the following. */
    STATS_STANDBY,
    STATS_LIMIT_IN,             /* Of FLOODED_IN: a switch counts for a flow
                                 * what a meter before it drops. */
    STATS_LIMIT_OUT             /* Of FLOODED_OUT. */
};

enum stats_of_segment {
    STATS_VTEP,                 /* From one that is not of the segment. */
    STATS_UNKNOWN,              /* To unknown unicast, unknown_unicast=drop. */
    STATS_STATIC                /* From a static MAC, but not there. */
};

enum stats_of_port {
    STATS_UNBOUND,              /* VLAN or VNI. */
    STATS_RESERVED,             /* IEEE 802.1Q's reserved addresses. */
    STATS_CONTROL               /* GENEVE's control packets. */
};

enum stats_of_node {
    STATS_GROUP,                /* Flooded, to group addresses... */
    STATS_UNICAST,              /* ...and to unknown ones. */
    STATS_SOURCE,               /* From what can be no source. */
    STATS_OWN,                  /* From an address of an edge. */
    STATS_TAGGED                /* Tagged, for an untagged binding. */
};

#define STATS_MAX_TOTALS 8

/* Something that counts for an entry. */
enum stats_source {
    /* Of a binding. */
    STATS_S_IN = 0, STATS_S_IN_UNTAGGED, STATS_S_OUT, STATS_S_GROUP,
    STATS_S_UNICAST, STATS_S_LIMIT_IN, STATS_S_LIMIT_OUT, STATS_S_FLOODED_IN,
    STATS_S_FLOODED_OUT,

    /* Of a segment: as the totals, and of all its places... */
    STATS_S_FLOODED = 3,

    /* Of a port: as the totals.  Of a node: as the totals, and... */
    STATS_S_ZERO_SOURCE = 5, STATS_S_TAGGED_TWICE, STATS_S_TAGGED_ELSE,

    STATS_MAX_SOURCES = 9
};

/* Whether a binding is the only place of its segment on the node. */
enum stats_alone {
    STATS_UNTOLD,
    STATS_ALONE,
    STATS_AMONG                 /* Others. */
};

struct stats_count {
    uint64_t frames, bytes;
};

struct stats_rate {
    float frames, bytes;        /* A second. */
};

struct stats_entry {
    struct hmap_node node;      /* In 'entries' of struct stats. */
    enum stats_scope scope;
    uint32_t owner, vni;        /* The latter of a binding. */
    uint32_t round;             /* In which it was last reported... */
    long long at;               /* ...and when. */
    long long period;           /* Since the time before, or 0. */
    uint16_t known;             /* Bits: sources in 'last'... */
    uint16_t anew;              /* ...and those that begin anew: what they
                                 * say first is of something else. */
    enum stats_alone alone;
    struct stats_count last[STATS_MAX_SOURCES];
    struct stats_count total[STATS_MAX_TOTALS];
    struct stats_rate rate[2];  /* Of STATS_IN and STATS_OUT, in 'period'. */
};

struct stats {
    struct hmap entries;
    uint32_t round;
    long long since;            /* When counting began. */
};

/* A flow as the switch reports it. */
struct stats_flow {
    uint8_t table;
    uint16_t priority;
    uint64_t cookie;
    const struct match *match;
    bool drops;                 /* It has no actions. */
};

struct stats_where {
    enum stats_scope scope;
    uint32_t owner, vni;
    int source;                 /* Below STATS_MAX_SOURCES. */
    bool summed;                /* Of several flows, of which the sum is to
                                 * be taken at once. */
    enum stats_alone alone;     /* Of what is flooded. */
};

struct stats_reading {
    struct stats_count count;
    long long age;              /* Of the flow, milliseconds, -1: unknown. */
    bool drops;
};

const char *stats_reason(enum stats_scope, int total);
bool stats_may_count(uint64_t cookie, uint8_t table, uint16_t priority,
                     bool drops);
bool stats_of_flow(const struct topo_node *, const struct stats_flow *,
                   struct stats_where *);
bool stats_of_meter(const struct topo_node *, uint32_t id,
                    struct stats_where *);

struct stats *stats_create(long long now);
void stats_destroy(struct stats *);
void stats_begin(struct stats *);
void stats_take(struct stats *, const struct topo_node *,
                const struct stats_where *, const struct stats_reading *,
                long long now);
void stats_keep(struct stats *, const struct topo_node *, uint64_t cookie,
                long long now);
void stats_keep_segments(struct stats *, long long now);
void stats_end(struct stats *);
bool stats_knows_flooded(const struct stats_entry *);
const struct stats_entry *stats_find_claim(const struct topo_claim *);
const struct stats_entry *stats_find(const struct stats *, enum stats_scope,
                                     uint32_t owner, uint32_t vni);

#endif /* flows/stats.h */
