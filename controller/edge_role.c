/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* Roles (OpenFlow 1.3.5, section 6.3.5).  A switch takes writes from one
 * master, and packet-ins go there; the other controllers are slaves, who read.
 * A request counts if its generation is no smaller than all that the switch
 * has seen, and who asks to be master makes a slave of the one that was. */

#include <config.h>
#include "controller/edge_private.h"

#include "controller/ofconn.h"
#include "flows/topo.h"
#include "openvswitch/ofp-connection.h"
#include "openvswitch/ofp-errors.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/vlog.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(edge_role);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

static void
edge_role_ask(struct edge *edge, enum ofp12_controller_role role,
              uint64_t generation)
{
    struct ofpbuf *msg = ofpraw_alloc(OFPRAW_OFPT12_ROLE_REQUEST,
                                      ofconn_version(edge->conn), 0);
    struct ofp12_role_request *request = ofpbuf_put_zeros(msg,
                                                          sizeof *request);

    request->role = htonl(role);
    request->generation_id = htonll(generation);
    edge->role = role;
    edge->role_xid = edge_send(edge, msg);
}

/* Asks to be master, as the leader by 'generation'.  Who is master already,
 * stays it. */
void
edge_claim(struct edge *edge, uint64_t generation)
{
    edge_role_ask(edge, OFPCR12_ROLE_PRIMARY, generation);
    if (!edge_is_ready(edge)) {
        edge_dump_stop(edge);
        edge_set_state(edge, EDGE_ROLE);
    }
}

/* Follows: another controller leads, or might.  Forgets what the switch has,
 * but for its ports. */
void
edge_follow(struct edge *edge, uint64_t generation)
{
    edge_txn_destroy(edge->txn);
    edge->txn = NULL;
    edge_dump_stop(edge);
    edge_age_clear(edge);
    flowset_clear(&edge->installed);
    edge_forget_refused(edge);
    topo_node_clean(edge->tnode);
    edge_role_ask(edge, OFPCR12_ROLE_SECONDARY, generation);
    edge_set_state(edge, EDGE_FOLLOW);
}

/* Takes the role reply 'oh'. */
enum edge_event
edge_role_reply(struct edge *edge, const struct ofp_header *oh,
                struct edge_input *in)
{
    struct ofputil_role_request rr;

    if (!edge->role_xid || oh->xid != edge->role_xid) {
        return EDGE_EV_NONE;    /* Nobody has asked. */
    }
    if (ofputil_decode_role_message(oh, &rr)) {
        return EDGE_EV_NONSENSE;
    }
    if (edge->role == OFPCR12_ROLE_PRIMARY) {
        return edge->state == EDGE_ROLE ? EDGE_EV_MASTER : EDGE_EV_NONE;
    }
    if (edge->role == OFPCR12_ROLE_NOCHANGE && edge->tnode) {
        /* What was asked before was refused as out of date. */
        if (edge->state == EDGE_FOLLOW) {
            edge_role_ask(edge, OFPCR12_ROLE_SECONDARY, rr.generation_id);
        } else {
            in->generation = rr.generation_id;
            return EDGE_EV_STALE;
        }
    }
    return EDGE_EV_NONE;
}

/* Takes the role status 'oh': the switch tells a master that it is none any
 * more. */
enum edge_event
edge_role_status(struct edge *edge, const struct ofp_header *oh)
{
    struct ofputil_role_status rs;

    if (ofputil_decode_role_status(oh, &rs)) {
        return EDGE_EV_NONSENSE;
    }
    return (edge->state > EDGE_FOLLOW && rs.role == OFPCR12_ROLE_SECONDARY
            ? EDGE_EV_DEPOSED : EDGE_EV_NONE);
}

/* Takes the error 'oh', about a role or from a switch that has another master
 * by now. */
enum edge_event
edge_role_refused(struct edge *edge, const struct ofp_header *oh,
                  enum ofperr error)
{
    if (!edge->role_xid) {
        return EDGE_EV_NONE;    /* Nobody has asked. */
    } else if (oh->xid != edge->role_xid) {
        return edge->state > EDGE_FOLLOW ? EDGE_EV_DEPOSED : EDGE_EV_NONE;
    }
    if (error == OFPERR_OFPRRFC_STALE) {
        edge_role_ask(edge, OFPCR12_ROLE_NOCHANGE, 0);
        return EDGE_EV_NONE;
    }
    VLOG_WARN_RL(&rl, "%s: no role for a controller: %s", edge_name(edge),
              ofperr_to_string(error));
    return edge->state == EDGE_ROLE ? EDGE_EV_MASTER : EDGE_EV_NONE;
}
