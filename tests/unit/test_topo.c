/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "flows/layout.h"
#include "openvswitch/dynamic-string.h"
#include "tests/unit/net.h"
#include "util.h"

static void
settle(struct net *net)
{
    net_settle(net);
    net_clean(net);
}

/* Fails unless the row's error contains 'error', or is none if that is "". */
static void
check_error(struct net *net, const char *what, enum topo_table table,
            unsigned int n, const char *error)
{
    const char *actual = net_error(net, table, n);

    if (error[0] ? !strstr(actual, error) : actual[0]) {
        fail_msg("%s: error \"%s\", not \"%s\"", what, actual, error);
    }
}

static void
check_sites(struct net *net, const char *what, unsigned int segment,
            const char *nodes)
{
    const struct topo_segment *s = net_get_segment(net, segment);
    char actual[10] = "";

    for (unsigned int n = 1; n <= 3; n++) {
        struct uuid uuid = net_uuid(TOPO_EDGE, n);
        struct topo_row *row = topo_row(&net->topo, TOPO_EDGE, &uuid);

        if (row && topo_segment_has_node(
                s, CONTAINER_OF(row, struct topo_node, row))) {
            actual[strlen(actual)] = '0' + n;
        }
    }
    if (strcmp(actual, nodes) || s->n_sites != strlen(nodes)) {
        fail_msg("%s: s%u is on \"%s\", not \"%s\"", what, segment, actual,
                 nodes);
    }
}

static void
test_bad_nodes(void **state)
{
    static const struct row {
        const char *what;
        const char *dpid, *ip;
        const char *error;
    } rows[] = {
        { "good", "4", "10.0.0.4", "" },
        { "no datapath ID", "", "10.0.0.4", "datapath ID" },
        { "not hexadecimal", "xyz", "10.0.0.4", "xyz" },
        { "zero", "0", "10.0.0.4", "zero" },
        { "no address", "4", "", "IP address" },
        { "not an address", "4", "10.0.0", "10.0.0" },
        { "a multicast address", "4", "224.0.0.1", "multicast" },
        { "a datapath ID of another", "1", "10.0.0.4", "that of edge e1" },
        { "in another spelling", "0x0001", "10.0.0.4", "that of edge e1" },
        { "in yet another spelling", "00:00:00:00:00:00:00:02", "10.0.0.4",
          "that of edge e2" },
        { "a tunnel IP of another", "4", "10.0.0.2", "that of edge e2" },
        { "in another spelling", "4", "::ffff:10.0.0.2", "that of edge e2" },
    };
    struct net *net = *state;

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        net_node(net, 4, rows[i].dpid, rows[i].ip);
        settle(net);
        check_error(net, rows[i].what, TOPO_EDGE, 4, rows[i].error);
        check_error(net, rows[i].what, TOPO_EDGE, 1, "");
        check_error(net, rows[i].what, TOPO_EDGE, 2, "");
        assert_int_equal(net_get_node(net, 4)->valid, !rows[i].error[0]);
    }
}

/* An edge that waits for another's datapath ID gets it, and its claims with
 * it, when that one goes. */
static void
test_node_waits(void **state)
{
    struct net *net = *state;

    net_node(net, 4, "1", "10.0.0.4");
    net_cluster(net, 2, "43");
    net_binding(net, 1, 1, 2, "p1", 10);
    settle(net);
    check_error(net, "waiting", TOPO_EDGE, 4, "that of edge e1");
    check_sites(net, "waiting", 1, "3");
    net_del(net, TOPO_EDGE, 1);
    settle(net);
    check_error(net, "in force", TOPO_EDGE, 4, "");
    assert_true(topo_segment_has_node(net_get_segment(net, 1),
                                      net_get_node(net, 4)));
    assert_int_equal(net_get_segment(net, 1)->n_sites, 2);
}

static void
test_bad_places(void **state)
{
    static const struct row {
        const char *what;
        enum topo_table table;
        unsigned int segment, owner;
        const char *s;
        uint16_t vlan;
        const char *error;
    } rows[] = {
        { "good", TOPO_BINDING, 1, 1, "p1", 10, "" },
        { "the highest VLAN", TOPO_BINDING, 1, 1, "p1", 4094, "" },
        { "too high a VLAN", TOPO_BINDING, 1, 1, "p1", 4095, "4095" },
        { "no segment", TOPO_BINDING, 9, 1, "p1", 10, "segment" },
        { "no cluster", TOPO_BINDING, 1, 9, "p1", 10, "edge" },
        { "the tunnel port", TOPO_BINDING, 1, 1, "genev0", 10,
          "port \"genev0\" of edge e1 is a tunnel port" },
        { "the peer port", TOPO_BINDING, 1, 1, "peer0", 10,
          "port \"peer0\" of edge e1 is a tunnel port" },
        { "no port name", TOPO_BINDING, 1, 1, "", 10, "port name" },
        { "a missing port", TOPO_BINDING, 1, 1, "p9", 10,
          "edge e1 has no port \"p9\"" },
        { "a host port", TOPO_HOST_PORT, 1, 3, "p1", 0, "" },
        { "no host", TOPO_HOST_PORT, 1, 9, "p1", 0, "edge" },
        { "a host's tunnel port", TOPO_HOST_PORT, 1, 3, "genev0", 0,
          "is a tunnel port" },
        { "a host's missing port", TOPO_HOST_PORT, 1, 3, "p9", 0,
          "edge e3 has no port \"p9\"" },
        { "a VTEP", TOPO_VTEP, 1, 0, "192.0.2.1", 0, "" },
        { "an IPv6 VTEP", TOPO_VTEP, 1, 0, "2001:db8::1", 0, "" },
        { "no segment for a VTEP", TOPO_VTEP, 9, 0, "192.0.2.1", 0,
          "segment" },
        { "a VTEP that is none", TOPO_VTEP, 1, 0, "127.0.0.1", 0,
          "127.0.0.1" },
        { "a VTEP that is an edge", TOPO_VTEP, 1, 0, "10.0.0.2", 0,
          "tunnel IP of edge e2" },
    };
    struct net *net = *state;

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const struct row *r = &rows[i];

        if (r->table == TOPO_BINDING) {
            net_binding(net, 1, r->segment, r->owner, r->s, r->vlan);
        } else if (r->table == TOPO_HOST_PORT) {
            net_host_port(net, 1, r->segment, r->owner, r->s);
        } else {
            net_vtep(net, 1, r->segment, r->s);
        }
        settle(net);
        check_error(net, r->what, r->table, 1, r->error);
        net_del(net, r->table, 1);
        settle(net);
        check_sites(net, r->what, 1, "");
    }
}

/* One VLAN claimed through two clusters that share an edge. */
static void
test_incumbent_stays(void **state)
{
    struct net *net = *state;

    net_cluster(net, 2, "23");
    net_binding(net, 2, 2, 2, "p1", 10);
    settle(net);
    net_binding(net, 1, 1, 1, "p1", 10);
    settle(net);
    check_error(net, "the incumbent", TOPO_BINDING, 2, "");
    check_error(net, "the newcomer", TOPO_BINDING, 1,
                "VLAN 10 of port \"p1\" of edge e2 belongs to segment s2 "
                "already, by c2/p1/10");
    check_sites(net, "the newcomer is nowhere", 1, "");

    /* The incumbent's edges change; it stays. */
    net_cluster(net, 2, "32");
    settle(net);
    check_error(net, "after a change", TOPO_BINDING, 2, "");
    check_error(net, "after a change", TOPO_BINDING, 1, "belongs to");

    net_del(net, TOPO_BINDING, 2);
    settle(net);
    check_error(net, "the newcomer's turn", TOPO_BINDING, 1, "");
    check_sites(net, "the newcomer's turn", 1, "12");
    check_sites(net, "the incumbent has gone", 2, "");
}

static void
test_vtep_becomes_edge(void **state)
{
    struct net *net = *state;

    net_binding(net, 1, 1, 1, "p1", 10);
    net_vtep(net, 1, 1, "10.0.0.4");
    settle(net);
    check_error(net, "foreign", TOPO_VTEP, 1, "");
    net_vtep(net, 2, 1, "10.0.0.4");
    settle(net);
    check_error(net, "twice", TOPO_VTEP, 2, "in segment s1 already");
    net_del(net, TOPO_VTEP, 2);
    net_node(net, 4, "4", "10.0.0.4");
    settle(net);
    check_error(net, "ours now", TOPO_VTEP, 1, "tunnel IP of edge e4");
    net_node(net, 4, "4", "10.0.0.5");
    settle(net);
    check_error(net, "foreign again", TOPO_VTEP, 1, "");
}

static void
test_port_appears(void **state)
{
    struct net *net = *state;

    net_binding(net, 1, 1, 1, "p9", 10);
    settle(net);
    check_error(net, "missing", TOPO_BINDING, 1, "edge e1 has no port");
    net_port(net, 1, "p9", 9);
    check_error(net, "missing on e2", TOPO_BINDING, 1, "edge e2 has no port");
    assert_null(topo_node_claim(net_get_node(net, 2),
                                layout_slot(u16_to_ofp(9), 10)));
    net_port(net, 2, "p9", 9);
    check_error(net, "there", TOPO_BINDING, 1, "");
    assert_non_null(topo_node_claim(net_get_node(net, 2),
                                    layout_slot(u16_to_ofp(9), 10)));
    net_clean(net);

    net_port(net, 2, "p9", 8);
    check_error(net, "renumbered", TOPO_BINDING, 1, "");
    net_check_dirt(net, "renumbered", 2,
                   "addrs 0, port 8, port 9, segment 5000");
    net_check_dirt(net, "renumbered, on its peer", 1, "addrs 0");
    assert_null(topo_node_claim(net_get_node(net, 2),
                                layout_slot(u16_to_ofp(9), 10)));
    assert_non_null(topo_node_claim(net_get_node(net, 2),
                                    layout_slot(u16_to_ofp(8), 10)));
    net_port(net, 2, "p9", 0);
    check_error(net, "gone", TOPO_BINDING, 1, "edge e2 has no port");

    /* Two ports that change their numbers: what the one had, the other has. */
    net_port(net, 1, "p8", 8);
    net_port(net, 1, "p8", 9);
    net_port(net, 1, "p9", 8);
    assert_non_null(topo_node_claim(net_get_node(net, 1),
                                    layout_slot(u16_to_ofp(8), 10)));
    assert_string_equal(topo_node_ofport(net_get_node(net, 1),
                                         u16_to_ofp(9))->name, "p8");
}

static void
report_port(struct net *net, const char *name, uint16_t ofport)
{
    topo_node_set_port(&net->topo, net_get_node(net, 1), name,
                       u16_to_ofp(ofport), eth_addr_zero, true, true);
}

/* The number of ports that are known is bounded, and what a session has told
 * does not take the place of what the next one tells. */
static void
test_ports_are_bounded(void **state)
{
    static const struct {
        const char *what;
        unsigned int n;         /* Ports but for "genev0", which is last. */
        bool all_known;
    } rows[] = {
        { "few", 3, true },
        { "as many as may be", TOPO_MAX_PORTS - 1, true },
        { "too many", TOPO_MAX_PORTS, false },
        { "far too many", TOPO_MAX_PORTS + 5000, false },
        { "few again", 2, true },
    };
    struct net *net = *state;
    struct topo_node *node = net_get_node(net, 1);

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        topo_node_new_session(node);
        for (unsigned int n = 0; n < rows[i].n; n++) {
            char *name = xasprintf("r%"PRIuSIZE".%u", i, n);

            report_port(net, name, 100 + n);
            free(name);
        }
        report_port(net, "genev0", 1);
        topo_node_del_stale_ports(&net->topo, node);
        topo_node_set_ports_known(&net->topo, node, true);

        size_t n = hmap_count(&node->ports_by_ofport);
        if (n != MIN(rows[i].n + 1, TOPO_MAX_PORTS)
            || (topo_node_tunnel(node) != OFPP_NONE) != rows[i].all_known) {
            fail_msg("%s: %"PRIuSIZE" are known", rows[i].what, n);
        }
        if (n == TOPO_MAX_PORTS) {
            check_error(net, rows[i].what, TOPO_EDGE, 1, "ports or more");
        } else {
            check_error(net, rows[i].what, TOPO_EDGE, 1, "");
        }
        topo_node_del_port(&net->topo, node, u16_to_ofp(100));
        if (rows[i].all_known) {
            check_error(net, "one less", TOPO_EDGE, 1, "");
        }
        net_clean(net);
    }
}

static void
test_unknown_ports_are_no_error(void **state)
{
    struct net *net = *state;

    topo_node_set_ports_known(&net->topo, net_get_node(net, 3), false);
    net_host_port(net, 1, 1, 3, "p9");
    settle(net);
    check_error(net, "not connected yet", TOPO_HOST_PORT, 1, "");
    topo_node_set_ports_known(&net->topo, net_get_node(net, 3), true);
    check_error(net, "connected", TOPO_HOST_PORT, 1, "no port");
}

static void
test_statics(void **state)
{
    static const struct row {
        const char *what;
        unsigned int segment;
        const char *mac;
        enum topo_table table;
        unsigned int place;
        const char *error;
    } rows[] = {
        { "good", 1, "aa:00:00:00:00:01", TOPO_BINDING, 1, "" },
        { "a group address", 1, "01:00:00:00:00:01", TOPO_BINDING, 1,
          "group" },
        { "no address", 1, "?", TOPO_BINDING, 1, "?" },
        { "no place", 1, "aa:00:00:00:00:01", TOPO_BINDING, 9,
          "not in force" },
        { "a place that is waiting", 1, "aa:00:00:00:00:01", TOPO_BINDING, 2,
          "not in force" },
        { "a place of another segment", 2, "aa:00:00:00:00:01",
          TOPO_BINDING, 1, "location of static MAC is in segment s1" },
        { "a VTEP", 1, "aa:00:00:00:00:01", TOPO_VTEP, 1, "" },
    };
    struct net *net = *state;

    net_binding(net, 1, 1, 1, "p1", 10);
    net_binding(net, 2, 1, 1, "genev0", 10);
    net_vtep(net, 1, 1, "192.0.2.1");
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        net_static(net, 1, rows[i].segment, rows[i].mac, rows[i].table,
                   rows[i].place);
        settle(net);
        check_error(net, rows[i].what, TOPO_STATIC_MAC, 1, rows[i].error);
    }
    net_del(net, TOPO_VTEP, 1);
    settle(net);
    check_error(net, "its place has gone", TOPO_STATIC_MAC, 1,
                "not in force");

    struct topo_static_row none = {
        .uuid = net_uuid(TOPO_STATIC_MAC, 1), .mac = "aa:00:00:00:00:01",
        .segment = net_uuid(TOPO_SEGMENT, 1), .n_places = 0,
    };
    topo_static_set(&net->topo, &none);
    settle(net);
    check_error(net, "no place", TOPO_STATIC_MAC, 1, "0 locations");

    /* Of two rows for one MAC the one in force stays, whatever its UUID. */
    net_static(net, 5, 1, "aa:00:00:00:00:01", TOPO_BINDING, 1);
    settle(net);
    for (unsigned int n = 1; n <= 9; n += 8) {
        net_static(net, n, 1, "AA:00:00:00:00:01", TOPO_BINDING, 1);
        settle(net);
        check_error(net, "the first", TOPO_STATIC_MAC, 5, "");
        check_error(net, "the second", TOPO_STATIC_MAC, n, "another row");
    }
    net_del(net, TOPO_STATIC_MAC, 5);
    net_del(net, TOPO_STATIC_MAC, 9);
    settle(net);
    check_error(net, "the second, alone", TOPO_STATIC_MAC, 1, "");
}

/* Within a batch a place may be withdrawn and come back. */
static void
test_reinstated_place_keeps_macs(void **state)
{
    struct net *net = *state;
    struct topo_place *place;

    net_binding(net, 1, 1, 1, "p1", 10);
    net_host_port(net, 1, 1, 3, "p1");
    settle(net);
    place = net_get_place(net, TOPO_BINDING, 1);
    fdb_sight(&net->fdb, net_get_node(net, 1), place, net_mac(1), 0,
              &net->ops);
    net_clean(net);

    net_cluster(net, 1, "21");
    settle(net);
    assert_int_equal(place->n_macs, 1);
    check_sites(net, "both in another order", 1, "123");

    net_cluster(net, 1, "2");
    settle(net);
    assert_int_equal(net_get_segment(net, 1)->n_macs, 0);
    check_sites(net, "the edge that saw it has left", 1, "23");

    fdb_sight(&net->fdb, net_get_node(net, 2), place, net_mac(1), 0,
              &net->ops);
    net_binding(net, 1, 1, 1, "p1", 11);
    settle(net);
    assert_int_equal(net_get_segment(net, 1)->n_macs, 0);
}

static void
add_row(struct net *net, int i)
{
    switch (i) {
    case 0: net_segment(net, 11, 6000); break;
    case 1: net_node(net, 5, "5", "10.0.0.5"); break;
    case 2: net_node(net, 6, "6", "10.0.0.6"); break;
    case 3: net_cluster(net, 5, "56"); break;
    case 4: net_binding(net, 11, 11, 5, "p1", 10); break;
    case 5: net_binding(net, 12, 11, 5, "p1", 20); break;
    case 6: net_host_port(net, 11, 11, 6, "p2"); break;
    case 7: net_vtep(net, 11, 11, "192.0.2.1"); break;
    default:
        net_static(net, 11, 11, "aa:00:00:00:00:01", TOPO_BINDING, 12);
    }
}

static void
del_row(struct net *net, int i)
{
    static const struct { enum topo_table table; unsigned int n; } rows[] = {
        { TOPO_SEGMENT, 11 }, { TOPO_EDGE, 5 }, { TOPO_EDGE, 6 },
        { TOPO_CLUSTER, 5 }, { TOPO_BINDING, 11 }, { TOPO_BINDING, 12 },
        { TOPO_HOST_PORT, 11 }, { TOPO_VTEP, 11 }, { TOPO_STATIC_MAC, 11 },
    };

    net_del(net, rows[i].table, rows[i].n);
}

#define N_ROWS 9

/* Rows in any order, each in a batch of its own or not, come to the same
 * graph; and go in any order, parents first too. */
static void
test_any_order(void **state)
{
    struct net *net = *state;

    for (int start = 0; start < N_ROWS; start++) {
        for (int step = 1; step <= 8; step++) {
            bool batches = (start + step) % 2;

            /* A step that has no factor in common with 9 visits all. */
            if (step % 3 == 0) {
                continue;
            }
            for (int i = 0; i < N_ROWS; i++) {
                add_row(net, (start + i * step) % N_ROWS);
                if (batches) {
                    settle(net);
                }
            }
            settle(net);
            const struct topo_segment *s = net_get_segment(net, 11);
            assert_int_equal(s->n_sites, 2);
            assert_int_equal(ovs_list_size(&s->attaches), 3);
            assert_int_equal(ovs_list_size(&s->vteps), 1);
            assert_int_equal(s->n_macs, 1);
            assert_int_equal(net_get_cluster(net, 5)->n_members, 2);
            check_error(net, "static", TOPO_STATIC_MAC, 11, "");

            for (int i = 0; i < N_ROWS; i++) {
                del_row(net, (start + i * step) % N_ROWS);
                if (batches) {
                    settle(net);
                }
            }
            settle(net);
            assert_true(!net->fdb.macs.n);
            assert_true(ovs_list_is_empty(&net->topo.waiting));
        }
    }
}

static void
test_vni_changes(void **state)
{
    struct net *net = *state;

    net_binding(net, 1, 1, 1, "p1", 10);
    settle(net);
    fdb_sight(&net->fdb, net_get_node(net, 1),
              net_get_place(net, TOPO_BINDING, 1), net_mac(1), 0, &net->ops);
    net_clean(net);
    net_segment(net, 1, 5999);
    net_settle(net);
    net_check_dirt(net, "both VNIs", 1,
                   "addrs 0, cluster 1, macs 5000, port 2, segment 5000, "
                   "segment 5999");
    assert_null(topo_segment_by_vni(&net->topo, 5000));
    assert_true(!net->fdb.macs.n);

    /* Two segments that change their VNIs. */
    net_segment(net, 1, 5001);
    net_segment(net, 2, 5999);
    settle(net);
    assert_ptr_equal(topo_segment_by_vni(&net->topo, 5001),
                     net_get_segment(net, 1));
    assert_ptr_equal(topo_segment_by_vni(&net->topo, 5999),
                     net_get_segment(net, 2));
    check_sites(net, "the binding is in s1", 1, "12");
}

/* What makes no sense in a row that is in force, its row says; but first what
 * is more urgent. */
static void
test_complaints(void **state)
{
    struct net *net = *state;
    struct topo_attach_row binding = {
        .table = TOPO_BINDING, .uuid = net_uuid(TOPO_BINDING, 1),
        .segment = net_uuid(TOPO_SEGMENT, 1),
        .owner = net_uuid(TOPO_CLUSTER, 1), .port = "p1", .vlan = 10,
    };
    struct topo_segment_row segment = {
        .uuid = net_uuid(TOPO_SEGMENT, 1), .name = "s1", .vni = 5000,
        .mac_limit = 2048, .mac_aging = 300,
    };

    binding.complaint = xstrdup("a silly limit");
    topo_attach_set(&net->topo, &binding);
    settle(net);
    check_error(net, "at once", TOPO_BINDING, 1, "a silly limit");
    net_port(net, 1, "p1", 0);
    net_settle(net);
    check_error(net, "no port", TOPO_BINDING, 1, "has no port");
    net_port(net, 1, "p1", 2);
    net_settle(net);
    check_error(net, "the port is back", TOPO_BINDING, 1, "a silly limit");
    binding.complaint = xstrdup("another");
    topo_attach_set(&net->topo, &binding);
    settle(net);
    check_error(net, "another", TOPO_BINDING, 1, "another");
    binding.complaint = NULL;
    topo_attach_set(&net->topo, &binding);
    settle(net);
    check_error(net, "none", TOPO_BINDING, 1, "");

    segment.complaint = xstrdup("what is that?");
    topo_segment_set(&net->topo, &segment);
    settle(net);
    check_error(net, "of a segment", TOPO_SEGMENT, 1, "what is that?");
    segment.complaint = NULL;
    topo_segment_set(&net->topo, &segment);
    settle(net);
    check_error(net, "not any more", TOPO_SEGMENT, 1, "");
}

#define TEST(NAME) \
    cmocka_unit_test_setup_teardown(NAME, net_setup_three, net_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_bad_nodes),
        TEST(test_node_waits),
        TEST(test_bad_places),
        TEST(test_incumbent_stays),
        TEST(test_vtep_becomes_edge),
        TEST(test_port_appears),
        TEST(test_ports_are_bounded),
        TEST(test_unknown_ports_are_no_error),
        TEST(test_statics),
        TEST(test_reinstated_place_keeps_macs),
        TEST(test_any_order),
        TEST(test_vni_changes),
        TEST(test_complaints),
    };

    return cmocka_run_group_tests_name("topo", tests, NULL, NULL);
}
