/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include "command-line.h"
#include "controller/admin.h"
#include "controller/agent.h"
#include "controller/dbname.h"
#include "controller/loop.h"
#include "controller/metrics.h"
#include "controller/notify.h"
#include "controller/sig.h"
#include "controller/tls.h"
#include "daemon.h"
#include "fatal-signal.h"
#include "memory.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "ovs-thread.h"
#include "simap.h"
#include "stream.h"
#include "svec.h"
#include "timeval.h"
#include "unicode.h"
#include "unixctl.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(main);

#define MAIN_NAME_MAX 255       /* Bytes of a controller's name. */

struct main_options {
    char *db;
    char *name;
    char *unixctl_path;
    struct svec listen;
    char *metrics;              /* For metrics_listen(), or NULL. */
    unsigned int metrics_max;   /* Bindings. */
};

static void parse_options(int argc, char *argv[], struct main_options *);
OVS_NO_RETURN static void usage(void);

static void
main_exit(struct unixctl_conn *conn, int argc OVS_UNUSED,
          const char *argv[] OVS_UNUSED, void *exiting)
{
    *(bool *) exiting = true;
    unixctl_command_reply(conn, NULL);
}

/* Reads keys and certificates, or says in one line what is wrong and exits. */
static void
main_start_tls(void)
{
    char *error = tls_start();

    if (error) {
        ovs_fatal(0, "%s", error);
    }
}

/* The name stands in the database, and in lines that people read. */
static void
main_check_name(const char *name)
{
    char *error;

    if (!*name) {
        ovs_fatal(0, "--name: a controller needs a name");
    } else if (strlen(name) > MAIN_NAME_MAX) {
        ovs_fatal(0, "--name: longer than %d bytes", MAIN_NAME_MAX);
    }
    error = utf8_validate(name, NULL);
    if (error) {
        ovs_fatal(0, "--name: %s", error);
    }
    for (const char *p = name; *p; p++) {
        if ((unsigned char) *p < ' ' || *p == 0x7f) {
            ovs_fatal(0, "--name: has a control character in it");
        }
    }
}

/* Fills in what was not said, and refuses what makes no sense. */
static void
main_complete_options(struct main_options *options)
{
    if (!options->db) {
        options->db = dbname_default();
    }
    char *error = dbname_check(&options->db);
    if (error) {
        ovs_fatal(0, "--db=%s: %s", options->db, error);
    }
    if (!options->name) {
        char host[HOST_NAME_MAX + 1] = "";

        gethostname(host, sizeof host - 1);
        options->name = xstrdup(host[0] ? host : "kakehashi");
    }
    main_check_name(options->name);
    if (!options->listen.n) {
        svec_add(&options->listen, "ptcp:6653");
    }
}

/* Each switch takes a descriptor, and the usual limit is for programs that use
 * select(2). */
static void
main_raise_fd_limit(void)
{
    struct rlimit r;

    if (!getrlimit(RLIMIT_NOFILE, &r)) {
        r.rlim_cur = r.rlim_max;
        setrlimit(RLIMIT_NOFILE, &r);
    }
}

/* Listens on all targets, or says in one line what is wrong and exits. */
static void
main_listen(struct agent *agent, const struct svec *targets)
{
    const char *target;
    size_t i;

    SVEC_FOR_EACH (i, target, targets) {
        char *error = agent_listen(agent, target);

        if (error) {
            ovs_fatal(0, "%s", error);
        }
    }
}

/* Tells the service manager that this loop turns, and how things are. */
static void
main_notify(const struct agent *agent)
{
    if (notify_run(time_msec())) {
        char *status = admin_status(agent);

        notify_status(status);
        free(status);
    }
}

/* Says where Prometheus can ask, and how large the answers may be. */
static void
main_set_metrics(struct main_options *options, const char *address)
{
    char *error;

    free(options->metrics);
    error = metrics_parse(address, &options->metrics);
    if (error) {
        ovs_fatal(0, "%s", error);
    }
}

static void
main_set_metrics_max(struct main_options *options, const char *number)
{
    if (!str_to_uint(number, 10, &options->metrics_max)) {
        ovs_fatal(0, "--metrics-max-bindings=%s: not a number", number);
    }
}

/* Serves metrics, if they are asked for. */
static void
main_start_metrics(struct agent *agent, const struct main_options *options)
{
    char *error = (options->metrics
                   ? metrics_listen(agent, options->metrics,
                                    options->metrics_max) : NULL);

    if (error) {
        ovs_fatal(0, "%s", error);
    }
}

static void
main_loop(struct agent *agent, struct unixctl_server *unixctl,
          const bool *exiting)
{
    while (!*exiting && !sig_run()) {
        loop_run();
        unixctl_server_run(unixctl);
        tls_refresh(time_msec());
        agent_run(agent);
        main_notify(agent);
        memory_run();
        if (memory_should_report()) {
            struct simap usage = SIMAP_INITIALIZER(&usage);

            agent_memory_usage(agent, &usage);
            memory_report(&usage);
            simap_destroy(&usage);
        }

        sig_wait();
        memory_wait();
        unixctl_server_wait(unixctl);
        agent_wait(agent);
        notify_wait();
        if (*exiting) {
            poll_immediate_wake();
        }
        loop_wait();
        poll_block();
        if (should_service_stop()) {
            break;
        }
    }
}

int
main(int argc, char *argv[])
{
    struct main_options options = {
        .listen = SVEC_EMPTY_INITIALIZER,
        .metrics_max = METRICS_MAX_BINDINGS,
    };
    struct unixctl_server *unixctl;
    bool exiting = false;
    int error;

    ovs_cmdl_proctitle_init(argc, argv);
    ovs_set_program_name(argv[0], KAKEHASHI_VERSION);
    service_start(&argc, &argv);
    parse_options(argc, argv, &options);
    main_complete_options(&options);
    main_start_tls();
    fatal_ignore_sigpipe();
    main_raise_fd_limit();

    daemonize_start(false);
    sig_init();
    notify_init();
    error = unixctl_server_create(options.unixctl_path, &unixctl);
    if (error) {
        ovs_fatal(error, "cannot create the control socket");
    }
    unixctl_command_register("exit", "", 0, 0, main_exit, &exiting);

    struct agent *agent = agent_create(options.db, options.name);
    admin_init(agent);
    main_listen(agent, &options.listen);
    main_start_metrics(agent, &options);
    daemonize_complete();
    notify_ready();
    VLOG_INFO("%s %s", program_name, KAKEHASHI_VERSION);

    main_loop(agent, unixctl, &exiting);

    notify_stopping();
    metrics_stop();
    agent_destroy(agent);
    loop_run();
    unixctl_server_destroy(unixctl);
    tls_stop();
    notify_close();
    svec_destroy(&options.listen);
    free(options.db);
    free(options.name);
    free(options.metrics);
    free(options.unixctl_path);
    service_stop();
    return 0;
}

static void
main_set(char **option, const char *value)
{
    free(*option);
    *option = xstrdup(value);
}

static void
parse_options(int argc, char *argv[], struct main_options *options)
{
    enum {
        OPT_DB = UCHAR_MAX + 1,
        OPT_LISTEN,
        OPT_METRICS,
        OPT_METRICS_MAX,
        OPT_NAME,
        OPT_UNIXCTL,
        DAEMON_OPTION_ENUMS,
        VLOG_OPTION_ENUMS,
        TLS_OPTION_ENUMS,
    };
    static const struct option long_options[] = {
        {"db", required_argument, NULL, OPT_DB},
        {"listen", required_argument, NULL, OPT_LISTEN},
        {"metrics", required_argument, NULL, OPT_METRICS},
        {"metrics-max-bindings", required_argument, NULL, OPT_METRICS_MAX},
        {"name", required_argument, NULL, OPT_NAME},
        {"unixctl", required_argument, NULL, OPT_UNIXCTL},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},
        DAEMON_LONG_OPTIONS,
        VLOG_LONG_OPTIONS,
        TLS_LONG_OPTIONS,
        {NULL, 0, NULL, 0},
    };
    char *short_options = ovs_cmdl_long_options_to_short_options(long_options);
    int c;

    while ((c = getopt_long(argc, argv, short_options, long_options, NULL))
           != -1) {
        switch (c) {
        case OPT_DB:
            main_set(&options->db, optarg);
            break;

        case OPT_LISTEN:
            svec_add(&options->listen, optarg);
            break;

        case OPT_METRICS:
            main_set_metrics(options, optarg);
            break;

        case OPT_METRICS_MAX:
            main_set_metrics_max(options, optarg);
            break;

        case OPT_NAME:
            main_set(&options->name, optarg);
            break;

        case OPT_UNIXCTL:
            main_set(&options->unixctl_path, optarg);
            break;

        case 'h':
            usage();

        case 'V':
            ovs_print_version(OFP13_VERSION, OFP15_VERSION);
            exit(EXIT_SUCCESS);

        DAEMON_OPTION_HANDLERS
        VLOG_OPTION_HANDLERS
        TLS_OPTION_HANDLERS

        case '?':
            exit(EXIT_FAILURE);

        default:
            OVS_NOT_REACHED();
        }
    }
    free(short_options);

    if (optind < argc) {
        ovs_fatal(0, "\"%s\": there are only options; see --help",
                  argv[optind]);
    }
}

static void
usage(void)
{
    char *db = dbname_default();

    printf("%s: OpenFlow controller that joins GENEVE segments and VLANs\n"
           "usage: %s [OPTIONS]\n"
           "\nOptions:\n"
           "  --db=DATABASE           where the configuration is\n"
           "                          (default: $KAKEHASHI_DB or here\n"
           "                          %s)\n"
           "  --listen=METHOD         where switches connect:\n"
           "                          ptcp:[PORT][:IP], pssl:[PORT][:IP] or\n"
           "                          punix:FILE; repeat for more\n"
           "                          (default: ptcp:6653)\n"
           "  --name=NAME             of this controller among others over\n"
           "                          one database (default: host name)\n"
           "  --metrics=[IP:]PORT     where Prometheus can ask (default:\n"
           "                          nowhere; without IP on 127.0.0.1)\n"
           "  --metrics-max-bindings=N  of how many it is told each by\n"
           "                          itself (default: 1000)\n",
           program_name, program_name, db);
    free(db);
    daemon_usage();
    vlog_usage();
    printf("\nOther options:\n"
           "  --unixctl=SOCKET        override default control socket name\n"
           "  -h, --help              display this help message\n"
           "  -V, --version           display version information\n");
    stream_usage("database", true, false, true);
    printf("  --peer-ca-cert=FILE     file with CA certificate to send to "
           "switches\n");
    exit(EXIT_SUCCESS);
}
