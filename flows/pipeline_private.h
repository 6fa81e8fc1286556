/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef FLOWS_PIPELINE_PRIVATE_H
#define FLOWS_PIPELINE_PRIVATE_H 1

/* What the files of flows/pipeline.h share among themselves.
 *
 *   pipeline.c          what is the same on every node; ports
 *   pipeline_alone.c    of that, what serves a node without a controller, and
 *                       probes
 *   pipeline_cluster.c  gates, and the ways to clusters
 *   pipeline_segment.c  segments
 *   pipeline_storm.c    limits of what is flooded
 *   pipeline_bpdu.c     BPDUs of other bridges
 *   pipeline_mac.c      MACs */

#include "flows/pipeline.h"

struct topo_claim;

/* BPDUs are sent to one of these. */
#define PIPELINE_N_BPDU_ADDRS 2
extern const struct eth_addr pipeline_bpdu_addrs[PIPELINE_N_BPDU_ADDRS];

/* The source address of a probe that ends in 'number', see packetout.c. */
#define PIPELINE_SRC_FMT "02:4b:%02x:%02x:%02x:%02x"
#define PIPELINE_SRC_ARGS(number)                                       \
    (number) >> 24, (number) >> 16 & 0xff, (number) >> 8 & 0xff,          \
    (number) & 0xff

void pipeline_add_str(struct flowset *, uint64_t cookie, const char *format,
                      ...) OVS_PRINTF_FORMAT(3, 4);
void pipeline_alone(struct flowset *, uint64_t cookie);
void pipeline_follow(struct flowset *, uint64_t cookie);
void pipeline_probe(const struct topo_node *, uint64_t cookie,
                    struct flowset *);
void pipeline_bpdu_port(const struct topo_node *, ofp_port_t,
                        struct flowset *);
void pipeline_bpdu_guard(const struct topo_claim *, struct flowset *);
bool pipeline_bpdu_forwards(const struct topo_node *,
                            const struct topo_segment *);
void pipeline_limits(const struct topo_claim *, struct flowset *);
void pipeline_drop_unknown(const struct topo_segment *, struct flowset *);
void pipeline_hold(const struct topo_segment *, struct flowset *);

#endif /* flows/pipeline_private.h */
