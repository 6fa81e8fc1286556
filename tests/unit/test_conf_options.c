/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* What the options of a binding say, and what is said of those that make no
 * sense. */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "controller/conf_private.h"
#include "util.h"

struct option {
    const char *key, *value;
};

/* Makes the options of 'options', of which the last is NULL. */
static void
read_options(const struct option *options, struct topo_attach_row *row)
{
    struct smap smap = SMAP_INITIALIZER(&smap);

    for (; options->key; options++) {
        smap_add(&smap, options->key, options->value);
    }
    conf_read_binding_options(&smap, row);
    smap_destroy(&smap);
}

static void
test_binding(void **state OVS_UNUSED)
{
    static const struct {
        const char *what;
        struct option options[4];
        enum topo_bpdu bpdu;
        unsigned int loop_probe;
        uint32_t in;            /* Limit. */
        const char *complaint;  /* Part of it, or NULL. */
    } rows[] = {
        { "none", { { NULL, NULL } }, TOPO_BPDU_DROP, 0, 0, NULL },
        { "of a later version", { { "colour", "red" } },
          TOPO_BPDU_DROP, 0, 0, NULL },
        { "drop", { { "bpdu", "drop" } }, TOPO_BPDU_DROP, 0, 0, NULL },
        { "guard", { { "bpdu", "guard" } }, TOPO_BPDU_GUARD, 0, 0, NULL },
        { "forward", { { "bpdu", "forward" } }, TOPO_BPDU_FORWARD, 0, 0,
          NULL },
        { "nonsense", { { "bpdu", "Guard" } }, TOPO_BPDU_DROP, 0, 0,
          "options:bpdu \"Guard\" is none of drop, guard and forward; it is "
          "drop" },
        { "nothing", { { "bpdu", "" } }, TOPO_BPDU_DROP, 0, 0,
          "options:bpdu \"\" is none of" },
        { "a probe", { { "loop_probe", "1" } }, TOPO_BPDU_DROP, 1, 0, NULL },
        { "now and then", { { "loop_probe", "3600" } }, TOPO_BPDU_DROP, 3600,
          0, NULL },
        { "too seldom", { { "loop_probe", "3601" } }, TOPO_BPDU_DROP, 0, 0,
          "options:loop_probe \"3601\" is not a number of seconds from 1 to "
          "3600; there are no probes" },
        { "never", { { "loop_probe", "0" } }, TOPO_BPDU_DROP, 0, 0,
          "loop_probe \"0\"" },
        { "no number", { { "loop_probe", "true" } }, TOPO_BPDU_DROP, 0, 0,
          "loop_probe \"true\"" },
        { "all of them", { { "loop_probe", "5" }, { "bpdu", "forward" },
                           { "bum_in_pps", "7" } },
          TOPO_BPDU_FORWARD, 5, 7, NULL },
        { "some make sense", { { "loop_probe", "x" }, { "bpdu", "guard" },
                               { "bum_in_pps", "7" } },
          TOPO_BPDU_GUARD, 0, 7, "loop_probe \"x\"" },
        { "others make sense", { { "loop_probe", "5" }, { "bpdu", "x" },
                                 { "bum_in_pps", "-" } },
          TOPO_BPDU_DROP, 5, 0, "bum_in_pps \"-\"" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct topo_attach_row row = { .vlan = 10 };
        const char *complaint = rows[i].complaint;

        read_options(rows[i].options, &row);
        if (row.bpdu != rows[i].bpdu || row.loop_probe != rows[i].loop_probe
            || row.limits[TOPO_IN].rate != rows[i].in
            || !complaint != !row.complaint
            || (complaint && !strstr(row.complaint, complaint))) {
            fail_msg("%s: BPDUs %d, a probe in %u s, limit %"PRIu32", \"%s\"",
                     rows[i].what, row.bpdu, row.loop_probe,
                     row.limits[TOPO_IN].rate,
                     row.complaint ? row.complaint : "");
        }
        free(row.complaint);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_binding),
    };

    return cmocka_run_group_tests_name("conf_options", tests, NULL, NULL);
}
