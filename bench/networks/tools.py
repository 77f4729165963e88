# SPDX-License-Identifier: GPL-2.0-or-later
"""What measures: iperf3 with its libraries, and round-trips, for a guest of any distribution to run."""
import json
import os
import shutil
import subprocess
import tarfile

from common.cluster import TREE, Failed

SOURCE = TREE + "/bench/round-trips.c"
ROUND_TRIPS = TREE + "/build/bench/round-trips"  # where `make` has built it for a node without a compiler
PORT = 5201  # of the peer: one for each machine that sends at the same time, and behind these the round trips'
PORTS = 8
START_SECONDS = 15  # a program's, and a connection's, under emulation
IPERF = "-4 --connect-timeout 10000 -J"


def libraries(program):
    """With the dynamic linker, and what libc loads when a thread is cancelled."""
    text = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    found = [word for word in text.split() if word.startswith("/")]
    found += [os.path.dirname(path) + "/libgcc_s.so.1" for path in found if path.endswith("/libc.so.6")]
    return [path for path in dict.fromkeys(found) if os.path.exists(path)]


def build_round_trips():
    """Not where it was brought with the rest: a node needs no compiler."""
    if os.path.exists(ROUND_TRIPS) and os.path.getmtime(ROUND_TRIPS) >= os.path.getmtime(SOURCE):
        return
    try:
        subprocess.run(["make", "-s", "-C", TREE, "build/bench/round-trips"], check=True, capture_output=True, text=True)
    except OSError as error:
        raise Failed("bench/round-trips cannot be built: %s" % error) from None
    except subprocess.CalledProcessError as error:
        raise Failed("bench/round-trips cannot be built: " + error.stderr.strip().splitlines()[-1]) from None


def bundle(path):
    """A tar of all of it."""
    program = shutil.which("iperf3")
    with tarfile.open(path, "w") as tar:
        tar.add(ROUND_TRIPS, "round-trips")
        tar.add(os.path.realpath(program), "iperf3")
        for library in libraries(program):
            name = os.path.basename(library)
            tar.add(os.path.realpath(library), "ld.so" if name.startswith("ld-linux") else name)
    os.chmod(path, 0o644)


class Tools:
    """Where they are on an endpoint: folder of the unpacked bundle, or None on the host."""

    def __init__(self, folder=None):
        self.iperf3 = "%s/ld.so --library-path %s %s/iperf3" % (folder, folder, folder) if folder else "iperf3"
        self.round_trips = (folder or os.path.dirname(ROUND_TRIPS)) + "/round-trips"

    def throughput(self, peer, number, direction, seconds, device):
        """Shell command; the rate is in its output."""
        return "timeout %d %s %s -c %s -p %d -t %d%s%s" % (
            bound(seconds), self.iperf3, IPERF, peer, PORT + number, seconds, " -R" if direction == "inbound" else "",
            " --bind-dev " + device if device else "")

    def latency(self, peer, seconds, device):
        return "timeout %d %s %s %d %d %s" % (bound(seconds), self.round_trips, peer, PORT + PORTS, seconds, device)


def bound(seconds):
    """The most that a command may take."""
    return seconds + START_SECONDS


def mbits(text):
    """Mbit/s, as the receiver saw them."""
    try:
        result = json.loads(text[text.index("{"):])
    except ValueError:
        raise Failed("iperf3: " + (text.strip().splitlines() or ["no word"])[-1]) from None
    if "error" in result:
        raise Failed("iperf3: " + result["error"])
    return result["end"]["sum_received"]["bits_per_second"] / 1e6


def microseconds(text):
    """The median round trip."""
    return float(text.split()[1])


def serve():
    """Children that answer on all ports, until we end."""
    die = ["setpriv", "--pdeathsig", "KILL"]
    servers = [subprocess.Popen(die + ["iperf3", "-4", "-s", "-p", str(PORT + number), "--rcv-timeout", "10000"],
                                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) for number in range(PORTS)]
    servers.append(subprocess.Popen(die + [ROUND_TRIPS, "serve", str(PORT + PORTS)], stdin=subprocess.DEVNULL))
    return servers
