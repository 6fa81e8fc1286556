/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "flows/macmsg.h"

#include "byte-order.h"
#include "flow.h"
#include "flows/fdb.h"
#include "flows/flowset.h"
#include "flows/topo.h"
#include "openflow/openflow.h"
#include "openvswitch/match.h"
#include "openvswitch/ofp-flow.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofpbuf.h"
#include "util.h"

/* Returns the flow-mod for 'op', or NULL if its node gets none.  The caller
 * frees it. */
struct ofpbuf *
macmsg_encode(const struct fdb_op *op, enum ofputil_protocol protocol,
              ovs_be32 xid)
{
    uint64_t stub[256 / 8];
    struct ofpbuf acts = OFPBUF_STUB_INITIALIZER(stub);
    struct ofpbuf *msg = NULL;
    struct flowset_spec spec;
    struct match match;

    if (fdb_op_flow(op, &spec, &match, &acts)) {
        struct ofputil_flow_mod fm = {
            .priority = spec.priority,
            .table_id = spec.table,
            .command = op->add ? OFPFC_ADD : OFPFC_DELETE_STRICT,
            .new_cookie = op->add ? htonll(spec.cookie) : OVS_BE64_MAX,
            .buffer_id = UINT32_MAX,
            .out_port = OFPP_ANY,
            .out_group = OFPG_ANY,
        };

        minimatch_init(&fm.match, &match);
        if (op->add) {
            fm.idle_timeout = spec.idle_timeout;
            fm.flags = spec.flags;
            fm.ofpacts = acts.data;
            fm.ofpacts_len = acts.size;
        } else {
            fm.cookie = htonll(spec.cookie);
            fm.cookie_mask = OVS_BE64_MAX;
        }
        msg = ofputil_encode_flow_mod(&fm, protocol);
        minimatch_destroy(&fm.match);
        ofpmsg_update_length(msg);
        ((struct ofp_header *) msg->data)->xid = xid;
    }
    ofpbuf_uninit(&acts);
    return msg;
}

/* The numbers in which messages of one shape differ, as they are on the
 * wire. */
enum macmsg_field {
    MACMSG_VNI, MACMSG_SLOT, MACMSG_TAG, MACMSG_CLUSTER, MACMSG_IP,
    MACMSG_AGING, MACMSG_MAC,
    MACMSG_N_FIELDS
};

static const size_t macmsg_sizes[MACMSG_N_FIELDS] = {
    [MACMSG_VNI] = 4, [MACMSG_SLOT] = 4, [MACMSG_TAG] = 4,
    [MACMSG_CLUSTER] = 4, [MACMSG_IP] = 4, [MACMSG_AGING] = 2,
    [MACMSG_MAC] = 6,
};

struct macmsg_values {
    uint8_t bytes[MACMSG_N_FIELDS][8];
};

enum macmsg_shape {
    MACMSG_SOURCE_SLOT,         /* Add to SOURCE, seen at a port. */
    MACMSG_SOURCE_VTEP,
    MACMSG_SOURCE_SLOT_DEL,
    MACMSG_SOURCE_VTEP_DEL,
    MACMSG_DEST_GATE,           /* Add to DEST: here, behind a gate. */
    MACMSG_DEST_PORT,           /* Here, at a host port. */
    MACMSG_DEST_CLUSTER,        /* On the active edge of a cluster. */
    MACMSG_DEST_NODE,           /* On another node. */
    MACMSG_DEST_VTEP,
    MACMSG_DEST_DEL,
    MACMSG_N_SHAPES
};

#define MACMSG_MAX_SIZE 248
#define MACMSG_MAX_PATCHES 8

struct macmsg_template {
    uint8_t bytes[MACMSG_MAX_SIZE];
    uint16_t size;
    uint8_t n_patches;
    struct macmsg_patch {
        uint8_t offset, field;
    } patches[MACMSG_MAX_PATCHES];
};

struct macmsg {
    struct macmsg_template templates[MACMSG_N_SHAPES];
};

static void
macmsg_set32(struct macmsg_values *v, enum macmsg_field field, uint32_t value)
{
    ovs_be32 be = htonl(value);

    memcpy(v->bytes[field], &be, sizeof be);
}

/* Stores the address of a VTEP.  Returns false if it is IPv6. */
static bool
macmsg_set_ip(struct macmsg_values *v, const struct in6_addr *ip)
{
    ovs_be32 ip4 = in6_addr_get_mapped_ipv4(ip);

    memcpy(v->bytes[MACMSG_IP], &ip4, sizeof ip4);
    return IN6_IS_ADDR_V4MAPPED(ip);
}

static const struct in6_addr *
macmsg_vtep_ip(const struct topo_place *place)
{
    return &CONTAINER_OF(place, struct topo_vtep, place)->ip;
}

/* Finds the shape of the flow of DEST that 'op' adds, and its numbers.  What
 * is said about one in pipeline_dest() is not repeated. */
static bool
macmsg_find_dest(const struct fdb_op *op, enum macmsg_shape *shape,
                 struct macmsg_values *v)
{
    const struct topo_place *place = op->m.place;

    if (!place->segment) {
        return false;
    }
    if (place->type == TOPO_PLACE_VTEP) {
        *shape = MACMSG_DEST_VTEP;
        return macmsg_set_ip(v, macmsg_vtep_ip(place));
    }

    const struct topo_attach *attach = CONTAINER_OF(place, struct topo_attach,
                                                    place);
    const struct topo_claim *claim = topo_attach_claim(attach, op->node);
    if (claim) {
        *shape = attach->cluster ? MACMSG_DEST_GATE : MACMSG_DEST_PORT;
        macmsg_set32(v, MACMSG_SLOT, claim->slot);
        return claim->slot;
    }
    macmsg_set32(v, MACMSG_TAG, pipeline_place_tag(place));
    if (attach->cluster) {
        *shape = MACMSG_DEST_CLUSTER;
        macmsg_set32(v, MACMSG_CLUSTER, attach->cluster->id);
        return true;
    }
    *shape = MACMSG_DEST_NODE;
    return macmsg_set_ip(v, &attach->claims[0]->node->ip);
}

/* Finds the shape of the message for 'op', and its numbers.  Returns false if
 * it has none. */
static bool
macmsg_find(const struct fdb_op *op, enum macmsg_shape *shape,
            struct macmsg_values *v)
{
    const struct topo_segment *segment = op->m.segment;
    ovs_be16 aging = htons(segment->mac_aging);

    if (op->m.is_static) {
        return false;
    }
    macmsg_set32(v, MACMSG_VNI, segment->vni);
    memcpy(v->bytes[MACMSG_AGING], &aging, sizeof aging);
    memcpy(v->bytes[MACMSG_MAC], &op->m.mac, sizeof op->m.mac);
    if (op->source && op->slot) {
        *shape = op->add ? MACMSG_SOURCE_SLOT : MACMSG_SOURCE_SLOT_DEL;
        macmsg_set32(v, MACMSG_SLOT, op->slot);
        return true;
    } else if (op->source) {
        *shape = op->add ? MACMSG_SOURCE_VTEP : MACMSG_SOURCE_VTEP_DEL;
        return macmsg_set_ip(v, macmsg_vtep_ip(op->m.place));
    } else if (!op->add) {
        *shape = MACMSG_DEST_DEL;
        return true;
    }
    return macmsg_find_dest(op, shape, v);
}

/* Templates. */

/* A world just large enough for one operation of each shape, in which every
 * number occurs nowhere else in a message. */
struct macmsg_world {
    struct topo_segment segment;
    struct topo_cluster cluster;
    struct topo_node here, there;
    struct topo_claim claim;
    struct topo_attach attach;
    struct topo_vtep vtep;
};

static void
macmsg_world_init(struct macmsg_world *w, enum macmsg_shape shape)
{
    memset(w, 0, sizeof *w);
    w->segment.vni = 0xb1c2d3e4;
    w->segment.mac_aging = 0xa7b9;
    w->cluster.id = 0xb4c5d6e7;
    in6_addr_set_mapped_ipv4(&w->there.ip, htonl(0xb5c6d7e8));
    w->claim.node = shape == MACMSG_DEST_NODE ? &w->there : &w->here;
    w->claim.attach = &w->attach;
    w->claim.slot = 0xb2c3d4e5;
    w->attach.place.type = TOPO_PLACE_ATTACH;
    w->attach.place.segment = &w->segment;
    w->attach.place.row.uuid.parts[0] = 0xb3c4d5e6;
    w->attach.cluster = (shape == MACMSG_DEST_PORT
                         || shape == MACMSG_DEST_NODE ? NULL : &w->cluster);
    w->attach.n_claims = shape != MACMSG_DEST_CLUSTER;
    w->attach.claims[0] = &w->claim;
    w->vtep.place.type = TOPO_PLACE_VTEP;
    w->vtep.place.segment = &w->segment;
    w->vtep.ip = w->there.ip;
}

static struct fdb_op
macmsg_world_op(struct macmsg_world *w, enum macmsg_shape shape)
{
    bool at_vtep = (shape == MACMSG_SOURCE_VTEP
                    || shape == MACMSG_SOURCE_VTEP_DEL
                    || shape == MACMSG_DEST_VTEP);
    bool source = shape <= MACMSG_SOURCE_VTEP_DEL;

    return (struct fdb_op) {
        .node = &w->here,
        .source = source,
        .add = (shape != MACMSG_SOURCE_SLOT_DEL
                && shape != MACMSG_SOURCE_VTEP_DEL
                && shape != MACMSG_DEST_DEL),
        .slot = source && !at_vtep ? w->claim.slot : 0,
        .m = {
            .segment = &w->segment,
            .mac = ETH_ADDR_C(b6,c7,d8,e9,fa,1b),
            .place = at_vtep ? &w->vtep.place : &w->attach.place,
        },
    };
}

/* Notes in 't' where its message has the number 'field' with 'value'. */
static void
macmsg_find_patches(struct macmsg_template *t, enum macmsg_field field,
                    const uint8_t *value)
{
    size_t size = macmsg_sizes[field];

    for (size_t i = 0; i + size <= t->size; i++) {
        if (!memcmp(t->bytes + i, value, size)) {
            ovs_assert(t->n_patches < MACMSG_MAX_PATCHES);
            t->patches[t->n_patches++] = (struct macmsg_patch) { i, field };
        }
    }
}

/* Returns the messages for 'protocol'. */
struct macmsg *
macmsg_create(enum ofputil_protocol protocol)
{
    struct macmsg *macmsg = xzalloc(sizeof *macmsg);

    for (int shape = 0; shape < MACMSG_N_SHAPES; shape++) {
        struct macmsg_template *t = &macmsg->templates[shape];
        struct macmsg_values v = { .bytes = { { 0 } } };
        enum macmsg_shape found;
        struct macmsg_world w;

        macmsg_world_init(&w, shape);
        struct fdb_op op = macmsg_world_op(&w, shape);
        struct ofpbuf *msg = macmsg_encode(&op, protocol, 0);
        ovs_assert(msg->size <= MACMSG_MAX_SIZE);
        t->size = msg->size;
        memcpy(t->bytes, msg->data, msg->size);
        ofpbuf_delete(msg);
        ovs_assert(macmsg_find(&op, &found, &v) && found == shape);
        for (int field = 0; field < MACMSG_N_FIELDS; field++) {
            static const uint8_t none[8];

            if (memcmp(v.bytes[field], none, sizeof none)) {
                macmsg_find_patches(t, field, v.bytes[field]);
            }
        }
    }
    return macmsg;
}

void
macmsg_destroy(struct macmsg *macmsg)
{
    free(macmsg);
}

/* Appends the message for 'op' to 'b'.  Returns false if it is not one of
 * those that can be made that way, and for macmsg_encode(). */
bool
macmsg_put(const struct macmsg *macmsg, const struct fdb_op *op,
           ovs_be32 xid, struct ofpbuf *b)
{
    const struct macmsg_template *t;
    enum macmsg_shape shape;
    struct macmsg_values v;

    if (!macmsg_find(op, &shape, &v)) {
        return false;
    }
    t = &macmsg->templates[shape];

    uint8_t *p = ofpbuf_put(b, t->bytes, t->size);
    memcpy(p + offsetof(struct ofp_header, xid), &xid, sizeof xid);
    for (size_t i = 0; i < t->n_patches; i++) {
        const struct macmsg_patch *patch = &t->patches[i];

        memcpy(p + patch->offset, v.bytes[patch->field],
               macmsg_sizes[patch->field]);
    }
    return true;
}
