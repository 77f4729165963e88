# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# shellcheck disable=SC2012 # sysfs has no odd names
# The product on a node, as README's "Installing on a site" says.
. /share/subjects/lib.bash

has_kvm() {
	grep -m 1 -ow svm /proc/cpuinfo
	[ -c /dev/kvm ] || modprobe kvm_amd
	wait_until 10 test -c /dev/kvm
	equals 666 "$(stat -c %a /dev/kvm)"
	uname -r
	equals cgroup2fs "$(stat -f -c %T /sys/fs/cgroup)"
}

has_hardware() {
	local pf
	for pf in pf0 pf1 pf2; do
		echo "$pf on node $(cat /sys/class/net/$pf/device/numa_node): $(ls -d /sys/class/net/$pf/device/virtfn* | wc -l) VFs"
	done | tee /run/pfs
	equals "pf0 on node 0: 4 VFs pf1 on node 1: 2 VFs pf2 on node 1: 2 VFs" "$(xargs </run/pfs)"
	equals 2 "$(find /sys/devices/system/node -maxdepth 1 -name 'node[0-9]' | wc -l)"
	# behind a port without ACS all are in one group
	equals 1 "$(ls "$(readlink -f /sys/class/net/pf0/device/virtfn0/iommu_group)/devices" | wc -l)"
	[ "$(ls "$(readlink -f /sys/class/net/pf2/device/virtfn0/iommu_group)/devices" | wc -l)" -ge 3 ]
	[ -d /sys/bus/pci/drivers/vfio-pci ]
	equals "card0 card1" "$(cat /sys/class/nvme/nvme*/serial | sort | xargs)"
	for pf in 0 1 2 3; do ping -q -c 1 -W 5 10.10.$pf.2; done
}

product() {
	install -d /etc/wnodes/images.d
	put_product
	tar -x -C / -f /share/product.tar ./etc
	useradd -r -s /usr/sbin/nologin wnodes
	useradd -m -U -s /bin/bash alice
	useradd -m -U -s /bin/bash bob
	mkdir -p /etc/slurm/plugstack.conf.d
	cat >/etc/wnodes/images.d/tiny.conf <<-EOF
		[image]
		source = file:///srv/images/tiny/disk.qcow2
		format = qcow2
		agent = builtin
		memory_min = $(cat /srv/images/tiny/memory_min)
		kernel = /srv/images/tiny/kernel
		initrd = /srv/images/tiny/initrd
		cmdline = $(cat /srv/images/tiny/cmdline)
	EOF
	printf '[site]\naccelerator = kvm\nslurmd_spool_dir = /var/spool/slurmd\n' >/root/wnodes.conf
	configure </dev/null
	echo 'required /usr/lib/slurm/wnodes.so' >/etc/slurm/plugstack.conf.d/wnodes.conf
	systemctl daemon-reload
	systemctl enable wnodes-sweep.service
	systemctl enable --now wnodes-sweep.timer
}

slurm() {
	local hardware
	hardware=$(slurmd -C | sed -n 's/^NodeName=[^ ]* \(.*\) RealMemory=.*/\1/p')
	echo "hardware: $hardware"
	cat >/etc/slurm/slurm.conf <<-EOF
		ClusterName=site
		SlurmctldHost=cn1(127.0.0.1)
		AuthType=auth/munge
		SlurmUser=slurm
		StateSaveLocation=/var/lib/slurm/slurmctld
		SlurmdSpoolDir=/var/spool/slurmd
		SlurmctldLogFile=/var/log/slurm/slurmctld.log
		SlurmdLogFile=/var/log/slurm/slurmd.log
		SlurmctldDebug=verbose
		SlurmdDebug=verbose
		ProctrackType=proctrack/cgroup
		TaskPlugin=task/cgroup,task/affinity
		PrologFlags=Contain
		MpiDefault=none
		LaunchParameters=use_interactive_step
		ReturnToService=2
		SelectType=select/cons_tres
		SelectTypeParameters=CR_Core_Memory
		SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1
		DefMemPerCPU=640
		KillWait=5
		InactiveLimit=0
		JobRequeue=0
		JobAcctGatherType=jobacct_gather/cgroup
		SlurmdParameters=config_overrides
		GresTypes=nic,card
		NodeName=cn1 NodeAddr=127.0.0.1 $hardware RealMemory=3300 Gres=nic:vf:6,card:2 State=UNKNOWN
		PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE OverSubscribe=YES:4 State=UP
	EOF
	# a file of its own gives a card its index; /dev has none of it while a machine has it
	printf 'Name=nic Type=vf Count=6\nName=card File=/etc/slurm/card[0-1]\n' >/etc/slurm/gres.conf
	touch /etc/slurm/card0 /etc/slurm/card1
	printf 'CgroupPlugin=cgroup/v2\nConstrainCores=yes\nConstrainRAMSpace=yes\n' >/etc/slurm/cgroup.conf
	install -d -o slurm -g slurm /var/lib/slurm/slurmctld /var/log/slurm
	systemctl daemon-reload
	systemctl -q enable slurmctld slurmd
	systemctl restart munge slurmctld slurmd || { journalctl -b -n 40 --no-pager; return 1; }
	wait_until 60 is_idle || { sinfo -N -l; tail -n 20 /var/log/slurm/*; return 1; }
}

check() { wnodes check; }

libraries() {
	local file
	for file in /usr/libexec/wnodes/wnodes-* /usr/bin/wnodes; do
		ldd "$file" 2>&1 | grep 'not found' && return 1
	done
	ldd /usr/libexec/wnodes/wnodes-helper | grep -F libslurm
}

step 30 "kernel 6.12 with cgroup v2, and KVM on an emulated AMD CPU" has_kvm
step 60 "SR-IOV adapters on each NUMA node, behind an IOMMU, and their networks" has_hardware
step 60 "the product is installed" product
step 20 "its programs find their libraries" libraries
step 180 "munge, slurmctld and slurmd $(slurmd -V | cut -d' ' -f2) run under systemd" slurm
step 90 "wnodes check finds nothing wrong" check
