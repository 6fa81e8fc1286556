/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* Any OpenFlow messages, as they may come from a switch: packet-ins, removed
 * flows and dumps are decoded, and sightings read from them.  A sighting that
 * is accepted is of a station, at a place that is in force, and can be
 * learned.  What is read by hand, packet-ins and the flows of MACs, is what
 * libopenvswitch decodes. */

#include <config.h>
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "flows/fdb.h"
#include "flows/flowset.h"
#include "flows/macdump.h"
#include "flows/packetin.h"
#include "flows/packetout.h"
#include "flows/sighting.h"
#include "flows/topo.h"
#include "flow.h"
#include "openvswitch/ofp-flow.h"
#include "openvswitch/ofp-monitor.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofp-packet.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/vlog.h"
#include "util.h"

struct fuzz {
    struct topo topo;
    struct fdb fdb;
    struct fdb_ops ops;
    struct topo_node *node;
    struct topo_node *idle;     /* In no segment. */
};

static struct uuid
fuzz_uuid(uint32_t n)
{
    return (struct uuid) { .parts = { n, 0, 0, n } };
}

/* An edge with VLAN 10 of p1 in VNI 5000, a VTEP of each family, and an edge
 * that has nothing to do with it. */
static void
fuzz_init(struct fuzz *f)
{
    memset(f, 0, sizeof *f);
    topo_init(&f->topo);
    fdb_init(&f->fdb);
    topo_segment_set(&f->topo, &(struct topo_segment_row) {
        .uuid = fuzz_uuid(1), .name = "s1", .vni = 5000, .mac_limit = 4,
        .mac_aging = 300, .vtep_limit = 2 });
    topo_node_set(&f->topo, &(struct topo_node_row) {
        .uuid = fuzz_uuid(2), .name = "e1", .dpid = "1", .ip = "10.0.0.1",
        .tunnel_port = "genev0" });
    topo_node_set(&f->topo, &(struct topo_node_row) {
        .uuid = fuzz_uuid(7), .name = "e2", .dpid = "2", .ip = "10.0.0.2",
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

    f->node = topo_node_by_dpid(&f->topo, 1);
    f->idle = topo_node_by_dpid(&f->topo, 2);
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

    if (error && s->lacking) {
        ovs_assert(!topo_vtep_find(&f->topo, s->lacking, &s->vtep));
        free(topo_vtep_learn(&f->topo, s->lacking, &s->vtep, 0));
        ovs_assert(s->lacking->n_learned_vteps <= 2);
    }
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

/* What is read by hand is what is decoded, if it can be. */
static void
fuzz_compare(const struct packetin *quick, const struct packetin *pin)
{
    ovs_assert(quick->frame == pin->frame
               && quick->frame_len == pin->frame_len
               && quick->table_id == pin->table_id
               && quick->in_port == pin->in_port
               && quick->metadata == pin->metadata
               && quick->reg0 == pin->reg0
               && ipv6_addr_equals(&quick->tun_src, &pin->tun_src));
}

/* As edge_receive(), which reads by hand before it knows the type. */
static void
fuzz_packet_in(struct fuzz *f, const struct ofp_header *oh, bool is_packet_in)
{
    struct packetin quick, pin;
    struct packetout_probe probe;
    bool read = packetin_read(oh, &quick);
    bool decoded = is_packet_in && !packetin_decode(oh, &pin);
    struct sighting s;

    if (read && decoded) {
        fuzz_compare(&quick, &pin);
    } else if (read) {
        pin = quick;
    } else if (!decoded) {
        return;
    }
    packetout_read(pin.frame, pin.frame_len, &probe);
    fuzz_learn(f, sighting_from_packet_in(&f->topo, f->node, &pin, &s), &s);
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

/* Decodes the body 'b' of a dump into 'set', and adds to '*n' how many flows
 * there are.  Returns false if it is malformed. */
static bool
fuzz_decode(struct ofpbuf b, struct flowset *set, size_t *n)
{
    uint64_t stub[64];
    struct ofpbuf acts = OFPBUF_STUB_INITIALIZER(stub);
    struct ofputil_flow_stats fs;
    int retval;

    while (!(retval = ofputil_decode_flow_stats_reply(&fs, &b, false,
                                                      &acts))) {
        flowset_add_stats(set, &fs);
        ++*n;
    }
    ofpbuf_uninit(&acts);
    return retval == EOF;
}

/* The same with the flows of MACs told by their numbers, where they can be. */
static bool
fuzz_take(const struct fuzz *f, struct ofpbuf b, enum ofp_version version,
          struct flowset *set)
{
    struct macmsg *macmsg
        = macmsg_create(ofputil_protocol_from_ofp_version(version));
    uint64_t stub[64];
    struct ofpbuf acts = OFPBUF_STUB_INITIALIZER(stub);
    struct ofputil_flow_stats fs;
    struct flowset want;
    struct macdump dump;
    bool more;
    int retval;

    macdump_init(&dump);
    do {
        do {
            more = macdump_take(&dump, macmsg, version, &b);
        } while (more);
        retval = ofputil_decode_flow_stats_reply(&fs, &b, false, &acts);
        if (!retval) {
            flowset_add_stats(set, &fs);
        }
    } while (!retval);

    /* Of a node that is in no segment, all of them are too many. */
    flowset_init(&want);
    macdump_compare(&dump, macmsg, version, f->idle, set, &want);
    ovs_assert(!flowset_count(&want));
    flowset_destroy(&want);
    macdump_clear(&dump);
    macmsg_destroy(macmsg);
    ofpbuf_uninit(&acts);
    return retval == EOF;
}

/* Of flows that have one identity, as no switch has, either set may have any,
 * if 'unique' is false. */
static void
fuzz_compare_sets(const struct flowset *a, const struct flowset *b,
                  bool unique)
{
    const struct flowset_flow *flow, *other;

    ovs_assert(flowset_count(a) == flowset_count(b));
    HMAP_FOR_EACH (flow, node, &a->flows) {
        other = flowset_find(b, flow);
        ovs_assert(other && (!unique || flowset_flow_same(flow, other)));
    }
}

static void
fuzz_dump(struct fuzz *f, const struct ofp_header *oh)
{
    struct ofpbuf msg = ofpbuf_const_initializer(oh, ntohs(oh->length));
    struct flowset_flow *flow;
    struct flowset set, taken;
    size_t n = 0;

    ofpraw_pull_assert(&msg);
    flowset_init(&set);
    flowset_init(&taken);
    if (fuzz_decode(msg, &set, &n)
        && fuzz_take(f, msg, oh->version, &taken)) {
        fuzz_compare_sets(&set, &taken, n == flowset_count(&set));
    }
    HMAP_FOR_EACH (flow, node, &set.flows) {
        struct sighting s;
        struct match match;

        minimatch_expand(&flow->match, &match);
        fuzz_learn(f, sighting_from_source(&f->topo, f->node, &match, &s),
                   &s);
        fuzz_learn(f, sighting_from_dest(&f->topo, f->node, flow, &s), &s);
    }
    flowset_destroy(&taken);
    flowset_destroy(&set);
}

static void
fuzz_message(struct fuzz *f, const struct ofp_header *oh)
{
    enum ofptype type;

    if (oh->version < OFP13_VERSION || oh->version > OFP15_VERSION) {
        return;                 /* No connection would agree on it. */
    }
    if (ofptype_decode(&type, oh)) {
        type = OFPTYPE_HELLO;   /* Anything else than these. */
    }
    fuzz_packet_in(f, oh, type == OFPTYPE_PACKET_IN);
    if (type == OFPTYPE_FLOW_REMOVED) {
        fuzz_flow_removed(f, oh);
    } else if (type == OFPTYPE_FLOW_STATS_REPLY) {
        fuzz_dump(f, oh);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz f;

    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_OFF);
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
