/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* Whose locks count. */

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

/* Servers whose locks do not count are left for the next. */
static void
test_next_remote(void **state OVS_UNUSED)
{
    static const struct {
        const char *what;
        const char *row;
    } rows[] = {
        { "a follower", OVSDBD_FOLLOWER },
        { "cut off from its cluster",
          OVSDBD_ROW("Kakehashi", "clustered", false, true) },
        { "a relay", OVSDBD_ROW("Kakehashi", "relay", true, true) },
        { "another database",
          OVSDBD_ROW("Open_vSwitch", "standalone", true, true) },
        { "no database at all", "{}" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct ovsdbd_world w;
        struct json *id;

        print_message("%s\n", rows[i].what);
        ovsdbd_start(&w, 2, "");
        locks_want(w.locks, "a");
        while (ovsdbd_met(&w, &id) == 0) {
            ovsdbd_reply(&w, 0, id, rows[i].row);
            ovsdbd_left(&w, 0);
        }
        ovsdbd_reply(&w, 1, id, OVSDBD_LEADER);
        ovsdbd_reply(&w, 1, ovsdbd_asked(&w, 1, "lock ['a']"), OVSDBD_LOCKED);
        ovsdbd_sync_events(&w, 1, "+a");

        /* Its locks do not count any more. */
        if (i < 2) {
            char *params = xasprintf("['locks',%s]", rows[i].row);

            ovsdbd_notify(&w, 1, "update", params);
            free(params);
            ovsdbd_left(&w, 1);
            ovsdbd_events(&w, "-a");
            ovsdbd_expect(&w, ovsdbd_meet(&w, OVSDBD_LEADER), "lock ['a']");
        }
        ovsdbd_stop(&w);
    }
}

static void
test_updates(void **state OVS_UNUSED)
{
    static const struct {
        const char *what;
        const char *table;
        bool leaves;
    } rows[] = {
        { "another table", "{'Other':{}}", false },
        { "another database's row",
          "{'Database':{'00000000-0000-0000-0000-000000000002':{'new':"
          "{'name':'Other','model':'clustered','connected':false,"
          "'leader':false}}}}", false },
        { "another database goes",
          "{'Database':{'00000000-0000-0000-0000-000000000002':{'old':{}}}}",
          false },
        { "ours goes",
          "{'Database':{'00000000-0000-0000-0000-000000000001':{'old':{}}}}",
          true },
        { "ours gets another name",
          OVSDBD_ROW("Other", "standalone", true, true), true },
        { "ours goes, and comes in another row",
          "{'Database':{'00000000-0000-0000-0000-000000000001':{'old':{}},"
          "'00000000-0000-0000-0000-000000000002':{'new':"
          "{'name':'Kakehashi','model':'standalone','connected':true,"
          "'leader':true}}}}", false },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct ovsdbd_world w;
        char *params = xasprintf("['locks',%s]", rows[i].table);

        print_message("%s\n", rows[i].what);
        ovsdbd_start_held(&w);
        ovsdbd_notify(&w, 0, "update", params);
        if (rows[i].leaves) {
            ovsdbd_left(&w, 0);
            ovsdbd_events(&w, "-a");
        } else {
            ovsdbd_sync_events(&w, 0, "");
        }
        free(params);
        ovsdbd_stop(&w);
    }
}

/* The cluster may be named. */
static void
test_cid(void **state OVS_UNUSED)
{
    struct ovsdbd_world w;

    ovsdbd_start(&w, 1, "cid:00000000-0000-0000-0000-00000000000d,");
    ovsdbd_meet(&w, OVSDBD_LEADER);
    ovsdbd_left(&w, 0);
    ovsdbd_stop(&w);

    ovsdbd_start(&w, 1, "cid:00000000-0000-0000-0000-00000000000c,");
    ovsdbd_meet(&w, OVSDBD_LEADER);
    ovsdbd_sync(&w, 0);
    assert_true(locks_is_connected(w.locks));
    ovsdbd_stop(&w);
}

#define ROW_1(COLUMNS)                                                      \
    "{'Database':{'00000000-0000-0000-0000-000000000001':{'new':"           \
    "{" COLUMNS "}}}}"

static const char *const bad_updates[] = {
    "[]",
    "'Database'",
    "{'Database':[]}",
    "{'Database':{'1':{}}}",
    "{'Database':{'00000000-0000-0000-0000-000000000001':[]}}",
    "{'Database':{'00000000-0000-0000-0000-000000000001':{'new':[]}}}",
    ROW_1(""),
    ROW_1("'name':1,'model':'standalone','connected':true,'leader':true"),
    ROW_1("'name':'Kakehashi','connected':true,'leader':true"),
    ROW_1("'name':'Kakehashi','model':'standalone','connected':1,"
          "'leader':true"),
    ROW_1("'name':'Kakehashi','model':'standalone','connected':true,"
          "'leader':['set',[]]"),
};

/* What makes no sense ends the connection, and with it the locks. */
static void
test_bad_monitor(void **state OVS_UNUSED)
{
    for (size_t i = 0; i < ARRAY_SIZE(bad_updates); i++) {
        struct ovsdbd_world w;
        char *params = xasprintf("['locks',%s]", bad_updates[i]);

        print_message("%s\n", bad_updates[i]);
        ovsdbd_start(&w, 1, "");
        locks_want(w.locks, "a");
        ovsdbd_meet(&w, bad_updates[i]);
        ovsdbd_left(&w, 0);
        ovsdbd_events(&w, "");
        ovsdbd_stop(&w);

        ovsdbd_start_held(&w);
        ovsdbd_notify(&w, 0, "update", params);
        ovsdbd_left(&w, 0);
        ovsdbd_events(&w, "-a");
        ovsdbd_stop(&w);
        free(params);
    }

    struct ovsdbd_world w;
    struct json *id;

    print_message("no database _Server\n");
    ovsdbd_start(&w, 1, "");
    assert_int_equal(ovsdbd_met(&w, &id), 0);
    ovsdbd_error(&w, 0, id, "'unknown database'");
    ovsdbd_left(&w, 0);
    ovsdbd_stop(&w);
}

static void
test_bad_notifications(void **state OVS_UNUSED)
{
    static const struct {
        const char *method, *params;
    } rows[] = {
        { "update", "[]" },
        { "update", "['locks']" },
        { "update", "['other',{}]" },
        { "monitor_canceled", "['locks']" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct ovsdbd_world w;

        print_message("%s %s\n", rows[i].method, rows[i].params);
        ovsdbd_start_held(&w);
        ovsdbd_notify(&w, 0, rows[i].method, rows[i].params);
        ovsdbd_left(&w, 0);
        ovsdbd_events(&w, "-a");
        ovsdbd_stop(&w);
    }
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_next_remote),
        cmocka_unit_test(test_updates),
        cmocka_unit_test(test_cid),
        cmocka_unit_test(test_bad_monitor),
        cmocka_unit_test(test_bad_notifications),
    };

    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_OFF);
    return cmocka_run_group_tests_name("locks_server", tests, NULL, NULL);
}
