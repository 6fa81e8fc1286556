/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* Options of a request. */

#include <config.h>

#include "controller/kctl_options.h"

#include <stdlib.h>
#include <string.h>

#include "command-line.h"
#include "db-ctl-base.h"
#include "timeval.h"
#include "util.h"

const struct kctl_options kctl_default_options = {
    .style = TABLE_STYLE_DEFAULT,
    .deadline = LLONG_MAX,
};

/* ---- Values. ------------------------------------------------------------ */

static char *
parse_wait(const char *s, enum kctl_wait *wait)
{
    if (!strcmp(s, "none")) {
        *wait = KCTL_WAIT_NONE;
    } else if (!strcmp(s, "ctl")) {
        *wait = KCTL_WAIT_CTL;
    } else if (!strcmp(s, "edges")) {
        *wait = KCTL_WAIT_EDGES;
    } else {
        return xasprintf("--wait=%s: must be none, ctl or edges", s);
    }
    return NULL;
}

/* "auto" is for who knows where the output goes: not for this file. */
static char *
parse_color(const char *s, bool *color)
{
    if (strcmp(s, "always") && strcmp(s, "never") && strcmp(s, "auto")) {
        return xasprintf("--color=%s: must be auto, always or never", s);
    }
    *color = !strcmp(s, "always");
    return NULL;
}

static char *
parse_width(const char *s, unsigned int *width)
{
    return (str_to_uint(s, 10, width) ? NULL
            : xasprintf("value %s on --width is invalid", s));
}

static char *
parse_timeout(const char *s, long long int *deadline)
{
    unsigned int secs;

    if (!str_to_uint(s, 10, &secs) || !secs) {
        return xasprintf("value %s on -t or --timeout is invalid", s);
    }
    *deadline = time_msec() + secs * 1000LL;
    return NULL;
}

/* The library's functions exit because of a word that they do not know. */
static char *
parse_format(const char *s, struct table_style *style)
{
    static const char *formats[] = { "table", "list", "html", "csv", "json" };

    for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
        if (!strcmp(s, formats[i])) {
            table_parse_format(style, s);
            return NULL;
        }
    }
    return xasprintf("unknown output format \"%s\"", s);
}

static char *
parse_cell_format(const char *s, struct table_style *style)
{
    static const char *formats[] = { "string", "bare", "json" };

    for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
        if (!strcmp(s, formats[i])) {
            table_parse_cell_format(style, s);
            return NULL;
        }
    }
    return xasprintf("unknown data format \"%s\"", s);
}

/* ---- Options. ----------------------------------------------------------- */

/* Takes option 'c' if it is one about tables. */
static bool
handle_table_option(int c, const char *arg, struct kctl_options *options,
                    char **errorp)
{
    struct table_style *style = &options->style;

    switch (c) {
    case 'f':
        options->format_given = true;
        *errorp = parse_format(arg, style);
        return true;

    case 'd':
        *errorp = parse_cell_format(arg, style);
        return true;

    case OPT_NO_HEADINGS:
        style->headings = false;
        return true;

    case OPT_PRETTY:
        style->json_flags |= JSSF_PRETTY;
        return true;

    case OPT_BARE:
        options->format_given = true;
        style->format = TF_LIST;
        style->cell_format = CF_BARE;
        style->headings = false;
        return true;

    case OPT_MAX_COLUMN_WIDTH:
        style->max_column_width = atoi(arg);
        return true;
    }
    return false;
}

bool
kctl_handle_option(int c, const char *arg, struct kctl_options *options,
                   char **errorp)
{
    *errorp = NULL;
    switch (c) {
    case KCTL_OPT_WAIT:
        *errorp = parse_wait(arg, &options->wait);
        return true;

    case KCTL_OPT_NO_WAIT:
        options->wait = KCTL_WAIT_NONE;
        return true;

    case KCTL_OPT_DRY_RUN:
        options->dry_run = true;
        return true;

    case KCTL_OPT_FLOWS:
        options->flows = true;
        return true;

    case KCTL_OPT_ONELINE:
        options->oneline = true;
        return true;

    case KCTL_OPT_COLOR:
        *errorp = parse_color(arg, &options->color);
        return true;

    case KCTL_OPT_WIDTH:
        *errorp = parse_width(arg, &options->width);
        return true;

    case KCTL_OPT_COUNTS:
        options->counts = arg;
        return true;

    case KCTL_OPT_PORTS:
        options->ports = arg;
        return true;

    case KCTL_OPT_MACS:
        options->macs = arg;
        return true;

    case KCTL_OPT_WHO:
        options->who = arg;
        return true;

    case KCTL_OPT_EXPECTED:
        options->expected = arg;
        return true;

    case KCTL_OPT_YES:
        options->yes = true;
        return true;

    case 't':
        *errorp = parse_timeout(arg, &options->deadline);
        return true;
    }
    return handle_table_option(c, arg, options, errorp);
}

/* Remembers an option of a command for ctl_parse_commands(). */
static char *
add_local_option(struct shash *local_options, const char *name,
                 const char *arg)
{
    char *option = xasprintf("--%s", name);

    if (shash_find(local_options, option)) {
        char *error = xasprintf("'%s' option specified multiple times",
                                option);
        free(option);
        return error;
    }
    shash_add_nocopy(local_options, option, nullable_xstrdup(arg));
    return NULL;
}

static const char *
option_name(const struct option *options, int c)
{
    for (; options->name; options++) {
        if (options->val == c) {
            return options->name;
        }
    }
    return NULL;
}

char *
kctl_parse_options(int argc, char *argv[], const struct option *known,
                   bool loud, struct shash *local_options,
                   kctl_option_cb *cb, void *aux, int *n)
{
    size_t n_known = 0;
    char *error = NULL;

    while (known[n_known].name) {
        n_known++;
    }

    size_t n_options = n_known;
    size_t allocated = n_known + 1;
    struct option *options = xmemdup(known, allocated * sizeof *known);
    ctl_add_cmd_options(&options, &n_options, &allocated, KCTL_OPT_LOCAL);

    char *tmp = ovs_cmdl_long_options_to_short_options(known);
    char *short_options = xasprintf("+%s", tmp);
    free(tmp);

    optind = 0;                 /* Begin anew. */
    opterr = loud;
    while (!error) {
        int i;
        int c = getopt_long(argc, argv, short_options, options, &i);

        if (c == -1) {
            break;
        }
        error = (c == KCTL_OPT_LOCAL
                 ? add_local_option(local_options, options[i].name, optarg)
                 : c == '?' && !loud
                 ? xasprintf("\"%s\" is not an option of a request",
                             argv[optind - 1])
                 : cb(c, optarg, option_name(known, c), aux));
    }
    *n = optind;
    free(short_options);

    for (size_t i = n_known; options[i].name; i++) {
        free(CONST_CAST(char *, options[i].name));
    }
    free(options);
    return error;
}

static bool
is_inner(const struct option *option)
{
    static const struct option inner[] = {
        KCTL_INNER_LONG_OPTIONS,
        {NULL, 0, NULL, 0},
    };

    return option_name(inner, option->val) != NULL;
}

void
kctl_print_options(const struct option *options)
{
    struct option *rest = NULL;
    size_t n = 0, allocated = 0;

    do {
        if (n == allocated) {
            rest = x2nrealloc(rest, &allocated, sizeof *rest);
        }
        if (!options->name || !is_inner(options)) {
            rest[n++] = *options;
        }
    } while (options++->name);
    ctl_print_options(rest);
}

/* ---- Requests. ---------------------------------------------------------- */

static char *
request_option(int c, const char *arg, const char *name OVS_UNUSED, void *aux)
{
    char *error;

    ovs_assert(kctl_handle_option(c, arg, aux, &error));
    return error;
}

char *
kctl_parse_request(int argc, char *argv[], struct kctl_options *options,
                   struct shash *local_options, int *n)
{
    static const struct option known[] = {
        KCTL_LONG_OPTIONS,
        KCTL_INNER_LONG_OPTIONS,
        {NULL, 0, NULL, 0},
    };

    *options = kctl_default_options;
    return kctl_parse_options(argc, argv, known, false, local_options,
                              request_option, options, n);
}
