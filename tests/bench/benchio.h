/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef TESTS_BENCH_BENCHIO_H
#define TESTS_BENCH_BENCHIO_H 1

/* OpenFlow connections for programs that have to be faster than what they
 * measure: what one read brings is handled, and what that causes is written
 * at once.
 *
 * A connection belongs to its user, who calls bio_read() when epoll says so,
 * appends to 'tx', and calls bio_flush().  When the peer is gone, bio_read()
 * says so, and the user calls bio_close().  Any other failure of a connection
 * is the end of the program: there is nothing to be measured any more. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "openvswitch/ofpbuf.h"

struct ofp_header;

struct bio {
    int fd, epoll_fd;
    struct ofpbuf rx;           /* The beginning of a message. */
    struct ofpbuf tx;
    bool blocked;               /* The peer has to accept or read first. */
    void *aux;
};

/* Handles one message. */
typedef void bio_handler(struct bio *, const struct ofp_header *);

int bio_listen(const char *target);
void bio_connect(struct bio *, int epoll_fd, const char *target);
void bio_accept(struct bio *, int epoll_fd, int listen_fd);
bool bio_read(struct bio *, bio_handler *);
void bio_close(struct bio *);
void bio_put(struct bio *, const void *, size_t);
void bio_send(struct bio *, struct ofpbuf *);
void bio_flush(struct bio *);

/* The time of CLOCK_MONOTONIC, in nanoseconds. */
int64_t bio_now(void);

#endif /* tests/bench/benchio.h */
