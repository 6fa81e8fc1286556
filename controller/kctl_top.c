/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* kakehashi-ctl top: what bindings do, again and again.
 *
 * How many frames there are per second the controller knows.  How many are
 * dropped and learned it counts, and the rates are made here of what two
 * samples differ by. */

#include <config.h>

#include "controller/kctl_live.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/shash.h"
#include "svec.h"
#include "timeval.h"
#include "util.h"

#define ANSWER_MSEC 10000       /* Then the controller does not answer. */
#define PIPE_COLUMNS 500        /* Of what is no terminal. */

/* What was counted for a row the last time. */
struct past {
    double learned, dropped;    /* Numbers; below 0: not known. */
    long long int at;
    double drops;               /* Per second... */
    long long int drops_until;  /* ...until then, unless there are more. */
    bool current;
};

struct top {
    struct kctl_live *live;
    struct kctl_row *rows;
    size_t n;
    size_t n_edges, n_segments;
    bool asks;                  /* Edges are asked what they count. */
    struct shash pasts;         /* Of struct past, by the keys of rows. */
    char *notice;               /* Or NULL. */
};

/* ---- JSON. -------------------------------------------------------------- */

static const struct json *
get(const struct json *json, const char *name)
{
    return (json && json->type == JSON_OBJECT
            ? shash_find_data(json_object(json), name) : NULL);
}

static double
get_number(const struct json *json, const char *name)
{
    const struct json *value = get(json, name);

    return (!value ? -1
            : value->type == JSON_INTEGER ? json_integer(value)
            : value->type == JSON_REAL ? json_real(value)
            : -1);
}

static const char *
get_string(const struct json *json, const char *name)
{
    const struct json *value = get(json, name);

    return value && value->type == JSON_STRING ? json_string(value) : "";
}

static bool
get_boolean(const struct json *json, const char *name)
{
    const struct json *value = get(json, name);

    return value && value->type == JSON_TRUE;
}

/* Returns how many elements the array 'name' of 'json' has, and stores them
 * into '*elems'. */
static size_t
get_array(const struct json *json, const char *name, struct json ***elems)
{
    const struct json *value = get(json, name);

    *elems = NULL;
    if (!value || value->type != JSON_ARRAY) {
        return 0;
    }
    *elems = json_array(value)->elems;
    return json_array(value)->n;
}

/* ---- Samples. ----------------------------------------------------------- */

static void
clear_rows(struct top *top)
{
    for (size_t i = 0; i < top->n; i++) {
        free(top->rows[i].key);
        free(top->rows[i].segment);
        free(top->rows[i].binding);
        free(top->rows[i].edge);
    }
    free(top->rows);
    top->rows = NULL;
    top->n = 0;
}

/* Fills 'places' with the places of the answer to "show", by segment and
 * location. */
static void
index_places(const struct json *show, struct shash *places)
{
    struct json **segments, **elems;
    size_t n = get_array(show, "segments", &segments);

    for (size_t i = 0; i < n; i++) {
        size_t n_elems = get_array(segments[i], "places", &elems);

        for (size_t j = 0; j < n_elems; j++) {
            char *key = xasprintf("%s %s", get_string(segments[i], "name"),
                                  get_string(elems[j], "location"));

            shash_replace(places, key, elems[j]);
            free(key);
        }
    }
}

static double
sum_dropped(const struct json *binding)
{
    const struct json *dropped = get(binding, "dropped");
    const struct shash_node *node;
    double sum = 0;

    if (!dropped || dropped->type != JSON_OBJECT) {
        return -1;
    }
    SHASH_FOR_EACH (node, json_object(dropped)) {
        sum += MAX(0, get_number(node->data, "frames"));
    }
    return sum;
}

/* Makes rates for 'row' of what has been counted by 'now'.  Switches are asked
 * once in 'period' milliseconds. */
static void
compare_with_past(struct top *top, struct kctl_row *row, double learned,
                  double period, long long int now)
{
    struct past *past = shash_find_data(&top->pasts, row->key);

    row->drops = row->learn = -1;
    if (!past) {
        past = xzalloc(sizeof *past);
        shash_add(&top->pasts, row->key, past);
    } else if (now > past->at) {
        double elapsed = now - past->at;
        double more = row->dropped - past->dropped;

        if (learned >= past->learned && past->learned >= 0) {
            row->learn = (learned - past->learned) * 1000 / elapsed;
        }
        if (more > 0 && past->dropped >= 0) {
            past->drops = more * 1000 / MAX(period, elapsed);
            past->drops_until = now + 1.5 * MAX(period, elapsed);
        } else if (now >= past->drops_until) {
            past->drops = 0;
        }
        row->drops = row->dropped >= 0 ? past->drops : -1;
    }
    past->learned = learned;
    past->dropped = row->dropped;
    past->at = now;
    past->current = true;
}

static void
make_row(struct top *top, const struct json *binding,
         const struct shash *places, long long int now, struct kctl_row *row)
{
    const struct json *in = get(binding, "in"), *out = get(binding, "out");
    bool active = get_boolean(binding, "active");
    double in_bytes = get_number(in, "bytes_per_s");
    double out_bytes = get_number(out, "bytes_per_s");

    *row = (struct kctl_row) {
        .segment = xstrdup(get_string(binding, "segment")),
        .binding = xstrdup(get_string(binding, "binding")),
        .edge = xstrdup(get_string(binding, "edge")),
        .role = (get_boolean(binding, "closed") ? "closed"
                 : active ? "active" : "standby"),
        .in = get_number(in, "frames_per_s"),
        .out = get_number(out, "frames_per_s"),
        .in_bits = in_bytes >= 0 ? in_bytes * 8 : -1,
        .out_bits = out_bytes >= 0 ? out_bytes * 8 : -1,
        .dropped = sum_dropped(binding),
        .macs = -1,
    };
    row->key = xasprintf("%s %s %s", row->segment, row->binding, row->edge);

    /* MACs are a cluster's; they are told where its frames are. */
    double learned = -1;
    if (active) {
        char *key = xasprintf("%s %s", row->segment, row->binding);
        const struct json *place = shash_find_data(places, key);

        learned = get_number(place, "learned");
        row->macs = get_number(place, "macs");
        free(key);
    }
    compare_with_past(top, row, learned, get_number(binding, "period_ms"),
                      now);
}

static void
forget_pasts(struct top *top)
{
    struct shash_node *node;

    SHASH_FOR_EACH_SAFE (node, &top->pasts) {
        struct past *past = node->data;

        if (!past->current) {
            shash_delete(&top->pasts, node);
            free(past);
        } else {
            past->current = false;
        }
    }
}

static double
sort_value(const struct kctl_row *row, enum kctl_sort sort)
{
    return (sort == KCTL_SORT_IN ? row->in
            : sort == KCTL_SORT_OUT ? row->out
            : sort == KCTL_SORT_DROPS ? row->drops
            : row->learn);
}

static int
compare_rows(const void *a_, const void *b_, void *sort)
{
    const struct kctl_row *a = a_, *b = b_;
    double x = sort_value(a, *(const enum kctl_sort *) sort);
    double y = sort_value(b, *(const enum kctl_sort *) sort);

    return x > y ? -1 : x < y ? 1 : strcmp(a->key, b->key);
}

static char *
ask(struct top *top, const char *command, struct json **answer)
{
    return kctl_live_ask(top->live, command,
                         json_array_create_1(
                             json_string_create("--format=json")),
                         MIN(top->live->deadline, time_msec() + ANSWER_MSEC),
                         answer);
}

/* Asks the controller.  Returns what is wrong, or NULL. */
static char *
take_sample(struct top *top)
{
    struct shash places = SHASH_INITIALIZER(&places);
    struct json *stats, *show = NULL;
    struct json **elems;

    char *error = ask(top, "stats/show", &stats);
    if (!error) {
        error = ask(top, "show", &show);
    }
    if (!error) {
        long long int now = time_msec();

        clear_rows(top);
        index_places(show, &places);
        top->asks = get_number(stats, "interval_ms") != 0;
        top->n_edges = get_array(stats, "edges", &elems);
        top->n_segments = get_array(stats, "segments", &elems);
        top->n = get_array(stats, "bindings", &elems);
        top->rows = xmalloc(MAX(1, top->n) * sizeof *top->rows);
        for (size_t i = 0; i < top->n; i++) {
            make_row(top, elems[i], &places, now, &top->rows[i]);
        }
        forget_pasts(top);
        shash_destroy(&places);
    }
    json_destroy(stats);
    json_destroy(show);
    return error;
}

/* ---- Pictures. ---------------------------------------------------------- */

/* What is above the table: two lines. */
static void
add_head(const struct top *top, size_t width, struct svec *lines)
{
    char *line = xasprintf(
        "%"PRIuSIZE" edges, %"PRIuSIZE" segments, %"PRIuSIZE" bindings; sort "
        "by (i)n, (o)ut, (d)rops, (l)earn; (q)uit",
        top->n_edges, top->n_segments, top->n);

    svec_add_nocopy(lines, kctl_fit(line, width));
    svec_add_nocopy(lines, kctl_fit(
                        top->notice ? top->notice
                        : !top->asks ? "edges are not asked what they count: "
                        "options:stats_interval is 0" : "", width));
    free(line);
}

static void
draw(struct top *top)
{
    struct svec lines = SVEC_EMPTY_INITIALIZER;
    size_t width, height;

    kctl_screen_size(&width, &height);
    qsort_r(top->rows, top->n, sizeof *top->rows, compare_rows,
            &top->live->sort);
    add_head(top, width, &lines);
    kctl_top_table(top->rows, top->n, top->live->sort, width,
                   height > 3 ? height - 3 : 0, &lines);
    while (lines.n > height) {
        free(lines.names[--lines.n]);
    }
    kctl_screen_draw(&lines, 2);
    svec_destroy(&lines);
}

/* On what is no screen: the table, as wide as it has to be. */
static void
print(struct top *top)
{
    struct svec lines = SVEC_EMPTY_INITIALIZER;
    const char *columns = getenv("COLUMNS");
    unsigned int width;
    const char *line;
    size_t i;

    if (!columns || !str_to_uint(columns, 10, &width) || !width) {
        width = PIPE_COLUMNS;
    }
    qsort_r(top->rows, top->n, sizeof *top->rows, compare_rows,
            &top->live->sort);
    kctl_top_table(top->rows, top->n, top->live->sort, width, SIZE_MAX,
                   &lines);
    SVEC_FOR_EACH (i, line, &lines) {
        puts(line);
    }
    svec_destroy(&lines);
    fflush(stdout);
}

/* ---- Turns. ------------------------------------------------------------- */

/* Returns false if 'key' says to end. */
static bool
take_key(struct kctl_live *live, int key)
{
    live->sort = (key == 'i' ? KCTL_SORT_IN
                  : key == 'o' ? KCTL_SORT_OUT
                  : key == 'd' ? KCTL_SORT_DROPS
                  : key == 'l' ? KCTL_SORT_LEARN
                  : live->sort);
    return key != 'q' && key != 'Q';
}

/* Shows what there is until 'until'.  Returns false if it is to end. */
static bool
show_until(struct top *top, bool screen, long long int until)
{
    long long int end = MIN(until, top->live->deadline);

    if (!screen) {
        /* A former controller's is not printed once more. */
        if (top->notice) {
            ovs_error(0, "%s", top->notice);
        } else {
            print(top);
        }
    }
    while (time_msec() < end) {
        if (screen) {
            int key = kctl_screen_key();

            if (!take_key(top->live, key)) {
                return false;
            }
            if (key != EOF) {
                continue;
            }
            draw(top);
            kctl_screen_wait();
        }
        poll_timer_wait_until(end);
        poll_block();
    }
    return time_msec() < top->live->deadline && !ferror(stdout);
}

/* Takes a sample.  That a controller has gone is for 'notice'; returns what
 * else is wrong. */
static char *
refresh(struct top *top)
{
    char *error = take_sample(top);

    free(top->notice);
    top->notice = NULL;
    if (error && !top->live->rpc && top->live->met) {
        top->notice = error;
        error = NULL;
    }
    return error;
}

static char *
run(struct top *top)
{
    long long int interval = top->live->interval * 1000;
    bool screen = !top->live->once && kctl_screen_is_able();

    /* With the second one there are rates; it need not be late. */
    char *error = refresh(top);
    if (!error && top->live->once) {
        poll_timer_wait(MIN(interval, 1000));
        poll_block();
        error = refresh(top);
        if (!error && top->notice) {
            error = xstrdup(top->notice);
        } else if (!error) {
            print(top);
        }
        return error;
    }
    if (!error && screen) {
        kctl_screen_open();
    }
    for (long long int wait = MIN(interval, 1000);
         !error && show_until(top, screen, time_msec() + wait);
         wait = interval) {
        error = refresh(top);
        if (!screen) {
            putchar('\n');
        }
    }
    if (screen) {
        kctl_screen_close();
    }
    return error;
}

int
kctl_top(struct kctl_live *live)
{
    struct top top = {
        .live = live,
        .pasts = SHASH_INITIALIZER(&top.pasts),
    };
    char *error = run(&top);

    if (error) {
        ovs_error(0, "%s", error);
    }
    clear_rows(&top);
    shash_destroy_free_data(&top.pasts);
    free(top.notice);
    int status = error ? EXIT_FAILURE : EXIT_SUCCESS;
    free(error);
    return status;
}
