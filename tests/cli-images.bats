#!/usr/bin/env bats
# wnodes fetch, evict, check and prestage with images from a server: what they
# say, how they end, and what becomes of a download whose caller has gone.
bats_require_minimum_version 1.5.0
load lib/common

setup_file()
{
	export BATS_TEST_TIMEOUT=120
	make_folder
	top=$(cluster_folder)
	cache=$top/state/images
	conf=$top/etc/wnodes
	disk=$top/images/tiny/disk.qcow2
	export top cache conf disk
	mkdir "$folder/www"
	url=http://$(serve http)
	export url
	head -c 100000 "$disk" > "$folder/www/small" # qemu-img finds nothing wrong with a hole
	truncate -s "$(stat -c %s "$disk")" "$folder/www/small"
	cp "$disk" "$folder/www/disk"
	as_root wnodes evict --all
}

setup()
{
	image cli-net /disk
}

teardown()
{
	# a keeper is nobody's job: it ends by itself
	wait_until 30 no_downloads
	as_root wnodes evict --all
	rm -f "$conf"/images.d/cli-*.conf
	[ ! -e "$folder/wnodes.conf" ] || cp "$folder/wnodes.conf" "$conf/wnodes.conf"
}

teardown_file()
{
	unserve http
	wait_for_nothing
	rm -rf "$folder" "${cache:?}"
}

# image NAME PATH [LINE…]: tiny's entry, from a path of the server
image()
{
	local name=$1 path=$2 digest
	shift 2
	digest=$(sha256sum < "$folder/www/${path##*/}" | cut -d' ' -f1)
	{
		sed "s|^source = .*|source = $url$path\nsha256 = $digest|" "$conf/images.d/tiny.conf"
		printf '%s\n' "$@"
	} > "$conf/images.d/$name.conf"
}

# json EXPRESSION: of `rows`, the array on standard input; prints what it is
json()
{
	python3 -c 'import json, sys; rows = json.load(sys.stdin); print(eval(sys.argv[1]))' "$1"
}

# state NAME: as wnodes images has it
state()
{
	as_root wnodes images --json | json "[r['state'] for r in rows if r['name'] == '$1'][0]"
}

is_state()
{
	[ "$(state "$1")" = "$2" ]
}

no_downloads()
{
	[ "$(as_root wnodes images --json | json "len([r for r in rows if r['state'] == 'fetching'])")" = 0 ]
}

@test "wnodes fetch brings an image, once, and wnodes images tells how far it is" {
	image cli-net /trickle/3000000/disk
	as_user wnodes fetch cli-net > "$folder/out" 2> "$folder/err" &
	fetch=$!
	wait_until 20 is_state cli-net fetching
	wait_until 20 eval 'as_user wnodes images | grep -qE "^cli-net +[0-9a-f]{12} +- [0-9]+ % +yes\$"'
	wait $fetch
	cat "$folder/out" "$folder/err"
	grep -qE '^cli-net: [0-9.]+M, fetched in [0-9.]+ s$' "$folder/out"
	# no terminal: lines now and then
	[ "$(wc -l < "$folder/err")" -eq 1 ]
	grep -q '^wnodes: cli-net: ' "$folder/err"
	[ "$(as_user wnodes fetch cli-net)" = "$(sed 's/fetched in.*/here already/' "$folder/out")" ]
	as_user wnodes images > "$folder/out"
	grep -qE '^cli-net +[0-9a-f]{12} +[0-9.]+M yes +yes$' "$folder/out"
	[ "$(as_user wnodes fetch --json cli-net | json '(rows[0]["state"], rows[0]["fetched"], rows[0]["code"], len(rows))')" = \
		"('present', 'no', 0, 1)" ]
	[ "$(as_user wnodes fetch tiny | sed 's/:.*,/:/')" = "tiny: here already" ]
}

@test "on a terminal wnodes fetch draws a bar, and takes it away" {
	image cli-net /trickle/1500000/disk
	echo end | as_user python3 "$common_top/tests/lib/terminal.py" wnodes fetch cli-net > "$folder/out"
	cat -v "$folder/out"
	tr '\r' '\n' < "$folder/out" | grep -qE '^\[#+-+\] cli-net: [0-9]+ %, .*/s, [0-9]+ s left'
	# at its end the line is the result's
	tail -c 80 "$folder/out" | grep -qP '\r\x1b\[Kcli-net: [0-9.]+M, fetched in [0-9.]+ s\r$'
}

@test "wnodes fetch: whose fault it is, one line" {
	image cli-none /404/disk
	image cli-theirs /disk "groups = root"
	for case in "cli-none 75 404" "cli-theirs 77 only.for.the.groups.root" "no-such-image 64 no-such-image"; do
		read -r name code pattern <<< "$case"
		run as_user wnodes fetch "$name"
		echo "$output"
		[ "$status" -eq "$code" ]
		[ "$(grep -c '^wnodes-helper:' <<< "$output")" -eq 1 ]
		grep -qE "^wnodes-helper: .*$pattern" <<< "$output"
		run bash -c "'$common_top/tests/cluster' exec --user $test_user -- wnodes fetch --json $name 2> /dev/null"
		[ "$status" -eq "$code" ]
		[ "$(json '(rows[0]["state"], rows[0]["code"], len(rows[0]["message"]) > 10)' <<< "$output")" = "('failed', $code, True)" ]
	done
	# the catalogue's names are in their order, and said to be more where they are
	for i in {39..10}; do
		: > "$conf/images.d/a-name-of-the-catalogue-$i.conf"
	done
	run as_user wnodes fetch no-such-image
	rm -f "$conf"/images.d/a-name-of-the-catalogue-??.conf
	echo "$output"
	grep -q 'the site has: a-name-of-the-catalogue-10, a-name-of-the-catalogue-11, .*[0-9], \.\.\.$' <<< "$output"
	# a user who asks again and again makes neither requests nor lines in the log
	: > "$folder/requests"
	for i in 1 2 3; do
		run as_user wnodes fetch cli-none
		[ "$status" -eq 75 ]
	done
	[ "$(grep -c GET "$folder/requests")" -le 1 ]
	run as_root wnodes fetch cli-none
	run as_root wnodes fetch cli-none
	[ "$(grep -c GET "$folder/requests")" -ge 2 ]
	# and what is wrong with one entry is not with another that has the same sha256
	as_user wnodes fetch cli-net
	as_root wnodes evict cli-net
	# a secret of the site's is in none of it
	image cli-none "/404/disk?token=opensesame"
	run as_root wnodes fetch cli-none
	refute grep -q opensesame <<< "$output"
	run as_user wnodes images --json
	refute grep -q opensesame <<< "$output"
}

@test "a download goes on without its caller; a user has few that wait" {
	image cli-net /trickle/1500000/disk
	fetches=()
	for i in 1 2 3 4; do
		as_user wnodes fetch cli-net > /dev/null 2>&1 &
		fetches+=($!)
		wait_until 20 test -e "$top/run/.fetch.$(id -u "$test_user").$((i - 1))"
	done
	wait_until 20 is_state cli-net fetching
	four_wait()
	{
		[ "$(pgrep -c -x wnodes-helper -P "$(pgrep -d, -x wnodes -u "$(id -u "$test_user")")")" -eq 4 ]
	}
	wait_until 20 four_wait
	run as_user wnodes fetch cli-net
	echo "$output"
	[ "$status" -eq 75 ]
	grep -q '4 fetches of yours' <<< "$output"
	kill "${fetches[@]}"
	wait "${fetches[@]}" || true
	# their helpers notice at the next line
	no_helpers()
	{
		refute pgrep -f "^wnodes-helper fetch --image cli-net" > /dev/null
	}
	wait_until 20 no_helpers
	wait_until 30 is_state cli-net present
	[ "$(as_user wnodes fetch cli-net | grep -c 'here already')" -eq 1 ]
	[ "$(wc -l < <(grep -c 'GET /trickle' "$folder/requests"))" -eq 1 ]
}

@test "what another entry had fetched, and what has changed: fetch and check say what a job would" {
	local digest
	digest=$(sha256sum < "$folder/www/disk" | cut -d' ' -f1)
	as_root wnodes fetch cli-net
	image cli-raw /disk "format = raw"
	sed -i '/^format = qcow2/d' "$conf/images.d/cli-raw.conf"
	image cli-large /disk "virtual_size_max = 1M"
	image cli-long /disk "size_max = 1M"
	run as_root wnodes check
	echo "$output"
	[ "$status" -eq 75 ]
	[ "${#lines[@]}" -eq 3 ]
	for case in "cli-raw verified.as.qcow2" "cli-large a.disk.of.*virtual_size_max,.1048576" "cli-long more.than.its.size_max,.1048576"; do
		read -r name pattern <<< "$case"
		[ "$(grep -cE "^image $name: .*$pattern" <<< "$output")" -eq 1 ]
		run -75 as_user wnodes fetch "$name"
		echo "$output"
		grep -qE "^wnodes-helper: image $name: .*$pattern" <<< "$output"
		run as_root wnodes check
	done
	touch "$cache/base/$digest"
	as_user wnodes fetch cli-net | grep -q ', fetched in '
	[ "$(find "$cache/quarantine" -name "$digest.*" | wc -l)" -eq 1 ]
}

@test "wnodes evict: not what a job boots from, not for a user" {
	image cli-small /small
	digest=$(sha256sum < "$folder/www/disk" | cut -d' ' -f1)
	run as_user wnodes evict cli-net
	[ "$status" -eq 77 ]
	as_root wnodes fetch cli-small
	id=$(machine --vm=cli-net)
	job=$id in_job true
	[ "$(as_root wnodes images --json | json '[r["jobs"] for r in rows if r["name"] == "cli-net"]')" = "[1]" ]
	# how many others use it is none of a user's business
	[ "$(as_user wnodes images --json | json '[r.get("jobs") for r in rows if r["name"] == "cli-net"]')" = "[None]" ]
	run as_root wnodes evict cli-net
	echo "$output"
	[ "$status" -eq 75 ]
	grep -qE "^${digest:0:12} cli-net +[0-9.]+M  in use" <<< "$output"
	run as_root wnodes evict --json --all
	[ "$status" -eq 75 ]
	[ "$(json 'sorted((r["image"], r["result"]) for r in rows)' <<< "$output")" = "[('cli-net', 'in use'), ('cli-small', 'evicted')]" ]
	job=$id in_job true
	as_user scancel "$id"
	wait_for_nothing
	run as_root wnodes evict "$digest"
	[ "$status" -eq 0 ]
	is_state cli-net absent
	run as_root wnodes evict cli-net
	[ "$status" -eq 0 ]
	grep -q absent <<< "$output"
	for arguments in tiny no-such-image "--all x" ""; do
		# shellcheck disable=SC2086 # words
		run as_root wnodes evict $arguments
		echo "$output"
		[ "$status" -eq 64 ]
	done
}

@test "wnodes check: what fetching takes, and with --deep the digests" {
	as_root wnodes fetch cli-net
	digest=$(sha256sum < "$folder/www/disk" | cut -d' ' -f1)
	run as_root wnodes check --deep
	echo "$output"
	[ "$status" -eq 0 ]
	# a byte that changed without a trace
	touch -r "$cache/base/$digest" "$folder/time"
	printf x | dd of="$cache/base/$digest" bs=1 seek=100000 conv=notrunc status=none
	touch -r "$folder/time" "$cache/base/$digest"
	run as_root wnodes check
	[ "$status" -eq 0 ]
	run as_root wnodes check --deep
	echo "$output"
	[ "$status" -eq 75 ]
	[ "$(grep -c "^image cli-net: .*$digest.*quarantine" <<< "$output")" -eq 1 ]
	cp "$conf/wnodes.conf" "$folder/wnodes.conf"
	printf '%s\n' '[fetch]' 'ca_file = /nonexistent/ca.pem' '[cache]' 'dir = /nonexistent/images' >> "$conf/wnodes.conf"
	chmod 0700 "$top/usr/libexec/wnodes/wnodes-fetch"
	run as_root wnodes check
	chmod 0755 "$top/usr/libexec/wnodes/wnodes-fetch"
	cp "$folder/wnodes.conf" "$conf/wnodes.conf"
	echo "$output"
	[ "$status" -eq 75 ]
	[ "${#lines[@]}" -eq 3 ]
	for text in 'wnodes-fetch must be executable by everybody' 'ca_file /nonexistent/ca.pem: No such' 'dir /nonexistent/images: '; do
		grep -q "$text" <<< "$output"
	done
	as_root wnodes fetch cli-net
}

@test "srun's terminal and wnodes status tell of the download" {
	# and a download is no part of the boot
	local rate=450000 timeout=14
	[ $(($(stat -c %s "$folder/www/disk") / rate)) -gt $timeout ]
	image cli-net "/trickle/$rate/disk"
	printf '%s\n' 'expect ready after' end |
		as_user python3 "$common_top/tests/lib/terminal.py" srun --vm=cli-net --vm-boot-timeout=$timeout echo over > "$folder/out" &
	step=$!
	fetching()
	{
		as_user wnodes status > "$folder/status"
		grep -q ' fetching ' "$folder/status" && grep -q 'cli-net: [0-9]* %' "$folder/status"
	}
	wait_until 30 fetching
	wait $step
	cat "$folder/out" "$folder/status"
	[ "$(grep -c 'wnodes: cli-net: [0-9]* %, .*/s, .* left' "$folder/out")" -ge 1 ]
	grep -q 'wnodes: cli-net: booting' "$folder/out"
	grep -q '^over' "$folder/out"
	wait_for_nothing
}

@test "wnodes prestage: a row for each node, whatever is with it" {
	run as_user wnodes prestage cli-net -w "$node,nowhere"
	echo "$output"
	[ "$status" -eq 75 ]
	[ "${#lines[@]}" -eq 3 ]
	grep -qE "^$node +fetched +[0-9.]+M +[0-9.]+ s$" <<< "$output"
	grep -qE '^nowhere +down +- +-  to Slurm the node is unknown$' <<< "$output"
	run as_user wnodes prestage --json cli-net -p main
	echo "$output"
	[ "$status" -eq 0 ]
	[ "$(json '[(r["node"], r["state"], r["fetched"]) for r in rows]' <<< "$output")" = "[('$node', 'present', 'no')]" ]
	run as_user wnodes prestage no-such-image -p main
	[ "$status" -eq 64 ]
	grep -qE "^$node +failed .*no-such-image" <<< "$output"
	as_root scontrol update nodename="$node" state=drain reason=test
	run as_user wnodes prestage cli-net -w "$node"
	as_root scontrol update nodename="$node" state=resume
	echo "$output"
	[ "$status" -eq 75 ]
	grep -qE "^$node +down .*drain(ed|ing)$" <<< "$output"
	wait_until 60 is_idle
	# a partition whose jobs run in machines has to let this one go without, but for root
	cp "$conf/wnodes.conf" "$folder/wnodes.conf"
	printf '%s\n' '[partition main]' 'image = tiny' >> "$conf/wnodes.conf"
	run as_user wnodes prestage cli-net -p main
	echo "$output"
	[ "$status" -eq 75 ]
	grep -q 'vm=none: .*policy' <<< "$output"
	run as_root wnodes prestage cli-net -p main
	cp "$folder/wnodes.conf" "$conf/wnodes.conf"
	echo "$output"
	[ "$status" -eq 0 ]
	# inside of a job it is a job of its own
	run as_user salloc -Q -n1 wnodes prestage --json cli-net -p main
	echo "$output"
	[ "$status" -eq 0 ]
	for arguments in "cli-net" "-p main" "cli-net -p no-such" "cli-net -w" "cli-net -p main --time 0"; do
		# shellcheck disable=SC2086 # words
		run as_user wnodes prestage $arguments
		echo "$output"
		[ "$status" -eq 64 ] || [ "$arguments" = "cli-net -p no-such" ]
		[ "${#lines[@]}" -eq 1 ]
	done
}
