/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "controller/sig.h"

#include <errno.h>
#include <signal.h>
#include "controller/notify.h"
#include "latch.h"
#include "openvswitch/vlog.h"
#include "signals.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(sig);

static struct latch sig_latch;
static volatile sig_atomic_t sig_hup, sig_end;

static void
sig_handler(int number)
{
    int error = errno;

    if (number == SIGHUP) {
        sig_hup = 1;
    } else {
        sig_end = number;
    }
    latch_set(&sig_latch);
    errno = error;
}

void
sig_init(void)
{
    struct sigaction sa = {
        .sa_handler = sig_handler,
        .sa_flags = SA_RESTART,
    };

    latch_init(&sig_latch);
    sigemptyset(&sa.sa_mask);
    xsigaction(SIGHUP, &sa, NULL);
    xsigaction(SIGTERM, &sa, NULL);
    xsigaction(SIGINT, &sa, NULL);
}

/* Does what signals ask for.  Returns true if that is to end. */
bool
sig_run(void)
{
    latch_poll(&sig_latch);
    if (sig_hup) {
        sig_hup = 0;
        notify_reloading();
        if (!vlog_reopen_log_file()) {
            VLOG_INFO("log file opened anew (SIGHUP)");
        }
        notify_ready();
    }
    if (sig_end) {
        char name[SIGNAL_NAME_BUFSIZE];

        VLOG_INFO("told to end by %s",
                  signal_name(sig_end, name, sizeof name));
        return true;
    }
    return false;
}

void
sig_wait(void)
{
    latch_wait(&sig_latch);
}
