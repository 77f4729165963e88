#!/usr/bin/env bats
# What a user can try against the helper, the folders of his job and the host.
load lib/common

setup_file()
{
	export BATS_TEST_TIMEOUT=180
	wait_for_nothing
	make_folder
	helper=$(cluster_folder)/usr/libexec/wnodes/wnodes-helper
	export helper
	hold_machine
}

teardown_file()
{
	release_machine
	rm -rf "$folder"
}

# All that a user of the helper could change, but for the time that passes.
snapshot()
{
	local root
	root=$(cluster_folder)
	# the machine itself writes to its overlay whenever its kernel likes
	find "$root/state" "$root/run" "$root/etc" -path "$root/state/cache" -prune -o \
		-path "$root/state/overlays/*" -printf '%p %u %g %m\n' -o -printf '%p %u %g %m %s\n' | sort
	cat "$root"/run/$node/*/state
	sort "$(vm_cgroup memory)/cgroup.procs"
}

@test "the helper by hand: 77 or harmless, nothing changes" {
	before=$(snapshot)
	try()
	{
		local want=$1 code=0
		shift
		"$@" > "$folder/out" 2>&1 || code=$?
		echo "$* -> $code (wanted $want): $(cat "$folder/out")"
		[[ " $want " == *" $code "* ]]
	}
	try 77 as_other "$helper" start --node "$node" --job "$job"
	try 77 as_user "$helper" start --node "$node" --job "$job"
	try 77 as_user "$helper" start --node "$node" --job 99999
	try 77 as_user "$helper" start --node n9 --job "$job"
	for verb in prepare allocate destroy sweep; do
		try 77 as_user "$helper" $verb --node "$node" --job "$job"
	done
	try 64 as_user "$helper"
	try 64 as_user "$helper" no-such-verb
	try 64 as_user "$helper" start
	try "64 77" as_user "$helper" start --node ../../etc --job "$job"
	try "64 77" as_user "$helper" start --node "$node" --job "$job" --uid 0
	try "64 77" as_user "$helper" start --node "$node" --job -1
	try "64 77" as_user "$helper" start --node "$node" --job 4294967296
	try "64 77" as_user "$helper" start --node "$(head -c 100000 /dev/zero | tr '\0' a)" --job "$job"
	try 77 as_user env -i SLURM_CONF=/tmp/evil PATH=/tmp "$helper" start --node "$node" --job "$job"
	try 77 as_user env LD_PRELOAD=/tmp/evil.so LD_LIBRARY_PATH=/tmp SLURM_CONF=/tmp/evil MALLOC_CHECK_=3 "$helper" start --node "$node" --job "$job"
	try 77 as_user bash -c "exec '$helper' start --node $node --job $job <&- >&- 2>&-"
	try "77 126 127 139 153" as_user bash -c "ulimit -n 4; exec '$helper' start --node $node --job $job"
	try "77 126 127 139" as_user bash -c "ulimit -v 20000; exec '$helper' start --node $node --job $job"
	try "77 153" as_user bash -c "ulimit -f 0; exec '$helper' start --node $node --job $job"
	try 77 as_user bash -c "ulimit -t 1 -u 1 2>/dev/null; exec '$helper' start --node $node --job $job"
	diff <(echo "$before") <(snapshot)
	[ "$(in_job echo alive)" = alive ]
}

@test "the helper in a storm of signals, for an ended job and many at once" {
	id=$(submit --wrap true)
	wait_job "$id"
	before=$(snapshot)
	as_user bash -c "
		for i in \$(seq 60); do
			'$helper' start --node $node --job $job 2> /dev/null & p=\$!
			for s in HUP USR1 ALRM PIPE TERM INT STOP CONT; do kill -\$s \$p 2> /dev/null; done
			kill -CONT \$p 2> /dev/null; wait \$p
		done
		for i in \$(seq 20); do '$helper' start --node $node --job $id 2> /dev/null & done; wait
	" || true
	diff <(echo "$before") <(snapshot)
	[ "$(in_job echo alive)" = alive ]
}

@test "confinement of QEMU, monitor and relay, from /proc and /sys" {
	uid=$(id -u "$test_user")
	cgroup=$(vm_cgroup memory)
	[[ $cgroup == */job_$job/vm ]]
	mapfile -t pids < "$cgroup/cgroup.procs"
	qemu='' relay=''
	for pid in "${pids[@]}"; do
		case $(tr '\0' ' ' < "/proc/$pid/cmdline") in
		*qemu-system*) qemu=$pid ;;
		*wnodes-relay*) relay=$pid ;;
		esac
	done
	[ -n "$qemu" ] && [ -n "$relay" ]
	for pid in $qemu $relay; do
		cat "/proc/$pid/status"
		grep -qE "^Uid:	$uid	$uid	$uid	$uid$" "/proc/$pid/status"
		grep -qE '^CapEff:	0+$' "/proc/$pid/status"
		grep -qE '^CapPrm:	0+$' "/proc/$pid/status"
		grep -qE '^NoNewPrivs:	1$' "/proc/$pid/status"
		grep -qE '^Seccomp:	2$' "/proc/$pid/status"
		[ "$(cat "/proc/$pid/oom_score_adj")" -ge 0 ]
		refute grep -q ':/$' <(grep -E 'memory|cpuset' "/proc/$pid/cgroup")
		grep -q "memory:.*/job_$job/vm$" "/proc/$pid/cgroup"
	done
	if [ -d /sys/fs/cgroup/cpuset ]; then
		grep -q "cpuset:.*/job_$job/vm$" "/proc/$qemu/cgroup"
		[ "$(cat "$(vm_cgroup cpuset)/cpuset.cpus")" = "$(cat "$(vm_cgroup cpuset)/../cpuset.cpus")" ]
	fi
	# the monitor has given root up, but for its reaper
	for pid in "${pids[@]}"; do
		[[ $(tr '\0' ' ' < "/proc/$pid/cmdline") == *wnodes-monitor* ]] || continue
		awk '/^Uid:/ { print $2 }' "/proc/$pid/status"
	done | sort -n | tr '\n' ' ' > "$folder/uids"
	[ "$(cat "$folder/uids")" = "0 $uid " ]
	# in QEMU's namespace nothing of the host can be written
	run nsenter -t "$qemu" -m touch /var/tmp/wnodes-written /etc/wnodes-written
	[ "$status" -ne 0 ]
	[[ "$output" == *"Read-only file system"* ]]
}

@test "the owner's other processes cannot dump QEMU, nor take its files out of it" {
	qemu=$(machine_pid qemu-system)
	overlay=$(find "$(cluster_folder)/state/overlays" -name "*-$job.*")
	inside=/proc/$qemu/root$(cluster_folder)/run/disk/disk
	[ "$inside" -ef "$overlay" ]
	grep -qE "^Uid:	$(id -u "$test_user")	" "/proc/$qemu/status"
	tried=0
	for fd in "/proc/$qemu/fd"/*; do
		[ "$fd" -ef "$overlay" ] || continue
		refute as_user bash -c "exec 3<> '$fd'"
		tried=$((tried + 1))
	done
	[ $tried -gt 0 ]
	for path in root/ fd/ cwd/ map_files/; do
		refute as_user ls -l "/proc/$qemu/$path"
	done
	for path in mem maps environ auxv; do
		refute as_user head -c 1 "/proc/$qemu/$path"
	done
	refute as_user bash -c "exec 3< '$inside'"
	refute as_user bash -c "exec 3< '/proc/$qemu/root$(cluster_folder)/run/disk/base'"
	# ptrace(PTRACE_SEIZE); pidfd_getfd is allowed to whom this is
	as_user python3 -c "
import ctypes, errno
libc = ctypes.CDLL(None, use_errno=True)
assert libc.ptrace(0x4206, $qemu, None, None) == -1 and ctypes.get_errno() == errno.EPERM"
	# nor does he get the program that QEMU runs, in the cache or by QEMU
	refute as_user cat "$(cluster_folder)/state/cache/libvirt/emulator/copy"
	refute as_user cat "/proc/$qemu/exe"
	[ "$(in_job echo alive)" = alive ]
}

@test "another user cannot enter the job's folder, nor talk to its tasks" {
	run as_other ls "$(cluster_folder)/run/$node/$job"
	[ "$status" -ne 0 ]
	run as_other python3 -c "import socket; socket.socket(socket.AF_UNIX).connect('$(cluster_folder)/run/$node/$job/tasks.sock')"
	[ "$status" -ne 0 ]
	run as_user touch "$(cluster_folder)/run/$node/$job/planted"
	[ "$status" -ne 0 ]
	run as_user find "$(cluster_folder)/state" -type f
	refute grep -qv 'Permission denied\|^find' <<< "$output"
}

@test "symlinks planted in every folder of the job that its owner reaches gain nothing" {
	canaries=$(mktemp -d /var/tmp/wnodes-canary.XXXXXX)
	for name in a b c; do
		echo "untouched $name" > "$canaries/$name"
		chmod 0600 "$canaries/$name"
	done
	mkdir "$canaries/tree"
	touch "$canaries/tree/file"
	chmod 0755 "$canaries" "$canaries/tree"
	before=$(find "$canaries" -printf '%p %u %g %m %s\n' | sort; cat "$canaries"/?)
	cp "$BATS_TEST_DIRNAME/lib/attacker.py" "$folder/"
	as_user python3 "$folder/attacker.py" "$canaries" "$(cluster_folder)" 30 > "$folder/attacker" 2>&1 &
	attacker=$!
	while kill -0 $attacker 2> /dev/null; do
		id=$(submit --vm=tiny --wrap 'sleep 1')
		wait_job "$id"
	done
	wait $attacker
	cat "$folder/attacker"
	after=$(find "$canaries" -printf '%p %u %g %m %s\n' | sort; cat "$canaries"/?)
	rm -rf "$canaries"
	[ "$before" = "$after" ]
	grep -q 'machines seen: [1-9]' "$folder/attacker"
}

@test "forged environment and options do not lead a job out of its machine" {
	boot=$(cat /proc/sys/kernel/random/boot_id)
	forge="WNODES_RUN_DIR=/tmp/evil WNODES_RUN_ARGV0=/bin/true SLURMD_NODENAME=evil WNODES_RUN_SCRIPT=1 _SLURM_SPANK_OPTION_wnodes_vm=tiny SLURM_SPANK__SLURM_SPANK_OPTION_wnodes_vm=tiny"
	# shellcheck disable=SC2086 # words
	got=$(as_user env $forge srun --jobid="$job" --overlap -n1 cat /proc/sys/kernel/random/boot_id)
	[ -n "$got" ] && [ "$got" != "$boot" ]
}

@test "another user's locks on the base image keep no machine from starting" {
	cp "$BATS_TEST_DIRNAME/lib/locker.py" "$folder/"
	as_other python3 "$folder/locker.py" "$(cluster_folder)/images/tiny/disk.qcow2" > "$folder/locker" 2>&1 &
	locker=$!
	wait_for_line "locked" "$folder/locker"
	[ "$(as_user srun --vm=tiny echo started)" = started ]
	pkill -P "$locker" || kill "$locker"
}
