# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154  # tests/images/build sets what is read here
# tiny-disk: tiny on a partitioned disk with a boot loader, that boots by itself.

disk_inputs=("$recipes/tiny-disk.bash" "$recipes/tiny.bash")

# Debian's kernel as it comes, which GRUB starts.
disk_kernel() {
	local out=$1 package
	package=$(apt-cache depends linux-image-amd64 | sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p')
	[ -n "$package" ] || fail "apt knows no linux-image-amd64"
	(cd "$out" && quietly "downloading $package" apt-get -q -o APT::Sandbox::User=root download "$package")
	dpkg-deb --fsys-tarfile "$out"/*.deb | tar -x -C "$out" --wildcards --transform 's|.*/vmlinuz-.*|vmlinuz|' './boot/vmlinuz-*'
	rm "$out"/*.deb
}

# GRUB in the gap before the only partition, told what to start.
disk_build() {
	local out=$1 first=2048
	cat >"$out/grub.cfg" <<-EOF2
		set root=(hd0,msdos1)
		linux /vmlinuz console=ttyS0 root=/dev/vda1 rw quiet panic=1 $quick_boot
		initrd /initrd
		boot
	EOF2
	quietly "making GRUB's image" grub-mkimage -O i386-pc -p / -c "$out/grub.cfg" -o "$out/core.img" \
		biosdisk part_msdos ext2 linux
	qemu-img convert -O raw "$tiny/disk.qcow2" "$out/part"
	printf 'write %s vmlinuz\nwrite %s initrd\n' "$bzimage/vmlinuz" "$tiny/initrd" >"$out/commands"
	quietly "adding the kernel" debugfs -w -f "$out/commands" "$out/part"
	truncate -s $((first * 512)) "$out/disk.raw"
	dd if=/usr/lib/grub/i386-pc/boot.img of="$out/disk.raw" bs=440 count=1 conv=notrunc status=none
	dd if="$out/core.img" of="$out/disk.raw" bs=512 seek=1 conv=notrunc status=none
	python3 - "$out/disk.raw" $first $(($(stat -c %s "$out/part") / 512)) <<-'PYTHON'
		import struct, sys
		with open(sys.argv[1], "r+b") as disk:
		    disk.seek(446)
		    disk.write(struct.pack("<B3sB3sII", 0x80, bytes(3), 0x83, bytes(3), int(sys.argv[2]), int(sys.argv[3])))
		    disk.seek(510)
		    disk.write(b"\x55\xaa")
	PYTHON
	dd if="$out/part" of="$out/disk.raw" bs=1M seek=1 conv=sparse,notrunc status=none
	truncate -s $(($(stat -c %s "$out/part") + first * 512)) "$out/disk.raw"
	qemu-img convert -f raw -O qcow2 "$out/disk.raw" "$out/disk.qcow2"
	rm "$out/part" "$out/core.img" "$out/grub.cfg" "$out/commands"
}

# image_tiny_disk: prints the folder of disk.qcow2 and disk.raw.
image_tiny_disk() {
	tiny=$(image_tiny)
	bzimage=$(stage tiny-bzimage disk_kernel "${disk_inputs[@]:0:1}")
	stage tiny-disk disk_build "${disk_inputs[@]}" "$tiny/disk.qcow2" "$tiny/initrd" "$bzimage/vmlinuz"
}
