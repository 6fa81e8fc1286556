/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* Bindings that are closed for a while, because of what comes in by them: a
 * loop, or another bridge.  Nothing comes in or goes out, and all else is as
 * it was.
 *
 * The row knows until when, so that it outlives the controller: who clears
 * the column opens the binding. */

#include <config.h>
#include "flows/topo_place.h"

#include "openvswitch/dynamic-string.h"
#include "util.h"

/* Forgets that 'attach' is closed: it goes, or is told anew. */
void
topo_attach_forget_closure(struct topo_attach *attach)
{
    if (attach->closure) {
        ovs_list_remove(&attach->closure->node);
        free(attach->closure->reason);
        free(attach->closure);
        attach->closure = NULL;
    }
}

static void
topo_attach_closure_changed(struct topo *topo, struct topo_attach *attach)
{
    if (attach->place.segment) {
        topo_segment_mark(attach->place.segment);
        if (attach->bpdu == TOPO_BPDU_GUARD) {
            topo_attach_mark_ports(attach);
        }
        topo_attach_check_ports(topo, attach);
    }
}

/* Closes 'attach' until 'until', in wall clock time, for 'reason'; or opens
 * it, if 'until' is 0. */
void
topo_attach_close(struct topo *topo, struct topo_attach *attach,
                  long long until, const char *reason)
{
    if (!attach->closure && !until) {
        return;
    }
    topo_attach_forget_closure(attach);
    if (until) {
        struct topo_closure *closure = xmalloc(sizeof *closure);

        closure->attach = attach;
        closure->until = until;
        closure->reopen_at = 0;
        closure->reason = xstrdup(reason);
        ovs_list_push_back(&topo->closures, &closure->node);
        attach->closure = closure;
    }
    topo_attach_closure_changed(topo, attach);
}

/* The row of 'attach' says 'until' and 'reason', as above.  What the
 * controller has decided itself, and has yet to write, stays. */
void
topo_attach_close_row(struct topo *topo, struct topo_attach *attach,
                      long long until, const char *reason)
{
    if (until != attach->closed_row) {
        attach->closed_row = until;
        if (until != topo_attach_closed_until(attach)) {
            topo_attach_close(topo, attach, until, reason);
        }
    }
}

/* Returns until when 'attach' is closed, or 0. */
long long
topo_attach_closed_until(const struct topo_attach *attach)
{
    return attach->closure ? attach->closure->until : 0;
}

/* Returns the error of 'attach', if it is closed, otherwise NULL. */
char *
topo_attach_closed_error(const struct topo_attach *attach)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    if (!attach->closure) {
        return NULL;
    }
    ds_put_cstr(&s, "closed until ");
    ds_put_strftime_msec(&s, "%Y-%m-%d %H:%M:%S", attach->closure->until,
                         true);
    ds_put_format(&s, " UTC%s%s", attach->closure->reason[0] ? ": " : "",
                  attach->closure->reason);
    return ds_steal_cstr(&s);
}
