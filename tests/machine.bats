#!/usr/bin/env bats
# shellcheck disable=SC2154 # common.bash and setup_file set them
# How a machine lies on its job's CPUs and in its job's memory. What needs two
# NUMA nodes, KVM or CPUs with threads is in the unit tests alone.
load lib/common

setup_file()
{
	export BATS_TEST_TIMEOUT=180
	make_folder
	mkdir "$folder/shared"
	chown "$test_user" "$folder/shared"
	keep_conf
	cat $hugepages/nr_hugepages > "$folder/nr_hugepages" || true
	memory=1200
	job=$(machine --vm=tiny -c2 --mem=$memory --vm-mount="$folder/shared:/mnt/shared")
	export job memory
	in_job true
	qemu=$(machine_pid qemu-system)
	vm=$(vm_cgroup memory)
	export qemu vm
}

teardown_file()
{
	restore_conf
	rm -f "$wnodes/images.d/tiny-virtio.conf"
	cat "$folder/nr_hugepages" > $hugepages/nr_hugepages || true
	as_user scancel -u "$test_user"
	wait_for_nothing
	rm -rf "$folder"
}

export hugepages=/sys/kernel/mm/hugepages/hugepages-2048kB

# site LINE…: more lines of wnodes.conf
site()
{
	{ cat "$folder/wnodes.conf"; printf '%s\n' "$@"; } > "$wnodes/wnodes.conf"
}

# The CPUs of a list such as 0-3,8, a line each
each_cpu()
{
	tr ',' '\n' | while IFS=- read -r first last; do seq "$first" "${last:-$first}"; done
}

# The CPUs of job $job in the order of sockets and cores: what its vCPUs are pinned to
host_cpus()
{
	local cpu top
	each_cpu < "$(vm_cgroup cpuset)/cpuset.cpus" | while read -r cpu; do
		top=/sys/devices/system/cpu/cpu$cpu/topology
		echo "$(cat "$top/physical_package_id" "$top/core_id" | tr '\n' ' ')$cpu"
	done | sort -n -k1,1 -k2,2 -k3,3 | cut -d' ' -f3
}

# affinities PID PATTERN: the CPUs of its threads whose names match, in the names' order
affinities()
{
	local task
	for task in /proc/"$1"/task/*; do
		grep -qE "$2" "$task/comm" || continue
		echo "$(tr ' ' _ < "$task/comm") $(sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' "$task/status")"
	done | sort -V
}

@test "each vCPU has a CPU of the job's to itself, QEMU's other threads have all of them" {
	affinities "$qemu" .
	[ "$(affinities "$qemu" '^CPU [0-9]+/' | cut -d' ' -f2)" = "$(host_cpus)" ]
	[ "$(host_cpus | wc -l)" -eq 2 ]
	affinities "$qemu" . | grep -v '^CPU_' | cut -d' ' -f2 | sort -u | each_cpu > "$folder/others"
	[ "$(sort -n "$folder/others")" = "$(host_cpus | sort -n)" ]
	# a step that shares the CPUs changes none of it
	in_job --overlap -c1 true
	[ "$(affinities "$qemu" '^CPU [0-9]+/' | cut -d' ' -f2)" = "$(host_cpus)" ]
}

@test "the guest has as many sockets and cores as the job has" {
	local cpu packages
	in_job cat /proc/cpuinfo > "$folder/cpuinfo"
	grep -E '^(physical id|core id|cpu cores|siblings)' "$folder/cpuinfo"
	packages=$(host_cpus | while read -r cpu; do cat "/sys/devices/system/cpu/cpu$cpu/topology/physical_package_id"; done | sort -u | wc -l)
	[ "$(grep '^physical id' "$folder/cpuinfo" | sort -u | wc -l)" -eq "$packages" ]
	[ "$(grep -c '^processor' "$folder/cpuinfo")" -eq 2 ]
	# TCG has no threads: two of a core are two cores
	[ "$(sed -n 's/^cpu cores[^0-9]*//p' "$folder/cpuinfo" | sort -u)" -eq $((2 / packages)) ]
	[ "$(in_job cat /sys/devices/system/node/online)" = 0 ]
}

# largest PID: the entry of its largest mapping in smaps, which is the guest's memory
largest()
{
	awk '/^[0-9a-f]+-[0-9a-f]+ / { name = $0; next } $1 == "Size:" { size = $2 } { text[name] = text[name] $0 "\n" }
		$1 == "VmFlags:" && size > most { most = size; best = name } END { printf "%s\n%s", best, text[best] }' "/proc/$1/smaps"
}

@test "its memory is not offered to KSM, and is left out of core dumps" {
	largest "$qemu" | grep -E 'Size|VmFlags'
	[ "$(largest "$qemu" | awk '$1 == "Size:" { print int($2 / 1024) }')" -ge $((memory - $(reserve 2 $memory 1))) ]
	largest "$qemu" | grep -q '^VmFlags:.* dd'
	refute grep -qE '^VmFlags:.* mg( |$)' "/proc/$qemu/smaps"
}

resident_below()
{
	[ "$(awk '/^VmRSS/ { print int($2 / 1024) }' "/proc/$qemu/status")" -lt "$1" ]
}

@test "memory that the guest frees goes back to the host" {
	local before
	wait_until 20 in_job test -d /sys/bus/virtio/drivers/virtio_balloon
	in_job dd if=/dev/zero of=/dev/shm/filled bs=1M count=300
	before=$(awk '/^VmRSS/ { print int($2 / 1024) }' "/proc/$qemu/status")
	in_job rm /dev/shm/filled
	# the kernel reports every 2 s
	wait_until 30 resident_below $((before - 220))
	# and it can be had again
	in_job dd if=/dev/zero of=/dev/shm/filled bs=1M count=300
	refute resident_below $((before - 100))
	in_job rm /dev/shm/filled
}

# Times that the kernel killed in the job's cgroups for want of memory
kills()
{
	find "${vm%/vm}" -name memory.oom_control -exec sed -n 's/^oom_kill //p' {} + | awk '{ sum += $1 } END { print sum + 0 }'
}

# wnodes.conf(5): memory_reserve
@test "a guest that fills its memory, with I/O on everything, does not get its job killed" {
	local left disk shared
	in_job su -c 'mount -o remount,size=100% /dev/shm'
	left=$(in_job awk '/^MemAvailable/ { print int($2 / 1024) }' /proc/meminfo)
	in_job dd if=/dev/zero of=/dev/shm/filled bs=1M count=$((left - 240))
	in_job sh -c 'for i in 1 2 3; do dd if=/dev/vda of=/dev/null bs=1M count=120 & dd if=/dev/zero of=/tmp/$i bs=1M count=60 & done; wait' 2> /dev/null &
	disk=$!
	in_job sh -c 'dd if=/dev/zero of=/mnt/shared/file bs=1M count=150; dd if=/mnt/shared/file of=/dev/null bs=1M' 2> /dev/null &
	shared=$!
	as_user srun --jobid="$job" --overlap --overcommit -n32 sh -c 'dd if=/dev/zero bs=16k count=256 2> /dev/null' > "$folder/streams"
	[ "$(stat -c %s "$folder/streams")" -eq $((32 * 4 << 20)) ]
	wait $disk
	wait $shared
	echo "at most $(($(cat "${vm%/vm}/memory.max_usage_in_bytes") >> 20)) MiB of $(($(cat "${vm%/vm}/memory.limit_in_bytes") >> 20)), refused $(cat "${vm%/vm}/memory.failcnt") times"
	# the guest's memory is QEMU's, nearly all of it
	refute resident_below $((memory - $(reserve 2 $memory 1) - 60))
	[ "$(kills)" -eq 0 ]
	in_job rm /dev/shm/filled
	[ "$(job_state "$job")" = RUNNING ]
}

@test "hugepages: 75 with a line where the node has none, else the guest's memory is of them" {
	local memory=600 pages code=0 id pid
	[ -w $hugepages/nr_hugepages ] || skip "the kernel has no hugepages of 2 MiB"
	pages=$(((memory - $(reserve 1 $memory)) / 2))
	site '[machine]' 'hugepages = 2M'
	echo 0 > $hugepages/nr_hugepages
	as_user srun -n1 --mem=$memory --vm=tiny true 2> "$folder/err" || code=$?
	cat "$folder/err"
	[ $code -eq 75 ]
	[ "$(grep -c '^wnodes:' "$folder/err")" -eq 1 ]
	grep -q "needs $pages hugepages of 2 MiB, and the node has 0 free" "$folder/err"
	echo $pages > $hugepages/nr_hugepages
	[ "$(cat $hugepages/nr_hugepages)" -eq $pages ] || skip "the kernel finds no $pages hugepages: the rest is not tested"
	id=$(machine --mem=$memory --vm=tiny)
	as_user srun --jobid="$id" --overlap -n1 true
	pid=$(job=$id machine_pid qemu-system)
	[ "$(awk '/^HugetlbPages/ { print $2 / 2048 }' "/proc/$pid/status")" -eq $pages ]
	[ "$(cat $hugepages/free_hugepages)" -eq 0 ]
	refute as_user srun --jobid="$id" --overlap -n1 test -e /sys/bus/virtio/drivers/virtio_balloon/virtio5
	as_user scancel "$id"
	wait_job "$id"
	[ "$(cat $hugepages/free_hugepages)" -eq $pages ]
	cat "$folder/nr_hugepages" > $hugepages/nr_hugepages
}

@test "without pinning all threads have all of the job's CPUs; a console may be virtio's" {
	local id pid
	site '[machine]' 'pinning = no' 'free_page_reporting = no'
	sed 's/console=ttyS0/console=tty0 console=hvc0/; s/ quiet / /' "$wnodes/images.d/tiny.conf" > "$wnodes/images.d/tiny-virtio.conf"
	echo 'console = virtio' >> "$wnodes/images.d/tiny-virtio.conf"
	id=$(machine --vm=tiny-virtio -c2 --vm-console="$folder/shared/console")
	as_user srun --jobid="$id" --overlap -n1 true
	pid=$(job=$id machine_pid qemu-system)
	[ "$(affinities "$pid" . | cut -d' ' -f2 | sort -u | each_cpu | sort -n)" = "$(job=$id host_cpus | sort -n)" ]
	as_user srun --jobid="$id" --overlap -n1 cat /sys/class/tty/console/active | grep -qw hvc0
	as_user srun --jobid="$id" --overlap -n1 su -c 'echo by hvc0 > /dev/console'
	wait_until 20 grep -q 'by hvc0' "$folder/shared/console"
	as_user scancel "$id"
	wait_job "$id"
}
