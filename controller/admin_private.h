/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_ADMIN_PRIVATE_H
#define CONTROLLER_ADMIN_PRIVATE_H 1

/* What the files of controller/admin.h share among themselves.
 *
 *   admin.c       arguments, mac/flush, edge/show
 *   admin_events.c  events/show
 *   admin_led.c   who leads what is not led from here
 *   admin_mac.c   mac/show
 *   admin_limits.c  binding/limits
 *   admin_explain.c  explain: arguments, what edges are asked, the answer
 *   admin_explain_frame.c  of that, a frame
 *   admin_explain_mac.c  of that, a MAC
 *   admin_vtep.c  vtep/show, vtep/flush
 *   admin_show.c  show
 *   admin_stats.c  stats/show
 *   admin_cluster.c  cluster/show, cluster/history, cluster/failover,
 *                    edge/drain, edge/undrain
 *   admin_diff.c  flows/diff, flows/dump
 *
 * A command replies just once.  Functions that reply with an error return
 * false, and the command just returns. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "controller/admin.h"
#include "flows/layout.h"
#include "flows/topo.h"
#include "unixctl.h"

struct ds;
struct flowset;
struct json;
struct shash;
struct topo_cluster;
struct topo_node;
struct topo_segment;

const char *admin_take_arg(int *argc, const char *argv[], int i);
bool admin_format(struct unixctl_conn *, int *argc, const char *argv[],
                  int most, bool *json);
void admin_reply_json(struct unixctl_conn *, struct json *);
void admin_no_such(struct unixctl_conn *, const struct agent *,
                   enum topo_table, const char *name);
bool admin_segment(struct unixctl_conn *, const struct agent *, int argc,
                   const char *argv[], struct topo_segment **);
void admin_reply_rows(struct unixctl_conn *, struct shash *rows, bool as_json,
                      const char *header,
                      void (*to_text)(const struct json *, struct ds *));
struct json *admin_json_string(const char *);
struct json *admin_edges_to_json(const struct agent *, const char *name);

struct json *admin_cluster_to_json(const struct agent *,
                                   const struct topo_cluster *);
void admin_cluster_to_text(const struct json *, struct ds *);

/* admin_led.c */
const char *admin_cluster_leader(const struct agent *,
                                 const struct topo_cluster *);
bool admin_is_elsewhere(const struct topo_segment *);
struct json *admin_known_to_json(size_t n, bool elsewhere);
void admin_put_leader(struct json *, const struct agent *,
                      const struct topo_segment *);
void admin_not_led(struct unixctl_conn *, const char *what, const char *name,
                   const char *leader, const char *hint);
bool admin_leads_node(struct unixctl_conn *, const struct agent *,
                      const struct topo_node *);
bool admin_leads_segment(struct unixctl_conn *, const struct agent *,
                         const struct topo_segment *);
char *admin_led_by(const struct agent *);
struct json *admin_other_leaders_to_json(const struct agent *,
                                         const struct topo_segment *);
void admin_flushed(struct unixctl_conn *, const struct agent *, size_t n,
                   const char *what, bool only);

/* An answer that waits for what some edges have counted.  Each object that an
 * edge is asked about gets "frames", a number or null, "installed", a boolean
 * or null, and if the answer is 'exact' "as_meant" and the seconds "age" and
 * "idle". */
struct admin_explain {
    struct unixctl_conn *conn;
    struct agent *agent;
    bool json;
    bool exact;
    struct json *answer;
    void (*to_text)(const struct json *answer, struct ds *);
    size_t n_waiting;           /* Edges. */
};

void admin_explain_flow(struct admin_explain *, struct topo_node *,
                        struct flowset *like, struct json *object);
void admin_explain_misses(struct admin_explain *, struct topo_node *,
                          enum layout_table, struct json *object);
void admin_explain_dropped(struct admin_explain *, struct topo_node *,
                           uint32_t meter, struct json *object);
void admin_explain_notes(const struct topo_node *, struct json *notes);
const char *admin_get_string(const struct json *object, const char *key);
const char *admin_bridge(const struct topo_node *);
bool admin_explain_frame(struct admin_explain *, int n,
                         const char *const args[]);
bool admin_explain_mac(struct admin_explain *, int n,
                       const char *const args[]);

unixctl_cb_func admin_explain, admin_explain_frame_cmd, admin_explain_mac_cmd;
unixctl_cb_func admin_show, admin_diff, admin_mac_show, admin_binding_limits;
unixctl_cb_func admin_stats_show;
unixctl_cb_func admin_vtep_show, admin_vtep_flush;
unixctl_cb_func admin_cluster_show, admin_cluster_history;
unixctl_cb_func admin_cluster_failover, admin_edge_drain, admin_edge_undrain;
unixctl_cb_func admin_edge_mtu_probe;
unixctl_cb_func admin_events_show, admin_flows_dump;

#endif /* controller/admin_private.h */
