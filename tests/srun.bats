#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2154 # the tasks' shells expand; setup_file sets
# What srun can ask of a step: the same step in a job without a machine and in
# one with, side by side. Each is a row of wnodes(7).
load lib/common

setup_file()
{
	export BATS_TEST_TIMEOUT=120
	make_folder
	job=$(machine --vm=tiny -n2)
	plain=$(submit -n2 --wrap 'sleep 900')
	# looked at in the last tests: these take Slurm half a minute
	signalled=$(submit --vm=tiny --time=10 --signal=B:USR1@60 --output="$folder/signalled" \
		--wrap 'trap "echo got USR1; exit 4" USR1; echo up; while :; do sleep 0.2; done')
	first=$(submit --vm=tiny --wrap 'exit 3')
	second=$(submit --vm=tiny --dependency="afternotok:$first" --output="$folder/second" --wrap 'echo after')
	export job plain signalled second
	wait_until 30 job_runs "$plain"
	# what is the same on the host shall not be so because it ran there
	[ "$(in_job cat /proc/sys/kernel/random/boot_id)" != "$(cat /proc/sys/kernel/random/boot_id)" ]
	wait_for_line up "$folder/signalled"
	as_root scontrol update jobid="$signalled" timelimit=1
}

teardown_file()
{
	as_user scancel "$plain" "$signalled"
	release_machine
	rm -rf "$folder"
}

# both SRUN-ARGUMENTS…: the step in the plain job to $folder/host and host.err, in the
# machine to guest and guest.err, with its exit code as the last line
both()
{
	local id name
	for name in host guest; do
		id=$plain
		[ $name = host ] || id=$job
		as_user env VM_TEST=$name srun --jobid="$id" --overlap ${overcommit--O} "$@" > "$folder/$name" 2> "$folder/$name.err" < /dev/null \
			&& code=0 || code=$?
		echo "exit code $code" >> "$folder/$name"
		sort -o "$folder/$name" "$folder/$name"
	done
}

# same SRUN-ARGUMENTS…: both, and the outputs' lines are the same in some order
same()
{
	both "$@"
	cat "$folder/guest.err"
	diff "$folder/host" "$folder/guest"
}

@test "labels and ranks" {
	same -n4 -l sh -c 'echo $SLURM_PROCID $SLURM_LOCALID $SLURM_NODEID $SLURM_NTASKS; exit $SLURM_PROCID'
	[ "$(wc -l < "$folder/guest")" -eq 5 ]
}

@test "--input, --output, --error: files by rank, node and job; one rank's input" {
	printf 'a\nb\n' > "$folder/in"
	same -n2 --input="$folder/in" cat
	same -n2 --input=1 sh -c 'cat; echo end'
	same -n2 --output=none echo lost
	in_job -O -n2 --output="$folder/o.%j.%N.%t" --error="$folder/e.%t" sh -c 'echo out; echo err >&2'
	for i in 0 1; do
		[ "$(cat "$folder/o.$job.$(hostname -s).$i")" = out ]
		[ "$(cat "$folder/e.$i")" = err ]
	done
	in_job --open-mode=append --output="$folder/e.0" echo more
	[ "$(cat "$folder/e.0")" = $'err\nmore' ]
}

@test "--export: ALL, NONE, a list; the same variables as on the host" {
	local list
	for list in ALL NONE A=1 ALL,A=1 HOME,A=1; do
		both -n1 --export="$list" /usr/bin/env
		for name in host guest; do
			# bash as busybox's env is started by no shell; what a shell sets for itself counts on neither side
			sed -i -E '/SPANK_OPTION_wnodes/d; /=/!d; /^(_|SHLVL|OLDPWD|PWD)=/d' "$folder/$name"
			# of what is the job's, the step's or the process's own the names alone
			sed -i -E 's/^(VM_TEST|SLURM_(JOB_?ID|STEP_?ID|[A-Z_]*PORT|TASK_PID|GTIDS|CPU_BIND[A-Z_]*|SPANK_.*))=.*/\1/' "$folder/$name"
		done
		diff "$folder/host" "$folder/guest"
		[[ "$list" != *A=1 ]] || grep -qx A=1 "$folder/guest"
	done
	# no PATH: the program is found all the same
	[ "$(in_job --export=A=1 sh -c 'echo "$A"; env | grep -c ^HOME=')" = $'1\n0' ]
}

@test "SLURM_ variables have the host's values, SLURM_CPUS_PER_TASK among them" {
	both -n2 -c1 sh -c 'env | grep ^SLURM_ | sed "s/^/$SLURM_PROCID /"'
	for name in host guest; do
		grep -vE ' SLURM_(JOB_?ID|JOB_UID|STEP_?ID|STEP_LAUNCHER_PORT|SRUN_COMM_PORT|TASK_PID|LAUNCH_NODE_IPADDR|SPANK_.*|JOB_NAME|GTIDS|CPU_BIND|CPU_BIND_LIST)=' "$folder/$name" > "$folder/$name.kept"
	done
	diff "$folder/host.kept" "$folder/guest.kept"
	grep -q '^1 SLURM_CPUS_PER_TASK=1$' "$folder/guest.kept"
	[ "$(wc -l < "$folder/guest.kept")" -gt 30 ]
}

@test "--chdir" {
	same -n1 --chdir=/var/tmp pwd
	# a folder that only the host has: a person is told, a log is not
	[ "$(in_job --chdir="$folder" pwd 2>&1)" = "$(getent passwd "$test_user" | cut -d: -f6)" ]
	as_user python3 "$common_top/tests/lib/terminal.py" srun --jobid="$job" --vm=tiny --overlap -n2 -O --chdir="$folder" true < /dev/null > "$folder/told"
	[ "$(grep -c "^wnodes: .*$folder is not in the guest" "$folder/told")" -eq 1 ]
}

@test "limits: soft and hard, --propagate" {
	local which
	for id in "$plain" "$job"; do
		as_user bash -c "ulimit -Sn 300; ulimit -Ss 1024; ulimit -c 0; ulimit -u 999; srun --jobid=$id --overlap -n1 cat /proc/self/limits" > "$folder/limits.$id"
	done
	diff "$folder/limits.$plain" "$folder/limits.$job"
	grep -q '^Max open files  *300 ' "$folder/limits.$job"
	for which in ALL NONE NOFILE,STACK; do
		same -n1 --propagate=$which cat /proc/self/limits
	done
}

@test "--kill-on-bad-exit: one rank's failure ends the others" {
	same -n3 --kill-on-bad-exit=1 sh -c 'if [ $SLURM_PROCID = 1 ]; then exit 3; fi; sleep 1000'
	refute grep -q '^sleep 1000' <(in_job ps -o args)
}

@test "--wait, --quiet" {
	same -n2 --quiet --wait=1 sh -c 'if [ $SLURM_PROCID = 1 ]; then exit 0; fi; exec sleep 1000'
	refute grep -q '^sleep 1000' <(in_job ps -o args)
}

# on the host, as the user; what it exports and prints reaches the task
@test "a task's prolog and epilog run on the host, as the user" {
	local boot
	boot=$(cat /proc/sys/kernel/random/boot_id)
	printf '#!/bin/sh\necho "export FROM_PROLOG=yes"; echo "unset HOME"; echo "print said by the prolog"\necho "$(id -un) $(cat /proc/sys/kernel/random/boot_id)" > %s/prolog\n' "$folder" > "$folder/prolog.sh"
	printf '#!/bin/sh\necho "$(id -un) $(cat /proc/sys/kernel/random/boot_id)" > %s/epilog\n' "$folder" > "$folder/epilog.sh"
	chmod 0755 "$folder/prolog.sh" "$folder/epilog.sh"
	same -n1 --task-prolog="$folder/prolog.sh" --task-epilog="$folder/epilog.sh" sh -c 'echo "${FROM_PROLOG-} ${HOME-none}"'
	grep -qx 'yes none' "$folder/guest"
	grep -qx 'said by the prolog' "$folder/guest"
	[ "$(cat "$folder/prolog")" = "$test_user $boot" ]
	[ "$(cat "$folder/epilog")" = "$test_user $boot" ]
}

@test "steps side by side, --exact and --overlap, are in one machine" {
	local boot pids=() i
	boot=$(in_job cat /proc/sys/kernel/random/boot_id)
	for i in 1 2; do
		as_user srun --jobid="$job" --overlap --exact -n1 -c1 sh -c "echo up > /tmp/side.$i; for i in \$(seq 100); do [ -e /tmp/side.1 ] && [ -e /tmp/side.2 ] && break; sleep 0.1; done; ls /tmp/side.?; cat /proc/sys/kernel/random/boot_id" > "$folder/side.$i" &
		pids+=($!)
	done
	wait "${pids[@]}"
	for i in 1 2; do
		[ "$(cat "$folder/side.$i")" = $'/tmp/side.1\n/tmp/side.2\n'"$boot" ]
	done
}

@test "sattach from outside: the step's output, its exit code" {
	in_job sh -c 'echo up; while [ ! -e /tmp/attached ]; do sleep 0.2; done; for i in 1 2 3; do echo "line $i"; sleep 0.2; done; exit 7' > "$folder/attached.srun" &
	step=$!
	wait_for_line up "$folder/attached.srun"
	as_user sattach "$job.$(last_step "$job")" > "$folder/attached" 2>&1 &
	viewer=$!
	wait_until 10 pgrep -u "$(id -u "$test_user")" -x sattach
	sleep 0.5
	in_job touch /tmp/attached
	code=0
	wait $viewer || code=$?
	cat "$folder/attached"
	[ "$code" -eq 7 ]
	grep -qx 'line 3' "$folder/attached"
	wait $step || true
}

@test "--bcast and an sbcast from outside write to the host" {
	printf '#!/bin/sh\necho on the host\n' > "$folder/prog"
	chmod 0755 "$folder/prog"
	chmod 0777 "$folder"
	code=0
	in_job --bcast="$folder/copy" "$folder/prog" 2> "$folder/err" || code=$?
	chmod 0755 "$folder"
	cat "$folder/err"
	[ "$code" -eq 127 ]
	grep -qx "wnodes: $folder/copy: No such file or directory" "$folder/err"
	cmp "$folder/prog" "$folder/copy"
}

@test "a task is bound to as many CPUs as on the host" {
	overcommit='' same -n2 -c1 nproc
	overcommit='' same -n1 -c2 sh -c 'echo $SLURM_CPUS_PER_TASK $(nproc)'
	grep -qx '2 2' "$folder/guest"
	overcommit='' same -n1 -c1 --exact nproc
	grep -qx 1 "$folder/guest"
	same -n2 --cpu-bind=none nproc
	grep -qx 2 "$folder/guest"
	# each rank's own
	[ "$(as_user srun --jobid="$job" --overlap -n2 -c1 grep Cpus_allowed_list /proc/self/status | sort -u | wc -l)" -eq 2 ]
}

@test "the guest has the job's CPUs and its memory" {
	[ "$(in_job nproc)" -eq 2 ]
	memory=$(in_job awk '/^MemTotal/ { print int($2 / 1024) }' /proc/meminfo)
	full=$((2 * $(mem_per_cpu) - $(reserve 2 $((2 * $(mem_per_cpu))))))
	[ "$memory" -le "$full" ] && [ "$memory" -gt $((full * 85 / 100)) ]
}

@test "--multi-prog: each rank's program, %t and %o, quotes, continued lines, common arguments" {
	cat > "$folder/multi" <<'MULTI'
# which rank runs what

0   sh -c 'echo "zero: $0 $(cat /proc/sys/kernel/random/boot_id)"'
1-2 echo "r%t" o%o %t-%o it\ is \
  joined
* sh -c 'echo "the rest: $*"' %t a%%b
MULTI
	chmod 0644 "$folder/multi"
	for id in "$plain" "$job"; do
		vm=--vm=tiny
		[ "$id" = "$job" ] || vm=
		as_user srun --jobid="$id" $vm --overlap -O -n5 --multi-prog "$folder/multi" last | sort > "$folder/multi.$id"
		cat "$folder/multi.$id"
	done
	diff <(sed 's/\(zero: [^ ]*\) .*/\1/' "$folder/multi.$plain") <(sed 's/\(zero: [^ ]*\) .*/\1/' "$folder/multi.$job")
	grep -qx "zero: last $(in_job cat /proc/sys/kernel/random/boot_id)" "$folder/multi.$job"
	[ "$(wc -l < "$folder/multi.$job")" -eq 5 ]
}

@test "--multi-prog where this srun does not know of the machine: 64, and nothing runs on the host" {
	printf '* cat /proc/sys/kernel/random/boot_id\n' > "$folder/outside"
	chmod 0644 "$folder/outside"
	code=0
	in_job -O -n2 --multi-prog "$folder/outside" > "$folder/out" 2> "$folder/err" || code=$?
	cat "$folder/err"
	[ "$code" -eq 64 ]
	[ ! -s "$folder/out" ]
	[ "$(grep -c '^wnodes: --multi-prog' "$folder/err")" -eq 1 ]
	# words that look like a rewritten file, as an argument of a plain program
	[ "$(in_job echo "$(sed "s|\* |* $(cluster_folder)/usr/libexec/wnodes/wnodes-run -- |" "$folder/outside")"$'\n')" = \
		"* $(cluster_folder)/usr/libexec/wnodes/wnodes-run -- cat /proc/sys/kernel/random/boot_id" ]
	[ "$(in_job cat /proc/sys/kernel/random/boot_id $'* '"$(cluster_folder)"$'/usr/libexec/wnodes/wnodes-run -- true\n' 2> /dev/null)" != "$(cat /proc/sys/kernel/random/boot_id)" ]
}

@test "--dependency: a job after a job" {
	wait_job "$second" 60
	[ "$(cat "$folder/second")" = after ]
}

@test "--signal=B:USR1@… reaches the batch script" {
	wait_job "$signalled" 90
	cat "$folder/signalled"
	grep -qx 'got USR1' "$folder/signalled"
	[ "$(job_field "$signalled" ExitCode)" = 4:0 ]
}
