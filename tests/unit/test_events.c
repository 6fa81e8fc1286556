/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "controller/events.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "openvswitch/shash.h"
#include "util.h"

#define WALL 1767225599999LL    /* A millisecond before 2026. */

static void
add(struct events *events, const char *segment)
{
    events_add(events, EVENT_LEARNED, WALL, (const char *[EVENT_N_FIELDS]) {
        [EVENT_SEGMENT] = segment,
    });
}

/* Numbers of the events that are read: "first-last". */
static char *
numbers(const struct json *array)
{
    size_t n = json_array(array)->n;
    struct ds s = DS_EMPTY_INITIALIZER;

    for (size_t i = 0; n && i < 2; i++) {
        const struct json *event = json_array(array)->elems[i ? n - 1 : 0];

        ds_put_format(&s, "%s%lld", i ? "-" : "", (long long) json_integer(
                          shash_find_data(json_object(event), "seq")));
    }
    return ds_steal_cstr(&s);
}

/* Many events, of which every tenth is of the segment "red". */
static void
test_read(void **state OVS_UNUSED)
{
    static const struct row {
        const char *what;
        unsigned int n;         /* Events. */
        uint64_t since;
        const char *segment;
        size_t max;
        const char *numbers;
        size_t n_read;
        uint64_t lost, now_since;
    } rows[] = {
        { "nothing", 0, 0, NULL, 10, "", 0, 0, 0 },
        { "all", 3, 0, NULL, 10, "1-3", 3, 0, 3 },
        { "the last", 3, 2, NULL, 10, "3-3", 1, 0, 3 },
        { "nothing new", 3, 3, NULL, 10, "", 0, 0, 3 },
        { "the first ones", 30, 0, NULL, 10, "1-10", 10, 0, 10 },
        { "of a segment", 30, 0, "red", 10, "10-30", 3, 0, 30 },
        { "of a segment, the first one", 30, 5, "red", 1, "10-10", 1, 0, 10 },
        { "of no segment", 30, 0, "green", 10, "", 0, 0, 30 },
        { "a full ring", EVENTS_MAX, 0, NULL, 9999, "1-4096", 4096, 0, 4096 },
        { "one more", EVENTS_MAX + 1, 0, NULL, 9999, "2-4097", 4096, 1,
          4097 },
        { "one more, which was read", EVENTS_MAX + 1, 1, NULL, 9999,
          "2-4097", 4096, 0, 4097 },
        { "twice around", 10000, 100, NULL, 2, "5905-5906", 2, 5804, 5906 },
        { "lost, and none of them", 10000, 0, "green", 2, "", 0, 5904,
          10000 },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const struct row *row = &rows[i];
        struct json *array = json_array_create_empty();
        uint64_t since = row->since, lost = 0;
        struct events events;

        events_init(&events);
        for (unsigned int j = 1; j <= row->n; j++) {
            add(&events, j % 10 ? "blue" : "red");
        }
        size_t n = events_read(&events, &since, row->segment, row->max, array,
                               &lost);
        char *s = numbers(array);

        if (strcmp(s, row->numbers) || n != row->n_read || lost != row->lost
            || since != row->now_since
            || events_count(&events) != MIN(row->n, EVENTS_MAX)) {
            fail_msg("%s: %s, %"PRIuSIZE" read, %"PRIu64" lost, since "
                     "%"PRIu64, row->what, s, n, lost, since);
        }
        free(s);
        json_destroy(array);
        events_destroy(&events);
    }
}

/* MACs count only while they are watched, and in bursts. */
static void
test_macs(void **state OVS_UNUSED)
{
    struct json *array = json_array_create_empty();
    uint64_t since = 0, lost = 0;
    struct events events;
    unsigned int n = 0;

    events_init(&events);
    assert_false(events_take_mac(&events, 1000));
    assert_int_equal(events.last, 0);

    events.watched_until = 2000;
    for (unsigned int i = 0; i < EVENTS_MAC_BURST + 50; i++) {
        if (events_take_mac(&events, 1000 + i % EVENTS_MAC_TURN)) {
            add(&events, "blue");
            n++;
        }
    }
    assert_int_equal(n, EVENTS_MAC_BURST);
    assert_true(events_take_mac(&events, 1000 + EVENTS_MAC_TURN));
    add(&events, "blue");
    assert_int_equal(events_read(&events, &since, NULL, 9999, array, &lost),
                     EVENTS_MAC_BURST + 1);
    assert_int_equal(lost, 50);

    /* Those that are lost last are told of, too. */
    events.n_macs = EVENTS_MAC_BURST;
    assert_false(events_take_mac(&events, 1100));
    assert_int_equal(events_read(&events, &since, NULL, 9999, array, &lost),
                     0);
    assert_int_equal(lost, 51);
    assert_int_equal(since, events.last);
    assert_false(events_take_mac(&events, 2000));
    json_destroy(array);
    events_destroy(&events);
}

static void
test_text(void **state OVS_UNUSED)
{
    struct json *array = json_array_create_empty();
    struct ds s = DS_EMPTY_INITIALIZER;
    uint64_t since = 0, lost = 0;
    struct events events;

    events_init(&events);
    events_add(&events, EVENT_FAILED_OVER, WALL,
               (const char *[EVENT_N_FIELDS]) {
                   [EVENT_CLUSTER] = "west",
                   [EVENT_FROM] = "e1",
                   [EVENT_TO] = "e2",
                   [EVENT_REASON] = "e1 is dead",
               });
    events_add(&events, EVENT_IN_SYNC, WALL + 1,
               (const char *[EVENT_N_FIELDS]) { [EVENT_EDGE] = "e2" });
    events_read(&events, &since, NULL, 9, array, &lost);
    for (size_t i = 0; i < 2; i++) {
        event_to_text(json_array(array)->elems[i], &s);
    }
    assert_string_equal(
        ds_cstr(&s),
        "2025-12-31T23:59:59.999Z  failed-over  cluster west from e1 to e2 "
        "(e1 is dead)\n"
        "2026-01-01T00:00:00.000Z  in-sync      edge e2\n");

    /* Whatever another program says is a line. */
    struct json *odd = json_from_string("{\"event\": 5, \"mac\": [1]}");
    ds_clear(&s);
    event_to_text(odd, &s);
    assert_string_equal(ds_cstr(&s), "-  -           \n");
    json_destroy(odd);
    json_destroy(array);
    ds_destroy(&s);
    events_destroy(&events);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_macs),
        cmocka_unit_test(test_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
