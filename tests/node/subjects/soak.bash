# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# make soak-node: 500 kills.
# shellcheck disable=SC2034 # vf-kills.bash reads them
paused=480 booted=20 group=10
. /share/subjects/vf-kills.bash
