#!/usr/bin/env bats
# Other clusters than the one of the rest: without the extern step, and of two nodes.
# bats reads a file again for every test
if [[ ${WNODES_CLUSTER_DIR:=/var/tmp/wnodes-cluster} != *-o ]]; then
	export WNODES_CLUSTER_DIR=$WNODES_CLUSTER_DIR-o
	export WNODES_CLUSTER_PREFIX=${WNODES_CLUSTER_PREFIX:-n}o
fi
load lib/common

setup()
{
	export BATS_TEST_TIMEOUT=240
}

teardown_file()
{
	cluster down
}

@test "without the extern step a machine's job fails with 75 and says why" {
	cluster up --no-contain
	code=0
	as_user srun -O -n2 --vm=tiny cat /proc/sys/kernel/random/boot_id > "$BATS_TEST_TMPDIR/out" 2> "$BATS_TEST_TMPDIR/err" || code=$?
	cat "$BATS_TEST_TMPDIR/err"
	[ "$code" -eq 75 ]
	[ ! -s "$BATS_TEST_TMPDIR/out" ]
	[ "$(grep -c '^wnodes: .*PrologFlags=Contain' "$BATS_TEST_TMPDIR/err")" -eq 1 ]
	wait_for_nothing
	wait_until 20 is_idle "${WNODES_CLUSTER_PREFIX}1"
	as_user srun -n1 true
}

is_requeued()
{
	[ "$(job_field "$1" Restarts)" = 1 ] && [ "$(job_state "$1")" = PENDING ]
}

# wnodes(7): RequeueExit
@test "RequeueExit=75: Slurm requeues a job that its node has failed" {
	echo RequeueExit=75 >> "$(cluster_folder)/etc/slurm.conf"
	as_root scontrol reconfigure
	id=$(submit --requeue --vm=tiny --wrap true)
	wait_until 30 is_requeued "$id"
	as_user scancel "$id"
}

@test "a job over two nodes has a machine on each" {
	cluster up --nodes 2
	# shellcheck disable=SC2016
	as_user srun -N2 --ntasks-per-node=2 -O -l --vm=tiny sh -c 'echo "$(cat /proc/sys/kernel/random/boot_id) $(hostname) $SLURM_NODEID"' > "$BATS_TEST_TMPDIR/out"
	cat "$BATS_TEST_TMPDIR/out"
	[ "$(wc -l < "$BATS_TEST_TMPDIR/out")" -eq 4 ]
	[ "$(cut -d' ' -f2 "$BATS_TEST_TMPDIR/out" | sort -u | wc -l)" -eq 2 ]
	for i in 0 1; do
		[ "$(sed -n "s/^\([0-3]\): [^ ]* ${WNODES_CLUSTER_PREFIX}$((i + 1))-[0-9]* $i\$/\1/p" "$BATS_TEST_TMPDIR/out" | sort | xargs)" = "$((2 * i)) $((2 * i + 1))" ]
	done
	wait_for_nothing
	# each has the CPUs that the job has on its node, though a task is bound to its own
	# shellcheck disable=SC2016
	as_user srun -N2 -n3 --distribution=block --vm=tiny sh -c 'echo $SLURM_NODEID $(grep -c ^processor /proc/cpuinfo) of $SLURM_JOB_CPUS_PER_NODE' > "$BATS_TEST_TMPDIR/out"
	cat "$BATS_TEST_TMPDIR/out"
	[ "$(sort -u "$BATS_TEST_TMPDIR/out" | wc -l)" -eq 2 ]
	# `2,1`; where cores have two threads, `4,2`; or alike on both, `2(x2)`
	while read -r number cpus _ all; do
		[[ $all =~ ^([0-9]+)(,([0-9]+)|\(x2\))$ ]]
		if [ "$number" -eq 0 ]; then want=${BASH_REMATCH[1]}; else want=${BASH_REMATCH[3]:-${BASH_REMATCH[1]}}; fi
		[ "$cpus" -eq "$want" ]
	done < "$BATS_TEST_TMPDIR/out"
	# a batch script's own steps: on both nodes, and sbcast to both
	make_folder
	as_user sbatch -W -N2 --vm=tiny -o "$folder/batch" --wrap 'cat /proc/sys/kernel/random/boot_id; echo text > /tmp/x
		sbcast /tmp/x /tmp/y; srun -N2 -l cat /tmp/y /proc/sys/kernel/random/boot_id
		cd /tmp; srun -N2 -o each.%t.%N sh -c "echo of \$SLURMD_NODENAME"; srun -N2 -l sh -c "grep . each.* /dev/null" > lines
		 srun -N2 -o x.%s true 2>> lines; sed "s/^/each /" lines' > /dev/null
	cat "$folder/batch"
	for i in 0 1; do
		[ "$(grep -c "^each $i: " "$folder/batch")" -eq 1 ]
		grep -qx "each $i: each.$i.${WNODES_CLUSTER_PREFIX}$((i + 1)):of ${WNODES_CLUSTER_PREFIX}$((i + 1))" "$folder/batch"
	done
	grep -q '^each wnodes: srun: --output=x.%s: in a job of several nodes' "$folder/batch"
	sed -i '/^each /d' "$folder/batch"
	[ "$(grep -c '^[01]: text$' "$folder/batch")" -eq 2 ]
	[ "$(sed 's/^[01]: //' "$folder/batch" | sort -u | wc -l)" -eq 3 ]
	[ "$(grep -c -- - "$folder/batch")" -eq 3 ]
	rm -rf "$folder"
	wait_for_nothing
	wait_until 20 is_idle "${WNODES_CLUSTER_PREFIX}1"
	wait_until 20 is_idle "${WNODES_CLUSTER_PREFIX}2"
}

@test "two of a job's machines on one host: wnodes console wants to know which" {
	id=$(machine -N2 --vm=tiny)
	both_are_there()
	{
		[ "$(as_user wnodes status "$id" | grep -c "^job $id on")" -eq 2 ]
	}
	wait_until 20 both_are_there
	run as_user wnodes console "$id"
	[ "$status" -eq 64 ]
	[[ "$output" == *"--node NODE"* ]]
	# until timeout(1) ends it
	run as_user timeout 3 wnodes console --node "${WNODES_CLUSTER_PREFIX}2" "$id"
	echo "$output"
	[ "$status" -eq 124 ]
	as_user scancel "$id"
	wait_for_nothing
}

@test "wnodes prestage on several nodes: one that is full keeps no other waiting" {
	cluster up --nodes 2
	make_folder
	disk=$(cluster_folder)/images/tiny/disk.qcow2
	sed "s|^source = .*|source = file://$disk\nsha256 = $(sha256sum < "$disk" | cut -d' ' -f1)|" \
		"$(cluster_folder)/etc/wnodes/images.d/tiny.conf" > "$(cluster_folder)/etc/wnodes/images.d/copy.conf"
	run as_user wnodes prestage copy -p main
	echo "$output"
	[ "$status" -eq 0 ]
	for i in 1 2; do
		grep -qE "^${WNODES_CLUSTER_PREFIX}$i +(present|fetched) " <<< "$output"
	done
	as_root wnodes evict copy
	id=$(submit -w "${WNODES_CLUSTER_PREFIX}2" --mem=0 --wrap 'sleep 900')
	wait_until 30 job_runs "$id"
	start=$SECONDS
	run as_user wnodes prestage --wait 5 copy -w "${WNODES_CLUSTER_PREFIX}[1-2]"
	echo "$output"
	[ "$status" -eq 75 ]
	[ $((SECONDS - start)) -le 60 ]
	grep -qE "^${WNODES_CLUSTER_PREFIX}1 +fetched " <<< "$output"
	grep -qE "^${WNODES_CLUSTER_PREFIX}2 +failed .*[Uu]nable to allocate" <<< "$output"
	as_user scancel "$id"
	wait_until 30 job_has_ended "$id"
	rm -rf "$folder"
}

@test "a heterogeneous job has a machine for each of its parts" {
	cluster up --nodes 2
	# shellcheck disable=SC2016
	as_user srun -t5 -n1 --vm=tiny sh -c 'echo "$SLURM_PROCID $(cat /proc/sys/kernel/random/boot_id)"' : \
		-t5 -n1 --vm=tiny sh -c 'echo "$SLURM_PROCID $(cat /proc/sys/kernel/random/boot_id)"' > "$BATS_TEST_TMPDIR/out"
	cat "$BATS_TEST_TMPDIR/out"
	[ "$(cut -d' ' -f1 "$BATS_TEST_TMPDIR/out" | sort | xargs)" = "0 1" ]
	[ "$(cut -d' ' -f2 "$BATS_TEST_TMPDIR/out" | sort -u | wc -l)" -eq 2 ]
	refute grep -q "$(cat /proc/sys/kernel/random/boot_id)" "$BATS_TEST_TMPDIR/out"
	wait_for_nothing
}

# entry FOLDER [LINE…]: tiny's entry, with more lines, as `agreed` of that catalogue
entry()
{
	{ cat "$(cluster_folder)/etc/wnodes/images.d/tiny.conf"; printf '%s\n' "${@:2}"; } > "$1/agreed.conf"
}

# in_namespace FOLDER COMMAND…: where images.d is FOLDER
in_namespace()
{
	unshare -m sh -c "mount --bind '$1' '$(cluster_folder)/etc/wnodes/images.d' && shift && exec \"\$@\"" sh "$@"
}

# restart_slurmd NODE [COMMAND…]: COMMAND starts it
restart_slurmd()
{
	local pidfile conf
	pidfile=$(cluster_folder)/pid/slurmd.$1
	conf=$(cluster_folder)/etc/slurm.conf
	kill "$(cat "$pidfile")"
	wait_until 20 refute pgrep -F "$pidfile"
	"${@:2}" env -i PATH="$PATH" SLURM_CONF="$conf" setsid -w slurmd -N "$1" -f "$conf" > /dev/null 3>&- 4>&-
}

@test "nodes whose catalogues disagree: the job fails, and says who has what" {
	cluster up --nodes 2
	make_folder
	top=$(cluster_folder)
	digest=$(sha256sum "$top/images/tiny/disk.qcow2" | cut -d' ' -f1)
	mkdir "$folder/second" "$folder/none"
	entry "$top/etc/wnodes/images.d" "sha256 = $digest"
	entry "$folder/second"
	second=${WNODES_CLUSTER_PREFIX}2
	restart_slurmd "$second" in_namespace "$folder/second"
	# the submit host's digest decides
	code=0
	as_user srun -N2 --vm=agreed cat /proc/sys/kernel/random/boot_id > "$folder/out" 2> "$folder/err" || code=$?
	cat "$folder/err"
	[ "$code" -eq 75 ]
	grep -q "^wnodes: image agreed: submitted as sha256 ${digest:0:12}…, node $second has no sha256: " "$folder/err"
	wait_for_nothing
	# one without a catalogue has none; the first node's goes with the steps of a batch script
	in_namespace "$folder/none" "$common_top/tests/cluster" exec --user "$test_user" -- \
		sbatch -W -N2 --vm=agreed -o "$folder/batch" --wrap 'srun -N2 echo ran; echo "code $?"; srun -n1 -N1 echo alone' > /dev/null
	cat "$folder/batch"
	grep -qx 'code 75' "$folder/batch"
	grep -q "^wnodes: image agreed: node ${second%2}1 has sha256 ${digest:0:12}…, node $second has no sha256: " "$folder/batch"
	grep -qx alone "$folder/batch"
	# of an srun off the nodes, the first node's goes by slurmctld; also of one that exports nothing
	for export in ALL NONE; do
		in_namespace "$folder/none" "$common_top/tests/cluster" exec --user "$test_user" -- \
			srun -N2 --export=$export --vm=agreed echo ran > "$folder/out" 2> "$folder/err" || true
		cat "$folder/out" "$folder/err"
		[ "$(cat "$folder/out")" = ran ]
		grep -q "^wnodes: image agreed: node ${second%2}1 has sha256 ${digest:0:12}…, node $second has no sha256: " "$folder/err"
		wait_for_nothing
	done
	# of a step on one of them, too
	id=$(in_namespace "$folder/none" "$common_top/tests/cluster" exec --user "$test_user" -- \
		sbatch --parsable -N2 --vm=agreed -o /dev/null --wrap 'sleep 100')
	wait_until 30 job_runs "$id"
	code=0
	as_user srun --jobid="$id" --overlap -N1 -n1 -w "$second" echo ran > "$folder/out" 2> "$folder/err" || code=$?
	cat "$folder/out" "$folder/err"
	[ "$code" -eq 75 ]
	grep -q "^wnodes: image agreed: node ${second%2}1 has sha256 ${digest:0:12}…, node $second has no sha256: " "$folder/err"
	[ ! -s "$folder/out" ]
	as_user scancel "$id"
	wait_for_nothing
	# where the partition has a default image on some nodes alone, the others do not run the job's tasks on the host
	cp "$top/etc/wnodes/wnodes.conf" "$folder/wnodes.conf"
	restart_slurmd "$second" unshare -m sh -c "mount --bind '$folder/wnodes.conf' '$top/etc/wnodes/wnodes.conf' && exec \"\$@\"" sh
	printf '[partition main]\nimage = tiny\n' >> "$top/etc/wnodes/wnodes.conf"
	as_user srun -N2 cat /proc/sys/kernel/random/boot_id > "$folder/out" 2> "$folder/err" || true
	cp "$folder/wnodes.conf" "$top/etc/wnodes/wnodes.conf"
	cat "$folder/out" "$folder/err"
	grep -qx "wnodes: node ${second%2}1 has a virtual machine for job [0-9]*, node $second has none: .*" "$folder/err"
	[ "$(wc -l < "$folder/out")" -eq 1 ]
	refute grep -q "$(cat /proc/sys/kernel/random/boot_id)" "$folder/out"
	wait_for_nothing
	restart_slurmd "$second"
	rm -f "$top/etc/wnodes/images.d/agreed.conf"
	rm -rf "$folder"
	wait_for_nothing
}

# wnodes(7): --no-kill. The last here: what the lost node still runs is ended with the cluster.
@test "a job over two nodes of which one is lost: --no-kill keeps it and its other machine" {
	local lost=${WNODES_CLUSTER_PREFIX}2 ids=() boot
	for option in --no-kill --requeue; do
		id=$(machine -N2 $option --vm=tiny)
		as_user srun --jobid="$id" --overlap -N2 true
		ids+=("$id")
	done
	boot=$(as_user srun --jobid="${ids[0]}" --overlap -N1 -n1 -w "$node" cat /proc/sys/kernel/random/boot_id)
	as_root scontrol update "nodename=$lost" state=down reason=test
	wait_until 20 refute job_runs "${ids[1]}"
	[ "$(job_state "${ids[0]}")" = RUNNING ]
	[ "$(job_field "${ids[0]}" NumNodes)" = 1 ]
	[ "$(as_user srun --jobid="${ids[0]}" --overlap -N1 -n1 cat /proc/sys/kernel/random/boot_id)" = "$boot" ]
	as_user scancel "${ids[@]}"
}
