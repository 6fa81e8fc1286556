/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "controller/edge_private.h"

#include "flows/layout.h"
#include "flows/topo.h"
#include "openflow/openflow-1.1.h"
#include "openvswitch/ofp-errors.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/vlog.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(edge_refused);

#define EDGE_FLOW_MOD 14        /* OFPT_FLOW_MOD, from OpenFlow 1.1 on. */

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

/* Whom 'xid', of a message in the bundle of 'txn', is about: returns the
 * delta in which its change is, and in '*i' the number of that; or NULL if
 * there is none. */
static const struct delta *
edge_find_change(const struct edge_txn *txn, uint32_t xid, size_t *i)
{
    const struct delta *delta = &txn->config;

    *i = xid - txn->bundle.xid - 1;
    if (*i >= delta->n) {
        *i -= delta->n + txn->macs.n_wipes;
        delta = &txn->macs;
    }
    return *i < delta->n ? delta : NULL;
}

/* Whether change 'i' of 'delta' needs room in 'table'. */
static bool
edge_needs_room(const struct delta *delta, size_t i, uint8_t table)
{
    const struct delta_change *change = &delta->changes[i];

    return (change->command == OFPFC_ADD && change->flow->table == table
            && !flowset_find(delta->have, change->flow));
}

/* Leaves out the owner 'cookie' from now on. */
static void
edge_leave_out(struct edge *edge, uint64_t cookie, enum ofperr error,
               uint8_t table)
{
    bool known = refused_find(&edge->refused, cookie) != NULL;

    if (refused_add(&edge->refused, cookie, error, table, time_msec())) {
        edge->refusals_changed = true;
        if (!known) {
            char *name = refused_owner_name(cookie);

            VLOG_WARN_RL(&rl, "%s: refuses flows of %s (table %"PRIu8"): %s; "
                         "they are left out", edge_name(edge), name, table,
                         ofperr_to_string(error));
            free(name);
        }
    }
}

/* There is no room in a table for change 'i' of 'delta': nor is there for
 * those that follow.  A table of MACs is full; otherwise it is their owners
 * that are left out. */
static void
edge_refuse_rest(struct edge *edge, const struct delta *delta, size_t i)
{
    const struct flowset_flow *flow = delta->changes[i].flow;

    if (layout_kind_is_mac(layout_cookie_kind(flow->cookie))) {
        struct edge_full *f = edge_set_full(edge, flow->table);

        f->counted = true;
        f->room = 0;
        for (size_t j = 0; j < i; j++) {
            f->room += edge_needs_room(delta, j, flow->table);
        }
        return;
    }
    for (size_t j = i; j < delta->n; j++) {
        if (j == i || edge_needs_room(delta, j, flow->table)) {
            edge_leave_out(edge, delta->changes[j].flow->cookie,
                           OFPERR_OFPFMFC_TABLE_FULL, flow->table);
        }
    }
}

/* The switch has answered message 'xid' of the transaction with 'error'. */
void
edge_refuse(struct edge *edge, uint32_t xid, enum ofperr error)
{
    struct edge_txn *txn = edge->txn;
    size_t i;
    const struct delta *delta = edge_find_change(txn, xid, &i);

    if (!delta || delta->changes[i].command == OFPFC_DELETE_STRICT) {
        return;                 /* The bundle itself, or nonsense. */
    }
    txn->named = true;
    if (error == OFPERR_OFPFMFC_TABLE_FULL) {
        edge_refuse_rest(edge, delta, i);
    } else {
        edge_leave_out(edge, delta->changes[i].flow->cookie, error,
                       delta->changes[i].flow->table);
    }
}

/* Reads from 'payload', the beginning of a message that was refused, which MAC
 * it was about.  Returns false if it was about none. */
static bool
edge_read_refused(const struct ofpbuf *payload, uint64_t *cookie,
                  uint8_t *table)
{
    const struct ofp_header *oh = payload->data;
    struct ofp11_flow_mod fm;

    if (payload->size < sizeof *oh + sizeof fm || oh->type != EDGE_FLOW_MOD) {
        return false;
    }
    memcpy(&fm, oh + 1, sizeof fm);
    *cookie = ntohll(fm.cookie);
    *table = fm.table_id;
    return ((*cookie & LAYOUT_COOKIE_MASK) == LAYOUT_COOKIE_OURS
            && layout_kind_is_mac(layout_cookie_kind(*cookie))
            && (*table == LAYOUT_SOURCE || *table == LAYOUT_DEST)
            && (fm.command == OFPFC_ADD
                || fm.command == OFPFC_MODIFY_STRICT));
}

/* Takes the error 'oh', if it is about a MAC that was sent outside any
 * bundle.  Which one the switch does not say, so it is to be asked which it
 * has. */
bool
edge_refuse_op(struct edge *edge, const struct ofp_header *oh)
{
    struct ofpbuf payload;
    enum ofperr error = ofperr_decode_msg(oh, &payload);
    uint64_t cookie;
    uint8_t table;
    bool ours = edge_read_refused(&payload, &cookie, &table)
                && edge_is_ready(edge)
                && topo_segment_by_vni(edge->topo,
                                       layout_cookie_owner(cookie));

    ofpbuf_uninit(&payload);
    if (!ours) {
        return false;
    }
    if (error != OFPERR_OFPFMFC_TABLE_FULL) {
        edge->resync |= !refused_is_out(&edge->refused, cookie);
        edge_leave_out(edge, cookie, error, table);
    } else {
        edge->resync |= !edge_is_full(edge, table == LAYOUT_SOURCE);
        edge_set_full(edge, table);
    }
    return true;
}

/* Whether 'error', for a bundle, may be about a flow in it, and not about
 * requests of that sort. */
static bool
edge_may_be_flow(enum ofperr error)
{
    const char *name = error ? ofperr_get_name(error) : "OFPBRC_";

    return (error == OFPERR_OFPBFC_MSG_FAILED
            || (strncmp(name, "OFPBRC_", 7) && strncmp(name, "OFPBFC_", 7)));
}

/* The transaction was refused, and it is not known what of it.  Makes suspects
 * of half of the owners in it, and returns true; or false if it was no flow
 * that was refused. */
bool
edge_suspect(struct edge *edge, long long now)
{
    const struct edge_txn *txn = edge->txn;
    const struct delta *deltas[] = { &txn->config, &txn->macs };
    uint64_t *cookies, *half;
    size_t n = 0;

    if (!edge_may_be_flow(txn->error)) {
        return false;
    }
    cookies = xmalloc(MAX(1, txn->config.n + txn->macs.n) * sizeof *cookies);
    for (size_t d = 0; d < ARRAY_SIZE(deltas); d++) {
        for (size_t i = 0; i < deltas[d]->n; i++) {
            if (deltas[d]->changes[i].command != OFPFC_DELETE_STRICT) {
                cookies[n++] = deltas[d]->changes[i].flow->cookie;
            }
        }
    }
    half = refused_half(cookies, &n);
    if (n == 1 && half == cookies) {
        edge_leave_out(edge, half[0], txn->error, OFPTT_ALL);
    } else {
        for (size_t i = 0; i < n; i++) {
            refused_suspect(&edge->refused, half[i], now);
        }
    }
    free(cookies);
    return n > 0;
}

/* The switch has refused the transaction, and has what it had before.  All
 * that is in the transaction is to be derived anew. */
void
edge_undo(struct edge *edge)
{
    struct topo_node *node = edge->tnode;
    const struct edge_txn *txn = edge->txn;
    struct refused_owner *o;

    HMAP_FOR_EACH (o, node, &edge->refused.owners) {
        if (o->state == REFUSED_NEW
            && topo_node_is_marked(node, layout_mark(o->cookie))) {
            o->state = REFUSED_TRIED;
        }
    }
    for (size_t i = 0; i < txn->config.n; i++) {
        topo_node_mark(node, txn->config.changes[i].flow->cookie);
    }
    for (size_t i = 0; i < txn->macs.n_wipes; i++) {
        topo_node_mark(node, layout_mark(txn->macs.wipes[i]));
    }
    edge_txn_destroy(edge->txn);
    edge->txn = NULL;
}

/* What the switch has is unknown: asks it, at once. */
void
edge_ask_anew(struct edge *edge)
{
    edge_txn_destroy(edge->txn);
    edge->txn = NULL;
    edge->resync = false;
    edge_dump_stop(edge);
    edge_ask_meter(edge);
}

/* Forgets what was refused: the session ends, or begins anew. */
void
edge_forget_refused(struct edge *edge)
{
    edge->refusals_changed |= !refused_is_empty(&edge->refused);
    refused_clear(&edge->refused);
    for (int i = 0; i < EDGE_N_FULL; i++) {
        edge->refusals_changed |= edge->full[i].full;
        memset(&edge->full[i], 0, sizeof edge->full[i]);
    }
    edge->resync = false;
}
