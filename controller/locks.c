/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "controller/locks_private.h"

#include <stdlib.h>
#include <string.h>
#include "hash.h"
#include "jsonrpc.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "openvswitch/vlog.h"
#include "ovsdb-parser.h"
#include "ovsdb-session.h"
#include "svec.h"
#include "util.h"
#include "uuid.h"

VLOG_DEFINE_THIS_MODULE(locks);

/* A cluster without a leader is asked who it is this often, in milliseconds.
 * It has a new one within a second or two. */
#define LOCKS_BACKOFF 1000

/* IDs of our monitors. */
#define LOCKS_MONITOR "locks"
#define LOCKS_MONITOR_GLOBAL "locks_global"

struct locks *
locks_create(const char *remotes)
{
    struct locks *locks = xzalloc(sizeof *locks);
    struct svec svec = SVEC_EMPTY_INITIALIZER;
    const char *remote;
    size_t i;

    ovsdb_session_parse_remote(remotes, &svec, &locks->server.cid);
    svec_shuffle(&svec);
    smap_init(&locks->why_not);
    SVEC_FOR_EACH (i, remote, &svec) {
        smap_replace(&locks->why_not, remote, LOCKS_SILENT);
    }
    locks->session = jsonrpc_session_open_multiple(&svec, true);
    svec_destroy(&svec);
    jsonrpc_session_set_max_backoff(locks->session, LOCKS_BACKOFF);
    locks_set_probe(locks, LOCKS_PROBE);

    locks->seqno = jsonrpc_session_get_seqno(locks->session);
    locks->monitor_id = json_string_create(LOCKS_MONITOR);
    locks->global_id = json_string_create(LOCKS_MONITOR_GLOBAL);
    hmap_init(&locks->by_id);
    hmap_init(&locks->by_request);
    ovs_list_init(&locks->events);
    locks->txn_request = locks->global_request = LOCKS_NO_REQUEST;
    return locks;
}

static void
locks_forget_event(struct locks_queued *queued)
{
    ovs_list_remove(&queued->node);
    free(queued->event.id);
    free(queued);
}

static void
locks_free_lock(struct locks *locks, struct lock *lock)
{
    hmap_remove(&locks->by_id, &lock->id_node);
    free(lock->id);
    free(lock);
}

/* Ends the connection, and thereby releases all locks. */
void
locks_destroy(struct locks *locks)
{
    struct locks_queued *queued;
    struct lock *lock;

    if (!locks) {
        return;
    }
    locks_lose(locks);
    HMAP_FOR_EACH_SAFE (lock, id_node, &locks->by_id) {
        locks_free_lock(locks, lock);
    }
    hmap_destroy(&locks->by_id);
    hmap_destroy(&locks->by_request);
    LIST_FOR_EACH_SAFE (queued, node, &locks->events) {
        locks_forget_event(queued);
    }
    json_destroy(locks->result);
    json_destroy(locks->monitor_id);
    json_destroy(locks->global_id);
    smap_destroy(&locks->why_not);
    jsonrpc_session_close(locks->session);
    free(locks);
}

void
locks_set_database(struct locks *locks, const struct uuid *global)
{
    locks->chooses = true;
    locks->knows = global != NULL;
    locks->database = global ? *global : UUID_ZERO;
}

bool
locks_has_server(const struct locks *locks)
{
    return locks->state >= LOCKS_COMPARING;
}

bool
locks_is_connected(const struct locks *locks)
{
    return locks->state == LOCKS_READY;
}

char *
locks_complaints(const struct locks *locks, bool *standby)
{
    const struct smap_node **nodes = smap_sort(&locks->why_not);
    struct ds s = DS_EMPTY_INITIALIZER;

    *standby = false;
    for (size_t i = 0; i < smap_count(&locks->why_not); i++) {
        ds_put_format(&s, "%s%s %s", i ? ", " : "", nodes[i]->key,
                      nodes[i]->value);
        *standby |= !strcmp(nodes[i]->value, LOCKS_STANDBY);
    }
    free(nodes);
    return ds_steal_cstr(&s);
}

/* Locks. */

struct lock *
locks_find(const struct locks *locks, const char *id)
{
    struct lock *lock;

    HMAP_FOR_EACH_WITH_HASH (lock, id_node, hash_string(id, 0),
                             &locks->by_id) {
        if (!strcmp(lock->id, id)) {
            return lock;
        }
    }
    return NULL;
}

struct lock *
locks_find_asked(const struct locks *locks, long long request)
{
    struct lock *lock;

    HMAP_FOR_EACH_WITH_HASH (lock, request_node, hash_uint64(request),
                             &locks->by_request) {
        if (lock->request == request) {
            return lock;
        }
    }
    return NULL;
}

/* The one place where the state of a lock changes. */
void
locks_set(struct locks *locks, struct lock *lock, enum lock_state state)
{
    bool held = state == LOCK_HELD;

    if (lock->state == LOCK_ASKED) {
        hmap_remove(&locks->by_request, &lock->request_node);
    }
    if (held != (lock->state == LOCK_HELD)) {
        struct locks_queued *queued = xmalloc(sizeof *queued);

        VLOG_DBG("%s %s", held ? "got" : "no longer have", lock->id);
        queued->event.id = xstrdup(lock->id);
        queued->event.held = held;
        ovs_list_push_back(&locks->events, &queued->node);
    }
    lock->state = state;
    if (state == LOCK_ASKED) {
        hmap_insert(&locks->by_request, &lock->request_node,
                    hash_uint64(lock->request));
    }
}

static struct json *
locks_params(const struct lock *lock)
{
    return json_array_create_1(json_string_create(lock->id));
}

/* Asks for 'lock', of which the server knows nothing. */
void
locks_ask(struct locks *locks, struct lock *lock)
{
    ovs_assert(lock->state == LOCK_IDLE);
    lock->request = locks_send(locks, "lock", locks_params(lock));
    locks_set(locks, lock, LOCK_ASKED);
}

/* Takes back what locks_ask() has asked for.  The server does not accept a
 * second "lock" without it.  Until it replies to the second, what it says is
 * about the first: replies are told by their numbers, and notifications count
 * for nothing before there is a reply. */
void
locks_unask(struct locks *locks, struct lock *lock)
{
    if (lock->state != LOCK_IDLE) {
        locks_send(locks, "unlock", locks_params(lock));
        locks_set(locks, lock, LOCK_IDLE);
    }
}

/* Asks for the lock 'id', now and whenever it is lost, until locks_drop(). */
void
locks_want(struct locks *locks, const char *id)
{
    struct lock *lock;

    ovs_assert(ovsdb_parser_is_id(id));
    if (locks_find(locks, id)) {
        return;
    }
    lock = xzalloc(sizeof *lock);
    lock->id = xstrdup(id);
    hmap_insert(&locks->by_id, &lock->id_node, hash_string(id, 0));
    if (locks->state == LOCKS_READY) {
        locks_ask(locks, lock);
    }
}

/* Releases the lock 'id', or stops waiting for it. */
void
locks_drop(struct locks *locks, const char *id)
{
    struct lock *lock = locks_find(locks, id);
    struct locks_queued *queued;

    if (!lock) {
        return;
    }
    locks_unask(locks, lock);
    LIST_FOR_EACH_SAFE (queued, node, &locks->events) {
        if (!strcmp(queued->event.id, lock->id)) {
            locks_forget_event(queued);
        }
    }
    locks_free_lock(locks, lock);
}

bool
locks_has(const struct locks *locks, const char *id)
{
    const struct lock *lock = locks_find(locks, id);

    return lock && lock->state == LOCK_HELD;
}

/* Returns true if somebody else has the lock: so said the server when it was
 * asked for it last. */
bool
locks_is_refused(const struct locks *locks, const char *id)
{
    const struct lock *lock = locks_find(locks, id);

    return lock && lock->state == LOCK_WAITING;
}

/* Stores the oldest event that has not been told yet in '*event', and returns
 * true, if there is one. */
bool
locks_next(struct locks *locks, struct locks_event *event)
{
    struct locks_queued *queued;

    if (ovs_list_is_empty(&locks->events)) {
        return false;
    }
    queued = CONTAINER_OF(ovs_list_pop_front(&locks->events),
                          struct locks_queued, node);
    *event = queued->event;
    free(queued);
    return true;
}

/* Transactions. */

/* Returns true if locks_transact() would send something. */
bool
locks_may_transact(const struct locks *locks)
{
    return (locks->state == LOCKS_READY
            && locks->txn_request == LOCKS_NO_REQUEST
            && locks->outcome == LOCKS_NONE);
}

/* Sends 'ops', an array of operations (RFC 7047, section 5.2) on our database,
 * which it takes.  Returns true if locks_transacted() will have an outcome. */
bool
locks_transact(struct locks *locks, struct json *ops)
{
    struct json *params;

    ovs_assert(ops->type == JSON_ARRAY);
    if (!locks_may_transact(locks)) {
        json_destroy(ops);
        return false;
    }
    locks->n_ops = ops->array.n;
    params = json_array_create_1(json_string_create(LOCKS_DATABASE));
    for (size_t i = 0; i < ops->array.n; i++) {
        json_array_add(params, json_clone(ops->array.elems[i]));
    }
    json_destroy(ops);
    locks->txn_request = locks_send(locks, "transact", params);
    return true;
}

/* Returns what has become of the transaction, once.  Stores the result of each
 * operation, as the server gives them, in '*result', an array that is the
 * caller's to destroy; and NULL if the server did not, that is, with
 * LOCKS_UNKNOWN or LOCKS_NONE. */
enum locks_outcome
locks_transacted(struct locks *locks, struct json **result)
{
    enum locks_outcome outcome = locks->outcome;

    *result = locks->result;
    locks->result = NULL;
    locks->outcome = LOCKS_NONE;
    return outcome;
}
