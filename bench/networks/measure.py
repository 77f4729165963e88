# SPDX-License-Identifier: GPL-2.0-or-later
"""Measures networks: the machines of a group have all of its networks and are there
at the same time, and each round has a turn of each network and of the host, so that
what changes on the node changes for all."""
import os
import threading
import time
from concurrent import futures
from dataclasses import dataclass, field

from common.cluster import Failed

from . import tools
from .plan import DIRECTIONS, HOST, LATENCY, THROUGHPUT
from .shell import Shell

BOOT_SECONDS = 240
POLL_SECONDS = 0.5
ATTEMPTS = 3
UNPACK_SECONDS = 120
UNPACK = "d=$(mktemp -d) && tar -x -f - -C $d && chmod 755 $d && echo $d"
NICS = 'for nic in /sys/class/net/*/address; do nic=${nic%/address}; echo "$(cat $nic/address) ${nic##*/}"; done'


class NoPlace(Failed):
    """Slurm does not run as many jobs at the same time."""


@dataclass
class Results:
    """values[name, measure, direction, machines][round]; missing: name, why."""
    values: dict = field(default_factory=dict)
    missing: list = field(default_factory=list)

    def add(self, key, turn, value):
        self.values.setdefault(key, {})[turn] = value


class Endpoint:
    """Where a client runs: the host, or a machine."""

    def __init__(self, shell, folder=None):
        self.shell, self.tools = shell, tools.Tools(folder)
        self.nics = {}  # of each network, where there are several

    def nic(self, network):
        """The one to go out by, "" where there is no choice."""
        nic = self.nics.get(network.name, "")
        if nic is None:
            raise Failed("a machine has no NIC of that network's MAC")
        return nic

    def throughput(self, network, number, direction, seconds):
        self.shell.begin(self.tools.throughput(network.peer, number, direction, seconds, self.nic(network)))

    def latency(self, network, seconds):
        return self.shell.run(self.tools.latency(network.peer, seconds, self.nic(network)),
                              tools.bound(seconds) + tools.START_SECONDS)


class Measurement:
    def __init__(self, slurm, options, end, say, save):
        """options: of bench/network. end: of time.monotonic(), no second round begins then. save(results): after each row."""
        self.slurm, self.options, self.end, self.say, self.save = slurm, options, end, say, save
        self.results = Results()
        self.host = [Endpoint(Shell(["sh"])) for _ in range(max(options.vms))]
        self.groups = 0
        tools.build_round_trips()
        self.bundle = slurm.output + "/tools.tar"
        tools.bundle(self.bundle)

    def close(self):
        for endpoint in self.host:
            endpoint.shell.close()

    def group(self, networks):
        """Those that cannot be had together are measured one after the other."""
        self.groups += 1
        jobs, machines = [], []
        try:
            try:
                self.start(networks, jobs, machines)
            except Failed as why:
                self.say("  %s: %s" % (" and ".join(network.name for network in networks), why))
                if len(networks) > 1:
                    return [[network] for network in networks]
                self.results.missing.append((networks[0].name, str(why)))
                return []
            for turn in range(self.options.rounds):
                if turn > 0 and time.monotonic() > self.end:
                    self.say("  the time is over: what is left of the rounds is left out")
                    break
                self.round(networks, machines, turn)
            return []
        finally:
            for machine in machines:
                machine.shell.close()
            self.slurm.cancel(jobs)

    def start(self, networks, jobs, machines):
        stop = threading.Event()
        pool = futures.ThreadPoolExecutor(max(1, os.cpu_count() // 2))
        try:
            boots = [pool.submit(self.boot, networks, jobs, stop) for _ in range(max(self.options.vms))]
            states = [boot.result() for boot in boots]
        finally:
            stop.set()  # who still waits for a machine does not start another
            pool.shutdown(wait=False, cancel_futures=True)
        for state in states:
            machines.append(self.endpoint(state, networks))

    def boot(self, networks, jobs, stop):
        """The state of a machine that is ready. Under emulation a kernel dies now and then: such a machine is started anew."""
        for _ in range(ATTEMPTS - 1):
            try:
                return self.wait_for_boot(self.submit(networks, jobs))
            except NoPlace:
                raise
            except Failed as why:
                if stop.is_set():
                    raise
                self.say("  a machine is started once more: %s" % why)
        return self.wait_for_boot(self.submit(networks, jobs))

    def submit(self, networks, jobs):
        word = "--vm-network=" + ",".join(network.name for network in networks)
        jobs.append(self.slurm.submit(self.options.image, self.options.memory, word, *self.options.submit, cpus=self.options.cpus))
        return jobs[-1]

    def wait_for_boot(self, job):
        try:
            return self.slurm.wait(job, "t.ready", BOOT_SECONDS, nap=POLL_SECONDS)
        except Failed as why:
            if self.slurm.state(job) == "PENDING":
                raise NoPlace("Slurm has no place for %d machines: %s" % (
                    max(self.options.vms), self.slurm.call("squeue", "-h", "-j", str(job), "-o", "%r").strip())) from None
            self.slurm.cancel([job])
            raise why

    def endpoint(self, state, networks):
        """In the machine of that state; where it has several NICs they are found by their MACs."""
        with open(self.bundle, "rb") as file:
            folder = self.slurm.call(*self.slurm.in_job(state["job"], "sh", "-c", UNPACK), user=True,
                                     seconds=UNPACK_SECONDS, file=file).strip()
        endpoint = Endpoint(Shell(self.slurm.argv(*self.slurm.in_job(state["job"], "sh"), user=True)), folder)
        if len(networks) > 1:
            found = dict(line.split() for line in endpoint.shell.run(NICS, UNPACK_SECONDS).splitlines())
            endpoint.nics = {network.name: found.get(state["network.%d.mac" % i]) for i, network in enumerate(networks)}
        return endpoint

    def round(self, networks, machines, turn):
        """The order moves on with each round: nobody is always behind the same one."""
        order = [(HOST, networks[0], self.host)] + [(network.name, network, machines) for network in networks]
        for name, network, endpoints in order[turn % len(order):] + order[:turn % len(order)]:
            if name in dict(self.results.missing):
                continue
            begun = time.monotonic()
            try:
                self.measure(name, network, endpoints, turn)
            except Failed as why:
                self.results.missing.append((name, str(why)))
                self.say("  %s: %s" % (name, why))
            else:
                self.say("  %s, %.0f s" % (name, time.monotonic() - begun))
            self.save(self.results)
        self.say("  round %d of %d" % (turn + 1, self.options.rounds))

    def measure(self, name, network, endpoints, turn):
        turn = (self.groups, turn)
        for machines in self.options.vms:
            for direction in DIRECTIONS:
                rate = self.throughput(network, endpoints[:machines], direction)
                self.results.add((name, THROUGHPUT, direction, machines), turn, rate)
        trip = tools.microseconds(endpoints[0].latency(network, self.options.seconds))
        self.results.add((name, LATENCY, "", 1), turn, trip)

    def throughput(self, network, endpoints, direction):
        """Of all at the same time, in Mbit/s."""
        seconds = self.options.seconds
        for number, endpoint in enumerate(endpoints):
            endpoint.throughput(network, number, direction, seconds)
        total, failure = 0, None
        for endpoint in endpoints:
            try:
                total += tools.mbits(endpoint.shell.end(tools.bound(seconds) + tools.START_SECONDS))
            except Failed as why:
                failure = why
        if failure:
            raise failure
        return total
