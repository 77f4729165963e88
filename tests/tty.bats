#!/usr/bin/env bats
# Terminals: --pty, -u, salloc's interactive step, the console. What can be the
# same bytes as on the host is compared with them.
bats_require_minimum_version 1.5.0
load lib/common

setup_file()
{
	export BATS_TEST_TIMEOUT=120 TERM=vt100
	make_folder
	chmod 0777 "$folder"
	hold_machine
}

teardown_file()
{
	release_machine
	rm -rf "$folder"
}

setup()
{
	cd / # a folder that host and guest have
}

# at_terminal COMMAND…: with what a person does there on standard input: tests/lib/terminal.py
at_terminal()
{
	as_user python3 "$common_top/tests/lib/terminal.py" --size 30x100 "$@"
}

# settled FILE: without the echo of ^C, ^Z and ^\, which a terminal writes before or after what the
# shell says of them, or drops with the output that the signal flushes
settled()
{
	sed 's/\^[CZ\]//' "$1"
}

# person LINE…: does that at the terminal of `srun --pty $program`, in the machine and on the host:
# $folder/guest, $folder/host; returns whether output, srun's own errors and exit codes are the same
person()
{
	local guest=0 host=0
	printf '%s\n' "$@" end > "$folder/person"
	at_pty guest --jobid="$job" --overlap || guest=$?
	at_pty host || host=$?
	echo "guest $guest, host $host"
	cat -v "$folder/guest" "$folder/guest.err"
	code=$guest
	[ "$guest" -ne 99 ] && [ "$guest" -eq "$host" ] && diff <(settled "$folder/guest") <(settled "$folder/host") &&
		diff <(srun_said "$folder/guest.err") <(srun_said "$folder/host.err")
}

# at_pty NAME SRUN-OPTION…: srun's own errors apart, since they may come amidst the output
at_pty()
{
	local name=$1
	shift
	# shellcheck disable=SC2016
	at_terminal sh -c 'exec "$@" 2> "$0"' "$folder/$name.err" srun "$@" -n1 --pty "${program[@]}" < "$folder/person" > "$folder/$name"
}

# The same shell on both, without a trace of where it runs
shell=(env -i PATH=/usr/bin:/bin TERM=vt100 HOME=/tmp 'PS1=$ ' busybox sh)

guest_has()
{
	in_job ps -o args | grep -qxF "$1"
}

@test "job control, modes and the exit code: byte for byte as on the host" {
	program=("${shell[@]}")
	person 'expect $ ' 'send tty > /dev/null && echo it is; stty size; stty -a\r' 'expect extproc' 'expect $ ' \
		'send sleep 100\r' 'wait 0.8' 'send \x1a' 'expect Stopped' 'expect $ ' \
		'send bg\r' 'expect $ ' 'send jobs\r' 'expect $ ' 'send fg\r' 'wait 0.8' 'send \x03' 'expect $ ' \
		'send cat\r' 'wait 0.8' 'send typed\x7f\x7fe\r' 'wait 0.8' 'send \x04' 'expect $ ' \
		'send sleep 100\r' 'wait 0.8' 'send \x1c' 'expect $ ' 'send exit 5\r'
	[ "$code" -eq 5 ]
	grep -q '^30 100' "$folder/guest"
}

@test "the window's size follows srun's, its program is told" {
	# shellcheck disable=SC2016
	program=(busybox sh -c 'trap "stty size" WINCH; echo up; while [ "$a" != x ]; do read a; done')
	person 'expect up\r\n' 'size 50x132' 'expect 50 132' 'wait 0.2' 'size 24x80' 'expect 24 80' 'send x\r' 'wait 0.2' 'send x\r' || true
	[ "$code" -eq 0 ]
}

@test "a full-screen program: vi edits a file, the same screens as on the host" {
	local file=/tmp/edited-$test_user
	program=(env -i PATH=/usr/bin:/bin TERM=vt100 HOME=/tmp busybox sh -c "rm -f $file; vi $file; cat $file")
	rm -f "$file"
	person 'expect ~' 'wait 0.3' 'send ione line\r' 'wait 0.2' 'send another\x1b' 'wait 0.2' 'send :wq\r' 'expect another'
	[ "$code" -eq 0 ]
	grep -q 'one line' "$folder/guest"
	rm -f "$file"
}

@test "Ctrl-C, Ctrl-\\ and death by another signal end it as on the host" {
	program=(busybox sh -c 'echo up; exec sleep 100')
	person 'expect up\r\n' 'wait 0.6' 'send \x03'
	[ "$code" -eq 130 ]
	person 'expect up\r\n' 'wait 0.6' 'send \x1c'
	# shellcheck disable=SC2016
	program=(busybox sh -c 'echo up; sleep 0.3; kill -TERM $$')
	person 'expect up\r\n'
}

@test "all output arrives, whoever else holds the terminal; nothing waits for a process left behind" {
	program=(busybox sh -c 'sleep 1000 & seq 1 30000')
	person 'expect 30000\r\n'
	[ "$code" -eq 0 ]
	refute guest_has 'sleep 1000'
}

@test "much input, raw: what was typed arrives" {
	program=(busybox sh -c 'stty raw -echo; echo up; head -c 300000 | md5sum')
	seq 100000 150000 | head -c 300000 > "$folder/typed"
	person 'expect up' "type $folder/typed" "expect $(md5sum < "$folder/typed" | cut -c1-32)"
}

@test "a Ctrl-C stops a flood" {
	program=("${shell[@]}")
	printf '%s\n' 'expect $ ' 'send yes\r' 'wait 1' 'send \x03' 'expect ^C' 'expect $ ' 'send exit\r' end |
		at_terminal srun --jobid="$job" --overlap -n1 --pty "${shell[@]}" > "$folder/flood" 2>&1 || true
	after=$(sed -n '/\^C/,$p' "$folder/flood" | wc -c)
	echo "$after bytes after it"
	[ "$after" -lt 200000 ]
}

@test "rank 0 alone has the terminal" {
	# shellcheck disable=SC2016
	at_terminal srun --jobid="$job" --overlap -n2 -O --pty sh -c 'for i in 0 1 2; do test -t $i && echo "$SLURM_PROCID: $i"; done; [ $SLURM_PROCID = 0 ] || cat; true' < /dev/null > "$folder/out" 2>&1
	[ "$(grep '^[01]:' "$folder/out" | tr -d '\r' | tr '\n' ' ')" = "0: 0 0: 1 0: 2 " ]
}

@test "a terminal that is hung up: the guest's session gets SIGHUP, and is killed" {
	in_job sh -c 'sleep 1001 & sleep 0.2; ps -o args' | grep -qxF 'sleep 1001'
	for how in hangup 'kill KILL'; do
		printf '%s\n' 'expect up' "$how" end |
			at_terminal srun --jobid="$job" --overlap -n1 --pty sh -c 'trap "echo hup > /tmp/hup; sleep 1001" HUP; rm -f /tmp/hup; echo up; while :; do sleep 0.1; done' || true
		wait_until 10 in_job test -s /tmp/hup
		wait_until 10 refute guest_has 'sleep 1001'
		[ "$(in_job ls /dev/pts)" = ptmx ]
	done
}

@test "a program that is not there: a line that a terminal shows as one" {
	program=(/no/such/program)
	person || true
	[ "$code" -eq 127 ]
	grep -q $'^wnodes: /no/such/program: No such file or directory\r$' "$folder/guest"
}

@test "srun -u: stdout alone is a terminal, the bytes are the host's" {
	# shellcheck disable=SC2016
	cat > "$folder/u.sh" <<'SCRIPT'
for i in 0 1 2; do test -t $i && echo "terminal $i"; done
(: < /dev/tty) 2> /dev/null && echo "it controls"
printf 'a\tb\n\nc\r\n'
seq 1 5000
echo err >&2
exit 4
SCRIPT
	for where in "--jobid=$job --overlap" ""; do
		code=0
		# shellcheck disable=SC2086
		as_user srun $where -n1 -u busybox sh -c "$(cat "$folder/u.sh")" > "$folder/out.$code" 2> "$folder/err" < /dev/null || code=$?
		[ "$code" -eq 4 ]
		grep -qx err "$folder/err"
		mv "$folder/out.0" "$folder/u${where:+.vm}"
	done
	head -n 1 "$folder/u.vm" | grep -qx 'terminal 1'
	cmp "$folder/u" "$folder/u.vm"
	run -127 in_job -u /no/such/program
	[[ "${lines[0]}" == 'wnodes: /no/such/program: No such file or directory' ]]
	[ "$(seq 1 30000 | in_job -u cat | md5sum)" = "$(seq 1 30000 | md5sum)" ]
}

@test "salloc's interactive step is in the machine" {
	printf '%s\n' 'expect $ ' 'send cat /etc/hostname; test -t 0 && echo "step $SLURM_STEP_ID"\r' 'expect step 4294967290' 'expect $ ' 'send exit 3\r' end > "$folder/person"
	code=0
	SHELL=/bin/bash as_user env SHELL=/bin/bash python3 "$common_top/tests/lib/terminal.py" salloc --vm=tiny < "$folder/person" > "$folder/out" 2>&1 || code=$?
	cat -v "$folder/out"
	[ "$code" -eq 3 ]
	grep -q "^$node-" "$folder/out"
	# the image has no bash
	[ "$(grep -c '^wnodes: /bin/bash is not in the guest: /bin/sh in its place' "$folder/out")" -eq 1 ]
}

@test "Ctrl-C while the machine boots" {
	code=0
	printf '%s\n' 'expect booting' 'send \x03' end | at_terminal srun --vm=tiny --pty sh > "$folder/out" 2>&1 || code=$?
	cat -v "$folder/out"
	[ "$code" -eq 130 ]
}

@test "wnodes console: what was kept and what comes, for owner and root, until the end" {
	id=$(machine --vm=tiny)
	wait_until 20 test -e "$(cluster_folder)/run/$node/$id/state"
	as_user wnodes console "$id" > "$folder/console" 2> "$folder/console.err" &
	viewer=$!
	as_user srun --jobid="$id" --overlap -n1 su -c 'echo first > /dev/console'
	wait_until 20 grep -q first "$folder/console"
	as_root wnodes console "$id" > "$folder/root" 2> /dev/null &
	root=$!
	wait_until 20 grep -q first "$folder/root"
	as_user srun --jobid="$id" --overlap -n1 su -c 'printf "\033[31mred\033[2J\n" > /dev/console; echo second > /dev/console'
	wait_until 20 grep -q second "$folder/console"
	wait_until 20 grep -q second "$folder/root"
	# a terminal gets colours, and nothing else that it would act on
	printf '%s\n' 'expect second' 'kill INT' end | at_terminal wnodes console "$id" > "$folder/seen" || true
	grep -q $'\033\\[31mred\r' "$folder/seen"
	refute grep -q $'\033\\[2J' "$folder/seen"
	run as_other wnodes console "$id"
	[ "$status" -eq 77 ]
	[[ "$output" == "wnodes: job $id is not yours"* ]]
	as_user scancel "$id"
	wait $viewer
	wait $root
	grep -qx "wnodes: job $id: .*ended" "$folder/console.err"
	wait_job "$id"
	for none in "$id" 999999; do
		wait_until 20 refute test -e "$(cluster_folder)/run/$node/$none"
		run as_user wnodes console "$none"
		[ "$status" -eq 64 ]
		[ "${#lines[@]}" -eq 1 ]
	done
}

@test "wnodes console of a machine that has failed: 70 and why" {
	as_user salloc --no-shell --vm=no-such-image 2> "$folder/salloc"
	id=$(sed -n 's/^salloc: Granted job allocation //p' "$folder/salloc")
	wait_until 20 test -e "$(cluster_folder)/run/$node/$id/state"
	run as_user wnodes console "$id"
	as_user scancel "$id"
	[ "$status" -eq 70 ]
	[[ "$output" == "wnodes: job $id: its virtual machine has failed: "*no-such-image* ]]
	refute as_user wnodes console
	refute as_user wnodes console x
}

@test "a reader of the console that is too slow loses lines, and is told" {
	mkfifo "$folder/slow"
	as_user wnodes console "$job" > "$folder/slow" 2> "$folder/slow.err" &
	viewer=$!
	exec {slow}< "$folder/slow"
	wait_until 10 pgrep -u "$(id -u "$test_user")" -x wnodes
	in_job su -c 'head -c 450000 /dev/zero | tr "\0" x > /dev/console'
	in_job true
	cat <&$slow > "$folder/slow.out" &
	reader=$!
	exec {slow}<&-
	wait_until 30 grep -q 'bytes of the console are lost' "$folder/slow.err"
	kill "$(pgrep -n -u "$(id -u "$test_user")" -x wnodes)"
	wait $reader $viewer || true
	lost=$(sed -n 's/^wnodes: \([0-9]*\) bytes.*/\1/p' "$folder/slow.err" | awk '{ n += $1 } END { print n }')
	echo "lost $lost, read $(wc -c < "$folder/slow.out")"
	[ "$lost" -gt 100000 ]
}
