/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_DBNAME_H
#define CONTROLLER_DBNAME_H 1

/* Where the database is if no option says so, for all our programs:
 *
 *     1. $KAKEHASHI_DB
 *     2. on a machine that runs the server of our units (docs/install.md), as
 *        the directory /run/kakehashi tells, its socket in there
 *     3. the socket of Open vSwitch's own server
 *
 * Who sets $OVS_RUNDIR means a directory of his own, so 2. is left out. */

#include <stdbool.h>

#include "compiler.h"

char *dbname_default(void) OVS_WARN_UNUSED_RESULT;

/* Is it 1.? */
bool dbname_is_set(void);

/* Several servers are separated by commas, and may be members of a cluster
 * that "cid:UUID" names.  Returns what is wrong with '*db', which the caller
 * frees, or NULL.  Puts '*db' in the order in which the library takes it. */
char *dbname_check(char **db) OVS_WARN_UNUSED_RESULT;

#endif /* controller/dbname.h */
