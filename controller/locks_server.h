/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_LOCKS_SERVER_H
#define CONTROLLER_LOCKS_SERVER_H 1

/* What an OVSDB server says of itself, and whether its locks count.
 *
 * Every server of a cluster has locks of its own, so those of the cluster's
 * leader are the ones that all have to agree on.  Who it is each server says
 * in table Database of its database _Server (ovsdb/_server.ovsschema of Open
 * vSwitch).  A standalone server is always right; one that has no database of
 * ours, or passes on another's (a relay), never is.
 *
 * This knows no connection: it makes the parameters of a "monitor" request
 * and reads what comes back, which it does not trust. */

#include <stdbool.h>
#include "openvswitch/uuid.h"

struct json;

#define LOCKS_DATABASE "Kakehashi"
#define LOCKS_STANDBY "does not lead its cluster"

struct locks_server {
    struct uuid cid;            /* The cluster's, if not zero: any other's
                                 * database is not ours. */
    bool present;               /* It has our database, in this row... */
    struct uuid row;
    bool standalone, clustered;
    bool connected, leader;     /* ...of which this matters in a cluster. */
    bool told;                  /* What 'global' is. */
    struct uuid global;         /* The row of table Kakehashi_Global, which
                                 * tells databases from one another; zero if
                                 * it has none. */
};

void locks_server_clear(struct locks_server *);
struct json *locks_server_compose(const struct json *monitor_id);
struct json *locks_server_compose_global(const struct json *monitor_id);
bool locks_server_update(struct locks_server *, const struct json *updates);
const char *locks_server_why_not(const struct locks_server *);

#endif /* controller/locks_server.h */
