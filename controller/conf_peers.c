/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "controller/conf_private.h"

#include <stdlib.h>
#include "conf-idl.h"
#include "flows/topo.h"
#include "smap.h"
#include "sset.h"
#include "util.h"

/* What this controller is among others has, perhaps, changed. */
void
conf_set_self(struct conf *conf, const struct conf_self *self)
{
    if (nullable_string_is_equal(conf->name, self->name)
        && conf->chief == self->chief && conf->certain == self->certain
        && conf->n_led == self->n_led && conf->n_led_met == self->n_led_met
        && conf->n_connected == self->n_connected) {
        return;
    }
    conf->errors_pending |= self->chief != conf->chief;
    conf->status_pending = true;
    free(conf->name);
    conf->name = nullable_xstrdup(self->name);
    conf->chief = self->chief;
    conf->certain = self->certain;
    conf->n_led = self->n_led;
    conf->n_led_met = self->n_led_met;
    conf->n_connected = self->n_connected;
}

/* Returns true if controllers have come, gone or written something since the
 * last time. */
bool
conf_others_changed(struct conf *conf)
{
    bool changed = conf->others_changed;

    conf->others_changed = false;
    return changed;
}

/* Adds the names of all controllers that the database knows to 'names'. */
void
conf_controllers(const struct conf *conf, struct sset *names)
{
    const struct confrec_controller *r;

    CONFREC_CONTROLLER_FOR_EACH (r, conf->idl) {
        sset_add(names, r->name);
    }
}

/* As lead_count_met() counts. */
static size_t
conf_led_by(const struct confrec_controller *r)
{
    int leads = smap_get_int(&r->status, "leads", 0);

    return MAX(smap_get_int(&r->status, "leads_met", leads), 0);
}

/* Returns how many shards that are met that one of the other controllers leads
 * that leads fewest, and stores the number of all controllers.  SIZE_MAX if
 * there is no other. */
size_t
conf_least_led(const struct conf *conf, size_t *n_controllers)
{
    const struct confrec_controller *r;
    size_t least = SIZE_MAX;

    *n_controllers = 0;
    CONFREC_CONTROLLER_FOR_EACH (r, conf->idl) {
        ++*n_controllers;
        if (!nullable_string_is_equal(r->name, conf->name)) {
            least = MIN(least, conf_led_by(r));
        }
    }
    return least;
}

static const struct confrec_edge *
conf_edge(const struct conf *conf, const struct topo_node *node)
{
    return confrec_edge_get_for_uuid(conf->idl, &node->row.uuid);
}

/* The same of those that have a connection with 'node'. */
size_t
conf_least_led_by(const struct conf *conf, const struct topo_node *node)
{
    const struct confrec_edge *edge = conf_edge(conf, node);
    const struct confrec_controller *r;
    size_t least = SIZE_MAX / 2;

    CONFREC_CONTROLLER_FOR_EACH (r, conf->idl) {
        if (edge && smap_get(&edge->controllers, r->name)
            && !nullable_string_is_equal(r->name, conf->name)) {
            least = MIN(least, conf_led_by(r));
        }
    }
    return least;
}

/* Returns true if another controller has a connection with 'node'. */
bool
conf_is_met_by_others(const struct conf *conf, const struct topo_node *node)
{
    const struct confrec_edge *r = conf_edge(conf, node);

    return r && (smap_count(&r->controllers)
                 > (conf->name && smap_get(&r->controllers, conf->name)));
}

/* Returns the latest generation of leaders that is known. */
uint64_t
conf_generation(const struct conf *conf)
{
    const struct confrec_kakehashi_global *g
        = confrec_kakehashi_global_first(conf->idl);

    return g ? g->generation : 0;
}

/* Returns the name of the controller that leads 'node', or NULL. */
const char *
conf_leader(const struct conf *conf, const struct topo_node *node)
{
    const struct confrec_edge *r = conf_edge(conf, node);

    return r ? r->leader : NULL;
}

/* Returns why that one does, says itself, or NULL. */
const char *
conf_leader_reason(const struct conf *conf, const struct topo_node *node)
{
    const struct confrec_edge *r = conf_edge(conf, node);

    return (node->led ? node->led_reason
            : r ? smap_get(&r->status, "leader_reason") : NULL);
}

/* Whether its learned VTEPs are too many only the leader knows. */
static bool
conf_owns_segment(const struct conf *conf, const struct topo_segment *segment)
{
    const struct topo_node *node = (segment->n_sites ? segment->sites[0].node
                                    : NULL);

    return (node && (node->led || conf_leader(conf, node)) ? node->led
            : conf->chief);
}

/* Returns whether it is this controller's turn to write what is wrong with
 * 'row'. */
bool
conf_owns(const struct conf *conf, const struct topo_row *row)
{
    const struct topo_attach *attach;
    const struct topo_row *owner;

    switch (row->table) {
    case TOPO_EDGE:
        return CONTAINER_OF(row, struct topo_node, row)->led;
    case TOPO_CLUSTER:
        return (CONTAINER_OF(row, struct topo_cluster, row)->led
                || (conf->chief && !CONTAINER_OF(row, struct topo_cluster,
                                                 row)->n_members));
    case TOPO_BINDING:
    case TOPO_HOST_PORT:
        attach = CONTAINER_OF(row, struct topo_attach, place.row);
        owner = topo_attach_owner(conf->topo, attach);
        return owner ? conf_owns(conf, owner) : conf->chief;
    case TOPO_SEGMENT:
        return conf_owns_segment(conf, CONTAINER_OF(row, struct topo_segment,
                                                    row));
    case TOPO_VTEP:
    case TOPO_STATIC_MAC:
        return conf->chief;
    case TOPO_N_TABLES:
    default:
        OVS_NOT_REACHED();
    }
}

static const struct confrec_controller *
conf_self_row(const struct conf *conf)
{
    const struct confrec_controller *r;

    CONFREC_CONTROLLER_FOR_EACH (r, conf->idl) {
        if (nullable_string_is_equal(r->name, conf->name)) {
            return r;
        }
    }
    return NULL;
}

/* Returns true if somebody has deleted the row of this controller: for a
 * moment, others had reason to think that it was gone. */
bool
conf_is_buried(const struct conf *conf)
{
    return conf->name && !conf_self_row(conf);
}

/* Writes the row of this controller. */
void
conf_write_self(struct conf *conf)
{
    const struct confrec_controller *r = conf_self_row(conf);
    struct smap status = SMAP_INITIALIZER(&status);

    if (!r) {
        r = confrec_controller_insert(conf->txn);
        confrec_controller_set_name(r, conf->name);
    }
    if (r->ctl_seq != conf->ctl_seq) {
        confrec_controller_set_ctl_seq(r, conf->ctl_seq);
    }
    if (r->edges_seq != conf->edges_seq) {
        confrec_controller_set_edges_seq(r, conf->edges_seq);
    }
    smap_add_format(&status, "leads", "%"PRIuSIZE, conf->n_led);
    smap_add_format(&status, "leads_met", "%"PRIuSIZE, conf->n_led_met);
    smap_add_format(&status, "edges", "%"PRIuSIZE, conf->n_connected);
    smap_add(&status, "version", KAKEHASHI_VERSION);
    if (!smap_equal(&r->status, &status)) {
        confrec_controller_set_status(r, &status);
    }
    smap_destroy(&status);
}

/* Writes how far all controllers are, as the chief. */
void
conf_write_global(struct conf *conf)
{
    const struct confrec_kakehashi_global *g
        = confrec_kakehashi_global_first(conf->idl);
    int64_t ctl_seq = conf->ctl_seq, edges_seq = conf->edges_seq;
    const struct confrec_controller *r;

    CONFREC_CONTROLLER_FOR_EACH (r, conf->idl) {
        if (!nullable_string_is_equal(r->name, conf->name)) {
            ctl_seq = MIN(ctl_seq, r->ctl_seq);
            edges_seq = MIN(edges_seq, r->edges_seq);
        }
    }
    if (g && g->ctl_seq != ctl_seq) {
        confrec_kakehashi_global_set_ctl_seq(g, ctl_seq);
    }
    if (g && g->edges_seq != edges_seq) {
        confrec_kakehashi_global_set_edges_seq(g, edges_seq);
    }
}
