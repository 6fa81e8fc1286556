/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* Which owners a change marks dirty on which nodes. */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "flow.h"
#include "flows/delta.h"
#include "flows/pipeline.h"
#include "tests/unit/net.h"
#include "util.h"

static void
settle(struct net *net)
{
    net_settle(net);
    net_clean(net);
}

/* A changed row marks its own owners, and no others. */
static void
test_dirt(void **state)
{
    struct net *net = *state;

    for (unsigned int n = 10; n < 1010; n++) {
        net_segment(net, n, n * 10);
        net_binding(net, n, n, 1, "p1", n);
    }
    settle(net);
    net_active(net, 1, 1);
    net_clean(net);

    net_segment(net, 3, 7000);
    net_settle(net);
    net_check_dirt(net, "a segment without places", 1, "");
    net_clean(net);

    net_binding(net, 1, 3, 1, "p2", 7);
    net_settle(net);
    net_check_dirt(net, "one segment more among 1000", 1,
                   "addrs 0, port 3, segment 7000");
    net_check_dirt(net, "and on the standby", 2,
                   "addrs 0, port 3, segment 7000");
    net_check_dirt(net, "and elsewhere", 3, "");
    net_clean(net);

    net_host_port(net, 1, 3, 3, "p1");
    net_settle(net);
    net_check_dirt(net, "a host joins: its port", 3,
                   "addrs 0, cluster 1, port 2, segment 7000");
    net_check_dirt(net, "a host joins: the edge floods to it", 1,
                   "segment 7000");
    net_clean(net);

    net_vtep(net, 1, 3, "192.0.2.1");
    net_settle(net);
    net_check_dirt(net, "a VTEP", 1, "segment 7000");
    net_check_dirt(net, "a VTEP", 3, "segment 7000");
    net_clean(net);

    net_segment(net, 3, 7000);
    net_binding(net, 1, 3, 1, "p2", 7);
    net_vtep(net, 1, 3, "192.0.2.1");
    net_node(net, 1, "1", "10.0.0.1");
    net_cluster(net, 1, "12");
    net_settle(net);
    net_check_dirt(net, "nothing has changed", 1, "");
    net_check_dirt(net, "nothing has changed", 3, "");
    net_clean(net);

    net_del(net, TOPO_BINDING, 1);
    net_settle(net);
    net_check_dirt(net, "a binding goes", 1,
                   "addrs 0, port 3, segment 7000");
    net_check_dirt(net, "a binding goes", 3, "cluster 1, segment 7000");
}

/* What a place limits concerns its segment's own flows, on the nodes that have
 * them, and no MACs. */
static void
test_storm_dirt(void **state)
{
    struct net *net = *state;

    net_binding(net, 1, 1, 1, "p1", 10);
    net_host_port(net, 1, 1, 3, "p1");
    settle(net);
    net_active(net, 1, 1);
    fdb_sight(&net->fdb, net_get_node(net, 1),
              net_get_place(net, TOPO_BINDING, 1), net_mac(1), 0, &net->ops);
    net_clean(net);

    net_limited(net, 1, 1, 1, "p1", 10, 100, 0);
    net_settle(net);
    net_check_dirt(net, "a limit", 1, "segment 5000");
    net_check_dirt(net, "a limit", 3, "segment 5000");
    assert_int_equal(net->ops.n, 0);
    net_clean(net);

    net_limited(net, 1, 1, 1, "p1", 10, 100, 0);
    net_settle(net);
    net_check_dirt(net, "the same limit", 1, "");
    net_limited(net, 1, 1, 1, "p1", 10, 100, 7);
    net_settle(net);
    net_check_dirt(net, "a limit outward", 1, "segment 5000");
    net_clean(net);
    net_binding(net, 1, 1, 1, "p1", 10);
    net_settle(net);
    net_check_dirt(net, "no limit", 1, "segment 5000");
    net_clean(net);

    net_quiet_segment(net, 1, 5000);
    net_settle(net);
    net_check_dirt(net, "unknown unicast is dropped", 3, "segment 5000");
    net_clean(net);
    net_quiet_segment(net, 1, 5000);
    net_settle(net);
    net_check_dirt(net, "nothing has changed", 3, "");
    assert_int_equal(net->ops.n, 0);
    assert_int_equal(net->fdb.macs.n, 1);
}

/* What becomes of BPDUs concerns the segment, and a guard its ports; a probe
 * for loops is no matter of flows. */
static void
test_bpdu_dirt(void **state)
{
    static const struct row {
        const char *what;
        struct topo_attach_row binding;
        const char *dirt;
    } rows[] = {
        { "the default", { .bpdu = TOPO_BPDU_DROP }, "" },
        { "forward", { .bpdu = TOPO_BPDU_FORWARD }, "segment 5000" },
        { "guard", { .bpdu = TOPO_BPDU_GUARD }, "port 2, segment 5000" },
        { "the same", { .bpdu = TOPO_BPDU_GUARD }, "" },
        { "a probe", { .bpdu = TOPO_BPDU_GUARD, .loop_probe = 1 }, "" },
        { "it is closed", { .bpdu = TOPO_BPDU_GUARD, .closed_until = 1 },
          "port 2, segment 5000" },
        { "it is open", { .bpdu = TOPO_BPDU_GUARD },
          "port 2, segment 5000" },
        { "no guard", { .bpdu = TOPO_BPDU_DROP }, "port 2, segment 5000" },
        { "another is closed", { .closed_until = 1 }, "segment 5000" },
    };
    struct net *net = *state;

    net_binding(net, 1, 1, 1, "p1", 10);
    settle(net);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        net_bind(net, 1, 1, 1, "p1", 10, &rows[i].binding);
        net_settle(net);
        net_check_dirt(net, rows[i].what, 1, rows[i].dirt);
        net_clean(net);
    }
}

static void
test_failover_dirt(void **state)
{
    struct net *net = *state;

    for (unsigned int n = 1; n <= 2; n++) {
        net_binding(net, n, n, 1, "p1", n);
    }
    net_host_port(net, 1, 1, 3, "p1");
    settle(net);
    net_active(net, 1, 1);
    net_clean(net);

    net_active(net, 1, 1);
    net_check_dirt(net, "nothing has changed", 1, "");
    net_active(net, 1, 2);
    net_check_dirt(net, "the active edge, by its gate", 2, "cluster 1");
    net_check_dirt(net, "the host", 3, "cluster 1");
    net_clean(net);

    net_host_port(net, 2, 2, 1, "p2");
    settle(net);
    net_active(net, 1, 1);
    net_check_dirt(net, "an edge that could get floods twice", 1,
                   "cluster 1, segment 5001");
    net_clean(net);
    net_del(net, TOPO_HOST_PORT, 2);
    settle(net);
    net_active(net, 1, 2);
    net_check_dirt(net, "and no more", 1, "cluster 1");
}

/* The edge that was active leaves a cluster that has no bindings. */
static void
test_active_leaves(void **state)
{
    struct net *net = *state;

    net_active(net, 1, 2);
    net_clean(net);
    net_cluster(net, 1, "1");
    net_settle(net);
    assert_null(net_get_cluster(net, 1)->active);
    net_check_dirt(net, "its gate has to go", 2,
                   "addrs 0, cluster 1");
}

static void
test_tunnel_port_dirt(void **state)
{
    struct net *net = *state;

    net_binding(net, 1, 1, 1, "p1", 10);
    settle(net);
    net_port(net, 1, "genev0", 7);
    net_check_dirt(net, "the tunnel port has another number", 1,
                   "cluster 1, node 0, port 1, port 7, segment 5000");
    net_check_dirt(net, "of no concern", 2, "");
}

/* Others are told at once, and not again when the next edge is active. */
static void
test_give_way(void **state)
{
    struct net *net = *state;
    struct flowset before, after;

    net_binding(net, 1, 1, 1, "p1", 10);
    net_host_port(net, 1, 1, 3, "p1");
    net_settle(net);
    net_active(net, 1, 1);
    net_clean(net);
    topo_cluster_give_way(net_get_cluster(net, 1), net_get_node(net, 2));
    net_check_dirt(net, "a host", 3, "cluster 1");
    flowset_init(&before);
    flowset_init(&after);
    pipeline_all(net_get_node(net, 3), &before);
    net_active(net, 1, 2);
    pipeline_all(net_get_node(net, 3), &after);

    struct delta delta;
    delta_init(&delta, &before);
    delta_all(&delta, &after);
    delta_finish(&delta);
    assert_true(delta_is_empty(&delta));
    delta_destroy(&delta);
    flowset_destroy(&before);
    flowset_destroy(&after);
}

/* And told again when another edge is to be it, before the first has come. */
static void
test_give_way_again(void **state)
{
    struct net *net = *state;

    net_binding(net, 1, 1, 1, "p1", 10);
    net_host_port(net, 1, 1, 3, "p1");
    net_settle(net);
    net_active(net, 1, 1);
    topo_cluster_give_way(net_get_cluster(net, 1), net_get_node(net, 2));
    net_clean(net);
    topo_cluster_give_way(net_get_cluster(net, 1), net_get_node(net, 2));
    net_check_dirt(net, "nothing has changed", 3, "");
    topo_cluster_give_way(net_get_cluster(net, 1), net_get_node(net, 1));
    net_check_dirt(net, "a host", 3, "cluster 1");
    net_check_dirt(net, "a standby, which watches it", 2, "cluster 1");
}

static void
test_sight_dirt(void **state)
{
    struct net *net = *state;

    net_binding(net, 1, 1, 1, "p1", 10);
    settle(net);
    net_port(net, 1, "peer0", 4);
    net_check_dirt(net, "a port that sees the other", 1,
                   "cluster 1, port 4");
    net_check_dirt(net, "which has its own", 2, "");
    net_clean(net);
    topo_node_set_looped(&net->topo, net_get_node(net, 1), u16_to_ofp(4),
                         true);
    net_check_dirt(net, "it leads nowhere", 1, "cluster 1");
    net_clean(net);
    net_node_sees(net, 3, "3", "10.0.0.3", "12");
    net_settle(net);
    net_port(net, 3, "bfd2", 5);
    net_check_dirt(net, "a host that sees edges, and needs none", 3,
                   "node 0, port 1, port 5");
    net_host_port(net, 1, 1, 3, "p1");
    settle(net);
    net_port(net, 3, "bfd2", 6);
    net_check_dirt(net, "one that does", 3, "cluster 1, port 5, port 6");
    net_clean(net);
    net_clean(net);
    net_fence(net, 1, "12");
    net_check_dirt(net, "fence", 1, "cluster 1");
    net_check_dirt(net, "fence, too", 2, "cluster 1");
    net_check_dirt(net, "fence, of no concern", 3, "");
}

#define TEST(NAME) \
    cmocka_unit_test_setup_teardown(NAME, net_setup_three, net_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_give_way),
        TEST(test_give_way_again),
        TEST(test_sight_dirt),
        TEST(test_dirt),
        TEST(test_storm_dirt),
        TEST(test_bpdu_dirt),
        TEST(test_failover_dirt),
        TEST(test_active_leaves),
        TEST(test_tunnel_port_dirt),
    };

    return cmocka_run_group_tests_name("dirt", tests, NULL, NULL);
}
