/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "flows/failover.h"

#include <limits.h>

/* Returns the index of the edge that is to be active, or -1 if that cannot be
 * said yet.  '*retry' becomes when to ask again if nothing else happens:
 * LLONG_MAX for not at all.  Times are in milliseconds, on any one clock. */
int
failover_elect(const struct failover_view *view, long long now,
               long long *retry)
{
    int first = -1;

    *retry = LLONG_MAX;
    if (view->active >= 0) {
        return view->active;
    }
    for (size_t i = 0; i < view->n; i++) {
        if (view->edges[i].ready && view->edges[i].gate_open) {
            return i;
        }
        if (view->edges[i].ready && first < 0) {
            first = i;
        }
    }
    if (first < 0 || view->remembered < 0) {
        return first;
    }
    if (view->edges[view->remembered].ready) {
        return view->remembered;
    }
    if (now - view->since >= FAILOVER_GRACE) {
        return first;
    }
    *retry = view->since + FAILOVER_GRACE;
    return -1;
}
