/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "controller/agent.h"

#include "controller/conf.h"
#include "controller/edge.h"
#include "controller/lead.h"
#include "controller/ofconn.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(agent_admit);

/* Who may be the switch of an edge.
 *
 * Anybody who gets a connection can say that it has some datapath ID.  An edge
 * may be pinned to a certificate; and who is there already stays, as long as
 * it answers.  It is asked when another one comes, at most once at a time:
 * claims that come meanwhile wait for the same answer, so that many of them
 * cannot make it look silent. */

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

/* For how long the last refusal is worth remembering before another one takes
 * its place, in milliseconds: each may be written to the database. */
#define AGENT_REFUSAL_HOLD 5000

/* Each session of an edge costs the others some time, and the database some
 * bytes.  A switch may begin so many at once, and one each so many
 * milliseconds from then on.  Open vSwitch waits for a second. */
#define AGENT_SESSIONS 30
#define AGENT_SESSION_INTERVAL 1000

/* Says what becomes of a claim that came at 'claimed', when who is there was
 * last asked at 'asked' and last answered at 'answered'; 0 is never. */
enum agent_verdict
agent_judge(long long claimed, long long asked, long long answered,
            long long now)
{
    return (answered >= claimed ? AGENT_REFUSE
            : asked <= answered ? AGENT_ASK
            : now < asked + AGENT_CLAIM_WAIT ? AGENT_WAIT
            : AGENT_REPLACE);
}

/* Returns why a switch whose certificate is of 'cn', or that has not shown any
 * if that is NULL, cannot be that of 'node', or NULL if it can.  The caller
 * frees it. */
char *
agent_pin_error(const struct topo_node *node, const char *cn)
{
    const char *pin = node->certificate_cn;

    if (!pin || nullable_string_is_equal(pin, cn)) {
        return NULL;
    }
    return (cn ? xasprintf("its certificate is of \"%s\", not of \"%s\"", cn,
                           pin)
            : xasprintf("it has not shown a certificate of \"%s\"", pin));
}

/* Does not let 'edge' be the switch of 'node', because of 'why', which it
 * takes. */
void
agent_refuse(struct agent *agent, struct topo_node *node, struct edge *edge,
             char *why)
{
    struct ofconn *conn = edge->conn;
    const char *name = ofconn_name(conn);
    long long now = time_msec();

    VLOG_WARN_RL(&rl, "%s: %s is refused: %s", node->name, name, why);
    if (!node->refused || now >= node->refused_at + AGENT_REFUSAL_HOLD) {
        const char *port = strrchr(name, ':');
        int n = port ? port - name : strlen(name);

        free(node->refused);
        node->refused = xasprintf("%.*s was refused: %s", n, name, why);
        node->refused_at = now;
        conf_status_changed(agent->conf);
    }
    agent_drop(agent, edge, why);
    ofconn_close(conn, why);
    free(why);
}

/* Lets 'edge' be the switch of 'node', which has none. */
static void
agent_admit(struct agent *agent, struct topo_node *node, struct edge *edge)
{
    const char *cn = ofconn_cn(edge->conn);

    VLOG_INFO("%s: connected (%s%s%s, OpenFlow 1.%d)", node->name,
              ofconn_name(edge->conn), cn ? ", certificate of " : "",
              cn ? cn : "", ofconn_version(edge->conn) - 1);
    agent_event_edge(agent, EVENT_CONNECTED, node, NULL);
    free(node->refused);
    node->refused = NULL;
    node->aux = edge;
    node->closed = false;
    agent->n_met++;
    lead_meet(agent->lead, &node->shard);
    topo_node_new_session(node);
    edge_ask_ports(edge, node);
    agent_busy(agent, edge);
    conf_status_changed(agent->conf);
}

/* Decides between 'old', the switch of 'node', and 'edge', which says that it
 * is that switch. */
static void
agent_contest(struct agent *agent, struct topo_node *node, struct edge *old,
              struct edge *edge)
{
    struct ofconn *conn = old->conn;
    long long now = time_msec();

    if (!edge->claimed) {
        edge->claimed = now;
    }
    switch (agent_judge(edge->claimed, old->contested, ofconn_answered(conn),
                        now)) {
    case AGENT_ASK:
        old->contested = now;
        ofconn_ask(conn);
        /* Fall through. */
    case AGENT_WAIT:
        edge->retry_at = old->contested + AGENT_CLAIM_WAIT;
        edge_set_rival(edge);
        agent_claim(agent, edge);
        break;
    case AGENT_REFUSE:
        agent_refuse(agent, node, edge,
                     xasprintf("the edge is connected from %s, and answers",
                               ofconn_name(conn)));
        break;
    case AGENT_REPLACE:
        VLOG_WARN("%s: %s does not answer, and is replaced by %s", node->name,
                  ofconn_name(conn), ofconn_name(edge->conn));
        agent_drop(agent, old, "replaced by a newer one");
        ofconn_close(conn, "replaced by a newer one");
        agent_admit(agent, node, edge);
        agent_elect_node(agent, node);
        break;
    default:
        OVS_NOT_REACHED();
    }
}

/* Returns whether the switch of 'node' begins sessions too often.  If not, it
 * begins one. */
static bool
agent_is_fickle(struct topo_node *node, long long now)
{
    long long at = MAX(node->sessions_at, now) + AGENT_SESSION_INTERVAL;

    if (at - now > AGENT_SESSIONS * AGENT_SESSION_INTERVAL) {
        return true;
    }
    node->sessions_at = at;
    return false;
}

/* Finds out whose switch this is, by its datapath ID.  It may be none's, or
 * have to wait, or be refused, that is gone. */
void
agent_identify(struct agent *agent, struct edge *edge)
{
    struct topo_node *node = topo_node_by_dpid(&agent->topo, edge->dpid);

    if (!node) {
        if (edge->state != EDGE_UNKNOWN && conf_is_ready(agent->conf)) {
            VLOG_INFO("%s: connected, but no edge has its datapath ID "
                      "%016"PRIx64, ofconn_name(edge->conn), edge->dpid);
        }
        edge_set_unknown(edge);
        return;
    }

    struct edge *old = agent_session(node);
    char *why = agent_pin_error(node, ofconn_cn(edge->conn));
    if (why) {
        agent_refuse(agent, node, edge, why);
    } else if (old) {
        agent_contest(agent, node, old, edge);
    } else if (agent_is_fickle(node, time_msec())) {
        agent_refuse(agent, node, edge, xstrdup("it connects too often"));
    } else {
        agent_admit(agent, node, edge);
    }
}

/* 'edge' is to be identified, again. */
void
agent_claim(struct agent *agent, struct edge *edge)
{
    ovs_list_push_back(&agent->claims, &edge->claim_node);
}

void
agent_claims_run(struct agent *agent)
{
    struct ovs_list todo = OVS_LIST_INITIALIZER(&todo);

    ovs_list_push_back_all(&todo, &agent->claims);
    while (!ovs_list_is_empty(&todo)) {
        struct edge *edge = CONTAINER_OF(ovs_list_pop_front(&todo),
                                         struct edge, claim_node);

        ovs_list_init(&edge->claim_node);
        agent_identify(agent, edge);
    }
}

void
agent_claims_wait(const struct agent *agent)
{
    const struct edge *edge;

    LIST_FOR_EACH (edge, claim_node, &agent->claims) {
        poll_timer_wait_until(edge->retry_at);
    }
}
