#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2154 # the tasks' shells expand; setup_file sets
# Networks in the guest: addresses, routes, MTU and name servers are there before
# the first task where the network says so, in guests of several kinds. The
# host's end is a bridge with a DHCP server, and one that nobody is on.
load lib/common
bats_require_minimum_version 1.5.0

setup_file()
{
	export BATS_TEST_TIMEOUT=300
	make_folder
	keep_conf
	bridge=wnt$$ net=10.$((100 + RANDOM % 100)).$((RANDOM % 256))
	export bridge net
	ip link add "$bridge-a" type bridge
	ip link add "$bridge-b" type bridge
	ip addr add "$net.1/24" dev "$bridge-a"
	ip link set "$bridge-a" up
	ip link set "$bridge-b" up
	serve_addresses
	cat >> "$wnodes/wnodes.conf" <<-EOF2
		[network fixed]
		type = bridge
		bridge = $bridge-a
		addresses = $net.50-$net.59/24
		gateway = $net.1
		dns = $net.1
		mtu = 1400
		wait = yes
		# a distribution that is emulated asks late
		[network asked]
		type = bridge
		bridge = $bridge-a
		wait = yes
		wait_timeout = 150
		[network nobody]
		type = bridge
		bridge = $bridge-b
		wait = yes
		wait_timeout = 3
		[network late]
		type = user
		wait = yes
	EOF2
	wait_until 30 is_idle
}

teardown_file()
{
	restore_conf
	as_user scancel -u "$test_user"
	wait_for_nothing
	kill "$(cat "$folder/udhcpd.pid")" "$(cat "$folder/httpd.pid")"
	ip link del "$bridge-a"
	ip link del "$bridge-b"
	rm -rf "$folder"
}

# A DHCP server on the first bridge, and a page.
serve_addresses()
{
	: > "$folder/leases"
	printf '%s\n' "start $net.100" "end $net.199" "interface $bridge-a" "lease_file $folder/leases" \
		"pidfile $folder/udhcpd.pid" "option subnet 255.255.255.0" "option router $net.1" \
		"option dns $net.1" "option lease 3600" > "$folder/udhcpd.conf"
	busybox udhcpd -f -I "$net.1" "$folder/udhcpd.conf" > "$folder/udhcpd.log" 2>&1 3>&- &
	wait_until 10 test -s "$folder/udhcpd.pid"
	mkdir "$folder/www"
	echo 'the bridge says hello' > "$folder/www/page"
	busybox httpd -f -p "$net.1:8080" -h "$folder/www" > /dev/null 2>&1 3>&- &
	echo $! > "$folder/httpd.pid"
}

# What a task sees of the network as it begins.
seen='ip -4 -o addr show scope global | sed "s/^[0-9]*: //; s/ brd.*//"; ip route show default
	cat /etc/resolv.conf; for nic in eth0 eth1; do [ ! -e /sys/class/net/$nic ] || cat /sys/class/net/$nic/mtu; done
	fetch() { curl -s -m 10 "http://$1:$2/page" 2> /dev/null || wget -q -O - "http://$1:$2/page"; }; fetch '

@test "a pool's address, its MTU, route and name server are there before the first task; DHCP's beside it" {
	as_user srun --vm=tiny --vm-network=fixed,asked sh -c "$seen $net.1 8080" > "$folder/out"
	cat "$folder/out"
	grep -qE "^eth0 +inet $net.5[0-9]/24" "$folder/out"
	grep -qE "^eth1 +inet $net.1[0-9][0-9]/24" "$folder/out"
	# the first network's route is the first
	grep '^default' "$folder/out" | head -n 1 | grep -q "via $net.1 dev eth0"
	[ "$(grep '^default' "$folder/out" | grep -c metric)" -eq 1 ]
	grep -qx "nameserver $net.1" "$folder/out"
	[ "$(grep -xE '1400|1500' "$folder/out" | xargs)" = "1400 1500" ]
	grep -qx 'the bridge says hello' "$folder/out"
}

@test "a kernel of 2009 gets the same" {
	as_user srun --vm=tiny-oldkernel --vm-network=fixed sh -c "$seen $net.1 8080" > "$folder/out"
	cat "$folder/out"
	grep -qE "^eth0 +inet $net.5[0-9]/24" "$folder/out"
	grep -qx "nameserver $net.1" "$folder/out"
	grep -qx 1400 "$folder/out"
	grep -qx 'the bridge says hello' "$folder/out"
}

@test "no address in time: 75, and a line that says which network" {
	run -75 --separate-stderr as_user srun --vm=tiny --vm-network=nobody echo it ran
	echo "$stderr"
	[ -z "$output" ]
	[ "$(grep -c '^wnodes:' <<< "$stderr")" -eq 1 ]
	grep -q '^wnodes: .*network nobody: no address after 3 s: no DHCP server has given it one$' <<< "$stderr"
	wait_until 30 is_idle
}

@test "behind address translation, too, the first task can reach out at once" {
	local code=0
	port_of_http "$folder/http"
	as_user srun --vm=tiny --vm-network=late sh -c "$seen 10.0.2.2 $http_port" > "$folder/out" || code=$?
	stop_http
	cat "$folder/out"
	[ "$code" -eq 0 ]
	grep -qE '^eth0 +inet 10\.0\.2\.15/24' "$folder/out"
	grep -q '^default via 10.0.2.2 dev eth0' "$folder/out"
	grep -q '^nameserver ' "$folder/out"
	grep -q 'served to the guest' "$folder/out"
}

@test "systemd's network and resolver keep what the agent set" {
	as_user srun --vm=debian-wn --vm-network=fixed,asked bash -c "$seen $net.1 8080
		readlink /etc/resolv.conf
		for nic in /sys/class/net/e*; do echo \${nic##*/} \$(cat \$nic/mtu); done | sort
		echo first of the two:
		nic=\$(ip -o -4 addr show scope global | grep '$net.5[0-9]/24' | awk '{ print \$2 }')
		for i in \$(seq 100); do networkctl status \$nic 2> /dev/null | grep -q '(configured)' && break; sleep 0.3; done
		networkctl status \$nic --no-pager | grep -E 'State:|Address: |DNS: |Network File'
		ip -4 -o addr show dev \$nic; resolvectl dns \$nic" > "$folder/out"
	cat "$folder/out"
	grep -qE "inet $net.5[0-9]/24" "$folder/out"
	grep -qE "inet $net.1[0-9][0-9]/24" "$folder/out"
	grep -qx 'the bridge says hello' "$folder/out"
	grep -qx '../run/systemd/resolve/stub-resolv.conf' "$folder/out"
	grep -q 'State: .*(configured)' "$folder/out"
	grep -q 'Network File: /run/systemd/network/10-wnodes-' "$folder/out"
	# one address, and not by DHCP besides
	[ "$(sed -n '/^first of the two:/,$p' "$folder/out" | grep -c ' inet ')" -eq 1 ]
	sed -n '/^first of the two:/,$p' "$folder/out" | grep -q "DNS: $net.1"
}
