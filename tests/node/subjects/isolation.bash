# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# What the root of a machine with a virtual function can reach, and what Slurm counts of them.
. /share/subjects/lib.bash

prepare() {
	configure <<-EOF
		[network blue]
		type = sriov
		pf = pf0
		vlan = 100
		addresses = 10.100.0.10-10.100.0.20/24
		wait = yes
		[network red]
		type = sriov
		pf = pf0
		account_vlans = physics:200
		addresses = 10.200.0.10-10.200.0.20/24
		wait = yes
		[network counted]
		type = sriov
		pf = pf0, pf1
	EOF
	wnodes check
}

# red has VLANs of accounts alone
denied() {
	equals 77 "$(status_of as alice srun --mem=600M --vm=tiny --vm-network=red true)"
	equals 77 "$(status_of as alice srun --account=chemistry --mem=600M --vm=tiny --vm-network=red true)"
}

two() {
	hold_machine --vm-network=blue
	hold_second --account=physics --vm-network=red
	pings "$(job)" 10.100.0.2
	pings "$(second)" 10.200.0.2
	# each VF has the VLAN of its job's network, the host's own have none
	equals "100 200" "$(ip -d link show pf0 | sed -n 's/.* vlan \([0-9]*\),.*/\1/p' | sort | xargs)"
}

# the other network's address, which the machine's root gives itself
intrude() {
	root_of "$(job)" ip address add 10.200.0.99/24 dev eth0
	equals 1 "$(status_of pings "$(job)" 10.200.0.2)"
	root_of "$(job)" ip address del 10.200.0.99/24 dev eth0
	pings "$(job)" 10.100.0.2
}

# what comes out of the cable: that network's frames have its tag, and no others are its
tags() {
	local mac
	mac=$(root_of "$(job)" cat /sys/class/net/eth0/address)
	capture 30 peer0 -c 6 ether src "$mac"
	root_of "$(job)" ip address add 10.10.0.99/24 dev eth0
	root_of "$(job)" ping -q -c 3 -w 5 10.10.0.2 || true
	pings "$(job)" 10.100.0.2
	wait $listener || true
	cat /run/frames
	[ -s /run/frames ]
	equals "" "$(grep -v 'vlan 100,' /run/frames)"
	root_of "$(job)" ip address del 10.10.0.99/24 dev eth0
}

# spoofchk: another sender's address does not get out
spoof() {
	root_of "$(job)" 'ip link set eth0 down; ip link set eth0 address 02:00:00:00:00:77; ip link set eth0 up' || true
	root_of "$(job)" ip address add 10.100.0.98/24 dev eth0 || true
	capture 20 peer0 ether src 02:00:00:00:00:77
	root_of "$(job)" ping -q -c 3 -w 5 10.100.0.2 || true
	kill $listener
	wait $listener || true
	equals "" "$(cat /run/frames)"
}

gone() {
	scancel "$(second)" "$(job)"
	nothing_left
	equals "" "$(ip -d link show pf0 | sed -n 's/.* vlan \([0-9]*\),.*/\1/p')"
}

# submit_counted: a job that asks Slurm for three VFs and uses one of them
submit_counted() { submit --gres=nic:vf:3 --vm=tiny --vm-network=counted --mem=600M --wrap 'sleep 900'; }

waits_for_resources() { [ "$(job_state "$1") $(job_field "$1" Reason)" = "PENDING Resources" ]; }

counted() {
	local first second third
	first=$(submit_counted)
	second=$(submit_counted)
	third=$(submit_counted)
	wait_until 30 job_is "$first" RUNNING
	wait_until 30 job_is "$second" RUNNING
	wait_until 30 waits_for_resources "$third"
	scancel "$first"
	wait_until 60 job_is "$third" RUNNING
	scancel "$second" "$third"
	nothing_left
}

step 60 "networks with VLANs of their own" prepare
step 60 "who has no VLAN in a network of accounts' VLANs has no machine there" denied
step 300 "two machines, each reaches its own" two
step 120 "an address of the other's does not get a machine there" intrude
step 120 "all that it sends has its VLAN's tag" tags
step 120 "and its own MAC" spoof
step 60 "their VFs have no VLAN afterwards" gone
step 200 "Slurm places no more jobs than it counts VFs" counted
step 30 "the configuration is what it was" configure </dev/null
