/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_KCTL_RPC_H
#define CONTROLLER_KCTL_RPC_H 1

/* Calls of a JSON-RPC server that block, but not for ever.
 *
 * libopenvswitch has such calls too, for ovs-appctl and ovsdb-client, but they
 * wait until there is an answer.  These end at a deadline, which is a value of
 * time_msec(), or LLONG_MAX for none. */

#include <stdbool.h>
#include "openvswitch/json.h"

struct jsonrpc;
struct jsonrpc_msg;
struct json;
struct svec;

/* Connects to the control socket at 'path', which may be relative to the run
 * directory.  These return 0 or, as if they were errno values, what went
 * wrong, ETIMEDOUT at 'deadline' and EOF included. */
int kctl_rpc_open_control(const char *path, long long int deadline,
                          struct jsonrpc **);

/* Calls 'method' with 'params', which it takes, and waits for the reply, which
 * may be an error. */
int kctl_rpc_call(struct jsonrpc *, const char *method, struct json *params,
                  long long int deadline, struct jsonrpc_msg **replyp);

/* What the controller on this machine says to 'command' with --format=json and
 * 'words', which may be NULL; or NULL: there may be none, or it does not
 * answer at once. */
struct json *kctl_rpc_ask_controller(const char *command,
                                     const struct svec *words);

/* Returns the member 'name' of 'json' if that is an object and this is of
 * 'type', else NULL: what comes from others may be anything. */
const struct json *kctl_member(const struct json *, const char *name,
                               enum json_type);

#endif /* controller/kctl_rpc.h */
