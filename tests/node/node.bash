# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154  # tests/node/build sets what is read here
# The emulated compute node's disk and kernel.

# What an administrator sets on a node before Slurm comes.
node_customize() {
	local root=$1
	printf 'cn1\n' >"$root/etc/hostname"
	printf '127.0.0.1 localhost\n198.51.100.1 cn1\n' >"$root/etc/hosts"
	printf '/dev/vda / ext4 defaults,noatime 0 0\nshare /share 9p trans=virtio,version=9p2000.L,msize=262144 0 0\n' \
		>"$root/etc/fstab"
	: >"$root/etc/machine-id"
	mkdir -p "$root/share" "$root/etc/systemd/journald.conf.d"
	printf '[Journal]\nStorage=volatile\n' >"$root/etc/systemd/journald.conf.d/volatile.conf"
	# before anything asks whether there is KVM, and for everybody: wnodes.conf(5)
	printf 'kvm_amd\n' >"$root/etc/modules-load.d/kvm.conf"
	printf 'KERNEL=="kvm", MODE="0666"\n' >"$root/etc/udev/rules.d/80-kvm.rules"
	install -m 0644 "$here"/guest/*.service "$root/etc/systemd/system/"
	install -m 0755 "$here/guest/site-network" "$root/usr/local/sbin/"
	install -m 0755 "$here/guest/loop" "$root/usr/local/sbin/node-loop"
	systemctl --root="$root" -q enable node-loop@{0,1,2,3}.service site-network.service
	node_links "$root"
	# nothing here is for a site's jobs, and each costs time under emulation
	systemctl --root="$root" -q mask getty@tty1.service serial-getty@ttyS0.service apt-daily.timer \
		apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer \
		libvirtd.service libvirtd.socket libvirtd-ro.socket libvirtd-admin.socket libvirt-guests.service \
		virtlogd.socket virtlockd.socket modprobe@configfs.service modprobe@drm.service modprobe@efi_pstore.service \
		modprobe@fuse.service proc-sys-fs-binfmt_misc.automount sys-fs-fuse-connections.mount \
		sys-kernel-config.mount sys-kernel-debug.mount sys-kernel-tracing.mount systemd-binfmt.service \
		systemd-hibernate-clear.service ldconfig.service lvm2-monitor.service systemd-journal-flush.service \
		systemd-pstore.service systemd-udev-load-credentials.service
	# slurmd without a slurm.conf asks the network for one, for 90 s
	systemctl --root="$root" -q disable slurmctld.service slurmd.service
	rm -rf "$root"/var/cache/apt/*.bin "$root"/var/log/*.log "$root"/initrd.img* "$root"/boot/initrd.img*
	ldconfig -r "$root"
	node_modules "$root"
	touch "$root/etc/.updated" "$root/var/.updated"
}

# The adapters' names, whatever their slots: tests/node/node.py has them by these addresses.
node_links() {
	local root=$1 link
	mkdir -p "$root/etc/systemd/network"
	for link in pf0=00:01 pf1=01:01 up0=02:01 up1=03:01 pf2=04:01 peer0=00:02 peer1=01:02 peer2=02:02 peer3=03:02; do
		printf '[Match]\nPermanentMACAddress=52:54:00:aa:%s\n[Link]\nName=%s\n' "${link#*=}" "${link%=*}" \
			>"$root/etc/systemd/network/10-${link%=*}.link"
	done
}

# Unpacking a module takes the emulated node seconds; most drive what it has not.
node_modules() {
	local root=$1 modules
	modules=$(echo "$root"/lib/modules/*)
	rm -rf "$modules"/kernel/sound "$modules"/kernel/drivers/{gpu,iio,infiniband,media,mmc,staging,usb} \
		"$modules"/kernel/drivers/net/{can,ethernet/[a-hj-z]*,wireless}
	find "$modules" -name '*.ko.xz' -print0 | xargs -0 -P "$(nproc)" -n 64 unxz
	quietly "depmod" depmod -b "$root" "$(basename "$modules")"
}

node_build() {
	local out=$1 root=$1/root
	INITRD=No debian_root trixie "$here/node.packages" "$out"
	node_customize "$root"
	uncompressed_kernel "$root"/boot/vmlinuz-* "$out/kernel"
	initramfs "$root" "$out/initrd"
	quietly "making the disk" mke2fs -q -t ext4 -E lazy_itable_init=0,lazy_journal_init=0 -J size=16 -m 1 -L node \
		-d "$root" "$out/disk.raw" 4G
	rm -rf "$root"
}
