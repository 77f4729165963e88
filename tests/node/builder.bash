# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154  # tests/node/build sets what is read here
# The system that the product is built in.

builder_build() {
	local out=$1
	debian_root trixie "$here/build.packages" "$out"
	tar -c -C "$out/root" . | zstd -1 -q -T0 -o "$out/root.tar.zst"
	rm -rf "$out/root"
}
