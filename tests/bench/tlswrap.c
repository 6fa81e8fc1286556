/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* Gives connections TLS, for programs that speak none:
 *
 *     tlswrap SOCKET ADDRESS PORT KEY CERTIFICATE
 *
 * Each connection to the Unix socket SOCKET is continued to PORT of the IPv4
 * ADDRESS.  Whom it meets there is not verified. */

#include <config.h>

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fatal-signal.h"
#include "socket-util.h"
#include "util.h"

#define WRAP_MAX 1024           /* Connections. */

/* One direction. */
struct wrap_way {
    uint8_t bytes[64 * 1024];
    size_t start, end;
};

struct wrap {
    int plain, wire;
    SSL *ssl;
    struct wrap_way up, down;   /* To the wire, from it. */
};

static void
wrap_accept(struct wrap *w, int listener, SSL_CTX *ctx,
            const struct sockaddr_in *sin)
{
    w->plain = accept(listener, NULL, NULL);
    w->wire = socket(AF_INET, SOCK_STREAM, 0);
    if (w->plain < 0 || connect(w->wire, (struct sockaddr *) sin,
                                sizeof *sin)) {
        ovs_fatal(errno, "cannot connect");
    }
    setsockopt_tcp_nodelay(w->wire);
    set_nonblocking(w->plain);
    set_nonblocking(w->wire);
    w->ssl = SSL_new(ctx);
    SSL_set_fd(w->ssl, w->wire);
    SSL_set_connect_state(w->ssl);
}

static void
wrap_close(struct wrap *w)
{
    SSL_free(w->ssl);
    close(w->plain);
    close(w->wire);
    free(w);
}

/* Returns 'n', or 0 if that is an error which says to try again. */
static ssize_t
wrap_plain_result(ssize_t n)
{
    return n < 0 && errno == EAGAIN ? 0 : n ? n : -1;
}

static ssize_t
wrap_tls_result(const struct wrap *w, int n)
{
    int error = n > 0 ? SSL_ERROR_NONE : SSL_get_error(w->ssl, n);

    return (error == SSL_ERROR_NONE ? n
            : error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE
            ? 0 : -1);
}

/* Moves what can be moved.  Returns false if 'w' has ended. */
static bool
wrap_run(struct wrap *w)
{
    struct wrap_way *up = &w->up, *down = &w->down;
    ssize_t in, out;

    do {
        in = out = 0;
        if (up->start == up->end) {
            up->start = up->end = 0;
            in = wrap_plain_result(read(w->plain, up->bytes,
                                        sizeof up->bytes));
            up->end += MAX(in, 0);
        }
        if (up->start < up->end) {
            out = wrap_tls_result(w, SSL_write(w->ssl, up->bytes + up->start,
                                               up->end - up->start));
            up->start += MAX(out, 0);
        }
        if (in < 0 || out < 0) {
            return false;
        }
        if (down->start == down->end) {
            down->start = down->end = 0;
            in = wrap_tls_result(w, SSL_read(w->ssl, down->bytes,
                                             sizeof down->bytes));
            down->end += MAX(in, 0);
        }
        if (down->start < down->end) {
            ssize_t n = wrap_plain_result(write(w->plain,
                                                down->bytes + down->start,
                                                down->end - down->start));
            down->start += MAX(n, 0);
            out = n < 0 ? n : MAX(out, n);
        }
        if (in < 0 || out < 0) {
            return false;
        }
    } while (out > 0);
    return true;
}

static void
wrap_poll(int listener, struct wrap *wraps[], size_t n)
{
    static struct pollfd fds[1 + 2 * WRAP_MAX];

    fds[0] = (struct pollfd) { .fd = listener, .events = POLLIN };
    for (size_t i = 0; i < n; i++) {
        const struct wrap *w = wraps[i];
        bool up = w->up.start < w->up.end, down = w->down.start < w->down.end;

        fds[1 + 2 * i] = (struct pollfd) {
            .fd = w->plain,
            .events = (up ? 0 : POLLIN) | (down ? POLLOUT : 0),
        };
        fds[2 + 2 * i] = (struct pollfd) {
            .fd = w->wire,
            .events = (down ? 0 : POLLIN)
                      | (up && SSL_want_write(w->ssl) ? POLLOUT : 0),
        };
    }
    poll(fds, 1 + 2 * n, -1);
}

int
main(int argc, char *argv[])
{
    static struct wrap *wraps[WRAP_MAX];
    struct sockaddr_in sin = { .sin_family = AF_INET };
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    size_t n = 0;

    set_program_name(argv[0]);
    fatal_ignore_sigpipe();
    if (argc != 6 || !inet_aton(argv[2], &sin.sin_addr)) {
        ovs_fatal(0, "usage: %s SOCKET ADDRESS PORT KEY CERTIFICATE",
                  argv[0]);
    }
    sin.sin_port = htons(atoi(argv[3]));
    if (SSL_CTX_use_PrivateKey_file(ctx, argv[4], SSL_FILETYPE_PEM) != 1
        || SSL_CTX_use_certificate_file(ctx, argv[5],
                                        SSL_FILETYPE_PEM) != 1) {
        ovs_fatal(0, "%s, %s: no key and certificate", argv[4], argv[5]);
    }
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE
                     | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);

    int listener = make_unix_socket(SOCK_STREAM, true, argv[1], NULL);
    if (listener < 0 || listen(listener, WRAP_MAX)) {
        ovs_fatal(errno, "%s: cannot listen", argv[1]);
    }
    for (;;) {
        struct pollfd fd = { .fd = listener, .events = POLLIN };

        wrap_poll(listener, wraps, n);
        if (n < WRAP_MAX && poll(&fd, 1, 0) > 0) {
            wraps[n] = xzalloc(sizeof **wraps);
            wrap_accept(wraps[n++], listener, ctx, &sin);
        }
        for (size_t i = 0; i < n; ) {
            if (wrap_run(wraps[i])) {
                i++;
            } else {
                wrap_close(wraps[i]);
                wraps[i] = wraps[--n];
            }
        }
    }
}
