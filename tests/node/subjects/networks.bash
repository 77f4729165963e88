# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Bridges that filter VLANs, macvtaps and passt, under KVM with vhost-net.
. /share/subjects/lib.bash

prepare() {
	configure <<-EOF2
		[network plain]
		type = bridge
		bridge = br0
		[network blue]
		type = bridge
		bridge = br0
		vlan = 100
		wait = yes
		[network red]
		type = bridge
		bridge = br0
		vlan = 200
		addresses = 10.200.2.10-10.200.2.20/24
		wait = yes
		[network tap]
		type = macvtap
		device = up1
		wait = yes
		[network passt]
		type = user
		backend = passt
		wait = yes
		[network slirp]
		type = user
		backend = slirp
	EOF2
	wnodes check
}

address() { root_of "$1" ip -4 -o address show dev "$2" | sed -n 's|.* inet \([0-9.]*\)/.*|\1|p'; }
# netdev NUMBER: of the held machine's network
netdev() { grep -l "job $(job) on" /sys/class/net/wn*-"$1"/ifalias | cut -d/ -f5; }

two() {
	hold_machine --vm-network=blue,tap,passt
	hold_second --vm-network=blue,red,slirp
	address "$(job)" eth0 | grep -x '10\.100\.2\.1[0-9][0-9]'
	root_of "$(second)" ip -4 -o address
	address "$(second)" eth1 | grep -x '10\.200\.2\.1[0-9]'
}

vlans() {
	local tap
	pings "$(job)" 10.100.2.2
	pings "$(second)" 10.200.2.2
	# both in one VLAN, the other is in another
	pings "$(job)" "$(address "$(second)" eth0)"
	root_of "$(job)" ip address add 10.200.2.99/24 dev eth0
	equals 1 "$(status_of pings "$(job)" 10.200.2.2)"
	equals 1 "$(status_of pings "$(job)" 10.200.2.10)"
	root_of "$(job)" ip address del 10.200.2.99/24 dev eth0
	tap=$(netdev 0)
	equals "100 PVID Egress Untagged" "$(bridge vlan show dev "$tap" | sed -n "s/^$tap *//p" | xargs)"
	equals 1 "$(bridge fdb show dev "$tap" | grep -c 'vlan 100 .*static')"
}

# the kernel's own threads carry its frames
vhost() {
	local pid
	pid=$(machine_pid qemu-system)
	find "/proc/$pid/fd" -lname '/dev/vhost-net' | grep .
	find "/proc/$pid/fd" -lname '/dev/net/tun' | grep .
}

# another MAC than the machine's does not get out, to which the peer would answer
spoof() {
	local nic peer mac
	for nic in eth0:10.100.2.2:peer2.100 eth1:10.10.3.2:peer3; do
		peer=${nic#*:}
		nic=${nic%%:*}
		capture 60 "${peer#*:}" arp
		mac=$(root_of "$(job)" cat "/sys/class/net/$nic/address")
		root_of "$(job)" arping -c 2 -w 4 -I "$nic" "${peer%:*}"
		root_of "$(job)" "ip link set $nic address 02:00:00:00:00:77; arping -c 2 -w 4 -I $nic ${peer%:*}; ip link set $nic address $mac"
		kill $listener
		wait $listener || true
		cat /run/frames
		grep -q "$mac > " /run/frames
		equals "" "$(grep '02:00:00:00:00:77 > ' /run/frames)"
	done
}

macvtap() {
	local address
	address=$(address "$(job)" eth1)
	grep -x '10\.10\.3\.1[0-9][0-9]' <<<"$address"
	pings "$(job)" 10.10.3.2
	equals "600 root" "$(stat -c '%a %U' "/dev/tap$(cat "/sys/class/net/$(netdev 1)/ifindex")")"
}

user() {
	local passt server
	python3 -c '
import socket
server = socket.create_server(("127.0.0.1", 5555))
while True:
    client, _ = server.accept()
    client.sendall(b"served by the node\n")
    client.close()' &
	server=$!
	sleep 1
	equals "served by the node" "$(root_of "$(job)" nc -w 5 10.0.2.2 5555 </dev/null)"
	equals "served by the node" "$(root_of "$(second)" nc -w 5 10.0.2.2 5555 </dev/null)"
	kill $server
	passt=$(machine_pid passt)
	equals "$(id -u alice)" "$(sed -n 's/^Uid:\t\([0-9]*\)\t.*/\1/p' "/proc/$passt/status")"
	equals "0000000000000000 1 2" "$(sed -n 's/^CapEff:\t//p; s/^NoNewPrivs:\t//p; s/^Seccomp:\t//p' "/proc/$passt/status" | xargs)"
	equals "" "$(as alice ls "/proc/$passt/root" 2>/dev/null)"
}

kills() {
	scancel "$(second)"
	wait_until 60 job_has_ended "$(second)"
	kill -9 "$(machine_pid passt)"
	wait_until 30 eval "! in_job true"
	scancel "$(job)"
	nothing_left
}

kill_qemu() {
	hold_machine --vm-network=blue,tap
	kill -9 "$(machine_pid qemu-system)"
	wait_until 30 eval "! in_job true"
	scancel "$(job)"
	nothing_left
}

step 20 "networks of the kinds bridge, macvtap and user, which wnodes check accepts" prepare
step 240 "two machines with three NICs each have their addresses before the first task" two
step 60 "a bridge that filters VLANs keeps machines in theirs" vlans
step 20 "vhost-net carries the frames of taps" vhost
step 20 "macvtap: a machine has its address from the outside, which it reaches" macvtap
step 60 "what has another MAC than the machine's does not get out of a tap or macvtap" spoof
step 40 "passt and slirp reach the node's loopback as the job's user" user
step 90 "passt killed: nothing is left" kills
step 150 "QEMU killed: nothing is left" kill_qemu
configure </dev/null
