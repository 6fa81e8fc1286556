/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef TESTS_FUZZ_LIAR_H
#define TESTS_FUZZ_LIAR_H 1

/* A switch that says what a fuzzer wants it to.
 *
 * It keeps the questions that its controller asks until it is told what to do
 * with the oldest one: to answer as a switch without flows would, or with
 * flows, to answer with some bytes changed, or to send any message at all,
 * with the question's transaction ID or another.  So lies get as far as they
 * are believed, which is further than any bytes that a fuzzer could make up:
 * the IDs are right.
 *
 * What the controller sends must make sense however it was lied to: a message
 * that libopenvswitch cannot decode is a failed assertion. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "openvswitch/list.h"
#include "openvswitch/ofp-protocol.h"
#include "openvswitch/ofpbuf.h"

struct flowset;

struct liar {
    int fd;                     /* -1 while not connected. */
    enum ofp_version version;
    uint64_t dpid;
    bool silent;                /* Echo requests are not answered. */
    struct ofpbuf rx;           /* The beginning of a message. */
    struct ovs_list asked;      /* Of struct ofpbuf, oldest first. */
    size_t n_asked;
};

void liar_init(struct liar *, uint64_t dpid);
void liar_connect(struct liar *, const char *path, enum ofp_version);
void liar_close(struct liar *);
void liar_run(struct liar *);

bool liar_answer(struct liar *);
void liar_lie(struct liar *, size_t offset, const void *bytes, size_t n,
              int resize);
void liar_report(struct liar *, const struct flowset *, size_t offset,
                 const void *bytes, size_t n);
void liar_send(struct liar *, uint8_t type, const void *body, size_t n,
               bool as_answer, uint32_t xid);
void liar_send_raw(struct liar *, const void *, size_t);
void liar_forget(struct liar *);

#endif /* tests/fuzz/liar.h */
