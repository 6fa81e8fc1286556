/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_KCTL_DAEMON_H
#define CONTROLLER_KCTL_DAEMON_H 1

/* kakehashi-ctl as a daemon, and as its client.
 *
 * The daemon keeps a replica of the database and answers on a control socket,
 * as all daemons of Open vSwitch do.  "run" is for people and scripts: it is
 * given a command line and answers once, when all is done.  Our own client
 * needs more, and uses two other commands:
 *
 *     client/run WORD...      begin a request
 *     client/more ID          what more has it come to?
 *
 * Both are answered with an object of JSON:
 *
 *     id      what to give to client/more
 *     output  for stdout (not if there is nothing)
 *     errors  lines for stderr (likewise)
 *     status  exit status of the client (not as long as there is more to come)
 *
 * Each is answered as soon as there is something to print, or when the request
 * is done, and after a second in any case.  Thereby output need not wait for
 * edges, and the daemon knows that its client is still there: commands are
 * run only while a client asks for their result, so that one whose user has
 * given up is not run when the database comes back an hour later. */

#include <stdbool.h>

struct kctl_config;
struct ds;
struct svec;

#define KCTL_DAEMON_ENV "KAKEHASHI_CTL_DAEMON"

/* Runs until it is told to exit.  The control socket is at 'path', relative to
 * OVS's directory for such, or has a default name if that is NULL. */
void kctl_server(const struct kctl_config *, const char *path);

/* Has the daemon at 'path' run 'words', and prints what comes of it.  Appends
 * the output to '*copy' too, if that is not NULL.  Returns the exit status.
 * 'from_env' says where 'path' comes from. */
int kctl_client(const char *path, bool from_env, const struct svec *words,
                long long int deadline, struct ds *copy);

#endif /* controller/kctl_daemon.h */
