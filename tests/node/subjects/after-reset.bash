# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# The node has booted again, with the records of jobs that are no more.
. /share/subjects/lib.bash

services() { wait_until 90 systemctl -q is-active munge slurmctld slurmd; }

# of all units: journald does not always know whose a program was that has ended
said_swept() { journalctl -b --no-pager | grep "job $1 on cn1 is no more: swept"; }

# before slurmd took anything on: nothing depends on the controller
swept() {
	local job
	no_leftovers || { leftovers; return 1; }
	while read -r job; do
		wait_until 10 said_swept "$job"
	done </root/jobs
}

functions() {
	equals "" "$(ip link | grep ' vlan ')"
	equals 6 "$(readlink /sys/class/net/pf[01]/device/virtfn*/driver | grep -c 'igbvf$')"
}

works() {
	as alice srun -n1 --vm=tiny --vm-network=vf uname -r | grep '^6\.1\.'
}

# not nothing_left: the controller, which started with the node, counts the lost job for minutes
unchanged() {
	wait_until 30 no_leftovers || { leftovers; return 1; }
	sha256sum --quiet -c /root/image.sha256
}

step 120 "Slurm comes back" services
step 30 "the jobs' records, disks and folders were swept" swept
step 20 "no lease is left, and the virtual functions are the host's" functions
step 200 "srun --vm=tiny with a virtual function works" works
step 60 "nothing is left, and the image is what it was" unchanged
