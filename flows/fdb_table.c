/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "flows/fdb_table.h"

#include <stdlib.h>
#include "util.h"

#define FDB_TABLE_MIN 16        /* Slots. */

void
fdb_table_destroy(struct fdb_table *table)
{
    free(table->slots);
}

static void
fdb_table_put(struct fdb_table *table, struct fdb_slot slot)
{
    size_t i = slot.hash & table->mask;

    while (table->slots[i].mac) {
        i = (i + 1) & table->mask;
    }
    table->slots[i] = slot;
}

static void
fdb_table_resize(struct fdb_table *table, size_t n_slots)
{
    struct fdb_slot *old = table->slots;
    size_t n_old = old ? table->mask + 1 : 0;

    table->slots = xcalloc(n_slots, sizeof *table->slots);
    table->mask = n_slots - 1;
    for (size_t i = 0; i < n_old; i++) {
        if (old[i].mac) {
            fdb_table_put(table, old[i]);
        }
    }
    free(old);
}

/* Puts in 'mac', which must not be there. */
void
fdb_table_insert(struct fdb_table *table, struct fdb_mac *mac, uint32_t hash)
{
    if (!table->slots) {
        fdb_table_resize(table, FDB_TABLE_MIN);
    } else if (4 * (table->n + 1) > 3 * (table->mask + 1)) {
        fdb_table_resize(table, 2 * (table->mask + 1));
    } else if (16 * table->n < table->mask && table->mask > FDB_TABLE_MIN) {
        fdb_table_resize(table, (table->mask + 1) / 2);
    }
    fdb_table_put(table, (struct fdb_slot) { mac, hash });
    table->n++;
}

/* Fills the hole at 'hole' with what would not be found beyond it. */
static void
fdb_table_close(struct fdb_table *table, size_t hole)
{
    size_t mask = table->mask;

    for (size_t i = (hole + 1) & mask; table->slots[i].mac;
         i = (i + 1) & mask) {
        size_t home = table->slots[i].hash & mask;

        /* Whether 'home' is at or in front of the hole, going round. */
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            table->slots[hole] = table->slots[i];
            hole = i;
        }
    }
    table->slots[hole].mac = NULL;
}

/* Takes out 'mac', which must be there.  (As somebody may be walking through,
 * it is the next fdb_table_insert() that gives back room.) */
void
fdb_table_remove(struct fdb_table *table, const struct fdb_mac *mac,
                 uint32_t hash)
{
    struct fdb_slot *slot = fdb_table_first(table, hash);

    while (slot->mac != mac) {
        slot = fdb_table_next(table, slot);
    }
    fdb_table_close(table, slot - table->slots);
    table->n--;
}

/* A walk goes from an empty slot downward.  The hole that an entry leaves is
 * filled with what the walk has passed already, and nothing moves across an
 * empty slot. */
void
fdb_walk_init(struct fdb_walk *walk, const struct fdb_table *table)
{
    walk->at = 0;
    walk->left = table->slots ? table->mask + 1 : 0;
    while (walk->left && table->slots[walk->at].mac) {
        walk->at++;
    }
}

/* Returns the next entry, or NULL if there is none. */
struct fdb_mac *
fdb_walk_next(struct fdb_walk *walk, const struct fdb_table *table)
{
    while (walk->left) {
        walk->at = (walk->at - 1) & table->mask;
        walk->left--;
        if (table->slots[walk->at].mac) {
            return table->slots[walk->at].mac;
        }
    }
    return NULL;
}
