/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "flows/pipeline_private.h"

#include "flows/layout.h"
#include "flows/topo.h"
#include "openvswitch/dynamic-string.h"
#include "util.h"

/* The first of 'members', port numbers with commas, that is live. */
#define PIPELINE_FIRST_LIVE \
    "bundle_load(eth_src,0,active_backup,ofport,NXM_NX_REG4[0..15],members:%s)"

static void
pipeline_put_port(struct ds *s, const struct topo_port *port)
{
    ds_put_format(s, "%s%"PRIu32, s->length ? "," : "", port->ofport);
}

/* What an active edge without a controller does for those that it might not
 * see: each broadcast that comes in from a VLAN is shown to the others, by the
 * ports by which they see each other. */
static void
pipeline_notice(const struct topo_cluster *cluster, uint64_t cookie,
                const char *outputs, struct flowset *set)
{
    static const struct eth_addr addr = LAYOUT_NOTICE_ADDR;
    static const struct eth_addr mask = LAYOUT_NOTICE_MASK;

    pipeline_add_str(set, cookie, "table=%d,priority=%d,reg2=%#"PRIx32","
                     "reg3=0/%d,dl_dst=01:00:00:00:00:00/01:00:00:00:00:00,"
                     "actions=push:NXM_OF_ETH_DST[],"
                     "set_field:"ETH_ADDR_FMT"/"ETH_ADDR_FMT"->eth_dst,"
                     "move:NXM_NX_REG2[]->NXM_OF_ETH_DST[0..31],%s"
                     "pop:NXM_OF_ETH_DST[]",
                     LAYOUT_NOTICE, LAYOUT_PRIO_MAIN, cluster->id,
                     LAYOUT_F_LEASE | LAYOUT_F_TUNNEL | LAYOUT_F_OUT,
                     ETH_ADDR_ARGS(addr), ETH_ADDR_ARGS(mask),
                     outputs);
}

/* Asks TAKEN and the lease, for ALONE. */
#define PIPELINE_ASK_ALONE \
    "set_field:%d->reg5,set_field:0->reg6,resubmit(,%d),resubmit(,%d),"

/* The gate of 'node' as the active edge. */
static void
pipeline_gate(const struct topo_node *node,
              const struct topo_cluster *cluster, uint64_t cookie,
              struct flowset *set)
{
    struct ds ports = DS_EMPTY_INITIALIZER;
    struct ds outputs = DS_EMPTY_INITIALIZER;
    struct ds acts = DS_EMPTY_INITIALIZER;

    for (size_t i = 0; i < cluster->n_members; i++) {
        const struct topo_node *other = cluster->members[i];
        const struct topo_port *port
            = other != node ? topo_node_port_to(node, cluster, other) : NULL;

        if (port) {
            pipeline_put_port(&ports, port);
            ds_put_format(&outputs, "output:%"PRIu32",", port->ofport);
        }
    }
    ds_put_format(&acts, "meter:%"PRIu32",", layout_gate_meter(cluster->id));
    if (cluster->n_members > 1) {
        /* Without a port by which it could see others, none fences itself. */
        bool fence = cluster->fence && ports.length;

        ds_put_format(&acts, PIPELINE_ASK_ALONE,
                      fence ? LAYOUT_FENCE : LAYOUT_ACTIVE,
                      LAYOUT_LEASE, LAYOUT_TAKEN);
        if (fence) {
            ds_put_format(&acts, PIPELINE_FIRST_LIVE ",", ds_cstr(&ports));
        } else if (ports.length) {
            pipeline_notice(cluster, cookie, ds_cstr(&outputs), set);
            ds_put_format(&acts, "resubmit(,%d),", LAYOUT_NOTICE);
        }
    }
    pipeline_add_str(set, cookie, "table=%d,priority=%d,reg2=%#"PRIx32","
                     "actions=%sgoto_table:%d",
                     LAYOUT_GATE, LAYOUT_PRIO_MAIN, cluster->id,
                     ds_cstr(&acts), (cluster->n_members > 1 ? LAYOUT_ALONE
                                      : LAYOUT_PASS));
    ds_destroy(&ports);
    ds_destroy(&outputs);
    ds_destroy(&acts);
}

/* The gate of 'node' as a standby: ALONE knows when it opens.  It has a lower
 * priority than that of an active edge, so that a dump tells the two apart. */
static void
pipeline_standby(const struct topo_node *node,
                 const struct topo_cluster *cluster, uint64_t cookie,
                 struct flowset *set)
{
    const struct topo_port *watched[TOPO_MAX_EDGES];
    size_t n = topo_cluster_watched(cluster, node, watched);
    struct ds ports = DS_EMPTY_INITIALIZER;

    if (!n) {
        return;
    }
    for (size_t i = 0; i < n; i++) {
        pipeline_put_port(&ports, watched[i]);
    }
    pipeline_add_str(set, cookie, "table=%d,priority=%d,reg2=%#"PRIx32","
                     "actions=" PIPELINE_ASK_ALONE PIPELINE_FIRST_LIVE
                     ",goto_table:%d",
                     LAYOUT_GATE, LAYOUT_PRIO_ELSE, cluster->id,
                     LAYOUT_STANDBY, LAYOUT_LEASE, LAYOUT_TAKEN,
                     ds_cstr(&ports), LAYOUT_ALONE);
    ds_destroy(&ports);
}

/* What 'node' is told by way of another edge of 'cluster'.  If there is a
 * controller, it sees whether that still holds. */
static void
pipeline_depose(const struct topo_node *node,
                const struct topo_cluster *cluster, uint64_t cookie,
                struct flowset *set)
{
    static const struct eth_addr addr = LAYOUT_PROBE_DEPOSE;
    ofp_port_t tunnel = topo_node_tunnel(node);

    for (size_t i = 0; tunnel != OFPP_NONE && i < cluster->n_members; i++) {
        const struct topo_node *other = cluster->members[i];
        struct ds src = DS_EMPTY_INITIALIZER;

        if (other == node) {
            continue;
        }
        ds_put_cstr(&src, IN6_IS_ADDR_V4MAPPED(&other->ip) ? "tun_src="
                    : "tun_ipv6_src=");
        ipv6_format_mapped(&other->ip, &src);
        pipeline_add_str(set, cookie, "table=%d,priority=%d,in_port=%"PRIu32
                         ",tun_id=%d,%s,dl_type=%#x,dl_dst="ETH_ADDR_FMT
                         ",dl_src="PIPELINE_SRC_FMT","
                         "actions=learn(table=%d,priority=%d,hard_timeout=%d,"
                         "cookie=%#"PRIx64","
                         "NXM_NX_REG2[]=%#"PRIx32",load:1->NXM_NX_REG6[%d]),"
                         "controller(meter_id=%d)",
                         LAYOUT_CLASSIFY, LAYOUT_PRIO_MAIN, tunnel,
                         LAYOUT_PROBE_VNI, ds_cstr(&src), LAYOUT_PROBE_TYPE,
                         ETH_ADDR_ARGS(addr),
                         PIPELINE_SRC_ARGS(cluster->id),
                         LAYOUT_TAKEN, LAYOUT_PRIO_EXCEPT, LAYOUT_DEPOSED_TIME,
                         layout_cookie(LAYOUT_K_TAKEN, 0), cluster->id,
                         ctz32(LAYOUT_T_DEPOSED), LAYOUT_METER_PROBE);
        ds_destroy(&src);
    }
}

static void
pipeline_put_dst(struct ds *s, const struct in6_addr *ip)
{
    /* As in acts_tunnel_dst(). */
    ds_put_format(s, "set_field:"IP_FMT"->tun_dst,",
                  IP_ARGS(in6_addr_get_mapped_ipv4(ip)));
    if (!IN6_IS_ADDR_V4MAPPED(ip)) {
        ds_put_cstr(s, "set_field:");
        ipv6_format_addr(ip, s);
        ds_put_cstr(s, "->tun_ipv6_dst,");
    }
}

/* Appends to 'ports' those by which 'node' sees edges of 'cluster', first the
 * one to 'via', and to 'set' the ways to the others.  Returns false if there
 * is no choice. */
static bool
pipeline_ways(const struct topo_node *node,
              const struct topo_cluster *cluster, uint64_t cookie,
              struct ds *ports, struct flowset *set)
{
    const struct topo_port *first = topo_node_port_to(node, cluster,
                                                      cluster->via);
    size_t n = 0;

    if (!first) {
        return false;
    }
    pipeline_put_port(ports, first);
    for (size_t i = 0; i < cluster->n_members; i++) {
        const struct topo_node *other = cluster->members[i];
        const struct topo_port *port
            = (other != node && other != cluster->via
               ? topo_node_port_to(node, cluster, other) : NULL);

        if (port) {
            struct ds dst = DS_EMPTY_INITIALIZER;

            pipeline_put_dst(&dst, &other->ip);
            ds_chomp(&dst, ',');
            pipeline_add_str(set, cookie, "table=%d,priority=%d,"
                             "reg2=%#"PRIx32",reg3=0/%d,reg4=%#"PRIx32","
                             "actions=%s",
                             LAYOUT_WAY, LAYOUT_PRIO_MAIN, cluster->id,
                             LAYOUT_F_LEASE, port->ofport, ds_cstr(&dst));
            pipeline_put_port(ports, port);
            ds_destroy(&dst);
            n++;
        }
    }
    return n > 0;
}

/* The way to 'via'; where 'node' can see edges by itself, and not that one, to
 * the next; or without a controller, to the one that FOLLOW has noted. */
static void
pipeline_remote(const struct topo_node *node,
                const struct topo_cluster *cluster, uint64_t cookie,
                struct flowset *set)
{
    struct ds dst = DS_EMPTY_INITIALIZER;
    struct ds ports = DS_EMPTY_INITIALIZER;

    pipeline_put_dst(&dst, &cluster->via->ip);
    if (pipeline_ways(node, cluster, cookie, &ports, set)) {
        ds_put_format(&dst, PIPELINE_FIRST_LIVE ",", ds_cstr(&ports));
    }
    pipeline_add_str(set, cookie, "table=%d,priority=%d,reg2=%#"PRIx32","
                     "actions=%sresubmit(,%d),resubmit(,%d),goto_table:%d",
                     LAYOUT_REMOTE, LAYOUT_PRIO_MAIN, cluster->id,
                     ds_cstr(&dst), LAYOUT_LEASE, LAYOUT_WAY, LAYOUT_TUNNEL);
    ds_destroy(&ports);
    ds_destroy(&dst);
}

/* Appends what 'node' does for 'cluster': as its active edge the gate that is
 * open, as a standby the one that opens when nobody else is there, and the way
 * to the edge that is active (or was, see 'via' in flows/topo.h). */
void
pipeline_cluster(const struct topo_node *node,
                 const struct topo_cluster *cluster, struct flowset *set)
{
    uint64_t cookie = layout_cookie(LAYOUT_K_CLUSTER, cluster->id);

    if (topo_cluster_has_node(cluster, node)) {
        pipeline_depose(node, cluster, cookie, set);
    }
    if (cluster->active == node) {
        pipeline_gate(node, cluster, cookie, set);
        return;
    }
    if (topo_cluster_has_node(cluster, node)) {
        pipeline_standby(node, cluster, cookie, set);
    }
    if (cluster->via && cluster->via != node
        && topo_cluster_has_user(cluster, node)) {
        pipeline_remote(node, cluster, cookie, set);
    }
}
