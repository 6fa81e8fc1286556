# Kakehashi: the whole build, one file, read from top to bottom.
#
#   make                 install what is missing, build build/kakehashi{,-ctl}
#   make check           everything, ends with "N passed, N failed"
#   make lab, lab-down   a small network on this machine, up and down again;
#                        with LAB_OPTIONS='--databases=3 --controllers=3' that
#                        many of them
#   make install         DESTDIR= and prefix= as usual, and uninstall
#   make deb             Debian packages, in build/deb/; deb-check installs,
#                        upgrades and removes them in a system of their own
#                        (five minutes; docs/install.md)
#   make html            the documentation, in build/html/
#   make asan            the same programs with ASan and UBSan, in build/asan/;
#                        asan-check runs every test with them
#   make fuzz            libFuzzer programs, in build/fuzz/ (needs clang);
#                        fuzz-run lets them search, each for half an hour:
#                        TIME= seconds, FUZZ_TARGETS= which (docs/fuzzing.md)
#   make chaos           ten minutes of kills, cuts and changes in a lab of
#                        three controllers, and what must hold all the same:
#                        TIME= seconds, SEED= of which, ROUNDS=7 just that
#                        round once more (docs/chaos.md)
#   make lint            style, dependency rule, clang-tidy, cppcheck, docs
#   make unit | flows-check | system-check | chaos-check | fuzz-check |
#        bench-check
#                        one tier of check
#   make bench           how fast, how much of it (docs/performance.md; 20
#                        minutes, bench-quick: three); bench-plots draws what
#                        they found once more
#   make bench-failover  how long take-overs take, in the lab (half an hour;
#                        bench-failover-quick: some minutes)
#   make bench-scale-out 1,000 edges over one controller and several, one of
#                        which is killed (a minute; bench-scale-out-quick:
#                        100 edges)
#   make ovs             ovs-vswitchd and others with ovs-patches/, in
#                        build/ovs/ (two minutes); ovs-check tests that switch,
#                        bench-ovs measures what the patches gain
#   make clean           remove what we built; distclean: all of build/
#
# V=1 shows the commands.  INSTALL_DEPS=no says which Debian packages are
# missing instead of installing them.  Everything that is built is under build/.

VERSION := 0.1.0

# ---- What there is ---------------------------------------------------------

# The functional core: no I/O, no clock, no log.
FLOWS_SRC      := flows/acts.c flows/addr.c flows/announce.c \
                  flows/bundlemsg.c flows/delta.c flows/explain.c \
                  flows/explain_args.c flows/explain_classify.c \
                  flows/explain_in.c flows/explain_out.c flows/exposition.c \
                  flows/failover.c \
                  flows/fdb.c flows/fdb_age.c flows/fdb_flap.c \
                  flows/fdb_node.c flows/fdb_static.c flows/fdb_table.c \
                  flows/fdb_withdrawn.c flows/flowmsg.c flows/flowset.c \
                  flows/inquiry.c flows/macdump.c flows/macmsg.c flows/mtu.c flows/near.c \
                  flows/packetin.c flows/packetout.c flows/pipeline.c \
                  flows/pipeline_alone.c flows/pipeline_bpdu.c \
                  flows/pipeline_cluster.c flows/pipeline_mac.c \
                  flows/pipeline_segment.c flows/pipeline_storm.c \
                  flows/refused.c flows/share.c flows/sighting.c \
                  flows/stats.c flows/stats_flow.c flows/topo.c \
                  flows/topo_claim.c flows/topo_close.c flows/topo_cluster.c \
                  flows/topo_node.c flows/topo_place.c flows/topo_port.c \
                  flows/topo_shard.c flows/topo_sort.c flows/topo_static.c \
                  flows/topo_tie.c flows/topo_vtep.c

# The tool, and the daemon (without kctl.c and main.c, so that tests can link
# the rest).
CTL_SRC        := controller/conf_options.c controller/dbname.c \
                  controller/event_text.c controller/kctl_alone.c \
                  controller/kctl_apply.c controller/kctl_args.c \
                  controller/kctl_client.c controller/kctl_conflict.c \
                  controller/kctl_counts.c controller/kctl_depend.c \
                  controller/kctl_export.c controller/kctl_flows.c \
                  controller/kctl_generic.c controller/kctl_guess.c \
                  controller/kctl_history.c controller/kctl_index.c \
                  controller/kctl_item.c controller/kctl_list.c \
                  controller/kctl_live.c controller/kctl_log.c \
                  controller/kctl_macs.c \
                  controller/kctl_mark.c controller/kctl_monitor.c \
                  controller/kctl_node.c controller/kctl_options.c \
                  controller/kctl_output.c controller/kctl_perform.c \
                  controller/kctl_ports.c \
                  controller/kctl_probe.c controller/kctl_request.c \
                  controller/kctl_role.c controller/kctl_row.c \
                  controller/kctl_rows.c controller/kctl_rpc.c \
                  controller/kctl_screen.c \
                  controller/kctl_segment.c controller/kctl_server.c \
                  controller/kctl_show.c controller/kctl_show_data.c \
                  controller/kctl_split.c controller/kctl_station.c \
                  controller/kctl_terminal.c controller/kctl_top.c \
                  controller/kctl_top_table.c controller/kctl_topo.c \
                  controller/kctl_tree.c controller/kctl_txn.c \
                  controller/kctl_unique.c controller/kctl_usage.c \
                  controller/kctl_words.c \
                  controller/notify.c controller/sig.c controller/tls.c
CONTROLLER_SRC := controller/admin.c controller/admin_cluster.c \
                  controller/admin_diff.c controller/admin_events.c \
                  controller/admin_explain.c \
                  controller/admin_explain_frame.c \
                  controller/admin_explain_mac.c controller/admin_led.c \
                  controller/admin_limits.c \
                  controller/admin_mac.c controller/admin_mtu.c \
                  controller/admin_show.c controller/admin_stats.c \
                  controller/admin_vtep.c \
                  controller/agent.c controller/agent_admit.c \
                  controller/agent_age.c controller/agent_announce.c \
                  controller/agent_blame.c controller/agent_close.c \
                  controller/agent_conf.c controller/agent_events.c \
                  controller/agent_failover.c controller/agent_learn.c \
                  controller/agent_lease.c controller/agent_loop.c \
                  controller/agent_mtu.c \
                  controller/agent_probe.c \
                  controller/agent_refused.c controller/agent_shard.c \
                  controller/agent_share.c controller/agent_stats.c \
                  controller/agent_sync.c controller/agent_usage.c \
                  controller/agent_vtep.c controller/conf.c \
                  controller/conf_global.c controller/conf_options.c \
                  controller/conf_peers.c \
                  controller/conf_schema.c controller/conf_write.c \
                  controller/dbname.c \
                  controller/edge.c \
                  controller/edge_age.c controller/edge_counted.c \
                  controller/edge_dump.c \
                  controller/edge_form.c controller/edge_full.c \
                  controller/edge_limit.c \
                  controller/edge_meter.c controller/edge_question.c \
                  controller/edge_refused.c controller/edge_role.c \
                  controller/edge_stats.c controller/edge_txn.c \
                  controller/edge_watch.c \
                  controller/event_text.c controller/events.c \
                  controller/lead.c controller/lead_shard.c \
                  controller/lead_txn.c controller/locks.c \
                  controller/locks_server.c controller/locks_session.c \
                  controller/loop.c controller/metrics.c \
                  controller/metrics_bindings.c \
                  controller/metrics_http.c controller/notify.c \
                  controller/ofconn.c controller/ofconn_accept.c \
                  controller/ofconn_facts.c controller/ofconn_guest.c \
                  controller/ofconn_listen.c controller/ofconn_spare.c \
                  controller/ofconn_tls.c controller/ofconn_watch.c \
                  controller/sig.c controller/tls.c

# C bindings of the database: all of it, for the tool, and what the daemon
# uses (controller/*.ann).
IDLS := kakehashi-idl conf-idl

# Tests are found, not listed: tests/run refuses a tier without any.
UNIT_SRC   := $(wildcard tests/unit/test_*.c)
UNIT_LIB   := $(filter-out $(UNIT_SRC),$(wildcard tests/unit/*.c))
UNIT_PEERS := tests/unit/ovsdbd.c tests/unit/leadlab.c tests/unit/peer.c
FUZZ_SRC   := $(wildcard tests/fuzz/fuzz_*.c)
BENCH_LIB  := tests/bench/benchio.c tests/bench/loadargs.c \
              tests/bench/loadstat.c tests/bench/ofswitch.c \
              tests/bench/ofswitch_role.c tests/bench/ofswitch_table.c
HELPER_SRC := $(filter-out $(BENCH_LIB),$(wildcard tests/flows/*.c \
                  tests/system/*.c tests/bench/*.c))

# ---- Debian packages -------------------------------------------------------

BUILD_DEPS := gcc make patch pkg-config python3 openvswitch-source \
              libssl-dev libuv1-dev libmicrohttpd-dev
UNIT_DEPS  := openvswitch-common libcmocka-dev
TEST_DEPS  := $(UNIT_DEPS) openvswitch-switch bash-completion faketime \
              python3-pytest iproute2 iputils-ping iputils-arping ethtool \
              iperf3 tcpdump procps tmux util-linux mininet
LINT_DEPS  := clang-tidy cppcheck binutils
FUZZ_DEPS  := clang libclang-rt-dev
DOC_DEPS   := python3-sphinx python3-myst-parser furo graphviz
BENCH_DEPS := openvswitch-testcontroller gnuplot-nox
DEB_DEPS   := dpkg-dev debhelper $(UNIT_DEPS)
DEB_CHECK_DEPS := lintian debootstrap systemd systemd-container

INSTALL_DEPS := yes

# $(call install-deps,PACKAGES): say what is missing, then install it.
install-deps = \
    missing=; for p in $(1); do \
        dpkg-query -W -f='$${db:Status-Status}' $$p 2>/dev/null \
            | grep -qx installed || missing="$$missing $$p"; \
    done; \
    if [ -n "$$missing" ] && [ "$(INSTALL_DEPS)" = no ]; then \
        echo "Missing Debian packages:$$missing" >&2; exit 1; \
    elif [ -n "$$missing" ]; then \
        echo "Installing missing Debian packages:$$missing"; \
        sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
        get="env DEBIAN_FRONTEND=noninteractive apt-get -q -y"; \
        install="$$get install --no-install-recommends $$missing"; \
        ls /var/lib/apt/lists/*_Packages* >/dev/null 2>&1 \
            || $$sudo $$get update; \
        $$sudo $$install || { $$sudo $$get update && $$sudo $$install; } \
            || { echo "Please install by hand:$$missing" >&2; exit 1; }; \
    fi

DPKG_STATUS := $(wildcard /var/lib/dpkg/status)

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:

# build/deps.mk holds OVS_VERSION.  It is an included makefile, hence up to
# date before anything else is looked at: make installs what is missing,
# writes it, and starts over.  When no package has changed since, nothing
# happens.  Goals that only remove, and "make -n", do without.
NO_DEPS_GOALS := clean distclean lab-down uninstall
ifneq ($(filter-out $(NO_DEPS_GOALS),$(or $(MAKECMDGOALS),all)),)
ifeq ($(findstring n,$(filter-out --%,$(firstword -$(MAKEFLAGS)))),)
include build/deps.mk
else
OVS_VERSION := $(shell dpkg-query -W -f='$${Version}' openvswitch-source)
endif
endif

build/deps.mk: $(DPKG_STATUS)
	@mkdir -p build
	@$(call install-deps,$(BUILD_DEPS))
	@dpkg-query -W -f='OVS_VERSION = $${Version}\n' openvswitch-source \
	    | tr : . > $@

build/unit-deps: $(DPKG_STATUS)
	@$(call install-deps,$(UNIT_DEPS))
	@mkdir -p build && touch $@

build/test-deps: $(DPKG_STATUS)
	@$(call install-deps,$(TEST_DEPS))
	@mkdir -p build && touch $@

build/lint-deps: $(DPKG_STATUS) | build/test-deps
	@$(call install-deps,$(LINT_DEPS) $(DOC_DEPS))
	@mkdir -p build && touch $@

build/doc-deps: $(DPKG_STATUS)
	@$(call install-deps,$(DOC_DEPS))
	@mkdir -p build && touch $@

build/bench-deps: $(DPKG_STATUS)
	@$(call install-deps,$(BENCH_DEPS))
	@mkdir -p build && touch $@

build/fuzz-deps: $(DPKG_STATUS)
	@$(call install-deps,$(FUZZ_DEPS))
	@mkdir -p build && touch $@

build/deb-deps: $(DPKG_STATUS)
	@$(call install-deps,$(DEB_DEPS))
	@mkdir -p build && touch $@

build/deb-check-deps: $(DPKG_STATUS) | build/test-deps
	@$(call install-deps,$(DEB_CHECK_DEPS))
	@mkdir -p build && touch $@

# Prometheus, for a test, is unpacked and not installed: the package would
# start a service.
build/prometheus:
	@echo "Fetching the Debian package prometheus"
	@rm -rf $@.tmp && mkdir -p $@.tmp
	@cd $@.tmp && { apt-get -q -q download prometheus \
	        || { echo "Please put Debian's prometheus and promtool into" \
	                 "$@/usr/bin by hand" >&2; exit 1; }; } \
	    && dpkg -x prometheus_*.deb . && rm prometheus_*.deb
	@mv $@.tmp $@

# Their lists are in this file.
build/unit-deps build/test-deps build/lint-deps build/doc-deps \
build/bench-deps build/fuzz-deps build/deb-deps build/deb-check-deps: Makefile

# ---- Open vSwitch's libraries ----------------------------------------------

# Debian ships no -dev package but the source as openvswitch-source.  One
# directory per package version, configure options and patches: a change of
# any of them makes a new build, and ours after it.  "ovs-stock" runs this
# Makefile again with another OVS_SERIES and OVS_TREE.
OVS_SERIES  := ovs-patches/series
OVS_TREE    := build/ovs
OVS_PATCHES := $(addprefix ovs-patches/,$(shell sed 's/\#.*//' $(OVS_SERIES)))
OVS_CFLAGS  := -O2 -g
OVS_CONFIGURE := CFLAGS="$(OVS_CFLAGS)" ../src/configure --quiet \
               --prefix=/usr --sysconfdir=/etc --localstatedir=/var \
               --enable-ssl --disable-shared --with-pic \
               --disable-libcapng --disable-afxdp --without-dpdk
OVS_HASH    := $(shell echo '$(OVS_CONFIGURE)' | cat - $(OVS_PATCHES) \
                   | sha256sum | cut -c1-8)
OVS_TARBALL := /usr/src/openvswitch/openvswitch.tar.gz
OVS         := $(OVS_TREE)-$(OVS_VERSION)-$(OVS_HASH)
OVS_STAMP   := $(OVS)/built
PYTHON3     := /usr/bin/python3

# Quiet unless it fails: then the end of the log.
OVS_LOG := $(abspath $(OVS)/build.log)
ovs-step = echo "  OVS     $(1)"; { $(2); } >> $(OVS_LOG) 2>&1 \
    || { tail -n 40 $(OVS_LOG); echo "failed: $(1), see $(OVS_LOG)" >&2; \
         exit 1; }

# Nothing of ours can be built meanwhile, so its make takes every processor
# and none of our flags.
OVS_MAKE = env -u MAKEFLAGS -u MAKELEVEL make -j$$(nproc)

# $(BUILT_SOURCES) first: libopenvswitch.la does not ask for its generated
# headers itself.  The last step writes down what a program links with.
$(OVS_STAMP):
	@rm -rf $(OVS_TREE)-*
	@mkdir -p $(OVS)/src $(OVS)/obj
	@$(call ovs-step,unpack $(OVS_VERSION),\
	    tar -xzf $(OVS_TARBALL) -C $(OVS)/src --strip-components=1)
	@$(foreach p,$(OVS_PATCHES),$(call ovs-step,patch $(p),\
	    patch -d $(OVS)/src -p1 -N < $(p));)
	@cd $(OVS)/obj && $(call ovs-step,configure,\
	    PYTHON3=$(PYTHON3) $(OVS_CONFIGURE))
	@cd $(OVS)/obj && $(call ovs-step,generate headers,\
	    printf 'include Makefile\nbuilt: $$(BUILT_SOURCES)\n' \
	        | $(OVS_MAKE) -f - built)
	@cd $(OVS)/obj && $(call ovs-step,build libraries (a minute),\
	    $(OVS_MAKE) lib/libopenvswitch.la ovsdb/libovsdb.la)
	@echo $(OVS)/obj/ovsdb/.libs/libovsdb.a \
	    $(OVS)/obj/lib/.libs/libopenvswitch.a \
	    $$(sed -n "s|^dependency_libs='\(.*\)'|\1|p" \
	           $(OVS)/obj/lib/libopenvswitch.la \
	       | sed 's|$(CURDIR)/||g; s|\([^ ]*\)/\([^/ ]*\)\.la|\1/.libs/\2.a|g') \
	    > $@.tmp
	@mv $@.tmp $@

# ---- Open vSwitch's programs -----------------------------------------------

# For who wants a switch with the patches, and to measure what they gain.
OVS_PROGRAMS := ovs-vswitchd ovs-ofctl ovs-testcontroller

ovs: $(addprefix $(OVS_TREE)/,$(OVS_PROGRAMS))

$(addprefix $(OVS_TREE)/,$(OVS_PROGRAMS)) &: $(OVS_STAMP)
	@cd $(OVS)/obj && $(call ovs-step,build programs,\
	    $(OVS_MAKE) vswitchd/ovs-vswitchd utilities/ovs-ofctl \
	        utilities/ovs-testcontroller)
	@mkdir -p $(OVS_TREE)
	@cp $(OVS)/obj/vswitchd/ovs-vswitchd $(OVS)/obj/utilities/ovs-ofctl \
	    $(OVS)/obj/utilities/ovs-testcontroller $(OVS_TREE)

# The same without a patch.
ovs-stock:
	+@$(MAKE) --no-print-directory O=build/stock OVS_SERIES=/dev/null \
	    OVS_TREE=build/stock/ovs ovs

# ---- How our files are compiled --------------------------------------------

# O is where objects and programs go; "asan" and "fuzz" run this Makefile
# again with another O and SANITIZE.
O        := build
SANITIZE :=
prefix   := /usr/local
sbindir  := $(prefix)/sbin
bindir   := $(prefix)/bin
pkgdatadir := $(prefix)/share/kakehashi
mandir   := $(prefix)/share/man
completionsdir := $(prefix)/share/bash-completion/completions
unitdir  := $(prefix)/lib/systemd/system
sysconfdir := /etc

CC       := gcc
CFLAGS   := -O2 -g
WERROR   := -Werror
WARNINGS := -Wall -Wextra -Wshadow -Wpointer-arith -Wstrict-prototypes \
            -Wmissing-prototypes -Wold-style-definition -Wformat=2 \
            -Wno-unused-parameter -Wno-sign-compare $(WERROR)

# Open vSwitch's headers are system headers: its warnings are its own.
OVS_INCLUDES := $(addprefix -isystem $(OVS)/,obj obj/include src/include \
                                             obj/lib src/lib src)
CPPFLAGS := -I. -Ibuild/gen $(OVS_INCLUDES) \
            -DKAKEHASHI_VERSION='"$(VERSION)"' \
            -DKAKEHASHI_PKGDATADIR='"$(pkgdatadir)"'
LIBS     := @$(OVS_STAMP) -luv -lmicrohttpd -lm -pthread

ALL_CFLAGS = -std=gnu11 $(CFLAGS) $(SANITIZE)

ifeq ($(V),)
say = @echo "  $(1)	$@";
endif

# The flags of the last build.  Others, say another prefix, rebuild.
FLAGS := $(CC) $(ALL_CFLAGS) $(WARNINGS) $(CPPFLAGS) $(LDFLAGS)
ifneq ($(OVS_VERSION),)
ifneq ($(file <$(O)/flags),$(FLAGS))
$(shell mkdir -p $(O))
$(file >$(O)/flags,$(FLAGS))
endif
endif

# What every object waits for.
OBJ_DEPS := $(OVS_STAMP) $(IDLS:%=build/gen/%.h) $(O)/flags

$(O)/obj/%.o: %.c $(OBJ_DEPS)
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(ALL_CFLAGS) $(WARNINGS) $(CPPFLAGS) -MMD -MP \
	    -c $< -o $@

# For tests/lint.
build/compile-flags: $(OVS_STAMP) build/flags
	@printf '%s\n' -std=gnu11 -xc $(CPPFLAGS) > $@

# Generated code is not held to our warnings.
$(O)/obj/gen/%.o: build/gen/%.c $(OBJ_DEPS)
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(ALL_CFLAGS) -w $(CPPFLAGS) -MMD -MP -c $< -o $@

objects = $(1:%.c=$(O)/obj/%.o)
link    = $(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ \
          $(filter %.o,$^) $(filter %.a,$^) $(LIBS)
archive = rm -f $@ && $(AR) rcs $@ $(filter %.o,$^)

# ---- The database's C bindings ---------------------------------------------

IDLC = PYTHONPATH=$(OVS)/src/python PYTHONDONTWRITEBYTECODE=1 \
       $(PYTHON3) $(OVS)/src/ovsdb/ovsdb-idlc.in

$(IDLS:%=build/gen/%.ovsidl): build/gen/%.ovsidl: \
        controller/kakehashi.ovsschema controller/%.ann $(OVS_STAMP)
	@mkdir -p $(@D)
	$(call say,IDL)$(IDLC) annotate controller/kakehashi.ovsschema \
	    controller/$*.ann > $@

$(IDLS:%=build/gen/%.h): %.h: %.ovsidl
	$(call say,IDL)$(IDLC) c-idl-header $< > $@

$(IDLS:%=build/gen/%.c): %.c: %.ovsidl
	$(call say,IDL)$(IDLC) c-idl-source $< > $@

# ---- Programs --------------------------------------------------------------

LIBFLOWS      := $(O)/libflows.a
LIBCONTROLLER := $(O)/libcontroller.a
LIBCTL        := $(O)/libctl.a
PROGRAMS      := $(O)/kakehashi $(O)/kakehashi-ctl

all: $(PROGRAMS)

$(LIBFLOWS): $(call objects,$(FLOWS_SRC)) Makefile
	$(call say,AR)$(archive)

$(LIBCONTROLLER): $(call objects,$(CONTROLLER_SRC)) \
                  $(O)/obj/gen/conf-idl.o Makefile
	$(call say,AR)$(archive)

$(LIBCTL): $(call objects,$(CTL_SRC)) $(O)/obj/gen/kakehashi-idl.o Makefile
	$(call say,AR)$(archive)

$(O)/kakehashi: $(call objects,controller/main.c) $(LIBCONTROLLER) $(LIBFLOWS)
	$(call say,LD)$(link)

# For kctl_log.c.
comma := ,
WRAP_IDL := $(patsubst %,-Wl$(comma)--wrap=ovsdb_idl_txn_%,\
                write insert insert_persist_uuid delete)

$(O)/kakehashi-ctl: LIBS += $(WRAP_IDL)
$(O)/kakehashi-ctl: $(call objects,controller/kctl.c) $(LIBCTL) $(LIBFLOWS)
	$(call say,LD)$(link)

# ---- Test programs ---------------------------------------------------------

UNIT_PROGRAMS   := $(patsubst tests/unit/%.c,$(O)/tests/%,$(UNIT_SRC))
FUZZ_PROGRAMS   := $(patsubst tests/fuzz/%.c,$(O)/tests/%,$(FUZZ_SRC))
HELPER_PROGRAMS := $(addprefix $(O)/tests/,$(notdir $(HELPER_SRC:.c=)))
TEST_PROGRAMS   := $(UNIT_PROGRAMS) $(FUZZ_PROGRAMS) $(HELPER_PROGRAMS)

# A test of flows/ is linked with nothing of controller/; only a test that
# includes a header of controller/ is.
CONTROLLER_TESTS := $(patsubst %.c,$(O)/tests/%,$(notdir \
    $(shell grep -ls '"controller/' /dev/null \
                $(UNIT_SRC) $(FUZZ_SRC) $(HELPER_SRC))))

$(call objects,$(UNIT_SRC) $(UNIT_LIB)): | build/unit-deps
$(UNIT_PROGRAMS): LIBS := $(LIBS) -lcmocka

$(UNIT_PROGRAMS): $(O)/tests/%: $(O)/obj/tests/unit/%.o
$(UNIT_PROGRAMS): $(call objects,$(filter-out $(UNIT_PEERS),$(UNIT_LIB)))
$(filter $(CONTROLLER_TESTS),$(UNIT_PROGRAMS)): $(call objects,$(UNIT_PEERS))
$(FUZZ_PROGRAMS): $(O)/tests/%: $(O)/obj/tests/fuzz/%.o
$(FUZZ_PROGRAMS): $(if $(FUZZ),,$(O)/obj/tests/fuzz/replay.o)

$(O)/tests/fuzz_conf: $(call objects,tests/fuzz/rows.c tests/unit/net.c \
                          tests/unit/walk.c tests/unit/walk_part.c \
                          tests/unit/walk_vtep.c)
$(O)/tests/fuzz_conf: LIBS += -lcmocka

# The clock of this one is its own.
$(O)/tests/fuzz_session: $(call objects,tests/fuzz/lab.c tests/fuzz/liar.c)
$(O)/tests/fuzz_session: LIBS += -Wl,--wrap=time_msec
$(foreach s,$(HELPER_SRC),$(eval \
    $(O)/tests/$(notdir $(s:.c=)): $(call objects,$(s))))

$(O)/tests/explain: $(call objects,tests/unit/golden.c tests/unit/net.c)
$(O)/tests/explain: LIBS += -lcmocka
$(O)/tests/ofanswer: $(call objects,tests/bench/benchio.c)
$(O)/tests/ofload: $(call objects,$(BENCH_LIB))

$(CONTROLLER_TESTS): $(LIBCTL) $(LIBCONTROLLER)
$(TEST_PROGRAMS): $(LIBFLOWS)

$(TEST_PROGRAMS):
	@mkdir -p $(@D)
	$(call say,LD)$(link)

test-programs: $(TEST_PROGRAMS)

# ---- Variants --------------------------------------------------------------

ASAN := -fsanitize=address,undefined -fno-sanitize-recover=undefined \
        -fno-omit-frame-pointer

# Made here, because the two makes would both make them.
SHARED := $(OVS_STAMP) $(IDLS:%=build/gen/%.h) $(IDLS:%=build/gen/%.c) \
          build/unit-deps

MAKE_ASAN = $(MAKE) --no-print-directory O=build/asan SANITIZE="$(ASAN)" \
            CFLAGS="-O1 -g"

asan: $(SHARED)
	+@$(MAKE_ASAN) all test-programs

fuzz: $(SHARED) build/fuzz-deps
	+@$(MAKE) --no-print-directory O=build/fuzz CC=clang FUZZ=1 \
	    SANITIZE="$(ASAN)" CFLAGS="-O1 -g -fsanitize=fuzzer-no-link" \
	    LDFLAGS=-fsanitize=fuzzer fuzz-programs

fuzz-programs: $(FUZZ_PROGRAMS)

# What they find goes to build/fuzz-found/, what they reach is kept in
# build/fuzz-corpus/; fuzz-merge adds to tests/fuzz/corpus/ what of that
# reaches code that nothing else there does.
TIME         := 1800
FUZZ_TARGETS := $(FUZZ_SRC:tests/fuzz/fuzz_%.c=%)
FUZZ_OPTIONS := -max_total_time=$(TIME) -rss_limit_mb=3000 -timeout=25

fuzz-run: fuzz
	@for t in $(FUZZ_TARGETS); do \
	    mkdir -p build/fuzz-corpus/$$t build/fuzz-found; \
	    nice build/fuzz/tests/fuzz_$$t $(FUZZ_OPTIONS) \
	        -artifact_prefix=build/fuzz-found/$$t- build/fuzz-corpus/$$t \
	        tests/fuzz/corpus/$$t || exit 1; \
	done

fuzz-merge: fuzz
	@for t in $(FUZZ_TARGETS); do \
	    build/fuzz/tests/fuzz_$$t -merge=1 tests/fuzz/corpus/$$t \
	        build/fuzz-corpus/$$t || exit 1; \
	done

# ---- Checks ----------------------------------------------------------------

CHECK_DEPS := all test-programs build/test-deps build/prometheus
LINT_NEEDS := $(LIBFLOWS) build/compile-flags build/lint-deps \
              build/test-deps

check: $(CHECK_DEPS) asan $(LINT_NEEDS)
	@tests/run unit flows system chaos fuzz bench asan lint

unit: $(UNIT_PROGRAMS) build/unit-deps
	@tests/run unit

flows-check: $(CHECK_DEPS)
	@tests/run flows

system-check: $(CHECK_DEPS)
	@tests/run system

fuzz-check: $(FUZZ_PROGRAMS)
	@tests/run fuzz

chaos-check: $(CHECK_DEPS)
	@tests/run chaos

bench-check: $(CHECK_DEPS)
	@tests/run bench

lint: $(LINT_NEEDS)
	@tests/run lint

# All that runs our programs, with the instrumented ones.
asan-check: asan
	@tests/run --build build/asan unit flows system chaos fuzz

# Flows in a switch with our patches, and Open vSwitch's own tests.
OVS_TESTS := vconn timeout

ovs-check: ovs $(CHECK_DEPS)
	@PATH="$(CURDIR)/$(OVS_TREE):$$PATH" tests/run flows
	@cd $(OVS)/obj && $(call ovs-step,its own tests (two minutes),\
	    $(OVS_MAKE) && $(OVS_MAKE) check \
	        TESTSUITEFLAGS="$(addprefix -k ,$(OVS_TESTS))")

# ---- Chaos -----------------------------------------------------------------

# For TIME= seconds, or just some ROUNDS=, such as 7 or 7:9, with the plans of
# SEED=, which is drawn, and printed, if it is not given.
chaos: TIME := 600
chaos: $(SHARED)
	+@$(MAKE_ASAN) all
	@$(PYTHON3) tests/chaos/chaos --build=build/asan \
	    $(if $(ROUNDS),--rounds=$(ROUNDS),--time=$(TIME)) $(SEED:%=--seed=%)

# ---- The lab ---------------------------------------------------------------

lab: all build/test-deps
	@$(PYTHON3) tests/lab/lab up $(LAB_OPTIONS)

lab-down:
	@$(PYTHON3) tests/lab/lab down

# ---- Benchmarks ------------------------------------------------------------

BENCHES := learn scale intake burst storm first dataplane restart ageing stats

bench: $(CHECK_DEPS) build/bench-deps
	@for b in $(BENCHES); do \
	    echo; $(PYTHON3) tests/bench/$$b.py || exit 1; done
	@echo; $(PYTHON3) tests/bench/plots.py

bench-quick: $(CHECK_DEPS) build/bench-deps
	@for b in $(BENCHES); do \
	    echo; $(PYTHON3) tests/bench/$$b.py --quick || exit 1; done
	@echo; $(PYTHON3) tests/bench/plots.py

bench-plots: build/bench-deps
	@$(PYTHON3) tests/bench/plots.py

bench-failover: $(CHECK_DEPS)
	@$(PYTHON3) tests/bench/failover.py

bench-failover-quick: $(CHECK_DEPS)
	@$(PYTHON3) tests/bench/failover.py --quick

bench-scale-out: $(CHECK_DEPS)
	@$(PYTHON3) tests/bench/scaleout.py

bench-scale-out-quick: $(CHECK_DEPS)
	@$(PYTHON3) tests/bench/scaleout.py --quick

bench-ovs: ovs ovs-stock $(O)/tests/ofload build/test-deps
	@$(PYTHON3) tests/bench/patches.py

# ---- Documentation ---------------------------------------------------------

# A link that leads nowhere is an error, and so is all else that Sphinx warns
# of; "make lint" does this too.
html: build/doc-deps
	@tests/lint/docs build/html
	@echo build/html/index.html

# ---- Install, clean --------------------------------------------------------

# Units, manual pages and scripts say where the rest is.
expand = sed -e 's|@sbindir@|$(sbindir)|g' -e 's|@bindir@|$(bindir)|g' \
             -e 's|@pkgdatadir@|$(pkgdatadir)|g' \
             -e 's|/usr/local/share/kakehashi|$(pkgdatadir)|g' \
             -e '/^@sandbox@$$/{' -e 'r packaging/sandbox' -e 'd' -e '}'

MAN_PAGES := $(wildcard docs/*.[1-9])
UNITS     := kakehashi.service kakehashi-ovsdb.service

# Where each file goes, for install and uninstall.
INSTALLED := $(sbindir)/kakehashi $(sbindir)/kakehashi-bugtool \
             $(bindir)/kakehashi-ctl \
             $(pkgdatadir)/kakehashi-db $(pkgdatadir)/kakehashi.ovsschema \
             $(completionsdir)/kakehashi-ctl $(UNITS:%=$(unitdir)/%) \
             $(foreach m,$(MAN_PAGES),\
                 $(mandir)/man$(subst .,,$(suffix $(m)))/$(notdir $(m)))
CONFFILES := $(sysconfdir)/default/kakehashi-controller \
             $(sysconfdir)/logrotate.d/kakehashi-controller

install: all
	install -d $(sort $(dir $(addprefix $(DESTDIR),\
	    $(INSTALLED) $(CONFFILES))))
	install -m 755 $(O)/kakehashi $(DESTDIR)$(sbindir)/
	install -m 755 $(O)/kakehashi-ctl $(DESTDIR)$(bindir)/
	install -m 755 packaging/kakehashi-bugtool $(DESTDIR)$(sbindir)/
	install -m 755 packaging/kakehashi-db $(DESTDIR)$(pkgdatadir)/
	install -m 644 controller/kakehashi.ovsschema $(DESTDIR)$(pkgdatadir)/
	install -m 644 packaging/kakehashi-ctl.bash \
	    $(DESTDIR)$(completionsdir)/kakehashi-ctl
	for unit in $(UNITS); do \
	    $(expand) packaging/$$unit > $(DESTDIR)$(unitdir)/$$unit \
	        && chmod 644 $(DESTDIR)$(unitdir)/$$unit || exit 1; \
	done
	for page in $(MAN_PAGES); do \
	    to=$(DESTDIR)$(mandir)/man$${page##*.}/$${page##*/}; \
	    $(expand) $$page > $$to && chmod 644 $$to || exit 1; \
	done
	for kind in default logrotate.d; do \
	    to=$(DESTDIR)$(sysconfdir)/$$kind/kakehashi-controller; \
	    [ -e $$to ] || install -m 644 \
	        packaging/kakehashi-controller.$${kind%.d} $$to || exit 1; \
	done

# What may have been edited, and the database, stay.
uninstall:
	rm -f $(addprefix $(DESTDIR),$(INSTALLED))
	rmdir $(DESTDIR)$(pkgdatadir) || true

# ---- Debian packages of our own --------------------------------------------

# Built in a copy of the tree, which keeps its Open vSwitch and its objects
# from one time to the next.
DEB_SRC := build/deb/src

deb: build/deb-deps
	@mkdir -p $(DEB_SRC)
	@find $(DEB_SRC) -mindepth 1 -maxdepth 1 ! -name build \
	    -exec rm -rf {} +
	@tar -c --exclude=./build --exclude=./.git . | tar -x -C $(DEB_SRC)
	@rm -f build/deb/*.deb build/deb/*.buildinfo build/deb/*.changes
	+@cd $(DEB_SRC) && env -u MAKEFLAGS -u MAKELEVEL \
	    dpkg-buildpackage -b -us -uc -nc $(DEB_BUILD_FLAGS)
	@ls build/deb/*.deb

deb-check: deb build/deb-check-deps
	@tests/run deb

clean:
	rm -rf build/obj build/gen build/asan build/fuzz build/tests \
	    build/html build/*.a build/kakehashi build/kakehashi-ctl build/flags \
	    build/compile-flags

distclean:
	rm -rf build

.PHONY: all asan fuzz fuzz-programs fuzz-run fuzz-merge test-programs \
        check unit flows-check \
        system-check chaos-check fuzz-check bench-check asan-check \
        chaos lint lab lab-down \
        html ovs ovs-stock ovs-check bench bench-quick bench-plots \
        bench-failover bench-failover-quick bench-scale-out \
        bench-scale-out-quick bench-ovs \
        install uninstall deb deb-check clean distclean

-include $(wildcard $(O)/obj/*/*.d $(O)/obj/*/*/*.d)
