# SPDX-License-Identifier: GPL-2.0-or-later
"""What machine it runs on, for what is measured to mean something."""
import os
import platform
import shutil
import subprocess
import time

EMULATORS = ("qemu-system-x86_64", "/usr/libexec/qemu-kvm")


def cpuinfo(key):
    """The first value of that key, "" where there is none."""
    with open("/proc/cpuinfo") as file:
        return next((line.split(":")[1].strip() for line in file if line.startswith(key)), "")


def qemu():
    program = next((path for path in map(shutil.which, EMULATORS) if path), None)
    if not program:
        return "none"
    return subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout.split()[3]


def machine(accelerator):
    return "machine: %d CPUs, %s, kernel %s, accelerator %s, QEMU %s" % (
        os.cpu_count(), cpuinfo("model name") or platform.machine(), platform.release(), accelerator, qemu())


def load():
    return "load: %.2f %.2f %.2f at %s" % (*os.getloadavg(), time.strftime("%F %T %Z"))
