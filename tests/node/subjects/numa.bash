# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# A machine on two NUMA nodes, with memory that virtiofsd shares.
. /share/subjects/lib.bash

machine() {
	rm -rf /srv/numa
	install -d -o alice -g alice /srv/numa
	hold_machine -c3 --mem=1700M --vm-boot-timeout=100 --vm-mount=/srv/numa:/mnt/numa
}

# CPUs 0 and 1 are of node 0, 2 is of node 1
cpus() {
	local task
	equals 0-1 "$(in_job cat /sys/devices/system/node/online)"
	equals "0-1 2" "$(in_job cat /sys/devices/system/node/node0/cpulist /sys/devices/system/node/node1/cpulist | xargs)"
	# QEMU's other threads come and go
	for task in /proc/"$(machine_pid qemu-system)"/task/*; do
		sed -n 's/^CPU \([0-9]*\)\/.*/\1/p' "$task/comm" | tr '\n' ' ' || continue
		sed -n 's/^Cpus_allowed_list:[[:space:]]*/on /p' "$task/status" || continue
	done 2>/dev/null | grep '^[0-9]' | sort | tee /run/vcpus
	equals "0 on 0 1 on 1 2 on 2" "$(xargs </run/vcpus)"
}

node_kib() { in_job sed -n 's/.* MemTotal: *\([0-9]*\) kB/\1/p' "/sys/devices/system/node/node$1/meminfo"; }

shares() {
	local first second
	first=$(node_kib 0)
	second=$(node_kib 1)
	echo "node 0 has $first KiB, node 1 $second"
	[ $((first * 10 / second)) -ge 17 ] && [ $((first * 10 / second)) -le 23 ]
}

# pages_on NODE CELL: of QEMU's memory that is to be on node CELL, those on node NODE
pages_on() {
	awk -v node="N$1=" -v policy="^[0-9a-f]+ (prefer|prefer [(]many[)]|bind):$2 " '$0 ~ policy {
		for (i = 3; i <= NF; i++) if (index($i, node) == 1) sum += substr($i, length(node) + 1)
	} END { print sum + 0 }' "/proc/$(machine_pid qemu-system)/numa_maps"
}

# what the guest has on its node is on the host's node of the same CPUs
memory() {
	local before after
	grep -E ' (prefer|bind)' "/proc/$(machine_pid qemu-system)/numa_maps"
	before=$(pages_on 1 1)
	in_job sh -c 'taskset 4 head -c 120000000 /dev/zero >/dev/shm/file'
	after=$(pages_on 1 1)
	grep MemFree /sys/devices/system/node/node*/meminfo
	echo "guest node 1 had $before pages on host node 1, now $after; on host node 0: $(pages_on 0 1)"
	echo "guest node 0: $(pages_on 0 0) on host node 0, on host node 1: $(pages_on 1 0)"
	[ $((after - before)) -ge 25000 ]
	[ "$(pages_on 0 1)" -le 2000 ] && [ "$(pages_on 1 0)" -le 2000 ]
	[ "$(pages_on 0 0)" -ge 10000 ]
	in_job rm /dev/shm/file
}

is_paused() { as alice wnodes status | grep -q "^$(job) .* paused "; }
is_ready() { as alice wnodes status | grep -q "^$(job) .* ready "; }

files() {
	in_job sh -c 'head -c 4000000 /dev/urandom >/mnt/numa/file && sha256sum </mnt/numa/file' >/run/inside
	equals "$(sha256sum </srv/numa/file)" "$(cat /run/inside)"
	in_job rm /mnt/numa/file
	equals "" "$(find /srv/numa -type f)"
}

# a task that has a file open meanwhile
suspended() {
	local task
	rm -f /srv/numa/*
	in_job sh -c 'exec >/mnt/numa/open; echo before; while [ ! -e /mnt/numa/note ]; do sleep 0.5; done; echo after' &
	task=$!
	wait_until 20 grep -qsx before /srv/numa/open
	scontrol suspend "$(job)"
	wait_until 20 is_paused
	echo 'while it stood still' >/srv/numa/note
	sleep 3
	equals before "$(cat /srv/numa/open)"
	scontrol resume "$(job)"
	wait_until 20 is_ready
	equals 'while it stood still' "$(in_job cat /mnt/numa/note)"
	wait $task
	equals "before after" "$(xargs </srv/numa/open)"
}

step 150 "a machine of three CPUs on two NUMA nodes" machine
step 60 "its NUMA nodes have the CPUs of the host's, each pinned to one" cpus
step 60 "and memory in proportion" shares
step 120 "which is the host node's" memory
step 90 "virtiofs shares it" files
step 120 "a suspended machine goes on with its files" suspended
step 90 "nothing is left" release_machine
