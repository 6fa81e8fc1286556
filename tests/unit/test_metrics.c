/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* Where --metrics lets the controller listen. */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "controller/metrics.h"
#include "util.h"

static void
test_parse(void **state OVS_UNUSED)
{
    static const struct {
        const char *address, *target;   /* NULL: an error. */
    } rows[] = {
        { "9477", "9477:127.0.0.1" },
        { ":9477", "9477:127.0.0.1" },
        { "192.0.2.1:80", "80:192.0.2.1" },
        { "0.0.0.0:9477", "9477:0.0.0.0" },
        { "[::1]:9477", "9477:[::1]" },
        { "[::]:9477", "9477:[::]" },
        { "", NULL },
        { ":", NULL },
        { "0", NULL },
        { "65536", NULL },
        { "99999999999999999999", NULL },
        { "192.0.2.1", NULL },
        { "192.0.2.1:", NULL },
        { "192.0.2.256:80", NULL },
        { "[::1]", NULL },
        { "localhost:9477", NULL },
        { "9477:127.0.0.1", NULL },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char *target, *error = metrics_parse(rows[i].address, &target);

        if (!error != !!rows[i].target
            || (target && strcmp(target, rows[i].target))) {
            fail_msg("\"%s\": %s", rows[i].address, target ? target : error);
        }
        free(target);
        free(error);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
