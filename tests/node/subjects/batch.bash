# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Batch jobs in machines: scripts, Slurm's commands in them, ends.
. /share/subjects/lib.bash

script() {
	local job
	cat >/home/alice/job.sh <<-'EOF'
		#!/bin/sh
		#SBATCH --vm=tiny --output=job.out -n1
		echo "script in $(hostname) as $(id -u)"
		srun -n1 sh -c 'echo "step $SLURM_STEP_ID"; exit 5'
		echo "code $?"
		echo "piped" | srun -n1 cat | tr a-z A-Z
		squeue -h -j "$SLURM_JOB_ID" -o %T
		exit 4
	EOF
	chown alice /home/alice/job.sh
	job=$(as alice sbatch --parsable job.sh)
	wait_until 150 job_has_ended "$job"
	cat /home/alice/job.out
	equals "script in cn1-$job as $(id -u alice) step 0 code 5 PIPED RUNNING" \
		"$(grep -v '^srun: error' /home/alice/job.out | xargs)"
	equals "FAILED 4:0" "$(job_state "$job") $(job_field "$job" ExitCode)"
}

export_none() {
	local job
	job=$(submit --vm=tiny --export=NONE --wrap 'uname -r')
	wait_until 150 job_has_ended "$job"
	grep '^6\.1\.' "/home/alice/job-$job.out"
}

cancel_booting() {
	local job
	job=$(submit --vm=tiny --wrap 'sleep 600')
	wait_until 30 job_is "$job" RUNNING
	scancel "$job"
	nothing_left
}

cancel_running() {
	local job
	# shellcheck disable=SC2016
	job=$(submit --vm=tiny --wrap 'trap "echo trapped; exit 0" TERM; echo up; while :; do sleep 0.2; done')
	wait_until 120 grep -qsx up "/home/alice/job-$job.out"
	scancel "$job"
	nothing_left
	grep -x trapped "/home/alice/job-$job.out"
}

denied() {
	equals 64 "$(status_of as alice srun -n1 --vm=no-such-image true)"
	equals 77 "$(status_of srun -n1 --vm=tiny true)"
	nothing_left
}

step 240 "a batch script with steps of its own, and its exit code" script
step 200 "a script that gets no environment runs in the machine, too" export_none
step 90 "scancel while the machine boots leaves nothing" cancel_booting
step 180 "scancel reaches a running script" cancel_running
step 90 "an unknown image and root's job are refused" denied
step 60 "nothing is left" nothing_left
