/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "controller/ofconn_private.h"

#include <errno.h>
#include <unistd.h>
#include "controller/tls.h"
#include "openvswitch/vlog.h"
#include "socket-util.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(ofconn_listen);

/* Connections that wait in the kernel to be accepted. */
#define OFCONN_BACKLOG 1024

static void
ofconn_listener_closed_cb(uv_handle_t *handle)
{
    struct ofconn_listener *listener = handle->data;

    close(listener->fd);
    free(listener->target);
    free(listener);
}

void
ofconn_listener_close(struct ofconn_listener *listener)
{
    ofconn_accept_stop(listener);
    uv_close((uv_handle_t *) &listener->poll, ofconn_listener_closed_cb);
}

/* Returns a socket that listens on 'address', or a negative errno. */
static int
ofconn_bind(const char *address, bool is_pipe)
{
    int fd = (is_pipe ? make_unix_socket(SOCK_STREAM, true, address, NULL)
              : inet_open_passive(SOCK_STREAM, address, OFP_PORT, NULL, 0,
                                  true));

    if (fd >= 0 && listen(fd, OFCONN_BACKLOG)) {
        int error = errno;

        close(fd);
        return -error;
    }
    return fd;
}

/* Whether only this machine can connect to 'listener'. */
static bool
ofconn_is_local(const struct ofconn_listener *listener)
{
    struct sockaddr_storage ss;
    struct in6_addr ip;
    socklen_t len = sizeof ss;

    if (listener->is_pipe) {
        return true;
    }
    if (getsockname(listener->fd, (struct sockaddr *) &ss, &len)) {
        return false;
    }
    ip = ss_get_address(&ss);
    return (IN6_IS_ADDR_V4MAPPED(&ip) ? ip.s6_addr[12] == 127
            : IN6_IS_ADDR_LOOPBACK(&ip));
}

/* Says in the log that 'listener' listens, and if anybody may connect. */
static void
ofconn_tell(const struct ofconn_listener *listener)
{
    VLOG_INFO("%s: listening for OpenFlow connections", listener->target);
    if (!listener->is_tls && !ofconn_is_local(listener)) {
        VLOG_WARN("%s: without TLS, whoever reaches this address can be a "
                  "switch; pssl: asks for certificates", listener->target);
    }
}

/* Starts to listen on 'target' ("ptcp:[PORT][:IP]", "pssl:[PORT][:IP]" or
 * "punix:PATH") on behalf of 'user'.  Returns NULL, storing the listener into
 * '*listenerp', or an error that the caller frees. */
char *
ofconn_listen(const char *target, const struct ofconn_user *user,
              struct ofconn_listener **listenerp)
{
    bool is_pipe = !strncmp(target, "punix:", 6);
    bool is_tls = !strncmp(target, "pssl:", 5);

    if (!is_pipe && !is_tls && strncmp(target, "ptcp:", 5)) {
        return xasprintf("%s: not ptcp:[PORT][:IP], pssl:[PORT][:IP] or "
                         "punix:PATH", target);
    }
    if (is_tls && tls_server_lacks()) {
        return xasprintf("%s: needs %s", target, tls_server_lacks());
    }

    int fd = ofconn_bind(strchr(target, ':') + 1, is_pipe);
    if (fd < 0) {
        return xasprintf("%s: cannot listen (%s)", target, ovs_strerror(-fd));
    }

    struct ofconn_listener *listener = xzalloc(sizeof *listener);
    listener->fd = fd;
    listener->target = xstrdup(target);
    listener->is_pipe = is_pipe;
    listener->is_tls = is_tls;
    listener->user = user;
    int error = ofconn_accept_start(listener);
    if (error) {
        ofconn_listener_close(listener);
        return xasprintf("%s: cannot listen (%s)", target,
                         uv_strerror(error));
    }
    ofconn_start();
    *listenerp = listener;
    ofconn_tell(listener);
    return NULL;
}
