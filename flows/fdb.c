/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "flows/fdb_private.h"

#include "hash.h"
#include "openvswitch/match.h"
#include "openvswitch/ofpbuf.h"
#include "util.h"

/* How many of its own MACs a place may push out in a second. */
#define FDB_MAX_CHURN 1000

/* Operations. */

void
fdb_ops_uninit(struct fdb_ops *ops)
{
    free(ops->ops);
}

static void
fdb_push(struct fdb_ops *ops, const struct fdb_mac *e, struct topo_node *node,
         bool source, bool add, uint32_t slot)
{
    if (ops->n == ops->allocated) {
        ops->ops = x2nrealloc(ops->ops, &ops->allocated, sizeof *ops->ops);
    }
    ops->ops[ops->n++] = (struct fdb_op) {
        .node = node, .source = source, .add = add, .slot = slot,
        .m = { e->segment, e->mac, e->place, e->is_static },
    };
}

/* A node that lacks the port has no SOURCE flow for it. */
void
fdb_push_source(struct fdb_ops *ops, const struct fdb_mac *e,
                const struct fdb_seen *seen, bool add)
{
    if (seen->slot || e->place->type == TOPO_PLACE_VTEP) {
        fdb_push(ops, e, seen->node, true, add, seen->slot);
    }
}

/* DEST, on all nodes of the segment but 'except'.  A node that cannot reach
 * the place must not keep the way to an earlier one. */
void
fdb_push_dest(struct fdb_ops *ops, const struct fdb_mac *e, bool add,
              const struct topo_node *except)
{
    for (size_t i = 0; i < e->segment->n_sites; i++) {
        struct topo_node *node = e->segment->sites[i].node;

        if (node != except) {
            fdb_push(ops, e, node, false,
                     add && !pipeline_place_missing(node, e->place), 0);
        }
    }
}

/* The guard of a static MAC, on all nodes of the segment. */
void
fdb_push_guard(struct fdb_ops *ops, const struct fdb_mac *e, bool add)
{
    for (size_t i = 0; i < e->segment->n_sites; i++) {
        fdb_push(ops, e, e->segment->sites[i].node, false, add, 0);
        ops->ops[ops->n - 1].guard = true;
    }
}

/* Fills in the flow that 'op' is about; see pipeline_source().  Returns false
 * if there is none to add. */
bool
fdb_op_flow(const struct fdb_op *op, struct flowset_spec *spec,
            struct match *match, struct ofpbuf *acts)
{
    if (op->source) {
        pipeline_source(op->node, &op->m, op->slot, spec, match, acts);
    } else if (op->guard) {
        pipeline_guard(&op->m, spec, match, acts);
    } else if (!op->add) {
        pipeline_dest_key(&op->m, spec, match, acts);
    } else {
        return pipeline_dest(op->node, &op->m, spec, match, acts);
    }
    return true;
}

/* Entries. */

void
fdb_init(struct fdb *fdb)
{
    memset(fdb, 0, sizeof *fdb);
    ovs_list_init(&fdb->probation);
    hmap_init(&fdb->flaps);
    ovs_list_init(&fdb->moving);
    ovs_list_init(&fdb->frozen);
    fdb->flap_moves = FDB_FLAP_MOVES;
    fdb->flap_window = fdb->flap_hold = FDB_FLAP_WINDOW;
    heap_init(&fdb->ageing);
}

static uint32_t
fdb_hash(const struct topo_segment *segment, struct eth_addr mac)
{
    return hash_mac(mac, 0, segment->vni);
}

struct fdb_mac *
fdb_find(const struct fdb *fdb, const struct topo_segment *segment,
         struct eth_addr mac)
{
    struct fdb_slot *slot = fdb_table_first(&fdb->macs,
                                            fdb_hash(segment, mac));

    for (; slot; slot = fdb_table_next(&fdb->macs, slot)) {
        if (slot->mac->segment == segment
            && eth_addr_equals(slot->mac->mac, mac)) {
            return slot->mac;
        }
    }
    return NULL;
}

void
fdb_place_in(struct fdb_mac *e, struct topo_place *place)
{
    e->place = place;
    ovs_list_push_back(&place->macs, &e->place_node);
    place->n_macs++;
    place->n_learned += !e->is_static;
}

void
fdb_place_out(struct fdb_mac *e)
{
    ovs_list_remove(&e->place_node);
    e->place->n_macs--;
    e->place->n_learned -= !e->is_static;
}

struct fdb_mac *
fdb_create(struct fdb *fdb, struct topo_place *place, struct eth_addr mac,
           bool is_static, long long now)
{
    struct topo_segment *segment = place->segment;
    struct fdb_mac *e = xzalloc(sizeof *e);

    e->segment = segment;
    e->mac = mac;
    e->is_static = is_static;
    e->learned_at = now;
    e->seen = &e->first_seen;
    e->allocated_seen = 1;
    ovs_list_init(&e->probation_node);
    fdb_table_insert(&fdb->macs, e, fdb_hash(segment, mac));
    ovs_list_push_back(&segment->macs, &e->segment_node);
    segment->n_macs++;
    if (!is_static && !segment->n_learned++) {
        fdb_age_begin(fdb, segment, now);
    }
    fdb_place_in(e, place);
    return e;
}

/* Forgets 'e', without a word to the switches. */
static void
fdb_drop(struct fdb *fdb, struct fdb_mac *e)
{
    fdb_flap_forget(fdb, e);
    fdb_place_out(e);
    ovs_list_remove(&e->segment_node);
    ovs_list_remove(&e->probation_node);
    e->segment->n_macs--;
    if (!e->is_static && !--e->segment->n_learned) {
        heap_remove(&fdb->ageing, &e->segment->ageing_node);
    }
    fdb_table_remove(&fdb->macs, e, fdb_hash(e->segment, e->mac));
    if (e->seen != &e->first_seen) {
        free(e->seen);
    }
    free(e);
}

/* Forgets 'e', because of 'why', and lets the switches forget it. */
void
fdb_remove(struct fdb *fdb, struct fdb_mac *e, enum fdb_event why,
           struct fdb_ops *ops)
{
    fdb_tell(fdb, why, e, NULL);
    if (e->is_static) {
        fdb_push_guard(ops, e, false);
    }
    for (size_t i = 0; i < e->n_seen; i++) {
        fdb_push_source(ops, e, &e->seen[i], false);
    }
    fdb_push_dest(ops, e, false, NULL);
    fdb_drop(fdb, e);
}

void
fdb_destroy(struct fdb *fdb)
{
    struct fdb_walk walk;
    struct fdb_mac *e;

    FDB_TABLE_FOR_EACH (e, &walk, &fdb->macs) {
        fdb_drop(fdb, e);
    }
    fdb_table_destroy(&fdb->macs);
    hmap_destroy(&fdb->flaps);
    heap_destroy(&fdb->ageing);
}

/* Who saw it. */

struct fdb_seen *
fdb_seen(const struct fdb_mac *e, const struct topo_node *node)
{
    for (size_t i = 0; i < e->n_seen; i++) {
        if (e->seen[i].node == node) {
            return &e->seen[i];
        }
    }
    return NULL;
}

/* Makes room for one more node that has seen 'e'. */
static void
fdb_seen_reserve(struct fdb_mac *e)
{
    if (e->n_seen == e->allocated_seen) {
        struct fdb_seen *old = e->seen == &e->first_seen ? NULL : e->seen;

        e->allocated_seen *= 2;
        e->seen = xrealloc(old, e->allocated_seen * sizeof *e->seen);
        if (!old) {
            e->seen[0] = e->first_seen;
        }
    }
}

struct fdb_seen *
fdb_seen_add(struct fdb_mac *e, struct topo_node *node, uint32_t slot)
{
    struct fdb_seen *seen = fdb_seen(e, node);

    if (!seen) {
        fdb_seen_reserve(e);
        seen = &e->seen[e->n_seen++];
        *seen = (struct fdb_seen) { .node = node };
    }
    seen->slot = slot;
    fdb_end_probation(e);
    return seen;
}

void
fdb_end_probation(struct fdb_mac *e)
{
    ovs_list_remove(&e->probation_node);
    ovs_list_init(&e->probation_node);
}

void
fdb_seen_del(struct fdb_mac *e, struct fdb_seen *seen)
{
    *seen = e->seen[--e->n_seen];
}

/* Learning. */

/* Returns the place of 'segment' that holds most learned MACs: 'own' if none
 * holds more. */
static struct topo_place *
fdb_heaviest(const struct topo_segment *segment, struct topo_place *own)
{
    struct topo_place *heaviest = own;
    struct topo_attach *attach;
    struct topo_vtep *vtep;

    LIST_FOR_EACH (attach, segment_node, &segment->attaches) {
        if (attach->place.n_learned > heaviest->n_learned) {
            heaviest = &attach->place;
        }
    }
    LIST_FOR_EACH (vtep, segment_node, &segment->vteps) {
        if (vtep->place.n_learned > heaviest->n_learned) {
            heaviest = &vtep->place;
        }
    }
    return heaviest;
}

/* Whether the place of 'segment' that holds most MACs may push out one more of
 * its own. */
static bool
fdb_may_churn(struct topo_segment *segment, long long now)
{
    if (now - segment->churn_since >= 1000) {
        segment->churn_since = now;
        segment->n_churned = 0;
    }
    return segment->n_churned++ < FDB_MAX_CHURN;
}

/* Makes room in the segment for one more MAC at 'place'.  Returns false if
 * there is none. */
static bool
fdb_make_room(struct fdb *fdb, struct topo_place *place, long long now,
              struct fdb_ops *ops)
{
    struct topo_segment *segment = place->segment;

    while (segment->n_learned >= segment->mac_limit) {
        struct topo_place *victim = fdb_heaviest(segment, place);
        struct fdb_mac *e;

        if (!victim->n_learned) {
            return true;
        }
        if (victim == place && !fdb_may_churn(segment, now)) {
            return false;
        }
        LIST_FOR_EACH (e, place_node, &victim->macs) {
            if (!e->is_static) {
                break;
            }
        }
        fdb_remove(fdb, e, FDB_EV_EVICTED, ops);
        fdb->n_evicted++;
    }
    return true;
}

/* The node 'node' saw a frame from 'mac' come in by 'place', which is in
 * force. */
enum fdb_verdict
fdb_sight(struct fdb *fdb, struct topo_node *node, struct topo_place *place,
          struct eth_addr mac, long long now, struct fdb_ops *ops)
{
    struct fdb_mac *e = fdb_find(fdb, place->segment, mac);
    uint32_t slot = pipeline_place_slot(node, place);
    enum fdb_verdict verdict;
    struct topo_place *from;

    if (e && e->place == place) {
        verdict = FDB_CONFIRMED;
    } else if (e && e->is_static) {
        return FDB_REFUSED;
    } else if (e) {
        verdict = fdb_flap_judge(fdb, e, place, now);
        if (verdict != FDB_MOVED) {
            return verdict;
        }
        for (size_t i = 0; i < e->n_seen; i++) {
            fdb_push_source(ops, e, &e->seen[i], false);
        }
        e->n_seen = 0;
        from = e->place;
        fdb_place_out(e);
        fdb_place_in(e, place);
        e->n_moves++;
        e->learned_at = now;
        fdb->n_moved++;
        place->n_new++;
        fdb_tell(fdb, FDB_EV_MOVED, e, from);
        fdb_push_dest(ops, e, true, NULL);
    } else {
        if (!fdb_make_room(fdb, place, now, ops)) {
            return FDB_FULL;
        }
        e = fdb_create(fdb, place, mac, false, now);
        fdb->n_learned++;
        place->n_new++;
        fdb_tell(fdb, FDB_EV_LEARNED, e, NULL);
        fdb_push_dest(ops, e, true, NULL);
        verdict = FDB_LEARNED;
    }

    struct fdb_seen *seen = fdb_seen_add(e, node, slot);
    seen->at = now;
    fdb_push_source(ops, e, seen, true);
    return verdict;
}

/* The SOURCE flow of 'mac' at 'place' has gone from 'node' for idleness.
 * Returns true if with it the MAC is forgotten. */
bool
fdb_idle(struct fdb *fdb, const struct topo_node *node,
         struct topo_place *place, uint32_t slot, struct eth_addr mac,
         struct fdb_ops *ops)
{
    struct fdb_mac *e = fdb_find(fdb, place->segment, mac);
    struct fdb_seen *seen = e && e->place == place ? fdb_seen(e, node) : NULL;

    if (!seen || seen->slot != slot) {
        return false;
    }
    fdb_seen_del(e, seen);
    if (e->n_seen || e->is_static) {
        return false;
    }
    fdb_remove(fdb, e, FDB_EV_AGED, ops);
    fdb->n_aged++;
    return true;
}

void
fdb_put_on_probation(struct fdb *fdb, struct fdb_mac *e, long long now)
{
    e->learned_at = now;
    ovs_list_remove(&e->probation_node);
    ovs_list_push_back(&fdb->probation, &e->probation_node);
}

static void
fdb_lose_place(struct fdb *fdb, struct topo_place *place, long long now)
{
    struct fdb_mac *e;

    LIST_FOR_EACH (e, place_node, &place->macs) {
        bool here = e->is_static || !ovs_list_is_empty(&e->probation_node);

        for (size_t i = 0; !here && i < e->n_seen; i++) {
            here = !e->seen[i].node->away;
        }
        if (!here) {
            fdb_put_on_probation(fdb, e, now);
        }
    }
}

/* 'node' is away: the MACs that no other node has seen are on probation. */
void
fdb_lose_node(struct fdb *fdb, const struct topo_node *node, long long now)
{
    const struct topo_claim *claim;
    struct topo_vtep *vtep;

    HMAP_FOR_EACH (claim, port_node, &node->claims) {
        struct topo_place *place = &claim->attach->place;

        fdb_lose_place(fdb, place, now);
        LIST_FOR_EACH (vtep, segment_node, &place->segment->vteps) {
            fdb_lose_place(fdb, &vtep->place, now);
        }
    }
}

/* Lets go the MACs that have been on probation for their ageing time. */
void
fdb_run(struct fdb *fdb, long long now, struct fdb_ops *ops)
{
    struct fdb_mac *e;

    LIST_FOR_EACH_SAFE (e, probation_node, &fdb->probation) {
        if (now - e->learned_at >= e->segment->mac_aging * 1000LL) {
            fdb_remove(fdb, e, FDB_EV_AGED, ops);
            fdb->n_aged++;
        }
    }
    fdb_flap_run(fdb, now);
}

/* Forgetting. */

/* Forgets the learned MACs at 'place'. */
void
fdb_flush_place(struct fdb *fdb, struct topo_place *place,
                struct fdb_ops *ops)
{
    struct fdb_mac *e;

    LIST_FOR_EACH_SAFE (e, place_node, &place->macs) {
        if (!e->is_static) {
            fdb_remove(fdb, e, FDB_EV_FORGOTTEN, ops);
        }
    }
}

/* Forgets the learned MACs of 'segment', or of all segments if it is NULL,
 * and only 'mac' unless it is NULL.  Returns how many. */
size_t
fdb_flush(struct fdb *fdb, const struct topo_segment *segment,
          const struct eth_addr *mac, struct fdb_ops *ops)
{
    struct fdb_walk walk;
    struct fdb_mac *e;
    size_t n = 0;

    if (segment && mac) {
        e = fdb_find(fdb, segment, *mac);
        if (!e || e->is_static) {
            return 0;
        }
        fdb_remove(fdb, e, FDB_EV_FORGOTTEN, ops);
        return 1;
    }
    FDB_TABLE_FOR_EACH (e, &walk, &fdb->macs) {
        if (!e->is_static && (!segment || e->segment == segment)
            && (!mac || eth_addr_equals(e->mac, *mac))) {
            fdb_remove(fdb, e, FDB_EV_FORGOTTEN, ops);
            n++;
        }
    }
    return n;
}

/* Forgets the learned MACs of 'segment', without a word to the switches: who
 * leads its nodes instead learns them, moves them and lets them go. */
void
fdb_abandon(struct fdb *fdb, struct topo_segment *segment)
{
    struct fdb_mac *e;

    LIST_FOR_EACH_SAFE (e, segment_node, &segment->macs) {
        if (!e->is_static) {
            fdb_drop(fdb, e);
        }
    }
}

/* 'node' is going to be freed. */
void
fdb_forget_node(struct fdb *fdb, const struct topo_node *node,
                struct fdb_ops *ops)
{
    struct fdb_walk walk;
    struct fdb_mac *e;

    FDB_TABLE_FOR_EACH (e, &walk, &fdb->macs) {
        struct fdb_seen *seen = fdb_seen(e, node);

        if (seen) {
            fdb_seen_del(e, seen);
            if (!e->n_seen && !e->is_static) {
                fdb_remove(fdb, e, FDB_EV_FORGOTTEN, ops);
            }
        }
    }
}
