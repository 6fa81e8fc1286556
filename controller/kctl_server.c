/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* kakehashi-ctl, the daemon. */

#include <config.h>

#include "controller/kctl_daemon.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "controller/kctl.h"
#include "controller/kctl_index.h"
#include "controller/kctl_request.h"
#include "controller/kctl_rpc.h"
#include "controller/sig.h"
#include "controller/tls.h"
#include "daemon.h"
#include "memory.h"
#include "openvswitch/json.h"
#include "openvswitch/list.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "process.h"
#include "simap.h"
#include "timeval.h"
#include "unixctl.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(kctl_server);

/* How long our client may be without an answer, and the daemon without being
 * asked before it forgets the request. */
#define ANSWER_MSEC 1000
#define FORGET_MSEC 5000

/* A request and who has made it. */
struct job {
    struct ovs_list node;       /* In struct server's 'jobs'. */
    struct kctl_request *request;
    unsigned int id;
    bool is_client;             /* Our client: it asks again. */

    /* Who asks now, if somebody does, and since when that is so. */
    struct unixctl_conn *conn;
    long long int since;
};

struct server {
    struct kctl_db db;
    struct unixctl_server *unixctl;
    struct ovs_list jobs;       /* Of struct job, the oldest one first. */
    unsigned int last_id;
    bool exiting;
};

/* ---- Answers. ----------------------------------------------------------- */

static void
set_conn(struct job *job, struct unixctl_conn *conn)
{
    job->conn = conn;
    job->since = time_msec();
}

/* To our client: what there is so far. */
static void
answer_client(struct job *job)
{
    struct kctl_request *r = job->request;
    struct json *object = json_object_create();

    json_object_put(object, "id", json_string_create_nocopy(
                        xasprintf("%u", job->id)));
    if (r->output.length) {
        json_object_put_string(object, "output", ds_cstr(&r->output));
        ds_clear(&r->output);
    }
    if (r->errors.n) {
        struct json *errors = json_array_create_empty();
        const char *line;
        size_t i;

        SVEC_FOR_EACH (i, line, &r->errors) {
            json_array_add(errors, json_string_create(line));
        }
        json_object_put(object, "errors", errors);
        svec_clear(&r->errors);
    }
    if (r->state == KCTL_DONE) {
        json_object_put(object, "status", json_integer_create(
                            r->failed ? EXIT_FAILURE : EXIT_SUCCESS));
    }

    char *s = json_to_string(object, 0);
    unixctl_command_reply(job->conn, s);
    free(s);
    json_destroy(object);
    set_conn(job, NULL);
}

/* To anybody else, at the end. */
static void
answer(struct job *job)
{
    struct kctl_request *r = job->request;
    const char *line;
    size_t i;

    if (r->failed) {
        SVEC_FOR_EACH (i, line, &r->errors) {
            ds_put_format(&r->output, "%s\n", line);
        }
        unixctl_command_reply_error(job->conn, ds_cstr(&r->output));
    } else {
        unixctl_command_reply(job->conn, ds_cstr(&r->output));
    }
    set_conn(job, NULL);
}

/* ---- Jobs. -------------------------------------------------------------- */

static void
destroy_job(struct server *server, struct job *job)
{
    ovs_list_remove(&job->node);
    kctl_request_destroy(job->request, &server->db);
    free(job);
}

/* Answers if there is something to say, or it is time. */
static void
answer_job(struct job *job)
{
    const struct kctl_request *r = job->request;
    bool done = r->state == KCTL_DONE;

    if (job->is_client
        ? (done || r->output.length || r->errors.n
           || time_msec() >= job->since + ANSWER_MSEC)
        : done) {
        if (done && r->failed) {
            VLOG_INFO("%s: %s", r->args,
                      r->errors.n ? r->errors.names[r->errors.n - 1] : "");
        }
        (job->is_client ? answer_client : answer)(job);
    }
}

static void
run_job(struct server *server, struct job *job)
{
    kctl_request_run(job->request, &server->db, job->conn != NULL);
    if (job->conn) {
        answer_job(job);
        if (!job->conn && job->request->state == KCTL_DONE) {
            destroy_job(server, job);
        }
    } else if (time_msec() >= job->since + FORGET_MSEC) {
        VLOG_INFO("%s: forgotten, nobody asks any more", job->request->args);
        destroy_job(server, job);
    }
}

static void
run_jobs(struct server *server)
{
    struct job *job;

    LIST_FOR_EACH_SAFE (job, node, &server->jobs) {
        run_job(server, job);
    }
}

static void
wait_for_jobs(const struct server *server)
{
    const struct job *job;

    LIST_FOR_EACH (job, node, &server->jobs) {
        if (job->request->state != KCTL_DONE) {
            kctl_request_wait(job->request);
        }
        if (!job->conn) {
            poll_timer_wait_until(job->since + FORGET_MSEC);
        } else if (job->is_client) {
            poll_timer_wait_until(job->since + ANSWER_MSEC);
        }
    }
}

/* ---- Commands of the control socket. ------------------------------------ */

/* Makes a request of the words in 'argv', from the second one on.  Returns
 * NULL and puts what is wrong into '*errorp' if it makes no sense. */
static struct kctl_request *
parse_request(int argc, const char *argv[], char **errorp)
{
    struct shash local_options = SHASH_INITIALIZER(&local_options);
    struct svec words = SVEC_EMPTY_INITIALIZER;
    struct kctl_request *r = NULL;
    struct kctl_options options;
    int n;

    svec_add(&words, program_name);
    for (int i = 1; i < argc; i++) {
        svec_add(&words, argv[i]);
    }
    svec_terminate(&words);

    char *args = process_escape_args(words.names);
    *errorp = kctl_parse_request(words.n, words.names, &options,
                                 &local_options, &n);
    if (!*errorp) {
        struct svec rest = SVEC_EMPTY_INITIALIZER;

        for (size_t i = n; i < words.n; i++) {
            svec_add(&rest, words.names[i]);
        }
        r = kctl_request_create(&options, &rest, args, &local_options, errorp);
    }
    free(args);
    shash_destroy_free_data(&local_options);
    svec_destroy(&words);
    return r;
}

static void
add_job(struct server *server, struct unixctl_conn *conn, int argc,
        const char *argv[], bool is_client)
{
    char *error;
    struct kctl_request *r = parse_request(argc, argv, &error);

    if (!r) {
        unixctl_command_reply_error(conn, error);
        free(error);
        return;
    }
    VLOG(r->may_write ? VLL_INFO : VLL_DBG, "Asked for %s", r->args);

    struct job *job = xmalloc(sizeof *job);
    *job = (struct job) {
        .request = r,
        .id = ++server->last_id,
        .is_client = is_client,
    };
    set_conn(job, conn);
    ovs_list_push_back(&server->jobs, &job->node);
}

static void
server_run(struct unixctl_conn *conn, int argc, const char *argv[],
           void *server)
{
    add_job(server, conn, argc, argv, false);
}

static void
server_client_run(struct unixctl_conn *conn, int argc, const char *argv[],
                  void *server)
{
    add_job(server, conn, argc, argv, true);
}

static void
server_client_more(struct unixctl_conn *conn, int argc OVS_UNUSED,
                   const char *argv[], void *server_)
{
    struct server *server = server_;
    unsigned int id;
    struct job *job;

    if (str_to_uint(argv[1], 10, &id)) {
        LIST_FOR_EACH (job, node, &server->jobs) {
            if (job->id == id && job->is_client && !job->conn) {
                set_conn(job, conn);
                return;
            }
        }
    }
    unixctl_command_reply_error(conn, "the daemon has forgotten the request, "
                                "since it was not asked about it for long");
}

static void
server_exit(struct unixctl_conn *conn, int argc OVS_UNUSED,
            const char *argv[] OVS_UNUSED, void *server_)
{
    struct server *server = server_;

    server->exiting = true;
    unixctl_command_reply(conn, NULL);
}

static void
server_list(struct unixctl_conn *conn, int argc OVS_UNUSED,
            const char *argv[] OVS_UNUSED, void *server_)
{
    const struct server *server = server_;
    struct ds s = DS_EMPTY_INITIALIZER;
    const struct job *job;

    LIST_FOR_EACH (job, node, &server->jobs) {
        ds_put_format(&s, "%s\n    waits for %s\n", job->request->args,
                      job->request->state == KCTL_DONE ? "its client"
                      : job->request->awaited);
    }
    unixctl_command_reply(conn, ds_cstr(&s));
    ds_destroy(&s);
}

/* ---- All. --------------------------------------------------------------- */

static void
report_memory(struct server *server)
{
    memory_run();
    if (memory_should_report()) {
        struct simap usage = SIMAP_INITIALIZER(&usage);

        ovsdb_idl_get_memory_usage(server->db.idl, &usage);
        simap_increase(&usage, "requests", ovs_list_size(&server->jobs));
        memory_report(&usage);
        simap_destroy(&usage);
    }
}

/* Reads the database, unless that may take long, and tells where the control
 * socket is. */
static void
become_ready(struct server *server, bool wait)
{
    while (wait && !ovsdb_idl_has_ever_connected(server->db.idl)) {
        ovsdb_idl_run(server->db.idl);
        ovsdb_idl_wait(server->db.idl);
        if (!ovsdb_idl_has_ever_connected(server->db.idl)) {
            poll_block();
        }
    }
    puts(unixctl_server_get_path(server->unixctl));
    fflush(stdout);
    daemonize_complete();
    VLOG_INFO("%s %s", program_name, KAKEHASHI_VERSION);
}

/* A control socket is made in place of one that is there, so another daemon
 * would be out of reach from then on. */
static void
check_nobody_is_there(const char *path)
{
    struct jsonrpc *rpc;

    if (!kctl_rpc_open_control(path, time_msec() + ANSWER_MSEC, &rpc)) {
        ctl_fatal("%s: a daemon runs there already", path);
    }
}

static void
start(struct server *server, const struct kctl_config *config,
      const char *path)
{
    if (path) {
        check_nobody_is_there(path);
    }
    daemonize_start(false);
    if (unixctl_server_create(path, &server->unixctl)) {
        exit(EXIT_FAILURE);
    }

    bool clustered;
    char *remotes = config->retry ? NULL : kctl_probe(config, &clustered);
    server->db.idl = kctl_connect(config, remotes, true);
    free(remotes);
    server->db.index = kctl_index_create(server->db.idl);

    unixctl_command_register("run", "[OPTION...] COMMAND [ARG...] "
                             "[-- [OPTION...] COMMAND [ARG...]]...",
                             1, INT_MAX, server_run, server);
    unixctl_command_register("client/run", NULL, 1, INT_MAX,
                             server_client_run, server);
    unixctl_command_register("client/more", NULL, 1, 1, server_client_more,
                             server);
    unixctl_command_register("requests", "", 0, 0, server_list, server);
    unixctl_command_register("exit", "", 0, 0, server_exit, server);
    become_ready(server, !config->retry);
    sig_init();
}

/* Nobody is left without an answer. */
static void
stop(struct server *server)
{
    struct job *job;

    LIST_FOR_EACH_SAFE (job, node, &server->jobs) {
        if (job->request->state != KCTL_DONE) {
            kctl_request_interrupt(job->request, &server->db,
                                   "the daemon was told to exit");
        }
        if (job->conn) {
            answer_job(job);
        }
        destroy_job(server, job);
    }
    unixctl_server_destroy(server->unixctl);
    ovsdb_idl_destroy(server->db.idl);
    free(server->db.index);
}

void
kctl_server(const struct kctl_config *config, const char *path)
{
    struct server server = {
        .db.lags = true,
        .jobs = OVS_LIST_INITIALIZER(&server.jobs),
    };

    start(&server, config, path);
    while (!server.exiting && !sig_run()) {
        tls_refresh(time_msec());
        ovsdb_idl_run(server.db.idl);
        unixctl_server_run(server.unixctl);
        run_jobs(&server);
        report_memory(&server);

        sig_wait();
        memory_wait();
        ovsdb_idl_wait(server.db.idl);
        unixctl_server_wait(server.unixctl);
        wait_for_jobs(&server);
        if (server.exiting) {
            poll_immediate_wake();
        }
        poll_block();
    }
    stop(&server);
}
