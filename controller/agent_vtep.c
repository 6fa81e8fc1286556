/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "controller/agent.h"

#include "controller/edge.h"
#include "flows/addr.h"
#include "flows/layout.h"
#include "flows/sighting.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "timeval.h"

VLOG_DEFINE_THIS_MODULE(agent_vtep);

/* VTEPs that are learned, in segments that let them in (flows/topo_vtep.c).
 *
 * They come from packet-ins of LEARN, whose sender is a station at a VTEP that
 * nobody knows, and from the flows of switches that had them before we came.
 * They go when no MAC has been at them for the segment's ageing time, and with
 * the lead: the next leader takes them from the switches, and so do we if the
 * lead comes back. */

/* How often they are looked at, in milliseconds. */
#define AGENT_VTEP_INTERVAL 1000

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

static void
agent_tell_vtep(const struct topo_segment *segment, const struct in6_addr *ip,
                const char *what)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    addr_format_vtep(ip, &s);
    VLOG_INFO_RL(&rl, "segment %s: VTEP %s %s", segment->name, ds_cstr(&s),
                 what);
    ds_destroy(&s);
}

/* 's' lacks a VTEP.  Returns NULL if there is one now, which the sessions of
 * all nodes of the segment are going to hear of; otherwise why not, which the
 * caller frees. */
char *
agent_meet_vtep(struct agent *agent, const struct sighting *s)
{
    char *error = topo_vtep_learn(&agent->topo, s->lacking, &s->vtep,
                                  time_msec());

    if (!error) {
        agent_tell_vtep(s->lacking, &s->vtep, "learned");
    }
    return error;
}

/* Takes back the VTEPs of 'segment' that are in the flows of 'edge'. */
static void
agent_adopt_vteps_of(struct agent *agent, const struct edge *edge,
                     struct topo_segment *segment)
{
    const struct flowset_owner *owner
        = flowset_owner(&edge->installed,
                        layout_cookie(LAYOUT_K_SEGMENT, segment->vni));
    const struct flowset_flow *flow;
    struct in6_addr ip;

    if (!owner) {
        return;
    }
    LIST_FOR_EACH (flow, owner_node, &owner->flows) {
        if (pipeline_flow_learned_vtep(flow, &ip)) {
            free(topo_vtep_learn(&agent->topo, segment, &ip, time_msec()));
        }
    }
}

/* Takes back the VTEPs that are in the flows that the switch of 'edge'
 * reported.  MACs at them can be adopted then. */
void
agent_adopt_vteps(struct agent *agent, struct edge *edge)
{
    const struct topo_claim *claim;

    HMAP_FOR_EACH (claim, port_node, &edge->tnode->claims) {
        struct topo_segment *segment = claim->attach->place.segment;

        if (segment->vtep_limit && topo_claim_is_first(claim)) {
            agent_adopt_vteps_of(agent, edge, segment);
        }
    }
}

/* Some VTEPs have been forgotten. */
static void
agent_vteps_gone(struct agent *agent)
{
    fdb_flush_withdrawn(&agent->fdb, &agent->topo, &agent->ops);
    agent_send_ops(agent);
    topo_reap(&agent->topo);
}

/* Whether the MACs of 'segment' are learned by this controller. */
bool
agent_leads_segment(const struct topo_segment *segment)
{
    for (size_t i = 0; i < segment->n_sites; i++) {
        if (segment->sites[i].node->led) {
            return true;
        }
    }
    return false;
}

/* The lead of something has changed, and sessions follow or lead already. */
void
agent_vteps_led(struct agent *agent)
{
    struct topo_vtep *vtep;
    bool any = false;

    LIST_FOR_EACH_SAFE (vtep, learned_node, &agent->topo.learned_vteps) {
        if (!agent_leads_segment(vtep->place.segment)) {
            topo_vtep_forget(&agent->topo, vtep);
            any = true;
        }
    }
    if (any) {
        agent_vteps_gone(agent);
    }
}

/* Forgets the learned VTEPs of 'segment', or of all if it is NULL, and of
 * these only 'ip' unless it is NULL.  Returns how many. */
size_t
agent_flush_vteps(struct agent *agent, const struct topo_segment *segment,
                  const struct in6_addr *ip)
{
    struct topo_vtep *vtep;
    size_t n = 0;

    LIST_FOR_EACH_SAFE (vtep, learned_node, &agent->topo.learned_vteps) {
        if ((!segment || vtep->place.segment == segment)
            && (!ip || ipv6_addr_equals(&vtep->ip, ip))) {
            topo_vtep_forget(&agent->topo, vtep);
            n++;
        }
    }
    if (n) {
        agent_vteps_gone(agent);
    }
    return n;
}

void
agent_vteps_run(struct agent *agent, long long now)
{
    struct topo_vtep *vtep;
    bool any = false;

    if (now < agent->vteps_at) {
        return;
    }
    agent->vteps_at = now + AGENT_VTEP_INTERVAL;
    LIST_FOR_EACH_SAFE (vtep, learned_node, &agent->topo.learned_vteps) {
        const struct topo_segment *segment = vtep->place.segment;

        if (vtep->place.n_macs) {
            vtep->heard_at = now;
        } else if (now - vtep->heard_at >= segment->mac_aging * 1000LL) {
            agent_tell_vtep(segment, &vtep->ip, "aged");
            topo_vtep_forget(&agent->topo, vtep);
            any = true;
        }
    }
    if (any) {
        agent_vteps_gone(agent);
    }
}

void
agent_vteps_wait(const struct agent *agent)
{
    if (!ovs_list_is_empty(&agent->topo.learned_vteps)) {
        poll_timer_wait_until(agent->vteps_at);
    }
}
