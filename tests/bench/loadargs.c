/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "tests/bench/loadargs.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flows/layout.h"
#include "util.h"

static void
loadargs_usage(void)
{
    printf("%s: load for OpenFlow controllers\n"
           "usage: %s [OPTIONS] CONTROLLER...\n"
           "  --switches=N --dpid=FIRST --vni=FIRST --vlan=VLAN --vtep=IP\n"
           "  --cluster=N            so many switches have the same segment\n"
           "  --macs=N --rounds=N --window=N --moves --latency\n"
           "  --trunks=N             ports, not only trunk0\n"
           "  --of13                 OpenFlow 1.3 instead of 1.5\n"
           "  --answer=TABLE|packet-out\n"
           "  --miss                 packet-ins for lack of a flow\n"
           "  --no-barrier           start when the features were asked for\n"
           "  --keep-flows           and dump them\n"
           "  --traffic              each has counted a frame a second\n"
           "  --on-input             start when standard input says so\n"
           "  --pid=PID              of a controller, for its time; again\n"
           "                         for the next\n"
           "  --hold=SECONDS         stay connected after the result\n",
           program_name, program_name);
    exit(EXIT_SUCCESS);
}

static void
loadargs_take_pid(struct loadargs *args, const char *text)
{
    for (size_t i = 0; i < LOADARGS_MAX_TARGETS; i++) {
        if (!args->pids[i]) {
            args->pids[i] = strtol(text, NULL, 10);
            return;
        }
    }
}

static void
loadargs_take_option(struct loadargs *args, int c)
{
    switch (c) {
    case 's': args->n_switches = strtoul(optarg, NULL, 10); break;
    case 'd': args->dpid = strtoull(optarg, NULL, 16); break;
    case 'v': args->vni = strtoul(optarg, NULL, 10); break;
    case 'l': args->vlan = strtoul(optarg, NULL, 10); break;
    case 'c': args->cluster = MAX(1, strtoul(optarg, NULL, 10)); break;
    case 't': args->vtep = optarg; break;
    case 'm': args->macs = strtoull(optarg, NULL, 10); break;
    case 'r': args->rounds = strtoull(optarg, NULL, 10); break;
    case 'w': args->window = strtoull(optarg, NULL, 10); break;
    case 'M': args->moves = true; break;
    case 'L': args->latency = true; break;
    case '3': args->version = OFP13_VERSION; break;
    case 'a':
        args->answer = (!strcmp(optarg, "packet-out") ? LOADARGS_PACKET_OUT
                        : strtoul(optarg, NULL, 10));
        break;
    case 'n': args->miss = true; break;
    case 'b': args->wait_barrier = false; break;
    case 'k': args->keep_flows = true; break;
    case 'f': args->traffic = true; break;
    case 'i': args->on_input = true; break;
    case 'p': loadargs_take_pid(args, optarg); break;
    case 'T': args->trunks = strtoul(optarg, NULL, 10); break;
    case 'H': args->hold = strtol(optarg, NULL, 10); break;
    case 'h': loadargs_usage(); break;
    default: exit(EXIT_FAILURE);
    }
}

static void
loadargs_take_targets(struct loadargs *args, int n, char *targets[])
{
    if (n < 1 || n > LOADARGS_MAX_TARGETS) {
        ovs_fatal(0, "from one to %d controllers are needed; see --help",
                  LOADARGS_MAX_TARGETS);
    }
    for (int i = 0; i < n; i++) {
        args->targets[i] = targets[i];
    }
    args->n_targets = n;
}

void
loadargs_parse(struct loadargs *args, int argc, char *argv[])
{
    static const struct option long_options[] = {
        { "switches", required_argument, NULL, 's' },
        { "dpid", required_argument, NULL, 'd' },
        { "vni", required_argument, NULL, 'v' },
        { "vlan", required_argument, NULL, 'l' },
        { "cluster", required_argument, NULL, 'c' },
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
        { "traffic", no_argument, NULL, 'f' },
        { "on-input", no_argument, NULL, 'i' },
        { "pid", required_argument, NULL, 'p' },
        { "trunks", required_argument, NULL, 'T' },
        { "hold", required_argument, NULL, 'H' },
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    int c;

    *args = (struct loadargs) {
        .n_switches = 1, .dpid = 1, .vni = 10000, .vlan = 1, .cluster = 1,
        .version = OFP15_VERSION, .macs = 1000, .rounds = 1, .window = 64,
        .answer = LAYOUT_SOURCE, .wait_barrier = true,
    };
    while ((c = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        loadargs_take_option(args, c);
    }
    loadargs_take_targets(args, argc - optind, argv + optind);
    if (args->latency && args->n_targets > 1) {
        ovs_fatal(0, "--latency is for one controller");
    }
}
