/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef FLOWS_EXPOSITION_H
#define FLOWS_EXPOSITION_H 1

/* Writes metrics as Prometheus reads them: in its text format 0.0.4, or in
 * OpenMetrics 1.0.0.
 *
 *     exposition_init(&e, openmetrics);
 *     exposition_family(&e, EXPOSITION_COUNTER, "kakehashi_packet_ins", NULL,
 *                       "Packet-ins of an edge.");
 *     exposition_add(&e, n, "edge", "edge1", NULL);
 *     ...
 *     text = exposition_finish(&e);
 *
 * A family's name has no "_total": that is added where a counter wants it.
 * Its unit, if it has one, is the last word of the name.  All samples of a
 * family follow it, before the next.  Label values and help may be any UTF-8:
 * what the formats want to have escaped is.
 *
 * The names are the caller's, and literals. */

#include <stdbool.h>
#include "openvswitch/dynamic-string.h"

enum exposition_type {
    EXPOSITION_GAUGE, EXPOSITION_COUNTER, EXPOSITION_SUMMARY
};

struct exposition {
    struct ds s;
    bool openmetrics;
    enum exposition_type type;  /* Of the family. */
    const char *name;
};

void exposition_init(struct exposition *, bool openmetrics);
void exposition_family(struct exposition *, enum exposition_type,
                       const char *name, const char *unit, const char *help);
void exposition_sample(struct exposition *, double value,
                       const char *const labels[]);
void exposition_summary(struct exposition *, double sum, double count,
                        const char *const labels[]);
/* The same with the labels, their names and values by turns and then NULL, as
 * arguments. */
#define EXPOSITION_LABELS(...) ((const char *const[]) { __VA_ARGS__ })
#define exposition_add(E, VALUE, ...) \
    exposition_sample(E, VALUE, EXPOSITION_LABELS(__VA_ARGS__))
#define exposition_add_summary(E, SUM, COUNT, ...) \
    exposition_summary(E, SUM, COUNT, EXPOSITION_LABELS(__VA_ARGS__))

char *exposition_finish(struct exposition *);

#endif /* flows/exposition.h */
