/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* kakehashi-ctl monitor: what happens, a line for each event.
 *
 * What is to be said about the stream itself is an event, too, so that who
 * reads it need not look elsewhere. */

#include <config.h>

#include "controller/kctl_live.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "controller/events.h"
#include "controller/kctl_rpc.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/shash.h"
#include "timeval.h"
#include "util.h"

/* How long the controller is to wait for something to tell, and how long after
 * that it does not answer any more, in milliseconds. */
#define WAIT_MSEC 10000
#define ANSWER_MSEC 10000

/* How often a controller that is not there is looked for. */
#define RETRY_MSEC 500

static void
print_event(const struct kctl_live *live, const struct json *event)
{
    if (event->type != JSON_OBJECT) {
        return;
    }

    struct ds s = DS_EMPTY_INITIALIZER;
    if (live->json) {
        json_to_ds(event, JSSF_SORT, &s);
        ds_put_char(&s, '\n');
    } else {
        event_to_text(event, &s);
    }
    fputs(ds_cstr(&s), stdout);
    ds_destroy(&s);
}

/* Something has happened to the stream. */
static void
print_own(const struct kctl_live *live, const char *kind, const char *reason)
{
    struct json *event = json_object_create();
    char *now = xastrftime_msec("%Y-%m-%dT%H:%M:%S.###Z", time_wall_msec(),
                                true);

    json_object_put_string(event, "time", now);
    json_object_put_string(event, "event", kind);
    if (reason) {
        json_object_put_string(event, "reason", reason);
    }
    print_event(live, event);
    json_destroy(event);
    free(now);
    fflush(stdout);
}

static long long int
get_number(const struct json *json, const char *name)
{
    const struct json *value = kctl_member(json, name, JSON_INTEGER);

    return value ? json_integer(value) : 0;
}

static void
print_answer(const struct kctl_live *live, const struct json *answer)
{
    const struct json *events = shash_find_data(json_object(answer),
                                                "events");
    long long int lost = get_number(answer, "lost");

    if (lost) {
        char *reason = xasprintf("%lld events", lost);

        print_own(live, "lost", reason);
        free(reason);
    }
    for (size_t i = 0; events && events->type == JSON_ARRAY
                       && i < json_array(events)->n; i++) {
        print_event(live, json_array(events)->elems[i]);
    }
    fflush(stdout);
}

/* Says once, for people, whose events are not told here. */
static void
print_others(const struct kctl_live *live, const struct json *answer)
{
    const struct json *others = kctl_member(answer, "others", JSON_ARRAY);
    size_t n = others ? json_array(others)->n : 0;
    struct ds names = DS_EMPTY_INITIALIZER;

    for (size_t i = 0; i < n; i++) {
        const struct json *name = json_array(others)->elems[i];

        ds_put_format(&names, "%s%s", !i ? "" : i + 1 < n ? ", " : " and ",
                      name->type == JSON_STRING ? json_string(name) : "?");
    }
    if (n && live->segment) {
        fprintf(stderr, "(%s leads segment %s; its events are shown there)\n",
                ds_cstr(&names), live->segment);
    } else if (n) {
        fprintf(stderr, "(%s lead%s other edges; their events are shown "
                "there)\n", ds_cstr(&names), n == 1 ? "s" : "");
    }
    ds_destroy(&names);
}

/* Asks for what comes within 'wait' milliseconds.  'since' is the last event
 * that is known, or negative. */
static char *
ask(struct kctl_live *live, long long int since, int wait,
    struct json **answer)
{
    struct json *args = json_array_create_3(
        json_string_create("--format=json"),
        json_string_create_nocopy(
            since < 0 ? xstrdup("--since=now")
            : xasprintf("--since=%lld", since)),
        json_string_create_nocopy(xasprintf("--wait=%d", wait)));

    if (live->segment) {
        json_array_add(args, json_string_create(live->segment));
    }
    return kctl_live_ask(live, "events/show", args,
                         MIN(live->deadline,
                             time_msec() + WAIT_MSEC + ANSWER_MSEC), answer);
}

int
kctl_monitor(struct kctl_live *live)
{
    long long int since = -1;
    bool gone = false;

    while (time_msec() < live->deadline && !ferror(stdout)) {
        struct json *answer;
        bool begins = since < 0;    /* Is answered without an event, too. */
        char *error = ask(live, since, gone ? 0 : begins ? 1 : WAIT_MSEC,
                          &answer);

        if (!error) {
            if (gone) {
                print_own(live, "controller-back", NULL);
            }
            gone = false;
            if (begins) {
                print_others(live, answer);
            }
            print_answer(live, answer);
            since = get_number(answer, "last");
            json_destroy(answer);
        } else if (time_msec() >= live->deadline) {
            free(error);
        } else if (live->rpc || !live->met) {
            ovs_error(0, "%s", error);
            free(error);
            return EXIT_FAILURE;
        } else {
            if (!gone) {
                print_own(live, "controller-gone", error);
                gone = true;
                since = live->ended ? 0 : since;    /* Another one counts. */
            }
            free(error);
            poll_timer_wait(RETRY_MSEC);
            poll_block();
        }
    }
    return ferror(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}
