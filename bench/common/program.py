# SPDX-License-Identifier: GPL-2.0-or-later
"""What each of the longer benchmarks does before it begins."""
import os
import signal
import subprocess
import sys

from .cluster import TREE


def say(text):
    print(text, flush=True)


def prepare(name):
    """Root's alone; SIGTERM ends it with what it started."""
    if os.geteuid() != 0:
        sys.exit("%s: it needs root: it starts daemons and mounts file systems" % name)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def install_packages():
    for argv in ([], [TREE + "/bench/packages"]):
        subprocess.run([TREE + "/tests/install-packages"] + argv, check=True)
