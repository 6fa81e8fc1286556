/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "controller/edge_private.h"

#include "controller/ofconn.h"
#include "coverage.h"
#include "flows/bundlemsg.h"
#include "flows/macmsg.h"
#include "flows/topo.h"
#include "openvswitch/ofp-packet.h"
#include "openvswitch/ofp-util.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/vlog.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(edge_txn);

COVERAGE_DEFINE(edge_flow_mod);
COVERAGE_DEFINE(edge_bundle);

#define EDGE_BACKOFF_MAX 60000  /* Milliseconds. */

/* The dump is complete: what it has of flows that are not those of MACs is
 * what the switch has. */
void
edge_begin_sync(struct edge *edge)
{
    flowset_swap(&edge->installed, &edge->dump.config);
    flowset_clear(&edge->dump.config);
    edge->leased = edge->dump.lease;
    edge_stats_changed(edge);
    edge_set_state(edge, EDGE_SYNC);
}

struct edge_txn *
edge_txn_create(struct edge *edge)
{
    struct edge_txn *txn = xzalloc(sizeof *txn);

    delta_init(&txn->config, &edge->installed);
    flowset_init(&txn->macs_have);
    delta_init(&txn->macs, &txn->macs_have);
    return txn;
}

void
edge_txn_destroy(struct edge_txn *txn)
{
    if (txn) {
        delta_destroy(&txn->config);
        delta_destroy(&txn->macs);
        flowset_destroy(&txn->macs_have);
        free(txn);
    }
}

static void
edge_send_bundled(struct ofpbuf *msg, void *edge_)
{
    struct edge *edge = edge_;

    edge->n_flow_mods++;
    ofconn_send(edge->conn, msg);
}

static void
edge_open(struct edge *edge, struct edge_txn *txn)
{
    txn->bundle = (struct bundlemsg) {
        .protocol = ofconn_protocol(edge->conn),
        .id = edge->next_bundle++,
        .xid = edge->next_xid,
        .send = edge_send_bundled,
        .aux = edge,
    };
    bundlemsg_open(&txn->bundle);
    edge->n_flow_mods -= 2;     /* The bundle's opening and commitment. */
}

/* Sends what has come into 'txn->config' so far, for the switch to begin with.
 * Nothing in there may be a deletion, which would have to come first, and
 * nothing else may be sent before edge_commit(). */
void
edge_send_ahead(struct edge *edge, struct edge_txn *txn)
{
    ovs_assert(!txn->config.n_deleted);
    if (txn->config.n > txn->n_sent) {
        if (!txn->n_sent) {
            edge_open(edge, txn);
        }
        bundlemsg_put(&txn->bundle, &txn->config, txn->n_sent);
        txn->n_sent = txn->config.n;
    }
}

/* Sends 'txn', which the session comes to own, as one bundle with a barrier.
 * Returns false if there is nothing to send: then it is confirmed by
 * nature. */
bool
edge_commit(struct edge *edge, struct edge_txn *txn)
{
    ovs_assert(!edge->txn);
    delta_finish(&txn->config);
    delta_finish(&txn->macs);
    if (delta_is_empty(&txn->config) && delta_is_empty(&txn->macs)) {
        edge_txn_destroy(txn);
        edge_delete_stale_meters(edge);
        return false;
    }

    edge->txn = txn;
    if (!txn->n_sent) {
        edge_open(edge, txn);
    }
    bundlemsg_put(&txn->bundle, &txn->config, txn->n_sent);
    bundlemsg_put(&txn->bundle, &txn->macs, 0);
    bundlemsg_commit(&txn->bundle);
    edge->next_xid = txn->bundle.next;
    txn->since = time_msec();
    txn->barrier_xid = edge_send(edge, ofputil_encode_barrier_request(
                                           ofconn_version(edge->conn)));
    COVERAGE_INC(edge_bundle);
    return true;
}

/* The transaction, if there is one, is in force: the switch is in sync. */
void
edge_confirm(struct edge *edge)
{
    if (edge->txn) {
        edge->times.bundle = time_msec() - edge->txn->since;
        edge->times.all_bundles += edge->times.bundle;
        edge->times.n_bundles++;
        if (!delta_is_empty(&edge->txn->config)) {
            edge_stats_changed(edge);
        }
        delta_apply(&edge->txn->config);
        edge_txn_destroy(edge->txn);
        edge->txn = NULL;
    }
    edge->refusals_changed |= refused_confirm(&edge->refused);
    edge->n_rounds = 0;
    edge_delete_stale_meters(edge);
    edge->backoff = EDGE_BACKOFF_MIN;
    if (edge->state != EDGE_SYNCED) {
        edge->times.reconcile = time_msec() - edge->times.asked_at;
        edge_set_state(edge, EDGE_SYNCED);
    }
}

/* The transaction failed: waits before the next try. */
void
edge_back_off(struct edge *edge, long long now)
{
    edge_txn_destroy(edge->txn);
    edge->txn = NULL;
    flowset_clear(&edge->installed);
    edge_dump_stop(edge);
    edge->retry_at = now + edge->backoff;
    VLOG_INFO("%s: next try in %d ms", edge_name(edge), edge->backoff);
    edge->backoff = MIN(2 * edge->backoff, EDGE_BACKOFF_MAX);
    edge_set_state(edge, EDGE_BACKOFF);
}

/* Sends the flow-mod for 'op', outside any bundle. */
void
edge_send_op(struct edge *edge, const struct fdb_op *op)
{
    ovs_be32 xid = htonl(edge->next_xid);
    uint64_t stub[256 / 8];
    struct ofpbuf b = OFPBUF_STUB_INITIALIZER(stub);
    struct ofpbuf *msg;

    if (macmsg_put(edge->macmsg, op, xid, &b)) {
        ofconn_put(edge->conn, b.data, b.size);
    } else {
        msg = macmsg_encode(op, ofconn_protocol(edge->conn), xid);
        if (!msg) {
            return;
        }
        ofconn_send(edge->conn, msg);
    }
    edge->next_xid++;
    edge->n_flow_mods++;
    COVERAGE_INC(edge_flow_mod);
}

/* Lets the switch do 'acts' with a frame that comes from no port. */
void
edge_send_packet(struct edge *edge, const void *packet, size_t size,
                 const struct ofpbuf *acts)
{
    struct ofputil_packet_out po = {
        .packet = packet,
        .packet_len = size,
        .buffer_id = UINT32_MAX,
        .ofpacts = acts->data,
        .ofpacts_len = acts->size,
    };

    match_init_catchall(&po.flow_metadata);
    match_set_in_port(&po.flow_metadata, OFPP_CONTROLLER);
    edge_send(edge, ofputil_encode_packet_out(&po,
                                              ofconn_protocol(edge->conn)));
}
