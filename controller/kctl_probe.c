/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* Is there a server, and does it serve the database?
 *
 * The IDL waits for a database that a server does not have, since it might
 * come.  A person at a terminal wants to hear what to do instead, so the tool
 * asks the servers about the database first: all of them at once, because one
 * that is stopped accepts connections and never answers. */

#include <config.h>

#include "controller/kctl.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "controller/dbname.h"
#include "jsonrpc.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "openvswitch/poll-loop.h"
#include "ovsdb-session.h"
#include "packets.h"
#include "stream.h"
#include "svec.h"
#include "timeval.h"
#include "util.h"
#include "uuid.h"

/* How long a server may take to accept a connection and to answer; and, while
 * another one will do, one that stands before it in the list. */
#define PROBE_MSEC 5000
#define GRACE_MSEC 100

/* How long to wait for a server that has no room for another connection. */
#define ROOM_MSEC 10

/* How long a cluster may be without a leader, and how often its members are
 * asked meanwhile.  An election takes one or two seconds, unless its timer was
 * changed. */
#define ELECTION_MSEC 10000
#define MEMBER_RETRY_MSEC 200

/* How often --retry tries, and after how long to say that we wait. */
#define RETRY_MSEC 1000
#define PATIENCE_MSEC 5000

/* A server that is asked, once or again and again. */
struct server {
    const char *remote;
    bool asking;                /* From 'since' to 'deadline'... */
    long long int since;        /* ...or, if not yet, when to begin. */
    long long int deadline;
    struct stream *stream;      /* While it connects. */
    struct jsonrpc *rpc;        /* From then on. */

    /* The last answer. */
    bool good;
    char *problem;
    bool clustered;
};

static const char *
db_name(void)
{
    return kkrec_idl_class.database;
}

/* ---- One server. -------------------------------------------------------- */

static void
close_server(struct server *server)
{
    stream_close(server->stream);
    jsonrpc_close(server->rpc);
    server->stream = NULL;
    server->rpc = NULL;
}

/* The server will not do, or not now; takes 'problem'. */
static void
reject(struct server *server, char *problem)
{
    free(server->problem);
    server->problem = problem;
    server->asking = false;
    server->since = time_msec() + (server->clustered ? MEMBER_RETRY_MSEC
                                   : RETRY_MSEC);
    close_server(server);
}

static void
reject_connection(struct server *server, int error)
{
    reject(server, xasprintf("database connection failed (%s)",
                             ovs_retval_to_string(error)));
}

/* The question: what does the database about databases say of ours? */
static struct json *
question(void)
{
    struct json *op = json_object_create();
    struct json *columns = json_array_create_empty();

    json_array_add(columns, json_string_create("model"));
    json_array_add(columns, json_string_create("connected"));
    json_array_add(columns, json_string_create("leader"));
    json_object_put_string(op, "op", "select");
    json_object_put_string(op, "table", "Database");
    json_object_put(op, "columns", columns);
    json_object_put(op, "where", json_array_create_1(json_array_create_3(
        json_string_create("name"), json_string_create("=="),
        json_string_create(db_name()))));
    return json_array_create_2(json_string_create("_Server"), op);
}

/* Returns the row of our database in the answer to question(), or NULL. */
static const struct json *
find_row(const struct jsonrpc_msg *reply)
{
    const struct json *value = reply->result;

    if (reply->type != JSONRPC_REPLY || !value || value->type != JSON_ARRAY
        || value->array.n != 1
        || value->array.elems[0]->type != JSON_OBJECT) {
        return NULL;
    }
    value = shash_find_data(json_object(value->array.elems[0]), "rows");
    return (value && value->type == JSON_ARRAY && value->array.n == 1
            && value->array.elems[0]->type == JSON_OBJECT
            ? value->array.elems[0] : NULL);
}

static bool
is_true(const struct json *row, const char *column)
{
    const struct json *value = shash_find_data(json_object(row), column);

    return value && value->type == JSON_TRUE;
}

static void
judge(struct server *server, const struct jsonrpc_msg *reply, bool leader_only)
{
    const struct json *row = find_row(reply);
    const struct json *value = row ? shash_find_data(json_object(row), "model")
                                   : NULL;
    const char *model = value && value->type == JSON_STRING
                        ? json_string(value) : "";

    server->clustered = !strcmp(model, "clustered");
    if (!row) {
        reject(server, xasprintf("the server does not serve the database "
                                 "\"%s\"", db_name()));
    } else if (!is_true(row, "connected")) {
        reject(server, xstrdup(server->clustered
                               ? "cut off from the rest of its cluster"
                               : "cut off from the server that it relays"));
    } else if (leader_only && !strcmp(model, "relay")) {
        reject(server, xstrdup("a relay, which needs --no-leader-only"));
    } else if (leader_only && server->clustered && !is_true(row, "leader")) {
        reject(server, xstrdup("not the leader of its cluster"));
    } else {
        server->good = true;
        server->asking = false;
        close_server(server);
    }
}

/* Returns 0, EAGAIN or what went wrong. */
static int
connect_server(struct server *server)
{
    if (!server->stream) {
        int error = jsonrpc_stream_open(server->remote, &server->stream,
                                        DSCP_DEFAULT);
        if (error) {
            /* EAGAIN: a Unix domain socket to which many connect at once. */
            server->since = time_msec() + ROOM_MSEC;
            return error;
        }
    }
    stream_run(server->stream);

    int error = stream_connect(server->stream);
    if (!error) {
        server->rpc = jsonrpc_open(server->stream);
        server->stream = NULL;
        error = jsonrpc_send(server->rpc, jsonrpc_create_request(
                                 "transact", question(), NULL));
    }
    return error;
}

/* Asks, if it is time to, and takes the answer. */
static void
run_server(struct server *server, bool leader_only)
{
    struct jsonrpc_msg *msg = NULL;
    int error = 0;

    if (time_msec() < server->since) {
        return;
    }
    if (!server->asking) {
        server->asking = true;
        server->deadline = time_msec() + PROBE_MSEC;
    }
    if (!server->rpc) {
        error = connect_server(server);
    }
    if (server->rpc && !error) {
        jsonrpc_run(server->rpc);
        error = jsonrpc_recv(server->rpc, &msg);
    }
    if (msg && (msg->type == JSONRPC_REPLY || msg->type == JSONRPC_ERROR)) {
        judge(server, msg, leader_only);
    } else if (error && error != EAGAIN) {
        reject_connection(server, error);
    } else if (time_msec() >= server->deadline) {
        reject_connection(server, ETIMEDOUT);
    }
    jsonrpc_msg_destroy(msg);
}

static void
wait_for_server(const struct server *server)
{
    if (server->rpc) {
        jsonrpc_wait(server->rpc);
        jsonrpc_recv_wait(server->rpc);
    } else if (server->stream) {
        stream_run_wait(server->stream);
        stream_connect_wait(server->stream);
    } else {
        poll_timer_wait_until(server->since);
    }
    if (server->asking) {
        poll_timer_wait_until(server->deadline);
    }
}

/* ---- All servers. ------------------------------------------------------- */

struct servers {
    const struct kctl_config *config;
    struct server *all;
    size_t n;
    long long int start;
    long long int patience;     /* When to tell that it still waits. */
    long long int grace;        /* When to take one that is not the first. */
};

/* Is there a cluster that may just be electing a leader? */
static bool
elects(const struct servers *s)
{
    bool clustered = false;

    for (size_t i = 0; i < s->n; i++) {
        clustered = clustered || s->all[i].clustered;
    }
    return clustered && time_msec() < s->start + ELECTION_MSEC;
}

/* Does what can be done now.  Returns true if that is all: then '*goodp' is
 * the server to use, or NULL. */
static bool
run_servers(struct servers *s, const struct server **goodp)
{
    bool again = s->config->retry || elects(s);
    bool asking = false;

    *goodp = NULL;
    for (size_t i = 0; i < s->n && !*goodp; i++) {
        struct server *server = &s->all[i];

        if (server->asking || !server->problem || again) {
            run_server(server, s->config->leader_only);
        }
        if (server->good) {
            *goodp = server;
            s->grace = MIN(s->grace, time_msec() + GRACE_MSEC);
        } else {
            asking = asking || server->asking || !server->problem;
        }
    }
    if (*goodp) {
        return !asking || time_msec() >= s->grace;
    }
    again = s->config->retry || elects(s);
    return !again && (!asking || time_msec() >= s->start + ELECTION_MSEC);
}

static void
wait_for_servers(const struct servers *s)
{
    bool elects_now = elects(s);
    bool again = s->config->retry || elects_now;

    for (size_t i = 0; i < s->n; i++) {
        const struct server *server = &s->all[i];

        if (!server->good && (server->asking || !server->problem || again)) {
            wait_for_server(server);
        }
    }
    if (elects_now) {
        poll_timer_wait_until(s->start + ELECTION_MSEC);
    }
    poll_timer_wait_until(MIN(s->grace, MIN(s->patience,
                                            s->config->deadline)));
}

/* Asks all servers until one will do.  Returns it, or NULL if none does and
 * that is not to be waited for. */
static const struct server *
find_server(struct servers *s)
{
    const struct server *good;

    while (!run_servers(s, &good) && time_msec() < s->config->deadline) {
        if (time_msec() >= s->patience) {
            ovs_error(0, "still waiting for the database server");
            s->patience = LLONG_MAX;
        }
        wait_for_servers(s);
        poll_block();
    }
    for (size_t i = 0; i < s->n; i++) {
        if (!good && s->all[i].asking && !s->all[i].problem) {
            reject_connection(&s->all[i], ETIMEDOUT);
        }
        close_server(&s->all[i]);
    }
    return good;
}

/* Says what is wrong with each server, and exits. */
OVS_NO_RETURN static void
unreachable(const struct servers *servers)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    bool clustered = false;

    for (size_t i = 0; i < servers->n; i++) {
        const struct server *server = &servers->all[i];

        ds_put_format(&s, "%s%s: %s", i ? "; " : "", server->remote,
                      server->problem);
        clustered = clustered || server->clustered;
    }
    if (!servers->n) {
        ds_put_format(&s, "%s: not the address of a server",
                      servers->config->db);
    }

    /* ctl_fatal() would exit before the advice, which is of no use where there
     * is a cluster, or to who has a database elsewhere. */
    ovs_error(0, "%s", ds_cstr(&s));
    ds_destroy(&s);
    if (!clustered && servers->config->is_default) {
        fputs(kctl_serving_advice(), stderr);
    }
    exit(EXIT_FAILURE);
}

/* The remotes as one word, 'first' before the others; but if there is a
 * cluster's ID, in the only order in which the library takes that. */
static char *
join_remotes(const struct svec *remotes, const char *first,
             const struct uuid *cid)
{
    struct svec parts = SVEC_EMPTY_INITIALIZER;
    const char *remote;
    size_t i;

    svec_add(&parts, first);
    SVEC_FOR_EACH (i, remote, remotes) {
        if (strcmp(remote, first)) {
            svec_add(&parts, remote);
        }
    }
    if (!uuid_is_zero(cid)) {
        svec_add_nocopy(&parts, xasprintf("cid:"UUID_FMT, UUID_ARGS(cid)));
        svec_sort(&parts);
    }

    char *joined = svec_join(&parts, ",", "");
    svec_destroy(&parts);
    return joined;
}

/* The remotes of 'config' as the library takes them, for the caller to free.
 * Exits if they are none. */
static char *
checked_db(const struct kctl_config *config)
{
    char *db = xstrdup(config->db);
    char *error = dbname_check(&db);

    if (error) {
        ctl_fatal("%s: %s", db, error);
    }
    return db;
}

char *
kctl_probe(const struct kctl_config *config, bool *clustered)
{
    struct svec remotes = SVEC_EMPTY_INITIALIZER;
    struct uuid cid = UUID_ZERO;

    char *db = checked_db(config);

    ovsdb_session_parse_remote(db, &remotes, &cid);
    free(db);
    if (config->shuffle) {
        svec_shuffle(&remotes);
    }
    struct servers s = {
        .config = config,
        .all = xcalloc(remotes.n, sizeof *s.all),
        .n = remotes.n,
        .start = time_msec(),
        .patience = time_msec() + PATIENCE_MSEC,
        .grace = LLONG_MAX,
    };
    for (size_t i = 0; i < s.n; i++) {
        s.all[i].remote = remotes.names[i];
    }

    const struct server *good = find_server(&s);
    if (!good && config->retry) {
        ctl_fatal("timed out waiting for the database server");
    } else if (!good) {
        unreachable(&s);
    }
    *clustered = good->clustered;
    char *joined = join_remotes(&remotes, good->remote, &cid);

    for (size_t i = 0; i < s.n; i++) {
        free(s.all[i].problem);
    }
    free(s.all);
    svec_destroy(&remotes);
    return joined;
}

struct ovsdb_idl *
kctl_connect(const struct kctl_config *config, const char *probed,
             bool reconnect)
{
    struct ovsdb_idl *idl = ovsdb_idl_create_unconnected(&kkrec_idl_class,
                                                         true);

    ovsdb_idl_set_shuffle_remotes(idl, config->shuffle && !probed);
    char *db = probed ? xstrdup(probed) : checked_db(config);
    ovsdb_idl_set_remote(idl, db, reconnect);
    free(db);
    ovsdb_idl_set_leader_only(idl, config->leader_only);
    ovsdb_idl_set_db_change_aware(idl, false);
    return idl;
}
