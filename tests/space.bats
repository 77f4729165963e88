#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2154 # the tasks' shells expand; setup_file sets
# No space for a machine's disk, and I/O errors of the node's: the file system of overlay_dir is a small one.
load lib/common

setup_file()
{
	export BATS_TEST_TIMEOUT=240
	losetup -f > /dev/null 2>&1 || skip "this machine has no loop devices"
	make_folder
	small=$(mktemp -d /var/tmp/wnodes-small.XXXXXX)
	conf=$(cluster_folder)/etc/wnodes/wnodes.conf
	export small conf
	truncate -s 80M "$folder/disk"
	mke2fs -q -t ext4 -m 0 -N 64 -O ^has_journal "$folder/disk"
	mkdir "$small/fs"
	mount -o loop "$folder/disk" "$small/fs"
	cp "$conf" "$folder/wnodes.conf"
	sed -i "/^\[site\]/a overlay_dir = $small/fs/overlays" "$conf"
	empty=$(used)
	# a job that only now and then writes, as others fill the file system it shares with them
	neighbour=$(submit --vm=tiny --output="$folder/neighbour" --wrap '
		echo up
		i=0
		while [ ! -e /tmp/end ]; do
			dd if=/dev/urandom of=/var/tmp/file.$i bs=64k count=2 conv=fsync 2> /dev/null || exit 1
			i=$((i + 1)); sleep 0.2
		done
		echo "written $i"')
	export neighbour empty
	wait_for_line up "$folder/neighbour"
}

teardown_file()
{
	[ -n "$small" ] || return 0
	as_user scancel "$neighbour" 2> /dev/null || true
	wait_job "$neighbour"
	wait_for_nothing
	cp "$folder/wnodes.conf" "$conf"
	! mountpoint -q "$small/fs" || umount "$small/fs"
	rmdir "$small/fs" "$small"
	rm -rf "$folder"
}

# KiB that are in use on the small file system
used()
{
	df -k --output=used "$small/fs" | tail -n 1 | tr -d ' '
}

back_to()
{
	[ "$(used)" -le $(($1 + 4096)) ]
}

@test "the file system of overlay_dir fills: 75 and a line for who filled it, others go on; every mode" {
	watch_neighbour > "$folder/watched" &
	watcher=$!
	for mode in overlay snapshot raw; do
		code=0
		as_user srun -n1 --vm=tiny --vm-disk=$mode sh -c 'echo up; dd if=/dev/zero of=/var/tmp/file bs=1M count=480; echo "not reached"' > "$folder/out" 2> "$folder/err" || code=$?
		cat "$folder/out" "$folder/err"
		[ "$code" -eq 75 ]
		[ "$(cat "$folder/out")" = up ]
		[ "$(grep -c '^wnodes: ' "$folder/err")" -eq 1 ]
		grep -q "^wnodes: .*the node has no space left for the machine's disk" "$folder/err"
		wait_until 20 back_to 60000
		job_runs "$neighbour"
	done
	refute is_drained
	as_user srun --jobid="$neighbour" --overlap -n1 touch /tmp/end
	wait_job "$neighbour"
	wait $watcher
	cat "$folder/neighbour"
	sort "$folder/watched" | uniq -c
	# it stood still for lack of space, and went on
	grep -q paused "$folder/watched"
	[ "$(job_state "$neighbour")" = COMPLETED ]
	grep -q '^written' "$folder/neighbour"
	wait_until 20 back_to "$empty"
}

# The states of the neighbour's machine, until it has ended
watch_neighbour()
{
	while job_runs "$neighbour"; do
		as_root wnodes status "$neighbour" | grep -oE 'ready|paused' || true
		sleep 0.3
	done
}

is_drained()
{
	[[ $(node_state "$node") == drain* ]]
}

@test "no space for a disk at all: 75 and a line, and nothing is left" {
	fallocate -l 72M "$small/fs/full" || true
	head -c 20M /dev/zero > "$small/fs/full2" 2> /dev/null || true
	code=0
	as_user srun -n1 --vm=tiny true 2> "$folder/err" || code=$?
	rm "$small/fs/full" "$small/fs/full2"
	cat "$folder/err"
	[ "$code" -eq 75 ]
	grep -q '^wnodes: .*No space left on device' "$folder/err"
	wait_until 20 back_to "$empty"
}

@test "the guest's own disk is full: the task's own error, and the job goes on" {
	cp "$folder/wnodes.conf" "$conf"
	as_user srun -n1 --vm=tiny sh -c 'fallocate -l 470M /var/tmp/most; dd if=/dev/zero of=/var/tmp/file bs=1M count=100; echo "code $?"; rm /var/tmp/most; dd if=/dev/zero of=/var/tmp/file bs=1M count=1 && echo again' > "$folder/out" 2>&1
	sed -i "/^\[site\]/a overlay_dir = $small/fs/overlays" "$conf"
	cat "$folder/out"
	grep -q 'No space left on device' "$folder/out"
	grep -qx 'code 1' "$folder/out"
	grep -qx again "$folder/out"
}

@test "an I/O error of the node's: 75 and other words, and the disk goes when it can" {
	as_user srun -n1 --vm=tiny sh -c 'echo up; while :; do dd if=/dev/zero of=/var/tmp/file bs=1M count=4 conv=fsync 2> /dev/null; sleep 0.2; done' > "$folder/out" 2> "$folder/err" &
	step=$!
	wait_for_line up "$folder/out"
	# EXT4_IOC_SHUTDOWN, EXT4_GOING_FLAGS_NOLOGFLUSH
	python3 -c 'import fcntl, os, struct, sys
fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587d, struct.pack("I", 2))' "$small/fs"
	code=0
	wait $step || code=$?
	cat "$folder/err"
	[ "$code" -eq 75 ]
	grep -q "^wnodes: .*I/O error" "$folder/err"
	# what cannot be removed drains the node
	wait_until 30 is_drained
	umount "$small/fs"
	# the same one would still be broken where another mount namespace has it
	sync
	cp --sparse=always "$folder/disk" "$folder/copy"
	mount -o loop "$folder/copy" "$small/fs"
	as_root wnodes sweep
	as_root scontrol update nodename="$node" state=resume
	wait_for_nothing
	[ -z "$(find "$small/fs/overlays" -type f)" ]
	wait_until 20 is_idle
}
