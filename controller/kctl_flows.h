/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_KCTL_FLOWS_H
#define CONTROLLER_KCTL_FLOWS_H 1

/* What a change of rows does to the flows of the edges: for --dry-run.
 *
 * Flows follow from rows and from ports of switches by functions that are a
 * library (flows/).  Two topologies are made of the rows as they are before
 * the commands.  One of them is then told the rows that the commands have
 * touched, as a controller would be; what is dirty in it, and nothing else, is
 * derived from both, and compared.
 *
 * Both have the MACs that a controller here has learned, in an fdb like its
 * own, and the VTEPs that it has learned these at.  So what becomes of their
 * flows is decided by the same functions as there.  What stations do meanwhile
 * is not foreseen. */

#include <stdbool.h>

struct ds;
struct kctl_flows;
struct kctl_log;
struct ovsdb_idl;

/* By this every line of kctl_flows_format() begins, but those of flows, which
 * begin with blanks.  No line about rows does. */
#define KCTL_FLOWS_PREFIX "flows"

/* Begins with the rows in the IDL, before any of them is changed.  'ports'
 * and 'macs' are what kctl_ports_ask() and kctl_macs_ask() have returned. */
struct kctl_flows *kctl_flows_create(const struct ovsdb_idl *,
                                     const char *ports, const char *macs);
void kctl_flows_destroy(struct kctl_flows *);

/* Appends what the change of the rows in 'log' does; with 'list' including
 * the flows themselves.  To be called once. */
void kctl_flows_format(struct kctl_flows *, const struct kctl_log *log,
                       bool list, struct ds *);

#endif /* controller/kctl_flows.h */
