/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* Any bytes as what switches say to a controller that runs: through its
 * connections (controller/ofconn.h), its sessions (controller/edge.h) and its
 * agent (controller/agent.h), in all versions of OpenFlow.  The input says
 * what the switches do, one step after the other: answer, lie, send what
 * nobody asked for, or bytes that are no message, fall silent, go and come;
 * and, in between, that a row of the configuration has changed.
 *
 * However they have lied: what the controller sends makes sense
 * (tests/fuzz/liar.h), and when they come again and speak the truth, all are
 * in sync, with the flows that they should have.
 *
 * The clock is the target's, so that the same input does the same.  There is
 * no database: rows go straight into the topology, and the locks of all shards
 * are said to be ours. */

#include <config.h>
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "controller/agent.h"
#include "controller/conf_private.h"
#include "controller/edge.h"
#include "controller/lead_private.h"
#include "controller/loop.h"
#include "controller/ofconn.h"
#include "dp-packet.h"
#include "fatal-signal.h"
#include "flow.h"
#include "flows/delta.h"
#include "flows/layout.h"
#include "flows/packetout.h"
#include "flows/pipeline.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/ofp-packet.h"
#include "openvswitch/vlog.h"
#include "random.h"
#include "tests/fuzz/bytes.h"
#include "tests/fuzz/lab.h"
#include "tests/fuzz/liar.h"
#include "timeval.h"
#include "util.h"

#define FUZZ_N_LIARS LAB_N_EDGES
#define FUZZ_MAX_STEPS 200
#define FUZZ_STEP (OFCONN_PROBE - 1000)
#define FUZZ_PATIENCE 60        /* Seconds. */
#define FUZZ_NO_DB "unix:/nonexistent/db.sock"

struct fuzz {
    struct agent *agent;
    struct liar liars[FUZZ_N_LIARS];
    struct bytes in;
    uint64_t generation;
};

static char *fuzz_path;         /* Where switches connect. */

/* Time. */

static long long fuzz_now;

long long __wrap_time_msec(void);

long long
__wrap_time_msec(void)
{
    return fuzz_now;
}

/* A timer of libuv's has run down, if 'handle' is one: that of all
 * connections, of which nobody else knows. */
static void
fuzz_fire(uv_handle_t *handle, void *aux OVS_UNUSED)
{
    if (handle->type == UV_TIMER) {
        uv_timer_t *timer = (uv_timer_t *) handle;

        uv_timer_stop(timer);   /* It would run by the system's clock. */
        timer->timer_cb(timer);
    }
}

/* All shards are led from here. */
static void
fuzz_lead(struct fuzz *f)
{
    struct lead *lead = f->agent->lead;
    struct lead_shard *shard;

    HMAP_FOR_EACH (shard, node, &lead->shards) {
        if (!shard->generation) {
            lead_set(lead, shard, true, true, ++f->generation);
            lead_tell(lead, shard);
        }
    }
}

/* None is. */
static void
fuzz_lose(struct fuzz *f)
{
    struct lead *lead = f->agent->lead;
    struct lead_shard *shard;

    HMAP_FOR_EACH (shard, node, &lead->shards) {
        lead_set(lead, shard, false, false, shard->generation);
        lead_lose(lead, shard);
    }
}

/* The controller. */

/* Makes the controller.  All listen at one place, which connects to the latest
 * that has asked to: agent_listen() says so before it says that it cannot. */
static struct agent *
fuzz_agent(void)
{
    struct agent *agent;
    char *error;

    random_set_seed(1);
    agent = agent_create(FUZZ_NO_DB, "fuzz");
    agent->conf->seqno = 1;
    agent->lead->named = true;
    if (!fuzz_path) {
        char *target = xasprintf("punix:/tmp/fuzz-session.%ld",
                                 (long) getpid());

        fatal_ignore_sigpipe();
        vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_OFF);
        error = agent_listen(agent, target);
        ovs_assert(!error);
        uv_walk(loop_uv(), fuzz_fire, NULL);
        fuzz_path = xstrdup(target + strlen("punix:"));
        free(target);
    } else {
        error = agent_listen(agent, "none");
        ovs_assert(error);
        free(error);
    }
    lab_configure(&agent->topo);
    agent_conf_changed(agent);
    return agent;
}

/* Lets the controller do what there is to be done, and the switches hear of
 * it. */
static void
fuzz_run(struct fuzz *f)
{
    uv_run(loop_uv(), UV_RUN_NOWAIT);
    agent_run(f->agent);
    for (int i = 0; i < FUZZ_N_LIARS; i++) {
        liar_run(&f->liars[i]);
    }
}

/* Lets 'msec' pass, in steps that are short enough for who answers. */
static void
fuzz_pass(struct fuzz *f, int msec)
{
    for (; msec > 0; msec -= FUZZ_STEP) {
        fuzz_now += MIN(msec, FUZZ_STEP);
        uv_walk(loop_uv(), fuzz_fire, NULL);
        fuzz_run(f);
        fuzz_run(f);
    }
}

/* Switch 'i' connects. */
static void
fuzz_connect(struct fuzz *f, int i, enum ofp_version version)
{
    liar_connect(&f->liars[i], fuzz_path, version);
    fuzz_run(f);
    fuzz_run(f);
}

/* The switches that are connected answer all that they are asked. */
static void
fuzz_answer_all(struct fuzz *f, int rounds)
{
    bool any = true;

    for (int i = 0; i < rounds && any; i++) {
        any = false;
        for (int j = 0; j < FUZZ_N_LIARS; j++) {
            while (liar_answer(&f->liars[j])) {
                any = true;
            }
        }
        fuzz_run(f);
    }
}

/* What the switches do. */

/* Makes of 'probe' one for loops, sent out of binding 'n', if there is one. */
static void
fuzz_loop(const struct fuzz *f, unsigned int n, struct packetout_probe *probe)
{
    const struct topo_attach *from = lab_binding_row(&f->agent->topo, n);

    if (from && from->place.segment) {
        probe->type = PACKETOUT_LOOP;
        probe->secret = f->agent->loop_secret;
        probe->binding = from->place.row.uuid;
        probe->port = from->place.segment->vni;
    }
}

/* Switch 'liar' got a frame that the controller had sent by another; or a
 * BPDU. */
static void
fuzz_probe(struct fuzz *f, struct liar *liar)
{
    static const ovs_be32 ips[] = {
        CONSTANT_HTONL(0x0a000001), CONSTANT_HTONL(0x0a000002), 0,
    };
    uint8_t how = bytes_u8(&f->in);
    struct packetout_probe probe = {
        .type = how % 4, .secret = f->agent->secret,
    };
    const struct topo_cluster *cluster = lab_cluster_row(&f->agent->topo);
    struct ofputil_packet_in_private pin = {
        .base = { .table_id = LAYOUT_CLASSIFY, .reason = OFPR_ACTION },
    };
    struct dp_packet packet;
    struct ofpbuf acts, *msg;

    probe.dpid = 1 + bytes_below(&f->in, FUZZ_N_LIARS);
    probe.port = bytes_u8(&f->in);
    if (cluster) {
        probe.cluster = cluster->id;
        probe.secret = (probe.type == PACKETOUT_MARKER
                        ? cluster->marker_secret : probe.secret);
    }
    if (how >= 0xe0) {
        fuzz_loop(f, how, &probe);
    }
    ofpbuf_init(&acts, 0);
    dp_packet_init(&packet, 0);
    packetout_ask_by(&packet, &acts, &probe, u16_to_ofp(1));
    if (how >= 0xd0) {
        static const struct eth_addr bpdu = LAYOUT_BPDU_IEEE;
        struct eth_header *eth = dp_packet_data(&packet);

        eth->eth_dst = how < 0xe0 ? bpdu : eth->eth_dst;
        eth_push_vlan(&packet, htons(ETH_TYPE_VLAN), htons(how % 3 * 10));
    }
    match_init_catchall(&pin.base.flow_metadata);
    match_set_in_port(&pin.base.flow_metadata, u16_to_ofp(1 + how / 4 % 4));
    match_set_tun_src(&pin.base.flow_metadata, ips[how / 16 % 3]);
    pin.base.packet = dp_packet_data(&packet);
    pin.base.packet_len = dp_packet_size(&packet);
    msg = ofputil_encode_packet_in_private(
        &pin, ofputil_protocol_from_ofp_version(OFP15_VERSION),
        OFPUTIL_PACKET_IN_NXT2);
    liar_send(liar, 4, (struct ofp_header *) msg->data + 1,
              msg->size - sizeof(struct ofp_header), false, 0);
    ofpbuf_delete(msg);
    ofpbuf_uninit(&acts);
    dp_packet_uninit(&packet);
}

/* Switch 'liar' got a frame that nobody knows the sender of. */
static void
fuzz_sight(struct fuzz *f, struct liar *liar)
{
    /* Of NXT_PACKET_IN2 (openflow/nicira-ext.h). */
    uint8_t pin[] = {
        0, 0, 0x23, 0x20, 0, 0, 0, 30,
        0, 0, 0, 18, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,    /* Frame. */
        0xaa, 0, 0, 0, 0, bytes_u8(&f->in), 8, 6, 0, 0, 0, 0, 0, 0,
        0, 3, 0, 5, bytes_below(&f->in, 16), 0, 0, 0,       /* Table. */
        0, 6, 0, 24,                            /* Metadata, reg0. */
        0x80, 0, 4, 8, 0, 0, 0, 0, 0, 0, 0x13, 0x88 + bytes_below(&f->in, 2),
        0, 1, 0, 4, 0, bytes_below(&f->in, 4), 0, bytes_u8(&f->in),
    };

    liar_send(liar, 4, pin, sizeof pin, false, 0);
}

static void
fuzz_say(struct fuzz *f, struct liar *liar, bool as_answer)
{
    uint8_t type = bytes_u8(&f->in);
    size_t n = bytes_u16(&f->in);
    const uint8_t *body = bytes_take(&f->in, &n);

    liar_send(liar, type, body, n, as_answer, as_answer ? 0 : n);
}

static void
fuzz_lie(struct fuzz *f, struct liar *liar)
{
    size_t offset = bytes_u8(&f->in) * 2;
    int8_t resize = bytes_u8(&f->in);
    size_t n = bytes_below(&f->in, 64);
    const uint8_t *bytes = bytes_take(&f->in, &n);

    liar_lie(liar, offset, bytes, n, resize % 2 ? resize : 0);
}

/* Adds to 'set' the flow in 'table' by which a switch notes that it has taken
 * over, or that there is a controller. */
static void
fuzz_add_note(const struct fuzz *f, struct flowset *set, int table)
{
    const struct topo_cluster *cluster = lab_cluster_row(&f->agent->topo);
    enum layout_kind kind = (table == LAYOUT_LEASE ? LAYOUT_K_LEASE
                             : LAYOUT_K_TAKEN);
    char *text = xasprintf("table=%d,priority=%d,reg2=%"PRIu32",actions=drop",
                           table, LAYOUT_PRIO_ELSE, cluster ? cluster->id : 1);

    free(flowset_add_str(set, layout_cookie(kind, 0), text));
    free(text);
}

/* The switch has the flows that it should have, but for some bytes. */
static void
fuzz_report(struct fuzz *f, struct liar *liar)
{
    struct topo_node *node = topo_node_by_dpid(&f->agent->topo, liar->dpid);
    size_t offset = bytes_u16(&f->in) * 4;
    uint8_t how = bytes_u8(&f->in);
    size_t n = how % 32;
    const uint8_t *bytes = bytes_take(&f->in, &n);
    struct flowset set;

    if (node) {
        flowset_init(&set);
        pipeline_all(node, &set);
        fdb_node_flows(node, NULL, &set);
        if (how & 0x40) {
            fuzz_add_note(f, &set, LAYOUT_LEASE);
        }
        if (how & 0x80) {
            fuzz_add_note(f, &set, LAYOUT_TAKEN);
        }
        liar_report(liar, &set, offset, bytes, n);
        flowset_destroy(&set);
    }
}

/* An operator has the session of 'liar' asked for its flows, as by flows/diff,
 * or all learned MACs forgotten. */
static void
fuzz_order(struct fuzz *f, const struct liar *liar)
{
    struct topo_node *node = topo_node_by_dpid(&f->agent->topo, liar->dpid);
    struct edge *edge = node ? agent_session(node) : NULL;

    if (bytes_below(&f->in, 4) == 1) {
        agent_flush_macs(f->agent, NULL, NULL);
    } else if (edge && edge->state == EDGE_SYNCED) {
        edge_ask_flows(edge);
    }
}

static void
fuzz_raw(struct fuzz *f, struct liar *liar)
{
    size_t n = bytes_u16(&f->in) % 4096;
    const uint8_t *bytes = bytes_take(&f->in, &n);

    liar_send_raw(liar, bytes, n);
}

static void
fuzz_step(struct fuzz *f)
{
    uint8_t op = bytes_u8(&f->in);
    int i = op % 4 % FUZZ_N_LIARS;
    struct liar *liar = &f->liars[i];

    switch (op / 4 % 16) {
    case 0:
        liar_answer(liar);
        break;
    case 1:
        fuzz_answer_all(f, 1 + bytes_below(&f->in, 16));
        break;
    case 2:
        fuzz_lie(f, liar);
        break;
    case 3:
        fuzz_say(f, liar, true);
        break;
    case 4:
        fuzz_say(f, liar, false);
        break;
    case 5:
        fuzz_raw(f, liar);
        break;
    case 6:
        liar_forget(liar);
        break;
    case 7:
        fuzz_pass(f, bytes_u16(&f->in) / 2);
        break;
    case 8:
        lab_change(&f->agent->topo, &f->in);
        agent_conf_changed(f->agent);
        break;
    case 9:
        fuzz_connect(f, i, OFP13_VERSION + bytes_below(&f->in, 3));
        break;
    case 10:
        liar_close(liar);
        break;
    case 11:
        (bytes_below(&f->in, 4) == 3 ? fuzz_probe : fuzz_sight)(f, liar);
        break;
    case 12:
        fuzz_order(f, liar);
        break;
    case 13:
        (bytes_below(&f->in, 2) ? fuzz_lead : fuzz_lose)(f);
        break;
    case 14:
        fuzz_report(f, liar);
        break;
    default:
        liar->silent = !liar->silent;
        break;
    }
    if (op < 192) {             /* Or several things in one turn. */
        fuzz_run(f);
    }
}

/* What must be true. */

/* The switch of 'edge', which is in sync, was told what it should have. */
static void
fuzz_check_flows(struct edge *edge)
{
    struct flowset want;
    struct delta delta;

    flowset_init(&want);
    pipeline_all(edge->tnode, &want);
    delta_init(&delta, &edge->installed);
    delta_all(&delta, &want);
    delta_finish(&delta);
    if (!delta_is_empty(&delta)) {
        struct ds s = DS_EMPTY_INITIALIZER;

        delta_format(&delta, &s);
        ovs_fatal(0, "%s should change so:\n%s", edge->tnode->name,
                  ds_cstr(&s));
    }
    delta_destroy(&delta);
    flowset_destroy(&want);
}

static bool
fuzz_edge_in_sync(const struct edge *edge)
{
    return (edge->state == EDGE_SYNCED && !edge->txn
            && hmap_is_empty(&edge->tnode->dirty));
}

/* Whether all switches that are connected, and have a row, are in sync. */
static bool
fuzz_in_sync(const struct fuzz *f)
{
    const struct edge *edge;

    LIST_FOR_EACH (edge, node, &f->agent->edges) {
        if (edge->tnode && !fuzz_edge_in_sync(edge)) {
            return false;
        }
    }
    return true;
}

/* Those that are in sync have what they should have, by what they say. */
static void
fuzz_check_synced(struct fuzz *f)
{
    struct edge *edge;

    LIST_FOR_EACH (edge, node, &f->agent->edges) {
        if (edge->tnode && fuzz_edge_in_sync(edge)) {
            fuzz_check_flows(edge);
        }
    }
}

static void
fuzz_check_limits(const struct topo *topo)
{
    const struct topo_segment *segment;

    HMAP_FOR_EACH (segment, row.node, &topo->rows[TOPO_SEGMENT]) {
        ovs_assert(segment->n_learned <= segment->mac_limit);
    }
}

/* All liars have gone, and 'n' of them come again to speak the truth. */
static void
fuzz_repent(struct fuzz *f, int n)
{
    for (int i = 0; i < FUZZ_N_LIARS; i++) {
        liar_close(&f->liars[i]);
    }
    fuzz_run(f);
    fuzz_run(f);
    ovs_assert(ovs_list_is_empty(&f->agent->edges));
    fuzz_lead(f);
    for (int i = 0; i < n; i++) {
        fuzz_connect(f, i, OFP15_VERSION - i);
    }
    fuzz_answer_all(f, 100);
    for (int i = 0; i < FUZZ_PATIENCE && !fuzz_in_sync(f); i++) {
        fuzz_pass(f, 1000);
        fuzz_answer_all(f, 100);
    }
    ovs_assert(fuzz_in_sync(f));
    fuzz_check_synced(f);
    fuzz_check_limits(&f->agent->topo);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz f = { .in = { data, size } };

    fuzz_now = 1000000;
    f.agent = fuzz_agent();
    for (int i = 0; i < FUZZ_N_LIARS; i++) {
        liar_init(&f.liars[i], i + 1);
    }
    fuzz_run(&f);
    fuzz_lead(&f);

    int n = 1 + bytes_below(&f.in, FUZZ_N_LIARS);
    for (int i = 0; i < FUZZ_MAX_STEPS && f.in.left; i++) {
        fuzz_step(&f);
    }
    fuzz_check_synced(&f);
    fuzz_repent(&f, n);
    for (int i = 0; i < FUZZ_N_LIARS; i++) {
        liar_close(&f.liars[i]);
    }
    agent_destroy(f.agent);
    uv_run(loop_uv(), UV_RUN_NOWAIT);
    return 0;
}
