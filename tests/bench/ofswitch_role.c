/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "tests/bench/ofswitch_private.h"

/* Returns the connection of the master: the only one if that has not asked for
 * a role, as long as nobody else could write.  Returns NULL if there is
 * none. */
const struct ofswitch_conn *
ofswitch_master(const struct ofswitch *sw)
{
    if (sw->n_conns == 1) {
        const struct ofswitch_conn *only = &sw->conns[0];

        return (only->met && !only->closed
                && only->role != OFPCR12_ROLE_SECONDARY ? only : NULL);
    }
    for (size_t i = 0; i < sw->n_conns; i++) {
        if (sw->conns[i].role == OFPCR12_ROLE_PRIMARY) {
            return &sw->conns[i];
        }
    }
    return NULL;
}

static void
ofswitch_set_role(struct ofswitch_conn *conn, enum ofp12_controller_role role)
{
    if (conn->role == role) {
        return;
    }
    if (conn->role == OFPCR12_ROLE_PRIMARY || role == OFPCR12_ROLE_PRIMARY) {
        conn->sw->mastered = bio_now();
    }
    conn->role = role;
    conn->n.roles++;
}

/* The controller is gone. */
void
ofswitch_drop_role(struct ofswitch_conn *conn)
{
    ofswitch_set_role(conn, OFPCR12_ROLE_EQUAL);
}

/* Makes the master, if there is one, a slave, and tells it. */
static void
ofswitch_demote(struct ofswitch *sw)
{
    const struct ofputil_role_status status = {
        .role = OFPCR12_ROLE_SECONDARY,
        .reason = OFPCRR_PRIMARY_REQUEST,
        .generation_id = sw->has_generation ? sw->generation : UINT64_MAX,
    };

    for (size_t i = 0; i < sw->n_conns; i++) {
        struct ofswitch_conn *conn = &sw->conns[i];

        if (conn->role == OFPCR12_ROLE_PRIMARY) {
            ofswitch_set_role(conn, OFPCR12_ROLE_SECONDARY);
            bio_send(&conn->bio, ofputil_encode_role_status(
                         &status, ofswitch_protocol(sw)));
        }
    }
}

/* Takes 'generation', unless it is older than one that was seen. */
static bool
ofswitch_take_generation(struct ofswitch *sw, uint64_t generation)
{
    if (sw->has_generation && (int64_t) (generation - sw->generation) < 0) {
        return false;
    }
    sw->has_generation = true;
    sw->generation = generation;
    return true;
}

enum ofperr
ofswitch_role_request(struct ofswitch_conn *conn, const struct ofp_header *oh)
{
    struct ofswitch *sw = conn->sw;
    struct ofputil_role_request rr;
    enum ofperr error = ofputil_decode_role_message(oh, &rr);

    if (error) {
        return error;
    }
    if (rr.role == OFPCR12_ROLE_PRIMARY || rr.role == OFPCR12_ROLE_SECONDARY) {
        if (rr.have_generation_id
            && !ofswitch_take_generation(sw, rr.generation_id)) {
            return OFPERR_OFPRRFC_STALE;
        }
    }
    if (rr.role == OFPCR12_ROLE_PRIMARY && conn->role != rr.role) {
        ofswitch_demote(sw);
    }
    if (rr.role != OFPCR12_ROLE_NOCHANGE) {
        ofswitch_set_role(conn, rr.role);
    }
    rr.role = conn->role;
    rr.have_generation_id = sw->has_generation;
    rr.generation_id = sw->generation;
    bio_send(&conn->bio, ofputil_encode_role_reply(oh, &rr));
    return 0;
}

enum ofperr
ofswitch_set_async(struct ofswitch_conn *conn, const struct ofp_header *oh)
{
    const struct ofputil_async_cfg basis = conn->async;
    struct ofputil_async_cfg async;
    enum ofperr error = ofputil_decode_set_async_config(oh, false, &basis,
                                                        &async);
    if (!error) {
        conn->async = async;
    }
    return error;
}

/* Is 'conn' told of what 'type' and 'reason' say? */
bool
ofswitch_hears(const struct ofswitch_conn *conn,
               enum ofputil_async_msg_type type, unsigned int reason)
{
    const uint32_t *masks = (conn->role == OFPCR12_ROLE_SECONDARY
                             ? conn->async.secondary : conn->async.primary);

    return !conn->closed && masks[type] & 1u << reason;
}

/* Is a message of 'type' something that 'conn', as a slave, must not send?
 * What it sets by OFPT_SET_CONFIG for itself it may. */
bool
ofswitch_refuses(const struct ofswitch_conn *conn, enum ofptype type)
{
    if (conn->role != OFPCR12_ROLE_SECONDARY) {
        return false;
    }
    switch ((int) type) {
    case OFPTYPE_PACKET_OUT:
    case OFPTYPE_FLOW_MOD:
    case OFPTYPE_GROUP_MOD:
    case OFPTYPE_METER_MOD:
    case OFPTYPE_PORT_MOD:
    case OFPTYPE_TABLE_MOD:
    case OFPTYPE_BUNDLE_CONTROL:
    case OFPTYPE_BUNDLE_ADD_MESSAGE:
    case OFPTYPE_NXT_TLV_TABLE_MOD:
        return true;
    default:
        return false;
    }
}
