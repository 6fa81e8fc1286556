/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_EVENTS_H
#define CONTROLLER_EVENTS_H 1

/* What has happened lately, for people and programs that follow it.
 *
 * Events have numbers, from 1 on, and the last EVENTS_MAX are kept.  Who has
 * read up to a number asks for what came after it, and is told how many there
 * are no more.
 *
 * What happens to a MAC is an event only if it is watched, and even then at
 * most EVENTS_MAC_BURST times in EVENTS_MAC_TURN milliseconds, because a
 * storm of MACs is not to push out what else there is, nor to take the time of
 * those who learn.  Beyond that an event only takes a number, which counts as
 * lost.
 *
 * Who adds an event keeps what it points to; it is copied.  An event is read
 * as a JSON object, of which event_text.c makes a line; that much is linked
 * to kakehashi-ctl too.  There is no clock here. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ds;
struct json;

#define EVENTS_MAX 4096
#define EVENTS_MAC_BURST 1000
#define EVENTS_MAC_TURN 100

#define EVENT_KINDS                         \
    EVENT_KIND(LEARNED, "learned")          \
    EVENT_KIND(MOVED, "moved")              \
    EVENT_KIND(FROZEN, "frozen")            \
    EVENT_KIND(AGED, "aged")                \
    EVENT_KIND(EVICTED, "evicted")          \
    EVENT_KIND(FORGOTTEN, "forgotten")      \
    EVENT_KIND(ACTIVATED, "activated")      \
    EVENT_KIND(FAILED_OVER, "failed-over")  \
    EVENT_KIND(GAVE_WAY, "gave-way")        \
    EVENT_KIND(CLOSED, "closed")            \
    EVENT_KIND(OPENED, "opened")            \
    EVENT_KIND(CONNECTED, "connected")      \
    EVENT_KIND(DISCONNECTED, "disconnected") \
    EVENT_KIND(IN_SYNC, "in-sync")          \
    EVENT_KIND(HELD, "held")                \
    EVENT_KIND(RELEASED, "released")

enum event_kind {
#define EVENT_KIND(NAME, STRING) EVENT_##NAME,
    EVENT_KINDS
#undef EVENT_KIND
};

/* What an event may say, in the order in which a line says it. */
#define EVENT_FIELDS                \
    EVENT_FIELD(SEGMENT, "segment") \
    EVENT_FIELD(CLUSTER, "cluster") \
    EVENT_FIELD(EDGE, "edge")       \
    EVENT_FIELD(MAC, "mac")         \
    EVENT_FIELD(BINDING, "binding") \
    EVENT_FIELD(AT, "at")           \
    EVENT_FIELD(SEEN, "seen")       \
    EVENT_FIELD(FROM, "from")       \
    EVENT_FIELD(TO, "to")           \
    EVENT_FIELD(REASON, "reason")

enum event_field {
#define EVENT_FIELD(NAME, STRING) EVENT_##NAME,
    EVENT_FIELDS
#undef EVENT_FIELD
    EVENT_N_FIELDS
};

struct event {
    uint64_t seq;
    long long at;               /* Wall clock, milliseconds. */
    enum event_kind kind;
    char *fields[EVENT_N_FIELDS];   /* NULL: not said. */
};

struct events {
    struct event *ring;         /* EVENTS_MAX of them. */
    size_t n;                   /* How many have been kept, the last one of
                                 * them at (n - 1) % EVENTS_MAX. */
    uint64_t last;              /* Number of the last event. */
    long long watched_until;    /* Monotonic: MACs are watched. */
    long long turn;             /* When MACs were counted anew... */
    unsigned int n_macs;        /* ...and how many there were since. */
};

void events_init(struct events *);
void events_destroy(struct events *);
void events_add(struct events *, enum event_kind, long long wall,
                const char *const fields[EVENT_N_FIELDS]);
bool events_take_mac(struct events *, long long now);
size_t events_count(const struct events *);
size_t events_read(const struct events *, uint64_t *since,
                   const char *segment, size_t max, struct json *array,
                   uint64_t *lost);

/* event_text.c */
const char *event_get(const struct json *, const char *member);
void event_to_text(const struct json *, struct ds *);

#endif /* controller/events.h */
