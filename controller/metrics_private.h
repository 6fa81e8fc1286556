/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_METRICS_PRIVATE_H
#define CONTROLLER_METRICS_PRIVATE_H 1

/* What the files of controller/metrics.h share among themselves.
 *
 *   metrics.c           the controller, edges, clusters
 *   metrics_bindings.c  segments and bindings
 *   metrics_http.c      who asks, and how
 *
 * Each family of metrics is written in one place, as a whole.  The names are
 * an interface: dashboards and rules (docs/monitoring/) know them. */

#include <stddef.h>
#include "controller/metrics.h"
#include "flows/exposition.h"

struct stats_entry;

/* What a series is called that sums up those beyond the bound: no name has a
 * slash in it. */
#define METRICS_OTHER "/other"

void metrics_write(const struct agent *, size_t max_bindings,
                   struct exposition *);
void metrics_write_bindings(const struct agent *, size_t max_bindings,
                            struct exposition *);

#endif /* controller/metrics_private.h */
