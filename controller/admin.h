/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_ADMIN_H
#define CONTROLLER_ADMIN_H 1

/* What "ovs-appctl -t kakehashi" can ask.
 *
 * The commands only read the agent's state, but for mac/flush and those by
 * which an operator chooses the active edge.
 * Each that prints state does so as text, for people, or with "--format=json"
 * as its first argument as JSON, for programs; both come from the same
 * JSON value or the same loop, so that they cannot drift apart.
 *
 * flows/diff has to ask the switch, so its answer comes later: when the
 * session's extra dump is complete (admin_diff_done()) or when the session
 * ends before (admin_diff_failed()).  So does that of mac/show, for switches
 * that another controller leads (admin_read_done()), that of binding/limits
 * (admin_limits_done()) and of explain (admin_explain_done()), and that of
 * events/show, when something happens (admin_events_run()).
 *
 * admin_status() says in one line how things are, for a service manager. */

#include <stdbool.h>
#include "compiler.h"

struct agent;
struct edge;

void admin_init(struct agent *);
char *admin_status(const struct agent *) OVS_WARN_UNUSED_RESULT;
void admin_diff_done(struct edge *);
void admin_diff_failed(struct edge *);
void admin_read_done(struct edge *, bool reported);
void admin_limits_done(struct edge *);
void admin_events_run(struct agent *, long long now);
void admin_events_wait(const struct agent *);
void admin_events_clear(struct agent *);
void admin_mtu_run(struct agent *);
void admin_mtu_clear(struct agent *);
void admin_explain_done(struct edge *);

#endif /* controller/admin.h */
