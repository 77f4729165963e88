/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The agent under the names of Slurm's commands. */
#ifndef WNODES_GUEST_LINKS_H
#define WNODES_GUEST_LINKS_H

#include <stdbool.h>

/**
 * Make a link to this program for each of the names, separated by commas: in
 * COMMAND_FOLDER, and in /usr/bin where nothing has that name. Links for
 * other names, of a job before, are removed. Failures are logged.
 */
void links_make(const char *names);

/** Whether tasks need COMMAND_FOLDER in their PATH: links in /usr/bin could not be made. */
bool links_need_path(void);

#endif
