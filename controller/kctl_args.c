/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* From the arguments of a command to values. */

#include <config.h>

#include "controller/kctl.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "flows/addr.h"
#include "flows/near.h"
#include "openvswitch/dynamic-string.h"
#include "packets.h"
#include "util.h"

/* Returns a hint at the setting that is meant by 'arg', if it is one of them,
 * for the caller to free. */
static char *
hint_at_key(const char *arg, size_t key_len,
            const struct kctl_setting *settings, size_t n)
{
    char *key = xmemdup0(arg, key_len);
    struct near near;

    near_init(&near, key);
    for (size_t i = 0; i < n; i++) {
        near_offer(&near, settings[i].key);
    }

    char *hint = near_hint(&near);
    free(key);
    return hint;
}

/* Takes the arguments of 'ctx' from 'first' on as KEY=VALUE, and puts the
 * values into 'settings', which lists the keys.  Arguments own the values. */
bool
kctl_parse_settings(struct ctl_context *ctx, int first,
                    struct kctl_setting *settings, size_t n)
{
    for (int i = first; i < ctx->argc; i++) {
        const char *arg = ctx->argv[i];
        size_t key_len = strcspn(arg, "=");
        struct kctl_setting *s = settings;

        while (s < &settings[n] && (strlen(s->key) != key_len
                                    || strncmp(s->key, arg, key_len))) {
            s++;
        }
        if (s == &settings[n] || !arg[key_len]) {
            struct ds keys = DS_EMPTY_INITIALIZER;

            for (s = settings; s < &settings[n]; s++) {
                ds_put_format(&keys, "%s%s=...",
                              s == settings ? "" : " or ", s->key);
            }
            char *hint = hint_at_key(arg, key_len, settings, n);
            ctl_error(ctx, "%s: unexpected argument \"%s\"%s (expected %s)",
                      ctx->argv[0], arg, hint, ds_cstr(&keys));
            free(hint);
            ds_destroy(&keys);
            return false;
        }
        if (s->value) {
            ctl_error(ctx, "%s: %s is given twice, as \"%s\" and \"%s\"",
                      ctx->argv[0], s->key, s->value, &arg[key_len + 1]);
            return false;
        }
        s->value = &arg[key_len + 1];
    }
    return true;
}

/* Digits only: no sign, no blank, no leading zero that could mean octal. */
static bool
parse_digits(const char *s, int base, int64_t min, int64_t max,
             int64_t *value)
{
    size_t n = strspn(s, base == 16 ? "0123456789abcdefABCDEF" : "0123456789");
    if (!n || n > 15 || s[n] || (base == 10 && s[0] == '0' && n > 1)) {
        return false;
    }

    int64_t v = strtoll(s, NULL, base);
    if (v < min || v > max) {
        return false;
    }
    *value = v;
    return true;
}

char *
kctl_read_number(const char *what, const char *s, int64_t min, int64_t max,
                 int64_t *value)
{
    return (parse_digits(s, 10, min, max, value) ? NULL
            : xasprintf("%s \"%s\" is not a number from %"PRId64" to %"PRId64,
                        what, s, min, max));
}

bool
kctl_parse_number(struct ctl_context *ctx, const char *what, const char *s,
                  int64_t min, int64_t max, int64_t *value)
{
    char *error = kctl_read_number(what, s, min, max, value);

    if (error) {
        ctl_error(ctx, "%s", error);
        free(error);
    }
    return !error;
}

bool
kctl_parse_vni(struct ctl_context *ctx, const char *s, int64_t *vni)
{
    if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X')) {
        if (parse_digits(s + 2, 16, 1, 0xffffff, vni)) {
            return true;
        }
    } else if (parse_digits(s, 10, 1, 0xffffff, vni)) {
        return true;
    }
    ctl_error(ctx, "VNI \"%s\" is not a number from 1 to 16777215", s);
    return false;
}

bool
kctl_parse_vlan(struct ctl_context *ctx, const char *s, int64_t *vlan)
{
    return kctl_parse_number(ctx, "VLAN", s, 0, 4094, vlan);
}

/* Reports 'error', which it takes, if it is not null; returns true if it is.
 * It comes from a function of flows/addr.h. */
static bool
check(struct ctl_context *ctx, char *error)
{
    if (error) {
        ctl_error(ctx, "%s", error);
        free(error);
        return false;
    }
    return true;
}

static char *
canonical_dpid(const char *s, char **error)
{
    uint64_t dpid;

    return addr_parse_dpid(s, &dpid, error)
           ? xasprintf(ADDR_DPID_FMT, dpid) : NULL;
}

static char *
canonical_ip(const char *s, char **error)
{
    struct in6_addr ip;

    if (!addr_parse_vtep(s, &ip, error)) {
        return NULL;
    }

    struct ds canonical = DS_EMPTY_INITIALIZER;
    addr_format_vtep(&ip, &canonical);
    return ds_steal_cstr(&canonical);
}

static char *
canonical_mac(const char *s, char **error)
{
    struct eth_addr mac;

    return addr_parse_mac(s, &mac, error)
           ? xasprintf(ETH_ADDR_FMT, ETH_ADDR_ARGS(mac)) : NULL;
}

static char *
parse_canonical(struct ctl_context *ctx, const char *s,
                char *(*canonicalize)(const char *, char **))
{
    char *error = NULL;
    char *canonical;

    canonical = canonicalize(s, &error);
    return check(ctx, error) ? canonical : NULL;
}

char *
kctl_parse_dpid(struct ctl_context *ctx, const char *s)
{
    return parse_canonical(ctx, s, canonical_dpid);
}

char *
kctl_parse_ip(struct ctl_context *ctx, const char *s)
{
    return parse_canonical(ctx, s, canonical_ip);
}

char *
kctl_parse_mac(struct ctl_context *ctx, const char *s)
{
    return parse_canonical(ctx, s, canonical_mac);
}

static bool
is_same(const char *row, const char *canonical,
        char *(*canonicalize)(const char *, char **))
{
    if (!strcmp(row, canonical)) {
        return true;
    }

    char *error = NULL;
    char *row_canonical = canonicalize(row, &error);
    bool same = row_canonical && !strcmp(row_canonical, canonical);

    free(row_canonical);
    free(error);
    return same;
}

bool
kctl_is_dpid(const char *row, const char *canonical)
{
    return is_same(row, canonical, canonical_dpid);
}

bool
kctl_is_ip(const char *row, const char *canonical)
{
    return is_same(row, canonical, canonical_ip);
}

bool
kctl_is_mac(const char *row, const char *canonical)
{
    return is_same(row, canonical, canonical_mac);
}

char *
kctl_canonical(const char *s, bool ip)
{
    char *error = NULL;
    char *canonical = ip ? canonical_ip(s, &error) : canonical_mac(s, &error);

    free(error);
    return canonical ? canonical : xstrdup(s);
}

/* Orders 'a' and 'b', which may be NULL, by what they mean; what means nothing
 * by its letters. */
static int
compare(const char *a, const char *b,
        char *(*canonicalize)(const char *, char **))
{
    if (!a || !b || !strcmp(a, b)) {
        return (a && !b) - (b && !a);
    }

    char *error[2] = { NULL, NULL };
    char *canonical[2] = { canonicalize(a, &error[0]),
                           canonicalize(b, &error[1]) };
    int cmp = strcmp(canonical[0] ? canonical[0] : a,
                     canonical[1] ? canonical[1] : b);

    for (int i = 0; i < 2; i++) {
        free(canonical[i]);
        free(error[i]);
    }
    return cmp;
}

int
kctl_compare_dpids(const char *a, const char *b)
{
    return compare(a, b, canonical_dpid);
}

int
kctl_compare_ips(const char *a, const char *b)
{
    return compare(a, b, canonical_ip);
}

int
kctl_compare_macs(const char *a, const char *b)
{
    return compare(a, b, canonical_mac);
}

bool
kctl_check_name(struct ctl_context *ctx, const char *name)
{
    char *error = NULL;

    addr_check_name(name, &error);
    return check(ctx, error);
}

bool
kctl_check_port(struct ctl_context *ctx, const char *name)
{
    char *error = NULL;

    addr_check_port(name, &error);
    return check(ctx, error);
}

bool
kctl_same(struct ctl_context *ctx, const char *kind, const char *name,
          const char *attribute, const char *have, const char *want)
{
    if (!want || !strcmp(have, want)) {
        return true;
    }
    ctl_error(ctx, "%s \"%s\" exists already, but its %s is \"%s\" and not "
              "\"%s\"", kind, name, attribute, have, want);
    return false;
}

bool
kctl_may_exist(const struct ctl_context *ctx)
{
    return shash_find(&ctx->options, "--may-exist") != NULL;
}

bool
kctl_if_exists(const struct ctl_context *ctx)
{
    return shash_find(&ctx->options, "--if-exists") != NULL;
}
