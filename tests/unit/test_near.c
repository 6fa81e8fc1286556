/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* Each row gives a word, the names that there are, and which one is meant. */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "flows/near.h"
#include "util.h"

#define LONG "0123456789012345678901234567890123456789012345678901234567890123"

static const struct {
    const char *what;
    const char *word;
    const char *names[4];
    const char *best;           /* NULL: none is near enough. */
} rows[] = {
    { "one letter too few", "segmen-add", { "segment-add", "segment-del" },
      "segment-add" },
    { "one letter too many", "bluee", { "blue", "red" }, "blue" },
    { "another letter", "blus", { "blue", "red" }, "blue" },
    { "two swapped", "bleu", { "blue", "red" }, "blue" },
    { "two swapped at the end", "wets", { "west" }, "west" },
    { "case", "Blue", { "blue" }, "blue" },
    { "hyphen for underscore", "mac-limit", { "mac_limit" }, "mac_limit" },
    { "two slips in a long word", "segmnt-ad", { "segment-add" },
      "segment-add" },
    { "two slips in a short word", "blxx", { "blue" }, NULL },
    { "another word", "nosuch", { "blue", "red", "west" }, NULL },
    { "a single letter is no hint", "a", { "b" }, NULL },
    { "the nearest one", "wset1", { "west", "west1", "west2" }, "west1" },
    { "of equals the first by name", "e9", { "e3", "e1", "e2" }, "e1" },
    { "the same in another order", "e9", { "e1", "e2", "e3" }, "e1" },
    { "nothing there", "blue", { NULL }, NULL },
    { "no letters", "", { "blue" }, NULL },
    { "an empty name", "b", { "" }, NULL },
    { "as long as can be", LONG, { "x"LONG, LONG"x" }, NULL },
    { "too long", LONG"z", { LONG }, NULL },
    { "just not too long", LONG + 1, { LONG }, LONG },
};

static void
test_best(void **state OVS_UNUSED)
{
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct near near;

        near_init(&near, rows[i].word);
        for (size_t j = 0; j < 4 && rows[i].names[j]; j++) {
            near_offer(&near, rows[i].names[j]);
        }
        if (!nullable_string_is_equal(near.best, rows[i].best)) {
            fail_msg("%s: \"%s\": got \"%s\", not \"%s\"", rows[i].what,
                     rows[i].word, near.best ? near.best : "(none)",
                     rows[i].best ? rows[i].best : "(none)");
        }
    }
}

static void
test_hint(void **state OVS_UNUSED)
{
    struct near near;

    near_init(&near, "bleu");
    char *none = near_hint(&near);
    near_offer(&near, "blue");
    char *hint = near_hint(&near);

    assert_string_equal(none, "");
    assert_string_equal(hint, " (did you mean \"blue\"?)");
    free(none);
    free(hint);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_best),
        cmocka_unit_test(test_hint),
    };

    return cmocka_run_group_tests_name("near", tests, NULL, NULL);
}
