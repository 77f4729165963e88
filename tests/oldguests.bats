#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2154 # the tasks' shells expand; setup_file sets
# Guests that are too old for what a machine is by default: wnodes.conf(5), `machine` and `virtio`.
load lib/common

setup_file()
{
	export BATS_TEST_TIMEOUT=120
	make_folder
	touch "$folder/here"
	images=$(cluster_folder)/etc/wnodes/images.d
	export images
}

teardown_file()
{
	rm -f "$images"/tiny-old.conf
	wait_for_nothing
	rm -rf "$folder"
}

# on MACHINE VIRTIO: what a task sees of such a machine: its name, its network, a host directory, its virtio devices
on()
{
	{
		cat "$images/tiny.conf"
		printf 'machine = %s\nvirtio = %s\n' "$1" "$2"
	} > "$images/tiny-old.conf"
	as_user srun -n1 --vm=tiny-old --vm-mount="$folder:/mnt/folder:ro" sh -c '
		cat /sys/class/dmi/id/product_name
		until [ -e /sys/class/net/eth0 ]; do sleep 0.1; done
		ls -d /mnt/folder/here /sys/class/net/eth0
		for d in /sys/bus/pci/devices/*; do
			read -r vendor < $d/vendor; read -r device < $d/device
			[ "$vendor" != 0x1af4 ] || echo "$device"
		done' > "$folder/out"
	cat "$folder/out"
	[ "$(sed -n 2,3p "$folder/out" | xargs)" = "/mnt/folder/here /sys/class/net/eth0" ]
	devices=$(sed 1,3d "$folder/out" | xargs)
}

# block, network, serial, random numbers, 9p; those below 0x1040 have both interfaces
modern='0x1042 0x1041 0x1043 0x1044 0x1049 0x1045'
transitional='0x1001 0x1000 0x1003 0x1005 0x1009 0x1002'

@test "q35 and modern virtio" {
	on q35 modern
	[[ $(head -n 1 "$folder/out") == *Q35* ]]
	[ "$devices" = "$modern" ]
}

@test "q35 and transitional virtio" {
	on q35 transitional
	[[ $(head -n 1 "$folder/out") == *Q35* ]]
	[ "$devices" = "$transitional" ]
}

@test "pc and modern virtio" {
	on pc modern
	[[ $(head -n 1 "$folder/out") == *i440FX* ]]
	[ "$devices" = "$modern" ]
}

@test "pc and transitional virtio" {
	on pc transitional
	[[ $(head -n 1 "$folder/out") == *i440FX* ]]
	[ "$devices" = "$transitional" ]
}

# tests/lib/old-kernel.c: its kernel knows no system call that came after Linux 2.6.32
@test "the agent, and tasks, with the system calls of EL6's kernel" {
	head -c 3000000 /dev/urandom > "$folder/bytes"
	job=$(machine --vm=tiny-oldkernel)
	in_job sh -c 'grep ^Seccomp: /proc/1/status; id -u; hostname; exit 7' > "$folder/seen" || code=$?
	[ "$code" -eq 7 ]
	[ "$(xargs < "$folder/seen")" = "Seccomp: 2 $(id -u "$test_user") $node-$job" ]
	in_job sh -c 'cat; echo told >&2' < "$folder/bytes" > "$folder/back" 2> "$folder/told"
	cmp "$folder/bytes" "$folder/back"
	[ "$(cat "$folder/told")" = told ]
	# what a step leaves behind in its session ends with it
	# shellcheck disable=SC2016
	in_job sh -c 'sleep 300 & echo $!' > "$folder/pid"
	[ -s "$folder/pid" ]
	wait_until 20 refute in_job kill -0 "$(cat "$folder/pid")" 2> /dev/null
	as_user scancel "$job"
	wait_job "$job"
	[ "$(job_state "$job")" = CANCELLED ]
}
