/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* The terminal, in the few words that all of them know (ECMA-48, and xterm's
 * second screen). */

#include <config.h>

#include "controller/kctl_live.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "fatal-signal.h"
#include "latch.h"
#include "openvswitch/poll-loop.h"
#include "signals.h"
#include "svec.h"
#include "util.h"

static struct termios before;
static int keyboard = -1;       /* Not standard input itself: the library
                                 * cannot wait for descriptor 0. */
static struct latch resized;

bool
kctl_screen_is_able(void)
{
    const char *term = getenv("TERM");

    return isatty(STDOUT_FILENO) && term && *term && strcmp(term, "dumb");
}

void
kctl_screen_close(void)
{
    static const char close[] = "\033[0m\033[?25h\033[?1049l";

    /* It may be in the middle of a frame, and of stdio. */
    ignore(write(STDOUT_FILENO, close, sizeof close - 1));
    if (keyboard >= 0) {
        tcsetattr(keyboard, TCSANOW, &before);
    }
}

static void
screen_end(void *aux OVS_UNUSED)
{
    kctl_screen_close();
}

static void
screen_resized(int number OVS_UNUSED)
{
    int error = errno;

    latch_set(&resized);
    errno = error;
}

void
kctl_screen_open(void)
{
    struct sigaction sa = {
        .sa_handler = screen_resized,
        .sa_flags = SA_RESTART,
    };

    if (isatty(STDIN_FILENO) && !tcgetattr(STDIN_FILENO, &before)) {
        keyboard = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    }
    fatal_signal_add_hook(screen_end, NULL, NULL, true);
    if (keyboard >= 0) {
        struct termios raw = before;

        raw.c_lflag &= ~(ICANON | ECHO);
        raw.c_cc[VMIN] = 0;
        raw.c_cc[VTIME] = 0;
        raw.c_cc[VSUSP] = _POSIX_VDISABLE;
        tcsetattr(keyboard, TCSANOW, &raw);
    }
    latch_init(&resized);
    sigemptyset(&sa.sa_mask);
    xsigaction(SIGWINCH, &sa, NULL);
    fputs("\033[?1049h\033[?25l", stdout);
}

void
kctl_screen_size(size_t *width, size_t *height)
{
    struct winsize size;

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || !size.ws_col
        || !size.ws_row) {
        size = (struct winsize) { .ws_col = 80, .ws_row = 24 };
    }
    *width = size.ws_col;
    *height = size.ws_row;
}

/* Draws 'lines', which fit, from the top; the one of index 'inverse' is set
 * off. */
void
kctl_screen_draw(const struct svec *lines, size_t inverse)
{
    const char *line;
    size_t i;

    fputs("\033[H", stdout);
    SVEC_FOR_EACH (i, line, lines) {
        /* Erased first: behind the last column there is no place to be. */
        printf("%s\033[K%s%s%s", i ? "\r\n" : "",
               i == inverse ? "\033[7m" : "", line,
               i == inverse ? "\033[0m" : "");
    }
    fputs("\033[J", stdout);
    fflush(stdout);
}

int
kctl_screen_key(void)
{
    unsigned char key;

    return keyboard >= 0 && read(keyboard, &key, 1) == 1 ? key : EOF;
}

/* Wakes up for a key, and for another size. */
void
kctl_screen_wait(void)
{
    latch_poll(&resized);
    latch_wait(&resized);
    if (keyboard >= 0) {
        poll_fd_wait(keyboard, POLLIN);
    }
}
