/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef FLOWS_ACTS_H
#define FLOWS_ACTS_H 1

/* The few OpenFlow actions of which the pipeline is made, appended to a
 * buffer of ofpacts that the caller owns.
 *
 * They are put together in the form in which a switch reports them, so that
 * comparing what is wanted with what is there is a comparison of bytes. */

#include <netinet/in.h>
#include <stdint.h>
#include "flows/layout.h"

struct ofpbuf;

void acts_set_vni(struct ofpbuf *, uint32_t vni);
void acts_set_reg(struct ofpbuf *, int reg, uint32_t value);
void acts_set_known(struct ofpbuf *);
void acts_flood_limited(struct ofpbuf *, uint32_t slot);
void acts_tunnel_dst(struct ofpbuf *, const struct in6_addr *);
void acts_resubmit(struct ofpbuf *, enum layout_table);
void acts_goto(struct ofpbuf *, enum layout_table);
void acts_pop_vlan(struct ofpbuf *);

#endif /* flows/acts.h */
