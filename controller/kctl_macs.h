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
 * bound.  Beyond it the MACs are known only of segments that the commands
 * name, as far as these are not too many, either.
 *
 * In the string there is an object, with the members "macs", as from mac/show,
 * and unless they are all, "segments": the names of those whose MACs are
 * there. */

#include <stdbool.h>

struct fdb;
struct json;
struct svec;
struct topo;

/* More MACs, static ones included, are not known. */
#define KCTL_MACS_MAX 10000

/* Asks the controller, if there is one.  'words' are those of the commands.
 * Returns what it says as a string, for the caller to free, or NULL. */
char *kctl_macs_ask(const struct svec *words);

/* What the string, or NULL, says, for json_destroy(), or NULL. */
struct json *kctl_macs_parse(const char *);

/* Returns whether what was learned in 'segment' is known, if anything was. */
bool kctl_macs_has(const struct json *macs, const char *segment);

/* Makes what the controller knows known to 'topo', whose nodes have their
 * ports, and to 'fdb'.  Places that are not there are passed over. */
void kctl_macs_set(const struct json *macs, struct topo *, struct fdb *);

#endif /* controller/kctl_macs.h */
