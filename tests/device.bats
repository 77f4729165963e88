#!/usr/bin/env bats
# shellcheck disable=SC2154 # common.bash and setup_file set them
# PCI devices of a GRES: who gets which by Slurm's word, and what is refused. The
# cluster's machine has no IOMMU of its own to hand a device over: the emulated
# node's subjects/device.bash does.
load lib/common
bats_require_minimum_version 1.5.0

setup_file()
{
	export BATS_TEST_TIMEOUT=180
	make_folder
	keep_conf
	wait_until 30 is_idle
}

teardown()
{
	restore_conf
	as_user scancel -u "$test_user"
	wait_for_nothing
}

teardown_file()
{
	rm -rf "$folder"
}

# site LINE…: the cluster's configuration with these lines besides
site()
{
	{
		cat "$folder/wnodes.conf"
		printf '%s\n' "$@"
	} > "$wnodes/wnodes.conf"
}

# refused PATTERN SRUN-ARGUMENTS…: with 75, one line that matches, and nothing ran
refused()
{
	local pattern=$1 code=0
	shift
	as_user srun --vm=tiny "$@" echo it ran > "$folder/out" 2> "$folder/err" || code=$?
	cat "$folder/err"
	[ "$code" -eq 75 ]
	[ "$(grep -c '^wnodes:' "$folder/err")" -eq 1 ]
	grep -qE "^wnodes: .*$pattern" "$folder/err"
	refute grep -q "it ran" "$folder/out"
	wait_for_nothing
	[ -z "$(find "$(cluster_folder)/state/device" -type f ! -name '*lock' 2>/dev/null)" ]
}

@test "Slurm says which device a job has: by index, what has none is refused, nothing is left" {
	site '[device card]' 'gres = card' 'devices = -, ffff:1f:1f.6'
	refused 'no device for index 0 of GRES card, which Slurm gave the job' --gres=card:1
	# index 0 is a job's on the host
	job=$(submit --gres=card:1 --wrap 'sleep 60')
	wait_until 20 job_runs "$job"
	refused 'PCI device ffff:1f:1f.6: ' --gres=card:1 -w "$(job_field "$job" NodeList)"
}

@test "a GRES that Slurm only counts is refused" {
	site '[device fan]' 'gres = fan' 'devices = ffff:1f:1f.6'
	refused 'Slurm only counts GRES fan: gres.conf needs File=' --gres=fan:1
}

@test "a job without the GRES has a machine, and no device" {
	site '[device card]' 'gres = card' 'devices = ffff:1f:1f.6, ffff:1f:1f.7'
	as_user srun --vm=tiny --gres=fan:2 sh -c 'cat /sys/bus/pci/devices/*/class' > "$folder/out"
	grep -q 0x "$folder/out"
}

@test "wnodes check: what is wrong with a section or a device is said" {
	site '[device card]' 'gres = card' 'devices = ffff:1f:1f.6'
	run -75 as_root wnodes check
	grep -F '[device card]: PCI device ffff:1f:1f.6: ' <<< "$output"
	site '[device card]' 'gres = card:big' 'devices = 0000:81:00'
	run -75 as_root wnodes check
	grep -F "gres: 'card:big': a name without a type" <<< "$output"
	grep -F "devices: '0000:81:00' is no PCI address" <<< "$output"
}
