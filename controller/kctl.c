/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* kakehashi-ctl: the command line, and what is to be done with it. */

#include <config.h>

#include "controller/kctl.h"

#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command-line.h"
#include "controller/dbname.h"
#include "controller/kctl_counts.h"
#include "controller/kctl_daemon.h"
#include "controller/kctl_history.h"
#include "controller/kctl_index.h"
#include "controller/kctl_live.h"
#include "controller/kctl_macs.h"
#include "controller/kctl_options.h"
#include "controller/kctl_ports.h"
#include "controller/kctl_request.h"
#include "controller/kctl_terminal.h"
#include "controller/tls.h"
#include "daemon.h"
#include "fatal-signal.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/shash.h"
#include "openvswitch/vlog.h"
#include "process.h"
#include "stream.h"
#include "svec.h"
#include "timeval.h"
#include "util.h"

/* How the generic commands find a row by something else than its UUID. */
static const struct ctl_table_class tables[KKREC_N_TABLES] = {
    [KKREC_TABLE_SEGMENT].row_ids = {
        { &kkrec_segment_col_name, NULL, NULL },
        { &kkrec_segment_col_vni, NULL, NULL },
    },
    [KKREC_TABLE_EDGE].row_ids = {
        { &kkrec_edge_col_name, NULL, NULL },
        { &kkrec_edge_col_datapath_id, NULL, NULL },
    },
    [KKREC_TABLE_CLUSTER].row_ids[0] = { &kkrec_cluster_col_name, NULL, NULL },
    [KKREC_TABLE_VTEP].row_ids[0] = { &kkrec_vtep_col_ip, NULL, NULL },
    [KKREC_TABLE_STATIC_MAC].row_ids[0]
        = { &kkrec_static_mac_col_mac, NULL, NULL },
    [KKREC_TABLE_CONNECTION].row_ids[0]
        = { &kkrec_connection_col_target, NULL, NULL },
    [KKREC_TABLE_RBAC_ROLE].row_ids[0]
        = { &kkrec_rbac_role_col_name, NULL, NULL },
    [KKREC_TABLE_RBAC_PERMISSION].row_ids[0]
        = { &kkrec_rbac_permission_col_table, NULL, NULL },
};

/* "sync" needs to do nothing: its name makes the transaction count as a
 * change. */
static void
nothing(struct ctl_context *ctx)
{
}

static const struct ctl_command_syntax general_commands[] = {
    {"init", 0, 0, "", NULL, kctl_init, NULL, "", RW},
    {"sync", 0, 0, "", NULL, nothing, NULL, "", RW},
    {"show", 0, 0, "", NULL, kctl_show, NULL, "", RO},
    {"export", 0, 0, "", NULL, kctl_export, NULL, "", RO},
    /* The second argument is what the file says: we add it. */
    {"apply", 1, 2, "FILE", NULL, kctl_apply, NULL, "", RW},
    {NULL, 0, 0, NULL, NULL, NULL, NULL, NULL, RO},
};

static void
register_commands(void)
{
    ctl_init(&kkrec_idl_class, kkrec_table_classes, tables, NULL, NULL);
    ctl_register_commands(general_commands);
    ctl_register_commands(kctl_node_commands);
    ctl_register_commands(kctl_segment_commands);
    ctl_register_commands(kctl_station_commands);
    ctl_register_commands(kctl_history_commands);
    ctl_register_commands(kctl_live_commands);
}

/* ---- Options. ----------------------------------------------------------- */

enum {
    OPT_COMMANDS = KCTL_N_OPTS,
    OPT_DB,
    OPT_NO_SYSLOG,
    OPT_OPTIONS,
    OPT_RETRY,
    OPT_LEADER_ONLY,
    OPT_NO_LEADER_ONLY,
    OPT_SHUFFLE_REMOTES,
    OPT_NO_SHUFFLE_REMOTES,
    DAEMON_OPTION_ENUMS,
    VLOG_OPTION_ENUMS,
    TLS_OPTION_ENUMS,
};

static const struct option long_options[] = {
    KCTL_LONG_OPTIONS,
    {"db", required_argument, NULL, OPT_DB},
    {"no-syslog", no_argument, NULL, OPT_NO_SYSLOG},
    {"retry", no_argument, NULL, OPT_RETRY},
    {"leader-only", no_argument, NULL, OPT_LEADER_ONLY},
    {"no-leader-only", no_argument, NULL, OPT_NO_LEADER_ONLY},
    {"shuffle-remotes", no_argument, NULL, OPT_SHUFFLE_REMOTES},
    {"no-shuffle-remotes", no_argument, NULL, OPT_NO_SHUFFLE_REMOTES},
    {"unixctl", required_argument, NULL, 'u'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {"commands", no_argument, NULL, OPT_COMMANDS},
    {"options", no_argument, NULL, OPT_OPTIONS},
    DAEMON_LONG_OPTIONS,
    VLOG_LONG_OPTIONS,
    TLS_LONG_OPTIONS,
    KCTL_INNER_LONG_OPTIONS,
    {NULL, 0, NULL, 0},
};

/* What the command line says. */
struct command_line {
    struct kctl_config config;
    char *default_db;           /* Owned. */
    struct kctl_options options;
    struct shash local_options;
    const char *unixctl;        /* NULL if not given, like the next two. */
    const char *of_connection;  /* Name of an option about the database. */
    const char *of_daemon;      /* Name of one that needs --detach. */
    char *width, *counts, *ports, *macs, *who, *expected;   /* We add them. */
    bool color_given;           /* Else as the terminal has it. */
    struct svec request;        /* Options of the request, and of commands. */
};

static void
print_version(void)
{
    ovs_print_version(0, 0);
    printf("DB Schema %s\n", kkrec_get_db_version());
    exit(EXIT_SUCCESS);
}

/* Takes option 'c' if it is one about the database. */
static bool
handle_connection_option(int c, struct kctl_config *config)
{
    switch (c) {
    case OPT_DB:
        config->db = optarg;
        config->is_default = false;
        break;

    case OPT_LEADER_ONLY:
    case OPT_NO_LEADER_ONLY:
        config->leader_only = c == OPT_LEADER_ONLY;
        break;

    case OPT_SHUFFLE_REMOTES:
    case OPT_NO_SHUFFLE_REMOTES:
        config->shuffle = c == OPT_SHUFFLE_REMOTES;
        break;

    TLS_OPTION_HANDLERS

    default:
        return false;
    }
    return true;
}

/* Takes option 'c' if it is one of daemons. */
static bool
handle_daemon_option(int c)
{
    switch (c) {
    DAEMON_OPTION_HANDLERS

    default:
        return false;
    }
    return true;
}

static void
handle_general_option(int c, struct command_line *cl)
{
    switch (c) {
    case OPT_NO_SYSLOG:
        vlog_set_levels(NULL, VLF_SYSLOG, VLL_WARN);
        break;

    case OPT_RETRY:
        cl->config.retry = true;
        break;

    case 'u':
        cl->unixctl = optarg;
        break;

    case 'h':
        kctl_usage(cl->default_db);

    case 'V':
        print_version();
        break;

    case OPT_COMMANDS:
        ctl_print_commands();
        break;

    case OPT_OPTIONS:
        kctl_print_options(long_options);
        break;

    VLOG_OPTION_HANDLERS

    case '?':
        exit(EXIT_FAILURE);

    default:
        abort();
    }
}

static char *
handle_option(int c, const char *arg, const char *name, void *cl_)
{
    struct command_line *cl = cl_;
    char *error;

    if (kctl_handle_option(c, arg, &cl->options, &error)) {
        svec_add_nocopy(&cl->request,
                        arg ? xasprintf("--%s=%s", name, arg)
                            : xasprintf("--%s", name));
        cl->color_given |= c == KCTL_OPT_COLOR && strcmp(arg, "auto");
        return error;
    } else if (handle_connection_option(c, &cl->config)) {
        cl->of_connection = name;
    } else if (handle_daemon_option(c)) {
        cl->of_daemon = name;
    } else {
        handle_general_option(c, cl);
    }
    return NULL;
}

/* The same as --timeout, if that is not given. */
static void
handle_timeout_from_env(struct command_line *cl)
{
    const char *timeout = getenv("OVS_CTL_TIMEOUT");

    if (timeout && timeout[0] && cl->options.deadline == LLONG_MAX) {
        char *error = handle_option('t', timeout, "timeout", cl);
        if (error) {
            ctl_fatal("%s", error);
        }
    }
}

/* Where the daemon is that is to do the work, or NULL. */
static const char *
daemon_path(const struct command_line *cl)
{
    const char *env = getenv(KCTL_DAEMON_ENV);

    if (cl->unixctl) {
        if (cl->of_connection) {
            ctl_fatal("--%s and --unixctl exclude each other: the daemon has "
                      "its own connection to the database",
                      cl->of_connection);
        }
        return cl->unixctl;
    }
    /* What is said here is meant more than what is in the environment. */
    return env && env[0] && !cl->of_connection ? env : NULL;
}

/* As if option 'c' were given, for what the daemon cannot know. */
static void
add_option(struct command_line *cl, int c, const char *name, const char *arg)
{
    char *error = handle_option(c, arg, name, cl);

    if (error) {
        ctl_fatal("%s", error);
    }
}

/* Adds what is to be known of the terminal and of this machine. */
static void
add_surroundings(struct command_line *cl, char *argv[])
{
    unsigned int columns = kctl_terminal_width();

    if (!cl->color_given && kctl_terminal_has_colors()) {
        add_option(cl, KCTL_OPT_COLOR, "color", "always");
    }
    if (columns) {
        cl->width = xasprintf("%u", columns);
        add_option(cl, KCTL_OPT_WIDTH, "width", cl->width);
    }
    cl->who = kctl_terminal_user();
    add_option(cl, KCTL_OPT_WHO, "who", cl->who);
    if (argv[0] && !strcmp(argv[0], "show")) {
        cl->counts = kctl_counts_ask(daemon_path(cl) ? NULL : cl->config.db);
        if (cl->counts) {
            add_option(cl, KCTL_OPT_COUNTS, "counts", cl->counts);
        } else if (columns) {
            fputs("(no controller of this database runs here: no MACs, no "
                  "traffic, old states)\n", stderr);
        }
    }
}

/* A dry run goes by ports as well, and by what was learned: that is known here
 * as counts are. */
static void
add_learned(struct command_line *cl, const struct svec *words)
{
    if (cl->options.dry_run && !cl->ports) {
        cl->ports = kctl_ports_ask();
        if (cl->ports) {
            add_option(cl, KCTL_OPT_PORTS, "ports", cl->ports);
        }
    }
    if (cl->options.dry_run && cl->ports && !cl->macs) {
        cl->macs = kctl_macs_ask(words);
        if (cl->macs) {
            add_option(cl, KCTL_OPT_MACS, "macs", cl->macs);
        }
    }
}

/* Returns how many words of 'argv' are options. */
static int
parse_options(int argc, char *argv[], struct command_line *cl)
{
    int n;

    char *error = kctl_parse_options(argc, argv, long_options, true,
                                     &cl->local_options, handle_option, cl,
                                     &n);
    if (error) {
        ctl_fatal("%s", error);
    }
    return n;
}

/* ---- What to do. -------------------------------------------------------- */

/* Has the daemon at 'path' run 'r', which it takes.  Whatever is wrong with
 * the words themselves is found here.  Appends the output to '*copy', if that
 * is not NULL, too.  Returns the exit status. */
static int
run_by_daemon(struct command_line *cl, struct kctl_request *r,
              const char *path, struct ds *copy)
{
    struct ovsdb_idl *idl = ovsdb_idl_create_unconnected(&kkrec_idl_class,
                                                         true);
    struct svec words = SVEC_EMPTY_INITIALIZER;
    const char *word;
    size_t i;

    char *error = kctl_request_prepare(r, idl);
    if (error) {
        ctl_fatal("%s", error);
    }
    ovsdb_idl_destroy(idl);

    svec_clone(&words, &cl->request);
    if (r->options.dry_run) {
        svec_add(&words, "--dry-run");
    }
    if (r->options.flows) {
        svec_add(&words, "--flows");
    }
    if (r->words.names[0][0] == '-') {
        svec_add(&words, "--");
    }
    SVEC_FOR_EACH (i, word, &r->words) {
        svec_add(&words, word);
    }
    kctl_request_destroy(r, NULL);

    int status = kctl_client(path, !cl->unixctl, &words,
                             cl->options.deadline, copy);
    svec_destroy(&words);
    return status;
}

/* Runs 'words'.  Exits if that fails; appends the output to '*copy', if that
 * is not NULL, too. */
static void
run_words(struct command_line *cl, const struct svec *words, char *argv[],
          struct ds *copy)
{
    struct svec own;
    char *error;

    svec_clone(&own, words);
    add_learned(cl, words);
    char *args = process_escape_args(argv);
    struct kctl_request *r = kctl_request_create(
        &cl->options, &own, args, &cl->local_options, &error);
    free(args);
    svec_destroy(&own);
    if (error) {
        ctl_fatal("%s", error);
    }

    const char *path = daemon_path(cl);
    if (path) {
        int status = run_by_daemon(cl, r, path, copy);
        if (status) {
            exit(status);
        }
    } else {
        kctl_alone(&cl->config, r, copy);
    }
}

/* Takes the options out of the words behind "apply" and "rollback", where one
 * is used to write them, and reads the file. */
static void
prepare_comparison(struct command_line *cl, struct svec *words)
{
    struct svec rest = SVEC_EMPTY_INITIALIZER;
    const char *word;
    size_t i;

    SVEC_FOR_EACH (i, word, words) {
        if (!strcmp(word, "--yes")) {
            cl->options.yes = true;
        } else if (!strcmp(word, "--dry-run")) {
            cl->options.dry_run = true;
        } else if (!strcmp(word, "--flows")) {
            cl->options.flows = true;
        } else if (!strcmp(word, "--")) {
            ctl_fatal("%s: no other commands can be in the same transaction",
                      words->names[0]);
        } else {
            svec_add(&rest, word);
        }
    }
    if (!strcmp(rest.names[0], "apply") && rest.n == 2) {
        svec_add_nocopy(&rest, kctl_terminal_read(rest.names[1], &word));
        if (word) {
            ctl_fatal("%s: %s", rest.names[1], word);
        }
    }
    svec_swap(words, &rest);
    svec_destroy(&rest);
}

/* Shows what 'words' would change, and asks.  Returns false if there is
 * nothing to change. */
static bool
confirm(struct command_line *cl, const struct svec *words, char *argv[])
{
    struct ds difference = DS_EMPTY_INITIALIZER;
    const char *arg = words->n > 1 ? words->names[1] : "";

    char *error = kctl_rollback_check(words);
    if (error) {
        ctl_fatal("%s", error);
    }
    if (!kctl_terminal_can_ask() || !strcmp(arg, "-")) {
        ctl_fatal("%s: there is no terminal to ask on: --dry-run prints the "
                  "difference, --yes makes it", words->names[0]);
    }
    cl->options.dry_run = true;
    run_words(cl, words, argv, &difference);
    cl->options.dry_run = false;

    bool any = difference.length > 0;
    if (any && !kctl_terminal_ask("Make these changes?")) {
        ctl_fatal("nothing is changed");
    }
    cl->expected = kctl_difference_hash(ds_cstr(&difference));
    add_option(cl, KCTL_OPT_EXPECTED, "expected", cl->expected);
    ds_destroy(&difference);
    return any;
}

/* Runs the words that follow the options. */
static void
run_commands(struct command_line *cl, char *argv[], int n_options)
{
    struct svec words = SVEC_EMPTY_INITIALIZER;
    const struct shash_node *node;

    handle_timeout_from_env(cl);
    if (kctl_is_live(argv[n_options])) {
        exit(kctl_live(argv + n_options, &cl->options, &cl->local_options));
    }
    add_surroundings(cl, &argv[n_options]);
    cl->config.deadline = cl->options.deadline;
    SHASH_FOR_EACH (node, &cl->local_options) {
        const char *value = node->data;
        svec_add_nocopy(&cl->request,
                        value ? xasprintf("%s=%s", node->name, value)
                              : xstrdup(node->name));
    }
    for (int i = n_options; argv[i]; i++) {
        svec_add(&words, argv[i]);
    }

    bool compares = ((words.n > 1 && !strcmp(words.names[0], "apply"))
                     || (words.n && !strcmp(words.names[0], "rollback")));
    if (compares) {
        prepare_comparison(cl, &words);
    }
    if (!compares || cl->options.yes || cl->options.dry_run
        || confirm(cl, &words, argv)) {
        run_words(cl, &words, argv, NULL);
    }
    svec_destroy(&words);
}

/* Checks that nothing is there that a daemon, or one that is none, cannot
 * use. */
static void
check_mode(const struct command_line *cl, const char *word)
{
    if (!get_detach() && cl->of_daemon) {
        ctl_fatal("--%s makes sense only with --detach", cl->of_daemon);
    }
    if (get_detach() && word) {
        ctl_fatal("\"%s\": a daemon (--detach) is given its commands later",
                  word);
    }
    if (get_detach() && cl->unixctl && !strcmp(cl->unixctl, "none")) {
        ctl_fatal("--unixctl=none: a daemon (--detach) without a control "
                  "socket is of no use");
    }
    if (get_detach() && cl->request.n) {
        ctl_fatal("%s is an option of commands, and a daemon (--detach) is "
                  "given these later", cl->request.names[0]);
    }
}

int
main(int argc, char *argv[])
{
    struct command_line cl = {
        .config = {
            .leader_only = true,
            .shuffle = true,
            .deadline = LLONG_MAX,
        },
        .options = kctl_default_options,
        .local_options = SHASH_INITIALIZER(&cl.local_options),
        .request = SVEC_EMPTY_INITIALIZER,
    };

    ovs_cmdl_proctitle_init(argc, argv);
    ovs_set_program_name(argv[0], KAKEHASHI_VERSION);
    fatal_ignore_sigpipe();
    vlog_set_levels(NULL, VLF_CONSOLE, VLL_WARN);
    vlog_set_levels_from_string_assert("reconnect:warn");
    /* A transaction that fails is told once, and by us.  That thousands of
     * commands in one transaction take a second is no news. */
    vlog_set_levels_from_string_assert("ovsdb_idl:console:err");
    vlog_set_levels_from_string_assert("timeval:console:err");
    register_commands();

    cl.config.db = cl.default_db = dbname_default();
    cl.config.is_default = !dbname_is_set();
    int n = parse_options(argc, argv, &cl);
    check_mode(&cl, argv[n]);
    char *error = tls_start();
    if (error) {
        ctl_fatal("%s", error);
    }
    if (get_detach()) {
        kctl_server(&cl.config, cl.unixctl);
    } else {
        run_commands(&cl, argv, n);
    }
    shash_destroy_free_data(&cl.local_options);
    svec_destroy(&cl.request);
    free(cl.default_db);
    free(cl.width);
    free(cl.counts);
    free(cl.ports);
    free(cl.macs);
    free(cl.who);
    free(cl.expected);
    tls_stop();
    return EXIT_SUCCESS;
}
