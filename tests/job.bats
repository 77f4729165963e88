#!/usr/bin/env bats
# A job on a real worker node: who it is, what it has, batch, array, salloc.
load lib/common

setup_file()
{
	export BATS_TEST_TIMEOUT=300
	make_folder
}

teardown_file()
{
	wait_for_nothing
	rm -rf "$folder"
}

@test "help lists the options in srun, sbatch and salloc" {
	for command in srun sbatch salloc; do
		as_user $command --help > "$folder/help"
		for option in --vm=IMAGE --vm-console=FILE --vm-boot-timeout=SECONDS; do
			grep -q -e "$option" "$folder/help"
		done
	done
}

@test "sbatch: two #SBATCH lines, several commands" {
	cat > "$folder/job.sh" <<'JOB'
#!/bin/bash
#SBATCH --vm=debian-wn
#SBATCH --output=job.out
hostname > /tmp/left-behind
ls /tmp/left-behind
python3 -c 'print(6 * 7)'
echo "args: $*"
exit 5
JOB
	chmod 0644 "$folder/job.sh"
	id=$(cd "$folder" && as_user sbatch --parsable job.sh one "two three")
	wait_job "$id" 180
	cat "$folder/job.out"
	[ "$(job_state "$id")" = FAILED ]
	[ "$(job_field "$id" ExitCode)" = 5:0 ]
	[ "$(cat "$folder/job.out")" = $'/tmp/left-behind\n42\nargs: one two three' ]
}

@test "debian-wn: ids, names, CPUs, memory, a compiler, the network, and nothing of the job before" {
	as_user groups > /dev/null
	port_of_http "$folder/www"
	as_user srun --vm=debian-wn --cpus-per-task=2 bash -c "ls /tmp/left-behind; id; id -un; id -Gn; nproc; free -m | awk '/^Mem/ { print \$2 }'; \
		cat /proc/sys/kernel/random/boot_id; . /etc/os-release; echo \$ID; echo 'int main(){return 7;}' > /tmp/a.c; \
		gcc -o /tmp/a /tmp/a.c; /tmp/a; echo \$?; for i in \$(seq 100); do curl -sf http://10.0.2.2:$http_port/page && break; sleep 0.2; done" > "$folder/out" 2> "$folder/err"
	cat "$folder/out" "$folder/err"
	mapfile -t line < "$folder/out"
	[ "${line[0]}" = "$(as_user id)" ]
	[ "${line[1]}" = "$test_user" ]
	[ "${line[2]}" = "$(as_user id -Gn)" ]
	[ "${line[3]}" -eq 2 ]
	# the job's memory less the documented reserve and the guest kernel's own
	memory=$((2 * $(mem_per_cpu) - $(reserve 2 $((2 * $(mem_per_cpu))))))
	[ "${line[4]}" -le "$memory" ] && [ "${line[4]}" -gt $((memory * 85 / 100)) ]
	[ "${line[5]}" != "$(cat /proc/sys/kernel/random/boot_id)" ]
	[ "${line[6]}" = debian ]
	[ "${line[7]}" -eq 7 ]
	[ "${line[8]}" = "served to the guest" ]
	stop_http
}

@test "a job array of 4" {
	cd "$folder"
	# shellcheck disable=SC2016
	id=$(as_user sbatch --parsable --array=0-3 --vm=tiny --output=array.%a --wrap 'echo task $SLURM_ARRAY_TASK_ID on $(cat /proc/sys/kernel/random/boot_id)')
	wait_job "$id" 180
	cat array.?
	[ "$(cut -d' ' -f2 array.0 array.1 array.2 array.3 | tr '\n' ' ')" = "0 1 2 3 " ]
	[ "$(cut -d' ' -f4 array.? | sort -u | wc -l)" -eq 4 ]
}

@test "salloc: two sruns see the same machine" {
	run as_user salloc --vm=tiny bash -c 'srun sh -c "echo hello > /tmp/from-first; cat /proc/sys/kernel/random/boot_id" && srun sh -c "cat /proc/sys/kernel/random/boot_id; cat /tmp/from-first"'
	echo "$output"
	[ "$status" -eq 0 ]
	mapfile -t line < <(grep -v '^salloc' <<< "$output")
	[ "${line[0]}" = "${line[1]}" ]
	[ "${line[2]}" = hello ]
}

@test "--export=NONE and a step from outside run in the machine" {
	id=$(submit --export=NONE --vm=tiny --output="$folder/none.out" --wrap 'cat /proc/sys/kernel/random/boot_id; sleep 300')
	wait_until 30 job_runs "$id"
	boot=$(as_user srun --jobid="$id" --overlap -n1 cat /proc/sys/kernel/random/boot_id)
	wait_for_line "$boot" "$folder/none.out"
	[ "$boot" != "$(cat /proc/sys/kernel/random/boot_id)" ]
	as_user scancel "$id"
}

@test "--vm-console keeps the console, relative to the job's folder" {
	cd "$folder"
	as_user srun --vm=tiny --vm-console=./console.%N.log sh -c '/usr/bin/su -c "echo on the console > /dev/console"; sleep 1'
	grep -q 'on the console' "console.$node.log"
	[ "$(stat -c %U "console.$node.log")" = "$test_user" ]
}

@test "wnodes status shows own jobs alone, with the boot's timeline" {
	id=$(machine --vm=tiny)
	as_user srun --jobid="$id" --overlap -n1 true
	as_user wnodes status | tee "$folder/status"
	grep -q "^$id .*tiny .*ready" "$folder/status"
	as_user wnodes status "$id" | grep -q 'ready for tasks'
	as_user wnodes status --json | python3 -c 'import json, sys; assert any(j["state"] == "ready" and j["t.ready"] >= j["t.prepared"] for j in json.load(sys.stdin))'
	refute grep -q "^$id " <(as_other wnodes status)
	run as_other wnodes status "$id"
	[ "$status" -ne 0 ]
	as_root wnodes status | grep -q "^$id "
	as_user scancel "$id"
}

@test "a job without --vm notices nothing" {
	wait_for_nothing
	before=$(find "$(cluster_folder)/run" "$(cluster_folder)/state" | sort)
	as_user srun -n1 true
	after=$(find "$(cluster_folder)/run" "$(cluster_folder)/state" | sort)
	[ "$before" = "$after" ]
	[ "$(as_user srun -n1 cat /proc/sys/kernel/random/boot_id)" = "$(cat /proc/sys/kernel/random/boot_id)" ]
	refute grep -q WNODES <(as_user srun -n1 env)
}

slurmd_is_traced()
{
	grep -q '^TracerPid:.*[1-9]' "/proc/$1/status"
}

# processes_of_a_job FILE: how many slurmd and its children start for `srun true`, one a line in FILE
processes_of_a_job()
{
	local slurmd tracer id
	slurmd=$(cat "$(cluster_folder)/pid/slurmd.$node")
	strace -f -qq -e trace=clone,clone3,fork,vfork,execve -e signal=none -o "$1.trace" -p "$slurmd" 3>&- &
	tracer=$!
	wait_until 10 slurmd_is_traced "$slurmd"
	id=$(submit --wrap true)
	wait_job "$id"
	wait_until 10 no_job_cgroups
	kill "$tracer"
	wait "$tracer" || true
	grep -E '(clone3?|fork)\(' "$1.trace" | grep -v CLONE_THREAD > "$1"
}

# slurmd runs `slurmstepd spank prolog` and `spank epilog` for any plugstack.conf, an empty one, too
@test "a job without --vm costs no process" {
	plugstack=$(plugstack_file)
	processes_of_a_job "$folder/with"
	refute grep -q 'execve("[^"]*libexec/wnodes' "$folder/with.trace"
	cp "$plugstack" "$folder/plugstack"
	: > "$plugstack"
	processes_of_a_job "$folder/without"
	cp "$folder/plugstack" "$plugstack"
	cut -c1-150 "$folder/with" "$folder/without"
	[ "$(wc -l < "$folder/without")" -gt 3 ]
	[ "$(wc -l < "$folder/with")" -eq "$(wc -l < "$folder/without")" ]
}
