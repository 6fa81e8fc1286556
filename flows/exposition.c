/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "flows/exposition.h"

#include <math.h>
#include "util.h"

/* Begins, in OpenMetrics or else in the older text format. */
void
exposition_init(struct exposition *e, bool openmetrics)
{
    ds_init(&e->s);
    e->openmetrics = openmetrics;
    e->name = NULL;
}

/* Appends 'text' with what has a meaning of its own escaped: backslashes, ends
 * of lines, and if 'quotes' is set these too. */
static void
exposition_escape(struct ds *s, const char *text, bool quotes)
{
    for (; *text; text++) {
        if (*text == '\n') {
            ds_put_cstr(s, "\\n");
        } else {
            if (*text == '\\' || (*text == '"' && quotes)) {
                ds_put_char(s, '\\');
            }
            ds_put_char(s, *text);
        }
    }
}

/* Begins the family 'name' of metrics, whose last word is 'unit' unless that
 * is NULL. */
void
exposition_family(struct exposition *e, enum exposition_type type,
                  const char *name, const char *unit, const char *help)
{
    static const char *const types[] = { "gauge", "counter", "summary" };
    const char *end = (type == EXPOSITION_COUNTER && !e->openmetrics
                       ? "_total" : "");

    e->name = name;
    e->type = type;
    ds_put_format(&e->s, "# HELP %s%s ", name, end);
    exposition_escape(&e->s, help, e->openmetrics);
    ds_put_format(&e->s, "\n# TYPE %s%s %s\n", name, end, types[type]);
    if (unit && e->openmetrics) {
        ds_put_format(&e->s, "# UNIT %s %s\n", name, unit);
    }
}

static void
exposition_put(struct exposition *e, const char *suffix, double value,
               const char *const *labels)
{
    char separator = '{';

    ds_put_format(&e->s, "%s%s", e->name, suffix);
    for (; labels[0]; labels += 2) {
        ds_put_format(&e->s, "%c%s=\"", separator, labels[0]);
        exposition_escape(&e->s, labels[1], true);
        ds_put_char(&e->s, '"');
        separator = ',';
    }
    if (separator == ',') {
        ds_put_char(&e->s, '}');
    }
    if (value == floor(value) && fabs(value) < 1e18) {
        ds_put_format(&e->s, " %.0f\n", value);
    } else {
        ds_put_format(&e->s, " %.15g\n", value);
    }
}

/* Appends a sample of the family, a gauge or a counter, with 'labels': names
 * and values by turns, then NULL. */
void
exposition_sample(struct exposition *e, double value,
                  const char *const labels[])
{
    ovs_assert(e->type != EXPOSITION_SUMMARY);
    exposition_put(e, e->type == EXPOSITION_COUNTER ? "_total" : "", value,
                   labels);
}

/* The same for a summary. */
void
exposition_summary(struct exposition *e, double sum, double count,
                   const char *const labels[])
{
    ovs_assert(e->type == EXPOSITION_SUMMARY);
    exposition_put(e, "_sum", sum, labels);
    exposition_put(e, "_count", count, labels);
}

/* Ends.  Returns the text, which is the caller's. */
char *
exposition_finish(struct exposition *e)
{
    if (e->openmetrics) {
        ds_put_cstr(&e->s, "# EOF\n");
    }
    return ds_steal_cstr(&e->s);
}
