/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "controller/conf_private.h"

#include "conf-idl.h"
#include <errno.h>
#include "flows/topo.h"
#include "openvswitch/json.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "ovsdb-data.h"
#include "ovsdb-idl-provider.h"
#include "ovsdb-idl.h"
#include "smap.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(conf);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

/* After the database has not taken what was written, in milliseconds: if what
 * it sees was not up to date any more, that comes sooner. */
#define CONF_RETRY 1000

#define CONF_HOLDDOWN 10000     /* Milliseconds. */

/* The columns that we write.  All others are the user's, to be read. */
static const struct ovsdb_idl_column *const conf_own_columns[] = {
    &confrec_kakehashi_global_columns[CONFREC_KAKEHASHI_GLOBAL_COL_CTL_SEQ],
    &confrec_kakehashi_global_columns[CONFREC_KAKEHASHI_GLOBAL_COL_EDGES_SEQ],
    &confrec_segment_columns[CONFREC_SEGMENT_COL_ERROR],
    &confrec_kakehashi_global_columns[CONFREC_KAKEHASHI_GLOBAL_COL_GENERATION],
    &confrec_edge_columns[CONFREC_EDGE_COL_CONNECTED],
    &confrec_edge_columns[CONFREC_EDGE_COL_LEADER],
    &confrec_edge_columns[CONFREC_EDGE_COL_CONTROLLERS],
    &confrec_edge_columns[CONFREC_EDGE_COL_STATUS],
    &confrec_edge_columns[CONFREC_EDGE_COL_ERROR],
    &confrec_cluster_columns[CONFREC_CLUSTER_COL_ACTIVE_SINCE],
    &confrec_cluster_columns[CONFREC_CLUSTER_COL_REASON],
    &confrec_cluster_columns[CONFREC_CLUSTER_COL_LEADER],
    &confrec_cluster_columns[CONFREC_CLUSTER_COL_EDGE_STATUS],
    &confrec_cluster_columns[CONFREC_CLUSTER_COL_ERROR],
    &confrec_binding_columns[CONFREC_BINDING_COL_ERROR],
    &confrec_host_port_columns[CONFREC_HOST_PORT_COL_ERROR],
    &confrec_vtep_columns[CONFREC_VTEP_COL_ERROR],
    &confrec_static_mac_columns[CONFREC_STATIC_MAC_COL_ERROR],
};

/* Keeps a copy of the database at 'remote' and brings it into 'topo'.
 * 'edge_status' and 'member_status' tell the status of an edge, by itself and
 * in a cluster, and 'row_error' what switches have against a row, when it is
 * to be written. */
struct conf *
conf_create(const char *remote, struct topo *topo,
            conf_edge_status_func *edge_status,
            conf_member_status_func *member_status,
            conf_row_error_func *row_error)
{
    struct conf *conf = xzalloc(sizeof *conf);

    conf->remote = xstrdup(remote);
    conf->topo = topo;
    conf->edge_status = edge_status;
    conf->member_status = member_status;
    conf->row_error = row_error;
    conf->idl = ovsdb_idl_create(remote, &confrec_idl_class, true, true);
    ovsdb_idl_set_leader_only(conf->idl, false);
    ovsdb_idl_track_add_all(conf->idl);
    for (size_t i = 0; i < ARRAY_SIZE(conf_own_columns); i++) {
        ovsdb_idl_omit_alert(conf->idl, conf_own_columns[i]);
    }
    conf_read_global(conf);
    return conf;
}

void
conf_destroy(struct conf *conf)
{
    if (conf) {
        if (conf->txn) {
            ovsdb_idl_txn_destroy(conf->txn);
        }
        ovsdb_idl_destroy(conf->idl);
        conf_schema_stop(conf);
        free(conf->misfit);
        free(conf->write_error);
        free(conf->name);
        free(conf->remote);
        free(conf);
    }
}

/* Downward. */

static void
conf_read_segment(struct conf *conf, const struct ovsdb_idl_row *row_)
{
    const struct confrec_segment *r
        = CONTAINER_OF(row_, struct confrec_segment, header_);
    struct topo_segment_row row = {
        .uuid = r->header_.uuid,
        .name = r->name,
        .vni = r->vni,
        .mac_limit = r->n_mac_limit ? *r->mac_limit : CONF_MAC_LIMIT,
        .mac_aging = r->n_mac_aging ? *r->mac_aging : CONF_MAC_AGING,
    };

    row.complaint = conf_read_segment_options(&r->options, &row);
    topo_segment_set(conf->topo, &row);
}

static void
conf_read_edge(struct conf *conf, const struct ovsdb_idl_row *row_)
{
    const struct confrec_edge *r
        = CONTAINER_OF(row_, struct confrec_edge, header_);

    topo_node_set(conf->topo, &(struct topo_node_row) {
        .uuid = r->header_.uuid,
        .name = r->name,
        .dpid = r->datapath_id,
        .ip = r->tunnel_ip,
        .tunnel_port = r->tunnel_port[0] ? r->tunnel_port : CONF_TUNNEL_PORT,
        .peer_port = r->peer_port,
        .bfd_ports = &r->bfd_ports,
        .drained = r->n_drained && r->drained[0],
        .certificate_cn = smap_get(&r->other_config, "certificate-cn"),
    });
}

static void
conf_read_cluster(struct conf *conf, const struct ovsdb_idl_row *row_)
{
    const struct confrec_cluster *r
        = CONTAINER_OF(row_, struct confrec_cluster, header_);
    struct topo_cluster_row row = {
        .uuid = r->header_.uuid,
        .name = r->name,
        .preemptive = r->failover && !strcmp(r->failover, "preemptive"),
        .fence = r->isolation && !strcmp(r->isolation, "fence"),
    };
    const char *holddown = smap_get(&r->other_config, "holddown");
    unsigned int msec = CONF_HOLDDOWN;

    if (holddown && !str_to_uint(holddown, 10, &msec)) {
        row.complaint = xasprintf("other_config:holddown \"%s\" is no number "
                                  "of milliseconds; it is %d",
                                  holddown, CONF_HOLDDOWN);
        msec = CONF_HOLDDOWN;
    }
    row.holddown = msec;

    /* The IDL sorts maps by key, which is the rank. */
    for (size_t i = 0; i < r->n_edges && i < TOPO_MAX_EDGES; i++) {
        row.members[row.n_members++] = r->value_edges[i]->header_.uuid;
    }
    if (r->active_edge) {
        row.remembered = r->active_edge->header_.uuid;
        row.active_since = r->n_active_since ? *r->active_since : 0;
    }
    if (r->wanted_edge) {
        row.wanted = r->wanted_edge->header_.uuid;
    }
    topo_cluster_set(conf->topo, &row);
}

static void
conf_read_binding(struct conf *conf, const struct ovsdb_idl_row *row_)
{
    const struct confrec_binding *r
        = CONTAINER_OF(row_, struct confrec_binding, header_);
    struct topo_attach_row row = {
        .table = TOPO_BINDING,
        .uuid = r->header_.uuid,
        .segment = r->segment,
        .owner = r->cluster,
        .port = r->port,
        .vlan = r->vlan,
        .closed_until = r->n_closed_until ? *r->closed_until : 0,
        .closed_reason = r->closed_reason ? r->closed_reason : "",
    };

    conf_read_binding_options(&r->options, &row);
    topo_attach_set(conf->topo, &row);
    if (!r->n_closed_until && r->closed_reason) {
        conf->closures_pending = true;  /* Who opened it has left that. */
    }
}

static void
conf_read_host_port(struct conf *conf, const struct ovsdb_idl_row *row_)
{
    const struct confrec_host_port *r
        = CONTAINER_OF(row_, struct confrec_host_port, header_);

    topo_attach_set(conf->topo, &(struct topo_attach_row) {
        .table = TOPO_HOST_PORT,
        .uuid = r->header_.uuid,
        .segment = r->segment,
        .owner = r->edge,
        .port = r->port,
    });
}

static void
conf_read_vtep(struct conf *conf, const struct ovsdb_idl_row *row_)
{
    const struct confrec_vtep *r
        = CONTAINER_OF(row_, struct confrec_vtep, header_);

    topo_vtep_set(conf->topo, &(struct topo_vtep_row) {
        .uuid = r->header_.uuid,
        .segment = r->segment,
        .ip = r->ip,
    });
}

static void
conf_read_static_mac(struct conf *conf, const struct ovsdb_idl_row *row_)
{
    const struct confrec_static_mac *r
        = CONTAINER_OF(row_, struct confrec_static_mac, header_);
    struct topo_static_row row = {
        .uuid = r->header_.uuid,
        .segment = r->segment,
        .mac = r->mac,
        .n_places = r->n_binding + r->n_host_port + r->n_vtep,
    };

    if (r->n_binding) {
        row.place_table = TOPO_BINDING;
        row.place = *r->binding;
    } else if (r->n_host_port) {
        row.place_table = TOPO_HOST_PORT;
        row.place = *r->host_port;
    } else if (r->n_vtep) {
        row.place_table = TOPO_VTEP;
        row.place = *r->vtep;
    }
    topo_static_set(conf->topo, &row);
}

/* The tables that both sides know. */
const struct conf_table conf_tables[CONF_N_TABLES] = {
    { TOPO_SEGMENT, &confrec_table_classes[CONFREC_TABLE_SEGMENT],
      &confrec_segment_columns[CONFREC_SEGMENT_COL_ERROR], conf_read_segment },
    { TOPO_EDGE, &confrec_table_classes[CONFREC_TABLE_EDGE],
      &confrec_edge_columns[CONFREC_EDGE_COL_ERROR], conf_read_edge },
    { TOPO_CLUSTER, &confrec_table_classes[CONFREC_TABLE_CLUSTER],
      &confrec_cluster_columns[CONFREC_CLUSTER_COL_ERROR], conf_read_cluster },
    { TOPO_BINDING, &confrec_table_classes[CONFREC_TABLE_BINDING],
      &confrec_binding_columns[CONFREC_BINDING_COL_ERROR], conf_read_binding },
    { TOPO_HOST_PORT, &confrec_table_classes[CONFREC_TABLE_HOST_PORT],
      &confrec_host_port_columns[CONFREC_HOST_PORT_COL_ERROR],
      conf_read_host_port },
    { TOPO_VTEP, &confrec_table_classes[CONFREC_TABLE_VTEP],
      &confrec_vtep_columns[CONFREC_VTEP_COL_ERROR], conf_read_vtep },
    { TOPO_STATIC_MAC, &confrec_table_classes[CONFREC_TABLE_STATIC_MAC],
      &confrec_static_mac_columns[CONFREC_STATIC_MAC_COL_ERROR],
      conf_read_static_mac },
};

/* Brings the rows of a table that have changed into the topology: those that
 * are 'in_error' (by the database), or the others.
 *
 * When a database comes back, all rows go and the same ones come: those are
 * no deletions. */
static void
conf_read_table(struct conf *conf, const struct conf_table *t, bool in_error)
{
    const struct ovsdb_idl_row *row, *live;

    for (row = ovsdb_idl_track_get_first(conf->idl, t->class); row;
         row = ovsdb_idl_track_get_next(row)) {
        live = ovsdb_idl_get_row_for_uuid(conf->idl, t->class, &row->uuid);
        if (!live) {
            topo_del(conf->topo, t->table, &row->uuid);
        } else if ((ovsdb_idl_read(live, t->error)->n != 0) == in_error) {
            t->read(conf, live);
            conf->errors_pending |= in_error;
        }
    }
}

/* The database did not take what was written.  A disk that is full stays so
 * for long, so that is said once. */
static void
conf_write_failed(struct conf *conf, const char *error)
{
    if (!nullable_string_is_equal(conf->write_error, error)) {
        VLOG_WARN_RL(&rl, "%s: status not written (%s)", conf->remote, error);
        free(conf->write_error);
        conf->write_error = xstrdup(error);
    }
}

/* Finishes or fails the transaction in progress, if its time has come. */
void
conf_run_txn(struct conf *conf)
{
    enum ovsdb_idl_txn_status status;

    if (!conf->txn) {
        return;
    }
    status = ovsdb_idl_txn_commit(conf->txn);
    if (status == TXN_INCOMPLETE) {
        return;
    }
    if (status == TXN_ERROR) {
        conf_write_failed(conf, ovsdb_idl_txn_get_error(conf->txn));
    }
    if (status != TXN_SUCCESS && status != TXN_UNCHANGED) {
        conf->write_at = time_msec() + CONF_RETRY;
        conf->status_pending = conf->errors_pending = true;
        conf->closures_pending = true;
    } else if (status == TXN_SUCCESS && conf->write_error) {
        VLOG_INFO("%s: status is written again", conf->remote);
        free(conf->write_error);
        conf->write_error = NULL;
    }
    ovsdb_idl_txn_destroy(conf->txn);
    conf->txn = NULL;
}

/* Returns true if there are changes in a table that both sides know, or in
 * what is there once. */
static bool
conf_has_changes(const struct conf *conf)
{
    for (size_t i = 0; i < CONF_N_TABLES; i++) {
        if (ovsdb_idl_track_get_first(conf->idl, conf_tables[i].class)) {
            return true;
        }
    }
    return confrec_kakehashi_global_track_get_first(conf->idl) != NULL;
}

/* Returns true if rows have come that are in the topology already: all have
 * been read anew, because the server is another one, or the schema is. */
static bool
conf_is_reread(const struct conf *conf)
{
    for (size_t i = 0; i < CONF_N_TABLES; i++) {
        const struct conf_table *t = &conf_tables[i];
        const struct ovsdb_idl_row *row;

        for (row = ovsdb_idl_track_get_first(conf->idl, t->class); row;
             row = ovsdb_idl_track_get_next(row)) {
            if (ovsdb_idl_row_get_seqno(row, OVSDB_IDL_CHANGE_INSERT)
                && topo_row(conf->topo, t->table, &row->uuid)) {
                return true;
            }
        }
    }
    return false;
}

/* Deletes what the database has not any more.  Where all rows are read anew,
 * nothing else tells. */
static void
conf_sweep(struct conf *conf)
{
    for (size_t i = 0; i < CONF_N_TABLES; i++) {
        const struct conf_table *t = &conf_tables[i];
        struct topo_row *row;

        HMAP_FOR_EACH_SAFE (row, node, &conf->topo->rows[t->table]) {
            if (!ovsdb_idl_get_row_for_uuid(conf->idl, t->class,
                                            &row->uuid)) {
                topo_del(conf->topo, t->table, &row->uuid);
            }
        }
    }
}

/* Looks after the connection.  Where a column is missing that we need, a
 * server may refuse to let us watch the database; then the library closes the
 * connection, and tries another, over and over. */
static void
conf_run_connection(struct conf *conf)
{
    bool up = ovsdb_idl_is_connected(conf->idl);
    bool connected = up && ovsdb_idl_has_ever_connected(conf->idl);

    if (up && !conf->was_up) {
        conf_schema_ask(conf);
    }
    conf->was_up = up;
    conf_schema_run(conf);
    if (connected != conf->was_connected) {
        conf->was_connected = connected;
        if (!conf->misfit) {
            VLOG_INFO("%s: database %s", conf->remote,
                      connected ? "connected" : "disconnected");
        }
        conf->status_pending = true;
    }
}

/* Talks to the database.  Returns true if there are changes in the topology,
 * which are to be settled. */
bool
conf_run(struct conf *conf)
{
    unsigned int seqno;

    ovsdb_idl_run(conf->idl);
    conf_run_txn(conf);
    conf_run_connection(conf);

    seqno = ovsdb_idl_get_seqno(conf->idl);
    if (seqno == conf->seqno || !ovsdb_idl_has_ever_connected(conf->idl)) {
        return false;
    }
    if (seqno != conf->seen) {
        conf->seen = seqno;
        if (conf_is_reread(conf)) {
            conf->reread = true;
            conf_schema_ask(conf);
        }
    }
    if (!conf_schema_fits(conf)) {
        return false;
    }
    conf->write_at = 0;
    if (confrec_controller_track_get_first(conf->idl)) {
        conf->others_changed = true;
        conf->status_pending |= conf->chief || conf_is_buried(conf);
    }
    if (conf->seqno && !conf_has_changes(conf)) {
        conf->seqno = seqno;
        ovsdb_idl_track_clear(conf->idl);
        return false;
    }
    conf->seqno = seqno;
    if (conf->reread) {
        conf->reread = false;
        conf_sweep(conf);
    }
    for (int in_error = 0; in_error <= 1; in_error++) {
        for (size_t i = 0; i < CONF_N_TABLES; i++) {
            conf_read_table(conf, &conf_tables[i], in_error);
        }
    }
    conf_read_global(conf);
    ovsdb_idl_track_clear(conf->idl);
    return true;
}

/* There is a database again, says somebody: tries it at once, if that has to
 * be.  The library goes on waiting for as long as it began to, up to eight
 * seconds, unless it gets other remotes; or the same ones in another order. */
void
conf_reconnect(struct conf *conf)
{
    const char *comma = strchr(conf->remote, ',');

    if (comma && !conf->was_connected) {
        char *rotated = xasprintf("%s,%.*s", comma + 1,
                                  (int) (comma - conf->remote), conf->remote);

        free(conf->remote);
        conf->remote = rotated;
        ovsdb_idl_set_remote(conf->idl, rotated, true);
    }
}

void
conf_wait(struct conf *conf)
{
    ovsdb_idl_wait(conf->idl);
    conf_schema_wait(conf);
    if (conf->txn) {
        ovsdb_idl_txn_wait(conf->txn);
    } else if (conf->write_at) {
        poll_timer_wait_until(conf->write_at);
    }
}

/* Returns whether the topology has been filled once. */
bool
conf_is_ready(const struct conf *conf)
{
    return conf->seqno != 0;
}

bool
conf_is_connected(const struct conf *conf)
{
    return conf->was_connected;
}

/* Returns why the schema of the database is of no use, or NULL. */
const char *
conf_misfit(const struct conf *conf)
{
    return conf->misfit;
}

const char *
conf_remote(const struct conf *conf)
{
    return conf->remote;
}

/* Upward. */

int64_t
conf_cfg_seq(const struct conf *conf)
{
    return conf->cfg_seq;
}

/* The controller has understood the configuration up to 'seq'. */
void
conf_set_ctl_seq(struct conf *conf, int64_t seq)
{
    conf->status_pending |= conf->ctl_seq != seq;
    conf->ctl_seq = seq;
}

/* All connected edges have confirmed the configuration up to 'seq'. */
void
conf_set_edges_seq(struct conf *conf, int64_t seq)
{
    conf->status_pending |= conf->edges_seq != seq;
    conf->edges_seq = seq;
}

/* It is this controller's turn to write errors that it was not before. */
void
conf_errors_changed(struct conf *conf)
{
    conf->errors_pending = true;
}

/* A binding has been closed or opened. */
void
conf_closures_changed(struct conf *conf)
{
    conf->closures_pending = true;
}

/* The status of an edge or a cluster is not what it was. */
void
conf_status_changed(struct conf *conf)
{
    conf->status_pending = true;
}
