#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What programs do with files, timed in one folder: bench/files runs this on the
host and in a machine. Prints a line for each: seconds, a blank, the name.

    files.py FOLDER SOURCES MIB FILES

SOURCES is a tree of this project, copied into FOLDER and built there.
"""
import os
import shutil
import subprocess
import sys
import time

MIB = bytes(1 << 20)


def timed(name, function):
    begin = time.monotonic()
    function()
    print("%.6f %s" % (time.monotonic() - begin, name), flush=True)


def folders(tree):
    return [name for name in ("common", "guest") if os.path.isdir(os.path.join(tree, name))]


def build(tree):
    objects = ["build/%s/%s.o" % (folder, name[:-2]) for folder in folders(tree)
               for name in sorted(os.listdir(os.path.join(tree, folder))) if name.endswith(".c")]
    subprocess.run(["make", "-s", "-C", tree, "WARN=", "HARDEN="] + objects, check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def write(path, count):
    with open(path, "wb", 0) as file:
        for _ in range(count):
            file.write(MIB)
        os.fsync(file.fileno())


def read(path):
    with open(path, "rb", 0) as file:
        while file.read(1 << 20):
            pass


def small(path, count):
    for i in range(count):
        with open("%s/%d" % (path, i), "wb", 0) as file:
            file.write(MIB[:4096])


def look(path, count):
    for i in range(count):
        os.stat("%s/%d" % (path, i))


def read_small(path, count):
    for i in range(count):
        with open("%s/%d" % (path, i), "rb", 0) as file:
            file.read(4096)


def main():
    folder, sources, mib, files = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    folder = os.path.join(folder, "bench")
    os.mkdir(folder)
    tree, big, many = (os.path.join(folder, name) for name in ("tree", "big", "many"))
    timed("copy of the sources", lambda: shutil.copytree(sources, tree))
    timed("build of %s" % " and ".join(folders(tree)), lambda: build(tree))
    timed("write of %d MiB" % mib, lambda: write(big, mib))
    timed("read of %d MiB" % mib, lambda: read(big))
    os.mkdir(many)
    timed("making %d files of 4 KiB" % files, lambda: small(many, files))
    timed("stat of %d files" % files, lambda: look(many, files))
    timed("reading %d files" % files, lambda: read_small(many, files))
    timed("removing all", lambda: shutil.rmtree(folder))


main()
