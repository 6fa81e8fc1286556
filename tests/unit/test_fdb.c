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
#include "flows/layout.h"
#include "openvswitch/dynamic-string.h"
#include "tests/unit/net.h"
#include "util.h"

/* Slots of port 2: VLAN 10, VLAN 20, untagged. */
#define SLOT(VLAN) layout_slot(u16_to_ofp(2), VLAN)

static bool
idle(struct net *net, unsigned int node, enum topo_table table,
     unsigned int place, uint32_t slot, uint8_t mac)
{
    return fdb_idle(&net->fdb, net_get_node(net, node),
                    net_get_place(net, table, place), slot, net_mac(mac),
                    &net->ops);
}

static void
test_sight(void **state)
{
    static const struct row {
        const char *what;
        unsigned int node;
        enum topo_table table;
        unsigned int place;
        enum fdb_verdict verdict;
        const char *ops;
    } rows[] = {
        { "new", 1, TOPO_BINDING, 1, FDB_LEARNED,
          "e1 +dst 01, e2 +dst 01, e3 +dst 01, e1 +src 01/2.10" },
        { "again", 1, TOPO_BINDING, 1, FDB_CONFIRMED, "e1 +src 01/2.10" },
        { "by the other edge", 2, TOPO_BINDING, 1, FDB_CONFIRMED,
          "e2 +src 01/2.10" },
        { "in another VLAN: both edges forget the old", 1, TOPO_BINDING, 2,
          FDB_MOVED, "e1 -src 01/2.10, e2 -src 01/2.10, "
          "e1 +dst 01, e2 +dst 01, e3 +dst 01, e1 +src 01/2.20" },
        { "on the host", 3, TOPO_HOST_PORT, 1, FDB_MOVED,
          "e1 -src 01/2.20, e1 +dst 01, e2 +dst 01, e3 +dst 01, "
          "e3 +src 01/2.0" },
        { "behind the VTEP", 3, TOPO_VTEP, 1, FDB_MOVED,
          "e3 -src 01/2.0, e1 +dst 01, e2 +dst 01, e3 +dst 01, "
          "e3 +src 01/0.0" },
        { "and seen there by e1", 1, TOPO_VTEP, 1, FDB_CONFIRMED,
          "e1 +src 01/0.0" },
        { "and back", 1, TOPO_BINDING, 1, FDB_MOVED,
          "e3 -src 01/0.0, e1 -src 01/0.0, "
          "e1 +dst 01, e2 +dst 01, e3 +dst 01, e1 +src 01/2.10" },
    };
    struct net *net = *state;

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const struct row *r = &rows[i];
        enum fdb_verdict verdict;

        net->now += 1000;
        verdict = net_see(net, r->node, r->table, r->place, 1);
        if (verdict != r->verdict) {
            fail_msg("%s: verdict %d, not %d", r->what, verdict, r->verdict);
        }
        net_check_ops(net, r->what, r->ops);
        if ((net_find(net, 1)->learned_at == net->now)
            != (verdict != FDB_CONFIRMED)) {
            fail_msg("%s: since when it is there", r->what);
        }
        assert_int_equal(net_get_segment(net, 1)->n_learned, 1);
    }
    assert_int_equal(net->fdb.n_learned, 1);
    assert_int_equal(net->fdb.n_moved, 4);
    assert_int_equal(net_find(net, 1)->n_moves, 4);
}

/* A node that lacks the port of the new place must not keep the way to the old
 * one. */
static void
test_move_to_missing_port(void **state)
{
    struct net *net = *state;

    net_binding(net, 3, 1, 1, "p9", 10);
    net_port(net, 1, "p9", 9);
    net_settle(net);
    net_clean(net);
    net_see(net, 1, TOPO_BINDING, 1, 1);
    net_check_ops(net, "learned",
                  "e1 +dst 01, e2 +dst 01, e3 +dst 01, e1 +src 01/2.10");
    net_see(net, 1, TOPO_BINDING, 3, 1);
    net_check_ops(net, "moved", "e1 -src 01/2.10, e1 +dst 01, e2 -dst 01, "
                  "e3 +dst 01, e1 +src 01/9.10");
}

static void
test_idle(void **state)
{
    static const struct row {
        const char *what;
        unsigned int node;
        enum topo_table table;
        unsigned int place;
        uint32_t vlan;
        uint8_t mac;
        size_t n_seen;          /* How many have seen MAC 1 then. */
        const char *ops;
    } rows[] = {
        { "never seen", 1, TOPO_BINDING, 1, 10, 9, 2, "" },
        { "not seen by that node", 3, TOPO_BINDING, 1, 10, 1, 2, "" },
        { "not at that place", 1, TOPO_BINDING, 2, 20, 1, 2, "" },
        { "not by that slot", 1, TOPO_BINDING, 1, 20, 1, 2, "" },
        { "one of two", 1, TOPO_BINDING, 1, 10, 1, 1, "" },
        { "the same again", 1, TOPO_BINDING, 1, 10, 1, 1, "" },
        { "the last", 2, TOPO_BINDING, 1, 10, 1, 0,
          "e1 -dst 01, e2 -dst 01, e3 -dst 01" },
        { "gone", 2, TOPO_BINDING, 1, 10, 1, 0, "" },
        { "static", 1, TOPO_BINDING, 1, 10, 5, 0, "" },
    };
    struct net *net = *state;

    net_static(net, 1, 1, "aa:00:00:00:00:05", TOPO_BINDING, 1);
    net_settle(net);
    net_see(net, 1, TOPO_BINDING, 1, 1);
    net_see(net, 2, TOPO_BINDING, 1, 1);
    net->ops.n = 0;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const struct row *r = &rows[i];
        bool known = net_find(net, 1) != NULL;
        bool forgotten = idle(net, r->node, r->table, r->place,
                              SLOT(r->vlan), r->mac);
        size_t n_seen = net_find(net, 1) ? net_find(net, 1)->n_seen : 0;

        if (n_seen != r->n_seen || forgotten != (known && !n_seen)) {
            fail_msg("%s: seen by %"PRIuSIZE", %sforgotten", r->what, n_seen,
                     forgotten ? "" : "not ");
        }
        net_check_ops(net, r->what, r->ops);
    }
    assert_null(net_find(net, 1));
    assert_non_null(net_find(net, 5));
    assert_int_equal(net->fdb.n_aged, 1);
}

static void
test_static(void **state)
{
    struct net *net = *state;

    net_see(net, 3, TOPO_HOST_PORT, 1, 5);
    net->ops.n = 0;
    net_static(net, 1, 1, "aa:00:00:00:00:05", TOPO_BINDING, 1);
    net_settle(net);
    net_check_ops(net, "in the place of a learned one",
                  "e3 -src 05/2.0, e1 -dst 05, e2 -dst 05, e3 -dst 05, "
                  "e1 +dst 05, e2 +dst 05, e3 +dst 05, "
                  "e1 +src 05/2.10, e2 +src 05/2.10, "
                  "e1 +guard 05, e2 +guard 05, e3 +guard 05");
    assert_int_equal(net_get_segment(net, 1)->n_learned, 0);
    assert_int_equal(net_get_place(net, TOPO_BINDING, 1)->n_learned, 0);
    assert_int_equal(net_get_segment(net, 1)->n_macs, 1);

    assert_int_equal(net_see(net, 3, TOPO_HOST_PORT, 1, 5), FDB_REFUSED);
    net_check_ops(net, "never moves", "");
    assert_int_equal(net_see(net, 1, TOPO_BINDING, 1, 5), FDB_CONFIRMED);
    net_check_ops(net, "is where it should be", "e1 +src 05/2.10");
    assert_int_equal(fdb_flush(&net->fdb, NULL, NULL, &net->ops), 0);
    net_check_ops(net, "is not flushed", "");
    net_settle(net);
    net_check_ops(net, "nothing has changed", "");

    net_static(net, 1, 1, "aa:00:00:00:00:05", TOPO_BINDING, 2);
    net_settle(net);
    net_check_ops(net, "moved by hand",
                  "e1 -guard 05, e2 -guard 05, e3 -guard 05, "
                  "e1 -src 05/2.10, e2 -src 05/2.10, "
                  "e1 -dst 05, e2 -dst 05, e3 -dst 05, "
                  "e1 +dst 05, e2 +dst 05, e3 +dst 05, "
                  "e1 +src 05/2.20, e2 +src 05/2.20, "
                  "e1 +guard 05, e2 +guard 05, e3 +guard 05");
    net_static(net, 1, 1, "not a MAC", TOPO_BINDING, 2);
    net_settle(net);
    net_check_ops(net, "in error",
                  "e1 -guard 05, e2 -guard 05, e3 -guard 05, "
                  "e1 -src 05/2.20, e2 -src 05/2.20, "
                  "e1 -dst 05, e2 -dst 05, e3 -dst 05");
    assert_null(net_find(net, 5));
}

static void
test_limit(void **state)
{
    struct net *net = *state;
    struct topo_segment *segment = net_get_segment(net, 1);

    segment->mac_limit = 4;
    net_see(net, 3, TOPO_HOST_PORT, 1, 1);
    net_see(net, 1, TOPO_BINDING, 1, 2);
    net_see(net, 1, TOPO_BINDING, 2, 3);
    net_see(net, 1, TOPO_BINDING, 2, 4);
    net->ops.n = 0;

    /* One port floods: it loses its own oldest, whatever it sends. */
    for (uint8_t mac = 10; mac < 60; mac++) {
        net_see(net, 1, TOPO_BINDING, 2, mac);
        assert_int_equal(segment->n_learned, 4);
        assert_null(net_find(net, mac == 10 ? 3 : mac == 11 ? 4 : mac - 2));
    }
    assert_non_null(net_find(net, 1));
    assert_non_null(net_find(net, 2));
    assert_int_equal(net->fdb.n_evicted, 50);
    net->ops.n = 0;

    /* A neighbour takes from the one that holds most. */
    net_see(net, 1, TOPO_BINDING, 1, 5);
    net_check_ops(net, "a neighbour", "e1 -src 3a/2.20, "
                  "e1 -dst 3a, e2 -dst 3a, e3 -dst 3a, "
                  "e1 +dst 05, e2 +dst 05, e3 +dst 05, e1 +src 05/2.10");

    /* A static one does not count, and is not evicted. */
    net_static(net, 1, 1, "aa:00:00:00:00:06", TOPO_BINDING, 1);
    net_settle(net);
    assert_int_equal(segment->n_learned, 4);
    net_see(net, 1, TOPO_BINDING, 1, 7);
    net_see(net, 1, TOPO_BINDING, 1, 8);
    assert_non_null(net_find(net, 6));
    assert_int_equal(segment->n_learned, 4);
    assert_int_equal(segment->n_macs, 5);

    /* A lower limit holds from the next one on. */
    segment->mac_limit = 2;
    net_see(net, 3, TOPO_HOST_PORT, 1, 9);
    assert_int_equal(segment->n_learned, 2);
}

/* A place pushes out a thousand of its own MACs a second, and no more; that is
 * no concern of its neighbours'. */
static void
test_churn(void **state)
{
    struct net *net = *state;
    unsigned int n_full = 0;

    net_get_segment(net, 1)->mac_limit = 4;
    for (unsigned int i = 0; i < 2000; i++) {
        n_full += net_see(net, 1, TOPO_BINDING, 2, i % 200) == FDB_FULL;
    }
    assert_int_equal(net->fdb.n_evicted, 1000);
    assert_true(n_full > 900);      /* The others are known already. */
    assert_int_equal(net_see(net, 3, TOPO_HOST_PORT, 1, 201), FDB_LEARNED);
    net->now += 1000;
    assert_int_equal(net_see(net, 1, TOPO_BINDING, 2, 202), FDB_LEARNED);
}

/* Where none holds more, a place takes from itself. */
static void
test_limit_even(void **state)
{
    struct net *net = *state;

    net_get_segment(net, 1)->mac_limit = 4;
    net_see(net, 1, TOPO_BINDING, 1, 1);
    net_see(net, 1, TOPO_BINDING, 1, 2);
    net_see(net, 3, TOPO_HOST_PORT, 1, 3);
    net_see(net, 3, TOPO_HOST_PORT, 1, 4);
    net_see(net, 1, TOPO_BINDING, 1, 5);
    assert_null(net_find(net, 1));
    net_see(net, 3, TOPO_HOST_PORT, 1, 6);
    assert_null(net_find(net, 3));
    assert_non_null(net_find(net, 2));
    assert_non_null(net_find(net, 4));
}

static void
test_flush(void **state)
{
    struct net *net = *state;
    struct eth_addr mac = net_mac(1);

    net_segment(net, 2, 5001);
    net_binding(net, 4, 2, 1, "p1", 40);
    net_settle(net);
    net_clean(net);
    for (uint8_t i = 1; i <= 3; i++) {
        net_see(net, 1, TOPO_BINDING, 1, i);
        net_see(net, 1, TOPO_BINDING, 4, i);
    }
    net->ops.n = 0;
    assert_int_equal(fdb_flush(&net->fdb, net_get_segment(net, 1), &mac,
                               &net->ops), 1);
    net_check_ops(net, "one", "e1 -src 01/2.10, e1 -dst 01, e2 -dst 01, "
                  "e3 -dst 01");
    assert_int_equal(fdb_flush(&net->fdb, NULL, &mac, &net->ops), 1);
    net_check_ops(net, "one, in any segment", "e1 -src 01/2.40, e1 -dst 01, "
                  "e2 -dst 01");
    assert_int_equal(fdb_flush(&net->fdb, net_get_segment(net, 2), NULL,
                               &net->ops), 2);
    assert_int_equal(net_get_segment(net, 1)->n_macs, 2);
    assert_int_equal(fdb_flush(&net->fdb, NULL, NULL, &net->ops), 2);
    assert_int_equal(fdb_flush(&net->fdb, NULL, NULL, &net->ops), 0);
}

/* Another controller leads from now on: what is known is old when this one
 * leads again, and the switches keep what they have. */
static void
test_abandon(void **state)
{
    struct net *net = *state;
    struct topo_segment *segment = net_get_segment(net, 1);

    net_static(net, 1, 1, "aa:00:00:00:00:05", TOPO_BINDING, 1);
    net_segment(net, 2, 5001);
    net_binding(net, 4, 2, 1, "p1", 40);
    net_settle(net);
    for (uint8_t i = 1; i <= 3; i++) {
        net_see(net, 1, TOPO_BINDING, 1, i);
        net_see(net, 1, TOPO_BINDING, 4, i);
    }
    net->ops.n = 0;
    fdb_abandon(&net->fdb, segment);
    net_check_ops(net, "the switches are told nothing", "");
    assert_int_equal(segment->n_learned, 0);
    assert_int_equal(segment->n_macs, 1);
    assert_int_equal(net_get_place(net, TOPO_BINDING, 1)->n_learned, 0);
    assert_int_equal(net_get_segment(net, 2)->n_learned, 3);
    assert_int_equal(net_see(net, 3, TOPO_HOST_PORT, 1, 2), FDB_LEARNED);
}

/* A place that goes takes its MACs with it, and no others. */
static void
test_withdrawn(void **state)
{
    struct net *net = *state;
    char *dirt;

    net_see(net, 1, TOPO_BINDING, 1, 1);
    net_see(net, 2, TOPO_BINDING, 2, 2);
    net_see(net, 1, TOPO_VTEP, 1, 3);
    net->ops.n = 0;
    net_del(net, TOPO_BINDING, 1);
    net_settle(net);
    net_check_ops(net, "a binding", "e1 -src 01/2.10, e1 -dst 01, e2 -dst 01, "
                  "e3 -dst 01");
    dirt = net_dirt(net, 1);
    assert_null(strstr(dirt, "macs"));
    free(dirt);
    net_clean(net);
    net_del(net, TOPO_VTEP, 1);
    net_settle(net);
    net_check_ops(net, "a VTEP", "e1 -src 03/0.0, e1 -dst 03, e2 -dst 03, "
                  "e3 -dst 03");
    assert_non_null(net_find(net, 2));
}

/* An edge leaves the cluster, and comes back. */
static void
test_edge_leaves(void **state)
{
    struct net *net = *state;

    net_see(net, 1, TOPO_BINDING, 1, 1);
    net_see(net, 2, TOPO_BINDING, 1, 1);
    net_see(net, 2, TOPO_BINDING, 1, 2);
    net_host_port(net, 2, 1, 2, "p2");
    net_settle(net);
    net_clean(net);
    net_cluster(net, 1, "1");
    net_settle(net);
    net_check_ops(net, "one that another has seen too, and one that not",
                  "e2 -src 01/2.10, e1 +dst 01, e2 +dst 01, e3 +dst 01, "
                  "e2 -src 02/2.10, e1 -dst 02, e2 -dst 02, e3 -dst 02");
    assert_int_equal(net_find(net, 1)->n_seen, 1);
    assert_null(net_find(net, 2));
}

static void
test_forget_node(void **state)
{
    struct net *net = *state;

    net_see(net, 1, TOPO_VTEP, 1, 1);
    net_see(net, 3, TOPO_VTEP, 1, 1);
    net_see(net, 3, TOPO_VTEP, 1, 2);
    net_static(net, 1, 1, "aa:00:00:00:00:05", TOPO_VTEP, 1);
    net_settle(net);
    net_clean(net);
    net_del(net, TOPO_EDGE, 3);
    net_settle(net);
    net_check_ops(net, "the only one who saw it has gone",
                  "e1 -dst 02, e2 -dst 02");
    assert_non_null(net_find(net, 1));
    assert_non_null(net_find(net, 5));
    for (size_t i = 0; i < net_find(net, 5)->n_seen; i++) {
        assert_string_not_equal(net_find(net, 5)->seen[i].node->name, "e3");
    }
}

/* Operations and fdb_node_flows() say the same. */
static void
test_ports_renumbered(void **state)
{
    struct net *net = *state;
    struct flowset set;

    net_see(net, 1, TOPO_BINDING, 1, 1);
    net_clean(net);
    net_port(net, 1, "p1", 7);
    flowset_init(&set);
    fdb_node_flows(net_get_node(net, 1), NULL, &set);
    assert_int_equal(flowset_count(&set), 2);
    flowset_destroy(&set);
    assert_int_equal(net_find(net, 1)->seen[0].slot,
                     layout_slot(u16_to_ofp(7), 10));
    net_port(net, 1, "p1", 0);
    flowset_init(&set);
    fdb_node_flows(net_get_node(net, 1), NULL, &set);
    assert_int_equal(flowset_count(&set), 0);
    flowset_destroy(&set);

    fdb_flush(&net->fdb, NULL, NULL, &net->ops);
    net_check_ops(net, "no SOURCE flow to delete",
                  "e1 -dst 01, e2 -dst 01, e3 -dst 01");
}

#define TEST(NAME) \
    cmocka_unit_test_setup_teardown(NAME, net_setup_fdb, net_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_sight),
        TEST(test_move_to_missing_port),
        TEST(test_idle),
        TEST(test_static),
        TEST(test_limit),
        TEST(test_churn),
        TEST(test_limit_even),
        TEST(test_flush),
        TEST(test_abandon),
        TEST(test_withdrawn),
        TEST(test_edge_leaves),
        TEST(test_forget_node),
        TEST(test_ports_renumbered),
    };

    return cmocka_run_group_tests_name("fdb", tests, NULL, NULL);
}
