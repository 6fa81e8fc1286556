/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "controller/locks_server.h"

#include <string.h>
#include "openvswitch/json.h"
#include "openvswitch/shash.h"
#include "util.h"
#include "uuid.h"

/* Forgets what the server has said. */
void
locks_server_clear(struct locks_server *server)
{
    *server = (struct locks_server) { .cid = server->cid };
}

/* Returns the parameters of a "monitor" request, RFC 7047, section 4.1.5. */
struct json *
locks_server_compose(const struct json *monitor_id)
{
    static const char *const names[] = {
        "name", "model", "connected", "leader", "cid",
    };
    struct json *columns = json_array_create_empty();
    struct json *request = json_object_create();
    struct json *tables = json_object_create();

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        json_array_add(columns, json_string_create(names[i]));
    }
    json_object_put(request, "columns", columns);
    json_object_put(tables, "Database", json_array_create_1(request));
    return json_array_create_3(json_string_create("_Server"),
                               json_clone(monitor_id), tables);
}

/* The same, for what locks_server.global is. */
struct json *
locks_server_compose_global(const struct json *monitor_id)
{
    struct json *request = json_object_create();
    struct json *tables = json_object_create();

    json_object_put(request, "columns", json_array_create_empty());
    json_object_put(tables, "Kakehashi_Global", json_array_create_1(request));
    return json_array_create_3(json_string_create(LOCKS_DATABASE),
                               json_clone(monitor_id), tables);
}

static const char *
locks_server_get_string(const struct shash *row, const char *column)
{
    const struct json *json = shash_find_data(row, column);

    return json && json->type == JSON_STRING ? json_string(json) : NULL;
}

static bool
locks_server_get_bool(const struct shash *row, const char *column,
                      bool *value)
{
    const struct json *json = shash_find_data(row, column);

    if (!json || (json->type != JSON_TRUE && json->type != JSON_FALSE)) {
        return false;
    }
    *value = json_boolean(json);
    return true;
}

/* Returns whether 'row' is of the cluster that is meant. */
static bool
locks_server_is_ours(const struct locks_server *server,
                     const struct shash *row)
{
    const struct json *json = shash_find_data(row, "cid");
    struct uuid cid;

    if (uuid_is_zero(&server->cid)) {
        return true;
    }
    return (json && json->type == JSON_ARRAY && json->array.n == 2
            && json->array.elems[1]->type == JSON_STRING
            && uuid_from_string(&cid, json_string(json->array.elems[1]))
            && uuid_equals(&cid, &server->cid));
}

/* Row 'uuid' has the contents 'new', or is not there any more if that is
 * NULL. */
static bool
locks_server_update_row(struct locks_server *server, const struct uuid *uuid,
                        const struct json *new)
{
    bool known = server->present && uuid_equals(&server->row, uuid);
    const struct shash *row = new ? json_object(new) : NULL;
    const char *name = row ? locks_server_get_string(row, "name") : NULL;
    const char *model = row ? locks_server_get_string(row, "model") : NULL;
    bool connected, leader;

    if (row && (!name || !model
                || !locks_server_get_bool(row, "connected", &connected)
                || !locks_server_get_bool(row, "leader", &leader))) {
        return false;
    }
    if (row && !strcmp(name, LOCKS_DATABASE)
        && locks_server_is_ours(server, row)) {
        server->present = true;
        server->row = *uuid;
        server->standalone = !strcmp(model, "standalone");
        server->clustered = !strcmp(model, "clustered");
        server->connected = connected;
        server->leader = leader;
    } else if (known) {
        locks_server_clear(server);
    }
    return true;
}

/* The same for the row by which databases are told from one another. */
static bool
locks_server_update_global(struct locks_server *server,
                           const struct uuid *uuid, const struct json *new)
{
    if (new) {
        server->global = *uuid;
    } else if (uuid_equals(&server->global, uuid)) {
        server->global = UUID_ZERO;
    }
    return true;
}

/* Has 'update_row' take in the <table-update> of table 'name', if there is
 * one. */
static bool
locks_server_update_table(struct locks_server *server,
                          const struct json *updates, const char *name,
                          bool (*update_row)(struct locks_server *,
                                             const struct uuid *,
                                             const struct json *new))
{
    const struct json *table = shash_find_data(json_object(updates), name);
    const struct shash_node *node;

    if (!table) {
        return true;
    }
    if (table->type != JSON_OBJECT) {
        return false;
    }
    SHASH_FOR_EACH (node, json_object(table)) {
        const struct json *update = node->data;
        const struct json *new;
        struct uuid uuid;

        if (!uuid_from_string(&uuid, node->name)
            || update->type != JSON_OBJECT) {
            return false;
        }
        new = shash_find_data(json_object(update), "new");
        if ((new && new->type != JSON_OBJECT)
            || !update_row(server, &uuid, new)) {
            return false;
        }
    }
    return true;
}

/* Takes in 'updates', which are the <table-updates> of RFC 7047, section
 * 4.1.6.  Returns false if they are not. */
bool
locks_server_update(struct locks_server *server, const struct json *updates)
{
    return (updates->type == JSON_OBJECT
            && locks_server_update_table(server, updates, "Database",
                                         locks_server_update_row)
            && locks_server_update_table(server, updates, "Kakehashi_Global",
                                         locks_server_update_global));
}

/* Returns NULL if the server's locks count, otherwise why they do not. */
const char *
locks_server_why_not(const struct locks_server *server)
{
    return (!server->present ? "has no database "LOCKS_DATABASE
            : server->standalone ? NULL
            : !server->clustered ? "has a copy of the database only"
            : !server->connected ? "is not connected to its cluster"
            : !server->leader ? LOCKS_STANDBY
            : NULL);
}
