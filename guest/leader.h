/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The process that becomes the task. */
#ifndef WNODES_GUEST_LEADER_H
#define WNODES_GUEST_LEADER_H

#include <stdbool.h>
#include <sys/resource.h>

#include "guest/job.h"
#include "guest/spec.h"

struct leader {
	const struct job *job;
	const struct spec *spec;
	const char *script;       /* path of the file to execute instead of argument 0, or NULL */
	int std[3];               /* become descriptors 0, 1, 2 */
	bool in_session;          /* be a group of the caller's session rather than a session */
	int report;               /* pipe to the agent; closed by execve(2) */
	int failed;               /* pipe to the supervisor, likewise: one byte says that the task was not executed */
	rlim_t files, files_hard; /* the limit of open files that the agent itself was given */
};

/** In the child of a fork, still root, all signals blocked: become the task, or say why not and exit with 126 or 127.
 */
_Noreturn void leader_run(const struct leader *leader);

#endif
