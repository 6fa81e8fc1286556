/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "flows/layout.h"
#include "openflow/openflow-1.3.h"
#include "util.h"

/* Numbers of meters: each slot and direction has its own, and is found by
 * it. */
static void
test_meter_numbers(void **state OVS_UNUSED)
{
    static const struct row {
        const char *what;
        uint32_t id;
        uint32_t slot;          /* 0: none. */
        bool out;
    } rows[] = {
        { "a learning meter", LAYOUT_METER_LEARN, 0, false },
        { "a gate's", LAYOUT_METER_GATE, 0, false },
        { "the last of gates'",
          LAYOUT_METER_GATE + LAYOUT_N_GATE_METERS - 1, 0, false },
        { "the last below", 999999999, 0, false },
        { "port 0, which no port has", 1000000010, 10, false },
        { "port 2, VLAN 10", 1000020010, 0x2000a, false },
        { "outward", 2000020010, 0x2000a, true },
        { "untagged", 1000020000, 0x20000, false },
        { "the last VLAN", 1000024095, 0x20fff, false },
        { "none behind it", 1000024096, 0, false },
        { "the last port", 1655354095, 0xffff0fff, false },
        { "none behind it", 1655360000, 0, false },
        { "the last outward", 2655354095, 0xffff0fff, true },
        { "none behind it", 2655360000, 0, true },
        { "one of the switch itself", OFPM13_CONTROLLER, 0, true },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const struct row *r = &rows[i];
        bool out;
        uint32_t slot = layout_limit_slot(r->id, &out);

        if (slot != r->slot || (slot && out != r->out)
            || (slot && layout_limit_meter(slot, out) != r->id)) {
            fail_msg("%s: slot %#"PRIx32", out %d", r->what, slot, out);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_meter_numbers),
    };

    return cmocka_run_group_tests_name("layout", tests, NULL, NULL);
}
