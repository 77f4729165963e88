# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# A virtual function in the guest: its driver is loaded and its address is there before
# the first task, by DHCP and out of a pool, in guests with and without systemd.
. /share/subjects/lib.bash

networks() {
	configure <<-EOF2
		[network asked]
		type = sriov
		pf = pf0
		wait = yes
		[network fixed]
		type = sriov
		pf = pf0
		addresses = 10.10.0.60-10.10.0.69/24
		gateway = 10.10.0.2
		dns = 10.10.0.2
		wait = yes
	EOF2
}

# first_task NETWORK: what it sees of the network, and whether it reaches the peer outside
first_task() {
	as alice srun -n1 --vm=tiny --vm-network="$1" sh -c 'readlink /sys/class/net/eth0/device/driver
		ip -4 -o addr show dev eth0; ip route; cat /etc/resolv.conf; su -c "ping -c 1 -w 5 10.10.0.2"' >/run/first
	cat /run/first
	grep 'igbvf$' /run/first
	grep ' 0% packet loss' /run/first
}

by_dhcp() {
	first_task asked
	grep -E 'inet 10\.10\.0\.1[0-5][0-9]/24' /run/first
}

of_a_pool() {
	first_task fixed
	grep -E 'inet 10\.10\.0\.6[0-9]/24' /run/first
	grep -x 'default via 10.10.0.2 dev eth0 .*' /run/first
	grep -x 'nameserver 10.10.0.2' /run/first
}

step 30 "networks of virtual functions" networks
step 300 "by DHCP a VF has its address before the first task" by_dhcp
step 300 "one out of a pool, too, with its route and name server" of_a_pool
step 30 "the configuration is what it was" configure </dev/null
