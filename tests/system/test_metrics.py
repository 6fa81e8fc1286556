# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""Metrics, as the real Prometheus takes them, and what docs/monitoring has."""

import contextlib
import http.client
import json
import os
import re
import subprocess
import urllib.parse

import netns
import pytest
from kklab import ROOT
from netns import wait_until
from world import active_edge, both_ways, configure, wait_synced

PROGRAMS = os.path.join(ROOT, "build", "prometheus", "usr", "bin")
PROMTOOL = os.path.join(PROGRAMS, "promtool")
MONITORING = os.path.join(ROOT, "docs", "monitoring")
ALERTS = os.path.join(MONITORING, "kakehashi-alerts.yml")
DASHBOARD = os.path.join(MONITORING, "kakehashi-dashboard.json")
TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"

CONFIG = """
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [{alerts}]
scrape_configs:
  - job_name: kakehashi
    static_configs: [{{targets: ["127.0.0.1:9477"]}}]
"""


class Connection(http.client.HTTPConnection):
    """From the controller's own node."""

    def __init__(self, lab, port):
        super().__init__("127.0.0.1", port, timeout=10)
        self.lab = lab

    def connect(self):
        self.sock = netns.open_socket(self.lab.control.namespace)
        self.sock.settimeout(self.timeout)
        self.sock.connect((self.host, self.port))

    def ask(self, path, method="GET", **headers):
        self.request(method, path, headers=headers)
        response = self.getresponse()
        return response, response.read().decode()


def promtool(*args, **options):
    return subprocess.run([PROMTOOL, *args], check=False, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=60, **options)


def test_rules():
    """They make sense to Prometheus, and fire when they should."""
    for command, path in (("check", ALERTS),
                          ("test", os.path.join(ROOT, "tests", "system",
                                                "alerts.yml"))):
        result = promtool(command, "rules", path)
        assert result.returncode == 0, result.stdout


@pytest.fixture(name="served")
def fixture_served(blue):
    """The lab, with --metrics, and something to count."""
    blue.control.exit_daemon()
    blue.control.start_daemon("--metrics=9477", "--metrics-max-bindings=4")
    wait_synced(blue)
    configure(blue, ("set", "kakehashi_global", ".",
                     "options:stats_interval=1"))
    both_ways(blue.station("ph1"), blue.station("vm1"))
    return blue


def test_http(served):
    """What is asked as it should be is answered, and nothing else."""
    ask = Connection(served, 9477).ask
    response, text = ask("/metrics")
    assert (response.status, response.getheader("Content-Type")) == (200, TEXT)
    assert "# TYPE kakehashi_macs_learned_total counter" in text
    assert response.getheader("Connection") != "close"
    response, text = ask("/metrics", Accept="application/openmetrics-text;"
                         "version=1.0.0,text/plain;q=0.5")
    assert (response.status, response.getheader("Content-Type")) \
        == (200, OPENMETRICS)
    assert text.endswith("\n# EOF\n") and text.count("# EOF") == 1
    assert "# TYPE kakehashi_macs_learned counter" in text
    response, text = ask("/metrics", "HEAD")
    assert (response.status, text) == (200, "")
    assert int(response.getheader("Content-Length")) > 5000
    for method, path, status in (("GET", "/", 404), ("GET", "/metric", 404),
                                 ("POST", "/metrics", 405),
                                 ("DELETE", "/metrics", 405)):
        assert Connection(served, 9477).ask(path, method)[0].status == status

    # Whoever asks nonsense, or too many at once, disturbs nobody.
    with contextlib.ExitStack() as stack:
        socks = []
        for _ in range(40):
            sock = stack.enter_context(
                netns.open_socket(served.control.namespace))
            sock.settimeout(5)
            sock.connect(("127.0.0.1", 9477))
            socks.append(sock)
        for sock in socks:
            with contextlib.suppress(OSError):
                sock.sendall(b"\0GET\r\n\r\n" + b"x" * 20000)
    wait_until(lambda: answers(served), what="an answer for others")
    assert not served.control.appctl("flows/diff", "edge1")

    # Bindings beyond the bound are summed up.
    rows = []
    for n in range(10):
        rows += [("segment-add", f"s{n}", 6000 + n),
                 ("bind", f"s{n}", "edges", "trunk0", 1000 + n)]
    configure(served, *rows)
    wait_until(lambda: 'segment="/other"' in
               Connection(served, 9477).ask("/metrics")[1],
               what="a sum of others")
    wait_until(lambda: "\nkakehashi_bindings_summed_up 20\n" in
               Connection(served, 9477).ask("/metrics")[1],
               what="the number of others")
    text = Connection(served, 9477).ask("/metrics")[1]
    assert len(re.findall(r'^kakehashi_binding_frames_total{.*"in"}', text,
                          re.M)) == 5
    result = promtool("check", "metrics", input=text)
    assert (result.returncode, result.stdout) == (0, "")
    log = served.control.log("kakehashi.log")
    assert "for Prometheus on 9477:127.0.0.1" in log
    assert "whoever reaches this address can read" not in log


def answers(lab):
    try:
        return Connection(lab, 9477).ask("/metrics")[0].status == 200
    except (OSError, http.client.HTTPException):
        return False


class Prometheus:
    """The real one, in the controller's node."""

    def __init__(self, lab):
        self.lab = lab
        config = lab.control.path("prometheus.yml")
        with open(config, "w", encoding="ascii") as stream:
            stream.write(CONFIG.format(alerts=ALERTS))
        with open(lab.control.path("prometheus.log"), "wb") as log:
            self.process = lab.control.spawn(
                os.path.join(PROGRAMS, "prometheus"),
                f"--config.file={config}", "--web.listen-address="
                "127.0.0.1:9090", "--storage.tsdb.path="
                + lab.control.path("prometheus"), stdout=log, stderr=log)

    def stop(self):
        self.process.kill()
        self.process.wait()

    def api(self, path, **query):
        connection = Connection(self.lab, 9090)
        try:
            _, text = connection.ask(f"/api/v1/{path}?"
                                     + urllib.parse.urlencode(query))
            return json.loads(text)
        except (OSError, http.client.HTTPException, ValueError):
            return {"status": "none"}
        finally:
            connection.close()

    def value(self, query):
        """Of the one series that it finds, or None."""
        told = self.api("query", query=query)
        found = told["data"]["result"] if told["status"] == "success" else []
        return float(found[0]["value"][1]) if len(found) == 1 else None

    def rules(self):
        return self.api("rules")["data"]["groups"][0]["rules"]


def expressions():
    """All that the dashboard asks, with its variables filled in."""
    with open(DASHBOARD, encoding="utf-8") as stream:
        dashboard = json.load(stream)
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"].replace(
                "$__rate_interval", "1m").replace("$job", ".*").replace(
                    "$segment", ".*")


def test_prometheus(served):
    """It scrapes, and has the numbers that stats/show tells."""
    prometheus = Prometheus(served)
    try:
        wait_until(lambda: prometheus.value("up") == 1, 30, "up == 1")
        active, _ = active_edge(served)
        frames = ('kakehashi_binding_frames_total{segment="blue",'
                  'binding="edges/trunk0/100",direction="in",'
                  f'edge="{active.name}"}}')

        def agree():
            told = next(b for b in
                        served.control.json("stats/show")["bindings"]
                        if (b["binding"], b["edge"])
                        == ("edges/trunk0/100", active.name))
            return told["in"]["frames"] >= 6 \
                and prometheus.value(frames) == told["in"]["frames"]
        wait_until(agree, what="the same number of frames")
        assert prometheus.value("kakehashi_cluster_edge_active == 1") == 1
        assert prometheus.value("kakehashi_segment_macs") == 2
        for title, expression in expressions():
            told = prometheus.api("query", query=expression)
            assert told["status"] == "success", (title, told)
        wait_until(lambda: all((rule["health"], rule["state"])
                               == ("ok", "inactive")
                               for rule in prometheus.rules()),
                   what="no alert")

        # Something goes wrong, and it tells.
        for _ in range(6):
            active, other = active_edge(served)
            wait_synced(served)
            served.control.appctl("cluster/failover", "edges", other.name)
            wait_until(lambda other=other: active_edge(served)[0] is other,
                       what=f"{other.name} active")
        wait_until(lambda: prometheus.value(
            'ALERTS{alertname="KakehashiFailovers",alertstate="firing"}')
            == 1, 30, "an alert")
    finally:
        prometheus.stop()
