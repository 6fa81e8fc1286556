/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "controller/kctl_log.h"

#include <stdlib.h>

#include "hmapx.h"
#include "ovsdb-idl.h"
#include "ovsdb-idl-provider.h"
#include "util.h"

/* The log that is on, and the rows in it. */
static struct kctl_log *current;
static struct hmapx touched;

void
kctl_log_begin(struct kctl_log *log, const struct ovsdb_idl *idl)
{
    ovs_assert(!current);
    *log = (struct kctl_log) { .idl = idl };
    current = log;
    hmapx_init(&touched);
}

void
kctl_log_end(struct kctl_log *log)
{
    const struct hmapx_node *node;

    ovs_assert(current == log);
    log->rows = xmalloc(MAX(1, hmapx_count(&touched)) * sizeof *log->rows);
    HMAPX_FOR_EACH (node, &touched) {
        log->rows[log->n++] = node->data;
    }
    hmapx_destroy(&touched);
    current = NULL;
}

void
kctl_log_destroy(struct kctl_log *log)
{
    free(log->rows);
    *log = (struct kctl_log) { .idl = NULL };
}

static void
touch(const struct ovsdb_idl_row *row)
{
    if (current && row->table->idl == current->idl) {
        hmapx_add(&touched, CONST_CAST(struct ovsdb_idl_row *, row));
    }
}

/* ---- What the linker calls instead of the functions of the IDL. --------- */

#define REAL(NAME) __real_ovsdb_idl_txn_##NAME
#define WRAP(NAME) __wrap_ovsdb_idl_txn_##NAME

void REAL(write)(const struct ovsdb_idl_row *,
                 const struct ovsdb_idl_column *, struct ovsdb_datum *);
void REAL(delete)(const struct ovsdb_idl_row *);
const struct ovsdb_idl_row *REAL(insert)(struct ovsdb_idl_txn *,
                                         const struct ovsdb_idl_table_class *,
                                         const struct uuid *);
const struct ovsdb_idl_row *REAL(insert_persist_uuid)(
    struct ovsdb_idl_txn *, const struct ovsdb_idl_table_class *,
    const struct uuid *);

void WRAP(write)(const struct ovsdb_idl_row *,
                 const struct ovsdb_idl_column *, struct ovsdb_datum *);
void WRAP(delete)(const struct ovsdb_idl_row *);
const struct ovsdb_idl_row *WRAP(insert)(struct ovsdb_idl_txn *,
                                         const struct ovsdb_idl_table_class *,
                                         const struct uuid *);
const struct ovsdb_idl_row *WRAP(insert_persist_uuid)(
    struct ovsdb_idl_txn *, const struct ovsdb_idl_table_class *,
    const struct uuid *);

void
WRAP(write)(const struct ovsdb_idl_row *row,
            const struct ovsdb_idl_column *column, struct ovsdb_datum *datum)
{
    touch(row);
    REAL(write)(row, column, datum);
}

void
WRAP(delete)(const struct ovsdb_idl_row *row)
{
    if (row->old_datum) {
        touch(row);
    } else if (current && row->table->idl == current->idl) {
        hmapx_find_and_delete(&touched, row);       /* It is freed. */
    }
    REAL(delete)(row);
}

const struct ovsdb_idl_row *
WRAP(insert)(struct ovsdb_idl_txn *txn,
             const struct ovsdb_idl_table_class *class,
             const struct uuid *uuid)
{
    const struct ovsdb_idl_row *row = REAL(insert)(txn, class, uuid);

    touch(row);
    return row;
}

const struct ovsdb_idl_row *
WRAP(insert_persist_uuid)(struct ovsdb_idl_txn *txn,
                          const struct ovsdb_idl_table_class *class,
                          const struct uuid *uuid)
{
    const struct ovsdb_idl_row *row = REAL(insert_persist_uuid)(txn, class,
                                                                uuid);

    touch(row);
    return row;
}
