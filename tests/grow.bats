#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2154 # the tasks' shells expand; setup_file sets
# A disk larger than its base, --vm-disk=size=: the guest's root takes it up before the first task runs.
load lib/common

setup_file()
{
	export BATS_TEST_TIMEOUT=120
	make_folder
	top=$(cluster_folder)
	own=$top/grow
	images=$top/etc/wnodes/images.d
	agent=$top/usr/libexec/wnodes/wnodes-agent
	mkdir -p "$own"
	export top own images agent
	root_tree
	partitioned gpt gpt-ext3 ext3 '30M,480M' ',20M,U'
	partitioned dos mbr-ext2 ext2 ',+'
	partitioned gpt gpt-behind ext4 ',450M' ',+'
	loader
	for name in tiny tiny-gpt-ext3 tiny-mbr-ext2 tiny-gpt-behind tiny-loader; do
		as_user srun -n1 --vm="$name" --vm-disk=size=3G --vm-console="$folder/$name.console" \
			sh -c 'df -k / | tail -n 1; cat /proc/partitions; echo finished' > "$folder/$name" 2> "$folder/$name.err" &
		pids="$pids $!"
	done
	# shellcheck disable=SC2086
	wait $pids
	losetup -f > /dev/null 2>&1 && export loops=yes
}

teardown()
{
	[ ! -e "$folder/disk" ] || unmounted
}

teardown_file()
{
	rm -f "$images"/tiny-{gpt,mbr}-*.conf "$images/tiny-loader.conf"
	wait_for_nothing
	rm -rf "$folder" "$own"
}

# tiny's tree, as $folder/root
root_tree()
{
	qemu-img convert -U -O raw "$top/images/tiny/disk.qcow2" "$folder/tiny.raw"
	mkdir "$folder/root"
	debugfs -R "rdump / $folder/root" "$folder/tiny.raw" > /dev/null 2>&1
	rm -r "$folder/root/lost+found"
}

# entry NAME FILE FORMAT [SED-SCRIPT]: tiny's catalogue entry, changed, with that disk
entry()
{
	chmod 0444 "$2"
	sed -e "s|^source = .*|source = file://$2|; s/^format = .*/format = $3/" -e "${4:-}" "$images/tiny.conf" > "$images/tiny-$1.conf"
}

# partitioned LABEL NAME FILE-SYSTEM PARTITION…: tiny on the first partition of a disk of 512 MiB
partitioned()
{
	local label=$1 name=$2 kind=$3 file=$own/$2.raw start size
	shift 3
	truncate -s 512M "$file"
	printf '%s\n' "label: $label" "$@" | sfdisk -q "$file"
	read -r start size < <(sfdisk -d "$file" | sed -n 's/.*raw1 : start= *\([0-9]*\), size= *\([0-9]*\),.*/\1 \2/p')
	mke2fs -q -t "$kind" -E "offset=$((start * 512)),lazy_itable_init=0" -N 16384 -d "$folder/root" "$file" $((size / 2))k
	entry "$name" "$file" raw 's|root=/dev/vda|&1|'
}

# tiny-disk, which GRUB boots
loader()
{
	local disk
	disk=$("$common_top/tests/images/build" "$agent" tiny-disk)
	cp "$disk/disk.qcow2" "$own/loader.qcow2"
	entry loader "$own/loader.qcow2" qcow2 '/^kernel = /d; /^initrd = /d; /^cmdline = /d'
}

# took_up NAME DEVICE KIB: the root of that machine is DEVICE, of at least so many KiB, and nobody complained
took_up()
{
	local size
	cat "$folder/$1.err" "$folder/$1"
	[ "$(head -n 1 "$folder/$1" | cut -d' ' -f1)" = "$2" ]
	size=$(awk -v name="${2#/dev/}" '$4 == name { print $3 }' "$folder/$1")
	[ "$size" -ge "$3" ]
	# what an ext has for itself
	[ "$(awk 'NR == 1 { print $2 }' "$folder/$1")" -ge $((size * 95 / 100)) ]
	refute grep -q "wnodes-agent: .*cannot" "$folder/$1.console"
}

# wnodes(1): size
@test "a root that has the disk for itself" {
	took_up tiny /dev/vda $((3 << 20))
}

@test "a root on the last partition, GPT and MBR; ext3, ext2" {
	# the first one's number, but the last one's place
	took_up tiny-gpt-ext3 /dev/vda1 $(((3 << 20) - 32768))
	took_up tiny-mbr-ext2 /dev/vda1 $(((3 << 20) - 1024))
}

@test "a disk with a boot loader" {
	took_up tiny-loader /dev/vda1 $(((3 << 20) - 1024))
}

@test "another partition behind the root's: the machine runs, all is as it was, the console says why" {
	cat "$folder/tiny-gpt-behind.err" "$folder/tiny-gpt-behind" "$folder/tiny-gpt-behind.console"
	[ "$(awk '$4 == "vda1" { print $3 }' "$folder/tiny-gpt-behind")" -eq $((450 << 10)) ]
	[ "$(grep -c 'wnodes-agent: partition vda1 cannot take up the rest of its disk: another partition lies behind it' "$folder/tiny-gpt-behind.console")" -eq 1 ]
	grep -qx finished "$folder/tiny-gpt-behind"
}

# mounted KIND LABEL: a file system on a loop device, mounted on $folder/mounted; the device has then become larger
mounted()
{
	truncate -s 400M "$folder/disk"
	[ "$2" = none ] || printf 'label: %s\n,+\n' "$2" | sfdisk -q "$folder/disk"
	loop=$(losetup -P -f --show "$folder/disk")
	device=$loop
	# this kernel need not read partition tables by itself
	[ "$2" = none ] || { partx -u "$loop"; device=${loop}p1; }
	"mkfs.$1" -q -f "$device" > /dev/null
	mkdir -p "$folder/mounted"
	mount "$device" "$folder/mounted"
	head -c 10000000 /dev/urandom | tee "$folder/bytes" > "$folder/mounted/bytes"
	truncate -s 2G "$folder/disk"
	losetup -c "$loop"
}

unmounted()
{
	! mountpoint -q "$folder/mounted" || umount "$folder/mounted"
	partx -d "$loop" 2> /dev/null || true
	losetup -d "$loop"
	rm "$folder/disk"
}

mebibytes()
{
	df -m --output=size "$folder/mounted" | tail -n 1
}

@test "xfs and btrfs, on the whole disk and on a partition" {
	[ -n "$loops" ] || skip "this machine has no loop devices"
	for kind in xfs btrfs; do
		for label in none gpt dos; do
			mounted $kind $label
			"$agent" --grow="$folder/mounted" 2> "$folder/told"
			cat "$folder/told"
			[ "$(mebibytes)" -ge 1900 ]
			refute grep -q cannot "$folder/told"
			# again: nothing to do, nothing to say
			"$agent" --grow="$folder/mounted" 2> "$folder/told"
			[ ! -s "$folder/told" ]
			cmp "$folder/bytes" "$folder/mounted/bytes"
			unmounted
		done
	done
}

@test "a kernel that resizes no partition, or no file system: nothing changes but what can" {
	[ -n "$loops" ] || skip "this machine has no loop devices"
	mounted xfs gpt
	before=$(head -c 20480 "$folder/disk" | sha256sum)
	# the sector's length twice, then BLKPG
	code=0
	strace -o /dev/null -e trace=ioctl -e inject=ioctl:error=EINVAL:when=3 "$agent" --grow="$folder/mounted" 2> "$folder/told" || code=$?
	cat "$folder/told"
	[ "$code" -eq 1 ]
	grep -q "partition ${device#/dev/} cannot take up the rest of its disk: the kernel is too old" "$folder/told"
	[ "$(head -c 20480 "$folder/disk" | sha256sum)" = "$before" ]
	[ "$(mebibytes)" -le 400 ]
	unmounted
	mounted xfs none
	code=0
	strace -o /dev/null -e trace=ioctl -e inject=ioctl:error=ENOTTY:when=1+ "$agent" --grow="$folder/mounted" 2> "$folder/told" || code=$?
	cat "$folder/told"
	[ "$code" -eq 1 ]
	grep -q "the file system of ${loop#/dev/} cannot take up the rest of it: the kernel is too old" "$folder/told"
	unmounted
}

@test "what another program has locked is waited for; what cannot be written is as it was" {
	[ -n "$loops" ] || skip "this machine has no loop devices"
	mounted xfs gpt
	flock "$loop" sleep 2 &
	sleep 0.3
	"$agent" --grow="$folder/mounted"
	[ "$(mebibytes)" -ge 1900 ]
	unmounted
	mounted xfs gpt
	strace -o /dev/null -e trace=pwrite64 -e inject=pwrite64:error=EIO:when=4 "$agent" --grow="$folder/mounted" 2> "$folder/told" || true
	cat "$folder/told"
	grep -q "cannot take up the rest of its disk: I/O error" "$folder/told"
	[ "$(cat "/sys/class/block/${device#/dev/}/size")" -le $((400 << 11)) ]
	sfdisk -d "$folder/disk" > /dev/null
	[ "$(mebibytes)" -le 400 ]
	unmounted
}
