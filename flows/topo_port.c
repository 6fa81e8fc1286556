/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "flows/topo_place.h"

#include "flow.h"
#include "flows/layout.h"
#include "hash.h"
#include "util.h"

const struct topo_port *
topo_node_port(const struct topo_node *node, const char *name)
{
    const struct topo_port *port;

    HMAP_FOR_EACH_WITH_HASH (port, name_node, hash_string(name, 0),
                             &node->ports_by_name) {
        if (!strcmp(port->name, name)) {
            return port;
        }
    }
    return NULL;
}

const struct topo_port *
topo_node_ofport(const struct topo_node *node, ofp_port_t ofport)
{
    const struct topo_port *port;

    HMAP_FOR_EACH_WITH_HASH (port, ofport_node, hash_ofp_port(ofport),
                             &node->ports_by_ofport) {
        if (port->ofport == ofport) {
            return port;
        }
    }
    return NULL;
}

/* Returns the number of the tunnel port, or OFPP_NONE if 'node' lacks it. */
ofp_port_t
topo_node_tunnel(const struct topo_node *node)
{
    const struct topo_port *port = topo_node_port(node, node->tunnel_port);

    return port ? port->ofport : OFPP_NONE;
}

/* Returns what tells answers to probes of 'node' from what others make up, for
 * flows to match: hard to guess, unlike its address, and the same for every
 * controller.  (No part of it is in any other frame, or in a flow.) */
uint32_t
topo_node_probe_key(const struct topo_node *node)
{
    const struct uuid *uuid = &node->row.uuid;

    return uuid->parts[1] ^ uuid->parts[2] ^ uuid->parts[3];
}

/* Returns the name of the port by which 'node' sees 'to', a member of
 * 'cluster', by BFD, or NULL if none is configured.  The peer port leads to
 * the other edge of a cluster of two. */
const char *
topo_node_port_name_to(const struct topo_node *node,
                       const struct topo_cluster *cluster,
                       const struct topo_node *to)
{
    const char *name = smap_get(&node->bfd_ports, to->name);

    return (name ? name
            : cluster->n_members == 2 && topo_cluster_has_node(cluster, node)
            ? node->peer_port : NULL);
}

/* Returns that port, or NULL if 'node' lacks it, or it leads nowhere else. */
const struct topo_port *
topo_node_port_to(const struct topo_node *node,
                  const struct topo_cluster *cluster,
                  const struct topo_node *to)
{
    const char *name = topo_node_port_name_to(node, cluster, to);
    const struct topo_port *port = name ? topo_node_port(node, name) : NULL;

    return port && !port->looped ? port : NULL;
}

/* Whether 'node' sees others by its port called 'name'. */
bool
topo_node_sees_by(const struct topo_node *node, const char *name)
{
    const struct smap_node *n;

    SMAP_FOR_EACH (n, &node->bfd_ports) {
        if (!strcmp(n->value, name)) {
            return true;
        }
    }
    return nullable_string_is_equal(node->peer_port, name);
}

/* Returns the bit of 'mac' in 'mac_bits' of a node. */
static uint64_t
topo_port_mac_bit(struct eth_addr mac)
{
    return UINT64_C(1) << (mac.ea[5] & 63);
}

/* Returns whether 'mac' is that of a port of 'node' itself.  One that an
 * access port has is that of a station, which may be the machine on which the
 * switch runs. */
bool
topo_node_owns_mac(const struct topo_node *node, struct eth_addr mac)
{
    const struct topo_port *port;
    bool owns = false;

    if (!(node->mac_bits & topo_port_mac_bit(mac))) {
        return false;
    }
    HMAP_FOR_EACH_WITH_HASH (port, mac_node, hash_mac(mac, 0, 0),
                             &node->ports_by_mac) {
        if (eth_addr_equals(port->mac, mac)) {
            if (topo_node_is_access(node, port->name)) {
                return false;
            }
            owns = true;
        }
    }
    return owns;
}

/* Returns whether 'port' is the local port of 'node' or a trunk, and its
 * address that of 'node' itself. */
bool
topo_port_is_own(const struct topo_node *node, const struct topo_port *port)
{
    return ((port->ofport == OFPP_LOCAL || topo_node_plug(node, port->name))
            && !eth_addr_is_multicast(port->mac)
            && !eth_addr_is_zero(port->mac)
            && topo_node_owns_mac(node, port->mac));
}

/* Returns whether there is an edge in a cluster with 'node' whose ports, and
 * so whose addresses, are not known because it has never connected. */
bool
topo_node_has_unmet_peer(const struct topo_node *node)
{
    const struct topo_user *user;

    LIST_FOR_EACH (user, tnode_node, &node->uses) {
        for (size_t i = 0; user->member && i < user->cluster->n_members;
             i++) {
            if (hmap_is_empty(&user->cluster->members[i]->ports_by_ofport)) {
                return true;
            }
        }
    }
    return false;
}

/* The address of 'port' of 'node' has come, gone or changed. */
static void
topo_port_addr_changed(struct topo_node *node, const struct topo_port *port)
{
    if (port->ofport == OFPP_LOCAL || topo_node_plug(node, port->name)) {
        topo_node_mark_addrs(node);
    }
}

/* The port called 'name' has come with the number 'ofport', or gone. */
static void
topo_node_port_changed(struct topo *topo, struct topo_node *node,
                       const char *name, ofp_port_t ofport)
{
    struct topo_plug *plug = topo_node_plug(node, name);
    struct topo_claim *claim;

    if (plug) {
        LIST_FOR_EACH (claim, plug_node, &plug->claims) {
            topo_claim_resolve(claim);
            topo_attach_check_ports(topo, claim->attach);
            if (claim->attach->place.n_macs) {
                topo_node_mark(node, layout_cookie(
                    LAYOUT_K_LEARNED, claim->attach->place.segment->vni));
            }
        }
    }
    if (topo_node_sees_by(node, name)) {
        topo_node_mark(node, layout_cookie(LAYOUT_K_PORT,
                                           ofp_to_u16(ofport)));
        topo_node_mark_clusters(node);
    }
    if (node->tunnel_port && !strcmp(node->tunnel_port, name)) {
        topo_node_mark_tunnel(node, ofport);
        topo_node_check_ports(topo, node);
    }
}

/* Returns whether one more port of 'node' can be known. */
static bool
topo_node_has_room(struct topo *topo, struct topo_node *node)
{
    if (hmap_count(&node->ports_by_ofport) < TOPO_MAX_PORTS) {
        return true;
    }
    topo_node_del_stale_ports(topo, node);
    if (hmap_count(&node->ports_by_ofport) < TOPO_MAX_PORTS) {
        return true;
    }
    topo_node_check_ports(topo, node);
    return false;
}

/* The switch says that 'node' has, or has changed, this port. */
void
topo_node_set_port(struct topo *topo, struct topo_node *node,
                   const char *name, ofp_port_t ofport, struct eth_addr mac,
                   bool link_up, bool live)
{
    struct topo_port *port = CONST_CAST(struct topo_port *,
                                        topo_node_ofport(node, ofport));

    if (port && strcmp(port->name, name)) {
        topo_node_del_port(topo, node, ofport);
        port = NULL;
    }
    if (!port) {
        const struct topo_port *old = topo_node_port(node, name);

        if (old) {
            topo_node_del_port(topo, node, old->ofport);
        }
        if (!topo_node_has_room(topo, node)) {
            return;
        }
        port = xzalloc(sizeof *port);
        port->name = xstrdup(name);
        port->ofport = ofport;
        hmap_insert(&node->ports_by_name, &port->name_node,
                    hash_string(name, 0));
        hmap_insert(&node->ports_by_ofport, &port->ofport_node,
                    hash_ofp_port(ofport));
        port->mac = mac;
        node->mac_bits |= topo_port_mac_bit(mac);
        hmap_insert(&node->ports_by_mac, &port->mac_node,
                    hash_mac(mac, 0, 0));
        topo_node_port_changed(topo, node, name, ofport);
        topo_port_addr_changed(node, port);
    }
    if (!eth_addr_equals(port->mac, mac)) {
        hmap_remove(&node->ports_by_mac, &port->mac_node);
        port->mac = mac;
        node->mac_bits |= topo_port_mac_bit(mac);
        hmap_insert(&node->ports_by_mac, &port->mac_node,
                    hash_mac(mac, 0, 0));
        topo_port_addr_changed(node, port);
    }
    port->stale = false;
    port->link_up = link_up;
    port->live = live;
    port->was_live |= live;
}

/* The switch of 'node' has connected: what its ports have shown, they have to
 * show again. */
void
topo_node_new_session(struct topo_node *node)
{
    struct topo_port *port;

    node->ports_fresh = false;
    HMAP_FOR_EACH (port, ofport_node, &node->ports_by_ofport) {
        port->live = port->was_live = false;
        port->stale = true;
    }
}

/* Forgets the ports that were not reported since the switch of 'node' has
 * connected. */
void
topo_node_del_stale_ports(struct topo *topo, struct topo_node *node)
{
    struct topo_port *port;

    if (node->ports_fresh) {
        return;
    }
    node->ports_fresh = true;
    HMAP_FOR_EACH_SAFE (port, ofport_node, &node->ports_by_ofport) {
        if (port->stale) {
            topo_node_del_port(topo, node, port->ofport);
        }
    }
}

/* A probe has shown whether what 'node' sends by port 'ofport' comes back to
 * it. */
void
topo_node_set_looped(struct topo *topo, struct topo_node *node,
                     ofp_port_t ofport, bool looped)
{
    struct topo_port *port = CONST_CAST(struct topo_port *,
                                        topo_node_ofport(node, ofport));

    if (port && port->looped != looped) {
        port->looped = looped;
        topo_node_check_ports(topo, node);
        topo_node_mark_clusters(node);
    }
}

/* The switch says that 'node' has no port 'ofport' (any more). */
void
topo_node_del_port(struct topo *topo, struct topo_node *node,
                   ofp_port_t ofport)
{
    struct topo_port *port = CONST_CAST(struct topo_port *,
                                        topo_node_ofport(node, ofport));

    if (port) {
        hmap_remove(&node->ports_by_name, &port->name_node);
        hmap_remove(&node->ports_by_ofport, &port->ofport_node);
        hmap_remove(&node->ports_by_mac, &port->mac_node);
        topo_node_port_changed(topo, node, port->name, ofport);
        topo_port_addr_changed(node, port);
        free(port->name);
        free(port);
        if (hmap_count(&node->ports_by_ofport) == TOPO_MAX_PORTS - 1) {
            topo_node_check_ports(topo, node);
        }
    }
}

/* Says whether the list of ports of 'node' is complete, so that one that is
 * not in it is missing. */
void
topo_node_set_ports_known(struct topo *topo, struct topo_node *node,
                          bool known)
{
    struct topo_claim *claim;

    node->ports_known = known;
    topo_node_check_ports(topo, node);
    HMAP_FOR_EACH (claim, port_node, &node->claims) {
        topo_attach_check_ports(topo, claim->attach);
    }
}
