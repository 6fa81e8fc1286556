/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "controller/kctl_terminal.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "openvswitch/dynamic-string.h"
#include "unicode.h"
#include "util.h"

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

/* Who has become root is still who it is. */
char *
kctl_terminal_user(void)
{
    const char *sudo = geteuid() ? NULL : getenv("SUDO_USER");
    struct passwd pw, *found = NULL;
    char host[256] = "";
    char buffer[4096];

    if (!sudo && getpwuid_r(geteuid(), &pw, buffer, sizeof buffer, &found)) {
        found = NULL;
    }
    gethostname(host, sizeof host - 1);
    return xasprintf("%s@%s", sudo ? sudo : found ? pw.pw_name : "?", host);
}

static bool
is_text(struct ds *s)
{
    size_t length;
    char *error = utf8_validate(ds_cstr(s), &length);
    bool ok = !error && strlen(ds_cstr(s)) == s->length;

    free(error);
    return ok;
}

char *
kctl_terminal_read(const char *name, const char **error)
{
    FILE *file = strcmp(name, "-") ? fopen(name, "r") : stdin;
    struct ds s = DS_EMPTY_INITIALIZER;
    char part[4096];
    size_t n;

    *error = NULL;
    if (!file) {
        *error = ovs_strerror(errno);
        return NULL;
    }
    while ((n = fread(part, 1, sizeof part, file)) > 0) {
        ds_put_buffer(&s, part, n);
    }
    if (ferror(file)) {
        *error = ovs_strerror(errno);
    } else if (!is_text(&s)) {
        *error = "this is no text in UTF-8";
    }
    if (file != stdin) {
        fclose(file);
    }
    return ds_steal_cstr(&s);
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
