/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef TESTS_BENCH_OFSWITCH_PRIVATE_H
#define TESTS_BENCH_OFSWITCH_PRIVATE_H 1

/* What the files of ofswitch share.
 *
 * ofswitch.c connects and answers, ofswitch_role.c knows what a connection may
 * and what it hears of, ofswitch_table.c has flows and meters.  Each handles
 * messages that are aligned, and queues answers; whoever read the message
 * flushes. */

#include "openvswitch/ofp-errors.h"
#include "openvswitch/ofp-msgs.h"
#include "tests/bench/ofswitch.h"

/* Roles, ofswitch_role.c. */
enum ofperr ofswitch_role_request(struct ofswitch_conn *,
                                  const struct ofp_header *);
enum ofperr ofswitch_set_async(struct ofswitch_conn *,
                               const struct ofp_header *);
bool ofswitch_refuses(const struct ofswitch_conn *, enum ofptype);
bool ofswitch_hears(const struct ofswitch_conn *, enum ofputil_async_msg_type,
                    unsigned int reason);
void ofswitch_drop_role(struct ofswitch_conn *);

/* Flows and meters, ofswitch_table.c. */
void ofswitch_apply(struct ofswitch_conn *, const struct ofp_header *);
void ofswitch_dump(struct ofswitch_conn *, const struct ofp_header *);
void ofswitch_count(struct ofswitch_conn *, const struct ofp_header *);
void ofswitch_tables(struct ofswitch_conn *, const struct ofp_header *);
enum ofperr ofswitch_meter_mod(struct ofswitch_conn *,
                               const struct ofp_header *);
void ofswitch_send_meters(struct ofswitch_conn *, const struct ofp_header *);

/* Messages, ofswitch.c. */
void ofswitch_send_all(struct ofswitch_conn *, struct ovs_list *replies);
enum ofputil_protocol ofswitch_protocol(const struct ofswitch *);

#endif /* tests/bench/ofswitch_private.h */
