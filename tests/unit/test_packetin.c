/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* What packetin_read() reads is what libopenvswitch decodes. */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "byte-order.h"
#include "flow.h"
#include "flows/flowset.h"
#include "flows/packetin.h"
#include "openvswitch/match.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofp-packet.h"
#include "openvswitch/ofpbuf.h"
#include "random.h"
#include "util.h"

static const enum ofputil_protocol protocols[] = {
    OFPUTIL_P_OF13_OXM, OFPUTIL_P_OF14_OXM, OFPUTIL_P_OF15_OXM,
};

/* Makes in 'frame' and returns a packet-in for a frame with the metadata that
 * 'text' describes. */
static struct ofpbuf *
make(const char *text, const uint8_t *frame, size_t size,
     enum ofputil_protocol protocol, enum ofputil_packet_in_format format)
{
    struct ofputil_packet_in_private pin = {
        .base = { .packet = CONST_CAST(uint8_t *, frame),
                  .packet_len = size, .table_id = 3, .reason = OFPR_ACTION,
                  .cookie = htonll(0x1234) },
    };
    struct flowset_flow *flow;
    struct flowset set;

    flowset_init(&set);
    char *s = xasprintf("%s,actions=drop", text);
    assert_null(flowset_add_str(&set, 0, s));
    free(s);
    HMAP_FOR_EACH (flow, node, &set.flows) {
        minimatch_expand(&flow->match, &pin.base.flow_metadata);
    }
    flowset_destroy(&set);
    return ofputil_encode_packet_in_private(&pin, protocol, format);
}

static void
check_same(const struct packetin *a, const struct packetin *b)
{
    assert_ptr_equal(a->frame, b->frame);
    assert_int_equal(a->frame_len, b->frame_len);
    assert_int_equal(a->table_id, b->table_id);
    assert_int_equal(a->in_port, b->in_port);
    assert_int_equal(a->metadata, b->metadata);
    assert_int_equal(a->reg0, b->reg0);
    assert_memory_equal(&a->tun_src, &b->tun_src, sizeof a->tun_src);
}

static const char *const rows[] = {
    "in_port=2,metadata=0x1389,reg0=0x20064",
    "in_port=1,metadata=0x1389,tun_id=0x1389,tun_src=10.1.0.12,"
    "tun_dst=10.1.0.11,reg3=2",
    "in_port=1,metadata=0x1389,tun_id=0x1389,tun_ipv6_src=fd00::1,"
    "tun_ipv6_dst=fd00::2,reg3=2",
    "in_port=65279,metadata=0xffffff,reg0=0xfeff0fff,reg1=1,reg2=2,reg4=9",
    "in_port=1",
};

static void
test_same(void **state OVS_UNUSED)
{
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        for (size_t j = 0; j < ARRAY_SIZE(protocols); j++) {
            for (size_t size = 1; size < 1600; size += 13) {
                uint8_t frame[1600] = { 0 };
                struct packetin quick, slow;
                struct ofpbuf *msg = make(rows[i], frame, size, protocols[j],
                                          OFPUTIL_PACKET_IN_NXT2);

                if (!packetin_read(msg->data, &quick)) {
                    fail_msg("%s in %d bytes", rows[i], (int) size);
                }
                assert_int_equal(packetin_decode(msg->data, &slow), 0);
                check_same(&quick, &slow);
                assert_int_equal(quick.frame_len, size);
                assert_int_equal(quick.table_id, 3);
                ofpbuf_delete(msg);
            }
        }
    }
}

/* What is not for packetin_read() is for packetin_decode(). */
static void
test_others(void **state OVS_UNUSED)
{
    uint8_t frame[64] = { 0 };
    struct packetin pin;
    struct ofpbuf *msg = make(rows[0], frame, sizeof frame,
                              OFPUTIL_P_OF15_OXM, OFPUTIL_PACKET_IN_STD);

    assert_false(packetin_read(msg->data, &pin));
    assert_int_equal(packetin_decode(msg->data, &pin), 0);
    assert_int_equal(pin.reg0, 0x20064);
    ofpbuf_delete(msg);

    msg = make("in_port=controller,metadata=5", frame, sizeof frame,
               OFPUTIL_P_OF15_OXM, OFPUTIL_PACKET_IN_NXT2);
    assert_false(packetin_read(msg->data, &pin));
    assert_int_equal(packetin_decode(msg->data, &pin), 0);
    assert_int_equal(pin.in_port, OFPP_CONTROLLER);
    ofpbuf_delete(msg);
}

/* Tunnels from nowhere, and from two places. */
static void
test_odd_tunnels(void **state OVS_UNUSED)
{
    static const struct {
        const char *text, *tun_src;
    } odd[] = {
        { "in_port=1,tun_src=0.0.0.0", "::" },
        { "in_port=1,tun_src=10.0.0.1,tun_ipv6_src=fd00::1",
          "::ffff:10.0.0.1" },
        { "in_port=1,tun_src=0.0.0.0,tun_ipv6_src=fd00::1", "fd00::1" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(odd); i++) {
        uint8_t frame[64] = { 0 };
        struct ofpbuf *msg = make(odd[i].text, frame, sizeof frame,
                                  OFPUTIL_P_OF15_OXM, OFPUTIL_PACKET_IN_NXT2);
        char tun_src[INET6_ADDRSTRLEN];
        struct packetin pin;

        assert_false(packetin_read(msg->data, &pin));
        assert_int_equal(packetin_decode(msg->data, &pin), 0);
        inet_ntop(AF_INET6, &pin.tun_src, tun_src, sizeof tun_src);
        assert_string_equal(tun_src, odd[i].tun_src);
        ofpbuf_delete(msg);
    }
}

/* NXM has a name of its own for the port. */
static void
test_nxm_port(void **state OVS_UNUSED)
{
    static const uint8_t bytes[] = {
        OFP13_VERSION, 4, 0, 56, 0, 0, 0, 0,
        0, 0, 0x23, 0x20, 0, 0, 0, 30,
        0, 0, 0, 18, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 8, 6,
        0, 0, 0, 0, 0, 0,
        0, 6, 0, 10, 0, 0, 0, 2, 0, 7, 0, 0, 0, 0, 0, 0,
    };
    struct ofp_header *oh = xmemdup(bytes, sizeof bytes);
    struct packetin pin;

    assert_false(packetin_read(oh, &pin));
    assert_int_equal(packetin_decode(oh, &pin), 0);
    assert_int_equal(pin.in_port, 7);
    free(oh);
}

/* Wherever a message is cut or damaged, nothing is read that libopenvswitch
 * would decode otherwise. */
static void
test_damaged(void **state OVS_UNUSED)
{
    size_t n_read = 0;

    random_set_seed(7);
    for (int i = 0; i < 200000; i++) {
        uint8_t frame[64] = { 0 };
        struct packetin quick, slow;
        struct ofpbuf *msg = make(rows[i % 3], frame, sizeof frame,
                                  protocols[i % 2 * 2],
                                  OFPUTIL_PACKET_IN_NXT2);
        uint8_t *p = msg->data;

        if (random_range(3)) {
            p[8 + random_range(msg->size - 8)] = random_uint8();
        } else {
            msg->size = 8 + random_range(msg->size - 8);
            p[2] = msg->size >> 8;
            p[3] = msg->size;
        }
        struct ofp_header *copy = xmemdup(p, msg->size);
        enum ofpraw raw;
        if (packetin_read(copy, &quick)
            && !ofpraw_decode(&raw, copy)
            && !packetin_decode(copy, &slow)) {
            check_same(&quick, &slow);
            n_read++;
        }
        free(copy);
        ofpbuf_delete(msg);
    }
    assert_true(n_read > 50000);
}

/* Whose frame it is, with tags or without, and cut short anywhere. */
static void
test_head(void **state OVS_UNUSED)
{
    static const struct {
        const char *what;
        uint8_t tail[8];
        size_t size;            /* Of the frame, 12 of which come before. */
        uint16_t vlan;
    } heads[] = {
        { "untagged", { 0x08, 0x06 }, 20, 0 },
        { "tagged", { 0x81, 0x00, 0x00, 0x64 }, 20, 100 },
        { "with a priority", { 0x81, 0x00, 0xf0, 0x64 }, 20, 100 },
        { "with nothing else", { 0x81, 0x00, 0xe0, 0x00 }, 20, 0 },
        { "of a provider", { 0x88, 0xa8, 0x0f, 0xff }, 20, 4095 },
        { "cut in the tag", { 0x81, 0x00, 0x00, 0x64 }, 17, 0 },
        { "LLC", { 0x00, 0x26, 0x42, 0x42 }, 20, 0 },
        { "of just that size", { 0x08, 0x06 }, 14, 0 },
    };

    for (size_t i = 0; i < ARRAY_SIZE(heads); i++) {
        uint8_t *frame = xzalloc(heads[i].size);
        struct packetin pin = { .frame = frame, .frame_len = heads[i].size };
        struct packetin_head head;

        frame[0] = 0x01;
        frame[11] = 0x02;
        memcpy(frame + 12, heads[i].tail, MIN(heads[i].size - 12, 8));
        if (!packetin_read_head(&pin, &head) || head.vlan != heads[i].vlan
            || head.dst.ea[0] != 1 || head.src.ea[5] != 2) {
            fail_msg("%s: read as VLAN %"PRIu16, heads[i].what, head.vlan);
        }
        for (pin.frame_len = 0; pin.frame_len < 14; pin.frame_len++) {
            assert_false(packetin_read_head(&pin, &head));
        }
        free(frame);
    }
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same),
        cmocka_unit_test(test_others),
        cmocka_unit_test(test_nxm_port),
        cmocka_unit_test(test_odd_tunnels),
        cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_head),
    };

    return cmocka_run_group_tests_name("packetin", tests, NULL, NULL);
}
