/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* What becomes of BPDUs, and which bindings are probed for loops, in the
 * topology and in numbers of flows.  Where frames go is in tests/flows/. */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "flows/flowset.h"
#include "flows/pipeline.h"
#include "tests/unit/net.h"
#include "util.h"

/* Returns how many flows edge 1 has for s1 and port p1. */
static size_t
count_flows(struct net *net)
{
    const struct topo_node *node = net_get_node(net, 1);
    struct flowset set;

    flowset_init(&set);
    pipeline_segment(node, net_get_segment(net, 1), &set);
    pipeline_port(node, topo_node_port(node, "p1")->ofport, &set);

    size_t n = flowset_count(&set);
    flowset_destroy(&set);
    return n;
}

/* How many flows VLAN 10 of p1 costs more than by default: those of two
 * addresses. */
static void
test_count(void **state)
{
    static const struct row {
        const char *what;
        uint16_t vlan;
        struct topo_attach_row binding;
        size_t n_flows;
    } rows[] = {
        { "drop", 10, { .bpdu = TOPO_BPDU_DROP }, 0 },
        { "guard: of the VLAN and of the port", 10,
          { .bpdu = TOPO_BPDU_GUARD }, 4 },
        { "a guard that has closed it", 10,
          { .bpdu = TOPO_BPDU_GUARD, .closed_until = 1 }, 0 },
        { "a guard without a tag: of the port", 0,
          { .bpdu = TOPO_BPDU_GUARD }, 2 },
        { "forward: on the way in, and two to flood", 10,
          { .bpdu = TOPO_BPDU_FORWARD }, 4 },
        { "a probe for loops", 10, { .loop_probe = 1 }, 0 },
    };
    struct net *net = *state;

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        net_binding(net, 1, 1, 1, "p1", rows[i].vlan);
        net_settle(net);

        size_t n = count_flows(net);
        net_bind(net, 1, 1, 1, "p1", rows[i].vlan, &rows[i].binding);
        net_settle(net);
        if (count_flows(net) != n + rows[i].n_flows) {
            fail_msg("%s: %"PRIuSIZE" flows beside %"PRIuSIZE", not %"
                     PRIuSIZE, rows[i].what, count_flows(net) - n, n,
                     rows[i].n_flows);
        }
    }
}

/* Bindings that are to be probed are in a heap, whatever becomes of them. */
static void
test_probing(void **state)
{
    struct net *net = *state;
    const struct heap *probing = &net->topo.probing;
    const struct topo_attach_row probed = { .loop_probe = 5 };

    net_binding(net, 1, 1, 1, "p1", 10);
    assert_int_equal(heap_count(probing), 0);
    net_bind(net, 1, 1, 1, "p1", 10, &probed);
    net_bind(net, 1, 1, 1, "p1", 10, &probed);
    assert_int_equal(heap_count(probing), 1);
    assert_true(heap_max(probing)->priority == UINT64_MAX);
    net_bind(net, 2, 9, 1, "p1", 20, &probed);
    assert_int_equal(heap_count(probing), 2);
    net_settle(net);
    net_bind(net, 1, 1, 1, "p2", 10, &probed);
    assert_int_equal(heap_count(probing), 2);
    net_settle(net);
    net_binding(net, 1, 1, 1, "p2", 10);
    assert_int_equal(heap_count(probing), 1);
    net_del(net, TOPO_BINDING, 2);
    assert_int_equal(heap_count(probing), 0);
    net_bind(net, 1, 1, 1, "p2", 10, &probed);
    net_settle(net);
}

#define TEST(NAME) \
    cmocka_unit_test_setup_teardown(NAME, net_setup_three, net_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_count),
        TEST(test_probing),
    };

    return cmocka_run_group_tests_name("bpdu", tests, NULL, NULL);
}
