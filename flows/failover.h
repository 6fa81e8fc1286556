/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef FLOWS_FAILOVER_H
#define FLOWS_FAILOVER_H 1

/* Which edge of a cluster is to be active.
 *
 * A decision from what is known, at the time that the caller names; it is the
 * caller who carries it out.
 *
 * An edge that has its gate open forwards already, whatever else we think: it
 * is adopted, not flapped.  Where the database remembers another edge as
 * active than the one that shows up first, that other may be forwarding, out
 * of our sight, and is given time to connect: two active edges would be a
 * loop.  Where nothing is remembered, the first to come is it. */

#include <stdbool.h>
#include <stddef.h>

/* How long an edge that the database remembers as active is waited for, in
 * milliseconds: a bit longer than it takes OVS to reconnect (its backoff is
 * 8 s at most). */
#define FAILOVER_GRACE 10000

struct failover_edge {
    bool ready;                 /* Connected, and its flows have been read. */
    bool gate_open;             /* As its flows were when they were read. */
};

struct failover_view {
    const struct failover_edge *edges;  /* Most preferred first. */
    size_t n;
    int active;                 /* Index of the active edge, or -1. */
    int remembered;             /* Index by the database, or -1. */
    long long since;            /* When the cluster was first looked at. */
};

int failover_elect(const struct failover_view *, long long now,
                   long long *retry);

#endif /* flows/failover.h */
