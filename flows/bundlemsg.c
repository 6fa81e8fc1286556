/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "flows/bundlemsg.h"

#include "flows/delta.h"
#include "openvswitch/ofp-bundle.h"
#include "openvswitch/ofp-flow.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofpbuf.h"

static struct ofpbuf *
bundlemsg_control(enum ofp_version version, uint32_t bundle_id, ovs_be32 xid,
                  enum ofp14_bundle_ctrl_type type)
{
    struct ofputil_bundle_ctrl_msg msg = {
        .bundle_id = bundle_id,
        .type = type,
        .flags = OFPBF_ATOMIC | OFPBF_ORDERED,
    };

    struct ofpbuf *b = ofputil_encode_bundle_ctrl_request(version, &msg);
    ((struct ofp_header *) b->data)->xid = xid;
    ofpmsg_update_length(b);
    return b;
}

/* Wraps 'fm'. */
static struct ofpbuf *
bundlemsg_add(enum ofputil_protocol protocol, uint32_t bundle_id,
              ovs_be32 xid, const struct ofputil_flow_mod *fm)
{
    struct ofpbuf *inner = ofputil_encode_flow_mod(fm, protocol);

    /* The inner message must have the transaction ID of the outer one. */
    ((struct ofp_header *) inner->data)->xid = xid;
    ofpmsg_update_length(inner);

    struct ofputil_bundle_add_msg add = {
        .bundle_id = bundle_id,
        .flags = OFPBF_ATOMIC | OFPBF_ORDERED,
        .msg = inner->data,
    };
    struct ofpbuf *outer = ofputil_encode_bundle_add(
        ofputil_protocol_to_ofp_version(protocol), &add);
    ofpbuf_delete(inner);
    return outer;
}

/* Hands the messages that bring the 'n' 'deltas' into the switch, from the
 * opening of bundle 'bundle_id' to its commitment, to 'send'.
 *
 * Opening and commitment carry the transaction ID 'xid', the changes those
 * that follow, in order, each delta's wipes first.  Returns the first
 * transaction ID that was not used. */
uint32_t
bundlemsg_send(const struct delta *const *deltas, size_t n,
               enum ofputil_protocol protocol,
               uint32_t bundle_id, uint32_t xid,
               bundlemsg_send_func *send, void *aux)
{
    enum ofp_version version = ofputil_protocol_to_ofp_version(protocol);
    uint32_t next = xid + 1;

    send(bundlemsg_control(version, bundle_id, htonl(xid),
                           OFPBCT_OPEN_REQUEST), aux);
    for (size_t i = 0; i < n; i++) {
        const struct delta *delta = deltas[i];
        struct ofputil_flow_mod fm;

        for (size_t j = 0; j < delta->n_wipes; j++) {
            delta_wipe_to_flow_mod(delta->wipes[j], &fm);
            send(bundlemsg_add(protocol, bundle_id, htonl(next++), &fm), aux);
            minimatch_destroy(&fm.match);
        }
        for (size_t j = 0; j < delta->n; j++) {
            delta_change_to_flow_mod(&delta->changes[j], &fm);
            send(bundlemsg_add(protocol, bundle_id, htonl(next++), &fm), aux);
        }
    }
    send(bundlemsg_control(version, bundle_id, htonl(xid),
                           OFPBCT_COMMIT_REQUEST), aux);
    return next;
}
