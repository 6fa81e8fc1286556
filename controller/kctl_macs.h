/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_KCTL_MACS_H
#define CONTROLLER_KCTL_MACS_H 1

/* What was learned: MACs of stations, and the VTEPs at which some are.
 *
 * That is not in the database.  If there is a controller on this machine, it
 * is asked, as for ports (kctl_ports.h), and says it as mac/show does; as a
 * string that can be handed on to the daemon that does the work.
 *
 * It is asked before anybody knows which segments the commands are about, so
 * for all; to tell of a million MACs would keep it from its work.  Hence a
 * bound, beyond which none is known. */

#include <stdbool.h>

struct fdb;
struct json;
struct topo;

/* More MACs, static ones included, are none. */
#define KCTL_MACS_MAX 10000

/* Asks the controller, if there is one.  Returns what it says as a string, for
 * the caller to free, or NULL. */
char *kctl_macs_ask(void);

/* What the string, or NULL, says, for json_destroy(), or NULL.  If what it
 * says is that there are too many, '*too_many' becomes true. */
struct json *kctl_macs_parse(const char *, bool *too_many);

/* Makes what the controller knows known to 'topo', whose nodes have their
 * ports, and to 'fdb'.  Places that are not there are passed over. */
void kctl_macs_set(const struct json *, struct topo *, struct fdb *);

#endif /* controller/kctl_macs.h */
