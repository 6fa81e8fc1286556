/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* The flows of small networks, compared with tests/flows/golden/, of which
 * each file holds the flows of one node.  tests/flows/ loads the same files
 * into a real switch and sends frames through them.
 *
 * After a change of the pipeline that is meant:
 *
 *     KAKEHASHI_GOLDEN=update build/tests/test_pipeline
 *
 * and then read what has changed, flow by flow. */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flows/flowset.h"
#include "flows/layout.h"
#include "flows/pipeline.h"
#include "openvswitch/dynamic-string.h"
#include "svec.h"
#include "tests/unit/net.h"
#include "util.h"

/* Nodes whose port genev0 is 1, p1 is 2 and p2 is 3, and a segment. */
static void
make_nodes(struct net *net, unsigned int n)
{
    static const char *const ips[] = { "10.0.0.1", "10.0.0.2", "fd00::3" };

    for (unsigned int i = 1; i <= n; i++) {
        char *dpid = xasprintf("%u", i);

        net_node(net, i, dpid, ips[i - 1]);
        net_port(net, i, "genev0", 1);
        net_port(net, i, "p1", 2);
        net_port(net, i, "p2", 3);
        free(dpid);
    }
    net_segment(net, 1, 5000);
}

/* Edge 'node' sees MAC 'mac' at place 'n' of 'table'. */
static void
see(struct net *net, unsigned int node, enum topo_table table,
    unsigned int n, uint8_t mac)
{
    fdb_sight(&net->fdb, net_get_node(net, node),
              net_get_place(net, table, n), net_mac(mac), 0, &net->ops);
}

static void
make_binding(struct net *net)
{
    make_nodes(net, 1);
    net_cluster(net, 1, "1");
    net_binding(net, 1, 1, 1, "p1", 10);
    net_settle(net);
    net_active(net, 1, 1);
    see(net, 1, TOPO_BINDING, 1, 1);
}

static void
make_translation(struct net *net)
{
    make_binding(net);
    net_binding(net, 2, 1, 1, "p1", 20);
    net_settle(net);
    see(net, 1, TOPO_BINDING, 2, 2);
}

static void
make_untagged(struct net *net)
{
    make_nodes(net, 1);
    net_cluster(net, 1, "1");
    net_binding(net, 1, 1, 1, "p1", 0);
    net_binding(net, 2, 1, 1, "p2", 20);
    net_settle(net);
    net_active(net, 1, 1);
    see(net, 1, TOPO_BINDING, 1, 1);
    see(net, 1, TOPO_BINDING, 2, 2);
}

/* Tagged, tagged again, untagged, overlay: no tag is left from before. */
static void
make_mixed(struct net *net)
{
    make_translation(net);
    net_binding(net, 3, 1, 1, "p2", 0);
    net_vtep(net, 1, 1, "192.0.2.1");
    net_settle(net);
}

/* The same VLAN on two trunks, as two networks. */
static void
make_reuse(struct net *net)
{
    make_binding(net);
    net_segment(net, 2, 5001);
    net_binding(net, 2, 2, 1, "p2", 10);
    net_settle(net);
    see(net, 1, TOPO_BINDING, 2, 1);
}

static void
make_host(struct net *net)
{
    make_nodes(net, 1);
    net_host_port(net, 1, 1, 1, "p1");
    net_settle(net);
    see(net, 1, TOPO_HOST_PORT, 1, 1);
}

static void
make_pair(struct net *net)
{
    make_nodes(net, 3);
    net_cluster(net, 1, "12");
    net_binding(net, 1, 1, 1, "p1", 10);
    net_host_port(net, 1, 1, 3, "p1");
    net_settle(net);
    net_active(net, 1, 1);
    see(net, 1, TOPO_BINDING, 1, 1);
    see(net, 3, TOPO_HOST_PORT, 1, 3);
    net_static(net, 1, 1, "aa:00:00:00:00:05", TOPO_BINDING, 1);
    net_settle(net);
}

static void
make_foreign(struct net *net)
{
    make_binding(net);
    net_vtep(net, 1, 1, "192.0.2.1");
    net_vtep(net, 2, 1, "2001:db8::1");
    net_settle(net);
    see(net, 1, TOPO_VTEP, 1, 4);
    see(net, 1, TOPO_VTEP, 2, 6);
}

/* Static MACs at all kinds of places, but for a host port. */
static void
make_static(struct net *net)
{
    make_foreign(net);
    net_binding(net, 2, 1, 1, "p1", 20);
    net_static(net, 1, 1, "aa:00:00:00:00:05", TOPO_BINDING, 1);
    net_static(net, 2, 1, "aa:00:00:00:00:07", TOPO_VTEP, 1);
    net_static(net, 3, 1, "aa:00:00:00:00:08", TOPO_VTEP, 2);
    net_settle(net);
}

/* Two clusters of the same edges, in opposite order, in one segment. */
static void
make_opposite(struct net *net)
{
    make_nodes(net, 3);
    net_cluster(net, 1, "12");
    net_cluster(net, 2, "21");
    net_binding(net, 1, 1, 1, "p1", 10);
    net_binding(net, 2, 1, 2, "p2", 20);
    net_host_port(net, 1, 1, 3, "p1");
    net_settle(net);
    net_active(net, 1, 1);
    net_active(net, 2, 2);
    see(net, 1, TOPO_BINDING, 1, 1);
    see(net, 2, TOPO_BINDING, 2, 2);
    see(net, 3, TOPO_HOST_PORT, 1, 3);
}

/* An edge that has a host port in the segment too; the other is active. */
static void
make_overlap(struct net *net)
{
    make_nodes(net, 3);
    net_cluster(net, 1, "12");
    net_binding(net, 1, 1, 1, "p1", 10);
    net_host_port(net, 1, 1, 1, "p2");
    net_host_port(net, 2, 1, 3, "p1");
    net_settle(net);
    net_active(net, 1, 2);
    see(net, 2, TOPO_BINDING, 1, 1);
    see(net, 1, TOPO_HOST_PORT, 1, 2);
    see(net, 3, TOPO_HOST_PORT, 2, 3);
}

/* Two edges, and a host, that see each other by BFD. */
static void
make_alone(struct net *net)
{
    make_pair(net);
    net_node_sees(net, 3, "3", "fd00::3", "12");
    net_settle(net);
    net_port(net, 1, "peer0", 4);
    net_port(net, 2, "peer0", 4);
    net_port(net, 3, "bfd1", 4);
    net_port(net, 3, "bfd2", 5);
    net_settle(net);
}

/* The same, where an edge that is cut off closes its gate. */
static void
make_fence(struct net *net)
{
    make_alone(net);
    net_fence(net, 1, "12");
    net_settle(net);
}

/* Three edges, of which each sees the others, and e2 is active. */
static void
make_three(struct net *net)
{
    make_nodes(net, 3);
    net_node_sees(net, 1, "1", "10.0.0.1", "23");
    net_node_sees(net, 2, "2", "10.0.0.2", "13");
    net_node_sees(net, 3, "3", "fd00::3", "12");
    net_cluster(net, 1, "123");
    net_binding(net, 1, 1, 1, "p1", 10);
    net_settle(net);
    for (unsigned int n = 1; n <= 3; n++) {
        net_port(net, n, n == 1 ? "bfd2" : "bfd1", 4);
        net_port(net, n, n == 3 ? "bfd2" : "bfd3", 5);
    }
    net_settle(net);
    net_active(net, 1, 2);
    see(net, 2, TOPO_BINDING, 1, 1);
}

/* Limits of what is flooded, a segment where what has an unknown address is
 * not, and one that has many new MACs. */
static void
make_storm(struct net *net)
{
    make_pair(net);
    net_limited(net, 1, 1, 1, "p1", 10, 100, 200);
    net_limited(net, 2, 1, 1, "p1", 20, 0, 300);
    net_binding(net, 3, 1, 1, "p2", 0);
    net_quiet_segment(net, 2, 5001);
    net_limited(net, 4, 2, 1, "p1", 30, 400, 0);
    net_binding(net, 5, 2, 1, "p2", 30);
    net_settle(net);
    see(net, 1, TOPO_BINDING, 4, 4);
    net_hold(net, net_get_node(net, 1), 5000);
}

/* Bindings that forward BPDUs, of both clusters, beside places that do not;
 * and bindings that guard against them, of which one is closed. */
static void
make_bpdu(struct net *net)
{
    static const struct topo_attach_row forward = {
        .bpdu = TOPO_BPDU_FORWARD,
    };
    static const struct topo_attach_row guard = { .bpdu = TOPO_BPDU_GUARD };
    static const struct topo_attach_row closed = {
        .bpdu = TOPO_BPDU_GUARD, .closed_until = 1,
    };

    make_pair(net);
    net_cluster(net, 2, "3");
    net_vtep(net, 1, 1, "192.0.2.1");
    net_bind(net, 1, 1, 1, "p1", 10, &forward);
    net_bind(net, 2, 1, 1, "p1", 20, &forward);
    net_binding(net, 3, 1, 1, "p1", 30);
    net_bind(net, 4, 1, 1, "p2", 0, &forward);
    net_bind(net, 5, 1, 2, "p2", 60, &forward);
    net_segment(net, 2, 5001);
    net_bind(net, 6, 2, 1, "p1", 40, &guard);
    net_bind(net, 7, 2, 1, "p1", 50, &closed);
    net_bind(net, 8, 2, 2, "p2", 70, &closed);
    net_settle(net);
    net_active(net, 2, 3);
}

/* A segment that learns VTEPs has learned 192.0.2.1, and can learn another
 * 'more'. */
static void
make_learned(struct net *net, uint32_t more)
{
    struct in6_addr ip = in6_addr_mapped_ipv4(htonl(0xc0000201));
    struct topo_segment *segment;

    make_pair(net);
    net_learning_segment(net, 1, 5000, 1 + more);
    segment = net_get_segment(net, 1);
    assert_null(topo_vtep_learn(&net->topo, segment, &ip, 0));
    fdb_sight(&net->fdb, net_get_node(net, 1),
              &topo_vtep_find(&net->topo, segment, &ip)->place, net_mac(4), 0,
              &net->ops);
}

static void
make_learning(struct net *net)
{
    make_learned(net, 1);
}

static void
make_full(struct net *net)
{
    make_learned(net, 0);
}

static const struct golden {
    const char *name;
    const char *what;
    void (*make)(struct net *);
    unsigned int n_nodes;
} goldens[] = {
    { "binding", "one binding, VLAN 10 of p1", make_binding, 1 },
    { "translation", "VLANs 10 and 20 of p1 in one segment",
      make_translation, 1 },
    { "untagged", "p1 untagged, VLAN 20 of p2", make_untagged, 1 },
    { "mixed", "VLANs 10 and 20 of p1, p2 untagged, VTEP 192.0.2.1",
      make_mixed, 1 },
    { "reuse", "VLAN 10 of p1 and VLAN 10 of p2 in two segments",
      make_reuse, 1 },
    { "host", "one host port, p1", make_host, 1 },
    { "pair", "edges e1 (active) and e2, host e3 with p1", make_pair, 3 },
    { "foreign", "one binding, VTEPs 192.0.2.1 and 2001:db8::1",
      make_foreign, 1 },
    { "static", "foreign, VLAN 20, and static MACs 5 in VLAN 10, 7 and 8 at "
      "the VTEPs", make_static, 1 },
    { "opposite", "c1 = e1 (active), e2; c2 = e2 (active), e1; host e3",
      make_opposite, 3 },
    { "overlap", "c1 = e1, e2 (active); host ports on e1 and e3",
      make_overlap, 3 },
    { "alone", "pair, where all see each other by BFD (4, 5)", make_alone,
      3 },
    { "fence", "alone, with isolation=fence", make_fence, 3 },
    { "three", "edges e1, e2 (active) and e3 see each other by BFD (4, 5)",
      make_three, 3 },
    { "storm", "pair, with limits; VLAN 30 drops what has an unknown address; "
      "e1 holds 5000",
      make_storm, 3 },
    { "bpdu", "pair, with bindings that forward BPDUs, and that guard against "
      "them", make_bpdu, 3 },
    { "learning", "pair, which has learned VTEP 192.0.2.1 and learns more",
      make_learning, 3 },
    { "full", "learning, where no more are learned", make_full, 1 },
};

static int
compare_flows(const void *a_, const void *b_)
{
    const struct flowset_flow *const *a = a_;
    const struct flowset_flow *const *b = b_;

    if ((*a)->table != (*b)->table) {
        return (*a)->table - (*b)->table;
    } else if ((*a)->priority != (*b)->priority) {
        return (*b)->priority - (*a)->priority;
    } else {
        struct ds as = DS_EMPTY_INITIALIZER;
        struct ds bs = DS_EMPTY_INITIALIZER;

        flowset_flow_format(*a, &as);
        flowset_flow_format(*b, &bs);
        int cmp = strcmp(ds_cstr(&as), ds_cstr(&bs));
        ds_destroy(&as);
        ds_destroy(&bs);
        return cmp;
    }
}

static void
format_flows(const struct flowset *set, struct ds *s)
{
    struct flowset_flow **flows = xmalloc(flowset_count(set) * sizeof *flows);
    struct flowset_flow *flow;
    size_t n = 0;

    HMAP_FOR_EACH (flow, node, &set->flows) {
        flows[n++] = flow;
    }
    qsort(flows, n, sizeof *flows, compare_flows);
    for (size_t i = 0; i < n; i++) {
        flowset_flow_format(flows[i], s);
        ds_put_char(s, '\n');
    }
    free(flows);

    /* What a switch calls it. */
    char *text = ds_steal_cstr(s);
    const char *rest = text;
    for (char *strip; (strip = strstr(rest, "strip_vlan")) != NULL; ) {
        ds_put_buffer(s, rest, strip - rest);
        ds_put_cstr(s, "pop_vlan");
        rest = strip + strlen("strip_vlan");
    }
    ds_put_cstr(s, rest);
    free(text);
}

/* Returns the content of the file, or an empty string. */
static char *
read_file(const char *path)
{
    FILE *stream = fopen(path, "r");
    struct ds s = DS_EMPTY_INITIALIZER;
    struct ds line = DS_EMPTY_INITIALIZER;

    while (stream && !ds_get_line(&line, stream)) {
        ds_put_format(&s, "%s\n", ds_cstr(&line));
    }
    if (stream) {
        fclose(stream);
    }
    ds_destroy(&line);
    return ds_steal_cstr(&s);
}

static void
check_golden(const char *path, const char *text)
{
    const char *mode = getenv("KAKEHASHI_GOLDEN");

    if (mode && !strcmp(mode, "update")) {
        FILE *stream = fopen(path, "w");

        if (stream) {
            fputs(text, stream);
            fclose(stream);
        } else {
            fail_msg("%s: %s", path, ovs_strerror(errno));
        }
        return;
    }

    char *golden = read_file(path);
    if (strcmp(golden, text)) {
        print_message("%s", text);
        fail_msg("%s is not this; see the top of test_pipeline.c", path);
    }
    free(golden);
}

static void
test_golden(void **state OVS_UNUSED)
{
    for (size_t i = 0; i < ARRAY_SIZE(goldens); i++) {
        const struct golden *g = &goldens[i];
        struct net net;

        net_init(&net);
        g->make(&net);
        for (unsigned int n = 1; n <= g->n_nodes; n++) {
            struct ds s = DS_EMPTY_INITIALIZER;
            char *path = xasprintf("tests/flows/golden/%s.e%u.flows",
                                   g->name, n);
            struct flowset set;

            flowset_init(&set);
            pipeline_all(net_get_node(&net, n), &set);
            fdb_node_flows(net_get_node(&net, n), NULL, &set);
            ds_put_format(&s, "# %s: %s.  Here: e%u.\n", g->name, g->what, n);
            format_flows(&set, &s);
            check_golden(path, ds_cstr(&s));
            flowset_destroy(&set);
            free(path);
            ds_destroy(&s);
        }
        net_destroy(&net);
    }
}

/* How many flows one more segment costs. */
static void
test_count(void **state OVS_UNUSED)
{
    static const struct row {
        const char *what;
        unsigned int node;
        size_t n_flows;
    } rows[] = {
        { "the active edge of a pair, a host in the segment", 1, 7 },
        { "its standby", 2, 7 },
        { "the host", 3, 9 },
    };
    struct net net;

    net_init(&net);
    make_pair(&net);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct flowset set;

        flowset_init(&set);
        pipeline_segment(net_get_node(&net, rows[i].node),
                         net_get_segment(&net, 1), &set);
        if (flowset_count(&set) != rows[i].n_flows) {
            fail_msg("%s: %"PRIuSIZE" flows a segment, not %"PRIuSIZE,
                     rows[i].what, flowset_count(&set), rows[i].n_flows);
        }
        assert_true(flowset_count(&set) <= 9);
        flowset_destroy(&set);
    }
    net_destroy(&net);
}

/* An owner's function appends flows with that owner's cookie alone, and
 * pipeline_all() is their sum. */
static void
test_owners(void **state OVS_UNUSED)
{
    for (size_t i = 0; i < ARRAY_SIZE(goldens); i++) {
        struct net net;

        net_init(&net);
        goldens[i].make(&net);
        for (unsigned int n = 1; n <= goldens[i].n_nodes; n++) {
            struct topo_node *node = net_get_node(&net, n);
            const struct flowset_owner *owner;
            struct flowset all;
            size_t sum = 0;

            flowset_init(&all);
            pipeline_all(node, &all);
            HMAP_FOR_EACH (owner, node, &all.owners) {
                struct flowset set;

                flowset_init(&set);
                pipeline_owner(&net.topo, node, owner->cookie, &set);
                if (hmap_count(&set.owners) != 1
                    || !flowset_owner(&set, owner->cookie)) {
                    fail_msg("%s, e%u: flows of owner %#"PRIx64" have other "
                             "cookies", goldens[i].name, n, owner->cookie);
                }
                sum += flowset_count(&set);
                flowset_destroy(&set);
            }
            assert_int_equal(sum, flowset_count(&all));
            flowset_destroy(&all);
        }
        net_destroy(&net);
    }
}

/* Fails unless edge 1 refuses the addresses that end so as sources. */
static void
check_addrs(struct net *net, const char *what, const char *expected)
{
    struct svec addrs = SVEC_EMPTY_INITIALIZER;
    struct flowset set;
    struct flowset_flow *flow;

    flowset_init(&set);
    pipeline_addrs(net_get_node(net, 1), &set);
    HMAP_FOR_EACH (flow, node, &set.flows) {
        struct match match;

        minimatch_expand(&flow->match, &match);
        svec_add_nocopy(&addrs, xasprintf("%x.%x", match.flow.dl_src.ea[4],
                                          match.flow.dl_src.ea[5]));
    }
    svec_sort(&addrs);

    char *text = svec_join(&addrs, " ", "");
    if (strcmp(text, expected)) {
        fail_msg("%s: %s, not %s", what, text, expected);
    }
    free(text);
    svec_destroy(&addrs);
    flowset_destroy(&set);
}

static void
set_local(struct net *net, unsigned int node, uint8_t a, uint8_t b)
{
    struct eth_addr mac = ETH_ADDR_C(02,ff,00,00,00,00);

    mac.ea[4] = a;
    mac.ea[5] = b;
    topo_node_set_port(&net->topo, net_get_node(net, node), "br0", OFPP_LOCAL,
                       mac, true, true);
}

/* Which addresses are those of edges.  Port p1 of edge N has N.2, p2 N.3. */
static void
test_addrs(void **state OVS_UNUSED)
{
    struct net net;

    net_init(&net);
    make_pair(&net);
    check_addrs(&net, "trunks", "1.2 2.2");
    set_local(&net, 1, 1, 0xff);
    set_local(&net, 2, 2, 0xff);
    set_local(&net, 3, 3, 0xff);
    check_addrs(&net, "local ports", "1.2 1.ff 2.2 2.ff");
    set_local(&net, 1, 1, 2);
    check_addrs(&net, "local port with the address of a trunk",
                "1.2 2.2 2.ff");
    net_host_port(&net, 9, 1, 1, "br0");
    net_settle(&net);
    check_addrs(&net, "which is a station by the local port", "2.2 2.ff");
    net_host_port(&net, 8, 1, 2, "p2");
    set_local(&net, 2, 2, 3);
    net_settle(&net);
    check_addrs(&net, "an access port of the peer has it", "2.2");
    topo_node_set_port(&net.topo, net_get_node(&net, 2), "br0", OFPP_LOCAL,
                       eth_addr_zero, true, true);
    check_addrs(&net, "zero is refused anyway", "2.2");
    net_cluster(&net, 1, "1");
    net_settle(&net);
    check_addrs(&net, "a peer no more", "");
    net_destroy(&net);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_count),
        cmocka_unit_test(test_owners),
        cmocka_unit_test(test_addrs),
    };

    return cmocka_run_group_tests_name("pipeline", tests, NULL, NULL);
}
