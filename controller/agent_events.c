/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* Events (controller/events.h): what the walks report, in words.
 *
 * The fdb tells of MACs only while somebody watches, so that nobody pays for
 * it otherwise.  The log has how many there were. */

#include <config.h>
#include "controller/agent.h"

#include "controller/admin.h"
#include "controller/loop.h"
#include "controller/usage.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/list.h"
#include "openvswitch/vlog.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(agent_events);

/* How often the log says what was learned, in milliseconds, at most. */
#define AGENT_TELL_INTERVAL 5000

void
agent_events_init(struct agent *agent)
{
    events_init(&agent->events);
    ovs_list_init(&agent->event_readers);
}

void
agent_events_destroy(struct agent *agent)
{
    admin_events_clear(agent);
    events_destroy(&agent->events);
}

static void
agent_event(struct agent *agent, enum event_kind kind,
            const char *const fields[EVENT_N_FIELDS])
{
    events_add(&agent->events, kind, time_wall_msec(), fields);
    if (!ovs_list_is_empty(&agent->event_readers)) {
        loop_wake();
    }
}

static const char *
agent_place_name(const struct topo_place *place, struct ds *s)
{
    if (!place) {
        return NULL;
    }
    topo_place_format(place, s);
    return ds_cstr(s);
}

/* The fdb has something to tell. */
static void
agent_event_mac(enum fdb_event event, const struct fdb_mac *e,
                const struct topo_place *other, void *agent_)
{
    static const enum event_kind kinds[] = {
        [FDB_EV_LEARNED] = EVENT_LEARNED,
        [FDB_EV_MOVED] = EVENT_MOVED,
        [FDB_EV_FROZEN] = EVENT_FROZEN,
        [FDB_EV_AGED] = EVENT_AGED,
        [FDB_EV_EVICTED] = EVENT_EVICTED,
        [FDB_EV_FORGOTTEN] = EVENT_FORGOTTEN,
    };
    struct agent *agent = agent_;
    struct ds here = DS_EMPTY_INITIALIZER;
    struct ds there = DS_EMPTY_INITIALIZER;
    char mac[ETH_ADDR_STRLEN + 1];

    if (!events_take_mac(&agent->events, time_msec())) {
        return;
    }
    snprintf(mac, sizeof mac, ETH_ADDR_FMT, ETH_ADDR_ARGS(e->mac));
    const char *fields[EVENT_N_FIELDS] = {
        [EVENT_SEGMENT] = e->segment->name,
        [EVENT_MAC] = mac,
    };
    if (event == FDB_EV_MOVED) {
        fields[EVENT_FROM] = agent_place_name(other, &there);
        fields[EVENT_TO] = agent_place_name(e->place, &here);
    } else {
        fields[EVENT_AT] = agent_place_name(e->place, &here);
        fields[EVENT_SEEN] = agent_place_name(other, &there);
    }
    agent_event(agent, kinds[event], fields);
    ds_destroy(&here);
    ds_destroy(&there);
}

/* MACs are watched for 'msec' from now on. */
void
agent_events_watch(struct agent *agent, long long now, long long msec)
{
    struct events *events = &agent->events;

    events->watched_until = MAX(events->watched_until, now + msec);
    agent->fdb.tell = agent_event_mac;
    agent->fdb.tell_aux = agent;
}

/* Says in the log what was learned since the last time. */
static void
agent_tell(struct agent *agent, long long now)
{
    const struct fdb *fdb = &agent->fdb;

    if (now < agent->tell_at
        || (fdb->n_learned == agent->told_learned
            && fdb->n_moved == agent->told_moved
            && fdb->n_aged == agent->told_aged
            && fdb->n_evicted == agent->told_evicted)) {
        return;
    }
    VLOG_INFO("%llu MACs learned, %llu moved, %llu aged, %llu evicted; "
              "%"PRIuSIZE" now",
              fdb->n_learned - agent->told_learned,
              fdb->n_moved - agent->told_moved,
              fdb->n_aged - agent->told_aged,
              fdb->n_evicted - agent->told_evicted, fdb->macs.n);
    agent->told_learned = fdb->n_learned;
    agent->told_moved = fdb->n_moved;
    agent->told_aged = fdb->n_aged;
    agent->told_evicted = fdb->n_evicted;
    agent->tell_at = now + AGENT_TELL_INTERVAL;
}

void
agent_events_run(struct agent *agent, long long now)
{
    if (now >= agent->events.watched_until) {
        agent->fdb.tell = NULL;
    }
    admin_events_run(agent, now);
    agent_tell(agent, now);
}

void
agent_events_wait(const struct agent *agent)
{
    admin_events_wait(agent);
}

void
agent_events_usage(const struct agent *agent, struct simap *usage)
{
    usage_add(usage, "events", events_count(&agent->events));
    usage_add(usage, "events-max", EVENTS_MAX);
    usage_add(usage, "event-readers", ovs_list_size(&agent->event_readers));
}

/* Of 'node'; 'reason' may be NULL. */
void
agent_event_edge(struct agent *agent, enum event_kind kind,
                 const struct topo_node *node, const char *reason)
{
    agent_event(agent, kind, (const char *[EVENT_N_FIELDS]) {
        [EVENT_EDGE] = node->name,
        [EVENT_REASON] = reason,
    });
}

/* In 'cluster', 'from' and 'to' are names, or NULL. */
void
agent_event_cluster(struct agent *agent, enum event_kind kind,
                    const struct topo_cluster *cluster, const char *from,
                    const char *to, const char *reason)
{
    agent_event(agent, kind, (const char *[EVENT_N_FIELDS]) {
        [EVENT_CLUSTER] = cluster->name,
        [EVENT_FROM] = from,
        [EVENT_TO] = to,
        [EVENT_REASON] = reason,
    });
}

/* 'attach', a binding, is closed or open. */
void
agent_event_binding(struct agent *agent, enum event_kind kind,
                    const struct topo_attach *attach, const char *reason)
{
    struct ds name = DS_EMPTY_INITIALIZER;

    agent_event(agent, kind, (const char *[EVENT_N_FIELDS]) {
        [EVENT_SEGMENT] = attach->place.segment->name,
        [EVENT_BINDING] = agent_place_name(&attach->place, &name),
        [EVENT_REASON] = reason,
    });
    ds_destroy(&name);
}

/* New MACs of 'segment' are learned apart on 'node', or as others are. */
void
agent_event_share(struct agent *agent, enum event_kind kind,
                  const struct topo_segment *segment,
                  const struct topo_node *node)
{
    agent_event(agent, kind, (const char *[EVENT_N_FIELDS]) {
        [EVENT_SEGMENT] = segment->name,
        [EVENT_EDGE] = node->name,
    });
}
