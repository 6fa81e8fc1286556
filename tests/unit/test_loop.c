/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* When the main loop sleeps, and when it does not. */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <unistd.h>

#include "controller/loop.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/poll-loop.h"
#include "peer.h"
#include "timeval.h"
#include "util.h"

struct count {
    size_t n_messages;
    bool busy;                  /* There are more where one came from. */
};

static void
send_barrier(struct peer *peer)
{
    peer_send(peer, ofpraw_alloc(OFPRAW_OFPT11_BARRIER_REPLY, OFP15_VERSION,
                                 0));
}

static void
count_message(struct peer *peer, const struct ofp_header *oh OVS_UNUSED)
{
    struct count *count = peer->aux;

    count->n_messages++;
    if (count->busy) {
        loop_stay();
        if (count->n_messages < 10) {
            send_barrier(peer);
        }
    } else {
        loop_wake();
    }
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
    struct count count = { .busy = false };
    struct peer peer = { .message = count_message, .aux = &count };

    peer_start(&peer);
    uv_walk(loop_uv(), stop_timer, NULL);

    /* What comes in while the loop is about to sleep keeps it awake. */
    send_barrier(&peer);
    assert_true(turn_goes_on(10000));
    assert_int_equal(count.n_messages, 1);

    /* What the main loop has seen does not keep it awake. */
    assert_false(turn_goes_on(50));

    /* While more comes in, it is handled in one turn, as long as time
     * allows: the second message surely is. */
    count.busy = true;
    send_barrier(&peer);
    loop_run();
    assert_true(count.n_messages >= 3);
    while (count.n_messages < 10) {
        loop_run();
    }

    /* What ended that does not keep it awake. */
    assert_false(turn_goes_on(50));

    close(peer.fd);
    peer.fd = -1;
    assert_true(turn_goes_on(10000));
    assert_null(peer.conn);
    peer_stop(&peer);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wakes),
    };

    return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
