# SPDX-License-Identifier: GPL-2.0-or-later
"""What the benchmark needs: found before a machine is started, each with what to do."""
import json
import os
import pwd
import re
import shutil
import socket
import subprocess

from common.cluster import Failed

from . import tools

CONF = "/etc/wnodes/wnodes.conf"
CHECK_SECONDS = 120


def programs(names):
    return ["%s is not installed" % name for name in names if not shutil.which(name)]


def round_trips():
    try:
        tools.build_round_trips()
        return []
    except Failed as why:
        return [str(why)]


def user(name):
    try:
        return ["-u %s: QEMU never runs as root: name an ordinary user" % name] if pwd.getpwnam(name).pw_uid == 0 else []
    except KeyError:
        return ["-u %s: there is no such user" % name]


def peer(network):
    """Its servers, as the host sees them; [] where they answer."""
    try:
        socket.create_connection((network.peer, tools.PORT + tools.PORTS), 5).close()
        return []
    except OSError as error:
        return ["%s: the peer %s, port %d: %s: start `bench/network serve` there" % (
            network.name, network.peer, tools.PORT + tools.PORTS, error.strerror or error)]


def types():
    """Of the networks that wnodes.conf has, and of those that are there without."""
    found, name = {"user": "user", "none": "none"}, None
    with open(CONF) as file:
        for line in file:
            heading = re.match(r"\[(network )?([^]]*)\]", line)
            said = re.match(r"type\s*=\s*(\w+)", line)
            if heading:
                name = heading.group(2) if heading.group(1) else None
            elif said and name:
                found[name] = said.group(1)
    return found


def sections(networks):
    """Networks that no job could name, or that have no NIC."""
    try:
        known = types()
    except OSError as error:
        return ["%s: %s" % (CONF, error.strerror)]
    unknown = ["%s: %s has no [network %s]" % (network.name, CONF, network.name) for network in networks if network.name not in known]
    return unknown + ["%s is of type none: there is nothing to measure" % network.name
                      for network in networks if known.get(network.name) == "none"]


def image(name):
    """Whether the node's catalogue has it."""
    try:
        done = subprocess.run(["wnodes", "images", "--json"], capture_output=True, text=True, timeout=CHECK_SECONDS, check=True)
        names = [row["name"] for row in json.loads(done.stdout)]
    except (subprocess.SubprocessError, ValueError) as error:
        return ["wnodes images: %s" % (getattr(error, "stderr", None) or error)]
    return [] if name in names else ["-i %s: the catalogue has no such image (wnodes images)" % name]


def serve():
    """What is wrong with a peer."""
    return programs(("iperf3", "setpriv")) or round_trips()


def site(options):
    """What is wrong with the site's node as the options have it, a line each."""
    wrong = programs(("iperf3", "sbatch", "srun", "wnodes", "runuser", "setpriv")) or round_trips()
    wrong += user(options.user)
    if wrong:
        return wrong
    wrong += sections(options.networks) + image(options.image)
    for network in options.networks:
        if not network.peer:
            wrong.append("%s: where is its peer? -n %s@ADDRESS, or -p ADDRESS" % (network.name, network.name))
    for address in {network.peer: network for network in options.networks if network.peer}.values():
        wrong += peer(address)
    return wrong


def usable(slurm, networks):
    """Of these the ones with which `wnodes check` finds nothing wrong; and the others as name, why."""
    done = subprocess.run(slurm.argv("wnodes", "check"), capture_output=True, text=True, timeout=CHECK_SECONDS, check=False)
    wrong = dict(re.findall(r"(?m)^\[network (\S+)\]: (.*)$", done.stdout))
    return [network for network in networks if network.name not in wrong], \
        [(network.name, wrong[network.name]) for network in networks if network.name in wrong]


def accelerator():
    """The site's, as wnodes.conf says."""
    try:
        with open(CONF) as file:
            said = re.search(r"(?m)^\s*accelerator\s*=\s*(\w+)", file.read())
    except OSError:
        said = None
    if said and said.group(1) != "auto":
        return said.group(1)
    return "kvm" if os.path.exists("/dev/kvm") else "tcg"
