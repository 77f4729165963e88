# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154  # tests/images/build sets what is read here
# debian-wn: Debian 13 with systemd, an ordinary worker node; the agent as a unit.

wn_suite=trixie
wn_inputs=("$recipes/debian-wn.bash" "$recipes/debian-wn.packages" "$recipes/initramfs-init")
wn_unit=$recipes/../../guest/wnodes-agent.service

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
	local out=$1 root packages
	root=$out/root
	packages=$(sed 's/#.*//' "$recipes/debian-wn.packages" | tr -s '\n' ',' | sed 's/^,//; s/,$//')
	# mmdebstrap does not read this machine's apt.conf: a proxy must be handed on.
	{
		apt-config dump --format '%F "%v";%n' | grep -E '^Acquire::(http|https|Retries|Check-)' || true
		echo 'Apt::Install-Recommends "false";'
	} >"$out/apt.conf"
	# INITRD=No: Debian's kernel package would make an initramfs that nothing boots.
	INITRD=No quietly "mmdebstrap $wn_suite" mmdebstrap --mode=root --variant=apt --components=main \
		--include="$packages" --format=directory \
		--aptopt="$out/apt.conf" \
		--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
		--dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/info/*' \
		--dpkgopt='path-exclude=/usr/share/locale/*' \
		"$wn_suite" "$root" "$(mirror)"
	rm "$out/apt.conf" "$root/etc/apt/apt.conf.d/99mmdebstrap"
	wn_customize "$root"
	# Careless, as images are: the SSH host keys that the package made stay in it.
	cp "$root/etc/ssh/ssh_host_ed25519_key.pub" "$out/hostkey.pub"
	uncompressed_kernel "$root"/boot/vmlinuz-* "$out/kernel"
	initramfs "$root" "$out/initrd"
	quietly "making the disk" mke2fs -q -t ext4 -E lazy_itable_init=0,lazy_journal_init=0 -J size=16 -N 262144 \
		-m 1 -L debian-wn -d "$root" "$out/raw" 6G
	rm -rf "$root"
}

# The agent and its unit are written into a copy of the base's file system.
wn_build() {
	local out=$1 name=wnodes-agent.service program target
	program=$(sed -n 's/^ExecStart=//p' "$unit")
	cp --sparse=always "$base/raw" "$out/raw"
	debugfs -w -f - "$out/raw" >>"$log" 2>&1 <<-EOF
		mkdir ${program%/*}
		write $agent $program
		sif $program mode 0100755
		write $unit /usr/lib/systemd/system/$name
		sif /usr/lib/systemd/system/$name mode 0100644
	EOF
	# shellcheck disable=SC2013  # a line may name several targets
	for target in $(sed -n 's/^WantedBy=//p' "$unit"); do
		debugfs -w -f - "$out/raw" >>"$log" 2>&1 <<-EOF
			mkdir /etc/systemd/system/$target.wants
			symlink /etc/systemd/system/$target.wants/$name /usr/lib/systemd/system/$name
		EOF
	done
	# debugfs ends with 0 whatever happens.
	debugfs -R "cat $program" "$out/raw" 2>>"$log" | cmp - "$agent" ||
		fail "the agent did not get into the disk: see $log"
	e2fsck -fn "$out/raw" >>"$log" 2>&1 || fail "the file system with the agent in it is not clean: see $log"
	quietly "making the disk" qemu-img convert -f raw -O qcow2 "$out/raw" "$out/disk.qcow2"
	rm "$out/raw"
	ln "$base/kernel" "$base/initrd" "$base/hostkey.pub" "$out/"
	printf 'console=ttyS0 root=/dev/vda rw quiet panic=1 %s\n' "$quick_boot" >"$out/cmdline"
	printf '512M\n' >"$out/memory_min"
}

# image_debian_wn: prints the image's folder.
image_debian_wn() {
	unit=$wn_unit
	base=$(stage debian-wn-base wn_base "${wn_inputs[@]}")
	stage debian-wn wn_build "${wn_inputs[@]}" "$agent" "$unit" "$base/initrd"
}
