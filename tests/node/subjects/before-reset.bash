# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Machines run when the node loses its power: one on a volume of LVM, one with a virtual function.
. /share/subjects/lib.bash

overlay() {
	hold_machine
	job >/root/jobs
}

prepare() {
	{
		[ ! -e /dev/vg0 ] || printf '[disk]\nmodes = overlay, block\nthin_pool = vg0/thin\n'
		printf '[network vf]\ntype = sriov\npf = pf0, pf1\nvlan = 100\naddress = none\n'
	} | configure
	wnodes check
}

with_function() {
	local job
	job=$(submit --vm=tiny --vm-network=vf --wrap 'sleep 900')
	wait_until 30 job_is "$job" RUNNING
	as alice srun --jobid="$job" --overlap -n1 true
	ls /var/lib/wnodes/vf
	ip link | grep 'vlan 100,'
	echo "$job" >>/root/jobs
}

volume() {
	local job
	job=$(submit --vm=tiny --vm-disk=block --wrap 'sleep 900')
	wait_until 30 job_is "$job" RUNNING
	as alice srun --jobid="$job" --overlap -n1 true
	lvs --noheadings --options lv_name vg0 | grep "wnodes-cn1-$job.0"
	echo "$job" >>/root/jobs
}

recorded() {
	find /var/lib/wnodes/jobs -mindepth 2 -type f
	equals "$(wc -l </root/jobs)" "$(find /var/lib/wnodes/jobs -mindepth 2 -maxdepth 2 -type d | wc -l)"
	[ -n "$(find /var/lib/wnodes/overlays -type f)" ]
	sync
}

step 30 "a volume of LVM and a virtual function are to be had" prepare
step 200 "a machine runs" overlay
step 200 "another one, which has a virtual function" with_function
[ ! -e /dev/vg0 ] || step 200 "a third, whose disk is a volume of LVM" volume
step 20 "their records and disks are there" recorded
