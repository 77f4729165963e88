#!/usr/bin/env bats
# shellcheck disable=SC2154,SC2002,SC1003,SC2016,SC2030,SC2031 # tests are subshells, `run` sets variables, the guest expands
# SPDX-License-Identifier: GPL-2.0-or-later
# wnodes-run, wnodes-relay and wnodes-agent on a socket pair in place of QEMU,
# and guests gone wrong in the agent's place. As root; the job's user is nobody.

bats_require_minimum_version 1.5.0

setup_file() {
	export BUILD=${BUILD:-$PWD/build}
	export HERE=$BATS_TEST_DIRNAME
	TOOLS=$(mktemp -d /tmp/wnodes-pipe.XXXXXX)
	export TOOLS
	chmod 755 "$TOOLS"
	local program
	for program in machine fakeguest; do
		"${CC:-gcc}" -std=gnu17 -O1 -g -I"$HERE/.." -D_GNU_SOURCE -o "$TOOLS/$program" \
			"$HERE/pipe/$program.c" "$HERE"/../common/*.c
	done
	cp "$HERE/pipe/vm" "$BUILD/wnodes-run" "$BUILD/wnodes-relay" "$BUILD/wnodes-agent" "$TOOLS/"
	PATH=$TOOLS:$PATH
}

teardown_file() {
	rm -rf "$TOOLS"
}

setup() {
	# nobody must be able to come here: not below a folder of root's
	DIR=$(mktemp -d /tmp/wnodes-pipe.XXXXXX)
	chmod 755 "$DIR"
	install -d -o 65534 "$DIR/shared"
	export RUN=$DIR/run
	MACHINE=
}

teardown() {
	[ -z "$MACHINE" ] || kill -9 "$MACHINE" 2>/dev/null || true
	wait 2>/dev/null || true
	rm -rf "$DIR"
}

# machine GUEST…: a machine with that guest, booted as far as it will go
machine() {
	"$TOOLS/machine" "$RUN" "$TOOLS/wnodes-relay" 65534 65534 "${CONSOLE:--}" 30 "$@" >"$DIR/log" 2>"$DIR/guest" 3>&- &
	MACHINE=$!
	local i
	for i in $(seq 50); do
		[ ! -S "$RUN/tasks.sock" ] || break
		sleep 0.1
	done
}

# a machine with the real agent, whose tasks run here as nobody; it may change no file of this machine's
agent() {
	mkdir -p "$DIR/etc"
	cp /etc/passwd /etc/group "$DIR/etc/"
	machine "$TOOLS/wnodes-agent" --fd 3 --etc "$DIR/etc"
}

# end PID…: kill them, and do not hear of it
end() {
	kill -9 "$@"
	{ wait "$@" || true; } 2>/dev/null
}

# gone PID: no such process, or one that only waits to be reaped
gone() {
	! grep -q '^State:[[:space:]]*[^Z]' "/proc/$1/status" 2>/dev/null
}

# waits PID: that wnodes-run has looked at the run folder
waits() {
	find "/proc/$1/fd" -lname "$RUN" 2>/dev/null | grep -q .
}

# long_task NAME: a command that says in the shared folder that it runs
long_task() {
	printf '%s\n' '#!/bin/sh' "touch $DIR/shared/$1" 'exec sleep 60' >"$DIR/task.$1"
	chmod 755 "$DIR/task.$1"
	echo "$DIR/task.$1"
}

# until_true SECONDS COMMAND…
until_true() {
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.1
	done
}

@test "streams stay apart, and the exit code is the task's" {
	agent
	run -3 --separate-stderr vm sh -c 'echo out; echo err >&2; exit 3' </dev/null
	[ "$output" = out ]
	[ "$stderr" = err ]
}

@test "death by a signal is the same death" {
	agent
	local number
	for number in 6 9 11 15; do
		run vm sh -c "kill -$number \$\$" </dev/null
		[ "$status" -eq $((128 + number)) ]
	done
}

@test "stdin from a file, a pipe, /dev/null, nothing, a folder" {
	agent
	printf 'one\ntwo' >"$DIR/file"
	[ "$(vm cat <"$DIR/file")" = "$(cat "$DIR/file")" ]
	[ "$(vm cat < <(cat "$DIR/file"))" = "$(cat "$DIR/file")" ]
	[ "$(timeout 10 vm cat </dev/null)" = "" ]
	run -0 timeout 10 "$BASH" -c "vm cat <&-"
	[ "$output" = "" ]
	run -0 timeout 10 "$BASH" -c "vm cat </"
	[ "$output" = "" ]
}

@test "stdout closed, full, and gone" {
	agent
	run -0 --separate-stderr vm sh -c 'head -c 1000000 /dev/zero' </dev/null >&-
	run -0 --separate-stderr "$BASH" -c "vm head -c 1000000 /dev/zero >/dev/full </dev/null"
	[ "$stderr" = "wnodes: stdout: No space left on device" ]
	run -0 "$BASH" -c "set -o pipefail; vm head -c 1000000 /dev/zero </dev/null | head -c1 >/dev/null"
}

@test "50 MB each way, and both ways at once" {
	agent
	head -c 50M /dev/urandom >"$DIR/file"
	local sum
	sum=$(sha256sum <"$DIR/file")
	[ "$(vm sha256sum <"$DIR/file")" = "$sum" ]
	[ "$(cat "$DIR/file" | vm sha256sum)" = "$sum" ]
	[ "$(vm cat "$DIR/file" </dev/null | sha256sum)" = "$sum" ]
	[ "$(cat "$DIR/file" | timeout 60 vm cat | sha256sum)" = "$sum" ]
	vm cat <"$DIR/file" >"$DIR/copy"
	cmp "$DIR/file" "$DIR/copy"
}

@test "stdout and stderr appended to one file lose nothing" {
	agent
	: >"$DIR/both"
	# shellcheck disable=SC2016
	vm sh -c 'for i in $(seq 500); do echo out $i; echo err $i >&2; done' </dev/null >>"$DIR/both" 2>&1
	[ "$(grep -c '^out [0-9]*$' "$DIR/both")" -eq 500 ]
	[ "$(grep -c '^err [0-9]*$' "$DIR/both")" -eq 500 ]
	echo last >>"$DIR/both"
	[ "$(wc -l <"$DIR/both")" -eq 1001 ]
}

@test "stdout that the task closes is closed" {
	agent
	mkfifo "$DIR/fifo"
	vm sh -c 'echo x; exec >&- 2>&-; sleep 20' </dev/null >"$DIR/fifo" 2>/dev/null 3>&- &
	local pid=$!
	[ "$(timeout 10 cat "$DIR/fifo")" = x ]
	kill "$pid"
}

@test "arguments and environment arrive byte for byte, large ones too" {
	agent
	[ "$(vm printf '%s|' '' ' a b ' $'x\ny' '"' "'" '\' '*' </dev/null)" = "$(printf '%s|' '' ' a b ' $'x\ny' '"' "'" '\' '*')" ]
	[ "$(VALUE=$'a=b\nc' vm printenv VALUE </dev/null)" = $'a=b\nc' ]
	[ "$(vm env </dev/null | grep -c WNODES_RUN_)" -eq 0 ]
	local big
	big=$(head -c 100000 /dev/zero | tr '\0' x)
	[ "$(vm sh -c 'echo $#$1' sh "$big" "$big" "$big" "$big" "$big" "$big" "$big" "$big" "$big" "$big" </dev/null | wc -c)" -eq 100003 ]
}

@test "a program's name comes from the environment where Slurm cannot prepend" {
	agent
	run -0 setpriv --reuid 65534 --regid 65534 --clear-groups env WNODES_RUN_DIR="$RUN" WNODES_RUN_STEP=1.0 \
		WNODES_RUN_ARGV0=echo "$TOOLS/wnodes-run" -- x </dev/null
	[ "$output" = "-- x" ]
}

@test "four ranks at once" {
	agent
	local i pids=()
	for i in 0 1 2 3; do
		vm sh -c "head -c 5000000 /dev/zero; echo $i; exit $i" </dev/null >"$DIR/out$i" 3>&- &
		pids+=($!)
	done
	for i in 0 1 2 3; do
		wait "${pids[i]}" && code=0 || code=$?
		[ "$code" -eq "$i" ]
		[ "$(tail -c2 "$DIR/out$i")" = "$i" ]
		[ "$(wc -c <"$DIR/out$i")" -eq 5000002 ]
	done
}

@test "signals are the task's, even while nobody reads its output" {
	agent
	mkfifo "$DIR/fifo"
	sleep 60 <>"$DIR/fifo" 3>&- &
	local sleeper=$!
	# shellcheck disable=SC2016
	vm sh -c "trap 'echo got >$DIR/shared/got; exit 9' USR1; yes & wait" </dev/null >"$DIR/fifo" 3>&- &
	local pid=$!
	sleep 1
	kill -USR1 "$pid"
	until_true 5 test -s "$DIR/shared/got"
	end "$pid" "$sleeper"
}

@test "kill -9 of wnodes-run ends all the processes of the task" {
	agent
	vm sh -c "setsid sleep 300 & echo \$\$ \$! >$DIR/shared/pid; wait" </dev/null 3>&- &
	local pid=$! task child
	until_true 5 test -s "$DIR/shared/pid"
	read -r task child <"$DIR/shared/pid"
	kill -0 "$task" "$child"
	end "$pid"
	until_true 5 gone "$task"
	until_true 5 gone "$child"
	# and the machine lives on
	[ "$(vm echo x </dev/null)" = x ]
}

@test "a writer that never ends does not keep a task from ending" {
	agent
	run -0 bash -c "yes | timeout 20 vm head -n1"
	[ "$output" = y ]
	run -5 bash -c "yes | timeout 20 vm sh -c 'exec <&-; sleep 1; exit 5'"
}

@test "descriptors that others share stay blocking" {
	agent
	mkfifo "$DIR/in" "$DIR/out"
	sleep 60 <>"$DIR/in" >"$DIR/out" 3>&- &
	local sleeper=$! pid fd
	cat "$DIR/out" >/dev/null 3>&- &
	local reader=$!
	vm cat <"$DIR/in" >"$DIR/out" 2>"$DIR/err" 3>&- &
	pid=$!
	sleep 1
	for fd in 0 1 2; do
		# the octal flags: 04000 is O_NONBLOCK
		[ $((0$(awk '$1 == "flags:" {print $2}' "/proc/$pid/fdinfo/$fd") & 04000)) -eq 0 ]
	done
	end "$pid" "$sleeper" "$reader"
}

@test "a batch script is carried in, and the guest executes it" {
	agent
	# shellcheck disable=SC2016
	printf '#!/bin/bash\necho "$# $1 ${0##*/}"; cat\nexit 4\n' >"$DIR/script"
	head -c 3M /dev/zero | tr '\0' '#' >>"$DIR/script"
	chmod 755 "$DIR/script"
	WNODES_RUN_SCRIPT=1 STEP=1.batch run -4 bash -c "echo in | vm '$DIR/script' 'a b'"
	[ "${lines[0]%% slurm*}" = "1 a b" ] || [[ "${lines[0]}" = "1 a b "* ]]
	[ "${lines[1]}" = in ]
	chmod 700 "$DIR/script"
	WNODES_RUN_SCRIPT=1 run -75 vm "$DIR/script"
	[ "$output" = "wnodes: cannot carry the batch script into the VM: Permission denied" ]
}

@test "a working folder that the task cannot have is noted once for all ranks" {
	agent
	mkdir -m 700 "$DIR/cwd"
	local i pids=()
	for i in 0 1 2 3; do
		(cd "$DIR/cwd" && WNODES_RUN_TTY=1 exec vm sh -c 'sleep 1; pwd' </dev/null >"$DIR/out$i" 2>&1 3>&-) &
		pids+=($!)
	done
	wait "${pids[@]}"
	cat "$DIR"/out?
	[ "$(cat "$DIR"/out? | grep -c "^wnodes: .*$DIR/cwd")" -eq 1 ]
	[ "$(cat "$DIR"/out? | grep -c '^/')" -eq 4 ]
}

@test "a program that is not there: 127 and one line" {
	agent
	run -127 vm /nowhere/program </dev/null
	[[ "$output" = "wnodes: "*"/nowhere/program"* ]]
	[ "${#lines[@]}" -eq 1 ]
}

@test "the machine's end: one message, its code, and the console's last lines for its own faults" {
	agent
	vm "$(long_task 1)" </dev/null >"$DIR/1" 2>&1 3>&- &
	local first=$!
	until_true 20 test -e "$DIR/shared/1"
	SLURM_LOCALID=1 vm "$(long_task 2)" </dev/null >"$DIR/2" 2>&1 3>&- &
	local second=$!
	until_true 20 test -e "$DIR/shared/2"
	kill "$MACHINE"
	wait "$first" && return 1 || [ $? -eq 70 ]
	wait "$second" && return 1 || [ $? -eq 70 ]
	[ "$(cat "$DIR/1")" = "wnodes: the guest powered itself off" ]
	[ ! -s "$DIR/2" ]
	# a task that comes later reads it in the state
	run -70 vm true </dev/null
	[ "$output" = "wnodes: the guest powered itself off" ]
}

@test "kill -9 of the relay ends the job with 70" {
	agent
	vm "$(long_task 1)" </dev/null >"$DIR/1" 2>&1 3>&- &
	local pid=$!
	until_true 20 test -e "$DIR/shared/1"
	kill -9 "$(awk '$1 == "relay" {print $2; exit}' "$DIR/log")"
	wait "$pid" && return 1 || [ $? -eq 70 ]
	[ "$(cat "$DIR/1")" = "wnodes: the VM's relay died" ]
}

@test "kill -9 of relay and monitor ends the job with 70 within its bound" {
	agent
	vm "$(long_task 1)" </dev/null >"$DIR/1" 2>&1 3>&- &
	local pid=$!
	until_true 20 test -e "$DIR/shared/1"
	kill -9 "$MACHINE"
	MACHINE=
	wait "$pid" && return 1 || [ $? -eq 70 ]
	[ "$(cat "$DIR/1")" = "wnodes: the VM's monitor is gone" ]
}

@test "a kernel's panic is noticed, and the console is said and kept" {
	touch "$DIR/console"
	chown 65534 "$DIR/console"
	CONSOLE=$DIR/console machine "$TOOLS/fakeguest" panic
	run -70 --separate-stderr vm cat </dev/null
	[ "$output" = before ]
	[ "${stderr_lines[0]}" = "wnodes: the guest's kernel panicked" ]
	[ "${stderr_lines[1]}" = "wnodes: the console's last lines:" ]
	[ "${stderr_lines[2]}" = "wnodes: | [1.0] first" ]
	[ "${stderr_lines[3]}" = "wnodes: | [1.1] ?[31mKernel panic - not syncing: test" ]
	[ "${stderr_lines[4]}" = "wnodes: | [1.2] last words" ]
	grep -q 'Kernel panic - not syncing: test' "$DIR/console"
}

@test "a console's file that cannot be opened ends the machine" {
	CONSOLE=/nowhere/file machine "$TOOLS/fakeguest" nothing
	until_true 5 grep -q '^relay ended' "$DIR/log"
	run -64 vm true </dev/null
	[ "$output" = "wnodes: --vm-console: /nowhere/file: No such file or directory" ]
}

@test "guests gone wrong end the machine" {
	local mode
	for mode in unknown type hello credit exited endless garbage version die; do
		RUN=$DIR/$mode
		machine "$TOOLS/fakeguest" "$mode"
		run -70 timeout 20 "$BASH" -c "exec 2>&1; vm cat </dev/null"
		echo "$mode: $output"
		[[ "$output" = *"wnodes: "* ]]
		wait "$MACHINE" || true
		grep -q '^relay ended 0' "$DIR/log"
	done
}

@test "endless notes are cut" {
	machine "$TOOLS/fakeguest" notes
	vm cat </dev/null >"$DIR/out" 2>&1 3>&- &
	local pid=$!
	sleep 2
	end "$pid"
	[ "$(grep -c '^wnodes: note' "$DIR/out")" -eq 64 ]
}

@test "waiting: bounds and messages" {
	mkdir "$RUN"
	printf 'state=failed\ncode=77\nmessage=image x: you may not\n' >"$RUN/state"
	run -77 vm true </dev/null
	[ "$output" = "wnodes: image x: you may not" ]
	SLURM_LOCALID=1 run -77 vm true </dev/null
	[ "$output" = "" ]
	printf 'state=prepared\n' >"$RUN/state"
	local before=$SECONDS
	run -75 vm true </dev/null
	[ "$output" = "wnodes: this node has no extern step: PrologFlags=Contain is required in slurm.conf" ]
	[ $((SECONDS - before)) -le 13 ]
	vm true </dev/null >"$DIR/out" 2>&1 3>&- &
	local pid=$!
	until_true 20 waits "$pid"
	rm -r "$RUN"
	wait "$pid" && return 1 || [ $? -eq 75 ]
	[ "$(cat "$DIR/out")" = "wnodes: the VM of this job is gone from this node" ]
	run -75 vm true </dev/null
}

@test "a person at a terminal sees progress" {
	mkdir "$RUN"
	printf 'image=fake\nstate=starting\n' >"$RUN/state"
	WNODES_RUN_TTY=1 vm true </dev/null >"$DIR/out" 2>&1 3>&- &
	local pid=$!
	sleep 0.5
	agent
	wait "$pid"
	[ "$(head -n2 "$DIR/out")" = $'wnodes: fake: starting\nwnodes: fake: booting' ]
	grep -q '^wnodes: fake: ready after [0-9.]* s$' "$DIR/out"
	# who does not wait sees nothing
	run -0 env WNODES_RUN_TTY=1 "$BASH" -c "vm true </dev/null"
	[ "$output" = "" ]
}

@test "while it waits, a signal is wnodes-run's own" {
	mkdir "$RUN"
	printf 'state=starting\n' >"$RUN/state"
	vm true </dev/null 3>&- &
	local pid=$!
	sleep 0.5
	kill -TERM "$pid"
	wait "$pid" && return 1 || [ $? -eq 143 ]
}

@test "who is not the job's user cannot connect" {
	agent
	until_true 5 grep -q '^ready' "$DIR/log"
	chmod 0666 "$RUN/tasks.sock"
	run -70 timeout 20 setpriv --reuid 65533 --regid 65533 --clear-groups env WNODES_RUN_DIR="$RUN" \
		"$TOOLS/wnodes-run" -- true </dev/null
	[ "$(vm echo x </dev/null)" = x ]
}

@test "the relay is confined" {
	agent
	local pid
	until_true 5 grep -q '^ready' "$DIR/log"
	pid=$(awk '$1 == "relay" {print $2; exit}' "$DIR/log")
	grep -qE '^Seccomp:\s+2$' "/proc/$pid/status"
	grep -qE '^CapEff:\s+0+$' "/proc/$pid/status"
	grep -qE '^NoNewPrivs:\s+1$' "/proc/$pid/status"
	[ "$(stat -c %u "/proc/$pid/exe" 2>/dev/null || stat -c %u "/proc/$pid/environ")" = 0 ]
}
