/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* What a switch is sent for its lease. */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "controller/edge.h"
#include "controller/ofconn.h"
#include "flows/layout.h"
#include "flows/topo.h"
#include "openvswitch/ofp-flow.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofpbuf.h"
#include "peer.h"
#include "util.h"

static enum ofptype
next_type(struct peer *peer)
{
    struct ofpbuf *msg = peer_receive(peer);
    enum ofptype type;

    assert_non_null(msg);
    assert_int_equal(ofptype_decode(&type, msg->data), 0);
    ofpbuf_delete(msg);
    return type;
}

static bool
is_all(struct peer *peer)
{
    struct ofpbuf *msg = peer_receive(peer);

    ofpbuf_delete(msg);
    return !msg;
}

/* Open vSwitch looks at what its datapath has cached for a flow-mod, and not
 * for a learn() in a packet-out.  So a new lease is both, in that order, and
 * a renewal, after which frames are to go on as before, is no flow-mod. */
static void
test_messages(void **state OVS_UNUSED)
{
    struct peer peer = { .message = NULL };
    struct topo topo;

    topo_init(&topo);
    peer_start(&peer);

    struct edge *edge = edge_create(peer.conn, &topo, NULL, 1);
    assert_int_equal(next_type(&peer), OFPTYPE_FEATURES_REQUEST);

    for (int i = 0; i < 2; i++) {
        edge_lease(edge);
        assert_int_equal(next_type(&peer), OFPTYPE_PACKET_OUT);
        assert_int_equal(next_type(&peer), OFPTYPE_FLOW_MOD);
        assert_true(is_all(&peer));

        edge_lease(edge);
        assert_int_equal(next_type(&peer), OFPTYPE_PACKET_OUT);
        assert_true(is_all(&peer));

        edge->leased = false;   /* As when the switch says that it ended. */
    }

    edge_destroy(edge);
    peer_stop(&peer);
    topo_destroy(&topo);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages),
    };

    return cmocka_run_group_tests_name("lease", tests, NULL, NULL);
}
