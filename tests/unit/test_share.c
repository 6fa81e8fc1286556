/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "flows/share.h"
#include "openvswitch/dynamic-string.h"
#include "util.h"

#define RATE 20000
#define START 1000000

static struct share share;

static int
setup(void **state OVS_UNUSED)
{
    share_init(&share);
    return 0;
}

static int
teardown(void **state OVS_UNUSED)
{
    share_destroy(&share);
    return 0;
}

static void
changed(uint32_t vni, bool held, void *s)
{
    ds_put_format(s, "%s%c%"PRIu32, ds_last(s) == EOF ? "" : " ",
                  held ? '+' : '-', vni);
}

/* 'n' packet-ins of the segment 'vni' come at 'now'; who is held of it? */
static void
count(uint32_t vni, unsigned int n, long long now, struct ds *s)
{
    for (unsigned int i = 0; i < n; i++) {
        if (share_count(&share, vni, RATE, now)) {
            share_hold(&share, RATE, changed, s);
        }
    }
}

struct load {
    uint32_t first, last;       /* Segments, by turns... */
    unsigned int n;             /* ...with as many packet-ins each. */
};

static void
send_load(const struct load *load, long long now, struct ds *s)
{
    enum { CHUNK = 10 };

    for (unsigned int i = 0; load->first && i < load->n; i += CHUNK) {
        for (uint32_t vni = load->first; vni <= load->last; vni++) {
            count(vni, MIN(load->n - i, CHUNK), now, s);
        }
    }
}

static void
expect(const char *what, struct ds *s, const char *text)
{
    if (strcmp(ds_cstr(s), text)) {
        fail_msg("%s: \"%s\", not \"%s\"", what, ds_cstr(s), text);
    }
    ds_destroy(s);
}

static void
test_hold(void **state OVS_UNUSED)
{
    static const struct row {
        const char *what;
        struct load loads[2];
        const char *held;
    } rows[] = {
        { "one burst", { { 1, 1, 4999 } }, "" },
        { "one storm", { { 1, 1, 5000 } }, "+1" },
        { "a storm behind others", { { 1, 20, 50 }, { 99, 99, 4000 } },
          "+99" },
        { "two storms", { { 1, 2, 10000 } }, "+2 +1" },
        { "many have a little", { { 1, 100, 100 } }, "" },
        { "as few as will do", { { 1, 4, 600 }, { 9, 9, 4000 } }, "+9" },
        { "dozens have more", { { 1, 40, 150 } }, "" },
        { "four", { { 1, 4, 1250 } }, "+2 +3 +4" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct ds s = DS_EMPTY_INITIALIZER;

        send_load(&rows[i].loads[0], START + 10000 * i, &s);
        send_load(&rows[i].loads[1], START + 10000 * i, &s);
        expect(rows[i].what, &s, rows[i].held);
        share_destroy(&share);
        share_init(&share);
    }
}

/* What is below the rate is never held, however long it lasts. */
static void
test_windows(void **state OVS_UNUSED)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    for (int i = 0; i < 10; i++) {
        count(1, 4900, START + i * SHARE_WINDOW, &s);
        assert_int_equal(share_wake(&share), LLONG_MAX);
        assert_int_equal(hmap_count(&share.segments), 1);
    }
    expect("4,900 a second", &s, "");
}

/* Segments that are held, and what they and another do in one window each. */
static void
test_release(void **state OVS_UNUSED)
{
    static const struct row {
        const char *what;
        unsigned int n[3];      /* Of segments 1, 2 and 3. */
        const char *changes;
    } rows[] = {
        { "storms", { 20000, 20000, 100 }, "+1 +2" },
        { "all that they can", { 2500, 2500, 100 }, "" },
        { "one is small", { 4500, 500, 100 }, "-2" },
        { "one goes on", { 5000, 0, 4900 }, "" },
        { "another joins", { 5000, 5000, 0 }, "+2" },
        { "half of what is allowed", { 1250, 1250, 0 }, "" },
        { "less than half of a part", { 624, 630, 0 }, "-1" },
        { "alone", { 100, 1250, 0 }, "" },
        { "quiet", { 100, 1249, 0 }, "-2" },
    };
    long long now = START;

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct ds s = DS_EMPTY_INITIALIZER;

        for (uint32_t vni = 1; vni <= 3; vni++) {
            count(vni, rows[i].n[vni - 1], now, &s);
        }
        assert_int_equal(share_wake(&share), now + SHARE_WINDOW);
        assert_false(share_turn(&share, RATE, now + SHARE_WINDOW - 1, changed,
                                &s));
        now += SHARE_WINDOW;
        assert_true(share_turn(&share, RATE, now, changed, &s));
        expect(rows[i].what, &s, rows[i].changes);
    }
    assert_int_equal(share_wake(&share), LLONG_MAX);
    assert_false(share_is_held(&share, 1));
    assert_int_equal(hmap_count(&share.segments), 0);
}

/* Who asks by a rate of a few packet-ins gets whole ones. */
static void
test_small_rates(void **state OVS_UNUSED)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    for (uint32_t rate = 1; rate < 8; rate++) {
        for (int i = 0; i < 20; i++) {
            if (share_count(&share, 1, rate, START + rate * 10000)) {
                share_hold(&share, rate, changed, &s);
            }
        }
        assert_true(share_is_held(&share, 1));
        assert_true(share_held_rate(rate) >= 1);
        share_turn(&share, rate, START + rate * 10000 + SHARE_WINDOW, changed,
                   &s);
        share_turn(&share, rate, START + rate * 10000 + 2 * SHARE_WINDOW,
                   changed, &s);
        assert_false(share_is_held(&share, 1));
    }
    ds_destroy(&s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_hold, setup, teardown),
        cmocka_unit_test_setup_teardown(test_windows, setup, teardown),
        cmocka_unit_test_setup_teardown(test_release, setup, teardown),
        cmocka_unit_test_setup_teardown(test_small_rates, setup, teardown),
    };

    return cmocka_run_group_tests_name("share", tests, NULL, NULL);
}
