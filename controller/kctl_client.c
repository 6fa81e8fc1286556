/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* kakehashi-ctl, the client of the daemon. */

#include <config.h>

#include "controller/kctl_daemon.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "controller/kctl.h"
#include "controller/kctl_rpc.h"
#include "jsonrpc.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "svec.h"
#include "util.h"

/* How much later than the daemon the client gives up. */
#define GRACE_MSEC 2000

/* Connects to the daemon at 'path'.  Returns what is wrong, or NULL. */
static char *
connect_daemon(const char *path, bool from_env, long long int deadline,
               struct jsonrpc **rpcp)
{
    int error = kctl_rpc_open_control(path, deadline, rpcp);

    return (error
            ? xasprintf("%s: cannot connect to the daemon (%s): is it "
                        "running?%s", path, ovs_retval_to_string(error),
                        from_env ? "  Without "KCTL_DAEMON_ENV" in the "
                                   "environment none is used." : "")
            : NULL);
}

/* Takes the answer out of 'reply', which it frees.  Returns what is wrong, or
 * NULL. */
static char *
parse_reply(const char *path, struct jsonrpc_msg *reply, struct json **result)
{
    char *error = NULL;

    *result = NULL;
    if (reply->error) {
        struct ds s = DS_EMPTY_INITIALIZER;

        ds_put_cstr(&s, reply->error->type == JSON_STRING
                        ? json_string(reply->error) : "unknown error");
        ds_chomp(&s, '\n');
        error = ds_steal_cstr(&s);
    } else if (reply->result && reply->result->type == JSON_STRING) {
        *result = json_from_string(json_string(reply->result));
    }
    if (!error && (!*result || (*result)->type != JSON_OBJECT)) {
        error = xasprintf("%s: not the control socket of a kakehashi-ctl",
                          path);
    }
    jsonrpc_msg_destroy(reply);
    return error;
}

/* Calls the daemon, and puts the object that it answers with into '*result'.
 * Returns what is wrong, or NULL. */
static char *
call(const char *path, struct jsonrpc *rpc, const char *method,
     struct json *params, long long int deadline, struct json **result)
{
    struct jsonrpc_msg *reply;
    int error = kctl_rpc_call(rpc, method, params, deadline, &reply);

    *result = NULL;
    return (error == ETIMEDOUT
            ? xasprintf("timed out waiting for the daemon at %s", path)
            : error
            ? xasprintf("%s: lost the daemon (%s): what it has done is not "
                        "known", path, ovs_retval_to_string(error))
            : parse_reply(path, reply, result));
}

static void
print_result(const struct json *object, struct ds *copy)
{
    const struct json *output = kctl_member(object, "output", JSON_STRING);
    const struct json *errors = kctl_member(object, "errors", JSON_ARRAY);

    if (output && copy) {
        ds_put_cstr(copy, json_string(output));
    }
    if (output) {
        fputs(json_string(output), stdout);
        fflush(stdout);
    }
    for (size_t i = 0; errors && i < errors->array.n; i++) {
        const struct json *line = errors->array.elems[i];

        if (line->type == JSON_STRING) {
            ovs_error(0, "%s", json_string(line));
        }
    }
}

/* Has 'words' run, and prints what comes of it.  Returns what is wrong with
 * the daemon, or NULL. */
static char *
run(const char *path, struct jsonrpc *rpc, const struct svec *words,
    long long int deadline, int *status, struct ds *copy)
{
    struct json *params = json_array_create_empty();
    const char *method = "client/run";
    char *error = NULL;
    const char *word;
    size_t i;

    SVEC_FOR_EACH (i, word, words) {
        json_array_add(params, json_string_create(word));
    }
    while (params && !error) {
        struct json *result;

        error = call(path, rpc, method, params, deadline, &result);
        params = NULL;
        method = "client/more";
        if (!error) {
            const struct json *code = kctl_member(result, "status",
                                                   JSON_INTEGER);
            const struct json *id = kctl_member(result, "id", JSON_STRING);

            print_result(result, copy);
            if (code) {
                *status = json_integer(code);
            } else if (id) {
                params = json_array_create_1(json_clone(id));
            }
        }
        json_destroy(result);
    }
    return error;
}

int
kctl_client(const char *path, bool from_env, const struct svec *words,
            long long int deadline, struct ds *copy)
{
    struct jsonrpc *rpc;
    int status = EXIT_FAILURE;

    if (deadline != LLONG_MAX) {
        deadline += GRACE_MSEC;
    }

    char *error = connect_daemon(path, from_env, deadline, &rpc);
    if (!error) {
        error = run(path, rpc, words, deadline, &status, copy);
        jsonrpc_close(rpc);
    }
    if (error) {
        ovs_error(0, "%s", error);
        free(error);
    }
    return status;
}
