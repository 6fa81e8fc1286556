/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* Before the generic commands.
 *
 * Those of OVS's db-ctl-base were made for a program that ends: a row that is
 * given by its UUID is not looked at twice, and what makes no sense ends in an
 * assertion.  A daemon must outlive that, so it is found here. */

#include <config.h>

#include "controller/kctl_request.h"

#include <string.h>

#include "bitmap.h"
#include "controller/kctl.h"
#include "controller/kctl_row.h"
#include "svec.h"
#include "util.h"
#include "uuid.h"

/* Returns the row with 'uuid' in whatever table it is, also one that the
 * transaction has deleted, or NULL. */
static const struct ovsdb_idl_row *
find_row(const struct ctl_context *ctx, const struct uuid *uuid)
{
    for (size_t i = 0; i < KKREC_N_TABLES; i++) {
        const struct ovsdb_idl_row *row = ovsdb_idl_get_row_for_uuid(
            ctx->idl, &kkrec_table_classes[i], uuid);

        if (row) {
            return row;
        }
    }
    return NULL;
}

/* Returns the row with the UUID 'record', as find_row().  NULL if 'record' is
 * a name. */
static const struct ovsdb_idl_row *
find_record(const struct ctl_context *ctx, const char *record)
{
    struct uuid uuid;

    return uuid_from_string(&uuid, record) ? find_row(ctx, &uuid) : NULL;
}

/* Returns false if 'record' is the UUID of a row that is gone, which is an
 * error if it 'must_exist'. */
static bool
check_record(struct ctl_context *ctx, const char *record, bool must_exist)
{
    const struct ovsdb_idl_row *row = find_record(ctx, record);

    if (!row || row->new_datum) {
        return true;
    }
    if (must_exist) {
        ctl_error(ctx, "no row \"%s\" in table %s", record,
                  row->table->class_->name);
    }
    return false;
}

/* Reports an error if "create" is to make a row with a UUID that there is. */
static bool
check_new_row(struct ctl_context *ctx)
{
    const char *id = shash_find_data(&ctx->options, "--id");
    struct uuid uuid;

    if (id && uuid_from_string(&uuid, id) && find_row(ctx, &uuid)) {
        ctl_error(ctx, "a row \"%s\" exists already", id);
        return false;
    }
    return true;
}

/* Reads the references again that the transaction has written to 'row'. */
static void
refresh_row(const struct ovsdb_idl_row *row_)
{
    struct ovsdb_idl_row *row = CONST_CAST(struct ovsdb_idl_row *, row_);
    const struct ovsdb_idl_table_class *class = row->table->class_;

    for (size_t i = 0; i < class->n_columns; i++) {
        const struct ovsdb_idl_column *column = &class->columns[i];

        if (bitmap_is_set(row->written, i)
            && (ovsdb_base_type_is_ref(&column->type.key)
                || ovsdb_base_type_is_ref(&column->type.value))) {
            column->unparse(row);
            column->parse(row, &row->new_datum[i]);
        }
    }
}

/* A row that the transaction has made is freed as soon as it is destroyed.
 * Lets the references to such rows lead nowhere. */
static void
refresh_references(struct ctl_context *ctx)
{
    for (size_t i = 0; i < KKREC_N_TABLES; i++) {
        const struct ovsdb_idl_row *row;

        for (row = ovsdb_idl_first_row(ctx->idl, &kkrec_table_classes[i]);
             row; row = ovsdb_idl_next_row(row)) {
            if (row->written) {
                refresh_row(row);
            }
        }
    }
}

/* "destroy" takes several records, and the first may be the second. */
static void
destroy_one_by_one(struct ctl_context *ctx,
                   void (*run)(struct ctl_context *))
{
    bool must_exist = !shash_find(&ctx->options, "--if-exists");
    bool may_be_new = false;
    char **argv = ctx->argv;
    int argc = ctx->argc;

    for (int i = 2; i < argc && !ctx->error; i++) {
        char *words[] = { argv[0], argv[1], argv[i], NULL };

        ctx->argc = 3;
        ctx->argv = words;
        if (check_record(ctx, argv[i], must_exist)) {
            const struct ovsdb_idl_row *row = find_record(ctx, argv[i]);

            may_be_new |= !row || !row->old_datum;
            run(ctx);
        }
    }
    ctx->argc = argc;
    ctx->argv = argv;
    if (may_be_new) {
        refresh_references(ctx);
    }
}

static void
destroy(struct ctl_context *ctx, void (*run)(struct ctl_context *))
{
    if (shash_find(&ctx->options, "--all") || ctx->argc <= 2) {
        run(ctx);
        refresh_references(ctx);
    } else {
        destroy_one_by_one(ctx, run);
    }
}

/* How many of the words from the third on are records. */
static int
count_records(const struct ctl_context *ctx)
{
    static const char *with_one[] = { "get", "set", "add", "remove", "clear",
                                      "wait-until" };

    for (size_t i = 0; i < ARRAY_SIZE(with_one); i++) {
        if (!strcmp(ctx->argv[0], with_one[i])) {
            return 1;
        }
    }
    return strcmp(ctx->argv[0], "list") ? 0 : ctx->argc - 2;
}

/* The table that 'name' is enough of, of those whose rows have keys but no
 * names, or NULL. */
static const struct ovsdb_idl_table_class *
table_with_keys(const char *name)
{
    static const struct ovsdb_idl_table_class *const classes[] = {
        &kkrec_table_binding, &kkrec_table_host_port, &kkrec_table_vtep,
        &kkrec_table_static_mac,
    };

    for (size_t i = 0; i < ARRAY_SIZE(classes); i++) {
        if (!strcasecmp(name, classes[i]->name)) {
            return classes[i];
        }
    }
    return NULL;
}

/* Calls 'run' with UUIDs in place of the keys among the first 'n' records. */
static void
run_with_uuids(struct ctl_context *ctx, int n,
               void (*run)(struct ctl_context *))
{
    const struct ovsdb_idl_table_class *class
        = n ? table_with_keys(ctx->argv[1]) : NULL;
    struct svec words = SVEC_EMPTY_INITIALIZER;
    char **argv = ctx->argv;

    for (int i = 0; i < ctx->argc; i++) {
        const struct ovsdb_idl_row *row
            = (class && i >= 2 && i < 2 + n && strchr(argv[i], '/')
               ? kctl_row_find(ctx, class, argv[i]) : NULL);

        svec_add_nocopy(&words, row ? xasprintf(UUID_FMT,
                                                UUID_ARGS(&row->uuid))
                                    : xstrdup(argv[i]));
    }
    svec_terminate(&words);
    ctx->argv = words.names;
    run(ctx);
    ctx->argv = argv;
    svec_destroy(&words);
}

void
kctl_run_command(struct ctl_context *ctx, void (*run)(struct ctl_context *))
{
    const char *name = ctx->argv[0];

    if (!strcmp(name, "create")) {
        if (!check_new_row(ctx)) {
            return;
        }
    } else if (!strcmp(name, "destroy")) {
        destroy(ctx, run);
        return;
    }

    if (!kctl_check_keys(ctx)) {
        return;
    }

    int n = count_records(ctx);
    for (int i = 0; i < n; i++) {
        if (!check_record(ctx, ctx->argv[2 + i], true)) {
            return;
        }
    }
    run_with_uuids(ctx, n, run);
}
