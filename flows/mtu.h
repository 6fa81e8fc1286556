/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef FLOWS_MTU_H
#define FLOWS_MTU_H 1

/* How much a frame may carry to get through the overlay, and back.
 *
 * A search for it, between two nodes: probes of some size are sent, and come
 * back or do not.  The first has what a frame of a VLAN may have.  Only if
 * that gets lost, or if it is to be known exactly, others follow, by halves.
 * A probe gets lost for other reasons too, so each is sent MTU_TRIES times.
 *
 * Sizes are of what follows the Ethernet header, in bytes.  The time is
 * monotonic, in milliseconds, and is the caller's. */

#include <stdbool.h>
#include <stdint.h>

#define MTU_LEAST 68            /* RFC 791: what every link carries. */
#define MTU_FULL 1500
#define MTU_MOST 9216

#define MTU_TRIES 3
#define MTU_WAIT 100            /* For an answer. */

struct mtu_search {
    uint16_t low;               /* Gets through; 0: nothing has so far. */
    uint16_t high;              /* Does not, or is more than there is. */
    uint16_t size;              /* Is asked about; 0: the search is over. */
    uint8_t tries;              /* That have been made. */
    bool exact;
    long long at;               /* When the next one is due. */
};

void mtu_begin(struct mtu_search *, bool exact, long long now);
uint16_t mtu_due(struct mtu_search *, long long now);
void mtu_answered(struct mtu_search *, uint16_t size, long long now);

/* Whether the path is known to carry less than a VLAN does. */
static inline bool
mtu_is_narrow(const struct mtu_search *search)
{
    return !search->size && search->low && search->low < MTU_FULL;
}

#endif /* flows/mtu.h */
