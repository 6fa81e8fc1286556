/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* Verbs of what a segment has beside its bindings: VTEPs, host ports and
 * static MACs. */

#include <config.h>

#include "controller/kctl.h"

#include <stdlib.h>
#include <string.h>

#include "controller/kctl_index.h"
#include "openvswitch/dynamic-string.h"
#include "util.h"

/* ---- VTEPs. ------------------------------------------------------------- */

static void
kctl_vtep_add(struct ctl_context *ctx)
{
    const struct kkrec_segment *segment = kctl_get_segment(ctx, ctx->argv[1]);
    char *ip = segment ? kctl_parse_ip(ctx, ctx->argv[2]) : NULL;

    if (!ip) {
        return;
    }
    if (kctl_find_vtep(ctx, segment, ip)) {
        if (!kctl_may_exist(ctx)) {
            ctl_error(ctx, "segment \"%s\" has VTEP \"%s\" already",
                      segment->name, ip);
        }
    } else if (kctl_check_vtep_ip(ctx, ip)) {
        const struct kkrec_vtep *vtep = kkrec_vtep_insert(ctx->txn);

        kkrec_vtep_set_segment(vtep, segment);
        kkrec_vtep_set_ip(vtep, ip);
    }
    free(ip);
}

static void
kctl_vtep_del(struct ctl_context *ctx)
{
    const char *name = ctx->argv[1];
    const struct kkrec_segment *segment = kctl_find_segment(ctx, name);
    char *ip = kctl_parse_ip(ctx, ctx->argv[2]);

    if (!ip) {
        return;
    }

    const struct kkrec_vtep *vtep
        = segment ? kctl_find_vtep(ctx, segment, ip) : NULL;
    if (vtep) {
        kctl_delete_vtep(ctx, vtep);
    } else if (!kctl_if_exists(ctx) && kctl_get_segment(ctx, name)) {
        ctl_error(ctx, "segment \"%s\" has no VTEP \"%s\"", name, ip);
    }
    free(ip);
}

/* ---- Host ports. -------------------------------------------------------- */

static void
kctl_host_port_add(struct ctl_context *ctx)
{
    const struct kkrec_segment *segment;
    const struct kkrec_edge *edge;
    const char *port = ctx->argv[3];

    if (!kctl_check_port(ctx, port)
        || !(segment = kctl_get_segment(ctx, ctx->argv[1]))
        || !(edge = kctl_get_edge(ctx, ctx->argv[2]))) {
        return;
    }

    const struct kkrec_host_port *hp = kctl_find_host_port(ctx, edge, port);
    if (hp) {
        if (hp->segment != segment || !kctl_may_exist(ctx)) {
            ctl_error(ctx, "port \"%s\" of edge \"%s\" is an access port of "
                      "segment \"%s\" already", port, edge->name,
                      kctl_segment_name(hp->segment));
        }
    } else if (kctl_check_host_port(ctx, edge, port)) {
        hp = kkrec_host_port_insert(ctx->txn);
        kkrec_host_port_set_segment(hp, segment);
        kkrec_host_port_set_edge(hp, edge);
        kkrec_host_port_set_port(hp, port);
    }
}

/* Reports that 'port' of 'edge' is not one of 'segment'. */
static void
no_host_port(struct ctl_context *ctx, const struct kkrec_segment *segment,
             const char *edge, const char *port)
{
    char *location = xasprintf("%s/%s", edge, port);
    char *hint = kctl_guess_location(ctx, segment, location);

    ctl_error(ctx, "port \"%s\" of edge \"%s\" is not an access port of "
              "segment \"%s\"%s", port, edge, segment->name, hint);
    free(hint);
    free(location);
}

static void
kctl_host_port_del(struct ctl_context *ctx)
{
    const char *segment = ctx->argv[1];
    const char *edge_name = ctx->argv[2];
    const char *port = ctx->argv[3];

    if (!kctl_check_port(ctx, port)) {
        return;
    }

    const struct kkrec_edge *edge = kctl_find_edge(ctx, edge_name);
    const struct kkrec_host_port *hp
        = edge ? kctl_find_host_port(ctx, edge, port) : NULL;
    if (hp && !strcmp(kctl_segment_name(hp->segment), segment)) {
        kctl_delete_host_port(ctx, hp);
    } else if (!kctl_if_exists(ctx) && kctl_get_segment(ctx, segment)
               && kctl_get_edge(ctx, edge_name)) {
        no_host_port(ctx, kctl_find_segment(ctx, segment), edge_name, port);
    }
}

/* ---- Static MACs. ------------------------------------------------------- */

/* Where a static MAC is: one of these. */
struct location {
    const struct kkrec_binding *binding;
    const struct kkrec_host_port *host_port;
    const struct kkrec_vtep *vtep;
};

/* Finds the binding CLUSTER/PORT/VLAN, split in 'words'. */
static bool
find_binding_location(struct ctl_context *ctx, char *words[3],
                      struct location *location)
{
    const struct kkrec_cluster *cluster = kctl_find_cluster(ctx, words[0]);
    int64_t vlan;

    if (!kctl_parse_vlan(ctx, words[2], &vlan)) {
        return false;
    }
    location->binding = cluster ? kctl_find_binding(ctx, cluster, words[1],
                                                    vlan) : NULL;
    return true;
}

/* Finds the row of any segment that 's' names, none if there is none.
 * Returns false, and reports it, if 's' is malformed. */
static bool
find_location(struct ctl_context *ctx, const struct kkrec_segment *segment,
              const char *s, struct location *location)
{
    char *copy = xstrdup(s);
    char *words[4] = { NULL };
    size_t n = 0;
    bool ok = true;

    for (char *p = copy; p && n < ARRAY_SIZE(words); n++) {
        words[n] = strsep(&p, "/");
    }
    if (n == 3) {
        ok = find_binding_location(ctx, words, location);
    } else if (n == 2) {
        const struct kkrec_edge *edge = kctl_find_edge(ctx, words[0]);
        location->host_port = edge ? kctl_find_host_port(ctx, edge, words[1])
                                   : NULL;
    } else if (n == 1) {
        char *ip = kctl_parse_ip(ctx, s);
        ok = ip != NULL;
        location->vtep = ip ? kctl_find_vtep(ctx, segment, ip) : NULL;
        free(ip);
    } else {
        ctl_error(ctx, "location \"%s\" is none of CLUSTER/PORT/VLAN, "
                  "EDGE/PORT and IP", s);
        ok = false;
    }
    free(copy);
    return ok;
}

/* Finds the row of 'segment' that 's' names. */
static bool
parse_location(struct ctl_context *ctx, const struct kkrec_segment *segment,
               const char *s, struct location *location)
{
    memset(location, 0, sizeof *location);
    if (!find_location(ctx, segment, s, location)) {
        return false;
    }

    const struct kkrec_segment *owner
        = (location->binding ? location->binding->segment
           : location->host_port ? location->host_port->segment
           : location->vtep ? location->vtep->segment
           : NULL);
    if (!owner) {
        char *hint = kctl_guess_location(ctx, segment, s);
        ctl_error(ctx, "segment \"%s\" has no binding, host port or VTEP "
                  "\"%s\"%s", segment->name, s, hint);
        free(hint);
    } else if (owner != segment) {
        ctl_error(ctx, "location \"%s\" is one of segment \"%s\" and not of "
                  "\"%s\"", s, owner->name, segment->name);
    }
    return owner == segment;
}

/* Reports an error if 'sm', which exists, is not what mac-add is to make. */
static void
compare_mac(struct ctl_context *ctx, const struct kkrec_static_mac *sm,
            const struct location *location)
{
    bool same = (sm->binding == location->binding
                 && sm->host_port == location->host_port
                 && sm->vtep == location->vtep);

    if (!same || !kctl_may_exist(ctx)) {
        struct ds have = DS_EMPTY_INITIALIZER;

        kctl_format_location(sm, &have);
        ctl_error(ctx, "segment \"%s\" has static MAC \"%s\" already, at %s",
                  kctl_segment_name(sm->segment), sm->mac, ds_cstr(&have));
        ds_destroy(&have);
    }
}

static void
kctl_mac_add(struct ctl_context *ctx)
{
    const struct kkrec_segment *segment = kctl_get_segment(ctx, ctx->argv[1]);
    char *mac = segment ? kctl_parse_mac(ctx, ctx->argv[2]) : NULL;
    struct location location;

    if (mac && parse_location(ctx, segment, ctx->argv[3], &location)) {
        const struct kkrec_static_mac *sm = kctl_find_mac(ctx, segment, mac);

        if (sm) {
            compare_mac(ctx, sm, &location);
        } else {
            sm = kkrec_static_mac_insert(ctx->txn);
            kkrec_static_mac_set_segment(sm, segment);
            kkrec_static_mac_set_mac(sm, mac);
            kkrec_static_mac_set_binding(sm, location.binding);
            kkrec_static_mac_set_host_port(sm, location.host_port);
            kkrec_static_mac_set_vtep(sm, location.vtep);
        }
    }
    free(mac);
}

static void
kctl_mac_del(struct ctl_context *ctx)
{
    const char *name = ctx->argv[1];
    const struct kkrec_segment *segment = kctl_find_segment(ctx, name);
    char *mac = kctl_parse_mac(ctx, ctx->argv[2]);

    if (!mac) {
        return;
    }

    const struct kkrec_static_mac *sm
        = segment ? kctl_find_mac(ctx, segment, mac) : NULL;
    if (sm) {
        kkrec_static_mac_delete(sm);
    } else if (!kctl_if_exists(ctx) && kctl_get_segment(ctx, name)) {
        ctl_error(ctx, "segment \"%s\" has no static MAC \"%s\"", name, mac);
    }
    free(mac);
}

const struct ctl_command_syntax kctl_station_commands[] = {
    {"vtep-add", 2, 2, "SEGMENT IP", NULL, kctl_vtep_add, NULL,
     "--may-exist", RW},
    {"vtep-del", 2, 2, "SEGMENT IP", NULL, kctl_vtep_del, NULL,
     "--if-exists,--cascade", RW},
    {"vtep-list", 0, 1, "[SEGMENT]", NULL, kctl_vtep_list, NULL, "", RO},
    {"host-port-add", 3, 3, "SEGMENT EDGE PORT", NULL, kctl_host_port_add,
     NULL, "--may-exist", RW},
    {"host-port-del", 3, 3, "SEGMENT EDGE PORT", NULL, kctl_host_port_del,
     NULL, "--if-exists,--cascade", RW},
    {"host-port-list", 0, 1, "[SEGMENT]", NULL, kctl_host_port_list, NULL,
     "", RO},
    {"mac-add", 3, 3, "SEGMENT MAC LOCATION", NULL, kctl_mac_add, NULL,
     "--may-exist", RW},
    {"mac-del", 2, 2, "SEGMENT MAC", NULL, kctl_mac_del, NULL,
     "--if-exists", RW},
    {"mac-list", 0, 1, "[SEGMENT]", NULL, kctl_mac_list, NULL, "", RO},
    {NULL, 0, 0, NULL, NULL, NULL, NULL, NULL, RO},
};
