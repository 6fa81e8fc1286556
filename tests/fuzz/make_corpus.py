#!/usr/bin/python3
# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""Write tests/fuzz/corpus/: what a real switch says, and made-up addresses.

    tests/fuzz/make_corpus.py

The files are committed; what fuzzing finds is added to them by hand.
"""

import os
import socket
import struct
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, f"{HERE}/../flows")

from dummy import Switch    # noqa: E402

GOLDEN = f"{HERE}/../flows/golden/foreign.e1.flows"
NICIRA = 0x00002320
ADDRESSES = [
    "1", "0x1", "00000000000000ff", "00:00:00:00:00:00:00:0a", "g", "0",
    "10.0.0.1", "::ffff:10.0.0.1", "2001:db8::1", "127.0.0.1", "224.0.0.1",
    "255.255.255.255", "::", "::1", "aa:00:00:00:00:01", "AA:0:0:0:0:1",
    "01:00:00:00:00:00", "00:00:00:00:00:00", "p1", "a/b", "a=b", "a b",
    "abcdefghijklmnop", "\u00e9", "", "aa:00:00:00:00:01 ",
]


def message(version, kind, body=b"", xid=1):
    return struct.pack("!BBHI", version, kind, 8 + len(body), xid) + body


def read(connection, seconds=0.3):
    """All messages that come within 'seconds'."""
    data, messages = b"", []
    connection.settimeout(seconds)
    try:
        while True:
            data += connection.recv(65536)
            while len(data) >= 4:
                length = struct.unpack("!H", data[2:4])[0]
                if len(data) < length:
                    break
                messages.append(data[:length])
                data = data[length:]
    except TimeoutError:
        return messages


def save(corpus, name, data):
    folder = f"{HERE}/corpus/{corpus}"
    os.makedirs(folder, exist_ok=True)
    with open(f"{folder}/{name}", "wb") as stream:
        stream.write(data)


def learnable(switch):
    """Frames from stations that are not known, by each kind of way."""
    for flow in (
            "in_port=2,dl_vlan=10,dl_src=aa:00:00:00:00:21,"
            "dl_dst=ff:ff:ff:ff:ff:ff",
            "in_port=1,tun_id=5000,tun_src=192.0.2.1,"
            "dl_src=aa:00:00:00:00:22,dl_dst=ff:ff:ff:ff:ff:ff",
            "in_port=1,tun_id=5000,tun_ipv6_src=2001:db8::1,"
            "dl_src=aa:00:00:00:00:23,dl_dst=ff:ff:ff:ff:ff:ff"):
        switch.trace(flow, "-generate")


def record(switch, version, packet_in_format):
    """What the switch says in 'version'."""
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(f"{switch.folder}/br0.mgmt")
    connection.sendall(message(version, 0))
    connection.sendall(message(version, 4, struct.pack(
        "!III", NICIRA, 16, packet_in_format)))     # NXT_SET_PACKET_IN_FORMAT
    connection.sendall(message(version, 9, struct.pack("!HH", 0, 128)))
    connection.sendall(message(version, 5))         # Features.
    connection.sendall(message(version, 18, struct.pack(
        "!HHI", 1, 0, 0) + struct.pack(
            "!B3xII4xQQ", 0xff, 0xffffffff, 0xffffffff, 0, 0)
        + struct.pack("!HH4x", 1, 4)))              # Flow statistics.
    messages = read(connection)
    learnable(switch)
    messages += read(connection)
    switch.appctl("time/warp", "2000")
    switch.appctl("time/warp", "400000")
    messages += read(connection)
    connection.close()
    return messages


def main():
    switch = Switch()
    try:
        for version, form in (4, 0), (4, 2), (5, 1), (6, 0), (6, 1), (6, 2):
            switch.load(GOLDEN)
            stream = b""
            for i, data in enumerate(record(switch, version, form)):
                name = f"of1{version - 1}-{form}-{i:02}-type{data[1]}"
                if data[1] in (4, 10, 11, 19):
                    save("sighting", name, data)
                stream += data
            save("ofconn", f"of1{version - 1}-{form}", stream[:4000])
    finally:
        switch.stop()
    for i, text in enumerate(ADDRESSES):
        save("addr", f"{i:02}", text.encode())
    save("ofconn", "short", b"\x06\x00\x00")
    save("ofconn", "impossible", b"\x06\x00\x00\x07\x00\x00\x00\x00")
    save("ofconn", "cut", b"\x06\x00\x00\x10\x00\x00\x00\x00")
    save("sighting", "short", b"\x06\x0a\x00\x08\x00\x00\x00\x00")


if __name__ == "__main__":
    main()
