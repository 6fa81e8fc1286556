/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef FLOWS_FDB_H
#define FLOWS_FDB_H 1

/* The forwarding database: which MAC is at which place of which segment.
 *
 * The switches hold this state (see flows/pipeline.h for the two flows of a
 * MAC); the fdb is the controller's copy, from which it decides.  Every
 * change of the fdb comes with the flow changes that keep the switches in
 * step, as data (struct fdb_op) for others to encode and send.  An operation
 * for a node that is not in sync may be dropped: that node is compared with
 * fdb_node_flows() before it is in sync again.
 *
 * Learning follows sightings (flows/sighting.h).  Ageing follows the
 * switches: a learned MAC lives as long as one node keeps its SOURCE flow, and
 * that is for as long as frames use it.  A switch that can be asked for how
 * long flows have been idle is asked, a segment at a time, and fdb_age_out()
 * lets it delete those that have been for too long.  In others these flows
 * have a timeout, and fdb_idle() takes their word for it that one has gone.
 * One whose flow nobody can be asked about, because the nodes that saw it are
 * not connected (yet, or any more), is on probation and goes after the ageing
 * time, unless it is seen by then or one of these nodes comes.
 *
 * Each segment has a limit.  When it is reached, the place that holds most
 * loses its oldest MAC, so that a port that floods the table with addresses
 * pushes out its own and not its neighbours' (the same defence as in OVS's
 * lib/mac-learning.h).  How many of its own it may push out in a second is
 * limited, for each is work for all nodes of the segment.
 *
 * A MAC that moves to and fro is frozen for a while where it is, because what
 * says that it is elsewhere is a loop, or a second station (fdb_flap.c).
 *
 * Invariants:
 *
 *   - At most one entry for a (segment, MAC).
 *   - An entry's place is in the entry's segment while in force; between a
 *     change of the topology and fdb_flush_withdrawn() it may not be.
 *   - A static MAC never ages, never moves and does not count for the limit.
 *     Every node of its segment has a guard for it, see flows/pipeline.h.
 *
 * The fdb owns its entries; segments, places and nodes belong to the topology
 * and keep lists and counts for the fdb. */

#include "flows/fdb_table.h"
#include "flows/pipeline.h"
#include "flows/topo.h"
#include "heap.h"

struct flowset;

/* What happens to learned MACs, for whoever wants to be told. */
enum fdb_event {
    FDB_EV_LEARNED,
    FDB_EV_MOVED,               /* From the other place. */
    FDB_EV_FROZEN,              /* Although it is seen at the other place. */
    FDB_EV_AGED,
    FDB_EV_EVICTED,             /* To make room for others. */
    FDB_EV_FORGOTTEN,           /* By command, or with its place. */
};

struct fdb_mac;

/* 'other' is NULL but where an event says what it is.  Must not change the
 * fdb. */
typedef void fdb_event_func(enum fdb_event, const struct fdb_mac *,
                            const struct topo_place *other, void *aux);

struct fdb {
    struct fdb_table macs;      /* By segment and MAC. */
    struct ovs_list probation;  /* Of struct fdb_mac, oldest first. */
    struct heap ageing;         /* Of struct topo_segment, those that have
                                 * learned MACs, by when to ask. */
    unsigned long long n_learned, n_moved, n_aged, n_evicted, n_frozen;
    fdb_event_func *tell;       /* NULL while nobody wants to be told. */
    void *tell_aux;

    /* For fdb_flap.c.  A MAC whose 'flap_moves'th move (0: any) would be
     * within 'flap_window' of its first is frozen for 'flap_hold', both in
     * milliseconds. */
    struct hmap flaps;          /* Of struct fdb_flap, by 'mac'. */
    struct ovs_list moving;     /* Those not frozen, oldest first... */
    struct ovs_list frozen;     /* ...and the others. */
    unsigned int flap_moves;
    long long flap_window, flap_hold;
};

#define FDB_FLAP_MOVES 5        /* RFC 7432, section 15.1. */
#define FDB_FLAP_WINDOW 180000

/* A MAC that has moved. */
struct fdb_flap {
    struct hmap_node node;
    struct ovs_list age_node;
    struct ovs_list rival_node; /* In 'rivals' of 'rival', or empty. */
    struct fdb_mac *mac;
    struct topo_place *rival;   /* Where a frozen one was seen, or NULL. */
    unsigned int n;             /* Moves. */
    bool frozen;
    long long since;            /* Of the first move, or of being frozen. */
};

/* A node that has the MAC's SOURCE flow, and the slot in its match. */
struct fdb_seen {
    struct topo_node *node;
    uint32_t slot;
    uint32_t epoch;             /* fdb_adopt_source(). */
    long long at;               /* When it told us, monotonic. */
};

struct fdb_mac {
    struct ovs_list segment_node;
    struct ovs_list place_node;
    struct ovs_list probation_node; /* Empty unless on probation. */
    struct topo_segment *segment;
    struct topo_place *place;
    struct eth_addr mac;
    bool is_static;
    bool synced;                /* For fdb_sync_statics(). */
    bool moving;                /* There is a struct fdb_flap. */
    uint32_t n_moves;
    long long learned_at;       /* That it is at 'place', or on probation since
                                 * then.  Monotonic, milliseconds. */
    struct fdb_seen *seen;      /* All nodes, for a static MAC. */
    uint32_t n_seen, allocated_seen;
    struct fdb_seen first_seen; /* Where 'seen' points while one is enough. */
};

/* One flow of one node is to be added (or replaced), or deleted.  Refers to
 * the topology, so it must be carried out before topo_reap(). */
struct fdb_op {
    struct topo_node *node;
    bool source;                /* SOURCE flow, otherwise... */
    bool guard;                 /* ...a static MAC's guard, otherwise DEST
                                 * flow. */
    bool add;
    uint32_t slot;              /* Of a SOURCE flow. */
    struct pipeline_mac m;
};

struct fdb_ops {
    struct fdb_op *ops;
    size_t n, allocated;
};

void fdb_ops_uninit(struct fdb_ops *);
bool fdb_op_flow(const struct fdb_op *, struct flowset_spec *,
                 struct match *, struct ofpbuf *acts);
void fdb_op_add_flow(const struct fdb_op *, struct flowset *);

void fdb_init(struct fdb *);
void fdb_destroy(struct fdb *);

struct fdb_mac *fdb_find(const struct fdb *, const struct topo_segment *,
                         struct eth_addr);

enum fdb_verdict {
    FDB_LEARNED,                /* New. */
    FDB_CONFIRMED,              /* Known at this place, not by this node. */
    FDB_MOVED,
    FDB_REFUSED,                /* Static elsewhere. */
    FDB_FROZE,                  /* Has moved too often: from now on... */
    FDB_FROZEN,                 /* ...it stays where it is for a while. */
    FDB_FULL,                   /* No room, for now. */
};
enum fdb_verdict fdb_sight(struct fdb *, struct topo_node *,
                           struct topo_place *, struct eth_addr,
                           long long now, struct fdb_ops *);
bool fdb_idle(struct fdb *, const struct topo_node *, struct topo_place *,
              uint32_t slot, struct eth_addr, struct fdb_ops *);
void fdb_lose_node(struct fdb *, const struct topo_node *, long long now);
void fdb_run(struct fdb *, long long now, struct fdb_ops *);
bool fdb_is_frozen(const struct fdb *, const struct fdb_mac *);
const struct fdb_flap *fdb_find_flap(const struct fdb *,
                                     const struct fdb_mac *);
void fdb_thaw(struct fdb *, const struct topo_segment *, struct fdb_ops *);

/* A MAC whose flow a node has not used for long: that of 'slot', or if it is 0
 * of the VTEP of which 'tag' is the pipeline_place_tag(). */
struct fdb_idle_mac {
    struct eth_addr mac;
    uint32_t slot;
    uint32_t tag;
};
struct topo_segment *fdb_age_due(struct fdb *, long long now);
long long fdb_age_wake(const struct fdb *);
void fdb_age_heard(struct fdb *, struct topo_segment *, unsigned int oldest,
                   long long now);
void fdb_age_anew(struct fdb *, struct topo_segment *, long long now);
bool fdb_age_out(struct fdb *, const struct topo_node *,
                 const struct topo_segment *, const struct fdb_idle_mac *,
                 long long asked, struct fdb_ops *);

size_t fdb_flush(struct fdb *, const struct topo_segment *,
                 const struct eth_addr *, struct fdb_ops *);
void fdb_abandon(struct fdb *, struct topo_segment *);
void fdb_flush_place(struct fdb *, struct topo_place *, struct fdb_ops *);
void fdb_flush_withdrawn(struct fdb *, struct topo *, struct fdb_ops *);
void fdb_sync_statics(struct fdb *, const struct topo *, long long now,
                      struct fdb_ops *);
void fdb_forget_node(struct fdb *, const struct topo_node *,
                     struct fdb_ops *);

/* What a node should have (all segments if 'segment' is NULL). */
typedef void fdb_op_func(const struct fdb_op *, void *aux);
void fdb_mac_ops(const struct fdb_mac *, const struct topo_node *,
                 fdb_op_func *, void *aux);
void fdb_node_ops(const struct topo_node *, const struct topo_segment *,
                  fdb_op_func *, void *aux);
void fdb_node_flows(const struct topo_node *, const struct topo_segment *,
                    struct flowset *);
bool fdb_has_source(const struct fdb_mac *, const struct topo_node *);
bool fdb_has_spoken(const struct fdb_mac *, const struct topo_node *,
                    long long since);

/* Taking MACs back from the flows of a node. */
void fdb_adopt_source(struct fdb *, struct topo_node *, struct topo_place *,
                      uint32_t slot, struct eth_addr, uint32_t epoch,
                      long long now, struct fdb_ops *);
void fdb_adopt_dest(struct fdb *, struct topo_node *, struct topo_place *,
                    struct eth_addr, uint32_t epoch, long long now,
                    struct fdb_ops *);

#endif /* flows/fdb.h */
