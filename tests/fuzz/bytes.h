/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef TESTS_FUZZ_BYTES_H
#define TESTS_FUZZ_BYTES_H 1

/* The input of a target that reads it number by number.  When it has come to
 * its end, all that follows is 0. */

#include <stddef.h>
#include <stdint.h>
#include "util.h"

struct bytes {
    const uint8_t *p;
    size_t left;
};

static inline uint8_t
bytes_u8(struct bytes *b)
{
    if (!b->left) {
        return 0;
    }
    b->left--;
    return *b->p++;
}

static inline uint16_t
bytes_u16(struct bytes *b)
{
    uint8_t high = bytes_u8(b);

    return high << 8 | bytes_u8(b);
}

static inline uint32_t
bytes_u32(struct bytes *b)
{
    uint16_t high = bytes_u16(b);

    return (uint32_t) high << 16 | bytes_u16(b);
}

/* A number below 'n'. */
static inline uint32_t
bytes_below(struct bytes *b, uint32_t n)
{
    return bytes_u8(b) % n;
}

/* Takes up to '*n' bytes, and sets '*n' to how many there are. */
static inline const uint8_t *
bytes_take(struct bytes *b, size_t *n)
{
    const uint8_t *p = b->p;

    *n = MIN(*n, b->left);
    b->p += *n;
    b->left -= *n;
    return p;
}

#define BYTES_PICK(BYTES, ARRAY) \
    ((ARRAY)[bytes_below(BYTES, ARRAY_SIZE(ARRAY))])

#endif /* tests/fuzz/bytes.h */
