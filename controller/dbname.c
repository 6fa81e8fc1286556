/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "controller/dbname.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "dirs.h"
#include "stream.h"
#include "svec.h"
#include "util.h"
#include "uuid.h"

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

/* Splits as ovsdb_session_parse_remote() does: the name of a socket may have a
 * comma in it. */
static void
dbname_split(const char *db, struct svec *parts)
{
    const char *start = db;

    for (const char *p = db; (p = strchr(p, ',')); p++) {
        const char *next = p + 1 + strspn(p + 1, " \t");
        size_t letters = strspn(next, "abcdefghijklmnopqrstuvwxyz");

        if (letters && next[letters] == ':') {
            svec_add_nocopy(parts, xmemdup0(start, p - start));
            start = next;
        }
    }
    svec_add(parts, start);
}

char *
dbname_check(char **db)
{
    struct svec parts = SVEC_EMPTY_INITIALIZER;
    char *error = NULL;
    const char *part;
    bool cid = false;
    size_t i;

    dbname_split(*db, &parts);
    SVEC_FOR_EACH (i, part, &parts) {
        struct uuid uuid;
        bool is_cid = !strncmp(part, "cid:", 4);

        cid |= is_cid;
        if (is_cid ? !uuid_from_string(&uuid, part + 4)
            : stream_verify_name(part) || string_ends_with(part, ",")) {
            error = xasprintf("\"%s\": not unix:FILE, tcp:IP:PORT, "
                              "ssl:IP:PORT or cid:UUID", part);
            break;
        }
    }
    if (!error && cid && parts.n == 1) {
        error = xasprintf("%s: of which server?", *db);
    } else if (!error && cid) {
        svec_sort(&parts);      /* The library asserts that. */
        free(*db);
        *db = svec_join(&parts, ",", "");
    }
    svec_destroy(&parts);
    return error;
}
