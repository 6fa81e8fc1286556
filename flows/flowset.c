/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "flows/flowset.h"

#include "byte-order.h"
#include "flow.h"
#include "hash.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/ofp-flow.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/tun-metadata.h"
#include "util.h"

void
flowset_init(struct flowset *set)
{
    hmap_init(&set->flows);
    hmap_init(&set->owners);
}

void
flowset_clear(struct flowset *set)
{
    struct flowset_flow *flow;

    HMAP_FOR_EACH_SAFE (flow, node, &set->flows) {
        flowset_remove(set, flow);
    }
}

void
flowset_destroy(struct flowset *set)
{
    flowset_clear(set);
    hmap_destroy(&set->flows);
    hmap_destroy(&set->owners);
}

void
flowset_swap(struct flowset *a, struct flowset *b)
{
    hmap_swap(&a->flows, &b->flows);
    hmap_swap(&a->owners, &b->owners);
}

const struct flowset_owner *
flowset_owner(const struct flowset *set, uint64_t cookie)
{
    const struct flowset_owner *owner;

    HMAP_FOR_EACH_WITH_HASH (owner, node, hash_uint64(cookie),
                             &set->owners) {
        if (owner->cookie == cookie) {
            return owner;
        }
    }
    return NULL;
}

static struct flowset_owner *
flowset_owner_make(struct flowset *set, uint64_t cookie)
{
    struct flowset_owner *owner
        = CONST_CAST(struct flowset_owner *, flowset_owner(set, cookie));

    if (!owner) {
        owner = xmalloc(sizeof *owner);
        owner->cookie = cookie;
        ovs_list_init(&owner->flows);
        hmap_insert(&set->owners, &owner->node, hash_uint64(cookie));
    }
    return owner;
}

struct flowset_flow *
flowset_find(const struct flowset *set, const struct flowset_flow *like)
{
    struct flowset_flow *flow;

    HMAP_FOR_EACH_WITH_HASH (flow, node, like->node.hash, &set->flows) {
        if (flow->table == like->table && flow->priority == like->priority
            && minimatch_equal(&flow->match, &like->match)) {
            return flow;
        }
    }
    return NULL;
}

static void
flowset_flow_destroy(struct flowset_flow *flow)
{
    free(flow->match.tun_md);
    free(flow);
}

/* Takes 'flow' out of 'set', without destroying it. */
static void
flowset_unlink(struct flowset *set, struct flowset_flow *flow)
{
    struct flowset_owner *owner = flowset_owner_make(set, flow->cookie);

    hmap_remove(&set->flows, &flow->node);
    ovs_list_remove(&flow->owner_node);
    if (ovs_list_is_empty(&owner->flows)) {
        hmap_remove(&set->owners, &owner->node);
        free(owner);
    }
}

/* Takes 'flow' out of 'set' and destroys it. */
void
flowset_remove(struct flowset *set, struct flowset_flow *flow)
{
    flowset_unlink(set, flow);
    flowset_flow_destroy(flow);
}

/* Puts 'flow', which 'set' comes to own, in the place of its like. */
static void
flowset_insert(struct flowset *set, struct flowset_flow *flow)
{
    struct flowset_flow *old = flowset_find(set, flow);

    if (old) {
        flowset_remove(set, old);
    }
    hmap_insert(&set->flows, &flow->node, flow->node.hash);
    ovs_list_push_back(&flowset_owner_make(set, flow->cookie)->flows,
                       &flow->owner_node);
}

/* Moves 'flow' from one set to another, replacing its like there. */
void
flowset_move(struct flowset *to, struct flowset *from,
             struct flowset_flow *flow)
{
    flowset_unlink(from, flow);
    flowset_insert(to, flow);
}

/* Returns the flow that 'spec' describes, in no set yet. */
static struct flowset_flow *
flowset_flow_create(const struct flowset_spec *spec)
{
    size_t ofpacts_len = spec->ofpacts ? spec->ofpacts->size : 0;
    struct miniflow map;

    miniflow_map_init(&map, &spec->match->wc.masks);

    size_t n_values = miniflow_n_values(&map);
    size_t size = sizeof map + MINIFLOW_VALUES_SIZE(n_values);
    struct flowset_flow *flow = xzalloc(sizeof *flow + 2 * size + ofpacts_len);
    uint8_t *p = (uint8_t *) flow->data;

    flow->table = spec->table;
    flow->priority = spec->priority;
    flow->cookie = spec->cookie;
    flow->idle_timeout = spec->idle_timeout;
    flow->hard_timeout = spec->hard_timeout;
    flow->flags = spec->flags;

    /* As minimatch_init(), which makes two pieces of it. */
    flow->match.flow = (struct miniflow *) p;
    *flow->match.flow = map;
    miniflow_init(flow->match.flow, &spec->match->flow);
    flow->match.mask = (struct minimask *) (p + size);
    flow->match.mask->masks = map;
    minimask_init(flow->match.mask, &spec->match->wc);
    flow->match.tun_md = tun_metadata_allocation_clone(&spec->match->tun_md);

    if (ofpacts_len) {
        flow->ofpacts = (struct ofpact *) (p + 2 * size);
        flow->ofpacts_len = ofpacts_len;
        memcpy(flow->ofpacts, spec->ofpacts->data, ofpacts_len);
    }
    flow->node.hash = hash_2words(minimatch_hash(&flow->match, 0),
                                  flow->table << 16 | flow->priority);
    return flow;
}

/* Adds to 'set' the flow that 'spec' describes, replacing its like. */
void
flowset_add(struct flowset *set, const struct flowset_spec *spec)
{
    flowset_insert(set, flowset_flow_create(spec));
}

/* Adds to 'set', with 'cookie', the flow that 'fm' adds. */
void
flowset_add_flow_mod(struct flowset *set, uint64_t cookie,
                     const struct ofputil_flow_mod *fm)
{
    struct match match;
    struct ofpbuf acts = ofpbuf_const_initializer(fm->ofpacts,
                                                  fm->ofpacts_len);

    minimatch_expand(&fm->match, &match);
    flowset_add(set, &(struct flowset_spec) {
        .table = fm->table_id, .priority = fm->priority, .cookie = cookie,
        .idle_timeout = fm->idle_timeout, .hard_timeout = fm->hard_timeout,
        .flags = fm->flags & OFPUTIL_FF_STATE, .match = &match,
        .ofpacts = &acts,
    });
}

/* Adds to 'set' the flow that 'text' describes in the syntax of ovs-ofctl(8),
 * with 'cookie'.  Returns NULL, or an error that the caller frees. */
char *
flowset_add_str(struct flowset *set, uint64_t cookie, const char *text)
{
    enum ofputil_protocol usable;
    struct ofputil_flow_mod fm;
    char *error = parse_ofp_flow_mod_str(&fm, text, NULL, NULL, OFPFC_ADD,
                                         &usable);
    if (error) {
        return error;
    }

    flowset_add_flow_mod(set, cookie, &fm);
    minimatch_destroy(&fm.match);
    free(CONST_CAST(struct ofpact *, fm.ofpacts));
    return NULL;
}

/* Adds to 'set' a flow that a switch reported. */
void
flowset_add_stats(struct flowset *set, const struct ofputil_flow_stats *fs)
{
    struct ofpbuf acts = ofpbuf_const_initializer(fs->ofpacts,
                                                  fs->ofpacts_len);

    flowset_add(set, &(struct flowset_spec) {
        .table = fs->table_id, .priority = fs->priority,
        .cookie = ntohll(fs->cookie), .idle_timeout = fs->idle_timeout,
        .hard_timeout = fs->hard_timeout,
        .flags = fs->flags & OFPUTIL_FF_STATE, .match = &fs->match,
        .ofpacts = &acts,
    });
}

static bool flowset_ofpacts_same(const struct ofpact *, size_t,
                                 const struct ofpact *, size_t);

/* Whether two actions are the same, but for how they were encoded on the wire,
 * which we do not care about. */
static bool
flowset_ofpact_same(const struct ofpact *a, const struct ofpact *b)
{
    if (a->type != b->type || a->len != b->len) {
        return false;
    }
    if (a->type == OFPACT_SET_FIELD) {
        /* Not byte by byte, for there is padding between value and mask. */
        const struct ofpact_set_field *sa = ofpact_get_SET_FIELD(a);
        const struct ofpact_set_field *sb = ofpact_get_SET_FIELD(b);

        return (sa->field == sb->field
                && !memcmp(sa->value, sb->value, sa->field->n_bytes)
                && !memcmp(ofpact_set_field_mask(sa),
                           ofpact_set_field_mask(sb), sa->field->n_bytes));
    } else if (a->type == OFPACT_METER) {
        /* The rest is for use within a switch. */
        return (ofpact_get_METER(a)->meter_id
                == ofpact_get_METER(b)->meter_id);
    } else if (a->type == OFPACT_CLONE) {
        const struct ofpact_nest *na = ofpact_get_CLONE(a);
        const struct ofpact_nest *nb = ofpact_get_CLONE(b);

        return flowset_ofpacts_same(na->actions,
                                    ofpact_nest_get_action_len(na),
                                    nb->actions,
                                    ofpact_nest_get_action_len(nb));
    }
    return !memcmp(a + 1, b + 1, a->len - sizeof *a);
}

static bool
flowset_ofpacts_same(const struct ofpact *a, size_t a_len,
                     const struct ofpact *b, size_t b_len)
{
    const struct ofpact *a_end = ofpact_end(a, a_len);

    if (a_len != b_len) {
        return false;
    }
    for (; a < a_end; a = ofpact_next(a), b = ofpact_next(b)) {
        if (!flowset_ofpact_same(a, b)) {
            return false;
        }
    }
    return true;
}

bool
flowset_flow_same_actions(const struct flowset_flow *a,
                          const struct flowset_flow *b)
{
    /* A few actions have more than one form in memory, too. */
    return (flowset_ofpacts_same(a->ofpacts, a->ofpacts_len,
                                 b->ofpacts, b->ofpacts_len)
            || ofpacts_equal_stringwise(a->ofpacts, a->ofpacts_len,
                                        b->ofpacts, b->ofpacts_len));
}

/* Whether two flows of one identity are the same in all else too. */
bool
flowset_flow_same(const struct flowset_flow *a, const struct flowset_flow *b)
{
    return (a->cookie == b->cookie
            && a->idle_timeout == b->idle_timeout
            && a->hard_timeout == b->hard_timeout
            && a->flags == b->flags
            && flowset_flow_same_actions(a, b));
}

/* Appends to 's' the flow in the syntax of ovs-ofctl(8). */
void
flowset_flow_format(const struct flowset_flow *flow, struct ds *s)
{
    const struct ofpact_format_params fp = { .s = s };

    ds_put_format(s, "cookie=%#"PRIx64", table=%"PRIu8", ",
                  flow->cookie, flow->table);
    if (flow->idle_timeout) {
        ds_put_format(s, "idle_timeout=%"PRIu16", ", flow->idle_timeout);
    }
    if (flow->hard_timeout) {
        ds_put_format(s, "hard_timeout=%"PRIu16", ", flow->hard_timeout);
    }
    if (flow->flags & OFPUTIL_FF_SEND_FLOW_REM) {
        ds_put_cstr(s, "send_flow_rem ");
    }
    minimatch_format(&flow->match, NULL, NULL, s, flow->priority);
    ds_put_cstr(s, " actions=");
    ofpacts_format(flow->ofpacts, flow->ofpacts_len, &fp);
}
