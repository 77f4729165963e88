/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A batch script that came with the spec, as a file in the guest. */
#ifndef WNODES_GUEST_SCRIPT_H
#define WNODES_GUEST_SCRIPT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define SCRIPT_PATH_MAX 64

/**
 * Store the script in a folder of its own that only root can change, and
 * that nobody can list; the file is uid's, who may read and execute it.
 * Returns 0 with its path, or -errno. Undo with script_remove().
 */
int script_store(const uint8_t *bytes, size_t length, uid_t uid, gid_t gid, char path[SCRIPT_PATH_MAX]);

/** Remove file and folder. */
void script_remove(const char *path);

#endif
