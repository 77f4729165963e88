/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A task's supervisor: a child of the agent, root, below which the task's
 * process (the leader) and all its descendants stay, daemons included
 * (PR_SET_CHILD_SUBREAPER). It lives as long as they do. Kernels before 3.4
 * lack that: there those who leave the leader's session are lost from sight,
 * and die when no task is left at all (machine.c).
 */
#ifndef WNODES_GUEST_SUPERVISOR_H
#define WNODES_GUEST_SUPERVISOR_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "guest/job.h"

/* The agent's ends, all close-on-exec and non-blocking. */
struct supervised {
	pid_t pid;         /* of the supervisor */
	int std[3];        /* to write to the task's standard input; to read its output and errors (-1: among output) */
	uint32_t terminal; /* the bits of the streams that are a terminal's master */
	int command;       /* a byte is a signal's number for the leader; closing it kills all */
	int report;        /* struct report; its end of file is the supervisor's */
};

/** A descriptor of the agent's that supervisors are to close, as the pipes of other tasks. */
void supervisor_forgets(int fd);

/**
 * Start the task whose spec is in spec[size] (from memory_new(), with room
 * for a byte more), with pipes that hold window bytes of its output where the
 * kernel allows it. What goes wrong with the task itself comes as reports.
 * Returns 0 with *supervised, whose descriptors the caller closes, or -errno.
 */
int supervisor_start(const struct job *job, uint8_t *spec, size_t size, uint32_t window, struct supervised *supervised);

/** Raise the limit of open files of the agent itself; tasks get the old one, unless their spec has one. */
void supervisor_take_files(void);

#endif
