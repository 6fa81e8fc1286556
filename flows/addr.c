/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "flows/addr.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "unicode.h"
#include "util.h"

#define DPID_LEN 8

/* Returns false, with '*error' set: "KIND "S": WHY". */
static bool
refuse(char **error, const char *kind, const char *s, const char *why)
{
    *error = xasprintf("%s \"%s\": %s", kind, s, why);
    return false;
}

/* Parses exactly 'n' bytes of one or two hexadecimal digits each, separated
 * by colons.  OVS's scanner would let signs, blanks and trailing characters
 * pass. */
static bool
parse_bytes(const char *s, uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned int byte = 0;
        size_t digits = 0;

        if (i && *s++ != ':') {
            return false;
        }
        while (isxdigit((unsigned char) *s)) {
            if (++digits > 2) {
                return false;
            }
            byte = byte * 16 + hexit_value(*s++);
        }
        if (!digits) {
            return false;
        }
        bytes[i] = byte;
    }
    return !*s;
}

static bool
parse_hex64(const char *s, uint64_t *value)
{
    if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X')) {
        s += 2;
    }

    size_t n = strspn(s, "0123456789abcdefABCDEF");
    if (!n || n > 2 * DPID_LEN || s[n]) {
        return false;
    }

    *value = 0;
    while (*s) {
        *value = *value << 4 | hexit_value(*s++);
    }
    return true;
}

bool
addr_parse_dpid(const char *s, uint64_t *dpid, char **error)
{
    uint8_t bytes[DPID_LEN];
    uint64_t value = 0;

    if (parse_bytes(s, bytes, DPID_LEN)) {
        for (size_t i = 0; i < DPID_LEN; i++) {
            value = value << 8 | bytes[i];
        }
    } else if (!parse_hex64(s, &value)) {
        return refuse(error, "datapath ID", s,
                      "must be 1 to 16 hexadecimal digits, or 8 bytes "
                      "separated by colons");
    }
    if (!value) {
        return refuse(error, "datapath ID", s, "must not be zero");
    }
    *dpid = value;
    return true;
}

/* Returns why 'ip' cannot be the address of one tunnel endpoint, or NULL. */
static const char *
vtep_problem(const struct in6_addr *ip)
{
    if (IN6_IS_ADDR_V4MAPPED(ip)) {
        uint32_t ip4 = ntohl(*ALIGNED_CAST(const ovs_be32 *,
                                           &ip->s6_addr[12]));
        return (ip4 >> 24 == 0 ? "must not be in 0.0.0.0/8"
                : ip4 >> 24 == 127 ? "must not be a loopback address"
                : ip4 >> 28 == 0xe ? "must not be a multicast address"
                : ip4 == UINT32_MAX ? "must not be the broadcast address"
                : NULL);
    }
    return (IN6_IS_ADDR_UNSPECIFIED(ip) ? "must not be zero"
            : IN6_IS_ADDR_LOOPBACK(ip) ? "must not be a loopback address"
            : IN6_IS_ADDR_MULTICAST(ip) ? "must not be a multicast address"
            : NULL);
}

bool
addr_parse_vtep(const char *s, struct in6_addr *ip, char **error)
{
    struct in6_addr parsed;
    struct in_addr ip4;

    if (inet_pton(AF_INET, s, &ip4) == 1) {
        memset(&parsed, 0, 10);
        memset(&parsed.s6_addr[10], 0xff, 2);
        memcpy(&parsed.s6_addr[12], &ip4, sizeof ip4);
    } else if (inet_pton(AF_INET6, s, &parsed) != 1) {
        return refuse(error, "IP address", s,
                      "not a valid IPv4 or IPv6 address");
    }

    const char *problem = vtep_problem(&parsed);
    if (problem) {
        return refuse(error, "IP address", s, problem);
    }
    *ip = parsed;
    return true;
}

void
addr_format_vtep(const struct in6_addr *ip, struct ds *s)
{
    char buffer[INET6_ADDRSTRLEN];

    if (IN6_IS_ADDR_V4MAPPED(ip)) {
        inet_ntop(AF_INET, &ip->s6_addr[12], buffer, sizeof buffer);
    } else {
        inet_ntop(AF_INET6, ip, buffer, sizeof buffer);
    }
    ds_put_cstr(s, buffer);
}

bool
addr_parse_mac(const char *s, struct eth_addr *mac, char **error)
{
    static const struct eth_addr zero;
    struct eth_addr parsed;

    if (!parse_bytes(s, parsed.ea, sizeof parsed.ea)) {
        return refuse(error, "MAC address", s,
                      "must be 6 bytes separated by colons");
    }
    if (!memcmp(&parsed, &zero, sizeof zero)) {
        return refuse(error, "MAC address", s, "must not be zero");
    }
    if (parsed.ea[0] & 1) {
        return refuse(error, "MAC address", s, "must not be a group address");
    }
    *mac = parsed;
    return true;
}

/* Checks that 'name' is not empty, has none of the characters in 'forbidden',
 * and no white space or control characters, which would be invisible.  OVSDB
 * strings must be UTF-8. */
static bool
check_name(const char *kind, const char *name, const char *forbidden,
           char **error)
{
    size_t length;
    char *invalid = utf8_validate(name, &length);

    if (invalid) {
        free(invalid);
        return refuse(error, kind, name, "not valid UTF-8");
    }
    if (!name[0]) {
        return refuse(error, kind, name, "must not be empty");
    }
    for (const char *p = name; *p; p++) {
        unsigned char c = *p;

        if (c <= ' ' || c == 0x7f) {
            return refuse(error, kind, name,
                          "must not contain white space or control "
                          "characters");
        }
        if (strchr(forbidden, c)) {
            char why[] = "must not contain \"?\"";
            why[sizeof why - 3] = c;
            return refuse(error, kind, name, why);
        }
    }
    return true;
}

bool
addr_check_name(const char *name, char **error)
{
    return check_name("name", name, "/=", error);
}

bool
addr_check_port(const char *name, char **error)
{
    if (!check_name("port name", name, "/", error)) {
        return false;
    }
    if (strlen(name) > ADDR_PORT_MAX) {
        return refuse(error, "port name", name,
                      "must not be longer than 15 characters");
    }
    return true;
}
