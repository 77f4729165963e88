# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=dash
# Runs as root in a machine of the image tiny-bench, from standard input, behind
# the lines that set what, fs, area, jobs and sql. fio's JSON, or seconds, on
# standard output.
set -e
device=/dev/vda$((area + 1))
scratch=/run/scratch

# The file system is made anew, so that the second run's files lie where the
# first's did; without a discard, which would give back what the disk has got.
mkdir -p $scratch
cat >/run/fresh <<EOF
set -e
! mountpoint -q $scratch || umount $scratch
/usr/bin/mke2fs -q -F -t $fs -E nodiscard,lazy_itable_init=0,lazy_journal_init=1 -J size=8 -N 256 $device
mount -t $fs -o noatime $device $scratch
sync
echo 3 >/proc/sys/vm/drop_caches
EOF
sh /run/fresh
trap 'umount $scratch' EXIT

# in hundredths of a second
uptime() {
	read -r now _ </proc/uptime
	echo "${now%.*}${now#*.}"
}

case $what in
fio)
	cd /run
	printf "%s" "$jobs" >/run/jobs
	LD_PRELOAD=/usr/lib/fio-naps.so fio --output-format=json /run/jobs
	;;
sqlite)
	begin=$(uptime)
	printf "%s" "$sql" | sqlite3 $scratch/db
	end=$(uptime)
	echo "$((end - begin))"
	;;
esac
