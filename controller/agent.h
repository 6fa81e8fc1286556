/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_AGENT_H
#define CONTROLLER_AGENT_H 1

/* The owner of the state, and the three walks through it.
 *
 *     packet-in ── sighting ── fdb ───────────┐           agent_learn.c
 *     OVSDB rows ─ conf ────── topo ──────────┼─► edges   agent_conf.c
 *     reconnect ── dump flows ── adopt MACs ──┘           agent_sync.c
 *
 * Beside them agent_failover.c asks which edge is to be active, agent_probe.c
 * finds out for it who is there, agent_lease.c tells the switches that we are,
 * and agent_announce.c tells the neighbours.  agent_refused.c sees to what
 * switches do not take, and agent_blame.c tells the rows of it.  agent_age.c
 * asks which MACs nobody uses any more, agent_vtep.c learns VTEPs,
 * agent_close.c closes bindings that are part of a loop, agent_loop.c finds
 * loops and bridges, agent_share.c sees to it that one segment's new MACs do
 * not keep others from being learned, agent_mtu.c finds out how much the
 * overlay carries, agent_stats.c asks what the switches have counted,
 * agent_events.c remembers what happens for those who follow it,
 * agent_admit.c decides which connection is which edge's, and agent_shard.c
 * sees to it that each edge is led by one controller, and that we do what we
 * do to those that we lead.
 *
 * agent.c takes what comes from the connections and starts the walk that it
 * calls for; agent_run() does what was left for the end of a turn of the main
 * loop.  Every walk goes one way: from an event, through pure functions of
 * flows/ that decide, to flow-mods on the sessions concerned.
 *
 * There is one agent.  It owns the topology, the fdb, the database connection
 * and the sessions.  The 'aux' of a topo_node is its session, or NULL. */

#include "controller/edge.h"
#include "controller/events.h"
#include "flows/fdb.h"
#include "flows/layout.h"
#include "flows/mtu.h"
#include "flows/topo.h"
#include "openvswitch/list.h"
#include "openvswitch/ofp-protocol.h"

struct conf;
struct delta;
struct lead;
struct ofconn_listener;
struct ofputil_flow_removed;
struct packetin;
struct packetout_probe;
struct sighting;
struct simap;

#define AGENT_MAX_HISTORY 256   /* Take-overs that are remembered, of all
                                 * clusters. */

/* How often leases are renewed, in milliseconds. */
#define AGENT_LEASE_INTERVAL (LAYOUT_LEASE_TIME * 1000 / 3)

#define AGENT_N_VERSIONS (OFP15_VERSION - OFP13_VERSION + 1)

struct agent {
    struct topo topo;
    struct fdb fdb;
    struct conf *conf;
    struct lead *lead;
    bool lead_had_server;
    size_t n_met;               /* Edges that have a session. */
    size_t n_controllers;
    long long shards_at;        /* When the others are looked at again. */
    struct ovs_list edges;      /* Of struct edge. */
    struct ovs_list claims;     /* Those that are to be identified. */
    struct ovs_list busy;       /* Those for which agent_run() may have
                                 * something to do. */
    struct macmsg *macmsgs[AGENT_N_VERSIONS];   /* From OpenFlow 1.3 on. */
    uint32_t epoch;             /* Of the latest session. */
    struct fdb_ops ops;         /* Reused, empty between walks. */
    long long elect_at;         /* When an election is due, LLONG_MAX: not. */
    long long probation_at;     /* When probation is looked at again. */
    long long age_at;           /* When segments that are due to age are. */
    long long vteps_at;         /* When VTEPs that were learned are. */
    long long lease_at;         /* When leases are renewed. */
    long long trim_at;          /* When memory that was freed goes back to the
                                 * system, LLONG_MAX: need not. */
    long long shares_at;        /* When shares in learning are looked at again,
                                 * LLONG_MAX: nobody has more than his. */
    unsigned int n_leases;      /* How often they have been. */
    struct ovs_list rounds;     /* For agent_probe.c. */
    long long depose_at;        /* When edges are told again that they are not
                                 * active, LLONG_MAX: there are none. */
    uint64_t secret;            /* In all our probes... */
    uint64_t loop_secret;       /* ...but those for loops. */
    long long loops_at;         /* When the next of these may be sent. */
    struct ovs_list polls;      /* Of struct edge, those that are being asked
                                 * what they have counted. */
    size_t stats_room;          /* How many others may begin with a lease that
                                 * is being renewed. */
    bool stats_on;              /* Some have. */
    struct edge_cost polled;    /* What all that has cost so far. */
    struct ovs_list history;    /* Of struct agent_takeover, oldest first. */
    struct ovs_list announcements;  /* For agent_announce.c. */

    struct events events;       /* What has happened. */
    struct ovs_list event_readers;  /* For controller/admin_events.c. */

    /* For agent_mtu.c. */
    struct hmap paths;          /* Of struct agent_path. */
    struct ovs_list searches;   /* Those that are searched... */
    long long searches_at;      /* ...of which one has something to do then. */
    struct ovs_list mtu_probes; /* For controller/admin_mtu.c. */
    size_t n_narrow;
    unsigned int paths_round;
    long long paths_at;         /* When the next round is due, LLONG_MAX: there
                                 * are no paths. */

    /* For the line in the log that says what was learned. */
    unsigned long long told_learned, told_moved, told_aged, told_evicted;
    long long tell_at;
};

/* How much the overlay carries from an edge to another node. */
struct agent_path {
    struct hmap_node node;      /* In 'paths' of struct agent, by both. */
    struct ovs_list search_node;    /* In 'searches', or empty. */
    struct uuid from, to;       /* Rows of nodes; these may go. */
    struct mtu_search search;   /* The one under way... */
    struct mtu_search last;     /* ...and the one before... */
    bool known;                 /* ...if there was one. */
    unsigned int round;         /* The last in which it was wanted. */
};

#define AGENT_MAX_PATHS 65536

/* One edge took over from another. */
struct agent_takeover {
    struct ovs_list node;
    char *cluster, *from, *to;  /* Names; 'from' is "" if there was none. */
    const char *reason;
    long long decided;          /* Wall clock, milliseconds. */
    long long decided_at;       /* Monotonic. */
    long long took;             /* Until it was confirmed, or -1. */
    unsigned long long announced;   /* Frames sent to tell the neighbours. */
};

struct agent *agent_create(const char *db, const char *name);
void agent_destroy(struct agent *);
char *agent_listen(struct agent *, const char *target)
    OVS_WARN_UNUSED_RESULT;
void agent_run(struct agent *);
void agent_wait(struct agent *);
void agent_memory_usage(const struct agent *, struct simap *);

struct edge *agent_session(const struct topo_node *);
void agent_send_ops(struct agent *);
void agent_busy(struct agent *, struct edge *);
void agent_drop(struct agent *, struct edge *, const char *reason);
void agent_expel(struct agent *, struct edge *, const char *reason);
void agent_confirmed(struct agent *, struct edge *);
bool agent_edge_in_sync(const struct agent *, const struct edge *);

/* agent_learn.c */
void agent_packet_in(struct agent *, struct edge *,
                     const struct packetin *);
void agent_flow_removed(struct agent *, struct edge *,
                        const struct ofputil_flow_removed *);
size_t agent_flush_macs(struct agent *, struct topo_segment *,
                        const struct eth_addr *);

/* agent_vtep.c */
char *agent_meet_vtep(struct agent *, const struct sighting *)
    OVS_WARN_UNUSED_RESULT;
void agent_adopt_vteps(struct agent *, struct edge *);
bool agent_leads_segment(const struct topo_segment *);
void agent_vteps_led(struct agent *);
size_t agent_flush_vteps(struct agent *, const struct topo_segment *,
                         const struct in6_addr *);
void agent_vteps_run(struct agent *, long long now);
void agent_vteps_wait(const struct agent *);

/* agent_close.c */
void agent_close_binding(struct agent *, struct topo_attach *,
                         const char *reason);
void agent_froze(struct agent *, const struct topo_segment *);
void agent_closures_run(struct agent *, long long now);
void agent_closures_wait(const struct agent *);

/* agent_mtu.c */
void agent_mtu_init(struct agent *);
void agent_mtu_destroy(struct agent *);
void agent_mtu_run(struct agent *, long long now);
void agent_mtu_wait(const struct agent *);
void agent_mtu_soon(struct agent *);
void agent_mtu_answered(struct agent *, const struct topo_node *from,
                        const struct topo_node *to, size_t size);
struct agent_path *agent_path(const struct agent *, const struct topo_node *,
                              const struct topo_node *);
struct agent_path *agent_path_search(struct agent *, const struct topo_node *,
                                     const struct topo_node *, bool exact,
                                     long long at);
char *agent_narrow(const struct agent *, const struct topo_node *);
struct topo_node *agent_path_node(const struct agent *, const struct uuid *);

/* agent_events.c */
void agent_events_init(struct agent *);
void agent_events_destroy(struct agent *);
void agent_events_watch(struct agent *, long long now, long long msec);
void agent_events_run(struct agent *, long long now);
void agent_events_wait(const struct agent *);
void agent_events_usage(const struct agent *, struct simap *);
void agent_event_edge(struct agent *, enum event_kind,
                      const struct topo_node *, const char *reason);
void agent_event_cluster(struct agent *, enum event_kind,
                         const struct topo_cluster *, const char *from,
                         const char *to, const char *reason);
void agent_event_binding(struct agent *, enum event_kind,
                         const struct topo_attach *, const char *reason);
void agent_event_share(struct agent *, enum event_kind,
                       const struct topo_segment *, const struct topo_node *);

/* agent_share.c */
void agent_set_learn_rate(const struct agent *, struct edge *);
void agent_share_count(struct agent *, struct topo_node *, uint32_t vni,
                       long long now);
void agent_shares_run(struct agent *, long long now);
void agent_shares_wait(const struct agent *);

/* agent_stats.c */
void agent_stats_tick(struct agent *);
void agent_stats_begin(struct agent *, struct edge *, long long now);
void agent_stats_run(struct agent *, long long now);
void agent_stats_wait(const struct agent *);

/* agent_admit.c */
#define AGENT_CLAIM_WAIT 3000   /* Milliseconds for an answer. */

enum agent_verdict {
    AGENT_ASK,                  /* Who is there is to be asked. */
    AGENT_WAIT,                 /* It has been, and may yet answer. */
    AGENT_REFUSE,               /* It has answered: it stays. */
    AGENT_REPLACE,              /* It has not. */
};
enum agent_verdict agent_judge(long long claimed, long long asked,
                               long long answered, long long now);
char *agent_pin_error(const struct topo_node *, const char *cn);
void agent_refuse(struct agent *, struct topo_node *, struct edge *,
                  char *why);
void agent_identify(struct agent *, struct edge *);
void agent_claim(struct agent *, struct edge *);
void agent_claims_run(struct agent *);
void agent_claims_wait(const struct agent *);

/* agent_conf.c */
void agent_conf_changed(struct agent *);
void agent_ports_changed(struct agent *, const struct topo_node *);

/* agent_failover.c */
void agent_elect(struct agent *);
void agent_elect_node(struct agent *, const struct topo_node *);
void agent_takeovers_confirmed(struct agent *, const struct edge *);
void agent_takeover_free(struct agent_takeover *);

void agent_count_announced(struct agent *, const struct topo_cluster *);
void agent_set_gate_meters(struct edge *);
const struct topo_node *agent_wanted(const struct topo_cluster *);
const char *agent_role(const struct topo_cluster *, const struct topo_node *,
                       const char **why);
bool agent_is_alone(const struct edge *);
bool agent_is_adopted(const struct edge *);

/* agent_lease.c */
void agent_lease(struct edge *);
void agent_lease_soon(struct agent *, const struct edge *);
void agent_leases_run(struct agent *);
void agent_leases_wait(const struct agent *);

/* agent_shard.c */
void agent_begin(struct agent *, struct edge *);
void agent_deposed(struct agent *, struct edge *);
void agent_stale(struct agent *, struct edge *, uint64_t generation);
void agent_quarrel(struct agent *, struct edge *, long long now);
void agent_follow_cluster(struct topo_cluster *);
void agent_shards_run(struct agent *);
void agent_shards_wait(const struct agent *);

/* agent_age.c */
void agent_age_run(struct agent *);
void agent_age_step(struct agent *, struct edge *, long long now);
void agent_age_answered(struct agent *, struct edge *);
void agent_age_wait(const struct agent *);

/* agent_probe.c */
void agent_probe_init(struct agent *);
void agent_round(struct agent *, const struct topo_cluster *,
                 const struct topo_node *about);
void agent_rounds_run(struct agent *);
void agent_rounds_wait(const struct agent *);
void agent_rounds_clear(struct agent *);
void agent_depose_run(struct agent *);
void agent_depose(struct agent *, const struct topo_cluster *);
void agent_probe_size(const struct agent *, struct edge *,
                      const struct topo_node *whom, uint16_t size);
bool agent_probe_in(struct agent *, struct edge *,
                    const struct packetin *);
void agent_probe_ports(const struct agent *, struct edge *);
void agent_mark(const struct agent *, struct topo_cluster *, struct edge *);

/* agent_loop.c */
void agent_loops_run(struct agent *, long long now);
void agent_loops_wait(const struct agent *);
void agent_loop_in(struct agent *, const struct topo_node *,
                   const struct topo_port *, const struct packetout_probe *,
                   const struct packetin *);
bool agent_bpdu_in(struct agent *, const struct edge *,
                   const struct packetin *);

/* agent_announce.c */
void agent_announce(struct agent *, const struct topo_cluster *);
void agent_announcements_run(struct agent *);
void agent_announcements_wait(struct agent *);
void agent_announcements_clear(struct agent *);
void agent_announcements_usage(const struct agent *, struct simap *);

/* agent_refused.c */
void agent_refused(struct agent *, struct edge *);
void agent_retry(struct agent *, struct edge *, long long now);
bool agent_is_retrying(const struct edge *);
void agent_retry_wait(const struct edge *);
bool agent_is_left_out(const struct edge *, const struct topo_cluster *);
bool agent_has_no_room(const struct edge *, bool source, bool is_static,
                       uint32_t vni);
void agent_leave_out(struct agent *, struct edge *, struct delta *config,
                     struct delta *macs);
void agent_ignore_left_out(struct edge *, struct delta *config,
                           struct delta *macs);

/* agent_blame.c */
char *agent_row_error(const struct topo_row *);
const char *agent_complaint(struct edge *);

/* agent_sync.c */
void agent_reconcile(struct agent *, struct edge *);
void agent_sync(struct agent *, struct edge *);
void agent_diff(struct edge *, struct delta *config, struct delta *macs);

#endif /* controller/agent.h */
