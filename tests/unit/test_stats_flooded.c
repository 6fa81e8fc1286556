/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* What is flooded, of bindings that are alone on a node and among others. */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>

#include "flows/flowset.h"
#include "flows/layout.h"
#include "flows/pipeline.h"
#include "flows/stats.h"
#include "openvswitch/dynamic-string.h"
#include "tests/unit/net.h"
#include "util.h"

#define VNI 5000
#define P1_10 (2u << 16 | 10)   /* Slots. */
#define P1_20 (2u << 16 | 20)
#define START 1000000

struct flood {
    const char *what;
    unsigned int active;        /* Edge. */
    bool other;                 /* P1_20 is bound, too. */
    bool closed;                /* P1_10 is. */
    uint64_t tunnel, local;     /* The switch of edge 1 says. */
    uint64_t in[2];             /* What came in by each, where it says. */
    const char *totals;         /* "in/out" of each. */
};

/* Makes the network such as 'flood' says. */
static void
bring_about(struct net *net, const struct flood *flood)
{
    if (flood->other) {
        net_binding(net, 2, 1, 1, "p1", 20);
    } else {
        net_del(net, TOPO_BINDING, 2);
    }
    net_settle(net);
    net_closed(net, 1, 1, 1, "p1", 10, flood->closed ? 1 : 0);
    net_settle(net);
    net_active(net, 1, flood->active);
}

/* Reports what 'flood' says, flow by flow, each so old. */
static void
report(const struct topo_node *node, const struct flood *flood,
       long long age, struct stats *stats, long long now)
{
    struct stats_reading sum = { .age = -1 };
    struct stats_where summed = { .summed = false };
    const struct flowset_flow *f;
    struct flowset set;

    flowset_init(&set);
    pipeline_all(node, &set);
    HMAP_FOR_EACH (f, node, &set.flows) {
        struct stats_where where;
        struct match match;
        const uint32_t *regs = match.flow.regs;
        struct stats_reading reading = { .age = age };

        if (f->table != LAYOUT_FLOOD || !net_flow_counts(node, f, &match,
                                                         &where)) {
            continue;
        }
        reading.count.frames = (f->priority == LAYOUT_PRIO_COUNT
                                ? flood->in[regs[0] != P1_10]
                                : regs[3] & LAYOUT_F_TUNNEL ? flood->tunnel
                                : flood->local);
        if (where.summed) {
            summed = where;
            sum.count.frames += reading.count.frames;
        } else {
            stats_take(stats, node, &where, &reading, now);
        }
    }
    if (summed.summed) {
        stats_take(stats, node, &summed, &sum, now);
    }
    flowset_destroy(&set);
}

static void
format_flooded(const struct stats *stats, uint32_t slot, struct ds *s)
{
    const struct stats_entry *e = stats_find(stats, STATS_BINDING, slot, VNI);

    if (e && stats_knows_flooded(e)) {
        ds_put_format(s, "%s%"PRIu64"/%"PRIu64, s->length ? " " : "",
                      e->total[STATS_FLOODED_IN].frames,
                      e->total[STATS_FLOODED_OUT].frames);
    }
}

/* A binding that is the only one tells by what FLOOD counts for the segment;
 * one of several has left to it what did not come in by it. */
static void
test_flooded(void **state)
{
    static const struct flood rows[] = {
        { "what was before does not count", 1, true, false, 100, 30,
          { 20, 10 }, "0/0 0/0" },
        { "more", 1, true, false, 105, 36, { 25, 11 }, "5/6 1/10" },
        { "no more", 1, true, false, 105, 36, { 25, 11 }, "5/6 1/10" },
        { "not active", 2, true, false, 115, 40, { 26, 14 }, "5/6 1/10" },
        { "active again", 1, true, false, 116, 41, { 27, 14 }, "6/7 1/12" },
        { "one is closed", 1, true, true, 120, 41, { 27, 14 }, "6/7 1/16" },
        { "and opened", 1, true, false, 121, 41, { 27, 14 }, "6/8 1/17" },
        { "the switch begins anew", 1, true, false, 3, 3, { 1, 2 },
          "7/8 3/17" },
        { "and goes on", 1, true, false, 5, 3, { 1, 2 }, "7/10 3/19" },
        { "the only one: others have been counted", 1, false, false, 6, 4,
          { 0, 0 }, "7/10" },
        { "all is of it", 1, false, false, 16, 5, { 0, 0 }, "8/20" },
        { "not active, alone", 2, false, false, 17, 6, { 0, 0 }, "8/20" },
        { "closed, alone", 1, false, true, 18, 6, { 0, 0 }, "8/20" },
        { "again with another", 1, true, false, 20, 9, { 1, 2 },
          "8/20 0/0" },
        { "and on", 1, true, false, 21, 11, { 2, 3 }, "9/22 1/2" },
    };
    struct stats *stats = stats_create(START);
    struct net *net = *state;

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct ds s = DS_EMPTY_INITIALIZER;

        bring_about(net, &rows[i]);
        stats_begin(stats);
        report(net_get_node(net, 1), &rows[i], 2 * START, stats,
               START + i * 1000);
        stats_end(stats);
        format_flooded(stats, P1_10, &s);
        format_flooded(stats, P1_20, &s);
        if (strcmp(ds_cstr(&s), rows[i].totals)) {
            fail_msg("%s: \"%s\", not \"%s\"", rows[i].what, ds_cstr(&s),
                     rows[i].totals);
        }
        ds_destroy(&s);
    }
    stats_destroy(stats);
}

/* Of ports of hosts nothing is told, unless they are alone.  What flows have
 * counted that are new counts from the beginning. */
static void
test_flooded_ports(void **state)
{
    static const struct flood flood = { .tunnel = 10, .local = 5 };
    struct net *net = *state;
    const struct topo_node *node = net_get_node(net, 3);
    struct stats *stats = stats_create(START);
    const struct stats_entry *e;

    net_port(net, 3, "p2", 3);
    for (int i = 0; i < 3; i++) {
        if (i == 1) {
            net_host_port(net, 2, 1, 3, "p2");
        } else {
            net_del(net, TOPO_HOST_PORT, 2);
        }
        net_settle(net);
        report(node, &flood, 1, stats, START + 1 + i);
        e = stats_find(stats, STATS_BINDING, 2u << 16, VNI);
        assert_int_equal(stats_knows_flooded(e), i != 1);
        assert_int_equal(e->total[STATS_FLOODED_IN].frames, 5);
        assert_int_equal(e->total[STATS_FLOODED_OUT].frames, 10);
    }
    stats_destroy(stats);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_flooded, net_setup_fdb,
                                        net_teardown),
        cmocka_unit_test_setup_teardown(test_flooded_ports, net_setup_fdb,
                                        net_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
