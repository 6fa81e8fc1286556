/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_EDGE_H
#define CONTROLLER_EDGE_H 1

/* A session with a switch: what has been asked, what has been answered, what
 * is confirmed.
 *
 * A session goes through these states:
 *
 *     FEATURES   asked for the datapath ID
 *     RIVAL      another session has that datapath ID, and is being asked
 *     UNKNOWN    no row has that datapath ID; nothing is done to the switch
 *     PORTS      asked for the ports
 *     FOLLOW     another controller leads
 *     ROLE       asked to be let be master
 *     METER      asked for its meters
 *     DUMP       asked for our flows, all that have our cookie
 *     SYNC       the first transaction is on its way
 *     SYNCED     the switch has what it should; changes go out as they come
 *     BACKOFF    a transaction failed; DUMP again, in a while
 *
 * edge_receive() takes a message and returns what it means to the owner of
 * the state (controller/agent.h), who decides, and then tells the session
 * what to do next.  Nothing here calls back.
 *
 * What the switch has ('installed', flows other than those of MACs) is known
 * by its word only: from a dump, and then by each transaction that it has
 * confirmed.  One transaction is out at a time: a bundle with a barrier behind
 * it.  If the connection breaks, what the switch has is unknown, and is asked
 * for.  If the switch refuses the bundle, it says for the sake of which flow;
 * the owner of that is left out ('refused', flows/refused.h), and the rest is
 * sent again.  It need not be asked what it has if nothing of the bundle came
 * in force.
 *
 * A table of MACs that is full ('full') refuses no owner: there are just no
 * more MACs in it, until the switch takes a flow to try.
 *
 * A session owns its connection's 'aux'; the connection goes its own way
 * (controller/ofconn.h). */

#include <stdbool.h>
#include <stdint.h>
#include "flows/bundlemsg.h"
#include "flows/delta.h"
#include "flows/fdb.h"
#include "flows/flowset.h"
#include "flows/inquiry.h"
#include "flows/layout.h"
#include "flows/macdump.h"
#include "flows/packetin.h"
#include "flows/refused.h"
#include "flows/stats.h"
#include "openflow/openflow-1.2.h"
#include "openvswitch/list.h"
#include "openvswitch/match.h"
#include "openvswitch/ofp-errors.h"
#include "openvswitch/ofp-monitor.h"
#include "openvswitch/ofp-msgs.h"

struct admin_explain;
struct admin_limits;
struct admin_read;
struct fdb_op;
struct macmsg;
struct ofconn;
struct ofp_header;
struct topo;
struct simap;
struct topo_limit;
struct topo_node;
struct unixctl_conn;

#define EDGE_STATES                             \
    EDGE_STATE(FEATURES, "features")            \
    EDGE_STATE(RIVAL, "rival")                  \
    EDGE_STATE(UNKNOWN, "unknown")              \
    EDGE_STATE(PORTS, "ports")                  \
    EDGE_STATE(FOLLOW, "following")             \
    EDGE_STATE(ROLE, "role")                    \
    EDGE_STATE(METER, "meter")                  \
    EDGE_STATE(DUMP, "dump")                    \
    EDGE_STATE(SYNC, "sync")                    \
    EDGE_STATE(SYNCED, "synced")                \
    EDGE_STATE(BACKOFF, "backoff")

enum edge_state {
#define EDGE_STATE(ENUM, NAME) EDGE_##ENUM,
    EDGE_STATES
#undef EDGE_STATE
};

/* A change on its way into the switch. */
struct edge_txn {
    struct delta config;        /* From 'installed' of the session. */
    struct flowset macs_have;   /* What 'macs' starts from. */
    struct delta macs;

    struct bundlemsg bundle;
    size_t n_sent;              /* Changes of 'config' that are in it. */
    ovs_be32 barrier_xid;
    long long since;            /* When it was sent. */
    bool answered;              /* All of it. */
    bool committed;
    enum ofperr error;          /* The first, or 0. */
    bool named;                 /* It is known what was refused. */
};

/* A table of MACs, SOURCE or DEST. */
struct edge_full {
    bool full;                  /* The switch has refused a MAC for it. */
    bool counted;               /* In a transaction, before which there was
                                 * room for 'room' of those in it. */
    size_t room;
    int backoff;                /* Milliseconds. */
    long long retry_at;         /* Monotonic, as the next. */
    long long ended_at;         /* When there was room again. */
    bool probing, refused;      /* A flow is tried; it was refused. */
    ovs_be32 probe_xid, barrier_xid;
};

enum edge_mac_table { EDGE_FULL_SOURCE, EDGE_FULL_DEST, EDGE_N_FULL };

/* A meter of the switch, as it says or was told. */
struct edge_meter {
    struct hmap_node node;
    uint32_t id;
    uint32_t rate;
    uint16_t units;             /* OFPMF13_KBPS or OFPMF13_PKTPS. */
    bool stale;                 /* To be deleted once 'txn' is in force. */
    bool made;                  /* By us, since it was asked for all. */
    bool missed;                /* It is being asked for it, or has lost it. */
};

/* Asking it whether it still has them. */
struct edge_watch {
    ovs_be32 xid;               /* Of the question, 0: there is none... */
    bool mend;                  /* ...and what it has lost is put back. */
    long long asked_at;         /* When it was last to be. */
    int backoff;                /* Milliseconds. */
    bool off;                   /* It cannot tell. */
};

/* What a meter of storm control has counted, in frames. */
struct edge_count {
    uint32_t meter;
    uint64_t n_asked, n_dropped;
};

/* A question about what the switch has counted, and the answer. */
struct edge_question {
    ovs_be32 xid;               /* 0: answered. */
    enum ofptype reply;         /* Of the answer. */
    struct flowset *like;       /* The flow that it is about, or NULL... */
    enum layout_table table;    /* ...or the table... */
    uint32_t meter;             /* ...or the meter. */
    void *aux;                  /* For who asks. */

    bool found;                 /* The switch has it... */
    bool same;                  /* ...just as in 'like'. */
    uint64_t n_packets;         /* Counted. */
    uint32_t age;               /* Of a flow, in seconds. */
    int idle;                   /* Likewise, -1 if that is not known. */
};

/* As many are asked at once. */
#define EDGE_MAX_QUESTIONS 64

/* A question about flows that is on its way. */
struct edge_asked {
    ovs_be32 xid;
    struct inquiry_ask ask;
    long long since;            /* Monotonic. */
    uint64_t n;                 /* Flows reported so far. */
};

/* Flows that a switch has reported. */
struct edge_dump {
    struct flowset config;
    struct macdump macs;
    struct flowset other_macs;  /* Those that are not in 'macs'. */
    struct flowset taken;       /* What a standby has noted in TAKEN. */
    bool lease;
    struct inquiry inquiry;     /* How the switch is asked. */
    struct edge_asked asked[INQUIRY_WINDOW];    /* In no order. */
    size_t n_asked;
    long long resume_at;        /* When to go on asking, LLONG_MAX: there is
                                 * no break. */
    uint64_t size, max_size;    /* Bytes that are kept, and may be. */
};

/* What the switch is asked for how long MACs have been idle. */
struct edge_ageing {
    struct ovs_list turns;      /* Segments that it is to be asked about. */
    struct hmap turns_by_vni;
    uint32_t vni;               /* That it was last asked about... */
    uint16_t part, n_parts;     /* ...by parts, a power of two of them... */
    unsigned int limit;         /* ...and what is too long there, seconds. */
    long long asked;            /* When.  Monotonic, as those below. */
    unsigned int oldest;        /* The longest that is not, seconds. */
    struct fdb_idle_mac *idle;  /* Those of which it is. */
    size_t n, allocated;

    ovs_be32 xid;               /* Of the latest request or barrier. */
    bool waiting;               /* It has not been answered. */
    long long since;            /* When it was sent. */
    long long resume_at;        /* When the next is to be. */
};

/* What it costs to ask a switch once for all that it has counted. */
struct edge_cost {
    long long took;             /* Milliseconds, in which... */
    unsigned long long messages;    /* ...so many were sent and received... */
    unsigned long long flows;   /* ...that reported so many flows and meters,
                                 * for which the controller... */
    unsigned long long cpu;     /* ...worked that long, in microseconds. */
};

/* What some flows have counted, all together. */
struct edge_sum {
    uint64_t n_frames, n_bytes;
    uint32_t n_flows;
};

/* What was answered to a question, in a word. */
struct edge_memo {
    uint64_t about;             /* 0: nothing. */
    struct edge_sum sum;        /* Flows that were reported, and what those
                                 * have counted that can count anything. */
};

/* A question about what flows, or a meter, have counted, that is on its
 * way. */
struct edge_stats_ask {
    uint64_t about;             /* As in struct edge_polling. */
    struct stats_where where;   /* Of what is in the sum... */
    struct stats_count sum;
    bool summed;                /* ...if there is anything. */
    size_t index;               /* Of 'about' there. */
    bool in_parts;              /* Some of the answer has come. */
};

#define EDGE_STATS_BATCH 32     /* Questions at once. */

/* Asking the switch for all that it has counted: a round. */
struct edge_polling {
    struct ovs_list node;       /* For the owner: in a list during a round,
                                 * otherwise empty. */
    uint64_t *about;            /* What it is to be asked about: cookies of
                                 * ours, IDs of meters, and EDGE_STATS_SUM. */
    size_t n, allocated, next;  /* The latter is the first that has not been
                                 * asked. */
    struct edge_memo *memos;    /* By their index, of what was answered... */
    size_t n_memos, allocated_memos;    /* ...since the flows of the switch are
                                         * what they are. */
    struct edge_sum sum;        /* Of what comes in for all segments, as last
                                 * reported... */
    int n_full;                 /* ...and how many rounds there were about
                                 * segments since it is what it is. */
    bool calm;                  /* This one needs not be about them... */
    bool deep;                  /* ...or it is by now. */
    bool no_sum;                /* The switch does not tell it. */
    struct edge_stats_ask batch[EDGE_STATS_BATCH];
    size_t n_answered;
    uint32_t xid;               /* Of the first one of the latest batch... */
    uint32_t waiting;           /* ...and bits, of those without an answer. */
    size_t n_batch;             /* How many there are in it... */
    size_t n_batch_flows;       /* ...and how many flows were reported. */
    long long since;            /* When it was sent. */
    long long resume_at;        /* When the next one is to be. */
    long long began;            /* The latest round, 0: there was none. */
    struct edge_cost cost, last_cost;   /* Of this round, and of the last one
                                         * that was complete... */
    long long ended;            /* ...then, or 0 if none was. */
};

/* How long things take, in milliseconds. */
struct edge_times {
    long long asked_at;         /* When it was asked for all its flows. */
    long long reconcile;        /* From then to the first time in sync, -1 if
                                 * it has yet to be. */
    long long bundle;           /* From a bundle to the answer of the barrier
                                 * behind it: of the last one, or -1... */
    unsigned long long n_bundles, all_bundles;  /* ...and of all. */
};

struct edge {
    struct ovs_list node;       /* For the owner. */
    struct ovs_list busy_node;  /* Likewise, in a list or empty. */
    struct ofconn *conn;
    struct topo *topo;
    const struct macmsg *macmsg;    /* For the version of 'conn'. */
    struct topo_node *tnode;    /* NULL until known. */
    enum edge_state state;
    long long since;            /* It is in that state. */
    uint64_t dpid;              /* From what follows FEATURES on. */
    uint32_t epoch;             /* Unique to the session. */
    long long created;

    /* For the owner, who has to decide between two that claim to be the same
     * switch: when this one did, and when it was last asked because another
     * one did, or 0. */
    struct ovs_list claim_node; /* In a list or empty. */
    long long claimed, contested;

    struct flowset installed;
    struct edge_dump dump;
    struct edge_ageing ageing;
    struct edge_polling polling;
    struct edge_times times;
    struct edge_txn *txn;
    struct hmap meters;         /* Of struct edge_meter, ours and others'. */
    size_t n_limits;            /* Of these, how many are of storm control. */
    bool has_stale_meters;
    struct edge_watch watch;
    struct edge_count *counts;  /* As reported since edge_ask_counts(). */
    size_t n_counts, allocated_counts;
    ovs_be32 counts_xid;        /* Of that question, 0: there is none... */
    long long counts_since;     /* ...and when it was asked. */
    bool leased;                /* It knows that we are here; and if not, it
                                 * may have decided by itself. */
    struct unixctl_conn *diff;  /* Who asked for a dump, or NULL. */
    bool diff_json;
    struct admin_read *read;    /* Who reads its MACs, or NULL. */
    struct admin_limits *limits;    /* Who reads 'counts', or NULL. */
    struct edge_question *questions;
    size_t n_questions, allocated_questions;
    size_t n_unanswered;        /* Of these. */
    long long questions_since;  /* When the last one was asked. */
    struct admin_explain *explain;  /* Who reads them, or NULL. */
    uint32_t next_xid, next_bundle;
    ovs_be32 ports_xid, meter_xid;
    ovs_be32 role_xid;          /* Of the latest request. */
    enum ofp12_controller_role role;    /* That is asked for in it. */
    long long retry_at;         /* In BACKOFF, FOLLOW and RIVAL. */
    int backoff;                /* Milliseconds. */

    struct refused refused;
    struct edge_full full[EDGE_N_FULL];
    bool refusals_changed;      /* For the owner to look at. */
    bool resync;                /* It is to be asked what it has. */
    int n_rounds;               /* Refusals since it confirmed anything. */
    char *complaint;            /* Of the owner, for its own use. */

    unsigned long long n_packet_ins, n_flow_mods, n_reconciles;
    size_t n_added, n_modified, n_deleted, n_adopted;  /* Last reconcile. */
    char *last_error;
    const char *offence;        /* What makes it NONSENSE, if not the form of
                                 * a message. */
};

enum edge_event {
    EDGE_EV_NONE,
    EDGE_EV_FEATURES,           /* 'dpid' is known. */
    EDGE_EV_PORTS,              /* The topology has all ports. */
    EDGE_EV_PORT_CHANGED,       /* The topology has a changed port. */
    EDGE_EV_MASTER,             /* Its writes count from now on. */
    EDGE_EV_STALE,              /* The switch has seen 'in->generation', which
                                 * was larger. */
    EDGE_EV_DEPOSED,            /* Another controller is master now. */
    EDGE_EV_METER,              /* 'meters' is complete. */
    EDGE_EV_COUNTS,             /* 'counts' is complete. */
    EDGE_EV_ANSWERED,           /* All of 'questions' are. */
    EDGE_EV_FLOWS,              /* 'dump' is complete. */
    EDGE_EV_CONFIRMED,          /* 'txn' is in force. */
    EDGE_EV_REFUSED,            /* 'txn' is not. */
    EDGE_EV_PACKET_IN,          /* 'in->pin'. */
    EDGE_EV_FLOW_REMOVED,       /* 'in->removed'. */
    EDGE_EV_AGEING,             /* What was asked for ageing is answered. */
    EDGE_EV_LEASE_ENDED,        /* 'leased' is false. */
    EDGE_EV_NONSENSE,           /* Not OpenFlow as we know it. */
};

/* Returns true if it is known which flows 'edge', which may be NULL, has. */
static inline bool
edge_is_ready(const struct edge *edge)
{
    return edge && (edge->state == EDGE_SYNC || edge->state == EDGE_SYNCED);
}

/* Returns true if 'edge' is being asked which MACs are idle, or is to be, or
 * has said so. */
static inline bool
edge_is_ageing(const struct edge *edge)
{
    return (edge->ageing.waiting || edge->ageing.n
            || edge->ageing.part + 1 < edge->ageing.n_parts
            || !ovs_list_is_empty(&edge->ageing.turns));
}

/* Returns true if 'edge' is being asked what it has counted. */
static inline bool
edge_is_polled(const struct edge *edge)
{
    return !ovs_list_is_empty(&edge->polling.node);
}

/* Returns true if 'edge' is being asked for its flows. */
static inline bool
edge_is_asked(const struct edge *edge)
{
    return !inquiry_is_done(&edge->dump.inquiry);
}

struct edge_input {
    struct packetin pin;
    struct ofputil_flow_removed removed;
    uint64_t generation;
};

struct edge *edge_create(struct ofconn *, struct topo *, const struct macmsg *,
                         uint32_t epoch);
void edge_destroy(struct edge *);
const char *edge_state_to_string(enum edge_state);

enum edge_event edge_receive(struct edge *, const struct ofp_header *,
                             struct edge_input *);

bool edge_is_overdue(const struct edge *, long long now);
void edge_memory_usage(const struct edge *, struct simap *);
void edge_memory_bounds(const struct topo *, struct simap *);

void edge_set_unknown(struct edge *);
void edge_set_rival(struct edge *);
void edge_ask_ports(struct edge *, struct topo_node *);
void edge_claim(struct edge *, uint64_t generation);
void edge_follow(struct edge *, uint64_t generation);
void edge_ask_meter(struct edge *);
void edge_ask_flows(struct edge *);
enum edge_event edge_resume(struct edge *, long long now);
void edge_set_rate(struct edge *, uint32_t id, uint32_t rate);
void edge_open_meter(struct edge *, uint32_t id);
void edge_close_meter(struct edge *, uint32_t id);
void edge_set_limit(struct edge *, uint32_t id, const struct topo_limit *);
void edge_find_stale_meters(struct edge *);
void edge_watch_ask(struct edge *);
void edge_watch_run(struct edge *, long long pause, long long now);
void edge_ask_counts(struct edge *);
void edge_forget_counts(struct edge *);
bool edge_ask_flow(struct edge *, struct flowset *like, void *aux);
bool edge_ask_misses(struct edge *, enum layout_table, void *aux);
bool edge_ask_dropped(struct edge *, uint32_t meter, void *aux);
void edge_forget_questions(struct edge *);
void edge_lease(struct edge *);
void edge_forget_taken(struct edge *);

void edge_age_add(struct edge *, uint32_t vni);
bool edge_age_next(struct edge *, uint32_t *vni);
void edge_age_ask(struct edge *, uint32_t vni, uint16_t part, uint16_t n_parts,
                  unsigned int limit);
void edge_age_barrier(struct edge *);

bool edge_stats_asks_more(const struct edge *);
void edge_stats_begin(struct edge *, long long now);
bool edge_stats_step(struct edge *, long long now);
void edge_stats_stop(struct edge *);

void edge_delete_flows(struct edge *);

void edge_begin_sync(struct edge *);
struct edge_txn *edge_txn_create(struct edge *);
void edge_txn_destroy(struct edge_txn *);
void edge_send_ahead(struct edge *, struct edge_txn *);
bool edge_commit(struct edge *, struct edge_txn *);
void edge_confirm(struct edge *);
void edge_back_off(struct edge *, long long now);

bool edge_suspect(struct edge *, long long now);
void edge_undo(struct edge *);
void edge_ask_anew(struct edge *);
bool edge_is_full(const struct edge *, bool source);
void edge_try_full(struct edge *, long long now);
long long edge_full_wake(const struct edge *);
void edge_send_op(struct edge *, const struct fdb_op *);
void edge_send_packet(struct edge *, const void *packet, size_t size,
                      const struct ofpbuf *acts);

#endif /* controller/edge.h */
