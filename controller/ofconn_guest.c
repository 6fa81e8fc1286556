/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* Guests: connections of which it is not known, or not yet, that they are
 * those of switches of ours.
 *
 * Anybody can be a guest, so there is an end to how many there are, from one
 * address and in all.  One more is let in all the same, and the oldest of
 * those of the same address has to go, or, if there are too many in all, the
 * oldest of the address that has most: who comes from another address than
 * those who crowd the house is never sent away, and who comes from the same
 * has time until as many others have come.  Who is known to be a switch of
 * ours is no guest any more. */

#include <config.h>
#include "controller/ofconn_private.h"

#include "hash.h"
#include "util.h"

static struct hmap origins = HMAP_INITIALIZER(&origins);
static struct ovs_list nameless = OVS_LIST_INITIALIZER(&nameless);
static size_t n_guests;

static uint32_t
ofconn_origin_hash(const struct in6_addr *address)
{
    return hash_bytes(address, sizeof *address, 0);
}

/* Who has one IPv6 address has all with the same first 64 bits. */
static struct in6_addr
ofconn_origin_address(const struct in6_addr *address)
{
    struct in6_addr masked = *address;

    if (!IN6_IS_ADDR_V4MAPPED(address)) {
        memset(&masked.s6_addr[8], 0, 8);
    }
    return masked;
}

static struct ofconn_origin *
ofconn_origin_find(const struct in6_addr *address_)
{
    const struct in6_addr address = ofconn_origin_address(address_);
    uint32_t hash = ofconn_origin_hash(&address);
    struct ofconn_origin *origin;

    HMAP_FOR_EACH_WITH_HASH (origin, node, hash, &origins) {
        if (!memcmp(&origin->address, &address, sizeof address)) {
            return origin;
        }
    }
    origin = xzalloc(sizeof *origin);
    origin->address = address;
    ovs_list_init(&origin->guests);
    hmap_insert(&origins, &origin->node, hash);
    return origin;
}

/* Makes 'guest', which is none, one that comes from 'address', all zeros if it
 * comes by no network, and has said who it is if 'named' says so. */
void
ofconn_guest_add(struct ofconn_guest *guest, const struct in6_addr *address,
                 bool named, long long now)
{
    guest->origin = ofconn_origin_find(address);
    guest->since = now;
    ovs_list_push_back(&guest->origin->guests, &guest->origin_node);
    guest->origin->n++;
    n_guests++;
    ovs_list_init(&guest->nameless_node);
    if (!named) {
        ovs_list_push_back(&nameless, &guest->nameless_node);
    }
}

/* 'guest' is none any more, if it was. */
void
ofconn_guest_remove(struct ofconn_guest *guest)
{
    struct ofconn_origin *origin = guest->origin;

    if (!origin) {
        return;
    }
    ovs_list_remove(&guest->nameless_node);
    ovs_list_remove(&guest->origin_node);
    guest->origin = NULL;
    n_guests--;
    if (!--origin->n) {
        hmap_remove(&origins, &origin->node);
        free(origin);
    }
}

static struct ofconn_guest *
ofconn_origin_oldest(const struct ofconn_origin *origin)
{
    return CONTAINER_OF(ovs_list_front(&origin->guests), struct ofconn_guest,
                        origin_node);
}

/* Returns the guest that is to go first if one has to, or NULL if there is
 * none. */
struct ofconn_guest *
ofconn_guest_victim(void)
{
    const struct ofconn_origin *origin, *largest = NULL;

    HMAP_FOR_EACH (origin, node, &origins) {
        if (!largest || origin->n > largest->n
            || (origin->n == largest->n
                && ofconn_origin_oldest(origin)->since
                   < ofconn_origin_oldest(largest)->since)) {
            largest = origin;
        }
    }
    return largest ? ofconn_origin_oldest(largest) : NULL;
}

/* Returns the guest that has to go because 'newest' has come, or NULL. */
struct ofconn_guest *
ofconn_guest_excess(const struct ofconn_guest *newest)
{
    return (newest->origin->n > OFCONN_MAX_GUESTS_OF_ONE
            ? ofconn_origin_oldest(newest->origin)
            : n_guests > OFCONN_MAX_GUESTS ? ofconn_guest_victim() : NULL);
}

/* Returns the guest that has been there longest without having said who it
 * is, or NULL. */
struct ofconn_guest *
ofconn_guest_nameless(void)
{
    return (ovs_list_is_empty(&nameless) ? NULL
            : CONTAINER_OF(ovs_list_front(&nameless), struct ofconn_guest,
                           nameless_node));
}

size_t
ofconn_guest_count(void)
{
    return n_guests;
}
