/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "controller/kctl_tree.h"

#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "util.h"

#define INDENT 4

static const char *const colors[] = {
    [KCTL_PLAIN] = NULL,
    [KCTL_BOLD] = "\033[1m",
    [KCTL_GOOD] = "\033[32m",
    [KCTL_BAD] = "\033[31m",
    [KCTL_CHANGED] = "\033[33m",
};

/* Returns how many columns the 'n' bytes at 's' take.  Of a letter of several
 * bytes in UTF-8, the first one counts. */
static size_t
count_columns(const char *s, size_t n)
{
    size_t columns = 0;

    for (size_t i = 0; i < n; i++) {
        columns += ((unsigned char) s[i] & 0xc0) != 0x80;
    }
    return columns;
}

/* Returns how many bytes of 's' go on a line with room for 'room' columns: as
 * many words as fit, but one at least. */
static size_t
fit_words(const char *s, size_t room)
{
    size_t n = strcspn(s, " ");

    while (s[n]) {
        size_t next = n + 1 + strcspn(s + n + 1, " ");

        if (count_columns(s, next) > room) {
            break;
        }
        n = next;
    }
    return n;
}

static void
put_part(const struct kctl_tree *tree, size_t indent, const char *color,
         const char *s, size_t n)
{
    ds_put_char_multiple(tree->s, ' ', indent);
    ds_put_format(tree->s, "%s%.*s%s\n", color ? color : "", (int) n, s,
                  color ? "\033[0m" : "");
}

void
kctl_tree_line(const struct kctl_tree *tree, int level, enum kctl_color color,
               const char *format, ...)
{
    const char *paint = tree->color ? colors[color] : NULL;
    struct ds line = DS_EMPTY_INITIALIZER;
    size_t indent = INDENT * level;
    va_list args;

    va_start(args, format);
    ds_put_format_valist(&line, format, args);
    va_end(args);

    const char *p = ds_cstr(&line);
    do {
        size_t room = tree->width > indent ? tree->width - indent : 1;
        size_t n = tree->width ? fit_words(p, room) : strlen(p);

        put_part(tree, indent, paint, p, n);
        p += n;
        p += *p == ' ';
        indent = INDENT * (level + 2);
    } while (*p);
    ds_destroy(&line);
}
