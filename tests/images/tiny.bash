# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154  # tests/images/build sets what is read here
# tiny: busybox, Debian 12's plain kernel, the agent as init.

tiny_inputs=("$recipes/tiny.bash" "$recipes/initramfs-init" "$recipes/tiny-init" "$recipes/tiny-udhcpc"
	"$recipes/../lib/old-kernel.c")

# The kernel package as it unpacks, less what no virtual machine has.
tiny_kernel() {
	local out=$1 package
	package=$(apt-cache depends linux-image-amd64 2>/dev/null | sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p')
	if [ -z "$package" ]; then
		quietly "updating the package lists" apt-get update
		package=$(apt-cache depends linux-image-amd64 | sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p')
	fi
	[ -n "$package" ] || fail "apt knows no linux-image-amd64"
	mkdir "$out/tree"
	(cd "$out" && quietly "downloading $package" apt-get -q -o APT::Sandbox::User=root download "$package")
	dpkg-deb --fsys-tarfile "$out"/*.deb | tar -x -C "$out/tree" --wildcards './boot/vmlinuz-*' './lib/modules/*'
	rm "$out"/*.deb
	uncompressed_kernel "$out"/tree/boot/vmlinuz-* "$out/kernel"
	initramfs "$out/tree" "$out/initrd"
	copy_modules "$out/tree" "$out/init" virtio_balloon
	# what the agent has modprobe load
	modules_tree "$out/tree" "$out/modules" 9p 9pnet_virtio virtiofs virtio_net igbvf nvme
	rm -rf "$out/tree"
}

# tiny_root FOLDER: the tree of tiny's disk.
tiny_root() {
	local root=$1 applet folder
	mkdir -p "$root"/{dev,proc,sys,run,mnt,root,home,tmp,var/tmp,etc} \
		"$root"/usr/{bin,sbin,libexec/wnodes,lib/modules}
	for folder in bin sbin lib; do ln -s "usr/$folder" "$root/$folder"; done
	ln -s usr/lib "$root/lib64"
	chmod 1777 "$root/tmp" "$root/var/tmp"
	chmod 0700 "$root/root"
	install -m 0755 /bin/busybox "$root/usr/bin/busybox"
	for applet in $(busybox --list); do
		[ "$applet" = busybox ] || ln -s busybox "$root/usr/bin/$applet"
	done
	# Root has no password and su its bit: a test's way to be the guest's root.
	rm -f "$root/usr/bin/su"
	install -m 4755 /bin/busybox "$root/usr/bin/su"
	install -m 0755 "$recipes/tiny-init" "$root/usr/sbin/init"
	install -D -m 0755 "$recipes/tiny-udhcpc" "$root/etc/udhcpc/default.script"
	printf 'root::0:0:root:/root:/bin/sh\nnobody:*:65534:65534:nobody:/:/bin/false\n' >"$root/etc/passwd"
	printf 'root:x:0:\ntty:x:5:\nusers:x:100:\nnogroup:x:65534:\n' >"$root/etc/group"
	printf 'tiny\n' >"$root/etc/hostname"
	printf '127.0.0.1 localhost tiny\n' >"$root/etc/hosts"
	printf 'NAME=tiny\nID=tiny\nPRETTY_NAME="tiny (busybox, for tests)"\n' >"$root/etc/os-release"
	printf '/bin/sh\n' >"$root/etc/shells"
}

tiny_build() {
	local out=$1 root=$1/root
	tiny_root "$root"
	install -m 0755 "$agent" "$root/usr/libexec/wnodes/wnodes-agent"
	gcc -O2 -static -s -o "$root/usr/libexec/wnodes/old-kernel" "$recipes/../lib/old-kernel.c"
	cp "$kernel"/init/*.ko "$root/usr/lib/modules/"
	cp -r "$kernel"/modules/lib/modules/* "$root/usr/lib/modules/"
	quietly "making the disk" mke2fs -q -t ext4 -O ^has_journal,^metadata_csum -E lazy_itable_init=0 -N 16384 \
		-m 0 -L tiny -d "$root" "$out/raw" 512M
	qemu-img convert -f raw -O qcow2 "$out/raw" "$out/disk.qcow2"
	ln "$kernel/kernel" "$kernel/initrd" "$out/"
	printf 'console=ttyS0 root=/dev/vda rw quiet panic=1 %s\n' "$quick_boot" >"$out/cmdline"
	printf '128M\n' >"$out/memory_min"
	rm -rf "$root" "$out/raw"
}

# image_tiny: prints the image's folder.
image_tiny() {
	kernel=$(stage tiny-kernel tiny_kernel "${tiny_inputs[@]:0:2}")
	stage tiny tiny_build "${tiny_inputs[@]}" "$agent" "$kernel/initrd"
}
