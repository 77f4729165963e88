# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# The node has booted again, with the record of a job that is no more.
. /share/subjects/lib.bash

services() {
	wait_until 60 systemctl -q is-active munge slurmctld slurmd
	wait_until 60 is_idle || { sinfo -N -l; scontrol show job; return 1; }
	echo "job $(cat /root/job): $(job_state "$(cat /root/job)")"
}

works() {
	as alice srun -n1 --vm=tiny uname -r | grep '^6\.1\.'
}

step 150 "Slurm comes back, and the node is idle" services
step 60 "the job's record, disk and folders are gone" nothing_left
step 200 "srun --vm=tiny works" works
step 60 "nothing is left" nothing_left
