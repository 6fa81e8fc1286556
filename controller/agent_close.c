/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* Closing bindings: one alone, for a while, when it turns out to be the end of
 * a loop.
 *
 * A frozen MAC (flows/fdb_flap.c) is seen in two places.  One may be an
 * address that two stations have.  Where a segment has several, frames come in
 * that went out elsewhere, most likely by the binding where most of them are
 * seen: without that the segment is a tree again, and so it is closed, and
 * opened again after a time.  If the loop is still there, it is closed again.
 *
 * The database knows what is closed: so do the other controllers, and this one
 * when it starts. */

#include <config.h>
#include "controller/agent.h"

#include "controller/conf.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(agent_close);

/* The longest time, in milliseconds, that a row may keep a binding closed: it
 * was written by a clock that may have jumped. */
#define AGENT_CLOSE_MAX (24 * 60 * 60 * 1000LL)

static char *
agent_attach_name(const struct topo_attach *attach)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    topo_place_format(&attach->place, &s);
    return ds_steal_cstr(&s);
}

/* Closes 'attach', a binding, for 'reason', unless it is closed. */
void
agent_close_binding(struct agent *agent, struct topo_attach *attach,
                    const char *reason)
{
    long long hold = conf_close_time(agent->conf);
    char *name;

    if (attach->closure || !attach->cluster || !attach->cluster->led) {
        return;
    }
    name = agent_attach_name(attach);
    VLOG_WARN("segment %s: binding %s is closed for %lld s: %s",
              attach->place.segment->name, name, hold / 1000, reason);
    free(name);
    agent_event_binding(agent, EVENT_CLOSED, attach, reason);
    topo_attach_close(&agent->topo, attach, time_wall_msec() + hold, reason);
    attach->closure->reopen_at = time_msec() + hold;
    fdb_flush_place(&agent->fdb, &attach->place, &agent->ops);
    fdb_thaw(&agent->fdb, attach->place.segment, &agent->ops);
    agent_send_ops(agent);
    conf_closures_changed(agent->conf);
}

/* Returns how many frozen MACs are at 'place', or have been seen there. */
static uint32_t
agent_disputed(const struct topo_place *place)
{
    return place->n_frozen + place->n_rivals;
}

/* Returns the binding of 'segment' where most frozen MACs are or have been
 * seen, or NULL, and stores into '*total' how many frozen MACs there are. */
static struct topo_attach *
agent_worst(const struct topo_segment *segment, uint32_t *total)
{
    struct topo_attach *attach, *worst = NULL;
    const struct topo_vtep *vtep;

    *total = 0;
    LIST_FOR_EACH (attach, segment_node, &segment->attaches) {
        *total += attach->place.n_frozen;
        if (attach->cluster
            && agent_disputed(&attach->place)
               > (worst ? agent_disputed(&worst->place) : 0)) {
            worst = attach;
        }
    }
    LIST_FOR_EACH (vtep, segment_node, &segment->vteps) {
        *total += vtep->place.n_frozen;
    }
    return worst;
}

/* One more MAC of 'segment' has been frozen. */
void
agent_froze(struct agent *agent, const struct topo_segment *segment)
{
    unsigned int most = conf_close_macs(agent->conf);
    struct topo_attach *worst;
    uint32_t total;

    worst = agent_worst(segment, &total);
    if (most && total >= most && worst
        && agent_disputed(&worst->place) * 2 >= total) {
        char *reason = xasprintf("%"PRIu32" MACs of the segment are seen in "
                                 "two places, %"PRIu32" of them here: is it "
                                 "part of a loop?",
                                 total, agent_disputed(&worst->place));

        agent_close_binding(agent, worst, reason);
        free(reason);
    }
}

/* Finds out how long 'closure', of a row, has to last yet, if that is not
 * known. */
static void
agent_closure_time(struct topo_closure *closure, long long now)
{
    if (!closure->reopen_at) {
        long long left = closure->until - time_wall_msec();

        closure->reopen_at = now + MIN(MAX(left, 0), AGENT_CLOSE_MAX);
    }
}

/* Opens what has been closed for long enough. */
void
agent_closures_run(struct agent *agent, long long now)
{
    struct topo_closure *closure;

    LIST_FOR_EACH_SAFE (closure, node, &agent->topo.closures) {
        struct topo_attach *attach = closure->attach;

        agent_closure_time(closure, now);
        if (now >= closure->reopen_at && attach->cluster
            && attach->cluster->led) {
            char *name = agent_attach_name(attach);

            VLOG_INFO("segment %s: binding %s is open again",
                      attach->place.segment->name, name);
            free(name);
            agent_event_binding(agent, EVENT_OPENED, attach, NULL);
            topo_attach_close(&agent->topo, attach, 0, NULL);
            conf_closures_changed(agent->conf);
        }
    }
}

void
agent_closures_wait(const struct agent *agent)
{
    const struct topo_closure *closure;

    LIST_FOR_EACH (closure, node, &agent->topo.closures) {
        const struct topo_cluster *cluster = closure->attach->cluster;

        if (cluster && cluster->led) {
            poll_timer_wait_until(closure->reopen_at);
        }
    }
}
