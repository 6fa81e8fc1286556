/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* The law of kctl_index.h: a scan by index finds what a walk over the table
 * does, after any changes of a transaction. */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "controller/kctl.h"
#include "controller/kctl_index.h"
#include "hmapx.h"
#include "random.h"
#include "util.h"

#define N_ROWS 12               /* Of a table, at most. */
#define N_STEPS 1500

/* Few values, so that rows share them, in several spellings. */
static const char *names[] = { "", "a", "b", "bb", "c" };
static const char *ports[] = { "", "eth0", "eth1", "\xc3\xa9" };
static const char *ips[] = { "10.0.0.1", "::ffff:10.0.0.1", "2001:db8::1",
                             "2001:DB8:0::1", "nonsense", "" };
static const char *dpids[] = { "1", "0x1", "0000000000000001",
                               "00:00:00:00:00:00:00:Ab", "ab", "-" };
static const char *macs[] = { "02:00:00:00:00:01", "2:0:0:0:0:1",
                              "02:00:00:00:00:0A", "2:0:0:0:0:a", "x" };

/* What commands look for is canonical. */
static const char *canonical_ips[] = { "10.0.0.1", "2001:db8::1", "10.9.9.9" };
static const char *canonical_dpids[] = { "0000000000000001",
                                         "00000000000000ab",
                                         "00000000000000ff" };
static const char *canonical_macs[] = { "02:00:00:00:00:01",
                                        "02:00:00:00:00:0a",
                                        "02:00:00:00:00:0f" };

#define PICK(ARRAY) ((ARRAY)[random_range(ARRAY_SIZE(ARRAY))])

struct fixture {
    struct ovsdb_idl *idl;
    struct ovsdb_idl_txn *txn;
    struct kctl_index *index;
    struct kctl_context indexed, plain;
};

/* ---- Changes. ----------------------------------------------------------- */

/* Returns a row of 'table', or NULL if there is none. */
static const void *
pick_row(struct fixture *f, const struct ovsdb_idl_table_class *table)
{
    const struct ovsdb_idl_row *row = ovsdb_idl_first_row(f->idl, table);

    for (unsigned int n = random_range(N_ROWS); row && n; n--) {
        const struct ovsdb_idl_row *next = ovsdb_idl_next_row(row);
        row = next ? next : row;
    }
    return row;
}

#define PICK_ROW(F, TYPE) \
    ((const struct kkrec_##TYPE *) pick_row(F, &kkrec_table_##TYPE))

/* Sets columns of a row that may be new; those of rows that refer to others
 * only if there are such. */

static void
set_segment(struct fixture *f OVS_UNUSED, const struct kkrec_segment *row)
{
    kkrec_segment_set_name(row, PICK(names));
    kkrec_segment_set_vni(row, 1 + random_range(4));
}

static void
set_edge(struct fixture *f OVS_UNUSED, const struct kkrec_edge *row)
{
    kkrec_edge_set_name(row, PICK(names));
    kkrec_edge_set_datapath_id(row, PICK(dpids));
    kkrec_edge_set_tunnel_ip(row, PICK(ips));
}

static void
set_cluster(struct fixture *f OVS_UNUSED, const struct kkrec_cluster *row)
{
    kkrec_cluster_set_name(row, PICK(names));
}

static void
set_binding(struct fixture *f, const struct kkrec_binding *row)
{
    const struct kkrec_segment *segment = PICK_ROW(f, segment);
    const struct kkrec_cluster *cluster = PICK_ROW(f, cluster);

    if (segment && cluster) {
        kkrec_binding_set_segment(row, segment);
        kkrec_binding_set_cluster(row, cluster);
        kkrec_binding_set_port(row, PICK(ports));
        kkrec_binding_set_vlan(row, random_range(3));
    }
}

static void
set_host_port(struct fixture *f, const struct kkrec_host_port *row)
{
    const struct kkrec_segment *segment = PICK_ROW(f, segment);
    const struct kkrec_edge *edge = PICK_ROW(f, edge);

    if (segment && edge) {
        kkrec_host_port_set_segment(row, segment);
        kkrec_host_port_set_edge(row, edge);
        kkrec_host_port_set_port(row, PICK(ports));
    }
}

static void
set_vtep(struct fixture *f, const struct kkrec_vtep *row)
{
    const struct kkrec_segment *segment = PICK_ROW(f, segment);

    if (segment) {
        kkrec_vtep_set_segment(row, segment);
        kkrec_vtep_set_ip(row, PICK(ips));
    }
}

static void
set_static_mac(struct fixture *f, const struct kkrec_static_mac *row)
{
    const struct kkrec_segment *segment = PICK_ROW(f, segment);

    if (segment) {
        kkrec_static_mac_set_segment(row, segment);
        kkrec_static_mac_set_mac(row, PICK(macs));
        kkrec_static_mac_set_binding(row, PICK_ROW(f, binding));
        kkrec_static_mac_set_host_port(row, PICK_ROW(f, host_port));
        kkrec_static_mac_set_vtep(row, PICK_ROW(f, vtep));
    }
}

static size_t
count(struct fixture *f, const struct ovsdb_idl_table_class *table)
{
    size_t n = 0;

    for (const struct ovsdb_idl_row *row = ovsdb_idl_first_row(f->idl, table);
         row; row = ovsdb_idl_next_row(row)) {
        n++;
    }
    return n;
}

/* Inserts a row, or changes or deletes one.  Rows to which others refer are
 * not deleted: the server would refuse that. */
#define CHANGE(F, TYPE, MAY_DELETE)                                     \
    do {                                                                \
        const struct kkrec_##TYPE *row_ = PICK_ROW(F, TYPE);            \
                                                                        \
        if (row_ && (MAY_DELETE) && !random_range(3)) {                 \
            kkrec_##TYPE##_delete(row_);                                \
        } else if (row_ && (random_range(2)                             \
                            || count(F, &kkrec_table_##TYPE)            \
                               >= N_ROWS)) {                            \
            set_##TYPE(F, row_);                                        \
        } else {                                                        \
            set_##TYPE(F, kkrec_##TYPE##_insert((F)->txn));             \
        }                                                               \
    } while (0)

static void
change(struct fixture *f)
{
    bool no_macs = !PICK_ROW(f, static_mac);

    switch (random_range(7)) {
    case 0:
        CHANGE(f, segment, false);
        break;
    case 1:
        CHANGE(f, edge, false);
        break;
    case 2:
        CHANGE(f, cluster, false);
        break;
    case 3:
        CHANGE(f, binding, no_macs);
        break;
    case 4:
        CHANGE(f, host_port, no_macs);
        break;
    case 5:
        CHANGE(f, vtep, no_macs);
        break;
    default:
        CHANGE(f, static_mac, true);
    }
}

/* ---- Comparison. -------------------------------------------------------- */

/* Checks that SCAN, the beginning of a scan with 'ctx', finds the same rows
 * that match CONDITION with an index and without. */
#define CHECK(F, TYPE, SCAN, CONDITION)                                 \
    do {                                                                \
        struct hmapx found[2] = { HMAPX_INITIALIZER(&found[0]),         \
                                  HMAPX_INITIALIZER(&found[1]) };       \
        size_t n_found[2] = { 0, 0 };                                   \
                                                                        \
        for (int i_ = 0; i_ < 2; i_++) {                                \
            struct ctl_context *ctx = (i_ ? &(F)->indexed.up            \
                                          : &(F)->plain.up);            \
            const struct kkrec_##TYPE *row;                             \
            struct kctl_scan scan;                                      \
                                                                        \
            SCAN;                                                       \
            KCTL_SCAN (row, &scan, CONDITION) {                         \
                hmapx_add(&found[i_], CONST_CAST(void *,                \
                                          (const void *) row));         \
                n_found[i_]++;                                          \
            }                                                           \
        }                                                               \
        assert_int_equal(n_found[0], n_found[1]);                       \
        assert_true(hmapx_equals(&found[0], &found[1]));                \
        hmapx_destroy(&found[0]);                                       \
        hmapx_destroy(&found[1]);                                       \
    } while (0)

static void
check_names_and_addresses(struct fixture *f)
{
    const char *name = PICK(names);
    const char *ip = PICK(canonical_ips);
    const char *dpid = PICK(canonical_dpids);
    int64_t vni = random_range(5);

    CHECK(f, segment, kctl_scan_segment_name(&scan, ctx, name),
          !strcmp(row->name, name));
    CHECK(f, edge, kctl_scan_edge_name(&scan, ctx, name),
          !strcmp(row->name, name));
    CHECK(f, cluster, kctl_scan_cluster_name(&scan, ctx, name),
          !strcmp(row->name, name));
    CHECK(f, segment, kctl_scan_segment_vni(&scan, ctx, vni),
          row->vni == vni);
    CHECK(f, edge, kctl_scan_edge_dpid(&scan, ctx, dpid),
          kctl_is_dpid(row->datapath_id, dpid));
    CHECK(f, edge, kctl_scan_edge_ip(&scan, ctx, ip),
          kctl_is_ip(row->tunnel_ip, ip));
    CHECK(f, vtep, kctl_scan_vtep_ip(&scan, ctx, ip),
          row->ip && kctl_is_ip(row->ip, ip));
}

static void
check_of_segment(struct fixture *f)
{
    const struct kkrec_segment *segment = PICK_ROW(f, segment);
    const char *ip = PICK(canonical_ips);
    const char *mac = PICK(canonical_macs);

    if (!segment) {
        return;
    }
    CHECK(f, binding, kctl_scan_segment_bindings(&scan, ctx, segment),
          row->segment == segment);
    CHECK(f, host_port, kctl_scan_segment_host_ports(&scan, ctx, segment),
          row->segment == segment);
    CHECK(f, vtep, kctl_scan_segment_vteps(&scan, ctx, segment, NULL),
          row->segment == segment);
    CHECK(f, vtep, kctl_scan_segment_vteps(&scan, ctx, segment, ip),
          row->segment == segment && kctl_is_ip(row->ip, ip));
    CHECK(f, static_mac, kctl_scan_segment_macs(&scan, ctx, segment, NULL),
          row->segment == segment);
    CHECK(f, static_mac, kctl_scan_segment_macs(&scan, ctx, segment, mac),
          row->segment == segment && kctl_is_mac(row->mac, mac));
}

static void
check_places(struct fixture *f)
{
    const struct kkrec_cluster *cluster = PICK_ROW(f, cluster);
    const struct kkrec_edge *edge = PICK_ROW(f, edge);
    const char *port = PICK(ports);
    int64_t vlan = random_range(4);

    if (cluster) {
        CHECK(f, binding, kctl_scan_binding(&scan, ctx, cluster, NULL, -1),
              row->cluster == cluster);
        CHECK(f, binding, kctl_scan_binding(&scan, ctx, cluster, port, -1),
              row->cluster == cluster && !strcmp(row->port, port));
        CHECK(f, binding, kctl_scan_binding(&scan, ctx, cluster, port, vlan),
              row->cluster == cluster && !strcmp(row->port, port)
              && row->vlan == vlan);
    }
    if (edge) {
        CHECK(f, host_port, kctl_scan_host_port(&scan, ctx, edge, NULL),
              row->edge == edge);
        CHECK(f, host_port, kctl_scan_host_port(&scan, ctx, edge, port),
              row->edge == edge && !strcmp(row->port, port));
    }
}

static void
check_locations(struct fixture *f)
{
    const struct kkrec_binding *b = PICK_ROW(f, binding);
    const struct kkrec_host_port *hp = PICK_ROW(f, host_port);
    const struct kkrec_vtep *vtep = PICK_ROW(f, vtep);

    if (b) {
        CHECK(f, static_mac, kctl_scan_binding_macs(&scan, ctx, b),
              row->binding == b);
    }
    if (hp) {
        CHECK(f, static_mac, kctl_scan_host_port_macs(&scan, ctx, hp),
              row->host_port == hp);
    }
    if (vtep) {
        CHECK(f, static_mac, kctl_scan_vtep_macs(&scan, ctx, vtep),
              row->vtep == vtep);
    }
}

static void
test_index_is_walk(void **state OVS_UNUSED)
{
    struct fixture f = {
        .idl = ovsdb_idl_create_unconnected(&kkrec_idl_class, true),
    };

    random_set_seed(1);
    f.index = kctl_index_create(f.idl);
    f.indexed.index = f.index;
    for (int round = 0; round < 3; round++) {
        f.txn = ovsdb_idl_txn_create(f.idl);
        ctl_context_init(&f.indexed.up, NULL, f.idl, f.txn, NULL, NULL);
        ctl_context_init(&f.plain.up, NULL, f.idl, f.txn, NULL, NULL);
        for (int i = 0; i < N_STEPS; i++) {
            change(&f);
            check_names_and_addresses(&f);
            check_of_segment(&f);
            check_places(&f);
            check_locations(&f);
        }
        assert_true(count(&f, &kkrec_table_binding) > 5);

        /* What is rolled back is not found any more. */
        ovsdb_idl_txn_abort(f.txn);
        ovsdb_idl_txn_destroy(f.txn);
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
            struct kctl_scan scan;

            kctl_scan_segment_name(&scan, &f.indexed.up, names[i]);
            assert_null(kctl_scan_row(&scan));
        }
    }
    ovsdb_idl_destroy(f.idl);
    free(f.index);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_index_is_walk),
    };

    return cmocka_run_group_tests_name("kctl_index", tests, NULL, NULL);
}
