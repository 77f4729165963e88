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
	[ "$(node_state "${WNODES_CLUSTER_PREFIX}1")" = idle ]
	as_user srun -n1 true
}

@test "a job over two nodes has a machine on each" {
	cluster up --nodes 2
	as_user srun -N2 -n4 -O --vm=tiny cat /proc/sys/kernel/random/boot_id > "$BATS_TEST_TMPDIR/out"
	cat "$BATS_TEST_TMPDIR/out"
	[ "$(wc -l < "$BATS_TEST_TMPDIR/out")" -eq 4 ]
	[ "$(sort -u "$BATS_TEST_TMPDIR/out" | wc -l)" -eq 2 ]
	# a batch script's own steps: on both nodes, and sbcast to both
	make_folder
	as_user sbatch -W -N2 --vm=tiny -o "$folder/batch" --wrap 'cat /proc/sys/kernel/random/boot_id; echo text > /tmp/x
		sbcast /tmp/x /tmp/y; srun -N2 -l cat /tmp/y /proc/sys/kernel/random/boot_id' > /dev/null
	cat "$folder/batch"
	[ "$(grep -c '^[01]: text$' "$folder/batch")" -eq 2 ]
	[ "$(sed 's/^[01]: //' "$folder/batch" | sort -u | wc -l)" -eq 3 ]
	[ "$(grep -c -- - "$folder/batch")" -eq 3 ]
	rm -rf "$folder"
	wait_for_nothing
	[ "$(node_state "${WNODES_CLUSTER_PREFIX}1")" = idle ]
	[ "$(node_state "${WNODES_CLUSTER_PREFIX}2")" = idle ]
}
