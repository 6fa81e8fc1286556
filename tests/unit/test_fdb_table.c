/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* The hash table against an array that does the same slowly. */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "flows/fdb.h"
#include "random.h"
#include "util.h"

#define N_MACS 3000

struct model {
    struct fdb_table table;
    struct fdb_mac macs[N_MACS];
    uint32_t hashes[N_MACS];
    bool in[N_MACS];
    size_t n;
};

/* Hashes that collide often, or sit around the end of the table. */
static uint32_t
pick_hash(void)
{
    switch (random_range(3)) {
    case 0:
        return random_range(8);
    case 1:
        return UINT32_MAX - random_range(8);
    default:
        return random_uint32();
    }
}

static bool
find(const struct model *m, size_t i)
{
    struct fdb_slot *slot = fdb_table_first(&m->table, m->hashes[i]);

    while (slot && slot->mac != &m->macs[i]) {
        slot = fdb_table_next(&m->table, slot);
    }
    return slot != NULL;
}

static void
check(const struct model *m)
{
    struct fdb_walk walk;
    struct fdb_mac *mac;
    size_t n = 0;

    assert_int_equal(m->table.n, m->n);
    for (size_t i = 0; i < N_MACS; i++) {
        assert_int_equal(find(m, i), m->in[i]);
    }
    FDB_TABLE_FOR_EACH (mac, &walk, &m->table) {
        assert_true(m->in[mac - m->macs]);
        n++;
    }
    assert_int_equal(n, m->n);
}

static void
change(struct model *m, size_t i)
{
    if (m->in[i]) {
        fdb_table_remove(&m->table, &m->macs[i], m->hashes[i]);
        m->n--;
    } else {
        m->hashes[i] = pick_hash();
        fdb_table_insert(&m->table, &m->macs[i], m->hashes[i]);
        m->n++;
    }
    m->in[i] = !m->in[i];
}

/* Walks through the table and takes out some of what it meets, each of which
 * it must meet once. */
static void
thin(struct model *m)
{
    bool met[N_MACS] = { false };
    struct fdb_walk walk;
    struct fdb_mac *mac;
    size_t n = 0, before = m->n;

    FDB_TABLE_FOR_EACH (mac, &walk, &m->table) {
        size_t i = mac - m->macs;

        assert_true(m->in[i] && !met[i]);
        met[i] = true;
        n++;
        if (random_range(4)) {
            change(m, i);
        }
    }
    assert_int_equal(n, before);
}

static void
test_table(void **state OVS_UNUSED)
{
    struct model *m = xzalloc(sizeof *m);

    random_set_seed(11);
    for (int round = 0; round < 60; round++) {
        size_t range = 1 + random_range(N_MACS);

        for (size_t i = 0; i < range; i++) {
            change(m, random_range(range));
        }
        check(m);
        thin(m);
        check(m);
    }

    /* Full, then empty: what follows gives back the room. */
    for (int wanted = 1; wanted >= 0; wanted--) {
        for (size_t i = 0; i < N_MACS; i++) {
            if (m->in[i] != wanted) {
                change(m, i);
            }
        }
        check(m);
    }
    assert_true(m->table.mask >= N_MACS);
    for (int i = 0; i < 40; i++) {
        change(m, i / 2);
    }
    assert_true(m->table.mask < 100);
    fdb_table_destroy(&m->table);
    free(m);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
    };

    return cmocka_run_group_tests_name("fdb_table", tests, NULL, NULL);
}
