/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* Asking whether an edge is there: over its connection, and through the
 * overlay by other nodes.  What comes of it is noted in the nodes, where
 * flows/failover.h finds it. */

#include <config.h>
#include "controller/agent.h"

#include <limits.h>
#include "controller/edge.h"
#include "controller/lead.h"
#include "controller/ofconn.h"
#include "dp-packet.h"
#include "flows/failover.h"
#include "flows/layout.h"
#include "flows/packetin.h"
#include "flows/packetout.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "random.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(agent_probe);

/* A probe can get lost, above all the first that makes a switch ask for the
 * underlay's neighbour. */
#define AGENT_PROBE_TIMES 3
#define AGENT_PROBE_INTERVAL 10     /* Milliseconds. */
BUILD_ASSERT_DECL((AGENT_PROBE_TIMES - 1) * AGENT_PROBE_INTERVAL
                  < FAILOVER_PROBE_CLOSED);

/* How many nodes outside of a cluster are asked. */
#define AGENT_MAX_WITNESSES 3

/* How often an edge that is not there is told that it is not active, in
 * milliseconds. */
#define AGENT_DEPOSE_INTERVAL 50

/* A round of probes in one cluster. */
struct agent_round {
    struct ovs_list node;
    struct uuid cluster;        /* A row may go, and come again. */
    const struct topo_node *about;  /* Compared, never followed. */
    int left;
    long long at;
};

static struct packetout_probe
agent_probe_by(const struct agent *agent, const struct edge *edge,
               enum packetout_type type)
{
    return (struct packetout_probe) { .type = type, .secret = agent->secret,
                                      .dpid = edge->dpid };
}

static void
agent_probe_send(struct edge *edge, struct dp_packet *packet,
                 struct ofpbuf *acts)
{
    edge_send_packet(edge, dp_packet_data(packet), dp_packet_size(packet),
                     acts);
    dp_packet_uninit(packet);
    ofpbuf_uninit(acts);
}

/* Lets 'edge' send 'probe' to 'whom' through the overlay, in a frame of 'size'
 * bytes or as many as it takes. */
static void
agent_send_probe(struct edge *edge, const struct topo_node *whom,
                 const struct packetout_probe *probe, size_t size)
{
    ofp_port_t tunnel = topo_node_tunnel(edge->tnode);

    if (tunnel != OFPP_NONE) {
        uint64_t stub[256 / 8];
        struct ofpbuf acts = OFPBUF_STUB_INITIALIZER(stub);
        struct dp_packet packet;

        dp_packet_init(&packet, MAX(ETH_TOTAL_MIN, size));
        packetout_ask(&packet, &acts, probe, tunnel, &whom->ip);
        if (size > dp_packet_size(&packet)) {
            dp_packet_put_zeros(&packet, size - dp_packet_size(&packet));
        }
        agent_probe_send(edge, &packet, &acts);
    }
}

/* Lets 'edge' ask 'whom' through the overlay, on behalf of 'cluster'. */
static void
agent_ask(const struct agent *agent, const struct topo_cluster *cluster,
          struct edge *edge, const struct topo_node *whom)
{
    struct packetout_probe probe = agent_probe_by(agent, edge,
                                                  PACKETOUT_ASK);

    probe.key = topo_node_probe_key(edge->tnode);
    probe.cluster = cluster->id;
    agent_send_probe(edge, whom, &probe, 0);
}

/* Lets 'edge' ask 'whom' through the overlay with a frame of 'size' bytes. */
void
agent_probe_size(const struct agent *agent, struct edge *edge,
                 const struct topo_node *whom, uint16_t size)
{
    struct packetout_probe probe = agent_probe_by(agent, edge,
                                                  PACKETOUT_ASK);

    probe.key = topo_node_probe_key(edge->tnode);
    agent_send_probe(edge, whom, &probe, size);
}

/* Finds up to AGENT_MAX_WITNESSES nodes that share a segment with 'cluster'
 * and are no edges of it, storing them into 'nodes', and their number. */
static size_t
agent_witnesses(const struct topo_cluster *cluster,
                const struct topo_node *nodes[AGENT_MAX_WITNESSES])
{
    const struct topo_user *user;
    size_t n = 0;

    HMAP_FOR_EACH (user, node, &cluster->users) {
        if (n < AGENT_MAX_WITNESSES
            && edge_is_ready(agent_session(user->tnode))
            && !topo_cluster_has_node(cluster, user->tnode)) {
            nodes[n++] = user->tnode;
        }
    }
    return n;
}

static void
agent_round_send(const struct agent *agent,
                 const struct topo_cluster *cluster,
                 const struct topo_node *about, bool first)
{
    const struct topo_node *witnesses[AGENT_MAX_WITNESSES];
    size_t n = agent_witnesses(cluster, witnesses);

    for (size_t i = 0; i < cluster->n_members; i++) {
        const struct topo_node *node = cluster->members[i];
        struct edge *edge = agent_session(node);

        if (!edge_is_ready(edge)) {
            continue;
        }
        if (node == about && first) {
            ofconn_ask(edge->conn);
        } else if (node != about) {
            agent_ask(agent, cluster, edge, about);
        }
        for (size_t j = 0; j < n; j++) {
            agent_ask(agent, cluster, edge, witnesses[j]);
        }
    }
}

/* Begins a round about 'about', an edge of 'cluster'. */
void
agent_round(struct agent *agent, const struct topo_cluster *cluster,
            const struct topo_node *about)
{
    struct agent_round *r;

    LIST_FOR_EACH (r, node, &agent->rounds) {
        if (uuid_equals(&r->cluster, &cluster->row.uuid)
            && r->about == about) {
            ovs_list_remove(&r->node);
            free(r);
            break;
        }
    }
    r = xmalloc(sizeof *r);
    r->cluster = cluster->row.uuid;
    r->about = about;
    r->left = AGENT_PROBE_TIMES;
    r->at = time_msec();
    ovs_list_push_back(&agent->rounds, &r->node);
    VLOG_DBG("cluster %s: is %s there?", cluster->name, about->name);
}

void
agent_rounds_run(struct agent *agent)
{
    long long now = time_msec();
    struct agent_round *r;

    LIST_FOR_EACH_SAFE (r, node, &agent->rounds) {
        const struct topo_row *row = topo_row(&agent->topo, TOPO_CLUSTER,
                                              &r->cluster);
        const struct topo_cluster *cluster
            = row ? CONTAINER_OF(row, struct topo_cluster, row) : NULL;

        if (!cluster || !topo_cluster_has_node(cluster, r->about)) {
            r->left = 0;
        } else if (now >= r->at) {
            agent_round_send(agent, cluster, r->about,
                             r->left == AGENT_PROBE_TIMES);
            r->at = now + AGENT_PROBE_INTERVAL;
            r->left--;
        }
        if (!r->left) {
            ovs_list_remove(&r->node);
            free(r);
        }
    }
}

void
agent_rounds_wait(const struct agent *agent)
{
    const struct agent_round *r;

    LIST_FOR_EACH (r, node, &agent->rounds) {
        poll_timer_wait_until(r->at);
    }
    if (agent->depose_at != LLONG_MAX) {
        poll_timer_wait_until(agent->depose_at);
    }
}

void
agent_rounds_clear(struct agent *agent)
{
    struct agent_round *r;

    LIST_FOR_EACH_POP (r, node, &agent->rounds) {
        free(r);
    }
}

/* An edge that is not connected may be forwarding as before, above all when it
 * comes back from where it could not be reached.  By way of the active edge it
 * is told not to; again and again, since nothing shows when it is within
 * reach. */
void
agent_depose(struct agent *agent, const struct topo_cluster *cluster)
{
    struct edge *edge = cluster->active ? agent_session(cluster->active)
                        : NULL;

    for (size_t i = 0; edge_is_ready(edge) && i < cluster->n_members; i++) {
        const struct topo_node *node = cluster->members[i];

        if (node != cluster->active
            && (!edge_is_ready(agent_session(node))
                || (cluster->failover.silent
                    && cluster->failover.doubted == node))) {
            struct packetout_probe probe = agent_probe_by(agent, edge,
                                                          PACKETOUT_DEPOSE);

            probe.cluster = cluster->id;
            lead_leads(agent->lead, &cluster->shard, &probe.generation);
            agent_send_probe(edge, node, &probe, 0);
            agent->depose_at = MIN(agent->depose_at,
                                   time_msec() + AGENT_DEPOSE_INTERVAL);
        }
    }
}

void
agent_depose_run(struct agent *agent)
{
    const struct topo_cluster *cluster;

    if (time_msec() < agent->depose_at) {
        return;
    }
    agent->depose_at = LLONG_MAX;
    HMAP_FOR_EACH (cluster, row.node, &agent->topo.rows[TOPO_CLUSTER]) {
        agent_depose(agent, cluster);
    }
}

/* 'node' has got an answer to 'probe'. */
static void
agent_answered(struct agent *agent, const struct topo_node *node,
               const struct packetout_probe *probe,
               const struct packetin *pin)
{
    struct topo_node *other = topo_node_by_ip(&agent->topo, &pin->tun_src);
    struct topo_cluster *cluster = topo_cluster_by_id(&agent->topo,
                                                      probe->cluster);

    if (other) {
        other->met = time_msec();
        agent_mtu_answered(agent, node, other, pin->frame_len);
    }
    for (size_t i = 0; other && cluster && i < cluster->n_members; i++) {
        if (cluster->members[i] == node
            && !topo_cluster_has_node(cluster, other)) {
            cluster->reached[i] = other->met;
        }
    }
}

/* Lets 'edge', which has closed its gate for 'cluster', send a marker into a
 * VLAN of each trunk, as far as there are markers for them. */
void
agent_mark(const struct agent *agent, struct topo_cluster *cluster,
           struct edge *edge)
{
    struct packetout_probe probe = agent_probe_by(agent, edge,
                                                  PACKETOUT_MARKER);
    const struct topo_trunk *trunk;

    /* Stations see it, so it is good for this once. */
    probe.secret = cluster->marker_secret = random_uint64();
    probe.cluster = cluster->id;
    cluster->markers = 0;
    LIST_FOR_EACH (trunk, node, &cluster->trunks) {
        const struct topo_attach *attach
            = CONTAINER_OF(ovs_list_front(&trunk->attaches),
                           struct topo_attach, trunk_node);
        const struct topo_claim *claim = topo_attach_claim(attach,
                                                           edge->tnode);
        uint64_t stub[256 / 8];
        struct ofpbuf acts = OFPBUF_STUB_INITIALIZER(stub);
        struct dp_packet packet;

        if (probe.port == 64) {
            break;
        }
        cluster->markers |= UINT64_C(1) << probe.port;
        if (claim && claim->slot) {
            dp_packet_init(&packet, ETH_TOTAL_MIN);
            packetout_emit(&packet, &acts, &probe, claim->slot);
            agent_probe_send(edge, &packet, &acts);
        }
        probe.port++;
    }
    if (!cluster->markers) {
        cluster->markers = UINT64_MAX;
    }
}

/* 'node' has got a marker. */
static void
agent_marked(struct agent *agent, const struct topo_node *node,
             const struct packetout_probe *probe)
{
    struct topo_cluster *cluster = topo_cluster_by_id(&agent->topo,
                                                      probe->cluster);

    /* Of others than who is to take over it says nothing. */
    if (cluster && probe->secret == cluster->marker_secret
        && cluster->failover.phase == FAILOVER_BREAKING
        && cluster->failover.target == node
        && cluster->failover.active != node && probe->port < 64) {
        cluster->markers &= ~(UINT64_C(1) << probe->port);
        if (!cluster->markers) {
            agent_elect_node(agent, node);
        }
    }
}

/* The switch of 'edge' was told not to be active any more.  If it is active by
 * a decision that was made since, that is over. */
static void
agent_deposed_late(const struct agent *agent, struct edge *edge,
                   const struct packetout_probe *probe)
{
    const struct topo_cluster *cluster = topo_cluster_by_id(&agent->topo,
                                                            probe->cluster);
    uint64_t generation;

    if (cluster && cluster->active == edge->tnode && edge_is_ready(edge)
        && lead_leads(agent->lead, &cluster->shard, &generation)
        && probe->generation <= generation) {
        VLOG_INFO("%s: was told late that it is not active; it is",
                  edge->tnode->name);
        edge_forget_taken(edge);
    }
}

/* 'node' has got what a node sent by a port by which it sees others. */
static void
agent_arrived(struct agent *agent, const struct topo_node *node,
              const struct packetout_probe *probe)
{
    struct topo_node *sender = topo_node_by_dpid(&agent->topo, probe->dpid);

    if (sender) {
        topo_node_set_looped(&agent->topo, sender,
                             u16_to_ofp(probe->port), sender == node);
    }
}

/* The switch of 'edge' got a probe, or an answer to one.  Returns false if
 * 'pin' is something else. */
bool
agent_probe_in(struct agent *agent, struct edge *edge,
               const struct packetin *pin)
{
    struct topo_node *node = edge->tnode;
    struct packetout_probe probe;

    if (pin->table_id != LAYOUT_CLASSIFY
        || !packetout_read(pin->frame, pin->frame_len, &probe)) {
        return false;
    }

    /* Each comes in where it belongs, and is of our making. */
    const struct topo_port *port = (node ? topo_node_ofport(node, pin->in_port)
                                    : NULL);
    if (!port
        || (probe.type != PACKETOUT_MARKER && probe.type != PACKETOUT_LOOP
            && probe.type != PACKETOUT_DEPOSE
            && probe.secret != agent->secret)) {
        return true;
    }
    switch (probe.type) {
    case PACKETOUT_ASK:
        if (topo_node_sees_by(node, port->name)) {
            agent_arrived(agent, node, &probe);
        }
        break;
    case PACKETOUT_ANSWER:
        if (port->ofport == topo_node_tunnel(node)
            && probe.dpid == edge->dpid) {
            agent_answered(agent, node, &probe, pin);
        }
        break;
    case PACKETOUT_MARKER:
        agent_marked(agent, node, &probe);
        break;
    case PACKETOUT_LOOP:
        agent_loop_in(agent, node, port, &probe, pin);
        break;
    case PACKETOUT_DEPOSE:
        agent_deposed_late(agent, edge, &probe);
        break;
    default:
        OVS_NOT_REACHED();
    }
    return true;
}

/* Lets 'edge' show where the ports lead by which it sees others.  To be called
 * now and then, for they may be laid anew. */
void
agent_probe_ports(const struct agent *agent, struct edge *edge)
{
    struct packetout_probe probe = agent_probe_by(agent, edge,
                                                  PACKETOUT_ASK);
    const struct topo_port *port;

    HMAP_FOR_EACH (port, ofport_node, &edge->tnode->ports_by_ofport) {
        if (topo_node_sees_by(edge->tnode, port->name)) {
            uint64_t stub[256 / 8];
            struct ofpbuf acts = OFPBUF_STUB_INITIALIZER(stub);
            struct dp_packet packet;

            probe.port = ofp_to_u16(port->ofport);
            dp_packet_init(&packet, ETH_TOTAL_MIN);
            packetout_ask_by(&packet, &acts, &probe, port->ofport);
            agent_probe_send(edge, &packet, &acts);
        }
    }
}

/* Picks the numbers that tell our probes from others'. */
void
agent_probe_init(struct agent *agent)
{
    ovs_list_init(&agent->rounds);
    agent->secret = random_uint64();
    agent->loop_secret = random_uint64();
}
