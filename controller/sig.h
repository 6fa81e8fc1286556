/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_SIG_H
#define CONTROLLER_SIG_H 1

/* Signals that a daemon is sent by its administrator.
 *
 *     SIGHUP            the log file is opened anew, as by "vlog/reopen", for
 *                       who has moved it away
 *     SIGTERM, SIGINT   the daemon ends as by "exit": its files are removed,
 *                       and its exit status is 0
 *
 * All is done in the main loop, in sig_run().  Without this, Open vSwitch's
 * lib/fatal-signal.c would have the daemon die of each of them.
 *
 * sig_init() is for the process that is the daemon, so it comes after
 * daemonize_start(): the one that monitors it is to die of signals. */

#include <stdbool.h>

void sig_init(void);
bool sig_run(void);
void sig_wait(void);

#endif /* controller/sig.h */
