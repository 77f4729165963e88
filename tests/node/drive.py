#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Boots the emulated compute node that tests/node/build put into FOLDER and runs the
subjects in it, one after the other: tests/node/drive.py FOLDER SUBJECT…

A subject is a script, tests/node/subjects/SUBJECT.bash. Of its output, lines `ok TEXT`
and `not ok TEXT` are counted. The word `reset` instead of a subject cuts the node's power
and boots it again. Ends with `N passed, N failed`, and fails if any did.
"""

import os
import pathlib
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
BOOT_SECONDS = 240
SUBJECT_SECONDS = 480
SILENT_SECONDS = 240
begun = time.monotonic()


class Broken(Exception):
    """The node does not do what it must before anything can be tested in it."""


def say(text):
    print(f"[{time.monotonic() - begun:6.1f}] {text}", flush=True)


def arguments(folder, work):
    """QEMU's: two NUMA nodes, an SR-IOV adapter on each with ACS, an IOMMU, SVM.

    Without cx16, which QEMU 7.2 emulates wrongly (tests/images/build): one in some 40
    machines reset itself early in its boot, without a word, when the node had it.
    """
    node = folder / "node"
    quick = "tsc=reliable no_timer_check cryptomgr.notests mitigations=off audit=0"
    return [
        "-nodefaults", "-display", "none", "-no-user-config",
        "-L", f"{node}/qemu/qemu", "-L", f"{node}/qemu/seabios",
        "-machine", "q35,kernel-irqchip=split",
        "-accel", "tcg,thread=multi,tb-size=384", "-cpu", "qemu64,+svm,+npt,-cx16",
        "-smp", "3,sockets=3", "-m", "3584M",
        "-object", "memory-backend-ram,id=m0,size=2304M", "-object", "memory-backend-ram,id=m1,size=1280M",
        "-numa", "node,nodeid=0,cpus=0-1,memdev=m0", "-numa", "node,nodeid=1,cpus=2,memdev=m1",
        "-device", "intel-iommu,intremap=on,caching-mode=on",
        "-kernel", f"{node}/kernel", "-initrd", f"{node}/initrd",
        "-append", f"console=ttyS0 root=/dev/vda rw quiet intel_iommu=on iommu=pt {quick}",
        "-drive", f"file={work}/disk.qcow2,if=none,id=d0,cache=unsafe", "-device", "virtio-blk-pci,drive=d0",
        "-drive", f"file={work}/lvm.raw,if=none,id=d1,format=raw,cache=unsafe",
        "-device", "virtio-blk-pci,drive=d1,serial=lvm",
        "-virtfs", f"local,path={work}/share,mount_tag=share,security_model=none",
        "-device", "virtio-serial-pci",
        "-chardev", f"socket,id=port,path={work}/port,server=on,wait=off",
        "-device", "virtserialport,chardev=port,name=org.wnodes.node.0",
        "-device", "virtio-rng-pci",
        "-netdev", "hubport,id=h0,hubid=0", "-netdev", "hubport,id=h1,hubid=0",
        "-netdev", "hubport,id=h2,hubid=1", "-netdev", "hubport,id=h3,hubid=1",
        "-device", "pxb-pcie,id=px0,bus_nr=64,numa_node=0,bus=pcie.0",
        "-device", "pcie-root-port,id=rp0,bus=px0,chassis=1,slot=1",
        "-device", "igb,bus=rp0,netdev=h0,mac=52:54:00:aa:00:01",
        "-device", "virtio-net-pci,bus=pcie.0,netdev=h1,mac=52:54:00:aa:00:02,romfile=",
        "-device", "pxb-pcie,id=px1,bus_nr=128,numa_node=1,bus=pcie.0",
        "-device", "pcie-root-port,id=rp1,bus=px1,chassis=2,slot=2",
        "-device", "igb,bus=rp1,netdev=h2,mac=52:54:00:aa:00:11",
        "-device", "virtio-net-pci,bus=pcie.0,netdev=h3,mac=52:54:00:aa:00:12,romfile=",
        "-serial", f"file:{work}/console", "-monitor", f"unix:{work}/monitor,server=on,wait=off",
    ]


class Node:
    """The running node: its QEMU and the port that node-loop listens on."""

    def __init__(self, folder, work):
        self.work = work
        self.buffer = b""
        loader = folder / "node/qemu/lib"
        program = work / "ld.so"
        shutil.copy(loader / "ld-linux-x86-64.so.2", program)
        program.chmod(0o755)
        command = ["nice", "-n", "5", "setpriv", "--pdeathsig", "KILL", str(program), "--library-path", str(loader),
                   str(folder / "node/qemu/qemu-system-x86_64"), *arguments(folder, work)]
        with open(work / "qemu.log", "wb") as log:
            self.qemu = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.port = self.connect("port")

    def connect(self, name):
        path = str(self.work / name)
        for _ in range(100):
            try:
                sock = socket.socket(socket.AF_UNIX)
                sock.connect(path)
                return sock
            except OSError:
                sock.close()
                if self.qemu.poll() is not None:
                    break
                time.sleep(0.1)
        raise Broken("QEMU does not start: " + (self.work / "qemu.log").read_text(errors="replace"))

    def line(self, seconds):
        """The next line of the port, or None where none comes in time."""
        until = time.monotonic() + seconds
        while b"\n" not in self.buffer:
            left = until - time.monotonic()
            if left <= 0 or not select.select([self.port], [], [], left)[0]:
                return None
            try:
                data = self.port.recv(65536)
            except ConnectionError:
                data = b""
            if not data:
                raise Broken("QEMU ended: " + (self.work / "qemu.log").read_text(errors="replace"))
            self.buffer += data
        text, self.buffer = self.buffer.split(b"\n", 1)
        return text.decode(errors="replace")

    def wait_boot(self):
        since = time.monotonic()
        while time.monotonic() - since < BOOT_SECONDS:
            text = self.line(BOOT_SECONDS - (time.monotonic() - since))
            if text and text.startswith("hello"):
                say(f"the node is up, {time.monotonic() - since:.1f} s after its start")
                return
        raise Broken(f"the node is not up after {BOOT_SECONDS} s")

    def reset(self):
        monitor = self.connect("monitor")
        monitor.sendall(b"system_reset\n")
        time.sleep(0.5)
        monitor.close()
        self.buffer = b""
        self.wait_boot()

    def run(self, name):
        """Runs a subject; yields its lines, and at last its exit status as a number."""
        self.port.sendall(f"{name}\n".encode())
        until = time.monotonic() + SUBJECT_SECONDS
        while True:
            text = self.line(min(SILENT_SECONDS, max(until - time.monotonic(), 0)))
            if text is None:
                raise Broken(f"{name} has said nothing for {SILENT_SECONDS} s, or is not over after {SUBJECT_SECONDS} s")
            if text.startswith(": "):
                yield text[2:]
            elif re.fullmatch(r"\. \d+", text):
                yield int(text[2:])
                return
            elif text.startswith("hello"):
                raise Broken(f"{name}: the node rebooted")

    def stop(self):
        if self.qemu.poll() is None:
            self.qemu.kill()
        self.qemu.wait()


def run_subject(node, name):
    passed = failed = 0
    for line in node.run(f"subjects/{name}.bash"):
        if isinstance(line, int):
            if line != 0:
                say(f"not ok {name} ended with {line}")
                failed += 1
        else:
            passed += line.startswith("ok ")
            failed += line.startswith("not ok ")
            say(line)
    if passed + failed == 0:
        say(f"not ok {name} tested nothing")
        failed = 1
    return passed, failed


def run_all(folder, work, subjects):
    passed = failed = 0
    node = Node(folder, work)
    try:
        node.wait_boot()
        for name in subjects:
            say(f"== {name}")
            if name == "reset":
                node.reset()
                continue
            good, bad = run_subject(node, name)
            passed += good
            failed += bad
            if bad and name == subjects[0]:
                raise Broken("no more can be tested")
    except Broken as error:
        say(f"not ok {error}")
        failed += 1
        console = (work / "console").read_text(errors="replace") if (work / "console").exists() else ""
        print("".join(f"  {line}\n" for line in console.splitlines()[-30:]), flush=True)
    finally:
        node.stop()
    return passed, failed


def prepare(folder):
    work = folder / "run"
    shutil.rmtree(work, ignore_errors=True)
    share = work / "share"
    share.mkdir(parents=True)
    shutil.copytree(HERE / "subjects", share / "subjects")
    os.link(folder / "product.tar", share / "product.tar")
    shutil.copytree(folder / "images", share / "images", copy_function=os.link)
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", str((folder / "node/disk.raw").resolve()),
                    str(work / "disk.qcow2")], check=True)
    with open(work / "lvm.raw", "wb") as disk:
        disk.truncate(4 << 30)
    return work


def main():
    folder = pathlib.Path(sys.argv[1]).resolve()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(130))
    passed, failed = run_all(folder, prepare(folder), sys.argv[2:])
    print(f"{passed} passed, {failed} failed")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
