#!/usr/bin/env bats
# shellcheck disable=SC2154 # common.bash and setup_file set them
# The kinds bridge, macvtap and user on this host: a bridge with a peer in a
# network namespace of its own, which has a DHCP server, a web server and an
# ear for every frame.
load lib/common
bats_require_minimum_version 1.5.0

setup_file()
{
	export BATS_TEST_TIMEOUT=180
	make_folder
	keep_conf
	tag=t${WNODES_CLUSTER_PREFIX:-n}
	export tag
	wait_until 30 is_idle
	make_lan
	site '[network lan]' 'type = bridge' "bridge = ${tag}br" \
		'[network open]' 'type = bridge' "bridge = ${tag}br" 'spoofchk = off' 'address = none' \
		'[network mine]' 'type = bridge' "bridge = ${tag}br" 'addresses = 10.77.0.10-10.77.0.19/24' \
		'[network tap]' 'type = macvtap' "device = ${tag}m" \
		'[network alone]' 'type = macvtap' "device = ${tag}o" 'mode = passthru' \
		'[network passt]' 'type = user' 'backend = passt' \
		'[network slirp]' 'type = user' 'backend = slirp' \
		'[network gone]' 'type = bridge' "bridge = ${tag}none" \
		'[network nobridge]' 'type = bridge' "bridge = ${tag}m" \
		'[network vlan]' 'type = bridge' "bridge = ${tag}br" 'vlan = 7' \
		'[network account]' 'type = bridge' "bridge = ${tag}br" 'account_vlans = chem:7' \
		'[network loop]' 'type = macvtap' 'device = lo' \
		'[network patient]' 'type = user' 'wait = yes' 'wait_timeout = 3600' \
		'[network large]' 'type = bridge' "bridge = ${tag}br" 'mtu = 9000'
}

teardown_file()
{
	restore_conf
	as_user scancel -u "$test_user"
	for name in dnsmasq http ear host; do
		[ ! -s "$folder/$name.pid" ] || kill "$(cat "$folder/$name.pid")" || true
	done
	wait_for_nothing
	for link in "${tag}br" "${tag}p" "${tag}m" "${tag}o"; do ip link del "$link" 2> /dev/null || true; done
	ip netns del "${tag}peer" 2> /dev/null || true
	rm -rf "$folder"
}

site()
{
	{ cat "$folder/wnodes.conf"; printf '%s\n' "$@"; } > "$wnodes/wnodes.conf"
}

# The bridge, the device for macvtaps, and behind both the peer with what serves there.
make_lan()
{
	local peer=(ip netns exec "${tag}peer")
	ip link add "${tag}br" type bridge
	ip netns add "${tag}peer"
	ip link add "${tag}p" type veth peer name eth0 netns "${tag}peer"
	ip link add "${tag}m" type veth peer name "${tag}n"
	ip link set "${tag}p" master "${tag}br" up
	ip link set "${tag}n" master "${tag}br" up
	ip link set "${tag}m" up
	ip link add "${tag}o" type veth peer name "${tag}q"
	cat "/sys/class/net/${tag}o/address" > "$folder/mac"
	ip link set "${tag}o" up
	ip link set "${tag}q" up
	ip link set "${tag}br" up
	ip -n "${tag}peer" addr add 10.77.0.1/24 dev eth0
	ip -n "${tag}peer" link set eth0 up
	ip -n "${tag}peer" link set lo up
	"${peer[@]}" dnsmasq --conf-file=/dev/null --port=0 --interface=eth0 --bind-interfaces --pid-file="$folder/dnsmasq.pid" \
		--dhcp-range=10.77.0.100,10.77.0.200,255.255.255.0,1h --dhcp-leasefile="$folder/leases" --log-facility="$folder/dnsmasq.log"
	mkdir "$folder/www"
	echo "served by the peer" > "$folder/www/page"
	"${peer[@]}" python3 -m http.server --bind 10.77.0.1 --directory "$folder/www" 80 > /dev/null 2>&1 3>&- &
	echo $! > "$folder/http.pid"
	"${peer[@]}" python3 -u "$common_top/tests/lib/ear.py" eth0 > "$folder/frames" 2>&1 3>&- &
	echo $! > "$folder/ear.pid"
}

# address JOB NIC: of the guest's
address()
{
	job=$1 in_job ip -4 -o addr show dev "$2" 2> /dev/null | sed -n 's|.* inet \([0-9.]*\)/.*|\1|p'
}

has_address()
{
	[ -n "$(address "$1" "$2")" ]
}

# page JOB URL: what the guest gets
page()
{
	job=$1 in_job timeout 5 wget -q -O - "$2"
}

netdevs()
{
	grep -l "^wnodes: job $1 on " /sys/class/net/*/ifalias | sed 's|/ifalias||; s|.*/||' | sort
}

# port NAME FLAG: of a bridge's port
port()
{
	bridge -d link show dev "$1" | tr ' ' '\n' | grep -A 1 -x "$2" | tail -n 1
}

# refused CODE PATTERN NETWORKS: the code and a line
refused()
{
	local code=0
	as_user srun --vm=tiny --vm-network="$3" echo it ran > "$folder/out" 2> "$folder/err" || code=$?
	cat "$folder/err"
	echo "code $code"
	[ "$code" -eq "$1" ]
	grep -qE "^wnodes: .*$2" "$folder/err"
	refute grep -q "it ran" "$folder/out"
}

@test "bridge: the guest has its address from the site's DHCP server and reaches the peer" {
	one=$(machine --vm=tiny --vm-network=lan,tap,passt)
	two=$(machine --vm=tiny --vm-network=mine,open,slirp,alone)
	echo "$one $two" > "$folder/jobs"
	wait_until 30 has_address "$one" eth0
	[ "$(page "$one" http://10.77.0.1/page)" = "served by the peer" ]
	grep -qi "$(job=$one in_job cat /sys/class/net/eth0/address)" "$folder/leases"
	# two jobs on one bridge see each other
	wait_until 30 has_address "$two" eth0
	there=$(address "$two" eth0)
	job=$two in_job sh -c 'echo hello from the other | nc -l -p 7777' &
	listener=$!
	wait_until 20 eval "[ \"\$(job=$one in_job nc -w 3 $there 7777 < /dev/null)\" = 'hello from the other' ]"
	wait "$listener"
}

@test "bridge: the tap is root's, and its port learns nothing, knows the MAC and hides others' frames" {
	read -r one _ < "$folder/jobs"
	tap=$(netdevs "$one" | head -n 1)
	mac=$(job=$one in_job cat /sys/class/net/eth0/address)
	bridge fdb show dev "$tap" | grep -q "^$mac .*static"
	[ "$(port "$tap" learning) $(port "$tap" flood) $(port "$tap" bcast_flood)" = "off off on" ]
	[ "$(port "${tag}p" learning)" = on ]
	refute [ "$(cat "/sys/class/net/${tag}br/address")" = "$(cat "/sys/class/net/$tap/address")" ]
	[ "$(cat "/sys/class/net/$tap/owner" "/sys/class/net/$tap/group" | xargs)" = "0 0" ]
	# a tap without an owner is anybody's who can open /dev/net/tun; the machine's are not
	mknod "$folder/tun" c 10 200
	chmod 0666 "$folder/tun"
	ip tuntap add dev "${tag}any" mode tap vnet_hdr
	as_user python3 "$common_top/tests/lib/attach.py" "$folder/tun" "${tag}any" "$tap" > "$folder/attached" || true
	ip link del "${tag}any"
	cat "$folder/attached"
	[ "$(xargs < "$folder/attached")" = "attached EPERM" ]
}

# heard PATTERN: whether the peer has heard such a frame
heard()
{
	grep -qE "$1" "$folder/frames"
}

# misbehave JOB NIC NET: with addresses 10.NET.0.x, as another MAC, to 01:80:c2:00:00:00, which 802.1D keeps for
# spanning tree, and to a DHCP client's port, as an answer of a server's
misbehave()
{
	job=$1 in_job su -c "ip link set $2 up; ip addr add 10.$3.0.9/24 dev $2
		arp -i $2 -s 10.$3.0.1 $(ip -n "${tag}peer" -o link show eth0 | sed 's|.*link/ether ||; s| .*||')
		arp -i $2 -s 10.$3.0.2 01:80:c2:00:00:00
		arp -i $2 -s 10.$3.0.3 02:00:00:00:00:68
		for to in 10.$3.0.1 10.$3.0.2 '10.$3.0.3 68'; do timeout 1 tftp -g -r x \$to 2> /dev/null; done
		mac=\$(cat /sys/class/net/$2/address); end=\${mac#*:*:*:}
		ip link set $2 address 02:ba:d0:\$end; arping -c 1 -w 1 -s 10.$3.0.9 -I $2 10.77.0.1 > /dev/null
		ip link set $2 address \$mac; ip addr del 10.$3.0.9/24 dev $2; echo \$mac"
}

@test "a guest sends from its own MAC and address alone, and nothing to switches" {
	read -r one two < "$folder/jobs"
	local pids=()
	misbehave "$two" eth1 80 > "$folder/open" & pids+=($!)
	misbehave "$one" eth0 81 > "$folder/eth0" & pids+=($!)
	misbehave "$one" eth1 82 > "$folder/eth1" & pids+=($!)
	wait "${pids[@]}"
	# where the site trusts guests all of it arrives
	mac=$(cat "$folder/open")
	for frame in "^$mac .* 0x0800 10.80.0.9$" "^$mac 01:80:c2:00:00:00 " "^02:ba:d0:${mac#*:*:*:} .* 10.80.0.9$" \
		"^$mac 02:00:00:00:00:68 "; do
		wait_until 10 heard "$frame"
	done
	for nic in eth0 eth1; do
		mac=$(cat "$folder/$nic")
		wait_until 10 heard "^$mac .* 0x0800 10.8[12].0.9$"
		for frame in "^$mac 01:80:c2:00:00:00 " "^02:ba:d0:${mac#*:*:*:} " "^$mac 02:00:00:00:00:68 "; do
			refute heard "$frame"
		done
	done
	# the site's choice of an address: nobody else's
	job=$two in_job su -c 'arping -c 1 -w 2 -s 10.77.0.66 -I eth0 10.77.0.1 > /dev/null; arping -c 1 -w 2 -I eth0 10.77.0.1' > /dev/null || true
	wait_until 10 heard " 0x0806 10.77.0.1[0-9]$"
	refute heard " 0x0806 10.77.0.66$"
}

@test "macvtap: the guest has its address and reaches the peer; the character device is root's" {
	read -r one _ < "$folder/jobs"
	macvtap=$(netdevs "$one" | tail -n 1)
	[ "$(ip -d link show "$macvtap" | grep -o 'macvtap mode bridge')" = "macvtap mode bridge" ]
	# the peer sees the macvtap's own MAC and address
	wait_until 30 has_address "$one" eth1
	grep -q " $(job=$one in_job cat /sys/class/net/eth1/address) $(address "$one" eth1) " "$folder/leases"
	[ "$(stat -c '%a %u' "/dev/tap$(cat "/sys/class/net/$macvtap/ifindex")")" = "600 0" ]
	# QEMU has it as a descriptor alone
	job=$one
	refute as_user ls "/proc/$(machine_pid qemu-system)/fd"
}

@test "macvtap passthru: one machine at a time has the device, with its MAC" {
	read -r _ two < "$folder/jobs"
	[ "$(cat "/sys/class/net/${tag}o/address")" = "$(job=$two in_job cat /sys/class/net/eth3/address)" ]
	refute diff -q "/sys/class/net/${tag}o/address" "$folder/mac"
	refused 75 "network alone: device ${tag}o is taken" alone
}

# fetches JOB NIC: the guest gets a page of the host's loopback as the job's user, through that NIC
fetches()
{
	wait_until 30 has_address "$1" "$2"
	[ "$(address "$1" "$2")" = 10.0.2.15 ]
	page "$1" "http://10.0.2.2:$http_port/page" > "$folder/page"
	grep -q 'served to the guest' "$folder/page"
}

# who is connected to the host's web server, with its id
clients()
{
	awk -v port=":$(printf '%04X' "$http_port")" '$3 ~ port "$" { print $8 }' /proc/net/tcp | sort -u
}

@test "user: with passt and with slirp the guest reaches a server on the host, as the job's user" {
	read -r one two < "$folder/jobs"
	port_of_http "$folder/host"
	echo "$http_pid" > "$folder/host.pid"
	fetches "$one" eth2
	fetches "$two" eth2
	# what holds a connection is of the job's user
	job=$one in_job sh -c "sleep 2 | nc 10.0.2.2 $http_port" &
	wait_until 10 eval '[ "$(clients | grep -c -x "$(id -u "$test_user")")" -eq 1 ]'
	wait "$!"
	stop_http
	rm "$folder/host.pid"
	job=$one
	passt=$(machine_pid passt)
	[ "$(sed -n 's/^Uid:\t\([0-9]*\)\t.*/\1/p' "/proc/$passt/status")" = "$(id -u "$test_user")" ]
	[ "$(sed -n 's/^CapEff:\t//p; s/^NoNewPrivs:\t//p; s/^Seccomp:\t//p' "/proc/$passt/status" | xargs)" = "0000000000000000 1 2" ]
	refute as_user ls "/proc/$passt/root" "/proc/$passt/fd"
	job=$two
	refute machine_pid passt
}

@test "a machine with all kinds leaves nothing, whoever of QEMU, the monitor and passt is killed" {
	read -r one two < "$folder/jobs"
	job=$one
	taps=$(netdevs "$one"; netdevs "$two")
	[ "$(wc -w <<< "$taps")" -eq 5 ]
	in_job sleep 60 2> "$folder/err" &
	step=$!
	sleep 1
	kill -9 "$(machine_pid passt)"
	wait "$step" || code=$?
	cat "$folder/err"
	[ "$code" -eq 70 ]
	grep -q "the passt of network passt died" "$folder/err"
	job=$two
	kill -9 "$(machine_pid qemu-system)"
	# shellcheck disable=SC2034 # in_job and machine_pid use it
	job=$(machine --vm=tiny --vm-network=lan,tap,passt)
	in_job true
	kill -9 "$(machine_pid wnodes-monitor)"
	as_user scancel -u "$test_user"
	wait_for_nothing
	for tap in $taps; do refute [ -e "/sys/class/net/$tap" ]; done
	refute grep -qs "^wnodes: job [0-9]* on ${WNODES_CLUSTER_PREFIX:-n}" /sys/class/net/*/ifalias
	diff "/sys/class/net/${tag}o/address" "$folder/mac"
	[ -z "$(bridge fdb show br "${tag}br" | grep wn || true)" ]
}

@test "what the node lacks is said by wnodes check, and with 75 by the job" {
	refused 75 "network gone: ${tag}none: No such device" gone
	refused 75 "network nobridge: ${tag}m is no bridge of the kernel's" nobridge
	refused 75 "network vlan: bridge ${tag}br does not filter VLANs" vlan
	refused 75 "network large: bridge ${tag}br has an MTU of 1500: mtu = 9000 does not fit" large
	as_root wnodes check > "$folder/check" || true
	cat "$folder/check"
	for text in "gone.*No such device" "nobridge.*no bridge" "vlan.*does not filter VLANs" "account.*does not filter VLANs" \
		"loop.*lo is no Ethernet device" "large.*does not fit" "^note: .network patient.: wait_timeout = 3600 is not over before"; do
		grep -q "$text" "$folder/check"
	done
	refute grep -qE "\[network (lan|open|mine|tap|passt|slirp|alone)\]" "$folder/check"
	# without a passt: 75 where the site insists on it, else slirp
	cp "$wnodes/wnodes.conf" "$folder/with"
	for passt in /none /usr/bin/false; do
		sed "s,^\[site\],&\npasst = $passt," "$folder/with" > "$wnodes/wnodes.conf"
		refused 75 "network passt: wnodes.conf says backend = passt, but $passt:" passt
		as_root wnodes check > "$folder/check" || true
		grep -q "network passt\].*backend = passt, but $passt:" "$folder/check"
	done
	as_user srun --vm=tiny true
	# what jobs get that say nothing, though no section is of it
	printf '#!/bin/sh\n' > "$wnodes/qemu"
	chmod 0755 "$wnodes/qemu"
	sed "s,^\[site\],&\npasst = /none\nemulator = $wnodes/qemu," "$folder/with" > "$wnodes/wnodes.conf"
	as_root wnodes check > "$folder/check" || true
	grep -qx "\[network user\]: neither passt nor slirp: $wnodes/qemu: it is built without slirp" "$folder/check"
	rm "$wnodes/qemu"
	cp "$folder/with" "$wnodes/wnodes.conf"
}
