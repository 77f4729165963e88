/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The exit codes that every program of wnodes-spank uses; wnodes(1) documents them. */
#ifndef WNODES_COMMON_EXITCODE_H
#define WNODES_COMMON_EXITCODE_H

enum wnodes_exit {
	EXIT_USAGE = 64,   /* the user's: a bad option, an unknown image, a machine larger than the job */
	EXIT_DATA = 65,    /* wnodes-fetch alone: what it got is no image, or not the one that is declared */
	EXIT_MACHINE = 70, /* the machine's: kernel panic, QEMU died, powered off under the job */
	EXIT_NODE = 75,    /* the node's: no disk space, libvirt's failure, boot timeout; may be tried again */
	EXIT_DENIED = 77,  /* the user's: not allowed by the site's policy, or not this user's job */
};

#endif
