/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* Names of controllers: one's own, and those of others that are gone. */

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
#include "ovsdb-parser.h"
#include "util.h"

/* Names. */

/* The name comes first, and then the chief's lock and all others. */
static void
test_name(void **state OVS_UNUSED)
{
    struct ovsdbd_world w;

    leadlab_start(&w);
    assert_string_equal(lead_name(w.lead), "c1");
    leadlab_edges(&w, "1m");
    leadlab_others(&w, "c1 c2");
    struct json *id = leadlab_asked(&w, LEADLAB_C1);
    leadlab_quiet(&w);
    assert_true(lead_is_connected(w.lead));
    assert_false(lead_is_named(w.lead));
    ovsdbd_reply(&w, 0, id, OVSDBD_LOCKED);
    id = leadlab_asked(&w, LEADLAB_CHIEF);
    assert_true(lead_is_named(w.lead));
    assert_false(lead_is_chief(w.lead));
    ovsdbd_reply(&w, 0, id, OVSDBD_WAIT);
    leadlab_refused(&w, LEADLAB_C2);
    leadlab_refused(&w, leadlab_lock(1));
    leadlab_quiet(&w);
    assert_false(lead_is_chief(w.lead));
    ovsdbd_notify(&w, 0, "locked", "['" LEADLAB_CHIEF "']");
    leadlab_quiet(&w);
    assert_true(lead_is_chief(w.lead));
    assert_false(leadlab_leads(&w, 1));
    leadlab_told(&w, "");
    ovsdbd_stop(&w);
}

/* Who has not its name asks for nothing, as others could use it, until it gets
 * the name after all. */
static void
test_name_of_another(void **state OVS_UNUSED)
{
    struct ovsdbd_world w;

    leadlab_start(&w);
    leadlab_edges(&w, "1m 2");
    leadlab_refused(&w, LEADLAB_C1);
    leadlab_quiet(&w);
    leadlab_others(&w, "c1 c2");
    leadlab_edges(&w, "1m");
    leadlab_edges(&w, "1mo 3m");
    leadlab_quiet(&w);
    assert_false(lead_is_named(w.lead));
    assert_false(leadlab_leads(&w, 1));
    leadlab_edges(&w, "");
    leadlab_told(&w, "");

    ovsdbd_notify(&w, 0, "locked", "['" LEADLAB_C1 "']");
    leadlab_granted(&w, LEADLAB_CHIEF);
    leadlab_refused(&w, LEADLAB_C2);
    leadlab_quiet(&w);
    assert_true(lead_is_chief(w.lead));
    ovsdbd_stop(&w);
}

/* Another has taken the name meanwhile: all else is let go, though it was
 * got. */
static void
test_name_lost(void **state OVS_UNUSED)
{
    struct ovsdbd_world w;
    char *locks = xasprintf("%s " LEADLAB_CHIEF, leadlab_lock(1));

    leadlab_start_leading(&w, "1m", "1", 7);
    leadlab_others(&w, "c1 c2");
    leadlab_refused(&w, LEADLAB_C2);
    leadlab_quiet(&w);
    leadlab_cut(&w);
    assert_int_equal(leadlab_leads(&w, 1), 7);
    leadlab_reconnect(&w, 3, LEADLAB_C1);
    leadlab_quiet(&w);
    assert_int_equal(leadlab_leads(&w, 1), 7);
    leadlab_time_passes(&w, &w.lead->name_lost_at);
    leadlab_dropped_all(&w, 2, locks);
    leadlab_quiet(&w);
    leadlab_told(&w, "-1");
    assert_false(lead_is_chief(w.lead));
    assert_false(leadlab_leads(&w, 1));
    assert_false(leadlab_pending(&w, 1));
    free(locks);
    ovsdbd_stop(&w);
}

/* Who has taken the name's row out of the database gives the lock back. */
static void
test_name_comes_back(void **state OVS_UNUSED)
{
    struct ovsdbd_world w;

    leadlab_start_leading(&w, "1m", "1", 7);
    leadlab_cut(&w);
    leadlab_reconnect(&w, 3, LEADLAB_C1);
    leadlab_quiet(&w);
    assert_false(lead_is_named(w.lead));
    ovsdbd_notify(&w, 0, "locked", "['" LEADLAB_C1 "']");
    leadlab_claim(&w, 1, 0, 8);
    leadlab_told(&w, "+1");
    assert_true(lead_is_named(w.lead));
    leadlab_asleep(&w);
    ovsdbd_stop(&w);
}

/* The chief's lock is of no use before it is known whose the name is. */
static void
test_chief(void **state OVS_UNUSED)
{
    struct ovsdbd_world w;
    struct json *chief = NULL, *name = NULL;

    leadlab_start_named(&w);
    assert_true(lead_is_chief(w.lead));
    leadlab_cut(&w);
    assert_false(lead_is_chief(w.lead));
    ovsdbd_meet(&w, OVSDBD_STANDALONE);
    for (int i = 0; i < 2; i++) {
        struct json *id;
        char *request = ovsdbd_next(&w, 0, &id);

        *(strstr(request, LEADLAB_CHIEF) ? &chief : &name) = id;
        free(request);
    }
    ovsdbd_reply(&w, 0, chief, OVSDBD_LOCKED);
    leadlab_quiet(&w);
    assert_false(lead_is_chief(w.lead));
    ovsdbd_reply(&w, 0, name, OVSDBD_LOCKED);
    leadlab_quiet(&w);
    assert_true(lead_is_chief(w.lead));
    ovsdbd_stop(&w);
}

/* Locks are called so that any name has one, and no two the same. */
static void
test_lock_names(void **state OVS_UNUSED)
{
    static const struct {
        const char *name, *lock;
    } rows[] = {
        { "", "kakehashi_controller_" },
        { "c1", LEADLAB_C1 },
        { "C1", "kakehashi_controller_C1" },
        { "edge-1.example", "kakehashi_controller_edge_2d1_2eexample" },
        { "edge_1.example", "kakehashi_controller_edge_5f1_2eexample" },
        { "edge_2d1", "kakehashi_controller_edge_5f2d1" },
        { "edge-1", "kakehashi_controller_edge_2d1" },
        { "1", "kakehashi_controller_1" },
        { "\xc3\xa9 '\"\n", "kakehashi_controller__c3_a9_20_27_22_0a" },
    };
    char *shard = lead_lock("shard", "c1");

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char *lock = lead_lock("controller", rows[i].name);

        print_message("%s\n", rows[i].name);
        assert_string_equal(lock, rows[i].lock);
        assert_true(ovsdb_parser_is_id(lock));
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(lock, rows[j].lock);
        }
        assert_string_not_equal(lock, shard);
        assert_string_not_equal(lock, LEADLAB_CHIEF);
        free(lock);
    }
    free(shard);
}

/* Others. */

#define BURY_C2                                                             \
    "transact ['Kakehashi'," LEADLAB_WAIT ","                               \
    "{'lock':'" LEADLAB_C2 "','op':'assert'},"                              \
    "{'op':'delete','table':'Controller','where':[['name','==','c2']]},"    \
    "{'mutations':[['controllers','delete',['set',['c2']]]],"               \
    "'op':'mutate','table':'Edge','where':[]},"                             \
    "{'op':'update','row':{'leader':['set',[]]},'table':'Cluster',"         \
    "'where':[['leader','==','c2']]},"                                      \
    "{'op':'update','row':{'leader':['set',[]]},'table':'Edge',"            \
    "'where':[['leader','==','c2']]}]"

static void
assert_became(struct ovsdbd_world *w, const char *expected)
{
    char *text = lead_what_became(w->lead, "c2");

    assert_string_equal(text, expected);
    free(text);
}

static void
test_others(void **state OVS_UNUSED)
{
    struct ovsdbd_world w;

    leadlab_start_named(&w);
    leadlab_others(&w, "c1");
    leadlab_quiet(&w);
    leadlab_others(&w, "c1 c2");
    leadlab_refused(&w, LEADLAB_C2);
    leadlab_others(&w, "c1 c2");
    leadlab_quiet(&w);

    assert_became(&w, "c2, which led it, let it go");

    /* It has gone.  If the database does not take that, it is tried again, but
     * it can have its name meanwhile. */
    ovsdbd_notify(&w, 0, "locked", "['" LEADLAB_C2 "']");
    leadlab_answer(&w, ovsdbd_asked(&w, 0, BURY_C2), 6,
                   "{'error':'referential integrity violation'}");
    leadlab_dropped(&w, LEADLAB_C2);
    leadlab_quiet(&w);
    assert_became(&w, "c2 led it before");
    leadlab_second_passes(&w);
    leadlab_time_passes(&w, &w.lead->others_at);
    leadlab_granted(&w, LEADLAB_C2);
    leadlab_answer(&w, ovsdbd_asked(&w, 0, BURY_C2), 6, "{}");
    leadlab_dropped(&w, LEADLAB_C2);
    leadlab_quiet(&w);
    leadlab_asleep(&w);
    assert_became(&w, "c2, which led it, is gone");

    /* It comes again, and goes without our help. */
    leadlab_others(&w, "c1 c2");
    leadlab_refused(&w, LEADLAB_C2);
    leadlab_others(&w, "c1");
    leadlab_dropped(&w, LEADLAB_C2);
    leadlab_quiet(&w);
    ovsdbd_stop(&w);
}

/* Who is back first does not take the others for gone. */
static void
test_others_are_late(void **state OVS_UNUSED)
{
    struct ovsdbd_world w;

    leadlab_start_leading(&w, "1mo", "1", 7);
    leadlab_others(&w, "c1 c2");
    leadlab_refused(&w, LEADLAB_C2);
    leadlab_quiet(&w);
    leadlab_cut(&w);
    leadlab_reconnect(&w, 3, "");
    leadlab_claim(&w, 1, 0, 8);
    leadlab_told(&w, "+1");
    assert_became(&w, "c2 led it before");
    leadlab_time_passes(&w, &w.lead->others_at);
    leadlab_refused(&w, LEADLAB_C2);
    leadlab_quiet(&w);
    leadlab_asleep(&w);
    assert_became(&w, "c2, which led it, let it go");
    ovsdbd_stop(&w);
}

/* Claims go before the burial of others; those are buried one by one. */
static void
test_others_wait(void **state OVS_UNUSED)
{
    struct ovsdbd_world w;
    struct json *ids[2], *id;
    char *bury;

    leadlab_start_named(&w);
    leadlab_edges(&w, "1m");
    leadlab_granted(&w, leadlab_lock(1));
    id = leadlab_claimed(&w, "1", 0);
    leadlab_others(&w, "c2 edge-1.example");
    free(ovsdbd_next(&w, 0, &ids[0]));
    free(ovsdbd_next(&w, 0, &ids[1]));
    ovsdbd_reply(&w, 0, ids[0], OVSDBD_LOCKED);
    ovsdbd_reply(&w, 0, ids[1], OVSDBD_LOCKED);
    leadlab_quiet(&w);
    leadlab_answer(&w, id, 5, "{'rows':[{'generation':5}]}");
    for (int i = 0; i < 2; i++) {
        bury = ovsdbd_next(&w, 0, &id);
        assert_non_null(strstr(bury, "'op':'delete'"));
        leadlab_answer(&w, id, 6, "{}");
        leadlab_dropped(&w, strstr(bury, "'c2'") ? LEADLAB_C2
                        : "kakehashi_controller_edge_2d1_2eexample");
        free(bury);
    }
    leadlab_quiet(&w);
    assert_true(leadlab_has(&w, 1));

    /* Ends in the middle of one. */
    leadlab_others(&w, "");
    leadlab_others(&w, "c2");
    leadlab_granted(&w, LEADLAB_C2);
    ovsdbd_expect(&w, 0, BURY_C2);
    ovsdbd_stop(&w);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_name),
        cmocka_unit_test(test_name_of_another),
        cmocka_unit_test(test_name_lost),
        cmocka_unit_test(test_name_comes_back),
        cmocka_unit_test(test_chief),
        cmocka_unit_test(test_lock_names),
        cmocka_unit_test(test_others),
        cmocka_unit_test(test_others_are_late),
        cmocka_unit_test(test_others_wait),
    };

    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_OFF);
    return cmocka_run_group_tests_name("lead_name", tests, NULL, NULL);
}
