/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef FLOWS_BUNDLEMSG_H
#define FLOWS_BUNDLEMSG_H 1

/* Deltas as the messages of one bundle (OpenFlow 1.5.1, section 7.3.9; in
 * 1.3 by ONF extension 230).
 *
 * The bundle is atomic and ordered: who looks at the switch, and every frame
 * in it, meets the flows from before or those from after.  If the switch
 * refuses one message it brings in none.
 *
 * Each change has a transaction ID of its own, so that an error can be led
 * back to the change that caused it. */

#include <stdint.h>
#include "openflow/openflow.h"
#include "openvswitch/ofp-protocol.h"

struct delta;
struct ofpbuf;

/* Takes one encoded message, to own it. */
typedef void bundlemsg_send_func(struct ofpbuf *msg, void *aux);

uint32_t bundlemsg_send(const struct delta *const *, size_t n,
                        enum ofputil_protocol,
                        uint32_t bundle_id, uint32_t xid,
                        bundlemsg_send_func *, void *aux);

#endif /* flows/bundlemsg.h */
