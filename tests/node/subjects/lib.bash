# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# What the subjects share. They run as root in the emulated node.

export LC_ALL=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin LVM_SUPPRESS_FD_WARNINGS=1
step_log=/run/step.log
set -m

seconds_since() { awk -v a="$1" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }'; }

# bounded SECONDS COMMAND…: whether the command, a shell function which fails at its first failing
# command, is good and over in time; its output is in $step_log
bounded() {
	local limit=$1 pid watch status=0
	shift
	(
		set -euo pipefail
		"$@"
	) >$step_log 2>&1 &
	pid=$!
	(
		sleep "$limit"
		echo "not over after $limit s" >>$step_log
		kill -KILL -- -$pid
	) >/dev/null 2>&1 &
	watch=$!
	wait $pid 2>/dev/null || status=$?
	kill -- -$watch 2>/dev/null
	wait $watch 2>/dev/null
	return $status
}

# The emulated CPUs lose one in ten to twenty machines: it resets itself, or stands still, without a word of its kernel.
lost_machine='the guest rebooted itself|did not become ready'
lost_count=0

# lost SINCE: what a machine that was lost since then had said of it
lost() {
	{
		cat $step_log
		find /home/alice -name 'job*.out' -newermt "@${1%.*}" -exec cat {} +
	} | grep -m 1 -h -E "$lost_machine"
}

# again JOB COMMAND…: the command once more; with another machine where job JOB had held the one that was lost
again() {
	local job=$1
	shift
	if [ -n "$job" ] && [ "$job" = "$(job)" ] && grep -q -s -E "$lost_machine" "/home/alice/job-$job.out"; then
		scancel "$job"
		wait_until 60 job_has_ended "$job"
		eval "hold_machine $(cat /run/held)"
	fi
	"$@"
}

# step SECONDS TEXT COMMAND…: says whether the command is good and over in time, as bounded. Where it
# failed as a machine was lost it runs once more, twice in a subject, and that is said.
step() {
	local limit=$1 text=$2 begun=$EPOCHREALTIME status=0 job
	shift 2
	job=$(job)
	bounded "$limit" "$@" || status=$?
	if [ $status -ne 0 ] && [ $lost_count -lt 2 ] && lost "$begun" >/run/lost; then
		lost_count=$((lost_count + 1)) status=0
		echo "once more, a machine was the emulator's loss: $text: $(cat /run/lost)"
		bounded $((limit + 150)) again "$job" "$@" || status=$?
	fi
	if [ $status -eq 0 ]; then
		echo "ok $text ($(seconds_since "$begun") s)"
		return
	fi
	echo "not ok $text ($(seconds_since "$begun") s, $status)"
	tail -n 40 $step_log | sed 's/^/    /'
	tail -n 12 /var/log/slurm/slurmd.log 2>/dev/null | sed 's/^/    slurmd: /'
	find /home/alice -name 'job-*.out' -newermt '-5 minutes' -exec tail -n 15 {} + 2>/dev/null | sed 's/^/    job: /'
}

# as USER COMMAND…
as() {
	local user=$1
	shift
	setpriv --reuid "$user" --regid "$user" --init-groups --inh-caps=-all -- \
		env -i HOME="/home/$user" USER="$user" LOGNAME="$user" PATH=/usr/bin:/bin \
		/bin/sh -c 'cd; exec "$@"' sh "$@"
}

# status_of COMMAND…: prints its exit status; its output goes to standard error
status_of() {
	local status=0
	"$@" >&2 || status=$?
	echo $status
}

# equals WANTED GOT
equals() {
	[ "$1" = "$2" ] || { echo "wanted '$1', got '$2'"; return 1; }
}

# wait_until SECONDS COMMAND…
wait_until() {
	local until=$((SECONDS + $1))
	shift
	until "$@"; do
		[ $SECONDS -lt $until ] || { echo "not within its time: $*${unidle:+, it is $unidle}"; return 1; }
		sleep 0.3
	done
}

job_field() { scontrol -o show job "$1" | tr ' ' '\n' | sed -n "s/^$2=//p" | head -n 1; }
job_state() { job_field "$1" JobState; }
job_is() { [ "$(job_state "$1")" = "$2" ]; }
node_state() { sinfo -h -N -n cn1 -o %T | head -n 1; }
# nothing has drained it, and its jobs' epilogs are over; else it is $unidle. The backfill scheduler may
# have planned it for a job that has gone, and slurmctld counts CPUs of such a one until it looks for
# a place for the next
is_idle() {
	unidle=$(node_state)
	case $unidle in
	idle | planned) unidle= ;;
	mixed | allocated) [ -n "$(squeue -a -h)" ] || unidle= ;;
	esac
	[ -z "$unidle" ]
}

# submit SBATCH-ARGUMENTS…: alice's; prints the job's id
submit() { as alice sbatch --parsable --output=job-%j.out "$@"; }

# hold_machine [SBATCH-ARGUMENTS…]: one that the steps of a subject share, as job $(job)
hold_machine() {
	echo "${@@Q}" >/run/held
	submit --vm=tiny "$@" --wrap 'sleep 900' >/run/job
	wait_until 30 job_is "$(job)" RUNNING
	in_job true
}
job() { cat /run/job 2>/dev/null || true; }
in_job() { as alice srun --jobid="$(job)" --overlap -n1 "$@"; }

# root_of JOB COMMAND…: as the root of that job's machine
root_of() {
	local job=$1
	shift
	as alice srun --jobid="$job" --overlap -n1 su -c "$*"
}

# pings JOB ADDRESS: from that job's machine
pings() { root_of "$1" ping -q -c 2 -w 8 "$2"; }

# hold_second SBATCH-ARGUMENTS…: a machine beside the held one, as job $(second)
hold_second() {
	submit --vm=tiny "$@" --wrap 'sleep 900' >/run/second
	wait_until 30 job_is "$(second)" RUNNING
	root_of "$(second)" true
}
second() { cat /run/second; }

# capture SECONDS NIC TCPDUMP-ARGUMENTS…: what the peer outside sees there, into /run/frames, until process $listener ends
capture() {
	timeout "$1" ip netns exec outside tcpdump -l -n -e -i "${@:2}" >/run/frames 2>/run/tcpdump.log &
	# shellcheck disable=SC2034 # who has called this ends it
	listener=$!
	wait_until 20 grep -q 'listening on' /run/tcpdump.log
}
release_machine() {
	scancel "$(job)"
	nothing_left
}
job_has_ended() {
	case $(job_state "$1") in
	PENDING | RUNNING | COMPLETING | CONFIGURING | SUSPENDED) return 1 ;;
	esac
}

# The cgroup of the only machine.
vm_cgroup() { find /sys/fs/cgroup -type d -path '*/job_*/vm' | head -n 1; }

# machine_pid PROGRAM: of the only machine, its oldest process of that name
machine_pid() {
	local pid
	while read -r pid; do
		[[ $(readlink "/proc/$pid/exe") != *"$1"* ]] || echo "$pid $(cut -d' ' -f22 "/proc/$pid/stat")"
	done <"$(vm_cgroup)/cgroup.procs" | sort -s -n -k 2,2 | sed -n '1s/ .*//p' | grep .
}

# configure: adds the standard input to the node's wnodes.conf, until it is called again
configure() {
	cat /root/wnodes.conf - >/etc/wnodes/wnodes.conf.new
	mv /etc/wnodes/wnodes.conf.new /etc/wnodes/wnodes.conf
}

# add_image NAME [LINE…]: an entry of tiny's files, with these lines besides
add_image() {
	local name=$1
	shift
	{
		cat /etc/wnodes/images.d/tiny.conf
		[ $# -eq 0 ] || printf '%s\n' "$@"
	} >"/etc/wnodes/images.d/$name.conf"
}

# What machines left on this node, a line each.
leftovers() {
	# what ends while find looks is no error of ours
	find /proc/[0-9]*/exe -maxdepth 0 \( -lname '/usr/libexec/wnodes/*' -o -lname '*qemu-system*' \
		-o -lname '*virtiofsd*' -o -lname '*/passt*' \) -printf 'process %p: %l\n' 2>/dev/null || true
	find /var/lib/wnodes/jobs /run/wnodes -mindepth 2 2>/dev/null || true
	find /var/lib/wnodes/overlays -mindepth 1 2>/dev/null || true
	find /sys/fs/cgroup -type d -path '*/job_*/vm' 2>/dev/null
	find /var/lib/wnodes/vf /var/lib/wnodes/device /var/lib/wnodes/images/use -type f ! -name '*lock' 2>/dev/null || true
	find /sys/class/net -name 'wn*'
	[ ! -e /dev/vg0 ] || lvs --noheadings --options lv_name vg0 | grep -F wnodes- | grep -vF wnodes-base-
	awk '$5 ~ "^/(run|var/lib)/wnodes/" { print "mount: " $5 }' /proc/self/mountinfo
}
no_leftovers() { [ -z "$(leftovers)" ]; }

# put_product: what tests/node/build made last; its configuration stays as it is
put_product() {
	tar -x -C / --exclude=./etc -f /share/product.tar
	rm -rf /srv/images/tiny
	mkdir -p /srv/images
	cp -r /share/images/tiny /srv/images/tiny
	chmod 0755 /srv/images /srv/images/tiny
	chmod 0444 /srv/images/tiny/*
	image_states >/root/image.states
	sha256sum /srv/images/tiny/* >/root/image.sha256
	sync
}

image_states() { find /srv/images -type f -printf '%p %u %g %m %s %T@ %C@\n' | sort; }

# nothing_left: once the epilogs are over; the image is as it was
nothing_left() {
	wait_until 30 no_leftovers || { leftovers; return 1; }
	wait_until 60 is_idle || { sinfo -N -l; return 1; }
	diff /root/image.states <(image_states)
}
