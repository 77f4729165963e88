# SPDX-License-Identifier: GPL-2.0-or-later
"""Where deltas lie: the folder that is measured, and file systems in files of it."""
import os
import shutil
import subprocess
import tempfile

MKFS = {"ext4": ["mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=1,lazy_journal_init=1"],
        "xfs": ["mkfs.xfs", "-q", "-f"], "btrfs": ["mkfs.btrfs", "-q", "-f"]}
# without the kernel's own writing of what mkfs left out, and with the space given back of what is removed
OPTIONS = {"ext4": "noinit_itable,discard", "xfs": "discard", "btrfs": "discard=sync"}
SIZE = 32 << 30  # sparse


def run(*argv):
    return subprocess.run(argv, check=True, capture_output=True, text=True, timeout=120).stdout.strip()


class Storage:
    def __init__(self, folder):
        self.top = tempfile.mkdtemp(prefix="wnodes-bench-disk.", dir=folder)
        os.chmod(self.top, 0o755)
        self.mounts, self.loops = [], []

    def place(self, name):
        """The folder for deltas on that file system."""
        if name == "folder":
            return self.top
        target = "%s/%s" % (self.top, name)
        if target not in self.mounts:
            image = target + ".img"
            with open(image, "wb") as file:
                file.truncate(SIZE)
            run(*MKFS[name], image)
            os.mkdir(target)
            run("mount", "-t", name, "-o", "loop,noatime," + OPTIONS[name], image, target)
            self.mounts.append(target)
        return target

    def leave(self, name):
        """Nothing more is measured there."""
        target = "%s/%s" % (self.top, name)
        if target in self.mounts:
            run("umount", target)
            self.mounts.remove(target)
            os.unlink(target + ".img")

    def device(self, folder, size):
        """A block device: a file of the folder, which the loop driver opens without the page cache where it can."""
        path = "%s/device-%d" % (folder, len(self.loops))
        with open(path, "wb") as file:
            file.truncate(size)
        try:
            device = run("losetup", "-f", "--show", "--direct-io=on", path)
        except subprocess.CalledProcessError:
            device = run("losetup", "-f", "--show", path)
        self.loops.append((device, path))
        return device

    def release_devices(self):
        while self.loops:
            device, path = self.loops.pop()
            subprocess.run(["losetup", "-d", device], check=False, timeout=60)
            os.unlink(path)

    def settle(self, folder):
        """What was written before is on the disk: nobody writes it back under the next measurement."""
        subprocess.run(["sync", "-f", folder], check=True, timeout=300)
        if folder != self.top:
            subprocess.run(["sync", "-f", self.top], check=True, timeout=300)

    def close(self):
        self.release_devices()
        while self.mounts:
            # not removed where something still holds it: what is in it would go
            subprocess.run(["umount", self.mounts.pop()], check=True, timeout=120)
        shutil.rmtree(self.top)


def file_system(folder):
    """What it is, and on what device."""
    return run("findmnt", "-n", "-o", "FSTYPE,SOURCE", "-T", folder).split()
