/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* What a switch decodes is what was encoded, in each version of OpenFlow. */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "flows/bundlemsg.h"
#include "flows/delta.h"
#include "byte-order.h"
#include "flow.h"
#include "openvswitch/ofp-bundle.h"
#include "openvswitch/ofp-flow.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofpbuf.h"
#include "util.h"

struct messages {
    struct ofpbuf *msgs[16];
    size_t n;
};

static void
collect(struct ofpbuf *msg, void *aux)
{
    struct messages *m = aux;

    assert_true(m->n < ARRAY_SIZE(m->msgs));
    m->msgs[m->n++] = msg;
}

static void
check_control(const struct ofpbuf *msg, uint32_t xid, uint16_t type)
{
    const struct ofp_header *oh = msg->data;
    struct ofputil_bundle_ctrl_msg ctrl;

    assert_int_equal(ntohs(oh->length), msg->size);
    assert_int_equal(ntohl(oh->xid), xid);
    assert_int_equal(ofputil_decode_bundle_ctrl(oh, &ctrl), 0);
    assert_int_equal(ctrl.bundle_id, 77);
    assert_int_equal(ctrl.type, type);
    assert_int_equal(ctrl.flags, OFPBF_ATOMIC | OFPBF_ORDERED);
}

/* Decodes the flow-mod in 'msg', which must have 'xid' inside and outside. */
static void
decode_add(const struct ofpbuf *msg, enum ofputil_protocol protocol,
           uint32_t xid, struct ofputil_flow_mod *fm, struct ofpbuf *acts)
{
    const struct ofp_header *oh = msg->data;
    struct ofputil_bundle_add_msg add;
    enum ofptype type;

    assert_int_equal(ntohs(oh->length), msg->size);
    assert_int_equal(ntohl(oh->xid), xid);
    assert_int_equal(ofputil_decode_bundle_add(oh, &add, &type), 0);
    assert_int_equal(add.bundle_id, 77);
    assert_int_equal(add.flags, OFPBF_ATOMIC | OFPBF_ORDERED);
    assert_int_equal(type, OFPTYPE_FLOW_MOD);
    assert_int_equal(ntohl(add.msg->xid), xid);
    assert_int_equal(ofputil_decode_flow_mod(fm, add.msg, protocol, NULL,
                                             NULL, acts, u16_to_ofp(0xff00),
                                             255), 0);
}

/* Two flows to delete, one to change, two to add, and all of a cookie to
 * wipe. */
static void
make_deltas(struct delta *config, struct delta *macs, struct flowset *have)
{
    struct flowset want;

    flowset_init(&want);
    assert_null(flowset_add_str(have, 1, "table=0,in_port=1,actions=drop"));
    assert_null(flowset_add_str(have, 2, "table=0,in_port=2,actions=drop"));
    assert_null(flowset_add_str(have, 3, "table=0,in_port=3,actions=drop"));
    assert_null(flowset_add_str(&want, 3,
                                "table=0,in_port=3,actions=output:1"));
    assert_null(flowset_add_str(&want, 4, "table=0,idle_timeout=300,"
                                "send_flow_rem,"
                                "in_port=4,actions=set_field:1/1->reg3"));
    delta_init(config, have);
    delta_all(config, &want);
    delta_finish(config);

    flowset_clear(&want);
    assert_null(flowset_add_str(&want, 5, "table=2,in_port=5,actions=drop"));
    delta_init(macs, have);
    delta_wipe(macs, 9);
    delta_owner(macs, &want, 5);
    delta_finish(macs);
    flowset_destroy(&want);
}

static void
check_flow_mod(const struct ofputil_flow_mod *fm,
               const struct delta_change *change)
{
    const struct flowset_flow *flow = change->flow;

    assert_int_equal(fm->command, change->command);
    assert_int_equal(fm->table_id, flow->table);
    assert_int_equal(fm->priority, flow->priority);
    assert_true(minimatch_equal(&fm->match, &flow->match));
    if (change->command == OFPFC_DELETE_STRICT) {
        assert_true(fm->cookie == htonll(flow->cookie));
        assert_true(fm->cookie_mask == OVS_BE64_MAX);
    } else {
        struct flowset_flow got = {
            .ofpacts = CONST_CAST(struct ofpact *, fm->ofpacts),
            .ofpacts_len = fm->ofpacts_len,
        };

        assert_true(flowset_flow_same_actions(&got, flow));
        assert_true(change->command != OFPFC_ADD
                    || fm->new_cookie == htonll(flow->cookie));
        assert_int_equal(fm->idle_timeout, flow->idle_timeout);
        assert_int_equal(fm->flags & OFPUTIL_FF_STATE, flow->flags);
        assert_int_equal(fm->buffer_id, UINT32_MAX);
    }
}

static void
check_version(enum ofputil_protocol protocol)
{
    struct messages m = { .n = 0 };
    struct delta config, macs;
    struct flowset have;
    uint64_t stub[256];
    struct ofpbuf acts = OFPBUF_STUB_INITIALIZER(stub);
    struct ofputil_flow_mod fm;
    size_t i = 0;

    flowset_init(&have);
    make_deltas(&config, &macs, &have);
    struct bundlemsg bundle = {
        .protocol = protocol, .id = 77, .xid = 1000, .send = collect,
        .aux = &m,
    };
    bundlemsg_open(&bundle);
    bundlemsg_put(&bundle, &config, 0);
    bundlemsg_put(&bundle, &config, config.n);
    bundlemsg_put(&bundle, &macs, 0);
    bundlemsg_put(&bundle, &macs, 1);
    bundlemsg_commit(&bundle);

    /* The opening, four changes, a wipe, a change, the commitment. */
    assert_int_equal(m.n, 8);
    assert_int_equal(bundle.next, 1007);
    check_control(m.msgs[i++], 1000, OFPBCT_OPEN_REQUEST);
    for (size_t j = 0; j < config.n; j++, i++) {
        decode_add(m.msgs[i], protocol, 1000 + i, &fm, &acts);
        check_flow_mod(&fm, &config.changes[j]);
        minimatch_destroy(&fm.match);
    }
    decode_add(m.msgs[i], protocol, 1000 + i, &fm, &acts);
    assert_int_equal(fm.command, OFPFC_DELETE);
    assert_int_equal(fm.table_id, OFPTT_ALL);
    assert_true(fm.cookie == htonll(9) && fm.cookie_mask == OVS_BE64_MAX);
    minimatch_destroy(&fm.match);
    i++;
    decode_add(m.msgs[i], protocol, 1000 + i, &fm, &acts);
    check_flow_mod(&fm, &macs.changes[0]);
    minimatch_destroy(&fm.match);
    i++;
    check_control(m.msgs[i], 1000, OFPBCT_COMMIT_REQUEST);

    for (i = 0; i < m.n; i++) {
        ofpbuf_delete(m.msgs[i]);
    }
    ofpbuf_uninit(&acts);
    delta_destroy(&config);
    delta_destroy(&macs);
    flowset_destroy(&have);
}

static void
test_openflow13(void **state OVS_UNUSED)
{
    check_version(OFPUTIL_P_OF13_OXM);
}

static void
test_openflow14(void **state OVS_UNUSED)
{
    check_version(OFPUTIL_P_OF14_OXM);
}

static void
test_openflow15(void **state OVS_UNUSED)
{
    check_version(OFPUTIL_P_OF15_OXM);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_openflow13),
        cmocka_unit_test(test_openflow14),
        cmocka_unit_test(test_openflow15),
    };

    return cmocka_run_group_tests_name("bundlemsg", tests, NULL, NULL);
}
