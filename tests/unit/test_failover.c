/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* Which edge is to be active: each rule by itself.  Beside this there are
 * test_failover_views.c, every view of two edges against what must hold for
 * all, and test_failover_faults.c, the faults as they unfold. */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flows/failover.h"
#include "openvswitch/dynamic-string.h"
#include "util.h"

#define NOW 100000
#define HOLDDOWN 5000

static const char *const names[] = { "A", "B", "C" };
static const char *const verbs[] = { "nothing", "probe", "close", "open" };

/* Reads what 'spec' says of an edge: a letter for each thing that is so. */
static struct failover_edge
parse_edge(const char *spec, const char *name)
{
    return (struct failover_edge) {
        .id = name,
        .ready = strchr(spec, 'r'),
        .gate_open = strchr(spec, 'g') || strchr(spec, 'a'),
        .alone = strchr(spec, 'a'),
        .closed = strchr(spec, 'c'),
        .fit = strchr(spec, 'f'),
        .drained = strchr(spec, 'd'),
        .bfd = (strchr(spec, '+') ? FAILOVER_BFD_UP
                : strchr(spec, '-') ? FAILOVER_BFD_DOWN : FAILOVER_BFD_NONE),
        .met = strchr(spec, 'm') ? NOW : 0,
        .reached = strchr(spec, 'o') ? NOW : 0,
    };
}

static const char *
parse_id(const char *s)
{
    return !s || !*s ? NULL : names[*s - 'A'];
}

static void
format_action(struct ds *ds, const struct failover_action *action)
{
    ds_put_cstr(ds, verbs[action->verb]);
    if (action->edge) {
        ds_put_format(ds, " %s", (const char *) action->edge);
    }
    if (action->reason) {
        ds_put_format(ds, " (%s)", action->reason);
    }
}

/* One call.  Times are given by how long ago they were. */
struct row {
    const char *what;
    const char *edges[3];       /* parse_edge(). */
    const char *phase;          /* "", "A": active; "AB": A gives way to B. */
    const char *expected;       /* format_action(). */
    long long wake;             /* From now, or 0. */
    long long age;              /* Of the phase or, in "", of the cluster. */
    long long round;            /* Age of the round, or 0 for none. */
    bool lost;                  /* It is about an edge that is not there. */
    long long settle;           /* Since when the gate is closed. */
    long long recheck;          /* From now. */
    bool flushed;
    const char *silent, *cut;   /* Doubted, for as long as the round. */
    long long heard;            /* Of all edges. */
    long long well;             /* Of all edges. */
    const char *remembered, *wanted;
    bool preemptive;
};

static const struct row none_rows[] = {
    { .what = "nobody is there", .edges = { "f", "f" },
      .expected = "nothing" },
    { .what = "the first to come", .edges = { "f", "rf" },
      .expected = "open B (elected)" },
    { .what = "the more preferred", .edges = { "rf", "rf" },
      .expected = "open A (elected)" },
    { .what = "the third", .edges = { "r", "rfd", "rf" },
      .expected = "open C (elected)" },
    { .what = "one that is not fit is better than none",
      .edges = { "f", "r" }, .expected = "open B (elected)" },
    { .what = "who forwards already", .edges = { "rf", "rgf" },
      .remembered = "A", .expected = "open B (adopted)" },
    { .what = "who forwards already, fit or not", .edges = { "rf", "rgd" },
      .expected = "open B (adopted)" },
    { .what = "who forwards by its own decision", .edges = { "f", "raf-" },
      .remembered = "A", .expected = "open B (took over by itself)" },
    { .what = "a gate that was open, of an edge that has gone",
      .edges = { "rf", "gf" }, .expected = "open A (elected)" },
    { .what = "who is remembered", .edges = { "rf", "rf" },
      .remembered = "B", .expected = "open B (resumed)" },
    { .what = "who is remembered, but the other may have taken over",
      .edges = { "f", "rf" }, .remembered = "B",
      .age = FAILOVER_OTHERS - 1, .expected = "nothing", .wake = 1 },
    { .what = "if so, it should have come", .edges = { "f", "rf" },
      .remembered = "B", .age = FAILOVER_OTHERS,
      .expected = "open B (resumed)" },
    { .what = "if it is known to be dead, it has not",
      .edges = { "cf", "rf" }, .remembered = "B",
      .expected = "open B (resumed)" },
    { .what = "who is remembered is waited for", .edges = { "rf", "f" },
      .remembered = "B", .age = FAILOVER_GRACE - 1, .expected = "nothing",
      .wake = 1 },
    { .what = "but not for ever", .edges = { "rf", "f" },
      .remembered = "B", .age = FAILOVER_GRACE,
      .expected = "open A (elected)" },
    { .what = "nor if it is known to be dead", .edges = { "rf", "cf" },
      .remembered = "B", .expected = "open A (elected)" },
    { .what = "nor if it has come without its ports", .edges = { "rf", "r" },
      .remembered = "B", .expected = "open A (elected)" },
    { .what = "one that forwards ends the wait", .edges = { "rgf", "f" },
      .remembered = "B", .expected = "open A (adopted)" },
    { .what = "nobody to replace who is remembered", .edges = { "f", "f" },
      .remembered = "B", .age = FAILOVER_GRACE, .expected = "nothing" },
    { .what = "an active edge that has left the cluster",
      .edges = { "rf", "rf" }, .phase = "C",
      .expected = "open A (elected)" },
};

static const struct row lost_rows[] = {
    { .what = "it closed its connection, and BFD does not see it",
      .edges = { "cf", "rf-" }, .phase = "A",
      .expected = "open B (active edge closed its connection)" },
    { .what = "out of our sight and of BFD's", .edges = { "f", "rf-" },
      .phase = "A", .expected = "open B (active edge is out of reach)" },
    { .what = "it closed its connection, but BFD sees it",
      .edges = { "cf", "rf+" }, .phase = "A", .expected = "probe A" },
    { .what = "it closed its connection, and there is no BFD",
      .edges = { "cf", "rf" }, .phase = "A", .expected = "probe A" },
    { .what = "a round from before does not count",
      .edges = { "cfm", "rf" }, .phase = "A", .round = 20,
      .expected = "probe A" },
    { .what = "no answer yet", .edges = { "cf", "rf+" }, .phase = "A",
      .round = FAILOVER_PROBE_CLOSED - 1, .lost = true, .expected = "nothing",
      .wake = 1 },
    { .what = "no answer", .edges = { "cf", "rf+" }, .phase = "A",
      .round = FAILOVER_PROBE_CLOSED, .lost = true,
      .expected = "open B (active edge closed its connection)" },
    { .what = "it answers, and BFD watches on", .edges = { "cfm", "rf+" },
      .phase = "A", .round = FAILOVER_PROBE_CLOSED, .lost = true,
      .expected = "nothing" },
    { .what = "BFD watches on, for as long as it likes",
      .edges = { "cfm", "rf+" }, .phase = "A", .round = 60000, .lost = true,
      .expected = "nothing" },
    { .what = "it answers, and is asked again", .edges = { "cfm", "rf" },
      .phase = "A", .round = FAILOVER_PROBE_CLOSED, .lost = true,
      .expected = "nothing",
      .wake = FAILOVER_REPROBE - FAILOVER_PROBE_CLOSED },
    { .what = "it is asked again", .edges = { "cfm", "rf" }, .phase = "A",
      .round = FAILOVER_REPROBE, .lost = true, .expected = "probe A" },
    { .what = "out of our sight, but BFD sees it", .edges = { "f", "rf+" },
      .phase = "A", .round = FAILOVER_PROBE, .lost = true,
      .expected = "nothing" },
    { .what = "out of our sight, without BFD", .edges = { "f", "rf" },
      .phase = "A", .round = FAILOVER_PROBE, .lost = true,
      .expected = "open B (active edge is out of reach)" },
    { .what = "it closed, and nobody can take over", .edges = { "cf", "r" },
      .phase = "A", .expected = "nothing" },
    { .what = "the other has taken over already", .edges = { "cf", "raf-" },
      .phase = "A", .expected = "open B (took over by itself)" },
    { .what = "the other has, and we have not heard of its end",
      .edges = { "rgf-", "raf-" }, .phase = "A", .heard = 300,
      .expected = "probe A" },
};

static const struct row active_rows[] = {
    { .what = "all is well", .edges = { "rgf+", "rf+" }, .phase = "A",
      .expected = "nothing" },
    { .what = "BFD is lost", .edges = { "rgf-", "rf-" }, .phase = "A",
      .heard = 1, .expected = "probe A" },
    { .what = "it is the standby's BFD that counts",
      .edges = { "rgf-", "rf+" }, .phase = "A", .heard = 1,
      .expected = "nothing" },
    { .what = "there is no BFD", .edges = { "rgf", "rf" }, .phase = "A",
      .heard = 1, .expected = "probe A" },
    { .what = "there is nobody to replace a suspect",
      .edges = { "rgf-", "r-" }, .phase = "A", .heard = 1,
      .expected = "nothing" },
    { .what = "no answer yet", .edges = { "rgf-", "rf-" }, .phase = "A",
      .round = FAILOVER_PROBE - 1, .heard = 300, .expected = "nothing",
      .wake = 1 },
    { .what = "no answer", .edges = { "rgf-", "rf-" }, .phase = "A",
      .round = FAILOVER_PROBE, .heard = FAILOVER_PROBE + 1,
      .expected = "open B (active edge is silent)" },
    { .what = "no answer, but one to the other edge",
      .edges = { "rgfm-", "rf-" }, .phase = "A", .round = FAILOVER_PROBE,
      .heard = FAILOVER_PROBE + 1, .expected = "nothing",
      .wake = FAILOVER_REPROBE - FAILOVER_PROBE },
    { .what = "it has answered", .edges = { "rgf-", "rf-" }, .phase = "A",
      .round = FAILOVER_PROBE, .heard = FAILOVER_PROBE,
      .expected = "nothing", .wake = FAILOVER_REPROBE - FAILOVER_PROBE },
    { .what = "it is asked again", .edges = { "rgf-", "rf-" }, .phase = "A",
      .round = FAILOVER_REPROBE, .expected = "probe A" },
    { .what = "without BFD, too", .edges = { "rgf", "rf" }, .phase = "A",
      .round = FAILOVER_REPROBE, .expected = "probe A" },
    { .what = "a suspect that lost a port is not waited for to close",
      .edges = { "rg-", "rf-" }, .phase = "A", .round = 30, .heard = 300,
      .expected = "nothing", .wake = FAILOVER_PROBE - 30 },
    { .what = "a suspect that answered and lost a port",
      .edges = { "rg-", "rf-" }, .phase = "A", .round = 30,
      .expected = "close A (active edge lost a port)" },
    { .what = "it has lost the overlay, the other has not",
      .edges = { "rgf-", "rf-o" }, .phase = "A", .round = FAILOVER_PROBE,
      .expected = "close A (active edge lost the overlay)" },
    { .what = "there is time for an answer",
      .edges = { "rgf-", "rf-o" }, .phase = "A",
      .round = FAILOVER_PROBE - 1, .expected = "nothing", .wake = 1 },
    { .what = "it was only slow", .edges = { "rgf-o", "rf-o" },
      .phase = "A", .round = FAILOVER_PROBE, .expected = "nothing",
      .wake = FAILOVER_REPROBE - FAILOVER_PROBE },
    { .what = "both have lost the overlay", .edges = { "rgf-", "rf-" },
      .phase = "A", .round = FAILOVER_PROBE, .expected = "nothing",
      .wake = FAILOVER_REPROBE - FAILOVER_PROBE },
    { .what = "the other has lost the overlay", .edges = { "rgf-o", "rf-" },
      .phase = "A", .round = FAILOVER_PROBE, .expected = "nothing",
      .wake = FAILOVER_REPROBE - FAILOVER_PROBE },
    { .what = "it lost a port", .edges = { "rg+", "rf+" }, .phase = "A",
      .expected = "close A (active edge lost a port)" },
    { .what = "both lost a port", .edges = { "rg+", "r+" }, .phase = "A",
      .expected = "nothing" },
    { .what = "it is drained", .edges = { "rgfd+", "rf+" }, .phase = "A",
      .expected = "close A (active edge is drained)" },
    { .what = "both are drained", .edges = { "rgfd", "rfd" }, .phase = "A",
      .expected = "nothing" },
    { .what = "the operator wants the other", .edges = { "rgf+", "rf+" },
      .phase = "A", .wanted = "B", .expected = "close A (operator)" },
    { .what = "and of three the third", .edges = { "rgf", "rf+", "rf" },
      .phase = "A", .wanted = "C", .expected = "close A (operator)" },
    { .what = "the operator wants one that cannot",
      .edges = { "rgf+", "r+" }, .phase = "A", .wanted = "B",
      .expected = "nothing" },
    { .what = "the operator wants one of three that cannot",
      .edges = { "rgf", "rf+", "r" }, .phase = "A", .wanted = "C",
      .expected = "nothing" },
    { .what = "its gate has yet to open", .edges = { "rf+", "rf+" },
      .phase = "A", .wanted = "B", .age = FAILOVER_BREAK - 1,
      .expected = "nothing", .wake = 1 },
    { .what = "its gate does not open", .edges = { "rf+", "rf+" },
      .phase = "A", .wanted = "B", .age = FAILOVER_BREAK,
      .expected = "close A (operator)" },
};

static const struct row doubt_rows[] = {
    { .what = "one that was silent cannot take over",
      .edges = { "rf-", "rg-" }, .phase = "B", .silent = "A", .round = 30,
      .heard = 100, .expected = "nothing" },
    { .what = "it has been heard since", .edges = { "rf+", "rg+" },
      .phase = "B", .silent = "A", .round = 30, .heard = 20,
      .expected = "close B (active edge lost a port)" },
    { .what = "one without overlay cannot take over",
      .edges = { "rf-", "rg-" }, .phase = "B", .cut = "A", .round = 30,
      .recheck = 7, .expected = "nothing", .wake = 7 },
    { .what = "although BFD has not noticed yet",
      .edges = { "rf+", "rg-" }, .phase = "B", .cut = "A", .round = 30,
      .recheck = 7, .expected = "nothing", .wake = 7 },
    { .what = "the other sees it again", .edges = { "rfm+", "rg+" },
      .phase = "B", .cut = "A", .round = 30,
      .expected = "close B (active edge lost a port)" },
    { .what = "it has the overlay again", .edges = { "rfo-", "rg-" },
      .phase = "B", .cut = "A", .round = 30,
      .expected = "close B (active edge lost a port)" },
    { .what = "it is asked whether it has", .edges = { "rf", "rg" },
      .phase = "B", .cut = "A", .expected = "probe A" },
    { .what = "also where there is another", .edges = { "rf", "rg+", "rf+" },
      .phase = "B", .cut = "A", .expected = "probe A" },
    { .what = "not while it is not there", .edges = { "f", "rg" },
      .phase = "B", .cut = "A", .expected = "nothing" },
};

static const struct row preemptive_rows[] = {
    { .what = "the preferred edge is back", .edges = { "rf+", "rgf+" },
      .phase = "B", .preemptive = true, .well = HOLDDOWN,
      .expected = "close B (preferred edge is back)" },
    { .what = "not for long enough", .edges = { "rf+", "rgf+" },
      .phase = "B", .preemptive = true, .well = HOLDDOWN - 1,
      .expected = "nothing", .wake = 1 },
    { .what = "without a port", .edges = { "r", "rgf" }, .phase = "B",
      .preemptive = true, .well = HOLDDOWN, .expected = "nothing" },
    { .what = "not preemptive", .edges = { "rf+", "rgf+" }, .phase = "B",
      .well = HOLDDOWN, .expected = "nothing" },
    { .what = "the operator wants it to stay", .edges = { "rf+", "rgf+" },
      .phase = "B", .preemptive = true, .well = HOLDDOWN, .wanted = "B",
      .expected = "nothing" },
    { .what = "an edge less preferred", .edges = { "rgf+", "rf+" },
      .phase = "A", .preemptive = true, .well = HOLDDOWN,
      .expected = "nothing" },
    { .what = "a fault does not wait for the hold-down",
      .edges = { "rf+", "rg+" }, .phase = "B", .preemptive = true,
      .expected = "close B (active edge lost a port)" },
};

static const struct row breaking_rows[] = {
    { .what = "the gate is open", .edges = { "rgf", "rf" }, .phase = "AB",
      .age = FAILOVER_BREAK - 1, .expected = "nothing", .wake = 1 },
    { .what = "the gate is closed", .edges = { "rf", "rf" }, .phase = "AB",
      .expected = "nothing", .wake = FAILOVER_SETTLE },
    { .what = "the gate is closed, and the VLANs are empty",
      .edges = { "rf", "rf" }, .phase = "AB", .flushed = true,
      .expected = "open B (because)" },
    { .what = "the marker has come, but the gate is open",
      .edges = { "rgf", "rf" }, .phase = "AB", .flushed = true,
      .age = FAILOVER_BREAK - 1, .expected = "nothing", .wake = 1 },
    { .what = "the marker got lost", .edges = { "rf", "rf" },
      .phase = "AB", .settle = FAILOVER_SETTLE,
      .expected = "open B (because)" },
    { .what = "the gate is open again", .edges = { "rgf", "rf" },
      .phase = "AB", .settle = FAILOVER_SETTLE, .age = FAILOVER_BREAK - 1,
      .expected = "nothing", .wake = 1 },
    { .what = "the gate does not close", .edges = { "rgf", "rf" },
      .phase = "AB", .age = FAILOVER_BREAK, .expected = "open B (because)" },
    { .what = "the old edge is gone", .edges = { "gf", "rf" },
      .phase = "AB", .expected = "open B (because)" },
    { .what = "the old edge has left the cluster", .edges = { "rf", "rf" },
      .phase = "CB", .expected = "open B (because)" },
    { .what = "the new edge is gone", .edges = { "rgf", "f" },
      .phase = "AB", .expected = "open A (the edge to take over was lost)" },
    { .what = "the new edge has left the cluster", .edges = { "rgf", "rf" },
      .phase = "AC", .expected = "open A (the edge to take over was lost)" },
    { .what = "the new edge lost a port", .edges = { "rgd", "r" },
      .phase = "AB", .expected = "open A (the edge to take over was lost)" },
    { .what = "both are gone", .edges = { "f", "f" }, .phase = "AB",
      .expected = "nothing" },
    { .what = "both are gone, a third is there",
      .edges = { "f", "f", "rf" }, .phase = "AB",
      .expected = "open C (elected)" },
};

static void
check_row(const struct row *r)
{
    struct failover_edge edges[3];
    struct failover_view view = {
        .edges = edges, .remembered = parse_id(r->remembered),
        .wanted = parse_id(r->wanted), .preemptive = r->preemptive,
        .flushed = r->flushed,
        .holddown = HOLDDOWN, .since = NOW - r->age,
    };
    const char *phase = r->phase ? r->phase : "";
    struct failover f = {
        .phase = strlen(phase), .active = parse_id(phase),
        .active_since = NOW - r->age, .break_since = NOW - r->age,
        .round = r->round ? NOW - r->round : 0, .lost = r->lost,
        .settle_since = r->settle ? NOW - r->settle : 0,
        .silent = r->silent, .cut = r->cut,
        .doubted = parse_id(r->silent ? r->silent : r->cut),
        .doubted_since = NOW - r->round, .recheck = NOW + r->recheck,
    };
    long long wake = r->wake ? NOW + r->wake : LLONG_MAX;
    struct failover_action action;
    struct ds ds = DS_EMPTY_INITIALIZER;

    if (f.phase == FAILOVER_BREAKING) {
        f.target = parse_id(phase + 1);
        f.reason = "because";
    }
    for (; view.n < 3 && r->edges[view.n]; view.n++) {
        edges[view.n] = parse_edge(r->edges[view.n], names[view.n]);
        edges[view.n].heard = edges[view.n].answered = NOW - r->heard;
        edges[view.n].well_since = NOW - r->well;
    }
    failover_run(&f, &view, NOW, &action);
    format_action(&ds, &action);
    if (strcmp(ds_cstr(&ds), r->expected)
        || (action.verb == FAILOVER_NOTHING && action.wake != wake)) {
        fail_msg("%s: %s, wake %lld; not %s, wake %lld", r->what,
                 ds_cstr(&ds), action.wake - NOW, r->expected, wake - NOW);
    }
    ds_destroy(&ds);
}

static void
test_rows(void **state OVS_UNUSED)
{
    static const struct {
        const struct row *rows;
        size_t n;
    } tables[] = {
        { none_rows, ARRAY_SIZE(none_rows) },
        { lost_rows, ARRAY_SIZE(lost_rows) },
        { active_rows, ARRAY_SIZE(active_rows) },
        { doubt_rows, ARRAY_SIZE(doubt_rows) },
        { preemptive_rows, ARRAY_SIZE(preemptive_rows) },
        { breaking_rows, ARRAY_SIZE(breaking_rows) },
    };

    for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
        for (size_t j = 0; j < tables[i].n; j++) {
            check_row(&tables[i].rows[j]);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
    };

    return cmocka_run_group_tests_name("failover", tests, NULL, NULL);
}
