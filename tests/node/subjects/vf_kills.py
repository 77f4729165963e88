#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""kill -9 of those who run machines with virtual functions: tests/node/subjects/vf-kills.bash.

  vf_kills.py begin                      what the VFs are like is what they are to be
  vf_kills.py same                       they are
  vf_kills.py kill IMAGE COUNT LIFE [AT_ONCE]
                                         until COUNT kills fell into the lives of machines of
                                         this image, AT_ONCE side by side, whose QEMU is there
                                         after LIFE seconds or less; after each wave the VFs are
                                         what they were
  vf_kills.py table                      which kill fell into which phase; with a minimum of
                                         kills, fails where a phase had none

A kill has a job of its own, and one of those whom the job needs as its victim: at a random
moment of its life, or soon after its VF's lease came to one phase, in turn.
"""

import collections
import difflib
import glob
import json
import os
import pathlib
import random
import re
import signal
import statistics
import subprocess
import sys
import time

BASE = pathlib.Path("/run/vf.states")
TALLY = pathlib.Path("/run/vf-kills.json")
LEASES = pathlib.Path("/var/lib/wnodes/vf")
HELPER = "/usr/libexec/wnodes/wnodes-helper"
PFS = ("pf0", "pf1")
# a machine's QEMU is there when it is "open"
PHASES = ("before", "leased", "programming", "ready", "open", "releasing", "after", "quarantined")
# seconds within which a kill falls that is aimed at the phase
AIMED = {"leased": 2, "programming": 0.4, "ready": 3, "open": 2, "releasing": 0.6}
VICTIMS = {"monitor": "wnodes-monitor", "qemu": "qemu-system-x86_64", "helper": "wnodes-helper",
           "slurmstepd": "slurmstepd", "slurmd": "slurmd"}
KILLS = (*VICTIMS, "machine")
TICK = 0.005
FIND_SECONDS = 2
MISS_SECONDS = 4
WAVE_SECONDS = 200
QUIET_SECONDS = 2
STUCK_SECONDS = 15
MINIMUM = 100


class Broken(Exception):
    """What must not be."""


def text_of(path):
    try:
        return pathlib.Path(path).read_text(errors="replace")
    except OSError:
        return ""


def names(pattern):
    return glob.glob(pattern, include_hidden=True)


def link_of(path):
    try:
        return os.readlink(path)
    except OSError:
        return ""


def output(*command):
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def node_state():
    """The node's state, and its reason."""
    state, _, reason = output("sinfo", "-h", "-N", "-n", "cn1", "-o", "%T %E").strip().partition(" ")
    # slurmctld may count CPUs of jobs that have gone until it looks for a place for the next one
    if state in ("mixed", "allocated", "planned") and not output("squeue", "-a", "-h").strip():
        state = "idle"
    return state, reason


def vf_states():
    """Each VF as the kernel has it."""
    lines = []
    for pf in PFS:
        said = output("ip", "-d", "link", "show", "dev", pf)
        lines += [f"{pf} {line.strip()}" for line in said.splitlines() if re.match(r" *vf \d", line)]
        for vf in sorted(glob.glob(f"/sys/class/net/{pf}/device/virtfn*")):
            driver = os.path.basename(link_of(f"{vf}/driver"))
            lines.append(f"{pf} {os.path.basename(vf)} {link_of(vf)} driver {driver} override "
                         f"{text_of(vf + '/driver_override').strip()} netdevs {len(names(vf + '/net/*'))}")
    return lines


def begin():
    BASE.write_text("\n".join(vf_states()) + "\n")
    TALLY.write_text(json.dumps({"kills": [], "ms": [], "swept": 0, "resumed": 0}))
    print(BASE.read_text(), end="")


def same():
    was, now = BASE.read_text().splitlines(), vf_states()
    if was != now:
        # the next kills are not to fail for it, too
        BASE.write_text("\n".join(now) + "\n")
        raise Broken("VFs are not what they were:\n" + "\n".join(difflib.unified_diff(was, now, lineterm="", n=0)))


def fields(text):
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def leases():
    """The phase of each job's lease."""
    found = {}
    for name in names(f"{LEASES}/*.[0-9]*"):
        if re.search(r"\.\d+$", name):
            lease = fields(text_of(name))
            if "job" in lease:
                found[int(lease["job"])] = lease.get("phase")
    return found


Process = collections.namedtuple("Process", "pid program cgroup words parent")


def processes():
    """Those of the product, of Slurm on the node, and of the machines."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        exe = link_of(f"/proc/{pid}/exe")
        # Debian's Slurm
        program = os.path.basename(exe).removesuffix("-wlm")
        if program in VICTIMS.values() or exe.startswith("/usr/libexec/wnodes/"):
            stat = text_of(f"/proc/{pid}/stat").rpartition(")")[2].split()
            words = text_of(f"/proc/{pid}/cmdline").split("\0")
            cgroup = text_of(f"/proc/{pid}/cgroup")
            # one slurmstepd holds the scope of all
            if stat and stat[0] not in "ZX" and not cgroup.endswith(".scope/system\n"):
                found.append(Process(int(pid), program, cgroup, words, int(stat[1])))
    return found


def is_of(process, job):
    if re.search(rf"/job_{job}/", process.cgroup):
        return True
    words = process.words
    return "--job" in words and words[words.index("--job") + 1:][:1] == [str(job)]


def victims(kind, job, everyone):
    if kind == "slurmd":
        return [p.pid for p in everyone if p.program == "slurmd" and p.parent == 1]
    if kind == "machine":
        return [p.pid for p in everyone if re.search(rf"/job_{job}/vm", p.cgroup)]
    return [p.pid for p in everyone if p.program == VICTIMS[kind] and is_of(p, job)]


class Job:
    def __init__(self, image, aim, life):
        self.aim = aim
        self.who = random.choice(KILLS)
        self.delay = random.uniform(0, AIMED[aim] if aim else life)
        # after its lease: what is released was at any point of its life
        self.end = random.uniform(0, life) if aim == "releasing" else None
        self.patience = life * 2
        self.begun = time.monotonic()
        self.at = None if aim else self.begun + self.delay
        self.leased = None
        self.done = False
        self.id = self.submit(image)

    @staticmethod
    def submit(image):
        home = "/home/alice"
        said = subprocess.run(
            ["sbatch", "--parsable", "--output=job-%j.out", "--oversubscribe", "--mem=420M", f"--vm={image}",
             "--vm-network=vf", "--wrap", "sleep 120"], user="alice", group="alice", extra_groups=[], cwd=home,
            env={"PATH": "/usr/bin:/bin", "HOME": home, "USER": "alice"}, stdout=subprocess.PIPE, text=True, check=True)
        return int(said.stdout)

    def phase(self, phases, everyone=None):
        """Looks for its QEMU, which takes long, only among processes that are known or where one is waited for."""
        phase = phases.get(self.id)
        if phase and not self.leased:
            self.leased = time.monotonic()
        if phase == "ready" and (everyone or self.aim == "open") and victims("qemu", self.id, everyone or processes()):
            return "open"
        return phase or ("after" if self.leased else "before")


class Wave:
    def __init__(self, image, aims, life, tally):
        self.tally = tally
        self.children = []
        self.no_slurmd = False
        self.jobs = [Job(image, aim, life) for aim in aims]
        self.ids = {job.id for job in self.jobs}
        self.measured = set()

    def call(self, *command):
        self.children.append(subprocess.Popen(command, stdout=subprocess.DEVNULL))
        return self.children[-1]

    def cancel(self, job):
        self.call("scancel", str(job.id))

    def kill(self, job, now):
        """One of its kind, at once; of another kind once it is clear that there is none."""
        everyone = processes()
        kinds = [job.who]
        if job.aim or now - job.at > FIND_SECONDS:
            kinds += random.sample(KILLS, len(KILLS))
        # slurmctld takes a minute to see that slurmd was killed twice
        if self.no_slurmd:
            kinds = [kind for kind in kinds if kind != "slurmd"]
        who, pids = next(((k, v) for k in kinds if (v := victims(k, job.id, everyone))), (None, []))
        if not pids:
            return
        if who != "machine":
            pids = [random.choice(pids)]
        phase = job.phase(leases(), everyone)
        killed = 0
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
                killed += 1
            except ProcessLookupError:
                pass
        if not killed:
            return
        job.done = True
        self.tally["kills"].append([who, phase])
        print(f"job {job.id} after {now - job.begun:.2f} s, aimed at {job.aim or 'any moment'}: "
              f"{who} {pids}, phase {phase}", flush=True)
        if who == "slurmd":
            self.no_slurmd = True
            self.call("systemctl", "restart", "slurmd")
        self.cancel(job)

    def measure(self, phases):
        """The milliseconds of the VFs that were handed over."""
        for job in self.ids - self.measured:
            if phases.get(job) == "ready" and (record := fields(text_of(f"/var/lib/wnodes/jobs/cn1/{job}.0/record"))):
                if "vf_ms.bind" in record:
                    self.measured.add(job)
                    self.tally["ms"].append({k: int(v) for k, v in record.items() if k.startswith("vf_ms")})

    def tick(self):
        now = time.monotonic()
        phases = leases()
        self.measure(phases)
        for job in self.jobs:
            if job.done:
                continue
            phase = job.phase(phases)
            if job.end is not None and job.leased and now > job.leased + job.end:
                self.cancel(job)
                job.end = None
            # the phase may have been too short to be seen
            if job.at is None and (phase in (job.aim, "after") or now - job.begun > job.patience):
                job.at = now + (job.delay if phase == job.aim else 0)
            if job.at is not None and now >= job.at:
                self.kill(job, now)
            if not job.done and job.at is not None and now - job.at > MISS_SECONDS:
                print(f"job {job.id}: nobody was there to be killed", flush=True)
                job.done = True
                self.cancel(job)

    def left(self):
        """What the wave's machines have left still."""
        found = [f"{p.program} {p.pid}" for p in processes() if p.program != "slurmd"]
        found += [f"job {job}'s lease is {phase}" for job, phase in leases().items()]
        for pattern in ("/var/lib/wnodes/jobs/*/*", "/run/wnodes/*/*", "/var/lib/wnodes/overlays/*",
                        "/sys/fs/cgroup/system.slice/*/job_*/vm"):
            found += names(pattern)
        return found

    def works(self):
        """Whether somebody is at work at the end of machines still, ourselves too."""
        self.children = [child for child in self.children if child.poll() is None]
        return bool(self.children) or any(p.program in ("wnodes-helper", "slurmstepd") for p in processes())

    def settle(self):
        """Waits until nothing is left and the node idle; where nobody works at that, we are the administrator."""
        until = time.monotonic() + WAVE_SECONDS
        quiet = time.monotonic()
        while True:
            works, left = self.works(), self.left()
            state, reason = ("?", "") if works else node_state()
            now = time.monotonic()
            if state == "idle" and not left:
                return
            if re.search(r"VF \d|irtual function", reason):
                raise Broken(f"the node is {state}: {reason}")
            if now > until:
                raise Broken(f"the node is {state}: {reason}; left behind: " + "; ".join(left))
            if works:
                quiet = now
            elif now - quiet > (QUIET_SECONDS if state.startswith(("drain", "down", "idle")) else STUCK_SECONDS):
                self.clean(state, reason, left)
                quiet = time.monotonic()
            time.sleep(0.1)

    def clean(self, state, reason, left):
        print(f"swept: the node is {state} ({reason}), and has " + ("; ".join(left) or "nothing left"), flush=True)
        self.tally["swept"] += 1
        subprocess.run(["wnodes", "sweep"], check=True)
        for job in self.ids:
            # for ten minutes a sweep takes it for one whose first step is still to come
            if fields(text_of(f"/var/lib/wnodes/jobs/cn1/{job}.0/record")).get("phase") in ("prepared", "failed"):
                print(f"job {job}, of which nothing runs, is destroyed", flush=True)
                self.tally["destroyed"] = self.tally.get("destroyed", 0) + 1
                subprocess.run([HELPER, "destroy", "--node", "cn1", "--job", str(job)], check=True)
        if state == "idle":
            return
        self.tally["resumed"] += 1
        if not state.startswith(("drain", "down")):
            subprocess.run(["scontrol", "update", "nodename=cn1", "state=down", "reason=stuck"], check=True)
        subprocess.run(["scontrol", "update", "nodename=cn1", "state=resume"], check=False)

    def run(self):
        until = time.monotonic() + WAVE_SECONDS
        while not all(job.done for job in self.jobs):
            if time.monotonic() > until:
                raise Broken("the wave does not end")
            self.tick()
            time.sleep(TICK)
        self.settle()
        same()


def kill(image, count, life, at_once):
    tally = json.loads(TALLY.read_text())
    wanted = len(tally["kills"]) + count
    aims = []
    begun = time.monotonic()
    try:
        while (left := wanted - len(tally["kills"])) > 0:
            while len(aims) < min(left, at_once):
                # each of the phases, and any moment as often as all of them
                aims += random.sample([*AIMED] + [None] * len(AIMED), 2 * len(AIMED))
            wave, aims = aims[:min(left, at_once)], aims[min(left, at_once):]
            Wave(image, wave, life, tally).run()
    finally:
        TALLY.write_text(json.dumps(tally))
    print(f"{count} kills in {time.monotonic() - begun:.0f} s")


def table():
    tally = json.loads(TALLY.read_text())
    counts = collections.Counter(map(tuple, tally["kills"]))
    print(f"{len(tally['kills'])} kills; {tally['swept']} times swept, where nobody was left to clean; "
          f"{tally.get('destroyed', 0)} jobs destroyed by hand; {tally['resumed']} times the node had to be resumed")
    print("{:<12}".format("killed") + "".join(f"{phase:>12}" for phase in PHASES))
    for who in KILLS:
        print(f"{who:<12}" + "".join(f"{counts[who, phase]:>12}" for phase in PHASES))
    for key in sorted({key for spans in tally["ms"] for key in spans}):
        values = [spans[key] for spans in tally["ms"] if key in spans]
        print(f"{key}: {min(values)} to {max(values)}, median {statistics.median(values):.0f}, of {len(values)}")
    missed = [phase for phase in AIMED if not any(counts[who, phase] for who in KILLS)]
    return 1 if missed and len(tally["kills"]) >= MINIMUM else 0


def main():
    words = sys.argv[1:]
    try:
        if words == ["begin"]:
            begin()
        elif words == ["same"]:
            same()
        elif words == ["table"]:
            return table()
        elif len(words) in (4, 5) and words[0] == "kill":
            kill(words[1], int(words[2]), float(words[3]), int(words[4]) if len(words) > 4 else 1)
        else:
            print(__doc__, file=sys.stderr)
            return 64
    except Broken as error:
        print(error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
