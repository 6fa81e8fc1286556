/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "flows/mtu.h"

#include "util.h"

/* Returns what to ask about next, or 0 if all is known. */
static uint16_t
mtu_next(const struct mtu_search *search)
{
    if (!search->low) {
        return (search->high > MTU_FULL ? MTU_FULL
                : search->high > MTU_LEAST ? MTU_LEAST
                : 0);
    }
    if (search->high - search->low <= 1
        || (search->low >= MTU_FULL && !search->exact)) {
        return 0;
    }
    return (search->low + search->high) / 2;
}

static void
mtu_ask(struct mtu_search *search, long long now)
{
    search->size = mtu_next(search);
    search->tries = 0;
    search->at = now;
}

/* Begins a search: whether frames of full size get through, and if not, or if
 * 'exact', which ones do. */
void
mtu_begin(struct mtu_search *search, bool exact, long long now)
{
    *search = (struct mtu_search) { .high = MTU_MOST + 1, .exact = exact };
    mtu_ask(search, now);
}

/* Returns the size of the probe that is to be sent at 'now', or 0. */
uint16_t
mtu_due(struct mtu_search *search, long long now)
{
    if (!search->size || now < search->at) {
        return 0;
    }
    if (search->tries == MTU_TRIES) {
        search->high = search->size;
        mtu_ask(search, now);
        if (!search->size) {
            return 0;
        }
    }
    search->tries++;
    search->at = now + MTU_WAIT;
    return search->size;
}

/* A probe of 'size' has come back. */
void
mtu_answered(struct mtu_search *search, uint16_t size, long long now)
{
    if (!search->size || size <= search->low || size > MTU_MOST) {
        return;
    }
    search->low = size;
    search->high = MAX(search->high, size + 1);
    if (size >= search->size) {
        mtu_ask(search, now);
    }
}
