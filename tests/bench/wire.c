/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* wire [OPTION...] IN OUT
 *
 * Sends numbered 64-byte frames into interface IN and takes what comes out of
 * interface OUT, so that both ends of what a switch does are in one process
 * with one clock.  A frame is untagged, or has a VLAN tag, or is in GENEVE; it
 * is found again in whichever of these forms it arrives.  Source addresses
 * are counted up from --source, with the frame's number modulo --sources;
 * destinations likewise.
 *
 * With a --rate frames are sent at that rate, whatever becomes of them.
 * Without, at most --window of them are under way, so that nothing is lost to
 * a full queue and the rate is that of the switch.
 *
 * Prints, as JSON: how many were sent, received, and received more than once
 * ("copies"); when it began, by CLOCK_MONOTONIC, and the seconds from there to
 * the last arrival; the seconds of CPU time that this took here; percentiles
 * of the time under way, in microseconds; and the numbers of those that did
 * not arrive, as ranges. */

#include <config.h>

#include <errno.h>
#include <getopt.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bitmap.h"
#include "csum.h"
#include "packets.h"
#include "util.h"

#define WIRE_ETHERTYPE 0x88b5       /* IEEE 802, local experimental. */
#define WIRE_BATCH 32
#define WIRE_MAX_FRAMES 50000000
#define WIRE_MAX_SAMPLES 1000000
#define WIRE_MAX_RANGES 20000
#define WIRE_PATIENCE 200000000     /* Nanoseconds without any arrival. */
#define WIRE_TICK 200000            /* Between looks at the clock. */

/* The frame behind its Ethernet header and tag. */
struct wire_payload {
    ovs_be16 type;
    uint8_t pad[2];
    uint32_t token, number;
    uint32_t sent[2];           /* CLOCK_MONOTONIC, nanoseconds. */
};

struct wire_frame {
    uint8_t bytes[160];
    size_t size;
    size_t eth;                 /* Where the Ethernet header begins that is
                                 * to be bridged... */
    size_t payload;             /* ...and the payload. */
    size_t udp;                 /* Of GENEVE, otherwise 0. */
};

static struct {
    uint16_t vlan;
    uint32_t vni;
    ovs_be32 tunnel_src, tunnel_dst;
    struct eth_addr outer_src, outer_dst;
    uint64_t source, destination;
    uint32_t sources, destinations;
    uint32_t count, rate, window;
    double seconds;
} o = {
    .source = UINT64_C(0x060000000000),
    .destination = UINT64_C(0x0a0000009901),
    .destinations = 1,
    .window = 128,
};

static struct {
    int in, out;
    uint32_t token, sent, received, copies;
    uint32_t lost;              /* Given up on, in a window. */
    int64_t start, last;
    unsigned long *seen;
    uint32_t *samples;          /* Nanoseconds under way. */
    size_t n_samples;
    struct wire_frame frames[WIRE_BATCH];
} w;

static int64_t
wire_now(clockid_t clock)
{
    struct timespec ts;

    clock_gettime(clock, &ts);
    return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

static int
wire_socket(const char *interface, int protocol)
{
    struct sockaddr_ll sll = {
        .sll_family = AF_PACKET,
        .sll_protocol = htons(protocol),
        .sll_ifindex = if_nametoindex(interface),
    };
    int fd = socket(AF_PACKET, SOCK_RAW, 0);
    int size = 32 << 20;
    int on = 1;

    if (fd < 0 || !sll.sll_ifindex
        || bind(fd, (struct sockaddr *) &sll, sizeof sll)) {
        ovs_fatal(errno, "%s", interface);
    }
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
    setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on);
    return fd;
}

/* Frames. */

static void
wire_put(struct wire_frame *f, const void *data, size_t size)
{
    memcpy(f->bytes + f->size, data, size);
    f->size += size;
}

static void
wire_put_geneve(struct wire_frame *f, size_t inner)
{
    struct eth_header eth = {
        .eth_src = o.outer_src, .eth_dst = o.outer_dst,
        .eth_type = htons(ETH_TYPE_IP),
    };
    struct udp_header udp = {
        .udp_dst = htons(6081),
        .udp_len = htons(UDP_HEADER_LEN + 8 + inner),
    };
    struct ip_header ip = {
        .ip_ihl_ver = IP_IHL_VER(5, 4),
        .ip_tot_len = htons(IP_HEADER_LEN + UDP_HEADER_LEN + 8 + inner),
        .ip_frag_off = htons(IP_DONT_FRAGMENT),
        .ip_ttl = 64,
        .ip_proto = IPPROTO_UDP,
    };
    ovs_be32 geneve[2] = { htonl(ETH_TYPE_TEB), htonl(o.vni << 8) };

    put_16aligned_be32(&ip.ip_src, o.tunnel_src);
    put_16aligned_be32(&ip.ip_dst, o.tunnel_dst);
    ip.ip_csum = csum(&ip, sizeof ip);
    wire_put(f, &eth, sizeof eth);
    wire_put(f, &ip, sizeof ip);
    f->udp = f->size;
    wire_put(f, &udp, sizeof udp);
    wire_put(f, geneve, sizeof geneve);
}

static void
wire_make_frame(struct wire_frame *f)
{
    struct wire_payload payload = {
        .type = htons(WIRE_ETHERTYPE), .token = w.token,
    };

    if (o.vni) {
        wire_put_geneve(f, ETH_TOTAL_MIN);
    }
    f->eth = f->size;
    f->size += 2 * ETH_ADDR_LEN;
    if (o.vlan) {
        ovs_be16 tag[2] = { htons(ETH_TYPE_VLAN_8021Q), htons(o.vlan) };

        wire_put(f, tag, sizeof tag);
    }
    f->payload = f->size;
    wire_put(f, &payload, sizeof payload);
    f->size = f->eth + ETH_TOTAL_MIN + (o.vlan ? VLAN_HEADER_LEN : 0);
}

static void
wire_number_frame(struct wire_frame *f, uint32_t number, int64_t now)
{
    uint32_t source = o.sources ? number % o.sources : number;
    struct eth_addr eas[2];
    struct wire_payload p;

    eth_addr_from_uint64(o.destination + number % o.destinations, &eas[0]);
    eth_addr_from_uint64(o.source + source, &eas[1]);
    memcpy(f->bytes + f->eth, eas, sizeof eas);
    memcpy(&p, f->bytes + f->payload, sizeof p);
    p.number = number;
    p.sent[0] = now;
    p.sent[1] = now >> 32;
    memcpy(f->bytes + f->payload, &p, sizeof p);
    if (f->udp) {
        /* As a tunnel endpoint would, by the flow that is in it. */
        ovs_be16 port = htons(0xc000 | (source * 31 & 0x3fff));

        memcpy(f->bytes + f->udp, &port, sizeof port);
    }
}

static void
wire_send(uint32_t n)
{
    struct mmsghdr msgs[WIRE_BATCH];
    struct iovec iovs[WIRE_BATCH];
    int64_t now = wire_now(CLOCK_MONOTONIC);
    int done;

    n = MIN(n, WIRE_BATCH);
    memset(msgs, 0, sizeof msgs);
    for (uint32_t i = 0; i < n; i++) {
        struct wire_frame *f = &w.frames[i];

        wire_number_frame(f, w.sent + i, now);
        iovs[i].iov_base = f->bytes;
        iovs[i].iov_len = f->size;
        msgs[i].msg_hdr.msg_iov = &iovs[i];
        msgs[i].msg_hdr.msg_iovlen = 1;
    }
    done = sendmmsg(w.in, msgs, n, 0);
    if (done < 0) {
        if (errno != ENOBUFS) {
            ovs_fatal(errno, "send");
        }
        done = 0;
    }
    w.sent += done;
}

/* Finds our payload in the 'size' bytes at 'data'. */
static bool
wire_find(const uint8_t *data, size_t size, struct wire_payload *p)
{
    size_t at = 2 * ETH_ADDR_LEN;

    if (size > at + 2 && data[at] == 0x08 && data[at + 1] == 0x00) {
        size_t options = at + 2 + IP_HEADER_LEN + UDP_HEADER_LEN;

        if (size <= options) {
            return false;
        }
        at = options + 8 + 4 * (data[options] & 0x3f) + 2 * ETH_ADDR_LEN;
    }
    if (size > at + 4 && data[at] == 0x81 && data[at + 1] == 0x00) {
        at += VLAN_HEADER_LEN;
    }
    if (size < at + sizeof *p) {
        return false;
    }
    memcpy(p, data + at, sizeof *p);
    return (p->type == htons(WIRE_ETHERTYPE) && p->token == w.token
            && p->number < w.sent);
}

static void
wire_take(const struct wire_payload *p, int64_t now)
{
    if (bitmap_is_set(w.seen, p->number)) {
        w.copies++;
        return;
    }
    bitmap_set1(w.seen, p->number);
    w.received++;
    w.last = now;
    if (w.n_samples < WIRE_MAX_SAMPLES) {
        int64_t sent = (int64_t) p->sent[1] << 32 | p->sent[0];

        w.samples[w.n_samples++] = MIN(now - sent, UINT32_MAX);
    }
}

/* Takes what has arrived. */
static void
wire_receive(void)
{
    static uint8_t buffers[WIRE_BATCH][192];
    struct mmsghdr msgs[WIRE_BATCH];
    struct iovec iovs[WIRE_BATCH];
    int n;

    do {
        memset(msgs, 0, sizeof msgs);
        for (int i = 0; i < WIRE_BATCH; i++) {
            iovs[i].iov_base = buffers[i];
            iovs[i].iov_len = sizeof buffers[i];
            msgs[i].msg_hdr.msg_iov = &iovs[i];
            msgs[i].msg_hdr.msg_iovlen = 1;
        }
        n = recvmmsg(w.out, msgs, WIRE_BATCH, MSG_DONTWAIT, NULL);

        int64_t now = wire_now(CLOCK_MONOTONIC);
        for (int i = 0; i < n; i++) {
            struct wire_payload p;

            if (wire_find(buffers[i], msgs[i].msg_len, &p)) {
                wire_take(&p, now);
            }
        }
    } while (n == WIRE_BATCH);
}

static void
wire_wait(int64_t nanoseconds)
{
    struct pollfd pfd = { .fd = w.out, .events = POLLIN };
    struct timespec ts = { .tv_nsec = nanoseconds };

    ppoll(&pfd, 1, &ts, NULL);
}

/* Runs. */

static bool
wire_goes_on(int64_t now)
{
    return (w.sent < o.count
            && (!o.seconds || now - w.start < o.seconds * 1e9));
}

static void
wire_at_rate(void)
{
    for (int64_t now = w.start; wire_goes_on(now);
         now = wire_now(CLOCK_MONOTONIC)) {
        uint64_t due = 1 + (now - w.start) * 1e-9 * o.rate;
        struct timespec ts = { .tv_nsec = WIRE_TICK };

        due = MIN(due, o.count);
        if (w.sent < due) {
            wire_send(due - w.sent);
        } else if (o.rate > 1e9 / WIRE_TICK) {
            nanosleep(&ts, NULL);
        } else {
            wire_wait(WIRE_TICK);
        }
        wire_receive();
    }
}

static void
wire_in_a_window(void)
{
    for (int64_t now = w.start; wire_goes_on(now);
         now = wire_now(CLOCK_MONOTONIC)) {
        uint32_t under_way = w.sent - w.received - w.lost;

        if (under_way < o.window) {
            wire_send(MIN(o.window - under_way, o.count - w.sent));
        } else {
            wire_wait(WIRE_TICK);
            if (now - w.last > WIRE_PATIENCE) {
                w.lost = w.sent - w.received;
                w.last = now;
            }
        }
        wire_receive();
    }
}

/* Waits for what is still under way. */
static void
wire_drain(void)
{
    int64_t end = wire_now(CLOCK_MONOTONIC);

    while (w.received < w.sent
           && wire_now(CLOCK_MONOTONIC) - MAX(end, w.last) < WIRE_PATIENCE) {
        wire_wait(WIRE_TICK);
        wire_receive();
    }
}

static int
wire_compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *) a, y = *(const uint32_t *) b;

    return x < y ? -1 : x > y;
}

static double
wire_percentile(double share)
{
    return w.n_samples ? w.samples[(size_t) (share * (w.n_samples - 1))] / 1e3
                       : 0;
}

static void
wire_report(void)
{
    uint32_t i = 0;

    qsort(w.samples, w.n_samples, sizeof *w.samples, wire_compare);
    printf("{\"sent\": %u, \"received\": %u, \"copies\": %u, "
           "\"start\": %.6f, \"seconds\": %.6f, \"cpu\": %.6f, "
           "\"p50\": %.1f, \"p99\": %.1f, \"max\": %.1f, \"missing\": [",
           w.sent, w.received, w.copies, w.start / 1e9,
           (w.last - w.start) / 1e9, wire_now(CLOCK_PROCESS_CPUTIME_ID) / 1e9,
           wire_percentile(0.5), wire_percentile(0.99), wire_percentile(1));
    for (int n = 0; n < WIRE_MAX_RANGES; n++) {
        uint32_t start = bitmap_scan(w.seen, false, i, w.sent);

        if (start >= w.sent) {
            break;
        }
        i = bitmap_scan(w.seen, true, start, w.sent);
        printf("%s[%u, %u]", n ? ", " : "", start, i);
    }
    puts("]}");
}

static void
wire_run(const char *in, const char *out)
{
    w.in = wire_socket(in, 0);
    w.out = wire_socket(out, 0x0003);   /* ETH_P_ALL */
    w.token = wire_now(CLOCK_MONOTONIC) ^ getpid();
    w.seen = bitmap_allocate(o.count);
    w.samples = xmalloc(WIRE_MAX_SAMPLES * sizeof *w.samples);
    for (int i = 0; i < WIRE_BATCH; i++) {
        wire_make_frame(&w.frames[i]);
    }
    w.start = w.last = wire_now(CLOCK_MONOTONIC);
    if (o.rate) {
        wire_at_rate();
    } else {
        wire_in_a_window();
    }
    wire_drain();
    wire_report();
    free(w.samples);
    bitmap_free(w.seen);
}

/* Options. */

static uint64_t
wire_parse_mac(const char *s)
{
    struct eth_addr mac;

    if (!eth_addr_from_string(s, &mac)) {
        ovs_fatal(0, "%s: no MAC", s);
    }
    return eth_addr_to_uint64(mac);
}

/* "VNI,IP,MAC,IP,MAC", of the sender and of the receiver. */
static void
wire_parse_geneve(const char *s)
{
    if (!ovs_scan(s, "%"SCNu32","IP_SCAN_FMT","ETH_ADDR_SCAN_FMT","
                  IP_SCAN_FMT","ETH_ADDR_SCAN_FMT, &o.vni,
                  IP_SCAN_ARGS(&o.tunnel_src), ETH_ADDR_SCAN_ARGS(o.outer_src),
                  IP_SCAN_ARGS(&o.tunnel_dst),
                  ETH_ADDR_SCAN_ARGS(o.outer_dst))) {
        ovs_fatal(0, "%s: no VNI,IP,MAC,IP,MAC", s);
    }
}

static void
wire_parse(int argc, char *argv[])
{
    static const struct option options[] = {
        { "vlan", required_argument, NULL, 'v' },
        { "geneve", required_argument, NULL, 'g' },
        { "source", required_argument, NULL, 's' },
        { "sources", required_argument, NULL, 'S' },
        { "destination", required_argument, NULL, 'd' },
        { "destinations", required_argument, NULL, 'D' },
        { "count", required_argument, NULL, 'c' },
        { "seconds", required_argument, NULL, 't' },
        { "rate", required_argument, NULL, 'r' },
        { "window", required_argument, NULL, 'w' },
        { NULL, 0, NULL, 0 },
    };
    int c;

    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (c) {
        case 'v': o.vlan = atoi(optarg); break;
        case 'g': wire_parse_geneve(optarg); break;
        case 's': o.source = wire_parse_mac(optarg); break;
        case 'S': o.sources = atoi(optarg); break;
        case 'd': o.destination = wire_parse_mac(optarg); break;
        case 'D': o.destinations = MAX(1, atoi(optarg)); break;
        case 'c': o.count = atoi(optarg); break;
        case 't': o.seconds = atof(optarg); break;
        case 'r': o.rate = atoi(optarg); break;
        case 'w': o.window = MAX(1, atoi(optarg)); break;
        default: exit(EXIT_FAILURE);
        }
    }
    o.count = o.count ? MIN(o.count, WIRE_MAX_FRAMES) : WIRE_MAX_FRAMES;
}

int
main(int argc, char *argv[])
{
    set_program_name(argv[0]);
    wire_parse(argc, argv);
    if (argc - optind != 2) {
        ovs_fatal(0, "usage: %s [OPTION...] IN OUT", program_name);
    }
    wire_run(argv[optind], argv[optind + 1]);
    return 0;
}
