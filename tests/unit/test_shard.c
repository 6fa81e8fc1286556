/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "tests/unit/net.h"
#include "util.h"

#define N_NODES 6

/* A cluster or edge by whose UUID a shard goes: "c1", "e2". */
static void
format_shard(const struct uuid *shard, struct ds *s)
{
    for (unsigned int n = 1; n <= N_NODES; n++) {
        struct uuid cluster = net_uuid(TOPO_CLUSTER, n);
        struct uuid edge = net_uuid(TOPO_EDGE, n);

        if (uuid_equals(shard, &cluster)) {
            ds_put_format(s, "c%u ", n);
        } else if (uuid_equals(shard, &edge)) {
            ds_put_format(s, "e%u ", n);
        }
    }
}

static void
check(struct net *net, const char *expected)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    for (unsigned int n = 1; n <= N_NODES; n++) {
        format_shard(&net_get_node(net, n)->shard, &s);
    }
    ds_chomp(&s, ' ');
    assert_string_equal(ds_cstr(&s), expected);
    ds_destroy(&s);
}

/* In which shards are edges 1 to 6?  A cluster is a string of its edges. */
static void
test_shards(void **state OVS_UNUSED)
{
    static const struct row {
        const char *what;
        const char *clusters[3];
        const char *shards;
    } rows[] = {
        { "no cluster", { NULL }, "e1 e2 e3 e4 e5 e6" },
        { "a pair", { "12" }, "c1 c1 e3 e4 e5 e6" },
        { "two pairs", { "12", "34" }, "c1 c1 c2 c2 e5 e6" },
        { "a pair and one alone", { "12", "3" }, "c1 c1 c2 e4 e5 e6" },
        { "two clusters of the same edges", { "12", "21" },
          "c1 c1 e3 e4 e5 e6" },
        { "a chain", { "12", "34", "23" }, "c1 c1 c1 c1 e5 e6" },
        { "a chain with its middle first", { "34", "12", "45" },
          "c2 c2 c1 c1 c1 e6" },
        { "an edge that is not there", { "129", "34" },
          "c1 c1 c2 c2 e5 e6" },
        { "all", { "123456" }, "c1 c1 c1 c1 c1 c1" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const struct row *r = &rows[i];
        struct net net;

        print_message("%s\n", r->what);
        net_init(&net);
        for (unsigned int n = 1; n <= N_NODES; n++) {
            char dpid[2] = { '0' + n, '\0' };
            char ip[] = { '1', '0', '.', '0', '.', '0', '.', '0' + n, '\0' };

            net_node(&net, n, dpid, ip);
        }
        for (unsigned int n = 0; n < ARRAY_SIZE(r->clusters)
                                 && r->clusters[n]; n++) {
            net_cluster(&net, n + 1, r->clusters[n]);
        }
        net_settle(&net);
        check(&net, r->shards);
        net_destroy(&net);
    }
}

/* Shards follow what becomes of clusters, and say that they do. */
static void
test_changes(void **state)
{
    struct net *net = *state;

    net->topo.shards_changed = false;
    net_cluster(net, 2, "3");
    net_settle(net);
    assert_true(net->topo.shards_changed);
    struct uuid c2 = net_uuid(TOPO_CLUSTER, 2);
    assert_true(uuid_equals(&net_get_node(net, 3)->shard, &c2));

    net->topo.shards_changed = false;
    net_cluster(net, 2, "23");
    net_settle(net);
    assert_true(net->topo.shards_changed);
    assert_true(uuid_equals(&net_get_node(net, 3)->shard,
                            &net_get_node(net, 1)->shard));
    assert_true(uuid_equals(&net_get_cluster(net, 2)->shard,
                            &net_get_cluster(net, 1)->shard));

    net->topo.shards_changed = false;
    net_del(net, TOPO_CLUSTER, 2);
    net_settle(net);
    assert_true(net->topo.shards_changed);
    struct uuid e3 = net_uuid(TOPO_EDGE, 3);
    assert_true(uuid_equals(&net_get_node(net, 3)->shard, &e3));

    net->topo.shards_changed = false;
    net_segment(net, 3, 5002);
    net_binding(net, 7, 3, 1, "p1", 70);
    net_settle(net);
    assert_false(net->topo.shards_changed);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shards),
        cmocka_unit_test_setup_teardown(test_changes, net_setup_three,
                                        net_teardown),
    };

    return cmocka_run_group_tests_name("shard", tests, NULL, NULL);
}
