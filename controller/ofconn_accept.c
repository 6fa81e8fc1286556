/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* Letting connections in.
 *
 * Of the descriptors that the process may have, the last are not for
 * connections, but for all else that must work: the database, ovs-appctl, log
 * files.  When only these are left, who comes gets that of a guest, and if
 * there are none, is sent away.  Should there be no descriptor at all, nothing
 * is accepted until there is: who wants to connect waits in the kernel's
 * queue, and who is connected does not notice.
 *
 * libuv's own accepting would do neither: it closes what it cannot accept
 * without a word, and where it cannot do that either, it tries forever. */

#include <config.h>
#include "controller/ofconn_private.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>
#include "controller/ofconn_tls.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/list.h"
#include "openvswitch/ofp-util.h"
#include "openvswitch/vlog.h"
#include "socket-util.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(ofconn_accept);

/* Once in ten seconds, or whoever connects would fill the log. */
static struct vlog_rate_limit few_rl = VLOG_RATE_LIMIT_INIT(6, 1);
static struct vlog_rate_limit none_rl = VLOG_RATE_LIMIT_INIT(6, 1);

/* Connections that are accepted before others are heard. */
#define OFCONN_ACCEPTS 64

#define OFCONN_SPARE_FDS 32

/* Listeners that have to wait for descriptors. */
static struct ovs_list paused = OVS_LIST_INITIALIZER(&paused);

/* Makes 'fd' the handle of 'conn'.  Returns 0 or a negative error of
 * libuv. */
static int
ofconn_open(struct ofconn *conn, int fd)
{
    int error;

    if (conn->is_pipe) {
        uv_pipe_init(loop_uv(), &conn->h.pipe, 0);
        error = uv_pipe_open(&conn->h.pipe, fd);
    } else {
        uv_tcp_init(loop_uv(), &conn->h.tcp);
        error = uv_tcp_open(&conn->h.tcp, fd);
    }
    conn->h.handle.data = conn;
    if (error) {
        close(fd);
    }
    return error ? error : ofconn_read_start(conn);
}

/* Returns a name for the peer of 'conn', at 'ss', which the caller frees. */
static char *
ofconn_peer_name(const struct ofconn *conn, const struct sockaddr_storage *ss)
{
    static unsigned int counter;

    if (conn->is_pipe) {
        return xasprintf("unix#%u", ++counter);
    }

    struct ds s = DS_EMPTY_INITIALIZER;
    ds_put_format(&s, "%s:", conn->tls ? "ssl" : "tcp");
    ss_format_address(ss, &s);
    ds_put_format(&s, ":%"PRIu16, ss_get_port(ss));
    return ds_steal_cstr(&s);
}

/* Makes 'fd', which 'listener' has accepted from 'ss', a connection. */
static void
ofconn_accept(const struct ofconn_listener *listener, int fd,
              const struct sockaddr_storage *ss)
{
    struct ofconn *conn = xzalloc(sizeof *conn);
    struct ofconn_guest *excess;

    conn->user = listener->user;
    conn->is_pipe = listener->is_pipe;
    conn->tls = listener->is_tls ? ofconn_tls_create() : NULL;
    conn->name = ofconn_peer_name(conn, ss);
    conn->address = conn->is_pipe ? in6addr_any : ss_get_address(ss);
    ofpbuf_init(&conn->rx, 0);
    ofpbuf_init(&conn->tx, 0);
    ofpbuf_init(&conn->in_flight, 0);
    ovs_list_push_back(&ofconn_all, &conn->node);
    ovs_list_init(&conn->tx_node);
    ovs_list_init(&conn->rx_node);
    conn->last_rx = time_msec();
    ofconn_guest_add(&conn->guest, &conn->address, false, conn->last_rx);

    int error = ofconn_open(conn, fd);
    if (error) {
        ofconn_fail(conn, uv_strerror(error));
        return;
    }
    if (!conn->is_pipe) {
        uv_tcp_nodelay(&conn->h.tcp, 1);
    }
    ofconn_send(conn, ofputil_encode_hello(OFCONN_VERSIONS));
    excess = ofconn_guest_excess(&conn->guest);
    if (excess) {
        ofconn_fail(CONTAINER_OF(excess, struct ofconn, guest),
                    "too many connect that are no edges");
    }
}

/* Returns whether 'fd', the lowest that was free, is one of the last. */
static bool
ofconn_accept_is_last(int fd)
{
    struct rlimit r;

    return (!getrlimit(RLIMIT_NOFILE, &r) && r.rlim_cur != RLIM_INFINITY
            && fd + MIN(OFCONN_SPARE_FDS, r.rlim_cur / 8) >= r.rlim_cur);
}

/* Sends a guest away, if there is one. */
static bool
ofconn_accept_evict(const char *reason)
{
    struct ofconn_guest *guest = ofconn_guest_victim();

    if (guest) {
        ofconn_fail(CONTAINER_OF(guest, struct ofconn, guest), reason);
    }
    return guest != NULL;
}

/* There is no descriptor for one more connection, says 'error'. */
static void
ofconn_accept_pause(struct ofconn_listener *listener, int error)
{
    VLOG_WARN_RL(&none_rl, "%s: cannot accept connections (%s)",
                 listener->target, ovs_strerror(error));
    if (!ofconn_accept_evict("its file descriptor is needed")) {
        uv_poll_stop(&listener->poll);
        ovs_list_push_back(&paused, &listener->paused_node);
    }
}

/* Returns what to use instead of 'fd', a new connection, if that is one of the
 * last descriptors: that of a guest, or a negative number. */
static int
ofconn_accept_lower(struct ofconn_listener *listener, int fd)
{
    int lower = -1;

    if (!ofconn_accept_is_last(fd)) {
        return fd;
    }
    VLOG_WARN_RL(&few_rl, "%s: no file descriptors left for connections but "
                 "those that switches of ours have", listener->target);
    if (ofconn_accept_evict("its file descriptor is needed")) {
        lower = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    }
    close(fd);
    return lower;
}

static void
ofconn_accept_cb(uv_poll_t *poll, int status OVS_UNUSED,
                 int events OVS_UNUSED)
{
    struct ofconn_listener *listener = poll->data;

    for (int i = 0; i < OFCONN_ACCEPTS && !uv_is_closing(
             (uv_handle_t *) poll); i++) {
        struct sockaddr_storage ss = { .ss_family = AF_UNSPEC };
        socklen_t len = sizeof ss;
        int fd = accept4(listener->fd, (struct sockaddr *) &ss, &len,
                         SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd >= 0) {
            fd = ofconn_accept_lower(listener, fd);
            if (fd >= 0) {
                ofconn_accept(listener, fd, &ss);
            }
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return;
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS
                   || errno == ENOMEM) {
            ofconn_accept_pause(listener, errno);
            return;
        }
        /* Others are errors of a connection that has gone (accept(2)). */
    }
}

/* Lets connections in that come to 'listener->fd'.  Returns 0 or a negative
 * error of libuv. */
int
ofconn_accept_start(struct ofconn_listener *listener)
{
    int error = uv_poll_init(loop_uv(), &listener->poll, listener->fd);

    listener->poll.data = listener;
    ovs_list_init(&listener->paused_node);
    return error ? error : uv_poll_start(&listener->poll, UV_READABLE,
                                         ofconn_accept_cb);
}

void
ofconn_accept_stop(struct ofconn_listener *listener)
{
    ovs_list_remove(&listener->paused_node);
    ovs_list_init(&listener->paused_node);
    uv_poll_stop(&listener->poll);
}

/* Lets those try again that had to wait. */
void
ofconn_accept_again(void)
{
    struct ofconn_listener *listener;

    LIST_FOR_EACH_POP (listener, paused_node, &paused) {
        ovs_list_init(&listener->paused_node);
        uv_poll_start(&listener->poll, UV_READABLE, ofconn_accept_cb);
    }
}
