/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* Load for controllers: switches that send them packet-ins.
 *
 *     ofload [OPTIONS] CONTROLLER...   tcp:IP[:PORT] or unix:PATH
 *
 * Switch number N, from 0 on, has datapath ID --dpid + N, the ports genev0,
 * peer0 and trunk0, with --trunks also trunk1 and so on, and lets MACs come in
 * by VLAN --vlan of trunk0, in segment --vni + N / --cluster.  With --vtep,
 * every other MAC comes in from there through the tunnel.
 *
 * Each switch connects to all controllers.  If there are several, one of them
 * has to be its master before it begins; if that one goes, it waits for
 * another, and what was not answered is sent again.
 *
 * As many packet-ins as --window are out on each switch, each for another MAC,
 * --macs of them for each switch and way, --rounds times over.  A packet-in is
 * answered by a flow-mod that adds to table --answer, or by any packet-out if
 * that is "packet-out".
 *
 * With --on-input, standard input has commands, a line each.  They are obeyed
 * while it waits and, after that, as long as --hold says:
 *
 *     go [N...]    send packet-ins; with numbers, these switches only (any
 *                  other line means "go", too, and so does the end)
 *     status       who is whose master, and what came from whom since the last
 *                  "go"
 *     macs         how many flows of learned MACs the switches have
 *
 * The result of each, or of the only run, is a line of JSON; see
 * loadstat.h. */

#include <config.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "byte-order.h"
#include "flow.h"
#include "flows/layout.h"
#include "openvswitch/match.h"
#include "openvswitch/ofp-monitor.h"
#include "openvswitch/ofp-packet.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "tests/bench/loadargs.h"
#include "tests/bench/loadstat.h"
#include "tests/bench/ofswitch.h"
#include "util.h"

#define LOAD_FRAME 64               /* Bytes. */
#define LOAD_ETHERTYPE 0x88b5       /* IEEE 802, local experimental. */
#define LOAD_QUIET_BEFORE 100       /* Milliseconds; see load_settle(). */
#define LOAD_QUIET_AFTER 20

/* A packet-in whose MAC is yet to be filled in. */
struct load_template {
    struct ofpbuf *msg;
    size_t mac_offset;
};

/* What a switch has to send. */
struct load_switch {
    struct ofswitch *sw;
    struct load_template ways[2];
    bool sends;                     /* At all. */
    uint64_t n_sent, n_answered;    /* Packet-ins. */
};

static struct loadargs options;
static struct ofswitch *switches;
static struct load_switch *loads;   /* One for each switch. */
static int epoll_fd;
static volatile sig_atomic_t ended;

/* Commands. */
static struct ofpbuf input;         /* An unfinished line. */
static bool has_input;              /* It has not ended. */
static bool go;

static void
load_end(int signo OVS_UNUSED)
{
    ended = 1;
}

/* What it costs. */

static uint64_t
load_own_cpu(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return ts.tv_sec * UINT64_C(1000000000) + ts.tv_nsec;
}

/* The time, in nanoseconds, that the first thread of process 'pid' has spent
 * on processors: all that controllers do.  While it runs, that is as much as
 * 10 ms out of date. */
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
    uint8_t *p = t->msg->data;

    /* In the next round each comes in where the other one did. */
    if (options.moves) {
        side ^= round & 1;
    }
    const ovs_be32 low = htonl(mac);
    p[t->mac_offset + 1] = side;
    memcpy(p + t->mac_offset + 2, &low, sizeof low);
    ofswitch_packet_in(s->sw, options.miss ? OFPR_NO_MATCH : OFPR_ACTION,
                       t->msg->data, t->msg->size);
}

static uint64_t
load_quota(void)
{
    return options.macs * options.rounds * (options.vtep ? 2 : 1);
}

/* Sends what the window of 's' allows, if there is anybody to answer. */
static void
load_fill(struct load_switch *s)
{
    uint64_t end = MIN(s->n_answered + options.window, load_quota());

    if (s->sends && ofswitch_master(s->sw)) {
        while (s->n_sent < end) {
            load_send(s);
        }
    }
    ofswitch_flush(s->sw);
}

/* Commands. */

static void
load_go(char *numbers)
{
    char *save = NULL;
    char *word = strtok_r(numbers, " ", &save);

    for (size_t i = 0; i < options.n_switches; i++) {
        loads[i].sends = !word;
    }
    for (; word; word = strtok_r(NULL, " ", &save)) {
        size_t i = strtoul(word, NULL, 10);

        if (i < options.n_switches) {
            loads[i].sends = true;
        }
    }
    go = true;
}

static void
load_obey(char *line)
{
    const struct loadstat stat = { &options, switches };

    if (!strcmp(line, "status")) {
        loadstat_print_status(&stat);
    } else if (!strcmp(line, "macs")) {
        loadstat_print_macs(&stat);
    } else {
        load_go(line + (!strncmp(line, "go", 2) ? 2 : strlen(line)));
    }
}

/* Obeys the whole lines in 'input', up to a "go". */
static void
load_obey_input(void)
{
    char *end;

    while (!go && (end = memchr(input.data, '\n', input.size))) {
        char *line = input.data;

        *end = '\0';
        load_obey(line);
        ofpbuf_pull(&input, end + 1 - line);
    }
}

/* Takes the commands that there are, up to a "go". */
static void
load_read_input(void)
{
    struct pollfd pfd = { .fd = STDIN_FILENO, .events = POLLIN };

    if (has_input) {
        load_obey_input();      /* What was behind the last "go". */
    }
    while (has_input && !go && poll(&pfd, 1, 0) > 0) {
        ofpbuf_prealloc_tailroom(&input, 4096);

        ssize_t n = read(STDIN_FILENO, ofpbuf_tail(&input), 4096);
        if (n <= 0) {
            has_input = false;
            load_obey((char[]) { "go" });
            return;
        }
        input.size += n;
        load_obey_input();
    }
}

/* Running. */

/* Handles what has come by 'conn'.  Returns how many answers that was. */
static uint64_t
load_receive(struct ofswitch_conn *conn)
{
    struct load_switch *s = &loads[conn->sw - switches];
    const struct ofswitch_conn *master = ofswitch_master(s->sw);
    const uint64_t *answers = (options.answer == LOADARGS_PACKET_OUT
                               ? &conn->n.packet_outs : &conn->n.answers);
    uint64_t before = *answers, old = s->n_answered;

    if (!ofswitch_run(conn) && options.n_targets == 1) {
        ovs_fatal(0, "switch %"PRIx64": the controller has hung up",
                  s->sw->dpid);
    }
    s->n_answered = MIN(old + *answers - before, s->n_sent);
    if (master && master != ofswitch_master(s->sw)) {
        s->n_sent = s->n_answered;
    }
    return s->n_answered - old;
}

/* Waits for something to happen, for 'timeout' milliseconds at most, and
 * handles it; if 'fill', answers are followed by more packet-ins.  Returns how
 * many answers came. */
static uint64_t
load_turn(bool fill, int timeout)
{
    struct epoll_event events[256];
    int n = epoll_wait(epoll_fd, events, ARRAY_SIZE(events), timeout);
    uint64_t answers = 0;

    for (int i = 0; i < n; i++) {
        struct bio *bio = events[i].data.ptr;

        if (!bio) {
            continue;           /* load_read_input()'s. */
        }

        struct ofswitch_conn *conn = bio->aux;
        answers += load_receive(conn);
        if (fill) {
            load_fill(&loads[conn->sw - switches]);
        } else {
            ofswitch_flush(conn->sw);
        }
    }
    return answers;
}

/* Waits like load_turn(), for commands as well. */
static void
load_idle(void)
{
    load_turn(false, 1000);
    load_read_input();
}

/* Has any controller of 'sw' sent a barrier, behind flows?  Who takes over may
 * have nothing to send. */
static bool
load_has_barrier(const struct ofswitch *sw)
{
    for (size_t i = 0; i < sw->n_conns; i++) {
        if (sw->conns[i].n.barriers) {
            return true;
        }
    }
    return false;
}

static bool
load_is_ready(void)
{
    for (size_t i = 0; i < options.n_switches; i++) {
        const struct ofswitch *sw = &switches[i];

        if (!ofswitch_master(sw)
            || (options.wait_barrier && !load_has_barrier(sw))) {
            return false;
        }
    }
    return true;
}

static void
load_connect(void)
{
    switches = xcalloc(options.n_switches, sizeof *switches);
    loads = xcalloc(options.n_switches, sizeof *loads);
    for (size_t i = 0; i < options.n_switches; i++) {
        struct ofswitch *sw = &switches[i];
        struct load_switch *s = &loads[i];
        uint32_t vni = options.vni + i / options.cluster;

        s->sw = sw;
        s->sends = true;
        sw->dpid = options.dpid + i;
        sw->version = options.version;
        sw->keeps_flows = options.keep_flows;
        sw->has_traffic = options.traffic;
        sw->n_trunks = options.trunks;
        sw->answer_table = options.answer;
        load_make_template(&s->ways[0], vni, NULL);
        if (options.vtep) {
            load_make_template(&s->ways[1], vni, options.vtep);
        }
        ofswitch_connect(sw, epoll_fd, options.targets, options.n_targets);
    }
    while (!load_is_ready() && !ended) {
        load_idle();
    }
}

/* What came before the first packet-in does not count. */
static void
load_reset(void)
{
    for (size_t i = 0; i < options.n_switches; i++) {
        loads[i].n_sent = loads[i].n_answered = 0;
        for (size_t j = 0; j < options.n_targets; j++) {
            struct ofswitch_conn *conn = &switches[i].conns[j];
            uint64_t barriers = conn->n.barriers;

            conn->n = (struct ofswitch_counts) { .barriers = barriers };
        }
    }
}

/* Returns how many switches are to send, with their numbers in 'numbers'. */
static size_t
load_senders(size_t *numbers)
{
    size_t n = 0;

    for (size_t i = 0; i < options.n_switches; i++) {
        if (loads[i].sends) {
            numbers[n++] = i;
        }
    }
    return n;
}

static void
load_run_throughput(uint64_t left)
{
    for (size_t i = 0; i < options.n_switches; i++) {
        load_fill(&loads[i]);
    }
    while (left && !ended) {
        left -= load_turn(true, 1000);
    }
}

static void
load_run_latency(const size_t *senders, size_t n_senders, int64_t *times,
                 uint64_t n)
{
    for (uint64_t i = 0; i < n && !ended; i++) {
        struct load_switch *s = &loads[senders[i % n_senders]];
        int64_t start = bio_now();

        load_send(s);
        ofswitch_flush(s->sw);
        for (bool answered = false; !answered && !ended; ) {
            answered = load_turn(false, 1000) > 0;
        }
        times[i] = bio_now() - start;
    }
}

/* Stores in 'cpu' the times of all controllers, once none of them has had
 * anything to do for 'quiet' milliseconds; or ten times as much later, for
 * where there are many, there is always one that has. */
static void
load_settle(int quiet, uint64_t cpu[LOADARGS_MAX_TARGETS])
{
    int64_t start = bio_now(), since = start;

    do {
        if (quiet) {
            load_turn(false, 1);
        }
        for (size_t i = 0; i < options.n_targets; i++) {
            uint64_t now = load_cpu_of(options.pids[i]);

            since = now != cpu[i] ? bio_now() : since;
            cpu[i] = now;
        }
    } while (!ended && bio_now() - since < quiet * INT64_C(1000000)
             && bio_now() - start < quiet * INT64_C(10000000));
}

/* What controllers do once switches are in sync (to tell a database, say) is
 * as much as answering some thousand packet-ins, and is not to count. */
static void
load_run(int64_t connect)
{
    const struct loadstat stat = { &options, switches };
    struct loadstat_run run = { .connect = connect };
    size_t *senders = xcalloc(options.n_switches, sizeof *senders);
    size_t n_senders = load_senders(senders);
    uint64_t n = load_quota() * n_senders;
    uint64_t before[LOADARGS_MAX_TARGETS] = { 0 };

    run.packet_ins = n;
    run.times = options.latency && n ? xcalloc(n, sizeof *run.times) : NULL;
    load_settle(n ? LOAD_QUIET_BEFORE : 0, before);
    run.own = load_own_cpu();

    int64_t start = bio_now();
    load_reset();
    if (run.times) {
        load_run_latency(senders, n_senders, run.times, n);
    } else {
        load_run_throughput(n);
    }
    run.took = bio_now() - start;
    run.own = load_own_cpu() - run.own;
    load_settle(n ? LOAD_QUIET_AFTER : 0, run.theirs);
    for (size_t i = 0; i < options.n_targets; i++) {
        run.theirs[i] -= MIN(run.theirs[i], before[i]);
    }
    loadstat_print_run(&stat, &run);
    free(run.times);
    free(senders);
}

/* Lets commands wake us.  (A file, which never has to be waited for, does
 * not.) */
static void
load_watch_input(void)
{
    struct epoll_event event = { .events = EPOLLIN | EPOLLET };

    has_input = true;
    ofpbuf_init(&input, 4096);
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, STDIN_FILENO, &event)
        && errno != EPERM) {
        ovs_fatal(errno, "epoll_ctl failed");
    }
}

int
main(int argc, char *argv[])
{
    set_program_name(argv[0]);
    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_WARN);
    loadargs_parse(&options, argc, argv);
    signal(SIGTERM, load_end);
    signal(SIGINT, load_end);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (options.on_input) {
        load_watch_input();
    }

    int64_t start = bio_now();
    load_connect();
    int64_t connect = bio_now() - start;
    while (options.on_input && !go && !ended) {
        load_idle();
    }
    go = false;
    load_run(connect);
    for (start = bio_now();
         !ended && bio_now() - start < options.hold * INT64_C(1000000000); ) {
        load_idle();
        if (go && has_input) {
            load_run(connect);
        }
        go = false;
    }
    return 0;
}
