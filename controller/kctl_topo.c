/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* The same as conf.c does for a controller, from an IDL with other structs. */

#include <config.h>

#include "controller/kctl_topo.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "controller/conf_options.h"
#include "controller/kctl_log.h"
#include "controller/kctl_row.h"
#include "flows/topo.h"
#include "kakehashi-idl.h"
#include "openvswitch/dynamic-string.h"
#include "ovsdb-idl-provider.h"
#include "util.h"

/* ---- Rows. -------------------------------------------------------------- */

/* A reference to a row that is deleted leads nowhere. */
#define UUID_OF(ROW) ((ROW) ? (ROW)->header_.uuid : UUID_ZERO)

static bool
set_segment(struct topo *topo, const struct ovsdb_idl_row *row_, bool error)
{
    const struct kkrec_segment *r = CONTAINER_OF(row_, struct kkrec_segment,
                                                 header_);
    struct topo_segment_row row = {
        .uuid = r->header_.uuid,
        .name = r->name,
        .vni = r->vni,
        .mac_limit = r->n_mac_limit ? *r->mac_limit : CONF_MAC_LIMIT,
        .mac_aging = r->n_mac_aging ? *r->mac_aging : CONF_MAC_AGING,
    };

    if (error != (r->error != NULL)) {
        return false;
    }
    row.complaint = conf_read_segment_options(&r->options, &row);
    topo_segment_set(topo, &row);
    return true;
}

static bool
set_edge(struct topo *topo, const struct ovsdb_idl_row *row_, bool error)
{
    const struct kkrec_edge *r = CONTAINER_OF(row_, struct kkrec_edge,
                                              header_);

    if (error != (r->error != NULL)) {
        return false;
    }
    topo_node_set(topo, &(struct topo_node_row) {
        .uuid = r->header_.uuid,
        .name = r->name,
        .dpid = r->datapath_id,
        .ip = r->tunnel_ip,
        .tunnel_port = r->tunnel_port[0] ? r->tunnel_port : CONF_TUNNEL_PORT,
        .peer_port = r->peer_port,
        .bfd_ports = &r->bfd_ports,
        .drained = r->n_drained && r->drained[0],
    });

    struct topo_row *row = topo_row(topo, TOPO_EDGE, &r->header_.uuid);
    CONTAINER_OF(row, struct topo_node, row)->away = !r->connected;
    return true;
}

static bool
set_cluster(struct topo *topo, const struct ovsdb_idl_row *row_, bool error)
{
    const struct kkrec_cluster *r = CONTAINER_OF(row_, struct kkrec_cluster,
                                                 header_);
    struct topo_cluster_row row = {
        .uuid = r->header_.uuid,
        .name = r->name,
        .fence = r->isolation && !strcmp(r->isolation, "fence"),
        .wanted = UUID_OF(r->wanted_edge),
        .remembered = UUID_OF(r->active_edge),
    };

    if (error != (r->error != NULL)) {
        return false;
    }
    for (size_t i = 0; i < r->n_edges && i < TOPO_MAX_EDGES; i++) {
        row.members[row.n_members++] = UUID_OF(r->value_edges[i]);
    }
    topo_cluster_set(topo, &row);
    return true;
}

static bool
set_binding(struct topo *topo, const struct ovsdb_idl_row *row_, bool error)
{
    const struct kkrec_binding *r = CONTAINER_OF(row_, struct kkrec_binding,
                                                 header_);
    struct topo_attach_row row = {
        .table = TOPO_BINDING,
        .uuid = r->header_.uuid,
        .segment = UUID_OF(r->segment),
        .owner = UUID_OF(r->cluster),
        .port = r->port,
        .vlan = r->vlan,
        .closed_until = r->n_closed_until ? *r->closed_until : 0,
        .closed_reason = r->closed_reason ? r->closed_reason : "",
    };

    if (error != (r->error != NULL)) {
        return false;
    }
    conf_read_binding_options(&r->options, &row);
    topo_attach_set(topo, &row);
    return true;
}

static bool
set_host_port(struct topo *topo, const struct ovsdb_idl_row *row_, bool error)
{
    const struct kkrec_host_port *r
        = CONTAINER_OF(row_, struct kkrec_host_port, header_);

    if (error != (r->error != NULL)) {
        return false;
    }
    topo_attach_set(topo, &(struct topo_attach_row) {
        .table = TOPO_HOST_PORT,
        .uuid = r->header_.uuid,
        .segment = UUID_OF(r->segment),
        .owner = UUID_OF(r->edge),
        .port = r->port,
    });
    return true;
}

static bool
set_vtep(struct topo *topo, const struct ovsdb_idl_row *row_, bool error)
{
    const struct kkrec_vtep *r = CONTAINER_OF(row_, struct kkrec_vtep,
                                              header_);

    if (error != (r->error != NULL)) {
        return false;
    }
    topo_vtep_set(topo, &(struct topo_vtep_row) {
        .uuid = r->header_.uuid,
        .segment = UUID_OF(r->segment),
        .ip = r->ip,
    });
    return true;
}

static bool
set_static_mac(struct topo *topo, const struct ovsdb_idl_row *row_, bool error)
{
    const struct kkrec_static_mac *r
        = CONTAINER_OF(row_, struct kkrec_static_mac, header_);

    if (error != (r->error != NULL)) {
        return false;
    }
    topo_static_set(topo, &(struct topo_static_row) {
        .uuid = r->header_.uuid,
        .segment = UUID_OF(r->segment),
        .mac = r->mac,
        .n_places = !!r->binding + !!r->host_port + !!r->vtep,
        .place_table = (r->binding ? TOPO_BINDING
                        : r->host_port ? TOPO_HOST_PORT : TOPO_VTEP),
        .place = (r->binding ? UUID_OF(r->binding)
                  : r->host_port ? UUID_OF(r->host_port) : UUID_OF(r->vtep)),
    });
    return true;
}

/* Each reads a row if it has an error, or has none, and says so. */
static const struct {
    const struct ovsdb_idl_table_class *class;
    bool (*set)(struct topo *, const struct ovsdb_idl_row *, bool error);
} tables[TOPO_N_TABLES] = {
    [TOPO_SEGMENT] = { &kkrec_table_segment, set_segment },
    [TOPO_EDGE] = { &kkrec_table_edge, set_edge },
    [TOPO_CLUSTER] = { &kkrec_table_cluster, set_cluster },
    [TOPO_BINDING] = { &kkrec_table_binding, set_binding },
    [TOPO_HOST_PORT] = { &kkrec_table_host_port, set_host_port },
    [TOPO_VTEP] = { &kkrec_table_vtep, set_vtep },
    [TOPO_STATIC_MAC] = { &kkrec_table_static_mac, set_static_mac },
};

void
kctl_topo_read(struct topo *topo, const struct ovsdb_idl *idl)
{
    const struct ovsdb_idl_row *row;

    for (int error = 0; error <= 1; error++) {
        for (size_t i = 0; i < TOPO_N_TABLES; i++) {
            for (row = ovsdb_idl_first_row(idl, tables[i].class); row;
                 row = ovsdb_idl_next_row(row)) {
                tables[i].set(topo, row, error);
            }
        }
    }
    topo_settle(topo);
}

void
kctl_topo_change(struct topo *topo, const struct kctl_log *log)
{
    for (size_t i = 0; i < TOPO_N_TABLES; i++) {
        for (size_t j = 0; j < log->n; j++) {
            const struct ovsdb_idl_row *row = log->rows[j];

            if (row->table->class_ != tables[i].class) {
                continue;
            }
            if (!row->new_datum) {
                topo_del(topo, i, &row->uuid);
            } else if (!tables[i].set(topo, row, false)) {
                tables[i].set(topo, row, true);
            }
        }
    }
}

void
kctl_topo_name(const struct ovsdb_idl *idl, const struct topo_row *row,
               struct ds *s)
{
    const struct ovsdb_idl_table_class *class = tables[row->table].class;
    const struct ovsdb_idl_row *r
        = ovsdb_idl_get_row_for_uuid(idl, class, &row->uuid);

    ds_put_format(s, "%s ", kctl_table_by_name(class->name)->noun);
    if (r && r->new_datum) {
        kctl_row_key(idl, r, false, s);
    } else {
        ds_put_char(s, '?');
    }
}

/* ---- Clusters. ---------------------------------------------------------- */

static struct topo_node *
find_node(const struct topo *topo, const struct uuid *uuid)
{
    struct topo_row *row = topo_row(topo, TOPO_EDGE, uuid);

    return row ? CONTAINER_OF(row, struct topo_node, row) : NULL;
}

static bool
may_be_active(const struct topo_cluster *cluster, const struct topo_node *node)
{
    return node && topo_cluster_has_node(cluster, node) && !node->drained;
}

/* Returns the first edge, drained or not, that can be active.  One that has no
 * connection is not, unless that can be said of all. */
static struct topo_node *
first_choice(const struct topo_cluster *cluster, bool drained)
{
    struct topo_node *second = NULL;

    for (size_t i = 0; i < cluster->n_members; i++) {
        struct topo_node *node = cluster->members[i];

        if (node->drained != drained) {
            continue;
        }
        if (!node->away && topo_cluster_is_fit(cluster, node)) {
            return node;
        }
        if (!second || (second->away && !node->away)) {
            second = node;
        }
    }
    return second;
}

static struct topo_node *
elect(const struct topo *topo, const struct topo_cluster *cluster,
      const struct topo *before)
{
    struct topo_row *row
        = (before ? topo_row(before, TOPO_CLUSTER, &cluster->row.uuid) : NULL);
    const struct topo_cluster *old
        = row ? CONTAINER_OF(row, struct topo_cluster, row) : NULL;
    struct topo_node *current
        = (old && old->active ? find_node(topo, &old->active->row.uuid)
           : before ? NULL : find_node(topo, &cluster->remembered));
    struct topo_node *wanted = find_node(topo, &cluster->wanted);

    if (old && !uuid_equals(&old->wanted, &cluster->wanted)
        && may_be_active(cluster, wanted)) {
        return wanted;
    }
    if (may_be_active(cluster, current)) {
        return current;
    }

    struct topo_node *next = first_choice(cluster, false);
    return (next ? next
            : current && topo_cluster_has_node(cluster, current) ? current
            : first_choice(cluster, true));
}

void
kctl_topo_elect(struct topo *topo, const struct topo *before)
{
    struct topo_cluster *cluster;

    HMAP_FOR_EACH (cluster, row.node, &topo->rows[TOPO_CLUSTER]) {
        topo_cluster_set_active(cluster, elect(topo, cluster, before));
    }
}
