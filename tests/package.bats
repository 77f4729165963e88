#!/usr/bin/env bats
# The guest's packages. That the .deb installs and its machine boots every test shows that uses the
# image debian-wn: tests/images/debian-wn.bash installs it there.
load lib/common

setup_file()
{
	folder=$(mktemp -d /var/tmp/wnodes-test.XXXXXX)
	export folder
	make -s -C "$common_top" BUILD="$folder/build" guest-package > "$folder/paths"
	version=$(make -s -C "$common_top" --eval 'version: ; @echo $(VERSION)' version)
	export version
}

teardown_file()
{
	rm -rf "$folder"
}

contents='-rwxr-xr-x /etc/init.d/wnodes-agent
-rw-r--r-- /usr/lib/systemd/system-preset/50-wnodes-agent.preset
-rw-r--r-- /usr/lib/systemd/system/wnodes-agent.service
-rwxr-xr-x /usr/libexec/wnodes/wnodes-agent'

@test "a .deb and an .rpm, with the version of the Makefile" {
	[ "$(tail -n 2 "$folder/paths")" = "$folder/build/guest-package/wnodes-agent_${version}_amd64.deb
$folder/build/guest-package/wnodes-agent-$version-1.x86_64.rpm" ]
	[ "$(dpkg-deb -f "$folder"/build/guest-package/*.deb Version)" = "$version" ]
	[ "$(rpm -qp --qf '%{VERSION}' "$folder"/build/guest-package/*.rpm)" = "$version" ]
}

@test "both have the agent, its unit, its preset and its init script, root's" {
	[ "$(dpkg-deb -c "$folder"/build/guest-package/*.deb | awk '$2 != "root/root" { print } /^-/ && !/copyright$/ { print $1, substr($6, 2) }' | sort -k 2)" = "$contents" ]
	[ "$(rpm -qplv "$folder"/build/guest-package/*.rpm | awk '$3 != "root" || $4 != "root" { print } /^-/ { print $1, $NF }' | sort -k 2)" = "$contents" ]
}

@test "the agent in them is the one that was built, static and for any Linux" {
	mkdir "$folder/deb" "$folder/rpm"
	dpkg-deb -x "$folder"/build/guest-package/*.deb "$folder/deb"
	(cd "$folder/rpm" && rpm2cpio "$folder"/build/guest-package/*.rpm | cpio -idm --quiet)
	cmp "$folder/deb/usr/libexec/wnodes/wnodes-agent" "$folder/rpm/usr/libexec/wnodes/wnodes-agent"
	[ "$("$folder/rpm/usr/libexec/wnodes/wnodes-agent" --version)" = "wnodes-agent $version" ]
	[ "$(readelf -lW "$folder/rpm/usr/libexec/wnodes/wnodes-agent" | grep -c -e LOAD -e INTERP)" = \
		"$(readelf -lW "$folder/rpm/usr/libexec/wnodes/wnodes-agent" | grep -c LOAD)" ]
	# a payload that rpm 4.8 unpacks, and nothing required that a guest may lack
	[ "$(rpm -qp --qf '%{PAYLOADCOMPRESSOR}' "$folder"/build/guest-package/*.rpm)" = gzip ]
	[ "$(rpm -qpR "$folder"/build/guest-package/*.rpm | grep -v '^rpmlib' | sort -u)" = /bin/sh ]
}

@test "the init script keeps the agent running, and stops it" {
	local agent=$folder/agent script=$folder/wnodes-agent
	printf '#!/bin/sh\necho $$ >> %s/pids\nexec sleep 60\n' "$folder" > "$agent"
	chmod 0755 "$agent"
	sed "s|^agent=.*|agent=$agent|; s|^pidfile=.*|pidfile=$folder/pid|" "$common_top/guest/wnodes-agent.init" > "$script"
	chmod 0755 "$script"
	refute "$script" status
	"$script" start
	wait_until 10 test -s "$folder/pids"
	"$script" start # again: no second one
	"$script" status
	kill "$(head -n 1 "$folder/pids")"
	wait_until 10 eval '[ "$(wc -l < "$folder/pids")" -eq 2 ]'
	"$script" stop
	refute "$script" status
	wait_until 10 refute kill -0 "$(tail -n 1 "$folder/pids")" 2> /dev/null
	[ "$(wc -l < "$folder/pids")" -eq 2 ]
}
