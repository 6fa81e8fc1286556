/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "flows/explain.h"

#include "flows/addr.h"
#include "flows/topo.h"
#include "util.h"

/* What has been read of a frame. */
struct explain_args {
    struct explain_frame *frame;
    bool src, dst, from, vni;
};

/* Each function returns NULL, or what is wrong with 'value'. */

static char *
explain_parse_mac(const char *key, const char *value, struct eth_addr *mac)
{
    return (eth_addr_from_string(value, mac) ? NULL
            : xasprintf("\"%s=%s\": not a MAC address", key, value));
}

static char *
explain_parse_number(const char *key, const char *value, long long max,
                     long long *number)
{
    return (str_to_llong(value, 0, number) && *number >= 0 && *number <= max
            ? NULL : xasprintf("\"%s=%s\": not a number from 0 to %lld", key,
                               value, max));
}

static char *
explain_parse_tag(const char *key, const char *value, int *tag)
{
    long long number;
    char *error = explain_parse_number(key, value, VLAN_VID_MASK - 1,
                                       &number);

    if (!error) {
        *tag = number;
    }
    return error;
}

static char *
explain_parse_value(struct explain_args *args, const char *key,
                    const char *value)
{
    struct explain_frame *frame = args->frame;
    long long number = 0;
    char *error = NULL;

    if (!strcmp(key, "vlan")) {
        return explain_parse_tag(key, value, &frame->vlan);
    } else if (!strcmp(key, "inner")) {
        return explain_parse_tag(key, value, &frame->inner);
    } else if (!strcmp(key, "src")) {
        args->src = true;
        return explain_parse_mac(key, value, &frame->src);
    } else if (!strcmp(key, "dst")) {
        args->dst = true;
        return explain_parse_mac(key, value, &frame->dst);
    } else if (!strcmp(key, "type")) {
        error = explain_parse_number(key, value, UINT16_MAX, &number);
        frame->type = number;
        return error;
    } else if (!strcmp(key, "vni")) {
        args->vni = true;
        error = explain_parse_number(key, value, (1 << 24) - 1, &number);
        frame->vni = number;
        return error;
    } else if (!strcmp(key, "from")) {
        args->from = true;
        addr_parse_vtep(value, &frame->from, &error);
        return error;
    }
    return xasprintf("\"%s\": a frame has vlan, inner, src, dst and type, "
                     "and in the overlay from, vni and oam", key);
}

static char *
explain_parse_arg(struct explain_args *args, const char *arg)
{
    const char *equals = strchr(arg, '=');
    char *key, *error;

    if (!strcmp(arg, "oam")) {
        args->frame->oam = true;
        return NULL;
    }
    if (!equals) {
        return xasprintf("\"%s\": not of the form KEY=VALUE", arg);
    }
    key = xmemdup0(arg, equals - arg);
    error = explain_parse_value(args, key, equals + 1);
    free(key);
    return error;
}

/* Returns NULL, or what is missing or too much. */
static char *
explain_parse_check(const struct explain_args *args)
{
    const struct explain_frame *frame = args->frame;

    if (!args->src || !args->dst) {
        return xasprintf("%s= is missing", args->src ? "dst" : "src");
    }
    if (frame->inner != EXPLAIN_NO_TAG && frame->vlan == EXPLAIN_NO_TAG) {
        return xstrdup("inner= is a second tag: vlan= is missing");
    }
    if (frame->tunnel && !(args->from && args->vni)) {
        return xasprintf("by %s, its tunnel port, edge %s gets what VTEPs "
                         "send: %s= is missing", frame->port->name,
                         frame->node->name, args->from ? "vni" : "from");
    }
    if (!frame->tunnel && (args->from || args->vni || frame->oam)) {
        return xasprintf("from=, vni= and oam are for tunnel ports: that of "
                         "edge %s is %s", frame->node->name,
                         frame->node->tunnel_port);
    }
    return NULL;
}

/* Reads "EDGE PORT KEY=VALUE...", 'n' words.  Returns NULL, or what is wrong
 * with them, which the caller frees. */
char *
explain_parse(const struct topo *topo, int n, const char *const args[],
              struct explain_frame *frame)
{
    struct explain_args a = { .frame = frame };

    *frame = (struct explain_frame) {
        .vlan = EXPLAIN_NO_TAG, .inner = EXPLAIN_NO_TAG,
    };
    if (n < 2) {
        return xstrdup("name an edge, and a port by which the frame comes in");
    }
    frame->node = topo_node_by_name(topo, args[0]);
    if (!frame->node) {
        return xasprintf("no edge \"%s\"", args[0]);
    }
    frame->port = topo_node_port(frame->node, args[1]);
    if (!frame->port) {
        return xasprintf(hmap_is_empty(&frame->node->ports_by_ofport)
                         ? "edge %s has never connected: whether it has a "
                         "port \"%s\" is not known"
                         : "edge %s has no port \"%s\"", args[0], args[1]);
    }
    frame->tunnel = frame->port->ofport == topo_node_tunnel(frame->node);
    for (int i = 2; i < n; i++) {
        char *error = explain_parse_arg(&a, args[i]);

        if (error) {
            return error;
        }
    }
    return explain_parse_check(&a);
}
