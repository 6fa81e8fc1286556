/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* Who has which lock, whatever a server says. */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>

#include "controller/locks.h"
#include "openvswitch/json.h"
#include "openvswitch/vlog.h"
#include "ovsdbd.h"
#include "util.h"

static void
test_grant(void **state OVS_UNUSED)
{
    struct ovsdbd_world w;
    struct json *id;

    ovsdbd_start(&w, 1, "");
    assert_int_equal(ovsdbd_met(&w, &id), 0);

    /* Nothing is asked for before it is known what the server is. */
    locks_want(w.locks, "a");
    ovsdbd_sync_events(&w, 0, "");
    assert_false(locks_is_connected(w.locks));
    ovsdbd_reply(&w, 0, id, OVSDBD_STANDALONE);
    id = ovsdbd_asked(&w, 0, "lock ['a']");
    assert_true(locks_is_connected(w.locks));
    assert_false(locks_has(w.locks, "a"));
    ovsdbd_reply(&w, 0, id, OVSDBD_LOCKED);
    ovsdbd_sync_events(&w, 0, "+a");
    assert_true(locks_has(w.locks, "a"));

    /* Another, which has to wait; what is wanted already is not wanted twice,
     * and what was not asked for is not got. */
    locks_want(w.locks, "a");
    locks_want(w.locks, "b");
    ovsdbd_reply(&w, 0, ovsdbd_asked(&w, 0, "lock ['b']"), OVSDBD_WAIT);
    ovsdbd_notify(&w, 0, "locked", "['c']");
    ovsdbd_sync_events(&w, 0, "");
    assert_false(locks_has(w.locks, "b"));
    assert_false(locks_has(w.locks, "c"));
    ovsdbd_notify(&w, 0, "locked", "['b']");
    ovsdbd_sync_events(&w, 0, "+b");
    assert_true(locks_has(w.locks, "b"));
    ovsdbd_stop(&w);
}

/* As many as there may be clusters; replies in another order. */
static void
test_many(void **state OVS_UNUSED)
{
    enum { N = 500 };
    struct json *ids[N];
    struct ovsdbd_world w;
    struct locks_event event;
    size_t n = 0;

    ovsdbd_start(&w, 1, "");
    ovsdbd_meet(&w, OVSDBD_STANDALONE);
    ovsdbd_sync(&w, 0);
    for (int i = 0; i < N; i++) {
        char *id = xasprintf("lock_%d", i);
        char *request = xasprintf("lock ['%s']", id);

        locks_want(w.locks, id);
        ids[i] = ovsdbd_asked(&w, 0, request);
        free(request);
        free(id);
    }
    for (int i = N - 1; i >= 0; i--) {
        ovsdbd_reply(&w, 0, ids[i], i % 2 ? OVSDBD_LOCKED : OVSDBD_WAIT);
    }
    ovsdbd_sync(&w, 0);
    assert_true(locks_has(w.locks, "lock_1"));
    assert_false(locks_has(w.locks, "lock_2"));

    /* Just what was held is lost. */
    ovsdbd_close(&w, 0);
    locks_run(w.locks);
    assert_false(locks_is_connected(w.locks));
    while (locks_next(w.locks, &event)) {
        assert_true(event.held == (n < N / 2));
        free(event.id);
        n++;
    }
    assert_int_equal(n, N);
    ovsdbd_stop(&w);
}

static void
test_stolen(void **state OVS_UNUSED)
{
    struct ovsdbd_world w;
    struct json *unlock, *lock;

    ovsdbd_start_held(&w);
    ovsdbd_notify(&w, 0, "stolen", "['a']");
    unlock = ovsdbd_asked(&w, 0, "unlock ['a']");
    lock = ovsdbd_asked(&w, 0, "lock ['a']");
    assert_false(locks_has(w.locks, "a"));
    ovsdbd_events(&w, "-a");

    /* Given back before the server has heard of either request. */
    ovsdbd_notify(&w, 0, "locked", "['a']");
    ovsdbd_reply(&w, 0, unlock, "{}");
    ovsdbd_sync_events(&w, 0, "");
    ovsdbd_reply(&w, 0, lock, OVSDBD_WAIT);
    ovsdbd_notify(&w, 0, "locked", "['a']");
    ovsdbd_sync_events(&w, 0, "+a");
    ovsdbd_stop(&w);
}

static void
test_lost(void **state OVS_UNUSED)
{
    struct ovsdbd_world w;

    ovsdbd_start_held(&w);
    locks_want(w.locks, "b");
    ovsdbd_reply(&w, 0, ovsdbd_asked(&w, 0, "lock ['b']"), OVSDBD_WAIT);
    ovsdbd_sync(&w, 0);
    ovsdbd_close(&w, 0);
    locks_run(w.locks);
    assert_false(locks_has(w.locks, "a"));
    ovsdbd_events(&w, "-a");

    /* Nothing is known any more of the server, or of what is still wanted. */
    locks_drop(w.locks, "a");
    ovsdbd_meet(&w, "{}");
    ovsdbd_left(&w, 0);
    ovsdbd_meet(&w, OVSDBD_STANDALONE);
    ovsdbd_reply(&w, 0, ovsdbd_asked(&w, 0, "lock ['b']"), OVSDBD_LOCKED);
    ovsdbd_sync_events(&w, 0, "+b");
    ovsdbd_stop(&w);
}

/* A server that does not even answer an "echo". */
static void
test_silent(void **state OVS_UNUSED)
{
    struct ovsdbd_world w;

    ovsdbd_start_held(&w);
    locks_set_probe(w.locks, 1000);
    ovsdbd_expect(&w, 0, "echo []");
    ovsdbd_events(&w, "");
    ovsdbd_left(&w, 0);
    ovsdbd_events(&w, "-a");
    ovsdbd_stop(&w);
}

static void
test_drop(void **state OVS_UNUSED)
{
    struct ovsdbd_world w;
    struct json *old, *new, *unlock;

    /* One that is held; and one of which nobody has been told. */
    ovsdbd_start_held(&w);
    locks_drop(w.locks, "a");
    assert_false(locks_has(w.locks, "a"));
    ovsdbd_reply(&w, 0, ovsdbd_asked(&w, 0, "unlock ['a']"), "{}");
    locks_want(w.locks, "a");
    ovsdbd_reply(&w, 0, ovsdbd_asked(&w, 0, "lock ['a']"), OVSDBD_LOCKED);
    ovsdbd_sync(&w, 0);
    locks_drop(w.locks, "a");
    locks_drop(w.locks, "b");
    ovsdbd_events(&w, "");
    ovsdbd_reply(&w, 0, ovsdbd_asked(&w, 0, "unlock ['a']"), "{}");
    ovsdbd_sync_events(&w, 0, "");

    /* While waiting; it is given too late, and wanted again. */
    locks_want(w.locks, "a");
    ovsdbd_reply(&w, 0, ovsdbd_asked(&w, 0, "lock ['a']"), OVSDBD_WAIT);
    ovsdbd_sync(&w, 0);
    locks_drop(w.locks, "a");
    ovsdbd_notify(&w, 0, "locked", "['a']");
    unlock = ovsdbd_asked(&w, 0, "unlock ['a']");
    locks_want(w.locks, "a");
    new = ovsdbd_asked(&w, 0, "lock ['a']");
    ovsdbd_notify(&w, 0, "stolen", "['a']");
    ovsdbd_reply(&w, 0, unlock, "{}");
    ovsdbd_sync_events(&w, 0, "");
    ovsdbd_reply(&w, 0, new, OVSDBD_WAIT);
    ovsdbd_sync_events(&w, 0, "");
    locks_drop(w.locks, "a");
    ovsdbd_reply(&w, 0, ovsdbd_asked(&w, 0, "unlock ['a']"), "{}");

    /* While the reply is under way. */
    locks_want(w.locks, "a");
    old = ovsdbd_asked(&w, 0, "lock ['a']");
    locks_drop(w.locks, "a");
    unlock = ovsdbd_asked(&w, 0, "unlock ['a']");
    locks_want(w.locks, "a");
    new = ovsdbd_asked(&w, 0, "lock ['a']");
    ovsdbd_reply(&w, 0, old, OVSDBD_LOCKED);
    ovsdbd_reply(&w, 0, unlock, "{}");
    ovsdbd_sync_events(&w, 0, "");
    assert_false(locks_has(w.locks, "a"));
    ovsdbd_reply(&w, 0, new, OVSDBD_WAIT);
    ovsdbd_notify(&w, 0, "locked", "['a']");
    ovsdbd_sync_events(&w, 0, "+a");
    ovsdbd_stop(&w);
}

/* What makes no sense ends the connection, and with it the locks. */
static void
test_bad_replies(void **state OVS_UNUSED)
{
    static const struct {
        bool drop;              /* Of "a"; otherwise a wish for "b". */
        bool error;
        const char *result;
    } rows[] = {
        { false, false, "[]" },
        { false, false, "{}" },
        { false, false, "{'locked':1}" },
        { false, true, "'no'" },
        { true, true, "'no'" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct ovsdbd_world w;
        struct json *id;

        print_message("%d %s\n", rows[i].drop, rows[i].result);
        ovsdbd_start_held(&w);
        if (rows[i].drop) {
            locks_drop(w.locks, "a");
            id = ovsdbd_asked(&w, 0, "unlock ['a']");
        } else {
            locks_want(w.locks, "b");
            id = ovsdbd_asked(&w, 0, "lock ['b']");
        }
        if (rows[i].error) {
            ovsdbd_error(&w, 0, id, rows[i].result);
        } else {
            ovsdbd_reply(&w, 0, id, rows[i].result);
        }
        ovsdbd_left(&w, 0);
        ovsdbd_events(&w, rows[i].drop ? "" : "-a");
        ovsdbd_stop(&w);
    }
}

static void
test_bad_notifications(void **state OVS_UNUSED)
{
    static const struct {
        const char *method, *params;
        bool leaves;
    } rows[] = {
        { "locked", "[]", true },
        { "locked", "['a','b']", true },
        { "locked", "[{}]", true },
        { "stolen", "[1]", true },
        { "locked", "['a']", false },
        { "stolen", "['b']", false },
        { "news", "[]", false },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct ovsdbd_world w;

        print_message("%s %s\n", rows[i].method, rows[i].params);
        ovsdbd_start_held(&w);
        ovsdbd_notify(&w, 0, rows[i].method, rows[i].params);
        if (rows[i].leaves) {
            ovsdbd_left(&w, 0);
            ovsdbd_events(&w, "-a");
        } else {
            ovsdbd_sync_events(&w, 0, "");
        }
        ovsdbd_stop(&w);
    }
}

static void
test_bad_ids(void **state OVS_UNUSED)
{
    struct ovsdbd_world w;

    ovsdbd_start_held(&w);
    ovsdbd_reply(&w, 0, json_string_create("1"), OVSDBD_LOCKED);
    ovsdbd_left(&w, 0);
    ovsdbd_events(&w, "-a");
    ovsdbd_stop(&w);

    /* A number that nobody waits for is that of an "unlock", or the like. */
    ovsdbd_start_held(&w);
    ovsdbd_reply(&w, 0, json_integer_create(1LL << 40), OVSDBD_WAIT);
    ovsdbd_sync_events(&w, 0, "");
    ovsdbd_stop(&w);
}

/* Refused is what the server has said that somebody else has, as long as it
 * is the server that was asked last. */
static void
test_refused(void **state OVS_UNUSED)
{
    struct ovsdbd_world w;
    struct json *id;

    ovsdbd_start_held(&w);
    assert_false(locks_is_refused(w.locks, "a"));
    assert_false(locks_is_refused(w.locks, "b"));
    locks_want(w.locks, "b");
    assert_false(locks_is_refused(w.locks, "b"));
    id = ovsdbd_asked(&w, 0, "lock ['b']");
    assert_false(locks_is_refused(w.locks, "b"));
    ovsdbd_reply(&w, 0, id, OVSDBD_WAIT);
    ovsdbd_sync(&w, 0);
    assert_true(locks_is_refused(w.locks, "b"));
    assert_false(locks_is_refused(w.locks, "a"));
    ovsdbd_notify(&w, 0, "locked", "['b']");
    ovsdbd_sync(&w, 0);
    assert_false(locks_is_refused(w.locks, "b"));

    /* Stolen: not until it is known that it is not ours again. */
    ovsdbd_notify(&w, 0, "stolen", "['b']");
    ovsdbd_reply(&w, 0, ovsdbd_asked(&w, 0, "unlock ['b']"), "{}");
    id = ovsdbd_asked(&w, 0, "lock ['b']");
    ovsdbd_sync(&w, 0);
    assert_false(locks_is_refused(w.locks, "b"));
    ovsdbd_reply(&w, 0, id, OVSDBD_WAIT);
    ovsdbd_sync(&w, 0);
    assert_true(locks_is_refused(w.locks, "b"));

    /* The next server is yet to say so. */
    locks_drop(w.locks, "a");
    ovsdbd_expect(&w, 0, "unlock ['a']");
    ovsdbd_close(&w, 0);
    locks_run(w.locks);
    assert_false(locks_is_refused(w.locks, "b"));
    ovsdbd_meet(&w, OVSDBD_STANDALONE);
    id = ovsdbd_asked(&w, 0, "lock ['b']");
    assert_false(locks_is_refused(w.locks, "b"));
    ovsdbd_reply(&w, 0, id, OVSDBD_WAIT);
    ovsdbd_sync(&w, 0);
    assert_true(locks_is_refused(w.locks, "b"));
    locks_drop(w.locks, "b");
    assert_false(locks_is_refused(w.locks, "b"));
    ovsdbd_stop(&w);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grant),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_stolen),
        cmocka_unit_test(test_lost),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_silent),
        cmocka_unit_test(test_drop),
        cmocka_unit_test(test_bad_replies),
        cmocka_unit_test(test_bad_notifications),
        cmocka_unit_test(test_bad_ids),
    };

    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_OFF);
    return cmocka_run_group_tests_name("locks", tests, NULL, NULL);
}
