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
 * GATE asks LEASE, TAKEN and ALONE where an edge may have to decide by itself.
 * REMOTE asks WAY, where a node can see by itself which edge is there, or has
 * noted in FOLLOW, without a controller, which one it got frames from.
 *
 * A 'slot' is a node's own name for a place where frames enter or leave
 * locally: (OpenFlow port << 16 | VLAN), VLAN 0 being untagged.  It needs no
 * allocator, so a controller that starts with empty hands can read it. */

#include <stdint.h>
#include "openvswitch/types.h"
#include "flow.h"
#include "packets.h"

enum layout_table {
    LAYOUT_CLASSIFY = 0,    /* Port and tag, or tunnel and VNI: which VNI? */
    LAYOUT_GATE = 1,        /* Is the cluster active on this edge? */
    LAYOUT_SOURCE = 2,      /* Subroutine: is the source known here? */
    LAYOUT_LEARN = 3,       /* If not: tell the controller, once a second. */
    LAYOUT_POLICY = 4,      /* Room for ACLs. */
    LAYOUT_NEIGH = 5,       /* Room for ARP and ND suppression. */
    LAYOUT_DEST = 6,        /* Known destination: where? */
    LAYOUT_FLOOD = 7,       /* Otherwise: everywhere it may go. */
    LAYOUT_OUTPUT = 8,      /* A slot to leave by. */
    LAYOUT_PASS = 9,        /* Past an open gate: on inward, or out. */
    LAYOUT_REMOTE = 10,     /* A cluster whose active edge is elsewhere. */
    LAYOUT_TUNNEL = 11,     /* Into the overlay; never from the overlay. */
    LAYOUT_EMIT = 12,       /* Tag and send. */
    LAYOUT_LEASE = 13,      /* Subroutine: is there a controller? */
    LAYOUT_ALONE = 14,      /* If not: what the peer ports say counts. */
    LAYOUT_WAY = 15,        /* Subroutine: another edge than REMOTE's. */
    LAYOUT_FOLLOW = 16,     /* Subroutine: alone, who sends shows the way. */
    LAYOUT_NOTICE = 17,     /* Subroutine: alone, the active edge shows up. */
    LAYOUT_TAKEN = 18,      /* Subroutine: who has taken over? */
    LAYOUT_N_TABLES
};

/* Registers.  METADATA holds the VNI.
 *
 *   reg0   slot by which the frame came in, 0 if from a tunnel
 *   reg1   slot by which it is to leave
 *   reg2   ID of the cluster whose gate is asked
 *   reg3   flags, below
 *   reg4   the first port of some that is live, or LAYOUT_NO_PORT
 *   reg5   what ALONE is asked, of enum layout_alone
 *   reg6   what TAKEN says, of enum layout_taken */
enum layout_flag {
    LAYOUT_F_KNOWN = 1 << 0,    /* The source MAC is known, or need not be. */
    LAYOUT_F_TUNNEL = 1 << 1,   /* Came from the overlay (split horizon). */
    LAYOUT_F_OUT = 1 << 2,      /* Past DEST: the gate leads outward. */
    LAYOUT_F_LEASE = 1 << 3,    /* The controller was there a moment ago. */
    LAYOUT_F_LIMIT = 1 << 4,    /* One copy of a flood, by a slot that limits
                                 * them. */
    LAYOUT_F_BPDU = 1 << 5,     /* For bindings alone that forward BPDUs. */
    LAYOUT_F_COUNTED = 1 << 6,  /* As flooded, by the binding it came in by. */
};

enum layout_alone {
    LAYOUT_STANDBY = 1,         /* Open if alone and no port is live. */
    LAYOUT_FENCE = 2,           /* Closed if alone and no port is live. */
    LAYOUT_ACTIVE = 3,          /* Open. */
};

enum layout_taken {
    LAYOUT_T_SELF = 1 << 0,     /* This edge, and nobody else has shown up. */
    LAYOUT_T_DEPOSED = 1 << 1,  /* Another, says the controller. */
};

#define LAYOUT_NO_PORT 0xffff

enum layout_priority {
    LAYOUT_PRIO_REPORT = 320,   /* Told, before anybody forwards or drops. */
    LAYOUT_PRIO_ADMIT = 310,    /* An exception to REFUSE. */
    LAYOUT_PRIO_REFUSE = 300,   /* Never to be forwarded. */
    LAYOUT_PRIO_LIMIT = 200,    /* Not beyond a limit. */
    LAYOUT_PRIO_GUARD = 200,    /* Only from where it belongs. */
    LAYOUT_PRIO_HOLD = 150,     /* A segment apart from others. */
    LAYOUT_PRIO_EXCEPT = 110,   /* An exception to the next. */
    LAYOUT_PRIO_COUNT = 105,    /* Counted first, then MAIN. */
    LAYOUT_PRIO_MAIN = 100,
    LAYOUT_PRIO_LEARNED = 90,   /* MAIN, of a VTEP that was learned. */
    LAYOUT_PRIO_ELSE_LIMIT = 20,    /* ELSE, within a limit. */
    LAYOUT_PRIO_ELSE = 10,
    LAYOUT_PRIO_LAST_REFUSE = 3,    /* Refuses what LAST would take. */
    LAYOUT_PRIO_LAST_LIMIT = 2,     /* LAST, within a limit. */
    LAYOUT_PRIO_LAST = 1,
};

/* Cookies: magic (16 bits), kind (8), 0 (8), owner (32). */
#define LAYOUT_COOKIE_MAGIC UINT64_C(0x4b48)
#define LAYOUT_COOKIE_OURS  (LAYOUT_COOKIE_MAGIC << 48)
#define LAYOUT_COOKIE_MASK  (UINT64_C(0xffff) << 48)
#define LAYOUT_COOKIE_KIND  (UINT64_C(0xffffff) << 40)  /* Magic and kind. */

/* All that a cookie says, to delete one flow of many that have it.  With all
 * 64 bits Open vSwitch would look for the flow among those with the cookie,
 * one after the other; with fewer it looks the match up. */
#define LAYOUT_COOKIE_EXACT UINT64_C(0xffffff00ffffffff)

enum layout_kind {
    LAYOUT_K_NODE = 1,      /* Owner 0: same on every node. */
    LAYOUT_K_PORT = 2,      /* Owner: OpenFlow port. */
    LAYOUT_K_CLUSTER = 3,   /* Owner: cluster ID. */
    LAYOUT_K_SEGMENT = 4,   /* Owner: VNI, from here down. */
    LAYOUT_K_STATIC = 5,    /* Static MAC. */
    LAYOUT_K_LEARNED = 6,   /* Learned MAC. */
    LAYOUT_K_PENDING = 7,   /* Written by learn(); gone after seconds. */
    LAYOUT_K_LEASE = 8,     /* Written by learn() on the controller's word. */
    LAYOUT_K_TAKEN = 9,     /* Written by learn(): who has taken over. */
    LAYOUT_K_ADDRS = 10,    /* Owner 0: addresses of the node and its peers. */
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

/* The cookie that is marked for the flows of the owner 'cookie' to be derived
 * anew (struct topo_dirty): those of MACs are by segment. */
static inline uint64_t
layout_mark(uint64_t cookie)
{
    return (layout_kind_is_mac(layout_cookie_kind(cookie))
            ? layout_cookie(LAYOUT_K_LEARNED, layout_cookie_owner(cookie))
            : cookie);
}

static inline uint32_t
layout_slot(ofp_port_t port, uint16_t vlan)
{
    return (uint32_t) ofp_to_u16(port) << 16 | vlan;
}

/* Meters.  The numbers are out of the way of the small ones that people choose
 * by hand.
 *
 * LEARN, HELD (flows/share.h), PROBE, MARKER, BPDU and LOOP bound what goes to
 * the controller.  The meter of a gate lets all pass, or nothing: unlike a
 * flow, whose verdict lives on in what the datapath has cached, a meter is
 * asked for every frame, so that a gate that is closed by it is closed when
 * the switch says so. */
#define LAYOUT_METER_LEARN 19272
#define LAYOUT_METER_PROBE 19273
#define LAYOUT_METER_MARKER 19274
#define LAYOUT_METER_BPDU  19275
#define LAYOUT_METER_LOOP  19276
#define LAYOUT_METER_HELD  19277
#define LAYOUT_METER_GATE  20000
#define LAYOUT_N_GATE_METERS 40000

static inline uint32_t
layout_gate_meter(uint32_t cluster)
{
    return LAYOUT_METER_GATE + cluster % LAYOUT_N_GATE_METERS;
}

/* The meters of storm control, one for each slot and direction that has a
 * limit.  Their numbers say of which slot they are: port 2 and VLAN 10 have
 * 1000020010 on the way in and 2000020010 on the way out.  (A switch bounds
 * how many meters it has, not their numbers.) */
#define LAYOUT_METER_IN  UINT32_C(1000000000)
#define LAYOUT_METER_OUT UINT32_C(2000000000)
#define LAYOUT_METERS_PER_PORT 10000

static inline uint32_t
layout_limit_meter(uint32_t slot, bool out)
{
    return ((out ? LAYOUT_METER_OUT : LAYOUT_METER_IN)
            + (slot >> 16) * LAYOUT_METERS_PER_PORT + (slot & 0xffff));
}

/* Returns the slot that has the meter 'id', or 0 if that is none of storm
 * control.  '*out' becomes the direction. */
static inline uint32_t
layout_limit_slot(uint32_t id, bool *out)
{
    uint32_t n;

    *out = id >= LAYOUT_METER_OUT;
    n = id - (*out ? LAYOUT_METER_OUT : LAYOUT_METER_IN);
    if (id < LAYOUT_METER_IN || n / LAYOUT_METERS_PER_PORT > UINT16_MAX
        || n % LAYOUT_METERS_PER_PORT > VLAN_VID_MASK) {
        return 0;
    }
    return (n / LAYOUT_METERS_PER_PORT) << 16 | n % LAYOUT_METERS_PER_PORT;
}

/* How long the controller's word that it is there counts, in seconds. */
#define LAYOUT_LEASE_TIME 3

/* How long it counts after the last frame, in seconds, what FOLLOW notes; that
 * an edge was deposed; and that a standby has taken over, or that another edge
 * has shown up since. */
#define LAYOUT_FOLLOW_TIME 10
#define LAYOUT_DEPOSED_TIME 2
#define LAYOUT_TAKEN_TIME 600

/* Probes of the overlay: frames with EtherType 0x88b6 (IEEE 802, local
 * experimental) in VNI 0, which is no segment's.  A node sends those that ask
 * back to where they came from, as answers, and those to its controller.  The
 * last four bytes of the source address, which stays, are the key of the node
 * that asks (topo_node_probe_key()): what has another one is no answer.
 *
 * Markers have the same EtherType and a group address.  An edge sends them out
 * of its trunks after it has closed a gate; one that gets any by a trunk shows
 * them to its controller. */
#define LAYOUT_PROBE_VNI 0
#define LAYOUT_PROBE_TYPE 0x88b6
#define LAYOUT_PROBE_ASK    ETH_ADDR_C(02,4b,48,00,00,01)
#define LAYOUT_PROBE_ANSWER ETH_ADDR_C(02,4b,48,00,00,02)
#define LAYOUT_PROBE_MARKER ETH_ADDR_C(03,4b,48,00,00,03)

/* A probe that tells an edge, by way of another one, that it is not active any
 * more: the cluster is in the last four bytes of the source address. */
#define LAYOUT_PROBE_DEPOSE ETH_ADDR_C(02,4b,48,00,00,04)

/* A probe for loops: an edge sends it out of a binding, and shows those that
 * come in, by whatever port, to its controller.  The cluster is in the last
 * four bytes of the source address. */
#define LAYOUT_PROBE_LOOP ETH_ADDR_C(03,4b,48,00,00,05)

/* What the spanning tree protocols of other bridges are sent to: that of IEEE
 * 802.1D, and the one of each VLAN that Cisco's bridges have beside it. */
#define LAYOUT_BPDU_IEEE ETH_ADDR_C(01,80,c2,00,00,00)
#define LAYOUT_BPDU_PVST ETH_ADDR_C(01,00,0c,cc,cc,cd)

static inline bool
layout_is_bpdu(struct eth_addr dst)
{
    static const struct eth_addr ieee = LAYOUT_BPDU_IEEE;
    static const struct eth_addr pvst = LAYOUT_BPDU_PVST;

    return eth_addr_equals(dst, ieee) || eth_addr_equals(dst, pvst);
}

/* What an active edge shows to others by a port by which they see it: a frame
 * to this address, in the last four bytes of which is the cluster. */
#define LAYOUT_NOTICE_ADDR ETH_ADDR_C(06,4b,00,00,00,00)
#define LAYOUT_NOTICE_MASK ETH_ADDR_C(ff,ff,00,00,00,00)

#endif /* flows/layout.h */
