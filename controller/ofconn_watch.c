/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* Looking after connections, once a second: peers of which nothing is heard,
 * that do not read, or that do not say who they are.
 *
 * That a peer does not read is told by how often in a row nothing of what is
 * being written had been taken, not by the clock: a controller that was held
 * up itself has not looked meanwhile. */

#include <config.h>
#include "controller/ofconn_private.h"
#include "controller/usage.h"

#include "openvswitch/ofp-util.h"
#include "openvswitch/vlog.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(ofconn_watch);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

#define OFCONN_WATCH_INTERVAL 1000  /* Milliseconds. */

/* A stall that has been seen so often has lasted for five seconds, at least,
 * since the first look is no proof. */
#define OFCONN_MAX_STALLS (5 * 1000 / OFCONN_WATCH_INTERVAL)

/* From being accepted to having said who it is, in milliseconds. */
#define OFCONN_HANDSHAKE 10000

/* Returns whether 'conn' has not taken anything for too long of what it is
 * sent. */
static bool
ofconn_watch_write(struct ofconn *conn)
{
    size_t left = (conn->in_flight.size
                   ? uv_stream_get_write_queue_size(&conn->h.stream) : 0);

    if (left && left >= conn->in_flight_left) {
        return ++conn->n_stalls > OFCONN_MAX_STALLS;
    }
    conn->in_flight_left = left;
    conn->n_stalls = 0;
    return false;
}

static void
ofconn_watch_read(struct ofconn *conn, long long now)
{
    long long idle = now - conn->last_rx;

    if (!conn->version) {
        return;                 /* It has OFCONN_HANDSHAKE, however busy. */
    }
    if (idle >= 2 * OFCONN_PROBE) {
        ofconn_fail(conn, "no response to inactivity probe");
    } else if (idle >= OFCONN_PROBE && !conn->probed) {
        conn->probed = true;
        ofconn_send(conn, ofputil_encode_echo_request(conn->version));
    }
}

/* Has a look at all connections, once a second. */
void
ofconn_watch_run(long long now)
{
    struct ofconn_guest *guest;
    struct ofconn *conn;

    while ((guest = ofconn_guest_nameless())
           && now - guest->since >= OFCONN_HANDSHAKE) {
        conn = CONTAINER_OF(guest, struct ofconn, guest);
        ofconn_fail(conn, conn->version
                    ? "does not say which switch it is"
                    : "no OFPT_HELLO in time");
    }
    LIST_FOR_EACH_SAFE (conn, node, &ofconn_all) {
        if (ofconn_watch_write(conn)) {
            VLOG_WARN_RL(&rl, "%s: has read nothing for %d s, with %"PRIuSIZE
                         " bytes waiting", conn->name,
                         OFCONN_MAX_STALLS * OFCONN_WATCH_INTERVAL / 1000,
                         ofconn_backlog(conn));
            ofconn_fail(conn, "does not read what it is sent");
        } else {
            ofconn_watch_read(conn, now);
        }
    }
    ofconn_accept_again();
}

static void
ofconn_watch_cb(uv_timer_t *timer OVS_UNUSED)
{
    ofconn_watch_run(time_msec());
}

void
ofconn_watch_start(void)
{
    static uv_timer_t timer;

    uv_timer_init(loop_uv(), &timer);
    uv_timer_start(&timer, ofconn_watch_cb, OFCONN_WATCH_INTERVAL,
                   OFCONN_WATCH_INTERVAL);
}

/* Adds to 'usage' what connections take, and may take. */
void
ofconn_memory_usage(struct simap *usage)
{
    size_t total = 0, longest = 0;
    const struct ofconn *conn;

    LIST_FOR_EACH (conn, node, &ofconn_all) {
        size_t backlog = ofconn_backlog(conn);

        total += backlog;
        longest = MAX(longest, backlog);
    }
    usage_add(usage, "connections", ovs_list_size(&ofconn_all));
    usage_add(usage, "guests", ofconn_guest_count());
    usage_add(usage, "guests-max", OFCONN_MAX_GUESTS);
    usage_add(usage, "guests-max-per-address", OFCONN_MAX_GUESTS_OF_ONE);
    usage_add(usage, "queued-kB", total / 1024);
    usage_add(usage, "queued-kB-longest", longest / 1024);
    usage_add(usage, "queued-kB-max-per-edge", OFCONN_MAX_QUEUE / 1024);
    usage_add(usage, "queued-kB-max-per-guest",
              OFCONN_MAX_GUEST_QUEUE / 1024);
}
