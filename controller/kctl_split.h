/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_KCTL_SPLIT_H
#define CONTROLLER_KCTL_SPLIT_H 1

/* Words of a line, as a shell has them: separated by blanks, '...' as it is,
 * "..." and what is outside with \ before what is meant literally, and # for
 * the rest of the line.  Nothing is expanded.
 *
 * kctl_quote() is the inverse: what it makes of words, kctl_split() and any
 * shell take apart into the same. */

#include <stdbool.h>

struct ds;
struct svec;

/* Appends the words of 'line' to 'words'.  Returns what is wrong with it, for
 * the caller to free, or NULL. */
char *kctl_split(const char *line, struct svec *words);

/* Appends 'word' to 's', quoted if need be. */
void kctl_quote(const char *word, struct ds *s);

#endif /* controller/kctl_split.h */
