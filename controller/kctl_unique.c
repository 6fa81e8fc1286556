/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* Rows that may not have the same values.
 *
 * The server lets no two rows be equal in the columns of an index of the
 * schema, but says so with their UUIDs, and after a dry run it says nothing.
 * The verbs look for themselves; the generic commands can write anything. */

#include <config.h>

#include "controller/kctl.h"

#include "bitmap.h"
#include "controller/kctl_index.h"
#include "controller/kctl_log.h"
#include "controller/kctl_row.h"
#include "openvswitch/dynamic-string.h"
#include "ovsdb-data.h"
#include "ovsdb-idl-provider.h"
#include "svec.h"
#include "util.h"

/* Appends what people call 'row': by the key that it had before, if it was
 * there. */
static void
put_name(const struct ctl_context *ctx, const struct ovsdb_idl_row *row,
         struct ds *s)
{
    const struct kctl_table *table = kctl_table_by_name(
        row->table->class_->name);

    ds_put_format(s, "%s ", table->noun);
    kctl_row_key(ctx->idl, row, row->old_datum != NULL, s);
}

/* Returns what is wrong: 'row' has what 'twin' has in the 'i'-th index. */
static char *
complaint(const struct ctl_context *ctx, const struct ovsdb_idl_row *row,
          const struct ovsdb_idl_row *twin, size_t i)
{
    const struct ovsdb_idl_column *columns[KCTL_UNIQUE_COLUMNS];
    size_t n = kctl_unique(row->table->class_, i, columns);
    struct ds s = DS_EMPTY_INITIALIZER;

    put_name(ctx, row, &s);
    if (!i && !row->old_datum) {
        ds_put_cstr(&s, twin->old_datum ? " is there already"
                                        : " is there twice");
        return ds_steal_cstr(&s);
    }
    ds_put_cstr(&s, ": ");
    if (n == 1) {
        ds_put_format(&s, "%s ", columns[0]->name);
        ovsdb_datum_to_bare(ovsdb_idl_read(row, columns[0]),
                            &columns[0]->type, &s);
        ds_put_format(&s, " is the %s of ", columns[0]->name);
    } else {
        for (size_t j = 0; j < n; j++) {
            ds_put_format(&s, "%s%s", !j ? "" : j + 1 < n ? ", " : " and ",
                          columns[j]->name);
        }
        ds_put_cstr(&s, " (");
        kctl_row_key(ctx->idl, row, false, &s);
        ds_put_cstr(&s, ") are those of ");
    }
    put_name(ctx, twin, &s);
    return ds_steal_cstr(&s);
}

/* Has the transaction written a column of the 'i'-th index? */
static bool
is_written(const struct ovsdb_idl_row *row, size_t i)
{
    const struct ovsdb_idl_table_class *class = row->table->class_;
    const struct ovsdb_idl_column *columns[KCTL_UNIQUE_COLUMNS];
    size_t n = kctl_unique(class, i, columns);

    for (size_t j = 0; j < n; j++) {
        if (!row->old_datum
            || (row->written
                && bitmap_is_set(row->written, columns[j] - class->columns))) {
            return true;
        }
    }
    return false;
}

/* Adds to 'complaints' what is wrong with 'row'.  Of two rows that have both
 * been made or written, each is told of; of an old one and a new one, the new
 * one. */
static void
check_row(struct ctl_context *ctx, const struct ovsdb_idl_row *row,
          struct svec *complaints)
{
    const struct ovsdb_idl_column *columns[KCTL_UNIQUE_COLUMNS];

    for (size_t i = 0; kctl_unique(row->table->class_, i, columns); i++) {
        const struct ovsdb_idl_row *twin
            = is_written(row, i) ? kctl_unique_twin(ctx, row, i) : NULL;

        if (twin) {
            svec_add_nocopy(complaints, complaint(ctx, row, twin, i));
        }
    }
}

char *
kctl_check_unique(struct ctl_context *ctx, const struct kctl_log *log)
{
    struct svec complaints = SVEC_EMPTY_INITIALIZER;
    char *error = NULL;

    for (size_t i = 0; i < log->n; i++) {
        if (log->rows[i]->new_datum) {
            check_row(ctx, log->rows[i], &complaints);
        }
    }
    if (complaints.n) {
        /* Rows come in no order.  The last one is likely the one that was made
         * or written last, where names are counted. */
        svec_sort(&complaints);
        error = xstrdup(complaints.names[complaints.n - 1]);
    }
    svec_destroy(&complaints);
    return error;
}
