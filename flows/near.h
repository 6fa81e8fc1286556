/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef FLOWS_NEAR_H
#define FLOWS_NEAR_H 1

/* What was meant by a word that nothing is called by.
 *
 * Of the names that there are, the nearest one is that from which the fewest
 * slips lead to the word: a letter too many, one too few, another one, or two
 * that are swapped.  Upper and lower case are the same, and so are "-" and
 * "_".  A name that is too far away is no guess at all: a wrong hint is worse
 * than none.
 *
 * 'near' owns nothing; the word and the best name are the caller's. */

#include <stddef.h>
#include "openvswitch/compiler.h"

struct near {
    const char *word;
    const char *best;           /* NULL as long as no name is near. */
    unsigned int slips;         /* From 'best', or one more than the most. */
};

void near_init(struct near *, const char *word);

/* Takes 'name' into account.  Of names that are as near as each other, the
 * first in the order of the alphabet is the best, in whatever order they come:
 * the same mistake gets the same answer. */
void near_offer(struct near *, const char *name);

/* Returns ' (did you mean "NAME"?)', or the empty string, for the caller to
 * free. */
char *near_hint(const struct near *);

/* Returns what 'format' makes, with that hint behind it, for the caller to
 * free. */
char *near_complain(const struct near *, const char *format, ...)
    OVS_PRINTF_FORMAT(2, 3);

#endif /* flows/near.h */
