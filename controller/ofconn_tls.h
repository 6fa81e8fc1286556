/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_OFCONN_TLS_H
#define CONTROLLER_OFCONN_TLS_H 1

/* TLS between the bytes of a connection and its messages.
 *
 * Nothing here touches a socket.  What came from the peer is fed into a
 * session, which is then read until nothing is left; what is to be sent goes
 * in as it is, and comes out as what to put onto the wire.  Both sides take
 * as much at a time as there is, so a flush is one call of OpenSSL and one
 * write.
 *
 * The handshake happens meanwhile.  Until it is complete, nothing is read,
 * and what is to be sent stays where it is.
 *
 * An idle session has no buffers. */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct ofconn_tls;
struct ofpbuf;

struct ofconn_tls *ofconn_tls_create(void);
void ofconn_tls_destroy(struct ofconn_tls *);

void ofconn_tls_feed(struct ofconn_tls *, const void *data, size_t size);
size_t ofconn_tls_read(struct ofconn_tls *, void *data, size_t size);

struct ofpbuf *ofconn_tls_wire(struct ofconn_tls *, struct ofpbuf *tx);
void ofconn_tls_end(struct ofconn_tls *);

const char *ofconn_tls_failure(const struct ofconn_tls *, bool *closed);
const char *ofconn_tls_cn(const struct ofconn_tls *);

#endif /* controller/ofconn_tls.h */
