/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* Is there a server, and does it serve the database?
 *
 * The IDL waits for a database that a server does not have, since it might
 * come.  A person at a terminal wants to hear what to do instead, so the tool
 * asks for the list of databases first. */

#include <config.h>

#include "controller/kctl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dirs.h"
#include "jsonrpc.h"
#include "openvswitch/json.h"
#include "openvswitch/poll-loop.h"
#include "ovsdb-session.h"
#include "stream.h"
#include "svec.h"
#include "timeval.h"
#include "util.h"
#include "uuid.h"

/* How long a server may take to accept a connection and to answer. */
#define PROBE_MSEC 5000

/* How often --retry tries. */
#define RETRY_MSEC 1000

static const char *
db_name(void)
{
    return kkrec_idl_class.database;
}

const char *
kctl_serving_advice(void)
{
    static char *advice;

    if (!advice) {
        const char *schema = KAKEHASHI_PKGDATADIR"/kakehashi.ovsschema";
        const char *etc = ovs_dbdir();
        const char *run = ovs_rundir();

        advice = xasprintf("\
The configuration is kept in a database of its own, \"%s\".  To create it:\n\
    ovsdb-tool create %s/kakehashi.db %s\n\
To serve it from the ovsdb-server that runs already:\n\
    ovs-appctl -t ovsdb-server ovsdb-server/add-db %s/kakehashi.db\n\
Or from an ovsdb-server of its own:\n\
    ovsdb-server --detach --no-chdir --pidfile=kakehashi-db.pid \\\n\
        --unixctl=%s/kakehashi-db.ctl --log-file=%s/kakehashi-db.log \\\n\
        --remote=punix:%s/kakehashi-db.sock %s/kakehashi.db\n\
    export KAKEHASHI_DB=unix:%s/kakehashi-db.sock\n",
                           db_name(), etc, schema, etc, run, ovs_logdir(),
                           run, etc, run);
    }
    return advice;
}

void
kctl_unreachable(const struct kctl_config *config, const char *reason)
{
    /* ctl_fatal() would exit before the advice. */
    ovs_error(0, "%s: %s", config->db, reason);
    fputs(kctl_serving_advice(), stderr);
    exit(EXIT_FAILURE);
}

/* Waits for the reply to 'request', which it takes, until 'deadline'.  Returns
 * a positive errno value if none came. */
static int
transact(struct jsonrpc *rpc, struct jsonrpc_msg *request,
         long long int deadline, struct jsonrpc_msg **replyp)
{
    int error = jsonrpc_send(rpc, request);

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

static bool
has_database(const struct jsonrpc_msg *reply)
{
    const struct json *dbs = reply->result;

    if (reply->type != JSONRPC_REPLY || !dbs || dbs->type != JSON_ARRAY) {
        return false;
    }
    for (size_t i = 0; i < dbs->array.n; i++) {
        const struct json *name = dbs->array.elems[i];

        if (name->type == JSON_STRING && !strcmp(name->string, db_name())) {
            return true;
        }
    }
    return false;
}

/* Asks the server at 'remote'.  Returns NULL if it serves the database,
 * otherwise what is wrong, for the caller to free. */
static char *
probe_remote(const char *remote, long long int deadline)
{
    struct jsonrpc_msg *reply = NULL;
    struct stream *stream;

    int error = stream_open_block(jsonrpc_stream_open(remote, &stream,
                                                      DSCP_DEFAULT),
                                  MAX(0, deadline - time_msec()), &stream);
    if (!error) {
        struct jsonrpc *rpc = jsonrpc_open(stream);
        struct json *no_params = json_array_create_empty();

        error = transact(rpc, jsonrpc_create_request("list_dbs", no_params,
                                                     NULL),
                         deadline, &reply);
        jsonrpc_close(rpc);
    }
    if (error) {
        return xasprintf("database connection failed (%s)",
                         ovs_retval_to_string(error));
    }

    bool served = has_database(reply);
    jsonrpc_msg_destroy(reply);
    return served ? NULL : xasprintf("the server does not serve the database "
                                     "\"%s\"", db_name());
}

/* Asks the servers in turn until one serves the database.  Returns NULL if
 * there is one, otherwise what is wrong with the last one. */
static char *
probe(const struct kctl_config *config)
{
    struct svec remotes = SVEC_EMPTY_INITIALIZER;
    struct uuid cid = UUID_ZERO;
    const char *remote;
    size_t i;

    ovsdb_session_parse_remote(config->db, &remotes, &cid);
    char *problem = remotes.n ? NULL : xstrdup("not the address of a server");
    SVEC_FOR_EACH (i, remote, &remotes) {
        long long int deadline = time_msec() + PROBE_MSEC;

        free(problem);
        problem = probe_remote(remote, MIN(deadline, config->deadline));
        if (!problem) {
            break;
        }
    }
    svec_destroy(&remotes);
    return problem;
}

void
kctl_probe(const struct kctl_config *config)
{
    char *problem;

    while ((problem = probe(config))) {
        if (!config->retry) {
            kctl_unreachable(config, problem);
        }
        free(problem);

        long long int next = time_msec() + RETRY_MSEC;
        while (time_msec() < next) {
            poll_timer_wait_until(next);
            kctl_block(config, "the database server");
        }
    }
}
