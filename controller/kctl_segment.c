/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* Verbs of segments and bindings. */

#include <config.h>

#include "controller/kctl.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "controller/kctl_index.h"
#include "smap.h"
#include "util.h"

/* ---- Segments. ---------------------------------------------------------- */

/* What segment-add is to make. */
struct segment_spec {
    const char *name;
    int64_t vni;
    int64_t mac_limit, mac_aging;
    bool has_mac_limit, has_mac_aging;
    const char *options[3];     /* Values, or NULL... */
};

/* ...of these, and what they are by default. */
static const struct {
    const char *key, *def;
} segment_options[] = {
    { "unknown_unicast", "flood" },
    { "learn_vteps", "false" },
    { "vtep_limit", "32" },
};
BUILD_ASSERT_DECL(ARRAY_SIZE(segment_options)
                  == ARRAY_SIZE(((struct segment_spec *) 0)->options));

/* Checks what 'spec' says of options. */
static bool
check_segment_options(struct ctl_context *ctx, const struct segment_spec *spec)
{
    const char *unknown = spec->options[0], *learn = spec->options[1];
    int64_t limit;

    if (unknown && strcmp(unknown, "flood") && strcmp(unknown, "drop")) {
        ctl_error(ctx, "unknown_unicast \"%s\" is neither flood nor drop",
                  unknown);
        return false;
    }
    if (learn && strcmp(learn, "true") && strcmp(learn, "false")) {
        ctl_error(ctx, "learn_vteps \"%s\" is neither true nor false", learn);
        return false;
    }
    return (!spec->options[2]
            || kctl_parse_number(ctx, "vtep_limit", spec->options[2], 1, 1000,
                                 &limit));
}

static bool
parse_segment(struct ctl_context *ctx, struct segment_spec *spec)
{
    struct kctl_setting settings[] = {
        { "mac_limit", NULL },
        { "mac_aging", NULL },
        { segment_options[0].key, NULL },
        { segment_options[1].key, NULL },
        { segment_options[2].key, NULL },
    };

    spec->name = ctx->argv[1];
    if (!kctl_check_name(ctx, spec->name)
        || !kctl_parse_vni(ctx, ctx->argv[2], &spec->vni)
        || !kctl_parse_settings(ctx, 3, settings, ARRAY_SIZE(settings))) {
        return false;
    }
    spec->has_mac_limit = settings[0].value != NULL;
    spec->has_mac_aging = settings[1].value != NULL;
    for (size_t i = 0; i < ARRAY_SIZE(spec->options); i++) {
        spec->options[i] = settings[2 + i].value;
    }
    return check_segment_options(ctx, spec)
           && (!spec->has_mac_limit
            || kctl_parse_number(ctx, "mac_limit", settings[0].value,
                                 1, 1048576, &spec->mac_limit))
           && (!spec->has_mac_aging
               || kctl_parse_number(ctx, "mac_aging", settings[1].value,
                                    1, 65535, &spec->mac_aging));
}

/* As kctl_same(), for a number of which there may be none. */
static bool
same_number(struct ctl_context *ctx, const char *name, const char *attribute,
            const int64_t *have, int64_t want)
{
    char *have_string = have ? xasprintf("%"PRId64, *have)
                             : xstrdup("the default");
    char *want_string = xasprintf("%"PRId64, want);
    bool same = kctl_same(ctx, "segment", name, attribute,
                          have_string, want_string);

    free(have_string);
    free(want_string);
    return same;
}

/* Reports an error unless 'segment' is what 'spec' describes. */
static void
compare_segment(struct ctl_context *ctx, const struct kkrec_segment *segment,
                const struct segment_spec *spec)
{
    if (!same_number(ctx, spec->name, "VNI", &segment->vni, spec->vni)) {
        return;
    }
    if (spec->has_mac_limit
        && !same_number(ctx, spec->name, "mac_limit", segment->mac_limit,
                        spec->mac_limit)) {
        return;
    }
    if (spec->has_mac_aging
        && !same_number(ctx, spec->name, "mac_aging", segment->mac_aging,
                        spec->mac_aging)) {
        return;
    }
    for (size_t i = 0; i < ARRAY_SIZE(spec->options); i++) {
        const char *key = segment_options[i].key;

        if (!kctl_same(ctx, "segment", spec->name, key,
                       smap_get_def(&segment->options, key,
                                    segment_options[i].def),
                       spec->options[i])) {
            return;
        }
    }
}

static bool
check_new_vni(struct ctl_context *ctx, int64_t vni)
{
    const struct kkrec_segment *segment;
    struct kctl_scan scan;

    kctl_scan_segment_vni(&scan, ctx, vni);
    KCTL_SCAN (segment, &scan, segment->vni == vni) {
        ctl_error(ctx, "VNI \"%"PRId64"\" is that of segment \"%s\" already",
                  vni, segment->name);
        return false;
    }
    return true;
}

static void
set_segment_options(const struct kkrec_segment *segment,
                    const struct segment_spec *spec)
{
    struct smap options = SMAP_INITIALIZER(&options);

    for (size_t i = 0; i < ARRAY_SIZE(spec->options); i++) {
        if (spec->options[i]) {
            smap_add(&options, segment_options[i].key, spec->options[i]);
        }
    }
    if (!smap_is_empty(&options)) {
        kkrec_segment_set_options(segment, &options);
    }
    smap_destroy(&options);
}

static void
kctl_segment_add(struct ctl_context *ctx)
{
    struct segment_spec spec = { .name = NULL };

    if (!parse_segment(ctx, &spec)) {
        return;
    }

    const struct kkrec_segment *segment = kctl_find_segment(ctx, spec.name);
    if (segment && kctl_may_exist(ctx)) {
        compare_segment(ctx, segment, &spec);
    } else if (segment) {
        ctl_error(ctx, "a segment named \"%s\" exists already", spec.name);
    } else if (check_new_vni(ctx, spec.vni)) {
        segment = kkrec_segment_insert(ctx->txn);
        kkrec_segment_set_name(segment, spec.name);
        kkrec_segment_set_vni(segment, spec.vni);
        if (spec.has_mac_limit) {
            kkrec_segment_set_mac_limit(segment, &spec.mac_limit, 1);
        }
        if (spec.has_mac_aging) {
            kkrec_segment_set_mac_aging(segment, &spec.mac_aging, 1);
        }
        set_segment_options(segment, &spec);
    }
}

static void
kctl_segment_del(struct ctl_context *ctx)
{
    const char *name = ctx->argv[1];
    const struct kkrec_segment *segment = kctl_find_segment(ctx, name);

    if (segment) {
        kctl_delete_segment(ctx, segment);
    } else if (!kctl_if_exists(ctx)) {
        kctl_get_segment(ctx, name);
    }
}

/* ---- Bindings. ---------------------------------------------------------- */

/* Returns the cluster called 'name', or one made of the edge called so. */
static const struct kkrec_cluster *
get_or_make_cluster(struct ctl_context *ctx, const char *name)
{
    const struct kkrec_cluster *cluster = kctl_find_cluster(ctx, name);
    if (cluster) {
        return cluster;
    }

    const struct kkrec_edge *edge = kctl_find_edge(ctx, name);
    if (!edge) {
        kctl_no_such(ctx, KCTL_CLUSTERS | KCTL_EDGES, name);
        return NULL;
    }

    struct smap implicit = SMAP_INITIALIZER(&implicit);
    struct kkrec_edge *edges[] = { CONST_CAST(struct kkrec_edge *, edge) };
    const int64_t ranks[] = { 1 };

    cluster = kkrec_cluster_insert(ctx->txn);
    kkrec_cluster_set_name(cluster, name);
    kkrec_cluster_set_edges(cluster, ranks, edges, 1);
    smap_add(&implicit, KCTL_IMPLICIT, "true");
    kkrec_cluster_set_other_config(cluster, &implicit);
    smap_destroy(&implicit);
    return cluster;
}

/* What may be said of a binding beside where it is; first how much of what is
 * flooded passes by it: in packets a second or in kbit/s. */
#define BIND_SETTINGS                                   \
    {                                                   \
        { "bum_in_pps", NULL }, { "bum_in_kbps", NULL },    \
        { "bum_out_pps", NULL }, { "bum_out_kbps", NULL },  \
        { "bpdu", NULL }, { "loop_probe", NULL },       \
    }
enum { BIND_BPDU = 4, BIND_LOOP_PROBE, BIND_N_SETTINGS };
#define BIND_N_LIMITS BIND_BPDU
#define BIND_MAX_LIMIT 100000000
#define BIND_MAX_LOOP_PROBE 3600

static bool
parse_limits(struct ctl_context *ctx, const struct kctl_setting *limits)
{
    for (size_t i = 0; i < BIND_N_LIMITS; i++) {
        const struct kctl_setting *limit = &limits[i];
        int64_t n;

        if (limit->value && !kctl_parse_number(ctx, limit->key, limit->value,
                                               1, BIND_MAX_LIMIT, &n)) {
            return false;
        }
        if (i % 2 && limit->value && limits[i - 1].value) {
            ctl_error(ctx, "%s and %s exclude each other",
                      limits[i - 1].key, limit->key);
            return false;
        }
    }
    return true;
}

static bool
parse_bind_settings(struct ctl_context *ctx, struct kctl_setting *settings)
{
    const struct kctl_setting *bpdu = &settings[BIND_BPDU];
    const struct kctl_setting *probe = &settings[BIND_LOOP_PROBE];
    int64_t n;

    if (!kctl_parse_settings(ctx, 5, settings, BIND_N_SETTINGS)
        || !parse_limits(ctx, settings)) {
        return false;
    }
    if (bpdu->value && strcmp(bpdu->value, "drop")
        && strcmp(bpdu->value, "guard") && strcmp(bpdu->value, "forward")) {
        ctl_error(ctx, "bpdu \"%s\" is none of drop, guard and forward",
                  bpdu->value);
        return false;
    }
    return (!probe->value
            || kctl_parse_number(ctx, probe->key, probe->value, 1,
                                 BIND_MAX_LOOP_PROBE, &n));
}

/* Reports an error unless 'b' has what is given of 'settings'. */
static void
compare_settings(struct ctl_context *ctx, const struct kkrec_binding *b,
               const struct kctl_setting *settings)
{
    struct ds name = DS_EMPTY_INITIALIZER;

    kctl_format_binding(b, &name);
    for (size_t i = 0; i < BIND_N_SETTINGS; i++) {
        const char *key = settings[i].key;

        if (!kctl_same(ctx, "binding", ds_cstr(&name), key,
                       smap_get_def(&b->options, key, "the default"),
                       settings[i].value)) {
            break;
        }
    }
    ds_destroy(&name);
}

static void
set_settings(const struct kkrec_binding *b,
             const struct kctl_setting *settings)
{
    struct smap options = SMAP_INITIALIZER(&options);

    for (size_t i = 0; i < BIND_N_SETTINGS; i++) {
        if (settings[i].value) {
            smap_add(&options, settings[i].key, settings[i].value);
        }
    }
    if (!smap_is_empty(&options)) {
        kkrec_binding_set_options(b, &options);
    }
    smap_destroy(&options);
}

static void
kctl_bind(struct ctl_context *ctx)
{
    struct kctl_setting settings[BIND_N_SETTINGS] = BIND_SETTINGS;
    const struct kkrec_segment *segment;
    const struct kkrec_cluster *cluster;
    const char *port = ctx->argv[3];
    int64_t vlan;

    if (!kctl_check_port(ctx, port)
        || !kctl_parse_vlan(ctx, ctx->argv[4], &vlan)
        || !parse_bind_settings(ctx, settings)
        || !(segment = kctl_get_segment(ctx, ctx->argv[1]))
        || !(cluster = get_or_make_cluster(ctx, ctx->argv[2]))) {
        return;
    }

    const struct kkrec_binding *b = kctl_find_binding(ctx, cluster, port,
                                                      vlan);
    if (b && b->segment == segment && kctl_may_exist(ctx)) {
        compare_settings(ctx, b, settings);
    } else if (b && b->segment == segment) {
        ctl_error(ctx, "segment \"%s\" is bound to %s/%s/%"PRId64" already",
                  segment->name, cluster->name, port, vlan);
    } else if (kctl_check_binding(ctx, segment, cluster, port, vlan)) {
        b = kkrec_binding_insert(ctx->txn);
        kkrec_binding_set_segment(b, segment);
        kkrec_binding_set_cluster(b, cluster);
        kkrec_binding_set_port(b, port);
        kkrec_binding_set_vlan(b, vlan);
        set_settings(b, settings);
    }
}

/* Reports that 'segment' is not bound there. */
static void
not_bound(struct ctl_context *ctx, const struct kkrec_segment *segment,
          const char *cluster, const char *port, int64_t vlan)
{
    char *location = xasprintf("%s/%s/%"PRId64, cluster, port, vlan);
    char *hint = kctl_guess_location(ctx, segment, location);

    ctl_error(ctx, "segment \"%s\" is not bound to %s%s", segment->name,
              location, hint);
    free(hint);
    free(location);
}

static void
kctl_unbind(struct ctl_context *ctx)
{
    const char *segment = ctx->argv[1];
    const char *name = ctx->argv[2];
    const char *port = ctx->argv[3];
    int64_t vlan;

    /* Malformed arguments are an error even with --if-exists. */
    if (!kctl_check_port(ctx, port)
        || !kctl_parse_vlan(ctx, ctx->argv[4], &vlan)) {
        return;
    }

    const struct kkrec_cluster *cluster = kctl_find_cluster(ctx, name);
    const struct kkrec_binding *b
        = cluster ? kctl_find_binding(ctx, cluster, port, vlan) : NULL;
    if (b && !strcmp(kctl_segment_name(b->segment), segment)) {
        kctl_delete_binding(ctx, b);
    } else if (kctl_if_exists(ctx)) {
        return;
    } else if (kctl_get_segment(ctx, segment)) {
        if (!cluster && !kctl_find_edge(ctx, name)) {
            kctl_no_such(ctx, KCTL_CLUSTERS | KCTL_EDGES, name);
        } else if (b) {
            ctl_error(ctx, "%s/%s/%"PRId64" is bound to segment \"%s\" and "
                      "not to \"%s\"", name, port, vlan,
                      kctl_segment_name(b->segment), segment);
        } else {
            not_bound(ctx, kctl_find_segment(ctx, segment), name, port, vlan);
        }
    }
}

const struct ctl_command_syntax kctl_segment_commands[] = {
    {"segment-add", 2, INT_MAX, "NAME VNI [mac_limit=N] [mac_aging=SECS] "
     "[unknown_unicast=flood|drop] [learn_vteps=true|false] [vtep_limit=N]",
     NULL, kctl_segment_add, NULL, "--may-exist", RW},
    {"segment-del", 1, 1, "SEGMENT", NULL, kctl_segment_del, NULL,
     "--if-exists,--cascade", RW},
    {"segment-list", 0, 0, "", NULL, kctl_segment_list, NULL, "", RO},
    {"bind", 4, INT_MAX, "SEGMENT CLUSTER|EDGE PORT VLAN "
     "[bum_in_pps=N|bum_in_kbps=N] [bum_out_pps=N|bum_out_kbps=N] "
     "[bpdu=drop|guard|forward] [loop_probe=SECS]",
     NULL, kctl_bind, NULL, "--may-exist", RW},
    {"unbind", 4, 4, "SEGMENT CLUSTER|EDGE PORT VLAN", NULL, kctl_unbind,
     NULL, "--if-exists,--cascade", RW},
    {"binding-list", 0, 1, "[SEGMENT]", NULL, kctl_binding_list, NULL, "", RO},
    {NULL, 0, 0, NULL, NULL, NULL, NULL, NULL, RO},
};
