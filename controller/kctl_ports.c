/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "controller/kctl_ports.h"

#include <stdlib.h>
#include <string.h>

#include "controller/kctl_rpc.h"
#include "flow.h"
#include "flows/topo.h"
#include "openvswitch/json.h"
#include "packets.h"
#include "smap.h"
#include "util.h"

static void
put_switch(struct json *known, const char *dpid, const struct json *ports,
           const struct json *version)
{
    struct json *sw = json_object_create();

    json_object_put(sw, "ports", json_clone(ports));
    if (version) {
        json_object_put(sw, "version", json_clone(version));
    }
    json_object_put(known, dpid, sw);
}

char *
kctl_ports_ask(void)
{
    struct json *edges = kctl_rpc_ask_controller("edge/show", NULL);
    char *s = NULL;

    if (edges && edges->type == JSON_ARRAY) {
        struct json *known = json_object_create();

        for (size_t i = 0; i < edges->array.n; i++) {
            const struct json *edge = edges->array.elems[i];
            const struct json *dpid = kctl_member(edge, "datapath_id",
                                                  JSON_STRING);
            const struct json *ports = kctl_member(edge, "ports", JSON_ARRAY);

            if (dpid && ports && ports->array.n) {
                put_switch(known, json_string(dpid), ports,
                           kctl_member(edge, "version", JSON_STRING));
            }
        }
        s = json_to_string(known, 0);
        json_destroy(known);
    }
    json_destroy(edges);
    return s;
}

void
kctl_ports_init(struct kctl_ports *ports, const char *s)
{
    ports->known = s ? json_from_string(s) : NULL;
    simap_init(&ports->assumed);
}

void
kctl_ports_destroy(struct kctl_ports *ports)
{
    json_destroy(ports->known);
    simap_destroy(&ports->assumed);
}

static const struct json *
known_switch(const struct kctl_ports *ports, const struct topo_node *node)
{
    return kctl_member(ports->known, node->dpid_string, JSON_OBJECT);
}

static const struct json *
known_ports(const struct kctl_ports *ports, const struct topo_node *node)
{
    return kctl_member(known_switch(ports, node), "ports", JSON_ARRAY);
}

/* Whether the switch tells for how long flows have been idle, as a controller
 * sees it by the version that they speak (edge.c). */
static bool
tells_idle(const struct kctl_ports *ports, const struct topo_node *node)
{
    const struct json *version = kctl_member(known_switch(ports, node),
                                             "version", JSON_STRING);

    return !version || strcmp(json_string(version), "1.5") >= 0;
}

bool
kctl_ports_are_known(const struct kctl_ports *ports,
                     const struct topo_node *node)
{
    return known_ports(ports, node) != NULL;
}

static void
set_known(struct topo *topo, struct topo_node *node, const struct json *array)
{
    for (size_t i = 0; i < array->array.n; i++) {
        const struct json *port = array->array.elems[i];
        const struct json *name = kctl_member(port, "name", JSON_STRING);
        const struct json *ofport = kctl_member(port, "ofport", JSON_INTEGER);
        const struct json *mac = kctl_member(port, "mac", JSON_STRING);
        bool live = kctl_member(port, "live", JSON_TRUE) != NULL;
        struct eth_addr ea = eth_addr_zero;

        if (mac && !eth_addr_from_string(json_string(mac), &ea)) {
            ea = eth_addr_zero;
        }
        if (name && ofport && json_integer(ofport) > 0
            && json_integer(ofport) <= UINT16_MAX) {
            topo_node_set_port(topo, node, json_string(name),
                               u16_to_ofp(json_integer(ofport)), ea, live,
                               live);
        }
    }
    topo_node_set_ports_known(topo, node, true);
}

static void
assume(struct kctl_ports *ports, struct topo *topo, struct topo_node *node,
       const char *name)
{
    unsigned int number = simap_get(&ports->assumed, name);

    if (!number) {
        number = simap_count(&ports->assumed) + 1;
        simap_put(&ports->assumed, name, number);
    }
    if (number < ofp_to_u16(OFPP_MAX) && !topo_node_port(node, name)) {
        topo_node_set_port(topo, node, name, u16_to_ofp(number),
                           eth_addr_zero, true, true);
    }
}

void
kctl_ports_set(struct kctl_ports *ports, struct topo *topo,
               struct topo_node *node, const struct topo_node *like)
{
    const struct json *known = known_ports(ports, node);
    const struct topo_plug *plug;
    const struct smap_node *bfd;

    node->tells_idle = tells_idle(ports, node);
    if (known) {
        if (!node->ports_known) {
            set_known(topo, node, known);
        }
        return;
    }
    assume(ports, topo, node, like->tunnel_port);
    if (like->peer_port) {
        assume(ports, topo, node, like->peer_port);
    }
    SMAP_FOR_EACH (bfd, &like->bfd_ports) {
        assume(ports, topo, node, bfd->value);
    }
    HMAP_FOR_EACH (plug, node, &like->plugs) {
        assume(ports, topo, node, plug->port);
    }
}
