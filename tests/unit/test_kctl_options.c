/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* Options of a request, as a daemon reads them. */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "controller/kctl_options.h"
#include "db-ctl-base.h"
#include "openvswitch/dynamic-string.h"
#include "timeval.h"
#include "util.h"

static void
run(struct ctl_context *ctx OVS_UNUSED)
{
}

static const struct ctl_command_syntax commands[] = {
    {"frob", 0, 9, "", NULL, run, NULL, "--force,--tint=", RO},
    {NULL, 0, 0, NULL, NULL, NULL, NULL, NULL, RO},
};

/* Parses 'line', words with a blank before each.  Returns what is wrong. */
static char *
parse(const char *line, struct kctl_options *options, struct shash *local,
      int *n)
{
    char *copy = xstrdup(line);
    char *argv[16] = { "prog" };
    char *save_ptr = NULL;
    int argc = 1;

    for (char *word = strtok_r(copy, " ", &save_ptr); word;
         word = strtok_r(NULL, " ", &save_ptr)) {
        argv[argc++] = word;
    }

    char *error = kctl_parse_request(argc, argv, options, local, n);
    free(copy);
    return error;
}

/* What the options say, but for defaults, and how many words they are. */
static void
describe(const struct kctl_options *o, const struct shash *local, int n,
         struct ds *s)
{
    static const char *waits[] = { "none", "ctl", "edges" };
    static const char *formats[] = { "table", "list", "html", "csv", "json" };
    const struct shash_node *node;

    ds_put_format(s, "%d:", n);
    if (o->wait) {
        ds_put_format(s, " wait=%s", waits[o->wait]);
    }
    ds_put_cstr(s, o->dry_run ? " dry-run" : "");
    ds_put_cstr(s, o->oneline ? " oneline" : "");
    if (o->format_given) {
        ds_put_format(s, " format=%s", formats[o->style.format]);
    }
    if (o->deadline < LLONG_MAX) {
        ds_put_format(s, " timeout=%lld",
                      (o->deadline - time_msec() + 999) / 1000);
    }
    SHASH_FOR_EACH (node, local) {
        ds_put_format(s, " %s=%s", node->name,
                      node->data ? (char *) node->data : "");
    }
}

static void
test_options(void **state OVS_UNUSED)
{
    static const struct {
        const char *line, *result;
    } rows[] = {
        { "", "1:" },
        { "frob --dry-run", "1:" },
        { "--wait=edges frob", "2: wait=edges" },
        { "--wait=ctl --no-wait -t 7 --dry-run --oneline -- frob",
          "8: dry-run oneline timeout=7" },
        { "-f json frob", "3: format=json" },
        { "--bare --data=json --force frob", "4: format=list --force=" },
        { "--tint=red --timeout=1 frob", "3: timeout=1 --tint=red" },

        /* None of these may end the program. */
        { "--wait=later frob", "--wait=later: must be none, ctl or edges" },
        { "-t 0 frob", "value 0 on -t or --timeout is invalid" },
        { "-t x frob", "value x on -t or --timeout is invalid" },
        { "-f yaml frob", "unknown output format \"yaml\"" },
        { "--data=yaml frob", "unknown data format \"yaml\"" },
        { "--force --force frob", "'--force' option specified multiple times"},
        { "--db=x frob", "\"--db=x\" is not an option of a request" },
        { "--detach", "\"--detach\" is not an option of a request" },
        { "--help", "\"--help\" is not an option of a request" },
        { "--tint", "\"--tint\" is not an option of a request" },
        { "--force=1 frob", "\"--force=1\" is not an option of a request" },
        { "-x frob", "\"-x\" is not an option of a request" },
        { "-t", "\"-t\" is not an option of a request" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct shash local = SHASH_INITIALIZER(&local);
        struct ds s = DS_EMPTY_INITIALIZER;
        struct kctl_options o;
        int n;

        char *error = parse(rows[i].line, &o, &local, &n);
        if (error) {
            ds_put_cstr(&s, error);
        } else {
            describe(&o, &local, n, &s);
        }
        if (strcmp(ds_cstr(&s), rows[i].result)) {
            fail_msg("%s: \"%s\"", rows[i].line, ds_cstr(&s));
        }
        shash_destroy_free_data(&local);
        ds_destroy(&s);
        free(error);
    }
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_options),
    };

    ctl_register_commands(commands);
    return cmocka_run_group_tests_name("kctl_options", tests, NULL, NULL);
}
