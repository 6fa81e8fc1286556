/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* When the main loop sleeps, and when it does not. */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "controller/loop.h"
#include "controller/ofconn.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofp-util.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/poll-loop.h"
#include "timeval.h"
#include "util.h"

struct peer {
    int fd;
    struct ofconn *conn;
    size_t n_messages;
    bool busy;                  /* There are more where one came from. */
};

static void
peer_send(struct peer *peer, struct ofpbuf *msg)
{
    ofpmsg_update_length(msg);
    assert_int_equal(write(peer->fd, msg->data, msg->size), msg->size);
    ofpbuf_delete(msg);
}

static void
peer_send_barrier(struct peer *peer)
{
    peer_send(peer, ofpraw_alloc(OFPRAW_OFPT11_BARRIER_REPLY, OFP15_VERSION,
                                 0));
}

static void
peer_opened(struct ofconn *conn, void *peer_)
{
    struct peer *peer = peer_;

    peer->conn = conn;
}

static void
peer_message(struct ofconn *conn OVS_UNUSED,
             const struct ofp_header *oh OVS_UNUSED, void *peer_)
{
    struct peer *peer = peer_;

    peer->n_messages++;
    if (peer->busy) {
        loop_stay();
        if (peer->n_messages < 10) {
            peer_send_barrier(peer);
        }
    } else {
        loop_wake();
    }
}

static void
peer_closed(struct ofconn *conn OVS_UNUSED, void *peer_)
{
    struct peer *peer = peer_;

    peer->conn = NULL;
    loop_wake();
}

/* Ends a turn of the main loop, which sleeps for 'msec' milliseconds if nobody
 * keeps it awake.  Returns whether somebody did. */
static bool
turn_goes_on(int msec)
{
    long long start = time_msec();

    poll_timer_wait(msec);
    loop_wait();
    poll_block();
    return time_msec() - start < msec;
}

/* The timer of the inactivity probes would wake the loop too. */
static void
stop_timer(uv_handle_t *handle, void *aux OVS_UNUSED)
{
    if (handle->type == UV_TIMER) {
        uv_timer_stop((uv_timer_t *) handle);
    }
}

static void
test_wakes(void **state OVS_UNUSED)
{
    struct peer peer = { .conn = NULL };
    struct ofconn_user user = {
        .opened = peer_opened,
        .message = peer_message,
        .closed = peer_closed,
        .aux = &peer,
    };
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    struct ofconn_listener *listener;
    char *target;

    snprintf(un.sun_path, sizeof un.sun_path, "/tmp/test-loop.%d", getpid());
    target = xasprintf("punix:%s", un.sun_path);
    assert_null(ofconn_listen(target, &user, &listener));
    uv_walk(loop_uv(), stop_timer, NULL);
    loop_run();
    peer.fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(connect(peer.fd, (struct sockaddr *) &un, sizeof un), 0);

    peer_send(&peer, ofputil_encode_hello(1u << OFP15_VERSION));
    while (!peer.conn) {
        loop_run();
    }

    /* What comes in while the loop is about to sleep keeps it awake. */
    peer_send_barrier(&peer);
    assert_true(turn_goes_on(10000));
    assert_int_equal(peer.n_messages, 1);

    /* What the main loop has seen does not keep it awake. */
    assert_false(turn_goes_on(50));

    /* While more comes in, it is handled in one turn, as long as time
     * allows: the second message surely is. */
    peer.busy = true;
    peer_send_barrier(&peer);
    loop_run();
    assert_true(peer.n_messages >= 3);
    while (peer.n_messages < 10) {
        loop_run();
    }

    close(peer.fd);
    assert_true(turn_goes_on(10000));
    assert_null(peer.conn);
    ofconn_listener_close(listener);
    loop_run();
    unlink(un.sun_path);
    free(target);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wakes),
    };

    return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
