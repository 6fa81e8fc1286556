/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef FLOWS_FDB_PRIVATE_H
#define FLOWS_FDB_PRIVATE_H 1

/* What the files of flows/fdb.h share among themselves.
 *
 *   fdb.c       operations, entries, learning, forgetting
 *   fdb_age.c   when to ask for how long MACs have been idle, and for what
 *   fdb_flap.c  MACs that move to and fro
 *   fdb_node.c  one node's view: the flows that it should have, and taking
 *               MACs back from those that it has
 *   fdb_static.c  static MACs
 *   fdb_withdrawn.c  MACs at places that change or go
 *
 * fdb_create() and the fdb_seen functions say nothing to the switches: who
 * calls them pushes the operations. */

#include "flows/fdb.h"

static inline void
fdb_tell(const struct fdb *fdb, enum fdb_event event, const struct fdb_mac *e,
         const struct topo_place *other)
{
    if (OVS_UNLIKELY(fdb->tell) && !e->is_static) {
        fdb->tell(event, e, other, fdb->tell_aux);
    }
}

void fdb_push_source(struct fdb_ops *, const struct fdb_mac *,
                     const struct fdb_seen *, bool add);
void fdb_push_dest(struct fdb_ops *, const struct fdb_mac *, bool add,
                   const struct topo_node *except);
void fdb_push_guard(struct fdb_ops *, const struct fdb_mac *, bool add);
struct fdb_mac *fdb_create(struct fdb *, struct topo_place *, struct eth_addr,
                           bool is_static, long long now);
void fdb_remove(struct fdb *, struct fdb_mac *, enum fdb_event why,
                struct fdb_ops *);
struct fdb_seen *fdb_seen(const struct fdb_mac *, const struct topo_node *);
struct fdb_seen *fdb_seen_add(struct fdb_mac *, struct topo_node *,
                              uint32_t slot);
void fdb_place_in(struct fdb_mac *, struct topo_place *);
void fdb_place_out(struct fdb_mac *);
void fdb_end_probation(struct fdb_mac *);
void fdb_seen_del(struct fdb_mac *, struct fdb_seen *);
void fdb_flap_forget(struct fdb *, const struct fdb_mac *);
void fdb_flap_clear(struct topo_place *);
void fdb_flap_run(struct fdb *, long long now);
enum fdb_verdict fdb_flap_judge(struct fdb *, struct fdb_mac *,
                                struct topo_place *, long long now);
void fdb_age_begin(struct fdb *, struct topo_segment *, long long now);
void fdb_put_on_probation(struct fdb *, struct fdb_mac *, long long now);

#endif /* flows/fdb_private.h */
