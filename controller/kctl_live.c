/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* kakehashi-ctl, commands that follow a controller: their options, and how
 * they ask. */

#include <config.h>

#include "controller/kctl_live.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "controller/kctl.h"
#include "controller/kctl_rpc.h"
#include "daemon.h"
#include "dirs.h"
#include "jsonrpc.h"
#include "openvswitch/json.h"
#include "openvswitch/shash.h"
#include "openvswitch/vlog.h"
#include "timeval.h"
#include "util.h"

#define MIN_INTERVAL .1
#define MAX_INTERVAL 86400

/* ---- Options. ----------------------------------------------------------- */

/* Sets what 'name' says.  Returns what is wrong with 'value', or NULL. */
static char *
set_option(struct kctl_live *live, const char *name, const char *value)
{
    static const char *const sorts[] = {
        [KCTL_SORT_IN] = "in",
        [KCTL_SORT_OUT] = "out",
        [KCTL_SORT_DROPS] = "drops",
        [KCTL_SORT_LEARN] = "learn",
    };

    if (!strcmp(name, "appctl")) {
        live->target = value;
    } else if (!strcmp(name, "once")) {
        live->once = true;
    } else if (!strcmp(name, "interval")) {
        if (!str_to_double(value, &live->interval)
            || live->interval < MIN_INTERVAL
            || live->interval > MAX_INTERVAL) {
            return xasprintf("interval \"%s\" is not a number of seconds from "
                             "%g to %d", value, MIN_INTERVAL, MAX_INTERVAL);
        }
    } else if (!strcmp(name, "sort")) {
        for (size_t i = 0; i < ARRAY_SIZE(sorts); i++) {
            if (!strcmp(value, sorts[i])) {
                live->sort = i;
                return NULL;
            }
        }
        return xasprintf("\"%s\" is none of in, out, drops and learn", value);
    } else if (!strcmp(value, "json")) {
        live->json = true;      /* --format */
    } else if (strcmp(value, "text")) {
        return xasprintf("format \"%s\" is neither text nor json", value);
    }
    return NULL;
}

/* Whether 'command' has the option 'name'. */
static bool
has_option(const char *command, const char *name)
{
    static const struct {
        const char *command, *name;
    } known[] = {
        { "monitor", "appctl" }, { "monitor", "format" }, { "top", "appctl" },
        { "top", "interval" }, { "top", "once" }, { "top", "sort" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
        if (!strcmp(command, known[i].command)
            && !strcmp(name, known[i].name)) {
            return true;
        }
    }
    return false;
}

static void
take_option(struct kctl_live *live, const char *command, const char *name,
            const char *value)
{
    char *error = (has_option(command, name)
                   ? set_option(live, name, value)
                   : xasprintf("'%s' command has no '--%s' option", command,
                               name));

    if (error) {
        ctl_fatal("%s", error);
    }
}

/* Takes the options that stand behind the command, and its argument. */
static void
parse_words(int argc, char *argv[], struct kctl_live *live)
{
    static const struct option known[] = {
        {"appctl", required_argument, NULL, 'a'},
        {"format", required_argument, NULL, 'f'},
        {"interval", required_argument, NULL, 'i'},
        {"once", no_argument, NULL, 'o'},
        {"sort", required_argument, NULL, 's'},
        {NULL, 0, NULL, 0},
    };
    int i, c;

    optind = 0;                 /* Begin anew. */
    opterr = true;
    while ((c = getopt_long(argc, argv, "f:", known, &i)) != -1) {
        if (c == '?') {
            exit(EXIT_FAILURE);
        }
        for (i = 0; known[i].name; i++) {
            if (known[i].val == c) {
                take_option(live, argv[0], known[i].name, optarg);
            }
        }
    }
    if (optind < argc && !strcmp(argv[0], "monitor")) {
        live->segment = argv[optind++];
    }
    if (optind < argc) {
        ctl_fatal("\"%s\": %s is not followed by anything else",
                  argv[optind], argv[0]);
    }
}

int
kctl_live(char *argv[], const struct kctl_options *options,
          const struct shash *local)
{
    struct kctl_live live = {
        .target = "kakehashi",
        .interval = 2,
        .deadline = options->deadline,
    };
    const struct shash_node *node;
    int argc = 1;

    while (argv[argc]) {
        argc++;
    }
    if (options->format_given) {
        take_option(&live, argv[0], "format",
                    options->style.format == TF_JSON ? "json" : "table");
    }
    SHASH_FOR_EACH (node, local) {
        take_option(&live, argv[0], node->name + 2, node->data);
    }
    parse_words(argc, argv, &live);

    /* What is wrong is said here; and they are ended by signals. */
    vlog_set_levels_from_string_assert("daemon_unix:off");
    vlog_set_levels_from_string_assert("fatal_signal:off");
    int status = !strcmp(argv[0], "top") ? kctl_top(&live)
                 : kctl_monitor(&live);
    kctl_live_close(&live);
    return status;
}

bool
kctl_is_live(const char *command)
{
    return command && (!strcmp(command, "monitor")
                       || !strcmp(command, "top"));
}

/* One that is not alone. */
static void
run_among_others(struct ctl_context *ctx)
{
    ctl_error(ctx, "%s cannot be given together with other commands",
              ctx->argv[0]);
}

const struct ctl_command_syntax kctl_live_commands[] = {
    {"monitor", 0, 1, "[SEGMENT]", NULL, run_among_others, NULL, "--appctl=",
     RO},
    {"top", 0, 0, "", NULL, run_among_others, NULL,
     "--appctl=,--interval=,--once,--sort=", RO},
    {NULL, 0, 0, NULL, NULL, NULL, NULL, NULL, RO},
};

/* ---- Questions. --------------------------------------------------------- */

static char *
live_connect(struct kctl_live *live, long long int deadline)
{
    char *path = xstrdup(live->target);
    int error;

    if (live->target[0] != '/') {
        char *pidfile = xasprintf("%s/%s.pid", ovs_rundir(), live->target);
        pid_t pid = read_pidfile(pidfile);

        if (pid <= 0) {
            char *s = xasprintf("no controller is running here: %s: %s",
                                pidfile, pid ? ovs_strerror(-pid)
                                : "no process");
            free(pidfile);
            free(path);
            return s;
        }
        free(pidfile);
        free(path);
        path = xasprintf("%s/%s.%ld.ctl", ovs_rundir(), live->target,
                         (long int) pid);
    }
    error = kctl_rpc_open_control(path, deadline, &live->rpc);

    char *s = error ? xasprintf("cannot reach the controller: %s: %s", path,
                                ovs_retval_to_string(error)) : NULL;
    free(path);
    live->met |= !s;
    return s;
}

void
kctl_live_close(struct kctl_live *live)
{
    jsonrpc_close(live->rpc);
    live->rpc = NULL;
}

/* Takes the answer out of 'reply', which it frees. */
static char *
take_answer(struct jsonrpc_msg *reply, const char *command,
            struct json **answer)
{
    char *error = NULL;

    if (reply->error) {
        const char *s = (reply->error->type == JSON_STRING
                         ? json_string(reply->error) : "unknown error");

        error = (strstr(s, "is not a valid command")
                 ? xasprintf("the controller does not know \"%s\": it is "
                             "another version than this program", command)
                 : xasprintf("the controller says: %s", s));
        error[strcspn(error, "\n")] = '\0';
    } else if (reply->result && reply->result->type == JSON_STRING) {
        *answer = json_from_string(json_string(reply->result));
    }
    if (!error && (!*answer || (*answer)->type != JSON_OBJECT)) {
        json_destroy(*answer);
        *answer = NULL;
        error = xasprintf("what answers \"%s\" is not a controller", command);
    }
    jsonrpc_msg_destroy(reply);
    return error;
}

char *
kctl_live_ask(struct kctl_live *live, const char *command, struct json *args,
              long long int deadline, struct json **answer)
{
    struct jsonrpc_msg *reply;
    char *failed = live->rpc ? NULL : live_connect(live, deadline);

    *answer = NULL;
    if (failed) {
        json_destroy(args);
        return failed;
    }

    int error = kctl_rpc_call(live->rpc, command, args, deadline, &reply);
    if (error) {
        kctl_live_close(live);
        live->ended = error != ETIMEDOUT;
        return xasprintf("lost the controller: %s",
                         error == ETIMEDOUT ? "it does not answer"
                         : error == EOF ? "it has ended"
                         : ovs_retval_to_string(error));
    }
    return take_answer(reply, command, answer);
}
