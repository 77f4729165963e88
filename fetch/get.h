/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The verb get: an image from the first of its sources that has it. */
#ifndef WNODES_FETCH_GET_H
#define WNODES_FETCH_GET_H

#include <stddef.h>
#include <stdint.h>

#include "fetch/fault.h"
#include "fetch/url.h"

struct get_options {
	int part_fd, notes_fd, sources_fd;
	uint64_t max;         /* bytes of the image, unpacked */
	uint64_t rate;        /* bytes in a second; 0: no limit */
	unsigned int stall;   /* seconds without a byte worth the name */
	unsigned int timeout; /* seconds in all */
	const char *ca_file;  /* NULL: the system's */
	struct url *sources;
	size_t count;
};

/**
 * Fill the part, reporting on standard output. Returns 0 when it is the whole
 * image, else -EIO with fault; what can be continued is then in part and notes.
 */
int get(const struct get_options *options, struct fault *fault);

#endif
