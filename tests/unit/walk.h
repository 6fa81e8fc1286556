/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef TESTS_UNIT_WALK_H
#define TESTS_UNIT_WALK_H 1

/* A random walk: configuration and learning events, and simulated switches.
 *
 * The walk keeps the rows that it has written ('rows'), so that the same
 * network can be built again from nothing, in another order.  A simulated
 * switch is two sets of flows: those of the configuration, brought up to date
 * by the owners that are marked dirty and no others, and those of MACs,
 * brought up to date by the operations of the fdb.  A third one has as much
 * of the configuration as a switch would have that refuses some at times.
 *
 * The walk draws all its chances from 'seed': the same seed, the same walk. */

#include "flows/flowset.h"
#include "flows/refused.h"
#include "tests/unit/net.h"

#define WALK_NODES 4
#define WALK_CLUSTERS 3
#define WALK_SEGMENTS 5
#define WALK_PLACES 10          /* Of each table. */
#define WALK_STATICS 5

/* As last written.  Texts are literals. */
struct walk_row {
    bool exists;
    unsigned int a, b;          /* Segment and owner, or VNI. */
    const char *s, *s2;         /* Port, MAC or address; datapath ID. */
    const char *s3;             /* Edges that an edge sees. */
    uint32_t vteps;             /* How many a segment learns. */
    uint16_t vlan;              /* Or, of a cluster, whether it is fenced; of a
                                 * segment, whether it drops what has an
                                 * unknown address. */
    uint32_t in, out;           /* Limits of a binding... */
    long long closed;           /* ...until when it is closed, or 0... */
    enum topo_bpdu bpdu;        /* ...and what becomes of BPDUs. */
    enum topo_table table;      /* Place of a static MAC. */
};

struct delta;
struct macmsg;

struct walk_switch {
    struct flowset config, macs;

    /* The same switch, if it refused what some owners should have now and
     * then (flows/refused.h): the configuration, as far as it took it. */
    struct flowset part;
    struct refused refused;
    long long now;
};

struct walk {
    struct net net;
    uint32_t seed;
    struct walk_row rows[TOPO_N_TABLES][WALK_PLACES + 1];
    unsigned long long n_sightings, n_idles, n_age_outs, n_config,
                       n_mac_ops, n_strangers,
                       n_quick;     /* Messages by macmsg_put(). */
    struct macmsg *macmsg;
};

void walk_init(struct walk *, uint32_t seed);
void walk_destroy(struct walk *);

uint32_t walk_random(struct walk *, uint32_t n);
#define WALK_PICK(WALK, ARRAY) \
    ((ARRAY)[walk_random(WALK, ARRAY_SIZE(ARRAY))])
struct topo_node *walk_pick_node(struct walk *);
void walk_step(struct walk *);
void walk_sync(struct walk *);
void walk_write(struct walk *, struct net *, enum topo_table, unsigned int n);

void walk_apply_part(struct walk_switch *, const struct topo_node *);
void walk_rebuild_part(struct walk_switch *, const struct topo_node *,
                       struct delta *);

/* VTEPs that are learned. */
void walk_age_vteps(struct walk *);
bool walk_stranger(struct walk *);

/* The simulated switch of a node. */
struct walk_switch *walk_switch(const struct topo_node *);

#endif /* tests/unit/walk.h */
