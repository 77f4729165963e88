/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The names in the catalogue: what images.d has entries for, whatever is in them. */
#ifndef WNODES_HELPER_IMAGE_NAMES_H
#define WNODES_HELPER_IMAGE_NAMES_H

#include <stddef.h>

/* Zero-initialise; image_names_free() when done. */
struct image_names {
	char **list; /* sorted */
	size_t count;
};

/** Find the files NAME.conf in images.d, which must be trusted. Returns 0 or a negative errno (-EPERM: not trusted). */
int image_names_load(struct image_names *names);

void image_names_free(struct image_names *names);

#endif
