/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_OFCONN_PRIVATE_H
#define CONTROLLER_OFCONN_PRIVATE_H 1

/* What the files of controller/ofconn.h share among themselves.
 *
 *   ofconn.c         connections
 *   ofconn_facts.c   what is known of them
 *   ofconn_listen.c  where they come from
 *   ofconn_spare.c   memory that they share
 *   ofconn_tls.c     TLS, if that is what they speak
 *
 * A listener outlives the connections that it has accepted, or not: they do
 * not refer to it. */

#include "controller/ofconn.h"

#include "controller/loop.h"
#include "openvswitch/list.h"
#include "openvswitch/ofpbuf.h"

struct ofconn_tls;

/* Bytes of an empty buffer that are kept, whatever a backlog made of it. */
#define OFCONN_KEEP_SIZE (256 * 1024)

union ofconn_handle {
    uv_handle_t handle;
    uv_stream_t stream;
    uv_tcp_t tcp;
    uv_pipe_t pipe;
};

struct ofconn {
    union ofconn_handle h;
    struct ovs_list node;       /* In 'conns'. */
    struct ovs_list tx_node;    /* In 'dirty', or empty. */
    const struct ofconn_user *user;
    void *aux;
    char *name;
    bool is_pipe;
    struct ofconn_tls *tls;     /* Or NULL. */
    bool closing;
    bool opened;                /* The user knows of it. */
    bool closed_by_peer;
    int version;                /* 0 until it is negotiated. */

    struct ofpbuf rx;           /* The beginning of a message. */
    struct ofpbuf tx;           /* Queued, before TLS. */
    size_t tx_eager;            /* Size of 'tx' at which not to wait for
                                 * ofconn_flush(). */
    struct ofpbuf in_flight;    /* Being written by libuv. */
    uv_write_t write;

    long long created;
    long long last_rx;
    bool probed;                /* An echo request is out since last_rx. */
    ovs_be32 ask_xid;           /* Of the last ofconn_ask(). */
    long long answered;
};

struct ofconn_listener {
    union ofconn_handle h;
    char *target;
    bool is_pipe, is_tls;
    const struct ofconn_user *user;
};

int ofconn_init_handle(union ofconn_handle *, bool is_pipe, void *data);
char *ofconn_peer_name(const struct ofconn *);
void ofconn_accept_cb(uv_stream_t *, int status);
void ofconn_start(void);

void ofconn_spare_take(struct ofpbuf *);
void ofconn_spare_give(struct ofpbuf *);

#endif /* controller/ofconn_private.h */
