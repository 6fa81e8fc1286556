/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* A request without a daemon: with a connection of its own. */

#include <config.h>

#include "controller/kctl_request.h"

#include <stdio.h>
#include <stdlib.h>

#include "controller/kctl.h"
#include "controller/kctl_index.h"
#include "controller/tls.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(kctl);

/* How long a request that is under way may be without a server.  After the
 * election of a leader it may take some seconds to try that one. */
#define LOST_MSEC 15000

/* Prints what there is, but for the reason why the request failed, and forgets
 * it.  Appends the output to '*copy' too, if that is not NULL. */
static void
print_result(struct kctl_request *r, struct ds *copy)
{
    if (copy) {
        ds_put_cstr(copy, ds_cstr(&r->output));
    }
    fputs(ds_cstr(&r->output), stdout);
    ds_clear(&r->output);

    /* Waiting for the controller may take longer than a reader's patience. */
    fflush(stdout);

    for (size_t i = 0; i + r->failed < r->errors.n; i++) {
        ovs_error(0, "%s", r->errors.names[i]);
    }
    if (!r->failed) {
        svec_clear(&r->errors);
    }
}

/* Ends 'r' if the connection is lost for good.  Where there is a cluster, that
 * is when there is no other leader for long; '*since' says how long 'r' has
 * been waiting for one. */
static void
check_connection(const struct kctl_config *config, struct kctl_request *r,
                 struct kctl_db *db, bool clustered, long long int *since)
{
    long long int now = time_msec();

    if (!ovsdb_idl_is_alive(db->idl)) {
        int error = ovsdb_idl_get_last_error(db->idl);
        char *why = xasprintf("%s: %s", config->db,
                              ovs_retval_to_string(error));
        kctl_request_interrupt(r, db, why);
        free(why);
    } else if (!clustered || config->retry
               || (r->state != KCTL_ASK
                   && ovsdb_idl_has_ever_connected(db->idl))) {
        *since = now;
    } else if (now >= *since + LOST_MSEC) {
        kctl_request_interrupt(r, db, "no server of the cluster answers as "
                               "its leader any more");
    } else {
        poll_timer_wait_until(*since + LOST_MSEC);
    }
}

void
kctl_alone(const struct kctl_config *config, struct kctl_request *r,
           struct ds *copy)
{
    bool clustered;

    VLOG(r->may_write ? VLL_INFO : VLL_DBG, "Called as %s", r->args);
    char *remotes = kctl_probe(config, &clustered);
    long long int since = time_msec();

    struct kctl_db db = {
        .idl = kctl_connect(config, remotes, config->retry || clustered),
    };
    free(remotes);
    if (r->needs_index) {
        db.index = kctl_index_create(db.idl);
    }

    char *error = kctl_request_prepare(r, db.idl);
    while (!error && r->state != KCTL_DONE) {
        tls_refresh(time_msec());
        ovsdb_idl_run(db.idl);
        check_connection(config, r, &db, clustered, &since);
        kctl_request_run(r, &db, true);
        print_result(r, copy);
        if (r->state == KCTL_WAIT) {
            /* The change is made: it is worth to outlive a restart of the
             * server. */
            ovsdb_idl_enable_reconnect(db.idl);
        }
        if (r->state != KCTL_DONE) {
            ovsdb_idl_wait(db.idl);
            kctl_request_wait(r);
            poll_block();
        }
    }
    if (!error && r->failed) {
        error = xstrdup(r->errors.names[r->errors.n - 1]);
    }

    kctl_request_destroy(r, &db);
    ovsdb_idl_destroy(db.idl);
    free(db.index);
    if (error) {
        ctl_fatal("%s", error);
    }
}
