/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef FLOWS_FDB_TABLE_H
#define FLOWS_FDB_TABLE_H 1

/* The fdb's hash table.
 *
 * In a burst of new MACs nothing costs more than memory that is not in a
 * cache: here the slot of a MAC is found, seen to be empty, and filled, for
 * one miss.  (A table of chains takes one for the bucket and one for each
 * entry on the way.)  Linear probing over slots of hash and pointer, at most
 * three quarters full; what is taken out is filled up from behind, so that
 * there are no marks of what was.
 *
 * Invariant: between the slot to which a MAC's hash points and the one that it
 * is in, none is empty.
 *
 * The table does not own the entries.  It is not to be changed while it is
 * walked through, but for taking out the entry that was just returned. */

#include <stddef.h>
#include <stdint.h>

struct fdb_mac;

struct fdb_slot {
    struct fdb_mac *mac;        /* NULL if it is empty. */
    uint32_t hash;
};

struct fdb_table {
    struct fdb_slot *slots;
    size_t n, mask;             /* The latter is 0 while there are no slots. */
};

void fdb_table_destroy(struct fdb_table *);
void fdb_table_insert(struct fdb_table *, struct fdb_mac *, uint32_t hash);
void fdb_table_remove(struct fdb_table *, const struct fdb_mac *,
                      uint32_t hash);

static inline struct fdb_slot *
fdb_table_after(const struct fdb_table *table, struct fdb_slot *slot)
{
    return slot == &table->slots[table->mask] ? table->slots : slot + 1;
}

/* Where to begin to look for 'hash', and to go on from 'slot'.  Both return
 * NULL when there is no more. */
static inline struct fdb_slot *
fdb_table_seek(const struct fdb_table *table, struct fdb_slot *slot,
               uint32_t hash)
{
    for (; slot->mac; slot = fdb_table_after(table, slot)) {
        if (slot->hash == hash) {
            return slot;
        }
    }
    return NULL;
}

static inline struct fdb_slot *
fdb_table_first(const struct fdb_table *table, uint32_t hash)
{
    return (table->mask
            ? fdb_table_seek(table, &table->slots[hash & table->mask], hash)
            : NULL);
}

static inline struct fdb_slot *
fdb_table_next(const struct fdb_table *table, struct fdb_slot *slot)
{
    return fdb_table_seek(table, fdb_table_after(table, slot), slot->hash);
}

/* A walk through all entries, in no order. */
struct fdb_walk {
    size_t at, left;
};

void fdb_walk_init(struct fdb_walk *, const struct fdb_table *);
struct fdb_mac *fdb_walk_next(struct fdb_walk *, const struct fdb_table *);

#define FDB_TABLE_FOR_EACH(MAC, WALK, TABLE)                            \
    for (fdb_walk_init(WALK, TABLE);                                    \
         ((MAC) = fdb_walk_next(WALK, TABLE)) != NULL; )

#endif /* flows/fdb_table.h */
