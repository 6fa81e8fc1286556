/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* Calls of a JSON-RPC server that block, but not for ever. */

#include <config.h>

#include "controller/kctl_rpc.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dirs.h"
#include "jsonrpc.h"
#include "openvswitch/json.h"
#include "openvswitch/poll-loop.h"
#include "packets.h"
#include "stream.h"
#include "svec.h"
#include "timeval.h"
#include "util.h"

/* How long to wait for a server that has no room for another connection. */
#define RETRY_MSEC 10

/* How long to wait for the controller. */
#define PATIENCE_MSEC 1000

static int
open_remote(const char *remote, long long int deadline, struct jsonrpc **rpcp)
{
    struct stream *stream;
    int error;

    for (;;) {
        long long int timeout = (deadline == LLONG_MAX ? -1
                                 : MAX(0, deadline - time_msec()));

        error = stream_open_block(jsonrpc_stream_open(remote, &stream,
                                                      DSCP_DEFAULT),
                                  timeout, &stream);
        if (error != EAGAIN || time_msec() >= deadline) {
            break;
        }

        /* A Unix domain socket to which many connect at once. */
        poll_timer_wait(RETRY_MSEC);
        poll_block();
    }

    *rpcp = error ? NULL : jsonrpc_open(stream);
    return error == EAGAIN ? ETIMEDOUT : error;
}

int
kctl_rpc_open_control(const char *path, long long int deadline,
                      struct jsonrpc **rpcp)
{
    char *file = abs_file_name(ovs_rundir(), path);
    char *remote = xasprintf("unix:%s", file);
    int error = open_remote(remote, deadline, rpcp);

    free(remote);
    free(file);
    return error;
}

int
kctl_rpc_call(struct jsonrpc *rpc, const char *method, struct json *params,
              long long int deadline, struct jsonrpc_msg **replyp)
{
    int error = jsonrpc_send(rpc, jsonrpc_create_request(method, params,
                                                         NULL));

    *replyp = NULL;
    while (!error) {
        struct jsonrpc_msg *msg;

        jsonrpc_run(rpc);
        error = jsonrpc_recv(rpc, &msg);
        if (!error) {
            if (msg->type == JSONRPC_REPLY || msg->type == JSONRPC_ERROR) {
                *replyp = msg;
                return 0;
            }
            jsonrpc_msg_destroy(msg);
        } else if (error == EAGAIN && time_msec() < deadline) {
            jsonrpc_wait(rpc);
            jsonrpc_recv_wait(rpc);
            poll_timer_wait_until(deadline);
            poll_block();
            error = 0;
        } else if (error == EAGAIN) {
            error = ETIMEDOUT;
        }
    }
    return error;
}

/* Where the controller's control socket is, or NULL. */
static char *
control_path(void)
{
    char *name = xasprintf("%s/kakehashi.pid", ovs_rundir());
    FILE *file = fopen(name, "r");
    char line[32];
    unsigned int pid;

    free(name);
    if (!file) {
        return NULL;
    }
    char *first = fgets(line, sizeof line, file);
    fclose(file);
    if (!first) {
        return NULL;
    }
    line[strcspn(line, "\n")] = '\0';
    return (str_to_uint(line, 10, &pid)
            ? xasprintf("%s/kakehashi.%u.ctl", ovs_rundir(), pid) : NULL);
}

struct json *
kctl_rpc_ask_controller(const char *command, const struct svec *words)
{
    long long int deadline = time_msec() + PATIENCE_MSEC;
    char *path = control_path();
    struct json *params, *answer = NULL;
    struct jsonrpc_msg *reply;
    struct jsonrpc *rpc;

    if (!path || kctl_rpc_open_control(path, deadline, &rpc)) {
        free(path);
        return NULL;
    }
    free(path);
    params = json_array_create_1(json_string_create("--format=json"));
    for (size_t i = 0; words && i < words->n; i++) {
        json_array_add(params, json_string_create(words->names[i]));
    }
    if (!kctl_rpc_call(rpc, command, params, deadline, &reply)) {
        if (reply->result && reply->result->type == JSON_STRING) {
            answer = json_from_string(json_string(reply->result));
        }
        jsonrpc_msg_destroy(reply);
    }
    jsonrpc_close(rpc);
    return answer;
}

const struct json *
kctl_member(const struct json *json, const char *name, enum json_type type)
{
    const struct json *value
        = (json && json->type == JSON_OBJECT
           ? shash_find_data(json_object(json), name) : NULL);

    return value && value->type == type ? value : NULL;
}
