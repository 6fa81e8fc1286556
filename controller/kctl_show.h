/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_KCTL_SHOW_H
#define CONTROLLER_KCTL_SHOW_H 1

/* "show" for programs, and as a table: what kctl_show.c prints as a tree.
 *
 * Which of them it is, --format says; without it, it is the tree, which is for
 * people only and may change.  Members of the JSON are named as the columns of
 * the database where there are such, and are null for what is not set or not
 * known.  'counts' are those of kctl_counts.h, or NULL. */

#include <stdint.h>

struct ctl_context;
struct json;

/* An object with the arrays "clusters", "segments" and "edges". */
void kctl_show_json(struct ctl_context *, const struct json *counts);

/* A line for each binding. */
void kctl_show_table(struct ctl_context *, const struct json *counts);

/* A wall-clock time in milliseconds in words, for the caller to free. */
char *kctl_format_time(int64_t msec);

#endif /* controller/kctl_show.h */
