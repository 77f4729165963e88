/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A disk that is a file. It lies in a folder that only root enters, and is the
 * job user's: qemu-img, and later QEMU, have no other rights than his. Root
 * opens it only to truncate and unlink it, when it has made it its own.
 */
#ifndef WNODES_HELPER_DISK_FILE_H
#define WNODES_HELPER_DISK_FILE_H

#include <stdint.h>

#include "helper/disk/disk.h"
#include "helper/failure.h"

/**
 * Make the job's file NODE-JOB.RESTART.suffix in the site's folder, journalled
 * first under kind: empty, the user's, 0600. path[PATH_MAX] receives its path.
 * Returns a descriptor, close-on-exec and open to read and write, for the
 * caller to close; or -EIO with why (EXIT_NODE).
 */
int file_create(const struct disk_request *request, const char *kind, const char *suffix, char *path,
                struct failure *why);

/**
 * The disk that could not be made keeps no space until its job's epilog: other
 * machines may stand still for lack of it.
 */
void file_give_up(int fd);

/**
 * Empty and unlink the file: its space comes back at once, even while somebody
 * holds it open. A disk_ops' remove.
 */
int file_remove(const char *path);

#endif
