#!/usr/bin/env bats
# Several machines at once: jobs on one node, a job over two nodes.
load lib/common

setup_file()
{
	export BATS_TEST_TIMEOUT=240
	make_folder
}

teardown_file()
{
	wait_for_nothing
	rm -rf "$folder"
}

@test "10 jobs in a row and 6 at once leave nothing behind" {
	as_user srun -n1 --vm=tiny true # the first makes folders that stay
	before=$(count_objects)
	for i in $(seq 10); do
		[ "$(as_user srun -n1 --vm=tiny echo "job $i")" = "job $i" ]
	done
	pids=()
	for i in $(seq 6); do
		as_user srun -n1 --vm=tiny echo "at once $i" > "$folder/once.$i" &
		pids+=($!)
	done
	wait "${pids[@]}"
	for i in $(seq 6); do
		[ "$(cat "$folder/once.$i")" = "at once $i" ]
	done
	wait_for_nothing
	after=$(count_objects)
	echo "before $before after $after"
	[ "$before" = "$after" ]
}
