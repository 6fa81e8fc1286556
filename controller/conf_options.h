/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_CONF_OPTIONS_H
#define CONTROLLER_CONF_OPTIONS_H 1

/* What is in the columns 'options', and what empty columns mean.
 *
 * The controller and kakehashi-ctl see the database by IDLs of their own, and
 * have to read the same in it: what is said once, here, needs no IDL.
 *
 * What makes no sense does not count, and is complained about: the complaint,
 * or NULL, is the caller's. */

struct smap;
struct topo_attach_row;
struct topo_segment_row;

/* Columns that are empty. */
#define CONF_TUNNEL_PORT "genev0"
#define CONF_MAC_LIMIT 2048
#define CONF_MAC_AGING 300

void conf_read_binding_options(const struct smap *, struct topo_attach_row *);
char *conf_read_segment_options(const struct smap *,
                                struct topo_segment_row *);

#endif /* controller/conf_options.h */
