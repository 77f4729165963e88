# SPDX-License-Identifier: GPL-2.0-or-later
"""What is measured: the host, and networks of wnodes.conf, each by 1, 2 and 4 machines at the same time."""
from dataclasses import dataclass

HOST = "host"
DIRECTIONS = ("inbound", "outbound")
THROUGHPUT, LATENCY = "throughput", "latency"
UNITS = {THROUGHPUT: "Mbit/s", LATENCY: "us"}


@dataclass(frozen=True)
class Network:
    name: str  # in wnodes.conf
    peer: str  # the address at which it finds the peer


def parse(word, peer):
    """NAME or NAME@PEER."""
    name, _, own = word.partition("@")
    return Network(name, own or peer)
