/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef TESTS_FUZZ_LAB_H
#define TESTS_FUZZ_LAB_H 1

/* The network of fuzz_session: edges e1 and e2 in a cluster, host e3, two
 * segments with a binding, a host port, a VTEP and a static MAC.  Its rows go
 * straight into the topology.  lab_change() makes one of them another, or
 * takes it away, by what the input says. */

#define LAB_N_EDGES 3           /* Datapath IDs 1 to 3. */

struct bytes;
struct topo;
struct topo_attach;
struct topo_cluster;

void lab_configure(struct topo *);
void lab_change(struct topo *, struct bytes *);
const struct topo_cluster *lab_cluster_row(const struct topo *);
const struct topo_attach *lab_binding_row(const struct topo *,
                                          unsigned int n);

#endif /* tests/fuzz/lab.h */
