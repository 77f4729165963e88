/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The file of --vm-console. */
#ifndef WNODES_PLUGIN_CONSOLE_H
#define WNODES_PLUGIN_CONSOLE_H

#include <stddef.h>
#include <stdint.h>

/**
 * Write to path[size] the file that pattern means for this job on this node:
 * %j is the job's number, %N the node's name, %% a per cent sign, as in
 * srun's --output; a name that does not begin with '/' is put below folder.
 * Returns 0, -EINVAL (another %, an empty name, or no folder), or
 * -ENAMETOOLONG.
 */
int console_path(const char *pattern, uint32_t job, const char *node, const char *folder, char *path, size_t size);

#endif
