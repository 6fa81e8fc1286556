/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* What two rows may not do together.
 *
 * The daemon finds the same in rows that were written by hand and reports it
 * in their "error" column; here it is refused. */

#include <config.h>

#include "controller/kctl.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "controller/kctl_index.h"
#include "svec.h"
#include "util.h"

/* Reports an error if 'port' leads from 'edge' to the overlay or to its
 * peer. */
static bool
check_no_tunnel(struct ctl_context *ctx, const struct kkrec_edge *edge,
                const char *port)
{
    bool tunnel = !strcmp(kctl_tunnel_port(edge), port);
    bool peer = edge->peer_port && !strcmp(edge->peer_port, port);
    const struct smap_node *node;

    SMAP_FOR_EACH (node, &edge->bfd_ports) {
        peer |= !strcmp(node->value, port);
    }

    if (tunnel || peer) {
        ctl_error(ctx, "port \"%s\" is the %s port of edge \"%s\"",
                  port, tunnel ? "tunnel" : "peer", edge->name);
        return false;
    }
    return true;
}

/* Returns an edge that is in both 'a' and 'b', or NULL. */
static const struct kkrec_edge *
shared_edge(const struct kkrec_cluster *a, const struct kkrec_cluster *b)
{
    for (size_t i = 0; i < a->n_edges; i++) {
        if (a->value_edges[i] && kctl_cluster_has(b, a->value_edges[i])) {
            return a->value_edges[i];
        }
    }
    return NULL;
}

/* Reports an error if 'port' of an edge of 'cluster' cannot be a trunk. */
static bool
check_trunk(struct ctl_context *ctx, const struct kkrec_cluster *cluster,
            const char *port)
{
    for (size_t i = 0; i < cluster->n_edges; i++) {
        const struct kkrec_edge *edge = cluster->value_edges[i];

        if (!edge) {
            continue;
        }
        if (!check_no_tunnel(ctx, edge, port)) {
            return false;
        }

        const struct kkrec_host_port *hp = kctl_find_host_port(ctx, edge,
                                                               port);
        if (hp) {
            ctl_error(ctx, "port \"%s\" of edge \"%s\" is an access port of "
                      "segment \"%s\" and cannot be bound as a trunk",
                      port, edge->name, kctl_segment_name(hp->segment));
            return false;
        }
    }
    return true;
}

/* Adds to 'rows' what binding 'vlan' of 'port' through 'cluster' would meet
 * through 'other'. */
static void
find_meeting(struct ctl_context *ctx, const struct kkrec_cluster *cluster,
             const struct kkrec_cluster *other, const char *port,
             int64_t vlan, struct svec *rows)
{
    const struct kkrec_edge *edge = shared_edge(cluster, other);
    const struct kkrec_binding *b
        = edge ? kctl_find_binding(ctx, other, port, vlan) : NULL;

    if (b) {
        svec_add_nocopy(rows, xasprintf(
            "edge \"%s\" has it bound to segment \"%s\" already, through "
            "cluster \"%s\"", edge->name, kctl_segment_name(b->segment),
            other->name));
    }
}

/* The loop: frames of one VLAN cannot belong to two segments, and a segment
 * that had the same VLAN through two clusters would see each frame twice.
 * Reports all rows that are in the way, for who removes one wants to know
 * whether that is enough.  'self', which may be NULL, is not in the way. */
static bool
check_loop(struct ctl_context *ctx, const struct kkrec_segment *segment,
           const struct kkrec_cluster *cluster, const char *port,
           int64_t vlan, const struct kkrec_cluster *self)
{
    const struct kkrec_cluster *other;
    struct svec rows;

    svec_init(&rows);
    KKREC_CLUSTER_FOR_EACH (other, ctx->idl) {
        if (other != self) {
            find_meeting(ctx, cluster, other, port, vlan, &rows);
        }
    }

    bool ok = !rows.n;
    if (!ok) {
        svec_sort(&rows);
        char *text = svec_join(&rows, "; ", "");

        ctl_error(ctx, "cannot bind segment \"%s\" to VLAN %"PRId64" of port "
                  "\"%s\" through cluster \"%s\": %s",
                  kctl_segment_name(segment), vlan, port, cluster->name,
                  text);
        free(text);
    }
    svec_destroy(&rows);
    return ok;
}

bool
kctl_check_binding(struct ctl_context *ctx,
                   const struct kkrec_segment *segment,
                   const struct kkrec_cluster *cluster, const char *port,
                   int64_t vlan)
{
    return (check_trunk(ctx, cluster, port)
            && check_loop(ctx, segment, cluster, port, vlan, NULL));
}

bool
kctl_check_bound(struct ctl_context *ctx, const struct kkrec_binding *b)
{
    return (!b->cluster
            || (check_trunk(ctx, b->cluster, b->port)
                && check_loop(ctx, b->segment, b->cluster, b->port, b->vlan,
                              b->cluster)));
}

/* Returns any binding of 'port' through 'cluster', or NULL. */
static const struct kkrec_binding *
find_binding_of_trunk(struct ctl_context *ctx,
                      const struct kkrec_cluster *cluster, const char *port)
{
    const struct kkrec_binding *b;
    struct kctl_scan scan;

    kctl_scan_binding(&scan, ctx, cluster, port, -1);
    KCTL_SCAN (b, &scan, b->cluster == cluster && !strcmp(b->port, port)) {
        return b;
    }
    return NULL;
}

bool
kctl_check_host_port(struct ctl_context *ctx, const struct kkrec_edge *edge,
                     const char *port)
{
    const struct kkrec_cluster *cluster;

    if (!check_no_tunnel(ctx, edge, port)) {
        return false;
    }
    KKREC_CLUSTER_FOR_EACH (cluster, ctx->idl) {
        const struct kkrec_binding *b
            = kctl_cluster_has(cluster, edge)
              ? find_binding_of_trunk(ctx, cluster, port) : NULL;

        if (b) {
            ctl_error(ctx, "port \"%s\" of edge \"%s\" is a trunk (segment "
                      "\"%s\" is bound to its VLAN %"PRId64" through cluster "
                      "\"%s\") and cannot be an access port",
                      port, edge->name, kctl_segment_name(b->segment),
                      b->vlan, cluster->name);
            return false;
        }
    }
    return true;
}

static const struct kkrec_edge *
find_edge_by_ip(struct ctl_context *ctx, const char *ip)
{
    const struct kkrec_edge *edge;
    struct kctl_scan scan;

    kctl_scan_edge_ip(&scan, ctx, ip);
    KCTL_SCAN (edge, &scan, kctl_is_ip(edge->tunnel_ip, ip)) {
        return edge;
    }
    return NULL;
}

bool
kctl_check_tunnel_ip(struct ctl_context *ctx, const char *ip)
{
    const struct kkrec_edge *edge = find_edge_by_ip(ctx, ip);
    const struct kkrec_vtep *vtep;
    struct kctl_scan scan;

    if (edge) {
        ctl_error(ctx, "IP address \"%s\" is the tunnel IP of edge \"%s\" "
                  "already", ip, edge->name);
        return false;
    }
    kctl_scan_vtep_ip(&scan, ctx, ip);
    KCTL_SCAN (vtep, &scan, kctl_is_ip(vtep->ip, ip)) {
        ctl_error(ctx, "IP address \"%s\" is a VTEP of segment \"%s\", "
                  "which is for nodes that the controller does not "
                  "program: remove it first",
                  ip, kctl_segment_name(vtep->segment));
        return false;
    }
    return true;
}

bool
kctl_check_vtep_ip(struct ctl_context *ctx, const char *ip)
{
    const struct kkrec_edge *edge = find_edge_by_ip(ctx, ip);

    if (edge) {
        ctl_error(ctx, "IP address \"%s\" is the tunnel IP of edge \"%s\", "
                  "which the controller programs: it needs no VTEP",
                  ip, edge->name);
        return false;
    }
    return true;
}
