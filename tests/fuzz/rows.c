/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "tests/fuzz/rows.h"

#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/bytes.h"
#include "tests/unit/net.h"
#include "util.h"

void
rows_init(struct rows *rows, struct bytes *in)
{
    memset(rows, 0, sizeof *rows);
    rows->in = in;
    for (int n = 0; n < ROWS_N; n++) {
        rows->refs[n].header_.uuid = net_uuid(TOPO_EDGE, n);
    }
}

void
rows_destroy(struct rows *rows)
{
    for (size_t i = 0; i < rows->n_texts; i++) {
        free(rows->texts[i]);
    }
}

/* Texts. */

static char *
rows_keep(struct rows *rows, char *text)
{
    if (rows->n_texts == ROWS_MAX_TEXTS) {
        free(text);
        return rows->texts[0];
    }
    return rows->texts[rows->n_texts++] = text;
}

/* One of the 'n' in 'menu', or any. */
static char *
rows_text(struct rows *rows, const char *const *menu, size_t n)
{
    uint8_t choice = bytes_u8(rows->in);

    if (choice < 0xc0) {
        return CONST_CAST(char *, menu[choice % n]);
    }

    size_t size = choice & 0x3f;
    const uint8_t *p = bytes_take(rows->in, &size);
    return rows_keep(rows, xmemdup0((const char *) p, size));
}

#define ROWS_TEXT(ROWS, ...)                                  \
    rows_text(ROWS, (const char *const[]) { __VA_ARGS__ }, \
              ARRAY_SIZE(((const char *const[]) { __VA_ARGS__ })))

/* A name that no other row of the table has. */
static char *
rows_name(struct rows *rows, const char *prefix, unsigned int n)
{
    return rows_keep(rows, xasprintf("%s%u", prefix, n));
}

/* Any row of 'table', whether it exists or not. */
struct uuid
rows_ref(struct rows *rows, enum topo_table table)
{
    return net_uuid(table, bytes_below(rows->in, ROWS_N));
}

/* Rows. */

static void
rows_make_segment(struct rows *rows, struct row *row, unsigned int n)
{
    uint8_t how = bytes_u8(rows->in);

    row->optional[0] = 1 + how % 4;
    row->optional[1] = 1 + bytes_u16(rows->in);
    row->segment.name = rows_name(rows, "s", n);
    row->segment.vni = (how & 0x80 ? 1 + bytes_u32(rows->in) % 0xffffff
                        : 100 + how / 8 % 4);
    row->segment.n_mac_limit = how >> 2 & 1;
    row->segment.n_mac_aging = how >> 1 & 1;
}

static void
rows_make_edge(struct rows *rows, struct row *row, unsigned int n)
{
    static char none[] = "";
    uint8_t how = bytes_u8(rows->in);

    row->flag = how & 1;
    row->edge.name = how & 0x40 ? ROWS_TEXT(rows, "e0", "e1", "e2", "a=b")
                     : rows_name(rows, "e", n);
    row->edge.datapath_id = (how & 2 ? ROWS_TEXT(rows, "1", "0x1", "2", "none",
                                                 "00:00:00:00:00:00:00:03")
                             : rows_name(rows, "", n + 1));
    row->edge.tunnel_ip = (how & 4 ? ROWS_TEXT(rows, "10.0.0.1", "10.0.0.9",
                                               "fd00::1", "::ffff:10.0.0.2",
                                               "?")
                           : rows_name(rows, "10.0.0.", n + 1));
    row->edge.tunnel_port = how & 8 ? ROWS_TEXT(rows, "p1", "peer0", "genev1")
                            : none;
    row->edge.peer_port = how & 16 ? ROWS_TEXT(rows, "peer0", "p1", "genev0")
                          : NULL;
    row->edge.n_drained = how >> 7;
    if (how & 32) {
        row->options[0] = ROWS_TEXT(rows, "e0", "e1", "e2", "e3", "e9");
        row->options[1] = ROWS_TEXT(rows, "bfd1", "peer0", "p1", "genev0", "");
    }
}

static void
rows_make_cluster(struct rows *rows, struct row *row, unsigned int n)
{
    uint8_t how = bytes_u8(rows->in), members = bytes_u8(rows->in);

    row->cluster.name = rows_name(rows, "c", n);
    row->cluster.n_edges = how & 0x40 ? TOPO_MAX_EDGES : how % 4;
    for (size_t i = 0; i < row->cluster.n_edges; i++) {
        row->ranks[i] = i + 1;
        row->edges[i] = &rows->refs[(members + i * (1 + (how >> 7)))
                                    % ROWS_N];
    }
    row->cluster.failover = (how & 4 ? ROWS_TEXT(rows, "preemptive", "?")
                             : NULL);
    row->cluster.isolation = how & 8 ? ROWS_TEXT(rows, "fence", "?") : NULL;
    row->cluster.active_edge = how & 16 ? row->edges[0] : NULL;
    row->cluster.wanted_edge = how & 32 ? row->edges[1] : NULL;
    if (members & 0x80) {
        row->options[0] = "holddown";
        row->options[1] = ROWS_TEXT(rows, "1", "-1", "4294967296", "10 s");
    }
}

static void
rows_make_static(struct rows *rows, struct row *row)
{
    uint8_t how = bytes_u8(rows->in);

    row->place[0] = rows_ref(rows, TOPO_BINDING);
    row->place[1] = rows_ref(rows, how & 1 ? TOPO_HOST_PORT : TOPO_VTEP);
    row->static_mac.segment = rows_ref(rows, TOPO_SEGMENT);
    row->static_mac.mac = ROWS_TEXT(rows, "aa:00:00:00:00:01",
                                    "AA:0:0:0:0:1", "aa:00:00:00:00:02",
                                    "01:00:00:00:00:00", "mac");
    row->static_mac.n_binding = how >> 1 & 1;
    row->static_mac.n_host_port = how & 1 && how & 4;
    row->static_mac.n_vtep = !(how & 1) && how & 4;
}

/* What a binding has beside its place follows from that, so that older inputs
 * go on to mean what they meant. */
static void
rows_limit_binding(struct row *row, unsigned int n)
{
    static const char *const options[][2] = {
        { NULL, NULL }, { "bum_in_pps", "100" }, { "bum_out_kbps", "much" },
        { "bum_out_pps", "1" },
    };
    static const char *const bpdus[][2] = {
        { NULL, NULL }, { "bpdu", "forward" }, { "bpdu", "guard" },
        { "bpdu", "?" }, { "loop_probe", "5" }, { "bpdu", "forward" },
    };

    row->options[0] = options[n % ARRAY_SIZE(options)][0];
    row->options[1] = options[n % ARRAY_SIZE(options)][1];
    row->options[2] = bpdus[n % ARRAY_SIZE(bpdus)][0];
    row->options[3] = bpdus[n % ARRAY_SIZE(bpdus)][1];
    row->closed_until = 90061000;
    row->binding.n_closed_until = row->binding.vlan == 2730;
}

/* Returns row 'n' of 'table' with new contents. */
static struct row
rows_make(struct rows *rows, enum topo_table table, unsigned int n)
{
    struct row row = { .exists = true };

    switch (table) {
    case TOPO_SEGMENT:
        rows_make_segment(rows, &row, n);
        break;
    case TOPO_EDGE:
        rows_make_edge(rows, &row, n);
        break;
    case TOPO_CLUSTER:
        rows_make_cluster(rows, &row, n);
        break;
    case TOPO_BINDING:
        row.binding.segment = rows_ref(rows, TOPO_SEGMENT);
        row.binding.cluster = rows_ref(rows, TOPO_CLUSTER);
        row.binding.port = ROWS_TEXT(rows, "p1", "p2", "genev0", "peer0",
                                     "a b");
        row.binding.vlan = bytes_below(rows->in, 4) * 1365 % 4095;
        rows_limit_binding(&row, n);
        break;
    case TOPO_HOST_PORT:
        row.host_port.segment = rows_ref(rows, TOPO_SEGMENT);
        row.host_port.edge = rows_ref(rows, TOPO_EDGE);
        row.host_port.port = ROWS_TEXT(rows, "p1", "p2", "genev0", "bfd1", "");
        break;
    case TOPO_VTEP:
        row.vtep.segment = rows_ref(rows, TOPO_SEGMENT);
        row.vtep.ip = ROWS_TEXT(rows, "192.0.2.1", "192.0.2.2", "2001:db8::1",
                                "10.0.0.1", "10.0.0.9", "2001:DB8:0::1", "?");
        break;
    case TOPO_STATIC_MAC:
        rows_make_static(rows, &row);
        break;
    case TOPO_N_TABLES:
    default:
        OVS_NOT_REACHED();
    }
    row.header.uuid = net_uuid(table, n);
    return row;
}

/* A row comes, changes or goes. */
void
rows_change(struct rows *rows)
{
    enum topo_table table = bytes_below(rows->in, TOPO_N_TABLES);
    unsigned int n = bytes_below(rows->in, ROWS_N);
    struct row *row = &rows->rows[table][n];

    if (row->exists && bytes_below(rows->in, 4) == 1) {
        row->exists = false;
    } else {
        bool in_error = row->exists && row->in_error;

        *row = rows_make(rows, table, n);
        row->in_error = in_error;
    }
    row->changed = true;
}

/* Whether two rows have the same in the columns of an index. */
static bool
rows_same_index(enum topo_table table, const struct row *a,
                const struct row *b)
{
    switch (table) {
    case TOPO_SEGMENT:
        return a->segment.vni == b->segment.vni;
    case TOPO_EDGE:
        return (!strcmp(a->edge.name, b->edge.name)
                || !strcmp(a->edge.datapath_id, b->edge.datapath_id));
    case TOPO_BINDING:
        return (uuid_equals(&a->binding.cluster, &b->binding.cluster)
                && !strcmp(a->binding.port, b->binding.port)
                && a->binding.vlan == b->binding.vlan);
    case TOPO_HOST_PORT:
        return (uuid_equals(&a->host_port.edge, &b->host_port.edge)
                && !strcmp(a->host_port.port, b->host_port.port));
    case TOPO_VTEP:
        return (uuid_equals(&a->vtep.segment, &b->vtep.segment)
                && !strcmp(a->vtep.ip, b->vtep.ip));
    case TOPO_STATIC_MAC:
        return (uuid_equals(&a->static_mac.segment, &b->static_mac.segment)
                && !strcmp(a->static_mac.mac, b->static_mac.mac));
    case TOPO_CLUSTER:
    case TOPO_N_TABLES:
    default:
        return false;
    }
}

/* Whether no index has the same twice. */
bool
rows_keep_indexes(const struct rows *rows)
{
    for (int table = 0; table < TOPO_N_TABLES; table++) {
        for (int i = 0; i < ROWS_N; i++) {
            for (int j = 0; j < i; j++) {
                const struct row *a = &rows->rows[table][i];
                const struct row *b = &rows->rows[table][j];

                if (a->exists && b->exists && rows_same_index(table, a, b)) {
                    return false;
                }
            }
        }
    }
    return true;
}

/* Gives 'row', number 'n' of 'table', to 'conf' as the replica would. */
void
rows_read(struct conf *conf, enum topo_table table, struct row *row,
              unsigned int n)
{
    struct smap options = SMAP_INITIALIZER(&options);

    if (row->options[0]) {
        smap_add(&options, row->options[0], row->options[1]);
    } else if (table == TOPO_SEGMENT && n % 2) {
        smap_add(&options, "unknown_unicast", n % 4 == 1 ? "drop" : "?");
    } else if (table == TOPO_SEGMENT && n) {
        smap_add(&options, "learn_vteps", n == 2 ? "true" : "?");
        smap_add(&options, "vtep_limit", n == 2 ? "2" : "0");
    }
    if (row->options[2]) {
        smap_add(&options, row->options[2], row->options[3]);
    }
    switch ((int) table) {
    case TOPO_SEGMENT:
        row->segment.mac_limit = &row->optional[0];
        row->segment.mac_aging = &row->optional[1];
        row->segment.options = options;
        break;
    case TOPO_EDGE:
        row->edge.drained = &row->flag;
        row->edge.bfd_ports = row->edge.other_config = options;
        break;
    case TOPO_BINDING:
        row->binding.closed_until = &row->closed_until;
        row->binding.options = options;
        break;
    case TOPO_CLUSTER:
        row->cluster.key_edges = row->ranks;
        row->cluster.value_edges = row->edges;
        row->cluster.other_config = options;
        break;
    case TOPO_STATIC_MAC:
        row->static_mac.binding = &row->place[0];
        row->static_mac.host_port = row->static_mac.vtep = &row->place[1];
        break;
    }
    conf_tables[table].read(conf, &row->header);
    if (table == TOPO_EDGE) {
        CONTAINER_OF(topo_row(conf->topo, table, &row->header.uuid),
                     struct topo_node, row)->tells_idle = n % 2;
    }
    smap_destroy(&options);
}
