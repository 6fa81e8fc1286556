/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_METRICS_H
#define CONTROLLER_METRICS_H 1

/* What Prometheus can ask: http://IP:PORT/metrics, by --metrics=IP:PORT.
 *
 * libmicrohttpd speaks HTTP, in no thread of its own: its epoll descriptor is
 * polled by libuv.  GET and HEAD of /metrics are answered and nothing else; in
 * OpenMetrics for who accepts that, in the text format 0.0.4 for others
 * (flows/exposition.h).  There is no access control and no TLS, so without an
 * address it listens on the loopback interface.
 *
 * What an answer may cost is bounded: bindings and segments have series of
 * their own up to a number, what is beyond is summed up; nothing is said about
 * single MACs; and who asks again within a second gets the same answer.
 *
 * There is one server.  It only reads the agent's state. */

#include <stddef.h>

struct agent;

#define METRICS_MAX_BINDINGS 1000   /* By default. */

char *metrics_parse(const char *address, char **target);
char *metrics_listen(struct agent *, const char *target, size_t max_bindings);
void metrics_stop(void);

#endif /* controller/metrics.h */
