/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "controller/events.h"

#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "util.h"

static const char *
event_kind_to_string(enum event_kind kind)
{
    switch (kind) {
#define EVENT_KIND(NAME, STRING) case EVENT_##NAME: return STRING;
    EVENT_KINDS
#undef EVENT_KIND
    default:
        OVS_NOT_REACHED();
    }
}

void
events_init(struct events *events)
{
    *events = (struct events) {
        .ring = xcalloc(EVENTS_MAX, sizeof *events->ring),
    };
}

static void
event_clear(struct event *event)
{
    for (size_t i = 0; i < EVENT_N_FIELDS; i++) {
        free(event->fields[i]);
    }
}

void
events_destroy(struct events *events)
{
    for (size_t i = 0; i < EVENTS_MAX; i++) {
        event_clear(&events->ring[i]);
    }
    free(events->ring);
}

/* Something has happened.  'wall' is the time of day, in milliseconds. */
void
events_add(struct events *events, enum event_kind kind, long long wall,
           const char *const fields[EVENT_N_FIELDS])
{
    struct event *event = &events->ring[events->n++ % EVENTS_MAX];

    event_clear(event);
    event->seq = ++events->last;
    event->at = wall;
    event->kind = kind;
    for (size_t i = 0; i < EVENT_N_FIELDS; i++) {
        event->fields[i] = nullable_xstrdup(fields[i]);
    }
}

/* Something has happened to a MAC at 'now', of the monotonic clock.  Returns
 * true if the caller is to add it. */
bool
events_take_mac(struct events *events, long long now)
{
    if (now >= events->watched_until) {
        return false;
    }
    if (now >= events->turn + EVENTS_MAC_TURN) {
        events->turn = now;
        events->n_macs = 0;
    }
    if (events->n_macs++ >= EVENTS_MAC_BURST) {
        events->last++;
        return false;
    }
    return true;
}

/* Returns how many are kept. */
size_t
events_count(const struct events *events)
{
    return MIN(events->n, EVENTS_MAX);
}

static struct json *
event_to_json(const struct event *event)
{
    static const char *const names[] = {
#define EVENT_FIELD(NAME, STRING) [EVENT_##NAME] = STRING,
        EVENT_FIELDS
#undef EVENT_FIELD
    };
    struct json *json = json_object_create();
    char *at = xastrftime_msec("%Y-%m-%dT%H:%M:%S.###Z", event->at, true);

    json_object_put(json, "seq", json_integer_create(event->seq));
    json_object_put_string(json, "time", at);
    json_object_put_string(json, "event", event_kind_to_string(event->kind));
    for (size_t i = 0; i < EVENT_N_FIELDS; i++) {
        if (event->fields[i]) {
            json_object_put_string(json, names[i], event->fields[i]);
        }
    }
    free(at);
    return json;
}

/* Adds to 'array' the events that came after '*since', 'max' at most, and only
 * those of 'segment' unless it is NULL.  Moves '*since' on behind what was
 * looked at, and adds to '*lost' how many are there no more.  Returns how many
 * were added. */
size_t
events_read(const struct events *events, uint64_t *since,
            const char *segment, size_t max, struct json *array,
            uint64_t *lost)
{
    size_t n = 0;

    for (size_t i = events->n - events_count(events); i < events->n; i++) {
        const struct event *event = &events->ring[i % EVENTS_MAX];
        const char *of = event->fields[EVENT_SEGMENT];

        if (event->seq <= *since) {
            continue;
        }
        if (n >= max) {
            return n;
        }
        *lost += event->seq - *since - 1;
        *since = event->seq;
        if (!segment || nullable_string_is_equal(of, segment)) {
            json_array_add(array, event_to_json(event));
            n++;
        }
    }
    if (*since < events->last) {
        *lost += events->last - *since;
        *since = events->last;
    }
    return n;
}
