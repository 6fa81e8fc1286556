/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* MACs of which the node that saw them is not there, yet or any more. */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "flows/flowset.h"
#include "flows/layout.h"
#include "openvswitch/dynamic-string.h"
#include "tests/unit/net.h"
#include "util.h"

/* Slots of port 2: VLAN 10, VLAN 20, untagged. */
#define SLOT(VLAN) layout_slot(u16_to_ofp(2), VLAN)

static void
adopt(struct net *net, unsigned int node, bool source, unsigned int place,
      uint8_t mac, uint32_t epoch)
{
    struct topo_place *p = net_get_place(net, TOPO_BINDING, place);

    if (source) {
        fdb_adopt_source(&net->fdb, net_get_node(net, node), p,
                         SLOT(place * 10), net_mac(mac), epoch, net->now,
                         &net->ops);
    } else {
        fdb_adopt_dest(&net->fdb, net_get_node(net, node), p, net_mac(mac),
                       epoch, net->now, &net->ops);
    }
}

static void
test_adopt(void **state)
{
    struct net *net = *state;

    adopt(net, 1, true, 1, 1, 1);
    adopt(net, 1, false, 1, 1, 1);
    net_check_ops(net, "the others are told; the node itself has it",
                  "e2 +dst 01, e3 +dst 01");
    assert_int_equal(net_find(net, 1)->n_seen, 1);
    adopt(net, 2, false, 1, 1, 1);
    adopt(net, 3, false, 1, 1, 1);
    net_check_ops(net, "they have it already", "");
    assert_int_equal(net_find(net, 1)->n_seen, 1);
    assert_true(ovs_list_is_empty(&net->fdb.probation));
}

/* By hearsay. */
static void
test_probation(void **state)
{
    struct net *net = *state;

    net->now = 1000000;
    adopt(net, 3, false, 1, 1, 1);
    net_check_ops(net, "from DEST", "e1 +dst 01, e2 +dst 01");
    adopt(net, 3, false, 1, 2, 1);
    net->ops.n = 0;
    adopt(net, 1, true, 1, 2, 1);
    fdb_run(&net->fdb, net->now + 299999, &net->ops);
    net_check_ops(net, "not yet", "");
    fdb_run(&net->fdb, net->now + 300000, &net->ops);
    net_check_ops(net, "nobody has seen it",
                  "e1 -dst 01, e2 -dst 01, e3 -dst 01");
    assert_null(net_find(net, 1));
    fdb_run(&net->fdb, net->now + 900000, &net->ops);
    net_check_ops(net, "somebody has", "");
    assert_non_null(net_find(net, 2));

    adopt(net, 3, false, 1, 3, 1);
    net_see(net, 1, TOPO_BINDING, 1, 3);
    net->ops.n = 0;
    fdb_run(&net->fdb, net->now + 900000, &net->ops);
    net_check_ops(net, "a sighting ends it too", "");
}

/* Makes edge 'n' go away. */
static void
lose(struct net *net, unsigned int n)
{
    net_get_node(net, n)->away = true;
    fdb_lose_node(&net->fdb, net_get_node(net, n), net->now);
}

/* Seen by nodes of which none is there any more. */
static void
test_lost_nodes(void **state)
{
    struct net *net = *state;

    net_static(net, 1, 1, "aa:00:00:00:00:09", TOPO_BINDING, 1);
    net_vtep(net, 1, 1, "192.0.2.1");
    net_settle(net);
    net_see(net, 1, TOPO_BINDING, 1, 1);
    net_see(net, 1, TOPO_BINDING, 1, 2);
    net_see(net, 2, TOPO_BINDING, 1, 2);
    net_see(net, 3, TOPO_HOST_PORT, 1, 3);
    net_see(net, 1, TOPO_VTEP, 1, 4);
    net_see(net, 1, TOPO_BINDING, 1, 5);
    net->now = 1000000;
    lose(net, 1);
    net->ops.n = 0;

    /* 5 speaks where another edge has taken over. */
    net_see(net, 2, TOPO_BINDING, 1, 5);
    net->ops.n = 0;
    fdb_run(&net->fdb, net->now + 299999, &net->ops);
    net_check_ops(net, "not yet", "");
    fdb_run(&net->fdb, net->now + 300000, &net->ops);
    assert_null(net_find(net, 1));
    assert_null(net_find(net, 4));
    for (uint8_t mac = 2; mac <= 9; mac += mac == 5 ? 4 : mac == 3 ? 2 : 1) {
        assert_non_null(net_find(net, mac));
    }

    /* The last edge that has seen 2 goes, and comes back with it. */
    lose(net, 2);
    net_get_node(net, 2)->away = false;
    adopt(net, 2, true, 1, 2, 1);
    net->ops.n = 0;
    fdb_run(&net->fdb, net->now + 300000, &net->ops);
    assert_non_null(net_find(net, 2));
    assert_null(net_find(net, 5));

    /* Or it comes back without anything, and gets it again. */
    struct flowset set;
    lose(net, 2);
    net_get_node(net, 2)->away = false;
    flowset_init(&set);
    fdb_node_flows(net_get_node(net, 2), NULL, &set);
    flowset_destroy(&set);
    fdb_run(&net->fdb, net->now + 300000, &net->ops);
    assert_non_null(net_find(net, 2));
}

/* Who has lost one flow of the two has let the MAC age. */
static void
test_aged_while_away(void **state)
{
    struct net *net = *state;

    net_see(net, 1, TOPO_BINDING, 1, 1);
    net_see(net, 2, TOPO_BINDING, 1, 2);
    net_see(net, 1, TOPO_BINDING, 1, 2);
    net_see(net, 1, TOPO_BINDING, 1, 3);
    net_see(net, 1, TOPO_BINDING, 1, 4);
    net->ops.n = 0;

    /* Edge 1 comes back, for the second time: 4 it has seen. */
    adopt(net, 1, true, 1, 4, 2);
    adopt(net, 1, false, 1, 1, 2);
    net_check_ops(net, "DEST alone", "e1 -dst 01, e2 -dst 01, e3 -dst 01");
    assert_null(net_find(net, 1));
    adopt(net, 1, false, 1, 2, 2);
    adopt(net, 1, false, 1, 4, 2);
    net_check_ops(net, "DEST alone, but another has seen it; and both", "");
    assert_int_equal(net_find(net, 2)->n_seen, 1);
    assert_non_null(net_find(net, 4));
    assert_int_equal(net_find(net, 3)->n_seen, 1);
    assert_int_equal(net->fdb.n_aged, 1);
}

/* What the controller knows better. */
static void
test_adopt_conflicts(void **state)
{
    struct net *net = *state;

    net_static(net, 1, 1, "aa:00:00:00:00:05", TOPO_BINDING, 2);
    net_settle(net);
    net_see(net, 1, TOPO_BINDING, 2, 1);
    net->ops.n = 0;
    adopt(net, 2, true, 1, 1, 1);
    adopt(net, 2, true, 1, 5, 1);
    adopt(net, 2, false, 1, 1, 1);
    adopt(net, 2, false, 1, 5, 1);
    net_check_ops(net, "another place", "");
    assert_ptr_equal(net_find(net, 1)->place,
                     net_get_place(net, TOPO_BINDING, 2));
    assert_int_equal(net_find(net, 1)->n_seen, 1);
    assert_true(net_find(net, 5)->is_static);
}

#define TEST(NAME) \
    cmocka_unit_test_setup_teardown(NAME, net_setup_fdb, net_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_adopt),
        TEST(test_probation),
        TEST(test_lost_nodes),
        TEST(test_aged_while_away),
        TEST(test_adopt_conflicts),
    };

    return cmocka_run_group_tests_name("fdb_adopt", tests, NULL, NULL);
}
