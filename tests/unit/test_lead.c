/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* What is asked of the database so that one leads. */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>

#include "controller/lead_private.h"
#include "leadlab.h"
#include "openvswitch/json.h"
#include "openvswitch/vlog.h"
#include "timeval.h"
#include "util.h"

/* Claims. */

static void
test_claim(void **state OVS_UNUSED)
{
    struct ovsdbd_world w;
    struct json *id;

    leadlab_start_named(&w);
    leadlab_edges(&w, "1m");
    assert_true(leadlab_pending(&w, 1));
    leadlab_granted(&w, leadlab_lock(1));
    id = leadlab_claimed(&w, "1", 0);
    leadlab_quiet(&w);
    assert_true(leadlab_pending(&w, 1));
    assert_false(leadlab_leads(&w, 1));
    assert_false(leadlab_has(&w, 1));
    assert_int_equal(lead_count(w.lead), 0);
    leadlab_told(&w, "");

    leadlab_answer(&w, id, 5, "{'rows':[{'generation':42}]}");
    leadlab_quiet(&w);
    assert_int_equal(leadlab_leads(&w, 1), 42);
    assert_true(leadlab_has(&w, 1));
    assert_false(leadlab_pending(&w, 1));
    assert_int_equal(lead_count(w.lead), 1);
    leadlab_awake(&w);
    leadlab_told(&w, "+1");
    leadlab_asleep(&w);

    /* Another one, later. */
    leadlab_edges(&w, "1m 2m");
    leadlab_granted(&w, leadlab_lock(2));
    leadlab_claim(&w, 2, 0, 44);
    assert_int_equal(leadlab_leads(&w, 1), 42);
    assert_int_equal(leadlab_leads(&w, 2), 44);
    assert_int_equal(lead_count(w.lead), 2);
    leadlab_told(&w, "+2");
    ovsdbd_stop(&w);
}

/* Those that are got while one claim is under way are claimed by the next. */
static void
test_claim_several(void **state OVS_UNUSED)
{
    struct ovsdbd_world w;
    struct json *ids[3], *id;

    leadlab_start_named(&w);
    leadlab_edges(&w, "1m");
    leadlab_granted(&w, leadlab_lock(1));
    id = leadlab_claimed(&w, "1", 0);
    leadlab_edges(&w, "1m 2m 3 4m");
    for (int i = 0; i < 3; i++) {
        free(ovsdbd_next(&w, 0, &ids[i]));
    }
    for (int i = 0; i < 3; i++) {
        ovsdbd_reply(&w, 0, ids[i], OVSDBD_LOCKED);
    }
    leadlab_quiet(&w);
    leadlab_answer(&w, id, 5, "{'rows':[{'generation':5}]}");
    id = leadlab_claimed(&w, "2 3 4", 0);
    leadlab_told(&w, "+1");
    leadlab_answer(&w, id, 7, "{'rows':[{'generation':6}]}");
    leadlab_quiet(&w);
    leadlab_told(&w, "+2 +3 +4");
    assert_int_equal(leadlab_leads(&w, 1), 5);
    assert_int_equal(leadlab_leads(&w, 2), 6);
    assert_int_equal(lead_count(w.lead), 4);
    ovsdbd_stop(&w);
}

/* The row is made, but nothing is led by that; no time is lost by it. */
static void
test_no_row(void **state OVS_UNUSED)
{
    long long start = time_msec();
    struct ovsdbd_world w;
    char *remotes = ovsdbd_listen(&w, 1, "");

    w.lead = lead_create(remotes, "c1");
    w.locks = w.lead->locks;
    free(remotes);
    leadlab_database(&w, "");
    ovsdbd_meet(&w, OVSDBD_STANDALONE);
    leadlab_granted(&w, LEADLAB_C1);
    leadlab_granted(&w, LEADLAB_CHIEF);
    leadlab_edges(&w, "1m");
    leadlab_granted(&w, leadlab_lock(1));
    leadlab_answer(&w, leadlab_inserted(&w, "1"), 2, "{}");
    leadlab_quiet(&w);
    assert_false(leadlab_leads(&w, 1));
    assert_true(leadlab_pending(&w, 1));
    ovsdbd_notify(&w, 0, "update", "['locks_global',{'Kakehashi_Global':{'"
                  OVSDBD_GLOBAL "':{'new':{}}}}]");
    leadlab_quiet(&w);
    leadlab_database(&w, OVSDBD_GLOBAL);
    leadlab_claim(&w, 1, 0, 1);
    leadlab_told(&w, "+1");
    assert_int_equal(leadlab_leads(&w, 1), 1);
    assert_true(time_msec() < start + 1000);
    ovsdbd_stop(&w);
}

/* A server that has another database is not asked for locks, and left. */
static void
test_other_database(void **state OVS_UNUSED)
{
    static const struct {
        const char *theirs, *ours;  /* NULL if that is not known. */
        bool left;
    } rows[] = {
        { OVSDBD_GLOBAL_2, OVSDBD_GLOBAL, true },
        { NULL, OVSDBD_GLOBAL, true },
        { OVSDBD_GLOBAL_2, "", true },
        { OVSDBD_GLOBAL_2, NULL, false },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct ovsdbd_world w;
        char *remotes = ovsdbd_listen(&w, 1, "");
        char *trouble;

        print_message("%"PRIuSIZE"\n", i);
        w.lead = lead_create(remotes, "c1");
        w.locks = w.lead->locks;
        w.global = rows[i].theirs;
        if (rows[i].ours) {
            leadlab_database(&w, rows[i].ours);
        }
        ovsdbd_meet(&w, OVSDBD_STANDALONE);
        leadlab_quiet(&w);
        assert_false(lead_is_connected(w.lead));
        if (rows[i].left) {
            ovsdbd_left(&w, 0);
            trouble = lead_trouble(w.lead);
            assert_non_null(strstr(trouble, "frozen"));
            assert_non_null(strstr(trouble, w.servers[0].path));
            assert_non_null(strstr(trouble, "has not the database that the "
                                   "configuration is from"));
            free(trouble);
            w.global = *rows[i].ours ? rows[i].ours : NULL;
            ovsdbd_meet(&w, OVSDBD_STANDALONE);
        } else {
            trouble = lead_trouble(w.lead);
            assert_string_equal(trouble,
                                "frozen: waiting for the configuration");
            free(trouble);
            leadlab_database(&w, rows[i].theirs);
        }
        leadlab_granted(&w, LEADLAB_C1);
        leadlab_granted(&w, LEADLAB_CHIEF);
        leadlab_quiet(&w);
        trouble = lead_trouble(w.lead);
        assert_string_equal(trouble, "");
        free(trouble);
        free(remotes);
        ovsdbd_stop(&w);
    }
}

/* Who leads stays when the row is replaced, if the server has heard of it as
 * well; if the configuration is from another database then it is frozen. */
static void
test_database_changes(void **state OVS_UNUSED)
{
    struct ovsdbd_world w;

    leadlab_start_leading(&w, "1m", "1", 7);
    leadlab_database(&w, OVSDBD_GLOBAL_2);
    leadlab_quiet(&w);
    ovsdbd_notify(&w, 0, "update", "['locks_global',{'Kakehashi_Global':{'"
                  OVSDBD_GLOBAL "':{'old':{}},'"
                  OVSDBD_GLOBAL_2 "':{'new':{}}}}]");
    leadlab_quiet(&w);
    assert_true(leadlab_has(&w, 1));
    leadlab_asleep(&w);
    leadlab_database(&w, OVSDBD_GLOBAL);
    ovsdbd_left(&w, 0);
    assert_false(leadlab_has(&w, 1));
    assert_int_equal(leadlab_leads(&w, 1), 7);
    ovsdbd_stop(&w);
}

/* What is of no use is not asked for again before a second has passed. */
static void
test_bad_answers(void **state OVS_UNUSED)
{
    static const struct {
        bool error;             /* In place of results. */
        const char *last;
    } rows[] = {
        { true, "'canceled'" },
        { false, "{'error':'not owner'}" },
        { false, "{'rows':[{'generation':7}]},"
                 "{'error':'constraint violation'}" },
        { false, "{'error':'not owner'},"
                 "{'rows':[{'generation':7}]}" },
        { false, "{}" },
        { false, "{'rows':1}" },
        { false, "{'rows':[1]}" },
        { false, "{'rows':[]}" },
        { false, "{'rows':[{}]}" },
        { false, "{'rows':[{'generation':0}]}" },
        { false, "{'rows':[{'generation':-1}]}" },
        { false, "{'rows':[{'generation':1.5}]}" },
        { false, "{'rows':[{'generation':'1'}]}" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct ovsdbd_world w;
        struct json *id;

        print_message("%s\n", rows[i].last);
        leadlab_start_named(&w);
        leadlab_edges(&w, "1m");
        leadlab_granted(&w, leadlab_lock(1));
        id = leadlab_claimed(&w, "1", 0);
        if (rows[i].error) {
            ovsdbd_error(&w, 0, id, rows[i].last);
        } else {
            leadlab_answer(&w, id, 5, rows[i].last);
        }
        leadlab_quiet(&w);
        assert_false(leadlab_leads(&w, 1));
        assert_true(leadlab_pending(&w, 1));
        leadlab_told(&w, "");
        leadlab_second_passes(&w);
        leadlab_claim(&w, 1, 0, 7);
        assert_int_equal(leadlab_leads(&w, 1), 7);
        leadlab_told(&w, "+1");
        leadlab_asleep(&w);
        ovsdbd_stop(&w);
    }
}

/* The connection. */

static void
test_frozen(void **state OVS_UNUSED)
{
    struct ovsdbd_world w;
    struct uuid uuid = leadlab_uuid(1);

    leadlab_start_leading(&w, "1m 2m", "1 2", 7);
    leadlab_cut(&w);
    assert_int_equal(leadlab_leads(&w, 1), 7);
    assert_false(leadlab_has(&w, 1));
    assert_false(leadlab_pending(&w, 1));
    assert_int_equal(lead_count(w.lead), 2);
    lead_claim_again(w.lead, &uuid, 20);
    assert_int_equal(leadlab_leads(&w, 1), 7);
    assert_false(lead_yield(w.lead, &uuid));
    leadlab_told(&w, "");

    /* One is ours again, the other another's. */
    leadlab_reconnect(&w, 4, leadlab_lock(2));
    struct json *id = leadlab_claimed(&w, "1", 20);
    leadlab_quiet(&w);
    assert_int_equal(leadlab_leads(&w, 1), 7);
    assert_false(leadlab_has(&w, 1));
    assert_false(leadlab_leads(&w, 2));
    assert_false(leadlab_pending(&w, 2));
    assert_int_equal(lead_count(w.lead), 1);
    leadlab_told(&w, "-2");
    leadlab_answer(&w, id, 5, "{'rows':[{'generation':21}]}");
    leadlab_quiet(&w);
    assert_int_equal(leadlab_leads(&w, 1), 21);
    assert_true(leadlab_has(&w, 1));
    leadlab_told(&w, "+1");

    /* Told once. */
    leadlab_cut(&w);
    leadlab_reconnect(&w, 4, leadlab_lock(2));
    leadlab_claim(&w, 1, 20, 22);
    leadlab_told(&w, "+1");
    ovsdbd_stop(&w);
}

/* What was not claimed anew yet is lost like anything else. */
static void
test_lost_in_claim(void **state OVS_UNUSED)
{
    struct ovsdbd_world w;

    leadlab_start_leading(&w, "1m", "1", 7);
    leadlab_cut(&w);
    leadlab_reconnect(&w, 3, "");
    json_destroy(leadlab_claimed(&w, "1", 0));
    leadlab_cut(&w);
    assert_int_equal(leadlab_leads(&w, 1), 7);
    leadlab_reconnect(&w, 3, leadlab_lock(1));
    leadlab_quiet(&w);
    assert_false(leadlab_leads(&w, 1));
    leadlab_told(&w, "-1");

    /* What became of the claim is not known, so it is not tried at once. */
    leadlab_second_passes(&w);
    leadlab_quiet(&w);
    leadlab_asleep(&w);
    ovsdbd_stop(&w);
}

static void
test_stolen(void **state OVS_UNUSED)
{
    struct ovsdbd_world w;
    struct json *id, *lock;
    char *stolen = xasprintf("['%s']", leadlab_lock(1));

    leadlab_start_leading(&w, "1m", "1", 7);
    ovsdbd_notify(&w, 0, "stolen", stolen);
    leadlab_dropped(&w, leadlab_lock(1));
    lock = leadlab_asked(&w, leadlab_lock(1));
    assert_int_equal(leadlab_leads(&w, 1), 7);
    assert_false(leadlab_has(&w, 1));
    ovsdbd_reply(&w, 0, lock, OVSDBD_WAIT);
    leadlab_quiet(&w);
    assert_false(leadlab_leads(&w, 1));
    leadlab_told(&w, "-1");

    /* In the middle of a claim, of which nothing counts then. */
    ovsdbd_notify(&w, 0, "locked", stolen);
    id = leadlab_claimed(&w, "1", 0);
    ovsdbd_notify(&w, 0, "stolen", stolen);
    leadlab_dropped(&w, leadlab_lock(1));
    leadlab_granted(&w, leadlab_lock(1));
    leadlab_quiet(&w);
    leadlab_answer(&w, id, 5, "{'rows':[{'generation':9}]}");
    id = leadlab_claimed(&w, "1", 0);
    assert_false(leadlab_leads(&w, 1));
    leadlab_told(&w, "");
    leadlab_answer(&w, id, 5, "{'rows':[{'generation':11}]}");
    leadlab_quiet(&w);
    assert_int_equal(leadlab_leads(&w, 1), 11);
    leadlab_told(&w, "+1");
    free(stolen);
    ovsdbd_stop(&w);
}

/* Larger generations. */

static void
test_claim_again(void **state OVS_UNUSED)
{
    struct ovsdbd_world w;
    struct uuid uuid = leadlab_uuid(1), anothers = leadlab_uuid(3);
    struct uuid unknown = leadlab_uuid(9);
    struct json *id;

    /* The main loop has to go on for it, though nothing else happens. */
    leadlab_start_leading(&w, "1m 2m", "1 2", 7);
    leadlab_asleep(&w);
    lead_claim_again(w.lead, &uuid, 0);
    leadlab_awake(&w);
    assert_false(leadlab_has(&w, 1));
    assert_int_equal(leadlab_leads(&w, 1), 7);
    leadlab_claim(&w, 1, 0, 8);
    assert_int_equal(leadlab_leads(&w, 1), 8);
    assert_int_equal(leadlab_leads(&w, 2), 7);
    leadlab_told(&w, "+1");

    /* A switch has seen one; another has seen a larger one before the first
     * claim is through, which is then one too few. */
    lead_claim_again(w.lead, &uuid, 30);
    id = leadlab_claimed(&w, "1", 30);
    lead_claim_again(w.lead, &uuid, 50);
    leadlab_answer(&w, id, 5, "{'rows':[{'generation':31}]}");
    id = leadlab_claimed(&w, "1", 50);
    assert_int_equal(leadlab_leads(&w, 1), 8);
    leadlab_told(&w, "");
    leadlab_answer(&w, id, 5, "{'rows':[{'generation':51}]}");
    leadlab_quiet(&w);
    leadlab_told(&w, "+1");

    /* They never become smaller. */
    lead_claim_again(w.lead, &uuid, 3);
    leadlab_claim(&w, 1, 50, 52);
    leadlab_told(&w, "+1");

    /* What is not ours is not claimed. */
    leadlab_edges(&w, "1m 2m 3m");
    leadlab_refused(&w, leadlab_lock(3));
    leadlab_quiet(&w);
    lead_claim_again(w.lead, &anothers, 0);
    lead_claim_again(w.lead, &unknown, 0);
    leadlab_asleep(&w);
    leadlab_quiet(&w);
    assert_false(leadlab_leads(&w, 3));
    ovsdbd_stop(&w);
}

/* What a switch says must leave room for more. */
static void
test_above(void **state OVS_UNUSED)
{
    static const struct {
        uint64_t above;
        bool counts;
    } rows[] = {
        { 1, true },
        { UINT64_C(1) << 53, true },
        { UINT64_C(1) << 62, true },
        { (UINT64_C(1) << 62) + 1, false },
        { INT64_MAX - 1, false },
        { INT64_MAX, false },
        { UINT64_MAX, false },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct ovsdbd_world w;
        struct uuid uuid = leadlab_uuid(1);

        print_message("%llu\n", (unsigned long long) rows[i].above);
        leadlab_start_leading(&w, "1m", "1", 7);
        lead_claim_again(w.lead, &uuid, rows[i].above);
        if (rows[i].counts) {
            leadlab_claim(&w, 1, rows[i].above, 8);
        } else {
            leadlab_quiet(&w);
            lead_claim_again(w.lead, &uuid, 0);
            leadlab_claim(&w, 1, 0, 8);
        }
        leadlab_told(&w, "+1");
        ovsdbd_stop(&w);
    }
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_claim),
        cmocka_unit_test(test_claim_several),
        cmocka_unit_test(test_no_row),
        cmocka_unit_test(test_other_database),
        cmocka_unit_test(test_database_changes),
        cmocka_unit_test(test_bad_answers),
        cmocka_unit_test(test_frozen),
        cmocka_unit_test(test_lost_in_claim),
        cmocka_unit_test(test_stolen),
        cmocka_unit_test(test_claim_again),
        cmocka_unit_test(test_above),
    };

    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_OFF);
    return cmocka_run_group_tests_name("lead", tests, NULL, NULL);
}
