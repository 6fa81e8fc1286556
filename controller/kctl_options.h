/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_KCTL_OPTIONS_H
#define CONTROLLER_KCTL_OPTIONS_H 1

/* Options of a request: those that say how one command line is to be run.
 *
 * They are read twice when a daemon runs it: by the program that was called,
 * with all its other options, and by the daemon, to which these are the only
 * ones.  So nothing here exits or prints. */

#include <getopt.h>
#include <limits.h>
#include <stdbool.h>

#include "openvswitch/shash.h"
#include "table.h"

enum kctl_wait {
    KCTL_WAIT_NONE,             /* Until the database has the change. */
    KCTL_WAIT_CTL,              /* Until the controller has read it. */
    KCTL_WAIT_EDGES             /* Until the connected edges confirm it. */
};

struct kctl_options {
    enum kctl_wait wait;
    bool oneline;
    bool dry_run;
    bool flows;                 /* A dry run lists these, too. */
    bool format_given;          /* Is style.format what the user asked for? */
    bool color;                 /* For people who see colours. */
    unsigned int width;         /* Of the terminal; 0 if there is none. */
    const char *counts;         /* What the controller counts, or NULL. */
    const char *ports;          /* Which ports it knows, or NULL. */
    const char *macs;           /* What it has learned, or NULL. */
    const char *who;            /* Who asks, or NULL. */
    const char *expected;       /* Hash of the difference, or NULL. */
    bool yes;                   /* The user need not be asked. */
    struct table_style style;
    long long int deadline;     /* time_msec() at which to give up. */
};

extern const struct kctl_options kctl_default_options;

enum {
    KCTL_OPT_WAIT = UCHAR_MAX + 1,
    KCTL_OPT_NO_WAIT,
    KCTL_OPT_DRY_RUN,
    KCTL_OPT_FLOWS,
    KCTL_OPT_ONELINE,
    KCTL_OPT_COLOR,
    KCTL_OPT_WIDTH,             /* From our client, like the next ones. */
    KCTL_OPT_COUNTS,
    KCTL_OPT_PORTS,
    KCTL_OPT_MACS,
    KCTL_OPT_WHO,
    KCTL_OPT_EXPECTED,
    KCTL_OPT_YES,
    KCTL_OPT_LOCAL,             /* Of a command, such as --may-exist. */
    TABLE_OPTION_ENUMS,
    KCTL_N_OPTS                 /* Others begin here. */
};

#define KCTL_LONG_OPTIONS                                   \
    {"wait", required_argument, NULL, KCTL_OPT_WAIT},       \
    {"no-wait", no_argument, NULL, KCTL_OPT_NO_WAIT},       \
    {"dry-run", no_argument, NULL, KCTL_OPT_DRY_RUN},       \
    {"flows", no_argument, NULL, KCTL_OPT_FLOWS},           \
    {"oneline", no_argument, NULL, KCTL_OPT_ONELINE},       \
    {"color", required_argument, NULL, KCTL_OPT_COLOR},     \
    {"yes", no_argument, NULL, KCTL_OPT_YES},               \
    {"timeout", required_argument, NULL, 't'},              \
    TABLE_LONG_OPTIONS

/* Those that the program itself adds for its daemon, which people have no use
 * for. */
#define KCTL_INNER_LONG_OPTIONS                             \
    {"width", required_argument, NULL, KCTL_OPT_WIDTH},     \
    {"counts", required_argument, NULL, KCTL_OPT_COUNTS},   \
    {"ports", required_argument, NULL, KCTL_OPT_PORTS},     \
    {"macs", required_argument, NULL, KCTL_OPT_MACS},       \
    {"who", required_argument, NULL, KCTL_OPT_WHO},         \
    {"expected", required_argument, NULL, KCTL_OPT_EXPECTED}

/* Prints 'options', which end with an empty one, but for those, for programs
 * that complete what people write; exits. */
void kctl_print_options(const struct option *options);

/* Takes option 'c' of a request, with its argument, which must outlive
 * 'options' or be copied.  Returns false if it is no
 * such option.  Puts what is wrong with it, or NULL, into '*errorp'. */
bool kctl_handle_option(int c, const char *arg, struct kctl_options *,
                        char **errorp);

/* Called for each option but those of commands; returns what is wrong with it,
 * or NULL. */
typedef char *kctl_option_cb(int c, const char *arg, const char *name,
                             void *aux);

/* Parses the options at the beginning of 'argv', which ends with NULL, and
 * which are those in 'known' and those of commands, because these may stand
 * before the first command.  Puts the latter into 'local_options', and the
 * number of words that are options, argv[0] included, into '*n'.  'known' ends
 * with an empty one.  With 'loud', getopt_long() tells on stderr what it does
 * not understand.  Returns what is wrong, or NULL. */
char *kctl_parse_options(int argc, char *argv[], const struct option *known,
                         bool loud, struct shash *local_options,
                         kctl_option_cb *, void *aux, int *n);

/* The same where all options are those of a request. */
char *kctl_parse_request(int argc, char *argv[], struct kctl_options *,
                         struct shash *local_options, int *n);

#endif /* controller/kctl_options.h */
