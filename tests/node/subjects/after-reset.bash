# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# The node has booted again, with the record of a job that is no more.
. /share/subjects/lib.bash

services() { wait_until 90 systemctl -q is-active munge slurmctld slurmd; }

# before slurmd took anything on: nothing depends on the controller
swept() {
	no_leftovers || { leftovers; return 1; }
	journalctl -b -u slurmd --no-pager | grep "job $(cat /root/job) on cn1 is no more: swept"
}

# A controller that has just started itself gives a job some time to be found on its node,
# and looks only when the node registers.
registers_idle() {
	systemctl restart slurmd
	wait_until 20 is_idle
}
failed() {
	wait_until 120 registers_idle
	equals NODE_FAIL "$(job_state "$(cat /root/job)")"
}

works() {
	as alice srun -n1 --vm=tiny uname -r | grep '^6\.1\.'
}

unchanged() { nothing_left && sha256sum --quiet -c /root/image.sha256; }

step 120 "Slurm comes back" services
step 30 "the job's record, disk and folders were swept" swept
step 150 "the job is known to have failed with its node" failed
step 200 "srun --vm=tiny works" works
step 60 "nothing is left, and the image is what it was" unchanged
