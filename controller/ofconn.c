/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "controller/ofconn_private.h"

#include "controller/loop.h"
#include "controller/ofconn_tls.h"
#include "coverage.h"
#include "openvswitch/ofp-errors.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofp-util.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/vlog.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(ofconn);

COVERAGE_DEFINE(ofconn_read);
COVERAGE_DEFINE(ofconn_write);
COVERAGE_DEFINE(ofconn_received);
COVERAGE_DEFINE(ofconn_sent);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

/* All connections share one read buffer, since one is read at a time. */
#define OFCONN_READ_SIZE (256 * 1024)

/* Bytes after which the peer gets to work, while we go on: it takes longer to
 * take a large bundle than we to make it. */
#define OFCONN_EAGER_SIZE (64 * 1024)

/* With so many bytes waiting, no echo request is answered: who has that much
 * to read knows that we are there, and who does not read it may go on asking
 * for more. */
#define OFCONN_ECHO_QUEUE (1024 * 1024)

struct ovs_list ofconn_all = OVS_LIST_INITIALIZER(&ofconn_all);
static struct ovs_list dirty = OVS_LIST_INITIALIZER(&dirty);
static struct ovs_list unread = OVS_LIST_INITIALIZER(&unread);
static uv_check_t flush_check;
static bool started;

/* Returns the length of the OpenFlow message at the beginning of the 'size'
 * bytes at 'data', 0 if that needs more bytes to say, or -1 if there can be
 * none. */
int
ofconn_frame(const void *data, size_t size)
{
    const uint8_t *p = data;
    int length;

    if (size < 4) {
        return 0;
    }
    length = p[2] << 8 | p[3];
    return length >= sizeof(struct ofp_header) ? length : -1;
}

/* Asks the peer whether it is there.  Unlike anything else that comes, an
 * answer to that cannot have been on its way for long. */
void
ofconn_ask(struct ofconn *conn)
{
    struct ofpbuf *msg = ofputil_encode_echo_request(conn->version);
    uint32_t xid = ntohl(conn->ask_xid) + 1;

    /* Our own inactivity probes have 0. */
    conn->ask_xid = htonl(xid ? xid : 1);
    ((struct ofp_header *) msg->data)->xid = conn->ask_xid;
    ofconn_send(conn, msg);
}

/* The socket. */

/* Returns what is to be put onto the wire before anything else. */
static struct ofpbuf *
ofconn_wire(struct ofconn *conn)
{
    if (conn->tls) {
        return ofconn_tls_wire(conn->tls, &conn->tx);
    }
    if (!conn->tx.size) {
        ofconn_spare_give(&conn->tx);
    }
    return &conn->tx;
}

/* Writes what can be written at once, when nothing is in flight.  Returns 0 or
 * a negative error of libuv. */
static int
ofconn_try_write(struct ofconn *conn)
{
    struct ofpbuf *wire;
    int n = 0;

    while (n >= 0 && (wire = ofconn_wire(conn))->size) {
        uv_buf_t buf = uv_buf_init(wire->data, wire->size);

        n = uv_try_write(&conn->h.stream, &buf, 1);
        COVERAGE_INC(ofconn_write);
        ofpbuf_pull(wire, MAX(n, 0));
        if (wire->size) {
            break;
        }
    }
    return n < 0 && n != UV_EAGAIN ? n : 0;
}

/* Closing. */

static void
ofconn_closed_cb(uv_handle_t *handle)
{
    struct ofconn *conn = handle->data;

    ofpbuf_uninit(&conn->rx);
    ofpbuf_uninit(&conn->tx);
    ofpbuf_uninit(&conn->in_flight);
    ofconn_tls_destroy(conn->tls);
    free(conn->name);
    free(conn);
}

/* Ends 'conn', which the user will not hear of again.  'reason' is logged. */
void
ofconn_close(struct ofconn *conn, const char *reason)
{
    if (conn->closing) {
        return;
    }
    conn->closing = true;
    if (!conn->guest.origin) {
        VLOG_INFO("%s: disconnected (%s)", conn->name, reason);
    } else {
        VLOG_INFO_RL(&rl, "%s: disconnected%s (%s)", conn->name,
                     conn->opened ? "" : " before a version was agreed on",
                     reason);
    }
    ofconn_guest_remove(&conn->guest);
    ovs_list_remove(&conn->node);
    ovs_list_remove(&conn->tx_node);
    ovs_list_init(&conn->tx_node);
    ovs_list_remove(&conn->rx_node);
    ovs_list_init(&conn->rx_node);
    if (conn->tls && !conn->in_flight.size) {
        ofconn_tls_end(conn->tls);
        ofconn_try_write(conn);
    }
    uv_close(&conn->h.handle, ofconn_closed_cb);
}

/* Ends 'conn' and tells the user. */
void
ofconn_fail(struct ofconn *conn, const char *reason)
{
    if (!conn->closing) {
        bool opened = conn->opened;

        ofconn_close(conn, reason);
        if (opened) {
            conn->user->closed(conn, conn->user->aux);
        }
    }
}

/* Writing. */

/* Does not wait for ofconn_flush().  An error is left for that, since who
 * queues a message does not expect its connection to end by it. */
static void
ofconn_write_eagerly(struct ofconn *conn)
{
    if (!conn->in_flight.size) {
        ofconn_try_write(conn);
    }
    conn->tx_eager = conn->tx.size + OFCONN_EAGER_SIZE;
}

/* Queues a copy of the 'size' bytes at 'msg', a message that is complete.  If
 * that is more than may be queued, the connection ends: not here, since the
 * caller does not expect that, but by ofconn_flush(). */
void
ofconn_put(struct ofconn *conn, const void *msg, size_t size)
{
    if (conn->closing) {
        return;
    }
    if (ovs_list_is_empty(&conn->tx_node)) {
        ovs_list_push_back(&dirty, &conn->tx_node);
    }
    if (conn->tx.size + conn->in_flight.size + size
        > ofconn_max_queue(conn)) {
        conn->overflowed = true;
        return;
    }
    if (!conn->tx.size) {
        ofconn_spare_take(&conn->tx);
    }
    if (size > ofpbuf_tailroom(&conn->tx)) {
        /* ofpbuf_put() would make room for this message alone. */
        ofpbuf_prealloc_tailroom(&conn->tx, MAX(size, conn->tx.size));
    }
    ofpbuf_put(&conn->tx, msg, size);
    COVERAGE_INC(ofconn_sent);
    if (conn->tx.size >= conn->tx_eager) {
        ofconn_write_eagerly(conn);
    }
}

/* Queues 'msg', which 'conn' comes to own. */
void
ofconn_send(struct ofconn *conn, struct ofpbuf *msg)
{
    ofpmsg_update_length(msg);
    ofconn_put(conn, msg->data, msg->size);
    ofpbuf_delete(msg);
}

static void
ofconn_written_cb(uv_write_t *req, int status)
{
    struct ofconn *conn = req->data;

    ofconn_spare_give(&conn->in_flight);
    conn->n_stalls = 0;
    if (status < 0) {
        if (status != UV_ECANCELED) {
            ofconn_fail(conn, uv_strerror(status));
        }
    } else if (ovs_list_is_empty(&conn->tx_node)) {
        ovs_list_push_back(&dirty, &conn->tx_node);
    }
}

static void
ofconn_write(struct ofconn *conn)
{
    if (conn->overflowed) {
        ofconn_fail(conn, "reads too slowly what it is sent");
        return;
    } else if (conn->in_flight.size) {
        return;
    }

    int error = ofconn_try_write(conn);
    if (error) {
        ofconn_fail(conn, uv_strerror(error));
        return;
    }
    conn->tx_eager = OFCONN_EAGER_SIZE;

    struct ofpbuf *wire = ofconn_wire(conn);
    if (!wire->size) {
        return;
    }

    /* The rest goes when the peer has read. */
    struct ofpbuf rest = *wire;
    *wire = conn->in_flight;
    conn->in_flight = rest;
    uv_buf_t buf = uv_buf_init(conn->in_flight.data, conn->in_flight.size);
    conn->in_flight_left = conn->in_flight.size;
    conn->write.data = conn;
    error = uv_write(&conn->write, &conn->h.stream, &buf, 1,
                     ofconn_written_cb);
    if (error) {
        ofconn_fail(conn, uv_strerror(error));
    }
}

/* Writes what has been queued on all connections.  After each turn of libuv's
 * loop that is done anyhow. */
void
ofconn_flush(void)
{
    struct ovs_list todo = OVS_LIST_INITIALIZER(&todo);

    ovs_list_push_back_all(&todo, &dirty);
    while (!ovs_list_is_empty(&todo)) {
        struct ofconn *conn = CONTAINER_OF(ovs_list_pop_front(&todo),
                                           struct ofconn, tx_node);

        ovs_list_init(&conn->tx_node);
        ofconn_write(conn);
    }
}

/* Reading. */

/* Agrees on a version by the peer's first message. */
static void
ofconn_handle_hello(struct ofconn *conn, const struct ofp_header *oh)
{
    uint32_t versions;

    if (oh->type != 0) {
        ofconn_fail(conn, "first message is no OFPT_HELLO");
        return;
    }
    /* The return value says only whether there was more to the message than
     * we understand. */
    ofputil_decode_hello(oh, &versions);
    versions &= OFCONN_VERSIONS;
    if (!versions) {
        char *text = xasprintf("we speak OpenFlow 1.3, 1.4 and 1.5");

        ofconn_send(conn, ofperr_encode_hello(OFPERR_OFPHFC_INCOMPATIBLE,
                                              oh->version, text));
        free(text);
        ofconn_write(conn);
        ofconn_fail(conn, "no common OpenFlow version");
        return;
    }
    conn->version = 31 - clz32(versions);
    conn->opened = true;
    conn->user->opened(conn, conn->user->aux);
}

static void
ofconn_handle_echo(struct ofconn *conn, const struct ofp_header *oh,
                   bool is_request)
{
    if (is_request) {
        if (ofconn_backlog(conn) < MIN(OFCONN_ECHO_QUEUE,
                                       ofconn_max_queue(conn) / 2)) {
            ofconn_send(conn, ofputil_encode_echo_reply(oh));
        }
    } else if (oh->xid == conn->ask_xid) {
        conn->answered = time_msec();
        loop_wake();
    }
}

static void
ofconn_handle_message(struct ofconn *conn, const struct ofp_header *oh)
{
    enum ofptype type;

    COVERAGE_INC(ofconn_received);
    if (!conn->version) {
        ofconn_handle_hello(conn, oh);
        return;
    }
    if (oh->version != conn->version) {
        ofconn_fail(conn, "message of another OpenFlow version");
        return;
    }
    if (oh->type == 2 || oh->type == 3) {
        if (!ofptype_decode(&type, oh)) {
            ofconn_handle_echo(conn, oh, type == OFPTYPE_ECHO_REQUEST);
        }
        return;
    }
    conn->user->message(conn, oh, conn->user->aux);
}

/* Handles the messages in the 'size' bytes at 'data' and returns how many
 * bytes they took. */
static size_t
ofconn_handle_bytes(struct ofconn *conn, const uint8_t *data, size_t size)
{
    static uint64_t aligned[UINT16_MAX / 8 + 1];
    size_t used = 0;

    while (!conn->closing) {
        const uint8_t *p = data + used;
        int length = ofconn_frame(p, size - used);

        if (!conn->version && size - used >= 2 && p[1]) {
            /* Do not wait for the rest of what may be another protocol. */
            ofconn_fail(conn, "first message is no OFPT_HELLO");
        } else if (length < 0) {
            ofconn_fail(conn, "message with impossible length");
        } else if (!length || length > size - used) {
            break;
        } else {
            if ((uintptr_t) p % sizeof *aligned) {
                memcpy(aligned, p, length);
                p = (const uint8_t *) aligned;
            }
            ofconn_handle_message(conn, ALIGNED_CAST(const struct ofp_header *,
                                                     p));
            used += length;
        }
    }
    return used;
}

/* Handles the message that has begun in 'conn->rx', if the 'size' bytes at
 * 'data' end it, and returns how many of them it took.  Never are there more
 * than one message's bytes in 'conn->rx', however much comes. */
static size_t
ofconn_complete(struct ofconn *conn, const uint8_t *data, size_t size)
{
    struct ofpbuf *rx = &conn->rx;
    size_t used = 0;

    while (rx->size && used < size && !conn->closing) {
        int length = ofconn_frame(rx->data, rx->size);
        size_t lacking = MAX(length, 4) - rx->size;
        size_t n = MIN(lacking, size - used);

        ofpbuf_put(rx, data + used, n);
        used += n;
        if (ofconn_handle_bytes(conn, rx->data, rx->size)) {
            ofpbuf_clear(rx);
        }
    }
    return used;
}

/* Takes the 'size' bytes at 'data' that the peer has sent. */
static void
ofconn_take(struct ofconn *conn, const uint8_t *data, size_t size)
{
    size_t used = ofconn_complete(conn, data, size);

    if (!conn->rx.size) {
        used += ofconn_handle_bytes(conn, data + used, size - used);
        ofpbuf_put(&conn->rx, data + used, size - used);
    }
}

/* The same for what only TLS understands. */
static void
ofconn_decrypt(struct ofconn *conn, const void *data, size_t size)
{
    static uint64_t plain[OFCONN_READ_SIZE / 8];
    size_t n;

    ofconn_tls_feed(conn->tls, data, size);
    while (!conn->closing
           && (n = ofconn_tls_read(conn->tls, plain, sizeof plain))) {
        ofconn_take(conn, (const uint8_t *) plain, n);
    }

    const char *failure = ofconn_tls_failure(conn->tls,
                                             &conn->closed_by_peer);
    if (failure) {
        ofconn_fail(conn, failure);
    }
}

static void
ofconn_alloc_cb(uv_handle_t *handle OVS_UNUSED, size_t suggested OVS_UNUSED,
                uv_buf_t *buf)
{
    static uint64_t bytes[OFCONN_READ_SIZE / 8];

    *buf = uv_buf_init((char *) bytes, sizeof bytes);
}

static void
ofconn_read_cb(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct ofconn *conn = stream->data;

    if (n < 0) {
        conn->closed_by_peer = n == UV_EOF || n == UV_ECONNRESET;
        ofconn_fail(conn, n == UV_EOF ? "connection closed by peer"
                    : uv_strerror(n));
        return;
    } else if (n == 0) {
        return;
    }
    COVERAGE_INC(ofconn_read);
    conn->last_rx = time_msec();
    conn->probed = false;

    if (conn->tls) {
        ofconn_decrypt(conn, buf->base, n);
    } else {
        ofconn_take(conn, (const uint8_t *) buf->base, n);
    }
    if (!conn->closing) {
        ofconn_write(conn);     /* The next one needs the memory. */
    }
    if (n == OFCONN_READ_SIZE && !conn->closing) {
        /* There is more: when the others have had their turn. */
        uv_read_stop(stream);
        ovs_list_push_back(&unread, &conn->rx_node);
    }
}

/* Starts to read what comes by 'conn'.  Returns 0 or a negative error of
 * libuv. */
int
ofconn_read_start(struct ofconn *conn)
{
    return uv_read_start(&conn->h.stream, ofconn_alloc_cb, ofconn_read_cb);
}

static void
ofconn_read_on(void)
{
    struct ofconn *conn;

    LIST_FOR_EACH_POP (conn, rx_node, &unread) {
        ovs_list_init(&conn->rx_node);
        ofconn_read_start(conn);
    }
}

/* libuv has called all callbacks that it had to. */
static void
ofconn_check_cb(uv_check_t *check OVS_UNUSED)
{
    ofconn_read_on();
    ofconn_flush();
}

/* Starts what goes on for all connections. */
void
ofconn_start(void)
{
    if (!started) {
        ofconn_watch_start();
        uv_check_init(loop_uv(), &flush_check);
        uv_check_start(&flush_check, ofconn_check_cb);
        uv_unref((uv_handle_t *) &flush_check);
        started = true;
    }
}
