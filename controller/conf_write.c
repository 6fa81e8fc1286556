/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "controller/conf_private.h"

#include "conf-idl.h"
#include "flows/topo.h"
#include "openvswitch/json.h"
#include "ovsdb-data.h"
#include "ovsdb-idl-provider.h"
#include "smap.h"
#include "timeval.h"
#include "util.h"

static void
conf_write_error(const struct ovsdb_idl_row *row,
                 const struct ovsdb_idl_column *column, const char *error)
{
    const struct ovsdb_datum *old = ovsdb_idl_read(row, column);
    struct ovsdb_datum datum;

    if (nullable_string_is_equal(old->n ? json_string(old->keys[0].s) : NULL,
                                 error)) {
        return;
    }
    ovsdb_datum_init_empty(&datum);
    if (error) {
        union ovsdb_atom atom = { .s = ovsdb_atom_string_create(error) };

        ovsdb_datum_add_unsafe(&datum, &atom, NULL, &column->type, NULL);
        ovsdb_atom_destroy(&atom, OVSDB_TYPE_STRING);
    }
    ovsdb_idl_txn_write(row, column, &datum);
}

static void
conf_write_errors(struct conf *conf)
{
    for (size_t i = 0; i < CONF_N_TABLES; i++) {
        const struct conf_table *t = &conf_tables[i];
        const struct ovsdb_idl_row *row;

        if (t->table == TOPO_EDGE) {
            continue;           /* conf_write_edges() knows more. */
        }
        for (row = ovsdb_idl_first_row(conf->idl, t->class); row;
             row = ovsdb_idl_next_row(row)) {
            const struct topo_row *ours = topo_row(conf->topo, t->table,
                                                   &row->uuid);
            if (ours && conf_owns(conf, ours)) {
                char *refused = ours->error ? NULL : conf->row_error(ours);

                conf_write_error(row, t->error,
                                 refused ? refused : ours->error);
                free(refused);
            }
        }
    }
}

/* Writes whether this controller has met the switch of 'node', and if it leads
 * it. */
static void
conf_write_met(struct conf *conf, const struct confrec_edge *r,
               const struct topo_node *node, bool connected)
{
    const char *met = smap_get(&r->controllers, conf->name ? conf->name : "");
    const char *role = node->led ? "leader" : "follower";

    if (!conf->name) {
        return;
    }
    if (!connected && met) {
        confrec_edge_update_controllers_delkey(r, conf->name);
    } else if (connected && !nullable_string_is_equal(met, role)) {
        confrec_edge_update_controllers_setkey(r, conf->name, role);
    }
    if (node->led && !nullable_string_is_equal(r->leader, conf->name)) {
        confrec_edge_set_leader(r, conf->name);
    }
}

static void
conf_write_edges(struct conf *conf)
{
    const struct confrec_edge *r;

    CONFREC_EDGE_FOR_EACH (r, conf->idl) {
        struct topo_row *row = topo_row(conf->topo, TOPO_EDGE,
                                        &r->header_.uuid);
        if (!row) {
            continue;
        }

        struct topo_node *node = CONTAINER_OF(row, struct topo_node, row);
        struct conf_edge_status status = { .connected = false };
        conf->edge_status(node, &status);
        conf_write_met(conf, r, node, status.connected);
        if (!node->led) {
            free(status.narrow);
            continue;
        }

        struct smap smap = SMAP_INITIALIZER(&smap);
        smap_add(&smap, "state", status.state);
        if (node->led_reason) {
            smap_add_format(&smap, "leader_since", "%lld", node->led_since);
            smap_add(&smap, "leader_reason", node->led_reason);
        }
        if (status.address) {
            smap_add(&smap, "address", status.address);
            smap_add(&smap, "openflow", status.openflow);
        }
        if (status.certificate) {
            smap_add(&smap, "certificate", status.certificate);
        }
        if (status.narrow) {
            smap_add_nocopy(&smap, xstrdup("narrow"), status.narrow);
        }
        if (r->connected != status.connected) {
            confrec_edge_set_connected(r, status.connected);
        }
        if (!smap_equal(&r->status, &smap)) {
            confrec_edge_set_status(r, &smap);
        }
        smap_destroy(&smap);

        /* What comes back of that is no order of anybody's. */
        if (conf->certain && node->drained != (r->n_drained
                                               && r->drained[0])) {
            confrec_edge_set_drained(r, &node->drained, node->drained);
            node->drained_row = node->drained;
        }
        conf_write_error(&r->header_,
                         &confrec_edge_columns[CONFREC_EDGE_COL_ERROR],
                         row->error ? row->error : status.error);
    }
}

/* Writes what each edge of 'cluster' is to it, and what the operator wants. */
static void
conf_write_members(struct conf *conf, struct topo_cluster *cluster,
                   const struct confrec_cluster *r)
{
    const struct confrec_edge *wanted
        = confrec_edge_get_for_uuid(conf->idl, &cluster->wanted);
    struct smap smap = SMAP_INITIALIZER(&smap);

    if (conf->certain && wanted != r->wanted_edge) {
        confrec_cluster_set_wanted_edge(r, wanted);
        cluster->wanted_row = cluster->wanted;
    }
    for (size_t i = 0; i < cluster->n_members; i++) {
        const struct topo_node *node = cluster->members[i];

        smap_add_nocopy(&smap, xstrdup(node->name),
                        conf->member_status(cluster, node));
    }
    if (!smap_equal(&r->edge_status, &smap)) {
        confrec_cluster_set_edge_status(r, &smap);
    }
    smap_destroy(&smap);
}

static void
conf_write_clusters(struct conf *conf)
{
    const struct confrec_cluster *r;

    CONFREC_CLUSTER_FOR_EACH (r, conf->idl) {
        struct topo_row *row = topo_row(conf->topo, TOPO_CLUSTER,
                                        &r->header_.uuid);
        struct topo_cluster *cluster
            = row ? CONTAINER_OF(row, struct topo_cluster, row) : NULL;
        const struct confrec_edge *active;

        if (!cluster || !cluster->led) {
            continue;
        }
        conf_write_members(conf, cluster, r);
        if (conf->name && !nullable_string_is_equal(r->leader, conf->name)) {
            confrec_cluster_set_leader(r, conf->name);
        }
        if (!cluster->active) {
            continue;           /* What is remembered is worth keeping. */
        }
        active = confrec_edge_get_for_uuid(conf->idl,
                                         &cluster->active->row.uuid);
        if (active && active != r->active_edge) {
            int64_t since = cluster->active_since;

            confrec_cluster_set_active_edge(r, active);
            confrec_cluster_set_active_since(r, &since, 1);
            confrec_cluster_set_reason(r, cluster->reason);
        }
    }
}

/* Writes which bindings are closed, of those that this controller leads. */
static void
conf_write_closures(struct conf *conf)
{
    const struct confrec_binding *r;

    CONFREC_BINDING_FOR_EACH (r, conf->idl) {
        struct topo_row *row = topo_row(conf->topo, TOPO_BINDING,
                                        &r->header_.uuid);
        const struct topo_attach *attach;

        if (!row || !conf_owns(conf, row)) {
            continue;
        }
        attach = CONTAINER_OF(row, struct topo_attach, place.row);
        int64_t until = topo_attach_closed_until(attach);
        const char *reason = until ? attach->closure->reason : "";
        if (until != (r->n_closed_until ? *r->closed_until : 0)) {
            confrec_binding_set_closed_until(r, &until, until != 0);
        }
        if (strcmp(reason, r->closed_reason ? r->closed_reason : "")) {
            confrec_binding_set_closed_reason(r, reason[0] ? reason : NULL);
        }
    }
}

/* Writes to the database what is not there as it should be. */
void
conf_write(struct conf *conf)
{
    struct topo_row *row;

    LIST_FOR_EACH_POP (row, error_node, &conf->topo->errors) {
        ovs_list_init(&row->error_node);
        conf->errors_pending = true;
    }
    if (time_msec() >= conf->write_at) {
        conf->write_at = 0;
    }
    if (conf->txn || !conf->was_connected || conf->write_at
        || !conf_schema_fits(conf)
        || !(conf->status_pending || conf->errors_pending
             || conf->closures_pending)) {
        return;
    }

    conf->txn = ovsdb_idl_txn_create(conf->idl);
    if (conf->name) {
        conf_write_self(conf);
    }
    if (conf->chief) {
        conf_write_global(conf);
    }
    conf_write_edges(conf);
    conf_write_clusters(conf);
    if (conf->errors_pending) {
        conf_write_errors(conf);
    }
    if (conf->closures_pending) {
        conf_write_closures(conf);
    }
    conf->status_pending = conf->errors_pending = false;
    conf->closures_pending = false;
    conf_run_txn(conf);
}
