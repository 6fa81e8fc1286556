/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* Who may be the switch of an edge. */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>

#include "controller/agent.h"
#include "util.h"

static void
test_judge(void **state OVS_UNUSED)
{
    enum { CLAIMED = 100000 };
    static const struct {
        const char *what;
        long long asked, answered, now;
        enum agent_verdict verdict;
    } rows[] = {
        { "who has never been asked", 0, 0, CLAIMED, AGENT_ASK },
        { "who answered long ago", 50000, 50001, CLAIMED, AGENT_ASK },
        { "who is being asked", CLAIMED, 50001, CLAIMED + 1, AGENT_WAIT },
        { "who has been, for somebody else", CLAIMED - 10, 50001, CLAIMED,
          AGENT_WAIT },
        { "who may answer yet", CLAIMED, 0,
          CLAIMED + AGENT_CLAIM_WAIT - 1, AGENT_WAIT },
        { "who answers", CLAIMED, CLAIMED + 1, CLAIMED + 2, AGENT_REFUSE },
        { "who answers what somebody else asked", 0, CLAIMED + 1,
          CLAIMED + 2, AGENT_REFUSE },
        { "who does not answer", CLAIMED, 0, CLAIMED + AGENT_CLAIM_WAIT,
          AGENT_REPLACE },
        { "who did before, but not now", CLAIMED, CLAIMED - 1,
          CLAIMED + AGENT_CLAIM_WAIT, AGENT_REPLACE },
        { "who answers late, but not too late", CLAIMED,
          CLAIMED + AGENT_CLAIM_WAIT, CLAIMED + AGENT_CLAIM_WAIT,
          AGENT_REFUSE },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        enum agent_verdict verdict = agent_judge(
            CLAIMED, rows[i].asked, rows[i].answered, rows[i].now);

        if (verdict != rows[i].verdict) {
            fail_msg("%s: %d", rows[i].what, verdict);
        }
    }
}

static void
test_pin(void **state OVS_UNUSED)
{
    static const struct {
        const char *pin, *cn;
        const char *why;        /* NULL: it is let in. */
    } rows[] = {
        { NULL, NULL, NULL },
        { NULL, "e1", NULL },
        { "e1", "e1", NULL },
        { "e1", "e2", "its certificate is of \"e2\", not of \"e1\"" },
        { "e1", "E1", "its certificate is of \"E1\", not of \"e1\"" },
        { "e1", "e1 ", "its certificate is of \"e1 \", not of \"e1\"" },
        { "e1", NULL, "it has not shown a certificate of \"e1\"" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct topo_node node = {
            .certificate_cn = CONST_CAST(char *, rows[i].pin),
        };
        char *why = agent_pin_error(&node, rows[i].cn);

        if (!nullable_string_is_equal(why, rows[i].why)) {
            fail_msg("row %"PRIuSIZE": %s", i, why ? why : "let in");
        }
        free(why);
    }
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_judge),
        cmocka_unit_test(test_pin),
    };

    return cmocka_run_group_tests_name("admit", tests, NULL, NULL);
}
