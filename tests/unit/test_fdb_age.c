/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "flows/flowset.h"
#include "flows/layout.h"
#include "openvswitch/match.h"
#include "openvswitch/ofpbuf.h"
#include "tests/unit/net.h"
#include "util.h"

/* When all is due. */
#define LATE (LLONG_MAX / 4)

/* Slot of port 2, VLAN 10. */
#define SLOT layout_slot(u16_to_ofp(2), 10)

/* When is it time to ask?  The ageing time is 'aging' seconds, the MAC was
 * learned at 0, times are in milliseconds from then. */
static void
test_when(void **state)
{
    static const struct row {
        const char *what;
        uint16_t aging;
        long long heard_at;     /* Or -1. */
        unsigned int oldest;
        long long first, second;
    } rows[] = {
        { "an eighth, and then all of it", 400, -1, 0, 50000, 450000 },
        { "a second at least", 1, -1, 0, 1000, 2000 },
        { "the largest", 65535, -1, 0, 8191875, 73726875 },
        { "used just now: as if nothing had been heard", 400, 51000, 0, 50000,
          450000 },
        { "used a while ago", 400, 51000, 300, 50000, 151000 },
        { "due soon: not earlier than an eighth", 400, 51000, 399, 50000,
          101000 },
        { "due soon, and a second at least", 2, 2000, 1, 1000, 3000 },
    };
    struct net *net = *state;

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const struct row *r = &rows[i];
        struct topo_segment *segment = net_get_segment(net, 1);
        long long start = net->now;

        segment->mac_aging = r->aging;
        assert_true(fdb_age_wake(&net->fdb) == LLONG_MAX);
        assert_null(fdb_age_due(&net->fdb, LATE));
        net_see(net, 1, TOPO_BINDING, 1, 1);

        long long first = fdb_age_wake(&net->fdb);
        assert_null(fdb_age_due(&net->fdb, first - 1));
        assert_ptr_equal(fdb_age_due(&net->fdb, first), segment);
        assert_null(fdb_age_due(&net->fdb, first));
        if (r->heard_at >= 0) {
            fdb_age_heard(&net->fdb, segment, r->oldest, start + r->heard_at);
        }

        long long second = fdb_age_wake(&net->fdb);
        if (first - start != r->first || second - start != r->second) {
            fail_msg("%s: %lld and %lld", r->what, first - start,
                     second - start);
        }
        fdb_flush(&net->fdb, NULL, NULL, &net->ops);
    }
}

/* The segment that has waited for longest comes first, and none that has no
 * learned MAC. */
static void
test_order(void **state)
{
    struct net *net = *state;
    struct topo_segment *s1 = net_get_segment(net, 1), *s2;

    net_segment(net, 2, 200);
    net_binding(net, 9, 2, 1, "p1", 30);
    net_static(net, 1, 1, "aa:00:00:00:00:05", TOPO_BINDING, 1);
    net_settle(net);
    s2 = net_get_segment(net, 2);
    assert_true(fdb_age_wake(&net->fdb) == LLONG_MAX);

    net_see(net, 1, TOPO_BINDING, 9, 1);
    net->now += 1000;
    net_see(net, 1, TOPO_BINDING, 1, 2);
    assert_ptr_equal(fdb_age_due(&net->fdb, LATE), s2);
    assert_ptr_equal(fdb_age_due(&net->fdb, LATE), s1);
    fdb_age_anew(&net->fdb, s1, net->now);
    assert_true(fdb_age_wake(&net->fdb) == net->now + 300000 / 8);

    fdb_flush(&net->fdb, s1, NULL, &net->ops);
    fdb_age_anew(&net->fdb, s1, net->now);
    assert_ptr_equal(fdb_age_due(&net->fdb, 2 * LATE), s2);
}

/* What a node says it has not used for long.  MAC 1 is at binding 1, seen by
 * e1 and e2 at 'now'; MAC 5 is there for ever. */
static void
test_out(void **state)
{
    static const struct row {
        const char *what;
        unsigned int node;
        unsigned int place;
        uint8_t mac;
        bool seen_since;        /* By the node, since it was asked. */
        bool forgotten;
        const char *ops;
    } rows[] = {
        { "never seen", 1, 1, 9, false, false, "" },
        { "not by that node", 3, 1, 1, false, false, "" },
        { "not at that place", 1, 2, 1, false, false, "" },
        { "static", 1, 1, 5, false, false, "" },
        { "seen again meanwhile", 1, 1, 1, true, false, "" },
        { "one of two", 1, 1, 1, false, false, "e1 -src 01/2.10" },
        { "the same again", 1, 1, 1, false, false, "" },
        { "the last", 2, 1, 1, false, true,
          "e2 -src 01/2.10, e1 -dst 01, e2 -dst 01, e3 -dst 01" },
        { "gone", 2, 1, 1, false, false, "" },
    };
    struct net *net = *state;

    net_static(net, 1, 1, "aa:00:00:00:00:05", TOPO_BINDING, 1);
    net_settle(net);
    net_see(net, 1, TOPO_BINDING, 1, 1);
    net_see(net, 2, TOPO_BINDING, 1, 1);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const struct row *r = &rows[i];
        struct fdb_idle_mac idle = {
            .mac = net_mac(r->mac), .slot = SLOT,
            .tag = pipeline_place_tag(net_get_place(net, TOPO_BINDING,
                                                    r->place)),
        };
        long long asked = net->now + 1;

        if (r->seen_since) {
            net->now = asked;
            net_see(net, r->node, TOPO_BINDING, 1, 1);
        }
        net->ops.n = 0;
        if (fdb_age_out(&net->fdb, net_get_node(net, r->node),
                        net_get_segment(net, 1), &idle, asked, &net->ops)
            != r->forgotten) {
            fail_msg("%s: %sforgotten", r->what, r->forgotten ? "not " : "");
        }
        net_check_ops(net, r->what, r->ops);
    }
    assert_int_equal(net->fdb.n_aged, 1);
}

/* Only where nobody can be asked has a SOURCE flow a timeout. */
static void
test_timeout(void **state)
{
    struct net *net = *state;
    struct fdb_op op = {
        .node = net_get_node(net, 1), .source = true, .add = true,
        .slot = SLOT,
        .m = { net_get_segment(net, 1), net_mac(1),
               net_get_place(net, TOPO_BINDING, 1), false },
    };

    for (int tells = 0; tells < 2; tells++) {
        struct flowset_spec spec;
        struct match match;
        struct ofpbuf acts;

        ofpbuf_init(&acts, 0);
        op.node->tells_idle = tells;
        assert_true(fdb_op_flow(&op, &spec, &match, &acts));
        assert_int_equal(spec.idle_timeout, tells ? 0 : 300);
        ofpbuf_uninit(&acts);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_when, net_setup_fdb,
                                        net_teardown),
        cmocka_unit_test_setup_teardown(test_order, net_setup_fdb,
                                        net_teardown),
        cmocka_unit_test_setup_teardown(test_out, net_setup_fdb,
                                        net_teardown),
        cmocka_unit_test_setup_teardown(test_timeout, net_setup_fdb,
                                        net_teardown),
    };

    return cmocka_run_group_tests_name("fdb_age", tests, NULL, NULL);
}
