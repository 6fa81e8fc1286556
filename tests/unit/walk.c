/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "tests/unit/walk.h"

#include <stdlib.h>
#include <string.h>

#include "flows/delta.h"
#include "flows/layout.h"
#include "flows/macmsg.h"
#include "flows/pipeline.h"
#include "flows/sighting.h"
#include "openvswitch/ofpbuf.h"
#include "util.h"

/* Chance. */

/* Returns a number from 0 to 'n' - 1. */
uint32_t
walk_random(struct walk *walk, uint32_t n)
{
    walk->seed = walk->seed * 1664525 + 1013904223;
    return (uint64_t) (walk->seed >> 8) * n >> 24;
}

/* Simulated switches. */

struct walk_switch *
walk_switch(const struct topo_node *node)
{
    return node->aux;
}

static void
walk_switch_free(struct walk_switch *sw)
{
    if (sw) {
        flowset_destroy(&sw->config);
        flowset_destroy(&sw->macs);
        flowset_destroy(&sw->part);
        refused_destroy(&sw->refused);
        free(sw);
    }
}

static void
walk_switch_ensure(struct topo_node *node)
{
    if (!node->aux) {
        struct walk_switch *sw = xzalloc(sizeof *sw);

        flowset_init(&sw->config);
        flowset_init(&sw->macs);
        flowset_init(&sw->part);
        refused_init(&sw->refused);
        node->aux = sw;
        topo_node_mark(node, layout_cookie(LAYOUT_K_NODE, 0));
        topo_node_mark(node, layout_cookie(LAYOUT_K_ADDRS, 0));
    }
}

/* Deletes from 'set' the flow with the identity that 'spec' has. */
static void
walk_delete_strict(struct flowset *set, const struct flowset_spec *spec)
{
    struct flowset key = { .flows = HMAP_INITIALIZER(&key.flows),
                           .owners = HMAP_INITIALIZER(&key.owners) };
    struct flowset_flow *flow, *like;

    flowset_add(&key, spec);
    HMAP_FOR_EACH (like, node, &key.flows) {
        flow = flowset_find(set, like);
        if (flow) {
            flowset_remove(set, flow);
        }
    }
    flowset_destroy(&key);
}

/* The two ways to make the message for 'op' make the same, and it is known
 * again. */
static void
walk_check_message(struct walk *walk, const struct fdb_op *op)
{
    uint64_t stub[256 / 8];
    struct ofpbuf quick = OFPBUF_STUB_INITIALIZER(stub);
    ovs_be32 xid = htonl(walk->n_mac_ops);
    struct ofpbuf *msg = macmsg_encode(op, OFPUTIL_P_OF15_OXM, xid);

    if (macmsg_put(walk->macmsg, op, xid, &quick)) {
        ovs_assert(msg && msg->size == quick.size
                   && !memcmp(msg->data, quick.data, quick.size));

        struct macmsg_id made, read;
        ovs_assert(macmsg_identify(op, &made)
                   && macmsg_parse(walk->macmsg, quick.data, quick.size, &read)
                   && !memcmp(&made, &read, sizeof made));
        walk->n_quick++;
    }
    ofpbuf_delete(msg);
    ofpbuf_uninit(&quick);
}

/* Brings the operations of the fdb into the simulated switches. */
static void
walk_apply_ops(struct walk *walk)
{
    struct ofpbuf acts;

    ofpbuf_init(&acts, 64);
    for (size_t i = 0; i < walk->net.ops.n; i++) {
        const struct fdb_op *op = &walk->net.ops.ops[i];
        struct walk_switch *sw = walk_switch(op->node);
        struct flowset_spec spec;
        struct match match;

        if (sw && fdb_op_flow(op, &spec, &match, &acts)) {
            if (op->add) {
                flowset_add(&sw->macs, &spec);
            } else {
                walk_delete_strict(&sw->macs, &spec);
            }
        }
        walk_check_message(walk, op);
        walk->n_mac_ops++;
    }
    ofpbuf_uninit(&acts);
}

static void
walk_refresh_macs(struct walk *walk, struct topo_node *node, uint32_t vni)
{
    struct walk_switch *sw = walk_switch(node);
    struct topo_segment *segment = topo_segment_by_vni(&walk->net.topo, vni);
    struct flowset_flow *flow;

    HMAP_FOR_EACH_SAFE (flow, node, &sw->macs.flows) {
        if (layout_cookie_owner(flow->cookie) == vni) {
            flowset_remove(&sw->macs, flow);
        }
    }
    if (segment) {
        fdb_node_flows(node, segment, &sw->macs);
    }
}

/* Brings into the simulated switches what is dirty, and looks at nothing
 * else. */
static void
walk_apply_dirt(struct walk *walk, struct topo_node *node)
{
    struct walk_switch *sw = walk_switch(node);
    struct topo_dirty *dirty;
    struct delta delta;

    delta_init(&delta, &sw->config);
    HMAP_FOR_EACH (dirty, node, &node->dirty) {
        struct flowset want;

        if (layout_cookie_kind(dirty->cookie) == LAYOUT_K_LEARNED) {
            walk_refresh_macs(walk, node, layout_cookie_owner(dirty->cookie));
            continue;
        }
        flowset_init(&want);
        pipeline_owner(&walk->net.topo, node, dirty->cookie, &want);
        delta_owner(&delta, &want, dirty->cookie);
        flowset_destroy(&want);
    }
    delta_finish(&delta);
    delta_apply(&delta);
    delta_destroy(&delta);
}

/* Ends a batch: the simulated switches get what has changed. */
void
walk_sync(struct walk *walk)
{
    struct topo_node *node;
    struct topo_row *row;

    walk_age_vteps(walk);

    HMAP_FOR_EACH (node, row.node, &walk->net.topo.rows[TOPO_EDGE]) {
        walk_switch_ensure(node);
    }
    net_settle(&walk->net);
    walk_apply_ops(walk);
    HMAP_FOR_EACH (node, row.node, &walk->net.topo.rows[TOPO_EDGE]) {
        walk_apply_dirt(walk, node);
        walk_apply_part(walk_switch(node), node);
    }
    LIST_FOR_EACH (row, dead_node, &walk->net.topo.dead) {
        if (row->table == TOPO_EDGE) {
            node = CONTAINER_OF(row, struct topo_node, row);
            walk_switch_free(node->aux);
            node->aux = NULL;
        }
    }
    net_clean(&walk->net);
}

/* Configuration. */

/* Writes row 'n' of 'table' as 'walk->rows' has it into 'net'. */
void
walk_write(struct walk *walk, struct net *net, enum topo_table table,
           unsigned int n)
{
    const struct walk_row *row = &walk->rows[table][n];

    switch (table) {
    case TOPO_SEGMENT:
        net_segment_with(net, n, row->a, row->vlan, row->vteps);
        break;
    case TOPO_EDGE:
        net_node_sees(net, n, row->s2, row->s, row->s3);
        net_get_node(net, n)->tells_idle = n % 2;
        break;
    case TOPO_CLUSTER:
        (row->vlan ? net_fence : net_cluster)(net, n, row->s);
        break;
    case TOPO_BINDING:
        net_bind(net, n, row->a, row->b, row->s, row->vlan,
                 &(struct topo_attach_row) {
            .limits = { [TOPO_IN] = { .rate = row->in, .packets = true },
                        [TOPO_OUT] = { .rate = row->out, .packets = true } },
            .closed_until = row->closed,
            .bpdu = row->bpdu,
        });
        break;
    case TOPO_HOST_PORT:
        net_host_port(net, n, row->a, row->b, row->s);
        break;
    case TOPO_VTEP:
        net_vtep(net, n, row->a, row->s);
        break;
    case TOPO_STATIC_MAC:
        net_static(net, n, row->a, row->s, row->table, row->b);
        break;
    case TOPO_N_TABLES:
    default:
        OVS_NOT_REACHED();
    }
}

static struct walk_row
walk_make_row(struct walk *walk, enum topo_table table, unsigned int n)
{
    static const char *const dpids[] = { "1", "2", "3", "4", "0x1", "none" };
    static const char *const ips[] = {
        "10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "fd00::1", "10.0.0.9",
        "not an address",
    };
    static const char *const members[] = {
        "1", "2", "12", "21", "34", "43", "123", "4", "9", "11",
    };
    static const char *const others[] = { "", "", "12", "123", "34", "2" };
    static const char *const ports[] = { "p1", "p1", "p2", "p3", "genev0" };
    static const char *const vteps[] = {
        "192.0.2.1", "192.0.2.2", "2001:db8::1", "10.0.0.9", "10.0.0.2", "?",
    };
    static const char *const macs[] = {
        "aa:00:00:00:00:01", "aa:00:00:00:00:02", "aa:00:00:00:00:03",
        "aa:00:00:00:00:04", "aa:00:00:00:00:05", "01:00:00:00:00:00",
    };
    static const enum topo_table places[] = {
        TOPO_BINDING, TOPO_HOST_PORT, TOPO_VTEP,
    };
    struct walk_row row = {
        .exists = true,
        .a = 1 + walk_random(walk, WALK_SEGMENTS),
        .table = WALK_PICK(walk, places),
    };

    switch (table) {
    case TOPO_SEGMENT:
        /* As in the database, no two have the same VNI. */
        row.a = n * 100 + walk_random(walk, 2);
        row.vlan = !walk_random(walk, 4);
        row.vteps = walk_random(walk, 2) * walk_random(walk, 4);
        break;
    case TOPO_EDGE:
        row.s2 = walk_random(walk, 4) ? dpids[n - 1] : WALK_PICK(walk, dpids);
        row.s = walk_random(walk, 4) ? ips[n - 1] : WALK_PICK(walk, ips);
        row.s3 = WALK_PICK(walk, others);
        break;
    case TOPO_CLUSTER:
        row.s = WALK_PICK(walk, members);
        row.vlan = !walk_random(walk, 4);
        break;
    case TOPO_BINDING:
        row.b = 1 + walk_random(walk, WALK_CLUSTERS);
        row.s = WALK_PICK(walk, ports);
        row.vlan = walk_random(walk, 4);
        row.closed = !walk_random(walk, 4);
        row.in = walk_random(walk, 3) * 100;
        row.out = walk_random(walk, 3) * 100;
        row.bpdu = walk_random(walk, 3);
        break;
    case TOPO_HOST_PORT:
        row.b = 1 + walk_random(walk, WALK_NODES);
        row.s = WALK_PICK(walk, ports);
        break;
    case TOPO_VTEP:
        row.s = WALK_PICK(walk, vteps);
        break;
    case TOPO_STATIC_MAC:
        row.b = 1 + walk_random(walk, WALK_PLACES);
        row.s = walk_random(walk, 10) ? macs[n - 1] : macs[5];
        break;
    case TOPO_N_TABLES:
    default:
        OVS_NOT_REACHED();
    }
    return row;
}

static void
walk_config(struct walk *walk)
{
    static const struct {
        enum topo_table table;
        unsigned int n;
        int chances;
    } tables[] = {
        { TOPO_SEGMENT, WALK_SEGMENTS, 2 },
        { TOPO_EDGE, WALK_NODES, 2 },
        { TOPO_CLUSTER, WALK_CLUSTERS, 2 },
        { TOPO_BINDING, WALK_PLACES, 6 },
        { TOPO_HOST_PORT, WALK_PLACES, 4 },
        { TOPO_VTEP, WALK_PLACES, 2 },
        { TOPO_STATIC_MAC, WALK_STATICS, 3 },
    };
    int chance = walk_random(walk, 21);
    size_t i = 0;

    while (chance >= tables[i].chances) {
        chance -= tables[i++].chances;
    }

    enum topo_table table = tables[i].table;
    unsigned int n = 1 + walk_random(walk, tables[i].n);
    struct walk_row *row = &walk->rows[table][n];
    if (row->exists && !walk_random(walk, 4)) {
        row->exists = false;
        net_del(&walk->net, table, n);
    } else if (row->exists && table == TOPO_BINDING
               && !walk_random(walk, 3)) {
        /* The options of a place can change while it stays, and whether it is
         * closed. */
        row->in = walk_random(walk, 3) * 100;
        row->out = walk_random(walk, 3) * 100;
        row->bpdu = walk_random(walk, 3);
        row->closed = !walk_random(walk, 4);
        walk_write(walk, &walk->net, table, n);
    } else if (row->exists && table == TOPO_SEGMENT && walk_random(walk, 2)) {
        row->vteps = walk_random(walk, 4);
        walk_write(walk, &walk->net, table, n);
    } else {
        *row = walk_make_row(walk, table, n);
        walk_write(walk, &walk->net, table, n);
    }
    walk->n_config++;
}

/* What switches say. */

struct topo_node *
walk_pick_node(struct walk *walk)
{
    struct uuid uuid = net_uuid(TOPO_EDGE, 1 + walk_random(walk, WALK_NODES));
    struct topo_row *row = topo_row(&walk->net.topo, TOPO_EDGE, &uuid);

    return row ? CONTAINER_OF(row, struct topo_node, row) : NULL;
}

static void
walk_port(struct walk *walk)
{
    static const char *const names[] = {
        "genev0", "genev0", "p1", "p2", "p3", "p1", "p2", "p4", "peer0",
        "peer0", "bfd1", "bfd2", "bfd3",
    };
    struct topo_node *node = walk_pick_node(walk);

    if (node && !walk_random(walk, 10)) {
        /* The local port, which often has the address of another. */
        struct eth_addr mac = ETH_ADDR_C(02,ff,00,00,00,00);

        mac.ea[4] = 1 + walk_random(walk, 2);
        mac.ea[5] = walk_random(walk, 6);
        topo_node_set_port(&walk->net.topo, node, "br0", OFPP_LOCAL, mac,
                           true, true);
    } else if (node && !walk_random(walk, 10)) {
        topo_node_set_looped(&walk->net.topo, node,
                             u16_to_ofp(1 + walk_random(walk, 12)),
                             walk_random(walk, 2));
    } else if (node) {
        net_port(&walk->net, node->row.uuid.parts[3], WALK_PICK(walk, names),
                 walk_random(walk, 4) ? 1 + walk_random(walk, 12) : 0);
    }
}

static void
walk_active(struct walk *walk)
{
    struct uuid uuid = net_uuid(TOPO_CLUSTER,
                                1 + walk_random(walk, WALK_CLUSTERS));
    struct topo_row *row = topo_row(&walk->net.topo, TOPO_CLUSTER, &uuid);

    if (row) {
        struct topo_cluster *cluster = CONTAINER_OF(row, struct topo_cluster,
                                                    row);
        size_t i = walk_random(walk, cluster->n_members + 1);

        topo_cluster_set_active(cluster, i < cluster->n_members
                                ? cluster->members[i] : NULL);
    }
}

/* A node has many new MACs in a segment, or has no more. */
static void
walk_share(struct walk *walk)
{
    struct topo_node *node = walk_pick_node(walk);
    const struct topo_segment *segment;
    uint32_t n = walk_random(walk, 1 + WALK_SEGMENTS);

    if (node && !n) {
        net_release(&walk->net, node);
    } else if (node) {
        struct uuid uuid = net_uuid(TOPO_SEGMENT, n);
        struct topo_row *row = topo_row(&walk->net.topo, TOPO_SEGMENT, &uuid);

        segment = row ? CONTAINER_OF(row, struct topo_segment, row) : NULL;
        net_hold(&walk->net, node, segment ? segment->vni : 9999);
    }
}

/* A node sees a frame come in at one of its places, unless the node and the
 * place that were drawn do not fit. */
static bool
walk_sighting(struct walk *walk)
{
    static const enum topo_table tables[] = {
        TOPO_BINDING, TOPO_BINDING, TOPO_HOST_PORT, TOPO_VTEP,
    };
    enum topo_table table = WALK_PICK(walk, tables);
    struct uuid uuid = net_uuid(table, 1 + walk_random(walk, WALK_PLACES));
    struct topo_row *row = topo_row(&walk->net.topo, table, &uuid);
    struct topo_node *node = walk_pick_node(walk);
    struct eth_addr mac = net_mac(1 + walk_random(walk, 12));
    struct topo_place *place;

    if (!row || !node) {
        return false;
    }
    place = CONTAINER_OF(row, struct topo_place, row);
    if (!place->segment || !topo_segment_has_node(place->segment, node)
        || (place->type != TOPO_PLACE_VTEP
            && !pipeline_place_slot(node, place))) {
        return false;
    }
    fdb_sight(&walk->net.fdb, node, place, mac, walk->net.now,
              &walk->net.ops);
    walk->n_sightings++;
    return true;
}

/* The SOURCE flow 'flow' of 'node' has not been used for long, and the switch
 * has let it go, or says so and is told to. */
static void
walk_age(struct walk *walk, struct topo_node *node,
         struct flowset_flow *flow, const struct sighting *s)
{
    struct net *net = &walk->net;

    if (flow->idle_timeout) {
        flowset_remove(&walk_switch(node)->macs, flow);
        fdb_idle(&net->fdb, node, s->place, s->slot, s->mac, &net->ops);
    } else {
        struct fdb_idle_mac idle = {
            .mac = s->mac, .slot = s->slot,
            .tag = pipeline_place_tag(s->place),
        };

        fdb_age_out(&net->fdb, node, s->place->segment, &idle, net->now,
                    &net->ops);
        walk->n_age_outs++;
    }
    walk->n_idles++;
}

/* A station is silent for long. */
static void
walk_idle(struct walk *walk)
{
    struct topo_node *node;
    struct flowset_flow *flow, *gone = NULL;
    struct sighting s;
    struct match match;

    walk_sync(walk);
    node = walk_pick_node(walk);
    if (!node) {
        return;
    }

    uint32_t n = 0;
    HMAP_FOR_EACH (flow, node, &walk_switch(node)->macs.flows) {
        if (flow->table == LAYOUT_SOURCE
            && layout_cookie_kind(flow->cookie) == LAYOUT_K_LEARNED
            && !walk_random(walk, ++n)) {
            gone = flow;
        }
    }
    if (gone) {
        minimatch_expand(&gone->match, &match);
        if (!sighting_from_source(&walk->net.topo, node, &match, &s)) {
            walk_age(walk, node, gone, &s);
        }
    }
}

/* The walk. */

void
walk_step(struct walk *walk)
{
    uint32_t chance = walk_random(walk, 100);

    walk->net.now += 1000;
    if (chance < 30) {
        walk_config(walk);
        while (walk_random(walk, 2)) {
            walk_config(walk);
        }
        walk_sync(walk);
    } else if (chance < 45) {
        walk_port(walk);
    } else if (chance < 53) {
        walk_active(walk);
    } else if (chance < 55) {
        walk_share(walk);
    } else if (chance < 64) {
        int tries = 20;

        while (tries && !walk_stranger(walk)) {
            tries--;
        }
    } else if (chance < 92) {
        int tries = 20;

        while (tries && !walk_sighting(walk)) {
            tries--;
        }
    } else if (chance < 99) {
        walk_idle(walk);
    } else {
        fdb_flush(&walk->net.fdb, NULL, NULL, &walk->net.ops);
    }
    if (!walk_random(walk, 3)) {
        walk_sync(walk);
    }
}

void
walk_init(struct walk *walk, uint32_t seed)
{
    memset(walk, 0, sizeof *walk);
    walk->seed = seed;
    net_init(&walk->net);
    walk->macmsg = macmsg_create(OFPUTIL_P_OF15_OXM);
}

void
walk_destroy(struct walk *walk)
{
    struct topo_node *node;

    walk_sync(walk);
    HMAP_FOR_EACH (node, row.node, &walk->net.topo.rows[TOPO_EDGE]) {
        walk_switch_free(node->aux);
        node->aux = NULL;
    }
    net_destroy(&walk->net);
    macmsg_destroy(walk->macmsg);
}
