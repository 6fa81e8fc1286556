/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "controller/ofconn_private.h"

#include "controller/ofconn_tls.h"
#include "timeval.h"

void
ofconn_set_aux(struct ofconn *conn, void *aux)
{
    conn->aux = aux;
}

void *
ofconn_aux(const struct ofconn *conn)
{
    return conn->aux;
}

const char *
ofconn_name(const struct ofconn *conn)
{
    return conn->name;
}

/* Returns the common name in the peer's certificate, or NULL if that is not
 * known. */
const char *
ofconn_cn(const struct ofconn *conn)
{
    return conn->tls ? ofconn_tls_cn(conn->tls) : NULL;
}

/* Returns when 'conn' last received anything (time_msec()). */
long long
ofconn_last_rx(const struct ofconn *conn)
{
    return conn->last_rx;
}

/* Returns when the peer last answered the latest ofconn_ask() at the time, or
 * 0. */
long long
ofconn_answered(const struct ofconn *conn)
{
    return conn->answered;
}

/* Returns whether it was the peer who ended 'conn', in so many words: its
 * process has died, or restarts, or has been told to connect elsewhere. */
bool
ofconn_closed_by_peer(const struct ofconn *conn)
{
    return conn->closed_by_peer;
}

enum ofp_version
ofconn_version(const struct ofconn *conn)
{
    return conn->version;
}

enum ofputil_protocol
ofconn_protocol(const struct ofconn *conn)
{
    return ofputil_protocol_from_ofp_version(conn->version);
}

/* Says whether 'conn' is that of a switch of the user's.  One that is not, or
 * not any more, may have to make room for others; it is told only who it is
 * not, and not asked again. */
void
ofconn_set_known(struct ofconn *conn, bool known)
{
    ofconn_guest_remove(&conn->guest);
    if (!known && !conn->closing) {
        ofconn_guest_add(&conn->guest, &conn->address, true, time_msec());
    }
}

/* Returns how many bytes wait to be taken by the peer. */
size_t
ofconn_backlog(const struct ofconn *conn)
{
    return conn->tx.size + (conn->in_flight.size
                            ? uv_stream_get_write_queue_size(&conn->h.stream)
                            : 0);
}

/* Returns how many may. */
size_t
ofconn_max_queue(const struct ofconn *conn)
{
    return (conn->guest.origin ? OFCONN_MAX_GUEST_QUEUE : OFCONN_MAX_QUEUE);
}
