/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "controller/agent.h"

#include "controller/edge.h"
#include "controller/ofconn.h"
#include "flows/layout.h"
#include "flows/sighting.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/vlog.h"

VLOG_DEFINE_THIS_MODULE(agent_learn);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

/* Says that the MAC of 's' stays where it is. */
static void
agent_tell_frozen(const struct fdb *fdb, const struct sighting *s)
{
    const struct topo_segment *segment = s->place->segment;
    const struct fdb_mac *e = fdb_find(fdb, segment, s->mac);
    struct ds where = DS_EMPTY_INITIALIZER;

    topo_place_format(e->place, &where);
    ds_put_cstr(&where, ", although it was seen at ");
    topo_place_format(s->place, &where);
    VLOG_WARN_RL(&rl, "segment %s: "ETH_ADDR_FMT" has moved too often and "
                 "stays at %s", segment->name, ETH_ADDR_ARGS(s->mac),
                 ds_cstr(&where));
    ds_destroy(&where);
}

/* There is no room for the MAC that was seen.  If it is known at another
 * place, it is not there any more, and what is for it is to be flooded. */
static void
agent_sight_in_vain(struct agent *agent, const struct sighting *s)
{
    const struct fdb_mac *e = fdb_find(&agent->fdb, s->place->segment, s->mac);

    if (e && !e->is_static && e->place != s->place) {
        fdb_flush(&agent->fdb, s->place->segment, &s->mac, &agent->ops);
        agent_send_ops(agent);
    }
}

/* Reads 's' from 'pin'.  Returns NULL, or what is wrong with it, which the
 * caller frees.  A VTEP that is not known may be one from now on. */
static char *
agent_read_packet_in(struct agent *agent, const struct edge *edge,
                     const struct packetin *pin, struct sighting *s)
{
    const char *why = sighting_from_packet_in(&agent->topo, edge->tnode, pin,
                                              s);

    if (why && s->lacking && s->lacking->vtep_limit) {
        char *error = agent_meet_vtep(agent, s);

        if (error) {
            return error;
        }
        why = sighting_from_packet_in(&agent->topo, edge->tnode, pin, s);
    }
    return nullable_xstrdup(why);
}

/* The first walk: a packet-in of LEARN. */
void
agent_packet_in(struct agent *agent, struct edge *edge,
                const struct packetin *pin)
{
    /* To ask for the time takes a tenth of what the rest does. */
    long long now = ofconn_last_rx(edge->conn);
    struct sighting s;
    char *why;

    /* Until the switch's own MACs have been adopted, this could overrule one
     * of them.  The frame went on its way, and its sender is seen again in a
     * second. */
    if (!edge_is_ready(edge)) {
        return;
    }
    why = agent_read_packet_in(agent, edge, pin, &s);
    if (why) {
        VLOG_DBG_RL(&rl, "%s: packet-in ignored (%s)", edge->tnode->name,
                    why);
        free(why);
        return;
    }
    agent_share_count(agent, edge->tnode, s.place->segment->vni, now);
    if (agent_has_no_room(edge, true, false, s.place->segment->vni)) {
        agent_sight_in_vain(agent, &s);
        return;
    }
    switch (fdb_sight(&agent->fdb, edge->tnode, s.place, s.mac, now,
                      &agent->ops)) {
    case FDB_REFUSED:
        VLOG_WARN_RL(&rl, "%s: static MAC "ETH_ADDR_FMT" of segment %s seen "
                     "at another place", edge->tnode->name,
                     ETH_ADDR_ARGS(s.mac), s.place->segment->name);
        break;
    case FDB_FROZE:
        agent_tell_frozen(&agent->fdb, &s);
        agent_froze(agent, s.place->segment);
        break;
    case FDB_LEARNED:
    case FDB_CONFIRMED:
    case FDB_MOVED:
    case FDB_FROZEN:
    case FDB_FULL:
        break;
    default:
        OVS_NOT_REACHED();
    }
    agent_send_ops(agent);
}

/* The same walk the other way round: a SOURCE flow was idle for too long. */
void
agent_flow_removed(struct agent *agent, struct edge *edge,
                   const struct ofputil_flow_removed *fr)
{
    uint64_t cookie = ntohll(fr->cookie);
    struct sighting s;

    if ((cookie & LAYOUT_COOKIE_MASK) != LAYOUT_COOKIE_OURS
        || layout_cookie_kind(cookie) != LAYOUT_K_LEARNED
        || fr->table_id != LAYOUT_SOURCE
        || fr->reason != OFPRR_IDLE_TIMEOUT
        || !edge->tnode
        || sighting_from_source(&agent->topo, edge->tnode, &fr->match, &s)) {
        return;
    }
    fdb_idle(&agent->fdb, edge->tnode, s.place, s.slot, s.mac, &agent->ops);
    agent_send_ops(agent);
}

/* Forgets learned MACs; see fdb_flush(). */
size_t
agent_flush_macs(struct agent *agent, struct topo_segment *segment,
                 const struct eth_addr *mac)
{
    size_t n = fdb_flush(&agent->fdb, segment, mac, &agent->ops);

    agent_send_ops(agent);
    return n;
}
