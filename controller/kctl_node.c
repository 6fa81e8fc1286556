/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* Verbs of edges and clusters. */

#include <config.h>

#include "controller/kctl.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "controller/kctl_index.h"
#include "openvswitch/dynamic-string.h"
#include "smap.h"
#include "util.h"

#define MAX_CLUSTER_EDGES 8
#define MAX_HOLDDOWN 86400000   /* Milliseconds. */

/* ---- Edges. ------------------------------------------------------------- */

/* What edge-add is to make. */
struct edge_spec {
    const char *name;
    char *dpid;
    char *ip;
    const char *tunnel_port;    /* NULL if not given. */
    const char *peer_port;      /* NULL if not given. */
};

static bool
parse_edge(struct ctl_context *ctx, struct edge_spec *spec)
{
    struct kctl_setting settings[] = {
        { "tunnel_port", NULL },
        { "peer_port", NULL },
    };

    spec->name = ctx->argv[1];
    if (!kctl_parse_settings(ctx, 4, settings, ARRAY_SIZE(settings))
        || !kctl_check_name(ctx, spec->name)) {
        return false;
    }
    spec->tunnel_port = settings[0].value;
    spec->peer_port = settings[1].value;

    spec->dpid = kctl_parse_dpid(ctx, ctx->argv[2]);
    spec->ip = spec->dpid ? kctl_parse_ip(ctx, ctx->argv[3]) : NULL;
    if (!spec->ip) {
        return false;
    }
    if ((spec->tunnel_port && !kctl_check_port(ctx, spec->tunnel_port))
        || (spec->peer_port && !kctl_check_port(ctx, spec->peer_port))) {
        return false;
    }
    if (spec->peer_port && !strcmp(spec->peer_port, spec->tunnel_port
                                   ? spec->tunnel_port
                                   : KCTL_TUNNEL_PORT)) {
        ctl_error(ctx, "port \"%s\" cannot be both the tunnel port and the "
                  "peer port of edge \"%s\"", spec->peer_port, spec->name);
        return false;
    }
    return true;
}

/* Reports an error unless 'edge' is what 'spec' describes. */
static void
compare_edge(struct ctl_context *ctx, const struct kkrec_edge *edge,
             const struct edge_spec *spec)
{
    const char *dpid = kctl_is_dpid(edge->datapath_id, spec->dpid)
                       ? spec->dpid : edge->datapath_id;
    const char *ip = kctl_is_ip(edge->tunnel_ip, spec->ip)
                     ? spec->ip : edge->tunnel_ip;

    if (kctl_same(ctx, "edge", edge->name, "datapath ID", dpid, spec->dpid)
        && kctl_same(ctx, "edge", edge->name, "tunnel IP", ip, spec->ip)
        && kctl_same(ctx, "edge", edge->name, "tunnel_port",
                     kctl_tunnel_port(edge), spec->tunnel_port)) {
        kctl_same(ctx, "edge", edge->name, "peer_port",
                  edge->peer_port ? edge->peer_port : "", spec->peer_port);
    }
}

/* Reports an error if another row has what 'spec' needs for itself. */
static bool
check_new_edge(struct ctl_context *ctx, const struct edge_spec *spec)
{
    const struct kkrec_edge *edge;
    struct kctl_scan scan;

    kctl_scan_edge_dpid(&scan, ctx, spec->dpid);
    KCTL_SCAN (edge, &scan, kctl_is_dpid(edge->datapath_id, spec->dpid)) {
        ctl_error(ctx, "datapath ID \"%s\" is that of edge \"%s\" already",
                  spec->dpid, edge->name);
        return false;
    }
    if (kctl_find_cluster(ctx, spec->name)) {
        /* "bind" takes either, so that the name must mean one thing. */
        ctl_error(ctx, "the name \"%s\" is that of a cluster already",
                  spec->name);
        return false;
    }
    return kctl_check_tunnel_ip(ctx, spec->ip);
}

static void
add_edge(struct ctl_context *ctx, const struct edge_spec *spec)
{
    const struct kkrec_edge *edge = kctl_find_edge(ctx, spec->name);

    if (edge && kctl_may_exist(ctx)) {
        compare_edge(ctx, edge, spec);
    } else if (edge) {
        ctl_error(ctx, "an edge named \"%s\" exists already", spec->name);
    } else if (check_new_edge(ctx, spec)) {
        edge = kkrec_edge_insert(ctx->txn);
        kkrec_edge_set_name(edge, spec->name);
        kkrec_edge_set_datapath_id(edge, spec->dpid);
        kkrec_edge_set_tunnel_ip(edge, spec->ip);
        kkrec_edge_set_tunnel_port(edge, spec->tunnel_port
                                         ? spec->tunnel_port
                                         : KCTL_TUNNEL_PORT);
        if (spec->peer_port) {
            kkrec_edge_set_peer_port(edge, spec->peer_port);
        }
    }
}

static void
kctl_edge_add(struct ctl_context *ctx)
{
    struct edge_spec spec = { .name = NULL };

    if (parse_edge(ctx, &spec)) {
        add_edge(ctx, &spec);
    }
    free(spec.dpid);
    free(spec.ip);
}

static void
kctl_edge_del(struct ctl_context *ctx)
{
    const struct kkrec_edge *edge = kctl_find_edge(ctx, ctx->argv[1]);

    if (edge) {
        kctl_delete_edge(ctx, edge);
    } else if (!kctl_if_exists(ctx)) {
        kctl_get_edge(ctx, ctx->argv[1]);
    }
}

/* ---- Clusters. ---------------------------------------------------------- */

struct cluster_spec {
    const char *name;
    const char *failover;       /* NULL if not given, like the next two. */
    const char *isolation;
    const char *holddown;
    struct kkrec_edge *edges[MAX_CLUSTER_EDGES];
    int64_t ranks[MAX_CLUSTER_EDGES];
    size_t n_edges;
};

/* Adds the edge called 'name' to 'spec'. */
static bool
parse_cluster_edge(struct ctl_context *ctx, const char *name,
                   struct cluster_spec *spec)
{
    const struct kkrec_edge *edge = kctl_get_edge(ctx, name);

    if (!edge) {
        return false;
    }
    if (spec->n_edges >= MAX_CLUSTER_EDGES) {
        ctl_error(ctx, "edge \"%s\" is one too many: a cluster has at most %d",
                  name, MAX_CLUSTER_EDGES);
        return false;
    }
    for (size_t i = 0; i < spec->n_edges; i++) {
        if (spec->edges[i] == edge) {
            ctl_error(ctx, "edge \"%s\" is given twice", name);
            return false;
        }
    }
    spec->edges[spec->n_edges] = CONST_CAST(struct kkrec_edge *, edge);
    spec->ranks[spec->n_edges] = spec->n_edges + 1;
    spec->n_edges++;
    return true;
}

/* Checks that 'value', if it was given, is one of two words. */
static bool
check_either(struct ctl_context *ctx, const char *what, const char *value,
             const char *one, const char *other)
{
    if (value && strcmp(value, one) && strcmp(value, other)) {
        ctl_error(ctx, "%s \"%s\" is neither \"%s\" nor \"%s\"", what, value,
                  one, other);
        return false;
    }
    return true;
}

static bool
check_holddown(struct ctl_context *ctx, const char *value)
{
    unsigned int ms;

    if (value && (!str_to_uint(value, 10, &ms) || ms > MAX_HOLDDOWN)) {
        ctl_error(ctx, "holddown \"%s\" is not a number of milliseconds from "
                  "0 to %d", value, MAX_HOLDDOWN);
        return false;
    }
    return true;
}

static bool
parse_cluster(struct ctl_context *ctx, struct cluster_spec *spec)
{
    struct kctl_setting settings[] = {
        { "failover", NULL },
        { "isolation", NULL },
        { "holddown", NULL },
    };
    int i = 2;

    spec->name = ctx->argv[1];
    if (!kctl_check_name(ctx, spec->name)) {
        return false;
    }
    for (; i < ctx->argc && !strchr(ctx->argv[i], '='); i++) {
        if (!parse_cluster_edge(ctx, ctx->argv[i], spec)) {
            return false;
        }
    }
    if (!kctl_parse_settings(ctx, i, settings, ARRAY_SIZE(settings))) {
        return false;
    }
    if (!spec->n_edges) {
        ctl_error(ctx, "cluster \"%s\" needs at least one edge", spec->name);
        return false;
    }

    spec->failover = settings[0].value;
    spec->isolation = settings[1].value;
    spec->holddown = settings[2].value;
    return check_either(ctx, "failover", spec->failover, "preemptive",
                        "nonpreemptive")
           && check_either(ctx, "isolation", spec->isolation, "forward",
                           "fence")
           && check_holddown(ctx, spec->holddown);
}

/* Reports an error unless 'cluster' is what 'spec' describes. */
static bool
compare_cluster(struct ctl_context *ctx, const struct kkrec_cluster *cluster,
                const struct cluster_spec *spec)
{
    struct ds have = DS_EMPTY_INITIALIZER;
    struct ds want = DS_EMPTY_INITIALIZER;

    kctl_format_edges(cluster, &have);
    for (size_t i = 0; i < spec->n_edges; i++) {
        ds_put_format(&want, "%s%s", i ? ", " : "", spec->edges[i]->name);
    }

    bool same = kctl_same(ctx, "cluster", spec->name, "list of edges",
                          ds_cstr(&have), ds_cstr(&want))
                && kctl_same(ctx, "cluster", spec->name, "failover",
                             cluster->failover ? cluster->failover
                                               : "nonpreemptive",
                             spec->failover)
                && kctl_same(ctx, "cluster", spec->name, "isolation",
                             cluster->isolation ? cluster->isolation
                                                : "forward",
                             spec->isolation)
                && kctl_same(ctx, "cluster", spec->name, "holddown",
                             smap_get_def(&cluster->other_config, "holddown",
                                          "10000"),
                             spec->holddown);
    ds_destroy(&have);
    ds_destroy(&want);
    return same;
}

/* A cluster that has an edge's name must consist of just that edge, since
 * "bind" takes either. */
static bool
check_cluster_name(struct ctl_context *ctx, const struct cluster_spec *spec)
{
    const struct kkrec_edge *edge = kctl_find_edge(ctx, spec->name);

    if (edge && (spec->n_edges != 1 || spec->edges[0] != edge)) {
        ctl_error(ctx, "the name \"%s\" is that of an edge already",
                  spec->name);
        return false;
    }
    return true;
}

/* A cluster that was made by "bind" has now been asked for, and so outlives
 * its bindings. */
static void
make_explicit(const struct kkrec_cluster *cluster)
{
    struct smap other_config;

    if (smap_get(&cluster->other_config, KCTL_IMPLICIT)) {
        smap_clone(&other_config, &cluster->other_config);
        smap_remove(&other_config, KCTL_IMPLICIT);
        kkrec_cluster_set_other_config(cluster, &other_config);
        smap_destroy(&other_config);
    }
}

static void
kctl_cluster_add(struct ctl_context *ctx)
{
    struct cluster_spec spec = { .name = NULL };

    if (!parse_cluster(ctx, &spec)) {
        return;
    }

    const struct kkrec_cluster *cluster = kctl_find_cluster(ctx, spec.name);
    if (cluster && kctl_may_exist(ctx)) {
        if (compare_cluster(ctx, cluster, &spec)) {
            make_explicit(cluster);
        }
    } else if (cluster) {
        ctl_error(ctx, "a cluster named \"%s\" exists already", spec.name);
    } else if (check_cluster_name(ctx, &spec)) {
        cluster = kkrec_cluster_insert(ctx->txn);
        kkrec_cluster_set_name(cluster, spec.name);
        kkrec_cluster_set_edges(cluster, spec.ranks, spec.edges,
                                spec.n_edges);
        if (spec.failover) {
            kkrec_cluster_set_failover(cluster, spec.failover);
        }
        if (spec.isolation) {
            kkrec_cluster_set_isolation(cluster, spec.isolation);
        }
        if (spec.holddown) {
            struct smap other_config = SMAP_INITIALIZER(&other_config);

            smap_add(&other_config, "holddown", spec.holddown);
            kkrec_cluster_set_other_config(cluster, &other_config);
            smap_destroy(&other_config);
        }
    }
}

static void
kctl_cluster_del(struct ctl_context *ctx)
{
    const char *name = ctx->argv[1];
    const struct kkrec_cluster *cluster = kctl_find_cluster(ctx, name);

    if (cluster) {
        kctl_delete_cluster(ctx, cluster);
    } else if (!kctl_if_exists(ctx)) {
        kctl_no_such(ctx, KCTL_CLUSTERS, name);
    }
}

const struct ctl_command_syntax kctl_node_commands[] = {
    {"edge-add", 3, INT_MAX,
     "NAME DATAPATH-ID TUNNEL-IP [tunnel_port=PORT] [peer_port=PORT]",
     NULL, kctl_edge_add, NULL, "--may-exist", RW},
    {"edge-del", 1, 1, "EDGE", NULL, kctl_edge_del, NULL,
     "--if-exists,--cascade", RW},
    {"edge-list", 0, 0, "", NULL, kctl_edge_list, NULL, "", RO},
    {"cluster-add", 2, INT_MAX,
     "NAME EDGE... [failover=preemptive|nonpreemptive] "
     "[isolation=forward|fence] [holddown=MS]",
     NULL, kctl_cluster_add, NULL, "--may-exist", RW},
    {"cluster-del", 1, 1, "CLUSTER", NULL, kctl_cluster_del, NULL,
     "--if-exists,--cascade", RW},
    {"cluster-list", 0, 0, "", NULL, kctl_cluster_list, NULL, "", RO},
    {NULL, 0, 0, NULL, NULL, NULL, NULL, NULL, RO},
};
