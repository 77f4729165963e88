# shellcheck shell=bash
# What files.bats and virtiofs.bats ask of both ways to the host's directories.
# Machine $job has $folder/work in its place, which the user may write to.

in_guest()
{
	in_job --chdir="$folder/work" sh -c "$1"
}

as_guest_root()
{
	in_job --chdir="$folder/work" /usr/bin/su -c "$1"
}

# The programs of tests/files, into $folder/work
build_probes()
{
	local name
	for name in probe peer stander setuid; do
		gcc -std=gnu17 -D_GNU_SOURCE -O1 -static -o "$folder/work/$name" "$common_top/tests/files/$name.c"
	done
}

# What the probe has left in work/guest is there for the host.
left_on_the_host()
{
	local guest=$folder/work/guest
	[ "$(readlink "$guest/s.link")" = s.file ] || return 1
	[ "$(stat -c %h "$guest/h.one")" = 2 ] || return 1
	[ "$guest/h.one" -ef "$guest/h.other" ] || return 1
	[ "$(cat "$guest/r.other/three")" = new ] || return 1
	[ ! -e "$guest/r.one" ] || return 1
	[ "$(cat "$guest/ro.two")" = ab ] || return 1
	[ "$(stat -c %s "$guest/a")" = 6400 ] || return 1
	[ "$(cat "$guest/mp")" = mapped ] || return 1
	[ "$(cat "$guest/ms")" = Mapped ] || return 1
	[ "$(cat "$guest/big")" = beg ] || return 1
}

# make_shared NAME TEXT: a file in $folder/work
make_shared()
{
	echo "$2" > "$folder/work/$1"
	chown "$test_user" "$folder/work/$1"
}

# Extended attributes go both ways.
attributes_are_shared()
{
	local file=$folder/work/attributed
	make_shared attributed ""
	python3 -c 'import os, sys; os.setxattr(sys.argv[1], "user.host", b"from the host")' "$file"
	[ "$(in_guest './peer xattr attributed')" = "from the host" ] || return 1
	[ "$(python3 -c 'import os, sys; print(os.getxattr(sys.argv[1], "user.guest").decode())' "$file")" = back ]
}

# A folder that is moved out of the directory, while root of the guest stands in
# it, leads neither to where it is now nor to anything beside the directory; nor
# does a symbolic link of the host's that is in its place.
moved_away_leads_nowhere()
{
	local guest
	mkdir -p "$folder/work/room/in" "$folder/away" "$folder/other/in"
	echo inside > "$folder/work/room/in/secret"
	echo outside | tee "$folder/secret" "$folder/away/secret" > "$folder/other/in/secret"
	chmod 0777 "$folder/away" "$folder/work/room" "$folder/work/room/in"
	: > "$folder/stander"
	as_guest_root './stander room/in go' > "$folder/stander" 2>&1 &
	guest=$!
	wait_for_line ready "$folder/stander" || return 1
	mv "$folder/work/room" "$folder/away/room"
	ln -s "$folder/other" "$folder/work/room"
	touch "$folder/work/go"
	wait $guest || return 1
	cat "$folder/stander"
	grep -qx 'done' "$folder/stander" || return 1
	refute grep -wE 'outside|away' "$folder/stander"
}

# tried FILE: what `peer lock` says of both locks in FILE, or its input
tried()
{
	grep -v '^tried$' "$1" | cut -d' ' -f2- | sort -u
}
