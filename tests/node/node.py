# SPDX-License-Identifier: GPL-2.0-or-later
"""The emulated compute node: a QEMU that tests/node/build made ready in a folder, and the
ports by which its host has commands executed in it (tests/node/guest/loop)."""

import fcntl
import itertools
import os
import pathlib
import re
import select
import shutil
import signal
import socket
import subprocess
import time

HERE = pathlib.Path(__file__).resolve().parent
BOOT_SECONDS = 240
WATCH_SECONDS = 60
PORTS = 4


class Broken(Exception):
    """The node does not do what it must before anything can be tested in it."""


class Silent(Broken):
    """A script has said nothing for too long, or is not over in its time."""


class Still(Broken):
    """The node stands still, or has reset itself: what emulates it has failed, if its kernel has not said why."""


def has_said_why(console):
    """Whether the kernel of the node went down by itself. Lock-ups are what a CPU that stands still looks like."""
    return re.search(r"Kernel panic|Oops|general protection|reboot: |BUG: (?!soft lockup|workqueue lockup)", console) is not None


def network():
    """Adapters of the site and, at the other end of each one's cable, one of the world outside.

    pf0 and pf1: SR-IOV on NUMA nodes 0 and 1. pf2: behind a port without ACS, cable in the
    air. up0, up1: virtio-net, for a bridge and macvtap. Names: guest/10-*.link, by address.
    """
    words = []
    for hub in range(4):
        words += ["-netdev", f"hubport,id=in{hub},hubid={hub}", "-netdev", f"hubport,id=out{hub},hubid={hub}",
                  "-device", f"virtio-net-pci,bus=pcie.0,netdev=out{hub},mac=52:54:00:aa:{hub:02x}:02,romfile="]
    for hub in (2, 3):
        words += ["-device", f"virtio-net-pci,bus=pcie.0,netdev=in{hub},mac=52:54:00:aa:{hub:02x}:01,romfile="]
    return words + [
        "-device", "igb,bus=rp0,netdev=in0,mac=52:54:00:aa:00:01",
        "-device", "igb,bus=rp1,netdev=in1,mac=52:54:00:aa:01:01",
        "-netdev", "hubport,id=in4,hubid=4", "-device", "igb,bus=rp2,netdev=in4,mac=52:54:00:aa:04:01",
    ]


def arguments(folder, work):
    """QEMU's: two NUMA nodes with PCIe ports of their own, an IOMMU, SVM.

    Without cx16, which QEMU 7.2 emulates wrongly (tests/images/build): one in some 40
    machines reset itself early in its boot, without a word, when the node had it.
    """
    node, emulator = folder / "node", folder / "emulator"
    quick = "tsc=reliable no_timer_check cryptomgr.notests mitigations=off audit=0"
    return [
        "-nodefaults", "-display", "none", "-no-user-config",
        "-L", f"{emulator}/qemu", "-L", f"{emulator}/seabios",
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
        *itertools.chain.from_iterable(
            ("-chardev", f"socket,id=port{n},path={work}/port{n},server=on,wait=off",
             "-device", f"virtserialport,chardev=port{n},name=org.wnodes.node.{n}") for n in range(PORTS)),
        "-device", "virtio-rng-pci",
        "-device", "pxb-pcie,id=px0,bus_nr=64,numa_node=0,bus=pcie.0",
        "-device", "pcie-root-port,id=rp0,bus=px0,chassis=1,slot=1",
        "-device", "pcie-root-port,id=rp3,bus=px0,chassis=4,slot=4",
        "-device", "pxb-pcie,id=px1,bus_nr=128,numa_node=1,bus=pcie.0",
        "-device", "pcie-root-port,id=rp1,bus=px1,chassis=2,slot=2",
        # the only port without ACS
        "-device", "ioh3420,id=rp2,bus=px1,chassis=3,slot=3",
        "-device", "pcie-root-port,id=rp4,bus=px1,chassis=5,slot=5",
        *network(),
        # what a job gets by a GRES
        "-drive", f"file={work}/nvme0.raw,if=none,id=n0,format=raw", "-device", "nvme,bus=rp3,drive=n0,serial=card0",
        "-drive", f"file={work}/nvme1.raw,if=none,id=n1,format=raw", "-device", "nvme,bus=rp4,drive=n1,serial=card1",
        "-serial", f"file:{work}/console", "-monitor", f"unix:{work}/monitor,server=on,wait=off",
    ]


def prepare(folder, work):
    """A fresh disk and share in WORK, of what is built in FOLDER."""
    shutil.rmtree(work, ignore_errors=True)
    (work / "share").mkdir(parents=True)
    (work / "console").touch()
    fill(folder, work)
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", str((folder / "node/disk.raw").resolve()),
                    str(work / "disk.qcow2")], check=True)
    for name, size in (("lvm", 4 << 30), ("nvme0", 16 << 20), ("nvme1", 16 << 20)):
        with open(work / f"{name}.raw", "wb") as disk:
            disk.write(f"{name}\n".encode())
            disk.truncate(size)


def put(source, target):
    """A copy that appears at once: what reads the old one goes on doing so."""
    shutil.copy(source, f"{target}.new")
    os.replace(f"{target}.new", target)


def put_subjects(work):
    shutil.copytree(HERE / "subjects", work / "share/subjects", copy_function=put, dirs_exist_ok=True)


def fill(folder, work):
    """Puts the subjects and what was built last into the share."""
    share = work / "share"
    put_subjects(work)
    shutil.rmtree(share / "images", ignore_errors=True)
    shutil.copytree(folder / "images", share / "images", copy_function=os.link)
    (share / "product.tar").unlink(missing_ok=True)
    os.link(folder / "product.tar", share / "product.tar")


def start(folder, work, kept):
    """QEMU, which ends with us unless it is kept; returns its Popen."""
    emulator = folder / "emulator"
    loader = emulator / "lib"
    program = work / "ld.so"
    shutil.copy(loader / "ld-linux-x86-64.so.2", program)
    program.chmod(0o755)
    command = ["nice", "-n", "5", *([] if kept else ["setpriv", "--pdeathsig", "KILL"]), str(program),
               "--library-path", str(loader), str(emulator / "qemu-system-x86_64"), *arguments(folder, work)]
    with open(work / "qemu.log", "wb") as log:
        # what its starter holds open, a lock, say, it holds as long as it runs
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, close_fds=not kept,
                                start_new_session=kept)


def connect(work, name):
    sock = socket.socket(socket.AF_UNIX)
    try:
        sock.connect(str(work / name))
    except OSError:
        sock.close()
        raise
    return sock


class Port:
    """A port of the running node; held by one process at a time."""

    def __init__(self, work, number, seconds=10):
        self.work = work
        self.buffer = b""
        self.lock = open(work / f"port{number}.lock", "w")
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self.lock.close()
            raise
        until = time.monotonic() + seconds
        while True:
            try:
                self.sock = connect(work, f"port{number}")
                return
            except OSError:
                if time.monotonic() > until:
                    raise Broken("QEMU does not run: " + self.log()) from None
                time.sleep(0.1)

    def log(self):
        return (self.work / "qemu.log").read_text(errors="replace")

    def close(self):
        self.sock.close()
        self.lock.close()

    def line(self, seconds):
        """The next line of the port, or None where none comes in time."""
        until = time.monotonic() + seconds
        while b"\n" not in self.buffer:
            left = until - time.monotonic()
            if left <= 0 or not select.select([self.sock], [], [], left)[0]:
                return None
            try:
                data = self.sock.recv(65536)
            except ConnectionError:
                data = b""
            if not data:
                raise Broken("QEMU ended: " + self.log())
            self.buffer += data
        text, self.buffer = self.buffer.split(b"\n", 1)
        return text.decode(errors="replace")

    def wait_boot(self):
        """Returns the seconds that it took."""
        since = time.monotonic()
        while True:
            console = (self.work / "console").stat().st_size
            text = self.line(WATCH_SECONDS)
            taken = time.monotonic() - since
            if text and text.startswith("hello"):
                return taken
            if taken >= BOOT_SECONDS:
                still = console == (self.work / "console").stat().st_size
                raise (Still if still else Broken)(f"the node is not up after {taken:.0f} s")

    def reset(self):
        """Cuts the node's power, and waits until it is up again."""
        monitor = connect(self.work, "monitor")
        monitor.sendall(b"system_reset\n")
        time.sleep(0.5)
        monitor.close()
        self.buffer = b""
        return self.wait_boot()

    def run(self, name, seconds, silent, watch=None):
        """Executes /share/NAME; yields its lines, and at last its exit status as a number.

        WATCH is another port: by it the node is asked for a sign of life when this one is silent.
        """
        word = f"{os.getpid()}.{time.monotonic_ns()}"
        self.sock.sendall(f"{word} {name}\n".encode())
        now = time.monotonic()
        until, last = now + seconds, now
        while True:
            text = self.line(min(WATCH_SECONDS if watch else silent, until - now))
            now = time.monotonic()
            if text is None:
                if watch and not watch.answers():
                    raise Still(f"{name}: the node stands still, it has answered nothing for {now - last + WATCH_SECONDS:.0f} s")
                if now >= until or now - last >= silent:
                    raise Silent(f"{name} has said nothing for {silent} s, or is not over after {seconds} s")
                continue
            last = now
            if text.startswith(f"{word}: "):
                yield text[len(word) + 2:]
            elif re.fullmatch(re.escape(word) + r"\. \d+", text):
                yield int(text[len(word) + 2:])
                return
            elif text.startswith("hello"):
                raise Still(f"{name}: the node reset itself")

    def answers(self):
        """Whether the node executes an empty script."""
        try:
            return list(self.run("../dev/null", WATCH_SECONDS, WATCH_SECONDS)) == [0]
        except Silent:
            return False


def stop(work):
    """Ends the QEMU that was kept, which the file pid names."""
    try:
        pid = int((work / "pid").read_text())
        if str(work / "disk.qcow2").encode() not in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes():
            return
        os.kill(pid, signal.SIGKILL)
        for _ in range(100):
            if not pathlib.Path(f"/proc/{pid}").exists():
                return
            time.sleep(0.1)
    except (OSError, ValueError):
        pass
