#!/usr/bin/env bats
# A job that is suspended, resumed, stopped, requeued.
load lib/common

setup_file()
{
	export BATS_TEST_TIMEOUT=120
	make_folder
	# shellcheck disable=SC2016
	job=$(submit --vm=tiny --output="$folder/ticks" --wrap 'trap "echo continued" CONT; while :; do read -r up rest < /proc/uptime; echo "$up"; sleep 0.2; done')
	export job
	wait_until 30 job_runs "$job"
	# looked at in the last test: it can begin again when the credential of its first run has expired
	# shellcheck disable=SC2016
	requeued=$(submit --requeue --open-mode=append --vm=tiny --output="$folder/requeued" \
		--wrap 'echo "$SLURM_RESTART_COUNT $(cat /proc/sys/kernel/random/boot_id) $(ls /tmp/mine 2> /dev/null)"; : > /tmp/mine; sleep 300')
	export requeued
	wait_until 60 test -s "$folder/ticks"
	wait_until 60 test -s "$folder/requeued"
	as_root scontrol requeuehold "$requeued"
}

teardown_file()
{
	release_machine
	rm -rf "$folder"
}

# The time that QEMU has had on CPUs, in ticks of 10 ms
qemu_ticks()
{
	local stat
	stat=$(cat "/proc/$(machine_pid qemu-system)/stat")
	set -- ${stat##*) }
	echo $((${12} + ${13}))
}

is_paused()
{
	as_user wnodes status | grep -q "^$job .* paused "
}

is_going_on()
{
	as_user wnodes status | grep -q "^$job .* ready "
}

grows()
{
	[ "$(stat -c %s "$1")" -gt "$2" ]
}

# clock_is_right JOB: the guest's clock is within 100 ms of the host's, as far as it can be told
clock_is_right()
{
	local ahead trip
	read -r ahead trip < <(as_user python3 "$common_top/tests/lib/clock.py" srun --jobid="$1" --overlap -n1 \
		sh -c 'while read -r line; do adjtimex | sed -n "s/.*time.tv_u\?sec: *//p" | xargs; done')
	echo "the guest's clock is ahead by $ahead ms, asked in $trip ms"
	[ "${ahead#-}" -le $((100 + trip / 2)) ]
}

# rate_is_right JOB: the guest's kernel counts 10000 us a tick, or nearly
rate_is_right()
{
	local tick
	tick=$(as_user srun --jobid="$1" --overlap -n1 adjtimex | sed -n 's/.*tick: *\([0-9]*\).*/\1/p')
	[ "$tick" -ge 9950 ] && [ "$tick" -le 10050 ]
}

# wnodes(7): date and time
@test "the clock is right when the first task runs, and stays so where it runs at a wrong rate" {
	id=$(machine --vm=tiny)
	clock_is_right "$id"
	# as a kernel that has measured its counter on a busy host
	as_user srun --jobid="$id" --overlap -n1 su -c 'adjtimex -t 10500' > /dev/null
	refute rate_is_right "$id"
	wait_until 45 rate_is_right "$id"
	clock_is_right "$id"
	as_user scancel "$id"
}

# wnodes(7): scontrol suspend
@test "a suspended job's machine stands still, and its clock is right when it goes on" {
	as_root scontrol suspend "$job"
	wait_until 15 is_paused
	size=$(stat -c %s "$folder/ticks")
	before=$(qemu_ticks)
	sleep 4
	[ "$(stat -c %s "$folder/ticks")" -eq "$size" ]
	# QEMU's own threads may do something; a guest that runs takes 400 ticks on each CPU when it works, and some when not
	[ $(($(qemu_ticks) - before)) -le 8 ]
	as_root scontrol resume "$job"
	wait_until 15 is_going_on
	wait_until 15 grows "$folder/ticks" "$size"
	wait_for_line continued "$folder/ticks"
	clock_is_right "$job"
}

# wnodes(7): signals
@test "SIGTSTP stops the task alone, SIGCONT lets it go on" {
	as_user scancel -b -s TSTP "$job"
	sleep 1
	size=$(stat -c %s "$folder/ticks")
	in_job true
	sleep 1
	[ "$(stat -c %s "$folder/ticks")" -eq "$size" ]
	is_going_on
	as_user scancel -b -s CONT "$job"
	wait_until 15 grows "$folder/ticks" "$size"
}

@test "the time that a boot may take stands still with the machine" {
	id=$(submit --vm=noagent --vm-boot-timeout=8 --output="$folder/boot" --wrap true)
	wait_until 30 job_runs "$id"
	wait_until 15 grep -q '^state=booting' "$(cluster_folder)/run/$node/$id/state"
	as_root scontrol suspend "$id"
	wait_until 15 grep -q '^paused=on' "$(cluster_folder)/run/$node/$id/state"
	sleep 6
	grep -q '^state=booting' "$(cluster_folder)/run/$node/$id/state"
	as_root scontrol resume "$id"
	wait_job "$id" 60
	grep -q 'did not become ready within 8 s' "$folder/boot"
}

@test "a suspended job can be cancelled" {
	id=$(submit --vm=tiny --wrap 'sleep 300')
	wait_until 60 grep -q '^state=ready' "$(cluster_folder)/run/$node/$id/state"
	as_root scontrol suspend "$id"
	wait_until 15 grep -q '^paused=on' "$(cluster_folder)/run/$node/$id/state"
	as_user scancel "$id"
	wait_job "$id" 60
	wait_until 30 refute_folder "$(cluster_folder)/run/$node/$id"
}

refute_folder()
{
	[ ! -e "$1" ]
}

# wnodes(7): scontrol requeue
@test "a requeued job gets a machine of its own" {
	# a job that is new to slurmd has it forget credentials; else it may run none of the next one's prolog
	as_user srun -n1 true
	as_root scontrol release "$requeued"
	wait_until 60 grep -q '^1 ' "$folder/requeued"
	cat "$folder/requeued"
	sed -i '/REQUEUE/d' "$folder/requeued"
	[ "$(wc -l < "$folder/requeued")" -eq 2 ]
	[ "$(sed 's/^[01]\? *\([^ ]*\).*/\1/' "$folder/requeued" | sort -u | wc -l)" -eq 2 ]
	refute grep -q mine "$folder/requeued"
	as_user scancel "$requeued"
}
