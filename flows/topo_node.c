/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "flows/topo_place.h"

#include "flows/addr.h"
#include "flows/layout.h"
#include "flows/stats.h"
#include "flow.h"
#include "hash.h"
#include "util.h"

/* Dirt. */

/* The flows that 'cookie' names are to be derived anew on 'node'. */
void
topo_node_mark(struct topo_node *node, uint64_t cookie)
{
    struct topo_dirty *dirty;

    if (ovs_list_is_empty(&node->dirty_node)) {
        ovs_list_push_back(&node->topo->dirty_nodes, &node->dirty_node);
    }
    if (!topo_node_is_marked(node, cookie)) {
        dirty = xmalloc(sizeof *dirty);
        dirty->cookie = cookie;
        hmap_insert(&node->dirty, &dirty->node, hash_uint64(cookie));
    }
}

/* Returns whether the flows of the owner 'cookie' are to be derived anew. */
bool
topo_node_is_marked(const struct topo_node *node, uint64_t cookie)
{
    const struct topo_dirty *dirty;

    HMAP_FOR_EACH_WITH_HASH (dirty, node, hash_uint64(cookie), &node->dirty) {
        if (dirty->cookie == cookie) {
            return true;
        }
    }
    return false;
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

/* How 'node' sees others has changed. */
void
topo_node_mark_clusters(struct topo_node *node)
{
    const struct topo_user *user;

    LIST_FOR_EACH (user, tnode_node, &node->uses) {
        topo_node_mark(node, layout_cookie(LAYOUT_K_CLUSTER,
                                           user->cluster->id));
    }
}

/* An address of 'node' may have changed, which concerns the other edges of its
 * clusters as well. */
void
topo_node_mark_addrs(struct topo_node *node)
{
    uint64_t cookie = layout_cookie(LAYOUT_K_ADDRS, 0);
    const struct topo_user *user;

    topo_node_mark(node, cookie);
    LIST_FOR_EACH (user, tnode_node, &node->uses) {
        if (user->member) {
            for (size_t i = 0; i < user->cluster->n_members; i++) {
                topo_node_mark(user->cluster->members[i], cookie);
            }
        }
    }
}

/* Everything that names the tunnel port, which is or was number 'tunnel', is
 * to be derived anew. */
void
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
    topo_node_mark_clusters(node);
}

/* Rows. */

static struct topo_node *
topo_node_create(struct topo *topo, const struct uuid *uuid)
{
    struct topo_node *node = xzalloc(sizeof *node);

    topo_row_add(topo, TOPO_EDGE, uuid, &node->row);
    node->topo = topo;
    ovs_list_init(&node->dirty_node);
    ovs_list_init(&node->uses);
    hmap_init(&node->ports_by_name);
    hmap_init(&node->ports_by_ofport);
    hmap_init(&node->ports_by_mac);
    hmap_init(&node->claims);
    hmap_init(&node->plugs);
    hmap_init(&node->slots);
    hmap_init(&node->dirty);
    smap_init(&node->bfd_ports);
    share_init(&node->share);
    return node;
}

/* Everything that names a port by which 'node' sees others is to be derived
 * anew. */
static void
topo_node_mark_sight(struct topo_node *node)
{
    const struct topo_port *port;

    HMAP_FOR_EACH (port, ofport_node, &node->ports_by_ofport) {
        if (topo_node_sees_by(node, port->name)) {
            topo_node_mark(node, layout_cookie(LAYOUT_K_PORT,
                                               ofp_to_u16(port->ofport)));
        }
    }
    topo_node_mark_clusters(node);
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

/* Makes the ports by which 'node' sees others those in 'row'. */
static void
topo_node_set_sight(struct topo_node *node, const struct topo_node_row *row,
                    bool *changed)
{
    const struct smap none = SMAP_INITIALIZER(&none);
    const struct smap *bfd_ports = row->bfd_ports ? row->bfd_ports : &none;

    if (smap_equal(&node->bfd_ports, bfd_ports)
        && nullable_string_is_equal(node->peer_port, row->peer_port)) {
        return;
    }
    topo_node_mark_sight(node);
    smap_destroy(&node->bfd_ports);
    smap_clone(&node->bfd_ports, bfd_ports);
    topo_node_replace(&node->peer_port, row->peer_port, changed);
    topo_node_mark_sight(node);
    *changed = true;
}

/* Which certificate the switch of 'node' must show is no matter of flows, as
 * long as there can be such a one. */
static void
topo_node_set_pin(struct topo_node *node, const char *cn, bool *changed)
{
    bool repinned = false;

    topo_node_replace(&node->certificate_cn, cn, &repinned);
    *changed |= repinned && (!node->valid || (cn && !*cn));
}

/* 'name' has come to mean another node, or no longer means one. */
static void
topo_node_renamed(struct topo *topo, const char *name)
{
    struct topo_node *node;

    HMAP_FOR_EACH (node, row.node, &topo->rows[TOPO_EDGE]) {
        if (smap_get(&node->bfd_ports, name)) {
            topo_node_mark_clusters(node);
        }
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
    char *old_name = nullable_xstrdup(node->name);
    topo_node_replace(&node->name, row->name, &renamed);
    if (renamed) {
        topo_node_renamed(topo, row->name);
        topo_node_renamed(topo, old_name ? old_name : "");
    }
    free(old_name);
    topo_node_replace(&node->dpid_string, row->dpid, &changed);
    topo_node_replace(&node->ip_string, row->ip, &changed);
    topo_node_replace(&node->tunnel_port, row->tunnel_port, &changed);
    topo_node_set_sight(node, row, &changed);
    topo_node_set_pin(node, row->certificate_cn, &changed);
    /* What the controller was told itself, and has yet to write, stays. */
    if (node->drained_row != row->drained) {
        node->drained = node->drained_row = row->drained;
    }
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
            topo_cluster_mark_members(cluster);
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
    hmap_destroy(&node->ports_by_mac);
    hmap_destroy(&node->claims);
    hmap_destroy(&node->plugs);
    hmap_destroy(&node->slots);
    topo_node_clean(node);
    hmap_destroy(&node->dirty);
    ovs_list_remove(&node->dirty_node);
    ovs_assert(ovs_list_is_empty(&node->uses));
    smap_destroy(&node->bfd_ports);
    share_destroy(&node->share);
    stats_destroy(node->stats);
    free(node->name);
    free(node->dpid_string);
    free(node->ip_string);
    free(node->last_leader);
    free(node->led_reason);
    free(node->tunnel_port);
    free(node->peer_port);
    free(node->certificate_cn);
    free(node->refused);
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
    if (topo_node_sees_by(node, node->tunnel_port)) {
        return xasprintf("port \"%s\" cannot be both the tunnel port and one "
                         "that sees another edge", node->tunnel_port);
    }
    if (node->certificate_cn && !*node->certificate_cn) {
        return xstrdup("other_config:certificate-cn is empty: no switch has "
                       "a certificate of that name");
    }
    if (smap_get(&node->bfd_ports, node->name)) {
        return xasprintf("bfd_ports names edge %s itself", node->name);
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

/* Whether the port by which 'node' is to see another edge leads back to it. */
static bool
topo_node_is_looped(const struct topo_node *node, const char *name)
{
    const struct topo_port *port = name ? topo_node_port(node, name) : NULL;

    return port && port->looped;
}

/* Returns what is wrong with the ports of 'node', or NULL.  A switch may have
 * many, and change them all the time: only those are looked at that matter. */
static char *
topo_node_ports_error(const struct topo_node *node)
{
    const char *looped = NULL;
    const struct smap_node *n;

    if (hmap_count(&node->ports_by_ofport) >= TOPO_MAX_PORTS) {
        return xasprintf("it has %d ports or more; of those that come later "
                         "none can be used",
                         TOPO_MAX_PORTS);
    }
    if (node->ports_known && topo_node_tunnel(node) == OFPP_NONE) {
        return xasprintf("no tunnel port \"%s\" (yet)", node->tunnel_port);
    }
    if (topo_node_is_looped(node, node->peer_port)) {
        looped = node->peer_port;
    }
    SMAP_FOR_EACH (n, &node->bfd_ports) {
        if (topo_node_is_looped(node, n->value)) {
            looped = n->value;
        }
    }
    return (looped ? xasprintf("port \"%s\" leads back to edge %s itself",
                               looped, node->name) : NULL);
}

/* Puts into the row of 'node', if that is in force, what is wrong with its
 * ports. */
void
topo_node_check_ports(struct topo *topo, struct topo_node *node)
{
    if (node->valid) {
        topo_set_error(topo, &node->row, topo_node_ports_error(node));
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
    topo_node_check_ports(topo, node);
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
