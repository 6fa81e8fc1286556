/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef FLOWS_LAYOUT_H
#define FLOWS_LAYOUT_H 1

/* The layout of the pipeline: which table, register, bit, priority and cookie
 * means what.
 *
 * These numbers are a contract with three parties: the flows that an earlier
 * run of the controller left in the switches (from which the learned MACs are
 * adopted), the packet-ins that those flows send, and people who read a dump.
 * Changing one makes a restarted controller see its own flows as foreign
 * work to be replaced, so change them rarely and say so in NEWS.
 *
 * A frame's way (docs/architecture.md has the reasons, table by table):
 *
 *     CLASSIFY -> GATE -> PASS -> SOURCE, LEARN -> POLICY -> NEIGH
 *              -> DEST | FLOOD -> OUTPUT -> GATE -> PASS -> EMIT   (VLAN)
 *                              -> REMOTE -> TUNNEL                 (overlay)
 *
 * A 'slot' is a node's own name for a place where frames enter or leave
 * locally: (OpenFlow port << 16 | VLAN), VLAN 0 being untagged.  It needs no
 * allocator, so a controller that starts with empty hands can read it. */

#include <stdint.h>
#include "openvswitch/types.h"
#include "flow.h"

enum layout_table {
    LAYOUT_CLASSIFY = 0,    /* Port and tag, or tunnel and VNI: which VNI? */
    LAYOUT_GATE = 1,        /* Is the cluster active on this edge? */
    LAYOUT_SOURCE = 2,      /* Subroutine: is the source known here? */
    LAYOUT_LEARN = 3,       /* If not: tell the controller, once a second. */
    LAYOUT_POLICY = 4,      /* Room for anti-spoofing, storm control, ACLs. */
    LAYOUT_NEIGH = 5,       /* Room for ARP and ND suppression. */
    LAYOUT_DEST = 6,        /* Known destination: where? */
    LAYOUT_FLOOD = 7,       /* Otherwise: everywhere it may go. */
    LAYOUT_OUTPUT = 8,      /* A slot to leave by. */
    LAYOUT_PASS = 9,        /* Past an open gate: on inward, or out. */
    LAYOUT_REMOTE = 10,     /* A cluster whose active edge is elsewhere. */
    LAYOUT_TUNNEL = 11,     /* Into the overlay; never from the overlay. */
    LAYOUT_EMIT = 12,       /* Tag and send. */
    LAYOUT_N_TABLES
};

/* Registers.  METADATA holds the VNI.
 *
 *   reg0   slot by which the frame came in, 0 if from a tunnel
 *   reg1   slot by which it is to leave
 *   reg2   ID of the cluster whose gate is asked
 *   reg3   flags, below */
enum layout_flag {
    LAYOUT_F_KNOWN = 1 << 0,    /* The source MAC is known, or need not be. */
    LAYOUT_F_TUNNEL = 1 << 1,   /* Came from the overlay (split horizon). */
    LAYOUT_F_OUT = 1 << 2,      /* Past DEST: the gate leads outward. */
};

enum layout_priority {
    LAYOUT_PRIO_REFUSE = 300,   /* Never to be forwarded. */
    LAYOUT_PRIO_EXCEPT = 110,   /* An exception to the next. */
    LAYOUT_PRIO_MAIN = 100,
    LAYOUT_PRIO_ELSE = 10,
    LAYOUT_PRIO_LAST = 1,
};

/* Cookies: magic (16 bits), kind (8), 0 (8), owner (32). */
#define LAYOUT_COOKIE_MAGIC UINT64_C(0x4b48)
#define LAYOUT_COOKIE_OURS  (LAYOUT_COOKIE_MAGIC << 48)
#define LAYOUT_COOKIE_MASK  (UINT64_C(0xffff) << 48)

enum layout_kind {
    LAYOUT_K_NODE = 1,      /* Owner 0: same on every node. */
    LAYOUT_K_PORT = 2,      /* Owner: OpenFlow port. */
    LAYOUT_K_CLUSTER = 3,   /* Owner: cluster ID. */
    LAYOUT_K_SEGMENT = 4,   /* Owner: VNI, from here down. */
    LAYOUT_K_STATIC = 5,    /* Static MAC. */
    LAYOUT_K_LEARNED = 6,   /* Learned MAC. */
    LAYOUT_K_PENDING = 7,   /* Written by learn(); gone after a second. */
};

static inline uint64_t
layout_cookie(enum layout_kind kind, uint32_t owner)
{
    return LAYOUT_COOKIE_OURS | (uint64_t) kind << 40 | owner;
}

static inline enum layout_kind
layout_cookie_kind(uint64_t cookie)
{
    return (cookie >> 40) & 0xff;
}

static inline uint32_t
layout_cookie_owner(uint64_t cookie)
{
    return cookie;
}

static inline bool
layout_kind_is_mac(enum layout_kind kind)
{
    return kind == LAYOUT_K_STATIC || kind == LAYOUT_K_LEARNED;
}

static inline uint32_t
layout_slot(ofp_port_t port, uint16_t vlan)
{
    return (uint32_t) ofp_to_u16(port) << 16 | vlan;
}

/* The meter that bounds what LEARN sends to the controller.  The number is
 * out of the way of the small ones that people choose by hand. */
#define LAYOUT_METER_LEARN 19272

#endif /* flows/layout.h */
