# SPDX-License-Identifier: GPL-2.0-or-later
"""Machines of a Slurm: a private one with this tree's product, or the site's."""
import json
import os
import shutil
import subprocess
import tempfile
import time

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CPUS = min(2, os.cpu_count())  # of each machine, the same ones: other things on the host may be bound to some
LAUNCH_SECONDS = 180  # until the disk is made: a raw copy, a preallocated disk
BOOT_SECONDS = 120


class Failed(Exception):
    """A machine or a step of it failed; says why in a line."""


class Slurm:
    """Has user, whose jobs they are; output, a folder that is his; argv(command), which runs it as root or as the user."""

    def make_output(self, folder):
        """For the jobs' output and errors."""
        self.output = tempfile.mkdtemp(prefix="wnodes-bench.", dir=folder)
        shutil.chown(self.output, self.user)

    def call(self, *command, user=False, seconds=60, text=None, file=subprocess.DEVNULL):
        """Standard output of a command whose input is text, or file; Failed with the last line of what it says wrong."""
        try:
            done = subprocess.run(self.argv(*command, user=user), input=text, stdin=None if text else file,
                                  capture_output=True, text=True, timeout=seconds, check=False, cwd="/")
        except subprocess.TimeoutExpired:
            raise Failed("%s has not ended within %d s" % (command[0], seconds)) from None
        if done.returncode != 0:
            lines = [line for line in done.stderr.splitlines() if not line.startswith("srun: error")]
            raise Failed((lines or ["%s ended with %d" % (command[0], done.returncode)])[-1])
        return done.stdout

    def status(self, job):
        """The machine's state, {} while it has none or its output is not whole."""
        try:
            rows = json.loads(self.call("wnodes", "status", "--json"))
        except (Failed, ValueError):
            return {}
        return next((row for row in rows if row["job"] == job), {})

    def state(self, job):
        """Slurm's word for it, "" once it is gone."""
        try:
            return self.call("squeue", "-h", "-j", str(job), "-o", "%T").strip()
        except Failed:  # it has forgotten it
            return ""

    def submit(self, image, memory_mib, *options, cpus=CPUS):
        path = "%s/%s" % (self.output, time.monotonic_ns())
        argv = ["sbatch", "--parsable", "--output=" + path, "-c%d" % cpus, "--mem=%dM" % memory_mib, "--vm=" + image]
        job = int(self.call(*argv, *options, "--wrap", "sleep 100000", user=True))
        os.symlink(path, "%s/job-%d" % (self.output, job))
        return job

    def wait(self, job, phase, seconds, nap=0.05):
        """The machine's state once it has that phase's time; Failed with the job's own words where it ends before."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            row = self.status(job)
            if phase in row:
                return row
            if "t.failed" in row or not self.is_alive(job):
                raise Failed(self.last_words(job))
            time.sleep(nap)
        raise Failed("the machine has no %s within %d s" % (phase, seconds))

    def is_alive(self, job):
        return self.state(job) in ("PENDING", "CONFIGURING", "RUNNING")

    def last_words(self, job):
        end = time.monotonic() + 30
        while self.is_alive(job) and time.monotonic() < end:
            time.sleep(0.1)
        try:
            with open("%s/job-%d" % (self.output, job)) as file:
                lines = [line.strip() for line in file if line.startswith("wnodes")]
        except OSError:
            lines = []
        return lines[0] if lines else "the job ended without a word"

    def step(self, job, script, seconds):
        """Standard output of a shell script that runs as root in the machine."""
        return self.call(*self.in_job(job, "su", "-c", "sh -s"), user=True, seconds=seconds, text=script)

    @staticmethod
    def in_job(job, *command):
        return ["srun", "--jobid=%d" % job, "--overlap", "-n1", *command]

    def cancel(self, jobs):
        """End the jobs, and wait until their machines are gone."""
        if not jobs:
            return
        self.call("scancel", *map(str, jobs))
        end = time.monotonic() + 120
        while any(map(self.state, jobs)) and time.monotonic() < end:
            time.sleep(0.1)


class Cluster(Slurm):
    """A private one, with this tree's product."""

    def __init__(self, accelerator, cpus=CPUS):
        self.folder = os.environ.setdefault("WNODES_CLUSTER_DIR", "/var/tmp/wnodes-bench.%d" % os.getpid())
        prefix = os.environ.setdefault("WNODES_CLUSTER_PREFIX", "d%dn" % os.getpid())
        self.node = prefix + "1"
        self.user = "wn-%s-alice" % prefix
        self.accelerator, self.cpus = accelerator, cpus
        self.conf = self.folder + "/etc/wnodes/wnodes.conf"
        self.entries = self.folder + "/etc/wnodes/images.d"
        self.helper = self.folder + "/usr/libexec/wnodes/wnodes-helper"

    def up(self, *images):
        subprocess.run([TREE + "/tests/cluster", "up", "--cpus", str(self.cpus)], check=True, stdout=subprocess.DEVNULL)
        for image in images:
            subprocess.run([TREE + "/tests/cluster", "image", image], check=True, stdout=subprocess.DEVNULL)
        self.call("true", user=True)
        with open(self.conf) as file:
            self.base = file.read().replace("accelerator = tcg", "accelerator = " + self.accelerator)
        self.make_output(self.folder)

    def down(self):
        subprocess.run([TREE + "/tests/cluster", "down"], check=False, timeout=300)

    def argv(self, *command, user=False):
        return [TREE + "/tests/cluster", "exec"] + (["--user", self.user] if user else []) + ["--"] + list(command)

    def write_conf(self, text):
        """wnodes.conf, which is read anew for each job."""
        with open(self.conf + ".new", "w") as file:
            file.write(text)
        os.rename(self.conf + ".new", self.conf)

    def configure(self, reserve_mib, overlay_dir, keys):
        """What all machines have from now on: sizes and place, and [disk]."""
        site = "[site]\nmemory_reserve = %dM\noverlay_dir = %s\nboot_timeout = %d" % (reserve_mib, overlay_dir, BOOT_SECONDS)
        disk = "".join("%s = %s\n" % pair for pair in keys.items())
        self.write_conf(self.base.replace("[site]", site) + ("\n[disk]\n" + disk if disk else ""))


class Site(Slurm):
    """The one that this node is in; the jobs are an ordinary user's and run here."""

    def __init__(self, user):
        self.user = user
        self.make_output("/var/tmp")

    def down(self):
        shutil.rmtree(self.output)

    def argv(self, *command, user=False):
        return (["runuser", "-u", self.user, "--"] if user else []) + list(command)
