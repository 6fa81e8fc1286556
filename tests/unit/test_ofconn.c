/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* Bytes become messages, wherever reads cut them. */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <malloc.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "controller/loop.h"
#include "controller/ofconn.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofp-util.h"
#include "openvswitch/ofpbuf.h"
#include "unaligned.h"
#include "util.h"

/* Who connects sends numbered messages of many sizes, and the user checks
 * that they come as they were sent. */
struct peer {
    int fd;
    struct ofconn_user user;
    struct ofconn_listener *listener;
    struct sockaddr_un un;
    struct ofconn *conn;
    uint32_t n_received;
};

#define N_MESSAGES 3000
#define MAX_BODY 8192

/* Sizes of messages differ, so that no size of reads fits them. */
static size_t
body_size(uint32_t number)
{
    return number * 797 % MAX_BODY;
}

/* Appends message 'number'; each byte of its body follows from that. */
static void
put_message(struct ofpbuf *stream, uint32_t number)
{
    size_t n = body_size(number);
    struct ofpbuf *msg = ofpraw_alloc_xid(OFPRAW_OFPT_ECHO_REQUEST,
                                          OFP15_VERSION, htonl(number), n);

    memset(ofpbuf_put_uninit(msg, n), number & 0xff, n);
    ofpmsg_update_length(msg);
    /* No message that the connection would answer itself. */
    ((struct ofp_header *) msg->data)->type = 4;
    ofpbuf_put(stream, msg->data, msg->size);
    ofpbuf_delete(msg);
}

static void
peer_opened(struct ofconn *conn, void *peer_)
{
    struct peer *peer = peer_;

    peer->conn = conn;
}

static void
peer_message(struct ofconn *conn OVS_UNUSED, const struct ofp_header *oh,
             void *peer_)
{
    struct peer *peer = peer_;
    size_t n = body_size(peer->n_received);
    const uint8_t *body = (const uint8_t *) (oh + 1);

    assert_int_equal(ntohl(oh->xid), peer->n_received);
    assert_int_equal(ntohs(oh->length), sizeof *oh + n);
    assert_true((uintptr_t) oh % 8 == 0);
    if (n) {
        assert_int_equal(body[0], peer->n_received & 0xff);
        assert_memory_equal(body, body + 1, n - 1);
    }
    peer->n_received++;
}

static void
peer_closed(struct ofconn *conn OVS_UNUSED, void *peer_)
{
    struct peer *peer = peer_;

    peer->conn = NULL;
}

static void
peer_start(struct peer *peer)
{
    memset(peer, 0, sizeof *peer);
    peer->user = (struct ofconn_user) {
        .opened = peer_opened,
        .message = peer_message,
        .closed = peer_closed,
        .aux = peer,
    };
    peer->un.sun_family = AF_UNIX;
    snprintf(peer->un.sun_path, sizeof peer->un.sun_path,
             "/tmp/test-ofconn.%d", getpid());

    char *target = xasprintf("punix:%s", peer->un.sun_path);
    assert_null(ofconn_listen(target, &peer->user, &peer->listener));
    free(target);

    peer->fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(connect(peer->fd, (struct sockaddr *) &peer->un,
                             sizeof peer->un), 0);

    struct ofpbuf *hello = ofputil_encode_hello(1u << OFP15_VERSION);
    ofpmsg_update_length(hello);
    assert_int_equal(write(peer->fd, hello->data, hello->size), hello->size);
    ofpbuf_delete(hello);
    while (!peer->conn) {
        loop_run();
    }
}

static void
peer_stop(struct peer *peer)
{
    close(peer->fd);
    while (peer->conn) {
        loop_run();
    }
    ofconn_listener_close(peer->listener);
    loop_run();
    unlink(peer->un.sun_path);
}

/* Writes 'stream' in pieces of 'size' bytes, each of which is read alone. */
static void
write_in_pieces(struct peer *peer, const struct ofpbuf *stream, size_t size)
{
    const uint8_t *p = stream->data;

    for (size_t at = 0; at < stream->size; at += size) {
        size_t n = MIN(size, stream->size - at);

        assert_int_equal(write(peer->fd, p + at, n), n);
        loop_run();
    }
}

static void
test_pieces(void **state OVS_UNUSED)
{
    static const struct {
        size_t size;            /* Of a piece. */
        uint32_t n;             /* Messages. */
    } rows[] = {
        { 1, 20 },
        { 3, 40 },
        { 7, 80 },
        { 8, 80 },
        { 1021, N_MESSAGES },
        { 60000, N_MESSAGES },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct ofpbuf stream;
        struct peer peer;

        ofpbuf_init(&stream, 0);
        for (uint32_t number = 0; number < rows[i].n; number++) {
            put_message(&stream, number);
        }
        peer_start(&peer);
        write_in_pieces(&peer, &stream, rows[i].size);
        while (peer.n_received < rows[i].n) {
            loop_run();
        }
        peer_stop(&peer);
        ofpbuf_uninit(&stream);
    }
}

/* A connection whose reads always end within a message takes no more memory
 * the longer it lasts. */
static void
test_memory(void **state OVS_UNUSED)
{
    struct ofpbuf stream;
    struct peer peer;

    ofpbuf_init(&stream, 0);
    for (uint32_t number = 0; number < N_MESSAGES; number++) {
        put_message(&stream, number);
    }
    peer_start(&peer);

    size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
    write_in_pieces(&peer, &stream, 60000);
    assert_int_equal(peer.n_received, N_MESSAGES);
    size_t after = mallinfo2().uordblks + mallinfo2().hblkhd;
    assert_true(after < before + 4 * UINT16_MAX);

    peer_stop(&peer);
    ofpbuf_uninit(&stream);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_memory),
    };

    return cmocka_run_group_tests_name("ofconn", tests, NULL, NULL);
}
