/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* Messages that are copied and filled in are those that libopenvswitch makes,
 * and are known again; tests/unit/test_walk.c does the same with all that
 * happens in a walk. */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "flows/layout.h"
#include "flows/macmsg.h"
#include "openvswitch/ofp-errors.h"
#include "openvswitch/ofp-flow.h"
#include "openvswitch/ofpbuf.h"
#include "random.h"
#include "tests/unit/net.h"
#include "util.h"

static const enum ofputil_protocol protocols[] = {
    OFPUTIL_P_OF13_OXM, OFPUTIL_P_OF14_OXM, OFPUTIL_P_OF15_OXM,
};

/* Whether 'macmsg' has a shape for 'msg', and says in 'id' the same as in
 * 'like', if that is nonnull. */
static bool
parses(const struct macmsg *macmsg, const struct ofpbuf *msg,
       const struct macmsg_id *like)
{
    struct macmsg_id id;

    return (macmsg_parse(macmsg, msg->data, msg->size, &id)
            && (!like || !memcmp(&id, like, sizeof id)));
}

/* 'msg', which is for 'op', is known by its numbers; with any one bit turned
 * it is another, or none. */
static void
check_parse(const struct macmsg *macmsg, const struct fdb_op *op,
            struct ofpbuf *msg)
{
    struct macmsg_id id;
    uint8_t *bytes = msg->data;

    assert_true(macmsg_identify(op, &id));
    assert_true(parses(macmsg, msg, &id));
    for (size_t i = 0; i < msg->size * 8; i++) {
        bool is_xid = i / 32 == 1;

        bytes[i / 8] ^= 1 << i % 8;
        assert_int_equal(parses(macmsg, msg, &id), is_xid);
        bytes[i / 8] ^= 1 << i % 8;
    }
    msg->size -= 8;
    assert_false(parses(macmsg, msg, NULL));
    msg->size += 8;
}

/* A deletion says all that the cookie of its flow says, but not all of its
 * bits: then Open vSwitch would walk through all MACs of the segment. */
static void
check_delete(const struct ofpbuf *msg, enum ofputil_protocol protocol,
             const struct fdb_op *op)
{
    uint64_t cookie = layout_cookie(op->m.is_static ? LAYOUT_K_STATIC
                                    : LAYOUT_K_LEARNED, op->m.segment->vni);
    struct ofputil_flow_mod fm;
    struct ofpbuf acts;

    ofpbuf_init(&acts, 0);
    assert_int_equal(ofputil_decode_flow_mod(&fm, msg->data, protocol, NULL,
                                             NULL, &acts, OFPP_MAX, UINT8_MAX),
                     0);
    assert_int_equal(fm.command, OFPFC_DELETE_STRICT);
    assert_true(fm.cookie == htonll(cookie));
    assert_true(fm.cookie_mask != OVS_BE64_MAX);
    for (int bit = 0; bit < 64; bit++) {
        uint64_t other = cookie ^ UINT64_C(1) << bit;
        bool is_spare = bit >= 32 && bit < 40;      /* flows/layout.h. */

        assert_int_equal((htonll(other) & fm.cookie_mask)
                         != (fm.cookie & fm.cookie_mask), !is_spare);
    }
    minimatch_destroy(&fm.match);
    ofpbuf_uninit(&acts);
}

/* Compares the two ways for all operations of 'net', and forgets these.
 * Returns how many were made by macmsg_put(). */
static size_t
check_ops(struct net *net)
{
    size_t n = 0;

    for (size_t p = 0; p < ARRAY_SIZE(protocols); p++) {
        struct macmsg *macmsg = macmsg_create(protocols[p]);

        for (size_t i = 0; i < net->ops.n; i++) {
            const struct fdb_op *op = &net->ops.ops[i];
            ovs_be32 xid = htonl(random_uint32());
            struct ofpbuf *msg = macmsg_encode(op, protocols[p], xid);
            struct ofpbuf quick;

            ofpbuf_init(&quick, 0);
            if (macmsg_put(macmsg, op, xid, &quick)) {
                assert_non_null(msg);
                assert_int_equal(quick.size, msg->size);
                assert_memory_equal(quick.data, msg->data, msg->size);
                check_parse(macmsg, op, &quick);
                n++;
            } else {
                assert_int_equal(quick.size, 0);
            }
            if (!op->add) {
                check_delete(msg, protocols[p], op);
            }
            ofpbuf_uninit(&quick);
            ofpbuf_delete(msg);
        }
        macmsg_destroy(macmsg);
    }
    net->ops.n = 0;
    return n;
}

/* In each place, seen, moved and flushed. */
static void
test_places(void **state)
{
    struct net *net = *state;

    net_binding(net, 1, 1, 1, "p1", 4094);
    net_binding(net, 2, 1, 1, "p2", 0);
    net_host_port(net, 1, 1, 3, "p1");
    net_vtep(net, 1, 1, "192.0.2.1");
    net_settle(net);
    check_ops(net);

    net_see(net, 1, TOPO_BINDING, 1, 1);
    net_see(net, 2, TOPO_BINDING, 2, 2);
    net_see(net, 3, TOPO_HOST_PORT, 1, 3);
    net_see(net, 1, TOPO_VTEP, 1, 4);
    assert_int_equal(check_ops(net), 3 * (4 * 3 + 4));

    net_see(net, 1, TOPO_VTEP, 1, 1);
    net_see(net, 3, TOPO_HOST_PORT, 1, 4);
    assert_int_equal(check_ops(net), 3 * 2 * (3 + 2));

    fdb_flush(&net->fdb, NULL, NULL, &net->ops);
    assert_int_equal(check_ops(net), 3 * 4 * (3 + 1));
}

/* What is rare goes the long way. */
static void
test_rare(void **state)
{
    struct net *net = *state;

    net_binding(net, 1, 1, 1, "p1", 10);
    net_vtep(net, 1, 1, "2001:db8::1");
    net_settle(net);
    net->ops.n = 0;
    net_see(net, 1, TOPO_VTEP, 1, 1);
    assert_int_equal(check_ops(net), 0);
    net_static(net, 1, 1, "aa:00:00:00:00:09", TOPO_BINDING, 1);
    net_settle(net);
    assert_true(net->ops.n > 0);
    assert_int_equal(check_ops(net), 0);
}

#define TEST(NAME) \
    cmocka_unit_test_setup_teardown(NAME, net_setup_three, net_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = { TEST(test_places), TEST(test_rare) };

    return cmocka_run_group_tests_name("macmsg", tests, NULL, NULL);
}
