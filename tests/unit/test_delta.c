/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* The law of flows/delta.h, on sets by chance: apply(delta(want, have), have)
 * is want, as our own idea of the switch (delta_apply()) and as a switch that
 * carries out the flow-mods one after another. */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "flows/delta.h"
#include "flows/flowset.h"
#include "byte-order.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/ofp-flow.h"
#include "openvswitch/ofpbuf.h"
#include "util.h"

#define N_COOKIES 4

static uint32_t
chance(uint32_t *seed, uint32_t n)
{
    *seed = *seed * 1664525 + 1013904223;
    return (uint64_t) (*seed >> 8) * n >> 24;
}

/* Adds up to 12 flows, out of so few that two sets have many in common. */
static void
add_random(struct flowset *set, uint32_t *seed)
{
    for (uint32_t n = chance(seed, 12); n > 0; n--) {
        char *text = xasprintf(
            "table=%u,priority=%u,%sin_port=%u,actions=%s",
            chance(seed, 2), chance(seed, 2),
            chance(seed, 4) ? "" : "table=0,idle_timeout=300,send_flow_rem,",
            chance(seed, 3),
            chance(seed, 3) ? chance(seed, 2) ? "drop" : "output:1"
            : "set_field:1->reg1,resubmit(,2)");

        assert_null(flowset_add_str(set, 1 + chance(seed, N_COOKIES), text));
        free(text);
    }
}

static void
copy(struct flowset *to, const struct flowset *from)
{
    const struct flowset_flow *flow;

    HMAP_FOR_EACH (flow, node, &from->flows) {
        struct ds s = DS_EMPTY_INITIALIZER;

        flowset_flow_format(flow, &s);
        assert_null(flowset_add_str(to, flow->cookie, ds_cstr(&s)));
        ds_destroy(&s);
    }
}

static void
check_equal(const struct flowset *a, const struct flowset *b,
            const char *what, uint32_t seed)
{
    const struct flowset_flow *flow;

    bool equal = flowset_count(a) == flowset_count(b);
    HMAP_FOR_EACH (flow, node, &a->flows) {
        const struct flowset_flow *other = flowset_find(b, flow);

        equal = equal && other && flowset_flow_same(flow, other);
    }
    if (!equal) {
        fail_msg("seed %"PRIu32": %s", seed, what);
    }
}

/* Does to 'set' what a switch does for 'fm' (OpenFlow 1.5.1, section 6.4). */
static void
carry_out(struct flowset *set, const struct ofputil_flow_mod *fm)
{
    struct flowset one;
    struct flowset_flow *like, *old;
    struct match match;
    struct ofpbuf acts;

    minimatch_expand(&fm->match, &match);
    ofpbuf_use_const(&acts, fm->ofpacts, fm->ofpacts_len);
    flowset_init(&one);
    flowset_add(&one, &(struct flowset_spec) {
        .table = fm->table_id, .priority = fm->priority,
        .cookie = ntohll(fm->new_cookie), .idle_timeout = fm->idle_timeout,
        .hard_timeout = fm->hard_timeout, .flags = fm->flags,
        .match = &match, .ofpacts = &acts,
    });
    like = CONTAINER_OF(hmap_first(&one.flows), struct flowset_flow, node);
    old = flowset_find(set, like);
    if (fm->command == OFPFC_ADD) {
        flowset_move(set, &one, like);
    } else if (old && !((htonll(old->cookie) ^ fm->cookie)
                        & fm->cookie_mask)) {
        if (fm->command == OFPFC_DELETE_STRICT) {
            flowset_remove(set, old);
        } else {
            /* The actions alone. */
            assert_int_equal(fm->command, OFPFC_MODIFY_STRICT);
            flowset_add(set, &(struct flowset_spec) {
                .table = old->table, .priority = old->priority,
                .cookie = old->cookie, .idle_timeout = old->idle_timeout,
                .hard_timeout = old->hard_timeout, .flags = old->flags,
                .match = &match, .ofpacts = &acts,
            });
        }
    }
    flowset_destroy(&one);
}

/* Checks what goes for every delta, and carries it out in 'sw'. */
static void
check_changes(const struct delta *delta, struct flowset *sw, uint32_t seed)
{
    bool deleting = true;
    size_t n[OFPFC_DELETE_STRICT + 1] = { 0 };

    for (size_t i = 0; i < delta->n; i++) {
        const struct delta_change *change = &delta->changes[i];
        struct ofputil_flow_mod fm;

        delta_change_to_flow_mod(change, &fm);
        n[fm.command]++;
        if (fm.command == OFPFC_DELETE_STRICT) {
            if (!deleting) {
                fail_msg("seed %"PRIu32": a deletion after others", seed);
            }
            assert_true(fm.cookie == htonll(change->flow->cookie));
            assert_true(fm.cookie_mask == OVS_BE64_MAX);
            if (!flowset_find(sw, change->flow)) {
                fail_msg("seed %"PRIu32": deleted twice", seed);
            }
        } else {
            deleting = false;
            assert_true(fm.cookie_mask == 0);
            assert_true(fm.new_cookie == htonll(change->flow->cookie));
        }
        if (fm.command == OFPFC_MODIFY_STRICT) {
            const struct flowset_flow *old = flowset_find(delta->have,
                                                          change->flow);
            assert_int_equal(old->cookie, change->flow->cookie);
            assert_int_equal(old->idle_timeout, change->flow->idle_timeout);
            assert_int_equal(old->flags, change->flow->flags);
            assert_false(flowset_flow_same_actions(old, change->flow));
        }
        carry_out(sw, &fm);
    }
    assert_int_equal(delta->n_added, n[OFPFC_ADD]);
    assert_int_equal(delta->n_modified, n[OFPFC_MODIFY_STRICT]);
    assert_int_equal(delta->n_deleted, n[OFPFC_DELETE_STRICT]);
}

/* Computes the delta owner by owner, in an order by chance. */
static void
delta_owners(struct delta *delta, const struct flowset *want, uint32_t *seed)
{
    uint32_t first = chance(seed, N_COOKIES);

    for (uint32_t i = 0; i < N_COOKIES; i++) {
        uint64_t cookie = 1 + (first + i * 3) % N_COOKIES;
        struct flowset all, owned;
        struct flowset_flow *flow;

        flowset_init(&all);
        flowset_init(&owned);
        copy(&all, want);
        HMAP_FOR_EACH_SAFE (flow, node, &all.flows) {
            if (flow->cookie == cookie) {
                flowset_move(&owned, &all, flow);
            }
        }
        delta_owner(delta, &owned, cookie);
        flowset_destroy(&all);
        flowset_destroy(&owned);
    }
}

static void
check_law(uint32_t seed, bool by_owner)
{
    struct flowset want, have, sw, taken;
    struct delta delta;
    uint32_t s = seed;

    flowset_init(&want);
    flowset_init(&have);
    flowset_init(&sw);
    flowset_init(&taken);
    add_random(&want, &s);
    add_random(&have, &s);
    copy(&sw, &have);

    delta_init(&delta, &have);
    if (by_owner) {
        delta_owners(&delta, &want, &s);
    } else {
        copy(&taken, &want);
        delta_all(&delta, &taken);
    }
    delta_finish(&delta);
    check_equal(&sw, &have, "computing it changed something", seed);
    check_changes(&delta, &sw, seed);
    check_equal(&want, &sw, "not what was wanted, in the switch", seed);
    delta_apply(&delta);
    check_equal(&want, &have, "not what was wanted", seed);
    assert_true(delta_is_empty(&delta));

    /* Once more: nothing. */
    flowset_clear(&taken);
    copy(&taken, &want);
    delta_all(&delta, &taken);
    delta_owners(&delta, &want, &s);
    assert_true(delta_is_empty(&delta));
    delta_destroy(&delta);
    flowset_destroy(&want);
    flowset_destroy(&have);
    flowset_destroy(&sw);
    flowset_destroy(&taken);
}

static void
test_law(void **state OVS_UNUSED)
{
    for (uint32_t seed = 1; seed <= 2000; seed++) {
        check_law(seed, false);
        check_law(seed, true);
    }
}

/* Owners by cookie, a bit each. */
static bool
is_out(const struct flowset_flow *flow, void *out)
{
    return *(unsigned int *) out >> flow->cookie & 1;
}

/* Adds to 'expected' what is to become of 'have' if owners are left out: what
 * is theirs stays as long as it should be there, in whatever form. */
static void
expect_without(const struct flowset *want, const struct flowset *have,
               unsigned int out, struct flowset *expected)
{
    struct flowset_flow *flow;

    copy(expected, want);
    HMAP_FOR_EACH_SAFE (flow, node, &expected->flows) {
        const struct flowset_flow *old = flowset_find(have, flow);
        uint64_t cookie = flow->cookie;
        struct ds s = DS_EMPTY_INITIALIZER;

        if (is_out(flow, &out)) {
            flowset_remove(expected, flow);
            if (old && old->cookie == cookie) {
                flowset_flow_format(old, &s);
                assert_null(flowset_add_str(expected, cookie, ds_cstr(&s)));
            }
        }
        ds_destroy(&s);
    }
}

static void
check_left_out(uint32_t seed, bool by_owner)
{
    struct flowset want, have, sw, taken, expected;
    struct delta delta;
    uint32_t s = seed;
    unsigned int out = chance(&s, 1 << N_COOKIES) << 1;

    flowset_init(&want);
    flowset_init(&have);
    flowset_init(&sw);
    flowset_init(&expected);
    add_random(&want, &s);
    add_random(&have, &s);
    copy(&sw, &have);
    expect_without(&want, &have, out, &expected);

    for (int again = 0; again < 2; again++) {
        flowset_init(&taken);
        delta_init(&delta, &have);
        if (by_owner) {
            delta_owners(&delta, &want, &s);
        } else {
            copy(&taken, &want);
            delta_all(&delta, &taken);
        }
        delta_leave_out(&delta, is_out, &out);
        delta_finish(&delta);
        assert_true(!again || delta_is_empty(&delta));
        check_changes(&delta, &sw, seed);
        check_equal(&expected, &sw, "not what was to come, in the switch",
                    seed);
        delta_apply(&delta);
        check_equal(&expected, &have, "not what was to come", seed);
        delta_destroy(&delta);
        flowset_destroy(&taken);
    }
    flowset_destroy(&want);
    flowset_destroy(&have);
    flowset_destroy(&sw);
    flowset_destroy(&expected);
}

/* With some owners left out, all others get what they should; once more is
 * nothing; and by owners it comes to the same as all at once. */
static void
test_left_out(void **state OVS_UNUSED)
{
    for (uint32_t seed = 1; seed <= 2000; seed++) {
        check_left_out(seed, false);
        check_left_out(seed, true);
    }
}

/* A match passes from one owner to another: in whatever order the two are
 * looked at, the new one has it in the end. */
static void
test_match_passes_on(void **state OVS_UNUSED)
{
    for (int order = 0; order < 2; order++) {
        struct flowset have, sw, want[2];
        struct delta delta;

        flowset_init(&have);
        flowset_init(&sw);
        assert_null(flowset_add_str(&have, 1,
                                    "table=0,in_port=1,actions=drop"));
        copy(&sw, &have);
        delta_init(&delta, &have);
        flowset_init(&want[0]);
        flowset_init(&want[1]);
        assert_null(flowset_add_str(&want[1], 2,
                                    "table=0,in_port=1,actions=drop"));
        delta_owner(&delta, &want[order], 1 + order);
        delta_owner(&delta, &want[!order], 1 + !order);
        delta_finish(&delta);
        assert_int_equal(delta.n_deleted, 1);
        assert_int_equal(delta.n_added, 1);
        check_changes(&delta, &sw, 0);
        delta_apply(&delta);
        assert_int_equal(flowset_count(&have), 1);
        assert_non_null(flowset_owner(&have, 2));
        check_equal(&have, &sw, "the switch has another", 0);
        delta_destroy(&delta);
        flowset_destroy(&have);
        flowset_destroy(&sw);
        flowset_destroy(&want[0]);
        flowset_destroy(&want[1]);
    }
}

static void
test_commands(void **state OVS_UNUSED)
{
    static const struct row {
        const char *what;
        const char *have, *want;
        const char *delta;      /* As delta_format() says it. */
    } rows[] = {
        { "nothing", NULL, NULL, "" },
        { "a new one", NULL, "table=0,in_port=1,actions=drop",
          "+ cookie=0x1, table=0, in_port=1 actions=drop\n" },
        { "one too many", "table=0,in_port=1,actions=drop", NULL,
          "- cookie=0x1, table=0, in_port=1 actions=drop\n" },
        { "other actions", "table=0,in_port=1,actions=drop",
          "table=0,in_port=1,actions=output:1",
          "! cookie=0x1, table=0, in_port=1 actions=output:1\n" },
        { "another timeout", "table=0,in_port=1,actions=drop",
          "table=0,idle_timeout=3,in_port=1,actions=drop",
          "+ cookie=0x1, table=0, idle_timeout=3, in_port=1 actions=drop\n" },
        { "another flag", "table=0,in_port=1,actions=drop",
          "table=0,send_flow_rem,in_port=1,actions=drop",
          "+ cookie=0x1, table=0, send_flow_rem in_port=1 actions=drop\n" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct ds s = DS_EMPTY_INITIALIZER;
        struct flowset want, have;
        struct delta delta;

        flowset_init(&want);
        flowset_init(&have);
        if (rows[i].have) {
            assert_null(flowset_add_str(&have, 1, rows[i].have));
        }
        if (rows[i].want) {
            assert_null(flowset_add_str(&want, 1, rows[i].want));
        }
        delta_init(&delta, &have);
        delta_all(&delta, &want);
        delta_finish(&delta);
        delta_format(&delta, &s);
        if (strcmp(ds_cstr(&s), rows[i].delta)) {
            fail_msg("%s: \"%s\"", rows[i].what, ds_cstr(&s));
        }
        delta_destroy(&delta);
        flowset_destroy(&want);
        flowset_destroy(&have);
        ds_destroy(&s);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_law),
        cmocka_unit_test(test_left_out),
        cmocka_unit_test(test_match_passes_on),
        cmocka_unit_test(test_commands),
    };

    return cmocka_run_group_tests_name("delta", tests, NULL, NULL);
}
