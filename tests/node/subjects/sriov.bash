# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# A virtual function's life: what it is before, with and after a machine; where none can be
# had; and where it cannot be put back.
. /share/subjects/lib.bash

networks() {
	configure <<-EOF
		[network fast]
		type = sriov
		pf = pf0
		address = none
		mac_pool = 02:00:00:00:10:10-02:00:00:00:10:1f
		[network tagged]
		type = sriov
		pf = pf0
		vlan = 100
		trust = on
		wait = yes
		[network near]
		type = sriov
		pf = pf0, pf1
		numa = strict
		address = none
		[network better]
		type = sriov
		pf = pf0, pf1
		numa = prefer
		address = none
		[network far]
		type = sriov
		pf = pf1
		numa = ignore
		addresses = 10.10.1.60-10.10.1.69/24
		gateway = 10.10.1.2
		wait = yes
		[network far-strict]
		type = sriov
		pf = pf1
		numa = strict
		address = none
		[network shared]
		type = sriov
		pf = pf2
		address = none
		[network two]
		type = sriov
		pf = pf1
		address = none
	EOF
}

# attributes PF: what the adapter says of its VFs
attributes() { ip -d link show dev "$1" | sed -n 's/^ *\(vf [0-9]\)/\1/p'; }

states() {
	local pf vf
	for pf in pf0 pf1; do
		attributes $pf
		for vf in "/sys/class/net/$pf/device"/virtfn*; do
			echo "$pf ${vf##*/} $(basename "$(readlink -f "$vf/driver")") $(cat "$vf/driver_override")"
		done
	done
}

before() {
	networks
	wnodes check || true
	# one that the administrator has set up by himself
	ip link set pf0 vf 0 mac 52:54:00:77:00:00
	ip link set pf0 vf 0 vlan 55 qos 3
	ip link set pf0 vf 0 spoofchk off
	ip link set pf0 vf 0 trust on
	states | tee /run/vf.before
}

# in_root COMMAND: as the root of the job's machine
in_root() { in_job su -c "$*"; }

# Of the machine's NICs, whatever the guest calls them.
drivers() { in_root 'for driver in /sys/class/net/*/device/driver; do readlink $driver; done'; }

with() {
	hold_machine --vm-network=fast
	attributes pf0 | tee /run/vf.with
	grep '^vf 0 .*link/ether 02:00:00:00:10:1[0-9a-f] .*spoof checking on.*trust off' /run/vf.with
	equals 0 "$(grep -c vlan /run/vf.with)"
	states | grep -x 'pf0 virtfn0 vfio-pci vfio-pci'
	cat /var/lib/wnodes/vf/*
	grep -x phase=ready /var/lib/wnodes/vf/*
	# the host's own node stays root's; QEMU has one of its own
	equals "root 600" "$(stat -c '%U %a' /dev/vfio/[0-9]*)"
	drivers | grep '/igbvf$'
}

reaches() {
	local nic
	nic=$(in_root 'cd /sys/class/net; for nic in *; do [ ! -e $nic/device ] || echo $nic; done')
	equals "$(sed -n 's/^vf 0 .*ether \([0-9a-f:]*\) brd.*/\1/p' /run/vf.with)" "$(in_root "cat /sys/class/net/$nic/address")"
	in_root "ip link set $nic up && ip address add 10.10.0.50/24 dev $nic"
	wait_until 30 in_root "ping -c 1 -w 2 10.10.0.1"
	in_root "ping -c 1 -w 5 10.10.0.2"
}

spans() {
	as alice wnodes status "$(job)" | tee /run/status
	grep "^  network fast (sriov): 02:00:00:00:10:1[0-9a-f], VF 0 of $(basename "$(readlink -f /sys/class/net/pf0/device)")$" /run/status
	grep 'virtual functions handed over' /run/status
	grep 'that, [0-9]* ms were spent on virtual functions.*: lease [0-9]*, attributes [0-9]*, vfio-pci [0-9]*$' /run/status
}

vf_ms() { sed -n 's/^vf_ms[.]*//p' /var/lib/wnodes/jobs/cn1/*/record | sed 's/^=/all=/' | xargs; }

after() {
	release_machine
	diff /run/vf.before <(states)
}

# the same VF with a network's VLAN and trust, and one of the other adapter
pair() {
	submit --vm=tiny --vm-network=tagged,far --wrap 'ip route; ip -4 -o address; sleep 900' >/run/job
	wait_until 30 job_is "$(job)" RUNNING
	in_job true
	attributes pf0 | grep '^vf 0 .*vlan 100, spoof checking on.*trust on'
	states | grep -c ' vfio-pci vfio-pci$' | grep -x 2
	drivers | grep -c '/igbvf$' | grep -x 2
}

# the one by DHCP, the other out of a pool
addresses() {
	local out
	out=/home/alice/job-$(job).out
	wait_until 10 grep -E ' inet 10\.10\.1\.6[0-9]/24 ' "$out"
	cat "$out"
	grep -E ' inet 10\.100\.0\.1[0-5][0-9]/24 ' "$out"
	grep -E '^default via 10\.10\.1\.2 ' "$out"
	in_root ping -c 1 -w 5 10.100.0.2
	in_root ping -c 1 -w 5 10.10.1.2
	after
}

# fails_with TEXT SRUN-ARGUMENTS…: with 75, and leaves nothing
fails_with() {
	local text=$1
	shift
	equals 75 "$(status_of as alice srun -n1 --vm=tiny "$@" true 2>/run/failure.log)"
	cat /run/failure.log
	grep "$text" /run/failure.log
	nothing_left
	diff /run/vf.before <(states)
}

# a third job where an adapter has two, and Slurm counts none
full() {
	local first second
	first=$(submit --vm=tiny --mem=600M --vm-network=two --wrap 'sleep 900')
	second=$(submit --vm=tiny --mem=600M --vm-network=two --wrap 'sleep 900')
	wait_until 30 job_is "$first" RUNNING
	wait_until 30 job_is "$second" RUNNING
	wait_until 60 eval '[ "$(grep -lx phase=ready /var/lib/wnodes/vf/* | wc -l)" -eq 2 ]'
	equals 75 "$(status_of as alice srun -n1 --mem=600M --vm=tiny --vm-network=two true 2>/run/failure.log)"
	grep 'no VF is free: jobs have 2' /run/failure.log
	scancel "$first" "$second"
	nothing_left
	diff /run/vf.before <(states)
}

# said PATTERN: by wnodes check
said() {
	wnodes check >/run/check.log || true
	cat /run/check.log
	grep "$1" /run/check.log
}

down() {
	ip link set pf0 down
	said '^\[network fast\]: the adapter pf0 is down'
	fails_with 'the adapter pf0 is down' --vm-network=fast
	ip link set pf0 up
}

used() {
	local vf
	vf=$(ls /sys/class/net/pf0/device/virtfn0/net)
	ip link set "$vf" up
	states >/run/vf.before
	hold_machine --vm-network=fast
	states | grep -x 'pf0 virtfn0 igbvf (null)'
	states | grep -x 'pf0 virtfn1 vfio-pci vfio-pci'
	after
	ip link set "$vf" down
	states | tee /run/vf.before
}

no_acs() {
	fails_with 'its IOMMU group .* has other devices in it' --vm-network=shared
	said '^\[network shared\]: the adapter pf2: .* its IOMMU group .* has other devices in it'
}

# The NUMA node of the adapter whose VF the machine has.
node_of_vf() {
	local lease
	lease=$(find /var/lib/wnodes/vf -type f ! -name '*lock' -printf '%f\n')
	cat "/sys/bus/pci/devices/${lease%.*}/numa_node"
}

# CPU 2 is node 1's: a job on it alone, since another one has the two of node 0
numa() {
	local other
	hold_machine --vm-network=near
	equals 0 "$(node_of_vf)"
	after
	fails_with 'on the NUMA nodes of the job' --vm-network=far-strict
	other=$(submit -n2 --mem=600M --wrap 'sleep 900')
	wait_until 30 job_is "$other" RUNNING
	hold_machine --vm-network=better
	equals 1 "$(node_of_vf)"
	scancel "$(job)" "$other"
	nothing_left
	diff /run/vf.before <(states)
}

drained_for() { scontrol -o show node cn1 | grep "Reason=.*$1"; }

# what its driver was is not there when it is to be put back
quarantine() {
	hold_machine --vm-network=fast
	modprobe -r igbvf
	scancel "$(job)"
	wait_until 60 drained_for 'VF 0 of .* cannot be restored'
	wait_until 30 grep -x phase=quarantined /var/lib/wnodes/vf/*
	grep '^reason=' /var/lib/wnodes/vf/*
	said 'VF 0 of .* is quarantined'
	wnodes status | grep -A 1 "^$(job) .* quarantined " | grep igbvf
}

# another job of the node gets another one
avoided() {
	modprobe igbvf
	udevadm settle -t 20
	scontrol update nodename=cn1 state=resume
	hold_machine --vm-network=fast
	states | grep -x 'pf0 virtfn1 vfio-pci vfio-pci'
	scancel "$(job)"
	wait_until 60 job_has_ended "$(job)"
	wait_until 30 is_idle
}

lifted() {
	wnodes sweep
	nothing_left
	diff /run/vf.before <(states)
}

undo() {
	configure </dev/null
	ip link set pf0 vf 0 vlan 0
	ip link set pf0 vf 0 spoofchk on
	ip link set pf0 vf 0 trust off
}

step 60 "networks of virtual functions, one of which the administrator has set up" before
step 300 "a machine has a VF: its MAC, no VLAN, spoofchk on, trust off; igbvf drives it" with
step 90 "it reaches the adapter and the peer outside" reaches
step 30 "what it took of the helper's time is shown: $(vf_ms) ms" spans
step 60 "it is afterwards what it was" after
step 300 "two VFs in a machine; VLAN and trust as the network says" pair
step 60 "by DHCP and of a pool both had an address before the first task; they reach the peers outside" addresses
step 400 "a job that finds no VF ends with 75" full
step 90 "the adapter is down: 75, and it says so" down
step 300 "a VF that the host uses is left alone" used
step 90 "VFs that share their IOMMU group are refused" no_acs
step 480 "VFs on the NUMA nodes of the job's CPUs: strict, prefer, ignore" numa
step 300 "what cannot be put back is quarantined, and the node drained" quarantine
step 300 "nobody gets it" avoided
step 60 "wnodes sweep puts it back" lifted
step 30 "the configuration is what it was" undo
