/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "controller/loop.h"

#include <poll.h>
#include "openvswitch/poll-loop.h"
#include "util.h"

static bool waiting;            /* In loop_wait(). */

uv_loop_t *
loop_uv(void)
{
    return uv_default_loop();
}

void
loop_run(void)
{
    uv_run(loop_uv(), UV_RUN_NOWAIT);
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
    if (waiting) {
        poll_immediate_wake();
    }
}
