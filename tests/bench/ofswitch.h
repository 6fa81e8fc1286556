/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef TESTS_BENCH_OFSWITCH_H
#define TESTS_BENCH_OFSWITCH_H 1

/* A switch, as far as its controllers see one.
 *
 * It answers what Open vSwitch answers: versions, features, ports, meters,
 * roles, echoes, barriers, bundles and dumps of flows.  If it is to keep its
 * flows, it keeps its meters too, those of a bundle come in force when that is
 * committed, and a dump has them; otherwise they are counted, which is quicker
 * than any controller makes them, and there are no meters.  Packets that it is
 * told to send go nowhere.
 *
 * It is connected to one controller or several, which share flows, meters,
 * ports and the generation ID.  To a connection belong its role, what it wants
 * to hear of, an unfinished bundle, and what was counted.  There is one master
 * at most; the former one becomes a slave and is told so.  What a slave must
 * not send is refused and has no effect.  (tests/bench/test_ofswitch.py holds
 * all that against ovs-vswitchd.)
 *
 * A connection that the controller closes stays closed, and with it goes its
 * role.
 *
 * What it does not do: match frames, change its ports, let flows expire, or
 * refuse anything else than writes of a slave, stale generation IDs, and
 * meters that are or are not there.  Flows are deleted by cookie and table or
 * identity only. */

#include <stdint.h>
#include "flows/flowset.h"
#include "openvswitch/ofp-connection.h"
#include "openvswitch/ofp-protocol.h"
#include "tests/bench/benchio.h"

/* Its ports, and, from the last one on, more trunks.  They are always live, so
 * a cluster whose edges have the peer port as such sees nothing but good
 * health. */
#define OFSWITCH_TUNNEL 1
#define OFSWITCH_TRUNK 2
#define OFSWITCH_PEER 3
#define OFSWITCH_TRUNK1 4

/* What has come in by a connection. */
struct ofswitch_counts {
    uint64_t flow_mods;         /* In bundles or not; none that is refused. */
    uint64_t changes;           /* Flows added, or deleted, by them, if flows
                                 * are kept. */
    uint64_t meter_mods, packet_outs, barriers;
    uint64_t answers;           /* Flow-mods outside bundles that add to table
                                 * 'answer_table'. */
    uint64_t refused;           /* Writes of a slave. */
    uint64_t roles;             /* Changes of the role, whoever caused them. */
};

struct ofswitch_conn {
    struct bio bio;
    struct ofswitch *sw;
    bool closed;
    bool met;                   /* Its features were asked for. */
    enum ofp12_controller_role role;
    struct ofputil_async_cfg async;
    struct ofpbuf bundle;       /* Flow-mods, one behind the other. */
    struct ofswitch_counts n;
};

struct ofswitch {
    /* Set by the user before ofswitch_connect(). */
    uint64_t dpid;
    enum ofp_version version;
    bool keeps_flows;
    bool has_traffic;           /* Each flow counts a frame a second. */
    unsigned int n_trunks;      /* 0 means 1. */
    uint8_t answer_table;

    struct ofswitch_conn *conns;        /* As many as there are targets. */
    size_t n_conns;
    int64_t mastered;           /* When it last got a master, or lost it. */
    bool has_generation;
    uint64_t generation;
    struct flowset flows;
    struct hmap meters;
};

void ofswitch_connect(struct ofswitch *, int epoll_fd,
                      const char *const *targets, size_t n_targets);
bool ofswitch_run(struct ofswitch_conn *);
void ofswitch_flush(struct ofswitch *);

const struct ofswitch_conn *ofswitch_master(const struct ofswitch *);
void ofswitch_packet_in(struct ofswitch *, unsigned int reason,
                        const void *, size_t);

#endif /* tests/bench/ofswitch.h */
