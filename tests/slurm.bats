#!/usr/bin/env bats
# Slurm's commands, called in the machine: they work, and guest root gains nothing on the host.
load lib/common
bats_require_minimum_version 1.5.0

setup_file()
{
	export BATS_TEST_TIMEOUT=240
	make_folder
	cd "$folder" || return
	hold_machine
	musl-gcc -static -I"$common_top" -D_GNU_SOURCE -o "$folder/forge" "$common_top/tests/slurm/forge.c" \
		"$common_top"/common/{wire,frame,queue,task_file,terminal}.c
	in_job sh -c 'cat > /tmp/forge && chmod 755 /tmp/forge' < "$folder/forge"
	# what the host would execute, read or overwrite if it obeyed the guest
	printf '#!/bin/sh\ntouch %s/executed\n' "$folder" > "$folder/evil"
	echo precious > "$folder/precious"
	chmod 755 "$folder/evil"
	chown "$test_user" "$folder/precious"
}

teardown_file()
{
	release_machine
	rm -rf "$folder"
}

# in_vm SCRIPT [ARGUMENT…]: by the guest's sh, in the held machine
in_vm()
{
	in_job sh -c "$@"
}

nothing_of_the_host()
{
	[ ! -e "$folder/executed" ]
	[ "$(cat "$folder/precious")" = precious ]
}

# srun processes of the held job on this host
host_sruns()
{
	local procs pid
	procs=$(find /sys/fs/cgroup/freezer -path "*/slurm_$node/*/job_$job/*" -name cgroup.procs -exec cat {} + 2> /dev/null)
	for pid in $procs; do
		[ "$(cat "/proc/$pid/comm" 2> /dev/null)" != srun ] || echo "$pid"
	done
}

no_host_sruns()
{
	[ -z "$(host_sruns)" ]
}

@test "an unchanged batch script: steps, pipes, exit codes, parallel steps, squeue" {
	cat > "$folder/job.sh" <<'JOB'
#!/bin/sh
#SBATCH --vm=tiny
#SBATCH -n3 --output=job.%j.txt
cat /proc/sys/kernel/random/boot_id
srun -n3 sh -c 'echo "task $SLURM_PROCID of $SLURM_NTASKS in $(cat /proc/sys/kernel/random/boot_id)"' | sort
export NEW="a  b" GONE=1 SLURM_NTASKS=2
unset GONE
srun -l sh -c 'echo "$NEW|$GONE|$HOME|$(umask)|$(ulimit -n)"' | sort
unset SLURM_NTASKS
umask 027; ulimit -S -n 77
srun -n1 sh -c 'echo "$(umask) $(ulimit -n) $(pwd)"; exit 9' 2> /dev/null
echo "code $?"
srun -n1 sh -c 'kill -SEGV $$' 2> /dev/null
echo "code $?"
echo "through a pipe" | srun -n1 cat | tr a-z A-Z
for i in 1 2 3; do srun -n1 --exact --mem=100 sh -c "sleep 1; echo at once $i" & done
wait
squeue -h -j $SLURM_JOB_ID -o "%i %T"
scontrol show job $SLURM_JOB_ID | grep -o 'JobState=[A-Z]*'
scontrol show hostnames "$SLURM_JOB_NODELIST"
sinfo -h -o %P; sinfo --version
/usr/bin/srun -n1 echo by its path
mkdir /tmp/x; cd /tmp/x; printf '#!/bin/sh\necho "mine: $*"' > prog; chmod 755 prog
srun -n1 ./prog 1 '2  3'; PATH=/tmp/x:$PATH srun -n1 prog; srun -n1 -D / pwd; srun -n1 pwd
echo "$(env | grep -c WNODES)"
JOB
	chmod 644 "$folder/job.sh"
	id=$(cd "$folder" && as_user sbatch --parsable -W job.sh)
	cat "$folder/job.$id.txt"
	mapfile -t line < "$folder/job.$id.txt"
	boot=${line[0]}
	[ "${line[*]:1:3}" = "task 0 of 3 in $boot task 1 of 3 in $boot task 2 of 3 in $boot" ]
	home=$(getent passwd "$test_user" | cut -d: -f6)
	[ "${line[4]}" = "0: a  b||$home|0022|$(as_user sh -c 'ulimit -n')" ]
	[[ "${line[5]}" = "1: "* ]]
	[ "${line[6]}" = "0027 77 $home" ] || [ "${line[6]}" = "0027 77 /tmp" ]
	[ "${line[7]}" = "code 9" ]
	[ "${line[8]}" = "code 139" ]
	[ "${line[9]}" = "THROUGH A PIPE" ]
	[ "$(printf '%s\n' "${line[@]:10:3}" | sort | tr '\n' ,)" = "at once 1,at once 2,at once 3," ]
	[ "${line[13]}" = "$id RUNNING" ]
	[ "${line[14]}" = JobState=RUNNING ]
	[ "${line[15]}" = "$node" ]
	[[ "${line[16]}" = main* ]]
	[ "${line[17]}" = "$(as_root sinfo --version)" ]
	[ "${line[18]}" = "by its path" ]
	[ "${line[19]}" = "mine: 1 2  3" ]
	[ "${line[20]}" = "mine: " ]
	[ "${line[21]}" = / ]
	[ "${line[22]}" = /tmp/x ]
	[ "${line[23]}" = 0 ]
}

@test "--export, --input, --output and --error are the guest's" {
	in_vm 'cd /tmp; echo in > in; export A=1 B=2
		srun --overlap -i in -o out.%j -e err sh -c "cat; echo e >&2"; cat out.$SLURM_JOB_ID err
		srun --overlap -o both sh -c "echo o; echo e >&2"; srun --overlap --open-mode=append -o both echo more; sort both
		srun --overlap --export=A,C=3 sh -c "echo \$A,\$B,\$C"; srun --overlap --export=ALL,B=4 sh -c "echo \$A,\$B"
		srun --overlap --export=NONE sh -c "echo \$A,\$B,\$SLURM_JOB_ID"' > "$folder/out"
	cat "$folder/out"
	[ "$(tr '\n' ' ' < "$folder/out")" = "in e e more o 1,,3 1,4 ,,$job " ]
	nothing_of_the_host
}

@test "files of each task: patterns, modes, one task's input, rights, in the task's folder" {
	in_vm 'mkdir /tmp/f; cd /tmp/f
		srun -O -n3 --overlap -o out.%t sh -c "echo o; echo e >&2"; cat out.0 out.1 out.2; rm out.*
		srun -O -n2 --overlap -o "%j.%3t.%s.%N.%n.%x.%u.%A.%%" -e err.%t -J name sh -c "echo o; echo e >&2" && ls; cat err.1; rm *
		echo old > n.$SLURMD_NODENAME
		srun -O -n3 --overlap -o n.%N sh -c "echo o; sleep 0.2; echo o"; sort n.* | uniq -c
		srun -O -n3 --overlap --open-mode=append -o n.%N echo o; wc -l < n.$SLURMD_NODENAME; rm n.*
		for i in 0 1; do echo in$i > in.$i; done; srun -O -n2 --overlap -l -i in.%t cat | sort
		echo line | srun -O -n3 --overlap -l -i 1 cat; srun -O -n3 --overlap -l -o 2 echo o
		export A=1; srun -O -n2 --overlap --export=NONE -o x.%t sh -c "echo \$SLURM_PROCID,\$A"; cat x.0 x.1
		mkdir sub; srun -n1 --overlap -D sub -o y.%t true; ls sub; SLURM_STDOUTMODE=z.%t srun -n1 --overlap echo z; cat z.0
		printf "a\nb\n" | while read x; do srun -n1 --overlap -i in.0 true; echo $x; done
		umask 027; srun -n1 --overlap -o m.%t true; stat -c "%a %U" m.0; srun -O -n2 --overlap -o "s.%J" echo s; cat s.*' > "$folder/out"
	cat "$folder/out"
	[ "$(tr -s ' \n' ' ' < "$folder/out")" = "o e o e o e $job.000.$(sed -n 's/^[0-9]*\.000\.\([0-9]*\)\..*/\1/p' "$folder/out").$node.0.name.$test_user.$job.% $job.001.$(sed -n 's/^[0-9]*\.000\.\([0-9]*\)\..*/\1/p' "$folder/out").$node.0.name.$test_user.$job.% err.0 err.1 e 6 o 9 0: in0 1: in1 1: line 2: o 0, 1, y.0 z a b 640 $test_user s s " ]
	# guest root's folder is not the task's; what cannot be is said once, and by its name
	for file in /root/x.%t /nowhere/x.%t; do
		run -126 in_vm 'srun --overlap -n1 -o "$0" true' "$file"
		[[ "$output" = *"wnodes: srun: --output=${file%%%t}0: "* ]]
	done
	run -64 in_vm 'srun --overlap -l -o x.%t true'
	[[ "$output" = *"wnodes: srun: --label: "* ]]
	nothing_of_the_host
}

@test "--multi-prog: the file is the guest's" {
	printf '# a comment\n 0\tsh -c '"'echo zero; ls -d /run/wnodes'"'\n1-2 ./mine %%t %%o\n' |
		in_vm 'exec 2>&1; cd /tmp; cat > mp; printf "#!/bin/sh\necho \"\$*\"\n" > mine; chmod 755 mine; srun -O -n3 --overlap -l --multi-prog mp | sort
		srun --overlap --multi-prog mp x; echo $?; echo "0 true x" > mp; echo oops >> mp; srun --overlap --multi-prog mp; echo $?
		printf "0,1 echo ranks\n" > mp; unset SLURM_NTASKS SLURM_NPROCS; srun -O --overlap --multi-prog mp' > "$folder/out"
	cat "$folder/out"
	cat > "$folder/expected" <<'EXPECTED'
0: /run/wnodes
0: zero
1: 1 0
2: 2 1
wnodes: srun: --multi-prog: give a file's name, and nothing else
64
wnodes: srun: mp: line 2: give RANKS PROGRAM ARGUMENTS
64
ranks
ranks
EXPECTED
	diff "$folder/expected" "$folder/out"
}

@test "srun --pty in the machine: job control, size, keys, the exit code; the terminal is as it was" {
	printf '%s\n' 'expect out> ' 'send stty -a > /tmp/before; srun --overlap --pty env "PS1=in> " sh; echo "code $?"\r' 'expect in> ' \
		'send tty; stty size; echo job $SLURM_JOB_ID\r' "expect 30 100\\r\\njob $job" 'expect in> ' 'size 50x132' 'wait 0.5' \
		'send stty size\r' 'expect 50 132' 'expect in> ' 'send sleep 100\r' 'wait 0.8' 'send \x03' 'expect in> ' \
		'send sleep 100\r' 'wait 0.8' 'send \x1a' 'expect Stopped' 'expect in> ' 'send kill -9 %1; wait; cat\r' 'wait 0.5' \
		'send typed\x7f\x7fe' 'wait 0.3' 'send \r' 'wait 0.5' 'send \x04' 'expect type\r\n' 'expect in> ' 'send exit 5\r' 'expect code 5' 'expect out> ' \
		'size 30x100' 'wait 0.3' 'send stty -a | diff /tmp/before - && echo as it was\r' 'expect as it was\r\n' 'expect out> ' \
		'send srun --overlap --pty sleep 77\r' 'wait 2' 'hangup' 'end' > "$folder/person"
	as_user python3 "$common_top/tests/lib/terminal.py" --size 30x100 srun --jobid="$job" --overlap -n1 --pty \
		env 'PS1=out> ' TERM=vt100 sh < "$folder/person" > "$folder/out" || code=$?
	cat -v "$folder/out"
	[ "${code:-0}" -ne 99 ]
	wait_until 20 no_host_sruns
	refute in_vm 'ps -o args | grep -qx "sleep 77"'
	[ "$(in_vm 'srun --overlap --pty echo no terminal' 2> /dev/null)" = "no terminal" ]
}

@test "a job that a machine submits: the same directories and disk, and another image where the site says so" {
	images=$(cluster_folder)/etc/wnodes/images.d
	conf=$(cluster_folder)/etc/wnodes/wnodes.conf
	{ cat "$images/tiny.conf"; echo "slurm_commands = no"; } > "$images/tiny-off.conf"
	cp "$conf" "$folder/conf"
	printf '[policy]\nslurm_images = any\n' >> "$conf"
	mkdir "$folder/shown"
	chown "$test_user" "$folder/shown"
	# shellcheck disable=SC2016
	as_user srun -n1 --vm=tiny --vm-mount="$folder/shown:/mnt/x" --vm-boot-timeout=123 --vm-disk=snapshot,size=600M sh -c '
		echo "srun: $(srun --overlap --vm=tiny-off true 2>&1)"; echo "none: $(sbatch --vm=none --wrap true 2>&1)"
		printf "#!/bin/sh\n#SBATCH --vm=tiny-off --vm-mount=$0:/mnt/x -o /dev/null\nls /run/wnodes/bin > /mnt/x/commands 2>&1; cat /sys/block/vda/size > /mnt/x/there\n" > /tmp/job
		sbatch --parsable /tmp/job' "$folder/shown" > "$folder/out"
	cat "$folder/out"
	cat "$folder/conf" > "$conf"
	grep -q '^srun: wnodes: srun: --vm=tiny-off: a job.s steps run in its own image, tiny$' "$folder/out"
	grep -q '^none: wnodes: sbatch: --vm=none: ' "$folder/out"
	wait_job "$(tail -n 1 "$folder/out")"
	rm "$images/tiny-off.conf"
	[ "$(cat "$folder/shown/there")" = $((600 * 2048)) ]
	grep -q 'No such file' "$folder/shown/commands"
}

@test "10 MB both ways, and a reader that goes away" {
	head -c 10000000 /dev/urandom > "$folder/data"
	[ "$(in_vm 'srun --overlap cat' < "$folder/data" | md5sum)" = "$(md5sum < "$folder/data")" ]
	[ "$(in_vm 'srun --overlap sh -c "echo y; head -c 5000000 /dev/zero" | head -n 1')" = y ]
	[ "$(in_vm 'srun --overlap sh -c "cat; echo end" < /dev/null')" = end ]
}

@test "signals go to the host's srun; a killed caller takes it along; so does the end of its task" {
	# shellcheck disable=SC2016
	in_vm 'srun --overlap sh -c "trap \"echo caught; exit 3\" USR1; echo ready; while :; do sleep 0.1; done" > /tmp/log 2> /dev/null & p=$!
		until grep -q ready /tmp/log; do sleep 0.1; done; kill -USR1 $p; wait $p; echo "code $?"; cat /tmp/log
		srun --overlap sleep 300 2> /dev/null & p=$!; sleep 1; kill -INT $p; kill -TERM $p; wait $p; echo "code $?"
		srun --overlap sleep 300 2> /dev/null & p=$!; sleep 1; kill -KILL $p; wait $p; echo "code $?"' > "$folder/out"
	cat "$folder/out"
	[ "$(tr '\n' ' ' < "$folder/out")" = "code 3 ready caught code 143 code 137 " ] ||
		[ "$(tr '\n' ' ' < "$folder/out")" = "code 3 ready caught code 137 code 137 " ]
	# a background job's SIGINT is ignored, but srun waits for it
	# shellcheck disable=SC2016
	in_vm 'srun --overlap sh -c "echo ready; sleep 300" > /tmp/begun 2> /tmp/said & p=$!
		until grep -q ready /tmp/begun; do sleep 0.1; done; kill -INT $p
		i=0; until grep -q "srun: interrupt" /tmp/said || [ $i = 100 ]; do sleep 0.1; i=$((i + 1)); done
		kill -KILL $p; cat /tmp/said' > "$folder/out"
	grep -q 'srun: interrupt' "$folder/out"
	# a file that nobody writes to
	# shellcheck disable=SC2016
	in_vm 'mkfifo /tmp/fifo; sleep 300 > /tmp/fifo & writer=$!
		for command in "sbatch" "sbatch /tmp/fifo" "srun --overlap --multi-prog /tmp/fifo"; do
			timeout -k 3 1 $command < /tmp/fifo; echo "code $?"
		done; kill $writer
		timeout -k 3 1 srun --overlap -i /tmp/fifo true; echo "code $?"; rm /tmp/fifo' > "$folder/out"
	[ "$(sort "$folder/out" | uniq -c | xargs)" = "4 code 143" ]
	in_vm 'srun --overlap sleep 300 > /dev/null 2>&1 & sleep 1; exit 0'
	wait_until 20 no_host_sruns
	# a step's signal from within: scancel
	# shellcheck disable=SC2016
	in_vm 'srun --overlap -J named sh -c "trap \"exit 5\" USR2; touch /tmp/there; while :; do sleep 0.1; done" 2> /dev/null & p=$!
		until [ -e /tmp/there ]; do sleep 0.1; done
		scancel -s USR2 $(squeue -h -s -j $SLURM_JOB_ID -o "%i %j" | sed -n "s/ named//p"); wait $p; echo $?' > "$folder/out"
	[ "$(cat "$folder/out")" = 5 ]
}

@test "sbatch: the script is read in the guest, and runs in the job's image" {
	cat > "$folder/sub.sh" <<'JOB'
#!/bin/sh
#SBATCH -J "two words" --output=sub-%j.out
echo "$*|$FROM|$(. /etc/os-release; echo $ID)|$(pwd)"
exit 6
JOB
	in_vm 'cat > /tmp/sub.sh; cd /usr; FROM=guest sbatch -W /tmp/sub.sh one "two  three"; echo "code $?"' \
		< "$folder/sub.sh" > "$folder/out"
	cat "$folder/out"
	id=$(sed -n 's/^Submitted batch job //p' "$folder/out")
	[ "$(tail -n 1 "$folder/out")" = "code 6" ]
	[ "$(job_field "$id" ExitCode)" = 6:0 ]
	where=$(job_field "$id" WorkDir)
	[ "$where" = "$(job_field "$job" WorkDir)" ]
	cat "$where/sub-$id.out"
	[ "$(cat "$where/sub-$id.out")" = "one two  three|guest|tiny|/usr" ]
	as_root scontrol show job "$id" | grep -q 'JobName=two words'
	rm "$where/sub-$id.out"
	# from standard input, and wrapped; held, they take no time
	in_vm 'printf "#!/bin/sh\nexit 4\n" | sbatch -H --parsable -J read; sbatch -H --parsable --wrap "exit 3" -J wrapped
		squeue -h -n read,wrapped -o "%j %r" | sort; scancel -n read; scancel -n wrapped' > "$folder/out"
	cat "$folder/out"
	[ "$(tail -n +3 "$folder/out" | tr '\n' ' ')" = "read JobHeldUser wrapped JobHeldUser " ]
	for id in $(head -n 2 "$folder/out"); do
		wait_job "$id"
		[ "$(job_state "$id")" = CANCELLED ]
	done
}

@test "sbcast writes into the machine, sattach and sacct reach the host's" {
	in_vm 'cd /tmp; echo content > source; chmod 640 source; sbcast source copy; cat copy; stat -c %a copy
		sbcast source copy 2> /dev/null; echo $?; echo new > source; sbcast -f source copy; cat copy' > "$folder/out"
	cat "$folder/out"
	[ "$(tr '\n' ' ' < "$folder/out")" = "content 640 1 new " ]
	[ "$(in_vm 'sacct 2>&1; echo $?')" = "$(as_user sacct 2>&1; echo 1)" ]
	# shellcheck disable=SC2016
	in_vm 'srun --overlap -J talker sh -c "sleep 3; echo spoken" > /dev/null & sleep 1
		sattach $(squeue -h -s -j $SLURM_JOB_ID -o "%i %j" | sed -n "s/ talker//p"); wait' > "$folder/out"
	[ "$(cat "$folder/out")" = spoken ]
}

@test "guest root has nothing of the host executed, read or written" {
	cat > "$folder/attack" <<'ATTACK'
evil=$1/evil precious=$1/precious job=$2
export SLURM_PROLOG=$evil SLURM_TASK_PROLOG=$evil SLURM_EPILOG=$evil SLURM_TASK_EPILOG=$evil LD_PRELOAD=$evil \
	SLURM_CONF=$evil SLURM_STDOUTMODE=$precious SBATCH_OUTPUT=$precious SLURM_BCAST=$precious BASH_ENV=$evil \
	SLURM_HOSTFILE=$precious SLURM_MPI_TYPE=../$evil SLURM_EXPORT_ENV= PLUGSTACK=$evil
unset LD_PRELOAD SLURM_STDOUTMODE
try() { want=$1; shift; "$@" < /dev/null > /tmp/said 2>&1; code=$?; [ $code = $want ] || { echo "$* -> $code, not $want:"; cat /tmp/said; }; }
for command in srun "/tmp/forge srun" "/tmp/forge -e SLURM_PROLOG=$evil -e SLURM_TASK_PROLOG=$evil -e LD_PRELOAD=$evil srun"; do
	for option in --prolog --epilog --task-prolog --task-epilog --bcast --prol --task-e --container --bbf --send-libs; do
		try 64 $command --overlap $option=$evil true
		try 64 $command --overlap $option $evil true
		try 64 $command -lQ $option=$evil true
	done
	try 64 $command --overlap true : --prolog=$evil true
	try 64 $command --overlap -w $precious true
	try 64 $command --jobid=99999 true
	try 64 $command --uid=0 true
	try 64 $command --vm=debian-wn true
	try 64 $command --pty=3 true
	try 64 $command --multi-prog $evil
done
try 127 /tmp/forge -m "0 $evil" srun --overlap -n1 x
try 127 /tmp/forge -m "0 $evil" srun --overlap -n1 $evil
try 126 /tmp/forge -m "1 $evil" srun --overlap -n1 $evil
try 126 /tmp/forge -m "$evil" srun --overlap -n1 $evil
printf "0 $evil\\n" > /tmp/programs
/tmp/forge srun --overlap --multi-prog x < /tmp/programs > /tmp/said; [ $? = 64 ] || { echo multi; cat /tmp/said; }
for file in 6:0:$precious 2:1:$precious 4:0:/proc/self/cwd$precious 1:0:$precious; do
	try 126 /tmp/forge -f $file srun --overlap -n1 true
	try 64 /tmp/forge -f $file sbatch --wrap=true
done
try 0 /tmp/forge -e WNODES_RUN_FILE0=6:0:$precious -e SLURM_STDOUTMODE=$precious srun --overlap /bin/true
try 64 /tmp/forge -f 3:0:x srun --overlap true
try 64 /tmp/forge -f 6:0:x -f 6:0:x -f 6:0:x -f 6:0:x srun --overlap true
try 64 /tmp/forge srun --overlap --pty true
try 127 /tmp/forge -t srun --overlap --pty $evil
try 64 /tmp/forge -t squeue
try 64 /tmp/forge -t sbatch --wrap=true
try 64 sbatch --vm-mount=/etc --wrap=true
for option in -o --output= -lo -e -i; do
	try 64 /tmp/forge srun --overlap $option$precious true
	try 64 /tmp/forge srun --overlap ${option}7 true
done
for option in -o --output= -e -i --export-file= -F --get-user-env= --chdir=x\ -o; do
	try 64 /tmp/forge sbatch $option$precious --wrap=true
done
for line in "--output=$precious" "-o $precious" "--prolog=$evil" "--vm=debian-wn" hetjob; do
	printf '#!/bin/sh\n#SBATCH %s\ntrue\n' "$line" > /tmp/script
	try 64 sbatch /tmp/script
	/tmp/forge sbatch x < /tmp/script > /tmp/said; [ $? = 64 ] || { echo "forge sbatch $line"; cat /tmp/said; }
done
printf '#!/bin/sh\ntrue\n' > /tmp/script
try 64 sbatch -J .profile -o %x%j.out /tmp/script
try 64 sacct -B
for command in sh /bin/sh ../../bin/sh evil $evil sacctmgr salloc sbcast ""; do try 77 /tmp/forge "$command" -c $evil; done
try 64 scontrol write batch_script $job $precious
try 64 /tmp/forge scontrol write batch_script $job $precious
try 64 /tmp/forge scontrol show hostlist $precious
try 64 /tmp/forge scontrol token
try 64 /tmp/forge scontrol update job=$job name=x
echo "write config $precious" | /tmp/forge scontrol > /tmp/said; [ $? = 64 ] || cat /tmp/said
try 64 /tmp/forge sacct -f $precious
try 64 /tmp/forge sattach 99999.0
try 0 /tmp/forge -e SLURM_PROLOG=$evil -e SLURM_TASK_PROLOG=$evil -e LD_PRELOAD=$evil -e SLURM_CONF=$evil -e PATH=$evil srun --overlap /bin/true
try 0 srun --overlap true
echo all was tried
ATTACK
	in_job sh -c 'cat > /tmp/attack' < "$folder/attack"
	in_vm 'sh /tmp/attack "$0" "$1"' "$folder" "$job" > "$folder/out" 2>&1
	cat "$folder/out"
	[ "$(cat "$folder/out")" = "all was tried" ]
	# and as the guest's root, who may do as much
	in_vm '/usr/bin/su -c "sh /tmp/attack $0 $1"' "$folder" "$job" > "$folder/out" 2>&1
	cat "$folder/out"
	[ "$(cat "$folder/out")" = "all was tried" ]
	nothing_of_the_host
	[ "$(as_root squeue -h -u "$test_user" -o %i)" = "$job" ]
}

@test "many commands at once; too many are refused, and the machine goes on" {
	# shellcheck disable=SC2016
	in_vm 'for i in $(seq 150); do (squeue --version > /tmp/many.$i 2>&1; echo $? >> /tmp/many.$i) & done; wait
		echo "$(tail -q -n 1 /tmp/many.* | sort | uniq -c | tr -s " " | tr "\n" ,)"' > "$folder/out"
	cat "$folder/out"
	refute grep -qvE '^ [0-9]+ 0,( [0-9]+ 75,)?$' "$folder/out"
	[ "$(in_vm 'squeue -h -j $SLURM_JOB_ID -o %i')" = "$job" ]
}

@test "the site and an image switch them off, in all or in part" {
	images=$(cluster_folder)/etc/wnodes/images.d
	{ cat "$images/tiny.conf"; echo "slurm_commands = no"; } > "$images/tiny-off.conf"
	{ cat "$images/tiny.conf"; echo "slurm_commands = squeue, sinfo"; } > "$images/tiny-some.conf"
	run -127 as_user srun --vm=tiny-off sh -c 'ls /run/wnodes; srun true'
	echo "$output"
	conf=$(cluster_folder)/etc/wnodes/wnodes.conf
	cp "$conf" "$folder/conf"
	printf '[policy]\nslurm_commands = sinfo,srun\n' >> "$conf"
	run -127 --separate-stderr as_user srun --vm=tiny-some sh -c 'sinfo -h -o %P; ls /run/wnodes/bin; squeue'
	cat "$folder/conf" > "$conf"
	rm "$images/tiny-off.conf" "$images/tiny-some.conf"
	echo "$output; $stderr"
	[ "$output" = "main*"$'\nsinfo' ]
	[[ "$stderr" = *"squeue: not found"* ]]
	[ "$(in_vm 'ls /run/wnodes/bin | wc -l')" -eq 9 ]
}
