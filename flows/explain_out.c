/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "flows/explain_private.h"

#include "flows/fdb.h"
#include "flows/layout.h"
#include "flows/topo.h"
#include "openvswitch/dynamic-string.h"
#include "util.h"

static uint64_t
explain_segment_cookie(const struct explain_walk *w)
{
    return layout_cookie(LAYOUT_K_SEGMENT, w->segment->vni);
}

/* TUNNEL. */

/* Follows the frame to 'next'. */
static void
explain_follow(struct explain_walk *w, const struct topo_node *next)
{
    struct explain_walk on = {
        .topo = w->topo, .fdb = w->fdb, .frame = w->frame, .out = w->out,
        .node = next, .tunnel = true, .from = w->node->ip,
        .vni = w->segment->vni, .own_tag = w->own_tag,
        .second_tag = w->second_tag,
    };

    explain_node(&on);
}

/* Sends the frame to the VTEP 'ip', unless it came by the overlay itself. */
static void
explain_tunnel(struct explain_walk *w, const struct in6_addr *ip)
{
    const struct topo_node *next = topo_node_by_ip(w->topo, ip);
    char *name = explain_ip_name(ip);
    struct explain_end *end;

    if (w->tunnel || topo_node_tunnel(w->node) == OFPP_NONE) {
        explain_withhold(w, explain_by_table(LAYOUT_TUNNEL),
                         w->tunnel ? "what came by the overlay never leaves "
                         "by it (to %s)" : "there is no tunnel port (to %s)",
                         name);
        free(name);
        return;
    }
    explain_say(w, LAYOUT_TUNNEL, "to %s %s, VNI %"PRIu32,
                next ? next->name : "VTEP", name, w->segment->vni);
    free(name);
    end = explain_end(w, next ? EXPLAIN_ON : EXPLAIN_LEFT);
    end->ip = *ip;
    end->vni = w->segment->vni;
    if (next) {
        end->to = xstrdup(next->name);
        explain_follow(w, next);
    }
}

/* REMOTE: sends the frame to the active edge of 'cluster'.  'counter' has
 * counted it, and is taken. */
static void
explain_remote(struct explain_walk *w, const struct topo_cluster *cluster,
               struct explain_counter counter)
{
    const struct topo_node *via = cluster->via;

    if (!via || via == w->node) {
        explain_withhold(w, counter, "no edge of cluster %s is known to be "
                         "active", cluster->name);
        return;
    }
    explain_counter_uninit(&counter);
    explain_say(w, LAYOUT_REMOTE, "edge %s %s for cluster %s", via->name,
                cluster->active ? "is active" : "was active last, or is next,",
                cluster->name);
    explain_tunnel(w, &via->ip);
}

/* OUTPUT, GATE and EMIT. */

/* A frame with a tag of its own would choose the VLAN.  Returns true if it is
 * dropped for that. */
static bool
explain_own_tag(struct explain_walk *w, const struct topo_claim *claim)
{
    if (claim->attach->vlan || w->own_tag == EXPLAIN_NO_TAG) {
        return false;
    }

    /* A switch that reads one tag of a frame takes the next for its type. */
    bool as_type = !w->tunnel && w->frame->node == w->node;
    explain_drop(w, explain_by_flow(LAYOUT_EMIT,
                                    as_type ? LAYOUT_PRIO_REFUSE
                                    : LAYOUT_PRIO_MAIN,
                                    layout_cookie(LAYOUT_K_NODE, 0),
                                    xstrdup(as_type
                                            ? "reg1=0/0xfff,dl_type=0x8100"
                                            : "reg1=0/0xfff")),
                 "it has a tag of its own, %d, and untagged out of port %s "
                 "that would choose the VLAN", w->own_tag,
                 claim->attach->port);
    return true;
}

/* Past the gate. */
static void
explain_emit(struct explain_walk *w, const struct topo_claim *claim)
{
    const struct topo_attach *attach = claim->attach;
    const struct topo_limit *limit = &attach->limits[TOPO_OUT];
    const struct topo_port *port = topo_node_port(w->node, attach->port);
    struct explain_end *end;

    if (w->limited && limit->rate) {
        uint32_t meter = layout_limit_meter(claim->slot, true);

        explain_say(w, LAYOUT_EMIT, "within %"PRIu32" %s a second (meter "
                    "%"PRIu32"), see binding/limits", limit->rate,
                    limit->packets ? "frames" : "kbit", meter);
        explain_limit(w, meter, "beyond the limit out of port %s, VLAN %"
                      PRIu16, attach->port, attach->vlan);
    }
    if (explain_own_tag(w, claim)) {
        return;
    }
    end = explain_end(w, EXPLAIN_SENT);
    end->port = xstrdup(attach->port);
    end->vlan = attach->vlan;
    end->own_tag = w->own_tag;
    end->down = port && !port->link_up;
    if (attach->vlan) {
        explain_say(w, LAYOUT_EMIT, "out of port %s with tag %"PRIu16,
                    attach->port, attach->vlan);
    } else {
        explain_say(w, LAYOUT_EMIT, "out of port %s untagged", attach->port);
    }
}

static void
explain_output(struct explain_walk *w, const struct topo_claim *claim)
{
    const struct topo_attach *attach = claim->attach;
    char *name = explain_place_name(&attach->place);

    if (w->in == claim) {
        char *match = xasprintf("reg0=%#"PRIx32",reg1=%#"PRIx32,
                                claim->slot, claim->slot);

        explain_withhold(w, explain_by_flow(LAYOUT_OUTPUT, LAYOUT_PRIO_EXCEPT,
                                            explain_segment_cookie(w), match),
                         "it came in by %s, and is never sent back there",
                         name);
    } else if (attach->closure) {
        char *match = xasprintf("reg1=%#"PRIx32, claim->slot);

        explain_drop(w, explain_by_flow(LAYOUT_OUTPUT, LAYOUT_PRIO_MAIN,
                                        explain_segment_cookie(w), match),
                     "binding %s is closed: %s", name,
                     attach->closure->reason);
    } else {
        explain_say(w, LAYOUT_OUTPUT, "to %s", name);
        if (!attach->cluster || explain_gate(w, attach->cluster, true)) {
            explain_emit(w, claim);
        }
    }
    free(name);
}

/* FLOOD. */

static struct explain_counter
explain_flood_counter(const struct explain_walk *w)
{
    int bpdu = w->bpdu ? LAYOUT_F_BPDU : 0;

    return explain_by_flow(LAYOUT_FLOOD,
                           bpdu ? LAYOUT_PRIO_EXCEPT : LAYOUT_PRIO_MAIN,
                           explain_segment_cookie(w),
                           xasprintf("metadata=%"PRIu32",reg3=%d/%d",
                                     w->segment->vni,
                                     (w->tunnel ? LAYOUT_F_TUNNEL : 0) | bpdu,
                                     LAYOUT_F_TUNNEL | bpdu));
}

/* VTEPs, each once. */
struct explain_targets {
    struct in6_addr *ips;
    size_t n, allocated;
};

static void
explain_target(struct explain_targets *targets, const struct in6_addr *ip)
{
    for (size_t i = 0; i < targets->n; i++) {
        if (IN6_ARE_ADDR_EQUAL(&targets->ips[i], ip)) {
            return;
        }
    }
    if (targets->n == targets->allocated) {
        targets->ips = x2nrealloc(targets->ips, &targets->allocated,
                                  sizeof *targets->ips);
    }
    targets->ips[targets->n++] = *ip;
}

/* Adds the edge of 'cluster' that gets a copy, if there is one, and it is not
 * the node itself. */
static void
explain_flood_cluster(struct explain_walk *w,
                      const struct topo_cluster *cluster,
                      struct explain_targets *targets)
{
    if (cluster->via && cluster->via != w->node) {
        explain_target(targets, &cluster->via->ip);
    } else if (!cluster->via) {
        explain_withhold(w, explain_flood_counter(w), "no edge of cluster %s "
                         "is known to be active", cluster->name);
    }
}

/* Head-end replication.  The edges of the cluster for which alone the node is
 * in the segment get no copy: what comes in by it is for the rest. */
static void
explain_flood_remote(struct explain_walk *w)
{
    const struct topo_cluster *only = topo_segment_only_cluster(w->segment,
                                                                w->node);
    struct explain_targets targets = { .n = 0 };
    const struct topo_attach *attach;
    const struct topo_vtep *vtep;

    LIST_FOR_EACH (attach, segment_node, &w->segment->attaches) {
        const struct topo_node *host = attach->claims[0].node;

        if (!explain_takes(w, attach)) {
            continue;
        } else if (attach->cluster && attach->cluster != only) {
            explain_flood_cluster(w, attach->cluster, &targets);
        } else if (!attach->cluster && host != w->node) {
            explain_target(&targets, &host->ip);
        }
    }
    LIST_FOR_EACH (vtep, segment_node, &w->segment->vteps) {
        if (!w->bpdu) {
            explain_target(&targets, &vtep->ip);
        }
    }
    for (size_t i = 0; i < targets.n; i++) {
        explain_tunnel(w, &targets.ips[i]);
    }
    free(targets.ips);
}

static void
explain_flood(struct explain_walk *w)
{
    const struct topo_attach *attach;
    size_t n = 0;

    explain_say(w, LAYOUT_FLOOD, "to all places of segment %s%s%s edge %s",
                w->segment->name, w->bpdu ? " that forward BPDUs" : "",
                w->tunnel ? " on" : ", from", w->node->name);
    w->limited = true;
    LIST_FOR_EACH (attach, segment_node, &w->segment->attaches) {
        const struct topo_claim *claim = topo_attach_claim(attach, w->node);

        if (claim && claim->slot && explain_takes(w, attach)) {
            explain_output(w, claim);
            n++;
        }
    }
    w->limited = false;
    if (!w->tunnel) {
        explain_flood_remote(w);
    }
    if (!n) {
        explain_withhold(w, explain_flood_counter(w),
                         "no place of segment %s is at a port that edge %s "
                         "has", w->segment->name, w->node->name);
    }
}

/* DEST. */

/* The address is one of a group, or nobody knows where it is. */
static void
explain_unknown(struct explain_walk *w)
{
    const struct topo_limit *limit
        = w->in ? &w->in->attach->limits[TOPO_IN] : NULL;
    bool group = eth_addr_is_multicast(w->frame->dst);

    if (!group && w->segment->drop_unknown) {
        explain_drop(w, explain_by_flow(LAYOUT_DEST, LAYOUT_PRIO_LAST_REFUSE,
                                        explain_segment_cookie(w),
                                        xasprintf("metadata=%"PRIu32,
                                                  w->segment->vni)),
                     "nobody knows where "ETH_ADDR_FMT" is, and segment %s "
                     "drops such frames (options:unknown_unicast)",
                     ETH_ADDR_ARGS(w->frame->dst), w->segment->name);
        return;
    }
    explain_say(w, LAYOUT_DEST, group ? "a group address"
                : "nobody knows where the destination is");
    if (limit && limit->rate) {
        uint32_t meter = layout_limit_meter(w->in->slot, false);
        char *name = explain_place_name(w->place);

        explain_say(w, LAYOUT_DEST, "within %"PRIu32" %s a second (meter "
                    "%"PRIu32"), see binding/limits", limit->rate,
                    limit->packets ? "frames" : "kbit", meter);
        explain_limit(w, meter, "beyond the limit into %s", name);
        free(name);
    }
    explain_flood(w);
}

/* The flow of DEST for 'e'. */
static struct explain_counter
explain_dest_counter(const struct explain_walk *w, const struct fdb_mac *e)
{
    return explain_by_flow(LAYOUT_DEST, LAYOUT_PRIO_MAIN,
                           layout_cookie(e->is_static ? LAYOUT_K_STATIC
                                         : LAYOUT_K_LEARNED, w->segment->vni),
                           xasprintf("metadata=%"PRIu32",dl_dst="ETH_ADDR_FMT,
                                     w->segment->vni, ETH_ADDR_ARGS(e->mac)));
}

/* The frame is for 'e', which is at an attachment. */
static void
explain_to_attach(struct explain_walk *w, const struct fdb_mac *e)
{
    const struct topo_attach *attach = CONTAINER_OF(e->place,
                                                    struct topo_attach, place);
    const struct topo_claim *claim = topo_attach_claim(attach, w->node);

    if (!attach->cluster && !claim) {
        explain_tunnel(w, &attach->claims[0].node->ip);
        return;
    }
    if (claim) {
        explain_output(w, claim);
    }

    /* Where the gate is open, REMOTE has no flow. */
    if (attach->cluster && attach->cluster->active != w->node) {
        explain_remote(w, attach->cluster, explain_dest_counter(w, e));
    }
}

/* The frame is in, and goes to its destination. */
void
explain_dest(struct explain_walk *w)
{
    const struct fdb_mac *e = fdb_find(w->fdb, w->segment, w->frame->dst);
    char *name;

    if (!e || !e->place->segment || pipeline_place_missing(w->node,
                                                           e->place)) {
        explain_unknown(w);
        return;
    }
    name = explain_place_name(e->place);
    explain_say(w, LAYOUT_DEST, "the destination is at %s, %s", name,
                e->is_static ? "static" : "learned");
    free(name);
    if (e->place->type == TOPO_PLACE_VTEP) {
        explain_tunnel(w, &CONTAINER_OF(e->place, struct topo_vtep,
                                        place)->ip);
    } else {
        explain_to_attach(w, e);
    }
}
