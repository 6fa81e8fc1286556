/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "flows/pipeline_private.h"

#include "flows/layout.h"
#include "flows/topo.h"
#include "util.h"

/* A standby without a controller opens its gate for what 'match' says of it.
 * For as long as there are frames, it is noted that it has. */
static void
pipeline_take(struct flowset *set, uint64_t cookie, int priority,
              const char *match)
{
    pipeline_add_str(set, cookie, "table=%d,priority=%d,reg5=%d,reg3=0/%d,%s,"
                     "actions=learn(table=%d,priority=%d,hard_timeout=%d,"
                     "cookie=%#"PRIx64",NXM_NX_REG2[],"
                     "load:1->NXM_NX_REG6[0]),resubmit(,%d)",
                     LAYOUT_ALONE, priority, LAYOUT_STANDBY, LAYOUT_F_LEASE,
                     match, LAYOUT_TAKEN, LAYOUT_PRIO_ELSE, LAYOUT_TAKEN_TIME,
                     layout_cookie(LAYOUT_K_TAKEN, 0), LAYOUT_PASS);
}

/* ALONE.  Without a controller a standby opens its gate when it sees no edge
 * that comes before it, and an edge that is to fence itself closes its own
 * when it sees none at all.
 *
 * The edge that was active comes back without flows, until it has met the
 * controller.  So a standby that has taken over goes on, although it sees the
 * other.  But if the other had only been out of sight, and forwards, that
 * shows up (NOTICE), and the standby gives way.
 *
 * An edge that has lost the controller, when that has not lost another edge,
 * is told by way of that one that it is not active any more.  That counts at
 * once: its lease may last for some time yet. */
void
pipeline_alone(struct flowset *set, uint64_t cookie)
{
    char *nobody = xasprintf("reg4=%#x", LAYOUT_NO_PORT);
    char *taken = xasprintf("reg6=%d", LAYOUT_T_SELF);

    pipeline_add_str(set, cookie, "table=%d,priority=%d,reg6=%d/%d,"
                     "actions=drop",
                     LAYOUT_ALONE, LAYOUT_PRIO_REFUSE,
                     LAYOUT_T_DEPOSED, LAYOUT_T_DEPOSED);
    pipeline_take(set, cookie, LAYOUT_PRIO_MAIN, nobody);
    pipeline_take(set, cookie, LAYOUT_PRIO_ELSE, taken);
    pipeline_add_str(set, cookie, "table=%d,priority=%d,reg5=%d,reg3=0/%d,"
                     "%s,actions=drop",
                     LAYOUT_ALONE, LAYOUT_PRIO_MAIN, LAYOUT_FENCE,
                     LAYOUT_F_LEASE, nobody);
    pipeline_add_str(set, cookie, "table=%d,priority=%d,reg5=%d,"
                     "actions=resubmit(,%d)",
                     LAYOUT_ALONE, LAYOUT_PRIO_ELSE, LAYOUT_FENCE,
                     LAYOUT_PASS);
    pipeline_add_str(set, cookie, "table=%d,priority=%d,reg5=%d,"
                     "actions=resubmit(,%d)",
                     LAYOUT_ALONE, LAYOUT_PRIO_ELSE, LAYOUT_ACTIVE,
                     LAYOUT_PASS);
    free(nobody);
    free(taken);
}

/* FOLLOW.  Without a controller the edge from which frames of a cluster come
 * is the one that forwards for it.  What is noted yields to what a port that
 * sees edges shows, and ends with the next lease. */
void
pipeline_follow(struct flowset *set, uint64_t cookie)
{
    static const struct {
        int priority;
        const char *match, *load;
    } families[] = {
        { LAYOUT_PRIO_MAIN, "",
          "load:NXM_NX_TUN_IPV4_SRC[]->NXM_NX_TUN_IPV4_DST[]" },
        { LAYOUT_PRIO_EXCEPT, ",tun_src=0.0.0.0",
          "load:0->NXM_NX_TUN_IPV4_DST[],"
          "load:NXM_NX_TUN_IPV6_SRC[]->NXM_NX_TUN_IPV6_DST[]" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
        pipeline_add_str(set, cookie, "table=%d,priority=%d,reg3=0/%d%s,"
                         "actions=learn(table=%d,priority=%d,hard_timeout=%d,"
                         "cookie=%#"PRIx64",NXM_NX_REG2[],"
                         "NXM_NX_REG3[%d]=0,%s)",
                         LAYOUT_FOLLOW, families[i].priority, LAYOUT_F_LEASE,
                         families[i].match, LAYOUT_WAY, LAYOUT_PRIO_ELSE,
                         LAYOUT_FOLLOW_TIME,
                         layout_cookie(LAYOUT_K_PENDING, 0),
                         ctz32(LAYOUT_F_LEASE), families[i].load);
    }
}

#define PIPELINE_PROBE                                                  \
    "table=%d,priority=%d,in_port=%"PRIu32",tun_id=%d,dl_type=%#x,"     \
    "dl_dst="ETH_ADDR_FMT

/* Probes of the overlay, see flows/layout.h. */
void
pipeline_probe(const struct topo_node *node, uint64_t cookie,
               struct flowset *set)
{
    ofp_port_t tunnel = topo_node_tunnel(node);
    uint32_t key = topo_node_probe_key(node);
    static const struct eth_addr ask = LAYOUT_PROBE_ASK;
    static const struct eth_addr answer = LAYOUT_PROBE_ANSWER;
    static const char *const families[][2] = {
        { "tun_ipv6_src=::", "TUN_IPV4" },
        { "tun_src=0.0.0.0", "TUN_IPV6" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
        pipeline_add_str(set, cookie, PIPELINE_PROBE ",%s,actions="
                         "move:NXM_NX_%s_SRC[]->NXM_NX_%s_DST[],"
                         "set_field:"ETH_ADDR_FMT"->eth_dst,in_port",
                         LAYOUT_CLASSIFY, LAYOUT_PRIO_EXCEPT, tunnel,
                         LAYOUT_PROBE_VNI, LAYOUT_PROBE_TYPE,
                         ETH_ADDR_ARGS(ask), families[i][0],
                         families[i][1], families[i][1],
                         ETH_ADDR_ARGS(answer));
    }

    /* Who has not got the question cannot crowd out those that have. */
    pipeline_add_str(set, cookie, PIPELINE_PROBE
                     ",dl_src="PIPELINE_SRC_FMT","
                     "actions=controller(meter_id=%d)",
                     LAYOUT_CLASSIFY, LAYOUT_PRIO_MAIN, tunnel,
                     LAYOUT_PROBE_VNI, LAYOUT_PROBE_TYPE,
                     ETH_ADDR_ARGS(answer), PIPELINE_SRC_ARGS(key),
                     LAYOUT_METER_PROBE);
}
