/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "controller/dbname.h"

#include <stdlib.h>
#include <sys/stat.h>
#include "dirs.h"
#include "util.h"

#define DBNAME_ENV "KAKEHASHI_DB"
#define DBNAME_RUNDIR "/run/kakehashi"

bool
dbname_is_set(void)
{
    const char *env = getenv(DBNAME_ENV);

    return env && env[0];
}

/* Returns a remote, for the caller to free. */
char *
dbname_default(void)
{
    const char *rundir = getenv("OVS_RUNDIR");
    struct stat st;

    if (dbname_is_set()) {
        return xstrdup(getenv(DBNAME_ENV));
    }
    if ((!rundir || !rundir[0]) && !stat(DBNAME_RUNDIR, &st)) {
        return xstrdup("unix:" DBNAME_RUNDIR "/db.sock");
    }
    return xasprintf("unix:%s/db.sock", ovs_rundir());
}
