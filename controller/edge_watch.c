/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* Whether a switch still has the meters that it was given.
 *
 * Who deletes a meter deletes the flows that lead to it, among them the gate
 * of an active edge, and no limit holds any more; a switch tells nobody.  So
 * it is asked now and then which meters it has, which is one message, and of
 * which Open vSwitch knows the answer without looking at its datapath. */

#include <config.h>
#include "controller/edge_private.h"

#include "controller/ofconn.h"
#include "flows/layout.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/ofp-meter.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/vlog.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(edge_watch);

/* Between two questions, in milliseconds, but a millisecond for each meter at
 * least, and what the owner says.  As long as a switch loses meters each time,
 * the longest of them: who deletes them may go on. */
#define EDGE_WATCH_MIN 3000
#define EDGE_WATCH_MAX 60000

/* So many meters are named in the log. */
#define EDGE_WATCH_NAMED 4

/* Whether 'id' is of a meter that nobody else has any business with. */
static bool
edge_watch_is_ours(uint32_t id)
{
    bool out;

    return ((id >= LAYOUT_METER_LEARN && id <= LAYOUT_METER_HELD)
            || (id >= LAYOUT_METER_GATE
                && id < LAYOUT_METER_GATE + LAYOUT_N_GATE_METERS)
            || layout_limit_slot(id, &out));
}

/* Asks the switch which meters it has, just to tell. */
void
edge_watch_ask(struct edge *edge)
{
    struct edge_meter *meter;

    if (edge->watch.off) {
        return;
    }
    HMAP_FOR_EACH (meter, node, &edge->meters) {
        meter->missed = edge_watch_is_ours(meter->id);
    }
    edge->watch.xid = edge_send_form(edge, EDGE_FORM_METERS);
}

/* The same, if it is time to, to put back those that it has lost.  From one
 * question to the next there are 'pause' milliseconds, or more. */
void
edge_watch_run(struct edge *edge, long long pause, long long now)
{
    pause = MAX(pause, EDGE_WATCH_MIN);
    pause = MAX(pause, edge->watch.backoff);
    pause = MAX(pause, (long long) hmap_count(&edge->meters));
    if (edge->state == EDGE_SYNCED && !edge->watch.xid
        && now - edge->watch.asked_at >= pause) {
        edge->watch.asked_at = now;
        edge->watch.mend = true;
        edge_watch_ask(edge);
    }
}

bool
edge_watch_is_answer(const struct edge *edge, const struct ofp_header *oh)
{
    return edge->watch.xid && oh->xid == edge->watch.xid;
}

/* The switch has no meters: it is not asked any more. */
void
edge_watch_refused(struct edge *edge)
{
    struct edge_meter *meter;

    HMAP_FOR_EACH (meter, node, &edge->meters) {
        meter->missed = false;
    }
    edge->watch.off = true;
    edge->watch.xid = 0;
}

/* The answer is complete. */
static void
edge_watch_answered(struct edge *edge)
{
    const struct edge_meter *meter;
    struct ds s = DS_EMPTY_INITIALIZER;
    bool mend = edge->watch.mend;
    size_t n = 0;

    edge->watch.xid = 0;
    edge->watch.mend = false;
    if (!mend) {
        return;
    }
    HMAP_FOR_EACH (meter, node, &edge->meters) {
        if (meter->missed && n++ < EDGE_WATCH_NAMED) {
            ds_put_format(&s, "%s%"PRIu32, n > 1 ? ", " : "", meter->id);
        }
    }
    if (!n) {
        edge->watch.backoff = 0;
    } else if (edge->state == EDGE_SYNCED) {
        VLOG_WARN("%s: somebody has deleted or changed %"PRIuSIZE" meter%s of "
                  "ours (%s%s), and flows may have gone with them: they are "
                  "put back", edge_name(edge), n, n == 1 ? "" : "s",
                  ds_cstr(&s), n > EDGE_WATCH_NAMED ? ", ..." : "");
        edge->watch.backoff = MIN(2 * MAX(edge->watch.backoff, EDGE_WATCH_MIN),
                                  EDGE_WATCH_MAX);
        edge->resync = true;
    }
    ds_destroy(&s);
}

/* What was set after the question is not missed in any case. */
static void
edge_watch_take(struct edge *edge, uint32_t id, uint32_t rate, uint16_t flags)
{
    struct edge_meter *meter = edge_meter(edge, id);

    if (meter && rate == meter->rate
        && (flags & EDGE_METER_UNITS) == meter->units) {
        meter->missed = false;
    }
}

/* Takes the meters that 'oh' reports, in answer to that question. */
enum edge_event
edge_watch_receive(struct edge *edge, const struct ofp_header *oh)
{
    if (!edge_read_meters(edge, oh, edge_watch_take)) {
        return EDGE_EV_NONSENSE;
    }
    if (!ofpmp_more(oh)) {
        edge_watch_answered(edge);
    }
    return EDGE_EV_NONE;
}
