#!/usr/bin/env bats
# A task's streams: apart, binary-clean, with ends, without stalls.
load lib/common

setup_file()
{
	export BATS_TEST_TIMEOUT=120
	make_folder
	head -c 50M /dev/urandom > "$folder/random"
	chmod 0644 "$folder/random"
	hold_machine
}

teardown_file()
{
	release_machine
	rm -rf "$folder"
}

@test "four ranks, stdout and stderr apart, exit code 3" {
	# shellcheck disable=SC2016
	as_user srun -O --vm=tiny -n4 sh -c 'echo $SLURM_PROCID; echo err >&2; exit 3' > "$folder/out" 2> "$folder/err" && code=0 || code=$?
	[ "$code" -eq 3 ]
	[ "$(sort -n "$folder/out" | tr '\n' ' ')" = "0 1 2 3 " ]
	[ "$(grep -c '^err$' "$folder/err")" -eq 4 ]
	refute grep -q '^wnodes:' "$folder/err"
}

@test "50 MB from the host to the guest" {
	sum=$(as_user srun --vm=tiny sha256sum < "$folder/random" | cut -d' ' -f1)
	[ "$sum" = "$(sha256sum < "$folder/random" | cut -d' ' -f1)" ]
}

@test "50 MB from the guest to the host" {
	in_job sh -c 'head -c 50000000 /dev/urandom > /tmp/r'
	sum=$(in_job sha256sum /tmp/r | cut -d' ' -f1)
	[ "$(in_job cat /tmp/r | sha256sum | cut -d' ' -f1)" = "$sum" ]
}

@test "30 MB through cat, both ways at once, do not stall" {
	head -c 30M "$folder/random" > "$folder/r30"
	[ "$(in_job cat < "$folder/r30" | sha256sum)" = "$(sha256sum < "$folder/r30")" ]
}

@test "stdin from /dev/null and a closed stdin end at once" {
	[ "$(in_job sh -c 'cat; echo end' < /dev/null)" = end ]
	[ "$(as_user srun --vm=tiny sh -c 'cat; echo end' <&-)" = end ]
	[ "$(in_job sh -c 'exec <&-; cat 2> /dev/null; echo end' < /dev/null)" = end ]
}

@test "a half-closed stdin: output comes after its end" {
	[ "$(printf 'c\nb\na\n' | in_job sort | tr '\n' ' ')" = "a b c " ]
}

@test "a reader that goes does not hang the task" {
	run bash -c "$(declare -f as_user in_job cluster); in_job sh -c 'yes | head -c 3000000' | head -n 1"
	[ "$output" = y ]
}

@test "arguments arrive byte for byte" {
	want=$(printf '%s\n' $'a b' '' $'new\nline' '*' $'\xff\x01' '--' "it's" | od -c)
	got=$(in_job printf '%s\n' $'a b' '' $'new\nline' '*' $'\xff\x01' '--' "it's" | od -c)
	[ "$got" = "$want" ]
}

@test "the environment arrives, large values too" {
	value=$(head -c 100000 /dev/zero | tr '\0' x)
	[ "$(as_user env "BIG=$value" srun --jobid="$job" --overlap -n1 sh -c 'echo ${#BIG}')" -eq 100000 ]
	refute grep -q '^WNODES_' <(in_job env)
	# what the host's linker would obey is the guest's alone
	[ "$(as_user env LD_LIBRARY_PATH=/tmp/guest srun --jobid="$job" --overlap --export=ALL,LD_PRELOAD=/no.so -n1 sh -c 'echo $LD_LIBRARY_PATH $LD_PRELOAD' 2>&1)" = "/tmp/guest /no.so" ]
}

@test "umask, working directory and its fallback" {
	[ "$(umask 027; in_job sh -c umask)" = 0027 ]
	[ "$(cd /usr && in_job pwd)" = /usr ]
	[ "$(cd "$folder" && in_job pwd)" = "$(getent passwd "$test_user" | cut -d: -f6)" ]
}

@test "many tasks at once in one machine" {
	[ "$(in_job -n16 -O sh -c 'head -c 200000 /dev/zero; sleep 1' | wc -c)" -eq 3200000 ]
}

@test "a stalled task stalls no other" {
	as_user srun --jobid="$job" --overlap -n1 sh -c 'yes' > >(sleep 20) &
	stalled=$!
	sleep 2
	[ "$(in_job echo other)" = other ]
	as_user scancel "$job.$(last_step "$job")"
	wait $stalled || true
}
