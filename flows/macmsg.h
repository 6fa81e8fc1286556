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
 * The other way round, a message that was made from a shape is told by that
 * and its numbers (struct macmsg_id), and recognized by macmsg_parse().
 *
 * Invariants, for each operation in tests/unit/test_macmsg.c and of the random
 * walks of tests/unit/test_walk.c:
 *
 *   - What macmsg_put() makes is byte for byte what macmsg_encode() does.
 *   - macmsg_parse() finds in it what macmsg_identify() found in the
 *     operation, and finds nothing in any other message.
 *
 * A struct macmsg never changes; sessions of one protocol share it. */

#include <stdbool.h>
#include <stdint.h>
#include "openvswitch/ofp-protocol.h"
#include "openvswitch/compiler.h"
#include "openvswitch/types.h"

struct fdb_op;
struct macmsg;
struct ofpbuf;

enum macmsg_shape {
    MACMSG_SOURCE_SLOT,         /* Add to SOURCE, seen at a port. */
    MACMSG_SOURCE_VTEP,
    MACMSG_SOURCE_SLOT_DEL,
    MACMSG_SOURCE_VTEP_DEL,
    MACMSG_DEST_GATE,           /* Add to DEST: here, behind a gate. */
    MACMSG_DEST_PORT,           /* Here, at a host port. */
    MACMSG_DEST_CLUSTER,        /* On the active edge of a cluster. */
    MACMSG_DEST_NODE,           /* On another node. */
    MACMSG_DEST_VTEP,
    MACMSG_DEST_DEL,
    MACMSG_N_SHAPES
};

/* A message: its shape, and its numbers, as they are on the wire.  Those that
 * its shape has not are 0, so two are the same if all of their bytes are. */
struct macmsg_id {
    uint8_t shape;              /* enum macmsg_shape. */
    uint8_t pad;
    ovs_be16 aging;             /* Seconds. */
    ovs_be32 vni;
    ovs_be32 slot;
    ovs_be32 tag;               /* pipeline_place_tag(). */
    ovs_be32 cluster;
    ovs_be32 ip;                /* Of a VTEP or a node. */
    struct eth_addr mac;
    uint8_t pad2[2];
};
BUILD_ASSERT_DECL(sizeof(struct macmsg_id) == 32);

/* Whether it is about a flow of SOURCE, not DEST. */
static inline bool
macmsg_is_source(const struct macmsg_id *id)
{
    return id->shape <= MACMSG_SOURCE_VTEP_DEL;
}

struct macmsg *macmsg_create(enum ofputil_protocol);
void macmsg_destroy(struct macmsg *);

bool macmsg_put(const struct macmsg *, const struct fdb_op *, ovs_be32 xid,
                struct ofpbuf *);
bool macmsg_identify(const struct fdb_op *, struct macmsg_id *);
void macmsg_put_id(const struct macmsg *, const struct macmsg_id *,
                   ovs_be32 xid, struct ofpbuf *);
bool macmsg_parse(const struct macmsg *, const uint64_t *msg, size_t size,
                  struct macmsg_id *);
struct ofpbuf *macmsg_encode(const struct fdb_op *, enum ofputil_protocol,
                             ovs_be32 xid);

#endif /* flows/macmsg.h */
