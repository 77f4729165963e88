# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# kill -9 of what runs a machine: the job ends with 70, and nothing is left.
. /share/subjects/lib.bash

# killed PROGRAM: while a task runs
killed() {
	local pid status=0
	as alice srun -n1 --vm=tiny sh -c 'echo up; sleep 300' >/run/killed.log 2>&1 &
	pid=$!
	wait_until 120 grep -qx up /run/killed.log
	kill -KILL "$(machine_pid "$1")"
	wait $pid || status=$?
	cat /run/killed.log
	equals 70 $status
	nothing_left
}

is_booting() { grep -qs '^state=booting' /run/wnodes/cn1/*/state; }

booting() {
	local pid status=0
	as alice srun -n1 --vm=tiny true >/run/killed.log 2>&1 &
	pid=$!
	wait_until 90 is_booting
	kill -KILL "$(machine_pid wnodes-monitor)"
	wait $pid || status=$?
	cat /run/killed.log
	equals 70 $status
	nothing_left
}

slurmd_too() {
	hold_machine
	kill -KILL "$(systemctl show -p MainPID --value slurmd)"
	sleep 1
	systemctl restart slurmd
	wait_until 60 in_job true
	release_machine
}

step 200 "kill -9 of the reaper" killed wnodes-monitor
step 200 "kill -9 of QEMU" killed qemu-system
step 200 "kill -9 of the relay" killed wnodes-relay
step 200 "kill -9 of the monitor while the machine boots" booting
step 240 "kill -9 of slurmd: the machine and its job live on" slurmd_too
