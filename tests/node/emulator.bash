# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154  # tests/node/build sets what is read here
# The QEMU that emulates the compute node, whose own is Debian 13's: a newer one, since up to
# 10.1 threads change a CPU's interrupt_request without atomics, and the node with 10.0 stood
# still now and then: all of its CPUs halted, an interrupt in service that nobody served.

# Out of an unpacked system, with its libraries and firmware, for this machine to start by its ld.so.
take_qemu() {
	local root=$1 out=$2 library
	mkdir -p "$out/lib"
	cp "$root/usr/bin/qemu-system-x86_64" "$out/"
	cp -rL "$root/usr/share/qemu" "$root/usr/share/seabios" "$out/"
	while read -r library; do cp -L "$library" "$out/lib/"; done < <("$root/usr/lib64/ld-linux-x86-64.so.2" \
		--library-path "$root/usr/lib/x86_64-linux-gnu" --list "$root/usr/bin/qemu-system-x86_64" |
		sed -n 's/.* => \([^ ]*\) (.*/\1/p')
	cp -L "$root/usr/lib64/ld-linux-x86-64.so.2" "$out/lib/"
}

emulator_build() {
	local out=$1 uri
	uri=$(mirror)
	{
		apt-config dump --format '%F "%v";%n' | grep -E '^Acquire::(http|https|Retries|Check-)' || true
		printf 'Apt::%s;\n' 'Install-Recommends "false"' 'Default-Release "trixie-backports"'
	} >"$out/apt.conf"
	quietly "mmdebstrap trixie-backports" mmdebstrap --mode=root --variant=extract --include=qemu-system-x86 \
		--aptopt="$out/apt.conf" --dpkgopt='path-exclude=/usr/share/doc/*' \
		trixie "$out/root" "deb $uri trixie main" "deb $uri trixie-backports main"
	take_qemu "$out/root" "$out"
	rm -rf "$out/root" "$out/apt.conf"
}
