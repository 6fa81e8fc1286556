/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "openvswitch/dynamic-string.h"
#include "tests/unit/net.h"
#include "util.h"

/* What the fdb tells of MACs. */

static void
tell(enum fdb_event event, const struct fdb_mac *e,
     const struct topo_place *other, void *s_)
{
    static const char *const names[] = {
        [FDB_EV_LEARNED] = "learned", [FDB_EV_MOVED] = "moved",
        [FDB_EV_FROZEN] = "frozen", [FDB_EV_AGED] = "aged",
        [FDB_EV_EVICTED] = "evicted", [FDB_EV_FORGOTTEN] = "forgotten",
    };
    struct ds *s = s_;

    ds_put_format(s, "%s%s %02x ", s->length ? ", " : "", names[event],
                  e->mac.ea[5]);
    topo_place_format(e->place, s);
    if (other) {
        ds_put_char(s, '|');
        topo_place_format(other, s);
    }
}

static void
see_often(struct net *net)
{
    for (int i = 0; i < 5; i++) {
        net_see(net, 1, TOPO_BINDING, 1 + i % 2, 1);
    }
}

static void
see_three(struct net *net)
{
    net_get_segment(net, 1)->mac_limit = 2;
    for (int i = 1; i <= 3; i++) {
        net_see(net, 1, TOPO_BINDING, 1, i);
    }
}

static void
idle(struct net *net)
{
    fdb_idle(&net->fdb, net_get_node(net, 1),
             net_get_place(net, TOPO_BINDING, 1),
             net_find(net, 3)->seen[0].slot, net_mac(3), &net->ops);
}

static void
lose(struct net *net)
{
    struct topo_node *node = net_get_node(net, 1);

    node->away = true;
    fdb_lose_node(&net->fdb, node, net->now);
    fdb_run(&net->fdb, net->now + 1000 * 1000, &net->ops);
    node->away = false;
}

static void
flush(struct net *net)
{
    fdb_flush(&net->fdb, NULL, NULL, &net->ops);
}

static void
replace(struct net *net)
{
    net_see(net, 1, TOPO_BINDING, 1, 9);
    net_static(net, 1, 1, "aa:00:00:00:00:09", TOPO_BINDING, 2);
    net_settle(net);
    net_del(net, TOPO_STATIC_MAC, 1);
    net_settle(net);
}

static void
unbind(struct net *net)
{
    net_see(net, 3, TOPO_HOST_PORT, 1, 5);
    net_del(net, TOPO_HOST_PORT, 1);
    net_settle(net);
}

static void
nothing_new(struct net *net)
{
    net_see(net, 2, TOPO_BINDING, 1, 2);
}

static void
test_tell(void **state)
{
    static const struct row {
        const char *what;
        void (*act)(struct net *);
        const char *told;
    } rows[] = {
        { "to and fro", see_often,
          "learned 01 c1/p1/10, moved 01 c1/p1/20|c1/p1/10, "
          "moved 01 c1/p1/10|c1/p1/20, moved 01 c1/p1/20|c1/p1/10, "
          "moved 01 c1/p1/10|c1/p1/20" },
        { "once more: it stays", see_often,
          "frozen 01 c1/p1/10|c1/p1/20" },
        { "to make room", see_three,
          "learned 02 c1/p1/10, evicted 01 c1/p1/10, learned 03 c1/p1/10" },
        { "again, by another edge", nothing_new, "" },
        { "idle", idle, "aged 03 c1/p1/10" },
        { "nobody has the flow of one more", lose, "" },
        { "flushed", flush, "forgotten 02 c1/p1/10" },
        { "a static MAC in its stead", replace,
          "learned 09 c1/p1/10, forgotten 09 c1/p1/10" },
        { "its place goes", unbind,
          "learned 05 e3/p1, forgotten 05 (gone)/p1/0" },
    };
    struct ds s = DS_EMPTY_INITIALIZER;
    struct net *net = *state;

    net->fdb.tell_aux = &s;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        net->fdb.tell = tell;
        rows[i].act(net);
        net->fdb.tell = NULL;
        if (strcmp(ds_cstr(&s), rows[i].told)) {
            fail_msg("%s: %s\nnot %s", rows[i].what, ds_cstr(&s),
                     rows[i].told);
        }
        ds_clear(&s);
    }
    ds_destroy(&s);
}

/* What is learned somewhere, or moves there, is counted. */
static void
test_count(void **state)
{
    struct net *net = *state;

    see_often(net);
    net_see(net, 2, TOPO_BINDING, 1, 1);
    assert_int_equal(net_get_place(net, TOPO_BINDING, 1)->n_new, 3);
    assert_int_equal(net_get_place(net, TOPO_BINDING, 2)->n_new, 2);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_tell, net_setup_fdb,
                                        net_teardown),
        cmocka_unit_test_setup_teardown(test_count, net_setup_fdb,
                                        net_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
