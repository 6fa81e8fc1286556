/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* What controllers may write, for ovsdb-server to go by. */

#include <config.h>

#include "controller/kctl.h"

#include <stdlib.h>
#include <string.h>

#include "util.h"

#define ROLE "kakehashi-controller"

/* Columns in the order of the alphabet, as the IDL has them. */
struct permission {
    const char *table;
    bool insert_delete;
    const char *update[8];
};

/* Just what conf_write.c, conf_peers.c and lead_txn.c write.
 *
 * ovsdb-server can let a client write only rows that have its name in them.
 * That does not fit: each controller may come to lead any edge, and takes the
 * rows of those that are gone out of the database.  So all are authorized for
 * all rows, and only for these columns. */
static const struct permission permissions[] = {
    { "Kakehashi_Global", false, { "ctl_seq", "edges_seq", "generation" } },
    { "Controller", true, { "ctl_seq", "edges_seq", "name", "status" } },
    { "Segment", false, { "error" } },
    { "Edge", false, { "connected", "controllers", "drained", "error",
                       "leader", "status" } },
    { "Cluster", false, { "active_edge", "active_since", "edge_status",
                          "error", "leader", "reason", "wanted_edge" } },
    { "Binding", false, { "closed_reason", "closed_until", "error" } },
    { "Host_Port", false, { "error" } },
    { "Vtep", false, { "error" } },
    { "Static_Mac", false, { "error" } },
};

static size_t
count_columns(const struct permission *p)
{
    size_t n = 0;

    while (n < ARRAY_SIZE(p->update) && p->update[n]) {
        n++;
    }
    return n;
}

bool
kctl_role_writes(const char *table, const char *column)
{
    for (size_t i = 0; i < ARRAY_SIZE(permissions); i++) {
        const struct permission *p = &permissions[i];

        for (size_t j = 0; j < count_columns(p); j++) {
            if (!strcmp(p->table, table) && !strcmp(p->update[j], column)) {
                return true;
            }
        }
    }
    return false;
}

static bool
is_set(const struct kkrec_rbac_permission *row, const struct permission *p)
{
    bool same = (!strcmp(row->table, p->table)
                 && row->n_authorization == 1 && !row->authorization[0][0]
                 && row->insert_delete == p->insert_delete
                 && row->n_update == count_columns(p));

    for (size_t i = 0; same && i < row->n_update; i++) {
        same = !strcmp(row->update[i], p->update[i]);
    }
    return same;
}

static bool
are_set(const struct kkrec_rbac_role *role)
{
    size_t n = 0;

    for (size_t i = 0; i < role->n_permissions; i++) {
        for (size_t j = 0; j < ARRAY_SIZE(permissions); j++) {
            n += (!strcmp(role->key_permissions[i], permissions[j].table)
                  && is_set(role->value_permissions[i], &permissions[j]));
        }
    }
    return n == ARRAY_SIZE(permissions) && n == role->n_permissions;
}

/* Rows that no role refers to any more go by themselves. */
static void
set_permissions(struct ctl_context *ctx, const struct kkrec_rbac_role *role)
{
    enum { N = ARRAY_SIZE(permissions) };
    struct kkrec_rbac_permission *rows[N];
    const char *tables[N];
    const char *all = "";

    for (size_t i = 0; i < N; i++) {
        const struct permission *p = &permissions[i];

        rows[i] = kkrec_rbac_permission_insert(ctx->txn);
        kkrec_rbac_permission_set_table(rows[i], p->table);
        kkrec_rbac_permission_set_authorization(rows[i], &all, 1);
        kkrec_rbac_permission_set_insert_delete(rows[i], p->insert_delete);
        kkrec_rbac_permission_set_update(
            rows[i], CONST_CAST(const char **, p->update), count_columns(p));
        tables[i] = p->table;
    }
    kkrec_rbac_role_set_permissions(role, tables, rows, N);
}

/* The row that holds options and counters is made by every transaction if it
 * is missing; what is left is the role.  A database from before that has none
 * is as good as it was. */
void
kctl_init(struct ctl_context *ctx)
{
    const struct kkrec_rbac_role *role;

    if (!kkrec_server_has_rbac_role_table(ctx->idl)) {
        return;
    }
    KKREC_RBAC_ROLE_FOR_EACH (role, ctx->idl) {
        if (!strcmp(role->name, ROLE)) {
            break;
        }
    }
    if (!role) {
        role = kkrec_rbac_role_insert(ctx->txn);
        kkrec_rbac_role_set_name(role, ROLE);
    }
    if (!are_set(role)) {
        set_permissions(ctx, role);
    }
}
