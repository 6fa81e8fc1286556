/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef FLOWS_EXPLAIN_PRIVATE_H
#define FLOWS_EXPLAIN_PRIVATE_H 1

/* What the files of flows/explain.h share among themselves.
 *
 *   explain.c         the result, and who counts
 *   explain_args.c    the frame, as it is written
 *   explain_classify.c  CLASSIFY
 *   explain_in.c      GATE to LEARN
 *   explain_out.c     DEST to TUNNEL
 *
 * A walk is one frame on one node.  What it withholds, copies that are not
 * sent for good reason, become ends if it has no other. */

#include "flows/explain.h"
#include "openvswitch/compiler.h"

struct topo_attach;
struct topo_claim;
struct topo_cluster;
struct topo_place;
struct topo_segment;

struct explain_walk {
    const struct topo *topo;
    const struct fdb *fdb;
    const struct explain_frame *frame;
    struct explain *out;
    const struct topo_node *node;
    bool tunnel;                /* It came from the overlay... */
    struct in6_addr from;       /* ...from there... */
    uint32_t vni;
    bool oam;                   /* ...as a control packet. */
    int own_tag;                /* Of the user, or EXPLAIN_NO_TAG. */
    int second_tag;             /* Behind that. */

    /* What the tables find out. */
    const struct topo_segment *segment;
    const struct topo_claim *in;    /* By which it came in, or NULL. */
    const struct topo_place *place; /* Where it came from, or NULL if that is
                                     * another node's affair. */
    bool stranger;              /* That is a VTEP that nobody knows. */
    bool bpdu;                  /* It goes by bindings that forward BPDUs. */
    bool limited;               /* The copy is one of a flood. */

    struct explain_end *withheld;
    size_t n_withheld, allocated_withheld;
};

void explain_node(struct explain_walk *);
void explain_in(struct explain_walk *);
bool explain_classify(struct explain_walk *, const struct topo_cluster **);
void explain_dest(struct explain_walk *);
void explain_say(struct explain_walk *, enum layout_table,
                 const char *format, ...) OVS_PRINTF_FORMAT(3, 4);
struct explain_end *explain_end(struct explain_walk *, enum explain_verdict);

/* Who counts.  The flow is known by its priority, owner and match; 'match' is
 * taken over. */
struct explain_counter explain_by_flow(enum layout_table, int priority,
                                       uint64_t cookie, char *match);
struct explain_counter explain_by_table(enum layout_table);
struct explain_counter explain_by_meter(uint32_t meter);

void explain_drop(struct explain_walk *, struct explain_counter,
                  const char *format, ...) OVS_PRINTF_FORMAT(3, 4);
void explain_withhold(struct explain_walk *, struct explain_counter,
                      const char *format, ...) OVS_PRINTF_FORMAT(3, 4);
void explain_limit(struct explain_walk *, uint32_t meter,
                   const char *format, ...) OVS_PRINTF_FORMAT(3, 4);

char *explain_place_name(const struct topo_place *);
char *explain_ip_name(const struct in6_addr *);
bool explain_takes(const struct explain_walk *, const struct topo_attach *);
bool explain_gate(struct explain_walk *, const struct topo_cluster *,
                  bool outward);

#endif /* flows/explain_private.h */
