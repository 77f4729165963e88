# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# srun --vm on the node: KVM, exit codes, signals, streams.
. /share/subjects/lib.bash

first() {
	as alice srun -n1 --vm=tiny uname -r | tee /dev/stderr | grep '^6\.1\.'
}

kvm() {
	local pid
	pid=$(machine_pid qemu-system)
	tr '\0' '\n' <"/proc/$pid/cmdline" | grep -x -e '-accel' -A 1 | grep '^kvm'
	equals alice "$(stat -c %U "/proc/$pid")"
	find "/proc/$pid/fd" -lname /dev/kvm | grep .
	grep "job_$(job)/vm" "/proc/$pid/cgroup"
	in_job grep -m 1 -ow hypervisor /proc/cpuinfo
}

streams() {
	local sum
	sum=$(head -c 3000000 /dev/urandom | tee /run/data | sha256sum)
	equals "$sum" "$(in_job sha256sum </run/data)"
	equals "$sum" "$(in_job cat </run/data | sha256sum)"
}

codes() {
	equals 0 "$(status_of in_job true)"
	equals 7 "$(status_of in_job sh -c 'exit 7')"
	equals 127 "$(status_of in_job no-such-program)"
}

identity() {
	equals "$(id -u alice) /home/alice" "$(in_job sh -c 'echo $(id -u) $HOME')"
}

programs() {
	printf '0 uname -r\n1 expr 1 - %%t\n' >/home/alice/programs
	equals 1 "$(status_of as alice srun --jobid="$(job)" --overlap -n2 --multi-prog programs 2>/run/programs.log)"
	cat /run/programs.log
	grep '^6\.1\.' /run/programs.log
	grep -x 0 /run/programs.log
}

commands() {
	as alice wnodes images | grep '^tiny '
	as alice wnodes status | tee /dev/stderr | grep "^$(job) .* ready "
}

signals() {
	local step log=/run/signals.log pid status=0
	: >$log
	in_job sh -c 'trap "echo caught; exit 9" USR1; echo ready; while :; do sleep 0.2; done' >$log 2>&1 &
	pid=$!
	wait_until 40 grep -qx ready $log
	step=$(squeue -h -s -j "$(job)" -o %i | grep -E '\.[0-9]+$' | tail -n 1)
	scancel -s USR1 "$step"
	wait_until 20 grep -qx caught $log
	wait $pid || status=$?
	equals 9 $status
}

step 200 "srun --vm=tiny runs in a machine" first
step 60 "it leaves nothing" nothing_left
step 200 "a batch job of two CPUs in a machine, and a step in it" hold_machine -n2
step 40 "QEMU is the job's user's, runs on KVM and in the job's cgroup" kvm
step 60 "3 MB through stdin and stdout" streams
step 60 "exit codes" codes
step 40 "the user and his home" identity
step 60 "srun --multi-prog" programs
step 40 "wnodes images and wnodes status" commands
step 60 "a signal reaches the task" signals
step 60 "scancel ends it and nothing is left" release_machine
