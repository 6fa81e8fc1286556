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

/* A bundle that is being made.  The caller fills in all but 'next'. */
struct bundlemsg {
    enum ofputil_protocol protocol;
    uint32_t id;
    uint32_t xid;               /* Of its opening and commitment... */
    uint32_t next;              /* ...and of the next change: those between
                                 * are of changes. */
    bundlemsg_send_func *send;
    void *aux;
};

void bundlemsg_open(struct bundlemsg *);
void bundlemsg_put(struct bundlemsg *, const struct delta *, size_t first);
void bundlemsg_commit(const struct bundlemsg *);

#endif /* flows/bundlemsg.h */
