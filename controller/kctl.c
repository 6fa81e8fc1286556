/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* kakehashi-ctl: options. */

#include <config.h>

#include "controller/kctl.h"

#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "command-line.h"
#include "fatal-signal.h"
#include "openvswitch/shash.h"
#include "openvswitch/vlog.h"
#include "process.h"
#include "stream-ssl.h"
#include "stream.h"
#include "svec.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(kctl);

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
};

/* "init" needs to do nothing, since every transaction makes the row that
 * holds the options and counters if it is missing; nor does "sync", whose
 * name makes the transaction count as a change. */
static void
nothing(struct ctl_context *ctx)
{
}

static const struct ctl_command_syntax general_commands[] = {
    {"init", 0, 0, "", NULL, nothing, NULL, "", RW},
    {"sync", 0, 0, "", NULL, nothing, NULL, "", RW},
    {"show", 0, 0, "", NULL, kctl_show, NULL, "", RO},
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
}

static char *
default_db(void)
{
    const char *env = getenv("KAKEHASHI_DB");
    return env && env[0] ? CONST_CAST(char *, env) : ctl_default_db();
}

/* ---- Options. ----------------------------------------------------------- */

enum {
    OPT_DB = UCHAR_MAX + 1,
    OPT_NO_SYSLOG,
    OPT_WAIT,
    OPT_NO_WAIT,
    OPT_DRY_RUN,
    OPT_ONELINE,
    OPT_RETRY,
    OPT_LEADER_ONLY,
    OPT_NO_LEADER_ONLY,
    OPT_PEER_CA_CERT,
    OPT_BOOTSTRAP_CA_CERT,
    OPT_LOCAL,
    VLOG_OPTION_ENUMS,
    TABLE_OPTION_ENUMS,
    SSL_OPTION_ENUMS,
};

static const struct option long_options[] = {
    {"db", required_argument, NULL, OPT_DB},
    {"no-syslog", no_argument, NULL, OPT_NO_SYSLOG},
    {"wait", required_argument, NULL, OPT_WAIT},
    {"no-wait", no_argument, NULL, OPT_NO_WAIT},
    {"dry-run", no_argument, NULL, OPT_DRY_RUN},
    {"oneline", no_argument, NULL, OPT_ONELINE},
    {"retry", no_argument, NULL, OPT_RETRY},
    {"leader-only", no_argument, NULL, OPT_LEADER_ONLY},
    {"no-leader-only", no_argument, NULL, OPT_NO_LEADER_ONLY},
    {"timeout", required_argument, NULL, 't'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    VLOG_LONG_OPTIONS,
    TABLE_LONG_OPTIONS,
    STREAM_SSL_LONG_OPTIONS,
    {"bootstrap-ca-cert", required_argument, NULL, OPT_BOOTSTRAP_CA_CERT},
    {"peer-ca-cert", required_argument, NULL, OPT_PEER_CA_CERT},
    {NULL, 0, NULL, 0},
};

static enum kctl_wait
parse_wait(const char *s)
{
    if (!strcmp(s, "none")) {
        return KCTL_WAIT_NONE;
    } else if (!strcmp(s, "ctl")) {
        return KCTL_WAIT_CTL;
    } else if (!strcmp(s, "edges")) {
        return KCTL_WAIT_EDGES;
    }
    ctl_fatal("--wait=%s: must be none, ctl or edges", s);
}

static void
set_timeout(struct kctl_config *config, const char *s)
{
    unsigned int secs;

    if (!str_to_uint(s, 10, &secs) || !secs) {
        ctl_fatal("value %s on -t or --timeout is invalid", s);
    }
    config->deadline = time_msec() + secs * 1000LL;
}

/* Remembers an option of a command for ctl_parse_commands(). */
static void
add_local_option(struct shash *local_options, const char *name)
{
    char *option = xasprintf("--%s", name);

    if (shash_find(local_options, option)) {
        ctl_fatal("'%s' option specified multiple times", option);
    }
    shash_add_nocopy(local_options, option, nullable_xstrdup(optarg));
}

static void
print_version(void)
{
    ovs_print_version(0, 0);
    printf("DB Schema %s\n", kkrec_get_db_version());
    exit(EXIT_SUCCESS);
}

/* Handles option 'c', one of ours.  Returns false if it is none of these. */
static bool
handle_option(int c, struct kctl_config *config)
{
    switch (c) {
    case OPT_DB:
        config->db = optarg;
        return true;

    case OPT_NO_SYSLOG:
        vlog_set_levels(NULL, VLF_SYSLOG, VLL_WARN);
        return true;

    case OPT_WAIT:
        config->wait = parse_wait(optarg);
        return true;

    case OPT_NO_WAIT:
        config->wait = KCTL_WAIT_NONE;
        return true;

    case OPT_DRY_RUN:
        config->dry_run = true;
        return true;

    case OPT_ONELINE:
        config->oneline = true;
        return true;

    case OPT_RETRY:
        config->retry = true;
        return true;

    case OPT_LEADER_ONLY:
    case OPT_NO_LEADER_ONLY:
        config->leader_only = c == OPT_LEADER_ONLY;
        return true;

    case 't':
        set_timeout(config, optarg);
        return true;
    }
    return false;
}

/* Handles option 'c', one of libopenvswitch's or a general one. */
static void
handle_library_option(int c, struct kctl_config *config)
{
    config->format_given = (config->format_given
                            || c == 'f' || c == OPT_BARE);
    switch (c) {
    case 'h':
        kctl_usage(default_db());

    case 'V':
        print_version();
        break;

    VLOG_OPTION_HANDLERS
    TABLE_OPTION_HANDLERS(&config->style)
    STREAM_SSL_OPTION_HANDLERS

    case OPT_PEER_CA_CERT:
        stream_ssl_set_peer_ca_cert_file(optarg);
        break;

    case OPT_BOOTSTRAP_CA_CERT:
        stream_ssl_set_ca_cert_file(optarg, true);
        break;

    case '?':
        exit(EXIT_FAILURE);

    default:
        abort();
    }
}

/* Options of commands may stand before the first command, among ours, so
 * getopt_long() has to know them all.  What is left starts at 'optind'. */
static void
parse_options(int argc, char *argv[], struct kctl_config *config,
              struct shash *local_options)
{
    const size_t n_own = ARRAY_SIZE(long_options) - 1;
    size_t n = n_own;
    size_t allocated = ARRAY_SIZE(long_options);
    struct option *options = xmemdup(long_options, sizeof long_options);

    ctl_add_cmd_options(&options, &n, &allocated, OPT_LOCAL);

    char *tmp = ovs_cmdl_long_options_to_short_options(long_options);
    char *short_options = xasprintf("+%s", tmp);
    free(tmp);

    for (;;) {
        int i;
        int c = getopt_long(argc, argv, short_options, options, &i);

        if (c == -1) {
            break;
        } else if (c == OPT_LOCAL) {
            add_local_option(local_options, options[i].name);
        } else if (!handle_option(c, config)) {
            handle_library_option(c, config);
        }
    }
    free(short_options);

    for (size_t i = n_own; options[i].name; i++) {
        free(CONST_CAST(char *, options[i].name));
    }
    free(options);
}

int
main(int argc, char *argv[])
{
    struct kctl_config config = {
        .leader_only = true,
        .style = TABLE_STYLE_DEFAULT,
        .deadline = LLONG_MAX,
    };
    struct shash local_options = SHASH_INITIALIZER(&local_options);
    struct ctl_command *commands;
    size_t n_commands;

    ovs_set_program_name(argv[0], KAKEHASHI_VERSION);
    fatal_ignore_sigpipe();
    vlog_set_levels(NULL, VLF_CONSOLE, VLL_WARN);
    vlog_set_levels_from_string_assert("reconnect:warn");
    /* A transaction that fails is told once, and by us.  That thousands of
     * commands in one transaction take a second is no news. */
    vlog_set_levels_from_string_assert("ovsdb_idl:console:err");
    vlog_set_levels_from_string_assert("timeval:console:err");
    register_commands();

    char *args = process_escape_args(argv);
    const char *env_timeout = getenv("OVS_CTL_TIMEOUT");
    if (env_timeout && env_timeout[0]) {
        set_timeout(&config, env_timeout);
    }
    parse_options(argc, argv, &config, &local_options);
    config.args = args;
    if (!config.db) {
        config.db = default_db();
    }

    char *error = ctl_parse_commands(argc - optind, argv + optind,
                                     &local_options, &commands, &n_commands);
    if (error) {
        ctl_fatal("%s", error);
    }
    shash_destroy(&local_options);

    kctl_run(&config, commands, n_commands);
    free(args);
    return EXIT_SUCCESS;
}
