/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "controller/loop.h"

#include <poll.h>
#include "openvswitch/poll-loop.h"
#include "util.h"

/* How long loop_run() may stay, in milliseconds. */
#define LOOP_STAY 1

static bool waiting;            /* In loop_wait(). */
static bool woken, staying;     /* Since loop_run() began. */
static uv_timer_t stay_timer;

uv_loop_t *
loop_uv(void)
{
    return uv_default_loop();
}

static void
loop_end_stay(uv_timer_t *timer OVS_UNUSED)
{
    woken = true;
}

void
loop_run(void)
{
    uv_loop_t *loop = loop_uv();

    woken = staying = false;
    uv_run(loop, UV_RUN_NOWAIT);
    if (staying && !woken) {
        if (!stay_timer.loop) {
            uv_timer_init(loop, &stay_timer);
        }
        uv_timer_start(&stay_timer, loop_end_stay, LOOP_STAY, 0);
        while (!woken) {
            uv_run(loop, UV_RUN_ONCE);
        }
        uv_timer_stop(&stay_timer);
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
