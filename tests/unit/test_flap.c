/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "openvswitch/list.h"
#include "tests/unit/net.h"
#include "util.h"

#define WINDOW 180000

/* MAC 1 is seen at bindings 1 and 2, in turn, 'after' milliseconds later each
 * time: what is made of it? */
static enum fdb_verdict
see(struct net *net, unsigned int binding, long long after)
{
    net->now += after;
    return net_see(net, 1, TOPO_BINDING, binding, 1);
}

static unsigned int
place_of(struct net *net)
{
    return net_find(net, 1)->place->row.uuid.parts[3];
}

static void
test_moves(void **state)
{
    static const struct row {
        const char *what;
        unsigned int binding;
        long long after;
        enum fdb_verdict verdict;
        unsigned int place;     /* Then. */
    } rows[] = {
        { "new", 1, 0, FDB_LEARNED, 1 },
        { "first move", 2, 1000, FDB_MOVED, 2 },
        { "second", 1, 1000, FDB_MOVED, 1 },
        { "third", 2, 1000, FDB_MOVED, 2 },
        { "fourth", 1, 1000, FDB_MOVED, 1 },
        { "not the fifth", 2, WINDOW - 3000, FDB_FROZE, 1 },
        { "still seen at home", 1, 1000, FDB_CONFIRMED, 1 },
        { "nor another", 2, 1000, FDB_FROZEN, 1 },
        { "until its time is over", 2, WINDOW - 2001, FDB_FROZEN, 1 },
        { "now", 2, 2, FDB_MOVED, 2 },
        { "begins anew", 1, 1000, FDB_MOVED, 1 },
        { "slowly", 2, 1000, FDB_MOVED, 2 },
        { "enough", 1, 1000, FDB_MOVED, 1 },
        { "not to be frozen", 2, WINDOW - 2999, FDB_MOVED, 2 },
        { "and again", 1, 1000, FDB_MOVED, 1 },
    };
    struct net *net = *state;

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const struct row *r = &rows[i];

        /* What has run down goes once a second. */
        net->now += r->after;
        fdb_run(&net->fdb, net->now, &net->ops);
        enum fdb_verdict verdict = see(net, r->binding, 0);

        if (verdict != r->verdict || place_of(net) != r->place) {
            fail_msg("%s: verdict %d at %u, not %d at %u", r->what, verdict,
                     place_of(net), r->verdict, r->place);
        }
        assert_int_equal(fdb_is_frozen(&net->fdb, net_find(net, 1)),
                         verdict == FDB_FROZE || verdict == FDB_FROZEN
                         || i == 6);
    }
    assert_int_equal(net->fdb.n_frozen, 1);
}

static void
freeze(struct net *net, uint8_t mac)
{
    net_see(net, 1, TOPO_BINDING, 1, mac);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(net_see(net, 1, TOPO_BINDING, 2 - i % 2, mac),
                         FDB_MOVED);
    }
    net->ops.n = 0;
    assert_int_equal(net_see(net, 1, TOPO_BINDING, 2, mac), FDB_FROZE);
    assert_int_equal(net->ops.n, 0);
}

static uint32_t
n_rivals(struct net *net, enum topo_table table, unsigned int n)
{
    const struct topo_place *place = net_get_place(net, table, n);

    assert_int_equal(place->n_rivals, ovs_list_size(&place->rivals));
    return place->n_rivals;
}

/* Whose rival is what? */
static void
test_rivals(void **state)
{
    struct net *net = *state;

    freeze(net, 1);
    freeze(net, 2);
    freeze(net, 3);
    assert_int_equal(n_rivals(net, TOPO_BINDING, 2), 3);
    assert_int_equal(n_rivals(net, TOPO_BINDING, 1), 0);
    assert_int_equal(net_get_place(net, TOPO_BINDING, 1)->n_frozen, 3);

    /* It is the last place where it was seen, and goes with the MAC. */
    assert_int_equal(net_see(net, 3, TOPO_HOST_PORT, 1, 3), FDB_FROZEN);
    assert_int_equal(n_rivals(net, TOPO_BINDING, 2), 2);
    assert_int_equal(n_rivals(net, TOPO_HOST_PORT, 1), 1);
    struct eth_addr mac = net_mac(2);
    fdb_flush(&net->fdb, NULL, &mac, &net->ops);
    assert_int_equal(n_rivals(net, TOPO_BINDING, 2), 1);

    /* A place that is not in force is none. */
    net_del(net, TOPO_HOST_PORT, 1);
    net_settle(net);
    assert_true(fdb_is_frozen(&net->fdb, net_find(net, 3)));

    /* Who thaws a segment lets it find its MACs again. */
    fdb_thaw(&net->fdb, net_get_segment(net, 1), &net->ops);
    assert_null(net_find(net, 1));
    assert_null(net_find(net, 3));
    assert_int_equal(n_rivals(net, TOPO_BINDING, 2), 0);
    assert_int_equal(net_get_place(net, TOPO_BINDING, 1)->n_frozen, 0);
    assert_true(hmap_is_empty(&net->fdb.flaps));
}

/* With no limit a MAC may move as it likes. */
static void
test_off(void **state)
{
    struct net *net = *state;

    net->fdb.flap_moves = 0;
    see(net, 1, 0);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(see(net, 2 - i % 2, 10), FDB_MOVED);
    }
    assert_true(hmap_is_empty(&net->fdb.flaps));
}

/* What is closed says so, and until when; the controller's own word stands
 * until the row has another. */
static void
test_closed(void **state)
{
    struct net *net = *state;
    struct topo_attach *attach
        = CONTAINER_OF(net_get_place(net, TOPO_BINDING, 1),
                       struct topo_attach, place);

    topo_attach_close(&net->topo, attach, 90061000, "a loop");
    assert_string_equal(net_error(net, TOPO_BINDING, 1),
                        "closed until 1970-01-02 01:01:01 UTC: a loop");
    net_binding(net, 1, 1, 1, "p1", 10);
    assert_int_equal(topo_attach_closed_until(attach), 90061000);
    net_closed(net, 1, 1, 1, "p1", 10, 90061000);
    assert_string_equal(attach->closure->reason, "a loop");
    net_binding(net, 1, 1, 1, "p1", 10);
    assert_null(attach->closure);
    assert_string_equal(net_error(net, TOPO_BINDING, 1), "");

    net_closed(net, 1, 1, 1, "p1", 10, 5);
    assert_int_equal(topo_attach_closed_until(attach), 5);
    topo_attach_close(&net->topo, attach, 0, NULL);
    net_closed(net, 1, 1, 1, "p1", 10, 5);
    assert_null(attach->closure);

    net_closed(net, 1, 1, 1, "p1", 10, 6);
    net_del(net, TOPO_BINDING, 1);
    net_settle(net);
    assert_true(ovs_list_is_empty(&net->topo.closures));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_moves, net_setup_fdb,
                                        net_teardown),
        cmocka_unit_test_setup_teardown(test_rivals, net_setup_fdb,
                                        net_teardown),
        cmocka_unit_test_setup_teardown(test_off, net_setup_fdb,
                                        net_teardown),
        cmocka_unit_test_setup_teardown(test_closed, net_setup_fdb,
                                        net_teardown),
    };

    return cmocka_run_group_tests_name("flap", tests, NULL, NULL);
}
