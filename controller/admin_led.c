/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "controller/admin_private.h"

#include "controller/agent.h"
#include "controller/conf.h"
#include "controller/lead.h"
#include "openvswitch/json.h"
#include "sset.h"
#include "util.h"

/* What is led elsewhere: who does, in the same words wherever it is told.
 *
 * Who leads is the database's word, which may be old for a moment: then it may
 * be this controller, which is not to name itself. */

/* Returns the name of the other controller that leads 'node', or NULL. */
static const char *
admin_other_leader(const struct agent *agent, const struct topo_node *node)
{
    const char *leader = node->led ? NULL : conf_leader(agent->conf, node);

    return (nullable_string_is_equal(leader, lead_name(agent->lead))
            ? NULL : leader);
}

/* Returns the name of the controller that leads 'cluster', or NULL. */
const char *
admin_cluster_leader(const struct agent *agent,
                     const struct topo_cluster *cluster)
{
    return (cluster->n_members
            ? conf_leader(agent->conf, cluster->members[0]) : NULL);
}

/* Whether 'segment' is for another controller, which knows its learned MACs.
 * One that is nowhere has none. */
bool
admin_is_elsewhere(const struct topo_segment *segment)
{
    return segment->n_sites && !agent_leads_segment(segment);
}

/* Returns 'n', a number of MACs or flows, as JSON; null if they are led
 * 'elsewhere', where it is known. */
struct json *
admin_known_to_json(size_t n, bool elsewhere)
{
    return elsewhere ? json_null_create() : json_integer_create(n);
}

/* Adds to 'json' who leads 'segment'. */
void
admin_put_leader(struct json *json, const struct agent *agent,
                 const struct topo_segment *segment)
{
    const struct topo_node *node = (segment->n_sites ? segment->sites[0].node
                                    : NULL);

    json_object_put(json, "leader", admin_json_string(
                        node ? conf_leader(agent->conf, node) : NULL));
    json_object_put(json, "led", json_boolean_create(
                        !admin_is_elsewhere(segment)));
}

/* Replies that 'what', called 'name', is led by 'leader', who is to be asked,
 * and not from here.  'hint' is what else can be done, or "". */
void
admin_not_led(struct unixctl_conn *conn, const char *what, const char *name,
              const char *leader, const char *hint)
{
    char *error = (leader
                   ? xasprintf("%s %s is led by controller %s; ask there%s",
                               what, name, leader, hint)
                   : xasprintf("%s %s is led by no controller now", what,
                               name));

    unixctl_command_reply_error(conn, error);
    free(error);
}

/* Replies and returns false unless 'node' is led from here. */
bool
admin_leads_node(struct unixctl_conn *conn, const struct agent *agent,
                 const struct topo_node *node)
{
    if (!node->led) {
        admin_not_led(conn, "edge", node->name,
                      admin_other_leader(agent, node), "");
    }
    return node->led;
}

/* Replies and returns false if 'segment' is led elsewhere. */
bool
admin_leads_segment(struct unixctl_conn *conn, const struct agent *agent,
                    const struct topo_segment *segment)
{
    bool elsewhere = admin_is_elsewhere(segment);

    if (elsewhere) {
        admin_not_led(conn, "segment", segment->name,
                      admin_other_leader(agent, segment->sites[0].node), "");
    }
    return !elsewhere;
}

/* Adds to 'names' who leads edges that are not led here.  Returns whether
 * there are such. */
static bool
admin_other_leaders(const struct agent *agent, struct sset *names)
{
    const struct topo_node *node;
    bool any = false;

    HMAP_FOR_EACH (node, row.node, &agent->topo.rows[TOPO_EDGE]) {
        const char *leader = admin_other_leader(agent, node);

        any |= !node->led;
        if (leader) {
            sset_add(names, leader);
        }
    }
    return any;
}

/* Returns who leads what is not led here, in words, for the caller to free, or
 * NULL if all is led here. */
char *
admin_led_by(const struct agent *agent)
{
    struct sset names = SSET_INITIALIZER(&names);
    char *s = (!admin_other_leaders(agent, &names) ? NULL
               : sset_is_empty(&names) ? xstrdup("no controller now")
               : sset_join(&names, ", ", ""));

    sset_destroy(&names);
    return s;
}

/* Returns the names of the other controllers that lead something, or if
 * 'segment' is given that segment. */
struct json *
admin_other_leaders_to_json(const struct agent *agent,
                            const struct topo_segment *segment)
{
    struct json *array = json_array_create_empty();
    struct sset names = SSET_INITIALIZER(&names);
    const char **sorted;

    if (!segment) {
        admin_other_leaders(agent, &names);
    } else if (admin_is_elsewhere(segment)) {
        const char *leader = admin_other_leader(agent,
                                                segment->sites[0].node);
        if (leader) {
            sset_add(&names, leader);
        }
    }
    sorted = sset_sort(&names);
    for (size_t i = 0; sorted[i]; i++) {
        json_array_add(array, json_string_create(sorted[i]));
    }
    free(sorted);
    sset_destroy(&names);
    return array;
}

/* Replies that 'n' of what 'what' is the singular of, of all that is led here
 * or if 'only' of less, are flushed. */
void
admin_flushed(struct unixctl_conn *conn, const struct agent *agent, size_t n,
              const char *what, bool only)
{
    char *others = only ? NULL : admin_led_by(agent);
    char *reply = xasprintf("%"PRIuSIZE" learned %s%s flushed%s%s\n", n, what,
                            n == 1 ? "" : "s",
                            others ? "; the rest is led by " : "",
                            others ? others : "");

    unixctl_command_reply(conn, reply);
    free(reply);
    free(others);
}
