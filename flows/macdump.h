/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef FLOWS_MACDUMP_H
#define FLOWS_MACDUMP_H 1

/* The flows of MACs that a switch reports, told by their numbers.
 *
 * A controller that starts gets two flows back for each MAC.  To decode them
 * all, keep them and hold them against all that there should be would take ten
 * times as long as it takes the switch to report them.  But all of them are
 * flows that flows/macmsg.h has a shape for, and then 32 bytes say what they
 * are: macdump_take() finds these, macdump_compare() looks up what there
 * should be.  Only where the two differ are there flows to be looked at, and
 * only these become flows again (struct flowset).
 *
 * What has no shape, macdump_take() leaves to the caller: static MACs, what
 * somebody has tampered with, and all flows of a switch that reports ours in
 * other words than libopenvswitch sends them.  That is slower, and comes to
 * the same. */

#include <stdbool.h>
#include <stddef.h>
#include "flows/macmsg.h"
#include "openvswitch/hmap.h"

struct flowset;
struct ofpbuf;
struct topo_node;

struct macdump_flow {
    struct hmap_node node;      /* In 'index' while comparing. */
    struct macmsg_id id;
    bool wanted;
};

struct macdump {
    struct macdump_flow *flows;
    size_t n, allocated;
};

void macdump_init(struct macdump *);
void macdump_clear(struct macdump *);

bool macdump_take(struct macdump *, const struct macmsg *,
                  enum ofp_version, struct ofpbuf *);
void macdump_compare(struct macdump *, const struct macmsg *,
                     enum ofp_version, const struct topo_node *,
                     struct flowset *have, struct flowset *want);

#endif /* flows/macdump.h */
