/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* When a switch is late, what it may report, and what it may call a port. */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "controller/edge_private.h"
#include "flows/topo.h"
#include "net.h"
#include "openvswitch/ofpbuf.h"
#include "peer.h"
#include "util.h"

/* It is some time after all that a row tells of. */
#define NOW 1000000

static void
test_overdue(void **state OVS_UNUSED)
{
    /* Ages, in seconds; 0 is for what has not been asked. */
    static const struct {
        const char *what;
        enum edge_state state;
        int in_state, txn, ageing, oldest_question, newest_question;
        bool backlog;
        bool overdue;
        int counts, counted, stats;
    } rows[] = {
        { "in sync for long", EDGE_SYNCED, 900, 0, 0, 0, 0,
          false, false, 0, 0, 0 },
        { "unknown for long", EDGE_UNKNOWN, 900, 0, 0, 0, 0,
          false, false, 0, 0, 0 },
        { "follows for long", EDGE_FOLLOW, 900, 0, 0, 0, 0,
          false, false, 0, 0, 0 },
        { "ports", EDGE_PORTS, 59, 0, 0, 0, 0, false, false, 0, 0, 0 },
        { "ports, late", EDGE_PORTS, 60, 0, 0, 0, 0, false, true, 0, 0, 0 },
        { "role, late", EDGE_ROLE, 60, 0, 0, 0, 0, false, true, 0, 0, 0 },
        { "meters, late", EDGE_METER, 60, 0, 0, 0, 0, false, true, 0, 0, 0 },
        { "many questions, one after the other", EDGE_DUMP, 900, 0, 0, 59, 1,
          false, false, 0, 0, 0 },
        { "one question, late", EDGE_DUMP, 900, 0, 0, 60, 1,
          false, true, 0, 0, 0 },
        { "one beside, late", EDGE_SYNCED, 900, 0, 0, 60, 60,
          false, true, 0, 0, 0 },
        { "bundle", EDGE_SYNCED, 900, 59, 0, 0, 0, false, false, 0, 0, 0 },
        { "bundle, late", EDGE_SYNC, 900, 60, 0, 0, 0,
          false, true, 0, 0, 0 },
        { "idle MACs, late", EDGE_SYNCED, 900, 0, 60, 0, 0,
          false, true, 0, 0, 0 },
        { "what limits have counted, late", EDGE_FOLLOW, 900, 0, 0, 0, 0,
          false, true, 60, 0, 0 },
        { "what flows have counted, late", EDGE_FOLLOW, 900, 0, 0, 0, 0,
          false, true, 0, 60, 0 },
        { "statistics", EDGE_SYNCED, 900, 0, 0, 0, 0,
          false, false, 0, 0, 59 },
        { "statistics, late", EDGE_SYNCED, 900, 0, 0, 0, 0,
          false, true, 0, 0, 60 },
        { "late, but has not read all", EDGE_SYNC, 900, 900, 0, 0, 0, true,
          false, 0, 0, 0 },
    };
    struct peer peer = { .message = NULL };

    peer_start(&peer);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct edge_txn txn = { .since = NOW - rows[i].txn * 1000 };
        struct edge *edge = xzalloc(sizeof *edge);
        struct edge_dump *dump = &edge->dump;

        edge->conn = peer.conn;
        edge->state = rows[i].state;
        edge->since = NOW - rows[i].in_state * 1000;
        edge->txn = rows[i].txn ? &txn : NULL;
        edge->counts_xid = rows[i].counts ? htonl(1) : 0;
        edge->counts_since = NOW - rows[i].counts * 1000;
        edge->n_unanswered = rows[i].counted ? 1 : 0;
        edge->questions_since = NOW - rows[i].counted * 1000;
        edge->polling.waiting = rows[i].stats != 0;
        edge->polling.since = NOW - rows[i].stats * 1000;
        edge->ageing.waiting = rows[i].ageing;
        edge->ageing.since = NOW - rows[i].ageing * 1000;
        if (rows[i].oldest_question) {
            dump->asked[dump->n_asked++].since
                = NOW - rows[i].newest_question * 1000;
            dump->asked[dump->n_asked++].since
                = NOW - rows[i].oldest_question * 1000;
        }
        if (rows[i].backlog) {
            ofconn_put(peer.conn, "", 1);
        }
        if (edge_is_overdue(edge, NOW) != rows[i].overdue) {
            fail_msg("%s: overdue or not", rows[i].what);
        }
        free(edge);
    }
    peer_stop(&peer);
}

/* What may be reported follows from the segments and their limits. */
static void
test_dump(void **state OVS_UNUSED)
{
    enum { BASE = 64 * 1024 * 1024 };
    struct net net;
    struct edge *edge = xzalloc(sizeof *edge);

    net_init(&net);
    edge->topo = &net.topo;
    edge_limit_dump(edge);
    assert_true(edge_limit_grow(edge, BASE));
    assert_null(edge->offence);
    assert_false(edge_limit_grow(edge, 1));
    assert_non_null(strstr(edge->offence, "more flows"));

    for (unsigned int n = 1; n <= 1000; n++) {
        net_segment(&net, n, 5000 + n);
    }
    net_settle(&net);
    size_t macs = 2 * 1000 * net_get_segment(&net, 1)->mac_limit
                  * sizeof(struct macdump_flow);
    edge_limit_dump(edge);
    assert_true(edge_limit_grow(edge, BASE + 1000 * 16 * 1024 + macs));
    assert_false(edge_limit_grow(edge, 1));
    free(edge);
    net_destroy(&net);
}

static void
test_names(void **state OVS_UNUSED)
{
    static const struct {
        const char *name, *printed;
    } rows[] = {
        { "", "" },
        { "trunk0", "trunk0" },
        { "a b%s\\\"", "a b%s\\\"" },
        { "br\xc3\xbc" "cke", "br\xc3\xbc" "cke" },
        { "\xff\xfe", "??" },
        { "br\xc3\xbc\xff", "br???" },
        { "a\nb\x1b\x7f", "a?b??" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char name[16];

        ovs_strlcpy(name, rows[i].name, sizeof name);
        edge_limit_name(name);
        assert_string_equal(name, rows[i].printed);
    }
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_overdue),
        cmocka_unit_test(test_dump),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests_name("edge_limit", tests, NULL, NULL);
}
