/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* Who is left out, for how long, and who is suspected. */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "flows/layout.h"
#include "flows/refused.h"
#include "util.h"

#define COOKIE layout_cookie(LAYOUT_K_SEGMENT, 5001)

static const char *
state_of(const struct refused *refused)
{
    const struct refused_owner *o = refused_find(refused, COOKIE);

    return (!o ? "in" : o->state == REFUSED_NEW ? "new"
            : o->state == REFUSED_OUT ? "out" : "tried");
}

/* Does what a letter of a script says, at '*now'. */
static void
step(struct refused *refused, char letter, long long *now)
{
    switch (letter) {
    case 'r':
        refused_add(refused, COOKIE, OFPERR_OFPFMFC_TABLE_FULL, 7, *now);
        break;
    case 's':
        refused_suspect(refused, COOKIE, *now);
        break;
    case 'l':
        refused_left_out(refused);
        break;
    case 'm':
        refused_marked(refused, COOKIE);
        break;
    case 'c':
        refused_confirm(refused);
        break;
    case 'w':
        *now = refused_wake(refused);
        break;
    case 'd':
        refused_try_due(refused, *now);
        break;
    default:
        fail_msg("no such step: %c", letter);
    }
}

/* Each row is a story: r(efused), s(uspected), l(eft out of what is sent),
 * m(arked by the topology), d(ue ones are tried), c(onfirmed), w(ait for the
 * next one that is due). */
static void
test_stories(void **state OVS_UNUSED)
{
    static const struct {
        const char *what, *script, *state;
        long long now;          /* In the end. */
        long long wake;         /* After that; -1 for never. */
    } rows[] = {
        { "nothing", "dlc", "in", 0, -1 },
        { "its deletions are to be sent", "r", "new", 0, 1000 },
        { "they are sent", "rl", "out", 0, 1000 },
        { "it stays out when that is confirmed", "rlc", "out", 0, 1000 },
        { "not due", "rlcd", "out", 0, 1000 },
        { "due", "rlcwd", "tried", 1000, -1 },
        { "it works again", "rlcwdc", "in", 1000, -1 },
        { "not before its deletions are sent", "rm", "new", 0, 1000 },
        { "it has changed", "rlm", "tried", 0, -1 },
        { "it has changed and works", "rlmc", "in", 0, -1 },
        { "refused again: twice as long", "rlcwdr", "new", 1000, 2000 },
        { "and again", "rlcwdrlcwdr", "new", 3000, 4000 },
        { "for a minute at most", "rlwdrlwdrlwdrlwdrlwdrlwdrlwdrlwdr", "new",
          183000, 60000 },
        { "two flows in one transaction are one refusal", "rr", "new", 0,
          1000 },
        { "it was mended: all is forgotten", "rlwdrlwdcr", "new", 3000,
          1000 },
        { "a suspect is due at once", "sl", "out", 0, 0 },
        { "a suspect is innocent", "sldc", "in", 0, -1 },
        { "a suspect is guilty", "sldr", "new", 0, 1000 },
        { "suspected in the next try", "rlwds", "new", 1000, 0 },
        { "and found guilty", "rlwdsldr", "new", 1000, 2000 },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct refused refused;
        long long now = 0;

        refused_init(&refused);
        for (const char *s = rows[i].script; *s; s++) {
            step(&refused, *s, &now);
        }

        long long wake = refused_wake(&refused);
        wake = wake == LLONG_MAX ? -1 : wake - now;
        if (strcmp(state_of(&refused), rows[i].state) || now != rows[i].now
            || wake != rows[i].wake) {
            fail_msg("%s: %s at %lld, again after %lld", rows[i].what,
                     state_of(&refused), now, wake);
        }
        assert_int_equal(refused_is_out(&refused, COOKIE),
                         !strcmp(rows[i].state, "new")
                         || !strcmp(rows[i].state, "out"));
        refused_destroy(&refused);
    }
}

/* Whether the place with 'slot' is blamed. */
static bool
is_about(const struct refused *refused, uint32_t slot)
{
    return refused_is_about(refused_find(refused, COOKIE), slot);
}

/* Which places of a segment wait is known from the transaction that follows
 * the last refusal, and nobody else is blamed in the meantime. */
static void
test_places(void **state OVS_UNUSED)
{
    struct refused refused;
    long long now = 0;

    refused_init(&refused);
    refused_note(&refused, COOKIE, 1);
    assert_true(refused_is_empty(&refused));

    step(&refused, 'r', &now);
    assert_false(is_about(&refused, 1));
    assert_true(is_about(&refused, 0));
    refused_leave_out(&refused);
    for (int i = 0; i < 2; i++) {
        refused_note(&refused, COOKIE, 1);
        refused_note(&refused, COOKIE, 2);
    }
    assert_true(refused_left_out(&refused));
    assert_false(refused_left_out(&refused));
    assert_int_equal(refused_find(&refused, COOKIE)->n_slots, 2);
    assert_true(is_about(&refused, 2));
    assert_false(is_about(&refused, 3));
    assert_false(is_about(&refused, 0));

    /* Tried, and refused again. */
    for (const char *s = "wdr"; *s; s++) {
        step(&refused, *s, &now);
        assert_true(is_about(&refused, 2));
        assert_false(is_about(&refused, 3));
    }

    /* This time it is something that all of them need. */
    refused_leave_out(&refused);
    assert_true(refused_left_out(&refused));
    assert_true(is_about(&refused, 3));
    assert_true(is_about(&refused, 0));
    refused_destroy(&refused);
}

static void
test_half(void **state OVS_UNUSED)
{
    static const struct {
        const char *what;
        uint64_t cookies[8];
        size_t n;
        uint64_t half[8];
        size_t n_half;
    } rows[] = {
        { "nobody", { 0 }, 0, { 0 }, 0 },
        { "one", { 5 }, 1, { 5 }, 1 },
        { "one, with three flows", { 5, 5, 5 }, 3, { 5 }, 1 },
        { "two", { 7, 5 }, 2, { 7 }, 1 },
        { "three", { 7, 5, 6 }, 3, { 7 }, 1 },
        { "four, with more flows", { 4, 1, 2, 2, 3, 4 }, 6, { 3, 4 }, 2 },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        uint64_t cookies[8];
        size_t n = rows[i].n;

        memcpy(cookies, rows[i].cookies, sizeof cookies);
        uint64_t *half = refused_half(cookies, &n);
        if (n != rows[i].n_half
            || memcmp(half, rows[i].half, n * sizeof *half)) {
            fail_msg("%s: %"PRIuSIZE" of them", rows[i].what, n);
        }
    }
}

#define N_OWNERS 100

/* However many are guilty, just these are found, by a switch that only says
 * that something is wrong, in a number of rounds that grows as the
 * logarithm. */
static void
test_search(void **state OVS_UNUSED)
{
    static const struct {
        const char *what;
        unsigned int every;     /* Guilty are the multiples of this. */
        int n_rounds;           /* At most. */
    } rows[] = {
        { "one", 100, 20 },
        { "four", 25, 80 },
        { "half of them", 2, 800 },
        { "all", 1, 800 },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        bool in[N_OWNERS] = { false };
        struct refused refused;
        int rounds = 0;

        refused_init(&refused);
        for (bool done = false; !done; rounds++) {
            uint64_t cookies[N_OWNERS];
            size_t n = 0;
            bool ok = true;

            for (unsigned int j = 0; j < N_OWNERS; j++) {
                if (!in[j] && !refused_is_out(&refused, j)) {
                    cookies[n++] = j;
                    ok = ok && j % rows[i].every;
                }
            }
            refused_left_out(&refused);
            if (ok) {
                for (size_t j = 0; j < n; j++) {
                    in[cookies[j]] = true;
                }
                refused_confirm(&refused);
                done = !refused_try_due(&refused, 0);
                continue;
            }
            uint64_t *half = refused_half(cookies, &n);
            for (size_t j = 0; j < n; j++) {
                if (half == cookies) {
                    refused_add(&refused, half[j],
                                OFPERR_OFPBFC_MSG_FAILED, 0, 0);
                } else {
                    refused_suspect(&refused, half[j], 0);
                }
            }
        }
        for (unsigned int j = 0; j < N_OWNERS; j++) {
            if (in[j] != (j % rows[i].every != 0)) {
                fail_msg("%s: %u is %s", rows[i].what, j,
                         in[j] ? "in" : "out");
            }
        }
        if (rounds > rows[i].n_rounds) {
            fail_msg("%s: %d rounds", rows[i].what, rounds);
        }
        refused_destroy(&refused);
    }
}

static void
test_names(void **state OVS_UNUSED)
{
    static const struct {
        enum layout_kind kind;
        uint32_t owner;
        const char *name;
    } rows[] = {
        { LAYOUT_K_NODE, 0, "the edge itself" },
        { LAYOUT_K_PORT, 3, "port 3" },
        { LAYOUT_K_CLUSTER, 0xabc, "cluster 0xabc" },
        { LAYOUT_K_SEGMENT, 5001, "VNI 5001" },
        { LAYOUT_K_STATIC, 5001, "static MACs of VNI 5001" },
        { LAYOUT_K_LEARNED, 5001, "MACs of VNI 5001" },
        { 99, 1, "cookie 0x4b48630000000001" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char *name = refused_owner_name(layout_cookie(rows[i].kind,
                                                      rows[i].owner));

        assert_string_equal(name, rows[i].name);
        free(name);
    }
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stories),
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_half),
        cmocka_unit_test(test_search),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests_name("refused", tests, NULL, NULL);
}
