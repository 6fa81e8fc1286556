/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "controller/ofconn_private.h"

#include "openvswitch/ofpbuf.h"

/* As far as each connection is written before the next is read, they share a
 * write buffer: memory that is in the processor's cache costs much less than
 * memory that is not, or has yet to come from the system.  Who writes while
 * another one has it uses a buffer of its own, and keeps that. */
static struct ofpbuf spare;

static void
ofconn_spare_swap(struct ofpbuf *b)
{
    struct ofpbuf other = spare;

    spare = *b;
    *b = other;
}

/* Prepares 'b', which is empty, for use. */
void
ofconn_spare_take(struct ofpbuf *b)
{
    if (spare.allocated > b->allocated) {
        ofconn_spare_swap(b);
    }
}

/* Takes 'b', which is empty, out of use. */
void
ofconn_spare_give(struct ofpbuf *b)
{
    if (b->allocated > OFCONN_KEEP_SIZE) {
        ofpbuf_uninit(b);
        ofpbuf_init(b, 0);
    }
    ofpbuf_clear(b);            /* Or what was pulled adds up. */
    if (b->allocated > spare.allocated) {
        ofconn_spare_swap(b);
    }
}
