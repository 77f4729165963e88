#!/usr/bin/env bats
# shellcheck disable=SC2154 # common.bash and setup_file set them
# Machines' disks: overlay and snapshot, how large, preallocated how, alone, and
# gone without a trace whatever is killed. The folder of disks is a file system
# of its own, whose free blocks are counted.
load lib/common
bats_require_minimum_version 1.5.0

setup_file()
{
	export BATS_TEST_TIMEOUT=180
	make_folder
	keep_conf
	disks=$(mktemp -d /var/tmp/wnodes-disks.XXXXXX)
	chmod 0755 "$disks"
	truncate -s 3G "$disks/image"
	mkfs.ext4 -q -m 0 -N 64 -E lazy_itable_init=0 "$disks/image"
	mkdir "$disks/mnt" "$disks/copy" "$disks/ram"
	mount -o loop "$disks/image" "$disks/mnt"
	mkdir -m 0700 "$disks/mnt/o"
	sync -f "$disks/mnt"
	free=$(free_blocks)
	make_base
	export disks free base digest
	site
	submit_all > "$folder/jobs"
}

# tiny's file system in 48 MiB, 8 of noise, 8 of nothing: what a preallocated disk must not hide
make_base()
{
	base=$disks/base.qcow2
	qemu-img convert -U -O raw "$(cluster_folder)/images/tiny/disk.qcow2" "$disks/raw"
	e2fsck -fy "$disks/raw" > /dev/null 2>&1 || [ $? -lt 4 ]
	resize2fs "$disks/raw" 48M > /dev/null 2>&1
	truncate -s 48M "$disks/raw"
	head -c 8M /dev/urandom >> "$disks/raw"
	noise=$(tail -c 8M "$disks/raw" | md5sum)
	truncate -s 64M "$disks/raw"
	qemu-img convert -O qcow2 "$disks/raw" "$base"
	rm "$disks/raw"
	chmod 0444 "$base"
	digest=$(sha256sum < "$base")
	export noise
	image
}

teardown()
{
	site
	image
	[ "$(sha256sum < "$base")" = "$digest" ]
	[ "$(stat -c '%u %g %a' "$base")" = "0 0 444" ]
}

teardown_file()
{
	restore_conf
	as_user scancel -u "$test_user"
	wait_until 30 no_leftovers || true
	rm -f "$wnodes/images.d/disk.conf"
	for mount in copy ram mnt; do
		if mountpoint -q "$disks/$mount"; then umount "$disks/$mount"; fi
	done
	rm -rf "$folder" "$disks"
}

# site LINE…: wnodes.conf, with more lines of [disk]
site()
{
	{
		sed "s|^\[site\]|&\noverlay_dir = $disks/mnt/o|" "$folder/wnodes.conf"
		[ $# -eq 0 ] || printf '%s\n' '[disk]' "$@"
	} > "$wnodes/wnodes.conf"
}

# image LINE…: tiny with the base of this file, and more lines
image()
{
	{ sed "s|^source = .*|source = file://$base|" "$wnodes/images.d/tiny.conf"; printf '%s\n' "$@"; } > "$wnodes/images.d/disk.conf"
}

free_blocks()
{
	stat -f -c %f "$disks/mnt"
}

is_as_before()
{
	[ "$(free_blocks)" = "$free" ] && [ -z "$(ls "$disks/mnt/o")" ]
}

# nothing_is_left: no process, record, file or block
nothing_is_left()
{
	wait_for_nothing
	wait_until 5 is_as_before || { df "$disks/mnt"; ls -l "$disks/mnt/o"; return 1; }
}

# What a machine does with its disk; it says the size, what is left of the base, and what it has written.
guest_work()
{
	cat <<-'END'
		#!/bin/sh
		/usr/bin/su -c '
			cat /sys/block/vda/size
			dd if=/dev/vda bs=1M skip=48 count=8 2> /dev/null | md5sum
			head -c 4194304 /dev/urandom > /tmp/noise
			for at in 50 62 92; do dd if=/tmp/noise of=/dev/vda bs=1M seek=$at conv=notrunc 2> /dev/null; done
			sync
			echo 3 > /proc/sys/vm/drop_caches
			md5sum < /tmp/noise
			for at in 50 62 92; do dd if=/dev/vda bs=1M skip=$at count=4 2> /dev/null | md5sum; done
			dd if=/dev/vda bs=1M skip=66 count=26 2> /dev/null | md5sum'
		echo finished
		sleep 900
	END
}

# A machine for each mode and preallocation, all at once: `JOB MODE PREALLOC`, a line each.
submit_all()
{
	local mode prealloc
	guest_work > "$folder/work"
	for mode in overlay snapshot; do
		for prealloc in off metadata falloc full; do
			echo "$(as_user sbatch --parsable --output="$folder/out.%j" --mem=600M --vm=disk \
				--vm-disk="$mode,size=96M,prealloc=$prealloc" "$folder/work") $mode $prealloc"
		done
	done
}

# job_of MODE PREALLOC
job_of()
{
	sed -n "s/ $1 $2\$//p" "$folder/jobs"
}

# disk_of JOB: its disk, as QEMU sees it
disk_of()
{
	job=$1
	echo "/proc/$(machine_pid qemu-system)/root$(cluster_folder)/run/disk/disk"
}

# kilobytes JOB: that its disk takes on the host
kilobytes()
{
	echo $(($(stat -c %b "$(disk_of "$1")") / 2))
}

# refused CODE PATTERN SRUN-ARGUMENTS…
refused()
{
	local want=$1 pattern=$2 code=0
	shift 2
	as_user srun -Q "$@" cat /proc/sys/kernel/random/boot_id > "$folder/out" 2> "$folder/err" || code=$?
	cat "$folder/err"
	echo "code $code, wanted $want"
	[ "$code" -eq "$want" ]
	[ "$(grep -c '^wnodes:' "$folder/err")" -eq 1 ]
	grep -qE "^wnodes: $pattern" "$folder/err"
	[ ! -s "$folder/out" ]
}

@test "each mode with each preallocation boots, has its size, reads its base and what it writes" {
	zeros=$(head -c 26M /dev/zero | md5sum)
	while read -r id mode prealloc; do
		wait_until 120 grep -qx finished "$folder/out.$id"
		echo "$mode $prealloc: $(cat "$folder/out.$id")"
		mapfile -t said < "$folder/out.$id"
		[ "${said[0]}" = $((96 * 2048)) ]
		[ "${said[1]}" = "$noise" ]
		for i in 3 4 5; do [ "${said[i]}" = "${said[2]}" ]; done
		[ "${said[6]}" = "$zeros" ]
	done < "$folder/jobs"
	[ "$(wc -l < "$folder/jobs")" -eq 8 ]
	# all wrote something of their own
	[ "$(for out in "$folder"/out.*; do sed -n 3p "$out"; done | sort -u | wc -l)" -eq 8 ]
}

@test "each disk is its user's and its job's alone; a snapshot has no name" {
	while read -r id mode prealloc; do
		disk=$(disk_of "$id")
		stat -c "$mode $prealloc: %U %a %h %i %b" "$disk"
		[ "$(stat -c '%U %a' "$disk")" = "$test_user 600" ]
		[ "$(stat -c %h "$disk")" -eq "$([ "$mode" = snapshot ]; echo $?)" ]
		[ "$mode" = snapshot ] || [ "$disk" -ef "$disks/mnt/o/$node-$id.0.qcow2" ]
		stat -c %i "$disk" >> "$folder/inodes"
		# none is the base
		refute [ "$disk" -ef "$base" ]
	done < "$folder/jobs"
	[ "$(sort -u "$folder/inodes" | wc -l)" -eq 8 ]
	[ "$(find "$disks/mnt/o" -type f | wc -l)" -eq 4 ]
	for mode in overlay snapshot; do
		[ "$(kilobytes "$(job_of $mode off)")" -lt $((40 << 10)) ]
		[ "$(kilobytes "$(job_of $mode metadata)")" -lt $((40 << 10)) ]
		[ "$(kilobytes "$(job_of $mode falloc)")" -ge $((96 << 10)) ]
		[ "$(kilobytes "$(job_of $mode full)")" -ge $((96 << 10)) ]
	done
}

@test "the node loses its power: of a snapshot nothing is left on its file system" {
	sync -f "$disks/mnt"
	cp --sparse=always "$disks/image" "$disks/image.copy"
	mount -o loop "$disks/image.copy" "$disks/copy"
	[ "$(find "$disks/copy/o" -type f | wc -l)" -eq 4 ]
	rm "$disks/copy/o/$node"-*
	[ "$(stat -f -c %f "$disks/copy")" = "$free" ]
	umount "$disks/copy"
	rm "$disks/image.copy"
}

@test "kill -9 of QEMU, of each of the monitor's processes, and of all: nothing is left, others run on" {
	killed=()
	for victim in "overlay off qemu-system" "snapshot off qemu-system" "overlay metadata wnodes-monitor 0" \
		"snapshot metadata wnodes-monitor -1" "overlay falloc wnodes-relay" "snapshot falloc all"; do
		read -r mode prealloc program which <<< "$victim"
		job=$(job_of "$mode" "$prealloc")
		echo "$victim: job $job"
		if [ "$program" = all ]; then
			mapfile -t pids < "$(vm_cgroup memory)/cgroup.procs"
			kill -KILL "${pids[@]}"
		else
			kill -KILL "$(machine_pid "$program" "${which:-0}")"
		fi
		killed+=("$job")
	done
	for job in "${killed[@]}"; do
		wait_job "$job"
		refute [ -e "$disks/mnt/o/$node-$job.0.qcow2" ]
		[ -z "$(vm_cgroup memory)" ]
	done
	for mode in overlay snapshot; do
		job=$(job_of $mode full)
		job_runs "$job"
		grep -qx finished "$folder/out.$job"
		as_user scancel "$job"
	done
	nothing_is_left
}

@test "kill -9 of the helper, a cancelled job and another boot, while the disk is made: nothing is left" {
	printf '#!/bin/sh\nsleep 60\nexec qemu-img "$@"\n' > "$disks/slow"
	chmod 0755 "$disks/slow"
	sed -i "s|^\[site\]|&\nqemu_img = $disks/slow|" "$folder/wnodes.conf"
	for what in "overlay kill" "snapshot cancel" "snapshot boot"; do
		read -r mode end <<< "$what"
		site
		job=$(submit --vm=disk --vm-disk="$mode" --wrap true)
		wait_until 20 test -e "$disks/mnt/o/$node-$job.0.qcow2"
		record=$(cluster_folder)/state/jobs/$node/$job.0
		grep -qx "$mode $disks/mnt/o/$node-$job.0.qcow2" "$record/journal"
		[ "$end" != boot ] || sed -i 's/^boot_id=.*/boot_id=00000000-0000-0000-0000-000000000000/' "$record/record"
		[ "$end" = cancel ] || kill -KILL "$(machine_pid wnodes-helper)"
		# the task sees that nobody makes its machine any more
		[ "$end" = cancel ] || wait_job "$job" 20
		[ "$end" = cancel ] || [ "$(job_field "$job" ExitCode)" = 75:0 ]
		[ "$end" != cancel ] || as_user scancel "$job"
		nothing_is_left
	done
	sed -i '/^qemu_img = /d' "$folder/wnodes.conf"
}

either_has_ended()
{
	job_has_ended "$1" || job_has_ended "$2"
}

@test "of two disks that take the room there is at once, one is refused, and the other is made" {
	touch "$disks/hold"
	printf '#!/bin/sh\nwhile [ -e %s/hold ]; do sleep 0.2; done\nexec qemu-img "$@"\n' "$disks" > "$disks/slow"
	chmod 0755 "$disks/slow"
	site
	sed -i "s|^\[site\]|&\nqemu_img = $disks/slow|" "$wnodes/wnodes.conf"
	for i in 1 2; do
		as_user sbatch --parsable --output="$folder/room.%j" --vm=disk --vm-disk=size=2G,prealloc=falloc --wrap 'echo made'
	done > "$folder/two"
	mapfile -t two < "$folder/two"
	wait_until 20 either_has_ended "${two[@]}"
	rm "$disks/hold"
	for job in "${two[@]}"; do wait_job "$job"; done
	cat "$folder"/room.*
	[ "$(grep -c '^made$' "$folder"/room.* | grep -c ':1$')" -eq 1 ]
	grep -q "^wnodes: no space left for the machine's disk: it takes .* MiB from the beginning, and $disks/mnt/o has .* besides what disks that are being made will take" "$folder"/room.*
	nothing_is_left
}

@test "a disk that cannot be made keeps no space while its job goes on" {
	# shellcheck disable=SC2016 # the script expands
	printf '%s\n' '#!/bin/sh' 'eval "file=\${$(($# - 1))}"' 'head -c 64M /dev/zero > "$file"' 'echo broken >&2' 'exit 3' > "$disks/slow"
	sed -i "s|^\[site\]|&\nqemu_img = $disks/slow|" "$wnodes/wnodes.conf"
	job=$(as_user salloc --no-shell --vm=disk --vm-disk=prealloc=full 2>&1 | sed -n 's/.*Granted job allocation //p')
	wait_until 20 has_failed "$job"
	[ "$(stat -c %s "$disks/mnt/o/$node-$job.0.qcow2")" -eq 0 ]
	as_user scancel "$job"
	nothing_is_left
}

has_failed()
{
	as_root wnodes status "$1" | grep -q 'cannot make the machine.s disk: broken'
}

@test "--vm-disk: what is wrong, not allowed or too large is said in a line; there is no room: 75" {
	refused 64 "--vm-disk: 'rew' is no mode" --vm=disk --vm-disk=rew
	refused 64 "--vm-disk: size: '1k' is not a size" --vm=disk --vm-disk=size=1k
	refused 64 "--vm-disk needs --vm=IMAGE" --vm-disk=overlay
	run -64 as_user sbatch --vm=disk --vm-disk=prealloc=on --wrap true
	refused 64 "--vm-disk: size: the disk of image disk has 64 MiB already" --vm=disk --vm-disk=size=63M
	refused 75 "no space left for the machine's disk: it takes 8[0-9]{3} MiB from the beginning, and $disks/mnt/o has" \
		--vm=disk --vm-disk=size=8G,prealloc=falloc
	refused 75 "no space left for the machine's disk: it takes [0-9]{6} MiB from the beginning, and $disks/mnt/o has" \
		--vm=disk --vm-disk=size=1024T,prealloc=metadata
	nothing_is_left
	refused 77 "--vm-disk: mode block is not allowed; image disk has overlay, snapshot, raw here" --vm=disk --vm-disk=block
	site "modes = overlay, raw" "size_max = 80M"
	image "disk_modes = snapshot, overlay"
	refused 77 "--vm-disk: mode raw is not allowed; image disk has overlay here" --vm=disk --vm-disk=raw
	refused 77 "--vm-disk: size: the site allows 80 MiB .size_max., not 81" --vm=disk --vm-disk=size=81M
	image "disk_mode = snapshot"
	refused 75 "image disk: its disk_mode has snapshot, and modes of .disk. in wnodes.conf are overlay, raw" --vm=disk
	# what is asked for is charged, not what the image has
	site
	printf '[policy]\noverlay_max = 200M\n' >> "$wnodes/wnodes.conf"
	image
	refused 75 "node $node: the machine's disk may come to [23].. MiB.*overlay_max" --vm=disk --vm-disk=size=199M
	site "io = native"
	refused 75 "$wnodes/wnodes.conf:[0-9]*: io = native needs cache = none or directsync, not unsafe" --vm=disk
	nothing_is_left
}

@test "an image's own mode and size; QEMU has the site's clusters, cache mode, way of I/O, thread and discard" {
	site "cache = none" "io = native" "iothread = yes" "discard = ignore" "cluster_size = 2M" "extended_l2 = yes" \
		"prealloc = metadata"
	image "disk_mode = snapshot" "disk_size = 80M"
	job=$(machine --vm=disk)
	[ "$(in_job cat /sys/block/vda/size)" = $((80 * 2048)) ]
	in_job /usr/bin/su -c 'dd if=/dev/zero of=/dev/vda bs=1M count=4 seek=70 2> /dev/null; sync'
	disk=$(disk_of "$job")
	[ "$(stat -c %h "$disk")" -eq 0 ]
	tr '\0' '\n' < "/proc/$(machine_pid qemu-system)/cmdline" > "$folder/cmdline"
	qemu-img info -U "json:{\"driver\":\"qcow2\",\"file\":{\"driver\":\"file\",\"filename\":\"$disk\"},\"backing\":null}" > "$folder/info"
	grep -E 'libvirt-1|iothread' "$folder/cmdline"
	grep -E 'cluster_size|extended' "$folder/info"
	grep -q '"driver":"file","filename":"[^"]*/disk/disk","aio":"native".*"cache":{"direct":true,"no-flush":false}' "$folder/cmdline"
	grep -q 'driver":"virtio-blk-pci.*"iothread":"iothread1"' "$folder/cmdline"
	grep '"node-name":"libvirt-1-format"' "$folder/cmdline" > "$folder/format"
	refute grep -q '"discard":"unmap"' "$folder/format"
	grep -q '^cluster_size: 2097152$' "$folder/info"
	grep -q 'extended l2: true' "$folder/info"
	as_user scancel "$job"
	nothing_is_left
}

@test "wnodes check: what this file system cannot do, and what image and site do not agree on" {
	site "io = io_uring" "cache = directsync"
	run -0 as_root wnodes check
	mount -t ramfs none "$disks/ram"
	mkdir -m 0700 "$disks/ram/o"
	site "cache = none" "size_max = 70M"
	sed -i "s|$disks/mnt/o|$disks/ram/o|" "$wnodes/wnodes.conf"
	image "disk_mode = block" "disk_size = 80M"
	run -75 as_root wnodes check
	echo "$output"
	grep -q '^\[disk\] cache = none, io = threads does not work here: .*O_DIRECT' <<< "$output"
	grep -q '^image disk: its disk_mode has block, and modes of' <<< "$output"
	grep -q '^image disk: its disk_size is 80 MiB, and size_max of \[disk\] 70$' <<< "$output"
	umount "$disks/ram"
	# a file system without unlinked files of its own
	[ -c /dev/fuse ] || skip "no FUSE here: mode snapshot on no local file system"
	python3 "$common_top/tests/lib/fuse.py" "$disks/ram" 3>&- &
	wait_until 10 mountpoint -q "$disks/ram"
	image
	for mode in overlay snapshot; do
		site "mode = $mode"
		sed -i "s|$disks/mnt/o|$disks/ram|" "$wnodes/wnodes.conf"
		as_root wnodes check > "$folder/out" 2>&1 || true
		cat "$folder/out"
		if [ $mode = overlay ]; then
			grep -q "^note: \[disk\] modes: overlay_dir $disks/ram is on fuse, where snapshot may leave" "$folder/out"
		else
			grep -q "^\[disk\] mode = snapshot: overlay_dir $disks/ram is on fuse, not on a local file system" "$folder/out"
		fi
	done
	umount "$disks/ram"
}
