#!/usr/bin/env bats
# --vm-disk=raw: a file of its own for each machine, a reflink where there can be
# one, else a copy that says how far it is, ends in time, and leaves nothing.
bats_require_minimum_version 1.5.0
load lib/common

setup_file()
{
	export BATS_TEST_TIMEOUT=120
	make_folder
	top=$(cluster_folder)
	conf=$top/etc/wnodes
	# root's, and none of the cluster's: a mount there would be a leftover
	place=$(mktemp -d /var/tmp/wnodes-raw.XXXXXX)
	chmod 0711 "$place"
	mkdir "$place/fs"
	export top conf place
	cp "$conf/wnodes.conf" "$folder/wnodes.conf"
	# a raw image, 512 MiB of which few are there
	qemu-img convert -U -O raw "$top/images/tiny/disk.qcow2" "$place/disk"
	chmod 0444 "$place/disk"
	raw_digest=$(sha256sum < "$place/disk")
	export raw_digest
	# qemu-img, but slow
	cat > "$place/slow-qemu-img" <<-'EOF'
		#!/bin/sh
		if [ "$1" = convert ]; then for i in 10 20 30 40; do echo "($i.00/100%)"; sleep 1; done; fi
		exec /usr/bin/qemu-img "$@"
	EOF
	chmod 0755 "$place/slow-qemu-img"
}

teardown()
{
	as_root scancel -u "$test_user"
	wait_for_nothing
	wait_until 20 is_idle
	cp "$folder/wnodes.conf" "$conf/wnodes.conf"
	rm -f "$conf/images.d/disk-raw.conf"
	if mountpoint -q "$place/fs"; then umount "$place/fs"; fi
	rm -f "${place:?}/fs.img"
}

teardown_file()
{
	rm -rf "${place:?}" "$folder"
}

# site KEY [LINE…]: wnodes.conf with this line in [site], and these at its end
site()
{
	{
		sed "s|^\[site\]|[site]\n$1|" "$folder/wnodes.conf"
		printf '%s\n' "${@:2}"
	} > "$conf/wnodes.conf"
}

# image FILE: tiny's disk from there
image()
{
	sed "s|^source = .*|source = file://$1|; s|^format = .*|format = raw|" "$conf/images.d/tiny.conf" > "$conf/images.d/disk-raw.conf"
}

# filesystem SIZE MKFS…: a file system on a loop device, $place/fs, with a folder for disks; overlay_dir of site
filesystem()
{
	local size=$1
	shift
	truncate -s "$size" "$place/fs.img"
	"$@" "$place/fs.img" > /dev/null
	mount -o loop "$place/fs.img" "$place/fs"
	site "overlay_dir = $place/fs/disks"
}

disk_file()
{
	find "$place/fs/disks" "$top/state/overlays" -name "*-$1.0.raw" 2> /dev/null | grep .
}

status_says()
{
	as_root wnodes status | grep -q "$1"
}

is_at()
{
	[ "$(as_root wnodes status --json "$1" | sed -n 's/.*"state": *"\([a-z]*\)".*/\1/p' | head -n 1)" = "$2" ]
}

is_past_disk()
{
	is_at "$1" booting || is_at "$1" ready
}

@test "on xfs and btrfs the disk is a reflink of a raw base, which a guest does not change" {
	for fs in xfs btrfs; do
		grep -qw "$fs" /proc/filesystems || skip "this machine's kernel has no $fs"
		filesystem 512M "mkfs.$fs" -q
		cp --sparse=always "$place/disk" "$place/fs/base"
		chmod 0444 "$place/fs/base"
		sync -f "$place/fs"
		image "$place/fs/base"
		before=$(df --output=used -k "$place/fs" | tail -n 1)
		job=$(machine --vm=disk-raw --vm-disk=raw,size=1G)
		wait_until 20 is_past_disk "$job"
		file=$(disk_file "$job")
		[ "$(stat -c '%U %a %s' "$file")" = "$test_user 600 1073741824" ]
		filefrag -v "$file" | grep -q shared
		if [ "$fs" = btrfs ]; then
			in_job sh -c 'cat /sys/block/vda/size; /usr/bin/su -c "dd if=/dev/urandom of=/root/new bs=64k count=16; sync"' > "$folder/seen"
			grep -qx 2097152 "$folder/seen"
		fi
		# neither the base again, nor much more than was written
		[ $(($(df --output=used -k "$place/fs" | tail -n 1) - before)) -lt 16384 ]
		as_user scancel "$job"
		wait_job "$job"
		wait_until 20 refute disk_file "$job"
		[ "$(sha256sum < "$place/fs/base")" = "$raw_digest" ]
		umount "$place/fs"
		rm "$place/fs.img"
	done
}

@test "elsewhere it is a sparse copy, grown, or preallocated" {
	image "$place/disk"
	job=$(machine --vm=tiny --vm-disk=raw,size=2G)
	second=$(machine --vm=disk-raw --vm-disk=raw,prealloc=falloc)
	third=$(machine --vm=disk-raw --vm-disk=raw,prealloc=full)
	[ "$(in_job cat /sys/block/vda/size)" = 4194304 ]
	[ "$(stat -c '%U %a %s' "$(disk_file "$job")")" = "$test_user 600 2147483648" ]
	[ "$(stat -c %b "$(disk_file "$job")")" -lt $((256 << 11)) ]
	for other in "$second" "$third"; do
		wait_until 20 is_past_disk "$other"
		[ "$(stat -c %b "$(disk_file "$other")")" -ge $((512 << 11)) ]
	done
	# each has its own
	[ "$(stat -c %i "$(disk_file "$job")" "$(disk_file "$second")" "$(disk_file "$third")" | sort -u | wc -l)" -eq 3 ]
	as_user scancel "$job" "$second" "$third"
	run as_user srun --vm=tiny --vm-disk=raw,prealloc=metadata true
	[ "$status" -ne 0 ]
	[[ $output == *"raw cannot have prealloc=metadata"* ]]
	[ "$(sha256sum < "$place/disk")" = "$raw_digest" ]
}

@test "while it is copied srun's terminal and wnodes status say how far it is" {
	site "qemu_img = $place/slow-qemu-img"
	printf '%s\n' 'expect tiny: making its disk' 'expect tiny: copying its disk: 10 %' 'expect tiny: booting' end |
		as_user python3 "$common_top/tests/lib/terminal.py" srun --vm=tiny --vm-disk=raw true > "$folder/out" &
	pid=$!
	wait_until 20 status_says "tiny: copying its disk: [1-4]0 %, .*left" || seen=no
	wait $pid
	[ "${seen:-yes}" = yes ]
}

@test "a job that ends while its disk is copied, or whose helper is killed then, leaves nothing" {
	site "qemu_img = $place/slow-qemu-img"
	first=$(submit --vm=tiny --vm-disk=raw --wrap 'sleep 100')
	wait_until 20 disk_file "$first"
	wait_until 20 is_at "$first" disk
	as_user scancel "$first"
	wait_job "$first" 20
	wait_for_nothing
	second=$(submit --vm=tiny --vm-disk=raw,prealloc=falloc --wrap 'sleep 100')
	wait_until 20 disk_file "$second"
	# it is made before qemu-img runs
	wait_until 20 eval 'pid=$(job=$second machine_pid "convert")'
	helper=$(sed -n 's/^PPid:[[:space:]]*//p' "/proc/$pid/status")
	kill -9 "$helper"
	# its copy dies with it
	wait_until 5 refute test -e "/proc/$pid"
	as_user scancel "$second"
	wait_job "$second" 20
	wait_for_nothing
}

@test "what cannot be copied, or not in time, ends with 75 and one line" {
	filesystem 200M mkfs.ext4 -q -F
	run -75 as_user srun --vm=tiny --vm-disk=raw,prealloc=full true
	[ "$(grep -c '^wnodes:' <<< "$output")" -eq 1 ]
	[[ $output == *"no space left for the machine's disk: it takes 512 MiB"* ]]
	wait_for_nothing
	# what is in the image does not fit, either
	fallocate -l "$(($(df --output=avail -k "$place/fs" | tail -n 1) - 2048))K" "$place/fs/fill"
	run -75 as_user srun --vm=tiny --vm-disk=raw true
	[[ $output == *"no space left for the machine's disk"* ]]
	site "qemu_img = $place/slow-qemu-img" '[disk]' 'copy_timeout = 2'
	run -75 as_user srun --vm=tiny --vm-disk=raw true
	[[ $output == *"not done within 2 s: allow more time ([disk] copy_timeout), or use mode overlay"* ]]
}
