# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# make soak-node: 500 kills, with four machines side by side.
# shellcheck disable=SC2034 # vf-kills.bash reads them
. /share/subjects/lib.bash
paused=480 booted=20 group=12 at_once=4

quick_slurm() {
	sed -i -e 's/^KillWait=.*/KillWait=2/' -e '$aMinJobAge=20\nJobAcctGatherFrequency=0' /etc/slurm/slurm.conf
	systemctl restart slurmctld slurmd
	wait_until 60 is_idle
}

step 90 "Slurm forgets jobs soon" quick_slurm
. /share/subjects/vf-kills.bash
