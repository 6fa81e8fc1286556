# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""What is configured, and where every MAC is, by our own account.

A model changes by its methods, which return the *orders* that make the lab
follow.  It looks at nothing but itself, so rounds that are skipped leave it
as rounds that are played do.

An order is a command of kakehashi-ctl or one of these, which deeds.py knows:

    =binding CLUSTER PORT VLAN ARG...
                                "set" or "clear", for a binding
    =order CLUSTER EDGE...      its edges, the most preferred first
    =tag STATION VLAN           its access VLAN at the ToR
    =vni VNI                    what the foreign VTEP takes part in; 0: nothing
    =speak STATION MAC          a frame from this MAC
    =version SWITCH OPENFLOW    which version it speaks
    =undrain EDGE               it may be active again

Each can be given again without harm: a database may have failed just then.
"""

import dataclasses

import plan

EDGES = ["edge1", "edge2"]
SWITCHES = EDGES + ["host1"]
# Two clusters that share the load; a trunk each.
TRUNKS = {"br0": ("left", "trunk0"), "br1": ("right", "trunk1")}
SEGMENTS = {"blue": 5001, "red": 5002, "green": 5003}
ROAMERS = [f"02:00:00:00:10:{n:02x}" for n in range(1, 5)]
FILLERS = range(1, 7)           # Segments that only come and go.
STATIONS = {s.name: s for s in plan.STATIONS}
FAR_IP = next(s for s in plan.SWITCHES if s.kind == "far").tunnel_ip(False)
STORM = "06:00:%02x:%02x:%02x:%02x"     # Station, three bytes of number.


@dataclasses.dataclass
class Cluster:
    """Of two edges."""

    edges: list
    failover: str = "nonpreemptive"
    isolation: str = "forward"


class Model:
    """The network as it should be."""

    def __init__(self):
        self.clusters = {"left": Cluster(["edge1", "edge2"]),
                         "right": Cluster(["edge2", "edge1"])}
        self.segments = {name: {} for name in SEGMENTS}     # Options.
        self.fillers = {}                                   # Number: VLAN.
        self.vlan = {s.name: s.vlan for s in plan.STATIONS if s.vlan}
        self.limits = {}                                    # By station.
        self.segment_of = {"ph1": "blue", "ph2": "blue", "ph3": "blue",
                           "vm1": "blue", "vm2": "red", "vm9": "blue"}
        self.at = {s.mac: s.name for s in plan.STATIONS}
        self.at.update(zip(ROAMERS, ("ph1", "ph3", "vm1", "vm2")))
        self.static = set()                                 # MACs.
        self.versions = {name: "OpenFlow15" for name in SWITCHES}

    # ---- Questions --------------------------------------------------------

    def members(self, segment):
        """Stations of a segment."""
        return {s for s, of in self.segment_of.items() if of == segment}

    def neighbours(self, station):
        """Who is in its segment, itself not included."""
        segment = self.segment_of[station]
        return self.members(segment) - {station} if segment else set()

    def location(self, station):
        """As the controller spells it."""
        spec = STATIONS[station]
        if spec.switch == "tor":
            return "/".join(map(str, self._trunk(station)))
        return FAR_IP if spec.switch == "far" else f"host1/{station}"

    def macs(self, segment):
        """{MAC: station} of a segment; nobody sees the foreign endpoint's
        where it is alone."""
        if all(STATIONS[s].switch == "far" for s in self.members(segment)):
            return {}
        return {mac: station for mac, station in self.at.items()
                if self.segment_of[station] == segment}

    def owner(self, mac):
        """The station at which a MAC is, those of storms included; None if
        it is nobody's."""
        if mac.startswith(STORM[:5]):
            number = int(mac.split(":")[2], 16)
            return next((s.name for s in plan.STATIONS
                         if s.number == number), None)
        return self.at.get(mac)

    def _trunk(self, station):
        return *TRUNKS[STATIONS[station].bridge], self.vlan[station]

    # ---- Changes ----------------------------------------------------------

    def attach(self, station, segment):
        """Move a station into a segment, or into none.

        Its static MACs and its limits are over.
        """
        orders = self._leave(station)
        self.segment_of[station] = segment
        return orders + self._enter(station)

    def _leave(self, station):
        segment, spec = self.segment_of[station], STATIONS[station]
        self.limits.pop(station, None)
        orders = [order for mac in sorted(self.static)
                  if self.at[mac] == station for order in self.unpin(mac)]
        if not segment:
            return orders
        if spec.switch == "tor":
            order = ("unbind", segment, *self._trunk(station))
        elif spec.switch == "far":
            order = ("vtep-del", segment, FAR_IP)
        else:
            order = ("host-port-del", segment, "host1", station)
        return orders + [("--if-exists", *order)]

    def _enter(self, station):
        segment, spec = self.segment_of[station], STATIONS[station]
        orders = []
        if spec.switch == "far":
            orders = [("=vni", SEGMENTS.get(segment, 0))]
        if not segment:
            return orders
        if spec.switch == "tor":
            order = ("bind", segment, *self._trunk(station))
        elif spec.switch == "far":
            order = ("vtep-add", segment, FAR_IP)
        else:
            order = ("host-port-add", segment, "host1", station)
        return [("--may-exist", *order)] + orders

    def retag(self, station, vlan):
        """Another VLAN, at both ends: by a new binding, or by a new number
        in the old one if there is one without more to it."""
        segment = self.segment_of[station]
        tag = ("=tag", station, vlan)
        if segment and not any(self.at[mac] == station
                               for mac in self.static):
            orders = [("=binding", *self._trunk(station), "set",
                       f"vlan={vlan}"), tag]
            self.vlan[station] = vlan
            return orders
        orders = self._leave(station)
        self.vlan[station] = vlan
        return orders + [tag] + self._enter(station)

    def limit(self, station, options):
        """Limits for what is flooded at a binding: {key: value}."""
        self.limits[station] = options
        return self._limit(station)

    def _limit(self, station):
        where = ("=binding", *self._trunk(station))
        options = self.limits.get(station, {})
        return [(*where, "clear", "options")] + (
            [(*where, "set", *(f"options:{k}={v}"
                               for k, v in sorted(options.items())))]
            if options else [])

    def pin(self, mac):
        """A static MAC, where it is."""
        self.static.add(mac)
        station = self.at[mac]
        return [("--may-exist", "mac-add", self.segment_of[station], mac,
                 self.location(station))]

    def unpin(self, mac):
        self.static.discard(mac)
        return [("--if-exists", "mac-del", self.segment_of[self.at[mac]],
                 mac)]

    def roam(self, mac, station):
        """A MAC speaks elsewhere in its segment."""
        self.at[mac] = station
        return [("=speak", station, mac)]

    def segment(self, name, options):
        """{"unknown_unicast": "drop", "mac_aging": 20}, or less."""
        self.segments[name] = options
        return self._segment(name)

    def _segment(self, name):
        options = self.segments[name]
        orders = [("clear", "segment", name, "options"),
                  ("clear", "segment", name, "mac_aging")]
        if "unknown_unicast" in options:
            orders.append(("set", "segment", name, "options:unknown_unicast="
                           + options["unknown_unicast"]))
        if "mac_aging" in options:
            orders.append(("set", "segment", name,
                           f"mac_aging={options['mac_aging']}"))
        return orders

    def fill(self, number, vlan):
        """A segment without stations, on all trunks and the host."""
        self.fillers[number] = vlan
        name = f"s{number}"
        return [("--may-exist", "segment-add", name, 6000 + number),
                *(("--may-exist", "bind", name, cluster, trunk, vlan)
                  for cluster, trunk in TRUNKS.values())]

    def unfill(self, number):
        del self.fillers[number]
        return [("--if-exists", "--cascade", "segment-del", f"s{number}")]

    def tune(self, name, **settings):
        """Settings of a cluster."""
        cluster = self.clusters[name]
        for key, value in settings.items():
            setattr(cluster, key, value)
        return self._tune(name)

    def _tune(self, name):
        cluster = self.clusters[name]
        return [("set", "cluster", name, f"failover={cluster.failover}",
                 f"isolation={cluster.isolation}",
                 "other_config:holddown=500"),
                ("=order", name, *cluster.edges)]

    def speak_version(self, switch, version):
        self.versions[switch] = version
        return [("=version", switch, version)]

    # ---- All of it --------------------------------------------------------

    def orders(self):
        """What makes an empty database, in a lab that knows its nodes, what
        this model says.  Flapping MACs are not frozen: they move here."""
        yield "init",
        yield "set", "kakehashi_global", ".", "options:flap_moves=0"
        for name, cluster in self.clusters.items():
            yield "cluster-add", name, *cluster.edges
            yield from self._tune(name)
        for name in self.segments:
            yield "segment-add", name, SEGMENTS[name]
            yield from self._segment(name)
        for number, vlan in sorted(self.fillers.items()):
            yield from self.fill(number, vlan)
        for station in self.segment_of:
            if station in self.vlan:
                yield "=tag", station, self.vlan[station]
            yield from self._enter(station)
            if self.limits.get(station):
                yield from self._limit(station)
        for mac in sorted(self.static):
            yield from self.pin(mac)
        for switch, version in self.versions.items():
            yield "=version", switch, version
