/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "controller/admin_private.h"

#include "controller/agent.h"
#include "flows/addr.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "openvswitch/shash.h"
#include "util.h"

/* vtep/show [SEGMENT]: the VTEPs that are in force, those that have a row and
 * those that were learned, which their leader knows.
 *
 * vtep/flush [SEGMENT [IP]]: forgets learned ones, of what is led here. */

static void
admin_vteps_of(const struct topo_segment *segment, struct shash *rows)
{
    const struct topo_vtep *vtep;

    LIST_FOR_EACH (vtep, segment_node, &segment->vteps) {
        struct json *json = json_object_create();
        struct ds ip = DS_EMPTY_INITIALIZER;

        addr_format_vtep(&vtep->ip, &ip);
        json_object_put_string(json, "segment", segment->name);
        json_object_put(json, "vni", json_integer_create(segment->vni));
        json_object_put_string(json, "ip", ds_cstr(&ip));
        json_object_put_string(json, "type",
                               vtep->learned ? "learned" : "configured");
        json_object_put(json, "macs",
                        admin_known_to_json(vtep->place.n_macs,
                                            admin_is_elsewhere(segment)));
        shash_add_nocopy(rows, xasprintf("%08"PRIx32" %s", segment->vni,
                                         ds_cstr(&ip)), json);
        ds_destroy(&ip);
    }
}

static void
admin_vtep_to_text(const struct json *json, struct ds *s)
{
    const struct shash *vtep = json_object(json);
    const struct json *macs = shash_find_data(vtep, "macs");

    ds_put_format(s, "%-16s %8lld  %-39s  %-10s ",
                  json_string(shash_find_data(vtep, "segment")),
                  (long long) json_integer(shash_find_data(vtep, "vni")),
                  json_string(shash_find_data(vtep, "ip")),
                  json_string(shash_find_data(vtep, "type")));
    if (macs->type == JSON_INTEGER) {
        ds_put_format(s, "%6lld\n", (long long) json_integer(macs));
    } else {
        ds_put_format(s, "%6s\n", "-");
    }
}

void
admin_vtep_show(struct unixctl_conn *conn, int argc, const char *argv[],
                void *agent_)
{
    struct agent *agent = agent_;
    struct shash rows = SHASH_INITIALIZER(&rows);
    struct topo_segment *segment;
    bool json;

    if (!admin_format(conn, &argc, argv, 1, &json)
        || !admin_segment(conn, agent, argc, argv, &segment)) {
        return;
    }
    if (segment) {
        admin_vteps_of(segment, &rows);
    } else {
        HMAP_FOR_EACH (segment, row.node, &agent->topo.rows[TOPO_SEGMENT]) {
            admin_vteps_of(segment, &rows);
        }
    }

    char *header = xasprintf("%-16s %8s  %-39s  %-10s %6s\n", "SEGMENT",
                             "VNI", "VTEP", "TYPE", "MACS");
    admin_reply_rows(conn, &rows, json, header, admin_vtep_to_text);
    free(header);
}

void
admin_vtep_flush(struct unixctl_conn *conn, int argc, const char *argv[],
                 void *agent_)
{
    struct agent *agent = agent_;
    struct topo_segment *segment;
    struct in6_addr ip;
    char *error;

    if (!admin_segment(conn, agent, argc, argv, &segment)
        || (segment && !admin_leads_segment(conn, agent, segment))) {
        return;
    }
    if (argc > 2 && !addr_parse_vtep(argv[2], &ip, &error)) {
        unixctl_command_reply_error(conn, error);
        free(error);
        return;
    }

    size_t n = agent_flush_vteps(agent, segment, argc > 2 ? &ip : NULL);
    admin_flushed(conn, agent, n, "VTEP", segment != NULL);
}
