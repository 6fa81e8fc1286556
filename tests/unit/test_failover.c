/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* Which edge is to be active: each rule by itself, every view of two edges
 * against what must hold for all, and the faults as they unfold. */

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
        .gate_open = strchr(spec, 'g'),
        .closed = strchr(spec, 'c'),
        .fit = strchr(spec, 'f'),
        .drained = strchr(spec, 'd'),
        .bfd = (strchr(spec, '+') ? FAILOVER_BFD_UP
                : strchr(spec, '-') ? FAILOVER_BFD_DOWN : FAILOVER_BFD_NONE),
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
    long long suspect;          /* Age of the suspicion. */
    long long settle;           /* Since when the gate is closed. */
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
    { .what = "a gate that was open, of an edge that has gone",
      .edges = { "rf", "gf" }, .expected = "open A (elected)" },
    { .what = "who is remembered", .edges = { "rf", "rf" },
      .remembered = "B", .expected = "open B (resumed)" },
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

static const struct row active_rows[] = {
    { .what = "all is well", .edges = { "rgf+", "rf+" }, .phase = "A",
      .expected = "nothing" },
    { .what = "it closed its connection, but BFD sees it",
      .edges = { "cf", "rf+" }, .phase = "A", .expected = "nothing" },
    { .what = "it closed its connection, and BFD does not see it",
      .edges = { "cf", "rf-" }, .phase = "A",
      .expected = "open B (active edge closed its connection)" },
    { .what = "it closed its connection, and there is no BFD",
      .edges = { "cf", "rf" }, .phase = "A",
      .expected = "open B (active edge closed its connection)" },
    { .what = "it closed, and nobody can take over", .edges = { "cf", "r" },
      .phase = "A", .expected = "nothing" },
    { .what = "out of our sight, but BFD sees it", .edges = { "f", "rf+" },
      .phase = "A", .expected = "nothing" },
    { .what = "out of our sight and of BFD's", .edges = { "f", "rf-" },
      .phase = "A", .expected = "open B (active edge is out of reach)" },
    { .what = "out of our sight, without BFD", .edges = { "f", "rf" },
      .phase = "A", .expected = "open B (active edge is out of reach)" },
    { .what = "BFD is lost", .edges = { "rgf-", "rf-" }, .phase = "A",
      .heard = 1, .expected = "probe A" },
    { .what = "BFD is lost as a message comes", .edges = { "rgf-", "rf-" },
      .phase = "A", .expected = "nothing" },
    { .what = "it is the standby's BFD that counts",
      .edges = { "rgf-", "rf+" }, .phase = "A", .heard = 1,
      .expected = "nothing" },
    { .what = "there is nobody to replace a suspect",
      .edges = { "rgf-", "r-" }, .phase = "A", .heard = 1,
      .expected = "nothing" },
    { .what = "no answer yet", .edges = { "rgf-", "rf-" }, .phase = "A",
      .suspect = FAILOVER_PROBE - 1, .heard = 300, .expected = "nothing",
      .wake = 1 },
    { .what = "no answer", .edges = { "rgf-", "rf-" }, .phase = "A",
      .suspect = FAILOVER_PROBE, .heard = FAILOVER_PROBE + 1,
      .expected = "open B (active edge is silent)" },
    { .what = "it has answered", .edges = { "rgf-", "rf-" }, .phase = "A",
      .suspect = FAILOVER_PROBE, .heard = FAILOVER_PROBE,
      .expected = "nothing" },
    { .what = "a suspect that lost a port is not waited for to close",
      .edges = { "rg-", "rf-" }, .phase = "A", .suspect = 40, .heard = 300,
      .expected = "nothing", .wake = FAILOVER_PROBE - 40 },
    { .what = "a suspect that answered and lost a port",
      .edges = { "rg-", "rf-" }, .phase = "A", .suspect = 40,
      .expected = "close A (active edge lost a port)" },
    { .what = "it lost a port", .edges = { "rg+", "rf+" }, .phase = "A",
      .expected = "close A (active edge lost a port)" },
    { .what = "both lost a port", .edges = { "rg+", "r+" }, .phase = "A",
      .expected = "nothing" },
    { .what = "it is drained", .edges = { "rgfd", "rf" }, .phase = "A",
      .expected = "close A (active edge is drained)" },
    { .what = "both are drained", .edges = { "rgfd", "rfd" }, .phase = "A",
      .expected = "nothing" },
    { .what = "the operator wants the other", .edges = { "rgf", "rf" },
      .phase = "A", .wanted = "B", .expected = "close A (operator)" },
    { .what = "and of three the third", .edges = { "rgf", "rf", "rf" },
      .phase = "A", .wanted = "C", .expected = "close A (operator)" },
    { .what = "the operator wants one that cannot", .edges = { "rgf", "r" },
      .phase = "A", .wanted = "B", .expected = "nothing" },
    { .what = "the operator wants one of three that cannot",
      .edges = { "rgf", "rf", "r" }, .phase = "A", .wanted = "C",
      .expected = "nothing" },
    { .what = "its gate has yet to open", .edges = { "rf", "rf" },
      .phase = "A", .wanted = "B", .age = FAILOVER_BREAK - 1,
      .expected = "nothing", .wake = 1 },
    { .what = "its gate does not open", .edges = { "rf", "rf" },
      .phase = "A", .wanted = "B", .age = FAILOVER_BREAK,
      .expected = "close A (operator)" },
};

static const struct row preemptive_rows[] = {
    { .what = "the preferred edge is back", .edges = { "rf", "rgf" },
      .phase = "B", .preemptive = true, .well = HOLDDOWN,
      .expected = "close B (preferred edge is back)" },
    { .what = "not for long enough", .edges = { "rf", "rgf" },
      .phase = "B", .preemptive = true, .well = HOLDDOWN - 1,
      .expected = "nothing", .wake = 1 },
    { .what = "without a port", .edges = { "r", "rgf" }, .phase = "B",
      .preemptive = true, .well = HOLDDOWN, .expected = "nothing" },
    { .what = "not preemptive", .edges = { "rf", "rgf" }, .phase = "B",
      .well = HOLDDOWN, .expected = "nothing" },
    { .what = "the operator wants it to stay", .edges = { "rf", "rgf" },
      .phase = "B", .preemptive = true, .well = HOLDDOWN, .wanted = "B",
      .expected = "nothing" },
    { .what = "an edge less preferred", .edges = { "rgf", "rf" },
      .phase = "A", .preemptive = true, .well = HOLDDOWN,
      .expected = "nothing" },
    { .what = "a fault does not wait for the hold-down",
      .edges = { "rf", "rg" }, .phase = "B", .preemptive = true,
      .expected = "close B (active edge lost a port)" },
};

static const struct row breaking_rows[] = {
    { .what = "the gate is open", .edges = { "rgf", "rf" }, .phase = "AB",
      .age = FAILOVER_BREAK - 1, .expected = "nothing", .wake = 1 },
    { .what = "the gate is closed", .edges = { "rf", "rf" }, .phase = "AB",
      .expected = "nothing", .wake = FAILOVER_SETTLE },
    { .what = "the gate is closed, and the switch has settled",
      .edges = { "rf", "rf" }, .phase = "AB", .settle = FAILOVER_SETTLE,
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
        .holddown = HOLDDOWN, .since = NOW - r->age,
    };
    const char *phase = r->phase ? r->phase : "";
    struct failover f = {
        .phase = strlen(phase), .active = parse_id(phase),
        .active_since = NOW - r->age, .break_since = NOW - r->age,
        .suspect_since = r->suspect ? NOW - r->suspect : 0,
        .settle_since = r->settle ? NOW - r->settle : 0,
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
        edges[view.n].heard = NOW - r->heard;
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
        { active_rows, ARRAY_SIZE(active_rows) },
        { preemptive_rows, ARRAY_SIZE(preemptive_rows) },
        { breaking_rows, ARRAY_SIZE(breaking_rows) },
    };

    for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
        for (size_t j = 0; j < tables[i].n; j++) {
            check_row(&tables[i].rows[j]);
        }
    }
}

/* What goes for every view. */

static void
format_case(struct ds *ds, const struct failover *f,
            const struct failover_view *view)
{
    static const char *const phases[] = { "none", "active", "breaking" };

    ds_put_format(ds, "%s, active %s since %lld, target %s, break since %lld, "
                  "suspect since %lld, silent %s, remembered %s, "
                  "wanted %s, preemptive %d, since %lld",
                  phases[f->phase],
                  f->active ? (const char *) f->active : "-",
                  f->active_since,
                  f->target ? (const char *) f->target : "-",
                  f->break_since, f->suspect_since,
                  f->silent ? (const char *) f->silent : "-",
                  view->remembered ? (const char *) view->remembered : "-",
                  view->wanted ? (const char *) view->wanted : "-",
                  view->preemptive, view->since);
    for (size_t i = 0; i < view->n; i++) {
        const struct failover_edge *e = &view->edges[i];

        ds_put_format(ds, "; %s: %s%s%s%s%s bfd %d, well %lld, heard %lld",
                      (const char *) e->id, e->ready ? "ready " : "",
                      e->gate_open ? "open " : "", e->closed ? "closed " : "",
                      e->fit ? "fit " : "", e->drained ? "drained" : "",
                      e->bfd, e->well_since, e->heard);
    }
}

#define CHECK(COND, WHAT)                                               \
    if (!(COND)) {                                                      \
        struct ds ds = DS_EMPTY_INITIALIZER;                            \
                                                                        \
        format_case(&ds, before, view);                                 \
        fail_msg("%s: %s after %s (now %d)", WHAT, verbs[action->verb], \
                 ds_cstr(&ds), NOW);                                    \
    }

static const struct failover_edge *
find_edge(const struct failover_view *view, const void *id)
{
    return id == names[0] ? &view->edges[0]
           : id == names[1] ? &view->edges[1] : NULL;
}

static bool
is_usable(const struct failover *f, const struct failover_edge *e)
{
    return e->ready && e->fit && !e->drained
           && (f->silent != e->id || e->heard > f->silent_since);
}

static void
check_open(const struct failover *before, const struct failover *after,
           const struct failover_view *view,
           const struct failover_action *action)
{
    const struct failover_edge *e = find_edge(view, action->edge);
    const struct failover_edge *other = &view->edges[e == view->edges];
    const struct failover_edge *past = find_edge(view, view->remembered);

    CHECK(e->ready, "it could not be told");
    CHECK(after->phase == FAILOVER_ACTIVE && after->active == e->id
          && after->active_since == NOW, "it is not active");
    CHECK(before->phase != FAILOVER_ACTIVE || before->active != e->id,
          "it was active");
    CHECK(before->phase != FAILOVER_ACTIVE || is_usable(before, e),
          "it is no better");
    CHECK(before->phase == FAILOVER_NONE || other->id != before->active
          || !other->ready || !other->gate_open
          || (before->phase == FAILOVER_BREAKING
              && NOW - before->break_since >= FAILOVER_BREAK)
          || (before->phase == FAILOVER_ACTIVE
              && e->bfd == FAILOVER_BFD_DOWN && before->suspect_since
              && other->heard < before->suspect_since
              && NOW - before->suspect_since >= FAILOVER_PROBE),
          "the old gate is open");
    CHECK(before->phase != FAILOVER_BREAKING || other->id != before->active
          || !other->ready || other->gate_open || e->id == before->active
          || NOW - before->break_since >= FAILOVER_BREAK
          || (before->settle_since
              && NOW - before->settle_since >= FAILOVER_SETTLE),
          "the old gate has just closed");
    CHECK(before->phase != FAILOVER_NONE || e->gate_open
          || !(other->ready && other->gate_open), "the other forwards");
    CHECK(before->phase != FAILOVER_NONE || e->gate_open || !past
          || past->ready || past->closed
          || NOW - view->since >= FAILOVER_GRACE, "not waited for");
    CHECK(before->phase != FAILOVER_ACTIVE || other->ready
          || e->bfd != FAILOVER_BFD_UP, "BFD says that the old one lives");
}

static void
check_action(const struct failover *before, const struct failover *after,
             const struct failover_view *view,
             const struct failover_action *action)
{
    const struct failover_edge *e = find_edge(view, action->edge);

    CHECK(action->wake > NOW, "busy loop");
    if (action->verb == FAILOVER_OPEN) {
        check_open(before, after, view, action);
    } else if (action->verb == FAILOVER_CLOSE) {
        CHECK(before->phase == FAILOVER_ACTIVE && e->id == before->active
              && e->ready, "it could not be told");
        CHECK(after->phase == FAILOVER_BREAKING && after->active == e->id
              && after->target != e->id
              && is_usable(before, find_edge(view, after->target)),
              "for nobody");
        CHECK(e->gate_open || NOW - before->active_since >= FAILOVER_BREAK,
              "it may be about to open");
    } else if (action->verb == FAILOVER_PROBE_EDGE) {
        CHECK(before->phase == FAILOVER_ACTIVE && e->id == before->active
              && e->ready && !before->suspect_since, "no reason to probe");
    }
}

/* What goes when all has been done. */
static void
check_rest(const struct failover *f, const struct failover_view *view,
           const struct failover_action *action)
{
    const struct failover *before = f;
    const struct failover_edge *active = find_edge(view, f->active);
    struct failover_action again;
    struct failover g = *f;

    failover_run(&g, view, NOW, &again);
    CHECK(again.verb == FAILOVER_NOTHING && again.wake == action->wake
          && g.phase == f->phase && g.active == f->active
          && g.target == f->target && g.active_since == f->active_since
          && g.break_since == f->break_since
          && g.settle_since == f->settle_since
          && g.suspect_since == f->suspect_since
          && g.silent == f->silent, "another answer");

    if (f->phase == FAILOVER_NONE) {
        CHECK(action->wake < LLONG_MAX
              || (!view->edges[0].ready && !view->edges[1].ready),
              "nobody is active");
    } else if (f->phase == FAILOVER_BREAKING) {
        CHECK(active->ready && (active->gate_open || f->settle_since)
              && action->wake < LLONG_MAX, "nothing to wait for");
    } else if (is_usable(f, &view->edges[active == view->edges])) {
        CHECK(active->ready || view->edges[active == view->edges].bfd
                               == FAILOVER_BFD_UP, "a dead edge is active");
        CHECK((active->fit && !active->drained) || !active->ready
              || action->wake < LLONG_MAX, "the other would be better");
    }
}

static void
check_case(const struct failover *start, const struct failover_view *view)
{
    const struct failover *before = start;
    struct failover_action action_, *action = &action_;
    struct failover f = *start;
    int n_calls = 0, n_opened = 0;

    do {
        struct failover last = f;

        failover_run(&f, view, NOW, action);
        check_action(&last, &f, view, action);
        n_opened += action->verb == FAILOVER_OPEN;
        n_calls++;
        CHECK(n_calls <= 4, "no end");
    } while (action->verb != FAILOVER_NOTHING);
    CHECK(n_opened <= 1, "opened twice");
    check_rest(&f, view, action);
}

/* Bits that say which deadlines have passed. */
#define HEARD (1 << 0)          /* All edges have just been heard. */
#define WELL (1 << 1)           /* All edges have been well long enough. */
#define GRACE (1 << 2)
#define CHANGED (1 << 3)        /* FAILOVER_BREAK. */
#define SUSPECT (1 << 4)        /* BFD has been down. */
#define SILENT (1 << 5)         /* FAILOVER_PROBE. */
#define LINGERS (1 << 6)        /* The standby was found silent. */
#define N_TIMES (1 << 7)

static const struct phase {
    enum failover_phase phase;
    int active;                 /* Index of an edge, or -1. */
    int times;                  /* Those that make a difference. */
} phases[] = {
    { FAILOVER_NONE, -1, HEARD | WELL | GRACE | LINGERS },
    { FAILOVER_ACTIVE, 0,
      HEARD | WELL | CHANGED | SUSPECT | SILENT | LINGERS },
    { FAILOVER_ACTIVE, 1,
      HEARD | WELL | CHANGED | SUSPECT | SILENT | LINGERS },
    { FAILOVER_BREAKING, 0,
      HEARD | WELL | GRACE | CHANGED | SUSPECT | SILENT | LINGERS },
    { FAILOVER_BREAKING, 1,
      HEARD | WELL | GRACE | CHANGED | SUSPECT | SILENT | LINGERS },
};

static long long
deadline(int times, int bit, long long duration)
{
    return NOW - duration + !(times & bit);
}

static void
check_times(const struct phase *p, struct failover_edge edges[2],
            struct failover_view *view, int times)
{
    struct failover f = { .phase = p->phase };

    if (p->active >= 0) {
        f.active = names[p->active];
        f.active_since = deadline(times, CHANGED, FAILOVER_BREAK);
    }
    if (p->phase == FAILOVER_BREAKING) {
        f.target = names[!p->active];
        f.reason = "because";
        f.break_since = f.active_since;
    }
    if (times & SUSPECT && p->phase == FAILOVER_BREAKING) {
        f.settle_since = deadline(times, SILENT, FAILOVER_SETTLE);
    } else if (times & SUSPECT) {
        f.suspect_since = deadline(times, SILENT, FAILOVER_PROBE);
    }
    if (times & LINGERS) {
        f.silent = names[p->active == 0];
        f.silent_since = NOW - 1;
    }
    view->since = deadline(times, GRACE, FAILOVER_GRACE);
    for (int i = 0; i < 2; i++) {
        edges[i].heard = times & HEARD ? NOW : NOW - FAILOVER_PROBE - 1;
        edges[i].well_since = deadline(times, WELL, HOLDDOWN);
    }
    check_case(&f, view);
}

/* Returns the number of cases. */
static int
check_view(struct failover_edge edges[2])
{
    int n = 0;

    for (int bits = 0; bits < 3 * 3 * 2; bits++) {
        int remembered = bits % 3, wanted = bits / 3 % 3;
        struct failover_view view = {
            .edges = edges, .n = 2,
            .remembered = remembered ? names[remembered - 1] : NULL,
            .wanted = wanted ? names[wanted - 1] : NULL,
            .preemptive = bits / 9, .holddown = HOLDDOWN,
        };

        for (size_t i = 0; i < ARRAY_SIZE(phases); i++) {
            for (int times = 0; times < N_TIMES; times++) {
                if (!(times & ~phases[i].times)) {
                    check_times(&phases[i], edges, &view, times);
                    n++;
                }
            }
        }
    }
    return n;
}

static struct failover_edge
make_edge(int bits, const char *name)
{
    return (struct failover_edge) {
        .id = name, .ready = bits & 1, .gate_open = bits & 2,
        .closed = bits & 4, .fit = bits & 8, .drained = bits & 16,
        .bfd = bits >> 5,
    };
}

static void
test_every_view(void **state OVS_UNUSED)
{
    int n = 0;

    for (int a = 0; a < 96; a++) {
        for (int b = 0; b < 96; b++) {
            struct failover_edge edges[] = { make_edge(a, names[0]),
                                             make_edge(b, names[1]) };

            if (!(edges[0].ready && edges[0].closed)
                && !(edges[1].ready && edges[1].closed)) {
                n += check_view(edges);
            }
        }
    }
    assert_int_equal(n, 72 * 72 * 18 * (16 + 2 * 64 + 2 * 128));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_every_view),
    };

    return cmocka_run_group_tests_name("failover", tests, NULL, NULL);
}
