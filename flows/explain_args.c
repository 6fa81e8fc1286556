/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "flows/explain.h"

#include "flows/addr.h"
#include "flows/near.h"
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
explain_parse_type(const char *key, const char *value, uint16_t *type)
{
    static const struct {
        const char *name;
        uint16_t type;
    } names[] = {
        { "arp", ETH_TYPE_ARP }, { "ip", ETH_TYPE_IP },
        { "ipv6", ETH_TYPE_IPV6 },
    };
    long long number;

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (!strcmp(value, names[i].name)) {
            *type = names[i].type;
            return NULL;
        }
    }
    if (!str_to_llong(value, 0, &number) || number < 0
        || number > UINT16_MAX) {
        return xasprintf("\"%s=%s\": neither arp, ip or ipv6 nor a number "
                         "from 0 to %d", key, value, UINT16_MAX);
    }
    *type = number;
    return NULL;
}

static char *
explain_bad_key(const char *key)
{
    static const char *const keys[] = {
        "vlan", "inner", "src", "dst", "type", "from", "vni",
    };
    struct near near;

    near_init(&near, key);
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        near_offer(&near, keys[i]);
    }
    return near_complain(&near, "\"%s\": a frame has vlan, inner, src, dst "
                         "and type, and in the overlay from, vni and oam",
                         key);
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
        return explain_parse_type(key, value, &frame->type);
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
    return explain_bad_key(key);
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

static char *
explain_no_edge(const struct topo *topo, const char *name)
{
    const struct topo_row *row;
    struct near near;

    near_init(&near, name);
    HMAP_FOR_EACH (row, node, &topo->rows[TOPO_EDGE]) {
        near_offer(&near, CONTAINER_OF(row, struct topo_node, row)->name);
    }
    return near_complain(&near, "no edge \"%s\"", name);
}

static char *
explain_no_port(const struct topo_node *node, const char *name)
{
    const struct topo_port *port;
    struct near near;

    if (hmap_is_empty(&node->ports_by_ofport)) {
        return xasprintf("edge %s has never connected: whether it has a port "
                         "\"%s\" is not known", node->name, name);
    }
    near_init(&near, name);
    HMAP_FOR_EACH (port, ofport_node, &node->ports_by_ofport) {
        near_offer(&near, port->name);
    }
    return near_complain(&near, "edge %s has no port \"%s\"", node->name,
                         name);
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
        return explain_no_edge(topo, args[0]);
    }
    frame->port = topo_node_port(frame->node, args[1]);
    if (!frame->port) {
        return explain_no_port(frame->node, args[1]);
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
