/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Room in the site's folder for what is allocated at once. What filled the
 * folder on the way to failing would stop other jobs' machines, so that each
 * such disk has its room promised before it begins: a line of its record,
 * `room=BYTES PATH`, of which counts what its file has not yet.
 */
#ifndef WNODES_HELPER_DISK_ROOM_H
#define WNODES_HELPER_DISK_ROOM_H

#include <stdint.h>

#include "helper/disk/disk.h"
#include "helper/failure.h"

/**
 * Have so many bytes promised to the request's disk, the file at path, if
 * there are as many that nobody else has been promised. Returns 0, or -EIO with why
 * (EXIT_NODE).
 */
int room_claim(const struct disk_request *request, const char *path, uint64_t bytes, struct failure *why);

/** All of it is allocated. Returns 0, or -EIO with why (EXIT_NODE). */
int room_release(const struct disk_request *request, struct failure *why);

#endif
