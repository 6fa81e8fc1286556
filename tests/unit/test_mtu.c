/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "flows/mtu.h"
#include "util.h"

/* Searches a path that carries 'mtu', and loses the first 'lost' probes of
 * each size; how many probes that took, and milliseconds. */
static int
search_path(struct mtu_search *search, bool exact, uint16_t mtu,
            unsigned int lost, long long *took)
{
    long long now = 1000;
    int n = 0;

    mtu_begin(search, exact, now);
    while (search->size) {
        uint16_t size = mtu_due(search, now);

        if (size) {
            n++;
            assert_in_range(size, MTU_LEAST, MTU_MOST);
            if (size <= mtu && search->tries > lost) {
                mtu_answered(search, size, now);
            }
        } else if (search->size) {
            assert_true(search->at > now);
            now = search->at;
        }
    }
    *took = now - 1000;
    return n;
}

static void
test_search(void **state)
{
    static const struct row {
        const char *what;
        bool exact;
        uint16_t mtu;
        unsigned int lost;
        uint16_t low;
        int n;                  /* At most. */
        long long took;         /* Likewise. */
    } rows[] = {
        { "wide", false, 9000, 0, 1500, 1, 0 },
        { "just wide enough", false, 1500, 0, 1500, 1, 0 },
        { "just not", false, 1499, 0, 1499, 36, 3300 },
        { "the usual one", false, 1450, 0, 1450, 36, 3300 },
        { "nobody there", false, 0, 0, 0, 6, 600 },
        { "the least", false, 68, 0, 68, 36, 3300 },
        { "exactly", true, 8950, 0, 8950, 39, 3900 },
        { "all", true, 65000, 0, MTU_MOST, 15, 0 },
        { "exactly the full one", true, 1500, 0, 1500, 40, 3900 },
        { "with losses", true, 1450, 2, 1450, 40, 3900 },
        { "too many of them", false, 1500, 3, 0, 6, 600 },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const struct row *r = &rows[i];
        struct mtu_search search;
        long long took;
        int n = search_path(&search, r->exact, r->mtu, r->lost, &took);

        if (search.low != r->low || n > r->n || took > r->took
            || mtu_is_narrow(&search) != (r->low && r->low < MTU_FULL)) {
            fail_msg("%s: %d after %d probes and %lld ms", r->what, search.low,
                     n, took);
        }
    }
}

/* Answers that come late, twice, or that nobody has asked for. */
static void
test_strange_answers(void **state)
{
    struct mtu_search search;
    long long now = 0;

    mtu_begin(&search, false, now);
    for (int i = 0; i < MTU_TRIES; i++) {
        assert_int_equal(mtu_due(&search, now), MTU_FULL);
        assert_int_equal(mtu_due(&search, now + MTU_WAIT - 1), 0);
        now += MTU_WAIT;
    }
    assert_int_equal(mtu_due(&search, now), MTU_LEAST);
    mtu_answered(&search, MTU_LEAST, now);
    uint16_t half = mtu_due(&search, now);
    assert_int_equal(half, (MTU_LEAST + MTU_FULL) / 2);
    mtu_answered(&search, MTU_LEAST, now);
    assert_int_equal(search.size, half);
    mtu_answered(&search, 65535, now);
    assert_int_equal(search.size, half);

    /* The first one was not lost after all. */
    mtu_answered(&search, MTU_FULL, now);
    assert_int_equal(search.size, 0);
    assert_int_equal(search.low, MTU_FULL);
    assert_false(mtu_is_narrow(&search));
    mtu_answered(&search, MTU_FULL + 1, now);
    assert_int_equal(search.low, MTU_FULL);
    assert_int_equal(mtu_due(&search, now), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_search),
        cmocka_unit_test(test_strange_answers),
    };

    return cmocka_run_group_tests_name("mtu", tests, NULL, NULL);
}
