# shellcheck shell=bash
# What the whole path's tests share. A file of bats says `load lib/common`;
# a script sources it. All speak to the cluster of $WNODES_CLUSTER_DIR.

export node=${WNODES_CLUSTER_PREFIX:-n}1
# a cluster's end is the end of its users' processes: each cluster has users of its own
export test_user=wn-${WNODES_CLUSTER_PREFIX:-n}-alice other_user=wn-${WNODES_CLUSTER_PREFIX:-n}-bob
common_top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
export common_top

cluster()
{
	"$common_top/tests/cluster" "$@"
}

cluster_folder()
{
	echo "${WNODES_CLUSTER_DIR:-/var/tmp/wnodes-cluster}"
}

as_user()
{
	cluster exec --user "$test_user" -- "$@"
}

as_other()
{
	cluster exec --user "$other_user" -- "$@"
}

# srun_said FILE: what srun itself wrote, without its steps' numbers, and without whether it
# waited for the node, which is the tests' before
srun_said()
{
	sed -e 's/StepId=.*//' -e '/^srun: job [0-9]* queued and waiting for resources$/d' \
		-e '/^srun: job [0-9]* has been allocated resources$/d' "$1"
}

as_root()
{
	cluster exec -- "$@"
}

# A folder that the test's user owns and root's shell may write to, as $folder.
make_folder()
{
	as_user true
	as_other true
	folder=$(mktemp -d /var/tmp/wnodes-test.XXXXXX)
	export folder
	chown "$test_user" "$folder"
	chmod 0755 "$folder"
}

# serve NAME [HTTPD-ARGUMENTS…]: $folder/www on loopback, its requests in $folder/requests; prints HOST:PORT
serve()
{
	python3 "$common_top/tests/lib/httpd.py" --root "$folder/www" --port-file "$folder/$1.port" \
		--log "$folder/requests" "${@:2}" > /dev/null 3>&- &
	echo $! > "$folder/$1.pid"
	wait_until 10 test -s "$folder/$1.port" && echo "127.0.0.1:$(cat "$folder/$1.port")"
}

unserve()
{
	[ ! -e "$folder/$1.pid" ] || kill "$(cat "$folder/$1.pid")"
	rm -f "$folder/$1.pid" "$folder/$1.port"
}

# keep_conf: of the cluster's configuration, $wnodes, wnodes.conf as it is
keep_conf()
{
	wnodes=$(cluster_folder)/etc/wnodes
	export wnodes
	cp "$wnodes/wnodes.conf" "${folder:?}/wnodes.conf"
}

# restore_conf: wnodes.conf as it was kept
restore_conf()
{
	cp "${folder:?}/wnodes.conf" "${wnodes:?}/wnodes.conf"
}

# submit SBATCH-ARGUMENTS…: prints the job's id; its output is dropped unless named
submit()
{
	as_user sbatch --parsable --output=/dev/null "$@"
}

job_runs()
{
	[ "$(job_state "$1")" = RUNNING ]
}

# machine SBATCH-ARGUMENTS…: as submit, once the job runs; its machine takes steps from outside
machine()
{
	local id
	id=$(submit "$@" --wrap 'sleep 900')
	wait_until 30 job_runs "$id"
	echo "$id"
}

# hold_machine: a machine that a file's tests share, as $job
hold_machine()
{
	job=$(machine --vm=tiny)
	export job
	in_job true
}

release_machine()
{
	as_user scancel "$job"
	wait_for_nothing
}

# in_job [SRUN-OPTIONS…] COMMAND…: a step of job $job, from outside
in_job()
{
	as_user srun --jobid="${job:?}" --overlap -n1 "$@"
}

# job_field JOB KEY: of scontrol show job
job_field()
{
	as_root scontrol -o show job "$1" | awk -v key="$2=" '{
		for (i = 1; i <= NF && !found; i++)
			if (index($i, key) == 1) {
				print substr($i, length(key) + 1)
				found = 1
			}
	}'
}

job_state()
{
	job_field "$1" JobState
}

node_state()
{
	as_root sinfo -h -N -n "$1" -o %T | head -n 1
}

# is_idle [NODE]: nothing has drained it, and its jobs' epilogs are over; else it is $unidle. The
# backfill scheduler may have planned it for a job that has gone, and slurmctld may count CPUs of
# one that has for a minute.
is_idle()
{
	unidle=$(node_state "${1:-$node}")
	case $unidle in
	idle | planned) unidle= ;;
	mixed | allocated) [ -n "$(as_root squeue -a -h -w "${1:-$node}" -o %i)" ] || unidle= ;;
	esac
	[ -z "$unidle" ]
}

# last_step JOB: the number of its newest running step
last_step()
{
	as_root squeue -h -s -j "$1" -o %i | sed -n 's/^[0-9]*\.\([0-9]*\)$/\1/p' | sort -n | tail -n 1
}

# refute COMMAND…: that it fails; bats does not see a plain `!`
refute()
{
	if "$@"; then
		echo "did not fail: $*"
		return 1
	fi
}

# fails CODE PATTERN SRUN-ARGUMENTS…: the code, one line that matches, and nothing ran on the host
fails()
{
	local want=$1 pattern=$2 code=0
	shift 2
	as_user srun "$@" > "$folder/out" 2> "$folder/err" || code=$?
	cat "$folder/err"
	echo "code $code, wanted $want"
	[ "$code" -eq "$want" ]
	# one line, apart from the console's
	[ "$(grep '^wnodes:' "$folder/err" | grep -vc "^wnodes: |\|console's last lines")" -eq 1 ]
	grep -qE "^wnodes: .*$pattern" "$folder/err"
	refute grep -q "$(cat /proc/sys/kernel/random/boot_id)" "$folder/out"
}

# wait_until SECONDS COMMAND…
wait_until()
{
	local until=$((SECONDS + $1))
	shift
	until "$@"; do
		[ $SECONDS -lt $until ] || { echo "not within its time: $*${unidle:+, it is $unidle}"; return 1; }
		sleep 0.1
	done
}

# wait_for_line TEXT FILE: until FILE has that line
wait_for_line()
{
	wait_until 60 grep -qxF -e "$1" "$2"
}

job_has_ended()
{
	[ -z "$(as_root squeue -h -j "$1" -o %i 2> /dev/null)" ] || return 1
	case $(job_state "$1") in
	PENDING | RUNNING | COMPLETING | CONFIGURING | SUSPENDED) return 1 ;;
	esac
}

# wait_job JOB [SECONDS]: a whole array, too
wait_job()
{
	wait_until "${2:-120}" job_has_ended "$1"
}

# The cgroup of job $job's machine (or the only one) in this controller.
vm_cgroup()
{
	find "/sys/fs/cgroup/$1" -type d -path "*/slurm_${WNODES_CLUSTER_PREFIX:-n}*/job_${job:-*}/vm" | head -n 1
}

# Of the processes named on standard input, the oldest first. Their numbers do not tell: they wrap.
by_age()
{
	local pid stat
	while read -r pid; do
		stat=$(cat "/proc/$pid/stat" 2> /dev/null) || continue
		set -- ${stat##*) }
		echo "${20} $pid"
	done | sort -s -n -k 1,1 | cut -d' ' -f2
}

# machine_pid PROGRAM [WHICH]: of the only machine here, its process PROGRAM; WHICH of several, by age
machine_pid()
{
	local pid found=()
	while read -r pid; do
		[[ $(tr '\0' ' ' < "/proc/$pid/cmdline" 2> /dev/null) != *"$1"* ]] || found+=("$pid")
	done < <(by_age < "$(vm_cgroup memory)/cgroup.procs")
	[ ${#found[@]} -gt 0 ] && echo "${found[${2:-0}]}"
}

# What the cluster's machines left on this host, a line each.
leftovers()
{
	local top path exe
	top=$(cluster_folder)
	# asked for again and again: one process for all of /proc
	while read -r path exe; do
		case $exe in
		"$top"/usr/libexec/*) echo "process ${path#/proc/}: $exe" ;;
		*) if tr '\0' ' ' < "$path/environ" 2> /dev/null | grep -qF "$top" ||
			grep -qF "slurm_${WNODES_CLUSTER_PREFIX:-n}" "$path/cgroup" 2> /dev/null; then echo "process ${path#/proc/}: $exe"; fi ;;
		esac
	done < <(find /proc/[0-9]*/exe -maxdepth 0 \( -lname "$top/usr/libexec/*" -o -lname '*qemu-system*' -o -lname '*/passt*' \) \
		-printf '%h %l\n' 2> /dev/null)
	grep -l "^wnodes: job .* on ${WNODES_CLUSTER_PREFIX:-n}[0-9]*$" /sys/class/net/*/ifalias 2> /dev/null | sed 's/^/netdev: /'
	find "$top/state/jobs" -mindepth 2 2> /dev/null | sed 's/^/record: /'
	find "$top/state/overlays" -mindepth 1 2> /dev/null | sed 's/^/overlay: /'
	find "$top/run" -mindepth 2 2> /dev/null | sed 's/^/run folder: /'
	find /sys/fs/cgroup -type d -path "*/slurm_${WNODES_CLUSTER_PREFIX:-n}*/job_*/vm" 2> /dev/null | sed 's/^/cgroup: /'
	awk -v top="$top/" 'index($5, top) == 1 { print "mount: " $5 }' /proc/self/mountinfo
	awk -v top="$top/run/" 'index($8, top) == 1 { print "socket: " $8 }' /proc/net/unix
}

# nothing_left: whether there is none; says what there is
nothing_left()
{
	local left
	left=$(leftovers)
	[ -z "$left" ] || { echo "left behind:"; echo "$left"; return 1; } >&2
}

no_leftovers()
{
	[ -z "$(leftovers)" ]
}

# wait_for_nothing: until the jobs' epilogs have removed everything; the images must be as they were
wait_for_nothing()
{
	wait_until 30 no_leftovers || nothing_left
	bases_untouched
}

job_cgroups()
{
	find /sys/fs/cgroup -type d -path "*/slurm_$node/*/job_*" 2> /dev/null
}

no_job_cgroups()
{
	[ -z "$(job_cgroups)" ]
}

# Numbers of things on this host that a machine could leak, once Slurm has done with its jobs.
count_objects()
{
	local slurmd
	slurmd=$(cat "$(cluster_folder)/pid/slurmd.$node")
	wait_until 30 no_job_cgroups > /dev/null
	echo "mounts $(awk -v top="$(cluster_folder)" 'index($0, top)' /proc/self/mountinfo | wc -l)" \
		"cgroups $(job_cgroups | wc -l)" \
		"files $(find "$(cluster_folder)/state" "$(cluster_folder)/run" | grep -vc '/cache/')" \
		"slurmd's descriptors $(find "/proc/$slurmd/fd" -type l | wc -l)" \
		"sockets $(awk -v top="$(cluster_folder)/run" 'index($8, top) == 1' /proc/net/unix | wc -l)"
}

mem_per_cpu()
{
	sed -n 's/^DefMemPerCPU=//p' "$(cluster_folder)/etc/slurm.conf"
}

# reserve CPUS MIB [DIRECTORIES]: MiB that a machine's memory is less than its job's: wnodes.conf(5), under tcg, over 9p
reserve()
{
	echo $((256 + 64 + $1 * (4 + 16) + ($2 + 127) / 128 + ${3:-0} * 2))
}

plugstack_file()
{
	echo "$(cluster_folder)/etc/plugstack.conf"
}

# Owner, mode, size and times of all images, a line each.
base_states()
{
	find "$(cluster_folder)/images" -mindepth 2 -type f -printf '%p %u %g %m %s %T@ %i\n' | sort
}

base_digests()
{
	find "$(cluster_folder)/images" -mindepth 2 -type f -print0 | sort -z | xargs -0 sha256sum
}

# Remember how the images are, for bases_untouched and check_bases.
record_bases()
{
	base_states > "$(cluster_folder)/bases"
	base_digests > "$(cluster_folder)/bases.sha256"
}

# Whether they are root's, read-only and as they were; without reading them
bases_untouched()
{
	! base_states | grep -v ' root root 444 ' && { [ ! -e "$(cluster_folder)/bases" ] || diff "$(cluster_folder)/bases" <(base_states); }
}

# The same, digests too
check_bases()
{
	bases_untouched && diff "$(cluster_folder)/bases.sha256" <(base_digests)
}

# port_of_http FOLDER: serves a page on a loopback port of its own, $http_port
port_of_http()
{
	mkdir -p "$1"
	echo "served to the guest" > "$1/page"
	python3 -u -c '
import functools, http.server, sys
s = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(http.server.SimpleHTTPRequestHandler, directory=sys.argv[1]))
print(s.server_port, flush=True)
s.serve_forever()' "$1" > "$1/port" 2> /dev/null &
	http_pid=$!
	wait_until 10 test -s "$1/port"
	http_port=$(cat "$1/port")
	export http_port
}

stop_http()
{
	kill "$http_pid"
}
