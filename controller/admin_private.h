/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_ADMIN_PRIVATE_H
#define CONTROLLER_ADMIN_PRIVATE_H 1

/* What the files of controller/admin.h share among themselves.
 *
 *   admin.c       arguments, mac/show, mac/flush, edge/show
 *   admin_show.c  show
 *   admin_diff.c  flows/diff
 *
 * A command replies just once.  Functions that reply with an error return
 * false, and the command just returns. */

#include <stdbool.h>
#include "controller/admin.h"
#include "unixctl.h"

struct json;

bool admin_format(struct unixctl_conn *, int *argc, const char *argv[],
                  bool *json);
void admin_reply_json(struct unixctl_conn *, struct json *);
void admin_no_such(struct unixctl_conn *, const char *what, const char *name);
struct json *admin_json_string(const char *);
struct json *admin_edges_to_json(const struct agent *, const char *name);

unixctl_cb_func admin_show, admin_diff;

#endif /* controller/admin_private.h */
