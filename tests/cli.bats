#!/usr/bin/env bats
# The command wnodes, where it is not about a machine that runs: images, check.
load lib/common

setup_file()
{
	export BATS_TEST_TIMEOUT=120
	make_folder
	etc=$(cluster_folder)/etc/wnodes
	export etc
}

teardown()
{
	rm -f "$etc"/images.d/cli-*.conf
	[ ! -e "$folder/wnodes.conf" ] || cp "$folder/wnodes.conf" "$etc/wnodes.conf"
}

teardown_file()
{
	rm -rf "$folder"
}

# json EXPRESSION: of `rows`, the array on standard input; prints what it is
json()
{
	python3 -c 'import json, sys; rows = json.load(sys.stdin); print(eval(sys.argv[1]))' "$1"
}

# image NAME LINE…: an entry of the catalogue that lasts for the test
image()
{
	local name=$1
	shift
	printf '%s\n' '[image]' "$@" > "$etc/images.d/$name.conf"
}

tiny_source()
{
	sed -n 's/^source = //p' "$etc/images.d/tiny.conf"
}

@test "wnodes images: a user sees which images are his, and why not" {
	image cli-theirs "source = $(tiny_source)" "groups = root, daemon"
	image cli-account "source = $(tiny_source)" "users = $test_user" "groups = root" "accounts = physics"
	image cli-broken "source = $(tiny_source)" "colour = blue"
	image cli-gone "source = file:///nonexistent/disk.qcow2"
	as_user wnodes images > "$folder/out"
	cat "$folder/out"
	grep -qE '^tiny +- +[0-9.]+M yes +yes$' "$folder/out"
	grep -qE '^cli-theirs .* yes +no$' "$folder/out"
	grep -q 'image cli-theirs is only for the groups root, daemon' "$folder/out"
	grep -qE '^cli-broken .* broken' "$folder/out"
	grep -q "cli-broken.conf:3: unknown key 'colour'" "$folder/out"
	grep -qE '^cli-gone .* broken' "$folder/out"
	# an account is a job's, not a user's
	grep -qE '^cli-account .* yes, for accounts physics$' "$folder/out"
	as_root wnodes images > "$folder/out"
	grep -qE "^cli-account .* users $test_user or groups root, for accounts physics$" "$folder/out"
	grep -qE '^cli-theirs .* groups root, daemon$' "$folder/out"
	grep -qE '^tiny .* everybody$' "$folder/out"
}

@test "wnodes images --json" {
	as_user wnodes images --json > "$folder/out"
	[ "$(json '[r["state"] for r in rows if r["name"] == "tiny"]' < "$folder/out")" = "['present']" ]
	[ "$(json '[r["allowed"] for r in rows if r["name"] == "tiny"]' < "$folder/out")" = "['yes']" ]
	[ "$(json '[r["size"] for r in rows if r["name"] == "tiny"][0]' < "$folder/out")" = \
		"$(stat -c %s "$(cluster_folder)/images/tiny/disk.qcow2")" ]
	[ "$(json '[r["name"] for r in rows] == sorted(r["name"] for r in rows)' < "$folder/out")" = True ]
}

@test "wnodes check finds nothing wrong with a node that works, and is for root" {
	run as_root wnodes check
	echo "$output"
	[ "$status" -eq 0 ]
	[ "$output" = "no problem found" ]
	run as_user wnodes check
	[ "$status" -eq 77 ]
}

@test "wnodes check says every problem of the configuration, each in a line" {
	cp "$etc/wnodes.conf" "$folder/wnodes.conf"
	printf '%s\n' 'colour = blue' 'boot_timeout = soon' '[partition main]' 'image = no-such-image' '[mounts]' '/nonexistent/cli = ro' >> "$etc/wnodes.conf"
	image cli-one "source = file:///nonexistent/disk.qcow2"
	image cli-two "source = file:///etc/passwd" "groups = no-such-group"
	image cli-three "source = nowhere" "format = vmdk"
	printf '%s\n' '[image]' 'alias = no-such-image' > "$etc/images.d/cli-four.conf"
	run as_root wnodes check
	echo "$output"
	[ "$status" -eq 75 ]
	[ "${#lines[@]}" -eq 10 ]
	# a line names its file once
	grep -qxF "$etc/images.d/cli-four.conf:2: alias: there is no image 'no-such-image'" <<< "$output"
	for text in "unknown key 'colour'" 'boot_timeout:' 'wnodes.conf:[0-9]*: .partition main. image: .*no-such-image' '\[mounts\] /nonexistent/cli' 'image cli-one: .*No such file' \
		'image cli-two: .* is not a qcow2 image' 'note: image cli-two: .*no-such-group' \
		"cli-three.conf:2: .*'nowhere'" 'cli-three.conf:3: format'; do
		[ "$(grep -cE -- "$text" <<< "$output")" -eq 1 ]
	done
	run as_root wnodes check --json
	[ "$status" -eq 75 ]
	[ "$(json 'sorted(set(r["kind"] for r in rows))' <<< "$output")" = "['note', 'problem']" ]
}

@test "wnodes check notes names that nothing has: users, groups, partitions, and an image called none" {
	cp "$etc/wnodes.conf" "$folder/wnodes.conf"
	printf '%s\n' '[policy]' 'user_images = no-such-group' "allow_users = no-such-user, $test_user" '[partition no-such]' \
		'image = tiny' '[partition main]' 'image = tiny' >> "$etc/wnodes.conf"
	image cli-one "source = $(tiny_source)" 'users = no-such-user'
	sed '/^users/d' "$etc/images.d/cli-one.conf" > "$etc/images.d/none.conf"
	run as_root wnodes check
	rm "$etc/images.d/none.conf"
	echo "$output"
	[ "$status" -eq 0 ]
	[ "$(sort <<< "$output")" = "no problem found
note: [partition no-such]: slurm.conf has no such partition
note: [policy] allow_users: this node knows no user no-such-user
note: [policy] user_images: this node knows no group no-such-group
note: image cli-one: this node knows no user no-such-user
note: image none: no job can ask for it, since --vm=none is no machine" ]
}

@test "wnodes check says what is wrong with programs, folders and Slurm" {
	libexec=$(cluster_folder)/usr/libexec/wnodes
	cp "$etc/wnodes.conf" "$folder/wnodes.conf"
	sed -i "s|^slurmd_spool_dir = .*|slurmd_spool_dir = /nonexistent/%n|" "$etc/wnodes.conf"
	echo 'emulator = /nonexistent/qemu' >> "$etc/wnodes.conf"
	chmod 0775 "$libexec/wnodes-run"
	run as_root wnodes check
	chmod 0755 "$libexec/wnodes-run"
	echo "$output"
	[ "$status" -eq 75 ]
	grep -q 'wnodes-run: .*root.s' <<< "$output"
	grep -q 'emulator /nonexistent/qemu: No such file' <<< "$output"
	grep -q 'slurmd_spool_dir = /nonexistent/%n is not there' <<< "$output"
	grep -q 'slurm.conf has SlurmdSpoolDir=' <<< "$output"
	[ "${#lines[@]}" -eq 4 ]
}

@test "wrong arguments: 64 and a line" {
	for arguments in "images x" "images --json x" "check x" "status x" "nothing"; do
		# shellcheck disable=SC2086 # words
		run as_user wnodes $arguments
		echo "$output"
		[ "$status" -eq 64 ]
		[ "${#lines[@]}" -eq 1 ]
	done
}

@test "what systemd sweeps with is installed, and does" {
	local units command
	units=$(cluster_folder)/usr/lib/systemd/system
	systemd-analyze verify --man=no "$units/wnodes-sweep.service" "$units/wnodes-sweep.timer"
	command=$(sed -n 's/^ExecStart=//p' "$units/wnodes-sweep.service")
	# shellcheck disable=SC2086 # a program and its arguments
	as_root $command
	run as_root wnodes sweep --quarantine
	[ "$status" -eq 64 ]
	[ "$output" = "wnodes: sweep takes no arguments but --keep-quarantine" ]
}
