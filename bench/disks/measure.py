# SPDX-License-Identifier: GPL-2.0-or-later
"""Measures a group: its machines are there at the same time, and each round has
a turn of each, the host's own included, so that what changes on the host
changes for all. A round has an area of the disk of its own, which the first
run finds as nobody has written to it, and the second as the first left it."""
import os
import shlex
import subprocess
import time
from dataclasses import dataclass, field

from common.cluster import BOOT_SECONDS, CPUS, LAUNCH_SECONDS, Failed

from . import fio
from .plan import KEYS

AREAS = 3  # of tests/images/tiny-bench.bash
FILE_MIB_MAX = 128  # three of them and the file system's own in an area
DISK_BYTES = 2 << 30  # at least that disk's
GUEST_MIB = 384
TB_CACHE_MIB = 64  # of tests/cluster's wnodes.conf
OVERHEAD_MIB = TB_CACHE_MIB + 256  # QEMU and the monitor
MACHINES_MAX = 16  # idle, but each has its timers
STEP_SECONDS = 300
HOST = "host"
INSERTS = 500
BOUND = ["taskset", "-c", "0-%d" % (CPUS - 1)]  # where the machines are
HERE = os.path.dirname(os.path.abspath(__file__))


@dataclass
class Results:
    """values[place, row's name, run, pattern, KiB][round]: rounds of two batches are two. rows: what the names mean."""
    values: dict = field(default_factory=dict)
    rows: dict = field(default_factory=dict)
    references: dict = field(default_factory=dict)  # [place, row's name]: its reference's name
    missing: list = field(default_factory=list)  # place, name, why

    def add(self, place, name, run, pattern, kib, turn, value):
        self.values.setdefault((place, name, run, pattern, kib), {})[turn] = value

    def of(self, *key):
        return list(self.values.get(key, {}).values())


def build_up():
    """A SQLite database made by as many transactions as rows, each of which waits for the disk."""
    return "CREATE TABLE t(id INTEGER PRIMARY KEY, text TEXT);\n" + \
        "".join("INSERT INTO t VALUES(%d, 'row %d');\n" % (i, i) for i in range(INSERTS))


def job_memory(group, mib):
    """MiB of a job: its machine, QEMU, and the pages of the delta that the kernel keeps, which are charged to the job."""
    return GUEST_MIB + OVERHEAD_MIB + AREAS * len(group.kib) * mib * 3 // 2


def batches(group, memory):
    """As many machines at once as there is memory and Slurm places for; the reference is in each."""
    with open("/proc/meminfo") as file:
        available = next(int(line.split()[1]) // 1024 for line in file if line.startswith("MemAvailable"))
    most = max(2, min(available * 3 // 4 // memory, MACHINES_MAX))
    rest = [row for row in group.rows if row != group.reference]
    for i in range(0, len(rest), most - 1):
        yield [group.reference] + rest[i:i + most - 1]


class Measurement:
    def __init__(self, cluster, storage, mib, rounds, end, say):
        """mib: the size of each file where it is not the group's own. end: of time.monotonic(), no second round begins then."""
        self.cluster, self.storage, self.mib, self.rounds, self.say = cluster, storage, mib, rounds, say
        self.end = end
        self.batches = 0
        self.results = Results()
        with open(HERE + "/guest.sh") as file:
            self.script = file.read()

    def build_naps(self):
        self.naps = self.cluster.folder + "/fio-naps.so"
        subprocess.run([os.environ.get("CC", "gcc"), "-shared", "-fPIC", "-O2", "-o", self.naps,
                        os.path.dirname(HERE) + "/fio-naps.c"], check=True)

    def file_mib(self, group):
        return self.mib or group.mib

    def group(self, group):
        memory = job_memory(group, self.file_mib(group))
        for rows in batches(group, memory):
            self.batch(group, rows, memory)

    def batch(self, group, rows, memory):
        folder = self.storage.place(group.place)
        self.batches += 1
        machines = {}
        try:
            self.start(group, rows, memory, folder, machines)
            self.wait_for_boots(group, memory, folder, machines)
            for turn in range(self.rounds):
                if turn > 0 and time.monotonic() > self.end:
                    self.say("  the time is over: what is left of the rounds is left out")
                    break
                self.round(group, folder, machines, turn)
        finally:
            self.cluster.cancel(list(machines.values()))
            self.storage.release_devices()
            if os.path.exists(folder + "/raw"):
                os.unlink(folder + "/raw")

    def start(self, group, rows, memory, folder, machines):
        """One after the other as far as their configuration goes; they boot at the same time."""
        for row in rows:
            self.results.rows[group.place, row.name] = row
            self.results.references[group.place, row.name] = group.reference.name
            try:
                self.start_one(row, memory, folder, machines)
            except Failed as why:
                self.give_up(group, row, machines, why)

    def start_one(self, row, memory, folder, machines):
        keys = {key: getattr(row, key) for key in KEYS if getattr(row, key)}
        if row.mode == "block":
            keys.update(modes="overlay, snapshot, raw, block", devices=self.storage.device(folder, DISK_BYTES))
        self.cluster.configure(memory - GUEST_MIB - TB_CACHE_MIB, folder + "/deltas", keys)
        machines[row] = self.cluster.submit("tiny-bench", memory, *row.options)
        self.cluster.wait(machines[row], "t.monitor", LAUNCH_SECONDS)

    def give_up(self, group, row, machines, why):
        self.results.missing.append((group.place, row.name, str(why)))
        self.say("  %s cannot run: %s" % (row.name, why))
        if row in machines:
            self.cluster.cancel([machines.pop(row)])

    def wait_for_boots(self, group, memory, folder, machines):
        """Under emulation a kernel hangs now and then: such a machine is started once more."""
        for row in list(machines):
            try:
                self.cluster.wait(machines[row], "t.ready", BOOT_SECONDS)
                continue
            except Failed as why:
                self.say("  %s is started once more: %s" % (row.name, why))
            self.cluster.cancel([machines.pop(row)])
            try:
                self.start_one(row, memory, folder, machines)
                self.cluster.wait(machines[row], "t.ready", BOOT_SECONDS)
            except Failed as why:
                self.give_up(group, row, machines, why)

    def round(self, group, folder, machines, turn):
        """The order moves on with each round: nobody is always behind the same one."""
        order = [None] + list(machines)
        order = order[turn % len(order):] + order[:turn % len(order)]
        for row in order:
            self.storage.settle(folder)
            self.measure(group, folder, machines, row, "fio", turn)
        for row in order:
            if group.sqlite and (row is None or row in group.sqlite):
                self.storage.settle(folder)
                self.measure(group, folder, machines, row, "sqlite", turn)
        self.say("  round %d of %d" % (turn + 1, self.rounds))

    def measure(self, group, folder, machines, row, what, turn):
        if row is not None and row not in machines:
            return
        try:
            text = self.on_host(group, folder, what, turn) if row is None else \
                self.in_machine(group, machines[row], row, what, turn)
            values = {("second", "SQLite build-up", 0): int(text) / 100} if what == "sqlite" else fio.results(text)
        except (Failed, ValueError) as why:
            if row is None:
                raise
            self.give_up(group, row, machines, why)
            return
        for (run, pattern, kib), value in values.items():
            self.results.add(group.place, row.name if row else HOST, run, pattern, kib, (self.batches, turn), value)

    def in_machine(self, group, job, row, what, turn):
        jobs = fio.jobs(group.kib, self.file_mib(group), fio.in_folder("/run/scratch"), between="sh /run/fresh")
        head = "what=%s fs=%s area=%d jobs=%s sql=%s\n" % (what, row.guest_fs, turn + 1, shlex.quote(jobs),
                                                           shlex.quote(build_up()))
        return self.cluster.step(job, head + self.script, STEP_SECONDS)

    def on_host(self, group, folder, what, turn):
        """fio into a raw file as large as the areas, holes at first; SQLite in the folder, which waits for its disk."""
        if what == "sqlite":
            return self.sqlite_on_host(folder)
        mib = self.file_mib(group)
        area = len(group.kib) * mib
        path = folder + "/raw"
        if not os.path.exists(path):
            with open(path, "wb") as file:
                file.truncate(self.rounds * area << 20)
        jobs = fio.jobs(group.kib, mib, fio.in_file(path, turn * area, mib))
        with open(self.cluster.folder + "/jobs", "w") as file:
            file.write(jobs)
        return subprocess.run(BOUND + ["fio", "--output-format=json", file.name], check=True, capture_output=True, text=True,
                              timeout=STEP_SECONDS, cwd=self.cluster.folder, env=dict(os.environ, LD_PRELOAD=self.naps)).stdout

    @staticmethod
    def sqlite_on_host(folder):
        path = folder + "/db"
        try:
            begin = os.times().elapsed
            subprocess.run(BOUND + ["sqlite3", path], input=build_up(), check=True, text=True, timeout=STEP_SECONDS)
            return str(round((os.times().elapsed - begin) * 100))
        finally:
            os.unlink(path)
