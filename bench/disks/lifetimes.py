# SPDX-License-Identifier: GPL-2.0-or-later
"""What making and removing a job's disk takes, in ms."""
import glob
import os
import re
import statistics
import subprocess
import time

from common.cluster import LAUNCH_SECONDS, Failed

from .plan import Row

BASES = (1, 32, 1024)  # GiB of disk in them
DELTAS = (0, 1024)  # MiB in a delta that is removed
MODES = (Row(), Row("snapshot"))
NO_JOB = 3000000000  # a number that Slurm gives to nobody's job
MEMORY_MIB = 900


def base(cluster, folder, gib):
    """An image of the catalogue whose disk is so large; nobody waits for it to boot."""
    name, path = "bench-%d" % gib, "%s/base-%d.qcow2" % (folder, gib)
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", path, "%dG" % gib], check=True)
    os.chmod(path, 0o444)
    with open(cluster.entries + "/tiny.conf") as file:
        entry = re.sub(r"(?m)^source = .*$", "source = file://" + path, file.read())
    with open("%s/%s.conf" % (cluster.entries, name), "w") as file:
        file.write(entry)
    return name


def creation(cluster, image, row):
    """From the disk's begin to the monitor's, as `wnodes status` has it: the machine's description is in it, too."""
    job = cluster.submit(image, MEMORY_MIB, *row.options)
    try:
        state = cluster.wait(job, "t.monitor", LAUNCH_SECONDS)
        return state["t.monitor"] - state["t.disk"]
    finally:
        cluster.cancel([job])


def timed_destroy(cluster, number, delta):
    """Seconds of `wnodes-helper destroy` for a job of nobody's, with this overlay in its journal."""
    job = ["--node", cluster.node, "--job", str(NO_JOB + number)]
    cluster.call(cluster.helper, "prepare", *job, "--restart", "0", "--uid", "65534", "--gid", "65534", "--image", "tiny")
    if delta:
        record, = glob.glob("%s/state/jobs/%s/%d.*" % (cluster.folder, cluster.node, NO_JOB + number))
        with open(record + "/journal", "a") as file:
            file.write("overlay %s\n" % delta)
    argv = [cluster.helper, "destroy"] + job
    begin = time.monotonic()
    subprocess.run(argv, check=True, timeout=120)
    return time.monotonic() - begin


def removal(cluster, folder, number, mib):
    """ms that a delta adds to what destroying a job takes."""
    path = folder + "/delta"
    with open(path, "wb") as file:
        for _ in range(mib):
            file.write(bytes(1 << 20))
    os.chown(path, 65534, 65534)
    without = timed_destroy(cluster, number, None)
    with_it = timed_destroy(cluster, number + 1, path)
    if os.path.exists(path):
        raise Failed("destroy left the delta")
    return (with_it - without) * 1000


def measure(cluster, storage, results, turns, say):
    folder = storage.place("folder")
    cluster.configure(256, folder + "/deltas", {})
    images = {gib: base(cluster, folder, gib) for gib in BASES}
    for turn in range(turns):
        for row in MODES:
            for gib, image in images.items():
                name = "%s on a base of %d GiB" % (row.name, gib)
                try:
                    results.add("folder", name, "", "create", 0, turn, creation(cluster, image, row))
                except Failed as why:
                    if turn == 0:
                        results.missing.append(("folder", name, str(why)))
                        say("  %s cannot be made: %s" % (name, why))
        for mib in DELTAS:
            results.add("folder", "overlay with %d MiB in it" % mib, "", "remove", 0, turn,
                        removal(cluster, folder, turn * 100 + mib % 97 * 2, mib))
    worst = max((statistics.median(results.of(*key)) for key in results.values if key[3] in ("create", "remove")),
                default=0)
    say("  the slowest of them: %.0f ms (aim: under 50)" % worst)
