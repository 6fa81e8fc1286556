/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "flows/explain_private.h"

#include "flows/fdb.h"
#include "flows/layout.h"
#include "flows/share.h"
#include "flows/topo.h"
#include "openvswitch/dynamic-string.h"
#include "util.h"

/* GATE. */

/* Returns the counter of the frames that find the gate of 'cluster' closed on
 * the node. */
static struct explain_counter
explain_gate_counter(const struct explain_walk *w,
                     const struct topo_cluster *cluster)
{
    const struct topo_port *ports[TOPO_MAX_EDGES];

    if (!topo_cluster_watched(cluster, w->node, ports)) {
        return explain_by_table(LAYOUT_GATE);
    }
    return explain_by_flow(LAYOUT_GATE, LAYOUT_PRIO_ELSE,
                           layout_cookie(LAYOUT_K_CLUSTER, cluster->id),
                           xasprintf("reg2=%#"PRIx32, cluster->id));
}

/* Returns true if the gate of 'cluster' is open.  Without its controller an
 * edge may have decided otherwise: nobody here can know. */
bool
explain_gate(struct explain_walk *w, const struct topo_cluster *cluster,
             bool outward)
{
    const char *doubt = (w->node->away
                         ? "; its switch is not connected, and may have "
                         "decided otherwise by itself" : "");

    if (cluster->active == w->node) {
        explain_say(w, LAYOUT_GATE, "edge %s is active for cluster %s%s",
                    w->node->name, cluster->name, doubt);
        return true;
    }

    struct explain_counter counter = explain_gate_counter(w, cluster);
    char *reason
        = (cluster->active
           ? xasprintf("edge %s is standby for cluster %s, %s is active%s",
                       w->node->name, cluster->name, cluster->active->name,
                       doubt)
           : xasprintf("no edge is active for cluster %s%s", cluster->name,
                       doubt));
    if (outward) {
        explain_withhold(w, counter, "%s", reason);
    } else {
        explain_drop(w, counter, "%s", reason);
    }
    free(reason);
    return false;
}

/* PASS, SOURCE and LEARN. */

static bool
explain_is_own(const struct topo_node *node, struct eth_addr mac,
               const struct topo_port **own)
{
    const struct topo_port *port;

    HMAP_FOR_EACH (port, ofport_node, &node->ports_by_ofport) {
        if (topo_port_is_own(node, port)
            && eth_addr_equals(port->mac, mac)) {
            *own = port;
            return true;
        }
    }
    return false;
}

/* Returns the node, 'w->node' or an edge with which it shares a cluster, that
 * has the source address itself, or NULL. */
static const struct topo_node *
explain_own(const struct explain_walk *w, const struct topo_port **port)
{
    const struct topo_user *user;

    if (explain_is_own(w->node, w->frame->src, port)) {
        return w->node;
    }
    LIST_FOR_EACH (user, tnode_node, &w->node->uses) {
        for (size_t i = 0; user->member && i < user->cluster->n_members;
             i++) {
            const struct topo_node *other = user->cluster->members[i];

            if (explain_is_own(other, w->frame->src, port)) {
                return other;
            }
        }
    }
    return NULL;
}

/* Sources that can be none.  Returns true if the frame goes on. */
static bool
explain_pass(struct explain_walk *w)
{
    uint64_t cookie = layout_cookie(LAYOUT_K_NODE, 0);
    struct eth_addr src = w->frame->src;
    const struct topo_port *port;
    const struct topo_node *own;

    if (eth_addr_is_multicast(src)) {
        explain_drop(w, explain_by_flow(
                         LAYOUT_PASS, LAYOUT_PRIO_REFUSE, cookie,
                         xasprintf("reg3=0/%d,dl_src=01:00:00:00:00:00/"
                                   "01:00:00:00:00:00", LAYOUT_F_OUT)),
                     "its source is a group address");
        return false;
    }
    if (eth_addr_is_zero(src)) {
        explain_drop(w, explain_by_flow(
                         LAYOUT_PASS, LAYOUT_PRIO_REFUSE, cookie,
                         xasprintf("reg3=0/%d,dl_src=00:00:00:00:00:00",
                                   LAYOUT_F_OUT)), "its source is zero");
        return false;
    }
    own = explain_own(w, &port);
    if (own) {
        explain_drop(w, explain_by_flow(
                         LAYOUT_PASS, LAYOUT_PRIO_REFUSE,
                         layout_cookie(LAYOUT_K_ADDRS, 0),
                         xasprintf("reg3=0/%d,dl_src="ETH_ADDR_FMT,
                                   LAYOUT_F_OUT, ETH_ADDR_ARGS(src))),
                     "its source is the address of edge %s itself, of port "
                     "%s, and that is no station", own->name, port->name);
        return false;
    }
    return true;
}

/* The source is not known where the frame comes in: who is told, and what
 * comes of it.  'e' may be NULL. */
static void
explain_learn(struct explain_walk *w, const struct fdb_mac *e)
{
    const struct topo_segment *segment = w->segment;
    char *place = (w->stranger ? explain_ip_name(&w->from)
                   : explain_place_name(w->place));
    char *where = e ? explain_place_name(e->place) : NULL;
    struct ds s = DS_EMPTY_INITIALIZER;

    if (w->stranger && topo_node_by_ip(w->topo, &w->from)) {
        ds_put_format(&s, "%s is an edge that is not in the segment: nothing "
                      "is learned", place);
    } else if (!e) {
        ds_put_format(&s, "the source is not known; the controller is told, "
                      "and learns that it is at %s%s", place,
                      segment->n_learned >= segment->mac_limit
                      ? " when there is room: the segment has as many MACs "
                      "as it may" : "");
    } else if (fdb_is_frozen(w->fdb, e)) {
        ds_put_format(&s, "the source is frozen at %s; that it is at %s is "
                      "not believed now", where, place);
    } else if (e->place != w->place) {
        ds_put_format(&s, "the source is known at %s; the controller is told, "
                      "and moves it to %s", where, place);
    } else {
        ds_put_format(&s, "the source is known at %s, but not seen by edge %s "
                      "yet; the controller is told", place, w->node->name);
    }
    if (share_is_held(&w->node->share, segment->vni)) {
        ds_put_format(&s, "; the segment has many new MACs and is held, so "
                      "within what meter %d lets pass", LAYOUT_METER_HELD);
    } else {
        ds_put_format(&s, "; once a second, and within what meter %d lets "
                      "pass", LAYOUT_METER_LEARN);
    }
    explain_say(w, LAYOUT_LEARN, "%s", ds_cstr(&s));
    ds_destroy(&s);
    free(place);
    free(where);
}

/* Returns true if the frame goes on. */
static bool
explain_source(struct explain_walk *w)
{
    const struct fdb_mac *e = fdb_find(w->fdb, w->segment, w->frame->src);

    if (!w->place && !w->stranger) {
        explain_say(w, LAYOUT_SOURCE, "known: it was learned where it entered "
                    "the overlay");
        return true;
    }

    char *where = e ? explain_place_name(e->place) : NULL;
    bool known = (e && w->place && e->place == w->place
                  && fdb_has_source(e, w->node));
    bool refused = e && !known && e->is_static;
    if (known) {
        explain_say(w, LAYOUT_SOURCE, "the source is known at %s, %s", where,
                    e->is_static ? "static" : "learned");
    } else if (refused) {
        explain_drop(w, explain_by_flow(
                         LAYOUT_LEARN, LAYOUT_PRIO_GUARD,
                         layout_cookie(LAYOUT_K_STATIC, w->segment->vni),
                         xasprintf("metadata=%"PRIu32",dl_src="ETH_ADDR_FMT,
                                   w->segment->vni,
                                   ETH_ADDR_ARGS(w->frame->src))),
                     "its source is a static MAC, which is at %s", where);
    } else {
        explain_learn(w, e);
    }
    free(where);
    return !refused;
}

/* The frame comes in. */
void
explain_in(struct explain_walk *w)
{
    const struct topo_cluster *gate;

    if (explain_classify(w, &gate)
        && (!gate || explain_gate(w, gate, false))
        && explain_pass(w) && explain_source(w)) {
        explain_dest(w);
    }
}
