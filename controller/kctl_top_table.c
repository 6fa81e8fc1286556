/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* kakehashi-ctl top: its table.
 *
 * Which columns there are follows from the width.  Names get what numbers
 * leave, as far as they need it. */

#include <config.h>

#include "controller/kctl_live.h"

#include <stddef.h>
#include <stdlib.h>

#include "openvswitch/dynamic-string.h"
#include "svec.h"
#include "util.h"

struct column {
    const char *title;
    size_t width;               /* At least. */
    size_t from;                /* Width of the table from which there is
                                 * room for it. */
    size_t offset;              /* In struct kctl_row. */
    bool is_text;
};

#define TEXT(MEMBER) offsetof(struct kctl_row, MEMBER), true
#define NUMBER(MEMBER) offsetof(struct kctl_row, MEMBER), false
#define N_NAMES 3               /* Columns that grow; the first ones. */

static const struct column columns[] = {
    { "SEGMENT", 12, 0, TEXT(segment) },
    { "BINDING", 19, 0, TEXT(binding) },
    { "EDGE", 9, 0, TEXT(edge) },
    { "ROLE", 7, 120, TEXT(role) },
    { "IN/S", 7, 0, NUMBER(in) },
    { "OUT/S", 7, 0, NUMBER(out) },
    { "IN bit/s", 8, 100, NUMBER(in_bits) },
    { "OUT bit/s", 9, 100, NUMBER(out_bits) },
    { "DROPS/S", 8, 0, NUMBER(drops) },
    { "DROPPED", 7, 120, NUMBER(dropped) },
    { "LEARN/S", 8, 0, NUMBER(learn) },
    { "MACS", 6, 120, NUMBER(macs) },
};

/* How many columns of a terminal 'text' takes, in UTF-8. */
static size_t
text_width(const char *text)
{
    size_t n = 0;

    for (; *text; text++) {
        n += (*text & 0xc0) != 0x80;
    }
    return n;
}

char *
kctl_fit(const char *text, size_t width)
{
    bool cut = text_width(text) > width;
    struct ds s = DS_EMPTY_INITIALIZER;
    size_t n = 0;

    for (; *text; text++) {
        n += (*text & 0xc0) != 0x80;
        if (n > width - (cut && width)) {
            break;
        }
        ds_put_char(&s, (unsigned char) *text < ' ' || *text == 0x7f
                    ? '?' : *text);
    }
    if (cut && width) {
        ds_put_char(&s, '~');
    }
    return ds_steal_cstr(&s);
}

/* Appends 'value' in at most six characters. */
static void
put_number(double value, struct ds *s)
{
    static const char units[] = "\0kMGTPE";
    size_t unit = 0;

    if (value < 0) {
        ds_put_char(s, '-');
        return;
    }
    if (value < 9.95 && value != (int) value) {
        ds_put_format(s, "%.1f", value);
        return;
    }
    while (value >= 9999.5 && unit + 2 < sizeof units) {
        value /= 1000;
        unit++;
    }
    ds_put_format(s, unit && value < 99.95 ? "%.1f" : "%.0f", value);
    if (unit) {
        ds_put_char(s, units[unit]);
    }
}

static void
put_cell(const struct kctl_row *row, const struct column *column,
         size_t width, struct ds *s)
{
    const char *member = (const char *) row + column->offset;

    if (column->is_text) {
        char *text = kctl_fit(*(const char *const *) (const void *) member,
                              width);

        ds_put_cstr(s, text);
        ds_put_char_multiple(s, ' ', width - text_width(text));
        free(text);
    } else {
        struct ds number = DS_EMPTY_INITIALIZER;

        put_number(*(const double *) (const void *) member, &number);
        ds_put_format(s, "%*s", (int) width, ds_cstr(&number));
        ds_destroy(&number);
    }
}

/* Stores into 'widths' how wide the columns are, 0 if there is no room, in a
 * table of 'width'. */
static void
lay_out(const struct kctl_row *rows, size_t n, size_t width,
        size_t widths[ARRAY_SIZE(columns)])
{
    size_t taken = 0;

    for (size_t i = 0; i < ARRAY_SIZE(columns); i++) {
        widths[i] = width >= columns[i].from ? columns[i].width : 0;
        taken += widths[i] ? widths[i] + 1 : 0;
    }
    for (size_t i = 0; i < N_NAMES; i++) {
        size_t want = widths[i];

        for (size_t j = 0; j < n; j++) {
            const char *member = (const char *) &rows[j] + columns[i].offset;

            want = MAX(want, text_width(*(const char *const *)
                                        (const void *) member));
        }
        size_t more = MIN(want - widths[i],
                          width > taken ? width - taken : 0);
        widths[i] += more;
        taken += more;
    }
}

static bool
is_sorted_by(const struct column *column, enum kctl_sort sort)
{
    return column->offset == (sort == KCTL_SORT_IN
                              ? offsetof(struct kctl_row, in)
                              : sort == KCTL_SORT_OUT
                              ? offsetof(struct kctl_row, out)
                              : sort == KCTL_SORT_DROPS
                              ? offsetof(struct kctl_row, drops)
                              : offsetof(struct kctl_row, learn));
}

static void
add_line(struct ds *s, size_t width, struct svec *lines)
{
    svec_add_nocopy(lines, kctl_fit(ds_cstr(s), width));
    ds_clear(s);
}

void
kctl_top_table(const struct kctl_row *rows, size_t n, enum kctl_sort sort,
               size_t width, size_t most, struct svec *lines)
{
    size_t widths[ARRAY_SIZE(columns)];
    struct ds s = DS_EMPTY_INITIALIZER;

    lay_out(rows, n, width, widths);
    for (size_t i = 0; i < ARRAY_SIZE(columns); i++) {
        const struct column *c = &columns[i];

        if (widths[i]) {
            char *title = xasprintf("%s%s", is_sorted_by(c, sort) ? ">" : "",
                                    c->title);
            ds_put_format(&s, c->is_text ? "%s%-*s" : "%s%*s", i ? " " : "",
                          (int) widths[i], title);
            free(title);
        }
    }
    add_line(&s, width, lines);
    for (size_t j = 0; j < MIN(n, most); j++) {
        for (size_t i = 0; i < ARRAY_SIZE(columns); i++) {
            if (widths[i]) {
                if (i) {
                    ds_put_char(&s, ' ');
                }
                put_cell(&rows[j], &columns[i], widths[i], &s);
            }
        }
        add_line(&s, width, lines);
    }
    ds_destroy(&s);
}
