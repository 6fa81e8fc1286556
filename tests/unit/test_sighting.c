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
#include "flows/packetin.h"
#include "flows/pipeline.h"
#include "flows/sighting.h"
#include "openvswitch/ofp-packet.h"
#include "tests/unit/net.h"
#include "util.h"

/* e1 and e2 in c1; binding 1 (p1/10) and VTEPs 1 and 2 in s1, binding 2
 * (p1/20) in s2; a host port on e2 in s1. */
static int
setup(void **state)
{
    struct net *net = xmalloc(sizeof *net);

    net_init(net);
    net_node(net, 1, "1", "10.0.0.1");
    net_node(net, 2, "2", "10.0.0.2");
    net_segment(net, 1, 5000);
    net_segment(net, 2, 5001);
    net_cluster(net, 1, "1");
    for (unsigned int n = 1; n <= 2; n++) {
        net_port(net, n, "genev0", 1);
        net_port(net, n, "p1", 2);
    }
    net_binding(net, 1, 1, 1, "p1", 10);
    net_binding(net, 2, 2, 1, "p1", 20);
    net_host_port(net, 1, 1, 2, "p1");
    net_vtep(net, 1, 1, "192.0.2.1");
    net_vtep(net, 2, 1, "2001:db8::1");
    net_settle(net);
    net_clean(net);
    *state = net;
    return 0;
}

struct row {
    const char *what;
    const char *flow;           /* In the syntax of ovs-ofctl(8). */
    const char *error;          /* Part of it, or NULL... */
    enum topo_table table;      /* ...if this is the place... */
    unsigned int place;
    uint32_t slot;              /* ...and this the slot. */
};

static void
check(struct net *net, const struct row *row, const char *error,
      const struct sighting *s)
{
    if (row->error) {
        if (!error || !strstr(error, row->error)) {
            fail_msg("%s: \"%s\", not \"%s\"", row->what,
                     error ? error : "accepted", row->error);
        }
    } else if (error) {
        fail_msg("%s: \"%s\"", row->what, error);
    } else if (s->place != net_get_place(net, row->table, row->place)
               || s->slot != row->slot
               || !eth_addr_equals(s->mac, net_mac(1))) {
        fail_msg("%s: another place, slot or MAC", row->what);
    }
}

/* Adds the flow of 'row' to 'set', and returns it. */
static const struct flowset_flow *
parse(const struct row *row, struct flowset *set)
{
    const struct flowset_flow *flow = NULL;
    char *error = flowset_add_str(set, 0, row->flow);

    if (error) {
        fail_msg("%s: %s", row->what, error);
    }
    HMAP_FOR_EACH (flow, node, &set->flows) {
        break;
    }
    return flow;
}

#define SRC "dl_src=aa:00:00:00:00:01,actions=drop"

static const struct row source_rows[] = {
    { "binding", "metadata=5000,reg0=0x2000a," SRC,
      NULL, TOPO_BINDING, 1, 0x2000a },
    { "IPv4 VTEP", "metadata=5000,tun_src=192.0.2.1," SRC,
      NULL, TOPO_VTEP, 1, 0 },
    { "IPv6 VTEP", "metadata=5000,tun_ipv6_src=2001:db8::1," SRC,
      NULL, TOPO_VTEP, 2, 0 },
    { "no such segment", "metadata=1,reg0=0x2000a," SRC,
      "unknown segment", 0, 0, 0 },
    { "no segment", "reg0=0x2000a," SRC, "unknown segment", 0, 0, 0 },
    { "more than a VNI", "metadata=0x100001388,reg0=0x2000a," SRC,
      "unknown segment", 0, 0, 0 },
    { "a slot of another segment", "metadata=5000,reg0=0x20014," SRC,
      "not in this segment", 0, 0, 0 },
    { "no such slot", "metadata=5000,reg0=0x2000b," SRC,
      "not in this segment", 0, 0, 0 },
    { "a slot of another node", "metadata=5000,reg0=0x20000," SRC,
      "not in this segment", 0, 0, 0 },
    { "no place at all", "metadata=5000," SRC,
      "VTEP not in this segment", 0, 0, 0 },
    { "a VTEP of another segment", "metadata=5001,tun_src=192.0.2.1," SRC,
      "VTEP not in this segment", 0, 0, 0 },
    { "an edge as VTEP", "metadata=5000,tun_src=10.0.0.2," SRC,
      "VTEP not in this segment", 0, 0, 0 },
    { "a group address", "metadata=5000,reg0=0x2000a,"
      "dl_src=03:00:00:00:00:01,actions=drop", "no station", 0, 0, 0 },
    { "no source", "metadata=5000,reg0=0x2000a,actions=drop",
      "no station", 0, 0, 0 },
};

static void
test_source(void **state)
{
    struct net *net = *state;

    for (size_t i = 0; i < ARRAY_SIZE(source_rows); i++) {
        const struct row *row = &source_rows[i];
        struct sighting s;
        struct flowset set;
        struct match match;

        flowset_init(&set);
        minimatch_expand(&parse(row, &set)->match, &match);
        check(net, row, sighting_from_source(
                  &net->topo, net_get_node(net, 1), &match, &s), &s);
        flowset_destroy(&set);
    }
}

/* The same by packet-in. */
static void
test_packet_in(void **state)
{
    struct net *net = *state;

    for (size_t i = 0; i < ARRAY_SIZE(source_rows); i++) {
        const struct row *row = &source_rows[i];
        struct match match;
        struct eth_header frame[5];
        struct sighting s;
        struct flowset set;

        flowset_init(&set);
        minimatch_expand(&parse(row, &set)->match, &match);
        memset(frame, 0, sizeof frame);
        frame[0].eth_src = match.flow.dl_src;

        struct packetin pin = {
            .frame = frame,
            .frame_len = 64,
            .metadata = match.flow.metadata,
            .reg0 = match.flow.regs[0],
            .tun_src = flow_tnl_src(&match.flow.tunnel),
        };
        check(net, row, sighting_from_packet_in(
                  &net->topo, net_get_node(net, 1), &pin, &s), &s);

        pin.frame_len = sizeof *frame - 1;
        assert_string_equal(sighting_from_packet_in(
            &net->topo, net_get_node(net, 1), &pin, &s), "frame too short");
        pin.frame_len = sizeof *frame;
        frame[0].eth_src = topo_node_port(net_get_node(net, 1), "p1")->mac;
        assert_string_equal(sighting_from_packet_in(
            &net->topo, net_get_node(net, 1), &pin, &s),
            "source is the switch itself");
        flowset_destroy(&set);
    }
}

/* An edge that is not active has nothing to tell of its trunks, only of what
 * it has learned before. */
static void
test_not_active(void **state)
{
    struct net *net = *state;
    struct eth_header frame[5] = { { .eth_src = net_mac(1) } };
    struct packetin pin = {
        .frame = frame, .frame_len = sizeof frame,
        .metadata = htonll(5000), .reg0 = 0x2000a,
    };
    struct match match = MATCH_CATCHALL_INITIALIZER;
    struct sighting s;

    match_set_metadata(&match, htonll(5000));
    match_set_reg(&match, 0, 0x2000a);
    match_set_dl_src(&match, net_mac(1));
    for (unsigned int active = 0; active <= 2; active++) {
        net_active(net, 1, active);
        const char *error = sighting_from_packet_in(
            &net->topo, net_get_node(net, 1), &pin, &s);
        if (active == 2) {
            assert_string_equal(error, "edge is not active");
        } else {
            assert_null(error);
        }
        assert_null(sighting_from_source(&net->topo, net_get_node(net, 1),
                                         &match, &s));
    }
    pin.reg0 = 0;
    in6_addr_set_mapped_ipv4(&pin.tun_src, inet_addr("192.0.2.1"));
    assert_null(sighting_from_packet_in(&net->topo, net_get_node(net, 1),
                                        &pin, &s));
}

/* Where the access port is the machine's own, so is the station behind it. */
static void
test_access_port(void **state)
{
    struct net *net = *state;
    const struct topo_node *node = net_get_node(net, 2);
    const struct topo_place *place = net_get_place(net, TOPO_HOST_PORT, 1);
    struct eth_header frame[5] = {
        { .eth_src = topo_node_port(node, "p1")->mac }
    };
    struct packetin pin = {
        .frame = frame, .frame_len = sizeof frame,
        .metadata = htonll(5000), .reg0 = pipeline_place_slot(node, place),
    };
    struct sighting s;

    assert_null(sighting_from_packet_in(&net->topo, node, &pin, &s));
    assert_ptr_equal(s.place, place);
    frame[0].eth_src = topo_node_port(node, "genev0")->mac;
    assert_string_equal(sighting_from_packet_in(&net->topo, node, &pin, &s),
                        "source is the switch itself");
}

#define DST "dl_dst=aa:00:00:00:00:01,actions="

static void
test_dest(void **state)
{
    static const struct row rows[] = {
        { "here", "metadata=5000," DST "set_field:0x2000a->reg1,"
          "resubmit(,8),resubmit(,10)", NULL, TOPO_BINDING, 1, 0 },
        { "IPv4 VTEP", "metadata=5000," DST
          "set_field:192.0.2.1->tun_dst,goto_table:11",
          NULL, TOPO_VTEP, 1, 0 },
        { "IPv6 VTEP", "metadata=5000," DST "set_field:0.0.0.0->tun_dst,"
          "set_field:2001:db8::1->tun_ipv6_dst,goto_table:11",
          NULL, TOPO_VTEP, 2, 0 },
        { "a host port on another node", "metadata=5000," DST
          "set_field:0x50001->reg1,set_field:10.0.0.2->tun_dst,"
          "goto_table:11", NULL, TOPO_HOST_PORT, 1, 0 },
        { "a binding, by its tag", "metadata=5000," DST
          "set_field:0x40001->reg1,set_field:0x30001->reg2,goto_table:10",
          NULL, TOPO_BINDING, 1, 0 },
        { "no such segment", "metadata=1," DST "set_field:0x2000a->reg1",
          "unknown segment", 0, 0, 0 },
        { "more than a VNI", "metadata=0x100001388," DST
          "set_field:0x2000a->reg1", "unknown segment", 0, 0, 0 },
        { "a slot of another segment", "metadata=5000," DST
          "set_field:0x20014->reg1,resubmit(,8)", "not in this segment",
          0, 0, 0 },
        { "a tag of another segment", "metadata=5000," DST
          "set_field:0x40002->reg1,set_field:0x30001->reg2,goto_table:10",
          "not in this segment", 0, 0, 0 },
        { "no such VTEP", "metadata=5000," DST
          "set_field:192.0.2.9->tun_dst,goto_table:11",
          "not in this segment", 0, 0, 0 },
        { "no actions", "metadata=5000," DST "drop", "not in this segment",
          0, 0, 0 },
        { "other actions", "metadata=5000," DST "output:1,group:3,"
          "set_field:7->reg5", "not in this segment", 0, 0, 0 },
        { "a group address", "metadata=5000,dl_dst=01:00:00:00:00:01,"
          "actions=set_field:0x2000a->reg1", "no station", 0, 0, 0 },
        { "no destination", "metadata=5000,actions=set_field:0x2000a->reg1",
          "no station", 0, 0, 0 },
    };
    struct net *net = *state;

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct sighting s;
        struct flowset set;

        flowset_init(&set);
        check(net, &rows[i], sighting_from_dest(
                  &net->topo, net_get_node(net, 1), parse(&rows[i], &set),
                  &s), &s);
        flowset_destroy(&set);
    }
}

#define TEST(NAME) \
    cmocka_unit_test_setup_teardown(NAME, setup, net_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_source),
        TEST(test_packet_in),
        TEST(test_not_active),
        TEST(test_access_port),
        TEST(test_dest),
    };

    return cmocka_run_group_tests_name("sighting", tests, NULL, NULL);
}
