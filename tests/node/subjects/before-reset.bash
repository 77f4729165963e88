# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# A machine runs when the node loses its power.
. /share/subjects/lib.bash

recorded() {
	find /var/lib/wnodes/jobs -mindepth 2 -type f
	[ -n "$(find /var/lib/wnodes/jobs -mindepth 2 -type f)" ]
	[ -n "$(find /var/lib/wnodes/overlays -type f)" ]
	cp /run/job /root/job
	sync
}

step 200 "a machine runs" hold_machine
step 20 "its record and disk are there" recorded
