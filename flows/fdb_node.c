/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "flows/fdb_private.h"

#include "flows/flowset.h"
#include "openvswitch/match.h"
#include "openvswitch/ofpbuf.h"
#include "util.h"

/* What should be there. */

/* Returns whether 'node' has a SOURCE flow of 'e'. */
bool
fdb_has_source(const struct fdb_mac *e, const struct topo_node *node)
{
    const struct fdb_seen *seen = fdb_seen(e, node);

    return seen && (seen->slot || e->place->type == TOPO_PLACE_VTEP);
}

/* Returns whether 'e' has been seen by 'node' since 'since'. */
bool
fdb_has_spoken(const struct fdb_mac *e, const struct topo_node *node,
               long long since)
{
    const struct fdb_seen *seen = fdb_seen(e, node);

    return seen && !e->is_static && seen->at > since;
}

/* Brings up to date by which slot 'node', which is there, knows 'e'. */
static void
fdb_refresh_slot(struct fdb_mac *e, const struct topo_node *node)
{
    uint32_t slot = pipeline_place_slot(node, e->place);
    struct fdb_seen *seen = fdb_seen(e, node);

    if (seen) {
        seen->slot = slot;
        if (fdb_has_source(e, node)) {
            fdb_end_probation(e);
        }
    } else if (e->is_static) {
        fdb_seen_add(e, CONST_CAST(struct topo_node *, node), slot);
    }
}

/* Calls 'func' for each flow of 'e' that 'node', of its segment, should
 * have. */
void
fdb_mac_ops(const struct fdb_mac *e, const struct topo_node *node,
            fdb_op_func *func, void *aux)
{
    struct fdb_op op = {
        .node = CONST_CAST(struct topo_node *, node), .add = true,
        .m = { e->segment, e->mac, e->place, e->is_static },
    };

    if (fdb_has_source(e, node)) {
        op.source = true;
        op.slot = fdb_seen(e, node)->slot;
        func(&op, aux);
        op.source = false;
        op.slot = 0;
    }
    func(&op, aux);
    if (e->is_static) {
        op.guard = true;
        func(&op, aux);
    }
}

static void
fdb_segment_ops(const struct topo_node *node,
                const struct topo_segment *segment, fdb_op_func *func,
                void *aux)
{
    struct fdb_mac *e;

    LIST_FOR_EACH (e, segment_node, &segment->macs) {
        fdb_refresh_slot(e, node);
        fdb_mac_ops(e, node, func, aux);
    }
}

/* Calls 'func' for all that would have to be added if 'node' had no flows of
 * the MACs of 'segment', or of all its segments if 'segment' is NULL; see
 * fdb_op_flow() for those that it has none of.  As its ports may have got
 * other numbers, brings up to date by which slots it knows the MACs. */
void
fdb_node_ops(const struct topo_node *node,
             const struct topo_segment *segment, fdb_op_func *func, void *aux)
{
    const struct topo_claim *claim;

    if (segment) {
        if (topo_segment_has_node(segment, node)) {
            fdb_segment_ops(node, segment, func, aux);
        }
        return;
    }
    HMAP_FOR_EACH (claim, port_node, &node->claims) {
        if (topo_claim_is_first(claim)) {
            fdb_segment_ops(node, claim->attach->place.segment, func, aux);
        }
    }
}

/* Adds to 'set' the flow that 'op' adds, if there is one. */
void
fdb_op_add_flow(const struct fdb_op *op, struct flowset *set)
{
    uint64_t stub[128 / 8];
    struct ofpbuf acts = OFPBUF_STUB_INITIALIZER(stub);
    struct flowset_spec spec;
    struct match match;

    if (fdb_op_flow(op, &spec, &match, &acts)) {
        flowset_add(set, &spec);
    }
    ofpbuf_uninit(&acts);
}

static void
fdb_add_flow(const struct fdb_op *op, void *set)
{
    fdb_op_add_flow(op, set);
}

/* The same as fdb_node_ops(), as flows, which are added to 'set'. */
void
fdb_node_flows(const struct topo_node *node,
               const struct topo_segment *segment, struct flowset *set)
{
    fdb_node_ops(node, segment, fdb_add_flow, set);
}

/* Adoption. */

/* 'node' has the SOURCE flow of 'mac' at 'place', in its 'epoch'th session. */
void
fdb_adopt_source(struct fdb *fdb, struct topo_node *node,
                 struct topo_place *place, uint32_t slot, struct eth_addr mac,
                 uint32_t epoch, long long now, struct fdb_ops *ops)
{
    struct fdb_mac *e = fdb_find(fdb, place->segment, mac);

    if (!e) {
        e = fdb_create(fdb, place, mac, false, now);
        fdb_push_dest(ops, e, true, node);
    }
    if (e->place == place) {
        struct fdb_seen *seen = fdb_seen_add(e, node, slot);

        seen->epoch = epoch;
        seen->at = now;
        fdb_age_anew(fdb, place->segment, now);
    }
}

/* 'node' has the DEST flow of 'mac', leading to 'place'.  To be called after
 * fdb_adopt_source() for all flows of 'node'. */
void
fdb_adopt_dest(struct fdb *fdb, struct topo_node *node,
               struct topo_place *place, struct eth_addr mac, uint32_t epoch,
               long long now, struct fdb_ops *ops)
{
    struct fdb_mac *e = fdb_find(fdb, place->segment, mac);
    struct fdb_seen *seen;

    if (!e) {
        e = fdb_create(fdb, place, mac, false, now);
        fdb_push_dest(ops, e, true, node);
        fdb_put_on_probation(fdb, e, now);
        return;
    }

    /* That the node lost one flow of the two means that the MAC aged while
     * nobody listened.  (A node that lost all its flows has lost both.) */
    seen = fdb_seen(e, node);
    if (seen && seen->epoch != epoch && !e->is_static) {
        fdb_seen_del(e, seen);
        if (!e->n_seen) {
            fdb_remove(fdb, e, FDB_EV_AGED, ops);
            fdb->n_aged++;
        }
    }
}
