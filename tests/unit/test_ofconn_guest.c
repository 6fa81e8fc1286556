/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* Which guest goes when there are too many. */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <stdlib.h>

#include "controller/ofconn_private.h"
#include "packets.h"
#include "util.h"

/* 'n' guests that come from 'n_addresses' addresses, the first of which is
 * 'address', one after the other. */
struct crowd {
    const char *address;
    unsigned int n, n_addresses;
};

static struct ofconn_guest guests[3 * OFCONN_MAX_GUESTS];
static size_t n_guests;
static long long now;

/* Returns the address 'number' after 'first'. */
static struct in6_addr
parse(const char *first, unsigned int number)
{
    struct in6_addr address;

    assert_true(ipv6_parse(first, &address));
    address.s6_addr[14] += number >> 8;
    address.s6_addr[15] += number;
    return address;
}

/* Lets one in, and sends away who has to go, which it returns, or NULL. */
static struct ofconn_guest *
arrive(const char *first, unsigned int number)
{
    struct in6_addr address = parse(first, number);
    struct ofconn_guest *guest = &guests[n_guests++], *excess;

    ofconn_guest_add(guest, &address, false, now++);
    excess = ofconn_guest_excess(guest);
    if (excess) {
        ofconn_guest_remove(excess);
    }
    return excess;
}

static void
leave_all(void)
{
    for (size_t i = 0; i < n_guests; i++) {
        ofconn_guest_remove(&guests[i]);
    }
    assert_int_equal(ofconn_guest_count(), 0);
    assert_null(ofconn_guest_victim());
    assert_null(ofconn_guest_nameless());
    n_guests = 0;
}

#define ONE_V4 "::ffff:10.0.0.0"
#define OTHER_V4 "::ffff:10.1.0.0"

/* A switch comes after a crowd, and another crowd comes before it has said who
 * it is. */
static void
test_crowds(void **state OVS_UNUSED)
{
    static const struct {
        const char *what;
        struct crowd before, after;
        const char *address;    /* Of the switch. */
        unsigned int n_left;    /* With it. */
        bool stays;
    } rows[] = {
        { "nobody else", { ONE_V4, 0, 1 }, { ONE_V4, 0, 1 }, ONE_V4, 1, true },
        { "few", { ONE_V4, 100, 1 }, { ONE_V4, 100, 1 }, ONE_V4, 201, true },
        { "other address",
          { ONE_V4, 5000, 1 }, { ONE_V4, 5000, 1 }, OTHER_V4,
          OFCONN_MAX_GUESTS_OF_ONE + 1, true },
        { "same address, in time",
          { ONE_V4, 5000, 1 }, { ONE_V4, OFCONN_MAX_GUESTS_OF_ONE - 1, 1 },
          ONE_V4, OFCONN_MAX_GUESTS_OF_ONE, true },
        { "same address, too late",
          { ONE_V4, 5000, 1 }, { ONE_V4, OFCONN_MAX_GUESTS_OF_ONE, 1 },
          ONE_V4, OFCONN_MAX_GUESTS_OF_ONE, false },
        { "ten addresses",
          { ONE_V4, 5000, 10 }, { ONE_V4, 5000, 10 }, OTHER_V4,
          OFCONN_MAX_GUESTS, true },
        { "one address each, in time",
          { ONE_V4, 4000, 4000 }, { ONE_V4, 4000, 4000 }, OTHER_V4,
          OFCONN_MAX_GUESTS, true },
        { "one IPv6 network",
          { "2001:db8::", 5000, 5000 }, { "2001:db8::", 1, 1 },
          "2001:db8:0:1::", OFCONN_MAX_GUESTS_OF_ONE + 1, true },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const struct crowd *before = &rows[i].before, *after = &rows[i].after;

        for (unsigned int n = 0; n < before->n; n++) {
            arrive(before->address, n % before->n_addresses);
        }
        const struct ofconn_guest *sw = &guests[n_guests];
        arrive(rows[i].address, 0);
        for (unsigned int n = 0; n < after->n; n++) {
            arrive(after->address, n % after->n_addresses);
        }
        if (!sw->origin == rows[i].stays
            || ofconn_guest_count() != rows[i].n_left) {
            fail_msg("%s: the switch %s, there are %"PRIuSIZE" guests",
                     rows[i].what, sw->origin ? "stays" : "has gone",
                     ofconn_guest_count());
        }
        leave_all();
    }
}

/* The oldest goes, and who is known is no guest. */
static void
test_order(void **state OVS_UNUSED)
{
    for (int i = 0; i < OFCONN_MAX_GUESTS_OF_ONE; i++) {
        assert_null(arrive(ONE_V4, 0));
    }
    ofconn_guest_remove(&guests[0]);
    assert_null(arrive(ONE_V4, 0));
    assert_ptr_equal(arrive(ONE_V4, 0), &guests[1]);
    assert_ptr_equal(ofconn_guest_victim(), &guests[2]);
    arrive(OTHER_V4, 0);
    assert_ptr_equal(ofconn_guest_victim(), &guests[2]);
    leave_all();
}

/* Who has said who it is has no deadline, but counts. */
static void
test_named(void **state OVS_UNUSED)
{
    struct in6_addr address = parse(ONE_V4, 0);
    struct ofconn_guest *named = &guests[0], *nameless = &guests[1];

    n_guests = 2;
    ofconn_guest_add(named, &address, true, 1);
    assert_null(ofconn_guest_nameless());
    ofconn_guest_add(nameless, &address, false, 2);
    assert_ptr_equal(ofconn_guest_nameless(), nameless);
    assert_int_equal(ofconn_guest_count(), 2);
    leave_all();
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crowds),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_named),
    };

    return cmocka_run_group_tests_name("ofconn_guest", tests, NULL, NULL);
}
