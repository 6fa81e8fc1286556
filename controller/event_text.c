/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* Events as lines, made of what the controller says of them. */

#include <config.h>
#include "controller/events.h"

#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "openvswitch/shash.h"
#include "util.h"

/* Returns the string that 'member' of 'json', an object, is, or NULL. */
const char *
event_get(const struct json *json, const char *member)
{
    const struct json *value = shash_find_data(json_object(json), member);

    return value && value->type == JSON_STRING ? json_string(value) : NULL;
}

/* Appends a line for 'json', an object. */
void
event_to_text(const struct json *json, struct ds *s)
{
    static const char *const names[] = {
#define EVENT_FIELD(NAME, STRING) [EVENT_##NAME] = STRING,
        EVENT_FIELDS
#undef EVENT_FIELD
    };
    const char *time = event_get(json, "time");
    const char *kind = event_get(json, "event");

    ds_put_format(s, "%s  %-12s", time ? time : "-", kind ? kind : "-");
    for (size_t i = 0; i < EVENT_N_FIELDS; i++) {
        const char *value = event_get(json, names[i]);

        if (value) {
            ds_put_format(s, i == EVENT_REASON ? " (%s%s)" : " %s %s",
                          i == EVENT_REASON ? "" : names[i], value);
        }
    }
    ds_put_char(s, '\n');
}
