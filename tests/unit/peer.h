/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef TESTS_UNIT_PEER_H
#define TESTS_UNIT_PEER_H 1

/* An OpenFlow connection with a test at both ends.
 *
 * The test is the user of the connection, by peer->message(), and writes and
 * reads the switch's end itself, peer->fd.  There is one at a time, since
 * the main loop is one. */

#include <stddef.h>
#include <sys/un.h>
#include "controller/ofconn.h"

struct peer {
    int fd;
    struct ofconn *conn;        /* NULL once it has ended. */
    void (*message)(struct peer *, const struct ofp_header *);  /* Or NULL. */
    void *aux;
    bool guest;                 /* The switch is not one of ours. */

    struct ofconn_user user;
    struct ofconn_listener *listener;
    struct sockaddr_un un;
};

void peer_start(struct peer *);
void peer_stop(struct peer *);
void peer_send(struct peer *, struct ofpbuf *);
struct ofpbuf *peer_receive(struct peer *);

#endif /* tests/unit/peer.h */
