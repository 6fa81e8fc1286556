/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* Any text as each kind of address or name.  What is accepted has a canonical
 * spelling, which is accepted too and means the same. */

#include <config.h>
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "flows/addr.h"
#include "openvswitch/dynamic-string.h"
#include "packets.h"
#include "util.h"

static void
fuzz_dpid(const char *s)
{
    uint64_t dpid, again;
    char *error = NULL;

    if (addr_parse_dpid(s, &dpid, &error)) {
        char *canonical = xasprintf(ADDR_DPID_FMT, dpid);

        ovs_assert(addr_parse_dpid(canonical, &again, &error));
        ovs_assert(dpid == again && dpid);
        free(canonical);
    }
    free(error);
}

static void
fuzz_vtep(const char *s)
{
    struct in6_addr ip, again;
    char *error = NULL;

    if (addr_parse_vtep(s, &ip, &error)) {
        struct ds canonical = DS_EMPTY_INITIALIZER;

        addr_format_vtep(&ip, &canonical);
        ovs_assert(addr_parse_vtep(ds_cstr(&canonical), &again, &error));
        ovs_assert(ipv6_addr_equals(&ip, &again));
        ds_destroy(&canonical);
    }
    free(error);
}

static void
fuzz_mac(const char *s)
{
    struct eth_addr mac, again;
    char *error = NULL;

    if (addr_parse_mac(s, &mac, &error)) {
        char *canonical = xasprintf(ETH_ADDR_FMT, ETH_ADDR_ARGS(mac));

        ovs_assert(addr_parse_mac(canonical, &again, &error));
        ovs_assert(eth_addr_equals(mac, again));
        ovs_assert(!eth_addr_is_multicast(mac) && !eth_addr_is_zero(mac));
        free(canonical);
    }
    free(error);
}

static void
fuzz_names(const char *s)
{
    char *error = NULL;

    if (addr_check_name(s, &error)) {
        ovs_assert(s[0] && !strpbrk(s, "/= \t\r\n"));
    }
    free(error);
    error = NULL;
    if (addr_check_port(s, &error)) {
        ovs_assert(s[0] && !strpbrk(s, "/ \t\r\n")
                   && strlen(s) <= ADDR_PORT_MAX);
    }
    free(error);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *s = xmemdup0((const char *) data, size);

    fuzz_dpid(s);
    fuzz_vtep(s);
    fuzz_mac(s);
    fuzz_names(s);
    free(s);
    return 0;
}
