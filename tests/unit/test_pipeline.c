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
#include "tests/unit/golden.h"
#include "util.h"

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
    for (size_t i = 0; i < n_goldens; i++) {
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
    golden_find("pair")->make(&net);
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
    for (size_t i = 0; i < n_goldens; i++) {
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
    golden_find("pair")->make(&net);
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
