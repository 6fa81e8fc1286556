/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "controller/loop.h"

#include <poll.h>
#include <sys/timerfd.h>
#include "openvswitch/poll-loop.h"
#include "util.h"

/* How long loop_run() may stay, in milliseconds. */
#define LOOP_STAY 4

static bool waiting;            /* In loop_wait(). */
static bool woken, staying;     /* Since loop_run() began. */

/* Ends a stay.  A timer of libuv's would be given to the kernel anew with each
 * wait for an event, which costs as much as it does to answer a packet-in. */
static uv_poll_t stay_timer;
static int stay_fd = -1;

uv_loop_t *
loop_uv(void)
{
    return uv_default_loop();
}

static void
loop_stay_cb(uv_poll_t *timer OVS_UNUSED, int status OVS_UNUSED,
             int events OVS_UNUSED)
{
    woken = true;
}

/* Makes the timer.  Returns whether there is one. */
static bool
loop_init_stay(void)
{
    if (stay_fd < 0) {
        stay_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
        if (stay_fd >= 0) {
            uv_poll_init(loop_uv(), &stay_timer, stay_fd);
            uv_poll_start(&stay_timer, UV_READABLE, loop_stay_cb);
        }
    }
    return stay_fd >= 0;
}

/* Has the timer end the stay in 'msec' milliseconds, or with 0 not at all,
 * even if it has run down already. */
static void
loop_set_stay(long int msec)
{
    struct itimerspec its = { .it_value.tv_nsec = msec * 1000000 };

    timerfd_settime(stay_fd, 0, &its, NULL);
}

void
loop_run(void)
{
    uv_loop_t *loop = loop_uv();

    woken = staying = false;
    uv_run(loop, UV_RUN_NOWAIT);
    if (staying && !woken && loop_init_stay()) {
        loop_set_stay(LOOP_STAY);
        while (!woken) {
            uv_run(loop, UV_RUN_ONCE);
        }
        loop_set_stay(0);
    }
}

void
loop_wait(void)
{
    uv_loop_t *loop = loop_uv();

    waiting = true;
    uv_run(loop, UV_RUN_NOWAIT);
    waiting = false;
    poll_fd_wait(uv_backend_fd(loop), POLLIN);
    if (uv_loop_alive(loop)) {
        int timeout = uv_backend_timeout(loop);

        if (timeout >= 0) {
            poll_timer_wait(timeout);
        }
    }
}

/* Says that the caller, a callback of libuv, leaves something to do to the
 * rest of the main loop, which must not sleep before it is done. */
void
loop_wake(void)
{
    woken = true;
    if (waiting) {
        poll_immediate_wake();
    }
}

/* Says that the caller leaves nothing to do, and that more may follow. */
void
loop_stay(void)
{
    staying = true;
}
