/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_KCTL_ROW_H
#define CONTROLLER_KCTL_ROW_H 1

/* The configuration as data: rows that are told by what they are about, and
 * the values of their columns, without UUIDs.
 *
 * What is configuration: the tables below, with all their columns but those
 * that controllers write.  How the database itself is reached (Connection,
 * SSL, RBAC_*) is not: a file that lacks a listener must not cut off who
 * applies it.
 *
 * A row has a key, by which it is found in another database, or in this one
 * after it was deleted and made again:
 *
 *     Kakehashi_Global        .
 *     Segment, Edge, Cluster  NAME
 *     Binding                 CLUSTER/PORT/VLAN
 *     Host_Port               EDGE/PORT
 *     Vtep                    SEGMENT/IP
 *     Static_Mac              SEGMENT/MAC
 *
 * Keys can be given to the generic commands, too.  Addresses in them are
 * canonical, whatever the spelling in the row.  References are JSON strings
 * with the key of the row that they lead to; other values are as in RFC 7047.
 *
 * An item is the change of one row, a JSON object with:
 *
 *     table
 *     old     key before (not if the row is new)
 *     new     key afterwards (not if the row is deleted)
 *     from    object with columns before (likewise)
 *     to      object with columns afterwards (likewise)
 *
 * Of a row that is new or deleted, columns with their default value are left
 * out; of one that is changed, those that stay. */

#include <stdbool.h>
#include <stddef.h>

struct ctl_context;
struct ds;
struct json;
struct kctl_log;
struct ovsdb_idl;
struct ovsdb_idl_column;
struct ovsdb_idl_row;
struct ovsdb_idl_table_class;

/* The tables of the configuration, each after those that it refers to. */
#define KCTL_N_CONFIG_TABLES 8
struct kctl_table {
    const struct ovsdb_idl_table_class *class;
    const char *noun;           /* What people call a row. */
};
extern const struct kctl_table kctl_tables[KCTL_N_CONFIG_TABLES];

/* Returns the table called 'name', or NULL if it is no configuration. */
const struct kctl_table *kctl_table_by_name(const char *name);

bool kctl_is_config_column(const struct ovsdb_idl_table_class *,
                           const struct ovsdb_idl_column *);

/* Appends the key of 'row' to 's': as it is, or as it was before the
 * transaction if 'old'. */
void kctl_row_key(const struct ovsdb_idl *, const struct ovsdb_idl_row *,
                  bool old, struct ds *s);

/* Returns the row with 'key', or NULL. */
const struct ovsdb_idl_row *kctl_row_find(struct ctl_context *,
                                          const struct ovsdb_idl_table_class *,
                                          const char *key);

/* Returns the value of a column, NULL if it is the default.  With 'all', the
 * default, too. */
struct json *kctl_row_value(const struct ovsdb_idl *,
                            const struct ovsdb_idl_row *,
                            const struct ovsdb_idl_column *, bool old,
                            bool all);

/* All that is not the default, as an object. */
struct json *kctl_row_values(const struct ovsdb_idl *,
                             const struct ovsdb_idl_row *, bool old);

/* Sets a column to 'value', or to the default if that is NULL.  Returns false
 * and reports it if it does not fit. */
bool kctl_row_write(struct ctl_context *, const struct ovsdb_idl_row *,
                    const struct ovsdb_idl_column *,
                    const struct json *value);

/* Do two values (NULL is the default) mean the same, in whatever spelling? */
bool kctl_same_value(const struct ovsdb_idl_column *, const struct json *,
                     const struct json *);

/* An item, which takes 'from' and 'to', objects with all values that are not
 * the default, or NULL.  Returns NULL if nothing changes. */
struct json *kctl_item_create(const struct kctl_table *, const char *old,
                              struct json *from, const char *new,
                              struct json *to);

/* Can 'json', which may be anything, be used as an item? */
bool kctl_item_is_good(const struct json *);

/* Returns an array of what the transaction has changed in the configuration,
 * sorted by table and key. */
struct json *kctl_items_of_log(const struct ovsdb_idl *,
                               const struct kctl_log *);
void kctl_items_sort(struct json *items);

/* ---- kctl_words.c. ------------------------------------------------------ */

/* Appends items to 's' as lines for people. */
struct kctl_tree;
void kctl_items_format(const struct kctl_tree *, int level,
                       const struct json *items, size_t max);

/* A value as the generic commands take it. */
void kctl_value_format(const struct ovsdb_idl_column *, const struct json *,
                       struct ds *);

/* ---- kctl_perform.c. ---------------------------------------------------- */

/* Makes the changes in 'items', or with 'undo' takes them back.  Reports an
 * error, and returns false, if the rows are not what they would have to be
 * before, or if that would make a loop. */
bool kctl_items_perform(struct ctl_context *, const struct json *items,
                        bool undo);

#endif /* controller/kctl_row.h */
