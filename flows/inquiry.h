/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef FLOWS_INQUIRY_H
#define FLOWS_INQUIRY_H 1

/* In what order, and in how large parts, a switch is asked for its flows.
 *
 * While its main thread answers a question, Open vSwitch does nothing else,
 * and with the userspace datapath, unless ports have threads of their own,
 * that includes to forward.  It reports 200,000 flows in half a second.  So a
 * switch that has many is asked for parts of them:
 *
 *     TABLES    how many flows each table has: if few, all at once (WHOLE)
 *     EARLY     table by table, except for learned MACs
 *     COUNT     how many flows learned MACs have in each segment that may have
 *               very many
 *     MACS      those of each segment that EARLY has told of; of large ones,
 *               in parts
 *     CHECK     how many there are in all, unless TABLES has told, or it does
 *               not matter
 *     LATE      the tables that may change by themselves
 *
 * Open vSwitch finds the flows of a segment by their cookie, without looking
 * at others.  If there are flows that nobody would have asked for, or if
 * somebody else is at work on the same switch, CHECK finds out, and then it is
 * asked for all at once.
 *
 * What is asked for at the same time are INQUIRY_FLOWS flows, as far as one
 * can know, and INQUIRY_WINDOW questions at most: the switch has breaks, and
 * the wire is not idle.
 *
 * Pure: the caller sends the questions and tells of the answers. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct topo;

/* Up to so many flows are reported all at once. */
#define INQUIRY_FEW 10000

#define INQUIRY_FLOWS 2000
#define INQUIRY_WINDOW 64

/* So many flows of one segment are reported at once, at most: to find some of
 * a segment's, the switch looks at all of that segment. */
#define INQUIRY_PART 8192

#define INQUIRY_N_TABLES 256

enum inquiry_stage {
    INQUIRY_TABLES, INQUIRY_EARLY, INQUIRY_COUNT, INQUIRY_MACS,
    INQUIRY_CHECK, INQUIRY_LATE, INQUIRY_DONE, INQUIRY_WHOLE
};

/* A question. */
struct inquiry_ask {
    enum inquiry_stage stage;   /* TABLES: for flows by table.  COUNT and
                                 * CHECK: for how many there are.  Others:
                                 * for flows. */
    bool anew;                  /* What was reported before does not count. */
    uint8_t table;              /* OFPTT_ALL: of any. */
    uint64_t cookie, cookie_mask;
    uint16_t mac, mac_mask;     /* The last bits of the MAC, which is dl_src in
                                 * SOURCE and dl_dst in DEST. */
    size_t n_flows;             /* That may be the answer. */
    size_t segment;             /* Internal. */
};

struct inquiry_segment {
    uint32_t vni;
    uint32_t n_flows;           /* Of learned MACs, or how many may be. */
    bool counted;               /* So many there are. */
};

struct inquiry {
    enum inquiry_stage stage;
    size_t next;                /* What is to be asked next in 'stage'. */
    uint16_t part;              /* Likewise, of a segment. */
    bool anew;
    bool lenient;               /* CHECK is left out. */

    size_t n_waiting;           /* Questions without an answer. */
    size_t n_flows_waiting;     /* What they may be answered with. */
    bool full;                  /* No more are asked for the time being. */

    uint32_t tables[INQUIRY_N_TABLES];  /* Flows. */
    struct inquiry_segment *segments;
    size_t n, allocated;
    uint64_t n_others;          /* Flows not of learned MACs in SOURCE and
                                 * DEST. */
    uint64_t n_reported;        /* Flows of learned MACs... */
    uint64_t n_answered;        /* ...and with how many answers. */
    uint64_t n_learned;         /* How many there are, says CHECK. */
};

void inquiry_init(struct inquiry *);
void inquiry_destroy(struct inquiry *);

void inquiry_begin(struct inquiry *, bool lenient);
void inquiry_begin_whole(struct inquiry *);
void inquiry_end(struct inquiry *);
bool inquiry_next(struct inquiry *, struct inquiry_ask *);
void inquiry_table(struct inquiry *, uint8_t table, uint32_t n_flows);
void inquiry_flow(struct inquiry *, const struct topo *, uint64_t cookie);
void inquiry_answered(struct inquiry *, const struct inquiry_ask *,
                      uint64_t n_flows);
bool inquiry_is_done(const struct inquiry *);

#endif /* flows/inquiry.h */
