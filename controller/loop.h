/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_LOOP_H
#define CONTROLLER_LOOP_H 1

/* One thread, two event loops in one.
 *
 * Connections, timers and signals belong to libuv.  libopenvswitch (the OVSDB
 * IDL, unixctl) waits in poll_block().  libuv's loop is embedded in OVS's: its
 * backend is one file descriptor, which becomes readable when libuv has
 * something to do.  No thread, no patch, no busy loop.
 *
 * The main loop is
 *
 *     loop_run();             libuv's callbacks
 *     ...                     what else there is to do
 *     x_wait();               of everybody
 *     loop_wait();            last of all
 *     poll_block();
 *
 * where loop_wait() runs libuv once more, because what was done in between
 * may have started something that libuv has yet to tell the kernel about.
 *
 * A callback that leaves something to do to the rest of the main loop says so
 * by loop_wake(), wherever it runs.  One that does not, because it has done
 * all that its event called for, does the others no favour with a whole turn
 * of the loop, which costs ten times as much as the answer to a packet-in: by
 * loop_stay() it lets loop_run() wait for more of the kind, for four
 * milliseconds at most. */

#include <uv.h>

uv_loop_t *loop_uv(void);
void loop_run(void);
void loop_wait(void);
void loop_wake(void);
void loop_stay(void);

#endif /* controller/loop.h */
