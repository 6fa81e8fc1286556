/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* The faults that a cluster of two edges is to survive, as they unfold.
 *
 * A story is a list of lines.  A line that is not indented is what happens, to
 * both edges, at one time; the indented ones below are what is decided then,
 * or in the course of time.  A switch does what it is told when it
 * "confirms". */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "flows/failover.h"
#include "openvswitch/dynamic-string.h"
#include "util.h"

#define START 1000
#define HOLDDOWN 5000

struct world {
    struct failover f;
    struct failover_view view;
    struct failover_edge edges[2];
    bool gate[2];               /* In the switch. */
    bool told[2];               /* To have the gate open. */
    long long now, wake;
    struct ds out;
};

static const char *const names[] = { "A", "B" };

static void
world_init(struct world *w, bool preemptive)
{
    *w = (struct world) {
        .view = { .edges = w->edges, .n = 2, .preemptive = preemptive,
                  .holddown = HOLDDOWN, .since = START },
        .edges = { { .id = names[0], .fit = true },
                   { .id = names[1], .fit = true } },
        .now = START,
        .out = DS_EMPTY_INITIALIZER,
    };
}

static void
world_run(struct world *w)
{
    static const char *const verbs[] = { "", "probe", "close", "open" };
    struct failover_action action;
    int n_calls = 0;

    for (int i = 0; i < 2; i++) {
        w->edges[i].gate_open = w->edges[i].ready && w->gate[i];
        if (failover_is_doubted(&w->f, &w->edges[i])) {
            w->edges[i].well_since = w->now;
        }
    }
    do {
        failover_run(&w->f, &w->view, w->now, &action);
        if (action.verb) {
            ds_put_format(&w->out, "  %lld: %s %s", w->now - START,
                          verbs[action.verb], (const char *) action.edge);
            if (action.reason) {
                ds_put_format(&w->out, " (%s)", action.reason);
            }
            ds_put_char(&w->out, '\n');
        }
        if (action.verb == FAILOVER_OPEN) {
            w->view.remembered = action.edge;
            w->told[0] = action.edge == names[0];
            w->told[1] = action.edge == names[1];
        } else if (action.verb == FAILOVER_CLOSE) {
            w->told[0] = w->told[1] = false;
            w->view.flushed = false;
        }
        assert_true(++n_calls <= 4);
    } while (action.verb);
    w->wake = action.wake;
    assert_true(w->wake > w->now);
}

static void
world_advance(struct world *w, long long ms)
{
    long long end = w->now + ms;

    while (w->wake <= end) {
        w->now = w->wake;
        world_run(w);
    }
    w->now = end;
}

/* The controller starts anew: it knows what the database does. */
static void
world_restart(struct world *w)
{
    w->f = (struct failover) { .phase = FAILOVER_NONE };
    w->view.since = w->now;
    for (int i = 0; i < 2; i++) {
        w->edges[i].ready = w->edges[i].closed = false;
    }
}

static void
world_set(struct world *w, int i, bool ready, bool closed, bool fit)
{
    struct failover_edge *e = &w->edges[i];

    if (ready && fit && !(e->ready && e->fit)) {
        e->well_since = w->now;
    }
    if (ready && !e->ready) {
        e->heard = w->now;
    }
    e->ready = ready;
    e->closed = closed;
    e->fit = fit;
}

static void
world_event(struct world *w, int i, const char *event)
{
    struct failover_edge *e = &w->edges[i];

    if (!strcmp(event, "connects")) {
        world_set(w, i, true, false, e->fit);
    } else if (!strcmp(event, "closes")) {
        world_set(w, i, false, true, e->fit);
    } else if (!strcmp(event, "dies")) {
        w->gate[i] = false;
        world_set(w, i, false, true, e->fit);
    } else if (!strcmp(event, "fades")) {
        world_set(w, i, false, false, e->fit);
    } else if (!strcmp(event, "confirms")) {
        w->gate[i] = w->told[i];
        w->view.flushed = true;
    } else if (!strcmp(event, "confirms-and-no-marker-comes")) {
        w->gate[i] = w->told[i];
    } else if (!strcmp(event, "answers")) {
        e->heard = e->answered = w->now;
    } else if (!strcmp(event, "met")) {
        e->met = w->now;
    } else if (!strcmp(event, "reaches")) {
        e->reached = w->now;
    } else if (!strcmp(event, "alone")) {
        w->gate[i] = e->alone = true;
    } else if (!strcmp(event, "called-back")) {
        w->gate[i] = e->alone = false;
    } else if (!strcmp(event, "trunk-down")) {
        world_set(w, i, e->ready, e->closed, false);
    } else if (!strcmp(event, "trunk-up")) {
        world_set(w, i, e->ready, e->closed, true);
    } else if (!strcmp(event, "bfd-up")) {
        e->bfd = FAILOVER_BFD_UP;
    } else if (!strcmp(event, "bfd-down")) {
        e->bfd = FAILOVER_BFD_DOWN;
    } else if (!strcmp(event, "drained")) {
        e->drained = true;
    } else if (!strcmp(event, "wanted")) {
        w->view.wanted = e->id;
    } else {
        fail_msg("%s: no such event", event);
    }
}

/* "advance MS", "restart", or events each of the edge named last. */
static void
world_line(struct world *w, const char *line)
{
    char *copy = xstrdup(line), *save = NULL;
    int i = 0;

    for (char *word = strtok_r(copy, " ", &save); word;
         word = strtok_r(NULL, " ", &save)) {
        if (!strcmp(word, "advance")) {
            world_advance(w, atoi(strtok_r(NULL, " ", &save)));
        } else if (!strcmp(word, "restart")) {
            world_restart(w);
        } else if (!strcmp(word, "A") || !strcmp(word, "B")) {
            i = *word - 'A';
        } else {
            world_event(w, i, word);
        }
    }
    world_run(w);
    free(copy);
}

/* How most stories begin: A is active, and 'now' is 10000. */
#define BEGIN                                                           \
    "A connects bfd-up B connects bfd-up\n"                             \
    "  0: open A (elected)\n"                                           \
    "A confirms\n"                                                      \
    "advance 10000\n"

static const struct story {
    const char *what;
    bool preemptive;
    const char *script;
} stories[] = {
    { "the active edge is killed", false, BEGIN
      "A dies\n"
      "  10000: probe A\n"
      "advance 20\n"
      "advance 60000\n"
      "  10025: open B (active edge closed its connection)\n" },
    { "the active edge is killed, and BFD sees it first", false, BEGIN
      "A dies\n"
      "  10000: probe A\n"
      "B bfd-down\n"
      "  10000: open B (active edge closed its connection)\n"
      "B confirms\n"
      "advance 60000\n" },
    { "the active edge reconnects", false, BEGIN
      "A closes\n"
      "  10000: probe A\n"
      "advance 3\n"
      "A met\n"
      "advance 1000\n"
      "A connects\n"
      "advance 60000\n" },
    { "the active edge closes its connection, then dies", false, BEGIN
      "A closes\n"
      "  10000: probe A\n"
      "advance 3\n"
      "A met\n"
      "advance 5000\n"
      "B bfd-down\n"
      "  15003: open B (active edge closed its connection)\n" },
    { "the active edge vanishes", false, BEGIN
      "B bfd-down\n"
      "  10000: probe A\n"
      "advance 5000\n"
      "  10080: open B (active edge is silent)\n"
      "B confirms\n"
      "A fades\n"
      "advance 60000\n" },
    { "the active edge vanishes, its connection first", false, BEGIN
      "A fades\n"
      "  10000: probe A\n"
      "advance 5000\n"
      "B bfd-down\n"
      "  15000: open B (active edge is out of reach)\n" },
    { "the trunk of the active edge goes down", false, BEGIN
      "A trunk-down\n"
      "  10000: close A (active edge lost a port)\n"
      "advance 7\n"
      "A confirms\n"
      "  10007: open B (active edge lost a port)\n"
      "B confirms\n"
      "advance 60000\n" },
    { "the trunk goes down, and the gate does not close", false, BEGIN
      "A trunk-down\n"
      "  10000: close A (active edge lost a port)\n"
      "advance 60000\n"
      "  11000: open B (active edge lost a port)\n" },
    { "the trunk goes down, and the marker is lost", false, BEGIN
      "A trunk-down\n"
      "  10000: close A (active edge lost a port)\n"
      "advance 7\n"
      "A confirms-and-no-marker-comes\n"
      "advance 60000\n"
      "  10027: open B (active edge lost a port)\n" },
    { "the trunk goes down, then the standby is killed", false, BEGIN
      "A trunk-down\n"
      "  10000: close A (active edge lost a port)\n"
      "B dies\n"
      "  10000: open A (the edge to take over was lost)\n"
      "advance 60000\n" },
    { "the underlay of the active edge goes down", true, BEGIN
      "A bfd-down B bfd-down\n"
      "  10000: probe A\n"
      "advance 3\n"
      "A answers B reaches\n"
      "advance 100\n"
      "  10080: close A (active edge lost the overlay)\n"
      "A confirms\n"
      "  10103: open B (active edge lost the overlay)\n"
      "  10103: probe A\n"
      "B confirms\n"
      "advance 1200\n"
      "  10603: probe A\n"
      "  11103: probe A\n"
      "A bfd-up B bfd-up\n"
      "advance 200\n"
      "A met\n"
      "advance 60000\n"
      "  16503: close B (preferred edge is back)\n"
      "  17503: open A (preferred edge is back)\n"
      "B confirms\n" },
    { "the underlay of the active edge goes down, without BFD", true,
      "A connects B connects\n"
      "  0: open A (elected)\n"
      "  0: probe A\n"
      "A answers reaches confirms B answers reaches\n"
      "advance 500\n"
      "  500: probe A\n"
      "A answers B answers reaches\n"
      "advance 100\n"
      "  580: close A (active edge lost the overlay)\n"
      "A confirms B confirms\n"
      "  600: open B (active edge lost the overlay)\n"
      "  600: probe A\n"
      "advance 400\n"
      "A reaches B answers\n"
      "  1000: probe B\n"
      "advance 100\n"
      "B answers\n"
      "advance 400\n"
      "  1500: probe B\n" },
    { "the active edge vanishes, preemptive", true, BEGIN
      "B bfd-down\n"
      "  10000: probe A\n"
      "advance 500\n"
      "  10080: open B (active edge is silent)\n"
      "B confirms\n"
      "advance 60000\n" },
    { "the active edge was only slow, preemptive", true, BEGIN
      "B bfd-down\n"
      "  10000: probe A\n"
      "advance 500\n"
      "  10080: open B (active edge is silent)\n"
      "B confirms bfd-up A answers confirms\n"
      "advance 60000\n"
      "  15500: close B (preferred edge is back)\n"
      "  16500: open A (preferred edge is back)\n" },
    { "BFD is lost, but both edges are connected", false, BEGIN
      "A bfd-down B bfd-down\n"
      "  10000: probe A\n"
      "advance 3\n"
      "A answers reaches B reaches\n"
      "advance 499\n"
      "  10500: probe A\n"
      "A answers reaches B reaches\n"
      "A bfd-up B bfd-up\n"
      "advance 60000\n" },
    { "and then it vanishes", false, BEGIN
      "B bfd-down\n"
      "  10000: probe A\n"
      "advance 3\n"
      "A answers\n"
      "advance 60000\n"
      "  10500: probe A\n"
      "  10580: open B (active edge is silent)\n" },
    { "a suspicion ends with a new connection", false, BEGIN
      "B bfd-down\n"
      "  10000: probe A\n"
      "advance 3\n"
      "A answers\n"
      "A fades B bfd-up\n"
      "  10003: probe A\n"
      "advance 5000\n"
      "A connects\n"
      "advance 5000\n"
      "B bfd-down\n"
      "  20003: probe A\n"
      "A answers\n"
      "advance 400\n" },
    { "a control connection is lost, but BFD is up", false, BEGIN
      "A fades\n"
      "  10000: probe A\n"
      "advance 60000\n"
      "A connects\n"
      "advance 60000\n" },
    { "the standby comes and goes", true, BEGIN
      "B dies A bfd-down\n"
      "advance 60000\n"
      "B connects\n"
      "B bfd-up A bfd-up\n"
      "advance 60000\n" },
    { "the former active edge returns, preemptive", true, BEGIN
      "A dies\n"
      "  10000: probe A\n"
      "B bfd-down\n"
      "  10000: open B (active edge closed its connection)\n"
      "B confirms\n"
      "advance 5000\n"
      "A connects\n"
      "B bfd-up A bfd-up\n"
      "advance 5100\n"
      "  20000: close B (preferred edge is back)\n"
      "B confirms\n"
      "  20100: open A (preferred edge is back)\n"
      "A confirms\n"
      "advance 60000\n" },
    { "the former active edge returns, not preemptive", false, BEGIN
      "A dies\n"
      "  10000: probe A\n"
      "B bfd-down\n"
      "  10000: open B (active edge closed its connection)\n"
      "B confirms\n"
      "advance 5000\n"
      "A connects\n"
      "B bfd-up A bfd-up\n"
      "advance 60000\n" },
    { "twice in a row, in both directions", false, BEGIN
      "A dies\n"
      "  10000: probe A\n"
      "B bfd-down\n"
      "  10000: open B (active edge closed its connection)\n"
      "B confirms\n"
      "advance 5000\n"
      "A connects bfd-up B bfd-up\n"
      "advance 5000\n"
      "B dies\n"
      "  20000: probe B\n"
      "A bfd-down\n"
      "  20000: open A (active edge closed its connection)\n"
      "A confirms\n"
      "advance 5000\n"
      "B connects bfd-up A bfd-up\n"
      "advance 5000\n"
      "A dies\n"
      "  30000: probe A\n"
      "advance 300\n"
      "  30025: open B (active edge closed its connection)\n"
      "B confirms\n"
      "advance 60000\n" },
    { "a flapping trunk ends on the stable edge", true, BEGIN
      "A trunk-down\n"
      "  10000: close A (active edge lost a port)\n"
      "A confirms\n"
      "  10000: open B (active edge lost a port)\n"
      "B confirms\n"
      "advance 1000\n"
      "A trunk-up\n"
      "advance 4999\n"
      "A trunk-down\n"
      "advance 1\n"
      "A trunk-up\n"
      "advance 4999\n"
      "A trunk-down\n"
      "advance 60000\n"
      "A trunk-up\n"
      "advance 4999\n"
      "advance 1\n"
      "  85999: close B (preferred edge is back)\n" },
    { "a flapping trunk, not preemptive", false, BEGIN
      "A trunk-down\n"
      "  10000: close A (active edge lost a port)\n"
      "A trunk-up\n"
      "A confirms\n"
      "  10000: open B (active edge lost a port)\n"
      "B confirms\n"
      "A trunk-down\n"
      "A trunk-up\n"
      "advance 60000\n" },
    { "both restart together", false, BEGIN
      "A dies B dies bfd-down\n"
      "advance 3000\n"
      "B connects\n"
      "  13000: open B (active edge closed its connection)\n"
      "A connects\n"
      "B confirms bfd-up A bfd-up\n"
      "advance 60000\n" },
    { "both restart together, the active one is faster", false, BEGIN
      "A dies B dies\n"
      "advance 3000\n"
      "A connects\n"
      "A confirms\n"
      "B connects bfd-up A bfd-up\n"
      "advance 60000\n" },
    { "the controller restarts", false, BEGIN
      "restart\n"
      "advance 1000\n"
      "B connects\n"
      "advance 500\n"
      "A connects\n"
      "  11500: open A (adopted)\n"
      "advance 60000\n" },
    { "the controller restarts, and the active edge is gone", false, BEGIN
      "restart A dies fades\n"
      "advance 1000\n"
      "B connects\n"
      "advance 60000\n"
      "  20000: open B (elected)\n" },
    { "the controller was away, the standby took over by itself", false,
      BEGIN
      "restart A dies fades B bfd-down alone\n"
      "advance 1000\n"
      "B connects\n"
      "  11000: open B (took over by itself)\n"
      "B confirms\n"
      "advance 60000\n"
      "A connects bfd-up B bfd-up\n"
      "advance 60000\n" },
    { "the controller slept, the standby took over by itself", false, BEGIN
      "A dies B bfd-down alone\n"
      "  10000: open B (took over by itself)\n"
      "B confirms\n"
      "advance 60000\n" },
    { "the controller was away, both forward, the active one is first",
      false, BEGIN
      "restart A bfd-down B bfd-down alone\n"
      "A connects\n"
      "  10000: open A (adopted)\n"
      "A answers reaches\n"
      "B connects\n"
      "  10000: probe A\n"
      "B called-back\n"
      "advance 400\n" },
    { "both edges are moved from while they are opening", false,
      "A connects bfd-up B connects bfd-up\n"
      "  0: open A (elected)\n"
      "advance 2\n"
      "B wanted\n"
      "advance 2\n"
      "A confirms\n"
      "  4: close A (operator)\n"
      "advance 2\n"
      "A wanted\n"
      "advance 2\n"
      "A confirms\n"
      "  8: open B (operator)\n"
      "advance 2\n"
      "B confirms\n"
      "  10: close B (operator)\n"
      "advance 2\n"
      "B confirms\n"
      "  12: open A (operator)\n"
      "A confirms\n"
      "advance 60000\n" },
    { "a drained edge rests", true, BEGIN
      "A drained\n"
      "  10000: close A (active edge is drained)\n"
      "A confirms\n"
      "  10000: open B (active edge is drained)\n"
      "B confirms\n"
      "advance 60000\n" },
};

static void
test_stories(void **state OVS_UNUSED)
{
    for (size_t i = 0; i < ARRAY_SIZE(stories); i++) {
        const struct story *s = &stories[i];
        char *copy = xstrdup(s->script), *save = NULL;
        struct world w;

        world_init(&w, s->preemptive);
        for (char *line = strtok_r(copy, "\n", &save); line;
             line = strtok_r(NULL, "\n", &save)) {
            if (*line != ' ') {
                ds_put_format(&w.out, "%s\n", line);
                world_line(&w, line);
            }
        }
        if (strcmp(ds_cstr(&w.out), s->script)) {
            fail_msg("%s:\n%s\nnot\n%s", s->what, ds_cstr(&w.out),
                     s->script);
        }
        ds_destroy(&w.out);
        free(copy);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stories),
    };

    return cmocka_run_group_tests_name("failover_faults", tests, NULL, NULL);
}
