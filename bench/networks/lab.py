# SPDX-License-Identifier: GPL-2.0-or-later
"""A machine without SR-IOV: a bridge, and a device for macvtap, each with a veth to a peer in a network namespace."""
import glob
import os
import shutil
import subprocess

from common.cluster import TREE, Failed

from .plan import Network

# RFC 2544's addresses, for benchmarks alone
BRIDGE, MACVTAP = "198.18.1", "198.18.2"
SECTION = """
[network %s]
type = %s
wait = yes
"""
POOL = "addresses = %s.10-%s.99/24\n"


def ip(*words):
    try:
        subprocess.run(["ip", *words], check=True, capture_output=True, text=True, timeout=30)
    except subprocess.CalledProcessError as error:
        raise Failed("ip %s: %s" % (" ".join(words), error.stderr.strip() or error.returncode)) from None


class Lab:
    def __init__(self):
        word = "wnb%d" % (os.getpid() % 100000)
        self.namespace, self.bridge, self.device = word, word + "b", word + "m"
        self.made, self.server = [], None
        self.missing = []  # of each network that cannot be here: name, why

    def make(self, undo, *words):
        self.made.append(undo)
        ip(*words)

    def veth(self, name, peer, address):
        """A veth whose other end is the namespace's, of that name and address."""
        self.make(("link", "del", name), "link", "add", name, "type", "veth", "peer", "name", peer, "netns", self.namespace)
        ip("-n", self.namespace, "address", "add", address + "/24", "dev", peer)
        ip("-n", self.namespace, "link", "set", peer, "up")
        ip("link", "set", name, "up")

    def up(self):
        self.make(("netns", "del", self.namespace), "netns", "add", self.namespace)
        self.make(("link", "del", self.bridge), "link", "add", self.bridge, "type", "bridge")
        ip("address", "add", BRIDGE + ".2/24", "dev", self.bridge)
        self.veth(self.bridge[:-1] + "u", "bridge", BRIDGE + ".1")
        ip("link", "set", self.bridge[:-1] + "u", "master", self.bridge)
        ip("link", "set", self.bridge, "up")
        self.veth(self.device, "macvtap", MACVTAP + ".1")
        self.server = subprocess.Popen(["ip", "netns", "exec", self.namespace, TREE + "/bench/network", "serve"],
                                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

    def check_macvtap(self):
        name = self.device[:-1] + "t"
        try:
            self.make(("link", "del", name), "link", "add", "link", self.device, "name", name, "type", "macvtap", "mode", "bridge")
            ip("link", "del", name)
        except Failed as why:
            self.missing.append(("macvtap", "this kernel has none: " + str(why)))
            return False
        finally:
            self.made.pop()
        return True

    def networks(self):
        """Those that this machine can have; sections of wnodes.conf."""
        text = SECTION % ("bridge", "bridge") + "bridge = %s\n" % self.bridge + POOL % (BRIDGE, BRIDGE)
        found = [Network("bridge", BRIDGE + ".1")]
        if self.check_macvtap():
            text += SECTION % ("macvtap", "macvtap") + "device = %s\n" % self.device + POOL % (MACVTAP, MACVTAP)
            found.append(Network("macvtap", MACVTAP + ".1"))
        for backend in ("passt", "slirp"):
            if backend == "slirp" or shutil.which(backend):
                text += SECTION % (backend, "user") + "backend = %s\n" % backend
                found.append(Network(backend, BRIDGE + ".1"))
            else:
                self.missing.append((backend, "passt is not installed"))
        functions = glob.glob("/sys/class/net/*/device/virtfn0")
        self.missing.append(("vf", "name the site's network (-n) for it" if functions else
                             "no adapter of this machine has virtual functions"))
        return found, text

    def down(self):
        if self.server:
            self.server.terminate()
            self.server.wait()
        while self.made:
            subprocess.run(["ip", *self.made.pop()], check=False, timeout=30, capture_output=True)
