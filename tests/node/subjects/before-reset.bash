# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Machines run when the node loses its power, one of them on a volume of LVM.
. /share/subjects/lib.bash

overlay() {
	hold_machine
	job >/root/jobs
}

volume() {
	local job
	printf '[disk]\nmodes = overlay, block\nthin_pool = vg0/thin\n' | configure
	job=$(submit --vm=tiny --vm-disk=block --wrap 'sleep 900')
	wait_until 30 job_is "$job" RUNNING
	as alice srun --jobid="$job" --overlap -n1 true
	lvs --noheadings --options lv_name vg0 | grep "wnodes-cn1-$job.0"
	echo "$job" >>/root/jobs
}

recorded() {
	find /var/lib/wnodes/jobs -mindepth 2 -type f
	equals "$(wc -l </root/jobs)" "$(find /var/lib/wnodes/jobs -mindepth 1 -maxdepth 1 -type d | wc -l)"
	[ -n "$(find /var/lib/wnodes/overlays -type f)" ]
	sync
}

step 200 "a machine runs" overlay
[ ! -e /dev/vg0 ] || step 200 "another one, whose disk is a volume of LVM" volume
step 20 "their records and disks are there" recorded
