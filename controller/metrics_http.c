/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "controller/metrics_private.h"

#include <ctype.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <unistd.h>
#include "controller/loop.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "socket-util.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(metrics);

/* What those who ask may take from others. */
#define METRICS_CONNECTIONS 32
#define METRICS_PER_ADDRESS 16
#define METRICS_TIMEOUT 10      /* Seconds without a byte. */
#define METRICS_REQUEST 16384   /* Bytes of a request. */
#define METRICS_FRESH 1000      /* Milliseconds for which an answer is. */

#define METRICS_TEXT "text/plain; version=0.0.4; charset=utf-8"
#define METRICS_OPEN "application/openmetrics-text; version=1.0.0; " \
                     "charset=utf-8"

static struct metrics {
    struct agent *agent;
    size_t max_bindings;
    struct MHD_Daemon *daemon;
    uv_poll_t poll;
    uv_timer_t timer;

    /* The latest answers, by whether they are OpenMetrics. */
    struct metrics_answer {
        struct MHD_Response *response;
        long long at;
    } answers[2];
} metrics;

/* Answers. */

static struct MHD_Response *
metrics_make(const struct metrics *m, bool openmetrics)
{
    struct MHD_Response *response;
    struct exposition e;
    char *text;

    exposition_init(&e, openmetrics);
    metrics_write(m->agent, m->max_bindings, &e);
    text = exposition_finish(&e);
    response = MHD_create_response_from_buffer(strlen(text), text,
                                               MHD_RESPMEM_MUST_FREE);
    if (!response) {
        free(text);
        return NULL;
    }
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE,
                            openmetrics ? METRICS_OPEN : METRICS_TEXT);
    return response;
}

/* Returns the present answer, or NULL. */
static struct MHD_Response *
metrics_response(struct metrics *m, bool openmetrics)
{
    struct metrics_answer *answer = &m->answers[openmetrics];
    long long now = time_msec();

    if (!answer->response || now - answer->at >= METRICS_FRESH) {
        if (answer->response) {
            MHD_destroy_response(answer->response);
        }
        answer->response = metrics_make(m, openmetrics);
        answer->at = now;
    }
    return answer->response;
}

static enum MHD_Result
metrics_refuse(struct MHD_Connection *connection, unsigned int status,
               const char *why)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(
        strlen(why), CONST_CAST(char *, why), MHD_RESPMEM_PERSISTENT);
    enum MHD_Result result;

    if (!response) {
        return MHD_NO;
    }
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE,
                            "text/plain; charset=utf-8");
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED) {
        MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    }
    result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result
metrics_request(void *m, struct MHD_Connection *connection, const char *url,
                const char *method, const char *version OVS_UNUSED,
                const char *data OVS_UNUSED, size_t *size OVS_UNUSED,
                void **request)
{
    static bool seen;
    const char *accept = MHD_lookup_connection_value(
        connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT);
    struct MHD_Response *response;

    if (strcmp(url, "/metrics")) {
        return metrics_refuse(connection, MHD_HTTP_NOT_FOUND,
                              "There is /metrics.\n");
    } else if (strcmp(method, MHD_HTTP_METHOD_GET)
               && strcmp(method, MHD_HTTP_METHOD_HEAD)) {
        return metrics_refuse(connection, MHD_HTTP_METHOD_NOT_ALLOWED,
                              "There is GET, and HEAD.\n");
    } else if (!*request) {
        /* It has yet to end.  Answered now, it would end the connection. */
        *request = &seen;
        return MHD_YES;
    }
    response = metrics_response(m, accept && strstr(
                                    accept, "application/openmetrics-text"));
    return (response ? MHD_queue_response(connection, MHD_HTTP_OK, response)
            : MHD_NO);
}

/* The loop. */

static void metrics_timer_cb(uv_timer_t *);

/* Does what there is to be done for connections. */
static void
metrics_run(struct metrics *m)
{
    MHD_UNSIGNED_LONG_LONG timeout;

    MHD_run(m->daemon);
    if (MHD_get_timeout(m->daemon, &timeout) == MHD_YES) {
        uv_timer_start(&m->timer, metrics_timer_cb, timeout, 0);
    } else {
        uv_timer_stop(&m->timer);
    }
}

static void
metrics_timer_cb(uv_timer_t *timer)
{
    metrics_run(timer->data);
}

static void
metrics_poll_cb(uv_poll_t *poll, int status OVS_UNUSED,
                int events OVS_UNUSED)
{
    metrics_run(poll->data);
}

/* Where it listens. */

/* Stores into '*target' what inet_open_passive() wants to have for 'address',
 * "IP:PORT", ":PORT" or "PORT".  Returns NULL, or an error; either is to be
 * freed. */
char *
metrics_parse(const char *address, char **target)
{
    bool port_only = *address == ':'
                     || !address[strspn(address, "0123456789")];
    char *full = (port_only
                  ? xasprintf("127.0.0.1:%s", address + (*address == ':'))
                  : xstrdup(address));
    struct ds s = DS_EMPTY_INITIALIZER;
    struct sockaddr_storage ss;
    char *error = NULL;

    *target = NULL;
    if (!inet_parse_active(full, 0, &ss, false, NULL)
        || !ss_get_port(&ss)) {
        error = xasprintf("--metrics=%s: not IP:PORT or PORT", address);
    } else {
        ds_put_format(&s, "%"PRIu16":", ss_get_port(&ss));
        ss_format_address(&ss, &s);
        *target = ds_steal_cstr(&s);
    }
    free(full);
    return error;
}

/* Whether only this machine can connect to 'fd'. */
static bool
metrics_is_local(int fd)
{
    struct sockaddr_storage ss;
    struct in6_addr ip;
    socklen_t len = sizeof ss;

    if (getsockname(fd, (struct sockaddr *) &ss, &len)) {
        return false;
    }
    ip = ss_get_address(&ss);
    return (IN6_IS_ADDR_V4MAPPED(&ip) ? ip.s6_addr[12] == 127
            : IN6_IS_ADDR_LOOPBACK(&ip));
}

/* Starts to serve what is known of 'agent' on 'target' (metrics_parse()).
 * Returns NULL, or an error that the caller frees. */
char *
metrics_listen(struct agent *agent, const char *target, size_t max_bindings)
{
    struct metrics *m = &metrics;
    int fd = inet_open_passive(SOCK_STREAM, target, -1, NULL, 0, true);

    if (fd < 0) {
        return xasprintf("--metrics: cannot listen on %s (%s)", target,
                         ovs_strerror(-fd));
    }
    m->agent = agent;
    m->max_bindings = max_bindings;
    m->daemon = MHD_start_daemon(
        MHD_USE_EPOLL, 0, NULL, NULL,
        metrics_request, m, MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_CONNECTION_LIMIT, METRICS_CONNECTIONS,
        MHD_OPTION_PER_IP_CONNECTION_LIMIT, METRICS_PER_ADDRESS,
        MHD_OPTION_CONNECTION_TIMEOUT, METRICS_TIMEOUT,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t) METRICS_REQUEST,
        MHD_OPTION_END);
    if (!m->daemon) {
        close(fd);
        return xasprintf("--metrics: cannot serve HTTP on %s", target);
    }
    uv_poll_init(loop_uv(), &m->poll, MHD_get_daemon_info(
                     m->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd);
    uv_timer_init(loop_uv(), &m->timer);
    m->poll.data = m->timer.data = m;
    uv_poll_start(&m->poll, UV_READABLE, metrics_poll_cb);

    VLOG_INFO("listening for Prometheus on %s", target);
    if (!metrics_is_local(fd)) {
        VLOG_WARN("--metrics: whoever reaches this address can read what "
                  "there is of edges, segments and bindings, and how much "
                  "they are used");
    }
    return NULL;
}

void
metrics_stop(void)
{
    struct metrics *m = &metrics;

    if (!m->daemon) {
        return;
    }
    uv_close((uv_handle_t *) &m->poll, NULL);
    uv_close((uv_handle_t *) &m->timer, NULL);
    MHD_stop_daemon(m->daemon);
    m->daemon = NULL;
    for (int i = 0; i < ARRAY_SIZE(m->answers); i++) {
        if (m->answers[i].response) {
            MHD_destroy_response(m->answers[i].response);
            m->answers[i].response = NULL;
        }
    }
}
