/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* What a controller says of MACs, whatever it says, as an fdb. */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "controller/kctl_macs.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "tests/unit/net.h"
#include "util.h"

#define MAC(LAST, LOCATION, EDGES)                                      \
    "{\"vni\":5000,\"mac\":\"aa:00:00:00:00:" LAST "\",\"type\":\"dynamic\"," \
    "\"location\":\"" LOCATION "\",\"edges\":[" EDGES "]}"

static void
set(struct net *net, const char *s)
{
    char *object = s ? xasprintf("{\"macs\":%s}", s) : NULL;
    struct json *macs = kctl_macs_parse(object);

    kctl_macs_set(macs, &net->topo, &net->fdb);
    json_destroy(macs);
    free(object);
}

/* Where MAC 'n' is, and who has its SOURCE flow. */
static char *
get(struct net *net, uint8_t n)
{
    const struct fdb_mac *e = net_find(net, n);
    struct ds s = DS_EMPTY_INITIALIZER;

    if (e) {
        topo_place_format(e->place, &s);
        for (unsigned int i = 1; i <= 3; i++) {
            if (fdb_has_source(e, net_get_node(net, i))) {
                ds_put_format(&s, " e%u", i);
            }
        }
    }
    return ds_steal_cstr(&s);
}

static void
test_set(void **state)
{
    static const struct {
        const char *what, *macs, *mac1, *mac2;
    } rows[] = {
        { "no controller", NULL, "", "" },
        { "no MACs", "[]", "", "" },
        { "at a trunk", "[" MAC("01", "c1/p1/10", "\"e1\"") "]",
          "c1/p1/10 e1", "" },
        { "seen twice", "[" MAC("01", "c1/p1/20", "\"e1\",\"e2\"") "]",
          "c1/p1/20 e1 e2", "" },
        { "at a host port, and a VTEP",
          "[" MAC("01", "e3/p1", "\"e3\"") ","
          MAC("02", "192.0.2.1", "\"e1\",\"e3\"") "]",
          "e3/p1 e3", "192.0.2.1 e1 e3" },
        { "by hearsay", "[" MAC("01", "e3/p1", "") "]", "e3/p1", "" },
        { "at a VTEP that was learned",
          "[" MAC("01", "192.0.2.7", "\"e1\"") ","
          MAC("02", "192.0.2.7", "\"e2\"") "]",
          "192.0.2.7 e1", "192.0.2.7 e2" },
        { "at places that are not there",
          "[" MAC("01", "c1/p9/10", "\"e1\"") ","
          MAC("02", "127.0.0.1", "\"e1\"") "]", "", "" },
        { "where an edge is not known",
          "[" MAC("01", "c1/p1/10", "\"e9\",\"e2\",7") "]",
          "c1/p1/10 e2", "" },
        { "a group", "[" MAC("01", "c1/p1/10", "") ","
          "{\"vni\":5000,\"mac\":\"01:00:00:00:00:01\",\"location\":"
          "\"e3/p1\",\"type\":\"dynamic\",\"edges\":[]}]", "c1/p1/10", "" },
        { "no array", "{\"macs\":[]}", "", "" },
        { "no JSON", "[", "", "" },
        { "no objects", "[1,null,[],\"aa:00:00:00:00:01\"]", "", "" },
        { "members that lack, or are something else",
          "[{},{\"vni\":\"5000\",\"mac\":1,\"location\":[],\"edges\":{}},"
          "{\"vni\":-1,\"mac\":\"aa:00:00:00:00:01\",\"type\":\"dynamic\","
          "\"location\":\"e3/p1\",\"edges\":[]}]", "", "" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        assert_int_equal(net_setup_fdb(state), 0);
        struct net *net = *state;
        net_learning_segment(net, 1, 5000, 10);
        net_settle(net);
        set(net, rows[i].macs);

        char *mac1 = get(net, 1);
        char *mac2 = get(net, 2);
        if (strcmp(mac1, rows[i].mac1) || strcmp(mac2, rows[i].mac2)) {
            fail_msg("%s: \"%s\" and \"%s\"", rows[i].what, mac1, mac2);
        }
        free(mac1);
        free(mac2);
        net_teardown(state);
    }
}

/* A static MAC is where its row says. */
static void
test_static(void **state)
{
    struct net *net = *state;

    net_static(net, 1, 1, "aa:00:00:00:00:01", TOPO_BINDING, 1);
    net_settle(net);
    set(net, "[" MAC("01", "e3/p1", "\"e3\"") "]");
    assert_true(net_find(net, 1)->is_static);
    assert_ptr_equal(net_find(net, 1)->place,
                     net_get_place(net, TOPO_BINDING, 1));
}

/* Of which segments all is known. */
static void
test_has(void **state OVS_UNUSED)
{
    static const struct {
        const char *macs;
        bool blue, red;
    } rows[] = {
        { NULL, false, false },
        { "[]", false, false },
        { "{}", false, false },
        { "{\"macs\":{}}", false, false },
        { "{\"macs\":[]}", true, true },
        { "{\"macs\":[],\"segments\":[]}", false, false },
        { "{\"macs\":[],\"segments\":[\"blue\"]}", true, false },
        { "{\"macs\":[],\"segments\":[1,\"blue\",\"red\"]}", true, true },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct json *macs = kctl_macs_parse(rows[i].macs);

        assert_int_equal(kctl_macs_has(macs, "blue"), rows[i].blue);
        assert_int_equal(kctl_macs_has(macs, "red"), rows[i].red);
        json_destroy(macs);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set),
        cmocka_unit_test_setup_teardown(test_static, net_setup_fdb,
                                        net_teardown),
        cmocka_unit_test(test_has),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
