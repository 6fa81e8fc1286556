/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "controller/notify.h"

#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(notify);

#define NOTIFY_STATUS_MSEC 1000 /* How often the status is looked at. */

static int notify_fd = -1;
static struct sockaddr_un notify_sun;
static socklen_t notify_sun_len;
static long long notify_interval;   /* Of the watchdog, or LLONG_MAX. */
static long long notify_ping_at = LLONG_MAX;
static long long notify_status_at = LLONG_MAX;
static char *notify_last_status;

/* Sends 'message', which it frees. */
static void
notify_send(char *message)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 5);

    if (notify_fd >= 0
        && sendto(notify_fd, message, strlen(message),
                  MSG_DONTWAIT | MSG_NOSIGNAL,
                  (struct sockaddr *) &notify_sun, notify_sun_len) < 0) {
        VLOG_WARN_RL(&rl, "cannot tell the service manager \"%s\" (%s)",
                     message, ovs_strerror(errno));
    }
    free(message);
}

/* Takes the address from 'path'; one that begins with @ is an abstract one.
 * Returns whether it is one. */
static bool
notify_set_address(const char *path)
{
    size_t len = strlen(path);

    if ((path[0] != '/' && path[0] != '@') || len < 2
        || len >= sizeof notify_sun.sun_path) {
        return false;
    }
    memset(&notify_sun, 0, sizeof notify_sun);
    notify_sun.sun_family = AF_UNIX;
    memcpy(notify_sun.sun_path, path, len);
    notify_sun_len = offsetof(struct sockaddr_un, sun_path) + len;
    if (path[0] == '@') {
        notify_sun.sun_path[0] = '\0';
    } else {
        notify_sun_len++;
    }
    return true;
}

/* Returns half the time in which the watchdog wants to hear something, in
 * milliseconds, or LLONG_MAX if there is none, or it is not for us. */
static long long
notify_watchdog(void)
{
    const char *usec_string = getenv("WATCHDOG_USEC");
    const char *pid_string = getenv("WATCHDOG_PID");
    long long usec, pid;

    if (!usec_string || !str_to_llong(usec_string, 10, &usec) || usec <= 0
        || (pid_string && (!str_to_llong(pid_string, 10, &pid)
                           || pid != getpid()))) {
        return LLONG_MAX;
    }
    return MAX(1, usec / 2000);
}

void
notify_init(void)
{
    const char *path = getenv("NOTIFY_SOCKET");

    if (!path || !path[0]) {
        return;
    }
    if (!notify_set_address(path)) {
        VLOG_WARN("NOTIFY_SOCKET=%s: not the name of a socket", path);
        return;
    }
    notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (notify_fd < 0) {
        VLOG_WARN("no socket for the service manager (%s)",
                  ovs_strerror(errno));
        return;
    }
    notify_interval = notify_watchdog();
    notify_ping_at = notify_interval == LLONG_MAX ? LLONG_MAX : 0;
    notify_status_at = 0;
}

void
notify_close(void)
{
    if (notify_fd >= 0) {
        close(notify_fd);
        notify_fd = -1;
    }
    notify_ping_at = notify_status_at = LLONG_MAX;
    free(notify_last_status);
    notify_last_status = NULL;
}

void
notify_ready(void)
{
    notify_send(xstrdup("READY=1"));
}

/* To be followed by notify_ready(). */
void
notify_reloading(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    notify_send(xasprintf("RELOADING=1\nMONOTONIC_USEC=%lld",
                          ts.tv_sec * 1000000LL + ts.tv_nsec / 1000));
}

void
notify_stopping(void)
{
    notify_send(xstrdup("STOPPING=1"));
}

/* 'status' is one line. */
void
notify_status(const char *status)
{
    if (!notify_last_status || strcmp(status, notify_last_status)) {
        free(notify_last_status);
        notify_last_status = xstrdup(status);
        notify_send(xasprintf("STATUS=%s", status));
    }
}

/* Feeds the watchdog.  Returns true when it is time for notify_status(). */
bool
notify_run(long long now)
{
    if (now >= notify_ping_at) {
        notify_ping_at = now + notify_interval;
        notify_send(xstrdup("WATCHDOG=1"));
    }
    if (now >= notify_status_at) {
        notify_status_at = now + NOTIFY_STATUS_MSEC;
        return true;
    }
    return false;
}

void
notify_wait(void)
{
    long long next = MIN(notify_ping_at, notify_status_at);

    if (next != LLONG_MAX) {
        poll_timer_wait_until(next);
    }
}
