/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "leadlab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "controller/lead_private.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "openvswitch/poll-loop.h"
#include "timeval.h"
#include "util.h"

#define N_SHARDS 10

struct uuid
leadlab_uuid(int shard)
{
    return (struct uuid) { .parts = { shard } };
}

const char *
leadlab_lock(int shard)
{
    static char lock[64];

    snprintf(lock, sizeof lock, "kakehashi_shard_%08x_2d0000_2d0000_2d0000"
             "_2d000000000000", shard);
    return lock;
}

void
leadlab_start(struct ovsdbd_world *w)
{
    char *remotes = ovsdbd_listen(w, 1, "");

    w->lead = lead_create(remotes, "c1");
    w->locks = w->lead->locks;
    w->global = OVSDBD_GLOBAL;
    free(remotes);
    leadlab_database(w, OVSDBD_GLOBAL);
    ovsdbd_meet(w, OVSDBD_STANDALONE);
}

void
leadlab_database(struct ovsdbd_world *w, const char *global)
{
    struct uuid uuid = UUID_ZERO;

    assert_true(!*global || uuid_from_string(&uuid, global));
    lead_database(w->lead, &uuid);
}

void
leadlab_start_named(struct ovsdbd_world *w)
{
    leadlab_start(w);
    leadlab_granted(w, LEADLAB_C1);
    leadlab_granted(w, LEADLAB_CHIEF);
    leadlab_quiet(w);
}

/* Has everything that is told forgotten. */
static void
hear_all(struct ovsdbd_world *w)
{
    struct uuid uuid;
    bool gained, more;

    do {
        more = lead_next(w->lead, &uuid, &gained);
    } while (more);
}

void
leadlab_start_leading(struct ovsdbd_world *w, const char *edges,
                      const char *shards, int generation)
{
    int n = (strlen(shards) + 1) / 2;
    char *last = xasprintf("{'rows':[{'generation':%d}]}", generation);
    struct json *ids[N_SHARDS];

    leadlab_start_named(w);
    leadlab_edges(w, edges);
    for (int i = 0; i < n; i++) {
        free(ovsdbd_next(w, 0, &ids[i]));
    }
    for (int i = 0; i < n; i++) {
        ovsdbd_reply(w, 0, ids[i], OVSDBD_LOCKED);
    }
    leadlab_answer(w, leadlab_claimed(w, shards, 0), n + 4, last);
    leadlab_quiet(w);
    hear_all(w);
    free(last);
}

void
leadlab_edges(struct ovsdbd_world *w, const char *edges)
{
    char *copy = xstrdup(edges), *save = NULL;

    lead_edges_begin(w->lead);
    for (char *s = strtok_r(copy, " ", &save); s;
         s = strtok_r(NULL, " ", &save)) {
        struct uuid uuid = leadlab_uuid(*s - '0');

        lead_edge(w->lead, &uuid, strchr(s, 'm'), strchr(s, 'o'));
    }
    lead_edges_end(w->lead);
    free(copy);
}

void
leadlab_others(struct ovsdbd_world *w, const char *names)
{
    struct sset set = SSET_INITIALIZER(&set);

    sset_from_delimited_string(&set, names, " ");
    lead_others(w->lead, &set);
    sset_destroy(&set);
}

struct json *
leadlab_asked(struct ovsdbd_world *w, const char *lock)
{
    char *request = xasprintf("lock ['%s']", lock);
    struct json *id = ovsdbd_asked(w, 0, request);

    free(request);
    return id;
}

void
leadlab_granted(struct ovsdbd_world *w, const char *lock)
{
    ovsdbd_reply(w, 0, leadlab_asked(w, lock), OVSDBD_LOCKED);
}

void
leadlab_refused(struct ovsdbd_world *w, const char *lock)
{
    ovsdbd_reply(w, 0, leadlab_asked(w, lock), OVSDBD_WAIT);
}

/* Takes the lock out of a request, "lock ['a']", which must begin with
 * 'method'. */
static char *
lock_of(const char *request, const char *method)
{
    size_t n = strlen(method);

    if (strncmp(request, method, n) || strncmp(request + n, " ['", 3)) {
        fail_msg("unexpected: %s", request);
    }
    return xmemdup0(request + n + 3, strlen(request) - n - 5);
}

void
leadlab_dropped_all(struct ovsdbd_world *w, int n, const char *locks)
{
    while (n-- > 0) {
        struct json *id;
        char *request = ovsdbd_next(w, 0, &id);
        char *lock = lock_of(request, "unlock");

        if (!strstr(locks, lock)) {
            fail_msg("unexpected: %s", request);
        }
        ovsdbd_reply(w, 0, id, "{}");
        free(lock);
        free(request);
    }
}

void
leadlab_dropped(struct ovsdbd_world *w, const char *lock)
{
    leadlab_dropped_all(w, 1, lock);
}

void
leadlab_cut(struct ovsdbd_world *w)
{
    ovsdbd_close(w, 0);
    lead_run(w->lead);
    assert_false(lead_is_connected(w->lead));
}

void
leadlab_reconnect(struct ovsdbd_world *w, int n, const char *refused)
{
    struct json *ids[N_SHARDS];
    bool ok[N_SHARDS];

    ovsdbd_meet(w, OVSDBD_STANDALONE);
    for (int i = 0; i < n; i++) {
        char *request = ovsdbd_next(w, 0, &ids[i]);
        char *lock = lock_of(request, "lock");

        ok[i] = !strstr(refused, lock);
        free(lock);
        free(request);
    }
    for (int i = 0; i < n; i++) {
        ovsdbd_reply(w, 0, ids[i], ok[i] ? OVSDBD_LOCKED : OVSDBD_WAIT);
    }
}

/* Takes the assertions of the locks of 'shards', of which each must be there,
 * out of the transaction 'request'. */
static void
remove_asserts(char *request, const char *shards)
{
    for (const char *s = shards; *s; s++) {
        char *op, *found;

        if (*s == ' ') {
            continue;
        }
        op = xasprintf("{'lock':'%s','op':'assert'},", leadlab_lock(*s - '0'));
        found = strstr(request, op);
        if (found) {
            memmove(found, found + strlen(op), strlen(found + strlen(op)) + 1);
        } else {
            fail_msg("no claim of %c: %s", *s, request);
        }
        free(op);
    }
}

#define SELECT "{'columns':['generation'],'op':'select',"                   \
               "'table':'Kakehashi_Global','where':[]}"

struct json *
leadlab_claimed(struct ovsdbd_world *w, const char *shards, int64_t above)
{
    char *expected = xasprintf(
        "transact ['Kakehashi'," LEADLAB_WAIT ","
        "{'op':'update','row':{'generation':%"PRId64"},"
        "'table':'Kakehashi_Global','where':[['generation','<',%"PRId64"]]},"
        "{'mutations':[['generation','+=',1]],'op':'mutate',"
        "'table':'Kakehashi_Global','where':[]}," SELECT "]", above, above);
    struct json *id;
    char *request = ovsdbd_next(w, 0, &id);

    remove_asserts(request, shards);
    assert_string_equal(request, expected);
    free(request);
    free(expected);
    return id;
}

struct json *
leadlab_inserted(struct ovsdbd_world *w, const char *shards)
{
    struct json *id;
    char *request = ovsdbd_next(w, 0, &id);

    remove_asserts(request, shards);
    assert_string_equal(request,
                        "transact ['Kakehashi',{'op':'insert','row':{},"
                        "'table':'Kakehashi_Global'}]");
    free(request);
    return id;
}

void
leadlab_answer(struct ovsdbd_world *w, struct json *id, int n,
               const char *last)
{
    struct ds s = DS_EMPTY_INITIALIZER;

    ds_put_char(&s, '[');
    while (--n > 0) {
        ds_put_cstr(&s, "{},");
    }
    ds_put_format(&s, "%s]", last);
    ovsdbd_reply(w, 0, id, ds_cstr(&s));
    ds_destroy(&s);
}

void
leadlab_claim(struct ovsdbd_world *w, int shard, int64_t above,
              int generation)
{
    char *last = xasprintf("{'rows':[{'generation':%d}]}", generation);
    char shards[] = { '0' + shard, '\0' };

    leadlab_answer(w, leadlab_claimed(w, shards, above), 5, last);
    leadlab_quiet(w);
    free(last);
}

/* The first time, what there is to be said may yet follow the answer. */
void
leadlab_quiet(struct ovsdbd_world *w)
{
    ovsdbd_sync(w, 0);
    ovsdbd_sync(w, 0);
}

/* Whether the main loop would sleep now. */
static bool
sleeps(struct ovsdbd_world *w)
{
    long long start = time_msec();

    lead_wait(w->lead);
    poll_timer_wait_until(start + 20);
    poll_block();
    return time_msec() >= start + 20;
}

void
leadlab_asleep(struct ovsdbd_world *w)
{
    assert_true(sleeps(w));
    assert_int_equal(w->lead->retry_at, 0);
}

void
leadlab_time_passes(struct ovsdbd_world *w, long long *at)
{
    assert_in_range(*at - time_msec(), 500, 5000);
    leadlab_quiet(w);
    *at = time_msec();
    leadlab_awake(w);
}

void
leadlab_awake(struct ovsdbd_world *w)
{
    assert_false(sleeps(w));
}

void
leadlab_second_passes(struct ovsdbd_world *w)
{
    long long left = w->lead->retry_at - time_msec();

    assert_in_range(left, 500, 1000);
    assert_true(sleeps(w));
    leadlab_quiet(w);
    w->lead->retry_at = time_msec();
    leadlab_awake(w);
}

uint64_t
leadlab_leads(const struct ovsdbd_world *w, int shard)
{
    struct uuid uuid = leadlab_uuid(shard);
    uint64_t generation;

    assert_true(lead_leads(w->lead, &uuid, &generation) == (generation != 0));
    return generation;
}

bool
leadlab_has(const struct ovsdbd_world *w, int shard)
{
    struct uuid uuid = leadlab_uuid(shard);

    return lead_has(w->lead, &uuid);
}

bool
leadlab_pending(const struct ovsdbd_world *w, int shard)
{
    struct uuid uuid = leadlab_uuid(shard);

    return lead_is_pending(w->lead, &uuid);
}

void
leadlab_told(struct ovsdbd_world *w, const char *expected)
{
    char told[N_SHARDS] = "";
    struct ds s = DS_EMPTY_INITIALIZER;
    struct uuid uuid;
    bool gained;

    while (lead_next(w->lead, &uuid, &gained)) {
        assert_in_range(uuid.parts[0], 1, N_SHARDS - 1);
        assert_int_equal(told[uuid.parts[0]], 0);
        told[uuid.parts[0]] = gained ? '+' : '-';
    }
    for (int i = 0; i < N_SHARDS; i++) {
        if (told[i]) {
            ds_put_format(&s, "%s%c%d", s.length ? " " : "", told[i], i);
        }
    }
    assert_string_equal(ds_cstr(&s), expected);
    ds_destroy(&s);
}
