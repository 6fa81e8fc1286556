/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "flows/inquiry.h"

#include <stdlib.h>
#include <string.h>
#include "flows/layout.h"
#include "flows/topo.h"
#include "openflow/openflow.h"
#include "util.h"

/* All flows of a kind. */

/* One mask cannot say "any kind but LEARNED and PENDING", but two can. */
static const struct inquiry_kinds {
    uint64_t cookie, cookie_mask;
} inquiry_kinds[] = {
    { UINT64_C(0) << 40, UINT64_C(4) << 40 },
    { UINT64_C(4) << 40, UINT64_C(6) << 40 },
};
BUILD_ASSERT_DECL(LAYOUT_K_LEARNED == 6 && LAYOUT_K_PENDING == 7);

void
inquiry_init(struct inquiry *inq)
{
    memset(inq, 0, sizeof *inq);
    inq->stage = INQUIRY_DONE;
}

void
inquiry_destroy(struct inquiry *inq)
{
    free(inq->segments);
}

static void
inquiry_restart(struct inquiry *inq, enum inquiry_stage stage)
{
    free(inq->segments);
    inquiry_init(inq);
    inq->stage = stage;
    inq->anew = true;
}

/* Ends, and asks no more. */
void
inquiry_end(struct inquiry *inq)
{
    inquiry_restart(inq, INQUIRY_DONE);
}

/* Begins to ask.  Answers to what was asked before must not be told.  If
 * 'lenient', flows may change meanwhile: what comes and goes, or what nothing
 * tells of, may be missed. */
void
inquiry_begin(struct inquiry *inq, bool lenient)
{
    inquiry_restart(inq, INQUIRY_TABLES);
    inq->lenient = lenient;
}

/* The same for a switch that can or must be asked for all at once only. */
void
inquiry_begin_whole(struct inquiry *inq)
{
    inquiry_restart(inq, INQUIRY_WHOLE);
}

bool
inquiry_is_done(const struct inquiry *inq)
{
    return inq->stage == INQUIRY_DONE;
}

static bool
inquiry_table_is_of_macs(size_t table)
{
    return table == LAYOUT_SOURCE || table == LAYOUT_DEST;
}

/* The first table at or after 'inq->next' of those up to 'end' that has flows
 * is the next. */
static bool
inquiry_find_table(struct inquiry *inq, size_t end, struct inquiry_ask *ask)
{
    while (inq->next < end && !inq->tables[inq->next]) {
        inq->next++;
    }
    if (inq->next >= end) {
        return false;
    }
    ask->table = inq->next;
    ask->cookie = LAYOUT_COOKIE_OURS;
    ask->cookie_mask = LAYOUT_COOKIE_MASK;
    ask->n_flows = inq->tables[inq->next];
    if (inquiry_table_is_of_macs(inq->next)) {
        ask->cookie |= inquiry_kinds[inq->part].cookie;
        ask->cookie_mask |= inquiry_kinds[inq->part].cookie_mask;
    }
    return true;
}

static bool
inquiry_find_count(struct inquiry *inq, struct inquiry_ask *ask)
{
    while (inq->next < inq->n
           && inq->segments[inq->next].n_flows <= INQUIRY_PART) {
        inq->next++;
    }
    if (inq->next >= inq->n) {
        return false;
    }
    ask->segment = inq->next;
    ask->table = OFPTT_ALL;
    ask->cookie = layout_cookie(LAYOUT_K_LEARNED,
                                inq->segments[inq->next].vni);
    ask->cookie_mask = UINT64_MAX;
    return true;
}

/* Returns true if all flows of SOURCE and DEST have been reported, so that
 * there are none that the switch writes itself, and none of others, either; or
 * if that does not matter. */
static bool
inquiry_has_all(const struct inquiry *inq)
{
    return (inq->lenient
            || inq->n_reported + inq->n_others
            == (uint64_t) inq->tables[LAYOUT_SOURCE]
               + inq->tables[LAYOUT_DEST]);
}

static bool
inquiry_find_check(const struct inquiry *inq, struct inquiry_ask *ask)
{
    ask->table = OFPTT_ALL;
    ask->cookie = layout_cookie(LAYOUT_K_LEARNED, 0);
    ask->cookie_mask = LAYOUT_COOKIE_KIND;
    return !inq->next && !inquiry_has_all(inq);
}

/* Returns the number of parts in which 'segment' is to be asked for in each of
 * its two tables, a power of two; or 1, in both at once. */
static uint32_t
inquiry_n_parts(const struct inquiry_segment *segment)
{
    uint32_t n = 1;

    while (n < UINT16_MAX && segment->n_flows / n > INQUIRY_PART) {
        n *= 2;
    }
    return n;
}

/* Returns how many flows a segment is expected to have that may have up to
 * 'max': as many as others have. */
static size_t
inquiry_expect(const struct inquiry *inq, uint32_t max)
{
    size_t mean = (inq->n_answered
                   ? inq->n_reported / inq->n_answered + 1 : SIZE_MAX);

    return MIN(mean, max);
}

static bool
inquiry_find_macs(struct inquiry *inq, struct inquiry_ask *ask)
{
    const struct inquiry_segment *segment;
    uint32_t n_parts;

    while (inq->next < inq->n && !inq->segments[inq->next].n_flows) {
        inq->next++;
    }
    if (inq->next >= inq->n) {
        return false;
    }
    segment = &inq->segments[inq->next];
    n_parts = inquiry_n_parts(segment);
    ask->cookie = layout_cookie(LAYOUT_K_LEARNED, segment->vni);
    ask->cookie_mask = UINT64_MAX;
    ask->n_flows = (segment->counted ? segment->n_flows / n_parts
                    : inquiry_expect(inq, segment->n_flows));
    ask->table = (n_parts == 1 ? OFPTT_ALL
                  : inq->part < n_parts / 2 ? LAYOUT_SOURCE : LAYOUT_DEST);
    if (n_parts > 1) {
        ask->mac_mask = n_parts / 2 - 1;
        ask->mac = inq->part & ask->mac_mask;
    }
    return true;
}

/* Fills '*ask' with what comes next in the stage.  Returns false if that was
 * all. */
static bool
inquiry_find(struct inquiry *inq, struct inquiry_ask *ask)
{
    memset(ask, 0, sizeof *ask);
    ask->stage = inq->stage;
    switch (inq->stage) {
    case INQUIRY_TABLES:
        return !inq->next;
    case INQUIRY_WHOLE:
        ask->table = OFPTT_ALL;
        ask->cookie = LAYOUT_COOKIE_OURS;
        ask->cookie_mask = LAYOUT_COOKIE_MASK;
        return !inq->next;
    case INQUIRY_EARLY:
        return inquiry_find_table(inq, LAYOUT_LEASE, ask);
    case INQUIRY_LATE:
        return inquiry_find_table(inq, INQUIRY_N_TABLES, ask);
    case INQUIRY_COUNT:
        return inquiry_find_count(inq, ask);
    case INQUIRY_MACS:
        return inquiry_find_macs(inq, ask);
    case INQUIRY_CHECK:
        return inquiry_find_check(inq, ask);
    case INQUIRY_DONE:
        return false;
    default:
        OVS_NOT_REACHED();
    }
}

/* What inquiry_find() has found is asked. */
static void
inquiry_advance(struct inquiry *inq)
{
    size_t n_parts = (inq->stage == INQUIRY_MACS
                      ? inquiry_n_parts(&inq->segments[inq->next])
                      : (inq->stage == INQUIRY_EARLY
                         && inquiry_table_is_of_macs(inq->next))
                      ? ARRAY_SIZE(inquiry_kinds) : 1);

    if (++inq->part >= n_parts) {
        inq->part = 0;
        inq->next++;
    }
}

static int
inquiry_compare_segments(const void *a_, const void *b_)
{
    const struct inquiry_segment *a = a_, *b = b_;

    return a->vni < b->vni ? -1 : a->vni > b->vni;
}

/* Each segment is to be asked about once. */
static void
inquiry_sort(struct inquiry *inq)
{
    size_t n = 0;

    if (inq->n) {
        qsort(inq->segments, inq->n, sizeof *inq->segments,
              inquiry_compare_segments);
    }
    for (size_t i = 0; i < inq->n; i++) {
        if (!n || inq->segments[i].vni != inq->segments[n - 1].vni) {
            inq->segments[n++] = inq->segments[i];
        }
    }
    inq->n = n;
}

static uint64_t
inquiry_total(const struct inquiry *inq)
{
    uint64_t total = 0;

    for (int i = 0; i < INQUIRY_N_TABLES; i++) {
        total += inq->tables[i];
    }
    return total;
}

/* All that was asked in the stage is answered. */
static void
inquiry_end_stage(struct inquiry *inq)
{
    inq->part = 0;
    switch (inq->stage) {
    case INQUIRY_TABLES:
        if (inquiry_total(inq) <= INQUIRY_FEW) {
            inquiry_begin_whole(inq);
            return;
        }
        break;
    case INQUIRY_EARLY:
        inquiry_sort(inq);
        break;
    case INQUIRY_COUNT:
    case INQUIRY_MACS:
        break;
    case INQUIRY_CHECK:
        if (!inquiry_has_all(inq) && inq->n_reported != inq->n_learned) {
            inquiry_begin_whole(inq);
            return;
        }
        inq->next = LAYOUT_LEASE;
        inq->stage = INQUIRY_LATE;
        return;
    case INQUIRY_LATE:
    case INQUIRY_WHOLE:
        inquiry_end(inq);
        return;
    case INQUIRY_DONE:
    default:
        OVS_NOT_REACHED();
    }
    inq->stage++;
    inq->next = 0;
}

/* Returns true if 'ask' may be asked now.  Once it may not, the window is left
 * to empty by half: one by one would cost both sides a turn for each. */
static bool
inquiry_has_room(struct inquiry *inq, const struct inquiry_ask *ask)
{
    if (!inq->n_waiting
        || (2 * inq->n_waiting <= INQUIRY_WINDOW
            && 2 * inq->n_flows_waiting <= INQUIRY_FLOWS)) {
        inq->full = false;
    }
    if (inq->n_waiting
        && (inq->n_waiting >= INQUIRY_WINDOW
            || inq->n_flows_waiting + ask->n_flows > INQUIRY_FLOWS)) {
        inq->full = true;
    }
    return !inq->full;
}

/* Fills '*ask' with a question that may be asked now, and takes it for asked.
 * Returns false if there is none: if inquiry_is_done() says so, then because
 * all are answered. */
bool
inquiry_next(struct inquiry *inq, struct inquiry_ask *ask)
{
    while (!inquiry_find(inq, ask)) {
        if (inq->n_waiting || inquiry_is_done(inq)) {
            return false;
        }
        inquiry_end_stage(inq);
    }
    if (!inquiry_has_room(inq, ask)) {
        return false;
    }
    inquiry_advance(inq);
    ask->anew = inq->anew;
    inq->anew = false;
    inq->n_waiting++;
    inq->n_flows_waiting += ask->n_flows;
    return true;
}

/* A part of the answer to TABLES: 'table' has 'n_flows', ours and others'. */
void
inquiry_table(struct inquiry *inq, uint8_t table, uint32_t n_flows)
{
    inq->tables[table] = n_flows;
}

/* The switch, of those in 'topo', has reported a flow with 'cookie', which is
 * not a learned MAC's. */
void
inquiry_flow(struct inquiry *inq, const struct topo *topo, uint64_t cookie)
{
    uint32_t vni = layout_cookie_owner(cookie);
    const struct topo_segment *segment;

    if (inq->stage != INQUIRY_EARLY
        || layout_cookie_kind(cookie) != LAYOUT_K_SEGMENT
        || (inq->n && inq->segments[inq->n - 1].vni == vni)) {
        return;
    }
    if (inq->n == inq->allocated) {
        inq->segments = x2nrealloc(inq->segments, &inq->allocated,
                                   sizeof *inq->segments);
    }
    segment = topo_segment_by_vni(topo, vni);
    inq->segments[inq->n++] = (struct inquiry_segment) {
        .vni = vni, .n_flows = segment ? 2 * segment->mac_limit : UINT32_MAX,
    };
}

/* 'ask' is answered: there are, or it has reported, 'n_flows' flows. */
void
inquiry_answered(struct inquiry *inq, const struct inquiry_ask *ask,
                 uint64_t n_flows)
{
    ovs_assert(inq->n_waiting && ask->stage == inq->stage);
    inq->n_waiting--;
    inq->n_flows_waiting -= ask->n_flows;
    if (inq->stage == INQUIRY_EARLY) {
        if (inquiry_table_is_of_macs(ask->table)) {
            inq->n_others += n_flows;
        }
    } else if (inq->stage == INQUIRY_COUNT) {
        struct inquiry_segment *segment = &inq->segments[ask->segment];

        segment->n_flows = MIN(n_flows, UINT32_MAX);
        segment->counted = true;
    } else if (inq->stage == INQUIRY_MACS) {
        inq->n_reported += n_flows;
        inq->n_answered++;
    } else if (inq->stage == INQUIRY_CHECK) {
        inq->n_learned = n_flows;
    }
}
