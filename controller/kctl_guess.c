/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* What was meant by a name that there is not. */

#include <config.h>

#include "controller/kctl.h"

#include <stdlib.h>
#include <string.h>

#include "controller/kctl_index.h"
#include "flows/near.h"
#include "openvswitch/dynamic-string.h"
#include "svec.h"
#include "util.h"

/* ---- Names of rows. ----------------------------------------------------- */

static void
offer_segments(struct near *near, const struct ovsdb_idl *idl)
{
    const struct kkrec_segment *segment;

    KKREC_SEGMENT_FOR_EACH (segment, idl) {
        near_offer(near, segment->name);
    }
}

static void
offer_edges(struct near *near, const struct ovsdb_idl *idl)
{
    const struct kkrec_edge *edge;

    KKREC_EDGE_FOR_EACH (edge, idl) {
        near_offer(near, edge->name);
    }
}

static void
offer_clusters(struct near *near, const struct ovsdb_idl *idl)
{
    const struct kkrec_cluster *cluster;

    KKREC_CLUSTER_FOR_EACH (cluster, idl) {
        near_offer(near, cluster->name);
    }
}

static const struct {
    enum kctl_names names;
    const char *what;
    const char *table;
    void (*offer)(struct near *, const struct ovsdb_idl *);
} kinds[] = {
    { KCTL_CLUSTERS, "cluster", "Cluster", offer_clusters },
    { KCTL_EDGES, "edge", "Edge", offer_edges },
    { KCTL_SEGMENTS, "segment", "Segment", offer_segments },
};

void
kctl_no_such(struct ctl_context *ctx, enum kctl_names names, const char *name)
{
    struct ds what = DS_EMPTY_INITIALIZER;
    struct near near;

    near_init(&near, name);
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        if (names & kinds[i].names) {
            ds_put_format(&what, "%s%s", what.length ? " or " : "",
                          kinds[i].what);
            kinds[i].offer(&near, ctx->idl);
        }
    }

    char *error = near_complain(&near, "no %s named \"%s\"", ds_cstr(&what),
                                name);
    ctl_error(ctx, "%s", error);
    free(error);
    ds_destroy(&what);
}

/* Is 'name' at the same VLAN?  Numbers are near to each other that have
 * nothing to do with each other. */
static bool
same_vlan(const char *name, const char *location)
{
    const char *a = strrchr(name, '/');
    const char *b = strrchr(location, '/');

    return a && b && !strcmp(a, b);
}

char *
kctl_guess_location(struct ctl_context *ctx,
                    const struct kkrec_segment *segment, const char *location)
{
    struct svec names = SVEC_EMPTY_INITIALIZER;
    const struct kkrec_host_port *hp;
    const struct kkrec_binding *b;
    struct kctl_scan scan;
    struct near near;
    const char *name;
    size_t i;

    kctl_scan_segment_bindings(&scan, ctx, segment);
    KCTL_SCAN (b, &scan, b->segment == segment) {
        struct ds s = DS_EMPTY_INITIALIZER;

        kctl_format_binding(b, &s);
        if (same_vlan(ds_cstr(&s), location)) {
            svec_add(&names, ds_cstr(&s));
        }
        ds_destroy(&s);
    }
    kctl_scan_segment_host_ports(&scan, ctx, segment);
    KCTL_SCAN (hp, &scan, hp->segment == segment) {
        struct ds s = DS_EMPTY_INITIALIZER;

        kctl_format_host_port(hp, &s);
        svec_add_nocopy(&names, ds_steal_cstr(&s));
    }

    near_init(&near, location);
    SVEC_FOR_EACH (i, name, &names) {
        near_offer(&near, name);
    }
    char *hint = near_hint(&near);
    svec_destroy(&names);
    return hint;
}

static void
offer_rows(struct near *near, const struct ovsdb_idl *idl, const char *table)
{
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        if (idl && !strcmp(table, kinds[i].table)) {
            kinds[i].offer(near, idl);
        }
    }
}

/* ---- Names of commands, tables and columns. ----------------------------- */

/* The library does not tell which commands there are. */
static const char *const other_commands[] = {
    "init", "sync", "show", "export", "apply", "history", "rollback",
    "list", "find", "get", "set", "add", "remove", "clear", "create",
    "destroy", "wait-until", "comment",
};

static void
offer_commands(struct near *near)
{
    const struct ctl_command_syntax *const ours[] = {
        kctl_node_commands, kctl_segment_commands, kctl_station_commands,
    };

    for (size_t i = 0; i < ARRAY_SIZE(other_commands); i++) {
        near_offer(near, other_commands[i]);
    }
    for (size_t i = 0; i < ARRAY_SIZE(ours); i++) {
        for (const struct ctl_command_syntax *c = ours[i]; c->name; c++) {
            near_offer(near, c->name);
        }
    }
}

static void
offer_tables(struct near *near)
{
    for (size_t i = 0; i < KKREC_N_TABLES; i++) {
        near_offer(near, kkrec_table_classes[i].name);
    }
}

static void
offer_columns(struct near *near, const char *table)
{
    for (size_t i = 0; i < KKREC_N_TABLES; i++) {
        const struct ovsdb_idl_table_class *class = &kkrec_table_classes[i];

        for (size_t j = 0; j < class->n_columns
                           && !strcmp(class->name, table); j++) {
            near_offer(near, class->columns[j].name);
        }
    }
}

/* ---- Errors of the library. --------------------------------------------- */

/* If 'error' is 'before', TABLE (if 'table' is not NULL), 'between', a word
 * and then 'after', returns that word, which the caller frees, and puts the
 * table into '*table' likewise. */
static char *
match(const char *error, const char *before, char **table,
      const char *between, const char *after)
{
    const char *p = error + strlen(before);

    if (strncmp(error, before, strlen(before))) {
        return NULL;
    }

    const char *q = strstr(p, between);
    const char *word = q ? q + strlen(between) : NULL;
    const char *end = word ? strstr(word, after) : NULL;
    if (!end || (!table && q != p)) {
        return NULL;
    }
    if (table) {
        *table = xmemdup0(p, q - p);
    }
    return xmemdup0(word, end - word);
}

/* Appends a hint to 'error', and returns what comes of it. */
char *
kctl_guess(const struct ovsdb_idl *idl, char *error)
{
    char *table = NULL;
    struct near near;
    char *word;

    near_init(&near, "");
    if ((word = match(error, "unknown command '", NULL, "", "'"))) {
        near_init(&near, word);
        offer_commands(&near);
    } else if ((word = match(error, "unknown table \"", NULL, "", "\""))) {
        near_init(&near, word);
        offer_tables(&near);
    } else if ((word = match(error, "", &table, " does not contain a column "
                             "whose name matches \"", "\""))) {
        near_init(&near, word);
        offer_columns(&near, table);
    } else if ((word = match(error, "no row \"", &table, "\" in table ",
                             ""))) {
        /* Here it is the table that comes last. */
        free(word);
        word = table;
        table = xstrdup(strrchr(error, ' ') + 1);
        near_init(&near, word);
        offer_rows(&near, idl, table);
    }

    char *complaint = near_complain(&near, "%s", error);
    free(error);
    free(table);
    free(word);
    return complaint;
}

/* ---- Keys of columns. --------------------------------------------------- */

/* The keys that mean something, see database.md.  The schema takes any, and so
 * one that is misspelled would just have no effect. */
static const struct {
    const char *table;
    const char *column;
    const char *keys[8];
} known[] = {
    { "Kakehashi_Global", "options",
      { "announce_rate", "close_macs", "close_time", "flap_hold",
        "flap_moves", "flap_window", "learn_rate", "stats_interval" } },
    { "Segment", "options", { "learn_vteps", "unknown_unicast",
                              "vtep_limit" } },
    { "Edge", "other_config", { "certificate-cn" } },
    { "Cluster", "other_config", { "holddown", KCTL_IMPLICIT } },
    { "Binding", "options", { "bpdu", "bum_in_pps", "bum_in_kbps",
                              "bum_out_pps", "bum_out_kbps", "loop_probe" } },
};

/* Reports an error if 'key' is not, but almost is, one of 'column'. */
static bool
check_key(struct ctl_context *ctx, const char *table, const char *column,
          const char *key)
{
    struct near near;

    near_init(&near, key);
    for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
        for (size_t j = 0; j < ARRAY_SIZE(known[i].keys)
                           && known[i].keys[j]; j++) {
            if (strcasecmp(known[i].table, table)
                || strcasecmp(known[i].column, column)) {
                break;
            } else if (!strcmp(known[i].keys[j], key)) {
                return true;
            }
            near_offer(&near, known[i].keys[j]);
        }
    }
    if (near.best) {
        char *error = near_complain(&near, "nothing reads \"%s\" in column "
                                    "%s of table %s", key, column, table);
        ctl_error(ctx, "%s", error);
        free(error);
        return false;
    }
    return true;
}

/* The same for the keys of 'pairs', "KEY=VALUE,..." with braces or without.
 * A quoted key is meant as it is. */
static bool
check_pairs(struct ctl_context *ctx, const char *table, const char *column,
            const char *pairs)
{
    const char *p = pairs + strspn(pairs, "{ ");
    bool ok = true;

    while (*p && ok) {
        size_t len = strcspn(p, "=,}");

        if (len && p[len] == '=' && *p != '"') {
            char *key = xmemdup0(p, len);

            ok = check_key(ctx, table, column, key);
            free(key);
        }
        p += len;
        p += strcspn(p, ",");
        p += strspn(p, ", ");
    }
    return ok;
}

bool
kctl_check_keys(struct ctl_context *ctx)
{
    const char *command = ctx->argv[0];
    int first = (!strcmp(command, "create") ? 2
                 : !strcmp(command, "set") ? 3
                 : !strcmp(command, "add") ? 4 : ctx->argc);
    bool ok = true;

    for (int i = first; ok && i < ctx->argc; i++) {
        const char *arg = ctx->argv[i];

        if (first == 4) {
            ok = check_pairs(ctx, ctx->argv[1], ctx->argv[3], arg);
        } else {
            size_t len = strcspn(arg, ":=");
            char *column = xmemdup0(arg, len);

            ok = check_pairs(ctx, ctx->argv[1], column,
                             arg + len + (arg[len] != '\0'));
            free(column);
        }
    }
    return ok;
}
