# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Host directories in a machine, by the node's own virtiofsd.
. /share/subjects/lib.bash

shared() {
	install -d -o alice -g alice /srv/data /srv/data/mine
	echo 'of the host' >/srv/data/file
	hold_machine --vm-mount=/srv/data:/mnt/data
	equals 'of the host' "$(in_job cat /mnt/data/file)"
	in_job grep ' /mnt/data virtiofs ' /proc/mounts
	equals alice "$(stat -c %U "/proc/$(machine_pid virtiofsd)")"
}

written() {
	in_job sh -c 'cd /mnt/data/mine && echo "of the machine" >new && mkdir folder && head -c 5000000 /dev/zero >folder/zeros'
	equals 'of the machine' "$(cat /srv/data/mine/new)"
	equals "alice 5000000" "$(stat -c '%U %s' /srv/data/mine/folder/zeros)"
	equals 1 "$(status_of in_job sh -c 'echo x >/mnt/data/file')"
}

killed() {
	kill -KILL "$(machine_pid virtiofsd)"
	wait_until 60 job_has_ended "$(job)"
	equals "FAILED 70:0" "$(job_state "$(job)") $(job_field "$(job)" ExitCode)"
}

step 200 "a directory of the host is seen in a machine by virtiofs" shared
step 60 "the machine writes to it with the rights of the job's user" written
step 90 "a job whose virtiofsd is killed ends with 70" killed
step 60 "nothing is left" nothing_left
