/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* Any bytes as two sets of flows: what a switch has, and what it should have.
 * The law of flows/delta.h: apply(delta(want, have), have) = want, in our own
 * idea of the switch and in a switch that gets the bundle, whether the delta
 * is made of the whole or owner by owner.  What the switch reports then is
 * what it has, also where the flows of MACs are told by their numbers. */

#include <config.h>
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "byte-order.h"
#include "flow.h"
#include "flows/bundlemsg.h"
#include "flows/delta.h"
#include "flows/macdump.h"
#include "flows/topo.h"
#include "openvswitch/ofp-bundle.h"
#include "openvswitch/ofp-flow.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/vlog.h"
#include "tests/fuzz/bytes.h"
#include "util.h"

#define FUZZ_MAX_FLOWS 40
#define FUZZ_COOKIES 4

struct fuzz {
    struct bytes in;
    enum ofp_version version;
    struct macmsg *macmsg;
    struct flowset have, want, sw;
    bool committed;
};

static enum ofputil_protocol
fuzz_protocol(const struct fuzz *f)
{
    return ofputil_protocol_from_ofp_version(f->version);
}

/* Flows. */

static const char *const fuzz_matches[] = {
    "", "in_port=1", "in_port=2,dl_vlan=10", "in_port=2,vlan_tci=0/0x1fff",
    "reg0=0x2000a,metadata=0x1388,dl_src=aa:00:00:00:00:01",
    "tun_src=192.0.2.1,metadata=0x1388,dl_src=aa:00:00:00:00:01",
    "tun_ipv6_src=2001:db8::1,metadata=0x1388,dl_src=aa:00:00:00:00:01",
    "metadata=0x1388,dl_dst=aa:00:00:00:00:01", "reg2=0x30001",
    "tun_id=0,tun_src=0.0.0.0,in_port=1,dl_type=0x88b6",
    "in_port=1,dl_dst=01:80:c2:00:00:00/ff:ff:ff:ff:ff:f0",
    "reg3=0/0x2,metadata=0x1388", "reg3=0x2/0x2,metadata=0x1388",
};

static const char *const fuzz_actions[] = {
    "drop", "output:1", "pop_vlan,set_field:0x1388->metadata,goto_table:3",
    "set_field:0x1->reg1,resubmit(,8)", "set_field:0x1/0x1->reg3",
    "set_field:0x2/0x3->reg3", "meter:56609,goto_table:9",
    "learn(table=2,hard_timeout=1,priority=100,cookie=0x4b48070000000000,"
        "OXM_OF_METADATA[],NXM_OF_ETH_SRC[],NXM_NX_REG0[],"
        "load:0x1->NXM_NX_REG3[0]),controller(max_len=64,meter_id=19272),"
        "goto_table:4",
    "set_field:10.0.0.2->tun_dst,resubmit(,11)",
    "set_field:fd00::1->tun_ipv6_dst,resubmit(,11)",
    "move:NXM_NX_TUN_IPV4_SRC[]->NXM_NX_TUN_IPV4_DST[],IN_PORT",
    "bundle_load(eth_src,0,active_backup,ofport,NXM_NX_REG4[0..15],"
        "members:4,5),goto_table:14",
    "push:NXM_OF_ETH_DST[],set_field:02:4b:48:00:00:03->eth_dst,"
        "output:4,pop:NXM_OF_ETH_DST[]",
    "push_vlan:0x8100,move:NXM_NX_REG1[0..11]->OXM_OF_VLAN_VID[0..11],"
        "output:NXM_NX_REG1[16..31]",
};

/* A flow of a few, so that two sets have many in common. */
static void
fuzz_add_flow(struct fuzz *f, struct flowset *set)
{
    uint8_t how = bytes_u8(&f->in);
    uint64_t cookie = 1 + bytes_below(&f->in, FUZZ_COOKIES);
    const char *match = BYTES_PICK(&f->in, fuzz_matches);
    const char *actions = BYTES_PICK(&f->in, fuzz_actions);
    char *text = xasprintf("table=%d,priority=%d,%s%s%s,actions=%s",
                           how % 2, how / 2 % 2,
                           how & 0x20 ? "idle_timeout=300," : "",
                           how & 0x40 ? "send_flow_rem," : "",
                           match, actions);
    enum ofputil_protocol usable;
    struct ofputil_flow_mod fm;
    char *error = parse_ofp_flow_mod_str(&fm, text, NULL, NULL, OFPFC_ADD,
                                         &usable);

    free(text);
    if (error) {                /* Not all actions go with all matches. */
        free(error);
        return;
    }
    if (usable & fuzz_protocol(f)) {
        flowset_add_flow_mod(set, cookie, &fm);
    }
    minimatch_destroy(&fm.match);
    free(CONST_CAST(struct ofpact *, fm.ofpacts));
}

/* A flow of a MAC, by any numbers. */
static void
fuzz_add_mac(struct fuzz *f, struct flowset *set)
{
    uint64_t stub[256 / 8];
    struct ofpbuf msg = OFPBUF_STUB_INITIALIZER(stub);
    struct ofpbuf acts;
    struct ofputil_flow_mod fm;
    struct macmsg_id id = {
        .shape = bytes_below(&f->in, MACMSG_N_SHAPES),
        .aging = htons(bytes_u16(&f->in)),
        .vni = htonl(bytes_u32(&f->in)),
        .slot = htonl(bytes_u32(&f->in)),
        .tag = htonl(bytes_u8(&f->in)),
        .cluster = htonl(bytes_u8(&f->in)),
        .ip = htonl(bytes_u32(&f->in)),
    };

    id.mac.ea[0] = bytes_u8(&f->in);
    id.mac.ea[5] = bytes_u8(&f->in);
    macmsg_put_id(f->macmsg, &id, 0, &msg);
    ofpbuf_init(&acts, 0);
    ovs_assert(!ofputil_decode_flow_mod(&fm, msg.data, fuzz_protocol(f), NULL,
                                        NULL, &acts, OFPP_MAX, UINT8_MAX));
    if (fm.command == OFPFC_ADD) {
        flowset_add_flow_mod(set, ntohll(fm.new_cookie), &fm);
    }
    minimatch_destroy(&fm.match);
    ofpbuf_uninit(&acts);
    ofpbuf_uninit(&msg);
}

static void
fuzz_read_flow(struct fuzz *f)
{
    uint8_t how = bytes_u8(&f->in);
    struct bytes same = f->in;

    /* The same flow in both, sometimes. */
    for (int i = 0; i < 2; i++) {
        if (how & 1 << i) {
            f->in = i && how & 4 ? same : f->in;
            (how & 8 ? fuzz_add_mac : fuzz_add_flow)(f, i ? &f->want
                                                     : &f->have);
        }
    }
}

static void
fuzz_copy_flow(const struct flowset_flow *flow, struct flowset *to)
{
    struct ofpbuf acts = ofpbuf_const_initializer(flow->ofpacts,
                                                  flow->ofpacts_len);
    struct match match;

    minimatch_expand(&flow->match, &match);
    flowset_add(to, &(struct flowset_spec) {
        .table = flow->table, .priority = flow->priority,
        .cookie = flow->cookie, .idle_timeout = flow->idle_timeout,
        .hard_timeout = flow->hard_timeout, .flags = flow->flags,
        .match = &match, .ofpacts = &acts,
    });
}

static void
fuzz_copy(const struct flowset *from, struct flowset *to)
{
    const struct flowset_flow *flow;

    HMAP_FOR_EACH (flow, node, &from->flows) {
        fuzz_copy_flow(flow, to);
    }
}

static void
fuzz_check_equal(const struct flowset *a, const struct flowset *b)
{
    const struct flowset_flow *flow, *other;

    ovs_assert(flowset_count(a) == flowset_count(b));
    HMAP_FOR_EACH (flow, node, &a->flows) {
        other = flowset_find(b, flow);
        ovs_assert(other && flowset_flow_same(flow, other));
    }
}

/* The switch. */

/* Gives 'old', of 'sw', the actions of 'flow'. */
static void
fuzz_modify(struct flowset *sw, const struct flowset_flow *old,
            const struct flowset_flow *flow)
{
    struct ofpbuf acts = ofpbuf_const_initializer(flow->ofpacts,
                                                  flow->ofpacts_len);
    struct match match;

    minimatch_expand(&old->match, &match);
    flowset_add(sw, &(struct flowset_spec) {
        .table = old->table, .priority = old->priority,
        .cookie = old->cookie, .idle_timeout = old->idle_timeout,
        .hard_timeout = old->hard_timeout, .flags = old->flags,
        .match = &match, .ofpacts = &acts,
    });
}

/* Carries out 'fm' (OpenFlow 1.5.1, section 6.4) with a flow whose like is
 * 'like', in a set of its own. */
static void
fuzz_carry_out(struct flowset *sw, const struct ofputil_flow_mod *fm,
               struct flowset *one, struct flowset_flow *like)
{
    struct flowset_flow *old = flowset_find(sw, like);

    if (fm->command == OFPFC_ADD) {
        flowset_move(sw, one, like);
        return;
    }
    ovs_assert(old);
    if (fm->command == OFPFC_DELETE_STRICT) {
        ovs_assert(htonll(old->cookie) == fm->cookie
                   && fm->cookie_mask == OVS_BE64_MAX);
        flowset_remove(sw, old);
    } else {
        ovs_assert(fm->command == OFPFC_MODIFY_STRICT);
        fuzz_modify(sw, old, like);
    }
}

static void
fuzz_take_flow_mod(struct fuzz *f, const struct ofp_header *oh)
{
    struct ofputil_flow_mod fm;
    struct flowset one;
    struct ofpbuf acts;

    ofpbuf_init(&acts, 0);
    ovs_assert(!ofputil_decode_flow_mod(&fm, oh, fuzz_protocol(f), NULL, NULL,
                                        &acts, OFPP_MAX, UINT8_MAX));
    flowset_init(&one);
    flowset_add_flow_mod(&one, ntohll(fm.new_cookie), &fm);
    fuzz_carry_out(&f->sw, &fm, &one,
                   CONTAINER_OF(hmap_first(&one.flows), struct flowset_flow,
                                node));
    flowset_destroy(&one);
    minimatch_destroy(&fm.match);
    ofpbuf_uninit(&acts);
}

/* The switch gets 'msg', of a bundle. */
static void
fuzz_take(struct ofpbuf *msg, void *f_)
{
    struct ofputil_bundle_ctrl_msg bc;
    struct ofputil_bundle_add_msg add;
    struct fuzz *f = f_;
    enum ofptype type;

    ofpmsg_update_length(msg);
    ovs_assert(!ofptype_decode(&type, msg->data) && !f->committed);
    if (type == OFPTYPE_BUNDLE_CONTROL) {
        ovs_assert(!ofputil_decode_bundle_ctrl(msg->data, &bc));
        f->committed = bc.type == OFPBCT_COMMIT_REQUEST;
    } else {
        ovs_assert(!ofputil_decode_bundle_add(msg->data, &add, &type));
        fuzz_take_flow_mod(f, add.msg);
    }
    ofpbuf_delete(msg);
}

static void
fuzz_send(struct fuzz *f, const struct delta *delta)
{
    struct bundlemsg bundle = {
        .protocol = fuzz_protocol(f), .id = 1, .xid = 1, .send = fuzz_take,
        .aux = f,
    };

    bundlemsg_open(&bundle);
    bundlemsg_put(&bundle, delta, 0);
    bundlemsg_commit(&bundle);
    ovs_assert(f->committed);
}

/* The law. */

/* Adds to 'delta' what the owner of 'cookie' needs, taken from 'want'. */
static void
fuzz_delta_owner(struct delta *delta, struct flowset *want, uint64_t cookie)
{
    struct flowset owned;
    struct flowset_flow *flow;

    flowset_init(&owned);
    HMAP_FOR_EACH_SAFE (flow, node, &want->flows) {
        if (flow->cookie == cookie) {
            flowset_move(&owned, want, flow);
        }
    }
    delta_owner(delta, &owned, cookie);
    flowset_destroy(&owned);
}

/* Makes 'delta' owner by owner: those that want flows come first, or those
 * that have some. */
static void
fuzz_delta_owners(const struct fuzz *f, struct delta *delta, bool want_first)
{
    const struct flowset *sets[] = { &f->have, &f->want };
    const struct flowset_owner *owner;
    struct flowset want;

    flowset_init(&want);
    fuzz_copy(&f->want, &want);
    HMAP_FOR_EACH (owner, node, &sets[want_first]->owners) {
        fuzz_delta_owner(delta, &want, owner->cookie);
    }
    HMAP_FOR_EACH (owner, node, &sets[!want_first]->owners) {
        if (!flowset_owner(sets[want_first], owner->cookie)) {
            fuzz_delta_owner(delta, &want, owner->cookie);
        }
    }
    ovs_assert(!flowset_count(&want));
    flowset_destroy(&want);
}

static void
fuzz_delta(const struct fuzz *f, struct delta *delta, uint8_t how)
{
    struct flowset want;

    if (how & 1) {
        fuzz_delta_owners(f, delta, how & 2);
    } else {
        flowset_init(&want);
        fuzz_copy(&f->want, &want);
        delta_all(delta, &want);
        flowset_destroy(&want);
    }
    delta_finish(delta);
}

static void
fuzz_check_law(struct fuzz *f, uint8_t how)
{
    struct delta delta;

    fuzz_copy(&f->have, &f->sw);
    delta_init(&delta, &f->have);
    fuzz_delta(f, &delta, how);
    fuzz_check_equal(&f->have, &f->sw);
    fuzz_send(f, &delta);
    fuzz_check_equal(&f->want, &f->sw);
    delta_apply(&delta);
    fuzz_check_equal(&f->want, &f->have);
    fuzz_delta(f, &delta, how);
    ovs_assert(delta_is_empty(&delta));
    delta_destroy(&delta);
}

/* Reports. */

static void
fuzz_report(const struct fuzz *f, struct ovs_list *replies)
{
    struct ofputil_flow_stats_request fsr = {
        .out_port = OFPP_ANY, .out_group = OFPG_ANY, .table_id = OFPTT_ALL,
    };
    const struct flowset_flow *flow;
    struct ofpbuf *request;

    match_init_catchall(&fsr.match);
    request = ofputil_encode_flow_stats_request(&fsr, fuzz_protocol(f));
    ofpmp_init(replies, request->data);
    ofpbuf_delete(request);
    HMAP_FOR_EACH (flow, node, &f->sw.flows) {
        struct ofputil_flow_stats fs = {
            .cookie = htonll(flow->cookie), .table_id = flow->table,
            .priority = flow->priority, .idle_timeout = flow->idle_timeout,
            .hard_timeout = flow->hard_timeout, .flags = flow->flags,
            .idle_age = 5, .hard_age = -1, .ofpacts = flow->ofpacts,
            .ofpacts_len = flow->ofpacts_len,
        };

        minimatch_expand(&flow->match, &fs.match);
        ofputil_append_flow_stats_reply(&fs, replies, NULL);
    }
}

/* Reads 'b', a reply, into 'dump' as far as that goes, if it is not NULL, and
 * the rest into 'set'. */
static void
fuzz_read(const struct fuzz *f, struct ofpbuf b, struct macdump *dump,
          struct flowset *set)
{
    struct ofputil_flow_stats fs;
    struct ofpbuf acts;
    int retval;

    ofpraw_pull_assert(&b);
    ofpbuf_init(&acts, 0);
    do {
        bool more = dump != NULL;

        while (more) {
            more = macdump_take(dump, f->macmsg, f->version, &b);
        }
        retval = ofputil_decode_flow_stats_reply(&fs, &b, false, &acts);
        if (!retval) {
            flowset_add_stats(set, &fs);
        }
    } while (!retval);
    ovs_assert(retval == EOF);
    ofpbuf_uninit(&acts);
}

static void
fuzz_check_report(const struct fuzz *f)
{
    struct topo topo;
    struct topo_node *node;
    struct topo_row *row;
    struct uuid uuid = { .parts = { 1 } };
    struct flowset slow, quick, want;
    struct macdump dump;
    struct ovs_list replies;
    struct ofpbuf *reply;

    topo_init(&topo);
    topo_node_set(&topo, &(struct topo_node_row) {
        .uuid = uuid, .name = "e1", .dpid = "1", .ip = "10.0.0.1",
        .tunnel_port = "genev0" });
    row = topo_row(&topo, TOPO_EDGE, &uuid);
    node = CONTAINER_OF(row, struct topo_node, row);
    flowset_init(&slow);
    flowset_init(&quick);
    flowset_init(&want);
    macdump_init(&dump);
    fuzz_report(f, &replies);
    LIST_FOR_EACH_POP (reply, list_node, &replies) {
        ofpmsg_update_length(reply);
        fuzz_read(f, *reply, NULL, &slow);
        fuzz_read(f, *reply, &dump, &quick);
        ofpbuf_delete(reply);
    }
    fuzz_check_equal(&f->sw, &slow);

    /* Of an edge that is in no segment, all flows of MACs are too many. */
    macdump_compare(&dump, f->macmsg, f->version, node, &quick, &want);
    fuzz_check_equal(&f->sw, &quick);
    ovs_assert(!flowset_count(&want));
    macdump_clear(&dump);
    flowset_destroy(&slow);
    flowset_destroy(&quick);
    flowset_destroy(&want);
    topo_destroy(&topo);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz f = { .in = { data, size } };
    uint8_t how = bytes_u8(&f.in);

    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_OFF);
    f.version = OFP13_VERSION + bytes_below(&f.in, 3);
    f.macmsg = macmsg_create(fuzz_protocol(&f));
    flowset_init(&f.have);
    flowset_init(&f.want);
    flowset_init(&f.sw);
    for (int i = 0; i < FUZZ_MAX_FLOWS && f.in.left; i++) {
        fuzz_read_flow(&f);
    }
    fuzz_check_law(&f, how);
    fuzz_check_report(&f);
    flowset_destroy(&f.have);
    flowset_destroy(&f.want);
    flowset_destroy(&f.sw);
    macmsg_destroy(f.macmsg);
    return 0;
}
