/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_OFCONN_H
#define CONTROLLER_OFCONN_H 1

/* OpenFlow connections: bytes on one side, messages on the other.
 *
 * A connection is framed from large reads (one system call for as many
 * messages as there are) and written in batches: ofconn_send() only queues.
 * What a read has caused on its own connection is written after that read, all
 * the rest by ofconn_flush().
 *
 * Everything that a session need not know happens here: version negotiation
 * (OpenFlow 1.5.1, section 6.3.1; 1.3 to 1.5, 1.5 preferred), echo both ways,
 * and the inactivity probe.  A peer that talks nonsense, or not at all, is
 * disconnected; why is logged, at a bounded rate, because anybody can connect.
 *
 * There are limits to what one peer can take from the others: bytes that wait
 * to be written, bytes that are read before the others' turn, and, for as long
 * as the user has not said that it knows the peer (ofconn_set_known()), the
 * number of connections and the time to say who it is.  A peer that takes
 * nothing of what it is sent for five seconds is disconnected.
 * docs/limits.md has all of them.
 *
 * The user is told three things, by the functions of struct ofconn_user:
 * that a connection has agreed on a version, that a message came, that a
 * connection has ended.  The last comes just once for each connection that
 * was opened, unless the user closed it, and frees it.  All are called from
 * loop_run(); none may close a connection other than by ofconn_close().
 *
 * A peer that speaks TLS has shown a certificate that our CA has signed, or is
 * disconnected (controller/tls.h).
 *
 * A message that a user gets is well framed: its 'length' is true, its version
 * the negotiated one, and it is aligned as malloc() would.  Its content is
 * anybody's. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "openvswitch/ofp-protocol.h"

struct ofconn;
struct ofconn_listener;
struct ofp_header;
struct ofpbuf;
struct simap;

struct ofconn_user {
    void (*opened)(struct ofconn *, void *aux);
    void (*message)(struct ofconn *, const struct ofp_header *, void *aux);
    void (*closed)(struct ofconn *, void *aux);
    void *aux;
};

#define OFCONN_PROBE 5000       /* Default, in milliseconds. */

char *ofconn_listen(const char *target, const struct ofconn_user *,
                    struct ofconn_listener **) OVS_WARN_UNUSED_RESULT;
void ofconn_listener_close(struct ofconn_listener *);

void ofconn_send(struct ofconn *, struct ofpbuf *);
void ofconn_put(struct ofconn *, const void *msg, size_t);
void ofconn_flush(void);
void ofconn_close(struct ofconn *, const char *reason);

void ofconn_set_aux(struct ofconn *, void *);
void *ofconn_aux(const struct ofconn *);
const char *ofconn_name(const struct ofconn *);
const char *ofconn_cn(const struct ofconn *);
long long ofconn_last_rx(const struct ofconn *);
void ofconn_ask(struct ofconn *);
long long ofconn_answered(const struct ofconn *);
void ofconn_set_known(struct ofconn *, bool known);
size_t ofconn_backlog(const struct ofconn *);
bool ofconn_closed_by_peer(const struct ofconn *);
enum ofp_version ofconn_version(const struct ofconn *);
enum ofputil_protocol ofconn_protocol(const struct ofconn *);

void ofconn_memory_usage(struct simap *);

int ofconn_frame(const void *data, size_t size);

#endif /* controller/ofconn.h */
