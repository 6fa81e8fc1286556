/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef FLOWS_REFUSED_H
#define FLOWS_REFUSED_H 1

/* The owners whose flows a switch has refused, and when to try them again.
 *
 * A bundle is refused as a whole for the sake of one flow.  So the owner of
 * that flow (see the cookies in flows/layout.h) is left out of the bundles
 * that follow: of its flows those stay that are there, those go that should
 * not be there any more, and those that are new or have changed wait.  All
 * others get what they should.
 *
 * An owner is in one of these states:
 *
 *     REFUSED_NEW     left out, and its deletions have yet to be sent
 *     REFUSED_OUT     left out
 *     REFUSED_TRIED   in the transaction that is under way, with all it has
 *
 * It is tried again when its time has come, which is a second after the first
 * refusal and after twice as long each time, up to a minute; and at once when
 * what it should have has changed.  A transaction that is confirmed with it
 * clears it.
 *
 * Not every switch says what it refused.  Then half of the owners in the
 * transaction are 'suspects': left out without an error, and tried again as
 * soon as the other half is in force, until one owner is left that it must
 * have been. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "openvswitch/hmap.h"
#include "openvswitch/ofp-errors.h"

#define REFUSED_BACKOFF_MIN 1000    /* Milliseconds. */
#define REFUSED_BACKOFF_MAX 60000

enum refused_state { REFUSED_NEW, REFUSED_OUT, REFUSED_TRIED };

struct refused {
    struct hmap owners;         /* Of struct refused_owner, by cookie. */
};

struct refused_owner {
    struct hmap_node node;
    uint64_t cookie;
    enum refused_state state;
    enum ofperr error;          /* 0 for a suspect. */
    uint8_t table;              /* Of the flow. */
    int backoff;                /* The next one, in milliseconds. */
    long long retry_at;         /* Monotonic. */

    /* Of a segment: the places whose flows wait.  If there are none, it is
     * something that all of them need. */
    uint32_t *slots;
    size_t n_slots, allocated_slots;
};

void refused_init(struct refused *);
void refused_destroy(struct refused *);
void refused_clear(struct refused *);

static inline bool
refused_is_empty(const struct refused *refused)
{
    return hmap_is_empty(&refused->owners);
}

struct refused_owner *refused_find(const struct refused *, uint64_t cookie);
bool refused_is_out(const struct refused *, uint64_t cookie);

bool refused_add(struct refused *, uint64_t cookie, enum ofperr,
                 uint8_t table, long long now);
void refused_suspect(struct refused *, uint64_t cookie, long long now);
void refused_marked(struct refused *, uint64_t cookie);
void refused_leave_out(struct refused *);
bool refused_left_out(struct refused *);
void refused_note(struct refused *, uint64_t cookie, uint32_t slot);
bool refused_is_about(const struct refused_owner *, uint32_t slot);
bool refused_try_due(struct refused *, long long now);
bool refused_confirm(struct refused *);
long long refused_wake(const struct refused *);

char *refused_owner_name(uint64_t cookie);
uint64_t *refused_half(uint64_t *cookies, size_t *n);

#endif /* flows/refused.h */
