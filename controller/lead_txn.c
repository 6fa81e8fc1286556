/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* Operations are those of RFC 7047, section 5.2. */

#include <config.h>
#include "controller/lead_private.h"

#include <stdlib.h>
#include "controller/locks.h"
#include "openvswitch/json.h"
#include "openvswitch/shash.h"
#include "openvswitch/vlog.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(lead_txn);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

/* After a transaction that has failed, in milliseconds. */
#define LEAD_RETRY 1000

static struct json *
lead_op(const char *op, const char *table)
{
    struct json *json = json_object_create();

    json_object_put_string(json, "op", op);
    if (table) {
        json_object_put_string(json, "table", table);
    }
    return json;
}

static struct json *
lead_assert(const char *lock)
{
    struct json *json = lead_op("assert", NULL);

    json_object_put_string(json, "lock", lock);
    return json;
}

static struct json *
lead_where(const char *column, const char *function, struct json *value)
{
    return json_array_create_1(json_array_create_3(
        json_string_create(column), json_string_create(function), value));
}

/* Returns operations that do nothing but to see to it that none of the
 * transaction is carried out in a database without row 'global' of table
 * Kakehashi_Global. */
static struct json *
lead_begin(const struct uuid *global)
{
    struct json *ops = json_array_create_empty(), *op, *row, *uuid;

    if (uuid_is_zero(global)) {
        return ops;             /* Of this table, there is one row at most. */
    }
    op = lead_op("wait", "Kakehashi_Global");
    uuid = json_array_create_2(
        json_string_create("uuid"),
        json_string_create_nocopy(xasprintf(UUID_FMT, UUID_ARGS(global))));
    row = json_object_create();
    json_object_put(row, "_uuid", uuid);
    json_object_put(op, "timeout", json_integer_create(0));
    json_object_put(op, "where", json_array_create_empty());
    json_object_put(op, "columns",
                    json_array_create_1(json_string_create("_uuid")));
    json_object_put_string(op, "until", "==");
    json_object_put(op, "rows", json_array_create_1(row));
    json_array_add(ops, op);
    return ops;
}

/* Adds operations that make the generation larger, and larger than all that
 * switches have seen, and tell it. */
static void
lead_put_generation(const struct lead *lead, struct json *ops)
{
    struct json *row = json_object_create(), *op;

    json_object_put(row, "generation", json_integer_create(lead->above));
    op = lead_op("update", "Kakehashi_Global");
    json_object_put(op, "where", lead_where("generation", "<",
                                            json_integer_create(lead->above)));
    json_object_put(op, "row", row);
    json_array_add(ops, op);

    op = lead_op("mutate", "Kakehashi_Global");
    json_object_put(op, "where", json_array_create_empty());
    json_object_put(op, "mutations", lead_where("generation", "+=",
                                                json_integer_create(1)));
    json_array_add(ops, op);

    op = lead_op("select", "Kakehashi_Global");
    json_object_put(op, "where", json_array_create_empty());
    json_object_put(op, "columns", json_array_create_1(
                        json_string_create("generation")));
    json_array_add(ops, op);
}

/* Adds an operation that makes the row to count in.  Nothing is led by that:
 * it could be another database that has none.  Generations are counted once
 * the row is where the configuration is from. */
static void
lead_put_global(struct json *ops)
{
    struct json *op = lead_op("insert", "Kakehashi_Global");

    json_object_put(op, "row", json_object_create());
    json_array_add(ops, op);
}

/* Begins to lead the shards whose locks we have. */
void
lead_claim(struct lead *lead)
{
    bool countable = !uuid_is_zero(&lead->global);
    struct json *ops;
    struct lead_shard *shard;

    if (!lead->n_unclaimed) {
        return;
    }
    ops = lead_begin(&lead->global);
    HMAP_FOR_EACH (shard, node, &lead->shards) {
        if (shard->held && !shard->sure) {
            json_array_add(ops, lead_assert(shard->lock));
            shard->claiming = countable ? lead->n_txns + 1 : 0;
        }
    }
    if (countable) {
        lead_put_generation(lead, ops);
    } else {
        lead_put_global(ops);
    }
    lead->n_txns++;
    lead->in_txn = locks_transact(lead->locks, ops);
}

/* Takes what the controller 'name', which is gone, has left in the database
 * out of it. */
static void
lead_bury(struct lead *lead, const char *name, const char *lock)
{
    struct json *ops = lead_begin(&lead->global), *op;

    json_array_add(ops, lead_assert(lock));
    op = lead_op("delete", "Controller");
    json_object_put(op, "where",
                    lead_where("name", "==", json_string_create(name)));
    json_array_add(ops, op);

    op = lead_op("mutate", "Edge");
    json_object_put(op, "where", json_array_create_empty());
    json_object_put(op, "mutations", lead_where(
                        "controllers", "delete", json_array_create_2(
                            json_string_create("set"), json_array_create_1(
                                json_string_create(name)))));
    json_array_add(ops, op);
    for (int i = 0; i < 2; i++) {
        struct json *row = json_object_create();

        json_object_put(row, "leader", json_array_create_2(
                            json_string_create("set"),
                            json_array_create_empty()));
        op = lead_op("update", i ? "Edge" : "Cluster");
        json_object_put(op, "where", lead_where("leader", "==",
                                                json_string_create(name)));
        json_object_put(op, "row", row);
        json_array_add(ops, op);
    }
    lead->n_txns++;
    lead->in_txn = locks_transact(lead->locks, ops);
    if (lead->in_txn) {
        lead->burying = xstrdup(name);
    }
}

void
lead_bury_others(struct lead *lead)
{
    const char *name;

    SSET_FOR_EACH (name, &lead->others) {
        char *lock = lead_lock("controller", name);

        if (!lead->in_txn && locks_has(lead->locks, lock)) {
            lead_bury(lead, name, lock);
        }
        free(lock);
    }
}

/* Returns the rows that the last operation has found, by its 'result', an
 * array; or NULL. */
static const struct json *
lead_rows(const struct json *result)
{
    const struct json *reply, *rows;

    if (!result || result->type != JSON_ARRAY || !json_array(result)->n) {
        return NULL;
    }
    reply = json_array(result)->elems[json_array(result)->n - 1];
    rows = (reply->type == JSON_OBJECT
            ? shash_find_data(json_object(reply), "rows") : NULL);
    return rows && rows->type == JSON_ARRAY ? rows : NULL;
}

/* Returns the generation in the first one of 'rows', or 0. */
static uint64_t
lead_read_generation(const struct json *rows)
{
    const struct json *row = json_array(rows)->n ? json_array(rows)->elems[0]
                             : NULL;
    const struct json *generation
        = (row && row->type == JSON_OBJECT
           ? shash_find_data(json_object(row), "generation") : NULL);

    return (generation && generation->type == JSON_INTEGER
            ? MAX(json_integer(generation), 0) : 0);
}

/* Returns false if what the database has said, or has not said if 'result' is
 * NULL, is of no use. */
static bool
lead_claimed(struct lead *lead, const struct json *result)
{
    const struct json *rows = lead_rows(result);
    uint64_t generation = rows ? lead_read_generation(rows) : 0;
    struct lead_shard *shard;

    HMAP_FOR_EACH (shard, node, &lead->shards) {
        if (generation && shard->held && shard->claiming == lead->n_txns) {
            lead->latest = generation;
            lead_set(lead, shard, true, true, generation);
            lead_tell(lead, shard);
        }
    }
    return generation != 0;
}

/* Whether it is buried or not, it has its name's lock back: it may come again,
 * or be alive. */
static void
lead_buried(struct lead *lead, bool ok)
{
    char *lock = lead_lock("controller", lead->burying);

    locks_drop(lead->locks, lock);
    free(lock);
    if (ok) {
        VLOG_INFO_RL(&rl, "controller %s is gone", lead->burying);
        sset_find_and_delete(&lead->others, lead->burying);
    } else if (!lead->others_at) {
        lead_spare_others(lead);
    }
    free(lead->burying);
    lead->burying = NULL;
}

void
lead_transacted(struct lead *lead)
{
    struct json *result = NULL;
    enum locks_outcome outcome = locks_transacted(lead->locks, &result);
    bool ok = outcome == LOCKS_DONE;

    if (outcome == LOCKS_NONE) {
        return;
    }
    lead->in_txn = false;
    if (!ok) {
        char *text = result ? json_to_string(result, 0) : NULL;

        VLOG_WARN_RL(&rl, "%s: not written to the database (%s)",
                     lead->burying ? lead->burying : lead->name,
                     text ? text : "no answer");
        free(text);
    }
    if (lead->burying) {
        lead_buried(lead, ok);
    } else {
        ok = lead_claimed(lead, ok ? result : NULL);
    }
    lead->retry_at = ok ? 0 : time_msec() + LEAD_RETRY;
    json_destroy(result);
}
