/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* VTEPs that are learned. */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "flows/addr.h"
#include "flows/flowset.h"
#include "flows/layout.h"
#include "flows/packetin.h"
#include "flows/pipeline.h"
#include "flows/sighting.h"
#include "tests/unit/net.h"
#include "util.h"

static struct in6_addr
address(const char *s)
{
    struct in6_addr ip;
    char *error;

    if (!addr_parse_vtep(s, &ip, &error)) {
        free(error);
        if (!strcmp(s, "0.0.0.0")) {
            return in6_addr_mapped_ipv4(htonl(0));
        }
        ovs_assert(inet_pton(AF_INET6, s, &ip) == 1);
    }
    return ip;
}

static struct topo_vtep *
find(struct net *net, unsigned int segment, const char *s)
{
    struct in6_addr ip = address(s);

    return topo_vtep_find(&net->topo, net_get_segment(net, segment), &ip);
}

/* Frames of a segment come from 's'.  Fails, saying 'what', unless it is
 * learned, or is not for the reason 'error'. */
static void
learn(struct net *net, const char *what, unsigned int segment, const char *s,
      const char *error)
{
    struct in6_addr ip = address(s);
    char *why = topo_vtep_learn(&net->topo, net_get_segment(net, segment),
                                &ip, net->now);
    bool as_told = error ? why && strstr(why, error) : !why;

    if (!as_told) {
        fail_msg("%s: \"%s\", not \"%s\"", what, why ? why : "learned",
                 error ? error : "learned");
    }
    free(why);
}

static void
settle(struct net *net)
{
    net_settle(net);
    net_clean(net);
}

/* The network of net_setup_fdb(), where segment 1 learns two VTEPs. */
static int
setup(void **state)
{
    struct net *net;

    net_setup_fdb(state);
    net = *state;
    net_segment(net, 2, 5001);
    net_learning_segment(net, 1, 5000, 2);
    settle(net);
    return 0;
}

static void
test_learn(void **state)
{
    static const struct row {
        const char *what;
        unsigned int segment;
        const char *ip;
        const char *error;          /* Part of it, or NULL. */
    } rows[] = {
        { "where it is not asked for", 2, "192.0.2.9", "learns no VTEPs" },
        { "a VTEP with a row", 1, "192.0.2.1", "in segment s1 already" },
        { "the edge itself", 1, "10.0.0.1", "tunnel IP of edge e1" },
        { "a node", 1, "10.0.0.3", "tunnel IP of edge e3" },
        { "zero", 1, "0.0.0.0", "0.0.0.0/8" },
        { "IPv6 zero", 1, "::", "must not be zero" },
        { "loopback", 1, "::ffff:127.0.0.1", "loopback" },
        { "multicast", 1, "::ffff:224.0.0.1", "multicast" },
        { "IPv6 multicast", 1, "ff02::1", "multicast" },
        { "broadcast", 1, "::ffff:255.255.255.255", "broadcast" },
        { "a stranger", 1, "192.0.2.9", NULL },
        { "again", 1, "192.0.2.9", "in segment s1 already" },
        { "another", 1, "2001:db8::9", NULL },
        { "one too many", 1, "192.0.2.10", "learns no more VTEPs" },
        { "the limit is one segment's", 2, "192.0.2.9", "learns no VTEPs" },
    };
    struct net *net = *state;

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const struct row *r = &rows[i];

        learn(net, r->what, r->segment, r->ip, r->error);
        net_settle(net);
        net_check_dirt(net, r->what, 3, r->error ? "" : "segment 5000");
        net_clean(net);
    }
    assert_true(find(net, 1, "192.0.2.9")->learned);
    assert_false(find(net, 1, "192.0.2.1")->learned);
    assert_null(find(net, 2, "192.0.2.9"));
}

/* What an edge has yet to send when its row goes makes no VTEP of it. */
static void
test_barred(void **state)
{
    struct net *net = *state;
    struct in6_addr e2 = address("10.0.0.2");
    struct in6_addr e3 = address("10.0.0.3");

    net_del(net, TOPO_EDGE, 2);
    net_del(net, TOPO_EDGE, 3);
    settle(net);
    topo_vtep_bar(&net->topo, &e2, net->now);
    net->now += TOPO_BAR_TIME - 1;
    topo_vtep_bar(&net->topo, &e3, net->now);
    learn(net, "just gone", 1, "10.0.0.2", "tunnel IP of an edge a moment");
    learn(net, "somebody else", 1, "10.0.0.4", NULL);
    net->now++;
    learn(net, "long gone", 1, "10.0.0.2", NULL);
    topo_vtep_forget(&net->topo, find(net, 1, "10.0.0.2"));
    settle(net);
    learn(net, "the other one, just gone", 1, "10.0.0.3", "a moment ago");
}

static void
check_error(struct net *net, const char *what, const char *error)
{
    const char *is = net_error(net, TOPO_SEGMENT, 1);

    if (*error ? !strstr(is, error) : *is) {
        fail_msg("%s: \"%s\", not \"%s\"", what, is, error);
    }
}

/* The row of the segment says when there is no room. */
static void
test_limit(void **state)
{
    struct net *net = *state;

    learn(net, "one", 1, "192.0.2.8", NULL);
    check_error(net, "room for one more", "");
    learn(net, "two", 1, "192.0.2.9", NULL);
    check_error(net, "no room", "options:vtep_limit are learned, 2;");
    net_learning_segment(net, 1, 5000, 3);
    check_error(net, "room again", "");
    net_learning_segment(net, 1, 5000, 1);
    settle(net);
    check_error(net, "less room", "are learned, 1;");
    assert_non_null(find(net, 1, "192.0.2.8"));
    assert_null(find(net, 1, "192.0.2.9"));
    topo_vtep_forget(&net->topo, find(net, 1, "192.0.2.8"));
    check_error(net, "one forgotten", "");
    settle(net);
    learn(net, "another", 1, "192.0.2.9", NULL);
    net_segment(net, 1, 5000);
    settle(net);
    check_error(net, "the option is off", "");
    assert_null(find(net, 1, "192.0.2.9"));
    assert_non_null(find(net, 1, "192.0.2.1"));
    assert_true(ovs_list_is_empty(&net->topo.learned_vteps));
}

static void
see(struct net *net, unsigned int node, const char *ip, uint8_t mac)
{
    fdb_sight(&net->fdb, net_get_node(net, node), &find(net, 1, ip)->place,
              net_mac(mac), net->now, &net->ops);
}

/* Whatever it is that a learned VTEP gives way to, it does not come back, and
 * takes its MACs along; but for a row of the same address. */
static void
test_gives_way(void **state)
{
    struct net *net = *state;

    learn(net, "one", 1, "192.0.2.9", NULL);
    see(net, 1, "192.0.2.9", 1);
    see(net, 3, "192.0.2.9", 1);
    net->ops.n = 0;
    net_vtep(net, 2, 1, "192.0.2.9");
    net_settle(net);
    net_check_ops(net, "a row: no flow of a MAC changes", "");
    assert_ptr_equal(net_find(net, 1)->place,
                     net_get_place(net, TOPO_VTEP, 2));
    assert_int_equal(net_get_place(net, TOPO_VTEP, 2)->n_learned, 1);
    assert_true(ovs_list_is_empty(&net->topo.learned_vteps));
    net_clean(net);

    net_del(net, TOPO_VTEP, 2);
    net_settle(net);
    net_check_ops(net, "the row goes", "e1 -src 01/0.0, e3 -src 01/0.0, "
                  "e1 -dst 01, e2 -dst 01, e3 -dst 01");
    assert_null(find(net, 1, "192.0.2.9"));
    net_clean(net);

    learn(net, "it is heard", 1, "192.0.2.9", NULL);
    see(net, 1, "192.0.2.9", 1);
    net->ops.n = 0;
    net_node(net, 4, "4", "192.0.2.9");
    net_settle(net);
    net_check_ops(net, "a node", "e1 -src 01/0.0, e1 -dst 01, e2 -dst 01, "
                  "e3 -dst 01");
    net_clean(net);
    net_del(net, TOPO_EDGE, 4);
    settle(net);
    assert_null(find(net, 1, "192.0.2.9"));

    learn(net, "it is heard", 1, "192.0.2.9", NULL);
    see(net, 1, "192.0.2.9", 1);
    net_learning_segment(net, 1, 5002, 2);
    settle(net);
    assert_null(find(net, 1, "192.0.2.9"));
    assert_non_null(find(net, 1, "192.0.2.1"));
    assert_int_equal(net_get_segment(net, 1)->n_macs, 0);
}

/* Operations that have yet to be carried out are about the place that there is
 * when they are. */
static void
test_pending(void **state)
{
    struct net *net = *state;

    learn(net, "one", 1, "192.0.2.9", NULL);
    see(net, 1, "192.0.2.9", 1);
    net_vtep(net, 2, 1, "192.0.2.9");
    net_settle(net);
    assert_int_equal(net->ops.n, 4);
    for (size_t i = 0; i < net->ops.n; i++) {
        assert_ptr_equal(net->ops.ops[i].m.place,
                         net_get_place(net, TOPO_VTEP, 2));
    }
}

/* A frozen MAC is free to move when its VTEP has got a row. */
static void
test_frozen(void **state)
{
    struct net *net = *state;

    learn(net, "one", 1, "192.0.2.9", NULL);
    net->fdb.flap_moves = 2;
    see(net, 1, "192.0.2.9", 1);
    net_see(net, 1, TOPO_VTEP, 1, 1);
    see(net, 1, "192.0.2.9", 2);
    net_see(net, 1, TOPO_BINDING, 1, 2);
    see(net, 1, "192.0.2.9", 1);
    net_see(net, 1, TOPO_BINDING, 1, 1);
    see(net, 1, "192.0.2.9", 3);
    net_vtep(net, 2, 1, "192.0.2.9");
    settle(net);
    assert_int_equal(net_get_place(net, TOPO_VTEP, 2)->n_frozen, 0);
    assert_int_equal(net_get_place(net, TOPO_VTEP, 2)->n_macs, 1);
    net_see(net, 1, TOPO_BINDING, 1, 3);
    assert_int_equal(net_get_place(net, TOPO_VTEP, 2)->n_macs, 0);
}

/* What a packet-in lacks. */
static void
test_sighting(void **state)
{
    static const struct row {
        const char *what;
        uint32_t vni, slot;
        const char *ip;
        uint8_t first;              /* Of the source address. */
        bool lacks;
    } rows[] = {
        { "a stranger", 5000, 0, "192.0.2.9", 0xaa, true },
        { "of IPv6", 5000, 0, "2001:db8::9", 0xaa, true },
        { "where none is learned", 5001, 0, "192.0.2.9", 0xaa, true },
        { "no stranger", 5000, 0, "192.0.2.1", 0xaa, false },
        { "no station", 5000, 0, "192.0.2.9", 0xab, false },
        { "no segment", 7, 0, "192.0.2.9", 0xaa, false },
        { "no VTEP at all", 5000, 0x30003, "192.0.2.9", 0xaa, false },
    };
    struct net *net = *state;

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const struct row *r = &rows[i];
        struct eth_header frame[5] = { { .eth_src = net_mac(1) } };
        struct packetin pin = {
            .frame = frame, .frame_len = sizeof frame, .reg0 = r->slot,
            .metadata = htonll(r->vni), .tun_src = address(r->ip),
        };
        struct sighting s;

        frame[0].eth_src.ea[0] = r->first;
        sighting_from_packet_in(&net->topo, net_get_node(net, 1), &pin, &s);
        if (r->lacks != (s.lacking && s.lacking->vni == r->vni
                         && ipv6_addr_equals(&s.vtep, &pin.tun_src))) {
            fail_msg("%s: lacks %s", r->what, s.lacking ? "it" : "nothing");
        }
    }
}

/* The flow of a learned VTEP tells its address, and no other flow does. */
static void
test_flow(void **state)
{
    static const char *const ips[] = { "192.0.2.9", "2001:db8::9" };
    struct net *net = *state;
    const struct flowset_flow *flow;
    struct flowset set;
    unsigned int found = 0;
    struct in6_addr ip;

    for (size_t i = 0; i < ARRAY_SIZE(ips); i++) {
        learn(net, ips[i], 1, ips[i], NULL);
    }
    flowset_init(&set);
    pipeline_all(net_get_node(net, 3), &set);
    HMAP_FOR_EACH (flow, node, &set.flows) {
        if (pipeline_flow_learned_vtep(flow, &ip)) {
            bool any = false;

            for (size_t i = 0; i < ARRAY_SIZE(ips); i++) {
                struct in6_addr other = address(ips[i]);

                any |= ipv6_addr_equals(&ip, &other);
            }
            assert_true(any);
            found++;
        }
    }
    assert_int_equal(found, ARRAY_SIZE(ips));
    flowset_destroy(&set);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_barred, setup, net_teardown),
        cmocka_unit_test_setup_teardown(test_learn, setup, net_teardown),
        cmocka_unit_test_setup_teardown(test_limit, setup, net_teardown),
        cmocka_unit_test_setup_teardown(test_gives_way, setup, net_teardown),
        cmocka_unit_test_setup_teardown(test_pending, setup, net_teardown),
        cmocka_unit_test_setup_teardown(test_frozen, setup, net_teardown),
        cmocka_unit_test_setup_teardown(test_sighting, setup, net_teardown),
        cmocka_unit_test_setup_teardown(test_flow, setup, net_teardown),
    };

    return cmocka_run_group_tests_name("vtep", tests, NULL, NULL);
}
