/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "controller/agent.h"

#include "controller/edge.h"
#include "flows/layout.h"
#include "openvswitch/dynamic-string.h"
#include "util.h"

/* Any place, of those that have a slot. */
#define AGENT_ANY_SLOT UINT32_MAX

/* Appends to 's' what the switch of 'node' has answered to the flows of the
 * owner 'cookie', if it has refused any that the place with 'slot' needs. */
static bool
agent_blame_slot(const struct topo_node *node, uint64_t cookie, uint32_t slot,
                 struct ds *s)
{
    const struct edge *edge = agent_session(node);
    const struct refused_owner *o
        = edge ? refused_find(&edge->refused, cookie) : NULL;

    if (!o || !o->error
        || (slot != AGENT_ANY_SLOT && !refused_is_about(o, slot))) {
        return false;
    }
    ds_put_format(s, "%s refuses flows: %s", node->name,
                  ofperr_to_string(o->error));
    if (o->table != OFPTT_ALL) {
        ds_put_format(s, " (table %"PRIu8")", o->table);
    }
    return true;
}

static bool
agent_blame(const struct topo_node *node, uint64_t cookie, struct ds *s)
{
    return agent_blame_slot(node, cookie, AGENT_ANY_SLOT, s);
}

/* The same for what 'node' has of 'segment'. */
static bool
agent_blame_segment_on(const struct topo_node *node,
                       const struct topo_segment *segment, uint32_t slot,
                       struct ds *s)
{
    return (agent_blame_slot(node, layout_cookie(LAYOUT_K_SEGMENT,
                                                 segment->vni), slot, s)
            || agent_blame_slot(node, layout_cookie(LAYOUT_K_LEARNED,
                                                    segment->vni), slot, s));
}

static bool
agent_blame_segment(const struct topo_segment *segment, uint32_t slot,
                    struct ds *s)
{
    for (size_t i = 0; i < segment->n_sites; i++) {
        if (agent_blame_segment_on(segment->sites[i].node, segment, slot,
                                   s)) {
            return true;
        }
    }
    return false;
}

static bool
agent_blame_attach(const struct topo_attach *attach, struct ds *s)
{
    for (size_t i = 0; i < attach->n_claims; i++) {
        const struct topo_claim *claim = &attach->claims[i];
        uint64_t port = layout_cookie(LAYOUT_K_PORT, claim->slot >> 16);

        if (agent_blame_segment_on(claim->node, attach->place.segment,
                                   claim->slot, s)
            || (claim->slot && agent_blame(claim->node, port, s))) {
            return true;
        }
    }
    return false;
}

static bool
agent_blame_static(const struct topo_static_mac *sm, struct ds *s)
{
    const struct topo_segment *segment = sm->place ? sm->place->segment : NULL;

    for (size_t i = 0; segment && i < segment->n_sites; i++) {
        if (agent_blame(segment->sites[i].node,
                        layout_cookie(LAYOUT_K_STATIC, segment->vni), s)) {
            return true;
        }
    }
    return false;
}

static bool
agent_blame_cluster(const struct topo_cluster *cluster, struct ds *s)
{
    const struct topo_user *user;

    HMAP_FOR_EACH (user, node, &cluster->users) {
        if (agent_blame(user->tnode, layout_cookie(LAYOUT_K_CLUSTER,
                                                   cluster->id), s)) {
            return true;
        }
    }
    return false;
}

static bool
agent_blame_row(const struct topo_row *row, struct ds *s)
{
    const struct topo_place *place;

    switch (row->table) {
    case TOPO_SEGMENT:
        return agent_blame_segment(
            CONTAINER_OF(row, struct topo_segment, row), AGENT_ANY_SLOT, s);
    case TOPO_CLUSTER:
        return agent_blame_cluster(
            CONTAINER_OF(row, struct topo_cluster, row), s);
    case TOPO_BINDING:
    case TOPO_HOST_PORT:
        return agent_blame_attach(
            CONTAINER_OF(row, struct topo_attach, place.row), s);
    case TOPO_VTEP:
        place = CONTAINER_OF(row, struct topo_place, row);
        return place->segment && agent_blame_segment(place->segment, 0, s);
    case TOPO_STATIC_MAC:
        return agent_blame_static(
            CONTAINER_OF(row, struct topo_static_mac, row), s);
    case TOPO_EDGE:             /* agent_complaint(). */
    case TOPO_N_TABLES:
    default:
        return false;
    }
}

/* Returns what switches have answered to flows that 'row' is the reason for,
 * to be freed, or NULL if they took them. */
char *
agent_row_error(const struct topo_row *row)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    if (!agent_blame_row(row, &s)) {
        ds_destroy(&s);
        return NULL;
    }
    return ds_steal_cstr(&s);
}

/* Returns what there is to complain about 'edge', until the next call, or
 * NULL. */
const char *
agent_complaint(struct edge *edge)
{
    const struct refused_owner *o;
    struct ds s = DS_EMPTY_INITIALIZER;

    if (edge->state == EDGE_BACKOFF && edge->last_error) {
        ds_put_cstr(&s, edge->last_error);
    }
    if (edge_is_full(edge, true)) {
        ds_put_format(&s, "%stable %d (SOURCE) is full: no MAC is learned "
                      "here", s.length ? "; " : "", LAYOUT_SOURCE);
    }
    if (edge_is_full(edge, false)) {
        ds_put_format(&s, "%stable %d (DEST) is full: what is for new MACs is "
                      "flooded here", s.length ? "; " : "", LAYOUT_DEST);
    }
    HMAP_FOR_EACH (o, node, &edge->refused.owners) {
        if (o->error) {
            char *name = refused_owner_name(o->cookie);

            ds_put_format(&s, "%srefuses flows of %s%s: %s",
                          s.length ? "; " : "", name,
                          hmap_count(&edge->refused.owners) > 1
                          ? " and others" : "", ofperr_to_string(o->error));
            free(name);
            break;
        }
    }
    free(edge->complaint);
    edge->complaint = s.length ? ds_steal_cstr(&s) : NULL;
    ds_destroy(&s);
    return edge->complaint;
}
