/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* Foreign VTEPs: those that have a row, and those that are learned.
 *
 * A learned one is a place like any other, and has the flows of one.  It is
 * there because frames of its segment came from it, up to a limit, and no row
 * says so.  So it is in no table of rows; what the database says does not
 * depend on it; and where it would be in the way of a row, or of a node, it
 * goes.  One that is out of force does not wait to be back but is forgotten:
 * it will be heard again.
 *
 * A node that is none any more may be heard a little longer: its switch has
 * yet to be told, or frames are under way.  Taken for a VTEP it would draw
 * MACs to where nobody is.  So for a while none is learned there. */

#include <config.h>
#include "flows/topo_place.h"

#include "flows/addr.h"
#include "hash.h"
#include "openvswitch/dynamic-string.h"
#include "util.h"

static struct topo_vtep *
topo_vtep_create(struct topo *topo, const struct uuid *segment, const char *ip)
{
    struct topo_vtep *vtep = xzalloc(sizeof *vtep + strlen(ip) + 1);

    vtep->place.type = TOPO_PLACE_VTEP;
    topo_place_init(topo, &vtep->place);
    ovs_list_init(&vtep->learned_node);
    vtep->segment_uuid = *segment;
    vtep->ip_string = strcpy((char *) (vtep + 1), ip);
    return vtep;
}

void
topo_vtep_set(struct topo *topo, const struct topo_vtep_row *row)
{
    struct topo_row *old = topo_row(topo, TOPO_VTEP, &row->uuid);
    struct topo_vtep *vtep;

    if (old) {
        vtep = CONTAINER_OF(old, struct topo_vtep, place.row);
        if (uuid_equals(&vtep->segment_uuid, &row->segment)
            && !strcmp(vtep->ip_string, row->ip)) {
            return;
        }
        topo_del(topo, TOPO_VTEP, &row->uuid);
    }
    vtep = topo_vtep_create(topo, &row->segment, row->ip);
    topo_row_add(topo, TOPO_VTEP, &row->uuid, &vtep->place.row);
}

/* In force and out of it. */

static uint32_t
topo_vtep_hash(const struct topo_segment *segment, const struct in6_addr *ip)
{
    return hash_bytes(ip, sizeof *ip, segment->vni);
}

struct topo_vtep *
topo_vtep_find(const struct topo *topo, const struct topo_segment *segment,
               const struct in6_addr *ip)
{
    struct topo_vtep *vtep;

    HMAP_FOR_EACH_WITH_HASH (vtep, ip_node, topo_vtep_hash(segment, ip),
                             &topo->vteps) {
        if (vtep->place.segment == segment
            && ipv6_addr_equals(&vtep->ip, ip)) {
            return vtep;
        }
    }
    return NULL;
}

/* A learned VTEP of 'segment' has come or gone, or its limit has changed. */
void
topo_segment_check(struct topo *topo, struct topo_segment *segment)
{
    char *error = nullable_xstrdup(segment->complaint);

    if (!error && segment->vtep_limit
        && !topo_segment_learns_vteps(segment)) {
        error = xasprintf("as many VTEPs as options:vtep_limit are learned, "
                          "%"PRIu32"; what others send is dropped",
                          segment->vtep_limit);
    }
    topo_set_error(topo, &segment->row, error);
}

void
topo_vtep_withdraw(struct topo *topo, struct topo_vtep *vtep)
{
    struct topo_segment *segment = vtep->place.segment;

    topo_segment_mark(segment);
    ovs_list_remove(&vtep->segment_node);
    hmap_remove(&topo->vteps, &vtep->ip_node);
    topo_place_withdraw(topo, &vtep->place);
    if (vtep->learned) {
        segment->n_learned_vteps--;
        topo_segment_check(topo, segment);
    }
}

/* Brings 'vtep' in force if it can be, otherwise returns what is in the way.
 * A learned one is in nobody's way. */
static char *
topo_vtep_instate(struct topo *topo, struct topo_vtep *vtep)
{
    const struct topo_node *node;
    struct topo_row *row = topo_row(topo, TOPO_SEGMENT, &vtep->segment_uuid);
    struct topo_vtep *other;
    char *error;

    if (!row) {
        return xstrdup("no such segment");
    }
    if (!addr_parse_vtep(vtep->ip_string, &vtep->ip, &error)) {
        return error;
    }
    node = topo_node_by_ip(topo, &vtep->ip);
    if (node) {
        return xasprintf("%s is the tunnel IP of edge %s, which the "
                         "controller programs", vtep->ip_string, node->name);
    }

    struct topo_segment *segment = CONTAINER_OF(row, struct topo_segment, row);
    other = topo_vtep_find(topo, segment, &vtep->ip);
    if (other && !other->learned) {
        return xasprintf("%s is in segment %s already", vtep->ip_string,
                         segment->name);
    } else if (other) {
        topo_vtep_forget(topo, other);
    }
    topo_place_instate(topo, &vtep->place, segment);
    ovs_list_push_back(&segment->vteps, &vtep->segment_node);
    hmap_insert(&topo->vteps, &vtep->ip_node,
                topo_vtep_hash(segment, &vtep->ip));
    topo_segment_mark(segment);
    if (vtep->learned) {
        segment->n_learned_vteps++;
        topo_segment_check(topo, segment);
    }
    return NULL;
}

/* Brings 'vtep' in force if it can be: otherwise it waits, or is forgotten. */
void
topo_vtep_settle(struct topo *topo, struct topo_vtep *vtep)
{
    char *error = topo_vtep_instate(topo, vtep);

    if (!vtep->learned) {
        topo_set_error(topo, &vtep->place.row, error);
    } else if (error) {
        topo_vtep_forget(topo, vtep);
        free(error);
    }
}

/* Learning. */

/* Returns whether one more VTEP of 'segment' may be learned. */
bool
topo_segment_learns_vteps(const struct topo_segment *segment)
{
    return segment->n_learned_vteps < segment->vtep_limit;
}

/* What pipeline_place_tag() makes of it does not depend on when it came. */
static struct uuid
topo_vtep_uuid(const struct uuid *segment, const char *ip)
{
    uint32_t hash = hash_string(ip, uuid_hash(segment));

    return (struct uuid) { .parts = { hash, 0, 0, hash } };
}

/* Forgets the bars that have ended by 'now'. */
void
topo_vtep_lift_bars(struct topo *topo, long long now)
{
    struct topo_bar *bar;

    LIST_FOR_EACH_SAFE (bar, node, &topo->bars) {
        if (now >= bar->until) {
            ovs_list_remove(&bar->node);
            free(bar);
        }
    }
}

/* The node at 'ip' is none any more. */
void
topo_vtep_bar(struct topo *topo, const struct in6_addr *ip, long long now)
{
    struct topo_bar *bar = xmalloc(sizeof *bar);

    topo_vtep_lift_bars(topo, now);
    bar->ip = *ip;
    bar->until = now + TOPO_BAR_TIME;
    ovs_list_push_back(&topo->bars, &bar->node);
}

/* Whether no VTEP is to be learned at 'ip'. */
static bool
topo_vtep_is_barred(struct topo *topo, const struct in6_addr *ip,
                    long long now)
{
    const struct topo_bar *bar;

    topo_vtep_lift_bars(topo, now);
    LIST_FOR_EACH (bar, node, &topo->bars) {
        if (IN6_ARE_ADDR_EQUAL(&bar->ip, ip)) {
            return true;
        }
    }
    return false;
}

/* A frame of 'segment' has come from 'ip', which is no VTEP in it: makes it
 * one.  Returns NULL, or why it cannot be one, which the caller frees. */
char *
topo_vtep_learn(struct topo *topo, struct topo_segment *segment,
                const struct in6_addr *ip, long long now)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    struct topo_vtep *vtep;
    char *error = NULL;

    addr_format_vtep(ip, &s);
    if (!topo_segment_learns_vteps(segment)) {
        error = xasprintf("%s: segment %s learns no %s", ds_cstr(&s),
                          segment->name,
                          segment->vtep_limit ? "more VTEPs" : "VTEPs");
    } else if (topo_vtep_find(topo, segment, ip)) {
        error = xasprintf("%s is in segment %s already", ds_cstr(&s),
                          segment->name);
    } else if (topo_vtep_is_barred(topo, ip, now)) {
        error = xasprintf("%s was the tunnel IP of an edge a moment ago",
                          ds_cstr(&s));
    }
    if (!error) {
        vtep = topo_vtep_create(topo, &segment->row.uuid, ds_cstr(&s));
        vtep->place.row.table = TOPO_VTEP;
        vtep->place.row.uuid = topo_vtep_uuid(&segment->row.uuid, ds_cstr(&s));
        ovs_list_init(&vtep->place.row.error_node);
        vtep->learned = true;
        vtep->heard_at = now;
        ovs_list_push_back(&topo->learned_vteps, &vtep->learned_node);
        error = topo_vtep_instate(topo, vtep);
        if (error) {
            ovs_list_remove(&vtep->learned_node);
            topo_place_del(topo, &vtep->place);
            topo_place_free(&vtep->place);
        }
    }
    ds_destroy(&s);
    return error;
}

/* Forgets 'vtep', which was learned. */
void
topo_vtep_forget(struct topo *topo, struct topo_vtep *vtep)
{
    topo_place_del(topo, &vtep->place);
    ovs_list_remove(&vtep->learned_node);
    ovs_list_push_back(&topo->dead, &vtep->place.row.dead_node);
}

/* Forgets the latest of the VTEPs of 'segment' that are more than may be
 * learned. */
void
topo_segment_limit_vteps(struct topo *topo, struct topo_segment *segment)
{
    struct topo_vtep *vtep;

    LIST_FOR_EACH_REVERSE_SAFE (vtep, segment_node, &segment->vteps) {
        if (vtep->learned
            && segment->n_learned_vteps > segment->vtep_limit) {
            topo_vtep_forget(topo, vtep);
        }
    }
}
