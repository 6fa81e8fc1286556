/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "tests/unit/golden.h"

#include "util.h"

/* Nodes whose port genev0 is 1, p1 is 2 and p2 is 3, and a segment. */
static void
make_nodes(struct net *net, unsigned int n)
{
    static const char *const ips[] = { "10.0.0.1", "10.0.0.2", "fd00::3" };

    for (unsigned int i = 1; i <= n; i++) {
        char *dpid = xasprintf("%u", i);

        net_node(net, i, dpid, ips[i - 1]);
        net_port(net, i, "genev0", 1);
        net_port(net, i, "p1", 2);
        net_port(net, i, "p2", 3);
        free(dpid);
    }
    net_segment(net, 1, 5000);
}

/* Edge 'node' sees MAC 'mac' at place 'n' of 'table'. */
static void
see(struct net *net, unsigned int node, enum topo_table table,
    unsigned int n, uint8_t mac)
{
    fdb_sight(&net->fdb, net_get_node(net, node),
              net_get_place(net, table, n), net_mac(mac), 0, &net->ops);
}

static void
make_binding(struct net *net)
{
    make_nodes(net, 1);
    net_cluster(net, 1, "1");
    net_binding(net, 1, 1, 1, "p1", 10);
    net_settle(net);
    net_active(net, 1, 1);
    see(net, 1, TOPO_BINDING, 1, 1);
}

static void
make_translation(struct net *net)
{
    make_binding(net);
    net_binding(net, 2, 1, 1, "p1", 20);
    net_settle(net);
    see(net, 1, TOPO_BINDING, 2, 2);
}

static void
make_untagged(struct net *net)
{
    make_nodes(net, 1);
    net_cluster(net, 1, "1");
    net_binding(net, 1, 1, 1, "p1", 0);
    net_binding(net, 2, 1, 1, "p2", 20);
    net_settle(net);
    net_active(net, 1, 1);
    see(net, 1, TOPO_BINDING, 1, 1);
    see(net, 1, TOPO_BINDING, 2, 2);
}

/* Tagged, tagged again, untagged, overlay: no tag is left from before. */
static void
make_mixed(struct net *net)
{
    make_translation(net);
    net_binding(net, 3, 1, 1, "p2", 0);
    net_vtep(net, 1, 1, "192.0.2.1");
    net_settle(net);
}

/* The same VLAN on two trunks, as two networks. */
static void
make_reuse(struct net *net)
{
    make_binding(net);
    net_segment(net, 2, 5001);
    net_binding(net, 2, 2, 1, "p2", 10);
    net_settle(net);
    see(net, 1, TOPO_BINDING, 2, 1);
}

static void
make_host(struct net *net)
{
    make_nodes(net, 1);
    net_host_port(net, 1, 1, 1, "p1");
    net_settle(net);
    see(net, 1, TOPO_HOST_PORT, 1, 1);
}

static void
make_pair(struct net *net)
{
    make_nodes(net, 3);
    net_cluster(net, 1, "12");
    net_binding(net, 1, 1, 1, "p1", 10);
    net_host_port(net, 1, 1, 3, "p1");
    net_settle(net);
    net_active(net, 1, 1);
    see(net, 1, TOPO_BINDING, 1, 1);
    see(net, 3, TOPO_HOST_PORT, 1, 3);
    net_static(net, 1, 1, "aa:00:00:00:00:05", TOPO_BINDING, 1);
    net_settle(net);
}

static void
make_foreign(struct net *net)
{
    make_binding(net);
    net_vtep(net, 1, 1, "192.0.2.1");
    net_vtep(net, 2, 1, "2001:db8::1");
    net_settle(net);
    see(net, 1, TOPO_VTEP, 1, 4);
    see(net, 1, TOPO_VTEP, 2, 6);
}

/* Static MACs at all kinds of places, but for a host port. */
static void
make_static(struct net *net)
{
    make_foreign(net);
    net_binding(net, 2, 1, 1, "p1", 20);
    net_static(net, 1, 1, "aa:00:00:00:00:05", TOPO_BINDING, 1);
    net_static(net, 2, 1, "aa:00:00:00:00:07", TOPO_VTEP, 1);
    net_static(net, 3, 1, "aa:00:00:00:00:08", TOPO_VTEP, 2);
    net_settle(net);
}

/* Two clusters of the same edges, in opposite order, in one segment. */
static void
make_opposite(struct net *net)
{
    make_nodes(net, 3);
    net_cluster(net, 1, "12");
    net_cluster(net, 2, "21");
    net_binding(net, 1, 1, 1, "p1", 10);
    net_binding(net, 2, 1, 2, "p2", 20);
    net_host_port(net, 1, 1, 3, "p1");
    net_settle(net);
    net_active(net, 1, 1);
    net_active(net, 2, 2);
    see(net, 1, TOPO_BINDING, 1, 1);
    see(net, 2, TOPO_BINDING, 2, 2);
    see(net, 3, TOPO_HOST_PORT, 1, 3);
}

/* An edge that has a host port in the segment too; the other is active. */
static void
make_overlap(struct net *net)
{
    make_nodes(net, 3);
    net_cluster(net, 1, "12");
    net_binding(net, 1, 1, 1, "p1", 10);
    net_host_port(net, 1, 1, 1, "p2");
    net_host_port(net, 2, 1, 3, "p1");
    net_settle(net);
    net_active(net, 1, 2);
    see(net, 2, TOPO_BINDING, 1, 1);
    see(net, 1, TOPO_HOST_PORT, 1, 2);
    see(net, 3, TOPO_HOST_PORT, 2, 3);
}

/* Two edges, and a host, that see each other by BFD. */
static void
make_alone(struct net *net)
{
    make_pair(net);
    net_node_sees(net, 3, "3", "fd00::3", "12");
    net_settle(net);
    net_port(net, 1, "peer0", 4);
    net_port(net, 2, "peer0", 4);
    net_port(net, 3, "bfd1", 4);
    net_port(net, 3, "bfd2", 5);
    net_settle(net);
}

/* The same, where an edge that is cut off closes its gate. */
static void
make_fence(struct net *net)
{
    make_alone(net);
    net_fence(net, 1, "12");
    net_settle(net);
}

/* Three edges, of which each sees the others, and e2 is active. */
static void
make_three(struct net *net)
{
    make_nodes(net, 3);
    net_node_sees(net, 1, "1", "10.0.0.1", "23");
    net_node_sees(net, 2, "2", "10.0.0.2", "13");
    net_node_sees(net, 3, "3", "fd00::3", "12");
    net_cluster(net, 1, "123");
    net_binding(net, 1, 1, 1, "p1", 10);
    net_settle(net);
    for (unsigned int n = 1; n <= 3; n++) {
        net_port(net, n, n == 1 ? "bfd2" : "bfd1", 4);
        net_port(net, n, n == 3 ? "bfd2" : "bfd3", 5);
    }
    net_settle(net);
    net_active(net, 1, 2);
    see(net, 2, TOPO_BINDING, 1, 1);
}

/* Limits of what is flooded, a segment where what has an unknown address is
 * not, and one that has many new MACs. */
static void
make_storm(struct net *net)
{
    make_pair(net);
    net_limited(net, 1, 1, 1, "p1", 10, 100, 200);
    net_limited(net, 2, 1, 1, "p1", 20, 0, 300);
    net_binding(net, 3, 1, 1, "p2", 0);
    net_quiet_segment(net, 2, 5001);
    net_limited(net, 4, 2, 1, "p1", 30, 400, 0);
    net_binding(net, 5, 2, 1, "p2", 30);
    net_settle(net);
    see(net, 1, TOPO_BINDING, 4, 4);
    net_hold(net, net_get_node(net, 1), 5000);
}

/* Bindings that forward BPDUs, of both clusters, beside places that do not;
 * and bindings that guard against them, of which one is closed. */
static void
make_bpdu(struct net *net)
{
    static const struct topo_attach_row forward = {
        .bpdu = TOPO_BPDU_FORWARD,
    };
    static const struct topo_attach_row guard = { .bpdu = TOPO_BPDU_GUARD };
    static const struct topo_attach_row closed = {
        .bpdu = TOPO_BPDU_GUARD, .closed_until = 1,
    };

    make_pair(net);
    net_cluster(net, 2, "3");
    net_vtep(net, 1, 1, "192.0.2.1");
    net_bind(net, 1, 1, 1, "p1", 10, &forward);
    net_bind(net, 2, 1, 1, "p1", 20, &forward);
    net_binding(net, 3, 1, 1, "p1", 30);
    net_bind(net, 4, 1, 1, "p2", 0, &forward);
    net_bind(net, 5, 1, 2, "p2", 60, &forward);
    net_segment(net, 2, 5001);
    net_bind(net, 6, 2, 1, "p1", 40, &guard);
    net_bind(net, 7, 2, 1, "p1", 50, &closed);
    net_bind(net, 8, 2, 2, "p2", 70, &closed);
    net_settle(net);
    net_active(net, 2, 3);
}

/* A segment that learns VTEPs has learned 192.0.2.1, and can learn another
 * 'more'. */
static void
make_learned(struct net *net, uint32_t more)
{
    struct in6_addr ip = in6_addr_mapped_ipv4(htonl(0xc0000201));
    struct topo_segment *segment;
    char *error;

    make_pair(net);
    net_learning_segment(net, 1, 5000, 1 + more);
    segment = net_get_segment(net, 1);
    error = topo_vtep_learn(&net->topo, segment, &ip, 0);
    ovs_assert(!error);
    fdb_sight(&net->fdb, net_get_node(net, 1),
              &topo_vtep_find(&net->topo, segment, &ip)->place, net_mac(4), 0,
              &net->ops);
}

static void
make_learning(struct net *net)
{
    make_learned(net, 1);
}

static void
make_full(struct net *net)
{
    make_learned(net, 0);
}

const struct golden goldens[] = {
    { "binding", "one binding, VLAN 10 of p1", make_binding, 1 },
    { "translation", "VLANs 10 and 20 of p1 in one segment",
      make_translation, 1 },
    { "untagged", "p1 untagged, VLAN 20 of p2", make_untagged, 1 },
    { "mixed", "VLANs 10 and 20 of p1, p2 untagged, VTEP 192.0.2.1",
      make_mixed, 1 },
    { "reuse", "VLAN 10 of p1 and VLAN 10 of p2 in two segments",
      make_reuse, 1 },
    { "host", "one host port, p1", make_host, 1 },
    { "pair", "edges e1 (active) and e2, host e3 with p1", make_pair, 3 },
    { "foreign", "one binding, VTEPs 192.0.2.1 and 2001:db8::1",
      make_foreign, 1 },
    { "static", "foreign, VLAN 20, and static MACs 5 in VLAN 10, 7 and 8 at "
      "the VTEPs", make_static, 1 },
    { "opposite", "c1 = e1 (active), e2; c2 = e2 (active), e1; host e3",
      make_opposite, 3 },
    { "overlap", "c1 = e1, e2 (active); host ports on e1 and e3",
      make_overlap, 3 },
    { "alone", "pair, where all see each other by BFD (4, 5)", make_alone,
      3 },
    { "fence", "alone, with isolation=fence", make_fence, 3 },
    { "three", "edges e1, e2 (active) and e3 see each other by BFD (4, 5)",
      make_three, 3 },
    { "storm", "pair, with limits; VLAN 30 drops what has an unknown address; "
      "e1 holds 5000",
      make_storm, 3 },
    { "bpdu", "pair, with bindings that forward BPDUs, and that guard against "
      "them", make_bpdu, 3 },
    { "learning", "pair, which has learned VTEP 192.0.2.1 and learns more",
      make_learning, 3 },
    { "full", "learning, where no more are learned", make_full, 1 },
};

const size_t n_goldens = ARRAY_SIZE(goldens);

/* Returns the network 'name', or NULL. */
const struct golden *
golden_find(const char *name)
{
    for (size_t i = 0; i < n_goldens; i++) {
        if (!strcmp(goldens[i].name, name)) {
            return &goldens[i];
        }
    }
    return NULL;
}
