/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_KCTL_PORTS_H
#define CONTROLLER_KCTL_PORTS_H 1

/* The ports of switches, which only these know, and controllers that they are
 * connected to.
 *
 * If there is a controller on this machine, it is asked.  Of a switch that it
 * does not know, all ports are assumed to be there that the configuration
 * names, with numbers of our own.
 *
 * What it says is a JSON object with, by datapath ID, objects with two members
 * of edge/show, "ports" and "version"; as a string it can be handed on to the
 * daemon that does the work. */

#include <stdbool.h>

#include "simap.h"

struct json;
struct topo;
struct topo_node;

struct kctl_ports {
    struct json *known;         /* NULL: there is no controller. */
    struct simap assumed;       /* Numbers by names, alike on all switches. */
};

/* Asks the controller, if there is one.  Returns what it says as a string, for
 * the caller to free, or NULL. */
char *kctl_ports_ask(void);

/* 's' is what kctl_ports_ask() has returned. */
void kctl_ports_init(struct kctl_ports *, const char *s);
void kctl_ports_destroy(struct kctl_ports *);

/* Whether the controller knows the ports of 'node'. */
bool kctl_ports_are_known(const struct kctl_ports *, const struct topo_node *);

/* Gives 'node' of 'topo' the ports that the controller knows, or else those
 * that the configuration of 'like', which is the same node or what becomes of
 * it, needs.  Of a switch that has no session it is assumed that it speaks
 * OpenFlow 1.5, as Open vSwitch does. */
void kctl_ports_set(struct kctl_ports *, struct topo *, struct topo_node *,
                    const struct topo_node *like);

#endif /* controller/kctl_ports.h */
