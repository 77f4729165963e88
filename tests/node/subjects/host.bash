# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Jobs without a machine are as they were without the product.
. /share/subjects/lib.bash

hello() {
	equals cn1 "$(timeout 40 setpriv --reuid alice --regid alice --init-groups srun -n1 hostname)"
}

code() {
	equals 3 "$(status_of as alice srun -n1 sh -c 'exit 3')"
}

cgroup() {
	as alice srun -n1 cat /proc/self/cgroup | tee /dev/stderr | grep -E '^0::/.*slurmstepd.scope/job_[0-9]+/step_0/'
}

step 60 "a host job" hello
step 60 "its exit code" code
step 60 "it is in a cgroup v2 of Slurm's scope" cgroup
step 60 "nothing is left" nothing_left
