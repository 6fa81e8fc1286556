/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* A dump is compared by its numbers with the same result as flow by flow. */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "flows/delta.h"
#include "flows/flowset.h"
#include "flows/layout.h"
#include "flows/macdump.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/ofp-flow.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofpbuf.h"
#include "svec.h"
#include "random.h"
#include "tests/unit/net.h"
#include "util.h"

#define ROUNDS 200
#define NODE 1

/* Flows of MACs in all places, as seen from edge 1. */
static void
teach(struct net *net)
{
    net_binding(net, 1, 1, 1, "p1", 4094);
    net_binding(net, 2, 1, 1, "p2", 0);
    net_host_port(net, 1, 1, 3, "p1");
    net_vtep(net, 1, 1, "192.0.2.1");
    net_vtep(net, 2, 1, "2001:db8::1");
    net_settle(net);
    for (int i = 0; i < 5; i++) {
        net_see(net, 1, TOPO_BINDING, 1, 10 + i);
        net_see(net, 2, TOPO_BINDING, 2, 20 + i);
        net_see(net, 3, TOPO_HOST_PORT, 1, 30 + i);
        net_see(net, 1, TOPO_VTEP, 1, 40 + i);
        net_see(net, 1, TOPO_VTEP, 2, 50 + i);
    }
    net_static(net, 1, 1, "aa:00:00:00:00:09", TOPO_BINDING, 1);
    net_settle(net);
    net->ops.n = 0;
}

/* Makes 'set' what edge 1 should have. */
static void
should_have(struct net *net, struct flowset *set)
{
    flowset_init(set);
    fdb_node_flows(net_get_node(net, NODE), NULL, set);
}

/* A switch that reports flows. */

static void
take_all(struct macdump *dump, const struct macmsg *macmsg,
         enum ofp_version version, struct ofpbuf *b)
{
    bool more;

    do {
        more = macdump_take(dump, macmsg, version, b);
    } while (more);
}

/* Reads 'reply' as the controller does, or, if 'dump' is NULL, decodes all of
 * its flows into 'others'. */
static void
read_report(struct ofpbuf *reply, const struct macmsg *macmsg,
            enum ofp_version version, struct macdump *dump,
            struct flowset *others)
{
    uint64_t stub[1024 / 8];
    struct ofpbuf acts = OFPBUF_STUB_INITIALIZER(stub);
    struct ofputil_flow_stats fs;

    ofpraw_pull_assert(reply);
    for (;;) {
        if (dump) {
            take_all(dump, macmsg, version, reply);
        }
        int error = ofputil_decode_flow_stats_reply(&fs, reply, false, &acts);
        if (error) {
            assert_int_equal(error, EOF);
            break;
        }
        flowset_add_stats(others, &fs);
    }
    ofpbuf_uninit(&acts);
}

/* Two ways to compare. */

static char *
format_sorted(const struct delta *delta)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    delta_format(delta, &s);

    struct svec lines = SVEC_EMPTY_INITIALIZER;
    char *save = NULL;
    for (char *line = strtok_r(ds_cstr(&s), "\n", &save); line;
         line = strtok_r(NULL, "\n", &save)) {
        svec_add(&lines, line);
    }
    svec_sort(&lines);
    char *text = svec_join(&lines, "\n", "");
    svec_destroy(&lines);
    ds_destroy(&s);
    return text;
}

static char *
compare_flow_by_flow(struct net *net, struct ofpbuf *reply)
{
    struct flowset have, want;
    struct delta delta;

    flowset_init(&have);
    read_report(reply, NULL, 0, NULL, &have);
    should_have(net, &want);
    delta_init(&delta, &have);
    delta_all(&delta, &want);

    char *text = format_sorted(&delta);
    delta_destroy(&delta);
    flowset_destroy(&have);
    flowset_destroy(&want);
    return text;
}

/* And stores in '*n_taken' how many of the flows were told by numbers. */
static char *
compare_by_numbers(struct net *net, struct ofpbuf *reply,
                   enum ofp_version version, size_t *n_taken)
{
    struct macmsg *macmsg
        = macmsg_create(ofputil_protocol_from_ofp_version(version));
    struct flowset others, want;
    struct macdump dump;
    struct delta delta;

    macdump_init(&dump);
    flowset_init(&others);
    flowset_init(&want);
    read_report(reply, macmsg, version, &dump, &others);
    *n_taken = dump.n;
    macdump_compare(&dump, macmsg, version, net_get_node(net, NODE), &others,
                    &want);
    macdump_clear(&dump);
    delta_init(&delta, &others);
    delta_all(&delta, &want);

    char *text = format_sorted(&delta);
    delta_destroy(&delta);
    flowset_destroy(&others);
    flowset_destroy(&want);
    macmsg_destroy(macmsg);
    return text;
}

static const enum ofp_version versions[] = {
    OFP13_VERSION, OFP14_VERSION, OFP15_VERSION,
};

/* Compares both ways for all versions, and returns how many flows were told by
 * numbers. */
static size_t
check(struct net *net, struct flowset *have, const char *expected)
{
    size_t n_taken = 0;

    for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
        struct ofpbuf *reply = net_report(have, versions[i]);
        struct ofpbuf *copy = ofpbuf_clone(reply);
        char *slow = compare_flow_by_flow(net, copy);
        char *quick = compare_by_numbers(net, reply, versions[i], &n_taken);

        assert_string_equal(quick, slow);
        if (expected) {
            assert_string_equal(quick, expected);
        }
        free(slow);
        free(quick);
        ofpbuf_delete(copy);
        ofpbuf_delete(reply);
    }
    return n_taken;
}

/* A switch that has all flows. */
static void
test_same(void **state)
{
    struct net *net = *state;
    struct flowset have;

    teach(net);
    should_have(net, &have);

    /* Three of the static MAC, and two of each of the five at a VTEP with an
     * IPv6 address, have no shape. */
    assert_int_equal(check(net, &have, ""), flowset_count(&have) - 3 - 2 * 5);
    flowset_destroy(&have);
}

/* Changes one flow of 'have', or takes it away. */
static void
tamper(struct flowset *have)
{
    struct hmap_node *node = hmap_random_node(&have->flows);
    struct flowset_flow *flow = CONTAINER_OF(node, struct flowset_flow, node);

    switch (random_range(6)) {
    case 0:
        flowset_remove(have, flow);
        break;
    case 1:
        flow->idle_timeout ^= 1;
        break;
    case 2:
        flow->flags ^= OFPUTIL_FF_SEND_FLOW_REM;
        break;
    case 3:
        flow->hard_timeout = 9;
        break;
    case 4: {
        if (!flow->ofpacts_len) {               /* A guard. */
            break;
        }
        struct ofpact_set_field *sf = ofpact_get_SET_FIELD(flow->ofpacts);

        if (sf->field->id != MFF_REG3) {        /* Masked. */
            *(uint8_t *) sf->value ^= 0x40;
        }
        break;
    }
    case 5: {
        /* Another MAC has this flow. */
        struct match match;
        struct ofpbuf acts
            = ofpbuf_const_initializer(flow->ofpacts, flow->ofpacts_len);

        minimatch_expand(&flow->match, &match);
        match.flow.dl_src.ea[3] ^= match.wc.masks.dl_src.ea[3] & 1;
        match.flow.dl_dst.ea[3] ^= match.wc.masks.dl_dst.ea[3] & 1;
        flowset_add(have, &(struct flowset_spec) {
            .table = flow->table, .priority = flow->priority,
            .cookie = flow->cookie, .idle_timeout = flow->idle_timeout,
            .flags = flow->flags, .match = &match, .ofpacts = &acts,
        });
        break;
    }
    }
}

static void
test_differ(void **state)
{
    struct net *net = *state;

    teach(net);
    for (unsigned int round = 1; round <= ROUNDS; round++) {
        struct flowset have;

        should_have(net, &have);
        random_set_seed(round);
        for (int i = random_range(8); i >= 0; i--) {
            tamper(&have);
        }
        check(net, &have, NULL);
        flowset_destroy(&have);
    }
}

/* What a switch reports may be anything: wherever it ends, and whatever is
 * wrong with it, nothing beyond it is read. */
static void
test_nonsense(void **state)
{
    struct net *net = *state;
    struct flowset have;

    teach(net);
    should_have(net, &have);
    for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
        struct macmsg *macmsg
            = macmsg_create(ofputil_protocol_from_ofp_version(versions[i]));
        struct ofpbuf *reply = net_report(&have, versions[i]);
        struct macdump dump;
        size_t head = 16;

        macdump_init(&dump);
        for (size_t n = 0; n < 400; n++) {
            /* On the heap, so that a sanitizer sees where it ends. */
            uint8_t *copy = xmemdup((uint8_t *) reply->data + head, n + 1);
            struct ofpbuf b = ofpbuf_const_initializer(copy, n);

            take_all(&dump, macmsg, versions[i], &b);
            for (size_t at = 0; at < MIN(n, 200); at++) {
                copy[at] ^= 0xff;
                b = (struct ofpbuf) ofpbuf_const_initializer(copy, n);
                take_all(&dump, macmsg, versions[i], &b);
                copy[at] ^= 0xff;
            }
            free(copy);
        }
        macdump_clear(&dump);
        ofpbuf_delete(reply);
        macmsg_destroy(macmsg);
    }
    flowset_destroy(&have);
}

#define TEST(NAME) \
    cmocka_unit_test_setup_teardown(NAME, net_setup_three, net_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_same), TEST(test_differ), TEST(test_nonsense),
    };

    return cmocka_run_group_tests_name("macdump", tests, NULL, NULL);
}
