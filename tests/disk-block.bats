#!/usr/bin/env bats
# --vm-disk=block: a block device of the node's pool, one job's at a time, cleared of
# what was on it; here loop devices. Thin volumes need device-mapper, which the kernels
# that tests run on lack: tests/unit/test_helper_thin.c has what can be said of them.
bats_require_minimum_version 1.5.0
load lib/common

setup_file()
{
	export BATS_TEST_TIMEOUT=120
	make_folder
	top=$(cluster_folder)
	conf=$top/etc/wnodes
	helper=$top/usr/libexec/wnodes/wnodes-helper
	place=$(mktemp -d /var/tmp/wnodes-block.XXXXXX)
	truncate -s 600M "$place/one" "$place/two"
	# something of a former user's, behind where the image ends
	printf FORMER | dd of="$place/one" bs=1M seek=590 conv=notrunc status=none
	one=$(losetup -f --show "$place/one")
	two=$(losetup -f --show "$place/two")
	export top conf helper place one two
	cp "$conf/wnodes.conf" "$folder/wnodes.conf"
	stat -c '%n %U %G %a %t:%T %i' "$one" "$two" > "$folder/nodes"
}

setup()
{
	pool "$one, $two"
}

teardown()
{
	[ ! -e "$folder/holder" ] || kill "$(cat "$folder/holder")" || true
	rm -f "$folder/holder"
	as_root scancel -u "$test_user"
	for number in 3100000001 3100000002; do as_root "$helper" destroy --node "$node" --job $number; done
	wait_for_nothing
	[ ! -e "$place/mount" ] || unmounted
	wait_until 20 is_idle
	stat -c '%n %U %G %a %t:%T %i' "$one" "$two" | diff "$folder/nodes" -
}

# What a test that failed half-way has mounted, and the device on it.
unmounted()
{
	losetup -n -O NAME,BACK-FILE | awk -v file="$place/mount/" 'index($2, file) == 1 { print $1 }' | xargs -r losetup -d
	if mountpoint -q "$place/mount"; then umount "$place/mount"; fi
}

teardown_file()
{
	cp "$folder/wnodes.conf" "$conf/wnodes.conf"
	losetup -d "$one"
	losetup -d "$two"
	rm -rf "${place:?}" "$folder"
}

# pool DEVICES: what wnodes.conf says of them
pool()
{
	{
		cat "$folder/wnodes.conf"
		printf '%s\n' '[disk]' 'modes = overlay, block' "devices = $1"
	} > "$conf/wnodes.conf"
}

# has DEVICE OFFSET: the six bytes there, in MiB
has()
{
	dd if="$1" bs=1M skip="$2" count=1 status=none | head -c 6 | tr -d '\0'
}

boot_id()
{
	cat /proc/sys/kernel/random/boot_id
}

# lease JOB LINE: a record with this line in its journal, as if a job had it
lease()
{
	as_root "$helper" prepare --node "$node" --job "$1" --restart 0 --uid "$(id -u "$test_user")" \
		--gid "$(id -g "$test_user")" --image tiny
	echo "$2" >> "$top/state/jobs/$node/$1.0/journal"
}

@test "each machine has a device of its own, whole and cleared, and no other process has it" {
	job=$(machine --vm=tiny --vm-disk=block)
	second=$(machine --vm=tiny --vm-disk=block,size=599M)
	[ "$(in_job cat /sys/block/vda/size)" = $((600 << 11)) ]
	[ -z "$(in_job /usr/bin/su -c 'dd if=/dev/vda bs=1M skip=590 count=1 | head -c 6 | tr -d "\0"' 2> /dev/null)" ]
	in_job sh -c 'echo -n GUEST1 > /tmp/mark; /usr/bin/su -c "dd if=/tmp/mark of=/dev/vda bs=1M seek=590 conv=notrunc; sync"'
	[ "$(has "$one" 590)" = GUEST1 ]
	job=$second in_job true
	[ -z "$(has "$two" 590)" ]
	# that is full for the guest alone
	job=$second in_job sh -c 'fallocate -l 540M /var/tmp/most; dd if=/dev/zero of=/var/tmp/file bs=1M; echo "code $?"; rm /var/tmp/most; dd if=/dev/zero of=/var/tmp/file bs=1M count=1 && echo again' > "$folder/out" 2>&1
	cat "$folder/out"
	grep -q 'No space left on device' "$folder/out"
	grep -qx 'code 1' "$folder/out"
	grep -qx again "$folder/out"

	# the job's user reaches it nowhere, its QEMU by a node that is in no folder any more
	refute as_user head -c 1 "$one"
	pid=$(machine_pid qemu-system)
	find "/proc/$pid/fd" -lname '*disk*' -printf '%p\n' | head -n 1 | xargs stat -L -c '%F %U %a %t:%T' > "$folder/seen"
	grep -qx "block special file $test_user 600 $(stat -c %t:%T "$one")" "$folder/seen"
	[ -z "$(find "/proc/$pid/root/dev" "/proc/$pid/root$top/run" -type b)" ]
	# and nobody on the node mounts it or takes it by mistake
	refute mkfs.ext4 -q "$one"
	mkdir -p "$place/mount"
	refute mount "$one" "$place/mount"

	# a third finds none
	run -75 as_user srun --vm=tiny --vm-disk=block true
	[ "$(grep -c '^wnodes:' <<< "$output")" -eq 1 ]
	[[ $output == *"node $node: no block device is free: jobs have 2"* ]]
	as_root wnodes check
	# one ends, of the other all processes are killed
	as_user scancel "$second"
	xargs kill -9 < "$(vm_cgroup memory)/cgroup.procs"
	wait_job "$job"
	wait_for_nothing

	# what a guest put where the host looks for partitions and file systems is gone
	[ -z "$(head -c 1M "$one" | tr -d '\0' | head -c 1)" ]
	[ "$(has "$one" 590)" = GUEST1 ]
	as_user srun --vm=tiny --vm-disk=block true
	[ -z "$(has "$one" 590)" ]
}

@test "a lease lasts as long as its record, after a reboot, too, and what is not leased is not touched" {
	pool "$one"
	printf FORMER | dd of="$one" conv=notrunc status=none
	lease 3100000001 "block $one $(stat -c '%Hr:%Lr' "$one") $(boot_id)"
	run -75 as_user srun --vm=tiny --vm-disk=block true
	[[ $output == *"no block device is free: jobs have 1"* ]]
	[ "$(has "$one" 0)" = FORMER ]
	# a record that is not trusted is not passed over
	chmod g+w "$top/state/jobs/$node/3100000001.0"
	run -75 as_user srun --vm=tiny --vm-disk=block true
	[[ $output == *"the leases of block devices cannot be read"* ]]
	chmod g-w "$top/state/jobs/$node/3100000001.0"
	as_root "$helper" destroy --node "$node" --job 3100000001
	[ -z "$(has "$one" 0)" ]
	# of another boot: the number may be anything's
	printf FORMER | dd of="$one" conv=notrunc status=none
	lease 3100000002 "block $one 8:1 00000000-0000-0000-0000-000000000000"
	run -75 as_user srun --vm=tiny --vm-disk=block true
	[[ $output == *"jobs have 1"* ]]
	as_root "$helper" destroy --node "$node" --job 3100000002
	[ "$(has "$one" 0)" = FORMER ]
}

has_lease()
{
	grep -q "^block $one " "$top/state/jobs/$node/$1.0/journal" 2> /dev/null
}

either_has_ended()
{
	job_has_ended "$1" || job_has_ended "$2"
}

@test "of two jobs one gets the only device, and gives it back when it is killed while its disk is copied" {
	pool "$one"
	printf '%s\n' '#!/bin/sh' 'sleep 20' 'exec /usr/bin/qemu-img "$@"' > "$place/slow-qemu-img"
	chmod 0755 "$place" "$place/slow-qemu-img"
	sed -i "s|^\[site\]|[site]\nqemu_img = $place/slow-qemu-img|" "$conf/wnodes.conf"
	first=$(submit --vm=tiny --vm-disk=block --wrap 'sleep 100')
	second=$(submit --vm=tiny --vm-disk=block --wrap 'sleep 100')
	wait_until 20 either_has_ended "$first" "$second"
	if job_has_ended "$first"; then
		[ "$(job_field "$first" ExitCode)" = 75:0 ]
		first=$second
	else
		[ "$(job_field "$second" ExitCode)" = 75:0 ]
	fi
	wait_until 20 has_lease "$first"
	pid=$(job=$first machine_pid slow-qemu-img)
	helper_pid=$(sed -n 's/^PPid:[[:space:]]*//p' "/proc/$pid/status")
	# the device is claimed meanwhile
	refute mkfs.ext4 -q "$one"
	kill -9 "$helper_pid"
	wait_until 5 refute test -e "/proc/$pid"
	has_lease "$first"
	as_user scancel "$first"
	wait_job "$first" 20
	wait_for_nothing
	pool "$one"
	as_root wnodes check
}

@test "a device that another process may have open is no job's" {
	pool "$one"
	# called as machines' nodes are
	mknod "$place/disk" b "0x$(stat -c %t "$one")" "0x$(stat -c %T "$one")"
	declare -A says=([open]="it open" [mapped]="it mapped" [orphan]="it mapped" [socket]="descriptors under way"
		[thread]="it open" [ring]="registered it" [locked]="registered it with an io_uring, or may have")
	for how in "${!says[@]}"; do
		if [[ $how = ring || $how = locked ]] && [ "$(cat /proc/sys/kernel/io_uring_disabled 2> /dev/null)" != 0 ]; then continue; fi
		rm -f "$folder/ready"
		python3 - "$place/disk" "$how" "$folder/ready" "$(id -u nobody)" <<- 'PYTHON' &
			import ctypes, fcntl, mmap, os, socket, struct, sys, threading, time
			device, how, ready, uid = sys.argv[1:]
			fd = os.open(device, os.O_RDWR)
			if how in ("mapped", "orphan"):
			    # mmap.mmap() keeps a descriptor of its own
			    assert ctypes.CDLL(None).mmap(None, 4096, mmap.PROT_READ, mmap.MAP_SHARED, fd, 0) != -1
			if how == "socket":
			    pair = socket.socketpair()
			    socket.send_fds(pair[0], [b"x"], [fd])
			if how in ("ring", "locked"):
			    ring = ctypes.CDLL(None).syscall(425, 4, ctypes.create_string_buffer(120))
			    assert ctypes.CDLL(None).syscall(427, ring, 2, (ctypes.c_int * 1)(fd), 1) == 0
			started = threading.Event()
			def thread():
			    ctypes.CDLL(None).unshare(0x400)  # CLONE_FILES
			    started.set()
			    time.sleep(100)
			if how == "thread":
			    threading.Thread(target=thread, daemon=True).start()
			    started.wait()
			if how != "open":
			    os.close(fd)
			if how == "locked":
			    # who waits for a page of the buffer has the ring locked
			    fault = ctypes.CDLL(None).syscall(323, os.O_CLOEXEC)
			    fcntl.ioctl(fault, 0xc018aa3f, struct.pack("3Q", 0xaa, 0, 0))
			    area = mmap.mmap(-1, 65536, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
			    at = ctypes.addressof(ctypes.c_char.from_buffer(area))
			    fcntl.ioctl(fault, 0xc020aa00, struct.pack("4Q", at, 65536, 1, 0))
			open(ready, "w").close()
			os.setuid(int(uid))
			if how == "locked":
			    ctypes.CDLL(None).syscall(427, ring, 0, struct.pack("2Q", at, 65536), 1)
			if how == "orphan":
			    # the first thread ends, another lives on
			    threading.Thread(target=time.sleep, args=(100,)).start()
			    ctypes.CDLL(None).syscall(60, 0)
			time.sleep(100)
		PYTHON
		echo $! > "$folder/holder"
		wait_until 10 test -e "$folder/ready"
		wait_until 5 grep -q "^Uid:[[:space:]]$(id -u nobody)" "/proc/$!/status"
		run -75 as_user srun --vm=tiny --vm-disk=block true
		echo "$how: $output"
		[[ $output == *"no block device is free: jobs have 0; $one: process $(cat "$folder/holder") has ${says[$how]}"* ]]
		kill "$(cat "$folder/holder")"
		rm "$folder/holder"
	done
	wait_until 20 is_idle
	as_root wnodes check
}

@test "devices that are mounted, are none, or are not root's alone are refused by wnodes check and at the start" {
	mknod "$place/open" b "0x$(stat -c %t "$two")" "0x$(stat -c %T "$two")"
	chmod 0666 "$place/open"
	ln -s "$one" "$place/again"
	mkfs.ext4 -q "$two"
	mkdir -p "$place/mount"
	mount "$two" "$place/mount"
	pool "$two, $place/open, $place/one, /dev/null, /dev/no-such, $place/again, $one"
	run -75 as_root wnodes check
	[[ $output == *"devices: $two: it is in use: mounted"* ]]
	[[ $output == *"devices: $place/open: it must be root's, and open to nobody else"* ]]
	[[ $output == *"devices: $place/one: it is no block device"* ]]
	[[ $output == *"devices: /dev/null: it is no block device"* ]]
	[[ $output == *"devices: /dev/no-such: No such file"* ]]
	[[ $output == *"devices: $one: it is another name of a device that the list has already"* ]]
	pool "$two, $place/open, /dev/null"
	run -75 as_user srun --vm=tiny --vm-disk=block true
	[[ $output == *"no block device is free: jobs have 0; $two: it is in use: mounted"* ]]
	umount "$place/mount"
	pool "$one"
	run -64 as_user srun --vm=tiny --vm-disk=block,size=2G true
	[[ $output == *"needs 2048 MiB, and the largest of its block devices has 600 MiB"* ]]
	run -77 as_user srun --vm=tiny --vm-disk=raw true
	rm "$place/open" "$place/again"
}

@test "a device that cannot be cleared, or fails later, ends its job: 75 and a line" {
	# on a file system without the room, and then on one that the node has lost
	mkdir -p "$place/mount"
	for size in 200M 900M; do
		truncate -s $size "$place/fs"
		mkfs.ext4 -q -F -O ^has_journal "$place/fs"
		mount -o loop "$place/fs" "$place/mount"
		truncate -s 600M "$place/mount/three"
		three=$(losetup -f --show "$place/mount/three")
		pool "$three"
		echo "cache = none" >> "$conf/wnodes.conf"
		as_user srun -n1 --vm=tiny --vm-disk=block sh -c 'echo up; while :; do dd if=/dev/zero of=/var/tmp/file bs=1M count=4 conv=fsync 2> /dev/null; sleep 0.2; done' > "$folder/out" 2> "$folder/err" &
		step=$!
		if [ $size = 900M ]; then
			wait_for_line up "$folder/out" || { cat "$folder/err"; as_root squeue -a; ps -o pid,stat,wchan:20,args -C wnodes-helper; false; }
			# EXT4_IOC_SHUTDOWN, EXT4_GOING_FLAGS_NOLOGFLUSH
			python3 -c 'import fcntl, os, struct, sys
fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587d, struct.pack("I", 2))' "$place/mount"
		fi
		code=0
		wait $step || code=$?
		cat "$folder/err"
		wait_for_nothing
		losetup -d "$three"
		umount "$place/mount"
		[ "$code" -eq 75 ]
		[ "$(grep -c '^wnodes:' "$folder/err")" -eq 1 ]
		if [ $size = 900M ]; then
			grep -q "^wnodes: .*the node cannot read or write the machine's disk: an I/O error" "$folder/err"
		else
			grep -q "^wnodes: .*$three cannot be cleared: " "$folder/err"
		fi
	done
	wait_until 20 is_idle
}
