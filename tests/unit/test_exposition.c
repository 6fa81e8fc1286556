/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* Metrics as Prometheus reads them. */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>

#include "flows/exposition.h"

static void
write_all(struct exposition *e)
{
    exposition_family(e, EXPOSITION_GAUGE, "a_gauge", NULL,
                      "It has \"quotes\", a \\ and a\nline.");
    exposition_add(e, -1.5, NULL);
    exposition_family(e, EXPOSITION_COUNTER, "b_bytes", "bytes", "Bytes.");
    exposition_add(e, 9007199254740991.0, "name", "\"\\\n\u00fc{}", "x", "",
                   NULL);
    exposition_family(e, EXPOSITION_COUNTER, "none", NULL, "Without any.");
    exposition_family(e, EXPOSITION_SUMMARY, "c_seconds", "seconds", "Time.");
    exposition_add_summary(e, 0.25, 4, "edge", "e1", NULL);
}

static void
check(bool openmetrics, const char *expected)
{
    struct exposition e;

    exposition_init(&e, openmetrics);
    write_all(&e);
    char *text = exposition_finish(&e);
    assert_string_equal(text, expected);
    free(text);
}

static void
test_text(void **state OVS_UNUSED)
{
    check(false,
          "# HELP a_gauge It has \"quotes\", a \\\\ and a\\nline.\n"
          "# TYPE a_gauge gauge\n"
          "a_gauge -1.5\n"
          "# HELP b_bytes_total Bytes.\n"
          "# TYPE b_bytes_total counter\n"
          "b_bytes_total{name=\"\\\"\\\\\\n\u00fc{}\",x=\"\"} "
          "9007199254740991\n"
          "# HELP none_total Without any.\n"
          "# TYPE none_total counter\n"
          "# HELP c_seconds Time.\n"
          "# TYPE c_seconds summary\n"
          "c_seconds_sum{edge=\"e1\"} 0.25\n"
          "c_seconds_count{edge=\"e1\"} 4\n");
}

static void
test_openmetrics(void **state OVS_UNUSED)
{
    check(true,
          "# HELP a_gauge It has \\\"quotes\\\", a \\\\ and a\\nline.\n"
          "# TYPE a_gauge gauge\n"
          "a_gauge -1.5\n"
          "# HELP b_bytes Bytes.\n"
          "# TYPE b_bytes counter\n"
          "# UNIT b_bytes bytes\n"
          "b_bytes_total{name=\"\\\"\\\\\\n\u00fc{}\",x=\"\"} "
          "9007199254740991\n"
          "# HELP none Without any.\n"
          "# TYPE none counter\n"
          "# HELP c_seconds Time.\n"
          "# TYPE c_seconds summary\n"
          "# UNIT c_seconds seconds\n"
          "c_seconds_sum{edge=\"e1\"} 0.25\n"
          "c_seconds_count{edge=\"e1\"} 4\n"
          "# EOF\n");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_openmetrics),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
