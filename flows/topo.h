/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef FLOWS_TOPO_H
#define FLOWS_TOPO_H 1

/* What the configuration and the connected switches say, as one graph.
 *
 *     segment ──< attachment >── cluster ──< node (edge)
 *        │             └──────────────────── node (host)
 *        └────< VTEP
 *
 * An 'attachment' is a place where a segment meets a port: a binding (on each
 * edge of a cluster, with a VLAN) or a host port (on one node, untagged).  A
 * 'place' is where a MAC can be: an attachment or a foreign VTEP.  A VTEP has
 * a row, or else was learned: frames came from it, and its segment allows it.
 *
 * Rows come in as struct topo_*_row, in any order and as often as they like;
 * what they refer to, they refer to by UUID.  A row that cannot be brought in
 * force says why in its 'error' and waits: whatever changes next, it is tried
 * again.  Where two rows claim one thing (the same port and VLAN of an edge,
 * through two clusters), the one that is in force stays.
 *
 * Invariants:
 *
 *   - An attachment in force has one claim on each of its nodes, and no two
 *     claims of a node have the same (port name, VLAN).
 *   - A segment's 'sites' are just the nodes with a claim in it, and a
 *     cluster's 'users' just the nodes in segments that are bound to it.
 *   - A place that is not in force is in 'waiting'.
 *   - Whatever changes a flow marks its owner dirty on the node concerned
 *     (struct topo_dirty).  Marks are made before and after the change, so
 *     that a node that leaves a segment is marked as well.
 *
 * The graph owns all objects in it.  'aux' members and the MAC lists in a
 * place are for their users: the controller and flows/fdb.h. */

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include "flows/failover.h"
#include "flows/share.h"
#include "heap.h"
#include "openvswitch/hmap.h"
#include "openvswitch/list.h"
#include "openvswitch/types.h"
#include "packets.h"
#include "smap.h"
#include "uuid.h"

#define TOPO_MAX_EDGES 8        /* Edges in a cluster. */

enum topo_table {
    TOPO_SEGMENT, TOPO_EDGE, TOPO_CLUSTER, TOPO_BINDING, TOPO_HOST_PORT,
    TOPO_VTEP, TOPO_STATIC_MAC,
    TOPO_N_TABLES
};

struct stats;

/* What every object that stands for a database row begins with. */
struct topo_row {
    union {
        struct hmap_node node;  /* In 'rows[table]' of struct topo. */
        struct ovs_list dead_node;  /* In 'dead', once it is deleted. */
    };
    enum topo_table table;
    struct uuid uuid;
    char *error;                /* NULL if all is well. */
    struct ovs_list error_node; /* In 'errors' of struct topo, or empty. */
};

struct topo_segment {
    struct topo_row row;
    struct hmap_node vni_node;
    char *name;
    uint32_t vni;
    uint32_t mac_limit;
    uint16_t mac_aging;         /* Seconds. */
    bool drop_unknown;          /* Frames to unknown unicast addresses. */
    uint32_t vtep_limit;        /* How many VTEPs are learned, 0: none. */
    char *complaint;            /* About the row, or NULL. */

    struct ovs_list attaches;   /* In force, of struct topo_attach. */
    struct ovs_list vteps;      /* In force, of struct topo_vtep. */
    uint32_t n_learned_vteps;   /* Of these. */
    struct topo_site *sites;
    size_t n_sites, allocated_sites;
    struct ovs_list thinned_node;   /* In 'thinned', or empty. */

    /* For flows/fdb.c. */
    uint32_t n_macs, n_learned; /* All, and without the static ones. */
    struct ovs_list macs;       /* Of struct fdb_mac. */
    struct heap_node ageing_node;   /* While there are learned ones. */
    long long churn_since;      /* In the second that began then... */
    uint32_t n_churned;         /* ...so many pushed out their neighbours. */
};

/* A node in a segment.  Within a batch of changes 'n_claims' may be 0: a place
 * that is withdrawn and comes back does not make its node leave. */
struct topo_site {
    struct topo_node *node;
    size_t n_claims;
};

/* How many frames to group and unknown addresses pass by a place. */
struct topo_limit {
    uint32_t rate;              /* A second, or 0: there is no limit. */
    bool packets;               /* It counts these, otherwise kbit. */
};

/* What becomes of the BPDUs of other bridges that come in. */
enum topo_bpdu {
    TOPO_BPDU_DROP,
    TOPO_BPDU_GUARD,            /* The binding is closed. */
    TOPO_BPDU_FORWARD,          /* They go to those that do likewise. */
};

enum topo_direction { TOPO_IN, TOPO_OUT, TOPO_N_DIRECTIONS };

/* Where a MAC can be. */
enum topo_place_type { TOPO_PLACE_ATTACH, TOPO_PLACE_VTEP };

struct topo_place {
    struct topo_row row;
    enum topo_place_type type;

    /* For flows/fdb.c. */
    uint32_t n_macs, n_learned;     /* All, and without the static ones. */
    uint64_t n_new;                 /* How often one was learned here, or has
                                     * moved here. */
    struct ovs_list macs;           /* Of struct fdb_mac, oldest first. */
    struct ovs_list rivals;         /* Of struct fdb_flap. */
    uint32_t n_rivals, n_frozen;    /* The latter of those in 'macs'. */

    struct topo_segment *segment;   /* Nonnull while in force. */
    struct ovs_list waiting_node;   /* In 'waiting', while not. */
    struct ovs_list withdrawn_node; /* In 'withdrawn', or empty. */
};

struct topo_attach {
    struct topo_place place;
    struct ovs_list segment_node;   /* In 'attaches' of the segment. */
    struct ovs_list cluster_node;   /* In 'attaches' of the cluster. */
    struct ovs_list trunk_node;     /* In 'attaches' of the trunk. */
    struct ovs_list overlap_node;   /* In 'overlaps' of the cluster, or
                                     * empty. */
    struct ovs_list tie_node;       /* In 'attaches' of the tie. */
    struct uuid segment_uuid;
    struct uuid owner_uuid;         /* Cluster of a binding, or node. */
    struct topo_cluster *cluster;   /* While in force; NULL for a host port. */
    struct topo_trunk *trunk;       /* Likewise. */
    char *port;                     /* Behind this struct. */
    char *complaint;                /* About the row, or NULL. */
    struct topo_limit limits[TOPO_N_DIRECTIONS];
    enum topo_bpdu bpdu;
    unsigned int loop_probe;        /* Seconds from one probe for loops to the
                                     * next; 0: there are none... */
    struct heap_node probe_node;    /* ...otherwise in 'probing' of struct
                                     * topo. */
    uint16_t vlan;
    uint16_t n_claims;
    struct topo_claim *claims;      /* While in force, one for each node. */
    struct topo_closure *closure;   /* Or NULL. */
    long long closed_row;           /* Until when, says the row. */
};

/* An attachment lets nothing in or out. */
struct topo_closure {
    struct ovs_list node;           /* In 'closures' of struct topo. */
    struct topo_attach *attach;
    long long until;                /* Wall clock, in milliseconds. */
    long long reopen_at;            /* For the controller: the same by a clock
                                     * that does not jump, 0: to be found. */
    char *reason;
};

/* An attachment on one of its nodes. */
struct topo_claim {
    struct hmap_node port_node; /* In 'claims' of the node, by port name and
                                 * VLAN. */
    struct ovs_list plug_node;  /* In 'claims' of the plug. */
    struct hmap_node slot_node; /* In 'slots' of the node, if slot is set. */
    struct topo_node *node;
    struct topo_attach *attach;
    uint32_t slot;              /* flows/layout.h; 0 while port is missing. */
};

/* The claims on one port of a node. */
struct topo_plug {
    struct hmap_node node;      /* In 'plugs' of the node, by port name. */
    struct ovs_list claims;     /* Of struct topo_claim, never empty. */
    char *port;
};

struct topo_vtep {
    struct topo_place place;
    struct hmap_node ip_node;       /* In 'vteps' of struct topo. */
    struct ovs_list segment_node;
    struct uuid segment_uuid;
    char *ip_string;                /* Behind this struct. */
    struct in6_addr ip;             /* IPv4 as IPv4-mapped. */
    bool learned;                   /* Has no row. */
    struct ovs_list learned_node;   /* Then in 'learned_vteps'... */
    long long heard_at;             /* ...and, for the controller, when it
                                     * last had a MAC, monotonic. */
};

/* For how long no VTEP is learned where a node was, in milliseconds. */
#define TOPO_BAR_TIME 10000

/* An address at which none is to be learned. */
struct topo_bar {
    struct ovs_list node;       /* In 'bars' of struct topo. */
    struct in6_addr ip;
    long long until;            /* Monotonic. */
};

/* The bindings of a cluster to one port of its edges. */
struct topo_trunk {
    struct ovs_list node;       /* In 'trunks' of the cluster. */
    struct ovs_list attaches;   /* Of struct topo_attach, never empty. */
    char *port;
};

/* What a node has to do with a cluster: it is a member, or is in segments that
 * are bound to it. */
struct topo_user {
    struct hmap_node node;      /* In 'users' of the cluster. */
    struct ovs_list tnode_node; /* In 'uses' of the node. */
    struct topo_cluster *cluster;
    struct topo_node *tnode;
    bool member;
    size_t n;                   /* In how many, by each binding. */
};

struct topo_cluster {
    struct topo_row row;
    struct hmap_node id_node;
    char *name;
    uint32_t id;                /* Nonzero; follows from the UUID. */
    struct uuid member_uuids[TOPO_MAX_EDGES];   /* Most preferred first. */
    size_t n_member_uuids;
    struct topo_node *members[TOPO_MAX_EDGES];  /* Those that exist. */
    size_t n_members;
    struct topo_node *active;   /* NULL if none is. */
    struct topo_node *via;      /* Where others send what is for the cluster:
                                 * 'active', or while there is none the edge
                                 * that is to be it next, or was it last, or
                                 * is remembered as such,
                                 * so that a controller that starts does not
                                 * cut the way to an edge that it has yet to
                                 * meet.  Or NULL. */
    bool preemptive;
    bool fence;                 /* An edge that is cut off closes its gate. */
    long long holddown;         /* Milliseconds. */
    char *complaint;            /* About the row, or NULL. */
    struct ovs_list attaches;   /* In force. */
    struct ovs_list trunks;     /* The same by port, of struct topo_trunk. */
    struct ovs_list overlaps;   /* Those of 'attaches' in whose segment an
                                 * edge of the cluster is in another way
                                 * too. */
    struct hmap users;          /* Of struct topo_user. */

    /* For the controller: the state of the decision, since when each member
     * has been well, which edge the operator wants, which edge the database
     * remembers as active (both all zeros if none), and the story of the one
     * that is. */
    struct failover failover;
    struct topo_wellness {
        const struct topo_node *node;
        long long since;
    } well[TOPO_MAX_EDGES];
    struct uuid wanted, wanted_row; /* The latter as last in the row. */
    struct uuid remembered;
    struct uuid told;           /* Which one the row says is active now... */
    long long told_since;       /* ...and since when, as 'active_since'. */
    long long first_seen;       /* Monotonic, milliseconds. */
    long long active_since;     /* Wall clock, milliseconds. */
    const char *reason;
    unsigned long long n_takeovers; /* Since the controller began. */
    char *last_active;          /* Name, or NULL. */
    uint64_t markers;           /* Trunks whose marker has yet to come; all
                                 * ones if there is none to wait for. */
    uint64_t marker_secret;     /* In the last ones. */
    long long reached[TOPO_MAX_EDGES];  /* When each member last got the answer
                                         * of a node that is none. */

    struct uuid shard;          /* flows/topo_shard.c. */
    bool led;                   /* By this controller, says that itself. */
};

struct topo_port {
    struct hmap_node name_node;
    struct hmap_node ofport_node;
    struct hmap_node mac_node;
    char *name;
    ofp_port_t ofport;
    struct eth_addr mac;
    bool link_up;               /* And not taken down by configuration. */
    bool live;                  /* OFPPS_LIVE: by BFD, where that is on. */
    bool was_live;              /* Since the switch connected. */
    bool looped;                /* What goes out comes back in. */
    bool stale;                 /* Not reported since then. */
};

/* Ports of one node that are known; that many take some megabytes. */
#define TOPO_MAX_PORTS 16384

struct topo_node {
    struct topo_row row;
    struct hmap_node dpid_node;     /* While valid. */
    struct hmap_node ip_node;       /* While valid. */
    char *name;
    char *dpid_string, *ip_string;  /* As in the row. */
    bool valid;                     /* The next two can be used. */
    uint64_t dpid;
    struct in6_addr ip;             /* IPv4 as IPv4-mapped. */
    char *tunnel_port, *peer_port;  /* Names; peer_port may be NULL. */
    struct smap bfd_ports;          /* Names of ports, by names of nodes. */
    char *certificate_cn;           /* Which its switch must show, or NULL. */

    /* Learned from the switch. */
    struct hmap ports_by_name;      /* Of struct topo_port. */
    struct hmap ports_by_ofport;
    struct hmap ports_by_mac;
    uint64_t mac_bits;          /* By topo_port_mac_bit(), of all that ever
                                 * were in there: most MACs have none. */
    bool ports_known;
    bool ports_fresh;               /* None is stale. */

    struct hmap claims;             /* Of struct topo_claim, by port name and
                                     * VLAN. */
    struct hmap plugs;              /* The same by port name. */
    struct hmap slots;              /* Of struct topo_claim, by slot. */
    struct hmap dirty;              /* Of struct topo_dirty. */
    struct ovs_list dirty_node;     /* In 'dirty_nodes', or empty. */
    struct topo *topo;
    struct ovs_list uses;           /* Of struct topo_user. */

    /* For the controller. */
    bool drained, drained_row;      /* By the operator; the latter as last in
                                     * the row. */
    bool away;                      /* Its switch is not connected. */
    bool tells_idle;                /* It tells how long flows have been idle,
                                     * so those of MACs have no timeout. */
    bool closed;                    /* The switch ended the last session. */
    char *refused;                  /* Who was not let in last, and why, or
                                     * NULL. */
    long long refused_at;
    struct share share;             /* Who may have how much of learning. */
    struct stats *stats;            /* What its switch has counted, or
                                     * NULL. */
    long long met;                  /* When it last answered a probe. */
    long long sessions_at;          /* When it would have begun its last one,
                                     * had it not been in a hurry. */
    void *aux;

    struct uuid shard;              /* flows/topo_shard.c. */
    struct topo_node *shard_parent; /* While looking for it... */
    struct uuid shard_name;         /* ...likewise... */
    bool shard_by_cluster;          /* ...whether that is a cluster's. */
    char *last_leader;              /* Name of a controller, or NULL. */
    bool led;                       /* By this controller... */
    char *led_reason;               /* ...and why: NULL if it never was... */
    long long led_since;            /* ...since then, in wall clock time. */
};

/* Flows of a node that are to be derived anew.  For a cookie of kind
 * LAYOUT_K_LEARNED these are the flows of all MACs of the segment, learned or
 * static. */
struct topo_dirty {
    struct hmap_node node;
    uint64_t cookie;            /* Names the owner, see flows/layout.h. */
};

struct topo_static_mac {
    struct topo_row row;
    struct uuid segment_uuid, place_uuid;
    enum topo_table place_table;
    size_t n_places;
    char *mac_string;
    struct eth_addr mac;
    struct topo_place *place;   /* Nonnull while in force. */
    bool was_in_force;          /* The last time that it was settled. */
    struct hmap_node mac_node;  /* While settling. */
};

struct topo {
    struct hmap rows[TOPO_N_TABLES];    /* Of struct topo_row, by UUID. */
    struct hmap segments_by_vni;
    struct hmap clusters_by_id;
    struct hmap nodes_by_dpid;
    struct hmap nodes_by_ip;
    struct hmap vteps;          /* In force, by segment and IP. */
    struct ovs_list learned_vteps;  /* Those that have no row. */
    struct ovs_list bars;       /* Of struct topo_bar. */

    struct ovs_list waiting;    /* Places out of force. */
    struct ovs_list withdrawn;  /* Places whose MACs may have to go, or are
                                 * reached by other ways now. */
    struct ovs_list thinned;    /* Segments that may have left a node. */
    struct ovs_list closures;   /* Of struct topo_closure. */
    struct heap probing;        /* Of struct topo_attach, in force or not: for
                                 * the controller, to put in an order. */
    struct ovs_list errors;     /* Rows whose 'error' has changed. */
    struct ovs_list dead;       /* Rows to be freed by topo_reap(). */
    struct ovs_list dirty_nodes;    /* Nodes marked since somebody looked. */
    struct hmap ties;           /* Of struct topo_tie, by segment. */
    struct ovs_list mixed_ties; /* The same, between several owners. */
    bool nodes_changed, clusters_changed, statics_changed, ties_changed;
    bool shards_changed;        /* Since the controller looked. */
};

void topo_init(struct topo *);
void topo_destroy(struct topo *);

/* Rows.
 *
 * A batch of changes is any number of calls of topo_*_set() and topo_del(),
 * then topo_settle(), which brings in force what can be and puts errors into
 * the rows that cannot.  Then it is the turn of those who keep something in a
 * place to clear the places in 'withdrawn' (fdb_flush_withdrawn()), and then
 * of topo_reap(), which frees what was deleted. */
struct topo_segment_row {
    struct uuid uuid;
    const char *name;
    uint32_t vni;
    uint32_t mac_limit;
    uint16_t mac_aging;
    bool drop_unknown;
    uint32_t vtep_limit;        /* Of learned ones, 0: none are. */
    char *complaint;            /* As in struct topo_cluster_row. */
};
void topo_segment_set(struct topo *, const struct topo_segment_row *);

struct topo_node_row {
    struct uuid uuid;
    const char *name;
    const char *dpid;
    const char *ip;
    const char *tunnel_port;
    const char *peer_port;      /* Or NULL. */
    const struct smap *bfd_ports;   /* Port by name of node, or NULL. */
    bool drained;
    const char *certificate_cn; /* Or NULL. */
};
void topo_node_set(struct topo *, const struct topo_node_row *);

struct topo_cluster_row {
    struct uuid uuid;
    const char *name;
    struct uuid members[TOPO_MAX_EDGES];    /* Most preferred first. */
    size_t n_members;
    bool preemptive;
    bool fence;
    long long holddown;         /* Milliseconds. */
    char *complaint;            /* What in the row makes no sense and does not
                                 * count, or NULL.  Taken over. */
    struct uuid wanted;         /* All zeros if none. */
    struct uuid remembered;     /* Active, says the row.  The topology goes
                                 * by it when the cluster is new. */
    long long active_since;     /* Likewise. */
};
void topo_cluster_set(struct topo *, const struct topo_cluster_row *);

struct topo_attach_row {
    enum topo_table table;      /* TOPO_BINDING or TOPO_HOST_PORT. */
    struct uuid uuid;
    struct uuid segment;
    struct uuid owner;          /* Cluster, or edge. */
    const char *port;
    uint16_t vlan;              /* 0 for a host port. */
    long long closed_until;     /* Wall clock, or 0, and why. */
    const char *closed_reason;
    struct topo_limit limits[TOPO_N_DIRECTIONS];
    enum topo_bpdu bpdu;
    unsigned int loop_probe;    /* Seconds, or 0. */
    char *complaint;            /* As in struct topo_cluster_row. */
};
void topo_attach_set(struct topo *, const struct topo_attach_row *);
void topo_attach_close(struct topo *, struct topo_attach *, long long until,
                       const char *reason);
long long topo_attach_closed_until(const struct topo_attach *);

struct topo_vtep_row {
    struct uuid uuid;
    struct uuid segment;
    const char *ip;
};
void topo_vtep_set(struct topo *, const struct topo_vtep_row *);

/* VTEPs without a row (flows/topo_vtep.c).  To forget some is part of a batch,
 * as topo_del() is; to learn one takes effect at once. */
bool topo_segment_learns_vteps(const struct topo_segment *);
char *topo_vtep_learn(struct topo *, struct topo_segment *,
                      const struct in6_addr *, long long now)
    OVS_WARN_UNUSED_RESULT;
void topo_vtep_forget(struct topo *, struct topo_vtep *);
void topo_vtep_bar(struct topo *, const struct in6_addr *, long long now);

struct topo_static_row {
    struct uuid uuid;
    struct uuid segment;
    const char *mac;
    size_t n_places;            /* Should be 1. */
    enum topo_table place_table;
    struct uuid place;
};
void topo_static_set(struct topo *, const struct topo_static_row *);

void topo_del(struct topo *, enum topo_table, const struct uuid *);
void topo_settle(struct topo *);
void topo_reap(struct topo *);
void topo_set_error(struct topo *, struct topo_row *, char *error);

/* Look-ups. */
struct topo_row *topo_row(const struct topo *, enum topo_table,
                          const struct uuid *);
struct topo_row *topo_attach_owner(const struct topo *,
                                   const struct topo_attach *);
struct topo_segment *topo_segment_by_vni(const struct topo *, uint32_t vni);
struct topo_segment *topo_segment_by_name(const struct topo *, const char *);
struct topo_node *topo_node_by_dpid(const struct topo *, uint64_t dpid);
struct topo_node *topo_node_by_ip(const struct topo *,
                                  const struct in6_addr *);
struct topo_node *topo_node_by_name(const struct topo *, const char *);
struct topo_cluster *topo_cluster_by_id(const struct topo *, uint32_t id);
struct topo_vtep *topo_vtep_find(const struct topo *,
                                 const struct topo_segment *,
                                 const struct in6_addr *);
struct topo_node **topo_sorted_nodes(const struct topo *, size_t *n);
const struct topo_segment **topo_sorted_segments(const struct topo *);
void topo_place_format(const struct topo_place *, struct ds *);

/* Nodes, and their ports (flows/topo_port.c). */
void topo_node_set_port(struct topo *, struct topo_node *, const char *name,
                        ofp_port_t, struct eth_addr, bool link_up, bool live);
void topo_node_del_port(struct topo *, struct topo_node *, ofp_port_t);
void topo_node_del_stale_ports(struct topo *, struct topo_node *);
void topo_node_new_session(struct topo_node *);
void topo_node_set_looped(struct topo *, struct topo_node *, ofp_port_t,
                          bool looped);
void topo_node_set_ports_known(struct topo *, struct topo_node *, bool);
const struct topo_port *topo_node_port(const struct topo_node *,
                                       const char *name);
const struct topo_port *topo_node_ofport(const struct topo_node *,
                                         ofp_port_t);
bool topo_node_owns_mac(const struct topo_node *, struct eth_addr);
bool topo_port_is_own(const struct topo_node *, const struct topo_port *);
bool topo_node_has_unmet_peer(const struct topo_node *);
struct topo_claim *topo_node_claim(const struct topo_node *, uint32_t slot);
struct topo_plug *topo_node_plug(const struct topo_node *, const char *port);
ofp_port_t topo_node_tunnel(const struct topo_node *);
uint32_t topo_node_probe_key(const struct topo_node *);
const struct topo_port *topo_node_port_to(const struct topo_node *,
                                          const struct topo_cluster *,
                                          const struct topo_node *to);
bool topo_node_sees_by(const struct topo_node *, const char *port);
const char *topo_node_port_name_to(const struct topo_node *,
                                   const struct topo_cluster *,
                                   const struct topo_node *to);
struct topo_claim *topo_attach_claim(const struct topo_attach *,
                                     const struct topo_node *);

/* Whom the owner concerns. */
bool topo_segment_has_node(const struct topo_segment *,
                           const struct topo_node *);
const struct topo_cluster *topo_segment_only_cluster(
    const struct topo_segment *, const struct topo_node *);
bool topo_claim_is_first(const struct topo_claim *);
const struct topo_claim *topo_segment_only_claim(const struct topo_segment *,
                                                 const struct topo_node *);
bool topo_cluster_has_node(const struct topo_cluster *,
                           const struct topo_node *);
bool topo_cluster_has_user(const struct topo_cluster *,
                           const struct topo_node *);
bool topo_cluster_is_fit(const struct topo_cluster *,
                         const struct topo_node *);
size_t topo_cluster_watched(const struct topo_cluster *,
                            const struct topo_node *,
                            const struct topo_port *[TOPO_MAX_EDGES]);
void topo_cluster_set_active(struct topo_cluster *, struct topo_node *);
void topo_cluster_give_way(struct topo_cluster *, struct topo_node *to);

/* Dirt. */
void topo_node_mark(struct topo_node *, uint64_t cookie);
bool topo_node_is_marked(const struct topo_node *, uint64_t cookie);
void topo_node_clean(struct topo_node *);

#endif /* flows/topo.h */
