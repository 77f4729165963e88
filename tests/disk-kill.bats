#!/usr/bin/env bats
# shellcheck disable=SC2154 # common.bash and setup_file set them
# A machine's disk of each mode, and the death of what is Slurm's around it: no
# disk, device, record or process is left, nobody has another's disk, and the base
# is as it was. What kills QEMU, the monitor, the relay and the helper that makes
# the disk: disk.bats, disk-raw.bats, disk-block.bats.
load lib/common

setup_file()
{
	export BATS_TEST_TIMEOUT=120
	make_folder
	top=$(cluster_folder)
	conf=$top/etc/wnodes/wnodes.conf
	helper=$top/usr/libexec/wnodes/wnodes-helper
	base=$top/images/tiny/disk.qcow2
	export top conf helper base
	cp "$conf" "$folder/wnodes.conf"
	modes="overlay snapshot raw"
	if losetup -f > /dev/null 2>&1; then
		modes="$modes block"
		truncate -s 600M "$folder/device"
		device=$(losetup -f --show "$folder/device")
		printf '%s\n' '[disk]' 'modes = overlay, snapshot, raw, block' "devices = $device" >> "$conf"
	fi
	export modes device
	digest=$(sha256sum < "$base")
	export digest
	removals=unlinkat,unlink,ftruncate,rmdir,renameat,umount2,pwrite64
	jobs=()
	for mode in $modes; do
		jobs+=("$(submit --no-requeue --vm=tiny --vm-disk="$mode" --output="$folder/%j" --wrap '
			head -c 2000000 /dev/urandom > /var/tmp/own; sync; echo up; sleep 900')")
	done
	for job in "${jobs[@]}"; do wait_for_line up "$folder/$job"; done 2> /dev/null
	job_list="${jobs[*]}"
	export removals job_list
}

setup()
{
	read -ra jobs <<< "$job_list"
}

teardown_file()
{
	# shellcheck disable=SC2086 # numbers
	as_user scancel $job_list 2> /dev/null || true
	wait_for_nothing
	cp "$folder/wnodes.conf" "$conf"
	[ -z "$device" ] || losetup -d "$device"
	rm -rf "$folder"
}

# held DEVICE: a process has it open for itself alone
held()
{
	refute python3 -c 'import os, sys; os.open(sys.argv[1], os.O_RDONLY | os.O_EXCL)' "$1" 2> /dev/null
}

# The slurmstepds of job $job; other Slurms here may have one of this number, too
slurmstepds()
{
	pgrep -f "^slurmstepd: \[$job\\." | while read -r pid; do
		[ -z "$(find "/proc/$pid/fd" -lname "$top/*")" ] || echo "$pid"
	done
}

# The disk of job $job's machine, as its QEMU has it open: device and inode, or a block device's number
disk_id()
{
	local fd
	for fd in "/proc/$(machine_pid qemu-system)/fd"/*; do
		if [ -b "$fd" ]; then
			stat -L -c 'block %t:%T' "$fd"
		elif [[ $(readlink "$fd") == */disk/disk* ]]; then
			stat -L -c '%d:%i' "$fd"
		fi
	done | head -n 1
}

@test "kill -9 of the slurmstepds of a job: its machine runs on until the job ends, and nobody else has its disk" {
	for job in "${jobs[@]}"; do
		mapfile -t pids < <(slurmstepds)
		echo "job $job: ${pids[*]}"
		[ ${#pids[@]} -eq 2 ]
		kill -KILL "${pids[@]}"
	done
	for job in "${jobs[@]}"; do disk_id; done > "$folder/disks"
	cat "$folder/disks"
	[ "$(grep -c . "$folder/disks")" -eq ${#jobs[@]} ]
	[ "$(sort -u "$folder/disks" | wc -l)" -eq ${#jobs[@]} ]
}

@test "kill -9 of the helper at each step of removing a machine: another one removes the rest" {
	for job in "${jobs[@]}"; do
		n=0 code=1
		until [ $code -eq 0 ]; do
			n=$((n + 1))
			[ $n -lt 40 ]
			code=0
			strace -qq -o /dev/null -e trace="$removals" -e inject="$removals:signal=KILL:when=$n" -e signal=none \
				"$helper" destroy --node "$node" --job "$job" 2> "$folder/err" || code=$?
			[ $code -eq 0 ] || [ $code -eq 137 ] || { cat "$folder/err"; return 1; }
		done
		echo "job $job: $n times"
		[ $n -gt 3 ]
	done
	wait_for_nothing
	[ -z "$device" ] || refute held "$device"
}

@test "after all that the jobs end, the node is idle, and the base is as it was" {
	as_user scancel "${jobs[@]}"
	for job in "${jobs[@]}"; do wait_job "$job"; done
	wait_for_nothing
	wait_until 20 is_idle
	[ "$(sha256sum < "$base")" = "$digest" ]
}
