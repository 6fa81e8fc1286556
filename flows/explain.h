/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef FLOWS_EXPLAIN_H
#define FLOWS_EXPLAIN_H 1

/* What becomes of a frame, in words: table by table on the node where it comes
 * in, then on each node to which it goes on.
 *
 * This is told from the topology and the fdb, not from flows: it is what is
 * meant.  The tests compare it with what a switch does with the flows that
 * flows/pipeline.h makes of the same topology.
 *
 * Invariants:
 *
 *   - A node that a frame reaches has one end at least: a port by which it
 *     leaves, a VTEP to which it goes, or a reason why it is dropped.
 *   - A frame that is dropped has been counted: by a flow of the node, by what
 *     a table counts that no flow of it matched, or by a meter.  Each end of
 *     that sort says by which.  (A frame that does not get into the switch at
 *     all is the exception.)
 *
 * What of a flood is not sent somewhere because others send it, or because it
 * came from there, is no end where others get it.
 *
 * The result owns all its strings and refers to nothing else, so it outlives
 * any change of the topology. */

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "flows/layout.h"
#include "openvswitch/types.h"

struct ds;
struct fdb;
struct flowset;
struct topo;
struct topo_node;
struct topo_port;

#define EXPLAIN_NO_TAG -1

/* A frame that comes in by a port of a node. */
struct explain_frame {
    const struct topo_node *node;
    const struct topo_port *port;
    int vlan;                   /* Of its tag, or EXPLAIN_NO_TAG... */
    int inner;                  /* ...and of a second one. */
    struct eth_addr src, dst;
    uint16_t type;              /* EtherType, 0: any that means nothing. */
    bool tunnel;                /* It comes by the tunnel port: */
    struct in6_addr from;       /* from this VTEP... */
    uint32_t vni;
    bool oam;                   /* ...as a control packet. */
};

char *explain_parse(const struct topo *, int n, const char *const args[],
                    struct explain_frame *) OVS_WARN_UNUSED_RESULT;

/* What counts frames that end in one way. */
enum explain_counter_type {
    EXPLAIN_BY_NOTHING,
    EXPLAIN_BY_FLOW,
    EXPLAIN_BY_TABLE,           /* The frames that no flow of it matched. */
    EXPLAIN_BY_METER,
};

struct explain_counter {
    enum explain_counter_type type;
    enum layout_table table;
    int priority;
    uint64_t cookie;
    char *match;                /* In the syntax of ovs-ofctl(8), or NULL. */
    uint32_t meter;
};

void explain_counter_uninit(struct explain_counter *);
void explain_counter_add_flow(const struct explain_counter *,
                              struct flowset *);
void explain_counter_format(const struct explain_counter *, struct ds *);
void explain_counter_command(const struct explain_counter *,
                             const char *bridge, struct ds *);

struct explain_step {
    char *node;
    enum layout_table table;
    char *text;
};

enum explain_verdict {
    EXPLAIN_SENT,               /* Out of a port. */
    EXPLAIN_ON,                 /* To another node, where it goes on. */
    EXPLAIN_LEFT,               /* To a VTEP that is none of ours. */
    EXPLAIN_TAKEN,              /* By the node itself, or the controller. */
    EXPLAIN_LIMITED,            /* Not beyond a limit; within it, the other
                                 * ends tell. */
    EXPLAIN_DROPPED,
};

struct explain_end {
    char *node;
    enum explain_verdict verdict;
    char *port;                 /* SENT: by this port... */
    uint16_t vlan;              /* ...in this VLAN, 0: untagged... */
    int own_tag;                /* ...with this tag of its own, or
                                 * EXPLAIN_NO_TAG... */
    bool down;                  /* ...which has no link. */
    struct in6_addr ip;         /* ON and LEFT: to there... */
    uint32_t vni;
    char *to;                   /* ...ON: which is this node. */
    char *reason;               /* Of the others. */
    struct explain_counter counter;     /* Of LIMITED and DROPPED. */
};

struct explain {
    struct explain_step *steps;
    size_t n_steps, allocated_steps;
    struct explain_end *ends;
    size_t n_ends, allocated_ends;
};

void explain_frame(const struct topo *, const struct fdb *,
                   const struct explain_frame *, struct explain *);
void explain_destroy(struct explain *);
void explain_end_format(const struct explain_end *, struct ds *);
const char *explain_table_name(enum layout_table);
const char *explain_verdict_name(enum explain_verdict);

#endif /* flows/explain.h */
