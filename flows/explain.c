/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "flows/explain_private.h"

#include "flows/addr.h"
#include "flows/flowset.h"
#include "flows/topo.h"
#include "openvswitch/dynamic-string.h"
#include "util.h"

/* Names. */

const char *
explain_table_name(enum layout_table table)
{
    static const char *const names[] = {
        [LAYOUT_CLASSIFY] = "CLASSIFY", [LAYOUT_GATE] = "GATE",
        [LAYOUT_SOURCE] = "SOURCE", [LAYOUT_LEARN] = "LEARN",
        [LAYOUT_POLICY] = "POLICY", [LAYOUT_NEIGH] = "NEIGH",
        [LAYOUT_DEST] = "DEST", [LAYOUT_FLOOD] = "FLOOD",
        [LAYOUT_OUTPUT] = "OUTPUT", [LAYOUT_PASS] = "PASS",
        [LAYOUT_REMOTE] = "REMOTE", [LAYOUT_TUNNEL] = "TUNNEL",
        [LAYOUT_EMIT] = "EMIT", [LAYOUT_LEASE] = "LEASE",
        [LAYOUT_ALONE] = "ALONE", [LAYOUT_WAY] = "WAY",
        [LAYOUT_FOLLOW] = "FOLLOW", [LAYOUT_NOTICE] = "NOTICE",
        [LAYOUT_TAKEN] = "TAKEN",
    };

    return names[table];
}

const char *
explain_verdict_name(enum explain_verdict verdict)
{
    switch (verdict) {
    case EXPLAIN_SENT: return "sent";
    case EXPLAIN_ON: return "on";
    case EXPLAIN_LEFT: return "left";
    case EXPLAIN_TAKEN: return "taken";
    case EXPLAIN_LIMITED: return "limited";
    case EXPLAIN_DROPPED: return "dropped";
    default: OVS_NOT_REACHED();
    }
}

char *
explain_place_name(const struct topo_place *place)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    topo_place_format(place, &s);
    return ds_steal_cstr(&s);
}

char *
explain_ip_name(const struct in6_addr *ip)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    addr_format_vtep(ip, &s);
    return ds_steal_cstr(&s);
}

/* Who counts. */

struct explain_counter
explain_by_flow(enum layout_table table, int priority, uint64_t cookie,
                char *match)
{
    return (struct explain_counter) {
        .type = EXPLAIN_BY_FLOW, .table = table, .priority = priority,
        .cookie = cookie, .match = match,
    };
}

struct explain_counter
explain_by_table(enum layout_table table)
{
    return (struct explain_counter) {
        .type = EXPLAIN_BY_TABLE, .table = table,
    };
}

struct explain_counter
explain_by_meter(uint32_t meter)
{
    return (struct explain_counter) {
        .type = EXPLAIN_BY_METER, .meter = meter,
    };
}

void
explain_counter_uninit(struct explain_counter *counter)
{
    free(counter->match);
}

/* Adds the flow that counts to 'set', with no actions: what identifies it is
 * there. */
void
explain_counter_add_flow(const struct explain_counter *counter,
                         struct flowset *set)
{
    char *text = xasprintf("table=%d,priority=%d,%s,actions=drop",
                           counter->table, counter->priority, counter->match);
    char *error = flowset_add_str(set, counter->cookie, text);

    ovs_assert(!error);
    free(text);
}

/* Appends what counts. */
void
explain_counter_format(const struct explain_counter *counter, struct ds *s)
{
    switch (counter->type) {
    case EXPLAIN_BY_FLOW:
        ds_put_format(s, "cookie=%#"PRIx64", table=%d, priority=%d, %s",
                      counter->cookie, counter->table, counter->priority,
                      counter->match);
        break;
    case EXPLAIN_BY_TABLE:
        ds_put_format(s, "table=%d, what no flow matched", counter->table);
        break;
    case EXPLAIN_BY_METER:
        ds_put_format(s, "meter=%"PRIu32, counter->meter);
        break;
    case EXPLAIN_BY_NOTHING:
    default:
        OVS_NOT_REACHED();
    }
}

/* Appends the command that shows what has been counted on 'bridge'. */
void
explain_counter_command(const struct explain_counter *counter,
                        const char *bridge, struct ds *s)
{
    switch (counter->type) {
    case EXPLAIN_BY_FLOW:
        ds_put_format(s, "ovs-ofctl dump-flows %s cookie=%#"PRIx64"/-1,"
                      "table=%d,%s", bridge, counter->cookie, counter->table,
                      counter->match);
        break;
    case EXPLAIN_BY_TABLE:
        ds_put_format(s, "ovs-ofctl dump-tables %s", bridge);
        break;
    case EXPLAIN_BY_METER:
        ds_put_format(s, "ovs-ofctl -O OpenFlow15 meter-stats %s meter=%"
                      PRIu32, bridge, counter->meter);
        break;
    case EXPLAIN_BY_NOTHING:
    default:
        OVS_NOT_REACHED();
    }
}

/* Steps and ends. */

/* Adds what 'table' does. */
void
explain_say(struct explain_walk *w, enum layout_table table,
            const char *format, ...)
{
    struct explain *out = w->out;
    va_list args;

    va_start(args, format);
    if (out->n_steps == out->allocated_steps) {
        out->steps = x2nrealloc(out->steps, &out->allocated_steps,
                                sizeof *out->steps);
    }
    out->steps[out->n_steps++] = (struct explain_step) {
        .node = xstrdup(w->node->name), .table = table,
        .text = xvasprintf(format, args),
    };
    va_end(args);
}

/* Adds an end, which the caller fills in. */
struct explain_end *
explain_end(struct explain_walk *w, enum explain_verdict verdict)
{
    struct explain *out = w->out;
    struct explain_end *end;

    if (out->n_ends == out->allocated_ends) {
        out->ends = x2nrealloc(out->ends, &out->allocated_ends,
                               sizeof *out->ends);
    }
    end = &out->ends[out->n_ends++];
    *end = (struct explain_end) {
        .node = xstrdup(w->node->name), .verdict = verdict,
        .own_tag = EXPLAIN_NO_TAG,
    };
    return end;
}

/* The frame, or a copy of it, is dropped.  Takes 'counter'. */
void
explain_drop(struct explain_walk *w, struct explain_counter counter,
             const char *format, ...)
{
    struct explain_end *end = explain_end(w, EXPLAIN_DROPPED);
    va_list args;

    va_start(args, format);
    end->reason = xvasprintf(format, args);
    va_end(args);
    end->counter = counter;
    explain_say(w, counter.table, "dropped: %s", end->reason);
}

/* A copy is not sent, which is as it should be if others are.  Takes
 * 'counter'. */
void
explain_withhold(struct explain_walk *w, struct explain_counter counter,
                 const char *format, ...)
{
    va_list args;
    char *reason;

    va_start(args, format);
    reason = xvasprintf(format, args);
    va_end(args);
    explain_say(w, counter.table, "not sent: %s", reason);
    for (size_t i = 0; i < w->n_withheld; i++) {
        if (!strcmp(w->withheld[i].reason, reason)) {
            explain_counter_uninit(&counter);
            free(reason);
            return;
        }
    }
    if (w->n_withheld == w->allocated_withheld) {
        w->withheld = x2nrealloc(w->withheld, &w->allocated_withheld,
                                 sizeof *w->withheld);
    }
    w->withheld[w->n_withheld++] = (struct explain_end) {
        .node = xstrdup(w->node->name), .verdict = EXPLAIN_DROPPED,
        .own_tag = EXPLAIN_NO_TAG, .reason = reason, .counter = counter,
    };
}

/* The frame passes unless 'meter' has let enough pass. */
void
explain_limit(struct explain_walk *w, uint32_t meter, const char *format, ...)
{
    struct explain_end *end = explain_end(w, EXPLAIN_LIMITED);
    va_list args;

    va_start(args, format);
    end->reason = xvasprintf(format, args);
    va_end(args);
    end->counter = explain_by_meter(meter);
}

static void
explain_end_uninit(struct explain_end *end)
{
    free(end->node);
    free(end->port);
    free(end->to);
    free(end->reason);
    explain_counter_uninit(&end->counter);
}

void
explain_destroy(struct explain *out)
{
    for (size_t i = 0; i < out->n_steps; i++) {
        free(out->steps[i].node);
        free(out->steps[i].text);
    }
    for (size_t i = 0; i < out->n_ends; i++) {
        explain_end_uninit(&out->ends[i]);
    }
    free(out->steps);
    free(out->ends);
}

/* Appends what has become of the frame, or a copy of it, without its node and
 * who counts. */
void
explain_end_format(const struct explain_end *end, struct ds *s)
{
    switch (end->verdict) {
    case EXPLAIN_SENT:
        ds_put_format(s, "out of port %s, ", end->port);
        if (end->vlan) {
            ds_put_format(s, "VLAN %"PRIu16, end->vlan);
        } else {
            ds_put_cstr(s, "untagged");
        }
        if (end->own_tag != EXPLAIN_NO_TAG) {
            ds_put_format(s, ", with its own tag %d", end->own_tag);
        }
        if (end->down) {
            ds_put_cstr(s, "; but the port has no link");
        }
        break;
    case EXPLAIN_ON:
    case EXPLAIN_LEFT:
        if (end->to) {
            ds_put_format(s, "on to edge %s (", end->to);
        } else {
            ds_put_cstr(s, "leaves to VTEP ");
        }
        addr_format_vtep(&end->ip, s);
        ds_put_format(s, "%s, VNI %"PRIu32"%s", end->to ? ")" : "", end->vni,
                      end->to ? "" : "; what is beyond is not known here");
        break;
    case EXPLAIN_TAKEN:
        ds_put_cstr(s, end->reason);
        break;
    case EXPLAIN_LIMITED:
    case EXPLAIN_DROPPED:
        ds_put_format(s, "%s: %s", (end->verdict == EXPLAIN_LIMITED
                                    ? "may be dropped" : "dropped"),
                      end->reason);
        break;
    default:
        OVS_NOT_REACHED();
    }
}

/* The walk of one node. */

/* Follows the frame on 'w->node', and from there. */
void
explain_node(struct explain_walk *w)
{
    bool any = false;
    size_t first = w->out->n_ends;

    explain_in(w);
    for (size_t i = first; i < w->out->n_ends; i++) {
        any |= w->out->ends[i].verdict != EXPLAIN_LIMITED;
    }
    for (size_t i = 0; i < w->n_withheld; i++) {
        if (any) {
            explain_end_uninit(&w->withheld[i]);
        } else {
            struct explain_end *end = explain_end(w, EXPLAIN_DROPPED);

            free(end->node);
            *end = w->withheld[i];
        }
    }
    free(w->withheld);
}

/* Stores into '*out' what becomes of 'frame'.  The caller destroys it. */
void
explain_frame(const struct topo *topo, const struct fdb *fdb,
              const struct explain_frame *frame, struct explain *out)
{
    struct explain_walk w = {
        .topo = topo, .fdb = fdb, .frame = frame, .out = out,
        .node = frame->node, .tunnel = frame->tunnel, .from = frame->from,
        .vni = frame->vni, .oam = frame->oam, .own_tag = frame->vlan,
        .second_tag = frame->inner,
    };

    memset(out, 0, sizeof *out);
    explain_node(&w);
}
