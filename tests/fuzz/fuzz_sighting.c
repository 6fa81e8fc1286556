/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* Any OpenFlow messages, as they may come from a switch: packet-ins, removed
 * flows and dumps are decoded, and sightings read from them.  A sighting that
 * is accepted is of a station, at a place that is in force, and can be
 * learned. */

#include <config.h>
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "flows/fdb.h"
#include "flows/flowset.h"
#include "flows/layout.h"
#include "flows/packetin.h"
#include "flows/sighting.h"
#include "flows/topo.h"
#include "openvswitch/ofp-flow.h"
#include "openvswitch/ofp-monitor.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofp-packet.h"
#include "openvswitch/ofpbuf.h"
#include "util.h"

struct fuzz {
    struct topo topo;
    struct fdb fdb;
    struct fdb_ops ops;
    struct topo_node *node;
};

static struct uuid
fuzz_uuid(uint32_t n)
{
    return (struct uuid) { .parts = { n, 0, 0, n } };
}

/* An edge with VLAN 10 of p1 in VNI 5000, and a VTEP of each family. */
static void
fuzz_init(struct fuzz *f)
{
    struct topo_row *row;

    memset(f, 0, sizeof *f);
    topo_init(&f->topo);
    fdb_init(&f->fdb);
    topo_segment_set(&f->topo, &(struct topo_segment_row) {
        .uuid = fuzz_uuid(1), .name = "s1", .vni = 5000, .mac_limit = 4,
        .mac_aging = 300 });
    topo_node_set(&f->topo, &(struct topo_node_row) {
        .uuid = fuzz_uuid(2), .name = "e1", .dpid = "1", .ip = "10.0.0.1",
        .tunnel_port = "genev0" });
    topo_cluster_set(&f->topo, &(struct topo_cluster_row) {
        .uuid = fuzz_uuid(3), .name = "c1", .members = { fuzz_uuid(2) },
        .n_members = 1 });
    topo_attach_set(&f->topo, &(struct topo_attach_row) {
        .table = TOPO_BINDING, .uuid = fuzz_uuid(4), .segment = fuzz_uuid(1),
        .owner = fuzz_uuid(3), .port = "p1", .vlan = 10 });
    topo_vtep_set(&f->topo, &(struct topo_vtep_row) {
        .uuid = fuzz_uuid(5), .segment = fuzz_uuid(1), .ip = "192.0.2.1" });
    topo_vtep_set(&f->topo, &(struct topo_vtep_row) {
        .uuid = fuzz_uuid(6), .segment = fuzz_uuid(1), .ip = "2001:db8::1" });
    topo_settle(&f->topo);

    struct uuid uuid = fuzz_uuid(2);
    row = topo_row(&f->topo, TOPO_EDGE, &uuid);
    f->node = CONTAINER_OF(row, struct topo_node, row);
    topo_node_set_port(&f->topo, f->node, "genev0", u16_to_ofp(1),
                       eth_addr_zero, true, true);
    topo_node_set_port(&f->topo, f->node, "p1", u16_to_ofp(2), eth_addr_zero,
                       true, true);
}

static void
fuzz_destroy(struct fuzz *f)
{
    struct topo_row *row;

    fdb_destroy(&f->fdb);
    fdb_ops_uninit(&f->ops);
    LIST_FOR_EACH_POP (row, error_node, &f->topo.errors) {
        ovs_list_init(&row->error_node);
    }
    topo_destroy(&f->topo);
}

static void
fuzz_learn(struct fuzz *f, const char *error, const struct sighting *s)
{
    uint64_t stub[32];
    struct ofpbuf acts = OFPBUF_STUB_INITIALIZER(stub);

    if (!error) {
        ovs_assert(s->place->segment);
        ovs_assert(!eth_addr_is_multicast(s->mac)
                   && !eth_addr_is_zero(s->mac));
        fdb_sight(&f->fdb, f->node, s->place, s->mac, 0, &f->ops);
        ovs_assert(s->place->segment->n_learned <= 4);
        for (size_t i = 0; i < f->ops.n; i++) {
            struct flowset_spec spec;
            struct match match;

            fdb_op_flow(&f->ops.ops[i], &spec, &match, &acts);
        }
        f->ops.n = 0;
    }
    ofpbuf_uninit(&acts);
}

/* What is read by hand is what is decoded. */
static void
fuzz_compare(const struct ofp_header *oh, const struct packetin *pin)
{
    struct packetin quick;

    if (packetin_read(oh, &quick)) {
        ovs_assert(quick.frame == pin->frame
                   && quick.frame_len == pin->frame_len
                   && quick.table_id == pin->table_id
                   && quick.in_port == pin->in_port
                   && quick.metadata == pin->metadata
                   && quick.reg0 == pin->reg0
                   && ipv6_addr_equals(&quick.tun_src, &pin->tun_src));
    }
}

static void
fuzz_packet_in(struct fuzz *f, const struct ofp_header *oh)
{
    struct packetin pin;
    struct sighting s;

    if (!packetin_decode(oh, &pin)) {
        fuzz_compare(oh, &pin);
        fuzz_learn(f, sighting_from_packet_in(&f->topo, f->node, &pin, &s),
                   &s);
    }
}

static void
fuzz_flow_removed(struct fuzz *f, const struct ofp_header *oh)
{
    struct ofputil_flow_removed fr;
    struct sighting s;

    if (!ofputil_decode_flow_removed(&fr, oh)
        && !sighting_from_source(&f->topo, f->node, &fr.match, &s)) {
        fdb_idle(&f->fdb, f->node, s.place, s.slot, s.mac, &f->ops);
        f->ops.n = 0;
    }
}

static void
fuzz_dump(struct fuzz *f, const struct ofp_header *oh)
{
    struct ofpbuf msg = ofpbuf_const_initializer(oh, ntohs(oh->length));
    uint64_t stub[64];
    struct ofpbuf acts = OFPBUF_STUB_INITIALIZER(stub);
    struct ofputil_flow_stats fs;
    struct flowset_flow *flow;
    struct flowset set;

    flowset_init(&set);
    while (!ofputil_decode_flow_stats_reply(&fs, &msg, false, &acts)) {
        flowset_add_stats(&set, &fs);
    }
    HMAP_FOR_EACH (flow, node, &set.flows) {
        struct sighting s;
        struct match match;

        minimatch_expand(&flow->match, &match);
        fuzz_learn(f, sighting_from_source(&f->topo, f->node, &match, &s),
                   &s);
        fuzz_learn(f, sighting_from_dest(&f->topo, f->node, flow, &s), &s);
    }
    flowset_destroy(&set);
    ofpbuf_uninit(&acts);
}

static void
fuzz_message(struct fuzz *f, const struct ofp_header *oh)
{
    enum ofptype type;

    if (ofptype_decode(&type, oh)) {
        return;
    }
    switch ((int) type) {
    case OFPTYPE_PACKET_IN:
        fuzz_packet_in(f, oh);
        break;
    case OFPTYPE_FLOW_REMOVED:
        fuzz_flow_removed(f, oh);
        break;
    case OFPTYPE_FLOW_STATS_REPLY:
        fuzz_dump(f, oh);
        break;
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz f;

    fuzz_init(&f);
    while (size >= sizeof(struct ofp_header)) {
        uint16_t length;

        memcpy(&length, data + 2, sizeof length);
        length = ntohs(length);
        if (length < sizeof(struct ofp_header) || length > size) {
            break;
        }

        /* Aligned, and with nothing after it. */
        struct ofp_header *oh = xmemdup(data, length);
        fuzz_message(&f, oh);
        free(oh);
        data += length;
        size -= length;
    }
    fuzz_destroy(&f);
    return 0;
}
