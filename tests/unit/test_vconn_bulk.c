/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* ovs-patches/0001-vconn-stream-bulk-receive.patch: what comes in together is
 * received with one system call, and the user of a vconn sees nothing of it
 * but the time that it saves. */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "openflow/openflow.h"
#include "openvswitch/ofp-util.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vconn.h"
#include "openvswitch/vlog.h"
#include "timeval.h"
#include "util.h"

/* What vconn-stream asks for at a time. */
#define RX_SIZE 16384

static size_t n_recvs;

/* Takes the place of libc's, and counts. */
ssize_t
recv(int fd, void *buf, size_t n, int flags)
{
    n_recvs++;
    return syscall(SYS_recvfrom, fd, buf, n, flags, NULL, NULL);
}

/* A vconn, the other end of its connection, and what that has to send. */
struct pair {
    struct vconn *vconn;
    int peer;
    struct ofpbuf data;
    uint32_t sent, received;    /* Messages, whose xids count them. */
};

static void
pair_write(struct pair *pair, const void *data, size_t size)
{
    assert_int_equal(write(pair->peer, data, size), size);
}

static void
pair_open(struct pair *pair)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    struct ofpbuf *hello = ofputil_encode_hello(1u << OFP13_VERSION);
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    char *target;

    snprintf(un.sun_path, sizeof un.sun_path, "/tmp/test-vconn.%d", getpid());
    assert_int_equal(bind(listener, (struct sockaddr *) &un, sizeof un), 0);
    assert_int_equal(listen(listener, 1), 0);
    target = xasprintf("unix:%s", un.sun_path);
    pair->sent = pair->received = 0;
    ofpbuf_init(&pair->data, 0);
    assert_int_equal(vconn_open(target, 1u << OFP13_VERSION, 0,
                                &pair->vconn), 0);
    free(target);
    pair->peer = accept(listener, NULL, NULL);
    assert_true(pair->peer >= 0);
    unlink(un.sun_path);
    close(listener);

    pair_write(pair, hello->data, hello->size);
    ofpbuf_delete(hello);
    while (vconn_connect(pair->vconn) == EAGAIN) {
        vconn_run(pair->vconn);
    }
    assert_int_equal(vconn_get_version(pair->vconn), OFP13_VERSION);
    n_recvs = 0;
}

static void
pair_close(struct pair *pair)
{
    vconn_close(pair->vconn);
    close(pair->peer);
    ofpbuf_uninit(&pair->data);
}

/* Appends to 'pair->data' a message, 'length' bytes long, with the next xid
 * and a content that follows from it.  It is an OFPT_ECHO_REQUEST. */
static void
put_message(struct pair *pair, size_t length)
{
    struct ofp_header oh = {
        .version = OFP13_VERSION, .type = 2,
        .length = htons(length), .xid = htonl(pair->sent),
    };
    size_t size = length - sizeof oh;

    ofpbuf_put(&pair->data, &oh, sizeof oh);
    memset(ofpbuf_put_uninit(&pair->data, size), pair->sent, size);
    pair->sent++;
}

/* Receives the next message, if there is one, and checks it.  Returns what
 * vconn_recv() does. */
static int
receive(struct pair *pair)
{
    struct ofpbuf *msg;
    int error = vconn_recv(pair->vconn, &msg);

    if (error) {
        assert_null(msg);
        return error;
    }

    const struct ofp_header *oh = msg->data;
    const uint8_t *content = msg->data;

    assert_int_equal((uintptr_t) msg->data % 8, 0);
    assert_int_equal(msg->size, ntohs(oh->length));
    assert_int_equal(ntohl(oh->xid), pair->received);
    for (size_t i = sizeof *oh; i < msg->size; i++) {
        assert_int_equal(content[i], (uint8_t) pair->received);
    }
    ofpbuf_delete(msg);
    pair->received++;
    return 0;
}

/* Receives until there is nothing, and returns why there is not. */
static int
receive_all(struct pair *pair)
{
    int error;

    do {
        error = receive(pair);
    } while (!error);
    return error;
}

/* Whether waiting for 'pair' ends before 'msec' milliseconds do. */
static bool
wakes(struct pair *pair, int msec)
{
    long long start = time_msec();

    poll_timer_wait(msec);
    vconn_recv_wait(pair->vconn);
    poll_block();
    return time_msec() - start < msec;
}

/* Lengths of every remainder, so that messages lie at any address. */
static void
test_many(void **state OVS_UNUSED)
{
    struct pair pair;

    pair_open(&pair);
    for (size_t i = 0; i < 1000; i++) {
        put_message(&pair, 8 + i % 101);
    }
    pair_write(&pair, pair.data.data, pair.data.size);

    assert_int_equal(receive_all(&pair), EAGAIN);
    assert_int_equal(pair.received, pair.sent);
    assert_true(n_recvs <= DIV_ROUND_UP(pair.data.size, RX_SIZE) + 1);
    pair_close(&pair);
}

/* However two writes divide messages, these come as soon as they are whole. */
static void
test_splits(void **state OVS_UNUSED)
{
    static const size_t lengths[] = { 8, 13, 8, 40, 9 };
    struct pair pair;

    pair_open(&pair);
    for (size_t split = 0;; split++) {
        uint32_t before = pair.received;
        size_t whole = 0, end = 0;

        ofpbuf_clear(&pair.data);
        for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
            put_message(&pair, lengths[i]);
            end += lengths[i];
            whole += end <= split;
        }
        if (split > pair.data.size) {
            break;
        }
        pair_write(&pair, pair.data.data, split);
        assert_int_equal(receive_all(&pair), EAGAIN);
        assert_int_equal(pair.received - before, whole);
        pair_write(&pair, ofpbuf_at(&pair.data, split, 0),
                   pair.data.size - split);
        assert_int_equal(receive_all(&pair), EAGAIN);
        assert_int_equal(pair.received, pair.sent);
    }
    pair_close(&pair);
}

static void
test_byte_by_byte(void **state OVS_UNUSED)
{
    struct pair pair;

    pair_open(&pair);
    put_message(&pair, 11);
    put_message(&pair, 8);
    for (size_t i = 0; i < pair.data.size; i++) {
        assert_int_equal(pair.received, (i >= 11));
        pair_write(&pair, ofpbuf_at(&pair.data, i, 1), 1);
        assert_int_equal(receive_all(&pair), EAGAIN);
    }
    assert_int_equal(pair.received, pair.sent);
    pair_close(&pair);
}

/* The longest messages that there are, among short ones. */
static void
test_long(void **state OVS_UNUSED)
{
    static const size_t lengths[] = {
        8, UINT16_MAX, 8, RX_SIZE, RX_SIZE + 1, UINT16_MAX,
    };
    struct pair pair;

    pair_open(&pair);
    for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
        put_message(&pair, lengths[i]);
    }
    pair_write(&pair, pair.data.data, pair.data.size);

    /* One that is there is handed out without another turn of the loop. */
    for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
        assert_int_equal(receive(&pair), 0);
    }
    assert_int_equal(receive(&pair), EAGAIN);
    assert_true(n_recvs <= 2 * ARRAY_SIZE(lengths) + 1);
    pair_close(&pair);
}

/* Who takes one message a turn sleeps when all of them are taken. */
static void
test_wait(void **state OVS_UNUSED)
{
    struct pair pair;

    pair_open(&pair);
    for (size_t i = 0; i < 3; i++) {
        put_message(&pair, 16);
    }
    pair_write(&pair, pair.data.data, pair.data.size - 1);
    for (size_t i = 0; i < 2; i++) {
        assert_true(wakes(&pair, 10000));
        assert_int_equal(receive(&pair), 0);
        assert_int_equal(n_recvs, 1);
    }

    /* Two thirds of the buffer are free again, and a message is incomplete. */
    assert_false(wakes(&pair, 50));
    assert_int_equal(receive(&pair), EAGAIN);
    assert_false(wakes(&pair, 50));
    pair_write(&pair, ofpbuf_at(&pair.data, pair.data.size - 1, 1), 1);
    assert_true(wakes(&pair, 10000));
    assert_int_equal(receive(&pair), 0);
    assert_false(wakes(&pair, 50));
    pair_close(&pair);
}

/* What came before the end is handed out, then the end is told; in the middle
 * of a message it is an error. */
static void
test_end(void **state OVS_UNUSED)
{
    for (size_t rest = 0; rest < 16; rest++) {
        struct pair pair;

        pair_open(&pair);
        for (size_t i = 0; i < 3; i++) {
            put_message(&pair, 16);
        }
        pair_write(&pair, pair.data.data, 32 + rest);
        shutdown(pair.peer, SHUT_WR);
        assert_int_equal(receive(&pair), 0);
        assert_true(wakes(&pair, 10000));
        assert_int_equal(receive(&pair), 0);
        assert_true(wakes(&pair, 10000));
        assert_int_equal(receive_all(&pair), rest ? EPROTO : EOF);
        assert_int_equal(pair.received, 2);
        pair_close(&pair);
    }
}

/* A length that cannot be is an error, behind the messages before it. */
static void
test_too_short(void **state OVS_UNUSED)
{
    for (size_t length = 0; length < sizeof(struct ofp_header); length++) {
        struct ofp_header oh = {
            .version = OFP13_VERSION, .length = htons(length),
        };
        struct pair pair;

        pair_open(&pair);
        put_message(&pair, 9);
        ofpbuf_put(&pair.data, &oh, sizeof oh);
        pair_write(&pair, pair.data.data, pair.data.size);
        assert_int_equal(receive(&pair), 0);
        assert_true(wakes(&pair, 10000));
        assert_int_equal(receive(&pair), EPROTO);
        assert_int_equal(receive(&pair), EPROTO);
        pair_close(&pair);
    }
}

/* A connection that has nothing to hand out holds no buffer, and else one, of
 * the same size all the time. */
static void
test_memory(void **state OVS_UNUSED)
{
    size_t before = mallinfo2().uordblks;
    struct pair pair;

    pair_open(&pair);
    assert_true(mallinfo2().uordblks < before + RX_SIZE / 4);

    for (size_t i = 0; i < 5000; i++) {
        put_message(&pair, 24);
    }
    pair_write(&pair, pair.data.data, pair.data.size);
    ofpbuf_reinit(&pair.data, 0);
    while (pair.received < pair.sent) {
        assert_int_equal(receive(&pair), 0);
        assert_true(mallinfo2().uordblks < before + 5 * RX_SIZE / 4);
    }
    assert_int_equal(receive(&pair), EAGAIN);
    assert_true(mallinfo2().uordblks < before + RX_SIZE / 4);
    pair_close(&pair);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_splits),
        cmocka_unit_test(test_byte_by_byte),
        cmocka_unit_test(test_long),
        cmocka_unit_test(test_wait),
        cmocka_unit_test(test_end),
        cmocka_unit_test(test_too_short),
        cmocka_unit_test(test_memory),
    };

    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_OFF);
    return cmocka_run_group_tests_name("vconn_bulk", tests, NULL, NULL);
}
