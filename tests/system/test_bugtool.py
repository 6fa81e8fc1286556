# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""kakehashi-bugtool: all that is needed, and nothing that is secret."""

import os
import subprocess
import tarfile

import pytest

from ctldb import ROOT
from frames import BROADCAST
from world import configure, wait_location

BUGTOOL = os.path.join(ROOT, "packaging", "kakehashi-bugtool")
MAC = "06:12:34:56:78:9a"
CANARY = "CaNaRy"
KEY = f"""-----BEGIN RSA PRIVATE KEY-----
{CANARY}
-----END RSA PRIVATE KEY-----
"""


def read(archive):
    """{path without the first folder: text}."""
    assert os.stat(archive).st_mode & 0o077 == 0
    with tarfile.open(archive) as tar:
        return {m.name.partition("/")[2]: tar.extractfile(m).read().decode()
                for m in tar.getmembers() if m.isfile()}


def collect(node, *options):
    """Run it on a node of the lab; the files, and what it said."""
    archive = node.path("report.tar.gz")
    text = node.output(BUGTOOL, f"--output={archive}", *options, timeout=120)
    assert archive in text
    return read(archive), text


def test_report(blue, wires):
    """Of a controller that lives, and of one that is dead."""
    control = blue.control
    wires["ph1"].send(BROADCAST, src=MAC)
    wait_location(blue, MAC, "edges/trunk0/100")
    configure(blue, ("set", "segment", "blue",
                     f"external_ids:snmp-community={CANARY}",
                     f'external_ids:password="{CANARY} {CANARY}"',
                     "external_ids:owner=ops"))
    with open(control.daemon_log, "a", encoding="utf-8") as log:
        log.write(f"{KEY}secret: {CANARY}\nthe end\n")
    files, _ = collect(control)

    assert not [path for path, text in files.items() if CANARY in text]
    assert "(left out)" in files["logs/kakehashi.log"]
    assert "the end" in files["logs/kakehashi.log"]
    assert "reconciled" in files["logs/kakehashi.log"]
    assert "owner=ops" in files["database/Segment"]
    assert "5001" in files["database/Segment"]
    assert "command" not in files["database/History"]
    assert MAC in files["controller/mac-show"]
    assert "in-sync" in files["controller/events-show"]
    for name in ("show", "edge-show", "cluster-show", "cluster-history",
                 "memory-show", "coverage-show", "binding-limits"):
        assert f"controller/{name}" in files
        assert "# exit status" not in files[f"controller/{name}"], name
    for switch in blue.controlled:
        flows = files[f"edges/{switch.name}/flows"].splitlines()
        assert len(flows) > 20 and "table=0" in files[
            f"edges/{switch.name}/flows"]
        # One line is the command, and there is no difference.
        assert len(files[f"edges/{switch.name}/diff"].splitlines()) == 1
    assert {"versions/kakehashi-ctl", "system/uname", "process/limits",
            "process/status"} <= set(files)

    files, text = collect(control, "--redact-macs", "--no-diff")
    assert not [path for path, text in files.items() if MAC in text]
    assert "02:00:00:00:00:" in files["controller/mac-show"]
    assert "ff:ff:ff:ff:ff:ff" in "".join(files.values())
    assert not [path for path in files if path.endswith("/diff")]

    control.kill()
    files, text = collect(control)
    assert "no controller answers here" in text
    assert "5001" in files["database/Segment"]
    assert "reconciled" in files["logs/kakehashi.log"]
    assert not [path for path in files if path.startswith("edges/")]


def run(*args, **env):
    return subprocess.run([BUGTOOL, *args], env={**os.environ, **env},
                          check=False, text=True, timeout=120,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_nothing_there(tmp_path):
    """Not even a directory to run in; and a name of its own."""
    result = subprocess.run(
        [BUGTOOL], cwd=tmp_path, env={**os.environ, "OVS_RUNDIR": "/nosuch",
                                      "OVS_LOGDIR": "/nosuch"},
        check=False, text=True, timeout=120, stdout=subprocess.PIPE)
    assert result.returncode == 0
    assert result.stdout.startswith("kakehashi-bugtool-")
    files = read(tmp_path / result.stdout.strip())
    assert "exit status" in files["database/tables"]
    assert "No such file" in files["logs/kakehashi.log"]
    assert "Linux" in files["system/uname"]
    assert os.listdir(tmp_path) == [result.stdout.strip()]


@pytest.mark.parametrize("args, error", [
    (("--nonsense",), '"--nonsense" is not an option; see --help'),
    (("--output",), "option --output needs a value"),
])
def test_errors(args, error):
    result = run(*args)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == f"kakehashi-bugtool: {error}\n"
