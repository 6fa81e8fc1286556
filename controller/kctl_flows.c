/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "controller/kctl_flows.h"

#include <inttypes.h>
#include <stdlib.h>

#include "controller/kctl_log.h"
#include "controller/kctl_macs.h"
#include "controller/kctl_ports.h"
#include "controller/kctl_topo.h"
#include "flows/delta.h"
#include "flows/fdb.h"
#include "flows/flowset.h"
#include "flows/layout.h"
#include "flows/pipeline.h"
#include "flows/topo.h"
#include "openflow/openflow-1.0.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "openvswitch/list.h"
#include "svec.h"
#include "util.h"

/* Of what is wrong with rows that change, no more than this is told. */
#define MAX_ERRORS 10

struct kctl_flows {
    struct kctl_ports ports;
    struct json *learned;       /* See kctl_macs.h. */
    struct topo before, after;
    struct fdb macs_before, macs_after;
    bool lacks_macs;            /* Of a segment that the change is about. */
};

/* What changes on one edge. */
struct difference {
    struct flowset config_have, macs_have;
    struct delta config, macs;
};

/* ---- Two topologies. ---------------------------------------------------- */

static void
clean(struct topo *topo)
{
    struct topo_node *node;
    struct topo_row *row;

    HMAP_FOR_EACH (node, row.node, &topo->rows[TOPO_EDGE]) {
        topo_node_clean(node);
    }
    LIST_FOR_EACH_POP (row, error_node, &topo->errors) {
        ovs_list_init(&row->error_node);
    }
}

/* Brings in force what has changed in 'topo', as a controller does
 * (agent_conf.c), and marks the MACs whose flows that changes. */
static void
settle(struct topo *topo, struct fdb *fdb)
{
    struct fdb_ops ops = { .n = 0 };
    struct topo_row *row;

    topo_settle(topo);
    fdb_flush_withdrawn(fdb, topo, &ops);
    fdb_sync_statics(fdb, topo, 0, &ops);
    LIST_FOR_EACH (row, dead_node, &topo->dead) {
        if (row->table == TOPO_EDGE) {
            fdb_forget_node(fdb, CONTAINER_OF(row, struct topo_node, row),
                            &ops);
        }
    }
    for (size_t i = 0; i < ops.n; i++) {
        const struct fdb_op *op = &ops.ops[i];

        topo_node_mark(op->node, layout_cookie(LAYOUT_K_LEARNED,
                                               op->m.segment->vni));
    }
    fdb_ops_uninit(&ops);
}

static void
begin(struct kctl_flows *f, struct topo *topo, struct fdb *fdb,
      const struct ovsdb_idl *idl)
{
    struct topo_node *node;

    topo_init(topo);
    fdb_init(fdb);
    kctl_topo_read(topo, idl);
    HMAP_FOR_EACH (node, row.node, &topo->rows[TOPO_EDGE]) {
        kctl_ports_set(&f->ports, topo, node, node);
    }
    settle(topo, fdb);
    kctl_macs_set(f->learned, topo, fdb);
    kctl_topo_elect(topo, NULL);
    clean(topo);
}

struct kctl_flows *
kctl_flows_create(const struct ovsdb_idl *idl, const char *ports,
                  const char *macs)
{
    struct kctl_flows *f = xzalloc(sizeof *f);

    kctl_ports_init(&f->ports, ports);
    f->learned = kctl_macs_parse(macs);
    begin(f, &f->before, &f->macs_before, idl);
    begin(f, &f->after, &f->macs_after, idl);
    return f;
}

void
kctl_flows_destroy(struct kctl_flows *f)
{
    if (f) {
        fdb_destroy(&f->macs_before);
        fdb_destroy(&f->macs_after);
        topo_destroy(&f->before);
        topo_destroy(&f->after);
        json_destroy(f->learned);
        kctl_ports_destroy(&f->ports);
        free(f);
    }
}

/* Returns the node of 'topo' with the switch of 'node', which may be in
 * another topology, or NULL. */
static struct topo_node *
counterpart(const struct topo *topo, const struct topo_node *node)
{
    return node->valid ? topo_node_by_dpid(topo, node->dpid) : NULL;
}

/* Whether it is not known what was learned in 'segment', which is not new. */
static bool
lacks_macs_of(const struct kctl_flows *f, const struct topo_segment *segment)
{
    return segment && !kctl_macs_has(f->learned, segment->name);
}

/* Whether that can be said of a segment whose places are not what they were,
 * or that is on further edges, or of whose stations the operator says where
 * they are. */
static bool
lacks_macs(const struct kctl_flows *f)
{
    const struct topo_segment *segment;
    const struct topo_place *place;
    const struct topo_row *row;

    HMAP_FOR_EACH (segment, row.node, &f->after.rows[TOPO_SEGMENT]) {
        const struct topo_segment *old = topo_segment_by_vni(&f->before,
                                                             segment->vni);

        if (old && old->n_sites && segment->n_sites > old->n_sites
            && lacks_macs_of(f, old)) {
            return true;
        }
    }
    LIST_FOR_EACH (place, withdrawn_node, &f->after.withdrawn) {
        row = topo_row(&f->before, place->row.table, &place->row.uuid);
        if (row && lacks_macs_of(f, CONTAINER_OF(row, struct topo_place,
                                                 row)->segment)) {
            return true;
        }
    }
    HMAP_FOR_EACH (row, node, &f->after.rows[TOPO_STATIC_MAC]) {
        const struct topo_static_mac *sm
            = CONTAINER_OF(row, struct topo_static_mac, row);
        const struct topo_row *old = topo_row(&f->before, TOPO_SEGMENT,
                                              &sm->segment_uuid);

        if (old && !topo_row(&f->before, TOPO_STATIC_MAC, &row->uuid)
            && lacks_macs_of(f, CONTAINER_OF(old, struct topo_segment,
                                             row))) {
            return true;
        }
    }
    return false;
}

/* Tells the second topology the rows in 'log'.  A port that these name is
 * there before as well: it is the switch that has it, or not. */
static void
change(struct kctl_flows *f, const struct kctl_log *log)
{
    struct topo_node *node;

    kctl_topo_change(&f->after, log);
    topo_settle(&f->after);
    HMAP_FOR_EACH (node, row.node, &f->after.rows[TOPO_EDGE]) {
        struct topo_node *old = counterpart(&f->before, node);

        kctl_ports_set(&f->ports, &f->after, node, node);
        if (old) {
            kctl_ports_set(&f->ports, &f->before, old, node);
        }
    }
    f->lacks_macs = lacks_macs(f);
    settle(&f->before, &f->macs_before);
    settle(&f->after, &f->macs_after);
    kctl_topo_elect(&f->after, &f->before);
}

/* ---- The difference. ---------------------------------------------------- */

static void
compare_all(const struct topo_node *before, const struct topo_node *after,
            struct difference *d)
{
    struct flowset config, macs;

    flowset_init(&config);
    flowset_init(&macs);
    if (before) {
        pipeline_all(before, &d->config_have);
        fdb_node_flows(before, NULL, &d->macs_have);
    }
    if (after) {
        pipeline_all(after, &config);
        fdb_node_flows(after, NULL, &macs);
    }
    delta_all(&d->config, &config);
    delta_all(&d->macs, &macs);
    flowset_destroy(&config);
    flowset_destroy(&macs);
}

/* Adds the flows of the MACs of segment 'vni', if there is such a segment. */
static void
add_macs(const struct topo *topo, const struct topo_node *node, uint32_t vni,
         struct flowset *set)
{
    const struct topo_segment *segment = topo_segment_by_vni(topo, vni);

    if (segment) {
        fdb_node_flows(node, segment, set);
    }
}

/* Compares the flows of the MACs of segment 'vni'.  A flow of a MAC that was
 * learned, and is static then, passes from one owner to another: it is deleted
 * and made anew, as a flow of the configuration is that does so. */
static void
compare_macs(const struct kctl_flows *f, const struct topo_node *after,
             uint32_t vni, struct delta *macs)
{
    uint64_t cookie = layout_cookie(LAYOUT_K_STATIC, vni);
    const struct flowset_owner *owner;
    struct flowset learned, statics;
    struct flowset_flow *flow;

    flowset_init(&learned);
    flowset_init(&statics);
    add_macs(&f->after, after, vni, &learned);
    while ((owner = flowset_owner(&learned, cookie))) {
        flow = CONTAINER_OF(ovs_list_front(&owner->flows),
                            struct flowset_flow, owner_node);
        flowset_move(&statics, &learned, flow);
    }
    delta_owner(macs, &learned, layout_cookie(LAYOUT_K_LEARNED, vni));
    delta_owner(macs, &statics, cookie);
    flowset_destroy(&learned);
    flowset_destroy(&statics);
}

/* Compares the flows of the owners that are dirty: others have the same. */
static void
compare_dirty(const struct kctl_flows *f, const struct topo_node *before,
              const struct topo_node *after, struct difference *d)
{
    const struct topo_dirty *dirty;

    HMAP_FOR_EACH (dirty, node, &after->dirty) {
        if (layout_kind_is_mac(layout_cookie_kind(dirty->cookie))) {
            add_macs(&f->before, before, layout_cookie_owner(dirty->cookie),
                     &d->macs_have);
        } else {
            pipeline_owner(&f->before, before, dirty->cookie,
                           &d->config_have);
        }
    }
    HMAP_FOR_EACH (dirty, node, &after->dirty) {
        struct flowset want;

        if (layout_kind_is_mac(layout_cookie_kind(dirty->cookie))) {
            compare_macs(f, after, layout_cookie_owner(dirty->cookie),
                         &d->macs);
            continue;
        }
        flowset_init(&want);
        pipeline_owner(&f->after, after, dirty->cookie, &want);
        delta_owner(&d->config, &want, dirty->cookie);
        flowset_destroy(&want);
    }
}

/* 'before' and 'after' have the same switch; one of them may be NULL. */
static void
compare(const struct kctl_flows *f, const struct topo_node *before,
        const struct topo_node *after, struct difference *d)
{
    flowset_init(&d->config_have);
    flowset_init(&d->macs_have);
    delta_init(&d->config, &d->config_have);
    delta_init(&d->macs, &d->macs_have);
    if (before && after && uuid_equals(&before->row.uuid, &after->row.uuid)) {
        compare_dirty(f, before, after, d);
    } else {
        compare_all(before, after, d);
    }
    delta_finish(&d->config);
    delta_finish(&d->macs);
}

static void
difference_uninit(struct difference *d)
{
    delta_destroy(&d->config);
    delta_destroy(&d->macs);
    flowset_destroy(&d->config_have);
    flowset_destroy(&d->macs_have);
}

/* ---- In words. ---------------------------------------------------------- */

static void
add_flows(const struct delta *delta, struct svec *lines)
{
    for (size_t i = 0; i < delta->n; i++) {
        const struct delta_change *c = &delta->changes[i];
        struct ds line = DS_EMPTY_INITIALIZER;

        flowset_flow_format(c->flow, &line);
        ds_put_format(&line, "%c", c->command == OFPFC_DELETE_STRICT ? '-'
                                   : c->command == OFPFC_ADD ? '+' : '~');
        svec_add_nocopy(lines, ds_steal_cstr(&line));
    }
}

/* Appends the flows that change, by table and match: each has its sign at the
 * end until they are sorted. */
static void
format_list(const struct difference *d, struct ds *s)
{
    struct svec lines = SVEC_EMPTY_INITIALIZER;
    const char *line;
    size_t i;

    add_flows(&d->config, &lines);
    add_flows(&d->macs, &lines);
    svec_sort(&lines);
    SVEC_FOR_EACH (i, line, &lines) {
        size_t n = strlen(line) - 1;

        ds_put_format(s, "    %c %.*s\n", line[n], (int) n, line);
    }
    svec_destroy(&lines);
}

/* Appends what changes on 'node'.  Returns false if nothing does. */
static bool
format_difference(const struct topo_node *node, const struct difference *d,
                  bool list, struct ds *s)
{
    if (!d->config.n && !d->macs.n) {
        return false;
    }
    ds_put_format(s, KCTL_FLOWS_PREFIX" of %s: %"PRIuSIZE" added, %"PRIuSIZE
                  " changed, %"PRIuSIZE" deleted\n", node->name,
                  d->config.n_added + d->macs.n_added,
                  d->config.n_modified + d->macs.n_modified,
                  d->config.n_deleted + d->macs.n_deleted);
    if (list) {
        format_list(d, s);
    }
    return true;
}

/* Appends what is wrong with rows by now: their flows are not there. */
static void
format_errors(const struct topo *topo, const struct ovsdb_idl *idl,
              struct ds *s)
{
    struct svec errors = SVEC_EMPTY_INITIALIZER;
    const struct topo_row *row;

    LIST_FOR_EACH (row, error_node, &topo->errors) {
        if (row->error) {
            struct ds error = DS_EMPTY_INITIALIZER;

            kctl_topo_name(idl, row, &error);
            ds_put_format(&error, ": %s", row->error);
            svec_add_nocopy(&errors, ds_steal_cstr(&error));
        }
    }
    svec_sort(&errors);
    for (size_t i = 0; i < MIN(errors.n, MAX_ERRORS); i++) {
        ds_put_format(s, KCTL_FLOWS_PREFIX": missing some: %s\n",
                      errors.names[i]);
    }
    if (errors.n > MAX_ERRORS) {
        ds_put_format(s, KCTL_FLOWS_PREFIX": missing some: %"PRIuSIZE
                      " more rows\n", errors.n - MAX_ERRORS);
    }
    svec_destroy(&errors);
}

/* Appends why what was learned in segments is left out. */
static void
format_unknown(const struct kctl_flows *f, struct ds *s)
{
    ds_put_cstr(s, KCTL_FLOWS_PREFIX": what was learned is left out: ");
    if (f->learned) {
        ds_put_format(s, "there are more than %d MACs\n", KCTL_MACS_MAX);
    } else {
        ds_put_cstr(s, "there is no controller here that knows it\n");
    }
}

/* Compares what 'before' and 'after', one of which may be NULL, have.  Adds
 * the name to 'assumed' if that goes by ports that nobody has seen. */
static bool
tell(const struct kctl_flows *f, const struct topo_node *before,
     const struct topo_node *after, bool list, struct svec *assumed,
     struct ds *s)
{
    const struct topo_node *node = after ? after : before;
    struct difference d;

    compare(f, before, after, &d);
    bool any = format_difference(node, &d, list, s);
    difference_uninit(&d);
    if (any && !kctl_ports_are_known(&f->ports, node)) {
        svec_add(assumed, node->name);
    }
    return any;
}

/* Appends what changes on each edge.  Returns false if nothing does. */
static bool
tell_all(struct kctl_flows *f, bool list, struct svec *assumed, struct ds *s)
{
    bool any = false;
    size_t n;

    struct topo_node **nodes = topo_sorted_nodes(&f->after, &n);
    for (size_t i = 0; i < n; i++) {
        if (nodes[i]->valid) {
            any |= tell(f, counterpart(&f->before, nodes[i]), nodes[i], list,
                        assumed, s);
        }
    }
    free(nodes);
    nodes = topo_sorted_nodes(&f->before, &n);
    for (size_t i = 0; i < n; i++) {
        if (nodes[i]->valid && !counterpart(&f->after, nodes[i])) {
            any |= tell(f, nodes[i], NULL, list, assumed, s);
        }
    }
    free(nodes);
    return any;
}

void
kctl_flows_format(struct kctl_flows *f, const struct kctl_log *log, bool list,
                  struct ds *s)
{
    struct svec assumed = SVEC_EMPTY_INITIALIZER;

    change(f, log);
    if (!tell_all(f, list, &assumed, s)) {
        ds_put_cstr(s, KCTL_FLOWS_PREFIX": no change on any edge\n");
    } else if (f->lacks_macs) {
        format_unknown(f, s);
    }
    format_errors(&f->after, log->idl, s);
    if (assumed.n) {
        char *names = svec_join(&assumed, ", ", "");

        ds_put_format(s, KCTL_FLOWS_PREFIX": the ports of %s are assumed: "
                      "there is no controller here that knows them\n", names);
        free(names);
    }
    svec_destroy(&assumed);
}
