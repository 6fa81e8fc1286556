/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef FLOWS_FAILOVER_H
#define FLOWS_FAILOVER_H 1

/* Which edge of a cluster is to be active.
 *
 * A state machine, one for each cluster.  It is shown what is known about the
 * edges, and the time, and says what is to be done; it is the caller who does
 * it.  It is asked again whenever something has changed, or when it said that
 * it would like to be ('wake').
 *
 *     NONE ── OPEN ──► ACTIVE ── CLOSE ──► BREAK ── OPEN ──► ACTIVE
 *                        │                                    ▲
 *                        └────────── OPEN (it is gone) ───────┘
 *
 * While both edges are within reach, the old gate is closed, and confirmed to
 * be, before the new one is opened.  Only an edge that cannot be told is
 * replaced without.
 *
 * Whom to believe:
 *
 *   - A connection that ended, or fell silent, may be the connection's own
 *     trouble.  While BFD between the edges says that the active one lives, it
 *     stays: a process that was killed cannot be told by its connection from
 *     one that reconnects.
 *   - BFD that goes down may be the peer link's own trouble.  The active edge
 *     is probed; if it answers in time, nothing changes.  If it does not, its
 *     connection, which lingers, counts for nothing until it is heard again.
 *   - An edge that has its gate open forwards already, whatever else we
 *     think: where there is no active edge, it is adopted.
 *   - Where the database remembers another edge than the one that shows up
 *     first, that other may be forwarding, out of our sight, and is given time
 *     to connect: two active edges would be a loop.
 *
 * A preferred edge that is back takes over again only in a preemptive
 * cluster, and after it has been well for the hold-down time.
 *
 * Times are in milliseconds, on any one clock. */

#include <stdbool.h>
#include <stddef.h>

/* How long an edge that the database remembers as active is waited for: a bit
 * longer than it takes OVS to reconnect (its backoff is 8 s at most). */
#define FAILOVER_GRACE 10000

/* How long the active edge has to answer a probe. */
#define FAILOVER_PROBE 100

/* How long a gate may take to open, or to close, before the next step is taken
 * all the same. */
#define FAILOVER_BREAK 1000

/* How long the other gate waits after one is confirmed to be closed: what the
 * switch's datapath has cached lives on for a moment.  (10 ms were enough with
 * some thousand flows in the cache, 3 ms were not.) */
#define FAILOVER_SETTLE 20

enum failover_bfd { FAILOVER_BFD_NONE, FAILOVER_BFD_UP, FAILOVER_BFD_DOWN };

struct failover_edge {
    const void *id;             /* Names the edge from one view to the next. */
    bool ready;                 /* Connected, and its flows are known. */
    bool gate_open;             /* As the switch last confirmed. */
    bool closed;                /* Not ready: it closed its connection. */
    bool fit;                   /* Its trunk and tunnel ports are there. */
    bool drained;               /* The operator wants it to rest. */
    enum failover_bfd bfd;      /* What it says of its peer. */
    long long well_since;       /* Since when it is ready and fit. */
    long long heard;            /* When it last said anything. */
};

struct failover_view {
    const struct failover_edge *edges;  /* Most preferred first. */
    size_t n;
    const void *remembered;     /* By the database, or NULL. */
    const void *wanted;         /* By the operator, against preemption. */
    bool preemptive;
    long long holddown;
    long long since;            /* When the cluster was first looked at. */
};

enum failover_phase { FAILOVER_NONE, FAILOVER_ACTIVE, FAILOVER_BREAKING };

struct failover {
    enum failover_phase phase;
    const void *active;         /* In BREAKING, the one that is closing. */
    long long active_since;     /* Since when it was told to open. */
    const void *target;         /* In BREAKING. */
    const char *reason;         /* In BREAKING. */
    long long break_since;
    long long settle_since;     /* In BREAKING: when it was closed, or 0. */
    long long suspect_since;    /* Since when BFD is down, or 0. */
    const void *silent;         /* The last that was found silent, or NULL. */
    long long silent_since;
};

enum failover_verb {
    FAILOVER_NOTHING,
    FAILOVER_PROBE_EDGE,        /* Ask 'edge' for a sign of life. */
    FAILOVER_CLOSE,             /* Close the gate of 'edge'. */
    FAILOVER_OPEN,              /* 'edge' is active; open its gate. */
};

struct failover_action {
    enum failover_verb verb;
    const void *edge;
    const char *reason;         /* Of OPEN and CLOSE: a literal. */
    long long wake;             /* When to ask again; LLONG_MAX: no need. */
};

void failover_run(struct failover *, const struct failover_view *,
                  long long now, struct failover_action *);

#endif /* flows/failover.h */
