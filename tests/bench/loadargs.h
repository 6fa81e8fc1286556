/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef TESTS_BENCH_LOADARGS_H
#define TESTS_BENCH_LOADARGS_H 1

/* What the command line of ofload says; see there what it means.
 *
 * loadargs_parse() begins with the defaults, and ends the program when the
 * command line makes no sense.  Strings are those of the command line. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "openvswitch/ofp-protocol.h"

#define LOADARGS_MAX_TARGETS 16
#define LOADARGS_PACKET_OUT UINT8_MAX   /* As 'answer', instead of a table. */

struct loadargs {
    const char *targets[LOADARGS_MAX_TARGETS];
    size_t n_targets;
    pid_t pids[LOADARGS_MAX_TARGETS];           /* 0 where it is not known. */
    size_t n_switches;
    uint64_t dpid;
    uint32_t vni;
    uint16_t vlan;
    size_t cluster;             /* Switches that share a segment. */
    const char *vtep;
    enum ofp_version version;
    uint64_t macs, rounds, window;
    uint8_t answer;
    bool latency, wait_barrier, keep_flows, moves, miss, on_input, traffic;
    int hold;                   /* Seconds. */
    unsigned int trunks;
};

void loadargs_parse(struct loadargs *, int argc, char *argv[]);

#endif /* tests/bench/loadargs.h */
