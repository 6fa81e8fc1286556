/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "controller/conf_private.h"

#include "conf-idl.h"
#include "flows/fdb.h"
#include "openvswitch/vlog.h"
#include "smap.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(conf_global);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

/* Packet-ins a second for learning, of one edge: more than a vswitchd learns
 * at (its limit is near 20,000 new MACs a second), less than would starve it
 * when somebody plays with source addresses. */
#define CONF_LEARN_RATE 20000

/* Announcements a second, of one cluster, after a take-over. */
#define CONF_ANNOUNCE_RATE 2000

/* How many frozen MACs it takes to close a binding, and for how long. */
#define CONF_CLOSE_MACS 3
#define CONF_CLOSE_TIME 60          /* Seconds. */

/* How often edges are asked what they have counted. */
#define CONF_STATS_INTERVAL 10      /* Seconds. */

/* Returns options:'key', a number of 'least' or more, or 'def'. */
static unsigned int
conf_read_number(const struct confrec_kakehashi_global *g, const char *key,
                 unsigned int least, unsigned int def)
{
    const char *value = g ? smap_get(&g->options, key) : NULL;
    unsigned int number;

    if (!value) {
        return def;
    }
    if (!str_to_uint(value, 10, &number) || number < least) {
        VLOG_WARN_RL(&rl, "options:%s \"%s\" is no %snumber; it is %u",
                     key, value, least ? "positive " : "", def);
        return def;
    }
    return number;
}

/* Reads what is there once. */
void
conf_read_global(struct conf *conf)
{
    const struct confrec_kakehashi_global *g
        = confrec_kakehashi_global_first(conf->idl);

    conf->global = g ? g->header_.uuid : UUID_ZERO;
    conf->cfg_seq = g ? g->cfg_seq : 0;
    conf->learn_rate = conf_read_number(g, "learn_rate", 1, CONF_LEARN_RATE);
    conf->announce_rate = conf_read_number(g, "announce_rate", 1,
                                           CONF_ANNOUNCE_RATE);
    conf->flap_moves = conf_read_number(g, "flap_moves", 0, FDB_FLAP_MOVES);
    conf->flap_window = conf_read_number(g, "flap_window", 1,
                                         FDB_FLAP_WINDOW / 1000);
    conf->flap_hold = conf_read_number(g, "flap_hold", 1,
                                       FDB_FLAP_WINDOW / 1000);
    conf->close_macs = conf_read_number(g, "close_macs", 0, CONF_CLOSE_MACS);
    conf->close_time = conf_read_number(g, "close_time", 1, CONF_CLOSE_TIME);
    conf->stats_interval = conf_read_number(g, "stats_interval", 0,
                                            CONF_STATS_INTERVAL);
}

/* Returns the UUID of the row that is there once, by which the database is
 * told from others; zero if there is none, and NULL if that is not known yet.
 */
const struct uuid *
conf_global(const struct conf *conf)
{
    return conf_is_ready(conf) ? &conf->global : NULL;
}

/* Returns how many packet-ins a second an edge may send for learning. */
unsigned int
conf_learn_rate(const struct conf *conf)
{
    return conf->learn_rate;
}

/* Returns how many frames a second a cluster may send to tell its neighbours
 * of a take-over. */
unsigned int
conf_announce_rate(const struct conf *conf)
{
    return conf->announce_rate;
}

/* Sets after how many moves 'fdb' freezes a MAC, and for how long. */
void
conf_get_flap(const struct conf *conf, struct fdb *fdb)
{
    fdb->flap_moves = conf->flap_moves;
    fdb->flap_window = conf->flap_window * 1000LL;
    fdb->flap_hold = conf->flap_hold * 1000LL;
}

/* Returns how many frozen MACs it takes to close their rival, 0 if any number
 * does not. */
unsigned int
conf_close_macs(const struct conf *conf)
{
    return conf->close_macs;
}

/* Returns for how long a binding is closed, in milliseconds. */
long long
conf_close_time(const struct conf *conf)
{
    return conf->close_time * 1000LL;
}

/* Returns how often edges are asked what they have counted, in milliseconds,
 * or 0 if they are not. */
long long
conf_stats_interval(const struct conf *conf)
{
    return conf->stats_interval * 1000LL;
}
