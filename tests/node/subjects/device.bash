# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# A PCI device of the node, an NVMe disk behind a port of its own, in the machine of the job
# to which Slurm gave its GRES: what it is before, with and after; who gets it; kill -9.
. /share/subjects/lib.bash

# The PCI address of the card with this serial number.
card() {
	local nvme
	nvme=$(dirname "$(grep -l "^$1 *$" /sys/class/nvme/nvme*/serial)") || return 1
	basename "$(readlink -f "$nvme/device")"
}
driver_of() { basename "$(readlink -f "/sys/bus/pci/devices/$1/driver")"; }
disk_of() { basename "/sys/bus/pci/devices/$1"/nvme/nvme*/nvme*n1; }
cards() {
	local address
	for address in "${card0:?}" "${card1:?}"; do
		echo "$address $(driver_of "$address") $(cat "/sys/bus/pci/devices/$address/driver_override")"
		cat "/sys/bus/pci/devices/$address"/nvme/nvme*/serial
	done
}
# The cards as the host has them: they come some seconds after their driver.
as_before() { diff /run/cards <(cards) >/dev/null 2>&1; }

# sections CARDS: of wnodes.conf
sections() { printf '[device card]\ngres = card\ndevices = %s\n' "$1" | configure; }

before() {
	card0=$(card card0) card1=$(card card1)
	printf 'card0=%s card1=%s\n' "$card0" "$card1" >/run/card.names
	cards | tee /run/cards
	equals 2 "$(grep -c ' nvme (null)$' /run/cards)"
	sections "$card0, $card1"
	wnodes check
}

in_root() { in_job su -c "$*"; }
disks_of_guest() { in_root 'cat /sys/bus/pci/devices/*/class' | grep -c '^0x0108' || true; }

with() {
	. /run/card.names
	hold_machine --gres=card:1
	grep -x phase=ready "/var/lib/wnodes/device/$card0"
	equals vfio-pci "$(driver_of "$card0")"
	equals nvme "$(driver_of "$card1")"
	# the host's own node stays root's; QEMU's was of another namespace, where it is no more
	equals "root 600" "$(stat -c '%U %a' /dev/vfio/[0-9]*)"
	equals 1 "$(disks_of_guest)"
	in_root modprobe nvme
	wait_until 20 in_root test -b /dev/nvme0n1
	equals card0 "$(in_root cat /sys/class/nvme/nvme0/serial | xargs)"
	equals nvme0 "$(in_root head -n 1 /dev/nvme0n1)"
	in_root 'echo guest | dd of=/dev/nvme0n1 bs=512 seek=8 conv=sync,fsync'
	as alice wnodes status "$(job)" | grep 'PCI devices handed over'
}

# All of the machine's memory, from its start.
locked() {
	local qemu mib
	qemu=$(machine_pid qemu-system)
	mib=$(sed -n 's/^memory_mib=//p' /var/lib/wnodes/jobs/cn1/"$(job)".0/machine)
	awk '/^Max locked memory/ { print $4, $5 }' "/proc/$qemu/limits"
	[ "$(awk '/^Max locked memory/ { print $4 / 1048576 }' "/proc/$qemu/limits")" -ge "$mib" ]
	[ $(($(cat "$(vm_cgroup)/memory.current") >> 20)) -ge "$mib" ]
	refute_in_namespace "$qemu"
}
refute_in_namespace() { [ -z "$(nsenter -t "$1" -m ls /dev/vfio)" ]; }

# Another step of the job, and another job, are not given what Slurm did not give them.
others() {
	local out
	equals 1 "$(as alice srun --jobid="$(job)" --overlap -n1 --gres=none su -c 'cat /sys/bus/pci/devices/*/class' | grep -c '^0x0108')"
	out=$(as alice srun --vm=tiny --mem=600M su -c 'cat /sys/bus/pci/devices/*/class')
	refute_disk "$out"
}
refute_disk() { case $1 in *0x0108*) return 1 ;; *0x*) ;; *) return 1 ;; esac; }

after() {
	. /run/card.names
	release_machine
	wait_until 20 as_before || { cards; return 1; }
	equals "" "$(find /var/lib/wnodes/device -type f ! -name '*lock')"
	equals guest "$(dd if="/dev/$(disk_of "$card0")" bs=512 skip=8 count=1 iflag=direct status=none | head -n 1)"
}

two_jobs() {
	local one two
	. /run/card.names
	one=$(submit --vm=tiny --mem=700M --gres=card:1 --wrap 'sleep 300')
	two=$(submit --vm=tiny --mem=700M --gres=card:1 --wrap 'sleep 300')
	wait_until 60 test -e "/var/lib/wnodes/device/$card0" -a -e "/var/lib/wnodes/device/$card1"
	wait_until 30 both_ready
	cat "/var/lib/wnodes/device/$card0" "/var/lib/wnodes/device/$card1"
	equals "$one $two" "$(sed -n 's/^job=//p' "/var/lib/wnodes/device/$card0" "/var/lib/wnodes/device/$card1" | sort -n | xargs)"
	scancel "$one" "$two"
	nothing_left
	wait_until 20 as_before || { cards; return 1; }
}
both_ready() { equals 2 "$(cat "/var/lib/wnodes/device/${card0:?}" "/var/lib/wnodes/device/${card1:?}" | grep -cx phase=ready)" >/dev/null; }

# refused TEXT: a job with a card ends with 75 and says so; the node stays up
refused() {
	equals 75 "$(status_of as alice srun --vm=tiny --gres=card:1 true 2>/run/said)"
	cat /run/said
	grep -F "$1" /run/said
	equals "" "$(find /var/lib/wnodes/device -type f ! -name '*lock')"
	nothing_left
	as_before
}

in_use() {
	local disk pid
	. /run/card.names
	disk=/dev/$(disk_of "$card0")
	mkswap "$disk"
	swapon "$disk"
	refused "the host uses it: its disk ${disk#/dev/} is mounted, swap, or of LVM or md"
	swapoff "$disk"
	tail -f /dev/null 3<"$disk" &
	pid=$!
	refused "the host uses it: process $pid has it open"
	kill "$pid"
}

not_alone() {
	. /run/card.names
	sections "$(basename "$(readlink -f /sys/class/net/pf2/device/virtfn0)"), $card1"
	refused 'its IOMMU group'
	grep -F "$(basename "$(readlink -f /sys/class/net/pf2/device/virtfn1)")" /run/said
	sections "$(basename "$(readlink -f /sys/class/net/pf0/device)")"
	refused 'it has VFs'
	sections "-, $card1"
	refused 'no device for index 0 of GRES card'
	sections "$card0, $card1"
}

# killed PROGRAM
killed() {
	local job
	. /run/card.names
	hold_machine --gres=card:1
	equals vfio-pci "$(driver_of "$card0")"
	kill -KILL "$(machine_pid "$1")"
	job=$(job)
	wait_until 30 job_has_ended "$job" || scancel "$job"
	nothing_left
	wait_until 20 as_before || { cards; return 1; }
}

quarantined() {
	. /run/card.names
	hold_machine --gres=card:1
	modprobe -r nvme
	scancel "$(job)"
	wait_until 60 grep -x phase=quarantined "/var/lib/wnodes/device/$card0"
	wait_until 30 is_drained
	sinfo -h -N -n cn1 -o %E | tee /run/reason
	grep -F "PCI device $card0 cannot be restored" /run/reason
	equals 75 "$(status_of wnodes check 2>/run/said)"
	grep -F "PCI device $card0 is quarantined" /run/said
	modprobe nvme
	wnodes sweep
	wait_until 20 as_before || { cards; return 1; }
	scontrol update nodename=cn1 state=resume
	nothing_left
	wnodes check
}
is_drained() { case $(node_state) in drain*) ;; *) return 1 ;; esac; }

step 30 "NVMe disks as the devices of a GRES; wnodes check finds nothing wrong" before
step 120 "the machine of a job with the GRES has the disk, and reads and writes it" with
step 20 "QEMU may lock, and has, all of the machine's memory; the VFIO nodes are gone" locked
step 120 "another step, and a job without the GRES, have none" others
step 60 "the disk comes back to its driver, with what the guest wrote" after
step 120 "two jobs have a disk each" two_jobs
step 120 "a disk that is swap, or that a process has open, is refused" in_use
step 180 "a device that shares its group, one with VFs, and an index without one are refused" not_alone
step 120 "kill -9 of QEMU: the disk comes back" killed qemu-system
step 120 "kill -9 of the monitor: the disk comes back" killed wnodes-monitor
step 240 "one that cannot be restored is quarantined, the node drained; sweep restores it" quarantined
configure </dev/null
