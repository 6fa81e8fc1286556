/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "flows/pipeline_private.h"

#include "flows/acts.h"
#include "flows/flowset.h"
#include "flows/layout.h"
#include "flows/topo.h"
#include "openvswitch/ofpbuf.h"
#include "util.h"

/* Deriving the flows of one segment on one node. */
struct pipeline_ctx {
    const struct topo_node *node;
    const struct topo_segment *segment;
    struct flowset *set;

    /* The cluster through which alone 'node' is in the segment, or NULL. */
    const struct topo_cluster *only;

    /* If nonnull, the flows are those for BPDUs to this address. */
    const struct eth_addr *bpdu;

    struct match match;
    struct ofpbuf acts;
    struct flowset_spec spec;
};

/* Begins a flow of 'table'. */
static void
pipeline_begin(struct pipeline_ctx *ctx, enum layout_table table,
               uint16_t priority)
{
    match_init_catchall(&ctx->match);
    ofpbuf_clear(&ctx->acts);
    ctx->spec = (struct flowset_spec) {
        .table = table,
        .priority = priority,
        .cookie = layout_cookie(LAYOUT_K_SEGMENT, ctx->segment->vni),
        .match = &ctx->match,
        .ofpacts = &ctx->acts,
    };
}

static void
pipeline_end(struct pipeline_ctx *ctx)
{
    flowset_add(ctx->set, &ctx->spec);
}

/* Whether frames of the kind that the flows are for may leave by 'attach'. */
static bool
pipeline_takes(const struct pipeline_ctx *ctx,
               const struct topo_attach *attach)
{
    return !ctx->bpdu || attach->bpdu == TOPO_BPDU_FORWARD;
}

/* Begins a flow of CLASSIFY for what comes in by 'port'. */
static void
pipeline_begin_classify(struct pipeline_ctx *ctx, ofp_port_t port,
                        uint16_t priority)
{
    pipeline_begin(ctx, LAYOUT_CLASSIFY,
                   ctx->bpdu ? LAYOUT_PRIO_ADMIT : priority);
    match_set_in_port(&ctx->match, port);
    if (ctx->bpdu) {
        match_set_dl_dst(&ctx->match, *ctx->bpdu);
    }
}

/* CLASSIFY, local side: what enters by 'claim', or is counted there and ends
 * if that is closed. */
static void
pipeline_classify_slot(struct pipeline_ctx *ctx,
                       const struct topo_claim *claim, bool tagged)
{
    const struct topo_attach *attach = claim->attach;
    uint16_t vlan = attach->vlan;

    pipeline_begin_classify(ctx, u16_to_ofp(claim->slot >> 16),
                            LAYOUT_PRIO_MAIN);
    match_set_default_packet_type(&ctx->match);
    match_set_dl_tci_masked(&ctx->match, htons(tagged ? VLAN_CFI | vlan : 0),
                            htons(VLAN_CFI | VLAN_VID_MASK));
    if (attach->closure) {
        pipeline_end(ctx);
        return;
    }
    if (tagged) {
        acts_pop_vlan(&ctx->acts);
    }
    acts_set_vni(&ctx->acts, ctx->segment->vni);
    acts_set_reg(&ctx->acts, 0, claim->slot);
    if (attach->cluster) {
        acts_set_reg(&ctx->acts, 2, attach->cluster->id);
    }
    if (ctx->bpdu) {
        acts_set_reg(&ctx->acts, 3, LAYOUT_F_BPDU);
    }
    acts_goto(&ctx->acts, attach->cluster ? LAYOUT_GATE : LAYOUT_PASS);
    pipeline_end(ctx);
}

/* OUTPUT: what leaves by 'claim', unless it came in by it. */
static void
pipeline_output(struct pipeline_ctx *ctx, const struct topo_claim *claim)
{
    const struct topo_attach *attach = claim->attach;

    pipeline_begin(ctx, LAYOUT_OUTPUT, LAYOUT_PRIO_EXCEPT);
    match_set_reg(&ctx->match, 0, claim->slot);
    match_set_reg(&ctx->match, 1, claim->slot);
    pipeline_end(ctx);

    pipeline_begin(ctx, LAYOUT_OUTPUT, LAYOUT_PRIO_MAIN);
    match_set_reg(&ctx->match, 1, claim->slot);
    if (attach->closure) {
        /* Nothing leaves. */
    } else if (attach->cluster) {
        acts_set_reg(&ctx->acts, 2, attach->cluster->id);
        acts_resubmit(&ctx->acts, LAYOUT_GATE);
    } else {
        acts_goto(&ctx->acts, LAYOUT_EMIT);
    }
    pipeline_end(ctx);
}

/* Begins a flow of CLASSIFY for what comes from the VTEP 'ip', any other if
 * that is NULL. */
static void
pipeline_begin_vtep(struct pipeline_ctx *ctx, uint16_t priority,
                    const struct in6_addr *ip)
{
    pipeline_begin_classify(ctx, topo_node_tunnel(ctx->node), priority);
    match_set_tun_id(&ctx->match, htonll(ctx->segment->vni));
    if (ip && IN6_IS_ADDR_V4MAPPED(ip)) {
        match_set_tun_src(&ctx->match, in6_addr_get_mapped_ipv4(ip));
    } else if (ip) {
        match_set_tun_ipv6_src(&ctx->match, ip);
    }
}

/* Ends one by which frames enter, with 'flags', perhaps from an edge of
 * 'cluster'. */
static void
pipeline_end_vtep(struct pipeline_ctx *ctx, uint32_t flags,
                  const struct topo_cluster *cluster)
{
    acts_set_vni(&ctx->acts, ctx->segment->vni);
    acts_set_reg(&ctx->acts, 3, (flags | LAYOUT_F_TUNNEL
                                 | (ctx->bpdu ? LAYOUT_F_BPDU : 0)));
    if (cluster) {
        acts_set_reg(&ctx->acts, 2, cluster->id);
        acts_resubmit(&ctx->acts, LAYOUT_LEASE);
        acts_resubmit(&ctx->acts, LAYOUT_FOLLOW);
    }

    /* Where one cluster is all that a frame can reach, its standby need not
     * look further. */
    if (ctx->only) {
        acts_set_reg(&ctx->acts, 2, ctx->only->id);
    }
    acts_goto(&ctx->acts, ctx->only ? LAYOUT_GATE : LAYOUT_PASS);
    pipeline_end(ctx);
}

/* CLASSIFY, tunnel side: what enters from nodes that the controller programs,
 * which was learned where it entered the overlay.  Returns false if there are
 * none of these. */
static bool
pipeline_classify_nodes(struct pipeline_ctx *ctx)
{
    const struct topo_attach *attach;
    bool any = false;

    LIST_FOR_EACH (attach, segment_node, &ctx->segment->attaches) {
        /* The edges of one cluster have nothing to say to each other. */
        if ((attach->cluster && attach->cluster == ctx->only)
            || !pipeline_takes(ctx, attach)) {
            continue;
        }
        for (size_t i = 0; i < attach->n_claims; i++) {
            const struct topo_node *other = attach->claims[i].node;

            if (other != ctx->node) {
                pipeline_begin_vtep(ctx, LAYOUT_PRIO_MAIN, &other->ip);
                pipeline_end_vtep(ctx, LAYOUT_F_KNOWN, attach->cluster);
                any = true;
            }
        }
    }
    return any;
}

/* CLASSIFY, tunnel side, where VTEPs are learned: frames from others go on to
 * LEARN, which tells the controller by whom they were sent.  But what says
 * that it is from the node itself, or from an edge that has nothing to say to
 * it, is not from a VTEP. */
static void
pipeline_learn_vteps(struct pipeline_ctx *ctx)
{
    pipeline_begin_vtep(ctx, LAYOUT_PRIO_MAIN, &ctx->node->ip);
    pipeline_end(ctx);
    for (size_t i = 0; ctx->only && i < ctx->only->n_members; i++) {
        pipeline_begin_vtep(ctx, LAYOUT_PRIO_MAIN, &ctx->only->members[i]->ip);
        pipeline_end(ctx);
    }
    pipeline_begin_vtep(ctx, LAYOUT_PRIO_ELSE, NULL);
    pipeline_end_vtep(ctx, 0, NULL);
}

/* CLASSIFY, tunnel side: all that may enter; BPDUs from nodes alone.  Other
 * VTEPs have no business in the segment, unless more are learned.  They would
 * be dropped without a flow too, but not counted by segment. */
static void
pipeline_classify_vteps(struct pipeline_ctx *ctx)
{
    const struct topo_vtep *vtep;
    bool any;

    if (topo_node_tunnel(ctx->node) == OFPP_NONE) {
        return;
    }
    any = pipeline_classify_nodes(ctx);
    if (ctx->bpdu) {
        return;
    }
    LIST_FOR_EACH (vtep, segment_node, &ctx->segment->vteps) {
        pipeline_begin_vtep(ctx, vtep->learned ? LAYOUT_PRIO_LEARNED
                                 : LAYOUT_PRIO_MAIN, &vtep->ip);
        pipeline_end_vtep(ctx, 0, NULL);
        any = true;
    }
    if (topo_segment_learns_vteps(ctx->segment)) {
        pipeline_learn_vteps(ctx);
    } else if (any) {
        pipeline_begin_vtep(ctx, LAYOUT_PRIO_ELSE, NULL);
        pipeline_end(ctx);
    }
}

/* Where BUM goes through the overlay. */
struct pipeline_targets {
    struct in6_addr *ips;
    size_t n, allocated;
};

static void
pipeline_target(struct pipeline_targets *targets, const struct in6_addr *ip)
{
    if (targets->n == targets->allocated) {
        targets->ips = x2nrealloc(targets->ips, &targets->allocated,
                                  sizeof *targets->ips);
    }
    targets->ips[targets->n++] = *ip;
}

static int
pipeline_compare_ips(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct in6_addr));
}

/* Whether 'attach' is the first in its segment that belongs to its cluster, of
 * those that take the frames. */
static bool
pipeline_is_first_of_cluster(const struct pipeline_ctx *ctx,
                             const struct topo_attach *attach)
{
    const struct topo_attach *other;

    LIST_FOR_EACH (other, segment_node, &ctx->segment->attaches) {
        if (other->cluster == attach->cluster && pipeline_takes(ctx, other)) {
            return other == attach;
        }
    }
    OVS_NOT_REACHED();
}

/* Appends to 'ctx->acts' the way to the active edge of each cluster, by
 * REMOTE, so that a failover changes nothing here.  Where that could reach an
 * edge twice, its address goes to 'targets' instead, in which none stands
 * twice. */
static void
pipeline_flood_clusters(struct pipeline_ctx *ctx,
                        struct pipeline_targets *targets)
{
    const struct topo_attach *attach;

    LIST_FOR_EACH (attach, segment_node, &ctx->segment->attaches) {
        const struct topo_cluster *cluster = attach->cluster;

        if (!pipeline_takes(ctx, attach)
            || (cluster && (cluster == ctx->only
                            || !pipeline_is_first_of_cluster(ctx, attach)))) {
            continue;
        } else if (!cluster) {
            if (attach->claims[0].node != ctx->node) {
                pipeline_target(targets, &attach->claims[0].node->ip);
            }
        } else if (ovs_list_is_empty(&attach->overlap_node)) {
            acts_set_reg(&ctx->acts, 2, cluster->id);
            acts_resubmit(&ctx->acts, LAYOUT_REMOTE);
        } else if (cluster->via && cluster->via != ctx->node) {
            pipeline_target(targets, &cluster->via->ip);
        }
    }
}

static void
pipeline_flood_local(struct pipeline_ctx *ctx)
{
    const struct topo_attach *attach;

    LIST_FOR_EACH (attach, segment_node, &ctx->segment->attaches) {
        const struct topo_claim *claim = topo_attach_claim(attach, ctx->node);

        if (!pipeline_takes(ctx, attach)) {
            continue;
        } else if (claim && claim->slot && attach->limits[TOPO_OUT].rate) {
            acts_flood_limited(&ctx->acts, claim->slot);
        } else if (claim && claim->slot) {
            acts_set_reg(&ctx->acts, 1, claim->slot);
            acts_resubmit(&ctx->acts, LAYOUT_OUTPUT);
        }
    }
}

/* Begins a flow of FLOOD for frames whose flag LAYOUT_F_TUNNEL is 'tunnel'. */
static void
pipeline_begin_flood(struct pipeline_ctx *ctx, uint32_t tunnel)
{
    uint32_t bpdu = ctx->bpdu ? LAYOUT_F_BPDU : 0;

    pipeline_begin(ctx, LAYOUT_FLOOD,
                   ctx->bpdu ? LAYOUT_PRIO_EXCEPT : LAYOUT_PRIO_MAIN);
    match_set_metadata(&ctx->match, htonll(ctx->segment->vni));
    match_set_reg_masked(&ctx->match, 3, tunnel | bpdu,
                         LAYOUT_F_TUNNEL | bpdu);
}

/* FLOOD: what has come in by the binding of 'claim' is counted, where other
 * places of the node are in the segment, too: that would be told by none of
 * the flows that follow.  Of the ports of a host, which may be many, nobody
 * asks. */
static void
pipeline_count_flood(struct pipeline_ctx *ctx, const struct topo_claim *claim)
{
    if (claim->attach->place.row.table == TOPO_BINDING) {
        pipeline_add_str(ctx->set, layout_cookie(LAYOUT_K_SEGMENT,
                                                 ctx->segment->vni),
                         "table=%d,priority=%d,metadata=%#"PRIx32","
                         "reg0=%#"PRIx32",reg3=0/%d,"
                         "actions=set_field:%d/%d->reg3,resubmit(,%d)",
                         LAYOUT_FLOOD, LAYOUT_PRIO_COUNT, ctx->segment->vni,
                         claim->slot, LAYOUT_F_COUNTED, LAYOUT_F_COUNTED,
                         LAYOUT_F_COUNTED, LAYOUT_FLOOD);
    }
}

/* FLOOD: from the tunnel side to local places alone (split horizon), from the
 * local side to the other VTEPs too (head-end replication). */
static void
pipeline_flood(struct pipeline_ctx *ctx)
{
    struct pipeline_targets targets = { .n = 0 };
    const struct topo_vtep *vtep;

    pipeline_begin_flood(ctx, LAYOUT_F_TUNNEL);
    pipeline_flood_local(ctx);
    pipeline_end(ctx);

    pipeline_begin_flood(ctx, 0);
    pipeline_flood_local(ctx);
    pipeline_flood_clusters(ctx, &targets);
    LIST_FOR_EACH (vtep, segment_node, &ctx->segment->vteps) {
        if (!ctx->bpdu) {
            pipeline_target(&targets, &vtep->ip);
        }
    }
    if (targets.n) {
        qsort(targets.ips, targets.n, sizeof *targets.ips,
              pipeline_compare_ips);
    }
    for (size_t i = 0; i < targets.n; i++) {
        if (!i || memcmp(&targets.ips[i - 1], &targets.ips[i],
                         sizeof *targets.ips)) {
            acts_tunnel_dst(&ctx->acts, &targets.ips[i]);
            acts_resubmit(&ctx->acts, LAYOUT_TUNNEL);
        }
    }
    pipeline_end(ctx);
    free(targets.ips);
}

/* CLASSIFY, local side: what enters by 'claim'. */
static void
pipeline_classify_claim(struct pipeline_ctx *ctx,
                        const struct topo_claim *claim)
{
    pipeline_classify_slot(ctx, claim, true);
    if (!claim->attach->vlan) {
        pipeline_classify_slot(ctx, claim, false);
    }
}

/* BPDUs go from bindings that forward them to others that do, by the same ways
 * as all that is flooded; VTEPs that are not ours, and host ports, neither get
 * any nor can send any. */
static void
pipeline_forward_bpdus(struct pipeline_ctx *ctx)
{
    const struct topo_attach *attach;

    for (size_t i = 0; i < PIPELINE_N_BPDU_ADDRS; i++) {
        ctx->bpdu = &pipeline_bpdu_addrs[i];
        LIST_FOR_EACH (attach, segment_node, &ctx->segment->attaches) {
            const struct topo_claim *claim = topo_attach_claim(attach,
                                                               ctx->node);

            if (claim && claim->slot && pipeline_takes(ctx, attach)) {
                pipeline_classify_claim(ctx, claim);
            }
        }
        pipeline_classify_vteps(ctx);
    }
    pipeline_flood(ctx);
    ctx->bpdu = NULL;
}

/* Appends the flows of 'segment' on 'node', but for its MACs. */
void
pipeline_segment(const struct topo_node *node,
                 const struct topo_segment *segment, struct flowset *set)
{
    const struct topo_attach *attach;

    if (!topo_segment_has_node(segment, node)) {
        return;
    }

    bool alone = topo_segment_only_claim(segment, node) != NULL;
    uint64_t stub[1024 / 8];
    struct pipeline_ctx ctx = {
        .node = node,
        .segment = segment,
        .set = set,
        .only = topo_segment_only_cluster(segment, node),
    };
    ofpbuf_use_stub(&ctx.acts, stub, sizeof stub);

    LIST_FOR_EACH (attach, segment_node, &segment->attaches) {
        const struct topo_claim *claim = topo_attach_claim(attach, node);

        if (claim && claim->slot) {
            pipeline_classify_claim(&ctx, claim);
            pipeline_output(&ctx, claim);
            pipeline_limits(claim, set);
            pipeline_bpdu_guard(claim, set);
            if (!alone) {
                pipeline_count_flood(&ctx, claim);
            }
        }
    }
    if (segment->drop_unknown) {
        pipeline_drop_unknown(segment, set);
    }
    if (share_is_held(&node->share, segment->vni)) {
        pipeline_hold(segment, set);
    }
    pipeline_classify_vteps(&ctx);
    pipeline_flood(&ctx);
    if (pipeline_bpdu_forwards(node, segment)) {
        pipeline_forward_bpdus(&ctx);
    }
    ofpbuf_uninit(&ctx.acts);
}

/* Returns whether 'flow', of a segment, lets in what comes from a VTEP that
 * was learned, whose address '*ip' becomes. */
bool
pipeline_flow_learned_vtep(const struct flowset_flow *flow,
                           struct in6_addr *ip)
{
    struct match match;

    if (flow->table != LAYOUT_CLASSIFY
        || flow->priority != LAYOUT_PRIO_LEARNED) {
        return false;
    }
    minimatch_expand(&flow->match, &match);
    *ip = flow_tnl_src(&match.flow.tunnel);
    return true;
}

/* Returns the slot of the place that 'flow', of a segment, is for, or 0 if it
 * is for the segment as a whole, or for a VTEP. */
uint32_t
pipeline_flow_slot(const struct flowset_flow *flow)
{
    struct match match;

    minimatch_expand(&flow->match, &match);
    if (flow->table == LAYOUT_CLASSIFY && !match.wc.masks.tunnel.tun_id) {
        return layout_slot(match.flow.in_port.ofp_port,
                           vlan_tci_to_vid(match.flow.vlans[0].tci));
    }
    return flow->table == LAYOUT_OUTPUT ? match.flow.regs[1] : 0;
}
