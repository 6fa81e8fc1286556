/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_KCTL_COUNTS_H
#define CONTROLLER_KCTL_COUNTS_H 1

/* How many MACs a controller on this machine knows, where.
 *
 * That changes all the time, and is much, so it is not in the database.  If
 * there is a controller here, it is asked; else there are no counts.  It tells
 * what it knows: of what it leads, and of the rest there are no counts.
 *
 * Counts are a JSON object with the number of MACs by "SEGMENT LOCATION", and
 * by "SEGMENT" for all of a segment, and with the traffic by "SEGMENT LOCATION
 * in" and "... out"; as a string they can be handed on to the
 * daemon that does the work.  NULL serves as counts that know nothing. */

#include <stdbool.h>
#include <stdint.h>

struct json;

/* Asks the controller, if there is one and its database is 'db' (or whatever,
 * if that is NULL), in whichever order its servers are named.  Returns its
 * counts as a string, for the caller to free, or NULL. */
char *kctl_counts_ask(const char *db);

/* What the string says, for json_destroy(), or NULL. */
struct json *kctl_counts_parse(const char *);

/* How many MACs there are in 'segment', or at 'location' of it if that is not
 * NULL.  Negative if that is not known. */
int64_t kctl_counts_get(const struct json *, const char *segment,
                        const char *location);

/* How many bits a second come in, or go out, at 'location' of 'segment'.
 * Negative if that is not known. */
int64_t kctl_counts_rate(const struct json *, const char *segment,
                         const char *location, bool out);

#endif /* controller/kctl_counts.h */
