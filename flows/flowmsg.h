/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef FLOWS_FLOWMSG_H
#define FLOWS_FLOWMSG_H 1

/* A flow as a switch reports it, in pieces that nobody has decoded.
 *
 * A switch may report hundreds of thousands, of which there is hardly anything
 * to be known: libopenvswitch takes ten times as long for one as it takes to
 * find where its pieces begin (OpenFlow 1.5.1, section 7.3.5.2; 1.3.5,
 * 7.3.5.2).
 *
 * The pieces stay where they are, in the message, in which nothing is
 * aligned. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "openflow/openflow.h"

struct flowmsg {
    size_t size;                /* Of all of it. */
    struct ofp11_flow_mod fm;   /* Table, priority, cookie, timeouts and flags;
                                 * the rest as OFPFC_ADD would have it. */
    const uint8_t *match, *stats, *instructions;
    size_t match_size, stats_size, instructions_size;   /* With padding. */
};

bool flowmsg_cut(const void *, size_t, enum ofp_version, struct flowmsg *);
bool flowmsg_count(const struct flowmsg *, enum ofp_version, uint64_t *frames,
                   uint64_t *bytes);

#endif /* flows/flowmsg.h */
