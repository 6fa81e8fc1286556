/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* Which shards a controller wants to lead, and how many. */

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
#include "util.h"

/* Edges. */

static void
test_edges(void **state OVS_UNUSED)
{
    static const struct {
        const char *what, *edges;
        bool wanted;
    } rows[] = {
        { "nobody has met it", "1", true },
        { "met", "1m", true },
        { "met by all", "1mo", true },
        { "met by others only", "1o", false },
        { "one edge met, one by others", "1o 1m", true },
        { "the same, otherwise round", "1m 1o", true },
        { "one edge met by others, one by nobody", "1 1o", false },
        { "the same, otherwise round", "1o 1", false },
        { "it is another shard that is met", "1o 2o", false },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct ovsdbd_world w;

        print_message("%s\n", rows[i].what);
        leadlab_start_named(&w);
        leadlab_edges(&w, rows[i].edges);
        if (rows[i].wanted) {
            leadlab_granted(&w, leadlab_lock(1));
            leadlab_claim(&w, 1, 0, 7);
        }
        leadlab_edges(&w, rows[i].edges);
        leadlab_quiet(&w);
        leadlab_told(&w, rows[i].wanted ? "+1" : "");
        assert_false(leadlab_pending(&w, 1));
        ovsdbd_stop(&w);
    }
}

static void
test_edges_change(void **state OVS_UNUSED)
{
    static const struct {
        const char *what, *edges, *told;
        bool dropped;
        size_t n_shards;
    } rows[] = {
        { "another one meets it too", "1mo 2m", "", false, 2 },
        { "nobody meets it any more", "1 2m", "", false, 2 },
        { "others only meet it now", "1o 2m", "-1", true, 2 },
        { "it is no more", "2m", "", true, 1 },
        { "one edge is left to others", "1m 1o 2m", "", false, 2 },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct ovsdbd_world w;

        print_message("%s\n", rows[i].what);
        leadlab_start_leading(&w, "1m 2m", "1 2", 7);
        leadlab_edges(&w, rows[i].edges);
        leadlab_told(&w, rows[i].told);
        assert_int_equal(lead_n_shards(w.lead), rows[i].n_shards);
        assert_int_equal(leadlab_leads(&w, 1), rows[i].dropped ? 0 : 7);
        assert_int_equal(leadlab_leads(&w, 2), 7);
        assert_int_equal(lead_count(w.lead), rows[i].dropped ? 1 : 2);
        if (rows[i].dropped) {
            leadlab_dropped(&w, leadlab_lock(1));
        }
        leadlab_quiet(&w);
        leadlab_edges(&w, "1m 2m");
        if (rows[i].dropped) {
            leadlab_refused(&w, leadlab_lock(1));
        }
        leadlab_quiet(&w);
        leadlab_told(&w, "");
        ovsdbd_stop(&w);
    }
}

/* A shard that goes while there is something to be told of it. */
static void
test_edges_gone(void **state OVS_UNUSED)
{
    struct ovsdbd_world w;
    struct json *id;

    leadlab_start_named(&w);
    leadlab_edges(&w, "1m");
    leadlab_granted(&w, leadlab_lock(1));
    id = leadlab_claimed(&w, "1", 0);
    leadlab_edges(&w, "");
    leadlab_dropped(&w, leadlab_lock(1));
    leadlab_answer(&w, id, 5, "{'rows':[{'generation':7}]}");
    leadlab_quiet(&w);
    leadlab_told(&w, "");

    leadlab_edges(&w, "1m");
    leadlab_granted(&w, leadlab_lock(1));
    leadlab_claim(&w, 1, 0, 8);
    leadlab_edges(&w, "");
    leadlab_dropped(&w, leadlab_lock(1));
    leadlab_told(&w, "");
    assert_int_equal(lead_count(w.lead), 0);
    ovsdbd_stop(&w);
}

/* Given up and wanted again while a claim is under way, of which nothing
 * counts then. */
static void
test_drop_in_claim(void **state OVS_UNUSED)
{
    struct ovsdbd_world w;
    struct json *id;

    leadlab_start_named(&w);
    leadlab_edges(&w, "1m");
    leadlab_granted(&w, leadlab_lock(1));
    id = leadlab_claimed(&w, "1", 0);
    leadlab_edges(&w, "1o");
    leadlab_dropped(&w, leadlab_lock(1));
    leadlab_edges(&w, "1mo");
    leadlab_granted(&w, leadlab_lock(1));
    leadlab_quiet(&w);
    leadlab_answer(&w, id, 5, "{'rows':[{'generation':7}]}");
    leadlab_claim(&w, 1, 0, 9);
    assert_int_equal(leadlab_leads(&w, 1), 9);
    leadlab_told(&w, "+1");
    ovsdbd_stop(&w);
}

static void
test_meet(void **state OVS_UNUSED)
{
    struct ovsdbd_world w;
    struct uuid uuid = leadlab_uuid(1), other = leadlab_uuid(9);

    leadlab_start_named(&w);
    leadlab_edges(&w, "1o");
    lead_meet(w.lead, &other);
    leadlab_quiet(&w);
    lead_meet(w.lead, &uuid);
    lead_meet(w.lead, &uuid);
    leadlab_granted(&w, leadlab_lock(1));
    leadlab_claim(&w, 1, 0, 7);
    leadlab_told(&w, "+1");
    ovsdbd_stop(&w);
}

static void
test_pending(void **state OVS_UNUSED)
{
    struct ovsdbd_world w;
    struct json *name, *ids[2];

    /* Until it is known who has the name, and then the locks. */
    leadlab_start(&w);
    name = leadlab_asked(&w, LEADLAB_C1);
    leadlab_edges(&w, "1m 2o 3mo");
    assert_true(leadlab_pending(&w, 1));
    assert_false(leadlab_pending(&w, 2));
    assert_true(leadlab_pending(&w, 3));
    assert_false(leadlab_pending(&w, 4));
    ovsdbd_reply(&w, 0, name, OVSDBD_WAIT);
    leadlab_quiet(&w);
    assert_false(leadlab_pending(&w, 1));
    ovsdbd_notify(&w, 0, "locked", "['" LEADLAB_C1 "']");
    leadlab_granted(&w, LEADLAB_CHIEF);
    assert_true(leadlab_pending(&w, 1));
    assert_false(leadlab_pending(&w, 2));

    for (int i = 0; i < 2; i++) {
        free(ovsdbd_next(&w, 0, &ids[i]));
    }
    assert_true(leadlab_pending(&w, 1));
    ovsdbd_reply(&w, 0, ids[0], OVSDBD_WAIT);
    ovsdbd_reply(&w, 0, ids[1], OVSDBD_WAIT);
    leadlab_quiet(&w);
    assert_false(leadlab_pending(&w, 1));
    assert_false(leadlab_pending(&w, 3));
    ovsdbd_stop(&w);
}

/* Shards with other names. */

static void
test_inherit(void **state OVS_UNUSED)
{
    static const struct {
        bool granted, held_before;
    } rows[] = { { true, false }, { true, true }, { false, false } };
    struct uuid uuid = leadlab_uuid(2);

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct ovsdbd_world w;
        struct json *id;

        print_message("%d %d\n", rows[i].granted, rows[i].held_before);
        leadlab_start_leading(&w, "1m", "1", 7);
        leadlab_edges(&w, "2m");
        assert_true(leadlab_pending(&w, 2));
        if (!rows[i].held_before) {
            lead_inherit(w.lead, &uuid);
            assert_int_equal(leadlab_leads(&w, 2), 7);
        }
        leadlab_dropped(&w, leadlab_lock(1));
        id = leadlab_asked(&w, leadlab_lock(2));
        assert_false(leadlab_has(&w, 2));

        if (rows[i].granted) {
            ovsdbd_reply(&w, 0, id, OVSDBD_LOCKED);
            id = leadlab_claimed(&w, "2", 0);
            lead_inherit(w.lead, &uuid);
            assert_int_equal(leadlab_leads(&w, 2), 7);
            assert_int_equal(lead_count(w.lead), 1);
            assert_false(leadlab_has(&w, 2));
            leadlab_told(&w, "");
            leadlab_answer(&w, id, 5, "{'rows':[{'generation':9}]}");
            leadlab_quiet(&w);
            assert_int_equal(leadlab_leads(&w, 2), 9);
            assert_true(leadlab_has(&w, 2));
            lead_inherit(w.lead, &uuid);
            assert_int_equal(leadlab_leads(&w, 2), 9);
            leadlab_told(&w, "+2");
        } else {
            ovsdbd_reply(&w, 0, id, OVSDBD_WAIT);
            leadlab_quiet(&w);
            assert_false(leadlab_leads(&w, 2));
            leadlab_told(&w, "-2");
        }
        ovsdbd_stop(&w);
    }
}

/* What is left to others, or is not there, is not inherited, nor what is led
 * already. */
static void
test_inherit_not(void **state OVS_UNUSED)
{
    struct ovsdbd_world w;
    struct uuid led = leadlab_uuid(1), left = leadlab_uuid(2);
    struct uuid unknown = leadlab_uuid(9);

    leadlab_start_leading(&w, "1m 2o", "1", 7);
    leadlab_edges(&w, "1m 2o 3m");
    leadlab_granted(&w, leadlab_lock(3));
    leadlab_claim(&w, 3, 0, 9);
    leadlab_told(&w, "+3");
    lead_inherit(w.lead, &led);
    lead_inherit(w.lead, &left);
    lead_inherit(w.lead, &unknown);
    assert_int_equal(leadlab_leads(&w, 1), 7);
    assert_false(leadlab_leads(&w, 2));
    assert_false(leadlab_leads(&w, 9));
    leadlab_told(&w, "");
    ovsdbd_stop(&w);
}

/* Shares. */

static void
test_yield(void **state OVS_UNUSED)
{
    struct ovsdbd_world w;
    struct uuid alone = leadlab_uuid(1), ours = leadlab_uuid(2);
    struct uuid left = leadlab_uuid(3), unknown = leadlab_uuid(9);
    char *locked = xasprintf("['%s']", leadlab_lock(2));

    leadlab_start_leading(&w, "1m 2mo 3o", "1 2", 7);
    assert_false(lead_yield(w.lead, &alone));
    assert_false(lead_yield(w.lead, &left));
    assert_false(lead_yield(w.lead, &unknown));
    leadlab_quiet(&w);
    leadlab_told(&w, "");

    assert_true(lead_yield(w.lead, &ours));
    assert_false(lead_yield(w.lead, &ours));
    assert_false(leadlab_leads(&w, 2));
    assert_false(leadlab_has(&w, 2));
    assert_int_equal(lead_count(w.lead), 1);
    leadlab_told(&w, "-2");
    leadlab_dropped(&w, leadlab_lock(2));
    leadlab_refused(&w, leadlab_lock(2));
    leadlab_edges(&w, "1m 2mo 3o");
    leadlab_quiet(&w);
    leadlab_told(&w, "");

    /* The other has died. */
    ovsdbd_notify(&w, 0, "locked", locked);
    leadlab_claim(&w, 2, 0, 9);
    leadlab_told(&w, "+2");
    assert_int_equal(leadlab_leads(&w, 2), 9);
    free(locked);
    ovsdbd_stop(&w);
}

/* Returns how many of 'n' shards a controller that leads 'mine' yields, and
 * with them 'lost' ones of which nobody has met an edge. */
static size_t
excess(size_t n, size_t n_controllers, size_t mine, size_t least, size_t lost)
{
    struct lead *lead = lead_create("unix:/nonexistent", "c1");
    struct lead_shard *shard;
    size_t n_led = 0, result;

    lead_edges_begin(lead);
    for (size_t i = 1; i <= n + lost; i++) {
        struct uuid uuid = leadlab_uuid(i);

        lead_edge(lead, &uuid, i <= n, i <= n);
    }
    lead_edges_end(lead);
    HMAP_FOR_EACH (shard, node, &lead->shards) {
        lead_set(lead, shard, shard->held, shard->sure,
                 !shard->met || n_led++ < mine);
    }
    assert_int_equal(lead_count(lead), mine + lost);
    assert_int_equal(lead_count_met(lead), mine);
    result = lead_excess(lead, n_controllers, least);
    lead_destroy(lead);
    return result;
}

static void
test_excess(void **state OVS_UNUSED)
{
    static const struct {
        size_t n, n_controllers, mine, least, excess;
    } rows[] = {
        /* Alone, or not even known to be. */
        { 0, 1, 0, 0, 0 },
        { 5, 1, 5, 0, 0 },
        { 5, 0, 5, 0, 0 },

        /* As many for each as for all others. */
        { 4, 2, 4, 0, 2 },
        { 4, 2, 3, 1, 1 },
        { 4, 2, 2, 0, 0 },
        { 4, 2, 2, 2, 0 },
        { 4, 2, 1, 3, 0 },
        { 9, 3, 9, 0, 6 },

        /* One more for some. */
        { 5, 2, 5, 0, 2 },
        { 5, 2, 3, 2, 0 },
        { 5, 2, 3, 1, 1 },
        { 5, 2, 2, 0, 0 },
        { 7, 3, 3, 1, 1 },
        { 7, 3, 3, 2, 0 },
        { 8, 3, 3, 2, 0 },

        /* Not enough for all. */
        { 1, 3, 1, 0, 0 },
        { 2, 3, 2, 0, 1 },
        { 2, 3, 1, 0, 0 },
        { 0, 3, 0, 0, 0 },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        print_message("%zu shards, %zu controllers, %zu mine, %zu least\n",
                      rows[i].n, rows[i].n_controllers, rows[i].mine,
                      rows[i].least);
        for (size_t lost = 0; lost <= 9; lost += 3) {
            assert_int_equal(excess(rows[i].n, rows[i].n_controllers,
                                    rows[i].mine, rows[i].least, lost),
                             rows[i].excess);
        }
    }
}

/* Controllers that all have met all edges, and the queues of their locks: the
 * first of each is the leader. */
enum { MAX_CONTROLLERS = 5, MAX_SHARDS = 13 };
struct division {
    size_t n, n_controllers;
    int queue[MAX_SHARDS][MAX_CONTROLLERS];
};

static size_t
count_led(const struct division *d, int controller)
{
    size_t n_led = 0;

    for (size_t i = 0; i < d->n; i++) {
        n_led += d->queue[i][0] == controller;
    }
    return n_led;
}

/* The fewest shards that one leads but 'controller' (or none), or the most. */
static size_t
extreme_led(const struct division *d, int controller, bool most)
{
    size_t extreme = most ? 0 : SIZE_MAX;

    for (size_t i = 0; i < d->n_controllers; i++) {
        if ((int) i != controller) {
            size_t n_led = count_led(d, i);

            extreme = most ? MAX(extreme, n_led) : MIN(extreme, n_led);
        }
    }
    return extreme;
}

/* 'controller' knows what the others lead in 'seen'.  Returns how many it has
 * yielded in 'd', each to the next in line. */
static size_t
look(struct division *d, const struct division *seen, int controller)
{
    size_t n_excess = excess(d->n, d->n_controllers, count_led(d, controller),
                             extreme_led(seen, controller, false), 0);
    size_t n_yielded = 0;

    for (size_t i = 0; i < d->n && n_yielded < n_excess; i++) {
        int *queue = d->queue[i];

        if (queue[0] == controller) {
            memmove(queue, queue + 1, (d->n_controllers - 1) * sizeof *queue);
            queue[d->n_controllers - 1] = controller;
            n_yielded++;
        }
    }
    return n_yielded;
}

/* Fails unless 'd' is divided evenly after some rounds, and stays so.  With
 * 'late', all know what was the case before the round. */
static void
settle(struct division *d, bool late)
{
    size_t share = d->n / d->n_controllers, n_yielded, n_rounds = 0;

    do {
        struct division before = *d;

        n_yielded = 0;
        for (size_t i = 0; i < d->n_controllers; i++) {
            size_t mine = count_led(d, i);

            n_yielded += look(d, late ? &before : d, i);
            assert_true(count_led(d, i) >= MIN(mine, share));
        }
        assert_true(++n_rounds <= 2 * MAX_CONTROLLERS);
    } while (n_yielded);
    assert_true(extreme_led(d, -1, true)
                - extreme_led(d, -1, false) <= 1);
}

/* The queue of each lock begins with a controller of its own; 'step' says
 * where. */
static void
divide(struct division *d, size_t n, size_t n_controllers, size_t step)
{
    *d = (struct division) { .n = n, .n_controllers = n_controllers };
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n_controllers; j++) {
            d->queue[i][j] = (i * i * step / 4 + j) % n_controllers;
        }
    }
}

static void
test_spread(void **state OVS_UNUSED)
{
    for (size_t k = 1; k <= MAX_CONTROLLERS; k++) {
        for (size_t n = 0; n <= MAX_SHARDS; n++) {
            for (size_t step = 0; step < 8; step++) {
                struct division d;

                for (int late = 0; late < 2; late++) {
                    divide(&d, n, k, step);
                    settle(&d, late);
                }

                /* One more comes, which has the last place in each queue. */
                if (k < MAX_CONTROLLERS) {
                    d.n_controllers++;
                    for (size_t i = 0; i < n; i++) {
                        d.queue[i][k] = k;
                    }
                    settle(&d, step % 2);
                }
            }
        }
    }
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_edges),
        cmocka_unit_test(test_edges_change),
        cmocka_unit_test(test_edges_gone),
        cmocka_unit_test(test_drop_in_claim),
        cmocka_unit_test(test_meet),
        cmocka_unit_test(test_pending),
        cmocka_unit_test(test_inherit),
        cmocka_unit_test(test_inherit_not),
        cmocka_unit_test(test_yield),
        cmocka_unit_test(test_excess),
        cmocka_unit_test(test_spread),
    };

    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_OFF);
    return cmocka_run_group_tests_name("lead_shard", tests, NULL, NULL);
}
