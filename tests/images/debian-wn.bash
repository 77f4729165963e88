# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154  # tests/images/build sets what is read here
# debian-wn: Debian 13 with systemd, an ordinary worker node; the agent as a unit.

wn_suite=trixie
wn_inputs=("$recipes/debian-wn.bash" "$recipes/debian-wn.packages" "$recipes/initramfs-init")
wn_guest=$recipes/../../guest

# What an administrator would set in such an image, as a hook of mmdebstrap.
wn_customize() {
	local root=$1 file
	printf 'debian-wn\n' >"$root/etc/hostname"
	printf '127.0.0.1 localhost\n127.0.1.1 debian-wn\n' >"$root/etc/hosts"
	printf 'LANG=C.UTF-8\n' >"$root/etc/locale.conf"
	printf '/dev/vda / ext4 defaults,noatime 0 0\n' >"$root/etc/fstab"
	# Empty, not "uninitialized": every boot gets an id of its own, but is not a first
	# boot, whose presets, catalogues and caches cost seconds under emulation.
	: >"$root/etc/machine-id"
	printf '[Match]\nName=en* eth*\n\n[Network]\nDHCP=yes\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n' \
		>"$root/etc/systemd/network/80-dhcp.network"
	ln -sf ../run/systemd/resolve/stub-resolv.conf "$root/etc/resolv.conf"
	mkdir -p "$root/usr/libexec"
	rm -rf "$root"/var/cache/apt/*.bin "$root"/var/log/*.log "$root"/initrd.img* "$root"/boot/initrd.img*
	systemctl --root="$root" -q enable systemd-networkd.service systemd-resolved.service
	systemctl --root="$root" -q disable systemd-networkd-wait-online.service ssh.socket
	ldconfig -r "$root"
	"$root/usr/lib/systemd/systemd-update-done" --root="$root" 2>/dev/null || touch "$root/etc/.updated" "$root/var/.updated"
	# Nobody logs in on the console, a machine of hours needs no upkeep, and a job's
	# machine keeps neither a journal nor a random seed. Every unit that starts costs a
	# quarter of a second under emulation.
	systemctl --root="$root" -q mask getty@tty1.service serial-getty@ttyS0.service apt-daily.timer \
		apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer \
		modprobe@configfs.service modprobe@drm.service modprobe@fuse.service \
		proc-sys-fs-binfmt_misc.automount sys-fs-fuse-connections.mount sys-kernel-config.mount \
		sys-kernel-debug.mount sys-kernel-tracing.mount systemd-binfmt.service \
		systemd-hibernate-clear.service systemd-journal-flush.service systemd-logind.service \
		systemd-network-generator.service systemd-networkd-persistent-storage.service \
		systemd-pstore.service systemd-random-seed.service systemd-udev-load-credentials.service
	mkdir -p "$root/etc/systemd/journald.conf.d" "$root/etc/systemd/system/systemd-udev-trigger.service.d" \
		"$root/etc/systemd/system/ssh.service.d"
	# for the test that boots the image with this word
	printf '[Unit]\nConditionKernelCommandLine=wnodes.test=sshd\n' >"$root/etc/systemd/system/ssh.service.d/asked-for.conf"
	printf '[Journal]\nStorage=volatile\n' >"$root/etc/systemd/journald.conf.d/volatile.conf"
	# The agent needs no device but its port, which the initramfs has found; finding
	# all the others takes longer than the boot so far.
	printf '[Unit]\nAfter=wnodes-agent.service\n' \
		>"$root/etc/systemd/system/systemd-udev-trigger.service.d/agent-first.conf"
	# What udev would load for devices that a batch job has no use of: seconds more.
	printf 'blacklist %s\n' aesni_intel cfg80211 crc32_pclmul crct10dif_pclmul evdev ghash_clmulni_intel \
		i2c_i801 iTCO_wdt kvm kvm_amd kvm_intel lpc_ich pcspkr powernow_k8 psmouse serio_raw sha1_ssse3 \
		sha256_ssse3 sha512_ssse3 >"$root/etc/modprobe.d/worker-node.conf"
	# Most of systemd's generators ask for hardware and set-ups that the node has not;
	# each costs a tenth of a second under emulation.
	mkdir -p "$root/etc/systemd/system-generators"
	for file in "$root"/usr/lib/systemd/system-generators/*; do
		[ "${file##*/}" = systemd-fstab-generator ] ||
			ln -s /dev/null "$root/etc/systemd/system-generators/${file##*/}"
	done
}

# The distribution without the agent: most of the time, and it seldom changes.
wn_base() {
	local out=$1 root
	root=$out/root
	# INITRD=No: Debian's kernel package would make an initramfs that nothing boots.
	INITRD=No debian_root "$wn_suite" "$recipes/debian-wn.packages" "$out"
	wn_customize "$root"
	# Careless, as images are: the SSH host keys that the package made stay in it.
	cp "$root/etc/ssh/ssh_host_ed25519_key.pub" "$out/hostkey.pub"
	uncompressed_kernel "$root"/boot/vmlinuz-* "$out/kernel"
	initramfs "$root" "$out/initrd"
	tar -c -C "$root" . | zstd -1 -q -T0 -o "$out/root.tar.zst"
	rm -rf "$root"
}

# The agent's package is installed as an administrator would.
wn_build() {
	local out=$1 root=$1/root package
	mkdir "$root"
	zstd -dcq "$base/root.tar.zst" | tar -x -C "$root"
	package=$("$recipes/../../guest/package/build" deb "$agent" "$out")
	mv "$package" "$root/tmp/wnodes-agent.deb"
	quietly "installing the agent" chroot "$root" dpkg -i /tmp/wnodes-agent.deb
	rm "$root/tmp/wnodes-agent.deb"
	quietly "making the disk" mke2fs -q -t ext4 -E lazy_itable_init=0,lazy_journal_init=0 -J size=16 -N 262144 \
		-m 1 -L debian-wn -d "$root" "$out/raw" 6G
	rm -rf "$root"
	quietly "making the disk" qemu-img convert -f raw -O qcow2 "$out/raw" "$out/disk.qcow2"
	rm "$out/raw"
	ln "$base/kernel" "$base/initrd" "$base/hostkey.pub" "$out/"
	printf 'console=ttyS0 root=/dev/vda rw quiet panic=1 %s %s\n' "$quick_boot" "$emulated" >"$out/cmdline"
	printf '512M\n' >"$out/memory_min"
}

# image_debian_wn: prints the image's folder.
image_debian_wn() {
	base=$(stage debian-wn-base wn_base "${wn_inputs[@]}")
	stage debian-wn wn_build "${wn_inputs[@]}" "$agent" "$base/initrd" "$wn_guest"/wnodes-agent.* \
		"$wn_guest"/package/*
}
