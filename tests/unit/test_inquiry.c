/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "flows/inquiry.h"
#include "flows/layout.h"
#include "openflow/openflow.h"
#include "random.h"
#include "tests/unit/net.h"
#include "util.h"

/* A switch, as far as it can be asked for its flows. */
struct sw {
    struct sw_flow {
        uint8_t table;
        uint64_t cookie;
        uint16_t mac;           /* The last bits of it. */
        unsigned int reported;
    } *flows;
    size_t n, allocated;
};

static void
sw_add(struct sw *sw, uint8_t table, uint64_t cookie, uint16_t mac)
{
    if (sw->n == sw->allocated) {
        sw->flows = x2nrealloc(sw->flows, &sw->allocated, sizeof *sw->flows);
    }
    sw->flows[sw->n++] = (struct sw_flow) {
        .table = table, .cookie = cookie, .mac = mac,
    };
}

/* Segments 'vni' to 'vni + n - 1', each with 'macs' learned MACs. */
static void
sw_add_segments(struct sw *sw, uint32_t vni, unsigned int n,
                unsigned int macs)
{
    static const uint8_t tables[] = {
        LAYOUT_CLASSIFY, LAYOUT_CLASSIFY, LAYOUT_FLOOD, LAYOUT_REMOTE,
        LAYOUT_OUTPUT,
    };

    for (unsigned int i = 0; i < n; i++) {
        for (size_t t = 0; t < ARRAY_SIZE(tables); t++) {
            sw_add(sw, tables[t], layout_cookie(LAYOUT_K_SEGMENT, vni + i),
                   0);
        }
        for (unsigned int m = 0; m < macs; m++) {
            uint64_t cookie = layout_cookie(LAYOUT_K_LEARNED, vni + i);

            sw_add(sw, LAYOUT_SOURCE, cookie, m);
            sw_add(sw, LAYOUT_DEST, cookie, m);
        }
    }
}

/* What every switch has; if 'alone', and nothing in the tables of MACs that
 * is not for the controller. */
static void
sw_init(struct sw *sw, bool alone)
{
    static const uint8_t tables[] = {
        LAYOUT_LEARN, LAYOUT_DEST, LAYOUT_EMIT, LAYOUT_ALONE, 200,
    };

    memset(sw, 0, sizeof *sw);
    for (size_t t = 0; t < ARRAY_SIZE(tables); t++) {
        sw_add(sw, tables[t], layout_cookie(LAYOUT_K_NODE, 0), 0);
        if (tables[t] != LAYOUT_DEST || !alone) {
            sw_add(sw, tables[t], 0x1234, 0);   /* Not ours. */
        }
    }
    sw_add(sw, LAYOUT_CLASSIFY, layout_cookie(LAYOUT_K_PORT, 2), 0);
    sw_add(sw, LAYOUT_GATE, layout_cookie(LAYOUT_K_CLUSTER, 7), 0);
    sw_add(sw, LAYOUT_SOURCE, layout_cookie(LAYOUT_K_STATIC, 1), 1);
    sw_add(sw, LAYOUT_DEST, layout_cookie(LAYOUT_K_STATIC, 1), 1);
    if (!alone) {
        sw_add(sw, LAYOUT_SOURCE, layout_cookie(LAYOUT_K_PENDING, 0), 1);
    }
    sw_add(sw, LAYOUT_LEASE, layout_cookie(LAYOUT_K_LEASE, 0), 0);
    sw_add(sw, LAYOUT_TAKEN, layout_cookie(LAYOUT_K_TAKEN, 0), 0);
}

static bool
sw_is_asked_for(const struct sw_flow *flow, const struct inquiry_ask *ask)
{
    return (!((flow->cookie ^ ask->cookie) & ask->cookie_mask)
            && (ask->table == OFPTT_ALL || ask->table == flow->table)
            && !((flow->mac ^ ask->mac) & ask->mac_mask));
}

static bool
is_count(const struct inquiry_ask *ask)
{
    return ask->stage == INQUIRY_COUNT || ask->stage == INQUIRY_CHECK;
}

/* One inquiry from its beginning to its end. */
struct course {
    struct inquiry inq;
    const struct topo *topo;
    struct inquiry_ask asked[INQUIRY_WINDOW];
    size_t n_asked;
    bool whole;
    size_t n_counts;            /* Questions of that sort. */
    size_t most;                /* Flows reported at once. */
};

static void
course_answer_tables(struct course *c, const struct sw *sw)
{
    uint32_t n[256] = { 0 };

    for (size_t i = 0; i < sw->n; i++) {
        n[sw->flows[i].table]++;
    }
    for (int t = 0; t < 256; t++) {
        inquiry_table(&c->inq, t, n[t]);
    }
}

static uint64_t
course_answer_flows(struct course *c, struct sw *sw,
                    const struct inquiry_ask *ask)
{
    size_t n = 0;

    for (size_t i = 0; i < sw->n; i++) {
        struct sw_flow *flow = &sw->flows[i];

        if (sw_is_asked_for(flow, ask)) {
            n++;
            if (!is_count(ask)) {
                flow->reported++;
                inquiry_flow(&c->inq, c->topo, flow->cookie);
            }
        }
    }
    return n;
}

static void
course_answer(struct course *c, struct sw *sw)
{
    size_t which = random_range(c->n_asked);
    struct inquiry_ask ask = c->asked[which];
    uint64_t n = 0;

    c->asked[which] = c->asked[--c->n_asked];
    if (ask.stage == INQUIRY_TABLES) {
        course_answer_tables(c, sw);
    } else {
        n = course_answer_flows(c, sw, &ask);
        if (!is_count(&ask)) {
            c->most = MAX(c->most, n);
        }
    }
    inquiry_answered(&c->inq, &ask, n);
}

static void
course_ask(struct course *c, struct sw *sw)
{
    struct inquiry_ask ask;

    while (inquiry_next(&c->inq, &ask)) {
        size_t n_flows = ask.n_flows;

        for (size_t i = 0; i < c->n_asked; i++) {
            assert_int_equal(c->asked[i].stage, ask.stage);
            n_flows += c->asked[i].n_flows;
        }
        assert_true(!c->n_asked || n_flows <= INQUIRY_FLOWS);
        assert_true(c->n_asked < INQUIRY_WINDOW);
        c->asked[c->n_asked++] = ask;
        c->n_counts += is_count(&ask);
        c->whole |= ask.stage == INQUIRY_WHOLE;
        for (size_t i = 0; ask.anew && i < sw->n; i++) {
            sw->flows[i].reported = 0;
        }
    }
}

/* A learned MAC's flow that has been reported goes.  Returns false if there is
 * none. */
static bool
sw_change(struct sw *sw)
{
    for (size_t i = 0; i < sw->n; i++) {
        if (sw->flows[i].reported
            && layout_cookie_kind(sw->flows[i].cookie) == LAYOUT_K_LEARNED) {
            sw->flows[i] = sw->flows[--sw->n];
            return true;
        }
    }
    return false;
}

/* Asks 'sw' for everything; meanwhile, something changes if 'change'. */
static struct course
course_run(struct net *net, struct sw *sw, bool change)
{
    struct course c = { .topo = &net->topo };

    inquiry_init(&c.inq);
    inquiry_begin(&c.inq, false);
    course_ask(&c, sw);
    while (c.n_asked) {
        change = change && !sw_change(sw);
        course_answer(&c, sw);
        course_ask(&c, sw);
    }
    assert_true(inquiry_is_done(&c.inq));
    inquiry_destroy(&c.inq);
    return c;
}

/* All flows that are ours have been reported, once, and no others; of those
 * that come and go within a second it does not matter. */
static void
check(const struct sw *sw)
{
    for (size_t i = 0; i < sw->n; i++) {
        const struct sw_flow *flow = &sw->flows[i];
        bool ours = ((flow->cookie & LAYOUT_COOKIE_MASK)
                     == LAYOUT_COOKIE_OURS);

        if (layout_cookie_kind(flow->cookie) != LAYOUT_K_PENDING) {
            assert_int_equal(flow->reported, ours);
        }
    }
}

/* In which way are switches asked?  VNI 5000 is a segment with the usual limit
 * of MACs; what is not in the topology may have any number. */
static void
test_ways(void **state)
{
    static const struct row {
        const char *what;
        unsigned int known, unknown;    /* Segments. */
        unsigned int known_macs, unknown_macs;
        bool lost, change, alone;
        bool whole;
        size_t n_counts;
        size_t most;
    } rows[] = {
        { "nothing", 0, 0, 0, 0, false, false, false, true, 0, 20 },
        { "few", 1, 100, 10, 10, false, false, false, true, 0, 2600 },
        { "no MACs", 0, 2500, 0, 0, false, false, false, false, 2501, 5010 },
        { "no MACs, nobody else", 0, 2500, 0, 0, false, false, true, false,
          2500, 5010 },
        { "many segments", 1, 1000, 10, 10, false, false, false, false, 1001,
          2010 },
        { "many, nobody else", 1, 1000, 10, 10, false, false, true, false,
          1000, 2010 },
        { "one segment", 1, 0, 8000, 0, false, false, false, false, 1,
          16000 },
        { "a large segment", 0, 1, 0, 50000, false, false, false, false, 2,
          6250 },
        { "a segment that nothing tells of", 1, 700, 10, 10, true, false,
          false, true, 701, 20000 },
        { "the same, nobody else", 1, 700, 10, 10, true, false, true, true,
          701, 20000 },
        { "a change meanwhile", 1, 700, 10, 10, false, true, false, true, 701,
          20000 },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const struct row *r = &rows[i];
        struct net *net = *state;
        struct course c;
        struct sw sw;

        print_message("%s\n", r->what);
        random_set_seed(i + 1);
        net_get_segment(net, 1)->mac_limit = 2048;
        sw_init(&sw, r->alone);
        sw_add_segments(&sw, 5000, r->known, r->known_macs);
        sw_add_segments(&sw, 10000, r->unknown, r->unknown_macs);
        if (r->lost) {
            sw_add(&sw, LAYOUT_DEST, layout_cookie(LAYOUT_K_LEARNED, 9), 1);
        }
        c = course_run(net, &sw, r->change);
        check(&sw);
        assert_int_equal(c.whole, r->whole);
        assert_int_equal(c.n_counts, r->n_counts);
        assert_in_range(c.most, 0, r->most);
        free(sw.flows);
    }
}

/* What is reported last may change by itself: no MAC's flow is after it. */
static void
test_order(void **state)
{
    struct net *net = *state;
    enum inquiry_stage last = INQUIRY_TABLES;
    struct course c = { .topo = &net->topo };
    struct sw sw;

    sw_init(&sw, true);
    sw_add_segments(&sw, 5000, 1, 8000);
    inquiry_init(&c.inq);
    inquiry_begin(&c.inq, false);
    course_ask(&c, &sw);
    while (c.n_asked) {
        assert_true(c.asked[0].stage >= last);
        last = c.asked[0].stage;
        assert_int_equal(last == INQUIRY_LATE,
                         c.asked[0].table >= LAYOUT_LEASE
                         && c.asked[0].table != OFPTT_ALL);
        course_answer(&c, &sw);
        course_ask(&c, &sw);
    }
    assert_int_equal(last, INQUIRY_LATE);
    inquiry_destroy(&c.inq);
    free(sw.flows);
}

/* Who does not mind is not asked for all because of a flow more or less. */
static void
test_lenient(void **state)
{
    struct net *net = *state;
    struct course c = { .topo = &net->topo };
    struct sw sw;

    sw_init(&sw, false);
    sw_add_segments(&sw, 5000, 1, 8000);
    sw_add(&sw, LAYOUT_DEST, layout_cookie(LAYOUT_K_LEARNED, 9), 1);
    inquiry_init(&c.inq);
    inquiry_begin(&c.inq, true);
    course_ask(&c, &sw);
    while (c.n_asked) {
        course_answer(&c, &sw);
        course_ask(&c, &sw);
    }
    assert_true(inquiry_is_done(&c.inq));
    assert_false(c.whole);
    assert_int_equal(sw.flows[--sw.n].reported, 0);
    check(&sw);
    inquiry_destroy(&c.inq);
    free(sw.flows);
}

/* To begin again, in the middle, is to begin anew. */
static void
test_again(void **state)
{
    struct net *net = *state;
    struct course c = { .topo = &net->topo };
    struct sw sw;

    sw_init(&sw, true);
    sw_add_segments(&sw, 5000, 1, 8000);
    inquiry_init(&c.inq);
    for (int i = 0; i < 10; i++) {
        c.n_asked = 0;
        inquiry_begin(&c.inq, false);
        course_ask(&c, &sw);
        for (int j = 0; j < i; j++) {
            course_answer(&c, &sw);
            course_ask(&c, &sw);
        }
    }
    c.n_asked = 0;
    inquiry_begin_whole(&c.inq);
    course_ask(&c, &sw);
    assert_int_equal(c.n_asked, 1);
    course_answer(&c, &sw);
    course_ask(&c, &sw);
    assert_true(inquiry_is_done(&c.inq));
    check(&sw);
    inquiry_destroy(&c.inq);
    free(sw.flows);
}

#define TEST(NAME) \
    cmocka_unit_test_setup_teardown(NAME, net_setup_three, net_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_ways), TEST(test_order), TEST(test_lenient),
        TEST(test_again),
    };

    return cmocka_run_group_tests_name("inquiry", tests, NULL, NULL);
}
