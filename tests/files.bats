#!/usr/bin/env bats
# The host's directories in a machine: what may be given, what a task finds
# there, and what the guest's root gains, which is nothing.
load lib/common
load lib/files

setup_file()
{
	export BATS_TEST_TIMEOUT=240
	wait_for_nothing
	make_folder
	conf=$(cluster_folder)/etc/wnodes/wnodes.conf
	export conf
	cp -p "$conf" "$conf.before"
	# one user is in a group that nobody knew when Slurm started
	member=wn-${WNODES_CLUSTER_PREFIX:-n}-carol$$
	team=$member-team
	export member team
	cluster exec --user "$member" -- true
	groupadd -f "$team"
	usermod -aG "$team" "$member"
	lay_out
	configure "$folder/site = /site/data ro" "$folder/missing = rw optional" "$folder/private = /private rw optional"
	job=$(machine --vm=tiny --chdir="$folder/work" \
		--vm-mount="$folder/work,$folder/space:/mnt/space,$folder/read:/mnt/read:ro,$folder/work:/mnt/again:ro")
	export job
	in_job true
}

teardown_file()
{
	release_machine
	mv -f "$conf.before" "$conf"
	awk -v top="$folder/" 'index($5, top) == 1 { print $5 }' /proc/self/mountinfo | sort -r | xargs -r -n 1 umount
	groupdel "$team"
	rm -rf "$folder"
}

# Directories on the host, and file systems below them.
lay_out()
{
	mkdir "$folder"/{work,space,read,site,private,team,locked} "$folder"/space/{small,rom,proc} "$folder/locked/in"
	chown "$test_user" "$folder"/{work,read}
	chmod 0777 "$folder/space"
	chmod 0700 "$folder/private" "$folder/locked"
	chgrp "$team" "$folder/team"
	chmod 0750 "$folder/team"
	echo team > "$folder/team/file"
	echo site > "$folder/site/file"
	echo read > "$folder/read/file"
	chown "$test_user" "$folder/read/file"
	install -m 0600 -o "$other_user" /dev/null "$folder/work/bobs"
	echo secret > "$folder/work/bobs"
	ln -s /etc/hostname "$folder/work/link"
	ln -s "$folder/locked/in" "$folder/work/to-locked"
	ln -s /proc "$folder/work/to-proc"
	mount -t tmpfs -o size=1m,mode=1777 small "$folder/space/small"
	mount --bind "$folder/read" "$folder/space/rom"
	mount -o remount,bind,ro "$folder/space/rom"
	mount -t proc proc "$folder/space/proc"
	build_probes
}

# configure LINE…: the section [mounts]
configure()
{
	{ cat "$conf.before"; echo "[mounts]"; printf '%s\n' "$@"; } > "$conf.new"
	mv -f "$conf.new" "$conf"
}

# refused CODE TEXT SRUN-OPTIONS…
refused()
{
	local code=$1 text=$2
	shift 2
	run as_user srun -Q --vm=tiny "$@" true
	echo "$* -> $status: $output"
	[ "$status" -eq "$code" ]
	[[ $output == *"wnodes: $text"* ]]
	[ "$(grep -c wnodes: <<< "$output")" -eq 1 ]
}

@test "--vm-mount: what cannot be right is refused before anything is submitted" {
	refused 64 "--vm-mount: 'data' is not an absolute path" --vm-mount=data
	refused 64 "--vm-mount: '/a/../b' is not an absolute path" --vm-mount=/a/../b
	refused 64 "--vm-mount: 'b' is not an absolute path" --vm-mount=/a:b
	refused 64 "--vm-mount: 'rx' is neither ro nor rw" --vm-mount=/a:/b:rx
	refused 64 "--vm-mount: '/a:/b:ro:x' has more parts" --vm-mount=/a:/b:ro:x
	refused 64 "--vm-mount: a directory is missing" --vm-mount=/a,,/b
	refused 64 "--vm-mount: '/' cannot be mounted" --vm-mount=/:/host
	for path in / /etc /proc /dev/shm /sys/x /usr /usr/libexec/wnodes/x; do
		refused 64 "--vm-mount: $path in the guest is its own" --vm-mount="/srv:$path"
	done
	refused 64 "--vm-mount: /b in the guest is given twice" --vm-mount=/a:/b,/c:/b/
	refused 64 "--vm-mount: there are more than 16" --vm-mount="$(seq -s, -f /a%g 17)"
	[ -z "$(as_root squeue -h -u "$test_user" -t PD)" ]
}

@test "--vm-mount: what the node finds wrong ends the job with 64" {
	refused 64 "--vm-mount: $folder/none: there is no such directory" --vm-mount="$folder/none"
	refused 64 "--vm-mount: $folder/read/file: it is not a directory" --vm-mount="$folder/read/file"
	# root could enter these
	refused 64 "--vm-mount: $folder/locked/in: the job's user may not enter" --vm-mount="$folder/locked/in"
	refused 64 "--vm-mount: $folder/work/to-locked: the job's user may not" --vm-mount="$folder/work/to-locked:/in"
	refused 64 "--vm-mount: $folder/work/to-proc: it is the kernel's" --vm-mount="$folder/work/to-proc:/p"
	refused 64 "--vm-mount: /site/data in the guest is given twice: the site" --vm-mount="$folder/read:/site/data"
}

@test "a task starts in its mounted folder, as on the host" {
	[ "$(in_guest 'pwd; id -u; cat /proc/self/mounts | grep -c " 9p "')" = "$folder/work
$(id -u "$test_user")
5" ]
	in_guest 'echo guest > new; mkdir d; mv new d/moved'
	[ "$(stat -c '%U %G %a' "$folder/work/d/moved")" = "$test_user $(id -gn "$test_user") 644" ]
	echo host > "$folder/work/d/moved"
	[ "$(in_guest 'cat d/moved; cat /mnt/again/d/moved')" = $'host\nhost' ]
	[ "$(in_guest "cat /site/data/file")" = site ]
	in_guest '! test -e /private && ! test -e missing'
}

@test "files behave as on the host, but for what wnodes(1) names" {
	mkdir -m 0777 "$folder/work/host" "$folder/work/guest"
	as_user "$folder/work/probe" "$folder/work/host" > "$folder/host.out"
	refute grep -v ': ok$' "$folder/host.out"
	in_guest './probe guest' > "$folder/guest.out"
	diff <(grep -v ': ok$' "$folder/guest.out") - <<-'END'
		rename with RENAME_EXCHANGE: Invalid argument
		flock and fcntl by one process: Resource temporarily unavailable
		fstat, ftruncate, fchmod when unlinked: No such file or directory
		times to the nanosecond: wrong
		fallocate: Operation not supported
		punching holes: Operation not supported
		SEEK_DATA: wrong
		FIFOs: No such device or address
		socket files: No such device or address
		O_TMPFILE: Operation not supported
	END
	[ "$(wc -l < "$folder/guest.out")" -eq "$(wc -l < "$folder/host.out")" ]
	left_on_the_host
	attributes_are_shared
}

@test "the guest's root has the job's user's rights there, no more" {
	as_guest_root 'cat bobs' > "$folder/out" 2>&1 || true
	refute grep secret "$folder/out"
	grep 'Permission denied' "$folder/out"
	refute as_guest_root 'echo x >> bobs'
	refute as_guest_root 'chown root d'
	as_guest_root 'cp /bin/busybox suid; chmod 755 suid; chown 0:0 suid; mknod device b 7 0; true'
	refute as_guest_root 'chmod 4755 suid'
	refute as_guest_root ./setuid
	[ -z "$(find "$folder/work" -perm -4000)" ]
	[ "$(stat -c '%a' "$folder/work/suid")" = 755 ]
	[ "$(stat -c '%U' "$folder/work/suid")" = "$test_user" ]
	[ ! -e "$folder/work/device" ]
	[ -z "$(find "$folder/work" -type f -user root -newer "$folder/host.out")" ]
	# a set-group-ID bit is a directory's, too; in the guest it counts for nothing
	as_guest_root 'mkdir shared; chmod 2775 shared; mkdir shared/in'
	[ -g "$folder/work/shared/in" ]
	[ "$(in_guest 'grep " 9p " /proc/self/mounts | grep -vc nosuid,nodev || true')" = 0 ]
}

@test "a read-only directory stays so when the guest's root mounts it again" {
	as_guest_root 'tag=$(sed -n "s, /mnt/read .*,,p" /proc/self/mounts); umount /mnt/read
		mount -t 9p -o trans=virtio,version=9p2000.L "$tag" /mnt/read; grep /mnt/read /proc/self/mounts
		mount -o remount,rw /mnt/again; grep /mnt/again /proc/self/mounts
		cat /mnt/read/file; for d in read again; do echo x > /mnt/$d/tried; mkdir /mnt/$d/tried; done
		rm /mnt/read/file; chmod 0 /mnt/read/file' > "$folder/out" 2>&1 || true
	cat "$folder/out"
	[ "$(grep -c ' 9p rw,' "$folder/out")" -eq 2 ]
	grep -x read "$folder/out"
	[ "$(grep -c 'Read-only file system' "$folder/out")" -eq 6 ]
	[ ! -e "$folder/read/tried" ] && [ ! -e "$folder/work/tried" ]
	[ "$(stat -c %a "$folder/read/file")" = 644 ]
}

@test "nothing outside of a directory is reached by .. or by symbolic links" {
	[ "$(in_guest 'cat link')" = "$(in_guest 'cat /etc/hostname')" ]
	[ "$(as_guest_root 'ls -d /mnt/space/../../etc/shells; cd /mnt/space && ls -d ../space')" = "$(printf '/mnt/space/../../etc/shells\n../space')" ]
	as_guest_root 'ln -s ../../../../../../etc/passwd /mnt/space/out; cat /mnt/space/out' > "$folder/out"
	[ "$(as_guest_root 'cat /etc/passwd')" = "$(cat "$folder/out")" ]
}

@test "a folder that is moved away leads nowhere" {
	moved_away_leads_nowhere
}

@test "file systems below a directory come with it, with what the host allows; the kernel's own do not" {
	in_guest 'echo x > /mnt/space/small/file'
	[ "$(cat "$folder/space/small/file")" = x ]
	run in_guest 'dd if=/dev/zero of=/mnt/space/small/full bs=64k count=100'
	[ "$status" -ne 0 ]
	[[ $output == *"No space left on device"* ]]
	[ "$(in_guest 'cat /mnt/space/rom/file')" = read ]
	run as_guest_root 'echo x > /mnt/space/rom/file'
	[[ $output == *"Read-only file system"* ]]
	[ -z "$(in_guest 'ls /mnt/space/proc')" ]
	[ "$(cat "$folder/read/file")" = read ]
}

@test "a directory that only a group of the user's may enter" {
	[ "$(cluster exec --user "$member" -- srun -Q --vm=tiny --vm-mount="$folder/team" cat "$folder/team/file")" = team ]
	refused 64 "--vm-mount: $folder/team: the job's user may not enter" --vm-mount="$folder/team"
}

@test "as many directories as there may be" {
	configure
	mkdir "$folder"/many{1..16}
	for i in {1..16}; do
		echo "$i" > "$folder/many$i/file"
		list=${list:+$list,}$folder/many$i:/mnt/m$i:ro
	done
	[ "$(as_user srun -Q --vm=tiny --vm-mount="$list" sh -c 'cat /mnt/*/file | sort -n | tr "\n" " "')" = "$(seq -s' ' 16) " ]
}

@test "the site's directories: what is wrong with them is the node's fault" {
	configure "$folder/none = rw"
	refused 75 "wnodes.conf, [mounts]: $folder/none: there is no such directory"
	for line in "data = rw" "/data = /mnt" "/data = rw sometimes" "/data = /etc ro" "/ = /host ro"; do
		configure "$line"
		refused 75 "$conf:$(wc -l < "$conf"): "
	done
}

@test "what the guest cannot mount ends the machine, not in an empty folder" {
	configure
	refused 64 "image tiny: /bin/busybox cannot be made in the guest" --vm-mount="$folder/work:/bin/busybox"
	refused 64 "image tiny: /mnt/none is not there, and lies in a directory of the host" \
		--vm-mount="$folder/read:/mnt,$folder/work:/mnt/none"
	[ ! -e "$folder/read/none" ]
	sed 's/^cmdline = .*/& module_blacklist=9p/' "$(cluster_folder)/etc/wnodes/images.d/tiny.conf" \
		> "$(cluster_folder)/etc/wnodes/images.d/tiny-no9p.conf"
	refused 75 "image tiny-no9p: $folder/work cannot be mounted: the guest's kernel has no 9p" \
		--vm=tiny-no9p --vm-mount="$folder/work"
	configure "$folder/read = /mnt/read ro optional"
	[ "$(as_user srun -Q --vm=tiny-no9p sh -c 'ls /mnt | wc -l')" = 0 ]
	rm "$(cluster_folder)/etc/wnodes/images.d/tiny-no9p.conf"
}
