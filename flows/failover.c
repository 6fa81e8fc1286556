/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "flows/failover.h"

#include <limits.h>
#include "util.h"

/* Returns true if 'edge' can be active.  One that was found silent cannot
 * before it is heard again, however long its connection lingers. */
static bool
failover_usable(const struct failover *f, const struct failover_edge *edge)
{
    return edge->ready && edge->fit && !edge->drained
           && (edge->id != f->silent || edge->heard > f->silent_since);
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

/* Forgets all but who was silent. */
static void
failover_set_phase(struct failover *f, enum failover_phase phase)
{
    *f = (struct failover) { .phase = phase, .silent = f->silent,
                             .silent_since = f->silent_since };
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
            failover_open(f, &view->edges[i], "adopted", now, action);
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
        failover_open(f, remembered, "resumed", now, action);
    } else if (!remembered || remembered->ready || remembered->closed
               || now - view->since >= FAILOVER_GRACE) {
        failover_open(f, first, "elected", now, action);
    } else {
        action->wake = view->since + FAILOVER_GRACE;
    }
}

/* The active edge is connected, but BFD says that it is not there.  Returns
 * true if it has been heard since. */
static bool
failover_answers(struct failover *f, const struct failover_edge *active,
                 long long now, struct failover_action *action)
{
    if (!f->suspect_since) {
        f->suspect_since = now;
        if (active->heard < now) {
            action->verb = FAILOVER_PROBE_EDGE;
            action->edge = active->id;
        }
    }
    return active->heard >= f->suspect_since;
}

/* Begins to replace the active edge by 'target'.  Until its gate is known to
 * be open, it could not be seen to close. */
static void
failover_replace(struct failover *f, const struct failover_edge *active,
                 const struct failover_edge *target, const char *reason,
                 long long now, struct failover_action *action)
{
    if (!active->gate_open && now - f->active_since < FAILOVER_BREAK) {
        action->wake = f->active_since + FAILOVER_BREAK;
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
        long long since = (candidate->id == f->silent
                           ? MAX(candidate->well_since, f->silent_since)
                           : candidate->well_since);
        long long at = since + view->holddown;

        if (now >= at) {
            failover_replace(f, active, candidate, "preferred edge is back",
                             now, action);
        } else {
            action->wake = at;
        }
    }
}

static void
failover_run_active(struct failover *f, const struct failover_view *view,
                    long long now, struct failover_action *action)
{
    const struct failover_edge *active = failover_find(view, f->active);
    const struct failover_edge *candidate;

    if (!active) {
        failover_set_phase(f, FAILOVER_NONE);
        failover_run_none(f, view, now, action);
        return;
    }
    candidate = failover_candidate(f, view, active);
    if (!candidate || candidate->bfd != FAILOVER_BFD_DOWN) {
        f->suspect_since = 0;
    }
    if (!candidate) {
        return;
    } else if (!active->ready) {
        if (candidate->bfd != FAILOVER_BFD_UP) {
            failover_open(f, candidate,
                          active->closed ? "active edge closed its connection"
                          : "active edge is out of reach", now, action);
        }
    } else if (candidate->bfd != FAILOVER_BFD_DOWN
               || failover_answers(f, active, now, action)) {
        failover_run_reachable(f, view, active, candidate, now, action);
    } else if (now - f->suspect_since >= FAILOVER_PROBE) {
        f->silent = active->id;
        f->silent_since = now;
        failover_open(f, candidate, "active edge is silent", now, action);
    } else {
        action->wake = f->suspect_since + FAILOVER_PROBE;
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
        || (f->settle_since && now - f->settle_since >= FAILOVER_SETTLE)) {
        failover_open(f, target, f->reason, now, action);
    } else {
        action->wake = f->break_since + FAILOVER_BREAK;
        if (f->settle_since) {
            action->wake = MIN(action->wake,
                               f->settle_since + FAILOVER_SETTLE);
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
