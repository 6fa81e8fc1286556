/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* events/show, which is answered when there is something to tell, or when the
 * time is over for which who asks wants to wait. */

#include <config.h>
#include "controller/admin_private.h"

#include "controller/agent.h"
#include "controller/conf.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "openvswitch/poll-loop.h"
#include "timeval.h"
#include "util.h"

#define ADMIN_MAX_READERS 16        /* Commands at a time. */
#define ADMIN_MAX_EVENTS 1000       /* In an answer. */
#define ADMIN_MAX_EVENT_WAIT 60000  /* Milliseconds. */

/* How much longer than it waits a reader is held to be there, in milliseconds.
 * It is the time that it has for asking again. */
#define ADMIN_EVENT_GRACE 5000

struct admin_reader {
    struct ovs_list node;       /* In 'event_readers' of struct agent. */
    struct unixctl_conn *conn;
    bool json;
    char *segment;              /* NULL: all. */
    uint64_t since, lost;
    struct json *events;        /* Array. */
    struct json *others;        /* Of one that begins: who leads what is not
                                 * told here.  Otherwise NULL. */
    long long deadline;
};

static void
admin_reader_reply(struct admin_reader *reader)
{
    if (reader->json) {
        struct json *json = json_object_create();

        json_object_put(json, "last", json_integer_create(reader->since));
        json_object_put(json, "lost", json_integer_create(reader->lost));
        json_object_put(json, "events", reader->events);
        if (reader->others) {
            json_object_put(json, "others", reader->others);
        }
        admin_reply_json(reader->conn, json);
    } else {
        struct ds s = DS_EMPTY_INITIALIZER;

        if (reader->lost) {
            ds_put_format(&s, "%"PRIu64" events lost\n", reader->lost);
        }
        for (size_t i = 0; i < json_array(reader->events)->n; i++) {
            event_to_text(json_array(reader->events)->elems[i], &s);
        }
        unixctl_command_reply(reader->conn, ds_cstr(&s));
        json_destroy(reader->events);
        json_destroy(reader->others);
        ds_destroy(&s);
    }
}

static void
admin_reader_free(struct admin_reader *reader)
{
    ovs_list_remove(&reader->node);
    free(reader->segment);
    free(reader);
}

/* Replies if there is something to tell, or if it is time to. */
static void
admin_reader_run(struct agent *agent, struct admin_reader *reader,
                 long long now)
{
    size_t n = events_read(&agent->events, &reader->since, reader->segment,
                           ADMIN_MAX_EVENTS, reader->events, &reader->lost);

    if (n || reader->lost || now >= reader->deadline) {
        admin_reader_reply(reader);
        admin_reader_free(reader);
    }
}

void
admin_events_run(struct agent *agent, long long now)
{
    struct admin_reader *reader;

    LIST_FOR_EACH_SAFE (reader, node, &agent->event_readers) {
        admin_reader_run(agent, reader, now);
    }
}

void
admin_events_wait(const struct agent *agent)
{
    const struct admin_reader *reader;

    LIST_FOR_EACH (reader, node, &agent->event_readers) {
        if (reader->since < agent->events.last) {
            poll_immediate_wake();
        }
        poll_timer_wait_until(reader->deadline);
    }
}

/* The controller exits, and its control socket with it. */
void
admin_events_clear(struct agent *agent)
{
    struct admin_reader *reader;

    LIST_FOR_EACH_SAFE (reader, node, &agent->event_readers) {
        json_destroy(reader->events);
        json_destroy(reader->others);
        admin_reader_free(reader);
    }
}

/* Takes "--since=SEQ" and "--wait=MS" out of the arguments.  Returns false,
 * after an error reply, if one of them makes no sense. */
static bool
admin_reader_options(struct unixctl_conn *conn, int *argc, const char *argv[],
                     uint64_t last, uint64_t *since, bool *begins,
                     long long *wait)
{
    for (int i = 1; i < *argc; ) {
        const char *arg = argv[i];
        long long number;
        bool is_wait = !strncmp(arg, "--wait=", 7);

        if (!is_wait && strncmp(arg, "--since=", 8)) {
            i++;
            continue;
        }
        if (!strcmp(arg, "--since=now")) {
            *since = last;
            *begins = true;
        } else if (!str_to_llong(strchr(arg, '=') + 1, 10, &number)
                   || number < 0) {
            char *error = xasprintf("%s: not a number from 0 on", arg);

            unixctl_command_reply_error(conn, error);
            free(error);
            return false;
        } else if (is_wait) {
            *wait = MIN(number, ADMIN_MAX_EVENT_WAIT);
        } else {
            *since = number;
        }
        admin_take_arg(argc, argv, i);
    }
    return true;
}

void
admin_events_show(struct unixctl_conn *conn, int argc, const char *argv[],
                  void *agent_)
{
    struct agent *agent = agent_;
    long long now = time_msec();
    const char *name;
    const struct topo_segment *segment;
    struct admin_reader *reader;
    bool json, begins = false;
    uint64_t since = 0;
    long long wait = 0;

    if (!admin_reader_options(conn, &argc, argv, agent->events.last, &since,
                              &begins, &wait)
        || !admin_format(conn, &argc, argv, 1, &json)) {
        return;
    }
    name = argc > 1 ? argv[1] : NULL;
    segment = name ? topo_segment_by_name(&agent->topo, name) : NULL;
    if (name && conf_is_ready(agent->conf) && !segment) {
        /* Before, who has followed another process may go on. */
        admin_no_such(conn, agent, TOPO_SEGMENT, name);
        return;
    }
    if (since > agent->events.last) {
        since = 0;              /* A number of a former process. */
    }
    if (ovs_list_size(&agent->event_readers) >= ADMIN_MAX_READERS) {
        unixctl_command_reply_error(conn, "too many are being answered");
        return;
    }
    if (wait) {
        agent_events_watch(agent, now, wait + ADMIN_EVENT_GRACE);
    }
    reader = xmalloc(sizeof *reader);
    *reader = (struct admin_reader) {
        .conn = conn,
        .json = json,
        .segment = nullable_xstrdup(name),
        .since = since,
        .events = json_array_create_empty(),
        .others = begins ? admin_other_leaders_to_json(agent, segment) : NULL,
        .deadline = now + wait,
    };
    ovs_list_push_back(&agent->event_readers, &reader->node);
    admin_reader_run(agent, reader, now);
}
