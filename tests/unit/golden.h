/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef TESTS_UNIT_GOLDEN_H
#define TESTS_UNIT_GOLDEN_H 1

/* The small networks whose flows are in tests/flows/golden/, of which each
 * file holds the flows of one node: NAME.eN.flows.
 *
 * On all nodes port genev0 is 1, p1 is 2 and p2 is 3.  Each 'make' fills in a
 * net that has been initialized, and brings it in force. */

#include <stddef.h>
#include "tests/unit/net.h"

struct golden {
    const char *name;
    const char *what;
    void (*make)(struct net *);
    unsigned int n_nodes;
};

extern const struct golden goldens[];
extern const size_t n_goldens;

const struct golden *golden_find(const char *name);

#endif /* tests/unit/golden.h */
