#!/usr/bin/env bats
# How a job ends: exit codes, signals, limits; as the same job on the host.
bats_require_minimum_version 1.5.0
load lib/common

setup_file()
{
	export BATS_TEST_TIMEOUT=120
	make_folder
	# looked at in the last test: Slurm looks at time limits twice a minute
	limited=$(submit --vm=tiny --time=00:01 --output="$folder/limit" --wrap 'trap "echo term" TERM; echo up; while :; do sleep 0.5; echo tick; done')
	export limited
	hold_machine
	wait_for_line up "$folder/limit"
	as_root scontrol update "jobid=$limited" timelimit=0
}

teardown_file()
{
	as_user scancel "$limited"
	release_machine
	rm -rf "$folder"
}

# The wnodes-run of the newest task of job $job
newest_run()
{
	find "/sys/fs/cgroup/memory/slurm_$node" -path "*/job_$job/step_*/cgroup.procs" -exec cat {} + | by_age | while read -r pid; do
		[ "$(cat "/proc/$pid/comm")" != wnodes-run ] || echo "$pid"
	done | tail -n 1
}

# The same command's end in the machine and on the host.
same_end()
{
	local guest=0 host=0
	in_job "$@" 2> "$folder/guest" || guest=$?
	as_user srun -n1 "$@" 2> "$folder/host" || host=$?
	echo "guest $guest, host $host"
	cat "$folder/guest" "$folder/host"
	[ "$guest" -eq "$host" ] && diff <(srun_said "$folder/guest") <(srun_said "$folder/host")
}

@test "an exit code" {
	same_end sh -c 'exit 42'
}

@test "death by a signal" {
	# shellcheck disable=SC2016
	same_end sh -c 'kill -SEGV $$'
	# shellcheck disable=SC2016
	same_end sh -c 'kill -KILL $$'
}

@test "a job's state in scontrol is the one a host job gets" {
	for vm in "" --vm=tiny; do
		# shellcheck disable=SC2016,SC2086
		for script in 'exit 0' 'exit 3' 'kill -TERM $$'; do
			id=$(submit $vm --wrap "$script")
			wait_job "$id"
			echo "$(job_state "$id") $(job_field "$id" ExitCode)"
		done > "$folder/states${vm:+.vm}"
	done
	diff "$folder/states" "$folder/states.vm"
}

@test "a program that is not there: 127 and a line" {
	run -127 in_job /no/such/program
	[ "$status" -eq 127 ]
	[[ "$output" == *"/no/such/program"* ]]
}

@test "forwarded signals reach the task, once" {
	for signal in INT TERM HUP USR1 USR2 CONT TSTP QUIT WINCH; do
		in_job sh -c "trap 'echo got $signal; exit 9' $signal; echo up; i=0; while [ \$i -lt 200 ]; do sleep 0.1; i=\$((i+1)); done" > "$folder/signal.$signal" &
		step=$!
		wait_for_line up "$folder/signal.$signal"
		kill "-$signal" "$(newest_run)"
		code=0
		wait $step || code=$?
		echo "$signal: $code: $(cat "$folder/signal.$signal")"
		[ "$code" -eq 9 ]
		[ "$(grep -c "got $signal" "$folder/signal.$signal")" -eq 1 ]
	done
}

@test "scancel ends the guest's processes, its trap runs" {
	id=$(submit --vm=tiny --output="$folder/trap" --wrap 'trap "echo trapped; exit 1" TERM; sleep 777 & echo up; wait')
	wait_for_line up "$folder/trap"
	as_user scancel -b -s TERM "$id"
	wait_job "$id"
	grep -q trapped "$folder/trap"
	[ "$(job_state "$id")" = FAILED ]
	in_job sh -c 'sleep 777 & echo up; wait' > "$folder/step" &
	step=$!
	wait_for_line up "$folder/step"
	as_user scancel "$job.$(last_step "$job")"
	wait $step || true
	refute grep -q '^sleep 777' <(in_job ps -o args)
}

@test "Ctrl-C on srun ends the guest's processes" {
	in_job sh -c 'echo up; exec sleep 778' > "$folder/int" &
	wait_for_line up "$folder/int"
	pid=$(pgrep -o -u "$(id -u "$test_user")" -f '^srun .*sleep 778')
	kill -INT "$pid"; sleep 0.3; kill -INT "$pid"
	wait_until 20 bash -c "! kill -0 $pid 2>/dev/null"
	refute grep -q '^sleep 778' <(in_job ps -o args)
}

@test "kill -9 of wnodes-run kills the task's tree in the guest" {
	in_job sh -c '(setsid sleep 779 &); echo up; exec sleep 779' > "$folder/kill" &
	step=$!
	wait_for_line up "$folder/kill"
	kill -KILL "$(newest_run)"
	run wait $step
	wait_until 10 bash -c "$(declare -f as_user in_job cluster); ! in_job ps -o args | grep -q '^sleep 779'"
}

@test "a time limit: SIGTERM, and SIGKILL when KillWait is over" {
	id=$limited
	wait_job "$id" 90
	[ "$(job_state "$id")" = TIMEOUT ]
	# KillWait is 5 s
	ticks=$(sed '1,/^term/d' "$folder/limit" | grep -c tick)
	echo "$ticks ticks after SIGTERM"
	[ "$ticks" -ge 4 ] && [ "$ticks" -le 14 ]
}
