/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* Any bytes as a stream of OpenFlow messages.  What comes in pieces is framed
 * as what comes at once. */

#include <config.h>
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

#include "controller/ofconn.h"
#include "openflow/openflow.h"
#include "util.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    while (size > 0) {
        int length = ofconn_frame(data, size);

        /* A block of its own, so that a sanitizer sees a read past it. */
        for (size_t n = 0; n <= size && n < 8; n++) {
            uint8_t *piece = xmemdup(data, n);
            int piece_length = ofconn_frame(piece, n);

            ovs_assert(!piece_length || piece_length == length);
            free(piece);
        }
        if (length <= 0 || length > size) {
            break;
        }
        ovs_assert(length >= sizeof(struct ofp_header));
        data += length;
        size -= length;
    }
    return 0;
}
