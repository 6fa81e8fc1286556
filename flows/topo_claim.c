/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "flows/topo_place.h"

#include "flows/layout.h"
#include "hash.h"
#include "openvswitch/dynamic-string.h"
#include "util.h"

struct topo_claim *
topo_attach_claim(const struct topo_attach *attach,
                  const struct topo_node *node)
{
    for (size_t i = 0; i < attach->n_claims; i++) {
        if (attach->claims[i].node == node) {
            return &attach->claims[i];
        }
    }
    return NULL;
}

/* Finds anew the slot of 'claim', whose port may have come, gone or got
 * another number. */
void
topo_claim_resolve(struct topo_claim *claim)
{
    struct topo_node *node = claim->node;
    struct topo_attach *attach = claim->attach;
    const struct topo_port *port = topo_node_port(node, attach->port);
    uint32_t slot = port ? layout_slot(port->ofport, attach->vlan) : 0;

    if (slot == claim->slot) {
        return;
    }
    if (claim->slot) {
        hmap_remove(&node->slots, &claim->slot_node);
        topo_node_mark(node, layout_cookie(LAYOUT_K_PORT, claim->slot >> 16));
    }
    claim->slot = slot;
    if (slot) {
        hmap_insert(&node->slots, &claim->slot_node, hash_int(slot, 0));
        topo_node_mark(node, layout_cookie(LAYOUT_K_PORT, slot >> 16));
    }
    if (attach->place.segment) {
        topo_node_mark(node, layout_cookie(LAYOUT_K_SEGMENT,
                                           attach->place.segment->vni));
    }
}

/* The flows of the ports of 'attach' are to be derived anew. */
void
topo_attach_mark_ports(struct topo_attach *attach)
{
    for (size_t i = 0; i < attach->n_claims; i++) {
        const struct topo_claim *claim = &attach->claims[i];

        if (claim->slot) {
            topo_node_mark(claim->node,
                           layout_cookie(LAYOUT_K_PORT, claim->slot >> 16));
        }
    }
}

/* Returns the plug of 'node' called 'port', or NULL if there are no claims on
 * it. */
struct topo_plug *
topo_node_plug(const struct topo_node *node, const char *port)
{
    struct topo_plug *plug;

    HMAP_FOR_EACH_WITH_HASH (plug, node, hash_string(port, 0), &node->plugs) {
        if (!strcmp(plug->port, port)) {
            return plug;
        }
    }
    return NULL;
}

/* Returns whether 'claim' comes first among those of its node in its segment:
 * a walk through the claims of a node meets each of its segments once so. */
bool
topo_claim_is_first(const struct topo_claim *claim)
{
    const struct topo_attach *attach;

    LIST_FOR_EACH (attach, segment_node,
                   &claim->attach->place.segment->attaches) {
        const struct topo_claim *other = topo_attach_claim(attach,
                                                           claim->node);

        if (other) {
            return other == claim;
        }
    }
    return false;
}

/* Returns the cluster through which alone 'node' is in 'segment', or NULL if
 * it is there in more than one way. */
const struct topo_cluster *
topo_segment_only_cluster(const struct topo_segment *segment,
                          const struct topo_node *node)
{
    const struct topo_cluster *only = NULL;
    const struct topo_attach *attach;

    LIST_FOR_EACH (attach, segment_node, &segment->attaches) {
        if (topo_attach_claim(attach, node)) {
            if (!attach->cluster || (only && attach->cluster != only)) {
                return NULL;
            }
            only = attach->cluster;
        }
    }
    return only;
}

/* Returns where alone frames can leave or enter 'segment' by a port of 'node',
 * or NULL if there are several such places, or none. */
const struct topo_claim *
topo_segment_only_claim(const struct topo_segment *segment,
                        const struct topo_node *node)
{
    const struct topo_claim *only = NULL;
    const struct topo_attach *attach;

    LIST_FOR_EACH (attach, segment_node, &segment->attaches) {
        const struct topo_claim *claim = topo_attach_claim(attach, node);

        if (claim && claim->slot) {
            if (only) {
                return NULL;
            }
            only = claim;
        }
    }
    return only;
}

static bool
topo_claim_is_access(const struct topo_claim *claim)
{
    return claim->attach->place.row.table == TOPO_HOST_PORT;
}

/* Returns whether a segment has 'port' of 'node' as an access port. */
bool
topo_node_is_access(const struct topo_node *node, const char *port)
{
    const struct topo_plug *plug = topo_node_plug(node, port);
    const struct topo_claim *claim;

    if (plug) {
        LIST_FOR_EACH (claim, plug_node, &plug->claims) {
            if (topo_claim_is_access(claim)) {
                return true;
            }
        }
    }
    return false;
}

static void
topo_claim_plug(struct topo_claim *claim)
{
    const char *port = claim->attach->port;
    struct topo_plug *plug = topo_node_plug(claim->node, port);

    if (!plug || topo_claim_is_access(claim)) {
        topo_node_mark_addrs(claim->node);
    }
    if (!plug) {
        plug = xmalloc(sizeof *plug);
        plug->port = xstrdup(port);
        ovs_list_init(&plug->claims);
        hmap_insert(&claim->node->plugs, &plug->node, hash_string(port, 0));
    }
    ovs_list_push_back(&plug->claims, &claim->plug_node);
}

static void
topo_claim_unplug(struct topo_claim *claim)
{
    struct topo_plug *plug = topo_node_plug(claim->node, claim->attach->port);

    ovs_list_remove(&claim->plug_node);
    if (ovs_list_is_empty(&plug->claims) || topo_claim_is_access(claim)) {
        topo_node_mark_addrs(claim->node);
    }
    if (ovs_list_is_empty(&plug->claims)) {
        hmap_remove(&claim->node->plugs, &plug->node);
        free(plug->port);
        free(plug);
    }
}

static uint32_t
topo_claim_hash(const struct topo_attach *attach)
{
    return hash_string(attach->port, attach->vlan);
}

static void
topo_claim_add(struct topo_claim *claim, struct topo_attach *attach,
               struct topo_node *node)
{
    claim->node = node;
    claim->attach = attach;
    topo_claim_plug(claim);
    hmap_insert(&node->claims, &claim->port_node, topo_claim_hash(attach));
    topo_claim_resolve(claim);
}

static void
topo_claim_remove(struct topo_claim *claim)
{
    if (claim->slot) {
        hmap_remove(&claim->node->slots, &claim->slot_node);
        topo_node_mark(claim->node,
                       layout_cookie(LAYOUT_K_PORT, claim->slot >> 16));
    }
    hmap_remove(&claim->node->claims, &claim->port_node);
    topo_claim_unplug(claim);
}

/* Gives 'attach' a claim on each of the 'n' 'nodes'. */
void
topo_attach_claim_all(struct topo_attach *attach,
                      struct topo_node *const nodes[], size_t n)
{
    attach->claims = xcalloc(n, sizeof *attach->claims);
    attach->n_claims = n;
    for (size_t i = 0; i < n; i++) {
        topo_claim_add(&attach->claims[i], attach, nodes[i]);
    }
}

void
topo_attach_unclaim_all(struct topo_attach *attach)
{
    for (size_t i = 0; i < attach->n_claims; i++) {
        topo_claim_remove(&attach->claims[i]);
    }
    free(attach->claims);
    attach->claims = NULL;
    attach->n_claims = 0;
}

/* Returns NULL if 'attach' can have its port on 'node', otherwise what is in
 * its way. */
char *
topo_claim_check(const struct topo_attach *attach,
                 const struct topo_node *node)
{
    const struct topo_claim *claim;

    if (!strcmp(attach->port, node->tunnel_port)
        || topo_node_sees_by(node, attach->port)) {
        return xasprintf("port \"%s\" of edge %s is a tunnel port",
                         attach->port, node->name);
    }
    HMAP_FOR_EACH_WITH_HASH (claim, port_node, topo_claim_hash(attach),
                             &node->claims) {
        const struct topo_attach *other = claim->attach;

        if (other->vlan == attach->vlan
            && !strcmp(other->port, attach->port)) {
            struct ds s = DS_EMPTY_INITIALIZER;

            ds_put_format(&s, "VLAN %"PRIu16" of port \"%s\" of edge %s "
                          "belongs to segment %s already, by ",
                          attach->vlan, attach->port, node->name,
                          other->place.segment->name);
            topo_place_format(&other->place, &s);
            return ds_steal_cstr(&s);
        }
    }
    return NULL;
}
