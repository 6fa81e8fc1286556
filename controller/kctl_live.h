/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_KCTL_LIVE_H
#define CONTROLLER_KCTL_LIVE_H 1

/* kakehashi-ctl's commands that follow a running controller: monitor, top.
 *
 * They ask the controller on this machine by its control socket, as ovs-appctl
 * does, and leave the database alone; so each is alone on its command line,
 * and is never handed over to a kakehashi-ctl that is a daemon.
 *
 *     kctl_live.c     their options, and questions to the controller
 *     kctl_monitor.c  monitor: a line for each event
 *     kctl_top.c      top: what bindings do, again and again
 *     kctl_top_table.c  its table, in as many columns as there are
 *     kctl_screen.c   the terminal
 *
 * What a controller answers may be of another version: whatever is missing or
 * of another type is left out.
 *
 * A controller that goes away is waited for; one that is not there to begin
 * with is an error. */

#include <stdbool.h>
#include <stddef.h>

#include "controller/kctl_options.h"

struct ds;
struct json;
struct jsonrpc;
struct shash;
struct svec;

enum kctl_sort { KCTL_SORT_IN, KCTL_SORT_OUT, KCTL_SORT_DROPS,
                 KCTL_SORT_LEARN };

struct kctl_live {
    const char *target;         /* A name, or the path of a socket. */
    const char *segment;        /* NULL: all. */
    bool json;
    bool once;
    double interval;            /* Seconds. */
    enum kctl_sort sort;
    long long int deadline;     /* time_msec() at which to end. */

    struct jsonrpc *rpc;        /* NULL while not connected. */
    bool met;                   /* It has been connected. */
    bool ended;                 /* The last one has ended. */
};

bool kctl_is_live(const char *command);

/* Runs the command that 'argv' begins with, which ends with NULL.  'options'
 * and 'local' are what stood before it.  Returns the exit status. */
int kctl_live(char *argv[], const struct kctl_options *options,
              const struct shash *local);

/* These return NULL, or what is wrong, which the caller frees.
 *
 * kctl_live_ask() connects if need be.  If the connection is lost, then or
 * later, 'rpc' is NULL afterwards, otherwise the controller has said what is
 * wrong.  It takes 'args', an array of strings, and stores an object into
 * '*answer'. */
char *kctl_live_ask(struct kctl_live *, const char *command,
                    struct json *args, long long int deadline,
                    struct json **answer);
void kctl_live_close(struct kctl_live *);

int kctl_monitor(struct kctl_live *);
int kctl_top(struct kctl_live *);

/* ---- kctl_top_table.c --------------------------------------------------- */

/* What a binding does on an edge; numbers below 0 are not known. */
struct kctl_row {
    char *key;                  /* Segment, binding and edge. */
    char *segment, *binding, *edge;
    const char *role;
    double in, out;             /* Frames per second... */
    double in_bits, out_bits;   /* ...and bits. */
    double drops, learn;        /* Per second. */
    double dropped, macs;       /* Numbers. */
};

/* Appends lines of at most 'width' columns: first the titles, then, if there
 * are no more than 'most', the rows. */
void kctl_top_table(const struct kctl_row *rows, size_t n, enum kctl_sort,
                    size_t width, size_t most, struct svec *lines);

/* Returns 'text', of any origin, fit for a terminal and for 'width'
 * columns. */
char *kctl_fit(const char *text, size_t width);

/* ---- kctl_screen.c ------------------------------------------------------ */

/* Whether standard output is a terminal on which one can go back. */
bool kctl_screen_is_able(void);
void kctl_screen_open(void);
void kctl_screen_close(void);   /* Happens by itself when the program ends. */
void kctl_screen_size(size_t *width, size_t *height);
void kctl_screen_draw(const struct svec *lines, size_t inverse);
int kctl_screen_key(void);      /* Or EOF if none was pressed. */
void kctl_screen_wait(void);

#endif /* controller/kctl_live.h */
