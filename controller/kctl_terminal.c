/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "controller/kctl_terminal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

bool
kctl_terminal_has_colors(void)
{
    const char *no_color = getenv("NO_COLOR");
    const char *term = getenv("TERM");

    return (isatty(STDOUT_FILENO) && !(no_color && no_color[0])
            && term && strcmp(term, "dumb"));
}

unsigned int
kctl_terminal_width(void)
{
    struct winsize size;

    return (isatty(STDOUT_FILENO) && !ioctl(STDOUT_FILENO, TIOCGWINSZ, &size)
            ? size.ws_col : 0);
}

bool
kctl_terminal_can_ask(void)
{
    return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
}

bool
kctl_terminal_ask(const char *question)
{
    char line[16];

    printf("%s [y/N] ", question);
    fflush(stdout);
    if (!fgets(line, sizeof line, stdin)) {
        putchar('\n');
        return false;
    }
    line[strcspn(line, "\n")] = '\0';
    return !strcasecmp(line, "y") || !strcasecmp(line, "yes");
}
