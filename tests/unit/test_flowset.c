/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "flows/flowset.h"
#include "openvswitch/dynamic-string.h"
#include "util.h"

static void
add(struct flowset *set, uint64_t cookie, const char *text)
{
    char *error = flowset_add_str(set, cookie, text);

    if (error) {
        fail_msg("%s: %s", text, error);
    }
}

static struct flowset_flow *
only(const struct flowset *set)
{
    assert_int_equal(flowset_count(set), 1);
    return CONTAINER_OF(hmap_first(&set->flows), struct flowset_flow, node);
}

#define BASE "table=1,priority=5,in_port=1,actions=drop"

/* Two flows, and whether they have one identity, are the same, and have the
 * same actions. */
static const struct same_row {
    const char *what;
    const char *a, *b;
    uint64_t cookie;        /* Of 'b'; that of 'a' is 1. */
    bool alike, same, same_actions;
} same_rows[] = {
    { "the same", BASE, BASE, 1, true, true, true },
    { "written in another way", BASE,
      "in_port=1 table=1 priority=5 actions=drop", 1,
      true, true, true },
    { "another table", BASE, "table=2,priority=5,in_port=1,actions=drop",
      1, false, true, true },
    { "another priority", BASE,
      "table=1,priority=6,in_port=1,actions=drop", 1, false, true, true },
    { "another match", BASE, "table=1,priority=5,in_port=2,actions=drop",
      1, false, true, true },
    { "a wider match", BASE, "table=1,priority=5,actions=drop", 1,
      false, true, true },
    { "another mask", "table=1,priority=5,reg1=0/1,actions=drop",
      "table=1,priority=5,reg1=0/3,actions=drop", 1, false, true, true },
    { "another cookie", BASE, BASE, 2, true, false, true },
    { "an idle timeout", BASE,
      "table=1,priority=5,idle_timeout=3,in_port=1,actions=drop", 1,
      true, false, true },
    { "a hard timeout", BASE,
      "table=1,priority=5,hard_timeout=3,in_port=1,actions=drop", 1,
      true, false, true },
    { "a flag", BASE,
      "table=1,priority=5,send_flow_rem,in_port=1,actions=drop", 1,
      true, false, true },
    { "another action", BASE,
      "table=1,priority=5,in_port=1,actions=output:1", 1,
      true, false, false },
    { "another order of actions",
      "table=1,priority=5,actions=output:1,output:2",
      "table=1,priority=5,actions=output:2,output:1", 1,
      true, false, false },
    { "an action, as other versions of OpenFlow write it",
      "table=1,priority=5,actions=load:1->NXM_NX_REG3[0]",
      "table=1,priority=5,actions=set_field:1/1->reg3", 1,
      true, true, true },
    { "the same beside a meter",
      "table=1,priority=5,actions=meter:7,load:1->NXM_NX_REG3[0]",
      "table=1,priority=5,actions=meter:7,set_field:1/1->reg3", 1,
      true, true, true },
    { "another meter",
      "table=1,priority=5,actions=meter:7,resubmit(,1)",
      "table=1,priority=5,actions=meter:8,resubmit(,1)", 1,
      true, false, false },
    { "the same in a copy",
      "table=1,priority=5,actions=clone(load:1->NXM_NX_REG3[0]),output:1",
      "table=1,priority=5,actions=clone(set_field:1/1->reg3),output:1", 1,
      true, true, true },
    { "another action in a copy",
      "table=1,priority=5,actions=clone(set_field:1/1->reg3)",
      "table=1,priority=5,actions=clone(set_field:2/2->reg3)", 1,
      true, false, false },
    { "an action more in a copy",
      "table=1,priority=5,actions=clone(output:1)",
      "table=1,priority=5,actions=clone(output:1,output:2)", 1,
      true, false, false },
    { "the same of VLANs", "table=1,priority=5,actions=strip_vlan",
      "table=1,priority=5,actions=pop_vlan", 1, true, true, true },
};

static void
test_same(void **state OVS_UNUSED)
{
    for (size_t i = 0; i < ARRAY_SIZE(same_rows); i++) {
        const struct same_row *r = &same_rows[i];
        struct flowset a, b;

        flowset_init(&a);
        flowset_init(&b);
        add(&a, 1, r->a);
        add(&b, r->cookie, r->b);
        bool alike = flowset_find(&a, only(&b)) != NULL;
        bool same = flowset_flow_same(only(&a), only(&b));
        bool same_actions = flowset_flow_same_actions(only(&a), only(&b));
        if (alike != r->alike || same != r->same
            || same_actions != r->same_actions) {
            fail_msg("%s: alike %d, same %d, same actions %d", r->what, alike,
                     same, same_actions);
        }

        /* Adding one that is alike replaces. */
        add(&a, r->cookie, r->b);
        assert_int_equal(flowset_count(&a), 1 + !r->alike);
        assert_true(flowset_flow_same(flowset_find(&a, only(&b)), only(&b)));
        flowset_destroy(&a);
        flowset_destroy(&b);
    }
}

static size_t
count(const struct flowset *set, uint64_t cookie)
{
    const struct flowset_owner *owner = flowset_owner(set, cookie);

    assert_true(!owner || !ovs_list_is_empty(&owner->flows));
    return owner ? ovs_list_size(&owner->flows) : 0;
}

static void
test_owners(void **state OVS_UNUSED)
{
    struct flowset set, other;

    flowset_init(&set);
    flowset_init(&other);
    add(&set, 1, "in_port=1,actions=drop");
    add(&set, 1, "in_port=2,actions=drop");
    add(&set, 2, "in_port=3,actions=drop");
    assert_int_equal(count(&set, 1), 2);
    assert_int_equal(count(&set, 2), 1);
    assert_int_equal(count(&set, 3), 0);

    /* A match passes from one owner to another. */
    add(&set, 2, "in_port=2,actions=drop");
    assert_int_equal(count(&set, 1), 1);
    assert_int_equal(count(&set, 2), 2);
    assert_int_equal(flowset_count(&set), 3);

    /* From one set to another, in the place of its like. */
    add(&other, 7, "in_port=1,actions=output:1");
    const struct flowset_owner *owner = flowset_owner(&set, 1);
    struct flowset_flow *flow = CONTAINER_OF(ovs_list_front(&owner->flows),
                                             struct flowset_flow, owner_node);
    flowset_move(&other, &set, flow);
    assert_null(flowset_owner(&set, 1));
    assert_null(flowset_owner(&other, 7));
    assert_ptr_equal(only(&other), flow);

    flowset_remove(&other, flow);
    assert_int_equal(flowset_count(&other), 0);
    flowset_clear(&set);
    assert_int_equal(flowset_count(&set), 0);
    assert_true(hmap_is_empty(&set.owners));
    flowset_destroy(&set);
    flowset_destroy(&other);
}

/* What is printed can be read again. */
static void
test_format(void **state OVS_UNUSED)
{
    static const char *const rows[] = {
        "cookie=0x1, table=1, priority=5,in_port=1 actions=drop",
        "cookie=0x1, table=1, idle_timeout=3, hard_timeout=4, "
            "send_flow_rem priority=5,reg1=0/0xfff actions=output:3",
        "cookie=0x1, table=7, priority=100,reg3=0/0x2,metadata=0x1388 "
            "actions=set_field:0x2000a->reg1,resubmit(,8)",
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct ds s = DS_EMPTY_INITIALIZER;
        struct flowset set;

        flowset_init(&set);
        add(&set, 1, rows[i]);
        flowset_flow_format(only(&set), &s);
        assert_string_equal(ds_cstr(&s), rows[i]);
        flowset_destroy(&set);
        ds_destroy(&s);
    }
}

static void
test_bad_text(void **state OVS_UNUSED)
{
    struct flowset set;

    flowset_init(&set);
    char *error = flowset_add_str(&set, 1, "in_port=1,actions=no such");
    assert_non_null(error);
    assert_int_equal(flowset_count(&set), 0);
    free(error);
    flowset_destroy(&set);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same),
        cmocka_unit_test(test_owners),
        cmocka_unit_test(test_format),
        cmocka_unit_test(test_bad_text),
    };

    return cmocka_run_group_tests_name("flowset", tests, NULL, NULL);
}
