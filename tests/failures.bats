#!/usr/bin/env bats
# Every failure: within its bound, with the design's exit code and one clear
# line; the node stays up, nothing is left.
load lib/common

setup_file()
{
	export BATS_TEST_TIMEOUT=180
	make_folder
}

teardown()
{
	wait_for_nothing
	wait_until 20 is_idle
}

teardown_file()
{
	rm -rf "$folder"
}

@test "an unknown image: 64, one line for four ranks" {
	fails 64 "no-such-image" -O -n4 --vm=no-such-image cat /proc/sys/kernel/random/boot_id
}

@test "a job with less memory than the image needs: 64" {
	fails 64 "memory" --mem=300 --vm=tiny cat /proc/sys/kernel/random/boot_id
}

@test "bad options: 64 before anything is submitted" {
	for option in --vm=../x --vm-disk=row --vm-network=none,user --vm-mount=x --vm-console=x --vm-boot-timeout=5; do
		extra=(--vm=tiny)
		[[ $option != --vm=* && $option != --vm-boot* && $option != --vm-cons* ]] || extra=()
		fails 64 "${option%%=*}" "${extra[@]}" "$option" true
		run as_user sbatch "${extra[@]}" "$option" --wrap true
		[ "$status" -eq 64 ]
	done
	fails 64 "boot-timeout" --vm=tiny --vm-boot-timeout=soon true
}

@test "a machine that never gets ready: 75 within the boot timeout" {
	start=$SECONDS
	fails 75 "noagent.*20 s" --vm=noagent --vm-boot-timeout=20 cat /proc/sys/kernel/random/boot_id
	[ $((SECONDS - start)) -le 40 ]
}

@test "QEMU killed under a running job: 70" {
	as_user srun --vm=tiny sh -c 'echo up; sleep 100' > "$folder/out" 2> "$folder/err" &
	step=$!
	wait_for_line up "$folder/out"
	kill -KILL "$(machine_pid qemu-system)"
	code=0; wait $step || code=$?
	cat "$folder/err"
	[ "$code" -eq 70 ]
	[ "$(grep -c '^wnodes:' "$folder/err")" -ge 1 ]
	grep -q '^wnodes: .*QEMU' "$folder/err"
}

@test "the guest powers itself off: 70" {
	fails 70 "powered" --vm=tiny sh -c '/usr/bin/su -c "poweroff -f"; sleep 100'
}

@test "the guest's kernel panics: 70, with the console's tail" {
	fails 70 "panic" --vm=tiny sh -c '/usr/bin/su -c "echo c > /proc/sysrq-trigger"; sleep 100'
	grep -q 'Kernel panic' "$folder/err"
}

@test "a guest that writes garbage to the channel: 70" {
	fails 70 "protocol" --vm=tiny-garbage sh -c 'sleep 100'
}

@test "the guest reboots: 70" {
	fails 70 "reboot" --vm=tiny sh -c '/usr/bin/su -c "reboot -f"; sleep 100'
}

@test "a guest that says hello and nothing more: 75 within the boot timeout" {
	fails 75 "20 s" --vm=tiny-mute --vm-boot-timeout=20 cat /proc/sys/kernel/random/boot_id
}

@test "a guest that writes endless frames to the channel: 70" {
	fails 70 "protocol|restarted" --vm=tiny-endless sh -c 'sleep 100'
}

@test "a step that asks for a machine in a job that has none, or for another image, network or disk: 64" {
	run as_user salloc bash -c 'srun --vm=tiny cat /proc/sys/kernel/random/boot_id'
	echo "$output"
	[[ "$output" == *"wnodes: job"*"no virtual machine"* ]]
	[[ "$output" != *"$(cat /proc/sys/kernel/random/boot_id)"* ]]
	run as_user salloc --vm=tiny --vm-network=none bash -c 'srun --vm=noagent true; echo "code $?"
		srun --vm-network=user true; echo "network $?"; srun --vm-disk=raw true; echo "disk $?"; srun --vm-network=none true; echo "same $?"'
	echo "$output"
	[[ "$output" == *"code 64"*"network 64"*"disk 64"*"same 0"* ]]
	[[ "$output" == *"wnodes: this step asks for --vm-network=user, its job for none: a step has its job's machine"* ]]
	[[ "$output" == *"wnodes: this step asks for --vm-disk=raw, its job did not: a step has its job's machine"* ]]
}

@test "root's own job: 77" {
	code=0
	as_root srun --vm=tiny cat /proc/sys/kernel/random/boot_id > "$folder/out" 2> "$folder/err" || code=$?
	cat "$folder/err"
	[ "$code" -eq 77 ]
	[ ! -s "$folder/out" ]
}

@test "out of memory in the guest: the task dies as on the host, and a line says so" {
	as_user srun --vm=tiny sh -c 'exec awk "BEGIN { for (s = \"xxxxxxxxxxxxxxxx\"; ; ) s = s s }"' > "$folder/out" 2> "$folder/err" && code=0 || code=$?
	cat "$folder/err"
	[ "$code" -eq 137 ]
	grep -q '^wnodes: .*out of memory' "$folder/err"
}

@test "QEMU killed by the job's memory limit: 70 and a line" {
	as_user srun --vm=tiny sh -c 'echo up; cat > /dev/null; dd if=/dev/zero of=/dev/shm/x bs=1M count=300 2> /dev/null; sleep 60' < <(sleep 8) > "$folder/out" 2> "$folder/err" &
	step=$!
	wait_for_line up "$folder/out"
	cgroup=$(vm_cgroup memory)
	echo $(($(cat "$cgroup/memory.usage_in_bytes") + 30000000)) > "$cgroup/memory.limit_in_bytes"
	code=0; wait $step || code=$?
	cat "$folder/err"
	[ "$code" -eq 70 ]
	grep -q '^wnodes: .*memory' "$folder/err"
}

@test "kill -9 of the monitor or of the relay: 70, nothing is left" {
	for victim in wnodes-monitor wnodes-relay; do
		for which in 0 -1; do
			as_user srun --vm=tiny sh -c 'echo up; sleep 100' > "$folder/out" 2> "$folder/err" &
			step=$!
			wait_for_line up "$folder/out"
			kill -KILL "$(machine_pid $victim $which)"
			code=0; wait $step || code=$?
			echo "$victim $which: $code: $(cat "$folder/err")"
			[ "$code" -eq 70 ]
			grep -q '^wnodes:' "$folder/err"
			wait_for_nothing
			rm "$folder/out"
		done
	done
}

@test "kill -9 and scancel while the machine boots leave nothing" {
	for _ in 1 2 3; do
		id=$(submit --vm=tiny --wrap 'sleep 100')
		wait_until 20 machine_pid qemu-system
		kill -KILL "$(machine_pid qemu-system)"
		wait_job "$id"
		[ "$(job_state "$id")" = FAILED ]
		id=$(submit --vm=tiny --wrap 'sleep 100')
		sleep 0.$((RANDOM % 9))
		as_user scancel "$id"
		wait_job "$id"
		wait_for_nothing
	done
}
