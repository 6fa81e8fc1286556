/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* What the flows of the pipeline count, and the sums of that. */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "flows/flowset.h"
#include "flows/layout.h"
#include "flows/pipeline.h"
#include "flows/stats.h"
#include "openvswitch/dynamic-string.h"
#include "svec.h"
#include "tests/unit/golden.h"
#include "util.h"

#define VNI 5000
#define P1_10 (2u << 16 | 10)   /* Slots. */
#define P1_20 (2u << 16 | 20)
#define START 1000000

/* Which flow counts what. */

static char *
where_to_string(const struct stats_where *where)
{
    static const char *const scopes[] = { "binding", "segment", "port",
                                          "node" };
    static const char *const sources[] = {
        [STATS_S_IN] = "in", [STATS_S_IN_UNTAGGED] = "untagged",
        [STATS_S_OUT] = "out", [STATS_S_GROUP] = "group",
        [STATS_S_UNICAST] = "unicast", [STATS_S_FLOODED_IN] = "flooded_in",
        [STATS_S_FLOODED_OUT] = "flooded_out",
    };
    const char *reason = (where->scope != STATS_BINDING
                          && where->source < STATS_MAX_TOTALS
                          ? stats_reason(where->scope, where->source) : NULL);

    if (where->scope == STATS_BINDING) {
        return xasprintf("binding %"PRIu32".%"PRIu32" %s",
                         where->owner >> 16, where->owner & 0xffff,
                         sources[where->source]);
    }
    return (reason ? xasprintf("%s %"PRIu32" %s", scopes[where->scope],
                               where->owner, reason)
            : xasprintf("%s %"PRIu32" %d", scopes[where->scope],
                        where->owner, where->source));
}

/* Of all flows of edge 'n', what those count that count something: sorted,
 * each once.  Only where sums are kept do several count the same. */
static char *
counted(struct net *net, unsigned int n, const char *what)
{
    const struct topo_node *node = net_get_node(net, n);
    struct svec found = SVEC_EMPTY_INITIALIZER;
    struct svec once = SVEC_EMPTY_INITIALIZER;
    const struct flowset_flow *f;
    struct flowset set;

    flowset_init(&set);
    pipeline_all(node, &set);
    fdb_node_flows(node, NULL, &set);
    HMAP_FOR_EACH (f, node, &set.flows) {
        struct stats_where where;
        struct match match;

        if (net_flow_counts(node, f, &match, &where)) {
            assert_true(stats_may_count(f->cookie, f->table, f->priority,
                                        !f->ofpacts_len));
            svec_add_nocopy(&found, where_to_string(&where));
            if (!where.summed) {
                svec_add(&once, svec_back(&found));
            }
        }
    }
    svec_sort(&once);
    if (!svec_is_unique(&once)) {
        fail_msg("%s: several flows count %s", what,
                 svec_get_duplicate(&once));
    }
    svec_destroy(&once);
    svec_sort_unique(&found);
    char *s = svec_join(&found, "\n", "");
    svec_destroy(&found);
    flowset_destroy(&set);
    return s;
}

static void
test_flows(void **state)
{
    struct net *net = *state;
    static const char common[] =
        "node 0 0\nnode 0 1\nnode 0 5\nnode 0 6\nnode 0 7\n"
        "node 0 bad_source\nnode 0 own_address\nnode 0 tagged\n"
        "port 1 control\nport 1 reserved\nport 1 unbound\n"
        "port 2 reserved\nport 2 unbound\n";

    net_quiet_segment(net, 2, 5001);
    net_limited(net, 3, 2, 1, "p1", 30, 10, 10);
    net_binding(net, 4, 2, 1, "p1", 0);
    net_static(net, 1, 1, "00:00:00:00:00:77", TOPO_HOST_PORT, 1);
    net_settle(net);

    char *s = counted(net, 1, "edge 1");
    char *expected = xasprintf(
        "binding 2.0 flooded_in\nbinding 2.0 in\nbinding 2.0 out\n"
        "binding 2.0 untagged\n"
        "binding 2.10 flooded_in\nbinding 2.10 in\nbinding 2.10 out\n"
        "binding 2.20 flooded_in\nbinding 2.20 in\nbinding 2.20 out\n"
        "binding 2.30 flooded_in\nbinding 2.30 group\nbinding 2.30 in\n"
        "binding 2.30 out\nbinding 2.30 unicast\n%s"
        "segment 5000 3\n"
        "segment 5000 static_guard\nsegment 5000 unknown_vtep\n"
        "segment 5001 3\nsegment 5001 unknown_unicast", common);
    assert_string_equal(s, expected);
    free(expected);
    free(s);

    s = counted(net, 3, "edge 3");
    assert_non_null(strstr(s, "binding 2.0 untagged\n"));
    assert_non_null(strstr(s, "binding 2.0 flooded_in\n"
                           "binding 2.0 flooded_out\n"));
    assert_null(strstr(s, "binding 2.10"));
    free(s);
}

/* In all golden networks. */
static void
test_once(void **state)
{
    for (size_t i = 0; i < n_goldens; i++) {
        struct net net;

        net_init(&net);
        goldens[i].make(&net);
        for (unsigned int n = 1; n <= goldens[i].n_nodes; n++) {
            free(counted(&net, n, goldens[i].name));
        }
        net_destroy(&net);
    }
}

/* A frame from a VTEP that is not known is no drop where that is learned. */
static void
test_learning(void **state)
{
    static const struct {
        const char *golden;
        bool drops;
    } rows[] = { { "pair", true }, { "learning", false }, { "full", true } };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct net net;
        char *s;

        net_init(&net);
        golden_find(rows[i].golden)->make(&net);
        s = counted(&net, 1, rows[i].golden);
        assert_int_equal(strstr(s, "unknown_vtep") != NULL, rows[i].drops);
        free(s);
        net_destroy(&net);
    }
}

/* What is not of the configuration is not kept, however much is reported. */
static void
test_strangers(void **state)
{
    const struct topo_node *node = net_get_node(*state, 1);
    static const struct {
        const char *what;
        int kind;               /* 0: another's cookie. */
        uint32_t owner;
        uint8_t table;
        uint16_t priority, port, vlan;
        bool counts;
    } rows[] = {
        { "ours", LAYOUT_K_SEGMENT, VNI, LAYOUT_CLASSIFY,
          LAYOUT_PRIO_MAIN, 2, 10, true },
        { "no such binding", LAYOUT_K_SEGMENT, VNI,
          LAYOUT_CLASSIFY, LAYOUT_PRIO_MAIN, 2, 11, false },
        { "of another segment", LAYOUT_K_SEGMENT, 5001,
          LAYOUT_CLASSIFY, LAYOUT_PRIO_MAIN, 2, 10, false },
        { "another's cookie", 0, VNI, LAYOUT_CLASSIFY, LAYOUT_PRIO_MAIN, 2, 10,
          false },
        { "no such port", LAYOUT_K_PORT, 99,
          LAYOUT_CLASSIFY, LAYOUT_PRIO_LAST, 99, 0, false },
        { "no port at all", LAYOUT_K_PORT, 0x10002,
          LAYOUT_CLASSIFY, LAYOUT_PRIO_LAST, 2, 0, false },
        { "no such segment", LAYOUT_K_STATIC, 77,
          LAYOUT_LEARN, LAYOUT_PRIO_GUARD, 0, 0, false },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct stats_where where;
        struct match match;
        struct stats_flow flow = {
            .table = rows[i].table, .priority = rows[i].priority,
            .cookie = (rows[i].kind ? layout_cookie(rows[i].kind,
                                                    rows[i].owner)
                       : rows[i].owner),
            .match = &match, .drops = true,
        };

        match_init_catchall(&match);
        match_set_in_port(&match, u16_to_ofp(rows[i].port));
        match_set_dl_tci_masked(&match, htons(VLAN_CFI | rows[i].vlan),
                                htons(VLAN_CFI | VLAN_VID_MASK));
        if (stats_of_flow(node, &flow, &where) != rows[i].counts) {
            fail_msg("%s: it counts, or not", rows[i].what);
        }
    }
}

/* Sums. */

struct step {
    const char *what;
    int source;
    uint64_t frames;            /* The switch says... */
    long long age;              /* ...of a flow that old. */
    bool drops, standby;
    const char *totals;         /* "in out closed standby". */
    float rate;                 /* Of IN. */
};

static void
check_step(struct net *net, struct stats *stats, const struct step *step,
           long long now)
{
    struct stats_where where = {
        .scope = STATS_BINDING, .owner = P1_10, .vni = VNI,
        .source = step->source,
    };
    struct stats_reading reading = {
        .count = { step->frames, 100 * step->frames }, .age = step->age,
        .drops = step->drops,
    };

    net_active(net, 1, step->standby ? 2 : 1);
    stats_begin(stats);
    stats_take(stats, net_get_node(net, 1), &where, &reading, now);
    stats_end(stats);

    const struct stats_entry *e = stats_find(stats, STATS_BINDING, P1_10,
                                             VNI);
    const struct stats_count *t = e->total;
    char *s = xasprintf("%"PRIu64" %"PRIu64" %"PRIu64" %"PRIu64,
                        t[STATS_IN].frames, t[STATS_OUT].frames,
                        t[STATS_CLOSED].frames, t[STATS_STANDBY].frames);
    if (strcmp(s, step->totals) || e->rate[STATS_IN].frames != step->rate
        || t[STATS_IN].bytes != 100 * t[STATS_IN].frames) {
        fail_msg("%s: \"%s\", not \"%s\", and %g a second", step->what, s,
                 step->totals, e->rate[STATS_IN].frames);
    }
    free(s);
}

static void
test_sums(void **state)
{
    enum { OLD = 2 * START };
    static const struct step steps[] = {
        { "what was before counts", STATS_S_IN, 1000, OLD, false, false,
          "1000 0 0 0", 0 },
        { "more", STATS_S_IN, 1100, OLD, false, false, "1100 0 0 0", 10 },
        { "a new flow begins anew", STATS_S_IN, 50, 10, false, false,
          "1150 0 0 0", 5 },
        { "nothing", STATS_S_IN, 50, OLD, false, false, "1150 0 0 0", 0 },
        { "untagged is added", STATS_S_IN_UNTAGGED, 10, OLD, false, false,
          "1160 0 0 0", 1 },
        { "it leaves", STATS_S_OUT, 7, OLD, false, false, "1160 7 0 0", 0 },
        { "a standby drops", STATS_S_IN, 60, OLD, false, true,
          "1160 7 0 10", 0 },
        { "and sends nothing", STATS_S_OUT, 9, OLD, false, true,
          "1160 7 0 10", 0 },
        { "closed", STATS_S_IN, 63, OLD, true, false, "1160 7 3 10", 0 },
        { "nor does it send", STATS_S_OUT, 10, OLD, true, false,
          "1160 7 4 10", 0 },
        { "active again", STATS_S_IN, 70, OLD, false, false,
          "1167 7 4 10", 0.7f },
    };
    struct net *net = *state;
    struct stats *stats = stats_create(START);

    for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
        check_step(net, stats, &steps[i], START + i * 10000);
    }
    stats_destroy(stats);
}

/* What a standby has counted before anybody asked may be from when it was
 * active; unless the flow is newer than that. */
static void
test_first_of_a_standby(void **state)
{
    static const struct step steps[] = {
        { "of before", STATS_S_IN, 1000, 2 * START, false, true,
          "0 0 0 0", 0 },
        { "a new flow", STATS_S_IN_UNTAGGED, 5, 10000, false, true,
          "0 0 0 5", 0 },
        { "becomes active", STATS_S_IN, 1001, 2 * START, false, false,
          "1 0 0 5", 0.1f },
    };
    struct stats *stats = stats_create(START);

    for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
        check_step(*state, stats, &steps[i], START + (i + 1) * 10000);
    }
    stats_destroy(stats);
}

static void
take(struct stats *stats, const struct topo_node *node,
     struct stats_where where, uint64_t frames)
{
    struct stats_reading reading = { .count = { frames, frames }, .age = -1 };

    stats_take(stats, node, &where, &reading, START);
}

static uint64_t
frames(const struct stats *stats, enum stats_scope scope, uint32_t owner,
       uint32_t vni, int total)
{
    const struct stats_entry *e = stats_find(stats, scope, owner, vni);

    return e ? e->total[total].frames : UINT64_MAX;
}

/* Entries come and go with what is reported. */
static void
test_entries(void **state)
{
    const struct topo_node *node = net_get_node(*state, 1);
    struct stats_where binding = {
        .scope = STATS_BINDING, .owner = P1_10, .vni = VNI,
        .source = STATS_S_IN,
    };
    struct stats_where guard = {
        .scope = STATS_SEGMENT, .owner = VNI, .source = STATS_STATIC,
        .summed = true,
    };
    struct stats_where group = { .scope = STATS_NODE, .source = STATS_GROUP };
    struct stats_where limited = {
        .scope = STATS_BINDING, .owner = P1_20, .vni = VNI,
        .source = STATS_S_GROUP,
    };
    struct stats *stats = stats_create(START);

    stats_begin(stats);
    take(stats, node, binding, 5);
    take(stats, node, guard, 0);
    take(stats, node, group, 10);
    take(stats, node, limited, 3);
    stats_end(stats);
    assert_null(stats_find(stats, STATS_SEGMENT, VNI, 0));
    assert_int_equal(frames(stats, STATS_NODE, 0, 0, STATS_GROUP), 13);
    assert_int_equal(frames(stats, STATS_BINDING, P1_20, VNI,
                            STATS_FLOODED_IN), 0);
    assert_null(stats_find(stats, STATS_BINDING, P1_10, VNI + 1));

    /* Of several static MACs one goes: the sum is smaller, nothing is new. */
    stats_begin(stats);
    take(stats, node, guard, 100);
    take(stats, node, guard, 60);
    take(stats, node, guard, 61);
    assert_int_equal(frames(stats, STATS_SEGMENT, VNI, 0, STATS_STATIC), 101);

    /* The slot is another segment's now. */
    binding.vni++;
    take(stats, node, binding, 7);
    assert_int_equal(frames(stats, STATS_BINDING, P1_10, VNI + 1, STATS_IN),
                     7);
    assert_null(stats_find(stats, STATS_BINDING, P1_10, VNI));
    stats_end(stats);
    assert_null(stats_find(stats, STATS_BINDING, P1_20, VNI));
    stats_destroy(stats);
    assert_null(stats_find(NULL, STATS_NODE, 0, 0));
}

#define COOKIE(KIND, OWNER) \
    (LAYOUT_COOKIE_OURS | (uint64_t) (KIND) << 40 | (OWNER))

/* What is as it was goes on to be known, and has been asked for. */
static void
test_kept(void **state)
{
    static const struct {
        uint64_t cookie;
        enum stats_scope scope;
        uint32_t owner, vni;
        int source;
    } kept[] = {
        { COOKIE(LAYOUT_K_SEGMENT, VNI), STATS_BINDING, P1_10, VNI,
          STATS_S_IN },
        { COOKIE(LAYOUT_K_STATIC, VNI), STATS_SEGMENT, VNI, 0, STATS_VTEP },
        { COOKIE(LAYOUT_K_PORT, 1), STATS_PORT, 1, 0, STATS_UNBOUND },
        { COOKIE(LAYOUT_K_NODE, 0), STATS_NODE, 0, 0, STATS_GROUP },
        { COOKIE(LAYOUT_K_ADDRS, 0), STATS_NODE, 0, 0, STATS_GROUP },
    };
    const struct topo_node *node = net_get_node(*state, 1);

    for (size_t i = 0; i < 2 * ARRAY_SIZE(kept); i++) {
        size_t k = i / 2;
        bool all = i % 2, is_of_segment;
        struct stats *stats = stats_create(START);
        const struct stats_entry *entry;

        stats_begin(stats);
        for (size_t j = 0; j < ARRAY_SIZE(kept); j++) {
            struct stats_where where = {
                .scope = kept[j].scope, .owner = kept[j].owner,
                .vni = kept[j].vni, .source = kept[j].source,
            };
            struct stats_reading reading = { .count = { 5, 320 } };

            stats_take(stats, node, &where, &reading, START);
        }
        stats_end(stats);
        stats_begin(stats);
        if (all) {
            stats_keep_segments(stats, START + 1000);
        } else {
            stats_keep(stats, node, kept[k].cookie, START + 1000);
        }
        stats_end(stats);
        is_of_segment = (kept[k].scope == STATS_BINDING
                         || kept[k].scope == STATS_SEGMENT);
        entry = stats_find(stats, kept[k].scope, kept[k].owner, kept[k].vni);
        if (all && !is_of_segment) {
            assert_null(entry);
        } else {
            assert_non_null(entry);
            assert_int_equal(entry->at, START + 1000);
            assert_int_equal(entry->period, 1000);
            assert_int_equal(entry->last[kept[k].source].frames, 5);
        }
        stats_destroy(stats);
    }
}

static void
test_meters(void **state)
{
    const struct topo_node *node = net_get_node(*state, 1);
    struct stats_where where;

    assert_true(stats_of_meter(node, layout_limit_meter(P1_10, false),
                               &where));
    assert_int_equal(where.source, STATS_S_LIMIT_IN);
    assert_int_equal(where.owner, P1_10);
    assert_true(stats_of_meter(node, layout_limit_meter(P1_10, true),
                               &where));
    assert_int_equal(where.source, STATS_S_LIMIT_OUT);
    assert_false(stats_of_meter(node, layout_limit_meter(P1_10 + 1, true),
                                &where));
    assert_false(stats_of_meter(node, LAYOUT_METER_LEARN, &where));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_flows, net_setup_fdb,
                                        net_teardown),
        cmocka_unit_test(test_once),
        cmocka_unit_test(test_learning),
        cmocka_unit_test_setup_teardown(test_strangers, net_setup_fdb,
                                        net_teardown),
        cmocka_unit_test_setup_teardown(test_sums, net_setup_fdb,
                                        net_teardown),
        cmocka_unit_test_setup_teardown(test_first_of_a_standby,
                                        net_setup_fdb, net_teardown),
        cmocka_unit_test_setup_teardown(test_entries, net_setup_fdb,
                                        net_teardown),
        cmocka_unit_test_setup_teardown(test_kept, net_setup_fdb,
                                        net_teardown),
        cmocka_unit_test_setup_teardown(test_meters, net_setup_fdb,
                                        net_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
