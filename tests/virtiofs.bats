#!/usr/bin/env bats
# Host directories over virtiofs: what differs from 9p (files.bats), and what
# the virtiofsds may.
load lib/common
load lib/files

setup_file()
{
	export BATS_TEST_TIMEOUT=120
	wait_for_nothing
	make_folder
	conf=$(cluster_folder)/etc/wnodes/wnodes.conf
	export conf
	cp -p "$conf" "$conf.before"
	lay_out
	configure 9p /none
	job_9p=$(machine --vm=tiny --vm-mount="$folder/work")
	job=$job_9p in_job true
	configure virtiofs "$(cluster_folder)/virtiofsd/virtiofsd"
	debian=$(submit --vm=debian-wn --chdir="$folder/work" --vm-mount="$folder/work,$folder/read:/mnt/read:ro" \
		--output="$folder/debian.out" "$folder/debian")
	job=$(machine --vm=tiny --mem=1000 --chdir="$folder/work" --vm-mount="$folder/work,$folder/read:/mnt/read:ro")
	export job job_9p debian
	in_job true
}

# Directories on the host, and what a job does in them on debian-wn
lay_out()
{
	mkdir -p "$folder"/{work/{small,debian},read,locked/in}
	chmod 0700 "$folder/locked"
	chown "$test_user" "$folder"/{work,work/debian,read}
	echo read > "$folder/read/file"
	echo secret > "$folder/work/bobs"
	chown "$other_user" "$folder/work/bobs"
	chmod 0600 "$folder/work/bobs"
	mount -t tmpfs -o size=1m,mode=1777 small "$folder/work/small"
	build_probes
	cat > "$folder/debian" <<-'END'
		#!/bin/sh
		pwd
		echo "$(id -u) $(grep -c '^wnodes. .* virtiofs r[ow],nosuid,nodev' /proc/self/mounts)"
		./probe debian | grep -v ': ok$'
		echo from debian > made
		cat /mnt/read/file
		touch /mnt/read/tried 2>&1 | sed 's/.*: //'
	END
}

teardown_file()
{
	as_user scancel "$job_9p" "$debian"
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
	left_on_the_host
	attributes_are_shared
}

@test "virtiofs: nothing outside of a directory is reached, and a folder that is moved away leads nowhere" {
	ln -s "$folder/secret" "$folder/work/link"
	ln -s ../../../../../../etc/passwd "$folder/work/up"
	refute in_guest 'cat link'
	[ "$(in_guest 'cat up')" = "$(in_guest 'cat /etc/passwd')" ]
	moved_away_leads_nowhere
}

# hold JOB|host: takes its locks there until release
hold()
{
	rm -f "$folder/release" "$folder/held"
	mkfifo "$folder/release"
	: > "$folder/held"
	try "$1" < "$folder/release" > "$folder/held" &
	holder=$!
	exec {release}> "$folder/release"
	wait_for_line tried "$folder/held"
	[ "$(tried "$folder/held")" = ok ]
}

release()
{
	exec {release}>&-
	wait "$holder"
}

# try JOB|host: which locks it gets
try()
{
	if [ "$1" = host ]; then
		as_user "$folder/work/peer" lock "$folder/work/locked"
	else
		job=$1 in_job "$folder/work/peer" lock "$folder/work/locked"
	fi
}

# gets JOB|host WHAT: as what its locks come out
gets()
{
	try "$1" < /dev/null > "$folder/got"
	cat "$folder/got"
	[ "$(tried "$folder/got")" = "$2" ]
}

# wnodes(1): locks
@test "locks hold within a machine; the host and another machine, over 9p or virtiofs, do not see them" {
	make_shared locked ""
	make_shared locked.fcntl ""
	for side in "$job" "$job_9p" host; do
		hold "$side"
		for other in "$job" "$job_9p" host; do
			if [ "$other" = "$side" ]; then
				gets "$other" "Resource temporarily unavailable"
			else
				gets "$other" ok
			fi
		done
		release
	done
}

@test "the host and two machines, one over 9p and one over virtiofs, see each other's writes" {
	local pid pids=()
	# a line as theirs: none lies across two pages, where one machine's write may be torn by another's
	make_shared appended 0123456789abcde
	as_user "$folder/work/peer" append "$folder/work/appended" &
	pids+=($!)
	for id in "$job" "$job_9p"; do
		job=$id in_job "$folder/work/peer" append "$folder/work/appended" &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do wait "$pid"; done
	[ "$(grep -cx 0123456789abcde "$folder/work/appended")" -eq 601 ]
	[ "$(stat -c %s "$folder/work/appended")" -eq 9616 ]
	sleep 1
	for id in "$job" "$job_9p"; do
		[ "$(job=$id in_job sh -c 'tail -n 1 "$0"; wc -c < "$0"' "$folder/work/appended")" = $'0123456789abcde\n9616' ]
	done
	# a mapping keeps what it has read
	for id in "$job" "$job_9p"; do
		make_shared mapped old
		rm -f "$folder/release"
		mkfifo "$folder/release"
		: > "$folder/held"
		job=$id in_job "$folder/work/peer" map "$folder/work/mapped" < "$folder/release" > "$folder/held" &
		pid=$!
		exec {release}> "$folder/release"
		wait_for_line old "$folder/held"
		echo new > "$folder/work/mapped"
		sleep 1
		exec {release}>&-
		wait $pid
		[[ $(xargs < "$folder/held") == "old old "* ]]
		[ "$(job=$id in_job "$folder/work/peer" map "$folder/work/mapped" < /dev/null | xargs)" = "new new new" ]
	done
}

# lines FILE: how many it has
lines()
{
	wc -l < "$1"
}

has_more_lines()
{
	[ "$(lines "$1")" -gt "$2" ]
}

@test "virtiofs: a suspended machine's files go on where they stood" {
	local pid count
	make_shared counted ""
	# shellcheck disable=SC2016 # for the guest's shell
	in_guest 'i=0; while [ ! -e enough ]; do i=$((i + 1)); echo $i >> counted; sleep 0.1; done' &
	pid=$!
	wait_until 20 has_more_lines "$folder/work/counted" 5
	as_root scontrol suspend "$job"
	wait_until 15 grep -q '^paused=on' "$(cluster_folder)/run/$node/$job/state"
	count=$(lines "$folder/work/counted")
	echo while suspended > "$folder/work/noted"
	sleep 1
	[ "$(lines "$folder/work/counted")" -eq "$count" ]
	as_root scontrol resume "$job"
	wait_until 15 has_more_lines "$folder/work/counted" "$((count + 5))"
	[ "$(in_guest 'cat noted; touch enough')" = "while suspended" ]
	wait $pid
	sed 1d "$folder/work/counted" | cmp - <(seq "$(($(lines "$folder/work/counted") - 1))")
}

@test "virtiofs: a machine that fills its memory, and its directory's cache, stays within its job" {
	local cgroup used
	cgroup=$(vm_cgroup memory)
	as_guest_root 'mkdir /mnt/fill && mount -t tmpfs -o size=500m fill /mnt/fill
		dd if=/dev/zero of=/mnt/fill/file bs=1M count=450 && ls -l /mnt/fill
		dd if=/dev/zero of=large bs=1M count=250 && cat large > /dev/null; rm large' > "$folder/out" 2>&1
	cat "$folder/out"
	grep -q 471859200 "$folder/out"
	# QEMU's shared memory is the job's, as its private memory is
	used=$(sed -n 's/^total_shmem //p' "$cgroup/memory.stat")
	[ "$used" -gt $((450 << 20)) ]
	grep -qx 'oom_kill 0' "$cgroup/memory.oom_control"
	[ "$(as_guest_root 'umount /mnt/fill; cat /mnt/read/file')" = read ]
}

@test "virtiofs: what the node finds wrong with a directory ends the job with 64" {
	for what in "none: there is no such directory" "locked/in: the job's user may not enter"; do
		run as_user srun -Q --vm=tiny --vm-mount="$folder/${what%%:*}" true
		echo "$output"
		[ "$status" -eq 64 ]
		[[ $output == *"wnodes: --vm-mount: $folder/$what"* ]]
	done
}

# each file that the guest knows is a descriptor of virtiofsd's
@test "virtiofs: more files than a process may usually have open" {
	mkdir "$folder/read/many"
	(cd "$folder/read/many" && seq 10000 | xargs touch)
	in_job sh -c 'ls -l /mnt/read/many | wc -l' > "$folder/counted" 2> "$folder/err"
	head -n 3 "$folder/counted" "$folder/err"
	[ "$(cat "$folder/counted")" -eq 10001 ]
	[ ! -s "$folder/err" ]
	rm -r "$folder/read/many"
}

@test "virtiofs: debian-wn" {
	wait_job "$debian" 120
	cat "$folder/debian.out"
	diff "$folder/debian.out" - <<-END
		$folder/work
		$(id -u "$test_user") 2
		O_TMPFILE: Operation not supported
		read
		Read-only file system
	END
	[ "$(cat "$folder/work/made")" = "from debian" ]
	[ "$(stat -c %U "$folder/work/made")" = "$test_user" ]
}

@test "virtiofs: the guest's root has the job's user's rights there, no more" {
	refute as_guest_root 'cat bobs'
	refute as_guest_root 'echo x >> bobs'
	[ "$(cat "$folder/work/bobs")" = secret ]
	as_guest_root 'cp /bin/busybox suid; chmod 755 suid; chown 0:0 suid; mknod device b 7 0; true'
	refute as_guest_root 'chmod 4755 suid'
	refute as_guest_root ./setuid
	[ -z "$(find "$folder/work" -perm -4000)" ]
	[ "$(stat -c '%a' "$folder/work/suid")" = 755 ]
	as_guest_root 'mkdir shared; chmod 2775 shared; mkdir shared/in'
	[ -g "$folder/work/shared/in" ]
	[ "$(stat -c '%U' "$folder/work/suid")" = "$test_user" ]
	[ ! -e "$folder/work/device" ]
	as_guest_root 'mount -o remount,rw /mnt/read; grep /mnt/read /proc/self/mounts
		echo x > /mnt/read/tried; rm /mnt/read/file' > "$folder/out" 2>&1 || true
	grep 'virtiofs rw,' "$folder/out"
	as_guest_root 'tag=$(sed -n "s, /mnt/read .*,,p" /proc/self/mounts)
		for i in 1 2 3; do umount /mnt/read && mount -t virtiofs "$tag" /mnt/read || exit 1; done
		cat /mnt/read/file; echo x > /mnt/read/tried' >> "$folder/out" 2>&1 || true
	cat "$folder/out"
	grep -x read "$folder/out"
	[ "$(grep -c 'Read-only file system' "$folder/out")" -eq 3 ]
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

@test "virtiofs: a machine killed by the job's memory limit: 70 and a line, as over 9p" {
	local cgroup job status=0
	job=$(machine --vm=tiny --vm-mount="$folder/work")
	in_job true
	cgroup=$(vm_cgroup memory)
	echo $(($(cat "$cgroup/memory.usage_in_bytes") + 30000000)) > "$cgroup/memory.limit_in_bytes"
	in_job sh -c 'dd if=/dev/zero of=/dev/shm/x bs=1M count=200; sleep 60' > "$folder/out" 2>&1 || status=$?
	cat "$folder/out"
	[ "$status" -eq 70 ]
	grep -q "wnodes: .*job's memory limit" "$folder/out"
	wait_job "$job"
}
