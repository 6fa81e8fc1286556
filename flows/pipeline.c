/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "flows/pipeline_private.h"

#include "flows/acts.h"
#include "flows/flowset.h"
#include "flows/layout.h"
#include "flows/topo.h"
#include "hash.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/ofpbuf.h"
#include "util.h"

/* Adds a flow in the syntax of ovs-ofctl(8).  The text is ours: that it can be
 * parsed is an invariant. */
void
pipeline_add_str(struct flowset *set, uint64_t cookie, const char *format,
                 ...)
{
    va_list args;

    va_start(args, format);
    char *text = xvasprintf(format, args);
    va_end(args);

    char *error = flowset_add_str(set, cookie, text);
    ovs_assert(!error);
    free(text);
}

/* LEARN's way to tell the controller.  While the controller makes up its mind
 * (or is away) a one-second entry in SOURCE stands in, so that a storm of
 * frames from one MAC is one packet-in a second.  'place' is the field by
 * which SOURCE tells where the frame came from. */
#define PIPELINE_LEARN                                                  \
    "learn(table=%d,priority=%d,hard_timeout=1,cookie=%#"PRIx64","      \
    "OXM_OF_METADATA[],NXM_OF_ETH_SRC[],%s,"                            \
    "load:1->NXM_NX_REG3[0]),"                                          \
    "controller(max_len=64,meter_id=%d),goto_table:%d"

static void
pipeline_learn(struct flowset *set, uint64_t cookie, int priority,
               const char *match, const char *place)
{
    pipeline_add_str(set, cookie,
                     "table=%d,priority=%d,%s,actions=" PIPELINE_LEARN,
                     LAYOUT_LEARN, priority, match,
                     LAYOUT_SOURCE, LAYOUT_PRIO_MAIN,
                     layout_cookie(LAYOUT_K_PENDING, 0), place,
                     LAYOUT_METER_LEARN, LAYOUT_POLICY);
}

/* EMIT.  The ingress port is forgotten because a frame may have to go
 * back by it, in another VLAN.  A frame that still has a tag must not
 * leave untagged: its own tag would choose the VLAN.  A switch that parses
 * one tag alone (vlan-limit=1, the default) shows a second one as the
 * Ethernet type. */
static void
pipeline_emit(struct flowset *set, uint64_t cookie)
{
    pipeline_add_str(set, cookie, "table=%d,priority=%d,reg1=0/0xfff,"
                     "dl_type=0x8100,actions=drop",
                     LAYOUT_EMIT, LAYOUT_PRIO_REFUSE);
    pipeline_add_str(set, cookie, "table=%d,priority=%d,reg1=0/0xfff,"
                     "dl_type=0x88a8,actions=drop",
                     LAYOUT_EMIT, LAYOUT_PRIO_REFUSE);
    pipeline_add_str(set, cookie, "table=%d,priority=%d,reg1=0/0xfff,"
                     "vlan_tci=0/0x1000,actions=set_field:ANY->in_port,"
                     "output:NXM_NX_REG1[16..31]",
                     LAYOUT_EMIT, LAYOUT_PRIO_EXCEPT);
    pipeline_add_str(set, cookie, "table=%d,priority=%d,reg1=0/0xfff,"
                     "actions=drop", LAYOUT_EMIT, LAYOUT_PRIO_MAIN);
    pipeline_add_str(set, cookie, "table=%d,priority=%d,"
                     "actions=set_field:ANY->in_port,"
                     "push_vlan:0x8100,"
                     "move:NXM_NX_REG1[0..11]->OXM_OF_VLAN_VID[0..11],"
                     "output:NXM_NX_REG1[16..31],pop_vlan",
                     LAYOUT_EMIT, LAYOUT_PRIO_ELSE);
}

/* Appends the flows that are the same whatever is configured. */
void
pipeline_node(const struct topo_node *node, struct flowset *set)
{
    uint64_t cookie = layout_cookie(LAYOUT_K_NODE, 0);
    ofp_port_t tunnel = topo_node_tunnel(node);

    /* PASS: inward, refuse what can be no source (IEEE 802.3, section
     * 3.2.3), ask SOURCE and go on to LEARN.  Outward, send. */
    pipeline_add_str(set, cookie, "table=%d,priority=%d,reg3=0/%d,"
                     "dl_src=01:00:00:00:00:00/01:00:00:00:00:00,"
                     "actions=drop",
                     LAYOUT_PASS, LAYOUT_PRIO_REFUSE, LAYOUT_F_OUT);
    pipeline_add_str(set, cookie, "table=%d,priority=%d,reg3=0/%d,"
                     "dl_src=00:00:00:00:00:00,actions=drop",
                     LAYOUT_PASS, LAYOUT_PRIO_REFUSE, LAYOUT_F_OUT);
    pipeline_add_str(set, cookie, "table=%d,priority=%d,reg3=0/%d,"
                     "actions=resubmit(,%d),resubmit(,%d)",
                     LAYOUT_PASS, LAYOUT_PRIO_MAIN, LAYOUT_F_OUT,
                     LAYOUT_SOURCE, LAYOUT_LEARN);
    pipeline_add_str(set, cookie, "table=%d,priority=%d,reg3=%d/%d,"
                     "actions=goto_table:%d",
                     LAYOUT_PASS, LAYOUT_PRIO_MAIN, LAYOUT_F_OUT,
                     LAYOUT_F_OUT, LAYOUT_EMIT);

    /* LEARN.  "Known" comes first. */
    pipeline_add_str(set, cookie, "table=%d,priority=%d,reg3=%d/%d,"
                     "actions=goto_table:%d",
                     LAYOUT_LEARN, LAYOUT_PRIO_REFUSE, LAYOUT_F_KNOWN,
                     LAYOUT_F_KNOWN, LAYOUT_POLICY);
    char *local = xasprintf("reg3=0/%d", LAYOUT_F_TUNNEL);
    char *ipv4 = xasprintf("reg3=%d/%d", LAYOUT_F_TUNNEL, LAYOUT_F_TUNNEL);
    char *ipv6 = xasprintf("%s,tun_src=0.0.0.0", ipv4);
    pipeline_learn(set, cookie, LAYOUT_PRIO_MAIN, local, "NXM_NX_REG0[]");
    pipeline_learn(set, cookie, LAYOUT_PRIO_MAIN, ipv4,
                   "NXM_NX_TUN_IPV4_SRC[]");
    pipeline_learn(set, cookie, LAYOUT_PRIO_EXCEPT, ipv6,
                   "NXM_NX_TUN_IPV6_SRC[]");
    free(local);
    free(ipv4);
    free(ipv6);

    pipeline_add_str(set, cookie, "table=%d,priority=%d,actions=goto_table:%d",
                     LAYOUT_POLICY, LAYOUT_PRIO_LAST, LAYOUT_NEIGH);
    pipeline_add_str(set, cookie, "table=%d,priority=%d,"
                     "actions=set_field:%d/%d->reg3,goto_table:%d",
                     LAYOUT_NEIGH, LAYOUT_PRIO_LAST,
                     LAYOUT_F_OUT, LAYOUT_F_OUT, LAYOUT_DEST);

    /* DEST, where two flows count the two sorts of BUM. */
    pipeline_add_str(set, cookie, "table=%d,priority=%d,"
                     "dl_dst=01:00:00:00:00:00/01:00:00:00:00:00,"
                     "actions=goto_table:%d",
                     LAYOUT_DEST, LAYOUT_PRIO_ELSE, LAYOUT_FLOOD);
    pipeline_add_str(set, cookie, "table=%d,priority=%d,actions=goto_table:%d",
                     LAYOUT_DEST, LAYOUT_PRIO_LAST, LAYOUT_FLOOD);

    pipeline_emit(set, cookie);
    pipeline_alone(set, cookie);
    pipeline_follow(set, cookie);

    /* TUNNEL.  What came by a tunnel never leaves by one. */
    if (tunnel != OFPP_NONE) {
        pipeline_add_str(set, cookie, "table=%d,priority=%d,reg3=0/%d,"
                         "actions=move:OXM_OF_METADATA[0..23]"
                         "->NXM_NX_TUN_ID[0..23],output:%"PRIu32,
                         LAYOUT_TUNNEL, LAYOUT_PRIO_MAIN, LAYOUT_F_TUNNEL,
                         tunnel);
        pipeline_probe(node, cookie, set);
    }
}

/* PASS, inward: 'node' itself is no station, so nobody who says that he is it
 * tells the truth. */
static void
pipeline_refuse_own(const struct topo_node *node, struct flowset *set)
{
    const struct topo_port *port;

    HMAP_FOR_EACH (port, ofport_node, &node->ports_by_ofport) {
        if (topo_port_is_own(node, port)) {
            pipeline_add_str(set, layout_cookie(LAYOUT_K_ADDRS, 0),
                             "table=%d,priority=%d,reg3=0/%d,"
                             "dl_src="ETH_ADDR_FMT",actions=drop",
                             LAYOUT_PASS, LAYOUT_PRIO_REFUSE, LAYOUT_F_OUT,
                             ETH_ADDR_ARGS(port->mac));
        }
    }
}

/* Appends what keeps others from using the addresses of 'node' and of the
 * edges with which it shares a cluster, whose trunks lead to the same
 * networks. */
void
pipeline_addrs(const struct topo_node *node, struct flowset *set)
{
    const struct topo_user *user;

    pipeline_refuse_own(node, set);
    LIST_FOR_EACH (user, tnode_node, &node->uses) {
        for (size_t i = 0; user->member && i < user->cluster->n_members;
             i++) {
            pipeline_refuse_own(user->cluster->members[i], set);
        }
    }
}

static bool
pipeline_port_is_used(const struct topo_node *node, ofp_port_t ofport)
{
    const struct topo_port *port = topo_node_ofport(node, ofport);

    return port && (ofport == topo_node_tunnel(node)
                    || topo_node_plug(node, port->name));
}

/* Frames of ours to 'dst' that come in by port 'ofport' are shown to the
 * controller. */
static void
pipeline_show(struct flowset *set, uint64_t cookie, ofp_port_t ofport,
              struct eth_addr dst, uint32_t meter)
{
    pipeline_add_str(set, cookie, "table=%d,priority=%d,in_port=%"PRIu32
                     ",dl_type=%#x,dl_dst="ETH_ADDR_FMT
                     ",actions=controller(meter_id=%"PRIu32")",
                     LAYOUT_CLASSIFY, LAYOUT_PRIO_REFUSE, ofport,
                     LAYOUT_PROBE_TYPE, ETH_ADDR_ARGS(dst), meter);
}

/* Appends what goes for every frame that comes in by port 'ofport'. */
void
pipeline_port(const struct topo_node *node, ofp_port_t ofport,
              struct flowset *set)
{
    uint64_t cookie = layout_cookie(LAYOUT_K_PORT, ofp_to_u16(ofport));
    static const struct eth_addr ask = LAYOUT_PROBE_ASK;
    static const struct eth_addr marker = LAYOUT_PROBE_MARKER;
    static const struct eth_addr loop = LAYOUT_PROBE_LOOP;
    static const struct eth_addr notice = LAYOUT_NOTICE_ADDR;
    static const struct eth_addr notice_mask = LAYOUT_NOTICE_MASK;
    const struct topo_port *port = topo_node_ofport(node, ofport);

    /* By a port that sees other edges come probes, which show where it leads,
     * and NOTICE's frames, and nothing else. */
    if (port && topo_node_sees_by(node, port->name)) {
        pipeline_show(set, cookie, ofport, ask, LAYOUT_METER_PROBE);
        pipeline_add_str(set, cookie, "table=%d,priority=%d,in_port=%"PRIu32
                         ",dl_dst="ETH_ADDR_FMT"/"ETH_ADDR_FMT","
                         "actions=learn(table=%d,priority=%d,hard_timeout=%d,"
                         "cookie=%#"PRIx64","
                         "NXM_NX_REG2[]=NXM_OF_ETH_DST[0..31],"
                         "load:0->NXM_NX_REG6[0])",
                         LAYOUT_CLASSIFY, LAYOUT_PRIO_MAIN, ofport,
                         ETH_ADDR_ARGS(notice), ETH_ADDR_ARGS(notice_mask),
                         LAYOUT_TAKEN, LAYOUT_PRIO_MAIN, LAYOUT_TAKEN_TIME,
                         layout_cookie(LAYOUT_K_TAKEN, 0));
    }
    if (!pipeline_port_is_used(node, ofport)) {
        return;
    }

    pipeline_bpdu_port(node, ofport, set);
    pipeline_show(set, cookie, ofport, loop, LAYOUT_METER_LOOP);

    if (ofport == topo_node_tunnel(node)) {
        /* RFC 8926, section 3.4: what is in a control packet is for tunnel
         * endpoints alone. */
        pipeline_add_str(set, cookie, "table=%d,priority=%d,in_port=%"PRIu32","
                         "tun_flags=+oam,actions=drop",
                         LAYOUT_CLASSIFY, LAYOUT_PRIO_REFUSE, ofport);
    } else {
        pipeline_show(set, cookie, ofport, marker, LAYOUT_METER_MARKER);
    }

    /* A VLAN or VNI that is not bound. */
    pipeline_add_str(set, cookie, "table=%d,priority=%d,in_port=%"PRIu32","
                     "actions=drop",
                     LAYOUT_CLASSIFY, LAYOUT_PRIO_LAST, ofport);
}

/* Appends the flows of the owner that 'cookie' names. */
void
pipeline_owner(const struct topo *topo, const struct topo_node *node,
               uint64_t cookie, struct flowset *set)
{
    uint32_t owner = layout_cookie_owner(cookie);
    const struct topo_cluster *cluster;
    const struct topo_segment *segment;

    switch (layout_cookie_kind(cookie)) {
    case LAYOUT_K_NODE:
        pipeline_node(node, set);
        break;
    case LAYOUT_K_ADDRS:
        pipeline_addrs(node, set);
        break;
    case LAYOUT_K_PORT:
        pipeline_port(node, u16_to_ofp(owner), set);
        break;
    case LAYOUT_K_CLUSTER:
        cluster = topo_cluster_by_id(topo, owner);
        if (cluster) {
            pipeline_cluster(node, cluster, set);
        }
        break;
    case LAYOUT_K_SEGMENT:
        segment = topo_segment_by_vni(topo, owner);
        if (segment) {
            pipeline_segment(node, segment, set);
        }
        break;
    case LAYOUT_K_STATIC:
    case LAYOUT_K_LEARNED:
    case LAYOUT_K_PENDING:
    case LAYOUT_K_LEASE:
    case LAYOUT_K_TAKEN:
    default:
        OVS_NOT_REACHED();
    }
}

/* Appends all flows of 'node' but those of MACs to 'set', and calls 'func' now
 * and then, and at the end, to take some or all out of it. */
void
pipeline_each(const struct topo_node *node, struct flowset *set,
              pipeline_func *func, void *aux)
{
    const struct topo_claim *claim;
    const struct topo_user *user;
    const struct topo_port *port;

    pipeline_node(node, set);
    pipeline_addrs(node, set);
    HMAP_FOR_EACH (port, ofport_node, &node->ports_by_ofport) {
        pipeline_port(node, port->ofport, set);
    }
    LIST_FOR_EACH (user, tnode_node, &node->uses) {
        pipeline_cluster(node, user->cluster, set);
    }
    func(set, aux);
    HMAP_FOR_EACH (claim, port_node, &node->claims) {
        if (topo_claim_is_first(claim)) {
            pipeline_segment(node, claim->attach->place.segment, set);
            func(set, aux);
        }
    }
}

static void
pipeline_leave(struct flowset *set OVS_UNUSED, void *aux OVS_UNUSED)
{
}

/* Appends all flows of 'node' but those of MACs. */
void
pipeline_all(const struct topo_node *node, struct flowset *set)
{
    pipeline_each(node, set, pipeline_leave, NULL);
}
