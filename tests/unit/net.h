/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef TESTS_UNIT_NET_H
#define TESTS_UNIT_NET_H 1

/* A small network for tests, in few words.
 *
 * Every row is known by its table and a small number: segment 1, edge 2,
 * binding 3.  The number gives the row its UUID (net_uuid()), and so its tag
 * and, for a cluster, its ID; and its name: s1, e2, c1.  Hence a test that is
 * run again meets the same flows, which the golden files rely on.
 *
 * Nothing is brought in force before net_settle(), which does what the
 * controller does after a batch of changes, in the same order. */

#include <stdbool.h>
#include <stdint.h>
#include "flows/fdb.h"
#include "flows/topo.h"

struct flowset_flow;
struct match;
struct stats_where;

struct net {
    struct topo topo;
    struct fdb fdb;
    struct fdb_ops ops;         /* Of fdb, since net_settle() or the like. */
    long long now;
};

void net_init(struct net *);
void net_destroy(struct net *);
void net_settle(struct net *);
void net_clean(struct net *);

/* For cmocka: a net with edges e1 and e2 in c1, host e3, segments s1 and s2,
 * ports p1 and p2; and the end of any net. */
int net_setup_three(void **state);
int net_setup_fdb(void **state);
int net_teardown(void **state);

/* Rows.  UUIDs that refer to nothing are allowed. */
struct uuid net_uuid(enum topo_table, unsigned int n);
void net_segment(struct net *, unsigned int n, uint32_t vni);
void net_quiet_segment(struct net *, unsigned int n, uint32_t vni);
void net_learning_segment(struct net *, unsigned int n, uint32_t vni,
                          uint32_t vtep_limit);
void net_segment_with(struct net *, unsigned int n, uint32_t vni, bool quiet,
                      uint32_t vtep_limit);
void net_node(struct net *, unsigned int n, const char *dpid,
              const char *ip);
void net_node_sees(struct net *, unsigned int n, const char *dpid,
                   const char *ip, const char *others);
void net_cluster(struct net *, unsigned int n, const char *members);
void net_fence(struct net *, unsigned int n, const char *members);
void net_binding(struct net *, unsigned int n, unsigned int segment,
                 unsigned int cluster, const char *port, uint16_t vlan);
void net_bind(struct net *, unsigned int n, unsigned int segment,
              unsigned int cluster, const char *port, uint16_t vlan,
              const struct topo_attach_row *);
void net_closed(struct net *, unsigned int n, unsigned int segment,
                unsigned int cluster, const char *port, uint16_t vlan,
                long long until);
void net_limited(struct net *, unsigned int n, unsigned int segment,
                 unsigned int cluster, const char *port, uint16_t vlan,
                 uint32_t in, uint32_t out);
void net_host_port(struct net *, unsigned int n, unsigned int segment,
                   unsigned int node, const char *port);
void net_vtep(struct net *, unsigned int n, unsigned int segment,
              const char *ip);
void net_static(struct net *, unsigned int n, unsigned int segment,
                const char *mac, enum topo_table, unsigned int place);
void net_del(struct net *, enum topo_table, unsigned int n);

/* What the switches say. */
void net_port(struct net *, unsigned int node, const char *name,
              uint16_t ofport);
void net_active(struct net *, unsigned int cluster, unsigned int node);
void net_hold(struct net *, struct topo_node *, uint32_t vni);
void net_release(struct net *, struct topo_node *);

/* Whether a flow of the node, whose match becomes the third, counts something,
 * and what. */
bool net_flow_counts(const struct topo_node *, const struct flowset_flow *,
                     struct match *, struct stats_where *);

/* A message of a switch that has these flows: the first has counted one frame,
 * the next two, and so on, of 64 bytes each. */
struct ofpbuf *net_report(const struct flowset *, enum ofp_version);

/* The objects, which must exist. */
struct topo_segment *net_get_segment(struct net *, unsigned int n);
struct topo_node *net_get_node(struct net *, unsigned int n);
struct topo_cluster *net_get_cluster(struct net *, unsigned int n);
struct topo_place *net_get_place(struct net *, enum topo_table,
                                 unsigned int n);
const char *net_error(struct net *, enum topo_table, unsigned int n);

/* "aa:00:00:00:00:NN". */
struct eth_addr net_mac(uint8_t n);

/* Of s1: node 'node' sees MAC 'mac' at a place; and where it is, or NULL. */
enum fdb_verdict net_see(struct net *, unsigned int node, enum topo_table,
                         unsigned int place, uint8_t mac);
struct fdb_mac *net_find(struct net *, uint8_t mac);

/* Fails, saying 'what', unless the operations are 'expected', as in
 * "e1 +src 01/2.10, e3 -dst 01", and forgets them. */
void net_check_ops(struct net *, const char *what, const char *expected);

/* Dirt: the cookies marked on edge 'n', as text, sorted: "segment 5000". */
char *net_dirt(struct net *, unsigned int n);

/* Fails, saying 'what', unless that is 'dirt'. */
void net_check_dirt(struct net *, const char *what, unsigned int n,
                    const char *dirt);

#endif /* tests/unit/net.h */
