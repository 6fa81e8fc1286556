/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "controller/ofconn_private.h"

#include <unistd.h>
#include "controller/tls.h"
#include "fatal-signal.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/vlog.h"
#include "socket-util.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(ofconn_listen);

static void
ofconn_listener_closed_cb(uv_handle_t *handle)
{
    struct ofconn_listener *listener = handle->data;

    free(listener->target);
    free(listener);
}

void
ofconn_listener_close(struct ofconn_listener *listener)
{
    uv_close(&listener->h.handle, ofconn_listener_closed_cb);
}

/* Returns a name for the peer of 'conn', which the caller frees. */
char *
ofconn_peer_name(const struct ofconn *conn)
{
    static unsigned int counter;

    if (conn->is_pipe) {
        return xasprintf("unix#%u", ++counter);
    }

    const char *type = conn->tls ? "ssl" : "tcp";
    struct sockaddr_storage ss;
    int len = sizeof ss;
    if (uv_tcp_getpeername(&conn->h.tcp, (struct sockaddr *) &ss, &len)) {
        return xasprintf("%s#%u", type, ++counter);
    }
    struct ds s = DS_EMPTY_INITIALIZER;
    ds_put_format(&s, "%s:", type);
    ss_format_address(&ss, &s);
    ds_put_format(&s, ":%"PRIu16, ss_get_port(&ss));
    return ds_steal_cstr(&s);
}

static int
ofconn_bind(struct ofconn_listener *listener, const char *address)
{
    if (listener->is_pipe) {
        /* What a predecessor that was killed left behind. */
        unlink(address);
        int error = uv_pipe_bind(&listener->h.pipe, address);
        if (!error) {
            fatal_signal_add_file_to_unlink(address);
        }
        return error;
    }

    struct sockaddr_storage ss;
    if (!inet_parse_passive(address, OFP_PORT, &ss, true, NULL)) {
        return UV_EINVAL;
    }
    return uv_tcp_bind(&listener->h.tcp, (struct sockaddr *) &ss, 0);
}

/* Whether only this machine can connect to 'listener'. */
static bool
ofconn_is_local(const struct ofconn_listener *listener)
{
    struct sockaddr_storage ss;
    struct in6_addr ip;
    int len = sizeof ss;

    if (listener->is_pipe) {
        return true;
    }
    if (uv_tcp_getsockname(&listener->h.tcp, (struct sockaddr *) &ss, &len)) {
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

    struct ofconn_listener *listener = xzalloc(sizeof *listener);
    listener->target = xstrdup(target);
    listener->is_pipe = is_pipe;
    listener->is_tls = is_tls;
    listener->user = user;
    int error = ofconn_init_handle(&listener->h, is_pipe, listener);
    if (!error) {
        error = ofconn_bind(listener, strchr(target, ':') + 1);
    }
    if (!error) {
        error = uv_listen(&listener->h.stream, 1024, ofconn_accept_cb);
    }
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
