/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "flows/topo_place.h"

#include "flows/addr.h"
#include "flows/layout.h"
#include "flow.h"
#include "hash.h"
#include "util.h"

/* Dirt. */

/* The flows that 'cookie' names are to be derived anew on 'node'. */
void
topo_node_mark(struct topo_node *node, uint64_t cookie)
{
    uint32_t hash = hash_uint64(cookie);
    struct topo_dirty *dirty;

    HMAP_FOR_EACH_WITH_HASH (dirty, node, hash, &node->dirty) {
        if (dirty->cookie == cookie) {
            return;
        }
    }
    dirty = xmalloc(sizeof *dirty);
    dirty->cookie = cookie;
    hmap_insert(&node->dirty, &dirty->node, hash);
}

/* Nothing is to be derived anew on 'node'. */
void
topo_node_clean(struct topo_node *node)
{
    struct topo_dirty *dirty;

    HMAP_FOR_EACH_POP (dirty, node, &node->dirty) {
        free(dirty);
    }
}

/* Everything that names the tunnel port, which is or was number 'tunnel', is
 * to be derived anew. */
static void
topo_node_mark_tunnel(struct topo_node *node, ofp_port_t tunnel)
{
    struct topo_claim *claim;

    topo_node_mark(node, layout_cookie(LAYOUT_K_NODE, 0));
    if (tunnel != OFPP_NONE) {
        topo_node_mark(node, layout_cookie(LAYOUT_K_PORT,
                                           ofp_to_u16(tunnel)));
    }
    HMAP_FOR_EACH (claim, port_node, &node->claims) {
        topo_node_mark(node,
                       layout_cookie(LAYOUT_K_SEGMENT,
                                     claim->attach->place.segment->vni));
    }
}

/* Rows. */

static struct topo_node *
topo_node_create(struct topo *topo, const struct uuid *uuid)
{
    struct topo_node *node = xzalloc(sizeof *node);

    topo_row_add(topo, TOPO_EDGE, uuid, &node->row);
    hmap_init(&node->ports_by_name);
    hmap_init(&node->ports_by_ofport);
    hmap_init(&node->claims);
    hmap_init(&node->slots);
    hmap_init(&node->dirty);
    return node;
}

static void
topo_node_replace(char **s, const char *value, bool *changed)
{
    if (!nullable_string_is_equal(*s, value)) {
        free(*s);
        *s = nullable_xstrdup(value);
        *changed = true;
    }
}

void
topo_node_set(struct topo *topo, const struct topo_node_row *row)
{
    struct topo_row *old = topo_row(topo, TOPO_EDGE, &row->uuid);
    struct topo_node *node = (old ? CONTAINER_OF(old, struct topo_node, row)
                              : topo_node_create(topo, &row->uuid));
    bool renamed = false, changed = !old;

    if (old && strcmp(node->tunnel_port, row->tunnel_port)) {
        topo_node_mark_tunnel(node, topo_node_tunnel(node));
    }
    topo_node_replace(&node->name, row->name, &renamed);
    topo_node_replace(&node->dpid_string, row->dpid, &changed);
    topo_node_replace(&node->ip_string, row->ip, &changed);
    topo_node_replace(&node->tunnel_port, row->tunnel_port, &changed);
    topo_node_replace(&node->peer_port, row->peer_port, &changed);
    if (changed) {
        topo_node_invalidate(topo, node);
        topo_node_mark_tunnel(node, topo_node_tunnel(node));
    }
}

static bool
topo_cluster_names_node(const struct topo_cluster *cluster,
                        const struct uuid *uuid)
{
    for (size_t i = 0; i < cluster->n_member_uuids; i++) {
        if (uuid_equals(&cluster->member_uuids[i], uuid)) {
            return true;
        }
    }
    return false;
}

/* Withdraws all that depends on 'node' being what it is. */
static void
topo_node_withdraw(struct topo *topo, struct topo_node *node)
{
    struct topo_cluster *cluster;
    struct topo_attach *attach;
    struct topo_claim *claim;

    HMAP_FOR_EACH (cluster, row.node, &topo->rows[TOPO_CLUSTER]) {
        if (topo_cluster_names_node(cluster, &node->row.uuid)) {
            LIST_FOR_EACH_SAFE (attach, cluster_node, &cluster->attaches) {
                topo_attach_withdraw(topo, attach);
            }
        }
    }
    /* What is left are host ports, with this one claim each. */
    HMAP_FOR_EACH_SAFE (claim, port_node, &node->claims) {
        topo_attach_withdraw(topo, claim->attach);
    }
    topo->nodes_changed = topo->clusters_changed = true;
}

/* Takes 'node' out of force until topo_settle(). */
void
topo_node_invalidate(struct topo *topo, struct topo_node *node)
{
    topo_node_withdraw(topo, node);
    topo_node_mark(node, layout_cookie(LAYOUT_K_NODE, 0));
    if (node->valid) {
        hmap_remove(&topo->nodes_by_dpid, &node->dpid_node);
        hmap_remove(&topo->nodes_by_ip, &node->ip_node);
        node->valid = false;
    }
}

void
topo_node_free(struct topo_node *node)
{
    struct topo_port *port;

    HMAP_FOR_EACH_SAFE (port, ofport_node, &node->ports_by_ofport) {
        free(port->name);
        free(port);
    }
    hmap_destroy(&node->ports_by_name);
    hmap_destroy(&node->ports_by_ofport);
    hmap_destroy(&node->claims);
    hmap_destroy(&node->slots);
    topo_node_clean(node);
    hmap_destroy(&node->dirty);
    free(node->name);
    free(node->dpid_string);
    free(node->ip_string);
    free(node->tunnel_port);
    free(node->peer_port);
    free(node);
}

static char *
topo_node_validate(struct topo *topo, struct topo_node *node)
{
    const struct topo_node *other;
    char *error;

    if (!addr_parse_dpid(node->dpid_string, &node->dpid, &error)
        || !addr_parse_vtep(node->ip_string, &node->ip, &error)
        || !addr_check_port(node->tunnel_port, &error)) {
        return error;
    }
    other = topo_node_by_dpid(topo, node->dpid);
    if (other) {
        return xasprintf("datapath ID %016"PRIx64" is that of edge %s",
                         node->dpid, other->name);
    }
    other = topo_node_by_ip(topo, &node->ip);
    if (other) {
        return xasprintf("tunnel IP %s is that of edge %s", node->ip_string,
                         other->name);
    }
    return NULL;
}

/* Puts into the row of 'node', which is in force, that it lacks its tunnel
 * port. */
static void
topo_node_check_tunnel(struct topo *topo, struct topo_node *node)
{
    if (node->valid) {
        topo_set_error(topo, &node->row,
                       (node->ports_known
                        && topo_node_tunnel(node) == OFPP_NONE
                        ? xasprintf("no tunnel port \"%s\" (yet)",
                                    node->tunnel_port) : NULL));
    }
}

/* Brings 'node' in force, if it is not and can be. */
void
topo_node_settle(struct topo *topo, struct topo_node *node)
{
    struct topo_vtep *vtep;
    char *error;

    if (node->valid) {
        return;
    }
    error = topo_node_validate(topo, node);
    topo_set_error(topo, &node->row, error);
    if (error) {
        return;
    }

    node->valid = true;
    hmap_insert(&topo->nodes_by_dpid, &node->dpid_node,
                hash_uint64(node->dpid));
    hmap_insert(&topo->nodes_by_ip, &node->ip_node,
                hash_bytes(&node->ip, sizeof node->ip, 0));
    HMAP_FOR_EACH_SAFE (vtep, ip_node, &topo->vteps) {
        if (ipv6_addr_equals(&vtep->ip, &node->ip)) {
            topo_vtep_withdraw(topo, vtep);
        }
    }
    topo_node_check_tunnel(topo, node);
}

/* Look-ups. */

struct topo_node *
topo_node_by_dpid(const struct topo *topo, uint64_t dpid)
{
    struct topo_node *node;

    HMAP_FOR_EACH_WITH_HASH (node, dpid_node, hash_uint64(dpid),
                             &topo->nodes_by_dpid) {
        if (node->dpid == dpid) {
            return node;
        }
    }
    return NULL;
}

struct topo_node *
topo_node_by_ip(const struct topo *topo, const struct in6_addr *ip)
{
    struct topo_node *node;

    HMAP_FOR_EACH_WITH_HASH (node, ip_node, hash_bytes(ip, sizeof *ip, 0),
                             &topo->nodes_by_ip) {
        if (ipv6_addr_equals(&node->ip, ip)) {
            return node;
        }
    }
    return NULL;
}

struct topo_node *
topo_node_by_name(const struct topo *topo, const char *name)
{
    struct topo_node *node;

    HMAP_FOR_EACH (node, row.node, &topo->rows[TOPO_EDGE]) {
        if (!strcmp(node->name, name)) {
            return node;
        }
    }
    return NULL;
}

/* Returns the claim of 'node' by which frames with 'slot' come in, or NULL. */
struct topo_claim *
topo_node_claim(const struct topo_node *node, uint32_t slot)
{
    struct topo_claim *claim;

    HMAP_FOR_EACH_WITH_HASH (claim, slot_node, hash_int(slot, 0),
                             &node->slots) {
        if (claim->slot == slot) {
            return claim;
        }
    }
    return NULL;
}

/* Ports. */

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

/* Returns the peer port, or NULL if 'node' has none or lacks it. */
const struct topo_port *
topo_node_peer(const struct topo_node *node)
{
    return node->peer_port ? topo_node_port(node, node->peer_port) : NULL;
}

/* Returns whether 'mac' is that of a port of 'node' itself. */
bool
topo_node_owns_mac(const struct topo_node *node, struct eth_addr mac)
{
    const struct topo_port *port;

    HMAP_FOR_EACH (port, ofport_node, &node->ports_by_ofport) {
        if (eth_addr_equals(port->mac, mac)) {
            return true;
        }
    }
    return false;
}

/* The port called 'name' has come with the number 'ofport', or gone. */
static void
topo_node_port_changed(struct topo *topo, struct topo_node *node,
                       const char *name, ofp_port_t ofport)
{
    struct topo_claim *claim;

    HMAP_FOR_EACH_WITH_HASH (claim, port_node, hash_string(name, 0),
                             &node->claims) {
        if (!strcmp(claim->attach->port, name)) {
            topo_claim_resolve(claim);
            topo_attach_check_ports(topo, claim->attach);
            if (claim->attach->place.n_macs) {
                topo_node_mark(node, layout_cookie(
                    LAYOUT_K_LEARNED, claim->attach->place.segment->vni));
            }
        }
    }
    if (node->tunnel_port && !strcmp(node->tunnel_port, name)) {
        topo_node_mark_tunnel(node, ofport);
        topo_node_check_tunnel(topo, node);
    }
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
        port = xzalloc(sizeof *port);
        port->name = xstrdup(name);
        port->ofport = ofport;
        hmap_insert(&node->ports_by_name, &port->name_node,
                    hash_string(name, 0));
        hmap_insert(&node->ports_by_ofport, &port->ofport_node,
                    hash_ofp_port(ofport));
        topo_node_port_changed(topo, node, name, ofport);
    }
    port->mac = mac;
    port->link_up = link_up;
    port->live = live;
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
        topo_node_port_changed(topo, node, port->name, ofport);
        free(port->name);
        free(port);
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
    topo_node_check_tunnel(topo, node);
    HMAP_FOR_EACH (claim, port_node, &node->claims) {
        topo_attach_check_ports(topo, claim->attach);
    }
}
