# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154  # tests/images/build sets what is read here
# virtiofsd: the one in Rust, which Debian has from 13 on, with the libraries of
# its release beside it; tests/cluster makes it a program that runs on this one.

virtiofsd_build() {
	local out=$1 root library
	root=$scratch/virtiofsd
	quietly "unpacking Debian 13's virtiofsd" mmdebstrap --variant=extract --include=virtiofsd trixie "$root" "$(mirror)"
	install -m 0755 "$root/usr/libexec/virtiofsd" "$out/virtiofsd"
	for library in libc.so.6 libgcc_s.so.1 libm.so.6 libseccomp.so.2 libcap-ng.so.0; do
		cp -L "$root/usr/lib/x86_64-linux-gnu/$library" "$out/"
	done
	cp -L "$root/usr/lib64/ld-linux-x86-64.so.2" "$out/"
	rm -rf "$root"
}

# image_virtiofsd: prints the folder.
image_virtiofsd() {
	stage virtiofsd virtiofsd_build "$recipes/virtiofsd.bash"
}
