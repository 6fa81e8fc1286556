/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* Is there a server, and does it serve the database?
 *
 * The IDL waits for a database that a server does not have, since it might
 * come.  A person at a terminal wants to hear what to do instead, so the tool
 * asks for the list of databases first. */

#include <config.h>

#include "controller/kctl.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "controller/kctl_rpc.h"
#include "dirs.h"
#include "jsonrpc.h"
#include "openvswitch/json.h"
#include "openvswitch/poll-loop.h"
#include "ovsdb-session.h"
#include "svec.h"
#include "timeval.h"
#include "util.h"
#include "uuid.h"

/* How long a server may take to accept a connection and to answer. */
#define PROBE_MSEC 5000

/* How often --retry tries, and after how long to say that it does. */
#define RETRY_MSEC 1000
#define PATIENCE_MSEC 5000

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
    struct jsonrpc *rpc;

    int error = kctl_rpc_open(remote, deadline, &rpc);
    if (!error) {
        error = kctl_rpc_call(rpc, "list_dbs", json_array_create_empty(),
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

/* Waits until 'until', but not beyond the deadline.  Says once on stderr that
 * the program is waiting, from 'patience' on. */
static void
pause_until(const struct kctl_config *config, long long int until,
            long long int *patience)
{
    do {
        poll_timer_wait_until(MIN(until, config->deadline));
        poll_block();
        if (time_msec() >= config->deadline) {
            ctl_fatal("timed out waiting for the database server");
        }
    } while (time_msec() < until);

    if (time_msec() >= *patience) {
        ovs_error(0, "still waiting for the database server");
        *patience = LLONG_MAX;
    }
}

void
kctl_probe(const struct kctl_config *config)
{
    long long int patience = time_msec() + PATIENCE_MSEC;
    char *problem;

    while ((problem = probe(config))) {
        if (!config->retry) {
            kctl_unreachable(config, problem);
        }
        free(problem);
        pause_until(config, time_msec() + RETRY_MSEC, &patience);
    }
}

struct ovsdb_idl *
kctl_connect(const struct kctl_config *config, bool reconnect)
{
    struct ovsdb_idl *idl = ovsdb_idl_create_unconnected(&kkrec_idl_class,
                                                         true);

    ovsdb_idl_set_remote(idl, config->db, reconnect);
    ovsdb_idl_set_leader_only(idl, config->leader_only);
    ovsdb_idl_set_db_change_aware(idl, false);
    return idl;
}
