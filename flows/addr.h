/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef FLOWS_ADDR_H
#define FLOWS_ADDR_H 1

/* The addresses and names that a person writes into the configuration.
 *
 * kakehashi-ctl refuses what these functions refuse; the daemon, which meets
 * the same strings in rows that were written by hand, puts the same message
 * into the row's "error" column.  So a value means the same in both, and is
 * judged in one place.
 *
 * The parsers accept every common spelling; equality is decided on the parsed
 * value, never on the string.  Each has one canonical spelling, which the
 * tool stores: 16 lower-case hexadecimal digits for a datapath ID
 * (ADDR_DPID_FMT), inet_ntop()'s for an IP address (addr_format_vtep()),
 * lower-case digits and colons for a MAC (ETH_ADDR_FMT).
 *
 * Each function returns true if 's' is good.  Otherwise it returns false, sets
 * '*error' to a one-line message that quotes 's', which the caller must free,
 * and leaves the output argument as it was. */

#include <inttypes.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "openvswitch/types.h"

struct ds;

#define ADDR_DPID_FMT "%016"PRIx64

/* Longest port name: what an OpenFlow port description can carry. */
#define ADDR_PORT_MAX 15

/* A datapath ID: 1 to 16 hexadecimal digits with or without "0x", or 8 bytes
 * separated by colons.  Never zero. */
bool addr_parse_dpid(const char *s, uint64_t *dpid, char **error);

/* A tunnel endpoint: an IPv6 address, or an IPv4 address in the form of an
 * IPv4-mapped IPv6 address.  Always unicast, and never loopback. */
bool addr_parse_vtep(const char *s, struct in6_addr *ip, char **error);
void addr_format_vtep(const struct in6_addr *ip, struct ds *);

/* The MAC of a station: unicast and not zero. */
bool addr_parse_mac(const char *s, struct eth_addr *mac, char **error);

/* Names.  A location is written CLUSTER/PORT/VLAN or EDGE/PORT, and names
 * stand in columns and in key=value lists, hence neither '/' nor white space
 * in both, nor '=' in the names of segments, edges and clusters.  A port name
 * has at most ADDR_PORT_MAX bytes. */
bool addr_check_name(const char *name, char **error);
bool addr_check_port(const char *name, char **error);

#endif /* flows/addr.h */
