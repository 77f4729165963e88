#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2154 # the tasks' shells expand; setup_file sets
# An image without our agent: Debian's own cloud-init, kernel and boot loader, and no file of ours.
load lib/common

setup_file()
{
	export BATS_TEST_TIMEOUT=320
	make_folder
	check_bases
	cluster image debian-cloud
	record_bases
	# Debian's kernel for clouds has no 9p
	conf=$(cluster_folder)/etc/wnodes/wnodes.conf
	sed -i.away 's/^mount_transport = .*/mount_transport = virtiofs/' "$conf"
	# the time limit for a boot is the default
	job=$(machine --vm=debian-cloud --vm-disk=size=6G --vm-mount=/usr/share/zoneinfo:/mnt/zones:ro,"$folder:/mnt/folder")
	mv "$conf.away" "$conf"
	export job
}

teardown_file()
{
	as_user scancel "$job"
	wait_for_nothing
	rm -f "$(cluster_folder)/etc/wnodes/images.d/debian-cloud.conf"
	rm -rf "$folder"
}

seed()
{
	find "$(cluster_folder)/state/overlays" -name "$node-$job.*.seed"
}

# How the seed is mounted in the namespace of QEMU; a QEMU that libvirt asks what it can do comes before
seed_mount()
{
	awk -v seed="$(seed)" '$4 == seed { print $6 }' "/proc/$(machine_pid qemu-system)/mountinfo" 2> /dev/null
}

@test "the seed is root's, read-only, and in the job's journal" {
	wait_until 20 eval '[ -n "$(seed)" ]'
	[ "$(stat -c '%U %a' "$(seed)")" = "root 444" ]
	grep -qxF "seed $(seed)" "$(cluster_folder)/state/jobs/$node/$job".*/journal
	[ "$(blkid -p -s LABEL -o value "$(seed)")" = cidata ]
	# nobody writes through the machine's namespace either
	wait_until 60 eval '[[ $(seed_mount) == ro,* ]]'
	# it knows nothing of the job
	refute grep -aq -e "$test_user" -e "$node" "$(seed)"
}

@test "a job in it: exit code, output, user, hostname, directories" {
	local code=0
	in_job sh -c 'id; id -un; hostname; pwd; cat; echo told >&2; exit 7' <<< given > "$folder/seen" 2> "$folder/told" || code=$?
	cat "$folder/seen" "$folder/told"
	[ "$code" -eq 7 ]
	[ "$(head -n 1 "$folder/seen")" = "$(as_user id)" ]
	[ "$(sed -n '2,3p; $p' "$folder/seen" | xargs)" = "$test_user $node-$job given" ]
	grep -qx told "$folder/told"
	[ "$(in_job cat /mnt/zones/zone.tab | sha256sum)" = "$(sha256sum < /usr/share/zoneinfo/zone.tab)" ]
	in_job sh -c 'echo from the guest > /mnt/folder/new; ! touch /mnt/zones/new 2> /dev/null'
	[ "$(stat -c %U "$folder/new")" = "$test_user" ]
	[ "$(cat "$folder/new")" = "from the guest" ]
}

# tiny's init starts its own agent: the seed alone is looked at
@test "a node that cannot make a seed: 75, the file's name, and nothing left behind" {
	local top entry file code=0
	top=$(cluster_folder)
	entry=$top/etc/wnodes/images.d/tiny-seed.conf
	file=$top/usr/libexec/wnodes/guest/wnodes-start
	sed 's/^agent = .*/agent = cloud-init/' "$top/etc/wnodes/images.d/tiny.conf" > "$entry"
	[ "$(as_user srun -n1 --vm=tiny-seed cat /sys/block/vdb/ro)" = 1 ]
	mv "$file" "$file.away"
	as_user srun -n1 --vm=tiny-seed true 2> "$folder/error" || code=$?
	mv "$file.away" "$file"
	rm "$entry"
	cat "$folder/error"
	[ "$code" -eq 75 ]
	grep -qF "cannot make the machine's seed: $file: No such file or directory" "$folder/error"
	# but the machine that all these tests share
	wait_until 30 eval '[ "$(find "$(cluster_folder)/state/overlays" -type f | wc -l)" -eq 2 ]'
}

@test "it is the distribution's own: systemd, the boot loader's kernel, cloud-init's datasource" {
	in_job sh -c 'cat /proc/1/comm /proc/cmdline; grep ^ID= /etc/os-release; cat /proc/self/cgroup' > "$folder/seen"
	cat "$folder/seen"
	[ "$(head -n 1 "$folder/seen")" = systemd ]
	grep -q '^BOOT_IMAGE=/vmlinuz root=UUID=' "$folder/seen"
	grep -qx ID=debian "$folder/seen"
	grep -q /system.slice/wnodes-agent.service "$folder/seen"
}

# before cloud-init's own growpart and resizefs, which fail in the last test if they meet the agent's
@test "its root has taken up a larger disk before the first task" {
	[ "$(in_job df -m --output=size / | tail -n 1)" -ge 5700 ]
	[ "$(in_job cat /sys/block/vda/vda1/size)" -eq $(((6 << 21) - 2048)) ]
}

@test "what cloud-init does afterwards leaves the job's names alone, and it ends well" {
	wait_until 200 in_job test -e /run/cloud-init/result.json 2> /dev/null
	in_job cat /run/cloud-init/result.json > "$folder/result"
	cat "$folder/result"
	grep -q '"errors": \[\]' "$folder/result"
	grep -q 'DataSourceNoCloud \[seed=/dev/vdb\]' "$folder/result"
	[ "$(in_job hostname)" = "$node-$job" ]
	[ "$(in_job cat /etc/hostname)" = "$node-$job" ]
	in_job grep -q "^$test_user:" /etc/passwd
	refute in_job grep -q '^debian:' /etc/passwd
	# the network is the machine's
	wait_until 60 in_job sh -c 'ip -4 -o addr show dev eth0 | grep -q "inet 10\."'
	refute in_job mountpoint -q /run/wnodes/seed
}
