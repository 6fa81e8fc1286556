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

/* Puts what 'names' says ("c1e3": cluster 1 and edge 3) into segment 'n'. */
static void
share(struct net *net, unsigned int n, const char *names)
{
    net_segment(net, n, 5000 + n);
    for (; *names; names += 2) {
        unsigned int row = n * 10 + names[1] - '0', who = names[1] - '0';

        if (names[0] == 'c') {
            net_binding(net, row, n, who, "p1", row);
        } else {
            char port[] = { 'h', '0' + n, '\0' };

            net_host_port(net, row, n, who, port);
        }
    }
}

/* In which shards are edges 1 to 6?  A cluster is a string of its edges, a
 * segment what is in it. */
static void
test_shards(void **state OVS_UNUSED)
{
    static const struct row {
        const char *what;
        const char *clusters[3];
        const char *shards;
        const char *segments[3];
    } rows[] = {
        { "no cluster", { NULL }, "e1 e2 e3 e4 e5 e6", { NULL } },
        { "a pair", { "12" }, "c1 c1 e3 e4 e5 e6", { NULL } },
        { "two pairs", { "12", "34" }, "c1 c1 c2 c2 e5 e6", { NULL } },
        { "a pair and one alone", { "12", "3" },
          "c1 c1 c2 e4 e5 e6", { NULL } },
        { "two clusters of the same edges", { "12", "21" },
          "c1 c1 e3 e4 e5 e6", { NULL } },
        { "a chain", { "12", "34", "23" }, "c1 c1 c1 c1 e5 e6", { NULL } },
        { "a chain with its middle first", { "34", "12", "45" },
          "c2 c2 c1 c1 c1 e6", { NULL } },
        { "an edge that is not there", { "129", "34" },
          "c1 c1 c2 c2 e5 e6", { NULL } },
        { "all", { "123456" }, "c1 c1 c1 c1 c1 c1", { NULL } },
        { "segments of one cluster each", { "12", "34" },
          "c1 c1 c2 c2 e5 e6", { "c1", "c2", "e5" } },
        { "a segment of two clusters", { "12", "34" },
          "c1 c1 c1 c1 e5 e6", { "c2c1" } },
        { "a cluster and a host", { "12" }, "c1 c1 e3 e4 e5 c1", { "c1e6" } },
        { "hosts alone", { NULL }, "e1 e1 e3 e4 e3 e6", { "e2e1", "e5e3" } },
        { "two segments in a chain", { "12", "34" },
          "c1 c1 c1 c1 c1 e6", { "c1e5", "e5c2" } },
        { "an owner that is not there", { "12" },
          "c1 c1 e3 c1 e5 e6", { "c9c1e4" } },
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
        for (unsigned int n = 0; n < ARRAY_SIZE(r->segments)
                                 && r->segments[n]; n++) {
            share(&net, n + 1, r->segments[n]);
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

/* Whether e3 has come to c1, or left it, says so, and that it does once. */
static void
check_tied(struct net *net, bool tied)
{
    struct uuid own = net_uuid(TOPO_EDGE, 3), c1 = net_uuid(TOPO_CLUSTER, 1);

    net_settle(net);
    assert_true(net->topo.shards_changed);
    assert_true(uuid_equals(&net_get_node(net, 3)->shard,
                            tied ? &c1 : &own));
    net->topo.shards_changed = false;
    net_settle(net);
    assert_false(net->topo.shards_changed);
}

/* Shards follow segments, too, and a segment that ties what is tied already
 * is no work. */
static void
test_ties(void **state)
{
    struct net *net = *state;

    net->topo.shards_changed = false;
    net_binding(net, 1, 1, 1, "p1", 10);
    net_settle(net);
    assert_false(net->topo.shards_changed);
    net_host_port(net, 1, 1, 3, "p1");
    check_tied(net, true);

    net_binding(net, 2, 2, 1, "p1", 20);
    net_host_port(net, 2, 2, 3, "p2");
    assert_false(net->topo.ties_changed);
    net_del(net, TOPO_HOST_PORT, 1);
    net_settle(net);
    assert_false(net->topo.shards_changed);

    net_del(net, TOPO_BINDING, 2);
    check_tied(net, false);

    /* What is not in force ties too: in another controller, it may be. */
    net_host_port(net, 1, 1, 3, "genev0");
    check_tied(net, true);
    assert_string_not_equal(net_error(net, TOPO_HOST_PORT, 1), "");
    net_host_port(net, 1, 2, 3, "genev0");
    check_tied(net, false);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shards),
        cmocka_unit_test_setup_teardown(test_changes, net_setup_three,
                                        net_teardown),
        cmocka_unit_test_setup_teardown(test_ties, net_setup_three,
                                        net_teardown),
    };

    return cmocka_run_group_tests_name("shard", tests, NULL, NULL);
}
