/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef FLOWS_TOPO_PLACE_H
#define FLOWS_TOPO_PLACE_H 1

/* What the files of flows/topo.h share among themselves.
 *
 *   topo.c        rows, segments, clusters
 *   topo_cluster.c  what a cluster is to its edges: fit, active, seen
 *   topo_place.c  attachments and other places: in force and out of it
 *   topo_vtep.c   VTEPs, those that are learned too
 *   topo_claim.c  an attachment's claims on the ports of its nodes
 *   topo_close.c  attachments that let nothing in or out
 *   topo_static.c static MACs
 *   topo_node.c   nodes, and the dirt on them
 *   topo_port.c   the ports of nodes
 *   topo_shard.c  what is led as a whole
 *   topo_tie.c    what segments are common to
 *
 * To change something that a place depends on is to withdraw the place, make
 * the change, and let topo_places_settle() bring back what it can. */

#include "flows/topo.h"

/* What a segment is common to: all bindings and host ports in the segment of
 * this UUID, whatever else these rows say. */
struct topo_tie {
    struct hmap_node node;      /* In 'ties' of struct topo. */
    struct ovs_list mixed_node; /* In 'mixed_ties', or empty: they belong to
                                 * more than one owner. */
    struct ovs_list attaches;   /* Of struct topo_attach. */
};

void topo_attach_withdraw(struct topo *, struct topo_attach *);
void topo_place_init(struct topo *, struct topo_place *);
void topo_place_instate(struct topo *, struct topo_place *,
                        struct topo_segment *);
void topo_place_withdraw(struct topo *, struct topo_place *);
void topo_vtep_settle(struct topo *, struct topo_vtep *);
void topo_vtep_lift_bars(struct topo *, long long now);
void topo_vtep_withdraw(struct topo *, struct topo_vtep *);
void topo_segment_limit_vteps(struct topo *, struct topo_segment *);
void topo_segment_check(struct topo *, struct topo_segment *);
void topo_place_del(struct topo *, struct topo_place *);
void topo_place_free(struct topo_place *);
void topo_places_settle(struct topo *);
void topo_shards_settle(struct topo *);
struct topo_node *topo_attach_owner_node(const struct topo *,
                                         const struct topo_attach *);
void topo_tie_add(struct topo *, struct topo_attach *);
void topo_tie_del(struct topo *, struct topo_attach *);
void topo_row_add(struct topo *, enum topo_table, const struct uuid *,
                   struct topo_row *);
void topo_static_settle(struct topo *);
void topo_attach_check_ports(struct topo *, struct topo_attach *);

void topo_attach_close_row(struct topo *, struct topo_attach *,
                           long long until, const char *reason);
void topo_attach_forget_closure(struct topo_attach *);
void topo_attach_mark_ports(struct topo_attach *);
void topo_attach_set_probe(struct topo *, struct topo_attach *,
                           unsigned int interval);
char *topo_attach_closed_error(const struct topo_attach *);

void topo_segment_mark(struct topo_segment *);
void topo_segment_mark_macs(struct topo_segment *);

void topo_cluster_bind(struct topo_cluster *, struct topo_attach *);
void topo_cluster_unbind(struct topo_attach *);
void topo_cluster_set_members(struct topo_cluster *,
                              struct topo_node *const members[], size_t n);
void topo_cluster_add_user(struct topo_cluster *, struct topo_node *);
void topo_cluster_del_user(struct topo_cluster *, struct topo_node *);
void topo_cluster_mark_members(const struct topo_cluster *);
bool topo_node_is_access(const struct topo_node *, const char *port);
char *topo_claim_check(const struct topo_attach *, const struct topo_node *);
void topo_attach_claim_all(struct topo_attach *,
                           struct topo_node *const nodes[], size_t n);
void topo_attach_unclaim_all(struct topo_attach *);
void topo_claim_resolve(struct topo_claim *);
void topo_node_mark_clusters(struct topo_node *);
void topo_node_mark_addrs(struct topo_node *);
void topo_node_mark_tunnel(struct topo_node *, ofp_port_t);
void topo_node_check_ports(struct topo *, struct topo_node *);
void topo_node_settle(struct topo *, struct topo_node *);
void topo_node_invalidate(struct topo *, struct topo_node *);
void topo_node_free(struct topo_node *);

#endif /* flows/topo_place.h */
