/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef TESTS_BENCH_OFSWITCH_H
#define TESTS_BENCH_OFSWITCH_H 1

/* A switch, as far as a controller sees one.
 *
 * It answers what Open vSwitch answers: versions, features, ports, meters
 * (there are none), roles, echoes, barriers, bundles and dumps of flows.  If
 * it is to keep its flows, those of a bundle come in force when that is
 * committed, and a dump has them; otherwise they are counted, which is quicker
 * than any controller makes them.  Packets that it is told to send go nowhere.
 *
 * What it does not do: match frames, let flows expire, refuse anything, or
 * delete by other criteria than cookie and table or identity. */

#include <stdint.h>
#include "flows/flowset.h"
#include "openvswitch/ofp-protocol.h"
#include "tests/bench/benchio.h"

/* Its ports, and, from the last one on, more trunks.  They are always live, so
 * a cluster whose edges have the peer port as such sees nothing but good
 * health. */
#define OFSWITCH_TUNNEL 1
#define OFSWITCH_TRUNK 2
#define OFSWITCH_PEER 3
#define OFSWITCH_TRUNK1 4

struct ofswitch {
    struct bio bio;
    uint64_t dpid;
    enum ofp_version version;
    bool keeps_flows;
    unsigned int n_trunks;      /* 0 means 1. */
    struct flowset flows;
    struct ofpbuf bundle;       /* Flow-mods, one behind the other. */

    bool met;                   /* Its features were asked for. */
    uint64_t n_flow_mods;       /* In bundles or not. */
    uint64_t n_packet_outs, n_barriers;
    uint64_t n_answers;         /* Flow-mods outside bundles that add to table
                                 * 'answer_table'. */
    uint8_t answer_table;
};

void ofswitch_connect(struct ofswitch *, int epoll_fd, const char *target);
bool ofswitch_run(struct ofswitch *);

#endif /* tests/bench/ofswitch.h */
