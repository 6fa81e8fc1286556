/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef FLOWS_MACMSG_H
#define FLOWS_MACMSG_H 1

/* The flow-mods of MACs (struct fdb_op), as messages.
 *
 * macmsg_encode() makes one with libopenvswitch.  In a burst of new MACs that
 * is most of the work, and all of these messages are the same but for a few
 * numbers; so a struct macmsg has one of each shape, made by macmsg_encode()
 * for places that do not exist, with numbers that can be found again, and
 * macmsg_put() copies it and fills in those of the operation at hand.  What is
 * rare (static MACs, VTEPs with IPv6 addresses) has no shape.
 *
 * Invariant: what macmsg_put() makes is byte for byte what macmsg_encode()
 * does (tests/unit/test_macmsg.c, and for each operation of the random walks
 * of tests/unit/test_walk.c).
 *
 * A struct macmsg never changes; sessions of one protocol share it. */

#include <stdbool.h>
#include <stdint.h>
#include "openvswitch/ofp-protocol.h"
#include "openvswitch/types.h"

struct fdb_op;
struct macmsg;
struct ofpbuf;

struct macmsg *macmsg_create(enum ofputil_protocol);
void macmsg_destroy(struct macmsg *);

bool macmsg_put(const struct macmsg *, const struct fdb_op *, ovs_be32 xid,
                struct ofpbuf *);
struct ofpbuf *macmsg_encode(const struct fdb_op *, enum ofputil_protocol,
                             ovs_be32 xid);

#endif /* flows/macmsg.h */
