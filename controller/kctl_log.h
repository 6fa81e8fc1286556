/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_KCTL_LOG_H
#define CONTROLLER_KCTL_LOG_H 1

/* Which rows a transaction has touched.
 *
 * The IDL knows, but does not tell; to look at all rows would cost as much as
 * the database is large, and a change must not.  So the functions by which
 * rows are made, written and deleted, also those of OVS's generic commands,
 * are wrapped by the linker (see the Makefile), and a log that has begun gets
 * every row of its IDL that they are called for.
 *
 * One log can be on at a time.  Rows belong to the IDL; one that is made and
 * deleted again by the same transaction is not in the log. */

#include <stddef.h>

struct ovsdb_idl;
struct ovsdb_idl_row;

struct kctl_log {
    const struct ovsdb_idl *idl;
    const struct ovsdb_idl_row **rows;      /* In no order. */
    size_t n, allocated;
};

/* Begins to log.  Ends to log, and keeps what there is, which is of use until
 * the transaction ends; frees it. */
void kctl_log_begin(struct kctl_log *, const struct ovsdb_idl *);
void kctl_log_end(struct kctl_log *);
void kctl_log_destroy(struct kctl_log *);

#endif /* controller/kctl_log.h */
