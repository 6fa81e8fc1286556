/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_KCTL_TREE_H
#define CONTROLLER_KCTL_TREE_H 1

/* Text for people: lines that are indented by level, no longer than the
 * terminal is wide, and in colours if it has them.
 *
 * A line that is too long goes on below, further to the right; it is broken at
 * blanks only, so that what can be copied stays whole.  Where the output goes
 * to no terminal, nothing is broken and nothing is coloured, for scripts. */

#include <stdbool.h>

#include "openvswitch/compiler.h"

struct ds;

enum kctl_color {
    KCTL_PLAIN,
    KCTL_BOLD,
    KCTL_GOOD,
    KCTL_BAD,
    KCTL_CHANGED
};

struct kctl_tree {
    struct ds *s;               /* The lines, with their ends. */
    bool color;
    unsigned int width;         /* 0: lines are not broken. */
};

void kctl_tree_line(const struct kctl_tree *, int level, enum kctl_color,
                    const char *format, ...) OVS_PRINTF_FORMAT(4, 5);

#endif /* controller/kctl_tree.h */
