/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* Who is told what after a take-over. */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "flows/announce.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/ofpbuf.h"
#include "tests/unit/net.h"
#include "util.h"

/* e1 and e2 in c1, which has VLANs 10 and 20 of p1 in s1; host e3 and VTEPs
 * in s1 too.  e2 has taken over. */
static int
setup(void **state)
{
    net_setup_three(state);
    struct net *net = *state;

    net_binding(net, 1, 1, 1, "p1", 10);
    net_binding(net, 2, 1, 1, "p1", 20);
    net_host_port(net, 1, 1, 3, "p1");
    net_vtep(net, 1, 1, "2001:db8::1");
    net_vtep(net, 2, 1, "192.0.2.1");
    net_settle(net);
    net_active(net, 1, 2);
    return 0;
}

static void
sight(struct net *net, unsigned int node, enum topo_table table,
      unsigned int place, uint8_t mac, long long now)
{
    fdb_sight(&net->fdb, net_get_node(net, node),
              net_get_place(net, table, place), net_mac(mac), now, &net->ops);
}

/* Fails unless e2 says of 'mac' what 'expected' tells, "" being nothing. */
static void
check_actions(struct net *net, const char *what, uint8_t mac,
              const char *expected)
{
    const struct announce_mac m = { 5000, net_mac(mac), 0 };
    struct ofpbuf acts;
    struct ds s = DS_EMPTY_INITIALIZER;
    const struct ofpact_format_params fp = { .s = &s };

    ofpbuf_init(&acts, 0);
    if (announce_actions(&net->topo, &net->fdb, net_get_cluster(net, 1),
                         net_get_node(net, 2), &m, 1000, &acts)) {
        ofpacts_format(acts.data, acts.size, &fp);
    }
    if (strcmp(ds_cstr(&s), expected)) {
        fail_msg("%s: \"%s\", not \"%s\"", what, ds_cstr(&s), expected);
    }
    ds_destroy(&s);
    ofpbuf_uninit(&acts);
}

static void
test_actions(void **state)
{
    static const char vlans[] = "set_field:0x1388->metadata,"
        "set_field:0x2000a->reg1,resubmit(,12),"
        "set_field:0x20014->reg1,resubmit(,12)";
    static const char vteps[] = "set_field:0x1388->metadata,"
        "set_field:192.0.2.1->tun_dst,resubmit(,11),"
        "set_field:0.0.0.0->tun_dst,"
        "set_field:2001:db8::1->tun_ipv6_dst,resubmit(,11)";
    struct net *net = *state;

    check_actions(net, "unknown", 9, "");
    sight(net, 3, TOPO_HOST_PORT, 1, 1, 0);
    check_actions(net, "a VM of a host that we program", 1, vlans);
    sight(net, 1, TOPO_VTEP, 1, 2, 0);
    check_actions(net, "behind a foreign VTEP", 2, vlans);
    sight(net, 1, TOPO_BINDING, 1, 3, 0);
    check_actions(net, "in a VLAN", 3, vteps);
    sight(net, 2, TOPO_BINDING, 1, 3, 1000);
    check_actions(net, "in a VLAN, and had spoken before", 3, vteps);
    sight(net, 2, TOPO_BINDING, 1, 3, 1001);
    check_actions(net, "in a VLAN, and has spoken since", 3, "");
    sight(net, 2, TOPO_VTEP, 1, 2, 1001);
    check_actions(net, "behind a foreign VTEP, and has spoken since", 2, "");
}

static void
test_collect(void **state)
{
    static const uint8_t order[] = { 2, 3, 1 };
    struct net *net = *state;
    struct announce_mac *macs;
    size_t n;

    macs = announce_collect(net_get_cluster(net, 1), &n);
    assert_int_equal(n, 0);
    free(macs);

    sight(net, 3, TOPO_HOST_PORT, 1, 1, 100);
    sight(net, 1, TOPO_BINDING, 1, 2, 300);
    sight(net, 1, TOPO_VTEP, 1, 3, 100);
    sight(net, 2, TOPO_VTEP, 1, 3, 200);
    macs = announce_collect(net_get_cluster(net, 1), &n);

    /* Once each, though the cluster is in the segment twice. */
    assert_int_equal(n, 3);
    for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
        assert_int_equal(macs[i].vni, 5000);
        assert_true(eth_addr_equals(macs[i].mac, net_mac(order[i])));
    }
    free(macs);
}

#define TEST(NAME) \
    cmocka_unit_test_setup_teardown(NAME, setup, net_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_actions),
        TEST(test_collect),
    };

    return cmocka_run_group_tests_name("announce", tests, NULL, NULL);
}
