/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "flows/announce.h"

#include "flows/acts.h"
#include "flows/fdb.h"
#include "flows/layout.h"
#include "flows/topo.h"
#include "openvswitch/ofpbuf.h"
#include "util.h"

static int
announce_compare(const void *a_, const void *b_)
{
    const struct announce_mac *a = a_;
    const struct announce_mac *b = b_;

    return (a->seen_at < b->seen_at) - (a->seen_at > b->seen_at);
}

/* Whether 'attach' is the first by which 'cluster' is in its segment. */
static bool
announce_is_first(const struct topo_cluster *cluster,
                  const struct topo_attach *attach)
{
    const struct topo_segment *segment = attach->place.segment;
    const struct topo_attach *other;

    LIST_FOR_EACH (other, segment_node, &segment->attaches) {
        if (other->cluster == cluster) {
            return other == attach;
        }
    }
    return false;
}

/* Returns the MACs of all segments of 'cluster', and their number in '*n'.
 * The caller frees the array. */
struct announce_mac *
announce_collect(const struct topo_cluster *cluster, size_t *n)
{
    struct announce_mac *macs = NULL;
    const struct topo_attach *attach;
    size_t allocated = 0;

    *n = 0;
    LIST_FOR_EACH (attach, cluster_node, &cluster->attaches) {
        const struct fdb_mac *e;

        if (!announce_is_first(cluster, attach)) {
            continue;
        }
        LIST_FOR_EACH (e, segment_node, &attach->place.segment->macs) {
            if (*n == allocated) {
                macs = x2nrealloc(macs, &allocated, sizeof *macs);
            }
            macs[*n] = (struct announce_mac) {
                e->segment->vni, e->mac, e->n_seen ? 0 : e->learned_at,
            };
            for (size_t i = 0; i < e->n_seen; i++) {
                macs[*n].seen_at = MAX(macs[*n].seen_at, e->seen[i].at);
            }
            ++*n;
        }
    }
    if (*n) {
        qsort(macs, *n, sizeof *macs, announce_compare);
    }
    return macs;
}

/* The cluster to which 'place' belongs, or NULL. */
static const struct topo_cluster *
announce_cluster(const struct topo_place *place)
{
    return (place->type == TOPO_PLACE_ATTACH
            ? CONTAINER_OF(place, struct topo_attach, place)->cluster : NULL);
}

static bool
announce_to_vlans(const struct topo_cluster *cluster,
                  const struct topo_segment *segment,
                  const struct topo_node *node, struct ofpbuf *acts)
{
    const struct topo_attach *attach;
    bool any = false;

    LIST_FOR_EACH (attach, segment_node, &segment->attaches) {
        const struct topo_claim *claim = topo_attach_claim(attach, node);

        if (attach->cluster == cluster && claim && claim->slot) {
            acts_set_reg(acts, 1, claim->slot);
            acts_resubmit(acts, LAYOUT_EMIT);
            any = true;
        }
    }
    return any;
}

static bool
announce_to_vteps(const struct topo_segment *segment, struct ofpbuf *acts)
{
    const struct topo_vtep *vtep;
    bool any = false;

    for (int ipv6 = 0; ipv6 <= 1; ipv6++) {
        LIST_FOR_EACH (vtep, segment_node, &segment->vteps) {
            if (IN6_IS_ADDR_V4MAPPED(&vtep->ip) ? !ipv6 : ipv6) {
                acts_tunnel_dst(acts, &vtep->ip);
                acts_resubmit(acts, LAYOUT_TUNNEL);
                any = true;
            }
        }
    }
    return any;
}

/* Appends to 'acts' what 'node', active for 'cluster' since 'since', does with
 * a frame that speaks for 'm'.  Returns false if nothing is to be said. */
bool
announce_actions(const struct topo *topo, const struct fdb *fdb,
                 const struct topo_cluster *cluster,
                 const struct topo_node *node, const struct announce_mac *m,
                 long long since, struct ofpbuf *acts)
{
    const struct topo_segment *segment = topo_segment_by_vni(topo, m->vni);
    const struct fdb_mac *e = segment ? fdb_find(fdb, segment, m->mac) : NULL;

    if (!e || !e->place->segment || fdb_has_spoken(e, node, since)) {
        return false;
    }
    acts_set_vni(acts, m->vni);
    if (announce_cluster(e->place) != cluster) {
        return announce_to_vlans(cluster, segment, node, acts);
    } else {
        return announce_to_vteps(segment, acts);
    }
}
