#!/usr/bin/env bats
# shellcheck disable=SC2154 # common.bash and setup_file set them
# What the site's policy lets jobs have: who, which image, how much, and what
# they get without asking.
load lib/common
bats_require_minimum_version 1.5.0

setup_file()
{
	export BATS_TEST_TIMEOUT=180
	make_folder
	keep_conf
	# slurmctld never takes back the CPUs of a job that completes while partitions change
	wait_until 30 is_idle
	as_root scontrol create partitionname=virtual nodes="$node" state=up oversubscribe=force:8
	disk=$("$common_top/tests/images/build" "$(cluster_folder)/usr/libexec/wnodes/wnodes-agent" tiny-disk)
	boot=$(cat /proc/sys/kernel/random/boot_id)
	export disk boot
}

teardown()
{
	restore_conf
	rm -f "$wnodes"/images.d/policy*.conf
	wait_for_nothing
	wait_until 20 is_idle
}

teardown_file()
{
	wait_until 30 is_idle
	as_root scontrol delete partitionname=virtual
	rm -rf "$folder"
}

# site LINE…: more lines of wnodes.conf, for this test
site()
{
	{ cat "$folder/wnodes.conf"; printf '%s\n' "$@"; } > "$wnodes/wnodes.conf"
}

# image NAME LINE…: tiny under another name, with more lines
image()
{
	{ cat "$wnodes/images.d/tiny.conf"; printf '%s\n' "${@:2}"; } > "$wnodes/images.d/$1.conf"
}

# admitted SRUN-ARGUMENTS…: whether policy lets the job have its machine; one with so little memory does not boot
admitted()
{
	fails 64 "ask for --mem=" --mem=300 "$@" "${boot_id[@]}"
}

# where BOOT-ID: what runs with it, `host` or `machine`
where()
{
	case $1 in
	"$boot") echo host ;;
	????????-*) echo machine ;;
	*) echo nowhere ;;
	esac
}

boot_id=(cat /proc/sys/kernel/random/boot_id)

@test "users or groups admit to an image, accounts and partitions restrict" {
	image policy-a "users = nobody-else, $test_user" "groups = no-such-group" "accounts = physics" "partitions = virtual, main"
	image policy-b "groups = no-such-group"
	image policy-c "users = nobody-else"
	fails 77 "policy-b is only for the groups no-such-group" --vm=policy-b "${boot_id[@]}"
	fails 77 "policy-c is only for the users nobody-else" --vm=policy-c "${boot_id[@]}"
	fails 77 "policy-a is only for the accounts physics; the job's account is chem" -A chem --vm=policy-a "${boot_id[@]}"
	# what the user's environment says counts for nothing
	export SLURM_JOB_ACCOUNT=physics SPANK_SLURM_JOB_ACCOUNT=physics
	fails 77 "policy-a is only for the accounts physics; the job's account is not known" --vm=policy-a "${boot_id[@]}"
	unset SLURM_JOB_ACCOUNT SPANK_SLURM_JOB_ACCOUNT
	admitted -A physics --vm=policy-a
	image policy-a "accounts = physics" "partitions = virtual"
	fails 77 "policy-a is only for the partitions virtual; the job's partition is main" -A physics --vm=policy-a "${boot_id[@]}"
	admitted -A physics -p virtual,main --vm=policy-a
}

@test "the site's users, accounts and partitions" {
	site '[policy]' 'allow_accounts = physics' 'allow_partitions = virtual'
	fails 77 "machines only for the accounts physics; the job's account is chem" -A chem -p virtual --vm=tiny "${boot_id[@]}"
	fails 77 "machines only for the partitions virtual; the job's partition is main" -A physics --vm=tiny "${boot_id[@]}"
	admitted -A physics -p virtual --vm=tiny
	site '[policy]' 'allow_users = nobody-else'
	fails 77 "does not allow machines to user" --vm=tiny "${boot_id[@]}"
	# whoever asks for no machine is not asked
	[ "$(where "$(as_user srun "${boot_id[@]}")")" = host ]
}

@test "a partition whose jobs run in machines without asking: srun, sbatch, arrays, steps, salloc, --multi-prog" {
	site '[partition virtual]' 'image = tiny'
	[ "$(where "$(as_user srun -p main "${boot_id[@]}")")" = host ]
	id=$(submit -p virtual -a 1-2 -o "$folder/array.%a" --vm-mount="$folder:/given" --wrap "${boot_id[*]}; srun ${boot_id[*]}; ls -d /given")
	printf '* %s\n' "${boot_id[*]}" > "$folder/multi"
	chmod 644 "$folder/multi"
	# shellcheck disable=SC2016
	as_user salloc -p virtual bash -c "srun ${boot_id[*]}; srun --vm=none ${boot_id[*]}; echo \$?
		srun -O -n2 --multi-prog $folder/multi" > "$folder/out" 2> "$folder/err"
	cat "$folder/out" "$folder/err"
	[ "$(where "$(head -n 1 "$folder/out")")" = machine ]
	[ "$(sed -n 2p "$folder/out")" = 64 ]
	[ "$(sed -n '1p; 3,4p' "$folder/out" | sort -u | wc -l)" -eq 1 ]
	grep -q '^wnodes: this step asks for --vm=none' "$folder/err"
	wait_job "$id"
	for element in 1 2; do
		[ "$(sed -n 3p "$folder/array.$element")" = /given ]
		[ "$(head -n 2 "$folder/array.$element" | sort -u | wc -l)" -eq 1 ]
		[ "$(where "$(head -n 1 "$folder/array.$element")")" = machine ]
	done
	# a job may ask for another
	image policy-other 'partitions = virtual'
	admitted -p virtual --vm=policy-other
	grep -q policy-other "$folder/err"
}

@test "--vm=none: as no option where there is no default image, else where policy permits" {
	[ "$(where "$(as_user srun --vm=none "${boot_id[@]}")")" = host ]
	fails 64 "vm-mount needs --vm=IMAGE" --vm=none --vm-mount=/tmp "${boot_id[@]}"
	site '[partition virtual]' 'image = tiny'
	fails 77 "vm=none: .*partition virtual run in machines .image tiny" -p virtual --vm=none "${boot_id[@]}"
	# an option without a machine to use it is refused on the node, too
	fails 64 "vm-mount needs --vm=IMAGE: the job's partition has no default" -p main --vm-mount=/tmp "${boot_id[@]}"
	site '[partition virtual]' 'image = tiny' 'allow_none = yes'
	[ "$(where "$(as_user srun -p virtual --vm=none "${boot_id[@]}")")" = host ]
	wait_job "$(submit -p virtual --vm=none -o "$folder/none" --wrap "srun ${boot_id[*]}")"
	[ "$(where "$(cat "$folder/none")")" = host ]
	site '[policy]' 'allow_none = yes' '[partition virtual]' 'image = tiny'
	[ "$(where "$(as_user srun -p virtual --vm=none "${boot_id[@]}")")" = host ]
}

@test "a partition's default that cannot be: its jobs fail, none runs on the host" {
	site '[partition virtual]' 'image = no-such'
	fails 64 "no image 'no-such'" -p virtual "${boot_id[@]}"
	site '[partition virtual]' 'image = tiny' '[policy]' 'typo = 1'
	fails 75 "unknown key 'typo'" -p virtual "${boot_id[@]}"
	[ "$(where "$(as_user srun -p main "${boot_id[@]}")")" = host ]
	# nor where the helper itself does not work
	site '[partition virtual]' 'image = tiny'
	helper=$(cluster_folder)/usr/libexec/wnodes/wnodes-helper
	mv "$helper" "$helper.away"
	printf '#!/bin/sh\n[ "$1" != prepare ] || exit 1\nexec "%s" "$@"\n' "$helper.away" > "$helper"
	chmod 755 "$helper"
	(fails 75 "wnodes-helper does not work on this node" -p virtual "${boot_id[@]}") && code=0 || code=$?
	wait_until 10 no_leftovers
	# nor where slurmd takes a job for one whose prolog it has run, as after slurmctld has died over its start
	printf '#!/bin/sh\n[ "$1" != prepare ] || exit 0\nexec "%s" "$@"\n' "$helper.away" > "$helper"
	wait_job "$(submit -p virtual -o "$folder/batch" --wrap "${boot_id[*]}")"
	mv "$helper.away" "$helper"
	[ "$code" -eq 0 ]
	cat "$folder/batch"
	grep -qx 'wnodes: job [0-9]* has no virtual machine on .*: slurmd has not run its prolog' "$folder/batch"
	[ "$(wc -l < "$folder/batch")" -eq 1 ]
}

@test "the number of machines, and the bytes of their disks" {
	size=$(qemu-img info -U --output=json "$(cluster_folder)/images/tiny/disk.qcow2" | python3 -c 'import json, sys; print(json.load(sys.stdin)["virtual-size"] >> 20)')
	site '[policy]' 'machines_max = 1'
	hold_machine
	fails 75 "$node has 1 machines already, and machines_max" --vm=tiny "${boot_id[@]}"
	site '[policy]' 'machines_max = 2' "overlay_max = $((2 * size))M"
	fails 75 "disk may come to [0-9]* MiB, those of others to [0-9]* MiB, and overlay_max" --vm=tiny "${boot_id[@]}"
	# what failed holds nothing
	site '[policy]' 'machines_max = 2' "overlay_max = $((2 * size + 5))M"
	[ "$(where "$(as_user srun --vm=tiny "${boot_id[@]}")")" = machine ]
	as_user scancel "$job"
	image policy-large "virtual_size_max = $((size - 1))M"
	fails 75 "policy-large: its disk has $size MiB, and virtual_size_max is $((size - 1)) MiB" --vm=policy-large "${boot_id[@]}"
	image policy-large "size_max = 2M"
	fails 75 "policy-large: its file has [0-9]* MiB, and size_max is 2 MiB" --vm=policy-large "${boot_id[@]}"
}

@test "users' own images: only where the site says so" {
	cp "$disk/disk.qcow2" "$folder/own.qcow2"
	chown "$test_user" "$folder/own.qcow2"
	chmod 600 "$folder/own.qcow2"
	fails 77 "user_images.* allows no files" --vm="$folder/own.qcow2" "${boot_id[@]}"
	site '[policy]' 'user_images = no-such-group'
	fails 77 "user_images.* only to the groups no-such-group" --vm="$folder/own.qcow2" "${boot_id[@]}"
	site '[policy]' "user_images = yes" '[fetch]' 'virtual_size_max = 100M'
	fails 64 "virtual_size_max is 100 MiB" --vm="$folder/own.qcow2" "${boot_id[@]}"
	site '[policy]' "user_images = no-such-group, $(id -gn "$test_user")"
	before=$(sha256sum "$folder/own.qcow2")
	# a path longer than a qcow2 can name
	long=$folder
	for _ in 1 2 3 4 5 6; do long=$long/$(printf 'd%.0s' {1..200}); done
	mkdir -p "$long"
	ln "$folder/own.qcow2" "$long/x.qcow2"
	# Slurm's commands are off
	run -1 as_user srun --vm="$long/x.qcow2" sh -c "${boot_id[*]}; ls /run/wnodes/bin"
	echo "$output"
	[[ "$output" = *"/run/wnodes/bin: No such file"* && "$output" != *"$boot"* ]]
	[ "$(sha256sum "$folder/own.qcow2")" = "$before" ]
}

@test "users' own images: with their rights alone, and nothing else than the file" {
	site '[policy]' 'user_images = yes'
	hidden=$(mktemp -d "$folder/hidden.XXXXXX")
	cp "$disk/disk.qcow2" "$hidden/x.qcow2"
	chmod 700 "$hidden"
	ln -s "$hidden" "$folder/link"
	ln -s "$hidden/x.qcow2" "$folder/link.qcow2"
	for path in "$hidden/x.qcow2" "$folder/link/x.qcow2" "$folder/link.qcow2"; do
		fails 64 "Permission denied" --vm="$path" "${boot_id[@]}"
	done
	fails 64 "No such file" --vm="$folder/missing.qcow2" "${boot_id[@]}"
	fails 64 "called \*.qcow2 or \*.raw" --vm=/etc/passwd "${boot_id[@]}"
	fails 64 "neither an image's name" --vm=./own.qcow2 "${boot_id[@]}"
	cd "$folder"
	echo text > text.qcow2
	mkfifo pipe.raw
	: > empty.raw
	qemu-img create -q -f qcow2 -u -b /etc/shadow -F raw backing.qcow2 64M
	qemu-img create -q -f qcow2 -o data_file="$folder/data.raw" data.qcow2 64M
	chmod 644 ./*.qcow2 ./*.raw
	fails 64 "text.qcow2 is not a qcow2 image" --vm="$folder/text.qcow2" "${boot_id[@]}"
	fails 64 "is not a regular file" --vm="$folder/pipe.raw" "${boot_id[@]}"
	fails 64 "a disk of 0 bytes" --vm="$folder/empty.raw" "${boot_id[@]}"
	fails 64 "has a backing file" --vm="$folder/backing.qcow2" "${boot_id[@]}"
	fails 64 "keeps its data in another file" --vm="$folder/data.qcow2" "${boot_id[@]}"
	# what is called raw is raw, whatever its content
	cp backing.qcow2 forged.raw
	id=$(submit --vm="$folder/forged.raw" --wrap true)
	wait_until 30 machine_pid qemu-system
	tr '\0' '\n' < "/proc/$(machine_pid qemu-system)/cmdline" > "$folder/cmdline"
	as_user scancel "$id"
	grep -q '"driver":"raw","file":"libvirt-[0-9]*-storage"' "$folder/cmdline"
	refute grep -q shadow "$folder/cmdline"
}

@test "the digest at submit: a node boots what its own catalogue has under that name, or says who has what" {
	digest() { printf "%d%063d" "$1" 0; }
	# node's: image policy-d has digest 1, its tag 2; there is nothing to fetch them from
	entry() { printf '[image]\nsource = file:///nonexistent\nsha256 = %s\n' "$(digest "$2")" > "$wnodes/images.d/$1.conf"; }
	alias() { printf '[image]\nalias = %s\n' "$2" > "$wnodes/images.d/$1.conf"; }
	entry policy-d 3
	image policy-e:old "sha256 = $(sha256sum "$(cluster_folder)/images/tiny/disk.qcow2" | cut -d' ' -f1)"
	alias policy-e policy-e:old
	id=$(submit --begin=now+3 --vm=policy-d --output="$folder/digest" --wrap true)
	kept=$(submit --begin=now+3 --vm=policy-e --output="$folder/kept" --wrap "${boot_id[*]}")
	# both names mean something else when the jobs begin
	entry policy-d 1
	entry policy-d:tag 2
	entry policy-e:new 4
	alias policy-e policy-e:new
	wait_job "$id"
	cat "$folder/digest"
	[ "$(job_field "$id" ExitCode)" = 75:0 ]
	grep -qx "wnodes: image policy-d: submitted as sha256 300000000000…, node $node has 100000000000…, policy-d:tag 200000000000…: images.d of the submit host and of the nodes must agree" "$folder/digest"
	wait_job "$kept"
	cat "$folder/kept"
	[ "$(where "$(cat "$folder/kept")")" = machine ]
	rm -rf "$(cluster_folder)/state/images"
}
