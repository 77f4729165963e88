#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2154 # the tasks' shells expand; setup_file sets
# What the guest is called, and whom it knows.
load lib/common

setup_file()
{
	export BATS_TEST_TIMEOUT=120
	make_folder
	hold_machine
	other=$(machine --vm=tiny)
	export other
	# a user of whom the guest has never heard: a long name, 64 groups more, no home and no shell there
	export user=${test_user%-alice}-a.long.name.of.32_bytes___
	user=${user:0:31}x
	groups=()
	for i in $(seq 64); do
		groups+=("wn${WNODES_CLUSTER_PREFIX:-n}-group-$i")
		groupadd "${groups[-1]}"
	done
	new_user -d "/home/not/in/any/guest/$user" -s /opt/shells/none -U -G "$(IFS=,; echo "${groups[*]}")" "$user"
	theirs=$(as_stranger sbatch --parsable --chdir=/ --output=/dev/null --vm=tiny --wrap 'sleep 900')
	export theirs
	wait_until 30 job_runs "$theirs"
	as_user srun --jobid="$other" --overlap -n1 true
}

# new_user USERADD-OPTIONS…: with a number that nobody has had here: Slurm remembers a number's groups
new_user()
{
	useradd -M -u $((30000 + RANDOM % 30000)) "$@"
}

teardown_file()
{
	local p=${test_user%-alice}
	as_root scancel "$theirs" "$other"
	release_machine
	userdel "$user"
	userdel "$p-clash"
	userdel "$p-toor"
	for i in 1 2 3; do ! getent group "$p-c$i" > /dev/null || groupdel "$p-c$i"; done
	rm -rf "$(cluster_folder)/clash" "$(cluster_folder)/etc/wnodes/images.d/tiny-clash.conf"
	for i in $(seq 64); do groupdel "wn${WNODES_CLUSTER_PREFIX:-n}-group-$i"; done
	rm -rf "$folder"
}

as_stranger()
{
	cluster exec --user "$user" -- "$@"
}

in_theirs()
{
	as_stranger srun --chdir=/ --jobid="$theirs" --overlap -n1 "$@"
}

# wnodes(7): names
@test "the hostname is NODE-JOB, and the guest knows it" {
	[ "$(in_job hostname)" = "$node-$job" ]
	[ "$(in_job hostname -f)" = "$node-$job" ]
	[ "$(in_job cat /etc/hostname)" = "$node-$job" ]
	in_job ping -c 1 -W 2 "$node-$job" > /dev/null || in_job grep -q "^127.0.1.1 $node-$job " /etc/hosts
	[ "$(in_job grep -c localhost /etc/hosts)" -eq 1 ]
}

@test "every machine has a machine-id of its own: its UUID" {
	local a b
	a=$(in_job cat /etc/machine-id)
	b=$(as_user srun --jobid="$other" --overlap -n1 cat /etc/machine-id)
	[[ "$a" =~ ^[0-9a-f]{32}$ && "$b" =~ ^[0-9a-f]{32}$ ]]
	[ "$a" != "$b" ]
	[ "$(in_job su -c 'cat /sys/class/dmi/id/product_uuid' | tr -d -)" = "$a" ]
}

@test "a site's hostname" {
	local conf id
	conf=$(cluster_folder)/etc/wnodes/wnodes.conf
	cp "$conf" "$folder/wnodes.conf"
	sed -i 's/^\[site\]/&\nhostname = vm%j.%n.example.org/' "$conf"
	id=$(submit --vm=tiny --output="$folder/site" --wrap 'hostname; hostname -f; hostname -s; cat /etc/hosts')
	wait_job "$id" 60
	cat "$folder/wnodes.conf" > "$conf"
	cat "$folder/site"
	[ "$(head -n 3 "$folder/site" | xargs)" = "vm$id.$node.example.org vm$id.$node.example.org vm$id" ]
	grep -q "^127.0.1.1 vm$id.$node.example.org vm$id " "$folder/site"
}

# /dev/random blocks on an old kernel that has gathered nothing; none may wait long
@test "random numbers are there at once" {
	[ -c "$(in_job ls /dev/hwrng)" ] || in_job test -c /dev/hwrng
	in_job sh -c 'head -c 512 /dev/random | wc -c' > "$folder/random"
	[ "$(cat "$folder/random")" -eq 512 ]
	[ "$(in_job cat /proc/sys/kernel/random/entropy_avail)" -ge 128 ]
}

# wnodes(7): users
@test "a user whom only the host knows, with 64 groups" {
	local id_host id_guest
	id_host=$(as_stranger id)
	id_guest=$(in_theirs id)
	echo "$id_host"
	echo "$id_guest"
	[ "${id_host%% groups=*}" = "${id_guest%% groups=*}" ]
	[ "$(tr , '\n' <<< "${id_host##*=}" | sort)" = "$(tr , '\n' <<< "${id_guest##*=}" | sort)" ]
	[ "$(in_theirs id -un)" = "$user" ]
	[ "$(in_theirs id -G | wc -w)" -eq 65 ]
	[ "$(in_theirs sh -c 'touch /tmp/theirs; stat -c %U /tmp/theirs')" = "$user" ]
}

@test "a home that is not in the guest is made there, empty; a shell that is not there is /bin/sh" {
	[ "$(in_theirs sh -c 'echo $HOME; cd; pwd; ls -A; echo kept > mine; cat mine; stat -c "%a %U" .' | xargs)" = \
		"/home/not/in/any/guest/$user /home/not/in/any/guest/$user kept 700 $user" ]
	[ "$(in_theirs sh -c 'stat -c "%a %u" /home/not/in' | xargs)" = "755 0" ]
	[ "$(in_theirs sh -c 'grep "^$(id -un):" /etc/passwd')" = "$user:*:$(id -u "$user"):$(id -g "$user"):$user:/home/not/in/any/guest/$user:/bin/sh" ]
	# the host's is not touched
	[ ! -e /home/not ]
}

# image_of_clashes PASSWD GROUP: an image as tiny, these lines at the end of its files; its catalogue entry is tiny-clash
image_of_clashes()
{
	local image name
	image=$(cluster_folder)/clash
	mkdir "$image"
	# -U: security.bats on another Slurm holds a lock on the same file
	qemu-img convert -U -O raw "$(cluster_folder)/images/tiny/disk.qcow2" "$image/raw"
	for name in passwd group; do
		{ debugfs -R "cat /etc/$name" "$image/raw" 2> /dev/null; echo "$1"; } > "$image/$name"
		printf 'rm /etc/%s\nwrite %s /etc/%s\n' $name "$image/$name" $name | debugfs -w -f - "$image/raw" > /dev/null 2>&1
		debugfs -R "cat /etc/$name" "$image/raw" 2> /dev/null | cmp - "$image/$name"
		shift
	done
	qemu-img convert -O qcow2 "$image/raw" "$image/disk.qcow2"
	chmod 0444 "$image/disk.qcow2"
	sed "s|^source = .*|source = file://$image/disk.qcow2|" "$(cluster_folder)/etc/wnodes/images.d/tiny.conf" \
		> "$(cluster_folder)/etc/wnodes/images.d/tiny-clash.conf"
}

# wnodes(7): user, groups
@test "names and numbers that the image gives to others: id says what it says on the host" {
	local p=${test_user%-alice} uid gid taken script pids=()
	for i in 1 2 3; do groupadd "$p-c$i"; done
	new_user -d / -U -G "$p-c1,$p-c2,$p-c3" "$p-clash"
	new_user -d / -N -g "$p-c3" "$p-toor"
	uid=$(id -u "$p-clash") gid=$(id -g "$p-clash") taken=$(getent group "$p-c2" | cut -d: -f3)
	# the user's name with another number, his number with another name; of his groups the first by its name and the
	# second by its number; and names of the guest's root
	image_of_clashes "$p-clash:*:4242:4242::/:/bin/sh"$'\n'"imageuser:*:$uid:$gid::/:/bin/sh"$'\n'"$p-toor:*:0:0::/:/bin/sh" \
		"$p-clash:x:4242:"$'\n'"imagegroup:x:$gid:imageuser"$'\n'"$p-c1:x:4243:"$'\n'"imagegroup2:x:$taken:"$'\n'"$p-c3:x:0:"
	script='id; id -un; id -Gn | tr " " "\n" | sort | xargs; touch /tmp/mine; stat -c "%u:%g %U:%G" /tmp/mine
		/usr/bin/su -c "chown 4242:4243 /tmp/mine; stat -c %U:%G /tmp/mine"'
	for user in "$p-clash" "$p-toor"; do
		as_stranger srun --chdir=/ -n1 --vm=tiny-clash sh -c "$script" > "$folder/$user" &
		pids+=($!)
		as_stranger id > "$folder/$user.host"
	done
	wait "${pids[@]}"
	cat "$folder/$p-clash" "$folder/$p-toor"
	# the third group's name is that of the guest's root, and is not taken over
	diff <(sed 1q "$folder/$p-clash" | tr ' ,=' '\n' | sort) <(sed "s/\([0-9]*\)($p-c3)/\1(g\1)/" "$folder/$p-clash.host" | tr ' ,=' '\n' | sort)
	[ "$(sed -n 2p "$folder/$p-clash")" = "$p-clash" ]
	[ "$(sed -n 4p "$folder/$p-clash")" = "$uid:$gid $p-clash:$p-clash" ]
	# the image's own lines serve where they do not stand in the way
	[ "$(sed -n 5p "$folder/$p-clash")" = "$p-clash:$p-c1" ]
	uid=$(id -u "$p-toor") gid=$(id -g "$p-toor")
	[ "$(head -n 1 "$folder/$p-toor")" = "uid=$uid(u$uid) gid=$gid(g$gid) groups=$gid(g$gid)" ]
}
