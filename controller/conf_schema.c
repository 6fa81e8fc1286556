/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "controller/conf_private.h"

#include "conf-idl.h"
#include "jsonrpc.h"
#include "openvswitch/json.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/shash.h"
#include "openvswitch/vlog.h"
#include "ovsdb-data.h"
#include "ovsdb-error.h"
#include "ovsdb-idl-provider.h"
#include "ovsdb-session.h"
#include "svec.h"
#include "timeval.h"
#include "util.h"
#include "uuid.h"

VLOG_DEFINE_THIS_MODULE(conf_schema);

/* How long a server may take to say what its schema is, in milliseconds, and
 * how long we wait before we ask again if it was of no use. */
#define CONF_SCHEMA_RETRY 1000

/* Returns what hangs on 'key' in 'json', or NULL if there is no such thing. */
static const struct json *
conf_schema_get(const struct json *json, const char *key)
{
    return (json && json->type == JSON_OBJECT
            ? shash_find_data(json_object(json), key) : NULL);
}

/* Whether values of type 'theirs' can be read as those of 'ours'.  What a
 * column refers to, and which of the values of its type it can have, does not
 * matter: what makes no sense is an error of its row. */
static bool
conf_schema_can_read(const struct ovsdb_type *ours,
                     const struct ovsdb_type *theirs)
{
    return (ours->key.type == theirs->key.type
            && ours->value.type == theirs->value.type
            && theirs->n_min >= ours->n_min && theirs->n_max <= ours->n_max);
}

static char *
conf_schema_check_column(const char *table, const struct ovsdb_idl_column *c,
                         const struct json *schema)
{
    const struct json *json = conf_schema_get(schema, "type");
    struct ovsdb_type theirs;
    struct ovsdb_error *error;
    char *misfit = NULL;

    if (!json) {
        return xasprintf("table %s has no column %s", table, c->name);
    }
    error = ovsdb_type_from_json(&theirs, json);
    if (error) {
        ovsdb_error_destroy(error);
        return xasprintf("column %s of table %s has a type that is unknown",
                         c->name, table);
    }
    if (!conf_schema_can_read(&c->type, &theirs)) {
        char *have = ovsdb_type_to_english(&theirs);
        char *want = ovsdb_type_to_english(&c->type);

        misfit = xasprintf("column %s of table %s has type %s, not %s",
                           c->name, table, have, want);
        free(have);
        free(want);
    }
    ovsdb_type_destroy(&theirs);
    return misfit;
}

/* Returns what keeps us from using a database with 'schema', or NULL.  It may
 * have more tables and columns than we know. */
static char *
conf_schema_check(const struct json *schema)
{
    const struct json *tables = conf_schema_get(schema, "tables");

    for (size_t i = 0; i < confrec_idl_class.n_tables; i++) {
        const struct ovsdb_idl_table_class *t = &confrec_idl_class.tables[i];
        const struct json *table = conf_schema_get(tables, t->name);
        const struct json *columns = conf_schema_get(table, "columns");

        if (!table) {
            return xasprintf("it has no table %s", t->name);
        }
        for (size_t j = 0; j < t->n_columns; j++) {
            const struct ovsdb_idl_column *c = &t->columns[j];
            char *misfit = conf_schema_check_column(
                t->name, c, conf_schema_get(columns, c->name));

            if (misfit) {
                return misfit;
            }
        }
    }
    return NULL;
}

/* Ends the question. */
void
conf_schema_stop(struct conf *conf)
{
    if (conf->schema_rpc) {
        jsonrpc_session_close(conf->schema_rpc);
        conf->schema_rpc = NULL;
    }
    json_destroy(conf->schema_id);
    conf->schema_id = NULL;
    conf->schema_asking = false;
}

/* Asks the database for its schema, which may not be what it was. */
void
conf_schema_ask(struct conf *conf)
{
    if (!conf->schema_rpc) {
        struct svec remotes = SVEC_EMPTY_INITIALIZER;
        struct svec turned = SVEC_EMPTY_INITIALIZER;
        struct uuid cid;

        ovsdb_session_parse_remote(conf->remote, &remotes, &cid);
        for (size_t i = 0; i < remotes.n; i++) {
            svec_add(&turned, remotes.names[(conf->schema_turn + i)
                                            % remotes.n]);
        }
        conf->schema_rpc = jsonrpc_session_open_multiple(&turned, true);
        svec_destroy(&turned);
        svec_destroy(&remotes);
    }
    conf->schema_asking = true;
    conf->schema_seqno = 0;     /* Yet to be sent. */
    conf->schema_at = time_msec() + CONF_SCHEMA_RETRY;
}

/* Takes the answer. */
static void
conf_schema_answered(struct conf *conf, const struct json *schema)
{
    char *misfit = conf_schema_check(schema);

    if (misfit && !nullable_string_is_equal(misfit, conf->misfit)) {
        VLOG_ERR("%s: the schema of the database does not fit this program, "
                 "version %s: %s; until it does, what is in force stays",
                 conf->remote, KAKEHASHI_VERSION, misfit);
    } else if (!misfit && conf->misfit) {
        VLOG_INFO("%s: the schema of the database fits again", conf->remote);
    }
    free(conf->misfit);
    conf->misfit = misfit;
    conf->schema_asking = false;
    conf->schema_at = time_msec() + CONF_SCHEMA_RETRY;
    if (!misfit) {
        conf_schema_stop(conf);
    }
}

/* Whether the schema fits, as far as is known. */
bool
conf_schema_fits(const struct conf *conf)
{
    return !conf->schema_asking && !conf->misfit;
}

/* Goes on with the question, which is asked over and over while the schema
 * does not fit. */
void
conf_schema_run(struct conf *conf)
{
    struct jsonrpc_session *s = conf->schema_rpc;
    struct jsonrpc_msg *msg;

    if (!s) {
        return;
    }
    jsonrpc_session_run(s);
    if (conf->schema_asking && jsonrpc_session_is_connected(s)
        && jsonrpc_session_get_seqno(s) != conf->schema_seqno) {
        struct jsonrpc_msg *request = jsonrpc_create_request(
            "get_schema", json_array_create_1(json_string_create(
                              confrec_idl_class.database)), NULL);

        json_destroy(conf->schema_id);
        conf->schema_id = json_clone(request->id);
        conf->schema_seqno = jsonrpc_session_get_seqno(s);
        jsonrpc_session_send(s, request);
    }
    msg = jsonrpc_session_recv(s);
    if (msg && msg->type == JSONRPC_REPLY && conf->schema_asking
        && conf->schema_id && json_equal(msg->id, conf->schema_id)) {
        conf_schema_answered(conf, msg->result);
    } else if (time_msec() >= conf->schema_at) {
        if (conf->schema_asking) {
            /* A server that hangs is connected, and never answers. */
            conf->schema_turn++;
            conf_schema_stop(conf);
        }
        conf_schema_ask(conf);
    }
    jsonrpc_msg_destroy(msg);
}

void
conf_schema_wait(struct conf *conf)
{
    if (conf->schema_rpc) {
        jsonrpc_session_wait(conf->schema_rpc);
        jsonrpc_session_recv_wait(conf->schema_rpc);
        poll_timer_wait_until(conf->schema_at);
    }
}
