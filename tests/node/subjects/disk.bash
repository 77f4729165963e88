# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Disks of machines that are thin volumes of LVM.
. /share/subjects/lib.bash

digest=$(sha256sum /srv/images/tiny/disk.qcow2 | cut -d' ' -f1)
base=wnodes-base-${digest:0:40}

# the volumes of the pool, but for itself
volumes() { lvs --noheadings --options lv_name --select pool_lv=thin vg0 | xargs; }
volume() { lvs --noheadings --options "$1" "vg0/$2" | xargs; }
ours() { echo "wnodes-cn1-$(job).0"; }

pool() {
	pvcreate -q /dev/disk/by-id/virtio-lvm
	vgcreate -q vg0 /dev/disk/by-id/virtio-lvm
	lvcreate -q --type thin-pool --size 1000M --name thin vg0
	printf '[disk]\nmodes = overlay, block\nthin_pool = vg0/thin\n' | configure
	add_image thin "sha256 = $digest"
	wnodes check
}

snapshot() {
	hold_machine --vm=thin --vm-disk=block
	equals "$base $(ours)" "$(volumes)"
	equals "$base" "$(volume origin "$(ours)")"
	volume lv_attr "$base" | grep '^Vri--'
	find "/proc/$(machine_pid qemu-system)/fd" -lname '*disk*' -o -lname '/dev/dm-*' | grep .
	equals 512 "$(($(in_job cat /sys/class/block/vda/size) / 2048))"
	in_job sh -c 'head -c 5000000 /dev/urandom >/var/tmp/file && sync && sha256sum /var/tmp/file'
	equals alice "$(stat -c %U "/proc/$(machine_pid qemu-system)")"
}

removed() {
	release_machine
	equals "$base" "$(volumes)"
}

# two at once from one base, one of them larger
two() {
	local other
	hold_machine --vm=thin --vm-disk=block
	other=$(submit --vm=thin --vm-disk=block,size=700M --wrap 'cat /sys/class/block/vda/size; echo up; sleep 600')
	in_job sh -c 'echo mine >/var/tmp/mine; sync'
	wait_until 150 grep -qsx up "/home/alice/job-$other.out"
	equals "$((700 * 2048)) up" "$(xargs <"/home/alice/job-$other.out")"
	equals 1 "$(status_of as alice srun --jobid="$other" --overlap -n1 test -e /var/tmp/mine)"
	scancel "$other"
	release_machine
	equals "$base" "$(volumes)"
}

without_digest() {
	hold_machine --vm-disk=block
	equals "$base $(ours)" "$(volumes)"
	equals "" "$(volume origin "$(ours)")"
	kill -KILL "$(machine_pid qemu-system)"
	wait_until 60 job_has_ended "$(job)"
	nothing_left
	equals "$base" "$(volumes)"
}

evicted() {
	wnodes evict thin | tee /dev/stderr | grep "^${digest:0:12} vg0/thin .* evicted"
	equals "" "$(volumes)"
	lvcreate -q --type thin --virtualsize 16M --name wnodes-base-0123456789abcdef0123456789abcdef01234567 --thinpool thin vg0
	lvcreate -q --type thin --virtualsize 16M --name wnodes-base-of-mine --thinpool thin vg0
	wnodes evict --all
	equals wnodes-base-of-mine "$(volumes)"
	lvremove -q -y vg0/wnodes-base-of-mine
}

imports() { volumes | grep -q wnodes-import; }

# while the image is written into the pool; the base is there where it was over with just before
cancelled() {
	local job
	job=$(submit --vm=thin --vm-disk=block --wrap 'echo up')
	wait_until 60 imports
	scancel "$job"
	nothing_left
	echo "left: $(volumes)"
	[ -z "$(volumes)" ] || [ "$(volumes)" = "$base" ]
}

killed() {
	local i job
	for i in 1 2 3 4 5 6; do
		job=$(submit --vm=thin --vm-disk=block --wrap 'echo up')
		wait_until 60 vm_cgroup_is_there
		sleep "$((i / 3)).$((RANDOM % 10))"
		echo 1 >"$(vm_cgroup)/cgroup.kill"
		scancel "$job"
		wait_until 60 job_has_ended "$job"
		wait_until 40 no_leftovers || { leftovers; return 1; }
		echo "$i: $(volumes)"
		[ -z "$(volumes)" ] || [ "$(volumes)" = "$base" ]
		[ $((i % 2)) -eq 0 ] || wnodes evict --all
	done
	nothing_left
}
vm_cgroup_is_there() { [ -n "$(vm_cgroup)" ]; }

full() {
	wnodes evict --all
	lvcreate -q --type thin --virtualsize 2G --name filler --thinpool thin vg0
	dd if=/dev/zero of=/dev/vg0/filler bs=1M count=985 oflag=direct conv=notrunc
	equals 75 "$(status_of as alice srun -n1 --vm=thin --vm-disk=block true 2>/run/full.log)"
	grep 'the thin pool vg0/thin is full (data 9[89] %' /run/full.log
	lvremove -q -y vg0/filler
	nothing_left
}

step 60 "a thin pool, and wnodes check finds nothing wrong" pool
step 240 "the first job writes its image into the pool, and gets a snapshot of it" snapshot
step 60 "its volume goes with it, the base stays" removed
step 300 "two at once do not see what the other writes; one asked for more room" two
step 240 "an image without a digest is written anew; kill -9 of QEMU leaves nothing" without_digest
step 60 "wnodes evict removes bases, and nothing else" evicted
step 120 "scancel while the image is written leaves nothing" cancelled
step 300 "kill -9 of all in the machine's cgroup while its volume is made leaves nothing" killed
step 200 "a pool that is full: exit code 75, and why" full
step 30 "the configuration is what it was" configure </dev/null
