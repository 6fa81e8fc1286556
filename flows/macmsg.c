/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "flows/macmsg.h"

#include "byte-order.h"
#include "flow.h"
#include "flows/fdb.h"
#include "flows/flowset.h"
#include "flows/layout.h"
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
            fm.cookie_mask = htonll(LAYOUT_COOKIE_EXACT);
        }
        msg = ofputil_encode_flow_mod(&fm, protocol);
        minimatch_destroy(&fm.match);
        ofpmsg_update_length(msg);
        ((struct ofp_header *) msg->data)->xid = xid;
    }
    ofpbuf_uninit(&acts);
    return msg;
}

/* The numbers in which messages of one shape differ. */
#define MACMSG_FIELD(MEMBER)                        \
    { offsetof(struct macmsg_id, MEMBER),           \
      MEMBER_SIZEOF(struct macmsg_id, MEMBER) }
static const struct macmsg_field {
    uint8_t offset, size;       /* In struct macmsg_id. */
} macmsg_fields[] = {
    MACMSG_FIELD(vni), MACMSG_FIELD(slot), MACMSG_FIELD(tag),
    MACMSG_FIELD(cluster), MACMSG_FIELD(ip), MACMSG_FIELD(aging),
    MACMSG_FIELD(mac),
};

#define MACMSG_MAX_SIZE 248
#define MACMSG_MAX_PATCHES 8

struct macmsg_template {
    uint64_t bytes[MACMSG_MAX_SIZE / 8];
    uint64_t fixed[MACMSG_MAX_SIZE / 8];    /* All ones but for xid and
                                             * numbers. */
    uint16_t size;              /* A multiple of 8, as of all flow-mods. */
    uint8_t n_patches;
    struct macmsg_patch {
        uint8_t offset, field;
    } patches[MACMSG_MAX_PATCHES];
};

struct macmsg {
    struct macmsg_template templates[MACMSG_N_SHAPES];
};

/* Stores the address of a VTEP.  Returns false if it is IPv6. */
static bool
macmsg_set_ip(struct macmsg_id *id, const struct in6_addr *ip)
{
    id->ip = in6_addr_get_mapped_ipv4(ip);
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
macmsg_identify_dest(const struct fdb_op *op, struct macmsg_id *id)
{
    const struct topo_place *place = op->m.place;

    if (!place->segment) {
        return false;
    }
    if (place->type == TOPO_PLACE_VTEP) {
        id->shape = MACMSG_DEST_VTEP;
        return macmsg_set_ip(id, macmsg_vtep_ip(place));
    }

    const struct topo_attach *attach = CONTAINER_OF(place, struct topo_attach,
                                                    place);
    const struct topo_claim *claim = topo_attach_claim(attach, op->node);
    if (claim) {
        id->shape = attach->cluster ? MACMSG_DEST_GATE : MACMSG_DEST_PORT;
        id->slot = htonl(claim->slot);
        return claim->slot;
    }
    id->tag = htonl(pipeline_place_tag(place));
    if (attach->cluster) {
        id->shape = MACMSG_DEST_CLUSTER;
        id->cluster = htonl(attach->cluster->id);
        return true;
    }
    id->shape = MACMSG_DEST_NODE;
    return macmsg_set_ip(id, &attach->claims[0].node->ip);
}

/* Finds the shape of the message for 'op', and its numbers.  Returns false if
 * it has none. */
bool
macmsg_identify(const struct fdb_op *op, struct macmsg_id *id)
{
    const struct topo_segment *segment = op->m.segment;

    if (op->m.is_static) {
        return false;
    }
    memset(id, 0, sizeof *id);
    id->vni = htonl(segment->vni);
    id->mac = op->m.mac;
    if (!op->source) {
        id->shape = MACMSG_DEST_DEL;
        return !op->add || macmsg_identify_dest(op, id);
    }
    if (op->add) {
        id->aging = htons(pipeline_source_timeout(op->node, segment));
    }
    if (op->slot) {
        id->shape = op->add ? MACMSG_SOURCE_SLOT : MACMSG_SOURCE_SLOT_DEL;
        id->slot = htonl(op->slot);
        return true;
    }
    id->shape = op->add ? MACMSG_SOURCE_VTEP : MACMSG_SOURCE_VTEP_DEL;
    return macmsg_set_ip(id, macmsg_vtep_ip(op->m.place));
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
    w->attach.claims = &w->claim;
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

/* Notes in 't' where its message has the number 'field' of 'id'. */
static void
macmsg_find_patches(struct macmsg_template *t, size_t field,
                    const struct macmsg_id *id)
{
    const struct macmsg_field *f = &macmsg_fields[field];
    const uint8_t *value = (const uint8_t *) id + f->offset;

    for (size_t i = 0; i + f->size <= t->size; i++) {
        if (!memcmp((uint8_t *) t->bytes + i, value, f->size)) {
            ovs_assert(t->n_patches < MACMSG_MAX_PATCHES);
            t->patches[t->n_patches++] = (struct macmsg_patch) { i, field };
            memset((uint8_t *) t->fixed + i, 0, f->size);
        }
    }
}

static void
macmsg_template_init(struct macmsg_template *t, enum macmsg_shape shape,
                     enum ofputil_protocol protocol)
{
    struct macmsg_id id;
    struct macmsg_world w;

    macmsg_world_init(&w, shape);
    struct fdb_op op = macmsg_world_op(&w, shape);
    struct ofpbuf *msg = macmsg_encode(&op, protocol, 0);
    ovs_assert(msg->size <= MACMSG_MAX_SIZE && msg->size % 8 == 0);
    t->size = msg->size;
    memcpy(t->bytes, msg->data, msg->size);
    ofpbuf_delete(msg);

    memset(t->fixed, 0xff, sizeof t->fixed);
    memset((uint8_t *) t->fixed + offsetof(struct ofp_header, xid), 0,
           MEMBER_SIZEOF(struct ofp_header, xid));
    ovs_assert(macmsg_identify(&op, &id) && id.shape == shape);
    for (size_t field = 0; field < ARRAY_SIZE(macmsg_fields); field++) {
        const struct macmsg_field *f = &macmsg_fields[field];

        if (!is_all_zeros((const uint8_t *) &id + f->offset, f->size)) {
            macmsg_find_patches(t, field, &id);
        }
    }
}

/* Returns the messages for 'protocol'. */
struct macmsg *
macmsg_create(enum ofputil_protocol protocol)
{
    struct macmsg *macmsg = xzalloc(sizeof *macmsg);

    for (int shape = 0; shape < MACMSG_N_SHAPES; shape++) {
        macmsg_template_init(&macmsg->templates[shape], shape, protocol);
    }
    return macmsg;
}

void
macmsg_destroy(struct macmsg *macmsg)
{
    free(macmsg);
}

/* Appends the message that 'id' tells to 'b'. */
void
macmsg_put_id(const struct macmsg *macmsg, const struct macmsg_id *id,
              ovs_be32 xid, struct ofpbuf *b)
{
    const struct macmsg_template *t = &macmsg->templates[id->shape];
    uint8_t *p = ofpbuf_put(b, t->bytes, t->size);

    memcpy(p + offsetof(struct ofp_header, xid), &xid, sizeof xid);
    for (size_t i = 0; i < t->n_patches; i++) {
        const struct macmsg_patch *patch = &t->patches[i];
        const struct macmsg_field *f = &macmsg_fields[patch->field];

        memcpy(p + patch->offset, (const uint8_t *) id + f->offset, f->size);
    }
}

/* Appends the message for 'op' to 'b'.  Returns false if it is not one of
 * those that can be made that way, and for macmsg_encode(). */
bool
macmsg_put(const struct macmsg *macmsg, const struct fdb_op *op,
           ovs_be32 xid, struct ofpbuf *b)
{
    struct macmsg_id id;

    if (!macmsg_identify(op, &id)) {
        return false;
    }
    macmsg_put_id(macmsg, &id, xid, b);
    return true;
}

/* Whether the message at 'msg', of the size of 't', is one of 't' but for the
 * numbers. */
static bool
macmsg_template_fits(const struct macmsg_template *t, const uint64_t *msg)
{
    uint64_t differ = 0;

    for (size_t i = 0; i < t->size / 8; i++) {
        differ |= (t->bytes[i] ^ msg[i]) & t->fixed[i];
    }
    return !differ;
}

/* Reads the numbers of the message at 'msg', which fits 't', into 'id'.
 * Returns false if one stands there twice and is not the same. */
static bool
macmsg_read(const struct macmsg_template *t, const uint64_t *msg,
            struct macmsg_id *id)
{
    for (size_t i = 0; i < t->n_patches; i++) {
        const struct macmsg_patch *patch = &t->patches[i];
        const struct macmsg_field *f = &macmsg_fields[patch->field];
        const uint8_t *value = (const uint8_t *) msg + patch->offset;
        uint8_t *dst = (uint8_t *) id + f->offset;

        if (i && patch->field == patch[-1].field
            && memcmp(dst, value, f->size)) {
            return false;
        }
        memcpy(dst, value, f->size);
    }
    return true;
}

/* Finds out which of our messages the one at 'msg', which has 'size' bytes,
 * is.  Returns false if it is none. */
bool
macmsg_parse(const struct macmsg *macmsg, const uint64_t *msg, size_t size,
             struct macmsg_id *id)
{
    for (int shape = 0; shape < MACMSG_N_SHAPES; shape++) {
        const struct macmsg_template *t = &macmsg->templates[shape];

        if (size == t->size && macmsg_template_fits(t, msg)) {
            memset(id, 0, sizeof *id);
            id->shape = shape;
            return macmsg_read(t, msg, id);
        }
    }
    return false;
}
