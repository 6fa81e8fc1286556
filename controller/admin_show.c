/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "controller/admin_private.h"

#include "controller/admin.h"
#include "controller/agent.h"
#include "controller/conf.h"
#include "controller/edge.h"
#include "controller/lead.h"
#include "flows/stats.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "openvswitch/shash.h"
#include "sset.h"
#include "util.h"

static void
admin_put_error(struct json *json, const struct topo_row *row)
{
    json_object_put(json, "error", admin_json_string(row->error));
}

/* Clusters. */

static struct json *
admin_clusters_to_json(const struct agent *agent)
{
    struct json *array = json_array_create_empty();
    const struct topo_cluster *cluster;

    HMAP_FOR_EACH (cluster, row.node, &agent->topo.rows[TOPO_CLUSTER]) {
        json_array_add(array, admin_cluster_to_json(agent, cluster));
    }
    return array;
}

/* Segments. */

/* Adds to '*rate' what goes through 'claim' at present, in bytes a second.
 * Returns false if that is not known. */
static bool
admin_claim_rate(const struct topo_claim *claim,
                 double rate[TOPO_N_DIRECTIONS])
{
    const struct topo_attach *attach = claim->attach;
    const struct stats_entry *entry = stats_find_claim(claim);

    if (!claim->node->led || !entry || !entry->period
        || (attach->cluster && attach->cluster->active != claim->node)) {
        return false;
    }
    if (agent_session(claim->node)) {
        rate[TOPO_IN] += entry->rate[STATS_IN].bytes;
        rate[TOPO_OUT] += entry->rate[STATS_OUT].bytes;
    }
    return true;
}

/* What goes through 'attach', in bits a second, or null. */
static void
admin_put_rates(struct json *json, const struct topo_attach *attach)
{
    double rate[TOPO_N_DIRECTIONS] = { 0 };
    bool known = false;

    for (size_t i = 0; i < attach->n_claims; i++) {
        known |= admin_claim_rate(&attach->claims[i], rate);
    }
    json_object_put(json, "in_bps", known
                    ? json_integer_create(rate[TOPO_IN] * 8)
                    : json_null_create());
    json_object_put(json, "out_bps", known
                    ? json_integer_create(rate[TOPO_OUT] * 8)
                    : json_null_create());
}

static struct json *
admin_place_to_json(const struct topo_place *place)
{
    bool elsewhere = admin_is_elsewhere(place->segment);
    struct json *json = json_object_create();
    struct ds location = DS_EMPTY_INITIALIZER;

    topo_place_format(place, &location);
    json_object_put_string(json, "location", ds_cstr(&location));
    json_object_put(json, "macs",
                    admin_known_to_json(place->n_macs, elsewhere));
    if (place->type == TOPO_PLACE_ATTACH) {
        admin_put_rates(json, CONTAINER_OF(place, struct topo_attach, place));
    }
    json_object_put(json, "learned",
                    admin_known_to_json(place->n_new, elsewhere));
    admin_put_error(json, &place->row);
    ds_destroy(&location);
    return json;
}

static struct json *
admin_segment_to_json(const struct agent *agent,
                      const struct topo_segment *segment)
{
    struct json *json = json_object_create();
    struct json *places = json_array_create_empty();
    const struct topo_attach *attach;
    const struct topo_vtep *vtep;

    LIST_FOR_EACH (attach, segment_node, &segment->attaches) {
        json_array_add(places, admin_place_to_json(&attach->place));
    }
    LIST_FOR_EACH (vtep, segment_node, &segment->vteps) {
        json_array_add(places, admin_place_to_json(&vtep->place));
    }
    json_object_put_string(json, "name", segment->name);
    json_object_put(json, "vni", json_integer_create(segment->vni));
    admin_put_leader(json, agent, segment);
    json_object_put(json, "macs",
                    admin_known_to_json(segment->n_macs,
                                        admin_is_elsewhere(segment)));
    json_object_put(json, "mac_limit",
                    json_integer_create(segment->mac_limit));
    json_object_put(json, "places", places);
    admin_put_error(json, &segment->row);
    return json;
}

static struct json *
admin_segments_to_json(const struct agent *agent)
{
    const struct topo_segment **segments = topo_sorted_segments(&agent->topo);
    struct json *array = json_array_create_empty();

    for (size_t i = 0; segments[i]; i++) {
        json_array_add(array, admin_segment_to_json(agent, segments[i]));
    }
    free(segments);
    return array;
}

/* Rows that are not in force. */
static struct json *
admin_waiting_to_json(const struct agent *agent)
{
    struct json *array = json_array_create_empty();
    const struct topo_place *place;

    LIST_FOR_EACH (place, waiting_node, &agent->topo.waiting) {
        struct json *json = json_object_create();

        json_object_put_format(json, "row", UUID_FMT,
                               UUID_ARGS(&place->row.uuid));
        json_object_put_string(json, "port",
                               place->type == TOPO_PLACE_ATTACH
                               ? CONTAINER_OF(place, struct topo_attach,
                                              place)->port
                               : CONTAINER_OF(place, struct topo_vtep,
                                              place)->ip_string);
        admin_put_error(json, &place->row);
        json_array_add(array, json);
    }
    return array;
}

/* This controller among others. */
static struct json *
admin_self_to_json(const struct agent *agent)
{
    struct json *json = json_object_create();
    struct json *others = json_array_create_empty();
    struct sset names = SSET_INITIALIZER(&names);
    const char *name;

    conf_controllers(agent->conf, &names);
    SSET_FOR_EACH (name, &names) {
        if (strcmp(name, lead_name(agent->lead))) {
            json_array_add(others, json_string_create(name));
        }
    }
    sset_destroy(&names);
    json_object_put_string(json, "name", lead_name(agent->lead));
    json_object_put(json, "chief",
                    json_boolean_create(lead_is_chief(agent->lead)));
    json_object_put(json, "shards",
                    json_integer_create(lead_n_shards(agent->lead)));
    json_object_put(json, "leads",
                    json_integer_create(lead_count(agent->lead)));
    json_object_put(json, "others", others);
    json_object_put(json, "locks", json_string_create_nocopy(
                        lead_trouble(agent->lead)));
    return json;
}

/* As text. */

static const char *
admin_get(const struct json *json, const char *key)
{
    const struct json *value = shash_find_data(json_object(json), key);

    return value && value->type == JSON_STRING ? json_string(value) : NULL;
}

static long long
admin_get_int(const struct json *json, const char *key)
{
    return json_integer(shash_find_data(json_object(json), key));
}

/* Appends " 5 MACs" and the like, or nothing if the number is not known. */
static void
admin_text_count(const struct json *json, const char *key, const char *before,
                 const char *what, struct ds *s)
{
    const struct json *n = shash_find_data(json_object(json), key);

    if (n->type == JSON_INTEGER) {
        ds_put_format(s, "%s%lld %s", before, (long long) json_integer(n),
                      what);
    }
}

static void
admin_text_error(const struct json *json, int indent, struct ds *s)
{
    const char *error = admin_get(json, "error");

    if (error && *error) {
        ds_put_format(s, "%*serror: %s\n", indent, "", error);
    }
}

static void
admin_text_edge(const struct json *e, struct ds *s)
{
    if (!admin_get(e, "name")) {
        ds_put_format(s, "unknown switch %s (%s)\n",
                      admin_get(e, "datapath_id"), admin_get(e, "address"));
        return;
    }
    ds_put_format(s, "edge %s (%s): %s", admin_get(e, "name"),
                  admin_get(e, "tunnel_ip"), admin_get(e, "state"));
    if (!json_boolean(shash_find_data(json_object(e), "led"))) {
        const char *leader = admin_get(e, "leader");

        ds_put_format(s, ", led by %s", leader ? leader : "no controller");
        if (leader && admin_get(e, "leader_reason")) {
            ds_put_format(s, " (%s)", admin_get(e, "leader_reason"));
        }
    }
    if (admin_get(e, "address")) {
        ds_put_format(s, ", %s, OpenFlow %s", admin_get(e, "address"),
                      admin_get(e, "version"));
        admin_text_count(e, "flows", ", ", "flows", s);
    }
    ds_put_char(s, '\n');
    if (admin_get(e, "narrow")) {
        ds_put_format(s, "    warning: frames of full size do not get to %s\n",
                      admin_get(e, "narrow"));
    }
    admin_text_error(e, 4, s);
}

static void
admin_text_segment(const struct json *seg, struct ds *s)
{
    const struct json *places = shash_find_data(json_object(seg), "places");

    ds_put_format(s, "segment %s (VNI %lld)", admin_get(seg, "name"),
                  admin_get_int(seg, "vni"));
    admin_text_count(seg, "macs", ": ", "MACs", s);
    if (!json_boolean(shash_find_data(json_object(seg), "led"))) {
        const char *leader = admin_get(seg, "leader");

        ds_put_format(s, ": led by %s", leader ? leader : "no controller");
    }
    ds_put_char(s, '\n');
    admin_text_error(seg, 4, s);
    for (size_t i = 0; i < json_array(places)->n; i++) {
        const struct json *place = json_array(places)->elems[i];

        ds_put_format(s, "    %s", admin_get(place, "location"));
        admin_text_count(place, "macs", ": ", "MACs", s);
        ds_put_char(s, '\n');
        admin_text_error(place, 8, s);
    }
}

static void
admin_text_waiting(const struct json *w, struct ds *s)
{
    ds_put_format(s, "not in force: row %s (%s)\n", admin_get(w, "row"),
                  admin_get(w, "port"));
    admin_text_error(w, 4, s);
}

static void
admin_text_self(const struct json *self, struct ds *s)
{
    const struct json *others = shash_find_data(json_object(self), "others");
    const char *locks = admin_get(self, "locks");

    ds_put_format(s, "controller %s: leads %lld of %lld shards, "
                  "%"PRIuSIZE" other controllers%s%s\n",
                  admin_get(self, "name"), admin_get_int(self, "leads"),
                  admin_get_int(self, "shards"), json_array(others)->n,
                  *locks ? "; " : "", locks);
}

static void
admin_text_database(const struct json *db, struct ds *s)
{
    ds_put_format(s, "database %s: %s\n", admin_get(db, "remote"),
                  json_boolean(shash_find_data(json_object(db), "connected"))
                  ? "connected" : "disconnected");
    admin_text_error(db, 4, s);
}

static void
admin_text_each(const struct json *json, const char *key,
                void (*cb)(const struct json *, struct ds *), struct ds *s)
{
    const struct json *array = shash_find_data(json_object(json), key);

    for (size_t i = 0; i < json_array(array)->n; i++) {
        cb(json_array(array)->elems[i], s);
    }
}

/* show: everything at a glance. */
void
admin_show(struct unixctl_conn *conn, int argc, const char *argv[],
           void *agent_)
{
    struct agent *agent = agent_;
    struct json *json, *db, *self;
    bool as_json;

    if (!admin_format(conn, &argc, argv, 1, &as_json)) {
        return;
    }
    db = json_object_create();
    json_object_put_string(db, "remote", conf_remote(agent->conf));
    json_object_put(db, "connected",
                    json_boolean_create(conf_is_connected(agent->conf)));
    json_object_put(db, "error", admin_json_string(conf_misfit(agent->conf)));
    self = admin_self_to_json(agent);
    json = json_object_create();
    json_object_put(json, "database", db);
    json_object_put(json, "controller", self);
    json_object_put(json, "edges", admin_edges_to_json(agent, NULL));
    json_object_put(json, "clusters", admin_clusters_to_json(agent));
    json_object_put(json, "segments", admin_segments_to_json(agent));
    json_object_put(json, "waiting", admin_waiting_to_json(agent));
    if (as_json) {
        admin_reply_json(conn, json);
        return;
    }

    struct ds s = DS_EMPTY_INITIALIZER;
    admin_text_database(db, &s);
    admin_text_self(self, &s);
    admin_text_each(json, "edges", admin_text_edge, &s);
    admin_text_each(json, "clusters", admin_cluster_to_text, &s);
    admin_text_each(json, "segments", admin_text_segment, &s);
    admin_text_each(json, "waiting", admin_text_waiting, &s);
    unixctl_command_reply(conn, ds_cstr(&s));
    ds_destroy(&s);
    json_destroy(json);
}

char *
admin_status(const struct agent *agent)
{
    size_t n_edges = hmap_count(&agent->topo.rows[TOPO_EDGE]);
    size_t n_segments = hmap_count(&agent->topo.rows[TOPO_SEGMENT]);

    return xasprintf("%s, %"PRIuSIZE" of %"PRIuSIZE" edges connected, "
                     "%"PRIuSIZE" segments",
                     conf_misfit(agent->conf)
                     ? "the schema of the database does not fit"
                     : conf_is_connected(agent->conf)
                     ? "database connected" : "no connection to the database",
                     agent->n_met, n_edges, n_segments);
}
