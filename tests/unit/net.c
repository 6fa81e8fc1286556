/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "tests/unit/net.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "flows/flowset.h"
#include "flows/layout.h"
#include "flows/stats.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/ofp-flow.h"
#include "openvswitch/ofp-monitor.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofpbuf.h"
#include "sset.h"
#include "util.h"

void
net_init(struct net *net)
{
    memset(net, 0, sizeof *net);
    topo_init(&net->topo);
    fdb_init(&net->fdb);
}

void
net_destroy(struct net *net)
{
    struct topo_row *row;

    fdb_destroy(&net->fdb);
    fdb_ops_uninit(&net->ops);
    LIST_FOR_EACH_POP (row, error_node, &net->topo.errors) {
        ovs_list_init(&row->error_node);
    }
    topo_destroy(&net->topo);
}

/* Ends a batch of changes.  'net->ops' is what the fdb makes of them; what is
 * deleted is not freed before net_clean(), because the operations refer to
 * it. */
void
net_settle(struct net *net)
{
    struct topo_row *row;

    topo_settle(&net->topo);
    fdb_flush_withdrawn(&net->fdb, &net->topo, &net->ops);
    LIST_FOR_EACH (row, dead_node, &net->topo.dead) {
        if (row->table == TOPO_EDGE) {
            fdb_forget_node(&net->fdb,
                            CONTAINER_OF(row, struct topo_node, row),
                            &net->ops);
        }
    }
    if (net->topo.statics_changed) {
        fdb_sync_statics(&net->fdb, &net->topo, net->now, &net->ops);
        net->topo.statics_changed = false;
    }
}

/* Forgets operations, errors and dirt, and frees what was deleted. */
void
net_clean(struct net *net)
{
    struct topo_node *node;
    struct topo_row *row;

    net->ops.n = 0;
    LIST_FOR_EACH_POP (row, error_node, &net->topo.errors) {
        ovs_list_init(&row->error_node);
    }
    HMAP_FOR_EACH (node, row.node, &net->topo.rows[TOPO_EDGE]) {
        topo_node_clean(node);
    }
    topo_reap(&net->topo);
}

struct uuid
net_uuid(enum topo_table table, unsigned int n)
{
    return (struct uuid) { .parts = { (table + 1) << 16 | n, 0, table, n } };
}

/* If 'quiet', frames to unknown addresses are dropped; 'vtep_limit' VTEPs are
 * learned. */
void
net_segment_with(struct net *net, unsigned int n, uint32_t vni, bool quiet,
                 uint32_t vtep_limit)
{
    char *name = xasprintf("s%u", n);

    topo_segment_set(&net->topo, &(struct topo_segment_row) {
        .uuid = net_uuid(TOPO_SEGMENT, n), .name = name, .vni = vni,
        .mac_limit = 2048, .mac_aging = 300, .drop_unknown = quiet,
        .vtep_limit = vtep_limit,
    });
    free(name);
}

void
net_segment(struct net *net, unsigned int n, uint32_t vni)
{
    net_segment_with(net, n, vni, false, 0);
}

void
net_quiet_segment(struct net *net, unsigned int n, uint32_t vni)
{
    net_segment_with(net, n, vni, true, 0);
}

void
net_learning_segment(struct net *net, unsigned int n, uint32_t vni,
                     uint32_t vtep_limit)
{
    net_segment_with(net, n, vni, false, vtep_limit);
}

/* It sees each of 'others', numbers of edges, one digit each, by a port of its
 * own: edge 2 by "bfd2". */
void
net_node_sees(struct net *net, unsigned int n, const char *dpid,
              const char *ip, const char *others)
{
    struct smap bfd_ports = SMAP_INITIALIZER(&bfd_ports);
    char *name = xasprintf("e%u", n);

    for (; *others; others++) {
        smap_add_nocopy(&bfd_ports, xasprintf("e%c", *others),
                        xasprintf("bfd%c", *others));
    }
    topo_node_set(&net->topo, &(struct topo_node_row) {
        .uuid = net_uuid(TOPO_EDGE, n), .name = name, .dpid = dpid, .ip = ip,
        .tunnel_port = "genev0", .peer_port = "peer0",
        .bfd_ports = &bfd_ports,
    });
    smap_destroy(&bfd_ports);
    free(name);
}

void
net_node(struct net *net, unsigned int n, const char *dpid, const char *ip)
{
    net_node_sees(net, n, dpid, ip, "");
}

static void
net_set_cluster(struct net *net, unsigned int n, const char *members,
                bool fence)
{
    char *name = xasprintf("c%u", n);
    struct topo_cluster_row row = {
        .uuid = net_uuid(TOPO_CLUSTER, n), .name = name, .fence = fence,
    };

    for (; *members; members++) {
        row.members[row.n_members++] = net_uuid(TOPO_EDGE, *members - '0');
    }
    topo_cluster_set(&net->topo, &row);
    free(name);
}

/* 'members' are the numbers of its edges, one digit each: "21". */
void
net_cluster(struct net *net, unsigned int n, const char *members)
{
    net_set_cluster(net, n, members, false);
}

/* The same for one whose edges are to close their gates when cut off. */
void
net_fence(struct net *net, unsigned int n, const char *members)
{
    net_set_cluster(net, n, members, true);
}

/* A binding with what else 'row' says. */
void
net_bind(struct net *net, unsigned int n, unsigned int segment,
         unsigned int cluster, const char *port, uint16_t vlan,
         const struct topo_attach_row *row_)
{
    struct topo_attach_row row = *row_;

    row.table = TOPO_BINDING;
    row.uuid = net_uuid(TOPO_BINDING, n);
    row.segment = net_uuid(TOPO_SEGMENT, segment);
    row.owner = net_uuid(TOPO_CLUSTER, cluster);
    row.port = port;
    row.vlan = vlan;
    row.closed_reason = "so it is";
    topo_attach_set(&net->topo, &row);
}

/* A binding that is closed until 'until', or is not if that is 0. */
void
net_closed(struct net *net, unsigned int n, unsigned int segment,
           unsigned int cluster, const char *port, uint16_t vlan,
           long long until)
{
    net_bind(net, n, segment, cluster, port, vlan,
             &(struct topo_attach_row) { .closed_until = until });
}

/* A binding with limits, in packets a second; 0: none. */
void
net_limited(struct net *net, unsigned int n, unsigned int segment,
            unsigned int cluster, const char *port, uint16_t vlan,
            uint32_t in, uint32_t out)
{
    net_bind(net, n, segment, cluster, port, vlan,
             &(struct topo_attach_row) {
        .limits = { [TOPO_IN] = { .rate = in, .packets = true },
                    [TOPO_OUT] = { .rate = out, .packets = true } },
    });
}

void
net_binding(struct net *net, unsigned int n, unsigned int segment,
            unsigned int cluster, const char *port, uint16_t vlan)
{
    net_closed(net, n, segment, cluster, port, vlan, 0);
}

void
net_host_port(struct net *net, unsigned int n, unsigned int segment,
              unsigned int node, const char *port)
{
    topo_attach_set(&net->topo, &(struct topo_attach_row) {
        .table = TOPO_HOST_PORT, .uuid = net_uuid(TOPO_HOST_PORT, n),
        .segment = net_uuid(TOPO_SEGMENT, segment),
        .owner = net_uuid(TOPO_EDGE, node),
        .port = port,
    });
}

void
net_vtep(struct net *net, unsigned int n, unsigned int segment,
         const char *ip)
{
    topo_vtep_set(&net->topo, &(struct topo_vtep_row) {
        .uuid = net_uuid(TOPO_VTEP, n),
        .segment = net_uuid(TOPO_SEGMENT, segment), .ip = ip,
    });
}

void
net_static(struct net *net, unsigned int n, unsigned int segment,
           const char *mac, enum topo_table table, unsigned int place)
{
    topo_static_set(&net->topo, &(struct topo_static_row) {
        .uuid = net_uuid(TOPO_STATIC_MAC, n),
        .segment = net_uuid(TOPO_SEGMENT, segment), .mac = mac,
        .n_places = 1, .place_table = table, .place = net_uuid(table, place),
    });
}

void
net_del(struct net *net, enum topo_table table, unsigned int n)
{
    struct uuid uuid = net_uuid(table, n);

    topo_del(&net->topo, table, &uuid);
}

/* Edge 'node' has port 'name' with number 'ofport', and none with this name
 * if 'ofport' is 0.  Its list of ports is complete. */
void
net_port(struct net *net, unsigned int n, const char *name, uint16_t ofport)
{
    struct topo_node *node = net_get_node(net, n);
    const struct topo_port *port = topo_node_port(node, name);

    if (ofport) {
        struct eth_addr mac = ETH_ADDR_C(02,ff,00,00,00,00);

        mac.ea[4] = n;
        mac.ea[5] = ofport;
        topo_node_set_port(&net->topo, node, name, u16_to_ofp(ofport), mac,
                           true, true);
    } else if (port) {
        topo_node_del_port(&net->topo, node, port->ofport);
    }
    topo_node_set_ports_known(&net->topo, node, true);
}

/* Edge 'node', or none if that is 0, becomes active for 'cluster'. */
void
net_active(struct net *net, unsigned int cluster, unsigned int node)
{
    topo_cluster_set_active(net_get_cluster(net, cluster),
                            node ? net_get_node(net, node) : NULL);
}

static void
net_share_changed(uint32_t vni, bool held, void *node)
{
    topo_node_mark(node, layout_cookie(LAYOUT_K_SEGMENT, vni));
}

/* 'node' has many new MACs in the segment 'vni', or has no more than others
 * in any. */
void
net_hold(struct net *net, struct topo_node *node, uint32_t vni)
{
    if (share_count(&node->share, vni, 2, net->now)) {
        share_hold(&node->share, 2, net_share_changed, node);
    }
}

void
net_release(struct net *net, struct topo_node *node)
{
    /* The second window has nothing in it. */
    for (int i = 1; i <= 2; i++) {
        share_turn(&node->share, 2, net->now + i * SHARE_WINDOW,
                   net_share_changed, node);
    }
}

static struct topo_row *
net_row(struct net *net, enum topo_table table, unsigned int n)
{
    struct uuid uuid = net_uuid(table, n);
    struct topo_row *row = topo_row(&net->topo, table, &uuid);

    ovs_assert(row);
    return row;
}

struct topo_segment *
net_get_segment(struct net *net, unsigned int n)
{
    return CONTAINER_OF(net_row(net, TOPO_SEGMENT, n), struct topo_segment,
                        row);
}

struct topo_node *
net_get_node(struct net *net, unsigned int n)
{
    return CONTAINER_OF(net_row(net, TOPO_EDGE, n), struct topo_node, row);
}

struct topo_cluster *
net_get_cluster(struct net *net, unsigned int n)
{
    return CONTAINER_OF(net_row(net, TOPO_CLUSTER, n), struct topo_cluster,
                        row);
}

struct topo_place *
net_get_place(struct net *net, enum topo_table table, unsigned int n)
{
    return CONTAINER_OF(net_row(net, table, n), struct topo_place, row);
}

/* The error of the row, or "". */
const char *
net_error(struct net *net, enum topo_table table, unsigned int n)
{
    const char *error = net_row(net, table, n)->error;

    return error ? error : "";
}

struct eth_addr
net_mac(uint8_t n)
{
    struct eth_addr mac = ETH_ADDR_C(aa,00,00,00,00,00);

    mac.ea[5] = n;
    return mac;
}

char *
net_dirt(struct net *net, unsigned int n)
{
    static const char *const kinds[] = {
        [LAYOUT_K_NODE] = "node",       [LAYOUT_K_PORT] = "port",
        [LAYOUT_K_CLUSTER] = "cluster", [LAYOUT_K_SEGMENT] = "segment",
        [LAYOUT_K_STATIC] = "static",   [LAYOUT_K_LEARNED] = "macs",
        [LAYOUT_K_ADDRS] = "addrs",
    };
    struct sset marks = SSET_INITIALIZER(&marks);
    struct ds s = DS_EMPTY_INITIALIZER;
    struct topo_dirty *dirty;

    HMAP_FOR_EACH (dirty, node, &net_get_node(net, n)->dirty) {
        sset_add_and_free(&marks, xasprintf(
            "%s %"PRIu32, kinds[layout_cookie_kind(dirty->cookie)],
            layout_cookie_owner(dirty->cookie) & 0xffff));
    }

    const char **sorted = sset_sort(&marks);
    for (size_t i = 0; i < sset_count(&marks); i++) {
        ds_put_format(&s, "%s%s", i ? ", " : "", sorted[i]);
    }
    free(sorted);
    sset_destroy(&marks);
    return ds_steal_cstr(&s);
}

void
net_check_dirt(struct net *net, const char *what, unsigned int n,
               const char *dirt)
{
    char *actual = net_dirt(net, n);

    if (strcmp(actual, dirt)) {
        fail_msg("%s: on e%u \"%s\" is dirty, not \"%s\"", what, n, actual,
                 dirt);
    }
    free(actual);
}

/* Edges e1 and e2 in c1, host e3, segments s1 and s2, ports p1 and p2. */
int
net_setup_three(void **state)
{
    struct net *net = xmalloc(sizeof *net);

    net_init(net);
    net_node(net, 1, "1", "10.0.0.1");
    net_node(net, 2, "2", "10.0.0.2");
    net_node(net, 3, "3", "10.0.0.3");
    net_segment(net, 1, 5000);
    net_segment(net, 2, 5001);
    net_cluster(net, 1, "12");
    for (unsigned int n = 1; n <= 3; n++) {
        net_port(net, n, "genev0", 1);
        net_port(net, n, "p1", 2);
        net_port(net, n, "p2", 3);
    }
    net_settle(net);
    net_clean(net);
    *state = net;
    return 0;
}

/* e1 (active) and e2 in c1 with bindings 1 (p1/10) and 2 (p1/20), host e3
 * with host port 1 (p1), VTEP 1; all in s1. */
int
net_setup_fdb(void **state)
{
    struct net *net = xmalloc(sizeof *net);

    net_init(net);
    net_node(net, 1, "1", "10.0.0.1");
    net_node(net, 2, "2", "10.0.0.2");
    net_node(net, 3, "3", "10.0.0.3");
    net_segment(net, 1, 5000);
    net_cluster(net, 1, "12");
    for (unsigned int n = 1; n <= 3; n++) {
        net_port(net, n, "genev0", 1);
        net_port(net, n, "p1", 2);
    }
    net_binding(net, 1, 1, 1, "p1", 10);
    net_binding(net, 2, 1, 1, "p1", 20);
    net_host_port(net, 1, 1, 3, "p1");
    net_vtep(net, 1, 1, "192.0.2.1");
    net_settle(net);
    net_active(net, 1, 1);
    net_clean(net);
    *state = net;
    return 0;
}

/* Fails unless the operations are those that 'expected' tells, as in
 * "e1 +src 01/2.10, e3 -dst 01", and forgets them. */
void
net_check_ops(struct net *net, const char *what, const char *expected)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    for (size_t i = 0; i < net->ops.n; i++) {
        const struct fdb_op *op = &net->ops.ops[i];

        ds_put_format(&s, "%s%s %c%s %02x", i ? ", " : "", op->node->name,
                      op->add ? '+' : '-',
                      op->source ? "src" : op->guard ? "guard" : "dst",
                      op->m.mac.ea[5]);
        if (op->source) {
            ds_put_format(&s, "/%"PRIu32".%"PRIu32, op->slot >> 16,
                          op->slot & 0xffff);
        }
    }
    if (strcmp(ds_cstr(&s), expected)) {
        fail_msg("%s: \"%s\", not \"%s\"", what, ds_cstr(&s), expected);
    }
    ds_destroy(&s);
    net->ops.n = 0;
}

enum fdb_verdict
net_see(struct net *net, unsigned int node, enum topo_table table,
        unsigned int place, uint8_t mac)
{
    return fdb_sight(&net->fdb, net_get_node(net, node),
                     net_get_place(net, table, place), net_mac(mac),
                     net->now, &net->ops);
}

struct fdb_mac *
net_find(struct net *net, uint8_t mac)
{
    return fdb_find(&net->fdb, net_get_segment(net, 1), net_mac(mac));
}

int
net_teardown(void **state)
{
    net_destroy(*state);
    free(*state);
    return 0;
}

bool
net_flow_counts(const struct topo_node *node, const struct flowset_flow *f,
                struct match *match, struct stats_where *where)
{
    struct stats_flow flow = {
        .table = f->table, .priority = f->priority, .cookie = f->cookie,
        .match = match, .drops = !f->ofpacts_len,
    };

    minimatch_expand(&f->match, match);
    return stats_of_flow(node, &flow, where);
}

struct ofpbuf *
net_report(const struct flowset *set, enum ofp_version version)
{
    struct ofputil_flow_stats_request fsr = {
        .out_port = OFPP_ANY, .out_group = OFPG_ANY, .table_id = OFPTT_ALL,
    };
    struct ovs_list replies;
    struct flowset_flow *flow;
    uint64_t n = 0;

    match_init_catchall(&fsr.match);
    struct ofpbuf *request = ofputil_encode_flow_stats_request(
        &fsr, ofputil_protocol_from_ofp_version(version));
    ofpmp_init(&replies, request->data);
    ofpbuf_delete(request);

    HMAP_FOR_EACH (flow, node, &set->flows) {
        n++;
        struct ofputil_flow_stats fs = {
            .cookie = htonll(flow->cookie), .table_id = flow->table,
            .priority = flow->priority, .idle_timeout = flow->idle_timeout,
            .hard_timeout = flow->hard_timeout, .flags = flow->flags,
            .duration_sec = 7, .duration_nsec = 8, .idle_age = 5,
            .hard_age = -1, .packet_count = n, .byte_count = 64 * n,
            .ofpacts = flow->ofpacts, .ofpacts_len = flow->ofpacts_len,
        };

        minimatch_expand(&flow->match, &fs.match);
        ofputil_append_flow_stats_reply(&fs, &replies, NULL);
    }
    assert_int_equal(ovs_list_size(&replies), 1);

    struct ofpbuf *reply = ofpbuf_from_list(ovs_list_front(&replies));
    ofpmsg_update_length(reply);
    return reply;
}
