/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_USAGE_H
#define CONTROLLER_USAGE_H 1

/* Counting for memory/show.
 *
 * Who has something that takes memory adds how much there is of it, and, as
 * another count with "-max" in its name, how much there may be.  simap's own
 * function leaves out what is zero; here it is shown, so that a reader learns
 * what there could be. */

#include "simap.h"

static inline void
usage_add(struct simap *usage, const char *name, unsigned int n)
{
    simap_put(usage, name, simap_get(usage, name) + n);
}

#endif /* controller/usage.h */
