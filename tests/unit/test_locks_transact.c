/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* What has become of transactions, if it is known. */

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

static struct json *
two_ops(void)
{
    return json_from_string("[{\"op\": \"assert\", \"lock\": \"a\"},"
                            " {\"op\": \"comment\", \"comment\": \"\"}]");
}

#define TWO_OPS "transact ['Kakehashi',{'lock':'a','op':'assert'},"         \
                "{'comment':'','op':'comment'}]"

/* Fails unless that is what has become of the transaction. */
static void
check_transacted(struct ovsdbd_world *w, enum locks_outcome expected)
{
    struct json *result;

    assert_int_equal(locks_transacted(w->locks, &result), expected);
    if (expected == LOCKS_DONE || expected == LOCKS_REFUSED) {
        assert_int_equal(result->type, JSON_ARRAY);
        assert_int_equal(json_array(result)->n, 2);
    } else {
        assert_null(result);
    }
    json_destroy(result);
    assert_int_equal(locks_transacted(w->locks, &result), LOCKS_NONE);
    assert_null(result);
}

static void
test_transactions(void **state OVS_UNUSED)
{
    struct ovsdbd_world w;
    struct json *id;

    ovsdbd_start(&w, 1, "");
    assert_false(locks_transact(w.locks, two_ops()));
    check_transacted(&w, LOCKS_NONE);
    ovsdbd_stop(&w);

    /* One at a time, until its outcome is known. */
    ovsdbd_start_held(&w);
    assert_true(locks_transact(w.locks, two_ops()));
    assert_false(locks_transact(w.locks, two_ops()));
    id = ovsdbd_asked(&w, 0, TWO_OPS);
    check_transacted(&w, LOCKS_NONE);
    ovsdbd_reply(&w, 0, id, "[{},{}]");
    ovsdbd_sync(&w, 0);
    assert_false(locks_may_transact(w.locks));
    assert_false(locks_transact(w.locks, two_ops()));
    check_transacted(&w, LOCKS_DONE);

    assert_true(locks_transact(w.locks, two_ops()));
    ovsdbd_reply(&w, 0, ovsdbd_asked(&w, 0, TWO_OPS),
                 "[{'error':'not owner'},null]");
    ovsdbd_sync(&w, 0);
    check_transacted(&w, LOCKS_REFUSED);

    assert_true(locks_transact(w.locks, two_ops()));
    ovsdbd_error(&w, 0, ovsdbd_asked(&w, 0, TWO_OPS), "'canceled'");
    ovsdbd_sync(&w, 0);
    check_transacted(&w, LOCKS_UNKNOWN);
    assert_true(locks_has(w.locks, "a"));

    assert_true(locks_transact(w.locks, two_ops()));
    ovsdbd_expect(&w, 0, TWO_OPS);
    ovsdbd_close(&w, 0);
    locks_run(w.locks);
    check_transacted(&w, LOCKS_UNKNOWN);
    ovsdbd_events(&w, "-a");
    ovsdbd_stop(&w);

    /* Nobody has asked yet what became of it. */
    ovsdbd_start_held(&w);
    assert_true(locks_transact(w.locks, two_ops()));
    ovsdbd_reply(&w, 0, ovsdbd_asked(&w, 0, TWO_OPS), "[{},{}]");
    ovsdbd_sync(&w, 0);
    ovsdbd_close(&w, 0);
    locks_run(w.locks);
    check_transacted(&w, LOCKS_DONE);
    ovsdbd_stop(&w);
}

static void
test_bad_results(void **state OVS_UNUSED)
{
    static const char *const results[] = {
        "{}", "[]", "[{}]", "[{},{},{}]", "[{},null]", "[{},1]",
    };

    for (size_t i = 0; i < ARRAY_SIZE(results); i++) {
        struct ovsdbd_world w;

        print_message("%s\n", results[i]);
        ovsdbd_start_held(&w);
        assert_true(locks_transact(w.locks, two_ops()));
        ovsdbd_reply(&w, 0, ovsdbd_asked(&w, 0, TWO_OPS), results[i]);
        ovsdbd_left(&w, 0);
        ovsdbd_events(&w, "-a");
        check_transacted(&w, LOCKS_UNKNOWN);
        ovsdbd_stop(&w);
    }
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_transactions),
        cmocka_unit_test(test_bad_results),
    };

    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_OFF);
    return cmocka_run_group_tests_name("locks_transact", tests, NULL, NULL);
}
