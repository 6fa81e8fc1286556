/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "flows/bundlemsg.h"

#include "flows/delta.h"
#include "openvswitch/ofp-bundle.h"
#include "openvswitch/ofp-flow.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofpbuf.h"

/* Hands the opening or the commitment of 'bundle' to its 'send'. */
static void
bundlemsg_control(const struct bundlemsg *bundle,
                  enum ofp14_bundle_ctrl_type type)
{
    struct ofputil_bundle_ctrl_msg msg = {
        .bundle_id = bundle->id,
        .type = type,
        .flags = OFPBF_ATOMIC | OFPBF_ORDERED,
    };

    struct ofpbuf *b = ofputil_encode_bundle_ctrl_request(
        ofputil_protocol_to_ofp_version(bundle->protocol), &msg);
    ((struct ofp_header *) b->data)->xid = htonl(bundle->xid);
    ofpmsg_update_length(b);
    bundle->send(b, bundle->aux);
}

/* Wraps 'fm' and hands it to the 'send' of 'bundle'. */
static void
bundlemsg_add(struct bundlemsg *bundle, const struct ofputil_flow_mod *fm)
{
    struct ofpbuf *inner = ofputil_encode_flow_mod(fm, bundle->protocol);

    /* The inner message must have the transaction ID of the outer one. */
    ((struct ofp_header *) inner->data)->xid = htonl(bundle->next++);
    ofpmsg_update_length(inner);

    struct ofputil_bundle_add_msg add = {
        .bundle_id = bundle->id,
        .flags = OFPBF_ATOMIC | OFPBF_ORDERED,
        .msg = inner->data,
    };
    struct ofpbuf *outer = ofputil_encode_bundle_add(
        ofputil_protocol_to_ofp_version(bundle->protocol), &add);
    ofpbuf_delete(inner);
    bundle->send(outer, bundle->aux);
}

/* Opens 'bundle'. */
void
bundlemsg_open(struct bundlemsg *bundle)
{
    bundle->next = bundle->xid + 1;
    bundlemsg_control(bundle, OFPBCT_OPEN_REQUEST);
}

/* Adds the changes of 'delta' from the one numbered 'first' on, and if that is
 * 0 its wipes before them. */
void
bundlemsg_put(struct bundlemsg *bundle, const struct delta *delta,
              size_t first)
{
    struct ofputil_flow_mod fm;

    for (size_t i = 0; !first && i < delta->n_wipes; i++) {
        delta_wipe_to_flow_mod(delta->wipes[i], &fm);
        bundlemsg_add(bundle, &fm);
        minimatch_destroy(&fm.match);
    }
    for (size_t i = first; i < delta->n; i++) {
        delta_change_to_flow_mod(&delta->changes[i], &fm);
        bundlemsg_add(bundle, &fm);
    }
}

/* Brings all that was put into 'bundle' in force. */
void
bundlemsg_commit(const struct bundlemsg *bundle)
{
    bundlemsg_control(bundle, OFPBCT_COMMIT_REQUEST);
}
