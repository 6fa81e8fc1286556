/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* locker REMOTES
 *
 * Does with locks what its standard input says, a line at a time:
 *
 *     want ID
 *     drop ID
 *     transact ID      asserts the lock and changes nothing
 *
 * and prints what happens, until the input ends: "+ID" and "-ID" for a lock
 * that is got or lost, "connected", "disconnected", and what became of the
 * transaction: "done", "refused", "unknown"; or "busy". */

#include <config.h>

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "controller/locks.h"
#include "openvswitch/json.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "util.h"

static void
transact(struct locks *locks, const char *id)
{
    struct json *assertion = json_object_create();
    struct json *comment = json_object_create();

    json_object_put_string(assertion, "op", "assert");
    json_object_put_string(assertion, "lock", id);
    json_object_put_string(comment, "op", "comment");
    json_object_put_string(comment, "comment", id);
    if (!locks_transact(locks, json_array_create_2(assertion, comment))) {
        puts("busy");
    }
}

static void
obey(struct locks *locks, const char *verb, const char *id)
{
    if (!strcmp(verb, "want")) {
        locks_want(locks, id);
    } else if (!strcmp(verb, "drop")) {
        locks_drop(locks, id);
    } else if (!strcmp(verb, "transact")) {
        transact(locks, id);
    } else {
        ovs_fatal(0, "%s: not known", verb);
    }
}

/* Reads what there is.  Returns false at the end. */
static bool
read_input(int fd, struct locks *locks)
{
    static char line[128];
    static size_t n;
    char c;
    ssize_t retval;

    while (poll(&(struct pollfd) { .fd = fd, .events = POLLIN }, 1, 0) > 0) {
        retval = read(fd, &c, 1);
        if (retval <= 0) {
            return false;
        } else if (c != '\n') {
            line[n] = c;
            n = MIN(n + 1, sizeof line - 1);
        } else {
            char *save = NULL, *verb, *id;

            line[n] = '\0';
            n = 0;
            verb = strtok_r(line, " ", &save);
            id = strtok_r(NULL, " ", &save);
            if (!id) {
                ovs_fatal(0, "a verb and a lock expected");
            }
            obey(locks, verb, id);
        }
    }
    return true;
}

static void
tell(struct locks *locks)
{
    static const char *const outcomes[] = {
        [LOCKS_DONE] = "done",
        [LOCKS_REFUSED] = "refused",
        [LOCKS_UNKNOWN] = "unknown",
    };
    static bool connected;
    struct locks_event event;
    struct json *result;
    enum locks_outcome outcome = locks_transacted(locks, &result);

    if (connected != locks_is_connected(locks)) {
        connected = !connected;
        puts(connected ? "connected" : "disconnected");
    }
    while (locks_next(locks, &event)) {
        printf("%c%s\n", event.held ? '+' : '-', event.id);
        free(event.id);
    }
    if (outcome != LOCKS_NONE) {
        puts(outcomes[outcome]);
    }
    json_destroy(result);
    fflush(stdout);
}

int
main(int argc, char *argv[])
{
    struct locks *locks;
    int fd = dup(STDIN_FILENO); /* 0 is none to poll_fd_wait(). */

    set_program_name(argv[0]);
    if (argc != 2) {
        ovs_fatal(0, "usage: %s REMOTES", program_name);
    }
    signal(SIGPIPE, SIG_IGN);
    locks = locks_create(argv[1]);
    for (;;) {
        locks_run(locks);
        if (!read_input(fd, locks)) {
            break;
        }
        tell(locks);
        locks_wait(locks);
        poll_fd_wait(fd, POLLIN);
        poll_block();
    }
    locks_destroy(locks);
    return 0;
}
