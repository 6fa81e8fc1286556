/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_EDGE_PRIVATE_H
#define CONTROLLER_EDGE_PRIVATE_H 1

/* What the files of controller/edge.h share among themselves.
 *
 *   edge.c        the session: what is asked, and what is answered
 *   edge_txn.c    what is sent to change the switch's flows
 *   edge_refused.c  what of that it did not take
 *   edge_full.c   its tables of MACs when they are full
 *   edge_meter.c  its meters, and the lease
 *   edge_watch.c  whether it still has them
 *   edge_question.c  what single flows, tables and meters have counted
 *   edge_dump.c   which flows it has
 *   edge_role.c   what it may be told by whom
 *   edge_age.c    for how long its flows have been idle
 *   edge_limit.c  what it may take from us
 *   edge_stats.c  what is asked about what its flows have counted
 *   edge_counted.c  what it says to that
 *   edge_form.c   messages that are always the same
 *
 * edge_send() gives each message a transaction ID of its own and returns it;
 * the message is the connection's from then on. */

#include "controller/edge.h"

/* What statistics ask for a sum by, in place of a cookie of ours: no flow has
 * it. */
#define EDGE_STATS_SUM LAYOUT_COOKIE_OURS

/* So many rounds of statistics are about all segments for each sum. */
#define EDGE_STATS_N_FULL 2

#define EDGE_BACKOFF_MIN 1000   /* Milliseconds. */

/* Others' meters are not looked for among more. */
#define EDGE_MAX_METERS 65536

/* What a meter counts in. */
#define EDGE_METER_UNITS (OFPMF13_KBPS | OFPMF13_PKTPS)

/* Idle MACs that are told at once; others are told the next time. */
#define EDGE_MAX_IDLE 65536

/* Messages that are the same each time. */
enum edge_form {
    EDGE_FORM_LEASE,
    EDGE_FORM_METERS,           /* Asks for all meters. */
    EDGE_FORM_FLOWS,            /* Asks for flows, of a cookie and table. */
    EDGE_FORM_SUM,              /* Asks for a sum, see edge_stats.c. */
    EDGE_N_FORMS
};

const char *edge_name(const struct edge *);
void edge_set_state(struct edge *, enum edge_state);
ovs_be32 edge_send(struct edge *, struct ofpbuf *);
ovs_be32 edge_send_form(struct edge *, enum edge_form);
ovs_be32 edge_send_flow_request(struct edge *, uint64_t cookie, uint8_t table);
typedef void edge_take_meter_func(struct edge *, uint32_t id, uint32_t rate,
                                  uint16_t flags);
bool edge_read_meters(struct edge *, const struct ofp_header *,
                      edge_take_meter_func *);
bool edge_take_meters(struct edge *, const struct ofp_header *);
void edge_forget_meters(struct edge *);
struct edge_meter *edge_meter(const struct edge *, uint32_t id);
void edge_refuse_meter(struct edge *, const struct ofp_header *);
bool edge_has_made_meter(const struct edge *, const struct ofpact *,
                         size_t ofpacts_len);
bool edge_watch_is_answer(const struct edge *, const struct ofp_header *);
enum edge_event edge_watch_receive(struct edge *, const struct ofp_header *);
void edge_watch_refused(struct edge *);
void edge_delete_stale_meters(struct edge *);
void edge_delete_limits(struct edge *);
bool edge_counts_is_answer(const struct edge *, const struct ofp_header *);
enum edge_event edge_take_counts(struct edge *, const struct ofp_header *);
void edge_match_mac(struct match *, uint8_t table, uint16_t bits,
                    uint16_t mask);
struct edge_question *edge_question_find(struct edge *,
                                         const struct ofp_header *,
                                         enum ofptype);
enum edge_event edge_question_take(struct edge *, struct edge_question *,
                                   const struct ofp_header *);
enum edge_event edge_question_answered(struct edge *, struct edge_question *);
void edge_dump_init(struct edge *);
void edge_dump_destroy(struct edge *);
void edge_dump_stop(struct edge *);
void edge_dump_changed(struct edge *);
enum edge_event edge_dump_tables(struct edge *, const struct ofp_header *);
enum edge_event edge_dump_count(struct edge *, const struct ofp_header *);
enum edge_event edge_dump_flows(struct edge *, const struct ofp_header *);
enum edge_event edge_dump_refused(struct edge *, const struct ofp_header *);
enum edge_event edge_role_reply(struct edge *, const struct ofp_header *,
                                struct edge_input *);
enum edge_event edge_role_status(struct edge *, const struct ofp_header *);
enum edge_event edge_role_refused(struct edge *, const struct ofp_header *,
                                  enum ofperr);
void edge_refuse(struct edge *, uint32_t xid, enum ofperr);
bool edge_refuse_op(struct edge *, const struct ofp_header *);
void edge_forget_refused(struct edge *);
struct edge_full *edge_set_full(struct edge *, uint8_t table);
bool edge_full_refused(struct edge *, const struct ofp_header *, enum ofperr);
bool edge_full_answered(struct edge *, const struct ofp_header *);
void edge_age_init(struct edge *);
void edge_age_clear(struct edge *);
bool edge_age_is_answer(const struct edge *, const struct ofp_header *);
enum edge_event edge_age_receive(struct edge *, const struct ofp_header *);
enum edge_event edge_age_answered(struct edge *);
void edge_stats_init(struct edge *);
void edge_stats_bounds(const struct topo *, struct simap *);
void edge_stats_done(struct edge *, uint32_t i);
bool edge_stats_is_answer(const struct edge *, const struct ofp_header *);
enum edge_event edge_stats_flows(struct edge *, const struct ofp_header *);
enum edge_event edge_stats_meter(struct edge *, const struct ofp_header *);
enum edge_event edge_stats_aggregate(struct edge *, const struct ofp_header *);
void edge_stats_changed(struct edge *);
void edge_stats_refused(struct edge *, const struct ofp_header *);
void edge_limit_dump(struct edge *);
bool edge_limit_grow(struct edge *, size_t);
void edge_limit_name(char *name);

#endif /* controller/edge_private.h */
