# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# What the recipes of the test images share. A stage is a folder in the cache,
# named by the digest of what it is made of, made once and never changed.

cache=${WNODES_TEST_CACHE:-/var/cache/wnodes-tests}
log=/dev/null
recipes=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")

say() { printf 'images: %s\n' "$*" >&2; }
fail() {
	say "$*"
	exit 1
}

# quietly WHAT COMMAND…: the output goes to $log, a line is said every 10 s,
# and the log's end is shown where the command fails.
quietly() {
	local what=$1 start=$SECONDS pid status=0 ticks=0
	shift
	"$@" >>"$log" 2>&1 </dev/null &
	pid=$!
	while kill -0 "$pid" 2>/dev/null; do
		sleep 0.1
		ticks=$((ticks + 1))
		[ $((ticks % 100)) -ne 0 ] || say "$what … $((SECONDS - start)) s"
	done
	wait "$pid" || status=$?
	[ "$status" -eq 0 ] && return
	tail -n 30 "$log" >&2
	fail "$what failed ($status)"
}

# digest FILE…: of the files' contents, in order, and of this library.
digest() {
	sha256sum -- "$@" "$recipes/lib.bash" | cut -c1-64 | sha256sum | cut -c1-16
}

# stage NAME FUNCTION INPUT…: prints the folder that FUNCTION FOLDER filled from
# the inputs, now or in an earlier run. One builds at a time, others wait; a
# folder appears complete or not at all.
stage() {
	local name=$1 build=$2 folder fd new begun
	shift 2
	folder=$cache/$name-$(digest "$@")
	mkdir -p "$cache"
	exec {fd}>"$cache/$name.lock"
	flock -n "$fd" || {
		say "waiting for another build of $name"
		flock -w 1800 "$fd" || fail "another build of $name has not ended within 30 minutes"
	}
	if ! [ -d "$folder" ]; then
		rm -rf "$cache/.$name".*
		new=$(mktemp -d "$cache/.$name.XXXXXX")
		log=$cache/$name.log
		: >"$log"
		say "building $name"
		begun=$SECONDS
		"$build" "$new" {fd}>&- >&2
		find "$new" -type f -exec chmod 0444 {} +
		chmod 0755 "$new"
		mv -T "$new" "$folder"
		say "built $name in $((SECONDS - begun)) s"
		prune "$name" "$folder"
	fi
	touch "$folder"
	exec {fd}>&-
	printf '%s\n' "$folder"
}

# Keeps the stage just made and the one before it. Who uses an older one has a
# link to its files (tests/cluster).
prune() {
	local name=$1 kept=$2 old
	find "$cache" -mindepth 1 -maxdepth 1 -type d -regex ".*/$name-[0-9a-f]+" ! -path "$kept" \
		-printf '%T@ %p\n' | sort -rn | tail -n +2 | cut -d' ' -f2- |
		while read -r old; do rm -rf "$old"; done
}

# Debian's mirror, as this machine's apt is configured.
mirror() {
	local uri
	# shellcheck disable=SC2016  # apt expands these
	uri=$(apt-get indextargets --format '$(ORIGIN) $(LABEL) $(REPO_URI)' 'Created-By: Packages' |
		sed -n 's/^Debian Debian //p' | head -n 1)
	# before the first update apt knows no origins, but its sources
	# shellcheck disable=SC2016
	[ -n "$uri" ] || uri=$(apt-get indextargets --format '$(RELEASE) $(REPO_URI)' 'Created-By: Packages' |
		sed -n 's/^bookworm //p' | head -n 1)
	[ -n "$uri" ] || fail "apt knows no mirror of Debian here: see /etc/apt/sources.list"
	printf '%s\n' "$uri"
}

# debian_root SUITE LIST OUT: the packages of the file LIST, as OUT/root.
debian_root() {
	local suite=$1 out=$3 packages
	packages=$(sed 's/#.*//' "$2" | tr -s '\n' ',' | sed 's/^,//; s/,$//')
	# mmdebstrap does not read this machine's apt.conf: a proxy must be handed on.
	{
		apt-config dump --format '%F "%v";%n' | grep -E '^Acquire::(http|https|Retries|Check-)' || true
		echo 'Apt::Install-Recommends "false";'
	} >"$out/apt.conf"
	quietly "mmdebstrap $suite" mmdebstrap --mode=root --variant=apt --components=main \
		--include="$packages" --format=directory \
		--aptopt="$out/apt.conf" \
		--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
		--dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/info/*' \
		--dpkgopt='path-exclude=/usr/share/locale/*' \
		"$suite" "$out/root" "$(mirror)"
	rm "$out/apt.conf" "$out/root/etc/apt/apt.conf.d/99mmdebstrap"
}

# uncompressed_kernel VMLINUZ OUT: the ELF kernel inside a bzImage. QEMU starts
# it by its PVH entry; under emulation that spares the 3 s of unpacking.
uncompressed_kernel() {
	local image=$1 out=$2 sectors offset length tool
	sectors=$(od -An -tu1 -j497 -N1 "$image" | tr -d ' ')
	offset=$(od -An -tu4 -j584 -N4 "$image" | tr -d ' ')
	length=$(od -An -tu4 -j588 -N4 "$image" | tr -d ' ')
	tail -c +$(((sectors + 1) * 512 + offset + 1)) "$image" >"$out.tail"
	head -c "$length" "$out.tail" >"$out.payload"
	case $(od -An -tx1 -N4 "$out.payload" | tr -d ' ') in
	fd377a58) tool='xz -dc --single-stream' ;;
	28b52ffd) tool='zstd -dcq' ;;
	1f8b08*) tool='gzip -dc' ;;
	*) tool=false ;;
	esac
	# The payload is followed by its length, which the tools take for rubbish.
	$tool <"$out.payload" >"$out" 2>/dev/null || true
	rm -f "$out.tail" "$out.payload"
	if ! readelf_has_pvh "$out"; then
		say "this kernel has no PVH entry that can be taken out: it is started as a bzImage"
		cp "$image" "$out"
	fi
}

# Whether FILE is an ELF file with the Xen note of type 18, the PVH entry.
readelf_has_pvh() {
	python3 - "$1" <<-'PYTHON'
		import struct, sys
		data = open(sys.argv[1], "rb").read()
		if data[:4] != b"\x7fELF":
		    sys.exit(1)
		start, = struct.unpack_from("<Q", data, 32)
		size, count = struct.unpack_from("<HH", data, 54)
		for n in range(count):
		    kind, _, at, _, _, length = struct.unpack_from("<IIQQQQ", data, start + n * size)
		    end = at + length
		    while kind == 4 and at + 12 <= end:
		        name, desc, note = struct.unpack_from("<III", data, at)
		        if data[at + 12:at + 15] == b"Xen" and note == 18:
		            sys.exit(0)
		        at += 12 + (name + 3 & ~3) + (desc + 3 & ~3)
		sys.exit(1)
	PYTHON
}

# copy_modules ROOT OUT MODULE…: the modules of ROOT's only kernel and what they
# need, plain files in OUT, named in the order in which to load them.
copy_modules() {
	local root=$1 out=$2 release file n=0
	shift 2
	release=$(basename "$root"/lib/modules/*)
	mkdir -p "$out"
	[ -e "$root/lib/modules/$release/modules.dep.bin" ] || depmod -b "$root" "$release"
	for file in $(for module in "$@"; do
		modprobe -d "$root" -S "$release" --show-depends "$module" || exit 1
	done | sed -n 's/^insmod //p' | awk '!seen[$1]++ { print $1 }'); do
		n=$((n + 1))
		case $file in
		*.xz) xz -dc "$file" >"$out/$(printf %02d $n)-$(basename "$file" .xz)" ;;
		*.zst) zstd -dcq "$file" >"$out/$(printf %02d $n)-$(basename "$file" .zst)" ;;
		*) cp "$file" "$out/$(printf %02d $n)-$(basename "$file")" ;;
		esac
	done
	[ "$n" -gt 0 ] || fail "no modules of $release were found"
}

# modules_tree ROOT OUT MODULE…: the same for a guest's modprobe, which finds them in OUT as /lib/modules.
modules_tree() {
	local root=$1 out=$2 release file
	release=$(basename "$root"/lib/modules/*)
	copy_modules "$root" "$out/lib/modules/$release" "${@:3}"
	for file in "$out/lib/modules/$release"/*.ko; do mv "$file" "${file%/*}/${file##*/[0-9][0-9]-}"; done
	quietly "depmod of $out" depmod -b "$out" "$release"
}

# virtio_ring comes first: virtio needs it before its dependencies say so.
boot_modules=(virtio_ring virtio virtio_pci virtio_blk crc32c_generic ext4 virtio_console
	virtio-rng pvpanic pvpanic-mmio pvpanic-pci)

# initramfs ROOT OUT: busybox, initramfs-init and the modules to find the disk.
# Not compressed: it is read from memory at once, unpacking it is not.
initramfs() {
	local root=$1 out=$2 tree
	tree=$(mktemp -d "$out.XXXXXX")
	mkdir -p "$tree/bin" "$tree/dev"
	cp /bin/busybox "$tree/bin/busybox"
	install -m 0755 "$recipes/initramfs-init" "$tree/init"
	copy_modules "$root" "$tree/modules" "${boot_modules[@]}"
	mknod -m 0600 "$tree/dev/console" c 5 1
	(cd "$tree" && find . -mindepth 1 | sort | cpio -o -H newc -R 0:0 --quiet) >"$out"
	rm -rf "$tree"
}
