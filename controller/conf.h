/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_CONF_H
#define CONTROLLER_CONF_H 1

/* The database, on its way into the topology and back.
 *
 * This is the only user of the OVSDB IDL.  Downward, rows that have changed
 * are copied into the topology (flows/topo.h), which holds no pointer into
 * the IDL.  Upward go the columns that the controller owns: 'error' of any
 * row, the status of edges and clusters, and the sequence numbers that
 * "kakehashi-ctl --wait" waits for.
 *
 * When the database cannot be reached, the topology stays as it is.  When it
 * comes back, however it comes back, only what is different then is a change.
 *
 * A database whose schema lacks something that we need, or has it otherwise,
 * is not read, and not written to: nothing changes until it is another one.
 *
 * What is written is always computed from the present: a transaction that
 * fails is followed by one with what is true by then.
 *
 * Of several controllers each writes about what it leads, and into its own row
 * of table Controller; the chief (controller/lead.h) about the rest. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct conf;
struct fdb;
struct sset;
struct topo;
struct topo_cluster;
struct topo_node;
struct topo_row;
struct uuid;

struct conf_edge_status {
    bool connected;
    const char *state;
    const char *address;        /* These two are NULL if not connected. */
    const char *openflow;
    const char *certificate;    /* Whose it is, or NULL. */
    const char *error;          /* NULL if there is none. */
    char *narrow;               /* To which nodes frames of full size do not
                                 * get, or NULL.  The caller frees it. */
};

typedef void conf_edge_status_func(const struct topo_node *,
                                   struct conf_edge_status *);

/* Returns what an edge is to a cluster, to be freed. */
typedef char *conf_member_status_func(const struct topo_cluster *,
                                      const struct topo_node *);

/* Returns what is wrong with a row that the topology has no fault to find
 * with, to be freed, or NULL. */
typedef char *conf_row_error_func(const struct topo_row *);

struct conf *conf_create(const char *remote, struct topo *,
                         conf_edge_status_func *, conf_member_status_func *,
                         conf_row_error_func *);
void conf_destroy(struct conf *);

bool conf_run(struct conf *);
void conf_wait(struct conf *);
void conf_reconnect(struct conf *);

bool conf_is_ready(const struct conf *);
bool conf_is_connected(const struct conf *);
const char *conf_misfit(const struct conf *);
const char *conf_remote(const struct conf *);
unsigned int conf_learn_rate(const struct conf *);
unsigned int conf_announce_rate(const struct conf *);
void conf_get_flap(const struct conf *, struct fdb *);
unsigned int conf_close_macs(const struct conf *);
long long conf_close_time(const struct conf *);
long long conf_stats_interval(const struct conf *);

int64_t conf_cfg_seq(const struct conf *);
void conf_set_ctl_seq(struct conf *, int64_t);
void conf_set_edges_seq(struct conf *, int64_t);
void conf_status_changed(struct conf *);
void conf_errors_changed(struct conf *);
void conf_closures_changed(struct conf *);

/* What controllers know of one another. */
struct conf_self {
    const char *name;           /* NULL while it is not known to be ours. */
    bool chief;
    bool certain;               /* That nobody else leads what it leads. */
    size_t n_led;               /* Shards... */
    size_t n_led_met;           /* ...with an edge that somebody has met. */
    size_t n_connected;         /* Edges. */
};
void conf_set_self(struct conf *, const struct conf_self *);
bool conf_others_changed(struct conf *);
void conf_controllers(const struct conf *, struct sset *names);
size_t conf_least_led(const struct conf *, size_t *n_controllers);
size_t conf_least_led_by(const struct conf *, const struct topo_node *);
bool conf_is_met_by_others(const struct conf *, const struct topo_node *);
const struct uuid *conf_global(const struct conf *);
uint64_t conf_generation(const struct conf *);
const char *conf_leader(const struct conf *, const struct topo_node *);
const char *conf_leader_reason(const struct conf *,
                               const struct topo_node *);
void conf_write(struct conf *);

#endif /* controller/conf.h */
