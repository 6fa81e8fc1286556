/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* Two controllers to compare others with:
 *
 *     ofanswer echo LISTEN     answers each packet-in with the same two
 *                              flow-mods, and decides nothing: what sockets
 *                              and memory allow
 *     ofanswer minimal LISTEN  finds the MAC, puts it into a hash table, and
 *                              fills it into the two flow-mods: the least
 *                              that a learning controller can do
 *
 * LISTEN is ptcp:PORT[:IP] or punix:PATH.  Both ask for a switch's features,
 * so that it knows that it has been met, and for packet-ins as kakehashi wants
 * them, and for nothing else. */

#include <config.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "hash.h"
#include "openflow/openflow.h"
#include "openvswitch/ofp-flow.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofp-packet.h"
#include "openvswitch/ofp-util.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "tests/bench/benchio.h"
#include "util.h"

static bool minimal;
static size_t n_peers;
static int epoll_fd;

/* The two flow-mods, one behind the other. */
static struct answer {
    uint8_t bytes[1024];
    size_t size;
    size_t macs[2];             /* Where the MAC is in each. */
} answers[2];                   /* For OpenFlow 1.3 and 1.5. */

struct answer_peer {
    struct bio bio;
    uint64_t number;
    struct answer *answer;
};

/* The MACs, with the number of the peer in the upper 16 bits; never 0. */
static struct {
    uint64_t *slots;
    size_t n, mask;
} table;

static void
answer_encode(struct answer *a, enum ofp_version version, const char *mac,
              const char *text)
{
    enum ofputil_protocol usable;
    struct ofputil_flow_mod fm;
    char *error = parse_ofp_flow_mod_str(&fm, text, NULL, NULL, OFPFC_ADD,
                                         &usable);
    if (error) {
        ovs_fatal(0, "%s", error);
    }

    struct ofpbuf *msg = ofputil_encode_flow_mod(
        &fm, ofputil_protocol_from_ofp_version(version));
    const uint8_t *at;
    struct eth_addr ea;

    ofpmsg_update_length(msg);
    ovs_assert(eth_addr_from_string(mac, &ea));
    ovs_assert(a->size + msg->size <= sizeof a->bytes);
    at = memmem(msg->data, msg->size, &ea, sizeof ea);
    a->macs[a->size > 0] = a->size + (at - (uint8_t *) msg->data);
    memcpy(a->bytes + a->size, msg->data, msg->size);
    a->size += msg->size;
    ofpbuf_delete(msg);
    minimatch_destroy(&fm.match);
    free(CONST_CAST(struct ofpact *, fm.ofpacts));
}

static void
answer_make(struct answer *a, enum ofp_version version)
{
    answer_encode(a, version, "02:fe:dc:ba:98:76",
                  "table=6,priority=100,cookie=0x4b48060000002710,"
                  "metadata=10000,packet_type=(0,0),"
                  "dl_dst=02:fe:dc:ba:98:76,"
                  "actions=set_field:0x20001->reg1,resubmit(,8),"
                  "resubmit(,10)");
    answer_encode(a, version, "02:fe:dc:ba:98:76",
                  "table=2,priority=100,cookie=0x4b48060000002710,"
                  "send_flow_rem,metadata=10000,packet_type=(0,0),"
                  "reg0=0x20001,dl_src=02:fe:dc:ba:98:76,"
                  "actions=set_field:1/1->reg3");
}

static void
table_insert(uint64_t key)
{
    size_t i = hash_uint64(key) & table.mask;

    while (table.slots[i] && table.slots[i] != key) {
        i = (i + 1) & table.mask;
    }
    if (!table.slots[i]) {
        table.slots[i] = key;
        table.n++;
    }
}

static void
table_learn(uint64_t key)
{
    if (4 * table.n >= 3 * (table.mask + 1) || !table.slots) {
        uint64_t *old = table.slots;
        size_t n = old ? table.mask + 1 : 0;

        table.mask = MAX(2 * n, 1024) - 1;
        table.slots = xcalloc(table.mask + 1, sizeof *table.slots);
        table.n = 0;
        for (size_t i = 0; i < n; i++) {
            if (old[i]) {
                table_insert(old[i]);
            }
        }
        free(old);
    }
    table_insert(key);
}

/* Returns the frame in the NXT_PACKET_IN2 'oh', whose first property it is. */
static const uint8_t *
answer_frame(const struct ofp_header *oh)
{
    return (const uint8_t *) oh + 16 + 4;
}

static void
answer_packet_in(struct answer_peer *peer, const struct ofp_header *oh)
{
    struct answer *a = peer->answer;

    if (minimal) {
        const uint8_t *mac = answer_frame(oh) + ETH_ADDR_LEN;
        uint64_t key = 0;

        memcpy(&key, mac, ETH_ADDR_LEN);
        table_learn(key | peer->number << 48);
        memcpy(a->bytes + a->macs[0], mac, ETH_ADDR_LEN);
        memcpy(a->bytes + a->macs[1], mac, ETH_ADDR_LEN);
    }
    bio_put(&peer->bio, a->bytes, a->size);
}

static void
answer_handle(struct bio *bio, const struct ofp_header *oh)
{
    struct answer_peer *peer = CONTAINER_OF(bio, struct answer_peer, bio);

    switch (oh->type) {
    case 0:                     /* OFPT_HELLO */
        peer->answer = &answers[oh->version >= OFP15_VERSION];
        bio_send(bio, ofputil_encode_hello(1u << oh->version));
        bio_send(bio, ofpraw_alloc(OFPRAW_OFPT_FEATURES_REQUEST, oh->version,
                                   0));
        bio_send(bio, ofputil_encode_set_packet_in_format(
                          oh->version, OFPUTIL_PACKET_IN_NXT2));
        break;
    case 2:                     /* OFPT_ECHO_REQUEST */
        bio_send(bio, ofputil_encode_echo_reply(oh));
        break;
    case 4:                     /* OFPT_EXPERIMENTER: NXT_PACKET_IN2 */
    case 10:                    /* OFPT_PACKET_IN */
        answer_packet_in(peer, oh);
        break;
    }
}

static void
answer_accept(int listen_fd)
{
    struct answer_peer *peer = xzalloc(sizeof *peer);

    peer->number = ++n_peers;
    bio_accept(&peer->bio, epoll_fd, listen_fd);
}

static void
answer_turn(int listen_fd)
{
    struct epoll_event events[256];
    int n = epoll_wait(epoll_fd, events, ARRAY_SIZE(events), -1);

    for (int i = 0; i < n; i++) {
        struct bio *bio = events[i].data.ptr;

        if (!bio) {
            answer_accept(listen_fd);
        } else if (bio_read(bio, answer_handle)) {
            bio_flush(bio);
        } else {
            bio_close(bio);
            free(CONTAINER_OF(bio, struct answer_peer, bio));
        }
    }
}

int
main(int argc, char *argv[])
{
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = NULL };
    int listen_fd;

    set_program_name(argv[0]);
    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_WARN);
    if (argc != 3 || (strcmp(argv[1], "echo") && strcmp(argv[1], "minimal"))) {
        ovs_fatal(0, "usage: %s echo|minimal LISTEN", program_name);
    }
    minimal = !strcmp(argv[1], "minimal");
    answer_make(&answers[0], OFP13_VERSION);
    answer_make(&answers[1], OFP15_VERSION);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    listen_fd = bio_listen(argv[2]);
    signal(SIGTERM, SIG_DFL);   /* Which would wait for poll_block(). */
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listen_fd, &event)) {
        ovs_fatal(errno, "epoll_ctl failed");
    }
    for (;;) {
        answer_turn(listen_fd);
    }
}
