/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_KCTL_TOPO_H
#define CONTROLLER_KCTL_TOPO_H 1

/* The rows that kakehashi-ctl sees, as a topology like that of a controller
 * (flows/topo.h).
 *
 * What a controller has found out by itself is taken from the columns that it
 * writes: which edges are connected and which are active, and which row has an
 * error, so that of two rows that claim one thing the same one is in force. */

struct ds;
struct kctl_log;
struct ovsdb_idl;
struct topo;
struct topo_cluster;
struct topo_node;
struct topo_row;

/* Reads all rows into 'topo', which is new, and settles it. */
void kctl_topo_read(struct topo *, const struct ovsdb_idl *);

/* Reads the rows in 'log' anew.  Nothing is settled. */
void kctl_topo_change(struct topo *, const struct kctl_log *);

/* Makes the edges active that are to be expected: of each cluster the one that
 * is so in 'before', or if that is NULL in the database, as long as it can be;
 * otherwise the one that the operator wants by now, or the first one that
 * can. */
void kctl_topo_elect(struct topo *, const struct topo *before);

/* Appends what people call 'row' of a topology, by the rows of the IDL:
 * "binding west/eth1/10". */
void kctl_topo_name(const struct ovsdb_idl *, const struct topo_row *row,
                    struct ds *);

#endif /* controller/kctl_topo.h */
