/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "flows/macdump.h"

#include "flows/fdb.h"
#include "flows/flowmsg.h"
#include "flows/flowset.h"
#include "hash.h"
#include "openflow/openflow.h"
#include "openvswitch/match.h"
#include "openvswitch/ofp-flow.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofpbuf.h"
#include "util.h"

/* A flow-mod as a shape has it. */
#define MACDUMP_TYPE 14         /* OFPT_FLOW_MOD, of OpenFlow 1.1 and later. */
#define MACDUMP_MAX_SIZE 256
#define MACDUMP_HEAD \
    (sizeof(struct ofp_header) + sizeof(struct ofp11_flow_mod))

void
macdump_init(struct macdump *dump)
{
    memset(dump, 0, sizeof *dump);
}

/* Makes 'dump' empty, and gives back its memory. */
void
macdump_clear(struct macdump *dump)
{
    free(dump->flows);
    macdump_init(dump);
}

/* Reading. */

/* Puts the pieces of 'e' together as the flow-mod that would make this flow,
 * at 'msg'.  Returns its size, or 0 if it is too large for one of ours. */
static size_t
macdump_join(const struct flowmsg *e, enum ofp_version version,
             uint64_t msg[MACDUMP_MAX_SIZE / 8])
{
    size_t size = MACDUMP_HEAD + e->match_size + e->instructions_size;
    uint8_t *p = (uint8_t *) msg;

    if (size > MACDUMP_MAX_SIZE) {
        return 0;
    }
    *(struct ofp_header *) msg = (struct ofp_header) {
        .version = version, .type = MACDUMP_TYPE, .length = htons(size),
    };
    memcpy(p + sizeof(struct ofp_header), &e->fm, sizeof e->fm);
    memcpy(p + MACDUMP_HEAD, e->match, e->match_size);
    memcpy(p + MACDUMP_HEAD + e->match_size, e->instructions,
           e->instructions_size);
    return size;
}

/* If the entry at the beginning of 'b', from the body of a flow stats reply of
 * OpenFlow 'version', is a flow of a MAC that has a shape in 'macmsg', pulls
 * it from 'b', keeps it in 'dump' and returns true. */
bool
macdump_take(struct macdump *dump, const struct macmsg *macmsg,
             enum ofp_version version, struct ofpbuf *b)
{
    uint64_t msg[MACDUMP_MAX_SIZE / 8];
    struct flowmsg e;
    struct macmsg_id id;
    size_t size;

    if (!flowmsg_cut(b->data, b->size, version, &e)
        || !(size = macdump_join(&e, version, msg))
        || !macmsg_parse(macmsg, msg, size, &id)) {
        return false;
    }
    ofpbuf_pull(b, e.size);
    if (dump->n == dump->allocated) {
        dump->flows = x2nrealloc(dump->flows, &dump->allocated,
                                 sizeof *dump->flows);
    }
    dump->flows[dump->n++] = (struct macdump_flow) { .id = id };
    return true;
}

/* Comparing. */

struct macdump_comparison {
    struct hmap index;          /* Of struct macdump_flow. */
    struct flowset *want;       /* What is not in there. */
};

static uint32_t
macdump_hash(const struct macmsg_id *id)
{
    return hash_bytes(id, sizeof *id, 0);
}

static void
macdump_look_up(const struct fdb_op *op, void *comparison_)
{
    struct macdump_comparison *comparison = comparison_;
    struct macdump_flow *flow;
    struct macmsg_id id;
    bool found = false;

    if (macmsg_identify(op, &id)) {
        HMAP_FOR_EACH_WITH_HASH (flow, node, macdump_hash(&id),
                                 &comparison->index) {
            if (!memcmp(&flow->id, &id, sizeof id)) {
                flow->wanted = found = true;
            }
        }
    }
    if (!found) {
        fdb_op_add_flow(op, comparison->want);
    }
}

/* Adds to 'set' the flow that 'id' tells. */
static void
macdump_add_flow(const struct macmsg *macmsg, enum ofp_version version,
                 const struct macmsg_id *id, struct flowset *set)
{
    struct ofputil_flow_mod fm;
    struct ofpbuf msg, acts;

    ofpbuf_init(&msg, MACDUMP_MAX_SIZE);
    ofpbuf_init(&acts, 0);
    macmsg_put_id(macmsg, id, 0, &msg);
    /* No number makes it an error. */
    if (!ofputil_decode_flow_mod(
            &fm, msg.data, ofputil_protocol_from_ofp_version(version), NULL,
            NULL, &acts, OFPP_MAX, UINT8_MAX)) {
        flowset_add_flow_mod(set, ntohll(fm.new_cookie), &fm);
        minimatch_destroy(&fm.match);
    }
    ofpbuf_uninit(&acts);
    ofpbuf_uninit(&msg);
}

/* Holds the flows in 'dump' against those that 'node' should have for its
 * MACs, and adds to 'have' those that it should not have, and to 'want' those
 * that are missing. */
void
macdump_compare(struct macdump *dump, const struct macmsg *macmsg,
                enum ofp_version version, const struct topo_node *node,
                struct flowset *have, struct flowset *want)
{
    struct macdump_comparison comparison = { .want = want };

    hmap_init(&comparison.index);
    hmap_reserve(&comparison.index, dump->n);
    for (size_t i = 0; i < dump->n; i++) {
        struct macdump_flow *flow = &dump->flows[i];

        flow->wanted = false;
        hmap_insert_fast(&comparison.index, &flow->node,
                         macdump_hash(&flow->id));
    }
    fdb_node_ops(node, NULL, macdump_look_up, &comparison);
    for (size_t i = 0; i < dump->n; i++) {
        if (!dump->flows[i].wanted) {
            macdump_add_flow(macmsg, version, &dump->flows[i].id, have);
        }
    }
    hmap_destroy(&comparison.index);
}
