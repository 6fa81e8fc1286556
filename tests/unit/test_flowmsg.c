/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* A reported flow that is cut says what it says when it is decoded. */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>

#include "flows/fdb.h"
#include "flows/flowmsg.h"
#include "flows/flowset.h"
#include "flows/pipeline.h"
#include "openvswitch/ofp-flow.h"
#include "openvswitch/ofp-monitor.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofpbuf.h"
#include "tests/unit/net.h"
#include "util.h"

static const enum ofp_version versions[] = {
    OFP13_VERSION, OFP14_VERSION, OFP15_VERSION,
};

/* Returns a message that reports all flows of edge 1. */
static struct ofpbuf *
report(struct net *net, enum ofp_version version)
{
    struct flowset set;

    flowset_init(&set);
    pipeline_all(net_get_node(net, 1), &set);
    fdb_node_flows(net_get_node(net, 1), NULL, &set);
    struct ofpbuf *reply = net_report(&set, version);
    flowset_destroy(&set);
    return reply;
}

static void
test_same(void **state)
{
    struct net *net = *state;

    net_see(net, 1, TOPO_BINDING, 1, 10);
    net_static(net, 1, 1, "aa:00:00:00:00:09", TOPO_BINDING, 1);
    net_settle(net);
    for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
        uint64_t stub[1024 / 8];
        struct ofpbuf acts = OFPBUF_STUB_INITIALIZER(stub);
        struct ofpbuf *reply = report(net, versions[i]);
        struct ofputil_flow_stats fs;
        size_t n_drops = 0, n = 0;

        ofpraw_pull_assert(reply);
        while (reply->size) {
            size_t left = reply->size;
            uint64_t frames, bytes;
            struct flowmsg m;

            assert_true(flowmsg_cut(reply->data, left, versions[i], &m));
            assert_true(flowmsg_count(&m, versions[i], &frames, &bytes));
            assert_int_equal(ofputil_decode_flow_stats_reply(
                                 &fs, reply, false, &acts), 0);
            assert_int_equal(m.size, left - reply->size);
            assert_int_equal(m.fm.table_id, fs.table_id);
            assert_int_equal(ntohs(m.fm.priority), fs.priority);
            assert_true(m.fm.cookie == fs.cookie);
            assert_int_equal(ntohs(m.fm.hard_timeout), fs.hard_timeout);
            assert_int_equal(!m.instructions_size, !fs.ofpacts_len);
            assert_int_equal(frames, fs.packet_count);
            assert_int_equal(bytes, fs.byte_count);
            assert_int_equal(frames, ++n);
            n_drops += !fs.ofpacts_len;
        }
        assert_true(n > 40 && n_drops > 5 && n_drops < n);
        ofpbuf_uninit(&acts);
        ofpbuf_delete(reply);
    }
}

/* A flow need not say how much it has counted. */
static void
test_untold(void **state OVS_UNUSED)
{
    static const uint8_t nothing[] = { 0, 0, 0, 4, 0, 0, 0, 0 };
    uint8_t unknown[16];
    uint64_t frames, bytes;
    struct flowmsg m = { .stats = nothing, .stats_size = sizeof nothing };

    assert_false(flowmsg_count(&m, OFP15_VERSION, &frames, &bytes));
    memset(unknown, 0xff, sizeof unknown);
    m.stats = unknown;
    m.stats_size = sizeof unknown;
    assert_false(flowmsg_count(&m, OFP13_VERSION, &frames, &bytes));
}

/* Wherever it ends, and whatever is wrong with it, nothing beyond it is
 * read. */
static void
test_nonsense(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
        struct ofpbuf *reply = report(*state, versions[i]);
        struct flowmsg m;

        ofpraw_pull_assert(reply);
        for (size_t n = 0; n < 300; n++) {
            /* On the heap, so that a sanitizer sees where it ends. */
            uint8_t *copy = xmemdup(reply->data, n + 1);

            for (size_t at = 0; at <= n; at++) {
                uint64_t frames, bytes;

                copy[at] ^= 0xff;
                if (flowmsg_cut(copy, n, versions[i], &m)) {
                    assert_true(m.size <= n);
                    assert_true(m.instructions + m.instructions_size
                                <= copy + n);
                    flowmsg_count(&m, versions[i], &frames, &bytes);
                }
                copy[at] ^= 0xff;
            }
            free(copy);
        }
        ofpbuf_delete(reply);
    }
}

#define TEST(NAME) \
    cmocka_unit_test_setup_teardown(NAME, net_setup_fdb, net_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_same), cmocka_unit_test(test_untold), TEST(test_nonsense),
    };

    return cmocka_run_group_tests_name("flowmsg", tests, NULL, NULL);
}
