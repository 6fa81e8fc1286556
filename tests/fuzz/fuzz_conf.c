/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* Any bytes as what becomes of a database: rows that come, change and go, in
 * transactions; and, in between, as what switches say of ports and stations.
 * Rows are given to controller/conf.c as the replica of the database would
 * give them.  A transaction that breaks an index of the schema is none.
 *
 * After each of them: incremental = rebuild.  What simulated switches
 * (tests/unit/walk.h) got change by change is what would be derived from the
 * whole.  And in the end, a controller that starts from the same rows, read in
 * another order, wants the flows that are there. */

#include <config.h>
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "controller/conf_private.h"
#include "flow.h"
#include "flows/delta.h"
#include "flows/layout.h"
#include "flows/pipeline.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/vlog.h"
#include "tests/fuzz/bytes.h"
#include "tests/fuzz/rows.h"
#include "tests/unit/walk.h"
#include "util.h"

#define FUZZ_MAX_STEPS 150

struct fuzz {
    struct bytes in;
    struct walk walk;
    struct conf conf;
    struct rows rows;
    struct row committed[TOPO_N_TABLES][ROWS_N];
};

/* As conf_read_table(). */
static void
fuzz_read_table(struct fuzz *f, enum topo_table table, bool in_error)
{
    for (unsigned int n = 0; n < ROWS_N; n++) {
        struct row *row = &f->rows.rows[table][n];
        struct uuid uuid = net_uuid(table, n);

        if (row->changed && !row->exists) {
            topo_del(&f->walk.net.topo, table, &uuid);
        } else if (row->changed && row->in_error == in_error) {
            rows_read(&f->conf, table, row, n);
        }
    }
}

/* What must be true. */

static void
fuzz_check_same(struct flowset *want, struct flowset *have, const char *what,
                const char *node)
{
    struct delta delta;

    delta_init(&delta, have);
    delta_all(&delta, want);
    delta_finish(&delta);
    if (!delta_is_empty(&delta)) {
        struct ds s = DS_EMPTY_INITIALIZER;

        delta_format(&delta, &s);
        ovs_fatal(0, "%s of %s should change so:\n%s", what, node,
                  ds_cstr(&s));
    }
    delta_destroy(&delta);
    flowset_destroy(want);
}

static void
fuzz_check_rebuild(struct walk *walk)
{
    struct topo_node *node;

    HMAP_FOR_EACH (node, row.node, &walk->net.topo.rows[TOPO_EDGE]) {
        struct flowset want;

        flowset_init(&want);
        pipeline_all(node, &want);
        fuzz_check_same(&want, &walk_switch(node)->config, "configuration",
                        node->name);
        flowset_init(&want);
        fdb_node_flows(node, NULL, &want);
        fuzz_check_same(&want, &walk_switch(node)->macs, "MACs", node->name);
    }
}

/* Whether row 'n' of 'table' is in force.  Of two that claim one thing,
 * another may be after a restart. */
static bool
fuzz_in_force(const struct net *net, enum topo_table table, unsigned int n)
{
    struct uuid uuid = net_uuid(table, n);
    const struct topo_row *row = topo_row(&net->topo, table, &uuid);

    switch ((int) table) {
    case TOPO_EDGE:
        return CONTAINER_OF(row, struct topo_node, row)->valid;
    case TOPO_BINDING:
    case TOPO_HOST_PORT:
    case TOPO_VTEP:
        return CONTAINER_OF(row, struct topo_place, row)->segment != NULL;
    case TOPO_STATIC_MAC:
        return CONTAINER_OF(row, struct topo_static_mac, row)->place != NULL;
    default:
        return true;
    }
}

/* Tells 'again' what the switches say, and who is active. */
static void
fuzz_tell(struct net *net, struct net *again)
{
    struct topo_cluster *cluster;
    struct topo_node *node;

    HMAP_FOR_EACH (node, row.node, &net->topo.rows[TOPO_EDGE]) {
        struct topo_port *port;

        if (!node->valid) {
            continue;
        }
        struct topo_node *other = net_get_node(again,
                                               node->row.uuid.parts[3]);
        HMAP_FOR_EACH (port, ofport_node, &node->ports_by_ofport) {
            topo_node_set_port(&again->topo, other, port->name, port->ofport,
                               port->mac, port->link_up, port->live);
            topo_node_set_looped(&again->topo, other, port->ofport,
                                 port->looped);
        }
        topo_node_set_ports_known(&again->topo, other, true);
    }
    HMAP_FOR_EACH (cluster, row.node, &net->topo.rows[TOPO_CLUSTER]) {
        struct topo_cluster *other = net_get_cluster(
            again, cluster->row.uuid.parts[3]);

        if (cluster->via) {
            unsigned int via = cluster->via->row.uuid.parts[3];

            topo_cluster_set_active(other, net_get_node(again, via));
        }
        if (!cluster->active) {
            topo_cluster_set_active(other, NULL);
        }
    }
}

/* Reads row 'n' of 'table' for a controller that starts.  The database
 * remembers which edge was active, as the last one has written. */
static void
fuzz_read_again(struct fuzz *f, struct conf *conf, enum topo_table table,
                unsigned int n)
{
    struct row row = f->rows.rows[table][n];

    if (table == TOPO_CLUSTER) {
        const struct topo_node *via = net_get_cluster(&f->walk.net, n)->via;

        row.cluster.active_edge = via ? &f->rows.refs[via->row.uuid.parts[3]]
                                  : NULL;
    }
    rows_read(conf, table, &row, n);
}

/* A controller that starts. */
static void
fuzz_check_restart(struct fuzz *f)
{
    struct topo_node *node;
    struct net again;
    struct conf conf = { .topo = &again.topo };

    net_init(&again);
    for (int table = TOPO_N_TABLES - 1; table >= 0; table--) {
        for (int n = ROWS_N - 1; n >= 0; n--) {
            if (f->rows.rows[table][n].exists
                && fuzz_in_force(&f->walk.net, table, n)) {
                fuzz_read_again(f, &conf, table, n);
            }
        }
    }
    net_settle(&again);
    fuzz_tell(&f->walk.net, &again);
    HMAP_FOR_EACH (node, row.node, &again.topo.rows[TOPO_EDGE]) {
        struct topo_node *old = net_get_node(&f->walk.net,
                                             node->row.uuid.parts[3]);
        struct flowset want;

        flowset_init(&want);
        pipeline_all(node, &want);
        fuzz_check_same(&want, &walk_switch(old)->config,
                        "after a restart, configuration", node->name);
    }
    net_destroy(&again);
}

/* Steps. */

/* The transaction ends. */
static void
fuzz_commit(struct fuzz *f)
{
    if (!rows_keep_indexes(&f->rows)) {
        memcpy(f->rows.rows, f->committed, sizeof f->committed);
        return;
    }
    for (int in_error = 0; in_error <= 1; in_error++) {
        for (int table = 0; table < TOPO_N_TABLES; table++) {
            fuzz_read_table(f, table, in_error);
        }
    }
    walk_sync(&f->walk);
    for (int table = 0; table < TOPO_N_TABLES; table++) {
        for (int n = 0; n < ROWS_N; n++) {
            struct row *row = &f->rows.rows[table][n];

            row->changed = false;
            row->in_error = (row->exists
                             && *net_error(&f->walk.net, table, n));
        }
    }
    memcpy(f->committed, f->rows.rows, sizeof f->committed);
    fuzz_check_rebuild(&f->walk);
}

static struct topo_row *
fuzz_pick(struct fuzz *f, enum topo_table table)
{
    struct uuid uuid = rows_ref(&f->rows, table);

    return topo_row(&f->walk.net.topo, table, &uuid);
}

static void
fuzz_port(struct fuzz *f)
{
    static const char *const names[] = {
        "genev0", "p1", "p2", "peer0", "bfd1", "genev1",
    };
    struct topo_row *row = fuzz_pick(f, TOPO_EDGE);
    uint8_t how = bytes_u8(&f->in);
    uint16_t ofport = 1 + (how & 0x80 ? bytes_u16(&f->in) % 0xfeff : how % 8);
    struct eth_addr mac = net_mac(ofport % 8);
    struct topo *topo = &f->walk.net.topo;

    if (!row) {
        return;
    }

    struct topo_node *node = CONTAINER_OF(row, struct topo_node, row);
    switch (how / 8 % 4) {
    case 0:
        topo_node_del_port(topo, node, u16_to_ofp(ofport));
        break;
    case 1:
        topo_node_set_looped(topo, node, u16_to_ofp(ofport), how & 0x40);
        break;
    default:
        topo_node_set_port(topo, node, BYTES_PICK(&f->in, names),
                           u16_to_ofp(ofport), mac, how & 0x20, how & 0x40);
        break;
    }
    topo_node_set_ports_known(topo, node, true);
}

static void
fuzz_active(struct fuzz *f)
{
    struct topo_row *row = fuzz_pick(f, TOPO_CLUSTER);
    size_t i = bytes_u8(&f->in);

    if (row) {
        struct topo_cluster *cluster = CONTAINER_OF(row, struct topo_cluster,
                                                    row);
        struct topo_node *node = (i % 16 < cluster->n_members
                                  ? cluster->members[i % 16] : NULL);

        if (i & 0x80 && node) {
            topo_cluster_give_way(cluster, node);
        } else {
            topo_cluster_set_active(cluster, node);
        }
    }
}

/* A station is seen, or is not any more. */
static void
fuzz_station(struct fuzz *f)
{
    static const enum topo_table tables[] = {
        TOPO_BINDING, TOPO_HOST_PORT, TOPO_VTEP,
    };
    struct topo_row *node_row = fuzz_pick(f, TOPO_EDGE);
    struct topo_row *row = fuzz_pick(f, BYTES_PICK(&f->in, tables));
    uint8_t how = bytes_u8(&f->in);
    struct net *net = &f->walk.net;

    if (!row || !node_row) {
        return;
    }

    struct topo_node *node = CONTAINER_OF(node_row, struct topo_node, row);
    struct topo_place *place = CONTAINER_OF(row, struct topo_place, row);
    if (place->segment && topo_segment_has_node(place->segment, node)
        && (place->type == TOPO_PLACE_VTEP
            || pipeline_place_slot(node, place))) {
        fdb_sight(&net->fdb, node, place, net_mac(how % 8), net->now,
                  &net->ops);
    }
}

static void
fuzz_step(struct fuzz *f)
{
    f->walk.net.now += 1000;
    switch (bytes_below(&f->in, 8)) {
    case 0:
    case 1:
    case 2:
        rows_change(&f->rows);
        break;
    case 3:
        fuzz_commit(f);
        break;
    case 4:
        fuzz_port(f);
        break;
    case 5:
        fuzz_active(f);
        break;
    case 6:
        fuzz_station(f);
        break;
    default:
        fdb_flush(&f->walk.net.fdb, NULL, NULL, &f->walk.net.ops);
        break;
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz *f = xzalloc(sizeof *f);

    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_OFF);
    f->in = (struct bytes) { data, size };
    rows_init(&f->rows, &f->in);
    walk_init(&f->walk, 0);
    f->conf.topo = &f->walk.net.topo;
    for (int i = 0; i < FUZZ_MAX_STEPS && f->in.left; i++) {
        fuzz_step(f);
    }
    fuzz_commit(f);
    walk_sync(&f->walk);
    fuzz_check_rebuild(&f->walk);
    fuzz_check_restart(f);

    walk_destroy(&f->walk);
    rows_destroy(&f->rows);
    free(f);
    return 0;
}
