/* Copyright (c) 2026 The Kakehashi Authors.
 * SPDX-License-Identifier: Apache-2.0 */

/* kakehashi-ctl: the help text, and advice. */

#include <config.h>

#include "controller/kctl.h"

#include <stdio.h>
#include <stdlib.h>

#include "daemon.h"
#include "dirs.h"
#include "openvswitch/vlog.h"
#include "stream.h"
#include "table.h"
#include "util.h"

const char *
kctl_serving_advice(void)
{
    static char *advice;

    if (!advice) {
        const char *schema = KAKEHASHI_PKGDATADIR"/kakehashi.ovsschema";
        const char *etc = ovs_dbdir();
        const char *run = ovs_rundir();
        const char *name = kkrec_idl_class.database;

        advice = xasprintf("\
The configuration is kept in a database of its own, \"%s\".  To create it:\n\
    ovsdb-tool create %s/kakehashi.db %s\n\
To serve it from the ovsdb-server that runs already:\n\
    ovs-appctl -t ovsdb-server ovsdb-server/add-db %s/kakehashi.db\n\
Or from an ovsdb-server of its own:\n\
    ovsdb-server --detach --no-chdir --pidfile=kakehashi-db.pid \\\n\
        --unixctl=%s/kakehashi-db.ctl --log-file=%s/kakehashi-db.log \\\n\
        --remote=punix:%s/kakehashi-db.sock %s/kakehashi.db\n\
    export KAKEHASHI_DB=unix:%s/kakehashi-db.sock\n\
Where our units of systemd are installed, one does all of this:\n\
    systemctl enable --now kakehashi-ovsdb\n",
                           name, etc, schema, etc, run, ovs_logdir(),
                           run, etc, run);
    }
    return advice;
}

static void
verb_usage(void)
{
    printf("\
%s: Kakehashi configuration utility\n\
usage: %s [OPTIONS] COMMAND [ARG...] [-- COMMAND [ARG...]]...\n\
\n\
General commands:\n\
  init                        initialize the database, if it is not yet\n\
  show                        print the configuration and its state\n\
  sync                        wait even if nothing changed (see --wait)\n\
  export                      print the configuration as commands\n\
  apply FILE                  make the configuration equal to FILE\n\
  history                     print what has been changed, when and by whom\n\
  rollback [N]                undo the last N changes (default: 1)\n\
\n\
Edge commands:\n\
  edge-add NAME DATAPATH-ID TUNNEL-IP [tunnel_port=PORT] [peer_port=PORT]\n\
                              let the controller program a bridge\n\
  edge-del EDGE               forget EDGE\n\
  edge-list                   print the edges\n\
\n\
Cluster commands:\n\
  cluster-add NAME EDGE... [failover=preemptive|nonpreemptive]\n\
              [isolation=forward|fence] [holddown=MS]\n\
                              join edges, the most preferred one first\n\
  cluster-del CLUSTER         delete CLUSTER\n\
  cluster-list                print the clusters\n\
\n\
Segment commands:\n\
  segment-add NAME VNI [mac_limit=N] [mac_aging=SECS]\n\
              [unknown_unicast=flood|drop] [learn_vteps=true|false]\n\
              [vtep_limit=N]\n\
                              create a broadcast domain\n\
  segment-del SEGMENT         delete SEGMENT\n\
  segment-list                print the segments\n\
  bind SEGMENT CLUSTER|EDGE PORT VLAN\n\
       [bum_in_pps=N|bum_in_kbps=N] [bum_out_pps=N|bum_out_kbps=N]\n\
       [bpdu=drop|guard|forward] [loop_probe=SECS]\n\
                              join a VLAN (0: untagged) of a trunk\n\
  unbind SEGMENT CLUSTER|EDGE PORT VLAN\n\
                              undo \"bind\"\n\
  binding-list [SEGMENT]      print the bindings\n\
\n\
Commands for what else is in a segment:\n\
  vtep-add SEGMENT IP         join a VTEP that is not an edge\n\
  vtep-del SEGMENT IP         undo \"vtep-add\"\n\
  vtep-list [SEGMENT]         print the VTEPs\n\
  host-port-add SEGMENT EDGE PORT\n\
                              join an access port\n\
  host-port-del SEGMENT EDGE PORT\n\
                              undo \"host-port-add\"\n\
  host-port-list [SEGMENT]    print the access ports\n\
  mac-add SEGMENT MAC LOCATION\n\
                              say where a MAC is: CLUSTER/PORT/VLAN,\n\
                              EDGE/PORT or the IP of a VTEP\n\
  mac-del SEGMENT MAC         undo \"mac-add\"\n\
  mac-list [SEGMENT]          print the static MACs\n\
\n\
Options of these commands:\n\
  --may-exist                 (-add, bind) no error if just this exists\n\
  --if-exists                 (-del, unbind) no error if it does not exist\n\
  --cascade                   (-del, unbind) also remove what needs it\n\
\n",
           program_name, program_name);
}

static void
live_usage(void)
{
    printf("\
\n\
Commands that follow the controller on this machine:\n\
  monitor [SEGMENT]           print what happens, a line for each event\n\
                              (--format=json: an object)\n\
  top                         show what the bindings forward, drop, learn\n\
\n\
Options of these commands:\n\
  --appctl=TARGET             which controller, as \"ovs-appctl -t\"\n\
                              (default: kakehashi)\n\
  --interval=SECS             (top) how often (default: 2)\n\
  --sort=in|out|drops|learn   (top) by what (default: in)\n\
  --once                      (top) only once, for programs\n");
}

static void
option_usage(const char *default_db)
{
    printf("\
\n\
Options:\n\
  --db=DATABASE               connect to DATABASE, or $KAKEHASHI_DB\n\
                              (default: %s)\n\
  --wait=none                 do not wait for the controller (default)\n\
  --wait=ctl                  wait until the controller has read the change\n\
  --wait=edges                wait until every connected edge confirms it\n\
  --no-wait                   same as --wait=none\n\
  --retry                     keep trying to connect to the server\n\
  --no-leader-only            accept any server of a cluster of servers\n\
  --no-shuffle-remotes        try the servers in the order in which they are\n\
                              given\n\
  -t, --timeout=SECS          give up after SECS seconds\n\
  --dry-run                   print what would change, and change nothing\n\
  --flows                     with --dry-run: flows of the edges, too\n\
  --yes                       (apply, rollback) do not ask\n\
  --color=auto|always|never   print in colours; by default on terminals\n\
  --oneline                   print exactly one line of output per command\n",
           default_db);
}

void
kctl_usage(const char *default_db)
{
    verb_usage();
    printf("%s%s", ctl_get_db_cmd_usage(), ctl_list_db_tables_usage());
    live_usage();
    option_usage(default_db);
    table_usage();
    vlog_usage();
    printf("\
  --no-syslog                 log only warnings and errors to syslog\n\
\n\
Daemon mode (print the control socket; later commands are run by the\n\
daemon whose socket is in $KAKEHASHI_CTL_DAEMON):\n\
  -u, --unixctl=SOCKET        with --detach: where the control socket is to\n\
                              be; without: where the daemon is\n");
    daemon_usage();
    stream_usage("database", true, false, true);
    printf("\
\n\
Other options:\n\
  -h, --help                  display this help message\n\
  -V, --version               display version information\n\
  --commands                  list the commands, for programs\n\
  --options                   list these options, for programs\n\
\n\
%s", kctl_serving_advice());
    exit(EXIT_SUCCESS);
}
