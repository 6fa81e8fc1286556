/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "controller/loop.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofp-util.h"
#include "openvswitch/ofpbuf.h"
#include "util.h"

static void
peer_opened(struct ofconn *conn, void *peer_)
{
    struct peer *peer = peer_;

    peer->conn = conn;
    ofconn_set_known(conn, !peer->guest);
}

static void
peer_message(struct ofconn *conn OVS_UNUSED, const struct ofp_header *oh,
             void *peer_)
{
    struct peer *peer = peer_;

    if (peer->message) {
        peer->message(peer, oh);
    }
}

static void
peer_closed(struct ofconn *conn OVS_UNUSED, void *peer_)
{
    struct peer *peer = peer_;

    peer->conn = NULL;
    loop_wake();
}

/* Connects 'peer', whose 'message' and 'aux' the caller has set, with OpenFlow
 * 1.5. */
void
peer_start(struct peer *peer)
{
    char *target;

    peer->user = (struct ofconn_user) {
        .opened = peer_opened,
        .message = peer_message,
        .closed = peer_closed,
        .aux = peer,
    };
    peer->un.sun_family = AF_UNIX;
    snprintf(peer->un.sun_path, sizeof peer->un.sun_path,
             "/tmp/test-peer.%d", getpid());
    target = xasprintf("punix:%s", peer->un.sun_path);
    assert_null(ofconn_listen(target, &peer->user, &peer->listener));
    free(target);

    peer->fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(connect(peer->fd, (struct sockaddr *) &peer->un,
                             sizeof peer->un), 0);
    peer_send(peer, ofputil_encode_hello(1u << OFP15_VERSION));
    while (!peer->conn) {
        loop_run();
    }
    ofpbuf_delete(peer_receive(peer));      /* Hello. */
}

/* Closes the switch's end, if the test has not, and waits until the connection
 * has ended. */
void
peer_stop(struct peer *peer)
{
    if (peer->fd >= 0) {
        close(peer->fd);
    }
    while (peer->conn) {
        loop_run();
    }
    ofconn_listener_close(peer->listener);
    loop_run();
    unlink(peer->un.sun_path);
}

/* The switch sends 'msg', which it owned. */
void
peer_send(struct peer *peer, struct ofpbuf *msg)
{
    ofpmsg_update_length(msg);
    assert_int_equal(write(peer->fd, msg->data, msg->size), msg->size);
    ofpbuf_delete(msg);
}

/* Returns the next message that the switch gets, which the caller deletes, or
 * NULL if none has been sent. */
struct ofpbuf *
peer_receive(struct peer *peer)
{
    struct ofp_header oh;

    ofconn_flush();
    if (recv(peer->fd, &oh, sizeof oh, MSG_DONTWAIT) != sizeof oh) {
        return NULL;
    }

    size_t n = ntohs(oh.length);
    struct ofpbuf *msg = ofpbuf_new(n);
    ofpbuf_put(msg, &oh, sizeof oh);
    while (msg->size < n) {
        ssize_t retval = recv(peer->fd, ofpbuf_tail(msg), n - msg->size, 0);

        assert_true(retval > 0);
        msg->size += retval;
    }
    return msg;
}
