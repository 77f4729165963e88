# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# kill -9 of one of those who run a machine with a virtual function, or of all of them, at
# random moments: each VF is afterwards what it was. In most rounds the machine's kernel
# halts at once: all of the VF's life but the guest's, as of a machine created paused.
. /share/subjects/lib.bash

: "${paused:=10}" "${booted:=2}" "${group:=6}"

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

# Each VF as the kernel has it.
vf_states() {
	local pf vf
	for pf in pf0 pf1; do
		ip -d link show dev $pf | grep '^ *vf '
		for vf in "/sys/class/net/$pf/device"/virtfn*; do
			echo "$pf ${vf##*/} $(readlink -f "$vf/driver") $(cat "$vf/driver_override") $(ls "$vf/net" 2>&1 | wc -l)"
		done
	done
}

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
	printf '[network vf]\ntype = sriov\npf = pf0, pf1\n' | configure
	vf_states | tee /run/vf.states
	equals 6 "$(grep -c igbvf /run/vf.states)"
}

# programs NAME…: the processes that execute one of these
programs() {
	local name
	# what ends while find looks is no error of ours
	for name; do find /proc/[0-9]*/exe -maxdepth 0 -lname "*/$name" -printf '%h\n' 2>/dev/null || true; done | cut -d/ -f3
}

victims() {
	case $1 in
	monitor) programs wnodes-monitor ;;
	qemu) programs qemu-system-x86_64 ;;
	helper) programs wnodes-helper ;;
	slurmstepd) programs slurmstepd ;;
	slurmd) systemctl show -p MainPID --value slurmd ;;
	machine) cat "$(vm_cgroup)/cgroup.procs" ;;
	esac 2>/dev/null
}

phases() { cat /var/lib/wnodes/vf/* 2>/dev/null | sed -n 's/^phase=//p' | xargs; }

# kill_some WHO: one of them, or all where it is a machine; looks for one for two seconds
kill_some() {
	local who=$1 pids until=$((SECONDS + 2))
	until pids=$(victims "$who" | grep .); do
		[ $SECONDS -lt $until ] || { echo "$who: none there, phase '$(phases)'"; return 0; }
	done
	[ "$who" = machine ] || pids=$(shuf -n 1 <<<"$pids")
	echo "$who: $(xargs <<<"$pids"), phase '$(phases)'"
	# shellcheck disable=SC2086 # a word each
	kill -KILL $pids 2>/dev/null || true
	[ "$who" != slurmd ] || systemctl restart slurmd
}

# What a site's administrator does where Slurm took the node away.
revive() {
	local reason
	reason=$(sinfo -h -N -n cn1 -o %E)
	echo "the node is $(node_state): $reason"
	case $reason in *irtual\ function* | *VF*) return 1 ;; esac
	wnodes sweep
	scontrol update nodename=cn1 state=resume
	wait_until 30 is_idle
}

# round IMAGE SECONDS: of its life, in which the kill falls
round() {
	local job who delay
	read -r who delay < <(python3 -c "import random; print(
		random.choice('monitor qemu helper slurmstepd slurmd machine end'.split()), f'{random.uniform(0, $2):.2f}')")
	job=$(submit --vm="$1" --vm-network=vf --wrap 'sleep 60')
	sleep "$delay"
	if [ "$who" = end ]; then
		scancel "$job"
		sleep "0.$((RANDOM % 10))"
		who=helper
	fi
	echo "$1: job $job, after $delay s"
	kill_some $who
	scancel "$job"
	wait_until 60 job_has_ended "$job"
	wait_until 40 no_leftovers || wnodes sweep
	no_leftovers || { leftovers; return 1; }
	wait_until 20 is_idle || revive
	diff /run/vf.states <(vf_states)
}

# How long a machine of this image takes until its QEMU is there, and a second more
life_of() {
	local begun=$EPOCHREALTIME job
	job=$(submit --vm="$1" --vm-network=vf --wrap 'sleep 60')
	wait_until 60 eval 'victims qemu | grep .'
	echo "QEMU is there after $(seconds_since "$begun") s"
	awk -v s="$(seconds_since "$begun")" 'BEGIN { printf "%.1f\n", s + 1 }' >/run/life
	readlink -f /sys/class/net/pf*/device/virtfn*/driver | grep /vfio-pci
	scancel "$job"
	nothing_left
	diff /run/vf.states <(vf_states)
}

# rounds IMAGE COUNT EXTRA: EXTRA seconds of its life are after QEMU's start
rounds() {
	local i
	for i in $(seq "$2"); do round "$1" "$(awk -v s="$(cat /run/life)" -v e="$3" 'BEGIN { print s + e }')"; done
}

step 60 "six virtual functions are there, and what they are is known" prepare
step 120 "a machine whose kernel halts has one" life_of halt
for first in $(seq 1 "$group" "$paused"); do
	count=$((first + group - 1 <= paused ? group : paused - first + 1))
	step $((count * 90)) "kills $first to $((first + count - 1)) with the machine created paused" rounds halt $count 0
done
for first in $(seq 1 "$group" "$booted"); do
	count=$((first + group - 1 <= booted ? group : booted - first + 1))
	step $((count * 120)) "kills $first to $((first + count - 1)) with the machine booted" rounds tiny $count 15
done
step 60 "nothing is left" nothing_left
