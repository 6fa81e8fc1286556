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
#include <unistd.h>

#include "controller/ofconn_private.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofpbuf.h"
#include "peer.h"
#include "util.h"

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

/* Checks that messages come as they were sent, and counts them. */
static void
check_message(struct peer *peer, const struct ofp_header *oh)
{
    uint32_t *n_received = peer->aux;
    size_t n = body_size(*n_received);
    const uint8_t *body = (const uint8_t *) (oh + 1);

    assert_int_equal(ntohl(oh->xid), *n_received);
    assert_int_equal(ntohs(oh->length), sizeof *oh + n);
    assert_true((uintptr_t) oh % 8 == 0);
    if (n) {
        assert_int_equal(body[0], *n_received & 0xff);
        assert_memory_equal(body, body + 1, n - 1);
    }
    ++*n_received;
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
        uint32_t n_received = 0;
        struct peer peer = { .message = check_message, .aux = &n_received };
        struct ofpbuf stream;

        ofpbuf_init(&stream, 0);
        for (uint32_t number = 0; number < rows[i].n; number++) {
            put_message(&stream, number);
        }
        peer_start(&peer);
        write_in_pieces(&peer, &stream, rows[i].size);
        while (n_received < rows[i].n) {
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
    uint32_t n_received = 0;
    struct peer peer = { .message = check_message, .aux = &n_received };
    struct ofpbuf stream;

    ofpbuf_init(&stream, 0);
    for (uint32_t number = 0; number < N_MESSAGES; number++) {
        put_message(&stream, number);
    }
    peer_start(&peer);

    size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
    write_in_pieces(&peer, &stream, 60000);
    assert_int_equal(n_received, N_MESSAGES);
    size_t after = mallinfo2().uordblks + mallinfo2().hblkhd;
    assert_true(after < before + 4 * UINT16_MAX);

    peer_stop(&peer);
    ofpbuf_uninit(&stream);
}

/* Whatever has to wait, messages arrive as and when they were sent. */
static void
test_order(void **state OVS_UNUSED)
{
    enum { SIZE = 4096, N = 1000 };
    static uint8_t msg[SIZE], stream[N * SIZE];
    struct ofp_header *oh = (struct ofp_header *) msg;
    struct peer peer = { .message = NULL };
    size_t received = 0;

    peer_start(&peer);
    *oh = (struct ofp_header) {
        .version = OFP15_VERSION, .type = 4, .length = htons(SIZE),
    };
    for (int i = 0; i < N; i++) {
        memset(oh + 1, i & 0xff, SIZE - sizeof *oh);
        ofconn_put(peer.conn, msg, SIZE);
        if (i % 7 == 0) {
            ofconn_flush();
        }
    }
    while (received < sizeof stream) {
        ssize_t n = recv(peer.fd, stream + received, sizeof stream - received,
                         MSG_DONTWAIT);

        received += MAX(n, 0);
        loop_run();
    }
    for (int i = 0; i < N; i++) {
        memset(oh + 1, i & 0xff, SIZE - sizeof *oh);
        assert_memory_equal(stream + i * SIZE, msg, SIZE);
    }
    peer_stop(&peer);
}

/* Reads all that the connection has written. */
static size_t
read_all(struct peer *peer)
{
    static uint8_t buffer[256 * 1024];
    size_t total = 0;
    ssize_t n;

    while ((n = recv(peer->fd, buffer, sizeof buffer, MSG_DONTWAIT)) > 0) {
        total += n;
    }
    return total;
}

/* Nor does one that sends a lot in each turn, to a peer that keeps up. */
static void
test_memory_of_sender(void **state OVS_UNUSED)
{
    enum { SIZE = 16 * 1024, PER_TURN = 4, TURNS = 500 };
    struct ofp_header *msg = xzalloc(SIZE);
    struct peer peer = { .message = NULL };
    size_t received = 0, before = 0;

    *msg = (struct ofp_header) {
        .version = OFP15_VERSION, .type = 4, .length = htons(SIZE),
    };
    peer_start(&peer);
    for (int turn = 0; turn < TURNS; turn++) {
        for (int i = 0; i < PER_TURN; i++) {
            ofconn_put(peer.conn, msg, SIZE);
            received += read_all(&peer);
        }
        ofconn_flush();
        received += read_all(&peer);
        if (!turn) {
            before = mallinfo2().uordblks + mallinfo2().hblkhd;
        }
    }
    assert_int_equal(received, SIZE * PER_TURN * TURNS);
    assert_true(mallinfo2().uordblks + mallinfo2().hblkhd
                < before + 4 * PER_TURN * SIZE);
    peer_stop(&peer);
    free(msg);
}

/* And one whose peer was slow for a while takes what it took before. */
static void
test_memory_after_backlog(void **state OVS_UNUSED)
{
    enum { SIZE = 16 * 1024, N = 2000 };
    struct ofp_header *msg = xzalloc(SIZE);
    struct peer peer = { .message = NULL };
    size_t received;

    *msg = (struct ofp_header) {
        .version = OFP15_VERSION, .type = 4, .length = htons(SIZE),
    };
    peer_start(&peer);

    size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
    for (int i = 0; i < N; i++) {
        ofconn_put(peer.conn, msg, SIZE);
        if (i % 100 == 0) {
            ofconn_flush();
        }
    }
    received = read_all(&peer);
    assert_true(received < N / 2 * SIZE);
    while (received < N * SIZE) {
        received += read_all(&peer);
        loop_run();
    }
    loop_run();
    assert_true(mallinfo2().uordblks + mallinfo2().hblkhd
                < before + 17 * SIZE);
    peer_stop(&peer);
    free(msg);
}

/* Queues messages of 'size' bytes until 'total' bytes wait. */
static void
put_bytes(struct peer *peer, size_t size, size_t total)
{
    struct ofp_header *msg = xzalloc(size);

    *msg = (struct ofp_header) {
        .version = OFP15_VERSION, .type = 4, .length = htons(size),
    };
    for (size_t n = 0; n < total; n += size) {
        ofconn_put(peer->conn, msg, size);
    }
    ofconn_flush();
    free(msg);
}

/* A peer that reads nothing of what it is sent is disconnected, one that reads
 * a little of it every second is not. */
static void
test_stall(void **state OVS_UNUSED)
{
    static const struct {
        const char *what;
        bool reads;
        bool has_much;          /* More is sent than the kernel takes. */
        int looks;              /* After which it has gone, or none. */
    } rows[] = {
        { "does not read", false, true, 6 },
        { "reads slowly", true, true, 0 },
        { "has nothing to read", false, false, 0 },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct peer peer = { .message = NULL };
        static uint8_t buffer[64 * 1024];
        int looks = 0;

        peer_start(&peer);
        long long now = peer.conn->last_rx;
        put_bytes(&peer, 16 * 1024,
                  rows[i].has_much ? 64 * 1024 * 1024 : 1024);
        while (peer.conn && looks < 20) {
            for (int n = 0; rows[i].reads && n < 16; n++) {
                assert_true(recv(peer.fd, buffer, sizeof buffer, 0) > 0);
                loop_run();
            }
            ofconn_watch_run(now);
            looks++;
        }
        if ((peer.conn ? 0 : looks) != rows[i].looks) {
            fail_msg("%s: %s after %d looks", rows[i].what,
                     peer.conn ? "there" : "gone", looks);
        }
        peer_stop(&peer);
    }
}

/* Nor may more wait than a bound says, and a lower one if it is not known who
 * that is. */
static void
test_overflow(void **state OVS_UNUSED)
{
    static const struct {
        const char *what;
        bool guest;
        size_t total;
        bool gone;
    } rows[] = {
        { "guest, little", true, OFCONN_MAX_GUEST_QUEUE / 2, false },
        { "guest, much", true, 2 * OFCONN_MAX_GUEST_QUEUE, true },
        { "known, as much", false, 2 * OFCONN_MAX_GUEST_QUEUE, false },
        { "known, too much", false, OFCONN_MAX_QUEUE + 4 * 1024 * 1024,
          true },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct peer peer = { .guest = rows[i].guest };
        int size = 4096;

        peer_start(&peer);
        setsockopt(peer.fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
        put_bytes(&peer, 32 * 1024, rows[i].total);
        if (!peer.conn != rows[i].gone) {
            fail_msg("%s: %s", rows[i].what, peer.conn ? "there" : "gone");
        }
        peer_stop(&peer);
    }
}

/* Who asks for echoes and does not read them gets no more of them. */
static void
test_echo_storm(void **state OVS_UNUSED)
{
    struct ofp_header *msg = xzalloc(UINT16_MAX);
    struct peer peer = { .message = NULL };

    *msg = (struct ofp_header) {
        .version = OFP15_VERSION, .type = 2, .length = htons(UINT16_MAX),
    };
    peer_start(&peer);
    for (int i = 0; i < 200; i++) {
        assert_int_equal(write(peer.fd, msg, UINT16_MAX), UINT16_MAX);
        loop_run();
    }
    assert_non_null(peer.conn);
    assert_true(ofconn_backlog(peer.conn) < 2 * 1024 * 1024);
    peer_stop(&peer);
    free(msg);
}

/* Who has much to say lets others have their say. */
static void
count_message(struct peer *peer, const struct ofp_header *oh)
{
    *(size_t *) peer->aux += ntohs(oh->length);
}

static void
test_turns(void **state OVS_UNUSED)
{
    size_t received = 0, most = 0, sent = 0;
    struct peer peer = { .message = count_message, .aux = &received };
    struct ofp_header msg = {
        .version = OFP15_VERSION, .type = 4, .length = htons(sizeof msg),
    };
    static struct ofp_header messages[128 * 1024];
    int size = 4 * 1024 * 1024;

    for (size_t i = 0; i < ARRAY_SIZE(messages); i++) {
        messages[i] = msg;
    }
    peer_start(&peer);
    setsockopt(peer.fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size);
    while (received < sizeof messages) {
        size_t before = received;
        ssize_t n = send(peer.fd, (uint8_t *) messages + sent,
                         sizeof messages - sent, MSG_DONTWAIT);

        sent += MAX(n, 0);
        loop_run();
        most = MAX(most, received - before);
    }
    assert_true(most <= 256 * 1024 + UINT16_MAX);
    peer_stop(&peer);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_memory_of_sender),
        cmocka_unit_test(test_memory_after_backlog),
        cmocka_unit_test(test_stall),
        cmocka_unit_test(test_overflow),
        cmocka_unit_test(test_echo_storm),
        cmocka_unit_test(test_turns),
    };

    return cmocka_run_group_tests_name("ofconn", tests, NULL, NULL);
}
