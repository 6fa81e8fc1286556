/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "flows/near.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "util.h"

/* Longer words are compared with nothing, so that a slip costs little however
 * many names there are. */
#define NEAR_MAX_LEN 64

static int
near_fold(char c)
{
    return c == '-' ? '_' : tolower((unsigned char) c);
}

/* A third of the letters, and never the whole word. */
static unsigned int
near_most(size_t len)
{
    return len < 2 ? 0 : len < 6 ? 1 : len < 9 ? 2 : 3;
}

void
near_init(struct near *near, const char *word)
{
    size_t len = strlen(word);

    near->word = word;
    near->best = NULL;
    near->slips = (len <= NEAR_MAX_LEN ? near_most(len) : 0) + 1;
}

/* Returns how many slips lead from 'a' to 'b', which has 'm' letters.  Each
 * row of the table is made of the two before it. */
static unsigned int
near_count(const char *a, size_t n, const char *b, size_t m)
{
    unsigned int rows[3][NEAR_MAX_LEN + 1];

    for (size_t j = 0; j <= m; j++) {
        rows[0][j] = j;
    }
    for (size_t i = 1; i <= n; i++) {
        const unsigned int *above = rows[(i - 1) % 3];
        const unsigned int *above2 = rows[(i + 1) % 3];
        unsigned int *row = rows[i % 3];

        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            int x = near_fold(a[i - 1]);
            int y = near_fold(b[j - 1]);

            row[j] = MIN(above[j - 1] + (x != y),
                         MIN(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && x == near_fold(b[j - 2])
                && y == near_fold(a[i - 2])) {
                row[j] = MIN(row[j], above2[j - 2] + 1);
            }
        }
    }
    return rows[n % 3][m];
}

void
near_offer(struct near *near, const char *name)
{
    size_t n = strlen(near->word);
    size_t m = strlen(name);

    if (n > NEAR_MAX_LEN || m > NEAR_MAX_LEN || !m
        || (n > m ? n - m : m - n) > near->slips) {
        return;
    }

    unsigned int slips = near_count(near->word, n, name, m);
    if (slips < near->slips
        || (slips == near->slips && near->best
            && strcmp(name, near->best) < 0)) {
        near->slips = slips;
        near->best = name;
    }
}

char *
near_hint(const struct near *near)
{
    return (near->best ? xasprintf(" (did you mean \"%s\"?)", near->best)
            : xstrdup(""));
}

char *
near_complain(const struct near *near, const char *format, ...)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    char *hint = near_hint(near);
    va_list args;

    va_start(args, format);
    ds_put_format_valist(&s, format, args);
    va_end(args);
    ds_put_cstr(&s, hint);
    free(hint);
    return ds_steal_cstr(&s);
}
