/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_OFCONN_PRIVATE_H
#define CONTROLLER_OFCONN_PRIVATE_H 1

/* What the files of controller/ofconn.h share among themselves.
 *
 *   ofconn.c         connections
 *   ofconn_listen.c  where they come from
 *   ofconn_spare.c   memory that they share
 *
 * A listener outlives the connections that it has accepted, or not: they do
 * not refer to it. */

#include "controller/ofconn.h"

#include "controller/loop.h"

/* Bytes of an empty buffer that are kept, whatever a backlog made of it. */
#define OFCONN_KEEP_SIZE (256 * 1024)

union ofconn_handle {
    uv_handle_t handle;
    uv_stream_t stream;
    uv_tcp_t tcp;
    uv_pipe_t pipe;
};

struct ofconn_listener {
    union ofconn_handle h;
    char *target;
    bool is_pipe;
    const struct ofconn_user *user;
};

int ofconn_init_handle(union ofconn_handle *, bool is_pipe, void *data);
char *ofconn_peer_name(const union ofconn_handle *, bool is_pipe);
void ofconn_accept_cb(uv_stream_t *, int status);
void ofconn_start(void);

void ofconn_spare_take(struct ofpbuf *);
void ofconn_spare_give(struct ofpbuf *);

#endif /* controller/ofconn_private.h */
