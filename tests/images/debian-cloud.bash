# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154  # tests/images/build sets what is read here
# debian-cloud: what a distribution's cloud image is: Debian 13 with cloud-init as
# it is packaged and the kernel for clouds, on a partitioned disk with a boot
# loader. No file of ours.

cloud_suite=trixie
cloud_inputs=("$recipes/debian-cloud.bash" "$recipes/debian-cloud.packages")

# What whoever makes a cloud image adds to the packages.
cloud_customize() {
	local root=$1 uuid=$2
	printf 'localhost\n' >"$root/etc/hostname"
	printf 'UUID=%s / ext4 rw,discard,errors=remount-ro 0 1\n' "$uuid" >"$root/etc/fstab"
	: >"$root/etc/machine-id"
	rm -rf "$root"/var/cache/apt/*.bin "$root"/var/log/*.log "$root"/*.old
	mkdir -p "$root/boot/grub"
	cp -r "$root/usr/lib/grub/i386-pc" "$root/boot/grub/"
	# update-grub asks the devices it runs from
	cat >"$root/boot/grub/grub.cfg" <<-EOF2
		set timeout=0
		menuentry 'Debian GNU/Linux' {
			linux /vmlinuz root=UUID=$uuid ro console=tty0 console=ttyS0,115200 $emulated
			initrd /initrd.img
		}
	EOF2
}

# The disk: GRUB in the gap before the only partition, as grub-install puts it there.
cloud_disk() {
	local root=$1 uuid=$2 out=$3 gap=$((2048 * 512))
	# shellcheck disable=SC2016  # GRUB's own
	quietly "making GRUB's image" chroot "$root" grub-mkimage -O i386-pc -p '(hd0,msdos1)/boot/grub' -o /tmp/core.img \
		biosdisk part_msdos ext2
	mv "$root/tmp/core.img" "$out/core.img"
	truncate -s 3G "$out/raw"
	sfdisk -q "$out/raw" <<<"2048,,L,*" >>"$log" 2>&1 || fail "the disk cannot be partitioned: see $log"
	quietly "making the disk" mke2fs -q -t ext4 -E "offset=$gap,lazy_itable_init=0,lazy_journal_init=0" -U "$uuid" \
		-d "$root" "$out/raw" $((3 * 1024 * 1024 - gap / 1024))k
	dd if="$root/usr/lib/grub/i386-pc/boot.img" of="$out/raw" bs=440 count=1 conv=notrunc status=none
	dd if="$out/core.img" of="$out/raw" bs=512 seek=1 conv=notrunc status=none
	quietly "making the disk" qemu-img convert -f raw -O qcow2 "$out/raw" "$out/disk.qcow2"
	rm "$out/raw" "$out/core.img"
}

cloud_build() {
	local out=$1 root=$1/root uuid
	uuid=$(</proc/sys/kernel/random/uuid)
	debian_root "$cloud_suite" "$recipes/debian-cloud.packages" "$out"
	[ -z "$(find "$root" -name '*wnodes*')" ] || fail "there are files of ours in the image"
	cloud_customize "$root" "$uuid"
	cloud_disk "$root" "$uuid" "$out"
	rm -rf "$root"
	printf 'cloud-init\n' >"$out/agent"
	printf '512M\n' >"$out/memory_min"
}

# image_debian_cloud: prints the image's folder.
image_debian_cloud() {
	stage debian-cloud cloud_build "${cloud_inputs[@]}"
}
