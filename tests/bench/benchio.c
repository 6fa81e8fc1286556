/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "tests/bench/benchio.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "openflow/openflow.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/vlog.h"
#include "socket-util.h"
#include "util.h"

#define BIO_READ_SIZE (256 * 1024)

int64_t
bio_now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

/* Listens on "ptcp:PORT[:IP]" or "punix:PATH" and returns the socket. */
int
bio_listen(const char *target)
{
    int fd;

    if (!strncmp(target, "punix:", 6)) {
        fd = make_unix_socket(SOCK_STREAM, true, target + 6, NULL);
        if (fd >= 0 && listen(fd, 1024)) {
            fd = -errno;
        }
    } else if (!strncmp(target, "ptcp:", 5)) {
        fd = inet_open_passive(SOCK_STREAM, target + 5, OFP_PORT, NULL, 0,
                               false);
    } else {
        fd = -EAFNOSUPPORT;
    }
    if (fd < 0) {
        ovs_fatal(-fd, "%s: cannot listen", target);
    }
    return fd;
}

/* Has epoll wake the user when there is something to be read, and for room if
 * the connection is blocked.  If it did so for room at any time, it would each
 * time that the peer reads, which is as often as it answers. */
static void
bio_watch(struct bio *bio, int operation)
{
    struct epoll_event event = {
        .events = EPOLLIN | (bio->blocked ? EPOLLOUT : 0), .data.ptr = bio,
    };

    if (epoll_ctl(bio->epoll_fd, operation, bio->fd, &event)) {
        ovs_fatal(errno, "epoll_ctl failed");
    }
}

static void
bio_init(struct bio *bio, int epoll_fd, bool blocked)
{
    ofpbuf_init(&bio->rx, 0);
    ofpbuf_init(&bio->tx, 0);
    bio->epoll_fd = epoll_fd;
    bio->blocked = blocked;
    bio_watch(bio, EPOLL_CTL_ADD);
}

static void
bio_set_blocked(struct bio *bio, bool blocked)
{
    if (bio->blocked != blocked) {
        bio->blocked = blocked;
        bio_watch(bio, EPOLL_CTL_MOD);
    }
}

/* Connects 'bio' to "tcp:IP[:PORT]" or "unix:PATH". */
void
bio_connect(struct bio *bio, int epoll_fd, const char *target)
{
    int error = 0;

    if (!strncmp(target, "unix:", 5)) {
        bio->fd = make_unix_socket(SOCK_STREAM, true, NULL, target + 5);
        error = bio->fd < 0 ? -bio->fd : 0;
    } else if (!strncmp(target, "tcp:", 4)) {
        error = inet_open_active(SOCK_STREAM, target + 4, OFP_PORT, NULL,
                                 &bio->fd, 0);
        if (error == EINPROGRESS || error == EAGAIN) {
            error = 0;
        }
        if (!error) {
            setsockopt_tcp_nodelay(bio->fd);
        }
    } else {
        error = EAFNOSUPPORT;
    }
    if (error) {
        ovs_fatal(error, "%s: cannot connect", target);
    }
    bio_init(bio, epoll_fd, true);
}

void
bio_accept(struct bio *bio, int epoll_fd, int listen_fd)
{
    socklen_t size = sizeof(int);
    int domain;

    bio->fd = accept(listen_fd, NULL, NULL);
    if (bio->fd < 0) {
        ovs_fatal(errno, "accept failed");
    }
    xset_nonblocking(bio->fd);
    if (!getsockopt(bio->fd, SOL_SOCKET, SO_DOMAIN, &domain, &size)
        && domain != AF_UNIX) {
        setsockopt_tcp_nodelay(bio->fd);
    }
    bio_init(bio, epoll_fd, false);
}

/* Handles the whole messages in the 'size' bytes at 'data' and returns how
 * many bytes they took. */
static size_t
bio_handle(struct bio *bio, const uint8_t *data, size_t size,
           bio_handler *handle)
{
    size_t used = 0;

    while (size - used >= sizeof(struct ofp_header)) {
        const uint8_t *p = data + used;
        size_t length = p[2] << 8 | p[3];

        if (length < sizeof(struct ofp_header)) {
            ovs_fatal(0, "message with impossible length");
        } else if (length > size - used) {
            break;
        }
        handle(bio, (const struct ofp_header *) p);
        used += length;
    }
    return used;
}

/* Reads what there is, and handles it message by message.  Returns false when
 * the peer has closed the connection. */
bool
bio_read(struct bio *bio, bio_handler *handle)
{
    /* The rest of the last read is put in front of the next. */
    static uint64_t buffer[(UINT16_MAX + BIO_READ_SIZE) / 8 + 1];
    uint8_t *bytes = (uint8_t *) buffer;

    for (;;) {
        size_t rest = bio->rx.size;
        ssize_t n;

        n = recv(bio->fd, bytes + rest, BIO_READ_SIZE, 0);
        if (n <= 0) {
            return n < 0 && errno == EAGAIN;
        }
        if (rest) {
            memcpy(bytes, bio->rx.data, rest);
        }
        size_t used = bio_handle(bio, bytes, rest + n, handle);
        ofpbuf_clear(&bio->rx);
        ofpbuf_put(&bio->rx, bytes + used, rest + n - used);
        if (n < BIO_READ_SIZE) {
            return true;
        }
    }
}

/* Closes 'bio', whose peer is gone. */
void
bio_close(struct bio *bio)
{
    close(bio->fd);
    ofpbuf_uninit(&bio->rx);
    ofpbuf_uninit(&bio->tx);
}

void
bio_put(struct bio *bio, const void *data, size_t size)
{
    ofpbuf_put(&bio->tx, data, size);
}

/* Queues 'msg' and frees it. */
void
bio_send(struct bio *bio, struct ofpbuf *msg)
{
    ofpmsg_update_length(msg);
    bio_put(bio, msg->data, msg->size);
    ofpbuf_delete(msg);
}

/* Writes what is queued, as far as the peer takes it. */
void
bio_flush(struct bio *bio)
{
    while (bio->tx.size) {
        ssize_t n = send(bio->fd, bio->tx.data, bio->tx.size, MSG_NOSIGNAL);

        if (n < 0) {
            if (errno == EPIPE || errno == ECONNRESET) {
                break;          /* bio_read() will say so. */
            } else if (errno != EAGAIN && errno != ENOTCONN) {
                ovs_fatal(errno, "send failed");
            }
            bio_set_blocked(bio, true);
            return;
        }
        ofpbuf_pull(&bio->tx, n);
    }
    bio_set_blocked(bio, false);
    ofpbuf_clear(&bio->tx);
}
