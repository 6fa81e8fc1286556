/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* flowsync TARGET PROTOCOL FILE
 *
 * Makes our flows in the switch at TARGET those in FILE, over PROTOCOL, as
 * the controller does: dump, delta, one bundle.  Prints "N changes".  Then
 * dumps again, and fails if the delta is not empty: what was wanted is not
 * what the switch says that it has. */

#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flows/bundlemsg.h"
#include "flows/delta.h"
#include "flows/flowset.h"
#include "flows/layout.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/ofp-errors.h"
#include "openvswitch/ofp-flow.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/vconn.h"
#include "util.h"

static struct vconn *
connect_to(const char *target, enum ofputil_protocol protocol)
{
    struct vconn *vconn;
    int error = vconn_open(target, 1u << ofputil_protocol_to_ofp_version(
                               protocol), 0, &vconn);

    error = error ? error : vconn_connect_block(vconn, -1);
    if (error) {
        ovs_fatal(error, "%s", target);
    }
    return vconn;
}

static void
read_want(const char *path, struct flowset *want)
{
    struct ds line = DS_EMPTY_INITIALIZER;
    FILE *stream = fopen(path, "r");

    if (!stream) {
        ovs_fatal(errno, "%s", path);
    }
    while (!ds_get_line(&line, stream)) {
        const char *text = ds_cstr(&line);
        unsigned long long cookie;

        if (text[0] != '#') {
            if (sscanf(text, "cookie=%llx", &cookie) != 1) {
                ovs_fatal(0, "%s: no cookie in \"%s\"", path, text);
            }
            char *error = flowset_add_str(want, cookie, text);
            if (error) {
                ovs_fatal(0, "%s: %s", path, error);
            }
        }
    }
    fclose(stream);
    ds_destroy(&line);
}

static void
read_have(struct vconn *vconn, enum ofputil_protocol protocol,
          struct flowset *have)
{
    struct ofputil_flow_stats_request request = {
        .cookie = htonll(LAYOUT_COOKIE_OURS),
        .cookie_mask = htonll(LAYOUT_COOKIE_MASK),
        .out_port = OFPP_ANY,
        .out_group = OFPG_ANY,
        .table_id = 0xff,
    };
    struct ofputil_flow_stats *stats;
    size_t n;

    match_init_catchall(&request.match);
    int error = vconn_dump_flows(vconn, &request, protocol, &stats, &n);
    if (error) {
        ovs_fatal(error, "dump");
    }
    for (size_t i = 0; i < n; i++) {
        flowset_add_stats(have, &stats[i]);
        free(CONST_CAST(struct ofpact *, stats[i].ofpacts));
    }
    free(stats);
}

static void
send_message(struct ofpbuf *msg, void *vconn)
{
    int error = vconn_send_block(vconn, msg);

    if (error) {
        ovs_fatal(error, "send");
    }
}

/* Sends 'delta' in one bundle and waits for its confirmation. */
static void
commit(struct vconn *vconn, enum ofputil_protocol protocol,
       const struct delta *delta)
{
    struct bundlemsg bundle = {
        .protocol = protocol, .id = 1, .xid = 1000, .send = send_message,
        .aux = vconn,
    };
    enum ofptype type = OFPTYPE_HELLO;
    int n_replies = 0;

    bundlemsg_open(&bundle);
    bundlemsg_put(&bundle, delta, 0);
    bundlemsg_commit(&bundle);
    while (n_replies < 2) {
        struct ofpbuf *msg;
        int error = vconn_recv_block(vconn, &msg);

        if (error) {
            ovs_fatal(error, "receive");
        }
        const struct ofp_header *oh = msg->data;
        ofptype_decode(&type, oh);
        if (type == OFPTYPE_ERROR) {
            uint32_t i = ntohl(oh->xid) - bundle.xid - 1;
            struct ds s = DS_EMPTY_INITIALIZER;

            if (i < delta->n) {
                flowset_flow_format(delta->changes[i].flow, &s);
            }
            ovs_fatal(0, "refused: %s %s",
                      ofperr_to_string(ofperr_decode_msg(oh, NULL)),
                      ds_cstr(&s));
        }
        n_replies += (type == OFPTYPE_BUNDLE_CONTROL
                      && oh->xid == htonl(bundle.xid));
        ofpbuf_delete(msg);
    }
}

/* Returns how many changes it takes to make the flows those in 'path', after
 * making them. */
static size_t
sync_flows(struct vconn *vconn, enum ofputil_protocol protocol,
           const char *path, struct ds *s)
{
    struct flowset want, have;
    struct delta delta;
    size_t n;

    flowset_init(&want);
    flowset_init(&have);
    read_want(path, &want);
    read_have(vconn, protocol, &have);
    delta_init(&delta, &have);
    delta_all(&delta, &want);
    delta_finish(&delta);
    n = delta.n;
    delta_format(&delta, s);
    commit(vconn, protocol, &delta);
    delta_destroy(&delta);
    flowset_destroy(&have);
    flowset_destroy(&want);
    return n;
}

int
main(int argc, char *argv[])
{
    if (argc != 4) {
        ovs_fatal(0, "usage: %s TARGET PROTOCOL FILE", argv[0]);
    }

    enum ofputil_protocol protocol
        = ofputil_protocol_from_ofp_version(leftmost_1bit_idx(
            ofputil_versions_from_string(argv[2])));
    struct vconn *vconn = connect_to(argv[1], protocol);
    struct ds s = DS_EMPTY_INITIALIZER;

    printf("%"PRIuSIZE" changes\n",
           sync_flows(vconn, protocol, argv[3], &s));
    ds_clear(&s);
    if (sync_flows(vconn, protocol, argv[3], &s)) {
        ovs_fatal(0, "not in sync afterwards:\n%s", ds_cstr(&s));
    }
    ds_destroy(&s);
    vconn_close(vconn);
    return 0;
}
