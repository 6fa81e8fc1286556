/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_OFCONN_PRIVATE_H
#define CONTROLLER_OFCONN_PRIVATE_H 1

/* What the files of controller/ofconn.h share among themselves.
 *
 *   ofconn.c         connections
 *   ofconn_facts.c   what is known of them
 *   ofconn_listen.c  where they come from
 *   ofconn_accept.c  how they are let in, as long as there are descriptors
 *   ofconn_guest.c   how many may be there that nobody knows
 *   ofconn_watch.c   those of which nothing is heard, or that do not read
 *   ofconn_spare.c   memory that they share
 *   ofconn_tls.c     TLS, if that is what they speak
 *
 * A listener outlives the connections that it has accepted, or not: they do
 * not refer to it. */

#include "controller/ofconn.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include "controller/loop.h"
#include "openvswitch/hmap.h"
#include "openvswitch/list.h"
#include "openvswitch/ofpbuf.h"

struct ofconn_tls;

/* Bytes of an empty buffer that are kept, whatever a backlog made of it. */
#define OFCONN_KEEP_SIZE (256 * 1024)

#define OFCONN_VERSIONS ((1u << OFP13_VERSION) | (1u << OFP14_VERSION) \
                         | (1u << OFP15_VERSION))

/* Bytes that may wait to be written.  The flows of 10,000 segments with
 * 100,000 MACs are a third of this.  A guest has little to be told. */
#define OFCONN_MAX_QUEUE (256 * 1024 * 1024)
#define OFCONN_MAX_GUEST_QUEUE (256 * 1024)

union ofconn_handle {
    uv_handle_t handle;
    uv_stream_t stream;
    uv_tcp_t tcp;
    uv_pipe_t pipe;
};

struct ofconn_listener {
    uv_poll_t poll;
    int fd;
    char *target;
    bool is_pipe, is_tls;
    const struct ofconn_user *user;
    struct ovs_list paused_node;    /* In a list while no connection can be
                                     * accepted, or empty. */
};

/* Where guests come from. */
struct ofconn_origin {
    struct hmap_node node;
    struct in6_addr address;
    struct ovs_list guests;     /* Of struct ofconn_guest, oldest first. */
    size_t n;
};

/* Part of a connection that nobody knows, or not yet. */
struct ofconn_guest {
    struct ofconn_origin *origin;   /* NULL once it is known. */
    struct ovs_list origin_node;    /* In 'origin'. */
    struct ovs_list nameless_node;  /* Until it has said who it is, or
                                     * empty. */
    long long since;
};

struct ofconn {
    union ofconn_handle h;
    struct ovs_list node;       /* In 'ofconn_all'. */
    struct ovs_list tx_node;    /* In 'dirty', or empty. */
    struct ovs_list rx_node;    /* In 'unread', or empty. */
    const struct ofconn_user *user;
    void *aux;
    char *name;
    struct in6_addr address;
    struct ofconn_guest guest;
    bool is_pipe;
    struct ofconn_tls *tls;     /* Or NULL. */
    bool closing;
    bool opened;                /* The user knows of it. */
    bool closed_by_peer;
    int version;                /* 0 until it is negotiated. */

    struct ofpbuf rx;           /* The beginning of a message. */
    struct ofpbuf tx;           /* Queued, before TLS. */
    bool overflowed;            /* More was to be queued than may be. */
    size_t tx_eager;            /* Size of 'tx' at which not to wait for
                                 * ofconn_flush(). */
    struct ofpbuf in_flight;    /* Being written by libuv. */
    size_t in_flight_left;      /* Of it, when last looked at. */
    unsigned int n_stalls;      /* How often none of it had been taken. */
    uv_write_t write;

    long long last_rx;
    bool probed;                /* An echo request is out since last_rx. */
    ovs_be32 ask_xid;           /* Of the last ofconn_ask(). */
    long long answered;
};

extern struct ovs_list ofconn_all;  /* Of struct ofconn. */

/* ofconn.c */
int ofconn_read_start(struct ofconn *);
void ofconn_start(void);
void ofconn_fail(struct ofconn *, const char *reason);

/* ofconn_facts.c */
size_t ofconn_max_queue(const struct ofconn *);

/* ofconn_accept.c */
int ofconn_accept_start(struct ofconn_listener *);
void ofconn_accept_stop(struct ofconn_listener *);
void ofconn_accept_again(void);

/* ofconn_guest.c */
#define OFCONN_MAX_GUESTS 4096
#define OFCONN_MAX_GUESTS_OF_ONE 1024

void ofconn_guest_add(struct ofconn_guest *, const struct in6_addr *,
                      bool named, long long now);
void ofconn_guest_remove(struct ofconn_guest *);
struct ofconn_guest *ofconn_guest_excess(const struct ofconn_guest *newest);
struct ofconn_guest *ofconn_guest_victim(void);
struct ofconn_guest *ofconn_guest_nameless(void);
size_t ofconn_guest_count(void);

/* ofconn_watch.c */
void ofconn_watch_start(void);
void ofconn_watch_run(long long now);

/* ofconn_spare.c */
void ofconn_spare_take(struct ofpbuf *);
void ofconn_spare_give(struct ofpbuf *);

#endif /* controller/ofconn_private.h */
