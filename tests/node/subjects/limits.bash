# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Memory, CPUs, and suspending, by cgroup v2.
. /share/subjects/lib.bash

# of the job's cgroup
job_file() { cat "$(vm_cgroup)/../$1"; }

bounds() {
	local inside
	# less what QEMU may take, and what the machine's kernel keeps to itself
	equals $((704 << 20)) "$(job_file memory.max)"
	inside=$(in_job sed -n 's/^MemTotal: *\([0-9]*\) kB/\1/p' /proc/meminfo)
	echo "the machine has $inside KiB"
	[ "$inside" -le $((448 << 10)) ] && [ "$inside" -gt $((320 << 10)) ]
	equals 2 "$(in_job nproc)"
	equals "$(job_file cpuset.cpus.effective)" "$(cat "$(vm_cgroup)/cpuset.cpus.effective")"
	[ "$(cat "$(vm_cgroup)/memory.current")" -gt $((32 << 20)) ]
}

# more than the machine has: its own kernel kills the task, and it lives on
guest_memory() {
	equals 137 "$(status_of in_job sh -c 'yes | sort >/dev/null')"
	in_job true
}

ticks() { awk '{ sub(/.*\) /, ""); print $12 + $13 }' "/proc/$(machine_pid qemu-system)/stat"; }
is_paused() { as alice wnodes status | grep -q "^$(job) .* paused "; }
is_ready() { as alice wnodes status | grep -q "^$(job) .* ready "; }

suspended() {
	local before
	scontrol suspend "$(job)"
	wait_until 20 is_paused
	before=$(ticks)
	sleep 4
	echo "QEMU took $(($(ticks) - before)) ticks"
	[ $(($(ticks) - before)) -le 12 ]
}

resumed() {
	scontrol resume "$(job)"
	wait_until 20 is_ready
	equals on "$(in_job echo on)"
}

# what the machine's processes need on the host is charged to the job, and bounded by it
host_memory() {
	echo 60M >"$(vm_cgroup)/memory.max"
	in_job sh -c 'yes | sort >/dev/null' || true
	wait_until 60 job_has_ended "$(job)"
	equals "FAILED 70:0" "$(job_state "$(job)") $(job_field "$(job)" ExitCode)"
}

step 200 "a machine of two CPUs and 704 MiB" hold_machine -c2 --mem=704M
step 60 "it has its job's memory and CPUs, and its cgroup bounds them" bounds
step 120 "a task that wants more memory than the machine has dies, and the machine lives" guest_memory
step 60 "scontrol suspend pauses the machine" suspended
step 60 "scontrol resume lets it go on" resumed
step 120 "a machine whose QEMU gets no more memory ends its job, which has exit code 70" host_memory
step 90 "nothing is left" nothing_left
