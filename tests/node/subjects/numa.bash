# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# A machine on two NUMA nodes, with memory that virtiofsd shares.
. /share/subjects/lib.bash

# the emulated CPUs lose one in ten machines with several vCPUs in their first seconds
machine() {
	install -d -o alice -g alice /srv/numa
	hold_machine -c3 --mem=1700M --vm-mount=/srv/numa:/mnt/numa && return
	echo "once more"
	scancel "$(job)"
	nothing_left
	hold_machine -c3 --mem=1700M --vm-mount=/srv/numa:/mnt/numa
}

# CPUs 0 and 1 are of node 0, 2 is of node 1
cpus() {
	local task
	equals 0-1 "$(in_job cat /sys/devices/system/node/online)"
	equals "0-1 2" "$(in_job cat /sys/devices/system/node/node0/cpulist /sys/devices/system/node/node1/cpulist | xargs)"
	for task in /proc/"$(machine_pid qemu-system)"/task/*; do
		sed -n 's/^CPU \([0-9]*\)\/.*/\1/p' "$task/comm" | tr '\n' ' '
		sed -n 's/^Cpus_allowed_list:[[:space:]]*/on /p' "$task/status"
	done | grep '^[0-9]' | sort | tee /run/vcpus
	equals "0 on 0 1 on 1 2 on 2" "$(xargs </run/vcpus)"
}

node_mib() { in_job sed -n 's/.* MemTotal: *\([0-9]*\) kB/\1/p' "/sys/devices/system/node/node$1/meminfo"; }

shares() {
	local first second
	first=$(node_mib 0)
	second=$(node_mib 1)
	echo "node 0 has $first KiB, node 1 $second"
	[ $((first * 10 / second)) -ge 17 ] && [ $((first * 10 / second)) -le 23 ]
}

# pages_on NODE POLICY: of QEMU's memory with that policy
pages_on() {
	awk -v node="N$1=" -v policy="$2" '$2 ~ "^(prefer|bind)" && $2 ~ policy "$" {
		for (i = 3; i <= NF; i++) if (index($i, node) == 1) sum += substr($i, length(node) + 1)
	} END { print sum + 0 }' "/proc/$(machine_pid qemu-system)/numa_maps"
}

# what the guest has on its node is on the host's node of the same CPUs
memory() {
	local before after
	before=$(pages_on 1 ':1')
	in_job sh -c 'taskset 4 head -c 120000000 /dev/zero >/dev/shm/file'
	after=$(pages_on 1 ':1')
	echo "guest node 1 had $before pages on host node 1, now $after; on host node 0: $(pages_on 0 ':1')"
	echo "guest node 0: $(pages_on 0 ':0') on host node 0, on host node 1: $(pages_on 1 ':0')"
	[ $((after - before)) -ge 25000 ]
	[ "$(pages_on 0 ':1')" -le 2000 ] && [ "$(pages_on 1 ':0')" -le 2000 ]
	[ "$(pages_on 0 ':0')" -ge 10000 ]
	in_job rm /dev/shm/file
}

is_paused() { as alice wnodes status | grep -q "^$(job) .* paused "; }
is_ready() { as alice wnodes status | grep -q "^$(job) .* ready "; }

files() {
	in_job sh -c 'head -c 20000000 /dev/urandom >/mnt/numa/file && sha256sum </mnt/numa/file' >/run/inside
	equals "$(sha256sum </srv/numa/file)" "$(cat /run/inside)"
	scontrol suspend "$(job)"
	wait_until 20 is_paused
	echo 'while it stood still' >/srv/numa/note
	scontrol resume "$(job)"
	wait_until 20 is_ready
	equals 'while it stood still' "$(in_job cat /mnt/numa/note)"
	in_job rm /mnt/numa/file
}

step 400 "a machine of three CPUs on two NUMA nodes" machine
step 60 "its NUMA nodes have the CPUs of the host's, each pinned to one" cpus
step 60 "and memory in proportion" shares
step 120 "which is the host node's" memory
step 120 "virtiofs shares it; a suspended machine goes on with its files" files
step 60 "nothing is left" release_machine
