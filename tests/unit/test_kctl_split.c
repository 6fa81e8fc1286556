/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* Each row gives a line and its words, or what is wrong with it. */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "controller/kctl_split.h"
#include "openvswitch/dynamic-string.h"
#include "svec.h"
#include "util.h"

static const struct {
    const char *what;
    const char *line;
    const char *words[5];
    const char *error;          /* A part of it. */
} rows[] = {
    { "words", "a bc  d", { "a", "bc", "d" }, NULL },
    { "blanks around", " \t a \r", { "a" }, NULL },
    { "nothing", "", { NULL }, NULL },
    { "a remark", "# a b", { NULL }, NULL },
    { "a remark behind", "a #b c", { "a" }, NULL },
    { "# in a word", "a#b", { "a#b" }, NULL },
    { "single quotes", "'a b' 'c\\d' ''", { "a b", "c\\d", "" }, NULL },
    { "double quotes", "\"a b\" \"c'd\"", { "a b", "c'd" }, NULL },
    { "backslash in double quotes", "\"a\\\"b\" \"\\\\\" \"\\n\"",
      { "a\"b", "\\", "\\n" }, NULL },
    { "backslash", "a\\ b \\' \\\\", { "a b", "'", "\\" }, NULL },
    { "parts of one word", "a='b c'\"d\"", { "a=b cd" }, NULL },
    { "a quote in quotes", "'it'\\''s'", { "it's" }, NULL },
    { "no end", "a 'b", { NULL }, "quotation mark" },
    { "no other end", "a \"b'", { NULL }, "quotation mark" },
    { "no end after a backslash", "\"\\\"", { NULL }, "quotation mark" },
    { "a last backslash", "a\\", { NULL }, "backslash" },
};

static void
test_split(void **state OVS_UNUSED)
{
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct svec words = SVEC_EMPTY_INITIALIZER;
        char *error = kctl_split(rows[i].line, &words);
        size_t n = 0;

        if (!error != !rows[i].error
            || (error && !strstr(error, rows[i].error))) {
            fail_msg("%s: error \"%s\"", rows[i].what, error ? error : "");
        }
        while (!error && rows[i].words[n]) {
            if (n >= words.n || strcmp(words.names[n], rows[i].words[n])) {
                fail_msg("%s: word %"PRIuSIZE" is not \"%s\"", rows[i].what,
                         n, rows[i].words[n]);
            }
            n++;
        }
        if (!error && n != words.n) {
            fail_msg("%s: %"PRIuSIZE" words", rows[i].what, words.n);
        }
        free(error);
        svec_destroy(&words);
    }
}

/* What is quoted is one word, and the same. */
static void
test_quote(void **state OVS_UNUSED)
{
    static const char *const all[] = {
        "a", "", "a b", "it's", "''", "\\", "a\\b", "\"", "#", "a=b", "$x",
        "{a=\"b c\"}", "~", "*", "tab\there", "\xc3\xa9",
    };

    for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
        struct svec words = SVEC_EMPTY_INITIALIZER;
        struct ds s = DS_EMPTY_INITIALIZER;

        kctl_quote(all[i], &s);
        assert_null(kctl_split(ds_cstr(&s), &words));
        if (words.n != 1 || strcmp(words.names[0], all[i])) {
            fail_msg("\"%s\" is quoted as \"%s\"", all[i], ds_cstr(&s));
        }
        svec_destroy(&words);
        ds_destroy(&s);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_split),
        cmocka_unit_test(test_quote),
    };

    return cmocka_run_group_tests_name("kctl_split", tests, NULL, NULL);
}
