#!/usr/bin/env bats
# Images from a URL to a verified base on the node: one download for all, nothing
# half-made is ever booted, and whatever is killed meanwhile, the next one goes on.
bats_require_minimum_version 1.5.0
load lib/common

setup_file()
{
	export BATS_TEST_TIMEOUT=180
	make_folder
	top=$(cluster_folder)
	cache=$top/state/images
	conf=$top/etc/wnodes
	helper=$top/usr/libexec/wnodes/wnodes-helper
	fetch_user=$(cat "$top/fetch_user")
	disk=$top/images/tiny/disk.qcow2
	size=$(stat -c %s "$disk")
	export top cache conf helper fetch_user disk size
	cp "$conf/wnodes.conf" "$folder/wnodes.conf"
	mkdir "$folder/www"
	url=http://$(serve http)
	export url
}

setup()
{
	: > "$folder/requests"
	site
}

teardown()
{
	if mountpoint -q "$top/small"; then umount "$top/small"; fi
	for number in $(seq 1 "${prepared:-0}"); do
		as_root "$helper" destroy --node "$node" --job $((3000000000 + number))
	done
	wait_for_nothing
	wait_until 20 is_idle
	# a keeper is nobody's job, and ends by itself
	wait_until 30 no_keepers
	[ -z "$(find "$cache/use" -type f)" ]
	rm -rf "${cache:?}"
	unserve https
	rm -f "$conf"/images.d/net*.conf "$top/ca.pem"
	cp "$folder/wnodes.conf" "$conf/wnodes.conf"
}

teardown_file()
{
	unserve http
	rm -rf "$folder"
}

# site [LINE…]: wnodes.conf with these lines added, and short times
site()
{
	{
		cat "$folder/wnodes.conf"
		printf '%s\n' '[fetch]' 'stall_timeout = 3' 'timeout = 60' "$@"
	} > "$conf/wnodes.conf"
}

# new_disk: an image that no cache has yet, as $folder/www/disk; its digest as $digest
new_disk()
{
	cp "$disk" "$folder/www/disk.new"
	# what lies behind the last cluster is nobody's, and makes another digest
	printf '%s' "$RANDOM$RANDOM$RANDOM" | dd of="$folder/www/disk.new" bs=1 seek="$size" conv=notrunc status=none
	truncate -s $((size + 65536)) "$folder/www/disk.new"
	mv "$folder/www/disk.new" "$folder/www/disk"
	digest=$(sha256sum < "$folder/www/disk" | cut -d' ' -f1)
}

# image NAME SOURCES [SHA256]: tiny's entry, from there
image()
{
	sed "s|^source = .*|source = $2\nsha256 = ${3:-$digest}|" "$conf/images.d/tiny.conf" > "$conf/images.d/$1.conf"
}

requests()
{
	grep -c "$@" "$folder/requests"
}

base_is_there()
{
	[ -e "$cache/base/$digest" ]
}

base_is_right()
{
	[ "$(stat -c '%U %a' "$cache/base/$digest")" = 'root 444' ] &&
		[ "$(sha256sum < "$cache/base/$digest" | cut -d' ' -f1)" = "$digest" ]
}

no_keepers()
{
	refute pgrep -f "^$helper " > /dev/null && refute pgrep -u "$fetch_user" > /dev/null
}

fetcher()
{
	pgrep -u "$fetch_user" -f '^wnodes-fetch get ' | head -n 1
}

fetcher_runs()
{
	[ -n "$(fetcher)" ]
}

parent_of()
{
	sed -n 's/^PPid:[[:space:]]*//p' "/proc/$1/status"
}

# prepare IMAGE: what the prolog does for a job of the test's user; the job never starts
prepare()
{
	prepared=$((${prepared:-0} + 1))
	as_root "$helper" prepare --node "$node" --job $((3000000000 + prepared)) --restart 0 \
		--uid "$(id -u "$test_user")" --gid "$(id -g "$test_user")" --image "$1"
}

# record KEY: of the last prepared job
record()
{
	sed -n "s/^$1=//p" "$top/state/jobs/$node/$((3000000000 + prepared)).0/record"
}

failed()
{
	grep -q '^message=' "$cache/part/$digest.failed" 2> /dev/null
}

# fails_75 PATTERN SRUN-ARGUMENTS…: 75 and one line that matches
fails_75()
{
	local pattern=$1 code=0
	shift
	as_user srun "$@" cat /proc/sys/kernel/random/boot_id > "$folder/out" 2> "$folder/err" || code=$?
	cat "$folder/err"
	echo "code $code"
	[ "$code" -eq 75 ]
	[ "$(grep -c '^wnodes:' "$folder/err")" -eq 1 ]
	grep -qE "^wnodes: .*$pattern" "$folder/err"
	[ ! -s "$folder/out" ]
}

@test "a cold start fetches, by a process that has nothing; a hit does not fetch" {
	new_disk
	image net "$url/trickle/3000000/disk"
	as_user srun --vm=net sh -c 'echo up; sleep 1' > "$folder/out" 2> "$folder/err" &
	step=$!
	wait_until 20 fetcher_runs
	pid=$(fetcher)
	grep -q "^NoNewPrivs:[[:space:]]*1" "/proc/$pid/status"
	grep -q "^CapEff:[[:space:]]*0000000000000000" "/proc/$pid/status"
	for process in "$pid" "$(parent_of "$pid")"; do
		refute grep -E '/job_|slurmstepd' "/proc/$process/cgroup"
	done
	wait_until 20 grep -qs '^state=fetching' "$top/run/$node"/*/state
	wait_until 10 grep -qs '^message=net: [0-9]* %' "$top/run/$node"/*/state
	wait_for_line up "$folder/out"
	[ "$(stat -c '%U %a %h' "$cache/base/$digest")" = 'root 444 2' ]
	[ "$(stat -c '%U %a' "$cache")" = 'root 700' ]
	[ -z "$(find "$cache/part" -type f)" ]
	base_is_right
	wait $step
	as_user srun --vm=net true
	[ "$(requests GET)" -eq 1 ]
}

@test "twenty jobs that need the same image at once: one download" {
	new_disk
	sed -i 's/^stall_timeout = .*/stall_timeout = 60/' "$conf/wnodes.conf"
	image net "$url/trickle/3000000/disk"
	id=$(submit --array=1-20 --mem=500 -n1 --vm=net --wrap 'sleep 300')
	# until all are there it does not get on
	wait_until 20 fetcher_runs
	kill -STOP "$(fetcher)"
	wait_until 60 twenty '^state=fetching'
	refute base_is_there
	kill -CONT "$(fetcher)"
	wait_until 60 twenty '^state=\(booting\|ready\)'
	[ "$(stat -c %h "$cache/base/$digest")" -eq 21 ]
	as_user scancel "$id"
	wait_job "$id"
	[ "$(requests GET)" -eq 1 ]
}

# twenty LINE: whether so many states have it
twenty()
{
	[ "$(cat "$top/run/$node"/*/state 2> /dev/null | grep -c "$1")" -eq 20 ]
}

@test "a download outlives the job that began it" {
	new_disk
	image net "$url/trickle/2000000/disk"
	id=$(submit --vm=net --wrap true)
	wait_until 20 grep -qs '^state=fetching' "$top/run/$node/$id/state"
	as_user scancel "$id"
	wait_job "$id"
	wait_until 20 base_is_there
	# the server notes a request when it has been answered
	wait_until 10 grep -q GET "$folder/requests"
	[ "$(requests GET)" -eq 1 ]
}

@test "kill -9 of the keeper, then of the fetcher: the waiting job takes over, and resumes" {
	new_disk
	image net "$url/trickle/1000000/disk"
	as_user srun --vm=net sh -c 'echo up' > "$folder/out" 2> "$folder/err" &
	step=$!
	wait_until 20 fetcher_runs
	pid=$(fetcher)
	sleep 1
	kill -KILL "$(parent_of "$pid")"
	wait_until 5 test ! -e "/proc/$pid"
	wait_until 20 fetcher_runs
	# one that a job's own process started is in no job's cgroup either
	for process in "$(fetcher)" "$(parent_of "$(fetcher)")"; do
		refute grep -E '/job_|slurmstepd' "/proc/$process/cgroup"
	done
	# and the fetcher alone: its keeper goes on
	sleep 0.5
	kill -KILL "$(fetcher)"
	refute base_is_there
	wait $step || { cat "$folder/err"; false; }
	grep -q up "$folder/out"
	base_is_there
	[ "$(requests ' range=bytes=[1-9][0-9]*- 206 ')" -eq 2 ]
}

@test "kill -9 of fetcher and keeper at random moments: what is published is right" {
	new_disk
	image net "$url/trickle/6000000/disk"
	for _ in $(seq 1 8); do
		prepare net
		sleep "0.$((RANDOM % 7 + 1))"
		pid=$(fetcher)
		if [ -n "$pid" ]; then kill -KILL "$([ $((RANDOM % 2)) -eq 0 ] && echo "$pid" || parent_of "$pid")" || true; fi
		wait_until 15 no_keepers
		if base_is_there; then break; fi
	done
	prepare net
	wait_until 20 base_is_there
	base_is_right
	wait_until 10 no_keepers
	[ -z "$(find "$cache/part" -type f)" ]
}

@test "what a keeper was killed over when it had arrived is verified again, not fetched" {
	new_disk
	image net "$url/trickle/1000000/disk"
	prepare net
	wait_until 10 fetcher_runs
	kill -KILL "$(parent_of "$(fetcher)")"
	wait_until 10 no_keepers
	cp "$folder/www/disk" "$cache/part/$digest"
	chown root:root "$cache/part/$digest"
	chmod 0444 "$cache/part/$digest"
	image net "$url/404/disk"
	prepare net
	wait_until 20 base_is_there
	base_is_right
	wait_until 10 no_keepers
	# and one that a power loss had spoilt is not believed
	wrong=$digest
	new_disk
	mv "$cache/base/$wrong" "$cache/part/$digest"
	image net "$url/disk"
	prepare net
	wait_until 20 base_is_there
	base_is_right
	[ "$(requests 'GET /disk')" -eq 1 ]
	# one that was made and is not the fetch user's yet, and one of which a power loss left nothing
	for mode in 0600 0444; do
		wait_until 10 no_keepers
		new_disk
		install -m "$mode" /dev/null "$cache/part/$digest"
		image net "$url/disk"
		prepare net
		wait_until 20 base_is_there
	done
}

@test "what somebody else may still write to, or has a name for, is not published" {
	new_disk
	image net "$url/trickle/7000000/disk"
	prepare net
	wait_until 10 fetcher_runs
	sleep 60 >> "$cache/part/$digest" 3>&- &
	writer=$!
	wait_until 30 failed
	kill "$writer"
	grep -q 'writes to it' "$cache/part/$digest.failed"
	refute base_is_there
	wait_until 10 no_keepers
	rm "$cache/part/$digest.failed"
	prepare net
	wait_until 10 fetcher_runs
	ln "$cache/part/$digest" "$cache/quarantine/second"
	wait_until 30 failed
	refute base_is_there
}

@test "several sources: the missing and the wrong one are passed over" {
	new_disk
	cp "$disk" "$folder/www/other"
	image net "$url/404/disk ${url/:\/\//://user:opensesame@}/other?token=opensesame file://$folder/www/disk"
	# what wnodes-fetch is executed with, which everybody on the node can see
	local fetch=$top/usr/libexec/wnodes/wnodes-fetch
	: > "$folder/arguments"
	chmod 0666 "$folder/arguments"
	mv "$fetch" "$fetch.real"
	printf '%s\n' '#!/bin/sh' "[ \$1 != get ] || echo \"\$@\" >> $folder/arguments" "exec $fetch.real \"\$@\"" > "$fetch"
	chmod 0755 "$fetch"
	prepare net
	wait_until 30 base_is_there || true
	mv "$fetch.real" "$fetch"
	base_is_there
	cat "$folder/requests" "$folder/arguments"
	[ "$(requests ' 404 ')" -eq 1 ]
	[ "$(requests 'GET /other')" -eq 1 ]
	grep -q '^get ' "$folder/arguments"
	refute grep -q opensesame "$folder/arguments"
}

@test "a wrong digest, and 404: 75, one line with image, source and what to do" {
	new_disk
	wrong=$(sha256sum < "$disk" | cut -d' ' -f1)
	image net "$url/disk" "$wrong"
	[ "$wrong" != "$digest" ]
	fails_75 "image net: $url/disk .*$digest.*$wrong.*images.d/net.conf" --vm=net
	[ ! -e "$cache/base/$wrong" ]
	[ -z "$(find "$cache/part" -name "$wrong")" ]
	image net "$url/404/disk"
	fails_75 "image net: .*$url/404/disk.*404.*images.d/net.conf" --vm=net
}

@test "a stall, and a full disk: 75 in time, and its space is given back" {
	new_disk
	image net "$url/stall/1000000/disk"
	sed -i 's/^timeout = .*/timeout = 4/' "$conf/wnodes.conf"
	start=$SECONDS
	fails_75 "image net: " --vm=net
	[ $((SECONDS - start)) -le 25 ]
	mkdir -p "$top/small"
	mount -t tmpfs -o size=3m,mode=0700 none "$top/small"
	site '[cache]' "dir = $top/small"
	image net "$url/disk"
	fails_75 "image net: .*(full|[Ss]pace).*make room in $top/small" --vm=net
	wait_until 10 no_keepers
	[ -z "$(find "$top/small/part" -name "$digest*" ! -name '*.failed' ! -name '*.lock' ! -name '*.progress')" ]
	umount "$top/small"
	rmdir "$top/small"
}

# fetch_fails PATTERN: 75, one line, and nothing of it in the cache
fetch_fails()
{
	run -75 as_root wnodes fetch net
	echo "$output"
	[ "$(grep -c '^wnodes-helper:' <<< "$output")" -eq 1 ]
	grep -qE "^wnodes-helper: image net: .*$1.*images.d/net.conf" <<< "$output"
	refute base_is_there
	wait_until 10 no_keepers
}

@test "what has the digest, and is no image for a machine, or too large a one, is not published" {
	local www=$folder/www
	qemu-img create -q -f qcow2 -u -b /etc/shadow -F raw "$www/backing" 64M
	qemu-img create -q -f qcow2 -o data_file="$www/data" "$www/external" 64M
	qemu-img create -q -f qcow2 "$www/large" 64G
	head -c 100000000 /dev/zero | tee >(sha256sum | cut -d' ' -f1 > "$folder/zeros") | zstd -q > "$www/bomb.zst"
	for case in "backing has.a.backing.file" "external keeps.its.data.in.another.file" "large more.than.its.virtual_size_max,.34359738368"; do
		read -r name pattern <<< "$case"
		digest=$(sha256sum < "$www/$name" | cut -d' ' -f1)
		image net "$url/$name"
		echo 'virtual_size_max = 32G' >> "$conf/images.d/net.conf"
		fetch_fails "$pattern"
		[ ! -e "$cache/part/$digest" ]
	done
	wait_until 10 test -s "$folder/zeros"
	digest=$(cat "$folder/zeros")
	image net "$url/bomb.zst"
	site 'size_max = 8M'
	fetch_fails "larger than the 8388608 bytes allowed"
	echo 'size_max = 2M' >> "$conf/images.d/net.conf"
	fetch_fails "larger than the 2097152 bytes allowed"
	# a job hears the same, and runs nowhere
	fails_75 "image net: .*larger than the 2097152 bytes allowed" --vm=net
}

@test "https by the site's authority, at the site's rate, unpacked" {
	local begin
	new_disk
	zstd -q -f "$folder/www/disk"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$folder/key" -subj /CN=images \
		-addext subjectAltName=IP:127.0.0.1 -days 2 -out "$folder/ca.pem" 2> /dev/null
	install -m 0644 "$folder/ca.pem" "$top/ca.pem"
	image net "https://$(serve https --tls "$folder/ca.pem" "$folder/key")/disk.zst"
	fetch_fails "SSL certificate"
	site "ca_file = $top/ca.pem" 'rate = 1M'
	begin=$(date +%s%N)
	as_root wnodes fetch net
	# no limit takes longer than half of this
	[ $(($(date +%s%N) - begin)) -gt $(($(stat -c %s "$folder/www/disk.zst") * 500)) ]
	base_is_right
}

@test "eviction while jobs start: what is taken away is fetched again, and each has its machine" {
	new_disk
	image net "$url/disk"
	id=$(submit --array=1-6 -n1 --vm=net --output="$folder/evicted.%a" --wrap 'echo up')
	until job_has_ended "$id"; do
		as_root "$helper" evict --all > /dev/null || true
		sleep 0.1
	done
	cat "$folder"/evicted.*
	[ "$(cat "$folder"/evicted.* | grep -cx up)" -eq 6 ]
	wait_until 20 no_leftovers
	as_root wnodes evict --all
	[ -z "$(find "$cache" -name "$digest*" ! -name '*.lock')" ]
}

@test "a base in use is not taken away, one that is not used is" {
	new_disk
	image net "$url/disk"
	site '[cache]' 'age_max = 1'
	job=$(machine --vm=net)
	wait_until 30 base_is_there
	wait_until 30 test -e "$cache/use/$node-$job.0"
	sleep 2
	as_root "$helper" sweep
	base_is_there
	as_user scancel "$job"
	wait_job "$job"
	wait_until 20 test ! -e "$cache/use/$node-$job.0"
	as_root "$helper" sweep
	refute base_is_there
	[ -z "$(find "$cache" -name "$digest*")" ]
}

@test "the size limit takes the least lately used, never what has just been used" {
	new_disk
	old=$digest
	image net "$url/disk"
	prepare net
	wait_until 20 base_is_there
	wait_until 10 no_keepers
	touch -a -d '1 hour ago' "$cache/base/$old"
	site '[cache]' 'size_max = 8M'
	new_disk
	image net "$url/disk"
	prepare net
	wait_until 20 base_is_there
	wait_until 10 no_keepers
	base_is_there
	[ ! -e "$cache/base/$old" ]
}

@test "a base that changed on the disk goes into quarantine, and is fetched again" {
	new_disk
	image net "$url/disk"
	prepare net
	wait_until 20 base_is_there
	wait_until 10 no_keepers
	printf x | dd of="$cache/base/$digest" bs=1 seek=1000000 conv=notrunc status=none
	as_user srun --vm=net true
	[ "$(requests GET)" -eq 2 ]
	base_is_right
	[ "$(find "$cache/quarantine" -name "$digest.*" | wc -l)" -eq 1 ]
}

@test "sweep repairs what a power loss leaves" {
	new_disk
	image net "$url/disk"
	prepare net
	wait_until 20 base_is_there
	wait_until 10 no_keepers
	# an eviction that was cut short while a job used it, and one that was not
	ln "$cache/base/$digest" "$cache/use/$node-$((3000000000 + prepared)).0"
	mv "$cache/base/$digest" "$cache/evict/"
	other=$(printf other | sha256sum | cut -d' ' -f1)
	echo other > "$cache/evict/$other"
	# a job without a record; info without its base; a download whose image is there, and one that may go on
	ln "$cache/evict/$digest" "$cache/use/$node-3000000999.0"
	cp "$cache/base/$digest.info" "$cache/base/$other.info"
	: > "$cache/base/$other.info.new"
	echo half > "$cache/part/$digest"
	: > "$cache/part/$digest.notes"
	third=$(printf third | sha256sum | cut -d' ' -f1)
	echo half > "$cache/part/$third"
	fourth=$(printf fourth | sha256sum | cut -d' ' -f1)
	echo unverified > "$cache/base/$fourth"
	as_root "$helper" sweep
	(cd "$cache" && find . -type f | sort)
	base_is_there
	[ "$(cd "$cache" && find evict use base part -type f | sort | tr '\n' ' ')" = "$(printf '%s\n' "base/$digest" \
		"base/$digest.info" "part/$third" "use/$node-$((3000000000 + prepared)).0" | sort | tr '\n' ' ' | sed "s|part/$third|& part/$third.lock|")" ]
	[ "$(find "$cache/quarantine" -type f | wc -l)" -eq 1 ]
	rm "$cache/use"/*
}

@test "tags and aliases: the record says which image a name meant" {
	new_disk
	image net:1 "$url/disk"
	printf '[image]\nalias = net:1\n' > "$conf/images.d/net.conf"
	prepare net
	[ "$(record phase)" = prepared ]
	[ "$(record image) $(record image_entry) $(record digest)" = "net net:1 $digest" ]
	wait_until 20 base_is_there
	printf '[image]\nalias = net\n' > "$conf/images.d/net:2.conf"
	prepare net:2
	[ "$(record phase)" = failed ]
	[[ "$(record message)" == *"net:2.conf"*"alias"* ]]
	prepare net:3
	[[ "$(record message)" == *"no image 'net:3'"*"net:1"* ]]
}
