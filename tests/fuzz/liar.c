/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "tests/fuzz/liar.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "byte-order.h"
#include "flow.h"
#include "flows/flowset.h"
#include "openflow/openflow.h"
#include "openvswitch/match.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/ofp-bundle.h"
#include "openvswitch/ofp-connection.h"
#include "openvswitch/ofp-flow.h"
#include "openvswitch/ofp-meter.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofp-port.h"
#include "openvswitch/ofp-switch.h"
#include "openvswitch/ofp-table.h"
#include "openvswitch/ofp-util.h"
#include "util.h"

/* Questions that are kept; older ones are forgotten. */
#define LIAR_MAX_ASKED 32

#define LIAR_N_TABLES 19

static enum ofputil_protocol
liar_protocol(const struct liar *liar)
{
    return ofputil_protocol_from_ofp_version(liar->version);
}

void
liar_init(struct liar *liar, uint64_t dpid)
{
    *liar = (struct liar) { .fd = -1, .dpid = dpid };
    ovs_list_init(&liar->asked);
    ofpbuf_init(&liar->rx, 0);
}

/* Connects to the socket at 'path', in 'version'. */
void
liar_connect(struct liar *liar, const char *path, enum ofp_version version)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };

    liar_close(liar);
    ovs_strzcpy(un.sun_path, path, sizeof un.sun_path);
    liar->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    ovs_assert(liar->fd >= 0);
    if (connect(liar->fd, (struct sockaddr *) &un, sizeof un)) {
        ovs_fatal(errno, "%s: cannot connect", path);
    }
    liar->version = version;
    liar->silent = false;
    struct ofpbuf *hello = ofputil_encode_hello(1u << version);
    liar_send_raw(liar, hello->data, hello->size);
    ofpbuf_delete(hello);
}

/* Forgets the oldest question. */
void
liar_forget(struct liar *liar)
{
    if (liar->n_asked) {
        liar->n_asked--;
        ofpbuf_delete(ofpbuf_from_list(ovs_list_pop_front(&liar->asked)));
    }
}

/* Closes the connection, if there is one, and frees what 'liar' has. */
void
liar_close(struct liar *liar)
{
    while (liar->n_asked) {
        liar_forget(liar);
    }
    ofpbuf_uninit(&liar->rx);
    ofpbuf_init(&liar->rx, 0);
    if (liar->fd >= 0) {
        close(liar->fd);
        liar->fd = -1;
    }
}

/* What comes. */

static void
liar_check_flow_mod(const struct liar *liar, const struct ofp_header *oh)
{
    uint64_t stub[1024 / 8];
    struct ofpbuf acts = OFPBUF_STUB_INITIALIZER(stub);
    struct ofputil_flow_mod fm;

    ovs_assert(!ofputil_decode_flow_mod(&fm, oh, liar_protocol(liar), NULL,
                                        NULL, &acts, u16_to_ofp(OFPP_MAX),
                                        255));
    minimatch_destroy(&fm.match);
    ofpbuf_uninit(&acts);
}

/* Takes 'oh': checks that it makes sense, and keeps it if it is a question. */
static void
liar_take(struct liar *liar, const struct ofp_header *oh)
{
    struct ofputil_bundle_add_msg add;
    enum ofptype type;

    ovs_assert(!ofptype_decode(&type, oh));
    switch ((int) type) {
    case OFPTYPE_FLOW_MOD:
        liar_check_flow_mod(liar, oh);
        break;
    case OFPTYPE_BUNDLE_ADD_MESSAGE:
        ovs_assert(!ofputil_decode_bundle_add(oh, &add, &type));
        liar_check_flow_mod(liar, add.msg);
        break;
    case OFPTYPE_ECHO_REQUEST:
        if (!liar->silent) {
            struct ofpbuf *reply = ofputil_encode_echo_reply(oh);

            liar_send_raw(liar, reply->data, reply->size);
            ofpbuf_delete(reply);
        }
        break;
    case OFPTYPE_FEATURES_REQUEST:
    case OFPTYPE_PORT_DESC_STATS_REQUEST:
    case OFPTYPE_METER_CONFIG_STATS_REQUEST:
    case OFPTYPE_FLOW_STATS_REQUEST:
    case OFPTYPE_AGGREGATE_STATS_REQUEST:
    case OFPTYPE_TABLE_STATS_REQUEST:
    case OFPTYPE_ROLE_REQUEST:
    case OFPTYPE_BUNDLE_CONTROL:
    case OFPTYPE_BARRIER_REQUEST:
        if (liar->n_asked == LIAR_MAX_ASKED) {
            liar_forget(liar);
        }
        struct ofpbuf *b = ofpbuf_clone_data(oh, ntohs(oh->length));
        ovs_list_push_back(&liar->asked, &b->list_node);
        liar->n_asked++;
        break;
    }
}

/* Takes whole messages out of 'liar->rx'. */
static void
liar_take_all(struct liar *liar)
{
    while (liar->rx.size >= sizeof(struct ofp_header)) {
        const uint8_t *p = liar->rx.data;
        size_t length = p[2] << 8 | p[3];

        ovs_assert(length >= sizeof(struct ofp_header));
        if (length > liar->rx.size) {
            break;
        }
        struct ofp_header *oh = xmemdup(p, length);
        liar_take(liar, oh);
        free(oh);
        ofpbuf_pull(&liar->rx, length);
    }
}

/* Takes what the controller has sent. */
void
liar_run(struct liar *liar)
{
    static uint8_t buffer[256 * 1024];
    ssize_t n;

    while (liar->fd >= 0
           && (n = recv(liar->fd, buffer, sizeof buffer, 0)) > 0) {
        ofpbuf_put(&liar->rx, buffer, n);
        liar_take_all(liar);
    }
}

/* What is true. */

static void
liar_port(struct ovs_list *replies, uint16_t number, const char *name)
{
    struct ofputil_phy_port pp = {
        .port_no = u16_to_ofp(number),
        .hw_addr = ETH_ADDR_C(0a,00,00,00,00,00),
        .state = OFPUTIL_PS_LIVE,
    };

    pp.hw_addr.ea[5] = number;
    ovs_strzcpy(pp.name, name, sizeof pp.name);
    ofputil_append_port_desc_stats_reply(&pp, replies);
}

static struct ofpbuf *
liar_only(struct ovs_list *replies)
{
    ovs_assert(ovs_list_is_short(replies));
    return ofpbuf_from_list(ovs_list_pop_front(replies));
}

static struct ofpbuf *
liar_ports(const struct ofp_header *oh)
{
    struct ovs_list replies;

    ofpmp_init(&replies, oh);
    liar_port(&replies, 1, "genev0");
    liar_port(&replies, 2, "p1");
    liar_port(&replies, 3, "p2");
    liar_port(&replies, 4, "peer0");
    return liar_only(&replies);
}

static struct ofpbuf *
liar_nothing(const struct ofp_header *oh)
{
    struct ovs_list replies;

    ofpmp_init(&replies, oh);
    return liar_only(&replies);
}

static struct ofpbuf *
liar_tables(const struct ofp_header *oh)
{
    struct ofpbuf *reply = ofputil_encode_table_stats_reply(oh);
    struct ofputil_table_features features = { .table_id = 0 };
    struct ofputil_table_stats stats = { .table_id = 0 };

    for (int i = 0; i < LIAR_N_TABLES; i++) {
        features.table_id = stats.table_id = i;
        ofputil_append_table_stats_reply(reply, &stats, &features);
    }
    return reply;
}

static struct ofpbuf *
liar_role(const struct ofp_header *oh)
{
    struct ofputil_role_request rr;

    ovs_assert(!ofputil_decode_role_message(oh, &rr));
    return ofputil_encode_role_reply(oh, &rr);
}

static struct ofpbuf *
liar_bundle(const struct ofp_header *oh)
{
    struct ofputil_bundle_ctrl_msg bc;

    ovs_assert(!ofputil_decode_bundle_ctrl(oh, &bc));
    bc.type++;                  /* Each request is followed by its reply. */
    return ofputil_encode_bundle_ctrl_reply(oh, &bc);
}

/* Returns the answer to 'oh', a question that liar_take() kept. */
static struct ofpbuf *
liar_true(const struct liar *liar, const struct ofp_header *oh)
{
    const struct ofputil_switch_features features = {
        .datapath_id = liar->dpid, .n_tables = 254,
    };
    const struct ofputil_aggregate_stats none = { .flow_count = 0 };
    enum ofptype type;

    ovs_assert(!ofptype_decode(&type, oh));
    switch ((int) type) {
    case OFPTYPE_FEATURES_REQUEST:
        return ofputil_encode_switch_features(&features, liar_protocol(liar),
                                              oh->xid);
    case OFPTYPE_PORT_DESC_STATS_REQUEST:
        return liar_ports(oh);
    case OFPTYPE_AGGREGATE_STATS_REQUEST:
        return ofputil_encode_aggregate_stats_reply(&none, oh);
    case OFPTYPE_TABLE_STATS_REQUEST:
        return liar_tables(oh);
    case OFPTYPE_ROLE_REQUEST:
        return liar_role(oh);
    case OFPTYPE_BUNDLE_CONTROL:
        return liar_bundle(oh);
    case OFPTYPE_BARRIER_REQUEST:
        return ofpraw_alloc_reply(OFPRAW_OFPT11_BARRIER_REPLY, oh, 0);
    default:
        return liar_nothing(oh);
    }
}

/* What is said. */

/* Sends 'n' bytes at 'data' as they are.  What there is no room for is lost,
 * as the rest of a message would be with a connection that is cut. */
void
liar_send_raw(struct liar *liar, const void *data, size_t n)
{
    if (liar->fd >= 0) {
        ssize_t sent = send(liar->fd, data, n, MSG_NOSIGNAL);

        ovs_assert(sent >= 0 || errno == EAGAIN || errno == EPIPE
                   || errno == ECONNRESET);
    }
}

static const struct ofp_header *
liar_oldest(const struct liar *liar)
{
    return ofpbuf_from_list(ovs_list_front(&liar->asked))->data;
}

/* Answers the oldest question truly.  Returns false if there is none. */
bool
liar_answer(struct liar *liar)
{
    bool any = liar->n_asked > 0;

    liar_lie(liar, 0, NULL, 0, 0);
    return any;
}

/* Answers the oldest question, if there is one, truly but for the 'n' bytes
 * from 'offset' behind the header, which become those at 'bytes'; and with
 * 'resize' bytes more at the end, or less. */
void
liar_lie(struct liar *liar, size_t offset, const void *bytes, size_t n,
         int resize)
{
    if (!liar->n_asked) {
        return;
    }

    struct ofpbuf *b = liar_true(liar, liar_oldest(liar));
    offset += sizeof(struct ofp_header);
    if (n && offset < b->size) {
        memcpy((uint8_t *) b->data + offset, bytes,
               MIN(n, b->size - offset));
    }
    if (resize > 0) {
        ofpbuf_put_zeros(b, resize);
    } else {
        b->size -= MIN(-resize, b->size - sizeof(struct ofp_header));
    }
    ofpmsg_update_length(b);
    liar_send_raw(liar, b->data, b->size);
    ofpbuf_delete(b);
    liar_forget(liar);
}

static void
liar_append(const struct flowset_flow *flow, struct ovs_list *replies)
{
    struct ofputil_flow_stats fs = {
        .cookie = htonll(flow->cookie), .table_id = flow->table,
        .priority = flow->priority, .idle_timeout = flow->idle_timeout,
        .hard_timeout = flow->hard_timeout, .flags = flow->flags,
        .idle_age = 11, .hard_age = -1,
        .ofpacts = flow->ofpacts, .ofpacts_len = flow->ofpacts_len,
    };

    minimatch_expand(&flow->match, &fs.match);
    ofputil_append_flow_stats_reply(&fs, replies, NULL);
}

/* If the oldest question is for flows, answers it with those in 'set', but for
 * the 'n' bytes from 'offset' on, which become those at 'bytes'. */
void
liar_report(struct liar *liar, const struct flowset *set, size_t offset,
            const void *bytes, size_t n)
{
    const struct flowset_flow *flow;
    struct ovs_list replies;
    struct ofpbuf *reply;
    enum ofptype type;

    if (!liar->n_asked || ofptype_decode(&type, liar_oldest(liar))
        || type != OFPTYPE_FLOW_STATS_REQUEST) {
        return;
    }
    ofpmp_init(&replies, liar_oldest(liar));
    HMAP_FOR_EACH (flow, node, &set->flows) {
        liar_append(flow, &replies);
    }
    LIST_FOR_EACH_POP (reply, list_node, &replies) {
        size_t head = sizeof(struct ofp_header);

        ofpmsg_update_length(reply);
        if (n && reply->size > head) {
            size_t at = head + offset % (reply->size - head);

            memcpy((uint8_t *) reply->data + at, bytes,
                   MIN(n, reply->size - at));
        }
        liar_send_raw(liar, reply->data, reply->size);
        ofpbuf_delete(reply);
    }
    liar_forget(liar);
}

/* Sends a message of 'type' with the 'n' bytes at 'body'.  If 'as_answer' and
 * there is a question, it is the answer to the oldest, otherwise it has
 * 'xid'. */
void
liar_send(struct liar *liar, uint8_t type, const void *body, size_t n,
          bool as_answer, uint32_t xid)
{
    size_t size = sizeof(struct ofp_header) + n;
    struct ofp_header *oh = xzalloc(size);

    *oh = (struct ofp_header) {
        .version = liar->version, .type = type, .length = htons(size),
        .xid = htonl(xid),
    };
    if (n) {
        memcpy(oh + 1, body, n);
    }
    if (as_answer && liar->n_asked) {
        oh->xid = liar_oldest(liar)->xid;
        liar_forget(liar);
    }
    liar_send_raw(liar, oh, size);
    free(oh);
}
