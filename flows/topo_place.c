/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "flows/topo_place.h"

#include "flows/addr.h"
#include "flows/layout.h"
#include "openvswitch/dynamic-string.h"
#include "util.h"

/* Dirt. */

/* The segment's own flows are to be derived anew on all its nodes. */
void
topo_segment_mark(struct topo_segment *segment)
{
    for (size_t i = 0; i < segment->n_sites; i++) {
        topo_node_mark(segment->sites[i].node,
                       layout_cookie(LAYOUT_K_SEGMENT, segment->vni));
    }
}

static void
topo_segment_mark_macs_on(struct topo_segment *segment,
                          struct topo_node *node)
{
    if (segment->n_macs) {
        topo_node_mark(node, layout_cookie(LAYOUT_K_LEARNED, segment->vni));
    }
}

/* The flows of the segment's MACs are to be derived anew on all its nodes. */
void
topo_segment_mark_macs(struct topo_segment *segment)
{
    for (size_t i = 0; i < segment->n_sites; i++) {
        topo_segment_mark_macs_on(segment, segment->sites[i].node);
    }
}

/* Whether an edge of the cluster of 'attach', which is in force, is in its
 * segment in another way too, so that one frame could reach it twice. */
static bool
topo_attach_overlaps(const struct topo_attach *attach)
{
    const struct topo_segment *segment = attach->place.segment;
    const struct topo_attach *other;

    LIST_FOR_EACH (other, segment_node, &segment->attaches) {
        for (size_t i = 0; other->cluster != attach->cluster
                           && i < other->n_claims; i++) {
            if (topo_cluster_has_node(attach->cluster,
                                      other->claims[i].node)) {
                return true;
            }
        }
    }
    return false;
}

/* Finds anew where an edge is in the segment in more than one way. */
static void
topo_segment_find_overlaps(struct topo_segment *segment)
{
    struct topo_attach *attach;

    LIST_FOR_EACH (attach, segment_node, &segment->attaches) {
        if (attach->cluster) {
            ovs_list_remove(&attach->overlap_node);
            ovs_list_init(&attach->overlap_node);
            if (topo_attach_overlaps(attach)) {
                ovs_list_push_back(&attach->cluster->overlaps,
                                   &attach->overlap_node);
            }
        }
    }
}

/* Sites. */

static struct topo_site *
topo_segment_site(const struct topo_segment *segment,
                  const struct topo_node *node)
{
    for (size_t i = 0; i < segment->n_sites; i++) {
        if (segment->sites[i].node == node) {
            return &segment->sites[i];
        }
    }
    return NULL;
}

bool
topo_segment_has_node(const struct topo_segment *segment,
                      const struct topo_node *node)
{
    return topo_segment_site(segment, node) != NULL;
}

/* 'node' comes into the segment, or leaves it. */
static void
topo_segment_move(struct topo_segment *segment, struct topo_node *node,
                  bool comes)
{
    const struct topo_attach *attach;

    topo_segment_mark_macs_on(segment, node);
    LIST_FOR_EACH (attach, segment_node, &segment->attaches) {
        if (attach->cluster && comes) {
            topo_cluster_add_user(attach->cluster, node);
        } else if (attach->cluster) {
            topo_cluster_del_user(attach->cluster, node);
        }
    }
}

static void
topo_segment_add_claim(struct topo_segment *segment, struct topo_node *node)
{
    struct topo_site *site = topo_segment_site(segment, node);

    if (!site) {
        if (segment->n_sites == segment->allocated_sites) {
            segment->sites = x2nrealloc(segment->sites,
                                        &segment->allocated_sites,
                                        sizeof *segment->sites);
        }
        site = &segment->sites[segment->n_sites++];
        *site = (struct topo_site) { .node = node };
        topo_segment_move(segment, node, true);
    }
    site->n_claims++;
}

static void
topo_segment_del_claim(struct topo *topo, struct topo_segment *segment,
                       struct topo_node *node)
{
    topo_segment_site(segment, node)->n_claims--;
    if (ovs_list_is_empty(&segment->thinned_node)) {
        ovs_list_push_back(&topo->thinned, &segment->thinned_node);
    }
}

/* Lets the nodes leave that have no place in the segment any more. */
static void
topo_segment_thin(struct topo_segment *segment)
{
    size_t n = 0;

    for (size_t i = 0; i < segment->n_sites; i++) {
        if (segment->sites[i].n_claims) {
            segment->sites[n++] = segment->sites[i];
        } else {
            topo_segment_move(segment, segment->sites[i].node, false);
        }
    }
    segment->n_sites = n;
}

/* Places. */

/* Makes 'place', new and with a row or none, wait to come in force. */
void
topo_place_init(struct topo *topo, struct topo_place *place)
{
    ovs_list_init(&place->withdrawn_node);
    ovs_list_init(&place->macs);
    ovs_list_init(&place->rivals);
    ovs_list_push_back(&topo->waiting, &place->waiting_node);
}

/* Static MACs are at places that have a row. */
static void
topo_place_moved(struct topo *topo, const struct topo_place *place)
{
    bool learned = (place->type == TOPO_PLACE_VTEP
                    && CONTAINER_OF(place, struct topo_vtep, place)->learned);

    topo->statics_changed |= (!learned
                              && !hmap_is_empty(&topo->rows[TOPO_STATIC_MAC]));
}

void
topo_place_instate(struct topo *topo, struct topo_place *place,
                   struct topo_segment *segment)
{
    ovs_list_remove(&place->waiting_node);
    place->segment = segment;
    topo_place_moved(topo, place);
}

void
topo_place_withdraw(struct topo *topo, struct topo_place *place)
{
    /* In front of those that never were in force, so that what worked comes
     * back first. */
    ovs_list_push_front(&topo->waiting, &place->waiting_node);
    if (ovs_list_is_empty(&place->withdrawn_node)) {
        ovs_list_push_back(&topo->withdrawn, &place->withdrawn_node);
    }
    place->segment = NULL;
    topo_place_moved(topo, place);
}

void
topo_attach_withdraw(struct topo *topo, struct topo_attach *attach)
{
    struct topo_segment *segment = attach->place.segment;

    topo_segment_mark(segment);
    if (attach->cluster) {
        topo_cluster_unbind(attach);
    }
    for (size_t i = 0; i < attach->n_claims; i++) {
        topo_segment_del_claim(topo, segment, attach->claims[i].node);
    }
    topo_attach_unclaim_all(attach);
    ovs_list_remove(&attach->segment_node);
    topo_segment_find_overlaps(segment);
    topo_place_withdraw(topo, &attach->place);
}

/* Takes 'place' out of force for good, before its deletion. */
void
topo_place_del(struct topo *topo, struct topo_place *place)
{
    struct topo_attach *attach;

    if (place->type == TOPO_PLACE_ATTACH) {
        attach = CONTAINER_OF(place, struct topo_attach, place);
        if (place->segment) {
            topo_attach_withdraw(topo, attach);
        }
        topo_tie_del(topo, attach);
        topo_attach_forget_closure(attach);
        topo_attach_set_probe(topo, attach, 0);
    } else if (place->segment) {
        topo_vtep_withdraw(topo, CONTAINER_OF(place, struct topo_vtep,
                                              place));
    }
    ovs_list_remove(&place->waiting_node);
    ovs_list_init(&place->waiting_node);
}

void
topo_place_free(struct topo_place *place)
{
    ovs_assert(!place->n_macs);
    ovs_list_remove(&place->withdrawn_node);
    if (place->type == TOPO_PLACE_ATTACH) {
        struct topo_attach *attach = CONTAINER_OF(place, struct topo_attach,
                                                  place);

        free(attach->complaint);
        free(attach);
    } else {
        free(CONTAINER_OF(place, struct topo_vtep, place));
    }
}

static bool
topo_limit_equals(const struct topo_limit *a, const struct topo_limit *b)
{
    return a->rate == b->rate && a->packets == b->packets;
}

/* Whether 'attach' guards against BPDUs is part of the flows of its ports. */
static bool
topo_attach_set_bpdu(struct topo_attach *attach, enum topo_bpdu bpdu)
{
    bool ports = (attach->bpdu != bpdu
                  && (attach->bpdu == TOPO_BPDU_GUARD
                      || bpdu == TOPO_BPDU_GUARD));
    bool changed = attach->bpdu != bpdu;

    attach->bpdu = bpdu;
    if (ports) {
        topo_attach_mark_ports(attach);
    }
    return changed;
}

/* Puts 'attach' among those that are 'probing', or takes it out.  What is new
 * there is the first. */
void
topo_attach_set_probe(struct topo *topo, struct topo_attach *attach,
                      unsigned int interval)
{
    if (attach->loop_probe && !interval) {
        heap_remove(&topo->probing, &attach->probe_node);
    } else if (!attach->loop_probe && interval) {
        heap_insert(&topo->probing, &attach->probe_node, UINT64_MAX);
    }
    attach->loop_probe = interval;
}

/* Takes over from 'row' what can change while 'attach' stays as it is. */
static void
topo_attach_update(struct topo *topo, struct topo_attach *attach,
                   const struct topo_attach_row *row)
{
    bool changed = topo_attach_set_bpdu(attach, row->bpdu);

    for (int i = 0; i < TOPO_N_DIRECTIONS; i++) {
        changed |= !topo_limit_equals(&attach->limits[i], &row->limits[i]);
        attach->limits[i] = row->limits[i];
    }
    topo_attach_set_probe(topo, attach, row->loop_probe);
    free(attach->complaint);
    attach->complaint = row->complaint;
    topo_attach_close_row(topo, attach, row->closed_until,
                          row->closed_reason);
    if (attach->place.segment) {
        if (changed) {
            topo_segment_mark(attach->place.segment);
        }
        topo_attach_check_ports(topo, attach);
    }
}

void
topo_attach_set(struct topo *topo, const struct topo_attach_row *row)
{
    struct topo_row *old = topo_row(topo, row->table, &row->uuid);
    struct topo_attach *attach;

    if (old) {
        attach = CONTAINER_OF(old, struct topo_attach, place.row);
        if (uuid_equals(&attach->segment_uuid, &row->segment)
            && uuid_equals(&attach->owner_uuid, &row->owner)
            && !strcmp(attach->port, row->port)
            && attach->vlan == row->vlan) {
            topo_attach_update(topo, attach, row);
            return;
        }
        topo_del(topo, row->table, &row->uuid);
    }
    attach = xzalloc(sizeof *attach + strlen(row->port) + 1);
    attach->place.type = TOPO_PLACE_ATTACH;
    ovs_list_init(&attach->overlap_node);
    topo_row_add(topo, row->table, &row->uuid, &attach->place.row);
    topo_place_init(topo, &attach->place);
    attach->segment_uuid = row->segment;
    attach->owner_uuid = row->owner;
    attach->port = strcpy((char *) (attach + 1), row->port);
    attach->vlan = row->vlan;
    topo_attach_update(topo, attach, row);
    topo_tie_add(topo, attach);
}

/* The attachments of a segment are in the order of their UUIDs.  It is that
 * of the actions of a flood, which a restart must not change. */
static void
topo_segment_insert_attach(struct topo_segment *segment,
                           struct topo_attach *attach)
{
    struct ovs_list *after = &segment->attaches;
    struct topo_attach *other;

    LIST_FOR_EACH_REVERSE (other, segment_node, &segment->attaches) {
        if (uuid_compare_3way(&other->place.row.uuid,
                              &attach->place.row.uuid) < 0) {
            break;
        }
        after = &other->segment_node;
    }
    ovs_list_insert(after, &attach->segment_node);
}

/* Returns the cluster or edge to which 'attach' belongs, in force or not, or
 * NULL if there is no such row. */
struct topo_row *
topo_attach_owner(const struct topo *topo, const struct topo_attach *attach)
{
    bool bound = attach->place.row.table == TOPO_BINDING;

    return topo_row(topo, bound ? TOPO_CLUSTER : TOPO_EDGE,
                    &attach->owner_uuid);
}

/* Finds the nodes on which 'attach' is to be, storing them into 'nodes', and
 * their number, which may be 0.  '*cluster' becomes the cluster, if any. */
static size_t
topo_attach_nodes(const struct topo *topo, const struct topo_attach *attach,
                  struct topo_node *nodes[TOPO_MAX_EDGES],
                  struct topo_cluster **cluster)
{
    struct topo_row *row = topo_attach_owner(topo, attach);

    *cluster = NULL;
    if (!row) {
        return 0;
    }
    if (row->table == TOPO_CLUSTER) {
        *cluster = CONTAINER_OF(row, struct topo_cluster, row);
        memcpy(nodes, (*cluster)->members, sizeof (*cluster)->members);
        return (*cluster)->n_members;
    }
    nodes[0] = CONTAINER_OF(row, struct topo_node, row);
    return nodes[0]->valid;
}

/* Brings 'attach' in force if it can be, otherwise returns what is in the
 * way. */
static char *
topo_attach_instate(struct topo *topo, struct topo_attach *attach)
{
    struct topo_node *nodes[TOPO_MAX_EDGES];
    struct topo_cluster *cluster;
    struct topo_row *row = topo_row(topo, TOPO_SEGMENT,
                                    &attach->segment_uuid);
    size_t n = topo_attach_nodes(topo, attach, nodes, &cluster);
    char *error;

    if (!row) {
        return xstrdup("no such segment");
    }
    if (!n) {
        return xstrdup("no usable edge");
    }
    if (!addr_check_port(attach->port, &error)) {
        return error;
    }
    if (attach->vlan > 4094) {
        return xasprintf("VLAN %"PRIu16" is not from 0 to 4094",
                         attach->vlan);
    }
    for (size_t i = 0; i < n; i++) {
        error = topo_claim_check(attach, nodes[i]);
        if (error) {
            return error;
        }
    }

    struct topo_segment *segment = CONTAINER_OF(row, struct topo_segment, row);
    topo_place_instate(topo, &attach->place, segment);
    topo_segment_insert_attach(segment, attach);
    for (size_t i = 0; i < n; i++) {
        topo_segment_add_claim(segment, nodes[i]);
    }
    topo_attach_claim_all(attach, nodes, n);
    if (cluster) {
        topo_cluster_bind(cluster, attach);
    }
    topo_segment_find_overlaps(segment);
    topo_segment_mark(segment);
    return NULL;
}

/* Puts into the row of 'attach', which is in force, until when it is closed,
 * which of its nodes lack its port, or what else is to be said of it. */
void
topo_attach_check_ports(struct topo *topo, struct topo_attach *attach)
{
    char *error = topo_attach_closed_error(attach);

    for (size_t i = 0; i < attach->n_claims && !error; i++) {
        const struct topo_claim *claim = &attach->claims[i];

        if (!claim->slot && claim->node->ports_known) {
            error = xasprintf("edge %s has no port \"%s\" (yet)",
                              claim->node->name, attach->port);
        }
    }
    if (!error) {
        error = nullable_xstrdup(attach->complaint);
    }
    topo_set_error(topo, &attach->place.row, error);
}

static void
topo_attach_settle(struct topo *topo, struct topo_attach *attach)
{
    char *error = topo_attach_instate(topo, attach);

    if (error) {
        topo_set_error(topo, &attach->place.row, error);
    } else {
        topo_attach_check_ports(topo, attach);
    }
}

/* Brings in force what can be of the places in waiting. */
void
topo_places_settle(struct topo *topo)
{
    struct topo_segment *segment;
    struct topo_place *place;

    LIST_FOR_EACH_SAFE (place, waiting_node, &topo->waiting) {
        if (place->type == TOPO_PLACE_ATTACH) {
            topo_attach_settle(topo, CONTAINER_OF(place, struct topo_attach,
                                                  place));
        } else {
            topo_vtep_settle(topo, CONTAINER_OF(place, struct topo_vtep,
                                                place));
        }
    }
    LIST_FOR_EACH_POP (segment, thinned_node, &topo->thinned) {
        ovs_list_init(&segment->thinned_node);
        topo_segment_thin(segment);
    }
}
