/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* What the service manager is told, and when. */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "controller/notify.h"
#include "openvswitch/poll-loop.h"
#include "timeval.h"
#include "util.h"

/* Becomes a service manager that listens at an abstract address; sets
 * $NOTIFY_SOCKET. */
static int
manager_open(void)
{
    struct sockaddr_un sun = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    char *name = xasprintf("@kakehashi-notify-%d", (int) getpid());

    assert_true(fd >= 0);
    memcpy(sun.sun_path, name, strlen(name));
    sun.sun_path[0] = '\0';
    assert_int_equal(bind(fd, (struct sockaddr *) &sun,
                          offsetof(struct sockaddr_un, sun_path)
                          + strlen(name)), 0);
    setenv("NOTIFY_SOCKET", name, 1);
    free(name);
    return fd;
}

/* The next message is 'expected', or there is none if it is NULL. */
static void
expect(int fd, const char *expected)
{
    char message[512];
    ssize_t n = recv(fd, message, sizeof message - 1, 0);

    if (n < 0) {
        assert_int_equal(errno, EAGAIN);
        assert_null(expected);
    } else {
        message[n] = '\0';
        assert_non_null(expected);
        assert_string_equal(message, expected);
    }
}

static void
test_messages(void **state OVS_UNUSED)
{
    char message[512] = "";
    int fd = manager_open();

    notify_ready();
    expect(fd, NULL);           /* Not before notify_init(). */

    notify_init();
    notify_ready();
    expect(fd, "READY=1");
    notify_status("well");
    notify_status("well");
    expect(fd, "STATUS=well");
    expect(fd, NULL);
    notify_status("ill");
    expect(fd, "STATUS=ill");
    notify_reloading();
    assert_true(recv(fd, message, sizeof message - 1, 0) > 0);
    assert_memory_equal(message, "RELOADING=1\nMONOTONIC_USEC=", 27);
    notify_stopping();
    expect(fd, "STOPPING=1");

    notify_close();
    notify_stopping();
    expect(fd, NULL);
    close(fd);
}

static void
test_watchdog(void **state OVS_UNUSED)
{
    static const struct {
        const char *what, *usec;
        const char *pid;        /* "" for ours. */
        long long interval;     /* 0: none. */
    } rows[] = {
        { "asked for", "3000000", "", 1500 },
        { "of whoever it is", "3000000", NULL, 1500 },
        { "not asked for", NULL, NULL, 0 },
        { "of another process", "3000000", "1", 0 },
        { "nonsense", "soon", "", 0 },
        { "negative", "-5", "", 0 },
        { "none", "0", "", 0 },
        { "a process that is none", "3000000", "me", 0 },
        { "hasty", "1", "", 1 },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char *self = xasprintf("%d", (int) getpid());
        int fd = manager_open();
        long long interval = rows[i].interval;

        print_message("%s\n", rows[i].what);
        unsetenv("WATCHDOG_USEC");
        unsetenv("WATCHDOG_PID");
        if (rows[i].usec) {
            setenv("WATCHDOG_USEC", rows[i].usec, 1);
        }
        if (rows[i].pid) {
            setenv("WATCHDOG_PID", rows[i].pid[0] ? rows[i].pid : self, 1);
        }

        notify_init();
        assert_true(notify_run(10000));     /* The status is due as well. */
        expect(fd, interval ? "WATCHDOG=1" : NULL);
        if (interval) {
            assert_false(notify_run(10000 + MIN(interval, 1000) - 1));
            expect(fd, NULL);
            notify_run(10000 + interval);
            expect(fd, "WATCHDOG=1");
        }
        expect(fd, NULL);
        notify_close();
        close(fd);
        free(self);
    }
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
}

/* The loop is woken in time, and only for a manager. */
static void
test_wait(void **state OVS_UNUSED)
{
    int fd = manager_open();
    long long start;

    setenv("WATCHDOG_USEC", "40000", 1);
    notify_init();
    notify_run(time_msec());
    start = time_msec();
    notify_wait();
    poll_timer_wait(10000);
    poll_block();
    assert_in_range(time_msec() - start, 15, 5000);
    notify_close();
    close(fd);
    unsetenv("WATCHDOG_USEC");

    notify_wait();
    start = time_msec();
    poll_timer_wait(30);
    poll_block();
    assert_true(time_msec() - start >= 30);
}

/* Nothing is sent, and nothing goes wrong. */
static void
test_no_manager(void **state OVS_UNUSED)
{
    static char too_long[200];
    const char *names[] = {
        NULL, "", "@", "/", "relative", "vsock:2:1234", "/nosuch/socket",
        too_long,
    };

    memset(too_long, 'x', sizeof too_long - 1);
    too_long[0] = '/';
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (names[i]) {
            setenv("NOTIFY_SOCKET", names[i], 1);
        } else {
            unsetenv("NOTIFY_SOCKET");
        }
        notify_init();
        notify_ready();
        notify_run(time_msec());
        notify_status("well");
        notify_close();
    }
}

/* A manager that does not read does not stop us. */
static void
test_manager_that_does_not_read(void **state OVS_UNUSED)
{
    int fd = manager_open();

    notify_init();
    for (size_t i = 0; i < 10000; i++) {
        notify_ready();
    }
    expect(fd, "READY=1");
    notify_close();
    close(fd);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_watchdog),
        cmocka_unit_test(test_wait),
        cmocka_unit_test(test_no_manager),
        cmocka_unit_test(test_manager_that_does_not_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
