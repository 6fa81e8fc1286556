/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef TESTS_BENCH_LOADSTAT_H
#define TESTS_BENCH_LOADSTAT_H 1

/* What ofload tells on standard output, a line of JSON each.
 *
 * Nothing here is owned or changed, but that the times of a run are sorted.
 * Times are in seconds, latencies in microseconds; points in time are those of
 * CLOCK_MONOTONIC. */

#include <stddef.h>
#include <stdint.h>
#include "tests/bench/loadargs.h"
#include "tests/bench/ofswitch.h"

/* The switches, and what is known of their controllers. */
struct loadstat {
    const struct loadargs *args;
    const struct ofswitch *switches;    /* args->n_switches. */
};

/* A run, in nanoseconds. */
struct loadstat_run {
    uint64_t packet_ins;
    int64_t took;
    int64_t connect;            /* From the start until all were ready. */
    uint64_t own;               /* CPU time. */
    uint64_t theirs[LOADARGS_MAX_TARGETS];
    int64_t *times;             /* NULL, or of each packet-in. */
};

void loadstat_print_run(const struct loadstat *, struct loadstat_run *);
void loadstat_print_status(const struct loadstat *);
void loadstat_print_macs(const struct loadstat *);

#endif /* tests/bench/loadstat.h */
