/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef TESTS_UNIT_OVSDBD_H
#define TESTS_UNIT_OVSDBD_H 1

/* OVSDB servers that say what a test wants, and a client of theirs.
 *
 * Server I listens on a Unix domain socket, for one client at a time.  It
 * answers nothing by itself but "set_db_change_aware" and which row of table
 * Kakehashi_Global it has.  JSON is written with
 * ' instead of ". */

#include <stdbool.h>

#define OVSDBD_MAX 2

struct json;
struct lead;
struct locks;

/* <table-updates> with a row of our database. */
#define OVSDBD_ROW(NAME, MODEL, CONNECTED, LEADER)                          \
    "{'Database':{'00000000-0000-0000-0000-000000000001':{'new':{"          \
    "'name':'" NAME "','model':'" MODEL "','connected':" #CONNECTED         \
    ",'leader':" #LEADER ",'cid':['uuid',"                                  \
    "'00000000-0000-0000-0000-00000000000c']}}}}"
#define OVSDBD_STANDALONE OVSDBD_ROW("Kakehashi", "standalone", true, true)
#define OVSDBD_LEADER OVSDBD_ROW("Kakehashi", "clustered", true, true)
#define OVSDBD_FOLLOWER OVSDBD_ROW("Kakehashi", "clustered", true, false)

/* Rows by which databases are told from one another. */
#define OVSDBD_GLOBAL "00000000-0000-0000-0000-0000000000aa"
#define OVSDBD_GLOBAL_2 "00000000-0000-0000-0000-0000000000bb"

#define OVSDBD_LOCKED "{'locked':true}"
#define OVSDBD_WAIT "{'locked':false}"

struct ovsdbd {
    char *path;
    struct pstream *listener;
    struct jsonrpc *rpc;        /* NULL if nobody is connected. */
};

struct ovsdbd_world {
    struct ovsdbd servers[OVSDBD_MAX];
    int n_servers;
    const char *global;         /* Row that all of them have, or NULL. */
    struct locks *locks;
    struct lead *lead;          /* Whose locks they are, or NULL. */
};

/* One server or more; returns what their client is to connect with. */
char *ovsdbd_listen(struct ovsdbd_world *, int n_servers, const char *prefix);

/* One server or more, and locks whose remotes they are, after 'prefix'. */
void ovsdbd_start(struct ovsdbd_world *, int n_servers, const char *prefix);
void ovsdbd_stop(struct ovsdbd_world *);

/* Waits for the next request to server 'i', and returns METHOD PARAMS and its
 * ID. */
char *ovsdbd_next(struct ovsdbd_world *, int i, struct json **id);

/* Waits for the next request to server 'i', which must be METHOD PARAMS, as in
 * "lock ['a']", and returns its ID, or NULL if the caller did not want it. */
struct json *ovsdbd_asked(struct ovsdbd_world *, int i, const char *request);
void ovsdbd_expect(struct ovsdbd_world *, int i, const char *request);

/* Waits for a client that asks what the server is, and returns its number or
 * tells it 'what'. */
int ovsdbd_met(struct ovsdbd_world *, struct json **id);
int ovsdbd_meet(struct ovsdbd_world *, const char *what);

/* What a server says.  These take the ID. */
void ovsdbd_reply(struct ovsdbd_world *, int i, struct json *id,
                  const char *result);
void ovsdbd_error(struct ovsdbd_world *, int i, struct json *id,
                  const char *error);
void ovsdbd_notify(struct ovsdbd_world *, int i, const char *method,
                   const char *params);
void ovsdbd_close(struct ovsdbd_world *, int i);

/* Waits until the client of server 'i' has taken in all that it was told, and
 * fails if it has asked for anything. */
void ovsdbd_sync(struct ovsdbd_world *, int i);

/* Waits until the client of server 'i' has left without a word. */
void ovsdbd_left(struct ovsdbd_world *, int i);

/* Fails unless exactly this has happened to the locks: "+a -b" is got a, lost
 * b.  The second has the client take in all it was told before. */
void ovsdbd_events(struct ovsdbd_world *, const char *expected);
void ovsdbd_sync_events(struct ovsdbd_world *, int i, const char *expected);

/* One standalone server, which has given lock "a". */
void ovsdbd_start_held(struct ovsdbd_world *);

#endif /* tests/unit/ovsdbd.h */
