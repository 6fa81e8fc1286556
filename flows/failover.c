/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "flows/failover.h"

#include <limits.h>
#include "util.h"

/* Returns true if 'edge', which was doubted, still is: it has not been heard,
 * or has not found the overlay, since. */
bool
failover_is_doubted(const struct failover *f,
                    const struct failover_edge *edge)
{
    return edge->id == f->doubted
           && ((f->silent && edge->heard <= f->doubted_since)
               || (f->cut && edge->reached <= f->doubted_since
                   && edge->met <= f->doubted_since));
}

/* Returns true if 'edge' can be active. */
static bool
failover_usable(const struct failover *f, const struct failover_edge *edge)
{
    return edge->ready && edge->fit && !edge->drained
           && !failover_is_doubted(f, edge);
}

static const struct failover_edge *
failover_find(const struct failover_view *view, const void *id)
{
    for (size_t i = 0; i < view->n; i++) {
        if (id && view->edges[i].id == id) {
            return &view->edges[i];
        }
    }
    return NULL;
}

/* Returns the most preferred edge other than 'not' that can be used. */
static const struct failover_edge *
failover_candidate(const struct failover *f,
                   const struct failover_view *view,
                   const struct failover_edge *not)
{
    for (size_t i = 0; i < view->n; i++) {
        if (&view->edges[i] != not
            && failover_usable(f, &view->edges[i])) {
            return &view->edges[i];
        }
    }
    return NULL;
}

/* Forgets all but who was doubted. */
static void
failover_set_phase(struct failover *f, enum failover_phase phase)
{
    *f = (struct failover) {
        .phase = phase, .silent = f->silent, .cut = f->cut,
        .doubted = f->doubted, .doubted_since = f->doubted_since,
    };
}

static void
failover_doubt(struct failover *f, const struct failover_edge *edge,
               bool silent, long long now)
{
    f->silent = silent;
    f->cut = !silent;
    f->doubted = edge->id;
    f->doubted_since = now;
}

/* Asks to be called again at 'at', at the latest. */
static void
failover_wake(struct failover_action *action, long long at)
{
    action->wake = MIN(action->wake, at);
}

static void
failover_open(struct failover *f, const struct failover_edge *edge,
              const char *reason, long long now,
              struct failover_action *action)
{
    failover_set_phase(f, FAILOVER_ACTIVE);
    f->active = edge->id;
    f->active_since = now;
    action->verb = FAILOVER_OPEN;
    action->edge = edge->id;
    action->reason = reason;
}

static void
failover_close(struct failover *f, const struct failover_edge *target,
               const char *reason, long long now,
               struct failover_action *action)
{
    f->phase = FAILOVER_BREAKING;
    f->target = target->id;
    f->reason = reason;
    f->break_since = now;
    f->settle_since = 0;
    action->verb = FAILOVER_CLOSE;
    action->edge = f->active;
    action->reason = reason;
}

static const char *
failover_adopted(const struct failover_edge *edge)
{
    return edge->alone ? "took over by itself" : "adopted";
}

/* Returns true if an edge has yet to show up. */
static bool
failover_is_awaited(const struct failover_view *view)
{
    for (size_t i = 0; i < view->n; i++) {
        if (!view->edges[i].ready && !view->edges[i].closed) {
            return true;
        }
    }
    return false;
}

/* No edge is active. */
static void
failover_run_none(struct failover *f, const struct failover_view *view,
                  long long now, struct failover_action *action)
{
    const struct failover_edge *remembered = failover_find(view,
                                                           view->remembered);
    const struct failover_edge *first = failover_candidate(f, view, NULL);

    for (size_t i = 0; i < view->n; i++) {
        if (view->edges[i].ready && view->edges[i].gate_open) {
            failover_open(f, &view->edges[i],
                          failover_adopted(&view->edges[i]), now, action);
            return;
        }
        /* One that is not fit is better than none. */
        if (!first && view->edges[i].ready) {
            first = &view->edges[i];
        }
    }
    if (!first) {
        return;
    } else if (remembered && failover_usable(f, remembered)) {
        if (now - view->since < FAILOVER_OTHERS
            && failover_is_awaited(view)) {
            failover_wake(action, view->since + FAILOVER_OTHERS);
        } else {
            failover_open(f, remembered, "resumed", now, action);
        }
    } else if (!remembered || remembered->ready || remembered->closed
               || now - view->since >= FAILOVER_GRACE) {
        failover_open(f, first, "elected", now, action);
    } else {
        failover_wake(action, view->since + FAILOVER_GRACE);
    }
}

/* Begins a round about 'edge' if it is time to.  Returns true if so. */
static bool
failover_begin_round(struct failover *f, const struct failover_edge *edge,
                     long long now, struct failover_action *action)
{
    if (f->round && now - f->round < FAILOVER_REPROBE) {
        return false;
    }
    f->round = now;
    action->verb = FAILOVER_PROBE_EDGE;
    action->edge = edge->id;
    return true;
}

/* Begins to replace the active edge by 'target'.  Until its gate is known to
 * be open, it could not be seen to close. */
static void
failover_replace(struct failover *f, const struct failover_edge *active,
                 const struct failover_edge *target, const char *reason,
                 long long now, struct failover_action *action)
{
    if (!active->gate_open && now - f->active_since < FAILOVER_BREAK) {
        failover_wake(action, f->active_since + FAILOVER_BREAK);
    } else {
        failover_close(f, target, reason, now, action);
    }
}

/* The edge that is active is within reach. */
static void
failover_run_reachable(struct failover *f, const struct failover_view *view,
                       const struct failover_edge *active,
                       const struct failover_edge *candidate, long long now,
                       struct failover_action *action)
{
    const struct failover_edge *wanted = failover_find(view, view->wanted);

    if (wanted && wanted != active && failover_usable(f, wanted)) {
        failover_replace(f, active, wanted, "operator", now, action);
    } else if (active->drained) {
        failover_replace(f, active, candidate, "active edge is drained", now,
                         action);
    } else if (!active->fit) {
        failover_replace(f, active, candidate, "active edge lost a port", now,
                         action);
    } else if (view->preemptive && !wanted && candidate < active) {
        long long since = (candidate->id == f->doubted
                           ? MAX(candidate->well_since, f->doubted_since)
                           : candidate->well_since);
        long long at = since + view->holddown;

        if (now >= at) {
            failover_replace(f, active, candidate, "preferred edge is back",
                             now, action);
        } else {
            failover_wake(action, at);
        }
    }
}

/* The active edge is not connected.  'candidate' is to know whether it is
 * there. */
static void
failover_run_lost(struct failover *f, const struct failover_edge *active,
                  const struct failover_edge *candidate, long long now,
                  struct failover_action *action)
{
    bool bfd_up = candidate->bfd == FAILOVER_BFD_UP;
    const char *reason = (candidate->alone ? failover_adopted(candidate)
                          : active->closed
                          ? "active edge closed its connection"
                          : "active edge is out of reach");
    long long end;

    if (candidate->bfd == FAILOVER_BFD_DOWN || candidate->alone) {
        failover_open(f, candidate, reason, now, action);
        return;
    }

    /* Where BFD watches, one round is enough. */
    if ((!f->round || !bfd_up)
        && failover_begin_round(f, active, now, action)) {
        return;
    }
    end = f->round + (active->closed ? FAILOVER_PROBE_CLOSED
                      : FAILOVER_PROBE);
    if (now < end) {
        failover_wake(action, end);
    } else if (active->met >= f->round || (bfd_up && !active->closed)) {
        failover_wake(action, bfd_up ? LLONG_MAX
                      : f->round + FAILOVER_REPROBE);
    } else {
        failover_open(f, candidate, reason, now, action);
    }
}

/* The active edge is connected, but BFD does not say that it is there. */
static void
failover_run_unseen(struct failover *f, const struct failover_view *view,
                    const struct failover_edge *active,
                    const struct failover_edge *candidate, long long now,
                    struct failover_action *action)
{
    if (failover_begin_round(f, active, now, action)) {
        return;
    }

    long long end = f->round + FAILOVER_PROBE;
    if (active->answered < f->round) {
        if (now < end) {
            failover_wake(action, end);
        } else if (active->met >= f->round) {
            /* It is its connection that is silent. */
            failover_wake(action, f->round + FAILOVER_REPROBE);
        } else {
            failover_doubt(f, active, true, now);
            failover_open(f, candidate, candidate->alone
                          ? failover_adopted(candidate)
                          : "active edge is silent", now, action);
        }
    } else if (now >= end && active->reached < f->round
               && candidate->reached >= f->round) {
        failover_doubt(f, active, false, now);
        failover_replace(f, active, candidate, "active edge lost the overlay",
                         now, action);
    } else {
        failover_run_reachable(f, view, active, candidate, now, action);
        failover_wake(action, now < end ? end : f->round + FAILOVER_REPROBE);
    }
}

static void
failover_run_active(struct failover *f, const struct failover_view *view,
                    long long now, struct failover_action *action)
{
    const struct failover_edge *active = failover_find(view, f->active);
    const struct failover_edge *doubted = failover_find(view, f->doubted);
    const struct failover_edge *candidate;

    if (doubted && !failover_is_doubted(f, doubted)) {
        f->silent = f->cut = false;
    }
    if (!active) {
        failover_set_phase(f, FAILOVER_NONE);
        failover_run_none(f, view, now, action);
        return;
    }
    candidate = failover_candidate(f, view, active);
    if (f->lost != !active->ready
        || (active->ready && candidate
            && candidate->bfd == FAILOVER_BFD_UP)) {
        f->round = 0;
    }
    f->lost = !active->ready;
    if (f->cut && doubted && doubted != active && doubted->ready) {
        if (now >= f->recheck) {
            f->recheck = now + FAILOVER_REPROBE;
            action->verb = FAILOVER_PROBE_EDGE;
            action->edge = doubted->id;
            return;
        }
        action->wake = f->recheck;
    }
    if (!candidate) {
        return;
    } else if (!active->ready) {
        failover_run_lost(f, active, candidate, now, action);
    } else if (candidate->bfd == FAILOVER_BFD_UP) {
        failover_run_reachable(f, view, active, candidate, now, action);
    } else {
        failover_run_unseen(f, view, active, candidate, now, action);
    }
}

/* A gate is closing. */
static void
failover_run_breaking(struct failover *f, const struct failover_view *view,
                      long long now, struct failover_action *action)
{
    const struct failover_edge *old = failover_find(view, f->active);
    const struct failover_edge *target = failover_find(view, f->target);

    if (!target || !failover_usable(f, target)) {
        if (old && old->ready) {
            failover_open(f, old, "the edge to take over was lost", now,
                          action);
        } else {
            failover_set_phase(f, FAILOVER_NONE);
            failover_run_none(f, view, now, action);
        }
        return;
    }
    if (!old || old->gate_open) {
        f->settle_since = 0;
    } else if (!f->settle_since) {
        f->settle_since = now;
    }
    if (!old || !old->ready || now - f->break_since >= FAILOVER_BREAK
        || (f->settle_since
            && (view->flushed || now - f->settle_since >= FAILOVER_SETTLE))) {
        failover_open(f, target, f->reason, now, action);
    } else {
        failover_wake(action, f->break_since + FAILOVER_BREAK);
        if (f->settle_since) {
            failover_wake(action, f->settle_since + FAILOVER_SETTLE);
        }
    }
}

/* Looks at 'view' and says in '*action' what is to be done.  To be called
 * again after each action but FAILOVER_NOTHING. */
void
failover_run(struct failover *f, const struct failover_view *view,
             long long now, struct failover_action *action)
{
    *action = (struct failover_action) { .wake = LLONG_MAX };
    switch (f->phase) {
    case FAILOVER_NONE:
        failover_run_none(f, view, now, action);
        break;
    case FAILOVER_ACTIVE:
        failover_run_active(f, view, now, action);
        break;
    case FAILOVER_BREAKING:
        failover_run_breaking(f, view, now, action);
        break;
    default:
        OVS_NOT_REACHED();
    }
}

/* Returns whether there is an active edge, and no round about it is going
 * on. */
bool
failover_is_decided(const struct failover *f, long long now)
{
    return f->phase == FAILOVER_BREAKING
           || (f->phase == FAILOVER_ACTIVE
               && !(f->round && now - f->round < FAILOVER_PROBE));
}
