# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# kill -9 of one of those who run a machine with a virtual function, or of all of them, at
# random moments: each VF is afterwards what it was. In most rounds the machine's kernel
# halts at once: all of the VF's life but the guest's, as of a machine created paused.
. /share/subjects/lib.bash

: "${paused:=10}" "${booted:=2}" "${group:=6}" "${at_once:=2}"

# An ELF kernel with a PVH entry (a Xen note of type 18): hlt, for ever.
halt_kernel() {
	python3 - "$1" <<-'PYTHON'
		import struct, sys
		entry = 0x100000
		note = struct.pack("<III4sQ", 4, 8, 18, b"Xen\0", entry)
		code = b"\xf4\xeb\xfd"
		head = 64 + 2 * 56
		elf = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1", 2, 62, 1, entry, 64, 0, 0, 64, 56, 2, 64, 0, 0)
		elf += struct.pack("<IIQQQQQQ", 1, 5, head, entry, entry, len(code), len(code), 1)
		elf += struct.pack("<IIQQQQQQ", 4, 4, head + len(code) + 1, 0, 0, len(note), len(note), 4)
		open(sys.argv[1], "wb").write(elf + code + b"\0" + note)
	PYTHON
}

kills() { /share/subjects/vf_kills.py "$@"; }

prepare() {
	mkdir -p /srv/halt
	halt_kernel /srv/halt/kernel
	chmod 0444 /srv/halt/kernel
	cat >/etc/wnodes/images.d/halt.conf <<-EOF
		[image]
		source = file:///srv/images/tiny/disk.qcow2
		format = qcow2
		agent = builtin
		memory_min = 64M
		kernel = /srv/halt/kernel
	EOF
	# another VLAN and trust than any of them has
	printf '[network vf]\ntype = sriov\npf = pf0, pf1\nvlan = 100\ntrust = on\naddress = none\n' | configure
	ip link set pf0 vf 1 mac 52:54:00:77:00:01
	ip link set pf0 vf 1 vlan 55 qos 3
	ip link set pf1 vf 0 spoofchk off
	ip link set pf1 vf 1 vlan 66
	kills begin | tee /run/kills.begin
	equals 6 "$(grep -c ' driver igbvf override (null) netdevs 1$' /run/kills.begin)"
}

# How long a machine of this image takes until its QEMU is there, and a second more
life_of() {
	local begun=$EPOCHREALTIME job
	job=$(submit --vm="$1" --vm-network=vf --wrap 'sleep 60')
	wait_until 60 pgrep -x qemu-system-x86
	awk -v s="$(seconds_since "$begun")" 'BEGIN { printf "%.1f\n", s + 1 }' | tee /run/life
	readlink -f /sys/class/net/pf*/device/virtfn*/driver | grep /vfio-pci
	ip -d link show | grep '^ *vf .* vlan 100, spoof checking on.*trust on'
	scancel "$job"
	nothing_left
	kills same
}

# rounds IMAGE COUNT EXTRA: EXTRA seconds of its life are after QEMU's start
rounds() {
	kills kill "$1" "$2" "$(awk -v s="$(cat /run/life)" -v n="$at_once" -v e="$3" 'BEGIN { print s * (3 + n) / 4 + e }')" "$at_once"
	nothing_left
}

# rounds_of TEXT IMAGE COUNT EXTRA SECONDS: COUNT kills of machines TEXT, each allowed SECONDS
rounds_of() {
	local first count
	for first in $(seq 1 "$group" "$3"); do
		count=$((first + group - 1 <= $3 ? group : $3 - first + 1))
		step $((count * $5)) "kills $first to $((first + count - 1)) with the machine $1" rounds "$2" $count "$4"
	done
}

step 60 "six virtual functions are there, and what they are is known" prepare
step 120 "a machine whose kernel halts has one" life_of halt
rounds_of "created paused" halt "$paused" 0 90
rounds_of booted tiny "$booted" 15 120
step 30 "the kills' phases" kills table
cat $step_log
step 60 "nothing is left" nothing_left
