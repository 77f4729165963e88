# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# In the emulated compute node, from /share/bench: networks of each kind; then bench/network
# with what the environment's OPTIONS says.
. /share/subjects/lib.bash
set +m
set -eu

configure <<-EOF
	[network vf]
	type = sriov
	pf = pf0
	addresses = 10.10.0.20-10.10.0.60/24
	numa = ignore
	wait = yes
	wait_timeout = 180
	[network bridge]
	type = bridge
	bridge = br0
	addresses = 10.10.2.20-10.10.2.60/24
	wait = yes
	wait_timeout = 180
	[network macvtap]
	type = macvtap
	device = up1
	addresses = 10.10.3.20-10.10.3.60/24
	wait = yes
	wait_timeout = 180
	[network passt]
	type = user
	backend = passt
	wait = yes
	wait_timeout = 180
	[network slirp]
	type = user
	backend = slirp
	wait = yes
	wait_timeout = 180
EOF

answers() { (: >/dev/tcp/10.10.0.2/5209) 2>/dev/null; }
ip netns exec outside /share/bench/bench/network serve &
server=$!
trap 'kill $server' EXIT
wait_until 60 answers
# shellcheck disable=SC2086 # several words
/share/bench/bench/network --together -u alice -n passt@10.10.0.2 -n slirp@10.10.0.2 -n bridge@10.10.2.2 \
	-n macvtap@10.10.3.2 -n vf@10.10.0.2 -m 512 -s=--oversubscribe ${OPTIONS-}
