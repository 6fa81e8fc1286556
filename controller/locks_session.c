/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "controller/locks_private.h"

#include <stdlib.h>
#include <string.h>
#include "jsonrpc.h"
#include "openvswitch/json.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/shash.h"
#include "openvswitch/vlog.h"
#include "timeval.h"
#include "util.h"
#include "uuid.h"

VLOG_DEFINE_THIS_MODULE(locks_session);

/* Who loses a server whose locks counted for so long, in milliseconds, tries
 * the others at once.  One that is lost sooner may do so again. */
#define LOCKS_SETTLED 1000

#define LOCKS_BATCH 50          /* Messages that locks_run() takes at most. */

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

/* Sets how long the server may be silent until it is asked whether it is
 * there; after as long again it is not.  A second at least. */
void
locks_set_probe(struct locks *locks, int msec)
{
    jsonrpc_session_set_probe_interval(locks->session, msec);
}

/* Sends a request, and returns its number, which no other has. */
long long
locks_send(struct locks *locks, const char *method, struct json *params)
{
    struct jsonrpc_msg *msg = jsonrpc_create_request(method, params, NULL);
    long long request = json_integer(msg->id);

    /* If it fails then the connection has ended, which is noticed soon. */
    jsonrpc_session_send(locks->session, msg);
    return request;
}

/* All that was held or on its way is lost with the connection. */
void
locks_lose(struct locks *locks)
{
    struct lock *lock;

    HMAP_FOR_EACH (lock, id_node, &locks->by_id) {
        locks_set(locks, lock, LOCK_IDLE);
    }
    if (locks->txn_request != LOCKS_NO_REQUEST) {
        locks->txn_request = LOCKS_NO_REQUEST;
        locks->outcome = LOCKS_UNKNOWN;
    }
    locks_server_clear(&locks->server);
    locks->global_request = LOCKS_NO_REQUEST;
    locks->differs_since = 0;
    locks->state = LOCKS_CONNECTING;
}

/* Goes on to the next remote, because of what 'why' says of this one.  That is
 * logged when it is news: where none is any good, all are tried for ever. */
static void
locks_leave(struct locks *locks, const char *why, enum vlog_level level)
{
    const char *name = jsonrpc_session_get_name(locks->session);

    if (!nullable_string_is_equal(smap_get(&locks->why_not, name), why)) {
        VLOG_RL(&rl, level, "%s: server %s; trying the next", name, why);
        smap_replace(&locks->why_not, name, why);
    }
    locks_lose(locks);
    jsonrpc_session_force_reconnect(locks->session);
}

/* The server has said 'msg', of which we cannot make any sense. */
static void
locks_reject(struct locks *locks, const struct jsonrpc_msg *msg)
{
    if (!VLOG_DROP_WARN(&rl)) {
        char *s = jsonrpc_msg_to_string(msg);

        VLOG_WARN("%s: unexpected message: %.500s",
                  jsonrpc_session_get_name(locks->session), s);
        free(s);
    }
    locks_leave(locks, "talks nonsense", VLL_INFO);
}

/* The server is the right one. */
static void
locks_begin(struct locks *locks)
{
    const char *name = jsonrpc_session_get_name(locks->session);
    struct lock *lock;

    VLOG_INFO("%s: asking this server for locks", name);
    smap_replace(&locks->why_not, name, LOCKS_SILENT);
    locks->state = LOCKS_READY;
    locks->ready_since = time_msec();
    locks->settled = false;

    /* Otherwise it would end the connection whenever a database is added or
     * its schema is changed. */
    locks_send(locks, "set_db_change_aware",
               json_array_create_1(json_boolean_create(true)));
    HMAP_FOR_EACH (lock, id_node, &locks->by_id) {
        locks_ask(locks, lock);
    }
}

/* Looks whether the server has the database that is meant. */
static void
locks_compare(struct locks *locks)
{
    if (locks->state < LOCKS_COMPARING
        || (locks->chooses && !(locks->knows && locks->server.told))) {
        return;
    }
    if (!locks->chooses
        || uuid_equals(&locks->server.global, &locks->database)) {
        locks->differs_since = 0;
        if (locks->state == LOCKS_COMPARING) {
            locks_begin(locks);
        }
    } else if (!locks->differs_since) {
        locks->differs_since = time_msec();
    } else if (time_msec() >= locks->differs_since + LOCKS_PATIENCE) {
        locks_leave(locks, "has not the database that the configuration is "
                    "from, but another one", VLL_WARN);
    }
}

/* The server has said what it is. */
static void
locks_judge(struct locks *locks)
{
    const char *why_not = locks_server_why_not(&locks->server);

    if (why_not) {
        locks_leave(locks, why_not, VLL_INFO);
    } else if (locks->state == LOCKS_ASKING) {
        locks->state = LOCKS_COMPARING;
        if (locks->chooses) {
            locks->global_request
                = locks_send(locks, "monitor",
                             locks_server_compose_global(locks->global_id));
        }
    }
}

/* Returns what 'result' says of a transaction of 'n_ops' operations, and
 * LOCKS_NONE if that is nothing that makes sense. */
static enum locks_outcome
locks_read_result(const struct json *result, size_t n_ops)
{
    size_t n_done = 0;

    if (result->type != JSON_ARRAY) {
        return LOCKS_NONE;
    }
    for (size_t i = 0; i < result->array.n; i++) {
        const struct json *op = result->array.elems[i];

        if (op->type == JSON_OBJECT) {
            if (shash_find(json_object(op), "error")) {
                return LOCKS_REFUSED;
            }
            n_done++;
        } else if (op->type != JSON_NULL) {
            return LOCKS_NONE;
        }
    }
    return (n_done == n_ops && result->array.n == n_ops
            ? LOCKS_DONE : LOCKS_NONE);
}

/* Returns false if it makes no sense; likewise below. */
static bool
locks_receive_lock(struct locks *locks, struct lock *lock,
                   const struct json *result)
{
    const struct json *locked = (result->type == JSON_OBJECT
                                 ? shash_find_data(json_object(result),
                                                   "locked")
                                 : NULL);

    if (!locked
        || (locked->type != JSON_TRUE && locked->type != JSON_FALSE)) {
        return false;
    }
    locks_set(locks, lock, json_boolean(locked) ? LOCK_HELD : LOCK_WAITING);
    return true;
}

static bool
locks_receive_reply(struct locks *locks, const struct jsonrpc_msg *msg)
{
    struct lock *lock;

    if (msg->id->type != JSON_INTEGER) {
        return false;
    }

    long long request = json_integer(msg->id);
    if (request == locks->txn_request) {
        enum locks_outcome outcome = locks_read_result(msg->result,
                                                       locks->n_ops);

        if (outcome == LOCKS_NONE) {
            return false;
        }
        locks->txn_request = LOCKS_NO_REQUEST;
        locks->outcome = outcome;
        locks->result = json_clone(msg->result);
    } else if (request == locks->monitor_request) {
        if (!locks_server_update(&locks->server, msg->result)) {
            return false;
        }
        locks_judge(locks);
    } else if (request == locks->global_request) {
        if (!locks_server_update(&locks->server, msg->result)) {
            return false;
        }
        locks->server.told = true;
    } else if ((lock = locks_find_asked(locks, request)) != NULL) {
        return locks_receive_lock(locks, lock, msg->result);
    }
    return true;
}

/* An error is a way to say that the outcome of a transaction is not known.
 * Nothing else that we ask for should fail: a server that does not know
 * database _Server, or refuses locks because it is a standby, is no good. */
static bool
locks_receive_error(struct locks *locks, const struct jsonrpc_msg *msg)
{
    if (locks->txn_request == LOCKS_NO_REQUEST
        || msg->id->type != JSON_INTEGER
        || json_integer(msg->id) != locks->txn_request) {
        return false;
    }
    locks->txn_request = LOCKS_NO_REQUEST;
    locks->outcome = LOCKS_UNKNOWN;
    return true;
}

static bool
locks_receive_update(struct locks *locks, const struct json_array *params)
{
    if (params->n != 2
        || (!json_equal(params->elems[0], locks->monitor_id)
            && !json_equal(params->elems[0], locks->global_id))
        || !locks_server_update(&locks->server, params->elems[1])) {
        return false;
    }
    locks_judge(locks);
    return true;
}

static bool
locks_receive_notify(struct locks *locks, const struct jsonrpc_msg *msg)
{
    const struct json_array *params = json_array(msg->params);
    bool locked = !strcmp(msg->method, "locked");

    if (!strcmp(msg->method, "update")) {
        return locks_receive_update(locks, params);
    } else if (!strcmp(msg->method, "monitor_canceled")) {
        return false;
    } else if (locked || !strcmp(msg->method, "stolen")) {
        struct lock *lock;

        if (params->n != 1 || params->elems[0]->type != JSON_STRING) {
            return false;
        }
        lock = locks_find(locks, json_string(params->elems[0]));
        if (lock && locked && lock->state == LOCK_WAITING) {
            locks_set(locks, lock, LOCK_HELD);
        } else if (lock && !locked && lock->state == LOCK_HELD) {
            locks_unask(locks, lock);
            locks_ask(locks, lock);
        }
    }
    return true;
}

static void
locks_receive(struct locks *locks, const struct jsonrpc_msg *msg)
{
    bool ok = (msg->type == JSONRPC_REPLY ? locks_receive_reply(locks, msg)
               : msg->type == JSONRPC_ERROR ? locks_receive_error(locks, msg)
               : msg->type == JSONRPC_NOTIFY ? locks_receive_notify(locks, msg)
               : true);

    if (!ok) {
        locks_reject(locks, msg);
    }
}

static void
locks_run_session(struct locks *locks)
{
    char *name = xstrdup(jsonrpc_session_get_name(locks->session));

    jsonrpc_session_run(locks->session);
    if (strcmp(name, jsonrpc_session_get_name(locks->session))) {
        if (!locks->answered) {
            smap_replace(&locks->why_not, name, LOCKS_SILENT);
        }
        locks->answered = false;
    }
    free(name);

    unsigned int seqno = jsonrpc_session_get_seqno(locks->session);
    if (seqno != locks->seqno) {
        locks->seqno = seqno;
        locks_lose(locks);
        if (jsonrpc_session_is_connected(locks->session)) {
            locks->answered = true;
            locks->state = LOCKS_ASKING;
            locks->monitor_request
                = locks_send(locks, "monitor",
                             locks_server_compose(locks->monitor_id));
        }
    }
}

void
locks_run(struct locks *locks)
{
    locks_run_session(locks);
    for (int i = 0; i < LOCKS_BATCH && locks->state != LOCKS_CONNECTING;
         i++) {
        struct jsonrpc_msg *msg = jsonrpc_session_recv(locks->session);

        if (!msg) {
            break;
        }
        locks_receive(locks, msg);
        jsonrpc_msg_destroy(msg);
    }
    if (jsonrpc_session_get_status(locks->session)) {
        /* Has just ended.  Whoever asks for what is held must not be told of
         * it a turn of the main loop later. */
        locks_run_session(locks);
    }
    locks_compare(locks);
    if (locks->state == LOCKS_READY && !locks->settled
        && time_msec() >= locks->ready_since + LOCKS_SETTLED) {
        locks->settled = true;
        jsonrpc_session_reset_backoff(locks->session);
    }
}

void
locks_wait(struct locks *locks)
{
    jsonrpc_session_wait(locks->session);
    jsonrpc_session_recv_wait(locks->session);
    if (locks->differs_since) {
        poll_timer_wait_until(locks->differs_since + LOCKS_PATIENCE);
    }
    if (!ovs_list_is_empty(&locks->events) || locks->outcome != LOCKS_NONE) {
        poll_immediate_wake();
    }
}
