/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* What the controller lets switches send, and what it reads of it. */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>

#include "dp-packet.h"
#include "flows/addr.h"
#include "flows/layout.h"
#include "flows/packetout.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/ofpbuf.h"
#include "packets.h"
#include "util.h"

static void
check_acts(const char *what, struct ofpbuf *acts, const char *expected)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    const struct ofpact_format_params fp = { .s = &s };

    ofpacts_format(acts->data, acts->size, &fp);
    if (strcmp(ds_cstr(&s), expected)) {
        fail_msg("%s: \"%s\", not \"%s\"", what, ds_cstr(&s), expected);
    }
    ds_destroy(&s);
    ofpbuf_clear(acts);
}

static void
test_actions(void **state OVS_UNUSED)
{
    static const struct eth_addr src = ETH_ADDR_C(02,4b,a1,b2,c3,d4);
    const struct packetout_probe probe = {
        .type = PACKETOUT_ASK, .key = 0xa1b2c3d4,
    };
    const struct eth_header *eth;
    struct dp_packet packet;
    struct in6_addr ip;
    struct ofpbuf acts;

    ofpbuf_init(&acts, 0);
    dp_packet_init(&packet, 0);
    packetout_lease(&acts);
    check_acts("lease", &acts,
               "learn(table=13,hard_timeout=3,priority=100,send_flow_rem,"
               "cookie=0x4b48080000000000,load:0x1->NXM_NX_REG3[3])");
    packetout_drain(&acts, 20001);
    check_acts("drain", &acts, "meter:20001");
    in6_addr_set_mapped_ipv4(&ip, htonl(0x0a000001));
    packetout_ask(&packet, &acts, &probe, u16_to_ofp(7), &ip);
    check_acts("ask", &acts, "set_field:10.0.0.1->tun_dst,"
               "set_field:0->tun_id,output:7");
    eth = dp_packet_eth(&packet);
    assert_true(eth_addr_equals(eth->eth_src, src));
    dp_packet_clear(&packet);
    packetout_ask_by(&packet, &acts, &probe, u16_to_ofp(8));
    check_acts("ask by a port", &acts, "output:8");
    dp_packet_clear(&packet);
    packetout_emit(&packet, &acts, &probe, 0x2000a);
    check_acts("mark", &acts, "set_field:0x2000a->reg1,resubmit(,12)");
    dp_packet_uninit(&packet);
    ofpbuf_uninit(&acts);
}

static void
test_read(void **state OVS_UNUSED)
{
    static const struct packetout_probe probes[] = {
        { PACKETOUT_ASK, UINT64_C(0x0123456789abcdef), 11, 0, 0,
          .binding = UUID_ZERO },
        { PACKETOUT_MARKER, 1, UINT64_C(0xfedcba9876543210), 0x80000001, 63,
          .binding = UUID_ZERO },
        { PACKETOUT_ANSWER, UINT64_MAX, UINT64_MAX, UINT32_MAX, UINT32_MAX,
          .binding = UUID_ZERO },
        { PACKETOUT_DEPOSE, 0, 0, 0xa1b2c3d4, 0,
          .generation = UINT64_C(0x123456789abcdef0) },
        { PACKETOUT_LOOP, 2, 11, 0xa1b2c3d4, 5000,
          .binding = { { 0x01234567, 0x89abcdef, 0xfedcba98, 0x76543210 } } },
    };

    for (size_t i = 0; i < ARRAY_SIZE(probes); i++) {
        const struct packetout_probe *p = &probes[i];

        for (int tagged = 0; tagged <= 1; tagged++) {
            struct packetout_probe read;
            struct dp_packet packet;
            struct ofpbuf acts;

            ofpbuf_init(&acts, 0);
            dp_packet_init(&packet, 0);
            packetout_ask_by(&packet, &acts, p, u16_to_ofp(1));
            assert_int_equal(dp_packet_size(&packet), ETH_TOTAL_MIN);
            if (tagged) {
                eth_push_vlan(&packet, htons(ETH_TYPE_VLAN), htons(100));
            }

            const uint8_t *data = dp_packet_data(&packet);
            size_t size = dp_packet_size(&packet);
            assert_true(packetout_read(data, size, &read));
            assert_int_equal(read.type, p->type);
            assert_true(read.secret == p->secret && read.dpid == p->dpid
                        && read.cluster == p->cluster
                        && read.port == p->port);
            if (p->type == PACKETOUT_DEPOSE) {
                assert_true(read.generation == p->generation);
            } else {
                assert_true(uuid_equals(&read.binding, &p->binding));
            }

            /* Cut short anywhere, in memory of just that size. */
            size_t least = ETH_HEADER_LEN + VLAN_HEADER_LEN * tagged + 40;
            for (size_t n = 0; n < size; n++) {
                uint8_t *copy = xmemdup(data, n ? n : 1);

                assert_int_equal(packetout_read(copy, n, &read), n >= least);
                free(copy);
            }
            dp_packet_uninit(&packet);
            ofpbuf_uninit(&acts);
        }
    }
}

static void
test_read_others(void **state OVS_UNUSED)
{
    uint8_t frame[ETH_TOTAL_MIN] = { 0x02, 0x4b, 0x48, 0, 0, 0x77 };
    struct packetout_probe read;

    assert_false(packetout_read(frame, sizeof frame, &read));
    frame[12] = LAYOUT_PROBE_TYPE >> 8;
    frame[13] = LAYOUT_PROBE_TYPE & 0xff;
    assert_false(packetout_read(frame, sizeof frame, &read));
    frame[5] = 1;
    assert_true(packetout_read(frame, sizeof frame, &read));
    assert_false(packetout_read(packetout_blank, PACKETOUT_DRAIN_SIZE,
                                &read));
}

/* The address from which an edge is deposed, as flows match it, and that of
 * probes for loops, which a VLAN's bridges learn. */
static void
test_cluster_address(void **state OVS_UNUSED)
{
    static const enum packetout_type types[] = {
        PACKETOUT_DEPOSE, PACKETOUT_LOOP,
    };
    const struct eth_addr src = ETH_ADDR_C(02,4b,a1,b2,c3,d4);

    for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
        const struct packetout_probe probe = {
            .type = types[i], .cluster = 0xa1b2c3d4,
        };
        struct dp_packet packet;
        struct ofpbuf acts;

        ofpbuf_init(&acts, 0);
        dp_packet_init(&packet, 0);
        packetout_ask_by(&packet, &acts, &probe, u16_to_ofp(1));

        const struct eth_header *eth = dp_packet_data(&packet);
        assert_true(eth_addr_equals(eth->eth_src, src));
        dp_packet_uninit(&packet);
        ofpbuf_uninit(&acts);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_actions),
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_read_others),
        cmocka_unit_test(test_cluster_address),
    };

    return cmocka_run_group_tests_name("packetout", tests, NULL, NULL);
}
