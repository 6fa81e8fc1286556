/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_KCTL_H
#define CONTROLLER_KCTL_H 1

/* kakehashi-ctl, the configuration tool.
 *
 * Commands that follow a controller are in controller/kctl_live.h.  Otherwise
 * a command line is one transaction on the "Kakehashi" database, however many
 * commands it has.  The way of a command is the list of files:
 *
 *     kctl.c          the command line (kctl_usage.c: the help); then, unless
 *                     a daemon is to do it:
 *     kctl_probe.c    is there a server, and does it serve the database?
 *     kctl_alone.c    a connection of its own, and what it prints
 *     kctl_request.c  from the words to the result, step by step
 *     kctl_txn.c      the transaction: run each command
 *     kctl_mark.c     how a request finds its own change
 *     kctl_guess.c    what was meant by a name that there is not
 *     kctl_generic.c  what the library's own commands must not be given
 *     kctl_node.c     verbs of edges and clusters
 *     kctl_segment.c  verbs of segments and bindings
 *     kctl_station.c  verbs of VTEPs, host ports and static MACs
 *     kctl_show.c     what "show" prints (kctl_show_data.c: for programs)
 *     kctl_export.c   the configuration as commands
 *     kctl_apply.c    commands as the configuration
 *     kctl_list.c     the tables that the "-list" verbs make
 *     kctl_log.c      what rows the transaction has touched
 *     kctl_history.c  remembers that, and takes it back
 *     kctl_flows.c    what flows change by it, for --dry-run: from ports
 *                     (kctl_ports.c), rows (kctl_topo.c) and what
 *                     was learned (kctl_macs.c)
 *     kctl_output.c   how all that is printed
 *
 * with, below the verbs, kctl_args.c (from arguments to values), kctl_rows.c
 * (finding, ordering and naming rows, by kctl_index.c), kctl_conflict.c (what
 * two rows may not do together) and kctl_depend.c (what goes away with a row);
 * kctl_row.h is about rows and changes of them as data (kctl_row.c,
 * kctl_item.c), in words (kctl_words.c), and how they are made
 * (kctl_perform.c).
 * The generic commands, such as "list" and "set", are those of OVS's
 * db-ctl-base, whose symbols begin with ctl_.
 *
 * With a daemon (kctl_server.c), which has a replica of the database and
 * indexes, kctl_client.c hands the words over and prints the result.  The
 * requests are the same.
 *
 * An error is reported with ctl_error() and ends the request before anything
 * is sent, so a verb that has failed may leave its changes in the transaction.
 * Rows are read through the IDL, which shows the rows as the commands before
 * have changed them.  They belong to the IDL.
 *
 * Two tools that run at once cannot agree on a conflict: a transaction that
 * may write increments Kakehashi_Global's cfg_seq and asks that nobody else
 * has done so since it read the database; otherwise it starts over. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "db-ctl-base.h"
#include "kakehashi-idl.h"

struct ds;
struct kctl_log;

/* ---- The database. ------------------------------------------------------ */

struct kctl_config {
    const char *db;             /* Remotes, as for ovsdb_idl_create(). */
    bool is_default;            /* Nobody has said where it is. */
    bool retry;                 /* Keep trying to reach the server. */
    bool leader_only;           /* Of a cluster, use only the leader. */
    bool shuffle;               /* Try the remotes in any order. */
    long long int deadline;     /* time_msec() at which to give up. */
};

/* Finds a server that can be reached and serves the database.  Otherwise
 * explains what is wrong (and, of the default, what to do), and exits.
 * Returns the remotes with that one first, for the caller to free, and whether
 * it is a member of a cluster. */
char *kctl_probe(const struct kctl_config *, bool *clustered);

/* An IDL that has not been run yet; it reconnects if 'reconnect'.  'probed' is
 * what kctl_probe() has returned, or NULL. */
struct ovsdb_idl *kctl_connect(const struct kctl_config *, const char *probed,
                               bool reconnect);

/* How to create the database and to serve it: whole lines. */
const char *kctl_serving_advice(void);

/* ---- Verbs: what kctl.c registers. -------------------------------------- */

extern const struct ctl_command_syntax kctl_node_commands[];
extern const struct ctl_command_syntax kctl_segment_commands[];
extern const struct ctl_command_syntax kctl_station_commands[];
extern const struct ctl_command_syntax kctl_live_commands[];

void kctl_init(struct ctl_context *);

/* May controllers write 'column' of 'table'? */
bool kctl_role_writes(const char *table, const char *column);

void kctl_show(struct ctl_context *);
void kctl_export(struct ctl_context *);
void kctl_apply(struct ctl_context *);

/* Prints the help text, and exits. */
OVS_NO_RETURN void kctl_usage(const char *default_db);

/* ---- kctl_args.c: from arguments to values. -----------------------------
 *
 * Each reports an error and returns false, or NULL, for a bad value.  The
 * strings returned are canonical (see flows/addr.h) and the caller's. */

/* An optional KEY=VALUE argument; 'value' is NULL if it was not given. */
struct kctl_setting {
    const char *key;
    const char *value;
};

bool kctl_parse_settings(struct ctl_context *, int first,
                         struct kctl_setting *, size_t n);
bool kctl_parse_vni(struct ctl_context *, const char *, int64_t *);
bool kctl_parse_vlan(struct ctl_context *, const char *, int64_t *);
bool kctl_parse_number(struct ctl_context *, const char *what, const char *,
                       int64_t min, int64_t max, int64_t *);
char *kctl_parse_dpid(struct ctl_context *, const char *);
char *kctl_parse_ip(struct ctl_context *, const char *);
char *kctl_parse_mac(struct ctl_context *, const char *);
bool kctl_check_name(struct ctl_context *, const char *);
bool kctl_check_port(struct ctl_context *, const char *);

/* As kctl_parse_number(), where there is no context: returns what is wrong, or
 * NULL. */
char *kctl_read_number(const char *what, const char *, int64_t min,
                       int64_t max, int64_t *);

/* Whether 'row', which may have been written by hand in another spelling,
 * means the same as 'canonical'. */
bool kctl_is_dpid(const char *row, const char *canonical);
bool kctl_is_ip(const char *row, const char *canonical);
bool kctl_is_mac(const char *row, const char *canonical);

/* Returns the canonical spelling of an IP, else of a MAC, or 's' as it is if
 * it is none, for the caller to free. */
char *kctl_canonical(const char *s, bool ip);

/* Order values, NULL first, so that those that mean the same are equal. */
int kctl_compare_dpids(const char *, const char *);
int kctl_compare_ips(const char *, const char *);
int kctl_compare_macs(const char *, const char *);

/* For --may-exist: returns true if 'want' is NULL (not given) or equals
 * 'have'.  Otherwise reports that 'kind' 'name' exists with another
 * 'attribute' and returns false. */
bool kctl_same(struct ctl_context *, const char *kind, const char *name,
               const char *attribute, const char *have, const char *want);

bool kctl_may_exist(const struct ctl_context *);
bool kctl_if_exists(const struct ctl_context *);

/* ---- kctl_rows.c: finding, ordering and naming rows. --------------------
 *
 * find returns NULL if there is no such row; get also reports the error. */

const struct kkrec_segment *kctl_find_segment(struct ctl_context *,
                                              const char *name);
const struct kkrec_segment *kctl_get_segment(struct ctl_context *,
                                             const char *name);
const struct kkrec_edge *kctl_find_edge(struct ctl_context *,
                                        const char *name);
const struct kkrec_edge *kctl_get_edge(struct ctl_context *,
                                       const char *name);
const struct kkrec_cluster *kctl_find_cluster(struct ctl_context *,
                                              const char *name);
const struct kkrec_binding *kctl_find_binding(struct ctl_context *,
                                              const struct kkrec_cluster *,
                                              const char *port, int64_t vlan);
const struct kkrec_host_port *kctl_find_host_port(struct ctl_context *,
                                                  const struct kkrec_edge *,
                                                  const char *port);
const struct kkrec_vtep *kctl_find_vtep(struct ctl_context *,
                                        const struct kkrec_segment *,
                                        const char *ip);

const struct kkrec_static_mac *kctl_find_mac(struct ctl_context *,
                                             const struct kkrec_segment *,
                                             const char *mac);

bool kctl_cluster_has(const struct kkrec_cluster *, const struct kkrec_edge *);

/* The tunnel port of an edge; one that was written by hand may have none. */
#define KCTL_TUNNEL_PORT "genev0"
const char *kctl_tunnel_port(const struct kkrec_edge *);

/* Names and locations, as in mac-add's LOCATION. */
const char *kctl_segment_name(const struct kkrec_segment *);
void kctl_format_edges(const struct kkrec_cluster *, struct ds *);
void kctl_format_binding(const struct kkrec_binding *, struct ds *);
void kctl_format_host_port(const struct kkrec_host_port *, struct ds *);
void kctl_format_location(const struct kkrec_static_mac *, struct ds *);

/* All rows of a table, or those of a segment if it is not NULL, in the order
 * in which people want to see them: by segment, then by name or address.  The
 * caller frees the array. */
const void **kctl_sorted(struct ctl_context *,
                         const struct ovsdb_idl_table_class *,
                         const struct kkrec_segment *, size_t *n);

/* The segment of a row of a table whose rows have one. */
const struct kkrec_segment *kctl_segment_of(const void *row);

/* ---- kctl_guess.c: what was meant by a name that there is not. ---------  */

enum kctl_names {
    KCTL_SEGMENTS = 1 << 0,
    KCTL_EDGES = 1 << 1,
    KCTL_CLUSTERS = 1 << 2
};

/* Reports that nothing of 'names' is called 'name', and what may be meant. */
void kctl_no_such(struct ctl_context *, enum kctl_names names,
                  const char *name);

/* Returns a hint which binding or host port of 'segment' may be meant by
 * 'location', at which there is none: ' (did you mean "NAME"?)' or the empty
 * string, for the caller to free. */
char *kctl_guess_location(struct ctl_context *, const struct kkrec_segment *,
                          const char *location);

/* Appends to an error of the library, which it takes, what may be meant.
 * 'idl' is NULL if there are no rows to look at. */
char *kctl_guess(const struct ovsdb_idl *, char *error);

/* Reports an error if a generic command would write a key that is almost one
 * that means something. */
bool kctl_check_keys(struct ctl_context *);

/* ---- kctl_conflict.c: what two rows may not do together. ----------------
 *
 * Each returns true if all is well, otherwise reports the error. */

/* May a binding of 'segment' to ('cluster', 'port', 'vlan') be made? */
bool kctl_check_binding(struct ctl_context *, const struct kkrec_segment *,
                        const struct kkrec_cluster *, const char *port,
                        int64_t vlan);

/* May the binding 'b', which is there already, stay beside the others? */
bool kctl_check_bound(struct ctl_context *, const struct kkrec_binding *b);

/* May 'port' of 'edge' become an access port? */
bool kctl_check_host_port(struct ctl_context *, const struct kkrec_edge *,
                          const char *port);

/* May 'ip' be the tunnel IP of a new edge; that of a foreign VTEP? */
bool kctl_check_tunnel_ip(struct ctl_context *, const char *ip);
bool kctl_check_vtep_ip(struct ctl_context *, const char *ip);

/* ---- kctl_unique.c: rows that may not have the same values. -------------
 *
 * Returns what is wrong with rows in the log, for the caller to free, or
 * NULL. */
char *kctl_check_unique(struct ctl_context *, const struct kctl_log *);

/* ---- kctl_depend.c: what goes away with a row. --------------------------
 *
 * Each deletes its row.  If other rows depend on it, they go too with the
 * option --cascade; without it, that is an error which says which. */

void kctl_delete_edge(struct ctl_context *, const struct kkrec_edge *);
void kctl_delete_cluster(struct ctl_context *, const struct kkrec_cluster *);
void kctl_delete_segment(struct ctl_context *, const struct kkrec_segment *);
void kctl_delete_binding(struct ctl_context *, const struct kkrec_binding *);
void kctl_delete_host_port(struct ctl_context *,
                           const struct kkrec_host_port *);
void kctl_delete_vtep(struct ctl_context *, const struct kkrec_vtep *);

/* "bind" makes a cluster of an edge that is not asked for by name, and
 * "unbind" removes it with its last binding.  It is told by this key in
 * other_config. */
#define KCTL_IMPLICIT "implicit"

/* ---- kctl_list.c: tables. ----------------------------------------------- */

/* Starts the table of 'ctx' with columns of the names in 'headings', which
 * are separated by blanks. */
void kctl_start_table(struct ctl_context *, const char *headings);

void kctl_edge_list(struct ctl_context *);
void kctl_cluster_list(struct ctl_context *);
void kctl_segment_list(struct ctl_context *);
void kctl_binding_list(struct ctl_context *);
void kctl_vtep_list(struct ctl_context *);
void kctl_host_port_list(struct ctl_context *);
void kctl_mac_list(struct ctl_context *);

#endif /* controller/kctl.h */
