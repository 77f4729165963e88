#!/usr/bin/env bats
# shellcheck disable=SC2154 # common.bash and setup_file set them
# Machines' networks: several NICs or none, who may have which, what is each
# machine's alone, and what wnodes.conf cannot say.
load lib/common
bats_require_minimum_version 1.5.0

setup_file()
{
	export BATS_TEST_TIMEOUT=180
	make_folder
	keep_conf
	wait_until 30 is_idle
	# a machine that the first tests share; what it submits writes to its folder
	site '[network second]' 'type = user' '[policy]' 'network = none'
	cd "$folder" || return
	job=$(machine --vm=tiny --vm-network=user,second,user)
	export job
}

teardown()
{
	restore_conf
}

teardown_file()
{
	as_user scancel -u "$test_user"
	wait_for_nothing
	rm -rf "$folder"
}

# site LINE…: more lines of wnodes.conf, for this test
site()
{
	{ cat "$folder/wnodes.conf"; printf '%s\n' "$@"; } > "$wnodes/wnodes.conf"
}

# refused CODE PATTERN SRUN-ARGUMENTS…: the code, one line that matches, and nothing ran
refused()
{
	local want=$1 pattern=$2 code=0
	shift 2
	as_user srun "$@" echo it ran > "$folder/out" 2> "$folder/err" || code=$?
	cat "$folder/err"
	echo "code $code, wanted $want"
	[ "$code" -eq "$want" ]
	[ "$(grep -c '^wnodes:' "$folder/err")" -eq 1 ]
	grep -qE "^wnodes: .*$pattern" "$folder/err"
	refute grep -q "it ran" "$folder/out"
}

# The guest's NICs in their order, a MAC each.
guest_macs()
{
	in_job sh -c 'for nic in /sys/class/net/eth*; do [ ! -e "$nic" ] || cat "$nic/address"; done'
}

has_nics()
{
	[ "$(guest_macs | wc -l)" -eq "$1" ]
}

# has_address NIC ADDRESS
has_address()
{
	in_job ip -4 addr show dev "$1" | grep -q "inet $2/"
}

has_network()
{
	as_root wnodes status "$1" > "$folder/status" 2> /dev/null && grep -q '^  network' "$folder/status"
}

@test "a NIC for each network, in the job's order and with MACs of their own; wnodes status has them" {
	wait_until 30 has_nics 3
	as_root wnodes status "$job" > "$folder/status"
	cat "$folder/status"
	[ "$(sed -n 's/^  network \([a-z]*\) (user): .*/\1/p' "$folder/status" | xargs)" = "user second user" ]
	[ "$(sed -n 's/^  network .*: \([0-9a-f:]*\), by [a-z]*$/\1/p' "$folder/status")" = "$(guest_macs)" ]
	[ "$(guest_macs | sort -u | grep -c '^.[26ae]:')" -eq 3 ]
	as_user wnodes status --json > "$folder/json"
	[ "$(python3 -c 'import json, sys; print(json.load(sys.stdin)[0]["networks"])' < "$folder/json")" = 3 ]
	wait_until 30 has_address eth0 10.0.2.15
}

@test "what a machine submits has its networks, unless it names others" {
	cd "$folder"
	# whoever asks for it now is denied: that a job does, its output tells
	site '[network second]' 'type = user' 'users = nobody-else'
	in_job sh -c 'sbatch --parsable --wrap "echo it ran"; sbatch --parsable --vm-network=fast --wrap "echo it ran"
		srun --vm-network=user true 2>&1' > "$folder/ids" || true
	cat "$folder/ids"
	mapfile -t ids < "$folder/ids"
	grep -q 'srun: --vm-network' <<< "${ids[2]}"
	for id in "${ids[@]:0:2}"; do wait_job "$id"; done
	cat slurm-*.out
	[ "$(job_field "${ids[0]}" ExitCode) $(job_field "${ids[1]}" ExitCode)" = "77:0 64:0" ]
	grep -qx 'wnodes: --vm-network: network second is only for the users nobody-else; you may use user, none' "slurm-${ids[0]}.out"
	grep -q '^wnodes: --vm-network: there is no network fast here' "slurm-${ids[1]}.out"
}

@test "none: no NIC at all" {
	release_machine
	site '[policy]' 'network = quiet' '[network quiet]' 'type = none'
	job=$(machine --vm=tiny)
	[ "$(in_job ls /sys/class/net)" = lo ]
	tr '\0' '\n' < "/proc/$(machine_pid qemu-system)/cmdline" > "$folder/cmdline"
	refute grep -q netdev "$folder/cmdline"
	as_root wnodes status "$job" > "$folder/status"
	refute grep -q network "$folder/status"
	release_machine
}

@test "who may have which: unknown 64 and what there is, denied 77, for the default, too" {
	site '[network open]' 'type = user' '[network groups]' 'type = user' 'groups = no-such-group' '[network chem]' 'type = user' \
		'accounts = chem' "users = $test_user" '[network other]' 'type = user' 'partitions = other' \
		'[network vlans]' 'type = bridge' 'bridge = none-such' 'account_vlans = chem:7' '[network quiet]' 'type = none'
	refused 64 "there is no network fast here; you may use open, quiet, user, none$" --vm=tiny --vm-network=fast
	refused 64 "there is no network fast here; you may use open, chem, vlans, quiet, user, none$" -A chem --vm=tiny --vm-network=user,fast
	refused 64 "quiet is of type none, and goes with no other network" --vm=tiny --vm-network=quiet,open
	refused 77 "--vm-network: network groups is only for the groups no-such-group" --vm=tiny --vm-network=open,groups
	refused 77 "network chem is only for the accounts chem; the job's account is bio" -A bio --vm=tiny --vm-network=chem
	refused 77 "network other is only for the partitions other; the job's partition is main" --vm=tiny --vm-network=other
	refused 77 "network vlans has no VLAN for the account bio, nor for a group of user $test_user" -A bio --vm=tiny --vm-network=vlans
	site '[network user]' 'type = user' 'groups = no-such-group'
	refused 77 "network user is only for the groups no-such-group; you may use none" --vm=tiny
	refused 64 "you may use none$" --vm=tiny --vm-network=fast
}

@test "--vm-network: what is wrong is said when the job is submitted, in a line" {
	refused 64 "--vm-network: '' is not a network's name" --vm=tiny --vm-network=user,
	refused 64 "--vm-network: '../x' is not a network's name" --vm=tiny --vm-network=../x
	refused 64 "--vm-network: a machine has at most 8 networks" --vm=tiny --vm-network=1,2,3,4,5,6,7,8,9
	refused 64 "--vm-network: none goes with no other network" --vm=tiny --vm-network=user,none
	refused 64 "--vm-network needs --vm=IMAGE" --vm-network=user
	run -64 as_user sbatch --vm=tiny --vm-network=a/b --wrap true
	# and of a script's directive by its job
	printf '#!/bin/sh\n#SBATCH --vm=tiny --vm-network=fast\necho it ran\n' > "$folder/job"
	id=$(cd "$folder" && as_user sbatch --parsable --output="$folder/said" "$folder/job")
	wait_job "$id"
	[ "$(job_field "$id" ExitCode)" = 64:0 ]
	grep -q '^wnodes: --vm-network: there is no network fast here' "$folder/said"
	refute grep -q "it ran" "$folder/said"
}

@test "MACs and addresses of a pool are of one machine at a time; the record and wnodes status have them" {
	site '[network lan]' 'type = bridge' 'bridge = none-such' 'mac_pool = 02:00:00:00:10:07-02:00:00:00:10:07' \
		'addresses = 10.9.8.7-10.9.8.7/24' 'vlan = 9' 'account_vlans = bio:11, chem:12' "group_vlans = $(id -gn "$test_user"):10"
	# its machine cannot be started, and its record is there all the same
	as_user salloc --kill-command=TERM -A chem --vm=tiny --vm-network=lan sh -c 'echo "$SLURM_JOB_ID"; exec sleep 60' > "$folder/id" 2> /dev/null 3>&- &
	salloc=$!
	wait_until 20 test -s "$folder/id"
	wait_until 20 has_network "$(cat "$folder/id")"
	grep -qx '  network lan (bridge): 02:00:00:00:10:07, 10.9.8.7/24, VLAN 12' "$folder/status"
	refused 75 "network lan: all addresses of its mac_pool are in use on node $node" --vm=tiny --vm-network=lan
	site '[network lan]' 'type = bridge' 'bridge = none-such' 'addresses = 10.9.8.7-10.9.8.7/24'
	refused 75 "network lan: all of its addresses are in use on node $node" --vm=tiny --vm-network=lan
	as_user scancel "$(cat "$folder/id")"
	wait "$salloc" || true
	wait_for_nothing
	# free again: now it is the bridge that is missing
	refused 75 "network lan: " --vm=tiny --vm-network=lan
	refute grep -q 'in use' "$folder/err"
}

@test "wnodes.conf: what a network cannot be is said with file and line, to the job and by wnodes check" {
	site '[network fast]' 'type = sriov' 'pf = ens1f0' 'vlan = 4095' 'bridge = br0' '[network lan]' 'type = bridge'
	last=$(wc -l < "$folder/wnodes.conf")
	refused 75 "wnodes.conf:$((last + 4)): vlan: '4095' is not a number from 0 to 4094" --vm=tiny
	run -75 as_root wnodes check
	echo "$output"
	[ "$(grep -c "wnodes.conf:$((last + 4)): vlan" <<< "$output")" -eq 1 ]
	site '[network fast]' 'type = sriov' 'pf = ens1f0' 'bridge = br0' 'groups = no-such-group' '[network lan]' 'type = bridge'
	refused 75 "wnodes.conf:$((last + 4)): .network fast.: networks of type sriov have no bridge" --vm=tiny
	run -75 as_root wnodes check
	echo "$output"
	[ "$(grep -c 'networks of type sriov have no bridge' <<< "$output")" -eq 1 ]
	[ "$(grep -c 'lan. of type bridge needs bridge' <<< "$output")" -eq 1 ]
	grep -q 'note: \[network fast\]: this node knows no group no-such-group' <<< "$output"
	site '[network lan]' 'type = bridge'
	refused 75 "wnodes.conf:$((last + 2)): .network lan. of type bridge needs bridge" --vm=tiny
	site '[policy]' 'network = lan'
	refused 75 "network = lan: there is no .network lan." --vm=tiny
}
