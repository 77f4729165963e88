#!/usr/bin/env bats
# shellcheck disable=SC2154 # `run` sets variables
# SPDX-License-Identifier: GPL-2.0-or-later
# wnodes-fetch against a real server that goes wrong in every way, as nobody.
bats_require_minimum_version 1.5.0
load lib/common

setup_file()
{
	local build=${BUILD:-$common_top/build}
	export BATS_TEST_TIMEOUT=120
	# nobody must be able to come here: not below a folder of root's
	top=$(mktemp -d /tmp/wnodes-fetch.XXXXXX)
	export top
	chmod 0755 "$top"
	mkdir "$top/root"
	: > "$top/servers"
	cp "$build/wnodes-fetch" "$top/"
	make_images
	make_certificates > "$top/openssl" 2>&1 || { cat "$top/openssl"; return 1; }
	serve plain
	serve tls --tls "$top/good.crt" "$top/good.key"
	export http https
	http=http://127.0.0.1:$(cat "$top/port.plain")
	https=https://127.0.0.1:$(cat "$top/port.tls")
}

teardown_file()
{
	local pid
	while read -r pid; do
		kill "$pid" || true
	done < "$top/servers"
	rm -rf "$top"
}

setup()
{
	work=$(mktemp -d "$top/work.XXXXXX")
	chown nobody "$work"
	log=$top/log.plain
	: > "$log"
}

# serve NAME ARGUMENT…: one more server
serve()
{
	local name=$1
	shift
	"$common_top/tests/lib/httpd.py" --root "$top/root" --port-file "$top/port.$name" --log "$top/log.$name" "$@" \
		> /dev/null 2>&1 3>&- &
	echo $! >> "$top/servers"
	wait_until 20 test -s "$top/port.$name"
}

# 3 MB of noise, zeros, and noise again; whole, packed, and packed wrongly
make_images()
(
	cd "$top/root" || exit
	{
		head -c 2000000 /dev/urandom
		head -c 1000000 /dev/zero
		head -c 70000 /dev/urandom
	} > image
	gzip -k image
	xz -k -0 image
	zstd -q -k image
	for kind in gz xz zst; do
		head -c 1500000 image.$kind > short.$kind
		{ cat image.$kind; echo "something else"; } > longer.$kind
	done
	# of several members, streams and frames, with the padding that each allows
	head -c 1000000 image > one
	tail -c +1000001 image > two
	{ gzip -c one; gzip -c two; head -c 512 /dev/zero; } > several.gz
	{ xz -0 -c one; head -c 4 /dev/zero; xz -0 -c two; } > several.xz
	{ zstd -q -c one; zstd -q -c two; } > several.zst
	rm one two
	head -c 100000000 /dev/zero | tee >(gzip > bomb.gz) >(xz -0 > bomb.xz) | zstd -q > bomb.zst
	: > empty
	wait_until 20 gzip -t bomb.gz
	wait_until 20 xz -t bomb.xz
)

# certificate NAME SUBJECT-ALTERNATIVE-NAME OPTION…: by the tests' own authority
certificate()
{
	local name=$1 alternative=$2
	shift 2
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$top/$name.key" -subj "/CN=$name" -out "$top/$name.csr"
	openssl x509 -req -in "$top/$name.csr" -CA "$top/ca.crt" -CAkey "$top/ca.key" -CAcreateserial "$@" \
		-extfile <(echo "subjectAltName=$alternative") -out "$top/$name.crt"
}

make_certificates()
{
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$top/ca.key" -subj /CN=tests -days 2 -out "$top/ca.crt"
	certificate good IP:127.0.0.1 -days 2
	certificate other DNS:images.example -days 2
	certificate expired IP:127.0.0.1 -days -1
	chmod 0644 "$top/ca.crt"
}

# as_nobody FETCH-ARGUMENT… [-- URL…]: with descriptor 3 the part or image, 4 the notes, and 5 the URLs
as_nobody()
{
	local words=()
	while [ $# -gt 0 ] && [ "$1" != -- ]; do
		words+=("$1")
		shift
	done
	[ $# -eq 0 ] || { shift; words+=(--sources 5); }
	printf '%s\n' "$@" > "$work/sources"
	# shellcheck disable=SC2016 # the inner shell's; with exec=exec it takes this one's place
	${exec:-} setpriv --reuid nobody --regid nogroup --clear-groups --inh-caps=-all env -i \
		sh -c 'part=$1 notes=$2 sources=$3; shift 3; exec "$@" 3<>"$part" 4<>"$notes" 5<"$sources"' \
		sh "${part:-$work/part}" "$work/notes" "$work/sources" "$top/wnodes-fetch" "${words[@]}"
}

# look VERB-ARGUMENT…: with descriptor 3 the image $image, which nobody may only read
look()
{
	# shellcheck disable=SC2016 # the inner shell's
	${exec:-} setpriv --reuid nobody --regid nogroup --clear-groups --inh-caps=-all env -i \
		sh -c 'image=$1; shift; exec "$@" 3<"$image"' sh "$image" "$top/wnodes-fetch" "$@"
}

# get ARGUMENT…: into $work/part
get()
{
	as_nobody get --part 3 --notes 4 --max "${max:-4000000}" --ca-file "$top/ca.crt" --stall 2 --timeout 60 "$@"
}

# begin_get ARGUMENT…: in the background, as process $pid, with its lines in $work/out
begin_get()
{
	: > "$work/out"
	exec="exec" get "$@" >> "$work/out" 3>&- &
	pid=$!
}

# end_get: kill it
end_get()
{
	kill -9 "$pid" 2> /dev/null || true
	wait "$pid" 2> /dev/null
}

# gets FILE URL: that the part becomes that file
gets()
{
	run -0 get -- "$2"
	cmp "$work/part" "$top/root/$1"
	rm -f "$work"/*
}

# refuses CODE TEXT URL…: one line says why
refuses()
{
	local code=$1 text=$2
	shift 2
	run "-$code" get -- "$@"
	one_error "$text"
	rm -f "$work"/*
}

# one_error TEXT: $output has one line error=, the last, with that text in it
one_error()
{
	echo "$output"
	[ "$(grep -c '^error=' <<< "$output")" -eq 1 ]
	tail -n 1 <<< "$output" | grep -F -- "$1" | grep -q '^error='
}

@test "it runs as no root, with no capability, and with nothing left out" {
	run -64 "$top/wnodes-fetch" digest --fd 0
	run -64 sh -c "exec $top/wnodes-fetch digest --fd 3 3< $top/root/image"
	one_error "does not run as root"
	run -64 setpriv --reuid nobody --regid nogroup --clear-groups --inh-caps=+net_admin --ambient-caps=+net_admin \
		sh -c "exec $top/wnodes-fetch digest --fd 3 3< $top/root/image"
	one_error "does not run with capabilities"
	run -64 as_nobody get --part 3 --notes 4 -- "$http/image"
	one_error "--max"
	run -64 as_nobody get --part 3 --notes 4 --max 5 --stall 0 -- "$http/image"
	one_error "--stall=0"
	run -64 as_nobody get --part 3 --notes 4 --max 5
	run -64 get -- "ftp://127.0.0.1/image"
	run -64 get -- "http://user:secret@exa mple/"
	refute grep -q secret <<< "$output"
	run -64 as_nobody inspect --fd 3 --format vmdk --qemu-img /usr/bin/qemu-img
}

@test "http, https and file; whole, packed, in several pieces; zeros are holes" {
	local kind url
	for url in "$http/image" "${http/127.0.0.1/localhost}/image" "$http/chunked/image" "$https/image" "file://$top/root/image" "$http/image?signature=secret"; do
		run -0 get -- "$url"
		cmp "$work/part" "$top/root/image"
		grep -q "^transferred=$(stat -c %s "$top/root/image")\$" <<< "$output"
		grep -q "^size=$(stat -c %s "$top/root/image")\$" <<< "$output"
		grep -qxF "source=${url%\?*}" <<< "$output"
		[ "$(($(stat -c %b "$work/part") * 512))" -lt 2300000 ]
		rm -f "$work"/*
	done
	for kind in gz xz zst; do
		gets image "$http/image.$kind"
		gets image "file://$top/root/image.$kind"
		gets image "$http/several.$kind"
		gets image "$http/image.$kind?token=x"
	done
	refuses 65 "it is empty" "$http/empty"
	refuses 75 "No such file" "file://$top/root/none"
	refuses 75 "no regular file" "file:///dev/zero"
	mkfifo "$top/root/pipe"
	refuses 75 "no regular file" "file://$top/root/pipe"
}

@test "cut at every tenth of the file, and it goes on where it was" {
	local size tenth kind
	for kind in "" .gz .xz .zst; do
		size=$(stat -c %s "$top/root/image$kind")
		tenth=$((size / 10 + 1))
		: > "$log"
		gets image "$http/cut/$tenth/image$kind"
		[ "$(grep -c ' 206 ' "$log")" -eq 9 ]
		[ "$(awk '{ sent += $NF } END { print sent }' "$log")" -eq "$size" ]
	done
}

@test "a break, and the server has another version or ignores Range: it begins anew" {
	local fault
	for fault in once/cut/1000000/changed-etag once/cut/1000000/no-range once/cut/1000000/no-validator once/cut/1000000/wrong-range; do
		: > "$log"
		gets image "$http/$fault/image"
		: > "$log"
		gets image "$http/$fault/image.zst"
	done
	: > "$log"
	# Last-Modified is a validator too; a weak ETag is none
	gets image "$http/once/cut/1000000/no-etag/image"
	tail -n 1 "$log" | grep -q 'range=bytes=1000000- 206'
	: > "$log"
	gets image "$http/weak-etag/once/cut/1000000/image"
	tail -n 1 "$log" | grep -q 'range=bytes=1000000- '
}

@test "what a server refuses, where it redirects to, and what it gets wrong" {
	local begin=$SECONDS
	gets image "$http/500-then-200/image"
	gets image "$http/once/busy/2/image"
	[ $((SECONDS - begin)) -ge 2 ]
	# the time for all comes first
	run -75 get --timeout 1 -- "$http/busy/600/image"
	one_error "not done within 1 seconds"
	gets image "$http/once/stall/1000000/image"
	gets image "$http/redirect/5/image"
	gets image "$http/redirect-to/$https/image"
	gets image "$http/redirect-to/$http/cut/1000000/image"
	refuses 75 "answers 404" "$http/404/image"
	refuses 75 "answers 403" "$http/403/image"
	refuses 75 "answers 404" "$http/none"
	refuses 75 "more than 5 redirects" "$http/redirect-loop/image"
	refuses 75 "more than 5 redirects" "$http/redirect/6/image"
	refuses 75 "redirected to file:///etc/passwd, which is refused" "$http/redirect-to/file:///etc/passwd"
	refuses 75 "where we do not go" "$http/redirect-to/gopher://127.0.0.1/x"
	refuses 75 "redirected to $http/image, which is refused" "$https/redirect-to/$http/image"
	# by way of a server that is trusted
	refuses 75 "which is refused" "$http/redirect-to/$https/redirect-to/$http/image"
	refuses 65 "an encoding that nobody asked for" "$http/encoded/image"
	gets image "$http/encoded/image.gz"
}

@test "what does not pass is given up, with a line and within its time" {
	local name pid
	declare -A case=(
		[refused]="75 http://127.0.0.1:1/image"
		[error]="75 $http/500/image"
		[length]="75 $http/no-validator/wrong-length/image"
		[stall]="75 $http/stall/1000/image"
		[late]="75 $http/late/4/image"
		[anew]="75 $http/no-range/cut/1000000/image"
		[changed]="75 $http/changed-etag/cut/1000000/image"
	)
	local -A pids
	for name in "${!case[@]}"; do
		mkdir "$work/$name"
		chown nobody "$work/$name"
		(
			work=$work/$name
			code=0
			get --stall 1 -- "${case[$name]#* }" > "$work/out" || code=$?
			[ $code -eq "${case[$name]%% *}" ] && [ "$(grep -c ^error= "$work/out")" -eq 1 ]
		) 3>&- &
		pids[$name]=$!
	done
	for name in "${!case[@]}"; do
		wait "${pids[$name]}" || { echo "$name"; cat "$work/$name/out"; return 1; }
	done
	grep -q 'stalls' "$work/stall/out"
	grep -q 'stalls' "$work/late/out"
	grep -q 'after 1000000 bytes' "$work/anew/out"
	grep -q 'after 1000000 bytes' "$work/changed/out"
	refute grep -q 'changed-etag.* 206 ' "$log"
	[ "$(grep -c 'GET /500/image' "$log")" -eq 5 ]
}

@test "a trickle is bounded by the time for all, and a rate limit holds" {
	local begin=$SECONDS
	run -75 get --timeout 2 -- "$http/trickle/20000/image"
	one_error "not done within 2 seconds"
	[ $((SECONDS - begin)) -lt 10 ]
	# what came is kept for the next
	[ "$(stat -c %s "$work/part")" -gt 10000 ]
	gets image "$http/trickle/3000000/image"
	# no limit can take longer than this; without one it would be over at once
	run -75 get --rate 1000000 --timeout 1 -- "$http/image"
	one_error "not done within 1 seconds"
	rm -f "$work"/*
	run -75 get --rate 1000000 --timeout 1 -- "file://$top/root/image"
	one_error "not done within 1 seconds"
	[ "$(stat -c %s "$work/part")" -le 1600000 ]
}

@test "sources in their order; the failures of all are said" {
	run -0 get -- "$http/404/image" "file:///nowhere/image" "$http/short.zst" "$http/image.xz" "$http/never"
	cmp "$work/part" "$top/root/image"
	[ "$(grep -c '^source=' <<< "$output")" -eq 4 ]
	refute grep -q never "$log"
	# half of one is not the beginning of another
	rm -f "$work"/*
	run -0 get --stall 1 -- "$http/longer.zst" "$http/image"
	cmp "$work/part" "$top/root/image"
	refuses 75 "404/image: the server answers 404; file:///nowhere/image: No such file" "$http/404/image" "file:///nowhere/image"
	refuses 65 "it ends too early; $http/empty: it is empty" "$http/short.gz" "$http/empty"
}

@test "bombs, packed files that end too early or go on after their end, images that are too large" {
	local kind
	for kind in gz xz zst; do
		refuses 65 "larger than the 4000000 bytes allowed" "$http/bomb.$kind"
		refuses 65 "it ends too early" "$http/short.$kind"
		refuses 65 "something else after its end" "$http/longer.$kind"
		# what is not packed at all
		cp "$top/root/image" "$top/root/plain.$kind"
		refuses 65 "cannot unpack it" "$http/plain.$kind"
	done
	# a bomb was stopped early on
	run -65 get -- "$http/bomb.gz"
	[ "$(stat -c %s "$work/part")" -le 4000000 ]
	max=3069999 refuses 65 "larger than the 3069999 bytes allowed" "$http/image"
	max=3069999 refuses 65 "larger than the 3069999 bytes allowed" "$http/chunked/image"
	max=3070000 gets image "$http/image"
	# what comes is bounded, too, where it unpacks to nothing
	{ cat "$top/root/image.gz"; head -c 8000000 /dev/zero; } > "$top/root/padded.gz"
	refuses 65 "larger than" "$http/padded.gz"
	# a decoder that would need more memory than it is given
	head -c 1000000 "$top/root/image" | zstd -q --long=31 --ultra -20 > "$top/root/window.zst"
	refuses 65 "more memory" "$http/window.zst"
}

@test "a full disk is one line, and room for the rest lets it go on" {
	mkdir "$work/disk"
	mount -t tmpfs -o size=1m,mode=0755,uid="$(id -u nobody)" tmpfs "$work/disk"
	part=$work/disk/part
	run -75 get -- "$http/image" "$http/image"
	one_error "no space left"
	[ "$(grep -c '^source=' <<< "$output")" -eq 1 ]
	mount -o remount,size=10m "$work/disk"
	: > "$log"
	run -0 get -- "$http/image"
	cmp "$part" "$top/root/image"
	umount "$work/disk"
	grep -q ' 206 ' "$log"
}

@test "killed at random moments, another process continues" {
	local pid size i tries=0
	for i in $(seq 40); do
		begin_get --rate 1500000 -- "$http/image"
		sleep "0.$((RANDOM % 8 + 1))"
		end_get && break
		tries=$i
	done
	run -0 get -- "$http/image"
	cmp "$work/part" "$top/root/image"
	echo "$tries killed"
	[ "$tries" -ge 1 ]
	grep -q 'range=bytes=[1-9]' "$log"
	# all is there: nobody need be asked
	: > "$log"
	run -0 get -- "$http/image"
	[ ! -s "$log" ]
}

@test "notes that lie, and a part that is not theirs: begun anew, or found out" {
	local i
	for i in 1 2 3 4 5; do
		head -c $((RANDOM % 5000)) /dev/urandom > "$work/notes"
		head -c 100000 /dev/urandom > "$work/part"
		chown nobody "$work/notes" "$work/part"
		run -0 get -- "$http/image"
		cmp "$work/part" "$top/root/image"
	done
	# the whole's size smaller than the part
	truncate -s 3100000 "$work/part"
	run -0 get -- "$http/image"
	cmp "$work/part" "$top/root/image"
	# another source's
	truncate -s 5000 "$work/part"
	run -0 get -- "$http/plain/image"
	cmp "$work/part" "$top/root/image"
	# after a reboot, only what was synced is believed
	truncate -s 5000 "$work/part"
	sed -i 's/^boot=.*$/boot=00000000-0000-0000-0000-000000000000/' "$work/notes"
	: > "$log"
	run -0 get -- "$http/plain/image"
	cmp "$work/part" "$top/root/image"
	grep -q 'range=- 200' "$log"
	truncate -s 5000 "$work/part"
	sed -i -e 's/^boot=.*$/boot=00000000-0000-0000-0000-000000000000/' -e 's/^synced=.*$/synced=4096/' "$work/notes"
	run -0 get -- "$http/plain/image"
	cmp "$work/part" "$top/root/image"
	grep -q 'range=bytes=4096- 206' "$log"
	grep -qx "boot=$(cat /proc/sys/kernel/random/boot_id)" < <(tr -d '\0' < "$work/notes")
	# a packed download leaves nothing to go on with
	rm -f "$work"/*
	run -75 get --timeout 2 -- "$http/stall/1000000/image.zst"
	run -0 get -- "$http/image.zst"
	cmp "$work/part" "$top/root/image"
}

@test "certificates: the site's authority, the host's name, the date" {
	serve other --tls "$top/other.crt" "$top/other.key"
	serve expired --tls "$top/expired.crt" "$top/expired.key"
	gets image "$https/cut/1000000/image"
	refuses 75 "matches target host name" "https://127.0.0.1:$(cat "$top/port.other")/image"
	refuses 75 "expired" "https://127.0.0.1:$(cat "$top/port.expired")/image"
	# without the site's authority
	run -75 as_nobody get --part 3 --notes 4 --max 4000000 -- "$https/image"
	one_error "certificate"
	run -75 as_nobody get --part 3 --notes 4 --max 4000000 --ca-file /nowhere -- "$https/image"
	one_error "$https/image: "
	[ ! -s "$work/part" ]
}

@test "passwords are sent to their own host alone, and shown nowhere" {
	local pid
	# the server's path has it in another writing
	local url=${http/:\/\//://user:secret@}
	gets image "$url/auth/user:%73ecret/image"
	gets image "$url/redirect-to/${http/127.0.0.1/127.0.0.1}/auth/user:%73ecret/image"
	# another port is another host
	run -75 get -- "$url/redirect-to/$https/auth/user:%73ecret/image"
	one_error "answers 401"
	refute grep -q secret <<< "$output"
	run -75 get -- "${url/secret/wrong-secret}/auth/user:%73ecret/image"
	one_error "answers 401"
	refute grep -q secret <<< "$output"
	refute grep -q secret "$work/notes"
	begin_get -- "$url/stall/1000/image"
	wait_until 10 grep -q size= "$work/out"
	grep -qF wnodes-fetch < <(tr '\0' ' ' < "/proc/$pid/cmdline")
	refute grep -qF secret "/proc/$pid/cmdline"
	end_get || true
	refute grep -q secret "$work/out" "$work/notes"
}

@test "its process has nothing but its descriptors and its calls" {
	local pid verb
	begin_get -- "$http/stall/1000/image"
	wait_until 10 grep -q size= "$work/out"
	grep -qE '^NoNewPrivs:[[:space:]]1$' "/proc/$pid/status"
	grep -qE '^Seccomp:[[:space:]]2$' "/proc/$pid/status"
	grep -qE '^CapEff:[[:space:]]0+$' "/proc/$pid/status"
	grep -qE '^Max core file size +0 ' "/proc/$pid/limits"
	grep -qE '^Max address space +1073741824 ' "/proc/$pid/limits"
	end_get || true
	truncate -s 50G "$work/large"
	image=$work/large
	exec="exec" look digest --fd 3 > "$work/out" 3>&- &
	pid=$!
	wait_until 10 grep -qE '^Seccomp:[[:space:]]2$' "/proc/$pid/status"
	[ "$(find "/proc/$pid/fd" -type l | wc -l)" -eq 4 ]
	end_get || true
	# its parent's end is its own
	: > "$work/out"
	bash -c "$(declare -f as_nobody); work=$work top=$top; exec=exec as_nobody get --part 3 --notes 4 --max 4000000 -- $http/stall/1000/image > $work/out 3>&- & echo \$! > $work/pid; sleep 60" 3>&- &
	pid=$!
	wait_until 10 grep -q size= "$work/out"
	verb=$(cat "$work/pid")
	kill -9 "$pid"
	wait "$pid" 2> /dev/null || true
	wait_until 10 refute test -e "/proc/$verb"
}

# looks CODE FORMAT FILE TEXT: inspect says that
looks()
{
	local image=$3
	run "-$1" look inspect --fd 3 --format "$2" --qemu-img /usr/bin/qemu-img
	echo "$3: $output"
	if [ "$1" -eq 0 ]; then
		[ "$output" = "$4" ]
	else
		one_error "$4"
	fi
}

@test "digest and inspect of what is right" {
	local image=$work/image
	cp "$top/root/image" "$image"
	run -0 look digest --fd 3
	[ "$output" = "sha256=$(sha256sum < "$image" | cut -d' ' -f1)" ]
	truncate -s 3070001 "$image"
	looks 0 raw "$image" virtual_size=3070464
	for version in 0.10 1.1; do
		qemu-img create -q -f qcow2 -o compat=$version "$work/$version.qcow2" 10G
		looks 0 qcow2 "$work/$version.qcow2" virtual_size=10737418240
	done
	qemu-img create -q -f qcow2 -o extended_l2=on,cluster_size=128k "$work/wide.qcow2" 20G
	looks 0 qcow2 "$work/wide.qcow2" virtual_size=21474836480
	qemu-img convert -q -c -f raw -O qcow2 "$image" "$work/packed.qcow2"
	looks 0 qcow2 "$work/packed.qcow2" virtual_size=3070464
	qemu-img snapshot -c here "$work/1.1.qcow2"
	looks 0 qcow2 "$work/1.1.qcow2" virtual_size=10737418240
}

# poke FILE OFFSET HEX: bytes there
poke()
{
	local octets=
	for ((i = 0; i < ${#3}; i += 2)); do octets+="\\x${3:i:2}"; done
	# shellcheck disable=SC2059 # the format is octets
	printf "$octets" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

@test "inspect of what is wrong" {
	local base=$work/base.qcow2 image=$work/image.qcow2
	qemu-img create -q -f qcow2 "$base" 1G
	looks 65 raw "$base" "declared as raw and is a qcow2 image"
	looks 65 qcow2 "$top/root/image" "declared as qcow2 and is none"
	looks 65 qcow2 "$top/root/image.gz" "still packed with gzip"
	looks 65 raw "$top/root/image.zst" "still packed with zstd"
	qemu-img create -q -f vmdk "$work/disk.vmdk" 1G
	looks 65 raw "$work/disk.vmdk" "is a vmdk image"
	qemu-img create -q -f qcow2 -u -b /etc/shadow -F raw "$image" 1G
	looks 65 qcow2 "$image" "has a backing file"
	qemu-img create -q -f qcow2 -o data_file="$work/data",data_file_raw=on "$work/external.qcow2" 1G
	looks 65 qcow2 "$work/external.qcow2" "keeps its data in another file"
	cp "$base" "$image" && poke "$image" 35 02
	looks 65 qcow2 "$image" "is encrypted"
	# its header lies about its size: more than its table has room for, more than anybody has, none
	cp "$base" "$image" && poke "$image" 24 0000010000000000
	looks 65 qcow2 "$image" "which its tables do not have"
	cp "$base" "$image" && poke "$image" 24 7fffffffffffffff
	looks 65 qcow2 "$image" "which its tables do not have"
	cp "$base" "$image" && poke "$image" 24 0000000000000000
	looks 65 qcow2 "$image" "a disk of 0 bytes"
	cp "$base" "$image" && poke "$image" 40 00000000ffff0000
	looks 65 qcow2 "$image" "ends before its tables do"
	cp "$base" "$image" && poke "$image" 7 09
	looks 65 qcow2 "$image" "version 9"
	cp "$base" "$image" && poke "$image" 79 02
	looks 65 qcow2 "$image" "marked as corrupt"
	cp "$base" "$image" && poke "$image" 76 40000000
	looks 65 qcow2 "$image" "qemu-img refuses"
	cp "$base" "$image" && truncate -s 90 "$image"
	looks 65 qcow2 "$image" "not whole"
	: > "$image"
	looks 65 raw "$image" "a disk of 0 bytes"
	# a program that is not there is the node's fault
	image=$base run -75 look inspect --fd 3 --format qcow2 --qemu-img /nowhere
	one_error "cannot execute"
}

@test "what inspect executes can do little" {
	local program=$work/qemu-img image=$work/base.qcow2
	cat > "$program" <<-'EOF'
		#!/usr/bin/python3
		import os, signal, socket, sys
		did = []
		def attempt(name, what):
		    try:
		        what()
		        did.append(name)
		    except OSError:
		        pass
		attempt("open", lambda: os.open("/dev/null", os.O_WRONLY))
		attempt("create", lambda: os.mkdir("/tmp/wnodes-fetch.created"))
		attempt("connect", socket.socket)
		attempt("fork", lambda: os.fork() or os._exit(0))
		attempt("kill", lambda: os.kill(os.getppid(), 0))
		attempt("signal", lambda: signal.pidfd_send_signal(os.pidfd_open(os.getppid()), 0))
		attempt("execute", lambda: os.execv("/bin/true", ["true"]))
		attempt("more", lambda: os.fstat(4))
		attempt("read", lambda: os.pread(3, 1, 0))
		sys.exit("did " + " ".join(did))
	EOF
	chmod 0755 "$program"
	qemu-img create -q -f qcow2 "$image" 1G
	run -65 look inspect --fd 3 --format qcow2 --qemu-img "$program"
	[ "$output" = "error=qemu-img refuses the image: did read" ]
	# one that says too much, and one that lies
	printf '%s\n' '#!/bin/bash' 'while :; do echo aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa; done' > "$program"
	run -65 look inspect --fd 3 --format qcow2 --qemu-img "$program"
	one_error "says too much"
	printf '%s\n' '#!/bin/bash' "echo '{\"format\": \"qcow2\", \"virtual-size\": 512}'" > "$program"
	run -65 look inspect --fd 3 --format qcow2 --qemu-img "$program"
	one_error "header says 1073741824 bytes, qemu-img 512"
}
