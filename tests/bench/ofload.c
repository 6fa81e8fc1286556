/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* Load for a controller: switches that send it packet-ins.
 *
 *     ofload [OPTIONS] CONTROLLER      tcp:IP[:PORT] or unix:PATH
 *
 * Switch number N, from 0 on, has datapath ID --dpid + N, the ports genev0,
 * peer0 and trunk0, with --trunks also trunk1 and so on, and lets MACs come in
 * by VLAN --vlan of trunk0, in segment --vni + N.  With --vtep, every other
 * MAC comes in from there through the tunnel.
 *
 * As many packet-ins as --window are out on each switch, each for another MAC,
 * --macs of them for each switch and way, --rounds times over.  A packet-in is
 * answered by a flow-mod that adds to table --answer, or by any packet-out if
 * that is "packet-out".
 *
 * The result is a line of JSON.  Times are in seconds, latencies in
 * microseconds, from a packet-in to its last answer. */

#include <config.h>

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "byte-order.h"
#include "flow.h"
#include "flows/layout.h"
#include "openvswitch/match.h"
#include "openvswitch/ofp-monitor.h"
#include "openvswitch/ofp-packet.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "tests/bench/ofswitch.h"
#include "util.h"

#define LOAD_PACKET_OUT UINT8_MAX   /* Instead of a table. */
#define LOAD_FRAME 64               /* Bytes. */
#define LOAD_ETHERTYPE 0x88b5       /* IEEE 802, local experimental. */

/* A packet-in whose MAC is yet to be filled in. */
struct load_template {
    struct ofpbuf *msg;
    size_t mac_offset;
};

struct load_switch {
    struct ofswitch sw;
    struct load_template ways[2];
    uint64_t n_sent, n_answered;    /* Packet-ins. */
};

static struct load_options {
    const char *target;
    size_t n_switches;
    uint64_t dpid;
    uint32_t vni;
    uint16_t vlan;
    const char *vtep;
    enum ofp_version version;
    uint64_t macs, rounds, window;
    uint8_t answer;
    bool latency, wait_barrier, keep_flows, moves, miss, on_input;
    pid_t pid;
    int hold;                   /* Seconds. */
    unsigned int trunks;
} options = {
    .n_switches = 1, .dpid = 1, .vni = 10000, .vlan = 1,
    .version = OFP15_VERSION, .macs = 1000, .rounds = 1, .window = 64,
    .answer = LAYOUT_SOURCE, .wait_barrier = true,
};

static struct load_switch *switches;
static int epoll_fd;
static volatile sig_atomic_t ended;

static void
load_end(int signo OVS_UNUSED)
{
    ended = 1;
}

/* What it costs. */

/* The time, in nanoseconds, that the first thread of process 'pid' has spent
 * on processors: all that controllers do. */
static uint64_t
load_cpu_of(pid_t pid)
{
    char *name = xasprintf("/proc/%d/schedstat", (int) pid);
    FILE *stream = pid ? fopen(name, "r") : NULL;
    unsigned long long ns = 0;

    if (stream) {
        if (fscanf(stream, "%llu", &ns) != 1) {
            ns = 0;
        }
        fclose(stream);
    }
    free(name);
    return ns;
}

/* Packet-ins. */

/* Makes in 't' the packet-in that LEARN of flows/pipeline.h causes for a frame
 * that came in by the trunk, or from 'vtep' if that is nonnull. */
static void
load_make_template(struct load_template *t, uint32_t vni, const char *vtep)
{
    static const struct eth_addr mark = ETH_ADDR_C(02,fe,dc,ba,98,76);
    struct ofputil_packet_in_private pin = {
        .base = {
            .reason = options.miss ? OFPR_NO_MATCH : OFPR_ACTION,
            .table_id = LAYOUT_LEARN,
            .cookie = htonll(layout_cookie(LAYOUT_K_NODE, 0)),
        },
    };
    struct match *md = &pin.base.flow_metadata;
    uint8_t frame[LOAD_FRAME] = { 0 };
    struct eth_header *eth = (struct eth_header *) frame;
    const uint8_t *at;

    eth->eth_dst = eth_addr_broadcast;
    eth->eth_src = mark;
    eth->eth_type = htons(LOAD_ETHERTYPE);
    pin.base.packet = frame;
    pin.base.packet_len = sizeof frame;
    match_init_catchall(md);
    match_set_metadata(md, htonll(vni));
    if (vtep) {
        match_set_in_port(md, u16_to_ofp(OFSWITCH_TUNNEL));
        match_set_tun_id(md, htonll(vni));
        match_set_tun_src(md, inet_addr(vtep));
        match_set_tun_dst(md, htonl(0x0a010001));
        match_set_reg(md, 3, LAYOUT_F_TUNNEL);
    } else {
        match_set_in_port(md, u16_to_ofp(OFSWITCH_TRUNK));
        match_set_reg(md, 0, layout_slot(u16_to_ofp(OFSWITCH_TRUNK),
                                         options.vlan));
    }
    t->msg = ofputil_encode_packet_in_private(
        &pin, ofputil_protocol_from_ofp_version(options.version),
        OFPUTIL_PACKET_IN_NXT2);
    at = memmem(t->msg->data, t->msg->size, &mark, sizeof mark);
    t->mac_offset = at - (const uint8_t *) t->msg->data;
}

/* Queues the next packet-in of 's'. */
static void
load_send(struct load_switch *s)
{
    uint64_t n = s->n_sent++;
    uint64_t ways = options.vtep ? 2 : 1;
    uint64_t round = n / (options.macs * ways);
    uint64_t mac = n / ways % options.macs;
    uint64_t side = n % ways;
    const struct load_template *t = &s->ways[side];
    uint8_t *p = ofpbuf_put(&s->sw.bio.tx, t->msg->data, t->msg->size);

    /* In the next round each comes in where the other one did. */
    if (options.moves) {
        side ^= round & 1;
    }
    const ovs_be32 low = htonl(mac);
    p[t->mac_offset + 1] = side;
    memcpy(p + t->mac_offset + 2, &low, sizeof low);
}

static uint64_t
load_quota(void)
{
    return options.macs * options.rounds * (options.vtep ? 2 : 1);
}

/* Sends what the window of 's' allows. */
static void
load_fill(struct load_switch *s)
{
    uint64_t end = MIN(s->n_answered + options.window, load_quota());

    while (s->n_sent < end) {
        load_send(s);
    }
    bio_flush(&s->sw.bio);
}

/* Running. */

/* Handles what has come to 's'.  Returns how many answers that was. */
static uint64_t
load_receive(struct load_switch *s)
{
    uint64_t before = s->n_answered;

    if (!ofswitch_run(&s->sw)) {
        ovs_fatal(0, "switch %"PRIx64": the controller has hung up",
                  s->sw.dpid);
    }
    s->n_answered = (options.answer == LOAD_PACKET_OUT
                     ? s->sw.n_packet_outs : s->sw.n_answers);
    return s->n_answered - before;
}

/* Waits for something to happen, and handles it; if 'fill', answers are
 * followed by more packet-ins.  Returns how many answers came. */
static uint64_t
load_turn(bool fill)
{
    struct epoll_event events[256];
    int n = epoll_wait(epoll_fd, events, ARRAY_SIZE(events), 1000);
    uint64_t answers = 0;

    for (int i = 0; i < n; i++) {
        struct bio *bio = events[i].data.ptr;
        struct load_switch *s = CONTAINER_OF(bio->aux, struct load_switch,
                                             sw);
        answers += load_receive(s);
        if (fill) {
            load_fill(s);
        } else {
            bio_flush(bio);
        }
    }
    return answers;
}

static bool
load_is_ready(void)
{
    for (size_t i = 0; i < options.n_switches; i++) {
        const struct ofswitch *sw = &switches[i].sw;

        if (!sw->met || (options.wait_barrier && !sw->n_barriers)) {
            return false;
        }
    }
    return true;
}

static void
load_connect(void)
{
    switches = xcalloc(options.n_switches, sizeof *switches);
    for (size_t i = 0; i < options.n_switches; i++) {
        struct load_switch *s = &switches[i];

        s->sw.dpid = options.dpid + i;
        s->sw.version = options.version;
        s->sw.keeps_flows = options.keep_flows;
        s->sw.n_trunks = options.trunks;
        s->sw.answer_table = options.answer;
        load_make_template(&s->ways[0], options.vni + i, NULL);
        if (options.vtep) {
            load_make_template(&s->ways[1], options.vni + i, options.vtep);
        }
        ofswitch_connect(&s->sw, epoll_fd, options.target);
    }
    while (!load_is_ready() && !ended) {
        load_turn(false);
    }
}

static bool
load_has_input(void)
{
    struct pollfd pfd = { .fd = STDIN_FILENO, .events = POLLIN };

    return poll(&pfd, 1, 0) > 0;
}

/* What came before the first packet-in does not count. */
static void
load_reset(void)
{
    for (size_t i = 0; i < options.n_switches; i++) {
        struct load_switch *s = &switches[i];

        s->sw.n_packet_outs = s->sw.n_answers = s->sw.n_flow_mods = 0;
        s->n_answered = 0;
    }
}

static void
load_run_throughput(void)
{
    uint64_t left = load_quota() * options.n_switches;

    for (size_t i = 0; i < options.n_switches; i++) {
        load_fill(&switches[i]);
    }
    while (left && !ended) {
        left -= load_turn(true);
    }
}

static void
load_run_latency(int64_t *times)
{
    uint64_t n = load_quota() * options.n_switches;

    for (uint64_t i = 0; i < n && !ended; i++) {
        struct load_switch *s = &switches[i % options.n_switches];
        int64_t start = bio_now();

        load_send(s);
        bio_flush(&s->sw.bio);
        for (bool answered = false; !answered && !ended; ) {
            answered = load_turn(false) > 0;
        }
        times[i] = bio_now() - start;
    }
}

static int
load_compare(const void *a_, const void *b_)
{
    const int64_t *a = a_;
    const int64_t *b = b_;

    return (*a > *b) - (*a < *b);
}

static void
load_report(int64_t ns, uint64_t own, uint64_t theirs, int64_t synced,
            int64_t *times)
{
    uint64_t n = load_quota() * options.n_switches;
    uint64_t flow_mods = 0, packet_outs = 0;

    for (size_t i = 0; i < options.n_switches; i++) {
        flow_mods += switches[i].sw.n_flow_mods;
        packet_outs += switches[i].sw.n_packet_outs;
    }
    printf("{\"switches\": %"PRIuSIZE", \"packet_ins\": %"PRIu64
           ", \"flow_mods\": %"PRIu64", \"packet_outs\": %"PRIu64
           ", \"seconds\": %.6f, \"load_cpu\": %.6f, \"cpu\": %.6f"
           ", \"connect\": %.6f",
           options.n_switches, n, flow_mods, packet_outs, ns / 1e9,
           own / 1e9, theirs / 1e9, synced / 1e9);
    if (times) {
        qsort(times, n, sizeof *times, load_compare);
        uint64_t middle = n / 2, nearly_all = n * 99 / 100;

        printf(", \"p50\": %.3f, \"p99\": %.3f, \"max\": %.3f",
               times[middle] / 1e3, times[nearly_all] / 1e3,
               times[n - 1] / 1e3);
    }
    printf("}\n");
    fflush(stdout);
}

static void
load_run(int64_t synced)
{
    uint64_t n = load_quota() * options.n_switches;
    int64_t *times = options.latency && n ? xcalloc(n, sizeof *times) : NULL;
    uint64_t theirs = load_cpu_of(options.pid);
    uint64_t own = load_cpu_of(getpid());
    int64_t start = bio_now();

    load_reset();
    if (times) {
        load_run_latency(times);
    } else {
        load_run_throughput();
    }
    load_report(bio_now() - start, load_cpu_of(getpid()) - own,
                load_cpu_of(options.pid) - theirs, synced, times);
    free(times);
}

/* Options. */

static void
load_usage(void)
{
    printf("%s: load for an OpenFlow controller\n"
           "usage: %s [OPTIONS] CONTROLLER\n"
           "  --switches=N --dpid=FIRST --vni=FIRST --vlan=VLAN --vtep=IP\n"
           "  --macs=N --rounds=N --window=N --moves --latency\n"
           "  --trunks=N             ports, not only trunk0\n"
           "  --of13                 OpenFlow 1.3 instead of 1.5\n"
           "  --answer=TABLE|packet-out\n"
           "  --miss                 packet-ins for lack of a flow\n"
           "  --no-barrier           start when the features were asked for\n"
           "  --keep-flows           and dump them\n"
           "  --on-input             start when there is standard input\n"
           "  --pid=PID              of the controller, for its time\n"
           "  --hold=SECONDS         stay connected after the result\n",
           program_name, program_name);
    exit(EXIT_SUCCESS);
}

static void
load_take_option(int c)
{
    switch (c) {
    case 's': options.n_switches = strtoul(optarg, NULL, 10); break;
    case 'd': options.dpid = strtoull(optarg, NULL, 16); break;
    case 'v': options.vni = strtoul(optarg, NULL, 10); break;
    case 'l': options.vlan = strtoul(optarg, NULL, 10); break;
    case 't': options.vtep = optarg; break;
    case 'm': options.macs = strtoull(optarg, NULL, 10); break;
    case 'r': options.rounds = strtoull(optarg, NULL, 10); break;
    case 'w': options.window = strtoull(optarg, NULL, 10); break;
    case 'M': options.moves = true; break;
    case 'L': options.latency = true; break;
    case '3': options.version = OFP13_VERSION; break;
    case 'a':
        options.answer = (!strcmp(optarg, "packet-out") ? LOAD_PACKET_OUT
                          : strtoul(optarg, NULL, 10));
        break;
    case 'n': options.miss = true; break;
    case 'b': options.wait_barrier = false; break;
    case 'k': options.keep_flows = true; break;
    case 'i': options.on_input = true; break;
    case 'p': options.pid = strtol(optarg, NULL, 10); break;
    case 'T': options.trunks = strtoul(optarg, NULL, 10); break;
    case 'H': options.hold = strtol(optarg, NULL, 10); break;
    case 'h': load_usage(); break;
    default: exit(EXIT_FAILURE);
    }
}

static void
load_parse(int argc, char *argv[])
{
    static const struct option long_options[] = {
        { "switches", required_argument, NULL, 's' },
        { "dpid", required_argument, NULL, 'd' },
        { "vni", required_argument, NULL, 'v' },
        { "vlan", required_argument, NULL, 'l' },
        { "vtep", required_argument, NULL, 't' },
        { "macs", required_argument, NULL, 'm' },
        { "rounds", required_argument, NULL, 'r' },
        { "window", required_argument, NULL, 'w' },
        { "moves", no_argument, NULL, 'M' },
        { "latency", no_argument, NULL, 'L' },
        { "of13", no_argument, NULL, '3' },
        { "answer", required_argument, NULL, 'a' },
        { "miss", no_argument, NULL, 'n' },
        { "no-barrier", no_argument, NULL, 'b' },
        { "keep-flows", no_argument, NULL, 'k' },
        { "on-input", no_argument, NULL, 'i' },
        { "pid", required_argument, NULL, 'p' },
        { "trunks", required_argument, NULL, 'T' },
        { "hold", required_argument, NULL, 'H' },
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    int c;

    while ((c = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        load_take_option(c);
    }
    if (optind != argc - 1) {
        ovs_fatal(0, "exactly one controller is needed; see --help");
    }
    options.target = argv[optind];
}

int
main(int argc, char *argv[])
{
    set_program_name(argv[0]);
    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_WARN);
    load_parse(argc, argv);
    signal(SIGTERM, load_end);
    signal(SIGINT, load_end);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);

    int64_t start = bio_now();
    load_connect();
    int64_t synced = bio_now() - start;
    while (options.on_input && !load_has_input() && !ended) {
        load_turn(false);
    }
    load_run(synced);
    for (start = bio_now();
         !ended && bio_now() - start < options.hold * INT64_C(1000000000); ) {
        load_turn(false);
    }
    return 0;
}
