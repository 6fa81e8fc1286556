/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "ovsdbd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "controller/lead.h"
#include "controller/locks.h"
#include "jsonrpc.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "openvswitch/poll-loop.h"
#include "stream.h"
#include "timeval.h"
#include "util.h"

#define TIMEOUT 10000           /* Milliseconds. */

/* 'text' as JSON. */
static struct json *
parse(const char *text)
{
    char *copy = xstrdup(text);
    struct json *json;

    for (char *p = copy; *p; p++) {
        *p = *p == '\'' ? '"' : *p;
    }
    json = json_from_string(copy);
    free(copy);
    return json;
}

char *
ovsdbd_listen(struct ovsdbd_world *w, int n_servers, const char *prefix)
{
    struct ds remotes = DS_EMPTY_INITIALIZER;

    *w = (struct ovsdbd_world) { .n_servers = n_servers };
    ds_put_cstr(&remotes, prefix);
    for (int i = 0; i < n_servers; i++) {
        struct ovsdbd *server = &w->servers[i];
        char *target;

        server->path = xasprintf("/tmp/test-ovsdbd.%d.%d", getpid(), i);
        target = xasprintf("punix:%s", server->path);
        assert_int_equal(pstream_open(target, &server->listener, 0), 0);
        free(target);

        /* Named four times, because a client that has tried all its remotes
         * makes a break before it tries again. */
        for (int j = 0; j < 4; j++) {
            ds_put_format(&remotes, "unix:%s,", server->path);
        }
    }
    ds_chomp(&remotes, ',');
    return ds_steal_cstr(&remotes);
}

void
ovsdbd_start(struct ovsdbd_world *w, int n_servers, const char *prefix)
{
    char *remotes = ovsdbd_listen(w, n_servers, prefix);

    w->locks = locks_create(remotes);
    free(remotes);
}

void
ovsdbd_stop(struct ovsdbd_world *w)
{
    if (w->lead) {
        lead_destroy(w->lead);
    } else {
        locks_destroy(w->locks);
    }
    for (int i = 0; i < w->n_servers; i++) {
        jsonrpc_close(w->servers[i].rpc);
        pstream_close(w->servers[i].listener);
        free(w->servers[i].path);
    }
}

void
ovsdbd_close(struct ovsdbd_world *w, int i)
{
    jsonrpc_close(w->servers[i].rpc);
    w->servers[i].rpc = NULL;
}

static void
run(struct ovsdbd_world *w)
{
    if (w->lead) {
        lead_run(w->lead);
    } else {
        locks_run(w->locks);
    }
}

/* Answers 'msg', if it is one that the server answers by itself. */
static bool
answer(struct ovsdbd_world *w, int i, const struct jsonrpc_msg *msg)
{
    if (!msg->method) {
        return false;
    } else if (!strcmp(msg->method, "set_db_change_aware")) {
        ovsdbd_reply(w, i, json_clone(msg->id), "{}");
        return true;
    } else if (!strcmp(msg->method, "monitor")
               && !strcmp(json_string(json_array(msg->params)->elems[0]),
                          "Kakehashi")) {
        char *rows = (w->global
                      ? xasprintf("{'Kakehashi_Global':{'%s':{'new':{}}}}",
                                  w->global)
                      : xstrdup("{}"));

        ovsdbd_reply(w, i, json_clone(msg->id), rows);
        free(rows);
        return true;
    }
    return false;
}

/* Takes in what the client of server 'i' says, if anything. */
static struct jsonrpc_msg *
receive(struct ovsdbd_world *w, int i)
{
    struct ovsdbd *server = &w->servers[i];
    struct jsonrpc_msg *msg = NULL;

    if (!server->rpc) {
        struct stream *stream;

        if (pstream_accept(server->listener, &stream)) {
            return NULL;
        }
        server->rpc = jsonrpc_open(stream);
    }
    jsonrpc_run(server->rpc);
    int error = jsonrpc_recv(server->rpc, &msg);
    if (error && error != EAGAIN) {
        ovsdbd_close(w, i);
    } else if (msg && answer(w, i, msg)) {
        jsonrpc_msg_destroy(msg);
        msg = NULL;
    }
    return msg;
}

static void
sleep_until(struct ovsdbd_world *w, long long deadline)
{
    for (int i = 0; i < w->n_servers; i++) {
        struct ovsdbd *server = &w->servers[i];

        if (server->rpc) {
            jsonrpc_wait(server->rpc);
            jsonrpc_recv_wait(server->rpc);
        } else {
            pstream_wait(server->listener);
        }
    }
    if (w->lead) {
        lead_wait(w->lead);
    } else {
        locks_wait(w->locks);
    }
    poll_timer_wait_until(deadline);
    poll_block();
    assert_true(time_msec() < deadline);
}

static char *
request_to_string(const struct jsonrpc_msg *msg)
{
    char *params = msg->params ? json_to_string(msg->params, JSSF_SORT)
                   : NULL;
    char *s = xasprintf("%s %s", msg->method ? msg->method : "reply",
                        params ? params : "");

    for (char *p = s; *p; p++) {
        *p = *p == '"' ? '\'' : *p;
    }
    free(params);
    return s;
}

/* The next message to server 'i', or NULL if the client left instead. */
static struct jsonrpc_msg *
wait_for_message(struct ovsdbd_world *w, int i)
{
    long long deadline = time_msec() + TIMEOUT;

    for (;;) {
        bool was_connected = w->servers[i].rpc;
        struct jsonrpc_msg *msg;

        run(w);
        msg = receive(w, i);
        if (msg || (was_connected && !w->servers[i].rpc)) {
            return msg;
        }
        sleep_until(w, deadline);
    }
}

char *
ovsdbd_next(struct ovsdbd_world *w, int i, struct json **id)
{
    struct jsonrpc_msg *msg = wait_for_message(w, i);
    char *s;

    assert_non_null(msg);
    s = request_to_string(msg);
    *id = json_clone(msg->id);
    jsonrpc_msg_destroy(msg);
    return s;
}

struct json *
ovsdbd_asked(struct ovsdbd_world *w, int i, const char *request)
{
    struct json *id;
    char *s = ovsdbd_next(w, i, &id);

    assert_string_equal(s, request);
    free(s);
    return id;
}

void
ovsdbd_expect(struct ovsdbd_world *w, int i, const char *request)
{
    json_destroy(ovsdbd_asked(w, i, request));
}

int
ovsdbd_met(struct ovsdbd_world *w, struct json **id)
{
    long long deadline = time_msec() + TIMEOUT;

    for (;;) {
        run(w);
        for (int i = 0; i < w->n_servers; i++) {
            struct jsonrpc_msg *msg = receive(w, i);

            if (msg) {
                assert_string_equal(msg->method, "monitor");
                *id = json_clone(msg->id);
                jsonrpc_msg_destroy(msg);
                return i;
            }
        }
        sleep_until(w, deadline);
    }
}

int
ovsdbd_meet(struct ovsdbd_world *w, const char *what)
{
    struct json *id;
    int i = ovsdbd_met(w, &id);

    ovsdbd_reply(w, i, id, what);
    return i;
}

void
ovsdbd_reply(struct ovsdbd_world *w, int i, struct json *id,
             const char *result)
{
    jsonrpc_send(w->servers[i].rpc, jsonrpc_create_reply(parse(result), id));
    json_destroy(id);
}

void
ovsdbd_error(struct ovsdbd_world *w, int i, struct json *id,
             const char *error)
{
    jsonrpc_send(w->servers[i].rpc, jsonrpc_create_error(parse(error), id));
    json_destroy(id);
}

void
ovsdbd_notify(struct ovsdbd_world *w, int i, const char *method,
              const char *params)
{
    jsonrpc_send(w->servers[i].rpc,
                 jsonrpc_create_notify(method, parse(params)));
}

/* The client answers an "echo" only when it has read what was before. */
void
ovsdbd_sync(struct ovsdbd_world *w, int i)
{
    struct json *id;
    struct jsonrpc_msg *msg;

    jsonrpc_send(w->servers[i].rpc,
                 jsonrpc_create_request("echo", json_array_create_empty(),
                                        &id));
    msg = wait_for_message(w, i);
    assert_non_null(msg);
    if (msg->type != JSONRPC_REPLY || !json_equal(msg->id, id)) {
        char *s = request_to_string(msg);

        fail_msg("unexpected: %s", s);
        free(s);
    }
    jsonrpc_msg_destroy(msg);
    json_destroy(id);
}

void
ovsdbd_left(struct ovsdbd_world *w, int i)
{
    struct jsonrpc_msg *msg = wait_for_message(w, i);

    if (msg) {
        char *s = request_to_string(msg);

        fail_msg("unexpected: %s", s);
        free(s);
    }
}

/* Fails unless exactly this has happened: "+a -b" is got a, lost b. */
void
ovsdbd_events(struct ovsdbd_world *w, const char *expected)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    struct locks_event event;

    while (locks_next(w->locks, &event)) {
        ds_put_format(&s, "%s%c%s", s.length ? " " : "",
                      event.held ? '+' : '-', event.id);
        free(event.id);
    }
    assert_string_equal(ds_cstr(&s), expected);
    ds_destroy(&s);
}

/* The same, when the client has heard everything from server 'i'. */
void
ovsdbd_sync_events(struct ovsdbd_world *w, int i, const char *expected)
{
    ovsdbd_sync(w, i);
    ovsdbd_events(w, expected);
}

/* A world with one standalone server that has given lock "a". */
void
ovsdbd_start_held(struct ovsdbd_world *w)
{
    ovsdbd_start(w, 1, "");
    locks_want(w->locks, "a");
    ovsdbd_meet(w, OVSDBD_STANDALONE);
    ovsdbd_reply(w, 0, ovsdbd_asked(w, 0, "lock ['a']"), OVSDBD_LOCKED);
    ovsdbd_sync_events(w, 0, "+a");
    assert_true(locks_has(w->locks, "a"));
}
