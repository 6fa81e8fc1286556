/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "controller/conf_options.h"

#include "flows/topo.h"
#include "smap.h"
#include "util.h"

/* Keys of 'options'.  What makes no sense does not count, and its row says so;
 * a key that is not known may be one of the next version. */

#define CONF_MAX_LIMIT 100000000
#define CONF_MAX_LOOP_PROBE 3600

/* A flood has room for some more, see Limits in docs/architecture.md. */
#define CONF_VTEP_LIMIT 32
#define CONF_MAX_VTEP_LIMIT 1000

/* Returns the limit that 'key' says, or 0 if there is none.  Puts what is
 * wrong with it into '*error', unless there is an error already. */
static uint32_t
conf_read_limit(const struct smap *options, const char *key, char **error)
{
    const char *value = smap_get(options, key);
    unsigned int n;

    if (!value) {
        return 0;
    }
    if (str_to_uint(value, 10, &n) && n && n <= CONF_MAX_LIMIT) {
        return n;
    }
    if (!*error) {
        *error = xasprintf("options:%s \"%s\" is not a number from 1 to %d; "
                           "there is no such limit",
                           key, value, CONF_MAX_LIMIT);
    }
    return 0;
}

/* Reads what becomes of BPDUs that come in by a binding.  Puts what is wrong
 * with that into '*error', unless there is an error already. */
static enum topo_bpdu
conf_read_bpdu(const struct smap *options, char **error)
{
    static const char *const names[] = {
        [TOPO_BPDU_DROP] = "drop",
        [TOPO_BPDU_GUARD] = "guard",
        [TOPO_BPDU_FORWARD] = "forward",
    };
    const char *value = smap_get_def(options, "bpdu", names[TOPO_BPDU_DROP]);

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (!strcmp(value, names[i])) {
            return i;
        }
    }
    if (!*error) {
        *error = xasprintf("options:bpdu \"%s\" is none of drop, guard and "
                           "forward; it is drop", value);
    }
    return TOPO_BPDU_DROP;
}

/* Reads how often a binding sends a probe for loops, in seconds; 0: not. */
static unsigned int
conf_read_loop_probe(const struct smap *options, char **error)
{
    const char *value = smap_get(options, "loop_probe");
    unsigned int n;

    if (!value) {
        return 0;
    }
    if (str_to_uint(value, 10, &n) && n && n <= CONF_MAX_LOOP_PROBE) {
        return n;
    }
    if (!*error) {
        *error = xasprintf("options:loop_probe \"%s\" is not a number of "
                           "seconds from 1 to %d; there are no probes",
                           value, CONF_MAX_LOOP_PROBE);
    }
    return 0;
}

/* Reads the limits of a binding.  Puts what is wrong with them into '*error',
 * unless there is an error already. */
static void
conf_read_limits(const struct smap *options,
                 struct topo_limit limits[TOPO_N_DIRECTIONS], char **error)
{
    static const struct {
        const char *packets, *kbits;
    } keys[TOPO_N_DIRECTIONS] = {
        [TOPO_IN] = { "bum_in_pps", "bum_in_kbps" },
        [TOPO_OUT] = { "bum_out_pps", "bum_out_kbps" },
    };

    for (int i = 0; i < TOPO_N_DIRECTIONS; i++) {
        uint32_t packets = conf_read_limit(options, keys[i].packets, error);
        uint32_t kbits = conf_read_limit(options, keys[i].kbits, error);

        if (packets && kbits && !*error) {
            *error = xasprintf("options:%s does not count beside %s",
                               keys[i].kbits, keys[i].packets);
        }
        limits[i].packets = packets != 0;
        limits[i].rate = packets ? packets : kbits;
    }
}

/* Reads into 'row' the options of a binding, and what is wrong with them, or
 * NULL. */
void
conf_read_binding_options(const struct smap *options,
                          struct topo_attach_row *row)
{
    row->complaint = NULL;
    conf_read_limits(options, row->limits, &row->complaint);
    row->bpdu = conf_read_bpdu(options, &row->complaint);
    row->loop_probe = conf_read_loop_probe(options, &row->complaint);
}

/* Reads whether 'row' drops frames to unknown unicast addresses. */
static char *
conf_read_unknown(const struct smap *options, struct topo_segment_row *row)
{
    const char *value = smap_get_def(options, "unknown_unicast", "flood");

    row->drop_unknown = !strcmp(value, "drop");
    return (row->drop_unknown || !strcmp(value, "flood") ? NULL
            : xasprintf("options:unknown_unicast \"%s\" is neither flood nor "
                        "drop; it is flood", value));
}

/* Reads whether 'row' learns VTEPs, and how many. */
static char *
conf_read_vteps(const struct smap *options, struct topo_segment_row *row)
{
    const char *learn = smap_get_def(options, "learn_vteps", "false");
    const char *limit = smap_get(options, "vtep_limit");
    unsigned int n = CONF_VTEP_LIMIT;
    char *error = NULL;

    if (limit && (!str_to_uint(limit, 10, &n) || !n
                  || n > CONF_MAX_VTEP_LIMIT)) {
        error = xasprintf("options:vtep_limit \"%s\" is not a number from 1 "
                          "to %d; it is %d", limit, CONF_MAX_VTEP_LIMIT,
                          CONF_VTEP_LIMIT);
        n = CONF_VTEP_LIMIT;
    }
    if (!strcmp(learn, "true")) {
        row->vtep_limit = n;
    } else if (strcmp(learn, "false") && !error) {
        error = xasprintf("options:learn_vteps \"%s\" is neither true nor "
                          "false; it is false", learn);
    }
    return error;
}

/* Reads the options of a segment, and returns what is wrong with them, or
 * NULL. */
char *
conf_read_segment_options(const struct smap *options,
                          struct topo_segment_row *row)
{
    char *unknown = conf_read_unknown(options, row);
    char *vteps = conf_read_vteps(options, row);

    if (unknown) {
        free(vteps);
        return unknown;
    }
    return vteps;
}
