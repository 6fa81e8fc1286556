/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "controller/dbname.h"
#include "util.h"

#define CID "cid:0c4e0d1a-5f4b-4b8e-9e8a-3f2f0a1b2c3d"

/* What is accepted, and in which order; or refused, and the word that is
 * wrong. */
static void
test_check(void **state OVS_UNUSED)
{
    static const struct {
        const char *db, *result, *error;
    } rows[] = {
        { "unix:/run/db.sock", "unix:/run/db.sock", NULL },
        { "tcp:[::1]:6641", "tcp:[::1]:6641", NULL },
        { "ssl:b:1,tcp:a:2", "ssl:b:1,tcp:a:2", NULL },
        { "tcp:b:1, tcp:a:2", "tcp:b:1, tcp:a:2", NULL },
        { "unix:/a,b,tcp:a:2", "unix:/a,b,tcp:a:2", NULL },
        { "tcp:b:1," CID ",tcp:a:2", CID ",tcp:a:2,tcp:b:1", NULL },
        { CID ",unix:/x", CID ",unix:/x", NULL },

        { "", NULL, "\"\":" },
        { ",", NULL, "\",\":" },
        { "foo", NULL, "\"foo\":" },
        { "tcp:a:1,", NULL, "\"tcp:a:1,\":" },
        { "tcp:a:1,,tcp:b:2", NULL, "\"tcp:a:1,\":" },
        { "tcp:a:1,foo:bar", NULL, "\"foo:bar\":" },
        { "tcp:a:1,cid:5", NULL, "\"cid:5\":" },
        { CID, NULL, "of which server?" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char *db = xstrdup(rows[i].db);
        char *error = dbname_check(&db);

        print_message("%s: %s\n", rows[i].db, error ? error : db);
        if (rows[i].error) {
            assert_non_null(error);
            assert_non_null(strstr(error, rows[i].error));
        } else {
            assert_null(error);
            assert_string_equal(db, rows[i].result);
        }
        free(error);
        free(db);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_check),
    };

    return cmocka_run_group_tests_name("dbname", tests, NULL, NULL);
}
