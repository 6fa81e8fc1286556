/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_LOCKS_PRIVATE_H
#define CONTROLLER_LOCKS_PRIVATE_H 1

/* What the files of controller/locks.h share among themselves.
 *
 *   locks.c          which locks are wanted, what has become of each
 *   locks_session.c  which server is asked, what it says
 *
 * Locks are asked for in state LOCKS_READY only.  In any other all of them are
 * LOCK_IDLE, and no transaction is on its way. */

#include "controller/locks.h"
#include "controller/locks_server.h"
#include "openvswitch/hmap.h"
#include "openvswitch/list.h"
#include "smap.h"

#define LOCKS_NO_REQUEST -1     /* Requests are numbered from 0. */

#define LOCKS_SILENT "does not answer"

/* A lock that is wanted. */
enum lock_state {
    LOCK_IDLE,                  /* The server does not know. */
    LOCK_ASKED,                 /* Has yet to reply. */
    LOCK_WAITING,               /* Somebody else has it. */
    LOCK_HELD
};

struct lock {
    struct hmap_node id_node;   /* In 'by_id'. */
    struct hmap_node request_node;  /* In 'by_request', if LOCK_ASKED. */
    char *id;
    enum lock_state state;
    long long request;          /* If LOCK_ASKED. */
};

struct locks_queued {
    struct ovs_list node;
    struct locks_event event;
};

enum locks_state {
    LOCKS_CONNECTING,           /* There is no server, or it is being left. */
    LOCKS_ASKING,               /* What the server is. */
    LOCKS_COMPARING,            /* Its locks count: for our database? */
    LOCKS_READY                 /* They do. */
};

struct locks {
    struct jsonrpc_session *session;
    unsigned int seqno;         /* Of 'session', when last looked at. */
    enum locks_state state;
    struct locks_server server;
    struct json *monitor_id, *global_id;
    long long monitor_request, global_request;
    long long ready_since;
    bool settled;               /* Ready for long enough. */

    bool chooses;               /* Only this database will do... */
    bool knows;                 /* ...once it is known. */
    struct uuid database;
    long long differs_since;    /* The server's from it, or 0. */

    struct smap why_not;        /* What is wrong with each remote, by name. */
    bool answered;              /* The one that is tried. */

    struct hmap by_id, by_request;
    struct ovs_list events;     /* Of struct locks_queued. */

    long long txn_request;      /* Or LOCKS_NO_REQUEST. */
    size_t n_ops;
    enum locks_outcome outcome; /* Of the last transaction, not yet told. */
    struct json *result;
};

/* locks.c. */
struct lock *locks_find(const struct locks *, const char *id);
struct lock *locks_find_asked(const struct locks *, long long request);
void locks_set(struct locks *, struct lock *, enum lock_state);
void locks_ask(struct locks *, struct lock *);
void locks_unask(struct locks *, struct lock *);

/* locks_session.c. */
long long locks_send(struct locks *, const char *method, struct json *params);
void locks_lose(struct locks *);

#endif /* controller/locks_private.h */
