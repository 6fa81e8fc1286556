/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "controller/edge_private.h"

#include <limits.h>
#include "controller/ofconn.h"
#include "flows/layout.h"
#include "openvswitch/ofp-flow.h"
#include "openvswitch/ofp-util.h"
#include "openvswitch/vlog.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(edge_full);

/* Between two tries whether there is room, in milliseconds.  A table that is
 * full again within the longest of them goes on from where it was, so that
 * one which some stations too many share is no new story every second. */
#define EDGE_FULL_MIN 1000
#define EDGE_FULL_MAX 60000

static const struct {
    uint8_t table;
    const char *name, *meaning;
} edge_mac_tables[EDGE_N_FULL] = {
    [EDGE_FULL_SOURCE] = {
        LAYOUT_SOURCE, "SOURCE",
        "no MAC is learned here, and what is for those that are new is "
        "flooded",
    },
    [EDGE_FULL_DEST] = {
        LAYOUT_DEST, "DEST", "what is for MACs that are new is flooded here",
    },
};

/* Returns whether there is no room for one more MAC: in SOURCE, or else in
 * DEST. */
bool
edge_is_full(const struct edge *edge, bool source)
{
    return edge->full[source ? EDGE_FULL_SOURCE : EDGE_FULL_DEST].full;
}

/* The switch has refused a MAC for 'table', SOURCE or DEST. */
struct edge_full *
edge_set_full(struct edge *edge, uint8_t table)
{
    enum edge_mac_table i = (table == LAYOUT_SOURCE ? EDGE_FULL_SOURCE
                             : EDGE_FULL_DEST);
    struct edge_full *f = &edge->full[i];
    long long now = time_msec();

    f->counted = false;
    if (f->full) {
        return f;
    }
    f->full = true;
    f->probing = false;
    f->backoff = (f->backoff && now - f->ended_at < EDGE_FULL_MAX
                  ? MIN(2 * f->backoff, EDGE_FULL_MAX) : EDGE_FULL_MIN);
    f->retry_at = now + f->backoff;
    edge->refusals_changed = true;
    VLOG_WARN("%s: table %s (%d) is full: %s", edge_name(edge),
              edge_mac_tables[i].name, table, edge_mac_tables[i].meaning);
    return f;
}

/* Sends a flow that no frame ever matches, and takes it back. */
static void
edge_probe_full(struct edge *edge, struct edge_full *f, uint8_t table)
{
    enum ofputil_protocol protocol = ofconn_protocol(edge->conn);
    struct ofputil_flow_mod fm = {
        .priority = LAYOUT_PRIO_LAST,
        .table_id = table,
        .command = OFPFC_ADD,
        .new_cookie = htonll(layout_cookie(LAYOUT_K_PENDING, 0)),
        .hard_timeout = 1,
        .buffer_id = UINT32_MAX,
        .out_port = OFPP_ANY,
        .out_group = OFPG_ANY,
    };
    struct match match;

    match_init_catchall(&match);
    match_set_metadata(&match, OVS_BE64_MAX);
    minimatch_init(&fm.match, &match);
    f->probe_xid = edge_send(edge, ofputil_encode_flow_mod(&fm, protocol));
    fm.command = OFPFC_DELETE_STRICT;
    fm.new_cookie = OVS_BE64_MAX;
    edge_send(edge, ofputil_encode_flow_mod(&fm, protocol));
    minimatch_destroy(&fm.match);
    f->barrier_xid = edge_send(edge, ofputil_encode_barrier_request(
                                         ofconn_version(edge->conn)));
    f->probing = true;
    f->refused = false;
}

/* Tries tables that are full, if it is time to. */
void
edge_try_full(struct edge *edge, long long now)
{
    for (int i = 0; i < EDGE_N_FULL; i++) {
        struct edge_full *f = &edge->full[i];

        if (f->full && !f->probing && now >= f->retry_at) {
            edge_probe_full(edge, f, edge_mac_tables[i].table);
        }
    }
}

/* Takes the error 'oh', if it is about a try. */
bool
edge_full_refused(struct edge *edge, const struct ofp_header *oh,
                  enum ofperr error)
{
    for (int i = 0; i < EDGE_N_FULL; i++) {
        struct edge_full *f = &edge->full[i];

        if (f->probing && oh->xid == f->probe_xid) {
            VLOG_DBG("%s: no room in table %s yet (%s)", edge_name(edge),
                     edge_mac_tables[i].name, ofperr_to_string(error));
            f->refused = true;
            return true;
        }
    }
    return false;
}

/* Takes the barrier reply 'oh', if it ends a try. */
bool
edge_full_answered(struct edge *edge, const struct ofp_header *oh)
{
    for (int i = 0; i < EDGE_N_FULL; i++) {
        struct edge_full *f = &edge->full[i];

        if (!f->probing || oh->xid != f->barrier_xid) {
            continue;
        }
        f->probing = false;
        if (f->refused) {
            f->backoff = MIN(2 * f->backoff, EDGE_FULL_MAX);
            f->retry_at = time_msec() + f->backoff;
        } else {
            f->full = false;
            f->ended_at = time_msec();
            edge->refusals_changed = edge->resync = true;
            VLOG_INFO("%s: table %s has room again", edge_name(edge),
                      edge_mac_tables[i].name);
        }
        return true;
    }
    return false;
}

/* Returns when the next try is due, or LLONG_MAX. */
long long
edge_full_wake(const struct edge *edge)
{
    long long wake = LLONG_MAX;

    for (int i = 0; i < EDGE_N_FULL; i++) {
        if (edge->full[i].full && !edge->full[i].probing) {
            wake = MIN(wake, edge->full[i].retry_at);
        }
    }
    return wake;
}
