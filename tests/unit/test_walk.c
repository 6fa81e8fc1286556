/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* Two laws, along a random walk (tests/unit/walk.h):
 *
 *   - Incremental = rebuild.  What the switches got change by change is what
 *     would be derived from the whole, but for what they have refused.
 *
 *   - A restart changes nothing.  A controller that starts from the same
 *     rows, read in another order, and takes the MACs back from the switches
 *     wants the flows that are there. */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "flows/delta.h"
#include "flows/layout.h"
#include "flows/pipeline.h"
#include "flows/sighting.h"
#include "flows/topo_place.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/ofp-actions.h"
#include "sset.h"
#include "tests/unit/walk.h"
#include "util.h"

/* Fails unless 'have' is 'want', whose flows it takes. */
static void
check_flows(struct flowset *want, struct flowset *have, const char *what,
            const char *node, uint32_t seed, int step)
{
    struct delta delta;

    delta_init(&delta, have);
    delta_all(&delta, want);
    delta_finish(&delta);
    if (delta.n) {
        struct ds s = DS_EMPTY_INITIALIZER;

        delta_format(&delta, &s);
        print_message("%s\n", ds_cstr(&s));
        fail_msg("seed %"PRIu32", step %d: %s of %s should change so", seed,
                 step, what, node);
    }
    delta_destroy(&delta);
}

/* A segment's sites are just the nodes with a claim in it. */
static void
check_sites(struct walk *walk, uint32_t seed, int step)
{
    struct topo_segment *segment;

    HMAP_FOR_EACH (segment, row.node, &walk->net.topo.rows[TOPO_SEGMENT]) {
        size_t n_claims = 0, n_sites = 0;
        struct topo_attach *attach;

        LIST_FOR_EACH (attach, segment_node, &segment->attaches) {
            assert_ptr_equal(attach->place.segment, segment);
            if (attach->cluster) {
                assert_int_equal(attach->n_claims, attach->cluster->n_members);
            }
            n_claims += attach->n_claims;
            for (size_t i = 0; i < attach->n_claims; i++) {
                assert_true(attach->claims[i].node->valid);
                assert_true(topo_segment_has_node(segment,
                                                  attach->claims[i].node));
            }
        }
        for (size_t i = 0; i < segment->n_sites; i++) {
            assert_true(segment->sites[i].n_claims > 0);
            n_sites += segment->sites[i].n_claims;
        }
        if (n_claims != n_sites) {
            fail_msg("seed %"PRIu32", step %d: %"PRIuSIZE" claims, %"PRIuSIZE
                     " at sites", seed, step, n_claims, n_sites);
        }
    }
}

/* A cluster's users are just the nodes in the segments bound to it. */
static void
check_users(struct walk *walk, uint32_t seed, int step)
{
    struct topo_cluster *cluster;

    HMAP_FOR_EACH (cluster, row.node, &walk->net.topo.rows[TOPO_CLUSTER]) {
        size_t n_sites = 0, n_users = 0, n_attaches = 0;
        const struct topo_trunk *trunk;
        const struct topo_attach *attach;
        const struct topo_user *user;

        LIST_FOR_EACH (attach, cluster_node, &cluster->attaches) {
            const struct topo_segment *segment = attach->place.segment;

            n_sites += segment->n_sites;
            for (size_t i = 0; i < segment->n_sites; i++) {
                assert_true(topo_cluster_has_user(cluster,
                                                  segment->sites[i].node));
            }
        }
        HMAP_FOR_EACH (user, node, &cluster->users) {
            n_users += user->n;
        }
        LIST_FOR_EACH (trunk, node, &cluster->trunks) {
            LIST_FOR_EACH (attach, trunk_node, &trunk->attaches) {
                assert_string_equal(attach->port, trunk->port);
                n_attaches++;
            }
        }
        if (n_sites != n_users
            || n_attaches != ovs_list_size(&cluster->attaches)) {
            fail_msg("seed %"PRIu32", step %d: %"PRIuSIZE" sites, %"PRIuSIZE
                     " users, %"PRIuSIZE" bindings at trunks", seed, step,
                     n_sites, n_users, n_attaches);
        }
    }
}

/* Shards are those that would be found anew. */
static void
check_shards(struct walk *walk, uint32_t seed, int step)
{
    struct topo *topo = &walk->net.topo;

    topo->shards_changed = false;
    topo_shards_settle(topo);
    if (topo->shards_changed) {
        fail_msg("seed %"PRIu32", step %d: shards should change", seed, step);
    }
}

/* A switch that refuses something has all else as well, and a rebuild that
 * leaves out the same would change nothing. */
static void
check_part(struct walk *walk, uint32_t seed, int step)
{
    struct topo_node *node;

    HMAP_FOR_EACH (node, row.node, &walk->net.topo.rows[TOPO_EDGE]) {
        struct walk_switch *sw = walk_switch(node);
        struct delta delta;

        delta_init(&delta, &sw->part);
        walk_rebuild_part(sw, node, &delta);
        if (delta.n) {
            struct ds s = DS_EMPTY_INITIALIZER;

            delta_format(&delta, &s);
            print_message("%s\n", ds_cstr(&s));
            fail_msg("seed %"PRIu32", step %d: of %s, but for what it "
                     "refuses, should change so", seed, step, node->name);
        }
        delta_destroy(&delta);
    }
}

static void
add_meter(uint32_t id, const struct topo_limit *limit, void *meters)
{
    assert_true(limit->rate > 0);
    sset_add_and_free(meters, xasprintf("%"PRIu32, id));
}

/* The meters that a node is to have are just those to which flows of its
 * configuration lead, and it knows them by their numbers. */
static void
check_meters(const struct topo *topo, const struct topo_node *node,
             const struct flowset *want)
{
    struct sset meters = SSET_INITIALIZER(&meters);
    struct sset asked = SSET_INITIALIZER(&asked);
    struct sset all = SSET_INITIALIZER(&all);
    const struct topo_segment *segment;
    const struct flowset_flow *flow;
    bool out;

    HMAP_FOR_EACH (segment, row.node, &topo->rows[TOPO_SEGMENT]) {
        pipeline_meters(node, segment, add_meter, &meters);
    }
    HMAP_FOR_EACH (flow, node, &want->flows) {
        uint32_t id = ofpacts_get_meter(flow->ofpacts, flow->ofpacts_len);

        if (layout_limit_slot(id, &out)) {
            assert_true(pipeline_has_meter(node, id));
            assert_false(pipeline_has_meter(node, id + 5));
            sset_add_and_free(&asked, xasprintf("%"PRIu32, id));
        }
    }
    pipeline_all_meters(node, add_meter, &all);
    assert_true(sset_equals(&meters, &asked));
    assert_true(sset_equals(&all, &asked));
    sset_destroy(&all);
    sset_destroy(&meters);
    sset_destroy(&asked);
}

static void
check_rebuild(struct walk *walk, uint32_t seed, int step)
{
    struct topo_node *node;

    check_sites(walk, seed, step);
    check_users(walk, seed, step);
    check_shards(walk, seed, step);
    check_part(walk, seed, step);
    HMAP_FOR_EACH (node, row.node, &walk->net.topo.rows[TOPO_EDGE]) {
        struct flowset want;

        flowset_init(&want);
        pipeline_all(node, &want);
        check_meters(&walk->net.topo, node, &want);
        check_flows(&want, &walk_switch(node)->config, "configuration",
                    node->name, seed, step);
        flowset_clear(&want);
        fdb_node_flows(node, NULL, &want);
        check_flows(&want, &walk_switch(node)->macs, "MACs", node->name,
                    seed, step);
        flowset_destroy(&want);
    }
}

/* Whether 'row' is in force, so that it must be again after a restart.  (Of
 * two rows that claim one thing, another may be after a restart.) */
static bool
in_force(const struct topo_row *row)
{
    switch (row->table) {
    case TOPO_EDGE:
        return CONTAINER_OF(row, struct topo_node, row)->valid;
    case TOPO_BINDING:
    case TOPO_HOST_PORT:
    case TOPO_VTEP:
        return CONTAINER_OF(row, struct topo_place, row)->segment != NULL;
    case TOPO_SEGMENT:
    case TOPO_CLUSTER:
    case TOPO_STATIC_MAC:
        return true;
    case TOPO_N_TABLES:
    default:
        OVS_NOT_REACHED();
    }
}

/* Makes 'again' from the rows of 'walk' that are in force, the last first. */
static void
rebuild_rows(struct walk *walk, struct net *again)
{
    for (int table = TOPO_N_TABLES - 1; table >= 0; table--) {
        for (unsigned int n = WALK_PLACES; n > 0; n--) {
            struct uuid uuid = net_uuid(table, n);

            if (walk->rows[table][n].exists
                && in_force(topo_row(&walk->net.topo, table, &uuid))) {
                walk_write(walk, again, table, n);
            }
        }
    }
    net_settle(again);
}

/* Tells 'again' what the switches of 'walk' say, who is active, and whom
 * nodes hold. */
static void
rebuild_state(struct walk *walk, struct net *again)
{
    struct topo_cluster *cluster;
    struct topo_node *node;

    HMAP_FOR_EACH (node, row.node, &walk->net.topo.rows[TOPO_EDGE]) {
        const struct share_segment *held;
        struct topo_port *port;

        if (!node->valid) {
            continue;
        }
        HMAP_FOR_EACH (port, ofport_node, &node->ports_by_ofport) {
            unsigned int n = node->row.uuid.parts[3];

            topo_node_set_port(&again->topo, net_get_node(again, n),
                               port->name, port->ofport, port->mac, true,
                               true);
            topo_node_set_ports_known(&again->topo, net_get_node(again, n),
                                      true);
            topo_node_set_looped(&again->topo, net_get_node(again, n),
                                 port->ofport, port->looped);
        }
        HMAP_FOR_EACH (held, node, &node->share.segments) {
            net_hold(again, net_get_node(again, node->row.uuid.parts[3]),
                     held->vni);
        }
    }
    HMAP_FOR_EACH (cluster, row.node, &walk->net.topo.rows[TOPO_CLUSTER]) {
        unsigned int n = cluster->row.uuid.parts[3];

        /* Who was active last is in the database. */
        if (cluster->via) {
            net_active(again, n, cluster->via->row.uuid.parts[3]);
        }
        if (!cluster->active) {
            net_active(again, n, 0);
        }
    }
}

/* Takes back from 'flows' the MACs that 'node', of 'again', knows by SOURCE,
 * or by DEST. */
static void
adopt(struct net *again, struct topo_node *node, const struct flowset *flows,
      enum layout_table table)
{
    struct flowset_flow *flow;

    HMAP_FOR_EACH (flow, node, &flows->flows) {
        const char *error;
        struct sighting s;
        struct match match;

        if (flow->table != table
            || layout_cookie_kind(flow->cookie) != LAYOUT_K_LEARNED) {
            continue;
        }
        minimatch_expand(&flow->match, &match);
        if (table == LAYOUT_SOURCE) {
            error = sighting_from_source(&again->topo, node, &match, &s);
        } else {
            error = sighting_from_dest(&again->topo, node, flow, &s);
        }
        if (error) {
            fail_msg("cannot be adopted: %s", error);
        } else if (table == LAYOUT_SOURCE) {
            fdb_adopt_source(&again->fdb, node, s.place, s.slot, s.mac, 1,
                             again->now, &again->ops);
        } else {
            fdb_adopt_dest(&again->fdb, node, s.place, s.mac, 1, again->now,
                           &again->ops);
        }
    }
}

/* Takes back the VTEPs that 'walk' has learned, from the flows of a switch. */
static void
adopt_vteps(struct net *again, const struct flowset *config)
{
    const struct flowset_flow *flow;

    HMAP_FOR_EACH (flow, node, &config->flows) {
        struct topo_segment *segment = topo_segment_by_vni(
            &again->topo, layout_cookie_owner(flow->cookie));
        struct in6_addr ip;

        if (segment && pipeline_flow_learned_vtep(flow, &ip)
            && !topo_vtep_find(&again->topo, segment, &ip)) {
            char *error = topo_vtep_learn(&again->topo, segment, &ip,
                                          again->now);

            if (error) {
                fail_msg("cannot be adopted: %s", error);
            }
        }
    }
}

static void
check_restart(struct walk *walk, uint32_t seed, int step)
{
    struct topo_node *node;
    struct net again;

    net_init(&again);
    again.now = walk->net.now;
    rebuild_rows(walk, &again);
    rebuild_state(walk, &again);
    HMAP_FOR_EACH (node, row.node, &again.topo.rows[TOPO_EDGE]) {
        adopt_vteps(&again, &walk_switch(net_get_node(
            &walk->net, node->row.uuid.parts[3]))->config);
    }

    HMAP_FOR_EACH (node, row.node, &again.topo.rows[TOPO_EDGE]) {
        struct topo_node *old = net_get_node(&walk->net,
                                             node->row.uuid.parts[3]);
        struct flowset want;

        flowset_init(&want);
        pipeline_all(node, &want);
        check_flows(&want, &walk_switch(old)->config,
                    "after a restart, configuration", node->name, seed, step);
        flowset_destroy(&want);
        adopt(&again, node, &walk_switch(old)->macs, LAYOUT_SOURCE);
        adopt(&again, node, &walk_switch(old)->macs, LAYOUT_DEST);
    }
    fdb_sync_statics(&again.fdb, &again.topo, again.now, &again.ops);
    HMAP_FOR_EACH (node, row.node, &again.topo.rows[TOPO_EDGE]) {
        struct topo_node *old = net_get_node(&walk->net,
                                             node->row.uuid.parts[3]);
        struct flowset want;

        flowset_init(&want);
        fdb_node_flows(node, NULL, &want);
        check_flows(&want, &walk_switch(old)->macs,
                    "after a restart, MACs", node->name, seed, step);
        flowset_destroy(&want);
    }
    net_destroy(&again);
}

static struct walk
run_walk(uint32_t seed, int n_steps, int rebuild_every, int restart_every)
{
    struct walk walk;

    print_message("# seed %"PRIu32"\n", seed);
    walk_init(&walk, seed);
    for (int step = 1; step <= n_steps; step++) {
        walk_step(&walk);
        if (!(step % rebuild_every)) {
            walk_sync(&walk);
            check_rebuild(&walk, seed, step);
        }
        if (!(step % restart_every)) {
            check_restart(&walk, seed, step);
        }
    }

    walk_destroy(&walk);
    return walk;
}

static void
test_walk(void **state OVS_UNUSED)
{
    struct walk walk = run_walk(2026, 10000, 10, 50);

    /* A walk in which nothing happens proves nothing. */
    assert_true(walk.n_config > 2000);
    assert_true(walk.n_sightings > 500);
    assert_true(walk.n_idles > 100);
    assert_true(walk.n_age_outs > 50);
    assert_true(walk.n_strangers > 100);
    assert_true(walk.n_idles - walk.n_age_outs > 50);
    assert_true(walk.n_mac_ops > 5000);
    assert_true(walk.n_quick > 4000);
}

/* Other walks. */
static void
test_short_walks(void **state OVS_UNUSED)
{
    for (uint32_t seed = 1; seed <= 20; seed++) {
        run_walk(seed, 500, 5, 25);
    }
}

/* With a number in KAKEHASHI_SEED, that walk alone, checked at every step. */
static void
test_one_walk(void **state OVS_UNUSED)
{
    const char *seed = getenv("KAKEHASHI_SEED");
    struct walk walk = run_walk(seed ? strtoul(seed, NULL, 10) : 1, 10000, 1,
                                1);

    assert_true(walk.n_config > 2000);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_walk),
        cmocka_unit_test(test_short_walks),
    };
    const struct CMUnitTest one[] = { cmocka_unit_test(test_one_walk) };

    if (getenv("KAKEHASHI_SEED")) {
        return cmocka_run_group_tests_name("one walk", one, NULL, NULL);
    }
    return cmocka_run_group_tests_name("walk", tests, NULL, NULL);
}
