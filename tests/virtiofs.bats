#!/usr/bin/env bats
# Host directories over virtiofs: what differs from 9p (files.bats), and what
# the virtiofsds may.
load lib/common

setup_file()
{
	export BATS_TEST_TIMEOUT=120
	wait_for_nothing
	make_folder
	conf=$(cluster_folder)/etc/wnodes/wnodes.conf
	export conf
	cp -p "$conf" "$conf.before"
	configure virtiofs "$(cluster_folder)/virtiofsd/virtiofsd"
	mkdir "$folder"/{work,read} "$folder/work/small"
	chown "$test_user" "$folder"/{work,read}
	echo read > "$folder/read/file"
	echo secret > "$folder/work/bobs"
	chown "$other_user" "$folder/work/bobs"
	chmod 0600 "$folder/work/bobs"
	mount -t tmpfs -o size=1m,mode=1777 small "$folder/work/small"
	gcc -std=gnu17 -D_GNU_SOURCE -O1 -static -o "$folder/work/probe" "$BATS_TEST_DIRNAME/files/probe.c"
	job=$(machine --vm=tiny --chdir="$folder/work" --vm-mount="$folder/work,$folder/read:/mnt/read:ro")
	export job
	in_job true
}

teardown_file()
{
	release_machine
	mv -f "$conf.before" "$conf"
	umount "$folder/work/small"
	rm -rf "$folder"
}

# configure TRANSPORT VIRTIOFSD
configure()
{
	sed "s,^mount_transport = .*,mount_transport = $1,; s,^virtiofsd = .*,virtiofsd = $2," "$conf.before" > "$conf.new"
	mv -f "$conf.new" "$conf"
}

in_guest()
{
	in_job --chdir="$folder/work" sh -c "$1"
}

as_guest_root()
{
	in_job --chdir="$folder/work" /usr/bin/su -c "$1"
}

# servers: the ids of the machine's virtiofsds
servers()
{
	local pid
	while read -r pid; do
		[ "$(cat "/proc/$pid/comm")" != virtiofsd ] || echo "$pid"
	done < "$(vm_cgroup memory "$job")/cgroup.procs"
}

@test "virtiofs: files behave as on the host, but for what wnodes(1) names" {
	[ "$(in_guest 'grep -c "^wnodes. .* virtiofs r[ow],nosuid,nodev" /proc/self/mounts; cat /mnt/read/file')" = $'2\nread' ]
	mkdir -m 0777 "$folder/work/guest"
	in_guest './probe guest; echo guest > new' > "$folder/guest.out"
	[ "$(grep -v ': ok$' "$folder/guest.out")" = "O_TMPFILE: Operation not supported" ]
	[ "$(stat -c '%U %G %a' "$folder/work/new")" = "$test_user $(id -gn "$test_user") 644" ]
	in_guest 'echo x > small/file'
	[ "$(cat "$folder/work/small/file")" = x ]
}

@test "virtiofs: the guest's root has the job's user's rights there, no more" {
	refute as_guest_root 'cat bobs'
	refute as_guest_root 'echo x >> bobs'
	[ "$(cat "$folder/work/bobs")" = secret ]
	as_guest_root 'cp /bin/busybox suid; chmod 755 suid; chown 0:0 suid; mknod device b 7 0; true'
	refute as_guest_root 'chmod 4755 suid'
	[ "$(stat -c '%a' "$folder/work/suid")" = 755 ]
	as_guest_root 'mkdir shared; chmod 2775 shared; mkdir shared/in'
	[ -g "$folder/work/shared/in" ]
	[ "$(stat -c '%U' "$folder/work/suid")" = "$test_user" ]
	[ ! -e "$folder/work/device" ]
	as_guest_root 'mount -o remount,rw /mnt/read; grep /mnt/read /proc/self/mounts
		echo x > /mnt/read/tried; rm /mnt/read/file' > "$folder/out" 2>&1 || true
	grep 'virtiofs rw,' "$folder/out"
	[ "$(grep -c 'Read-only file system' "$folder/out")" -eq 2 ]
	[ ! -e "$folder/read/tried" ] && [ -e "$folder/read/file" ]
}

@test "virtiofs: a virtiofsd is the job's user's, and has its directory alone" {
	local pid count=0
	for pid in $(servers); do
		count=$((count + 1))
		grep -qE "^Uid:	$(id -u "$test_user")	$(id -u "$test_user")	$(id -u "$test_user")	" "/proc/$pid/status"
		grep -qE "^CapPrm:	0+$" "/proc/$pid/status"
		grep -qE "^NoNewPrivs:	1$" "/proc/$pid/status"
		grep -qE "^Seccomp:	2$" "/proc/$pid/status"
		# a hostile guest's ".." ends here
		[ "$(find "/proc/$pid/root/" -mindepth 1 -maxdepth 1 ! -name 'lib*' -printf '%f ' | tr ' ' '\n' | sort | xargs)" = \
			"etc proc shared usr var" ]
		[ "$(echo "/proc/$pid/root"/{etc,proc}/*)" = \
			"$(echo "/proc/$pid/root"/{etc/ld.so.cache,proc/self,proc/sys})" ]
		[ -e "/proc/$pid/root/shared" ]
		refute test -e "/proc/$pid/root$folder"
		refute as_user ls "/proc/$pid/root/"
		refute as_user ls "/proc/$pid/fd/"
	done
	[ "$count" -eq 2 ]
	[ -z "$(find "/proc/$(machine_pid qemu-system)/root$(cluster_folder)/run/virtiofs" -type s)" ]
}

@test "virtiofs: without a virtiofsd that can be used: 75, or 9p where the site leaves the choice" {
	local what
	for what in /none /usr/lib/qemu/virtiofsd /usr/bin/true; do
		configure virtiofs "$what"
		run as_user srun -Q --vm=tiny --vm-mount="$folder/read" true
		[ "$status" -eq 75 ]
		[[ $output == *"wnodes: wnodes.conf says mount_transport = virtiofs, but $what: "* ]]
	done
	configure auto /none
	[ "$(as_user srun -Q --vm=tiny --vm-mount="$folder/read" grep -c ' 9p ' /proc/self/mounts)" = 1 ]
	configure auto "$(cluster_folder)/virtiofsd/virtiofsd"
	[ "$(as_user srun -Q --vm=tiny --vm-mount="$folder/read" grep -c ' virtiofs ' /proc/self/mounts)" = 1 ]
}

@test "virtiofs: a virtiofsd that dies ends the machine with 70" {
	local pid
	pid=$(servers | head -n 1)
	as_user srun --jobid="$job" --overlap -n1 sleep 60 > "$folder/out" 2>&1 &
	sleep 1
	kill -KILL "$pid"
	status=0
	wait $! || status=$?
	cat "$folder/out"
	[ "$status" -eq 70 ]
	grep "wnodes: the virtiofsd of $folder/.* died" "$folder/out"
}
