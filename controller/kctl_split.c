/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "controller/kctl_split.h"

#include <ctype.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "svec.h"
#include "util.h"

/* What stands for itself, in every shell and wherever it is. */
#define PLAIN "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" \
              "0123456789_-+=:,./@%"

/* Takes what is quoted at '*p', which is at the first quote, to 's', and moves
 * '*p' behind the other one.  Returns false if there is none. */
static bool
take_quoted(const char **p, struct ds *s)
{
    char quote = *(*p)++;

    while (**p && **p != quote) {
        if (quote == '"' && **p == '\\' && (*p)[1]
            && strchr("\"\\$`", (*p)[1])) {
            ++*p;
        }
        ds_put_char(s, *(*p)++);
    }
    if (!**p) {
        return false;
    }
    ++*p;
    return true;
}

/* Takes the word at '*p'. */
static char *
take_word(const char **p, struct ds *s)
{
    while (**p && !isspace((unsigned char) **p)) {
        if (**p == '\'' || **p == '"') {
            if (!take_quoted(p, s)) {
                return xstrdup("a quotation mark is missing");
            }
        } else if (**p == '\\' && !(*p)[1]) {
            return xstrdup("nothing follows the last backslash");
        } else {
            *p += **p == '\\';
            ds_put_char(s, *(*p)++);
        }
    }
    return NULL;
}

char *
kctl_split(const char *line, struct svec *words)
{
    const char *p = line;

    for (;;) {
        p += strspn(p, " \t\r");
        if (!*p || *p == '#') {
            return NULL;
        }

        struct ds word = DS_EMPTY_INITIALIZER;
        char *error = take_word(&p, &word);

        if (error) {
            ds_destroy(&word);
            return error;
        }
        svec_add_nocopy(words, xstrdup(ds_cstr(&word)));
        ds_destroy(&word);
    }
}

void
kctl_quote(const char *word, struct ds *s)
{
    if (word[0] && !word[strspn(word, PLAIN)]) {
        ds_put_cstr(s, word);
        return;
    }
    ds_put_char(s, '\'');
    for (const char *p = word; *p; p++) {
        if (*p == '\'') {
            ds_put_cstr(s, "'\\''");
        } else {
            ds_put_char(s, *p);
        }
    }
    ds_put_char(s, '\'');
}
