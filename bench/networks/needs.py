# SPDX-License-Identifier: GPL-2.0-or-later
"""What the benchmark needs: found before a machine is started, each with what to do."""
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


def site(options):
    """What is wrong with the site's node as the options have it, a line each."""
    wrong = programs(("iperf3", "sbatch", "srun", "wnodes", "runuser", "setpriv")) + round_trips() + user(options.user)
    if wrong:
        return wrong
    for network in options.networks:
        if not network.peer:
            wrong.append("%s: where is its peer? -n %s@ADDRESS, or -p ADDRESS" % (network.name, network.name))
    for address in {network.peer: network for network in options.networks if network.peer}.values():
        wrong += peer(address)
    return wrong


def usable(slurm, networks):
    """Of these the ones with which `wnodes check` finds nothing wrong; and the others as name, why."""
    done = subprocess.run(slurm.argv("wnodes", "check"), capture_output=True, text=True, timeout=CHECK_SECONDS, check=False)
    wrong = dict(re.findall(r"(?m)^\[network (\S+)\] (.*)$", done.stdout))
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
