/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* Which edge is to be active: every view of two edges, in every state, against
 * what must hold for all. */

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

static const char *const names[] = { "A", "B" };
static const char *const verbs[] = { "nothing", "probe", "close", "open" };

static void
format_case(struct ds *ds, const struct failover *f,
            const struct failover_view *view)
{
    static const char *const phases[] = { "none", "active", "breaking" };

    ds_put_format(ds, "%s, active %s since %lld, target %s, break since %lld, "
                  "round since %lld, doubted %s, remembered %s, "
                  "wanted %s, preemptive %d, since %lld",
                  phases[f->phase],
                  f->active ? (const char *) f->active : "-",
                  f->active_since,
                  f->target ? (const char *) f->target : "-",
                  f->break_since, f->round,
                  f->doubted ? (const char *) f->doubted : "-",
                  view->remembered ? (const char *) view->remembered : "-",
                  view->wanted ? (const char *) view->wanted : "-",
                  view->preemptive, view->since);
    for (size_t i = 0; i < view->n; i++) {
        const struct failover_edge *e = &view->edges[i];

        ds_put_format(ds, "; %s: %s%s%s%s%s%s bfd %d, well %lld, heard %lld, "
                      "met %lld, reached %lld",
                      (const char *) e->id, e->ready ? "ready " : "",
                      e->gate_open ? "open " : "", e->alone ? "alone " : "",
                      e->closed ? "closed " : "",
                      e->fit ? "fit " : "", e->drained ? "drained" : "",
                      e->bfd, e->well_since, e->heard, e->met, e->reached);
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
           && !(f->doubted == e->id && f->silent
                && e->heard <= f->doubted_since)
           && !(f->doubted == e->id && f->cut
                && e->reached <= f->doubted_since
                && e->met <= f->doubted_since);
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
              && e->bfd != FAILOVER_BFD_UP && before->round
              && other->answered < before->round
              && other->met < before->round
              && NOW - before->round >= FAILOVER_PROBE),
          "the old gate is open");
    CHECK(before->phase != FAILOVER_BREAKING || other->id != before->active
          || !other->ready || other->gate_open || e->id == before->active
          || NOW - before->break_since >= FAILOVER_BREAK || view->flushed
          || (before->settle_since
              && NOW - before->settle_since >= FAILOVER_SETTLE),
          "the VLANs may not be empty");
    CHECK(before->phase != FAILOVER_NONE || e->gate_open
          || !(other->ready && other->gate_open), "the other forwards");
    CHECK(before->phase != FAILOVER_NONE || e->gate_open || !past
          || past->ready || past->closed
          || NOW - view->since >= FAILOVER_GRACE, "not waited for");
    CHECK(before->phase != FAILOVER_ACTIVE || other->ready || e->alone
          || e->bfd == FAILOVER_BFD_DOWN
          || (before->round
              && NOW - before->round >= (other->closed
                                         ? FAILOVER_PROBE_CLOSED
                                         : FAILOVER_PROBE)
              && other->met < before->round
              && (other->closed || e->bfd != FAILOVER_BFD_UP)),
          "the old one may be there");
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
        CHECK(before->phase == FAILOVER_ACTIVE
              && (e->id == before->active || e->id == before->doubted),
              "nobody to be asked");
        CHECK(!before->round || e->id != before->active
              || before->lost == e->ready
              || NOW - before->round >= FAILOVER_REPROBE,
              "a round is on its way");
        CHECK(e->id == before->active ? after->round == NOW
              : after->recheck == NOW + FAILOVER_REPROBE, "no round begins");
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
          && g.round == f->round && g.doubted == f->doubted,
          "another answer");

    if (f->phase == FAILOVER_NONE) {
        CHECK(action->wake < LLONG_MAX
              || (!view->edges[0].ready && !view->edges[1].ready),
              "nobody is active");
    } else if (f->phase == FAILOVER_BREAKING) {
        CHECK(active->ready && (active->gate_open || f->settle_since)
              && action->wake < LLONG_MAX, "nothing to wait for");
    } else if (is_usable(f, &view->edges[active == view->edges])) {
        CHECK(active->ready || action->wake < LLONG_MAX
              || view->edges[active == view->edges].bfd == FAILOVER_BFD_UP,
              "a dead edge is active");
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
        CHECK(n_calls <= 5, "no end");
    } while (action->verb != FAILOVER_NOTHING);
    CHECK(n_opened <= 1, "opened twice");
    check_rest(&f, view, action);
}

/* Bits that say which deadlines have passed. */
#define HEARD (1 << 0)          /* All edges have just been heard. */
#define WELL (1 << 1)           /* All edges have been well long enough. */
#define GRACE (1 << 2)
#define CHANGED (1 << 3)        /* FAILOVER_BREAK. */
#define ROUND (1 << 4)          /* A round has begun, or the gate is closed. */
#define OVER (1 << 5)           /* FAILOVER_PROBE, or FAILOVER_SETTLE. */
#define DOUBTED (1 << 6)        /* The standby was found silent. */
#define CUT (1 << 7)            /* Or, with DOUBTED, without overlay. */
#define ANSWERS (1 << 8)        /* The edges have answered others. */
#define FLUSHED (1 << 9)        /* The marker has come. */
#define N_TIMES (1 << 10)

static const struct phase {
    enum failover_phase phase;
    int active;                 /* Index of an edge, or -1. */
    int times;                  /* Those that make a difference. */
} phases[] = {
    { FAILOVER_NONE, -1, HEARD | GRACE | DOUBTED },
    { FAILOVER_ACTIVE, 0,
      HEARD | WELL | CHANGED | ROUND | OVER | DOUBTED | CUT | ANSWERS },
    { FAILOVER_ACTIVE, 1,
      HEARD | WELL | CHANGED | ROUND | OVER | DOUBTED | CUT | ANSWERS },
    { FAILOVER_BREAKING, 0,
      HEARD | GRACE | CHANGED | DOUBTED | ROUND | OVER | FLUSHED },
    { FAILOVER_BREAKING, 1,
      HEARD | GRACE | CHANGED | DOUBTED | ROUND | OVER | FLUSHED },
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
    if (times & ROUND && p->phase == FAILOVER_BREAKING) {
        f.settle_since = deadline(times, OVER, FAILOVER_SETTLE);
    } else if (times & ROUND) {
        f.round = deadline(times, OVER, FAILOVER_PROBE);
        f.lost = p->active >= 0 && !edges[p->active].ready;
    }
    if (times & DOUBTED) {
        f.silent = !(times & CUT);
        f.cut = times & CUT;
        f.doubted = names[p->active == 0];
        f.doubted_since = NOW - 1;
    }
    view->since = deadline(times, GRACE, FAILOVER_GRACE);
    view->flushed = times & FLUSHED;
    for (int i = 0; i < 2; i++) {
        edges[i].heard = times & HEARD ? NOW : NOW - FAILOVER_PROBE - 1;
        edges[i].answered = edges[i].heard;
        edges[i].met = times & ANSWERS ? NOW : 0;
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
                if (!(times & ~phases[i].times)
                    && (times & DOUBTED || !(times & CUT))
                    && (times & ROUND || !(times & (OVER | ANSWERS)))) {
                    check_times(&phases[i], edges, &view, times);
                    n++;
                }
            }
        }
    }
    return n;
}

/* An edge for each number below N_EDGES that makes sense: only one that is
 * ready can be alone, has an open gate that counts, or reaches others; and one
 * that is not has no BFD to ask. */
#define N_EDGES 192

static bool
make_edge(int bits, const char *name, struct failover_edge *edge)
{
    *edge = (struct failover_edge) {
        .id = name, .ready = bits & 1, .gate_open = bits & 2,
        .fit = bits & 8, .drained = bits & 16,
        .bfd = (bits >> 5) % 3, .reached = bits >= 96 ? NOW : 0,
    };
    if (edge->ready) {
        edge->alone = bits & 4 && edge->gate_open;
        return !(bits & 4) || (edge->alone && edge->bfd == FAILOVER_BFD_DOWN);
    }
    edge->closed = bits & 4;
    return bits < 32;
}

static void
test_every_view(void **state OVS_UNUSED)
{
    int n_views = 0, n = 0;

    for (int a = 0; a < N_EDGES; a++) {
        for (int b = 0; b < N_EDGES; b++) {
            struct failover_edge edges[2];

            if (make_edge(a, names[0], &edges[0])
                && make_edge(b, names[1], &edges[1])) {
                n += check_view(edges);
                n_views++;
            }
        }
    }
    assert_int_equal(n_views, 72 * 72);
    assert_int_equal(n, 72 * 72 * 18 * (8 + 2 * 8 * 3 * 5 + 2 * 16 * 3 * 2));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_view),
    };

    return cmocka_run_group_tests_name("failover_views", tests, NULL, NULL);
}
