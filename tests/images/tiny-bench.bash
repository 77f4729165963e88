# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154  # tests/images/build sets what is read here
# tiny-bench: tiny with this machine's fio, sqlite3 and mke2fs, on a partitioned
# disk: the root and behind it areas that nobody has written to, for bench/disk.

bench_areas=3 bench_area_mib=448 bench_root_mib=224
bench_programs=(/usr/bin/fio /usr/bin/sqlite3 /sbin/mke2fs)
bench_naps=$recipes/../../bench/fio-naps.c
bench_inputs=("$recipes/tiny-bench.bash" "$bench_naps" "$recipes/tiny.bash" "$recipes/tiny-init")

# bench_install ROOT PROGRAM…: with the libraries that each names.
bench_install() {
	local root=$1 program library
	shift
	mkdir -p "$root/usr/lib/x86_64-linux-gnu"
	for program; do
		rm -f "$root/usr/bin/${program##*/}" "$root/usr/sbin/${program##*/}"
		install -m 0755 "$program" "$root/usr/bin/"
		while read -r library; do
			case $library in
			/lib64/*) cp -L "$library" "$root/usr/lib/" ;;
			*) cp -L "$library" "$root/usr/lib/x86_64-linux-gnu/" ;;
			esac
		done < <(ldd "$program" | grep -o '/[^ ]*')
	done
}

# bench_disk ROOT OUT: a GUID partition table, the root, the areas.
bench_disk() {
	local root=$1 out=$2
	{
		printf 'label: gpt\nstart=1MiB, size=%sMiB\n' "$bench_root_mib"
		for _ in $(seq "$bench_areas"); do printf 'size=%sMiB\n' "$bench_area_mib"; done
	} >"$out/table"
	truncate -s $((bench_root_mib + bench_areas * bench_area_mib + 2))M "$out/raw"
	sfdisk -q "$out/raw" <"$out/table" >>"$log" 2>&1 || fail "the disk cannot be partitioned: see $log"
	quietly "making the disk" mke2fs -q -t ext4 -O ^has_journal,^metadata_csum -E lazy_itable_init=0,offset=1048576 \
		-N 16384 -m 0 -L tiny-bench -d "$root" "$out/raw" "${bench_root_mib}M"
	quietly "making the disk" qemu-img convert -f raw -O qcow2 "$out/raw" "$out/disk.qcow2"
	rm "$out/table" "$out/raw"
}

bench_build() {
	local out=$1 root=$1/root
	tiny_root "$root"
	install -m 0755 "$agent" "$root/usr/libexec/wnodes/wnodes-agent"
	bench_install "$root" "${bench_programs[@]}"
	gcc -shared -fPIC -O2 -s -o "$root/usr/lib/fio-naps.so" "$bench_naps"
	bench_disk "$root" "$out"
	rm -rf "$root"
	ln "$kernel/kernel" "$kernel/initrd" "$out/"
	printf 'console=ttyS0 root=/dev/vda1 rw quiet panic=1 %s\n' "$quick_boot" >"$out/cmdline"
	printf '128M\n' >"$out/memory_min"
}

# image_tiny_bench: prints the image's folder.
image_tiny_bench() {
	local program
	for program in "${bench_programs[@]}"; do
		[ -x "$program" ] || fail "$program is missing: tests/install-packages bench/packages installs it"
	done
	kernel=$(stage tiny-kernel tiny_kernel "${tiny_inputs[@]:0:2}")
	stage tiny-bench bench_build "${bench_inputs[@]}" "${bench_programs[@]}" "$agent" "$kernel/initrd"
}
