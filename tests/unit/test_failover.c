/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* Every view of three edges, and of fewer, held against the rules of
 * flows/failover.h, which are written down here in another way. */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <limits.h>

#include "flows/failover.h"
#include "util.h"

static void
test_rows(void **state OVS_UNUSED)
{
    static const struct row {
        const char *what;
        struct failover_edge edges[2];
        int active, remembered;
        long long now;
        int elected;
        long long retry;
    } rows[] = {
        { "nobody is there", {{ 0, 0 }, { 0, 0 }}, -1, -1, 0,
          -1, LLONG_MAX },
        { "the first to come", {{ 0, 0 }, { 1, 0 }}, -1, -1, 0,
          1, LLONG_MAX },
        { "the more preferred", {{ 1, 0 }, { 1, 0 }}, -1, -1, 0,
          0, LLONG_MAX },
        { "who forwards already", {{ 1, 0 }, { 1, 1 }}, -1, 0, 0,
          1, LLONG_MAX },
        { "who is active stays, even if it has gone",
          {{ 1, 1 }, { 0, 0 }}, 1, 0, 0, 1, LLONG_MAX },
        { "who is remembered", {{ 1, 0 }, { 1, 0 }}, -1, 1, 0,
          1, LLONG_MAX },
        { "who is remembered is waited for", {{ 1, 0 }, { 0, 0 }}, -1, 1,
          999, -1, FAILOVER_GRACE },
        { "but not for ever", {{ 1, 0 }, { 0, 0 }}, -1, 1,
          FAILOVER_GRACE, 0, LLONG_MAX },
        { "a gate that was open, of an edge that has gone",
          {{ 1, 0 }, { 0, 1 }}, -1, -1, 0, 0, LLONG_MAX },
        { "nobody to replace who is remembered", {{ 0, 0 }, { 0, 0 }}, -1, 1,
          FAILOVER_GRACE, -1, LLONG_MAX },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const struct row *r = &rows[i];
        struct failover_view view = { r->edges, 2, r->active, r->remembered,
                                      0 };
        long long retry;
        int elected = failover_elect(&view, r->now, &retry);

        if (elected != r->elected || retry != r->retry) {
            fail_msg("%s: edge %d, retry %lld; not edge %d, retry %lld",
                     r->what, elected, retry, r->elected, r->retry);
        }
    }
}

/* What goes for every view. */
static void
check_view(const struct failover_view *view, long long now)
{
    const struct failover_edge *e = view->edges;
    long long retry;
    int elected = failover_elect(view, now, &retry);
    bool any_open = false, any_ready = false;

    for (size_t i = 0; i < view->n; i++) {
        any_ready |= e[i].ready;
        any_open |= e[i].ready && e[i].gate_open;
    }

    assert_true(elected >= -1 && elected < (int) view->n);
    if (view->active >= 0) {
        assert_int_equal(elected, view->active);
    } else if (elected >= 0) {
        assert_true(e[elected].ready);
        assert_true(e[elected].gate_open || !any_open);
        assert_int_equal(retry, LLONG_MAX);
    } else {
        /* There is a reason to wait, and an end of it. */
        assert_true(!any_ready || (view->remembered >= 0
                                   && !e[view->remembered].ready
                                   && !any_open));
        assert_true(any_ready ? retry > now : retry == LLONG_MAX);
    }
}

static void
test_every_view(void **state OVS_UNUSED)
{
    static const long long times[] = {
        500, 500 + FAILOVER_GRACE - 1, 500 + FAILOVER_GRACE,
        500 + 2 * FAILOVER_GRACE,
    };
    int n_views = 0;

    for (int n = 0; n <= 3; n++) {
        for (int bits = 0; bits < 1 << 2 * n; bits++) {
            struct failover_edge edges[3];

            for (int i = 0; i < n; i++) {
                edges[i].ready = bits >> 2 * i & 1;
                edges[i].gate_open = bits >> (2 * i + 1) & 1;
            }
            for (int active = -1; active < n; active++) {
                for (int remembered = -1; remembered < n; remembered++) {
                    for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
                        check_view(&(struct failover_view) {
                            edges, n, active, remembered, 500 }, times[i]);
                        n_views++;
                    }
                }
            }
        }
    }
    assert_int_equal(n_views, 4 * (1 + 4 * 4 + 16 * 9 + 64 * 16));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_every_view),
    };

    return cmocka_run_group_tests_name("failover", tests, NULL, NULL);
}
