/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "flows/topo.h"

#include <limits.h>
#include "flows/addr.h"
#include "flows/layout.h"
#include "flows/topo_place.h"
#include "hash.h"
#include "openvswitch/dynamic-string.h"
#include "util.h"

void
topo_init(struct topo *topo)
{
    memset(topo, 0, sizeof *topo);
    for (int i = 0; i < TOPO_N_TABLES; i++) {
        hmap_init(&topo->rows[i]);
    }
    hmap_init(&topo->segments_by_vni);
    hmap_init(&topo->clusters_by_id);
    hmap_init(&topo->nodes_by_dpid);
    hmap_init(&topo->nodes_by_ip);
    hmap_init(&topo->vteps);
    hmap_init(&topo->ties);
    ovs_list_init(&topo->learned_vteps);
    ovs_list_init(&topo->bars);
    ovs_list_init(&topo->mixed_ties);
    ovs_list_init(&topo->waiting);
    ovs_list_init(&topo->withdrawn);
    ovs_list_init(&topo->dirty_nodes);
    ovs_list_init(&topo->thinned);
    ovs_list_init(&topo->closures);
    heap_init(&topo->probing);
    ovs_list_init(&topo->errors);
    ovs_list_init(&topo->dead);
}

/* Destroys 'topo' and all in it.  Whoever keeps something in places must be
 * gone already. */
void
topo_destroy(struct topo *topo)
{
    static const enum topo_table order[] = {
        TOPO_STATIC_MAC, TOPO_VTEP, TOPO_HOST_PORT, TOPO_BINDING,
        TOPO_CLUSTER, TOPO_EDGE, TOPO_SEGMENT,
    };
    for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
        struct topo_row *row;

        HMAP_FOR_EACH_SAFE (row, node, &topo->rows[order[i]]) {
            topo_del(topo, row->table, &row->uuid);
        }
    }
    topo_reap(topo);
    topo_vtep_lift_bars(topo, LLONG_MAX);
    for (int i = 0; i < TOPO_N_TABLES; i++) {
        hmap_destroy(&topo->rows[i]);
    }
    hmap_destroy(&topo->segments_by_vni);
    hmap_destroy(&topo->clusters_by_id);
    hmap_destroy(&topo->nodes_by_dpid);
    hmap_destroy(&topo->nodes_by_ip);
    hmap_destroy(&topo->vteps);
    hmap_destroy(&topo->ties);
    heap_destroy(&topo->probing);
}

struct topo_row *
topo_row(const struct topo *topo, enum topo_table table,
         const struct uuid *uuid)
{
    struct topo_row *row;

    HMAP_FOR_EACH_WITH_HASH (row, node, uuid_hash(uuid), &topo->rows[table]) {
        if (uuid_equals(&row->uuid, uuid)) {
            return row;
        }
    }
    return NULL;
}

/* Puts 'row', new and empty, into 'topo'. */
void
topo_row_add(struct topo *topo, enum topo_table table,
             const struct uuid *uuid, struct topo_row *row)
{
    row->table = table;
    row->uuid = *uuid;
    ovs_list_init(&row->error_node);
    hmap_insert(&topo->rows[table], &row->node, uuid_hash(uuid));
}

/* Makes 'error', malloc()'d or NULL, that of 'row'. */
void
topo_set_error(struct topo *topo, struct topo_row *row, char *error)
{
    if (nullable_string_is_equal(row->error, error)) {
        free(error);
        return;
    }
    free(row->error);
    row->error = error;
    if (ovs_list_is_empty(&row->error_node)) {
        ovs_list_push_back(&topo->errors, &row->error_node);
    }
}

/* Segments. */

struct topo_segment *
topo_segment_by_vni(const struct topo *topo, uint32_t vni)
{
    struct topo_segment *segment;

    HMAP_FOR_EACH_WITH_HASH (segment, vni_node, hash_int(vni, 0),
                             &topo->segments_by_vni) {
        if (segment->vni == vni) {
            return segment;
        }
    }
    return NULL;
}

struct topo_segment *
topo_segment_by_name(const struct topo *topo, const char *name)
{
    struct topo_segment *segment;

    HMAP_FOR_EACH (segment, row.node, &topo->rows[TOPO_SEGMENT]) {
        if (!strcmp(segment->name, name)) {
            return segment;
        }
    }
    return NULL;
}

static void
topo_segment_withdraw_places(struct topo *topo, struct topo_segment *segment)
{
    struct topo_attach *attach;
    struct topo_vtep *vtep;

    LIST_FOR_EACH_SAFE (attach, segment_node, &segment->attaches) {
        topo_attach_withdraw(topo, attach);
    }
    LIST_FOR_EACH_SAFE (vtep, segment_node, &segment->vteps) {
        if (vtep->learned) {
            topo_vtep_forget(topo, vtep);
        } else {
            topo_vtep_withdraw(topo, vtep);
        }
    }
}

/* Takes over from 'row' what can change while 'segment' stays as it is. */
static void
topo_segment_update(struct topo *topo, struct topo_segment *segment,
                    const struct topo_segment_row *row)
{
    free(segment->name);
    segment->name = xstrdup(row->name);
    segment->mac_limit = row->mac_limit;
    if (segment->mac_aging != row->mac_aging) {
        segment->mac_aging = row->mac_aging;
        topo_segment_mark_macs(segment);
    }
    if (segment->drop_unknown != row->drop_unknown
        || segment->vtep_limit != row->vtep_limit) {
        segment->drop_unknown = row->drop_unknown;
        segment->vtep_limit = row->vtep_limit;
        topo_segment_mark(segment);
        topo_segment_limit_vteps(topo, segment);
    }
    free(segment->complaint);
    segment->complaint = row->complaint;
    topo_segment_check(topo, segment);
}

void
topo_segment_set(struct topo *topo, const struct topo_segment_row *row)
{
    struct topo_segment *segment;
    struct topo_row *old = topo_row(topo, TOPO_SEGMENT, &row->uuid);

    if (old) {
        segment = CONTAINER_OF(old, struct topo_segment, row);
        if (segment->vni == row->vni) {
            topo_segment_update(topo, segment, row);
            return;
        }
        /* MACs learned under the other VNI have to go. */
        topo_del(topo, TOPO_SEGMENT, &row->uuid);
    }

    segment = xzalloc(sizeof *segment);
    topo_row_add(topo, TOPO_SEGMENT, &row->uuid, &segment->row);
    segment->vni = row->vni;
    ovs_list_init(&segment->attaches);
    ovs_list_init(&segment->vteps);
    ovs_list_init(&segment->thinned_node);
    ovs_list_init(&segment->macs);
    topo_segment_update(topo, segment, row);
    hmap_insert(&topo->segments_by_vni, &segment->vni_node,
                hash_int(segment->vni, 0));
}

static void
topo_segment_free(struct topo_segment *segment)
{
    ovs_list_remove(&segment->thinned_node);
    free(segment->name);
    free(segment->complaint);
    free(segment->sites);
    free(segment);
}

/* Clusters. */

struct topo_cluster *
topo_cluster_by_id(const struct topo *topo, uint32_t id)
{
    struct topo_cluster *cluster;

    HMAP_FOR_EACH_WITH_HASH (cluster, id_node, hash_int(id, 0),
                             &topo->clusters_by_id) {
        if (cluster->id == id) {
            return cluster;
        }
    }
    return NULL;
}

/* A cluster's ID follows from its UUID, so that a restarted controller comes
 * to the same one.  If two should meet, the later one moves over: should they
 * come the other way round next time, that costs a few flow-mods. */
static uint32_t
topo_cluster_pick_id(const struct topo *topo, const struct uuid *uuid)
{
    uint32_t id = uuid->parts[0];

    while (!id || topo_cluster_by_id(topo, id)) {
        id++;
    }
    return id;
}

static void
topo_cluster_withdraw_attaches(struct topo *topo,
                               struct topo_cluster *cluster)
{
    struct topo_attach *attach;

    LIST_FOR_EACH_SAFE (attach, cluster_node, &cluster->attaches) {
        topo_attach_withdraw(topo, attach);
    }
    topo->clusters_changed = true;
}

static void
topo_cluster_init(struct topo_cluster *cluster)
{
    ovs_list_init(&cluster->attaches);
    ovs_list_init(&cluster->trunks);
    ovs_list_init(&cluster->overlaps);
    hmap_init(&cluster->users);
}

void
topo_cluster_set(struct topo *topo, const struct topo_cluster_row *row)
{
    struct topo_row *old = topo_row(topo, TOPO_CLUSTER, &row->uuid);
    struct topo_cluster *cluster;

    if (old) {
        cluster = CONTAINER_OF(old, struct topo_cluster, row);
        free(cluster->name);
    } else {
        cluster = xzalloc(sizeof *cluster);
        topo_row_add(topo, TOPO_CLUSTER, &row->uuid, &cluster->row);
        topo_cluster_init(cluster);
        cluster->remembered = row->remembered;
        cluster->markers = UINT64_MAX;
        cluster->id = topo_cluster_pick_id(topo, &row->uuid);
        hmap_insert(&topo->clusters_by_id, &cluster->id_node,
                    hash_int(cluster->id, 0));
    }
    cluster->told = row->remembered;
    cluster->told_since = row->active_since;
    cluster->name = xstrdup(row->name);
    cluster->preemptive = row->preemptive;
    if (cluster->fence != row->fence) {
        cluster->fence = row->fence;
        topo_cluster_mark_members(cluster);
    }
    cluster->holddown = row->holddown;
    topo->clusters_changed |= !nullable_string_is_equal(cluster->complaint,
                                                        row->complaint);
    free(cluster->complaint);
    cluster->complaint = row->complaint;
    /* What the controller was told itself, and has yet to write, stays. */
    if (!uuid_equals(&cluster->wanted_row, &row->wanted)) {
        cluster->wanted = cluster->wanted_row = row->wanted;
    }
    if (row->n_members != cluster->n_member_uuids
        || memcmp(row->members, cluster->member_uuids,
                  row->n_members * sizeof *row->members)) {
        topo_cluster_withdraw_attaches(topo, cluster);
        memcpy(cluster->member_uuids, row->members, sizeof row->members);
        cluster->n_member_uuids = row->n_members;
    }
}

static void
topo_cluster_free(struct topo_cluster *cluster)
{
    ovs_assert(ovs_list_is_empty(&cluster->attaches));
    hmap_destroy(&cluster->users);
    free(cluster->complaint);
    free(cluster->last_active);
    free(cluster->name);
    free(cluster);
}

/* Finds the edges of 'cluster' that can be used, storing them into 'members',
 * and their number. */
static size_t
topo_cluster_find_members(const struct topo *topo,
                          const struct topo_cluster *cluster,
                          struct topo_node *members[TOPO_MAX_EDGES])
{
    size_t n = 0;

    for (size_t i = 0; i < cluster->n_member_uuids; i++) {
        struct topo_row *row = topo_row(topo, TOPO_EDGE,
                                        &cluster->member_uuids[i]);
        struct topo_node *node = row ? CONTAINER_OF(row, struct topo_node, row)
                                 : NULL;
        bool usable = node && node->valid;

        for (size_t j = 0; usable && j < n; j++) {
            usable = members[j] != node;
        }
        if (usable) {
            members[n++] = node;
        }
    }
    return n;
}

/* Returns what is wrong with 'cluster', which the caller frees, or NULL. */
static char *
topo_cluster_error(const struct topo_cluster *cluster)
{
    if (!cluster->n_members) {
        return xstrdup("no usable edge in this cluster");
    }
    for (size_t i = 0; i < cluster->n_members; i++) {
        const struct topo_node *node = cluster->members[i];
        size_t n = 0;

        for (size_t j = 0; j < cluster->n_member_uuids; j++) {
            n += uuid_equals(&cluster->member_uuids[j], &node->row.uuid);
        }
        if (n > 1) {
            return xasprintf("edge \"%s\" is in this cluster twice; the first "
                             "place counts", node->name);
        }
    }
    return nullable_xstrdup(cluster->complaint);
}

/* Finds the edges of 'cluster' again after rows have changed.  An edge that
 * has become usable has to get its claims. */
static void
topo_cluster_settle(struct topo *topo, struct topo_cluster *cluster)
{
    struct topo_node *members[TOPO_MAX_EDGES];
    size_t n = topo_cluster_find_members(topo, cluster, members);

    if (n != cluster->n_members
        || memcmp(members, cluster->members, n * sizeof *members)) {
        topo_cluster_withdraw_attaches(topo, cluster);
        topo_cluster_mark_members(cluster);
        topo_cluster_set_members(cluster, members, n);
        topo_cluster_mark_members(cluster);

        /* An edge that has gone must not be taken for one that comes and has
         * its address in memory. */
        memset(cluster->well, 0, sizeof cluster->well);
        memset(cluster->reached, 0, sizeof cluster->reached);
        if (!topo_cluster_has_node(cluster, cluster->failover.active)) {
            memset(&cluster->failover, 0, sizeof cluster->failover);
        }
    }
    if (cluster->via && !topo_cluster_has_node(cluster, cluster->via)) {
        cluster->via = NULL;
    }
    for (size_t i = 0; i < cluster->n_members; i++) {
        if (!cluster->via && uuid_equals(&cluster->members[i]->row.uuid,
                                         &cluster->remembered)) {
            cluster->via = cluster->members[i];
            topo_cluster_mark_members(cluster);
        }
    }
    if (cluster->active && !topo_cluster_has_node(cluster, cluster->active)) {
        topo_cluster_set_active(cluster, NULL);
    }
    topo_set_error(topo, &cluster->row, topo_cluster_error(cluster));
}

bool
topo_cluster_has_node(const struct topo_cluster *cluster,
                      const struct topo_node *node)
{
    for (size_t i = 0; i < cluster->n_members; i++) {
        if (cluster->members[i] == node) {
            return true;
        }
    }
    return false;
}

/* Places. */

/* Appends to 's' what people call 'place': CLUSTER/PORT/VLAN, EDGE/PORT, or
 * an IP address. */
void
topo_place_format(const struct topo_place *place, struct ds *s)
{
    if (place->type == TOPO_PLACE_VTEP) {
        addr_format_vtep(&CONTAINER_OF(place, struct topo_vtep, place)->ip,
                         s);
        return;
    }

    const struct topo_attach *attach = CONTAINER_OF(place, struct topo_attach,
                                                    place);
    if (attach->cluster) {
        ds_put_format(s, "%s/%s/%"PRIu16, attach->cluster->name,
                      attach->port, attach->vlan);
    } else if (attach->n_claims) {
        ds_put_format(s, "%s/%s", attach->claims[0].node->name,
                      attach->port);
    } else {
        ds_put_format(s, "(gone)/%s/%"PRIu16, attach->port, attach->vlan);
    }
}

/* All rows. */

static void
topo_row_free(struct topo_row *row)
{
    free(row->error);
    ovs_list_remove(&row->error_node);
    switch (row->table) {
    case TOPO_SEGMENT:
        topo_segment_free(CONTAINER_OF(row, struct topo_segment, row));
        break;
    case TOPO_EDGE:
        topo_node_free(CONTAINER_OF(row, struct topo_node, row));
        break;
    case TOPO_CLUSTER:
        topo_cluster_free(CONTAINER_OF(row, struct topo_cluster, row));
        break;
    case TOPO_BINDING:
    case TOPO_HOST_PORT:
    case TOPO_VTEP:
        topo_place_free(CONTAINER_OF(row, struct topo_place, row));
        break;
    case TOPO_STATIC_MAC:
        free(CONTAINER_OF(row, struct topo_static_mac, row)->mac_string);
        free(CONTAINER_OF(row, struct topo_static_mac, row));
        break;
    case TOPO_N_TABLES:
    default:
        OVS_NOT_REACHED();
    }
}

/* Takes the row out of force and out of all look-ups.  It is freed by
 * topo_reap(). */
void
topo_del(struct topo *topo, enum topo_table table, const struct uuid *uuid)
{
    struct topo_row *row = topo_row(topo, table, uuid);
    struct topo_segment *segment;
    struct topo_cluster *cluster;

    if (!row) {
        return;
    }
    switch (table) {
    case TOPO_SEGMENT:
        segment = CONTAINER_OF(row, struct topo_segment, row);
        topo_segment_withdraw_places(topo, segment);
        hmap_remove(&topo->segments_by_vni, &segment->vni_node);
        break;
    case TOPO_EDGE:
        topo_node_invalidate(topo, CONTAINER_OF(row, struct topo_node, row));
        break;
    case TOPO_CLUSTER:
        cluster = CONTAINER_OF(row, struct topo_cluster, row);
        topo_cluster_set_active(cluster, NULL);
        topo_cluster_withdraw_attaches(topo, cluster);
        topo_cluster_mark_members(cluster);
        topo_cluster_set_members(cluster, NULL, 0);
        hmap_remove(&topo->clusters_by_id, &cluster->id_node);
        break;
    case TOPO_BINDING:
    case TOPO_HOST_PORT:
    case TOPO_VTEP:
        topo_place_del(topo, CONTAINER_OF(row, struct topo_place, row));
        break;
    case TOPO_STATIC_MAC:
        topo->statics_changed = true;
        break;
    case TOPO_N_TABLES:
    default:
        OVS_NOT_REACHED();
    }
    hmap_remove(&topo->rows[table], &row->node);
    ovs_list_push_back(&topo->dead, &row->dead_node);
}

void
topo_settle(struct topo *topo)
{
    if (topo->nodes_changed) {
        struct topo_node *node;

        HMAP_FOR_EACH (node, row.node, &topo->rows[TOPO_EDGE]) {
            topo_node_settle(topo, node);
        }
        topo->nodes_changed = false;
    }
    if (topo->clusters_changed) {
        struct topo_cluster *cluster;

        HMAP_FOR_EACH (cluster, row.node, &topo->rows[TOPO_CLUSTER]) {
            topo_cluster_settle(topo, cluster);
        }
        topo->clusters_changed = false;
        topo->ties_changed = topo->shards_changed = true;
    }
    if (topo->ties_changed) {
        topo_shards_settle(topo);
    }
    topo_places_settle(topo);
    if (topo->statics_changed) {
        topo_static_settle(topo);
    }
}

/* Frees what was deleted.  To be called when nothing refers to it any more:
 * no MAC is left in a place in 'topo->withdrawn'. */
void
topo_reap(struct topo *topo)
{
    struct topo_row *row;

    LIST_FOR_EACH_POP (row, dead_node, &topo->dead) {
        topo_row_free(row);
    }
}
