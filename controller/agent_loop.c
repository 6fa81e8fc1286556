/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* Loops and bridges that show themselves, so that a binding is closed
 * (agent_close.c) before any MAC moves.
 *
 * Out of a binding that is to be probed, its active edge sends a frame now and
 * then.  No switch of ours forwards it: wherever it comes in, it is shown to
 * the controller.  If that is an active edge, then frames that left by one
 * binding come in by another, or by the same, and the one by which they come
 * in is closed.  A VTEP and a host port cannot be closed: then it is the one
 * out of which they were sent.
 *
 * A standby gets whatever the active edge sends into a VLAN.  That is no loop;
 * if there is one, the active edge gets the frame too.
 *
 * Stations see the frames.  One that repeats one where it is closes the
 * binding of its own network, and no other; to make one it would have to know
 * the row's UUID and, if one controller leads both, a number that changes when
 * that starts.
 *
 * Where a binding has a guard, BPDUs show that a bridge is there.  A standby
 * is in the same network, so it does not matter which edge gets them. */

#include <config.h>
#include "controller/agent.h"

#include <limits.h>
#include "controller/edge.h"
#include "dp-packet.h"
#include "flows/layout.h"
#include "flows/packetin.h"
#include "flows/packetout.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/poll-loop.h"
#include "random.h"
#include "timeval.h"
#include "util.h"

/* So many probes at a time, and then for so many milliseconds none: however
 * many bindings there are, they go out one after the other. */
#define AGENT_LOOP_PORTION 32
#define AGENT_LOOP_PAUSE 20

/* The heap has the largest priority at its top.  Its largest value is that of
 * a binding whose first probe has yet to get a time. */
static uint64_t
agent_loop_priority(long long due)
{
    return UINT64_MAX - due;
}

/* When the next probe is due, LLONG_MAX if there are none. */
static long long
agent_loop_due(const struct agent *agent)
{
    const struct heap *probing = &agent->topo.probing;

    return (heap_is_empty(probing) ? LLONG_MAX
            : (long long) (UINT64_MAX - heap_max(probing)->priority));
}

/* Lets the active edge send a probe out of 'attach', if it can be. */
static void
agent_loop_send(const struct agent *agent, const struct topo_attach *attach)
{
    const struct topo_cluster *cluster = attach->cluster;
    struct edge *edge = (cluster && cluster->led && cluster->active
                         ? agent_session(cluster->active) : NULL);
    const struct topo_claim *claim = (edge_is_ready(edge)
                                      ? topo_attach_claim(attach, edge->tnode)
                                      : NULL);

    if (claim && claim->slot && !attach->closure) {
        struct packetout_probe probe = {
            .type = PACKETOUT_LOOP, .secret = agent->loop_secret,
            .dpid = edge->dpid, .cluster = cluster->id,
            .port = attach->place.segment->vni,
            .binding = attach->place.row.uuid,
        };
        uint64_t stub[256 / 8];
        struct ofpbuf acts = OFPBUF_STUB_INITIALIZER(stub);
        struct dp_packet packet;

        dp_packet_init(&packet, ETH_TOTAL_MIN);
        packetout_emit(&packet, &acts, &probe, claim->slot);
        edge_send_packet(edge, dp_packet_data(&packet),
                         dp_packet_size(&packet), &acts);
        dp_packet_uninit(&packet);
        ofpbuf_uninit(&acts);
    }
}

/* Sends the probes that are due, or some of them. */
void
agent_loops_run(struct agent *agent, long long now)
{
    struct heap *probing = &agent->topo.probing;

    if (now < agent->loops_at) {
        return;
    }
    for (int i = 0; i < AGENT_LOOP_PORTION && agent_loop_due(agent) <= now;
         i++) {
        struct topo_attach *attach = CONTAINER_OF(heap_max(probing),
                                                  struct topo_attach,
                                                  probe_node);
        long long interval = attach->loop_probe * 1000LL;

        /* Those that come at once, above all when the controller starts, are
         * spread. */
        if (agent_loop_due(agent)) {
            agent_loop_send(agent, attach);
        } else {
            interval = 1 + random_range(interval);
        }
        heap_change(probing, &attach->probe_node,
                    agent_loop_priority(now + interval));
        agent->loops_at = now + AGENT_LOOP_PAUSE;
    }
}

void
agent_loops_wait(const struct agent *agent)
{
    long long due = agent_loop_due(agent);

    if (due != LLONG_MAX) {
        poll_timer_wait_until(MAX(due, agent->loops_at));
    }
}

/* Returns the binding out of which 'probe' was sent, if it is believed, or
 * NULL.  If that is closed already, the loop is none any more. */
static struct topo_attach *
agent_loop_sender(const struct agent *agent,
                  const struct packetout_probe *probe)
{
    struct topo_row *row = topo_row(&agent->topo, TOPO_BINDING,
                                    &probe->binding);
    struct topo_attach *from = (row ? CONTAINER_OF(row, struct topo_attach,
                                                   place.row) : NULL);

    return (from && from->cluster && from->loop_probe && !from->closure
            && from->cluster->id == probe->cluster
            && from->place.segment->vni == probe->port
            && (!from->cluster->led || probe->secret == agent->loop_secret)
            ? from : NULL);
}

/* Closes 'attach', because what was sent out of 'from' came in by 'by' on
 * 'node'. */
static void
agent_loop_close(struct agent *agent, struct topo_attach *attach,
                 const struct topo_attach *from, const struct topo_place *by,
                 const struct topo_node *node)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    if (by->segment == from->place.segment) {
        ds_put_cstr(&s, "part of a loop");
    } else {
        ds_put_format(&s, "segments %s and %s are joined",
                      from->place.segment->name, by->segment->name);
    }
    ds_put_cstr(&s, ": a probe sent out of ");
    topo_place_format(&from->place, &s);
    ds_put_cstr(&s, " came in by ");
    topo_place_format(by, &s);
    ds_put_format(&s, " on %s", node->name);
    agent_close_binding(agent, attach, ds_cstr(&s));
    ds_destroy(&s);
}

/* 'node' has got 'probe' from a VTEP that is none of ours. */
static void
agent_loop_from_vtep(struct agent *agent, const struct topo_node *node,
                     struct topo_attach *from, const struct in6_addr *ip)
{
    const struct topo_vtep *vtep = topo_vtep_find(&agent->topo,
                                                  from->place.segment, ip);

    if (vtep) {
        agent_loop_close(agent, from, from, &vtep->place, node);
    }
}

/* 'node' has got 'probe' by 'port'. */
void
agent_loop_in(struct agent *agent, const struct topo_node *node,
              const struct topo_port *port,
              const struct packetout_probe *probe,
              const struct packetin *pin)
{
    struct topo_attach *from = agent_loop_sender(agent, probe);
    const struct topo_claim *claim;
    struct packetin_head head;

    if (!from || !packetin_read_head(pin, &head)) {
        return;
    }
    if (port->ofport == topo_node_tunnel(node)) {
        agent_loop_from_vtep(agent, node, from, &pin->tun_src);
        return;
    }
    claim = topo_node_claim(node, layout_slot(port->ofport, head.vlan));
    if (!claim || !claim->attach->place.segment) {
        return;
    }

    struct topo_attach *to = claim->attach;
    if (!to->cluster) {
        agent_loop_close(agent, from, from, &to->place, node);
    } else if (to->cluster->active == node
               && (to != from || probe->dpid == node->dpid)) {
        /* What another edge has sent, this one got as a standby, even if it
         * has taken over since. */
        agent_loop_close(agent, to, from, &to->place, node);
    }
}

/* The switch of 'edge' got a BPDU.  Returns false if 'pin' is something
 * else. */
bool
agent_bpdu_in(struct agent *agent, const struct edge *edge,
              const struct packetin *pin)
{
    const struct topo_node *node = edge->tnode;
    const struct topo_claim *claim;
    struct packetin_head head;

    if (pin->table_id != LAYOUT_CLASSIFY || !packetin_read_head(pin, &head)
        || !layout_is_bpdu(head.dst)) {
        return false;
    }

    const struct topo_port *port = (node ? topo_node_ofport(node, pin->in_port)
                                    : NULL);
    const struct topo_plug *plug = port ? topo_node_plug(node, port->name)
                                   : NULL;
    if (!plug) {
        return true;
    }
    LIST_FOR_EACH (claim, plug_node, &plug->claims) {
        struct topo_attach *attach = claim->attach;

        if (attach->bpdu == TOPO_BPDU_GUARD && !attach->closure
            && (!head.vlan || head.vlan == attach->vlan)) {
            char *reason = xasprintf("BPDU received at %s/%s, %s, from "
                                     ETH_ADDR_FMT, node->name, port->name,
                                     head.vlan ? "tagged" : "untagged",
                                     ETH_ADDR_ARGS(head.src));

            agent_close_binding(agent, attach, reason);
            free(reason);
        }
    }
    return true;
}
