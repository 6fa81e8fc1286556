/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_NOTIFY_H
#define CONTROLLER_NOTIFY_H 1

/* Tells the service manager that started the daemon how it is.
 *
 *     READY=1        it listens, and has begun to ask for its configuration
 *     STATUS=...     how things are, in one line, when that has changed
 *     WATCHDOG=1     the main loop turns: twice in the time after which the
 *                    manager takes it for hung and kills it
 *     RELOADING=1    the log file is opened anew; READY=1 follows
 *     STOPPING=1     it ends because it was told to
 *
 * This is the protocol of sd_notify(3): a datagram each, to the socket in
 * $NOTIFY_SOCKET.  libsystemd has it too, together with three libraries that
 * unpack and one that encrypts, which a process that strangers talk to is
 * better off without.
 *
 * Without $NOTIFY_SOCKET, or if that makes no sense, nothing is sent and
 * nobody woken.  A message that would block is lost: a manager that is busy
 * does not stop us.  $WATCHDOG_PID says whose $WATCHDOG_USEC is; a daemon that
 * has detached itself is not meant by it any more.
 *
 * There is one process, so there is one state, of this module.  notify_init()
 * is for the process that is the daemon; until then all else does nothing. */

#include <stdbool.h>

void notify_init(void);
void notify_close(void);
void notify_ready(void);
void notify_reloading(void);
void notify_stopping(void);
void notify_status(const char *);
bool notify_run(long long now);
void notify_wait(void);

#endif /* controller/notify.h */
