/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* Each row gives what is written, and either the canonical spelling or a part
 * of the message with which it is refused. */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "flows/addr.h"
#include "openvswitch/dynamic-string.h"
#include "packets.h"
#include "util.h"

struct row {
    const char *what;
    const char *s;
    const char *canonical;      /* NULL if 's' is refused... */
    const char *error;          /* ...with this in the message. */
};

/* Parses 's' into its canonical spelling in 'canonical'. */
typedef bool normalize_func(const char *s, struct ds *canonical,
                            char **error);

static void
check_row(const struct row *row, normalize_func *normalize)
{
    struct ds canonical = DS_EMPTY_INITIALIZER;
    char *error = NULL;

    bool ok = normalize(row->s, &canonical, &error);
    if (ok != !!row->canonical) {
        fail_msg("%s: \"%s\" %s: %s", row->what, row->s,
                 ok ? "accepted" : "refused",
                 ok ? ds_cstr(&canonical) : error);
    } else if (ok && strcmp(ds_cstr(&canonical), row->canonical)) {
        fail_msg("%s: \"%s\" became %s, not %s", row->what, row->s,
                 ds_cstr(&canonical), row->canonical);
    } else if (ok && error) {
        fail_msg("%s: \"%s\" accepted with an error", row->what, row->s);
    } else if (!ok && (!strstr(error, row->error) || !strstr(error, row->s))) {
        fail_msg("%s: \"%s\" refused with \"%s\", which does not have \"%s\" "
                 "and the value", row->what, row->s, error, row->error);
    }
    free(error);
    ds_destroy(&canonical);
}

#define CHECK_ROWS(ROWS, NORMALIZE)                     \
    for (size_t i = 0; i < ARRAY_SIZE(ROWS); i++) {     \
        check_row(&(ROWS)[i], NORMALIZE);               \
    }

static bool
normalize_dpid(const char *s, struct ds *canonical, char **error)
{
    const uint64_t untouched = 0xdecafbad;
    uint64_t dpid = untouched;

    bool ok = addr_parse_dpid(s, &dpid, error);
    ds_put_format(canonical, ADDR_DPID_FMT, dpid);
    assert_true(ok || dpid == untouched);
    return ok;
}

static void
test_dpid(void **state OVS_UNUSED)
{
    static const char digits[] = "hexadecimal digits";
    static const struct row rows[] = {
        { "all 16 digits", "0000aabbccddeeff", "0000aabbccddeeff", NULL },
        { "one digit", "a", "000000000000000a", NULL },
        { "with 0x", "0xA", "000000000000000a", NULL },
        { "with 0X", "0X1F", "000000000000001f", NULL },
        { "upper case", "FFFFFFFFFFFFFFFF", "ffffffffffffffff", NULL },
        { "bytes", "00:00:aa:bb:cc:dd:ee:ff", "0000aabbccddeeff", NULL },
        { "short bytes", "0:0:0:0:0:0:0:1", "0000000000000001", NULL },
        { "leading zeros count as digits", "00000000000000001", NULL, digits },
        { "empty", "", NULL, digits },
        { "only 0x", "0x", NULL, digits },
        { "zero", "0", NULL, "zero" },
        { "zero bytes", "00:00:00:00:00:00:00:00", NULL, "zero" },
        { "not hexadecimal", "xyz", NULL, digits },
        { "trailing", "12 ", NULL, digits },
        { "leading blank", " 12", NULL, digits },
        { "signed", "-1", NULL, digits },
        { "a MAC is too short", "aa:bb:cc:dd:ee:ff", NULL, digits },
        { "nine bytes", "1:2:3:4:5:6:7:8:9", NULL, digits },
        { "byte too large", "100:2:3:4:5:6:7:8", NULL, digits },
        { "empty byte", "1::3:4:5:6:7:8", NULL, digits },
    };

    CHECK_ROWS(rows, normalize_dpid);
}

static bool
normalize_vtep(const char *s, struct ds *canonical, char **error)
{
    struct in6_addr untouched;
    struct in6_addr ip;

    memset(&untouched, 0x55, sizeof untouched);
    ip = untouched;
    bool ok = addr_parse_vtep(s, &ip, error);
    addr_format_vtep(&ip, canonical);
    assert_true(ok || !memcmp(&ip, &untouched, sizeof ip));
    return ok;
}

static void
test_vtep(void **state OVS_UNUSED)
{
    static const struct row rows[] = {
        { "IPv4", "192.0.2.1", "192.0.2.1", NULL },
        { "IPv6", "2001:DB8:0::1", "2001:db8::1", NULL },
        { "IPv4 in IPv6 is IPv4", "::ffff:192.0.2.1", "192.0.2.1", NULL },
        { "IPv4 link-local", "169.254.1.1", "169.254.1.1", NULL },
        { "last before multicast", "223.255.255.255", "223.255.255.255",
          NULL },
        { "IPv4 zero", "0.0.0.0", NULL, "0.0.0.0/8" },
        { "this network", "0.1.2.3", NULL, "0.0.0.0/8" },
        { "IPv4 loopback", "127.0.0.1", NULL, "loopback" },
        { "mapped loopback", "::ffff:127.0.0.1", NULL, "loopback" },
        { "IPv4 multicast, first", "224.0.0.1", NULL, "multicast" },
        { "IPv4 multicast, last", "239.255.255.255", NULL, "multicast" },
        { "broadcast", "255.255.255.255", NULL, "broadcast" },
        { "IPv6 zero", "::", NULL, "zero" },
        { "IPv6 loopback", "::1", NULL, "loopback" },
        { "IPv6 multicast", "ff02::1", NULL, "multicast" },
        { "empty", "", NULL, "not a valid" },
        { "a prefix", "192.0.2.0/24", NULL, "not a valid" },
        { "three bytes", "192.0.2", NULL, "not a valid" },
        { "a byte too large", "192.0.2.256", NULL, "not a valid" },
        { "trailing", "192.0.2.1 ", NULL, "not a valid" },
        { "octal", "192.0.2.010", NULL, "not a valid" },
        { "a name", "localhost", NULL, "not a valid" },
        { "with a zone", "fe80::1%eth0", NULL, "not a valid" },
    };

    CHECK_ROWS(rows, normalize_vtep);
}

static bool
normalize_mac(const char *s, struct ds *canonical, char **error)
{
    const struct eth_addr untouched = ETH_ADDR_C(02,de,ca,fb,ad,00);
    struct eth_addr mac = untouched;

    bool ok = addr_parse_mac(s, &mac, error);
    ds_put_format(canonical, ETH_ADDR_FMT, ETH_ADDR_ARGS(mac));
    assert_true(ok || eth_addr_equals(mac, untouched));
    return ok;
}

static void
test_mac(void **state OVS_UNUSED)
{
    static const struct row rows[] = {
        { "canonical", "02:00:00:00:00:0a", "02:00:00:00:00:0a", NULL },
        { "upper case", "0A:BB:CC:DD:EE:FF", "0a:bb:cc:dd:ee:ff", NULL },
        { "short bytes", "2:0:0:0:0:a", "02:00:00:00:00:0a", NULL },
        { "zero", "00:00:00:00:00:00", NULL, "zero" },
        { "broadcast", "ff:ff:ff:ff:ff:ff", NULL, "group" },
        { "multicast", "01:00:5e:00:00:01", NULL, "group" },
        { "empty", "", NULL, "6 bytes" },
        { "five bytes", "02:00:00:00:00", NULL, "6 bytes" },
        { "seven bytes", "02:00:00:00:00:00:01", NULL, "6 bytes" },
        { "trailing colon", "02:00:00:00:00:01:", NULL, "6 bytes" },
        { "dashes", "02-00-00-00-00-01", NULL, "6 bytes" },
        { "no separators", "020000000001", NULL, "6 bytes" },
        { "not hexadecimal", "02:00:00:00:00:0g", NULL, "6 bytes" },
        { "signed byte", "02:00:00:00:00:-1", NULL, "6 bytes" },
        { "blank", "02: 0:00:00:00:01", NULL, "6 bytes" },
    };

    CHECK_ROWS(rows, normalize_mac);
}

static bool
normalize_port(const char *s, struct ds *canonical, char **error)
{
    ds_put_cstr(canonical, s);
    return addr_check_port(s, error);
}

static void
test_port(void **state OVS_UNUSED)
{
    static const struct row rows[] = {
        { "usual", "eth0", "eth0", NULL },
        { "sub-interface", "eth0.10", "eth0.10", NULL },
        { "longest", "123456789012345", "123456789012345", NULL },
        { "equals sign", "a=b", "a=b", NULL },
        { "too long", "1234567890123456", NULL, "15 characters" },
        { "empty", "", NULL, "empty" },
        { "slash", "a/b", NULL, "\"/\"" },
        { "blank", "a b", NULL, "white space" },
        { "newline", "a\n", NULL, "white space" },
        { "delete", "a\x7f", NULL, "control" },
        { "not UTF-8", "a\xff", NULL, "UTF-8" },
    };

    CHECK_ROWS(rows, normalize_port);
}

static bool
normalize_name(const char *s, struct ds *canonical, char **error)
{
    ds_put_cstr(canonical, s);
    return addr_check_name(s, error);
}

static void
test_name(void **state OVS_UNUSED)
{
    static const struct row rows[] = {
        { "usual", "blue-1", "blue-1", NULL },
        { "longer than a port's", "a-segment-with-a-long-name",
          "a-segment-with-a-long-name", NULL },
        { "UTF-8", "\xe6\xa9\x8b", "\xe6\xa9\x8b", NULL },
        { "empty", "", NULL, "empty" },
        { "slash", "a/b", NULL, "\"/\"" },
        { "equals sign", "a=b", NULL, "\"=\"" },
        { "tab", "a\tb", NULL, "white space" },
    };

    CHECK_ROWS(rows, normalize_name);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dpid),
        cmocka_unit_test(test_vtep),
        cmocka_unit_test(test_mac),
        cmocka_unit_test(test_port),
        cmocka_unit_test(test_name),
    };

    return cmocka_run_group_tests_name("addr", tests, NULL, NULL);
}
