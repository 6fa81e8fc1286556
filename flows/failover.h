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
 * be, before the new one is opened.  What the old edge has sent into the VLANs
 * may still be on its way to the new one, which would send it back into the
 * overlay: a marker that the old edge sends after it tells when it is not.
 * Only an edge that cannot be told is replaced without all that.
 *
 * Whom to believe: nobody alone.  What looks like the end of the active edge
 * begins a round of probes, FAILOVER_PROBE long: the edge is asked over its
 * connection, the others ask it through the overlay, and both sides ask nodes
 * that are no edges of the cluster.
 *
 *   - A connection that was closed may be that of a process that was killed,
 *     or of one that reconnects.  If the others get an answer through the
 *     overlay, it stays.  BFD has the last word where it has one.
 *   - BFD that goes down may be the peer link's own trouble.  If the active
 *     edge answers, nothing changes, unless it has lost the overlay, which the
 *     other has not.  If it does not answer, its connection, which lingers,
 *     counts for nothing until it is heard again.
 *   - Without BFD a round begins every FAILOVER_REPROBE, and so it does while
 *     BFD is down.
 *   - An edge that has its gate open forwards already, whatever else we
 *     think: where there is no active edge within reach, it is adopted.  That
 *     may be a standby that took over by itself while we were away.
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

/* How long a round of probes takes, and from when to when.  One about an edge
 * that has closed its connection is shorter: its datapath answers, and not a
 * program that may be busy. */
#define FAILOVER_PROBE 80
#define FAILOVER_PROBE_CLOSED 25
#define FAILOVER_REPROBE 500

/* How long others than the edge that the database remembers are waited for, in
 * case that one of them has taken over by itself. */
#define FAILOVER_OTHERS 2000

/* How long a gate may take to open, or to close, before the next step is taken
 * all the same. */
#define FAILOVER_BREAK 1000

/* How long the other gate waits for the marker after one is confirmed to be
 * closed.  (Without a marker, 3 ms were too short on a busy machine.) */
#define FAILOVER_SETTLE 20

enum failover_bfd { FAILOVER_BFD_NONE, FAILOVER_BFD_UP, FAILOVER_BFD_DOWN };

struct failover_edge {
    const void *id;             /* Names the edge from one view to the next. */
    bool ready;                 /* Connected, and its flows are known. */
    bool gate_open;             /* As the switch last confirmed. */
    bool alone;                 /* The gate is open by its own decision. */
    bool closed;                /* Not ready: it closed its connection. */
    bool fit;                   /* Its trunk and tunnel ports are there. */
    bool drained;               /* The operator wants it to rest. */
    enum failover_bfd bfd;      /* What it says of the active edge, or, if it
                                 * is that, of the first other. */
    long long well_since;       /* Since when it is ready and fit. */
    long long heard;            /* When it last said anything. */
    long long answered;         /* When it last answered over its connection
                                 * that it is there. */
    long long met;              /* When another edge last had its answer. */
    long long reached;          /* When it last had the answer of a node that
                                 * is no edge of the cluster. */
};

struct failover_view {
    const struct failover_edge *edges;  /* Most preferred first. */
    size_t n;
    const void *remembered;     /* By the database, or NULL. */
    const void *wanted;         /* By the operator, against preemption. */
    bool flushed;               /* The marker has come since the last CLOSE. */
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
    long long round;            /* When the last round began, or 0. */
    bool lost;                  /* The round is about an edge that is not
                                 * connected. */
    bool silent, cut;           /* What was found of 'doubted', if anything:
                                 * not heard, or without overlay. */
    const void *doubted;        /* The last one that was, or NULL. */
    long long doubted_since;
    long long recheck;          /* When one without overlay is asked again. */
};

enum failover_verb {
    FAILOVER_NOTHING,
    FAILOVER_PROBE_EDGE,        /* Begin a round about 'edge'. */
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
bool failover_is_doubted(const struct failover *,
                         const struct failover_edge *);
bool failover_is_decided(const struct failover *, long long now);

#endif /* flows/failover.h */
