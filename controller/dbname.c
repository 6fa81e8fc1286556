/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "controller/dbname.h"

#include <stdlib.h>
#include <sys/stat.h>
#include "dirs.h"
#include "util.h"

#define DBNAME_RUNDIR "/run/kakehashi"

/* Returns a remote, for the caller to free. */
char *
dbname_default(void)
{
    const char *env = getenv("KAKEHASHI_DB");
    const char *rundir = getenv("OVS_RUNDIR");
    struct stat st;

    if (env && env[0]) {
        return xstrdup(env);
    }
    if ((!rundir || !rundir[0]) && !stat(DBNAME_RUNDIR, &st)) {
        return xstrdup("unix:" DBNAME_RUNDIR "/db.sock");
    }
    return xasprintf("unix:%s/db.sock", ovs_rundir());
}
