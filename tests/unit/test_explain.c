/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* What flows/explain.h says.  tests/flows/test_explain.py compares it with
 * what a switch does. */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "flows/addr.h"
#include "flows/explain.h"
#include "flows/flowset.h"
#include "flows/pipeline.h"
#include "openvswitch/dynamic-string.h"
#include "svec.h"
#include "tests/unit/golden.h"
#include "util.h"

/* What is said of frames. */

/* Returns what explain_parse() says of 'text', or NULL. */
static char *
parse(struct net *net, const char *text, struct explain_frame *frame)
{
    struct svec words = SVEC_EMPTY_INITIALIZER;
    char *error;

    svec_parse_words(&words, text);
    error = explain_parse(&net->topo, words.n,
                          (const char *const *) words.names, frame);
    svec_destroy(&words);
    return error;
}

/* Returns the ends of the frame 'text', "e1: ...; e2: ...". */
static char *
ends_of(struct net *net, const char *text)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    struct explain_frame frame;
    struct explain out;
    char *error = parse(net, text, &frame);

    if (error) {
        return error;
    }
    explain_frame(&net->topo, &net->fdb, &frame, &out);
    for (size_t i = 0; i < out.n_ends; i++) {
        ds_put_format(&s, "%s%s: ", i ? "; " : "", out.ends[i].node);
        explain_end_format(&out.ends[i], &s);
    }
    explain_destroy(&out);
    return ds_steal_cstr(&s);
}

/* VLANs 10 and 20 of p1, of which the latter is closed; a host port that is
 * not there; a VTEP; what was seen in one and then the other VLAN. */
static void
make_troubles(struct net *net)
{
    golden_find("pair")->make(net);
    net_closed(net, 2, 1, 1, "p1", 20, 1000);
    net_host_port(net, 8, 1, 3, "gone0");
    net_vtep(net, 1, 1, "192.0.2.1");
    net_settle(net);
    net_see(net, 1, TOPO_VTEP, 1, 4);
}

/* A cluster of which no edge is active, nor has been. */
static void
make_idle(struct net *net)
{
    golden_find("host")->make(net);
    net_node(net, 2, "2", "10.0.0.2");
    net_cluster(net, 2, "2");
    net_binding(net, 2, 1, 2, "p1", 10);
    net_settle(net);
    net_see(net, 1, TOPO_BINDING, 2, 9);
}

/* The host has lost its tunnel port. */
static void
make_cut(struct net *net)
{
    golden_find("pair")->make(net);
    topo_node_del_port(&net->topo, net_get_node(net, 3), u16_to_ofp(1));
    net_settle(net);
}

/* The trunk of the active edge has no link. */
static void
make_unplugged(struct net *net)
{
    struct eth_addr mac = ETH_ADDR_C(02,ff,00,00,01,02);

    golden_find("pair")->make(net);
    topo_node_set_port(&net->topo, net_get_node(net, 1), "p1", u16_to_ofp(2),
                       mac, false, false);
    net_settle(net);
}

static void
make_guarded(struct net *net)
{
    golden_find("bpdu")->make(net);
}

#define STATION(N) "aa:00:00:00:00:" #N
#define FROM(N) " src=" STATION(N)
#define TO(N) " dst=" STATION(N)
#define ALL " dst=ff:ff:ff:ff:ff:ff"

struct row {
    const char *what;
    void (*make)(struct net *);
    const char *frame, *ends;
};

static void
check_rows(const struct row rows[], size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct net net;

        net_init(&net);
        rows[i].make(&net);
        char *ends = ends_of(&net, rows[i].frame);
        if (strcmp(ends, rows[i].ends)) {
            fail_msg("%s:\n%s\nnot\n%s", rows[i].what, ends, rows[i].ends);
        }
        free(ends);
        net_destroy(&net);
    }
}

static void
test_ends(void **state OVS_UNUSED)
{
    static const struct row rows[] = {
        { "followed to where it leaves", make_troubles,
          "e1 p1 vlan=10" FROM(01) TO(03),
          "e1: on to edge e3 (fd00::3), VNI 5000; "
          "e3: out of port p1, untagged" },
        { "no further than a VTEP that is none of ours", make_troubles,
          "e3 p1" FROM(03) TO(04),
          "e3: leaves to VTEP 192.0.2.1, VNI 5000; what is beyond is not "
          "known here" },
        { "into a VLAN that is closed", make_troubles,
          "e3 p1" FROM(03) ALL,
          "e3: on to edge e1 (10.0.0.1), VNI 5000; "
          "e1: out of port p1, VLAN 10; "
          "e1: dropped: binding c1/p1/20 is closed: so it is; "
          "e3: leaves to VTEP 192.0.2.1, VNI 5000; what is beyond is not "
          "known here" },
        { "from a VLAN that is closed", make_troubles,
          "e1 p1 vlan=20" FROM(07) ALL,
          "e1: dropped: binding c1/p1/20 is closed: so it is" },
        { "from no VLAN", make_troubles,
          "e1 p1 type=arp" FROM(01) ALL,
          "e1: dropped: frames without a tag at port p1 are bound to no "
          "segment" },
        { "from a standby", make_troubles,
          "e2 p1 vlan=10" FROM(01) ALL,
          "e2: dropped: edge e2 is standby for cluster c1, e1 is active" },
        { "where nobody is active", make_idle,
          "e1 p1" FROM(01) ALL,
          "e1: dropped: it came in by e1/p1, and is never sent back there; "
          "e1: dropped: no edge of cluster c2 is known to be active" },
        { "to a MAC there", make_idle,
          "e1 p1" FROM(01) TO(09),
          "e1: dropped: no edge of cluster c2 is known to be active" },
        { "to an edge without tunnel port", make_cut,
          "e1 p1 vlan=10" FROM(01) TO(03),
          "e1: on to edge e3 (fd00::3), VNI 5000; "
          "e3: dropped: edge e3 has no port genev0, so what is sent to it "
          "through the overlay does not get into its switch" },
        { "from an edge without tunnel port", make_cut,
          "e3 p1" FROM(03) TO(01),
          "e3: dropped: there is no tunnel port (to 10.0.0.1)" },
        { "out of a port without link", make_unplugged,
          "e3 p1" FROM(03) TO(01),
          "e3: on to edge e1 (10.0.0.1), VNI 5000; "
          "e1: out of port p1, VLAN 10; but the port has no link" },
        { "a static MAC elsewhere", make_troubles,
          "e3 p1" FROM(05) ALL,
          "e3: dropped: its source is a static MAC, which is at c1/p1/10" },
        { "a tag of its own", make_troubles,
          "e1 genev0 from=192.0.2.1 vni=5000 vlan=7" FROM(04) TO(01),
          "e1: out of port p1, VLAN 10, with its own tag 7" },
        { "out of an untagged port", make_troubles,
          "e1 p1 vlan=10 inner=7" FROM(01) TO(03),
          "e1: on to edge e3 (fd00::3), VNI 5000; "
          "e3: dropped: it has a tag of its own, 7, and untagged out of port "
          "p1 that would choose the VLAN" },
        { "a BPDU where there is a guard", make_guarded,
          "e1 p1 vlan=40 dst=01:80:c2:00:00:00" FROM(01),
          "e1: dropped: a BPDU; the controller is told, and closes the "
          "bindings with bpdu=guard that it concerns" },
        { "a marker", make_troubles,
          "e1 p1 type=0x88b6 dst=03:4b:48:00:00:03" FROM(01),
          "e1: a marker, which is for the controller" },
        { "a probe", make_troubles,
          "e1 genev0 from=10.0.0.2 vni=0 type=0x88b6 dst=02:4b:48:00:00:01"
          FROM(01),
          "e1: a probe, which is for edges and the controller" },
    };

    check_rows(rows, ARRAY_SIZE(rows));
}

/* What is wrong with frames. */
static void
test_errors(void **state OVS_UNUSED)
{
    static const struct row rows[] = {
        { "no edge", make_idle, "e7 p1", "no edge \"e7\" (did you "
          "mean \"e1\"?)" },
        { "nothing like an edge", make_idle, "router p1",
          "no edge \"router\"" },
        { "no port", make_idle, "e1", "name an edge, and a port by which the "
          "frame comes in" },
        { "not its port", make_idle, "e1 p7", "edge e1 has no port "
          "\"p7\" (did you mean \"p1\"?)" },
        { "never seen", make_idle, "e2 p1", "edge e2 has never connected: "
          "whether it has a port \"p1\" is not known" },
        { "no source", make_idle, "e1 p1" ALL, "src= is missing" },
        { "no destination", make_idle, "e1 p1" FROM(01), "dst= is missing" },
        { "a bad VLAN", make_idle, "e1 p1 vlan=4095",
          "\"vlan=4095\": not a number from 0 to 4094" },
        { "a bad MAC", make_idle, "e1 p1 src=x",
          "\"src=x\": not a MAC address" },
        { "a bad word", make_idle, "e1 p1 colour",
          "\"colour\": not of the form KEY=VALUE" },
        { "a bad key", make_idle, "e1 p1 colour=red",
          "\"colour\": a frame has vlan, inner, src, dst and type, and in the "
          "overlay from, vni and oam" },
        { "a slip in a key", make_idle, "e1 p1 vln=10",
          "\"vln\": a frame has vlan, inner, src, dst and type, and in the "
          "overlay from, vni and oam (did you mean \"vlan\"?)" },
        { "a bad type", make_idle, "e1 p1 type=ipx",
          "\"type=ipx\": neither arp, ip or ipv6 nor a number from 0 to "
          "65535" },
        { "only a second tag", make_idle, "e1 p1 inner=7" FROM(01) ALL,
          "inner= is a second tag: vlan= is missing" },
        { "from nobody", make_idle, "e1 genev0 vni=5000" FROM(01) ALL,
          "by genev0, its tunnel port, edge e1 gets what VTEPs send: from= is "
          "missing" },
        { "in no VNI", make_idle, "e1 genev0 from=10.0.0.2" FROM(01) ALL,
          "by genev0, its tunnel port, edge e1 gets what VTEPs send: vni= is "
          "missing" },
        { "a VNI at a port", make_idle, "e1 p1 vni=5000" FROM(01) ALL,
          "from=, vni= and oam are for tunnel ports: that of edge e1 is "
          "genev0" },
    };

    check_rows(rows, ARRAY_SIZE(rows));
}

/* What a step of 'table' says of the frame 'text'; "" if there is none. */
static char *
step_of(struct net *net, const char *text, enum layout_table table)
{
    struct explain_frame frame;
    struct explain out;
    char *said = NULL;

    assert_null(parse(net, text, &frame));
    explain_frame(&net->topo, &net->fdb, &frame, &out);
    for (size_t i = 0; i < out.n_steps && !said; i++) {
        if (out.steps[i].table == table) {
            said = xstrdup(out.steps[i].text);
        }
    }
    explain_destroy(&out);
    return said ? said : xstrdup("");
}

/* What becomes of a source. */
static void
test_sources(void **state OVS_UNUSED)
{
    static const struct row {
        const char *what, *golden, *frame;
        enum layout_table table;
        const char *says;
    } rows[] = {
        { "known", "translation", "e1 p1 vlan=10" FROM(01) ALL,
          LAYOUT_SOURCE, "the source is known at c1/p1/10, learned" },
        { "static", "static", "e1 p1 vlan=10" FROM(05) ALL,
          LAYOUT_SOURCE, "the source is known at c1/p1/10, static" },
        { "unknown", "translation", "e1 p1 vlan=10" FROM(99) ALL,
          LAYOUT_LEARN, "the source is not known; the controller is told, and "
          "learns that it is at c1/p1/10; once a second, and within what "
          "meter 19272 lets pass" },
        { "moves", "translation", "e1 p1 vlan=20" FROM(01) ALL,
          LAYOUT_LEARN, "the source is known at c1/p1/10; the controller is "
          "told, and moves it to c1/p1/20; once a second, and within what "
          "meter 19272 lets pass" },
        { "held", "storm", "e1 p1 vlan=10" FROM(99) ALL,
          LAYOUT_LEARN, "the source is not known; the controller is told, and "
          "learns that it is at c1/p1/10; the segment has many new MACs and "
          "is held, so within what meter 19277 lets pass" },
        { "limited", "storm", "e1 p1 vlan=30" FROM(04) ALL,
          LAYOUT_LEARN, "" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct net net;

        net_init(&net);
        golden_find(rows[i].golden)->make(&net);
        char *says = step_of(&net, rows[i].frame, rows[i].table);
        if (strcmp(says, rows[i].says)) {
            fail_msg("%s: %s", rows[i].what, says);
        }
        free(says);
        net_destroy(&net);
    }
}

/* A MAC that is frozen stays where it is. */
static void
test_frozen(void **state OVS_UNUSED)
{
    struct net net;
    char *says;

    net_init(&net);
    golden_find("translation")->make(&net);
    for (int i = 0; i < FDB_FLAP_MOVES; i++) {
        net_see(&net, 1, TOPO_BINDING, i % 2 ? 1 : 2, 1);
    }
    assert_true(fdb_is_frozen(&net.fdb, net_find(&net, 1)));
    assert_int_equal(fdb_find_flap(&net.fdb, net_find(&net, 1))->n,
                     FDB_FLAP_MOVES);
    assert_null(fdb_find_flap(&net.fdb, net_find(&net, 2)));
    says = step_of(&net, "e1 p1 vlan=20" FROM(01) ALL, LAYOUT_LEARN);
    assert_non_null(strstr(says, "frozen at c1/p1/10; that it is at c1/p1/20 "
                           "is not believed now"));
    free(says);
    net_destroy(&net);
}

/* All frames that matter have an end, and who is said to count is there. */

static const char *const macs[] = {
    STATION(01), STATION(02), STATION(03), STATION(04), STATION(05),
    STATION(07), STATION(99), "02:ff:00:00:01:02", "ff:ff:ff:ff:ff:ff",
    "00:00:00:00:00:00", "01:80:c2:00:00:0e", "01:80:c2:00:00:00",
    "01:00:0c:cc:cc:cd",
};
static const int tags[] = { EXPLAIN_NO_TAG, 0, 10, 20, 30, 40, 50, 11 };
static const char *const vteps[] = {
    "10.0.0.1", "10.0.0.2", "fd00::3", "192.0.2.1", "10.0.0.9",
};

/* Fails unless the end is as it should be, 'flows' being those of its
 * node. */
static void
check_end(const char *what, const struct explain_end *end,
          struct flowset *flows)
{
    const struct flowset_flow *flow;
    struct flowset like;

    if (end->verdict != EXPLAIN_DROPPED && end->verdict != EXPLAIN_LIMITED) {
        assert_int_equal(end->counter.type, EXPLAIN_BY_NOTHING);
        return;
    }
    assert_true(*end->reason);
    assert_int_not_equal(end->counter.type, EXPLAIN_BY_NOTHING);
    if (end->counter.type != EXPLAIN_BY_FLOW) {
        return;
    }
    flowset_init(&like);
    explain_counter_add_flow(&end->counter, &like);
    HMAP_FOR_EACH (flow, node, &like.flows) {
        const struct flowset_flow *found = flowset_find(flows, flow);

        if (!found || found->cookie != flow->cookie) {
            struct ds s = DS_EMPTY_INITIALIZER;

            flowset_flow_format(flow, &s);
            fail_msg("%s: edge %s has no flow %s", what, end->node,
                     ds_cstr(&s));
        }
    }
    flowset_destroy(&like);
}

static void
check_frame(const char *what, struct net *net,
            const struct explain_frame *frame, struct flowset flows[])
{
    struct explain out;
    bool here = false;

    explain_frame(&net->topo, &net->fdb, frame, &out);
    for (size_t i = 0; i < out.n_ends; i++) {
        check_end(what, &out.ends[i], &flows[atoi(out.ends[i].node + 1)]);
        here |= !strcmp(out.ends[i].node, frame->node->name);
    }
    assert_true(here);
    explain_destroy(&out);
}

/* Checks 'frame' with all addresses. */
static void
check_addresses(const char *what, struct net *net,
                struct explain_frame *frame, struct flowset flows[])
{
    for (size_t i = 0; i < ARRAY_SIZE(macs) * ARRAY_SIZE(macs); i++) {
        assert_true(eth_addr_from_string(macs[i % ARRAY_SIZE(macs)],
                                         &frame->src));
        assert_true(eth_addr_from_string(macs[i / ARRAY_SIZE(macs)],
                                         &frame->dst));
        check_frame(what, net, frame, flows);
    }
}

static void
check_node(const char *what, struct net *net, const struct topo_node *node,
           struct flowset flows[])
{
    struct explain_frame frame = { .node = node, .inner = EXPLAIN_NO_TAG };

    for (size_t i = 0; i < ARRAY_SIZE(tags) * 2; i++) {
        frame.port = topo_node_port(node, i % 2 ? "p1" : "p2");
        frame.vlan = tags[i / 2];
        check_addresses(what, net, &frame, flows);
    }
    frame.port = topo_node_port(node, "genev0");
    frame.tunnel = true;
    for (size_t i = 0; i < ARRAY_SIZE(vteps) * 3; i++) {
        char *error;

        frame.vlan = i % 2 ? 7 : EXPLAIN_NO_TAG;
        frame.vni = 4999 + i % 3;
        assert_true(addr_parse_vtep(vteps[i / 3], &frame.from, &error));
        check_addresses(what, net, &frame, flows);
    }
    frame.oam = true;
    check_addresses(what, net, &frame, flows);
}

static void
test_counters(void **state OVS_UNUSED)
{
    for (size_t i = 0; i < n_goldens; i++) {
        const struct golden *golden = &goldens[i];
        struct flowset flows[4];
        struct net net;

        net_init(&net);
        golden->make(&net);
        for (unsigned int n = 1; n <= golden->n_nodes; n++) {
            flowset_init(&flows[n]);
            pipeline_all(net_get_node(&net, n), &flows[n]);
            fdb_node_flows(net_get_node(&net, n), NULL, &flows[n]);
        }
        for (unsigned int n = 1; n <= golden->n_nodes; n++) {
            check_node(golden->name, &net, net_get_node(&net, n), flows);
        }
        for (unsigned int n = 1; n <= golden->n_nodes; n++) {
            flowset_destroy(&flows[n]);
        }
        net_destroy(&net);
    }
}

/* Every table has a name. */
static void
test_names(void **state OVS_UNUSED)
{
    for (int table = 0; table < LAYOUT_N_TABLES; table++) {
        assert_non_null(explain_table_name(table));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_sources),
        cmocka_unit_test(test_frozen),
        cmocka_unit_test(test_counters),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests_name("explain", tests, NULL, NULL);
}
