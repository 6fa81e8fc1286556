/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* loss send INTERFACE SOURCE-MAC DESTINATION-MAC TOKEN INTERVAL
 * loss receive INTERFACE TOKEN
 *
 * A stream of numbered frames, one every INTERVAL microseconds, and what
 * arrives of it.  Both end at SIGTERM.  The receiver then prints, as JSON:
 *
 *     received   how many frames
 *     copies     how many more than once
 *     lost       how many of those between the first and the last not at all
 *     window     the longest time in which all frames were lost, in
 *                milliseconds: from when the last one was sent that arrived
 *                to when the next one was, less the interval
 *     windows    how many times at least one frame was lost
 *
 * Each frame carries the time at which it was sent, so that a sender that is
 * late now and then makes the result no worse. */

#include <config.h>

#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "packets.h"
#include "util.h"

#define LOSS_ETHERTYPE 0x88b5   /* IEEE 802, local experimental. */
#define LOSS_MAX_FRAMES 1000000

struct loss_frame {
    struct eth_header eth;
    uint8_t pad[2];
    uint32_t token, number;
    int64_t sent;               /* CLOCK_MONOTONIC, nanoseconds. */
    uint8_t rest[28];
};

static volatile sig_atomic_t ended;

static void
loss_end(int signo OVS_UNUSED)
{
    ended = 1;
}

static int64_t
loss_now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

static int
loss_socket(const char *interface)
{
    struct sockaddr_ll sll = {
        .sll_family = AF_PACKET,
        .sll_protocol = htons(LOSS_ETHERTYPE),
        .sll_ifindex = if_nametoindex(interface),
    };
    int size = 8 << 20;
    int fd = socket(AF_PACKET, SOCK_RAW, htons(LOSS_ETHERTYPE));

    if (fd < 0 || !sll.sll_ifindex
        || bind(fd, (struct sockaddr *) &sll, sizeof sll)) {
        ovs_fatal(errno, "%s", interface);
    }
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    return fd;
}

static void
loss_send(int fd, struct loss_frame *frame, int64_t interval)
{
    int64_t next = loss_now();

    while (!ended) {
        struct timespec ts;

        frame->sent = loss_now();
        if (send(fd, frame, sizeof *frame, 0) < 0 && errno != ENOBUFS
            && errno != ENETDOWN) {
            ovs_fatal(errno, "send");
        }
        frame->number++;

        /* What was missed is not made up for. */
        next = MAX(next + interval, loss_now() - interval);
        ts.tv_sec = next / 1000000000;
        ts.tv_nsec = next % 1000000000;
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
    }
}

struct loss_result {
    int64_t *sent;              /* Of each frame that arrived, otherwise 0. */
    uint32_t n;                 /* Highest number, plus 1. */
    unsigned int received, copies;
};

static void
loss_take(struct loss_result *r, const struct loss_frame *frame,
          uint32_t token)
{
    if (frame->token != token || frame->number >= LOSS_MAX_FRAMES) {
        return;
    }
    r->received++;
    if (r->sent[frame->number]) {
        r->copies++;
    }
    r->sent[frame->number] = frame->sent;
    r->n = MAX(r->n, frame->number + 1);
}

static void
loss_receive(int fd, struct loss_result *r, uint32_t token)
{
    struct pollfd pfd = { .fd = fd, .events = POLLIN };

    while (!ended) {
        struct loss_frame frame;

        if (poll(&pfd, 1, 100) > 0
            && recv(fd, &frame, sizeof frame, MSG_DONTWAIT) == sizeof frame) {
            loss_take(r, &frame, token);
        }
    }
}

static void
loss_report(const struct loss_result *r)
{
    unsigned int lost = 0, windows = 0;
    int64_t last = 0, window = 0;
    uint32_t last_number = 0;

    for (uint32_t i = 0; i < r->n; i++) {
        if (!r->sent[i]) {
            continue;
        }
        if (last && i > last_number + 1) {
            /* The mean interval here is what would have passed anyway. */
            int64_t gap = r->sent[i] - last;

            window = MAX(window, gap - gap / (i - last_number));
            lost += i - last_number - 1;
            windows++;
        }
        last = r->sent[i];
        last_number = i;
    }
    printf("{\"received\": %u, \"copies\": %u, \"lost\": %u, "
           "\"windows\": %u, \"window\": %.3f}\n",
           r->received, r->copies, lost, windows, window / 1e6);
}

static struct eth_addr
loss_parse_mac(const char *s)
{
    struct eth_addr mac;

    if (!eth_addr_from_string(s, &mac)) {
        ovs_fatal(0, "%s: no MAC", s);
    }
    return mac;
}

int
main(int argc, char *argv[])
{
    struct sigaction sa = { .sa_handler = loss_end };

    sigaction(SIGTERM, &sa, NULL);
    if (argc == 7 && !strcmp(argv[1], "send")) {
        struct loss_frame frame = {
            .eth.eth_src = loss_parse_mac(argv[3]),
            .eth.eth_dst = loss_parse_mac(argv[4]),
            .eth.eth_type = htons(LOSS_ETHERTYPE),
            .token = strtoul(argv[5], NULL, 10),
        };

        loss_send(loss_socket(argv[2]), &frame, atoll(argv[6]) * 1000);
    } else if (argc == 4 && !strcmp(argv[1], "receive")) {
        struct loss_result r = {
            .sent = xcalloc(LOSS_MAX_FRAMES, sizeof *r.sent),
        };

        loss_receive(loss_socket(argv[2]), &r, strtoul(argv[3], NULL, 10));
        loss_report(&r);
        free(r.sent);
    } else {
        ovs_fatal(0, "usage: %s send INTERFACE SOURCE-MAC DESTINATION-MAC "
                  "TOKEN INTERVAL | receive INTERFACE TOKEN", argv[0]);
    }
    return 0;
}
