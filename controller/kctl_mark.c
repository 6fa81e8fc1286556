/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* The mark of a request, by which it finds its own change.
 *
 * Kakehashi_Global has the marks of the last changes, the newest one first, in
 * one value of external_ids. */

#include <config.h>

#include "controller/kctl_request.h"

#include <string.h>

#include "controller/kctl.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/shash.h"
#include "smap.h"
#include "util.h"
#include "uuid.h"

#define MARK_KEY "kakehashi-ctl"

static bool
has_option(const struct ctl_command *c, const char *option)
{
    return shash_find(&c->options, option) != NULL;
}

/* Does command 'c', if it does not fail, change something, and would it fail,
 * or change more, if it were run again?  The others do no harm then. */
static bool
needs_mark(const struct ctl_command *c)
{
    const char *name = c->syntax->name;

    if (!strcmp(name, "bind") || string_ends_with(name, "-add")) {
        return !has_option(c, "--may-exist");
    } else if (!strcmp(name, "unbind") || string_ends_with(name, "-del")) {
        return !has_option(c, "--if-exists");
    } else if (!strcmp(name, "destroy")) {
        return !has_option(c, "--if-exists") && !has_option(c, "--all");
    } else {
        return !strcmp(name, "create") || !strcmp(name, "rollback");
    }
}

/* With a mark, a transaction is a change in any case, so one that may turn out
 * to change nothing has none. */
void
kctl_mark_init(struct kctl_request *r)
{
    struct uuid uuid;

    r->mark[0] = '\0';
    for (size_t i = 0; i < r->n_commands; i++) {
        if (needs_mark(&r->commands[i])) {
            uuid_generate(&uuid);
            snprintf(r->mark, sizeof r->mark, "%08x", uuid.parts[0]);
            return;
        }
    }
}

void
kctl_mark_write(const struct kctl_request *r)
{
    const struct kkrec_kakehashi_global *global = r->global;
    struct smap ids = SMAP_INITIALIZER(&ids);
    struct ds value = DS_EMPTY_INITIALIZER;

    if (!r->mark[0]) {
        return;
    }
    smap_clone(&ids, &global->external_ids);
    ds_put_format(&value, "%s %s", r->mark,
                  smap_get_def(&ids, MARK_KEY, ""));
    ds_truncate(&value, KCTL_N_MARKS * sizeof r->mark - 1);
    ds_chomp(&value, ' ');
    smap_replace(&ids, MARK_KEY, ds_cstr(&value));

    kkrec_kakehashi_global_verify_external_ids(global);
    kkrec_kakehashi_global_set_external_ids(global, &ids);
    ds_destroy(&value);
    smap_destroy(&ids);
}

bool
kctl_mark_is_there(const struct kctl_request *r,
                   const struct kkrec_kakehashi_global *global)
{
    return r->mark[0] && global
           && strstr(smap_get_def(&global->external_ids, MARK_KEY, ""),
                     r->mark);
}
