#!/usr/bin/env python3
"""Boot an image with bare QEMU and the devices that wnodes-monitor gives it.

usage: bare.py hello IMAGE.conf MEMORY_MIB VCPUS
           seconds from QEMU's start to the first bytes of the agent's HELLO, on
           as many of the host's CPUs as the machine has
       bare.py port IMAGE.conf MEMORY_MIB VCPUS LIBEXECDIR MIB PAIRS
           PAIRS lines of two rates, MB/s, in turn in one machine: `cat` of MIB
           MiB over a bare virtio-serial port, and as a task's standard output
           through agent, relay and wnodes-run

IMAGE.conf is the catalogue's entry.
"""
import array
import configparser
import os
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time

BOUND = 300  # seconds that any wait here may take
WINDOW = 65536


def entry(path):
    parser = configparser.ConfigParser(interpolation=None, strict=True)
    parser.read(path)
    return parser["image"]


class Machine:
    """A QEMU with an agent's port, a spare port and a serial console, in a private folder."""

    def __init__(self, image, memory, vcpus, confined):
        self.folder = tempfile.mkdtemp(prefix="wnodes-bench.", dir="/var/tmp")
        base = image["source"].removeprefix("file://")
        overlay = self.folder + "/overlay.qcow2"
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", base, "-F", image["format"], overlay], check=True)
        argv = ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none", "-machine", "q35,usb=off",
                "-accel", "tcg,tb-size=64", "-m", memory, "-smp", vcpus, "-no-reboot", "-sandbox", "on",
                "-blockdev", "driver=file,filename=%s,node-name=f,cache.no-flush=on" % overlay,
                "-blockdev", "driver=qcow2,file=f,node-name=d,cache.no-flush=on", "-device", "virtio-blk-pci,drive=d",
                "-netdev", "user,id=n", "-device", "virtio-net-pci,netdev=n,romfile=",
                "-object", "rng-random,id=r,filename=/dev/urandom", "-device", "virtio-rng-pci,rng=r",
                "-device", "pvpanic", "-device", "virtio-serial-pci",
                "-chardev", "socket,id=a,server=on,wait=off,path=" + self.folder + "/agent",
                "-device", "virtserialport,chardev=a,name=org.wnodes.agent.0",
                "-chardev", "socket,id=b,server=on,wait=off,path=" + self.folder + "/bare",
                "-device", "virtserialport,chardev=b,name=bare",
                "-chardev", "socket,id=c,server=on,wait=off,path=" + self.folder + "/console", "-serial", "chardev:c", "-S",
                "-qmp", "unix:" + self.folder + "/qmp,server=on,wait=off"]
        if "kernel" in image:
            argv += ["-kernel", image["kernel"], "-initrd", image["initrd"], "-append", image["cmdline"]]
        self.started = time.monotonic()
        # a job's machine has its job's CPUs and no more
        cpus = sorted(os.sched_getaffinity(0))[:int(vcpus)] if confined else os.sched_getaffinity(0)
        self.qemu = subprocess.Popen(argv, stdin=subprocess.DEVNULL, preexec_fn=lambda: os.sched_setaffinity(0, cpus))
        self.agent = self.connect("agent")
        self.bare = self.connect("bare")
        self.console = self.connect("console")
        qmp = self.connect("qmp")
        qmp.sendall(b'{"execute":"qmp_capabilities"}{"execute":"cont"}')
        self.qmp = qmp

    def connect(self, name):
        end = time.monotonic() + 20
        while True:
            s = socket.socket(socket.AF_UNIX)
            try:
                s.connect(self.folder + "/" + name)
                return s
            except OSError:
                s.close()
                if time.monotonic() > end or self.qemu.poll() is not None:
                    raise
                time.sleep(0.005)

    def wait_hello(self):
        """Seconds from QEMU's start to the agent's first byte; nothing is taken from the port."""
        end = time.monotonic() + BOUND
        while time.monotonic() < end:
            ready, _, _ = select.select([self.agent, self.console], [], [], 1)
            if self.console in ready and not self.console.recv(65536):
                sys.exit("bare.py: QEMU ended before HELLO")
            if self.agent in ready:
                return time.monotonic() - self.started
        sys.exit("bare.py: no HELLO within %d s" % BOUND)

    def close(self):
        self.qemu.kill()
        self.qemu.wait()
        shutil.rmtree(self.folder)


class Relay:
    """The product's relay on that machine, and wnodes-run beside it, as wnodes-monitor starts them."""

    def __init__(self, machine, libexec):
        self.libexec, self.folder = libexec, machine.folder
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(self.folder + "/tasks.sock")
        listener.listen(64)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with open(self.folder + "/state", "w") as f:
            f.write("state=ready\nimage=bench\nboot_timeout=300\n")

        def fds():
            for i, fd in enumerate((theirs.fileno(), listener.fileno())):
                os.dup2(fd, 10 + i)
            os.dup2(10, 3)
            os.dup2(11, 4)

        argv = [libexec + "/wnodes-relay", "--machine-name", "bench", "--job", "1", "--uid", "65534", "--gid", "65534",
                "--user", "nobody", "--home", "/", "--shell", "/bin/sh", "--groups", "65534:nogroup"]
        os.chown(self.folder, 65534, 65534)
        os.chown(self.folder + "/tasks.sock", 65534, 65534)
        self.process = subprocess.Popen(argv, preexec_fn=fds, close_fds=False, user=65534, group=65534, extra_groups=[])
        self.control = ours
        ours.sendmsg([b"channel"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
                                     array.array("i", [machine.agent.fileno(), machine.console.fileno()]))])
        ours.settimeout(BOUND)
        while ours.recv(4096) != b"ready":
            pass

    def run(self, *command, **options):
        environment = {"PATH": "/bin:/usr/bin", "WNODES_RUN_DIR": self.folder, "WNODES_RUN_STEP": "1.0"}
        return subprocess.Popen([self.libexec + "/wnodes-run", "--", *command], env=environment, cwd="/", user=65534,
                                group=65534, extra_groups=[], stdin=subprocess.DEVNULL, **options)

    def close(self):
        self.process.kill()
        self.process.wait()


def rate(fd, read, size):
    """MB/s from the first byte of size bytes to the last."""
    got = len(read(fd, WINDOW))
    start = time.monotonic()
    while got < size:
        n = len(read(fd, WINDOW))
        if n == 0:
            sys.exit("bare.py: %d of %d bytes came" % (got, size))
        got += n
    return got / (time.monotonic() - start) / 1e6


def measure_port(machine, libexec, mib, pairs):
    machine.wait_hello()
    relay = Relay(machine, libexec)
    try:
        size = mib << 20
        relay.run("sh", "-c", "head -c %d /dev/zero > /tmp/zeros" % size).wait()
        find = "for p in /sys/class/virtio-ports/*; do read -r n < $p/name; [ \"$n\" = bare ] && cat /tmp/zeros > /dev/${p##*/}; done"
        for _ in range(pairs):
            task = relay.run("/usr/bin/su", "-c", find)  # the port is root's
            bare = rate(machine.bare, lambda s, n: s.recv(n), size)
            task.wait()
            task = relay.run("cat", "/tmp/zeros", stdout=subprocess.PIPE)
            through = rate(task.stdout.fileno(), os.read, size)
            task.wait()
            print("%.1f %.1f" % (bare, through), flush=True)
    finally:
        relay.close()


def main():
    what, conf, memory, vcpus = sys.argv[1:5]
    machine = Machine(entry(conf), memory, vcpus, what == "hello")
    try:
        if what == "hello":
            print("%.3f" % machine.wait_hello())
        else:
            measure_port(machine, sys.argv[5], int(sys.argv[6]), int(sys.argv[7]))
    finally:
        machine.close()


main()
