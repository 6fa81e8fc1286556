/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "tests/fuzz/lab.h"

#include "flows/topo.h"
#include "smap.h"
#include "tests/fuzz/bytes.h"
#include "util.h"

static struct uuid
lab_uuid(enum topo_table table, unsigned int n)
{
    return (struct uuid) { .parts = { (table + 1) << 16 | n, 0, table, n } };
}

static void
lab_segment(struct topo *topo, unsigned int n)
{
    topo_segment_set(topo, &(struct topo_segment_row) {
        .uuid = lab_uuid(TOPO_SEGMENT, n % 2), .name = n % 2 ? "s1" : "s0",
        .vni = 5000 + n, .mac_limit = 4, .mac_aging = 10 });
}

static void
lab_edge(struct topo *topo, unsigned int n, unsigned int how)
{
    static const char *const names[] = { "e1", "e2", "e3" };
    static const char *const dpids[] = { "1", "2", "3" };
    static const char *const ips[] = { "10.0.0.1", "10.0.0.2", "fd00::3" };
    struct smap bfd_ports = SMAP_INITIALIZER(&bfd_ports);

    n %= LAB_N_EDGES;
    if (how & 1) {
        smap_add(&bfd_ports, "e1", "p2");
        smap_add(&bfd_ports, "e2", "peer0");
    }
    topo_node_set(topo, &(struct topo_node_row) {
        .uuid = lab_uuid(TOPO_EDGE, n), .name = names[n],
        .dpid = dpids[how & 2 ? 2 - n : n], .ip = ips[n],
        .tunnel_port = "genev0", .peer_port = how & 4 ? NULL : "peer0",
        .bfd_ports = &bfd_ports, .drained = how & 8 });
    smap_destroy(&bfd_ports);
}

static void
lab_cluster(struct topo *topo, unsigned int how)
{
    struct topo_cluster_row row = {
        .uuid = lab_uuid(TOPO_CLUSTER, 0), .name = "c1",
        .preemptive = how & 4, .fence = how & 8, .holddown = 1000 };

    if (how % 4 != 1) {
        row.members[row.n_members++] = lab_uuid(TOPO_EDGE, how & 1);
    }
    row.members[row.n_members++] = lab_uuid(TOPO_EDGE, !(how & 1));
    topo_cluster_set(topo, &row);
}

static void
lab_binding(struct topo *topo, unsigned int n, uint16_t vlan)
{
    topo_attach_set(topo, &(struct topo_attach_row) {
        .table = TOPO_BINDING, .uuid = lab_uuid(TOPO_BINDING, n % 2),
        .segment = lab_uuid(TOPO_SEGMENT, n / 2 % 2),
        .owner = lab_uuid(TOPO_CLUSTER, 0),
        .port = n % 4 == 3 ? "p2" : "p1", .vlan = vlan,
        .bpdu = n % 2 ? TOPO_BPDU_GUARD : TOPO_BPDU_FORWARD,
        .loop_probe = 1 + n % 2 });
}

static void
lab_others(struct topo *topo, unsigned int how)
{
    topo_attach_set(topo, &(struct topo_attach_row) {
        .table = TOPO_HOST_PORT, .uuid = lab_uuid(TOPO_HOST_PORT, 0),
        .segment = lab_uuid(TOPO_SEGMENT, how & 1),
        .owner = lab_uuid(TOPO_EDGE, 2 - how / 2 % 3), .port = "p2" });
    topo_vtep_set(topo, &(struct topo_vtep_row) {
        .uuid = lab_uuid(TOPO_VTEP, 0),
        .segment = lab_uuid(TOPO_SEGMENT, how & 1),
        .ip = how & 8 ? "2001:db8::1" : "192.0.2.1" });
    topo_static_set(topo, &(struct topo_static_row) {
        .uuid = lab_uuid(TOPO_STATIC_MAC, 0),
        .segment = lab_uuid(TOPO_SEGMENT, how & 1),
        .mac = "aa:00:00:00:00:99", .n_places = 1,
        .place_table = how & 16 ? TOPO_VTEP : TOPO_BINDING,
        .place = lab_uuid(how & 16 ? TOPO_VTEP : TOPO_BINDING, 0) });
}

/* Everything that there can be. */
void
lab_configure(struct topo *topo)
{
    for (unsigned int n = 0; n < LAB_N_EDGES; n++) {
        lab_edge(topo, n, 0);
    }
    lab_segment(topo, 0);
    lab_segment(topo, 1);
    lab_cluster(topo, 0);
    lab_binding(topo, 0, 10);
    lab_binding(topo, 1, 20);
    lab_others(topo, 0);
}

/* A row changes, or goes. */
void
lab_change(struct topo *topo, struct bytes *in)
{
    static const enum topo_table tables[] = {
        TOPO_SEGMENT, TOPO_EDGE, TOPO_CLUSTER, TOPO_BINDING, TOPO_HOST_PORT,
    };
    unsigned int what = bytes_below(in, 6), how = bytes_u8(in);

    switch (what) {
    case 0:
        lab_segment(topo, how);
        break;
    case 1:
        lab_edge(topo, how >> 4, how & 15);
        break;
    case 2:
        lab_cluster(topo, how);
        break;
    case 3:
        lab_binding(topo, how, bytes_u16(in) % 4095);
        break;
    case 4:
        lab_others(topo, how);
        break;
    default: {
        enum topo_table table = tables[how % ARRAY_SIZE(tables)];
        struct uuid uuid = lab_uuid(table, how / 16 % 3);

        topo_del(topo, table, &uuid);
        break;
    }
    }
}

/* Binding 'n', or NULL. */
const struct topo_attach *
lab_binding_row(const struct topo *topo, unsigned int n)
{
    struct uuid uuid = lab_uuid(TOPO_BINDING, n % 2);
    struct topo_row *row = topo_row(topo, TOPO_BINDING, &uuid);

    return row ? CONTAINER_OF(row, struct topo_attach, place.row) : NULL;
}

/* The cluster, or NULL. */
const struct topo_cluster *
lab_cluster_row(const struct topo *topo)
{
    struct uuid uuid = lab_uuid(TOPO_CLUSTER, 0);
    struct topo_row *row = topo_row(topo, TOPO_CLUSTER, &uuid);

    return row ? CONTAINER_OF(row, struct topo_cluster, row) : NULL;
}
